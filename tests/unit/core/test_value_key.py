"""Order keys: the order of types, exact numbers, equality as value_equal has it."""

import math
from datetime import datetime, timedelta, timezone
from functools import cmp_to_key

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.strategies import values
from velocity._core.codec import Codec, order_key
from velocity._core.errors import SchemaError

UTC = timezone.utc
NAN = float("nan")

ASCENDING = [
    None,
    NAN,
    -math.inf, -1e300, -(2.0**63) * 1.5,
    -(2**63), -(2**63) + 1, -(2**53) - 1, -(2**53), -257, -256, -255.5, -255, -2, -1.5, -1,
    -0.5, -5e-324, 0, 5e-324, 0.5, 1, 1.25, 1.5, 2, 127, 127.5, 128, 32767, 32768, 2**31,
    2**53 - 1, 2**53, 2**53 + 1, 2**62, 2**62 + 1, 2**63 - 1, 2.0**63, 2.0**64, 1e300, math.inf,
    "", "\0", "\0\0", "\0\1", "\1", "\1\0", "\2", "a", "a\0", "a\1", "a\2", "ab", "b", "é", "\U0001f600",
    {}, {"": 0}, {"a": 1}, {"a": 1, "b": 0}, {"a": 2}, {"a": "x"}, {"b": 0}, {"n" * 300: 1},
    [], [None], [None, 1], [1], [1, 1], [1, "a"], [2], ["a"], [{}], [[]], [[[]]],
    b"", b"\0", b"\0\0", b"\1", b"a", b"\xff", b"\xff\xff",
    False, True,
    datetime(1, 1, 1, tzinfo=UTC), datetime(1969, 12, 31, tzinfo=UTC), datetime(1970, 1, 1, tzinfo=UTC),
    datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))), datetime(2024, 1, 1, 12, tzinfo=UTC),
]  # fmt: skip


def test_the_documented_order():
    keys = [order_key(value) for value in ASCENDING]
    assert keys == sorted(keys)
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("value", "equal"),
    [
        (1, 1.0),
        (0.0, -0.0),
        (2**62, float(2**62)),
        (-(2**63), -(2.0**63)),
        (NAN, -NAN),
        ({"a": 1, "b": [2]}, {"b": [2.0], "a": 1.0}),
        ([1, (2,)], [1.0, [2]]),
        (
            datetime(2024, 1, 1, 12, tzinfo=timezone(timedelta(hours=2))),
            datetime(2024, 1, 1, 10, tzinfo=UTC),
        ),
    ],
)
def test_equal_values_have_equal_keys(value, equal):
    assert order_key(value) == order_key(equal)


def rank(value):
    kinds = [(type(None),), (int, float), (str,), (dict,), (list, tuple), (bytes,), (), (datetime,)]
    if isinstance(value, bool):
        return 6
    return next(i for i, kind in enumerate(kinds) if isinstance(value, kind))


def compare(a, b):
    """The order of the documentation, value by value."""
    if rank(a) != rank(b):
        return -1 if rank(a) < rank(b) else 1
    if isinstance(a, dict):
        a, b = ([part for item in sorted(x.items(), key=lambda i: i[0].encode()) for part in item]
                for x in (a, b))  # fmt: skip
    if isinstance(a, (list, tuple)):
        for x, y in zip(a, b, strict=False):
            if order := compare(x, y):
                return order
        return (len(a) > len(b)) - (len(a) < len(b))
    if rank(a) == 1 and (a != a or b != b):
        return (a == a) - (b == b)
    if isinstance(a, str):
        a, b = a.encode(), b.encode()
    if a is None:
        return 0
    return (a > b) - (a < b)


numbers = st.integers(-(2**63), 2**63 - 1) | st.floats() | st.integers(-300, 300)
near = st.builds(lambda n, d: float(n) if d else n, st.integers(2**53 - 4, 2**53 + 4), st.booleans())


@given(numbers | near, numbers | near)
def test_numbers_are_compared_exactly(a, b):
    order = compare(order_key(a), order_key(b))
    assert order == compare(a, b)


@given(st.lists(values, min_size=2, max_size=8))
@example([{"a": 1}, {"a": 1.0}])
def test_keys_order_as_values_do(some):
    expected = sorted(some, key=cmp_to_key(compare))
    by_key = sorted(some, key=order_key)
    assert [order_key(v) for v in by_key] == [order_key(v) for v in expected]
    backwards = sorted(some, key=lambda v: order_key(v, descending=True))
    assert [order_key(v) for v in backwards] == [order_key(v) for v in reversed(expected)]


@given(st.lists(values, min_size=2, max_size=2))
def test_keys_are_equal_where_values_are(pair):
    codec = Codec()
    a, b = (codec.encode({"v": value}) for value in pair)
    assert (order_key(pair[0]) == order_key(pair[1])) == codec.equal(a, b)


@given(values, values)
def test_no_key_begins_another(a, b):
    x, y = order_key(a), order_key(b)
    assert x == y or not (x.startswith(y) or y.startswith(x))
    assert 0 < x[0] < 255 and 0 < order_key(a, descending=True)[0] < 255


@given(values)
def test_encoded_values_have_the_same_keys(value):
    codec = Codec()
    codec.encode({"other": {"z": 1, "y": 1}})  # numbers that do not follow the order of names
    assert codec.field_key(codec.encode({"a": {"b": value}}), "a.b") == order_key(value)


def test_a_missing_field_has_the_key_of_null():
    codec = Codec()
    assert codec.field_key(codec.encode({"a": 1}), "b") == order_key(None) == b"\x10"


@given(values)
def test_the_limit_is_exact(value):
    codec = Codec()
    body = codec.encode({"v": value})
    key = order_key(value)
    assert codec.field_key(body, "v", len(key)) == key
    assert codec.field_key(body, "v", len(key) - 1) is None


@pytest.mark.parametrize("value", [object(), 2**63, "\ud800", datetime(2024, 1, 1), {1: 2}, {1}])
def test_what_no_document_could_hold(value):
    with pytest.raises(SchemaError):
        order_key(value)
