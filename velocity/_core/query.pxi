# Queries: running plans, and keeping the plans of simple ones by their shape. Included by
# engine.pyx.
#
# A shape is what a filter and a sort look like without the values: its plan is the same for all
# values, so that a query that comes often costs a look into a dict and the encoding of its keys.

DEF SHAPES_MAX = 256       # kept by one handle
DEF ATTACHED_MAX = 256     # documents wanted; more are read without the GIL
DEF ATTACHED_STEPS = 4     # slices read with the GIL, before it is given up
DEF STEPS = 64             # slices read between two looks at signals
DEF KEY_ROOM = 256         # bytes on the stack for a range's end

cdef extern from *:
    """
    static inline int velocity_reraise(void) { return -1; }  /* an exception is set */
    """
    int reraise "velocity_reraise"() except -1

cdef extern from "sort.h" nogil:
    void sort_open(vel_sort *s, const vel_names *names, uint64_t wanted)
    void sort_close(vel_sort *s)
    vel_status sort_add(vel_sort *s, const uint8_t *record)
    vel_status sort_by(vel_sort *s, const uint8_t *dotted, size_t size, bint descending)
    vel_status sort_end(vel_sort *s)
    uint64_t sort_count(const vel_sort *s)
    const uint8_t *sort_record(const vel_sort *s, uint64_t i)

cdef extern from "query.h" nogil:
    const size_t INDEX_AFTER
    const uint64_t UINT64_MAX
    ctypedef struct query_range:
        const uint8_t *begin
        const uint8_t *end
        uint32_t begin_size, end_size
    ctypedef struct query_source:
        vel_index *index
        const query_range *ranges
        size_t range_count
    ctypedef struct vel_query:
        vel_engine *e
        vel_collection *c
        const query_source *sources
        size_t source_count
        const query_source *other
        bint reverse, recheck, distinct, count_only, attached, done
        vel_filter *filter
        uint64_t skip, limit, found, keys_examined, documents_examined
    vel_status query_open(vel_query *q)
    void query_close(vel_query *q)
    vel_status query_step(vel_query *q, bint attached, vel_error *error)
    vel_status query_sort(vel_query *q, vel_sort *order)
    uint64_t query_count(const vel_query *q)
    const uint8_t *query_record(const vel_query *q, uint64_t i)
    vel_status query_choose(void *context, vel_write *write, vel_error *error)
    uint64_t collection_metadata_changes(const vel_collection *c)
    vel_status engine_apply_chosen(vel_engine *e, vel_write *write,
                                   vel_status (*choose)(void *, vel_write *, vel_error *),
                                   void *context, int64_t now, int flags, vel_outcome *outcome,
                                   vel_error *error)
    uint32_t record_measure(vel_record *r)
    void record_write(const vel_record *r, uint8_t *to)

cdef set COMPARES = {"$gt", "$gte", "$lt", "$lte"}
cdef tuple SCALARS = (str, int, float, bool, bytes, datetime)


@cython.final
cdef class QueryResult:
    """Documents that a query found, in order.

    documents: at most `limit`. has_more: others follow. total: how many match altogether, counted
    when first asked; writes since then may have changed it.
    """
    cdef readonly list documents
    cdef readonly bint has_more
    cdef object _total         # a number, or None until asked
    cdef object _collection, _filter

    def __init__(self, list documents, bint has_more, total=None, collection=None, filter=None):
        self.documents = documents
        self.has_more = has_more
        self._total = total
        self._collection = collection
        self._filter = filter

    @property
    def total(self):
        with cython.critical_section(self):
            if self._total is None:
                self._total = self._collection.count(self._filter)
            return self._total

    def __iter__(self):
        return iter(self.documents)

    def __len__(self):
        return len(self.documents)

    def __getitem__(self, place):
        return self.documents[place]

    def __repr__(self):
        more = ", more follow" if self.has_more else ""
        return f"<velocity.QueryResult of {len(self.documents)} documents{more}>"


class IndexGone(Exception):
    """A plan does not fit any more: its index was dropped, or it is for other values. Plan again."""


@cython.final
cdef class _Sources:
    """The ranges of a plan as the core wants them. The plan keeps the indexes and the bytes."""
    cdef query_source *sources
    cdef query_range *ranges
    cdef size_t count

    def __cinit__(self, list sources):
        cdef size_t total = 0, i
        for source in sources:
            total += len(source.ranges)
        self.count = len(sources)
        self.sources = <query_source *>PyMem_Calloc(self.count + 1, sizeof(query_source))
        self.ranges = <query_range *>PyMem_Calloc(total + 1, sizeof(query_range))
        if self.ranges == NULL or self.sources == NULL:
            raise MemoryError()
        total = 0
        for i in range(self.count):
            self.sources[i].index = (<Index?>sources[i].index).ix
            self.sources[i].ranges = self.ranges + total
            self.sources[i].range_count = len(sources[i].ranges)
            for begin, end in sources[i].ranges:
                range_set(&self.ranges[total], begin, end)
                total += 1

    def __dealloc__(self):
        PyMem_Free(self.sources)
        PyMem_Free(self.ranges)


cdef int range_set(query_range *r, bytes begin, bytes end) except -1:
    r.begin, r.begin_size = begin, <uint32_t>len(begin)
    r.end, r.end_size = end, <uint32_t>len(end)
    return 0


@cython.final
cdef class _Shape:
    """The plan of all queries of one shape: fields equal to something, then perhaps a range."""
    cdef Index index
    cdef bint reverse
    cdef uint64_t version      # of the indexes
    cdef list constants        # (place, value): what the plan holds for; None: any values
    cdef list types            # (place, types of the value), likewise
    cdef list equals           # places of the values in the filter, by field of the index
    cdef object range_of       # of the field behind them: values -> (begin, end); None: no range

    cdef bint bounds(self, list values, vel_buffer *begin, vel_buffer *end) except -1:
        """The range for these values, in two buffers; False: nothing lies in it."""
        cdef Py_ssize_t i
        try:
            for i in range(len(self.equals)):
                pykey_append(values[self.equals[i]], self.index.ix.descending[i] != 0, <size_t>-1,
                             begin)
            part = None if self.range_of is None else self.range_of(values)
        except SchemaError:
            raise IndexGone() from None  # no value: the filter's compiler says what is wrong
        append(end, begin.data, begin.size)
        if self.range_of is None:
            if buffer_reserve(end, INDEX_AFTER):
                raise MemoryError()
            memset(end.data + end.size, 0xFF, INDEX_AFTER)
            end.size += INDEX_AFTER
            return True
        if part is None:
            return False
        append(begin, <const char *><bytes>part[0], <size_t>len(part[0]))
        append(end, <const char *><bytes>part[1], <size_t>len(part[1]))
        return True

    cdef int ask(self, vel_query *q, query_source *source, query_range *range, vel_buffer *begin,
                 vel_buffer *end) except -1:
        """Fill in a query for these bounds, which the caller keeps."""
        range.begin, range.begin_size = begin.data, <uint32_t>begin.size
        range.end, range.end_size = end.data, <uint32_t>end.size
        source.index, source.ranges, source.range_count = self.index.ix, range, 1
        q.sources, q.source_count = source, 1
        q.reverse, q.recheck = self.reverse, True
        return 0


cdef int append(vel_buffer *to, const void *bytes, size_t size) except -1:
    if buffer_reserve(to, size):
        raise MemoryError()
    if size:
        memcpy(to.data + to.size, bytes, size)
    to.size += size
    return 0


cdef object shape_of(object filter, object sort, list values):
    """What a filter and a sort look like without the filter's values, which are appended to
    `values`; None: not simple enough for a plan to be kept."""
    cdef list shape
    if type(filter) is not dict:
        return None
    if sort is None and len(<dict>filter) == 1:
        for name, value in (<dict>filter).items():
            if value is None or type(value) in SCALARS:
                values.append(value)
                return name if not is_special(name) else None
    shape = []
    for name, value in (<dict>filter).items():
        if is_special(name):
            return None
        shape.append(name)
        if value is None or type(value) in SCALARS:
            values.append(value)
        elif type(value) is dict and value:
            for operator, argument in (<dict>value).items():
                # An argument that is not a number is no bound, and null is equal to missing.
                if operator not in COMPARES or type(argument) not in SCALARS:
                    return None
                if argument != argument:
                    return None
                shape.append(operator)
                values.append(argument)
        else:
            return None
    shape.append(None)
    if type(sort) is str:
        shape.append(sort)
    elif type(sort) in (list, tuple):
        for field in sort:
            if type(field) is not str:
                return None
            shape.append(field)
    elif sort is not None:
        return None
    return tuple(shape)


cdef bint is_special(object name) except -1:
    return type(name) is not str or not name or PyUnicode_READ_CHAR(name, 0) == u"$" or name == "_id"


cdef class QueryBase(ColumnsBase):
    """Collection, with what py/queries.py is built on."""
    cdef dict _shapes           # shape -> _Shape
    # Of None: (version of the indexes, what plans may use).
    cdef readonly dict _usable

    def __cinit__(self, engine, name):
        # Never set again: without a GIL, others may be reading them.
        self._shapes, self._usable = {}, {}

    def _scan_filter(self, filter, limit=None, skip=0):
        """The documents that match a filter, compiled or not, in no order; limit: most to give,
        skip: matches to pass over before."""
        cdef list documents = []
        self._scan_all(filter, skip, limit, documents)
        return documents

    def _group(self, filter, key, paths, fields):
        """$group in one pass, as grouping.pxd has the arguments: a dict for each group. None when only
        the stages can tell: a regular expression, or a path that leads through a list."""
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

    def _shape(self, filter, sort):
        """(shape, values): what shape_of makes of them."""
        cdef list values = []
        return shape_of(filter, sort, values), values

    def _keep_plan(self, shape, uint64_t version, Index index, list equals, range_of, bint reverse,
                   constants, types):
        """Answer queries of this shape by this index from now on. version: of the indexes when it
        was planned. equals: places of the values, one for each of its first fields. constants:
        (place, value) of values for which alone the plan holds, or None. types: (place, types),
        likewise."""
        cdef _Shape kept = _Shape.__new__(_Shape)
        kept.index, kept.equals, kept.range_of, kept.reverse = index, equals, range_of, reverse
        kept.version, kept.constants, kept.types = version, constants, types
        if len(self._shapes) >= SHAPES_MAX:
            self._shapes.clear()
        self._shapes[shape] = kept

    def _check_usable(self):
        """Raise when the database is closed or the collection gone."""
        self._check()

    def _index_version(self):
        """Changes whenever an index is created or dropped."""
        return collection_metadata_changes(self.c)

    cdef _Shape _kept(self, object filter, object sort, list values):
        """The plan kept for a query's shape, if its indexes are still the same."""
        cdef _Shape kept
        if not self._shapes:
            return None
        found = self._shapes.get(shape_of(filter, sort, values))
        if found is None:
            return None
        kept = <_Shape>found
        if kept.version != collection_metadata_changes(self.c):
            self._shapes.clear()
            return None
        if index_is_multikey(kept.index.ix):
            return None  # since then: one document may have several entries
        if kept.types is not None:
            for place, allowed in kept.types:
                if type(values[place]) not in allowed:
                    return None
        if kept.constants is not None:
            for place, value in kept.constants:
                if values[place] != value or type(values[place]) is not type(value):
                    return None
        return kept

    cdef list _quick(self, object filter, object sort, uint64_t limit):
        """The first documents of a simple query; None: no plan is kept for it."""
        cdef _Shape kept
        cdef query_range range
        cdef query_source source
        cdef vel_query q
        cdef vel_buffer begin, end
        cdef uint8_t begin_room[KEY_ROOM]
        cdef uint8_t end_room[KEY_ROOM]
        cdef list values = []
        kept = self._kept(filter, sort, values)
        if kept is None:
            return None
        self._check()
        buffer_borrow(&begin, begin_room, KEY_ROOM)
        buffer_borrow(&end, end_room, KEY_ROOM)
        memset(&q, 0, sizeof(q))
        try:
            if not kept.bounds(values, &begin, &end):
                return []
            q.limit = limit
            kept.ask(&q, &source, &range, &begin, &end)
            self._walk(&q, NULL)
            return None if index_is_multikey(kept.index.ix) else self._found(&q)
        except IndexGone:
            return None
        finally:
            query_close(&q)
            buffer_free(&begin)
            buffer_free(&end)

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
                            status = query_sort(q, order)
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
        sort_open(&sorting, self.c.names, UINT64_MAX)
        try:
            sort_fields(&sorting, order)
            for document in documents:
                if sort_add(&sorting, document._record):
                    raise MemoryError()
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
        None: some of them have expired, so that they must be looked at."""
        self._check()
        self._engine._reap()
        if engine_is_due(self.e, clock_wall_ns()):
            return None
        total = 0
        for source in plan.sources:
            for begin, end in source.ranges:
                total += (<Index>source.index).count_range(begin, end)
        return total

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
        if (type(limit) is int and 0 < limit < ATTACHED_MAX and fields is None
                and type(offset) is int and offset == 0):
            documents = self._quick(filter, sort, limit + 1)
        if documents is None:
            return self._find(filter, sort, limit, offset, fields)
        more = len(documents) > limit
        if more:
            documents.pop()
        return QueryResult(documents, more, None if more else len(documents), self, filter)

    def find_one_and_update(self, filter, update, sort=None, upsert=False, return_new=True, *,
                            consistency=None):
        """Find the first document that matches, update it as `update` does, and return it; None when
        there is none. All is one step: no two callers get the same document in the same state.

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
        cdef query_range range
        cdef query_source source
        cdef vel_query q
        cdef vel_write w
        cdef vel_outcome outcome
        cdef vel_error error
        cdef vel_status status = VEL_BUSY
        cdef vel_buffer begin, end, body
        cdef uint8_t begin_room[KEY_ROOM]
        cdef uint8_t end_room[KEY_ROOM]
        cdef uint8_t body_room[BODY_ROOM]
        cdef uint8_t current_room[BODY_ROOM]
        cdef int64_t now = clock_wall_ns()
        cdef list values = []
        kept = self._kept(filter, sort, values)
        if kept is None:
            return None
        self._check()
        buffer_borrow(&begin, begin_room, KEY_ROOM)
        buffer_borrow(&end, end_room, KEY_ROOM)
        buffer_borrow(&body, body_room, BODY_ROOM)
        buffer_borrow(&outcome.current, current_room, BODY_ROOM)
        error.path[0] = error.what[0] = 0
        memset(&q, 0, sizeof(q))
        q.e, q.c, q.limit, q.attached = self.e, self.c, 1, True
        try:
            if not kept.bounds(values, &begin, &end):
                return None
            kept.ask(&q, &source, &range, &begin, &end)
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
            buffer_free(&begin)
            buffer_free(&end)
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
