#!/usr/bin/env python3
"""Tries `concert_client` on a running server whose camera is of kind zenoh.

    read_with_the_client.py ENDPOINT PREFIX POLICY.toml FOLDER

Gives the server frames, reads every kind of output, runs the examples that look at a server,
swaps a policy in, and prints what was found as one JSON object. Any fault is an exception.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from concert_client import Client, Intrinsics, NoAnswer, Refused

EXAMPLES = Path(__file__).parent.parent / "launch/python/examples"
sys.path.insert(0, str(EXAMPLES))
from own_frames import CAMERA, corridor  # noqa: E402

POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")
# Kind of array of each output: dimensions, type, columns.
KINDS = {
    "depth_zbuffer": (2, "float32", ()),
    "normal": (3, "float32", ()),
    "segment_semantic": (2, "uint8", ()),
    "keypoints2d": (2, "float32", ("u", "v", "score")),
    "class_scene": (1, "float64", ()),
    "object_detection": (2, "float64", ("x", "y", "width", "height", "score")),
    "room_layout": (2, "float64", (*POSE, "size_x", "size_y", "size_z")),
    "odometry": (1, "float64", POSE),
}


class Camera(threading.Thread):
    """Publishes the corridor until it is stopped."""

    def __init__(self, robot):
        super().__init__(daemon=True)
        self.robot = robot
        self.frames = {}
        self.over = threading.Event()

    def run(self):
        number = 0
        while not self.over.wait(0.1):
            # There and back, a little each time.
            ahead = 0.02 * abs(number % 100 - 50)
            frame, metres = corridor(ahead)
            stamp = time.time_ns()
            self.frames[stamp] = frame
            self.robot.publish_frame(frame, stamp, CAMERA, depth=metres)
            number += 1


def check(output, camera):
    """An output is what its kind says, and of a frame that was published."""
    dimensions, dtype, columns = KINDS[output.key]
    assert output.array.ndim == dimensions, (output.key, output.array.shape)
    assert output.array.dtype == dtype, (output.key, output.array.dtype)
    assert output.columns == columns, (output.key, output.columns)
    assert output.stamp_ns in camera.frames, f"{output.key}: no frame has this stamp"
    made_by = output.provenance
    assert made_by.stamp_ns == output.stamp_ns and made_by.task == output.key
    assert made_by.policy_name == "home" and len(made_by.policy) == 64
    assert made_by.image_size == (320, 240)
    if output.array.ndim in (2, 3) and not columns:
        height, width = output.array.shape[:2]
        assert (output.intrinsics.width, output.intrinsics.height) == (width, height)
        # Half the pixels see the same angle with half the focal length.
        assert abs(output.intrinsics.fx / CAMERA.fx - width / CAMERA.width) < 1e-3
    return {"shape": output.array.shape, "readout": made_by.readout[0]}


def until(subscription, is_good):
    """The first output that is as wanted."""
    for output in subscription:
        if is_good(output):
            return output
    raise AssertionError("it never came")


def example(name, folder, endpoint, prefix):
    """Runs an example; its words."""
    out = str(folder / f"{name}.png")
    command = [sys.executable, EXAMPLES / f"{name}.py", "--connect", endpoint, "--prefix", prefix]
    done = subprocess.run([*command, "--out", out], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def main():
    endpoint, prefix, policy, folder = sys.argv[1:]
    found = {"outputs": {}, "words": []}
    try:
        Client(prefix, "tcp/127.0.0.1:1", timeout=0.5)
        raise AssertionError("somebody answers at port 1")
    except NoAnswer as fault:
        found["no_answer"] = str(fault)
    with Client(prefix, endpoint, timeout=60) as robot:
        camera = Camera(robot)
        camera.start()
        with robot.subscribe("image") as images:
            image = images.get(60)
            assert np.array_equal(image.array, camera.frames[image.stamp_ns]), "other pixels came"
            assert image.intrinsics == CAMERA, image.intrinsics
        for key in KINDS:
            with robot.subscribe(key) as outputs:
                found["outputs"][key] = check(outputs.get(120), camera)
                is_newer = outputs.get(60).provenance.sequence
                assert is_newer >= 1, f"{key}: the second is number {is_newer}"
        for name in ("depth_picture", "keypoints_on_image"):
            found["words"].append(example(name, Path(folder), endpoint, prefix))
        status = robot.status()
        assert int(status["camera/front"].values["processed"]) > 0, status
        found["status"] = [entry.name for entry in status.entries]
        assert 'name = "home"' in robot.policy()["policy"], robot.policy()
        try:
            robot.solve({"targets": ["normal"]})
            raise AssertionError("a server without a table solves")
        except Refused as fault:
            found["refused"] = str(fault)
        try:
            robot.swap("name = 7")
            raise AssertionError("a policy that is none was taken")
        except Refused:
            pass
        found["swap"] = robot.swap(Path(policy))
        with robot.subscribe("point_matching") as matches:
            match = until(matches, lambda output: len(output.array) > 0)
            assert match.provenance.policy_name == "first_light"
            found["columns"] = match.columns
        camera.over.set()
        camera.join()
    bad = Intrinsics(1, 1, 0, 0, 4, 3).rays()
    assert bad.shape == (3, 4, 3) and tuple(bad[2, 3]) == (3, 2, 1)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
