#!/usr/bin/env python3
"""Keypoints on the camera's image: both of one frame, found by their stamp.

    concert serve first_light
    python3 keypoints_on_image.py --out keypoints.png
"""

import argparse
import sys

import numpy as np

from concert_client import Client, write_png


def draw(image, points):
    """The image with a green cross at each point: u, v in pixels of the image."""
    colours = image.copy() if image.ndim == 3 else np.repeat(image[..., None], 3, axis=2)
    height, width = colours.shape[:2]
    for u, v in points.round().astype(int):
        colours[v, max(0, u - 2) : min(width, u + 3)] = (60, 255, 60)
        colours[max(0, v - 2) : min(height, v + 3), u] = (60, 255, 60)
    return colours


def same_frame(images, keypoints):
    """An image and the keypoints of it: whichever is older is exchanged for a newer one."""
    image, points = images.get(60), keypoints.get(60)
    for _ in range(1000):
        if image.stamp_ns == points.stamp_ns:
            return image, points
        if image.stamp_ns < points.stamp_ns:
            image = images.get(60)
        else:
            points = keypoints.get(60)
    sys.exit("no image has the stamp of any keypoints")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connect", default="tcp/127.0.0.1:7448")
    parser.add_argument("--prefix", default="robot/perception")
    parser.add_argument("--best", type=int, default=100, help="how many are drawn")
    parser.add_argument("--out", default="keypoints.png")
    arguments = parser.parse_args()
    with Client(arguments.prefix, arguments.connect) as robot:
        image, points = same_frame(robot.subscribe("image"), robot.subscribe("keypoints2d"))
    score = points.array[:, points.columns.index("score")]
    best = points.array[np.argsort(-score)[: arguments.best], :2]
    # Keypoints stand in pixels of their own output.
    affine = points.provenance.image_from_output
    best = best @ affine[:, :2].T + affine[:, 2]
    inside = (best >= 0).all(axis=1) & (best.round() < image.array.shape[1::-1]).all(axis=1)
    write_png(arguments.out, draw(image.array, best[inside]))
    print(f"{arguments.out}: {inside.sum()} of {len(score)} keypoints of frame {image.stamp_ns}")


if __name__ == "__main__":
    main()
