"""Attributes: values under a key that belong to a process.

Their state follows their process's without being written: the process notes when (in the sequence
of the database) its state was last set. What was set later counts, that or the attribute's own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import DuplicateKeyError, NotFoundError
from velocity.py.colonyos.identifiers import attribute_id
from velocity.py.colonyos.store import (
    Data,
    Step,
    Store,
    check_texts,
    checked,
    checked_int,
    delete_by_id,
    document_by_id,
    insert_once,
    now,
)
from velocity.py.colonyos.types.process import Attribute

_CHUNK = 1000  # ids in one query
_FEW = 16  # attributes, as most processes have at most: a small limit lets the core answer alone
_OUTSIDE_GRAPHS = {"targetprocessgraphid": ""}
_IN_GRAPHS = {"targetprocessgraphid": {"$gt": ""}}


class Attributes(Store):
    """Attributes of processes, which need not exist."""

    def add_attribute(self, attribute: Attribute) -> None:
        """Add an attribute with its own state; an empty attributeid becomes the derived one.

        Raises SchemaError, and DuplicateKeyError when the id is taken: the target has an attribute
        of that key and type.
        """
        data = self._data
        id, fields = attribute_document(data, attribute, now())
        insert_once(data.attributes, id, fields, _what(attribute))
        attribute.attributeid = id

    def add_attributes(self, attributes: list[Attribute]) -> None:
        """Add attributes, all or none, as add_attribute does."""
        data = self._data
        added = now()
        given = checked(attributes, list, "attributes")
        made = [attribute_document(data, each, added) for each in given]

        def step(run: Step) -> None:
            for attribute, (id, fields) in zip(given, made):
                if run.contains("attributes", id):
                    raise DuplicateKeyError(f"{_what(attribute)} already exists")
                run.insert("attributes", id, fields)

        self._atomically(step)
        for attribute, (id, _) in zip(given, made):
            attribute.attributeid = id

    def get_attribute_by_id(self, attribute_id: str) -> Attribute:
        """The attribute with this id. Raises NotFoundError."""
        data = self._data
        check_texts(attribute_id=attribute_id)
        found = document_by_id(data.attributes, attribute_id)
        if found is None:
            raise NotFoundError(f"there is no attribute {attribute_id!r}")
        return _with_states(data, [found])[0]

    def get_attributes_by_colony_name(self, colony_name: str) -> list[Attribute]:
        """The attributes of a colony, in the order of adding."""
        data = self._data
        check_texts(colony_name=colony_name)
        return _found(data, {"targetcolonyname": colony_name})

    def get_attribute(self, target_id: str, key: str, attribute_type: int) -> Attribute:
        """The target's attribute with this key and type. Raises NotFoundError."""
        data = self._data
        check_texts(target_id=target_id, key=key)
        checked_int(attribute_type, "attribute_type")
        wanted = {"targetid": target_id, "key": key, "attributetype": attribute_type}
        found = data.attributes.find_one(wanted, "sequence")
        if found is None:
            raise NotFoundError(
                f"{target_id!r} has no attribute {key!r} of type {attribute_type}"
            )
        return _with_states(data, [found])[0]

    def get_attributes(self, target_id: str) -> list[Attribute]:
        """The target's attributes, in the order of adding."""
        data = self._data
        check_texts(target_id=target_id)
        return _found(data, {"targetid": target_id})

    def get_attributes_by_type(self, target_id: str, attribute_type: int) -> list[Attribute]:
        """The target's attributes of a type, in the order of adding."""
        data = self._data
        check_texts(target_id=target_id)
        checked_int(attribute_type, "attribute_type")
        return _found(data, {"targetid": target_id, "attributetype": attribute_type})

    def update_attribute(self, attribute: Attribute) -> None:
        """Set the value, and nothing else, of the attribute with this object's id.

        Raises SchemaError, NotFoundError.
        """
        data = self._data
        id = checked(attribute, Attribute, "attribute").attributeid
        check_texts(attributeid=id, value=attribute.value)
        if data.attributes.find_one_and_update({"_id": id}, {"value": attribute.value}) is None:
            raise NotFoundError(f"there is no attribute {id!r}")

    def set_attribute_state(self, process_id: str, state: int) -> None:
        """Set the state of every attribute of this target."""
        data = self._data
        check_texts(process_id=process_id)
        data.attributes.update_where(
            {"targetid": process_id},
            {"state": checked_int(state, "state"), "statesequence": data.sequence.next()},
        )

    def remove_attribute_by_id(self, attribute_id: str) -> None:
        """Remove the attribute with this id, if there is one."""
        data = self._data
        check_texts(attribute_id=attribute_id)
        delete_by_id(data.attributes, attribute_id)

    def remove_all_attributes_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's attributes, in and out of graphs."""
        self._remove(colony_name, {})

    def remove_all_attributes_by_colony_name_with_state(
        self, colony_name: str, state: int
    ) -> None:
        """Remove a colony's attributes outside graphs that are in a state."""
        self._remove_in_state(colony_name, _OUTSIDE_GRAPHS, state)

    def remove_all_attributes_by_process_graph_id(self, process_graph_id: str) -> None:
        """Remove the attributes of a process graph's processes."""
        _ = self._data
        check_texts(process_graph_id=process_graph_id)
        wanted = {"targetprocessgraphid": process_graph_id}
        self._atomically(lambda step: step.remove("attributes", wanted))

    def remove_all_attributes_in_process_graphs_by_colony_name(self, colony_name: str) -> None:
        """Remove a colony's attributes in graphs."""
        self._remove(colony_name, _IN_GRAPHS)

    def remove_all_attributes_in_process_graphs_by_colony_name_with_state(
        self, colony_name: str, state: int
    ) -> None:
        """Remove a colony's attributes in graphs that are in a state."""
        self._remove_in_state(colony_name, _IN_GRAPHS, state)

    def remove_attributes_by_target_id(self, target_id: str, attribute_type: int) -> None:
        """Remove the target's attributes of a type."""
        _ = self._data
        check_texts(target_id=target_id)
        checked_int(attribute_type, "attribute_type")
        wanted = {"targetid": target_id, "attributetype": attribute_type}
        self._atomically(lambda step: step.remove("attributes", wanted))

    def remove_all_attributes_by_target_id(self, target_id: str) -> None:
        """Remove all attributes of a target."""
        _ = self._data
        check_texts(target_id=target_id)
        self._atomically(lambda step: remove_attributes_of(step, [target_id]))

    def remove_all_attributes(self) -> None:
        """Remove every attribute of every colony."""
        self._atomically(lambda step: step.remove("attributes"))

    def _remove(self, colony_name: str, where: Mapping[str, Any]) -> None:
        _ = self._data
        check_texts(colony_name=colony_name)
        wanted = {"targetcolonyname": colony_name, **where}
        self._atomically(lambda step: step.remove("attributes", wanted))

    def _remove_in_state(self, colony_name: str, where: Mapping[str, Any], state: int) -> None:
        data = self._data
        check_texts(colony_name=colony_name)
        checked_int(state, "state")
        wanted = {"targetcolonyname": colony_name, **where}
        self._atomically(lambda step: remove_attributes_in_state(step, data, wanted, state))


def attribute_document(
    data: Data, attribute: Attribute, added: datetime
) -> tuple[str, dict[str, Any]]:
    """The id and fields under which an attribute is to be inserted. Raises SchemaError."""
    checked(attribute, Attribute, "attribute")
    check_texts(
        attributeid=attribute.attributeid, targetid=attribute.targetid, key=attribute.key
    )
    checked_int(attribute.attributetype, "attributetype")
    sequence = data.sequence.next()
    fields = {
        "targetid": attribute.targetid,
        "targetcolonyname": attribute.targetcolonyname,
        "targetprocessgraphid": attribute.targetprocessgraphid,
        "state": attribute.state,
        "attributetype": attribute.attributetype,
        "key": attribute.key,
        "value": attribute.value,
        "added": added,
        "statesequence": sequence,
        "sequence": sequence,
    }
    id = attribute.attributeid or attribute_id(
        attribute.targetid, attribute.key, attribute.attributetype
    )
    return id, fields


def effective_state(attribute: Document, process: Document | None) -> int:
    """An attribute's state: its process's where that was set later than its own."""
    decides = attribute
    if process is not None and process["statesequence"] > attribute["statesequence"]:
        decides = process
    state: int = decides["state"]
    return state


def attributes_of(data: Data, target_id: str, process: Document | None) -> list[Attribute]:
    """The attributes of a target, in the order of adding. process: its document, if it has one."""
    if not len(data.attributes):
        return []
    wanted = {"targetid": target_id}
    found = data.attributes.find(wanted, "sequence", _FEW)
    if found.has_more:
        found = data.attributes.find(wanted, "sequence")
    return [_attribute(each, process) for each in found]


def remove_attributes_of(step: Step, target_ids: Sequence[str]) -> None:
    """Remove all attributes of these targets."""
    for at in range(0, len(target_ids), _CHUNK):
        chunk = list(target_ids[at : at + _CHUNK])
        step.remove("attributes", {"targetid": {"$in": chunk}})


def remove_attributes_in_state(
    step: Step, data: Data, filter: Mapping[str, Any], state: int
) -> None:
    """Remove the attributes that match and are in a state, theirs or their process's."""
    found = data.attributes.find(filter).documents
    for attribute, process in zip(found, _processes(data, found)):
        if effective_state(attribute, process) == state:
            step.remember("attributes", attribute)
            if process is not None:
                step.remember("processes", process)
            step.delete("attributes", attribute.id)


def _processes(data: Data, attributes: Iterable[Document]) -> list[Document | None]:
    """The process of each."""
    ids = {each["targetid"] for each in attributes}
    known = {id: document_by_id(data.processes, id) for id in ids}
    return [known[each["targetid"]] for each in attributes]


def _found(data: Data, filter: Mapping[str, Any]) -> list[Attribute]:
    return _with_states(data, data.attributes.find(filter, "sequence").documents)


def _with_states(data: Data, found: list[Document]) -> list[Attribute]:
    return [_attribute(each, process) for each, process in zip(found, _processes(data, found))]


def _attribute(document: Document, process: Document | None) -> Attribute:
    return Attribute(
        attributeid=document.id,
        targetid=document["targetid"],
        targetcolonyname=document["targetcolonyname"],
        targetprocessgraphid=document["targetprocessgraphid"],
        state=effective_state(document, process),
        attributetype=document["attributetype"],
        key=document["key"],
        value=document["value"],
    )


def _what(attribute: Attribute) -> str:
    return (
        f"attribute {attribute.key!r} of type {attribute.attributetype} of {attribute.targetid!r}"
    )
