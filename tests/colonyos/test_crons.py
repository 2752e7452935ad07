"""Crons: their records."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from support.threads import run_threads
from velocity import DuplicateKeyError, QueryError
from velocity.py.colonyos import ZERO_TIME, Cron
from velocity.py.colonyos.store import now


def a_cron(name="cron", colonyname="c", interval=-1, **fields):
    return Cron(name=name, colonyname=colonyname, cronexpression="0 * * * * *", interval=interval,
                workflowspec='{"functionspecs": []}', initiatorid="i", initiatorname="in", **fields)


def added(adapter, *args, **fields):
    cron = a_cron(*args, **fields)
    adapter.add_cron(cron)
    return cron


def test_a_cron_reads_back_as_it_was_added(adapter):
    cron = a_cron(cronid="id", random=True, nextrun=now(), lastrun=now() - timedelta(days=1),
                  prevprocessgraphid="graph", waitforprevprocessgraph=True)
    adapter.add_cron(cron)
    assert adapter.get_cron_by_id("id") == cron
    assert adapter.get_cron_by_name("c", "cron") == cron


def test_an_empty_id_becomes_a_new_one(adapter):
    cron = added(adapter, checkerperiod=500)
    assert len(cron.cronid) == 64 and cron.checkerperiod == 500
    found = adapter.get_cron_by_id(cron.cronid)
    assert (found.checkerperiod, found.nextrun, found.lastrun) == (0, ZERO_TIME, ZERO_TIME)


def test_id_and_name_are_unique(adapter):
    added(adapter, cronid="id")
    with pytest.raises(DuplicateKeyError, match="already exists"):
        adapter.add_cron(a_cron("other", cronid="id"))
    with pytest.raises(DuplicateKeyError, match="'cron' of colony 'c'.*already exists"):
        adapter.add_cron(a_cron())
    added(adapter, colonyname="other")
    assert len(adapter.find_all_crons()) == 2


def test_of_many_of_one_name_one_is_added(adapter):
    def add(number):
        won = []
        for name in range(20):
            try:
                won.append(added(adapter, f"{name}", cronid=f"{number}:{name}").cronid)
            except DuplicateKeyError:
                pass
        return won

    winners = sum(run_threads(add, 8), [])
    assert sorted(each.cronid for each in adapter.find_all_crons()) == sorted(winners)
    assert len(winners) == 20


def test_absent_crons_are_none(adapter):
    added(adapter, cronid="id")
    assert adapter.get_cron_by_id("other") is None
    assert adapter.get_cron_by_id("") is None
    assert adapter.get_cron_by_name("c", "other") is None
    assert adapter.get_cron_by_name("other", "cron") is None


def test_an_update_sets_three_fields(adapter):
    cron = added(adapter, cronid="id", interval=7)
    other = added(adapter, "other")
    then = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=timezone.utc)
    adapter.update_cron("id", then, then - timedelta(hours=1), "graph")
    cron.nextrun, cron.lastrun, cron.prevprocessgraphid = then, then - timedelta(hours=1), "graph"
    assert adapter.get_cron_by_id("id") == cron
    assert adapter.get_cron_by_id(other.cronid) == other


def test_an_update_of_an_absent_cron_does_nothing(adapter):
    for absent in ("absent", ""):
        adapter.update_cron(absent, now(), now(), "")
    assert adapter.find_all_crons() == []


def test_crons_are_listed_in_the_order_of_adding(adapter):
    for name in "cab":
        added(adapter, name, cronid=f"{name}1")
        added(adapter, name, "other", cronid=f"{name}2")
    assert [each.cronid for each in adapter.find_crons_by_colony_name("c", 9)] == ["c1", "a1", "b1"]
    assert [each.cronid for each in adapter.get_crons("other")] == ["c2", "a2", "b2"]
    ids = [each.cronid for each in adapter.find_all_crons()]
    assert ids == ["c1", "c2", "a1", "a2", "b1", "b2"]
    assert adapter.count_crons_by_colony_name("c") == 3
    assert adapter.count_crons_by_colony_name("none") == 0
    assert adapter.get_crons("none") == []


def test_count_caps_the_list(adapter):
    for name in "abc":
        added(adapter, name)
    assert [each.name for each in adapter.find_crons_by_colony_name("c", 2)] == ["a", "b"]
    assert adapter.find_crons_by_colony_name("c", 0) == []
    with pytest.raises(QueryError):
        adapter.find_crons_by_colony_name("c", -1)


def test_crons_are_removed_by_id_name_and_colony(adapter):
    for name in "abc":
        added(adapter, name, cronid=name)
    added(adapter, "a", "other", cronid="o")
    adapter.remove_cron_by_id("a")
    adapter.remove_cron_by_id("a")
    adapter.remove_cron_by_id("")
    assert [each.cronid for each in adapter.find_all_crons()] == ["b", "c", "o"]
    adapter.remove_cron_by_name("other", "b")
    adapter.remove_cron_by_name("c", "b")
    assert [each.cronid for each in adapter.find_all_crons()] == ["c", "o"]
    adapter.remove_all_crons_by_colony_name("c")
    assert [each.cronid for each in adapter.find_all_crons()] == ["o"]
