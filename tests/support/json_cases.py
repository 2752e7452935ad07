"""ColonyOS's types for tests: what the specification says of each field, and values of any."""

from __future__ import annotations

import dataclasses
import typing
from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from velocity.py import colonyos
from velocity.py.colonyos.json_object import JSONObject

TYPES = sorted(
    (each for each in vars(colonyos).values()
     if isinstance(each, type) and issubclass(each, JSONObject)),
    key=lambda each: each.__name__,
)  # fmt: skip

# Keys as colonyos.md lists them: ? is left out when empty; the letter says what the value is:
# s text, i int, f float, b bool, t time, l list, d dict, a anything; a name is a type of ours,
# * before it a list of such, % a dict of such.
FIELDS = {
    "Colony": "colonyid:s name:s",
    "User": "colonyname:s userid:s name:s email:s phone:s",
    "Executor": "executorid:s executortype:s executorname:s colonyname:s state:i requirefuncreg:b commissiontime:t lastheardfromtime:t locationname?:s capabilities:Capabilities allocations:Allocations blueprintid?:s blueprintgen?:i",
    "Capabilities": "hardware:*Hardware software:*Software",
    "Hardware": "model:s nodes:i cpu:s cores:i mem:s storage:s gpu:GPU platform:s architecture:s network:*s",
    "GPU": "name:s mem:s count:i nodecount:i",
    "Software": "name:s type:s version:s",
    "Allocations": "projects:%Project",
    "Project": "allocatedcpu:i usedcpu:i allocatedgpu:i usedgpu:i allocatedstorage:i usedstorage:i",
    "Function": "functionid:s executorname:s executortype:s colonyname:s funcname:s description?:s args?:*FunctionArg counter:i minwaittime:f maxwaittime:f minexectime:f maxexectime:f avgwaittime:f avgexectime:f locationname?:s",
    "FunctionArg": "name:s type:s description?:s required?:b enum?:*s",
    "FunctionSpec": "nodename:s funcname:s args:l kwargs:d priority:i maxwaittime:i maxexectime:i maxretries:i conditions:Conditions label:s fs:Filesystem env:%s channels?:*s",
    "Conditions": "colonyname:s executornames:*s executortype:s locationname?:s dependencies:*s nodes:i cpu:s processes:i processespernode:i mem:s storage:s gpu:GPU walltime:i",
    "Filesystem": "mount:s snapshots:*SnapshotMount dirs:*SyncDirMount",
    "SnapshotMount": "snapshotid:s label:s dir:s keepfiles:b keepsnapshot:b",
    "SyncDirMount": "label:s dir:s keepfiles:b onconflicts:ConflictResolution",
    "ConflictResolution": "onstart:OnStart onclose:OnClose",
    "OnStart": "keeplocal:b",
    "OnClose": "keeplocal:b",
    "WorkflowSpec": "colonyname:s functionspecs:*FunctionSpec",
    "Process": "processid:s initiatorid:s initiatorname:s assignedexecutorid:s isassigned:b state:i prioritytime:i submissiontime:t starttime:t endtime:t waitdeadline:t execdeadline:t retries:i attributes:*Attribute spec:FunctionSpec waitforparents:b parents:*s children:*s processgraphid:s in:l out:l errors:*s",
    "Attribute": "attributeid:s targetid:s targetcolonyname:s targetprocessgraphid:s state:i attributetype:i key:s value:s",
    "ProcessGraph": "processgraphid:s initiatorid:s initiatorname:s colonyname:s rootprocessids:*s state:i submissiontime:t starttime:t endtime:t processids:*s nodes:*GraphNode edges:*Edge",
    "GraphNode": "id:s data:GraphData position:GraphPosition type:s style:GraphStyle",
    "GraphData": "label:s",
    "GraphPosition": "x:i y:i",
    "GraphStyle": "color:s background:s",
    "Edge": "id:s source:s target:s animated:b",
    "Generator": "generatorid:s initiatorid:s initiatorname:s colonyname:s name:s workflowspec:s trigger:i timeout:i firstpack:t lastrun:t queuesize:i checkerperiod:i",
    "GeneratorArg": "id:s generatorid:s colonyname:s arg:s",
    "Cron": "cronid:s initiatorid:s initiatorname:s colonyname:s name:s cronexpression:s interval:i random:b nextrun:t lastrun:t workflowspec:s prevprocessgraphid:s waitforprevprocessgraph:b checkerperiod:i",
    "Log": "processid:s colonyname:s executorname:s message:s timestamp:i",
    "File": "fileid:s colonyname:s label:s name:s size:i sequencenr:i checksum:s checksumalg:s ref:Reference added:t",
    "Reference": "protocol:s s3object:S3Object",
    "S3Object": "server:s port:i tls:b accesskey:s secretkey:s region:s encryptionkey:s encryptionalg:s object:s bucket:s",
    "FileData": "name:s checksum:s size:i s3filename:s",
    "Label": "name:s files:i",
    "Snapshot": "snapshotid:s colonyname:s label:s name:s fileids:*s added:t",
    "Location": "locationid:s name:s colonyname:s description:s long:f lat:f",
    "Blueprint": "blueprintid:s kind:s metadata:BlueprintMetadata spec:d status?:d",
    "BlueprintMetadata": "name:s colonyname:s locationname?:s labels?:%s annotations?:%s generation?:i createdAt:t updatedAt:t lastReconciliationProcess?:s lastReconciliationTime:t",
    "BlueprintDefinition": "blueprintdefinitionid:s kind:s metadata:BlueprintMetadata spec:BlueprintDefinitionSpec",
    "BlueprintDefinitionSpec": "group:s version:s names:BlueprintDefinitionNames scope:s schema?:ValidationSchema handler:HandlerSpec",
    "BlueprintDefinitionNames": "kind:s listKind:s singular:s plural:s shortNames?:*s",
    "HandlerSpec": "executorType:s functionName:s reconcileInterval?:i",
    "ValidationSchema": "type?:s properties?:%SchemaProperty required?:*s",
    "SchemaProperty": "type?:s description?:s enum?:l default?:a properties?:%SchemaProperty items?:SchemaProperty",
    "BlueprintHistory": "historyid:s blueprintid:s kind:s namespace:s name:s generation:i spec:d status?:d timestamp:t changedby:s changetype:s",
    "Statistics": "colonies:i executors:i activeexecutors:i unregisteredexecutors:i waitingprocesses:i runningprocesses:i successfulprocesses:i failedprocesses:i cancelledprocesses:i waitingworkflows:i runningworkflows:i successfulworkflows:i failedworkflows:i cancelledworkflows:i",
}  # fmt: skip


def fields_of(name: str) -> list[tuple[str, str, bool]]:
    """Of a type: key, kind, whether it is left out when empty."""
    pairs = (field.rsplit(":", 1) for field in FIELDS[name].split())
    return [(key.rstrip("?"), kind, key.endswith("?")) for key, kind in pairs]


def attribute_of(key: str) -> str:
    """The attribute's name for a key."""
    return {"in": "input", "out": "output"}.get(key, key)


TIMES = st.datetimes(
    min_value=datetime(1, 1, 3), max_value=datetime(9999, 12, 29),
    timezones=st.sampled_from([timezone.utc, timezone(timedelta(hours=-7, minutes=-30))]),
)  # fmt: skip
PLAIN = (
    st.none() | st.booleans() | st.integers() | st.text()
    | st.floats(allow_nan=False, allow_infinity=False)
)  # fmt: skip
ANYTHING = st.recursive(
    PLAIN,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(st.text(), inner, max_size=20),
    max_leaves=25,
)


def objects(cls: type, depth: int = 3) -> st.SearchStrategy:
    """Objects of a type, with values of every kind in every field, to a depth."""
    hints = typing.get_type_hints(cls)
    fields = {each.name: _values(hints[each.name], depth) for each in dataclasses.fields(cls)}
    return st.builds(cls, **fields)


def _values(hint, depth: int) -> st.SearchStrategy:
    simple = {
        str: st.text(max_size=5), int: st.integers(), bool: st.booleans(), datetime: TIMES,
        float: st.floats(allow_nan=False, allow_infinity=False), typing.Any: PLAIN | st.just([{"a": 1}]),
    }  # fmt: skip
    if hint in simple:
        return simple[hint]
    inner = typing.get_args(hint)
    if typing.get_origin(hint) is list:
        return st.lists(_values(inner[0], depth), max_size=2) if depth else st.builds(list)
    if typing.get_origin(hint) is dict:
        values = st.dictionaries(st.text(max_size=5), _values(inner[1], depth), max_size=2)
        return values if depth else st.builds(dict)
    if inner:  # an object or None: SchemaProperty holds itself
        return st.none() | objects(inner[0], depth - 1) if depth else st.none()
    return objects(hint, depth - 1) if depth else st.builds(hint)
