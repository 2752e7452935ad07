"""Values as JSON and back: nothing is lost, nothing is mistaken."""

from __future__ import annotations

import json
import math
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity.py.cli.common import InputError
from velocity.py.cli.text import dump_json, from_plain, load_fields, load_json, to_plain

EAST = timezone(timedelta(hours=5, minutes=30))
times = st.datetimes(
    datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.sampled_from([timezone.utc, EAST])
)
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(),
    st.binary(),
    times,
)
keys = st.one_of(st.text(), st.sampled_from(["$bytes", "$time", "$float", "$object"]))
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=12,
)


@given(values)
def test_round_trip(value):
    text = dump_json(value)
    assert load_json(text) == value
    assert "\n" not in text
    assert from_plain(to_plain(value, binary=True)) == value


def test_forms():
    assert json.loads(dump_json(b"\x00\xff")) == {"$bytes": "AP8="}
    time = datetime(2024, 2, 29, 12, 0, 0, 5, tzinfo=EAST)
    assert json.loads(dump_json(time)) == {"$time": "2024-02-29T12:00:00.000005+05:30"}
    assert load_json(dump_json(time)).utcoffset() == timedelta(hours=5, minutes=30)
    assert load_json('{"$time": "2024-02-29T12:00:00Z"}').tzinfo == timezone.utc
    assert json.loads(dump_json({"$time": 5})) == {"$object": {"$time": 5}}
    assert math.isnan(load_json(dump_json(float("nan"))))
    assert load_json(dump_json([float("-inf")])) == [float("-inf")]
    assert dump_json("ü") == '"ü"'


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ('{"$bytes": "?"}', r"\$bytes: '\?' cannot be read"),
        ('{"$bytes": 5}', r"\$bytes"),
        ('{"$time": "yesterday"}', r"\$time: 'yesterday'"),
        ('{"$time": "2024-02-29T12:00:00"}', r"\$time"),
        ('{"$time": null}', r"\$time"),
        ('{"$float": "much"}', r"\$float"),
        ('{"$object": 5}', r"\$object"),
    ],
)
def test_what_cannot_be_read(text, says):
    with pytest.raises(InputError, match=says):
        load_json(text)


@pytest.mark.parametrize("text", ["[]", "5", '"x"', "null", '{"$bytes": ""}'])
def test_a_document_is_an_object(text):
    with pytest.raises(InputError, match="JSON object"):
        load_fields(text)
