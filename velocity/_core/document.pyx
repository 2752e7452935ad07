"""Documents as they are read: a record's bytes, decoded field by field when asked for."""

cimport cython
from cpython.mem cimport PyMem_Free
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t

from velocity._core.core cimport *

from collections.abc import Mapping

from velocity._core.arguments import check_object
from velocity._core.errors import SchemaError

pycodec_init(SchemaError)
pykey_init()

cdef object _missing = object()


cdef extern from *:
    """
    static inline int velocity_check_exception(void) { return PyErr_Occurred() ? -1 : 0; }
    """
    int check_exception "velocity_check_exception"() except -1

cdef extern from "Python.h":
    const char *PyUnicode_AsUTF8AndSize(object text, Py_ssize_t *size) except NULL
    object PyUnicode_DecodeUTF8(const char *bytes, Py_ssize_t size, const char *errors)


def order_key(value, descending=False):
    """Bytes that compare as values do, across types; equal values have equal bytes. No key is the
    beginning of another, so joined keys order by the first value, then the next.

    Raises: SchemaError for what no document could hold.
    """
    return pykey_bytes(value, descending)


cdef const char *id_bytes_checked(object id, Py_ssize_t *size) except NULL:
    cdef const char *bytes
    if not isinstance(id, str):
        raise SchemaError(f"an id must be a str, not {type(id).__name__}: {id!r:.80}")
    try:
        bytes = PyUnicode_AsUTF8AndSize(id, size)
    except UnicodeEncodeError:
        raise SchemaError(f"an id must be encodable in UTF-8, {id!r:.80} is not") from None
    if size[0] < 1 or size[0] > ID_SIZE_MAX:
        raise SchemaError(f"an id must have 1 to {ID_SIZE_MAX} bytes of UTF-8, not {size[0]}")
    return bytes


cdef int64_t time_ns_of(Document d, int which) noexcept:
    """0 created, 1 modified, 2 expires; 0 for none."""
    cdef vel_record r
    if d._record == NULL:
        return (<int64_t *>d._inline)[which]
    record_read(d._record, &r)
    return r.created if which == 0 else r.modified if which == 1 else r.expiry


cdef object time_of(Document d, int which):
    cdef int64_t ns = time_ns_of(d, which)
    return time_decode_ns(ns) if ns else None


cdef object field_of(Document d, object name, object default):
    cdef PyObject *value
    if d._record == NULL:
        return (<object>d._fields).get(name, default)
    if not isinstance(name, str):
        return default
    value = body_decode_field(d._record + d._body_at, d._body_size, d._names, <PyObject *>name)
    if value == NULL:
        check_exception()
        return default
    return steal(value)


@cython.final
@cython.no_gc
cdef class Document:
    """A snapshot of one document: later writes do not change it. Also a read-only mapping of its
    fields.

    Fields are decoded when asked for. `Document(id, fields)` makes one to insert.
    """

    def __cinit__(self):
        """Only for those made by a program; document_new does without."""
        fields = {}
        Py_INCREF("")
        Py_INCREF(fields)
        self._id = <PyObject *>""
        self._fields = <PyObject *>fields

    def __init__(self, id, fields):
        if self._record != NULL:
            raise TypeError("a document that was read cannot be initialised again")
        cdef Py_ssize_t size
        id_bytes(id, &size)
        check_object("the fields of a document", fields)
        fields = dict(fields)
        Py_INCREF(id)
        Py_INCREF(fields)
        Py_DECREF(<object>self._id)
        Py_DECREF(<object>self._fields)
        self._id = <PyObject *>id
        self._fields = <PyObject *>fields

    def __dealloc__(self):
        Py_XDECREF(self._owner)
        Py_XDECREF(self._id)
        Py_XDECREF(self._fields)
        if self._record != NULL and self._record != &self._inline[0]:
            PyMem_Free(self._record)

    @property
    def id(self):
        """Its id within the collection."""
        if self._record == NULL:
            return <object>self._id
        return PyUnicode_DecodeUTF8(<const char *>record_id(self._record),
                                    record_id_size(self._record), NULL)

    @property
    def version(self):
        """1 for a new document, one more with each write; 0 when it was not read from a
        database. A copy has that of its original, and its times."""
        return record_version(self._record) if self._record != NULL else self._version

    def _as_version(self, version):
        """This document, made by a program, with the version that it will have."""
        self._version = version
        return self

    @property
    def created(self):
        """When it was inserted (aware datetime, UTC); None when it was not read from a database."""
        return time_of(self, 0)

    @property
    def modified(self):
        """When this version was written (aware datetime, UTC); None when it was not read from a
        database."""
        return time_of(self, 1)

    @property
    def expires(self):
        """When it expires (aware datetime, UTC), None: never."""
        return time_of(self, 2)

    @property
    def staleness(self):
        """Seconds by which the read may lag behind the newest write its level allows; 0.0 on a
        single node."""
        return 0.0

    @property
    def _stamp(self):
        return record_stamp(self._record) if self._record != NULL else 0

    @property
    def fields(self):
        """The fields as a dict of this document's own, made once: changing it changes nothing
        else."""
        with cython.critical_section(self):
            if self._fields == NULL:
                fields = self.to_dict()
                Py_INCREF(fields)
                self._fields = <PyObject *>fields
            return <object>self._fields

    def to_dict(self):
        """A new dict of all fields."""
        if self._record == NULL:
            return dict(<object>self._fields)
        return body_decode(self._record + self._body_at, self._body_size, self._names)

    def get(self, name, default=None):
        """The value of a field, or default."""
        return field_of(self, name, default)

    def __getitem__(self, name):
        value = field_of(self, name, _missing)
        if value is _missing:
            raise KeyError(name)
        return value

    def __contains__(self, name):
        if self._record == NULL:
            return name in <object>self._fields
        return isinstance(name, str) and bool(
            body_has_field(self._record + self._body_at, self._body_size, self._names, name))

    def keys(self):
        """The names of the fields, in order."""
        if self._record == NULL:
            return list(<object>self._fields)
        return body_decode_names(self._record + self._body_at, self._body_size, self._names)

    def values(self):
        """The values of the fields, in order."""
        return list(self.to_dict().values())

    def items(self):
        """(name, value) of the fields, in order."""
        return list(self.to_dict().items())

    def __iter__(self):
        return iter(self.keys())

    def __len__(self):
        return len(self.keys())

    def __eq__(self, other):
        if isinstance(other, Document):
            return self.id == other.id and self.to_dict() == other.to_dict()
        if isinstance(other, dict):
            return self.to_dict() == other
        return NotImplemented

    __hash__ = None

    def __copy__(self):
        return self

    def __reduce__(self):
        times = [time_ns_of(self, which) for which in range(3)]
        return _copied, (self.id, self.to_dict(), self.version, times)

    def __repr__(self):
        return f"Document({self.id!r}, {self.to_dict()!r}, version={self.version})"


def _copied(id, fields, version, times):
    """A document that was pickled or copied: as one made by a program, with its version and
    times."""
    cdef Document d = Document(id, fields)
    cdef int which
    d._version = version
    for which in range(3):
        (<int64_t *>d._inline)[which] = times[which]
    return d


Mapping.register(Document)
