"""Encoding and decoding one document of five fields, beside msgpack."""

import json

import msgpack
import pytest

from velocity._core.codec import Codec

DOCUMENT = {
    "name": "John Doe 123",
    "age": 30,
    "email": "user123@example.com",
    "state": "waiting",
    "priority": 5,
}
PACKED = msgpack.packb(DOCUMENT)


@pytest.fixture(scope="module")
def codec():
    return Codec()


@pytest.fixture(scope="module")
def body(codec):
    return codec.encode(DOCUMENT)


@pytest.mark.benchmark(group="encode")
def test_encode(benchmark, codec, body):
    assert benchmark(codec.encode, DOCUMENT) == body


@pytest.mark.benchmark(group="encode")
def test_encode_keys_never_seen_before(benchmark, codec, body):
    """As from a JSON parser: equal keys, other objects."""
    assert benchmark(codec.encode, json.loads(json.dumps(DOCUMENT))) == body


@pytest.mark.benchmark(group="encode")
def test_msgpack_pack(benchmark):
    assert benchmark(msgpack.packb, DOCUMENT) == PACKED


@pytest.mark.benchmark(group="decode")
def test_decode(benchmark, codec, body):
    assert benchmark(codec.decode, body) == DOCUMENT


@pytest.mark.benchmark(group="decode")
def test_msgpack_unpack(benchmark):
    assert benchmark(msgpack.unpackb, PACKED) == DOCUMENT


@pytest.mark.benchmark(group="decode one field")
@pytest.mark.parametrize("name", ["name", "age", "priority"])
def test_decode_field(benchmark, codec, body, name):
    assert benchmark(codec.decode_field, body, name) == DOCUMENT[name]


@pytest.mark.benchmark(group="decode one field")
def test_msgpack_unpack_one_field(benchmark):
    assert benchmark(lambda: msgpack.unpackb(PACKED)["age"]) == DOCUMENT["age"]


@pytest.mark.benchmark(group="without Python objects")
def test_validate(benchmark, codec, body):
    benchmark(codec.validate, body)


@pytest.mark.benchmark(group="without Python objects")
def test_merge_two_fields(benchmark, codec, body):
    changes = codec.encode({"age": 31, "state": "running"})
    merged = benchmark(codec.merge, body, changes)
    assert codec.decode(merged) == DOCUMENT | {"age": 31, "state": "running"}


@pytest.mark.benchmark(group="without Python objects")
def test_matches_two_fields(benchmark, codec, body):
    expected = codec.encode({"age": 30, "state": "waiting"})
    assert benchmark(codec.matches, body, expected)
