"""Getters and finders of processes. Each is answered by an index, in its order.

A list is of the processes that matched while it was read; each of them is of one moment.
"""

from __future__ import annotations

import sys
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.constants import CANCELLED, FAILED, RUNNING, SUCCESS, WAITING
from velocity.py.colonyos.process_documents import process_of
from velocity.py.colonyos.process_steps import after
from velocity.py.colonyos.store import (
    Data,
    Store,
    check_texts,
    checked,
    checked_count,
    document_by_id,
    now,
)
from velocity.py.colonyos.types.process import Process

ALL_WAITING_MAX = 1_000  # of find_all_waiting_processes
LISTED = ["order", "tie"]


class ProcessFinders(Store):
    """Processes, read by their ids and found by what they are."""

    def get_processes(self) -> list[Process]:
        """All processes of all colonies, newest submissiontime first."""
        data = self._data
        return processes_of(data, data.processes.find(sort=["-submissiontime", "-sequence"]))

    def get_process_by_id(self, process_id: str) -> Process | None:
        """The process with its attributes."""
        data = self._data
        check_texts(process_id=process_id)
        document = document_by_id(data.processes, process_id)
        return None if document is None else process_of(data, document)

    def find_processes_by_colony_name(
        self, colony_name: str, seconds: int, state: int
    ) -> list[Process]:
        """A colony's processes in a state, submitted in the last `seconds`, oldest first."""
        data = self._data
        check_texts(colony_name=colony_name)
        wanted = {"colonyname": colony_name, **_since(seconds, state)}
        return processes_of(data, data.processes.find(wanted, ["submissiontime", "sequence"]))

    def find_processes_by_executor_id(
        self, colony_name: str, executor_id: str, seconds: int, state: int
    ) -> list[Process]:
        """The same of those assigned to an executor."""
        data = self._data
        check_texts(colony_name=colony_name, executor_id=executor_id)
        wanted = {
            "assignedexecutorid": executor_id,
            "colonyname": colony_name,
            **_since(seconds, state),
        }
        return processes_of(data, data.processes.find(wanted, ["submissiontime", "sequence"]))

    def find_waiting_processes(
        self, colony_name: str, executor_type: str, label: str, initiator: str, count: int
    ) -> list[Process]:
        """A colony's WAITING processes in queue order, those that wait for parents included.

        Of the filters one applies: executor_type if it is not "", else initiator (the
        initiatorname), else label (spec.label). Raises QueryError for a count below 0.
        """
        return _listed(self._data, WAITING, colony_name, executor_type, label, initiator, count)

    def find_running_processes(
        self, colony_name: str, executor_type: str, label: str, initiator: str, count: int
    ) -> list[Process]:
        """A colony's RUNNING processes, starttime ascending; filters as find_waiting_processes."""
        return _listed(self._data, RUNNING, colony_name, executor_type, label, initiator, count)

    def find_successful_processes(
        self, colony_name: str, executor_type: str, label: str, initiator: str, count: int
    ) -> list[Process]:
        """A colony's SUCCESS processes, endtime descending; filters as find_waiting_processes."""
        return _listed(self._data, SUCCESS, colony_name, executor_type, label, initiator, count)

    def find_failed_processes(
        self, colony_name: str, executor_type: str, label: str, initiator: str, count: int
    ) -> list[Process]:
        """A colony's FAILED processes, endtime descending; filters as find_waiting_processes."""
        return _listed(self._data, FAILED, colony_name, executor_type, label, initiator, count)

    def find_cancelled_processes(
        self, colony_name: str, executor_type: str, label: str, initiator: str, count: int
    ) -> list[Process]:
        """A colony's CANCELLED processes, endtime descending; filters as find_waiting_processes."""
        return _listed(self._data, CANCELLED, colony_name, executor_type, label, initiator, count)

    def find_all_running_processes(self) -> list[Process]:
        """The RUNNING processes of all colonies, starttime ascending."""
        data = self._data
        return processes_of(data, data.processes.find({"state": RUNNING}, LISTED))

    def find_all_waiting_processes(self) -> list[Process]:
        """The first thousand WAITING processes of all colonies, in queue order."""
        data = self._data
        return processes_of(data, _first_of_colonies(data, WAITING, ALL_WAITING_MAX))


def processes_of(data: Data, documents: Any) -> list[Process]:
    """The processes of these documents, with their attributes."""
    return [process_of(data, each) for each in documents]


def listing(
    state: int, colony_name: str, executor_type: str, label: str, initiator: str
) -> dict[str, Any]:
    """The filter of find_waiting_processes and its like."""
    check_texts(
        colony_name=colony_name, executor_type=executor_type, label=label, initiator=initiator
    )
    wanted: dict[str, Any] = {"state": state, "colonyname": colony_name}
    if executor_type:
        wanted["executortype"] = executor_type
    elif initiator:
        wanted["initiatorname"] = initiator
    elif label:
        wanted["label"] = label
    return wanted


def checked_limit(count: Any) -> int:
    """A count of results as a query takes it. Raises QueryError."""
    return min(checked_count(count), sys.maxsize - 1)


def _listed(
    data: Data, state: int, colony_name: str, type: str, label: str, initiator: str, count: int
) -> list[Process]:
    wanted, most = listing(state, colony_name, type, label, initiator), checked_limit(count)
    if not most:
        return []
    return processes_of(data, data.processes.find(wanted, LISTED, most))


def _since(seconds: int, state: int) -> dict[str, Any]:
    checked(seconds, int, "seconds")
    checked(state, int, "state")
    return {"state": state, "submissiontime": {"$gte": after(now(), -seconds)}}


def _first_of_colonies(data: Data, state: int, most: int) -> list[Document]:
    """The first of a state's lists of all colonies, merged: no index has them in one order, and
    there are fewer colonies than processes."""
    found: list[Document] = []
    past: dict[str, Any] = {}
    while True:
        next = data.processes.find_one({"state": state, **past}, "colonyname")
        if next is None:
            return sorted(found, key=lambda each: (each["order"], each["tie"]))[:most]
        name = next["colonyname"]
        found += data.processes.find({"state": state, "colonyname": name}, LISTED, most)
        past = {"colonyname": {"$gt": name}}
