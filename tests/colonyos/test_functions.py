"""Functions that executors offer, and their statistics."""

from __future__ import annotations

import dataclasses

import pytest

from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError, SchemaError
from velocity.py.colonyos import Function, FunctionArg

ARGS = [
    FunctionArg("n", "int", "how many", True, []),
    FunctionArg("mode", "string", "", False, ["fast", "exact"]),
]


def function(id, funcname="f", executorname="e", colonyname="c", **fields):
    return Function(id, executorname, "python", colonyname, funcname, **fields)


def ids(functions):
    return [each.functionid for each in functions]


def test_a_function_reads_back_as_added(adapter):
    given = function(
        "1", description="counts", args=ARGS, counter=7, minwaittime=0.5, maxwaittime=1.5,
        minexectime=2.5, maxexectime=3.5, avgwaittime=1.0, avgexectime=3.0, locationname="home",
    )  # fmt: skip
    assert adapter.add_function(given) is None
    assert adapter.get_function_by_id("1") == given
    assert adapter.get_functions_by_executor_name("c", "e") == [given]
    assert adapter.get_functions_by_colony_name("c") == [given]
    assert adapter.get_functions("c") == [given]
    assert adapter.get_functions_by_executor_and_name("c", "e", "f") == given


def test_an_empty_id_gets_a_new_one(adapter):
    given = function("")
    adapter.add_function(given)
    assert len(given.functionid) == 64
    assert adapter.get_function_by_id(given.functionid) == given


def test_an_id_is_taken_once(adapter):
    adapter.add_function(function("1"))
    with pytest.raises(DuplicateKeyError, match="'1'.*already exists"):
        adapter.add_function(function("1", "g", "other", "d"))
    assert adapter.get_function_by_id("1") == function("1")
    assert adapter.get_functions("d") == []


def test_of_many_at_once_one_wins(adapter):
    def attempt(number):
        try:
            adapter.add_function(function("1", str(number)))
            return True
        except DuplicateKeyError:
            return False

    won = run_threads(attempt, 8)
    assert won.count(True) == 1
    assert adapter.get_function_by_id("1").funcname == str(won.index(True))


def test_a_name_may_be_there_twice(adapter):
    adapter.add_function(function("2"))
    adapter.add_function(function("1"))
    assert ids(adapter.get_functions_by_executor_name("c", "e")) == ["2", "1"]
    assert adapter.get_functions_by_executor_and_name("c", "e", "f").functionid == "2"
    adapter.remove_function_by_name("c", "e", "f")
    assert adapter.get_functions("c") == []


def test_lists(adapter):
    adapter.add_function(function("3", "a"))
    adapter.add_function(function("1", "b", "other"))
    adapter.add_function(function("2", "c"))
    adapter.add_function(function("0", "a", colonyname="d"))
    adapter.add_function(function("9", "a", "third"))
    assert ids(adapter.get_functions_by_colony_name("c")) == ["3", "1", "2", "9"]
    assert ids(adapter.get_functions_by_executor_name("c", "e")) == ["3", "2"]
    by_names = adapter.get_functions_by_executor_names
    assert ids(by_names("c", ["third", "e"])) == ["3", "2", "9"]
    assert ids(by_names("c", ["e", "e", "nobody"])) == ["3", "2"]
    assert by_names("c", []) == by_names("e", ["e"]) == []
    assert adapter.count_functions_by_colony_name("c") == 4
    assert adapter.count_functions_by_colony_name("d") == 1
    assert adapter.count_functions_by_colony_name("e") == 0


def test_statistics_of_every_match(adapter):
    adapter.add_function(function("1", description="kept", args=ARGS))
    adapter.add_function(function("2", counter=99))
    others = [function("3", "g"), function("4", executorname="o"), function("5", colonyname="d")]
    for each in others:
        adapter.add_function(each)
    numbers = {
        "counter": 5, "minwaittime": 1.0, "maxwaittime": 2.0, "minexectime": 3.0, "maxexectime": 4.0,
        "avgwaittime": 1.5, "avgexectime": 3.5,
    }  # fmt: skip
    changed = changes_of_one_step(
        adapter, lambda: adapter.update_function_stats("c", "e", "f", 5, 1, 2.0, 3.0, 4, 1.5, 3.5)
    )
    assert changed == {"functions": {"1", "2"}}
    assert adapter.get_function_by_id("1") == function("1", description="kept", args=ARGS, **numbers)
    assert adapter.get_function_by_id("2") == function("2", **numbers)
    for each in others:
        assert adapter.get_function_by_id(each.functionid) == each
    adapter.update_function_stats("c", "e", "nothing", 5, 1, 2, 3, 4, 5, 6)


def test_updating_replaces_the_whole(adapter):
    adapter.add_function(function("1", description="old", args=ARGS, counter=3))
    adapter.add_function(function("2"))
    new = Function("1", "e2", "perl", "c", "g", avgexectime=2.0)
    adapter.update_function(new)
    assert adapter.get_function_by_id("1") == new
    assert ids(adapter.get_functions("c")) == ["1", "2"]  # it keeps its place
    for id in ("3", "", "x" * 3000):
        with pytest.raises(NotFoundError, match="no function"):
            adapter.update_function(function(id))
    assert adapter.get_functions("c") == [new, function("2")]


def test_removing(adapter):
    for id, name, executor, colony in [
        ("1", "f", "e", "c"), ("2", "f", "e", "c"), ("3", "g", "e", "c"), ("4", "f", "o", "c"),
        ("5", "f", "e", "d"), ("6", "f", "e", "d"), ("7", "f", "e", "z"),
    ]:  # fmt: skip
        adapter.add_function(function(id, name, executor, colony))
    adapter.remove_function_by_name("c", "e", "f")
    assert ids(adapter.get_functions("c")) == ["3", "4"]
    adapter.remove_functions_by_executor_name("c", "e")
    assert ids(adapter.get_functions("c")) == ["4"]
    adapter.remove_function_by_id("4")
    assert adapter.get_functions("c") == []
    adapter.remove_functions_by_colony_name("d")
    assert adapter.get_functions("d") == []
    assert ids(adapter.get_functions("z")) == ["7"]
    adapter.add_function(function("8"))
    adapter.remove_functions()
    assert adapter.get_functions("z") == adapter.get_functions("c") == []


def test_what_is_absent(adapter):
    adapter.add_function(function("1"))
    for id in ("2", "", "x" * 3000):
        assert adapter.get_function_by_id(id) is None
        adapter.remove_function_by_id(id)
    for names in [("d", "e", "f"), ("c", "o", "f"), ("c", "e", "g")]:
        assert adapter.get_functions_by_executor_and_name(*names) is None
        adapter.remove_function_by_name(*names)
        adapter.remove_functions_by_executor_name(names[0], names[2])
    adapter.remove_functions_by_colony_name("d")
    assert adapter.get_functions("c") == [function("1")]


def test_what_is_returned_is_a_snapshot(adapter):
    given = function("1", args=[FunctionArg("n", "int")])
    adapter.add_function(given)
    given.args[0].name = "changed"
    for read in (adapter.get_function_by_id("1"), *adapter.get_functions("c")):
        assert read == function("1", args=[FunctionArg("n", "int")])
        read.args.clear()
        read.funcname = "changed"
    assert adapter.get_function_by_id("1") == function("1", args=[FunctionArg("n", "int")])


@pytest.mark.parametrize("bad", [None, {}, "f", 5, Function])
def test_what_is_no_function_is_refused(adapter, bad):
    for method in (adapter.add_function, adapter.update_function):
        with pytest.raises(SchemaError, match="function"):
            method(bad)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *((field, bad) for field in ("functionid", "executorname", "executortype", "colonyname",
                                     "funcname", "description", "locationname")
          for bad in (None, 5, "\ud800")),
        *(("counter", bad) for bad in (None, "5", 1.5, True, 2**63)),
        *((field, bad) for field in ("minwaittime", "maxexectime", "avgwaittime")
          for bad in (None, "1.0", True)),
        *(("args", bad) for bad in (None, "n", [None], ["n"], [{"name": "n"}])),
    ],
)  # fmt: skip
def test_fields_are_of_their_types(adapter, field, bad):
    adapter.add_function(function("1"))
    with pytest.raises(SchemaError):
        adapter.add_function(dataclasses.replace(function("2"), **{field: bad}))
    with pytest.raises(SchemaError):
        adapter.update_function(dataclasses.replace(function("1"), **{field: bad}))
    assert adapter.get_functions("c") == [function("1")]


@pytest.mark.parametrize("bad", [None, 5, b"c", {"$gt": ""}, "\ud800"], ids=repr)
def test_arguments_are_strings(adapter, bad):
    adapter.add_function(function("1"))
    one = (adapter.get_function_by_id, adapter.remove_function_by_id, adapter.get_functions,
           adapter.get_functions_by_colony_name, adapter.remove_functions_by_colony_name,
           adapter.count_functions_by_colony_name)  # fmt: skip
    for method in one:
        with pytest.raises(SchemaError):
            method(bad)
    for method in (adapter.get_functions_by_executor_name,
                   adapter.remove_functions_by_executor_name):  # fmt: skip
        for arguments in [(bad, "e"), ("c", bad)]:
            with pytest.raises(SchemaError):
                method(*arguments)
    for arguments in [(bad, ["e"]), ("c", bad), ("c", [bad]), ("c", "e")]:
        with pytest.raises(SchemaError):
            adapter.get_functions_by_executor_names(*arguments)
    numbers = (1, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
    for arguments in [(bad, "e", "f"), ("c", bad, "f"), ("c", "e", bad)]:
        for method in (adapter.get_functions_by_executor_and_name,
                       adapter.remove_function_by_name):  # fmt: skip
            with pytest.raises(SchemaError):
                method(*arguments)
        with pytest.raises(SchemaError):
            adapter.update_function_stats(*arguments, *numbers)
    for at in range(7):
        wrong = [*numbers[:at], "1", *numbers[at + 1 :]]
        with pytest.raises(SchemaError):
            adapter.update_function_stats("c", "e", "f", *wrong)
    assert adapter.get_functions("c") == [function("1")]
