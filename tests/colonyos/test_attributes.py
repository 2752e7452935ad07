"""Attributes: values of processes, whose state they follow."""

from __future__ import annotations

import dataclasses

import pytest

from support.colony_records import put_record
from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError, SchemaError
from velocity.py.colonyos import (
    CANCELLED,
    ENV,
    ERR,
    FAILED,
    IN,
    OUT,
    PENDING,
    RUNNING,
    SUCCESS,
    WAITING,
    Attribute,
    Conditions,
    Executor,
    FunctionSpec,
    Process,
    attributes,
)
from velocity.py.colonyos.attributes import attributes_of
from velocity.py.colonyos.identifiers import attribute_id


def attribute(key, targetid="p", type=ENV, colony="c", graph="", value="v", state=0):
    made = Attribute.create(targetid, colony, graph, type, key, value)
    made.state = state
    return made


def keys(attributes):
    return [each.key for each in attributes]


@pytest.fixture
def set_state(adapter):
    """Set the state of a process, of which nothing else is known, as the adapter's steps do."""

    def set_state(id, state, colony="c"):
        sequence = adapter._data.sequence.next()
        put_record(
            adapter, "processes", id, colonyname=colony, state=state, statesequence=sequence
        )

    return set_state


def test_an_attribute_reads_back_as_added(adapter):
    given = Attribute(attribute_id("p", "k", OUT), "p", "c", "g", SUCCESS, OUT, "k", "v")
    passed = dataclasses.replace(given)
    assert adapter.add_attribute(passed) is None
    assert passed == given
    assert adapter.get_attribute_by_id(given.attributeid) == given
    assert adapter.get_attribute("p", "k", OUT) == given
    assert adapter.get_attributes("p") == [given]
    assert adapter.get_attributes_by_type("p", OUT) == [given]
    assert adapter.get_attributes_by_colony_name("c") == [given]


@pytest.mark.parametrize("many", [False, True])
def test_an_empty_id_becomes_the_derived_one(adapter, many):
    given = Attribute(targetid="p", key="k", attributetype=ERR)
    if many:
        adapter.add_attributes([given])
    else:
        adapter.add_attribute(given)
    assert given.attributeid == attribute_id("p", "k", ERR)
    assert adapter.get_attribute_by_id(given.attributeid) == given


def test_the_same_key_and_type_on_the_same_target_is_the_same_attribute(adapter):
    adapter.add_attribute(attribute("k", value="first"))
    refused = Attribute(targetid="p", key="k", attributetype=ENV, value="second")
    with pytest.raises(DuplicateKeyError, match="'k'.*'p'.*already exists"):
        adapter.add_attribute(refused)
    assert refused.attributeid == ""
    adapter.add_attribute(attribute("k", type=IN))
    adapter.add_attribute(attribute("k", targetid="q"))
    adapter.add_attribute(attribute("K"))
    assert [each.value for each in adapter.get_attributes("p")] == ["first", "v", "v"]


def test_an_id_of_its_own_is_kept(adapter):
    adapter.add_attribute(Attribute("mine", "p", "c", "", 0, IN, "k", "v"))
    assert adapter.get_attribute("p", "k", IN).attributeid == "mine"
    with pytest.raises(DuplicateKeyError):
        adapter.add_attribute(Attribute("mine", "q", "c", "", 0, IN, "l", "v"))


def test_of_many_at_once_one_wins(adapter):
    def attempt(number):
        try:
            adapter.add_attribute(attribute("k", value=str(number)))
            return True
        except DuplicateKeyError:
            return False

    won = run_threads(attempt, 8)
    assert won.count(True) == 1
    assert adapter.get_attribute("p", "k", ENV).value == str(won.index(True))


def test_many_are_added_in_one_step(adapter):
    given = [attribute(key, targetid) for key in ("z", "a", "m") for targetid in "pq"]
    ids = {each.attributeid for each in given}
    changed = changes_of_one_step(adapter, lambda: adapter.add_attributes(given))
    assert changed == {"attributes": ids}
    assert adapter.get_attributes_by_colony_name("c") == given
    adapter.add_attributes([])


@pytest.mark.parametrize("place", [0, 1, 2])
@pytest.mark.parametrize("bad", ["there", "twice", None, "text", "field"])
def test_of_many_all_are_added_or_none(adapter, place, bad):
    adapter.add_attribute(attribute("there"))
    given = [attribute("a"), attribute("b")]
    wrong = {
        "there": attribute("there"), "twice": attribute("a"),
        "field": Attribute(targetid="p", value=None),
    }.get(bad, bad)  # fmt: skip
    given.insert(place, wrong)
    error = DuplicateKeyError if bad in ("there", "twice") else SchemaError
    with pytest.raises(error, match="already exists" if error is DuplicateKeyError else None):
        adapter.add_attributes(given)
    assert keys(adapter.get_attributes("p")) == ["there"]


def test_of_many_at_once_all_of_one_win(adapter):
    def attempt(number):
        try:
            adapter.add_attributes([attribute(key, value=str(number)) for key in "abc"])
            return True
        except DuplicateKeyError:
            return False

    won = run_threads(attempt, 8)
    assert won.count(True) == 1
    values = {each.value for each in adapter.get_attributes("p")}
    assert values == {str(won.index(True))}


def test_lists_are_in_the_order_of_adding(adapter):
    for key in ("z", "a", "m"):
        for type in (OUT, IN):
            adapter.add_attribute(attribute(key, type=type))
        adapter.add_attribute(attribute(key, targetid="q", colony="d"))
    assert keys(adapter.get_attributes("p")) == ["z", "z", "a", "a", "m", "m"]
    assert keys(adapter.get_attributes_by_type("p", IN)) == ["z", "a", "m"]
    assert keys(adapter.get_attributes_by_colony_name("d")) == ["z", "a", "m"]


def test_what_is_absent(adapter):
    adapter.add_attribute(attribute("k"))
    id = attribute_id("p", "k", ENV)
    for unknown in ("unknown", "", "x" * 3000):
        with pytest.raises(NotFoundError, match="no attribute"):
            adapter.get_attribute_by_id(unknown)
        with pytest.raises(NotFoundError, match="no attribute"):
            adapter.update_attribute(Attribute(attributeid=unknown))
        assert adapter.get_attributes(unknown) == []
        assert adapter.get_attributes_by_colony_name(unknown) == []
        adapter.remove_attribute_by_id(unknown)
        adapter.set_attribute_state(unknown, SUCCESS)
        adapter.remove_all_attributes_by_target_id(unknown)
        adapter.remove_attributes_by_target_id(unknown, ENV)
        adapter.remove_all_attributes_by_colony_name("unknown")
    for target, key, type in [("q", "k", ENV), ("p", "l", ENV), ("p", "k", IN)]:
        with pytest.raises(NotFoundError, match="no attribute"):
            adapter.get_attribute(target, key, type)
    assert adapter.get_attributes_by_type("p", IN) == []
    assert adapter.get_attribute_by_id(id) == attribute("k")


def test_updating_sets_the_value_of_that_one_alone(adapter):
    adapter.add_attributes([attribute("k"), attribute("l")])
    other = attribute("k", value="new", state=FAILED)
    other.key, other.targetid, other.targetcolonyname = "other", "other", "other"
    adapter.update_attribute(other)
    assert adapter.get_attributes("p") == [attribute("k", value="new"), attribute("l")]
    assert adapter.get_attributes("other") == []


def test_setting_the_state_of_a_targets_attributes(adapter):
    adapter.add_attributes([attribute("k"), attribute("l", type=IN), attribute("k", targetid="q")])
    changed = changes_of_one_step(adapter, lambda: adapter.set_attribute_state("p", FAILED))
    assert len(changed["attributes"]) == 2
    assert [each.state for each in adapter.get_attributes("p")] == [FAILED, FAILED]
    assert adapter.get_attribute("q", "k", ENV).state == PENDING


def test_the_state_follows_the_process(adapter, set_state):
    """What was set last counts: the process's state or the attribute's own."""
    set_state("p", RUNNING)
    adapter.add_attribute(attribute("k"))  # starts with its own
    adapter.add_attribute(attribute("of another", targetid="q", state=FAILED))

    def states():
        read = adapter.get_attribute("p", "k", ENV)
        assert adapter.get_attribute_by_id(read.attributeid) == read
        assert adapter.get_attributes("p") == adapter.get_attributes_by_type("p", ENV) == [read]
        assert adapter.get_attributes_by_colony_name("c")[0] == read
        assert attributes_of(adapter._data, "p", adapter._data.processes["p"]) == [read]
        assert adapter.get_attribute("q", "of another", ENV).state == FAILED
        return read.state

    assert states() == PENDING
    for state in (RUNNING, SUCCESS, FAILED, CANCELLED, WAITING, RUNNING):
        set_state("p", state)
        assert states() == state
    adapter.set_attribute_state("p", CANCELLED)
    assert states() == CANCELLED
    set_state("p", SUCCESS)
    assert states() == SUCCESS
    adapter.update_attribute(attribute("k", value="new"))
    assert states() == SUCCESS


def test_the_state_is_set_by_each_step_of_a_process(adapter):
    adapter.add_executor(Executor("e1", "t", "e", "c"))

    def added(id):
        process = Process.create(FunctionSpec(conditions=Conditions("c", executortype="t"),
                                              env={"k": "v"}))  # fmt: skip
        process.processid = id
        adapter.add_process(process)
        return process

    def states(id):
        (read,) = adapter.get_attributes(id)
        (held,) = adapter.get_process_by_id(id).attributes
        assert read == held
        return read.state

    process = added("p")
    assert states("p") == PENDING
    for step, state in [
        (lambda: adapter.assign("e1", process), RUNNING),
        (lambda: adapter.unassign(process), PENDING),
        (lambda: adapter.select_and_assign("c", "e1", "e", "t", ""), RUNNING),
        (lambda: adapter.reset_process(process), WAITING),
        (lambda: adapter.assign("e1", process), RUNNING),
        (lambda: adapter.remove_executor_by_name("c", "e"), PENDING),
        (lambda: adapter.assign("e1", process), RUNNING),
        (lambda: adapter.remove_executors_by_colony_name("c"), PENDING),
        (lambda: adapter.set_process_state("p", CANCELLED), CANCELLED),
        (lambda: adapter.set_process_state("p", RUNNING), RUNNING),
        (lambda: adapter.mark_successful("p"), SUCCESS),
    ]:
        step()
        assert states("p") == state
    added("q")
    adapter.mark_failed("q", ["error"])
    assert states("q") == FAILED
    added("r")
    adapter.mark_cancelled("r")
    assert states("r") == CANCELLED


def test_attributes_of_nothing(adapter):
    assert attributes_of(adapter._data, "p", None) == []
    adapter.add_attribute(attribute("k"))
    assert attributes_of(adapter._data, "q", None) == []
    assert attributes_of(adapter._data, "p", None) == [attribute("k")]


@pytest.mark.parametrize("count", [15, 16, 17, 100])
def test_attributes_of_a_target_are_all_of_them(adapter, count):
    given = [attribute(f"k{number}") for number in range(count)]
    adapter.add_attributes(given)
    assert attributes_of(adapter._data, "p", None) == given


def place(adapter, set_state):
    """Attributes in and out of graphs, of two colonies, of processes in two states."""
    for colony in "cd":
        for graph in ("", "g", "h"):
            for state in (RUNNING, SUCCESS):
                process = f"{colony}{graph or '-'}{state}"
                for type in (IN, ENV):
                    adapter.add_attribute(attribute(process, process, type, colony, graph))
                set_state(process, state, colony)
    adapter.add_attribute(attribute("own", "nobody", IN, "c", "", state=SUCCESS))


ALL = [f"{colony}{graph}{state}" for colony in "cd" for graph in "-gh" for state in (1, 2)]


@pytest.mark.parametrize(
    ("method", "arguments", "gone"),
    [
        ("by_colony_name", ["c"], ["c-1", "c-2", "cg1", "cg2", "ch1", "ch2", "own"]),
        ("by_colony_name_with_state", ["c", SUCCESS], ["c-2", "own"]),
        ("by_colony_name_with_state", ["c", RUNNING], ["c-1"]),
        ("by_colony_name_with_state", ["c", WAITING], []),
        ("by_colony_name_with_state", ["d", SUCCESS], ["d-2"]),
        ("by_process_graph_id", ["g"], ["cg1", "cg2", "dg1", "dg2"]),
        ("in_process_graphs_by_colony_name", ["c"], ["cg1", "cg2", "ch1", "ch2"]),
        ("in_process_graphs_by_colony_name_with_state", ["c", SUCCESS], ["cg2", "ch2"]),
        ("in_process_graphs_by_colony_name_with_state", ["d", RUNNING], ["dg1", "dh1"]),
        ("by_target_id", ["cg1"], ["cg1"]),
        ("", [], [*ALL, "own"]),
    ],
)  # fmt: skip
def test_removing_all_of_some(adapter, set_state, method, arguments, gone):
    place(adapter, set_state)
    name = f"remove_all_attributes_{method}".rstrip("_")
    changed = changes_of_one_step(adapter, lambda: getattr(adapter, name)(*arguments))
    assert set(changed) == ({"attributes"} if gone else set())
    left = keys(adapter.get_attributes_by_colony_name("c"))
    left += keys(adapter.get_attributes_by_colony_name("d"))
    twice = [key for key in ALL if key not in gone for _ in (IN, ENV)]
    assert sorted(left) == sorted([*twice, *({"own"} - set(gone))])


def test_removing_one_and_those_of_a_type(adapter):
    adapter.add_attributes([attribute(key, type=type) for key in "ab" for type in (IN, ENV)])
    adapter.remove_attribute_by_id(attribute_id("p", "a", ENV))
    assert keys(adapter.get_attributes("p")) == ["a", "b", "b"]
    adapter.remove_attributes_by_target_id("p", IN)
    assert adapter.get_attributes("p") == [attribute("b")]


def test_one_whose_process_changes_meanwhile_stays(adapter, set_state, monkeypatch):
    """The process leaves the state after it was looked at: its attribute is not removed for it."""
    adapter.add_attribute(attribute("k"))
    set_state("p", FAILED)
    looks = []

    def effective_state(read, process):
        looks.append(process["state"])
        if len(looks) == 1:
            set_state("p", RUNNING)
        return process["state"]

    monkeypatch.setattr(attributes, "effective_state", effective_state)
    adapter.remove_all_attributes_by_colony_name_with_state("c", FAILED)
    assert looks == [FAILED, RUNNING]
    assert [each.state for each in adapter.get_attributes("p")] == [RUNNING]


def test_what_is_returned_is_a_snapshot(adapter):
    given = attribute("k")
    adapter.add_attribute(given)
    given.value = "changed"
    for read in (adapter.get_attribute("p", "k", ENV), *adapter.get_attributes("p")):
        assert read == attribute("k")
        read.value = read.key = "changed"
    assert adapter.get_attributes("p") == [attribute("k")]


@pytest.mark.parametrize("bad", [None, {}, "k", 5, Attribute])
def test_what_is_no_attribute_is_refused(adapter, bad):
    for method in (adapter.add_attribute, adapter.update_attribute):
        with pytest.raises(SchemaError, match="attribute"):
            method(bad)
    with pytest.raises(SchemaError, match="attribute"):
        adapter.add_attributes([attribute("a"), bad])
    if bad != {}:
        with pytest.raises(SchemaError, match="attributes"):
            adapter.add_attributes(bad)
    assert adapter.get_attributes("p") == []


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *((field, bad) for field in ("attributeid", "targetid", "targetcolonyname",
                                     "targetprocessgraphid", "key", "value")
          for bad in (None, 5, "\ud800")),
        *((field, bad) for field in ("state", "attributetype") for bad in (None, "1", 1.5, 2**63)),
    ],
)  # fmt: skip
def test_fields_are_of_their_types(adapter, field, bad):
    with pytest.raises(SchemaError):
        adapter.add_attribute(dataclasses.replace(attribute("k"), **{field: bad}))
    with pytest.raises(SchemaError):
        adapter.add_attributes([dataclasses.replace(attribute("k"), **{field: bad})])
    assert adapter.get_attributes("p") == []


@pytest.mark.parametrize("bad", [None, 5, b"c", {"$gt": ""}, "\ud800"], ids=repr)
def test_arguments_are_of_their_types(adapter, bad):
    adapter.add_attribute(attribute("k"))
    calls = {
        "get_attribute_by_id": [(bad,)],
        "get_attributes_by_colony_name": [(bad,)],
        "get_attribute": [(bad, "k", ENV), ("p", bad, ENV), ("p", "k", "3"), ("p", "k", None)],
        "get_attributes": [(bad,)],
        "get_attributes_by_type": [(bad, ENV), ("p", "3")],
        "update_attribute": [(Attribute(attributeid=bad),),
                             (dataclasses.replace(attribute("k"), value=bad),)],
        "set_attribute_state": [(bad, FAILED), ("p", "3"), ("p", None)],
        "remove_attribute_by_id": [(bad,)],
        "remove_all_attributes_by_colony_name": [(bad,)],
        "remove_all_attributes_by_colony_name_with_state": [(bad, 0), ("c", "0")],
        "remove_all_attributes_by_process_graph_id": [(bad,)],
        "remove_all_attributes_in_process_graphs_by_colony_name": [(bad,)],
        "remove_all_attributes_in_process_graphs_by_colony_name_with_state": [(bad, 0), ("c", None)],
        "remove_attributes_by_target_id": [(bad, ENV), ("p", "3")],
        "remove_all_attributes_by_target_id": [(bad,)],
    }  # fmt: skip
    for name, wrong in calls.items():
        for arguments in wrong:
            with pytest.raises(SchemaError):
                getattr(adapter, name)(*arguments)
    assert adapter.get_attributes("p") == [attribute("k")]
