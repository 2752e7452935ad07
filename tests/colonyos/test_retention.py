"""Retention: what has done its work and is old goes, all else stays."""

from __future__ import annotations

from datetime import timedelta

import pytest

from support.one_step import changes_of_one_step
from velocity import QueryError, SchemaError
from velocity.py.colonyos import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    Attribute,
    Conditions,
    File,
    FunctionSpec,
    Process,
    ProcessGraph,
)
from velocity.py.colonyos.store import now

HOUR = 3600


def add_process(adapter, state=WAITING, colonyname="c", **fields):
    spec = FunctionSpec(funcname="f", conditions=Conditions(colonyname=colonyname, executortype="t"), env={"key": "value"})
    process = Process.create(spec)
    for name, value in fields.items():
        setattr(process, name, value)
    adapter.add_process(process)
    if state != WAITING:
        adapter.set_process_state(process.processid, state)
    return process.processid


def add_graph(adapter, state):
    graph = ProcessGraph.create("c")
    adapter.add_process_graph(graph)
    adapter.set_process_graph_state(graph.processgraphid, state)
    return graph.processgraphid


def add_attribute(adapter, target, state=WAITING, key="extra"):
    attribute = Attribute.create(target, "c", "", 0, key, "value")
    attribute.state = state
    adapter.add_attribute(attribute)
    return attribute.attributeid


def age(adapter, hours, *collections):
    """Make what is there look as if it had come so many hours earlier."""
    for name in collections:
        collection = adapter._db[name]
        field = "submissiontime" if name in ("processes", "processgraphs") else "added"
        for document in list(collection.values()):
            collection.update(document.id, {field: document[field] - timedelta(hours=hours)})


def test_successful_processes_go_with_their_attributes(adapter):
    ids = {state: add_process(adapter, state) for state in (WAITING, RUNNING, SUCCESS, FAILED, CANCELLED)}
    adapter.apply_retention_policy(0)
    left = {each.processid for each in adapter.get_processes()}
    assert left == set(ids.values()) - {ids[SUCCESS]}
    assert adapter.get_attributes(ids[SUCCESS]) == []
    for state in (WAITING, RUNNING, FAILED, CANCELLED):
        assert len(adapter.get_attributes(ids[state])) == 1


def test_all_goes_in_one_step(adapter):
    process, graph = add_process(adapter, SUCCESS), add_graph(adapter, SUCCESS)
    attribute = add_attribute(adapter, process)
    for number in range(5):
        adapter.add_log(process, f"{number % 2}", "e", 0, "m")
    changed = changes_of_one_step(adapter, lambda: adapter.apply_retention_policy(0))
    assert changed["processes"] == {process} and changed["processgraphs"] == {graph}
    assert len(changed["logs"]) == 5
    assert len(changed["attributes"]) == 2 and attribute in changed["attributes"]


def test_only_what_is_older_goes(adapter):
    old = add_process(adapter, SUCCESS)
    age(adapter, 2, "processes", "attributes")
    new = add_process(adapter, SUCCESS)
    adapter.apply_retention_policy(3 * HOUR)
    assert len(adapter.get_processes()) == 2
    adapter.apply_retention_policy(HOUR)
    assert [each.processid for each in adapter.get_processes()] == [new]
    assert adapter.get_attributes(old) == [] and len(adapter.get_attributes(new)) == 1


def test_an_old_process_takes_its_young_attributes_along(adapter):
    id = add_process(adapter, SUCCESS)
    age(adapter, 2, "processes")
    adapter.apply_retention_policy(HOUR)
    assert adapter.get_process_by_id(id) is None and adapter.get_attributes(id) == []


def test_old_attributes_of_a_young_successful_process_go_alone(adapter):
    id = add_process(adapter, SUCCESS)
    age(adapter, 2, "attributes")
    add_attribute(adapter, id)
    adapter.apply_retention_policy(HOUR)
    assert adapter.get_process_by_id(id) is not None
    assert [each.key for each in adapter.get_attributes(id)] == ["extra"]


def test_an_attribute_added_later_counts_by_its_own_state(adapter):
    process = add_process(adapter, SUCCESS)
    waiting = add_attribute(adapter, process, WAITING, "waiting")
    success = add_attribute(adapter, "nobody", SUCCESS, "success")
    failed = add_attribute(adapter, "nobody", FAILED, "failed")
    age(adapter, 2, "attributes")
    adapter.apply_retention_policy(HOUR)
    left = {each.attributeid for each in adapter.get_attributes_by_colony_name("c")}
    assert left == {waiting, failed} and success not in left


def test_successful_graphs_go(adapter):
    ids = {state: add_graph(adapter, state) for state in (WAITING, RUNNING, SUCCESS, FAILED, CANCELLED)}
    age(adapter, 2, "processgraphs")
    young = add_graph(adapter, SUCCESS)
    adapter.apply_retention_policy(HOUR)
    left = {state for state, id in ids.items() if adapter.get_process_graph_by_id(id) is not None}
    assert left == {WAITING, RUNNING, FAILED, CANCELLED}
    assert adapter.get_process_graph_by_id(young) is not None


def test_logs_go_by_the_time_of_adding_whatever_they_are_of(adapter):
    failed = add_process(adapter, FAILED)
    for colony in ("", "a", "b", "z"):
        for hours in (3, 2, 0):
            adapter.add_log(failed, colony, "e", hours, "m", added=now() - timedelta(hours=hours, minutes=1))
    adapter.add_log(failed, "young", "e", 0, "m")
    adapter.apply_retention_policy(2 * HOUR)
    assert [adapter.count_logs(colony) for colony in ("", "a", "b", "z", "young")] == [1, 1, 1, 1, 1]
    adapter.apply_retention_policy(0)
    assert adapter.get_logs_by_process_id(failed, 10) == []
    assert adapter.get_process_by_id(failed) is not None


def test_old_logs_are_found_by_index(adapter):
    for number in range(1000):
        adapter.add_log("p", f"{number % 10}", "e", 0, "m", added=now() - timedelta(hours=number // 100))
    logs = adapter._data.logs
    plan = logs.explain({"colonyname": "3", "added": {"$lte": now() - timedelta(hours=8.5)}})
    assert (plan["index"], plan["documents_examined"]) == (["colony"], 10)
    plan = logs.explain({"colonyname": {"$gt": "3"}}, sort=["colonyname", "added", "sequence"], limit=1)
    assert (plan["index"], plan["order"]) == (["colony"], "index")
    assert plan["documents_examined"] <= 2


def test_files_stay(adapter):
    adapter.add_file(File(fileid="id", colonyname="c", label="/a", name="f"))
    age(adapter, 1000, "files")
    adapter.apply_retention_policy(0)
    assert adapter.get_file_by_id("c", "id") is not None


def test_a_period_longer_than_time_removes_nothing(adapter):
    add_process(adapter, SUCCESS)
    adapter.add_log("p", "c", "e", 0, "m")
    adapter.apply_retention_policy(10**20)
    assert len(adapter.get_processes()) == 1 and adapter.count_logs("c") == 1


@pytest.mark.parametrize("period", [-1, None, "1", 1.5, True])
def test_wrong_periods_are_refused(adapter, period):
    adapter.add_log("p", "c", "e", 0, "m")
    with pytest.raises((QueryError, SchemaError)):
        adapter.apply_retention_policy(period)
    assert adapter.count_logs("c") == 1
