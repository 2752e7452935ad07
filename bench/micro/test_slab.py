"""Blocks of the slab: allocate and free, beside bytes objects of Python's own heap."""

import random

import pytest

from velocity._core.memory import Slab

COUNT = 1000
SIZES = pytest.mark.parametrize("size", [16, 100, 1024, 32768])


@SIZES
@pytest.mark.benchmark(group="allocate and free 1000 blocks")
def test_alloc_and_free(benchmark, size):
    slab = Slab()
    kept = slab.alloc(size)

    def run():
        refs = [slab.alloc(size) for _ in range(COUNT)]
        for ref in refs:
            slab.free(ref)

    benchmark(run)
    slab.free(kept)
    assert slab.used == 0


@SIZES
@pytest.mark.benchmark(group="allocate and free 1000 blocks")
def test_bytes_of_python(benchmark, size):
    benchmark(lambda: [bytearray(size) for _ in range(COUNT)])


@pytest.mark.benchmark(group="replace 1000 of 20,000 blocks of mixed sizes")
def test_churn(benchmark):
    rng = random.Random(1)
    sizes = [rng.randrange(40, 400) for _ in range(20_000)]
    slab = Slab()
    refs = [slab.alloc(size) for size in sizes]
    places = [(rng.randrange(len(refs)), rng.choice(sizes)) for _ in range(COUNT)]

    def run():
        for at, size in places:
            new = slab.alloc(size)
            slab.retire(refs[at])
            refs[at] = new

    benchmark(run)
    assert slab.collect() == 0
    slab.check()
