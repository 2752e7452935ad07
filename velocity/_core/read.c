/* read.c: reads. They take no lock: pin, probe, copy, unpin. A record on disk is read by code
 * without the GIL, in a pin slot of its own, and then offered to the cache. */
#include "engine.h"

#define READ_AHEAD 16  /* keys in flight in a batch read: the knee measured on this layout */

bool engine_is_expired(int64_t expiry) {
    return vel_unlikely(expiry) && expiry <= clock_wall_ns();
}

void engine_mark_visited(const vel_engine *e, const uint8_t *block) {
    if (e->options.bounded && !(block_header(block) & BLOCK_VISITED))
        __atomic_fetch_or((uint64_t *)(void *)(uintptr_t)block, BLOCK_VISITED, __ATOMIC_RELAXED);
}

/* --- reading a location in the log ---------------------------------------------------------- */

static vel_status location_corrupt(const vel_segment *s, uint64_t at, const char *why,
                                   vel_error *error) {
    return vel_fail(error, VEL_E_CORRUPT, 0, s->path, at, "a record is damaged: %s", why);
}

vel_status engine_read_location(vel_engine *e, uint64_t header, vel_buffer *out, size_t *at,
                                vel_error *error) {
    vel_segment *s = log_segment(&e->log, header & BLOCK_LOCATION);
    uint64_t offset = location_at(header & BLOCK_LOCATION),
             units = header >> BLOCK_HINT_SHIFT & BLOCK_HINT_MAX;
    size_t size = units == BLOCK_HINT_MAX ? OP_HEADER_SIZE : units * 8, got;
    vel_assert(s && units);
    vel_status status = buffer_reserve(out, size);
    if (!status)
        status = file_read(s->fd, s->path, offset, out->data + out->size, size, &got, error);
    if (!status && got < size) return location_corrupt(s, offset, "the file ends inside it", error);
    if (!status && units == BLOCK_HINT_MAX) {
        size = load_u32(out->data + out->size);
        if (size < BLOCK_HINT_MAX * 8 || size > op_size(RECORD_SIZE_MAX))
            return location_corrupt(s, offset, "its size", error);
        status = buffer_reserve(out, size);
        if (!status)
            status = file_read(s->fd, s->path, offset, out->data + out->size, size, &got, error);
        if (!status && got < size)
            return location_corrupt(s, offset, "the file ends inside it", error);
    }
    if (status) return status;
    segment_op op;
    const char *why;
    const uint8_t *p = out->data + out->size;
    if (op_read(p, p + size, s->salt, &op, &why)) return location_corrupt(s, offset, why, error);
    if (op.kind != OP_PUT || op.size != size)
        return location_corrupt(s, offset, "another operation is in its place", error);
    *at = out->size + OP_HEADER_SIZE;
    out->size += size;
    return VEL_OK;
}

/* --- one record ----------------------------------------------------------------------------- */

VEL_INLINE void prefetch_home(const vel_engine *e, const vel_collection *c, uint64_t hash) {
    table_prefetch(&c->table, hash);
}

VEL_INLINE void prefetch_block(const vel_engine *e, const vel_collection *c, uint64_t hash) {
    table_probe probe;
    uint32_t position;
    table_probe_begin(&c->table, hash, &probe);
    vel_ref ref = table_probe_next(&probe, &position);
    if (ref) {
        __builtin_prefetch(slab_at(&e->slab, ref));
        __builtin_prefetch(slab_at(&e->slab, ref) + 64);
    }
}

VEL_INLINE void prefetch(const vel_engine *e, const vel_collection *c, uint64_t hash,
                         void (*fetch)(const vel_engine *, const vel_collection *, uint64_t)) {
    epoch_slot *slot = epoch_slot_attached();
    epoch_pin(slot);
    if (vel_likely(!atomic_get_acquire(&e->closed) && !atomic_get_acquire(&c->dropped)))
        fetch(e, c, hash);
    epoch_unpin(slot);
}

void engine_prefetch_slot(const vel_engine *e, const vel_collection *c, uint64_t hash) {
    prefetch(e, c, hash, prefetch_home);
}

void engine_prefetch_record(const vel_engine *e, const vel_collection *c, uint64_t hash) {
    prefetch(e, c, hash, prefetch_block);
}

/* The block of an id among those in memory; VEL_BUSY when one on disk has to be looked at.
 * Requires: pinned. */
static vel_status find_resident(const vel_engine *e, const vel_collection *c, uint64_t hash,
                                const uint8_t *id, size_t id_size, const uint8_t **out) {
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    table_probe_begin(&c->table, hash, &probe);
    while ((ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref);
        if (vel_unlikely(block_is_cold(e, block))) return VEL_BUSY;
        const uint8_t *record = block_record(e, block);
        if (vel_likely(record_has_id(record, id, id_size))) {
            if (engine_is_expired(record_expiry(record))) return VEL_NOT_FOUND;
            *out = block;
            return VEL_OK;
        }
    }
    return VEL_NOT_FOUND;
}

vel_status engine_readable(const vel_engine *e, const vel_collection *c) {
    vel_status status = engine_usable(e);
    if (vel_unlikely(status)) return status;
    return vel_unlikely(atomic_get_acquire(&c->dropped)) ? VEL_NOT_FOUND : VEL_OK;
}

vel_status engine_read(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                       size_t id_size, uint8_t *buffer, size_t capacity, size_t *size) {
    const uint8_t *block;
    epoch_slot *slot = epoch_slot_attached();
    epoch_pin(slot);
    vel_status status = engine_readable(e, c);
    if (vel_likely(!status)) status = find_resident(e, c, hash, id, id_size, &block);
    if (vel_likely(!status)) {
        const uint8_t *record = block_record(e, block);
        *size = record_size(record);
        if (vel_likely(*size <= capacity)) {
            memcpy(buffer, record, *size);
            engine_mark_visited(e, block);
        } else {
            status = VEL_E_TOO_LARGE;
        }
    }
    epoch_unpin(slot);
    if (e->options.bounded && !status) atomic_add_relaxed(&e->cache_hits, 1);
    return status;
}

vel_status engine_has(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                      size_t id_size) {
    const uint8_t *block;
    epoch_slot *slot = epoch_slot_attached();
    epoch_pin(slot);
    vel_status status = engine_readable(e, c);
    if (!status) status = find_resident(e, c, hash, id, id_size, &block);
    epoch_unpin(slot);
    return status;
}

/* As find_resident, reading those on disk into *out; *header gets the header of the block found.
 * Requires: pinned slot of our own. */
static vel_status find_anywhere(vel_engine *e, const vel_collection *c, uint64_t hash,
                                const uint8_t *id, size_t id_size, vel_buffer *out, size_t *at,
                                uint64_t *header, vel_error *error) {
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    size_t base = out->size;
    table_probe_begin(&c->table, hash, &probe);
    while ((ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref), *record;
        vel_status status;
        *header = e->directory ? block_header(block) : 0;
        if (block_is_cold(e, block)) {
            status = engine_read_location(e, *header, out, at, error);
        } else if (record_has_id(record = block_record(e, block), id, id_size)) {
            *at = out->size;
            status = record_append(out, record);
            if (!status) engine_mark_visited(e, block);
        } else {
            continue;
        }
        if (status) return status;
        record = out->data + *at;
        if (record_has_id(record, id, id_size))
            return engine_is_expired(record_expiry(record)) ? VEL_NOT_FOUND : VEL_OK;
        out->size = base;
    }
    return VEL_NOT_FOUND;
}

void engine_admit(vel_engine *e, vel_collection *c, uint64_t hash, uint64_t header,
                  const uint8_t *record) {
    uint64_t size = e->record_offset + (uint64_t)record_size(record);
    if (size > e->cache.budget / 8 || pthread_mutex_trylock(&e->commit_lock)) return;
    table_probe probe;
    uint32_t position;
    vel_ref ref = 0, hot;
    if (!engine_usable(e) && !c->dropped) {
        table_probe_begin(&c->table, hash, &probe);
        while ((ref = table_probe_next(&probe, &position)))
            if (block_header(slab_at(&e->slab, ref)) == header) break;
    }
    if (ref) {
        cache_evict(e, size);
        if (!slab_alloc(&e->slab, size, &hot)) {
            uint8_t *block = slab_at(&e->slab, hot);
            store_u64(block, header & ~BLOCK_COLD);
            memcpy(block + e->record_offset, record, record_size(record));
            cache_insert(e, hot, c->index, hash, 0);
            table_replace(&c->table, hash, ref, hot);
            epoch_retire(&e->limbo, &e->slab, ref);
        }
    }
    pthread_mutex_unlock(&e->commit_lock);
}

vel_status engine_read_cold(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                            size_t id_size, vel_buffer *out, vel_error *error) {
    uint64_t header = 0;
    size_t at = 0;
    out->size = 0;
    epoch_slot *slot = epoch_pin_take();
    vel_status status = engine_readable(e, c);
    if (!status) status = find_anywhere(e, c, hash, id, id_size, out, &at, &header, error);
    epoch_pin_give(slot);
    if (status) return status;
    if (header & BLOCK_COLD) engine_admit(e, c, hash, header, out->data + at);
    if (e->options.bounded)
        atomic_add_relaxed(header & BLOCK_COLD ? &e->cache_misses : &e->cache_hits, 1);
    out->size = record_size(out->data + at);
    memmove(out->data, out->data + at, out->size);
    return VEL_OK;
}

/* --- many records --------------------------------------------------------------------------- */

static vel_status copy_resident(vel_engine *e, vel_key *key, const uint8_t *block,
                                vel_buffer *arena) {
    size_t at = arena->size;
    vel_status status = record_append(arena, block_record(e, block));
    if (status) return status;
    key->at = at + 1;
    engine_mark_visited(e, block);
    return VEL_OK;
}

/* One group of keys, pinned. Cold ones end it when attached, else are read; headers[i] then is
 * their block's. */
static vel_status read_group(vel_engine *e, vel_collection *c, vel_key *keys, size_t count,
                             bool attached, vel_buffer *arena, uint64_t *headers,
                             vel_error *error) {
    for (size_t i = 0; i < count; i++) {
        keys[i].hash = engine_hash(e, keys[i].id, keys[i].id_size);
        table_prefetch(&c->table, keys[i].hash);
    }
    for (size_t i = 0; i < count; i++) prefetch_block(e, c, keys[i].hash);
    uint64_t hits = 0, misses = 0;
    vel_status status = VEL_OK;
    for (size_t i = 0; i < count && !status; i++) {
        const uint8_t *block;
        vel_key *key = &keys[i];
        key->at = 0;
        headers[i] = 0;
        status = find_resident(e, c, key->hash, key->id, key->id_size, &block);
        if (!status) {
            status = copy_resident(e, key, block, arena);
            hits++;
        } else if (status == VEL_BUSY && !attached) {
            size_t at;
            status = find_anywhere(e, c, key->hash, key->id, key->id_size, arena, &at, &headers[i],
                                   error);
            if (!status) key->at = at + 1;
            else headers[i] = 0;
            misses++;
        }
        if (status == VEL_NOT_FOUND) status = VEL_OK;
    }
    if (e->options.bounded) {
        atomic_add_relaxed(&e->cache_hits, hits);
        atomic_add_relaxed(&e->cache_misses, misses);
    }
    return status;
}

vel_status engine_read_many(vel_engine *e, vel_collection *c, vel_key *keys, size_t count,
                            bool attached, vel_buffer *arena, vel_error *error) {
    vel_status status = VEL_OK;
    for (size_t i = 0; i < count && !status; i += READ_AHEAD) {
        size_t n = count - i < READ_AHEAD ? count - i : READ_AHEAD;
        epoch_slot *slot = attached ? epoch_slot_attached() : epoch_pin_take();
        if (attached) epoch_pin(slot);
        status = engine_readable(e, c);
        uint64_t headers[READ_AHEAD] = {0};
        if (!status) status = read_group(e, c, keys + i, n, attached, arena, headers, error);
        if (attached) epoch_unpin(slot);
        else epoch_pin_give(slot);
        for (size_t j = 0; j < n && !status; j++)
            if (headers[j] & BLOCK_COLD)
                engine_admit(e, c, keys[i + j].hash, headers[j],
                             arena->data + keys[i + j].at - 1);
    }
    return status;
}
