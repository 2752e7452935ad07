"""How long it takes until a filled directory answers again, after a clean close and after a kill.

    python -m bench.opening fill VARIANT DIRECTORY COUNT close|kill
    python -m bench.opening open VARIANT DIRECTORY COUNT

Both run in processes of their own, started by `measure_opening`. Files are in the page cache, so
this is the store's own work, not the disk's.
"""

import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.command import Say
from bench.data import document, document_id
from bench.peers.compare import ROOT
from bench.peers.face import Variant
from bench.peers.registry import VARIANTS
from bench.peers.worker import load, same
from bench.timing import WrongAnswerError

ENDS = ("close", "kill")


def fill(variant: str, directory: Path, count: int, end: str) -> None:
    peer = VARIANTS[variant].open(directory)
    load(peer, count)
    if end == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    peer.close()


def open_again(variant: str, directory: Path, count: int) -> dict[str, float]:
    start = time.perf_counter()
    peer = VARIANTS[variant].open(directory)
    found = peer.get(document_id(count - 1))
    seconds = time.perf_counter() - start
    if not same(found, document(count - 1)) or peer.count() != count:
        raise WrongAnswerError(f"{variant}: not all of {count} documents are back")
    peer.close()
    return {"seconds": seconds}


def _child(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "bench.opening", *arguments]
    return subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False)


def measure_one(variant: str, folder: Path, count: int, end: str, rounds: int) -> float:
    """Median seconds of opening copies of one directory: an opening may tidy what it opens."""
    filled = folder / "filled"
    filled.mkdir()
    status = _child("fill", variant, str(filled), str(count), end).returncode
    if status != (-signal.SIGKILL if end == "kill" else 0):
        raise RuntimeError(f"{variant}: filling ended with status {status}")
    seconds = []
    for _ in range(rounds):
        copy = folder / "copy"
        shutil.copytree(filled, copy)
        child = _child("open", variant, str(copy), str(count))
        if child.returncode:
            raise RuntimeError(f"{variant}: opening ended with status {child.returncode}")
        seconds.append(json.loads(child.stdout)["seconds"])
        shutil.rmtree(copy)
    return statistics.median(seconds)


def measure_opening(
    variants: dict[str, Variant], count: int, rounds: int, parent: Path | None, say: Say
) -> dict[str, dict[str, float]]:
    """Per variant that has files: {"close": seconds, "kill": seconds}."""
    results: dict[str, dict[str, float]] = {}
    for key, variant in variants.items():
        # What is on disk is the same with and without fsync: one class of each store is enough.
        if not variant.persistent or variant.durability == "fsync":
            continue
        results[key] = {}
        for end in ENDS:
            say(f"opening: {key} after {end}")
            with tempfile.TemporaryDirectory(dir=parent) as folder:
                results[key][end] = measure_one(key, Path(folder).absolute(), count, end, rounds)
    return results


def main(arguments: list[str]) -> None:
    action, variant, directory, count, *rest = arguments
    answer: dict[str, Any] = {}
    if action == "fill":
        fill(variant, Path(directory), int(count), *rest)
    else:
        answer = open_again(variant, Path(directory), int(count))
    print(json.dumps(answer))


if __name__ == "__main__":
    main(sys.argv[1:])
