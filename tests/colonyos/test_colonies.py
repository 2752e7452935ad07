"""Colonies: unique by name; a colony goes with all that belongs to it, in one step."""

from __future__ import annotations

import dataclasses
import errno
import threading

import pytest

from support.colony_records import REMOVED, STAYS, belongings, fill_colony, put_record
from support.faults import fault
from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import Config, DuplicateKeyError, NotFoundError, SchemaError, StorageError
from velocity.py.colonyos import Colony, ColonyOSAdapter, User


def test_a_colony_reads_back_as_added(adapter):
    given = Colony("1", "c")
    assert adapter.add_colony(given) is None
    assert adapter.get_colony_by_id("1") == given
    assert adapter.get_colony_by_name("c") == given
    assert adapter.get_colonies() == [given]
    assert adapter.count_colonies() == 1


def test_an_empty_id_gets_a_new_one(adapter):
    given = Colony(name="c")
    adapter.add_colony(given)
    assert len(given.colonyid) == 64
    assert adapter.get_colony_by_id(given.colonyid) == given


def test_a_name_is_taken(adapter):
    adapter.add_colony(Colony("1", "c"))
    refused = Colony("", "c")
    with pytest.raises(DuplicateKeyError, match="'c'.*already exists"):
        adapter.add_colony(refused)
    assert refused.colonyid == ""
    adapter.add_colony(Colony("1", "d"))
    assert adapter.get_colonies() == [Colony("1", "c"), Colony("1", "d")]
    assert adapter.get_colony_by_id("1").name == "c"  # the oldest


def test_of_many_at_once_one_wins(adapter):
    def attempt(number):
        try:
            adapter.add_colony(Colony(str(number), "c"))
            return True
        except DuplicateKeyError:
            return False

    won = run_threads(attempt, 8)
    assert won.count(True) == 1
    assert adapter.get_colonies() == [Colony(str(won.index(True)), "c")]


def test_colonies_are_in_the_order_of_adding(adapter):
    for name in ("z", "a", "m"):
        adapter.add_colony(Colony(name, name))
    assert [each.name for each in adapter.get_colonies()] == ["z", "a", "m"]
    adapter.rename_colony("z", "b")
    assert [each.name for each in adapter.get_colonies()] == ["b", "a", "m"]


def test_what_is_absent(adapter):
    assert adapter.get_colonies() == []
    assert adapter.count_colonies() == 0
    for name in ("c", "", "x" * 3000):
        assert adapter.get_colony_by_id(name) is None
        assert adapter.get_colony_by_name(name) is None
        adapter.rename_colony(name, "d")
        adapter.change_colony_id(name, "1", "2")
        with pytest.raises(NotFoundError, match="no colony"):
            adapter.remove_colony_by_name(name)
    assert adapter.get_colonies() == []


def test_renaming_moves_the_record_alone(adapter):
    adapter.add_colony(Colony("1", "c"))
    adapter.add_user(User("c", "2", "u"))
    adapter.rename_colony("c", "d")
    assert adapter.get_colony_by_name("c") is None
    assert adapter.get_colony_by_name("d") == Colony("1", "d")
    assert [each.name for each in adapter.get_users_by_colony_name("c")] == ["u"]
    assert adapter.get_users_by_colony_name("d") == []


def test_renaming_to_a_name_that_is_taken(adapter):
    adapter.add_colony(Colony("1", "c"))
    adapter.add_colony(Colony("2", "d"))
    with pytest.raises(DuplicateKeyError, match="'d'.*already exists"):
        adapter.rename_colony("c", "d")
    adapter.rename_colony("c", "c")
    assert adapter.get_colonies() == [Colony("1", "c"), Colony("2", "d")]


def test_an_id_changes_where_name_and_old_id_match(adapter):
    adapter.add_colony(Colony("1", "c"))
    adapter.add_colony(Colony("1", "d"))
    adapter.change_colony_id("c", "2", "3")
    adapter.change_colony_id("e", "1", "3")
    assert adapter.get_colony_by_id("3") is None
    adapter.change_colony_id("c", "1", "3")
    assert adapter.get_colonies() == [Colony("3", "c"), Colony("1", "d")]
    assert adapter.get_colony_by_id("1").name == "d"


def test_what_is_returned_is_a_snapshot(adapter):
    given = Colony("1", "c")
    adapter.add_colony(given)
    given.name = "changed"
    adapter.get_colony_by_id("1").name = "changed"
    adapter.get_colonies()[0].colonyid = "changed"
    assert adapter.get_colony_by_name("c") == Colony("1", "c")


@pytest.mark.parametrize("bad", [None, {}, "c", 5, Colony])
def test_what_is_no_colony_is_refused(adapter, bad):
    with pytest.raises(SchemaError, match="colony"):
        adapter.add_colony(bad)
    assert adapter.get_colonies() == []


@pytest.mark.parametrize("field", ["colonyid", "name"])
@pytest.mark.parametrize("bad", [None, 5, b"x", "\ud800"], ids=repr)
def test_fields_are_strings(adapter, field, bad):
    with pytest.raises(SchemaError, match=field):
        adapter.add_colony(dataclasses.replace(Colony("1", "c"), **{field: bad}))
    assert adapter.get_colonies() == []


@pytest.mark.parametrize("bad", [None, 5, b"c", {"$gt": ""}, "\ud800"], ids=repr)
def test_arguments_are_strings(adapter, bad):
    adapter.add_colony(Colony("1", "c"))
    for method in (adapter.get_colony_by_id, adapter.get_colony_by_name,
                   adapter.remove_colony_by_name):  # fmt: skip
        with pytest.raises(SchemaError):
            method(bad)
    for arguments in [(bad, "d"), ("c", bad)]:
        with pytest.raises(SchemaError):
            adapter.rename_colony(*arguments)
    for arguments in [(bad, "1", "2"), ("c", bad, "2"), ("c", "1", bad)]:
        with pytest.raises(SchemaError):
            adapter.change_colony_id(*arguments)
    assert adapter.get_colonies() == [Colony("1", "c")]


def test_a_colony_goes_with_all_that_belongs_to_it(adapter):
    fill_colony(adapter, "c")
    fill_colony(adapter, "other")
    before, other = belongings(adapter, "c"), belongings(adapter, "other")
    assert all(before.values())
    changed = changes_of_one_step(adapter, lambda: adapter.remove_colony_by_name("c"))
    assert changed == {name: before[name] for name in REMOVED}
    after = belongings(adapter, "c")
    assert after == {name: before[name] if name in STAYS else set() for name in before}
    assert belongings(adapter, "other") == other
    with pytest.raises(NotFoundError):
        adapter.remove_colony_by_name("c")


def test_attributes_go_with_their_processes(adapter):
    put_record(adapter, "colonies", "1", name="c")
    for process, colony in [("p", "c"), ("q", "c"), ("r", "d")]:
        put_record(adapter, "processes", process, colonyname=colony)
        put_record(adapter, "attributes", f"of {process}", targetid=process, targetcolonyname="e")
    put_record(adapter, "attributes", "of nobody", targetid="gone", targetcolonyname="c")
    adapter.remove_colony_by_name("c")
    assert list(adapter._data.processes) == ["r"]
    assert list(adapter._data.attributes) == ["of r"]


def test_what_is_under_the_name_of_no_colony_stays(adapter):
    fill_colony(adapter, "c")
    adapter.rename_colony("c", "d")
    adapter.remove_colony_by_name("d")
    kept = belongings(adapter, "c")
    assert {name for name, ids in kept.items() if not ids} == {"colonies"}


def test_a_removal_that_fails_removes_nothing(tmp_path):
    """The disk refuses the batch: all is there still, also after opening again."""
    config = Config(data_dir=str(tmp_path / "d"), storage_mode="persistent", sync_writes=True)
    adapter = ColonyOSAdapter(config)
    fill_colony(adapter, "c")
    before = belongings(adapter, "c")
    with fault("sync", errno.EIO):
        with pytest.raises(StorageError):
            adapter.remove_colony_by_name("c")
        assert belongings(adapter, "c") == before
    with pytest.raises(StorageError):  # what could not be written is lost, which closing says
        adapter.close()
    with ColonyOSAdapter(config) as adapter:
        assert belongings(adapter, "c") == before
        adapter.remove_colony_by_name("c")
    with ColonyOSAdapter(config) as adapter:
        assert {name for name, ids in belongings(adapter, "c").items() if ids} == STAYS


def test_a_colony_goes_while_others_change_what_belongs_to_it(adapter):
    """Writers on its documents cannot keep the removal from coming to its end."""
    fill_colony(adapter, "c", each=500)
    gone = threading.Event()

    def work(number):
        if number == 0:
            adapter.remove_colony_by_name("c")
            gone.set()
            return
        processes = adapter._data.processes
        while not gone.is_set():
            for at in range(number, 500, 7):
                processes.find_one_and_update({"_id": f"c processes {at}"}, {"$inc": {"nodes": 1}})

    run_threads(work, 4)
    assert {name for name, ids in belongings(adapter, "c").items() if ids} == STAYS
