"""The table of a process's life, cell by cell; which states forbid which step."""

from __future__ import annotations

import copy
from datetime import timedelta, timezone

import pytest

from support.one_step import changes_of_one_step
from support.processes import add, claim, ids, stored
from velocity import NotFoundError, SchemaError
from velocity.py.colonyos import (
    CANCELLED,
    ENV,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
    Attribute,
    Executor,
    Process,
    ProcessStateError,
    process_life,
)
from velocity.py.colonyos.store import now

STATES = (WAITING, RUNNING, SUCCESS, FAILED, CANCELLED)
SECOND = timedelta(seconds=1)


def differences(before, after):
    old, new = before.to_dict(), after.to_dict()
    return {name for name in old if old[name] != new[name]}


def attribute_states(adapter, process):
    return {each.state for each in adapter.get_attributes(process.processid)}


def in_state(adapter, state, **fields):
    """A process that came to a state by its steps."""
    process = add(adapter, env={"A": "1"}, **fields)
    if state in (RUNNING, SUCCESS, FAILED):
        adapter.assign("e", process)
    if state == SUCCESS:
        adapter.mark_successful(process.processid)
    elif state == FAILED:
        adapter.mark_failed(process.processid, ["why"])
    elif state == CANCELLED:
        adapter.mark_cancelled(process.processid)
    assert stored(adapter, process).state == state
    return stored(adapter, process)


@pytest.mark.parametrize("by", ["assign", "select_and_assign"])
@pytest.mark.parametrize("maxexectime", [0, -1, 60])
def test_assigning(adapter, by, maxexectime):
    process = add(adapter, maxexectime=maxexectime, env={"A": "1"})
    before, moment = stored(adapter, process), now()
    if by == "assign":
        adapter.assign("e", process)
        given = process
    else:
        given = claim(adapter)
    found = stored(adapter, process)
    assert given == found or by == "assign"
    assert (found.state, found.isassigned, found.assignedexecutorid) == (RUNNING, True, "e")
    assert moment <= found.starttime <= now()
    after = found.starttime + 60 * SECOND if maxexectime == 60 else before.execdeadline
    assert found.execdeadline == given.execdeadline == after
    assert (given.state, given.isassigned, given.assignedexecutorid, given.starttime) == (
        RUNNING, True, "e", found.starttime)  # fmt: skip
    expected = {"state", "isassigned", "assignedexecutorid", "starttime", "attributes"}
    assert differences(before, found) == expected | ({"execdeadline"} if maxexectime == 60 else set())
    assert attribute_states(adapter, process) == {RUNNING}


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("maxwaittime", [0, 60])
def test_unassigning(adapter, state, maxwaittime):
    process = in_state(adapter, state, maxwaittime=maxwaittime, maxexectime=60)
    before, passed = stored(adapter, process), copy.deepcopy(process)
    passed.retries = 99  # what is stored counts
    adapter.unassign(passed)
    found = stored(adapter, process)
    assert (found.state, found.isassigned, found.assignedexecutorid) == (WAITING, False, "")
    assert found.endtime > before.submissiontime and found.retries == before.retries + 1
    kept = {"starttime", "execdeadline", "prioritytime", "submissiontime", "errors"}
    assert not differences(before, found) & kept
    assert found.waitdeadline == (found.endtime + 60 * SECOND if maxwaittime else ZERO_TIME)
    assert attribute_states(adapter, process) == {WAITING}
    for name in ("state", "isassigned", "assignedexecutorid", "endtime", "retries", "waitdeadline"):
        assert getattr(passed, name) == getattr(found, name)


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("maxwaittime", [0, 60])
def test_resetting(adapter, state, maxwaittime):
    process = in_state(adapter, state, maxwaittime=maxwaittime, maxexectime=60)
    adapter.set_output(process.processid, [1])
    before, passed = stored(adapter, process), copy.deepcopy(process)
    adapter.reset_process(passed)
    found = stored(adapter, process)
    assert (found.state, found.isassigned, found.assignedexecutorid) == (WAITING, False, "")
    assert (found.starttime, found.endtime) == (ZERO_TIME, ZERO_TIME)
    assert found.submissiontime > before.submissiontime
    assert found.waitdeadline == (found.submissiontime + 60 * SECOND if maxwaittime else ZERO_TIME)
    kept = {"retries", "errors", "out", "prioritytime", "execdeadline"}
    assert not differences(before, found) & kept
    assert attribute_states(adapter, process) == {WAITING}
    for name in ("state", "isassigned", "submissiontime", "starttime", "endtime", "waitdeadline"):
        assert getattr(passed, name) == getattr(found, name)


STEPS = {
    "assign": lambda adapter, p: adapter.assign("other", p),
    "mark_successful": lambda adapter, p: adapter.mark_successful(p.processid),
    "mark_failed": lambda adapter, p: adapter.mark_failed(p.processid, ["new"]),
    "mark_cancelled": lambda adapter, p: adapter.mark_cancelled(p.processid),
}
BECOMES = {"assign": RUNNING, "mark_successful": SUCCESS, "mark_failed": FAILED, "mark_cancelled": CANCELLED}
FORBIDDEN = {
    "assign": {RUNNING, SUCCESS, FAILED, CANCELLED},
    "mark_successful": {WAITING, FAILED, CANCELLED},
    "mark_failed": {SUCCESS, FAILED, CANCELLED},
    "mark_cancelled": {SUCCESS, FAILED, CANCELLED},
}


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("state", STATES)
def test_which_state_forbids_which_step(adapter, step, state):
    process = in_state(adapter, state)
    before = stored(adapter, process)
    passed = copy.deepcopy(process)
    if state in FORBIDDEN[step]:
        with pytest.raises(ProcessStateError) as error:
            STEPS[step](adapter, passed)
        if step == "assign" and state != CANCELLED:
            assert "already assigned" in str(error.value)
        assert stored(adapter, process) == before and passed == process
        return
    moment = now()
    STEPS[step](adapter, passed)
    found = stored(adapter, process)
    assert found.state == BECOMES[step]
    assert attribute_states(adapter, process) == {BECOMES[step]}
    if step == "assign":
        return
    assert moment <= found.endtime <= now()
    expected = {"state", "endtime", "attributes"} - ({"state", "attributes"} if state == BECOMES[step] else set())
    assert differences(before, found) == expected | ({"errors"} if step == "mark_failed" else set())
    assert found.errors == (["new"] if step == "mark_failed" else before.errors)
    assert passed == process  # marks take an id: no object changes


@pytest.mark.parametrize("step", STEPS)
def test_unknown_processes(adapter, step):
    add(adapter)
    for id in ("absent", "", "x" * 3000):
        with pytest.raises(NotFoundError):
            STEPS[step](adapter, Process(processid=id))


def test_one_that_failed_while_it_waited_may_be_assigned(adapter):
    """As the rule says: only what is assigned or CANCELLED may not."""
    process = add(adapter)
    adapter.mark_failed(process.processid, ["x"])
    adapter.assign("e", process)
    assert ids(adapter.find_running_processes("c", "", "", "", 9)) == [process.processid]


def test_those_that_failed_before_run_in_the_order_of_adding(adapter, monkeypatch):
    moment, made = now(), [add(adapter) for _ in range(3)]
    for process in made:
        adapter.mark_failed(process.processid, ["x"])
    monkeypatch.setattr("velocity.py.colonyos.process_life.now", lambda: moment)
    for process in made[::-1]:
        adapter.assign("e", process)
    assert ids(adapter.find_running_processes("c", "", "", "", 9)) == ids(made)


@pytest.mark.parametrize("step", STEPS)
def test_a_step_that_comes_between(adapter, monkeypatch, step):
    """After the step has read and before it writes, the process is failed: that counts."""
    process = in_state(adapter, WAITING if step == "assign" else RUNNING)
    read = process_life.document_by_id

    def then_failed(collection, id):
        found = read(collection, id)
        monkeypatch.setattr(process_life, "document_by_id", read)
        adapter.assign("else", process) if step == "assign" else adapter.mark_failed(id, ["else"])
        return found

    monkeypatch.setattr(process_life, "document_by_id", then_failed)
    with pytest.raises(ProcessStateError):
        STEPS[step](adapter, process)
    found = stored(adapter, process)
    assert (found.assignedexecutorid, found.errors) == (("else", []) if step == "assign" else ("e", ["else"]))


def test_another_process_under_the_same_id(adapter, monkeypatch):
    process = in_state(adapter, RUNNING)
    read = process_life.document_by_id

    def then_added_again(collection, id):
        found = read(collection, id)
        monkeypatch.setattr(process_life, "document_by_id", read)
        adapter.remove_process_by_id(id)
        again = Process.create(process.spec)
        again.processid, again.state = id, RUNNING
        adapter.add_process(again)
        adapter.set_errors(id, ["again"])  # of the same version then
        return found

    monkeypatch.setattr(process_life, "document_by_id", then_added_again)
    adapter.mark_successful(process.processid)
    assert stored(adapter, process).errors == ["again"] and stored(adapter, process).state == SUCCESS
    assert stored(adapter, process).starttime == ZERO_TIME


def test_the_times_that_marking_tells(adapter):
    process = add(adapter)
    adapter.assign("e", process)
    waited, took = adapter.mark_successful(process.processid)
    found = stored(adapter, process)
    assert waited == (found.starttime - found.submissiontime).total_seconds() == found.waiting_time()
    assert took == (found.endtime - found.starttime).total_seconds() == found.processing_time()
    again, longer = adapter.mark_successful(process.processid)
    assert again == waited and longer > took


@pytest.mark.parametrize("state", [*STATES, 7, -1])
def test_set_process_state(adapter, state):
    process = in_state(adapter, RUNNING)
    before = stored(adapter, process)
    adapter.set_process_state(process.processid, state)
    found = stored(adapter, process)
    assert found.state == state
    assert differences(before, found) <= {"state", "attributes"}
    assert attribute_states(adapter, process) == {state}
    adapter.set_process_state("absent", state)


def test_attributes_follow_whatever_was_set_last(adapter):
    process = in_state(adapter, RUNNING)
    adapter.set_attribute_state(process.processid, CANCELLED)
    assert attribute_states(adapter, process) == {CANCELLED}
    adapter.add_attribute(Attribute.create(process.processid, "c", "", ENV, "later", "x"))
    assert [each.state for each in stored(adapter, process).attributes] == [CANCELLED, 0]
    adapter.mark_successful(process.processid)
    assert attribute_states(adapter, process) == {SUCCESS}
    adapter.remove_all_attributes_by_colony_name_with_state("c", SUCCESS)
    assert stored(adapter, process).attributes == []


def test_a_change_of_state_writes_the_process_alone(adapter):
    process = in_state(adapter, RUNNING)
    changed = changes_of_one_step(adapter, lambda: adapter.mark_successful(process.processid))
    assert changed == {"processes": {process.processid}}


@pytest.mark.parametrize(
    ("set", "field", "value"),
    [("set_input", "input", [1, {"a": 2**90}]), ("set_output", "output", [[], None]), ("set_errors", "errors", ["a"]),
     ("set_parents", "parents", ["a", "b"]), ("set_children", "children", ["c"]),
     ("set_wait_for_parents", "waitforparents", True)],
)  # fmt: skip
def test_setters(adapter, set, field, value):
    process, other = in_state(adapter, RUNNING), add(adapter)
    before, untouched = stored(adapter, process), stored(adapter, other)
    getattr(adapter, set)(process.processid, value)
    found = stored(adapter, process)
    assert getattr(found, field) == value
    assert len(differences(before, found)) == 1
    assert stored(adapter, other) == untouched
    getattr(adapter, set)("absent", value)
    for bad in (None, "text", 5, {"a": 1}, [b"x"], [float("nan")]):
        with pytest.raises(SchemaError):
            getattr(adapter, set)(process.processid, bad)
    assert stored(adapter, process) == found


def test_deadlines_that_are_set(adapter):
    process = in_state(adapter, RUNNING, maxexectime=60)
    zone = now().astimezone(timezone(timedelta(hours=-3))) + SECOND
    adapter.set_exec_deadline(process, zone)
    adapter.set_wait_deadline(process, zone + SECOND)
    found = stored(adapter, process)
    assert found.execdeadline == process.execdeadline == zone
    assert found.waitdeadline == process.waitdeadline == zone + SECOND
    assert found.execdeadline.tzinfo is timezone.utc
    adapter.unassign(process)
    assert stored(adapter, process).execdeadline == zone
    adapter.assign("e", process)  # sets it anew
    assert stored(adapter, process).execdeadline == process.execdeadline == process.starttime + 60 * SECOND
    for bad in (None, "2020-01-01T00:00:00Z", now().replace(tzinfo=None)):
        with pytest.raises(SchemaError):
            adapter.set_exec_deadline(process, bad)
    absent = Process(processid="absent")
    adapter.set_exec_deadline(absent, zone)
    adapter.set_wait_deadline(absent, zone)
    adapter.unassign(absent)
    adapter.reset_process(absent)
    assert absent == Process(processid="absent")


def test_a_removed_executor_gives_back_what_it_runs(adapter):
    adapter.add_executor(Executor(executorid="e", executorname="n", executortype="t", colonyname="c"))
    running, done = in_state(adapter, RUNNING, maxexectime=60), in_state(adapter, SUCCESS)
    adapter.remove_executor_by_name("c", "n")
    found = stored(adapter, running)
    assert (found.state, found.isassigned, found.assignedexecutorid, found.retries) == (WAITING, False, "", 0)
    assert (found.starttime, found.endtime) == (ZERO_TIME, ZERO_TIME)
    assert (found.execdeadline, found.prioritytime) == (running.execdeadline, running.prioritytime)
    assert stored(adapter, done).assignedexecutorid == "e"
    assert claim(adapter).processid == running.processid


def test_a_retried_process_keeps_its_place(adapter):
    first, second = add(adapter), add(adapter)
    for back in (adapter.unassign, adapter.reset_process):
        taken = claim(adapter)
        assert taken.processid == first.processid
        back(taken)
        assert ids(adapter.find_waiting_processes("c", "", "", "", 9)) == ids([first, second])


def test_one_reading_of_the_clock(adapter, monkeypatch):
    process = add(adapter)
    began = now()
    clock = (began + n * SECOND for n in range(1, 99))
    for module in ("process_life", "process_queue"):
        monkeypatch.setattr(f"velocity.py.colonyos.{module}.now", lambda: next(clock))
    for step in (lambda: adapter.assign("e", process), lambda: adapter.unassign(process),
                 lambda: adapter.reset_process(process), lambda: claim(adapter),
                 lambda: adapter.mark_successful(process.processid), lambda: add(adapter)):  # fmt: skip
        before = next(clock)
        step()
        assert next(clock) - before == 2 * SECOND


def test_waiting_and_processing_time_go_on(adapter):
    process = add(adapter)
    submitted = process.submissiontime
    assert 0 <= stored(adapter, process).waiting_time() <= (now() - submitted).total_seconds()
    adapter.assign("e", process)
    running = stored(adapter, process)
    assert 0 <= running.processing_time() <= (now() - running.starttime).total_seconds()
    assert running.waiting_time() == (running.starttime - submitted).total_seconds()
