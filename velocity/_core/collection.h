/* collection.h: one collection: its table of records, its field names, its counts.
 *
 * Lives until the engine is freed, dropped or not, so that a handle never points
 * nowhere; what takes memory (table, blocks, names) goes when it is dropped and no
 * handle is left.
 */
#ifndef VEL_COLLECTION_H
#define VEL_COLLECTION_H

#include "base.h"
#include "btree.h"
#include "names.h"
#include "rules.h"
#include "table.h"

#define COLLECTION_NAME_MAX 255u

typedef struct vel_collection {
    /* Constant after creation. */
    uint32_t id;              /* never used again after a drop */
    uint32_t index;           /* in vel_engine.collections */
    uint8_t level;            /* consistency: 0 local .. 3 strong */
    char *name;               /* UTF-8, NUL-terminated */
    uint32_t name_size;       /* bytes */
    vel_names *names;
    /* Guarded by commit_lock; `dropped` and `change_count` are read with atomics. */
    vel_table table;
    uint32_t handles;         /* atomic: Python objects that use it; once it is dropped the last of
                               * them frees the names */
    uint32_t names_logged;    /* names 1..names_logged are in the log or the manifest */
    uint32_t ready;           /* atomic: the layers above have put it under its schema */
    uint32_t dropped;         /* not to be used: being created, or gone */
    bool listed;              /* in the manifest, or when next stored; manifest_lock, too */
    uint8_t *metadata;        /* malloc'ed, or NULL: of the layers above; manifest_lock, too */
    uint32_t metadata_size;
    uint64_t metadata_changes; /* atomic: since open; a plan that is kept belongs to one of them */
    uint64_t change_count;    /* operations applied */
    vel_rules *rules;         /* what documents must be like; NULL: anything */
    /* While a batch reserves: the slots it needs here, and the place of their hashes. */
    size_t batch_slots, batch_at;
    bool batch_placed;
    struct index_list *indexes;  /* NULL: none */
    uint64_t names_charged;   /* bytes of names counted in the slab's budget */
    /* The ids in order, once a scan has asked for them (ids.h). */
    vel_btree ids;            /* root 0: none */
    bool ids_complete;        /* it has been built */
    pthread_mutex_t ids_lock; /* held by who builds it */
} vel_collection;

VEL_INLINE bool collection_dropped(const vel_collection *c) {
    return atomic_get_acquire(&c->dropped);
}
VEL_INLINE uint64_t collection_metadata_changes(const vel_collection *c) {
    return atomic_get_relaxed(&c->metadata_changes);
}
VEL_INLINE uint64_t collection_changes(const vel_collection *c) {
    return atomic_get_acquire(&c->change_count);
}
/* Documents in the table, expired ones that were not yet removed included. */
VEL_INLINE uint64_t collection_count(const vel_collection *c) {
    return atomic_get_relaxed(&c->table.used);
}
/* Give up a hold (catalog_find). Requires an attached thread state: names hold str objects. */
void collection_release(vel_collection *c);

#endif
