"""What the server does with the graph of a process that was assigned or has finished.

A graph is resolved inside a step: ProcessGraph.resolve() on what the step sees, so that all that it
changes becomes visible together, or is decided again when another step came between.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity.py.colonyos.graphs import graph_of, put_graph_in_state
from velocity.py.colonyos.process_documents import list_of, list_text, stored_process
from velocity.py.colonyos.process_steps import put_in_state
from velocity.py.colonyos.store import Data, Step
from velocity.py.colonyos.types.process import Process


class StepStorage:
    """What ProcessGraph asks of an adapter, as part of a step at a moment."""

    def __init__(self, data: Data, step: Step, moment: datetime) -> None:
        self._data, self._step, self._moment = data, step, moment

    def get_process_by_id(self, process_id: str) -> Process | None:
        """The process without its attributes."""
        document = self._step.get("processes", process_id)
        return None if document is None else stored_process(document, [])

    def set_process_state(self, process_id: str, state: int) -> None:
        """The state alone, as the adapter's."""
        document = self._step.get("processes", process_id)
        fields = put_in_state(document, state, self._data.sequence.next())
        self._step.update("processes", process_id, fields)

    def set_wait_for_parents(self, process_id: str, waiting_for_parent: bool) -> None:
        """As the adapter's."""
        self._step.update("processes", process_id, {"waitforparents": waiting_for_parent})

    def set_process_graph_state(self, process_graph_id: str, state: int) -> None:
        """As the adapter's."""
        put_graph_in_state(self._step, process_graph_id, state, self._moment)


def resolve_graph(data: Data, step: Step, process: Document, moment: datetime) -> None:
    """Resolve the graph of a process that this step has changed, if it is in one."""
    id = process["processgraphid"]
    document = step.get("processgraphs", id) if id else None
    if document is None:
        return
    graph = graph_of(document)
    graph.set_storage(StepStorage(data, step, moment))
    graph.resolve()


def parents_output(step: Step, process: Document) -> dict[str, Any]:
    """The field `in` of a process with parents: their outputs, one after the other."""
    parents = process["parents"]
    if not parents:
        return {}
    joined: list[Any] = []
    for id in parents:
        parent = step.get("processes", id)
        if parent is not None:
            joined += list_of(parent["out"], "out")
    return {"in": list_text(joined, "in")}
