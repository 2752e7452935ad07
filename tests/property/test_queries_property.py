"""Queries answer as plain Python does: without an index and with each of every kind, in memory and
from disk, before and after reopening, and from the plans that are kept for their shapes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import velocity
from support.query_cases import INDEXES, SIMPLE, QueryCases, check

SEEDS = st.integers(0, 2**32)


def ask(cases, collection, documents, count):
    ids = list(documents)
    for _ in range(count):
        limit = cases.random.choice([None, 0, 1, 2, 5, 50])
        offset = cases.random.choice([0, 0, 0, 1, 7])
        check(collection, documents, cases.query_filter(ids), cases.sort(), limit, offset)


def create(collection, index):
    fields, unique, where = index
    try:
        collection.create_index(fields, unique=unique, where=where, name="ix")
    except velocity.SchemaError as error:  # two fields with lists
        assert "list" in str(error)
        return False
    return True


@pytest.mark.parametrize("index", [None, *INDEXES], ids=str)
@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_with_each_index(index, seed):
    cases = QueryCases(seed)
    documents = cases.documents(40)
    with velocity.open() as db:
        c = db.create_collection("c")
        c.put_many(documents.items())
        if index is None or create(c, index):
            ask(cases, c, documents, 12)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_with_several_indexes_that_come_and_go_beside_writes(seed):
    cases = QueryCases(seed)
    documents = cases.documents(30)
    with velocity.open() as db:
        c = db.create_collection("c")
        c.put_many(documents.items())
        for step in range(6):
            for info in cases.random.sample(c.indexes, len(c.indexes) // 2):
                c.drop_index(info.name)
            fields, unique, where = cases.random.choice(INDEXES)
            try:
                c.create_index(fields, unique=unique, where=where, name=f"ix{step}")
            except velocity.SchemaError as error:
                assert "list" in str(error)
            for id in cases.random.sample(sorted(documents), 3):
                fields = {"n": documents[id]["n"], "a": cases.simple()}
                try:
                    c.put(id, fields)
                    documents[id] = fields
                except velocity.SchemaError as error:
                    assert "list" in str(error)
            ask(cases, c, documents, 4)


@pytest.mark.parametrize("index", INDEXES[:9:2], ids=str)
@pytest.mark.parametrize("storage_mode", ["memory-first", "persistent"])
@settings(max_examples=4, deadline=None)
@given(SEEDS)
def test_from_disk_and_after_reopening(storage_mode, index, tmp_path_factory, seed):
    cases = QueryCases(seed)
    documents = {id: {**fields, "pad": "p" * 3000} for id, fields in cases.documents(900).items()}
    settings = {"storage_mode": storage_mode, "cache_size": 1}
    path = tmp_path_factory.mktemp("db")
    for reopened in (False, True):
        with velocity.open(path, **settings) as db:
            c = db.create_collection("c", if_not_exists=True)
            if not reopened:
                c.put_many(documents.items())
                if not create(c, index):
                    return
            ask(cases, c, documents, 6)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_plans_kept_for_a_shape_hold_for_all_its_values(seed):
    cases = QueryCases(seed)
    documents = cases.documents(60)
    with velocity.open() as db:
        c = db.create_collection("c")
        c.put_many(documents.items())
        for count in (1, 2):
            for fields, unique, where in cases.random.sample(INDEXES, count):
                try:
                    c.create_index(fields, unique=unique, where=where, name=f"{fields} {where}")
                except velocity.SchemaError as error:  # two fields with lists
                    assert "list" in str(error)
            for _ in range(60):
                shape = cases.random.choice(["a", "b", "c", "ab", "ac", "bc", "abc", "n"])
                spec = {name: cases.random.choice(SIMPLE) for name in shape}
                if cases.random.random() < 0.5:
                    low = cases.random.choice(["$gt", "$gte", "$lt", "$lte"])
                    spec[shape[-1]] = {low: cases.random.choice(SIMPLE)}
                sort = cases.random.choice([None, "b", "-b", "a", ["a", "b"], ["-a", "b"]])
                check(c, documents, spec, sort, cases.random.choice([1, 3, 3, None]), 0)
