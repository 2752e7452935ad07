"""Groups of a collection's documents, gathered in the core: setting up, and results as dicts."""

from libc.string cimport memcpy, memset

from velocity._core.core cimport (
    VEL_E_NOMEM, VEL_OK, buffer_free, pycodec_init, value_encode, vel_buffer,
)

from velocity._core.errors import QueryError, SchemaError

cdef extern from "value.h":
    const uint8_t *value_skip(const uint8_t *p, const uint8_t *end)

cdef extern from "pycodec.h":
    object value_decode(const uint8_t *value, const uint8_t *end, vel_names *names)

pycodec_init(SchemaError)

cdef dict OPERATORS = {"$count": GROUP_COUNT, "$sum": GROUP_SUM, "$avg": GROUP_AVERAGE,
                       "$min": GROUP_MIN, "$max": GROUP_MAX}


cdef Grouping grouping_new(object key, list paths, list fields, vel_names *names, object owner):
    cdef Grouping self = Grouping.__new__(Grouping)
    cdef Py_ssize_t key_count = 0 if key is None else len(key) if type(key) is dict else 1
    cdef Py_ssize_t i
    cdef bytes text
    self._key = key
    self._fields = [field[0] for field in fields]
    self._names = names
    self._owner = owner
    if group_open(&self.g, names, len(paths), key_count, type(key) is dict, len(fields)) != VEL_OK:
        raise MemoryError()
    for i in range(len(paths)):
        text = paths[i].encode()
        check(path_compile(&self.g.paths[i], text, len(text)), paths[i])
    for i in range(len(fields)):
        _, operator, path, constant = fields[i]
        self.g.fields[i].op = OPERATORS[operator]
        self.g.fields[i].path = path
        if not path:
            set_constant(&self.g.fields[i], constant, names)
    return self


cdef int check(vel_status status, object path) except -1:
    if status == VEL_E_NOMEM:
        raise MemoryError()
    if status != VEL_OK:
        raise QueryError(f"{path!r}: the path is too long")
    return 0


cdef int set_constant(group_field *field, object constant, vel_names *names) except -1:
    """constant: an int or a float; both take 9 bytes at most."""
    cdef vel_buffer out
    memset(&out, 0, sizeof(out))
    try:
        value_encode(constant, names, &out)
        memcpy(field.constant, out.data, out.size)
        field.constant_size = <uint8_t>out.size
    finally:
        buffer_free(&out)
    return 0


cdef class Grouping:
    """A $group of the shape that the core can do, with what it has gathered."""

    def __dealloc__(self):
        group_close(&self.g)

    cdef object _id(self, const group_entry *entry):
        cdef const uint8_t *at = self.g.bytes.data + entry.id
        cdef const uint8_t *end = at + entry.id_size
        cdef const uint8_t *next
        if type(self._key) is not dict:
            return value_decode(at, end, self._names)
        id = {}
        for name in <dict>self._key:
            if at[0] == GROUP_MISSING:
                at += 1
                continue
            next = value_skip(at, end)
            id[name] = value_decode(at, next, self._names)
            at = next
        return id

    cdef object _value(self, const group_result *r):
        if r.kind == RESULT_INT:
            return r.integer
        if r.kind == RESULT_FLOAT:
            return r.real
        return None if r.kind == RESULT_NULL else value_decode(r.value.at, r.value.end, self._names)

    cdef list results(self):
        """A dict for each group, in the order in which they were met."""
        cdef group_result r
        cdef uint32_t i, field
        cdef list found = []
        for i in range(self.g.group_count):
            result = {"_id": self._id(&self.g.groups[i])}
            for field in range(len(self._fields)):
                group_result_read(&self.g, i, field, &r)
                result[self._fields[field]] = self._value(&r)
            found.append(result)
        return found
