"""Processes for tests of the adapter, and the adapter's arguments for an executor that fits all."""

from __future__ import annotations

from typing import Any

from velocity.py.colonyos import ColonyOSAdapter, Conditions, FunctionSpec, Process

COLONY, TYPE = "c", "t"
SIZES = (10**9, 2**60, 2**60, 127, 127, 127)  # cpu, memory, storage, nodes, processes, per node


def spec(colony: str = COLONY, type: str = TYPE, **fields: Any) -> FunctionSpec:
    """A function spec; `conditions`: fields of its conditions, beside colony and type."""
    conditions = Conditions(
        colonyname=colony, executortype=type, **fields.pop("conditions", {})
    )
    return FunctionSpec(conditions=conditions, **fields)


def add(adapter: ColonyOSAdapter, colony: str = COLONY, type: str = TYPE, **fields: Any) -> Process:
    """Add a process. Fields that a process has are set on it, the others on its spec."""
    own = {
        name: fields.pop(name) for name in list(fields)
        if name in Process.__dataclass_fields__
    }  # fmt: skip
    process = Process.create(spec(colony, type, **fields))
    for name, value in own.items():
        setattr(process, name, value)
    adapter.add_process(process)
    return process


def claim(adapter: ColonyOSAdapter, name: str = "e", type: str = TYPE, location: str = "",
          colony: str = COLONY, **sizes: int) -> Process | None:  # fmt: skip
    """select_and_assign for an executor whose id is its name."""
    return adapter.select_and_assign(colony, name, name, type, location, **sizes)


def ids(processes: list[Process]) -> list[str]:
    return [each.processid for each in processes]


def stored(adapter: ColonyOSAdapter, process: Process) -> Process:
    """The process as it is stored now."""
    found = adapter.get_process_by_id(process.processid)
    assert found is not None
    return found
