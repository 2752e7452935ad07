"""A process as it is stored, and as it is read back.

What is free-form (arguments, input, output) or only read as a whole (gpu, fs) is JSON text in a
field of the document, "" where it is empty. Amounts of resources are numbers. `env` is not stored
with the specification: it is what the process's ENV attributes say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any, TypeVar

from velocity._core.document import Document
from velocity._core.errors import SchemaError
from velocity.py.colonyos.attributes import attribute_document, attributes_of
from velocity.py.colonyos.constants import ENV, ZERO_TIME
from velocity.py.colonyos.json_time import unix_nanoseconds, utc
from velocity.py.colonyos.json_values import read_json, write_json
from velocity.py.colonyos.process_steps import listed_at, wait_deadline
from velocity.py.colonyos.requeueing import exec_deadline
from velocity.py.colonyos.resources import millicores, millicores_text, size_bytes, size_text
from velocity.py.colonyos.store import Data, checked, id_or_new
from velocity.py.colonyos.types.identity import GPU
from velocity.py.colonyos.types.process import PRIORITY_NANOSECONDS, Attribute, Process
from velocity.py.colonyos.types.spec import Conditions, Filesystem, FunctionSpec

T = TypeVar("T")

ANYONE = ["*"]  # names no executor, as [] does

_NO_GPU, _NO_FILES = GPU(), Filesystem()

# Of a process, what has no list or object as its default; processid is the document's id.
_AT_ONCE = (
    "state", "isassigned", "waitforparents", "initiatorname", "assignedexecutorid",
    "processgraphid", "prioritytime", "submissiontime", "waitdeadline", "starttime", "endtime",
    "execdeadline", "retries", "initiatorid",
)  # fmt: skip
_read_at_once = itemgetter(*_AT_ONCE)

# The same few amounts come again and again.
_millicores = lru_cache(millicores)
_size_bytes = lru_cache(size_bytes)


@dataclass
class NewProcess:
    """A process that is to be added: its document, and what its object is to say then."""

    id: str
    fields: dict[str, Any]
    attributes: list[Attribute]
    documents: list[tuple[str, dict[str, Any]]]  # of the attributes

    def tell(self, process: Process) -> None:
        """Set on the object what adding it decided."""
        process.processid = self.id
        process.submissiontime = self.fields["submissiontime"]
        process.prioritytime = self.fields["prioritytime"]
        process.waitdeadline = self.fields["waitdeadline"]
        process.attributes = self.attributes


def new_process(data: Data, process: Process, moment: datetime) -> NewProcess:
    """What adding a process at a moment writes. Raises SchemaError; the object stays as it is."""
    spec = checked(checked(process, Process, "process").spec, FunctionSpec, "process.spec")
    conditions = checked(spec.conditions, Conditions, "process.spec.conditions")
    id = id_or_new(process.processid, "process.processid")
    location = checked(conditions.locationname, str, "conditions.locationname")
    maxwaittime = _whole(spec.maxwaittime, "spec.maxwaittime")
    priority = _whole(spec.priority, "spec.priority")
    prioritytime = unix_nanoseconds(moment) - priority * PRIORITY_NANOSECONDS
    sequence = data.sequence.next()
    # What indexes ask for comes first: they look for it from the front, at every write.
    fields = {
        "state": process.state,
        "colonyname": conditions.colonyname,
        "executortype": conditions.executortype,
        **listed_at(process.state, prioritytime, ZERO_TIME, ZERO_TIME, sequence),
        "isassigned": process.isassigned,
        "waitforparents": process.waitforparents,
        "initiatorname": process.initiatorname,
        "label": spec.label,
        "maxwaittime": maxwaittime,
        "assignedexecutorid": process.assignedexecutorid,
        "processgraphid": process.processgraphid,
        "prioritytime": prioritytime,
        "sequence": sequence,
        "executornames": pool(conditions.executornames),
        "locationname": location.casefold(),
        "submissiontime": moment,
        "waitdeadline": wait_deadline(moment, maxwaittime),
        **_needs(conditions),
        "location": location,
        "priority": priority,
        "statesequence": 0,
        "starttime": ZERO_TIME,
        "endtime": ZERO_TIME,
        "execdeadline": utc(process.execdeadline, "process.execdeadline"),
        "execdeadlineset": True,
        "retries": 0,
        "initiatorid": process.initiatorid,
        "in": list_text(process.input, "in"),
        "out": list_text(process.output, "out"),
        "errors": texts(process.errors, "errors"),
        "parents": texts(process.parents, "parents"),
        "children": texts(process.children, "children"),
        "nodename": spec.nodename,
        "funcname": spec.funcname,
        "args": list_text(spec.args, "spec.args"),
        "kwargs": _object_text(spec.kwargs, "spec.kwargs"),
        "maxexectime": spec.maxexectime,
        "maxretries": spec.maxretries,
        "fs": _files_text(spec.fs),
        "channels": texts(spec.channels, "spec.channels"),
    }
    if not process.attributes and not spec.env:
        return NewProcess(id, fields, [], [])
    attributes = _attributes(id, process, conditions.colonyname)
    documents = [attribute_document(data, each, moment) for each in attributes]
    return NewProcess(id, fields, attributes, documents)


def _needs(conditions: Conditions) -> dict[str, Any]:
    """What an executor has to have."""
    cpu = checked(conditions.cpu, str, "conditions.cpu")
    mem = checked(conditions.mem, str, "conditions.mem")
    storage = checked(conditions.storage, str, "conditions.storage")
    counts = (conditions.nodes, conditions.processes, conditions.processespernode)
    for count in counts:
        _whole(count, "conditions.nodes, processes, processespernode")
    return {
        "countmax": max(counts),
        "nodes": conditions.nodes,
        "processes": conditions.processes,
        "processespernode": conditions.processespernode,
        "cpu": _millicores(cpu, "conditions.cpu"),
        "mem": _size_bytes(mem, "conditions.mem"),
        "storage": _size_bytes(storage, "conditions.storage"),
        "gpu": _gpu_text(conditions.gpu),
        "walltime": conditions.walltime,
        "dependencies": texts(conditions.dependencies, "conditions.dependencies"),
    }


def process_of(data: Data, document: Document) -> Process:
    """The process that a document holds, with its attributes."""
    return stored_process(document, attributes_of(data, document.id, document))


def stored_process(document: Document, attributes: list[Attribute]) -> Process:
    """The process that a document holds, with these attributes. Its lists and its specification
    are made when they are first looked at."""

    def later(name: str) -> Any:
        if name == "spec":
            return _spec_of(document, attributes)
        if name == "attributes":
            return attributes
        if name == "input":
            return list_of(document["in"], "in")
        if name == "output":
            return list_of(document["out"], "out")
        return document[name]

    values = dict(zip(_AT_ONCE, _read_at_once(document), strict=True))
    values["processid"] = document.id
    if not document["execdeadlineset"]:
        values["execdeadline"] = exec_deadline(document)
    return Process.from_source(values, later)


def _spec_of(document: Document, attributes: list[Attribute]) -> FunctionSpec:
    """The specification that a document's fields say."""
    held = document.to_dict()
    conditions = Conditions(
        held["colonyname"],
        held["executornames"] or [],
        held["executortype"],
        held["location"],
        held["dependencies"],
        held["nodes"],
        millicores_text(held["cpu"]),
        held["processes"],
        held["processespernode"],
        size_text(held["mem"]),
        size_text(held["storage"]),
        GPU.from_json(held["gpu"]) if held["gpu"] else GPU(mem=size_text(0)),
        held["walltime"],
    )
    return FunctionSpec(
        held["nodename"],
        held["funcname"],
        list_of(held["args"], "args"),
        read_json(held["kwargs"], "kwargs") if held["kwargs"] else {},
        held["priority"],
        held["maxwaittime"],
        held["maxexectime"],
        held["maxretries"],
        conditions,
        held["label"],
        Filesystem.from_json(held["fs"]) if held["fs"] else Filesystem(),
        {each.key: each.value for each in attributes if each.attributetype == ENV},
        held["channels"],
    )


def pool(executornames: Any) -> list[str] | None:
    """The executors that a process is for; None: any, the general pool."""
    names = texts(executornames, "conditions.executornames")
    return names if names and names != ANYONE else None


def list_text(value: Any, what: str) -> str:
    """A list as JSON text, "" for an empty one and None. Raises SchemaError for what JSON cannot
    hold."""
    if value is None or value == []:
        return ""
    if not isinstance(value, (list, tuple)):
        raise SchemaError(f"{what}: wants a list, not {type(value).__name__}")
    return write_json(value, what)


def list_of(text: str, what: str) -> list[Any]:
    """The list that list_text has written."""
    if not text:
        return []
    value: list[Any] = read_json(text, what)
    return value


def texts(value: Any, what: str) -> list[str]:
    """A list of strings; None is an empty one. Raises SchemaError."""
    if value is None or value == []:
        return []
    if not isinstance(value, (list, tuple)):
        raise SchemaError(f"{what}: wants a list, not {type(value).__name__}")
    for at, each in enumerate(value):
        checked(each, str, f"{what}[{at}]")
    return list(value)


def shallow_copy(value: T) -> T:
    """Another one with the same fields, of a dataclass."""
    copy = object.__new__(type(value))
    copy.__dict__.update(value.__dict__)
    return copy


def _whole(value: Any, what: str) -> int:
    if isinstance(value, bool):
        raise SchemaError(f"{what}: wants int, not bool")
    return checked(value, int, what)


def _object_text(value: Any, what: str) -> str:
    """An object as JSON text, "" for an empty one and None."""
    if value is None or value == {}:
        return ""
    return write_json(checked(value, dict, what), what)


def _files_text(files: Any) -> str:
    """JSON text, "" for what is as new and None."""
    if files is None or checked(files, Filesystem, "spec.fs") == _NO_FILES:
        return ""
    text: str = files.to_json()
    return text


def _gpu_text(gpu: Any) -> str:
    """The same, with its memory as it is to be read back."""
    if gpu is None or checked(gpu, GPU, "conditions.gpu") == _NO_GPU:
        return ""
    normalised = shallow_copy(gpu)
    mem = checked(gpu.mem, str, "conditions.gpu.mem")
    normalised.mem = size_text(_size_bytes(mem, "conditions.gpu.mem"))
    text: str = normalised.to_json()
    return text


def _attributes(id: str, process: Process, colony_name: str) -> list[Attribute]:
    """The attributes that the object has, and one for each pair of env, in its place if need be."""
    env = checked(process.spec.env or {}, dict, "spec.env")
    given = checked(process.attributes or [], list, "attributes")
    for at, each in enumerate(given):
        checked(each, Attribute, f"attributes[{at}]")
    made = [
        Attribute.create(id, colony_name, process.processgraphid, ENV, key, value)
        for key, value in env.items()
    ]
    taken = {each.attributeid for each in made}
    return [each for each in given if each.attributeid not in taken] + made
