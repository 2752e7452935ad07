"""Workflows: graphs of processes, added, moved on, cancelled and closed as one atomic step each.

These are the server's steps: a process that is closed takes its graph along.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from velocity._core.errors import SchemaError
from velocity.py.colonyos import process_steps as steps
from velocity.py.colonyos.constants import CANCELLED, NOTSET, RUNNING, WAITING
from velocity.py.colonyos.errors import ProcessStateError
from velocity.py.colonyos.graph_steps import resolve_graph
from velocity.py.colonyos.graphs import graph_document, graph_of, put_graph_in_state
from velocity.py.colonyos.process_documents import (
    list_text,
    new_process,
    shallow_copy,
    texts,
)
from velocity.py.colonyos.process_life import (
    Changed,
    Changes,
    change,
    durations,
    present,
)
from velocity.py.colonyos.store import Data, Step, Store, check_texts, checked, document_by_id, now
from velocity.py.colonyos.types.graph import ProcessGraph
from velocity.py.colonyos.types.process import Process
from velocity.py.colonyos.types.spec import Conditions, FunctionSpec, WorkflowSpec


class Workflows(Store):
    """Workflows as a whole, and processes that may belong to one."""

    def add_workflow(
        self, colony_name: str, workflowspec: WorkflowSpec, initiatorid: str = "",
        initiatorname: str = "", *, input: list[Any] | None = None,
    ) -> ProcessGraph:  # fmt: skip
        """Add a graph with one process for each function spec, all or nothing; returns the graph.

        conditions.dependencies name, by nodename, the parents of a process; it waits for them.
        Processes without any are the roots and get `input`. A maxexectime of 0 becomes -1. The
        graph returned has its processids, in the order of the specs.
        Raises SchemaError for a workflow of another colony, one without function specs, a nodename
        that is empty or there twice, a dependency that is no nodename, and those that form a loop.
        """
        data = self._data
        check_texts(
            colony_name=colony_name, initiatorid=initiatorid, initiatorname=initiatorname
        )
        moment = now()
        return self._atomically(
            lambda step: new_workflow(
                step, data, colony_name, workflowspec, initiatorid, initiatorname, input, moment
            )
        )

    def close_successful(
        self, process_id: str, output: list[Any] | None = None
    ) -> tuple[float, float]:
        """mark_successful, with the output if it is given, and resolve the process's graph: its
        children that have no other parent to wait for may be assigned then. One atomic step.

        Returns and raises what mark_successful does; SchemaError, too, for output that JSON cannot
        hold.
        """
        data = self._data
        check_texts(process_id=process_id)
        given = {} if output is None else {"out": list_text(checked(output, list, "out"), "out")}
        moment, number = now(), data.sequence.next()
        found = self._close(
            process_id,
            lambda stored: {**steps.succeeded(stored, moment, number), **given},
            moment,
        )
        return durations(present(found, process_id)[0], moment)

    def close_failed(self, process_id: str, errs: list[str]) -> None:
        """mark_failed, and resolve the process's graph, which may fail with it. One atomic step.

        Raises what mark_failed does.
        """
        data = self._data
        check_texts(process_id=process_id)
        reasons = texts(checked(errs, list, "errs"), "errs")
        moment, number = now(), data.sequence.next()
        found = self._close(
            process_id, lambda stored: steps.failed(stored, reasons, moment, number), moment
        )
        present(found, process_id)

    def cancel_process_graph(self, process_graph_id: str) -> None:
        """Cancel a graph: CANCELLED, and so are its WAITING and RUNNING processes.

        Raises NotFoundError, and ProcessStateError when it is SUCCESS, FAILED or CANCELLED.
        """
        data = self._data
        check_texts(process_graph_id=process_graph_id)
        moment = now()

        def step(run: Step) -> None:
            graph = run.get("processgraphs", process_graph_id)
            if graph is not None and graph["state"] not in (WAITING, RUNNING):
                state = steps.NAMES[graph["state"]]
                raise ProcessStateError(
                    f"process graph {process_graph_id!r} is {state}: it cannot be cancelled"
                )
            put_graph_in_state(run, process_graph_id, CANCELLED, moment)
            for process in run.find("processes", {"processgraphid": process_graph_id}):
                if process["state"] in (WAITING, RUNNING):
                    fields = steps.cancelled(process, moment, data.sequence.next())
                    run.update("processes", process.id, fields)

        self._atomically(step)

    def _close(self, process_id: str, changes: Changes, moment: datetime) -> Changed | None:
        """change(), and what follows from it for the process's graph."""
        data = self._data
        seen = document_by_id(data.processes, process_id)
        if seen is None or not seen["processgraphid"]:  # which never changes
            return change(data, process_id, changes)

        def step(run: Step) -> Changed | None:
            stored = run.get("processes", process_id)
            if stored is None:
                return None
            fields = changes(stored)
            if fields:
                run.update("processes", process_id, fields)
                if fields["state"] != WAITING:
                    resolve_graph(data, run, stored, moment)
            return stored, fields

        return self._atomically(step)


def new_workflow(
    step: Step, data: Data, colony_name: str, workflow: WorkflowSpec, initiatorid: str,
    initiatorname: str, input: list[Any] | None, moment: datetime,
) -> ProcessGraph:  # fmt: skip
    """add_workflow as a part of a step, at a moment."""
    made = _processes(colony_name, workflow, input)
    graph = ProcessGraph.create(colony_name)
    graph.initiatorid, graph.initiatorname = initiatorid, initiatorname
    for process in made:
        process.initiatorid, process.initiatorname = initiatorid, initiatorname
        process.processgraphid = graph.processgraphid
        if not process.parents:
            graph.add_root(process.processid)
    id, fields = graph_document(data, graph, moment)
    step.insert("processgraphs", id, fields)
    for process in made:
        new = new_process(data, process, moment)
        step.insert("processes", new.id, new.fields)
        for attribute, its in new.documents:
            step.insert("attributes", attribute, its)
    stored = graph_of(step.get("processgraphs", id))
    stored.processids = [process.processid for process in made]
    return stored


def _processes(
    colony_name: str, workflow: WorkflowSpec, input: list[Any] | None
) -> list[Process]:
    """The processes of a workflow, with their parents and children."""
    checked(workflow, WorkflowSpec, "workflowspec")
    _check_colony(workflow.colonyname, colony_name, "workflowspec.colonyname")
    specs = checked(workflow.functionspecs, list, "workflowspec.functionspecs")
    if not specs:
        raise SchemaError("workflowspec.functionspecs: wants one at least")
    made: dict[str, Process] = {}
    for at, spec in enumerate(specs):
        where = f"workflowspec.functionspecs[{at}]"
        own = _own_spec(checked(spec, FunctionSpec, where), colony_name, where)
        if not own.nodename or own.nodename in made:
            raise SchemaError(f"{where}.nodename: {own.nodename!r} is empty or there twice")
        made[own.nodename] = Process.create(own)
    for name, process in made.items():
        for dependency in dict.fromkeys(process.spec.conditions.dependencies or ()):
            parent = made.get(dependency)
            if parent is None:
                raise SchemaError(f"node {name!r} depends on {dependency!r}, which is no node")
            process.parents.append(parent.processid)
            parent.children.append(process.processid)
        process.waitforparents = bool(process.parents)
        if not process.parents and input is not None:
            process.input = input
    processes = list(made.values())
    _refuse_loops(processes)
    return processes


def _own_spec(spec: FunctionSpec, colony_name: str, where: str) -> FunctionSpec:
    """The spec as a process of a workflow has it; the one given stays as it is."""
    check_texts(**{f"{where}.nodename": spec.nodename})
    own, conditions = shallow_copy(spec), shallow_copy(checked(spec.conditions, Conditions, where))
    _check_colony(conditions.colonyname, colony_name, f"{where}.conditions.colonyname")
    conditions.colonyname = colony_name
    own.conditions = conditions
    if own.maxexectime == 0:
        own.maxexectime = NOTSET
    return own


def _check_colony(given: str, colony_name: str, where: str) -> None:
    if given not in ("", colony_name):
        raise SchemaError(f"{where}: {given!r} is not {colony_name!r}, the workflow's colony")


def _refuse_loops(processes: list[Process]) -> None:
    """Take away, again and again, what waits for nothing: a loop stays."""
    waits_for = {process.processid: len(process.parents) for process in processes}
    children = {process.processid: process.children for process in processes}
    free = [id for id, count in waits_for.items() if not count]
    for id in free:
        for child in children[id]:
            waits_for[child] -= 1
            if not waits_for[child]:
                free.append(child)
    if len(free) < len(processes):
        raise SchemaError("workflowspec.functionspecs: the dependencies form a loop")
