#!/usr/bin/env python3
"""C18: how long a frame takes, of one program and of another, in turn.

    cargo build --release
    python3 benches/frame.py --before OTHER          # an older `concert`; add --json for one JSON object
    python3 benches/frame.py --policy first_light

Both run the policy on a photograph as fast as they come to it (`demo --image`, 30 Hz
at most), everything computed and nobody listening. Prints medians over the rounds of
the step's p50 and p99 in ms, of each encoder's p50, and the ratio of the medians.
Encoders that run side by side take longer each, and less together; only on cores that
nobody else uses.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

from start import ROOT, free_endpoint


def run(program, policy, frames):
    image = ROOT / "launch/photographs/coffee.jpg"
    command = [program, "demo", "--image", image, "--policy", policy, "--frames", str(frames)]
    where = ["--listen", free_endpoint(), "--prefix", f"bench/frame{os.getpid()}"]
    ended = subprocess.run([*command, *where, "--json", "-q"], capture_output=True, text=True)
    if ended.returncode != 0:
        sys.exit(f"{program} ended with {ended.returncode}: {ended.stderr}")
    figures = json.loads(ended.stdout)["figures"]
    step = figures["cameras"][0]["step"]
    encoders = {each["source"]: each["run"]["p50_millis"] for each in figures["encoders"]}
    return {"p50": step["p50_millis"], "p99": step["p99_millis"], **encoders}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--concert", type=Path, default=ROOT / "target/release/concert")
    parser.add_argument("--before", help="an older program, to compare with")
    parser.add_argument("--policy", default="home")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    programs = {"concert": arguments.concert}
    if arguments.before:
        programs["before"] = arguments.before
    runs = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, program in programs.items():
            runs[name].append(run(program, arguments.policy, arguments.frames))
    figures = {
        name: {key: statistics.median(each[key] for each in rounds) for key in rounds[0]}
        for name, rounds in runs.items()
    }
    if arguments.before:
        figures["concert_over_before_p50"] = figures["concert"]["p50"] / figures["before"]["p50"]
        figures["concert_over_before_p99"] = figures["concert"]["p99"] / figures["before"]["p99"]
    print(json.dumps(figures) if arguments.json else json.dumps(figures, indent=1))


if __name__ == "__main__":
    main()
