/* pykey.h: order keys (value_key.h) of Python values.
 *
 * Requires everywhere: an attached thread state, pycodec_init and pykey_init before. Thread-safe.
 */
#ifndef VEL_PYKEY_H
#define VEL_PYKEY_H

#include <Python.h>

#include "value_key.h"

/* Returns 0, or -1 with an exception. */
int pykey_init(void);

/* Append the key of a value that a document could hold to *out. Returns 0, or -1 with SchemaError
 * for any other value, ValueError past the limit (bytes that out->size may come to), MemoryError;
 * *out is then as it was. */
int pykey_append(PyObject *value, bool descending, size_t limit, vel_buffer *out);

/* The key as bytes: new reference, NULL with an exception. */
PyObject *pykey_bytes(PyObject *value, bool descending);

#endif
