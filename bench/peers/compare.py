"""Runs all stores side by side: every process loaded and waiting, one working at a time.

A round asks each store in turn for one block of each operation, so that all of them meet the
machine in the same moods.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.peers.registry import VARIANTS

# Where `python -m bench...` finds this package.
ROOT = Path(__file__).parents[2]
OPERATIONS = ("get", "put", "new", "batch")


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
    latencies: list[int] = field(default_factory=list)

    def median(self, operation: str) -> float:
        return statistics.median(self.blocks[operation])

    def put_p99(self) -> float:
        return statistics.quantiles(self.latencies, n=100)[98]


def compare(
    count: int, rounds: int, block_s: float, parent: Path | None, say: Callable[[str], None]
) -> dict[str, Outcome]:
    outcomes = {variant: Outcome() for variant in VARIANTS}
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent))).absolute()
        processes = {}
        for number, variant in enumerate(VARIANTS):
            say(f"peers: loading {variant}")
            process = stack.enter_context(Process(variant, folder / str(number)))
            outcomes[variant].loaded = process.ask("load", count=count)
            processes[variant] = process
        for number in range(rounds):
            say(f"peers: round {number + 1} of {rounds}")
            for operation in OPERATIONS:
                for variant, process in processes.items():
                    block = process.ask("block", case=operation, seconds=block_s)
                    outcomes[variant].blocks[operation].append(block["wall"])
            for variant, process in processes.items():
                answer = process.ask("latency")
                outcomes[variant].latencies += answer["nanoseconds"]
        for process in processes.values():
            process.ask("stop")
    return outcomes
