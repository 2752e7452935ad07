"""Blueprint definitions: the kinds of blueprints, and what reconciles them.

A namespace is the colony's name in the metadata; definitions do not go with a colony.
"""

from __future__ import annotations

from typing import Any

from velocity._core.document import Document
from velocity._core.errors import DuplicateKeyError, UniqueError
from velocity.py.colonyos.documents import all_where, by_id, first_where, remove_where
from velocity.py.colonyos.store import Data, Store, check_texts, checked, id_or_new, insert_once
from velocity.py.colonyos.types.blueprint import (
    BlueprintDefinition,
    BlueprintDefinitionNames,
    BlueprintDefinitionSpec,
    BlueprintMetadata,
)

_ORDER = ["name", "sequence"]


class BlueprintDefinitions(Store):
    """Definitions, unique by id and by name in their namespace."""

    def add_blueprint_definition(self, sd: BlueprintDefinition) -> None:
        """Add a definition; an empty id becomes a new one.

        Raises SchemaError, and DuplicateKeyError for an id or a name in the namespace that is
        taken.
        """
        data = self._data
        checked(sd, BlueprintDefinition, "sd")
        id = id_or_new(sd.blueprintdefinitionid, "sd.blueprintdefinitionid")
        fields = {**_fields(sd), "sequence": data.sequence.next()}
        what = f"{_named(sd)} or of id {id!r}"
        insert_once(data.blueprintdefinitions, id, fields, what)
        sd.blueprintdefinitionid = id

    def update_blueprint_definition(self, sd: BlueprintDefinition) -> None:
        """Replace the definition of this id. Raises SchemaError, and DuplicateKeyError for a name
        that is taken."""
        data = self._data
        checked(sd, BlueprintDefinition, "sd")
        id = sd.blueprintdefinitionid
        check_texts(blueprintdefinitionid=id)
        try:
            data.blueprintdefinitions.update_where({"_id": id}, _fields(sd))
        except UniqueError:
            raise DuplicateKeyError(f"{_named(sd)} already exists") from None

    def get_blueprint_definition_by_id(self, id: str) -> BlueprintDefinition | None:
        """The definition, None when absent."""
        found = by_id(self._data.blueprintdefinitions, id)
        return None if found is None else _definition(found)

    def get_blueprint_definition_by_name(
        self, namespace: str, name: str
    ) -> BlueprintDefinition | None:
        """The definition of that name in the namespace, None when absent."""
        definitions = self._data.blueprintdefinitions
        found = first_where(definitions, {"namespace": namespace, "name": name})
        return None if found is None else _definition(found)

    def get_blueprint_definition_by_kind(self, kind: str) -> BlueprintDefinition | None:
        """The oldest definition of a kind of blueprints in any namespace, None when absent."""
        found = all_where(self._data.blueprintdefinitions, {"kind": kind}, "sequence", 1)
        return _definition(found[0]) if found else None

    def get_blueprint_definitions(self) -> list[BlueprintDefinition]:
        """All definitions, by name."""
        return _definitions(self._data)

    def get_blueprint_definitions_by_namespace(self, namespace: str) -> list[BlueprintDefinition]:
        """The namespace's definitions, by name."""
        return _definitions(self._data, namespace=namespace)

    def get_blueprint_definitions_by_group(self, group: str) -> list[BlueprintDefinition]:
        """The definitions of a group in any namespace, by name."""
        return _definitions(self._data, group=group)

    def remove_blueprint_definition_by_id(self, id: str) -> None:
        """Remove the definition; its blueprints stay."""
        remove_where(self._data.blueprintdefinitions, {"_id": id})

    def remove_blueprint_definition_by_name(self, namespace: str, name: str) -> None:
        """Remove the definition of that name in the namespace; its blueprints stay."""
        remove_where(self._data.blueprintdefinitions, {"namespace": namespace, "name": name})

    def count_blueprint_definitions(self) -> int:
        """How many definitions there are."""
        return len(self._data.blueprintdefinitions)


def _definitions(data: Data, **wanted: str) -> list[BlueprintDefinition]:
    return [_definition(each) for each in all_where(data.blueprintdefinitions, wanted, _ORDER)]


def _fields(sd: BlueprintDefinition) -> dict[str, Any]:
    metadata = checked(sd.metadata, BlueprintMetadata, "sd.metadata")
    spec = checked(sd.spec, BlueprintDefinitionSpec, "sd.spec")
    return {
        "namespace": metadata.colonyname,
        "name": metadata.name,
        "group": spec.group,
        "kind": checked(spec.names, BlueprintDefinitionNames, "sd.spec.names").kind,
        "definition": sd.to_json(),
    }


def _definition(document: Document) -> BlueprintDefinition:
    definition = BlueprintDefinition.from_json(document["definition"])
    definition.blueprintdefinitionid = document.id
    return definition


def _named(sd: BlueprintDefinition) -> str:
    metadata = sd.metadata
    return f"a blueprint definition {metadata.name!r} of namespace {metadata.colonyname!r}"
