"""Threads that do everything at once.

Laws: a document is never half a write (its fields agree with each other and with its version); a thread reads its own
writes; what a batch writes appears together; a closed database is an exception, never a crash.
"""

from __future__ import annotations

import random
import threading

import pytest

import velocity
from support.store import contents
from support.threads import run_threads
from velocity import BatchOperation, DatabaseClosedError, DuplicateKeyError, NotFoundError

THREADS = 4


def whole(n):
    """Fields that agree with each other: any mixture of two of them is noticed."""
    return {"n": n, "copy": n, "text": f"{n} " * (n % 200), "list": [n] * (n % 7)}


def check(doc):
    n = doc["n"]
    assert doc.fields == whole(n)


def test_everything_at_once(db):
    users = db.create_collection("users")
    done = threading.Event()

    def write(thread):
        chance = random.Random(thread)
        try:
            for turn in range(400):
                id, n = f"u{chance.randrange(60)}", chance.randrange(100_000)
                chosen = chance.randrange(6)
                if chosen < 2:
                    users.put(id, whole(n))
                elif chosen == 2:
                    users.delete(id)
                elif chosen == 3:
                    users.put_many((f"u{chance.randrange(60)}", whole(n + k)) for k in range(40))
                elif chosen == 4:
                    users.delete_many(f"u{chance.randrange(60)}" for _ in range(5))
                else:
                    doc = users.get(id)
                    if doc is not None:
                        users.compare_and_swap(
                            id, expected_version=doc.version, value=whole(n), replace=True
                        )
                mine = f"mine{thread}"
                users.put(mine, whole(turn))
                assert users[mine]["n"] == turn
        finally:
            done.set()

    def read(thread):
        chance = random.Random(thread)
        while not done.is_set():
            for doc in users.get_many([f"u{chance.randrange(70)}" for _ in range(100)]):
                if doc is not None:
                    check(doc)
            doc = users.get(f"u{chance.randrange(60)}")
            if doc is not None:
                check(doc)
            for doc in users.scan(limit=20):
                check(doc)
            assert 0 <= len(users) <= 64
            assert 0 <= users.count({"n": 5}) <= 64

    def maintain(_):
        while not done.is_set():
            db.compact()
            db.flush()
            assert db.health().ok
            assert db.stats().documents <= 64

    run_threads(lambda thread: (write, write, read, maintain)[thread](thread), THREADS)
    for doc in users.scan():
        check(doc)
    assert len(contents(users)) == len(users)


def test_batches_appear_together(db):
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"turn": 0}) for n in range(20))
    done = threading.Event()

    def write(_):
        for turn in range(1, 300):
            users.put_many((f"u{n}", {"turn": turn}) for n in range(20))
        done.set()

    def read(thread):
        while not done.is_set():
            try:
                with db.transaction() as tx:
                    turns = {tx.get("users", f"u{n}")["turn"] for n in range(20)}
            except velocity.ConflictError:
                continue
            assert len(turns) == 1

    run_threads(lambda thread: write(thread) if thread == 0 else read(thread), 3)
    assert {doc["turn"] for doc in users.scan()} == {299}


def test_inserts_and_deletes_of_the_same_ids(db):
    """A ledger per thread: inserts won less deletes won is 1 or 0, and says whether the document is there."""
    users = db.create_collection("users")

    def work(thread):
        chance = random.Random(thread)
        ledger = [0] * 10
        for _ in range(500):
            n = chance.randrange(10)
            if chance.random() < 0.5:
                try:
                    assert users.insert(f"u{n}", whole(thread)) == 1
                    ledger[n] += 1
                except DuplicateKeyError:
                    pass
            else:
                ledger[n] -= users.delete(f"u{n}")
        return ledger

    for n, total in enumerate(map(sum, zip(*run_threads(work, THREADS)))):
        assert total == (1 if f"u{n}" in users else 0)


def test_growth_under_readers(db):
    """The table grows while threads look up what is already there."""
    users = db.create_collection("users")
    users.put_many((f"old{n}", whole(n)) for n in range(500))
    done = threading.Event()

    def write(_):
        for start in range(0, 30_000, 100):
            users.insert_many((f"u{n}", {"n": n}) for n in range(start, start + 100))
        done.set()

    def read(thread):
        chance = random.Random(thread)
        while not done.is_set():
            ids = [f"old{chance.randrange(500)}" for _ in range(200)]
            docs = users.get_many(ids)
            assert [f"old{doc['n']}" for doc in docs] == ids
            check(users[ids[0]])
            assert ids[1] in users

    run_threads(lambda thread: write(thread) if thread == 0 else read(thread), 3)
    assert len(users) == 30_500


def test_documents_keep_their_fields_while_replaced(db):
    users = db.create_collection("users")
    users.put("a", whole(1))
    done = threading.Event()

    def write(_):
        for n in range(3000):
            users.put("a", whole(n))
        done.set()

    def read(_):
        kept = []
        while not done.is_set():
            kept.append(users["a"])
            if len(kept) > 50:
                for doc in kept:
                    check(doc)
                kept.clear()

    run_threads(lambda thread: write(thread) if thread == 0 else read(thread), 3)


def test_two_databases_at_once(store, tmp_path):
    one = store.open()
    with velocity.open(tmp_path / "second", storage_mode="persistent", cache_size=1) as two:
        for number, db in enumerate((one, two)):
            db.create_collection("users").put("a", {"db": number})

        def work(thread):
            db = (one, two)[thread % 2]
            users = db["users"]
            for n in range(300):
                users.put(f"t{thread}-{n % 40}", whole(n))
                check(users[f"t{thread}-{n % 40}"])
                assert users["a"]["db"] == thread % 2
                if n % 100 == 0:
                    db.flush()

        run_threads(work, THREADS)
        assert len(one["users"]) == len(two["users"]) == 81


def test_collections_come_and_go(db):
    kept = db.create_collection("kept")

    def work(thread):
        for turn in range(25):
            name = f"c{turn % 3}"
            try:
                collection = db.create_collection(name, if_not_exists=True)
                collection.put_many((f"u{n}", {"n": n}) for n in range(30))
                assert all(
                    doc is None or doc["n"] == n
                    for n, doc in enumerate(collection.get_many(f"u{n}" for n in range(30)))
                )
                if thread % 2:
                    db.drop_collection(name)
            except NotFoundError:
                pass
            kept.put(f"k{thread}-{turn}", {"turn": turn})
            assert "kept" in db.list_collections()

    run_threads(work, THREADS)
    assert len(kept) == 25 * THREADS


@pytest.mark.parametrize("turn", range(3))
def test_close_under_use(turn, store):
    """Every thread that is inside when the database closes gets DatabaseClosedError, and nothing worse."""
    db = store.open()
    users = db.create_collection("users")
    users.put_many((f"u{n}", whole(n)) for n in range(300))
    started = threading.Barrier(5)

    def use(thread):
        chance = random.Random(thread * 10 + turn)
        calls = [
            lambda: users.put(f"u{chance.randrange(300)}", whole(5)),
            lambda: users.get_many([f"u{n}" for n in range(300)]),
            lambda: [check(doc) for doc in users.scan()],
            lambda: users.compare_and_swap("u1", {}, whole(7), replace=True),
            lambda: users.put_many([(f"u{n}", whole(n)) for n in range(50)]),
            lambda: db.flush(),
            lambda: db.compact(),
            lambda: list(users),
            lambda: db.batch([BatchOperation("put", "users", id="u2", fields=whole(3))]),
            lambda: users.count({"n": 7}),
        ]
        calls[thread]()
        started.wait(60)
        while True:
            try:
                chance.choice(calls)()
            except DatabaseClosedError:
                return True

    def close(_):
        started.wait(60)
        db.close()
        return True

    assert all(run_threads(lambda thread: close(thread) if thread == 4 else use(thread), 5))
    with pytest.raises(DatabaseClosedError):
        users.get("u1")
    if store.durable:
        for doc in store.open()["users"].scan():
            check(doc)


def test_two_threads_close(store):
    for _ in range(10):
        db = store.open()
        db.create_collection("users", if_not_exists=True).put("a", whole(3))
        run_threads(lambda _, db=db: db.close(), 3)
        assert db.closed
