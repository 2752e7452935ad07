"""Who there is: colonies, users, executors with what they can do, functions, locations."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.json_object import JSONObject, omitted


@dataclass
class Colony(JSONObject):
    """A colony: those who work together."""

    colonyid: str = ""
    name: str = ""


@dataclass
class User(JSONObject):
    """A person in a colony."""

    colonyname: str = ""
    userid: str = ""
    name: str = ""
    email: str = ""
    phone: str = ""


@dataclass
class GPU(JSONObject):
    """Graphics processors: of a machine, or wanted by a process. mem: as "16Gi"."""

    name: str = ""
    mem: str = ""
    count: int = 0
    nodecount: int = 0


@dataclass
class Hardware(JSONObject):
    """A kind of machine that an executor has. cpu: as "4000m"; mem, storage: as "16Gi"."""

    model: str = ""
    nodes: int = 0
    cpu: str = ""
    cores: int = 0
    mem: str = ""
    storage: str = ""
    gpu: GPU = field(default_factory=GPU)
    platform: str = ""
    architecture: str = ""
    network: list[str] = field(default_factory=list)


@dataclass
class Software(JSONObject):
    """A program that an executor has."""

    name: str = ""
    type: str = ""
    version: str = ""


@dataclass
class Capabilities(JSONObject):
    """What an executor has."""

    hardware: list[Hardware] = field(default_factory=list)
    software: list[Software] = field(default_factory=list)


@dataclass
class Project(JSONObject):
    """A project's share of an executor. cpu and gpu: seconds; storage: bytes."""

    allocatedcpu: int = 0
    usedcpu: int = 0
    allocatedgpu: int = 0
    usedgpu: int = 0
    allocatedstorage: int = 0
    usedstorage: int = 0


@dataclass
class Allocations(JSONObject):
    """Shares of an executor, by the project's name."""

    projects: dict[str, Project] = field(default_factory=dict)


@dataclass
class Executor(JSONObject):
    """What runs processes. state: PENDING, APPROVED, REJECTED or UNREGISTERED."""

    executorid: str = ""
    executortype: str = ""
    executorname: str = ""
    colonyname: str = ""
    state: int = 0
    requirefuncreg: bool = False
    commissiontime: datetime = ZERO_TIME
    lastheardfromtime: datetime = ZERO_TIME
    locationname: str = omitted("")
    capabilities: Capabilities = field(default_factory=Capabilities)
    allocations: Allocations = field(default_factory=Allocations)
    blueprintid: str = omitted("")
    blueprintgen: int = omitted(0)


@dataclass
class FunctionArg(JSONObject):
    """An argument of a function. enum: the values allowed, all if empty."""

    name: str = ""
    type: str = ""
    description: str = omitted("")
    required: bool = omitted(False)
    enum: list[str] = omitted(list)


@dataclass
class Function(JSONObject):
    """A function that an executor offers, how often it ran, and how long (seconds)."""

    functionid: str = ""
    executorname: str = ""
    executortype: str = ""
    colonyname: str = ""
    funcname: str = ""
    description: str = omitted("")
    args: list[FunctionArg] = omitted(list)
    counter: int = 0
    minwaittime: float = 0.0
    maxwaittime: float = 0.0
    minexectime: float = 0.0
    maxexectime: float = 0.0
    avgwaittime: float = 0.0
    avgexectime: float = 0.0
    locationname: str = omitted("")


@dataclass
class Location(JSONObject):
    """A place where executors run. long, lat: degrees."""

    locationid: str = ""
    name: str = ""
    colonyname: str = ""
    description: str = ""
    long: float = 0.0
    lat: float = 0.0
