"""Arguments of processes: what is of a wrong type is refused as a whole; what a step tells its
object."""

from __future__ import annotations

import pytest

from velocity import SchemaError
from velocity.py.colonyos import (
    PENDING,
    RUNNING,
    WAITING,
    Attribute,
    Conditions,
    FunctionSpec,
    Process,
)

ENV = {"key": "value"}


def process_with(env):
    return Process.create(FunctionSpec(conditions=Conditions("dev", executortype="cli"), env=env))


@pytest.mark.parametrize("env", ["text", ["a"], {"a": 1}, {1: "a"}, {"a": None}])
def test_env_that_is_no_map_of_text(adapter, env):
    with pytest.raises(SchemaError):
        adapter.add_process(process_with(env))
    assert adapter.count_processes() == 0
    assert adapter.get_attributes_by_colony_name("dev") == []


@pytest.mark.parametrize("env", [{}, ENV])
@pytest.mark.parametrize("attributes", ["text", {"a": "b"}, [5], [None], [Attribute(key="a"), {}]])
def test_attributes_that_are_none(adapter, attributes, env):
    process = process_with(env)
    process.attributes = attributes
    with pytest.raises(SchemaError):
        adapter.add_process(process)
    assert adapter.count_processes() == 0


def test_null_is_no_attributes_and_no_env(adapter):
    for env in (None, ENV):
        process = process_with(env)
        process.attributes = None
        adapter.add_process(process)
        stored = adapter.get_process_by_id(process.processid)
        assert stored.spec.env == (env or {})
        assert stored.attributes == process.attributes


@pytest.mark.parametrize("step", ["mark_failed", "close_failed"])
@pytest.mark.parametrize("errs", [None, "text", [1]])
def test_reasons_that_are_no_list_of_text(adapter, step, errs):
    process = process_with({})
    adapter.add_process(process)
    with pytest.raises(SchemaError):
        getattr(adapter, step)(process.processid, errs)
    assert adapter.get_process_by_id(process.processid).state == WAITING


def test_the_states_of_the_attributes_on_the_object_follow(adapter):
    process = process_with(ENV)
    adapter.add_process(process)
    for step, state in (
        (lambda: adapter.assign("executor", process), RUNNING),
        (lambda: adapter.unassign(process), PENDING),
        (lambda: adapter.assign("executor", process), RUNNING),
        (lambda: adapter.reset_process(process), WAITING),
    ):
        step()
        assert [each.state for each in process.attributes] == [state]
        assert process.attributes == adapter.get_attributes(process.processid)
