"""Dicts that are copied from their shape and filled in place behave as any other dict."""

import gc
import sys
import sysconfig

import pytest

from velocity._core.codec import Codec

SHAPES_EXPECTED = (
    sys.implementation.name == "cpython"
    and sys.version_info < (3, 15)
    and not sysconfig.get_config_var("Py_GIL_DISABLED")
)


@pytest.fixture
def codec():
    return Codec()


def decoded(codec, fields):
    """Decode often enough for a shape to be made and used; all results must be equal."""
    body = codec.encode(fields)
    results = [codec.decode(body) for _ in range(5)]
    assert results == [fields] * 5
    assert all(list(result) == list(fields) for result in results)
    return results[-1]


@pytest.mark.parametrize("count", range(20))
def test_every_number_of_fields(codec, count):
    fields = {f"field{i}": float(i) for i in range(count)}
    result = decoded(codec, fields)
    for i in range(count):
        assert result[f"field{i}"] == i
        assert f"field{i}" in result
    assert len(result) == count
    assert "other" not in result


@pytest.mark.parametrize("count", [1, 5, 6, 16])
def test_changes_stay_in_the_dict_that_is_changed(codec, count):
    fields = {f"field{i}": f"value{i}" for i in range(count)}
    body = codec.encode(fields)
    one = decoded(codec, fields)
    one["field0"] = "changed"
    one.update((f"more{i}", i) for i in range(40))
    assert one == fields | {"field0": "changed"} | {f"more{i}": i for i in range(40)}
    two = codec.decode(body)
    while two:
        two.popitem()
    two["field0"] = 1
    assert two == {"field0": 1}
    three = codec.decode(body).copy()
    del three["field0"]
    three["field0"] = "last"
    assert list(three)[-1] == "field0"
    assert codec.decode(body) == fields


def test_the_garbage_collector_knows_what_it_must(codec):
    inner = decoded(codec, {"a": [1], "b": 2})
    assert gc.is_tracked(inner)
    inner["a"].append(inner)  # a cycle, which only the collector can free
    for last in (None, [], {"x": [1]}):
        assert decoded(codec, {"v": [{"a": 1, "b": last}] * 20})
    del inner
    assert gc.collect() > 0
    plain, as_ever = decoded(codec, {"a": 1, "b": "text"}), {"a": 1}
    as_ever["b"] = "text"
    assert gc.is_tracked(plain) == gc.is_tracked(as_ever)


def test_many_shapes_take_turns(codec):
    rows = [{f"n{i}_{k}": [i, k] for k in range(1 + i % 17)} for i in range(200)]
    bodies = [codec.encode(row) for row in rows]
    for _ in range(3):
        for body, row in zip(bodies, rows):
            assert codec.decode(body) == codec.decode(body) == row
    forward, backward = {"a": 1, "b": 2}, {"b": 2, "a": 1}
    for _ in range(5):
        assert list(codec.decode(codec.encode(forward))) == ["a", "b"]
        assert list(codec.decode(codec.encode(backward))) == ["b", "a"]


def test_malformed_after_a_good_start(codec):
    decoded(codec, {"a": 1, "b": 2, "c": 3})
    for bad in (
        b"\x03\x01\x91\x02\x92\x03\x0f\x01\xff",
        b"\x03\x01\x91\x02\x92\x03",
        b"\x03\x01\x91\x02\x92",
    ):
        for _ in range(3):
            with pytest.raises(ValueError, match="malformed|invalid start byte"):
                codec.decode(bad)
    for _ in range(5):
        assert codec.decode(b"\x02\x01\x91\x01\x92") == {"a": 2}  # a name twice: no shape
    decoded(codec, {"a": 1, "b": 2, "c": 3})


def test_names_past_the_numbered_ones_need_no_shape(codec):
    assert decoded(codec, {"a": 1, "x" * 300: {"a": 2, "b": 3}, "b": {"a": 4, "b": 5}})


def test_shapes_are_made_and_their_memory_is_counted(codec):
    body = codec.encode({"a": 1, "b": 2})
    codec.decode(body)
    before = codec.memory
    for _ in range(10):
        codec.decode(body)
    after = codec.memory
    assert (after > before) == SHAPES_EXPECTED
    for i in range(500):
        decoded(codec, {"a": i, "b": 1} if i % 2 else {"b": 1, "a": i})
    assert codec.memory - after <= after - before
