"""Arguments that are looked at once per call: what they must be, and the errors that say so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from velocity._core.errors import SchemaError


def check_object(what: str, fields: Any) -> None:
    """Refuse what cannot hold fields."""
    if not isinstance(fields, Mapping):
        kind = type(fields).__name__
        raise SchemaError(f"{what} must be a dict or another Mapping, not {kind!r}")


def each(items: Iterable[Any], verb: str, what: str) -> Iterator[Any]:
    """An iterator of the items of a `verb`_many; they are no single str."""
    if isinstance(items, str):
        raise SchemaError(f"{verb}_many takes an iterable of {what}, not one str; use {verb}")
    try:
        return iter(items)
    except TypeError:
        kind = type(items).__name__
        raise SchemaError(f"{verb}_many takes an iterable of {what}, not {kind}") from None


def name_bytes(name: Any, size_max: int) -> bytes:
    """A collection's name as the core has it."""
    if not isinstance(name, str):
        raise SchemaError(f"a collection's name must be a str, not {type(name).__name__}")
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise SchemaError(
            f"a collection's name must be encodable in UTF-8, {name!r:.80} is not"
        ) from None
    if not 1 <= len(encoded) <= size_max or b"\0" in encoded:
        raise SchemaError(
            f"a collection's name must have 1 to {size_max} bytes of UTF-8 and no NUL, "
            f"not {name!r:.80}"
        )
    return encoded
