"""A collection with full-text fields, and what a search of it finds."""

from __future__ import annotations

from velocity.py.metadata import change_metadata

TITLE_BODY = {
    "title": {"type": "STRING", "fulltext": True},
    "body": {"type": "STRING", "fulltext": True},
    "tags": {"type": "ARRAY", "fulltext": True},
    "n": {"type": "INT"},
}


def declare(collection, fields=TITLE_BODY):
    change_metadata(collection, lambda metadata: metadata.update(schema={"fields": fields}))
    return collection


def found(collection, text, **more):
    """The ids of the hits, best first."""
    return [hit.id for hit in collection.search(text, **more)]
