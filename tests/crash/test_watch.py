"""A watch over kill -9 and failing disks: what it saw is what is there, and it goes on where it was."""

from __future__ import annotations

import errno

import pytest

from support.children import spawn
from support.faults import fault
from support.store import contents
from support.watching import drain, places, plain, replay, take
from velocity import CorruptionError, StorageError


@pytest.mark.parametrize("sync_writes", [False, True])
def test_a_consumer_that_is_killed_goes_on(sync_writes, durable):
    """Writer and consumer are one process, killed again and again. The consumer acknowledges each event after it
    has it; what the next one reads follows on. In the end all changes were consumed once: the counts match."""
    settings = durable.settings(sync_writes=sync_writes)
    consumed = 0
    for _ in range(6):
        child = spawn("write_and_watch", settings, consumed)
        acks = child.read_until(60) + child.kill()
        assert acks == list(range(consumed + 1, consumed + len(acks) + 1))
        consumed += len(acks)
    users = durable.open(sync_writes=sync_writes)["users"]
    events = drain(users.watch(since=0))
    places(events)
    # Each put counts up: no write was lost below one that was consumed.
    assert [event.document["n"] for event in events] == list(range(1, len(events) + 1))
    assert len(events) >= consumed
    assert replay(events) == contents(users)


def test_a_write_that_is_undone_is_never_seen(durable):
    db = durable.open(sync_writes=True)
    users = db.create_collection("users")
    users.put("a", {"n": 1})
    watch = users.watch(since=0)
    with fault("sync", errno.EIO):
        with pytest.raises(StorageError):
            users.put("a", {"n": "undone"})
        assert plain(drain(watch)) == [("insert", "a", {"n": 1}, 1)]
        assert watch.next(0.05) is None
    assert plain(drain(users.watch(since=0))) == [("insert", "a", {"n": 1}, 1)]
    durable.verified = False
    with pytest.raises(StorageError):
        db.close()


def test_a_write_is_seen_when_it_is_acknowledged(durable):
    users = durable.open(sync_writes=True).create_collection("users")
    watch = users.watch()
    for n in range(20):
        users.put("a", {"n": n})
        assert [event.document["n"] for event in drain(watch)] == [n]


def test_expiry_is_seen_with_synced_writes(durable):
    users = durable.open(sync_writes=True).create_collection("users")
    watch = users.watch()
    users.put("a", {}, ttl=0.01)
    assert [event.kind for event in take(watch, 2)] == ["insert", "expire"]


def test_a_read_that_fails_may_be_tried_again(durable):
    users = durable.open().create_collection("users")
    watch = users.watch()
    users.put_many((f"u{n}", {"n": n}) for n in range(500))
    with fault("read", errno.EIO):
        with pytest.raises(StorageError):
            watch.next(0)
    assert [event.document["n"] for event in drain(watch)] == list(range(500))


def test_damage_is_named(persistent):
    db = persistent.open()
    users = db.create_collection("users")
    users.put("a", {"text": "needle"})
    users.put("b", {"n": 2})
    db.flush()
    (path,) = persistent.path.glob("*.seg")
    data = path.read_bytes()
    with open(path, "r+b") as file:
        file.seek(data.index(b"needle"))
        file.write(b"N")
    watch = users.watch(since=0)
    with pytest.raises(CorruptionError, match=path.name):
        watch.next(0)
    with open(path, "r+b") as file:
        file.seek(data.index(b"needle"))
        file.write(b"n")
    assert [event.id for event in drain(watch)] == ["a", "b"]
