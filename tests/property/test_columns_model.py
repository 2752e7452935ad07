"""Columns against a loop over the documents, in memory and from disk."""

from __future__ import annotations

from datetime import datetime, timezone

from hypothesis import given
from hypothesis import strategies as st

import velocity
from support.same import same
from support.strategies import documents, names


def as_column(value):
    """A column gives times in UTC."""
    return value.astimezone(timezone.utc) if isinstance(value, datetime) else value


def check(collection, model, wanted):
    columns = collection._columns(None)
    found = {name for document in model.values() for name in document}
    # A column for each top-level name; ids first; a field named as the ids have it, too.
    assert sorted(data.name for data in columns[1:]) == sorted(found)
    assert columns[0].name == "_id"
    check_rows(columns[0], columns[1:], model)
    paths = [name for name in wanted if name and "." not in name]
    ids, *rest = collection._columns([None, *paths])
    check_rows(ids, rest, model)


def check_rows(ids, columns, model):
    rows = [data.objects() for data in columns]
    assert sorted(ids.objects()) == sorted(model)
    for at, id in enumerate(ids.objects()):
        for data, values in zip(columns, rows, strict=True):
            assert same(as_column(model[id].get(data.name)), values[at]), data.name
    for data, values in zip(columns, rows, strict=True):
        assert bool(data.met & 1) == any(value is None for value in values)
        assert data.count == len(model)


@given(st.lists(documents, max_size=12), st.lists(names, max_size=3, unique=True), st.booleans())
def test_columns_are_what_the_documents_say(tmp_path_factory, bodies, wanted, bounded):
    folder = tmp_path_factory.mktemp("columns") if bounded else None
    mode = "persistent" if bounded else "memory-only"
    with velocity.open(folder, storage_mode=mode) as db:
        collection = db.create_collection("c")
        model = {f"d{number}": body for number, body in enumerate(bodies)}
        collection.put_many(model.items())
        check(collection, model, wanted)


@given(st.lists(st.tuples(st.integers(0, 9), st.text("ab", max_size=3)), max_size=60), st.integers(0, 9))
def test_rows_of_a_filter_are_those_that_match(pairs, bound):
    with velocity.open() as db:
        collection = db.create_collection("c")
        collection.put_many((f"d{n}", {"n": a, "s": s}) for n, (a, s) in enumerate(pairs))
        # The second condition is one on which Python decides.
        filter = {"n": {"$lt": bound}, "s": {"$regex": "^(a|b)b*$"}}
        ids, s = collection._columns([None, "s"], filter)
        wanted = {d.id: d["s"] for d in collection.values() if d["n"] < bound and d["s"]
                  and not d["s"][1:].strip("b")}  # fmt: skip
        assert dict(zip(ids.objects(), s.objects())) == wanted and ids.count == len(wanted)
