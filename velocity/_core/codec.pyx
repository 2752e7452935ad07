"""A thin face on the codec's C files, for tests and benchmarks; the engine calls them directly."""

from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memset

from velocity._core.errors import SchemaError

cdef extern from "<stdbool.h>":
    ctypedef bint c_bool "bool"

cdef extern from "base.h":
    ctypedef enum vel_status:
        VEL_OK
        VEL_MISMATCH
        VEL_E_NOMEM
        VEL_E_TOO_LARGE
        VEL_E_CORRUPT
    ctypedef struct vel_error:
        char what[1]
    ctypedef struct vel_buffer:
        uint8_t *data
        size_t size
        size_t capacity
    void buffer_free(vel_buffer *b) noexcept

cdef extern from "xxh3.h":
    uint64_t xxh3_64(const void *data, size_t size, uint64_t seed) noexcept

cdef extern from "names.h":
    ctypedef struct vel_names:
        pass
    vel_names *names_new() noexcept
    void names_free(vel_names *n) noexcept
    uint32_t names_count(const vel_names *n) noexcept
    uint64_t names_memory(const vel_names *n) noexcept
    const uint8_t *names_bytes(const vel_names *n, uint32_t number, uint32_t *size) noexcept
    uint32_t names_find(const vel_names *n, const uint8_t *name, size_t size) noexcept
    vel_status names_write(
        const vel_names *n, uint32_t first, uint32_t count, vel_buffer *out) noexcept
    vel_status names_read(vel_names *n, const uint8_t *payload, size_t size) noexcept

cdef extern from "value.h":
    vel_status body_validate(const uint8_t *body, size_t size, uint32_t name_count, size_t *where,
                             const char **why) noexcept
    bint value_equal(const uint8_t *a, const uint8_t *a_end,
                     const uint8_t *b, const uint8_t *b_end) noexcept
    bint body_matches(const uint8_t *body, size_t size,
                      const uint8_t *expected, size_t expected_size) noexcept
    vel_status body_merge(const uint8_t *base, size_t base_size, const uint8_t *changes,
                          size_t changes_size, vel_buffer *out) noexcept

cdef extern from "schema.h":
    ctypedef int schema_type
    ctypedef struct vel_schema:
        pass
    vel_schema *schema_new(vel_names *names, bint strict) noexcept
    void schema_free(vel_schema *s) noexcept
    vel_status schema_add(vel_schema *s, const uint8_t *name, size_t name_size, schema_type type,
                          bint required, const uint8_t *default_body, size_t default_size) noexcept
    vel_status schema_fit(const vel_schema *s, const uint8_t *body, size_t size, int mode,
                          vel_buffer *out, vel_error *error) noexcept

cdef extern from "pycodec.h":
    int pycodec_init(object schema_error) except -1
    int body_encode(object fields, vel_names *names, vel_buffer *out) except -1
    object body_decode(const uint8_t *body, size_t size, vel_names *names)
    # NULL without an exception when absent: so not declared as an object.
    void *body_decode_field(const uint8_t *body, size_t size, vel_names *names,
                            object name) except? NULL
    int body_has_field(const uint8_t *body, size_t size, vel_names *names, object name) except -1
    list body_decode_names(const uint8_t *body, size_t size, vel_names *names)
    object time_decode_ns(int64_t ns)

    object value_decode(const uint8_t *value, const uint8_t *end, vel_names *names)

cdef extern from "path.h":
    ctypedef struct vel_path:
        pass
    vel_status path_compile(vel_path *p, const uint8_t *dotted, size_t size) noexcept
    void path_free(vel_path *p) noexcept
    void path_resolve(vel_path *p, const vel_names *n) noexcept
    const uint8_t *path_find(const vel_path *p, const uint8_t *body, size_t size,
                             const uint8_t **end, c_bool *is_list) noexcept
    ctypedef c_bool (*path_visitor)(void *context, const uint8_t *value, const uint8_t *end,
                                    unsigned int flags) noexcept
    bint path_visit(const vel_path *p, const uint8_t *body, size_t size, path_visitor visit,
                    void *context) noexcept

cdef extern from "value_key.h":
    vel_status value_key(const uint8_t *value, const uint8_t *end, const vel_names *names,
                         size_t limit, vel_buffer *out) noexcept

cdef extern from "pykey.h":
    int pykey_init() except -1
    object pykey_bytes(object value, bint descending)

cdef extern from "Python.h":
    void Py_DECREF(object o)

pycodec_init(SchemaError)
pykey_init()


def hash64(const uint8_t[::1] data, uint64_t seed=0):
    """XXH3-64 of any contiguous buffer."""
    return xxh3_64(&data[0] if data.shape[0] else NULL, <size_t>data.shape[0], seed)


def decode_time(int64_t ns):
    """Nanoseconds since 1970 as an aware datetime, rounded down to microseconds."""
    return time_decode_ns(ns)


def order_key(value, descending=False):
    """Bytes that compare as values do, across types; equal values have equal bytes. No key is the
    beginning of another, so joined keys order by the first value, then the next.

    Raises: SchemaError for what no document could hold.
    """
    return pykey_bytes(value, descending)


cdef bytes object_value(bytes body):
    """A body as a value: an object."""
    return b"\x14" + len(body).to_bytes(4, "little") + body


cdef c_bool collect_place(void *context, const uint8_t *value, const uint8_t *end,
                          unsigned int flags) noexcept:
    (<list>context).append(None if value is NULL else (<size_t>value, <size_t>end))
    return False


cdef int path_open(vel_path *p, str path, const vel_names *names) except -1:
    cdef bytes text = path.encode()
    if path_compile(p, <const uint8_t *>text, <size_t>len(text)) != VEL_OK:
        path_free(p)
        raise ValueError(path)
    path_resolve(p, names)
    return 0


cdef class Codec:
    """Encodes and decodes documents with field names of its own. Safe to share between threads."""

    cdef vel_names *_names

    def __cinit__(self):
        self._names = names_new()
        if self._names is NULL:
            raise MemoryError

    def __dealloc__(self):
        names_free(self._names)

    def encode(self, fields):
        """The body of a Mapping. Raises: SchemaError for what cannot be stored."""
        cdef vel_buffer out = vel_buffer(NULL, 0, 0)
        try:
            body_encode(fields, self._names, &out)
            return PyBytes_FromStringAndSize(<const char *>out.data, <Py_ssize_t>out.size)
        finally:
            buffer_free(&out)

    def decode(self, bytes body not None):
        """The dict of a body. Raises: ValueError when it is malformed."""
        return body_decode(<const uint8_t *>body, <size_t>len(body), self._names)

    def decode_field(self, bytes body not None, name):
        """The value of one field. Raises: KeyError when absent."""
        cdef void *value = body_decode_field(
            <const uint8_t *>body, <size_t>len(body), self._names, name)
        if value is NULL:
            raise KeyError(name)
        result = <object>value
        Py_DECREF(result)  # the reference that the call gave
        return result

    def has_field(self, bytes body not None, name):
        return body_has_field(<const uint8_t *>body, <size_t>len(body), self._names, name) == 1

    def field_names(self, bytes body not None):
        """Names of a body's fields, in order."""
        return body_decode_names(<const uint8_t *>body, <size_t>len(body), self._names)

    def validate(self, bytes body not None):
        """Check every byte. Raises: ValueError(why, offset)."""
        cdef size_t where = 0
        cdef const char *why = NULL
        cdef vel_status status = body_validate(
            <const uint8_t *>body, <size_t>len(body), names_count(self._names), &where, &why)
        if status != VEL_OK:
            raise ValueError(why.decode(), where)

    def equal(self, bytes a not None, bytes b not None):
        """Whether two bodies are equal as objects."""
        cdef bytes x = object_value(a)
        cdef bytes y = object_value(b)
        cdef const uint8_t *p = x
        cdef const uint8_t *q = y
        return value_equal(p, p + len(x), q, q + len(y))

    def matches(self, bytes body not None, bytes expected not None):
        """Whether every field of *expected* equals the body's."""
        return body_matches(<const uint8_t *>body, <size_t>len(body),
                            <const uint8_t *>expected, <size_t>len(expected))

    def merge(self, bytes base not None, bytes changes not None):
        """*base* with the fields of *changes*. Raises: ValueError when malformed or too large."""
        cdef vel_buffer out = vel_buffer(NULL, 0, 0)
        cdef vel_status status = body_merge(
            <const uint8_t *>base, <size_t>len(base),
            <const uint8_t *>changes, <size_t>len(changes), &out)
        try:
            if status == VEL_E_NOMEM:
                raise MemoryError
            if status != VEL_OK:
                raise ValueError("too large" if status == VEL_E_TOO_LARGE else "malformed")
            return PyBytes_FromStringAndSize(<const char *>out.data, <Py_ssize_t>out.size)
        finally:
            buffer_free(&out)

    def path_values(self, bytes body not None, str path not None):
        """What a dotted path leads to: a list of (value,), () where it is missing, in order.

        Raises: ValueError for a path that cannot be."""
        cdef vel_path p
        cdef list places = []
        cdef const uint8_t *at = body
        path_open(&p, path, self._names)
        try:
            path_visit(&p, at, <size_t>len(body), collect_place, <void *>places)
        finally:
            path_free(&p)
        return [() if place is None else
                (value_decode(<const uint8_t *><size_t>place[0], <const uint8_t *><size_t>place[1],
                              self._names),)
                for place in places]

    def path_value(self, bytes body not None, str path not None):
        """The same by the short way: (value,), () when it is missing; None when a list is on the
        way."""
        cdef vel_path p
        cdef const uint8_t *end = NULL
        cdef c_bool is_list = False
        path_open(&p, path, self._names)
        cdef const uint8_t *value = path_find(
            &p, <const uint8_t *>body, <size_t>len(body), &end, &is_list)
        path_free(&p)
        if is_list:
            return None
        return () if value is NULL else (value_decode(value, end, self._names),)

    def field_key(self, bytes body not None, str path not None, limit=1 << 30):
        """The order key of the one value at a path; of null when it is missing. None: it would be
        longer than the limit."""
        cdef vel_path p
        cdef vel_buffer out = vel_buffer(NULL, 0, 0)
        cdef const uint8_t *end = NULL
        cdef c_bool is_list = False
        path_open(&p, path, self._names)
        cdef const uint8_t *value = path_find(
            &p, <const uint8_t *>body, <size_t>len(body), &end, &is_list)
        cdef vel_status status = value_key(value, end, self._names, limit, &out)
        path_free(&p)
        try:
            if status == VEL_E_TOO_LARGE:
                return None
            if status != VEL_OK:
                raise ValueError("malformed")
            return PyBytes_FromStringAndSize(<const char *>out.data, <Py_ssize_t>out.size)
        finally:
            buffer_free(&out)

    @property
    def memory(self):
        """Bytes that the names take."""
        return names_memory(self._names)

    def names(self):
        """All names in the order of their numbers, which begin at 1."""
        cdef uint32_t number, size
        cdef const uint8_t *name
        result = []
        for number in range(1, names_count(self._names) + 1):
            name = names_bytes(self._names, number, &size)
            result.append((<const char *>name)[:size].decode())
        return result

    def number(self, str name not None):
        """The number of a name; 0 when it has none."""
        cdef bytes text = name.encode()
        return names_find(self._names, <const uint8_t *>text, <size_t>len(text))

    def export_names(self, uint32_t first=1):
        """Names from number *first* on, as the log's DEFINE operation holds them."""
        cdef vel_buffer out = vel_buffer(NULL, 0, 0)
        cdef uint32_t count = names_count(self._names)
        if not 1 <= first <= count + 1:
            raise ValueError("no such name")
        try:
            if names_write(self._names, first, count + 1 - first, &out) != VEL_OK:
                raise MemoryError
            return PyBytes_FromStringAndSize(<const char *>out.data, <Py_ssize_t>out.size)
        finally:
            buffer_free(&out)

    def import_names(self, bytes payload not None):
        """Take over exported names. Raises: ValueError when they do not fit those known."""
        cdef vel_status status = names_read(
            self._names, <const uint8_t *>payload, <size_t>len(payload))
        if status == VEL_E_NOMEM:
            raise MemoryError
        if status != VEL_OK:
            raise ValueError("names that do not fit")


include "schema_compile.pxi"


cdef class SchemaCheck:
    """A schema, compiled with the names of a codec, which it keeps."""

    cdef vel_schema *schema
    cdef Codec codec

    def __cinit__(self, Codec codec not None, schema):
        self.codec = codec
        self.schema = compile_schema(codec._names, schema)

    def __dealloc__(self):
        schema_free(self.schema)

    def fit(self, bytes body not None, int mode=1):
        """The body as it is stored. mode: 0 a whole document, 1 with defaults, 2 a part."""
        cdef vel_buffer out
        cdef vel_error error
        cdef vel_status status
        memset(&out, 0, sizeof(out))
        try:
            status = schema_fit(self.schema, body, len(body), mode, &out, &error)
            if status == VEL_OK:
                return body
            if status == VEL_MISMATCH:
                return PyBytes_FromStringAndSize(<char *>out.data, out.size)
            if status == VEL_E_NOMEM:
                raise MemoryError()
            if status == VEL_E_CORRUPT:
                raise ValueError(error.what.decode())
            raise SchemaError(error.what.decode("utf-8", "replace"))
        finally:
            buffer_free(&out)
