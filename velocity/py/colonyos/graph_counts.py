"""Numbers of process graphs, counted by an index."""

from __future__ import annotations

from velocity.py.colonyos.constants import CANCELLED, FAILED, RUNNING, SUCCESS, WAITING
from velocity.py.colonyos.store import Data, Store, check_texts


class ProcessGraphCounts(Store):
    """How many process graphs there are, of all colonies and of one."""

    def count_process_graphs(self) -> int:
        """The number of graphs of all colonies."""
        return len(self._data.processgraphs)

    def count_waiting_process_graphs(self) -> int:
        """The number of WAITING graphs of all colonies."""
        return _count(self._data, WAITING)

    def count_running_process_graphs(self) -> int:
        """The number of RUNNING graphs of all colonies."""
        return _count(self._data, RUNNING)

    def count_successful_process_graphs(self) -> int:
        """The number of SUCCESS graphs of all colonies."""
        return _count(self._data, SUCCESS)

    def count_failed_process_graphs(self) -> int:
        """The number of FAILED graphs of all colonies."""
        return _count(self._data, FAILED)

    def count_cancelled_process_graphs(self) -> int:
        """The number of CANCELLED graphs of all colonies."""
        return _count(self._data, CANCELLED)

    def count_waiting_process_graphs_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's WAITING graphs."""
        return _count_of(self._data, colony_name, WAITING)

    def count_running_process_graphs_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's RUNNING graphs."""
        return _count_of(self._data, colony_name, RUNNING)

    def count_successful_process_graphs_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's SUCCESS graphs."""
        return _count_of(self._data, colony_name, SUCCESS)

    def count_failed_process_graphs_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's FAILED graphs."""
        return _count_of(self._data, colony_name, FAILED)

    def count_cancelled_process_graphs_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's CANCELLED graphs."""
        return _count_of(self._data, colony_name, CANCELLED)


def _count(data: Data, state: int) -> int:
    return data.processgraphs.count({"state": state})


def _count_of(data: Data, colony_name: str, state: int) -> int:
    check_texts(colony_name=colony_name)
    return data.processgraphs.count({"state": state, "colonyname": colony_name})
