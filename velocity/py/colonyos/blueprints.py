"""Blueprints: what executors are to keep in being.

A namespace is the colony's name in the metadata; blueprints do not go with a colony. The status is
kept apart from the rest, so that reporting it and changing the blueprint do not undo each other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import DuplicateKeyError, UniqueError
from velocity.py.colonyos.documents import (
    all_where,
    by_id,
    count_where,
    first_where,
    remove_where,
    update_by_id,
)
from velocity.py.colonyos.json_values import read_json, write_json
from velocity.py.colonyos.store import Data, Store, check_texts, checked, id_or_new, insert_once
from velocity.py.colonyos.types.blueprint import Blueprint, BlueprintMetadata

_BY_NAME, _BY_NAMESPACE = ["name"], ["namespace", "name"]


class Blueprints(Store):
    """Blueprints, unique by id and by name in their namespace."""

    def add_blueprint(self, blueprint: Blueprint) -> None:
        """Add a blueprint; an empty id becomes a new one.

        Raises SchemaError, and DuplicateKeyError for an id or a name in the namespace that is
        taken.
        """
        data = self._data
        checked(blueprint, Blueprint, "blueprint")
        id = id_or_new(blueprint.blueprintid, "blueprint.blueprintid")
        fields = {**_fields(blueprint), "sequence": data.sequence.next()}
        insert_once(data.blueprints, id, fields, f"{_named(blueprint)} or of id {id!r}")
        blueprint.blueprintid = id

    def update_blueprint(self, blueprint: Blueprint) -> None:
        """Replace the blueprint of this id, status and generation included.

        Raises SchemaError, and DuplicateKeyError for a name that is taken.
        """
        data = self._data
        checked(blueprint, Blueprint, "blueprint")
        id = blueprint.blueprintid
        check_texts(blueprintid=id)
        try:
            data.blueprints.update_where({"_id": id}, _fields(blueprint))
        except UniqueError:
            raise DuplicateKeyError(f"{_named(blueprint)} already exists") from None

    def update_blueprint_status(self, id: str, status: dict[str, Any]) -> None:
        """Replace the status and nothing else. Raises SchemaError, NotFoundError."""
        data = self._data
        update_by_id(data.blueprints, id, {"status": _status(status)}, "blueprint")

    def get_blueprint_by_id(self, id: str) -> Blueprint | None:
        """The blueprint, None when absent."""
        found = by_id(self._data.blueprints, id)
        return None if found is None else _blueprint(found)

    def get_blueprint_by_name(self, namespace: str, name: str) -> Blueprint | None:
        """The blueprint of that name in the namespace, None when absent."""
        found = first_where(self._data.blueprints, {"namespace": namespace, "name": name})
        return None if found is None else _blueprint(found)

    def get_blueprints(self) -> list[Blueprint]:
        """All blueprints, by namespace, then name."""
        return _blueprints(self._data, _BY_NAMESPACE)

    def get_blueprints_by_namespace(self, namespace: str) -> list[Blueprint]:
        """The namespace's blueprints, by name."""
        return _blueprints(self._data, _BY_NAME, namespace=namespace)

    def get_blueprints_by_kind(self, kind: str) -> list[Blueprint]:
        """The blueprints of a kind, by namespace, then name."""
        return _blueprints(self._data, _BY_NAMESPACE, kind=kind)

    def get_blueprints_by_namespace_and_kind(self, namespace: str, kind: str) -> list[Blueprint]:
        """The namespace's blueprints of a kind, by name."""
        return _blueprints(self._data, _BY_NAME, namespace=namespace, kind=kind)

    def get_blueprints_by_namespace_kind_and_location(
        self, namespace: str, kind: str, location_name: str
    ) -> list[Blueprint]:
        """The namespace's blueprints of a kind at a location, by name.

        location_name: upper and lower case alike; "" stands for any location and none.
        """
        _ = self._data
        check_texts(location_name=location_name)
        at = {"location": location_name.casefold()} if location_name else {}
        return _blueprints(self._data, _BY_NAME, namespace=namespace, kind=kind, **at)

    def remove_blueprint_by_id(self, id: str) -> None:
        """Remove the blueprint; its history stays."""
        remove_where(self._data.blueprints, {"_id": id})

    def remove_blueprint_by_name(self, namespace: str, name: str) -> None:
        """Remove the blueprint of that name in the namespace; its history stays."""
        remove_where(self._data.blueprints, {"namespace": namespace, "name": name})

    def remove_blueprints_by_namespace(self, namespace: str) -> None:
        """Remove the namespace's blueprints; their history stays."""
        remove_where(self._data.blueprints, {"namespace": namespace})

    def count_blueprints(self) -> int:
        """How many blueprints there are."""
        return len(self._data.blueprints)

    def count_blueprints_by_namespace(self, namespace: str) -> int:
        """How many blueprints the namespace has."""
        return count_where(self._data.blueprints, {"namespace": namespace})


def _blueprints(data: Data, order: list[str], **wanted: str) -> list[Blueprint]:
    return [_blueprint(each) for each in all_where(data.blueprints, wanted, order)]


def _fields(blueprint: Blueprint) -> dict[str, Any]:
    metadata = checked(blueprint.metadata, BlueprintMetadata, "blueprint.metadata")
    check_texts(locationname=metadata.locationname)
    return {
        "namespace": metadata.colonyname,
        "name": metadata.name,
        "kind": blueprint.kind,
        "location": metadata.locationname.casefold(),
        "blueprint": replace(blueprint, status={}).to_json(),
        "status": _status(blueprint.status),
    }


def _status(status: dict[str, Any]) -> str:
    return write_json(checked(status, dict, "status"), "status")


def _blueprint(document: Document) -> Blueprint:
    blueprint = Blueprint.from_json(document["blueprint"])
    blueprint.blueprintid = document.id
    blueprint.status = read_json(document["status"], "status")
    return blueprint


def _named(blueprint: Blueprint) -> str:
    metadata = blueprint.metadata
    return f"a blueprint {metadata.name!r} of namespace {metadata.colonyname!r}"
