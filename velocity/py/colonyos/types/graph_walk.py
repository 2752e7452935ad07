"""GraphWalk: what a process graph does with its processes, which a storage has.

The walk is depth first from the roots, in their order and that of the children, each process once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol

from velocity._core.errors import NotFoundError, VelocityError
from velocity.py.colonyos.constants import CANCELLED, FAILED, RUNNING, SUCCESS, WAITING
from velocity.py.colonyos.errors import ProcessStateError

if TYPE_CHECKING:
    from velocity.py.colonyos.types.process import Process


class GraphStorage(Protocol):
    """Where the processes of a graph are: the adapter, or anything with these four."""

    def get_process_by_id(self, process_id: str, /) -> Process | None: ...
    def set_process_state(self, process_id: str, state: int, /) -> None: ...
    def set_wait_for_parents(self, process_id: str, waiting_for_parent: bool, /) -> None: ...
    def set_process_graph_state(self, process_graph_id: str, state: int, /) -> None: ...


class GraphWalk:
    """The methods of ProcessGraph that look at its processes; set_storage comes first.

    They raise NotFoundError when a process of the graph is missing.
    """

    processgraphid: str
    rootprocessids: list[str]
    processids: list[str]
    state: int
    _storage: GraphStorage | None = None

    def __getstate__(self) -> dict[str, Any]:
        # Copies and pickles are of what the graph says: a storage is one, and open.
        return {name: value for name, value in self.__dict__.items() if name != "_storage"}

    def set_storage(self, storage: GraphStorage) -> None:
        """Say where the processes are. Copies of the graph have to be told again."""
        self._storage = storage

    def iterate(self, visit: Callable[[Process], object]) -> None:
        """Call visit with each process, in the order of the walk."""
        for process in self._walk():
            visit(process)

    def processes(self) -> int:
        """The number of processes."""
        return sum(1 for _ in self._walk())

    def wait_processes(self) -> int:
        """The number of WAITING processes."""
        return self._in_state(WAITING)

    def running_processes(self) -> int:
        """The number of RUNNING processes."""
        return self._in_state(RUNNING)

    def successful_processes(self) -> int:
        """The number of SUCCESS processes."""
        return self._in_state(SUCCESS)

    def failed_processes(self) -> int:
        """The number of FAILED processes."""
        return self._in_state(FAILED)

    def cancelled_processes(self) -> int:
        """The number of CANCELLED processes."""
        return self._in_state(CANCELLED)

    def wait_for_parents(self) -> int:
        """The number of processes that wait for their parents."""
        return sum(1 for process in self._walk() if process.waitforparents)

    def leaves(self) -> list[str]:
        """The ids of the processes that have no children, in the order of the walk."""
        return [process.processid for process in self._walk() if not process.children]

    def update_process_ids(self) -> None:
        """Set processids, in the order of the walk."""
        self.processids = [process.processid for process in self._walk()]

    def get_root(self, process_id: str) -> Process:
        """The root that first parents lead to. Raises ProcessStateError on a loop."""
        return self._line(process_id)[-1]

    def depth(self, process_id: str) -> int:
        """The number of first parents up to the root, of which a root has none. Raises
        ProcessStateError on a loop."""
        return len(self._line(process_id)) - 1

    def resolve(self) -> None:
        """Bring the graph up to date with its processes, each of which is read once.

        A process whose parents are all SUCCESS waits for them no longer. A FAILED parent fails the
        whole graph: every process that is not FAILED becomes so, its state alone. Otherwise the
        graph is FAILED or CANCELLED if a process is, SUCCESS if all are, RUNNING if one is RUNNING
        or SUCCESS, else WAITING. The state is stored, and set on this object.
        """
        storage = self._has_storage()
        members = list(self._walk())
        states = {process.processid: process.state for process in members}
        parent_failed = False
        for process in members:
            of_parents = {self._state(states, id) for id in process.parents}
            parent_failed = parent_failed or FAILED in of_parents
            if process.waitforparents and of_parents <= {SUCCESS}:
                storage.set_wait_for_parents(process.processid, False)
        if parent_failed:
            for process in members:
                if process.state != FAILED:
                    storage.set_process_state(process.processid, FAILED)
        state = FAILED if parent_failed else _together({process.state for process in members})
        storage.set_process_graph_state(self.processgraphid, state)
        self.state = state

    def _walk(self) -> Iterator[Process]:
        seen: set[str] = set()
        ahead = self.rootprocessids[::-1]
        while ahead:
            id = ahead.pop()
            if id in seen:
                continue
            seen.add(id)
            process = self._read(id)
            yield process
            ahead += process.children[::-1]

    def _line(self, process_id: str) -> list[Process]:
        """The process, its first parent, and so on."""
        line = [self._read(process_id)]
        seen = {process_id}
        while line[-1].parents:
            id = line[-1].parents[0]
            if id in seen:
                raise ProcessStateError(f"process {id!r} is its own ancestor")
            seen.add(id)
            line.append(self._read(id))
        return line

    def _in_state(self, state: int) -> int:
        return sum(1 for process in self._walk() if process.state == state)

    def _state(self, known: dict[str, int], id: str) -> int:
        """A process's state; that of one which no root leads to is read."""
        if id not in known:
            known[id] = self._read(id).state
        return known[id]

    def _read(self, id: str) -> Process:
        process = self._has_storage().get_process_by_id(id)
        if process is None:
            raise NotFoundError(f"process graph {self.processgraphid!r} has no process {id!r}")
        return process

    def _has_storage(self) -> GraphStorage:
        if self._storage is None:
            raise VelocityError("the graph does not know its storage: set_storage comes first")
        return self._storage


def _together(states: set[int]) -> int:
    """The state of a graph whose processes are in these."""
    for state in (FAILED, CANCELLED):
        if state in states:
            return state
    if states <= {SUCCESS}:
        return SUCCESS
    return RUNNING if states & {SUCCESS, RUNNING} else WAITING
