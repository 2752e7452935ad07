# find, find_one and find_one_and_update, with the plans of simple ones kept by their shape.
# Included by engine.pyx.


cdef class QueryBase(QueryRuns):
    """Collection, with what py/queries.py is built on."""
    cdef dict _shapes           # shape -> _Shape
    # Of None: (version of the indexes, what plans may use).
    cdef readonly dict _usable

    def __cinit__(self, engine, name):
        # Never set again: without a GIL, others may be reading them.
        self._shapes, self._usable = {}, {}

    def _shape(self, filter, sort, all=False):
        """(shape, values): what shape_of makes of them."""
        cdef list values = []
        return shape_of(filter, sort, all, values), values

    def _keep_plan(self, shape, uint64_t version, Index index, uint32_t multikey, list equals,
                   Py_ssize_t merged, range_of, bint reverse, constants, limits, rest,
                   uint64_t examined, wanted):
        """Answer queries of this shape by this index from now on. version: of the indexes when it
        was planned; multikey: of the index then. equals: a tuple of places of the values for each
        of its first fields. merged: how many of these are the prefix of ranges that are merged, or
        0. constants: (place, value) of values for which alone the plan holds, or None. limits:
        (place, types, low, high), likewise. rest: a path for each condition that is left to a
        filter, and the places of its values. examined: entries it looked at; wanted: documents for
        which it did, None: all. When it has to look at many times as many, it is not used."""
        cdef _Shape kept = _Shape.__new__(_Shape)
        kept.index, kept.equals, kept.range_of, kept.reverse = index, equals, range_of, reverse
        kept.version, kept.constants, kept.limits = version, constants, limits
        kept.rest, kept.rest_places = rest
        kept.filters = {}
        kept.all = kept.each = 10 * examined
        if wanted is not None:
            kept.each = 10 * (examined // <uint64_t>wanted + 1)
        kept.multikey, kept.merged, kept.ranges = multikey, merged, 1
        for places in equals:
            kept.ranges *= <size_t>len(places)
        if kept.ranges > SHAPE_RANGES:
            raise ValueError(f"{kept.ranges} ranges")
        if len(self._shapes) >= SHAPES_MAX:
            self._shapes.clear()
        self._shapes[shape] = kept

    def _check_usable(self):
        """Raise when the database is closed or the collection gone."""
        self._check()

    def _index_version(self):
        """Changes whenever an index is created or dropped."""
        return collection_metadata_changes(self.c)

    cdef _Shape _kept(self, object filter, object sort, bint all, list values):
        """The plan kept for a query's shape, if its indexes are still the same."""
        cdef _Shape kept
        if not self._shapes:
            return None
        found = self._shapes.get(shape_of(filter, sort, all, values))
        if found is None:
            return None
        kept = <_Shape>found
        if kept.version != collection_metadata_changes(self.c):
            self._shapes.clear()
            return None
        if index_multikey(kept.index.ix) != kept.multikey:
            return None  # lists came since then: another plan
        if kept.limits is not None:
            for place, allowed, low, high in kept.limits:
                value = values[place]
                if type(value) not in allowed:
                    return None
                if low is not None and not (value >= low[0] if low[1] else value > low[0]):
                    return None
                if high is not None and not (value <= high[0] if high[1] else value < high[0]):
                    return None
        if kept.constants is not None:
            for place, value in kept.constants:
                if values[place] != value or type(values[place]) is not type(value):
                    return None
        return kept

    cdef list _quick(self, object filter, object sort, uint64_t limit):
        """The first documents of a simple query; None: no plan is kept for it."""
        cdef _Shape kept
        cdef asked a
        cdef vel_query q
        cdef list values = []
        kept = self._kept(filter, sort, limit == UINT64_MAX, values)
        if kept is None:
            return None
        self._check()
        buffer_borrow(&a.bytes, a.room, RANGES_ROOM)
        memset(&q, 0, sizeof(q))
        try:
            alive = kept.prepare(self, <dict>filter, values, limit, &q, &a)
            if alive is None:
                return []
            self._walk(&q, NULL)
            return self._found(&q)
        except IndexGone:
            return None
        finally:
            query_close(&q)
            buffer_free(&a.bytes)

    def find_one(self, filter=None, sort=None, *, consistency=None):
        """The first document that matches, or None. Arguments are those of find."""
        cdef list documents
        if consistency is not None:
            self._check_level(consistency, False)
        documents = self._quick(filter, sort, 1)
        if documents is None:
            return self._find_first(filter, sort)
        return documents[0] if documents else None

    def find(self, filter=None, sort=None, limit=None, offset=0, fields=None, *, consistency=None):
        """The documents that match, in the order of `sort` ("age", "-age", or a list of them).

        Without a sort the order is the index's, or none. offset: documents to pass over. fields:
        paths to keep in the documents. Each document is of one moment; one that a writer changes
        while the query runs is found as it was or as it is, or missed if it moves in the order.
        Raises QueryError for what is no filter, sort or limit.
        """
        cdef list documents = None
        cdef bint more
        if consistency is not None:
            self._check_level(consistency, False)
        if fields is None and type(offset) is int and offset == 0:
            if limit is None:
                documents = self._quick(filter, sort, UINT64_MAX)
                if documents is not None:
                    return QueryResult(documents, False, len(documents), self, filter)
            elif type(limit) is int and 0 < limit < ATTACHED_MAX:
                documents = self._quick(filter, sort, limit + 1)
        if documents is None:
            return self._find(filter, sort, limit, offset, fields)
        more = len(documents) > limit
        if more:
            documents.pop()
        return QueryResult(documents, more, None if more else len(documents), self, filter)

    def find_one_and_update(self, filter, update, sort=None, upsert=False, return_new=True, *,
                            consistency=None):
        """Find the first document that matches, update it as `update` does, and return it; None
        when there is none. All is one step: no two callers get the same document in the same state.

        upsert: insert one, of the filter's equalities and the update, where none matches.
        return_new: the document after the update, else as it was before (None after an insert).
        """
        if consistency is not None:
            self._check_level(consistency, True)
        changes = simple_changes(update)
        if changes is not None:
            found = self._claim_quick(filter, changes, sort, return_new)
            if found is not None:
                return found
        return self._claim(filter, update, sort, upsert, return_new)

    cdef object _claim_quick(self, object filter, dict changes, object sort, bint return_new):
        """The step under one lock, for a shape whose plan is kept; None: not that way."""
        cdef _Shape kept
        cdef asked a
        cdef vel_query q
        cdef vel_write w
        cdef vel_outcome outcome
        cdef vel_error error
        cdef vel_status status = VEL_BUSY
        cdef vel_buffer body
        cdef uint8_t body_room[BODY_ROOM]
        cdef uint8_t current_room[BODY_ROOM]
        cdef int64_t now = clock_wall_ns()
        cdef list values = []
        kept = self._kept(filter, sort, False, values)
        if kept is None:
            return None
        self._check()
        buffer_borrow(&a.bytes, a.room, RANGES_ROOM)
        buffer_borrow(&body, body_room, BODY_ROOM)
        buffer_borrow(&outcome.current, current_room, BODY_ROOM)
        error.path[0] = error.what[0] = 0
        memset(&q, 0, sizeof(q))
        q.e, q.c, q.attached = self.e, self.c, True
        try:
            alive = kept.prepare(self, <dict>filter, values, 1, &q, &a)
            if alive is None:
                return None
            write_begin(&w, self.c, 0, NULL, 0, WRITE_MERGE, REQUIRE_PRESENT)
            w.flags = WRITE_KEEP_EXPIRY
            body_encode(changes, self.c.names, &body)
            w.body, w.body_size = body.data, <uint32_t>body.size
            if query_open(&q):
                raise MemoryError()
            if not self.e.options.sync_writes:
                status = engine_apply_chosen(self.e, &w, query_choose, &q, now,
                                             APPLY_NONBLOCK | APPLY_WANT_CURRENT, &outcome, &error)
            if status == VEL_BUSY:
                q.attached = False
                with nogil:
                    status = claim_waiting(self.e, &w, &q, now, &outcome, &error)
            if status == VEL_OK:
                if return_new:
                    return document_new(self, self.c.names, outcome.current.data)
                return document_new(self, self.c.names, query_record(&q, 0))
            if status == VEL_NOT_FOUND or status == VEL_MISMATCH:
                return None  # the general way looks again
            if status == VEL_E_SCHEMA:
                raise_unfit(&w, &error)
            self._raise_query(status, &error)
        except IndexGone:
            return None
        finally:
            query_close(&q)
            buffer_free(&a.bytes)
            buffer_free(&body)
            buffer_free(&outcome.current)

    def _rewrite(self, Document document, fields):
        """Replace a document's fields if it is still this one; the new document, else None."""
        cdef vel_write w
        cdef vel_outcome outcome
        cdef vel_error error
        cdef vel_status status
        cdef vel_buffer body
        cdef uint8_t body_room[BODY_ROOM]
        cdef uint8_t current_room[BODY_ROOM]
        id = document.id
        self._begin(&w, id, WRITE_PUT, REQUIRE_PRESENT)
        w.flags = WRITE_KEEP_EXPIRY | WRITE_NO_DEFAULTS | WRITE_IF_STAMP
        w.expected_stamp = record_stamp(document._record)
        buffer_borrow(&body, body_room, BODY_ROOM)
        buffer_borrow(&outcome.current, current_room, BODY_ROOM)
        error.path[0] = error.what[0] = 0
        try:
            body_encode(fields, self.c.names, &body)
            w.body, w.body_size = body.data, <uint32_t>body.size
            status = self._apply_one(&w, clock_wall_ns(), APPLY_WANT_CURRENT, &outcome, &error)
            if status == VEL_OK:
                return document_new(self, self.c.names, outcome.current.data)
            if status == VEL_MISMATCH and not collection_dropped(self.c):
                return None
            self._check()
            if status == VEL_E_SCHEMA:
                raise_unfit(&w, &error)
            raise_status(self.e, status, &error)
        finally:
            buffer_free(&body)
            buffer_free(&outcome.current)


cdef vel_status claim_waiting(vel_engine *e, vel_write *w, vel_query *q, int64_t now,
                              vel_outcome *outcome, vel_error *error) noexcept nogil:
    cdef vel_status status = engine_enter(e)
    if status:
        return status
    status = engine_apply_chosen(e, w, query_choose, q, now, APPLY_WANT_CURRENT, outcome, error)
    if status == VEL_OK:
        status = engine_wait_synced(e, outcome.seq, error)
    engine_leave(e)
    return status


cdef dict simple_changes(object update):
    """The fields that an update merges, when that is all it does; else None."""
    if type(update) is not dict or not update:
        return None
    if not has_operators(update):
        return <dict>update
    if len(<dict>update) > 1:
        return None
    changes = (<dict>update).get("$set")
    if type(changes) is not dict or not changes:
        return None
    for name in <dict>changes:
        if is_special(name) or "." in <str>name:
            return None
    return <dict>changes
