"""Compiled filters give the answers of a plain evaluator in Python, on documents and filters of
all kinds; the order of encoded values is that of their order keys."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

import velocity
from support.filter_cases import Cases
from support.filter_oracle import matches, order
from velocity._core.codec import order_key
from velocity._core.filter import Filter, value_order

SEEDS = st.integers(0, 2**32)


@settings(max_examples=1500, deadline=None)
@given(SEEDS)
def test_compiled_filters_answer_as_the_oracle(seed):
    cases = Cases(seed)
    documents = [cases.document() for _ in range(12)]
    for _ in range(10):
        spec = cases.filter()
        compiled = Filter(spec)
        for document in documents:
            assert compiled.matches(document) == matches(document, spec), (spec, document)


@settings(max_examples=100, deadline=None)
@given(SEEDS, st.integers(0, 3), st.integers(0, 3))
def test_scans_find_what_the_oracle_does(seed, skip, limit):
    cases = Cases(seed)
    documents = {f"d{n}": cases.document() for n in range(30)}
    specs = [cases.filter() for _ in range(5)]
    with velocity.open() as db:
        c = db.create_collection("c")
        # Compiled before there are names: they become known on the way.
        early = [c._filter(spec) for spec in specs]
        c.put_many(documents.items())
        for spec, compiled in zip(specs, early):
            wanted = {id for id, fields in documents.items() if matches(fields, spec)}
            assert {d.id for d in c._scan_filter(compiled)} == wanted, spec
            assert c.count(spec) == c._count_filter(compiled) == len(wanted)
            some = {d.id for d in c._scan_filter(spec, limit, skip)}
            assert some <= wanted
            assert len(some) == max(0, min(limit, len(wanted) - skip))


@settings(max_examples=400, deadline=None)
@given(SEEDS)
def test_values_order_as_their_keys_and_as_the_oracle(seed):
    cases = Cases(seed)
    for a in cases.values:
        for b in (cases.value(0), cases.any_value()):
            sign = value_order(a, b)
            assert sign == order(a, b) == -value_order(b, a), (a, b)
            x, y = order_key(a), order_key(b)
            assert sign == (x > y) - (x < y), (a, b)
