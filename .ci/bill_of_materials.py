#!/usr/bin/env python3
"""Writes what Concert is made of as a CycloneDX bill of materials (JSON, version 1.5).

    bill_of_materials.py OUT.json

Every crate that the program is built of on Linux, with its licence, where it comes from and
its hash, and every network that ships, as its card says. The same sources give the same file.
"""

import json
import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PLATFORM = "x86_64-unknown-linux-gnu"


def metadata():
    """What cargo knows of the workspace."""
    command = ["cargo", "metadata", "--locked", "--format-version", "1", "--all-features"]
    done = subprocess.run(
        [*command, "--filter-platform", PLATFORM], cwd=ROOT, check=True, capture_output=True
    )
    return json.loads(done.stdout)


def built_of(graph, root):
    """Ids of the packages that a package is built of, itself included; not those of tests."""
    nodes = {node["id"]: node for node in graph["nodes"]}
    found, waiting = set(), [root]
    while waiting:
        package = waiting.pop()
        if package not in found:
            found.add(package)
            waiting += dependencies(nodes[package])
    return {package: nodes[package] for package in found}


def dependencies(node):
    """Ids of what a package needs to be built and to run."""
    needed = (d for d in node["deps"] if any(kind["kind"] != "dev" for kind in d["dep_kinds"]))
    return sorted({d["pkg"] for d in needed})


def purl(package):
    """A package's name in the language of package URLs."""
    return f"pkg:cargo/{package['name']}@{package['version']}"


def crate(package, hashes):
    """A crate as a component."""
    component = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "purl": purl(package),
        # An old spelling of OR.
        "licenses": [{"expression": package["license"].replace("/", " OR ")}],
    }
    digest = hashes.get((package["name"], package["version"]))
    if digest:
        component["hashes"] = [{"alg": "SHA-256", "content": digest}]
    return component


def network(path):
    """A network that ships as a component, as its card says; None for one that is none."""
    card = tomllib.loads(path.read_text("utf-8"))
    if "sha256" not in card:
        # Geometry, without a network.
        return None
    name = f"{path.parent.name}/{path.stem}"
    return {
        "type": "machine-learning-model",
        "bom-ref": name,
        "name": name,
        "licenses": [{"license": {"name": card["provenance"]["licence"]}}],
        "hashes": [{"alg": "SHA-256", "content": card["sha256"]}],
    }


def main():
    graph = metadata()
    packages = {package["id"]: package for package in graph["packages"]}
    root = next(p for p in packages.values() if p["name"] == "concert" and p["source"] is None)
    built = built_of(graph["resolve"], root["id"])
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text("utf-8"))
    hashes = {(p["name"], p["version"]): p.get("checksum") for p in lock["package"]}
    crates = [crate(packages[id], hashes) for id in built if id != root["id"]]
    cards = [*ROOT.glob("models/encoders/*.toml"), *ROOT.glob("models/readouts/*.toml")]
    networks = [one for one in map(network, cards) if one]
    components = crates + networks
    needs = [
        {"ref": purl(packages[id]), "dependsOn": [purl(packages[d]) for d in dependencies(node)]}
        for id, node in built.items()
    ]
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": crate(root, hashes) | {"type": "application"}},
        "components": sorted(components, key=lambda one: one["bom-ref"]),
        "dependencies": sorted(needs, key=lambda one: one["ref"]),
    }
    out = Path(sys.argv[1])
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(json.dumps(bill, indent=1) + "\n", "utf-8")
    print(f"{out}: {len(crates)} crates, {len(networks)} networks")


if __name__ == "__main__":
    main()
