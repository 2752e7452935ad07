"""What may not be stored, what the error says, and Python code that interferes with encoding."""

import collections.abc
import decimal
from datetime import date, datetime, timedelta, timezone, tzinfo

import pytest

from velocity._core.codec import Codec
from velocity._core.errors import SchemaError


@pytest.fixture
def codec():
    return Codec()


def refusal(codec, fields):
    with pytest.raises(SchemaError) as caught:
        codec.encode(fields)
    assert codec.decode(codec.encode({"still": "works"})) == {"still": "works"}
    return str(caught.value)


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"a": {1}}, "a"),
        ({"address": {"tags": [1, 2, 3, {1}]}}, "address.tags[3]"),
        ({"a": [[0], [1, ({"b": {2}},)]]}, "a[1][1][0].b"),
        ({"a": 1, "": {"": {3}}}, "''.''"),
    ],
)
def test_the_path_of_a_value_is_named(codec, fields, path):
    text = refusal(codec, fields)
    assert text.startswith(f"{path}: a value of type 'set' cannot be stored")
    assert "aware datetime, list, tuple, dict with str keys" in text


@pytest.mark.parametrize(
    "value",
    [
        object(),
        1j,
        decimal.Decimal(1),
        date(2020, 1, 1),
        bytearray(b"x"),
        memoryview(b"x"),
        len,
        range(3),
        iter([]),
        int,
    ],
)
def test_other_types(codec, value):
    assert f"{type(value).__name__}' cannot be stored" in refusal(codec, {"v": value})


@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**400])
def test_ints_of_more_than_64_bits(codec, value):
    assert "v: an int must be from -2**63 to 2**63-1" in refusal(codec, {"v": value})


@pytest.mark.parametrize("text", ["\ud800", "a" * 100 + "\udfff", "\ud83d\ude00"])
def test_lone_surrogates(codec, text):
    assert "lone surrogate" in refusal(codec, {"v": text})
    assert "lone surrogate" in refusal(codec, {"a": {text: 1}})


def test_naive_times(codec):
    class Nowhere(tzinfo):
        def utcoffset(self, when):
            return None

    assert "v: a datetime must say its time zone" in refusal(codec, {"v": datetime(2020, 1, 1)})
    assert "time zone" in refusal(codec, {"v": datetime(2020, 1, 1, tzinfo=Nowhere())})


def test_names_that_are_no_str(codec):
    assert refusal(codec, {1: 2}) == "field names must be str, not 'int'"
    assert refusal(codec, {"a": [{b"x": 2}]}) == "a[0]: field names must be str, not 'bytes'"


@pytest.mark.parametrize("fields", [None, 5, "text", [("a", 1)], object()])
def test_a_document_is_a_mapping(codec, fields):
    assert "must be a dict or another Mapping" in refusal(codec, fields)


def test_nested_too_deep(codec):
    value = 7
    for _ in range(129):
        value = [value]
    assert "nested at most 128 deep" in refusal(codec, {"v": value})


def test_a_circle_ends(codec):
    circle = {}
    circle["me"] = [circle, circle]
    text = refusal(codec, circle)
    assert text.startswith("me[0].me[0].me")
    assert "is one inside itself?" in text


@pytest.mark.parametrize(
    "value",
    [
        b"x" * ((16 << 20) - 6),
        "x" * (16 << 20),
        "é" * (8 << 20),
        ["x" * 1000] * 17_000,
        [[["x" * 1000] * 170] * 100],
        b"x" * (40 << 20),
    ],
    ids=["one byte more", "ascii", "text", "list", "nested", "far more"],
)
def test_over_sixteen_mebibytes(codec, value):
    assert "at most 16777216 bytes" in refusal(codec, {"v": value})


class Evil(tzinfo):
    """A time zone whose code runs in the midst of encoding."""

    def __init__(self, act):
        self.act = act

    def utcoffset(self, when):
        self.act()
        return timedelta(0)


def evil(act):
    return datetime(2020, 1, 1, tzinfo=Evil(act))


def test_a_dict_changed_while_it_is_encoded(codec):
    fields = {"a": ["x" * 10]}
    fields["t"] = evil(fields.clear)
    fields["z"] = ["y" * 10]
    assert "changed while it was being stored" in refusal(codec, fields)

    grown = {"a": 1}
    grown["t"] = evil(lambda: grown.update((f"n{i}", i) for i in range(100)))
    assert "changed" in refusal(codec, grown)

    moved = {"a": [1]}
    moved["t"] = evil(lambda: moved.update(a=moved.pop("a")))  # would be met twice
    moved["z"] = 1
    assert "changed" in refusal(codec, moved)

    def refill():  # the walk goes on at the third field, which is "a" again
        again.clear()
        again.update(x=1, y=1, a=1)

    again = {"a": 1, "t": evil(refill), "z": 1}
    assert "changed" in refusal(codec, again)

    swapped = {"a": 1, "z": 1}
    swapped["t"] = evil(lambda: swapped.update(q=swapped.pop("a")))
    assert "changed" in refusal(codec, swapped)


def test_a_list_changed_while_it_is_encoded(codec):
    for act in (list.clear, lambda items: items.append(1), lambda items: items.pop()):
        items = ["a" * 10, None, "b" * 10]
        items[1] = evil(lambda act=act, items=items: act(items))
        assert "changed while it was being stored" in refusal(codec, {"v": items})


class Odd(collections.abc.Mapping):
    """A mapping that says what it is told to say."""

    def __init__(self, names, value=1):
        self.names, self.value = names, value

    def __iter__(self):
        return iter(self.names)

    def __len__(self):
        return len(self.names)

    def __getitem__(self, name):
        return self.value() if callable(self.value) else self.value


def test_a_mapping_that_gives_a_name_twice(codec):
    body = codec.encode(Odd(["a", "b", "a"]))
    codec.validate(body)
    assert codec.decode(body) == {"a": 1, "b": 1}


def test_a_mapping_that_changes_the_dict_around_it(codec):
    fields = {"a": 1}
    fields["m"] = Odd(["x"], fields.clear)
    fields["z"] = 1
    assert "changed while it was being stored" in refusal(codec, fields)


def test_errors_of_foreign_code_pass_through(codec):
    def fail():
        raise ZeroDivisionError("mine")

    for fields in (Odd(["a"], fail), {"a": {"b": Odd(["a"], fail)}}, {"t": evil(fail)}):
        with pytest.raises(ZeroDivisionError, match="mine"):
            codec.encode(fields)
    for fields in (Odd([1]), {"a": Odd(["x", None])}):
        assert "field names must be str" in refusal(codec, fields)


def test_times_of_python_time_zones(codec):
    early = datetime(2020, 1, 1, 2, tzinfo=timezone(timedelta(hours=2)))
    assert codec.decode(codec.encode({"t": evil(lambda: None)}))["t"] == early
