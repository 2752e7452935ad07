/* value_lookup.c: see value_lookup.h. */
#include "value_lookup.h"

#include "xxh3.h"

VEL_INLINE uint32_t lookup_hash(const vel_lookup *l, const vel_field *f) {
    if (f->number) return (uint32_t)((f->number * 0x9E3779B97F4A7C15u) >> 32);
    return (uint32_t)xxh3_64(f->name, f->name_size, l->seed);
}

static int64_t lookup_scan_all(const vel_lookup *l, const vel_field *like, vel_field *out) {
    vel_fields it;
    if (fields_begin(&it, l->body, (size_t)(l->end - l->body)) != VEL_OK) return -1;
    for (uint32_t i = 0; fields_next(&it, out) == VEL_OK; i++) {
        if (field_same_name(out, like)) return i;
    }
    return -1;
}

int64_t lookup_find_many(vel_lookup *l, const vel_field *like, vel_field *out) {
    if (!l->slots) return lookup_scan_all(l, like, out);
    for (uint32_t at = lookup_hash(l, like) & l->mask; l->slots[at]; at = (at + 1) & l->mask) {
        uint32_t position = l->slots[at] - 1;
        if (field_read(l->body + l->offsets[position], l->end, out) && field_same_name(out, like))
            return position;
    }
    return -1;
}

static vel_status lookup_fill(vel_lookup *l, vel_fields *it) {
    vel_field f, found;
    for (uint32_t i = 0;; i++) {
        uint32_t offset = (uint32_t)(it->at - l->body);
        vel_status status = fields_next(it, &f);
        if (status != VEL_OK) return status == VEL_END ? VEL_OK : status;
        /* Only the first of two: one name a million times would make one run of a million slots. */
        if (lookup_find_many(l, &f, &found) >= 0) continue;
        uint32_t at = lookup_hash(l, &f) & l->mask;
        while (l->slots[at]) at = (at + 1) & l->mask;
        l->offsets[i] = offset;
        l->slots[at] = i + 1;
    }
}

vel_status lookup_open(vel_lookup *l, const uint8_t *body, size_t size) {
    l->body = body;
    l->end = body + size;
    l->few_count = 0;
    l->slots = NULL;
    if (size > UINT32_MAX || fields_begin(&l->rest, body, size) != VEL_OK) return VEL_E_CORRUPT;
    l->count = l->rest.left;
    if (l->count <= LOOKUP_SCAN_MAX) return VEL_OK;
    if (l->count > size / 2) return VEL_E_CORRUPT;  /* a field takes two bytes or more */
    size_t slots = 64;
    while (slots < (size_t)l->count * 2) slots *= 2;
    l->slots = calloc(slots + l->count, sizeof *l->slots);
    if (!l->slots) return VEL_OK;
    l->offsets = l->slots + slots;
    l->mask = (uint32_t)slots - 1;
    /* Addresses differ from run to run: inline names cannot be chosen to collide. */
    l->seed = (uint64_t)(uintptr_t)l->slots * 0x9E3779B97F4A7C15u;
    return lookup_fill(l, &l->rest);
}

void lookup_close(vel_lookup *l) {
    free(l->slots);
    l->slots = l->offsets = NULL;
}
