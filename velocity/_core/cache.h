/* cache.h: which records stay in memory when it is bounded: S3-FIFO (Yang and others, SOSP 2023).
 *
 * New records enter a small queue (a sixteenth of the budget); those read again before they reach
 * its end move to the main queue, the others leave and their hash is remembered in a ghost set. One
 * that comes back while it is among the newest ghosts, a quarter as many as the main queue has
 * records, goes straight to the main queue. A hit only sets the block's visited bit. A scan passes
 * through the small queue and does not touch the main one.
 *
 * A record's block is [header][prev and queue][next] record; leaving, it is replaced in its slot by
 * an 8-byte block with the header alone.
 *
 * Threads: commit_lock; the visited bit is set by readers with an atomic or.
 */
#ifndef VEL_CACHE_H
#define VEL_CACHE_H

#include "base.h"
#include "slab.h"

struct vel_engine;
struct vel_collection;

typedef struct { vel_ref head, tail; uint64_t bytes, count; } cache_queue;

typedef struct {
    uint64_t budget;          /* bytes of blocks; the ghosts' are taken off already */
    cache_queue small, main;
    uint32_t *ghosts;         /* ring of hash fingerprints in the order of leaving, 0: none */
    uint32_t *ghost_set;      /* open addressing by fingerprint -> ring position + 1 */
    uint32_t ghost_capacity, ghost_at;
} vel_cache;

/* VEL_OK or VEL_E_NOMEM. Owns: cache_close frees the ghosts; the blocks are the slab's. */
vel_status cache_open(vel_cache *c, uint64_t budget);
void cache_close(vel_cache *c);
/* Bytes of a block in the queues. */
uint64_t cache_memory(const vel_cache *c);

/* A block was published: put it at the head of its queue. `from`: the block it replaces (its queue
 * is taken over), or 0. */
void cache_insert(struct vel_engine *e, vel_ref ref, uint32_t collection_index, uint64_t hash,
                  vel_ref from);
/* A block is about to leave the table. */
void cache_remove(struct vel_engine *e, vel_ref ref);
/* Let records go until the budget holds `more` bytes more. */
void cache_evict(struct vel_engine *e, uint64_t more);

#endif
