"""Process and Attribute: a function specification on its way, and values that belong to it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, fields
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from velocity.py.colonyos.constants import PENDING, RUNNING, WAITING, ZERO_TIME
from velocity.py.colonyos.identifiers import attribute_id, random_id
from velocity.py.colonyos.json_kinds import wrong
from velocity.py.colonyos.json_object import JSONObject, named
from velocity.py.colonyos.json_time import unix_nanoseconds, utc
from velocity.py.colonyos.types.spec import FunctionSpec

PRIORITY_NANOSECONDS = 86_400 * 10**9  # what one step of priority is worth: a day of waiting


@dataclass
class Attribute(JSONObject):
    """A value of a process. attributetype: IN, OUT, ERR or ENV. state: that of the process."""

    attributeid: str = ""
    targetid: str = ""
    targetcolonyname: str = ""
    targetprocessgraphid: str = ""
    state: int = 0
    attributetype: int = 0
    key: str = ""
    value: str = ""

    @classmethod
    def create(
        cls, targetid: str, targetcolonyname: str, targetprocessgraphid: str, attributetype: int,
        key: str, value: str,
    ) -> Attribute:
        """A new attribute, PENDING, with the id that its target, key and type decide."""
        return cls(
            attribute_id(targetid, key, attributetype), targetid, targetcolonyname,
            targetprocessgraphid, PENDING, attributetype, key, value,
        )


@dataclass
class Process(JSONObject):
    """A function specification on its way. prioritytime: nanoseconds; queues ascend by it.

    What is read from the database comes by from_source: the lists and the specification are made
    when they are first looked at. It is like any other process all the same.
    """

    processid: str = ""
    initiatorid: str = ""
    initiatorname: str = ""
    assignedexecutorid: str = ""
    isassigned: bool = False
    state: int = 0
    prioritytime: int = 0
    submissiontime: datetime = ZERO_TIME
    starttime: datetime = ZERO_TIME
    endtime: datetime = ZERO_TIME
    waitdeadline: datetime = ZERO_TIME
    execdeadline: datetime = ZERO_TIME
    retries: int = 0
    attributes: list[Attribute] = field(default_factory=list)
    spec: FunctionSpec = field(default_factory=FunctionSpec)
    waitforparents: bool = False
    parents: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)
    processgraphid: str = ""
    input: list[Any] = named("in", list)
    output: list[Any] = named("out", list)
    errors: list[str] = field(default_factory=list)

    @classmethod
    def create(cls, spec: FunctionSpec) -> Process:
        """A new process for the specification, which it holds. Raises SchemaError."""
        if not isinstance(spec, FunctionSpec):
            wrong("spec", "FunctionSpec", spec)
        return cls(random_id(), state=WAITING, spec=spec)

    @classmethod
    def from_source(cls, values: dict[str, Any], source: Callable[[str], Any]) -> Process:
        """A process whose values are partly still to be made.

        values: by field name, all those that have no list or object as their default; the
        process takes the dict over. source(name) makes the value of another field when that is
        first looked at: from what it holds, for the process is a snapshot. Two threads may call
        it for the same field; the first value is kept. Copies and pickles have every value.
        """
        process = cls.__new__(cls)
        values["_source"] = source
        process.__dict__ = values
        return process

    if not TYPE_CHECKING:  # it would take every misspelt attribute for one of type Any

        def __getattr__(self, name: str) -> Any:
            """Called for what is not there yet: fields without a default in the class."""
            values = self.__dict__
            if "_source" not in values or name not in _LATER:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            return values.setdefault(name, values["_source"](name))

    def __getstate__(self) -> dict[str, Any]:
        for name in _LATER:
            getattr(self, name)
        return {name: value for name, value in self.__dict__.items() if name != "_source"}

    def waiting_time(self) -> float:
        """Seconds from submission to the start, or until now while it is WAITING."""
        end = datetime.now(timezone.utc) if self.state == WAITING else self.starttime
        return (end - self.submissiontime).total_seconds()

    def processing_time(self) -> float:
        """Seconds from the start to the end, or until now while it is RUNNING."""
        end = datetime.now(timezone.utc) if self.state == RUNNING else self.endtime
        return (end - self.starttime).total_seconds()

    def set_submission_time(self, t: datetime) -> None:
        """Set submissiontime, and prioritytime by it and the priority. Raises SchemaError."""
        self.submissiontime = utc(t, "Process.submissiontime")
        waited = self.spec.priority * PRIORITY_NANOSECONDS
        self.prioritytime = unix_nanoseconds(self.submissiontime) - waited


_LATER = frozenset(each.name for each in fields(Process) if each.name not in Process.__dict__)
