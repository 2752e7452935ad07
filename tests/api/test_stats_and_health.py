"""stats, health, verify, flush, compact: what an operator sees."""

from __future__ import annotations

import os

import pytest

import velocity
from support.store import contents
from support.waiting import eventually
from velocity import Health, Stats

FIELDS = "collections documents memory_usage disk_usage uptime cache_hits cache_misses cache_hit_ratio garbage_ratio".split()


def test_stats_of_an_empty_database(db):
    stats = db.stats()
    assert isinstance(stats, Stats)
    assert all(hasattr(stats, name) for name in FIELDS)
    assert (stats.collections, stats.documents) == (0, 0)
    assert 0 <= stats.uptime < 3600
    assert 0 <= stats.cache_hit_ratio <= 1
    assert 0 <= stats.garbage_ratio <= 1


def test_counts(db):
    for name in ("a", "b", "c"):
        db.create_collection(name).put_many((f"u{n}", {"n": n}) for n in range(100))
    assert (db.stats().collections, db.stats().documents) == (3, 300)
    db["a"].delete_many(f"u{n}" for n in range(50))
    db["b"].put("u1", {})
    db["b"].put("new", {})
    assert db.stats().documents == 251
    db.drop_collection("c")
    assert (db.stats().collections, db.stats().documents) == (2, 151)


def test_memory_is_accounted_for(db):
    users = db.create_collection("users")
    start = db.stats().memory_usage
    users.put_many((f"u{n}", {"text": "x" * 1000}) for n in range(12_000))
    grown = db.stats().memory_usage - start
    if db.config.storage_mode.value in ("memory-only", "memory-first"):
        assert 12_000_000 < grown < 24_000_000
    else:
        assert grown < 6_000_000
    users.clear()
    # A spare region and the last one, in which retired blocks wait, may stay.
    eventually(lambda: db.stats().memory_usage < start + 5_000_000)


def test_the_parts_of_memory_are_counted_once(db):
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"text": "x" * 20}) for n in range(50_000))
    stats = db.stats()
    parts = stats.extra["record_memory"] + stats.extra["table_memory"]
    assert parts + stats.extra["name_memory"] <= stats.memory_usage
    users.clear()
    eventually(lambda: db.stats().extra["record_memory"] < 100_000)


def test_disk_usage_is_what_the_files_take(durable):
    db = durable.open()
    db.create_collection("users").put_many((f"u{n}", {"text": "x" * 1000}) for n in range(3000))
    db.flush()
    stats = db.stats()
    assert stats.disk_usage > 3_000_000
    durable.close()
    files = sum(path.stat().st_size for path in durable.path.iterdir())
    assert files < stats.disk_usage * 1.5 + 1_000_000
    assert 3_000_000 < files < 6_000_000


def test_memory_only_takes_no_disk():
    with velocity.open() as db:
        db.create_collection("users").insert("a", {})
        assert db.stats().disk_usage == 0


def test_uptime_rises(db):
    first = db.stats().uptime
    assert eventually(lambda: db.stats().uptime > first)


def test_health(db):
    db.create_collection("users").insert("a", {})
    health = db.health()
    assert isinstance(health, Health)
    assert health.ok is True
    assert health.checks
    assert all(
        isinstance(name, str) and isinstance(text, str) for name, text in health.checks.items()
    )


def test_flush_makes_everything_durable(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(100))
    db.flush()
    stats = db.stats()
    assert stats.durable_sequence == stats.sequence
    db.flush()


def test_flush_of_a_memory_only_database_is_fine():
    with velocity.open() as db:
        db.create_collection("users").insert("a", {})
        db.flush()
        assert db.compact() == 0


def test_writes_reach_the_disk_without_flush(durable):
    db = durable.open()
    db.create_collection("users").insert("a", {})
    eventually(lambda: db.stats().durable_sequence == db.stats().sequence)


def test_compact_gives_space_back(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"text": os.urandom(500).hex()}) for n in range(5000))
    expected = contents(users)
    for n in range(5000):
        if n % 10:
            users.delete(f"u{n}")
            del expected[f"u{n}"]
    db.flush()
    given_back = db.compact()
    after = db.stats()
    assert after.garbage_ratio < 0.2
    assert given_back >= 0
    assert contents(users) == expected
    durable.close()
    assert (
        sum(path.stat().st_size for path in durable.path.glob("*.seg")) < 500 * 1100 * 2 + 500_000
    )
    assert contents(durable.open()["users"]) == expected


def test_compact_keeps_versions_times_and_expiry(durable):
    db = durable.open()
    users = db.create_collection("users")
    for n in range(300):
        users.put("a", {"n": n})
        users.put(f"b{n % 7}", {"n": n}, ttl=10_000)
    users.delete("b0")
    old = {
        doc.id: (doc.version, doc.created, doc.modified, doc.expires, doc.fields)
        for doc in users.scan()
    }
    for _ in range(2):
        db.compact()
        assert {
            d.id: (d.version, d.created, d.modified, d.expires, d.fields) for d in users.scan()
        } == old
    db = durable.reopen()
    assert {
        d.id: (d.version, d.created, d.modified, d.expires, d.fields) for d in db["users"].scan()
    } == old


def test_deleted_documents_stay_deleted_after_compactions(durable):
    db = durable.open()
    users = db.create_collection("users")
    for turn in range(6):
        users.put_many((f"u{n}", {"turn": turn, "text": "x" * 100}) for n in range(200))
        users.delete_many(f"u{n}" for n in range(turn, 200, 3))
        db.compact()
        expected = contents(users)
        db = durable.reopen()
        users = db["users"]
        assert contents(users) == expected


def test_space_comes_back_by_itself(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"data": os.urandom(1000)}) for n in range(12_000))
    db.flush()
    full = db.stats().disk_usage
    users.delete_many(f"u{n}" for n in range(12_000) if n % 10)
    live = 1200 * 1050
    eventually(lambda: db.stats().disk_usage < full / 2, timeout=60)
    eventually(lambda: db.stats().garbage_ratio < 0.5, timeout=60)
    assert live * 0.9 < db.stats().live_bytes < live * 1.3
    assert len(users) == 1200


def test_verify_counts_records(durable):
    users = durable.open().create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(100))
    durable.close()
    report = velocity.verify(durable.path)
    assert report.ok
    assert report.records >= 100
    assert report.errors == []


def test_verify_changes_nothing(durable):
    durable.open().create_collection("users").insert("a", {})
    durable.close()
    before = {path.name: path.read_bytes() for path in durable.path.iterdir()}
    velocity.verify(str(durable.path))
    after = {path.name: path.read_bytes() for path in durable.path.iterdir()}
    assert {k: v for k, v in after.items() if k != "LOCK"} == {
        k: v for k, v in before.items() if k != "LOCK"
    }


@pytest.mark.parametrize("turns", [1, 3])
def test_overwriting_for_long_does_not_fill_the_disk(turns, persistent):
    db = persistent.open()
    users = db.create_collection("users")
    data = os.urandom(20_000)
    for turn in range(turns * 1000):
        users.put(f"u{turn % 20}", {"turn": turn, "data": data})
    db.compact()
    persistent.close()
    assert (
        sum(path.stat().st_size for path in persistent.path.iterdir()) < 20 * 20_000 * 4 + 2_000_000
    )
