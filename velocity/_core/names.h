/* names.h: a collection's field names and their numbers.
 *
 * Every field name of a collection, at any depth, gets a number 1, 2, 3, ... once, up to NAMES_MAX; a
 * record holds the number. Numbers are never taken back. A name is numbered when it is first encoded and
 * reaches the log, as a DEFINE operation, in the first frame that could use it (engine.c keeps `logged`).
 *
 * Threads: any number of readers, lock-free; adding takes `lock` inside. A name's bytes and number never change
 * once published, and entries stay where they are until names_free. names_* need no GIL; the pynames_* functions
 * (pynames.c) hold an attached thread state and cache one interned str per name.
 */
#ifndef VEL_NAMES_H
#define VEL_NAMES_H

#include "base.h"

#define NAMES_MAX 65535  /* numbers per collection, never change */

typedef struct vel_names vel_names;

/* Owns: the caller frees with names_free. NULL: no memory. */
vel_names *names_new(void);
/* Requires: attached thread state (drops cached str objects). */
void names_free(vel_names *n);

/* Highest number given out (acquire). */
uint32_t names_count(const vel_names *n);
/* Bytes of memory held. */
uint64_t names_memory(const vel_names *n);
/* The bytes of name `number` (1..count). */
const uint8_t *names_bytes(const vel_names *n, uint32_t number, uint32_t *size);
/* Find a name's number; 0 when it has none. */
uint32_t names_find(const vel_names *n, const uint8_t *name, size_t size);
/* Find or add. *number is 0 when the cap is reached or the name is longer than NAME_SIZE_MAX: write it inline.
 * Returns VEL_OK or VEL_E_NOMEM. */
vel_status names_add(vel_names *n, const uint8_t *name, size_t size, uint32_t *number);

/* DEFINE payload := u32 first number, u32 count, count times (u8 size, bytes). Appends names
 * first..first+count-1 to *out. */
vel_status names_write(const vel_names *n, uint32_t first, uint32_t count, vel_buffer *out);
/* Apply a DEFINE payload: names already known must be the same bytes, new ones must follow on. VEL_E_CORRUPT otherwise. */
vel_status names_read(vel_names *n, const uint8_t *payload, size_t size);

#endif
