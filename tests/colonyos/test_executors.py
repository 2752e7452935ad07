"""Executors: unique by name, registered again after they were removed; what they leave behind."""

from __future__ import annotations

import dataclasses
from datetime import datetime, timedelta, timezone

import pytest

from support.colony_records import put_record
from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError, SchemaError
from velocity.py.colonyos import (
    APPROVED,
    CANCELLED,
    FAILED,
    GPU,
    PENDING,
    REJECTED,
    RUNNING,
    SUCCESS,
    UNREGISTERED,
    WAITING,
    ZERO_TIME,
    Allocations,
    Attribute,
    Capabilities,
    Conditions,
    Executor,
    Function,
    FunctionSpec,
    Hardware,
    Process,
    Project,
    Software,
)

HEARD = datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=timezone.utc)
CAPABILITIES = Capabilities(
    [Hardware("pi", 2, "4000m", 4, "8Gi", "64Gi", GPU("none", "0Gi", 0, 0), "linux", "arm64",
              ["10.0.0.1"])],
    [Software("python", "interpreter", "3.12")],
)  # fmt: skip
ALLOCATIONS = Allocations({"p": Project(1, 2, 3, 4, 5, 6), "$q.r": Project()})


def executor(name, id="", colonyname="c", **fields):
    return Executor(
        executorid=id, executortype="python", executorname=name, colonyname=colonyname, **fields
    )


def names(executors):
    return [each.executorname for each in executors]


def clock():
    return datetime.now(timezone.utc)


def test_an_executor_reads_back_as_added(adapter):
    given = executor(
        "e", "1", state=APPROVED, requirefuncreg=True, commissiontime=HEARD,
        lastheardfromtime=HEARD, locationname="home", capabilities=CAPABILITIES,
        allocations=ALLOCATIONS, blueprintid="b", blueprintgen=7,
    )  # fmt: skip
    passed = dataclasses.replace(given)
    begin = clock()
    adapter.add_executor(passed)
    end = clock()
    assert passed == given  # the object keeps its state and times
    read = adapter.get_executor_by_id("1")
    assert begin <= read.commissiontime <= end
    assert read == dataclasses.replace(given, state=PENDING, commissiontime=read.commissiontime)
    assert adapter.get_executor_by_name("c", "e") == read
    assert adapter.get_executors() == [read]
    assert adapter.get_executors_by_colony_name("c") == [read]
    assert adapter.get_executors_by_blueprint_id("b") == [read]


def test_an_empty_id_gets_a_new_one(adapter):
    given = executor("e")
    adapter.add_executor(given)
    assert len(given.executorid) == 64
    assert adapter.get_executor_by_id(given.executorid).executorname == "e"


@pytest.mark.parametrize("state", [PENDING, APPROVED, REJECTED])
def test_a_name_is_taken_in_its_colony_only(adapter, state):
    adapter.add_executor(executor("e", "1"))
    adapter._set("c", "e", {"state": state})
    before = adapter.get_executors()
    refused = executor("e")
    with pytest.raises(DuplicateKeyError, match="'e'.*'c'.*already exists"):
        adapter.add_executor(refused)
    assert refused.executorid == ""
    assert adapter.get_executors() == before
    adapter.add_executor(executor("e", "2", "d"))
    adapter.add_executor(executor("E", "3"))
    assert adapter.count_executors() == 3


def test_one_that_was_removed_is_registered_again(adapter):
    first = executor(
        "e", "1", requirefuncreg=True, lastheardfromtime=HEARD, locationname="home",
        capabilities=CAPABILITIES, allocations=ALLOCATIONS, blueprintid="b", blueprintgen=7,
    )  # fmt: skip
    adapter.add_executor(first)
    adapter.add_executor(executor("later"))
    adapter.remove_executor_by_name("c", "e")
    again = Executor(
        executorid="2", executortype="perl", executorname="e", colonyname="c", state=APPROVED,
        requirefuncreg=False, lastheardfromtime=HEARD + timedelta(days=1), locationname="away",
        capabilities=Capabilities([], [Software("perl")]), allocations=Allocations(),
        blueprintid="b2", blueprintgen=8,
    )  # fmt: skip
    begin = clock()
    adapter.add_executor(again)
    read = adapter.get_executor_by_name("c", "e")
    assert begin <= read.commissiontime <= clock()
    assert read == dataclasses.replace(
        again, state=PENDING, requirefuncreg=True, commissiontime=read.commissiontime
    )
    assert adapter.get_executor_by_id("1") is None
    assert adapter.get_executor_by_id("2") == read
    assert adapter.get_executors_by_blueprint_id("b") == []
    assert names(adapter.get_executors()) == ["e", "later"]  # one record, in its place
    with pytest.raises(DuplicateKeyError):
        adapter.add_executor(again)


def test_registering_again_gives_an_empty_id_a_new_one(adapter):
    adapter.add_executor(executor("e", "1"))
    adapter.remove_executor_by_name("c", "e")
    again = executor("e")
    adapter.add_executor(again)
    assert len(again.executorid) == 64
    assert adapter.get_executor_by_name("c", "e").executorid == again.executorid


@pytest.mark.parametrize("removed", [False, True])
def test_of_many_at_once_one_wins(adapter, removed):
    def attempt(number):
        try:
            adapter.add_executor(executor("e", str(number)))
            return True
        except DuplicateKeyError:
            return False

    for _ in range(10):
        if removed:
            adapter.add_executor(executor("e", "old"))
            adapter.remove_executor_by_name("c", "e")
        won = run_threads(attempt, 8)
        assert won.count(True) == 1
        (read,) = adapter.get_executors_by_colony_name("c")
        assert (read.executorid, read.state) == (str(won.index(True)), PENDING)
        adapter.remove_executors_by_colony_name("c")


def test_adding_and_removing_at_once(adapter):
    """Each registration is ended by one removal: never is one added that is there."""
    adapter.add_executor(executor("e", "0"))

    def work(number):
        added = removed = 0
        for _ in range(100):
            try:
                adapter.add_executor(executor("e"))
                added += 1
            except DuplicateKeyError:
                adapter.remove_executor_by_name("c", "e")
                removed += 1
        return added, removed

    counts = run_threads(work, 4)
    added, removed = (sum(each) for each in zip(*counts))
    (read,) = adapter.get_executors_by_colony_name("c")
    assert added + removed == 400
    assert read.state in (PENDING, UNREGISTERED)
    assert added <= removed  # some removals met one that was removed already
    assert adapter.count_executors() == (read.state == PENDING)


def test_approving_and_rejecting(adapter):
    for name in ("a", "b"):
        adapter.add_executor(executor(name, name))
    given = executor("another name", "a", "another colony")
    adapter.approve_executor(given)
    assert given.state == APPROVED
    assert adapter.get_executor_by_id("a").state == APPROVED
    adapter.reject_executor(given)
    assert given.state == REJECTED
    read = adapter.get_executor_by_id("a")
    assert (read.state, read.executorname) == (REJECTED, "a")
    assert adapter.get_executor_by_id("b").state == PENDING
    unknown = executor("a", "unknown")
    adapter.approve_executor(unknown)
    assert unknown.state == PENDING
    assert adapter.get_executor_by_id("a").state == REJECTED


def test_marking_alive(adapter):
    for name in ("a", "b"):
        adapter.add_executor(executor(name, name, lastheardfromtime=HEARD))
    given = adapter.get_executor_by_id("a")
    kept = dataclasses.replace(given)
    begin = clock()
    adapter.mark_alive(given)
    read = adapter.get_executor_by_id("a")
    assert begin <= read.lastheardfromtime <= clock()
    assert given == kept
    assert read == dataclasses.replace(kept, lastheardfromtime=read.lastheardfromtime)
    assert adapter.get_executor_by_id("b").lastheardfromtime == HEARD
    adapter.mark_alive(executor("a", "unknown"))
    assert names(adapter.get_executors()) == ["a", "b"]


def test_allocations_and_capabilities_are_replaced(adapter):
    adapter.add_executor(executor("e", "1", allocations=Allocations({"old": Project(1)})))
    adapter.add_executor(executor("e", "2", "d"))
    before = adapter.get_executor_by_id("1")
    adapter.set_allocations("c", "e", ALLOCATIONS)
    assert adapter.get_executor_by_id("1") == dataclasses.replace(before, allocations=ALLOCATIONS)
    adapter.update_executor_capabilities("c", "e", CAPABILITIES)
    assert adapter.get_executor_by_id("1") == dataclasses.replace(
        before, allocations=ALLOCATIONS, capabilities=CAPABILITIES
    )
    assert adapter.get_executor_by_id("2").allocations == Allocations()
    for colony, name in [("c", "x"), ("x", "e"), ("c", ""), ("c", "x" * 3000)]:
        with pytest.raises(NotFoundError, match="no executor"):
            adapter.set_allocations(colony, name, ALLOCATIONS)
        with pytest.raises(NotFoundError, match="no executor"):
            adapter.update_executor_capabilities(colony, name, CAPABILITIES)


def test_lists_and_counts(adapter):
    for colony, name in [("c", "z"), ("d", "z"), ("c", "a"), ("c", "m"), ("c", "b")]:
        adapter.add_executor(executor(name, colony + name, colony, blueprintid="b"))
    adapter.add_executor(executor("none", "none"))
    adapter.remove_executor_by_name("c", "a")
    adapter.approve_executor(executor("", "cm"))
    adapter.reject_executor(executor("", "cb"))
    assert names(adapter.get_executors()) == ["z", "z", "m", "b", "none"]
    assert names(adapter.get_executors_by_colony_name("c")) == ["z", "a", "m", "b", "none"]
    assert names(adapter.get_executors_by_blueprint_id("b")) == ["z", "z", "a", "m", "b"]
    assert names(adapter.get_executors_by_blueprint_id("")) == ["none"]
    assert adapter.get_executors_by_blueprint_id("other") == []
    assert adapter.get_executors_by_colony_name("e") == []
    assert adapter.get_executor_by_id("ca").state == UNREGISTERED
    assert adapter.get_executor_by_name("c", "a").state == UNREGISTERED
    assert adapter.count_executors() == 5
    assert adapter.count_executors_by_colony_name("c") == 5
    assert adapter.count_executors_by_colony_name("e") == 0
    by_state = adapter.count_executors_by_colony_name_and_state
    states = (PENDING, APPROVED, REJECTED, UNREGISTERED)
    assert [by_state("c", state) for state in states] == [2, 1, 1, 1]
    assert by_state("d", PENDING) == 1
    assert by_state("c", 17) == 0


def test_an_id_that_several_have(adapter):
    for colony, name in [("d", "b"), ("c", "a"), ("c", "z")]:
        adapter.add_executor(executor(name, "same", colony))
    assert adapter.get_executor_by_id("same").executorname == "b"  # the oldest
    adapter.change_executor_id("c", "same", "new")
    assert adapter.get_executor_by_id("same").executorname == "b"
    assert adapter.get_executor_by_id("new").executorname == "a"


def test_what_is_absent(adapter):
    adapter.add_executor(executor("e", "1"))
    before = adapter.get_executors()
    for id in ("2", "", "x" * 3000):
        assert adapter.get_executor_by_id(id) is None
        adapter.change_executor_id("c", id, "9")
    adapter.change_executor_id("d", "1", "9")
    for colony, name in [("d", "e"), ("c", "f"), ("c", ""), ("c", "x" * 3000)]:
        assert adapter.get_executor_by_name(colony, name) is None
        with pytest.raises(NotFoundError, match="no executor"):
            adapter.remove_executor_by_name(colony, name)
    adapter.remove_executors_by_colony_name("d")
    assert adapter.get_executors() == before


class Processes:
    """Processes put past the adapter's methods, in the colony's every state."""

    STARTED = datetime(2024, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    SET = datetime(2024, 9, 9, tzinfo=timezone.utc)

    def __init__(self, adapter):
        self._adapter = adapter

    def put(self, id, state=RUNNING, executorid="1", colonyname="c", **fields):
        number = self._adapter._data.sequence.next()
        put_record(self._adapter, "processes", id, **{
            "colonyname": colonyname, "state": state, "isassigned": state != WAITING,
            "assignedexecutorid": executorid, "starttime": self.STARTED,
            "prioritytime": 1000 - number, "sequence": number, "statesequence": number,
            "order": 7, "tie": 8, "retries": 2, "waitdeadline": self.SET, **fields,
        })  # fmt: skip

    def __getitem__(self, id):
        return self._adapter._data.processes[id].fields

    def is_requeued(self, id, before):
        """As it was but back in its place, with a state that was set just now."""
        after = self[id]
        assert after["statesequence"] > before["statesequence"]
        return after == {
            **before, "state": WAITING, "isassigned": False, "assignedexecutorid": "",
            "starttime": ZERO_TIME, "endtime": ZERO_TIME, "order": before["prioritytime"],
            "tie": before["sequence"], "statesequence": after["statesequence"],
            "execdeadline": after["execdeadline"], "execdeadlineset": True,
        }  # fmt: skip


@pytest.fixture
def processes(adapter):
    return Processes(adapter)


def test_what_a_removed_executor_runs_goes_back_to_the_queue(adapter, processes):
    adapter.add_executor(executor("e", "1"))
    adapter.add_executor(executor("other", "2"))
    for function in ("f", "g"):
        adapter.add_function(Function(f"e{function}", "e", "python", "c", function))
    adapter.add_function(Function("of other", "other", "python", "c", "f"))
    adapter.add_function(Function("of d", "e", "python", "d", "f"))
    processes.put("a")
    processes.put("b", endtime=processes.STARTED)
    states = (WAITING, SUCCESS, FAILED, CANCELLED)
    for state in states:
        processes.put(f"state {state}", state)
    processes.put("of other", executorid="2")
    before = {id: processes[id] for id in adapter._data.processes}
    changed = changes_of_one_step(adapter, lambda: adapter.remove_executor_by_name("c", "e"))
    assert changed["processes"] == {"a", "b"}
    assert changed["functions"] == {"ef", "eg"}
    assert set(changed) == {"executors", "processes", "functions"}
    for id in before:
        if id in "ab":
            assert processes.is_requeued(id, before[id])
        else:
            assert processes[id] == before[id]  # finished ones keep its id
    read = adapter.get_executor_by_name("c", "e")
    assert (read.state, read.executorid) == (UNREGISTERED, "1")
    assert adapter.get_executor_by_name("c", "other").state == PENDING


def test_a_requeued_process_keeps_its_place(adapter):
    """Removing its executor gives it to the next one before what was added later."""
    adapter.add_executor(executor("e", "1"))
    added = []
    for name in ("first", "second", "third"):
        spec = FunctionSpec(nodename=name, maxexectime=60, conditions=Conditions("c", executortype="t"))
        added.append(Process.create(spec))
        adapter.add_process(added[-1])

    def next_one():
        return adapter.select_and_assign("c", "1", "e", "t", "")

    first, second = next_one(), next_one()
    adapter.mark_successful(second.processid)
    adapter.remove_executor_by_name("c", "e")
    back = adapter.get_process_by_id(first.processid)
    assert (back.state, back.isassigned, back.assignedexecutorid) == (WAITING, False, "")
    assert back.starttime == back.endtime == ZERO_TIME
    assert back.prioritytime == first.prioritytime
    assert (back.waitdeadline, back.execdeadline) == (first.waitdeadline, first.execdeadline)
    assert back.retries == 0
    waiting = adapter.find_waiting_processes("c", "", "", "", 10)
    assert [each.processid for each in waiting] == [added[0].processid, added[2].processid]
    done = adapter.get_process_by_id(second.processid)
    assert (done.state, done.assignedexecutorid) == (SUCCESS, "1")
    again = next_one()
    assert again.processid == first.processid
    assert again.execdeadline == again.starttime + timedelta(seconds=60)
    assert next_one().processid == added[2].processid


def test_requeued_processes_are_pending_for_their_attributes(adapter, processes):
    adapter.add_executor(executor("e", "1"))
    processes.put("a", statesequence=2**40)
    adapter.add_attribute(Attribute.create("a", "c", "", 3, "k", "v"))
    assert adapter.get_attribute("a", "k", 3).state == RUNNING
    processes.put("a")
    adapter.remove_executor_by_name("c", "e")
    assert adapter.get_attribute("a", "k", 3).state == PENDING


@pytest.mark.parametrize(
    ("fields", "deadline"),
    [
        ({"maxexectime": 60}, Processes.STARTED + timedelta(seconds=60)),
        ({"maxexectime": 60, "execdeadline": Processes.SET}, Processes.STARTED + timedelta(seconds=60)),
        ({"maxexectime": 60, "execdeadline": Processes.SET, "execdeadlineset": True}, Processes.SET),
        ({"maxexectime": 0, "execdeadline": Processes.SET}, Processes.SET),
        ({"maxexectime": -1}, ZERO_TIME),
        ({"maxexectime": 60, "starttime": ZERO_TIME, "execdeadline": Processes.SET}, Processes.SET),
        ({"maxexectime": 2**62}, datetime.max.replace(tzinfo=timezone.utc)),
    ],
)
def test_requeued_processes_keep_their_deadline(adapter, processes, fields, deadline):
    adapter.add_executor(executor("e", "1"))
    processes.put("a", **fields)
    adapter.remove_executor_by_name("c", "e")
    assert processes["a"]["execdeadline"] == deadline
    assert processes["a"]["execdeadlineset"] is True


def test_removing_one_that_was_removed(adapter, processes):
    adapter.add_executor(executor("e", "1"))
    adapter.remove_executor_by_name("c", "e")
    processes.put("a")
    adapter.remove_executor_by_name("c", "e")
    assert adapter.get_executor_by_name("c", "e").state == UNREGISTERED
    assert processes["a"]["state"] == WAITING


def test_removing_all_of_a_colony(adapter, processes):
    for colony, name in [("c", "e"), ("c", "f"), ("d", "e")]:
        adapter.add_executor(executor(name, colony + name, colony))
        adapter.add_function(Function(colony + name, name, "python", colony, "f"))
    adapter.remove_executor_by_name("c", "f")
    processes.put("a", executorid="ce")
    processes.put("b", executorid="unknown")
    processes.put("waits", WAITING, executorid="")
    processes.put("done", SUCCESS, executorid="ce")
    processes.put("in d", executorid="de", colonyname="d")
    before = {id: processes[id] for id in adapter._data.processes}
    changed = changes_of_one_step(adapter, lambda: adapter.remove_executors_by_colony_name("c"))
    assert changed["processes"] == {"a", "b"}
    assert changed["functions"] == {"ce"}
    assert len(changed["executors"]) == 2
    for id in before:
        assert processes.is_requeued(id, before[id]) if id in "ab" else processes[id] == before[id]
    assert adapter.get_executors_by_colony_name("c") == []
    assert names(adapter.get_executors()) == ["e"]
    assert adapter.get_functions("d") != []


def test_a_process_that_ends_meanwhile_is_not_requeued(adapter, processes):
    """Its end and the removal are in some order: it is done or back in the queue, not between."""
    for round in range(20):
        adapter.add_executor(executor("e", "1"))
        ids = [f"{round} {number}" for number in range(20)]
        for id in ids:
            processes.put(id)

        def work(number, ids=ids):
            if number:
                adapter.remove_executor_by_name("c", "e")
                return []
            done = {"state": SUCCESS, "endtime": clock()}
            update = adapter._data.processes.find_one_and_update
            return [id for id in ids if update({"_id": id, "state": RUNNING}, done)]

        ended = set(run_threads(work, 2)[0])
        for id in ids:
            read = processes[id]
            if id in ended:
                assert (read["state"], read["assignedexecutorid"]) == (SUCCESS, "1")
            else:
                assert (read["state"], read["assignedexecutorid"]) == (WAITING, "")


def test_an_id_changes_where_colony_and_old_id_match(adapter, processes):
    adapter.add_executor(executor("e", "1"))
    adapter.add_executor(executor("e", "1", "d"))
    processes.put("a")
    adapter.change_executor_id("c", "2", "3")
    adapter.change_executor_id("x", "1", "3")
    assert adapter.get_executor_by_id("3") is None
    adapter.change_executor_id("c", "1", "3")
    assert adapter.get_executor_by_name("c", "e").executorid == "3"
    assert adapter.get_executor_by_name("d", "e").executorid == "1"
    assert processes["a"]["assignedexecutorid"] == "1"


def test_what_is_returned_is_a_snapshot(adapter):
    given = executor("e", "1", capabilities=Capabilities([Hardware("pi")], []),
                     allocations=Allocations({"p": Project(1)}))  # fmt: skip
    adapter.add_executor(given)
    before = adapter.get_executor_by_id("1")
    given.capabilities.hardware[0].model = "changed"
    given.allocations.projects["p"].usedcpu = 5
    for read in (adapter.get_executor_by_id("1"), *adapter.get_executors()):
        assert read == before
        read.capabilities.hardware.clear()
        read.allocations.projects["q"] = Project()
        read.executorname = "changed"
    assert adapter.get_executor_by_name("c", "e") == executor(
        "e", "1", commissiontime=adapter.get_executor_by_id("1").commissiontime,
        capabilities=Capabilities([Hardware("pi")], []), allocations=Allocations({"p": Project(1)}),
    )  # fmt: skip


@pytest.mark.parametrize("bad", [None, {}, "e", 5, Executor])
def test_what_is_no_executor_is_refused(adapter, bad):
    for method in (adapter.add_executor, adapter.approve_executor, adapter.reject_executor,
                   adapter.mark_alive):  # fmt: skip
        with pytest.raises(SchemaError, match="executor"):
            method(bad)
    assert adapter.get_executors() == []


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *((field, bad) for field in ("executorid", "executortype", "executorname", "colonyname",
                                     "locationname", "blueprintid")
          for bad in (None, 5, "\ud800")),
        *(("requirefuncreg", bad) for bad in (None, 1, "yes")),
        *(("lastheardfromtime", bad) for bad in (None, 5, "now", datetime(2024, 1, 1))),
        *(("blueprintgen", bad) for bad in (None, "1", 1.5, 2**63)),
        *((field, bad) for field in ("capabilities", "allocations") for bad in (None, {}, [])),
    ],
)  # fmt: skip
def test_fields_are_of_their_types(adapter, field, bad):
    with pytest.raises(SchemaError):
        adapter.add_executor(dataclasses.replace(executor("e"), **{field: bad}))
    assert adapter.get_executors() == []
    adapter.add_executor(executor("e", "1"))
    adapter.remove_executor_by_name("c", "e")
    if field == "requirefuncreg":
        return  # of one that is registered again nothing is taken from it
    with pytest.raises(SchemaError):
        adapter.add_executor(dataclasses.replace(executor("e", "2"), **{field: bad}))
    assert adapter.get_executor_by_name("c", "e").state == UNREGISTERED


@pytest.mark.parametrize("bad", [None, 5, b"c", {"$gt": ""}, "\ud800"], ids=repr)
def test_arguments_are_of_their_types(adapter, bad):
    adapter.add_executor(executor("e", "1"))
    before = adapter.get_executors()
    for method in (adapter.get_executor_by_id, adapter.get_executors_by_colony_name,
                   adapter.get_executors_by_blueprint_id,
                   adapter.remove_executors_by_colony_name,
                   adapter.count_executors_by_colony_name):  # fmt: skip
        with pytest.raises(SchemaError):
            method(bad)
    for arguments in [(bad, "e"), ("c", bad)]:
        for method in (adapter.get_executor_by_name, adapter.remove_executor_by_name):
            with pytest.raises(SchemaError):
                method(*arguments)
        with pytest.raises(SchemaError):
            adapter.set_allocations(*arguments, ALLOCATIONS)
        with pytest.raises(SchemaError):
            adapter.update_executor_capabilities(*arguments, CAPABILITIES)
    for method in (adapter.set_allocations, adapter.update_executor_capabilities):
        with pytest.raises(SchemaError):
            method("c", "e", bad)
    for arguments in [(bad, "1", "2"), ("c", bad, "2"), ("c", "1", bad)]:
        with pytest.raises(SchemaError):
            adapter.change_executor_id(*arguments)
    for arguments in [(bad, PENDING), ("c", "0"), ("c", None)]:
        with pytest.raises(SchemaError):
            adapter.count_executors_by_colony_name_and_state(*arguments)
    assert adapter.get_executors() == before
