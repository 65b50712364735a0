#!/usr/bin/env python3
"""C12: from exec to exit with one result, `concert demo` against a Python loop of
the same networks, in turn.

    cargo build --release
    python3 benches/start.py                     # add --json for one JSON object
    python3 benches/start.py --before OTHER      # an older `concert`, in the same turns

Needs `onnxruntime` and `numpy` for the rival, which imports both, loads the
networks of `first_light` and runs each once on inputs that are ready: it decodes
no picture, prepares none, publishes nothing, and ends. Prints medians in ms and
their ratios. One start of each goes before, so that what can be kept is kept.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NETWORKS = [
    "encoders/xfeat",
    "encoders/efficientnet_lite0",
    "readouts/keypoints2d_from_xfeat",
    "readouts/point_matching_from_xfeat",
    "readouts/class_object_from_efficientnet_lite0",
]
RIVAL = """
import sys
import numpy
import onnxruntime
for path in sys.argv[1:]:
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = {i.name: numpy.zeros(i.shape, numpy.float32) for i in session.get_inputs()}
    session.run(None, inputs)
"""


def free_endpoint():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"tcp/127.0.0.1:{probe.getsockname()[1]}"


def millis(command, **variables):
    environment = {**os.environ, "ORT_DISABLE_TELEMETRY": "1", **variables}
    begin = time.perf_counter()
    ended = subprocess.run(command, env=environment, capture_output=True, text=True)
    took = (time.perf_counter() - begin) * 1e3
    if ended.returncode != 0:
        sys.exit(f"{command[0]} ended with {ended.returncode}: {ended.stderr}")
    return took


def demo(program, **variables):
    image = ROOT / "launch/photographs/coffee.jpg"
    command = [program, "demo", "--image", image, "--policy", "first_light", "--frames", "1"]
    where = ["--listen", free_endpoint(), "--prefix", f"bench/start{os.getpid()}"]
    return millis([*command, *where, "--json", "-q"], **variables)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--concert", default=ROOT / "target/release/concert")
    parser.add_argument("--before", help="an older program, to compare with")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    networks = [str(ROOT / "models" / f"{name}.onnx") for name in NETWORKS]
    programs = {
        "concert": lambda: demo(arguments.concert),
        "python": lambda: millis([sys.executable, "-c", RIVAL, *networks]),
    }
    if arguments.before:
        programs["before"] = lambda: demo(arguments.before)
    for program in programs.values():
        program()
    times = {name: [] for name in programs}
    for _ in range(arguments.rounds):
        for name, program in programs.items():
            times[name].append(program())
    medians = {name: statistics.median(each) for name, each in times.items()}
    figures = {
        "medians_millis": medians,
        "quartiles_millis": {n: statistics.quantiles(t, n=4) for n, t in times.items()},
        "concert_over": {n: medians["concert"] / m for n, m in medians.items() if n != "concert"},
        "rounds": arguments.rounds,
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, median in medians.items():
        low, _, high = figures["quartiles_millis"][name]
        print(f"{name:<10}{median:8.0f} ms  [{low:.0f}..{high:.0f}]")
    for name, ratio in figures["concert_over"].items():
        print(f"concert / {name}: {ratio:.2f}")


if __name__ == "__main__":
    main()
