"""The cache keeps what is read again: never behind LRU, and close to S3-FIFO, at the same number of bytes."""

from __future__ import annotations

import pytest

from bench.cache import engine_ratio, mixed
from bench.data import Zipf
from bench.policies import Lru, S3Fifo, hit_ratio

COUNT, SIZE, SHARE = 10_000, 1_900, 0.1


@pytest.mark.parametrize("trace", ["zipf", "zipf and scans"])
def test_beside_simulated_policies(trace):
    keys = Zipf(COUNT).take(60_000) if trace == "zipf" else mixed(COUNT, 60_000)
    found = engine_ratio(keys, COUNT, SIZE, SHARE)
    capacity = int(COUNT * SHARE)
    assert found > hit_ratio(Lru(capacity), keys) + 0.02
    assert found > hit_ratio(S3Fifo(capacity), keys) - 0.015
