"""Laws of the codec on arbitrary documents and arbitrary bytes."""

import math
from datetime import datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from support.same import same
from support.strategies import documents
from velocity._core.codec import Codec

names = st.sampled_from(["a", "b", "c", "", "ü", "x" * 256, "y" * 300])
small = st.sampled_from(
    [None, False, True, 0, 1, 0.0, -0.0, 1.0, 2**53, 2**53 + 1, float(2**53), 2**63 - 1, 2.0**63,
     math.nan, math.inf, "", "1", "ü", b"", b"1"]
)  # fmt: skip
likely_equal = st.recursive(
    small,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=6,
)
little_documents = st.dictionaries(names, likely_equal, max_size=4)
edits = st.lists(
    st.tuples(st.integers(0, 400), st.sampled_from("set cut insert".split()), st.integers(0, 255)),
    min_size=1,
    max_size=4,
)


def equal(a, b):
    """Equality as filters mean it, in Python."""
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, float) and isinstance(b, float) and math.isnan(a):
        return math.isnan(b)
    if isinstance(a, (int, float)) and isinstance(b, (int, float)):
        return a == b
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(equal, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[name], b[name]) for name in a)
    return a == b


def turned(value):
    """The same value with its fields in another order and its numbers of the other type."""
    if isinstance(value, dict):
        return {name: turned(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return [turned(item) for item in value]
    if isinstance(value, int) and not isinstance(value, bool) and int(float(value)) == value:
        return float(value)
    if isinstance(value, datetime):
        return value.astimezone(tz=datetime.fromisoformat("2020-01-01T00:00+02:30").tzinfo)
    return value


@settings(max_examples=60)
@given(documents)
def test_round_trip(document):
    codec = Codec()
    body = codec.encode(document)
    codec.validate(body)
    assert same(document, codec.decode(body))
    assert codec.field_names(body) == list(document)
    for name, value in document.items():
        assert same(value, codec.decode_field(body, name))
    assert codec.encode(codec.decode(body)) == body


@settings(max_examples=60)
@given(documents, little_documents | documents)
def test_merge_is_the_update_of_a_dict(base, changes):
    codec = Codec()
    merged = codec.merge(codec.encode(base), codec.encode(changes))
    codec.validate(merged)
    assert same(base | changes, codec.decode(merged))


@settings(max_examples=400)
@given(little_documents, little_documents)
def test_equality_and_matching(a, b):
    codec = Codec()
    x, y = codec.encode(a), codec.encode(b)
    assert codec.equal(x, y) == codec.equal(y, x) == equal(a, b)
    assert codec.matches(x, y) == all(equal(a.get(name), value) for name, value in b.items())
    assert codec.equal(x, codec.encode(turned(a)))


@settings(max_examples=40)
@given(documents)
def test_a_document_equals_itself_turned(document):
    codec = Codec()
    body = codec.encode(document)
    assert codec.equal(body, codec.encode(turned(document)))
    assert codec.matches(body, codec.encode(turned(document)))


def edited(body, changes):
    data = bytearray(body)
    for at, kind, byte in changes:
        at %= len(data) + 1
        if kind == "cut":
            del data[at : at + 1 + byte % 4]
        elif kind == "insert" or at == len(data):
            data.insert(at, byte)
        else:
            data[at] = byte
    return bytes(data)


def survives(codec, body, other):
    """Whatever the bytes, every reader ends with an answer or its own error."""
    for call in (
        lambda: codec.decode(body),
        lambda: codec.field_names(body),
        lambda: [codec.has_field(body, name) for name in ("a", "b", "", "x" * 256)],
        lambda: [
            codec.decode_field(body, name)
            for name in ("a", "b", "x" * 256)
            if codec.has_field(body, name)
        ],
        lambda: codec.merge(body, other),
        lambda: codec.merge(other, body),
        lambda: codec.equal(body, other) and codec.equal(body, body),
        lambda: codec.matches(body, other) and codec.matches(other, body),
        lambda: codec.import_names(body),
    ):
        try:
            call()
        except ValueError:
            pass


@settings(max_examples=120)
@given(little_documents | documents, st.lists(edits, min_size=4, max_size=12))
def test_damaged_bytes_are_refused_or_readable(document, attempts):
    codec = Codec()
    body = codec.encode(document)
    for changes in attempts:
        damaged = edited(body, changes)
        try:
            codec.validate(damaged)
        except ValueError:
            pass
        else:
            decoded = codec.decode(damaged)
            assert same(codec.decode(codec.encode(decoded)), decoded)
            assert codec.equal(damaged, damaged)
        survives(codec, damaged, body)


@settings(max_examples=300)
@given(st.binary(max_size=60))
def test_arbitrary_bytes(data):
    codec = Codec()
    other = codec.encode({"a": 1, "b": [1]})
    try:
        codec.validate(data)
    except ValueError:
        pass
    else:
        codec.decode(data)
    survives(codec, data, other)
