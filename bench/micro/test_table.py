"""The table at two loads, beside a dict: one call per id, and batches without the GIL.

Every number holds one Python call (some 40 ns) but for the batches. A leaf's load runs from 0.43 after
a split to 0.85 before the next, so a count of entries sets it: LIGHT and FULL are just after and just
before all leaves split. The table's find compares the full hash in a block, as a read of a record does.
"""

import random
from itertools import cycle

import pytest

from velocity._core.memory import Table

LEAVES = 32
LIGHT, FULL = int(LEAVES * 4096 * 0.5), int(LEAVES * 4096 * 0.80)
LOADS = pytest.mark.parametrize("count", [LIGHT, FULL], ids=["load .50", "load .80"])
BATCH = 1000


def hashes_of(count, seed):
    rng = random.Random(seed)
    return [rng.getrandbits(64) for _ in range(count)]


@pytest.fixture
def present(count):
    return hashes_of(count, 1)


@pytest.fixture
def table(present):
    table = Table()
    for n, hash_ in enumerate(present):
        table.insert(hash_, n)
    assert 0.9 < table.memory / (LEAVES * 32768) < 1.1
    return table


@pytest.fixture
def plain(present):
    return {hash_: n for n, hash_ in enumerate(present)}


def each(function, values):
    """A call of function on the next thousand values."""
    chunks = [values[i : i + BATCH] for i in range(0, len(values) - BATCH, BATCH)]
    chunk = cycle(chunks).__next__

    def run():
        for value in chunk():
            function(value)

    return run


def shuffled(values):
    return random.Random(2).sample(values, len(values))


@LOADS
@pytest.mark.benchmark(group="find, present, 1000 ids")
def test_find(benchmark, table, present):
    assert table.find(present[3]) == 3
    benchmark(each(table.find, shuffled(present)))


@LOADS
@pytest.mark.benchmark(group="find, present, 1000 ids")
def test_find_in_a_batch(benchmark, table, present):
    values = shuffled(present)
    chunk = cycle([values[i : i + BATCH] for i in range(0, len(values) - BATCH, BATCH)]).__next__
    assert None not in table.find_many_nogil(values)
    benchmark(lambda: table.find_many_nogil(chunk()))


@LOADS
@pytest.mark.benchmark(group="find, present, 1000 ids")
def test_find_dict(benchmark, plain, present):
    benchmark(each(plain.get, shuffled(present)))


@LOADS
@pytest.mark.benchmark(group="find, absent, 1000 ids")
def test_find_absent(benchmark, table):
    absent = hashes_of(50_000, 3)
    assert table.find(absent[0]) is None
    benchmark(each(table.find, absent))


@LOADS
@pytest.mark.benchmark(group="find, absent, 1000 ids")
def test_find_absent_dict(benchmark, plain):
    benchmark(each(plain.get, hashes_of(50_000, 3)))


@LOADS
@pytest.mark.benchmark(group="replace, 1000 ids")
def test_replace(benchmark, table, present):
    benchmark(each(lambda hash_: table.replace(hash_, 7), shuffled(present)))
    table.check()


@LOADS
@pytest.mark.benchmark(group="replace, 1000 ids")
def test_replace_dict(benchmark, plain, present):
    benchmark(each(lambda hash_: plain.__setitem__(hash_, 7), shuffled(present)))


@LOADS
@pytest.mark.benchmark(group="insert all, growing from nothing")
def test_insert(benchmark, present):
    def run():
        table = Table()
        for hash_ in present:
            table.insert(hash_, 1)
        return table

    assert len(benchmark.pedantic(run, rounds=3)) == len(present)


@LOADS
@pytest.mark.benchmark(group="insert all, growing from nothing")
def test_insert_dict(benchmark, present):
    def run():
        plain = {}
        for hash_ in present:
            plain[hash_] = 1
        return plain

    assert len(benchmark.pedantic(run, rounds=3)) == len(present)


@LOADS
@pytest.mark.benchmark(group="insert and remove, 1000 ids")
def test_insert_and_remove(benchmark, table):
    def one(hash_):
        table.insert(hash_, 1)
        table.remove(hash_)

    benchmark(each(one, hashes_of(50_000, 4)))
    table.check()
