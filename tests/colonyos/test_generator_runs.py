"""What the server does with generators: packing, and submitting what is due."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import NotFoundError, SchemaError
from velocity.py.colonyos import ZERO_TIME, Conditions, FunctionSpec, Generator, WorkflowSpec
from velocity.py.colonyos.store import now


def a_spec(colonyname="c"):
    """Two roots, and one node that waits for both."""
    def node(name, *dependencies):
        return FunctionSpec(nodename=name, funcname="f", args=["own"], conditions=Conditions(
            colonyname=colonyname, executortype="t", dependencies=list(dependencies)))

    return WorkflowSpec(colonyname=colonyname, functionspecs=[node("a"), node("b"), node("c", "a", "b")]).to_json()


def added(adapter, name="g", colonyname="c", trigger=3, timeout=0, spec=None):
    generator = Generator(generatorid=name, name=name, colonyname=colonyname, trigger=trigger, timeout=timeout,
                          initiatorid="id", initiatorname="initiator", workflowspec=spec or a_spec(colonyname))
    adapter.add_generator(generator)
    return name


def pack(adapter, id, *args):
    for arg in args:
        adapter.pack_generator(id, arg)


def queued(adapter, id):
    return [each.arg for each in adapter.get_generator_args(id, 10_000)]


def given(adapter, graph):
    """The args of the graph's nodes."""
    processes = [adapter.get_process_by_id(id) for id in graph.processids]
    return {each.spec.nodename: each.spec.args for each in processes}


def test_packing_adds_an_arg_and_notes_the_first(adapter):
    id, before = added(adapter, colonyname="colony"), now()
    pack(adapter, id, "1")
    first = adapter.get_generator_by_id(id).firstpack
    assert before <= first <= now()
    pack(adapter, id, "2")
    assert adapter.get_generator_by_id(id).firstpack == first
    args = adapter.get_generator_args(id, 10)
    assert [(each.arg, each.generatorid, each.colonyname) for each in args] == [("1", id, "colony"), ("2", id, "colony")]
    for absent in ("absent", ""):
        with pytest.raises(NotFoundError):
            adapter.pack_generator(absent, "1")
    assert adapter.count_generator_args("absent") == 0


def test_a_workflow_is_submitted_for_each_trigger_of_args(adapter):
    id = added(adapter)
    pack(adapter, id, *"1234567")
    moment = now()
    graphs = adapter.run_generators(moment)
    assert [given(adapter, graph) for graph in graphs] == [
        {"a": ["1", "2", "3"], "b": ["1", "2", "3"], "c": ["own"]},
        {"a": ["4", "5", "6"], "b": ["4", "5", "6"], "c": ["own"]},
    ]
    assert queued(adapter, id) == ["7"]
    assert adapter.get_generator_by_id(id).lastrun == moment
    for graph in graphs:
        stored = adapter.get_process_graph_by_id(graph.processgraphid)
        assert (stored.colonyname, stored.initiatorid, stored.initiatorname) == ("c", "id", "initiator")
    assert adapter.run_generators() == []


def test_packing_and_submitting_are_one_step_each(adapter):
    id = added(adapter)
    changed = changes_of_one_step(adapter, lambda: adapter.pack_generator(id, "1"))
    assert changed["generators"] == {id} and len(changed["generatorargs"]) == 1
    pack(adapter, id, "2", "3")
    args, graphs = {each.id for each in adapter.get_generator_args(id, 9)}, []
    changed = changes_of_one_step(adapter, lambda: graphs.extend(adapter.run_generators()))
    assert changed == {"generators": {id}, "generatorargs": args, "processes": set(graphs[0].processids),
                       "processgraphs": {graphs[0].processgraphid}}


def test_nothing_is_submitted_below_the_trigger(adapter):
    id = added(adapter)
    assert adapter.run_generators() == []
    pack(adapter, id, "1", "2")
    assert adapter.run_generators(now() + timedelta(days=1000)) == []
    assert queued(adapter, id) == ["1", "2"]
    assert adapter.get_generator_by_id(id).lastrun == ZERO_TIME


def test_all_args_go_into_one_workflow_when_the_time_is_over(adapter):
    id = added(adapter, timeout=10)
    pack(adapter, id, "1", "2")
    first = adapter.get_generator_by_id(id).firstpack
    assert adapter.run_generators(first + timedelta(seconds=9)) == []
    [graph] = adapter.run_generators(first + timedelta(seconds=12))
    assert given(adapter, graph)["a"] == ["1", "2"]
    assert queued(adapter, id) == []
    assert adapter.run_generators(first + timedelta(days=1)) == []
    pack(adapter, id, "3")
    assert adapter.run_generators(first + timedelta(seconds=20)) == []
    [graph] = adapter.run_generators(first + timedelta(seconds=24))
    assert given(adapter, graph)["a"] == ["3"]


def test_generators_are_apart_and_run_in_the_order_of_adding(adapter):
    ids = [added(adapter, name, colony, trigger=1) for name, colony in (("z", "c"), ("a", "d"))]
    for id in reversed(ids):
        pack(adapter, id, f"for {id}")
    graphs = adapter.run_generators()
    assert [graph.colonyname for graph in graphs] == ["c", "d"]
    assert [given(adapter, graph)["a"] for graph in graphs] == [["for z"], ["for a"]]


@pytest.mark.parametrize("spec", ["no JSON", '{"functionspecs": []}', None])
def test_a_bad_generator_is_no_hindrance_and_keeps_its_args(adapter, spec):
    bad = added(adapter, "bad", trigger=1, spec=spec or a_spec("another colony"))
    good = added(adapter, "good", trigger=1)
    pack(adapter, bad, "1"), pack(adapter, good, "2")
    with pytest.raises(SchemaError):
        adapter.run_generators()
    assert queued(adapter, bad) == ["1"] and queued(adapter, good) == []
    assert adapter.get_generator_by_id(bad).lastrun == ZERO_TIME
    assert adapter.count_waiting_process_graphs() == 1


def test_many_callers_submit_each_once(adapter):
    for name in "xyz":
        added(adapter, name, trigger=5)
    args = [f"{number:03}" for number in range(200)]

    def work(number):
        graphs = []
        if number < 3:
            pack(adapter, "xyz"[number], *args)
        for _ in range(40):
            graphs += adapter.run_generators()
        return graphs

    graphs = sum(run_threads(work, 6), []) + adapter.run_generators()
    assert len(graphs) == 120 == adapter.count_waiting_process_graphs()
    taken = [given(adapter, graph)["a"] for graph in graphs]
    assert sorted(sum(taken, [])) == sorted(args * 3)
    assert all(each == sorted(each) and int(each[4]) - int(each[0]) == 4 for each in taken)
    assert [queued(adapter, id) for id in "xyz"] == [[], [], []]


def test_of_many_callers_one_submits_what_timed_out(adapter):
    id = added(adapter, timeout=1)
    for round in range(20):
        pack(adapter, id, f"{round}")
        moment = now() + timedelta(minutes=round + 1)
        graphs = sum(run_threads(lambda _, at=moment: adapter.run_generators(at), 4), [])
        assert [given(adapter, graph)["a"] for graph in graphs] == [[f"{round}"]]


def test_a_removed_generator_is_not_run(adapter):
    id = added(adapter, trigger=1)
    pack(adapter, id, "1")
    adapter.remove_generator_by_id(id)
    assert adapter.run_generators() == []
    assert adapter.count_waiting_process_graphs() == 0
