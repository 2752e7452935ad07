/* sort.h: putting records in the order of their fields.
 *
 * Each record gets a key (value_key.h), and keys are compared by memcmp. A field that holds a list
 * counts by its least element when ascending, by its greatest when descending; one that is missing
 * counts as null; "_id" is the record's id. Records with equal keys keep the order in which they
 * were given.
 *
 * When only the first `wanted` are asked for, the others are dropped now and then, so that memory
 * stays in proportion to `wanted`.
 *
 * Not thread-safe: belongs to one query.
 */
#ifndef VEL_SORT_H
#define VEL_SORT_H

#include "names.h"
#include "path.h"

#define SORT_FIELDS_MAX 32u

typedef struct { vel_path path; bool descending, id; } sort_field;

typedef struct { uint64_t key, record, order; uint32_t key_size; } sort_entry;

typedef struct {
    sort_field fields[SORT_FIELDS_MAX];
    uint32_t field_count;
    const vel_names *names;    /* of the records; the caller keeps them */
    uint64_t wanted;           /* records that are enough */
    vel_buffer records, keys;  /* 8-aligned records; keys one after another */
    vel_buffer entries;        /* sort_entry */
    uint64_t given;            /* records so far */
} vel_sort;

/* Begin. Owns: sort_close, also after a failure. */
void sort_open(vel_sort *s, const vel_names *names, uint64_t wanted);
void sort_close(vel_sort *s);
/* Add a field to sort by. Returns VEL_OK, VEL_E_INVALID (no path, or too many), VEL_E_NOMEM. */
vel_status sort_by(vel_sort *s, const uint8_t *dotted, size_t size, bool descending);
/* Take a copy of a record. Returns VEL_OK, VEL_E_NOMEM, VEL_E_CORRUPT. */
vel_status sort_add(vel_sort *s, const uint8_t *record, vel_error *error);
/* Take all records of a buffer, each 8-aligned, and empty it. As sort_add. */
vel_status sort_records(vel_sort *s, vel_buffer *records, vel_error *error);
/* Put what was given in order and drop what is not wanted. VEL_OK or VEL_E_NOMEM. */
vel_status sort_end(vel_sort *s);
/* After sort_end. */
VEL_INLINE uint64_t sort_count(const vel_sort *s) { return s->entries.size / sizeof(sort_entry); }
VEL_INLINE const uint8_t *sort_record(const vel_sort *s, uint64_t i) {
    return s->records.data + ((const sort_entry *)(const void *)s->entries.data)[i].record;
}

#endif
