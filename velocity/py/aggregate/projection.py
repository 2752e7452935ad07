"""$project and $addFields: a tree of the paths they name, applied to each document.

A path through a list means every element of it that is an object.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from velocity.py.aggregate.expressions import Expression, compile_expression
from velocity.py.aggregate.values import (
    MISSING,
    Fields,
    checked_mapping,
    checked_path,
    fail,
)
from velocity.py.order import is_number

_MANY_FIELDS = "an object of one or more fields"


class _Node:
    """What is said of the fields of one object. A name has one meaning."""

    __slots__ = ("children", "computed", "computes", "kept")

    def __init__(self) -> None:
        self.kept: set[str] = set()  # or, in an exclusion, taken out
        self.computed: dict[str, Expression] = {}
        self.children: dict[str, _Node] = {}
        self.computes = False  # anything here or below

    def add(self, place: str, path: str, meaning: Expression | None) -> None:
        """None: the path is kept, or taken out."""
        node = self
        *way, last = checked_path(place, path)
        for part in way:
            node.computes |= meaning is not None
            if part in node.kept or part in node.computed:
                fail(place, f"{path!r}: named twice, as a whole and in part")
            node = node.children.setdefault(part, _Node())
        node.computes |= meaning is not None
        if last in node.kept or last in node.computed or last in node.children:
            fail(place, f"{path!r}: named twice, as a whole and in part")
        if meaning is None:
            node.kept.add(last)
        else:
            node.computed[last] = meaning

    def include(self, fields: Fields) -> Fields:
        result = {}
        for name, value in fields.items():
            if name in self.kept:
                result[name] = value
            elif name in self.children:
                inner = self.children[name]._include_value(value)
                if inner is not MISSING:
                    result[name] = inner
        return result

    def _include_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.include(value)
        if isinstance(value, list):
            items = (self._include_value(item) for item in value)
            return [item for item in items if item is not MISSING]
        return MISSING

    def exclude(self, fields: Fields) -> Fields:
        return {
            name: self.children[name]._exclude_value(value) if name in self.children else value
            for name, value in fields.items()
            if name not in self.kept
        }

    def _exclude_value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return self.exclude(value)
        if isinstance(value, list):
            return [self._exclude_value(item) for item in value]
        return value

    def compute(self, fields: Fields, document: Fields) -> Fields:
        """The fields with the computed ones, whose expressions see the whole document."""
        result = dict(fields)
        for name, expression in self.computed.items():
            value = expression(document)
            if value is MISSING:
                result.pop(name, None)
            else:
                result[name] = value
        for name, child in self.children.items():
            if child.computes:
                result[name] = child._compute_value(result.get(name), document)
        return result

    def _compute_value(self, value: Any, document: Fields) -> Any:
        if isinstance(value, list):
            return [self._compute_value(item, document) for item in value]
        return self.compute(value if isinstance(value, dict) else {}, document)


def _flattened(place: str, spec: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """(dotted path, meaning); an object that is no expression stands for paths inside it."""
    pairs: list[tuple[str, Any]] = []
    for name, meaning in checked_mapping(place, spec, _MANY_FIELDS).items():
        path = prefix + name
        if isinstance(meaning, Mapping) and not any(str(key).startswith("$") for key in meaning):
            if not meaning:
                fail(place, f"{path!r}: an empty object is no expression")
            pairs += _flattened(place, meaning, f"{path}.")
        else:
            pairs.append((path, meaning))
    return pairs


def compile_add_fields(place: str, spec: Any) -> Callable[[Fields], Fields]:
    pairs = _flattened(place, spec)
    if not pairs:
        fail(place, f"wants {_MANY_FIELDS}")
    root = _Node()
    for path, meaning in pairs:
        root.add(place, path, compile_expression(f"{place}: {path}", meaning))
    return lambda document: root.compute(document, document)


def _is_switch(meaning: Any) -> bool:
    """Whether a meaning says yes or no rather than what to compute."""
    return isinstance(meaning, bool) or is_number(meaning)


def compile_project(place: str, spec: Any) -> Callable[[Fields], Fields]:
    pairs = _flattened(place, spec)
    if not pairs:
        fail(place, f"wants {_MANY_FIELDS}")
    others = [(path, meaning) for path, meaning in pairs if path != "_id"]
    # "_id" may be taken out of an inclusion and kept in an exclusion.
    deciding = others or pairs
    excludes = all(_is_switch(meaning) and not meaning for _, meaning in deciding)
    root = _Node()
    id_meaning = dict(pairs).get("_id", True)
    if _is_switch(id_meaning):
        if bool(id_meaning) is not excludes:
            root.kept.add("_id")
    else:
        root.add(place, "_id", compile_expression(f"{place}: _id", id_meaning))
    for path, meaning in others:
        if not _is_switch(meaning):
            root.add(place, path, compile_expression(f"{place}: {path}", meaning))
        elif bool(meaning) is excludes:
            fail(place, f"{path!r}: fields are either kept or taken out, not both; only _id may be")
        else:
            root.add(place, path, None)
    if excludes:
        return root.exclude
    if not root.computes:
        return root.include
    return lambda document: _id_first(root.compute(root.include(document), document))


def _id_first(fields: Fields) -> Fields:
    if "_id" in fields and next(iter(fields)) != "_id":
        return {"_id": fields["_id"], **fields}
    return fields
