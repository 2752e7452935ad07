"""Makers of ColonyOS's objects for tests: usual ones, of which each argument changes one thing."""

from __future__ import annotations

from typing import Any

from velocity.py.colonyos import (
    GPU,
    Capabilities,
    Colony,
    Conditions,
    Executor,
    FunctionSpec,
    Hardware,
    Process,
    Software,
    random_id,
)

COLONY, KIND = "dev", "python"  # a colony's name, a type of executors


def a_colony(name: str = COLONY, **fields: Any) -> Colony:
    """A colony with an id of its own."""
    return Colony(**{"colonyid": random_id(), "name": name, **fields})


def an_executor(name: str = "worker", colony: str = COLONY, **fields: Any) -> Executor:
    """An executor that has one machine and one program."""
    machine = Hardware("AMD", 1, "4000m", 4, "16Gi", "100Gi", GPU("A100", "40Gi", 1, 1))
    return Executor(**{
        "executorid": random_id(), "executortype": KIND, "executorname": name,
        "colonyname": colony, "capabilities": Capabilities([machine], [Software("cli", "image", "1")]),
        **fields,
    })  # fmt: skip


def a_spec(colony: str = COLONY, kind: str = KIND, conditions: Any = None, **fields: Any) -> FunctionSpec:
    """A function that any executor of the colony may run. conditions: more of them, as a dict."""
    wanted = Conditions(**{"colonyname": colony, "executortype": kind, **(conditions or {})})
    return FunctionSpec(**{"nodename": "task", "funcname": "run", "conditions": wanted, **fields})


def a_process(colony: str = COLONY, kind: str = KIND, conditions: Any = None, **fields: Any) -> Process:
    """A process of a_spec(...) that nobody has added yet."""
    return Process.create(a_spec(colony, kind, conditions, **fields))
