"""Space comes back by itself: files follow what lives, without a call."""

from __future__ import annotations

import random

import pytest

from support.waiting import eventually

COUNT = 40_000


def disk(directory):
    """Bytes of blocks, what was allocated ahead included."""
    total = 0
    for path in directory.iterdir():
        try:
            total += path.stat().st_blocks * 512
        except FileNotFoundError:  # compaction is quicker
            continue
    return total


def fields(n, revision):
    return {"name": f"User {n}", "age": n % 90, "email": f"u{n}@example.org", "n": revision}


@pytest.mark.parametrize("order", ["in order", "at random"])
def test_files_follow_what_lives(durable, order):
    db = durable.open(flush_interval=0.01)
    users = db.create_collection("users")
    chance = random.Random(order)
    for revision in range(6):
        for start in range(0, COUNT, 100):
            numbers = range(start, start + 100)
            if order == "at random" and revision:
                numbers = chance.sample(range(COUNT), 100)
            users.put_many((f"u{n}", fields(n, revision)) for n in numbers)
    live = db.stats().live_bytes
    assert live > 2_000_000
    eventually(lambda: disk(durable.path) <= 1.6 * live)
    users.delete_many([f"u{n}" for n in range(COUNT) if n % 10])
    live = db.stats().live_bytes
    assert live < 400_000
    eventually(lambda: disk(durable.path) <= 1.6 * live + 65_536)
    db = durable.reopen()
    assert len(db["users"]) == COUNT // 10


def test_an_empty_database_takes_next_to_nothing(durable):
    with durable.open() as db:
        assert disk(durable.path) <= 16_384
        db.create_collection("users")
        assert disk(durable.path) <= 16_384
    assert disk(durable.path) <= 16_384
