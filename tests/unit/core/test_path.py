"""Dotted paths: where they lead, by position and through the elements of lists, as MongoDB has it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from velocity._core.codec import Codec


def model(value, parts, has=True):
    """Every (value,) or () that the parts lead to, from a plain Python value."""
    if not has:
        return [()]
    if not parts:
        return [(value,)]
    if isinstance(value, dict):
        return model(value.get(parts[0]), parts[1:], parts[0] in value)
    if not isinstance(value, list):
        return [()]
    found = []
    if parts[0].isdigit() and str(int(parts[0])) == parts[0] and int(parts[0]) < len(value):
        found += model(value[int(parts[0])], parts[1:])
    for element in value:
        if isinstance(element, dict):
            found += model(element, parts)
    return found


@pytest.mark.parametrize(
    ("fields", "path", "found"),
    [
        ({"a": 1}, "a", [(1,)]),
        ({"a": None}, "a", [(None,)]),
        ({"b": 1}, "a", [()]),
        ({"a": {"b": {"c": 2}}}, "a.b.c", [(2,)]),
        ({"a": {"b": 3}}, "a.b.c", [()]),
        ({"a": [1, 2]}, "a", [([1, 2],)]),
        ({"a": [1, 2]}, "a.1", [(2,)]),
        ({"a": [1, 2]}, "a.2", []),
        ({"a": [1, 2]}, "a.01", []),
        ({"a": [1, 2]}, "a.b", []),
        ({"a": []}, "a.b", []),
        ({"a": [{"b": 1}, 7, {"c": 1}, {"b": 2}]}, "a.b", [(1,), (), (2,)]),
        ({"a": [[{"b": 1}], {"b": 2}]}, "a.b", [(2,)]),
        ({"a": [[{"b": 1}], {"b": 2}]}, "a.0.b", [(1,), ()]),
        ({"a": [{"0": "named"}]}, "a.0", [({"0": "named"},), ("named",)]),
        ({"a": {"0": "named"}}, "a.0", [("named",)]),
        ({"n" * 300: {"b": 1}}, "n" * 300 + ".b", [(1,)]),
    ],
)
def test_where_paths_lead(fields, path, found):
    codec = Codec()
    assert codec.path_values(codec.encode(fields), path) == found


@pytest.mark.parametrize("path", ["", ".", "a.", ".a", "a..b", "a." * 130 + "a", "a" * 70_000])
def test_paths_that_cannot_be(path):
    codec = Codec()
    with pytest.raises(ValueError):
        codec.path_values(codec.encode({}), path)


def test_names_that_come_later_are_found():
    codec = Codec()
    codec.encode({"a": 1})
    assert codec.path_values(codec.encode({"a": {"later": 5}}), "a.later") == [(5,)]


names = st.sampled_from(["a", "b", "0", "1", "c" * 300])
documents = st.recursive(
    st.integers(0, 3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(names, documents, max_size=3), st.lists(names, min_size=1, max_size=4))
def test_paths_agree_with_the_model(fields, parts):
    codec = Codec()
    body = codec.encode(fields)
    found = codec.path_values(body, ".".join(parts))
    assert found == model(fields, parts)
    short = codec.path_value(body, ".".join(parts))
    assert short is None or found == [short]
    if short is None:
        place = fields
        for part in parts[:-1]:
            place = place[part]
            if isinstance(place, list):
                break
        assert isinstance(place, list)
