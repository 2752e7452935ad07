"""The compiled schema on encoded documents, against a checker in Python."""

from __future__ import annotations

import math
import re
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.same import same
from support.strategies import times, values
from velocity._core.codec import Codec, SchemaCheck
from velocity._core.errors import SchemaError

STRING, INT, FLOAT, BOOL, TIME, BYTES, ARRAY, OBJECT = range(8)
NAMES = ["STRING", "INT", "FLOAT", "BOOL", "TIME", "BYTES", "ARRAY", "OBJECT"]
WHOLE, FILL, PART = range(3)
UTC = timezone.utc
NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


class Misfit(Exception):
    """The field, and what the Python checker says of it."""


def store(kind, value):
    """The value as a field of this kind stores it. Raises Misfit."""
    plain = {STRING: str, BOOL: bool, BYTES: bytes, ARRAY: (list, tuple), OBJECT: dict}
    if kind in plain and isinstance(value, plain[kind]):
        return value
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if kind == INT and number:
        if isinstance(value, int) or (math.isfinite(value) and value == int(value)):
            if -(2**63) <= int(value) < 2**63:
                return int(value)
    if kind == FLOAT and number and float(value) == value or kind == FLOAT and value != value:
        return float(value)
    if kind == TIME and isinstance(value, datetime):
        return value
    if kind == TIME and isinstance(value, str) and re.fullmatch(TIME_TEXT, value, re.ASCII):
        try:
            time = datetime.fromisoformat(python_time(value))
            time.astimezone(UTC)
            return time
        except (ValueError, OverflowError):
            pass
    raise Misfit(type(value).__name__)


TIME_TEXT = r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)"


def python_time(text):
    """As every supported version of Python reads it: six digits, no Z."""
    text = re.sub(r"\.(\d+)", lambda m: "." + m[1][:6].ljust(6, "0"), text)
    return text.replace("t", "T").replace("Z", "+00:00").replace("z", "+00:00")


def check(fields, schema, mode):
    """What is stored of a document. Raises Misfit."""
    strict, rules = schema
    known = {name: (kind, required, default) for name, kind, required, *default in rules}
    out = {}
    for name, value in fields.items():
        if name not in known:
            if strict:
                raise Misfit(name)
            out[name] = value
            continue
        kind, required, _ = known[name]
        if value is None and required:
            raise Misfit(name)
        out[name] = None if value is None else store(kind, value)
    if mode == PART:
        return out
    for name, (_, required, default) in known.items():
        if name in out:
            continue
        if default and mode == FILL:
            out[name] = default[0]
        elif required:
            raise Misfit(name)
    return out


DEFAULTS = ["x", -1, 2.5, False, NOON, b"b", [1, "y"], {"k": {"l": 1}}]
names = st.sampled_from(["a", "b", "c", "d", "é", "n" * 300])
kinds = st.integers(0, 7)
texts = st.one_of(times.map(lambda t: t.isoformat()), st.sampled_from(["2026-02-29T00:00:00Z", "now"]))
fitting = st.one_of(
    st.none(), st.sampled_from(DEFAULTS), texts, st.integers(-(2**63), 2**63 - 1),
    st.integers(-3, 3).map(float), st.sampled_from([2.0**63, -(2.0**63), 1e300, math.nan, math.inf, -0.0]),
)


@st.composite
def schemas(draw):
    rules = []
    for name in draw(st.lists(names, max_size=5, unique=True)):
        kind = draw(kinds)
        default = [DEFAULTS[kind]] if draw(st.booleans()) else []
        rules.append((name, kind, draw(st.booleans()), *default))
    return draw(st.booleans()), rules


@given(schemas(), st.lists(st.dictionaries(names, st.one_of(fitting, values), max_size=6), max_size=8))
def test_as_a_checker_in_python(schema, documents):
    codec = Codec()
    checker = SchemaCheck(codec, schema)
    for fields in documents:
        body = codec.encode(fields)
        for mode in (WHOLE, FILL, PART):
            try:
                wanted = check(fields, schema, mode)
            except Misfit:
                with pytest.raises(SchemaError, match="^field '"):
                    checker.fit(body, mode)
                continue
            stored = checker.fit(body, mode)
            codec.validate(stored)
            assert same(codec.decode(stored), wanted)
            assert [type(v) for v in codec.decode(stored).values()] == [
                list if type(v) is tuple else type(v) for v in wanted.values()
            ]
            assert checker.fit(stored, mode) == stored


@given(st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29)), st.integers(-1439, 1439), st.data())
def test_times_as_text(naive, minutes, data):
    zone = timezone(timedelta(minutes=minutes))
    time = naive.replace(tzinfo=zone)
    text = naive.isoformat(data.draw(st.sampled_from("Tt ")))
    if data.draw(st.booleans()) and "." in text:
        text += data.draw(st.sampled_from(["", "9", "123456789"]))
    sign, size = "-" if minutes < 0 else "+", abs(minutes)
    text += f"{sign}{size // 60:02}:{size % 60:02}" if minutes else data.draw(st.sampled_from(["Z", "z", "+00:00", "-00:00"]))
    assert fit_one(TIME, text) == time
    assert fit_one(TIME, text).utcoffset() == time.utcoffset()


def fit_one(kind, value):
    codec = Codec()
    return codec.decode(SchemaCheck(codec, (False, [("f", kind, True)])).fit(codec.encode({"f": value})))["f"]


@pytest.mark.parametrize("text", [
    "", "now", "2026-01-31", "2026-01-31T12:00:00", "2026-01-31T12:00Z", "2026-1-31T12:00:00Z",
    "2026-02-29T00:00:00Z", "1900-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z",
    "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-31T24:00:00Z", "2026-01-31T12:60:00Z",
    "2026-01-31T12:00:60Z", "2026-01-31T12:00:00.Z", "2026-01-31T12:00:00+1:00", "2026-01-31T12:00:00+24:00",
    "2026-01-31T12:00:00+01:60", "2026-01-31T12:00:00+0100", "0000-01-01T00:00:00Z", "2026-01-31T12:00:00Zx",
    " 2026-01-31T12:00:00Z", "2026-01-31T12:00:00,5Z", "2026-01-31T12:00:00 Z", "２026-01-31T12:00:00Z",
    "2026-01-31T12:00:00." + "1" * 60 + "Z",
])
def test_texts_that_are_no_times(text):
    with pytest.raises(SchemaError, match="'f' wants TIME, not str that is no RFC 3339 time"):
        fit_one(TIME, text)


@pytest.mark.parametrize(("text", "time"), [
    ("2000-02-29T23:59:59.999999999Z", datetime(2000, 2, 29, 23, 59, 59, 999999, tzinfo=UTC)),
    ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
    ("9999-12-31T23:59:59.5Z", datetime(9999, 12, 31, 23, 59, 59, 500000, tzinfo=UTC)),
    ("1969-12-31 23:59:59.000001-00:00", datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC)),
    ("2026-01-31T12:00:00-23:59", datetime(2026, 1, 31, 12, tzinfo=timezone(-timedelta(hours=23, minutes=59)))),
])
def test_texts_that_are_times(text, time):
    assert fit_one(TIME, text) == time


@pytest.mark.parametrize(("kind", "value", "stored"), [
    (INT, 5.0, 5), (INT, -0.0, 0), (INT, float(2**62), 2**62), (INT, -(2.0**63), -(2**63)), (INT, 2**63 - 1, 2**63 - 1),
    (FLOAT, 5, 5.0), (FLOAT, 2**53, 2.0**53), (FLOAT, -(2**63), -(2.0**63)), (FLOAT, math.inf, math.inf),
    (ARRAY, (1, 2), [1, 2]), (OBJECT, {}, {}), (BYTES, b"", b""), (STRING, "", ""), (BOOL, False, False),
])
def test_what_fits_is_stored_as_its_type(kind, value, stored):
    found = fit_one(kind, value)
    assert (found, type(found)) == (stored, type(stored))


REFUSED = [
    (INT, True, "bool"), (INT, 1.5, "float that is no 64-bit int"), (INT, 2.0**63, "float that is"), (INT, math.nan, "float that is"),
    (INT, math.inf, "float that is"), (INT, "1", "str"), (FLOAT, True, "bool"), (FLOAT, "1", "str"), (FLOAT, 2**53 + 1, "int that no float"),
    (FLOAT, 2**63 - 1, "int that no float"), (BOOL, 1, "int"), (BOOL, 1.0, "float"), (STRING, b"x", "bytes"), (STRING, 1, "int"),
    (BYTES, "x", "str"), (ARRAY, {}, "dict"), (ARRAY, "xy", "str"), (OBJECT, [], "list"), (TIME, 1, "int"), (OBJECT, NOON, "datetime"),
    *((kind, None, "None") for kind in range(8)),
]


@pytest.mark.parametrize(("kind", "value", "given"), REFUSED)
def test_what_does_not_fit_is_named(kind, value, given):
    required = " is required and" if value is None else ""
    with pytest.raises(SchemaError, match=f"^field 'f'{required} wants {NAMES[kind]}, not {given}"):
        fit_one(kind, value)


def test_a_large_schema_and_names_without_numbers():
    codec = Codec()
    rules = [(f"f{n}" if n % 3 else f"{n}" * 100, INT, True, n) for n in range(1000)]
    checker = SchemaCheck(codec, (True, rules))
    wanted = {name: n for name, _, _, n in rules}
    assert codec.decode(checker.fit(codec.encode({}))) == wanted
    assert codec.decode(checker.fit(codec.encode({rules[999][0]: 1.0, rules[500][0]: 2}))) == {
        **wanted, rules[999][0]: 1, rules[500][0]: 2,
    }
    with pytest.raises(SchemaError, match="'" + "9" * 200 + "' wants INT, not str"):
        checker.fit(codec.encode({"999" * 100: "x"}))
    with pytest.raises(SchemaError, match="'other' is not in the schema, which is strict; its value is of type str"):
        checker.fit(codec.encode({"other": "x"}))


def test_defaults_that_make_a_document_too_large():
    codec = Codec()
    checker = SchemaCheck(codec, (False, [("f", STRING, False, "x" * 100)]))
    with pytest.raises(SchemaError, match="with its defaults this takes more"):
        checker.fit(codec.encode({"b": b"x" * ((16 << 20) - 50)}))


def test_malformed_bodies_are_refused():
    codec = Codec()
    checker = SchemaCheck(codec, (False, [("f", STRING, False), ("g", INT, False)]))
    body = codec.encode({"f": "x" * 300, "g": 1})
    for size in range(len(body)):
        with pytest.raises(ValueError):
            checker.fit(body[:size])
