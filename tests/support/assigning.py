"""A worker that assigns and closes processes with threads, until it is killed; see test_kill.py."""

from __future__ import annotations

import json
import signal
import threading
from collections.abc import Callable

from velocity import Config
from velocity.py.colonyos import ColonyOSAdapter

EXECUTORS = 6  # "e0" and on, one for each thread
CLOSED = 1 << 31  # of an acknowledgement: the process was closed, not assigned
THREAD_SHIFT = 24


def assign(settings: str, acknowledge: Callable[[int], None]) -> None:
    """Acknowledge each process that was assigned or closed: thread, and the number in its label."""
    adapter = ColonyOSAdapter(Config(**json.loads(settings)))

    def work(thread: int) -> None:
        name, taken = f"e{thread}", 0
        while True:
            if thread % 2:
                process = adapter.assign_process("c", name)
            else:
                process = adapter.select_and_assign("c", name, name, "t", "")
            if process is None:
                continue
            number = thread << THREAD_SHIFT | int(process.spec.label)
            acknowledge(number)
            taken += 1
            if taken % 3:
                adapter.close_successful(process.processid, [process.spec.label])
                acknowledge(number | CLOSED)

    for thread in range(EXECUTORS):
        threading.Thread(target=work, args=(thread,), daemon=True).start()
    signal.pause()
