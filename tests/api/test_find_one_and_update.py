"""find_one_and_update, update_where, delete_where: what they write, return and refuse."""

from __future__ import annotations

from collections import UserDict

import pytest

import velocity
from velocity import FieldType, QueryError, Schema, SchemaError, UniqueError

WAITING = {"state": "waiting"}
CLAIM = {"$set": {"state": "running"}}


@pytest.fixture(params=[None, "state", "partial"])
def jobs(db, request):
    """With no index, with one, and with a partial one: claims go different ways."""
    jobs = db.create_collection("jobs")
    jobs.put_many((f"j{i}", {"state": "waiting", "priority": i % 5, "n": i}) for i in range(60))
    if request.param == "state":
        jobs.create_index(["state", "-priority", "n"])
    elif request.param == "partial":
        jobs.create_index(["-priority", "n"], where=WAITING)
    return jobs


def test_claims_in_order_until_none_is_left(jobs):
    order = ["-priority", "n"]
    wanted = sorted(range(60), key=lambda n: (-(n % 5), n))
    for n in wanted:
        document = jobs.find_one_and_update(WAITING, CLAIM, sort=order)
        assert (document["n"], document["state"], document.version) == (n, "running", 2)
        assert jobs[document.id] == document
    assert jobs.find_one_and_update(WAITING, CLAIM, sort=order) is None
    assert jobs.count({"state": "running"}) == 60


def test_the_document_before(jobs):
    for version in (1, 2, 3):
        before = jobs.find_one_and_update(
            WAITING, {"$set": {"seen": version}}, sort=["-priority", "n"], return_new=False
        )
        assert (before.id, before.version) == ("j4", version)
        assert before.get("seen") == (version - 1 or None)
    assert jobs["j4"]["seen"] == 3


def test_operators_and_plain_fields(jobs):
    order = ["-priority", "n"]
    for _ in range(2):
        jobs.find_one_and_update(WAITING, {"$inc": {"tries": 1}, "$push": {"log": "x"}}, sort=order)
        jobs.find_one_and_update(WAITING, {"worker": "w"}, sort=order)
        jobs.find_one_and_update(WAITING, {"$set": {"deep.er": 1}}, sort=order)
    fields = jobs["j4"].fields
    assert (fields["tries"], fields["log"], fields["worker"]) == (2, ["x", "x"], "w")
    assert fields["deep"] == {"er": 1}
    assert jobs["j4"].version == 7


def test_upsert(jobs):
    update = {"$inc": {"n": 1}, "$setOnInsert": {"made": True}}
    query = {"state": "new", "priority": {"$gt": 3}, "a.b": 5}
    assert jobs.find_one_and_update(query, update) is None
    assert jobs.find_one_and_update(query, update, upsert=True, return_new=False) is None
    [document] = jobs.find({"state": "new"})
    assert document.fields == {"state": "new", "a": {"b": 5}, "n": 1, "made": True}
    jobs.update(document.id, {"priority": 4})
    again = jobs.find_one_and_update(query, update, upsert=True)
    assert (again.id, again["n"], again.version) == (document.id, 2, 3)
    plain = jobs.find_one_and_update({"state": "other"}, {"x": 1}, upsert=True)
    assert plain.fields == {"state": "other", "x": 1}


def test_expiry_is_kept_and_expired_ones_are_not_claimed(jobs):
    jobs.update("j4", {}, ttl=3600)
    jobs.find_one_and_update(WAITING, CLAIM, sort=["-priority", "n"])
    jobs.put("soon", {"state": "waiting", "priority": 9, "n": 0}, ttl=1e-9)
    assert jobs.find_one_and_update(WAITING, CLAIM, sort=["-priority", "n"]).id == "j9"


@pytest.mark.parametrize(
    ("update", "named"),
    [
        ({"$what": {"a": 1}}, r"\$what"),
        ({"$inc": {"state": 1}}, r"\$inc 'state'"),
        ({"$set": {"a": 1}, "b": 2}, "b"),
        ([], "update"),
        (None, "update"),
    ],
)
def test_an_update_that_is_none_changes_nothing(jobs, update, named):
    for _ in range(2):
        with pytest.raises(QueryError, match=named):
            jobs.find_one_and_update(WAITING, update, sort=["-priority", "n"])
        with pytest.raises(QueryError, match=named):
            jobs.update_where(WAITING, update)
        jobs.find_one_and_update({"state": "no"}, CLAIM, sort=["-priority", "n"])
    assert all(document.version == 1 for document in jobs.scan())


def test_what_cannot_be_stored_changes_nothing(jobs):
    for update in ({"a": object()}, {"$set": {"a": object()}}, {"$push": {"a": object()}}):
        for _ in range(2):
            with pytest.raises((SchemaError, QueryError)):
                jobs.find_one_and_update(WAITING, update, sort=["-priority", "n"])
            with pytest.raises((SchemaError, QueryError)):
                jobs.update_where(WAITING, update)
    assert all(document.version == 1 for document in jobs.scan())


def test_all_ways_keep_the_schema(db):
    schema = (
        Schema("s")
        .add_field("state", FieldType.STRING, required=True, indexed=True)
        .add_field("n", FieldType.INT, default=7)
        .add_field("email", FieldType.STRING, unique=True)
    )
    c = db.create_collection("c", schema)
    c.put_many((f"{i}", {"state": "waiting", "n": i, "email": f"{i}@"}) for i in range(9))
    for bad, named in [
        ({"n": "x"}, "collection 'c', document '.'.*n.*INT"),
        ({"$set": {"n": "x"}}, "collection 'c', document '.'.*n.*INT"),
        ({"$set": {"state": None}}, "collection 'c', document '.'.*state"),
        ({"$unset": {"state": 1}}, "collection 'c', document '.'.*state"),
        ({"$inc": {"n": 0.5}}, "collection 'c', document '.'.*n.*INT"),
    ]:
        for _ in range(2):
            with pytest.raises(SchemaError, match=named):
                c.find_one_and_update(WAITING, bad)
            with pytest.raises(SchemaError, match=named):
                c.update_where(WAITING, bad)
            assert c.find_one(WAITING)
    for same in ({"email": "8@"}, {"$set": {"email": "8@"}}, {"$set": {"email": "8@"}, "$inc": {"n": 1}}):
        for _ in range(2):
            with pytest.raises(UniqueError, match="email"):
                c.find_one_and_update({"state": "waiting", "email": "1@"}, same)
    with pytest.raises(UniqueError, match="email"):
        c.update_where(WAITING, {"email": "new"})
    assert all(document.version == 1 for document in c.scan())
    # What fits is stored as the schema has it, and a field taken out does not come back.
    assert type(c.find_one_and_update(WAITING, {"n": 3.0})["n"]) is int
    assert "n" not in c.find_one_and_update({"email": "5@"}, {"$unset": {"n": 1}})
    made = c.find_one_and_update({"state": "x"}, {"$set": {"email": "x@"}}, upsert=True)
    assert made.fields == {"state": "x", "email": "x@", "n": 7}
    with pytest.raises(SchemaError, match="state"):
        c.find_one_and_update({"email": "y"}, {"a": 1}, upsert=True)
    assert c.count({"email": "y"}) == 0


def test_update_where_and_delete_where(jobs):
    assert jobs.update_where({"priority": 3}, {"$inc": {"n": 100}}) == 12
    assert jobs.update_where({"n": {"$gte": 100}}, {"state": "far"}) == 12
    assert jobs.update_where({"n": -1}, {"state": "no"}) == 0
    assert jobs.count({"state": "far"}) == 12
    assert jobs.delete_where({"state": "far"}) == 12
    assert jobs.delete_where({"state": "far"}) == 0
    assert len(jobs) == jobs.delete_where(WAITING) == 48
    assert jobs.delete_where({}) == 0


def test_a_level_that_the_collection_has_not(jobs):
    for call in (
        lambda: jobs.find_one_and_update(WAITING, CLAIM, consistency="strong"),
        lambda: jobs.update_where(WAITING, {"n": 1}, consistency="strong"),
        lambda: jobs.delete_where(WAITING, consistency="strong"),
        lambda: jobs.find(WAITING, consistency="strong"),
        lambda: jobs.find_one(WAITING, consistency="strong"),
    ):
        with pytest.raises(velocity.ConsistencyError):
            call()


def test_writers_who_never_stop_win_over_a_write_of_all_that_match(jobs):
    before = len(jobs)

    class Changes(UserDict):
        """Read when a document's new fields are made: then another writer changes it."""

        def keys(self):
            jobs.update(jobs.find_one(WAITING).id, {"beside": 1})
            return super().keys()

    with pytest.raises(velocity.ConflictError, match="nothing was changed"):
        jobs.update_where(WAITING, Changes(done=True))
    assert jobs.count({"done": True}) == 0 and len(jobs) == before
    assert jobs.update_where(WAITING, {"done": True}) == jobs.count(WAITING) > 0
