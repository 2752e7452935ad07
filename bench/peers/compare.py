"""Runs the stores of a durability class side by side: all loaded and waiting, one working at a time.

A round asks each store in turn for one block of each operation, so that all of them meet the
machine in the same moods.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.command import Say
from bench.peers.face import DURABILITY, Variant
from bench.timing import percentile

# Where `python -m bench...` finds this package.
ROOT = Path(__file__).parents[2]
OPERATIONS = ("get", "put", "new", "batch", "delete")


class Process:
    """The other end of worker.py."""

    def __init__(self, variant: str, directory: Path) -> None:
        directory.mkdir()
        self.variant = variant
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bench.peers.worker", variant, str(directory)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, do: str, **arguments: Any) -> Any:
        self.process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.variant}: ended with status {self.process.wait()} at {do}")
        return json.loads(answer)

    def __enter__(self) -> "Process":
        return self

    def __exit__(self, *exception: object) -> None:
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


@dataclass
class Outcome:
    """What was measured of one variant; times in wall nanoseconds per document."""

    loaded: dict[str, Any] = field(default_factory=dict)
    blocks: dict[str, list[float]] = field(default_factory=lambda: {o: [] for o in OPERATIONS})
    latencies: dict[str, list[int]] = field(default_factory=lambda: {"get": [], "put": []})

    def median(self, operation: str) -> float:
        return statistics.median(self.blocks[operation])

    def p99(self, operation: str) -> int:
        return percentile(self.latencies[operation], 0.99)


@contextmanager
def loaded(
    variants: dict[str, Variant], durability: str, count: int, parent: Path | None, say: Say
) -> Iterator[dict[str, tuple[Process, dict[str, Any]]]]:
    """The processes of the class by variant, each with what its loading took; stopped at the end."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent))).absolute()
        stores = {}
        for number, (key, variant) in enumerate(variants.items()):
            if variant.durability == durability:
                say(f"loading {key}")
                process = stack.enter_context(Process(key, folder / str(number)))
                stores[key] = (process, process.ask("load", count=count))
        yield stores
        for process, _ in stores.values():
            process.ask("stop")


def each_class(
    variants: dict[str, Variant], count: int, parent: Path | None, say: Say
) -> Iterator[tuple[str, dict[str, tuple[Process, dict[str, Any]]]]]:
    """The durability classes one after the other, each with its loaded processes by variant."""
    for durability in DURABILITY:
        with loaded(variants, durability, count, parent, say) as stores:
            yield durability, stores


def compare(
    variants: dict[str, Variant],
    count: int,
    rounds: int,
    block_s: float,
    parent: Path | None,
    say: Say,
) -> dict[str, Outcome]:
    outcomes = {}
    for durability, stores in each_class(variants, count, parent, say):
        outcomes |= {key: Outcome(sizes) for key, (_, sizes) in stores.items()}
        for number in range(rounds):
            say(f"peers, {durability}: round {number + 1} of {rounds}")
            for operation in OPERATIONS:
                for key, (process, _) in stores.items():
                    block = process.ask("block", case=operation, seconds=block_s)
                    outcomes[key].blocks[operation].append(block["wall"])
            for key, (process, _) in stores.items():
                for operation, nanoseconds in process.ask("latency").items():
                    outcomes[key].latencies[operation] += nanoseconds
    return outcomes
