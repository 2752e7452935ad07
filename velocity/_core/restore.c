/* restore.c: see recovery.h. The catalog comes from the manifest, and the documents from the
 * segments, met from the newest operation to the oldest: the first one of an id is its present
 * state. Bounded modes need only hints, the others copy the records. */
#include "recovery.h"

#define PREFETCH_DISTANCE 12

static vel_status keep_define(recovery *r, const segment_op *op) {
    if (r->define_count == r->define_capacity) {
        size_t capacity = r->define_capacity ? 2 * r->define_capacity : 64;
        size_t *at = realloc(r->define_at, capacity * sizeof *at);
        if (!at) return VEL_E_NOMEM;
        r->define_at = at;
        r->define_capacity = capacity;
    }
    vel_status status = buffer_reserve(&r->defines, 8 + op->payload_size);
    if (status) return status;
    r->define_at[r->define_count++] = r->defines.size;
    store_u32(r->defines.data + r->defines.size, op->collection);
    store_u32(r->defines.data + r->defines.size + 4, op->payload_size);
    memcpy(r->defines.data + r->defines.size + 8, op->payload, op->payload_size);
    r->defines.size += 8 + op->payload_size;
    return VEL_OK;
}

/* The operation of an entry: from the segment in memory, or by a read of its own when only the hint
 * was read. */
static vel_status load_op(recovery *r, const vel_segment *s, const hint_entry *x, vel_buffer *own,
                          segment_op *op) {
    const uint8_t *p = r->data.data + hint_offset(x);
    const char *why = "";
    size_t got;
    vel_status status = VEL_OK;
    if (!r->data.size) {
        own->size = 0;
        if ((status = buffer_reserve(own, x->size))) return status;
        p = own->data;
        status = file_read(s->fd, s->path, hint_offset(x), own->data, x->size, &got, r->error);
        if (status) return status;
        if (got < x->size) status = VEL_E_CORRUPT;
    }
    if (!status) status = op_read(p, p + x->size, s->salt, op, &why);
    if (status)
        return vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, hint_offset(x),
                        "damage in synced data: %s", why);
    return VEL_OK;
}

static vel_status restore_document(recovery *r, vel_segment *s, vel_collection *c,
                                   const hint_entry *x) {
    vel_engine *e = r->e;
    vel_ref ref;
    const uint8_t *record = r->data.data + hint_offset(x) + OP_HEADER_SIZE;
    uint32_t size = e->options.bounded ? x->size - OP_HEADER_SIZE : record_size(record);
    uint64_t header = block_header_make(log_location(s, hint_offset(x)), size, x->expiry != 0);
    vel_status status = table_reserve(&c->table, &x->hash, 1);
    if (!status && x->expiry) status = expiry_reserve(&e->expiry, 1);
    uint64_t block_size = e->options.bounded ? sizeof header : e->record_offset + (uint64_t)size;
    if (!status) status = slab_alloc(&e->slab, block_size, &ref);
    if (status) return status;
    uint8_t *block = slab_at(&e->slab, ref);
    store_u64(block, e->options.bounded ? header | BLOCK_COLD : header);
    if (!e->options.bounded) memcpy(block + e->record_offset, record, size);
    table_insert(&c->table, x->hash, ref);
    s->live_bytes += x->size;
    s->live_count++;
    if (x->expiry) {
        e->expiry.live++;
        expiry_push(&e->expiry, x->expiry, c->id, x->hash);
    }
    return VEL_OK;
}

/* Whether the table has the document of an operation whose segment is in memory. Only when it has
 * all records in memory, too. */
static bool is_in_table(const recovery *r, const vel_collection *c, const hint_entry *x) {
    const vel_engine *e = r->e;
    const uint8_t *record = r->data.data + hint_offset(x) + OP_HEADER_SIZE;
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    table_probe_begin(&c->table, x->hash, &probe);
    while ((ref = table_probe_next(&probe, &position)))
        if (record_has_id(block_record(e, slab_at(&e->slab, ref)), record_id(record),
                          record_id_size(record)))
            return true;
    return false;
}

/* *fresh: nothing newer was met of the operation's id. */
static vel_status meet(recovery *r, const vel_collection *c, const hint_entry *x, bool *fresh) {
    if (r->e->options.bounded || hint_kind(x) == OP_DELETE)
        return seen_add(&r->seen, x->collection, x->hash, x->check, fresh);
    *fresh = !(r->seen.count && seen_has(&r->seen, x->collection, x->hash, x->check)) &&
             !is_in_table(r, c, x);
    return VEL_OK;
}

static vel_status restore_entry(recovery *r, vel_segment *s, const hint_entry *x, vel_buffer *own) {
    vel_status status;
    bool fresh;
    if (hint_kind(x) == OP_DEFINE) {
        segment_op op;
        status = load_op(r, s, x, own, &op);
        return status ? status : keep_define(r, &op);
    }
    if (x->stamp > s->max_stamp) s->max_stamp = x->stamp;
    if (x->stamp > r->e->last_stamp) r->e->last_stamp = x->stamp;
    if (hint_kind(x) == OP_PUT) s->put_bytes += x->size;
    else s->tombstone_bytes += x->size;
    vel_collection *c = catalog_by_id(r->e, x->collection);
    if (!c) return VEL_OK;  /* dropped */
    status = meet(r, c, x, &fresh);
    if (status || !fresh || hint_kind(x) != OP_PUT) return status;
    return restore_document(r, s, c, x);
}

/* The entries of a sealed segment: its hint when the mode can live on it, else its frames, loaded
 * into r->data. */
static vel_status entries_of(recovery *r, vel_segment *s, vel_entries *scanned, vel_buffer *hint,
                             const hint_entry **entries, size_t *count) {
    vel_engine *e = r->e;
    char path[VEL_PATH_MAX];
    r->data.size = hint->size = 0;
    segment_name(path, sizeof path, e->directory, s->id, "hint");
    if (e->options.bounded && !scanned->entries &&
        !file_load(path, SEGMENT_SIZE_MAX * 2, hint, NULL) &&
        !hint_read(hint->data, hint->size, s->id, s->salt, s->tail, entries, count)) {
        s->hinted = true;
        return VEL_OK;
    }
    vel_status status = segment_load(s, &r->data, r->error);
    if (!status && !scanned->entries) {
        scanned = &r->entries;
        scanned->count = 0;
        status = entries_scan(scanned, s, r->data.data, e->hash_seed, r->error);
    }
    if (!status && e->options.bounded) hint_store(e, s, scanned, NULL);
    *entries = scanned->entries;
    *count = scanned->count;
    return status;
}

/* Start fetching what an entry some steps ahead will touch: it is all cache misses. */
static void prefetch_entry(const recovery *r, const hint_entry *x) {
    const vel_collection *c = catalog_by_id(r->e, x->collection);
    if (r->e->options.bounded) seen_prefetch(&r->seen, x->collection, x->hash);
    if (!c) return;
    table_probe probe;
    table_probe_begin(&c->table, x->hash, &probe);
    __builtin_prefetch(table_probe_home(&probe), 1);
}

vel_status restore_segment(recovery *r, uint32_t position) {
    vel_segment *s = r->e->log.list[position];
    vel_buffer hint = {0}, own = {0};
    const hint_entry *entries;
    size_t count;
    vel_status status = entries_of(r, s, &r->scanned[position], &hint, &entries, &count);
    for (size_t i = count; !status && i-- > 0;) {
        if (i >= PREFETCH_DISTANCE) prefetch_entry(r, &entries[i - PREFETCH_DISTANCE]);
        status = restore_entry(r, s, &entries[i], &own);
    }
    entries_free(&r->scanned[position]);
    buffer_free(&hint);
    buffer_free(&own);
    return status;
}

uint64_t restore_room(recovery *r) {
    uint64_t bytes = 0, most, told = 0;
    for (uint32_t i = 0; i < r->e->log.count; i++) bytes += r->e->log.list[i]->tail;
    most = bytes / (OP_SIZE_MIN + RECORD_HEADER_SIZE);
    for (uint32_t i = 0; i < r->m.collection_count; i++) {
        uint64_t documents = r->m.collections[i].documents;
        vel_collection *c = catalog_by_id(r->e, r->m.collections[i].id);
        if (documents > most - told) documents = most - told;
        told += documents;
        if (c) table_presize(&c->table, documents);
    }
    return told;
}

vel_status restore_names(recovery *r) {
    for (size_t i = r->define_count; i-- > 0;) {
        const uint8_t *p = r->defines.data + r->define_at[i];
        vel_collection *c = catalog_by_id(r->e, load_u32(p));
        vel_status status = c ? names_read(c->names, p + 8, load_u32(p + 4)) : VEL_OK;
        if (status == VEL_E_CORRUPT)
            return vel_fail(r->error, status, 0, r->e->directory, 0,
                            "the field names of collection %s do not follow on", c->name);
        if (status) return status;
    }
    for (uint32_t i = 0; i < r->e->collection_count; i++) {
        vel_collection *c = r->e->collections[i];
        c->names_logged = names_count(c->names);
        vel_status status = catalog_charge_names(r->e, c);
        if (status) return status;
    }
    return VEL_OK;
}

vel_status restore_catalog(recovery *r) {
    vel_engine *e = r->e;
    memcpy(e->uuid, r->m.uuid, sizeof e->uuid);
    e->hash_seed = r->m.hash_seed;
    e->next_collection_id = r->m.next_collection_id;
    e->last_stamp = r->m.last_stamp;
    e->log.next_id = r->m.next_segment_id;
    r->durable_seq = r->m.durable_seq;
    for (uint32_t i = 0; i < r->m.collection_count; i++) {
        const manifest_collection *m = &r->m.collections[i];
        vel_collection *c;
        vel_status status = catalog_add(e, m->id, m->level, m->name, m->name_size, &c);
        if (!status && m->names_size) status = names_read(c->names, m->names, m->names_size);
        if (!status) status = catalog_keep_metadata(c, m->metadata, m->metadata_size);
        if (status == VEL_E_CORRUPT)
            return vel_fail(r->error, status, 0, e->directory, 0,
                            "MANIFEST: the field names of collection %s are damaged", c->name);
        if (status) return status;
    }
    return VEL_OK;
}
