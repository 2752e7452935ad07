"""Update operators on stored documents."""

from __future__ import annotations

import pytest

from support.same import same
from support.store import contents
from velocity import BatchOperation, NotFoundError, QueryError, VelocityError

START = {"n": 1, "f": 1.5, "text": "x", "deep": {"x": 1, "list": [1, {"y": 2}]}, "none": None}

CASES = {
    "set": ({"$set": {"n": 5, "new": [1]}}, START | {"n": 5, "new": [1]}),
    "set deep": ({"$set": {"deep.x": 9}}, START | {"deep": {"x": 9, "list": [1, {"y": 2}]}}),
    "set makes the way": ({"$set": {"a.b.c": 1}}, START | {"a": {"b": {"c": 1}}}),
    "set in a list": (
        {"$set": {"deep.list.1.y": 5}},
        START | {"deep": {"x": 1, "list": [1, {"y": 5}]}},
    ),
    "unset": ({"$unset": {"n": ""}}, {k: v for k, v in START.items() if k != "n"}),
    "unset deep": ({"$unset": {"deep.x": 1}}, START | {"deep": {"list": [1, {"y": 2}]}}),
    "unset of nothing": ({"$unset": {"nope": "", "deep.nope.x": ""}}, START),
    "inc": ({"$inc": {"n": 5}}, START | {"n": 6}),
    "inc by a float": ({"$inc": {"n": 0.5}}, START | {"n": 1.5}),
    "inc down": ({"$inc": {"f": -1}}, START | {"f": 0.5}),
    "inc of nothing": (
        {"$inc": {"new": 3, "deep.z": 2}},
        START | {"new": 3, "deep": START["deep"] | {"z": 2}},
    ),
    "several": ({"$set": {"a": 1}, "$inc": {"n": 1}, "$unset": {"f": ""}}, None),
    "none at all": ({"$set": {}}, START),
}


@pytest.mark.parametrize("name", CASES)
def test_operators(name, users):
    operators, after = CASES[name]
    if after is None:
        after = {k: v for k, v in START.items() if k != "f"} | {"n": 2, "a": 1}
    users.insert("a", START)
    assert users.update("a", operators) == 2
    assert users["a"].fields == after
    assert all(same(value, after[field]) for field, value in users["a"].items())


BAD = {
    "unknown": ({"$sett": {"n": 1}}, r"\$sett"),
    "mixed with fields": ({"$set": {"n": 1}, "m": 2}, "m"),
    "not an object": ({"$inc": 5}, r"\$inc"),
    "inc by text": ({"$inc": {"n": "1"}}, r"\$inc"),
    "inc of text": ({"$inc": {"text": 1}}, "text"),
    "inc of none": ({"$inc": {"none": 1}}, "none"),
    "inc past 64 bits": ({"$inc": {"n": 2**63 - 1}}, "64"),
    "set through a value": ({"$set": {"n.x": 1}}, "n"),
    "the same path twice": ({"$set": {"n": 1}, "$inc": {"n": 1}}, "n"),
    "a path inside another": ({"$set": {"deep": 1, "deep.x": 1}}, "deep"),
    "empty part": ({"$set": {"deep..x": 1}}, r"deep\.\.x"),
    "wrong value": ({"$set": {"deep.x": {1}}}, "deep"),
}


@pytest.mark.parametrize("name", BAD)
def test_refused(name, users):
    operators, named = BAD[name]
    users.insert("a", START)
    with pytest.raises(VelocityError, match=named) as caught:
        users.update("a", operators)
    assert isinstance(caught.value, ValueError)
    assert contents(users) == {"a": (1, START)}


def test_an_unknown_operator_is_a_query_error(users):
    users.insert("a", {})
    with pytest.raises(QueryError, match=r"\$sett"):
        users.update("a", {"$sett": {"n": 1}})


def test_on_an_absent_document(users):
    with pytest.raises(NotFoundError, match="nobody"):
        users.update("nobody", {"$inc": {"n": 1}})
    assert len(users) == 0


def test_versions_and_reopen(durable):
    users = durable.open().create_collection("users")
    users.insert("a", {"n": 0})
    assert [users.update("a", {"$inc": {"n": 1}}) for _ in range(5)] == [2, 3, 4, 5, 6]
    assert durable.reopen()["users"]["a"].fields == {"n": 5}


def test_they_keep_the_expiry(users):
    users.insert("a", {"n": 1}, ttl=1000)
    expires = users["a"].expires
    users.update("a", {"$inc": {"n": 1}})
    assert users["a"].expires == expires
    users.update("a", {"$inc": {"n": 1}}, ttl=5000)
    assert users["a"].expires > expires


def test_on_the_database(db, users):
    users.insert("a", {"n": 1})
    assert db.update("users", "a", {"$inc": {"n": 1}}) == 2
    assert users["a"]["n"] == 2


def test_lists_and_extremes(users):
    users.insert("a", {"scores": [3, 1], "best": 3, "tags": ["x"]})
    users.update(
        "a",
        {
            "$push": {"scores": {"$each": [9], "$sort": -1, "$slice": 2}},
            "$max": {"best": 9},
            "$min": {"worst": 1},
            "$addToSet": {"tags": {"$each": ["x", "y"]}},
            "$currentDate": {"at": True},
        },
    )
    fields = users["a"].fields
    at = fields.pop("at")
    assert users["a"].created <= at
    assert fields == {"scores": [9, 3], "best": 9, "tags": ["x", "y"], "worst": 1}
    users.update("a", {"$pull": {"tags": {"$in": ["x"]}}, "$pop": {"scores": 1}})
    assert (users["a"]["tags"], users["a"]["scores"]) == (["y"], [9])


def test_in_a_transaction_and_a_batch(db, users):
    users.insert("a", {"l": [1]})
    with db.transaction() as tx:
        tx.update("users", "a", {"$addToSet": {"l": 2}})
        tx.update("users", "a", {"$pull": {"l": 1}})
    db.batch([BatchOperation("update", "users", "a", {"$push": {"l": 5}})])
    assert users["a"].fields == {"l": [2, 5]}
