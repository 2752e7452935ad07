"""Aggregation on stored documents: what each stage gives, what is refused, and where it says so."""

from __future__ import annotations

import asyncio
import math
import struct
from datetime import datetime, timedelta, timezone

import pytest

import velocity
import velocity.aio
from support.waiting import eventually
from velocity import DatabaseClosedError, NotFoundError, QueryError

WHEN = datetime(2026, 3, 5, 13, 45, 30, 250000, tzinfo=timezone.utc)
JOBS = {
    "j1": {"state": "waiting", "priority": 3, "tags": ["a", "b"], "owner": {"name": "Ada"}},
    "j2": {"state": "running", "priority": 1.5, "tags": [], "at": WHEN},
    "j3": {"state": "waiting", "priority": None, "tags": "c", "items": [{"p": 2}, {"p": 3}, {}]},
    "j4": {"priority": "high", "owner": {"name": "Bob", "age": 5}},
}
OWNERS = {"Ada": {"city": "Oslo"}, "Bob": {"city": "Rome", "aka": ["Bo", "Rob"]}}


@pytest.fixture
def jobs(db):
    jobs = db.create_collection("jobs")
    jobs.put_many(JOBS.items())
    db.create_collection("owners").put_many(OWNERS.items())
    return jobs


def whole(id, **changes):
    return {"_id": id, **JOBS[id], **changes}


STAGES = {
    "nothing": ([], [whole(id) for id in JOBS]),
    "match": ([{"$match": {"state": "waiting"}}], [whole("j1"), whole("j3")]),
    "match by id": ([{"$match": {"_id": {"$gt": "j3"}}}], [whole("j4")]),
    "match in the middle": (
        [{"$project": {"n": "$priority"}}, {"$match": {"n": {"$gte": 2}}}],
        [{"_id": "j1", "n": 3}],
    ),
    "group": (
        [{"$group": {"_id": "$state", "n": {"$count": {}}, "sum": {"$sum": "$priority"}}}],
        [
            {"_id": None, "n": 1, "sum": 0},
            {"_id": "running", "n": 1, "sum": 1.5},
            {"_id": "waiting", "n": 2, "sum": 3},
        ],
    ),
    "group of all": (
        [{"$group": {"_id": None, "avg": {"$avg": "$priority"}, "least": {"$min": "$priority"},
                     "most": {"$max": "$priority"}, "two": {"$sum": 2}, "tags": {"$sum": "$tags"}}}],
        [{"_id": None, "avg": 2.25, "least": 1.5, "most": "high", "two": 8, "tags": 0}],
    ),
    "group by an object": (
        [{"$group": {"_id": {"s": "$state", "o": "$owner.age"}, "n": {"$sum": 1}}}],
        [
            {"_id": {"o": 5}, "n": 1},
            {"_id": {"s": "running"}, "n": 1},
            {"_id": {"s": "waiting"}, "n": 2},
        ],
    ),
    "group through a list": (
        [{"$group": {"_id": "$items.p", "n": {"$sum": 1}}}],
        [{"_id": None, "n": 3}, {"_id": [2, 3], "n": 1}],
    ),
    "gather": (
        [{"$sort": {"_id": 1}},
         {"$group": {"_id": None, "ids": {"$push": "$_id"}, "states": {"$addToSet": "$state"},
                     "first": {"$first": "$priority"}, "last": {"$last": "$state"}}}],
        [{"_id": None, "ids": ["j1", "j2", "j3", "j4"], "states": ["waiting", "running"],
          "first": 3, "last": None}],
    ),
    "sort": (
        [{"$sort": {"priority": -1}}, {"$project": {"priority": 1}}],
        [{"_id": "j4", "priority": "high"}, {"_id": "j1", "priority": 3},
         {"_id": "j2", "priority": 1.5}, {"_id": "j3", "priority": None}],
    ),
    "top": (
        [{"$sort": {"state": 1, "_id": -1}}, {"$limit": 3}, {"$project": {"_id": 1}}],
        [{"_id": "j4"}, {"_id": "j2"}, {"_id": "j3"}],
    ),
    "skip and limit": (
        [{"$sort": {"_id": 1}}, {"$skip": 1}, {"$limit": 2}, {"$project": {"_id": 1}}],
        [{"_id": "j2"}, {"_id": "j3"}],
    ),
    "unwind": (
        [{"$unwind": "$tags"}, {"$project": {"tags": 1}}],
        [{"_id": "j1", "tags": "a"}, {"_id": "j1", "tags": "b"}, {"_id": "j3", "tags": "c"}],
    ),
    "unwind and keep": (
        [{"$unwind": {"path": "$tags", "preserveNullAndEmptyArrays": True,
                      "includeArrayIndex": "at"}},
         {"$project": {"tags": 1, "at": 1}}],
        [{"_id": "j1", "tags": "a", "at": 0}, {"_id": "j1", "tags": "b", "at": 1},
         {"_id": "j2", "at": None}, {"_id": "j3", "tags": "c", "at": None},
         {"_id": "j4", "at": None}],
    ),
    "count": ([{"$match": {"state": "waiting"}}, {"$count": "n"}], [{"n": 2}]),
    "count of all": ([{"$count": "n"}], [{"n": 4}]),
    "count of none": ([{"$match": {"state": "gone"}}, {"$count": "n"}], []),
    "facet": (
        [{"$facet": {"states": [{"$group": {"_id": "$state"}}, {"$match": {"_id": {"$ne": None}}},
                                {"$sort": {"_id": 1}}],
                     "n": [{"$count": "n"}]}}],
        [{"states": [{"_id": "running"}, {"_id": "waiting"}], "n": [{"n": 4}]}],
    ),
    "lookup": (
        [{"$lookup": {"from": "owners", "localField": "owner.name", "foreignField": "_id",
                      "as": "owner"}},
         {"$match": {"owner.city": {"$exists": True}}}, {"$project": {"owner": 1}}],
        [{"_id": "j1", "owner": [{"_id": "Ada", "city": "Oslo"}]},
         {"_id": "j4", "owner": [{"_id": "Bob", "city": "Rome", "aka": ["Bo", "Rob"]}]}],
    ),
    "project": (
        [{"$match": {"owner.age": 5}},
         {"$project": {"_id": 0, "owner.name": 1, "age": "$owner.age", "made": {"a": {"$literal": 1}}}}],
        [{"owner": {"name": "Bob"}, "age": 5, "made": {"a": 1}}],
    ),
    "project away": (
        [{"$match": {"owner.age": 5}}, {"$project": {"_id": 0, "owner.name": 0}}],
        [{"priority": "high", "owner": {"age": 5}}],
    ),
    "project in a list": (
        [{"$match": {"tags": "c"}}, {"$project": {"items.p": 1}}],
        [{"_id": "j3", "items": [{"p": 2}, {"p": 3}, {}]}],
    ),
    "add fields": (
        [{"$match": {"tags": "c"}},
         {"$addFields": {"items.q": "$state", "priority": "$$REMOVE", "n.m": {"$size": "$items"}}},
         {"$project": {"state": 0, "tags": 0}}],
        [{"_id": "j3", "n": {"m": 3},
          "items": [{"p": 2, "q": "waiting"}, {"p": 3, "q": "waiting"}, {"q": "waiting"}]}],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", STAGES)
def test_stages(name, jobs):
    pipeline, expected = STAGES[name]
    found = jobs.aggregate(pipeline)
    if pipeline and "$group" in pipeline[-1]:
        found.sort(key=lambda group: str(group["_id"] or ""))
        expected = sorted(expected, key=lambda group: str(group["_id"] or ""))
    elif not any("$sort" in stage for stage in pipeline):
        found.sort(key=lambda document: document.get("_id", ""))
    assert found == expected


EXPRESSIONS = {
    "add": ({"$add": ["$n", 1, 0.5]}, 5.5),
    "add nothing": ({"$add": ["$n", "$nope"]}, None),
    "add over 64 bits": ({"$add": [2**63 - 1, 1]}, float(2**63)),
    "add to a time": ({"$add": ["$t", 1500]}, WHEN + timedelta(seconds=1.5)),
    "subtract times": ({"$subtract": ["$t", WHEN - timedelta(days=1)]}, 86_400_000),
    "subtract from a time": ({"$subtract": ["$t", 1000]}, WHEN - timedelta(seconds=1)),
    "multiply": ({"$multiply": ["$n", "$n"]}, 16),
    "divide": ({"$divide": ["$n", 2]}, 2.0),
    "mod": ({"$mod": [-7, 3]}, -1),
    "mod of floats": ({"$mod": [7.5, 2]}, 1.5),
    "abs": ({"$abs": -3}, 3),
    "ceil": ({"$ceil": 1.2}, 2.0),
    "floor of an int": ({"$floor": "$n"}, 4),
    "round": ({"$round": [2.5]}, 2.0),
    "round digits": ({"$round": [1234.567, -2]}, 1200.0),
    "compare": ({"$cmp": ["$n", 4.0]}, 0),
    "less across types": ({"$lt": ["$n", "a"]}, True),
    "missing is not null": ({"$eq": ["$nope", None]}, False),
    "logic": ({"$and": [{"$or": [0, "$n"]}, {"$not": "$nope"}, ""]}, True),
    "cond": ({"$cond": {"if": {"$gt": ["$n", 3]}, "then": "big", "else": "$nope"}}, "big"),
    "switch": ({"$switch": {"branches": [{"case": "$nope", "then": 1}], "default": 2}}, 2),
    "if null": ({"$ifNull": ["$nope", "$z", "x"]}, "x"),
    "in": ({"$in": [4.0, [1, "$n"]]}, True),
    "size": ({"$size": "$l"}, 3),
    "element": ({"$arrayElemAt": ["$l", -1]}, 3),
    "lists": ({"$concatArrays": ["$l", ["$nope"]]}, [1, 2, 3, None]),
    "is a list": ({"$isArray": "$l"}, True),
    "merge": ({"$mergeObjects": ["$o", {"b": 2}, None]}, {"a": "x", "b": 2}),
    "sum of a list": ({"$sum": "$l"}, 6),
    "average of several": ({"$avg": ["$n", 5, "x"]}, 4.5),
    "largest": ({"$max": ["$l", "$n"]}, [1, 2, 3]),
    "concat": ({"$concat": ["$o.a", "-", "é"]}, "x-é"),
    "upper": ({"$toUpper": "aé"}, "Aé"),
    "lower of nothing": ({"$toLower": "$nope"}, ""),
    "substring": ({"$substrCP": ["éabc", 1, 2]}, "ab"),
    "text size": ({"$strLenCP": "éa"}, 2),
    "split": ({"$split": ["a-b-c", "-"]}, ["a", "b", "c"]),
    "year": ({"$year": "$t"}, 2026),
    "weekday": ({"$dayOfWeek": "$t"}, 5),
    "date to string": ({"$dateToString": {"date": "$t"}}, "2026-03-05T13:45:30.250Z"),
    "date in a zone": (
        {"$dateToString": {"date": "$t", "format": "%d.%m.%Y %H:%M %j%%", "timezone": "+11:30"}},
        "06.03.2026 01:15 065%",
    ),
    "date on null": ({"$dateToString": {"date": "$nope", "onNull": "-"}}, "-"),
    "day": ({"$dateTrunc": {"date": "$t", "unit": "day"}}, datetime(2026, 3, 5, tzinfo=timezone.utc)),
    "week": ({"$dateTrunc": {"date": "$t", "unit": "week"}}, datetime(2026, 3, 1, tzinfo=timezone.utc)),
    "quarter": ({"$dateTrunc": {"date": "$t", "unit": "quarter"}}, datetime(2026, 1, 1, tzinfo=timezone.utc)),
    "minute": ({"$dateTrunc": {"date": "$t", "unit": "minute"}}, WHEN.replace(second=0, microsecond=0)),
    "root": ("$$ROOT.o.a", "x"),
    "literal": ({"$literal": "$n"}, "$n"),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions(name, db):
    expression, expected = EXPRESSIONS[name]
    some = db.create_collection("some")
    some.put("a", {"n": 4, "z": None, "l": [1, 2, 3], "o": {"a": "x"}, "t": WHEN})
    [found] = some.aggregate([{"$project": {"_id": 0, "v": expression}}])
    assert found == {"v": expected}
    assert type(found["v"]) is type(expected)


REFUSED = {
    "no list": ({"$match": {}}, "a pipeline is a list of stages, not dict"),
    "no stage": ([{"$limit": 1}, {"$a": 1, "$b": 2}], "stage 1: wants an object with one stage"),
    "unknown stage": ([{"$out": "x"}], r"stage 0: \$out: unknown stage; known: \$match"),
    "bad filter": ([{"$match": {"a": {"$foo": 1}}}], r"stage 0: \$match: .*\$foo"),
    "group without a key": ([{"$group": {"n": {"$sum": 1}}}], r"\$group: _id is missing"),
    "unknown accumulator": ([{"$group": {"_id": 1, "n": {"$x": 1}}}], r"\$group: n: \$x: unknown"),
    "two accumulators": ([{"$group": {"_id": 1, "n": {"$sum": 1, "$avg": 1}}}], "n: wants an object"),
    "accumulated name": ([{"$group": {"_id": 1, "a.b": {"$sum": 1}}}], "'a.b': wants a field's name"),
    "several arguments": ([{"$group": {"_id": 1, "n": {"$sum": [1]}}}], r"\$sum: wants one expression"),
    "count of something": ([{"$group": {"_id": 1, "n": {"$count": 1}}}], r"\$count: wants an empty"),
    "unknown operator": ([{"$addFields": {"a": {"$x": 1}}}], r"\$addFields: a: \$x: unknown expression"),
    "deep": ([{"$addFields": {"a": {"$add": [1, {"$size": []}]}}}], r"a: \$add: \$size: wants 1 arg"),
    "arguments": ([{"$project": {"a": {"$divide": [1]}}}], r"\$divide: wants 2 arguments, not 1"),
    "two operators": ([{"$project": {"a": {"$abs": 1, "$not": 1}}}], "one operator, not"),
    "variable": ([{"$project": {"a": "$$USER"}}], r"'\$\$USER': unknown variable"),
    "path": ([{"$project": {"a": "$b..c"}}], "no empty part"),
    "cond": ([{"$project": {"a": {"$cond": [1, 2]}}}], r"\$cond: wants 3 arguments"),
    "cond names": ([{"$project": {"a": {"$cond": {"if": 1, "then": 2}}}}], "else is missing"),
    "value": ([{"$project": {"a": {"$literal": {1}}}}], r"\$literal: .*set"),
    "mixed": ([{"$project": {"a": 1, "b": 0}}], "'b': fields are either kept or taken out"),
    "twice": ([{"$project": {"a": 1, "a.b": "$c"}}], "'a.b': named twice"),
    "nothing": ([{"$project": {}}], "one or more fields"),
    "sort": ([{"$sort": {"a": "up"}}], r"\$sort: 'a': wants 1 or -1"),
    "sort by nothing": ([{"$sort": {}}], "one path or more"),
    "limit": ([{"$limit": 0}], r"\$limit: wants a whole number from 1, not 0"),
    "skip": ([{"$skip": -1}], r"\$skip: wants a whole number from 0"),
    "count": ([{"$count": "a.b"}], r"\$count: 'a.b': wants a field's name"),
    "unwind": ([{"$unwind": "a"}], r"\$unwind: path: wants a path that begins with"),
    "unwind option": ([{"$unwind": {"path": "$a", "keep": 1}}], "keep: unknown"),
    "facet": ([{"$facet": {"x": [{"$sort": 1}]}}], r"stage 0: \$facet: x: stage 0: \$sort: wants"),
    "facet in a facet": ([{"$facet": {"x": [{"$facet": {}}]}}], "not inside another"),
    "lookup": ([{"$lookup": {"from": "owners"}}], "localField: wants an object with from localField"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_refused_before_anything_runs(name, jobs):
    pipeline, text = REFUSED[name]
    if isinstance(pipeline, list):
        last = len(pipeline) - 1
        text = text.replace(f"stage {last}:", f"stage {last + 1}:", 1)
        pipeline = [{"$addFields": {"x": {"$divide": [1, 0]}}}, *pipeline]  # fails once it runs
    with pytest.raises(QueryError, match=text):
        jobs.aggregate(pipeline)


FAILING = {
    "add": ({"$add": ["$state", 1]}, r"stage 1: \$addFields: x: \$add: wants numbers, not str"),
    "zero": ({"$divide": [1, 0]}, r"\$divide: cannot divide by zero"),
    "size": ({"$size": "$state"}, r"\$size: wants a list, not str"),
    "switch": ({"$switch": {"branches": [{"case": 0, "then": 1}]}}, "no branch's case was true"),
    "zone": ({"$dateToString": {"date": WHEN, "timezone": "Mars"}}, "timezone: 'Mars'"),
    "format": ({"$dateToString": {"date": WHEN, "format": "%x"}}, "unknown '%x'"),
    "time": ({"$add": [WHEN, 1e300]}, "no time that can be stored"),
}


@pytest.mark.parametrize("name", FAILING)
def test_what_fails_names_its_place(name, jobs):
    expression, text = FAILING[name]
    with pytest.raises(QueryError, match=text):
        jobs.aggregate([{"$match": {"state": "waiting"}}, {"$addFields": {"x": expression}}])


def test_an_unknown_collection(jobs):
    spec = {"from": "nope", "localField": "a", "foreignField": "a", "as": "a"}
    with pytest.raises(NotFoundError, match=r"stage 0: \$lookup: from: .*'nope'"):
        jobs.aggregate([{"$lookup": spec}])


def test_results_are_the_callers_own(jobs):
    pipeline = [{"$match": {"owner.age": 5}}, {"$addFields": {"a": "$owner", "b": {"$literal": [1]}}}]
    [found] = jobs.aggregate(pipeline)
    found["owner"]["age"] = 6
    found["b"].append(2)
    [again] = jobs.aggregate(pipeline)
    assert (found["a"]["age"], again["owner"]["age"], again["b"]) == (5, 5, [1])


def test_numbers_are_one_group_and_sums_are_exact(db):
    some = db.create_collection("some")
    some.put_many([("a", {"k": 1, "v": 2**63 - 1}), ("b", {"k": 1.0, "v": 1}), ("c", {"k": 1, "v": -2})])
    group = {"$group": {"_id": "$k", "v": {"$sum": "$v"}}}
    for before in ([], [{"$skip": 0}]):
        [found] = some.aggregate([*before, group])
        assert found == {"_id": 1, "v": 2**63 - 2}
        some.put("d", {"k": 1, "v": 5})
        [found] = some.aggregate([*before, group])
        assert (type(found["v"]), found["v"]) == (float, float(2**63))
        some.delete("d")


ONE_GROUP = {
    "numbers": [1, 1.0],
    "zeros": [0, 0.0, -0.0],
    "NaN": [math.nan, struct.unpack("<d", b"\1\0\0\0\0\0\xf8\xff")[0]],
    "instants": [WHEN, WHEN.astimezone(timezone(timedelta(hours=2)))],
    "objects": [{"a": 1, "b": 2}, {"b": 2.0, "a": 1}],
    "lists": [[1, WHEN], [1.0, WHEN]],
    "nothing": [None, None],
}


@pytest.mark.parametrize("name", ONE_GROUP)
@pytest.mark.parametrize("before", [[], [{"$skip": 0}]], ids=["core", "stages"])
def test_equal_values_are_one_group(name, before, db):
    some = db.create_collection("some")
    some.put_many([(f"{at}", {"k": value}) for at, value in enumerate(ONE_GROUP[name])])
    some.put("other", {"k": "other"})
    for key in ("$k", {"k": "$k"}):
        found = some.aggregate([*before, {"$group": {"_id": key, "n": {"$sum": 1}}}])
        assert sorted(group["n"] for group in found) == [1, len(ONE_GROUP[name])]


def test_a_field_named_like_the_id(db):
    some = db.create_collection("some")
    some.put("a", {"_id": "other", "n": 1})
    assert some.aggregate([{"$match": {"_id": "a"}}]) == [{"_id": "a", "n": 1}]
    assert some.aggregate([{"$match": {"n": 1}}]) == [{"_id": "a", "n": 1}]
    assert some.aggregate([{"$group": {"_id": "$_id"}}]) == [{"_id": "a"}]


def test_after_reopen(durable):
    durable.open().create_collection("jobs").put_many(JOBS.items())
    jobs = durable.reopen()["jobs"]
    group = {"$group": {"_id": "$state", "n": {"$count": {}}}}
    assert sorted((g["n"], g["_id"] or "") for g in jobs.aggregate([group])) == [
        (1, ""), (1, "running"), (2, "waiting")]  # fmt: skip


def test_expired_documents_are_not_there(db):
    some = db.create_collection("some")
    some.put("a", {"n": 1}, ttl=0.001)
    some.put("b", {"n": 1})
    eventually(lambda: "a" not in some)
    assert some.aggregate([{"$group": {"_id": None, "n": {"$sum": "$n"}}}]) == [{"_id": None, "n": 1}]
    assert some.aggregate([{"$count": "n"}]) == [{"n": 1}]


def test_on_the_database_and_closed(jobs, db):
    assert db.aggregate("jobs", [{"$count": "n"}]) == [{"n": 4}]
    with pytest.raises(NotFoundError):
        db.aggregate("nope", [])
    db.close()
    for pipeline in ([], [{"$count": "n"}], [{"$group": {"_id": None}}]):
        with pytest.raises(DatabaseClosedError):
            jobs.aggregate(pipeline)


def test_asyncio():
    async def run():
        async with velocity.aio.open() as db:
            some = await db.create_collection("some")
            await some.put("a", {"n": 1})
            return await some.aggregate([{"$count": "n"}]), await db.aggregate("some", [])

    assert asyncio.run(run()) == ([{"n": 1}], [{"_id": "a", "n": 1}])
