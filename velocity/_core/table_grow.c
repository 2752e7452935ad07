/* table_grow.c: see table.h. Rebuilding and splitting leaves, doubling the directory, reserving
 * room.
 *
 * A new leaf is filled in private and published by release stores to its directory entries. A split
 * publishes several; a reader that meets the old leaf in some of them finds in it all that was
 * there, for nothing is written between the first store and the last (the commit lock is held
 * throughout).
 */
#include "table_leaf.h"

unsigned table_log2_for(uint64_t count) {
    unsigned log2 = TABLE_LOG2_MIN;
    while (leaf_limit(log2) < count) log2++;
    return log2;
}

static uint64_t entry_value(const vel_table *t, vel_ref block, unsigned log2) {
    return (uint64_t)(uintptr_t)slab_at(t->slab, block) | log2;
}

static void retire(vel_table *t, vel_ref ref) {
    atomic_set_relaxed(&t->memory, t->memory - slab_block_size(t->slab, ref));
    epoch_retire(t->limbo, t->slab, ref);
}

/* Copy the entries whose tag has `bits` under `mask` into private slots. Returns how many. The copy
 * starts behind an EMPTY slot, so that equal tags keep their order. */
static uint32_t slots_copy(const uint64_t *from, uint64_t from_count, uint64_t *to,
                           uint64_t to_count, uint64_t mask, uint64_t bits) {
    uint64_t start = 0;
    uint32_t copied = 0;
    while (from[start] != TABLE_EMPTY) start++;
    for (uint64_t i = 1; i < from_count; i++) {
        uint64_t slot = from[(start + i) & (from_count - 1)], tag = slot >> SLAB_REF_BITS;
        if (!table_slot_ref(slot) || (tag & mask) != bits) continue;
        uint64_t at = tag & (to_count - 1);
        while (to[at]) at = (at + 1) & (to_count - 1);
        to[at] = slot;
        copied++;
    }
    return copied;
}

/* Point the directory entries from `at` on, `count` of them, at a leaf. */
static void publish(vel_table *t, uint64_t at, uint64_t count, vel_ref leaf_ref) {
    table_directory *d = t->directory;
    const table_leaf *leaf = (const table_leaf *)(const void *)slab_at(t->slab, leaf_ref);
    uint64_t entry = entry_value(t, leaf->block, leaf->log2);
    for (uint64_t i = at; i < at + count; i++) {
        atomic_set_relaxed(&d->entries[i].leaf, leaf_ref);
        atomic_set_release(&d->entries[i].slots, entry);
    }
}

vel_status table_leaf_resize(vel_table *t, uint64_t tag, unsigned log2) {
    table_directory *d = t->directory;
    table_leaf *leaf = leaf_of(t, tag);
    vel_ref block, old = leaf->block;
    vel_status status = table_slots_new(t, log2, &block);
    if (status) return status;
    uint32_t copied = slots_copy(leaf_slots(t, leaf), leaf_slot_count(leaf->log2),
                                 (uint64_t *)(void *)slab_at(t->slab, block), leaf_slot_count(log2),
                                 0, 0);
    vel_assert(copied == leaf->used);
    t->moved += copied;
    leaf->block = block;
    leaf->log2 = (uint8_t)log2;
    leaf->deleted = 0;
    uint64_t range = (uint64_t)1 << (d->depth - leaf->depth);
    uint64_t first = directory_at(d, tag) & ~(range - 1);
    publish(t, first, range, d->entries[first].leaf);
    retire(t, old);
    return VEL_OK;
}

static vel_status directory_double(vel_table *t) {
    table_directory *old = t->directory;
    uint64_t size = directory_size(old);
    vel_ref ref, old_ref = t->directory_ref;
    vel_status status = table_block_new(t, directory_bytes(old->depth + 1), &ref);
    if (status) return status;
    table_directory *d = (table_directory *)(void *)slab_at(t->slab, ref);
    d->depth = old->depth + 1;
    d->_pad = 0;
    for (uint64_t at = 0; at < 2 * size; at++) d->entries[at] = old->entries[at / 2];
    atomic_set_release(&t->directory, d);
    t->directory_ref = ref;
    retire(t, old_ref);
    return VEL_OK;
}

/* Entries of a leaf and tags to come, and how they fall on both sides of its next bit. */
typedef struct {
    uint64_t used[2];   /* entries */
    uint64_t total[2];  /* entries and tags to come */
    uint64_t differ;    /* bits in which two of the tags differ */
} leaf_census;

static void leaf_count(const vel_table *t, const table_leaf *leaf, const uint32_t *tags,
                       size_t count, leaf_census *c) {
    const uint64_t *slots = leaf_slots(t, leaf);
    unsigned shift = TABLE_TAG_BITS - 1 - leaf->depth;
    memset(c, 0, sizeof *c);
    for (uint64_t at = 0; at < leaf_slot_count(leaf->log2); at++) {
        if (!table_slot_ref(slots[at])) continue;
        uint64_t tag = slots[at] >> SLAB_REF_BITS;
        c->differ |= tag ^ tags[0];
        c->used[tag >> shift & 1]++;
    }
    c->total[0] = c->used[0];
    c->total[1] = c->used[1];
    for (size_t i = 0; i < count; i++) {
        c->differ |= tags[i] ^ tags[0];
        c->total[tags[i] >> shift & 1]++;
    }
}

/* Whether splitting would part the tags before the directory is too deep or too large. The
 * directory may have one entry per 256 of the table's (and 16 in any case). With tags as a hash
 * makes them it has one per 1,740 to 3,481; only made-up tags come near the bound. */
static bool can_split(const vel_table *t, const table_leaf *leaf, uint64_t differ) {
    if (leaf->depth >= TABLE_DEPTH_MAX) return false;
    uint64_t below = differ & (((uint64_t)1 << (TABLE_TAG_BITS - leaf->depth)) - 1);
    if (!below) return false;
    unsigned needed = TABLE_TAG_BITS - (63 - (unsigned)__builtin_clzll(below));
    if (needed > TABLE_DEPTH_MAX) return false;
    return needed <= t->directory->depth ||
           (uint64_t)1 << needed <= 16 + (t->used + t->reserved) / 256;
}

/* Slots for one side of a split: a quarter more than it must hold, so that it does not grow at
 * once; the side splits again if that is past TABLE_LEAF_SLOTS_MAX. */
static unsigned side_log2(uint64_t used, uint64_t total) {
    unsigned wished = table_log2_for(total + total / 4), least = table_log2_for(used);
    if (wished > TABLE_LOG2_SPLIT) wished = TABLE_LOG2_SPLIT;
    return wished > least ? wished : least;
}

/* Split the leaf of `tag` by its next bit. A side that gets every entry keeps the slots. */
static vel_status leaf_split(vel_table *t, uint64_t tag, const leaf_census *c) {
    table_leaf *leaf = leaf_of(t, tag);
    vel_status status = leaf->depth == t->directory->depth ? directory_double(t) : VEL_OK;
    vel_ref refs[2], blocks[2] = {0, 0};
    if (!status) status = table_block_new(t, sizeof(table_leaf), &refs[1]);
    if (status) return status;
    uint64_t bit = (uint64_t)1 << (TABLE_TAG_BITS - 1 - leaf->depth);
    unsigned log2[2] = {leaf->log2, leaf->log2};
    bool keeps[2] = {!c->used[1], !c->used[0] && c->used[1]};
    for (int side = 0; side < 2 && !status; side++) {
        if (keeps[side]) continue;
        log2[side] = side_log2(c->used[side], c->total[side]);
        status = table_slots_new(t, log2[side], &blocks[side]);
    }
    if (status) {
        if (blocks[0]) table_block_free(t, blocks[0]);
        table_block_free(t, refs[1]);
        return status;
    }
    table_leaf old = *leaf;
    table_directory *d = t->directory;
    uint64_t half = (uint64_t)1 << (d->depth - old.depth) >> 1;
    uint64_t first = directory_at(d, tag) & ~(2 * half - 1);
    refs[0] = d->entries[first].leaf;
    for (int side = 0; side < 2; side++) {
        table_leaf *new = (table_leaf *)(void *)slab_at(t->slab, refs[side]);
        *new = (table_leaf){.block = keeps[side] ? old.block : blocks[side],
                            .used = (uint32_t)c->used[side],
                            .deleted = keeps[side] ? old.deleted : 0,
                            .depth = old.depth + 1,
                            .log2 = (uint8_t)log2[side]};
        if (!keeps[side] && c->used[side])
            t->moved += slots_copy(leaf_slots(t, &old), leaf_slot_count(old.log2),
                                   leaf_slots(t, new), leaf_slot_count(log2[side]), bit,
                                   side ? bit : 0);
        publish(t, first + (side ? half : 0), half, refs[side]);
    }
    if (!keeps[0] && !keeps[1]) retire(t, old.block);
    return VEL_OK;
}

/* Give the leaf of these tags room for them, or split it (then *split: call again for each half).
 */
static vel_status leaf_make_room(vel_table *t, const uint32_t *tags, size_t count, bool *split) {
    const table_leaf *leaf = leaf_of(t, tags[0]);
    uint64_t need = leaf->used + count;
    /* At least an eighth is DELETED: it is worth cleaning at the same size. */
    if (need <= leaf_limit(leaf->log2) * 7 / 8) return table_leaf_resize(t, tags[0], leaf->log2);
    unsigned log2 = table_log2_for(need);
    if (log2 <= leaf->log2) log2 = leaf->log2 + 1u;
    if (log2 > TABLE_LOG2_SPLIT) {
        leaf_census census;
        leaf_count(t, leaf, tags, count, &census);
        *split = can_split(t, leaf, census.differ);
        if (*split) return leaf_split(t, tags[0], &census);
    }
    return table_leaf_resize(t, tags[0], log2);
}

/* Sort tags by one bit, clear ones first. Returns how many are clear. */
static size_t tags_part(uint32_t *tags, size_t count, uint32_t bit) {
    size_t clear = 0;
    for (size_t i = 0; i < count; i++) {
        if (tags[i] & bit) continue;
        uint32_t tag = tags[i];
        tags[i] = tags[clear];
        tags[clear++] = tag;
    }
    return clear;
}

/* Make room for tags that share their top `depth` bits. Recursion ends at TABLE_DEPTH_MAX, for no
 * leaf is deeper. */
static vel_status tags_reserve(vel_table *t, uint32_t *tags, size_t count, unsigned depth) {
    if (!count) return VEL_OK;
    const table_leaf *leaf = leaf_of(t, tags[0]);
    if (leaf->depth == depth) {
        bool split = false;
        if (leaf->used + leaf->deleted + count <= leaf_limit(leaf->log2)) return VEL_OK;
        vel_status status = leaf_make_room(t, tags, count, &split);
        if (status || !split) return status;
    }
    size_t clear = tags_part(tags, count, 1u << (TABLE_TAG_BITS - 1 - depth));
    vel_status status = tags_reserve(t, tags, clear, depth + 1);
    return status ? status : tags_reserve(t, tags + clear, count - clear, depth + 1);
}

/* The usual case: every leaf has the room already. */
static bool has_room(vel_table *t, const uint64_t *hashes, size_t count) {
    size_t seen = 0;
    bool room = true;
    while (seen < count && room) {
        table_leaf *leaf = leaf_of(t, table_tag(hashes[seen++]));
        room = leaf->used + leaf->deleted + ++leaf->pending <= leaf_limit(leaf->log2);
    }
    while (seen) leaf_of(t, table_tag(hashes[--seen]))->pending = 0;
    return room;
}

vel_status table_reserve(vel_table *t, const uint64_t *hashes, size_t count) {
    uint32_t few[64], *tags = few;
    t->reserved = count;
    if (has_room(t, hashes, count)) return VEL_OK;
    if (count > sizeof few / sizeof *few) {
        tags = malloc(count * sizeof *tags);
        if (!tags) {
            t->reserved = 0;
            return VEL_E_NOMEM;
        }
    }
    for (size_t i = 0; i < count; i++) tags[i] = (uint32_t)table_tag(hashes[i]);
    vel_status status = tags_reserve(t, tags, count, 0);
    if (status) t->reserved = 0;
    if (tags != few) free(tags);
    return status;
}

/* --- laying out ------------------------------------------------------------------------------- */

#define PRESIZE_LEAF 3000u  /* entries of a leaf on average: its deviation fits under 0.85, too */

static void presize_free(vel_table *t, vel_ref directory, const table_entry *entries,
                         uint64_t count) {
    for (uint64_t at = 0; at < count; at++) {
        if (!entries[at].leaf) break;
        vel_ref block = ((table_leaf *)(void *)slab_at(t->slab, entries[at].leaf))->block;
        if (block) table_block_free(t, block);
        table_block_free(t, entries[at].leaf);
    }
    table_block_free(t, directory);
}

/* Leaves for all entries of a new directory. */
static vel_status presize_leaves(vel_table *t, table_directory *d, unsigned log2) {
    memset(d->entries, 0, directory_size(d) * sizeof *d->entries);
    for (uint64_t at = 0; at < directory_size(d); at++) {
        table_entry *entry = &d->entries[at];
        vel_status status = table_block_new(t, sizeof(table_leaf), &entry->leaf);
        if (status) { entry->leaf = 0; return status; }
        table_leaf *leaf = (table_leaf *)(void *)slab_at(t->slab, entry->leaf);
        *leaf = (table_leaf){.depth = (uint8_t)d->depth, .log2 = (uint8_t)log2};
        if ((status = table_slots_new(t, log2, &leaf->block))) { leaf->block = 0; return status; }
        entry->slots = entry_value(t, leaf->block, log2);
    }
    return VEL_OK;
}

void table_presize(vel_table *t, uint64_t count) {
    table_directory *old = t->directory;
    unsigned depth = 0;
    vel_ref ref;
    if (t->used || old->depth || leaf_of(t, 0)->deleted || count <= leaf_limit(TABLE_LOG2_MIN))
        return;
    while (count >> depth > PRESIZE_LEAF && depth < TABLE_DEPTH_MAX) depth++;
    uint64_t share = count >> depth;
    /* Alone, a leaf gets just what is told; of several, each a little more or less. */
    unsigned log2 = table_log2_for(depth ? share + share / 16 + 32 : share);
    uint64_t size = (uint64_t)1 << depth;
    uint64_t bytes = size * (leaf_slot_count(log2) * sizeof(uint64_t) + sizeof(table_leaf)) +
                     directory_bytes(depth);
    /* Blocks given back after a failure would still be bound to their classes. */
    if (t->slab->budget && t->slab->memory + t->slab->charged + bytes > t->slab->budget) return;
    if (table_block_new(t, directory_bytes(depth), &ref)) return;
    table_directory *d = (table_directory *)(void *)slab_at(t->slab, ref);
    d->depth = depth;
    d->_pad = 0;
    if (presize_leaves(t, d, log2)) {
        presize_free(t, ref, d->entries, size);
        return;
    }
    presize_free(t, t->directory_ref, old->entries, 1);
    t->directory_ref = ref;
    atomic_set_release(&t->directory, d);
}
