"""Generators and the queues of their arguments."""

from __future__ import annotations

import pytest

from support.one_step import changes_of_one_step
from support.threads import run_threads
from velocity import DuplicateKeyError, NotFoundError, QueryError
from velocity.py.colonyos import ZERO_TIME, Colony, Generator, GeneratorArg
from velocity.py.colonyos.store import now


def a_generator(name="g", colonyname="c", **fields):
    return Generator(name=name, colonyname=colonyname, trigger=10, timeout=60,
                     workflowspec='{"functionspecs": []}', initiatorid="i", initiatorname="in", **fields)


def added(adapter, *args, **fields):
    generator = a_generator(*args, **fields)
    adapter.add_generator(generator)
    return generator


def pack(adapter, generatorid, *args, colonyname="c"):
    made = [GeneratorArg.create(generatorid, colonyname, arg) for arg in args]
    for arg in made:
        adapter.add_generator_arg(arg)
    return made


def queued(adapter, generatorid):
    return [each.arg for each in adapter.get_generator_args(generatorid, 1000)]


def test_a_generator_reads_back_as_it_was_added(adapter):
    generator = a_generator(generatorid="id")
    adapter.add_generator(generator)
    assert adapter.get_generator_by_id("id") == generator
    assert adapter.get_generator_by_name("c", "g") == generator


def test_an_empty_id_becomes_a_new_one(adapter):
    generator = added(adapter)
    assert len(generator.generatorid) == 64
    assert adapter.get_generator_by_name("c", "g").generatorid == generator.generatorid


def test_a_new_generator_has_neither_packed_nor_run(adapter):
    generator = added(adapter, firstpack=now(), lastrun=now(), queuesize=7, checkerperiod=500)
    assert generator.queuesize == 7
    found = adapter.get_generator_by_id(generator.generatorid)
    assert (found.firstpack, found.lastrun) == (ZERO_TIME, ZERO_TIME)
    assert (found.queuesize, found.checkerperiod) == (0, 0)


def test_id_and_name_are_unique(adapter):
    added(adapter, generatorid="id")
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_generator(a_generator("other", generatorid="id"))
    again = a_generator()
    with pytest.raises(DuplicateKeyError, match="'g' of colony 'c'.*already exists"):
        adapter.add_generator(again)
    assert again.generatorid == ""
    added(adapter, colonyname="other")
    assert len(adapter.find_all_generators()) == 2


def test_of_many_of_one_name_one_is_added(adapter):
    def add(number):
        try:
            return added(adapter, generatorid=f"{number}").generatorid
        except DuplicateKeyError:
            return None

    winners = [each for each in run_threads(add, 8) if each is not None]
    assert [each.generatorid for each in adapter.find_all_generators()] == winners
    assert len(winners) == 1


def test_absent_generators_are_none(adapter):
    added(adapter, generatorid="id")
    assert adapter.get_generator_by_id("other") is None
    assert adapter.get_generator_by_id("") is None
    assert adapter.get_generator_by_name("c", "other") is None
    assert adapter.get_generator_by_name("other", "g") is None


def test_last_run_and_first_pack_are_now(adapter):
    id = added(adapter).generatorid
    before = now()
    adapter.set_generator_last_run(id)
    found = adapter.get_generator_by_id(id)
    assert before <= found.lastrun <= now() and found.firstpack == ZERO_TIME
    adapter.set_generator_first_pack(id)
    assert adapter.get_generator_by_id(id).firstpack >= found.lastrun
    for absent in ("other", ""):
        with pytest.raises(NotFoundError):
            adapter.set_generator_last_run(absent)
        with pytest.raises(NotFoundError):
            adapter.set_generator_first_pack(absent)


def test_generators_are_listed_in_the_order_of_adding(adapter):
    for name in "cab":
        added(adapter, name, generatorid=f"{name}1")
        added(adapter, name, "other", generatorid=f"{name}2")
    ids = [each.generatorid for each in adapter.find_generators_by_colony_name("c", 10)]
    assert ids == ["c1", "a1", "b1"]
    assert [each.generatorid for each in adapter.get_generators("other")] == ["c2", "a2", "b2"]
    ids = [each.generatorid for each in adapter.find_all_generators()]
    assert ids == ["c1", "c2", "a1", "a2", "b1", "b2"]
    assert adapter.count_generators_by_colony_name("c") == 3
    assert adapter.count_generators_by_colony_name("none") == 0
    assert adapter.get_generators("none") == []


def test_count_caps_the_list(adapter):
    for name in "abc":
        added(adapter, name)
    assert [each.name for each in adapter.find_generators_by_colony_name("c", 2)] == ["a", "b"]
    assert adapter.find_generators_by_colony_name("c", 0) == []
    assert len(adapter.find_generators_by_colony_name("c", 2**70)) == 3
    with pytest.raises(QueryError):
        adapter.find_generators_by_colony_name("c", -1)


def test_an_update_replaces_the_whole_generator(adapter):
    added(adapter, "first", generatorid="a")
    added(adapter, "second", generatorid="b")
    changed = Generator(generatorid="a", colonyname="c", name="new", firstpack=now(), trigger=3)
    adapter.update_generator(changed)
    assert adapter.get_generator_by_id("a") == changed
    assert [each.name for each in adapter.get_generators("c")] == ["new", "second"]
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.update_generator(a_generator("second", generatorid="a"))
    assert adapter.get_generator_by_id("a") == changed
    with pytest.raises(NotFoundError):
        adapter.update_generator(a_generator("third", generatorid="absent"))


def test_each_removal_is_one_step(adapter):
    added(adapter, "first", generatorid="a")
    added(adapter, "second", generatorid="b")
    args = [each.id for each in pack(adapter, "a", "1", "2")]
    changed = changes_of_one_step(adapter, lambda: adapter.remove_generator_by_id("a"))
    assert changed == {"generators": {"a"}, "generatorargs": set(args)}
    args = [each.id for each in pack(adapter, "b", "3", "4")]
    changed = changes_of_one_step(adapter, lambda: adapter.remove_all_generators_by_colony_name("c"))
    assert changed == {"generators": {"b"}, "generatorargs": set(args)}


@pytest.mark.parametrize("remove", [
    lambda adapter: adapter.remove_generator_by_id("a"),
    lambda adapter: adapter.remove_generator_by_name("c", "first"),
])
def test_a_generator_goes_with_its_args(adapter, remove):
    added(adapter, "first", generatorid="a")
    added(adapter, "second", generatorid="b")
    pack(adapter, "a", "1", "2")
    pack(adapter, "b", "3")
    remove(adapter)
    assert [each.generatorid for each in adapter.find_all_generators()] == ["b"]
    assert queued(adapter, "a") == [] and queued(adapter, "b") == ["3"]
    remove(adapter)


def test_a_colony_s_generators_go_with_their_args(adapter):
    added(adapter, "first", generatorid="a")
    added(adapter, "second", generatorid="b")
    added(adapter, "first", "other", generatorid="o")
    pack(adapter, "a", "1", colonyname="elsewhere")
    pack(adapter, "b", "2")
    pack(adapter, "o", "3", colonyname="c")
    adapter.remove_all_generators_by_colony_name("c")
    assert [each.generatorid for each in adapter.find_all_generators()] == ["o"]
    assert [queued(adapter, id) for id in "abo"] == [[], [], ["3"]]


def test_generators_and_their_args_go_with_the_colony(adapter):
    adapter.add_colony(Colony(name="c"))
    added(adapter, generatorid="a")
    added(adapter, colonyname="other", generatorid="o")
    pack(adapter, "a", "1", colonyname="elsewhere")
    pack(adapter, "nobody's", "2")
    pack(adapter, "o", "3", colonyname="other")
    adapter.remove_colony_by_name("c")
    assert [each.generatorid for each in adapter.find_all_generators()] == ["o"]
    assert [queued(adapter, id) for id in ("a", "nobody's", "o")] == [[], [], ["3"]]


def test_args_are_a_queue(adapter):
    pack(adapter, "g", *"cab")
    pack(adapter, "other", "x")
    assert queued(adapter, "g") == ["c", "a", "b"]
    assert [each.arg for each in adapter.get_generator_args("g", 2)] == ["c", "a"]
    assert adapter.get_generator_args("g", 0) == []
    assert adapter.get_generator_args("none", 10) == []
    assert (adapter.count_generator_args("g"), adapter.count_generator_args("none")) == (3, 0)
    with pytest.raises(QueryError):
        adapter.get_generator_args("g", -1)


def test_an_arg_reads_back_as_it_was_added(adapter):
    [arg] = pack(adapter, "g", "text")
    assert adapter.get_generator_args("g", 1) == [arg]
    nameless = GeneratorArg(generatorid="g", colonyname="c", arg="more")
    adapter.add_generator_arg(nameless)
    assert len(nameless.id) == 64
    assert adapter.get_generator_args("g", 2) == [arg, nameless]


def test_arg_ids_are_unique(adapter):
    [arg] = pack(adapter, "g", "text")
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_generator_arg(GeneratorArg(id=arg.id, generatorid="other"))
    assert adapter.count_generator_args("other") == 0


def test_args_are_removed_alone_by_generator_and_by_colony(adapter):
    first, _ = pack(adapter, "g", "1", "2")
    pack(adapter, "h", "3", colonyname="other")
    pack(adapter, "i", "4", colonyname="other")
    adapter.remove_generator_arg_by_id(first.id)
    adapter.remove_generator_arg_by_id(first.id)
    adapter.remove_generator_arg_by_id("")
    assert queued(adapter, "g") == ["2"]
    adapter.remove_all_generator_args_by_generator_id("h")
    assert queued(adapter, "h") == [] and queued(adapter, "i") == ["4"]
    adapter.remove_all_generator_args_by_colony_name("other")
    assert queued(adapter, "i") == [] and queued(adapter, "g") == ["2"]


def test_a_queue_is_read_by_its_index(adapter):
    for number in range(200):
        pack(adapter, f"{number % 10}", f"{number}")
    plan = adapter._data.generatorargs.explain({"generatorid": "3"}, sort="sequence", limit=5)
    assert (plan["index"], plan["order"], plan["covered"]) == (["generator"], "index", True)
    assert plan["documents_examined"] <= 6


def test_threads_pack_without_losing_any(adapter):
    run_threads(lambda number: pack(adapter, "g", *(f"{number}:{n:02}" for n in range(50))), 8)
    args = queued(adapter, "g")
    assert len(args) == 400
    for number in range(8):
        own = [each for each in args if each.startswith(f"{number}:")]
        assert own == sorted(own)
