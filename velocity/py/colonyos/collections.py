"""The adapter's collections: what each is for, its schema, its indexes and its consistency level.

Documents carry ColonyOS's JSON keys where they are asked for by a field; what is only read as a
whole (the arguments of a process, a blueprint) is JSON text in one field, so that a program's own
keys and numbers of any size come back as they were. `sequence` is the order of adding: sequence.py.

A level is the least that the purpose allows: what decides who does what is strong, so that no two
nodes of a cluster decide differently; what is only looked at later may come later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from velocity.py.levels import Consistency
from velocity.py.schema import FieldType, Schema

INT, FLOAT, BOOL, TIME = FieldType.INT, FieldType.FLOAT, FieldType.BOOL, FieldType.TIME
STRING, ARRAY, OBJECT = FieldType.STRING, FieldType.ARRAY, FieldType.OBJECT


@dataclass(frozen=True)
class Index:
    """One index. where: the filter of a partial one."""

    name: str
    fields: tuple[str, ...]
    unique: bool = False
    where: dict[str, Any] | None = None


@dataclass(frozen=True)
class Layout:
    """How one collection is laid out. purpose: for the docs."""

    purpose: str
    level: Consistency
    fields: dict[str, FieldType]  # all of them are required
    indexes: tuple[Index, ...] = ()
    optional: tuple[str, ...] = ()  # of the fields, those that may be None or missing

    def schema(self, name: str) -> Schema:
        """The schema, which every write is checked against."""
        schema = Schema(name)
        for field, type in self.fields.items():
            schema.add_field(field, type, required=field not in self.optional)
        return schema


def _named(name: str, id: str) -> tuple[Index, ...]:
    """Indexes of what is unique by name in its colony and is looked up by an id, too."""
    return (
        Index("name", ("colonyname", name), unique=True),
        Index("id", (id, "sequence")),
        Index("colony", ("colonyname", "sequence")),
    )


# What may be assigned: a document leaves their index when it is.
CLAIMABLE = {"state": 0, "isassigned": False, "waitforparents": False}
# What may wait too long.
WAITING_FOR_A_TIME = {"state": 0, "maxwaittime": {"$gt": 0}}

LAYOUTS: dict[str, Layout] = {
    "colonies": Layout(
        "colonies, and who owns them",
        Consistency.STRONG,
        {"colonyid": STRING, "name": STRING, "sequence": INT},
        (
            Index("name", ("name",), unique=True),
            Index("id", ("colonyid", "sequence")),
            Index("order", ("sequence",)),
        ),
    ),
    "users": Layout(
        "identities of users",
        Consistency.STRONG,
        {"colonyname": STRING, "userid": STRING, "name": STRING, "email": STRING,
         "phone": STRING, "sequence": INT},
        _named("name", "userid"),
    ),
    "executors": Layout(
        "identities of executors and what they can do",
        Consistency.STRONG,
        {"executorid": STRING, "executortype": STRING, "executorname": STRING,
         "colonyname": STRING, "state": INT, "requirefuncreg": BOOL, "commissiontime": TIME,
         "lastheardfromtime": TIME, "locationname": STRING, "capabilities": STRING,
         "allocations": STRING, "blueprintid": STRING, "blueprintgen": INT, "sequence": INT},
        (
            *_named("executorname", "executorid"),
            Index("blueprint", ("blueprintid", "sequence"), where={"blueprintid": {"$gt": ""}}),
        ),
    ),
    "locations": Layout(
        "places where executors run",
        Consistency.STRONG,
        {"locationid": STRING, "name": STRING, "colonyname": STRING, "description": STRING,
         "long": FLOAT, "lat": FLOAT, "sequence": INT},
        _named("name", "locationid"),
    ),
    "functions": Layout(
        "functions that executors offer, and their statistics",
        Consistency.STRONG,
        {"executorname": STRING, "executortype": STRING, "colonyname": STRING,
         "funcname": STRING, "description": STRING, "args": STRING, "counter": INT,
         "minwaittime": FLOAT, "maxwaittime": FLOAT, "minexectime": FLOAT,
         "maxexectime": FLOAT, "avgwaittime": FLOAT, "avgexectime": FLOAT,
         "locationname": STRING, "sequence": INT},
        (Index("executor", ("colonyname", "executorname", "sequence")),
         Index("colony", ("colonyname", "sequence"))),
    ),
    "processes": Layout(
        "processes: the queue, who has which, what came of it",
        Consistency.STRONG,
        {"colonyname": STRING, "state": INT, "isassigned": BOOL, "assignedexecutorid": STRING,
         "waitforparents": BOOL, "executortype": STRING, "executornames": ARRAY,
         "locationname": STRING, "cpu": INT, "mem": INT, "storage": INT, "nodes": INT,
         "processes": INT, "processespernode": INT, "prioritytime": INT, "label": STRING,
         "initiatorid": STRING, "initiatorname": STRING, "processgraphid": STRING,
         "submissiontime": TIME, "starttime": TIME, "endtime": TIME, "waitdeadline": TIME,
         "execdeadline": TIME, "maxwaittime": INT, "maxexectime": INT, "maxretries": INT,
         "execdeadlineset": BOOL, "retries": INT, "countmax": INT,
         "order": INT, "tie": INT, "statesequence": INT, "sequence": INT,
         "in": STRING, "out": STRING, "errors": ARRAY, "parents": ARRAY, "children": ARRAY,
         "nodename": STRING, "funcname": STRING, "args": STRING, "kwargs": STRING,
         "priority": INT, "location": STRING, "dependencies": ARRAY, "walltime": INT,
         "gpu": STRING, "fs": STRING, "channels": ARRAY},
        (
            Index("queue", ("colonyname", "executortype", "executornames", "locationname",
                            "prioritytime", "sequence"), where=CLAIMABLE),
            Index("listing", ("state", "colonyname", "order", "tie")),
            Index("listing_type", ("state", "colonyname", "executortype", "order", "tie")),
            Index("listing_initiator", ("state", "colonyname", "initiatorname", "order", "tie"),
                  where={"initiatorname": {"$gt": ""}}),
            Index("listing_label", ("state", "colonyname", "label", "order", "tie"),
                  where={"label": {"$gt": ""}}),
            Index("submitted", ("colonyname", "submissiontime", "sequence")),
            Index("assigned", ("assignedexecutorid", "submissiontime", "sequence"),
                  where={"assignedexecutorid": {"$gt": ""}}),
            Index("graph", ("processgraphid", "sequence"), where={"processgraphid": {"$gt": ""}}),
            Index("waitdeadline", ("waitdeadline",), where=WAITING_FOR_A_TIME),
        ),
        optional=("executornames",),
    ),
    "processgraphs": Layout(
        "workflows",
        Consistency.STRONG,
        {"initiatorid": STRING, "initiatorname": STRING, "colonyname": STRING,
         "rootprocessids": ARRAY, "state": INT, "submissiontime": TIME, "starttime": TIME,
         "endtime": TIME, "order": INT, "tie": INT, "sequence": INT},
        (Index("listing", ("state", "colonyname", "order", "tie")),
         Index("colony", ("colonyname", "sequence"))),
    ),
    "attributes": Layout(
        "values that belong to a process",
        Consistency.STRONG,
        {"targetid": STRING, "targetcolonyname": STRING, "targetprocessgraphid": STRING,
         "state": INT, "attributetype": INT, "key": STRING, "value": STRING, "added": TIME,
         "statesequence": INT, "sequence": INT},
        (Index("target", ("targetid", "sequence")),
         Index("colony", ("targetcolonyname", "sequence")),
         Index("graph", ("targetprocessgraphid", "sequence"),
               where={"targetprocessgraphid": {"$gt": ""}})),
    ),
    "generators": Layout(
        "generators of workflows",
        Consistency.STRONG,
        {"initiatorid": STRING, "initiatorname": STRING, "colonyname": STRING, "name": STRING,
         "workflowspec": STRING, "trigger": INT, "timeout": INT, "firstpack": TIME,
         "lastrun": TIME, "sequence": INT},
        (Index("name", ("colonyname", "name"), unique=True),
         Index("colony", ("colonyname", "sequence")),
         Index("order", ("sequence",))),
    ),
    "generatorargs": Layout(
        "queues of the arguments of generators",
        Consistency.STRONG,
        {"generatorid": STRING, "colonyname": STRING, "arg": STRING, "sequence": INT},
        (Index("generator", ("generatorid", "sequence")),
         Index("colony", ("colonyname", "sequence"))),
    ),
    "crons": Layout(
        "workflows that start by the clock",
        Consistency.STRONG,
        {"initiatorid": STRING, "initiatorname": STRING, "colonyname": STRING, "name": STRING,
         "cronexpression": STRING, "interval": INT, "random": BOOL, "nextrun": TIME,
         "lastrun": TIME, "workflowspec": STRING, "prevprocessgraphid": STRING,
         "waitforprevprocessgraph": BOOL, "sequence": INT},
        (Index("name", ("colonyname", "name"), unique=True),
         Index("colony", ("colonyname", "sequence")),
         Index("order", ("sequence",))),
    ),
    "logs": Layout(
        "lines that processes and executors wrote",
        Consistency.EVENTUAL,
        {"processid": STRING, "colonyname": STRING, "executorname": STRING, "message": STRING,
         "timestamp": INT, "added": TIME, "sequence": INT},
        (Index("process", ("processid", "timestamp", "sequence")),
         Index("executor", ("executorname", "timestamp", "sequence")),
         Index("colony", ("colonyname", "added", "sequence"))),
    ),
    "files": Layout(
        "revisions of files: what and where they are",
        Consistency.QUORUM,
        {"colonyname": STRING, "label": STRING, "name": STRING, "size": INT,
         "sequencenr": INT, "checksum": STRING, "checksumalg": STRING, "ref": STRING,
         "added": TIME},
        (Index("revisions", ("colonyname", "label", "name", "sequencenr")),
         Index("names", ("colonyname", "name", "sequencenr")),
         Index("colony", ("colonyname", "sequencenr"))),
    ),
    "snapshots": Layout(
        "files of a label at one moment",
        Consistency.QUORUM,
        {"colonyname": STRING, "label": STRING, "name": STRING, "fileids": ARRAY,
         "added": TIME, "sequence": INT},
        (Index("name", ("colonyname", "name"), unique=True),
         Index("newest", ("colonyname", "added", "sequence")),
         Index("colony", ("colonyname", "sequence"))),
    ),
    "blueprints": Layout(
        "what executors are to keep in being",
        Consistency.STRONG,
        {"kind": STRING, "namespace": STRING, "name": STRING, "location": STRING,
         "blueprint": STRING, "status": STRING, "sequence": INT},
        (Index("name", ("namespace", "name"), unique=True),
         Index("kind", ("kind", "namespace", "name"))),
    ),
    "blueprintdefinitions": Layout(
        "kinds of blueprints",
        Consistency.STRONG,
        {"namespace": STRING, "name": STRING, "group": STRING, "kind": STRING,
         "definition": STRING, "sequence": INT},
        (Index("name", ("namespace", "name"), unique=True),
         Index("order", ("name", "sequence")),
         Index("group", ("group", "name", "sequence")),
         Index("kind", ("kind", "sequence"))),
    ),
    "blueprinthistory": Layout(
        "what blueprints were",
        Consistency.EVENTUAL,
        {"blueprintid": STRING, "generation": INT, "timestamp": TIME, "history": STRING,
         "sequence": INT},
        (Index("blueprint", ("blueprintid", "timestamp", "sequence")),
         Index("generation", ("blueprintid", "generation", "sequence"))),
    ),
    "security": Layout(
        "the server's id, and the adapter's counters",
        Consistency.STRONG,
        {"value": STRING, "count": INT},
        optional=("value", "count"),
    ),
}
