"""Reads a photograph and brings it to a network's input contract, as the runtime does."""

import io

import numpy as np
from PIL import Image

import packages


def photograph(entry: str) -> Image.Image:
    """An RGB photograph from scikit-image's data folder, e.g. "coffee.png"."""
    content = packages.read(packages.SCIKIT_IMAGE, f"skimage/data/{entry}")
    return Image.open(io.BytesIO(content)).convert("RGB")


def tensor_of(image: Image.Image, contract: dict) -> np.ndarray:
    """f32 [1, 3, height, width]: stretched bilinearly (antialiased), then (x - mean) / std per channel."""
    assert contract["fit"] == "stretch" and contract["channels"] in ("rgb", "bgr") and contract["layout"] == "nchw"
    size = (contract["width"], contract["height"])
    pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    if contract["channels"] == "bgr":
        pixels = pixels[..., ::-1]
    mean, std = (np.asarray(contract[name], dtype=np.float32) for name in ("mean", "std"))
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None])


def stereo_errors(matches: np.ndarray, width: int, height: int) -> np.ndarray:
    """Distance [n] of matches (u left, v left, u right, v right) on the motorcycle pair from the true ones.

    In pixels of a network input of that size; the truth is scikit-image's disparity of the left photograph, at the
    pixel of the left point. Matches whose left point has no known disparity are left out.
    """
    disparity = np.load(io.BytesIO(packages.read(packages.SCIKIT_IMAGE, "skimage/data/motorcycle_disp.npz")))["arr_0"]
    scale = np.array([disparity.shape[1] / width, disparity.shape[0] / height])
    left, right = ((np.array(matches[:, pair], dtype=np.float64) + 0.5) * scale - 0.5 for pair in ([0, 1], [2, 3]))
    column, row = np.round(left).astype(int).T
    truth = disparity[row.clip(0, disparity.shape[0] - 1), column.clip(0, disparity.shape[1] - 1)]
    error = (right - left + np.stack((truth, np.zeros_like(truth)), axis=1)) / scale
    return np.linalg.norm(error[np.isfinite(truth)], axis=1)
