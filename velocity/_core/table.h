/* table.h: id -> block, an extendible directory of small open-addressing leaves (Fagin 1979; linear
 * probing).
 *
 * A slot is 8 bytes: the 30-bit tag (top bits of the id's hash) above a 34-bit slab reference. 0 is
 * EMPTY; a slot with reference 0 and a non-zero tag part is DELETED (the constant TABLE_DELETED).
 * Tags may be any value, 0 included: no hash is reserved, for a used slot has a non-zero reference.
 * Equal tags are told apart by the id in the record, which the caller compares.
 *
 * The directory has 2^depth entries, indexed by the top `depth` bits of the tag. A leaf has 8..4096
 * slots (a power of two) in one slab block aligned to 64 bytes; home = low bits of the tag. Load,
 * used plus deleted, stays at or under 0.85. A leaf doubles until 4096 slots, then splits in two:
 * growth touches one leaf at a time (tens of microseconds), and needs no look at the records since
 * tags hold all the bits (18 directory bits and 12 slot bits). A leaf that cannot split, because
 * its tags are equal in every directory bit or the directory would grow out of proportion to the
 * entries, goes on doubling: thousands of equal tags work, only slower. The directory doubles by
 * copying pointers. Replaced leaves and directories are retired by epoch.
 *
 * A delete writes DELETED, or EMPTY when the next slot is EMPTY (and sweeps DELETED before it); a
 * leaf with too many DELETED is rebuilt at the same or a smaller size. Every probe loop is bounded
 * by the leaf's capacity.
 *
 * Threads: writers hold the owner's commit lock. Readers are lock-free: pin an epoch, then probe. A
 * reader that loaded a leaf before it was replaced sees a complete older leaf: writers change only
 * the current leaf, so a read is as of its acquire load. Update of a present id is one atomic store
 * to its slot.
 */
#ifndef VEL_TABLE_H
#define VEL_TABLE_H

#include "base.h"
#include "epoch.h"
#include "slab.h"

#define TABLE_TAG_BITS 30
#define TABLE_REF_MASK (((uint64_t)1 << SLAB_REF_BITS) - 1)
#define TABLE_EMPTY ((uint64_t)0)
#define TABLE_DELETED ((uint64_t)1 << SLAB_REF_BITS)
#define TABLE_LEAF_SLOTS_MIN 8
#define TABLE_LEAF_SLOTS_MAX 4096   /* where splitting takes over from doubling */
#define TABLE_DEPTH_MAX 18

VEL_INLINE uint64_t table_tag(uint64_t hash) { return hash >> (64 - TABLE_TAG_BITS); }
VEL_INLINE uint64_t table_slot_value(uint64_t hash, vel_ref ref) {
    return table_tag(hash) << SLAB_REF_BITS | ref;
}
VEL_INLINE vel_ref table_slot_ref(uint64_t slot) { return slot & TABLE_REF_MASK; }

/* A directory is one slab block: depth, then 2^depth entries. What readers follow and what writers
 * follow lies side by side, in one cache line. */
typedef struct {
    uint64_t slots;   /* leaf address | log2 of its slots, in the low 6 bits; atomic */
    vel_ref leaf;     /* its counts, for writers alone (table_leaf.h); atomic */
} table_entry;
typedef struct {
    uint32_t depth;
    uint32_t _pad;
    table_entry entries[];
} table_directory;

typedef struct {
    table_directory *directory;  /* atomic; readers load with acquire */
    vel_slab *slab;
    epoch_limbo *limbo;
    uint64_t used;               /* slots that name a block; commit lock, read relaxed */
    uint64_t memory;             /* bytes of leaves and directory; likewise */
    vel_ref directory_ref;       /* the directory's block; commit lock */
    uint64_t reserved;           /* inserts that were reserved and not yet made; commit lock */
    uint64_t moved;              /* entries that growing and shrinking ever copied; commit lock */
} vel_table;

/* Returns VEL_OK, VEL_E_MEMORY_LIMIT or VEL_E_NOMEM; then *t is zeroed, which table_close
 * accepts. */
vel_status table_open(vel_table *t, vel_slab *slab, epoch_limbo *limbo);
/* Free leaves and directory at once. Requires: no reader can be inside (epoch_wait after
 * unpublishing). Blocks the slots name are the caller's. */
void table_close(vel_table *t);

/* A lookup in progress. Gives each slot whose tag matches; the caller compares the id. */
typedef struct {
    const uint64_t *slots;  /* the leaf */
    uint64_t tag;
    uint32_t mask;          /* capacity - 1 */
    uint32_t at;            /* next slot to look at */
    uint32_t left;          /* probes left: the bound */
} table_probe;

/* Start a probe. Requires: pinned, or commit lock. */
VEL_INLINE void table_probe_begin(const vel_table *t, uint64_t hash, table_probe *p) {
    const table_directory *d = atomic_get_acquire(&t->directory);
    uint64_t tag = table_tag(hash);
    uint64_t entry = atomic_get_acquire(&d->entries[tag >> (TABLE_TAG_BITS - d->depth)].slots);
    p->slots = (const uint64_t *)(uintptr_t)(entry & ~(uint64_t)63);
    p->mask = (uint32_t)(((uint64_t)1 << (entry & 63)) - 1);
    p->tag = tag;
    p->at = (uint32_t)tag & p->mask;
    p->left = p->mask + 1;
}
/* The slot where the probe starts: to prefetch. */
VEL_INLINE const void *table_probe_home(const table_probe *p) { return &p->slots[p->at]; }

/* Start fetching the slot where a probe will start. Requires: pinned, or commit lock. */
VEL_INLINE void table_prefetch(const vel_table *t, uint64_t hash) {
    table_probe p;
    table_probe_begin(t, hash, &p);
    __builtin_prefetch(table_probe_home(&p));
}

/* Start fetching what an insert will look at beside the slot. Requires: pinned, or commit lock. */
VEL_INLINE void table_prefetch_counts(const vel_table *t, uint64_t hash) {
    const table_directory *d = atomic_get_acquire(&t->directory);
    const table_entry *entry = &d->entries[table_tag(hash) >> (TABLE_TAG_BITS - d->depth)];
    __builtin_prefetch(slab_at(t->slab, atomic_get_relaxed(&entry->leaf)), 1);
}

/* The next candidate's reference and its slot position in the leaf; 0 when there is none: the id is
 * absent. */
VEL_INLINE vel_ref table_probe_next(table_probe *p, uint32_t *position) {
    while (p->left) {
        uint64_t slot = atomic_get_acquire(&p->slots[p->at]);
        uint32_t here = p->at;
        if (slot == TABLE_EMPTY) return 0;
        p->at = (p->at + 1) & p->mask;
        p->left--;
        if (slot >> SLAB_REF_BITS == p->tag && (slot & TABLE_REF_MASK)) {
            *position = here;
            return slot & TABLE_REF_MASK;
        }
    }
    return 0;
}

/* Writers. Require: commit lock. */

/* Make room so that the next `count` table_insert calls with these hashes cannot fail;
 * table_replace and table_remove in between take none of it away. The next call drops what an
 * earlier one reserved and was not used (count 0 only drops). Returns VEL_OK, VEL_E_MEMORY_LIMIT,
 * VEL_E_NOMEM; on failure the table holds what it held. */
vel_status table_reserve(vel_table *t, const uint64_t *hashes, size_t count);
/* Insert a reference known to be absent. Requires: reserved. */
void table_insert(vel_table *t, uint64_t hash, vel_ref ref);
/* Replace `old` by `ref` in the slot that names it (one release store). Requires: `old` is in the
 * table under hash. */
void table_replace(vel_table *t, uint64_t hash, vel_ref old, vel_ref ref);
/* Remove. Requires: `old` is in the table under hash. May shrink a leaf; never fails (a rebuild
 * without memory, or while a reservation is open, is put off). */
void table_remove(vel_table *t, uint64_t hash, vel_ref old);

/* Lay an empty table out for `count` entries that are about to come, so that it need not grow on
 * the way. Only a help: without memory the table stays as it was, and one with entries does too.
 * Requires: no reader knows the table. */
void table_presize(vel_table *t, uint64_t count);

/* Walk all slots in use, whole leaves at a time, in the directory's order: start with *cursor 0
 * and go on until *done. `capacity` is at least TABLE_WALK_MIN. The cursor is a tag position, so
 * that an entry present throughout a walk is given exactly once, also when leaves grow or split
 * between calls. (More than `capacity` entries of one tag are continued by slot: a rebuild of
 * their leaf between calls may then repeat or miss some.) Returns how many were written to out.
 * Requires: pinned or commit lock, per call. */
#define TABLE_WALK_MIN TABLE_LEAF_SLOTS_MAX
size_t table_walk(const vel_table *t, uint64_t *cursor, uint64_t *out, size_t capacity,
                  bool *done);

/* Every invariant (tests, debug). Requires: commit lock. Returns VEL_OK or VEL_E_CORRUPT with
 * *why. */
vel_status table_check(const vel_table *t, const char **why);

#endif
