"""A colony in memory: processes are added, given to executors, finished and counted.

Run it: python examples/colonyos_demo.py
"""

from __future__ import annotations

from velocity import Config
from velocity.py.colonyos import (
    Colony,
    ColonyOSAdapter,
    Conditions,
    Executor,
    FunctionSpec,
    Process,
    ProcessStateError,
)

COLONY, TYPE = "demo", "python"


def new_process(funcname: str) -> Process:
    """A process that any executor of the colony and type may have."""
    conditions = Conditions(colonyname=COLONY, executortype=TYPE)
    return Process.create(FunctionSpec(funcname=funcname, priority=1, conditions=conditions))


def stored(db: ColonyOSAdapter, process: Process) -> Process:
    """The process as the database has it."""
    found = db.get_process_by_id(process.processid)
    assert found is not None
    return found


def demo(db: ColonyOSAdapter) -> None:
    """Tell what happens, step by step."""
    db.add_colony(Colony(name=COLONY))
    print(f"colony: {db.get_colony_by_name(COLONY)}")

    waiting = new_process("wait")
    db.add_process(waiting)
    spec = stored(db, waiting).spec
    print(f"waiting: {spec.funcname!r}, priority {spec.priority}, {spec.conditions.executortype}")

    executor = Executor(executorname="worker", executortype=TYPE, colonyname=COLONY)
    db.add_executor(executor)
    print(f"executor: {executor.executorname!r}")

    process = new_process("work")
    db.add_process(process)
    db.assign(executor.executorid, process)
    running = stored(db, process)
    ours = running.assignedexecutorid == executor.executorid
    print(f"assigned: state {running.state} (RUNNING), by that executor: {ours}")

    try:
        db.assign("another executor", process)
    except ProcessStateError as error:
        print(f"refused: {error}")

    db.mark_successful(process.processid)
    print(f"marked: state {stored(db, process).state} (SUCCESS)")

    for number in range(3):
        db.add_process(new_process(f"later {number}"))
    print(f"found waiting: {len(db.find_waiting_processes(COLONY, TYPE, '', '', 10))}")
    print(f"found successful: {len(db.find_successful_processes(COLONY, TYPE, '', '', 10))}")
    print(f"colonies: {db.count_colonies()}, processes: {db.count_processes()}, "
          f"executors: {db.count_executors()}")  # fmt: skip


if __name__ == "__main__":
    with ColonyOSAdapter(Config(storage_mode="memory-only", cache_size=100)) as adapter:
        demo(adapter)
