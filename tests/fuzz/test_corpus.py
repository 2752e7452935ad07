"""Every kept input of the fuzz targets, through the extensions: an answer or the reader's own error, and what is accepted
is written back as it was.

The targets check more (tests/fuzz/*.c, `make fuzz`); this runs wherever the tests do, and under sanitizers in `make asan`.
"""

from __future__ import annotations

import struct
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

import pytest
from fuzz.test_corpus_documents import TARGETS as OF_DOCUMENTS

import velocity
from support.fuzz_input import Input, names_of
from velocity import CorruptionError, SchemaError
from velocity._core import storage
from velocity._core.codec import Codec, SchemaCheck
from velocity._core.filter import value_order

TIME = 4  # its number among the types of fields
HEADER = 128  # bytes of a segment's header
CORPUS = Path(__file__).resolve().parent / "corpus"


def segment(data):
    header, frames, end, error = storage.walk_segment(data)
    storage.frame_search(data, end, header["salt"], header["durable_seq"])
    parts = []
    for frame in frames:
        (lag,) = struct.unpack_from("<I", data, frame["at"] + 20)
        ops = [(op["kind"], op["collection"], op["payload"]) for op in frame["ops"]]
        parts.append((frame["seq"], lag, ops))
        for kind, _, payload in ops:
            if kind != storage.OP_DEFINE:
                storage.record_decode(payload)
    assert storage.build_segment(header, parts)[HEADER:] == data[HEADER:end]
    if error is not None:
        assert end <= error.offset <= len(data)
        raise error


def hint(data):
    _, id, salt, _, size = struct.unpack_from("<16sQQQQ", data.ljust(48, b"\0"))
    entries = storage.hint_decode(data, id, salt, size)
    assert storage.hint_encode(id, salt, size, entries) == data


def manifest(data):
    assert storage.manifest_encode(storage.manifest_decode(data)) == data


def closed_cleanly(salt, seq, segments, collections):
    """The manifest that names a checkpoint and lists what it is of."""
    segment = {"base_seq": 1, "last_seq": seq, "salt": 0, "size": 1 << 30, "kind": 1}
    collection = {"level": 0, "name": b"", "names": b"", "metadata": b"", "documents": 0}
    return {
        "uuid": bytes(16),
        "hash_seed": 0,
        "next_segment_id": 2**64 - 1,
        "next_collection_id": 2**32 - 1,
        "clean": 1,
        "sealed_seq": seq,
        "durable_seq": seq,
        "last_stamp": 0,
        "checkpoint": salt,
        "collections": [collection | {"id": id} for id in collections if id != 2**32 - 1],
        "segments": [segment | {"id": id, "cleaned_stamp": 0} for id in segments if id != 2**64 - 1],
    }


def checkpoint(data):
    """verify reads it, beside a manifest that fits; the segments of that are missing, which is told apart."""
    salt, seq, _, _, segments, collections = struct.unpack_from("<QQQQII", data.ljust(64, b"\0"), 16)
    first = 64 + segments * 48 + 8 * bool(segments)  # of the collections
    items = [data[64 + n * 48 :][:8] for n in range(min(segments, 64))]
    ids = [data[first + n * 16 + 8 :][:4] for n in range(min(collections, 64))]
    listed = [int.from_bytes(id, "little") for id in items if len(id) == 8]
    named = [int.from_bytes(id, "little") for id in ids if len(id) == 4]
    with tempfile.TemporaryDirectory() as directory:
        storage.manifest_store(directory, closed_cleanly(salt, seq, listed, named))
        (Path(directory) / "CHECKPOINT").write_bytes(data)
        errors = [e for e in velocity.verify(directory).errors if "/CHECKPOINT offset " in e]
    if any("it is only a help and may be deleted" in error for error in errors):
        raise CorruptionError(errors[0])


def record(data):
    r = storage.record_decode(data)
    size = r.pop("size")
    assert storage.record_encode(r.pop("id"), r.pop("body"), **r) == data[:size]


def body(data):
    data = data.ljust(3, b"\0")
    codec, (size,) = names_of(data[0]), struct.unpack_from("<H", data, 1)
    a, b = data[3 : 3 + size], data[3 + size :]
    for one, other in ((a, b), (b, a)):
        codec.equal(one, other)
        codec.matches(one, other)
    merged = codec.merge(a, b)
    codec.validate(a)
    codec.validate(b)
    codec.validate(merged)
    assert codec.equal(a, a) and codec.equal(a, b) == codec.equal(b, a)
    assert codec.matches(merged, b) and codec.merge(merged, b) == merged


def decode(data):
    data = data.ljust(1, b"\0")
    codec, one = names_of(data[0] % 64), data[1:]
    for _ in range(2):
        fields = codec.decode(one)
    assert list(fields) == list(dict.fromkeys(codec.field_names(one)))
    for name in codec.names()[:3]:
        assert not codec.has_field(one, name) or name in fields
    codec.validate(one)
    again = codec.encode(fields)
    assert codec.encode(codec.decode(again)) == again


def names(data):
    codec = Codec()
    while len(data) >= 2:
        size = int.from_bytes(data[:2], "little")
        payload, data = data[2 : 2 + size], data[2 + size :]
        codec.import_names(payload)
    known = codec.names()
    assert [codec.number(name) for name in known] == list(range(1, len(known) + 1))
    copy = Codec()
    copy.import_names(codec.export_names())
    assert copy.names() == known


def id(data):
    """As Python reads UTF-8."""
    try:
        good = len(data.decode().encode()) in range(1, 1025)
    except UnicodeDecodeError:
        good = False
    try:
        assert storage.record_decode(storage.record_encode(data, modified=1))["id"] == data
    except CorruptionError:
        assert not good
        raise
    assert good


def path(data):
    """The fast way and the one that enters lists."""
    input = Input(data)
    codec, dotted, one = names_of(input.byte() % 64), input.path(), input.body()
    found, values = codec.path_value(one, dotted), codec.path_values(one, dotted)
    assert found is None or repr(values) == repr([found])
    codec.validate(one)


def order(data):
    """Keys compare as values do."""
    input = Input(data)
    codec = names_of(input.byte() % 64)
    bodies = [input.body(), input.body()]
    keys = [[codec.field_key(one, name) for name in codec.names()] for one in bodies]
    for one in bodies:
        codec.validate(one)
    a, b = ([codec.decode(one).get(name) for name in codec.names()] for one in bodies)
    for x, y, x_key, y_key in zip(a, b, *keys):
        assert value_order(x, y) == (x_key > y_key) - (x_key < y_key)


def fitted(codec, fields, body, mode=1, strict=False):
    """As stored under a schema; a refusal is an answer, too, and as good as a malformed body."""
    try:
        return SchemaCheck(codec, (strict, fields)).fit(body, mode)
    except SchemaError as error:
        raise ValueError from error


def schema(data):
    """What is stored is valid and fits as it is."""
    input = Input(data)
    codec, shape = names_of(input.byte() % 64), input.byte()
    drawn = [(input.byte() % 64, input.byte()) for _ in range(shape & 7)]
    fields = [(f"n{number}", kind & 7, bool(kind & 8)) for number, kind in dict(drawn).items()]
    for one in (input.body(), input.body()):
        stored = fitted(codec, fields, one, (shape >> 3 & 3) % 3, shape >= 128)
        codec.validate(one)
        codec.validate(stored)
        assert fitted(codec, fields, stored, (shape >> 3 & 3) % 3, shape >= 128) == stored


def rfc3339(data):
    """As Python reads it, where it can."""
    codec, text = Codec(), data.decode()
    time = codec.decode(fitted(codec, [("t", TIME, True)], codec.encode({"t": text})))["t"]
    with suppress(ValueError):  # not the short forms of seconds
        assert time == datetime.fromisoformat(text.upper().replace("Z", "+00:00"))


TARGETS = [segment, hint, manifest, checkpoint, record, body, decode, names, id, path, order, schema, rfc3339]


def accepts(target, data):
    try:
        target(data)
    except SchemaError:  # not a reader's error: what was decoded could not be encoded
        raise
    except (CorruptionError, ValueError):
        return False
    return True


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.__name__)
def test_kept_inputs(target):
    """Some are accepted and some refused, so that both ways are walked."""
    files = sorted((CORPUS / target.__name__).iterdir())
    accepted = [accepts(target, path.read_bytes()) for path in files]
    assert any(accepted)
    assert not all(accepted)


def test_every_target_is_replayed():
    harnesses = {path.stem for path in CORPUS.parent.glob("*.c")} - {"canary"}
    assert {target.__name__ for target in [*TARGETS, *OF_DOCUMENTS]} == harnesses
    assert {path.name for path in CORPUS.iterdir()} == harnesses
