"""Dotted paths in fields that are being changed: finding, making and storing.

A part that is a number reaches into a list. Nothing here copies: the fields are the caller's own.
"""

from __future__ import annotations

from typing import Any

from velocity._core.errors import QueryError

LIST_FILL_MAX = 1_500_000  # nulls that a write past a list's end may add; MongoDB's bound
ABSENT: Any = object()

Fields = dict[str, Any]


def check_path(operator: str, path: object) -> None:
    """Refuse what cannot name a place to change."""
    if not isinstance(path, str):
        raise QueryError(f"{operator} {path!r}: a path is a string, not {type(path).__name__}")
    for part in path.split("."):
        if not part:
            raise QueryError(f"{operator} {path!r}: a path has no empty part")
        if part.startswith("$"):
            raise QueryError(f"{operator} {path!r}: positional parts ({part}) are not available")


def check_conflicts(touched: list[tuple[str, str]]) -> None:
    """No path may be changed twice, nor together with one inside it: the order would decide.

    touched: (operator, path).
    """
    seen: set[str] = set()
    for operator, path in sorted(touched, key=lambda item: item[1].split(".")):
        parts = path.split(".")
        for size in range(1, len(parts) + 1):
            if ".".join(parts[:size]) in seen:
                raise QueryError(f"{operator} {path!r}: this path is changed twice in one update")
        seen.add(path)


def list_position(part: str) -> int | None:
    """A list position, or None when the part is not one."""
    return int(part) if part.isascii() and part.isdigit() and len(part) < 10 else None


def child(parent: Any, part: str) -> Any:
    """What a part names in an object or a list; ABSENT when nothing."""
    if isinstance(parent, dict):
        return parent.get(part, ABSENT)
    if isinstance(parent, list):
        position = list_position(part)
        return parent[position] if position is not None and position < len(parent) else ABSENT
    return ABSENT


def find_holder(root: Fields, parts: list[str]) -> Any:
    """The holder of the last part, or ABSENT when the way there does not exist."""
    holder: Any = root
    for part in parts[:-1]:
        holder = child(holder, part)
    return holder


def make_holder(root: Fields, parts: list[str]) -> Any:
    """The holder of the last part; objects are made on the way where nothing is."""
    holder: Any = root
    for part in parts[:-1]:
        inner = child(holder, part)
        if inner is ABSENT:
            inner = {}
            store(holder, part, inner)
        holder = inner
    return holder


def store(holder: Any, part: str, value: Any) -> None:
    """Put a value into an object or, filling up with nulls, a list."""
    if isinstance(holder, dict):
        holder[part] = value
        return
    if not isinstance(holder, list):
        raise QueryError(f"cannot make {part!r} inside a value of type {kind_of(holder)}")
    position = list_position(part)
    if position is None:
        raise QueryError(f"cannot make {part!r} inside a list: a position is wanted")
    if position - len(holder) > LIST_FILL_MAX:
        raise QueryError(f"position {position} is too far past the end of a list of {len(holder)}")
    holder.extend([None] * (position + 1 - len(holder)))
    holder[position] = value


def kind_of(value: Any) -> str:
    """A value's type, for error texts."""
    return "null" if value is None else type(value).__name__
