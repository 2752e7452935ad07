"""Process graphs: workflows as they are stored, their states, and their removal.

A graph keeps its roots; which processes it has and how they hang together is on these.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.colonyos.constants import (
    CANCELLED,
    FAILED,
    RUNNING,
    SUCCESS,
    WAITING,
    ZERO_TIME,
)
from velocity.py.colonyos.process_documents import texts
from velocity.py.colonyos.process_finders import LISTED, checked_limit
from velocity.py.colonyos.process_removal import remove_processes
from velocity.py.colonyos.process_steps import microseconds
from velocity.py.colonyos.store import (
    Data,
    Step,
    Store,
    check_texts,
    checked,
    document_by_id,
    id_or_new,
    insert_once,
    now,
)
from velocity.py.colonyos.types.graph import ProcessGraph


class ProcessGraphs(Store):
    """Process graphs of colonies."""

    def add_process_graph(self, process_graph: ProcessGraph) -> None:
        """Add a graph, submitted now, in the state that it is in.

        The object gets a new processgraphid if it has none. Its processes are added on their own;
        processids, nodes and edges are not stored. Raises SchemaError, DuplicateKeyError.
        """
        data = self._data
        id, fields = graph_document(data, process_graph, now())
        insert_once(data.processgraphs, id, fields, f"process graph {id!r}")
        process_graph.processgraphid = id

    def get_process_graph_by_id(self, process_graph_id: str) -> ProcessGraph | None:
        """The graph; its processids, nodes and edges are []."""
        data = self._data
        check_texts(process_graph_id=process_graph_id)
        document = document_by_id(data.processgraphs, process_graph_id)
        return None if document is None else graph_of(document)

    def set_process_graph_state(self, process_graph_id: str, state: int) -> None:
        """Set the state. From WAITING to RUNNING sets starttime; SUCCESS, FAILED and CANCELLED set
        endtime. Raises NotFoundError."""
        _ = self._data
        check_texts(process_graph_id=process_graph_id)
        checked(state, int, "state")
        moment = now()
        self._atomically(lambda step: put_graph_in_state(step, process_graph_id, state, moment))

    def find_waiting_process_graphs(self, colony_name: str, count: int) -> list[ProcessGraph]:
        """A colony's WAITING graphs, newest submissiontime first. Raises QueryError."""
        return _graphs(self._data, colony_name, WAITING, count)

    def find_running_process_graphs(self, colony_name: str, count: int) -> list[ProcessGraph]:
        """A colony's RUNNING graphs, newest submissiontime first. Raises QueryError."""
        return _graphs(self._data, colony_name, RUNNING, count)

    def find_successful_process_graphs(self, colony_name: str, count: int) -> list[ProcessGraph]:
        """A colony's SUCCESS graphs, newest submissiontime first. Raises QueryError."""
        return _graphs(self._data, colony_name, SUCCESS, count)

    def find_failed_process_graphs(self, colony_name: str, count: int) -> list[ProcessGraph]:
        """A colony's FAILED graphs, newest submissiontime first. Raises QueryError."""
        return _graphs(self._data, colony_name, FAILED, count)

    def find_cancelled_process_graphs(self, colony_name: str, count: int) -> list[ProcessGraph]:
        """A colony's CANCELLED graphs, newest submissiontime first. Raises QueryError."""
        return _graphs(self._data, colony_name, CANCELLED, count)

    def get_process_graphs(self, colony_name: str) -> list[ProcessGraph]:
        """A colony's graphs in any state, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        found = data.processgraphs.find({"colonyname": colony_name}, "sequence")
        return [graph_of(each) for each in found]

    def find_process_graphs_by_colony_name(
        self, colony_name: str, seconds: int, state: int
    ) -> list[ProcessGraph]:
        """A colony's graphs in a state that were submitted in the last `seconds`, oldest first."""
        data = self._data
        check_texts(colony_name=colony_name)
        since = microseconds(now()) - checked(seconds, int, "seconds") * 1_000_000
        wanted = {
            "state": checked(state, int, "state"),
            "colonyname": colony_name,
            "order": {"$lte": -max(since, microseconds(ZERO_TIME))},
        }
        found = data.processgraphs.find(wanted, ["-order", "-tie"])
        return [graph_of(each) for each in found]

    def find_all_waiting_process_graphs(self) -> list[ProcessGraph]:
        """The WAITING graphs of all colonies, newest submissiontime first."""
        return _graphs_of_all(self._data, WAITING)

    def find_all_running_process_graphs(self) -> list[ProcessGraph]:
        """The RUNNING graphs of all colonies, newest submissiontime first."""
        return _graphs_of_all(self._data, RUNNING)

    def remove_process_graph_by_id(self, process_graph_id: str) -> None:
        """Remove a graph with every process of it and their attributes."""
        _ = self._data
        check_texts(process_graph_id=process_graph_id)
        if document_by_id(self._data.processgraphs, process_graph_id) is not None:
            self._atomically(lambda step: _remove(step, [process_graph_id]))

    def remove_all_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's graphs with every process of them."""
        self._remove_graphs({"colonyname": colony_name}, colony_name)

    def remove_all_waiting_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's WAITING graphs with every process of them, in whatever state."""
        self._remove_graphs({"state": WAITING, "colonyname": colony_name}, colony_name)

    def remove_all_running_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's RUNNING graphs with every process of them, in whatever state."""
        self._remove_graphs({"state": RUNNING, "colonyname": colony_name}, colony_name)

    def remove_all_successful_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's SUCCESS graphs with every process of them, in whatever state."""
        self._remove_graphs({"state": SUCCESS, "colonyname": colony_name}, colony_name)

    def remove_all_failed_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's FAILED graphs with every process of them, in whatever state."""
        self._remove_graphs({"state": FAILED, "colonyname": colony_name}, colony_name)

    def remove_all_cancelled_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's CANCELLED graphs with every process of them, in whatever state."""
        self._remove_graphs({"state": CANCELLED, "colonyname": colony_name}, colony_name)

    def _remove_graphs(self, filter: Mapping[str, Any], colony_name: str) -> None:
        _ = self._data
        check_texts(colony_name=colony_name)

        def step(run: Step) -> None:
            _remove(run, [each.id for each in run.find("processgraphs", filter)])

        self._atomically(step)


def _graphs(data: Data, colony_name: str, state: int, count: int) -> list[ProcessGraph]:
    check_texts(colony_name=colony_name)
    most = checked_limit(count)
    if not most:
        return []
    wanted = {"state": state, "colonyname": colony_name}
    return [graph_of(each) for each in data.processgraphs.find(wanted, LISTED, most)]


def _graphs_of_all(data: Data, state: int) -> list[ProcessGraph]:
    return [graph_of(each) for each in data.processgraphs.find({"state": state}, LISTED)]


def graph_document(
    data: Data, graph: ProcessGraph, moment: datetime
) -> tuple[str, dict[str, Any]]:
    """The id and fields under which a graph is to be inserted. Raises SchemaError."""
    id = id_or_new(checked(graph, ProcessGraph, "process_graph").processgraphid, "processgraphid")
    sequence = data.sequence.next()
    return id, {
        "initiatorid": graph.initiatorid,
        "initiatorname": graph.initiatorname,
        "colonyname": graph.colonyname,
        "rootprocessids": texts(graph.rootprocessids, "rootprocessids"),
        "state": graph.state,
        "submissiontime": moment,
        "starttime": ZERO_TIME,
        "endtime": ZERO_TIME,
        "order": -microseconds(moment),  # newest first, ties too
        "tie": -sequence,
        "sequence": sequence,
    }


def graph_of(document: Document) -> ProcessGraph:
    """The graph that a document holds."""
    return ProcessGraph(
        processgraphid=document.id,
        initiatorid=document["initiatorid"],
        initiatorname=document["initiatorname"],
        colonyname=document["colonyname"],
        rootprocessids=document["rootprocessids"],
        state=document["state"],
        submissiontime=document["submissiontime"],
        starttime=document["starttime"],
        endtime=document["endtime"],
    )


def put_graph_in_state(step: Step, id: str, state: int, moment: datetime) -> None:
    """Set a graph's state with the times that go with it. Raises NotFoundError."""
    document = step.get("processgraphs", id)
    if document is None:
        raise NotFoundError(f"there is no process graph {id!r}")
    fields: dict[str, Any] = {"state": state}
    if state == RUNNING and document["state"] == WAITING:
        fields["starttime"] = moment
    if state in (SUCCESS, FAILED, CANCELLED):
        fields["endtime"] = moment
    step.update("processgraphs", id, fields)


def _remove(step: Step, ids: list[str]) -> None:
    """Remove graphs with their processes."""
    for id in ids:
        step.delete("processgraphs", id)
        remove_processes(step, {"processgraphid": id})
