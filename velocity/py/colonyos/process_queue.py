"""The queue: adding processes, who may have which, and giving them out.

A claim finds, decides and writes in one step of the database, so that no two callers get the same
process and none waits for a lock around it. The index `queue` has the candidates of a colony and
type by pool and location, each in queue order; a claim merges the few ranges that an executor may
take from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from velocity._core.errors import DuplicateKeyError
from velocity.py.batch import BatchOperation
from velocity.py.colonyos.process_candidates import (
    COUNT_MAX,
    QUEUE_ORDER,
    RESOURCE_MAX,
    candidates,
)
from velocity.py.colonyos.process_documents import NewProcess, new_process, process_of
from velocity.py.colonyos.process_finders import checked_limit, processes_of
from velocity.py.colonyos.process_steps import claimed
from velocity.py.colonyos.store import Data, Store, check_texts, insert_once, now
from velocity.py.colonyos.types.process import Process


class ProcessQueue(Store):
    """Processes that wait for executors."""

    def add_process(self, process: Process) -> None:
        """Add a process, submitted now, in the state that it is in (usually WAITING).

        The object gets its submissiontime, prioritytime, waitdeadline, a new processid if it has
        none, and an ENV attribute for each pair of spec.env; attributes that it has already are
        added, too. `["*"]` as conditions.executornames is stored as [].
        Raises SchemaError, and DuplicateKeyError when the id, or an attribute's, is taken.
        """
        data = self._data
        new = new_process(data, process, now())
        if new.documents:
            _insert_with_attributes(data, new)
        else:
            insert_once(data.processes, new.id, new.fields, f"process {new.id!r}")
        new.tell(process)

    def find_candidates(
        self, colony_name: str, executor_type: str, executor_location_name: str, cpu: int,
        memory: int, storage: int, nodes: int, processes: int, processes_per_node: int, count: int,
    ) -> list[Process]:  # fmt: skip
        """The candidates of the general pool for such an executor, in queue order.

        cpu in millicores, memory and storage in bytes. Raises QueryError for a count below 0.
        """
        data = self._data
        where = candidates(
            colony_name, executor_type, (None,), executor_location_name,
            cpu, memory, storage, nodes, processes, processes_per_node,
        )  # fmt: skip
        return _candidates(data, where, count)

    def find_candidates_by_name(
        self, colony_name: str, executor_name: str, executor_type: str, executor_location_name: str,
        cpu: int, memory: int, storage: int, nodes: int, processes: int, processes_per_node: int,
        count: int,
    ) -> list[Process]:  # fmt: skip
        """The candidates that name this executor, in queue order; as find_candidates."""
        data = self._data
        where = candidates(
            colony_name, executor_type, (executor_name,), executor_location_name,
            cpu, memory, storage, nodes, processes, processes_per_node,
        )  # fmt: skip
        return _candidates(data, where, count)

    def select_and_assign(
        self, colony_name: str, executor_id: str, executor_name: str, executor_type: str,
        executor_location: str, cpu: int = RESOURCE_MAX, memory: int = RESOURCE_MAX,
        storage: int = RESOURCE_MAX, nodes: int = COUNT_MAX, processes: int = COUNT_MAX,
        processes_per_node: int = COUNT_MAX, count: int = 1,
    ) -> Process | None:  # fmt: skip
        """Give the first candidate of the queue to this executor, and return it as it is then.

        Candidates are those of the general pool and those that name the executor, in one queue.
        None when there is none. Of any number of callers no two get the same. count: no effect.
        """
        data = self._data
        check_texts(executor_id=executor_id)
        where = candidates(
            colony_name, executor_type, (None, executor_name), executor_location,
            cpu, memory, storage, nodes, processes, processes_per_node,
        )  # fmt: skip
        taken = claimed(executor_id, now(), data.sequence.next())
        document = data.processes.find_one_and_update(where, taken, QUEUE_ORDER)
        return None if document is None else process_of(data, document)


def _candidates(data: Data, where: Mapping[str, Any], count: int) -> list[Process]:
    most = checked_limit(count)
    if not most:
        return []
    return processes_of(data, data.processes.find(where, QUEUE_ORDER, most))


def _insert_with_attributes(data: Data, new: NewProcess) -> None:
    added = [BatchOperation("insert", "processes", id=new.id, fields=new.fields)]
    added += [
        BatchOperation("insert", "attributes", id=id, fields=fields)
        for id, fields in new.documents
    ]
    try:
        data.db.batch(added)
    except DuplicateKeyError as error:
        what = f"process {new.id!r}, or an attribute of it,"
        raise DuplicateKeyError(f"{what} already exists: {error}") from None
