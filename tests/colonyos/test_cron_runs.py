"""What the server does with crons: starting what is due."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import QueryError, SchemaError
from velocity.py.colonyos import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
    Conditions,
    Cron,
    FunctionSpec,
    WorkflowSpec,
)

START = datetime(2030, 1, 1, tzinfo=timezone.utc)
MINUTE = timedelta(minutes=1)


def a_spec(colonyname="c", **dependencies):
    """dependencies: by nodename."""
    return WorkflowSpec(colonyname=colonyname, functionspecs=[
        FunctionSpec(nodename=name, funcname="f", conditions=Conditions(
            colonyname=colonyname, executortype="t", dependencies=list(parents)))
        for name, parents in (dependencies or {"a": ""}).items()
    ]).to_json()


def added(adapter, name="cron", interval=60, spec=None, **fields):
    cron = Cron(cronid=name, name=name, colonyname="c", interval=interval, initiatorid="id",
                initiatorname="initiator", workflowspec=spec or a_spec(), **fields)
    adapter.add_cron(cron)
    return name


def started(adapter, name="cron", **fields):
    """A cron that has been looked at: its first run is due a minute after START."""
    added(adapter, name, **fields)
    assert adapter.run_crons(START) == []
    return name


def nodes(adapter, graph):
    processes = [adapter.get_process_by_id(id) for id in graph.processids]
    return {each.spec.nodename: each for each in processes}


def test_the_first_look_only_sets_the_time(adapter):
    id = started(adapter)
    cron = adapter.get_cron_by_id(id)
    assert (cron.nextrun, cron.lastrun, cron.prevprocessgraphid) == (START + MINUTE, ZERO_TIME, "")
    assert adapter.count_waiting_process_graphs() == 0


def test_a_cron_starts_past_its_time(adapter):
    id = started(adapter)
    assert adapter.run_crons(START + MINUTE) == []
    later = START + MINUTE + timedelta(seconds=1)
    [graph] = adapter.run_crons(later)
    cron = adapter.get_cron_by_id(id)
    assert (cron.nextrun, cron.lastrun, cron.prevprocessgraphid) == (later + MINUTE, later, graph.processgraphid)
    stored = adapter.get_process_graph_by_id(graph.processgraphid)
    assert (stored.colonyname, stored.initiatorid, stored.initiatorname, stored.state) == ("c", "id", "initiator", WAITING)
    assert adapter.run_crons(later) == []
    assert len(adapter.run_crons(later + 2 * MINUTE)) == 1


def test_starting_is_one_step(adapter):
    id, graphs = started(adapter), []
    changed = changes_of_one_step(adapter, lambda: graphs.extend(adapter.run_crons(START + 2 * MINUTE)))
    assert changed == {"crons": {id}, "processes": set(graphs[0].processids),
                       "processgraphs": {graphs[0].processgraphid}}


def test_an_expression_says_when(adapter):
    id = started(adapter, interval=-1, cronexpression="0 30 4 * * *")
    assert adapter.get_cron_by_id(id).nextrun == START.replace(hour=4, minute=30)
    assert len(adapter.run_crons(START.replace(hour=4, minute=31))) == 1
    assert adapter.get_cron_by_id(id).nextrun == START.replace(day=2, hour=4, minute=30)


def test_the_zone_of_now_is_that_of_expressions(adapter):
    id = added(adapter, interval=-1, cronexpression="0 30 4 * * *")
    adapter.run_crons(START.astimezone(timezone(timedelta(hours=2))))
    assert adapter.get_cron_by_id(id).nextrun == START.replace(hour=2, minute=30)


def test_a_cron_that_never_comes_is_never_started(adapter):
    id = started(adapter, interval=-1, cronexpression="0 0 0 30 2 *")
    assert adapter.get_cron_by_id(id).nextrun == ZERO_TIME
    assert adapter.run_crons(START + timedelta(days=3000)) == []


def test_the_leaves_output_is_the_roots_input(adapter):
    id = started(adapter, spec=a_spec(a="", b="", z="ab", y="a", x="b"))
    [graph] = adapter.run_crons(START + 2 * MINUTE)
    first = nodes(adapter, graph)
    assert all(each.input == [] for each in first.values())
    for name, process in first.items():
        adapter.set_output(process.processid, [name, {"of": name}])
    [graph] = adapter.run_crons(START + 4 * MINUTE)
    second = nodes(adapter, graph)
    expected = ["z", {"of": "z"}, "y", {"of": "y"}, "x", {"of": "x"}]
    assert second["a"].input == second["b"].input == expected
    assert second["x"].input == second["z"].input == []
    assert adapter.get_cron_by_id(id).prevprocessgraphid == graph.processgraphid


def test_processes_that_are_gone_put_out_nothing(adapter):
    started(adapter, spec=a_spec(a="", b="a", c="a"))
    [graph] = adapter.run_crons(START + 2 * MINUTE)
    first = nodes(adapter, graph)
    for name, process in first.items():
        adapter.set_output(process.processid, [name])
    adapter.remove_process_by_id(first["b"].processid)
    [graph] = adapter.run_crons(START + 4 * MINUTE)
    assert nodes(adapter, graph)["a"].input == ["c"]
    adapter.remove_all_process_graphs_by_colony_name("c")
    [graph] = adapter.run_crons(START + 6 * MINUTE)
    assert nodes(adapter, graph)["a"].input == []


@pytest.mark.parametrize("state, goes_on", [(WAITING, False), (RUNNING, False), (SUCCESS, True), (FAILED, True), (CANCELLED, False)])
def test_a_cron_waits_for_its_previous_graph_if_it_has_to(adapter, state, goes_on):
    id = started(adapter, waitforprevprocessgraph=True)
    started(adapter, "hasty")
    first, _ = adapter.run_crons(START + 2 * MINUTE)
    adapter.set_process_graph_state(first.processgraphid, state)
    before = adapter.get_cron_by_id(id)
    assert len(adapter.run_crons(START + 4 * MINUTE)) == 1 + goes_on
    assert (adapter.get_cron_by_id(id) == before) is not goes_on
    adapter.remove_process_graph_by_id(first.processgraphid)
    assert len(adapter.run_crons(START + 4 * MINUTE)) == 1 - goes_on


def test_crons_run_in_the_order_of_adding(adapter):
    for name in "cab":
        added(adapter, name, spec=a_spec(**{name: ""}))
    adapter.run_crons(START)
    graphs = adapter.run_crons(START + 2 * MINUTE)
    assert [list(nodes(adapter, graph)) for graph in graphs] == [["c"], ["a"], ["b"]]


@pytest.mark.parametrize("bad, error", [
    ({"interval": -1, "cronexpression": "bad"}, QueryError),
    ({"spec": "no JSON"}, SchemaError), ({"spec": a_spec("another colony")}, SchemaError),
])
def test_a_bad_cron_is_no_hindrance_and_stays_as_it_is(adapter, bad, error):
    added(adapter, "bad", nextrun=START, **bad)
    added(adapter, "good", nextrun=START)
    before = adapter.get_cron_by_id("bad")
    with pytest.raises(error):
        adapter.run_crons(START + MINUTE)
    assert adapter.get_cron_by_id("bad") == before
    assert adapter.get_cron_by_id("good").lastrun == START + MINUTE
    assert adapter.count_waiting_process_graphs() == 1


def test_many_callers_start_each_once(adapter):
    for number in range(20):
        added(adapter, f"{number}")
    for round in range(5):
        moment = START + 2 * round * MINUTE
        graphs = sum(run_threads(lambda _, at=moment: adapter.run_crons(at), 6), [])
        assert len(graphs) == (20 if round else 0)
    assert adapter.count_waiting_process_graphs() == 80


def test_a_removed_cron_is_not_started(adapter):
    adapter.remove_cron_by_id(started(adapter))
    assert adapter.run_crons(START + 2 * MINUTE) == []


def test_a_naive_time_is_refused(adapter):
    added(adapter)
    for run in (adapter.run_crons, adapter.run_generators):
        with pytest.raises(SchemaError, match="now"):
            run(datetime(2030, 1, 1))
