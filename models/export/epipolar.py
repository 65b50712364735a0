"""How well matches obey the true motion of the camera, on frames of the TUM RGB-D benchmark.

A folder holds TIMESTAMP.png and groundtruth.txt (t tx ty tz qx qy qz qw: camera to world, s and m).
"""

from pathlib import Path

import numpy as np
from PIL import Image

# freiburg2: fx, fy, cx, cy in px at 640 x 480, and k1, k2, p1, p2, k3 (J. Sturm et al., IROS 2012, data set page).
INTRINSICS = (520.9, 521.0, 325.1, 249.7)
DISTORTION = (0.2312, -0.7849, -0.0033, -0.0001, 0.9172)


def frames(folder: Path) -> list:
    """(stamp, RGB image) in order of time."""
    return [(float(path.stem), Image.open(path).convert("RGB")) for path in sorted(folder.glob("[0-9]*.png"))]


def pose_at(folder: Path, stamp: float) -> tuple:
    """Rotation [3, 3] and position [3], world from camera, interpolated between motion-capture rows."""
    rows = np.loadtxt(folder / "groundtruth.txt", comments="#")
    after = int(np.clip(np.searchsorted(rows[:, 0], stamp), 1, len(rows) - 1))
    first, second = rows[after - 1], rows[after].copy()
    if first[4:8] @ second[4:8] < 0:  # the same rotation, written the other way
        second[4:8] *= -1
    share = (stamp - first[0]) / (second[0] - first[0])
    row = first + share * (second - first)
    x, y, z, w = row[4:8] / np.linalg.norm(row[4:8])
    rotation = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.array(rotation), row[1:4]


def essential(previous: tuple, current: tuple) -> np.ndarray:
    """E with ray_current' E ray_previous = 0."""
    rotation = current[0].T @ previous[0]
    x, y, z = current[0].T @ (previous[1] - current[1])
    return np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]]) @ rotation


def rays(points: np.ndarray, width: int, height: int) -> np.ndarray:
    """Undistorted rays [n, 3] of pixels (u, v) of a network input of that size, stretched from 640 x 480."""
    fx, fy, cx, cy = INTRINSICS
    k1, k2, p1, p2, k3 = DISTORTION
    distorted = (np.array(points, dtype=np.float64) + 0.5) * [640 / width, 480 / height] - 0.5
    distorted = (distorted - [cx, cy]) / [fx, fy]
    x, y = distorted.T
    for _ in range(20):
        r2 = x * x + y * y
        radial = 1 + r2 * (k1 + r2 * (k2 + r2 * k3))
        x, y = (
            (distorted[:, 0] - 2 * p1 * x * y - p2 * (r2 + 2 * x * x)) / radial,
            (distorted[:, 1] - p1 * (r2 + 2 * y * y) - 2 * p2 * x * y) / radial,
        )
    return np.stack((x, y, np.ones_like(x)), axis=1)


def sampson_pixels(matches: np.ndarray, motion: np.ndarray, width: int, height: int) -> np.ndarray:
    """First-order distance [n] of each match (u_previous, v_previous, u, v) from its epipolar line, px at 640 x 480."""
    before, after = rays(matches[:, 0:2], width, height), rays(matches[:, 2:4], width, height)
    line, line_before = before @ motion.T, after @ motion
    algebraic = (after * line).sum(axis=1)
    slope = (line[:, :2] ** 2).sum(axis=1) + (line_before[:, :2] ** 2).sum(axis=1)
    return np.abs(algebraic) / np.sqrt(slope) * INTRINSICS[0]
