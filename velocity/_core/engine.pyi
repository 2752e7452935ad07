"""The database engine: collections of documents in one directory, or in memory only."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, final

from velocity._core.document import Document
from velocity._core.filter import Filter

@final
class CASResult:
    """What a compare-and-swap came to."""

    @property
    def success(self) -> bool: ...
    @property
    def version(self) -> int: ...
    @property
    def current_value(self) -> dict[str, Any] | None: ...
    def __bool__(self) -> bool: ...

class Engine:
    """One open database. All methods may be called from any thread.

    data_dir: None for memory-only. bounded: documents live on disk, memory caches `cache_size`
    bytes (hybrid, persistent). Every write is in the operating system's hands when it returns (it
    survives kill -9), and on disk within flush_interval seconds; sync_writes: on disk before it
    returns. max_memory: bytes, 0 for no limit.
    Raises DatabaseLockedError, CorruptionError, StorageError.
    """

    def __init__(
        self,
        data_dir: str | None = None,
        *,
        bounded: bool = False,
        cache_size: int = 0,
        max_memory: int = 0,
        sync_writes: bool = False,
        flush_interval: float = 0.05,
    ) -> None: ...
    @property
    def closed(self) -> bool: ...
    @property
    def reads_may_wait(self) -> bool: ...
    @property
    def writes_may_wait(self) -> bool: ...
    def close(self) -> None: ...
    def create_collection(self, name: str, level: int, metadata: bytes = b"") -> bool:
        """Create; False when there is one of that name already (whatever its level)."""
    def drop_collection(self, name: str) -> bool:
        """Drop with all its documents; False when absent."""
    def list_collections(self) -> list[str]: ...
    def metadata(self, collection: CollectionBase) -> bytes:
        """What set_metadata or create_collection was given last; empty: nothing."""
    def set_metadata(self, collection: CollectionBase, metadata: bytes) -> None:
        """Keep bytes with a collection, which the core never looks into, at most 1 MiB.

        Durable when it returns, after every earlier write; on failure the old ones are kept.
        """
    def apply(
        self,
        ops: Iterable[
            tuple[
                str, CollectionBase, str | None, Mapping[str, Any] | None, float | None, int | None
            ]
        ],
    ) -> list[int]:
        """Apply a batch, all or nothing; returns per op the new version.

        Each op: (kind, collection, id, fields, ttl in seconds or None, expected stamp or None).
        kinds: "insert" (must be absent), "put", "replace" (must be present), "update" (merge, must
        be present; keeps the expiry unless ttl is given), "rewrite" (as "replace", but keeps the
        expiry), "delete" (absent is fine; returns 1 when there was one, else 0), "check" (writes
        nothing, returns 0), "unchanged" (id None; the expected stamp is a change_count that the
        collection must still have; returns 0).
        Expected stamp: the document's `_stamp`, 0 for "must be absent". Later ops see the effects
        of earlier ones; expected stamps are compared with the state before the batch.
        Raises NotFoundError, DuplicateKeyError, ConflictError (an expected stamp or change_count
        differs), SchemaError, MemoryLimitError, StorageError; nothing is changed then.
        """
    def flush(self) -> None: ...
    def compact(self) -> int:
        """Rewrite all segments that hold garbage now; returns bytes given back."""
    def stats(self) -> dict[str, Any]: ...
    def health(self) -> dict[str, str]: ...

class CollectionBase:
    """The hot half of a Collection: every call goes straight to the core."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Raises NotFoundError when the engine has no such collection."""
    @property
    def _engine(self) -> Engine: ...
    @property
    def name(self) -> str: ...
    @property
    def level(self) -> int:
        """Consistency level: 0 local, 1 eventual, 2 quorum, 3 strong."""
    @property
    def _number(self) -> int: ...
    @property
    def change_count(self) -> int:
        """Rises with every change to this collection."""
    @property
    def _ready(self) -> bool:
        """Whether the layers above have put the collection under its schema."""
    def _set_ready(self) -> None: ...
    def _check_level(self, consistency: Any, write: bool) -> None:
        """Called when an operation names a consistency level; overridden above."""
    def _apply_operators(self, id: str, operators: Mapping[str, Any], ttl: float | None) -> int:
        """Called by `update` when the fields are update operators; overridden above."""
    def _swap_request(self, request: Any, consistency: Any) -> CASResult:
        """Called when compare_and_swap is given a request for an id; overridden above."""
    def get(self, id: str, default: Any = None, *, consistency: Any = None) -> Document | Any: ...
    def get_many(self, ids: Iterable[str], *, consistency: Any = None) -> list[Document | None]: ...
    def insert(
        self,
        id: str,
        fields: Mapping[str, Any] | None = None,
        *,
        ttl: float | None = None,
        consistency: Any = None,
    ) -> int:
        """Also insert(Document(id, fields))."""
    def put(
        self,
        id: str,
        fields: Mapping[str, Any],
        *,
        ttl: float | None = None,
        consistency: Any = None,
    ) -> int: ...
    def update(
        self,
        id: str,
        fields: Mapping[str, Any],
        *,
        ttl: float | None = None,
        consistency: Any = None,
    ) -> int: ...
    def replace(
        self,
        id: str,
        fields: Mapping[str, Any],
        *,
        ttl: float | None = None,
        consistency: Any = None,
    ) -> int: ...
    def delete(self, id: str, *, consistency: Any = None) -> bool: ...
    def insert_many(
        self, pairs: Iterable[Any], *, ttl: float | None = None, consistency: Any = None
    ) -> int:
        """pairs: (id, fields) or Document."""
    def put_many(
        self, pairs: Iterable[Any], *, ttl: float | None = None, consistency: Any = None
    ) -> int: ...
    def delete_many(self, ids: Iterable[str], *, consistency: Any = None) -> int: ...
    def compare_and_swap(
        self,
        id: Any,
        expected: Mapping[str, Any] | None = None,
        value: Mapping[str, Any] | None = None,
        expected_version: int | None = None,
        replace: bool = False,
        ttl: float | None = None,
        consistency: Any = None,
    ) -> CASResult:
        """id: a str, or one CASRequest in place of the arguments up to ttl."""
    def _bounds(
        self, prefix: str | None, start: str | None, end: str | None
    ) -> tuple[bytes, bytes | None]:
        """The range of ids as bytes: from low to before high."""
    def _ids_slice(
        self, low: bytes, high: bytes | None, reverse: bool, limit: int
    ) -> list[str]:
        """The first ids of a range in the order of their bytes, in reverse the last."""
    def _ids(self, low: bytes = b"", high: bytes | None = None) -> list[str]:
        """All ids of live documents of a range, sorted now: without the tree of ids."""
    def _due(self) -> bool:
        """Whether there may be documents that have expired and were not yet removed."""
    def _filter(self, spec: Mapping[str, Any]) -> Filter:
        """A filter for this collection's documents. Raises QueryError."""
    def _count_filter(self, filter: Filter | Mapping[str, Any]) -> int:
        """How many documents match a filter, compiled or not."""
    def __len__(self) -> int: ...
    def __contains__(self, id: object) -> bool: ...
    def __getitem__(self, id: str) -> Document: ...
    def __setitem__(self, id: str, fields: Mapping[str, Any]) -> None: ...
    def __delitem__(self, id: str) -> None: ...

@final
class ColumnBytes:
    """Memory of a column, which arrays are laid over: it has the buffer interface."""

@final
class ColumnData:
    """One column as column.h describes it, its memory included."""

    @property
    def name(self) -> str: ...
    @property
    def met(self) -> int:
        """The types of all rows, or'ed."""
    @property
    def longest(self) -> int:
        """Characters of the longest string; 2**32 - 1: no fixed width holds the strings."""
    @property
    def count(self) -> int: ...
    @property
    def types(self) -> ColumnBytes: ...
    @property
    def values(self) -> ColumnBytes: ...
    @property
    def text(self) -> ColumnBytes: ...
    def objects(self) -> list[Any]:
        """The rows as a list of Python objects, times in UTC."""
    def characters(self, width: int) -> ColumnBytes:
        """Strings as numpy's U arrays have them."""

class ColumnsBase(CollectionBase):
    """Collection, with what arrays are made of."""

    def _columns(
        self,
        paths: Iterable[str | None] | None,
        filter: Filter | Mapping[str, Any] | None = None,
    ) -> list[ColumnData]:
        """A ColumnData for each path, and each with a row for every document that matches.

        A path of None stands for the ids. paths None: the ids, and all top-level fields in the
        order in which they were first used.
        """

@final
class QueryResult:
    """Documents that a query found, in order.

    documents: at most `limit`. has_more: others follow. total: how many match altogether, counted
    when first asked; writes since then may have changed it.
    """

    def __init__(
        self,
        documents: list[Document],
        has_more: bool,
        total: int | None = None,
        collection: Any = None,
        filter: Any = None,
    ) -> None: ...
    @property
    def documents(self) -> list[Document]: ...
    @property
    def has_more(self) -> bool: ...
    @property
    def total(self) -> int: ...
    def __iter__(self) -> Iterator[Document]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, place: Any) -> Any: ...

MERGED_MAX: int  # ranges of an index that are read together

class IndexGone(Exception):
    """A plan does not fit any more: its index was dropped, or it is for other values."""

class QueryRuns(ColumnsBase):
    """Collection, with what runs plans that py/plan.py has made."""

    def _scan_filter(
        self, filter: Filter | Mapping[str, Any], limit: int | None = None, skip: int = 0
    ) -> list[Document]:
        """The documents that match a filter, compiled or not, in no order; limit: most to give,
        skip: matches to pass over before."""
    def _group(
        self,
        filter: Mapping[str, Any] | None,
        key: str | dict[str, str] | None,
        paths: list[str],
        fields: list[tuple[str, str, int, Any]],
    ) -> list[dict[str, Any]] | None:
        """$group in one pass, as grouping.pxd has the arguments: a dict for each group. None when
        only the stages can tell: a regular expression, or a path that leads through a list."""
    def _run(
        self, plan: Any, filter: Filter | None, order: Any, skip: int, limit: int | None
    ) -> tuple[list[Document], int, int]:
        """(documents, keys examined, documents examined). Raises IndexGone."""
    def _count_plan(self, plan: Any, filter: Filter | None) -> int:
        """How many documents a plan finds. Raises IndexGone."""
    def _count_ranges(self, plan: Any) -> int | None:
        """The same of one whose ranges say all, without looking at documents; None: some have
        expired, so that they must be looked at."""
    def _matches(self, document: Document, filter: Filter) -> bool:
        """Whether a document matches a filter of this collection."""
    def _sort_documents(self, documents: list[Document], order: Any) -> list[Document]:
        """These documents in order."""
    def _with_fields(self, document: Document, fields: Mapping[str, Any]) -> Document:
        """A document found, with these fields in place of its own."""

class QueryBase(QueryRuns):
    """Collection, with what py/queries.py is built on.

    find, find_one and find_one_and_update answer queries of a shape whose plan is kept (_keep_plan)
    by themselves; others go to _find, _find_first and _claim.
    """

    @property
    def _usable(self) -> dict[None, Any]:
        """Of None: (version of the indexes, what plans may use)."""
    def find(
        self,
        filter: Mapping[str, Any] | None = None,
        sort: Any = None,
        limit: int | None = None,
        offset: int = 0,
        fields: Iterable[str] | None = None,
        *,
        consistency: Any = None,
    ) -> QueryResult: ...
    def find_one(
        self,
        filter: Mapping[str, Any] | None = None,
        sort: Any = None,
        *,
        consistency: Any = None,
    ) -> Document | None: ...
    def find_one_and_update(
        self,
        filter: Mapping[str, Any] | None,
        update: Mapping[str, Any],
        sort: Any = None,
        upsert: bool = False,
        return_new: bool = True,
        *,
        consistency: Any = None,
    ) -> Document | None: ...
    def _shape(self, filter: Any, sort: Any, all: bool = False) -> tuple[Any, list[Any]]:
        """What a filter and a sort look like without the filter's values, and these; None: too
        special for its plan to be kept. all: there is no limit."""
    def _keep_plan(
        self,
        shape: Any,
        version: int,
        index: Index,
        multikey: int,
        equals: list[tuple[int, ...]],
        merged: int,
        range_of: Callable[[list[Any]], tuple[bytes, bytes] | None] | None,
        reverse: bool,
        constants: list[tuple[int, Any]] | None,
        limits: list[tuple[int, tuple[type, ...], Any, Any]] | None,
        rest: tuple[tuple[str, ...], tuple[int, ...]],
        examined: int,
        wanted: int | None,
    ) -> None:
        """Answer queries of this shape by this index from now on.

        version: of the indexes when it was planned; multikey: of the index then. equals: a tuple of
        places of the values for each of its first fields. merged: how many of these are the prefix
        of ranges that are merged, or 0. constants: (place, value) for which alone the plan holds;
        limits: (place, types, low, high), likewise; each bound is (value, included), or None. rest:
        the paths that are left to a filter, and the places of their values. examined: the entries
        looked at for so many documents wanted, None: all. When it has to look at more than ten
        times as many, and a thousand, the query is planned anew.
        """
    def _index_version(self) -> int:
        """Changes whenever an index is created or dropped."""
    def _check_usable(self) -> None:
        """Raise when the database is closed or the collection gone."""
    def _rewrite(self, document: Document, fields: Mapping[str, Any]) -> Document | None:
        """Replace a document's fields if it is still this one; the new document, else None."""

@final
class ChangeReader:
    """A place in the changes of a collection. For one thread at a time, but for `stop`.

    Begins after operation `position` of batch `since` (None: after all of it), or with what is
    acknowledged from now on. filter: only changes after which the document matches, and removals.
    judge: only changes for whose id and document it is true.
    Raises HistoryLostError, QueryError for the filter.
    """

    def __init__(
        self,
        collection: CollectionBase,
        since: int | None = None,
        position: int | None = None,
        filter: Mapping[str, Any] | None = None,
        judge: Callable[[str, Document | None], bool] | None = None,
    ) -> None: ...
    @property
    def sequence(self) -> int:
        """Everything up to it was read."""
    def read(self) -> list[tuple[str, str, Document | None, int, int, int]]:
        """What comes next, without waiting: kind, id, document, version, sequence, position.

        [] when there is nothing new. Raises HistoryLostError when it is no longer kept.
        """
    def wait(self, seconds: float) -> bool:
        """Until there may be something to read, or it was stopped; False: the time is over."""
    def stop(self) -> None:
        """End a wait, and all to come. Any thread."""

_Compiled = tuple[bool, list[tuple[Any, ...]]]

def set_schema(collection: CollectionBase, schema: _Compiled | None) -> None:
    """Put a collection's writes under a schema without looking at what is there.

    schema: (strict, [(name, type number, required, default or nothing)]), None: none.
    """

def evolve_schema(
    collection: CollectionBase, schema: _Compiled | None, store: Callable[[], object]
) -> list[tuple[str, str]] | None:
    """Put a collection under another schema, live. One thread at a time.

    store: called when all documents fit, while writes must fit both; when it raises, or a document
    does not fit, all is as before. Returns None, or what does not fit: the first few (id, why).
    """

def fill_documents(collection: CollectionBase) -> int:
    """Store every document as the schema wants it, with defaults; how many were written."""

def fitted_fields(
    collection: CollectionBase, id: str, fields: Mapping[str, Any], fill: bool
) -> Mapping[str, Any]:
    """A whole document's fields as the schema has them stored: fill, with defaults.

    Raises SchemaError when they do not fit.
    """

def verify_directory(path: str) -> tuple[int, list[str]]:
    """Read and check everything in a data directory without changing it.

    Returns (records read, what is wrong, each with file and offset).
    """

def fault_set(
    point: str, after: int, sys_errno: int, once: bool = False, short: bool = False
) -> None:
    """Tests: make a system call of this engine fail; fileio.h has the points."""

def hash_mask_set(mask: int) -> None:
    """Tests: engines opened from now on know only these bits of the hashes of ids."""

def fault_clear() -> None:
    """Tests: let system calls work again."""

def file_watch(watcher: Callable[[str, str, str | None, bool, int], object] | None) -> None:
    """Tests: call watcher(point, path, to, done, sys_errno) before and after each call on files.

    It runs on the calling thread, which may hold locks of the engine. None: no more.
    """

def segment_size_set(size_min: int) -> None:
    """Tests: segments of every log of the process may be this small; 0: as usual."""

@final
class Index:
    """One index of a collection. It may be dropped meanwhile: then calls raise NotFoundError."""

    @property
    def collection(self) -> CollectionBase: ...
    @property
    def name(self) -> str: ...
    @property
    def fields(self) -> list[tuple[str, int]]: ...
    @property
    def unique(self) -> bool: ...
    @property
    def multikey(self) -> bool: ...
    @property
    def multikey_fields(self) -> int:
        """The fields at which some document has, or had, a list: bit i for field i."""
    @property
    def entries(self) -> int: ...
    @property
    def memory(self) -> int: ...
    def key(self, values: Iterable[Any]) -> bytes:
        """The beginning that all entries of these leading values share. With nine bytes of FF
        behind it, it lies behind them all."""
    def count_range(self, low: bytes = b"", high: bytes | None = None, exact: bool = True) -> int:
        """How many entries e have low <= e < high; not exact: about as many, quickly."""
    def scan(
        self,
        low: bytes = b"",
        high: bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[tuple[tuple[Any, ...], int]]:
        """The entries e with low <= e < high in order: a list of (values, hash of the document)."""
    def documents(
        self,
        low: bytes = b"",
        high: bytes | None = None,
        reverse: bool = False,
        limit: int | None = None,
    ) -> list[Document]:
        """The documents of the entries e with low <= e < high, in that order: a list. In a multikey
        index one may come several times. Documents are those of the moment each is read."""

def find_index(collection: CollectionBase, name: str) -> Index | None:
    """The index of that name, ready for use; None when there is none."""

def create_index(
    collection: CollectionBase,
    name: str,
    fields: list[tuple[str, int]],
    unique: bool = False,
    where: Mapping[str, Any] | None = None,
    alone: bool = False,
) -> bool:
    """Build an index on [(path, 1 or -1)], also while others write; False when there is one of that
    name. where: a filter of the documents that are in it. alone: nobody else uses the database yet.

    Raises UniqueError, SchemaError, QueryError; then there is no such index.
    """

def drop_index(collection: CollectionBase, name: str) -> bool:
    """Drop; False when there is none of that name."""
