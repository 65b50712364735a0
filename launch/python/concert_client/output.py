"""What comes from a server: outputs, where they come from, and its status."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from .errors import Unreadable

ATTACHMENT_VERSION = 1


@dataclass(frozen=True)
class Intrinsics:
    """Intrinsics of a pinhole camera without distortion, in pixels of an image of this size."""

    fx: float
    fy: float
    cx: float
    cy: float
    width: int
    height: int

    def rays(self) -> npt.NDArray[np.float64]:
        """Direction of each pixel, z being 1, in the optical frame: (height, width, 3)."""
        v, u = np.mgrid[: self.height, : self.width]
        x, y = (u - self.cx) / self.fx, (v - self.cy) / self.fy
        return np.stack([x, y, np.ones_like(x)], axis=-1)


@dataclass(frozen=True)
class Provenance:
    """Which frame an output is of, and what made it."""

    sequence: int
    """Counts the outputs of a key from 0; a gap is a loss on the way."""
    frame_sequence: int
    stamp_ns: int
    camera: str
    task: str
    policy_name: str
    policy: str
    """Hash of the policy."""
    encoders: tuple[tuple[str, str], ...]
    """Names and hashes."""
    readout: tuple[str, str]
    """Name and hash."""
    times_us: Mapping[str, int]
    """`wait`, `preprocess`, `encode`, `read`."""
    image_from_output: npt.NDArray[np.float64]
    """Pixel of the camera's image from pixel of the output, 2x3."""
    image_size: tuple[int, int]
    """Width and height of the camera's image."""
    warnings: tuple[str, ...]
    """What is to be known of it: `uncalibrated`, `distorted`, `frozen`, `black`, `unknown`,
    `scale_unknown`, `after_gap`."""
    raw: Mapping[str, Any] = field(repr=False)
    """Everything that was said."""

    @classmethod
    def of(cls, said: Mapping[str, Any]) -> Provenance:
        """Of an attachment."""
        if said.get("v") != ATTACHMENT_VERSION:
            version = said.get("v")
            raise Unreadable(f"attachment has version {version}, but {ATTACHMENT_VERSION} is known")
        flags = ("uncalibrated", "distorted", "unknown", "scale_unknown", "after_gap")
        warnings = [flag for flag in flags if said.get(flag)]
        if said.get("picture"):
            warnings.append(said["picture"])
        try:
            return cls(
                sequence=said["sequence"],
                frame_sequence=said["frame_sequence"],
                stamp_ns=said["stamp_ns"],
                camera=said["camera"],
                task=said["task"],
                policy_name=said.get("policy_name", ""),
                policy=said["policy"],
                encoders=tuple((name, digest) for name, digest in said["encoders"]),
                readout=(said["readout"][0], said["readout"][1]),
                times_us=said["times_us"],
                image_from_output=np.array(said["image_from_output"], dtype=np.float64),
                image_size=(said["image_size"][0], said["image_size"][1]),
                warnings=tuple(warnings),
                raw=said,
            )
        except (KeyError, TypeError, ValueError) as fault:
            raise Unreadable(f"attachment: {type(fault).__name__}: {fault}") from fault


@dataclass(frozen=True)
class Output:
    """One output of one frame.

    `array` is, by what the message is:

    | message | array | columns, labels |
    |---|---|---|
    | dense map, image | (height, width) or (height, width, channels), float32 or uint8 | |
    | JPEG of the camera's image | its bytes, uint8 | |
    | keypoints, matches | (points, columns), float32 | `u`, `v`, `score`, ... |
    | classes | (classes,), scores | labels: names |
    | boxes | (boxes, 5), px of the camera's image | middle, size, score; labels: names |
    | room | (boxes, 10), m | position, quaternion, size |
    | odometry | (7,), m | position, quaternion |
    | vectors | (numbers,), float32 | what the message names |
    """

    key: str
    """Below the prefix: the target, with several cameras CAMERA/TARGET."""
    array: npt.NDArray[Any]
    """Read only where it is a view of the message: copy it to change it."""
    stamp_ns: int
    """When the exposure happened, ns since the Unix epoch."""
    frame_id: str
    """Optical frame of the camera; of odometry, the frame that the pose is in."""
    message_type: str
    encoding: str = ""
    """Of images: `32FC1`, `rgb8`, `jpeg`, ..."""
    columns: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    provenance: Provenance | None = None
    intrinsics: Intrinsics | None = None
    """At the resolution of `array`, where the camera's are known."""


@dataclass(frozen=True)
class StatusEntry:
    """The state of one thing: `concert` (the whole), `camera/front`, `target/normal`, ..."""

    name: str
    level: int
    """0 ok, 1 warning, 2 error, 3 nothing comes any more."""
    message: str
    values: Mapping[str, str]


@dataclass(frozen=True)
class Status:
    """What a server says of itself at one moment."""

    stamp_ns: int
    entries: tuple[StatusEntry, ...]

    def __getitem__(self, name: str) -> StatusEntry:
        """The entry of this name."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(name)
