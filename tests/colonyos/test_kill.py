"""SIGKILL while threads assign and close: nothing acknowledged is lost, nothing is given twice."""

from __future__ import annotations

import copy
import json

import pytest

from support.assigning import CLOSED, EXECUTORS, THREAD_SHIFT
from support.children import spawn
from support.processes import add, claim, spec
from velocity import Config
from velocity.py.colonyos import (
    RUNNING,
    SUCCESS,
    WAITING,
    ColonyOSAdapter,
    Executor,
    WorkflowSpec,
)

PLAIN, WORKFLOWS = 2500, 120


def node(name, number, *dependencies):
    return spec("", nodename=name, label=str(number), conditions={"dependencies": list(dependencies)})


def fill(adapter):
    for number in range(EXECUTORS):
        name = f"e{number}"
        adapter.add_executor(Executor(executorid=name, executorname=name, executortype="t", colonyname="c"))
    for number in range(PLAIN):
        add(adapter, label=str(number), priority=number % 3, env={"A": "1"} if number % 7 == 0 else {})
    for number in range(WORKFLOWS):
        at = PLAIN + 3 * number
        adapter.add_workflow("c", WorkflowSpec("c", [
            node("a", at), node("b", at + 1, "a"), node("c", at + 2, "a", "b")]))  # fmt: skip


def check_graphs(adapter):
    """Every graph is as resolving leaves it: its processes and it changed together."""
    for state in ("waiting", "running", "successful"):
        for graph in getattr(adapter, f"find_{state}_process_graphs")("c", 1000):
            graph.set_storage(adapter)
            before, processes = graph.state, []
            graph.iterate(processes.append)
            for process in processes:
                parents = [adapter.get_process_by_id(id) for id in process.parents]
                done = all(parent.state == SUCCESS for parent in parents)
                assert process.waitforparents == (not done)
                if process.isassigned and parents:
                    assert process.input == [value for parent in parents for value in parent.output]
            again = copy.copy(graph)
            again.set_storage(adapter)
            again.resolve()
            # select_and_assign leaves the graph alone, until the process is closed.
            assert again.state == before or (before, again.state) == (WAITING, RUNNING)


@pytest.mark.parametrize("settings", [{"sync_writes": False}, {"sync_writes": True}], ids=["", "sync"])
def test_killed_while_it_assigns(tmp_path, settings):
    config = {"data_dir": str(tmp_path / "d"), "storage_mode": "persistent", **settings}
    with ColonyOSAdapter(Config(**config)) as adapter:
        fill(adapter)
    holder: dict[str, int] = {}  # label -> thread that acknowledged it
    closed: set[str] = set()
    for acknowledged in (150, 400):
        child = spawn("assign", json.dumps(config))
        acks = child.read_until(acknowledged)
        acks += child.kill()
        for ack in acks:
            label, thread = str(ack & 0xFFFFFF), ack >> THREAD_SHIFT & 0x7F
            if ack & CLOSED:
                assert holder[label] == thread and label not in closed
                closed.add(label)
            else:
                assert label not in holder, "given twice"
                holder[label] = thread
        with ColonyOSAdapter(Config(**config)) as adapter:
            found = {each.spec.label: each for each in adapter.get_processes()}
            assert len(found) == PLAIN + 3 * WORKFLOWS
            for label, thread in holder.items():
                assert found[label].assignedexecutorid == f"e{thread}"
                assert found[label].state in ((SUCCESS,) if label in closed else (RUNNING, SUCCESS))
                assert found[label].output == ([label] if found[label].state == SUCCESS else [])
            for label, process in found.items():
                if process.isassigned and label not in holder:  # it was on its way
                    holder[label] = int(process.assignedexecutorid[1:])
                if process.state == SUCCESS:
                    closed.add(label)
                assert (process.state == WAITING) == (not process.isassigned)
                assert bool(process.attributes) == (int(label) < PLAIN and int(label) % 7 == 0)
            check_graphs(adapter)
    with ColonyOSAdapter(Config(**config)) as adapter:
        rest = set()
        while (process := claim(adapter, "late")) is not None:
            rest.add(process.spec.label)
            adapter.close_successful(process.processid)
        assert not rest & holder.keys()
        waiting = adapter.find_waiting_processes("c", "", "", "", 10_000)
        assert len(rest) + len(holder) + len(waiting) == PLAIN + 3 * WORKFLOWS
        assert all(each.waitforparents for each in waiting)
