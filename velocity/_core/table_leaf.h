/* table_leaf.h: what table.c, table_grow.c and table_check.c share. Not for others.
 *
 * Every leaf has a table_leaf, a small slab block that only writers follow; all directory entries
 * of the leaf's range name the same one. A leaf of local depth k covers the 2^(depth - k) directory
 * entries that share the top k bits of the tag.
 */
#ifndef VEL_TABLE_LEAF_H
#define VEL_TABLE_LEAF_H

#include "table.h"

typedef struct {
    vel_ref block;     /* the slots */
    uint32_t used;     /* slots that name a block */
    uint32_t deleted;  /* slots that hold TABLE_DELETED */
    uint32_t pending;  /* 0 but inside table_reserve */
    uint8_t depth;     /* local depth: top bits of the tag that all entries share */
    uint8_t log2;      /* of the slots' number */
    uint16_t _pad;
} table_leaf;

#define TABLE_LOG2_MIN 3
#define TABLE_LOG2_SPLIT 12  /* of TABLE_LEAF_SLOTS_MAX */

VEL_INLINE uint64_t leaf_slot_count(unsigned log2) { return (uint64_t)1 << log2; }
/* Most slots, used plus deleted, of a leaf: load 0.85. Always leaves an EMPTY one. */
VEL_INLINE uint64_t leaf_limit(unsigned log2) { return leaf_slot_count(log2) * 85 / 100; }

VEL_INLINE uint64_t directory_size(const table_directory *d) { return (uint64_t)1 << d->depth; }
VEL_INLINE uint64_t directory_bytes(unsigned depth) {
    return sizeof(table_directory) + sizeof(table_entry) * ((uint64_t)1 << depth);
}
VEL_INLINE uint64_t directory_at(const table_directory *d, uint64_t tag) {
    return tag >> (TABLE_TAG_BITS - d->depth);
}
VEL_INLINE table_leaf *leaf_of(const vel_table *t, uint64_t tag) {
    table_directory *d = t->directory;
    return (table_leaf *)(void *)slab_at(t->slab, d->entries[directory_at(d, tag)].leaf);
}
VEL_INLINE uint64_t *leaf_slots(const vel_table *t, const table_leaf *leaf) {
    return (uint64_t *)(void *)slab_at(t->slab, leaf->block);
}

/* Slab blocks counted in t->memory. New slots are EMPTY. */
vel_status table_block_new(vel_table *t, uint64_t size, vel_ref *out);
void table_block_free(vel_table *t, vel_ref ref);
vel_status table_slots_new(vel_table *t, unsigned log2, vel_ref *out);

/* Rebuild the leaf of `tag` with 2^log2 slots, without DELETED. On failure nothing has changed. */
vel_status table_leaf_resize(vel_table *t, uint64_t tag, unsigned log2);
/* Smallest size, as log2, that holds `count` within the load. */
unsigned table_log2_for(uint64_t count);

#endif
