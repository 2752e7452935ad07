"""Crash states under the log: power loss and kills at any moment of made-up lives of a database.

A sample in the normal run; `make crash` checks as many as it is told. A failure names what replays it.
"""

from __future__ import annotations

import random

import pytest

from support.run import Run
from support.store import DURABLE
from support.survival import crash_and_check

SETUPS = [(mode, sync) for mode in DURABLE for sync in (False, True)]
STATES_OF_A_RUN = 80
STEPS = 60
BACKGROUND = 3  # every so manieth run has a flusher that syncs all the time


@pytest.mark.timeout(0)  # as long as the number of states asks for
@pytest.mark.parametrize(
    ("mode", "sync"), SETUPS, ids=lambda v: v if isinstance(v, str) else ("sync" if v else "behind")
)
def test_power_loss(mode, sync, small_segments, crash_options, tmp_path):
    share = crash_options.states // len(SETUPS)
    runs = -(-share // STATES_OF_A_RUN)
    for number in range(runs) if crash_options.run is None else [crash_options.run]:
        seed = f"{crash_options.seed}/{mode}/{sync}/{number}"
        root = tmp_path / f"run{number}"
        root.mkdir()
        where = f"--crash-seed={crash_options.seed} --crash-run={number}"
        chance = random.Random(f"states {seed}")
        run = Run(root, mode, sync, seed, background=number % BACKGROUND == BACKGROUND - 1)
        try:
            run.live(STEPS)
        except AssertionError as error:
            raise AssertionError(f"{where}: {error}") from error
        finally:
            run.end()
        for _ in range(STATES_OF_A_RUN):
            crash_and_check(run, root, chance, where)
        crash_options.remove(root)
