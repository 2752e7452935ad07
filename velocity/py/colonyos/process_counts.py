"""Numbers of processes, in and out of graphs, counted by an index."""

from __future__ import annotations

from velocity.py.colonyos.constants import CANCELLED, FAILED, RUNNING, SUCCESS, WAITING
from velocity.py.colonyos.store import Data, Store, check_texts


class ProcessCounts(Store):
    """How many processes there are, of all colonies and of one."""

    def count_processes(self) -> int:
        """The number of processes of all colonies."""
        return len(self._data.processes)

    def count_waiting_processes(self) -> int:
        """The number of WAITING processes of all colonies."""
        return _count(self._data, WAITING)

    def count_running_processes(self) -> int:
        """The number of RUNNING processes of all colonies."""
        return _count(self._data, RUNNING)

    def count_successful_processes(self) -> int:
        """The number of SUCCESS processes of all colonies."""
        return _count(self._data, SUCCESS)

    def count_failed_processes(self) -> int:
        """The number of FAILED processes of all colonies."""
        return _count(self._data, FAILED)

    def count_cancelled_processes(self) -> int:
        """The number of CANCELLED processes of all colonies."""
        return _count(self._data, CANCELLED)

    def count_waiting_processes_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's WAITING processes."""
        return _count_of(self._data, colony_name, WAITING)

    def count_running_processes_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's RUNNING processes."""
        return _count_of(self._data, colony_name, RUNNING)

    def count_successful_processes_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's SUCCESS processes."""
        return _count_of(self._data, colony_name, SUCCESS)

    def count_failed_processes_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's FAILED processes."""
        return _count_of(self._data, colony_name, FAILED)

    def count_cancelled_processes_by_colony_name(self, colony_name: str) -> int:
        """The number of a colony's CANCELLED processes."""
        return _count_of(self._data, colony_name, CANCELLED)


def _count(data: Data, state: int) -> int:
    return data.processes.count({"state": state})


def _count_of(data: Data, colony_name: str, state: int) -> int:
    check_texts(colony_name=colony_name)
    return data.processes.count({"state": state, "colonyname": colony_name})
