"""Removal of processes, each together with its attributes and nothing else, as one step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from velocity.py.colonyos.attributes import remove_attributes_of
from velocity.py.colonyos.constants import CANCELLED, FAILED, RUNNING, SUCCESS, WAITING
from velocity.py.colonyos.store import Step, Store, check_texts, checked

_OUTSIDE_GRAPHS = {"processgraphid": ""}
_IN_GRAPHS = {"processgraphid": {"$gt": ""}}


class ProcessRemoval(Store):
    """Removers of processes; what is not there is not removed."""

    def remove_process_by_id(self, process_id: str) -> None:
        """Remove a process, in a graph or not."""
        self._remove_processes({"_id": process_id}, process_id=process_id)

    def remove_all_processes(self) -> None:
        """Remove every process of every colony; the graphs stay."""
        self._remove_processes({})

    def remove_all_processes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's processes outside graphs."""
        wanted = {"colonyname": colony_name, **_OUTSIDE_GRAPHS}
        self._remove_processes(wanted, colony_name=colony_name)

    def remove_all_waiting_processes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's WAITING processes outside graphs."""
        self._remove_processes_in_state(colony_name, WAITING, _OUTSIDE_GRAPHS)

    def remove_all_running_processes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's RUNNING processes outside graphs."""
        self._remove_processes_in_state(colony_name, RUNNING, _OUTSIDE_GRAPHS)

    def remove_all_successful_processes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's SUCCESS processes outside graphs."""
        self._remove_processes_in_state(colony_name, SUCCESS, _OUTSIDE_GRAPHS)

    def remove_all_failed_processes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's FAILED processes outside graphs."""
        self._remove_processes_in_state(colony_name, FAILED, _OUTSIDE_GRAPHS)

    def remove_all_cancelled_processes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's CANCELLED processes outside graphs."""
        self._remove_processes_in_state(colony_name, CANCELLED, _OUTSIDE_GRAPHS)

    def remove_all_processes_by_process_graph_id(self, process_graph_id: str) -> None:
        """Remove a graph's processes; the graph stays."""
        if process_graph_id == "":  # that of processes outside graphs, and of no graph
            _ = self._data
            return
        wanted = {"processgraphid": process_graph_id}
        self._remove_processes(wanted, process_graph_id=process_graph_id)

    def remove_all_processes_in_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's processes in graphs; the graphs stay."""
        self._remove_processes({"colonyname": colony_name, **_IN_GRAPHS}, colony_name=colony_name)

    def remove_all_processes_in_process_graphs_by_colony_name_with_state(
        self, colony_name: str, state: int
    ) -> None:
        """Remove a colony's processes in graphs that are in a state; the graphs stay."""
        _ = self._data
        self._remove_processes_in_state(colony_name, checked(state, int, "state"), _IN_GRAPHS)

    def _remove_processes(self, filter: Mapping[str, Any], **texts: str) -> None:
        """Remove what matches a filter on fields that never change."""
        _ = self._data
        check_texts(**texts)
        self._atomically(lambda step: remove_processes(step, filter))

    def _remove_processes_in_state(
        self, colony_name: str, state: int, where: Mapping[str, Any]
    ) -> None:
        _ = self._data
        check_texts(colony_name=colony_name)
        wanted = {"state": state, "colonyname": colony_name, **where}

        def step(run: Step) -> None:
            found = [each.id for each in run.find("processes", wanted)]
            for id in found:
                run.delete("processes", id)
            remove_attributes_of(run, found)

        self._atomically(step)


def remove_processes(step: Step, filter: Mapping[str, Any]) -> None:
    """Remove the processes that match a filter on fields that never change."""
    remove_attributes_of(step, step.remove("processes", filter))
