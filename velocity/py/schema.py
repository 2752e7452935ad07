"""Schema, Field and FieldType: what the documents of a collection must be like.

A schema is made once, by add_field, from_dataclass or from_dict, and given to create_collection or
evolve, which keep what it says then. The check itself is in the core (_core/schema.c).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Any

from velocity._core.codec import Codec, SchemaCheck
from velocity._core.errors import SchemaError
from velocity.py.values import copied, values_equal

FIELDS_MAX = 1000


class FieldType(str, Enum):
    """Types of a schema's fields."""

    STRING = "string"
    INT = "int"
    FLOAT = "float"
    BOOL = "bool"
    TIME = "time"
    BYTES = "bytes"
    ARRAY = "array"
    OBJECT = "object"

    def __str__(self) -> str:
        return self.name

    @classmethod
    def _missing_(cls, value: object) -> FieldType | None:
        return cls.__members__.get(value.upper()) if isinstance(value, str) else None


# Positions are the core's numbers of the types.
_NUMBERS = {type: number for number, type in enumerate(FieldType)}
_FLAGS = ("required", "indexed", "unique", "fulltext")


@dataclass(frozen=True)
class Field:
    """One field of a schema. default: None for none; unique fields are indexed, too."""

    name: str
    type: FieldType
    required: bool = False
    default: Any = None
    indexed: bool = False
    unique: bool = False
    fulltext: bool = False

    def __post_init__(self) -> None:
        _check_name(self.name)
        object.__setattr__(self, "type", _field_type(self.name, self.type))
        for flag in _FLAGS:
            if not isinstance(getattr(self, flag), bool):
                kind = type(getattr(self, flag)).__name__
                raise SchemaError(f"field {self.name!r}: {flag} wants a bool, not {kind}")
        if self.fulltext and self.type not in (FieldType.STRING, FieldType.ARRAY):
            raise SchemaError(
                f"field {self.name!r}: fulltext wants STRING, or ARRAY of texts, not {self.type}"
            )
        if (self.indexed or self.unique) and self.name.startswith("-"):
            raise SchemaError(f"field {self.name!r}: an indexed field's name does not begin with -")
        if self.default is not None:
            self._check_default()

    def _check_default(self) -> None:
        if self.unique:
            raise SchemaError(
                f"field {self.name!r}: a unique field can have no default: the second document "
                "without the field would be refused"
            )
        codec = Codec()
        check = SchemaCheck(codec, (False, [(self.name, _NUMBERS[self.type], True)]))
        try:
            stored = codec.decode(check.fit(codec.encode({self.name: self.default})))
        except SchemaError as error:
            raise SchemaError(f"default: {error}") from None
        object.__setattr__(self, "default", stored[self.name])

    def to_dict(self) -> dict[str, Any]:
        """The field as a dict, without what is as usual; Schema.from_dict reads it."""
        out: dict[str, Any] = {"type": self.type.name}
        out.update((flag, True) for flag in _FLAGS if getattr(self, flag))
        if self.default is not None:
            out["default"] = copied(self.default)
        return out


class Schema:
    """Fields by name, in order. strict: documents may have no other fields.

        >>> Schema("users").add_field("name", FieldType.STRING, required=True).add_field(
        ...     "age", FieldType.INT, default=0
        ... )
        Schema('users', name STRING required, age INT default 0)
    """

    def __init__(self, name: str = "", strict: bool = False) -> None:
        if not isinstance(name, str):
            raise SchemaError(f"a schema's name is a str, not {type(name).__name__}")
        if not isinstance(strict, bool):
            raise SchemaError(f"strict wants a bool, not {type(strict).__name__}")
        self.name = name
        self.strict = strict
        self._fields: dict[str, Field] = {}

    def add_field(
        self,
        name: str,
        type: FieldType | str,
        required: bool = False,
        default: Any = None,
        indexed: bool = False,
        unique: bool = False,
        fulltext: bool = False,
    ) -> Schema:
        """Add a field; returns the schema, so that calls can follow one another.

        required: a document must have it, and not None. default: what a document that is inserted
        without it gets. Raises SchemaError for what cannot be.
        """
        kind = _field_type(name, type)
        field = Field(name, kind, required, default, indexed, unique, fulltext)
        if name in self._fields:
            raise SchemaError(f"the schema has a field {name!r} already")
        if len(self._fields) == FIELDS_MAX:
            raise SchemaError(f"a schema has at most {FIELDS_MAX} fields")
        self._fields[name] = field
        return self

    @property
    def fields(self) -> Mapping[str, Field]:
        """The fields by name; not to be changed."""
        return MappingProxyType(self._fields)

    def __iter__(self) -> Iterator[Field]:
        return iter(self._fields.values())

    def __len__(self) -> int:
        return len(self._fields)

    def __contains__(self, name: object) -> bool:
        return name in self._fields

    def __getitem__(self, name: str) -> Field:
        return self._fields[name]

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Schema):
            return NotImplemented
        mine, theirs = self.to_dict(), other.to_dict()
        return list(mine["fields"]) == list(theirs["fields"]) and values_equal(mine, theirs)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = [repr(self.name)] if self.name else []
        parts += ["strict"] if self.strict else []
        for field in self:
            words = [field.name, str(field.type)]
            words += [flag for flag in _FLAGS if getattr(field, flag)]
            words += [f"default {field.default!r}"] if field.default is not None else []
            parts.append(" ".join(words))
        return f"Schema({', '.join(parts)})"

    def to_dict(self) -> dict[str, Any]:
        """The schema as a dict, which from_dict reads back."""
        fields = {field.name: field.to_dict() for field in self}
        return {"name": self.name, "strict": self.strict, "fields": fields}

    @classmethod
    def from_dict(cls, d: Mapping[str, Any]) -> Schema:
        """The schema of a dict: {"name", "strict", "fields": {name: type or {"type", ...}}}.

        Raises SchemaError that names what is unknown or missing.
        """
        if not isinstance(d, Mapping):
            raise SchemaError(f"a schema is made of a dict, not {type(d).__name__}")
        _check_keys(d, ("name", "strict", "fields"), "a schema")
        fields = d.get("fields", {})
        if not isinstance(fields, Mapping):
            kind = type(fields).__name__
            raise SchemaError(f"fields: wants a dict of names and fields, not {kind}")
        schema = cls(d.get("name", ""), d.get("strict", False))
        for name, field in fields.items():
            if not isinstance(field, Mapping):
                field = {"type": field}
            _check_keys(field, ("type", "default", *_FLAGS), f"field {name!r}")
            if "type" not in field:
                raise SchemaError(f"field {name!r}: its type is missing")
            schema.add_field(name, **field)
        return schema

    @classmethod
    def from_dataclass(cls, model: type, name: str | None = None, strict: bool = False) -> Schema:
        """The schema of a dataclass: its fields with their types and defaults.

        One without a default is required, unless its type allows None. A field's metadata may say
        indexed, unique, fulltext, required, type.
        """
        from velocity.py.dataclass_fields import dataclass_fields

        schema = cls(getattr(model, "__name__", "") if name is None else name, strict)
        for field_name, settings in dataclass_fields(model):
            schema.add_field(field_name, **settings)
        return schema

    def _compiled(self) -> tuple[bool, list[tuple[Any, ...]]]:
        """The form that the core compiles."""
        fields = []
        for field in self:
            default = () if field.default is None else (field.default,)
            fields.append((field.name, _NUMBERS[field.type], field.required, *default))
        return self.strict, fields


def schema_of(schema: Schema | Mapping[str, Any]) -> Schema:
    """A schema given as one or as a dict; a copy, which nobody changes."""
    return Schema.from_dict(schema.to_dict() if isinstance(schema, Schema) else schema)


def _check_name(name: object) -> None:
    if not isinstance(name, str):
        raise SchemaError(f"a field's name is a str, not {type(name).__name__}")
    if not name or "." in name or name.startswith("$"):
        raise SchemaError(
            f"field {name!r}: a name is not empty, has no dot and does not begin with $"
        )
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SchemaError(f"field {name!r}: the name is not valid Unicode") from None


def _field_type(name: str, given: object) -> FieldType:
    try:
        return FieldType(given)
    except ValueError:
        known = " ".join(FieldType.__members__)
        raise SchemaError(f"field {name!r}: unknown type {given!r}; known: {known}") from None


def _check_keys(d: Mapping[str, Any], known: tuple[str, ...], what: str) -> None:
    for key in d:
        if key not in known:
            raise SchemaError(f"{what}: unknown setting {key!r}; known: {' '.join(known)}")
