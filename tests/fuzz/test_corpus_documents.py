"""Kept inputs of the targets that read documents, as documents in a log whose checksums are right: whatever their bytes
are, opening and queries give answers or say that a document is malformed.

The targets check more, of each reader alone (tests/fuzz/*.c, `make fuzz`).
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from support.fuzz_input import Input, names_of
from support.hostile import HostileLog
from velocity import CorruptionError, QueryError, SchemaError
from velocity._core.filter import Filter

CORPUS = Path(__file__).resolve().parent / "corpus"
NAMES = [f"n{n}" for n in range(64)]
REFUSED = (ValueError, CorruptionError)  # what readers and the decoder say of a malformed body


def decoded(data):
    """The documents that can be decoded, by id."""
    documents = {}
    for id in data:
        with suppress(*REFUSED):
            documents[id] = data[id].to_dict()
    return documents


def valid(bodies):
    """The ids of the bodies in which every byte is right."""
    codec = names_of(len(NAMES))
    for number, body in enumerate(bodies):
        with suppress(ValueError):
            codec.validate(body)
            yield f"d{number}"


def filter(log, input):
    """Of valid documents those match whose fields do, taken out of the database."""
    input.byte()
    bodies = [input.body(), input.body()]
    with log.open(bodies) as data:
        documents = {id: data[id].to_dict() for id in valid(bodies)}
        fields = [item for fields in documents.values() for item in list(fields.items())[:4]]
        for name, value in [*fields, ("n1", 1), ("n9.n1", "x"), ("x1", None)]:
            for condition in (value, {"$gte": value}, {"$in": [value, 1]}, {"$not": {"$lt": value}},
                              {"$type": "string"}, {"$regex": "a"}, {"$elemMatch": {"$ne": value}}):  # fmt: skip
                try:
                    alone = Filter({name: condition})
                except QueryError:
                    continue
                with suppress(*REFUSED):  # a pattern on a text that is none
                    found = {document.id for document in data.find({name: condition})}
                    assert found & documents.keys() == {id for id in documents if alone.matches(documents[id])}
        return len(documents) == len(bodies)


def keys(log, input):
    """An index finds what is found without."""
    input.byte()
    count = input.byte() % 4 + 1
    paths = [input.path() for _ in range(count)]
    bodies = [input.body(), input.body()]
    with log.open(bodies, "memory-first") as data:
        before = {document.id for document in data.find({paths[0]: {"$gte": 0}})}
        with suppress(SchemaError, *REFUSED):
            data.create_index(list(dict.fromkeys(paths)))
            assert {document.id for document in data.find({paths[0]: {"$gte": 0}})} == before
        return len(decoded(data)) == len(bodies)


def columns(log, input):
    input.byte()
    count = input.byte() & 3
    paths = [input.path() for _ in range(count)]
    bodies = [input.body(), input.body()]
    with log.open(bodies, "memory-first") as data:
        documents = decoded(data)
        for path in [*paths, *NAMES[:40]]:
            with suppress(*REFUSED):
                assert len(data.column(path)) == len(bodies)
        with suppress(*REFUSED):
            data.to_arrow(paths or None)
        with suppress(*REFUSED):
            assert data._columns(None)[0].objects().sort() == list(data).sort()
        return len(documents) == len(bodies)


def group(log, input):
    input.byte()
    shape = input.byte()
    paths = [input.path() for _ in range(shape & 3)]
    fields = [(("$sum", "$sum", "$avg", "$min", "$max")[input.byte() % 5], input.path()) for _ in range(shape >> 3 & 7)]
    bodies = [input.body(), input.body()]
    names = {f"k{n}": f"${path}" for n, path in enumerate(paths)}
    totals = {f"f{n}": {op: f"${path}"} for n, (op, path) in enumerate(fields)}
    key = names if shape & 4 or len(paths) > 1 else f"${paths[0]}" if paths else None
    with log.open(bodies, "memory-first") as data:
        documents = decoded(data)
        with suppress(*REFUSED):
            groups = data.aggregate([{"$group": {"_id": key, "count": {"$sum": 1}, **totals}}])
            assert sum(one["count"] for one in groups) == len(bodies)
        return len(documents) == len(bodies)


def sort(log, input):
    input.byte()
    shape = input.byte()
    paths = ["-" * (shape >> (2 + n) & 1) + input.path() for n in range((shape & 3) % 3 + 1)]
    bodies = [input.body(), input.body()]
    with log.open(bodies) as data:
        documents = decoded(data)
        with suppress(*REFUSED):
            assert len(list(data.find(sort=paths))) == len(bodies)
        return len(documents) == len(bodies)


TARGETS = [filter, keys, columns, group, sort]


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return HostileLog(tmp_path_factory.mktemp("log"), NAMES)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_kept_inputs(target, log):
    """Some are of two documents that can be decoded, and some are not."""
    files = sorted((CORPUS / target.__name__).iterdir())
    whole = [target(log, Input(path.read_bytes())) for path in files]
    assert any(whole)
    assert not all(whole)
