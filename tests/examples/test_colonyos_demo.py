"""The demo of the ColonyOS adapter shows what it says, and leaves behind what it counts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from examples import colonyos_demo
from velocity import Config
from velocity.py.colonyos import SUCCESS, ColonyOSAdapter

ROOT = Path(__file__).parents[2]

SHOWN = """\
colony: Colony(colonyid='ID', name='demo')
waiting: 'wait', priority 1, python
executor: 'worker'
assigned: state 1 (RUNNING), by that executor: True
refused: process 'ID' is already assigned to 'ID'
marked: state 2 (SUCCESS)
found waiting: 4
found successful: 1
colonies: 1, processes: 5, executors: 1
"""


def test_it_runs_as_a_script():
    command = [sys.executable, "examples/colonyos_demo.py"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100)
    assert done.returncode == 0, done.stderr
    assert re.sub("[0-9a-f]{64}", "ID", done.stdout) == SHOWN


def test_what_is_there_afterwards():
    with ColonyOSAdapter(Config(storage_mode="memory-only", cache_size=100)) as db:
        colonyos_demo.demo(db)
        assert db.count_colonies() == db.count_executors() == 1
        assert db.count_waiting_processes() == len(db.find_all_waiting_processes()) == 4
        (done,) = db.find_successful_processes("demo", "python", "", "", 10)
        assert done.state == SUCCESS and done.spec.funcname == "work" and done.spec.priority == 1
        assert done.assignedexecutorid == db.get_executor_by_name("demo", "worker").executorid
