# Running the plans of queries. Included by engine.pyx.


cdef class QueryRuns(ColumnsBase):
    """Collection, with what runs plans that py/plan.py has made."""

    def _scan_filter(self, filter, limit=None, skip=0):
        """The documents that match a filter, compiled or not, in no order; limit: most to give,
        skip: matches to pass over before."""
        cdef list documents = []
        self._scan_all(filter, skip, limit, documents)
        return documents

    def _group(self, filter, key, paths, fields):
        """$group in one pass, as grouping.pxd has the arguments: a dict for each group. None when
        only the stages can tell: a regular expression, or a path that leads through a list."""
        cdef Filter compiled = None if filter is None else self._filter(filter)
        cdef Grouping grouping = grouping_new(key, paths, fields, self.c.names, self)
        cdef vel_filter *f = NULL if compiled is None else &compiled.f
        cdef vel_walk walk
        cdef vel_error error
        cdef vel_status status
        if f != NULL and f.needs_python:
            return None
        self._check()
        memset(&walk, 0, sizeof(walk))
        while not walk.done:
            with nogil:
                status = engine_enter(self.e)
                if not status:
                    status = engine_group_next(self.e, self.c, &walk, f, &grouping.g, &error)
                    engine_leave(self.e)
            if status == VEL_MISMATCH or status == VEL_E_TOO_LARGE:
                return None
            if status:
                self._check()
                raise_status(self.e, status, &error)
            PyErr_CheckSignals()
        return grouping.results()

    cdef int _walk(self, vel_query *q, vel_sort *order) except -1:
        """Run a query to its end; what it finds goes to `order`, unless NULL. The caller closes."""
        cdef vel_error error
        cdef vel_status status = VEL_OK
        cdef int step
        q.e, q.c = self.e, self.c
        if query_open(q):
            raise MemoryError()
        if order == NULL and q.limit <= ATTACHED_MAX:
            for step in range(ATTACHED_STEPS):
                status = query_step(q, True, &error)
                if status or q.done:
                    break
        while not q.done:
            if status and status != VEL_BUSY:
                self._raise_query(status, &error)
            with nogil:
                status = engine_enter(self.e)
                if not status:
                    for step in range(STEPS):
                        status = query_step(q, False, &error)
                        if not status and order != NULL:
                            status = query_sort(q, order, &error)
                        if status or q.done:
                            break
                    engine_leave(self.e)
            if not status:
                PyErr_CheckSignals()
        if status:
            self._raise_query(status, &error)
        return 0

    cdef int _raise_query(self, vel_status status, vel_error *error) except -1:
        if status == VEL_E_PYTHON:
            reraise()
        if status == VEL_MISMATCH:
            raise IndexGone()
        self._check()
        raise_status(self.e, status, error)

    cdef list _found(self, vel_query *q):
        cdef uint64_t i
        return [document_new(self, self.c.names, query_record(q, i))
                for i in range(query_count(q))]

    cdef list _sorted(self, vel_sort *order, uint64_t skip, uint64_t limit):
        cdef vel_status status
        cdef uint64_t i, end
        with nogil:
            status = sort_end(order)
        if status:
            raise MemoryError()
        end = sort_count(order)
        if limit < end - min(skip, end):
            end = skip + limit
        return [document_new(self, self.c.names, sort_record(order, i)) for i in range(skip, end)]

    cdef int _ask(self, vel_query *q, _Sources sources, object plan, Filter filter) except -1:
        """Fill in what a plan asks."""
        memset(q, 0, sizeof(vel_query))
        q.sources, q.source_count = sources.sources, sources.count
        if plan.kind == "intersection":
            q.source_count, q.other = 1, &sources.sources[1]
        q.reverse, q.recheck = plan.reverse, plan.covered
        q.distinct = plan.multikey
        if filter is not None and not plan.covered:
            q.filter = &filter.f
        q.limit = UINT64_MAX
        return 0

    def _run(self, plan, Filter filter, order, uint64_t skip, limit):
        """(documents, keys examined, documents examined). Raises IndexGone."""
        cdef vel_query q
        cdef vel_sort sorting
        cdef _Sources sources
        cdef uint64_t most = UINT64_MAX if limit is None else limit
        cdef bint sorted = len(order) > 0 and not plan.ordered
        if plan.kind == "scan":
            return self._run_scan(filter, order, skip, most)
        self._check()
        sources = _Sources(plan.sources)
        self._ask(&q, sources, plan, filter)
        if not sorted:
            q.skip, q.limit = skip, most
        sort_open(&sorting, self.c.names, add_saturated(skip, most))
        try:
            sort_fields(&sorting, order)
            self._walk(&q, &sorting if sorted else NULL)
            documents = self._sorted(&sorting, skip, most) if sorted else self._found(&q)
            return documents, q.keys_examined, q.documents_examined
        finally:
            sort_close(&sorting)
            query_close(&q)

    def _run_scan(self, Filter filter, order, uint64_t skip, uint64_t limit):
        """The same without an index."""
        cdef vel_sort sorting
        cdef list documents = []
        cdef uint64_t there = collection_count(self.c)
        if filter is None:
            filter = self._filter({})
        if not len(order):
            self._scan_all(filter, skip, None if limit == UINT64_MAX else limit, documents, NULL)
            return documents, 0, there
        sort_open(&sorting, self.c.names, add_saturated(skip, limit))
        try:
            sort_fields(&sorting, order)
            self._scan_all(filter, 0, None, None, &sorting)
            return self._sorted(&sorting, skip, limit), 0, there
        finally:
            sort_close(&sorting)

    def _matches(self, Document document, Filter filter):
        """Whether a document matches a filter of this collection."""
        cdef vel_record r
        record_read(document._record, &r)
        filter_resolve(&filter.f)
        return filter_decide(&filter.f, r.body, r.body_size) == 1

    def _sort_documents(self, list documents, order):
        """These documents in order."""
        cdef vel_sort sorting
        cdef Document document
        cdef vel_error error
        cdef vel_status status
        sort_open(&sorting, self.c.names, UINT64_MAX)
        try:
            sort_fields(&sorting, order)
            for document in documents:
                status = sort_add(&sorting, document._record, &error)
                if status:
                    raise_status(self.e, status, &error)
            return self._sorted(&sorting, 0, UINT64_MAX)
        finally:
            sort_close(&sorting)

    def _count_plan(self, plan, Filter filter):
        """How many documents a plan finds."""
        cdef vel_query q
        cdef _Sources sources = _Sources(plan.sources)
        self._check()
        self._ask(&q, sources, plan, filter)
        q.count_only = True
        try:
            self._walk(&q, NULL)
            return q.found
        finally:
            query_close(&q)

    def _count_ranges(self, plan):
        """How many documents lie in the ranges of a plan that says all, without looking at them;
        None: they must be looked at, since some have expired, or have several entries by now."""
        self._check()
        self._engine._reap()
        if engine_is_due(self.e, clock_wall_ns()):
            return None
        total = 0
        for source in plan.sources:
            for begin, end in source.ranges:
                total += (<Index>source.index).count_range(begin, end)
            if index_multikey((<Index>source.index).ix) != <uint32_t>source.multikey:
                return None
        return total

    def _with_fields(self, Document document, fields):
        """A document found, with these fields in place of its own."""
        cdef vel_record r
        cdef vel_buffer body, record
        cdef uint8_t body_room[BODY_ROOM]
        cdef uint8_t record_room[BODY_ROOM]
        record_read(document._record, &r)
        buffer_borrow(&body, body_room, BODY_ROOM)
        buffer_borrow(&record, record_room, BODY_ROOM)
        try:
            body_encode(fields, self.c.names, &body)
            r.body, r.body_size = body.data, <uint32_t>body.size
            if buffer_reserve(&record, record_measure(&r)):
                raise MemoryError()
            record_write(&r, record.data)
            return document_new(self, self.c.names, record.data)
        finally:
            buffer_free(&body)
            buffer_free(&record)


cdef int sort_fields(vel_sort *s, object order) except -1:
    """order: ((path, 1 or -1), ...)."""
    cdef bytes text
    for path, direction in order:
        text = (<str>path).encode()
        if sort_by(s, text, <size_t>len(text), direction < 0):
            raise QueryError(f"sort: cannot sort by {path!r}: it is too long, or there are too "
                             "many fields")
    return 0


cdef uint64_t add_saturated(uint64_t a, uint64_t b) noexcept:
    return a + b if b <= UINT64_MAX - a else UINT64_MAX
