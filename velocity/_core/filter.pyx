"""Filters in MongoDB's language, compiled once and evaluated on encoded documents."""

cimport cython
from libc.stdint cimport UINT64_MAX, uint8_t, uint32_t
from libc.string cimport memset

from velocity._core.core cimport (
    VEL_E_INVALID, VEL_E_NOMEM, body_encode, buffer_free, names_free, names_new, pycodec_init,
    record_read, value_encode, vel_align8, vel_record,
)

import re
from collections.abc import Mapping

from velocity._core.errors import QueryError, SchemaError
from velocity._core.filter_arguments import (
    OPERATORS, kind_of, listed, literal_of, mod_wanted, operators_in, pattern_in, pattern_parts,
    pattern_search, size_wanted, truth, type_bits,
)

cdef extern from "value_order.h" nogil:
    int c_value_order "value_order"(const vel_names *names, const uint8_t *a, const uint8_t *a_end,
                                    const uint8_t *b, const uint8_t *b_end)

cdef extern from "Python.h":
    Py_UCS4 PyUnicode_READ_CHAR(object text, Py_ssize_t at)
    object PyUnicode_DecodeUTF8(const char *bytes, Py_ssize_t size, const char *errors)

pycodec_init(SchemaError)

cdef object Pattern = re.Pattern
cdef object _later = object()  # in place of a spec: who makes the filter compiles it
cdef dict COMPARISONS = {"$eq": FILTER_EQ, "$ne": FILTER_EQ, "$lt": FILTER_LT, "$lte": FILTER_LTE,
                         "$gt": FILTER_GT, "$gte": FILTER_GTE}


cdef inline bint is_operator(object name):
    """Requires: a str."""
    return len(<str>name) and PyUnicode_READ_CHAR(name, 0) == u"$"


cdef bint is_object(object value):
    return type(value) is dict or isinstance(value, Mapping)



cdef int text_fits(void *context, uint32_t number, const uint8_t *bytes,
                   size_t size) except -1 with gil:
    cdef Filter filter = <Filter>context
    return filter._patterns[number](PyUnicode_DecodeUTF8(<const char *>bytes, size, NULL))


def value_order(a, b):
    """-1, 0 or 1: two values in the one order of all values."""
    cdef vel_buffer values
    cdef vel_names *names = names_new()
    cdef size_t split
    cdef int order
    memset(&values, 0, sizeof(values))
    try:
        if names == NULL:
            raise MemoryError()
        value_encode(a, names, &values)
        split = values.size
        value_encode(b, names, &values)
        order = c_value_order(names, values.data, values.data + split, values.data + split,
                              values.data + values.size)
        return (order > 0) - (order < 0)
    finally:
        names_free(names)
        buffer_free(&values)


@cython.final
cdef class Filter:
    """A compiled filter. May be used from any number of threads.

    On its own it matches Python values; a collection's (`Collection._filter`) its documents.
    Raises QueryError, naming operator and place, for what cannot be understood.
    """

    def __cinit__(self, spec):
        memset(&self.f, 0, sizeof(self.f))
        if spec is not _later:
            self._own()
            self._compile(spec)

    @staticmethod
    def of_value(condition):
        """A filter for `matches_value`: operators, a pattern, a value to be equal to, or an object
        whose fields are conditions on the fields of the value."""
        cdef Filter self = Filter.__new__(Filter, _later)
        self._own()
        self._where = "value"
        try:
            if is_object(condition) and not operators_in(condition):
                self._conditions(self._add(0, FILTER_FIELDS, 0), condition, 1)
            else:
                self._field(0, 0, condition, 1)
        except SchemaError as error:
            raise QueryError(str(error)) from None
        filter_seal(&self.f)
        return self

    def __dealloc__(self):
        filter_close(&self.f)
        if self._names_own:  # not by the owner: the collector may have emptied the filter before
            names_free(self._names)

    def matches(self, fields):
        """Whether a document of these fields matches. Raises SchemaError for what cannot be one."""
        cdef vel_buffer body
        memset(&body, 0, sizeof(body))
        try:
            body_encode(fields, self._names, &body)
            filter_resolve(&self.f)
            return filter_decide(&self.f, body.data, body.size) == 1
        finally:
            buffer_free(&body)

    def matches_value(self, value):
        """Whether one value does, by a filter made by `of_value`."""
        cdef vel_buffer body
        memset(&body, 0, sizeof(body))
        try:
            value_encode(value, self._names, &body)
            filter_resolve(&self.f)
            return filter_decide_value(&self.f, body.data, body.data + body.size) == 1
        finally:
            buffer_free(&body)

    # --- scans

    cdef int scan_begin(self, vel_scan *s, const vel_names *names, object skip, object limit,
                        bint collect) except -1:
        if self.f.names != names:
            raise ValueError("a filter of another collection")
        memset(s, 0, sizeof(s[0]))
        s.filter = &self.f
        s.skip = skip
        s.limit = UINT64_MAX if limit is None else limit
        s.collect = collect
        s.walk.done = not s.limit
        return 0

    cdef int scan_decide(self, vel_scan *s) except -1:
        cdef size_t at = 0
        cdef vel_record r
        while at < s.unsure.size and s.count < s.limit:
            record_read(s.unsure.data + at, &r)
            if filter_decide(&self.f, r.body, r.body_size):
                self._check(scan_match(s, s.unsure.data + at))
            at += vel_align8(r.size)
        s.unsure.size = 0
        s.walk.done = s.walk.done or s.count >= s.limit
        return 0

    # --- building

    cdef int _own(self) except -1:
        self._names = names_new()
        if self._names == NULL:
            raise MemoryError()
        self._names_own = True
        return self._check(filter_open(&self.f, self._names))

    cdef int _compile(self, object spec) except -1:
        if not is_object(spec):
            raise QueryError(f"a filter must be a dict or another Mapping, not {kind_of(spec)}")
        self._conditions(0, spec, 0)
        filter_seal(&self.f)
        return 0

    cdef int _check(self, vel_status status) except -1:
        if status == VEL_E_NOMEM:
            raise MemoryError()
        if status == VEL_E_INVALID:
            raise QueryError("a path is at most 129 names joined by dots, none of them empty")
        if status:
            raise QueryError(f"a filter may have {FILTER_NODES_MAX} conditions and "
                             f"{FILTER_VALUES_MAX} bytes of values, and this one has more")
        return 0

    cdef uint32_t _add(self, uint32_t parent, int op, uint32_t path) except 0:
        cdef uint32_t node = 0
        self._check(filter_add(&self.f, parent, op, &node))
        self.f.nodes[node].path = path
        return node

    cdef int _conditions(self, uint32_t parent, object spec, int depth) except -1:
        """The conditions of one object, on fields; all must hold."""
        cdef uint32_t path = 0
        cdef const char *bytes
        if depth > FILTER_DEPTH_MAX:
            raise QueryError(f"nested more than {FILTER_DEPTH_MAX} deep")
        for name, value in spec.items():
            if not isinstance(name, str):
                raise QueryError(f"a field's name must be a str, not {kind_of(name)}")
            try:
                if is_operator(name):
                    self._branches(parent, name, value, depth)
                    continue
                encoded = name.encode()
                bytes = encoded
                self._check(filter_add_path(&self.f, <const uint8_t *>bytes, len(encoded), &path))
                self._where = name
                self._field(parent, path, value, depth)
            except (QueryError, SchemaError) as error:
                raise QueryError(f"{name or repr(name)}: {error}") from None
            except UnicodeEncodeError:
                raise QueryError(f"{name!r}: not valid Unicode: it has a lone surrogate") from None
        return 0

    cdef int _branches(self, uint32_t parent, str op, object branches, int depth) except -1:
        """$and, $or, $nor."""
        cdef uint32_t node
        if op not in ("$and", "$or", "$nor"):
            raise QueryError("no operator that may stand here; known: $and $or $nor, and after a "
                             f"field {OPERATORS}")
        if not isinstance(branches, (list, tuple)) or not branches:
            raise QueryError("wants a list of one or more filters")
        node = self._add(parent, FILTER_AND if op == "$and" else FILTER_OR, 0)
        self.f.nodes[node].negated = op == "$nor"
        for at, branch in enumerate(branches):
            try:
                if not is_object(branch):
                    raise QueryError(f"wants a filter, not {kind_of(branch)}")
                self._conditions(self._add(node, FILTER_AND, 0), branch, depth + 1)
            except QueryError as error:
                raise QueryError(f"[{at}]: {error}") from None
        return 0

    cdef int _field(self, uint32_t parent, uint32_t path, object value, int depth) except -1:
        """What a field must be: operators, a pattern, or a value to be equal to."""
        if is_object(value) and operators_in(value):
            return self._operators(parent, path, value, depth)
        if isinstance(value, Pattern):
            return self._pattern(parent, path, value, None)
        self._compare(parent, path, FILTER_EQ, value)
        return 0

    cdef int _operators(self, uint32_t parent, uint32_t path, object operators,
                        int depth) except -1:
        if depth > FILTER_DEPTH_MAX:
            raise QueryError(f"nested more than {FILTER_DEPTH_MAX} deep")
        for op, argument in operators.items():
            try:
                self._operator(parent, path, op, argument, operators, depth)
            except (QueryError, SchemaError) as error:
                raise QueryError(f"{op}: {error}") from None
        return 0

    cdef int _operator(self, uint32_t parent, uint32_t path, str op, object argument,
                       object operators, int depth) except -1:
        cdef uint32_t node
        comparison = COMPARISONS.get(op)
        if comparison is not None:
            node = self._compare(parent, path, comparison, argument)
            self.f.nodes[node].negated = op == "$ne"
        elif op == "$in" or op == "$nin":
            node = self._among(parent, path, listed(argument))
            self.f.nodes[node].negated = op == "$nin"
        elif op == "$exists":
            negated = not truth(argument)
            node = self._add(parent, FILTER_EXISTS, path)
            self.f.nodes[node].negated = negated
        elif op == "$type":
            bits = type_bits(argument)
            node = self._add(parent, FILTER_TYPE, path)
            self.f.nodes[node].types = bits
        elif op == "$size":
            size = size_wanted(argument)
            node = self._add(parent, FILTER_SIZE, path)
            self.f.nodes[node].size = size
        elif op == "$mod":
            divisor, remainder = mod_wanted(argument)
            node = self._add(parent, FILTER_MOD, path)
            self.f.nodes[node].mod.divisor = divisor
            self.f.nodes[node].mod.remainder = remainder
        elif op == "$regex":
            self._pattern(parent, path, argument, operators.get("$options"))
        elif op == "$options":
            if "$regex" not in operators:
                raise QueryError("stands beside $regex only")
        elif op == "$not":
            self._not(parent, path, argument, depth)
        elif op == "$all":
            self._all(parent, path, listed(argument), depth)
        elif op == "$elemMatch":
            self._element(parent, path, argument, depth)
        else:
            raise QueryError(f"no operator that may stand here; known: {OPERATORS}")
        return 0

    cdef uint32_t _compare(self, uint32_t parent, uint32_t path, int op, object value) except 0:
        cdef uint32_t node = self._add(parent, op, path)
        self._value(node, value)
        return node

    cdef int _value(self, uint32_t node, object value) except -1:
        cdef size_t start = self.f.bytes.size
        value_encode(value, self._names, &self.f.bytes)
        return self._check(filter_add_value(&self.f, node, start))

    cdef uint32_t _among(self, uint32_t parent, uint32_t path, object values) except 0:
        """$in: one node, or an OR of it and of patterns."""
        cdef uint32_t either = 0, node = 0
        cdef list patterns = []
        for value in values:
            if is_object(value) or isinstance(value, Pattern):
                found = pattern_in(value)
                if found is not None:
                    patterns.append(found)
        if patterns:
            either = parent = self._add(parent, FILTER_OR, 0)
        node = self._add(parent, FILTER_IN, path)
        for at, value in enumerate(values):
            if patterns and pattern_in(value) is not None:
                continue
            try:
                self._value(node, value)
            except SchemaError as error:
                raise QueryError(f"[{at}]: {error}") from None
        for pattern, options in patterns:
            self._pattern(parent, path, pattern, options)
        return either or node

    cdef int _all(self, uint32_t parent, uint32_t path, object values, int depth) except -1:
        if not values:
            self._add(parent, FILTER_OR, 0)  # of none: nothing has all of nothing
        for value in values:
            if is_object(value) and "$elemMatch" in value:
                self._operators(parent, path, value, depth)
                continue
            found = pattern_in(value)
            if found is not None:
                self._pattern(parent, path, found[0], found[1])
            else:
                self._compare(parent, path, FILTER_EQ, value)
        return 0

    cdef int _not(self, uint32_t parent, uint32_t path, object argument, int depth) except -1:
        cdef uint32_t node = self._add(parent, FILTER_AND, 0)
        self.f.nodes[node].negated = True
        if isinstance(argument, Pattern):
            return self._pattern(node, path, argument, None)
        if not is_object(argument) or not operators_in(argument):
            raise QueryError(f"wants an object of operators or a pattern, not {argument!r:.80}")
        return self._operators(node, path, argument, depth + 1)

    cdef int _element(self, uint32_t parent, uint32_t path, object argument, int depth) except -1:
        if not is_object(argument):
            raise QueryError(f"wants an object of operators or of conditions, not {argument!r:.80}")
        names = [name for name in argument if name not in ("$and", "$or", "$nor")]
        if names and len(names) == len(argument) and operators_in(argument):
            return self._operators(self._add(parent, FILTER_ELEMENT_VALUE, path), 0, argument,
                                   depth + 1)
        return self._conditions(self._add(parent, FILTER_ELEMENT, path), argument, depth + 1)

    cdef int _pattern(self, uint32_t parent, uint32_t path, object pattern,
                      object options) except -1:
        cdef uint32_t node
        text, flags = pattern_parts(pattern, options)
        literal = literal_of(text, flags)
        if literal is not None:
            starts, text = literal
            self._compare(parent, path, FILTER_STARTS if starts else FILTER_CONTAINS, text)
            return 0
        if self._patterns is None:
            self._patterns = []
            self.f.text = text_fits
            self.f.context = <void *>self
        search = pattern_search(text, flags, self._where)
        node = self._add(parent, FILTER_TEXT, path)
        self.f.nodes[node].text = len(self._patterns)
        self._patterns.append(search)
        return 0


cdef Filter filter_new(object spec, vel_names *names, object owner):
    cdef Filter f = Filter.__new__(Filter, _later)
    f._owner = owner
    f._names = names
    f._check(filter_open(&f.f, names))
    f._compile(spec)
    return f
