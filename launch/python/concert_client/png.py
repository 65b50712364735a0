"""Writes a picture without any library for pictures."""

from __future__ import annotations

import struct
import zlib
from os import PathLike
from typing import Any

import numpy.typing as npt


def write_png(path: str | PathLike[str], pixels: npt.NDArray[Any]) -> None:
    """Writes uint8 pixels, (height, width) or (height, width, 3), as a PNG file."""
    if pixels.dtype != "uint8" or pixels.ndim not in (2, 3) or pixels.shape[2:] not in ((), (3,)):
        got = f"{pixels.dtype} {pixels.shape}"
        raise ValueError(f"a picture is uint8 in grey or RGB, but this is {got}")
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)

    colour = 2 if pixels.ndim == 3 else 0
    head = struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)
    parts = (chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(rows, 6)), chunk(b"IEND", b""))
    with open(path, "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
