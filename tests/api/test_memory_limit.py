"""max_memory: a write past it is refused and changes nothing; reads go on; deletes make room."""

from __future__ import annotations

import pytest

import velocity
from support.store import Store, contents
from support.waiting import eventually
from velocity import BatchOperation, MemoryLimitError

LIMIT = 24 << 20


@pytest.fixture(params=["memory-only", "memory-first"])
def limited(request, tmp_path):
    store = Store(request.param, tmp_path / "data")
    yield store
    store.finish()


def fill(users, size=1000):
    """Put documents until the limit; how many there are."""
    for n in range(LIMIT // size * 2):
        try:
            users.insert(f"u{n:06}", {"n": n, "data": bytes(size)})
        except MemoryLimitError:
            return n
    pytest.fail("the limit was never met")
    return None


@pytest.mark.parametrize("size", [100, 1000, 50_000])
def test_the_limit_is_met_and_held(size, limited):
    db = limited.open(max_memory=LIMIT)
    users = db.create_collection("users")
    count = fill(users, size)
    stats = db.stats()
    assert stats.memory_usage <= LIMIT
    assert stats.documents == count == len(users)
    assert count * size > LIMIT / 4  # most of it is documents


def test_nothing_is_changed_by_a_refused_write(limited):
    db = limited.open(max_memory=LIMIT)
    users = db.create_collection("users")
    count = fill(users)
    big = {"data": bytes(3_000_000)}
    calls = {
        "insert": lambda: users.insert("new", big),
        "put": lambda: users.put("u000001", big),
        "update": lambda: users.update("u000001", big),
        "replace": lambda: users.replace("u000001", big),
        "put_many": lambda: users.put_many([("u000001", {}), ("new", big)]),
        "compare_and_swap": lambda: users.compare_and_swap("u000001", {"n": 1}, big),
        "batch": lambda: db.batch(
            [
                BatchOperation("put", "users", id=f"new{n}", fields={"data": bytes(1000)})
                for n in range(30_000)
            ]
        ),
    }
    for name, call in calls.items():
        with pytest.raises(MemoryLimitError) as caught:
            call()
        assert isinstance(caught.value, MemoryError)
        assert "max_memory" in str(caught.value), name
        assert str(LIMIT) in str(caught.value).replace(",", "").replace("_", "")
    assert len(users) == count
    assert users["u000001"].fields == {"n": 1, "data": bytes(1000)}
    assert users["u000001"].version == 1
    assert all(doc["n"] == n for n, doc in enumerate(users.scan()))


def test_deletes_make_room(limited):
    db = limited.open(max_memory=LIMIT)
    users = db.create_collection("users")
    for _ in range(3):
        count = fill(users)
        assert count > 10_000
        assert users.delete_many(f"u{n:06}" for n in range(count)) == count
        assert len(users) == 0
    eventually(lambda: db.stats().memory_usage < LIMIT / 2)


def test_deleting_one_makes_room_for_one(limited):
    users = limited.open(max_memory=LIMIT).create_collection("users")
    count = fill(users)
    for n in range(100):
        users.delete(f"u{n:06}")
        users.insert(f"v{n:06}", {"n": n, "data": bytes(1000)})
    assert len(users) == count


def test_updates_of_the_same_size_go_on_for_ever(limited):
    users = limited.open(max_memory=LIMIT).create_collection("users")
    users.put_many((f"u{n}", {"data": bytes(1000)}) for n in range(10_000))
    for turn in range(5):
        for n in range(10_000):
            users.put(f"u{n}", {"turn": turn, "data": bytes(1000)})
    assert users["u9999"]["turn"] == 4


def test_a_database_too_large_for_the_limit_does_not_open(tmp_path):
    store = Store("memory-first", tmp_path / "data")
    users = store.open().create_collection("users")
    users.put_many((f"u{n}", {"data": bytes(1000)}) for n in range(40_000))
    with pytest.raises(MemoryLimitError, match=rf"data: .*max_memory \({LIMIT} bytes\)"):
        store.reopen(max_memory=LIMIT)
    assert len(store.open(max_memory=LIMIT * 4)["users"]) == 40_000
    store.finish()


def test_no_limit_by_default():
    with velocity.open() as db:
        users = db.create_collection("users")
        users.put_many((f"u{n}", {"data": bytes(1000)}) for n in range(50_000))
        assert db.stats().memory_usage > 50_000_000


def test_reads_go_on_at_the_limit(limited):
    db = limited.open(max_memory=LIMIT)
    users = db.create_collection("users")
    fill(users)
    for _ in range(3):
        with pytest.raises(MemoryLimitError):
            users.insert("huge", {"data": bytes(10_000_000)})
        assert len(contents(users)) == len(users)
    assert db.health().checks
