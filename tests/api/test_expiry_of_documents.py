"""TTL: an expired document is never returned by any call, and its memory comes back by itself."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from support.store import contents
from support.waiting import after_expiry, eventually
from velocity import CASRequest, NotFoundError

SHORT = 0.02  # seconds


def test_expires_is_told(users):
    users.insert("a", {}, ttl=1000)
    users.insert("b", {})
    doc = users["a"]
    assert doc.expires.tzinfo is not None
    assert doc.expires - doc.modified == pytest.approx(
        timedelta(seconds=1000), abs=timedelta(seconds=1)
    )
    assert users["b"].expires is None
    assert len(users) == 2


CALLS = {
    "get": lambda c: c.get("a") is None,
    "get_many": lambda c: c.get_many(["a", "b"])[0] is None,
    "in": lambda c: "a" not in c,
    "len": lambda c: len(c) == 1,
    "count": lambda c: c.count() == 1,
    "count filter": lambda c: c.count({"n": 1}) == 0,
    "scan": lambda c: [doc.id for doc in c.scan()] == ["b"],
    "scan prefix": lambda c: list(c.scan(prefix="a")) == [],
    "scan backwards": lambda c: [doc.id for doc in c.scan(reverse=True)] == ["b"],
    "iter": lambda c: list(c) == ["b"],
    "values": lambda c: [doc.id for doc in c.values()] == ["b"],
    "items": lambda c: [id for id, _ in c.items()] == ["b"],
    "pop": lambda c: c.pop("a", None) is None,
    "delete": lambda c: c.delete("a") is False,
    "delete_many": lambda c: c.delete_many(["a"]) == 0,
    "cas expects absent": lambda c: c.compare_and_swap("a", None, {"n": 2}).version == 1,
    "cas expects fields": lambda c: (
        c.compare_and_swap("a", {"n": 1}, {"n": 2}).current_value is None
    ),
    "cas expects version": lambda c: (
        not c.compare_and_swap("a", value={"n": 2}, expected_version=1)
    ),
    "insert": lambda c: c.insert("a", {"n": 2}) == 1,
    "put": lambda c: c.put("a", {"n": 2}) == 1,
}


@pytest.mark.parametrize("name", CALLS)
def test_an_expired_document_is_absent_for(name, users):
    users.insert("b", {"n": 2})
    users.insert("a", {"n": 1}, ttl=SHORT)
    doc = users.get("a")
    if doc is not None:  # the machine was quick
        eventually(lambda: datetime.now(timezone.utc) > doc.expires)
    assert CALLS[name](users)


@pytest.mark.parametrize("verb", ["update", "replace", "[]", "del", "operators"])
def test_an_expired_document_is_not_found_by(verb, users):
    calls = {
        "update": lambda: users.update("a", {"n": 2}),
        "replace": lambda: users.replace("a", {"n": 2}),
        "[]": lambda: users["a"],
        "del": lambda: users.__delitem__("a"),
        "operators": lambda: users.update("a", {"$inc": {"n": 1}}),
    }
    users.insert("a", {"n": 1}, ttl=SHORT)
    eventually(lambda: users.get("a") is None)
    with pytest.raises(NotFoundError):
        calls[verb]()


def test_every_call_turns_at_the_same_instant(users):
    """Whatever call begins after the instant sees nothing, also when the document was just read."""
    for turn in range(20):
        id = f"t{turn}"
        users.insert(id, {"n": turn}, ttl=SHORT)
        doc = users.get(id)
        if doc is None:  # the machine was slow
            continue
        looks = [
            lambda id=id: users.get(id),
            lambda id=id: id in users,
            lambda id=id: list(users.scan(prefix=id)),
            lambda id=id: users.get_many([id])[0],
        ]
        assert not after_expiry(doc.expires, looks[turn % 4])


def test_a_scan_that_began_before(users):
    users.put_many(((f"u{n:04}", {}) for n in range(1000)), ttl=0.5)
    scan = users.scan()
    first = next(scan, None)
    if first is None:  # the machine was slow
        return
    eventually(lambda: len(users) == 0)
    rest = list(scan)
    assert len(rest) < 999  # at most what was read ahead


def test_memory_and_counts_come_back(db):
    users = db.create_collection("users")
    users.insert("kept", {"n": 1})
    before = db.stats().memory_usage
    users.put_many(((f"u{n}", {"text": "x" * 400}) for n in range(20_000)), ttl=0.3)
    eventually(lambda: db.stats().documents == 1)
    eventually(lambda: db.stats().memory_usage < before + 4_000_000)
    assert contents(users) == {"kept": (1, {"n": 1})}


def test_it_holds_across_a_reopen(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.insert("short", {"n": 1}, ttl=0.2)
    users.insert("long", {"n": 2}, ttl=10_000)
    users.insert("ever", {"n": 3})
    expires = users["long"].expires
    db = durable.reopen()
    users = db["users"]
    assert users["long"].expires == expires
    assert users["ever"].expires is None
    eventually(lambda: "short" not in users)
    assert set(users) == {"long", "ever"}
    users = durable.reopen()["users"]
    assert set(users) == {"long", "ever"}
    assert users.insert("short", {"again": True}) == 1
    assert durable.reopen()["users"]["short"].fields == {"again": True}


def test_expired_while_closed(durable):
    db = durable.open()
    users = db.create_collection("users")
    users.put_many(((f"u{n}", {}) for n in range(500)), ttl=0.05)
    users.insert("kept", {})
    deadline = datetime.now(timezone.utc) + timedelta(seconds=0.06)
    durable.close()
    eventually(lambda: datetime.now(timezone.utc) > deadline)
    db = durable.open()
    assert contents(db["users"]) == {"kept": (1, {})}
    eventually(lambda: db.stats().documents == 1)


def test_a_put_clears_it_and_an_update_keeps_it(users):
    users.insert("a", {"n": 1}, ttl=1000)
    expires = users["a"].expires
    users.update("a", {"n": 2})
    assert users["a"].expires == expires
    users.update("a", {"n": 3}, ttl=5000)
    assert users["a"].expires > expires
    users.put("a", {"n": 4})
    assert users["a"].expires is None
    users.update("a", {"n": 5}, ttl=1000)
    users.replace("a", {"n": 6})
    assert users["a"].expires is None


def test_a_document_that_was_renewed_stays(users):
    users.insert("a", {"n": 1}, ttl=0.05)
    first = datetime.now(timezone.utc) + timedelta(seconds=0.05)
    users.put("a", {"n": 2}, ttl=10_000)
    eventually(lambda: datetime.now(timezone.utc) > first)
    users.put_many(((f"u{n}", {}) for n in range(100)), ttl=0.01)
    eventually(lambda: len(users) == 1)
    assert users["a"]["n"] == 2


@pytest.mark.parametrize(
    "ttl",
    [0, -1, -0.5, float("nan"), float("inf"), float("-inf"), 1e300, 10**400],
    ids=lambda v: str(v)[:9],
)
def test_times_that_may_not_be(ttl, users):
    users.insert("a", {"n": 1})
    calls = {
        "insert": lambda: users.insert("b", {}, ttl=ttl),
        "put": lambda: users.put("a", {}, ttl=ttl),
        "update": lambda: users.update("a", {"n": 2}, ttl=ttl),
        "replace": lambda: users.replace("a", {}, ttl=ttl),
        "put_many": lambda: users.put_many([("b", {})], ttl=ttl),
        "insert_many": lambda: users.insert_many([("b", {})], ttl=ttl),
        "compare_and_swap": lambda: users.compare_and_swap("a", {"n": 1}, {"n": 2}, ttl=ttl),
        "operators": lambda: users.update("a", {"$inc": {"n": 1}}, ttl=ttl),
        "add": lambda: users.add({}, ttl=ttl),
    }
    for name, call in calls.items():
        with pytest.raises((ValueError, OverflowError), match="ttl|large|fit") as caught:
            call()
        assert isinstance(caught.value, ValueError), name
    assert contents(users) == {"a": (1, {"n": 1})}
    assert users["a"].expires is None


@pytest.mark.parametrize("ttl", ["5", [], timedelta(seconds=5), True], ids=repr)
def test_ttl_of_a_wrong_type(ttl, users):
    with pytest.raises((TypeError, ValueError), match="ttl"):
        users.insert("b", {}, ttl=ttl)
    assert len(users) == 0


@pytest.mark.parametrize("ttl", [1, 1.5, 0.001, 86400 * 365 * 50, 1e-9])
def test_times_that_may_be(ttl, users):
    assert users.insert("b", {}, ttl=ttl) == 1
    if ttl >= 1:
        assert users["b"].expires is not None


def test_through_the_database_and_batches(db, users):
    db.insert("users", "a", {}, ttl=1000)
    db.compare_and_swap("users", CASRequest(key="b", value={}, ttl=1000))
    with db.transaction() as tx:
        tx.insert("users", "c", {}, ttl=1000)
        tx.put("users", "d", {})
    assert [users[id].expires is None for id in "abcd"] == [False, False, False, True]
