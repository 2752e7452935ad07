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

/* The values of keys that are strung together, ascending or descending each: a new tuple, NULL with
 * an exception (ValueError when malformed). What is equal is not told apart: an integral float
 * comes back as int, a time as UTC, an object's fields in the order of their names, a missing field
 * as None. */
PyObject *pykey_values(const uint8_t *key, size_t size);

#endif
