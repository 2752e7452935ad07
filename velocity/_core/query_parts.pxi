# What queries are made of: declarations, results, ranges, and the shapes by which plans are kept.
# Included by engine.pyx.
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
    vel_status sort_add(vel_sort *s, const uint8_t *record, vel_error *error)
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
    vel_status query_sort(vel_query *q, vel_sort *order, vel_error *error)
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
    """A plan does not fit any more: its index was dropped, or it is for other values."""


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
    return (type(name) is not str or not name or PyUnicode_READ_CHAR(name, 0) == u"$"
            or name == "_id")
