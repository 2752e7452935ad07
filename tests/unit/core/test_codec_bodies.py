"""Bodies without Python objects: checking, equality, matching, merging."""

import math
import struct
from datetime import datetime, timedelta, timezone

import pytest

from velocity._core.codec import Codec


@pytest.fixture
def codec():
    codec = Codec()
    codec.encode({"a": 1, "b": 1, "c": 1})
    return codec


def nested(levels):
    value = b"\x90"
    for _ in range(levels):
        inside = b"\x01" + value
        value = b"\x12" + struct.pack("<I", len(inside)) + inside
    return b"\x01\x01" + value


@pytest.mark.parametrize(
    ("body", "offset", "why"),
    [
        (b"", 0, "count of fields"),
        (b"\x80\x00", 0, "count of fields"),
        (b"\xff\xff\xff\xff\xff\x01", 0, "count of fields"),
        (b"\x00\x00", 1, "after the last field"),
        (b"\x01", 1, "field number"),
        (b"\x01\x04\x90", 1, "field number"),
        (b"\x01\x81\x00\x90", 1, "field number"),
        (b"\x01\x01", 2, "cut off"),
        (b"\x01\x01\x00", 2, "unknown tag"),
        (b"\x01\x01\x3f", 2, "unknown tag"),
        (b"\x01\x00\x01\xff\x90", 1, "field name"),
        (b"\x01\x00\x02x", 1, "field name"),
        (b"\x02\x01\x90\x01\x90", 3, "a field twice"),
        (b"\x03\x02\x90\x01\x90\x02\x90", 5, "a field twice"),
        (b"\x02\x00\x01x\x90\x00\x01x\x90", 5, "a field twice"),
        (b"\x01\x01\x13\x05\x02\x01\x90\x01\x90", 7, "a field twice"),
        (b"\x01\x01\x04\x6f", 2, "shortest form"),
        (b"\x01\x01\x05\x7f\x00", 2, "shortest form"),
        (b"\x01\x01\x06\xff\x7f\x00\x00", 2, "shortest form"),
        (b"\x01\x01\x07" + struct.pack("<q", -1), 2, "shortest form"),
        (b"\x01\x01\x08\x00", 2, "cut off"),
        (b"\x01\x01\x0c\x01\x00\x00\x00x", 2, "shortest form"),
        (b"\x01\x01\x0d\x3f" + b"x" * 63, 2, "shortest form"),
        (b"\x01\x01\x0e\xff\x00\x00\x00" + b"x" * 255, 2, "shortest form"),
        (b"\x01\x01\x0f\x01x", 2, "shortest form"),
        (b"\x01\x01\x41\xff", 2, "not ASCII"),
        (b"\x01\x01\x0d\x40" + b"\xc3\xbc" * 32, 2, "not ASCII"),
        (b"\x01\x01\x0f\x02\xc0\x80", 2, "not UTF-8"),
        (b"\x01\x01\x0f\x03\xed\xa0\x80", 2, "not UTF-8"),
        (b"\x01\x01\x0f\x03\xe0\x80\x80", 2, "not UTF-8"),
        (b"\x01\x01\x0f\x04\xf4\x90\x80\x80", 2, "not UTF-8"),
        (b"\x01\x01\x0f\x04\xf0\x80\x80\x80", 2, "not UTF-8"),
        (b"\x01\x01\x0f\x02\xe2\x82", 2, "not UTF-8"),
        (b"\x01\x01\x0f\x01\x80", 2, "not UTF-8"),
        (b"\x01\x01\x09" + struct.pack("<q", 253402300800 * 10**6), 2, "time"),
        (b"\x01\x01\x0a" + struct.pack("<qq", 0, 0), 2, "time"),
        (b"\x01\x01\x0a" + struct.pack("<qq", 0, 86_400_000_000), 2, "time"),
        (b"\x01\x01\x0a" + struct.pack("<qq", 2**63 - 1, 5), 2, "time"),
        (b"\x01\x01\x11\x00", 2, "count of elements"),
        (b"\x01\x01\x11\x01\x01", 5, "cut off"),
        (b"\x01\x01\x11\x02\x00\x90", 5, "after the last element"),
        (b"\x01\x01\x11\x02\x01\x11\x00", 5, "cut off"),
        (b"\x01\x01\x13\x03\x00\x01\x90", 5, "after the last field"),
        (nested(129), 2 + 128 * 6, "too deep"),
    ],
)
def test_what_is_malformed_and_where(codec, body, offset, why):
    with pytest.raises(ValueError, match=why) as caught:
        codec.validate(body)
    assert caught.value.args[1] == offset


def test_what_is_allowed_though_never_written(codec):
    for body in (
        b"\x01\x01\x12\x01\x00\x00\x00\x00",
        b"\x01\x01\x14\x01\x00\x00\x00\x00",
        b"\x02\x03\x90\x01\x90",
        nested(128),
    ):
        codec.validate(body)
        assert codec.equal(body, codec.encode(codec.decode(body)))


def test_a_body_over_sixteen_mebibytes_is_refused(codec):
    body = codec.encode({"a": b"x" * ((16 << 20) - 7)})
    codec.validate(body)
    with pytest.raises(ValueError, match="16 MiB"):
        codec.validate(body + b"x")


NAN, ODD_NAN = math.nan, struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0001))[0]
NOON = datetime(2020, 1, 1, 12, tzinfo=timezone.utc)
EQUAL = [
    [None], [True], [False],
    [0, 0.0, -0.0], [1, 1.0], [-17, -17.0], [2**53, float(2**53)], [-(2**63), -(2.0**63)],
    [2**53 + 1], [2**63 - 1], [2.0**63], [1.5], [math.inf], [-math.inf], [NAN, ODD_NAN],
    [""], ["a"], ["ü"], [b""], [b"a"], ["a" * 300], [b"a" * 300],
    [NOON, NOON.astimezone(timezone(timedelta(hours=9)))], [NOON + timedelta(microseconds=1)],
    [[]], [{}], [[1], [1.0]], [[1, 2]], [[2, 1]], [[[]]], [[None]],
    [{"a": 1, "b": [2.0]}, {"b": [2], "a": 1.0}], [{"a": 1, "b": [3]}], [{"a": 1}], [{"b": 1}],
    [{"a": 1, "c": [2]}], [{"a": None}], [{"x" * 300: 1, "a": 2}, {"a": 2, "x" * 300: 1}],
    [{"y" * 300: 1, "a": 2}],
]  # fmt: skip


def test_equality_of_every_two_values(codec):
    values = [
        (group, codec.encode({"v": value})) for group, row in enumerate(EQUAL) for value in row
    ]
    for group, a in values:
        for other, b in values:
            assert codec.equal(a, b) == codec.matches(a, b) == (group == other), (a, b)


def test_equality_needs_all_fields(codec):
    one, two = codec.encode({"a": 1}), codec.encode({"a": 1, "b": None})
    assert not codec.equal(one, two)
    assert not codec.equal(two, one)


def test_matches(codec):
    body = codec.encode({"a": 1, "b": {"c": None}, "n": None})
    for expected in ({}, {"a": 1}, {"a": 1.0, "n": None}, {"gone": None}, {"b": {"c": None}}):
        assert codec.matches(body, codec.encode(expected)), expected
    for expected in ({"a": 2}, {"a": None}, {"gone": 0}, {"gone": False}, {"b": {}}, {"n": 0}):
        assert not codec.matches(body, codec.encode(expected)), expected


def test_merge_keeps_places_and_appends(codec):
    base = codec.encode({"a": 1, "b": [1, 2], "c": "x"})
    changes = codec.encode({"d": 4, "b": None, "e": {}})
    merged = codec.merge(base, changes)
    assert merged == codec.encode({"a": 1, "b": None, "c": "x", "d": 4, "e": {}})
    codec.validate(merged)
    assert codec.merge(base, b"\x00") == base
    assert codec.merge(b"\x00", changes) == changes


@pytest.mark.parametrize(
    ("base", "changes"), [(120, 20), (127, 127), (127, 128), (200, 5), (5, 200), (300, 300)]
)
def test_merge_across_the_widths_of_the_count(codec, base, changes):
    old = {f"f{i}": i for i in range(base)}
    new = {f"f{i * 3}": str(i) for i in range(changes)}
    merged = codec.merge(codec.encode(old), codec.encode(new))
    assert merged == codec.encode(old | new)


def test_merge_refuses_what_is_too_large_or_malformed(codec):
    half = b"x" * (9 << 20)
    with pytest.raises(ValueError, match="too large"):
        codec.merge(codec.encode({"a": half}), codec.encode({"b": half}))
    assert codec.decode(codec.merge(codec.encode({"a": half}), codec.encode({"a": half}))) == {
        "a": half
    }
    good = codec.encode({"a": 1})
    for bad in (b"", b"\x01", b"\x01\x01", b"\x01\x01\x90\x90", b"\x02\x01\x90\x01\x90"):
        with pytest.raises(ValueError, match="malformed"):
            codec.merge(bad, good)
    for bad in (b"", b"\x01", b"\x01\x01", b"\x01\x01\x90\x90"):
        with pytest.raises(ValueError, match="malformed"):
            codec.merge(good, bad)


@pytest.mark.timeout(60)
def test_large_bodies_are_not_compared_field_by_field(codec):
    """A second or less; looking for each field among all others would take many minutes."""
    fields = {f"n{i}": i for i in range(250_000)}
    body = codec.encode(fields)
    backwards = codec.encode(dict(reversed(fields.items())))
    codec.validate(body)
    codec.validate(backwards)
    assert codec.equal(body, backwards)
    assert codec.matches(body, backwards)
    assert codec.merge(body, backwards) == body
    many = b"\x90\xa1\x0f" + b"\x01\x90" * 250_000
    with pytest.raises(ValueError, match="a field twice"):
        codec.validate(many)
    assert not codec.equal(many, body)
    with pytest.raises(ValueError, match="malformed"):
        codec.merge(many, many)
    with pytest.raises(ValueError, match="a field twice"):
        codec.validate(b"\x91\xa1\x0f" + backwards[3:] + b"\x04\x90")  # 250,001 fields
