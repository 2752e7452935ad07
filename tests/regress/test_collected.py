"""Databases that the garbage collector finds: it empties objects of a cycle in an order of its own before they go."""

from __future__ import annotations

import gc

import velocity
from velocity._core.engine import Engine
from velocity._core.filter import Filter


def test_a_partial_index_of_a_database_in_a_cycle():
    """The index's filter, once emptied, took the collection's names for its own and freed them, so that closing the
    database freed them again; and it went while the database still used it. Free-threaded interpreters did that always.
    """
    for n in range(20):
        db = velocity.open()
        users = db.create_collection("users")
        users.create_index(["name"], where={"age": {"$gt": n}})
        users.put("u", {"name": "Ada", "age": 36}, ttl=3600)
        cycle = [db, users]
        cycle.append(cycle)
        del db, users, cycle
        gc.collect()


def test_the_collector_does_not_see_the_filter_of_an_index():
    """What it does not see from the engine it takes for used, and does not empty."""
    with velocity.open() as db:
        users = db.create_collection("users")
        users.create_index(["name"], where={"age": {"$gt": 1}})
        [filter] = [o for o in gc.get_objects() if isinstance(o, Filter)]
        [filters] = [o for o in gc.get_referrers(filter) if isinstance(o, dict) and "filter" not in o]
        assert not [o for o in gc.get_referrers(filters) if isinstance(o, Engine)]
