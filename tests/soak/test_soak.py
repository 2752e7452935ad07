"""The soak in small, by number of rounds, and proof that it would notice."""

from __future__ import annotations

import pytest

from support.soak.measures import MIB, PAUSE_MAX, Sample, faults_in_pauses, faults_in_sizes
from support.soak.pauses import Pause, overlap
from support.soak.run import Load, Soak
from support.soak.workers import SESSIONS, USERS

ROUNDS = 12
SMALL = {"ids": 100, "steps": 200, "cache_size": 1}


def test_a_short_soak(mode, tmp_path, small_segments):
    with Soak(Load(mode, **SMALL), tmp_path) as soak:
        for _ in range(ROUNDS):
            soak.round()
    done = soak.done
    durable = mode != "memory-only"
    assert (done.rounds, done.forks) == (ROUNDS, 6)
    assert (done.copies, done.reopenings) == ((3, 3) if durable else (0, 0))
    assert (done.compactions > 0) == durable
    # Not the memory of the process: sanitizers keep what was freed. Nor waiting: the machine is shared.
    assert faults_in_sizes(done.samples, ("memory_usage",)) == []
    assert [pause for pause in done.slowest.values() if pause.cpu > PAUSE_MAX] == []


@pytest.mark.parametrize("wrong", ["lost", "changed", "invented"])
def test_a_wrong_document_is_noticed(wrong, tmp_path):
    with pytest.raises(AssertionError, match="w0-7|w9-9"), Soak(
        Load("persistent", **SMALL), tmp_path
    ) as soak:
        users = soak.database[USERS]
        soak.check(soak.database)
        if wrong == "lost":
            users.delete("w0-7")
        elif wrong == "changed":
            users.replace("w0-7", users["w0-7"].fields)  # the version alone
        else:
            users.put("w9-9", {})
        soak.check(soak.database)


def test_a_lost_session_is_noticed(tmp_path):
    with pytest.raises(AssertionError), Soak(Load("memory-only", **SMALL), tmp_path) as soak:
        soak.round()
        sessions = soak.database[SESSIONS]
        sessions.delete_many(list(sessions))
        soak.check(soak.database)


def sample(**sizes):
    return Sample(**({"memory_usage": MIB, "private": MIB, "disk": MIB, "documents": MIB} | sizes))


def test_growth_is_a_fault():
    growing = [sample(memory_usage=n * MIB) for n in range(30)]
    assert len(faults_in_sizes(growing, ("memory_usage",))) == 1
    assert faults_in_sizes(growing, ("private",)) == []


def test_growth_of_the_warm_up_is_none():
    samples = [sample(memory_usage=min(n, 9) * MIB) for n in range(30)]
    assert faults_in_sizes(samples, ("memory_usage",)) == []


def test_big_files_are_a_fault():
    assert faults_in_sizes([sample(), sample(disk=100 * MIB)], ())[0].startswith("round 1: ")


@pytest.mark.parametrize(
    ("wall", "cpu", "run_delay", "witness", "engine"),
    [
        (0.080, 0.000, 0.0, 0.0, 0.080),  # a lock or the disk
        (0.080, 0.070, 0.0, 0.080, 0.070),  # work, for which it kept the GIL
        (0.080, 0.001, 0.075, 0.0, 0.005),  # no processor
        (0.080, 0.001, 0.0, 0.075, 0.005),  # no GIL
    ],
)
def test_whose_pause_it_is(wall, cpu, run_delay, witness, engine):
    pause = Pause("put", wall, cpu, run_delay, witness)
    assert pause.engine == pytest.approx(engine)
    assert len(faults_in_pauses({"put": pause})) == (engine > PAUSE_MAX)


def test_lateness_within_a_call():
    assert overlap([(0, 1), (2, 4), (7, 9)], 3, 8) == 2
    assert overlap([(0, 9)], 3, 5) == 2
    assert overlap([(0, 1), (6, 9)], 3, 5) == 0
