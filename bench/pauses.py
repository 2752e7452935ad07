"""The longest single operations, told apart from what the scheduler did meanwhile.

    python -m bench.pauses [--documents 2000000] [--mode memory-first]

Two parts: single puts while the documents are loaded, and single gets while the same thread overwrites
documents at random and compaction runs behind. An operation during which the kernel took the processor
away (ru_nivcsw) says nothing about the engine and is counted apart; its CPU time still does.
"""

import argparse
import gc
import random
import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import velocity
from bench.data import document, document_id

STRETCH = 1_000  # operations whose arguments are built before they are timed


class Pauses:
    """Times calls one by one."""

    def __init__(self) -> None:
        self.wall: list[int] = []  # ns, of calls without a preemption
        self.cpu: list[int] = []  # ns, of all
        self.preempted = 0

    def run(self, call: Callable[..., object], arguments: list[tuple[Any, ...]]) -> None:
        wall, cpu, usage = time.perf_counter_ns, time.thread_time_ns, resource.getrusage
        for args in arguments:
            before = usage(resource.RUSAGE_THREAD).ru_nivcsw
            c0, w0 = cpu(), wall()
            call(*args)
            w1, c1 = wall(), cpu()
            self.cpu.append(c1 - c0)
            if usage(resource.RUSAGE_THREAD).ru_nivcsw == before:
                self.wall.append(w1 - w0)
            else:
                self.preempted += 1

    def row(self, name: str) -> str:
        self.wall.sort()
        self.cpu.sort()
        shares = (0.5, 0.99, 0.999, 0.9999)
        numbers = [self.wall[int(share * (len(self.wall) - 1))] for share in shares]
        numbers += [self.wall[-1], self.cpu[-1]]
        cells = " | ".join(f"{number / 1000:.1f}" for number in numbers)
        return f"| {name} | {cells} | {self.preempted} |"


HEADER = """\
| µs | p50 | p99 | p99.9 | p99.99 | longest | most CPU time | preempted |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""


def loads(count: int) -> Iterator[list[tuple[Any, ...]]]:
    for start in range(0, count, STRETCH):
        end = min(start + STRETCH, count)
        yield [(document_id(n), document(n)) for n in range(start, end)]


def read_beside_writes(users: velocity.Collection, count: int) -> Pauses:
    chance, pauses = random.Random(7), Pauses()
    for revision in range(2 * count // STRETCH):
        for n in chance.choices(range(count), k=STRETCH):
            users.put(document_id(n), document(n, revision))
        ids = [(document_id(n),) for n in chance.choices(range(count), k=STRETCH // 4)]
        pauses.run(users.get, ids)
    return pauses


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--documents", type=int, default=2_000_000)
    parser.add_argument("--mode", default="memory-first")
    options = parser.parse_args()
    gc.disable()
    with tempfile.TemporaryDirectory() as folder:
        path = None if options.mode == "memory-only" else folder
        with velocity.open(path, storage_mode=options.mode) as database:
            users = database.create_collection("users")
            pauses = Pauses()
            for arguments in loads(options.documents):
                pauses.run(users.put, arguments)
            print(HEADER)
            print(pauses.row("put, while loading"), flush=True)
            pauses = read_beside_writes(users, options.documents)
            print(pauses.row("get, between writes, beside compaction"))
            print(f"\n{database.stats().compactions} compactions")


if __name__ == "__main__":
    main()
