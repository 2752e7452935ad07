"""The life of a process: claimed, back in the queue, finished; and what is set on it.

Each step is one compare-and-swap on the process's document: read, decided, and written if nothing
came between, else again. Attributes are not touched: their states follow (attributes.py).
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.colonyos import process_steps as steps
from velocity.py.colonyos.json_time import utc
from velocity.py.colonyos.process_documents import list_text, texts
from velocity.py.colonyos.store import Data, Store, check_texts, checked, document_by_id, now
from velocity.py.colonyos.types.process import Process

Changes = Callable[[Document], dict[str, Any]]  # {}: nothing is to be written
Changed = tuple[Document, dict[str, Any]]  # what a document was, and what was written


class ProcessLife(Store):
    """Steps of one process."""

    def assign(self, executor_id: str, process: Process) -> None:
        """Give the process to an executor: RUNNING from now, stored and on the object.

        What is stored decides, not the object: of two callers one succeeds. waitforparents is not
        asked. Raises NotFoundError, and ProcessStateError when it is assigned already (also when it
        has finished since) or CANCELLED.
        """
        data = self._data
        check_texts(executor_id=executor_id)
        moment, number = now(), data.sequence.next()
        found = change(
            data,
            _id(process),
            lambda stored: steps.assigned(stored, executor_id, moment, number),
        )
        stored, written = present(found, process.processid)
        _tell(process, written)
        if stored["maxexectime"] > 0:
            process.execdeadline = steps.after(moment, stored["maxexectime"])

    def unassign(self, process: Process) -> None:
        """Put the process back into the queue, at its old place: a retry, stored and on the object.

        endtime is now, starttime stays, retries is one more than stored, and waiting may last for
        another maxwaittime. Whatever state it is in; nothing when there is no such process.
        """
        data = self._data
        moment, number = now(), data.sequence.next()
        found = change(
            data, _id(process), lambda stored: steps.unassigned(stored, moment, number)
        )
        if found is not None:
            _tell(process, found[1])

    def reset_process(self, process: Process) -> None:
        """Put the process back into the queue, at its old place, as if submitted now.

        retries, errors and output stay. Stored and on the object; whatever state it is in; nothing
        when there is no such process.
        """
        data = self._data
        moment, number = now(), data.sequence.next()
        found = change(data, _id(process), lambda stored: steps.reset(stored, moment, number))
        if found is not None:
            _tell(process, found[1])

    def mark_successful(self, process_id: str) -> tuple[float, float]:
        """The process has done its work: SUCCESS, ended now. Repeating it sets the end anew.

        Returns the seconds that it waited and that it took. Raises NotFoundError, and
        ProcessStateError when it is WAITING, FAILED or CANCELLED.
        """
        data = self._data
        check_texts(process_id=process_id)
        moment, number = now(), data.sequence.next()
        found = change(data, process_id, lambda stored: steps.succeeded(stored, moment, number))
        return durations(present(found, process_id)[0], moment)

    def mark_failed(self, process_id: str, errs: list[str]) -> None:
        """The process has come to nothing, for these reasons: FAILED, ended now.

        It may have been WAITING. Raises NotFoundError, and ProcessStateError when it is SUCCESS,
        FAILED or CANCELLED.
        """
        data = self._data
        check_texts(process_id=process_id)
        reasons = texts(checked(errs, list, "errs"), "errs")
        moment, number = now(), data.sequence.next()
        found = change(
            data, process_id, lambda stored: steps.failed(stored, reasons, moment, number)
        )
        present(found, process_id)

    def mark_cancelled(self, process_id: str) -> None:
        """The process is not wanted any more: CANCELLED, ended now. It may have been WAITING.

        Raises NotFoundError, and ProcessStateError when it is SUCCESS, FAILED or CANCELLED.
        """
        data = self._data
        check_texts(process_id=process_id)
        moment, number = now(), data.sequence.next()
        found = change(data, process_id, lambda stored: steps.cancelled(stored, moment, number))
        present(found, process_id)

    def set_process_state(self, process_id: str, state: int) -> None:
        """Set the state, and with it the attributes', without any check; no time is set."""
        data = self._data
        check_texts(process_id=process_id)
        checked(state, int, "state")
        number = data.sequence.next()
        change(data, process_id, lambda stored: steps.put_in_state(stored, state, number))

    def set_input(self, process_id: str, input: list[Any]) -> None:
        """Set `in`. Raises SchemaError when it is no list that JSON can hold."""
        _set_list(self._data, process_id, "in", input)

    def set_output(self, process_id: str, output: list[Any]) -> None:
        """Set `out`. Raises SchemaError when it is no list that JSON can hold."""
        _set_list(self._data, process_id, "out", output)

    def set_errors(self, process_id: str, errs: list[str]) -> None:
        """Set errors, the state as it is."""
        _set_texts(self._data, process_id, "errors", errs)

    def set_parents(self, process_id: str, parents: list[str]) -> None:
        """Set the ids of the processes that this one waits for."""
        _set_texts(self._data, process_id, "parents", parents)

    def set_children(self, process_id: str, children: list[str]) -> None:
        """Set the ids of the processes that wait for this one."""
        _set_texts(self._data, process_id, "children", children)

    def set_wait_for_parents(self, process_id: str, waiting_for_parent: bool) -> None:
        """Set whether the process waits for its parents, so that it is no candidate."""
        data = self._data
        waits = checked(waiting_for_parent, bool, "waiting_for_parent")
        _set(data, process_id, {"waitforparents": waits})

    def set_exec_deadline(self, process: Process, exec_deadline: datetime) -> None:
        """Set when the execution has to end, stored and on the object; assigning sets it anew."""
        data = self._data
        moment = utc(exec_deadline, "exec_deadline")
        if _set(data, _id(process), {"execdeadline": moment, "execdeadlineset": True}):
            process.execdeadline = moment

    def set_wait_deadline(self, process: Process, wait_deadline: datetime) -> None:
        """Set when waiting has to end, stored and on the object."""
        data = self._data
        moment = utc(wait_deadline, "wait_deadline")
        if _set(data, _id(process), {"waitdeadline": moment}):
            process.waitdeadline = moment


def change(data: Data, process_id: str, changes: Changes) -> Changed | None:
    """Write what `changes` makes of a process's document, if nothing came between, else again.

    None when there is no such process.
    """
    processes = data.processes
    while True:
        document = document_by_id(processes, process_id)
        if document is None:
            return None
        fields = changes(document)
        if not fields:
            return document, fields
        same = {"sequence": document["sequence"]}  # another one may have come under its id
        if processes.compare_and_swap(process_id, same, fields, document.version).success:
            return document, fields


def present(found: Changed | None, process_id: str) -> Changed:
    """What change() returned. Raises NotFoundError when that was nothing."""
    if found is None:
        raise NotFoundError(f"there is no process {process_id!r}")
    return found


def durations(process: Document, moment: datetime) -> tuple[float, float]:
    """Seconds that a process waited, and that it took if it ends at a moment."""
    submitted, started = process["submissiontime"], process["starttime"]
    return (started - submitted).total_seconds(), (moment - started).total_seconds()


def _set(data: Data, process_id: str, fields: dict[str, Any]) -> bool:
    """Set fields of a process; whether there is one."""
    check_texts(process_id=process_id)
    if document_by_id(data.processes, process_id) is None:
        return False
    try:
        data.processes.update(process_id, fields)
    except NotFoundError:
        return False
    return True


def _set_texts(data: Data, process_id: str, field: str, value: list[str]) -> None:
    _set(data, process_id, {field: texts(checked(value, list, field), field)})


def _set_list(data: Data, process_id: str, field: str, value: list[Any]) -> None:
    _set(data, process_id, {field: list_text(checked(value, list, field), field)})


def _id(process: Process) -> str:
    id = checked(process, Process, "process").processid
    check_texts(processid=id)
    return id


# Fields of a document that an object has, too.
_TOLD = (
    "state", "isassigned", "assignedexecutorid", "submissiontime", "starttime", "endtime",
    "waitdeadline", "execdeadline", "retries",
)  # fmt: skip


def _tell(process: Process, written: dict[str, Any]) -> None:
    """Set on the object, its attributes included, what was written."""
    for name in _TOLD:
        if name in written:
            setattr(process, name, written[name])
    for attribute in process.attributes:
        attribute.state = written["state"]
