"""Update operators as pure functions: what each does, and what each refuses."""

from __future__ import annotations

import copy

import pytest

from velocity import QueryError
from velocity.py.operators import apply_operators, has_operators

START = {"n": 1, "f": 0.5, "s": "x", "o": {"a": 1, "l": [1, {"b": 2}]}, "l": [1, 2], "z": None}

RESULTS = {
    "set past the end of a list": ({"$set": {"l.4": 9}}, {"l": [1, 2, None, None, 9]}),
    "set a name that is a number": ({"$set": {"o.0": 1}}, {"o": {**START["o"], "0": 1}}),
    "set keeps the place": ({"$set": {"n": "new"}}, {"n": "new"}),
    "unset in a list leaves null": ({"$unset": {"l.0": ""}}, {"l": [None, 2]}),
    "unset past a list's end": ({"$unset": {"l.7": "", "n.x": "", "z.x": ""}}, {}),
    "inc stays int": ({"$inc": {"n": 2}}, {"n": 3}),
    "inc in a list": ({"$inc": {"o.l.1.b": 1}}, {"o": {"a": 1, "l": [1, {"b": 3}]}}),
    "mul": ({"$mul": {"n": 3, "f": 2}}, {"n": 3, "f": 1.0}),
    "mul of nothing": ({"$mul": {"i": 3, "j": 1.5}}, {"i": 0, "j": 0.0}),
    "push": ({"$push": {"l": 3, "new.deep": 1}}, {"l": [1, 2, 3], "new": {"deep": [1]}}),
    "push each": ({"$push": {"l": {"$each": [3, [4]]}}}, {"l": [1, 2, 3, [4]]}),
    "push an object": ({"$push": {"l": {"a": 1}}}, {"l": [1, 2, {"a": 1}]}),
    "rename of nothing": ({"$rename": {"nope": "other", "n.x": "y"}}, {}),
    "all at once": ({"$set": {"a.b": 1}, "$inc": {"a.c": 1}}, {"a": {"b": 1, "c": 1}}),
}


@pytest.mark.parametrize("name", RESULTS)
def test_results(name):
    operators, changes = RESULTS[name]
    before = copy.deepcopy(START)
    result = apply_operators(START, operators)
    assert result == {**START, **changes}
    assert list(result)[: len(START)] == list(START)
    assert START == before


def test_rename_moves_to_the_end_and_over_what_is_there():
    result = apply_operators(START, {"$rename": {"n": "s", "o.a": "top"}})
    assert list(result) == ["f", "o", "l", "z", "s", "top"]
    assert (result["s"], result["top"], result["o"]) == (1, 1, {"l": [1, {"b": 2}]})


def test_zero_has_the_type_of_the_factor():
    result = apply_operators({}, {"$mul": {"i": 3, "j": 1.5}})
    assert [type(result[name]) for name in "ij"] == [int, float]


REFUSED = {
    "unknown": ({"$pop": {"l": 1}}, r"\$pop: unknown.*\$set"),
    "plain field": ({"$set": {"a": 1}, "b": 2}, "'b': an update holds operators or plain fields"),
    "paths": ({"$set": [1]}, r"\$set: wants an object.*list"),
    "path type": ({"$set": {5: 1}}, r"\$set 5: a path is a string"),
    "empty path": ({"$set": {"": 1}}, "no empty part"),
    "positional": ({"$set": {"l.$": 1}}, r"positional parts \(\$\)"),
    "into a scalar": ({"$set": {"n.x": 1}}, r"\$set 'n.x': cannot make 'x' inside .* int"),
    "into null": ({"$set": {"z.x": 1}}, "null"),
    "into a list by name": ({"$set": {"l.x": 1}}, "a position is wanted"),
    "far past a list": ({"$set": {"l.9999999": 1}}, "too far"),
    "twice": ({"$set": {"n": 1}, "$inc": {"n": 1}}, "'n': this path is changed twice"),
    "inside": ({"$set": {"o": 1}, "$unset": {"o.l.1": 1}}, "'o.l.1': this path is changed twice"),
    "rename target": ({"$set": {"t": 1}, "$rename": {"n": "t"}}, "'t': this path"),
    "rename to itself": ({"$rename": {"n": "n"}}, "twice"),
    "rename to a number": ({"$rename": {"n": 5}}, "5: a path is a string"),
    "rename in a list": ({"$rename": {"o.l.0": "x"}}, "through a list"),
    "inc by bool": ({"$inc": {"n": True}}, "wants a number, not bool"),
    "inc a string": ({"$inc": {"s": 1}}, r"\$inc 's': the value there is not a number but str"),
    "inc over": ({"$inc": {"n": 2**63 - 1}}, "does not fit 64 bits"),
    "mul over": ({"$set": {"m": 1}, "$mul": {"n": 2**64}}, "does not fit 64 bits"),
    "float over": ({"$mul": {"f": 10**400}}, "does not fit a float"),
    "push to a scalar": ({"$push": {"n": 1}}, "not a list but int"),
    "push modifier": ({"$push": {"l": {"$each": [1], "$slice": 2}}}, r"\$slice: unknown modifier"),
    "push each": ({"$push": {"l": {"$each": 1}}}, r"\$each wants a list"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name):
    operators, text = REFUSED[name]
    before = copy.deepcopy(START)
    with pytest.raises(QueryError, match=text):
        apply_operators(START, operators)
    assert START == before


def test_what_is_an_operator_update():
    assert has_operators({"$set": {}})
    assert has_operators({"a": 1, "$x": 1})
    assert not has_operators({"a": {"$x": 1}})
    assert not has_operators({})


def test_the_argument_is_not_shared():
    argument = {"list": [1]}
    result = apply_operators({}, {"$set": {"a": argument}, "$push": {"b": argument}})
    argument["list"].append(2)
    assert result == {"a": {"list": [1]}, "b": [{"list": [1]}]}
