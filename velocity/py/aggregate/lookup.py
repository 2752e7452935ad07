"""$lookup: an equality join with another collection, through a hash table of its values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from velocity._core.errors import NotFoundError
from velocity.py.aggregate.values import (
    MISSING,
    Fields,
    checked_mapping,
    checked_path,
    fail,
    leaves,
    with_value,
)
from velocity.py.order import order_key

_NAMES = ("from", "localField", "foreignField", "as")

# Opens a collection by its name; what it gives reads the documents. Raises: NotFoundError.
Source = Callable[[str], Callable[[], Iterable[Fields]]]


class Lookup:
    """A compiled $lookup. The other collection is read once, when the first document comes."""

    def __init__(self, place: str, spec: Any, source: Source) -> None:
        wanted = f"an object with {' '.join(_NAMES)}"
        fields = checked_mapping(place, spec, wanted)
        for name in (*fields, *_NAMES):
            if name not in _NAMES or name not in fields:
                fail(place, f"{name}: wants {wanted}")
        name = fields["from"]
        if not isinstance(name, str):
            fail(place, f"from: wants a collection's name, not {name!r}")
        try:
            self._read = source(name)
        except NotFoundError as error:
            raise NotFoundError(f"{place}: from: {error}") from None
        self._local = checked_path(f"{place}: localField", fields["localField"])
        self._foreign = checked_path(f"{place}: foreignField", fields["foreignField"])
        self._as = checked_path(f"{place}: as", fields["as"])

    def __call__(self, documents: Iterable[Fields]) -> Iterator[Fields]:
        found: list[Fields] | None = None
        positions: dict[bytes, list[int]] = {}
        for document in documents:
            if found is None:
                found = list(self._read())
                positions = self._positions(found)
            keys = _keys(document, self._local, whole_lists=False)
            matches = sorted({at for key in keys for at in positions.get(key, ())})
            yield with_value(document, self._as, [found[at] for at in matches])

    def _positions(self, documents: list[Fields]) -> dict[bytes, list[int]]:
        """Key of a value -> where the documents are that have it."""
        positions: dict[bytes, list[int]] = {}
        for at, document in enumerate(documents):
            for key in _keys(document, self._foreign, whole_lists=True):
                positions.setdefault(key, []).append(at)
        return positions


def _keys(document: Fields, parts: list[str], whole_lists: bool) -> set[bytes]:
    """Keys of what is at a path: a list's elements; its own, too, when it may be met as a whole."""
    keys: set[bytes] = set()
    for leaf in leaves(document, parts):
        if isinstance(leaf, list):
            keys.update(order_key(item) for item in leaf)
            if not whole_lists:
                continue
        keys.add(order_key(None if leaf is MISSING else leaf))
    return keys
