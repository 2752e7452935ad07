# Batches of operations. Included by engine.pyx.

# --- batches ----------------------------------------------------------------------------------

@cython.final
cdef class _Batch:
    """Writes gathered to be applied together. Bodies are encoded one behind the other; pointers are
    set at commit."""

    cdef Engine engine
    cdef vel_buffer writes, bodies  # vel_write; encoded bodies, `body` holds an offset until commit
    cdef list ids                   # owners of the id bytes

    def __cinit__(self, Engine engine):
        self.engine = engine
        self.ids = []

    def __dealloc__(self):
        buffer_free(&self.writes)
        buffer_free(&self.bodies)

    cdef int expect(self, size_t count) except -1:
        """Make room for so many operations at once."""
        if buffer_reserve(&self.writes, count * sizeof(vel_write)):
            raise MemoryError()
        return 0

    cdef vel_write *add(self, CollectionBase c, object id, int kind, int require, object fields,
                        object ttl) except NULL:
        cdef vel_write *w
        cdef Py_ssize_t size = 0
        cdef const char *bytes = NULL
        cdef size_t at = self.bodies.size
        if c._engine is not self.engine:
            raise SchemaError(f"collection {c.name!r} belongs to another database")
        if kind != WRITE_UNCHANGED:
            bytes = id_bytes(id, &size)
            self.ids.append(id)
        if kind == WRITE_PUT or kind == WRITE_MERGE:
            body_encode(fields, c.c.names, &self.bodies)
        if buffer_reserve(&self.writes, sizeof(vel_write)):
            raise MemoryError()
        w = <vel_write *>(self.writes.data + self.writes.size)
        write_begin(w, c.c, engine_hash(self.engine.e, bytes, size) if size else 0, bytes, size,
                    kind, require)
        if ttl is not None:
            w.expiry = expiry_of(ttl, 0)   # from the commit on
        w.body = <const uint8_t *>at
        w.body_size = <uint32_t>(self.bodies.size - at)
        self.writes.size += sizeof(vel_write)
        return w

    cdef int add_op(self, object kind, CollectionBase c, object id, object fields, object ttl,
                    object expected) except -1:
        cdef vel_write *w
        if kind == "unchanged":
            w = self.add(c, None, WRITE_UNCHANGED, REQUIRE_NONE, None, None)
            w.expected_stamp = expected
            return 0
        if kind == "put":
            w = self.add(c, id, WRITE_PUT, REQUIRE_NONE, fields, ttl)
        elif kind == "insert":
            w = self.add(c, id, WRITE_PUT, REQUIRE_ABSENT, fields, ttl)
        elif kind == "replace" or kind == "rewrite":
            w = self.add(c, id, WRITE_PUT, REQUIRE_PRESENT, fields, ttl)
            if kind == "rewrite":
                w.flags = WRITE_KEEP_EXPIRY | WRITE_NO_DEFAULTS
        elif kind == "update":
            w = self.add(c, id, WRITE_MERGE, REQUIRE_PRESENT, fields, ttl)
            w.flags = WRITE_KEEP_EXPIRY
        elif kind == "delete":
            w = self.add(c, id, WRITE_DELETE, REQUIRE_NONE, None, None)
        elif kind == "check":
            w = self.add(c, id, WRITE_CHECK, REQUIRE_NONE, None, None)
        else:
            raise SchemaError(f"unknown kind of operation {kind!r}")
        if expected is not None:
            w.flags |= WRITE_IF_STAMP
            w.expected_stamp = expected
        return 0

    cdef size_t run(self) except? 0:
        """Apply; returns how many operations there were."""
        cdef size_t count = self.writes.size // sizeof(vel_write), i
        cdef vel_write *w = <vel_write *>self.writes.data
        cdef vel_outcome outcome
        cdef vel_error error
        cdef vel_status status = VEL_BUSY
        cdef int64_t now = clock_wall_ns()
        cdef vel_engine *e = self.engine.e
        if not count:
            raise_unusable(e)
            return 0
        memset(&outcome, 0, sizeof(outcome))
        error.path[0] = error.what[0] = 0
        for i in range(count):
            w[i].body = self.bodies.data + <size_t>w[i].body
            if w[i].expiry:
                w[i].expiry += now
        if count <= APPLY_ATTACHED_MAX and not e.options.sync_writes:
            status = engine_apply(e, w, count, now, APPLY_NONBLOCK, &outcome, &error)
        if status == VEL_BUSY:
            with nogil:
                status = apply_waiting(e, w, count, now, 0, &outcome, &error)
        if status == VEL_MISMATCH:
            raise_mismatch(&w[outcome.failed], outcome.why)
        if status == VEL_E_SCHEMA:
            raise_unfit(&w[outcome.failed], &error)
        if status:
            raise_unusable(e)
            raise_status(e, status, &error)
        return count

    cdef list commit(self):
        """Apply; returns the version of each operation, for deletes 1 when there was something."""
        cdef size_t count = self.run(), i
        cdef vel_write *w = <vel_write *>self.writes.data
        return [w[i].existed if w[i].kind == WRITE_DELETE
                else w[i].version if w[i].kind != WRITE_CHECK else 0
                for i in range(count)]


cdef vel_status apply_waiting(vel_engine *e, vel_write *w, size_t count, int64_t now, int flags,
                              vel_outcome *outcome, vel_error *error) noexcept nogil:
    """Apply, waiting for locks, and for the disk when writes are synced."""
    cdef vel_status status = engine_enter(e)
    if status:
        return status
    status = engine_apply(e, w, count, now, flags, outcome, error)
    if not status:
        status = engine_wait_synced(e, outcome.seq, error)
    engine_leave(e)
    return status


cdef int raise_mismatch(vel_write *w, const char *why) except -1:
    """Raise what an unmet condition of a write means."""
    name = text_of(w.collection.name)
    id = PyUnicode_DecodeUTF8(<const char *>w.id, w.id_size, NULL) if w.id_size else None
    reason = text_of(why)
    if reason == "present":
        raise DuplicateKeyError(
            f"collection {name!r} already has a document {id!r}; use put or update to change it")
    if reason == "absent":
        raise NotFoundError(f"collection {name!r} has no document {id!r}")
    if reason == "dropped":
        raise NotFoundError(f"collection {name!r} was dropped")
    if reason == "changed":
        raise ConflictError(f"collection {name!r} was changed meanwhile; run the transaction again")
    raise ConflictError(
        f"document {id!r} of collection {name!r} was changed meanwhile; run the transaction again")


cdef int raise_unfit(vel_write *w, vel_error *error) except -1:
    """Raise that a document does not fit its collection's schema."""
    name = text_of(w.collection.name)
    id = PyUnicode_DecodeUTF8(<const char *>w.id, w.id_size, NULL)
    raise SchemaError(f"collection {name!r}, document {id!r}: {text_of(error.what)}")
