"""What the manifest keeps with a collection: its bytes, what survives, and that a failure changes nothing."""

from __future__ import annotations

import errno
from datetime import datetime, timedelta, timezone
from functools import partial

import pytest
from hypothesis import given

import velocity
from support.faults import fault
from support.files import image
from support.same import same
from support.store import Store
from support.strategies import documents
from support.threads import run_threads
from velocity import CorruptionError, NotFoundError, SchemaError, StorageError
from velocity.py.metadata import change_metadata, pack, read_metadata, unpack

INDIA = timezone(timedelta(hours=5, minutes=30))
METADATA = {
    "schema": {
        "fields": {
            "since": {"type": "TIME", "default": datetime(2026, 1, 2, tzinfo=INDIA)},
            "raw": {"type": "BYTES", "default": b"\0\xff"},
        },
    },
    "indexes": [{"name": "age", "fields": [["age", -1]], "unique": False, "where": None}],
}


@given(documents)
def test_round_trip(metadata):
    assert same(unpack(pack(metadata)), metadata)
    assert (pack(metadata) == b"") is (metadata == {})


def test_what_is_no_metadata_is_refused():
    data = pack(METADATA)
    for size in range(1, len(data)):
        with pytest.raises(ValueError):
            unpack(data[:size])
    with pytest.raises(ValueError, match="version 2 is unknown"):
        unpack(b"\2" + data[1:])


def test_created_with_changed_and_gone(users, db):
    assert read_metadata(users) == {}
    db._engine.create_collection("described", 0, pack(METADATA))
    described = db["described"]
    assert read_metadata(described) == METADATA
    change_metadata(described, lambda m: m.pop("schema"))
    assert read_metadata(described) == {"indexes": METADATA["indexes"]}
    change_metadata(described, dict.clear)
    assert db._engine.metadata(described) == b""
    db.drop_collection("described")
    with pytest.raises(NotFoundError):
        change_metadata(described, lambda m: m.update(METADATA))
    db.create_collection("described")
    assert read_metadata(db["described"]) == {}


def test_kept_across_reopening(durable):
    db = durable.open()
    users = db.create_collection("users")
    change_metadata(users, lambda m: m.update(METADATA))
    db._engine.create_collection("others", 0, pack({"a": 1}))
    for _ in range(2):
        db = durable.reopen(db)
        assert read_metadata(db["users"]) == METADATA
        assert read_metadata(db["others"]) == {"a": 1}
        db["users"].put("u", {})
        db.compact()


def test_kept_by_a_crash_as_soon_as_it_returns(durable):
    """With every write that was acknowledged before it, in every mode."""
    db = durable.open()
    users = db.create_collection("users")
    for n in range(3):
        users.put(f"u{n}", {"n": n})
        change_metadata(users, lambda m, n=n: m.update(METADATA, n=n))
        crashed = Store(durable.mode, image(durable.path, durable.path.parent / f"crashed{n}"))
        with crashed.open() as found:
            assert read_metadata(found["users"]) == METADATA | {"n": n}
            assert f"u{n}" in found["users"]
        crashed.verify()


@pytest.mark.parametrize("point", ["write", "sync", "rename"])
def test_a_store_that_fails_changes_nothing(persistent, point):
    db = persistent.open()
    users = db.create_collection("users")
    change_metadata(users, lambda m: m.update(METADATA))
    db.flush()
    with fault(point, errno.EIO), pytest.raises(StorageError):
        change_metadata(users, dict.clear)
    assert read_metadata(users) == METADATA
    try:
        persistent.close()
    except StorageError:
        pass  # after a failed sync it says so
    with persistent.open() as db:
        assert read_metadata(db["users"]) == METADATA


def test_bounds_and_damage(users, db):
    with pytest.raises(SchemaError, match="at most 1048576 bytes"):
        change_metadata(users, lambda m: m.update(text="x" * (1 << 20)))
    with pytest.raises(SchemaError, match="at most 1048576 bytes"):
        db._engine.create_collection("large", 0, bytes((1 << 20) + 1))
    assert "large" not in db.list_collections()
    db._engine.set_metadata(users, bytes(1 << 20))
    with pytest.raises(CorruptionError, match="'users' cannot be read"):
        read_metadata(users)
    db._engine.set_metadata(users, b"")


def test_changes_by_many_threads_are_all_kept(users):
    def worker(number):
        for n in range(20):
            change_metadata(users, partial(_add, f"{number} {n}"))

    run_threads(worker, 4)
    assert len(read_metadata(users)) == 80


def _add(key, metadata):
    metadata[key] = 1


def test_closed():
    db = velocity.open()
    users = db.create_collection("users")
    db.close()
    with pytest.raises(velocity.DatabaseClosedError):
        read_metadata(users)
    with pytest.raises(velocity.DatabaseClosedError):
        db._engine.set_metadata(users, b"x")
