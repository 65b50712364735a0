#!/usr/bin/env python3
"""Listens to a running Concert with software that is not ours.

Connects with `eclipse-zenoh`, reads every message below a prefix with `rosbags`
(a CDR reader of its own), checks each against its attachment, and prints one
JSON object. Needs eclipse-zenoh, rosbags and numpy; no ROS installation.

    outside_client.py tcp/127.0.0.1:7448 robot/perception depth_zbuffer normal -n 5 -t 20

Exit status: 0 when N sound messages of every key came before the deadline, 1
when not, 2 when a message is not what it says.
"""

import argparse
import json
import sys
import threading
import time

import zenoh
from rosbags.typesys import Stores, get_types_from_msg, get_typestore

VISION_MSGS = {
    "vision_msgs/msg/ObjectHypothesis": "string class_id\nfloat64 score\n",
    "vision_msgs/msg/ObjectHypothesisWithPose": (
        "vision_msgs/ObjectHypothesis hypothesis\ngeometry_msgs/PoseWithCovariance pose\n"
    ),
    "vision_msgs/msg/Classification": (
        "std_msgs/Header header\nvision_msgs/ObjectHypothesis[] results\n"
    ),
    "vision_msgs/msg/Point2D": "float64 x\nfloat64 y\n",
    "vision_msgs/msg/Pose2D": "vision_msgs/Point2D position\nfloat64 theta\n",
    "vision_msgs/msg/BoundingBox2D": (
        "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y\n"
    ),
    "vision_msgs/msg/BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size\n",
    "vision_msgs/msg/BoundingBox3DArray": (
        "std_msgs/Header header\nvision_msgs/BoundingBox3D[] boxes\n"
    ),
    "vision_msgs/msg/Detection2D": (
        "std_msgs/Header header\nvision_msgs/ObjectHypothesisWithPose[] results\n"
        "vision_msgs/BoundingBox2D bbox\nstring id\n"
    ),
    "vision_msgs/msg/Detection2DArray": (
        "std_msgs/Header header\nvision_msgs/Detection2D[] detections\n"
    ),
}

# Bytes of one pixel, by encoding.
PIXEL_BYTES = {"mono8": 1, "rgb8": 3} | {f"32FC{n}": 4 * n for n in range(1, 65)}


def typestore():
    store = get_typestore(Stores.ROS2_HUMBLE)
    types = {}
    for name, text in VISION_MSGS.items():
        types.update(get_types_from_msg(text, name))
    store.register(types)
    return store


def stamp_ns(message):
    header = getattr(message, "header", None)
    return None if header is None else header.stamp.sec * 10**9 + header.stamp.nanosec


def describe(kind, message):
    """What a message holds, checked against itself."""
    name = kind.rsplit("/", 1)[-1]
    if name == "Image":
        step = message.width * PIXEL_BYTES[message.encoding]
        assert message.step == step, f"step {message.step}, but a row has {step} bytes"
        size = message.step * message.height
        assert len(message.data) == size, f"{len(message.data)} bytes, but rows make {size}"
        found = {
            "height": message.height,
            "width": message.width,
            "encoding": message.encoding,
        }
        if message.encoding.startswith("32FC"):
            numbers = message.data.view("<f4")
            finite = numbers[numbers == numbers]
            if len(finite):
                found |= {"min": float(finite.min()), "max": float(finite.max())}
        return found
    if name == "CameraInfo":
        k = [float(x) for x in message.k]
        assert k[0] > 0 and k[4] > 0 and k[8] == 1, f"no camera matrix: {k}"
        return {"height": message.height, "width": message.width, "k": k}
    if name == "PointCloud2":
        fields = [field.name for field in message.fields]
        assert message.point_step == 4 * len(fields), "fields are not float32 side by side"
        assert len(message.data) == message.row_step * message.height
        return {"points": message.width, "fields": fields}
    if name == "Classification":
        scores = [result.score for result in message.results]
        assert scores == sorted(scores, reverse=True), f"not best first: {scores}"
        return {"classes": [[r.class_id, r.score] for r in message.results]}
    if name == "Detection2DArray":
        return {"boxes": len(message.detections)}
    if name == "BoundingBox3DArray":
        return {"boxes": len(message.boxes)}
    if name == "Float32MultiArray":
        assert len(message.data) == message.layout.dim[0].size
        return {"numbers": len(message.data), "names": message.layout.dim[0].label}
    if name == "Odometry":
        return {"frame": message.header.frame_id, "child": message.child_frame_id}
    if name == "DiagnosticArray":
        return {"entries": [[s.name, int(s.level), s.message] for s in message.status]}
    return {}


class Listener:
    """Counts and checks what arrives; zenoh's thread calls `heard`."""

    def __init__(self, prefix, wanted, count):
        self.prefix = prefix
        self.wanted = wanted
        self.count = count
        self.store = typestore()
        self.keys = {}
        self.faults = []
        self.done = threading.Event()
        self.lock = threading.Lock()

    def heard(self, sample):
        key = str(sample.key_expr)[len(self.prefix) + 1 :]
        try:
            entry = self.check(sample)
        except Exception as fault:  # whatever it is, it is a finding
            with self.lock:
                self.faults.append(f"{key}: {type(fault).__name__}: {fault}")
            return
        with self.lock:
            state = self.keys.setdefault(key, {"count": 0, "sequences": []})
            state["count"] += 1
            sequence = entry.pop("sequence", None)
            if sequence is not None:
                if state["sequences"] and sequence <= state["sequences"][-1]:
                    self.faults.append(f"{key}: {sequence} after {state['sequences'][-1]}")
                state["sequences"].append(sequence)
            state.update(entry)
            have = [self.keys.get(key, {"count": 0})["count"] for key in self.wanted]
            if all(number >= self.count for number in have):
                self.done.set()

    def check(self, sample):
        media, _, kind = str(sample.encoding).partition(";")
        assert media == "application/cdr", f"encoding is {sample.encoding}"
        message = self.store.deserialize_cdr(sample.payload.to_bytes(), kind)
        entry = {"type": kind, "last": describe(kind, message)}
        stamp = stamp_ns(message)
        if stamp is not None:
            entry["stamp_ns"] = stamp
        if sample.attachment is not None:
            raw = sample.attachment.to_bytes()
            assert len(raw) <= 2048, f"attachment is {len(raw)} bytes"
            attachment = json.loads(raw)
            assert attachment["v"] == 1, f"attachment has version {attachment['v']}"
            said = attachment["stamp_ns"]
            assert stamp is None or stamp == said, f"stamp {stamp}, attachment says {said}"
            entry["sequence"] = attachment["sequence"]
            entry["attachment"] = attachment
        return entry


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("endpoint")
    parser.add_argument("prefix")
    parser.add_argument("keys", nargs="+", help="keys below the prefix that must come")
    parser.add_argument("-n", "--count", type=int, default=3)
    parser.add_argument("-t", "--seconds", type=float, default=20.0)
    parser.add_argument("--mode", choices=["client", "peer"], default="client")
    arguments = parser.parse_args()

    config = zenoh.Config()
    config.insert_json5("mode", json.dumps(arguments.mode))
    config.insert_json5("connect/endpoints", json.dumps([arguments.endpoint]))
    config.insert_json5("listen/endpoints", "[]")
    config.insert_json5("scouting/multicast/enabled", "false")
    listener = Listener(arguments.prefix, arguments.keys, arguments.count)
    policy = None
    deadline = time.monotonic() + arguments.seconds
    with zenoh.open(config) as session:
        subscriber = session.declare_subscriber(arguments.prefix + "/**", listener.heard)
        complete = listener.done.wait(max(0.0, deadline - time.monotonic()))
        for reply in session.get(arguments.prefix + "/policy", timeout=2.0):
            if reply.ok is not None:
                policy = json.loads(reply.ok.payload.to_bytes())
        subscriber.undeclare()
    with listener.lock:
        found = {
            "complete": complete,
            "faults": listener.faults,
            "keys": listener.keys,
            "policy": policy,
        }
    print(json.dumps(found))
    sys.exit(2 if found["faults"] else 0 if complete else 1)


if __name__ == "__main__":
    main()
