"""What others may do while create_index builds: it is held in the middle, where it reads a document from disk."""

from __future__ import annotations

import threading

import pytest

from support.held import Held
from support.index_model import expected, held
from support.store import contents
from support.waiting import eventually
from velocity import DatabaseClosedError, NotFoundError, SchemaError, UniqueError
from velocity._core import engine

COUNT = 3_000


@pytest.fixture
def db(persistent):
    """With documents that are all on disk, and none in memory."""
    with persistent.open() as db:
        db.create_collection("jobs").put_many((f"j{n}", {"n": n, "tags": [n % 3]}) for n in range(COUNT))
    return persistent.open()


@pytest.fixture
def jobs(db):
    return db["jobs"]


def agree(jobs):
    documents = {id: doc[1] for id, doc in contents(jobs).items()}
    for info in jobs.indexes:
        assert held(jobs, info.name) == expected(documents, info.fields)
        assert info.entries == len(expected(documents, info.fields))


@pytest.mark.parametrize("unique", [False, True])
def test_writes_go_on(jobs, unique):
    build = Held(lambda: jobs.create_index("n", unique=unique))
    assert jobs.indexes == []
    for n in range(0, COUNT, 3):
        jobs.put(f"j{n}", {"n": -n - 1})
        jobs.delete(f"j{n + 1}")
        jobs.update(f"j{n + 2}", {"n": n + 0.5})
    jobs.put_many((f"new{n}", {"n": f"new {n}"}) for n in range(500))
    assert jobs.find_one({"n": -1}).id == "j0"
    assert jobs.count({"n": {"$lt": 0}}) == COUNT // 3
    assert build.end() == "n_1"
    assert len(jobs.indexes) == 1
    agree(jobs)


def test_duplicates_that_come_while_a_unique_index_is_built(jobs):
    build = Held(lambda: jobs.create_index("n", unique=True))
    jobs.put("twin", {"n": 5})  # not yet held to it
    error = build.end()
    assert isinstance(error, UniqueError) and "'j5'" in str(error) and "'twin'" in str(error)
    assert jobs.indexes == []
    jobs.delete("twin")
    jobs.create_index("n", unique=True)
    with pytest.raises(UniqueError):
        jobs.put("twin", {"n": 5})


def test_a_document_that_does_not_fit_while_it_is_built(jobs):
    build = Held(lambda: jobs.create_index(["tags", "n"]))
    with pytest.raises(SchemaError, match="lists"):
        jobs.put("lists", {"n": [1, 2], "tags": [1, 2]})
    jobs.put("list", {"n": [1, 2], "tags": 1})
    assert build.end() == "tags_1_n_1"
    agree(jobs)


def test_a_document_that_did_not_fit_is_made_to_while_it_is_built(jobs):
    jobs.put("lists", {"n": [1, 2], "tags": [1, 2]})
    build = Held(lambda: jobs.create_index(["tags", "n"]))
    jobs.put("lists", {"n": 1, "tags": [1, 2]})
    assert build.end() == "tags_1_n_1"
    agree(jobs)


def test_of_two_that_build_one_name_the_second_is_refused(jobs):
    build = Held(lambda: jobs.create_index("n"))
    with pytest.raises(SchemaError, match="being built"):
        jobs.create_index("n")
    with pytest.raises(NotFoundError):
        jobs.drop_index("n_1")  # it is not there yet
    assert jobs.create_index("-n", name="other") == "other"  # built meanwhile, all of it
    assert build.end() == "n_1"
    assert jobs.create_index("n") == "n_1"
    assert [index.name for index in jobs.indexes] == ["other", "n_1"]
    agree(jobs)


def test_dropped_while_it_is_built(jobs):
    build = Held(lambda: jobs.create_index("n"))
    assert engine.drop_index(jobs, "n_1")
    error = build.end()
    assert isinstance(error, NotFoundError) and "dropped while it was built" in str(error)
    assert jobs.indexes == [] and not engine.drop_index(jobs, "n_1")
    jobs.create_index("n")
    agree(jobs)


def test_its_collection_is_dropped(db, jobs):
    build = Held(lambda: jobs.create_index("n"))
    dropping = threading.Thread(target=db.drop_collection, args=("jobs",), daemon=True)
    dropping.start()
    eventually(lambda: "jobs" not in db.list_collections())
    assert isinstance(build.end(), NotFoundError)
    dropping.join(60)
    assert not dropping.is_alive()
    assert len(db.create_collection("jobs")) == 0
    assert db["jobs"].indexes == []


def test_the_database_is_closed(persistent, db, jobs):
    build = Held(lambda: jobs.create_index("n"))
    closing = threading.Thread(target=db.close, daemon=True)
    closing.start()

    def closed():
        try:
            jobs.get("j1")
        except DatabaseClosedError:
            return True
        return False

    eventually(closed)
    assert closing.is_alive()  # it waits for the builder
    assert isinstance(build.end(), DatabaseClosedError)
    closing.join(60)
    assert not closing.is_alive()
    jobs = persistent.open()["jobs"]
    assert jobs.indexes == [] and len(jobs) == COUNT
