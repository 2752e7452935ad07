"""The fields of a dataclass as settings of a schema's fields."""

from __future__ import annotations

import collections.abc
import dataclasses
import types
import typing
from collections.abc import Iterator
from datetime import datetime
from enum import Enum
from typing import Any, Literal, Union, get_args, get_origin

from velocity._core.errors import SchemaError
from velocity.py.schema import FieldType

_SETTINGS = ("indexed", "unique", "fulltext", "required", "type")
_UNIONS = (Union, getattr(types, "UnionType", Union))
_FACTORIES: tuple[Any, ...] = (list, dict, tuple, str, bytes, int, float, bool)
# In order: a bool is an int, and a str is a Sequence.
_TYPES: tuple[tuple[Any, FieldType], ...] = (
    (bool, FieldType.BOOL),
    (int, FieldType.INT),
    (float, FieldType.FLOAT),
    (str, FieldType.STRING),
    (bytes, FieldType.BYTES),
    (datetime, FieldType.TIME),
    ((list, tuple, collections.abc.Sequence), FieldType.ARRAY),
    ((dict, collections.abc.Mapping), FieldType.OBJECT),
)


def dataclass_fields(model: type) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each field's name and what add_field takes for it. Raises SchemaError naming the field."""
    if not (isinstance(model, type) and dataclasses.is_dataclass(model)):
        raise SchemaError(f"from_dataclass wants a dataclass, not {model!r}")
    try:
        hints = typing.get_type_hints(model)
    except NameError as error:
        raise SchemaError(f"{model.__name__}: the types cannot be read: {error}") from None
    for field in dataclasses.fields(model):
        settings = {key: value for key, value in field.metadata.items() if key in _SETTINGS}
        optional = False
        if "type" not in settings:
            settings["type"], optional = _type_of(field.name, hints[field.name])
        default = _default_of(field)
        if "required" not in settings:
            has_default = default is not None or field.default is None
            settings["required"] = not optional and not has_default
        yield field.name, {**settings, "default": default}


def _default_of(field: dataclasses.Field[Any]) -> Any:
    """The default, None for none."""
    if field.default is not dataclasses.MISSING:
        return _plain(field.default)
    if field.default_factory is dataclasses.MISSING:
        return None
    if field.default_factory not in _FACTORIES:
        name = getattr(field.default_factory, "__qualname__", repr(field.default_factory))
        raise SchemaError(
            f"field {field.name!r}: default_factory={name} cannot be kept: a schema's default is "
            "one value, the same for every document; allowed are list, dict, tuple and the like"
        )
    return field.default_factory()


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.value
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return dataclasses.asdict(value)
    return value


def _type_of(name: str, hint: Any) -> tuple[FieldType, bool]:
    """A type hint as the type of a field, and whether None fits it."""
    if get_origin(hint) in _UNIONS:
        kinds = [_type_of(name, part)[0] for part in get_args(hint) if part is not type(None)]
        return _one_of(name, hint, set(kinds)), type(None) in get_args(hint)
    if get_origin(hint) is Literal:
        values = get_args(hint)
        kinds = [_type_of(name, type(value))[0] for value in values if value is not None]
        return _one_of(name, hint, set(kinds)), None in values
    if hasattr(hint, "__supertype__"):  # a NewType
        return _type_of(name, hint.__supertype__)
    plain = get_origin(hint) or hint
    if isinstance(plain, type):
        if issubclass(plain, Enum) and not issubclass(plain, (str, int)):
            return _one_of(name, hint, {_type_of(name, type(v.value))[0] for v in plain}), False
        for known, kind in _TYPES:
            if issubclass(plain, known):
                return kind, False
        if dataclasses.is_dataclass(plain):
            return FieldType.OBJECT, False
    raise _unknown(name, hint)


def _one_of(name: str, hint: Any, kinds: set[FieldType]) -> FieldType:
    if kinds == {FieldType.INT, FieldType.FLOAT}:
        return FieldType.FLOAT
    if len(kinds) != 1:
        raise _unknown(name, hint)
    return kinds.pop()


def _unknown(name: str, hint: Any) -> SchemaError:
    return SchemaError(
        f"field {name!r}: no field type stands for {hint!r}; name one: "
        "field(metadata={'type': FieldType.OBJECT})"
    )
