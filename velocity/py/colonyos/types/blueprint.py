"""Blueprints: what executors are to keep in being, what kinds there are, and what has changed."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

from velocity.py.colonyos.constants import ZERO_TIME
from velocity.py.colonyos.identifiers import random_id
from velocity.py.colonyos.json_object import JSONObject, omitted


@dataclass
class BlueprintMetadata(JSONObject):
    """A blueprint's or definition's name, namespace (colonyname) and history.

    generation: grows when the specification changes.
    """

    name: str = ""
    colonyname: str = ""
    locationname: str = omitted("")
    labels: dict[str, str] = omitted(dict)
    annotations: dict[str, str] = omitted(dict)
    generation: int = omitted(0)
    createdAt: datetime = ZERO_TIME
    updatedAt: datetime = ZERO_TIME
    lastReconciliationProcess: str = omitted("")
    lastReconciliationTime: datetime = ZERO_TIME


@dataclass
class Blueprint(JSONObject):
    """What is to be (spec) and what is (status): both hold anything that JSON can."""

    blueprintid: str = ""
    kind: str = ""
    metadata: BlueprintMetadata = field(default_factory=BlueprintMetadata)
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = omitted(dict)

    @classmethod
    def create(cls, kind: str, name: str, namespace: str) -> Blueprint:
        """A new blueprint of generation 1, created and updated now."""
        now = datetime.now(timezone.utc)
        metadata = BlueprintMetadata(
            name, namespace, generation=1, createdAt=now, updatedAt=now
        )
        return cls(random_id(), kind, metadata)

    def set_spec(self, key: str, value: Any) -> None:
        """Set one value of the specification: the next generation, updated now."""
        self.spec[key] = value
        self.metadata.generation += 1
        self.metadata.updatedAt = datetime.now(timezone.utc)

    def set_status(self, key: str, value: Any) -> None:
        """Set one value of the status, updated now."""
        self.status[key] = value
        self.metadata.updatedAt = datetime.now(timezone.utc)


@dataclass
class SchemaProperty(JSONObject):
    """What one value of a blueprint's specification has to be like."""

    type: str = omitted("")
    description: str = omitted("")
    enum: list[Any] = omitted(list)
    default: Any = omitted(None)
    properties: dict[str, SchemaProperty] = omitted(dict)
    items: SchemaProperty | None = omitted(None)


@dataclass
class ValidationSchema(JSONObject):
    """What a blueprint's specification has to be like."""

    type: str = omitted("")
    properties: dict[str, SchemaProperty] = omitted(dict)
    required: list[str] = omitted(list)


@dataclass
class BlueprintDefinitionNames(JSONObject):
    """What a kind of blueprints is called."""

    kind: str = ""
    listKind: str = ""
    singular: str = ""
    plural: str = ""
    shortNames: list[str] = omitted(list)


@dataclass
class HandlerSpec(JSONObject):
    """Who looks after a kind of blueprints. reconcileInterval: seconds."""

    executorType: str = ""
    functionName: str = ""
    reconcileInterval: int = omitted(0)


@dataclass
class BlueprintDefinitionSpec(JSONObject):
    """A kind of blueprints. scope: "Namespaced" or "Cluster"."""

    group: str = ""
    version: str = ""
    names: BlueprintDefinitionNames = field(default_factory=BlueprintDefinitionNames)
    scope: str = ""
    schema: ValidationSchema | None = omitted(None)
    handler: HandlerSpec = field(default_factory=HandlerSpec)


@dataclass
class BlueprintDefinition(JSONObject):
    """A kind of blueprints, with its name and namespace."""

    blueprintdefinitionid: str = ""
    kind: str = "BlueprintDefinition"
    metadata: BlueprintMetadata = field(default_factory=BlueprintMetadata)
    spec: BlueprintDefinitionSpec = field(default_factory=BlueprintDefinitionSpec)

    @classmethod
    def create(
        cls, name: str, group: str, version: str, kind: str, plural: str, scope: str,
        executortype: str, functionname: str,
    ) -> BlueprintDefinition:
        """A new definition, created and updated now; the other names follow from kind."""
        now = datetime.now(timezone.utc)
        names = BlueprintDefinitionNames(kind, f"{kind}List", kind.lower(), plural)
        handler = HandlerSpec(executortype, functionname)
        spec = BlueprintDefinitionSpec(group, version, names, scope, handler=handler)
        metadata = BlueprintMetadata(name, createdAt=now, updatedAt=now)
        return cls(random_id(), metadata=metadata, spec=spec)


@dataclass
class BlueprintHistory(JSONObject):
    """A blueprint as it was. changetype: what was done to it, such as "create"."""

    historyid: str = ""
    blueprintid: str = ""
    kind: str = ""
    namespace: str = ""
    name: str = ""
    generation: int = 0
    spec: dict[str, Any] = field(default_factory=dict)
    status: dict[str, Any] = omitted(dict)
    timestamp: datetime = ZERO_TIME
    changedby: str = ""
    changetype: str = ""

    @classmethod
    def create(cls, blueprint: Blueprint, changedby: str, changetype: str) -> BlueprintHistory:
        """What the blueprint is now; it shares nothing with it."""
        metadata = blueprint.metadata
        return cls(
            random_id(), blueprint.blueprintid, blueprint.kind, metadata.colonyname,
            metadata.name, metadata.generation, copy.deepcopy(blueprint.spec),
            copy.deepcopy(blueprint.status), datetime.now(timezone.utc), changedby, changetype,
        )
