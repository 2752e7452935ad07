"""What is asked for: function specifications with their conditions, and workflows of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from velocity.py.colonyos.json_object import JSONObject, omitted
from velocity.py.colonyos.types.identity import GPU


@dataclass
class Conditions(JSONObject):
    """Which executors may have the process.

    cpu: millicores as "500m"; mem, storage: as "10Gi" or "10GB"; walltime: seconds.
    executornames: [] and ["*"] are any executor. dependencies: nodenames of the parents.
    """

    colonyname: str = ""
    executornames: list[str] = field(default_factory=list)
    executortype: str = ""
    locationname: str = omitted("")
    dependencies: list[str] = field(default_factory=list)
    nodes: int = 0
    cpu: str = ""
    processes: int = 0
    processespernode: int = 0
    mem: str = ""
    storage: str = ""
    gpu: GPU = field(default_factory=GPU)
    walltime: int = 0


@dataclass
class OnStart(JSONObject):
    """What wins when a process starts and both sides have changed a file."""

    keeplocal: bool = False


@dataclass
class OnClose(JSONObject):
    """What wins when a process closes and both sides have changed a file."""

    keeplocal: bool = False


@dataclass
class ConflictResolution(JSONObject):
    """What wins when both sides have changed a file."""

    onstart: OnStart = field(default_factory=OnStart)
    onclose: OnClose = field(default_factory=OnClose)


@dataclass
class SnapshotMount(JSONObject):
    """A snapshot's files, to be had in a directory."""

    snapshotid: str = ""
    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    keepsnapshot: bool = False


@dataclass
class SyncDirMount(JSONObject):
    """A label's files, to be kept the same as a directory's."""

    label: str = ""
    dir: str = ""
    keepfiles: bool = False
    onconflicts: ConflictResolution = field(default_factory=ConflictResolution)


@dataclass
class Filesystem(JSONObject):
    """The files that a process works with."""

    mount: str = ""
    snapshots: list[SnapshotMount] = field(default_factory=list)
    dirs: list[SyncDirMount] = field(default_factory=list)


@dataclass
class FunctionSpec(JSONObject):
    """A function to be called, and on what conditions.

    priority: a step is worth a day of waiting. maxwaittime, maxexectime: seconds, -1 for ever.
    maxretries: -1 for ever. args and kwargs hold anything that JSON can.
    """

    nodename: str = ""
    funcname: str = ""
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)
    priority: int = 0
    maxwaittime: int = 0
    maxexectime: int = 0
    maxretries: int = 0
    conditions: Conditions = field(default_factory=Conditions)
    label: str = ""
    fs: Filesystem = field(default_factory=Filesystem)
    env: dict[str, str] = field(default_factory=dict)
    channels: list[str] = omitted(list)


@dataclass
class WorkflowSpec(JSONObject):
    """A workflow: functions that wait for each other by conditions.dependencies."""

    colonyname: str = ""
    functionspecs: list[FunctionSpec] = field(default_factory=list)
