/* index_twin.c: documents of one hash, which share their entries. See index.h. */
#include "engine.h"

vel_status index_next_of_hash(vel_engine *e, uint64_t hash, table_probe *probe, bool nonblock,
                               vel_buffer *cold, const uint8_t **record, vel_error *error) {
    uint32_t position;
    vel_ref ref;
    while ((ref = table_probe_next(probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref);
        *record = block_record(e, block);
        if (block_is_cold(e, block)) {
            size_t at;
            if (nonblock) return VEL_BUSY;
            cold->size = 0;
            vel_status status = engine_read_location(e, block_header(block), cold, &at, error);
            if (status) return status;
            *record = cold->data + at;
        }
        if (engine_hash(e, record_id(*record), record_id_size(*record)) == hash) return VEL_OK;
    }
    return VEL_END;
}

/* The newest change that the batch makes to an entry for one document; NULL: none. */
static const index_change *last_change(const index_batch *b, const vel_index *ix,
                                       const index_write *w, const uint8_t *key, uint32_t size,
                                       const uint8_t *id, uint32_t id_size) {
    for (size_t i = b->count; i-- > 0;) {
        const index_change *c = &b->changes[i];
        const uint8_t *entry = b->bytes.data + c->at;
        if (c->index == ix && c->size == size + INDEX_HASH_SIZE &&
            index_load_hash(entry + size) == w->hash && memcmp(entry, key, size) == 0 &&
            c->id_size == id_size && memcmp(c->id, id, id_size) == 0)
            return c;
    }
    return NULL;
}

static bool has_key(const index_keys *keys, const uint8_t *key, uint32_t size) {
    for (size_t i = 0; i < keys->count; i++) {
        const index_spot *spot = &index_keys_spots(keys)[i];
        if (spot->size == size && memcmp(keys->bytes.data + spot->at, key, size) == 0) return true;
    }
    return false;
}

static void find_twin_in_batch(const index_batch *b, const vel_index *ix, const index_write *w,
                               const uint8_t *key, uint32_t size, index_twin *out) {
    for (size_t i = 0; i < b->count && !out->id; i++) {
        const index_change *c = &b->changes[i];
        if ((c->id_size == w->id_size && memcmp(c->id, w->id, w->id_size) == 0) || !c->insert ||
            last_change(b, ix, w, key, size, c->id, c->id_size) != c)
            continue;
        out->id = c->id;
        out->id_size = c->id_size;
    }
}

/* Mostly there is no other candidate in the table, and nothing is read. */
vel_status index_find_twin(vel_engine *e, vel_index *ix, const index_write *w, const uint8_t *key,
                            uint32_t size, int64_t now, bool nonblock, index_twin *out,
                            vel_error *error) {
    table_probe probe;
    uint32_t position, candidates = 0;
    const uint8_t *record;
    index_keys keys;
    *out = (index_twin){0};
    table_probe_begin(&ix->collection->table, w->hash, &probe);
    while (table_probe_next(&probe, &position)) candidates++;
    if (vel_unlikely(w->twin)) find_twin_in_batch(&e->index_batch, ix, w, key, size, out);
    if (vel_likely(candidates <= w->in_table) || out->id) return VEL_OK;
    index_keys_open(&keys);
    table_probe_begin(&ix->collection->table, w->hash, &probe);
    vel_status status;
    while (!(status = index_next_of_hash(e, w->hash, &probe, nonblock, &out->cold, &record,
                                         error))) {
        vel_record r;
        record_read(record, &r);
        if (record_has_id(record, w->id, w->id_size) || (r.expiry && r.expiry <= now) ||
            last_change(&e->index_batch, ix, w, key, size, r.id, r.id_size))
            continue;
        if ((status = index_keys_of(ix, r.body, r.body_size, &keys, error))) break;
        if (!has_key(&keys, key, size)) continue;
        out->id = r.id;
        out->id_size = r.id_size;
        break;
    }
    index_keys_free(&keys);
    return status == VEL_END || status == VEL_E_UNFIT ? VEL_OK : status;
}
