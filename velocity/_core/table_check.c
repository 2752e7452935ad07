/* table_check.c: see table_check in table.h. */
#include "table_leaf.h"

#define CHECK(condition, text)                                            \
    do {                                                                  \
        if (!(condition)) { *why = (text); return VEL_E_CORRUPT; }        \
    } while (0)

/* `tag` has the top bits that all entries of the leaf must share. */
static vel_status leaf_check(const vel_table *t, const table_leaf *leaf, uint64_t tag,
                             const char **why) {
    const uint64_t *slots = leaf_slots(t, leaf);
    uint64_t count = leaf_slot_count(leaf->log2), used = 0, deleted = 0;
    unsigned shift = TABLE_TAG_BITS - leaf->depth;
    CHECK(slab_block_size(t->slab, leaf->block) == count * sizeof(uint64_t),
          "a leaf's size is wrong");
    CHECK(leaf->pending == 0, "a reservation was left half done");
    for (uint64_t at = 0; at < count; at++) {
        uint64_t slot = slots[at];
        if (slot == TABLE_EMPTY) continue;
        if (!table_slot_ref(slot)) {
            CHECK(slot == TABLE_DELETED, "a slot is neither empty, used nor deleted");
            CHECK(slots[(at + 1) & (count - 1)] != TABLE_EMPTY,
                  "a deleted slot before an empty one");
            deleted++;
            continue;
        }
        used++;
        CHECK(slot >> SLAB_REF_BITS >> shift == tag >> shift, "an entry is in the wrong leaf");
        for (uint64_t from = slot >> SLAB_REF_BITS & (count - 1); from != at;
             from = (from + 1) & (count - 1))
            CHECK(slots[from] != TABLE_EMPTY && slots[from] != slot,
                  "an entry cannot be reached, or is there twice");
    }
    CHECK(used == leaf->used && deleted == leaf->deleted, "a leaf's slots are miscounted");
    CHECK(used + deleted <= leaf_limit(leaf->log2), "a leaf is too full");
    return VEL_OK;
}

vel_status table_check(const vel_table *t, const char **why) {
    const table_directory *d = t->directory;
    const table_entry *entries = d->entries;
    uint64_t used = 0, memory = slab_block_size(t->slab, t->directory_ref);
    CHECK(d->depth <= TABLE_DEPTH_MAX, "the directory is too deep");
    CHECK((uint8_t *)d == slab_at(t->slab, t->directory_ref), "the directory is not its block");
    for (uint64_t at = 0; at < directory_size(d);) {
        const table_leaf *leaf =
            (const table_leaf *)(const void *)slab_at(t->slab, entries[at].leaf);
        CHECK(leaf->depth <= d->depth, "a leaf is deeper than the directory");
        uint64_t range = (uint64_t)1 << (d->depth - leaf->depth);
        uint64_t entry = (uint64_t)(uintptr_t)leaf_slots(t, leaf) | leaf->log2;
        CHECK(at % range == 0, "a leaf's range is not aligned");
        for (uint64_t i = at; i < at + range; i++)
            CHECK(entries[i].leaf == entries[at].leaf && entries[i].slots == entry,
                  "a leaf's entries differ");
        vel_status status = leaf_check(t, leaf, at << (TABLE_TAG_BITS - d->depth), why);
        if (status) return status;
        used += leaf->used;
        memory += slab_block_size(t->slab, leaf->block) +
                  slab_block_size(t->slab, entries[at].leaf);
        at += range;
    }
    CHECK(used == t->used, "entries are miscounted");
    CHECK(memory == t->memory, "memory is miscounted");
    return VEL_OK;
}
