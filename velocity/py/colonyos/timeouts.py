"""Processes that ran or waited for too long: the server looks for them once a second."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos import process_steps as steps
from velocity.py.colonyos.collections import WAITING_FOR_A_TIME
from velocity.py.colonyos.constants import NOTSET, RUNNING, WAITING, ZERO_TIME
from velocity.py.colonyos.json_time import utc
from velocity.py.colonyos.requeueing import exec_deadline
from velocity.py.colonyos.store import now as time_now
from velocity.py.colonyos.workflows import Workflows

EXECUTION = "Maximum execution time limit exceeded"
WAITING_TIME = "Maximum waiting time limit exceeded"


class Timeouts(Workflows):
    """Deadlines."""

    def handle_timeouts(self, now: datetime | None = None) -> int:
        """Fail or requeue what is past its deadline; the number of processes it were.

        A RUNNING process past execdeadline is failed when it has been tried maxretries times
        (never if that is -1), else it goes back to the queue, a retry; not if its maxexectime is -1
        or its deadline was never set. A WAITING process past waitdeadline is failed, if its
        maxwaittime is above 0. What fails takes its graph along.
        Each process is an atomic step of its own. now: an aware datetime, the time if None.
        """
        data = self._data
        moment = time_now() if now is None else utc(now, "now")
        found = [
            *data.processes.find({"state": RUNNING, "maxexectime": {"$ne": NOTSET}}),
            *data.processes.find({**WAITING_FOR_A_TIME, "waitdeadline": {"$lt": moment}}),
        ]
        handled = 0

        def timed_out(process: Document) -> dict[str, Any]:
            return _after_timeout(process, moment, data.sequence.next())

        for process in found:
            changed = self._close(process.id, timed_out, moment)
            handled += changed is not None and bool(changed[1])
        return handled


def _after_timeout(process: Document, moment: datetime, number: int) -> dict[str, Any]:
    """What becomes of a process; {} when it is not past a deadline."""
    if process["state"] == RUNNING and process["maxexectime"] != NOTSET:
        deadline = exec_deadline(process)
        if ZERO_TIME < deadline < moment:
            if 0 <= process["maxretries"] <= process["retries"]:
                return steps.failed(process, [EXECUTION], moment, number)
            return steps.unassigned(process, moment, number)
    if process["state"] == WAITING and process["maxwaittime"] > 0:
        if ZERO_TIME < process["waitdeadline"] < moment:
            return steps.failed(process, [WAITING_TIME], moment, number)
    return {}
