"""Adding processes: what is written, what the object gets, what is refused; reading them back."""

from __future__ import annotations

import copy
import pickle
from datetime import timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.one_step import changes_of_one_step
from support.processes import add, spec, stored
from support.threads import run_threads
from velocity import Config, DuplicateKeyError, SchemaError
from velocity.py.colonyos import (
    ENV,
    FAILED,
    GPU,
    IN,
    WAITING,
    ZERO_TIME,
    Attribute,
    ColonyOSAdapter,
    Conditions,
    Filesystem,
    FunctionSpec,
    Process,
    SnapshotMount,
    SyncDirMount,
)
from velocity.py.colonyos.store import now

DAY_NS = 86_400 * 10**9
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=4), inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


def unix_ns(time):
    return (time - ZERO_TIME) // timedelta(microseconds=1) * 1000 - 62_135_596_800 * 10**9


def test_what_adding_decides(adapter):
    process = Process.create(spec(priority=3, maxwaittime=50))
    process.execdeadline = now() + timedelta(hours=1)
    process.starttime = process.endtime = now()
    process.retries = 7
    before = now()
    adapter.add_process(process)
    assert before <= process.submissiontime <= now()
    assert process.prioritytime == unix_ns(process.submissiontime) - 3 * DAY_NS
    assert process.waitdeadline == process.submissiontime + timedelta(seconds=50)
    found = stored(adapter, process)
    assert (found.state, found.isassigned, found.assignedexecutorid) == (WAITING, False, "")
    assert (found.starttime, found.endtime, found.retries) == (ZERO_TIME, ZERO_TIME, 0)
    assert found.execdeadline == process.execdeadline
    for name in ("submissiontime", "prioritytime", "waitdeadline"):
        assert getattr(found, name) == getattr(process, name)


@pytest.mark.parametrize("maxwaittime", [0, -1, -50])
def test_without_a_waiting_time_there_is_no_deadline(adapter, maxwaittime):
    assert add(adapter, maxwaittime=maxwaittime).waitdeadline == ZERO_TIME


def test_times_beyond_what_a_time_can_say(adapter):
    process = add(adapter, maxwaittime=2**62, maxexectime=2**62)
    adapter.assign("e", process)
    assert stored(adapter, process).waitdeadline.year == 9999
    assert stored(adapter, process).execdeadline.year == process.execdeadline.year == 9999


def test_a_state_and_an_assignment_are_taken_as_they_are(adapter):
    process = add(adapter, state=FAILED, isassigned=True, assignedexecutorid="x", waitforparents=True,
                  initiatorid="i", initiatorname="n", processgraphid="g", parents=["p"], children=["q"],
                  input=[1], output=[{"a": 2**80}], errors=["e"])  # fmt: skip
    assert stored(adapter, process).to_dict() == process.to_dict() | {
        "spec": stored(adapter, process).spec.to_dict()
    }


def test_an_empty_id_gets_a_new_one(adapter):
    process = Process(spec=spec())
    adapter.add_process(process)
    assert len(process.processid) == 64
    assert adapter.get_process_by_id(process.processid) is not None


def test_an_id_is_taken_once(adapter):
    process = add(adapter)
    other = Process.create(spec(priority=5, env={"A": "1"}))
    other.processid = process.processid
    before = copy.deepcopy(other)
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_process(other)
    assert other == before
    assert stored(adapter, process).spec.priority == 0
    assert adapter.get_attributes(process.processid) == []
    one = Process(processid="same", spec=spec())

    def race(_):
        try:
            adapter.add_process(copy.copy(one))
            return 1
        except DuplicateKeyError:
            return 0

    assert sum(run_threads(race, 8)) == 1


def test_env_becomes_attributes_in_the_same_step(adapter):
    process = Process.create(spec(env={"A": "1", "B": "2"}))
    process.processgraphid = "g"
    changed = changes_of_one_step(adapter, lambda: adapter.add_process(process))
    assert changed["processes"] == {process.processid} and len(changed["attributes"]) == 2
    found = adapter.get_attributes(process.processid)
    assert [(each.key, each.value, each.attributetype) for each in found] == [("A", "1", ENV), ("B", "2", ENV)]
    assert {(each.targetcolonyname, each.targetprocessgraphid, each.state) for each in found} == {("c", "g", 0)}
    assert process.attributes == found == stored(adapter, process).attributes
    assert stored(adapter, process).spec.env == {"A": "1", "B": "2"}
    read = stored(adapter, process)
    adapter.update_attribute(Attribute(attributeid=found[0].attributeid, value="changed"))
    adapter.add_attribute(Attribute.create(process.processid, "c", "", ENV, "C", "3"))
    adapter.add_attribute(Attribute.create(process.processid, "c", "", IN, "D", "4"))
    assert stored(adapter, process).spec.env == {"A": "changed", "B": "2", "C": "3"}
    assert len(stored(adapter, process).attributes) == 4
    assert read.spec.env == {"A": "1", "B": "2"}  # a snapshot, though it was not looked at before


def test_attributes_that_it_has_already_are_added(adapter):
    process = Process.create(spec(env={"A": "new"}))
    process.attributes = [
        Attribute.create(process.processid, "c", "", ENV, "A", "old"),
        Attribute.create(process.processid, "c", "", IN, "B", "1"),
    ]
    adapter.add_process(process)
    assert {each.key: each.value for each in process.attributes} == {"A": "new", "B": "1"}
    assert stored(adapter, process).attributes == process.attributes
    assert stored(adapter, process).spec.env == {"A": "new"}


@pytest.mark.parametrize(
    ("given_", "cpu"), [("", "0m"), ("500m", "500m"), ("0m", "0m"), ("4", "0m"), ("007m", "7m")]
)
def test_cpu_is_read_back_normalised(adapter, given_, cpu):
    assert stored(adapter, add(adapter, conditions={"cpu": given_})).spec.conditions.cpu == cpu


@pytest.mark.parametrize(
    ("given_", "mem"),
    [("", "0Mi"), ("10G", "9536Mi"), ("1Gi", "1024Mi"), ("2tib", "2097152Mi"), ("1023Ki", "0Mi"), ("5MB", "4Mi")],
)
def test_memory_is_read_back_normalised(adapter, given_, mem):
    sizes = {"mem": given_, "storage": given_, "gpu": GPU(mem=given_, count=1)}
    found = stored(adapter, add(adapter, conditions=sizes)).spec.conditions
    assert (found.mem, found.storage, found.gpu.mem) == (mem, mem, mem)


@pytest.mark.parametrize("names", [[], ["*"], ["a"], ["a", "*"], ["a", "a"]])
def test_executor_names(adapter, names):
    found = stored(adapter, add(adapter, conditions={"executornames": names}))
    assert found.spec.conditions.executornames == ([] if names == ["*"] else names)


@given(args=st.lists(JSON, max_size=3), kwargs=st.dictionaries(st.text("ab.$:", max_size=3), JSON, max_size=3),
       out=st.lists(JSON, max_size=2))  # fmt: skip
def test_a_specification_goes_round(args, kwargs, out):
    whole = FunctionSpec(
        "node", "f", args, kwargs, -7, 5, 6, -1,
        Conditions("c", ["a"], "t", "Home", ["x", "y"], 1, "5m", 2, 3, "4Mi", "5Mi", GPU("g", "6Mi", 7, 8), 9),
        "label", Filesystem("/m", [SnapshotMount("s", "l", "d", True)], [SyncDirMount("l", "d")]),
        {"E": "1"}, ["ch"],
    )  # fmt: skip
    with ColonyOSAdapter(Config(storage_mode="memory-only")) as adapter:
        process = Process.create(whole)
        process.input, process.output = args, out
        adapter.add_process(process)
        found = stored(adapter, process)
        assert found.spec == whole and found.spec.to_json() == whole.to_json()
        assert found == process
        assert Process.from_json(found.to_json()) == found


def test_what_is_read_is_a_snapshot_like_any_other(adapter):
    process = add(adapter, args=[1, {"a": [2]}], env={"A": "1"}, parents=["p"])
    for read in (copy.copy, copy.deepcopy, lambda it: pickle.loads(pickle.dumps(it)), lambda it: it):
        found = read(stored(adapter, process))
        assert found == stored(adapter, process) and repr(found) == repr(stored(adapter, process))
        found.spec.args[1]["a"].append(3)
        found.parents.append("q")
        found.attributes.clear()
        found.spec.conditions.executornames.append("x")
        assert stored(adapter, process).spec.args == [1, {"a": [2]}]
        assert stored(adapter, process).parents == ["p"]
        assert len(stored(adapter, process).attributes) == 1


def bad(**fields):
    return Process.create(spec(**fields))


BAD = {
    "cpu m": lambda: bad(conditions={"cpu": "m"}),
    "cpu xm": lambda: bad(conditions={"cpu": "xm"}),
    "cpu type": lambda: bad(conditions={"cpu": 5}),
    "mem unit": lambda: bad(conditions={"mem": "10"}),
    "mem unknown": lambda: bad(conditions={"mem": "10X"}),
    "storage": lambda: bad(conditions={"storage": "Gi"}),
    "gpu mem": lambda: bad(conditions={"gpu": GPU(mem="1")}),
    "nan": lambda: bad(args=[float("nan")]),
    "bytes": lambda: bad(kwargs={"a": b"x"}),
    "set": lambda: bad(args=[{1}]),
    "keys": lambda: bad(kwargs={1: 2}),
    "args": lambda: bad(args="text"),
    "kwargs": lambda: bad(kwargs=[1]),
    "names": lambda: bad(conditions={"executornames": [None]}),
    "names text": lambda: bad(conditions={"executornames": "abc"}),
    "priority": lambda: bad(priority="high"),
    "priority bool": lambda: bad(priority=True),
    "priority size": lambda: bad(priority=2**62),
    "maxwaittime": lambda: bad(maxwaittime=1.5),
    "maxexectime": lambda: bad(maxexectime="1"),
    "maxretries": lambda: bad(maxretries=2**70),
    "nodes": lambda: bad(conditions={"nodes": "2"}),
    "location": lambda: bad(conditions={"locationname": None}),
    "label": lambda: bad(label=5),
    "funcname": lambda: bad(funcname=None),
    "env": lambda: bad(env={"A": 5}),
    "env key": lambda: bad(env={5: "A"}),
    "env list": lambda: bad(env=["A"]),
    "env text": lambda: bad(env="A"),
    "attributes": lambda: Process(spec=spec(), attributes=5),
    "an attribute": lambda: Process(spec=spec(env={"A": "1"}), attributes=["A"]),
    "fs": lambda: bad(fs={"mount": "/"}),
    "channels": lambda: bad(channels=[5]),
    "spec": lambda: Process(spec=None),
    "conditions": lambda: Process(spec=FunctionSpec(conditions=None)),
    "input": lambda: Process(spec=spec(), input=[{1}]),
    "state": lambda: Process(spec=spec(), state="WAITING"),
    "id": lambda: Process(processid=5, spec=spec()),
    "long id": lambda: Process(processid="x" * 2000, spec=spec()),
    "deadline": lambda: Process(spec=spec(), execdeadline=now().replace(tzinfo=None)),
    "none": lambda: None,
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_writes_nothing(adapter, name):
    process = BAD[name]()
    before = copy.deepcopy(process)
    with pytest.raises(SchemaError):
        adapter.add_process(process)
    assert process == before
    assert adapter.count_processes() == 0 and len(adapter._data.attributes) == 0


def test_any_zone_is_read_back_in_utc(adapter):
    deadline = now().astimezone(timezone(timedelta(hours=5)))
    found = stored(adapter, add(adapter, execdeadline=deadline)).execdeadline
    assert found == deadline and found.tzinfo is timezone.utc


@pytest.mark.parametrize("id", ["absent", "", "x" * 5000])
def test_absent_ones(adapter, id):
    add(adapter)
    assert adapter.get_process_by_id(id) is None
