"""Transactions: read own writes, commit or nothing, and serializable."""

from __future__ import annotations

import pytest

from support.store import contents
from velocity import BatchOperation, ConflictError, DuplicateKeyError, NotFoundError, SchemaError


@pytest.fixture
def filled(users):
    users.put_many((f"u{n}", {"n": n, "kind": "even" if n % 2 == 0 else "odd"}) for n in range(6))
    return users


def test_commit(db, filled):
    with db.transaction() as tx:
        tx.insert("users", "new", {"n": 10})
        tx.put("users", "u0", {"n": 100})
        tx.update("users", "u1", {"m": 1})
        tx.replace("users", "u2", {"x": 1})
        tx.delete("users", "u3")
        assert "new" not in filled  # nothing before the commit
        assert filled["u0"]["n"] == 0
    assert contents(filled) == {
        "new": (1, {"n": 10}),
        "u0": (2, {"n": 100}),
        "u1": (2, {"n": 1, "kind": "odd", "m": 1}),
        "u2": (2, {"x": 1}),
        "u4": (1, {"n": 4, "kind": "even"}),
        "u5": (1, {"n": 5, "kind": "odd"}),
    }


def test_an_exception_rolls_back(db, filled):
    before = contents(filled)
    with pytest.raises(ZeroDivisionError), db.transaction() as tx:
        tx.put("users", "u0", {"n": 100})
        tx.delete("users", "u1")
        raise ZeroDivisionError
    assert contents(filled) == before


def test_it_reads_its_own_writes(db, filled):
    with db.transaction() as tx:
        tx.put("users", "u0", {"n": 100})
        tx.update("users", "u1", {"n": 101})
        tx.insert("users", "u9", {"n": 109})
        tx.delete("users", "u2")
        assert tx.get("users", "u0").fields == {"n": 100}
        assert tx.get("users", "u1").fields == {"n": 101, "kind": "odd"}
        assert tx.get("users", "u9")["n"] == 109
        assert tx.get("users", "u2") is None
        assert [doc.id for doc in tx.scan("users")] == ["u0", "u1", "u3", "u4", "u5", "u9"]
        assert tx.count("users") == 6
        tx.update("users", "u0", {"again": 1})
        assert tx.get("users", "u0").fields == {"n": 100, "again": 1}
    assert filled["u0"].fields == {"n": 100, "again": 1}


def test_refusals_inside(db, filled):
    before = contents(filled)
    with db.transaction() as tx:
        with pytest.raises(DuplicateKeyError, match="u0"):
            tx.insert("users", "u0", {})
        with pytest.raises(NotFoundError, match="nobody"):
            tx.update("users", "nobody", {"n": 1})
        with pytest.raises(NotFoundError, match="nobody"):
            tx.replace("users", "nobody", {"n": 1})
        with pytest.raises(NotFoundError, match="nowhere"):
            tx.get("nowhere", "a")
        with pytest.raises(SchemaError):
            tx.put("users", "u0", {"n": {1}})
        tx.delete("users", "u1")
        with pytest.raises(NotFoundError, match="u1"):
            tx.update("users", "u1", {"n": 1})
    del before["u1"]
    assert contents(filled) == before


def test_a_read_document_that_changed(db, filled):
    with pytest.raises(ConflictError, match="u0"), db.transaction() as tx:
        n = tx.get("users", "u0")["n"]
        filled.put("u0", {"n": 50})
        tx.put("users", "u1", {"n": n + 1})
    assert filled["u1"].fields == {"n": 1, "kind": "odd"}
    assert filled["u0"].fields == {"n": 50}


@pytest.mark.parametrize("what", ["deleted", "appeared", "same value", "deleted and back"])
def test_any_change_of_what_was_read_is_a_conflict(what, db, filled):
    with pytest.raises(ConflictError), db.transaction() as tx:
        if what == "appeared":
            assert tx.get("users", "u9") is None
            filled.insert("u9", {})
        else:
            assert tx.get("users", "u0") is not None
            if what.startswith("deleted"):
                filled.delete("u0")
            if what == "same value":
                filled.put("u0", {"n": 0, "kind": "even"})
            if what == "deleted and back":
                filled.insert("u0", {"n": 0, "kind": "even"})
        tx.put("users", "u1", {"n": -1})
    assert filled["u1"]["n"] == 1


def test_what_was_not_read_may_change(db, filled):
    with db.transaction() as tx:
        tx.get("users", "u0")
        filled.put("u5", {"n": 50})
        tx.put("users", "u1", {"n": -1})
    assert filled["u1"]["n"] == -1


def test_write_skew(db, filled):
    """Two doctors on call: each may leave only while the other stays."""
    filled.put_many([("d1", {"on_call": True}), ("d2", {"on_call": True})])

    def leave(tx, me, other):
        if tx.get("users", other)["on_call"]:
            tx.update("users", me, {"on_call": False})

    with pytest.raises(ConflictError), db.transaction() as one:
        leave(one, "d1", "d2")
        with db.transaction() as two:
            leave(two, "d2", "d1")
    assert [filled["d1"]["on_call"], filled["d2"]["on_call"]] == [True, False]


@pytest.mark.parametrize("look", ["scan", "prefix", "count", "count filter"])
@pytest.mark.parametrize("change", ["insert", "delete", "update"])
def test_phantoms(look, change, db, filled):
    looks = {
        "scan": lambda tx: sum(doc["n"] for doc in tx.scan("users")),
        "prefix": lambda tx: sum(doc["n"] for doc in tx.scan("users", prefix="u")),
        "count": lambda tx: tx.count("users"),
        "count filter": lambda tx: tx.count("users", {"kind": "even"}),
    }
    changes = {
        "insert": lambda: filled.insert("u9", {"n": 9, "kind": "even"}),
        "delete": lambda: filled.delete("u2"),
        "update": lambda: filled.update("u2", {"n": 7, "kind": "odd"}),
    }
    totals = db.create_collection("totals")
    try:
        with db.transaction() as tx:
            tx.put("totals", "t", {"n": looks[look](tx)})
            changes[change]()
        committed = True
    except ConflictError:
        committed = False
    # A count of all documents is the same after an update, so that either answer is serializable.
    assert not committed or (look, change) == ("count", "update")
    assert ("t" in totals) is committed


def test_reading_only_sees_one_moment_or_a_conflict(db, filled):
    filled.put_many([("x", {"n": 1}), ("y", {"n": 1})])
    try:
        with db.transaction() as tx:
            first = tx.get("users", "x")["n"]
            db.transact(compare=[], then=[put("x", 2), put("y", 2)], otherwise=[])
            second = tx.get("users", "y")["n"]
    except ConflictError:
        return
    assert first == second


def put(id, n):
    return BatchOperation("put", "users", id=id, fields={"n": n})


def test_across_collections_and_reopen(durable):
    db = durable.open()
    db.create_collection("users").insert("a", {"money": 10})
    db.create_collection("shops").insert("s", {"money": 0})
    with db.transaction() as tx:
        paid = tx.get("users", "a")["money"]
        tx.update("users", "a", {"money": 0})
        tx.update("shops", "s", {"money": tx.get("shops", "s")["money"] + paid})
    db = durable.reopen()
    assert (db["users"]["a"]["money"], db["shops"]["s"]["money"]) == (0, 10)
    assert (db["users"]["a"].version, db["shops"]["s"].version) == (2, 2)


def test_several_writes_of_one_document(db, filled):
    with db.transaction() as tx:
        tx.insert("users", "x", {"n": 1})
        tx.update("users", "x", {"n": 2})
        tx.delete("users", "x")
        tx.insert("users", "x", {"n": 3})
        tx.delete("users", "u0")
        tx.insert("users", "u0", {"back": True})
    assert filled["x"].fields == {"n": 3}
    assert filled["u0"].fields == {"back": True}


def test_operators_inside(db, filled):
    with db.transaction() as tx:
        tx.update("users", "u1", {"$inc": {"n": 5}})
        assert tx.get("users", "u1")["n"] == 6
        tx.update("users", "u1", {"$inc": {"n": 5}, "$unset": {"kind": ""}})
    assert filled["u1"].fields == {"n": 11}


def test_after_its_end_it_refuses(db, filled):
    with db.transaction() as tx:
        tx.get("users", "u0")
    for call in (
        lambda: tx.put("users", "u0", {"n": 1}),
        lambda: tx.get("users", "u0"),
        lambda: tx.delete("users", "u0"),
    ):
        with pytest.raises(Exception) as caught:  # noqa: PT011
            call()
        assert "transaction" in str(caught.value).lower()
    assert filled["u0"]["n"] == 0


def test_an_empty_transaction(db, filled):
    before = contents(filled)
    with db.transaction():
        pass
    assert contents(filled) == before


def test_many_retries_add_up(db, filled):
    filled.put("counter", {"n": 0})
    for turn in range(20):
        while True:
            try:
                with db.transaction() as tx:
                    n = tx.get("users", "counter")["n"]
                    if turn % 3 == 0 and n == turn:  # another gets in between, once
                        filled.put("counter", {"n": n + 1})
                    tx.put("users", "counter", {"n": n + 1})
                break
            except ConflictError:
                continue
    assert filled["counter"]["n"] >= 20


def test_own_writes_have_the_version_they_will_have(users, db):
    users.put("u1", {"n": 1})
    with db.transaction() as tx:
        assert tx.put("users", "u1", {"n": 2}) == 2
        assert tx.get("users", "u1").version == 2
        assert tx.get("users", "u1").created is None
        assert tx.insert("users", "u2", {"n": 1}) == tx.get("users", "u2").version == 1
        assert tx.compare_and_swap("users", "u1", expected_version=2, value={"n": 3}).success
        assert [doc.version for doc in tx.scan("users")] == [3, 1]
    assert [doc.version for doc in users.scan()] == [3, 1]
