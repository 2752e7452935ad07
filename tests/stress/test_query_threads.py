"""Queries and claims beside other threads."""

from __future__ import annotations

import threading

import pytest

import velocity
from support.threads import run_threads

THREADS = 64
WAITING = {"state": "waiting"}
POOLS = [None, "mine", "all"]
OF_POOLS = {"state": "waiting", "pool": {"$in": POOLS}}
# fields, where, what is claimed
INDEXES = {
    "none": (None, None, WAITING),
    "compound": (["state", "-priority", "n"], None, WAITING),
    "partial": (["-priority", "n"], WAITING, WAITING),
    "merged": (["state", "pool", "-priority", "n"], None, OF_POOLS),
    "merged partial": (["pool", "-priority", "n"], WAITING, OF_POOLS),
}


@pytest.mark.parametrize(
    ("settings", "index", "jobs"),
    [
        ({"storage_mode": "memory-first"}, "compound", 100_000),
        ({"storage_mode": "memory-first"}, "partial", 20_000),
        ({"storage_mode": "memory-first"}, "merged", 50_000),
        ({"storage_mode": "memory-first"}, "none", 500),
        ({"storage_mode": "persistent", "cache_size": 1}, "compound", 10_000),
        ({"storage_mode": "persistent", "cache_size": 1}, "merged partial", 10_000),
        ({"storage_mode": "memory-first", "sync_writes": True}, "partial", 2_000),
        ({"storage_mode": "memory-first", "sync_writes": True}, "none", 200),
    ],
)
def test_no_job_is_given_twice(tmp_path, settings, index, jobs):
    pad = "p" * (500 if settings["storage_mode"] == "persistent" else 0)
    with velocity.open(tmp_path / "d", **settings) as db:
        c = db.create_collection("jobs")
        c.put_many(
            (f"j{n}", {"state": "waiting", "pool": POOLS[n % 3], "priority": n % 10, "n": n, "pad": pad})
            for n in range(jobs)
        )
        fields, where, query = INDEXES[index]
        if fields is not None:
            c.create_index(fields, where=where)
        sort = None if index == "none" else ["-priority", "n"]
        assert c.explain(query, sort=sort, limit=1)["merged"] == (3 if "merged" in index else 0)

        def work(number):
            claim = {"$set": {"state": "running", "worker": number}}
            claimed = []
            while True:
                document = c.find_one_and_update(query, claim, sort=sort)
                if document is None:
                    return claimed
                assert (document["state"], document["worker"]) == ("running", number)
                claimed.append((document["priority"], document["n"]))

        results = run_threads(work, THREADS, timeout=300)
        given = [n for claimed in results for _, n in claimed]
        assert len(given) == len(set(given)) == jobs
        if sort is not None:  # each worker's jobs come in order
            assert all(
                claimed == sorted(claimed, key=lambda job: (-job[0], job[1])) for claimed in results
            )
        assert c.count(WAITING) == 0
        for number, claimed in enumerate(results):
            assert c.count({"worker": number}) == len(claimed)


@pytest.mark.parametrize("storage_mode", ["memory-only", "persistent"])
def test_what_always_matches_is_always_found(tmp_path, storage_mode):
    where = {} if storage_mode == "memory-only" else {"data_dir": tmp_path / "d", "cache_size": 1}
    with velocity.open(**where, storage_mode=storage_mode) as db:
        c = db.create_collection("c")
        c.create_index(["k", "n"])
        c.create_index("tags")
        steady = [f"s{n}" for n in range(300)]
        fields = {"k": 1, "tags": ["a", "b"], "pad": "p" * 2000, "change": 0}
        c.put_many((id, {**fields, "n": n}) for n, id in enumerate(steady))
        readers = threading.Semaphore(0)  # released by each that is done
        done = threading.Event()

        def write(number):
            turn = 0
            while not done.is_set():
                turn += 1
                c.update(steady[(turn * 7 + number) % 300], {"change": turn})
                c.put(f"w{number}", {"k": turn % 3, "n": turn, "tags": [["a"], ["b"], []][turn % 3]})
                if turn % 5 == 0:
                    c.delete(f"w{number}")

        def stop(number):
            for _ in range(2):
                readers.acquire(timeout=100)
            done.set()

        def read(number):
            try:
                passes()
            finally:
                readers.release()

        def passes():
            for _ in range(8):
                for query, sort in [
                    ({"k": 1}, "n"), ({"k": {"$in": [0, 1]}}, None), ({"tags": "a"}, None),
                    ({"tags": {"$in": ["a", "b"]}}, "n"), ({"$or": [{"k": 1}, {"tags": "b"}]}, None),
                    ({"pad": {"$gt": "o"}}, "-n"),
                ]:  # fmt: skip
                    found = [document.id for document in c.find(query, sort=sort)]
                    assert set(steady) <= set(found), query
                    assert len(found) == len(set(found)) or "k" in query, query
                assert len(c.find({"k": 1}, sort="n", limit=50).documents) == 50
                merged = c.find({"k": {"$in": [1, 2]}}, sort="n", limit=50)
                found = [document.id for document in merged if document.id in steady]
                assert found == steady[: len(found)] and len(found) >= 40
                assert c.explain({"k": {"$in": [1, 2]}}, sort="n", limit=50)["merged"] == 2
                assert c.count({"k": 1}) >= 300
                assert c.find_one({"k": 1, "n": 5})

        run_threads(lambda number: (write, write, read, read, stop)[number](number), 5)


def test_while_indexes_come_and_go_and_the_database_closes():
    for _ in range(3):
        db = velocity.open()
        c = db.create_collection("c")
        c.put_many((f"d{n}", {"k": n % 50, "n": n}) for n in range(5000))
        done = threading.Event()

        def change(number, c=c, db=db, done=done):
            for _ in range(30):
                name = c.create_index(["k", "n"])
                c.drop_index(name)
            done.set()
            db.close()

        def read(number, c=c, done=done):
            try:
                while True:
                    assert len(c.find({"k": number}, sort="n", limit=10).documents) == 10
                    assert len(c.find({"k": number}).documents) == 100
                    assert c.count({"k": number}) == 100
                    assert c.find_one_and_update({"k": number}, {"x": 1}, sort="n")["k"] == number
            except velocity.DatabaseClosedError:
                assert done.is_set()

        run_threads(lambda number: (change if number == 0 else read)(number), 4)


def test_concurrent_upserts_by_id_make_one():
    with velocity.open() as db:
        c = db.create_collection("c")

        def work(number):
            for n in range(100):
                c.find_one_and_update({"_id": f"k{n}"}, {"$inc": {"n": 1}}, upsert=True)

        run_threads(work, 8)
        assert len(c) == 100
        assert all(document["n"] == 8 for document in c.scan())
