"""The checkpoint of a clean close: used when it fits, and never believed when it does not."""

from __future__ import annotations

import errno
import random
import shutil

import pytest

import velocity
from support.faults import fault
from support.files import cut, flip, image
from support.store import Store, contents
from support.waiting import eventually

MANY = 12_000  # documents of more than two blocks


@pytest.fixture
def store(bounded):
    return bounded


def checkpoint(directory):
    return directory / "CHECKPOINT"


def fill(db, count=MANY):
    """Collections of every kind of size; documents replaced, deleted, expiring and large."""
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(count))
    users.put_many((f"u{n}", {"n": -n}) for n in range(0, count, 7))
    users.delete_many([f"u{n}" for n in range(0, count, 5)])
    db.create_collection("empty")
    db.create_collection("dropped").put("a", {})
    db.create_collection("one").put("a", {"data": bytes(300_000)})
    timed = db.create_collection("timed")
    for n in range(min(50, count)):
        timed.put(f"t{n}", {"n": n}, ttl=1000 + n)
    db.drop_collection("dropped")


def everything(db):
    return {name: contents(db[name]) for name in db.list_collections()}


def closed(store, count=MANY):
    """A database that was filled and closed; what it holds."""
    with store.open() as db:
        fill(db, count)
        expected = everything(db)
    assert checkpoint(store.path).exists()
    return expected


def is_used(directory, mode):
    """Whether opening takes the checkpoint up: then it stays as it is when nothing is written."""
    before = checkpoint(directory).read_bytes() if checkpoint(directory).exists() else None
    Store(mode, directory).open().close()
    return before is not None and checkpoint(directory).read_bytes() == before


def test_it_holds_everything(store):
    expected = closed(store)
    assert is_used(store.path, store.mode)
    with store.open() as db:
        assert everything(db) == expected
        assert db["timed"]["t3"].expires is not None
        assert db.stats().live_bytes > 0
    store.verify()


def test_counts_are_as_without_it(store):
    """Compaction decides by them."""
    closed(store)
    fields = ("documents", "live_bytes", "garbage_bytes", "segments", "sequence")
    copy = image(store.path, store.path.parent / "copy")
    checkpoint(copy).unlink()
    with store.open() as db, Store(store.mode, copy).open() as other:
        for field in fields:
            assert getattr(db.stats(), field) == getattr(other.stats(), field), field


def test_work_goes_on_after_it(store):
    closed(store)
    for n in range(3):
        with store.open() as db:
            users = db["users"]
            users.put_many((f"u{k}", {"round": n}) for k in range(n, MANY, 11))
            users.delete_many([f"u{k}" for k in range(n, MANY, 3)])
            if n == 1:
                db.compact()
            expected = everything(db)
        store.verify()
        with store.open() as db:
            assert everything(db) == expected


def test_expiry_goes_on_after_it(store):
    with store.open() as db:
        soon = db.create_collection("soon")
        for n in range(20):
            soon.put(f"s{n}", {}, ttl=0.3 + n / 100)
        soon.put("stays", {}, ttl=1000)
    with store.open() as db:
        eventually(lambda: len(db["soon"]) == 1)
        assert list(db["soon"]) == ["stays"]
        assert db.stats().expired == 20


def test_a_crash_after_opening_does_not_believe_it(store):
    closed(store)
    with store.open() as db:
        db["users"].put("u1", {"newer": True})
        db["users"].delete("u2")
        db["users"].put("new", {})
        db.flush()
        crashed = image(store.path, store.path.parent / "crashed")
        expected = everything(db)
    with Store(store.mode, crashed).open() as db:
        assert everything(db) == expected


def test_an_older_one_put_back_is_ignored(store):
    closed(store)
    old = checkpoint(store.path).read_bytes()
    with store.open() as db:
        db["users"].put("u1", {"newer": True})
        expected = everything(db)
    new = checkpoint(store.path).read_bytes()
    assert new != old
    checkpoint(store.path).write_bytes(old)
    assert not velocity.verify(store.path).ok
    with store.open() as db:
        assert everything(db) == expected


def test_it_is_removed_once_the_log_went_on(store):
    closed(store, 10)
    with store.open(flush_interval=0.01) as db:
        n = 0
        while checkpoint(store.path).exists():
            n += 1
            db["users"].put("new", {"n": n})
            db.flush()
        assert everything(db)["users"]["new"] == (n, {"n": n})


def test_a_drop_alone_makes_a_new_one(store):
    closed(store, 10)
    before = checkpoint(store.path).read_bytes()
    with store.open() as db:
        db.drop_collection("users")
    assert checkpoint(store.path).read_bytes() != before
    with store.open() as db:
        assert "users" not in db.list_collections()
    store.verify()


def test_a_new_collection_alone_keeps_it(store):
    expected = closed(store, 10)
    before = checkpoint(store.path).read_bytes()
    with store.open() as db:
        db.create_collection("later")
    assert checkpoint(store.path).read_bytes() == before
    with store.open() as db:
        assert everything(db) == expected | {"later": {}}


def test_memory_first_does_without(store):
    expected = closed(store)
    with Store("memory-first", store.path).open() as db:
        assert not checkpoint(store.path).exists()
        assert everything(db) == expected
    with store.open() as db:
        assert everything(db) == expected


def check_damaged(store, expected, damage):
    copy = image(store.path, store.path.parent / "copy")
    damage(checkpoint(copy))
    report = velocity.verify(copy)
    assert not report.ok
    assert any("CHECKPOINT" in error for error in report.errors)
    with Store(store.mode, copy).open() as db:
        assert everything(db) == expected
    assert velocity.verify(copy).ok
    shutil.rmtree(copy)


def test_every_byte_is_checked(store):
    expected = closed(store, 12)
    size = checkpoint(store.path).stat().st_size
    assert size < 4000
    for place in range(size):
        check_damaged(store, expected, lambda path, at=place: flip(path, at, at % 8))


def test_cut_short_or_longer(store):
    expected = closed(store, 12)
    size = checkpoint(store.path).stat().st_size
    for left in [*range(0, size, 37), size - 1]:
        check_damaged(store, expected, lambda path, left=left: cut(path, left))
    check_damaged(store, expected, lambda path: path.write_bytes(path.read_bytes() + b"\0" * 8))


def test_damage_in_a_large_one(store):
    expected = closed(store)
    size = checkpoint(store.path).stat().st_size
    for place in random.Random(5).sample(range(size), 6):
        check_damaged(store, expected, lambda path, at=place: flip(path, at, at % 8))


def test_a_missing_one_is_no_loss(store):
    expected = closed(store)
    checkpoint(store.path).unlink()
    assert velocity.verify(store.path).ok
    assert not is_used(store.path, store.mode)
    with store.open() as db:
        assert everything(db) == expected


def test_one_that_cannot_be_written_or_read_is_done_without(store):
    expected = closed(store, 100)
    checkpoint(store.path).unlink()
    checkpoint(store.path).mkdir()  # in its way
    with store.open() as db:
        assert everything(db) == expected
        db["one"].put("b", {})
        expected = everything(db)
    with store.open() as db:
        assert everything(db) == expected


def test_an_error_while_it_is_read_is_no_loss(store):
    """Every read of an opening fails in turn: the log is read instead, or opening says what failed."""
    expected = closed(store, 100)
    copy = store.path.parent / "copy"
    refused = []
    for after in range(40):  # it reads less often than that
        image(store.path, copy)
        try:
            with fault("read", errno.EIO, after, once=True):
                db = Store(store.mode, copy).open()
        except velocity.StorageError as error:
            refused.append(error.filename)
            continue
        with db:
            assert everything(db) == expected
    assert 0 < len(refused) < 40
