"""A process as it is stored, and as it is read back.

What is asked for by a field is one of the document's; what is only read as a whole (specification,
input, output) is JSON text in one field. `env` is not stored with the specification: it is
what the process's ENV attributes say.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from velocity._core.document import Document
from velocity._core.errors import SchemaError
from velocity.py.colonyos.attributes import attribute_document, attributes_of
from velocity.py.colonyos.constants import ENV, ZERO_TIME
from velocity.py.colonyos.json_time import unix_nanoseconds
from velocity.py.colonyos.json_values import read_json, write_json
from velocity.py.colonyos.process_steps import listed_at, wait_deadline
from velocity.py.colonyos.requeueing import exec_deadline
from velocity.py.colonyos.resources import millicores, millicores_text, size_bytes, size_text
from velocity.py.colonyos.store import Data, checked, id_or_new
from velocity.py.colonyos.types.identity import GPU
from velocity.py.colonyos.types.process import PRIORITY_NANOSECONDS, Attribute, Process
from velocity.py.colonyos.types.spec import Conditions, FunctionSpec

T = TypeVar("T")

ANYONE = ["*"]  # names no executor, as [] does


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
    cpu = millicores(conditions.cpu, "conditions.cpu")
    mem = size_bytes(conditions.mem, "conditions.mem")
    storage = size_bytes(conditions.storage, "conditions.storage")
    text = _spec_text(spec, cpu, mem, storage)  # which finds fields of a wrong type
    priority, maxwaittime = spec.priority or 0, spec.maxwaittime or 0
    fields: dict[str, Any] = {
        "colonyname": conditions.colonyname,
        "state": process.state,
        "isassigned": process.isassigned,
        "assignedexecutorid": process.assignedexecutorid,
        "waitforparents": process.waitforparents,
        "executortype": conditions.executortype,
        "executornames": pool(conditions.executornames),
        "locationname": conditions.locationname.casefold(),
        "cpu": cpu,
        "mem": mem,
        "storage": storage,
        "nodes": conditions.nodes,
        "processes": conditions.processes,
        "processespernode": conditions.processespernode,
        "prioritytime": unix_nanoseconds(moment) - priority * PRIORITY_NANOSECONDS,
        "label": spec.label,
        "initiatorid": process.initiatorid,
        "initiatorname": process.initiatorname,
        "processgraphid": process.processgraphid,
        "submissiontime": moment,
        "starttime": ZERO_TIME,
        "endtime": ZERO_TIME,
        "waitdeadline": wait_deadline(moment, maxwaittime),
        "execdeadline": process.execdeadline,
        "maxwaittime": maxwaittime,
        "maxexectime": spec.maxexectime,
        "maxretries": spec.maxretries,
        "execdeadlineset": True,
        "retries": 0,
        "statesequence": 0,
        "sequence": data.sequence.next(),
        "spec": text,
        "in": list_text(process.input, "in"),
        "out": list_text(process.output, "out"),
        "errors": texts(process.errors, "errors"),
        "parents": texts(process.parents, "parents"),
        "children": texts(process.children, "children"),
    }
    at = listed_at(
        process.state, fields["prioritytime"], ZERO_TIME, ZERO_TIME, fields["sequence"]
    )
    fields.update(at)
    attributes = _attributes(id, process, conditions.colonyname)
    documents = [attribute_document(data, each, moment) for each in attributes]
    return NewProcess(id, fields, attributes, documents)


def process_of(data: Data, document: Document) -> Process:
    """The process that a document holds, with its attributes."""
    return stored_process(document, attributes_of(data, document.id, document))


def stored_process(document: Document, attributes: list[Attribute]) -> Process:
    """The process that a document holds, with these attributes. What is JSON text is read when
    it is first looked at."""
    held = document.to_dict()

    def later(name: str) -> Any:
        if name == "spec":
            spec = FunctionSpec.from_json(held["spec"])
            spec.env = {each.key: each.value for each in attributes if each.attributetype == ENV}
            return spec
        if name == "attributes":
            return attributes
        if name == "input":
            return read_json(held["in"], "in")
        if name == "output":
            return read_json(held["out"], "out")
        return held[name]

    return Process.from_source(
        {
            "processid": document.id,
            "initiatorid": held["initiatorid"],
            "initiatorname": held["initiatorname"],
            "assignedexecutorid": held["assignedexecutorid"],
            "isassigned": held["isassigned"],
            "state": held["state"],
            "prioritytime": held["prioritytime"],
            "submissiontime": held["submissiontime"],
            "starttime": held["starttime"],
            "endtime": held["endtime"],
            "waitdeadline": held["waitdeadline"],
            "execdeadline": exec_deadline(held),
            "retries": held["retries"],
            "waitforparents": held["waitforparents"],
            "processgraphid": held["processgraphid"],
        },
        later,
    )


def pool(executornames: Any) -> list[str] | None:
    """The executors that a process is for; None: any, the general pool."""
    names = texts(executornames, "conditions.executornames")
    return names if names and names != ANYONE else None


def list_text(value: Any, what: str) -> str:
    """A list as JSON text; None is an empty one. Raises SchemaError for what JSON cannot hold."""
    if not value and (value is None or value == []):
        return "[]"
    if not isinstance(value, (list, tuple)):
        raise SchemaError(f"{what}: wants a list, not {type(value).__name__}")
    return write_json(value, what)


def texts(value: Any, what: str) -> list[str]:
    """A list of strings; None is an empty one. Raises SchemaError."""
    if not value and (value is None or value == []):
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


def _spec_text(spec: FunctionSpec, cpu: int, mem: int, storage: int) -> str:
    """The specification's JSON with its conditions as they are to be read back, without env."""
    written, conditions = shallow_copy(spec), shallow_copy(spec.conditions)
    conditions.cpu = millicores_text(cpu)
    conditions.mem, conditions.storage = size_text(mem), size_text(storage)
    conditions.executornames = pool(conditions.executornames) or []
    conditions.gpu = shallow_copy(checked(conditions.gpu, GPU, "conditions.gpu"))
    conditions.gpu.mem = size_text(size_bytes(conditions.gpu.mem, "conditions.gpu.mem"))
    written.conditions, written.env = conditions, {}
    return written.to_json()


def _attributes(id: str, process: Process, colony_name: str) -> list[Attribute]:
    """The attributes that the object has, and one for each pair of env, in its place if need be."""
    env = process.spec.env
    if not env:
        return list(process.attributes)
    made = [
        Attribute.create(id, colony_name, process.processgraphid, ENV, key, value)
        for key, value in env.items()
    ]
    taken = {each.attributeid for each in made}
    return [each for each in process.attributes if each.attributeid not in taken] + made
