/* pynames.h: one interned str per name number, and the number of a str.
 *
 * Documents are encoded from and decoded to dicts whose keys are nearly always the same few str
 * objects. names->objects finds the number of a str by its cached hash and, first, its address;
 * the name's entry holds the str of a number. Both hold strong references until names_free, so an
 * address once seen here stays that str.
 *
 * Requires everywhere: an attached thread state. Threads: reads are lock-free; names->lock guards
 * writes, and no Python code runs under it. Safe on free-threaded builds.
 */
#ifndef VEL_PYNAMES_H
#define VEL_PYNAMES_H

#include <Python.h>

#include "names.h"

typedef struct {
    PyObject *object;  /* owned; NULL: an empty slot; release, after the rest */
    uint32_t hash;     /* low half of the str's hash */
    uint32_t number;
} pynames_slot;

typedef struct pynames_table {
    struct pynames_table *older;  /* kept for readers that still hold it */
    size_t mask;                  /* slots - 1 */
    size_t used;                  /* at most half of the slots; names->lock */
    pynames_slot slots[];
} pynames_table;

/* Make the str of `number`. Borrowed; NULL with an exception. */
PyObject *pynames_make(vel_names *n, uint32_t number);

/* The str of `number` (1..names_count): borrowed from n, NULL with an exception. */
VEL_INLINE PyObject *pynames_object(vel_names *n, uint32_t number) {
    PyObject *object = atomic_get_acquire(&names_entry(n, number)->object);
    return vel_likely(object) ? object : pynames_make(n, number);
}

/* pynames_known's answer when the str's address is not among the known; never raises. */
uint32_t pynames_known_equal(const vel_names *n, PyObject *name);

/* Whether an object is the very str of `number` (1 or more; it need not exist). */
VEL_INLINE bool pynames_is(const vel_names *n, PyObject *name, uint32_t number) {
    return number <= names_count(n) &&
           atomic_get_relaxed(&names_entry(n, number)->object) == (void *)name;
}

/* The number of an exact str; 0 when it is unknown, or known only by its bytes. `likely` is a guess
 * (0: none): documents of one kind have their fields in one order. Never raises. */
VEL_INLINE uint32_t pynames_known(const vel_names *n, PyObject *name, uint32_t likely) {
    if (likely && pynames_is(n, name, likely)) return likely;
    return pynames_known_equal(n, name);
}

/* A str's name as bytes: borrowed from the str. NULL with an exception (UnicodeEncodeError for lone
 * surrogates). */
const uint8_t *pynames_bytes(PyObject *name, size_t *size);

/* The number of a str (subclasses too). add: number it when it is new. *number 0: to be inline
 * (with add), or unknown or inline (without); then *bytes and *size are the name.
 * Returns 0, or -1 with an exception. */
int pynames_number(vel_names *n, PyObject *name, bool add, uint32_t *number,
                   const uint8_t **bytes, size_t *size);

#endif
