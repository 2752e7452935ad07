/* pytime.h: aware datetimes to and from microseconds since 1970.
 *
 * Requires everywhere: an attached thread state, and pytime_init before. Thread-safe: no state but
 * what pytime_init sets.
 */
#ifndef VEL_PYTIME_H
#define VEL_PYTIME_H

#include <Python.h>

#include "base.h"

/* Returns 0, or -1 with an exception. */
int pytime_init(void);

bool pytime_check(PyObject *value);

/* Take a datetime apart: microseconds since 1970 UTC and microseconds east of UTC.
 * Returns 1; 0 when it is naive; -1 with an exception. *ran_python is set when its tzinfo may have
 * run Python code. */
int pytime_read(PyObject *value, int64_t *utc_us, int64_t *east_us, bool *ran_python);

/* Requires: time_valid(utc_us, east_us). New reference; NULL with an exception. */
PyObject *pytime_make(int64_t utc_us, int64_t east_us);

#endif
