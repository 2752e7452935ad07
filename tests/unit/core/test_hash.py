"""XXH3-64 against the `xxhash` package."""

import random

import pytest
import xxhash

from velocity._core.codec import hash64

SEEDS = (0, 1, 0x9E3779B185EBCA87, 2**63, 2**64 - 1)
DATA = random.Random(7).randbytes(70_000)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_length_over_all_branches_of_the_algorithm(seed):
    for size in range(2_101):
        data = DATA[:size]
        assert hash64(data, seed) == xxhash.xxh3_64_intdigest(data, seed), size


@pytest.mark.parametrize("size", [4_095, 4_096, 4_097, 16_385, 65_536, 65_999])
@pytest.mark.parametrize("offset", range(8))
def test_long_and_unaligned_input(size, offset):
    data = DATA[offset : offset + size]
    for seed in SEEDS:
        assert hash64(memoryview(DATA)[offset : offset + size], seed) == xxhash.xxh3_64_intdigest(
            data, seed
        )


def test_short_unaligned_input():
    for offset in range(1, 9):
        for size in range(0, 260):
            data = DATA[offset : offset + size]
            assert hash64(memoryview(DATA)[offset : offset + size], 5) == xxhash.xxh3_64_intdigest(
                data, 5
            )


def test_published_value_of_nothing():
    assert hash64(b"") == 0x2D06800538D394C2
