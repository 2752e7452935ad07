# What queries are made of: declarations, results, ranges, and the shapes by which plans are kept.
# Included by engine.pyx.
#
# A shape is what a filter and a sort look like without the values: its plan is the same for all
# values, so that a query that comes often costs a look into a dict and the encoding of its keys.

DEF SHAPES_MAX = 256       # kept by one handle
DEF ATTACHED_MAX = 256     # documents wanted; more are read without the GIL
DEF ATTACHED_STEPS = 4     # slices read with the GIL, before it is given up
DEF STEPS = 64             # slices read between two looks at signals
DEF RANGES_ROOM = 512      # bytes on the stack for the ends of ranges
DEF SHAPE_RANGES = 64      # that a kept plan merges at most
DEF SHAPE_FILTERS = 64     # compiled ones that it keeps
DEF PATIENCE = 1000        # entries that a kept plan may look at, however few it was made for

MERGED_MAX = SHAPE_RANGES  # ranges of an index that are read together

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
        uint32_t begin_size, end_size, prefix_size
    ctypedef struct query_source:
        vel_index *index
        const query_range *ranges
        size_t range_count
        bint merged
        uint32_t multikey
    ctypedef struct vel_query:
        vel_engine *e
        vel_collection *c
        const query_source *sources
        size_t source_count
        const query_source *other
        bint reverse, recheck, distinct, count_only, attached, done
        vel_filter *filter
        uint64_t skip, limit, patience, found, keys_examined, documents_examined
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

cdef bytes AFTER = b"\xff" * INDEX_AFTER
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
            self.sources[i].multikey = sources[i].multikey
            self.sources[i].merged = sources[i].prefixes is not None
            for begin, end in sources[i].ranges:
                range_set(&self.ranges[total], begin, end)
                total += 1
            for n, size in enumerate(sources[i].prefixes or ()):
                (<query_range *>self.sources[i].ranges)[<size_t>n].prefix_size = size

    def __dealloc__(self):
        PyMem_Free(self.sources)
        PyMem_Free(self.ranges)


cdef int range_set(query_range *r, bytes begin, bytes end) except -1:
    r.begin, r.begin_size = begin, <uint32_t>len(begin)
    r.end, r.end_size = end, <uint32_t>len(end)
    return 0


cdef struct asked:             # by a kept plan
    vel_buffer bytes           # of the ranges' ends
    uint8_t room[RANGES_ROOM]
    query_range ranges[SHAPE_RANGES]
    query_source source


@cython.final
cdef class _Shape:
    """The plan of all queries of one shape: fields equal to something, then perhaps a range."""
    cdef Index index
    cdef bint reverse
    cdef uint64_t version      # of the indexes
    cdef uint32_t multikey     # of the index
    cdef list constants        # (place, value): what the plan holds for; None: any values
    cdef list limits           # (place, types, low, high) of the value, likewise
    cdef tuple rest            # paths that the ranges say nothing of
    cdef tuple rest_places     # of their values
    cdef dict filters          # those and their types -> the Filter of these paths
    cdef uint64_t each         # entries to look at for each document wanted, at most
    cdef uint64_t all          # or, when all are wanted
    cdef list equals           # places of the values in the filter, a tuple by field of the index
    cdef size_t ranges         # one for each choice of these values
    cdef Py_ssize_t merged     # leading fields that are the prefix of ranges read together, or 0
    cdef object range_of       # of the field behind them: values -> (begin, end); None: no range

    cdef bint ask(self, vel_query *q, asked *a, list values) except -1:
        """Fill in a query for these values; False: nothing can match. *a: its bytes are open; the
        caller frees them."""
        cdef const uint8_t *end
        cdef const char *tails[2]
        cdef size_t sizes[2]
        cdef bytes first = b"", last = AFTER
        cdef size_t n
        try:
            if self.range_of is not None:
                part = self.range_of(values)
                if part is None:
                    return False
                first, last = part
            tails[0], tails[1] = first, last
            sizes[0], sizes[1] = <size_t>len(first), <size_t>len(last)
            for n in range(self.ranges):
                self.add_range(values, n, tails, sizes, a)
        except SchemaError:
            raise IndexGone() from None  # no value: the filter's compiler says what is wrong
        end = a.bytes.data
        for n in range(self.ranges):
            a.ranges[n].begin = end
            a.ranges[n].end = end = end + a.ranges[n].begin_size
            end += a.ranges[n].end_size
        a.source.index, a.source.multikey = self.index.ix, self.multikey
        a.source.ranges, a.source.range_count = a.ranges, self.ranges
        a.source.merged = self.merged > 0
        q.sources, q.source_count = &a.source, 1
        q.reverse, q.recheck = self.reverse, True
        return True

    cdef Filter rest_filter(self, QueryBase collection, dict filter, list values):
        """What the ranges do not say, compiled."""
        cdef Filter found
        cdef list key = [values[place] for place in self.rest_places]
        key += [type(value) for value in key]  # 1, 1.0 and True are one key of a dict
        known = tuple(key)
        found = self.filters.get(known)
        if found is None:
            if len(self.filters) >= SHAPE_FILTERS:
                self.filters.clear()
            found = collection._filter({path: filter[path] for path in self.rest})
            self.filters[known] = found
        return found

    cdef object prepare(self, QueryBase collection, dict filter, list values, uint64_t limit,
                        vel_query *q, asked *a):
        """Fill in a query for these values, as ask does, with what is left to a filter. Returns
        what has to live as long as the query; None: nothing can match."""
        cdef Filter rest
        if not self.ask(q, a, values):
            return None
        q.limit = limit
        q.patience = PATIENCE + (self.all if limit == UINT64_MAX else self.each * limit)
        if not self.rest:
            return self
        rest = self.rest_filter(collection, filter, values)
        q.filter = &rest.f
        return rest

    cdef int add_range(self, list values, size_t n, const char **tails, size_t *sizes,
                       asked *a) except -1:
        """Append the ends of range n: a choice of values, and behind it each of the two tails."""
        cdef tuple places
        cdef Py_ssize_t i
        cdef size_t start = a.bytes.size, size
        cdef query_range *made = &a.ranges[n]
        made.prefix_size = 0
        for i in range(len(self.equals)):
            places = <tuple>self.equals[i]
            place = places[0]
            if len(places) > 1:
                place = places[n % <size_t>len(places)]
                n //= <size_t>len(places)
            pykey_append(values[place], self.index.ix.descending[i] != 0, <size_t>-1, &a.bytes)
            if i + 1 == self.merged:
                made.prefix_size = <uint32_t>(a.bytes.size - start)
        size = a.bytes.size - start
        append(&a.bytes, tails[0], sizes[0])
        made.begin_size = <uint32_t>(size + sizes[0])
        if buffer_reserve(&a.bytes, size + sizes[1]):
            raise MemoryError()
        memcpy(a.bytes.data + a.bytes.size, a.bytes.data + start, size)
        a.bytes.size += size
        append(&a.bytes, tails[1], sizes[1])
        made.end_size = <uint32_t>(size + sizes[1])
        return 0


cdef int append(vel_buffer *to, const void *bytes, size_t size) except -1:
    if buffer_reserve(to, size):
        raise MemoryError()
    if size:
        memcpy(to.data + to.size, bytes, size)
    to.size += size
    return 0


cdef object shape_of(object filter, object sort, bint all, list values):
    """What a filter and a sort look like without the filter's values, which are appended to
    `values`; None: not simple enough for a plan to be kept. all: there is no limit."""
    cdef list shape
    if type(filter) is not dict:
        return None
    if sort is None and not all and len(<dict>filter) == 1:
        for name, value in (<dict>filter).items():
            if value is None or type(value) in SCALARS:
                values.append(value)
                return name if not is_special(name) else None
    shape = [all]
    for name, value in (<dict>filter).items():
        if is_special(name):
            return None
        shape.append(name)
        if value is None or type(value) in SCALARS:
            values.append(value)
        elif type(value) is dict and value:
            for operator, argument in (<dict>value).items():
                if operator == "$in" and type(argument) is list:
                    if not append_scalars(<list>argument, values):
                        return None
                    shape.append(operator)
                    shape.append(len(<list>argument))
                    continue
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


cdef bint append_scalars(list from_, list values) except -1:
    """Whether all are plain values, which are appended to `values`."""
    for value in from_:
        if value is not None and type(value) not in SCALARS:
            return False
        values.append(value)
    return True


cdef bint is_special(object name) except -1:
    return (type(name) is not str or not name or PyUnicode_READ_CHAR(name, 0) == u"$"
            or name == "_id")
