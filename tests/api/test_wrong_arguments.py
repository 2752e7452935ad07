"""Arguments of a wrong type: the error of the interface, saying what and where; nothing is changed."""

from __future__ import annotations

import os

import pytest

import velocity
from support.store import contents
from velocity import BatchOperation, Compare, ConfigError, Document, QueryError, SchemaError

ITEM = [("a", {}), ("b", {"n": [{1}]}), ("c", {})]

COLLECTION_CALLS = {
    "pairs that are none": (lambda c: c.insert_many(5), SchemaError, "insert_many.*pairs.*int"),
    "one str for pairs": (lambda c: c.put_many("ab"), SchemaError, "put_many.*not one str"),
    "no ids to delete": (lambda c: c.delete_many(None), SchemaError, "delete_many.*ids.*None"),
    "no ids to get": (lambda c: c.get_many(5), SchemaError, "get_many.*ids.*int"),
    "a bad item": (lambda c: c.put_many(ITEM), SchemaError, r"^item 1: n\[0\]: .*'set'"),
    "no pair": (lambda c: c.insert_many([("a", {}), 5]), SchemaError, "^item 1: .*pair.*int"),
    "an item without id": (lambda c: c.put_many([(None, {})]), SchemaError, "item 0: .*NoneType"),
    "no id to delete": (lambda c: c.delete_many(["a", None]), SchemaError, "NoneType"),
    "no expected fields": (
        lambda c: c.compare_and_swap("x", expected=5, value={}),
        SchemaError,
        "^expected must be .*'int'",
    ),
    "no value": (lambda c: c.compare_and_swap("x", value=[1]), SchemaError, "^value .*'list'"),
    "no request": (lambda c: c.compare_and_swap(5), SchemaError, "an id must be a str, not int"),
    "no fields of a document": (lambda c: Document("a", None), SchemaError, "fields.*NoneType"),
    "fields that are text": (lambda c: Document("a", "text"), SchemaError, "fields.*'str'"),
}


@pytest.mark.parametrize("name", COLLECTION_CALLS)
def test_of_a_collection(name, users):
    call, error, says = COLLECTION_CALLS[name]
    users.put("x", {"n": 1})
    with pytest.raises(error, match=says):
        call(users)
    assert contents(users) == {"x": (1, {"n": 1})}


def test_an_error_of_the_iterable_itself_is_left_alone(users):
    def pairs():
        yield "a", {}
        raise SchemaError("mine")

    with pytest.raises(SchemaError, match="^mine$"):
        users.put_many(pairs())
    assert len(users) == 0


DATABASE_CALLS = {
    "batch": (lambda db: db.batch(5), QueryError, "operations: .*int"),
    "then": (lambda db: db.transact(then=5), QueryError, "operations: .*int"),
    "compare": (lambda db: db.transact(compare=5), QueryError, "compare: .*int"),
    "version": (
        lambda db: db.transact([Compare("users", "x", version="1")]),
        QueryError,
        "compare 0: version .*'1'",
    ),
    "exists": (
        lambda db: db.transact([Compare("users", "x", exists="yes")]),
        QueryError,
        "compare 0: exists .*'yes'",
    ),
    "id": (
        lambda db: db.transact([Compare("users", [], exists=True)]),
        QueryError,
        "compare 0: id .*list",
    ),
    "collection": (lambda db: db.collection([]), SchemaError, "name must be a str, not list"),
    "drop": (lambda db: db.drop_collection({}), SchemaError, "name must be a str, not dict"),
    "get": (lambda db: db.get([], "x"), SchemaError, "name must be a str, not list"),
}


@pytest.mark.parametrize("name", DATABASE_CALLS)
def test_of_the_database(name, db, users):
    call, error, says = DATABASE_CALLS[name]
    with pytest.raises(error, match=says):
        call(db)


TRANSACTION_CALLS = {
    "id": (lambda tx: tx.get("users", []), "an id must be a str, not list"),
    "written id": (lambda tx: tx.put("users", {}, {}), "an id must be a str, not dict"),
    "collection": (lambda tx: tx.get([], "x"), "name must be a str, not list"),
    "counted collection": (lambda tx: tx.count([]), "name must be a str, not list"),
    "scanned collection": (lambda tx: tx.scan([]), "name must be a str, not list"),
    "ids": (lambda tx: tx.get_many("users", "xy"), "get_many .*ids, not str"),
    "expected": (lambda tx: tx.compare_and_swap("users", "x", 5, {}), "^expected: .*int"),
    "value": (lambda tx: tx.compare_and_swap("users", "x"), "^value: .*NoneType"),
    "version": (
        lambda tx: tx.compare_and_swap("users", "x", None, {}, "1"),
        "expected_version must be an int, not str",
    ),
}


@pytest.mark.parametrize("name", TRANSACTION_CALLS)
def test_of_a_transaction(name, db, users):
    call, says = TRANSACTION_CALLS[name]
    with db.transaction() as tx:
        tx.put("users", "y", {})
        with pytest.raises(SchemaError, match=says):
            call(tx)
    assert contents(users) == {"y": (1, {})}  # the transaction went on


def test_a_limit_beyond_all_documents(db, users):
    users.put_many((f"u{n}", {}) for n in range(3))
    assert len(list(users.scan(limit=10**30))) == 3
    with db.transaction() as tx:
        assert len(list(tx.scan("users", limit=10**30))) == 3


@pytest.mark.parametrize("path", [None, 5, "", "a\0b", []], ids=repr)
def test_paths(path):
    for call in (velocity.verify, velocity.Config.from_file):
        with pytest.raises(ConfigError, match="^path: .*not possible"):
            call(path)


def test_verify_of_a_directory_that_is_absent(tmp_path):
    with pytest.raises(velocity.StorageError, match="read the data directory: No such file"):
        velocity.verify(tmp_path / "absent")


def test_bytes_and_path_objects(tmp_path):
    with velocity.open(tmp_path / "data") as db:
        db.create_collection("users").put("a", {})
    for path in (tmp_path / "data", os.fsencode(tmp_path / "data"), str(tmp_path / "data")):
        assert velocity.verify(path).records == 1


def test_operations_that_are_no_operations(db):
    with pytest.raises(QueryError, match="operation 0: wants a BatchOperation, not tuple"):
        db.batch([("put", "users", "a", {})])
    assert db.batch(iter([])) == []
    assert db.batch([BatchOperation("delete", "users", "a")][:0]) == []
