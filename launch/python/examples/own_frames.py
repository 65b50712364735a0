#!/usr/bin/env python3
"""Frames of your own: given to a server, and what it makes of them beside them.

    concert serve own_frames.toml         # a camera of kind zenoh at robot/image; see README.md
    python3 own_frames.py --out own.png

The frames are a corridor that is drawn here; yours come from a camera or a simulator.
"""

import argparse

import numpy as np

from concert_client import Client, Intrinsics, NoAnswer, write_png

CAMERA = Intrinsics(fx=220.0, fy=220.0, cx=159.5, cy=119.5, width=320, height=240)


def corridor(ahead):
    """A corridor 2 m wide and 2.4 m high, seen from 1.2 m above its floor after `ahead` metres."""
    rays = CAMERA.rays()
    x, y, z = np.moveaxis(rays, -1, 0)
    with np.errstate(divide="ignore"):
        wall, floor = 1.0 / np.abs(x), 1.2 / np.abs(y)
    metres = np.minimum(np.minimum(wall, floor), 8.0)
    point = rays * metres[..., None] + (0, 0, ahead)
    tiles = (np.floor(point * 2).sum(axis=-1) % 2) * 40
    shade = 220 / (1 + 0.15 * metres)
    is_floor = ((floor < wall) & (y > 0))[..., None]
    colour = np.where(is_floor, (0.8, 0.6, 0.4), (0.9, 0.9, 0.8))
    frame = (shade - tiles)[..., None] * colour
    return np.clip(frame, 0, 255).astype(np.uint8), metres.astype(np.float32)


def grey(values):
    """Numbers as grey, the least black and the greatest white."""
    known = values[np.isfinite(values)]
    low, high = (known.min(), known.max()) if known.size else (0, 1)
    scaled = 255 * (np.nan_to_num(values, nan=low) - low) / max(high - low, 1e-9)
    return np.repeat(scaled.astype(np.uint8)[..., None], 3, axis=2)


def fitted(picture, height, width):
    """The nearest pixels of a picture at another size."""
    rows = np.arange(height) * picture.shape[0] // height
    columns = np.arange(width) * picture.shape[1] // width
    return picture[rows][:, columns]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", default="tcp/127.0.0.1:7448")
    parser.add_argument("--prefix", default="robot/perception")
    parser.add_argument("--key", default="robot/image", help="the camera's key")
    parser.add_argument("--target", default="depth_zbuffer", help="any dense output")
    parser.add_argument("--out", default="own.png")
    arguments = parser.parse_args()
    frames = {}
    with Client(arguments.prefix, arguments.connect) as robot:
        outputs = robot.subscribe(arguments.target)
        for number in range(600):
            frame, metres = corridor(number * 0.05)
            stamp = robot.publish_frame(frame, intrinsics=CAMERA, depth=metres, key=arguments.key)
            frames[stamp] = frame
            try:
                output = outputs.get(timeout=0.1)
            except NoAnswer:
                continue
            if output.stamp_ns in frames:
                break
        else:
            raise SystemExit(f"no {arguments.target} came of 600 frames")
    frame = frames[output.stamp_ns]
    beside = fitted(grey(output.array), *frame.shape[:2])
    write_png(arguments.out, np.hstack([frame, beside]))
    print(f"{arguments.out}: {output.key} of frame {output.stamp_ns}, {output.array.shape}")


if __name__ == "__main__":
    main()
