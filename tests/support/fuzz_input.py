"""Inputs of the fuzz targets that read documents, taken apart as tests/fuzz/documents.h does it."""

from __future__ import annotations

import struct

from velocity._core.codec import Codec


class Input:
    """Used up from its begin; zeros behind its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def byte(self) -> int:
        first, self._data = self._data[:1], self._data[1:]
        return first[0] if first else 0

    def path(self) -> str:
        return ".".join(self._part(self.byte()) for _ in range(self.byte() % 4 + 1))

    @staticmethod
    def _part(part: int) -> str:
        return f"n{part % 64}" if part < 128 else f"{part % 16}" if part < 240 else f"x{part % 16}"

    def body(self) -> bytes:
        size = self.byte() | self.byte() << 8
        body, self._data = self._data[:size], self._data[size:]
        return body


def names_of(count: int) -> Codec:
    """A codec with names n0, n1, ..."""
    codec = Codec()
    names = [f"n{n}".encode() for n in range(count)]
    codec.import_names(
        struct.pack("<II", 1, count) + b"".join(bytes([len(name)]) + name for name in names)
    )
    return codec
