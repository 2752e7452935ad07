/* expiry.c: see expiry.h. */
#include "expiry.h"

static void update_next(vel_expiry *x) {
    atomic_set_release(&x->next, x->count ? x->entries[0].expiry : INT64_MAX);
}

void expiry_open(vel_expiry *x) {
    memset(x, 0, sizeof *x);
    update_next(x);
}

void expiry_close(vel_expiry *x) {
    free(x->entries);
    expiry_open(x);
}

vel_status expiry_reserve(vel_expiry *x, size_t count) {
    if (vel_likely(x->capacity - x->count >= count)) return VEL_OK;
    uint64_t capacity = x->capacity ? x->capacity : 64;
    while (capacity - x->count < count) capacity *= 2;
    expiry_entry *entries = realloc(x->entries, capacity * sizeof *entries);
    if (!entries) return VEL_E_NOMEM;
    x->entries = entries;
    x->capacity = capacity;
    return VEL_OK;
}

static void sift_up(vel_expiry *x, uint64_t at) {
    expiry_entry moving = x->entries[at];
    while (at) {
        uint64_t parent = (at - 1) / 2;
        if (x->entries[parent].expiry <= moving.expiry) break;
        x->entries[at] = x->entries[parent];
        at = parent;
    }
    x->entries[at] = moving;
}

static void sift_down(vel_expiry *x, uint64_t at) {
    expiry_entry moving = x->entries[at];
    for (;;) {
        uint64_t child = 2 * at + 1;
        if (child >= x->count) break;
        if (child + 1 < x->count && x->entries[child + 1].expiry < x->entries[child].expiry)
            child++;
        if (moving.expiry <= x->entries[child].expiry) break;
        x->entries[at] = x->entries[child];
        at = child;
    }
    x->entries[at] = moving;
}

void expiry_push(vel_expiry *x, int64_t expiry, uint32_t collection, uint64_t hash) {
    vel_assert(x->count < x->capacity);
    x->entries[x->count++] = (expiry_entry){expiry, hash, collection};
    sift_up(x, x->count - 1);
    update_next(x);
}

bool expiry_pop(vel_expiry *x, int64_t now, expiry_entry *out) {
    if (!x->count || x->entries[0].expiry > now) return false;
    *out = x->entries[0];
    x->entries[0] = x->entries[--x->count];
    if (x->count) sift_down(x, 0);
    update_next(x);
    return true;
}

void expiry_filter(vel_expiry *x, bool (*keep)(void *context, const expiry_entry *entry),
                   void *context) {
    uint64_t kept = 0;
    for (uint64_t i = 0; i < x->count; i++)
        if (keep(context, &x->entries[i])) x->entries[kept++] = x->entries[i];
    x->count = kept;
    for (uint64_t i = kept / 2; i-- > 0;) sift_down(x, i);
    update_next(x);
}
