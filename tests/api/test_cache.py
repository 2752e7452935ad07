"""The cache of hybrid and persistent: all is readable, memory is bounded, a scan does not flush it."""

from __future__ import annotations

import random

import pytest

from support.store import contents

COUNT, SIZE = 16_000, 1000
MEGABYTE = 1 << 20


def fields(n):
    return {"n": n, "data": bytes([n % 256]) * SIZE}


def fill(users):
    for start in range(0, COUNT, 1000):
        users.insert_many((f"u{n:06}", fields(n)) for n in range(start, start + 1000))


def test_data_far_larger_than_the_cache(bounded):
    db = bounded.open(cache_size=1)
    users = db.create_collection("users")
    empty = db.stats().memory_usage
    fill(users)
    for _ in range(2):
        order = list(range(COUNT))
        random.Random(5).shuffle(order)
        for n in order[:4000]:
            assert users[f"u{n:06}"].fields == fields(n)
        assert [doc["n"] for doc in users.scan()] == list(range(COUNT))
        assert [doc["n"] for doc in users.get_many(f"u{n:06}" for n in order)] == order
        assert users.count({"n": 17}) == 1
        # The cache, a slot and a small block per cold document, and what regions leave unused.
        assert db.stats().memory_usage < empty + 1 * MEGABYTE + COUNT * 60 + 8 * MEGABYTE
        db = bounded.reopen()
        users = db["users"]
    assert len(users) == COUNT


def test_cold_documents_take_every_verb(bounded):
    users = bounded.open(cache_size=1).create_collection("users")
    fill(users)
    assert users.update("u000001", {"x": 1}) == 2
    assert users["u000001"].fields == fields(1) | {"x": 1}
    assert users.compare_and_swap("u000002", {"n": 2}, {"y": 1}).success
    result = users.compare_and_swap("u000003", {"n": 2}, {"y": 1})
    assert not result.success
    assert result.current_value == fields(3)
    assert users.replace("u000004", {}) == 2
    assert users.put("u000005", {}) == 2
    assert users.delete("u000006")
    assert users.delete_many(["u000007", "u000008"]) == 2
    assert users.update("u000009", {"$inc": {"n": 100}}) == 2
    assert users["u000009"]["n"] == 109
    assert "u000010" in users
    assert len(users) == COUNT - 3
    users = bounded.reopen()["users"]
    assert len(contents(users)) == COUNT - 3
    assert users["u000009"]["n"] == 109


def test_hit_ratio(bounded):
    db = bounded.open(cache_size=4)
    users = db.create_collection("users")
    users.insert_many((f"u{n:06}", fields(n)) for n in range(1000))
    db = bounded.reopen()
    users = db["users"]
    for _ in range(5):
        for n in range(1000):
            assert users[f"u{n:06}"]["n"] == n
    stats = db.stats()
    assert stats.cache_hits + stats.cache_misses >= 5000
    assert stats.cache_hits >= 3900
    assert stats.cache_hit_ratio == pytest.approx(
        stats.cache_hits / (stats.cache_hits + stats.cache_misses)
    )


@pytest.mark.parametrize("how", ["scan", "get_many", "get"])
def test_a_full_scan_does_not_flush_the_hot_set(how, bounded):
    db = bounded.open(cache_size=4)
    users = db.create_collection("users")
    fill(users)
    hot = [f"u{n:06}" for n in range(0, COUNT, COUNT // 1000)][:1000]

    def misses(read):
        before = db.stats().cache_misses
        read()
        return db.stats().cache_misses - before

    def read_hot():
        for id in hot:
            assert users[id].id == id

    for _ in range(4):
        read_hot()
    assert misses(read_hot) < 100
    scans = {
        "scan": lambda: list(users.scan()),
        "get_many": lambda: users.get_many([f"u{n:06}" for n in range(COUNT)]),
        "get": lambda: [users[f"u{n:06}"] for n in range(COUNT)],
    }
    assert misses(scans[how]) > COUNT / 2
    assert misses(read_hot) < 200


def test_a_larger_cache_holds_everything(bounded):
    db = bounded.open(cache_size=40)
    users = db.create_collection("users")
    fill(users)
    for _ in range(2):
        for n in range(COUNT):
            users[f"u{n:06}"]
    assert db.stats().cache_misses < COUNT * 1.1


def test_documents_larger_than_the_cache(bounded):
    users = bounded.open(cache_size=1).create_collection("users")
    for n in range(4):
        users.put(f"big{n}", {"n": n, "data": bytes([n]) * 3_000_000})
    for _ in range(2):
        for n in range(4):
            assert users[f"big{n}"]["data"] == bytes([n]) * 3_000_000
    assert users.update("big0", {"n": 10}) == 2
    assert bounded.reopen()["users"]["big0"]["n"] == 10


def test_the_smallest_cache(bounded):
    users = bounded.open(cache_size=0.001).create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(2000))
    assert {id: doc["n"] for id, doc in users.items()} == {f"u{n}": n for n in range(2000)}
