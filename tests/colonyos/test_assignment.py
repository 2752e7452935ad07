"""Who gets which process: the conditions one by one, the pools, the queue's order, assign_process."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.processes import SIZES, add, claim, ids, stored
from support.threads import run_threads
from velocity import Config, NotFoundError, QueryError
from velocity.py.colonyos import (
    CANCELLED,
    FAILED,
    GPU,
    RUNNING,
    SUCCESS,
    WAITING,
    ColonyOSAdapter,
    Executor,
    Process,
    ProcessStateError,
)
from velocity.py.colonyos.store import now

GENERAL, NAMED = "general", "named"


def candidates(adapter, pool=GENERAL, colony="c", type="t", location="", sizes=SIZES, count=100, name="e"):
    if pool == GENERAL:
        return adapter.find_candidates(colony, type, location, *sizes, count)
    return adapter.find_candidates_by_name(colony, name, type, location, *sizes, count)


@pytest.mark.parametrize("state", [WAITING, RUNNING, SUCCESS, FAILED, CANCELLED])
@pytest.mark.parametrize("isassigned", [False, True])
@pytest.mark.parametrize("waitforparents", [False, True])
def test_state_assignment_and_parents(adapter, state, isassigned, waitforparents):
    process = add(adapter, state=state, isassigned=isassigned, waitforparents=waitforparents)
    fits = state == WAITING and not isassigned and not waitforparents
    assert ids(candidates(adapter)) == (ids([process]) if fits else [])
    assert (claim(adapter) is not None) == fits


def test_colony_and_type(adapter):
    add(adapter)
    for colony, type in (("d", "t"), ("C", "t"), ("c", "T"), ("c", ""), ("", "t"), ("c:t", "")):
        assert candidates(adapter, colony=colony, type=type) == []
        assert claim(adapter, colony=colony, type=type) is None
    assert len(candidates(adapter)) == 1


@pytest.mark.parametrize("at", range(6))
def test_each_resource(adapter, at):
    """What the process wants is the executor's to the last unit, then one short."""
    wants = [
        ("cpu", "500m", 500), ("mem", "2Mi", 2 * 2**20), ("storage", "3Ki", 3 * 2**10),
        ("nodes", 3, 3), ("processes", 4, 4), ("processespernode", 5, 5),
    ][at]  # fmt: skip
    process = add(adapter, conditions={wants[0]: wants[1]})
    enough, short = list(SIZES), list(SIZES)
    enough[at], short[at] = wants[2], wants[2] - 1
    names = ("cpu", "memory", "storage", "nodes", "processes", "processes_per_node")
    assert candidates(adapter, sizes=short) == []
    assert claim(adapter, **dict(zip(names, short))) is None
    assert ids(candidates(adapter, sizes=enough)) == ids([process])
    assert claim(adapter, **dict(zip(names, enough))).processid == process.processid


def test_what_does_not_fit_is_passed_over(adapter):
    big = [add(adapter, conditions={"mem": "8Gi"}, priority=5) for _ in range(20)]
    small = add(adapter, conditions={"mem": "1Gi"})
    for _ in range(2):
        taken = claim(adapter, memory=2**30)
        assert taken.processid == small.processid
        adapter.unassign(taken)
    assert claim(adapter).processid == big[0].processid


def test_gpu_and_walltime_are_not_matched(adapter):
    add(adapter, conditions={"gpu": GPU("x", "80Gi", 8, 4), "walltime": 10**6})
    assert claim(adapter) is not None


@pytest.mark.parametrize("wants", ["", "Home", "HOME", "straße"])
@pytest.mark.parametrize("has", ["", "home", "hoME", "away", "STRASSE"])
def test_location_ignores_case(adapter, wants, has):
    add(adapter, conditions={"locationname": wants})
    fits = wants == "" or wants.casefold() == has.casefold()
    assert bool(candidates(adapter, location=has)) == fits
    taken = claim(adapter, location=has)
    assert (taken is not None) == fits
    assert taken is None or taken.spec.conditions.locationname == wants


POOLS = {
    "none": ([], True, False), "star": (["*"], True, False), "me": (["e"], False, True),
    "me and others": (["x", "e"], False, True), "other": (["x"], False, False),
    "star and other": (["*", "x"], False, False), "star and me": (["*", "e"], False, True),
}  # fmt: skip


@pytest.mark.parametrize("pool", POOLS)
def test_pools(adapter, pool):
    names, general, named = POOLS[pool]
    process = add(adapter, conditions={"executornames": names})
    assert bool(candidates(adapter, GENERAL)) == general
    assert bool(candidates(adapter, NAMED)) == named
    assert (claim(adapter) is not None) == (general or named)
    assert stored(adapter, process).isassigned == (general or named)


def test_one_queue_of_both_pools_and_all_locations(adapter):
    made = [
        add(adapter, priority=n % 4,
            conditions={"executornames": [[], ["e"], ["e", "x"]][n % 3], "locationname": ["", "home"][n % 2]})
        for n in range(24)
    ]  # fmt: skip
    other = add(adapter, priority=9, conditions={"executornames": ["x"]})
    wanted = ids(sorted(made, key=lambda p: p.prioritytime))
    general = [p for p in made if not stored(adapter, p).spec.conditions.executornames]
    general.sort(key=lambda p: p.prioritytime)
    assert ids(candidates(adapter, location="HOME")) == ids(general)
    assert ids(candidates(adapter, location="HOME", count=3)) == ids(general)[:3]
    for count, error in ((0, None), (-1, QueryError)):
        if error:
            with pytest.raises(error):
                candidates(adapter, count=count)
        else:
            assert candidates(adapter, count=count) == []
    assert [claim(adapter, location="Home", count=n).processid for n in range(24)] == wanted
    assert claim(adapter, location="Home", count=-5) is None
    assert not stored(adapter, other).isassigned


def test_a_priority_is_worth_a_day(adapter, monkeypatch):
    moment = now()
    ages = {"old": 86_400 + 1, "day": 86_400 - 1, "new": 0}
    made = {}
    for name, age in ages.items():
        monkeypatch.setattr("velocity.py.colonyos.process_queue.now", lambda a=age: moment - timedelta(seconds=a))
        made[name] = add(adapter, priority=int(name == "new"))
    monkeypatch.undo()
    assert [claim(adapter).processid for _ in ages] == ids([made["old"], made["new"], made["day"]])


@given(st.lists(st.tuples(st.integers(-50_000, 50_000), st.integers(0, 3)), max_size=12), st.integers(0, 4))
def test_the_first_candidate_is_the_least(jobs, memory):
    with ColonyOSAdapter(Config(storage_mode="memory-only")) as adapter:
        made = [add(adapter, priority=p, conditions={"mem": f"{mem}Mi"}) for p, mem in jobs]
        fit = [p for p, (_, mem) in zip(made, jobs) if mem <= memory]
        fit.sort(key=lambda p: p.prioritytime)
        taken = []
        while (process := claim(adapter, memory=memory * 2**20)) is not None:
            taken.append(process.processid)
        assert taken == ids(fit)


def test_of_two_that_assign_one_succeeds(adapter):
    for _ in range(20):
        process = add(adapter)

        def race(number, process=process):
            try:
                adapter.assign(f"e{number}", Process(processid=process.processid))
                return number
            except ProcessStateError as error:
                assert "already assigned" in str(error)
                return None

        winners = [each for each in run_threads(race, 4) if each is not None]
        assert len(winners) == 1
        assert stored(adapter, process).assignedexecutorid == f"e{winners[0]}"


# --- assign_process


def executor(adapter, name="e", **fields):
    made = Executor(executorid=f"id of {name}", executorname=name, executortype="t", colonyname="c", **fields)
    adapter.add_executor(made)
    return made


def test_assigning_to_a_known_executor(adapter):
    mine = executor(adapter, locationname="Home")
    named = add(adapter, conditions={"executornames": ["e"], "locationname": "home", "mem": "1Gi"})
    plain, foreign = add(adapter), add(adapter, colony="d")
    moment = now()
    taken = adapter.assign_process("c", mine.executorid)
    assert taken == stored(adapter, named) and taken.assignedexecutorid == mine.executorid
    alive = adapter.get_executor_by_id(mine.executorid).lastheardfromtime
    assert alive == taken.starttime >= moment
    assert adapter.assign_process("c", "e").processid == plain.processid  # by its name
    assert adapter.assign_process("c", "e") is None
    assert adapter.get_executor_by_id(mine.executorid).lastheardfromtime > alive
    assert not stored(adapter, foreign).isassigned


def test_assigning_minds_the_resources(adapter):
    executor(adapter)
    add(adapter, conditions={"cpu": "2m", "mem": "2Ki", "storage": "2Ki"})
    for short in ((1, 2048, 2048), (2, 2047, 2048), (2, 2048, 2047)):
        assert adapter.assign_process("c", "e", *short) is None
    assert adapter.assign_process("c", "e", 2, 2048, 2048) is not None


def test_unknown_foreign_and_removed_executors(adapter):
    executor(adapter)
    process = add(adapter)
    for colony, id in (("c", "absent"), ("d", "e"), ("d", "id of e"), ("c", "")):
        with pytest.raises(NotFoundError):
            adapter.assign_process(colony, id)
    adapter.remove_executor_by_name("c", "e")
    with pytest.raises(NotFoundError):
        adapter.assign_process("c", "e")
    assert not stored(adapter, process).isassigned


def test_threads_of_one_executor_get_different_ones(adapter):
    executor(adapter)
    made = [add(adapter, processgraphid="" if n % 2 else "no such graph") for n in range(120)]

    def work(_):
        taken = []
        while (process := adapter.assign_process("c", "e")) is not None:
            taken.append(process.processid)
        return taken

    taken = [id for each in run_threads(work, 6) for id in each]
    assert sorted(taken) == sorted(ids(made))
