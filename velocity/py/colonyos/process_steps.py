"""The steps of a process's life, as pure functions: from its document to the fields that change.

Each raises ProcessStateError where the process's state forbids the step. `number` is the sequence
number of the step: by it a process's attributes know whether their state was set before.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.constants import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
)
from velocity.py.colonyos.errors import ProcessStateError
from velocity.py.colonyos.requeueing import exec_deadline

NAMES = ("WAITING", "RUNNING", "SUCCESS", "FAILED", "CANCELLED")

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
_DAY_US = 86_400_000_000

Fields = dict[str, Any]


def claimed(executor_id: str, moment: datetime, number: int) -> Fields:
    """A waiting process goes to an executor. The same for every process, so that a claim need not
    know which it will get: the deadline counts from starttime, `tie` is that of waiting already."""
    return {
        "state": RUNNING,
        "isassigned": True,
        "assignedexecutorid": executor_id,
        "starttime": moment,
        "execdeadlineset": False,
        "order": microseconds(moment),
        "statesequence": number,
    }


def assigned(process: Document, executor_id: str, moment: datetime, number: int) -> Fields:
    """This process goes to an executor."""
    if process["isassigned"]:
        holder = process["assignedexecutorid"]
        raise ProcessStateError(f"process {process.id!r} is already assigned to {holder!r}")
    if process["state"] == CANCELLED:
        raise ProcessStateError(f"process {process.id!r} is CANCELLED: it cannot be assigned")
    return {**claimed(executor_id, moment, number), "tie": process["sequence"]}


def unassigned(process: Document, moment: datetime, number: int) -> Fields:
    """Back to the queue, a retry."""
    return {
        **_waiting(process, moment, number),
        "endtime": moment,
        "retries": process["retries"] + 1,
    }


def reset(process: Document, moment: datetime, number: int) -> Fields:
    """Back to the queue, afresh."""
    return {
        **_waiting(process, moment, number),
        "submissiontime": moment,
        "starttime": ZERO_TIME,
        "endtime": ZERO_TIME,
        "execdeadline": exec_deadline(process),  # starttime, which may decide it, goes
        "execdeadlineset": True,
    }


def succeeded(process: Document, moment: datetime, number: int) -> Fields:
    """The process has done its work."""
    _refuse(process, SUCCESS, WAITING, FAILED, CANCELLED)
    return _finished(process, SUCCESS, moment, number)


def failed(process: Document, errs: list[str], moment: datetime, number: int) -> Fields:
    """The process has come to nothing."""
    _refuse(process, FAILED, SUCCESS, FAILED, CANCELLED)
    return {**_finished(process, FAILED, moment, number), "errors": errs}


def cancelled(process: Document, moment: datetime, number: int) -> Fields:
    """The process is not wanted any more."""
    _refuse(process, CANCELLED, SUCCESS, FAILED, CANCELLED)
    return _finished(process, CANCELLED, moment, number)


def put_in_state(process: Document, state: int, number: int) -> Fields:
    """The state alone, whatever it was."""
    listed = listed_at(
        state,
        process["prioritytime"],
        process["starttime"],
        process["endtime"],
        process["sequence"],
    )
    return {"state": state, "statesequence": number, **listed}


def listed_at(
    state: int, prioritytime: int, starttime: datetime, endtime: datetime, sequence: int
) -> Fields:
    """Where a list of the state's processes has one: in queue order while they wait, by the time
    of their start while they run, and those that ended last first."""
    if state == WAITING:
        return {"order": prioritytime, "tie": sequence}
    if state == RUNNING:
        return {"order": microseconds(starttime), "tie": sequence}
    return {"order": -microseconds(endtime), "tie": -sequence}


def wait_deadline(moment: datetime, maxwaittime: int) -> datetime:
    """When waiting that begins now has to end: ZERO_TIME, never, unless maxwaittime > 0."""
    return after(moment, maxwaittime) if maxwaittime > 0 else ZERO_TIME


def after(moment: datetime, seconds: float) -> datetime:
    """The moment so many seconds later (negative: earlier), within what a time can say."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return datetime.max.replace(tzinfo=timezone.utc) if seconds > 0 else ZERO_TIME


def microseconds(moment: datetime) -> int:
    """A time in Unix microseconds, exactly."""
    passed = moment - _EPOCH
    return passed.days * _DAY_US + passed.seconds * 1_000_000 + passed.microseconds


def _waiting(process: Document, moment: datetime, number: int) -> Fields:
    waiting: Fields = {
        "state": WAITING,
        "isassigned": False,
        "assignedexecutorid": "",
        "order": process["prioritytime"],
        "tie": process["sequence"],
        "statesequence": number,
    }
    if process["maxwaittime"] > 0:
        waiting["waitdeadline"] = after(moment, process["maxwaittime"])
    return waiting


def _finished(process: Document, state: int, moment: datetime, number: int) -> Fields:
    return {
        "state": state,
        "endtime": moment,
        "order": -microseconds(moment),
        "tie": -process["sequence"],
        "statesequence": number,
    }


def _refuse(process: Document, wanted: int, *forbidden: int) -> None:
    state = process["state"]
    if state in forbidden:
        raise ProcessStateError(
            f"process {process.id!r} is {NAMES[state]}: it cannot become {NAMES[wanted]}"
        )
