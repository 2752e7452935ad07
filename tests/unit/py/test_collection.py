"""What Collection adds to the core: scans in chunks, views, taking out, refusals of filters."""

from __future__ import annotations

import threading

import pytest

import velocity
from velocity import Collection, ConsistencyError, NotFoundError, QueryError
from velocity.py.collection import CHUNK


@pytest.fixture
def db():
    with velocity.open() as db:
        yield db


@pytest.fixture
def users(db):
    return db.create_collection("users")


def test_a_scan_over_several_chunks(users):
    count = 2 * CHUNK + 3
    users.put_many((f"u{n:05}", {"n": n}) for n in range(count))
    assert [doc["n"] for doc in users.scan()] == list(range(count))
    assert [doc["n"] for doc in users.scan(limit=CHUNK + 1)] == list(range(CHUNK + 1))
    assert [doc["n"] for doc in users.scan(reverse=True)] == list(reversed(range(count)))


def test_a_scan_leaves_out_what_has_gone(users):
    users.put_many((f"u{n:05}", {"n": n}) for n in range(3 * CHUNK))
    scan = users.scan(limit=CHUNK + 10)
    assert next(scan)["n"] == 0
    users.delete_many(f"u{n:05}" for n in range(CHUNK, 2 * CHUNK))
    users.put("u99999", {"n": -1})
    rest = [doc["n"] for doc in scan]
    assert rest == [*range(1, CHUNK), *range(2 * CHUNK, 2 * CHUNK + 10)]


@pytest.mark.parametrize("limit", [-1, 1.5, "5", True])
def test_a_limit_is_a_whole_number(limit, users):
    with pytest.raises(QueryError, match="limit"):
        users.scan(limit=limit)


def test_a_limit_of_nothing(users):
    users.put("a", {})
    assert list(users.scan(limit=0)) == []


def test_views(users):
    users.put_many((f"u{n}", {"n": n}) for n in range(5))
    assert sorted(users.keys()) == [f"u{n}" for n in range(5)]
    assert sorted(doc["n"] for doc in users.values()) == list(range(5))
    items = users.items()
    assert {id: doc["n"] for id, doc in items} == {f"u{n}": n for n in range(5)}
    assert len(items) == len(users.values()) == 5
    values = iter(users.values())
    next(values)
    users.clear()
    assert len(list(values)) <= CHUNK


def test_taking_out(users):
    users.put("a", {"n": 1})
    assert users.pop("a")["n"] == 1
    assert users.pop("a", None) is None
    with pytest.raises(NotFoundError, match="'a'"):
        users.pop("a")
    users.put("b", {"n": 2})
    id, document = users.popitem()
    assert (id, document["n"]) == ("b", 2)
    with pytest.raises(NotFoundError, match="empty"):
        users.popitem()


def test_one_thread_gets_each_document(users):
    users.put_many((f"u{n}", {}) for n in range(300))
    taken = [[] for _ in range(4)]

    def take(own):
        while True:
            try:
                own.append(users.popitem()[0])
            except NotFoundError:
                return

    threads = [threading.Thread(target=take, args=(own,)) for own in taken]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(id for own in taken for id in own) == sorted(f"u{n}" for n in range(300))


def test_setdefault(users):
    assert users.setdefault("a", {"n": 1})["n"] == 1
    assert users.setdefault("a", {"n": 2}).version == 1
    assert users.setdefault("b").fields == {}


def test_count(users):
    users.put_many([("a", {"n": 1, "o": {"x": 1}}), ("b", {"n": 1.0}), ("c", {"n": True})])
    assert users.count() == users.count({}) == 3
    assert users.count({"n": 1}) == 2
    assert users.count({"o": {"x": 1}}) == 1
    assert users.count({"missing": None}) == 3
    assert users.count({"missing": 1}) == 0


def test_names_and_levels(db, users):
    assert repr(users) == "<velocity.Collection 'users', local>"
    assert db["users"] is users
    assert repr(db) == "<velocity.VelocityDB 'memory', memory-only>"
    db.close()
    assert repr(db) == "<velocity.VelocityDB 'memory', closed>"


def test_an_unknown_level_names_the_known(users):
    with pytest.raises(ConsistencyError, match="'sometimes'.*'local', 'eventual'"):
        users.get("a", consistency="sometimes")


def test_handles_come_and_go_with_their_collection(db, users):
    db.drop_collection("users")
    again = db.create_collection("users")
    assert again is not users
    assert db["users"] is again
    with pytest.raises(NotFoundError):
        users.put("a", {})


def test_pop_returns_what_it_deleted(users, monkeypatch):
    """Another writes between pop's read and its delete: pop must not lose that write."""
    delete = Collection._delete_exactly
    rivals = [{"n": 2}]

    def delete_after_rival(self, document):
        if rivals:
            self.put(document.id, rivals.pop())
        return delete(self, document)

    monkeypatch.setattr(Collection, "_delete_exactly", delete_after_rival)
    users.put("a", {"n": 1})
    assert users.pop("a")["n"] == 2
    assert "a" not in users


def test_a_handle_made_while_its_collection_is_dropped_is_not_kept(db, users, monkeypatch):
    db.drop_collection("users")
    db.create_collection("jobs")

    def make(engine, name):
        handle = Collection(engine, name)
        if moments:
            moments.pop()()
        return handle

    def drop_and_make():
        db.drop_collection("users")
        db.create_collection("users").put("a", {})

    moments = []
    monkeypatch.setattr("velocity.py.database.Collection", make)
    db._engine.create_collection("users", 0)
    moments.append(drop_and_make)
    stale = db["users"]
    with pytest.raises(NotFoundError):
        stale.get("a")
    assert db["users"]["a"].version == 1
