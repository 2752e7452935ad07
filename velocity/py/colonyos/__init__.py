"""ColonyOS's database interface on VelocityDB: ColonyOSAdapter, its types and constants."""

from __future__ import annotations

from velocity.py.colonyos.adapter import ColonyOSAdapter
from velocity.py.colonyos.constants import (
    APPROVED,
    CANCELLED,
    ENV,
    ERR,
    FAILED,
    IN,
    NOTSET,
    OUT,
    PENDING,
    PRIORITY_MAX,
    PRIORITY_MIN,
    REJECTED,
    RUNNING,
    SUCCESS,
    UNREGISTERED,
    WAITING,
    ZERO_TIME,
)
from velocity.py.colonyos.errors import ProcessStateError
from velocity.py.colonyos.identifiers import random_id
from velocity.py.colonyos.types.automation import Cron, Generator, GeneratorArg
from velocity.py.colonyos.types.blueprint import (
    Blueprint,
    BlueprintDefinition,
    BlueprintDefinitionNames,
    BlueprintDefinitionSpec,
    BlueprintHistory,
    BlueprintMetadata,
    HandlerSpec,
    SchemaProperty,
    ValidationSchema,
)
from velocity.py.colonyos.types.content import (
    File,
    FileData,
    Label,
    Log,
    Reference,
    S3Object,
    Snapshot,
)
from velocity.py.colonyos.types.graph import (
    Edge,
    GraphData,
    GraphNode,
    GraphPosition,
    GraphStyle,
    ProcessGraph,
)
from velocity.py.colonyos.types.identity import (
    GPU,
    Allocations,
    Capabilities,
    Colony,
    Executor,
    Function,
    FunctionArg,
    Hardware,
    Location,
    Project,
    Software,
    User,
)
from velocity.py.colonyos.types.process import Attribute, Process
from velocity.py.colonyos.types.spec import (
    Conditions,
    ConflictResolution,
    Filesystem,
    FunctionSpec,
    OnClose,
    OnStart,
    SnapshotMount,
    SyncDirMount,
    WorkflowSpec,
)
from velocity.py.colonyos.types.statistics import Statistics

__all__ = [
    "ColonyOSAdapter",
    "APPROVED", "CANCELLED", "ENV", "ERR", "FAILED", "GPU", "IN", "NOTSET", "OUT", "PENDING",
    "PRIORITY_MAX", "PRIORITY_MIN", "REJECTED", "RUNNING", "SUCCESS", "UNREGISTERED", "WAITING",
    "ZERO_TIME", "Allocations", "Attribute", "Blueprint", "BlueprintDefinition",
    "BlueprintDefinitionNames", "BlueprintDefinitionSpec", "BlueprintHistory", "BlueprintMetadata",
    "Capabilities", "Colony", "Conditions", "ConflictResolution", "Cron", "Edge", "Executor",
    "File", "FileData", "Filesystem", "Function", "FunctionArg", "FunctionSpec", "Generator",
    "GeneratorArg", "GraphData", "GraphNode", "GraphPosition", "GraphStyle", "HandlerSpec",
    "Hardware", "Label", "Location", "Log", "OnClose", "OnStart", "Process", "ProcessGraph",
    "ProcessStateError", "Project", "Reference", "S3Object", "SchemaProperty", "Snapshot",
    "SnapshotMount", "Software", "Statistics", "SyncDirMount", "User", "ValidationSchema",
    "WorkflowSpec", "random_id",
]
