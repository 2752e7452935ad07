/* pycodec.h: Python values to and from value.h's encoding. The one part of the core, with
 * pynames.c, that knows Python objects.
 *
 * Requires everywhere: an attached thread state (the GIL on GIL builds). No core lock and no epoch
 * pin may be held: encoding can raise and decoding allocates, so Python code may run.
 */
#ifndef VEL_PYCODEC_H
#define VEL_PYCODEC_H

#include <Python.h>

#include "names.h"
#include "value.h"

/* Call once per extension at import. schema_error: the exception class raised for values that may
 * not be stored. Returns 0, or -1 with an exception set. */
int pycodec_init(PyObject *schema_error);

/* Append the body of `fields` (a dict, or any Mapping with str keys; a dict is walked in place) to
 * *out. Returns 0, or -1 with SchemaError set, its text naming the path (`a.b[3]`), the type met
 * and what is allowed; *out is then as it was. Errors of code that runs inside (a Mapping's, a
 * time zone's) and MemoryError pass through. Unknown names are added to `names`, and stay. */
int body_encode(PyObject *fields, vel_names *names, vel_buffer *out);

/* Append one value, with its tag; otherwise as body_encode. */
int value_encode(PyObject *value, vel_names *names, vel_buffer *out);

/* A new dict of the whole body; key objects are shared, values are new. NULL with ValueError set
 * when malformed (never happens on validated records). */
PyObject *body_decode(const uint8_t *body, size_t size, vel_names *names);

/* The value of field `name` (a str): new reference; NULL without an exception when absent; NULL
 * with one on error. */
PyObject *body_decode_field(const uint8_t *body, size_t size, vel_names *names, PyObject *name);

/* Whether the body has field `name`: 1, 0, -1 with an exception. */
int body_has_field(const uint8_t *body, size_t size, vel_names *names, PyObject *name);

/* A list of the body's field names, in order. */
PyObject *body_decode_names(const uint8_t *body, size_t size, vel_names *names);

/* One value (at its tag). */
PyObject *value_decode(const uint8_t *value, const uint8_t *end, vel_names *names);

/* Nanoseconds since 1970 as an aware datetime (UTC, microseconds, rounded down). */
PyObject *time_decode_ns(int64_t ns);

#endif
