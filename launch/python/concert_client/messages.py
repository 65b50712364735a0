"""The ROS 2 messages that a server publishes, and those that it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from .cdr import Reader, Writer
from .errors import Unreadable
from .output import Intrinsics, Output, Status, StatusEntry

IMAGE = "sensor_msgs/msg/Image"
CAMERA_INFO = "sensor_msgs/msg/CameraInfo"
STATUS = "diagnostic_msgs/msg/DiagnosticArray"

# Type of a channel, and channels, by encoding; 32FCn beside these.
_PIXELS: dict[str, tuple[str, int]] = {
    "mono8": ("u1", 1),
    "rgb8": ("u1", 3),
    "bgr8": ("u1", 3),
    "rgba8": ("u1", 4),
    "bgra8": ("u1", 4),
    "mono16": ("<u2", 1),
    "16UC1": ("<u2", 1),
}
_POSE = ("x", "y", "z", "qx", "qy", "qz", "qw")


def _header(reader: Reader) -> tuple[int, str]:
    seconds, nanoseconds = reader.integer("i"), reader.integer()
    return seconds * 10**9 + nanoseconds, reader.text()


def _begin(kind: str, reader: Reader) -> Output:
    stamp_ns, frame_id = _header(reader)
    nothing: npt.NDArray[Any] = np.empty(0)
    return Output("", nothing, stamp_ns, frame_id, kind)


def _pixels(encoding: str) -> tuple[np.dtype[Any], int]:
    if encoding in _PIXELS:
        kind, channels = _PIXELS[encoding]
        return np.dtype(kind), channels
    if encoding.startswith("32FC") and encoding[4:].isdigit():
        return np.dtype("<f4"), int(encoding[4:])
    raise Unreadable(f"encoding `{encoding}` is not known")


def _image(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    height, width = reader.integer(), reader.integer()
    encoding = reader.text()
    if reader.boolean():
        raise Unreadable("the pixels are big-endian")
    step = reader.integer()
    data = reader.blob()
    dtype, channels = _pixels(encoding)
    row = width * channels * dtype.itemsize
    if step < row or len(data) != step * height:
        got = f"{height} rows of {step} bytes, but {len(data)} bytes"
        raise Unreadable(f"{got}, and a row needs {row}")
    rows = np.frombuffer(data, np.uint8).reshape(height, step)[:, :row]
    array = rows.view(dtype) if step == row else np.ascontiguousarray(rows).view(dtype)
    shape = (height, width) if channels == 1 else (height, width, channels)
    return replace(output, array=array.reshape(shape), encoding=encoding)


def _compressed(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    encoding = reader.text()
    return replace(output, array=np.frombuffer(reader.blob(), np.uint8), encoding=encoding)


def _points(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    height, width = reader.integer(), reader.integer()
    fields: list[str] = []
    for _ in range(reader.count()):
        name, offset = reader.text(), reader.integer()
        datatype, count = reader.integer("B"), reader.integer()
        if datatype != 7 or count != 1 or offset != 4 * len(fields):
            raise Unreadable(f"field `{name}` is not a float32 beside the others")
        fields.append(name)
    if reader.boolean():
        raise Unreadable("the points are big-endian")
    point_step, row_step = reader.integer(), reader.integer()
    data = reader.blob()
    steps = (4 * len(fields), point_step * width)
    if (point_step, row_step) != steps or len(data) != row_step * height:
        raise Unreadable(f"{width} points of {point_step} bytes, but {len(data)} bytes")
    array = np.frombuffer(data, "<f4").reshape(width * height, len(fields))
    return replace(output, array=array, columns=tuple(fields))


def _hypotheses(reader: Reader, with_pose: bool) -> list[tuple[str, float]]:
    found = []
    for _ in range(reader.count()):
        found.append((reader.text(), float(reader.number("d"))))
        if with_pose:
            reader.numbers("d", 7 + 36)
    return found


def _classes(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    found = _hypotheses(reader, with_pose=False)
    scores = np.array([score for _, score in found], dtype=np.float64)
    return replace(output, array=scores, labels=tuple(name for name, _ in found))


def _boxes(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    rows, labels = [], []
    for _ in range(reader.count()):
        _header(reader)
        best = max(_hypotheses(reader, with_pose=True), key=lambda one: one[1], default=("", 0.0))
        x, y, _theta, width, height = reader.numbers("d", 5)
        reader.text()
        rows.append((x, y, width, height, best[1]))
        labels.append(best[0])
    array = np.array(rows, dtype=np.float64).reshape(-1, 5)
    columns = ("x", "y", "width", "height", "score")
    return replace(output, array=array, columns=columns, labels=tuple(labels))


def _rooms(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    rows = [reader.numbers("d", 10) for _ in range(reader.count())]
    array = np.array(rows, dtype=np.float64).reshape(-1, 10)
    return replace(output, array=array, columns=(*_POSE, "size_x", "size_y", "size_z"))


def _odometry(kind: str, reader: Reader) -> Output:
    output = _begin(kind, reader)
    child = reader.text()
    array = np.array(reader.numbers("d", 7), dtype=np.float64)
    return replace(output, array=array, columns=_POSE, labels=(child,))


def _vector(kind: str, reader: Reader) -> Output:
    names: list[str] = []
    for _ in range(reader.count()):
        names += [name for name in reader.text().split(",") if name]
        reader.numbers("I", 2)
    reader.integer()
    count = reader.count()
    array = np.array(reader.numbers("f", count), dtype=np.float32)
    # It has no header: the attachment says when.
    return Output("", array, 0, "", kind, columns=tuple(names))


_READERS: dict[str, Callable[[str, Reader], Output]] = {
    IMAGE: _image,
    "sensor_msgs/msg/CompressedImage": _compressed,
    "sensor_msgs/msg/PointCloud2": _points,
    "vision_msgs/msg/Classification": _classes,
    "vision_msgs/msg/Detection2DArray": _boxes,
    "vision_msgs/msg/BoundingBox3DArray": _rooms,
    "nav_msgs/msg/Odometry": _odometry,
    "std_msgs/msg/Float32MultiArray": _vector,
}


def read_output(kind: str, message: bytes) -> Output:
    """An output from its message; without key, provenance and intrinsics."""
    read = _READERS.get(kind)
    if read is None:
        raise Unreadable(f"`{kind}` is no message of an output")
    return read(kind, Reader(message))


def read_intrinsics(message: bytes) -> tuple[int, Intrinsics]:
    """Stamp and intrinsics from a `CameraInfo`."""
    reader = Reader(message)
    stamp_ns, _ = _header(reader)
    height, width = reader.integer(), reader.integer()
    reader.text()
    reader.numbers("d", reader.count())
    k = reader.numbers("d", 9)
    return stamp_ns, Intrinsics(k[0], k[4], k[2], k[5], width, height)


def read_status(message: bytes) -> Status:
    """A status from its `DiagnosticArray`."""
    reader = Reader(message)
    stamp_ns, _ = _header(reader)
    entries = []
    for _ in range(reader.count()):
        level, name, words = reader.integer("B"), reader.text(), reader.text()
        reader.text()
        values = {}
        for _ in range(reader.count()):
            key = reader.text()
            values[key] = reader.text()
        entries.append(StatusEntry(name, level, words, values))
    return Status(stamp_ns, tuple(entries))


def _write_header(stamp_ns: int, frame_id: str) -> Writer:
    seconds, nanoseconds = divmod(stamp_ns, 10**9)
    return Writer().numbers("i", seconds).numbers("I", nanoseconds).text(frame_id)


def write_image(array: npt.NDArray[Any], encoding: str, stamp_ns: int, frame_id: str) -> bytes:
    """An `Image` of an array of this encoding."""
    dtype, channels = _pixels(encoding)
    shape = array.shape[:2] if channels == 1 else (*array.shape[:2], channels)
    if array.dtype != dtype or array.ndim < 2 or array.shape != shape:
        got = f"{array.dtype} {array.shape}"
        raise ValueError(f"{encoding} is {dtype} with {channels} channels, but the array is {got}")
    height, width = array.shape[:2]
    writer = _write_header(stamp_ns, frame_id).numbers("I", height, width).text(encoding)
    step = width * channels * dtype.itemsize
    return writer.numbers("B", 0).numbers("I", step).blob(array.tobytes()).message()


def write_intrinsics(intrinsics: Intrinsics, stamp_ns: int, frame_id: str) -> bytes:
    """A `CameraInfo` of a pinhole camera without distortion."""
    fx, fy, cx, cy = intrinsics.fx, intrinsics.fy, intrinsics.cx, intrinsics.cy
    writer = _write_header(stamp_ns, frame_id)
    writer.numbers("I", intrinsics.height, intrinsics.width).text("plumb_bob")
    writer.numbers("I", 5).numbers("d", *[0.0] * 5)
    writer.numbers("d", fx, 0, cx, 0, fy, cy, 0, 0, 1)
    writer.numbers("d", 1, 0, 0, 0, 1, 0, 0, 0, 1)
    writer.numbers("d", fx, 0, cx, 0, 0, fy, cy, 0, 0, 0, 1, 0)
    # Binning, region of interest: none.
    return writer.numbers("I", 0, 0, 0, 0, 0, 0).numbers("B", 0).message()
