"""Queries that are held between an index and the documents it named, while others write."""

from __future__ import annotations

import pytest

from support.held import Held

COUNT = 200


@pytest.fixture
def jobs(persistent):
    """All documents are on disk, and the index is in memory."""
    with persistent.open() as db:
        jobs = db.create_collection("jobs")
        jobs.put_many((f"j{n:03}", {"n": n, "state": "waiting"}) for n in range(COUNT))
        jobs.create_index(["state", "n"])
    return persistent.open()["jobs"]


@pytest.mark.parametrize("reverse", [False, True])
def test_a_document_that_has_left_the_range_is_not_found(jobs, reverse):
    """The range says all that the filter says: what was read is held against the range again."""
    order = ["-n"] if reverse else ["n"]
    query = Held(lambda: jobs.find({"state": "waiting"}, sort=order, limit=30))
    left = [f"j{n:03}" for n in ((COUNT - 5, COUNT - 6) if reverse else (5, 6))]
    jobs.update(left[0], {"state": "running"})
    jobs.delete(left[1])
    found = query.end()
    assert {each["state"] for each in found} == {"waiting"}
    assert not {each.id for each in found} & set(left)
    assert len(found) >= 29
    assert jobs.explain({"state": "waiting"}, sort=order, limit=30)["covered"]


def test_documents_that_an_index_named_are_kept_in_memory(persistent, jobs):
    db = persistent._open[-1]
    wanted = {"state": "waiting", "n": {"$lt": 10}}
    jobs.find(wanted)
    before = db.stats()
    assert len(jobs.find(wanted)) == 10
    after = db.stats()
    assert after.cache_hits - before.cache_hits == 10
    assert after.cache_misses == before.cache_misses
