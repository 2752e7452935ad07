"""What the fields of JSON objects may be, and the Python that reads and writes each.

A kind is source text for json_compiler.py, where $value stands for the expression that gives the
field's value and is evaluated once, $where for the text "Type.field" that errors name, $default
for the field's default and $type for the nested class. Usual values are handled in the text
itself, by their exact type. The rest goes to the functions that NAMES lists: they take what is
right, too, turn None into the default and raise SchemaError, naming the field.
"""

from __future__ import annotations

import math
from collections.abc import ItemsView
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NoReturn, get_args, get_origin

from velocity._core.errors import SchemaError
from velocity.py.colonyos.json_time import read_time, write_time
from velocity.py.colonyos.json_values import copy_json, digits, quote, write_json


@dataclass(frozen=True)
class Kind:
    """Expressions; `own` in them: nobody else holds the lists and dicts of what is read.

    read gives the field's value from one that json.loads made, write the value for to_dict, text
    the value as JSON; that one may raise anything for a value of a wrong type, None among them.
    """

    read: str
    write: str
    text: str


def wrong(where: str, wants: str, value: Any) -> NoReturn:
    """Raise the SchemaError of a wrong value."""
    raise SchemaError(f"{where}: wants {wants}, not {type(value).__name__}")


def _text(value: Any, where: str, default: str) -> str:
    if value is None:
        return default
    return value if isinstance(value, str) else wrong(where, "text", value)


def _whole(value: Any, where: str) -> int:
    if value is None:
        return 0
    if isinstance(value, bool) or not isinstance(value, int):
        wrong(where, "a whole number", value)
    return value


def _real(value: Any, where: str) -> float:
    if value is None:
        return 0.0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        wrong(where, "a number", value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SchemaError(f"{where}: JSON cannot hold {value!r} as a number with a fraction")
    return number


def _flag(value: Any, where: str) -> bool:
    if value is None:
        return False
    return value if isinstance(value, bool) else wrong(where, "true or false", value)


def _array(value: Any, where: str) -> list[Any]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        wrong(where, "a list", value)
    copy: list[Any] = copy_json(value, where)
    return copy


def _mapping(value: Any, where: str) -> dict[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong(where, "an object", value)
    copy: dict[str, Any] = copy_json(value, where)
    return copy


def _texts(value: Any, where: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, (list, tuple)):
        wrong(where, "a list of text", value)
    for each in value:
        if not isinstance(each, str):
            wrong(where, "a list of text", each)
    return list(value)


def _text_map(value: Any, where: str) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        wrong(where, "an object of text", value)
    for key, each in value.items():
        if not isinstance(key, str) or not isinstance(each, str):
            wrong(f"{where}.{key}", "text", each if isinstance(key, str) else key)
    return dict(value)


def _object(value: Any, where: str, kind: Any, own: bool) -> Any:
    if value is None:
        return kind()
    return kind.read(value, own) if isinstance(value, dict) else wrong(where, "an object", value)


def _maybe_object(value: Any, where: str, kind: Any, own: bool) -> Any:
    return None if value is None else _object(value, where, kind, own)


def _objects(value: Any, where: str, kind: Any, own: bool) -> list[Any]:
    return [] if value is None else [
        kind.read(each, own) if isinstance(each, dict) else wrong(where, "objects", each)
        for each in _sequence(value, where)
    ]


def _object_map(value: Any, where: str, kind: Any, own: bool) -> dict[str, Any]:
    return {} if value is None else {
        key: kind.read(each, own) if isinstance(each, dict) else wrong(where, "objects", each)
        for key, each in _pairs(value, where)
    }


def _write_object(value: Any, where: str, kind: Any) -> dict[str, Any]:
    if value is None:
        value = kind()
    if not isinstance(value, kind):
        wrong(where, kind.__name__, value)
    written: dict[str, Any] = value.to_dict()
    return written


def _write_maybe(value: Any, where: str, kind: Any) -> dict[str, Any] | None:
    return None if value is None else _write_object(value, where, kind)


def _write_objects(value: Any, where: str, kind: Any) -> list[Any]:
    return [] if value is None else [
        each.to_dict() if isinstance(each, kind) else wrong(where, kind.__name__, each)
        for each in _sequence(value, where)
    ]


def _write_object_map(value: Any, where: str, kind: Any) -> dict[str, Any]:
    return {} if value is None else {
        key: each.to_dict() if isinstance(each, kind) else wrong(where, kind.__name__, each)
        for key, each in _pairs(value, where)
    }


def _sequence(value: Any, where: str) -> list[Any] | tuple[Any, ...]:
    return value if isinstance(value, (list, tuple)) else wrong(where, "a list", value)


def _pairs(value: Any, where: str) -> ItemsView[str, Any]:
    if not isinstance(value, dict):
        wrong(where, "an object", value)
    for key in value:
        if not isinstance(key, str):
            wrong(where, "text as a key", key)
    return value.items()


def _texts_text(value: Any, where: str) -> str:
    return f"[{','.join(map(quote, _texts(value, where)))}]"


def _text_map_text(value: Any, where: str) -> str:
    pairs = [f"{quote(key)}:{quote(each)}" for key, each in _text_map(value, where).items()]
    return f"{{{','.join(pairs)}}}"


def _array_text(value: Any, where: str) -> str:
    return write_json(_sequence(value, where), where)


def _map_text(value: Any, where: str) -> str:
    _pairs(value, where)
    return write_json(value, where)


_TEXT = "v if type(v := $value) is str else AS_TEXT(v, $where, $default)"
_WHOLE = "v if type(v := $value) is int else AS_WHOLE(v, $where)"
_REAL = "AS_REAL($value, $where)"
_FLAG = "v if (v := $value) is True or v is False else AS_FLAG(v, $where)"
_READ = "$type.read(v, own) if type(v := $value) is dict else READ_OBJECT(v, $where, $type, own)"
_WRITE = "v.to_dict() if type(v := $value) is $type else WRITE_OBJECT(v, $where, $type)"

TEXT = Kind(_TEXT, _TEXT, "QUOTE($value)")
WHOLE = Kind(_WHOLE, _WHOLE, "DIGITS($value)")
REAL = Kind(_REAL, _REAL, f"REAL_TEXT({_REAL})")
FLAG = Kind(_FLAG, _FLAG, "FLAGS[$value]")
TIME = Kind("READ_TIME($value, $where)", "WRITE_TIME($value, $where)",
            "QUOTE(WRITE_TIME($value, $where))")
ANY = Kind("$value if own else COPY($value, $where)", "COPY($value, $where)",
           "JSON($value, $where)")
ARRAY = Kind("v if type(v := $value) is list and own else AS_ARRAY(v, $where)",
             "AS_ARRAY($value, $where)",
             "NO_ARRAY if (v := $value) == EMPTY_LIST else ARRAY_TEXT(v, $where)")
MAPPING = Kind("v if type(v := $value) is dict and own else AS_MAPPING(v, $where)",
               "AS_MAPPING($value, $where)",
               "NO_MAPPING if (v := $value) == EMPTY_DICT else MAP_TEXT(v, $where)")
TEXTS = Kind("AS_TEXTS($value, $where)", "AS_TEXTS($value, $where)",
             "NO_ARRAY if (v := $value) == EMPTY_LIST else TEXTS_TEXT(v, $where)")
TEXT_MAP = Kind("AS_TEXT_MAP($value, $where)", "AS_TEXT_MAP($value, $where)",
                "NO_MAPPING if (v := $value) == EMPTY_DICT else TEXT_MAP_TEXT(v, $where)")
OBJECT = Kind(_READ, _WRITE, "$type.to_json($value)")
MAYBE_OBJECT = Kind("READ_MAYBE($value, $where, $type, own)", "WRITE_MAYBE($value, $where, $type)",
                    "JSON(WRITE_MAYBE($value, $where, $type), $where)")
OBJECTS = Kind("READ_OBJECTS($value, $where, $type, own)", "WRITE_OBJECTS($value, $where, $type)",
               "NO_ARRAY if (v := $value) == EMPTY_LIST else "
               "JSON(WRITE_OBJECTS(v, $where, $type), $where)")
OBJECT_MAP = Kind("READ_OBJECT_MAP($value, $where, $type, own)",
                  "WRITE_OBJECT_MAP($value, $where, $type)",
                  "JSON(WRITE_OBJECT_MAP($value, $where, $type), $where)")

NAMES: dict[str, Any] = {
    "AS_TEXT": _text, "AS_WHOLE": _whole, "AS_REAL": _real, "AS_FLAG": _flag,
    "AS_ARRAY": _array, "AS_MAPPING": _mapping, "AS_TEXTS": _texts, "AS_TEXT_MAP": _text_map,
    "READ_TIME": read_time, "READ_OBJECT": _object, "READ_MAYBE": _maybe_object,
    "READ_OBJECTS": _objects, "READ_OBJECT_MAP": _object_map,
    "WRITE_TIME": write_time, "WRITE_OBJECT": _write_object, "WRITE_MAYBE": _write_maybe,
    "WRITE_OBJECTS": _write_objects, "WRITE_OBJECT_MAP": _write_object_map,
    "QUOTE": quote, "DIGITS": digits, "REAL_TEXT": float.__repr__,
    "FLAGS": {True: "true", False: "false"}, "NO_ARRAY": "[]", "NO_MAPPING": "{}",
    "EMPTY_LIST": [], "EMPTY_DICT": {},
    "ARRAY_TEXT": _array_text, "MAP_TEXT": _map_text, "TEXTS_TEXT": _texts_text,
    "TEXT_MAP_TEXT": _text_map_text,
    "COPY": copy_json, "JSON": write_json,
}


def kind_of(hint: Any, object_type: type) -> tuple[Kind, type | None]:
    """The kind for a field's type, and the class of the objects in it, if there are any."""
    plain = {str: TEXT, int: WHOLE, float: REAL, bool: FLAG, datetime: TIME, Any: ANY}
    if hint in plain:
        return plain[hint], None
    if isinstance(hint, type) and issubclass(hint, object_type):
        return OBJECT, hint
    origin, inner = get_origin(hint), get_args(hint)
    if origin is list:
        kinds = {str: TEXTS, Any: ARRAY}
        return (kinds[inner[0]], None) if inner[0] in kinds else (OBJECTS, inner[0])
    if origin is dict:
        kinds = {str: TEXT_MAP, Any: MAPPING}
        return (kinds[inner[1]], None) if inner[1] in kinds else (OBJECT_MAP, inner[1])
    assert inner[1] is type(None), hint
    return MAYBE_OBJECT, inner[0]
