"""Pipelines give what the naive evaluator gives; $group the same in the core and in the stages."""

from __future__ import annotations

import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import velocity
from support import naive_aggregate as naive
from velocity.py.aggregate import fast, stages

NAMES = "abcd"
times = st.sampled_from(
    [
        datetime(2026, 1, 1, tzinfo=timezone.utc),
        datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),  # the same instant
        datetime(2026, 1, 2, tzinfo=timezone.utc),
    ]
)
numbers = st.one_of(
    st.integers(-3, 3),
    st.integers(-(2**63), 2**63 - 1),
    st.sampled_from([0.0, -0.0, 0.5, 1.0, 2.0, 1e300, math.nan, math.inf, -math.inf]),
    st.floats(-100, 100, width=32),
)
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.sampled_from(["", "x", "xy", "é", "z" * 70]),
    st.sampled_from([b"", b"x"]), times,
)  # fmt: skip
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner),
    max_leaves=6,
)
documents = st.lists(st.dictionaries(st.sampled_from(NAMES), values, max_size=4), max_size=12)

paths = st.sampled_from(["$a", "$b", "$c", "$a.b", "$b.a", "$a.b.c", "$_id", "$d.a.0"])
constants = numbers | st.sampled_from([None, True, "x"])


def expressions(depth=2):
    simple = paths | constants | st.just("$$ROOT")
    if not depth:
        return simple
    inner = expressions(depth - 1)
    pair = st.lists(inner, min_size=2, max_size=2)
    return st.one_of(
        simple,
        st.tuples(st.sampled_from(list(naive.COMPARISONS)), pair).map(lambda item: {item[0]: item[1]}),
        st.tuples(st.sampled_from(["$and", "$or", "$ifNull"]), pair).map(lambda item: {item[0]: item[1]}),
        st.lists(inner, min_size=3, max_size=3).map(lambda items: {"$cond": items}),
        st.lists(inner, min_size=1, max_size=1).map(lambda items: {"$not": items}),
        st.dictionaries(st.sampled_from(NAMES), inner, min_size=1, max_size=2),
    )


keys = st.none() | paths | st.dictionaries(st.sampled_from(NAMES), paths, min_size=1, max_size=3)


def accumulators(operators, arguments):
    one = st.tuples(st.sampled_from(operators), arguments).map(
        lambda item: {item[0]: {} if item[0] == "$count" else item[1]}
    )
    return st.dictionaries(st.sampled_from(["p", "q", "r"]), one, max_size=3)


def groups(key, operators, arguments):
    return st.tuples(key, accumulators(operators, arguments)).map(
        lambda item: {"$group": {"_id": item[0], **item[1]}}
    )


core_groups = groups(keys, ["$count", "$sum", "$avg", "$min", "$max"], paths | numbers)
any_groups = groups(
    keys | expressions(1),
    ["$count", "$sum", "$avg", "$min", "$max", "$first", "$last", "$push", "$addToSet"],
    expressions(1),
)
matches = st.dictionaries(
    st.sampled_from(NAMES),
    scalars.filter(lambda value: not isinstance(value, datetime))
    | st.tuples(st.sampled_from(["$gt", "$gte", "$lt", "$lte", "$eq"]), numbers | st.just("x")).map(
        lambda item: {item[0]: item[1]}
    ),
    max_size=2,
).map(lambda spec: {"$match": spec})
sorts = st.dictionaries(
    st.sampled_from(["a", "b", "a.b", "b.0", "_id"]), st.sampled_from([1, -1]), min_size=1, max_size=3
).map(lambda spec: {"$sort": spec})
unwinds = st.fixed_dictionaries(
    {"path": st.sampled_from(["$a", "$a.b", "$c"])},
    optional={
        "preserveNullAndEmptyArrays": st.booleans(),
        "includeArrayIndex": st.sampled_from(["i", "i.j"]),
    },
).map(lambda spec: {"$unwind": spec})
projections = st.one_of(
    st.dictionaries(st.sampled_from(NAMES), st.just(0), min_size=1),
    st.dictionaries(st.sampled_from(["_id", *NAMES]), st.just(1) | paths, min_size=1),
).map(lambda spec: {"$project": spec})
lookups = st.fixed_dictionaries(
    {
        "from": st.just("other"),
        "localField": st.sampled_from(["a", "b", "a.b"]),
        "foreignField": st.sampled_from(["a", "b", "_id"]),
        "as": st.sampled_from(["c", "x.y"]),
    }
).map(lambda spec: {"$lookup": spec})
plain_stages = st.one_of(
    matches,
    sorts,
    unwinds,
    projections,
    any_groups,
    lookups,
    st.integers(1, 5).map(lambda count: {"$limit": count}),
    st.integers(0, 3).map(lambda count: {"$skip": count}),
    st.just({"$count": "n"}),
    st.dictionaries(st.sampled_from(["a", "x", "b.x"]), expressions(1), min_size=1).map(
        lambda spec: {"$addFields": spec}
    ),
)


@pytest.fixture(scope="module")
def db():
    with velocity.open() as db:
        db.create_collection("c")
        db.create_collection("other")
        yield db


def fill(collection, contents):
    collection.clear()
    pairs = [(f"id{number:02}", fields) for number, fields in enumerate(contents)]
    collection.put_many(pairs)
    return [{"_id": id, **fields} for id, fields in pairs]


def close(a, b):
    """The same, but for the last bits of sums and the order of what has no order."""
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (a != a and b != b) or math.isclose(a, b, rel_tol=1e-12, abs_tol=1e-12)
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(close(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(close, a, b))
    return type(a) is type(b) and a == b


def by_id(results):
    return sorted(results, key=lambda result: naive.order(result["_id"]))


def canonical(value):
    """The same for all values that are equal: which of them names a group is open."""
    if isinstance(value, dict):
        return {name: canonical(item) for name, item in sorted(value.items())}
    if isinstance(value, list):
        return [canonical(item) for item in value]
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


@settings(max_examples=150, deadline=None)
@given(documents, st.none() | matches, core_groups)
def test_group_is_the_same_in_the_core_and_in_the_stages(db, contents, match, group):
    stored = fill(db["c"], contents)
    pipeline = [group] if match is None else [match, group]
    expected = by_id(canonical(naive.run(pipeline, stored)))
    found = by_id(canonical(db["c"].aggregate(pipeline)))
    staged = by_id(canonical(db["c"].aggregate([{"$skip": 0}, *pipeline])))
    assert close(found, expected)
    assert close(staged, expected)


def test_the_core_takes_the_usual_groups():
    [group] = stages.compile_stages([{"$group": {"_id": "$a.b", "n": {"$count": {}}}}], None)
    assert fast.core_group(group) == ("a.b", ["a.b"], [("n", "$count", 0, 0)])


@settings(max_examples=250, deadline=None)
@given(documents, documents, st.lists(plain_stages, max_size=4))
def test_pipelines(db, contents, others, pipeline):
    first = {"$sort": {"_id": 1}}  # else the order is open
    stored = fill(db["c"], contents)
    joined = fill(db["other"], others)
    pipeline = [first, *pipeline]
    expected = naive.run(pipeline, stored, {"other": joined})
    found = db["c"].aggregate(pipeline)
    assert close(canonical(found), canonical(expected))
