"""Update operators as pure functions: what each does, and what each refuses."""

from __future__ import annotations

import copy
from datetime import datetime, timezone

import pytest

from velocity import QueryError
from velocity.py.operators import Update, apply_operators, has_operators

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
    "push at a position": ({"$push": {"l": {"$each": [8, 9], "$position": 1}}}, {"l": [1, 8, 9, 2]}),
    "push before the last": ({"$push": {"l": {"$each": [9], "$position": -1}}}, {"l": [1, 9, 2]}),
    "push far before": ({"$push": {"l": {"$each": [9], "$position": -9}}}, {"l": [9, 1, 2]}),
    "push and keep the first": ({"$push": {"l": {"$each": [3], "$slice": 2}}}, {"l": [1, 2]}),
    "push and keep the last": ({"$push": {"l": {"$each": [3], "$slice": -2}}}, {"l": [2, 3]}),
    "push and keep more": ({"$push": {"l": {"$each": [3], "$slice": -9}}}, {"l": [1, 2, 3]}),
    "push and keep none": ({"$push": {"l": {"$each": [], "$slice": 0}}}, {"l": []}),
    "push sorted": ({"$push": {"l": {"$each": [0, "a", None], "$sort": -1}}},
                    {"l": ["a", 2, 1, 0, None]}),
    "push at a position, sorted, cut": (
        {"$push": {"l": {"$each": [5, 0], "$position": 0, "$sort": 1, "$slice": 3}}},
        {"l": [0, 1, 2]},
    ),
    "push sorted by fields": (
        {"$push": {"new": {"$each": [{"a": 1, "b": {"c": 1}}, {"a": 2}, {"a": 1, "b": {"c": 2}}, 7],
                           "$sort": {"a": 1, "b.c": -1}}}},
        {"new": [7, {"a": 1, "b": {"c": 2}}, {"a": 1, "b": {"c": 1}}, {"a": 2}]},
    ),
    "min of more": ({"$min": {"n": 5}}, {}),
    "min of less": ({"$min": {"n": 0.5, "f": 0}}, {"n": 0.5, "f": 0}),
    "min of nothing": ({"$min": {"new.x": 5}}, {"new": {"x": 5}}),
    "min across types": ({"$min": {"s": 5, "n": "a", "z": -1, "l": {"a": 1}}},
                         {"s": 5, "l": {"a": 1}}),
    "max of less": ({"$max": {"n": 1.0, "s": "w"}}, {}),
    "max of more": ({"$max": {"n": 2, "s": "y", "z": False}}, {"n": 2, "s": "y", "z": False}),
    "set on insert": ({"$setOnInsert": {"n": 5, "new": 5}}, {}),
    "add to a set": ({"$addToSet": {"l": 3}}, {"l": [1, 2, 3]}),
    "add what is there": ({"$addToSet": {"l": 2.0, "o.l": {"b": 2.0}}}, {}),
    "add each": ({"$addToSet": {"l": {"$each": [3, 1, 3, [1]]}}}, {"l": [1, 2, 3, [1]]}),
    "add to nothing": ({"$addToSet": {"new.x": {"$each": [1, 1]}}}, {"new": {"x": [1]}}),
    "pull a value": ({"$pull": {"l": 1.0}}, {"l": [2]}),
    "pull by a condition": ({"$pull": {"l": {"$gte": 2}}}, {"l": [1]}),
    "pull one of several": ({"$pull": {"l": {"$in": [1, 7]}}}, {"l": [2]}),
    "pull objects": ({"$pull": {"o.l": {"b": {"$gt": 1}}}}, {"o": {"a": 1, "l": [1]}}),
    "pull nothing": ({"$pull": {"l": 7, "nope": 1, "n.x": 1}}, {}),
    "pop the last": ({"$pop": {"l": 1}}, {"l": [1]}),
    "pop the first": ({"$pop": {"l": -1, "nope": 1}}, {"l": [2]}),
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
    "unknown": ({"$bit": {"l": 1}}, r"\$bit: unknown.*\$set"),
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
    "push modifier": ({"$push": {"l": {"$each": [1], "$up": 2}}}, r"'l': \$up: unknown modifier"),
    "push without each": ({"$push": {"l": {"$slice": 2}}}, r"\$slice: wants \$each beside it"),
    "push slice": ({"$push": {"l": {"$each": [], "$slice": 1.5}}}, r"\$slice wants a whole number"),
    "push position": ({"$push": {"l": {"$each": [], "$position": True}}}, r"\$position wants"),
    "push sort": ({"$push": {"l": {"$each": [], "$sort": 2}}}, r"\$sort wants 1, -1 or"),
    "push sort by": ({"$push": {"l": {"$each": [], "$sort": {"a": "up"}}}}, "'a': wants 1 or -1"),
    "push sort path": ({"$push": {"l": {"$each": [], "$sort": {"a..b": 1}}}}, "without empty parts"),
    "add to a scalar": ({"$addToSet": {"n": 1}}, r"\$addToSet 'n': .* not a list but int"),
    "add modifier": ({"$addToSet": {"l": {"$each": [1], "$slice": 2}}}, r"\$slice: unknown modifier"),
    "pull from a scalar": ({"$pull": {"s": 1}}, "not a list but str"),
    "pull by nonsense": ({"$pull": {"l": {"$foo": 1}}}, r"\$pull 'l': .*\$foo"),
    "pop from a scalar": ({"$pop": {"z": 1}}, "not a list but null"),
    "pop two": ({"$pop": {"l": 2}}, r"\$pop 'l': wants 1 .* or -1"),
    "pop true": ({"$pop": {"l": True}}, "not True"),
    "current date": ({"$currentDate": {"n": False}}, r"\$currentDate 'n': wants true or"),
    "current timestamp": ({"$currentDate": {"n": {"$type": "timestamp"}}}, "wants true or"),
    "min into a scalar": ({"$min": {"n.x": 1}}, "cannot make 'x'"),
    "set and set on insert": ({"$set": {"n": 1}, "$setOnInsert": {"n": 1}}, "changed twice"),
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


def test_set_on_insert():
    update = Update({"$setOnInsert": {"a.b": 1}, "$set": {"c": 2}})
    assert update.apply({}, inserting=True) == {"a": {"b": 1}, "c": 2}
    assert update.apply({}) == {"c": 2}


def test_the_current_date_is_that_of_the_call():
    before = datetime.now(timezone.utc)
    update = Update({"$currentDate": {"a": True, "b.c": {"$type": "date"}}})
    after = datetime.now(timezone.utc)
    first, second = update.apply({"a": 1}), update.apply({})
    assert before <= first["a"] <= after
    assert first == second == {"a": first["a"], "b": {"c": first["a"]}}


def test_an_update_may_be_applied_again():
    update = Update({"$push": {"l": {"$each": [{"x": 1}], "$sort": {"x": 1}}}})
    first = update.apply({})
    first["l"][0]["x"] = 2
    assert update.apply({}) == {"l": [{"x": 1}]}
