"""Changing the schema of a live collection: all of it or nothing, whatever is written meanwhile."""

from __future__ import annotations

import errno
import threading
from datetime import datetime, timezone

import pytest

from support.faults import fault
from support.files import image
from support.store import Store, contents
from support.threads import run_threads
from support.waiting import eventually
from velocity import NotFoundError, Schema, SchemaError, StorageError, UniqueError
from velocity.py.metadata import change_metadata, read_metadata

NOON = datetime(2026, 1, 31, 12, tzinfo=timezone.utc)
OLD = Schema("people").add_field("name", "string", required=True)


def more(schema, name, kind, **settings):
    return Schema.from_dict(schema.to_dict()).add_field(name, kind, **settings)


@pytest.fixture
def people(db):
    people = db.create_collection("people", OLD)
    people.put_many((f"p{n:03}", {"name": f"n{n}"}) for n in range(500))
    return people


def test_defaults_are_filled_into_what_is_there(people):
    people.update("p001", {"age": 7.0, "since": "2026-01-31T12:00:00Z", "other": [1]})
    people.put("expiring", {"name": "x"}, ttl=1000)
    new = more(more(OLD, "age", "int", required=True, default=1), "since", "time")
    people.evolve(new)
    assert people.schema == new
    assert people["p000"].fields == {"name": "n0", "age": 1} and people["p000"].version == 2
    assert people["p001"].fields == {"name": "n1", "age": 7, "since": NOON, "other": [1]}
    assert people["p001"].version == 3 and type(people["p001"]["age"]) is int
    assert sum(doc["age"] == 1 for doc in people.scan()) == 500
    people.evolve(new)
    assert people["p000"].version == 2  # nothing is left to be done
    with pytest.raises(SchemaError, match="'age' is required"):
        people.update("p000", {"$unset": {"age": 1}})


def test_an_expiry_stays(people):
    people.put("soon", {"name": "x"}, ttl=0.3)
    people.evolve(more(OLD, "age", "int", default=1))
    assert people["soon"]["age"] == 1
    eventually(lambda: "soon" not in people)


@pytest.mark.parametrize(("bad", "new", "why"), [
    ({"age": "x"}, more(OLD, "age", "int"), "field 'age' wants INT, not str"),
    ({}, more(OLD, "age", "int", required=True), "field 'age' is required and wants INT, but is missing"),
    ({"age": 1}, Schema(strict=True).add_field("name", "string"), "field 'age' is not in the schema, which is strict"),
])
def test_what_documents_break_is_refused_and_named(people, bad, new, why):
    if "age" in bad:
        people.update("p007", bad)
        people.update("p123", bad)
    before = contents(people)
    with pytest.raises(SchemaError) as caught:
        people.evolve(new)
    text = str(caught.value)
    assert text.startswith("collection 'people' has documents that do not fit the new schema; nothing was changed: '")
    assert why in text
    if "age" in bad:
        assert sorted(part.split("'")[1] for part in text.split("changed: ")[1].split("; '")) or "p007" in text
        assert "'p007'" in "'" + text and "p123" in text
    else:
        assert text.count(why) == 5  # the first few
    assert contents(people) == before and people.schema == OLD
    people.put("p007", {"name": "x", "age": "y"})


def test_loosening_and_taking_away(people):
    people.evolve(Schema().add_field("name", "string"))
    people.put("p000", {})
    people.evolve(None)
    assert people.schema is None
    people.put("p000", {"name": 1})
    with pytest.raises(SchemaError, match="'p000': field 'name' wants STRING, not int"):
        people.evolve(OLD)
    assert people.schema is None
    people.put("p000", {"name": 2})


def test_by_the_database_and_bad_arguments(db, people):
    db.evolve("people", {"fields": {"name": "string"}})
    assert people.schema == Schema().add_field("name", "string")
    with pytest.raises(SchemaError, match="made of a dict, not int"):
        people.evolve(1)
    db.drop_collection("people")
    with pytest.raises(NotFoundError):
        people.evolve(OLD)


def test_a_collection_without_a_schema_gets_one(db):
    people = db.create_collection("people")
    people.put("a", {"name": "x", "n": 1.0})
    people.evolve(more(OLD, "n", "int"))
    assert people["a"].fields == {"name": "x", "n": 1} and type(people["a"]["n"]) is int
    with pytest.raises(SchemaError):
        people.put("b", {})


def test_a_store_that_fails_changes_nothing(persistent):
    db = persistent.open()
    people = db.create_collection("people", OLD)
    people.put("a", {"name": "x"})
    db.flush()
    with fault("rename", errno.EIO), pytest.raises(StorageError):
        people.evolve(more(OLD, "age", "int", default=1))
    assert people.schema == OLD and people["a"].fields == {"name": "x"}
    people.put("b", {"name": "x", "age": "old"})
    people.delete("b")
    people.evolve(more(OLD, "age", "int", default=1))
    assert people["a"].fields == {"name": "x", "age": 1}


def test_reopening(durable):
    db = durable.open()
    people = db.create_collection("people", OLD)
    people.put("a", {"name": "x"})
    people.evolve(more(OLD, "age", "int", default=1))
    db = durable.reopen(db)
    assert db["people"].schema == more(OLD, "age", "int", default=1)
    assert db["people"]["a"].fields == {"name": "x", "age": 1}
    assert "filling" not in read_metadata(db["people"])


def test_filling_is_finished_when_opened_again(durable):
    """A crash between the schema's change and the last document that was filled."""
    db = durable.open()
    people = db.create_collection("people", OLD)
    people.put_many((f"p{n}", {"name": "x"}) for n in range(2000))
    new = more(OLD, "age", "int", default=1)
    change_metadata(people, lambda m: m.update(schema=new.to_dict(), filling=True))
    crashed = Store(durable.mode, image(durable.path, durable.path.parent / "crashed"))
    with crashed.open() as found:
        assert all(doc["age"] == 1 for doc in found["people"].scan()) and len(found["people"]) == 2000
        assert "filling" not in read_metadata(found["people"])
    crashed.verify()


def test_writers_are_under_one_schema_or_the_other(db):
    """Nothing that is neither may be left, whoever wins."""
    people = db.create_collection("people", Schema().add_field("n", "int"))
    people.put_many((f"old{n}", {"n": n}) for n in range(2000))
    wide, narrow = Schema().add_field("n", "int"), more(Schema().add_field("n", "int"), "m", "int", required=True, default=5)
    stop = threading.Event()

    def work(number):
        if number == 0:
            try:
                for _ in range(40):
                    try:
                        people.evolve(narrow)
                    except SchemaError as error:  # a writer's None, which it names
                        assert "'m' is required" in str(error)
                        continue
                    assert people.schema == narrow
                    assert all(type(doc.get("m")) is int for doc in people.scan())
                    people.evolve(wide)
            finally:
                stop.set()
            return
        n = 0
        while not stop.is_set():
            n += 1
            try:
                people.put(f"w{number} {n % 50}", {"n": n} if n % 3 else {"n": n, "m": None if n % 60 else n})
                people.update(f"old{n % 2000}", {"n": float(n)})
                if n % 3 == 0:
                    people.delete(f"w{number} {n % 50}")
            except SchemaError:
                pass

    run_threads(work, 5)
    try:
        people.evolve(narrow)
    except SchemaError:
        people.delete_many(id for id in list(people) if people[id].get("m", 0) is None)
        people.evolve(narrow)
    assert all(type(doc["n"]) is int and type(doc["m"]) is int for doc in people.scan())


def test_a_misfit_written_during_the_look_is_found(db):
    """Writers that only ever write what the new schema refuses: evolve never succeeds over one."""
    people = db.create_collection("people", Schema())
    people.put_many((f"p{n}", {"n": 1}) for n in range(5000))
    new = Schema().add_field("n", "int", required=True)
    def work(number):
        if number:
            for n in range(300):
                try:
                    people.put(f"p{n}", {"n": "text"})
                    people.put(f"p{n}", {"n": 2})
                except SchemaError as error:
                    assert "'n' wants INT, not str" in str(error)
                    assert all(type(doc["n"]) is int for doc in people.scan())
                    return True
            return False
        for _ in range(50):
            try:
                people.evolve(new)
                return True
            except SchemaError as error:
                assert "'n' wants INT, not str" in str(error)
        return False

    run_threads(work, 3)
    people.put_many((doc.id, {"n": 3}) for doc in list(people.scan()))
    people.evolve(new)
    assert {doc["n"] for doc in people.scan()} == {3}


INDEXED = Schema().add_field("mail", "string", unique=True, required=True).add_field("age", "int", indexed=True)


def index_list(people):
    return {(index.name, index.fields, index.unique) for index in people.indexes}


BOTH = {("mail_1_unique", ("mail",), True), ("age_1", ("age",), False)}


def test_indexed_and_unique_fields(store):
    db = store.open()
    people = db.create_collection("people", INDEXED)
    for _ in range(2 if store.durable else 1):
        assert index_list(people) == BOTH
        people.put("a", {"mail": "x", "age": 1.0})
        with pytest.raises(UniqueError, match="mail"):
            people.insert("b", {"mail": "x"})
        with pytest.raises(UniqueError):
            people.insert_many([("b", {"mail": "y"}), ("c", {"mail": "y"})])
        assert list(people) == ["a"]
        if store.durable:
            people = store.reopen()["people"]


def test_evolving_makes_and_drops_indexes(people):
    people.create_index("other")
    by_hand = {("other_1", ("other",), False)}
    people.put_many((f"p{n:03}", {"name": "x", "mail": f"m{n}"}) for n in range(500))
    people.evolve(INDEXED)
    assert index_list(people) == BOTH | by_hand
    people.evolve(INDEXED)
    assert index_list(people) == BOTH | by_hand
    people.evolve(Schema().add_field("mail", "string", indexed=True))
    assert index_list(people) == {("mail_1", ("mail",), False)} | by_hand
    people.update("p001", {"mail": "m2"})
    before = contents(people)
    with pytest.raises(UniqueError, match="mail"):
        people.evolve(INDEXED)
    people.update("p001", {"mail": "m1", "age": "old"})
    with pytest.raises(SchemaError, match="'p001': field 'age' wants INT, not str"):
        people.evolve(INDEXED)
    assert index_list(people) == {("mail_1", ("mail",), False)} | by_hand
    assert contents(people).keys() == before.keys()
    people.evolve(None)
    assert index_list(people) == by_hand


def test_what_is_written_behind_the_look_is_looked_at_again(db):
    """A misfit that was let in is still there when the next one is refused: evolve has passed it over."""
    people = db.create_collection("people")
    people.put_many((f"p{n}", {"n": 1}) for n in range(20_000))
    new = Schema().add_field("n", "int")
    stop = threading.Event()

    def write():
        while not stop.is_set():
            try:
                people.put("x", {"n": "text"})
            except SchemaError:
                continue
            for _ in range(5):
                people.put("x", {"n": "text"})
            people.delete("x")

    def work(number):
        if number:
            return write()
        try:
            for _ in range(60):
                try:
                    people.evolve(new)
                except SchemaError as error:
                    assert "'x': field 'n' wants INT, not str" in str(error)
                else:
                    people.evolve(None)
        finally:
            stop.set()

    run_threads(work, 2)
