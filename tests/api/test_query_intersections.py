"""Two indexes for one query: documents that have an entry in both."""

import random

import pytest

import velocity

CASES = {
    "two fields": ({"a": 3, "b": 4}, lambda d: d["a"] == 3 and d["b"] == 4),
    "a list": ({"a": 3, "t": 4}, lambda d: d["a"] == 3 and 4 in d["t"]),
    "several ranges": (
        {"t": {"$in": [3, 4]}, "b": {"$lt": 2}},
        lambda d: (3 in d["t"] or 4 in d["t"]) and d["b"] < 2,
    ),
}


@pytest.fixture(scope="module")
def documents():
    rng = random.Random(1)
    return {
        f"u{n}": {
            "a": rng.randrange(10),
            "b": rng.randrange(10),
            "t": [rng.randrange(20), rng.randrange(20)],
        }
        for n in range(20_000)
    }


@pytest.fixture(scope="module")
def collection(documents):
    with velocity.open() as db:
        collection = db.create_collection("x")
        collection.put_many(documents.items())
        for field in ("a", "b", "t"):
            collection.create_index(field)
        yield collection


@pytest.mark.parametrize("name", CASES)
def test_what_both_indexes_have_is_found(collection, documents, name):
    filter, matches = CASES[name]
    wanted = sorted(id for id, fields in documents.items() if matches(fields))
    plan = collection.explain(filter)
    assert plan["plan"] == "intersection" and len(plan["index"]) == 2
    assert plan["returned"] == len(wanted)
    assert plan["documents_examined"] < 2 * len(wanted)
    assert sorted(document.id for document in collection.find(filter)) == wanted
    assert collection.count(filter) == len(wanted)
    descending = sorted((documents[id]["b"] for id in wanted), reverse=True)
    assert [d["b"] for d in collection.find(filter, sort="-b")] == descending


def test_one_selective_index_is_enough(collection, documents):
    plan = collection.explain({"a": 3, "b": 4, "t": 5}, limit=1)
    assert plan["plan"] != "intersection"
    assert plan["returned"] == 1
