"""The history of blueprints."""

from __future__ import annotations

from datetime import timedelta

import pytest

from velocity import DuplicateKeyError, SchemaError
from velocity.py.colonyos import Blueprint, BlueprintHistory
from velocity.py.colonyos.store import now

MOMENT = now()


def entry(blueprintid="b", generation=1, minutes=0, **fields):
    return BlueprintHistory(blueprintid=blueprintid, generation=generation,
                            timestamp=MOMENT + timedelta(minutes=minutes), **fields)


def added(adapter, *args, **fields):
    history = entry(*args, **fields)
    adapter.add_blueprint_history(history)
    return history


def generations(found):
    return [each.generation for each in found]


def test_an_entry_reads_back_as_it_was_added(adapter):
    blueprint = Blueprint.create("Kind", "name", "ns")
    blueprint.spec, blueprint.status = {"a": [2**70]}, {"b": None}
    history = BlueprintHistory.create(blueprint, "someone", "update")
    adapter.add_blueprint_history(history)
    assert adapter.get_blueprint_history(blueprint.blueprintid, 1) == [history]
    assert adapter.get_blueprint_history_by_generation(blueprint.blueprintid, 1) == history


def test_an_empty_id_becomes_a_new_one_and_ids_are_unique(adapter):
    history = added(adapter)
    assert len(history.historyid) == 64
    with pytest.raises(DuplicateKeyError, match="already exists"):
        added(adapter, "other", historyid=history.historyid)
    assert adapter.get_blueprint_history("other", 0) == []


def test_the_newest_come_first_and_ties_the_later_added_first(adapter):
    for generation, minutes in [(1, 5), (2, 1), (3, 5), (4, 9)]:
        added(adapter, "b", generation, minutes)
    added(adapter, "other", 7)
    assert generations(adapter.get_blueprint_history("b", 0)) == [4, 3, 1, 2]
    assert generations(adapter.get_blueprint_history("b", -1)) == [4, 3, 1, 2]
    assert generations(adapter.get_blueprint_history("b", 3)) == [4, 3, 1]
    assert generations(adapter.get_blueprint_history("b", 100)) == [4, 3, 1, 2]
    assert adapter.get_blueprint_history("none", 0) == []


def test_one_generation_is_found(adapter):
    first = added(adapter, "b", 1, 5)
    added(adapter, "b", 1, 1)
    second = added(adapter, "b", 2)
    added(adapter, "other", 3)
    assert adapter.get_blueprint_history_by_generation("b", 1) == first
    assert adapter.get_blueprint_history_by_generation("b", 2) == second
    assert adapter.get_blueprint_history_by_generation("b", 3) is None


def test_a_blueprint_s_history_is_removed(adapter):
    added(adapter, "b", 1), added(adapter, "b", 2), added(adapter, "other", 3)
    for _ in range(2):
        adapter.remove_blueprint_history("b")
    assert adapter.get_blueprint_history("b", 0) == []
    assert generations(adapter.get_blueprint_history("other", 0)) == [3]


def test_history_outlives_its_blueprint(adapter):
    blueprint = Blueprint.create("Kind", "name", "ns")
    adapter.add_blueprint(blueprint)
    adapter.add_blueprint_history(BlueprintHistory.create(blueprint, "someone", "create"))
    adapter.remove_blueprint_by_id(blueprint.blueprintid)
    assert len(adapter.get_blueprint_history(blueprint.blueprintid, 0)) == 1


def test_history_is_read_by_index(adapter):
    for number in range(200):
        added(adapter, f"{number % 10}", number, number)
    history = adapter._data.blueprinthistory
    plan = history.explain({"blueprintid": "3"}, sort=["-timestamp", "-sequence"], limit=3)
    assert (plan["index"], plan["order"]) == (["blueprint"], "index")
    assert plan["documents_examined"] <= 4
    plan = history.explain({"blueprintid": "3", "generation": 13}, sort="sequence", limit=1)
    assert (plan["index"], plan["documents_examined"]) == (["generation"], 1)


@pytest.mark.parametrize("wrong", [{"spec": {"a": b"b"}}, {"status": {1: 2}}, {"kind": 5}, {"historyid": 7}])
def test_wrong_entries_are_refused(adapter, wrong):
    with pytest.raises(SchemaError):
        added(adapter, **wrong)
    assert adapter.get_blueprint_history("b", 0) == []
