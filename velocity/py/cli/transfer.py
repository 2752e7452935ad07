"""import and export: whole collections as JSON lines, or msgpack when that package is installed.

A line is {"collection": ..., "id": ..., "fields": {...}}, with "expires" where the document does.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from typing import IO, Any

from velocity._core.document import Document
from velocity._core.errors import VelocityError
from velocity.py.cli.common import (
    InputError,
    Progress,
    add_command,
    add_database,
    open_database,
    standard_input,
)
from velocity.py.cli.text import from_plain, parse_time, to_plain
from velocity.py.collection import Collection
from velocity.py.database import VelocityDB

BATCH = 1000  # documents that are imported together, all or none


def add_commands(commands: Any) -> None:
    load = add_command(commands, "import", run_import, "store documents from a file")
    add_database(load)
    load.add_argument("file", nargs="?", default="-", help="default: standard input")
    load.add_argument("-c", "--collection", help="for lines that name none")
    load.add_argument("--id-field", metavar="NAME", help="lines are documents; their id field")
    load.add_argument("--auto-id", action="store_true", help="lines are documents; ids are made")
    save = add_command(commands, "export", run_export, "write documents to a file")
    add_database(save)
    save.add_argument("collection", nargs="*", help="default: all")
    save.add_argument("-o", "--output", metavar="FILE", default="-")
    for parser in (load, save):
        parser.add_argument("--format", choices=["json", "msgpack"], default="json")


def run_export(options: argparse.Namespace) -> int:
    binary = options.format == "msgpack"
    with open_database(options) as db:
        names = options.collection or db.list_collections()
        collections = [db.collection(name) for name in names]
        progress = Progress("export", sum(map(len, collections)))
        count = 0
        with _output(options.output) as file:
            for document in _exported(collections, binary):
                file.write(_packed(document) if binary else _line(document))
                count += 1
                progress.show(count)
        progress.end(count)
    return 0


def _exported(collections: list[Collection], binary: bool) -> Iterator[dict[str, Any]]:
    for collection in collections:
        for document in collection.scan():
            yield _to_line(collection.name, document, binary)


def _to_line(collection: str, document: Document, binary: bool) -> dict[str, Any]:
    fields = {name: to_plain(value, binary) for name, value in document.fields.items()}
    line: dict[str, Any] = {"collection": collection, "id": document.id, "fields": fields}
    if document.expires is not None:
        line["expires"] = document.expires.isoformat()
    return line


def _line(document: dict[str, Any]) -> bytes:
    text = json.dumps(document, ensure_ascii=False, allow_nan=False)
    return text.encode() + b"\n"


def _msgpack() -> Any:
    try:
        import msgpack
    except ImportError:
        raise InputError("--format msgpack: needs the package msgpack") from None
    return msgpack


def _packed(document: dict[str, Any]) -> bytes:
    packed: bytes = _msgpack().packb(document)
    return packed


def _open(path: str, mode: str, named: str | None = None) -> IO[bytes]:
    """named: what an error calls it, when that is another."""
    if path == "-":
        stream = standard_input() if "r" in mode else sys.stdout
        return os.fdopen(os.dup(stream.fileno()), mode)
    try:
        return open(path, mode)
    except OSError as error:
        raise InputError(f"{named or path}: {error.strerror}") from None


@contextmanager
def _output(path: str) -> Iterator[IO[bytes]]:
    """The file to write, which comes into place when it is whole; a failure leaves what was there.

    Standard output, and what is no regular file (a pipe, a device), are written as they are.
    """
    if path == "-" or (os.path.exists(path) and not os.path.isfile(path)):
        with _open(path, "wb") as file:
            yield file
        return
    target = os.path.realpath(path)  # a link stays one
    temporary = f"{target}.{os.getpid()}.tmp"
    try:
        with _open(temporary, "xb", named=path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if os.path.exists(target):
            shutil.copymode(target, temporary)
        os.replace(temporary, target)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise


def run_import(options: argparse.Namespace) -> int:
    importer = _Importer(options)
    with open_database(options, make=True) as db, _open(options.file, "rb") as file:
        importer.run(db, file)
    return 0


class _Importer:
    """Lines to batches. An error names the line; whole batches before it stay imported."""

    def __init__(self, options: argparse.Namespace) -> None:
        if options.id_field and options.auto_id:
            raise InputError("--id-field and --auto-id cannot be used together")
        self._plain = bool(options.id_field or options.auto_id)
        if self._plain and not options.collection:
            raise InputError("--collection is needed with --id-field and --auto-id")
        self._options = options
        self._done = 0
        self._now = datetime.now(timezone.utc)

    def run(self, db: VelocityDB, file: IO[bytes]) -> None:
        progress = Progress("import")
        batch: dict[tuple[str, float | None], list[tuple[str | None, dict[str, Any]]]] = {}
        waiting = 0
        for number, line in self._lines(file):
            try:
                collection, ttl, document = self._parse(line)
            except (InputError, VelocityError) as error:
                raise self._stopped(number, error) from None
            if ttl is not None and ttl <= 0:
                continue  # it has expired since it was exported
            batch.setdefault((collection, ttl), []).append(document)
            waiting += 1
            if waiting == BATCH:
                self._store(db, batch, number)
                waiting = 0
                progress.show(self._done)
        self._store(db, batch, None)
        progress.end(self._done)
        print(f"{self._done} documents imported")

    def _stopped(self, number: int | None, error: Exception) -> InputError:
        where = "at the end" if number is None else f"line {number}"
        return InputError(f"{where}: {error} ({self._done} documents imported)")

    def _lines(self, file: IO[bytes]) -> Iterator[tuple[int, Any]]:
        if self._options.format == "msgpack":
            yield from self._objects(file)
            return
        for number, line in enumerate(file, 1):
            if line.strip():
                yield number, line

    def _objects(self, file: IO[bytes]) -> Iterator[tuple[int, Any]]:
        objects = iter(_msgpack().Unpacker(file, raw=False))
        number = 0
        while True:
            number += 1
            try:
                item = next(objects)
            except StopIteration:
                return
            except (ValueError, TypeError) as error:
                raise self._stopped(number, InputError(f"not msgpack: {error}")) from None
            yield number, item

    def _parse(self, line: Any) -> tuple[str, float | None, tuple[str | None, dict[str, Any]]]:
        if isinstance(line, bytes):
            try:
                line = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise InputError(f"not JSON: {error}") from None
        if not isinstance(line, dict):
            raise InputError(f"an object is wanted, not {type(line).__name__}")
        if self._plain:
            return self._options.collection, None, self._document(line)
        collection = line.get("collection", self._options.collection)
        id, fields = line.get("id"), line.get("fields")
        if not isinstance(collection, str):
            raise InputError("names no collection: use --collection")
        if not isinstance(id, str) or not isinstance(fields, dict):
            raise InputError('"id" and "fields" are wanted, or use --id-field or --auto-id')
        return collection, self._ttl(line.get("expires")), (id, _fields(fields))

    def _document(self, line: dict[str, Any]) -> tuple[str | None, dict[str, Any]]:
        fields = _fields(line)
        if self._options.auto_id:
            return None, fields
        id = fields.get(self._options.id_field)
        if not isinstance(id, str):
            raise InputError(f"field {self._options.id_field!r} is not a string: {id!r}")
        return id, fields

    def _ttl(self, expires: Any) -> float | None:
        if expires is None:
            return None
        try:
            return (parse_time(expires) - self._now).total_seconds()
        except (TypeError, ValueError):
            raise InputError(f"expires: {expires!r} is no RFC 3339 time") from None

    def _store(self, db: VelocityDB, batch: Any, number: int | None) -> None:
        try:
            for (name, ttl), pairs in batch.items():
                collection = db.create_collection(name, if_not_exists=True)
                known = [(id, fields) for id, fields in pairs if id is not None]
                self._done += collection.put_many(known, ttl=ttl) if known else 0
                for id, fields in pairs:
                    if id is None:
                        collection.add(fields)
                        self._done += 1
        except VelocityError as error:
            raise self._stopped(number, error) from None
        batch.clear()


def _fields(plain: dict[str, Any]) -> dict[str, Any]:
    """The fields of a line; the document itself is never a wrapper."""
    return {name: from_plain(value) for name, value in plain.items()}
