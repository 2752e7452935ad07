"""Documents found by texts alone: ids, names, labels. All texts are checked: SchemaError."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.collection import Collection
from velocity.py.colonyos.store import check_texts, document_by_id

Texts = Mapping[str, str]


def by_id(collection: Collection, id: str) -> Document | None:
    """The document, None when absent or when the text can be no id."""
    check_texts(id=id)
    return document_by_id(collection, id)


def first_where(collection: Collection, wanted: Texts) -> Document | None:
    """One that has these texts, None when there is none."""
    check_texts(**wanted)
    return collection.find_one(wanted)


def all_where(
    collection: Collection, wanted: Texts, sort: str | list[str], limit: int | None = None
) -> list[Document]:
    """All that have these texts, or the first ones, in order."""
    check_texts(**wanted)
    return collection.find(wanted, sort=sort, limit=limit).documents


def count_where(collection: Collection, wanted: Texts) -> int:
    """How many have these texts."""
    check_texts(**wanted)
    return collection.count(wanted)


def remove_where(collection: Collection, wanted: Texts) -> None:
    """Remove all that have these texts, as one step."""
    check_texts(**wanted)
    collection.delete_where(wanted)


def update_by_id(collection: Collection, id: str, fields: Mapping[str, Any], what: str) -> None:
    """Merge fields into the document. Raises NotFoundError, also for what can be no id."""
    check_texts(id=id)
    if not collection.update_where({"_id": id}, fields):
        raise NotFoundError(f"no {what} has the id {id!r}")
