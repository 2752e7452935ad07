# A document holds a copy of its record, and the names by which to decode it. Made for every read,
# so nothing of it is set twice: allocated raw, with references counted by hand.
#
# Threads: a snapshot, changed by nobody; `fields` is made once, in the document's critical section.

cimport cython
from cpython.mem cimport PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject
from cpython.ref cimport Py_INCREF
from libc.stdint cimport uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

from velocity._core.core cimport (
    ID_SIZE_MAX, record_id, record_id_size, record_size, vel_align8, vel_buffer, vel_names,
)

DEF INLINE_SIZE = 168  # bytes of a record kept in the document itself


cdef extern from *:
    """
    static inline PyObject *velocity_object_new(PyTypeObject *type) {
        return _PyObject_New(type);  /* the memory is not cleared */
    }
    static inline PyObject *velocity_steal(PyObject *o) { return o; }
    """
    PyObject *velocity_object_new(PyTypeObject *type)
    object steal "velocity_steal"(PyObject *o)


cdef extern from "Python.h":
    bint PyUnicode_CheckExact(object text)
    bint PyUnicode_IS_COMPACT_ASCII(object text)
    Py_ssize_t PyUnicode_GET_LENGTH(object text)
    void *PyUnicode_DATA(object text)


cdef const char *id_bytes_checked(object id, Py_ssize_t *size) except NULL

cdef inline const char *id_bytes(object id, Py_ssize_t *size) except NULL:
    """An id's UTF-8, which the str itself keeps. Raises SchemaError for what cannot be an id."""
    if PyUnicode_CheckExact(id) and PyUnicode_IS_COMPACT_ASCII(id):
        size[0] = PyUnicode_GET_LENGTH(id)
        if 1 <= size[0] <= ID_SIZE_MAX:
            return <const char *>PyUnicode_DATA(id)
    return id_bytes_checked(id, size)


@cython.final
@cython.no_gc
cdef class Document:
    cdef PyObject *_owner        # keeps the names alive; NULL when made by a program
    cdef PyObject *_id           # when made by a program, else NULL
    cdef PyObject *_fields       # likewise; or `fields`, once asked for
    cdef vel_names *_names
    cdef uint8_t *_record        # inside _inline, or malloc'ed; NULL when made by a program
    cdef uint32_t _body_at, _body_size
    cdef uint64_t _version       # of one made by a program, 0: not said
    cdef uint8_t _inline[INLINE_SIZE]  # without a record three int64 ns: created, modified, expires


cdef inline Document document_new(object owner, vel_names *names, const uint8_t *record):
    """A Document with a copy of the record."""
    cdef Document d = <Document>steal(velocity_object_new(<PyTypeObject *>Document))
    cdef uint32_t size = record_size(record)
    d._owner = d._id = d._fields = NULL
    d._record = &d._inline[0]
    if size > INLINE_SIZE:
        d._record = <uint8_t *>PyMem_Malloc(size)
        if d._record == NULL:
            raise MemoryError()
    memcpy(d._record, record, size)
    Py_INCREF(owner)
    d._owner = <PyObject *>owner
    d._names = names
    d._body_at = <uint32_t>(record_id(record) - record) + record_id_size(record)
    d._body_size = size - d._body_at
    return d


cdef inline int document_new_many(object owner, vel_names *names, vel_buffer *records,
                                  list to) except -1:
    """Append a Document for each of the records, which are 8-aligned; the buffer is empty then."""
    cdef size_t at = 0
    while at < records.size:
        to.append(document_new(owner, names, records.data + at))
        at += vel_align8(record_size(records.data + at))
    records.size = 0
    return 0
