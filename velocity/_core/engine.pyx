"""The database engine: collections of documents in one directory, or in memory only.

Thin classes over the C core: they check arguments, hash ids, encode fields, call, and turn
statuses into exceptions. A call first tries with the interpreter attached (the GIL held) and
without waiting; only when the core says VEL_BUSY is it repeated without the GIL, where it may wait
for a lock or the disk.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.mem cimport PyMem_Calloc, PyMem_Free
from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free
from libc.string cimport memcpy, memset

from velocity._core.core cimport *
from velocity._core.document cimport Document, document_new, document_new_many, id_bytes
from velocity._core.filter cimport (
    Filter, engine_scan_next, filter_decide, filter_new, filter_resolve, vel_filter, vel_scan,
    vel_walk,
)
from velocity._core.grouping cimport Grouping, grouping_new, vel_group

import math
from datetime import datetime
import os
import sys
from collections.abc import Mapping

from velocity._core.arguments import check_object, each, name_bytes
from velocity._core.errors import (
    ConfigError, ConflictError, CorruptionError, DatabaseClosedError, DatabaseLockedError,
    DuplicateKeyError, HistoryLostError, MemoryLimitError, NotFoundError, SchemaError, StorageError,
    QueryError, UniqueError,
)

cdef extern from "group_scan.h" nogil:
    vel_status engine_group_next(vel_engine *e, vel_collection *c, vel_walk *walk,
                                 vel_filter *filter, vel_group *group, vel_error *error)

cdef extern from "sort.h" nogil:
    ctypedef struct vel_sort:
        pass
    vel_status sort_records(vel_sort *s, vel_buffer *records, vel_error *error)

cdef extern from "Python.h":
    object PyUnicode_DecodeUTF8(const char *bytes, Py_ssize_t size, const char *errors)
    Py_UCS4 PyUnicode_READ_CHAR(object text, Py_ssize_t at)

epoch_init()
pycodec_init(SchemaError)
pykey_init()

DEF BODY_ROOM = 1024           # bytes on the stack for one encoded body
DEF KEYS_ROOM = 4096           # and for the keys of a batch read
DEF ARENA_ROOM = 16384         # and for its records
DEF READ_ATTACHED_MAX = 32     # larger batch reads give up the GIL while they probe
DEF CHANGES_KEPT = 1048576      # bytes a reader of changes keeps for the next of them
DEF APPLY_ATTACHED_MAX = 32    # and larger batches while they are applied
cdef double TTL_MAX = 100 * 365.25 * 86400.0  # seconds
cdef object _missing = object()


# --- errors -----------------------------------------------------------------------------------

cdef object text_of(const char *bytes):
    return bytes.decode("utf-8", "replace")


cdef object where(vel_error *error):
    return f"{text_of(error.path)}: " if error.path[0] else ""


cdef int raise_status(vel_engine *e, vel_status status, vel_error *error) except -1:
    """Raise what a negative status means. *error is read only for statuses that fill it."""
    if status == VEL_E_PYTHON:
        return -1
    if status == VEL_E_NOMEM:
        raise MemoryError("the operating system has no memory")
    if status == VEL_E_MEMORY_LIMIT:
        raise MemoryLimitError(
            f"max_memory ({e.options.max_memory if e != NULL else 0} bytes) is reached and nothing "
            "was changed; delete documents or raise max_memory")
    if status == VEL_E_IO or status == VEL_E_FAILED or status == VEL_E_FULL:
        raise StorageError(error.sys_errno, f"{where(error)}{text_of(error.what)}")
    if status == VEL_E_CORRUPT:
        path = text_of(error.path)
        place = f"{path} offset {error.offset}: " if path else ""
        raise CorruptionError(place + text_of(error.what), path, error.offset)
    if status == VEL_E_LOCKED:
        pid = error.offset or None
        raise DatabaseLockedError(f"{where(error)}the database is open in process "
                                  f"{pid or 'unknown'}; close it there first", pid)
    if status == VEL_E_CLOSED:
        raise DatabaseClosedError("the database is closed: open it again")
    if status == VEL_E_INVALID:
        raise ConfigError(f"{where(error)}{text_of(error.what)}")
    if status == VEL_E_UNIQUE:
        raise_conflict(error)
    raise SchemaError(text_of(error.what))


cdef int raise_unusable(vel_engine *e) except -1:
    """Raise why an engine may not be used, if so."""
    cdef vel_status status = engine_usable(e)
    if status == VEL_E_CLOSED:
        raise DatabaseClosedError("the database is closed: open it again")
    if status == VEL_E_LOCKED:
        raise DatabaseLockedError(
            f"the database was opened before this process was forked; only process {os.getppid()} "
            "or the one that opened it may use it: open it after the fork", os.getppid())
    return 0


# --- arguments --------------------------------------------------------------------------------

cdef void range_begin(vel_range *r, bytes low, bytes high) noexcept:
    memset(r, 0, sizeof(r[0]))
    r.from_, r.from_size = <const uint8_t *><const char *>low, <uint32_t>len(low)
    if high is not None:
        r.to, r.to_size = <const uint8_t *><const char *>high, <uint32_t>len(high)


cdef list ids_list(const vel_id *ids, size_t count, const vel_buffer *arena):
    return [PyUnicode_DecodeUTF8(<const char *>arena.data + ids[i].at, ids[i].size, NULL)
            for i in range(count)]


cdef int64_t expiry_of(object ttl, int64_t now) except -1:
    """Absolute expiry in ns for a time to live in seconds (None: 0, never)."""
    if ttl is None:
        return 0
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise SchemaError(f"ttl must be a number of seconds, not {type(ttl).__name__}")
    cdef double seconds
    try:
        seconds = ttl
    except OverflowError:
        seconds = math.inf
    if not 0 < seconds <= TTL_MAX:
        raise SchemaError(f"ttl must be more than 0 and at most {TTL_MAX:.0f} seconds, not {ttl!r}")
    return now + <int64_t>(seconds * 1e9) + 1


# --- results ----------------------------------------------------------------------------------

@cython.final
@cython.no_gc
cdef class CASResult:
    """What a compare-and-swap came to. True in a condition when it succeeded."""

    cdef readonly bint success
    cdef readonly object version
    cdef Document _document
    cdef object _value

    @property
    def current_value(self):
        """The document's fields after success, or those that stood in the way; None: there is no
        such document."""
        with cython.critical_section(self):
            if self._value is None and self._document is not None:
                self._value = self._document.to_dict()
            return self._value

    def __bool__(self):
        return self.success

    def __repr__(self):
        return (f"CASResult(success={bool(self.success)}, version={self.version}, "
                f"current_value={self.current_value!r})")


# --- the engine -------------------------------------------------------------------------------

@cython.no_gc  # `wheres` lead nowhere, and must not be emptied before the engine closes
cdef class Engine:
    """One open database. All methods may be called from any thread.

    data_dir: None for memory-only. bounded: documents live on disk, memory caches `cache_size`
    bytes (hybrid, persistent). Every write is in the operating system's hands when it returns (it
    survives kill -9), and on disk within flush_interval seconds; sync_writes: on disk before it
    returns. max_memory: bytes, 0 for no limit. Raises DatabaseLockedError, CorruptionError,
    StorageError, MemoryLimitError, ConfigError.
    """

    cdef vel_engine *e
    cdef dict wheres     # address -> Filter that an index uses

    def __cinit__(self, data_dir=None, *, bint bounded=False, cache_size=0, max_memory=0,
                  bint sync_writes=False, double flush_interval=0.05):
        cdef vel_options options
        cdef vel_error error
        cdef vel_status status
        cdef vel_engine *e = NULL
        path = None if data_dir is None else os.fsencode(os.path.abspath(data_dir))
        if path is not None and len(path) > 900:
            raise ConfigError(f"data_dir is too long: {len(path)} bytes, at most 900")
        memset(&options, 0, sizeof(options))
        memset(&error, 0, sizeof(error))
        if path is not None:
            options.data_dir = <const char *>path
        options.bounded = bounded
        options.sync_writes = sync_writes
        options.cache_size = cache_size
        options.max_memory = max_memory
        options.flush_interval = <int64_t>(flush_interval * 1e9)
        with nogil:
            status = engine_open(&options, &e, &error)
        if status == VEL_E_MEMORY_LIMIT:
            raise MemoryLimitError(f"{data_dir or 'memory'}: what is there takes more than "
                                   f"max_memory ({max_memory} bytes); raise it")
        if status:
            raise_status(NULL, status, &error)
        self.e = e
        self.wheres = {}

    def __dealloc__(self):
        cdef vel_error error
        cdef vel_engine *e = self.e
        if e != NULL:
            with nogil:
                engine_close(e, &error)
            engine_free(e)

    @property
    def closed(self):
        return self.e == NULL or engine_usable(self.e) == VEL_E_CLOSED

    @property
    def reads_may_wait(self):
        return bool(self.e.options.bounded)

    @property
    def writes_may_wait(self):
        return self.e.options.data_dir != NULL

    def close(self):
        """Sync and close. Idempotent. Raises StorageError when the last writes could not be made
        durable."""
        cdef vel_error error
        cdef vel_status status
        memset(&error, 0, sizeof(error))
        with nogil:
            status = engine_close(self.e, &error)
        if status and status != VEL_E_CLOSED:
            raise_status(self.e, status, &error)

    def create_collection(self, name, uint8_t level, bytes metadata not None=b""):
        """Create; False when there is one of that name already (whatever its level)."""
        cdef vel_collection *c
        cdef vel_error error
        cdef vel_status status
        encoded = name_bytes(name, COLLECTION_NAME_MAX)
        raise_unusable(self.e)
        cdef const char *bytes = encoded
        cdef size_t size = len(encoded)
        cdef const uint8_t *data = <const uint8_t *><const char *>metadata
        cdef size_t data_size = len(metadata)
        with nogil:
            status = catalog_create(self.e, bytes, size, level, data, data_size, &c, &error)
        if status < 0:
            raise_status(self.e, status, &error)
        return status == VEL_OK

    def drop_collection(self, name):
        """Drop with all its documents; False when absent."""
        cdef vel_collection *c = NULL
        cdef vel_error error
        cdef vel_status status
        encoded = name_bytes(name, COLLECTION_NAME_MAX)
        raise_unusable(self.e)
        cdef const char *bytes = encoded
        cdef size_t size = len(encoded)
        with nogil:
            status = catalog_drop(self.e, bytes, size, &c, &error)
        if c != NULL:
            collection_release(c)
        if status < 0:
            raise_status(self.e, status, &error)
        return status == VEL_OK

    def list_collections(self):
        cdef vel_buffer names
        cdef vel_status status
        memset(&names, 0, sizeof(names))
        raise_unusable(self.e)
        with nogil:
            status = catalog_list(self.e, &names)
        try:
            if status:
                raise_status(self.e, status, NULL)
            text = (<const char *>names.data)[:names.size].decode()
            return sorted(text.rstrip("\0").split("\0")) if text else []
        finally:
            buffer_free(&names)

    def metadata(self, CollectionBase collection not None):
        """What set_metadata or create_collection was given last; empty: nothing."""
        cdef vel_buffer data
        cdef vel_status status
        memset(&data, 0, sizeof(data))
        raise_unusable(self.e)
        with nogil:
            status = catalog_metadata(self.e, collection.c, &data)
        try:
            if status:
                raise_status(self.e, status, NULL)
            return (<const char *>data.data)[:data.size] if data.size else b""
        finally:
            buffer_free(&data)

    def set_metadata(self, CollectionBase collection not None, bytes metadata not None):
        """Keep bytes with a collection, which the core never looks into; durable when it
        returns."""
        cdef vel_error error
        cdef vel_status status
        cdef const uint8_t *data = <const uint8_t *><const char *>metadata
        cdef size_t size = len(metadata)
        raise_unusable(self.e)
        with nogil:
            status = catalog_set_metadata(self.e, collection.c, data, size, &error)
        if status:
            collection._check()
            raise_status(self.e, status, &error)

    def apply(self, ops):
        """Apply a batch, all or nothing. See the stub for the form of an operation."""
        cdef _Batch batch = _Batch.__new__(_Batch, self)
        for op in ops:
            kind, collection, id, fields, ttl, expected = op
            batch.add_op(kind, collection, id, fields, ttl, expected)
        return batch.commit()

    def flush(self):
        """Return when everything written so far is on disk."""
        cdef vel_error error
        cdef vel_status status
        raise_unusable(self.e)
        with nogil:
            status = engine_enter(self.e)
            if not status:
                status = engine_flush(self.e, &error)
                engine_leave(self.e)
        if status:
            raise_status(self.e, status, &error)

    def compact(self):
        """Rewrite all segments that hold garbage now; returns bytes given back."""
        cdef vel_error error
        cdef vel_status status
        cdef uint64_t given_back
        raise_unusable(self.e)
        with nogil:
            status = engine_compact(self.e, True, &given_back, &error)
        if status:
            raise_status(self.e, status, &error)
        return given_back

    cdef int _reap(self) except -1:
        """Remove what has expired, so that counts are right. What cannot be removed stays due."""
        cdef vel_error error
        cdef c_bool more = True
        cdef vel_status status = VEL_OK
        cdef int64_t now = clock_wall_ns()
        if not engine_is_due(self.e, now):
            return 0
        with nogil:
            status = engine_enter(self.e)
            if not status:
                while more and not status:
                    status = engine_reap(self.e, now, &more, &error)
                engine_leave(self.e)
        if status == VEL_E_CLOSED:
            raise_unusable(self.e)
        return 0

    def stats(self):
        cdef vel_stats s
        raise_unusable(self.e)
        with nogil:
            engine_stats(self.e, &s)
        stored = s.live_bytes + s.garbage_bytes
        return {
            "collections": s.collections, "documents": s.documents,
            "memory_usage": s.memory_usage, "record_memory": s.record_memory,
            "table_memory": s.table_memory, "index_memory": s.index_memory,
            "name_memory": s.name_memory, "cache_memory": s.cache_memory,
            "disk_usage": s.disk_usage, "live_bytes": s.live_bytes,
            "garbage_bytes": s.garbage_bytes,
            "garbage_ratio": s.garbage_bytes / stored if stored else 0.0, "segments": s.segments,
            "cache_hits": s.cache_hits, "cache_misses": s.cache_misses, "sequence": s.sequence,
            "durable_sequence": s.durable_sequence, "writes": s.writes, "expired": s.expired,
            "compactions": s.compactions, "compacted_bytes": s.compacted_bytes,
        }

    def health(self):
        """Check name -> "ok", perhaps with a remark ("ok: ..."), or what is wrong."""
        cdef vel_health h
        raise_unusable(self.e)
        with nogil:
            engine_health(self.e, &h)
        cut = text_of(h.recovery)  # a torn tail: news, but nothing is wrong any more
        return {"log": text_of(h.log) or "ok", "disk": text_of(h.disk) or "ok",
                "compaction": text_of(h.compaction) or "ok", "expiry": text_of(h.expiry) or "ok",
                "recovery": f"ok: {cut}" if cut else "ok"}


include "batch.pxi"


# --- collections ------------------------------------------------------------------------------

@cython.no_gc_clear
cdef class CollectionBase:
    """The hot half of a Collection: every call goes straight to the core."""

    cdef readonly Engine _engine
    cdef vel_engine *e
    cdef vel_collection *c

    def __cinit__(self, Engine engine not None, name):
        cdef vel_status status
        cdef vel_collection *c = NULL
        encoded = name_bytes(name, COLLECTION_NAME_MAX)
        raise_unusable(engine.e)
        cdef const char *bytes = encoded
        cdef size_t size = len(encoded)
        with nogil:
            status = catalog_find(engine.e, bytes, size, &c)
        if status == VEL_NOT_FOUND:
            raise NotFoundError(
                f"there is no collection {name!r}; create it with create_collection({name!r})")
        if status:
            raise_status(engine.e, status, NULL)
        self._engine = engine
        self.e = engine.e
        self.c = c

    def __dealloc__(self):
        if self.c != NULL:
            collection_release(self.c)

    @property
    def name(self):
        """The collection's name."""
        return text_of(self.c.name)

    @property
    def level(self):
        """Consistency level: 0 local, 1 eventual, 2 quorum, 3 strong."""
        return self.c.level

    @property
    def _number(self):
        """Never used again after a drop, also not for a collection of the same name."""
        return self.c.id

    @property
    def change_count(self):
        """Rises with every change to this collection."""
        return collection_changes(self.c)

    def _check_level(self, consistency, bint write):
        """Called when an operation names a consistency level; overridden above."""

    def _apply_operators(self, id, operators, ttl):
        """Called by `update` when the fields are update operators; overridden above."""
        raise SchemaError("update operators are not available here")

    def _swap_request(self, request, consistency):
        """Called when compare_and_swap is given no id but one request; overridden above."""
        raise SchemaError("requests are not available here")

    @property
    def _ready(self):
        """Whether the layers above have put the collection under its schema."""
        return atomic_get_acquire(&self.c.ready) != 0

    def _set_ready(self):
        atomic_set_release(&self.c.ready, 1)

    cdef int _check(self) except -1:
        """Raise when the database is closed or the collection gone."""
        raise_unusable(self.e)
        if collection_dropped(self.c):
            raise NotFoundError(f"collection {self.name!r} was dropped")
        return 0

    # --- reads

    @cython.final
    cdef object _read(self, object id, object default):
        cdef uint8_t buffer[1024]
        cdef uint8_t *larger
        cdef Py_ssize_t id_size
        cdef const uint8_t *bytes = <const uint8_t *>id_bytes(id, &id_size)
        cdef uint64_t hash = engine_hash(self.e, bytes, id_size)
        cdef size_t size
        cdef vel_status status = engine_read(self.e, self.c, hash, bytes, id_size, buffer,
                                             sizeof(buffer), &size)
        if status == VEL_OK:
            return document_new(self, self.c.names, buffer)
        if status == VEL_NOT_FOUND:
            if collection_dropped(self.c):
                self._check()
            return default
        return self._read_slow(id, default, hash)

    @cython.final
    cdef object _read_slow(self, object id, object default, uint64_t hash):
        """A record that is large, or on disk."""
        cdef vel_buffer record
        cdef vel_error error
        cdef vel_status status
        cdef Py_ssize_t id_size
        cdef const uint8_t *bytes = <const uint8_t *>id_bytes(id, &id_size)
        self._check()
        memset(&record, 0, sizeof(record))
        with nogil:
            status = engine_enter(self.e)
            if not status:
                status = engine_read_cold(self.e, self.c, hash, bytes, id_size, &record, &error)
                engine_leave(self.e)
        try:
            if status == VEL_NOT_FOUND:
                return default
            if status:
                raise_status(self.e, status, &error)
            return document_new(self, self.c.names, record.data)
        finally:
            buffer_free(&record)

    def get(self, id, default=None, *, consistency=None):
        """The document with this id, or default. Raises SchemaError for an id that cannot be
        one."""
        if consistency is not None:
            self._check_level(consistency, False)
        return self._read(id, default)

    def __getitem__(self, id):
        document = self._read(id, _missing)
        if document is _missing:
            raise NotFoundError(f"collection {self.name!r} has no document {id!r}")
        return document

    def __contains__(self, id):
        cdef Py_ssize_t id_size
        cdef const uint8_t *bytes
        cdef vel_status status
        if not isinstance(id, str):
            return False
        try:
            bytes = <const uint8_t *>id_bytes(id, &id_size)
        except SchemaError:
            return False
        status = engine_has(self.e, self.c, engine_hash(self.e, bytes, id_size), bytes, id_size)
        if status == VEL_OK:
            return True
        if status == VEL_NOT_FOUND:
            if collection_dropped(self.c):
                self._check()
            return False
        return self._read_slow(id, None, engine_hash(self.e, bytes, id_size)) is not None

    def get_many(self, ids, *, consistency=None):
        """The documents with these ids, in order; None where there is none."""
        cdef list wanted
        cdef vel_buffer keys, arena
        cdef uint8_t keys_room[KEYS_ROOM]
        cdef uint8_t arena_room[ARENA_ROOM]
        if consistency is not None:
            self._check_level(consistency, False)
        # A list of our own: the id bytes must outlive the time without the GIL.
        wanted = list(ids if type(ids) is list else each(ids, "get", "ids"))
        if not wanted:
            self._check()
            return []
        buffer_borrow(&keys, keys_room, sizeof(keys_room))
        buffer_borrow(&arena, arena_room, sizeof(arena_room))
        try:
            return self._get_many(wanted, &keys, &arena)
        finally:
            buffer_free(&arena)
            buffer_free(&keys)

    @cython.final
    cdef list _get_many(self, list ids, vel_buffer *keys, vel_buffer *arena):
        cdef vel_error error
        cdef vel_status status = VEL_BUSY
        cdef Py_ssize_t id_size
        cdef size_t count = len(ids), i
        cdef vel_key *key
        if buffer_reserve(keys, count * sizeof(vel_key)):
            raise MemoryError()
        key = <vel_key *>keys.data
        for i in range(count):
            key[i].id = <const uint8_t *>id_bytes(ids[i], &id_size)
            key[i].id_size = <uint32_t>id_size
        if count <= READ_ATTACHED_MAX:
            status = engine_read_many(self.e, self.c, key, count, True, arena, &error)
        if status == VEL_BUSY:
            arena.size = 0
            with nogil:
                status = engine_enter(self.e)
                if not status:
                    status = engine_read_many(self.e, self.c, key, count, False, arena, &error)
                    engine_leave(self.e)
        if status:
            self._check()
            raise_status(self.e, status, &error)
        return [document_new(self, self.c.names, arena.data + key[i].at - 1) if key[i].at else None
                for i in range(count)]

    def __len__(self):
        self._check()
        if self._due():
            # After a failed sync nothing can be removed: look at each document.
            return self._count_filter({})
        return collection_count(self.c)

    def _bounds(self, prefix, start, end):
        """The range of ids with the prefix from start to before end, as bytes: (low, high); high
        None: no end."""
        self._check()
        cdef bytes low = self._bound("prefix", prefix), high = None
        if low:
            high = low[:len(low) - 1] + bytes([low[len(low) - 1] + 1])  # UTF-8 has no byte 255
        low = max(low, self._bound("start", start))
        if end is not None:
            last = self._bound("end", end)
            high = last if high is None else min(high, last)
        return low, high

    cdef bytes _bound(self, object what, object text):
        if text is None:
            return b""
        if not isinstance(text, str):
            raise SchemaError(f"{what} must be a str, not {type(text).__name__}")
        return text.encode("utf-8", "surrogatepass")

    def _ids_slice(self, bytes low, bytes high, bint reverse, size_t limit):
        """The first ids of a range in the order of their UTF-8 bytes, in reverse the last; those of
        expired documents may be among them."""
        cdef vel_range r
        cdef vel_buffer arena, found
        cdef vel_error error
        cdef vel_status status
        cdef size_t count = 0
        range_begin(&r, low, high)
        memset(&arena, 0, sizeof(arena))
        memset(&found, 0, sizeof(found))
        if buffer_reserve(&found, limit * sizeof(vel_id)):
            raise MemoryError()
        try:
            status = ids_slice(self.e, self.c, &r, reverse, limit, True, <vel_id *>found.data,
                               &count, &arena, &error)
            if status == VEL_BUSY:
                with nogil:
                    status = engine_enter(self.e)
                    if not status:
                        status = ids_slice(self.e, self.c, &r, reverse, limit, False,
                                           <vel_id *>found.data, &count, &arena, &error)
                        engine_leave(self.e)
            if status:
                self._check()
                raise_status(self.e, status, &error)
            return ids_list(<vel_id *>found.data, count, &arena)
        finally:
            buffer_free(&found)
            buffer_free(&arena)

    def _ids(self, bytes low=b"", bytes high=None):
        """All ids of live documents of a range, sorted now: without the tree of ids."""
        cdef vel_range r
        cdef vel_buffer arena
        cdef vel_id *found = NULL
        cdef vel_error error
        cdef vel_status status
        cdef size_t count = 0
        self._check()
        range_begin(&r, low, high)
        memset(&arena, 0, sizeof(arena))
        with nogil:
            status = engine_enter(self.e)
            if not status:
                status = engine_ids(self.e, self.c, &r, &found, &count, &arena, &error)
                engine_leave(self.e)
        try:
            if status:
                self._check()
                raise_status(self.e, status, &error)
            return ids_list(found, count, &arena)
        finally:
            free(found)
            buffer_free(&arena)

    def _due(self):
        """Whether there may be documents that have expired and were not yet removed."""
        self._engine._reap()
        return bool(engine_is_due(self.e, clock_wall_ns()))

    # --- filters

    def _filter(self, spec):
        """A filter for this collection's documents. Raises QueryError."""
        return filter_new(spec, self.c.names, self)

    def _count_filter(self, filter):
        """How many documents match a filter, compiled or not."""
        return self._scan_all(filter, 0, None, None)

    @cython.final
    cdef uint64_t _scan_all(self, object filter, object skip, object limit, list documents,
                            vel_sort *order=NULL) except? 0:
        """Matches go to `documents`, or to `order`; both none: they are counted."""
        cdef Filter compiled = filter if isinstance(filter, Filter) else self._filter(filter)
        cdef vel_scan s
        cdef vel_error error
        cdef vel_status status
        self._check()
        compiled.scan_begin(&s, self.c.names, skip, limit,
                            documents is not None or order != NULL)
        try:
            while not s.walk.done:
                with nogil:
                    status = engine_enter(self.e)
                    if not status:
                        status = engine_scan_next(self.e, self.c, &s, &error)
                        engine_leave(self.e)
                if status:
                    self._check()
                    raise_status(self.e, status, &error)
                compiled.scan_decide(&s)
                if documents is not None:
                    document_new_many(self, self.c.names, &s.found, documents)
                elif order != NULL:
                    status = sort_records(order, &s.found, &error)
                    if status:
                        raise_status(self.e, status, &error)
                PyErr_CheckSignals()
            return s.count
        finally:
            buffer_free(&s.found)
            buffer_free(&s.unsure)

    # --- writes

    @cython.final
    cdef vel_status _apply_one(self, vel_write *w, int64_t now, int flags, vel_outcome *outcome,
                               vel_error *error) noexcept:
        cdef vel_status status = VEL_BUSY
        cdef vel_engine *e = self.e
        engine_prefetch_record(e, w.collection, w.hash)
        if not e.options.sync_writes:
            status = engine_apply(e, w, 1, now, APPLY_NONBLOCK | flags, outcome, error)
        if status == VEL_BUSY:
            with nogil:
                status = apply_waiting(e, w, 1, now, flags, outcome, error)
        return status

    @cython.final
    cdef int _begin(self, vel_write *w, object id, int kind, int require) except -1:
        """Fill a write's id and start fetching its slot."""
        cdef Py_ssize_t id_size
        cdef const uint8_t *bytes = <const uint8_t *>id_bytes(id, &id_size)
        write_begin(w, self.c, engine_hash(self.e, bytes, id_size), bytes, id_size, kind, require)
        engine_prefetch_slot(self.e, self.c, w.hash)
        return 0

    @cython.final
    cdef object _write(self, object id, int kind, int require, int flags, object fields, object ttl,
                       object consistency):
        """One operation: returns its vel_write's version, or for a delete whether it was there."""
        cdef vel_write w
        cdef vel_outcome outcome
        cdef vel_error error
        cdef vel_status status
        cdef vel_buffer body
        cdef uint8_t room[BODY_ROOM]
        cdef int64_t now
        if consistency is not None:
            self._check_level(consistency, True)
        self._begin(&w, id, kind, require)
        memset(&outcome, 0, sizeof(outcome))
        error.path[0] = error.what[0] = 0
        w.flags = flags
        now = clock_wall_ns()
        if ttl is not None:
            w.expiry = expiry_of(ttl, now)
        if kind == WRITE_DELETE:
            status = self._apply_one(&w, now, 0, &outcome, &error)
        else:
            buffer_borrow(&body, room, sizeof(room))
            try:
                body_encode(fields, self.c.names, &body)
                w.body = body.data
                w.body_size = <uint32_t>body.size
                status = self._apply_one(&w, now, 0, &outcome, &error)
            finally:
                buffer_free(&body)
        if status == VEL_OK:
            return w.version if kind != WRITE_DELETE else w.existed != 0
        if status == VEL_MISMATCH:
            raise_mismatch(&w, outcome.why)
        if status == VEL_E_SCHEMA:
            raise_unfit(&w, &error)
        raise_unusable(self.e)
        raise_status(self.e, status, &error)

    def insert(self, id, fields=None, *, ttl=None, consistency=None):
        """Insert a new document; returns its version, 1.

        Also insert(Document(id, fields)). ttl: seconds until it expires, None: never.
        Raises DuplicateKeyError when the id is taken, SchemaError for what may not be stored.
        """
        if fields is None and isinstance(id, Document):
            return self._write((<Document>id).id, WRITE_PUT, REQUIRE_ABSENT, 0,
                               (<Document>id).to_dict(), ttl, consistency)
        return self._write(id, WRITE_PUT, REQUIRE_ABSENT, 0, fields, ttl, consistency)

    def put(self, id, fields, *, ttl=None, consistency=None):
        """Insert or replace; returns the version. ttl: seconds until it expires, None: never."""
        return self._write(id, WRITE_PUT, REQUIRE_NONE, 0, fields, ttl, consistency)

    def replace(self, id, fields, *, ttl=None, consistency=None):
        """Replace all fields; returns the version. Raises NotFoundError when absent."""
        return self._write(id, WRITE_PUT, REQUIRE_PRESENT, 0, fields, ttl, consistency)

    def update(self, id, fields, *, ttl=None, consistency=None):
        """Merge these fields, or apply update operators; returns the version. Raises
        NotFoundError when absent.

        The document keeps its expiry unless ttl is given.
        """
        if has_operators(fields):
            if consistency is not None:
                self._check_level(consistency, True)
            return self._apply_operators(id, fields, ttl)
        return self._write(id, WRITE_MERGE, REQUIRE_PRESENT, WRITE_KEEP_EXPIRY, fields, ttl,
                           consistency)

    def delete(self, id, *, consistency=None):
        """Delete; returns whether it was there."""
        return self._write(id, WRITE_DELETE, REQUIRE_NONE, 0, None, None, consistency)

    def __setitem__(self, id, fields):
        self._write(id, WRITE_PUT, REQUIRE_NONE, 0, fields, None, None)

    def __delitem__(self, id):
        if not self._write(id, WRITE_DELETE, REQUIRE_NONE, 0, None, None, None):
            raise NotFoundError(f"collection {self.name!r} has no document {id!r}")

    def insert_many(self, pairs, *, ttl=None, consistency=None):
        """Insert (id, fields) pairs or Documents, all or none; returns how many."""
        return self._many(pairs, "insert", REQUIRE_ABSENT, ttl, consistency)

    def put_many(self, pairs, *, ttl=None, consistency=None):
        """Insert or replace (id, fields) pairs or Documents, all or none; returns how many."""
        return self._many(pairs, "put", REQUIRE_NONE, ttl, consistency)

    @cython.final
    cdef object _many(self, object pairs, str verb, int require, object ttl, object consistency):
        cdef _Batch batch = _Batch.__new__(_Batch, self._engine)
        cdef bint ours = False  # whether an error is about an item, not from the iterable
        if consistency is not None:
            self._check_level(consistency, True)
        self._check()
        if type(pairs) is list:
            batch.expect(len(<list>pairs))
        try:
            for pair in pairs if type(pairs) is list else each(pairs, verb, "pairs"):
                ours = True
                if type(pair) is tuple and len(<tuple>pair) == 2:
                    id, fields = (<tuple>pair)[0], (<tuple>pair)[1]
                elif isinstance(pair, Document):
                    id, fields = (<Document>pair).id, (<Document>pair).to_dict()
                else:
                    try:
                        id, fields = pair
                    except (TypeError, ValueError):
                        raise SchemaError("must be a pair (id, fields) or a Document, not "
                                          f"{type(pair).__name__}") from None
                batch.add(self, id, WRITE_PUT, require, fields, ttl)
                ours = False
        except SchemaError as error:
            if ours:
                error.args = (f"item {batch.writes.size // sizeof(vel_write)}: {error}",)
            raise
        return batch.run()

    def delete_many(self, ids, *, consistency=None):
        """Delete, all in one batch; returns how many were there."""
        cdef _Batch batch = _Batch.__new__(_Batch, self._engine)
        if consistency is not None:
            self._check_level(consistency, True)
        ids = each(ids, "delete", "ids")
        self._check()
        for id in ids:
            batch.add(self, id, WRITE_DELETE, REQUIRE_NONE, None, None)
        return sum(batch.commit())

    def compare_and_swap(self, id, expected=None, value=None, expected_version=None, replace=False,
                         ttl=None, consistency=None):
        """Change a document only if it is as expected, atomically. Returns a CASResult; a mismatch
        is no exception.

        expected: fields that must be equal (a missing field equals None); expected_version: the
        version it must have; neither: the document must not exist. On success `value` is merged in,
        or replaces all fields with replace=True. ttl: seconds until it expires; None keeps the
        expiry of a merged document. All of these may come as one CASRequest.
        """
        cdef vel_write w
        cdef vel_outcome outcome
        cdef vel_error error
        cdef vel_status status
        cdef vel_buffer body
        cdef uint8_t room[BODY_ROOM]
        cdef uint8_t current_room[BODY_ROOM]
        cdef size_t split
        cdef int64_t now
        if consistency is not None:
            self._check_level(consistency, True)
        if value is None:
            if not isinstance(id, str) and expected is None and expected_version is None:
                return self._swap_request(id, consistency)
            raise SchemaError("compare_and_swap needs a value: the fields to set when the document "
                              "is as expected")
        if type(value) is not dict:
            check_object("value", value)
        if expected is not None and type(expected) is not dict:
            check_object("expected", expected)
        self._begin(&w, id, WRITE_PUT, REQUIRE_NONE)
        buffer_borrow(&outcome.current, current_room, sizeof(current_room))
        error.path[0] = error.what[0] = 0
        now = clock_wall_ns()
        w.expiry = expiry_of(ttl, now)
        if expected is None and expected_version is None:
            w.require = REQUIRE_ABSENT
        else:
            w.require = REQUIRE_PRESENT
            if not replace:
                w.kind = WRITE_MERGE
                w.flags = WRITE_KEEP_EXPIRY
        if expected_version is not None:
            if isinstance(expected_version, bool) or not isinstance(expected_version, int):
                raise SchemaError(
                    f"expected_version must be an int, not {type(expected_version).__name__}")
            if not 0 <= expected_version < 2**64:
                raise SchemaError(
                    f"expected_version must be a version, 1 or more, not {expected_version}")
            w.flags |= WRITE_IF_VERSION
            w.expected_version = expected_version
        buffer_borrow(&body, room, sizeof(room))
        try:
            body_encode(value, self.c.names, &body)
            split = body.size
            if expected is not None:
                body_encode(expected, self.c.names, &body)
                w.flags |= WRITE_IF_MATCHES
                w.expected = body.data + split
                w.expected_size = <uint32_t>(body.size - split)
            w.body = body.data
            w.body_size = <uint32_t>split
            status = self._apply_one(&w, now, APPLY_WANT_CURRENT, &outcome, &error)
            return self._cas_result(&w, status, &outcome, &error)
        finally:
            buffer_free(&outcome.current)
            buffer_free(&body)

    cdef CASResult _cas_result(self, vel_write *w, vel_status status, vel_outcome *outcome,
                               vel_error *error):
        cdef CASResult r
        if status and (status != VEL_MISMATCH or collection_dropped(self.c)):
            self._check()
            if status == VEL_E_SCHEMA:
                raise_unfit(w, error)
            raise_status(self.e, status, error)
        r = CASResult.__new__(CASResult)
        r.success = status == VEL_OK
        r.version = 0
        if outcome.current.size:
            r._document = document_new(self, self.c.names, outcome.current.data)
            r.version = record_version(outcome.current.data)
        return r


cdef bint has_operators(object fields):
    """Whether fields is an update with operators: a key begins with `$`."""
    if type(fields) is dict:
        for name in <dict>fields:
            if isinstance(name, str) and name and PyUnicode_READ_CHAR(name, 0) == u"$":
                return True
        return False
    return isinstance(fields, Mapping) and any(
        isinstance(name, str) and name.startswith("$") for name in fields)


include "schema_compile.pxi"
include "schemas.pxi"


# --- verification -----------------------------------------------------------------------------

cdef void collect_problem(void *context, const char *path, uint64_t offset,
                          const char *what) noexcept with gil:
    (<list>context).append(f"{text_of(path)} offset {offset}: {text_of(what)}")


def verify_directory(path):
    """Read and check everything in a data directory without changing it: (records read, what is
    wrong, each with its place)."""
    cdef vel_error error
    cdef vel_status status
    cdef uint64_t records = 0
    cdef list problems = []
    cdef void *context = <void *>problems
    encoded = os.fsencode(os.path.abspath(path))
    cdef const char *directory = encoded
    memset(&error, 0, sizeof(error))
    with nogil:
        status = c_verify_directory(directory, &records, collect_problem, context, &error)
    if status:
        raise_status(NULL, status, &error)
    return records, problems


include "changes.pxi"
include "column.pxi"

pyfaults_init(sys.modules[__name__])


# --- indexes ----------------------------------------------------------------------------------

include "indexes.pxi"

# --- queries ----------------------------------------------------------------------------------

include "query_parts.pxi"
include "query_run.pxi"
include "query.pxi"
