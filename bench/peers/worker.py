"""One store in a process of its own, told what to do by lines of JSON on standard input.

    python -m bench.peers.worker VARIANT DIRECTORY

Each line is {"do": name, ...arguments}, answered by one line of JSON. compare.py is the other end.
"""

import itertools
import json
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bench.data import Fields, Fresh, Uniform, document, document_id, pairs
from bench.peers.face import Peer
from bench.peers.mix import Mix
from bench.peers.registry import VARIANTS
from bench.rows import BATCH, ages_of, batches_of, ids_of
from bench.sizes import disk_bytes, family_bytes
from bench.timing import Case, WrongAnswerError, collector_off, run_block


def load(peer: Peer, count: int) -> None:
    source = pairs(range(count))
    while batch := list(itertools.islice(source, 1_000)):
        peer.put_batch(batch)
    peer.flush()
    if peer.count() != count:
        raise WrongAnswerError(f"{peer.count()} documents after loading {count}")


class Worker:
    def __init__(self, variant: str, directory: Path) -> None:
        self.directory = directory
        self.private_before = family_bytes()
        self.peer = VARIANTS[variant].open(directory)
        self.synced = VARIANTS[variant].durability == "fsync"
        self.stretch = 1_000
        self.revision = 0
        self.cases: dict[str, Case] = {}

    def load(self, count: int) -> dict[str, Any]:
        start = time.perf_counter()
        load(self.peer, count)
        seconds = time.perf_counter() - start
        if self.synced:
            # Each put may wait milliseconds for the disk: look at the clock sooner.
            self.stretch = max(10, min(100, count // 100))
        self.cases = {
            "get": Case("get", Uniform(count), ids_of, self.read, ages_of),
            "put": self.writing("put", Uniform(count), self.prepare, self.write),
            "new": self.writing("new", Fresh(count), self.prepare, self.write),
            "batch": self.writing("batch", Uniform(count), self.batches, self.write_batches),
            "delete": self.deleting(count),
        }
        self.ycsb = Mix(self.peer, count)
        return {"seconds": seconds, **self.sizes()}

    def sizes(self) -> dict[str, int]:
        return {
            "private": family_bytes() - self.private_before,
            "disk": disk_bytes(self.directory),
        }

    def writing(self, name: str, access: Any, prepare: Any, run: Any) -> Case:
        stretch = 1_000 if name == "batch" else self.stretch
        return Case(name, access, prepare, run, len, self.check, stretch)

    def deleting(self, count: int) -> Case:
        """Of documents put just before, in numbers that no other case reaches."""

        def prepare(numbers: list[int]) -> list[str]:
            self.peer.put_batch(self.prepare(numbers))
            return ids_of(numbers)

        def gone(numbers: list[int]) -> bool:
            return self.peer.get(document_id(numbers[-1])) is None

        access = Fresh(1000 * count)
        return Case("delete", access, prepare, self.remove, len, gone, self.stretch)

    def prepare(self, numbers: list[int]) -> list[tuple[str, Fields]]:
        self.revision += 1
        return [(document_id(number), document(number, self.revision)) for number in numbers]

    def batches(self, numbers: list[int]) -> list[list[tuple[str, Fields]]]:
        return batches_of(self.prepare(numbers))

    def read(self, ids: list[str]) -> int:
        get = self.peer.get
        total = 0
        for id in ids:
            total += get(id)["age"]
        return total

    def write(self, pairs: list[tuple[str, Fields]]) -> int:
        put = self.peer.put
        for id, fields in pairs:
            put(id, fields)
        return len(pairs)

    def write_batches(self, batches: list[list[tuple[str, Fields]]]) -> int:
        for batch in batches:
            self.peer.put_batch(batch)
        return BATCH * len(batches)

    def remove(self, ids: list[str]) -> int:
        delete = self.peer.delete
        for id in ids:
            delete(id)
        return len(ids)

    def check(self, numbers: list[int]) -> bool:
        found = self.peer.get(document_id(numbers[-1]))
        return same(found, document(numbers[-1], self.revision))

    def block(self, case: str, seconds: float) -> dict[str, float]:
        with collector_off():
            cpu_ns, wall_ns = run_block(self.cases[case], seconds)
        return {"cpu": cpu_ns, "wall": wall_ns}

    def latency(self) -> dict[str, list[int]]:
        """Wall nanoseconds of a stretch of single calls, with about 50 of the clock in each."""
        get, put, clock = self.peer.get, self.peer.put, time.perf_counter_ns
        gets, puts = [], []
        with collector_off():
            for id in ids_of(self.cases["get"].access.take(1_000)):
                start = clock()
                get(id)["age"]
                gets.append(clock() - start)
            for id, fields in self.prepare(self.cases["put"].access.take(self.stretch)):
                start = clock()
                put(id, fields)
                puts.append(clock() - start)
        return {"get": gets, "put": puts}

    def ordered(self) -> bool:
        return hasattr(self.peer, "scan")

    def mix(self, workload: str, seconds: float) -> dict[str, Any]:
        return self.ycsb.run(workload, seconds)

    def stop(self) -> dict[str, Any]:
        self.peer.close()
        return {}


def same(found: Mapping[str, object] | None, expected: Fields) -> bool:
    return found is not None and dict(found) == expected


def main() -> None:
    # Whatever a library prints goes to standard error: standard output belongs to the answers.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    worker = Worker(sys.argv[1], Path(sys.argv[2]))
    for line in sys.stdin:
        command = json.loads(line)
        answer = getattr(worker, command.pop("do"))(**command)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
