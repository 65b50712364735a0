"""CDR, the encoding of ROS 2's messages: little endian, after four bytes that say so.

Every number stands at a multiple of its size, counted from behind these four bytes.
"""

from __future__ import annotations

import struct

from .errors import Unreadable

HEADER = b"\x00\x01\x00\x00"
# A sequence longer than what is left of its message is none.
_SIZES = {"b": 1, "B": 1, "i": 4, "I": 4, "f": 4, "d": 8}


class Reader:
    """Reads one message from its beginning to its end."""

    def __init__(self, message: bytes):
        if message[:4] != HEADER:
            raise Unreadable(f"begins with {message[:4]!r}, but little-endian CDR with {HEADER!r}")
        self._bytes = memoryview(message)[4:]
        self._at = 0

    def _take(self, size: int, align: int) -> memoryview:
        self._at += -self._at % align
        end = self._at + size
        if end > len(self._bytes):
            left = max(0, len(self._bytes) - self._at)
            raise Unreadable(f"{size} bytes are needed at {self._at}, but {left} are left")
        taken = self._bytes[self._at : end]
        self._at = end
        return taken

    def number(self, kind: str) -> int | float:
        """One number, by its letter in `struct`."""
        size = _SIZES[kind]
        (number,) = struct.unpack("<" + kind, self._take(size, size))
        return float(number) if kind in "fd" else int(number)

    def integer(self, kind: str = "I") -> int:
        """One whole number."""
        return int(self.number(kind))

    def numbers(self, kind: str, count: int) -> tuple[float, ...]:
        """So many numbers, without their count."""
        size = _SIZES[kind]
        if count == 0:
            # Nothing is aligned for nothing.
            return ()
        return struct.unpack(f"<{count}{kind}", self._take(count * size, size))

    def boolean(self) -> bool:
        """One byte that is 0 or not."""
        return self.integer("B") != 0

    def count(self) -> int:
        """The length of a sequence whose entries take a byte at least."""
        count = self.integer()
        if count > len(self._bytes) - self._at:
            left = len(self._bytes) - self._at
            raise Unreadable(f"a sequence has {count} entries, but {left} bytes are left")
        return count

    def text(self) -> str:
        """A string: its length with the zero byte at its end, and its bytes."""
        return bytes(self._take(self.count(), 1))[:-1].decode("utf-8", "replace")

    def blob(self) -> memoryview:
        """A sequence of bytes, which are not copied."""
        return self._take(self.count(), 1)


class Writer:
    """Writes one message."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._length = 0

    def _put(self, data: bytes, align: int = 1) -> Writer:
        gap = -self._length % align
        self._parts.append(bytes(gap) + data)
        self._length += gap + len(data)
        return self

    def numbers(self, kind: str, *values: float) -> Writer:
        """Numbers of one kind, one after the other."""
        return self._put(struct.pack(f"<{len(values)}{kind}", *values), _SIZES[kind])

    def text(self, text: str) -> Writer:
        """A string."""
        data = text.encode() + b"\0"
        return self.numbers("I", len(data))._put(data)

    def blob(self, data: bytes) -> Writer:
        """A sequence of bytes."""
        return self.numbers("I", len(data))._put(data)

    def message(self) -> bytes:
        """What was written."""
        return HEADER + b"".join(self._parts)
