#!/usr/bin/env python3
"""The outputs of a policy as plain Python makes them: a rival for `concert bench`.

    concert bench first_light --compare-program "python3 benches/rivals/python_loop.py --pool quiet"

Takes the newest image of one camera, resizes it with Pillow, runs every encoder
and readout with onnxruntime, and puts each output as soon as there is one. Needs
eclipse-zenoh, onnxruntime, numpy and pillow. Readouts that are geometry are left
out.

    --pool default    one pool of threads for each session, which spins (onnxruntime's own)
    --pool quiet      the same, without spinning
    --separate        an encoder for each output: networks that share nothing
    --processes       a process for each encoder and readout, joined by zenoh (a router of
                      this program stands between), the levels of an encoder as messages
"""

import argparse
import json
import os
import signal
import struct
import subprocess
import sys
import threading
import time
import tomllib

import numpy as np
import onnxruntime
import zenoh
from PIL import Image

LAYOUT_VERSION = 1


class Newest:
    """Holds the newest of what came, and no more."""

    def __init__(self):
        self.condition = threading.Condition()
        self.value = None

    def put(self, value):
        with self.condition:
            self.value = value
            self.condition.notify()

    def take(self):
        with self.condition:
            while self.value is None:
                self.condition.wait()
            value, self.value = self.value, None
            return value


def read_image(payload):
    """Stamp (ns) and pixels of a sensor_msgs/Image in little-endian CDR."""
    data = memoryview(payload)[4:]
    seconds, nanos, length = struct.unpack_from("<iII", data, 0)
    at = 12 + length
    at += -at % 4
    height, width, length = struct.unpack_from("<III", data, at)
    at += 12
    encoding = bytes(data[at : at + length - 1]).decode()
    if encoding != "rgb8":
        sys.exit(f"images are {encoding}, but rgb8 is read here")
    at += length + 1  # is_bigendian
    at += -at % 4
    step, length = struct.unpack_from("<II", data, at)
    pixels = np.frombuffer(data, np.uint8, length, at + 8).reshape(height, step)
    return seconds * 10**9 + nanos, pixels[:, : width * 3].reshape(height, width, 3)


class Networks:
    """Cards and sessions."""

    def __init__(self, folders, spins):
        self.folders = folders
        self.options = onnxruntime.SessionOptions()
        if not spins:
            self.options.add_session_config_entry("session.intra_op.allow_spinning", "0")

    def find(self, kind, name):
        for folder in self.folders:
            path = os.path.join(folder, kind, name)
            if os.path.exists(path + ".toml"):
                with open(path + ".toml", "rb") as file:
                    return tomllib.load(file), path + ".onnx"
        sys.exit(f"no {name} in {self.folders}")

    def session(self, path):
        providers = ["CPUExecutionProvider"]
        return onnxruntime.InferenceSession(path, self.options, providers=providers)


class Encoder:
    def __init__(self, networks, source):
        self.source = source
        self.card, path = networks.find("encoders", source)
        self.session = networks.session(path)
        contract = self.card["input"]
        self.mean = np.array(contract["mean"], np.float32)
        self.std = np.array(contract["std"], np.float32)
        self.tensors = [level["tensor"] for level in self.card["level"]]
        self.names = [level["name"] for level in self.card["level"]]
        self.key = json.dumps(contract, sort_keys=True)
        self.previous = None

    def prepare(self, pixels):
        contract = self.card["input"]
        size = (contract["width"], contract["height"])
        resized = Image.fromarray(pixels).resize(size, Image.Resampling.BILINEAR)
        values = (np.asarray(resized, np.float32) - self.mean) / self.std
        if contract["channels"] == "bgr":
            values = values[:, :, ::-1]
        if contract["channels"] == "grey":
            values = values.mean(axis=2, keepdims=True)
        if contract["layout"] == "nchw":
            values = values.transpose(2, 0, 1)
        return np.ascontiguousarray(values[None])

    def run(self, prepared):
        levels = self.session.run(self.tensors, {self.card["input"]["tensor"]: prepared})
        return dict(zip(self.names, levels))


class Readout:
    """One output; `None` where it is geometry."""

    @staticmethod
    def of(networks, transfer):
        target, sources = transfer["target"], sorted(transfer.get("sources", []))
        if transfer.get("inputs") or not sources:
            return None
        name = f"{target}_from_{'+'.join(sources)}"
        if transfer.get("readout"):
            name += "@" + transfer["readout"]
        card, path = networks.find("readouts", name)
        return Readout(networks, transfer, card, path) if os.path.exists(path) else None

    def __init__(self, networks, transfer, card, path):
        self.target, self.sources = transfer["target"], sorted(transfer["sources"])
        self.period = 1 / transfer["rate_hz"] if transfer.get("rate_hz") else 0
        self.card = card
        self.session = networks.session(path)
        self.due = 0
        self.sequence = 0

    def is_due(self, stamp):
        if self.period and stamp / 1e9 < self.due - 1e-3:
            return False
        self.due = stamp / 1e9 + self.period
        return True

    def run(self, levels, previous):
        feeds = {}
        for read in self.card["read"]:
            if "level" not in read:
                feeds[read["tensor"]] = np.full((1, 1), 500, np.float32)
                continue
            of = previous if read["frames_back"] else levels
            if of.get(read["source"]) is None:
                return None
            feeds[read["tensor"]] = of[read["source"]][read["level"]]
        return self.session.run([self.card["output"]["tensor"]], feeds)[0]

    def attachment(self, stamp):
        self.sequence += 1
        return json.dumps({
            "v": LAYOUT_VERSION, "sequence": self.sequence - 1, "frame_sequence": 0,
            "stamp_ns": stamp, "camera": "front", "frame_id": "front_optical",
            "task": self.target, "policy": "", "encoders": [], "readout": ["", ""],
            "times_us": {"wait": 0, "preprocess": 0, "encode": 0, "read": 0},
            "image_from_output": [[1, 0, 0], [0, 1, 0]], "image_size": [0, 0],
        })


def open_session(mode, listen=(), connect=()):
    config = zenoh.Config()
    for key, value in {
        "mode": mode, "listen/endpoints": list(listen), "connect/endpoints": list(connect),
        "scouting/multicast/enabled": False, "scouting/gossip/enabled": False,
        "transport/shared_memory/enabled": True,
    }.items():
        config.insert_json5(key, json.dumps(value))
    return zenoh.open(config)


def subscribe_newest(session, key):
    newest = Newest()
    subscriber = session.declare_subscriber(key, lambda sample: newest.put(sample))
    return newest, subscriber


def in_one_process(about, networks, separate):
    """Every encoder and readout by turns: a loop as anyone would write it."""
    transfers = tomllib.loads(about["policy"])["transfer"]
    readouts = [r for t in transfers if (r := Readout.of(networks, t))]
    if separate:
        encoders = {(r.target, s): Encoder(networks, s) for r in readouts for s in r.sources}
    else:
        encoders = {("", s): Encoder(networks, s) for r in readouts for s in r.sources}
    session = open_session("peer", listen=[about["listen"]])
    out = {r.target: session.declare_publisher(f"{about['prefix']}/{r.target}") for r in readouts}
    newest, _subscriber = subscribe_newest(session, about["images"][0])
    while True:
        stamp, pixels = read_image(newest.take().payload.to_bytes())
        due = [r for r in readouts if r.is_due(stamp)]
        prepared, levels = {}, {}
        for readout in due:
            own = readout.target if separate else ""
            for source in readout.sources:
                encoder = encoders[own, source]
                if (own, source) in levels:
                    continue
                if encoder.key not in prepared:
                    prepared[encoder.key] = encoder.prepare(pixels)
                levels[own, source] = encoder.run(prepared[encoder.key])
            now = {s: levels[own, s] for s in readout.sources}
            before = {s: encoders[own, s].previous for s in readout.sources}
            value = readout.run(now, before)
            if value is not None:
                out[readout.target].put(value.tobytes(), attachment=readout.attachment(stamp))
        for place, made in levels.items():
            encoders[place].previous = made


def be_encoder(about, networks, source):
    encoder = Encoder(networks, source)
    session = open_session("client", connect=[about["listen"]])
    out = session.declare_publisher(f"bench/levels/{source}")
    newest, _subscriber = subscribe_newest(session, about["images"][0])
    while True:
        stamp, pixels = read_image(newest.take().payload.to_bytes())
        levels = encoder.run(encoder.prepare(pixels))
        out.put(b"".join(levels[name].tobytes() for name in encoder.names), attachment=str(stamp))


def be_readout(about, networks, target):
    transfers = tomllib.loads(about["policy"])["transfer"]
    transfer = next(t for t in transfers if t["target"] == target)
    readout = Readout.of(networks, transfer)
    [source] = readout.sources
    card, _ = networks.find("encoders", source)
    session = open_session("client", connect=[about["listen"]])
    out = session.declare_publisher(f"{about['prefix']}/{target}")
    newest, _subscriber = subscribe_newest(session, f"bench/levels/{source}")
    previous = None
    while True:
        sample = newest.take()
        stamp, data, levels, at = int(sample.attachment.to_string()), sample.payload.to_bytes(), {}, 0
        for level in card["level"]:
            count = int(np.prod(level["shape"]))
            values = np.frombuffer(data, np.float32, count, at).reshape(level["shape"])
            levels[level["name"]] = values
            at += 4 * count
        if readout.is_due(stamp):
            value = readout.run({source: levels}, {source: previous})
            if value is not None:
                out.put(value.tobytes(), attachment=readout.attachment(stamp))
        previous = levels


def in_processes(about, networks, arguments):
    transfers = tomllib.loads(about["policy"])["transfer"]
    readouts = [r for t in transfers if (r := Readout.of(networks, t))]
    stages = {f"encoder:{source}" for r in readouts for source in r.sources}
    stages |= {f"readout:{r.target}" for r in readouts}
    _router = open_session("router", listen=[about["listen"]])
    line = [sys.executable, *sys.argv, "--stage"]
    children = [subprocess.Popen([*line, stage]) for stage in sorted(stages)]

    def end(*_):
        for child in children:
            child.terminate()
        sys.exit(0)

    signal.signal(signal.SIGTERM, end)
    while all(child.poll() is None for child in children):
        time.sleep(0.2)
    end()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pool", choices=["default", "quiet"], default="default")
    parser.add_argument("--separate", action="store_true")
    parser.add_argument("--processes", action="store_true")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    about = json.loads(os.environ["CONCERT_BENCH"])
    networks = Networks(about["models"], spins=arguments.pool == "default")
    if arguments.stage:
        kind, name = arguments.stage.split(":", 1)
        {"encoder": be_encoder, "readout": be_readout}[kind](about, networks, name)
    elif arguments.processes:
        in_processes(about, networks, arguments)
    else:
        in_one_process(about, networks, arguments.separate)


if __name__ == "__main__":
    main()
