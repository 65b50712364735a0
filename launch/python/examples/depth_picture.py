#!/usr/bin/env python3
"""Depth as a picture: near is bright, far is dark, unknown is red.

    concert serve home
    python3 depth_picture.py --out depth.png
"""

import argparse

import numpy as np

from concert_client import Client, write_png


def picture(metres, far):
    """Colours of depth: (height, width, 3)."""
    known = np.isfinite(metres)
    bright = np.where(known, 255 * (1 - np.clip(np.nan_to_num(metres) / far, 0, 1)), 0)
    colours = np.stack([bright * 0.9, bright, 60 + bright * 0.7], axis=-1)
    colours[~known] = (200, 0, 0)
    return colours.astype(np.uint8)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", default="tcp/127.0.0.1:7448")
    parser.add_argument("--prefix", default="robot/perception")
    parser.add_argument("--far", type=float, default=6.0, help="metres that are drawn black")
    parser.add_argument("--out", default="depth.png")
    arguments = parser.parse_args()
    with Client(arguments.prefix, arguments.connect) as robot:
        depth = robot.subscribe("depth_zbuffer").get(timeout=60)
    # Four pixels a side for each of the output.
    large = picture(depth.array, arguments.far).repeat(4, axis=0).repeat(4, axis=1)
    write_png(arguments.out, large)
    middle = depth.array[depth.array.shape[0] // 2, depth.array.shape[1] // 2]
    print(f"{arguments.out}: {middle:.2f} m ahead, by {depth.provenance.readout[0]}")
    if depth.intrinsics is not None:
        points = depth.intrinsics.rays() * depth.array[..., None]
        low, high = np.nanmin(points, axis=(0, 1)), np.nanmax(points, axis=(0, 1))
        low, high = low.round(2), high.round(2)
        print(f"what is seen lies between {low} and {high} m (right, down, ahead)")


if __name__ == "__main__":
    main()
