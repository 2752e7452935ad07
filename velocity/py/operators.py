"""Update operators, with MongoDB's meaning: $set $unset $inc $mul $rename $push.

Pure functions from fields and operators to new fields: what was read is never changed. Paths are
dotted, and a number reaches into a list. A QueryError names the operator and the path.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from velocity._core.errors import QueryError
from velocity.py.values import copied

LIST_FILL_MAX = 1_500_000  # nulls that a write past a list's end may add; MongoDB's bound
INT_MIN, INT_MAX = -(1 << 63), (1 << 63) - 1
_ABSENT = object()

Fields = dict[str, Any]


def has_operators(fields: Mapping[str, Any]) -> bool:
    """Whether an update is meant as operators: any name begins with $."""
    for name in fields:
        if isinstance(name, str) and name.startswith("$"):
            return True
    return False


def apply_operators(fields: Mapping[str, Any], operators: Mapping[str, Any]) -> Fields:
    """The fields after the operators. Raises QueryError; `fields` stay as they are."""
    changes = _parse(operators)
    result: Fields = copied(fields)
    for operator, path, argument in changes:
        try:
            _OPERATORS[operator](result, path.split("."), argument)
        except QueryError as error:
            raise QueryError(f"{operator} {path!r}: {error}") from None
    return result


def _parse(operators: Mapping[str, Any]) -> list[tuple[str, str, Any]]:
    """Operators as (operator, path, argument), refused when they cannot mean anything."""
    changes: list[tuple[str, str, Any]] = []
    touched: list[tuple[str, str]] = []
    for operator, paths in operators.items():
        if not isinstance(operator, str) or not operator.startswith("$"):
            raise QueryError(f"{operator!r}: an update holds operators or plain fields, not both")
        if operator not in _OPERATORS:
            raise QueryError(f"{operator}: unknown update operator; known: {' '.join(_OPERATORS)}")
        if not isinstance(paths, Mapping):
            kind = type(paths).__name__
            raise QueryError(f"{operator}: wants an object of paths and values, not {kind}")
        for path, argument in paths.items():
            _check_path(operator, path)
            touched.append((operator, path))
            if operator == "$rename":
                _check_path(operator, argument)
                touched.append((operator, argument))
            changes.append((operator, path, argument))
    _check_conflicts(touched)
    return changes


def _check_path(operator: str, path: object) -> None:
    if not isinstance(path, str):
        raise QueryError(f"{operator} {path!r}: a path is a string, not {type(path).__name__}")
    for part in path.split("."):
        if not part:
            raise QueryError(f"{operator} {path!r}: a path has no empty part")
        if part.startswith("$"):
            raise QueryError(f"{operator} {path!r}: positional parts ({part}) are not available")


def _check_conflicts(touched: list[tuple[str, str]]) -> None:
    """No path may be changed twice, nor together with one inside it: the order would decide."""
    seen: set[str] = set()
    for operator, path in sorted(touched, key=lambda item: item[1].split(".")):
        parts = path.split(".")
        for size in range(1, len(parts) + 1):
            if ".".join(parts[:size]) in seen:
                raise QueryError(f"{operator} {path!r}: this path is changed twice in one update")
        seen.add(path)


def _index(part: str) -> int | None:
    """A list position, or None when the part is not one."""
    return int(part) if part.isascii() and part.isdigit() and len(part) < 10 else None


def _child(parent: Any, part: str) -> Any:
    """What a part names in an object or a list; _ABSENT when nothing."""
    if isinstance(parent, dict):
        return parent.get(part, _ABSENT)
    if isinstance(parent, list):
        index = _index(part)
        return parent[index] if index is not None and index < len(parent) else _ABSENT
    return _ABSENT


def _find(root: Fields, parts: list[str]) -> Any:
    """The holder of the last part, or _ABSENT when the way there does not exist."""
    holder: Any = root
    for part in parts[:-1]:
        holder = _child(holder, part)
    return holder


def _make(root: Fields, parts: list[str]) -> Any:
    """The holder of the last part; objects are made on the way where nothing is."""
    holder: Any = root
    for part in parts[:-1]:
        child = _child(holder, part)
        if child is _ABSENT:
            child = {}
            _store(holder, part, child)
        holder = child
    return holder


def _store(holder: Any, part: str, value: Any) -> None:
    if isinstance(holder, dict):
        holder[part] = value
        return
    if not isinstance(holder, list):
        raise QueryError(f"cannot make {part!r} inside a value of type {_kind(holder)}")
    index = _index(part)
    if index is None:
        raise QueryError(f"cannot make {part!r} inside a list: a position is wanted")
    if index - len(holder) > LIST_FILL_MAX:
        raise QueryError(f"position {index} is too far past the end of a list of {len(holder)}")
    holder.extend([None] * (index + 1 - len(holder)))
    holder[index] = value


def _kind(value: Any) -> str:
    return "null" if value is None else type(value).__name__


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _set(root: Fields, parts: list[str], value: Any) -> None:
    _store(_make(root, parts), parts[-1], copied(value))


def _unset(root: Fields, parts: list[str], _value: Any) -> None:
    holder, last = _find(root, parts), parts[-1]
    if _child(holder, last) is _ABSENT:
        return
    if isinstance(holder, list):
        _store(holder, last, None)  # a list keeps its length
    else:
        del holder[last]


def _calculate(
    root: Fields, parts: list[str], operand: Any, start: Any, compute: Callable[[Any], Any]
) -> None:
    """Put compute(value) where the path leads; `start` where nothing is yet."""
    if not _is_number(operand):
        raise QueryError(f"wants a number, not {_kind(operand)}")
    holder = _make(root, parts)
    old = _child(holder, parts[-1])
    if old is _ABSENT:
        _store(holder, parts[-1], start)
        return
    if not _is_number(old):
        raise QueryError(f"the value there is not a number but {_kind(old)}")
    try:
        new = compute(old)
    except OverflowError:
        raise QueryError("the result does not fit a float") from None
    if isinstance(new, int) and not INT_MIN <= new <= INT_MAX:
        raise QueryError(f"the result {new} does not fit 64 bits")
    _store(holder, parts[-1], new)


def _inc(root: Fields, parts: list[str], amount: Any) -> None:
    _calculate(root, parts, amount, amount, lambda old: old + amount)


def _mul(root: Fields, parts: list[str], factor: Any) -> None:
    zero = 0.0 if isinstance(factor, float) else 0
    _calculate(root, parts, factor, zero, lambda old: old * factor)


def _rename(root: Fields, parts: list[str], target: Any) -> None:
    new_parts = target.split(".")
    for path in (parts, new_parts):
        _refuse_lists(root, path)
    holder = _find(root, parts)
    value = _child(holder, parts[-1])
    if value is _ABSENT:
        return
    del holder[parts[-1]]
    new_holder = _make(root, new_parts)
    if isinstance(new_holder, dict):
        new_holder.pop(new_parts[-1], None)  # the renamed field comes last, as a new one does
    _store(new_holder, new_parts[-1], value)


def _refuse_lists(root: Fields, parts: list[str]) -> None:
    holder: Any = root
    for part in parts:
        if isinstance(holder, list):
            raise QueryError("the way leads through a list, where nothing can be renamed")
        holder = _child(holder, part)


def _push(root: Fields, parts: list[str], value: Any) -> None:
    items = [value]
    if isinstance(value, Mapping) and has_operators(value):
        unknown = [name for name in value if name != "$each"]
        if unknown:
            raise QueryError(f"{unknown[0]}: unknown modifier; known: $each")
        items = value["$each"]
        if not isinstance(items, (list, tuple)):
            raise QueryError(f"$each wants a list, not {_kind(items)}")
    holder = _make(root, parts)
    old = _child(holder, parts[-1])
    if old is _ABSENT:
        old = []
    elif not isinstance(old, list):
        raise QueryError(f"the value there is not a list but {_kind(old)}")
    _store(holder, parts[-1], [*old, *copied(items)])


_OPERATORS: dict[str, Callable[[Fields, list[str], Any], None]] = {
    "$set": _set,
    "$unset": _unset,
    "$inc": _inc,
    "$mul": _mul,
    "$rename": _rename,
    "$push": _push,
}
