"""Ids: str of 1 to 1,024 bytes of UTF-8, whatever is in them."""

from __future__ import annotations

import pytest
from hypothesis import given

from support import strategies
from support.store import contents
from velocity import BatchOperation, SchemaError

GOOD = [
    "a",
    " ",
    "\0",
    "\0\0",
    "a\0b",
    "\n",
    "x" * 1024,
    "é" * 512,
    "€" * 341,
    "\U0001f600" * 256,
    "\U0010ffff",
    "\uffff",
    "e\u0301",
    "\u00e9",
    "../etc/passwd",
    "true",
    "0",
]
BAD = {
    "empty": "",
    "1025 ascii": "x" * 1025,
    "1026 bytes": "é" * 513,
    "1028 bytes": "\U0001f600" * 257,
    "surrogate": "a\ud800",
    "int": 5,
    "none": None,
    "bytes": b"a",
    "float": 1.5,
    "list": ["a"],
}


def test_good_ids(durable):
    users = durable.open().create_collection("users")
    for n, id in enumerate(GOOD):
        assert users.insert(id, {"n": n}) == 1
    check_good_ids(users)
    users = durable.reopen()["users"]
    check_good_ids(users)
    assert users.delete_many(GOOD) == len(GOOD)
    assert contents(users) == {}


def check_good_ids(users):
    for n, id in enumerate(GOOD):
        assert users[id].id == id
        assert users[id]["n"] == n
        assert id in users
    assert [doc.id for doc in users.scan()] == sorted(GOOD, key=str.encode)
    assert set(users) == set(GOOD)


@pytest.mark.parametrize("kind", BAD)
def test_bad_ids(kind, db, users):
    bad = BAD[kind]
    users.insert("a", {"n": 1})
    calls = {
        "insert": lambda: users.insert(bad, {}),
        "put": lambda: users.put(bad, {}),
        "update": lambda: users.update(bad, {}),
        "replace": lambda: users.replace(bad, {}),
        "delete": lambda: users.delete(bad),
        "get": lambda: users.get(bad),
        "get_many": lambda: users.get_many(["a", bad]),
        "insert_many": lambda: users.insert_many([("b", {}), (bad, {})]),
        "put_many": lambda: users.put_many([("b", {}), (bad, {})]),
        "delete_many": lambda: users.delete_many(["a", bad]),
        "compare_and_swap": lambda: users.compare_and_swap(bad, value={}),
        "[]": lambda: users[bad],
        "[]=": lambda: users.__setitem__(bad, {}),
        "del": lambda: users.__delitem__(bad),
        "batch": lambda: db.batch([BatchOperation("delete", "users", id=bad)]),
    }
    if bad is None:
        del calls["insert"]  # tested with documents
    for name, call in calls.items():
        with pytest.raises((SchemaError, TypeError)) as caught:
            call()
        assert str(caught.value), name
    assert contents(users) == {"a": (1, {"n": 1})}


@pytest.mark.parametrize("kind", BAD)
def test_nothing_of_a_bad_id_is_contained(kind, users):
    try:
        assert BAD[kind] not in users
    except (SchemaError, TypeError) as error:
        assert str(error)


@given(strategies.ids)
def test_any_id(id):
    from velocity import open as open_database

    with open_database() as db:
        users = db.create_collection("users")
        if len(id.encode()) > 1024:
            with pytest.raises(SchemaError):
                users.insert(id, {})
        else:
            users.insert(id, {"id": id})
            assert users[id].fields == {"id": id}
            assert list(users) == [id]
            assert users.delete(id)


def test_ids_that_differ_in_one_byte(users):
    ids = [f"{'x' * 200}{chr(n)}{'y' * 200}" for n in range(1, 200)]
    users.insert_many((id, {"id": id}) for id in ids)
    assert all(users[id]["id"] == id for id in ids)
    users.delete_many(ids[::2])
    assert [id in users for id in ids] == [n % 2 == 1 for n in range(len(ids))]
