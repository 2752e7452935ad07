"""A sync that fails: never tried again into success, read-only until reopened, and nothing unsynced acknowledged."""

from __future__ import annotations

import errno
import os
from datetime import datetime, timezone

import pytest

from support.faults import fault
from support.store import contents
from support.waiting import eventually
from velocity import BatchOperation, StorageError

BEFORE = {f"u{n}": (1, {"n": n}) for n in range(50)}


@pytest.mark.parametrize("error", [errno.EIO, errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
def test_a_failed_sync_latches(error, durable):
    db = durable.open()
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(50))
    db.flush()
    with fault("sync", error):
        users.put("u0", {"n": "not on disk"})
        with pytest.raises(StorageError) as caught:
            db.flush()
        assert caught.value.errno in (
            error,
            errno.EIO,
        )  # or the flusher was first, and it is latched
        assert os.strerror(error) in str(caught.value)
    # The kernel may have dropped the pages: nothing is tried again, even when the disk is well.
    for call in (
        lambda: users.put("u1", {}),
        lambda: users.insert("new", {}),
        lambda: users.delete("u1"),
        lambda: users.compare_and_swap("u1", {"n": 1}, {"n": 2}),
        lambda: users.put_many([("u1", {})]),
        lambda: db.batch([BatchOperation("delete", "users", id="u1")]),
        lambda: db.flush(),
        lambda: db.create_collection("more"),
    ):
        with pytest.raises(StorageError, match="reopen"):
            call()
    health = db.health()
    assert not health.ok
    assert any("sync" in text for text in health.checks.values())
    assert users["u1"].fields == {"n": 1}
    assert len(users) == 50
    assert [doc["n"] for doc in users.scan(start="u1", end="u2", limit=2)] == [1, 10]
    with pytest.raises(StorageError):
        db.close()
    durable.close()
    db = durable.open()
    assert db.health().ok or "torn" in " ".join(db.health().checks.values())
    found = contents(db["users"])
    assert found.pop("u0") in [(1, {"n": 0}), (2, {"n": "not on disk"})]
    assert found == {id: doc for id, doc in BEFORE.items() if id != "u0"}
    assert db["users"].put("u1", {}) == 2


def test_a_failed_sync_in_the_background_is_noticed(durable):
    db = durable.open()
    users = db.create_collection("users")
    with fault("sync", errno.EIO):
        users.put("a", {"n": 1})
        eventually(lambda: not db.health().ok)
        with pytest.raises(StorageError):
            users.put("b", {})
    assert users["a"]["n"] == 1
    with pytest.raises(StorageError):
        db.flush()
    with pytest.raises(StorageError):
        db.close()


EXPIRED = {
    "get": lambda users: users.get("short") is None,
    "get_many": lambda users: users.get_many(["short", "ever"])[0] is None,
    "in": lambda users: "short" not in users,
    "len": lambda users: len(users) == 1,
    "count": lambda users: users.count() == 1,
    "count filter": lambda users: users.count({"n": 1}) == 0,
    "scan": lambda users: [doc.id for doc in users.scan()] == ["ever"],
    "scan backwards": lambda users: [doc.id for doc in users.scan(reverse=True)] == ["ever"],
    "iter": lambda users: list(users) == ["ever"],
    "keys": lambda users: list(users.keys()) == ["ever"],
    "values": lambda users: [doc.id for doc in users.values()] == ["ever"],
    "items": lambda users: [id for id, _ in users.items()] == ["ever"],
}


def test_expired_documents_that_cannot_be_removed_are_not_returned(durable):
    """With the log latched nothing is reaped: it is the reads themselves that know the time."""
    db = durable.open()
    users = db.create_collection("users")
    users.insert("ever", {"n": 2})
    users.insert("short", {"n": 1}, ttl=1.0)
    expires = users["short"].expires
    with fault("sync", errno.EIO):
        with pytest.raises(StorageError):
            db.flush()
    eventually(lambda: datetime.now(timezone.utc) > expires)
    for name, absent in EXPIRED.items():
        assert absent(users), name
    with pytest.raises(StorageError):
        db.close()


def test_sync_writes_that_fail_are_not_applied(durable):
    db = durable.open(sync_writes=True)
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(50))
    calls = {
        "put": lambda: users.put("u0", {"n": "lost"}),
        "insert": lambda: users.insert("new", {"n": "lost"}),
        "delete": lambda: users.delete("u1"),
        "update": lambda: users.update("u2", {"n": "lost"}),
        "compare_and_swap": lambda: users.compare_and_swap("u3", {"n": 3}, {"n": "lost"}),
        "batch": lambda: db.batch(
            [
                BatchOperation("delete", "users", id="u4"),
                BatchOperation("put", "users", id="new", fields={}),
            ]
        ),
    }
    with fault("sync", errno.EIO):
        for name, call in calls.items():
            with pytest.raises(StorageError):
                call()
            assert contents(users) == BEFORE, name
    assert not db.health().ok
    with pytest.raises(StorageError):
        users.put("u0", {})
    assert contents(users) == BEFORE
    with pytest.raises(StorageError):
        db.close()
    durable.close()
    users = durable.open()["users"]
    # The frame may or may not have reached the disk, as with any write whose outcome is an error of the disk.
    assert {id: doc for id, doc in contents(users).items() if id not in ("u0",)} == {
        id: doc for id, doc in BEFORE.items() if id != "u0"
    }
