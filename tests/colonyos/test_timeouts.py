"""handle_timeouts: which processes are past their deadlines, and what becomes of them."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.one_step import changes_of_one_step
from support.processes import add, spec, stored
from support.threads import run_threads
from velocity import SchemaError
from velocity.py.colonyos import (
    FAILED,
    RUNNING,
    WAITING,
    ZERO_TIME,
    Executor,
    WorkflowSpec,
)
from velocity.py.colonyos.store import now

EXECUTION, WAITED = "Maximum execution time limit exceeded", "Maximum waiting time limit exceeded"
SECOND = timedelta(seconds=1)


def running(adapter, **fields):
    process = add(adapter, **fields)
    adapter.assign("e", process)
    return process


@pytest.mark.parametrize("maxretries", [-1, -7, 0, 1, 2])
def test_one_that_runs_too_long_is_tried_again_as_often_as_it_may_be(adapter, maxretries):
    process = running(adapter, maxexectime=10, maxretries=maxretries)
    for tried in range(4):
        assert adapter.handle_timeouts(process.execdeadline) == 0  # at the deadline, not past it
        moment = process.execdeadline + SECOND
        assert adapter.handle_timeouts(moment) == 1
        found = stored(adapter, process)
        assert found.endtime == moment and adapter.handle_timeouts(moment) == 0
        if 0 <= maxretries <= tried:
            assert (found.state, found.errors, found.retries) == (FAILED, [EXECUTION], tried)
            return
        assert (found.state, found.isassigned, found.errors, found.retries) == (WAITING, False, [], tried + 1)
        adapter.assign("e", process)
    assert maxretries < 0


@pytest.mark.parametrize("maxexectime", [-1, 0])
def test_one_without_a_limit_runs_for_ever(adapter, maxexectime):
    process = running(adapter, maxexectime=maxexectime)
    assert adapter.handle_timeouts(now() + 10**6 * SECOND) == 0
    assert stored(adapter, process).state == RUNNING


def test_a_deadline_that_was_set_counts(adapter):
    limited, never = running(adapter, maxexectime=10, maxretries=-1), running(adapter, maxexectime=-1)
    moment = now()
    for process in (limited, never):
        adapter.set_exec_deadline(process, moment - SECOND)
    assert adapter.handle_timeouts(moment) == 1
    assert (stored(adapter, limited).state, stored(adapter, never).state) == (WAITING, RUNNING)
    adapter.assign("e", limited)
    adapter.set_exec_deadline(limited, ZERO_TIME)  # unset
    assert adapter.handle_timeouts(moment + 10**6 * SECOND) == 0


@pytest.mark.parametrize("maxwaittime", [-1, 0, 10])
def test_one_that_waits_too_long_fails(adapter, maxwaittime):
    process = add(adapter, maxwaittime=maxwaittime, maxretries=5)
    assert adapter.handle_timeouts(process.submissiontime + 10 * SECOND) == 0
    moment = process.submissiontime + 11 * SECOND
    assert adapter.handle_timeouts(moment) == (maxwaittime == 10)
    found = stored(adapter, process)
    if maxwaittime == 10:
        assert (found.state, found.errors, found.endtime) == (FAILED, [WAITED], moment)
    else:
        assert (found.state, found.errors) == (WAITING, [])


def test_a_retry_waits_anew(adapter):
    process = running(adapter, maxwaittime=10, maxexectime=100)
    assert adapter.handle_timeouts(process.starttime + 50 * SECOND) == 0  # it does not wait
    adapter.unassign(process)
    assert adapter.handle_timeouts(process.endtime + 9 * SECOND) == 0
    assert adapter.handle_timeouts(process.endtime + 11 * SECOND) == 1


def test_finished_ones_have_no_deadlines(adapter):
    process = running(adapter, maxwaittime=10, maxexectime=10)
    adapter.mark_successful(process.processid)
    assert adapter.handle_timeouts(now() + 99 * SECOND) == 0


def test_a_graph_fails_with_its_process(adapter):
    def node(name, *dependencies, **fields):
        return spec("", nodename=name, conditions={"dependencies": list(dependencies)}, **fields)

    graph = adapter.add_workflow("c", WorkflowSpec("c", [node("a", maxexectime=10), node("b", "a")]))
    root = adapter.get_process_by_id(graph.processids[0])
    adapter.assign("e", root)
    changed = changes_of_one_step(adapter, lambda: adapter.handle_timeouts(root.execdeadline + SECOND))
    assert changed == {"processes": set(graph.processids), "processgraphs": {graph.processgraphid}}
    assert adapter.get_process_graph_by_id(graph.processgraphid).state == FAILED
    retried = adapter.add_workflow("c", WorkflowSpec("c", [node("a", maxexectime=10, maxretries=3)]))
    adapter.add_executor(Executor(executorid="e", executorname="e", executortype="t", colonyname="c"))
    root = adapter.assign_process("c", "e")
    assert adapter.handle_timeouts(root.execdeadline + SECOND) == 1
    assert stored(adapter, root).state == WAITING
    # Going back is no step that resolves a graph.
    assert adapter.get_process_graph_by_id(retried.processgraphid).state == RUNNING


def test_several_that_look_handle_each_once(adapter):
    made = [running(adapter, maxexectime=10, maxretries=0) for _ in range(40)]
    made += [add(adapter, maxwaittime=10) for _ in range(40)]
    moment = now() + 99 * SECOND
    assert sum(run_threads(lambda _: adapter.handle_timeouts(moment), 4)) == 80
    assert {stored(adapter, each).state for each in made} == {FAILED}


def test_the_time_given(adapter):
    assert adapter.handle_timeouts() == 0
    for bad in ("now", now().replace(tzinfo=None), 5):
        with pytest.raises(SchemaError):
            adapter.handle_timeouts(bad)
