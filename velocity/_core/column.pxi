# Columns: the values of all documents at some paths, in buffers that arrays are made of without a
# Python object per value. Included by engine.pyx.

from cpython.buffer cimport PyBuffer_FillInfo
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.stdlib cimport realloc
from libc.string cimport memcpy

from velocity._core.errors import QueryError

cdef extern from "column.h" nogil:
    enum:
        COLUMN_NULL, COLUMN_BOOL, COLUMN_INT, COLUMN_FLOAT, COLUMN_STRING, COLUMN_BYTES
        COLUMN_TIME, COLUMN_OTHER, COLUMNS_MAX
    ctypedef struct vel_path:
        const uint8_t *text
        uint32_t text_size
    ctypedef struct vel_column:
        vel_path path
        uint32_t number, met, longest
        vel_buffer types, values, text
    ctypedef struct vel_columns:
        vel_column *columns
        uint32_t count
        bint all
        uint64_t expected
        size_t rows
    vel_status columns_open(vel_columns *x, const uint8_t *dotted, size_t size)
    void column_characters(const vel_column *c, uint32_t width, uint32_t *to)

cdef extern from "column_scan.h" nogil:
    ctypedef struct vel_column_scan:
        vel_columns columns
        vel_filter *filter
        vel_walk walk
        vel_buffer unsure
    vel_status column_scan_next(vel_engine *e, vel_collection *c, vel_column_scan *s,
                                vel_error *error)
    vel_status column_scan_add(vel_collection *c, vel_column_scan *s, const uint8_t *record)
    void column_scan_close(vel_column_scan *s)

cdef extern from "names.h" nogil:
    enum:
        NAMES_MAX
    const uint8_t *names_bytes(const vel_names *n, uint32_t number, uint32_t *size)

cdef extern from "pycodec.h":
    object value_decode(const uint8_t *value, const uint8_t *end, vel_names *names)

cdef extern from "value.h" nogil:
    enum:
        TAG_TIME


@cython.final
cdef class ColumnBytes:
    """Memory of a column, which arrays are laid over."""

    cdef vel_buffer b

    def __dealloc__(self):
        buffer_free(&self.b)

    def __getbuffer__(self, Py_buffer *view, int flags):
        cdef void *at = self.b.data if self.b.data != NULL else <void *>&self.b
        PyBuffer_FillInfo(view, self, at, <Py_ssize_t>self.b.size, False, flags)


cdef ColumnBytes bytes_taken(vel_buffer *b):
    """A buffer, without what it has beyond its size, from now on Python's."""
    cdef ColumnBytes taken = ColumnBytes.__new__(ColumnBytes)
    cdef void *data = realloc(b.data, b.size) if b.size else NULL
    taken.b = b[0]
    if data != NULL:
        taken.b.data, taken.b.capacity = <uint8_t *>data, b.size
    memset(b, 0, sizeof(b[0]))
    return taken


@cython.final
cdef class ColumnData:
    """One column as column.h describes it, its memory included."""

    cdef readonly str name
    cdef readonly uint32_t met, longest
    cdef readonly size_t count
    cdef readonly ColumnBytes types, values, text
    cdef CollectionBase collection

    def objects(self):
        """The rows as a list of Python objects, times in UTC."""
        cdef list found = []
        cdef const uint8_t *types = self.types.b.data
        cdef const int64_t *values = <const int64_t *>self.values.b.data
        cdef const uint8_t *text = self.text.b.data
        cdef int64_t start, at = 0
        cdef size_t i
        cdef uint8_t type
        for i in range(self.count):
            type, start = types[i], at
            if type == COLUMN_STRING or type == COLUMN_BYTES or type == COLUMN_OTHER:
                at = values[i + 1]
            if type == COLUMN_STRING:
                value = PyUnicode_DecodeUTF8(<const char *>text + start, at - start, NULL)
            elif type == COLUMN_BYTES:
                value = PyBytes_FromStringAndSize(<const char *>text + start, at - start)
            elif type == COLUMN_OTHER:
                value = value_decode(text + start, text + at, self.collection.c.names)
            else:
                value = object_of(type, &values[i + 1], self.collection.c.names)
            found.append(value)
        return found

    def characters(self, uint32_t width):
        """Strings as numpy's U arrays have them."""
        cdef ColumnBytes out = ColumnBytes.__new__(ColumnBytes)
        cdef vel_column column
        cdef size_t size = self.count * width * 4
        if size == 0:
            return out
        if buffer_reserve(&out.b, size):
            raise MemoryError()
        out.b.size = size
        memset(&column, 0, sizeof(column))
        column.types, column.values, column.text = self.types.b, self.values.b, self.text.b
        with nogil:
            column_characters(&column, width, <uint32_t *>out.b.data)
        return out


cdef object object_of(uint8_t type, const int64_t *value, vel_names *names):
    cdef uint8_t encoded[9]
    if type == COLUMN_NULL:
        return None
    if type == COLUMN_BOOL:
        return value[0] != 0
    if type == COLUMN_INT:
        return value[0]
    if type == COLUMN_FLOAT:
        return (<const double *>value)[0]
    encoded[0] = TAG_TIME
    memcpy(&encoded[1], value, 8)
    return value_decode(encoded, encoded + 9, names)


cdef class ColumnsBase(CollectionBase):
    """Collection, with what py/columns.py makes arrays of."""

    def _columns(self, paths, filter=None):
        """A ColumnData for each path, and each with a row for every document that matches.

        A path of None stands for the ids. paths None: the ids, and all top-level fields in the
        order in which they were first used.
        """
        cdef vel_column_scan s
        cdef Filter compiled = None
        cdef vel_error error
        cdef vel_status status
        if filter is not None:
            compiled = filter if isinstance(filter, Filter) else self._filter(filter)
            if compiled._names != self.c.names:
                raise ValueError("a filter of another collection")
        self._check()
        memset(&s, 0, sizeof(s))
        if compiled is None:
            s.columns.expected = collection_count(self.c)
        else:
            s.filter = &compiled.f
        try:
            self._open_columns(&s.columns, paths)
            while not s.walk.done:
                with nogil:
                    status = engine_enter(self.e)
                    if not status:
                        status = column_scan_next(self.e, self.c, &s, &error)
                        engine_leave(self.e)
                self._check_columns(status, &error)
                self._decide_rows(&s)
                PyErr_CheckSignals()
            return self._take_columns(&s.columns, paths)
        finally:
            column_scan_close(&s)

    @cython.final
    cdef int _open_columns(self, vel_columns *x, object paths) except -1:
        cdef bytes text
        x.all = paths is None
        for path in (None,) if paths is None else paths:
            try:
                text = b"" if path is None else path.encode()
            except UnicodeEncodeError:
                raise QueryError(f"{path!a}: a path is text that UTF-8 has") from None
            status = columns_open(x, <const uint8_t *><const char *>text, <size_t>len(text))
            if status == VEL_E_INVALID or (path is not None and not text):
                raise QueryError(f"{path!r:.80}: a path is names with dots between them")
            self._check_columns(status, NULL)
        return 0

    @cython.final
    cdef int _check_columns(self, vel_status status, vel_error *error) except -1:
        if status == VEL_E_TOO_LARGE:
            raise QueryError(f"there are more than {COLUMNS_MAX} fields: name those wanted")
        if status:
            self._check()
            raise_status(self.e, status, error)
        return 0

    @cython.final
    cdef int _decide_rows(self, vel_column_scan *s) except -1:
        """Add the rows on which Python decides."""
        cdef size_t at = 0
        cdef const uint8_t *record
        cdef vel_record r
        while at < s.unsure.size:
            record = s.unsure.data + at
            record_read(record, &r)
            at += vel_align8(r.size)
            if filter_decide(s.filter, r.body, r.body_size):
                self._check_columns(column_scan_add(self.c, s, record), NULL)
        s.unsure.size = 0
        return 0

    @cython.final
    cdef list _take_columns(self, vel_columns *x, object paths):
        cdef list taken = []
        cdef ColumnData data
        cdef vel_column *c
        cdef uint32_t i
        for i in range(x.count):
            c = &x.columns[i]
            data = ColumnData.__new__(ColumnData)
            data.name = column_name(c, self.c.names)
            data.collection, data.count = self, x.rows
            data.met, data.longest = c.met, c.longest
            data.types, data.values = bytes_taken(&c.types), bytes_taken(&c.values)
            data.text = bytes_taken(&c.text)
            # All fields: in the order of their numbers, which they got when they were first used.
            place = 0 if i == 0 else c.number if c.number else NAMES_MAX + i
            taken.append((place if paths is None else i, data))
        return [data for _, data in sorted(taken)]


cdef str column_name(const vel_column *c, const vel_names *names):
    cdef const uint8_t *text = c.path.text
    cdef uint32_t size = c.path.text_size
    if text == NULL and c.number == 0:
        return "_id"
    if text == NULL:
        text = names_bytes(names, c.number, &size)
    return (<const char *>text)[:size].decode()
