"""What the server does with generators: packing arguments and submitting the workflows due.

Each workflow is submitted, its arguments taken out of the queue and the run noted as one step, so
that any number of callers at once submit it once.
"""

from __future__ import annotations

from datetime import datetime
from functools import partial

from velocity._core.document import Document
from velocity._core.errors import NotFoundError, VelocityError
from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.generator_args import arg_fields
from velocity.py.colonyos.generators import generator_of
from velocity.py.colonyos.json_time import utc
from velocity.py.colonyos.store import Data, Step, Store, check_texts
from velocity.py.colonyos.store import now as clock
from velocity.py.colonyos.types.automation import Generator, GeneratorArg
from velocity.py.colonyos.types.graph import ProcessGraph
from velocity.py.colonyos.types.spec import WorkflowSpec
from velocity.py.colonyos.workflows import new_workflow


class GeneratorRuns(Store):
    """The server's steps with generators."""

    def pack_generator(self, generator_id: str, arg: str) -> None:
        """Put an argument into the generator's queue, noting the time if it is the first ever.

        Raises NotFoundError.
        """
        data = self._data
        check_texts(generator_id=generator_id, arg=arg)

        def pack(step: Step) -> None:
            found = step.get("generators", generator_id) if generator_id else None
            if found is None:
                raise NotFoundError(f"no generator has the id {generator_id!r}")
            if found["firstpack"] == ZERO_TIME:
                step.update("generators", generator_id, {"firstpack": clock()})
            packed = GeneratorArg.create(generator_id, found["colonyname"], arg)
            step.insert("generatorargs", packed.id, arg_fields(data, packed))

        self._atomically(pack)

    def run_generators(self, now: datetime | None = None) -> list[ProcessGraph]:
        """Submit the workflows that are due, to be called about once a second; those submitted.

        now: an aware time, None: the clock's. Any number may call it at once. A generator that
        fails, such as by a bad workflowspec, keeps its arguments and is no hindrance to the others;
        the first such error is raised after all had their turn.
        """
        data = self._data
        moment = clock() if now is None else utc(now, "now")
        graphs: list[ProcessGraph] = []
        failed: VelocityError | None = None
        for document in data.generators.find({}, sort="sequence"):
            count = data.generatorargs.count({"generatorid": document.id})
            try:
                for _ in range(generator_of(document).due(count, moment)):
                    graph = self._atomically(partial(_submit, data, document.id, moment))
                    if graph is None:
                        break  # another caller was quicker
                    graphs.append(graph)
            except VelocityError as error:
                failed = failed or error
        if failed is not None:
            raise failed
        return graphs


def _submit(data: Data, id: str, moment: datetime, step: Step) -> ProcessGraph | None:
    """One workflow of a generator, if one is due."""
    found = step.get("generators", id)
    if found is None:
        return None
    generator = generator_of(found)
    most = generator.trigger if generator.trigger > 0 else None
    args = step.find("generatorargs", {"generatorid": id}, sort="sequence", limit=most)
    if not generator.due(len(args), moment):
        return None
    graph = new_workflow(
        step, data, generator.colonyname, _spec(generator, args),
        generator.initiatorid, generator.initiatorname, [], moment,
    )  # fmt: skip
    for arg in args:
        step.delete("generatorargs", arg.id)
    step.update("generators", id, {"lastrun": moment})
    return graph


def _spec(generator: Generator, args: list[Document]) -> WorkflowSpec:
    """The generator's workflow, with these arguments for its roots."""
    spec = WorkflowSpec.from_json(generator.workflowspec)
    for function in spec.functionspecs:
        if not function.conditions.dependencies:
            function.args = [arg["arg"] for arg in args]
    return spec
