/* index_scan.c: reading an index in slices, counting, and reading the documents it names. See
 * index.h. */
#include "engine.h"

#define READ_AHEAD 16  /* documents in flight, as in read.c */

static vel_status add_key(vel_buffer *keys, const btree_cursor *at) {
    uint32_t size = at->size - INDEX_HASH_SIZE;
    vel_status status = buffer_reserve(keys, sizeof size + size);
    if (status) return status;
    store_u32(keys->data + keys->size, size);
    memcpy(keys->data + keys->size + sizeof size, at->key, size);
    keys->size += sizeof size + size;
    return VEL_OK;
}

/* Go where the walk goes on. */
static void seek(const index_cursor *c, btree_cursor *at) {
    const vel_btree *t = &c->index->tree;
    if (c->begun) btree_seek(t, at, c->last, c->last_size, c->reverse);
    else if (c->reverse) btree_seek(t, at, c->to, c->to ? c->to_size : 0, true);
    else btree_seek(t, at, c->from, c->from_size, false);
}

VEL_INLINE bool in_bounds(const index_cursor *c, const btree_cursor *at) {
    if (c->reverse) return bytes_order(at->key, at->size, c->from, c->from_size) >= 0;
    return !c->to || bytes_order(at->key, at->size, c->to, c->to_size) < 0;
}

vel_status index_scan(index_cursor *c, uint64_t *hashes, size_t capacity, size_t *count,
                      vel_buffer *keys) {
    vel_index *ix = c->index;
    btree_cursor at;
    vel_status status = VEL_OK;
    size_t n = 0;
    if (capacity > INDEX_SLICE) capacity = INDEX_SLICE;
    *count = 0;
    if (c->done) return VEL_OK;
    pthread_rwlock_rdlock(&ix->lock);
    if (index_state_of(ix) == INDEX_GONE) {
        pthread_rwlock_unlock(&ix->lock);
        return VEL_NOT_FOUND;
    }
    seek(c, &at);
    at.size = 0;
    while (n < capacity && btree_next(&at) && in_bounds(c, &at)) {
        /* Forwards a walk goes on at the entry given last, when that is still there. */
        if (!n && c->begun && !c->reverse &&
            bytes_order(at.key, at.size, c->last, c->last_size) == 0)
            continue;
        if (keys && (status = add_key(keys, &at))) break;
        hashes[n++] = __builtin_bswap64(load_u64(at.key + at.size - INDEX_HASH_SIZE));
        c->last_size = at.size;
        if (n == capacity) memcpy(c->last, at.key, at.size);
    }
    pthread_rwlock_unlock(&ix->lock);
    c->begun = true;
    c->done = n < capacity;
    *count = n;
    return status;
}

vel_status index_count_range(vel_index *ix, const uint8_t *from, uint32_t from_size,
                             const uint8_t *to, uint32_t to_size, bool exact, uint64_t *count) {
    *count = 0;
    pthread_rwlock_rdlock(&ix->lock);
    bool gone = index_state_of(ix) == INDEX_GONE;
    if (!gone)
        *count = exact ? btree_count_range(&ix->tree, from, from_size, to, to_size)
                       : btree_estimate_range(&ix->tree, from, from_size, to, to_size);
    pthread_rwlock_unlock(&ix->lock);
    return gone ? VEL_NOT_FOUND : VEL_OK;
}

/* --- documents ------------------------------------------------------------------------------- */

typedef struct {
    vel_engine *e;
    vel_collection *c;
    bool attached;
    vel_buffer *arena;
    vel_error *error;
    uint64_t hits, misses;
} hash_reader;

/* One candidate: its record, read or copied to the arena, when it is of the hash. *cold: the header
 * of its block when it came from disk. Requires: pinned. */
static vel_status read_block(hash_reader *r, index_read *read, const uint8_t *block,
                             uint64_t *cold) {
    vel_engine *e = r->e;
    size_t base = r->arena->size, at = base;
    const uint8_t *record = block_record(e, block);
    bool is_cold = block_is_cold(e, block);
    vel_status status = VEL_OK;
    if (is_cold) {
        if (r->attached) return VEL_BUSY;
        uint64_t header = block_header(block);
        status = engine_read_location(e, header, r->arena, &at, r->error);
        if (status) return status;
        record = r->arena->data + at;
        *cold = header;
    }
    uint32_t size = record_size(record);
    if (engine_hash(e, record_id(record), record_id_size(record)) != read->hash ||
        engine_is_expired(record_expiry(record))) {
        r->arena->size = base;
        *cold = 0;
        return VEL_OK;
    }
    if (is_cold) {
        memmove(r->arena->data + base, record, size);
        r->misses++;
    } else {
        if ((status = buffer_reserve(r->arena, vel_align8(size)))) return status;
        memcpy(r->arena->data + base, record, size);
        engine_mark_visited(e, block);
        r->hits++;
    }
    if (!read->count++) read->at = base;
    r->arena->size = base + vel_align8(size);
    return VEL_OK;
}

static vel_status read_group(hash_reader *r, index_read *reads, size_t count, uint64_t *colds) {
    vel_collection *c = r->c;
    vel_status status = VEL_OK;
    for (size_t i = 0; i < count; i++) table_prefetch(&c->table, reads[i].hash);
    for (size_t i = 0; i < count; i++) {
        table_probe probe;
        uint32_t position;
        table_probe_begin(&c->table, reads[i].hash, &probe);
        vel_ref ref = table_probe_next(&probe, &position);
        if (!ref) continue;
        __builtin_prefetch(slab_at(&r->e->slab, ref));
        __builtin_prefetch(slab_at(&r->e->slab, ref) + 64);
    }
    for (size_t i = 0; i < count && !status; i++) {
        table_probe probe;
        uint32_t position;
        vel_ref ref;
        reads[i].count = 0;
        reads[i].at = 0;
        colds[i] = 0;
        table_probe_begin(&c->table, reads[i].hash, &probe);
        while (!status && (ref = table_probe_next(&probe, &position)))
            status = read_block(r, &reads[i], slab_at(&r->e->slab, ref), &colds[i]);
    }
    return status;
}

vel_status engine_read_hashes(vel_engine *e, vel_collection *c, index_read *reads, size_t count,
                              bool attached, vel_buffer *arena, vel_error *error) {
    hash_reader r = {e, c, attached, arena, error, 0, 0};
    vel_status status = VEL_OK;
    for (size_t i = 0; i < count && !status; i += READ_AHEAD) {
        size_t n = count - i < READ_AHEAD ? count - i : READ_AHEAD;
        uint64_t colds[READ_AHEAD] = {0};
        epoch_slot *slot = attached ? epoch_slot_attached() : epoch_pin_take();
        if (attached) epoch_pin(slot);
        status = engine_readable(e, c);
        if (!status) status = read_group(&r, reads + i, n, colds);
        if (attached) epoch_unpin(slot);
        else epoch_pin_give(slot);
        for (size_t j = 0; j < n && !status; j++)
            if (colds[j] && reads[i + j].count == 1)
                engine_admit(e, c, reads[i + j].hash, colds[j], arena->data + reads[i + j].at);
    }
    if (e->options.bounded) {
        atomic_add_relaxed(&e->cache_hits, r.hits);
        atomic_add_relaxed(&e->cache_misses, r.misses);
    }
    return status;
}
