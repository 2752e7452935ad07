"""Blueprints and their definitions."""

from __future__ import annotations

import copy

import pytest

from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError, SchemaError
from velocity.py.colonyos import Blueprint, BlueprintDefinition
from velocity.py.colonyos.store import now


def a_blueprint(name="b", namespace="ns", kind="Kind", location="", **fields):
    blueprint = Blueprint.create(kind, name, namespace)
    blueprint.metadata.locationname = location
    for field, value in fields.items():
        setattr(blueprint, field, value)
    return blueprint


def added(adapter, *args, **fields):
    blueprint = a_blueprint(*args, **fields)
    adapter.add_blueprint(blueprint)
    return blueprint


def a_definition(name="d", namespace="ns", kind="Kind", group="group", **fields):
    definition = BlueprintDefinition.create(name, group, "v1", kind, "kinds", "Namespaced", "type", "reconcile")
    definition.metadata.colonyname = namespace
    for field, value in fields.items():
        setattr(definition, field, value)
    return definition


def defined(adapter, *args, **fields):
    definition = a_definition(*args, **fields)
    adapter.add_blueprint_definition(definition)
    return definition


def names(found):
    return [(each.metadata.colonyname, each.metadata.name) for each in found]


class TestBlueprints:
    def test_one_reads_back_as_it_was_added(self, adapter):
        blueprint = a_blueprint(location="Here")
        blueprint.spec = {"replicas": 2**70, "nested": {"list": [1, 2.5, None, True, "ä"]}}
        blueprint.status = {"ready": False}
        blueprint.metadata.labels, blueprint.metadata.annotations = {"a": "1"}, {"b": "2"}
        blueprint.metadata.lastReconciliationTime = now()
        adapter.add_blueprint(blueprint)
        assert adapter.get_blueprint_by_id(blueprint.blueprintid) == blueprint
        assert adapter.get_blueprint_by_name("ns", "b") == blueprint

    def test_an_empty_id_becomes_a_new_one(self, adapter):
        blueprint = added(adapter, blueprintid="")
        assert len(blueprint.blueprintid) == 64
        assert adapter.get_blueprint_by_id(blueprint.blueprintid) == blueprint

    def test_id_and_name_are_unique(self, adapter):
        id = added(adapter).blueprintid
        with pytest.raises(DuplicateKeyError, match="already exists"):
            added(adapter, "other", blueprintid=id)
        with pytest.raises(DuplicateKeyError, match="'b' of namespace 'ns'.*already exists"):
            added(adapter, kind="Other")
        added(adapter, namespace="other")
        assert adapter.count_blueprints() == 2

    def test_absent_ones_are_none(self, adapter):
        added(adapter)
        assert adapter.get_blueprint_by_id("absent") is None
        assert adapter.get_blueprint_by_id("") is None
        assert adapter.get_blueprint_by_name("ns", "B") is None
        assert adapter.get_blueprint_by_name("other", "b") is None

    def test_lists_are_by_namespace_and_name(self, adapter):
        for namespace, name, kind in [("y", "b", "K"), ("x", "c", "K"), ("y", "a", "K"), ("x", "a", "L"), ("x", "B", "K")]:
            added(adapter, name, namespace, kind)
        assert names(adapter.get_blueprints()) == [("x", "B"), ("x", "a"), ("x", "c"), ("y", "a"), ("y", "b")]
        assert names(adapter.get_blueprints_by_namespace("x")) == [("x", "B"), ("x", "a"), ("x", "c")]
        assert names(adapter.get_blueprints_by_kind("K")) == [("x", "B"), ("x", "c"), ("y", "a"), ("y", "b")]
        assert names(adapter.get_blueprints_by_namespace_and_kind("x", "K")) == [("x", "B"), ("x", "c")]
        assert adapter.get_blueprints_by_namespace("z") == adapter.get_blueprints_by_kind("k") == []
        assert adapter.get_blueprints_by_namespace_and_kind("y", "L") == []
        assert (adapter.count_blueprints(), adapter.count_blueprints_by_namespace("x")) == (5, 3)
        assert adapter.count_blueprints_by_namespace("z") == 0

    def test_locations_are_compared_ignoring_case(self, adapter):
        for name, location in [("c", "Berlin"), ("a", "BERLIN"), ("b", "Oslo"), ("d", "")]:
            added(adapter, name, location=location)
        added(adapter, "e", kind="Other", location="berlin")

        def found(location):
            return [name for _, name in names(adapter.get_blueprints_by_namespace_kind_and_location("ns", "Kind", location))]

        assert found("berlin") == found("BeRLiN") == ["a", "c"]
        assert found("OSLO") == ["b"]
        assert found("") == ["a", "b", "c", "d"]
        assert found("nowhere") == []
        assert adapter.get_blueprint_by_name("ns", "c").metadata.locationname == "Berlin"

    def test_an_update_replaces_the_whole(self, adapter):
        blueprint = added(adapter, status={"old": 1}, location="Oslo")
        other = added(adapter, "other")
        changed = a_blueprint("new", "ns2", "Kind2", "Bergen", blueprintid=blueprint.blueprintid, spec={"a": 1})
        changed.metadata.generation = 17
        adapter.update_blueprint(changed)
        assert adapter.get_blueprint_by_id(blueprint.blueprintid) == changed
        assert adapter.get_blueprint_by_name("ns", "b") is None
        assert adapter.get_blueprint_by_name("ns2", "new") == changed
        assert adapter.get_blueprints_by_namespace_kind_and_location("ns2", "Kind2", "BERGEN") == [changed]
        assert adapter.get_blueprint_by_name("ns", "other") == other

    def test_an_update_cannot_take_a_name(self, adapter):
        blueprint = added(adapter)
        other = added(adapter, "other")
        changed = copy.deepcopy(other)
        changed.metadata.name = "b"
        with pytest.raises(DuplicateKeyError, match="already exists"):
            adapter.update_blueprint(changed)
        assert adapter.get_blueprints() == [blueprint, other]

    def test_an_update_of_an_absent_one_does_nothing(self, adapter):
        adapter.update_blueprint(a_blueprint())
        adapter.update_blueprint(a_blueprint(blueprintid=""))
        assert adapter.get_blueprints() == []

    def test_a_status_is_replaced_alone(self, adapter):
        blueprint = added(adapter, status={"old": 1}, spec={"a": 1})
        status = {"ready": [1, {"x": None}], "size": 2**70}
        adapter.update_blueprint_status(blueprint.blueprintid, status)
        found = adapter.get_blueprint_by_id(blueprint.blueprintid)
        blueprint.status = status
        assert found == blueprint
        adapter.update_blueprint_status(blueprint.blueprintid, {})
        assert adapter.get_blueprint_by_id(blueprint.blueprintid).status == {}

    def test_a_status_wants_a_blueprint(self, adapter):
        for absent in ("absent", ""):
            with pytest.raises(NotFoundError):
                adapter.update_blueprint_status(absent, {})

    @pytest.mark.parametrize("status", [None, [], "x", {"a": float("nan")}, {"a": b"b"}, {1: 2}, {"a": {1}}])
    def test_wrong_states_are_refused(self, adapter, status):
        blueprint = added(adapter, status={"old": 1})
        with pytest.raises(SchemaError):
            adapter.update_blueprint_status(blueprint.blueprintid, status)
        with pytest.raises(SchemaError):
            adapter.update_blueprint(a_blueprint(blueprintid=blueprint.blueprintid, status=status))
        with pytest.raises(SchemaError):
            added(adapter, "other", status=status)
        assert adapter.get_blueprints() == [blueprint]

    def test_states_and_changes_do_not_undo_each_other(self, adapter):
        id = added(adapter).blueprintid

        def work(number):
            for round in range(100):
                if number:
                    adapter.update_blueprint_status(id, {"round": round})
                else:
                    blueprint = adapter.get_blueprint_by_id(id)
                    blueprint.status = {"round": -1}
                    blueprint.metadata.generation = round
                    adapter.update_blueprint(blueprint)

        run_threads(work, 2)
        found = adapter.get_blueprint_by_id(id)
        assert found.metadata.generation == 99 and found.status["round"] in (99, -1)

    def test_they_are_removed_by_id_name_and_namespace(self, adapter):
        blueprints = [added(adapter, name) for name in "abcd"]
        added(adapter, "a", "other")
        adapter.remove_blueprint_by_id(blueprints[0].blueprintid)
        adapter.remove_blueprint_by_id(blueprints[0].blueprintid)
        adapter.remove_blueprint_by_id("")
        adapter.remove_blueprint_by_name("other", "b")
        adapter.remove_blueprint_by_name("ns", "b")
        assert names(adapter.get_blueprints()) == [("ns", "c"), ("ns", "d"), ("other", "a")]
        adapter.remove_blueprints_by_namespace("ns")
        assert names(adapter.get_blueprints()) == [("other", "a")]

    def test_what_is_read_is_the_reader_s_own(self, adapter):
        blueprint = added(adapter, spec={"list": []}, status={"a": []})
        kept = copy.deepcopy(blueprint)
        blueprint.spec["list"].append(1)
        found = adapter.get_blueprint_by_id(blueprint.blueprintid)
        found.spec["list"].append(2), found.status["a"].append(2)
        assert adapter.get_blueprint_by_id(blueprint.blueprintid) == kept

    def test_lists_are_read_by_index(self, adapter):
        for number in range(200):
            added(adapter, f"{number}", f"{number % 10}", f"{number % 20}")
        blueprints = adapter._data.blueprints
        for wanted, sort, index, examined in [
            ({"namespace": "3"}, ["name"], "name", 20),
            ({"kind": "1"}, ["namespace", "name"], "kind", 10),
            ({"kind": "3", "namespace": "3"}, ["name"], "kind", 10),
        ]:
            plan = blueprints.explain(wanted, sort=sort)
            assert (plan["index"], plan["order"], plan["documents_examined"]) == ([index], "index", examined)

    @pytest.mark.parametrize("wrong", [
        {"blueprintid": None}, {"kind": None}, {"metadata": None}, {"metadata": {}}, {"spec": {"a": {1, 2}}}, {"spec": {1: "a"}},
    ])
    def test_wrong_ones_are_refused(self, adapter, wrong):
        with pytest.raises(SchemaError):
            added(adapter, **wrong)
        assert adapter.count_blueprints() == 0


class TestDefinitions:
    def test_one_reads_back_as_it_was_added(self, adapter):
        definition = a_definition()
        definition.spec.names.shortNames = ["k"]
        adapter.add_blueprint_definition(definition)
        assert adapter.get_blueprint_definition_by_id(definition.blueprintdefinitionid) == definition
        assert adapter.get_blueprint_definition_by_name("ns", "d") == definition
        assert definition.kind == "BlueprintDefinition"

    def test_an_empty_id_becomes_a_new_one(self, adapter):
        definition = defined(adapter, blueprintdefinitionid="")
        assert len(definition.blueprintdefinitionid) == 64
        assert adapter.get_blueprint_definition_by_id(definition.blueprintdefinitionid) == definition

    def test_id_and_name_are_unique(self, adapter):
        id = defined(adapter).blueprintdefinitionid
        with pytest.raises(DuplicateKeyError, match="already exists"):
            defined(adapter, "other", blueprintdefinitionid=id)
        with pytest.raises(DuplicateKeyError, match="'d' of namespace 'ns'.*already exists"):
            defined(adapter, kind="Other")
        defined(adapter, namespace="other")
        assert adapter.count_blueprint_definitions() == 2

    def test_absent_ones_are_none(self, adapter):
        defined(adapter)
        assert adapter.get_blueprint_definition_by_id("absent") is None
        assert adapter.get_blueprint_definition_by_id("") is None
        assert adapter.get_blueprint_definition_by_name("ns", "D") is None
        assert adapter.get_blueprint_definition_by_name("other", "d") is None
        assert adapter.get_blueprint_definition_by_kind("kind") is None

    def test_lists_are_by_name(self, adapter):
        for namespace, name, group in [("y", "b", "g"), ("y", "c", "h"), ("x", "b", "h"), ("x", "a", "g")]:
            defined(adapter, name, namespace, group=group)
        assert names(adapter.get_blueprint_definitions()) == [("x", "a"), ("y", "b"), ("x", "b"), ("y", "c")]
        assert names(adapter.get_blueprint_definitions_by_namespace("y")) == [("y", "b"), ("y", "c")]
        assert names(adapter.get_blueprint_definitions_by_group("g")) == [("x", "a"), ("y", "b")]
        assert adapter.get_blueprint_definitions_by_namespace("z") == []
        assert adapter.get_blueprint_definitions_by_group("z") == []
        assert adapter.count_blueprint_definitions() == 4

    def test_the_oldest_of_a_kind_in_any_namespace_is_found(self, adapter):
        first = defined(adapter, "z", "z", "K")
        second = defined(adapter, "a", "a", "K")
        defined(adapter, "b", "b", "L")
        assert adapter.get_blueprint_definition_by_kind("K") == first
        adapter.remove_blueprint_definition_by_id(first.blueprintdefinitionid)
        assert adapter.get_blueprint_definition_by_kind("K") == second

    def test_an_update_replaces_the_whole(self, adapter):
        id = defined(adapter).blueprintdefinitionid
        other = defined(adapter, "other")
        changed = a_definition("new", "ns2", "Kind2", "group2", blueprintdefinitionid=id)
        adapter.update_blueprint_definition(changed)
        assert adapter.get_blueprint_definition_by_id(id) == changed
        assert adapter.get_blueprint_definition_by_kind("Kind2") == changed
        assert adapter.get_blueprint_definitions_by_group("group2") == [changed]
        with pytest.raises(DuplicateKeyError, match="already exists"):
            adapter.update_blueprint_definition(a_definition("other", blueprintdefinitionid=id))
        adapter.update_blueprint_definition(a_definition("absent"))
        assert adapter.get_blueprint_definitions() == [changed, other]

    def test_they_are_removed_by_id_and_name(self, adapter):
        id = defined(adapter, "a").blueprintdefinitionid
        defined(adapter, "b"), defined(adapter, "c")
        for _ in range(2):
            adapter.remove_blueprint_definition_by_id(id)
        adapter.remove_blueprint_definition_by_id("")
        adapter.remove_blueprint_definition_by_name("other", "b")
        adapter.remove_blueprint_definition_by_name("ns", "b")
        assert names(adapter.get_blueprint_definitions()) == [("ns", "c")]

    def test_wrong_ones_are_refused(self, adapter):
        for wrong in ({"metadata": None}, {"spec": None}, {"blueprintdefinitionid": 1}):
            with pytest.raises(SchemaError):
                defined(adapter, **wrong)
        assert adapter.count_blueprint_definitions() == 0


def test_of_many_of_one_name_one_is_added(adapter):
    def add(number):
        try:
            return added(adapter).blueprintid
        except DuplicateKeyError:
            return None

    winners = [each for each in run_threads(add, 8) if each is not None]
    assert winners == [each.blueprintid for each in adapter.get_blueprints()]


def test_blueprints_and_definitions_stay_when_their_colony_goes(adapter):
    from velocity.py.colonyos import BlueprintHistory, Colony

    adapter.add_colony(Colony(colonyid="id", name="ns"))
    blueprint, definition = added(adapter), defined(adapter)
    adapter.add_blueprint_history(BlueprintHistory.create(blueprint, "me", "create"))
    adapter.remove_colony_by_name("ns")
    assert adapter.get_blueprints() == [blueprint]
    assert adapter.get_blueprint_definitions() == [definition]
    assert len(adapter.get_blueprint_history(blueprint.blueprintid, 0)) == 1
