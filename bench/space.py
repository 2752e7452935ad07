"""Bytes: files after overwriting and deleting, and memory per document.

    python -m bench.space [--count N] [--dir DIRECTORY]

Files are looked at without any call that would tidy them, until they have kept their size for a
while. What they are compared with is a directory into which the same documents were put once.
"""

import random
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from bench.command import Say, data_folder, parser_for, say
from bench.data import SEED, document, document_id, pairs
from bench.isolated import isolated
from bench.peers.dicts import DictOfDicts, DictOfPacked
from bench.peers.ours import Velocity
from bench.peers.worker import load
from bench.sizes import disk_bytes, private_bytes
from bench.tables import table
from bench.timing import WrongAnswerError

MODES = ("memory-first", "hybrid", "persistent")
BATCH = 1_000
OVERWRITES = 5
# Files are settled when they have not changed for this long; seconds.
QUIET, LONGEST = 3.0, 60.0


@dataclass
class Settled:
    """Files some time after the last write."""

    mode: str
    work: str
    live: int
    at_once: int
    settled: int
    seconds: float


def batches(numbers: Iterable[int]) -> Iterable[list[int]]:
    rest = iter(numbers)
    while batch := list(islice(rest, BATCH)):
        yield batch


def settle(directory: Path, quiet: float) -> tuple[int, float]:
    """The size that stays, and after how many seconds it was reached."""
    start = changed = time.monotonic()
    size = disk_bytes(directory)
    while (now := time.monotonic()) < min(changed + quiet, start + LONGEST):
        time.sleep(min(0.05, quiet / 4))
        if (found := disk_bytes(directory)) != size:
            size, changed = found, now
    return size, changed - start


def overwrite(peer: Velocity, count: int, shuffled: list[int]) -> int:
    for revision in range(1, OVERWRITES + 1):
        for batch in batches(shuffled):
            peer.put_batch([(document_id(n), document(n, revision)) for n in batch])
    return count


def delete(peer: Velocity, count: int, shuffled: list[int]) -> int:
    for batch in batches(shuffled[: count * 9 // 10]):
        peer.users.delete_many([document_id(n) for n in batch])
    return count - count * 9 // 10


def files_after(mode: str, work: str, count: int, quiet: float, parent: Path) -> Settled:
    folders = {name: parent / name for name in ("worked", "fresh")}
    shuffled = list(range(count))
    random.Random(SEED).shuffle(shuffled)
    peer = Velocity(folders["worked"], mode)
    load(peer, count)
    change = {"overwritten five times": overwrite, "90 % deleted": delete}[work]
    left = change(peer, count, shuffled)
    peer.flush()
    at_once = disk_bytes(folders["worked"])
    settled, seconds = settle(folders["worked"], quiet)
    if peer.count() != left:
        raise WrongAnswerError(f"{mode}: {peer.count()} documents where {left} must be left")
    peer.close()
    fresh = Velocity(folders["fresh"], mode)
    fresh.put_batch([(document_id(n), document(n)) for n in shuffled[count - left :]])
    fresh.close()
    return Settled(mode, work, disk_bytes(folders["fresh"]), at_once, settled, seconds)


def store_for(name: str, folder: Path) -> Any:
    """What each row of memory is of; the dicts hold what `pairs` makes, field names shared."""
    if name == "dict of dicts":
        return DictOfDicts()
    return DictOfPacked() if name == "dict + msgpack" else Velocity(folder, name)


def grown(name: str, count: int, folder: Path) -> float:
    """Bytes per document by which the process has grown."""
    before = private_bytes()
    peer = store_for(name, folder)
    load(peer, count)
    per_document = (private_bytes() - before) / count
    peer.close()
    return per_document


def bare_bytes(count: int) -> float:
    """Bytes per document of ids and fields alone: text as UTF-8, eight for an int."""
    numbers = range(0, count, max(1, count // 1_000))
    total = 0
    for id, fields in pairs(numbers):
        values = (id, *fields.values())
        total += sum(len(value.encode()) if isinstance(value, str) else 8 for value in values)
    return total / len(numbers)


def measure(count: int, parent: Path | None, say: Say, quiet: float = QUIET) -> dict[str, Any]:
    results: dict[str, Any] = {"files": [], "memory": {}, "bare": bare_bytes(count)}
    for name in ("dict of dicts", "dict + msgpack", "memory-only", *MODES):
        say(f"space: memory, {name}")
        with data_folder(parent) as folder:
            place = None if name == "memory-only" else folder
            results["memory"][name] = isolated(grown, name, count, place)
    for work in ("overwritten five times", "90 % deleted"):
        for mode in MODES:
            say(f"space: files, {work}, {mode}")
            with data_folder(parent) as folder:
                results["files"].append(isolated(files_after, mode, work, count, quiet, folder))
    return results


def megabytes(size: float) -> str:
    return f"{size / 1e6:.1f}"


def space_tables(results: dict[str, Any]) -> str:
    files = [
        [
            row.work,
            row.mode,
            *map(megabytes, (row.live, row.at_once, row.settled)),
            f"{row.settled / row.live:.2f}×",
            f"{row.seconds:.1f}",
        ]
        for row in results["files"]
    ]
    bare = results["bare"]
    memory = [
        ["velocity" if name == "memory-only" or name in MODES else name]
        + ["" if name.startswith("dict") else name, f"{size:.0f}", f"{size - bare:.0f}"]
        for name, size in results["memory"].items()
    ]
    return (
        "**Files, with no call to tidy them** (MB; live: the same documents put once into a new "
        "directory)\n\n"
        + table(
            ["all documents", "mode", "live", "at once", "settled", "settled / live", "after s"],
            files,
        )
        + "\n\n**Memory per document** (bytes by which a process grows; ids and fields by "
        f"themselves are {bare:.0f})\n\n"
        + table(["store", "mode", "B/document", "beyond id and fields"], memory)
    )


def main(arguments: list[str] | None = None) -> None:
    options = parser_for("space", __doc__).parse_args(arguments)
    print(space_tables(measure(options.count, options.dir, say)))


if __name__ == "__main__":
    sys.exit(main())
