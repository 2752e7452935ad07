/* pydict.h: walking an exact dict without a call for each entry.
 *
 * From CPython 3.11 on, a dict whose keys are all str has its entries in one array, in order. The
 * interpreter's own header gives its layout, for the version that is compiled for; for other dicts
 * and other versions PyDict_Next does it (five fields: 60 instructions against 290).
 *
 * Requires: the GIL, or the dict's critical section.
 */
#ifndef VEL_PYDICT_H
#define VEL_PYDICT_H

#include <Python.h>

#include "base.h"

#if PY_VERSION_HEX >= 0x030B0000 && PY_VERSION_HEX < 0x030F0000 && !defined(PYPY_VERSION)
#define PYDICT_LAYOUT_KNOWN 1
#undef _PyGC_FINALIZED  /* of 3.12's public header: its internal one has a function of this name */
#ifndef Py_BUILD_CORE
#define Py_BUILD_CORE 1
#include "internal/pycore_dict.h"
#undef Py_BUILD_CORE
#else
#include "internal/pycore_dict.h"
#endif
#endif

/* As PyDict_Next: borrowed references; the dict may be changed between calls. */
VEL_INLINE int pydict_next(PyObject *dict, Py_ssize_t *position, PyObject **key,
                           PyObject **value) {
#ifdef PYDICT_LAYOUT_KNOWN
    const PyDictObject *d = (const PyDictObject *)dict;
    PyDictKeysObject *keys = d->ma_keys;
    if (vel_likely(DK_IS_UNICODE(keys) && !d->ma_values)) {
        const PyDictUnicodeEntry *entries = DK_UNICODE_ENTRIES(keys);
        Py_ssize_t at = *position, count = keys->dk_nentries;
        while (at < count && vel_unlikely(!entries[at].me_value)) at++;  /* a deleted one */
        if (at >= count) return 0;
        *position = at + 1;
        *key = entries[at].me_key;
        *value = entries[at].me_value;
        return 1;
    }
#endif
    return PyDict_Next(dict, position, key, value);
}

#endif
