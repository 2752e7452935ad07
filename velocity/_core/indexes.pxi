# Secondary indexes. Included by engine.pyx, whose classes it needs; what it calls is documented in
# index.h.


cdef list conflicts_of(vel_error *error):
    """[(values, id of the holder, id of the other)] of VEL_E_UNIQUE; frees them."""
    cdef index_conflict *c = error.conflict
    cdef const char *ids
    found = []
    try:
        while c != NULL:
            ids = <const char *>c.bytes + c.key_size
            values = pykey_values(c.bytes, c.key_size)
            found.append((values[0] if len(values) == 1 else values, ids[:c.id_size].decode(),
                          ids[c.id_size:c.id_size + c.other_size].decode()))
            c = c.next
    finally:
        index_conflict_free(error.conflict)
        error.conflict = NULL
    return found


cdef int raise_conflict(vel_error *error) except -1:
    """Raise what a write of a key that another document has means."""
    value, holder, other = conflicts_of(error)[0]
    raise UniqueError(f"{text_of(error.what)}: {value!r} is held by document {holder!r}; document "
                      f"{other!r} was not written")


@cython.final
@cython.no_gc_clear
cdef class Index:
    """One index of a collection. It may be dropped meanwhile: then calls raise NotFoundError."""

    cdef readonly CollectionBase collection
    cdef vel_index *ix

    def __init__(self):
        raise TypeError("find_index makes them")

    def __dealloc__(self):
        if self.ix != NULL:
            index_release(self.ix)

    cdef int _raise(self, vel_status status, vel_error *error) except -1:
        self.collection._check()
        if status == VEL_NOT_FOUND:
            raise NotFoundError(
                f"index {self.name!r} of collection {self.collection.name!r} was dropped")
        raise_status(self.collection.e, status, error)

    @property
    def name(self):
        return text_of(self.ix.name)

    @property
    def fields(self):
        """[(path, 1 or -1 for descending)]."""
        cdef uint32_t i
        return [((<const char *>self.ix.paths[i].text)[:self.ix.paths[i].text_size].decode(),
                 -1 if self.ix.descending[i] else 1)
                for i in range(self.ix.field_count)]

    @property
    def unique(self):
        return bool(self.ix.unique)

    @property
    def multikey(self):
        """Whether some document has, or had, a list in one of the fields."""
        return index_multikey(self.ix) != 0

    @property
    def multikey_fields(self):
        """The fields of which that is true: bit i for field i."""
        return index_multikey(self.ix)

    @property
    def entries(self):
        return index_entries(self.ix)

    @property
    def memory(self):
        """Bytes."""
        return index_bytes(self.ix)

    def key(self, values):
        """The beginning that all entries of these leading values share. With INDEX_AFTER behind it,
        it lies behind them all."""
        cdef vel_buffer key
        cdef uint32_t i = 0
        memset(&key, 0, sizeof(key))
        try:
            for value in values:
                if i == self.ix.field_count:
                    raise ValueError(f"index {self.name!r} has {i} fields")
                pykey_append(value, self.ix.descending[i] != 0, <size_t>-1, &key)
                i += 1
            return (<const char *>key.data)[:key.size] if key.size else b""
        finally:
            buffer_free(&key)

    def count_range(self, bytes low not None=b"", bytes high=None, bint exact=True):
        """How many entries e have low <= e < high; not exact: about as many, quickly."""
        cdef uint64_t count
        cdef const uint8_t *end = NULL
        cdef const uint8_t *begin = low
        cdef uint32_t begin_size = len(low)
        cdef uint32_t end_size = 0 if high is None else len(high)
        cdef vel_status status
        if high is not None:
            end = high
        with nogil:
            status = index_count_range(self.ix, begin, begin_size, end, end_size, exact, &count)
        if status:
            self._raise(status, NULL)
        return count

    def scan(self, bytes low not None=b"", bytes high=None, bint reverse=False, limit=None):
        """The entries e with low <= e < high in order: a list of (values, hash of the document)."""
        cdef index_cursor cursor
        cdef uint64_t hashes[INDEX_SLICE]
        cdef size_t count, i
        cdef uint32_t size
        cdef vel_status status
        cdef vel_buffer keys
        cdef const uint8_t *key
        found = []
        self._open(&cursor, low, high, reverse)
        memset(&keys, 0, sizeof(keys))
        try:
            while limit is None or len(found) < limit:
                keys.size = 0
                count = INDEX_SLICE if limit is None else min(INDEX_SLICE, limit - len(found))
                status = index_scan(&cursor, hashes, count, &count, &keys)
                if status:
                    self._raise(status, NULL)
                if not count:
                    break
                key = keys.data
                for i in range(count):
                    size = load_u32(key)
                    found.append((pykey_values(key + 4, size), hashes[i]))
                    key += 4 + size
            return found
        finally:
            buffer_free(&keys)

    def documents(self, bytes low not None=b"", bytes high=None, bint reverse=False, limit=None):
        """The documents of the entries e with low <= e < high, in that order: a list. In a multikey
        index one may come several times. Documents are those of the moment each is read."""
        cdef index_cursor cursor
        cdef uint64_t hashes[INDEX_SLICE]
        cdef index_read reads[INDEX_SLICE]
        cdef size_t count, i
        cdef vel_status status
        cdef vel_buffer arena
        found = []
        self._open(&cursor, low, high, reverse)
        memset(&arena, 0, sizeof(arena))
        try:
            while limit is None or len(found) < limit:
                count = INDEX_SLICE if limit is None else min(INDEX_SLICE, limit - len(found))
                status = index_scan(&cursor, hashes, count, &count, NULL)
                if status:
                    self._raise(status, NULL)
                if not count:
                    break
                for i in range(count):
                    reads[i].hash = hashes[i]
                self._read(reads, count, &arena, found)
            return found
        finally:
            buffer_free(&arena)

    cdef int _open(self, index_cursor *cursor, bytes low, bytes high, bint reverse) except -1:
        """The cursor borrows the bounds."""
        cdef const uint8_t *begin = low
        cdef const uint8_t *end = NULL
        cdef uint32_t end_size = 0
        if high is not None:
            end = high
            end_size = <uint32_t>len(high)
        index_cursor_open(cursor, self.ix, begin, <uint32_t>len(low), end, end_size, reverse)
        return 0

    cdef int _read(self, index_read *reads, size_t count, vel_buffer *arena, list found) except -1:
        cdef CollectionBase c = self.collection
        cdef vel_error error
        cdef vel_status status = VEL_BUSY
        cdef size_t i, at
        cdef uint32_t n
        arena.size = 0
        if count <= READ_ATTACHED_MAX:
            status = engine_read_hashes(c.e, c.c, reads, count, True, arena, &error)
        if status == VEL_BUSY:
            arena.size = 0
            with nogil:
                status = engine_enter(c.e)
                if not status:
                    status = engine_read_hashes(c.e, c.c, reads, count, False, arena, &error)
                    engine_leave(c.e)
        if status:
            self._raise(status, &error)
        for i in range(count):
            at = reads[i].at
            for n in range(reads[i].count):
                found.append(document_new(c, c.c.names, arena.data + at))
                at += (record_size(arena.data + at) + 7) & ~<size_t>7
        return 0


cdef bytes index_name(object name):
    if not isinstance(name, str):
        raise SchemaError(f"the name of an index must be a str, not {type(name).__name__}")
    try:
        encoded = name.encode()
    except UnicodeEncodeError:
        raise SchemaError(
            f"the name of an index must be encodable in UTF-8, {name!r:.80} is not") from None
    if not encoded or b"\0" in encoded:
        raise SchemaError(f"the name of an index must not be empty or have a NUL, not {name!r:.80}")
    return encoded


def find_index(CollectionBase collection not None, name):
    """The index of that name, ready for use; None when there is none."""
    cdef vel_index *ix = NULL
    cdef vel_status status
    cdef Index index
    encoded = index_name(name)
    collection._check()
    cdef const char *bytes = encoded
    with nogil:
        status = index_find(collection.e, collection.c, bytes, &ix)
    if status < 0:
        raise_unusable(collection.e)
    if ix == NULL:
        return None
    index = Index.__new__(Index)
    index.collection = collection
    index.ix = ix
    return index


def create_index(CollectionBase collection not None, name, fields, bint unique=False, where=None,
                 bint alone=False):
    """Build an index on [(path, 1 or -1)], also while others write; False when there is one of that
    name. where: a filter of the documents that are in it. alone: nobody else uses the database yet.

    Raises UniqueError, SchemaError, QueryError; then there is no such index.
    """
    cdef Filter filter = None
    cdef vel_error error
    cdef vel_status status
    cdef vel_index *ix = NULL
    cdef index_definition d
    cdef index_field *f
    cdef vel_buffer parts
    encoded = index_name(name)
    paths = [path.encode() for path, _ in fields]
    collection._check()
    memset(&error, 0, sizeof(error))
    memset(&parts, 0, sizeof(parts))
    d.name = encoded
    d.field_count = <uint32_t>len(paths)
    d.unique = unique
    d.where = NULL
    if where is not None:
        # It must not keep the engine alive, which keeps it.
        filter = filter_new(where, collection.c.names, ())
        if filter.f.needs_python:
            raise QueryError("where: $regex is not possible in a partial index")
        d.where = <index_where *>&filter.f
    if buffer_reserve(&parts, (len(paths) + 1) * sizeof(index_field)):
        raise MemoryError()
    f = <index_field *>parts.data
    d.fields = f
    for path, (_, direction) in zip(paths, fields):
        f.path = <const uint8_t *><const char *>path
        f.size = <uint32_t>len(path)
        f.descending = direction < 0
        f += 1
    with nogil:
        status = index_create(collection.e, collection.c, &d, alone, &ix, &error)
        buffer_free(&parts)
    if ix != NULL:
        index_release(ix)
    if filter is not None and status == VEL_OK:
        collection._engine.wheres[<size_t>d.where] = filter
    if status == VEL_E_UNIQUE:
        shown = "; ".join(f"{value!r} of documents {a!r} and {b!r}"
                          for value, a, b in conflicts_of(&error))
        raise UniqueError(f"{text_of(error.what)} cannot be unique: {shown}; nothing was changed")
    if status == VEL_NOT_FOUND:
        collection._check()
        raise NotFoundError(f"index {name!r} was dropped while it was built")
    if status < 0:
        raise_status(collection.e, status, &error)
    return status == VEL_OK


def drop_index(CollectionBase collection not None, name):
    """Drop; False when there is none of that name."""
    cdef index_where *filter = NULL
    cdef vel_status status
    encoded = index_name(name)
    collection._check()
    cdef const char *bytes = encoded
    with nogil:
        status = index_drop(collection.e, collection.c, bytes, &filter)
    if status < 0:
        raise_unusable(collection.e)
    collection._engine.wheres.pop(<size_t>filter, None)
    return status == VEL_OK
