"""What both sides are asked to do, and the processes they do it with."""

import random
from typing import Any, Protocol

from velocity.py.colonyos import Conditions, FunctionSpec

COLONY = "bench"
TYPES = ("cpu", "gpu", "container", "io")
WORKERS = 8


def process_id(number: int) -> str:
    return f"{number:064x}"


def spec(number: int) -> FunctionSpec:
    """The specification of a process: the same on both sides, drawn from its number."""
    drawn = random.Random(number)
    return FunctionSpec(
        nodename=f"job-{number}",
        funcname="run",
        args=[f"input-{number}", drawn.randrange(1000)],
        kwargs={"seed": drawn.randrange(1 << 30), "verbose": False},
        priority=drawn.randrange(10),
        maxwaittime=3600,
        maxexectime=600,
        maxretries=3,
        conditions=Conditions(
            colonyname=COLONY,
            executortype=executor_type(number),
            nodes=1,
            cpu="1000m",
            processes=1,
            processespernode=1,
            mem="1024Mi",
        ),
    )


def executor_type(number: int) -> str:
    return TYPES[number % len(TYPES)]


class Side(Protocol):
    """One database under test, from one worker's view."""

    def add(self, number: int) -> None:
        """Add the process of this number."""

    def get(self, number: int) -> Any:
        """The process of this number, with its attributes."""

    def find_waiting(self, executortype: str) -> int:
        """Find ten waiting processes; how many there were."""

    def assign(self, executor: str, executortype: str) -> str | None:
        """Select and assign the first process of the queue; its id."""

    def mark_successful(self, processid: str) -> None:
        """End a process."""

    def close(self) -> None:
        """End the connection, or the database."""
