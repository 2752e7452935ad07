"""Workflows: added, moved on as processes are assigned and closed, cancelled; each step atomic."""

from __future__ import annotations

import copy
import threading

import pytest

from support.one_step import changes_of_one_step
from support.processes import add, spec, stored
from support.threads import run_threads
from velocity import NotFoundError, SchemaError
from velocity.py.colonyos import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
    Executor,
    FunctionSpec,
    ProcessStateError,
    WorkflowSpec,
)


def node(name, *dependencies, colony="", **fields):
    return spec(colony=colony, nodename=name, conditions={"dependencies": list(dependencies)}, **fields)


DIAMOND = [node("a"), node("b", "a"), node("c", "a"), node("d", "b", "c")]


@pytest.fixture
def adapter(adapter):
    adapter.add_executor(Executor(executorid="e", executorname="e", executortype="t", colonyname="c"))
    return adapter


def members(adapter, graph):
    """The graph's processes by nodename."""
    found = map(adapter.get_process_by_id, graph.processids)
    return {each.spec.nodename: each for each in found}


def states(adapter, graph):
    return "".join(f"{name}{p.state}" for name, p in sorted(members(adapter, graph).items()))


def graph_state(adapter, graph):
    return adapter.get_process_graph_by_id(graph.processgraphid).state


def test_what_a_workflow_becomes(adapter):
    specs = [*copy.deepcopy(DIAMOND), node("e", "a", "a", maxexectime=7, env={"A": "1"}), node("f", colony="c")]
    workflow = WorkflowSpec("c", specs)
    before, made = copy.deepcopy(workflow), []
    changed = changes_of_one_step(
        adapter, lambda: made.append(adapter.add_workflow("c", workflow, "i", "n", input=[1, {"x": 2}]))
    )
    (graph,) = made
    assert workflow == before
    assert changed["processgraphs"] == {graph.processgraphid}
    assert changed["processes"] == set(graph.processids) and len(changed["attributes"]) == 1
    assert (graph.colonyname, graph.initiatorid, graph.initiatorname, graph.state) == ("c", "i", "n", WAITING)
    found = members(adapter, graph)
    assert list(found) == ["a", "b", "c", "d", "e", "f"]
    id = {name: process.processid for name, process in found.items()}
    assert graph.rootprocessids == [id["a"], id["f"]]
    assert adapter.get_process_graph_by_id(graph.processgraphid).rootprocessids == graph.rootprocessids
    assert {name: p.parents for name, p in found.items()} == {
        "a": [], "b": [id["a"]], "c": [id["a"]], "d": [id["b"], id["c"]], "e": [id["a"]], "f": []}  # fmt: skip
    assert found["a"].children == [id["b"], id["c"], id["e"]] and found["d"].children == []
    assert {name for name, p in found.items() if p.waitforparents} == {"b", "c", "d", "e"}
    assert {name: p.spec.maxexectime for name, p in found.items()} == dict.fromkeys("abcdf", -1) | {"e": 7}
    assert {p.spec.conditions.colonyname for p in found.values()} == {"c"}
    assert {(p.initiatorid, p.initiatorname, p.processgraphid) for p in found.values()} == {("i", "n", graph.processgraphid)}
    assert {p.submissiontime for p in found.values()} == {graph.submissiontime}
    assert {name: p.input for name, p in found.items() if p.input} == dict.fromkeys("af", [1, {"x": 2}])
    assert found["e"].spec.env == {"A": "1"} and found["e"].attributes[0].targetprocessgraphid == graph.processgraphid
    graph.set_storage(adapter)
    assert graph.processes() == 6


BAD = {
    "none": None,
    "a spec": FunctionSpec(),
    "no specs": WorkflowSpec("c"),
    "foreign colony": WorkflowSpec("d", [node("a")]),
    "foreign node": WorkflowSpec("c", [node("a", colony="d")]),
    "no name": WorkflowSpec("c", [node("")]),
    "a name twice": WorkflowSpec("c", [node("a"), node("a")]),
    "an unknown parent": WorkflowSpec("c", [node("a", "b")]),
    "itself": WorkflowSpec("c", [node("a", "a")]),
    "a loop": WorkflowSpec("c", [node("r"), node("a", "r", "c"), node("b", "a"), node("c", "b")]),
    "no function spec": WorkflowSpec("c", [None]),
    "bad memory": WorkflowSpec("c", [node("a"), spec("", nodename="b", conditions={"mem": "1"})]),
    "what JSON cannot hold": WorkflowSpec("c", [node("a"), node("b", args=[{1}])]),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_refused_writes_nothing(adapter, name):
    with pytest.raises(SchemaError):
        adapter.add_workflow("c", BAD[name])
    assert adapter.count_processes() == adapter.count_process_graphs() == 0


def test_bad_input_is_refused(adapter):
    for bad in ("x", [float("inf")], {"a": 1}):
        with pytest.raises(SchemaError):
            adapter.add_workflow("c", WorkflowSpec("c", DIAMOND), input=bad)
    assert adapter.count_processes() == 0


def test_from_the_roots_to_the_end(adapter):
    graph = adapter.add_workflow("", WorkflowSpec("", [spec("", nodename="x")]))  # another colony's
    graph = adapter.add_workflow("c", WorkflowSpec("c", DIAMOND), input=["in"])
    took = []
    for outputs in ([[1, 2]], [["b"], [{"c": 3}]], [[4]]):
        taken = []
        while (process := adapter.assign_process("c", "e")) is not None:
            taken.append(process)
            assert process == stored(adapter, process)
        assert graph_state(adapter, graph) == RUNNING
        took.append([(each.spec.nodename, each.input) for each in taken])
        for process, output in zip(taken, outputs, strict=True):
            waited, ran = adapter.close_successful(process.processid, output)
            found = stored(adapter, process)
            assert found.output == output and found.state == SUCCESS
            assert ran == found.processing_time() and waited == found.waiting_time()
    assert took == [[("a", ["in"])], [("b", [1, 2]), ("c", [1, 2])], [("d", ["b", {"c": 3}])]]
    final = adapter.get_process_graph_by_id(graph.processgraphid)
    assert final.state == SUCCESS and ZERO_TIME < final.starttime < final.endtime
    assert states(adapter, graph) == "a2b2c2d2"


def test_closing_is_one_step(adapter):
    graph = adapter.add_workflow("c", WorkflowSpec("c", DIAMOND))
    found = members(adapter, graph)
    changed = changes_of_one_step(adapter, lambda: adapter.assign_process("c", "e"))
    assert changed == {"executors": changed["executors"], "processes": {found["a"].processid},
                       "processgraphs": {graph.processgraphid}}  # fmt: skip
    changed = changes_of_one_step(adapter, lambda: adapter.close_successful(found["a"].processid, [1]))
    assert changed == {"processes": {found[name].processid for name in "abc"}, "processgraphs": {graph.processgraphid}}


def test_a_failure_takes_the_graph_along(adapter):
    graph = adapter.add_workflow("c", WorkflowSpec("c", DIAMOND))
    adapter.close_successful(adapter.assign_process("c", "e").processid)
    b, c = adapter.assign_process("c", "e"), adapter.assign_process("c", "e")
    changed = changes_of_one_step(adapter, lambda: adapter.close_failed(b.processid, ["why"]))
    assert len(changed["processes"]) == 4
    assert states(adapter, graph) == "a3b3c3d3" and graph_state(adapter, graph) == FAILED
    assert stored(adapter, b).errors == ["why"] and stored(adapter, c).errors == []
    assert stored(adapter, c).endtime == ZERO_TIME  # its state alone
    with pytest.raises(ProcessStateError):
        adapter.close_successful(c.processid)


def test_a_failed_leaf_leaves_its_siblings(adapter):
    graph = adapter.add_workflow("c", WorkflowSpec("c", [node("a"), node("b", "a"), node("c", "a")]))
    adapter.close_successful(adapter.assign_process("c", "e").processid)
    b, c = adapter.assign_process("c", "e"), adapter.assign_process("c", "e")
    adapter.close_failed(b.processid, ["why"])
    assert states(adapter, graph) == "a2b3c1" and graph_state(adapter, graph) == FAILED
    adapter.close_successful(c.processid)
    assert states(adapter, graph) == "a2b3c2" and graph_state(adapter, graph) == FAILED


def test_closing_what_is_in_no_graph(adapter):
    for graphid in ("", "no such graph"):
        process = add(adapter, processgraphid=graphid)
        with pytest.raises(ProcessStateError):
            adapter.close_successful(process.processid, [1])
        assert stored(adapter, process).output == []
        adapter.assign("e", process)
        adapter.close_successful(process.processid)
        adapter.close_successful(process.processid, [2])
        assert (stored(adapter, process).state, stored(adapter, process).output) == (SUCCESS, [2])
        with pytest.raises(ProcessStateError):
            adapter.close_failed(process.processid, [])
        with pytest.raises(SchemaError):
            adapter.close_successful(process.processid, [{1}])
        with pytest.raises(SchemaError):
            adapter.close_failed(process.processid, "text")
    for id in ("absent", "", "x" * 2000):
        with pytest.raises(NotFoundError):
            adapter.close_successful(id)
        with pytest.raises(NotFoundError):
            adapter.close_failed(id, [])


def test_cancelling(adapter):
    graph = adapter.add_workflow("c", WorkflowSpec("c", DIAMOND))
    adapter.close_successful(adapter.assign_process("c", "e").processid)
    adapter.assign_process("c", "e")
    changed = changes_of_one_step(adapter, lambda: adapter.cancel_process_graph(graph.processgraphid))
    assert len(changed["processes"]) == 3
    assert states(adapter, graph) == "a2b4c4d4" and graph_state(adapter, graph) == CANCELLED
    assert adapter.get_process_graph_by_id(graph.processgraphid).endtime > ZERO_TIME
    assert members(adapter, graph)["b"].endtime > ZERO_TIME
    assert adapter.assign_process("c", "e") is None
    with pytest.raises(ProcessStateError):
        adapter.cancel_process_graph(graph.processgraphid)
    for id in ("absent", ""):
        with pytest.raises(NotFoundError):
            adapter.cancel_process_graph(id)


def test_a_graph_that_changes_while_it_is_closed(adapter):
    """Two parents close at once: whichever comes second releases the child."""
    for _ in range(15):
        graph = adapter.add_workflow("c", WorkflowSpec("c", [node("a"), node("b"), node("c", "a", "b")]))
        taken = [adapter.assign_process("c", "e") for _ in range(2)]
        run_threads(lambda n, taken=taken: adapter.close_successful(taken[n].processid, [n]), 2)
        last = adapter.assign_process("c", "e")
        assert last.spec.nodename == "c" and sorted(last.input) == [0, 1]
        adapter.close_successful(last.processid)
        assert graph_state(adapter, graph) == SUCCESS


def test_many_workers_finish_many_workflows(adapter):
    graphs = [adapter.add_workflow("c", WorkflowSpec("c", DIAMOND)) for _ in range(25)]
    left, lock = [25 * 4], threading.Lock()
    runs = []

    def work(_):
        while left[0] > 0:
            process = adapter.assign_process("c", "e")
            if process is None:
                continue
            adapter.close_successful(process.processid, [process.spec.nodename])
            with lock:
                left[0] -= 1
                runs.append(process.processid)

    run_threads(work, 4)
    assert sorted(runs) == sorted(id for graph in graphs for id in graph.processids)
    for graph in graphs:
        assert states(adapter, graph) == "a2b2c2d2" and graph_state(adapter, graph) == SUCCESS
        assert members(adapter, graph)["d"].input == ["b", "c"]
