/* cache.c: see cache.h. */
#include "cache.h"

#include "engine.h"

/* The second and third word of a bounded block:
 *   word 1: prev (34 bits), collection index << 34 (29 bits), queue << 63 (0 small, 1 main)
 *   word 2: next (34 bits) */
#define REF_MASK (((uint64_t)1 << SLAB_REF_BITS) - 1)
#define IN_MAIN ((uint64_t)1 << 63)
#define EVICT_RUN 16                    /* records whose misses overlap */
#define EVICT_AHEAD ((uint64_t)4 << 10)  /* bytes */
/* Parts of the budget and of the main queue's records. The paper has 10 and 1; these do better by
 * half a point on Zipf, also with scans or drifting, with fewer ghosts (bench/cache.py). */
#define SMALL_SHARE 16
#define GHOST_SHARE 4
#define GHOST_ENTRY_BYTES 12u  /* a ring position and two positions of the set */

typedef struct { uint64_t header, prev, next; } links;

static links *links_at(vel_engine *e, vel_ref ref) {
    return (links *)(void *)slab_at(&e->slab, ref);
}

static cache_queue *queue_of(vel_cache *c, const links *l) {
    return l->prev & IN_MAIN ? &c->main : &c->small;
}

vel_status cache_open(vel_cache *c, uint64_t budget) {
    memset(c, 0, sizeof *c);
    /* Ghosts: one for 512 to 1,024 bytes of the budget, about a fiftieth of it at most. */
    uint64_t capacity = 64;
    while (capacity * 1024 <= budget && capacity < (1u << 26)) capacity *= 2;
    c->ghosts = calloc(capacity, sizeof *c->ghosts);
    c->ghost_set = calloc(2 * capacity, sizeof *c->ghost_set);
    if (!c->ghosts || !c->ghost_set) { cache_close(c); return VEL_E_NOMEM; }
    c->ghost_capacity = (uint32_t)capacity;
    uint64_t ghost_bytes = capacity * GHOST_ENTRY_BYTES;
    c->budget = budget > 2 * ghost_bytes ? budget - ghost_bytes : budget / 2;
    return VEL_OK;
}

void cache_close(vel_cache *c) {
    free(c->ghosts);
    free(c->ghost_set);
    c->ghosts = c->ghost_set = NULL;
}

uint64_t cache_memory(const vel_cache *c) { return c->small.bytes + c->main.bytes; }

/* --- ghosts --------------------------------------------------------------------------------- */

static uint32_t fingerprint(uint64_t hash) { return (uint32_t)(hash >> 16) | 1; }
static uint32_t ghost_mask(const vel_cache *c) { return 2 * c->ghost_capacity - 1; }

static uint32_t ghost_home(const vel_cache *c, uint32_t print) {
    return print * 0x9E3779B1u & ghost_mask(c);
}

/* Position of a fingerprint in the set, or of the empty place where it would go. */
static uint32_t ghost_find(const vel_cache *c, uint32_t print) {
    uint32_t at = ghost_home(c, print);
    while (c->ghost_set[at] && c->ghosts[c->ghost_set[at] - 1] != print)
        at = (at + 1) & ghost_mask(c);
    return at;
}

/* Take a set entry out, moving up those that probed past it. */
static void ghost_unset(vel_cache *c, uint32_t at) {
    uint32_t mask = ghost_mask(c), hole = at;
    c->ghost_set[hole] = 0;
    for (uint32_t next = (hole + 1) & mask; c->ghost_set[next]; next = (next + 1) & mask) {
        uint32_t home = ghost_home(c, c->ghosts[c->ghost_set[next] - 1]);
        if (((next - home) & mask) < ((next - hole) & mask)) continue;
        c->ghost_set[hole] = c->ghost_set[next];
        c->ghost_set[next] = 0;
        hole = next;
    }
}

static void ghost_add(vel_cache *c, uint64_t hash) {
    uint32_t print = fingerprint(hash), at = ghost_find(c, print);
    if (c->ghost_set[at]) return;
    uint32_t place = c->ghost_at;
    if (c->ghosts[place]) {
        uint32_t old = ghost_find(c, c->ghosts[place]);
        if (c->ghost_set[old] == place + 1) ghost_unset(c, old);
    }
    c->ghosts[place] = print;
    c->ghost_set[ghost_find(c, print)] = place + 1;
    c->ghost_at = (place + 1) & (c->ghost_capacity - 1);
}

/* Forget a ghost; true when it was one of the newest: an older one says that the record comes back
 * too seldom, as in a scan that is longer than the cache. */
static bool ghost_take(vel_cache *c, uint64_t hash) {
    uint32_t at = ghost_find(c, fingerprint(hash));
    if (!c->ghost_set[at]) return false;
    uint32_t place = c->ghost_set[at] - 1;
    uint32_t age = (c->ghost_at - 1 - place) & (c->ghost_capacity - 1);
    ghost_unset(c, at);
    c->ghosts[place] = 0;
    return age < c->main.count / GHOST_SHARE;
}

/* --- queues --------------------------------------------------------------------------------- */

static void queue_push(vel_engine *e, cache_queue *q, vel_ref ref) {
    links *l = links_at(e, ref);
    l->prev &= ~REF_MASK;
    l->next = q->head;
    if (q->head) {
        links *first = links_at(e, q->head);
        first->prev = (first->prev & ~REF_MASK) | ref;
    } else {
        q->tail = ref;
    }
    q->head = ref;
    q->bytes += slab_block_size(&e->slab, ref);
    q->count++;
}

static void queue_remove(vel_engine *e, cache_queue *q, vel_ref ref) {
    links *l = links_at(e, ref);
    vel_ref prev = l->prev & REF_MASK, next = l->next;
    if (prev) links_at(e, prev)->next = next;
    else q->head = next;
    if (next) {
        links *n = links_at(e, next);
        n->prev = (n->prev & ~REF_MASK) | prev;
    } else {
        q->tail = prev;
    }
    q->bytes -= slab_block_size(&e->slab, ref);
    q->count--;
}

void cache_insert(vel_engine *e, vel_ref ref, uint32_t collection_index, uint64_t hash,
                  vel_ref from) {
    vel_cache *c = &e->cache;
    bool in_main;
    if (from) in_main = links_at(e, from)->prev & IN_MAIN;
    else in_main = ghost_take(c, hash);
    links *l = links_at(e, ref);
    l->prev = (uint64_t)collection_index << SLAB_REF_BITS | (in_main ? IN_MAIN : 0);
    queue_push(e, in_main ? &c->main : &c->small, ref);
}

void cache_remove(vel_engine *e, vel_ref ref) {
    queue_remove(e, queue_of(&e->cache, links_at(e, ref)), ref);
}

/* Replace a record by its cold block. Returns false when there is no memory for that. */
static bool cache_leave(vel_engine *e, vel_ref ref) {
    links *l = links_at(e, ref);
    vel_collection *c = e->collections[(l->prev & ~IN_MAIN) >> SLAB_REF_BITS];
    const uint8_t *record = block_record(e, (uint8_t *)l);
    uint64_t hash = engine_hash(e, record_id(record), record_id_size(record));
    vel_ref cold;
    if (slab_alloc(&e->slab, sizeof(uint64_t), &cold)) return false;
    *(uint64_t *)(void *)slab_at(&e->slab, cold) =
        (block_header((uint8_t *)l) & ~BLOCK_VISITED) | BLOCK_COLD;
    if (!(l->prev & IN_MAIN)) ghost_add(&e->cache, hash);
    cache_remove(e, ref);
    table_replace(&c->table, hash, ref, cold);
    epoch_retire(&e->limbo, &e->slab, ref);
    return true;
}

/* Give the record at the end of a queue its second chance, or let it go. */
static bool queue_step(vel_engine *e, cache_queue *q) {
    vel_ref ref = q->tail;
    links *l = links_at(e, ref);
    uint64_t header = __atomic_fetch_and(&l->header, ~BLOCK_VISITED, __ATOMIC_RELAXED);
    if (!(header & BLOCK_VISITED)) return cache_leave(e, ref);
    queue_remove(e, q, ref);
    l->prev |= IN_MAIN;
    queue_push(e, &e->cache.main, ref);
    return true;
}

/* Start fetching the slots and ghosts of the records that are next to leave a queue. */
static void queue_prefetch(vel_engine *e, const cache_queue *q) {
    vel_ref ref = q->tail;
    for (int i = 0; i < EVICT_RUN && ref; i++) {
        const links *l = links_at(e, ref);
        const vel_collection *c = e->collections[(l->prev & ~IN_MAIN) >> SLAB_REF_BITS];
        const uint8_t *record = block_record(e, (const uint8_t *)l);
        uint64_t hash = engine_hash(e, record_id(record), record_id_size(record));
        table_probe probe;
        table_probe_begin(&c->table, hash, &probe);
        __builtin_prefetch(table_probe_home(&probe), 1);
        __builtin_prefetch(&e->cache.ghost_set[ghost_home(&e->cache, fingerprint(hash))], 1);
        ref = l->prev & REF_MASK;
    }
}

static bool is_over(const vel_cache *c, uint64_t more, uint64_t budget) {
    return c->small.bytes + c->main.bytes + more > budget && (c->small.tail || c->main.tail);
}

void cache_evict(vel_engine *e, uint64_t more) {
    vel_cache *c = &e->cache;
    if (!is_over(c, more, c->budget)) return;
    /* A few more than needed, so that they leave in runs and their cache misses overlap. */
    uint64_t low = c->budget - (c->budget / 64 < EVICT_AHEAD ? c->budget / 64 : EVICT_AHEAD);
    while (is_over(c, more, low)) {
        bool from_small =
            c->small.tail && (c->small.bytes > c->budget / SMALL_SHARE || !c->main.tail);
        cache_queue *q = from_small ? &c->small : &c->main;
        queue_prefetch(e, q);
        for (int i = 0; i < EVICT_RUN && q->tail && is_over(c, more, low); i++)
            if (!queue_step(e, q)) return;
    }
}
