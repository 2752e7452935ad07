"""JSONObject: a dataclass whose fields are the keys of a JSON object.

A class declares each field once, as a dataclass does; `omitted` marks those that are left out of
JSON when empty, `named` one whose key is another word. The functions that read and write a class
are made from these fields when they are first used, as straight-line Python, for they are called
for every process: json_kinds.py says how each kind of field is done.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Callable
from string import Template
from typing import Any, TypeVar

from velocity.py.colonyos.json_kinds import NAMES, Kind, kind_of, wrong
from velocity.py.colonyos.json_values import read_json

J = TypeVar("J", bound="JSONObject")

_OMITTED, _KEY = "omitted", "key"
_MADE = ("to_dict", "to_json", "read")


def omitted(default: Any) -> Any:
    """A field that JSON leaves out when it is empty. default: a value, or a class to call."""
    return _field(default, {_OMITTED: True})


def named(key: str, default: Any) -> Any:
    """A field with another key than its name, which Python has for itself."""
    return _field(default, {_KEY: key})


def _field(default: Any, metadata: dict[str, Any]) -> Any:
    if isinstance(default, type):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


class JSONObject:
    """Base of the types that travel as JSON.

    Reading ignores unknown keys and takes a missing or null one as the field's default. Writing
    takes None as the default, too. Both raise SchemaError, which names the type and the field, for
    a value of a wrong type.
    """

    def __init_subclass__(cls) -> None:
        # Each class gets its own: what was made for a base knows the fields of the base only.
        for name in _MADE:
            if name not in cls.__dict__:
                setattr(cls, name, JSONObject.__dict__[name])

    def to_dict(self) -> dict[str, Any]:
        """The object as json.dumps takes it. It shares no list or dict with this one."""
        written: dict[str, Any] = _made(type(self), "to_dict")(self)
        return written

    def to_json(self) -> str:
        """The object as JSON text."""
        text: str = _made(type(self), "to_json")(self)
        return text

    @classmethod
    def from_dict(cls: type[J], d: dict[str, Any]) -> J:
        """The object that a dict from json.loads tells; they share no list or dict."""
        if not isinstance(d, dict):
            wrong(cls.__name__, "an object", d)
        return cls.read(d, False)

    @classmethod
    def from_json(cls: type[J], s: str | bytes) -> J:
        """The object that JSON text tells."""
        d = read_json(s, cls.__name__)
        return cls.read(d, True) if type(d) is dict else wrong(cls.__name__, "an object", d)

    @classmethod
    def read(cls: type[J], d: dict[str, Any], own: bool) -> J:
        """from_dict for a dict that nobody else holds (own): its lists and dicts are taken over."""
        result: J = _made(cls, "read")(d, own)
        return result


def _made(cls: type[JSONObject], name: str) -> Callable[..., Any]:
    """Make one of a class's functions. It replaces the one that called this."""
    if cls.__dict__[name] is not JSONObject.__dict__[name]:  # a bound method from before
        found: Callable[..., Any] = getattr(cls, name)
        return found
    fields, names = _fields(cls)
    lines = {"to_dict": _to_dict, "to_json": _to_json, "read": _read}[name](fields)
    exec("\n".join(lines), names)  # of templates and field names only
    made: Callable[..., Any] = names[name]
    made.__doc__ = getattr(JSONObject, name).__doc__
    made.__qualname__ = f"{cls.__qualname__}.{name}"
    setattr(cls, name, staticmethod(made) if name == "read" else made)
    return made


@dataclasses.dataclass(frozen=True)
class _Field:
    name: str
    key: str
    kind: Kind
    omitted: bool

    def source(self, template: str, value: str) -> str:
        """An expression of the kind, for this field."""
        words = {"value": value} | {
            word: f"{word.upper()}_{self.name}" for word in ("where", "default", "type")
        }
        return Template(template).substitute(words)


def _fields(cls: type[JSONObject]) -> tuple[list[_Field], dict[str, Any]]:
    """The class's fields, and the names that its functions use."""
    hints = typing.get_type_hints(cls)
    names = {**NAMES, "CLASS": cls, "NEW": cls.__new__}
    fields = []
    for each in dataclasses.fields(cls):  # type: ignore[arg-type]
        kind, inner = kind_of(hints[each.name], JSONObject)
        key = each.metadata.get(_KEY, each.name)
        fields.append(_Field(each.name, key, kind, _OMITTED in each.metadata))
        names[f"WHERE_{each.name}"] = f"{cls.__name__}.{key}"
        make = each.default_factory
        default = each.default if make is dataclasses.MISSING else make()
        names[f"DEFAULT_{each.name}"] = default
        names[f"TYPE_{each.name}"] = inner
    return fields, names


def _to_dict(fields: list[_Field]) -> list[str]:
    always, maybe = [], []
    for field in fields:
        value = field.source(field.kind.write, f"self.{field.name}")
        if field.omitted:
            maybe += [f" v = {value}", f" if v != DEFAULT_{field.name}: d[{field.key!r}] = v"]
        else:
            always.append(f"  {field.key!r}: {value},")
    return ["def to_dict(self):", " d = {", *always, " }", *maybe, " return d"]


def _to_json(fields: list[_Field]) -> list[str]:
    lines = ["def to_json(self):", " try:"]
    text = ""
    for field in fields:
        value = f"self.{field.name}"
        pair = f'"{field.key}":{{({field.source(field.kind.text, value)})}},'
        if field.omitted:
            found = f"p_{field.name}"
            lines += [f"  v = {value}",
                      f"  {found} = '' if v == DEFAULT_{field.name} else f'{pair}'"]
            pair = f"{{{found}}}"
        text += pair
    if fields[-1].omitted:
        lines += [f"  s = f'{text}'", "  return f'{{{s[:-1]}}}'"]
    else:
        lines.append(f"  return f'{{{{{text[:-1]}}}}}'")
    # A value of another type than usual: to_dict takes it, or says what is wrong with it.
    return [*lines,
            " except (TypeError, ValueError, KeyError, AttributeError, RecursionError):",
            "  return JSON(CLASS.to_dict(self), CLASS.__name__)"]


def _read(fields: list[_Field]) -> list[str]:
    lines = ["def read(d, own):", " get = d.get", " o = NEW(CLASS)"]
    for field in fields:
        value = field.source(field.kind.read, f"get({field.key!r})")
        lines.append(f" o.{field.name} = {value}")
    return [*lines, " return o"]
