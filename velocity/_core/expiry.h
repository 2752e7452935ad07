/* expiry.h: which documents expire when: a binary min-heap of (expiry, collection, id hash).
 *
 * Entries are never looked up and removed: one whose document was replaced is found to be stale
 * when due. When stale ones are the majority the heap is filtered (expiry_filter).
 *
 * Threads: commit_lock; `next` is read without it (acquire).
 */
#ifndef VEL_EXPIRY_H
#define VEL_EXPIRY_H

#include "base.h"

typedef struct {
    int64_t expiry;       /* ns since 1970 */
    uint64_t hash;
    uint32_t collection;
} expiry_entry;

typedef struct {
    expiry_entry *entries;
    uint64_t count, capacity;
    uint64_t live;        /* documents with an expiry */
    int64_t next;         /* smallest expiry; INT64_MAX when empty */
} vel_expiry;

/* An empty heap. Owns: expiry_close frees the entries. */
void expiry_open(vel_expiry *x);
void expiry_close(vel_expiry *x);
/* Room for `count` more pushes. VEL_E_NOMEM. */
vel_status expiry_reserve(vel_expiry *x, size_t count);
void expiry_push(vel_expiry *x, int64_t expiry, uint32_t collection, uint64_t hash);  /* reserved */
/* Take the smallest when it is due at `now`. */
bool expiry_pop(vel_expiry *x, int64_t now, expiry_entry *out);
/* Keep only entries that `keep` says yes to. */
void expiry_filter(vel_expiry *x, bool (*keep)(void *context, const expiry_entry *entry),
                   void *context);
VEL_INLINE bool expiry_is_stale(const vel_expiry *x) { return x->count > 2 * x->live + 4096; }

#endif
