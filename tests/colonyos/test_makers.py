"""What the types make and do by themselves, without a database."""

from __future__ import annotations

import copy
import hashlib
from datetime import datetime, timedelta, timezone

import pytest

from support.colonyos import a_process, a_spec, an_executor
from velocity import SchemaError
from velocity.py.colonyos import (
    ENV,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
    Attribute,
    Blueprint,
    BlueprintDefinition,
    BlueprintHistory,
    Executor,
    FunctionSpec,
    Generator,
    GeneratorArg,
    Process,
    ProcessGraph,
)

NOON = datetime(2026, 11, 24, 12, tzinfo=timezone.utc)
SECOND, MICROSECOND = timedelta(seconds=1), timedelta(microseconds=1)


def is_id(text):
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def about_now(time):
    return timedelta() <= datetime.now(timezone.utc) - time < timedelta(minutes=1)


def test_a_new_process_waits():
    spec = a_spec(priority=2)
    process = Process.create(spec)
    assert is_id(process.processid) and process.processid != Process.create(spec).processid
    assert process == Process(process.processid, spec=spec) and process.spec is spec
    assert (process.state, process.isassigned, process.input, process.output, process.errors) == (WAITING, False, [], [], [])


@pytest.mark.parametrize("spec", [None, {}, "spec", Process()])
def test_a_process_wants_a_specification(spec):
    with pytest.raises(SchemaError, match="FunctionSpec"):
        Process.create(spec)


def test_how_long_a_process_waited():
    process = a_process()
    process.submissiontime = datetime.now(timezone.utc) - timedelta(hours=1)
    assert 3600 <= process.waiting_time() < 3660
    process.state, process.starttime = RUNNING, process.submissiontime + timedelta(seconds=1.5)
    assert process.waiting_time() == 1.5
    process.state = SUCCESS
    assert process.waiting_time() == 1.5


def test_how_long_a_process_ran():
    process = a_process()
    assert process.processing_time() == 0.0
    process.state, process.starttime = RUNNING, datetime.now(timezone.utc) - timedelta(hours=1)
    assert 3600 <= process.processing_time() < 3660
    process.state, process.endtime = FAILED, process.starttime + timedelta(seconds=2.5)
    assert process.processing_time() == 2.5


@pytest.mark.parametrize("priority", [0, 1, -1, 50_000, -50_000])
def test_the_time_of_submission_sets_the_priority_time(priority):
    process = a_process(priority=priority)
    process.set_submission_time(NOON + MICROSECOND)
    assert process.submissiontime == NOON + MICROSECOND
    assert process.prioritytime == (int(NOON.timestamp()) * 10**9 + 1000) - priority * 86_400 * 10**9
    process.set_submission_time(datetime(1969, 12, 31, 23, 59, 59, 999_999, timezone.utc))
    assert process.prioritytime == -1000 - priority * 86_400 * 10**9
    with pytest.raises(SchemaError, match="submissiontime"):
        process.set_submission_time(datetime(2026, 1, 1))


def test_an_attribute_has_the_id_that_its_place_decides():
    attribute = Attribute.create("target", "dev", "graph", ENV, "key", "value")
    assert attribute == Attribute(hashlib.sha3_256(b"targetkey3").hexdigest(), "target", "dev", "graph", 0, ENV, "key", "value")
    assert attribute.attributeid == Attribute.create("target", "x", "y", ENV, "key", "other").attributeid


def test_new_graphs_and_generator_args():
    graph = ProcessGraph.create("dev")
    assert is_id(graph.processgraphid) and graph == ProcessGraph(graph.processgraphid, colonyname="dev")
    graph.add_root("a")
    graph.add_root("b")
    assert graph.rootprocessids == ["a", "b"]
    arg = GeneratorArg.create("g", "dev", "x")
    assert is_id(arg.id) and arg == GeneratorArg(arg.id, "g", "dev", "x")


def test_blueprints():
    blueprint = Blueprint.create("Robot", "r2", "dev")
    metadata = blueprint.metadata
    assert is_id(blueprint.blueprintid) and blueprint.kind == "Robot"
    assert (metadata.name, metadata.colonyname, metadata.generation) == ("r2", "dev", 1)
    assert about_now(metadata.createdAt) and metadata.createdAt == metadata.updatedAt
    created = metadata.createdAt = metadata.updatedAt = NOON
    blueprint.set_status("phase", "up")
    assert (blueprint.status, metadata.generation) == ({"phase": "up"}, 1) and about_now(metadata.updatedAt)
    metadata.updatedAt = NOON
    blueprint.set_spec("speed", [1])
    assert (blueprint.spec, metadata.generation) == ({"speed": [1]}, 2) and about_now(metadata.updatedAt)
    assert metadata.createdAt == created


def test_a_blueprint_definition():
    made = BlueprintDefinition.create("robots", "g.io", "v1", "Robot", "robots", "Namespaced", "robotics", "reconcile")
    names, handler = made.spec.names, made.spec.handler
    assert is_id(made.blueprintdefinitionid) and made.kind == "BlueprintDefinition" and made.metadata.name == "robots"
    assert (made.spec.group, made.spec.version, made.spec.scope) == ("g.io", "v1", "Namespaced")
    assert (names.kind, names.listKind, names.singular, names.plural) == ("Robot", "RobotList", "robot", "robots")
    assert (handler.executorType, handler.functionName) == ("robotics", "reconcile")
    assert about_now(made.metadata.createdAt)


def test_a_blueprint_history_shares_nothing():
    blueprint = Blueprint.create("Robot", "r2", "dev")
    blueprint.set_spec("arms", [1])
    blueprint.set_status("joints", {"a": 1})
    made = BlueprintHistory.create(blueprint, "me", "update")
    blueprint.spec["arms"].append(2)
    blueprint.status["joints"]["a"] = 2
    assert (made.spec, made.status) == ({"arms": [1]}, {"joints": {"a": 1}})
    assert is_id(made.historyid) and about_now(made.timestamp)
    assert (made.blueprintid, made.kind, made.namespace, made.name, made.generation, made.changedby, made.changetype) == (
        blueprint.blueprintid, "Robot", "dev", "r2", 2, "me", "update",
    )  # fmt: skip


@pytest.mark.parametrize("trigger, count, due", [
    (1, 0, 0), (1, 1, 1), (1, 5, 5), (3, 2, 0), (3, 3, 1), (3, 8, 2), (3, 9, 3), (0, 5, 0), (-1, 5, 0),
])  # fmt: skip
def test_generators_are_due_by_count(trigger, count, due):
    assert Generator(trigger=trigger).due(count, NOON) == due
    late = Generator(trigger=trigger, timeout=1, lastrun=NOON - 5 * SECOND)
    assert late.due(count, NOON) == (due or int(count > 0))


@pytest.mark.parametrize("now, due", [
    (NOON + 10 * SECOND, 0), (NOON + 11 * SECOND - MICROSECOND, 0), (NOON + 11 * SECOND, 1), (NOON, 0), (NOON - SECOND, 0),
])  # fmt: skip
def test_generators_are_due_by_time_in_whole_seconds(now, due):
    since = NOON + timedelta(microseconds=999_999)
    assert Generator(trigger=9, timeout=10, lastrun=since).due(1, now) == due
    assert Generator(trigger=9, timeout=10, firstpack=since).due(1, now) == due
    assert Generator(trigger=9, timeout=10, firstpack=ZERO_TIME + SECOND, lastrun=since).due(8, now) == due
    assert Generator(trigger=9, timeout=10, lastrun=since).due(0, now) == 0
    assert Generator(trigger=9, timeout=0, lastrun=since).due(1, now) == 0
    assert Generator(trigger=9, timeout=10).due(1, now) == 0  # neither ran nor packed


def test_generators_look_at_the_clock():
    now = datetime.now(timezone.utc)
    assert Generator(trigger=9, timeout=10, firstpack=now - 12 * SECOND).due(1) == 1
    assert Generator(trigger=9, timeout=3600, firstpack=now).due(1) == 0
    with pytest.raises(SchemaError, match="now"):
        Generator(trigger=9, timeout=10, firstpack=now).due(1, datetime(2026, 1, 1))


def test_what_tests_make_is_usual():
    assert FunctionSpec.from_json(a_spec().to_json()) == a_spec()
    executor = an_executor()
    assert Executor.from_json(executor.to_json()) == executor == copy.deepcopy(executor)
