"""Compiled filters give the answers of a plain evaluator in Python, on documents and filters of
all kinds; the order of encoded values is that of their order keys."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import velocity
from hypothesis import given, settings
from hypothesis import strategies as st
from support.filter_oracle import matches, order
from velocity._core.codec import order_key
from velocity._core.filter import Filter, value_order

# Few names and few values, so that filters and documents meet.
NAMES = st.sampled_from(["a", "b", "c", "0", "1", "n" * 300])
TIMES = st.sampled_from(
    [datetime(2020, 1, 1, tzinfo=timezone.utc),
     datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))),
     datetime(1969, 1, 1, tzinfo=timezone.utc)])  # fmt: skip
PLAIN = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 3),
    st.sampled_from([0.0, 1.0, 1.5, -2.5, float("nan"), float("inf"), 2.0**63, -(2.0**63)]),
    st.sampled_from([2**53 + 1, float(2**53), 2**63 - 1, -(2**63), 300, -129]),
    st.sampled_from(["", "x", "y", "xy", "X\ny", "é", "x" * 70, "\U0001f600"]),
    st.sampled_from([b"", b"x", b"\x00"]), TIMES,
)  # fmt: skip
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(NAMES, inner, max_size=4),
    max_leaves=8,
)
DOCUMENTS = st.dictionaries(NAMES, VALUES, max_size=6)
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(".".join)
PATTERN_TEXTS = st.sampled_from(["x", "^x", "y$", "^x.*", "[xX]", "^y", "x|é", "x+y?", "", ".", "^$"])
OPTIONS = st.sampled_from(["", "i", "m", "s", "im", "x"])
PATTERNS = st.builds(re.compile, PATTERN_TEXTS, st.sampled_from([0, re.I, re.M, re.S]))
TYPES = st.sampled_from(["null", "bool", "int", "double", "number", "string", "object", "array",
                         "binData", "date"])
DICT_PATTERNS = st.fixed_dictionaries({"$regex": PATTERN_TEXTS, "$options": OPTIONS})


def operators(filters, nested=True):
    """Objects of operators; filters: of elements."""
    single = {
        **{op: VALUES for op in ("$eq", "$ne", "$gt", "$gte", "$lt", "$lte")},
        "$in": st.lists(VALUES | PATTERNS | DICT_PATTERNS, max_size=4),
        "$nin": st.lists(VALUES | PATTERNS, max_size=4),
        "$exists": st.booleans(),
        "$type": TYPES | st.lists(TYPES, min_size=1, max_size=3),
        "$size": st.integers(0, 3),
        "$mod": st.tuples(st.sampled_from([1, 2, 3, -2, 2.5, -1]), st.integers(-2, 2)).map(list),
        "$regex": PATTERN_TEXTS | PATTERNS,
        "$all": st.lists(VALUES | PATTERNS, max_size=3),
    }
    if nested:
        inner = operators(filters, nested=False)
        single["$not"] = inner | PATTERNS
        single["$elemMatch"] = inner | filters
        single["$all"] = single["$all"] | st.lists(
            st.fixed_dictionaries({"$elemMatch": inner | filters}), min_size=1, max_size=2)
    one = st.one_of([st.fixed_dictionaries({op: value}) for op, value in single.items()])
    two = st.lists(one, min_size=1, max_size=2).map(lambda parts: {k: v for p in parts for k, v in p.items()})
    with_options = st.fixed_dictionaries({"$regex": PATTERN_TEXTS, "$options": OPTIONS})
    return two | with_options


LEAVES = st.dictionaries(PATHS, VALUES | PATTERNS, max_size=2)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(PATHS, operators(inner), min_size=1, max_size=3),
        st.dictionaries(st.sampled_from(["$and", "$or", "$nor"]),
                        st.lists(inner, min_size=1, max_size=3), min_size=1, max_size=2),
    ),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=600, deadline=None)
@given(st.lists(DOCUMENTS, min_size=1, max_size=5), FILTERS)
def test_compiled_filters_answer_as_the_oracle(documents, spec):
    compiled = Filter(spec)
    assert [compiled.matches(d) for d in documents] == [matches(d, spec) for d in documents]


@settings(max_examples=150, deadline=None)
@given(st.lists(DOCUMENTS, max_size=30), FILTERS, st.integers(0, 3), st.integers(0, 3))
def test_scans_find_what_the_oracle_does(documents, spec, skip, limit):
    with velocity.open() as db:
        c = db.create_collection("c")
        # Compiled before there are names: they become known on the way.
        early = c._filter(spec)
        c.put_many((f"d{n}", fields) for n, fields in enumerate(documents))
        wanted = {f"d{n}" for n, fields in enumerate(documents) if matches(fields, spec)}
        assert {d.id for d in c._scan_filter(early)} == wanted
        assert c.count(spec) == c._count_filter(early) == len(wanted)
        some = {d.id for d in c._scan_filter(spec, limit, skip)}
        assert some <= wanted
        assert len(some) == max(0, min(limit, len(wanted) - skip))


@settings(max_examples=400, deadline=None)
@given(VALUES, VALUES)
def test_values_order_as_their_keys_and_as_the_oracle(a, b):
    sign = value_order(a, b)
    assert sign == order(a, b) == -value_order(b, a)
    x, y = order_key(a), order_key(b)
    assert sign == (x > y) - (x < y)
