"""Indexes after a write that was taken back: a sync that fails, a log or memory that has no room."""

from __future__ import annotations

import errno

import pytest

import velocity
from support.faults import fault
from support.index_model import expected, held
from velocity import BatchOperation, MemoryLimitError, StorageError, UniqueError

BEFORE = {
    f"u{n}": {"n": n, "tags": [f"t{n % 3}", f"t{n % 5}", n], "kind": "odd" if n % 2 else "even"}
    for n in range(30)
}
LITTLE = 24 << 20
LARGE = {"n": 0.5, "tags": ["t0", "new"], "kind": "even"}


def indexed(db):
    users = db.create_collection("users")
    users.put_many(BEFORE.items())
    users.create_index("n", unique=True, name="unique")
    users.create_index(["kind", "-n"], name="compound")
    users.create_index("tags", name="lists")
    users.create_index("n", where={"kind": "odd"}, name="partial")
    return users


def agree(users, documents=BEFORE):
    """Every index has what the documents say, and no more."""
    assert {doc.id: doc.fields for doc in users.scan()} == documents
    odd = {id: fields for id, fields in documents.items() if fields.get("kind") == "odd"}
    for name, fields, of in (
        ("unique", ["n"], documents),
        ("compound", ["kind", "-n"], documents),
        ("lists", ["tags"], documents),
        ("partial", ["n"], odd),
    ):
        assert held(users, name) == expected(of, fields), name


def writes(db, users):
    """Each of them changes some index."""
    return {
        "put": lambda: users.put("u0", {**LARGE, "n": "lost"}),
        "insert": lambda: users.insert("new", LARGE),
        "delete": lambda: users.delete("u1"),
        "update": lambda: users.update("u2", {"n": "lost", "tags": []}),
        "into the partial": lambda: users.update("u4", {"kind": "odd"}),
        "out of the partial": lambda: users.update("u5", {"kind": "even", "tags": [5, 5, 6]}),
        "handed on": lambda: db.batch(
            [
                BatchOperation("delete", "users", id="u7"),
                BatchOperation("put", "users", id="new", fields={**LARGE, "n": 7}),
                BatchOperation("update", "users", id="new", fields={"n": 700, "tags": ["t1"]}),
                BatchOperation("put", "users", id="other", fields={"n": 7}),
            ]
        ),
        "many": lambda: users.put_many((f"u{n}", {"n": -n, "tags": [n, -n]}) for n in range(50)),
    }


def test_a_sync_that_fails(durable):
    db = durable.open(sync_writes=True)
    users = indexed(db)
    with fault("sync", errno.EIO):
        for name, call in writes(db, users).items():
            with pytest.raises(StorageError):
                call()
            try:
                agree(users)
            except AssertionError as error:
                raise AssertionError(f"after {name}: {error}") from error
    with pytest.raises(StorageError):
        db.close()
    durable.close()


def test_an_index_whose_definition_cannot_be_stored_is_not_there(durable):
    db = durable.open(sync_writes=True)
    users = indexed(db)
    with fault("sync", errno.EIO):
        with pytest.raises(StorageError):
            users.create_index("kind")
        agree(users)
    assert [index.name for index in users.indexes] == ["unique", "compound", "lists", "partial"]


def test_a_log_without_room(durable):
    db = durable.open()
    users = indexed(db)
    data, refused = b"x" * 100_000, False
    documents = dict(BEFORE)
    with fault("allocate", errno.ENOSPC):
        for n in range(2000):  # there is room left in what is allocated
            batch = {
                f"big{n}": {"n": f"big{n}", "kind": "odd", "data": data},
                "u3": {"n": f"again{n}", "tags": [n, "t1"]},
                "u5": {"n": 5, "tags": [], "kind": "even" if n % 2 else "odd"},
            }
            try:
                users.put_many(batch.items())
            except StorageError:
                refused = True
                agree(users, documents)
                break
            documents |= batch
    assert refused
    with pytest.raises(UniqueError):
        users.put("another", {"n": documents["u3"]["n"]})
    agree(users, documents)


def test_memory_without_room():
    users = indexed(velocity.open(max_memory=LITTLE))
    documents = dict(BEFORE)
    size, refused = 2_000_000, 0
    while refused < 6:
        n = len(documents)
        batch = {
            "u3": {"n": f"again{n}", "tags": [n]},
            f"more{n}": {"n": n, "tags": [f"t{n}"], "kind": "odd", "data": b"x" * size},
            f"and{n}": {"n": f"and{n}", "data": b"y" * size},
        }
        try:
            users.put_many(batch.items())
            documents |= batch
        except MemoryLimitError:
            refused += 1
            size //= 2
            agree(users, documents)
    with pytest.raises(UniqueError):
        users.put("another", {"n": documents["u3"]["n"]})
