"""Bytes: of memory that a process cannot share, and of files."""

import os
from pathlib import Path


def _status(path: Path) -> dict[str, str]:
    try:
        return dict(line.split(":", 1) for line in path.read_text().splitlines())
    except (FileNotFoundError, ProcessLookupError):  # it has ended meanwhile
        return {}


def _anonymous(status: dict[str, str]) -> int:
    return int(status.get("RssAnon", "0").split()[0]) * 1024


def private_bytes() -> int:
    """Memory of this process alone: not the pages of mapped files, which the kernel may drop."""
    return _anonymous(_status(Path("/proc/self/status")))


def family_bytes() -> int:
    """The same with the processes that this one has started: a server is part of its store."""
    own = os.getpid()
    statuses = map(_status, Path("/proc").glob("[0-9]*/status"))
    return private_bytes() + sum(
        _anonymous(status) for status in statuses if int(status.get("PPid", 0)) == own
    )


def disk_bytes(directory: Path) -> int:
    """Blocks in use, by files that may vanish while they are being counted."""
    total = 0
    for path in directory.rglob("*"):
        try:
            total += path.stat().st_blocks * 512 if path.is_file() else 0
        except FileNotFoundError:
            continue
    return total
