# A compiled filter and the declarations of filter.h; the header is the documentation.

from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t

from velocity._core.core cimport (
    c_bool, vel_buffer, vel_collection, vel_engine, vel_error, vel_names, vel_status,
)


cdef extern from "filter.h" nogil:
    enum:
        FILTER_AND, FILTER_OR, FILTER_EXISTS, FILTER_TYPE, FILTER_SIZE, FILTER_MOD
        FILTER_EQ, FILTER_LT, FILTER_LTE, FILTER_GT, FILTER_GTE, FILTER_IN
        FILTER_STARTS, FILTER_CONTAINS, FILTER_ELEMENT, FILTER_ELEMENT_VALUE
        FILTER_FIELDS, FILTER_TEXT
        FILTER_DEPTH_MAX, FILTER_NODES_MAX, FILTER_VALUES_MAX
        KIND_NULL, KIND_BOOL, KIND_INT, KIND_FLOAT, KIND_TIME, KIND_BYTES, KIND_STRING
        KIND_LIST, KIND_OBJECT
    ctypedef struct filter_mod:
        int64_t divisor, remainder
    ctypedef struct filter_node:
        bint negated
        uint32_t path, types, text
        uint64_t size
        filter_mod mod
    ctypedef int (*filter_text)(void *context, uint32_t text, const uint8_t *bytes,
                                size_t size) except -1 with gil
    ctypedef struct vel_filter:
        const vel_names *names
        filter_node *nodes
        vel_buffer bytes
        bint needs_python
        filter_text text
        void *context
    vel_status filter_open(vel_filter *f, const vel_names *names)
    void filter_close(vel_filter *f)
    vel_status filter_add(vel_filter *f, uint32_t parent, int op, uint32_t *out)
    vel_status filter_add_path(vel_filter *f, const uint8_t *dotted, size_t size, uint32_t *out)
    vel_status filter_add_value(vel_filter *f, uint32_t node, size_t start)
    void filter_seal(vel_filter *f)
    void filter_resolve(vel_filter *f)
    int filter_decide(const vel_filter *f, const uint8_t *body, size_t size) except -1 with gil
    int filter_decide_value(const vel_filter *f, const uint8_t *value,
                            const uint8_t *end) except -1 with gil


cdef extern from "filter_scan.h" nogil:
    ctypedef struct vel_walk:
        uint64_t cursor
        c_bool done
    ctypedef struct vel_scan:
        vel_filter *filter
        uint64_t skip, limit, count
        bint collect
        vel_walk walk
        vel_buffer found, unsure
    vel_status scan_match(vel_scan *s, const uint8_t *record)
    vel_status engine_scan_next(vel_engine *e, vel_collection *c, vel_scan *s, vel_error *error)


cdef class Filter:
    cdef vel_filter f
    cdef vel_names *_names       # where its values' names are numbered
    cdef bint _names_own         # they are the filter's own
    cdef object _owner           # else it keeps them alive
    cdef list _patterns          # of FILTER_TEXT: functions of a text
    cdef object _where           # while it is compiled: the path at hand

    # Begin a scan of documents whose names `names` numbers.
    cdef int scan_begin(self, vel_scan *s, const vel_names *names, object skip, object limit,
                        bint collect) except -1
    # Decide on the records on which the core could not: those that match go behind the found ones.
    cdef int scan_decide(self, vel_scan *s) except -1
    cdef int _own(self) except -1
    cdef int _compile(self, object spec) except -1
    cdef int _check(self, vel_status status) except -1
    cdef uint32_t _add(self, uint32_t parent, int op, uint32_t path) except 0
    cdef int _conditions(self, uint32_t parent, object spec, int depth) except -1
    cdef int _branches(self, uint32_t parent, str op, object branches, int depth) except -1
    cdef int _field(self, uint32_t parent, uint32_t path, object value, int depth) except -1
    cdef int _operators(self, uint32_t parent, uint32_t path, object operators,
                        int depth) except -1
    cdef int _operator(self, uint32_t parent, uint32_t path, str op, object argument,
                       object operators, int depth) except -1
    cdef uint32_t _compare(self, uint32_t parent, uint32_t path, int op, object value) except 0
    cdef int _value(self, uint32_t node, object value) except -1
    cdef uint32_t _among(self, uint32_t parent, uint32_t path, object values) except 0
    cdef int _all(self, uint32_t parent, uint32_t path, object values, int depth) except -1
    cdef int _not(self, uint32_t parent, uint32_t path, object argument, int depth) except -1
    cdef int _element(self, uint32_t parent, uint32_t path, object argument, int depth) except -1
    cdef int _pattern(self, uint32_t parent, uint32_t path, object pattern,
                      object options) except -1


# A filter on documents whose names `names` numbers; owner keeps them alive.
cdef Filter filter_new(object spec, vel_names *names, object owner)
