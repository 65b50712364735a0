#!/usr/bin/env python3
"""A node of ROS 2 over rmw_zenoh's formats, with software that is not ours.

`zenoh-ros2-sdk` makes keys, hashes, tokens and attachments, and `rosbags` has the
definitions and reads the CDR; no ROS installation. It publishes a camera's images, hears
an output, reads the graph, and sets parameters; then it prints one JSON object.

    ros2_node.py ROUTER_PORT DOMAIN /robot/perception TARGET -t 60

Exit status: 0 when everything came before the deadline, 1 when not.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import numpy
from rosbags.typesys import Stores, get_typestore
from zenoh_ros2_sdk.message_registry import get_registry

MESSAGES = [
    "builtin_interfaces/msg/Time",
    "std_msgs/msg/Header",
    "sensor_msgs/msg/Image",
    "rcl_interfaces/msg/ParameterValue",
    "rcl_interfaces/msg/Parameter",
    "rcl_interfaces/msg/SetParametersResult",
]
SET_PARAMETERS = (
    "rcl_interfaces/Parameter[] parameters",
    "rcl_interfaces/SetParametersResult[] results",
)
GET_PARAMETERS = ("string[] names", "rcl_interfaces/ParameterValue[] values")


def hand_over_definitions(folder):
    """By itself the library clones definitions from a repository."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name in MESSAGES:
        package, _, kind = name.split("/")
        text = store.generate_msgdef(name, ros_version=2)[0].split("=" * 80)[0]
        path = folder / package / "msg" / f"{kind}.msg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return get_registry(str(folder))


def image(sdk_types, sequence, width, height):
    stamp = time.time_ns()
    header = sdk_types["std_msgs/msg/Header"](
        stamp=sdk_types["builtin_interfaces/msg/Time"](
            sec=stamp // 10**9, nanosec=stamp % 10**9
        ),
        frame_id="camera_optical",
    )
    rows, columns = numpy.mgrid[0:height, 0:width]
    pixels = numpy.stack([rows, columns, rows + columns + 8 * sequence], axis=-1) % 256
    return {
        "header": header,
        "height": height,
        "width": width,
        "encoding": "rgb8",
        "is_bigendian": 0,
        "step": 3 * width,
        "data": pixels.astype(numpy.uint8).ravel(),
    }


def value(types, kind, **fields):
    """A ParameterValue with one field set."""
    empty = {
        "bool_value": False,
        "integer_value": 0,
        "double_value": 0.0,
        "string_value": "",
        "byte_array_value": numpy.zeros(0, dtype=numpy.uint8),
        "bool_array_value": numpy.zeros(0, dtype=bool),
        "integer_array_value": numpy.zeros(0, dtype=numpy.int64),
        "double_array_value": numpy.zeros(0),
        "string_array_value": [],
    }
    return types["rcl_interfaces/msg/ParameterValue"](type=kind, **(empty | fields))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("domain", type=int)
    parser.add_argument("prefix")
    parser.add_argument("target")
    parser.add_argument("-t", "--seconds", type=float, default=60)
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    folder = tempfile.TemporaryDirectory()
    registry = hand_over_definitions(Path(folder.name))

    from zenoh_ros2_sdk import discovery
    from zenoh_ros2_sdk.publisher import ROS2Publisher
    from zenoh_ros2_sdk.service_client import ROS2ServiceClient
    from zenoh_ros2_sdk.session import ZenohSession
    from zenoh_ros2_sdk.subscriber import ROS2Subscriber

    where = {"domain_id": options.domain, "router_port": options.port}
    session = ZenohSession.get_instance("127.0.0.1", options.port)
    for name in MESSAGES:
        registry.load_message_type(name)
    types = session.store.types

    heard = []
    subscriber = ROS2Subscriber(
        f"{options.prefix}/{options.target}", "sensor_msgs/msg/Image", heard.append, **where
    )
    publisher = ROS2Publisher("/camera/image_raw", "sensor_msgs/msg/Image", **where)
    found = {"topics": {}, "services": []}
    sequence = 0
    while len(heard) < 5 and time.monotonic() < deadline:
        publisher.publish(**image(types, sequence, 320, 240))
        sequence += 1
        time.sleep(0.05)
    if not heard:
        print(json.dumps({"published": sequence, "heard": 0}))
        return 1

    topics = discovery.get_topic_names_and_types(options.domain, "127.0.0.1", options.port)
    found["topics"] = dict(topics)
    services = discovery.get_service_names_and_types(options.domain, "127.0.0.1", options.port)
    found["services"] = sorted(name for name, _ in services)
    last = heard[-1]
    found["image"] = {
        "encoding": last.encoding,
        "frame_id": last.header.frame_id,
        "width": last.width,
        "finite": bool(numpy.isfinite(last.data.view(numpy.float32)).any()),
        "age_s": time.time() - last.header.stamp.sec - last.header.stamp.nanosec / 1e9,
    }

    def client(service, kind, definitions):
        return ROS2ServiceClient(
            f"{options.prefix}/concert/{service}",
            f"rcl_interfaces/srv/{kind}",
            request_definition=definitions[0],
            response_definition=definitions[1],
            timeout=30.0,
            **where,
        )

    setter = client("set_parameters", "SetParameters", SET_PARAMETERS)
    getter = client("get_parameters", "GetParameters", GET_PARAMETERS)
    parameter = types["rcl_interfaces/msg/Parameter"]
    rate = f"rate_hz.{options.target}"
    answer = setter.call(
        parameters=[
            parameter(name=rate, value=value(types, 3, double_value=2.5)),
            parameter(name="nonsense", value=value(types, 1)),
        ]
    )
    found["set"] = [[result.successful, result.reason] for result in answer.results]
    answer = getter.call(names=[rate, "policy"])
    found["rate"] = answer.values[0].double_value
    found["policy"] = answer.values[1].string_value
    answer = setter.call(
        parameters=[parameter(name="policy", value=value(types, 4, string_value="first_light"))]
    )
    found["swapped"] = [[result.successful, result.reason] for result in answer.results]
    answer = getter.call(names=["policy"])
    found["after"] = answer.values[0].string_value.splitlines()[0]
    print(json.dumps(found))
    subscriber.close()
    publisher.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
