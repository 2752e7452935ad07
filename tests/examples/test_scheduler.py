"""The example scheduler does all its work, and notices when it does not."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from examples.scheduler import __main__ as scheduler
from examples.scheduler.progress import Counts, line
from velocity import Config
from velocity.py.colonyos import ColonyOSAdapter, Process

ROOT = Path(__file__).parents[2]


def test_it_does_everything(tmp_path):
    command = [sys.executable, "-m", "examples.scheduler", "--jobs", "60", "--dir", tmp_path / "db"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stdout) == (0, "everything was done\n"), done.stderr
    assert "0 running, 0 waiting, 2 failed" in done.stderr


def test_it_says_what_was_not_done():
    with ColonyOSAdapter(Config()) as db:
        late = Process.create(scheduler.spec("nobody", "digest", "text"))
        db.add_process(late)
        db.mark_failed(late.processid, ["out of luck"])
        wrong = scheduler.check(db, 5, "no graph", [late.processid, "no process"])
    assert [each.split()[0] for each in wrong] == ["the", "process", "process", "1", "only"]


def test_the_line_of_progress():
    now = Counts(waiting=6, running=2, successful=3, failed=1)
    assert line(now) == f"[{'#' * 10:<30}] 4 of 12 done, 2 running, 6 waiting, 1 failed"
    assert line(Counts(0, 0, 0, 0)).startswith(f"[{'':<30}] 0 of 0")
