"""The VelocityDB side: the adapter, whose methods do what ColonyOS's statements do."""

from typing import Any

from bench.colonyos.face import COLONY, process_id, spec
from velocity.py.colonyos import ColonyOSAdapter, Process


class Ours:
    """One adapter; all workers share it."""

    def __init__(self, adapter: ColonyOSAdapter) -> None:
        self.adapter = adapter

    def add(self, number: int) -> None:
        process = Process.create(spec(number))
        process.processid = process_id(number)
        self.adapter.add_process(process)

    def get(self, number: int) -> Any:
        return self.adapter.get_process_by_id(process_id(number))

    def find_waiting(self, executortype: str) -> int:
        return len(self.adapter.find_waiting_processes(COLONY, executortype, "", "", 10))

    def assign(self, executor: str, executortype: str) -> str | None:
        process = self.adapter.select_and_assign(COLONY, executor, executor, executortype, "")
        return None if process is None else process.processid

    def mark_successful(self, processid: str) -> None:
        self.adapter.mark_successful(processid)

    def load(self, numbers: range) -> None:
        for number in numbers:
            self.add(number)

    def close(self) -> None:
        self.adapter.close()
