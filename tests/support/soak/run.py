"""Rounds of mixed load with checks between them, during which nobody writes."""

from __future__ import annotations

import contextlib
import gc
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import velocity
from bench.sizes import disk_bytes, private_bytes
from support.children import run_in_fork
from support.soak.measures import Sample
from support.soak.pauses import Pause, Stopwatch, Witness
from support.soak.workers import SESSIONS, USERS, Reader, Writer, check
from support.store import Store, contents
from support.threads import run_threads

DOCUMENT_BYTES = 100  # of a document beside its data: id, names of fields, numbers, header
# In every so many rounds: one from each other, so that all combinations come.
FORK_EVERY, COMPACT_EVERY, COPY_EVERY, REOPEN_EVERY = 2, 3, 4, 5


@dataclass
class Load:
    """What a soak does. The same load in another run makes the same calls."""

    mode: str
    seed: str = "1"
    writers: int = 3
    readers: int = 2
    ids: int = 5000  # of each writer
    steps: int = 4000  # of each thread in a round
    cache_size: int = 4  # MB, in hybrid and persistent: less than there is


@dataclass
class Done:
    """What it did, and how that went."""

    rounds: int = 0
    calls: int = 0
    forks: int = 0
    copies: int = 0
    reopenings: int = 0
    compactions: int = 0
    expired: int = 0
    samples: list[Sample] = field(default_factory=list)
    slowest: dict[str, Pause] = field(default_factory=dict)
    witness_longest: float = 0.0


@contextlib.contextmanager
def collector_off() -> Iterator[None]:
    """A full collection goes through the model: in a call of the engine it would look like a pause."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


class Soak:
    """One database, its threads and their models."""

    def __init__(self, load: Load, directory: Path) -> None:
        self.load = load
        self.done = Done()
        self._store = Store(load.mode, directory / "data")
        self._copy = Store(load.mode, directory / "copy" / "data")
        self._writers = [Writer(load.seed, n, load.ids) for n in range(load.writers)]
        self._readers = [Reader(load.seed, n, self._writers) for n in range(load.readers)]

    def _open(self, store: Store) -> velocity.VelocityDB:
        cached = self.load.mode in ("hybrid", "persistent")
        return store.open(**({"cache_size": self.load.cache_size} if cached else {}))

    def __enter__(self) -> Soak:
        self.database = self._open(self._store)
        for name in (USERS, SESSIONS):
            self.database.create_collection(name)
        for writer in self._writers:
            writer.fill(self.database)
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._count()
        self._store.verified = exception[0] is None  # else the failure itself is the finding
        self._store.finish()

    def round(self) -> None:
        """The load, then every check."""
        with collector_off():
            self._run()
        gc.collect()
        self.check(self.database)
        self._sample()
        number = self.done.rounds
        if self._store.durable and number % COPY_EVERY == 0:
            self._check_copy()
        if self._store.durable and number % REOPEN_EVERY == 0:
            self._reopen()
        self.done.rounds += 1

    def _run(self) -> None:
        workers = [*self._writers, *self._readers]

        def work(number: int) -> None:
            if number == len(workers):
                self._maintain()
                return
            with Stopwatch(witness) as watch:
                workers[number].run(self.database, self.load.steps, watch)
            watches.append(watch)

        watches: list[Stopwatch] = []
        with Witness() as witness:
            run_threads(work, len(workers) + 1)
        self.done.witness_longest = max(self.done.witness_longest, witness.longest)
        for watch in watches:
            self.done.calls += watch.calls
            for verb, pause in watch.slowest.items():
                before = self.done.slowest.get(verb)
                if before is None or pause.engine > before.engine:
                    self.done.slowest[verb] = pause

    def _maintain(self) -> None:
        """Beside the load."""
        self.database.flush()
        if self.done.rounds % FORK_EVERY == 0:
            refused = run_in_fork(lambda: self.database.get(USERS, "w0-0"))
            assert refused == "DatabaseLockedError", refused
            self.done.forks += 1
        if self.done.rounds % COMPACT_EVERY == 0:
            self.database.compact()
        health = self.database.health()
        assert health.ok, health.checks

    def check(self, db: velocity.VelocityDB) -> None:
        """All documents are those of the models."""
        wanted = {}
        for writer in self._writers:
            wanted.update(writer.model.contents())
        found = contents(db[USERS])
        assert found == wanted, differences(found, wanted)
        self._check_sessions(db[SESSIONS])

    def _check_sessions(self, sessions: velocity.Collection) -> None:
        before = time.time()
        count, ids = len(sessions), set()
        for doc in sessions.scan():
            check(doc)
            ids.add(doc.id)
        after = time.time()
        known = {id: known for writer in self._writers for id, known in writer.sessions.items()}
        sure = {id: session.sure(before, after) for id, session in known.items()}
        present = {id for id, there in sure.items() if there}
        possible = {id for id, there in sure.items() if there is not False}
        assert present <= ids <= possible, (present - ids, ids - possible)
        assert len(present) <= count <= len(possible)

    def _count(self) -> None:
        """What the database counts from its opening on, at the end of it."""
        stats = self.database.stats()
        self.done.compactions += stats.compactions
        self.done.expired += stats.expired

    def _sample(self) -> None:
        stats = self.database.stats()
        sizes = [
            len(fields["data"]) + DOCUMENT_BYTES
            for writer in self._writers
            for _, fields in writer.model.documents.values()
        ]
        disk = disk_bytes(self._store.path) if self._store.durable else 0
        sample = Sample(stats.memory_usage, private_bytes(), disk, sum(sizes))
        self.done.samples.append(sample)

    def _check_copy(self) -> None:
        """A copy of the directory, made by copying its files, is the database."""
        self.database.flush()
        manifest = self._store.path / "MANIFEST"
        while True:  # compaction and expiry go on: with the same manifest after, its files were there
            before = manifest.read_bytes()
            with contextlib.suppress(shutil.Error):
                shutil.copytree(self._store.path, self._copy.path)
                if manifest.read_bytes() == before:
                    break
            shutil.rmtree(self._copy.path)
        try:
            self._copy.verify()
            self.check(self._open(self._copy))
        finally:
            self._copy.finish()
        self.done.copies += 1

    def _reopen(self) -> None:
        self._count()
        self._store.close()
        self.database = self._open(self._store)
        self.check(self.database)
        self.done.reopenings += 1


def differences(found: dict, wanted: dict) -> str:
    """The first few documents that are not alike."""
    ids = sorted(found.keys() | wanted.keys())
    unlike = [id for id in ids if found.get(id) != wanted.get(id)]
    return f"{len(unlike)} documents: {[(id, found.get(id), wanted.get(id)) for id in unlike[:3]]}"
