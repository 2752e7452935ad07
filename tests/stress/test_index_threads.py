"""Indexes under threads.

Laws: of many that write one unique value, one holds it; an index that is built while others write
holds what the documents say when they have ended; readers of an index see every entry that nobody
changes, once, in order.
"""

from __future__ import annotations

import random
import threading

import pytest

from support.index_model import AFTER, expected, held
from support.store import contents
from support.threads import run_threads
from velocity import SchemaError, UniqueError
from velocity._core.engine import find_index

THREADS = 8


def agree(jobs):
    documents = {id: doc[1] for id, doc in contents(jobs).items()}
    for info in jobs.indexes:
        assert held(jobs, info.name) == expected(documents, info.fields)


def test_one_holder_of_each_unique_value(db):
    users = db.create_collection("users")
    users.create_index("email", unique=True)

    def claim(thread):
        chance = random.Random(thread)
        won = 0
        for n in range(400):
            email = f"e{chance.randrange(300)}"
            try:
                if n % 3:
                    users.put(f"u{thread}-{n}", {"email": email})
                    won += 1
                else:
                    users.insert_many(
                        (f"u{thread}-{n}-{i}", {"email": f"{email}-{i}"}) for i in range(3)
                    )
                    won += 3
            except UniqueError:
                if n % 5 == 0:
                    users.delete(f"u{thread}-{n - 1}")
        return won

    assert sum(run_threads(claim, THREADS)) >= len(users)
    emails = [doc.fields["email"] for doc in users.values()]
    assert len(set(emails)) == len(emails)
    agree(users)


@pytest.mark.parametrize("unique", [False, True])
def test_built_while_others_write(db, unique):
    jobs = db.create_collection("jobs")
    jobs.put_many((f"j{n}", {"n": n, "tags": [n % 3, n % 5]}) for n in range(20_000))
    ended = threading.Event()

    def work(thread):
        chance = random.Random(thread)
        if thread == 0:
            try:
                jobs.create_index("n", unique=unique)
                jobs.create_index(["tags", "-n"])
            finally:
                ended.set()
            return
        n = 0
        while not ended.is_set() or n < 500:
            n += 1
            id = f"j{chance.randrange(20_000)}"
            match n % 4:
                case 0:
                    jobs.delete(id)
                case 1:
                    jobs.put(id, {"n": int(id[1:]), "tags": [chance.randrange(9)]})
                case 2:
                    jobs.put(f"t{thread}-{n}", {"n": 10**6 * thread + n})
                case 3:
                    if id in jobs:
                        jobs.compare_and_swap(id, {"n": int(id[1:])}, {"other": n, "tags": n})

    run_threads(work, THREADS)
    assert len(jobs.indexes) == 2
    agree(jobs)


def test_building_fails_over_what_others_write_and_leaves_nothing(db):
    jobs = db.create_collection("jobs")
    jobs.put_many((f"j{n}", {"n": n % 19_000}) for n in range(20_000))

    def work(thread):
        if thread % 2 == 0:
            with pytest.raises((UniqueError, SchemaError)):  # several build it: one is let to
                jobs.create_index("n", unique=True)
        else:
            for n in range(300):
                try:
                    jobs.put(f"j{thread}-{n}", {"n": thread * 10**6 + n})
                except UniqueError:
                    pytest.fail("a value of its own was refused")

    run_threads(work, 4)
    assert jobs.indexes == []
    assert len(jobs) == 20_600


def test_readers_see_what_is_not_changed(db):
    jobs = db.create_collection("jobs")
    jobs.put_many((f"still{n:05}", {"state": "still", "n": n}) for n in range(2_000))
    jobs.create_index(["state", "n"])
    index = find_index(jobs, "state_1_n_1")
    low = index.key(["still"])
    ended = threading.Event()

    def work(thread):
        chance = random.Random(thread)
        if thread < 3:
            for _ in range(30):
                documents = index.documents(low, low + AFTER, thread == 2)
                seen = [d.id for d in documents if d.id.startswith("still")]
                assert seen == sorted(seen, reverse=thread == 2)
                assert len(seen) == 2_000
            if thread == 0:
                ended.set()
        else:
            while not ended.is_set():
                n = chance.randrange(4_000)
                jobs.put(f"move{n}", {"state": "still", "n": n + 0.5})
                jobs.delete(f"move{chance.randrange(4_000)}")

    run_threads(work, THREADS)
    agree(jobs)
