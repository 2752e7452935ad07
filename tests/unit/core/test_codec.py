"""Values to bytes and back: every type, the edges of every tag, reading single fields."""

import collections
import struct
import sys
from datetime import datetime, timedelta, timezone
from types import MappingProxyType

import pytest

from support.same import same
from velocity._core.codec import Codec, decode_time

UTC = timezone.utc


@pytest.fixture
def codec():
    return Codec()


def stored(codec, value):
    """The bytes of one value: those of {"v": value} without the count of fields and the number."""
    body = codec.encode({"v": value})
    codec.validate(body)
    assert body[:2] == b"\x01\x01"
    return body[2:]


def round_trip(codec, value):
    body = codec.encode({"v": value})
    codec.validate(body)
    decoded = codec.decode(body)
    assert same({"v": value}, decoded)
    assert same(value, codec.decode_field(body, "v"))
    return decoded["v"]


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"\x01"),
        (False, b"\x02"),
        (True, b"\x03"),
        (0, b"\x90"),
        (-16, b"\x80"),
        (-17, b"\x04\xef"),
        (111, b"\xff"),
        (112, b"\x04\x70"),
        (127, b"\x04\x7f"),
        (128, b"\x05\x80\x00"),
        (-128, b"\x04\x80"),
        (-129, b"\x05\x7f\xff"),
        (2**15 - 1, b"\x05\xff\x7f"),
        (2**15, b"\x06\x00\x80\x00\x00"),
        (-(2**15), b"\x05\x00\x80"),
        (-(2**15) - 1, b"\x06\xff\x7f\xff\xff"),
        (2**31 - 1, b"\x06\xff\xff\xff\x7f"),
        (2**31, b"\x07" + struct.pack("<q", 2**31)),
        (-(2**31), b"\x06\x00\x00\x00\x80"),
        (-(2**31) - 1, b"\x07" + struct.pack("<q", -(2**31) - 1)),
        (2**63 - 1, b"\x07" + struct.pack("<q", 2**63 - 1)),
        (-(2**63), b"\x07" + struct.pack("<q", -(2**63))),
        (1.5, b"\x08" + struct.pack("<d", 1.5)),
        (-0.0, b"\x08" + struct.pack("<d", -0.0)),
        (datetime(1970, 1, 1, 0, 0, 0, 7, UTC), b"\x09" + struct.pack("<q", 7)),
        (
            datetime(1970, 1, 1, tzinfo=timezone(timedelta(hours=1))),
            b"\x0a" + struct.pack("<qq", -3_600_000_000, 3_600_000_000),
        ),
        (b"", b"\x0b\x00"),
        (b"x" * 255, b"\x0b\xff" + b"x" * 255),
        (b"x" * 256, b"\x0c\x00\x01\x00\x00" + b"x" * 256),
        ("", b"\x40"),
        ("a", b"\x41a"),
        ("a" * 63, b"\x7f" + b"a" * 63),
        ("a" * 64, b"\x0d\x40" + b"a" * 64),
        ("a" * 255, b"\x0d\xff" + b"a" * 255),
        ("a" * 256, b"\x0e\x00\x01\x00\x00" + b"a" * 256),
        ("é", b"\x0f\x02\xc3\xa9"),
        ("é" * 127 + "a", b"\x0f\xff" + "é".encode() * 127 + b"a"),
        ("é" * 128, b"\x10\x00\x01\x00\x00" + "é".encode() * 128),
        ([], b"\x11\x01\x00"),
        ([1] * 254, b"\x12\x00\x01\x00\x00\xfe\x01" + b"\x91" * 254),
        (
            [1, "a" * 63] * 3 + ["a" * 58],
            b"\x11\xff\x07" + (b"\x91\x7f" + b"a" * 63) * 3 + b"\x7a" + b"a" * 58,
        ),
        (
            [1, "a" * 63] * 3 + ["a" * 59],
            b"\x12\x00\x01\x00\x00\x07" + (b"\x91\x7f" + b"a" * 63) * 3 + b"\x7b" + b"a" * 59,
        ),
        ({}, b"\x13\x01\x00"),
        ({"v": 1}, b"\x13\x03\x01\x01\x91"),
        ({"v": "a" * 253}, b"\x14\x01\x01\x00\x00\x01\x01\x0d\xfd" + b"a" * 253),
        ({"v": "a" * 251}, b"\x13\xff\x01\x01\x0d\xfb" + b"a" * 251),
    ],
    ids=lambda v: repr(v)[:24],
)
def test_bytes_of_a_value(codec, value, data):
    assert stored(codec, value) == data
    round_trip(codec, value)


def test_nothing_is_stored_of_an_empty_document(codec):
    assert codec.encode({}) == b"\x00"
    assert codec.decode(b"\x00") == {}
    codec.validate(b"\x00")


def test_nan_keeps_its_bits(codec):
    (odd,) = struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_DEAD_BEEF))
    decoded = round_trip(codec, odd)
    assert struct.pack("<d", decoded) == struct.pack("<d", odd)


@pytest.mark.parametrize(
    "text",
    ["a\0b", "ü", "日本語", "a😀b", "\U0010ffff", "\uffff", "\x7f\x80", "é" * 70_000, "x" * 70_000],
)
def test_text(codec, text):
    round_trip(codec, text)


@pytest.mark.parametrize(
    "time",
    [
        datetime(1, 1, 1, tzinfo=UTC),
        datetime(9999, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23, minutes=59))),  # the year 0 in UTC
        datetime(9999, 12, 31, 23, 59, 59, 999_999, timezone(timedelta(hours=-23, minutes=-59))),
        datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC),
        datetime(
            2000,
            2,
            29,
            12,
            30,
            tzinfo=timezone(timedelta(hours=5, minutes=45, seconds=3, microseconds=9)),
        ),
        datetime(1900, 3, 1, tzinfo=UTC),
    ],
)
def test_times(codec, time):
    assert round_trip(codec, time).isoformat() == time.isoformat()


def test_every_day_of_four_centuries_is_the_day_that_python_counts(codec):
    day, times = timedelta(days=1, seconds=1), []
    moment = datetime(1796, 1, 1, tzinfo=UTC)
    while moment.year < 2204:
        times.append(moment)
        moment += day
    assert codec.decode(codec.encode({"t": times})) == {"t": times}


def test_times_of_nanoseconds_are_rounded_down():
    assert decode_time(1_999) == datetime(1970, 1, 1, 0, 0, 0, 1, UTC)
    assert decode_time(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)
    assert decode_time(-1_000) == datetime(1969, 12, 31, 23, 59, 59, 999_999, UTC)


def test_nested_as_deep_as_allowed(codec):
    value = 7
    for level in range(128):
        value = [value] if level % 2 else {"in": value}
    round_trip(codec, value)


def test_subclasses_are_stored_as_their_base(codec):
    class Name(str):
        __slots__ = ()

        def __str__(self):
            raise AssertionError("not to be called")

    class Number(int):
        pass

    class Row(list):
        pass

    doc = {
        Name("name"): Name("n"),
        "number": Number(2**40),
        "real": type("Real", (float,), {})(1.5),
        "row": Row([1, 2]),
        "pair": collections.namedtuple("Pair", "a b")(1, 2),
        "bytes": type("Raw", (bytes,), {})(b"x"),
        "ordered": collections.OrderedDict(z=1, a=2),
        "counter": collections.Counter("aab"),
    }
    decoded = codec.decode(codec.encode(doc))
    assert same(
        decoded,
        {
            "name": "n",
            "number": 2**40,
            "real": 1.5,
            "row": [1, 2],
            "pair": [1, 2],
            "bytes": b"x",
            "ordered": {"z": 1, "a": 2},
            "counter": {"a": 2, "b": 1},
        },
    )


def test_an_ordered_dict_keeps_its_own_order(codec):
    doc = collections.OrderedDict(a=1, b=2, c=3)
    doc.move_to_end("a")
    assert list(codec.decode(codec.encode(doc))) == ["b", "c", "a"]


def test_any_mapping(codec):
    chain = collections.ChainMap({"a": MappingProxyType({"b": 1})}, {"c": 2})
    assert codec.decode(codec.encode(chain)) == {"a": {"b": 1}, "c": 2}


def test_documents_of_sixteen_mebibytes(codec):
    body = codec.encode({"v": b"x" * ((16 << 20) - 7)})
    assert len(body) == 16 << 20
    codec.validate(body)
    assert len(codec.decode(body)["v"]) == (16 << 20) - 7
    many = {"v": [{"a": [i, "x" * 20, None]} for i in range(60_000)]}
    assert same(codec.decode(codec.encode(many)), many)


def test_fields_one_by_one(codec):
    body = codec.encode({"a": 1, "": "empty", "ü": "umlaut", "n" * 300: "long", "ü" * 200: "both"})
    assert codec.field_names(body) == ["a", "", "ü", "n" * 300, "ü" * 200]
    for name, value in codec.decode(body).items():
        fresh = name.encode().decode()
        assert codec.decode_field(body, name) == value
        assert codec.decode_field(body, fresh) == value
        assert codec.decode_field(body, type("Name", (str,), {})(name)) == value
        assert codec.has_field(body, fresh)
    for absent in ("b", "n" * 299, "\ud800", "\ud800" * 300):
        assert not codec.has_field(body, absent)
        with pytest.raises(KeyError):
            codec.decode_field(body, absent)
    with pytest.raises(TypeError, match="not 'int'"):
        codec.has_field(body, 1)
    assert codec.number("b") == 0  # asking does not number a name


def test_keys_are_shared_and_small_values_cost_nothing(codec):
    name = "".join(["sha", "red"])
    body = codec.encode({name: 5})
    one, two = codec.decode(body), codec.decode(body)
    assert next(iter(one)) is next(iter(two)) is sys.intern("shared")
    assert codec.decode(codec.encode({"a": "", "b": "x"})) == {"a": "", "b": "x"}


def test_decoding_keeps_no_reference(codec):
    def references(document):
        return [sys.getrefcount(item) for item in (document, document["v"], *document["v"])]

    def plain():
        return {"v": [float("1.5"), "".join(["text"] * 30), bytes([1, 2])], "name": "text"}

    body = codec.encode(plain())
    for _ in range(3):  # what is made once, such as the shape, may keep the names
        decoded = codec.decode(body)
    key = next(iter(decoded))
    before = sys.getrefcount(key)
    for _ in range(100):
        codec.decode(body)
        codec.encode(decoded)
        codec.decode_field(body, "v")
        codec.field_names(body)
    assert sys.getrefcount(key) == before
    assert references(decoded) == references(plain())
