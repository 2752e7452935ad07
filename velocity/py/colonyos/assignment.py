"""assign_process: a claim by an executor that the database knows, as the server makes it."""

from __future__ import annotations

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.colonyos.constants import UNREGISTERED
from velocity.py.colonyos.graph_steps import parents_output, resolve_graph
from velocity.py.colonyos.process_candidates import (
    COUNT_MAX,
    QUEUE_ORDER,
    RESOURCE_MAX,
    candidates,
)
from velocity.py.colonyos.process_documents import process_of
from velocity.py.colonyos.process_steps import claimed
from velocity.py.colonyos.store import Step, Store, check_texts, now
from velocity.py.colonyos.types.process import Process


class Assignment(Store):
    """Claims that take the process's graph along."""

    def assign_process(
        self, colony_name: str, executor_id: str, cpu: int = RESOURCE_MAX,
        memory: int = RESOURCE_MAX, storage: int = RESOURCE_MAX,
    ) -> Process | None:  # fmt: skip
        """Give the first candidate of the queue to an executor of the colony, which is alive.

        executor_id: its id, or else its name. As select_and_assign with the executor's own name,
        type and location; a process with parents gets their outputs as its input, and its graph is
        resolved, all in one step. None when there is no candidate.
        Raises NotFoundError when there is no such executor.
        """
        data = self._data
        check_texts(colony_name=colony_name, executor_id=executor_id)

        def step(run: Step) -> Document | None:
            executor = _executor(run, colony_name, executor_id)
            moment = now()
            run.update("executors", executor.id, {"lastheardfromtime": moment})
            where = candidates(
                colony_name, executor["executortype"], (None, executor["executorname"]),
                executor["locationname"], cpu, memory, storage, COUNT_MAX, COUNT_MAX, COUNT_MAX,
            )  # fmt: skip
            found = run.find("processes", where, QUEUE_ORDER, 1)
            if not found:
                return None
            process = found[0]
            taken = claimed(executor["executorid"], moment, data.sequence.next())
            run.update("processes", process.id, {**taken, **parents_output(run, process)})
            resolve_graph(data, run, process, moment)
            assigned: Document = run.get("processes", process.id)
            return assigned

        document = self._atomically(step)
        return None if document is None else process_of(data, document)


def _executor(step: Step, colony_name: str, executor_id: str) -> Document:
    """The colony's executor with this id or else this name, unless it was removed."""
    for wanted in ({"executorid": executor_id}, {"executorname": executor_id}):
        for executor in step.find("executors", {**wanted, "colonyname": colony_name}, "sequence"):
            if executor["state"] != UNREGISTERED:
                return executor
    raise NotFoundError(f"there is no executor {executor_id!r} in colony {colony_name!r}")
