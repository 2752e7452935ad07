"""The slow tail of single operations: while loading, and of reads beside a writer and compaction.

    python -m bench.latency [--count N] [--seconds S] [--dir DIRECTORY]

The clock goes round every single call, once by wall time and once by the CPU time of the calling
thread, in which neither waiting for a processor nor for the GIL counts, nor for a lock. Bare rows
show what the machine itself does to a loop. Every row has a process of its own.
"""

import itertools
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.command import Say, data_folder, parser_for, say
from bench.data import Fields, Uniform, document, document_id, pairs
from bench.isolated import isolated
from bench.peers.dicts import DictOfDicts, DictOfPacked
from bench.peers.ours import Velocity
from bench.stopwatch import Stopwatch, Tail
from bench.tables import table
from bench.timing import WrongAnswerError, collector_off

STRETCH = 1_000
MODES = ("memory-first", "persistent")
BARE, DICTS, PACKED = "nothing but the clock", "dict of dicts", "dict + msgpack"


def stretches(count: int) -> Iterator[list[tuple[str, Fields]]]:
    for start in range(0, count, STRETCH):
        yield list(pairs(range(start, min(start + STRETCH, count))))


class Nothing:
    """A store that only counts: what is measured of it is the machine and the clocks."""

    def __init__(self) -> None:
        self.puts = itertools.count()

    def put(self, id: str, fields: Fields) -> None:
        next(self.puts)

    def count(self) -> int:
        return next(self.puts)

    def close(self) -> None:
        pass


def open_store(name: str, folder: Path) -> Any:
    if name in MODES:
        return Velocity(folder, name)
    return {BARE: Nothing, DICTS: DictOfDicts, PACKED: DictOfPacked}[name]()


def load_one(name: str, count: int, folder: Path) -> Tail:
    """Puts of new ids, one by one, from none to *count*."""
    watch = Stopwatch()
    peer = open_store(name, folder)
    with collector_off():
        for documents in stretches(count):
            watch.time(peer.put, documents)
    if peer.count() != count:
        raise WrongAnswerError(f"{name}: {peer.count()} documents after loading {count}")
    peer.close()
    return watch.tail()


class Overwriter:
    """A thread that puts existing documents without a pause, so that there is garbage to compact."""

    def __init__(self, peer: Any, count: int) -> None:
        self.peer = peer
        self.access = Uniform(count, seed=1)
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._write)
        self.writes = 0

    def _write(self) -> None:
        put, revision = self.peer.put, 0
        while not self.stopping.is_set():
            revision += 1
            for number in self.access.take(STRETCH):
                put(document_id(number), document(number, revision))
            self.writes += STRETCH

    def __enter__(self) -> "Overwriter":
        self.thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self.stopping.set()
        self.thread.join()


def read_beside_writer(name: str, count: int, seconds: float, folder: Path) -> Tail:
    """Reads of one field in one thread, while another overwrites and compaction follows."""
    watch = Stopwatch()
    peer = open_store(name, folder)
    for documents in stretches(count):
        peer.put_batch(documents)
    peer.flush()
    access, get = Uniform(count), peer.get

    def compactions() -> int:
        return peer.database.stats().compactions if name in MODES else 0

    with collector_off(), Overwriter(peer, count):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            watch.time(lambda id: get(id)["age"], [(document_id(n),) for n in access.take(STRETCH)])
        done = compactions()
    peer.close()
    return watch.tail(done)


def measure(
    count: int, beside: int, seconds: float, parent: Path | None, say: Say
) -> dict[str, dict[str, Tail]]:
    """*count* documents are loaded one by one; *beside* are read beside a writer."""
    loading, reading = {}, {}
    # No dict of dicts here: ten million documents in it take 4.5 GB.
    for name in (BARE, PACKED, *MODES):
        say(f"latency: loading {count} documents, {name}")
        with data_folder(parent) as folder:
            loading[name] = isolated(load_one, name, count, folder)
    for name in (DICTS, PACKED, *MODES):
        say(f"latency: reads beside a writer, {name}")
        with data_folder(parent) as folder:
            reading[name] = isolated(read_beside_writer, name, beside, seconds, folder)
    return {"loading": loading, "reading": reading}


def latency_tables(tails: dict[str, dict[str, Tail]]) -> str:
    times = ["median", "p99", "p99.9", "longest", "p99.9 CPU", "longest CPU"]
    loading, reading = tails["loading"], tails["reading"]

    def named(name: str) -> list[str]:
        return ["velocity", name] if name in MODES else [name, ""]

    loads = [[*named(name), *tail.cells()] for name, tail in loading.items()]
    reads = [[*named(name), *tail.cells(), str(tail.compactions)] for name, tail in reading.items()]
    calls = next(iter(loading.values())).calls
    return (
        f"**Single puts while {calls:,} documents are loaded** (µs, every call timed; CPU: of the "
        "calling thread, the scheduler's and the GIL's pauses left out)\n\n"
        f"{table(['store', 'mode', *times], loads)}\n\n"
        "**Single reads beside a thread that overwrites all the time, and compaction** (µs)\n\n"
        f"{table(['store', 'mode', *times, 'compactions'], reads)}"
    )


def main(arguments: list[str] | None = None) -> None:
    parser = parser_for("latency", __doc__, count=10_000_000)
    parser.add_argument("--beside", type=int, default=1_000_000, help="documents of the reads")
    parser.add_argument("--seconds", type=float, default=10, help="of reads beside a writer")
    options = parser.parse_args(arguments)
    print(latency_tables(measure(options.count, options.beside, options.seconds, options.dir, say)))


if __name__ == "__main__":
    sys.exit(main())
