"""$sort, and $sort with a $limit behind it: only the first are kept then."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable
from typing import Any

from velocity.py.aggregate.values import (
    MISSING,
    Fields,
    checked_mapping,
    checked_path,
    fail,
    leaves,
)
from velocity.py.order import compound_key, is_integer, order_key


class Sort:
    """A compiled $sort: stable. A list sorts by its least element, descending by its greatest."""

    def __init__(self, place: str, spec: Any) -> None:
        fields = checked_mapping(place, spec, "an object of paths with 1 or -1")
        if not fields:
            fail(place, "wants one path or more")
        self._paths: list[tuple[list[str], int]] = []
        for path, direction in fields.items():
            parts = checked_path(place, path)
            if not is_integer(direction) or direction not in (1, -1):
                fail(place, f"{path!r}: wants 1 or -1, not {direction!r}")
            self._paths.append((parts, direction))

    def key(self, document: Fields) -> bytes:
        return compound_key(
            (sort_value(document, parts, direction), direction) for parts, direction in self._paths
        )

    def __call__(self, documents: Iterable[Fields], limit: int | None = None) -> list[Fields]:
        key: Callable[[Fields], bytes] = self.key
        if limit is None:
            return sorted(documents, key=key)
        return heapq.nsmallest(limit, documents, key=key)


def sort_value(document: Fields, parts: list[str], direction: int) -> Any:
    """The value that a document has at a path for sorting; None when nothing is there."""
    values: list[Any] = []
    for leaf in leaves(document, parts):
        if isinstance(leaf, list) and leaf:
            values += leaf
        else:
            values.append(None if leaf is MISSING else leaf)
    if len(values) == 1:
        return values[0]
    return (min if direction > 0 else max)(values, key=order_key)
