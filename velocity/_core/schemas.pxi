# Schemas of collections; part of engine.pyx.


cdef list texts_of(const uint8_t *data, size_t size):
    """Pairs of texts, each as u16 size, bytes."""
    cdef size_t at = 0, length
    cdef list texts = []
    while at < size:
        length = data[at] | <size_t>data[at + 1] << 8
        texts.append((<const char *>data)[at + 2:at + 2 + length].decode("utf-8", "replace"))
        at += 2 + length
    return list(zip(texts[::2], texts[1::2]))


def set_schema(CollectionBase collection not None, schema):
    """Put writes under a schema (see compile_schema), None: none, at opening and creating."""
    cdef vel_status status = VEL_OK
    cdef vel_schema *compiled = NULL
    collection._check()
    if schema is not None:
        compiled = compile_schema(collection.c.names, schema)
        with nogil:
            status = rules_install(collection.e, collection.c, compiled)
        if status:
            raise_status(collection.e, status, NULL)


def evolve_schema(CollectionBase collection not None, schema, store):
    """Put the collection under another schema (None: none), live.

    store: called when all documents fit and while writes must fit both; when it raises, or a
    document does not fit, all is as before. Returns None, or what does not fit: the first few
    (id, why).
    """
    cdef vel_schema *compiled = NULL
    cdef vel_status status
    cdef vel_buffer report
    cdef vel_error error
    cdef bint taken = False
    collection._check()
    if schema is not None:
        compiled = compile_schema(collection.c.names, schema)
    memset(&report, 0, sizeof(report))
    error.path[0] = error.what[0] = 0
    with nogil:
        status = evolve_begin(collection.e, collection.c, compiled)
    if status == VEL_BUSY:
        raise ConflictError(f"the schema of collection {collection.name!r} is being changed by "
                            "another thread; try again")
    if status:
        raise_status(collection.e, status, &error)
    try:
        with nogil:
            status = engine_enter(collection.e)
            if not status:
                status = evolve_check(collection.e, collection.c, &report, &error)
                engine_leave(collection.e)
        if status == VEL_MISMATCH:
            return texts_of(report.data, report.size)
        if status:
            collection._check()
            raise_status(collection.e, status, &error)
        store()
        taken = True
    finally:
        buffer_free(&report)
        with nogil:
            evolve_end(collection.e, collection.c, taken)


def fill_documents(CollectionBase collection not None):
    """Store every document as the schema wants it, with the defaults of missing fields; how
    many were written."""
    cdef vel_status status
    cdef vel_error error
    cdef uint64_t count = 0
    collection._check()
    error.path[0] = error.what[0] = 0
    with nogil:
        status = engine_enter(collection.e)
        if not status:
            status = evolve_fill(collection.e, collection.c, &count, &error)
            engine_leave(collection.e)
    if status:
        collection._check()
        raise_status(collection.e, status, &error)
    return count


def fitted_fields(CollectionBase collection not None, id, fields, bint fill):
    """A whole document's fields as the schema would have them stored: fill, with defaults.
    Raises SchemaError when they do not fit."""
    cdef vel_write w
    cdef vel_status status
    cdef vel_error error
    cdef vel_buffer body, fitted
    cdef int mode = SCHEMA_FILL if fill else SCHEMA_WHOLE
    memset(&body, 0, sizeof(body))
    memset(&fitted, 0, sizeof(fitted))
    error.path[0] = error.what[0] = 0
    try:
        collection._begin(&w, id, WRITE_CHECK, REQUIRE_NONE)
        body_encode(fields, collection.c.names, &body)
        with nogil:
            status = rules_judge(collection.e, collection.c, body.data, body.size, mode, &fitted,
                                 &error)
        if status == VEL_E_SCHEMA:
            raise_unfit(&w, &error)
        if status < 0:
            raise_status(collection.e, status, &error)
        return (body_decode(fitted.data, fitted.size, collection.c.names) if status == VEL_MISMATCH
                else fields)
    finally:
        buffer_free(&body)
        buffer_free(&fitted)
