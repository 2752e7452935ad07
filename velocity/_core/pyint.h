/* pyint.h: ints of one digit, the usual ones, read without a call. Thread-safe: no state. */
#ifndef VEL_PYINT_H
#define VEL_PYINT_H

#include <Python.h>

#include "base.h"

/* Whether an exact int has one digit, and its value then. */
VEL_INLINE bool int_is_compact(PyObject *value) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Long_IsCompact((PyLongObject *)value);
#else
    return Py_SIZE(value) >= -1 && Py_SIZE(value) <= 1;
#endif
}
VEL_INLINE int64_t int_compact_value(PyObject *value) {
#if PY_VERSION_HEX >= 0x030C0000
    return PyUnstable_Long_CompactValue((PyLongObject *)value);
#else
    return Py_SIZE(value) * (int64_t)((PyLongObject *)value)->ob_digit[0];
#endif
}

#endif
