/* value_lookup.h: finding the fields of one body by name, many times.
 *
 * Bodies of a few fields, the usual case, are scanned, each field read once. Larger ones get a
 * temporary hash table, so that comparing or merging documents of thousands of fields stays linear;
 * when there is no memory for it they are scanned too, slowly but right. Not thread-safe; belongs
 * to one call.
 */
#ifndef VEL_VALUE_LOOKUP_H
#define VEL_VALUE_LOOKUP_H

#include "value.h"

#define LOOKUP_SCAN_MAX 16u  /* fields that are scanned rather than hashed */

typedef struct {
    const uint8_t *body, *end;
    uint32_t count;     /* fields */
    uint32_t few_count; /* of `few` that were read already */
    vel_field few[LOOKUP_SCAN_MAX];  /* when they are scanned */
    vel_fields rest;    /* those not yet read */
    uint32_t mask;      /* slots - 1 */
    uint32_t *slots;    /* field position + 1, 0 empty; NULL: scan */
    uint32_t *offsets;  /* of each field from body, bytes; one allocation with slots */
    uint64_t seed;
} vel_lookup;

/* Returns VEL_OK or VEL_E_CORRUPT. The body must outlive the lookup; lookup_close it either way. */
vel_status lookup_open(vel_lookup *l, const uint8_t *body, size_t size);
void lookup_close(vel_lookup *l);

/* lookup_find in a body of more than LOOKUP_SCAN_MAX fields. */
int64_t lookup_find_many(vel_lookup *l, const vel_field *like, vel_field *out);
/* Position of the first field named as `like`, with *out filled; -1 when absent. */
VEL_INLINE int64_t lookup_find(vel_lookup *l, const vel_field *like, vel_field *out) {
    if (vel_unlikely(l->count > LOOKUP_SCAN_MAX)) return lookup_find_many(l, like, out);
    for (uint32_t i = 0; i < l->count; i++) {
        if (i == l->few_count) {
            if (fields_next(&l->rest, &l->few[i]) != VEL_OK) return -1;
            l->few_count++;
        }
        if (!field_same_name(&l->few[i], like)) continue;
        *out = l->few[i];
        return i;
    }
    return -1;
}

#endif
