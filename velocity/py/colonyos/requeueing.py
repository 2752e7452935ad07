"""Processes that lose their executor go back to the queue."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.constants import RUNNING, WAITING, ZERO_TIME
from velocity.py.colonyos.store import Data, Step


def requeue(step: Step, data: Data, filter: Mapping[str, Any]) -> None:
    """Put the running processes that match back to their places in the queue.

    They keep prioritytime, retries and deadlines. Their attributes become PENDING.
    """
    for process in step.find("processes", {**filter, "state": RUNNING}):
        waiting = {
            "state": WAITING,
            "isassigned": False,
            "assignedexecutorid": "",
            "starttime": ZERO_TIME,
            "endtime": ZERO_TIME,
            "execdeadline": exec_deadline(process),  # starttime, which may decide it, goes
            "execdeadlineset": True,
            "order": process["prioritytime"],
            "tie": process["sequence"],
            "statesequence": data.sequence.next(),
        }
        step.update("processes", process.id, waiting)


def exec_deadline(process: Mapping[str, Any] | Document) -> datetime:
    """When a process's execution has to end: as set, else its longest time after its start."""
    start: datetime = process["starttime"]
    deadline: datetime = process["execdeadline"]
    if process["execdeadlineset"] or process["maxexectime"] <= 0 or start == ZERO_TIME:
        return deadline
    try:
        return start + timedelta(seconds=process["maxexectime"])
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc)
