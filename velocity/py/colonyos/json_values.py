"""Free-form JSON: values that a program keeps in a process, checked, copied, read and written.

What JSON cannot hold as it is (NaN, bytes, sets, keys that are no text) is a SchemaError that
names the place. A tuple is written as a list. Integers have any size.
"""

from __future__ import annotations

import json
import json.encoder
import math
from collections.abc import Callable
from typing import Any

from velocity._core.errors import SchemaError

_PLAIN = frozenset({str, int, bool, type(None)})


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is out of range")
    return number


_ENCODER = json.JSONEncoder(allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)

_SHORT = 16  # an encoder takes longer to begin than these many values to write

quote: Callable[[str], str] = json.encoder.encode_basestring_ascii
digits: Callable[[int], str] = int.__repr__


def _real_text(value: float) -> str:
    if not math.isfinite(value):
        raise ValueError(f"JSON cannot hold {value!r}")
    return float.__repr__(value)


def _list_text(value: list[Any]) -> str:
    if len(value) > _SHORT:
        return _encoded(value)
    return f"[{','.join([_WRITERS[type(each)](each) for each in value])}]"


def _dict_text(value: dict[str, Any]) -> str:
    if len(value) > _SHORT:
        return _encoded(value)
    pairs = [f"{quote(key)}:{_WRITERS[type(each)](each)}" for key, each in value.items()]
    return f"{{{','.join(pairs)}}}"


def _encoded(value: Any) -> str:
    text = _ENCODER.encode(value)
    if "{" in text:
        copy_json(value, "")  # for its check: the encoder makes text of numbers that are keys
    return text


_WRITERS: dict[type, Callable[[Any], str]] = {
    str: quote, int: digits, float: _real_text, list: _list_text, dict: _dict_text,
    bool: {True: "true", False: "false"}.__getitem__, type(None): {None: "null"}.__getitem__,
}


def write_json(value: Any, where: str) -> str:
    """A value as JSON text, in ASCII and without spaces. Raises SchemaError."""
    try:
        return _WRITERS[type(value)](value)
    except (TypeError, KeyError, ValueError, RecursionError) as error:
        plain = copy_json(value, where)  # of subclasses and tuples; or it says what is wrong
        try:
            return _ENCODER.encode(plain)
        except ValueError:  # an integer with more digits than Python writes
            raise SchemaError(f"{where}: {error}") from error


def read_json(text: Any, what: str) -> Any:
    """The value of JSON text (str, or bytes in UTF-8). Raises SchemaError, naming what."""
    try:
        if isinstance(text, (bytes, bytearray)):
            text = text.decode()
        return _DECODER.decode(text)
    except (TypeError, ValueError, RecursionError) as error:
        raise SchemaError(f"{what}: no JSON: {error}") from error


def copy_json(value: Any, where: str) -> Any:
    """A copy that shares no list or dict with the value. Raises SchemaError."""
    try:
        return _copied(value, where)
    except RecursionError as error:
        raise SchemaError(f"{where}: nested too deeply, or holds itself") from error


def _copied(value: Any, where: str) -> Any:
    if type(value) in _PLAIN:
        return value
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str):
                raise SchemaError(f"{where}: a key has to be text, not {key!r}")
        return {
            key: each if type(each) in _PLAIN else _copied(each, f"{where}.{key}")
            for key, each in value.items()
        }
    if isinstance(value, (list, tuple)):
        return [
            each if type(each) in _PLAIN else _copied(each, f"{where}[{at}]")
            for at, each in enumerate(value)
        ]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise SchemaError(f"{where}: JSON cannot hold {value!r}")
        return value
    if isinstance(value, (str, int)):
        return value
    raise SchemaError(f"{where}: JSON cannot hold a {type(value).__name__}")
