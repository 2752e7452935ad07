"""System calls that fail: StorageError, the write not applied, health says so, reads go on, reopening works."""

from __future__ import annotations

import errno

import pytest

import velocity
from support.faults import fault
from support.store import contents
from support.waiting import eventually
from velocity import BatchOperation, StorageError

BEFORE = {f"u{n}": (1, {"n": n}) for n in range(50)}


@pytest.fixture
def filled(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(50))
    db.flush()
    return db


def write_until_it_fails(users, size=1_000_000, most=1500):
    """Put large documents until StorageError; (the ids that were accepted, the error)."""
    written = []
    for n in range(most):
        try:
            users.insert(f"big{n}", {"n": n, "data": bytes(size)})
        except StorageError as error:
            return written, error
        written.append(f"big{n}")
    pytest.fail("the fault was never met")
    return written, None


def test_disk_full(filled, durable):
    """ENOSPC when the log grows: refused whole, nothing latched, and all is well when there is room again."""
    users = filled["users"]
    with fault("allocate", errno.ENOSPC):
        written, error = write_until_it_fails(users)
        assert error.errno == errno.ENOSPC
        assert isinstance(error, OSError)
        assert str(durable.path) in str(error)
        failed = f"big{len(written)}"
        assert failed not in users
        assert len(users) == 50 + len(written)
        assert not filled.health().ok
        assert any("space" in text.lower() for text in filled.health().checks.values())
        with pytest.raises(StorageError):
            filled.batch(
                [
                    BatchOperation("put", "users", id=f"u{n}", fields={"data": bytes(1_000_000)})
                    for n in range(50)
                ]
            )
        assert {id: doc for id, doc in contents(users).items() if id in BEFORE} == BEFORE
    assert users.insert(failed, {"data": bytes(1_000_000)}) == 1
    assert eventually(lambda: filled.health().ok)
    reopened = durable.reopen()["users"]
    assert set(reopened) == {*BEFORE, *written, failed}


def test_disk_full_only_for_a_moment(filled, durable):
    users = filled["users"]
    with fault("allocate", errno.ENOSPC, once=True):
        written, _ = write_until_it_fails(users)
        assert users.insert(f"big{len(written)}", {"data": bytes(1_000_000)}) == 1
    assert len(durable.reopen()["users"]) == 51 + len(written)


@pytest.mark.parametrize(
    "point", ["open", "allocate", "rename", "write", "sync", "sync_directory", "map"]
)
@pytest.mark.parametrize("after", [0, 1, 3])
def test_compaction_that_fails_loses_nothing(point, after, durable):
    db = durable.open()
    users = db.create_collection("users")
    for turn in range(20):
        users.put_many(
            (f"u{n}", {"n": n, "data": bytes(500)}) for n in range(50 if turn % 2 else 30)
        )
    users.delete_many(f"u{n}" for n in range(40, 50))
    expected = contents(users)
    db.flush()
    with fault(point, errno.EIO, after=after):
        try:
            db.compact()
            failed = False
        except StorageError as error:
            failed = True
            assert error.errno == errno.EIO
        assert contents(users) == expected
    if not failed or db.health().ok:
        users.put("u0", {"n": "after"})
        expected["u0"] = (expected["u0"][0] + 1, {"n": "after"})
        db.compact()
        assert contents(users) == expected
    try:
        durable.close()
    except StorageError:
        assert failed or point == "sync"
        durable.close()
    assert contents(durable.open()["users"]) == expected


@pytest.mark.parametrize("point", ["open", "rename", "write", "sync", "sync_directory"])
def test_a_collection_that_cannot_be_created_is_not_there(point, filled, durable):
    with fault(point, errno.EIO):
        with pytest.raises(StorageError):
            filled.create_collection("more")
        assert contents(filled["users"]) == BEFORE
    try:
        durable.close()
    except StorageError:
        durable.close()
    db = durable.open()
    assert set(db.list_collections()) <= {"users", "more"}
    assert contents(db["users"]) == BEFORE
    db.create_collection("more", if_not_exists=True).insert("a", {})


@pytest.mark.parametrize("point", ["open", "rename", "write", "sync", "sync_directory"])
def test_a_collection_that_cannot_be_dropped(point, filled, durable):
    with fault(point, errno.EIO), pytest.raises(StorageError):
        filled.drop_collection("users")
    try:
        durable.close()
    except StorageError:
        durable.close()
    db = durable.open()
    if "users" in db.list_collections():
        assert contents(db["users"]) == BEFORE


@pytest.mark.parametrize(
    "point", ["open", "read", "write", "allocate", "rename", "sync", "sync_directory", "map"]
)
@pytest.mark.parametrize("after", [0, 1, 2, 4])
def test_opening_that_fails_can_be_repeated(point, after, filled, durable):
    durable.close()
    with fault(point, errno.EIO, after=after):
        try:
            durable.open().close()
        except StorageError as error:
            assert error.errno == errno.EIO
    durable._open.clear()
    db = durable.open()
    assert contents(db["users"]) == BEFORE
    assert db["users"].put("u0", {}) == 2


@pytest.mark.parametrize("point", ["open", "write", "rename", "sync", "sync_directory", "truncate"])
def test_closing_that_fails_gives_everything_back(point, filled, durable):
    """The error is told once; the lock is released and what was flushed is there."""
    filled["users"].put("u0", {"n": 0})
    filled.flush()
    with fault(point, errno.EIO):
        try:
            filled.close()
        except StorageError as error:
            assert error.errno == errno.EIO
    filled.close()
    durable._open.clear()
    assert contents(durable.open()["users"]) == BEFORE | {"u0": (2, {"n": 0})}


@pytest.mark.parametrize("short", [False, True])
def test_a_write_that_fails_or_is_short_while_a_new_database_is_made(short, tmp_path, durable_mode):
    with fault("write", errno.ENOSPC, short=short), pytest.raises(StorageError) as caught:
        velocity.open(tmp_path / "d", storage_mode=durable_mode)
    assert caught.value.errno == errno.ENOSPC
    with velocity.open(tmp_path / "d", storage_mode=durable_mode) as db:
        db.create_collection("users").insert("a", {})


@pytest.mark.parametrize("mode", ["hybrid", "persistent"])
def test_a_cold_read_that_fails(mode, tmp_path):
    from support.store import Store

    store = Store(mode, tmp_path / "data")
    users = store.open().create_collection("users")
    users.put_many((f"u{n}", {"n": n, "data": bytes(1000)}) for n in range(5000))
    db = store.reopen()
    users = db["users"]
    with fault("read", errno.EIO):
        failures = 0
        for n in range(0, 5000, 50):
            try:
                assert users[f"u{n}"]["n"] == n
            except StorageError as error:
                assert error.errno == errno.EIO
                failures += 1
        assert failures > 0
        with pytest.raises(StorageError):
            users.get_many(f"u{n}" for n in range(5000))
    assert [doc["n"] for doc in users.get_many(f"u{n}" for n in range(5000))] == list(range(5000))
    assert users.put("u0", {"n": 0}) == 2
    store.finish()


def test_disk_full_when_a_segment_is_listed(durable):
    """The segment is on disk, the manifest that lists it had no room: said, nothing latched, done when there is."""
    db = durable.open(flush_interval=3600.0)
    users = db.create_collection("users")
    users.put("u1", {"n": 1})
    with fault("rename", errno.ENOSPC):
        with pytest.raises(StorageError) as caught:
            db.flush()
        assert caught.value.errno == errno.ENOSPC
        assert not db.health().ok
        assert users.put("u1", {"n": 2}) == 2
    db.flush()
    assert db.health().ok
    assert contents(durable.reopen(db)["users"]) == {"u1": (2, {"n": 2})}
