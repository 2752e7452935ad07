"""Threads that compare and swap, and threads in transactions.

Laws: counters add up; each state is left by one winner; money moved in transactions is neither made nor lost.
"""

from __future__ import annotations

import random

import pytest

from support.threads import run_threads
from velocity import ConflictError

THREADS = 4


@pytest.mark.parametrize("by", ["fields", "version"])
def test_counters_add_up(by, db):
    users = db.create_collection("users")
    users.put_many((f"c{n}", {"n": 0}) for n in range(3))

    def count(thread):
        chance = random.Random(thread)
        won = 0
        while won < 200:
            id = f"c{chance.randrange(3)}"
            doc = users[id]
            expected = (
                {"expected_version": doc.version}
                if by == "version"
                else {"expected": {"n": doc["n"]}}
            )
            result = users.compare_and_swap(id, value={"n": doc["n"] + 1, "by": thread}, **expected)
            if result:
                assert (result.version, result.current_value["n"]) == (doc["n"] + 2, doc["n"] + 1)
                won += 1
            else:
                assert result.current_value["n"] >= doc["n"]

    run_threads(count, THREADS)
    assert sum(users[f"c{n}"]["n"] for n in range(3)) == 200 * THREADS
    assert sum(users[f"c{n}"].version - 1 for n in range(3)) == 200 * THREADS


def test_one_winner_of_each_job(db):
    jobs = db.create_collection("jobs")
    jobs.put_many((f"j{n:04}", {"state": "waiting"}) for n in range(400))

    def claim(thread):
        return [
            id
            for id in (f"j{n:04}" for n in range(400))
            if jobs.compare_and_swap(id, {"state": "waiting"}, {"state": "running", "by": thread})
        ]

    won = run_threads(claim, THREADS)
    assert sorted(id for ids in won for id in ids) == [f"j{n:04}" for n in range(400)]
    for thread, ids in enumerate(won):
        assert all(doc["by"] == thread and doc.version == 2 for doc in jobs.get_many(ids))


def test_one_winner_of_each_insert(db):
    users = db.create_collection("users")

    def insert(thread):
        won = []
        for n in range(300):
            if users.compare_and_swap(f"u{n}", None, {"by": thread}):
                won.append(n)
        return won

    won = run_threads(insert, THREADS)
    assert sorted(n for numbers in won for n in numbers) == list(range(300))
    assert all(
        users[f"u{n}"].fields == {"by": thread}
        for thread, numbers in enumerate(won)
        for n in numbers
    )


def test_increments_by_operator_add_up(db):
    users = db.create_collection("users")
    users.insert("a", {"n": 0})

    def count(_):
        for _ in range(150):
            users.update("a", {"$inc": {"n": 1}})

    run_threads(count, THREADS)
    assert users["a"]["n"] == 150 * THREADS
    assert users["a"].version == 150 * THREADS + 1


def test_transfers_keep_the_total(db):
    accounts = db.create_collection("accounts")
    accounts.put_many((f"a{n}", {"money": 100}) for n in range(6))

    def transfer(thread):
        chance = random.Random(thread)
        done = 0
        while done < 60:
            source, target = chance.sample(range(6), 2)
            try:
                with db.transaction() as tx:
                    amount = chance.randrange(20)
                    has = tx.get("accounts", f"a{source}")["money"]
                    if has < amount:
                        continue
                    tx.update("accounts", f"a{source}", {"money": has - amount})
                    tx.update("accounts", f"a{target}", {"$inc": {"money": amount}})
                done += 1
            except ConflictError:
                continue

    def audit(thread):
        seen = 0
        for _ in range(30):
            try:
                with db.transaction() as tx:
                    total = sum(doc["money"] for doc in tx.scan("accounts"))
            except ConflictError:
                continue
            assert total == 600
            seen += 1
        return seen

    run_threads(lambda thread: audit(thread) if thread == 0 else transfer(thread), THREADS)
    assert sum(doc["money"] for doc in accounts.scan()) == 600
    assert all(doc["money"] >= 0 for doc in accounts.scan())


def test_write_skew_never_happens(db):
    """At least one of two flags stays set, whatever the threads do."""
    flags = db.create_collection("flags")
    for _ in range(60):
        flags.put_many([("a", {"on": True}), ("b", {"on": True})])

        def clear(thread):
            me, other = ("a", "b") if thread % 2 else ("b", "a")
            try:
                with db.transaction() as tx:
                    if tx.get("flags", other)["on"]:
                        tx.update("flags", me, {"on": False})
            except ConflictError:
                return

        run_threads(clear, 2)
        assert flags["a"]["on"] or flags["b"]["on"]


def test_popitem_gives_each_document_once(db):
    users = db.create_collection("users")
    users.put_many((f"u{n}", {"n": n}) for n in range(300))

    def take(_):
        taken = []
        while True:
            try:
                taken.append(users.popitem()[0])
            except KeyError:
                return taken

    taken = run_threads(take, THREADS)
    assert sorted(id for ids in taken for id in ids) == sorted(f"u{n}" for n in range(300))
