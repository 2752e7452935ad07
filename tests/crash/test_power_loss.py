"""Crash states under the log: power loss and kills at any moment of made-up lives of a database.

A sample in the normal run; `make crash` checks as many as it is told. A failure names what replays it.
"""

from __future__ import annotations

import random
import threading

import pytest

from support.run import Run
from support.store import DURABLE
from support.survival import check_points, crash_and_check

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
        check_points(run, where)
        for _ in range(STATES_OF_A_RUN):
            crash_and_check(run, root, chance, where)
        crash_options.remove(root)


class LateRun(Run):
    """The first segment that another thread opens is shown only after `go`."""

    def __init__(self, root, *, seed):
        self.begun, self.go = threading.Event(), threading.Event()
        super().__init__(root, "memory-first", False, seed)

    def _called(self, point, name, done):
        if point == "open" and name.endswith(".seg") and threading.get_ident() != self._thread:
            self.begun.set()
            assert self.go.wait(60)
        super()._called(point, name, done)


def test_a_killed_engine_goes_on_unseen(small_segments, tmp_path):
    """Seen once: after a kill, which closes the old engine unwatched, its flusher had synced when a call of its
    preparer was shown. The image had the watermark, and not the sync: frames that were never lost were missed."""
    run = LateRun(tmp_path, seed="late")
    killed = run.db
    compact = threading.Thread(target=killed.compact)

    class Killed:
        def close(self):
            killed.flush()
            run.go.set()
            compact.join()
            killed.close()

    for _ in range(20):
        run.step_write() if run.states[-1] else run.step_create()
    compact.start()
    assert run.begun.wait(60)
    run.step_write()
    run.db = Killed()
    run.step_kill()
    run.close()
    run.end()
    check_points(run, "late")
