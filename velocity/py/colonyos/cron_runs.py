"""What the server does with crons: starting the workflows whose time has come.

A workflow is submitted and its cron set to the next time as one step, so that any number of callers
at once start it once.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import VelocityError
from velocity.py.colonyos.constants import FAILED, SUCCESS, ZERO_TIME
from velocity.py.colonyos.crons import cron_of
from velocity.py.colonyos.json_time import utc
from velocity.py.colonyos.process_documents import list_of
from velocity.py.colonyos.store import Data, Step, Store
from velocity.py.colonyos.store import now as clock
from velocity.py.colonyos.types.graph import ProcessGraph
from velocity.py.colonyos.types.spec import WorkflowSpec
from velocity.py.colonyos.workflows import new_workflow


class CronRuns(Store):
    """The server's step with crons."""

    def run_crons(self, now: datetime | None = None) -> list[ProcessGraph]:
        """Start the crons whose time has come, to be called about once a second; what was started.

        The first look at a cron only sets its nextrun. now: an aware time, None: the clock's; its
        zone is that of expressions that name none. Any number may call it at once. A cron that
        fails, such as by a bad expression or workflowspec, stays as it is and is no hindrance to
        the others; the first such error is raised after all had their turn.
        """
        data = self._data
        moment = clock() if now is None else now
        utc(moment, "now")  # raises if it is not aware
        graphs: list[ProcessGraph] = []
        failed: VelocityError | None = None
        for document in data.crons.find({}, sort="sequence"):
            if ZERO_TIME < document["nextrun"] and not cron_of(document).has_expired(moment):
                continue
            try:
                graph = self._atomically(partial(_look, data, document.id, moment))
            except VelocityError as error:
                failed = failed or error
                continue
            if graph is not None:
                graphs.append(graph)
        if failed is not None:
            raise failed
        return graphs


def _look(data: Data, id: str, moment: datetime, step: Step) -> ProcessGraph | None:
    """Look at a cron: set its first time, or start it if its time has come and nothing bars it."""
    found = step.get("crons", id)
    if found is None:
        return None
    cron = cron_of(found)
    if cron.nextrun == ZERO_TIME:
        step.update("crons", id, {"nextrun": cron.next_run(moment)})
        return None
    if not cron.has_expired(moment):
        return None
    previous = cron.prevprocessgraphid and step.get("processgraphs", cron.prevprocessgraphid)
    if previous and cron.waitforprevprocessgraph and previous["state"] not in (SUCCESS, FAILED):
        return None
    graph = new_workflow(
        step, data, cron.colonyname, WorkflowSpec.from_json(cron.workflowspec),
        cron.initiatorid, cron.initiatorname, _output(step, previous) if previous else [], moment,
    )  # fmt: skip
    run = {
        "nextrun": cron.next_run(moment),
        "lastrun": moment,
        "prevprocessgraphid": graph.processgraphid,
    }
    step.update("crons", id, run)
    return graph


def _output(step: Step, graph: Document) -> list[Any]:
    """What the leaves of a graph put out, joined in the order of a walk from its roots.

    Processes may be gone, which retention removes apart from their graph: those are passed over.
    """
    output: list[Any] = []
    met: set[str] = set()
    left = graph["rootprocessids"][::-1]
    while left:
        id = left.pop()
        process = None if id in met else step.get("processes", id)
        met.add(id)
        if process is not None:
            left += process["children"][::-1]
            output += [] if process["children"] else list_of(process["out"], "out")
    return output
