"""Bugs of the engine that reviews found: each test says the cause and the harm."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import OrderedDict
from types import MappingProxyType

import pytest
import xxhash

import velocity
from support.waiting import eventually
from velocity import BatchOperation, MemoryLimitError, StorageError
from velocity._core.engine import fault_clear, fault_set
from velocity._core.storage import manifest_load


@pytest.fixture
def faults():
    yield fault_set
    fault_clear()


@pytest.mark.parametrize("point", ["sync_directory", "rename", "sync"])
def test_a_refused_write_does_not_come_back(tmp_path, faults, point):
    """The file was synced before the step that failed, and counted as durable: the undone write was there after reopening."""
    db = velocity.open(tmp_path / "db", sync_writes=True)
    users = db.create_collection("users")
    faults(point, 0, 5)
    with pytest.raises(StorageError):
        users.put("refused", {})
    fault_clear()
    assert "refused" not in users
    with pytest.raises(StorageError):
        db.close()
    with velocity.open(tmp_path / "db") as db:
        assert "refused" not in db["users"]


@pytest.mark.parametrize("write", ["put", "update"])
def test_refreshing_an_expiry_takes_no_memory(write):
    """Every write of a document with a ttl left an entry in the heap of expiries until it was due."""
    with velocity.open(max_memory=8 << 20) as db:
        sessions = db.create_collection("sessions")
        sessions.put("s", {"n": 0}, ttl=3600)
        for n in range(200_000):
            if write == "put":
                sessions.put("s", {"n": n}, ttl=3600 + n / 1000)
            else:
                sessions.update("s", {"n": n})
        assert db.stats().memory_usage < 1 << 20


def test_deletes_are_let_through_at_the_limit():
    """A refused put left its new field names uncharged, and every later write, deletes too, was refused for them."""
    with velocity.open(max_memory=1 << 20) as db:
        users = db.create_collection("users")
        count = 0
        with pytest.raises(MemoryLimitError):
            while True:
                users.put(f"u{count}", {"text": "x" * 200, f"name{count}": count})
                count += 1
        assert users.delete_many(f"u{n}" for n in range(count)) == count
        users.put("again", {"text": "x"})


def test_dropped_collections_take_no_memory():
    """The names of dropped collections stayed, charged, until the database was closed."""
    with velocity.open(max_memory=4 << 20) as db:
        for n in range(3000):
            db.create_collection("users").put("u", {f"field{n}": 1})
            db.drop_collection("users")
        assert db.stats().memory_usage < 1 << 20


def test_a_document_outlives_its_collection():
    """Its names are kept as long as a document or handle can use them."""
    with velocity.open() as db:
        users = db.create_collection("users")
        users.put("u", {"name": "x", "age": 3})
        doc = users["u"]
        del users
        db.drop_collection("users")
        db.create_collection("users").put("u", {"other": 1})
        assert doc.to_dict() == {"name": "x", "age": 3}
        assert doc["age"] == 3 and doc.get("other") is None


@pytest.mark.parametrize("mapping", [dict, OrderedDict, lambda d: MappingProxyType(dict(d))])
def test_operators_in_any_mapping(mapping):
    """Only an exact dict was looked through: other mappings stored a field named `$inc`."""
    with velocity.open() as db:
        users = db.create_collection("users")
        users.put("u", {"n": 1})
        users.update("u", mapping({"$inc": {"n": 1}}))
        assert users["u"].to_dict() == {"n": 2}


def test_a_ttl_counts_from_the_commit():
    """It counted from before the caller's generator ran: documents could be born expired."""
    with velocity.open() as db:
        users = db.create_collection("users")

        def pairs():
            yield "a", {}
            began = time.monotonic()
            while time.monotonic() - began < 0.3:
                pass
            yield "b", {}

        users.put_many(pairs(), ttl=0.25)
        assert users.get_many(["a", "b"]).count(None) == 0


def test_a_batch_that_alternates_between_many_collections():
    """Slots were reserved once per run of one collection, and a second reservation replaced the first."""
    with velocity.open() as db:
        names = [f"c{n}" for n in range(7)]
        for name in names:
            db.create_collection(name)
        db.batch([BatchOperation("insert", names[n % 7], id=f"i{n}", fields={"n": n}) for n in range(7000)])
        assert [len(db[name]) for name in names] == [1000] * 7


def test_compacting_everything_away_leaves_a_sound_directory(tmp_path):
    """Segments whose newest records were all dead left a gap in the sequences that looked like a loss."""
    with velocity.open(tmp_path / "db") as db:
        users = db.create_collection("users")
        users.put_many((f"u{n}", {}) for n in range(1000))
        users.delete_many(f"u{n}" for n in range(1000))
        db.compact()
    assert velocity.verify(tmp_path / "db").ok
    with velocity.open(tmp_path / "db") as db:
        assert len(db["users"]) == 0
        db["users"].put("new", {})
    with velocity.open(tmp_path / "db") as db:
        assert list(db["users"]) == ["new"]


def test_expired_documents_whose_slots_look_alike(durable_mode, tmp_path):
    """The second of two with one tag and one expiry was taken for the first: deleting that twice never ended."""
    with velocity.open(tmp_path / "db", storage_mode=durable_mode) as db:
        users = db.create_collection("users")
        seed = manifest_load(str(tmp_path / "db"))["hash_seed"]
        seen, alike = {}, []
        for number in range(1_000_000):
            other = seen.setdefault(xxhash.xxh3_64_intdigest(f"u{number}".encode(), seed) >> 34, number)
            if other != number:
                alike += [f"u{other}", f"u{number}"]
                if len(alike) == 20:
                    break
        users.put("kept", {})
        users.put_many(((id, {}) for id in alike), ttl=0.05)
        eventually(lambda: db.stats().documents == 1)
        assert list(users) == ["kept"]


def test_a_filter_in_a_cycle_frees_no_names_of_its_database():
    """The collector cleared the filter's owner, by which it told whether the names were its own: it freed those
    of the engine, and whatever the database did next was with freed memory. In a child: it ended the process."""
    code = """
import gc, velocity
db = velocity.VelocityDB()
users = db.create_collection("users")
cycle = [users._filter({"n": 1})]
cycle.append(cycle)
del cycle
gc.collect()
for number in range(100):
    users.put(str(number), {f"field {number}": number})
    assert users[str(number)].fields == {f"field {number}": number}
db.close()
del users, db
gc.collect()
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_two_columns_of_one_field():
    """The first of them was all nulls: a name's number led to the last column alone."""
    with velocity.open() as db:
        users = db.create_collection("users")
        users.put_many((f"u{n}", {"n": n}) for n in range(3))
        first, second = users._columns(["n", "n"])
        assert sorted(first.objects()) == sorted(second.objects()) == [0, 1, 2]
