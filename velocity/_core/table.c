/* table.c: see table.h. Opening, single entries, walking; table_grow.c has all that rebuilds
 * leaves. */
#include "table_leaf.h"

vel_status table_block_new(vel_table *t, uint64_t size, vel_ref *out) {
    vel_status status = slab_alloc(t->slab, size, out);
    if (status) return status;
    atomic_set_relaxed(&t->memory, t->memory + slab_block_size(t->slab, *out));
    return VEL_OK;
}

void table_block_free(vel_table *t, vel_ref ref) {
    atomic_set_relaxed(&t->memory, t->memory - slab_block_size(t->slab, ref));
    slab_free(t->slab, ref);
}

vel_status table_slots_new(vel_table *t, unsigned log2, vel_ref *out) {
    uint64_t size = leaf_slot_count(log2) * sizeof(uint64_t);
    vel_status status = table_block_new(t, size, out);
    if (status) return status;
    vel_assert(((uintptr_t)slab_at(t->slab, *out) & 63) == 0);
    memset(slab_at(t->slab, *out), 0, size);
    return VEL_OK;
}

vel_status table_open(vel_table *t, vel_slab *slab, epoch_limbo *limbo) {
    vel_ref directory = 0, leaf_ref = 0, slots = 0;
    memset(t, 0, sizeof *t);
    t->slab = slab;
    t->limbo = limbo;
    vel_status status = table_block_new(t, directory_bytes(0), &directory);
    if (!status) status = table_block_new(t, sizeof(table_leaf), &leaf_ref);
    if (!status) status = table_slots_new(t, TABLE_LOG2_MIN, &slots);
    if (status) {
        if (directory) table_block_free(t, directory);
        if (leaf_ref) table_block_free(t, leaf_ref);
        memset(t, 0, sizeof *t);
        return status;
    }
    table_leaf *leaf = (table_leaf *)(void *)slab_at(slab, leaf_ref);
    *leaf = (table_leaf){.block = slots, .log2 = TABLE_LOG2_MIN};
    t->directory = (table_directory *)(void *)slab_at(slab, directory);
    t->directory_ref = directory;
    t->directory->depth = 0;
    t->directory->_pad = 0;
    t->directory->entries[0] = (table_entry){
        (uint64_t)(uintptr_t)slab_at(slab, slots) | TABLE_LOG2_MIN, leaf_ref};
    return VEL_OK;
}

void table_close(vel_table *t) {
    if (!t->directory) return;
    const table_entry *entries = t->directory->entries;
    vel_ref last = 0;
    for (uint64_t at = 0; at < directory_size(t->directory); at++) {
        if (entries[at].leaf == last) continue;
        last = entries[at].leaf;
        table_block_free(t, ((table_leaf *)(void *)slab_at(t->slab, last))->block);
        table_block_free(t, last);
    }
    table_block_free(t, t->directory_ref);
    vel_assert(t->memory == 0);
    memset(t, 0, sizeof *t);
}

void table_insert(vel_table *t, uint64_t hash, vel_ref ref) {
    table_leaf *leaf = leaf_of(t, table_tag(hash));
    uint64_t *slots = leaf_slots(t, leaf);
    uint64_t mask = leaf_slot_count(leaf->log2) - 1, at = table_tag(hash) & mask;
    vel_assert(ref && !(ref & ~TABLE_REF_MASK));
    vel_assert(leaf->used < leaf_limit(leaf->log2));  /* was it reserved? */
    while (slots[at] & TABLE_REF_MASK) at = (at + 1) & mask;
    if (slots[at] == TABLE_DELETED) leaf->deleted--;
    leaf->used++;
    vel_assert(leaf->used + leaf->deleted <= leaf_limit(leaf->log2));
    atomic_set_release(&slots[at], table_slot_value(hash, ref));
    atomic_set_relaxed(&t->used, t->used + 1);
    if (t->reserved) t->reserved--;
}

/* Position of the slot that names ref. */
VEL_INLINE uint64_t slot_of(const uint64_t *slots, uint64_t mask, uint64_t hash, vel_ref ref) {
    uint64_t value = table_slot_value(hash, ref), at = table_tag(hash) & mask;
    for (uint64_t left = mask + 1; slots[at] != value; left--) {
        vel_assert(left && slots[at] != TABLE_EMPTY);
        at = (at + 1) & mask;
    }
    return at;
}

void table_replace(vel_table *t, uint64_t hash, vel_ref old, vel_ref ref) {
    const table_directory *d = t->directory;
    uint64_t entry = d->entries[directory_at(d, table_tag(hash))].slots;
    uint64_t *slots = (uint64_t *)(uintptr_t)(entry & ~(uint64_t)63);
    uint64_t at = slot_of(slots, leaf_slot_count(entry & 63) - 1, hash, old);
    vel_assert(ref && !(ref & ~TABLE_REF_MASK));
    atomic_set_release(&slots[at], table_slot_value(hash, ref));
}

void table_remove(vel_table *t, uint64_t hash, vel_ref old) {
    table_leaf *leaf = leaf_of(t, table_tag(hash));
    uint64_t *slots = leaf_slots(t, leaf);
    uint64_t count = leaf_slot_count(leaf->log2), mask = count - 1;
    uint64_t at = slot_of(slots, mask, hash, old);
    if (slots[(at + 1) & mask] != TABLE_EMPTY) {
        leaf->deleted++;
        atomic_set_release(&slots[at], TABLE_DELETED);
    } else {
        /* No probe goes on past here, so none needs this slot, nor the DELETED that lead to it. */
        atomic_set_release(&slots[at], TABLE_EMPTY);
        for (at = (at - 1) & mask; slots[at] == TABLE_DELETED; at = (at - 1) & mask) {
            leaf->deleted--;
            atomic_set_release(&slots[at], TABLE_EMPTY);
        }
    }
    leaf->used--;
    atomic_set_relaxed(&t->used, t->used - 1);
    if (t->reserved) return;
    /* Between an eighth and 0.85 nothing happens, so that a rebuild is paid by many removals. */
    unsigned log2 = leaf->log2;
    if (log2 > TABLE_LOG2_MIN && leaf->used < count / 8) {
        log2 = table_log2_for(leaf->used + leaf->used / 2);
    } else if (leaf->deleted <= count / 4) {
        return;
    }
    (void)table_leaf_resize(t, table_tag(hash), log2);  /* without memory: at a later removal */
}

/* Walking. */

/* The tags [tag, end) of the leaf that `entry` names. Returns SIZE_MAX when out is too small. */
static size_t leaf_collect(uint64_t entry, uint64_t tag, uint64_t end, uint64_t *out,
                           size_t capacity) {
    const uint64_t *slots = (const uint64_t *)(uintptr_t)(entry & ~(uint64_t)63);
    size_t count = 0;
    if (vel_likely(leaf_slot_count(entry & 63) <= capacity)) {
        /* Which slots are in use is random: without a branch it is three times as fast. */
        for (uint64_t at = 0; at < leaf_slot_count(entry & 63); at++) {
            uint64_t slot = atomic_get_acquire(&slots[at]);
            out[count] = slot;
            count += (table_slot_ref(slot) != 0) & ((slot >> SLAB_REF_BITS) - tag < end - tag);
        }
        return count;
    }
    for (uint64_t at = 0; at < leaf_slot_count(entry & 63); at++) {
        uint64_t slot = atomic_get_acquire(&slots[at]), found = slot >> SLAB_REF_BITS;
        if (!table_slot_ref(slot) || found < tag || found >= end) continue;
        if (count == capacity) return SIZE_MAX;
        out[count++] = slot;
    }
    return count;
}

/* One tag alone, from *skip slots after its home on. *skip is 0 when the tag is done. */
static size_t tag_collect(uint64_t entry, uint64_t tag, uint64_t *skip, uint64_t *out,
                          size_t capacity) {
    const uint64_t *slots = (const uint64_t *)(uintptr_t)(entry & ~(uint64_t)63);
    uint64_t mask = leaf_slot_count(entry & 63) - 1;
    size_t count = 0;
    for (uint64_t passed = *skip; passed <= mask; passed++) {
        uint64_t slot = atomic_get_acquire(&slots[(tag + passed) & mask]);
        if (slot == TABLE_EMPTY) break;
        if (!table_slot_ref(slot) || slot >> SLAB_REF_BITS != tag) continue;
        if (count == capacity) {
            *skip = passed;
            return count;
        }
        out[count++] = slot;
    }
    *skip = 0;
    return count;
}

/* A leaf with more slots than capacity: as many tags of it as fit, from *tag up to before end. */
static size_t large_leaf_collect(uint64_t entry, uint64_t *tag, uint64_t end, uint64_t *skip,
                                 uint64_t *out, size_t capacity) {
    while (!*skip) {
        size_t count = leaf_collect(entry, *tag, end, out, capacity);
        if (count != SIZE_MAX) {
            *tag = end;
            return count;
        }
        if (end - *tag == 1) break;
        end = *tag + (end - *tag) / 2;
    }
    size_t count = tag_collect(entry, *tag, skip, out, capacity);
    if (!*skip) ++*tag;
    return count;
}

size_t table_walk(const vel_table *t, uint64_t *cursor, uint64_t *out, size_t capacity,
                  bool *done) {
    const table_directory *d = atomic_get_acquire(&t->directory);
    const uint64_t tags = (uint64_t)1 << TABLE_TAG_BITS;
    uint64_t tag = *cursor >> 32, skip = *cursor & UINT32_MAX;
    size_t count = 0;
    vel_assert(capacity >= TABLE_WALK_MIN);
    while (tag < tags) {
        uint64_t at = directory_at(d, tag), entry = atomic_get_acquire(&d->entries[at].slots);
        /* A split being published may show part of the range still with the old leaf, which is
         * complete: only the tags of the part that shows it are taken from it. */
        uint64_t next = at + 1;
        while (next < directory_size(d) && atomic_get_acquire(&d->entries[next].slots) == entry)
            next++;
        uint64_t end = next << (TABLE_TAG_BITS - d->depth);
        if (!skip && leaf_slot_count(entry & 63) <= capacity - count) {
            count += leaf_collect(entry, tag, end, out + count, capacity - count);
            tag = end;
            continue;
        }
        if (!count) count = large_leaf_collect(entry, &tag, end, &skip, out, capacity);
        break;
    }
    *cursor = tag << 32 | skip;
    *done = tag >= tags;
    return count;
}
