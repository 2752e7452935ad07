/* seen.c: see seen.h. */
#include "seen.h"

static uint64_t key_of(uint32_t collection, uint64_t hash) {
    uint64_t key = hash ^ (uint64_t)collection * 0x9E3779B97F4A7C15u;
    return key ? key : 1;  /* 0 marks an empty place */
}

static vel_status allocate(vel_seen *s, uint64_t capacity) {
    s->keys = calloc(capacity, sizeof *s->keys);
    s->checks = malloc(capacity * sizeof *s->checks);
    s->mask = capacity - 1;
    if (s->keys && s->checks) return VEL_OK;
    seen_close(s);
    return VEL_E_NOMEM;
}

vel_status seen_open(vel_seen *s) {
    s->count = 0;
    return allocate(s, 1024);
}

void seen_close(vel_seen *s) {
    free(s->keys);
    free(s->checks);
    s->keys = NULL;
    s->checks = NULL;
}

void seen_prefetch(const vel_seen *s, uint32_t collection, uint64_t hash) {
    __builtin_prefetch(&s->keys[key_of(collection, hash) & s->mask]);
}

static bool place(vel_seen *s, uint64_t key, uint32_t check) {
    uint64_t at = key & s->mask;
    for (; s->keys[at]; at = (at + 1) & s->mask)
        if (s->keys[at] == key && s->checks[at] == check) return false;
    s->keys[at] = key;
    s->checks[at] = check;
    return true;
}

static vel_status grow(vel_seen *s) {
    vel_seen old = *s;
    vel_status status = allocate(s, 2 * (old.mask + 1));
    if (status) { *s = old; return status; }
    for (uint64_t i = 0; i <= old.mask; i++)
        if (old.keys[i]) place(s, old.keys[i], old.checks[i]);
    seen_close(&old);
    return VEL_OK;
}

vel_status seen_add(vel_seen *s, uint32_t collection, uint64_t hash, uint32_t check, bool *fresh) {
    if (4 * s->count >= 3 * s->mask) {
        vel_status status = grow(s);
        if (status) return status;
    }
    *fresh = place(s, key_of(collection, hash), check);
    s->count += *fresh;
    return VEL_OK;
}
