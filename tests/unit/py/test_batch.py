"""Batches and transact: errors name the operation, and retries meet rival writers."""

from __future__ import annotations

import threading

import pytest

import velocity
import velocity.py.batch
import velocity.py.transact
from velocity import (
    BatchOperation,
    Compare,
    DuplicateKeyError,
    NotFoundError,
    QueryError,
    SchemaError,
)


@pytest.fixture
def db():
    with velocity.open() as db:
        db.create_collection("users").put("a", {"n": 1})
        yield db


def op(kind, id, fields=None, **more):
    return BatchOperation(kind, "users", id, fields, **more)


WRONG = {
    "kind": (op("upsert", "x", {}), QueryError, "'upsert' is no kind; allowed: insert, put"),
    "get": (op("get", "a"), QueryError, "'get' is no kind"),
    "no id": (op("put", None, {}), SchemaError, "id wants a string, not None"),
    "no fields": (op("put", "x"), SchemaError, "fields wants an object, not NoneType"),
    "delete with fields": (op("delete", "a", {}), QueryError, "neither fields nor ttl"),
    "delete with ttl": (op("delete", "a", ttl=5), QueryError, "neither"),
    "no collection": (BatchOperation("put", "nowhere", "x", {}), NotFoundError, "nowhere"),
    "collection": (BatchOperation("put", 5, "x", {}), QueryError, "collection wants a name"),
    "not one": (("put", "users", "x", {}), QueryError, "BatchOperation, not tuple"),
    "taken": (op("insert", "a", {}), DuplicateKeyError, "'a'"),
    "absent": (op("update", "x", {"n": 1}), NotFoundError, "'x'"),
    "operators on absent": (op("update", "x", {"$inc": {"n": 1}}), NotFoundError, "'x'"),
    "bad value": (op("put", "x", {"bad": [{1}]}), SchemaError, r"bad\[0\]"),
    "bad id": (op("put", "", {}), SchemaError, "id"),
    "bad ttl": (op("put", "x", {}, ttl=-1), SchemaError, "ttl"),
    "bad operator": (op("update", "a", {"$inc": {"n": "x"}}), QueryError, r"\$inc 'n'"),
}


@pytest.mark.parametrize("name", WRONG)
def test_errors_name_the_position(name, db):
    wrong, error, says = WRONG[name]
    good = [op("put", "g1", {}), op("put", "g2", {})]
    with pytest.raises(error, match=f"operation 2: .*{says}"):
        db.batch([*good, wrong, op("put", "g3", {})])
    assert list(db["users"]) == ["a"]
    if name != "get":
        with pytest.raises(error, match=f"operation 2: .*{says}"):
            db.transact(then=[*good, wrong])
    assert list(db["users"]) == ["a"]


def test_versions(db):
    assert db.batch([op("put", "a", {}), op("delete", "a"), op("delete", "a")]) == [2, 1, 0]
    operators = [op("put", "b", {"n": 1}), op("update", "b", {"$inc": {"n": 1}}), op("delete", "x")]
    assert db.batch(operators) == [1, 2, 0]
    assert db["users"]["b"]["n"] == 2


COMPARES = {
    "unknown": ({"collection": "users", "id": "a", "feilds": {}}, "unknown 'feilds'"),
    "missing": ({"collection": "users", "version": 1}, "'id' is missing"),
    "nothing": (Compare("users", "a"), "says nothing"),
    "type": (("users", "a"), "wants a Compare or a mapping, not tuple"),
    "fields": (Compare("users", "a", fields=5), "wants an object, not int"),
}


@pytest.mark.parametrize("name", COMPARES)
def test_wrong_comparisons(name, db):
    wrong, says = COMPARES[name]
    with pytest.raises(QueryError, match=f"compare 1: .*{says}"):
        db.transact(compare=[Compare("users", "a", version=1), wrong])


def test_comparisons_as_mappings(db):
    result = db.transact(compare=[{"collection": "users", "id": "a", "fields": {"n": 1.0}}])
    assert result.succeeded
    assert result.results == []


@pytest.mark.parametrize("reading", [False, True], ids=["plain", "reading"])
def test_rivals_retry_until_all_are_counted(reading, db):
    """Each thread adds to what it has read, by transact; a lost update would show in the sum."""
    more = [op("get", "a")] if reading else []

    def add():
        for _ in range(100):
            while True:
                n = db["users"]["a"]["n"]
                holds = Compare("users", "a", fields={"n": n})
                then = [op("update", "a", {"n": n + 1}), *more]
                if db.transact(compare=[holds], then=then).succeeded:
                    break

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db["users"]["a"]["n"] == 401


def test_operators_of_rival_batches_add_up(db):
    def add():
        for _ in range(100):
            db.batch([op("update", "a", {"$inc": {"n": 1}}), op("put", "last", {})])

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert db["users"]["a"]["n"] == 401


def test_a_rival_between_comparison_and_write(db, monkeypatch):
    """The comparison held when it was read and holds no longer: the other branch is taken."""
    apply = velocity.py.transact.apply_plain
    rivals = [7]

    def apply_after_rival(*arguments):
        if rivals:
            db.put("users", "a", {"n": rivals.pop()})
        return apply(*arguments)

    monkeypatch.setattr("velocity.py.transact.apply_plain", apply_after_rival)
    then, otherwise = [op("put", "b", {})], [op("put", "c", {})]
    result = db.transact([Compare("users", "a", fields={"n": 1})], then, otherwise)
    assert not result.succeeded
    assert list(db["users"]) == ["a", "c"]


def test_a_rival_that_takes_the_id(db, monkeypatch):
    """What made the batch fail has gone when it is looked for: the first error counts."""
    perform = velocity.py.batch.perform

    def perform_after_rival(*arguments):
        db.delete("users", "a")
        return perform(*arguments)

    monkeypatch.setattr("velocity.py.batch.perform", perform_after_rival)
    with pytest.raises(DuplicateKeyError, match="'a'"):
        db.batch([op("put", "b", {}), op("insert", "a", {})])
    assert list(db["users"]) == []
