"""Readers without the GIL beside a writer that inserts, replaces, removes, grows and shrinks.

Laws:
  1. An id that is present throughout is found in every batch, however the leaves move.
  2. What is found under an id is a payload that was put there: never another's, never freed memory
     (debug builds fill freed blocks, and the hash in the block is compared).
  3. An id that is never inserted is never found.
  4. A walk gives what is present throughout exactly once.
  5. When readers and writer are done, everything retired can be freed, and the bytes add up.
"""

import random
import sys
import threading

import pytest

from velocity._core.memory import Table

STAY = 500
ROUNDS = 12


@pytest.fixture(autouse=True)
def eager_threads():
    """On builds with a GIL a waiting reader gets it soon."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def payload_of(hash_, version):
    """A payload that names its hash: readers can tell another id's."""
    return (hash_ * 0x9E3779B97F4A7C15 + version) & (2**64 - 1) & ~0xFFFF | version


class Scene:
    """A table, ids that stay, and what went wrong in any thread."""

    def __init__(self, seed, shape):
        self.rng = random.Random(seed)
        self.table = Table()
        self.shape = shape
        self.stay = sorted({self.new_hash() for _ in range(STAY)})
        self.never = [self.new_hash() ^ 1 << 33 for _ in range(200)]
        self.stop = threading.Event()
        self.errors = []
        for hash_ in self.stay:
            self.table.insert(hash_, payload_of(hash_, 0))

    def new_hash(self):
        return self.shape(self.rng) & ~(1 << 33)

    def run(self, *workers):
        def guarded(worker):
            try:
                worker()
            except BaseException as error:  # handed to the test's own thread
                self.errors.append(error)
                self.stop.set()

        threads = [threading.Thread(target=guarded, args=(w,)) for w in workers]
        for thread in threads:
            thread.start()
        guarded(self.write)
        self.stop.set()
        for thread in threads:
            thread.join()
        if self.errors:
            raise self.errors[0]
        self.table.check()
        assert self.table.collect() == 0

    def write(self):
        """Grow by thousands, churn, shrink to what stays: each round splits and shrinks leaves."""
        for version in range(1, ROUNDS + 1):
            come = sorted({self.new_hash() for _ in range(4000)} - set(self.stay))
            for hash_ in come:
                self.table.insert(hash_, payload_of(hash_, version))
            for hash_ in self.rng.sample(self.stay, 300) + self.rng.sample(come, 300):
                self.table.replace(hash_, payload_of(hash_, version))
            self.rng.shuffle(come)
            for hash_ in come:
                self.table.remove(hash_)
            if self.stop.is_set():
                return

    def read(self):
        stay = self.stay * 20  # long without the GIL, so that the writer moves leaves meanwhile
        while not self.stop.is_set():
            found = self.table.find_many_nogil(stay)
            for hash_, payload in zip(stay, found, strict=True):
                assert payload is not None, "an id that stays was missed"
                assert payload == payload_of(hash_, payload & 0xFFFF), "another id's payload"
                assert payload & 0xFFFF <= ROUNDS
            assert set(self.table.find_many_nogil(self.never)) == {None}

    def walk(self):
        while not self.stop.is_set():
            seen, cursor, done = [], 0, False
            while not done:
                pairs, cursor, done = self.table.walk(cursor)
                seen += pairs
            for hash_, payload in seen:
                assert payload == payload_of(hash_, payload & 0xFFFF)
            stay = set(self.stay)
            assert sum(hash_ in stay for hash_, _ in seen) == len(stay)


def any_hash(rng):
    return rng.getrandbits(64)


def few_homes(rng):
    """256 homes in each of four quarters: long probes over many deleted slots."""
    return rng.getrandbits(64) & (0b11 << 62 | 0xFF << 34 | (1 << 34) - 1)


@pytest.mark.parametrize("shape", [any_hash, few_homes])
def test_readers_beside_a_growing_and_shrinking_table(shape):
    scene = Scene(1, shape)
    scene.run(scene.read, scene.read)


def test_walks_beside_a_growing_and_shrinking_table():
    scene = Scene(2, any_hash)
    scene.run(scene.walk, scene.read)


def test_writers_exclude_one_another():
    table = Table()
    rng = random.Random(3)
    parts = [[rng.getrandbits(64) for _ in range(3000)] for _ in range(4)]
    start = threading.Barrier(len(parts))

    def work(part):
        start.wait()
        for n, hash_ in enumerate(part):
            table.insert(hash_, n)
        for hash_ in part[::2]:
            table.remove(hash_)

    threads = [threading.Thread(target=work, args=(part,)) for part in parts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    table.check()
    assert len(table) == 6000
    for part in parts:
        assert table.find_many_nogil(part[1::2]) == list(range(1, 3000, 2))
    assert table.collect() == 0
