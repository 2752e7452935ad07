"""A field of a document may not begin with $: operators given to the wrong verb are never stored."""

from __future__ import annotations

import pytest

from velocity import BatchOperation, Document, SchemaError

FIELDS = {"plain": 1, "$inc": {"n": 1}}

WRITES = {
    "insert": lambda db, c: c.insert("b", FIELDS),
    "insert Document": lambda db, c: c.insert(Document("b", FIELDS)),
    "add": lambda db, c: c.add(FIELDS),
    "put": lambda db, c: c.put("a", FIELDS),
    "replace": lambda db, c: c.replace("a", FIELDS),
    "[]=": lambda db, c: c.__setitem__("a", FIELDS),
    "insert_many": lambda db, c: c.insert_many([("b", {}), ("c", FIELDS)]),
    "put_many": lambda db, c: c.put_many([("b", {}), ("a", FIELDS)]),
    "merging swap": lambda db, c: c.compare_and_swap("a", {"n": 1}, FIELDS),
    "replacing swap": lambda db, c: c.compare_and_swap("a", {"n": 1}, FIELDS, replace=True),
    "inserting swap": lambda db, c: c.compare_and_swap("b", None, FIELDS),
    "expected": lambda db, c: c.compare_and_swap("a", {"$inc": 1}, {}),
    "batch": lambda db, c: db.batch([BatchOperation("put", "users", id="a", fields=FIELDS)]),
    "transact": lambda db, c: db.transact(
        compare=[], then=[BatchOperation("put", "users", id="a", fields=FIELDS)], otherwise=[]
    ),
    "transaction": lambda db, c: db.transaction().put("users", "a", FIELDS),
    "swap in a transaction": lambda db, c: db.transaction().compare_and_swap(
        "users", "a", {"n": 1}, FIELDS
    ),
}


@pytest.mark.parametrize("name", WRITES)
def test_refused(name, db, users):
    users.insert("a", {"n": 1, "deep": {"$inc": 1}})  # further in it is a name like others
    with pytest.raises(SchemaError, match=r"\$inc: .*may not begin with \$"):
        WRITES[name](db, users)
    assert list(users) == ["a"]
    assert (users["a"].version, users["a"].fields) == (1, {"n": 1, "deep": {"$inc": 1}})


def test_further_in_it_is_a_name_like_others(users):
    fields = {"deep": {"$inc": 1, "n": [{"$": 2}]}, "": 0, "a$": 1}
    users.insert("a", fields)
    assert users["a"].fields == fields
    assert users.compare_and_swap("a", {"deep": fields["deep"]}, {"more": 1})
    assert users.count({"more": 1}) == 1
    assert users["a"]["deep"] == fields["deep"]
