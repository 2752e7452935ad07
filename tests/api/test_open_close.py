"""Opening and closing: modes, the handle after close, directories that move between modes."""

from __future__ import annotations

import gc
import itertools

import pytest

import velocity
from support.store import DURABLE, contents
from velocity import Config, DatabaseClosedError, StorageMode, VelocityDB

DOCUMENT_CALLS = {
    "insert": lambda c: c.insert("b", {}),
    "add": lambda c: c.add({}),
    "put": lambda c: c.put("a", {}),
    "update": lambda c: c.update("a", {}),
    "update operators": lambda c: c.update("a", {"$set": {"n": 2}}),
    "replace": lambda c: c.replace("a", {}),
    "delete": lambda c: c.delete("a"),
    "get": lambda c: c.get("a"),
    "get_many": lambda c: c.get_many(["a"]),
    "insert_many": lambda c: c.insert_many([("b", {})]),
    "put_many": lambda c: c.put_many([("b", {})]),
    "delete_many": lambda c: c.delete_many(["a"]),
    "compare_and_swap": lambda c: c.compare_and_swap("a", expected={}, value={}),
    "[]": lambda c: c["a"],
    "[]=": lambda c: c.__setitem__("a", {}),
    "del": lambda c: c.__delitem__("a"),
    "in": lambda c: "a" in c,
    "len": len,
    "iter": lambda c: list(c),
    "scan": lambda c: list(c.scan()),
    "count": lambda c: c.count(),
    "count filter": lambda c: c.count({"n": 1}),
}
DATABASE_CALLS = {
    "create_collection": lambda db: db.create_collection("more"),
    "collection": lambda db: db.collection("users"),
    "[]": lambda db: db["users"],
    "drop_collection": lambda db: db.drop_collection("users"),
    "list_collections": lambda db: db.list_collections(),
    "batch": lambda db: db.batch([velocity.BatchOperation("insert", "users", id="b", fields={})]),
    "transaction": lambda db: db.transaction().__enter__(),
    "with": lambda db: db.__enter__(),
    "transact": lambda db: db.transact(compare=[], then=[], otherwise=[]),
    "flush": lambda db: db.flush(),
    "compact": lambda db: db.compact(),
    "stats": lambda db: db.stats(),
    "health": lambda db: db.health(),
    "get": lambda db: db.get("users", "a"),
    "insert": lambda db: db.insert("users", "b", {}),
    "compare_and_swap": lambda db: db.compare_and_swap(
        "users", velocity.CASRequest(key="b", value={})
    ),
}


def test_open_without_a_directory_is_memory_only():
    with velocity.open() as db:
        db.create_collection("users").insert("a", {"n": 1})
        assert db["users"]["a"]["n"] == 1


def test_open_takes_path_objects_and_strings(tmp_path):
    with velocity.open(tmp_path / "data", storage_mode="persistent") as db:
        db.create_collection("users").insert("a", {"n": 1})
    with velocity.open(f"{tmp_path}/data/", storage_mode=StorageMode.PERSISTENT) as db:
        assert db["users"]["a"].fields == {"n": 1}


def test_open_makes_the_directory_with_its_parents(tmp_path):
    with velocity.open(tmp_path / "a" / "b" / "c", storage_mode="memory-first") as db:
        db.create_collection("users")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_with_closes_and_close_is_idempotent(store):
    with store.open() as db:
        db.create_collection("users")
    with pytest.raises(DatabaseClosedError):
        db.list_collections()
    db.close()
    db.close()


def test_with_closes_after_an_exception(store):
    with pytest.raises(ZeroDivisionError), store.open() as db:
        raise ZeroDivisionError
    with pytest.raises(DatabaseClosedError):
        db.list_collections()


@pytest.mark.parametrize("name", DOCUMENT_CALLS)
def test_collection_of_a_closed_database(name, db):
    users = db.create_collection("users")
    users.insert("a", {"n": 1})
    db.close()
    with pytest.raises(DatabaseClosedError):
        DOCUMENT_CALLS[name](users)


@pytest.mark.parametrize("name", DATABASE_CALLS)
def test_closed_database(name, db):
    db.create_collection("users").insert("a", {"n": 1})
    db.close()
    with pytest.raises(DatabaseClosedError):
        DATABASE_CALLS[name](db)


def test_documents_outlive_their_database(db):
    users = db.create_collection("users")
    users.insert("a", {"n": 1, "text": "x" * 1000})
    doc = users.get("a")
    db.close()
    del users, db
    gc.collect()
    assert doc.fields == {"n": 1, "text": "x" * 1000}
    assert (doc.id, doc.version) == ("a", 1)


def test_iterators_of_a_closed_database(db):
    users = db.create_collection("users")
    users.put_many((f"u{n:04}", {}) for n in range(3000))
    scan, ids = users.scan(), iter(users)
    next(scan), next(ids)
    db.close()
    with pytest.raises(DatabaseClosedError):
        list(scan)
    # Ids already listed may still come; nothing of the closed database may be read for them.
    try:
        rest = list(ids)
    except DatabaseClosedError:
        rest = []
    assert set(rest) <= {f"u{n:04}" for n in range(3000)}


def test_a_database_that_is_dropped_without_close_gives_its_lock_back(durable):
    db = durable.open()
    db.create_collection("users").insert("a", {"n": 1})
    durable._open.clear()
    del db
    gc.collect()
    with durable.open() as db:
        assert db["users"]["a"].fields == {"n": 1}


@pytest.mark.parametrize("modes", list(itertools.product(DURABLE, repeat=2)), ids="-".join)
def test_a_directory_opens_in_every_durable_mode(modes, tmp_path):
    for number, mode in enumerate((*modes, modes[0])):
        with VelocityDB(
            Config(data_dir=str(tmp_path / "d"), storage_mode=mode, cache_size=1)
        ) as db:
            users = db.create_collection("users", if_not_exists=True)
            assert contents(users) == {
                f"u{n}": (2, {"mode": m, "seen": n}) for n, m in enumerate(modes[:number])
            }
            users.insert(f"u{number}", {"mode": mode})
            users.update(f"u{number}", {"seen": number})
    assert velocity.verify(str(tmp_path / "d")).ok


def test_many_reopens_keep_everything(durable):
    expected = {}
    for number in range(8):
        db = durable.reopen()
        users = db.create_collection("users", if_not_exists=True)
        assert contents(users) == expected
        users.insert(f"u{number}", {"n": number})
        expected[f"u{number}"] = (1, {"n": number})


def test_nothing_is_shared_between_two_databases(store, tmp_path):
    with store.open() as one, velocity.open() as two:
        one.create_collection("users").insert("a", {"n": 1})
        two.create_collection("users").insert("a", {"n": 2})
        assert one["users"]["a"]["n"] == 1
        assert two["users"]["a"]["n"] == 2


def test_sync_writes_in_each_durable_mode(durable):
    db = durable.open(sync_writes=True)
    users = db.create_collection("users")
    assert [users.put("a", {"n": n}) for n in range(20)] == list(range(1, 21))
    assert durable.reopen()["users"]["a"].fields == {"n": 19}
