"""Consistency on one node: a collection has one level, writes use it, reads may name a weaker one."""

from __future__ import annotations

import itertools

import pytest

from support.store import contents
from velocity import ConfigError, Consistency, ConsistencyError

LEVELS = list(Consistency)
WRITES = {
    "insert": lambda c, level: c.insert("new", {}, consistency=level),
    "add": lambda c, level: c.add({}, consistency=level),
    "put": lambda c, level: c.put("a", {"n": 2}, consistency=level),
    "update": lambda c, level: c.update("a", {"n": 2}, consistency=level),
    "operators": lambda c, level: c.update("a", {"$inc": {"n": 1}}, consistency=level),
    "replace": lambda c, level: c.replace("a", {"n": 2}, consistency=level),
    "delete": lambda c, level: c.delete("a", consistency=level),
    "insert_many": lambda c, level: c.insert_many([("new", {})], consistency=level),
    "put_many": lambda c, level: c.put_many([("a", {"n": 2})], consistency=level),
    "delete_many": lambda c, level: c.delete_many(["a"], consistency=level),
    "compare_and_swap": lambda c, level: c.compare_and_swap(
        "a", {"n": 1}, {"n": 2}, consistency=level
    ),
}
READS = {
    "get": lambda c, level: c.get("a", consistency=level),
    "get_many": lambda c, level: c.get_many(["a"], consistency=level)[0],
    "scan": lambda c, level: next(iter(c.scan(consistency=level))),
}


@pytest.mark.parametrize(
    ("own", "named"), list(itertools.product(LEVELS, LEVELS)), ids=lambda level: level.value
)
def test_rules(own, named, store):
    db = store.open()
    for name, write in WRITES.items():
        users = db.create_collection(name, consistency=own)
        users.insert("a", {"n": 1})
        if named is own:
            write(users, named)
            assert contents(users) != {"a": (1, {"n": 1})}
        else:
            with pytest.raises(ConsistencyError) as caught:
                write(users, named)
            assert own.value in str(caught.value)
            assert named.value in str(caught.value)
            assert contents(users) == {"a": (1, {"n": 1})}
    users = db.create_collection("read", consistency=own)
    users.insert("a", {"n": 1})
    for read in READS.values():
        if LEVELS.index(named) <= LEVELS.index(own):
            doc = read(users, named)
            assert doc["n"] == 1
            assert doc.staleness == 0
        else:
            with pytest.raises(ConsistencyError, match=own.value):
                read(users, named)


def test_strings_are_accepted(users):
    users.insert("a", {}, consistency="local")
    assert users.get("a", consistency="local").id == "a"
    with pytest.raises(ConsistencyError):
        users.insert("b", {}, consistency="strong")


@pytest.mark.parametrize("level", ["sometimes", 1, "", object()], ids=str)
def test_unknown_levels(level, users):
    users.insert("a", {})
    for call in (
        lambda: users.insert("b", {}, consistency=level),
        lambda: users.get("a", consistency=level),
    ):
        with pytest.raises((ConsistencyError, ConfigError)):
            call()
    assert list(users) == ["a"]


def test_the_default_of_the_database(store):
    db = store.open(default_consistency="quorum")
    db.create_collection("users").insert("a", {}, consistency="quorum")
    db.create_collection("logs", consistency="local").insert("a", {}, consistency="local")
    with pytest.raises(ConsistencyError, match="quorum"):
        db["users"].put("a", {}, consistency="local")
    assert db["users"].get("a", consistency="eventual").id == "a"


def test_a_level_is_kept_whatever_the_default_becomes(durable):
    durable.open(default_consistency="strong").create_collection("users").insert("a", {})
    db = durable.reopen(default_consistency="local")
    with pytest.raises(ConsistencyError, match="strong"):
        db["users"].put("a", {}, consistency="local")
    db["users"].put("a", {}, consistency="strong")
    assert db.create_collection("users", if_not_exists=True)["a"].version == 2


def test_another_level_is_refused_for_an_existing_collection(db):
    db.create_collection("users", consistency="strong")
    with pytest.raises(ConsistencyError, match="strong"):
        db.create_collection("users", consistency="local", if_not_exists=True)


@pytest.mark.parametrize("level", LEVELS, ids=str)
def test_everything_works_at_every_level(level, store):
    db = store.open(default_consistency=level)
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(10))
    assert users.compare_and_swap("u0", {"n": 0}, {"n": 100}).success
    with db.transaction() as tx:
        tx.update("users", "u1", {"n": tx.get("users", "u0")["n"]})
    assert users["u1"]["n"] == 100
    assert users.count({"n": 100}) == 2
    del users["u2"]
    assert len(users) == 9


def test_on_the_database(db):
    db.create_collection("users", consistency="strong")
    db.insert("users", "a", {"n": 1}, consistency="strong")
    assert db.get("users", "a", consistency="local")["n"] == 1
    with pytest.raises(ConsistencyError, match="strong"):
        db.insert("users", "b", {}, consistency="local")
