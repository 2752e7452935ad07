"""Batches and the many-calls: all or nothing, later operations see earlier ones."""

from __future__ import annotations

import pytest

from support.store import contents
from velocity import (
    BatchOperation,
    DuplicateKeyError,
    NotFoundError,
    QueryError,
    SchemaError,
    VelocityError,
)

BEFORE = {"a": (1, {"n": 1}), "b": (2, {"n": 2})}


@pytest.fixture
def filled(users):
    users.insert("a", {"n": 1})
    users.put("b", {"n": 0})
    users.put("b", {"n": 2})
    return users


def op(kind, id=None, fields=None, collection="users"):
    return BatchOperation(kind, collection, id=id, fields=fields)


def test_every_kind_at_once(db, filled):
    db.create_collection("jobs")
    db.batch(
        [
            op("insert", "c", {"n": 3}),
            op("put", "a", {"n": 10}),
            op("update", "b", {"m": 5}),
            op("delete", "a"),
            op("insert", "j", {"n": 4}, "jobs"),
            op("replace", "c", {"x": 1}),
        ]
    )
    assert contents(filled) == {"b": (3, {"n": 2, "m": 5}), "c": (2, {"x": 1})}
    assert contents(db["jobs"]) == {"j": (1, {"n": 4})}


def test_later_operations_see_earlier_ones(db, filled):
    db.batch(
        [
            op("delete", "a"),
            op("insert", "a", {"n": 5}),
            op("update", "a", {"m": 6}),
            op("put", "new", {}),
        ]
    )
    assert contents(filled)["a"] == (2, {"n": 5, "m": 6})
    with pytest.raises(DuplicateKeyError, match="new2"):
        db.batch([op("insert", "new2", {}), op("insert", "new2", {})])
    assert "new2" not in filled


def test_operators_in_a_batch(db, filled):
    db.batch(
        [
            op("update", "a", {"$inc": {"n": 5}}),
            op("update", "a", {"$inc": {"n": 1}, "$set": {"x.y": 1}}),
        ]
    )
    assert filled["a"].fields == {"n": 7, "x": {"y": 1}}


FAILING = {
    "insert of a present id": (lambda: op("insert", "b", {}), DuplicateKeyError, "b"),
    "update of an absent id": (lambda: op("update", "nobody", {}), NotFoundError, "nobody"),
    "replace of an absent id": (lambda: op("replace", "nobody", {}), NotFoundError, "nobody"),
    "wrong value": (lambda: op("put", "x", {"deep": [{1}]}), SchemaError, r"deep\[0\]"),
    "absent collection": (lambda: op("put", "x", {}, "nowhere"), NotFoundError, "nowhere"),
    "bad operator": (lambda: op("update", "a", {"$inc": {"n": "x"}}), QueryError, "inc"),
}


@pytest.mark.parametrize("place", ["first", "middle", "last"])
@pytest.mark.parametrize("name", FAILING)
def test_one_failing_operation_undoes_all(name, place, db, filled):
    make, error, named = FAILING[name]
    good = [
        op("put", "p", {"n": 1}),
        op("delete", "a"),
        op("insert", "q", {}),
        op("update", "b", {"n": 9}),
    ]
    if name == "bad operator":
        good[1] = op("put", "r", {})
    position = {"first": 0, "middle": 2, "last": 4}[place]
    with pytest.raises(error, match=named):
        db.batch([*good[:position], make(), *good[position:]])
    assert contents(filled) == BEFORE


@pytest.mark.parametrize("verb", ["insert_many", "put_many"])
def test_a_generator_that_fails_half_way(verb, filled):
    def pairs():
        for n in range(100):
            yield f"u{n}", {"n": n}
        raise OSError("the source went away")

    with pytest.raises(OSError, match="went away"):
        getattr(filled, verb)(pairs())
    assert contents(filled) == BEFORE


def test_delete_many_with_a_generator_that_fails(filled):
    def ids():
        yield "a"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        filled.delete_many(ids())
    assert contents(filled) == BEFORE


def test_a_generator_that_writes_to_the_collection_it_feeds(filled):
    def pairs():
        for n in range(20):
            filled.put("side", {"n": n})
            yield f"u{n}", {"n": len(filled)}

    filled.insert_many(pairs())
    assert filled["side"].version == 20
    assert filled["u19"]["n"] == 3  # nothing of the batch is there before all of it


def test_insert_many_with_a_present_id(filled):
    with pytest.raises(DuplicateKeyError, match="b"):
        filled.insert_many((id, {}) for id in ("x", "y", "b", "z"))
    assert contents(filled) == BEFORE


def test_insert_many_with_an_id_twice(filled):
    with pytest.raises(DuplicateKeyError, match="x"):
        filled.insert_many([("x", {"n": 1}), ("y", {}), ("x", {"n": 2})])
    assert contents(filled) == BEFORE


def test_put_many_with_an_id_twice(filled):
    assert filled.put_many([("x", {"n": 1}), ("y", {}), ("x", {"n": 2})]) == 3
    assert filled["x"].fields == {"n": 2}
    assert filled["x"].version == 2


def test_delete_many_with_an_id_twice(filled):
    assert filled.delete_many(["a", "a", "absent"]) == 1
    assert list(filled) == ["b"]


@pytest.mark.parametrize(
    "pairs", [[("x",)], [("x", {}, 1)], ["x"], [5], [("x", None)], 5, None], ids=repr
)
@pytest.mark.parametrize("verb", ["insert_many", "put_many"])
def test_what_are_not_pairs(verb, pairs, filled):
    with pytest.raises((TypeError, ValueError)):
        getattr(filled, verb)(pairs)
    assert contents(filled) == BEFORE


def test_large_batches(durable):
    db = durable.open()
    users = db.create_collection("users")
    assert (
        users.insert_many((f"u{n}", {"n": n, "text": "x" * (n % 50)}) for n in range(30_000))
        == 30_000
    )
    db.batch([op("update", f"u{n}", {"m": n}) for n in range(0, 30_000, 3)])
    with pytest.raises(NotFoundError, match="u30000"):
        db.batch([op("delete", f"u{n}") for n in range(30_000)] + [op("update", "u30000", {})])
    users = durable.reopen()["users"]
    assert len(users) == 30_000
    assert all(
        doc.fields.get("m") == (n if n % 3 == 0 else None)
        for n, doc in enumerate(users.get_many(f"u{n}" for n in range(1000)))
    )
    assert users.delete_many(f"u{n}" for n in range(0, 30_000, 2)) == 15_000
    assert len(durable.reopen()["users"]) == 15_000


def test_a_batch_that_alternates_between_collections(db, filled):
    """Room for all new ids of a collection, wherever in the batch they stand."""
    db.create_collection("jobs")
    names = ("users", "jobs")
    for size in (4, 40, 4000):
        db.batch(op("insert", f"{size}-{n}", {"n": n}, names[n % 2]) for n in range(size))
    for number, name in enumerate(names):
        found = {doc.id: doc["n"] for doc in db.scan(name) if "-" in doc.id}
        assert found == {f"{size}-{n}": n for size in (4, 40, 4000) for n in range(number, size, 2)}
    db.batch(op("delete", f"4000-{n}", None, names[n % 2]) for n in range(4000))
    assert [len(db[name]) for name in names] == [24, 22]


def test_an_empty_batch(db, filled):
    db.batch([])
    assert contents(filled) == BEFORE


@pytest.mark.parametrize(
    ("kind", "named"),
    [
        ("upsert", "upsert"),
        ("", "kind|operation"),
        (None, "None"),
        (5, "5"),
        ("INSERT", "INSERT"),
        ("check", "check"),
    ],
)
def test_unknown_kinds(kind, named, db, filled):
    with pytest.raises((VelocityError, TypeError), match=named):
        db.batch([op("put", "x", {}), op(kind, "y", {})])
    assert contents(filled) == BEFORE


@pytest.mark.parametrize(
    "what", [None, 5, "insert", [5], [None], [("insert", "users", "x", {})]], ids=repr
)
def test_what_is_not_a_batch(what, db, filled):
    with pytest.raises((TypeError, ValueError)):
        db.batch(what)
    assert contents(filled) == BEFORE


def test_batches_take_a_generator(db, filled):
    db.batch(op("put", f"g{n}", {"n": n}) for n in range(50))
    assert len(filled) == 52

    def failing():
        yield op("delete", "a")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        db.batch(failing())
    assert "a" in filled


def test_ttl_in_a_batch(db, filled):
    db.batch(
        [BatchOperation("insert", "users", id="t", fields={}, ttl=1000), op("insert", "u", {})]
    )
    assert filled["t"].expires is not None
    assert filled["u"].expires is None
