"""Ranges that are merged give what sorting all that matches gives: whatever the values, the lists and the directions."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import velocity
from support.query_cases import answers, check, sort_key

SEEDS = st.integers(0, 2**32)
FRONT = [None, 0, 1, 1.0, "", "me", True, float("nan")]
BEHIND = [None, 0, 1, 2, 2.5, "x", "y", b"x"]
INDEXES = [
    (["a", "b", "s", "t"], None),
    (["-a", "b", "-s", "t"], None),
    (["a", "-b", "s", "-t", "n"], None),
    (["a", "s", "t", "b"], None),
    (["s", "a", "t"], None),
    (["a", "b", "s", "t"], {"c": 1}),
    (["b", "s"], {"a": {"$in": [None, "me"]}}),
]
SORTS = ["s", "-s", ["s", "t"], ["-s", "-t"], ["-s", "t"], ["s", "-t"], ["t"], ["b", "s"], ["a", "s"], ["s", "n"]]


class Cases:
    def __init__(self, seed):
        self.random = random.Random(seed)
        # Where documents may have lists: at one field of the index each.
        self.lists = self.random.choice(["", "", "a", "b", "ab", "s", "t", "abst"])

    def fields(self, n):
        found = {"n": n}
        at = self.random.choice(self.lists or "-") if self.random.random() < 0.5 else None
        for name, values in (("a", FRONT), ("b", FRONT[:4]), ("s", BEHIND), ("t", BEHIND), ("c", [1, 2])):
            if name == at:
                found[name] = self.random.choices(values, k=self.random.randrange(4))
            elif self.random.random() < 0.9:
                found[name] = self.random.choice(values)
        return found

    def documents(self, count):
        return {f"d{self.random.randrange(10**6)}-{n}": self.fields(n) for n in range(count)}

    def query(self):
        spec = {}
        for name, values in (("a", FRONT), ("b", FRONT[:4])):
            kind = self.random.random()
            if kind < 0.65:
                spec[name] = {"$in": self.random.choices(values, k=self.random.randrange(5))}
            elif kind < 0.9:
                spec[name] = self.random.choice(values)
        if self.random.random() < 0.3:
            bounds = {"$gte": self.random.choice(BEHIND), "$lt": self.random.choice(BEHIND)}
            spec["s"] = dict(self.random.sample(sorted(bounds.items()), self.random.choice([1, 2])))
        if self.random.random() < 0.1:
            spec["s"] = {"$in": self.random.choices(BEHIND, k=3)}
        if self.random.random() < 0.5:
            spec["c"] = 1
        if self.random.random() < 0.2:
            spec["n"] = {"$mod": [3, 1]}
        return spec

    def ask(self, collection, documents):
        limit = self.random.choice([None, 1, 2, 5, 20])
        offset = self.random.choice([0, 0, 0, 1, 7])
        check(collection, documents, self.query(), self.random.choice(SORTS), limit, offset)

    def claim(self, collection, documents):
        """Claim some in order; each is the first that is left."""
        spec, sort = self.query(), self.random.choice(SORTS)
        for turn in range(4):
            left = answers(documents, spec)
            claimed = collection.find_one_and_update(spec, {"$set": {"b": f"claimed {turn}"}}, sort=sort)
            assert (claimed is None) == (not left)
            if claimed is None:
                return
            assert claimed.id in left
            first = min(sort_key(id, documents[id], sort) for id in left)
            assert sort_key(claimed.id, documents[claimed.id], sort) == first
            documents[claimed.id]["b"] = f"claimed {turn}"


def create(collection, index):
    fields, where = index
    try:
        collection.create_index(fields, where=where, name="ix")
    except velocity.SchemaError as error:  # two fields with lists
        assert "list" in str(error)


@pytest.mark.parametrize("index", INDEXES, ids=str)
@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_beside_writes_and_claims(index, seed):
    cases = Cases(seed)
    documents = cases.documents(120)
    with velocity.open() as db:
        c = db.create_collection("c")
        c.put_many(documents.items())
        create(c, index)
        for _ in range(6):
            for _ in range(4):
                cases.ask(c, documents)
            cases.claim(c, documents)
            for id in cases.random.sample(sorted(documents), 5):
                documents[id] = cases.fields(documents[id]["n"])
                c.put(id, documents[id])


@pytest.mark.parametrize("storage_mode", ["memory-first", "persistent"])
@settings(max_examples=6, deadline=None)
@given(SEEDS)
def test_large_and_reopened(storage_mode, tmp_path_factory, seed):
    cases = Cases(seed)
    documents = cases.documents(3000)
    path = tmp_path_factory.mktemp("db")
    for reopened in (False, True):
        with velocity.open(path, storage_mode=storage_mode, cache_size=1) as db:
            c = db.create_collection("c", if_not_exists=True)
            if not reopened:
                c.put_many(documents.items())
                create(c, INDEXES[0])
            for _ in range(12):
                cases.ask(c, documents)
