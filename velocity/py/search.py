"""Full-text search of a collection, through tantivy (pip install velocitydb[search]).

An index is made at the first search and follows the change feed: before each search it takes in
what was acknowledged since. It holds the words, not the documents, which come from the collection.
Any thread may search; one at a time does so in one collection.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from velocity._core.document import Document
from velocity._core.engine import ChangeReader
from velocity._core.errors import (
    ConfigError,
    HistoryLostError,
    QueryError,
    StorageError,
    VelocityError,
)
from velocity.py.highlight import highlight
from velocity.py.metadata import read_metadata
from velocity.py.search_files import IndexFiles, field_texts
from velocity.py.search_query import Marks, QueryBuilder, chosen_fields

if TYPE_CHECKING:
    from velocity.py.collection import Collection

HEAP = 32 << 20  # bytes the index's writer gathers before it makes a segment of them
TOKEN_MAX = 255  # bytes; longer words are not indexed
PAGE = 64  # hits looked up at a time
TOKENIZER = "words"

Fields = str | Iterable[str] | Mapping[str, float]


@dataclass(frozen=True)
class SearchHit:
    """A document that fits. score: higher fits better, to be compared within one search only.

    highlights: for each field with words that were sought, the part of its text with the most of
    them, as HTML: escaped, these words in <b>.
    """

    document: Document
    score: float
    highlights: dict[str, str]

    @property
    def id(self) -> str:
        return self.document.id

    def __getitem__(self, name: str) -> Any:
        return self.document[name]


class SearchIndex:
    """The index of one collection's full-text fields."""

    def __init__(self, collection: Collection, fields: list[str], data_dir: str | None) -> None:
        self._tantivy = _tantivy()
        self._collection = collection
        self.fields = fields
        self._names = {name: f"f{number}" for number, name in enumerate(fields)}
        self._lock = threading.Lock()
        builder = self._tantivy.SchemaBuilder()
        builder.add_text_field("id", stored=True, tokenizer_name="raw", index_option="basic")
        for name in self._names.values():
            builder.add_text_field(name, tokenizer_name=TOKENIZER)
        self._schema = builder.build()
        filters = self._tantivy.Filter
        self._analyzer = (
            self._tantivy.TextAnalyzerBuilder(self._tantivy.Tokenizer.simple())
            .filter(filters.remove_long(TOKEN_MAX))
            .filter(filters.lowercase())
            .filter(filters.ascii_fold())
            .build()
        )
        self._files = IndexFiles.of(data_dir, collection._number) if data_dir else None
        self._index: Any = None
        self._writer: Any = None
        self._reader: ChangeReader | None = None
        self._dirty = False  # something was handed on and not committed
        self._noted = False  # STATE says how far the index goes
        self._sequence = 0  # up to which it is committed

    def search(self, text: str, fields: Fields | None, limit: int) -> list[SearchHit]:
        boosts = chosen_fields(fields, self.fields)
        builder = QueryBuilder(
            self._tantivy, self._schema, self._analyzer.analyze, self._names, boosts
        )
        query = builder.build(text)
        with self._lock:
            found = self._repaired(query, limit)
        return [
            SearchHit(document, score, self._highlights(document, builder.marks))
            for document, score in found
        ]

    def close(self) -> None:
        """Let the files go, noted as they are."""
        with self._lock:
            reader, writer = self._reader, self._writer
            self._index = self._writer = self._reader = None
            if reader is None or self._files is None:
                return
            writer.wait_merging_threads()
            if self._noted:
                self._files.store(self.fields, self._sequence)

    # --- all below require the lock

    def _repaired(self, query: Any, limit: int) -> list[tuple[Document, float]]:
        """Search; when the index's files turn out to be damaged, in one made anew."""
        try:
            self._update()
            return self._find(query, limit)
        except BaseException as error:
            if not _is_tantivys(error):
                if not isinstance(error, VelocityError):  # an interrupt: what was read is lost
                    self._index = self._writer = self._reader = None
                raise
        self._build()
        return self._find(query, limit)

    def _find(self, query: Any, limit: int) -> list[tuple[Document, float]]:
        """The documents of the best hits; what has gone since the index was updated is left
        out."""
        searcher = self._index.searcher()
        found: list[tuple[Document, float]] = []
        offset = 0
        while len(found) < limit:
            size = min(PAGE, limit - len(found))
            hits = searcher.search(query, limit=size, count=False, offset=offset).hits
            ids = [searcher.doc(address).get_first("id") for _, address in hits]
            for document, (score, _) in zip(self._collection.get_many(ids), hits):
                if document is not None:
                    found.append((document, score))
            if len(hits) < size:
                break
            offset += size
        return found

    def _update(self) -> None:
        """Take in what was written since the last time."""
        if self._reader is None:
            self._open()
        try:
            self._follow()
        except HistoryLostError:
            self._build()
            return
        if self._dirty:
            self._commit()

    def _open(self) -> None:
        """Go on with what is on disk, or make the index."""
        sequence = self._files.load(self.fields) if self._files else None
        if self._files is None or sequence is None:
            self._build()
            return
        try:
            reader = ChangeReader(self._collection, sequence)
        except HistoryLostError:
            self._build()
            return
        self._start(str(self._files.path))
        self._reader, self._sequence, self._noted = reader, sequence, True

    def _start(self, path: str | None) -> None:
        self._index = self._writer = None  # tantivy lets go of its lock
        self._index = self._tantivy.Index(self._schema, path)
        self._index.register_tokenizer(TOKENIZER, self._analyzer)
        self._writer = self._index.writer(HEAP, 1)
        self._dirty = False

    def _build(self) -> None:
        """Make the index anew from the documents that are there."""
        self._index = self._writer = self._reader = None
        if self._files:
            alive = {each._number for each in self._collection._siblings()}
            self._files.remove_others(alive)
            self._files.clear()
        reader = ChangeReader(self._collection)  # before the documents are read
        self._start(str(self._files.path) if self._files else None)
        for document in self._collection.scan():
            self._add(document)
        self._reader = reader
        self._follow()
        self._commit()

    def _follow(self) -> None:
        """Hand on what changed."""
        assert self._reader is not None
        while changes := self._reader.read():
            self._dirty = True
            last = {id: document for _, id, document, *_ in changes}
            for id, document in last.items():
                self._writer.delete_documents_by_term("id", id)
                if document is not None:
                    self._add(document)

    def _add(self, document: Document) -> None:
        entry = self._tantivy.Document()
        entry.add_text("id", document.id)
        for name, at in self._names.items():
            for text in field_texts(document.get(name)):
                entry.add_text(at, text)
        self._writer.add_document(entry)

    def _commit(self) -> None:
        """Make it searchable, and note how far it goes once the log is on disk that far."""
        assert self._reader is not None
        self._sequence = self._reader.sequence
        self._noted = False
        if self._files is not None:
            try:
                self._collection._engine.flush()
                self._noted = True
            except StorageError:
                self._files.forget()  # of what power loss may take nothing must be left in here
        self._writer.commit()
        self._index.reload()
        self._dirty = False
        if self._files is not None and self._noted:
            self._files.store(self.fields, self._sequence)

    # --- without the lock

    def _highlights(self, document: Document, marks: Mapping[str, Marks]) -> dict[str, str]:
        highlights = {}
        for name, mark in marks.items():
            shown = (
                highlight(text, mark.fits, self._analyzer.analyze)
                for text in field_texts(document.get(name))
            )
            first = next(filter(None, shown), None)
            if first is not None:
                highlights[name] = first
        return highlights


def search(collection: Collection, text: str, fields: Fields | None, limit: Any) -> list[SearchHit]:
    """Collection.search."""
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 0:
        raise QueryError(f"limit: wants a whole number, 0 or more, not {limit!r}")
    return _index_of(collection).search(text, fields, limit)


def _index_of(collection: Collection) -> SearchIndex:
    declared = _fulltext_fields(collection)
    if not declared:
        raise QueryError(
            f"collection {collection.name!r} has no field declared with fulltext=True; declare one "
            "in its schema"
        )
    engine: Any = collection._engine
    with engine.searches_lock:
        index: SearchIndex | None = engine.searches.get(collection._number)
        if index is None or index.fields != declared:
            if index is not None:
                index.close()
            index = SearchIndex(collection, declared, engine.data_dir)
            engine.searches[collection._number] = index
        return index


def _fulltext_fields(collection: Collection) -> list[str]:
    schema = read_metadata(collection).get("schema") or {}
    return [name for name, field in schema.get("fields", {}).items() if field.get("fulltext")]


def close_indexes(engine: Any) -> None:
    """Before an engine is closed."""
    with engine.searches_lock:
        for index in engine.searches.values():
            index.close()
        engine.searches.clear()


def drop_index(engine: Any, number: int) -> None:
    """After a collection was dropped."""
    with engine.searches_lock:
        index = engine.searches.pop(number, None)
        if index is not None:
            index.close()
    if engine.data_dir is not None and os.path.isdir(os.path.join(engine.data_dir, "search")):
        IndexFiles.of(engine.data_dir, number).remove()


def _tantivy() -> Any:
    try:
        import tantivy
    except ImportError:
        raise ConfigError(
            "full-text search needs the package tantivy: pip install velocitydb[search]"
        ) from None
    return tantivy


def _is_tantivys(error: BaseException) -> bool:
    """Whether an error says that the index's files do not hold: what tantivy raises, panics (which
    are no Exception) included; our own errors are not among it."""
    if type(error).__module__.startswith("velocity"):
        return False
    return isinstance(error, (ValueError, OSError)) or type(error).__name__ == "PanicException"
