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
    assert contract["fit"] == "stretch" and contract["channels"] == "rgb" and contract["layout"] == "nchw"
    size = (contract["width"], contract["height"])
    pixels = np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float32)
    mean, std = (np.asarray(contract[name], dtype=np.float32) for name in ("mean", "std"))
    return np.ascontiguousarray(((pixels - mean) / std).transpose(2, 0, 1)[None])
