"""Each call on files in turn fails, in a made-up life of a database: see support/faulty_run.py for what must hold.

A few calls of each kind in the normal run, every one with --crash-calls=all. Each is followed by power loss, too.
"""

from __future__ import annotations

import errno
import random

import pytest

from support.faulty_run import Fault, FaultyRun
from support.store import DURABLE
from support.survival import check_points, crash_and_check
from velocity._core import engine

FAULTS = [
    Fault("open", errno.EMFILE),
    Fault("open", errno.EIO),
    Fault("read", errno.EIO),
    Fault("write", errno.ENOSPC),
    Fault("write", errno.EIO, short=True),
    Fault("sync", errno.EIO),
    Fault("sync", errno.ENOSPC),
    Fault("allocate", errno.ENOSPC),
    Fault("truncate", errno.EIO),
    Fault("rename", errno.EIO),
    Fault("remove", errno.EACCES),
    Fault("sync_directory", errno.EIO),
    Fault("map", errno.ENOMEM),
]
LASTING = ("once", "step", "reopened")
STEPS = 25
CRASHES = 3  # crash states of each run with a fault
SAMPLED = 1  # calls of each kind that fail in the normal run
CALLS_MAX = 120  # about as many calls of a kind as a run makes: the sample is taken from them


def make_run(root, mode, sync, seed, fault, where, chance):
    """One run with a fault, and some crashes of it. Whether the fault was met."""
    root.mkdir()
    run = None
    try:
        run = FaultyRun(root, mode, sync, seed, fault)
        run.live(STEPS)
    except AssertionError as error:
        raise AssertionError(f"{where}: {fault}: {error}") from error
    finally:
        engine.fault_clear()
        if run is not None:
            run.end()
    check_points(run, f"{where}: {fault}")
    for _ in range(CRASHES if run.fired else 0):
        crash_and_check(run, root, chance, f"{where}: {fault}")
    return run.fired


@pytest.mark.timeout(0)  # with all calls: as long as they ask for
@pytest.mark.parametrize("sync", [False, True], ids=["behind", "sync"])
@pytest.mark.parametrize("mode", DURABLE)
@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_each_call(fault, mode, sync, small_segments, crash_options, tmp_path):
    where = f"--crash-seed={crash_options.seed}"
    seed = f"{crash_options.seed}/{mode}/{sync}"
    chance = random.Random(f"{seed} {fault}")
    for lasting in LASTING:
        after, met, tried = -1, True, 0
        while met if crash_options.all_calls else tried < SAMPLED:
            after = after + 1 if crash_options.all_calls else int(CALLS_MAX ** chance.random()) - 1
            this = Fault(fault.point, fault.error, fault.short, lasting, after)
            root = tmp_path / f"{lasting}{tried}"
            met = make_run(root, mode, sync, seed, this, where, chance)
            tried += 1
            crash_options.remove(root)
