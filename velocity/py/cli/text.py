"""Values as JSON and back, without loss.

JSON has no bytes, times, NaN or infinities: they become objects of one field, {"$bytes": base64},
{"$time": RFC 3339}, {"$float": "NaN"}. An object that would be mistaken for one of these is wrapped
as {"$object": ...}.
"""

from __future__ import annotations

import base64
import binascii
import json
import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from velocity.py.cli.common import InputError

_WRAPPERS = ("$bytes", "$time", "$float", "$object")


def to_plain(value: Any, binary: bool = False) -> Any:
    """The value in JSON's types; `binary` (msgpack) keeps bytes and all floats."""
    if isinstance(value, datetime):
        return {"$time": value.isoformat()}
    if isinstance(value, bytes) and not binary:
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not binary and not math.isfinite(value):
        return {"$float": str(value)}
    if isinstance(value, (list, tuple)):
        return [to_plain(item, binary) for item in value]
    if isinstance(value, Mapping):
        plain = {name: to_plain(item, binary) for name, item in value.items()}
        return {"$object": plain} if _wrapper_name(plain) else plain
    return value


def from_plain(value: Any) -> Any:
    """The value that to_plain was given. Raises InputError for what it never makes."""
    if isinstance(value, list):
        return [from_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    wrapper = _wrapper_name(value)
    if not wrapper:
        return {name: from_plain(item) for name, item in value.items()}
    inner = value[wrapper]
    try:
        return _unwrap(wrapper, inner)
    except (TypeError, ValueError, AttributeError, binascii.Error):
        raise InputError(f"{wrapper}: {inner!r} cannot be read") from None


def _wrapper_name(value: Mapping[str, Any]) -> str | None:
    if len(value) != 1:
        return None
    name = next(iter(value))
    return name if name in _WRAPPERS else None


def _unwrap(wrapper: str, inner: Any) -> Any:
    if wrapper == "$bytes":
        return base64.b64decode(inner, validate=True)
    if wrapper == "$time":
        return parse_time(inner)
    if wrapper == "$float":
        return float(inner)
    return {name: from_plain(item) for name, item in inner.items()}


def parse_time(text: str) -> datetime:
    """RFC 3339. Raises ValueError, also when the offset is missing."""
    time = datetime.fromisoformat(text[:-1] + "+00:00" if text[-1:] in "Zz" else text)
    if time.tzinfo is None:
        raise ValueError("no offset from UTC")
    return time


def dump_json(value: Any, indent: int | None = None) -> str:
    return json.dumps(to_plain(value), ensure_ascii=False, allow_nan=False, indent=indent)


def load_json(text: str) -> Any:
    """Raises InputError."""
    try:
        return from_plain(json.loads(text))
    except ValueError as error:
        raise InputError(f"not JSON: {error}") from None
    except RecursionError:
        raise InputError("not JSON: nested too deeply") from None


def load_fields(text: str) -> dict[str, Any]:
    fields = load_json(text)
    if not isinstance(fields, dict):
        raise InputError(f"a document is a JSON object, not {type(fields).__name__}")
    return fields
