/* seen.c: see seen.h. */
#include "seen.h"

#include <sys/mman.h>

#define PLACES_MIN 1024u
#define HUGE_MIN ((size_t)4 << 20)  /* bytes: it is all cache misses, huge pages halve them */

static size_t bytes_of(const vel_seen *s) { return (s->mask + 1) * sizeof *s->places; }

static vel_status allocate(vel_seen *s, uint64_t capacity) {
    s->mask = capacity - 1;
    void *at = mmap(NULL, bytes_of(s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    s->places = at == MAP_FAILED ? NULL : at;
    if (!s->places) return VEL_E_NOMEM;
#ifdef MADV_HUGEPAGE
    if (bytes_of(s) >= HUGE_MIN) (void)madvise(at, bytes_of(s), MADV_HUGEPAGE);
#endif
    return VEL_OK;
}

vel_status seen_open(vel_seen *s, uint64_t count) {
    uint64_t capacity = PLACES_MIN;
    s->count = 0;
    while (capacity * 3 / 4 <= count) capacity *= 2;
    return allocate(s, capacity);
}

void seen_close(vel_seen *s) {
    if (s->places) munmap(s->places, bytes_of(s));
    s->places = NULL;
}

static uint64_t home_of(const vel_seen *s, uint32_t collection, uint64_t hash) {
    return (hash ^ (uint64_t)collection * 0x9E3779B97F4A7C15u) & s->mask;
}

void seen_prefetch(const vel_seen *s, uint32_t collection, uint64_t hash) {
    __builtin_prefetch(&s->places[home_of(s, collection, hash)], 1);
}

/* The place of an id, or the empty one where it would go. */
static seen_place *find(const vel_seen *s, const seen_place *id) {
    uint64_t at = home_of(s, id->collection, id->hash);
    for (;; at = (at + 1) & s->mask) {
        seen_place *p = &s->places[at];
        if (!p->collection || (p->hash == id->hash && p->check == id->check &&
                               p->collection == id->collection))
            return p;
    }
}

static vel_status grow(vel_seen *s) {
    vel_seen old = *s;
    vel_status status = allocate(s, 2 * (old.mask + 1));
    if (status) { *s = old; return status; }
    for (uint64_t i = 0; i <= old.mask; i++)
        if (old.places[i].collection) *find(s, &old.places[i]) = old.places[i];
    seen_close(&old);
    return VEL_OK;
}

bool seen_has(const vel_seen *s, uint32_t collection, uint64_t hash, uint32_t check) {
    seen_place id = {hash, check, collection};
    return find(s, &id)->collection != 0;
}

vel_status seen_add(vel_seen *s, uint32_t collection, uint64_t hash, uint32_t check, bool *fresh) {
    if (4 * s->count >= 3 * s->mask) {
        vel_status status = grow(s);
        if (status) return status;
    }
    seen_place id = {hash, check, collection}, *p = find(s, &id);
    *fresh = !p->collection;
    *p = id;
    s->count += *fresh;
    return VEL_OK;
}
