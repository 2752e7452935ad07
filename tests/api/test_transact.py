"""transact: compare, then or otherwise, in one step."""

from __future__ import annotations

import pytest

from support.store import contents
from velocity import BatchOperation, Compare, NotFoundError, VelocityError


@pytest.fixture
def filled(users):
    users.insert("a", {"n": 1, "state": "waiting"})
    users.put("b", {"n": 0})
    users.put("b", {"n": 2})
    return users


def op(kind, id, fields=None):
    return BatchOperation(kind, "users", id=id, fields=fields)


HOLDS = {
    "fields": Compare("users", "a", fields={"n": 1}),
    "missing field equals None": Compare("users", "a", fields={"missing": None}),
    "version": Compare("users", "b", version=2),
    "absent by version": Compare("users", "nobody", version=0),
    "exists": Compare("users", "a", exists=True),
    "absent": Compare("users", "nobody", exists=False),
    "all of one": Compare("users", "a", fields={"n": 1}, version=1, exists=True),
}
FAILS = {
    "fields": Compare("users", "a", fields={"n": 2}),
    "version": Compare("users", "b", version=1),
    "fields of an absent document": Compare("users", "nobody", fields={"n": None}),
    "exists": Compare("users", "nobody", exists=True),
    "absent": Compare("users", "a", exists=False),
    "one of all": Compare("users", "a", fields={"n": 1}, version=2),
}


@pytest.mark.parametrize("name", HOLDS)
def test_then(name, db, filled):
    result = db.transact(
        compare=[HOLDS[name]],
        then=[op("put", "t", {"n": 1}), op("delete", "b")],
        otherwise=[op("put", "o", {})],
    )
    assert result.succeeded
    assert set(filled) == {"a", "t"}
    assert result.results[0] == 1
    assert bool(result.results[1]) is True


@pytest.mark.parametrize("name", FAILS)
def test_otherwise(name, db, filled):
    result = db.transact(
        compare=[FAILS[name]], then=[op("put", "t", {})], otherwise=[op("update", "b", {"m": 1})]
    )
    assert not result.succeeded
    assert contents(filled) == {"a": (1, {"n": 1, "state": "waiting"}), "b": (3, {"n": 2, "m": 1})}
    assert result.results == [3]


def test_every_comparison_must_hold(db, filled):
    assert db.transact(
        compare=list(HOLDS.values()), then=[op("put", "t", {})], otherwise=[]
    ).succeeded
    compare = [*HOLDS.values(), FAILS["version"]]
    assert not db.transact(compare=compare, then=[op("put", "t", {})], otherwise=[]).succeeded
    assert filled["t"].version == 1


def test_reads_in_a_branch(db, filled):
    result = db.transact(
        compare=[HOLDS["exists"]],
        then=[op("get", "a"), op("put", "a", {"n": 5}), op("get", "nobody")],
        otherwise=[],
    )
    assert result.results[0]["n"] in (1, 5)
    assert result.results[1:] == [2, None]


def test_without_comparisons_it_is_a_batch(db, filled):
    assert db.transact(compare=[], then=[op("put", "t", {})], otherwise=[]).succeeded
    assert "t" in filled


def test_a_failing_branch_changes_nothing(db, filled):
    before = contents(filled)
    with pytest.raises(NotFoundError, match="nobody"):
        db.transact(compare=[], then=[op("put", "t", {}), op("update", "nobody", {})], otherwise=[])
    assert contents(filled) == before


def test_the_branch_not_taken_is_not_judged_by_the_data(db, filled):
    assert db.transact(
        compare=[HOLDS["exists"]], then=[], otherwise=[op("update", "nobody", {})]
    ).succeeded


@pytest.mark.parametrize("compare", [[5], None, "x", [("users", "a")]], ids=repr)
def test_wrong_comparisons(compare, db, filled):
    before = contents(filled)
    with pytest.raises((VelocityError, TypeError, ValueError)):
        db.transact(compare=compare, then=[op("put", "t", {})], otherwise=[])
    assert contents(filled) == before


def test_an_absent_collection(db, filled):
    with pytest.raises(NotFoundError, match="nowhere"):
        db.transact(compare=[Compare("nowhere", "a", exists=True)], then=[], otherwise=[])
