"""The files of a data directory: images as a crash would leave them, and damage done to them."""

from __future__ import annotations

import shutil
from pathlib import Path


def image(source: Path, target: Path) -> Path:
    """Copy a data directory that may be open: what the operating system has is what kill -9 would leave.

    Copied again when the background changed the directory meanwhile: a kill leaves one moment, not two.
    """
    while True:
        before = _state(source)
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir(parents=True)
        try:
            for name in before:
                shutil.copyfile(source / name, target / name)
        except FileNotFoundError:
            continue
        if _state(source) == before:
            return target


def _state(directory: Path) -> dict[str, bytes | None]:
    """Names of files, and what the manifest says."""
    names = sorted(path.name for path in directory.iterdir() if path.name != "LOCK")
    return {n: (directory / n).read_bytes() if n == "MANIFEST" else None for n in names}


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.seg"))


def used_size(path: Path) -> int:
    """Bytes up to the last one that is not zero, rounded up to 8: segments are allocated ahead."""
    return (len(path.read_bytes().rstrip(b"\0")) + 7) // 8 * 8


def flip(path: Path, offset: int, bit: int = 0) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        byte = file.read(1)[0]
        file.seek(offset)
        file.write(bytes([byte ^ (1 << bit)]))


def overwrite(path: Path, offset: int, data: bytes) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def cut(path: Path, size: int) -> None:
    with path.open("r+b") as file:
        file.truncate(size)
