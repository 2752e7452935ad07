"""Locations: unique by name in their colony; ids that need not be."""

from __future__ import annotations

import dataclasses

import pytest

from support.threads import run_threads
from velocity import DuplicateKeyError, SchemaError
from velocity.py.colonyos import Location


def location(name, colonyname="c", **fields):
    return Location(colonyname=colonyname, name=name, **fields)


def names(adapter, colonyname="c"):
    return [each.name for each in adapter.get_locations_by_colony_name(colonyname)]


def test_a_location_reads_back_as_added(adapter):
    given = location("home", locationid="1", description="by the sea", long=22.15, lat=-65.58)
    adapter.add_location(given)
    assert adapter.get_location_by_id("1") == given
    assert adapter.get_location_by_name("c", "home") == given
    assert adapter.get_locations_by_colony_name("c") == [given]


def test_an_empty_id_gets_a_new_one(adapter):
    given = location("home")
    adapter.add_location(given)
    assert len(given.locationid) == 64
    assert adapter.get_location_by_id(given.locationid) == given


def test_whole_numbers_are_floats(adapter):
    adapter.add_location(location("home", locationid="1", long=22, lat=-65))
    read = adapter.get_location_by_id("1")
    assert (read.long, read.lat) == (22.0, -65.0)
    assert type(read.long) is type(read.lat) is float


def test_a_name_is_taken_in_its_colony_only(adapter):
    adapter.add_location(location("home", locationid="1"))
    refused = location("home")
    with pytest.raises(DuplicateKeyError, match="'home'.*'c'.*already exists"):
        adapter.add_location(refused)
    assert refused.locationid == ""
    adapter.add_location(location("home", "d"))
    adapter.add_location(location("Home"))
    assert names(adapter) == ["home", "Home"]
    assert adapter.get_location_by_name("c", "home").locationid == "1"


def test_of_many_at_once_one_wins(adapter):
    def attempt(number):
        try:
            adapter.add_location(location("home", locationid=str(number)))
            return True
        except DuplicateKeyError:
            return False

    won = run_threads(attempt, 8)
    assert won.count(True) == 1
    assert adapter.get_location_by_name("c", "home").locationid == str(won.index(True))


def test_an_id_that_several_have(adapter):
    for colony, name in [("d", "b"), ("c", "a"), ("c", "z")]:
        adapter.add_location(location(name, colony, locationid="same"))
    adapter.add_location(location("other"))
    assert adapter.get_location_by_id("same").name == "b"  # the oldest
    adapter.remove_location_by_id("same")
    assert adapter.get_location_by_id("same") is None
    assert names(adapter) == ["other"]
    assert names(adapter, "d") == []


def test_lists_are_in_the_order_of_adding(adapter):
    for name in ("z", "a", "m"):
        adapter.add_location(location(name))
        adapter.add_location(location(name, "d"))
    assert names(adapter) == ["z", "a", "m"]
    adapter.remove_location_by_name("c", "z")
    adapter.add_location(location("z"))
    assert names(adapter) == ["a", "m", "z"]
    assert names(adapter, "d") == ["z", "a", "m"]


def test_removing(adapter):
    for name in ("a", "b", "c"):
        adapter.add_location(location(name, locationid=name))
        adapter.add_location(location(name, "d", locationid=f"d{name}"))
    adapter.remove_location_by_id("a")
    adapter.remove_location_by_name("c", "b")
    assert names(adapter) == ["c"]
    adapter.remove_locations_by_colony_name("c")
    assert names(adapter) == []
    assert names(adapter, "d") == ["a", "b", "c"]


def test_what_is_absent(adapter):
    adapter.add_location(location("home", locationid="1"))
    for id in ("2", "", "x" * 3000):
        assert adapter.get_location_by_id(id) is None
        adapter.remove_location_by_id(id)
    for colony, name in [("d", "home"), ("c", "away"), ("c", ""), ("c", "x" * 3000)]:
        assert adapter.get_location_by_name(colony, name) is None
        adapter.remove_location_by_name(colony, name)
    assert adapter.get_locations_by_colony_name("d") == []
    adapter.remove_locations_by_colony_name("d")
    assert names(adapter) == ["home"]


def test_what_is_returned_is_a_snapshot(adapter):
    given = location("home", locationid="1")
    adapter.add_location(given)
    given.name = "changed"
    adapter.get_location_by_id("1").description = "changed"
    adapter.get_locations_by_colony_name("c")[0].lat = 5.0
    assert adapter.get_location_by_name("c", "home") == location("home", locationid="1")


@pytest.mark.parametrize("bad", [None, {}, "home", 5, Location])
def test_what_is_no_location_is_refused(adapter, bad):
    with pytest.raises(SchemaError, match="location"):
        adapter.add_location(bad)


@pytest.mark.parametrize(
    ("field", "bad"),
    [
        *((field, bad) for field in ("locationid", "name", "colonyname", "description")
          for bad in (None, 5, b"x", "\ud800")),
        *((field, bad) for field in ("long", "lat") for bad in (None, "5", True, [1.0])),
    ],
)  # fmt: skip
def test_fields_are_of_their_types(adapter, field, bad):
    with pytest.raises(SchemaError, match=field):
        adapter.add_location(dataclasses.replace(location("home"), **{field: bad}))
    assert names(adapter) == []


@pytest.mark.parametrize("bad", [None, 5, b"c", {"$gt": ""}, "\ud800"], ids=repr)
def test_arguments_are_strings(adapter, bad):
    adapter.add_location(location("home", locationid="1"))
    for method in (adapter.get_location_by_name, adapter.remove_location_by_name):
        for arguments in [(bad, "home"), ("c", bad)]:
            with pytest.raises(SchemaError):
                method(*arguments)
    for method in (adapter.get_location_by_id, adapter.remove_location_by_id,
                   adapter.get_locations_by_colony_name,
                   adapter.remove_locations_by_colony_name):  # fmt: skip
        with pytest.raises(SchemaError):
            method(bad)
    assert names(adapter) == ["home"]
