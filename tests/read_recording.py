#!/usr/bin/env python3
"""Reads a recording of Concert with software that is not ours.

Every message of every topic is decoded twice: with `mcap` and `mcap-ros2-support`,
and with `rosbags`; both make their readers from the definitions in the file. Prints
one JSON object: type and number of the messages of each topic as each of them has
them, and what both say of the last depth image. Needs no ROS installation.

    read_recording.py FILE.mcap
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from rosbags.highlevel import AnyReader

DEPTH = "/depth_zbuffer"


def values(image):
    """Hash, range and number of the metres of a depth image."""
    assert image.encoding == "32FC1" and not image.is_bigendian
    metres = numpy.frombuffer(bytes(image.data), "<f4")
    assert len(metres) == image.width * image.height
    digest = hashlib.sha256(metres.tobytes()).hexdigest()
    stamp = image.header.stamp
    return [stamp.sec, stamp.nanosec, digest, float(numpy.nanmin(metres)), float(numpy.nanmax(metres))]


def note(counts, topic, kind):
    counts.setdefault(topic, [kind, 0])[1] += 1


def with_mcap(path):
    counts, depth, policy = {}, None, None
    with open(path, "rb") as file:
        reader = make_reader(file, decoder_factories=[DecoderFactory()])
        for schema, channel, message, decoded in reader.iter_decoded_messages():
            assert message.log_time > 0 and message.publish_time > 0
            note(counts, channel.topic, schema.name)
            if channel.topic.endswith(DEPTH) and "/provenance/" not in channel.topic:
                depth = decoded
            if channel.topic.endswith("/provenance" + DEPTH):
                policy = json.loads(decoded.data)["policy"]
        names = {metadata.name for metadata in reader.iter_metadata()}
    assert names == {"concert", "concert.policy"}, names
    return counts, depth, policy


def with_rosbags(path):
    counts, depth = {}, None
    with AnyReader([Path(path)]) as reader:
        for connection, _, raw in reader.messages():
            decoded = reader.deserialize(raw, connection.msgtype)
            note(counts, connection.topic, connection.msgtype)
            if connection.topic.endswith(DEPTH) and "/provenance/" not in connection.topic:
                depth = decoded
    return counts, depth


def main():
    path = sys.argv[1]
    by_mcap, depth, policy = with_mcap(path)
    by_rosbags, other = with_rosbags(path)
    print(
        json.dumps(
            {
                "mcap_ros2": by_mcap,
                "rosbags": by_rosbags,
                "depth": {
                    "mcap_ros2": values(depth),
                    "rosbags": values(other),
                    "pixels": depth.width * depth.height,
                    "policy": policy,
                },
            }
        )
    )


if __name__ == "__main__":
    main()
