/* pyshape.h: dicts for objects whose fields come again and again in the same order.
 *
 * Setting five keys takes most of the time of decoding five fields. A shape is one sequence of
 * field numbers with a dict that has their names; PyDict_Copy of it is one memcpy in CPython,
 * after which the values are put straight into its slots. Where those are is not public: it is
 * found for each shape by looking for known values behind the dict's keys pointer and tried out on
 * a copy. When anything looks unlike what is expected, and on free-threaded builds, there simply
 * is no shape.
 *
 * Requires everywhere: the GIL (shapes are not used without one).
 */
#ifndef VEL_PYSHAPE_H
#define VEL_PYSHAPE_H

#include <Python.h>

#include "names.h"

#define SHAPE_FIELDS_MAX 16

/* A new dict from a shape: its values are None. */
typedef struct {
    PyObject *dict;
    uint8_t *slot;   /* of the first value */
    size_t stride;   /* bytes from slot to slot */
} vel_shaped;

/* A dict with the names of `numbers` (1 <= count <= SHAPE_FIELDS_MAX, each within names_count) in
 * this order. Returns 1; 0 when there is no shape (yet); -1 with an exception. */
int shape_copy(vel_names *names, const uint32_t *numbers, uint32_t count, vel_shaped *out);

/* Set the next value; takes over the reference. Every slot must be set once, in order. */
VEL_INLINE void shaped_set(vel_shaped *s, PyObject *value) {
    PyObject *none;
    memcpy(&none, s->slot, sizeof none);
    memcpy(s->slot, &value, sizeof value);
    s->slot += s->stride;
    Py_DECREF(none);
    /* A dict is tracked by the garbage collector from its first value that is. */
    if (PyType_IS_GC(Py_TYPE(value)) && !PyObject_GC_IsTracked(s->dict))
        PyObject_GC_Track(s->dict);
}

#endif
