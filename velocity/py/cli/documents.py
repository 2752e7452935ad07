"""get, put, delete, scan: single documents."""

from __future__ import annotations

import argparse
from typing import Any

from velocity._core.document import Document
from velocity._core.errors import NotFoundError
from velocity.py.cli.common import (
    InputError,
    add_command,
    add_database,
    open_database,
    standard_input,
)
from velocity.py.cli.text import dump_json, load_fields


def add_commands(commands: Any) -> None:
    get = add_command(commands, "get", run_get, "print a document's fields as JSON")
    add_database(get)
    get.add_argument("collection")
    get.add_argument("id")
    get.add_argument("--meta", action="store_true", help="id, version and times as well")

    put = add_command(commands, "put", run_put, "store a document, and make its collection")
    add_database(put)
    put.add_argument("collection")
    put.add_argument("id")
    put.add_argument("fields", help="a JSON object, or - for standard input")
    put.add_argument("--ttl", type=float, metavar="SECONDS", help="expires after so long")

    delete = add_command(commands, "delete", run_delete, "delete a document")
    add_database(delete)
    delete.add_argument("collection")
    delete.add_argument("id")

    scan = add_command(commands, "scan", run_scan, "print documents in id order, a JSON line each")
    add_database(scan)
    scan.add_argument("collection")
    scan.add_argument("--prefix")
    scan.add_argument("--start", help="first id, included")
    scan.add_argument("--end", help="last id, not included")
    scan.add_argument("--limit", type=int)
    scan.add_argument("--reverse", action="store_true")
    scan.add_argument("--meta", action="store_true", help="version and times as well")


def run_get(options: argparse.Namespace) -> int:
    with open_database(options) as db:
        document = db.get(options.collection, options.id)
        if document is None:
            raise NotFoundError(f"collection {options.collection!r} has no {options.id!r}")
        shown = described(document) if options.meta else document.fields
        print(dump_json(shown, indent=2))
    return 0


def run_put(options: argparse.Namespace) -> int:
    try:
        text = standard_input().read() if options.fields == "-" else options.fields
    except UnicodeDecodeError as error:
        raise InputError(f"standard input is not UTF-8: {error.reason}") from None
    fields = load_fields(text)
    with open_database(options, make=True) as db:
        collection = db.create_collection(options.collection, if_not_exists=True)
        print(collection.put(options.id, fields, ttl=options.ttl))
    return 0


def run_delete(options: argparse.Namespace) -> int:
    with open_database(options) as db:
        if not db.delete(options.collection, options.id):
            raise NotFoundError(f"collection {options.collection!r} has no {options.id!r}")
    return 0


def run_scan(options: argparse.Namespace) -> int:
    with open_database(options) as db:
        documents = db.scan(
            options.collection,
            options.prefix,
            options.start,
            options.end,
            options.reverse,
            options.limit,
        )
        for document in documents:
            plain = {"id": document.id, "fields": document.fields}
            print(dump_json(described(document) if options.meta else plain))
    return 0


def described(document: Document) -> dict[str, Any]:
    """A document with everything that is known of it."""
    described = {
        "id": document.id,
        "version": document.version,
        "created": document.created,
        "modified": document.modified,
        "fields": document.fields,
    }
    if document.expires is not None:
        described["expires"] = document.expires
    return described
