/* catalog.c: the collections: creating, finding, dropping, and storing them in the manifest; blocks
 * by their location in the log. */
#include "ids.h"

vel_status catalog_charge_names(vel_engine *e, vel_collection *c) {
    uint64_t memory = names_memory(c->names);
    int64_t more = (int64_t)(memory - c->names_charged);
    vel_status status = slab_charge(&e->slab, more);
    /* They are there, whatever is refused because of them. */
    if (status) e->slab.charged += (uint64_t)more;
    c->names_charged = memory;
    return status;
}

void collection_free(vel_collection *c) {
    pthread_mutex_destroy(&c->ids_lock);
    if (c->names) names_free(c->names);
    free(c->name);
    free(c->metadata);
    rules_free(c->rules);
    free(c);
}

vel_status catalog_add(vel_engine *e, uint32_t id, uint8_t level, const uint8_t *name,
                       uint32_t name_size, vel_collection **out) {
    if (e->collection_count == e->collection_capacity) {
        uint32_t capacity = e->collection_capacity ? 2 * e->collection_capacity : 16;
        vel_collection **collections = realloc(e->collections, capacity * sizeof *collections);
        if (!collections) return VEL_E_NOMEM;
        e->collections = collections;
        e->collection_capacity = capacity;
    }
    vel_collection *c = calloc(1, sizeof *c);
    if (!c) return VEL_E_NOMEM;
    pthread_mutex_init(&c->ids_lock, NULL);
    c->id = id;
    c->index = e->collection_count;
    c->level = level;
    c->name = malloc(name_size + 1);
    c->name_size = name_size;
    c->names = names_new();
    vel_status status =
        c->name && c->names ? table_open(&c->table, &e->slab, &e->limbo) : VEL_E_NOMEM;
    if (status) { collection_free(c); return status; }
    memcpy(c->name, name, name_size);
    c->name[name_size] = 0;
    c->listed = true;
    e->collections[e->collection_count++] = c;
    *out = c;
    return VEL_OK;
}

vel_collection *catalog_by_id(vel_engine *e, uint32_t id) {
    /* Ids rise with the index. */
    uint32_t low = 0, high = e->collection_count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (e->collections[middle]->id < id) low = middle + 1;
        else high = middle;
    }
    if (low == e->collection_count || e->collections[low]->id != id || e->collections[low]->dropped)
        return NULL;
    return e->collections[low];
}

/* Requires commit_lock. */
static vel_collection *find_listed(vel_engine *e, const char *name, size_t name_size) {
    for (uint32_t i = 0; i < e->collection_count; i++) {
        vel_collection *c = e->collections[i];
        if (!c->dropped && c->name_size == name_size && !memcmp(c->name, name, name_size)) return c;
    }
    return NULL;
}

vel_status catalog_find(vel_engine *e, const char *name, size_t name_size, vel_collection **out) {
    vel_status status = engine_usable(e);
    if (status) return status;
    pthread_mutex_lock(&e->commit_lock);
    *out = find_listed(e, name, name_size);
    if (*out) atomic_add_relaxed(&(*out)->handles, 1);
    pthread_mutex_unlock(&e->commit_lock);
    return *out ? VEL_OK : VEL_NOT_FOUND;
}

vel_status catalog_list(vel_engine *e, vel_buffer *out) {
    vel_status status = VEL_OK;
    pthread_mutex_lock(&e->commit_lock);
    for (uint32_t i = 0; i < e->collection_count && !status; i++) {
        const vel_collection *c = e->collections[i];
        if (c->dropped) continue;
        if ((status = buffer_reserve(out, c->name_size + 1))) break;
        memcpy(out->data + out->size, c->name, c->name_size + 1);
        out->size += c->name_size + 1;
    }
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

/* --- the manifest --------------------------------------------------------------------------- */

static vel_status copy_bytes(const void *from, size_t size, uint8_t **out, uint32_t *out_size) {
    *out = malloc(size + 1);
    if (!*out) return VEL_E_NOMEM;
    if (size) memcpy(*out, from, size);
    *out_size = (uint32_t)size;
    return VEL_OK;
}

static vel_status describe_collection(const vel_collection *c, manifest_collection *m) {
    vel_buffer names = {0};
    m->id = c->id;
    m->level = c->level;
    m->documents = collection_count(c);
    vel_status status = copy_bytes(c->name, c->name_size, &m->name, &m->name_size);
    if (!status) status = names_write(c->names, 1, c->names_logged, &names);
    if (!status) status = copy_bytes(names.data, names.size, &m->names, &m->names_size);
    if (!status)
        status = copy_bytes(c->metadata, c->metadata_size, &m->metadata, &m->metadata_size);
    buffer_free(&names);
    return status;
}

/* The engine's state as a manifest. Requires commit_lock.
 * Owns: manifest_free, also after failure. */
static vel_status describe(vel_engine *e, bool clean, vel_manifest *m) {
    memset(m, 0, sizeof *m);
    memcpy(m->uuid, e->uuid, sizeof m->uuid);
    m->hash_seed = e->hash_seed;
    /* A prepared segment is found by listing, too, once it was begun. */
    m->next_segment_id = e->log.ahead_id ? e->log.ahead_id : e->log.next_id;
    m->next_collection_id = e->next_collection_id;
    m->clean = clean;
    m->checkpoint = clean ? e->checkpoint : 0;
    m->sealed_seq = e->log.seq;
    m->durable_seq = atomic_get_acquire(&e->log.durable_seq);
    m->last_stamp = e->last_stamp;
    m->collections = calloc(e->collection_count + 1, sizeof *m->collections);
    m->segments = calloc(e->log.count + 1, sizeof *m->segments);
    if (!m->collections || !m->segments) return VEL_E_NOMEM;
    for (uint32_t i = 0; i < e->collection_count; i++) {
        if (!e->collections[i]->listed) continue;
        manifest_collection *to = &m->collections[m->collection_count++];
        vel_status status = describe_collection(e->collections[i], to);
        if (status) return status;
    }
    for (uint32_t i = 0; i < e->log.count; i++) {
        const vel_segment *s = e->log.list[i];
        if (!s->sealed && s->base_seq <= m->sealed_seq) m->sealed_seq = s->base_seq - 1;
        if (!s->on_disk) {
            /* Power loss may take it: it is found by listing, as all that come after it. */
            if (s->id < m->next_segment_id) m->next_segment_id = s->id;
            continue;
        }
        m->segments[m->segment_count++] = (manifest_segment){
            .id = s->id, .salt = s->salt, .base_seq = s->base_seq, .last_seq = s->last_seq,
            .kind = s->kind, .size = s->sealed ? s->tail : 0, .cleaned_stamp = s->cleaned_stamp};
    }
    return VEL_OK;
}

/* Requires manifest_lock. */
static vel_status store(vel_engine *e, bool clean, bool *in_place, vel_error *error) {
    vel_manifest m;
    pthread_mutex_lock(&e->commit_lock);
    vel_status status = describe(e, clean, &m);
    pthread_mutex_unlock(&e->commit_lock);
    if (!status) status = manifest_store(e->directory, &m, in_place, error);
    else vel_fail(error, status, 0, e->directory, 0, "no memory to write the manifest");
    manifest_free(&m);
    return status;
}

/* Health tells of the last failure until a success. */
static vel_status note(vel_engine *e, vel_status status, const vel_error *error) {
    pthread_mutex_lock(&e->commit_lock);
    snprintf(e->catalog_text, sizeof e->catalog_text, "%.250s", status ? error->what : "");
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

vel_status catalog_store(void *engine, vel_error *error) {
    vel_engine *e = engine;
    pthread_mutex_lock(&e->manifest_lock);
    vel_status status = note(e, store(e, false, NULL, error), error);
    pthread_mutex_unlock(&e->manifest_lock);
    return status;
}

vel_status catalog_sync_and_store(vel_engine *e, bool clean, vel_error *error) {
    vel_status status = log_sync_all(&e->log, &e->commit_lock, error);
    pthread_mutex_lock(&e->manifest_lock);
    if (!status) status = note(e, store(e, clean, NULL, error), error);
    pthread_mutex_unlock(&e->manifest_lock);
    return status;
}

/* What is to become of a collection: on the list or off it, or with other metadata. */
typedef struct {
    vel_collection *c;
    bool describes;            /* the metadata is changed, not the list */
    bool listed;
    uint8_t *metadata;         /* malloc'ed */
    uint32_t metadata_size;
} catalog_change;

/* Make the change; x is then what takes it back. */
static void change_make(vel_engine *e, catalog_change *x) {
    catalog_change old = *x;
    pthread_mutex_lock(&e->commit_lock);
    if (x->describes) {
        old.metadata = x->c->metadata;
        old.metadata_size = x->c->metadata_size;
        x->c->metadata = x->metadata;
        x->c->metadata_size = x->metadata_size;
        atomic_add_relaxed(&x->c->metadata_changes, 1);
    } else {
        old.listed = x->c->listed;
        x->c->listed = x->listed;
    }
    pthread_mutex_unlock(&e->commit_lock);
    *x = old;
}

/* Make a change on disk, too; earlier writes are made durable first. On failure all is as before.
 * x is then what is no longer used. */
static vel_status change_store(vel_engine *e, catalog_change *x, vel_error *error) {
    bool in_place = false;
    vel_status status = e->directory ? log_sync_all(&e->log, &e->commit_lock, error) : VEL_OK;
    if (status) return status;
    pthread_mutex_lock(&e->manifest_lock);
    change_make(e, x);
    if (e->directory && (status = store(e, false, &in_place, error))) {
        vel_error again;
        change_make(e, x);
        /* The new manifest may be in place, only its durability unknown. Put the old state back:
         * where that is not known to be durable either, nothing more may be promised. */
        if (in_place && store(e, false, NULL, &again)) log_fail(&e->log, error);
    }
    if (e->directory) note(e, status, error);
    pthread_mutex_unlock(&e->manifest_lock);
    return status;
}

static vel_status list_collection(vel_engine *e, vel_collection *c, bool listed, vel_error *error) {
    catalog_change x = {.c = c, .listed = listed};
    return change_store(e, &x, error);
}

/* --- metadata ------------------------------------------------------------------------------- */

static vel_status metadata_check(size_t size, vel_error *error) {
    if (size <= METADATA_SIZE_MAX) return VEL_OK;
    return vel_fail(error, VEL_E_TOO_LARGE, 0, NULL, 0,
                    "a collection's schema and indexes may take at most %zu bytes, not %zu",
                    METADATA_SIZE_MAX, size);
}

vel_status catalog_metadata(vel_engine *e, const vel_collection *c, vel_buffer *out) {
    pthread_mutex_lock(&e->commit_lock);
    vel_status status = buffer_reserve(out, c->metadata_size);
    if (!status && c->metadata_size) {
        memcpy(out->data + out->size, c->metadata, c->metadata_size);
        out->size += c->metadata_size;
    }
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

vel_status catalog_keep_metadata(vel_collection *c, const uint8_t *data, size_t size) {
    return size ? copy_bytes(data, size, &c->metadata, &c->metadata_size) : VEL_OK;
}

vel_status catalog_set_metadata(vel_engine *e, vel_collection *c, const uint8_t *data, size_t size,
                                vel_error *error) {
    catalog_change x = {.c = c, .describes = true};
    vel_status status = metadata_check(size, error);
    if (!status) status = engine_enter(e);
    if (status) return status;
    if (collection_dropped(c)) status = VEL_NOT_FOUND;
    if (!status) status = copy_bytes(data, size, &x.metadata, &x.metadata_size);
    if (!status) status = change_store(e, &x, error);
    free(x.metadata);
    engine_leave(e);
    return status;
}

/* --- create and drop ------------------------------------------------------------------------ */

vel_status catalog_create(vel_engine *e, const char *name, size_t name_size, uint8_t level,
                          const uint8_t *metadata, size_t metadata_size, vel_collection **out,
                          vel_error *error) {
    vel_status status = metadata_check(metadata_size, error);
    if (!status) status = engine_enter(e);
    if (status) return status;
    vel_collection *c = NULL;
    pthread_mutex_lock(&e->catalog_lock);
    pthread_mutex_lock(&e->commit_lock);
    if ((*out = find_listed(e, name, name_size))) {
        status = VEL_MISMATCH;
    } else if (atomic_get_relaxed(&e->log.failed)) {
        status = vel_fail(error, VEL_E_FAILED, EIO, e->directory, 0, "%s", e->log.failed_text);
    } else {
        status = catalog_add(e, e->next_collection_id, level, (const uint8_t *)name,
                             (uint32_t)name_size, &c);
        if (!status) {
            e->next_collection_id++;
            c->dropped = 1;
            c->listed = false;
            status = catalog_keep_metadata(c, metadata, metadata_size);
        }
    }
    pthread_mutex_unlock(&e->commit_lock);
    if (!status) status = list_collection(e, c, true, error);
    pthread_mutex_lock(&e->commit_lock);
    if (c && !status) atomic_set_release(&c->dropped, 0);
    pthread_mutex_unlock(&e->commit_lock);
    pthread_mutex_unlock(&e->catalog_lock);
    engine_leave(e);
    if (!status) *out = c;
    return status;
}

vel_ref engine_find_location(const vel_engine *e, const vel_collection *c, uint64_t hash,
                             uint64_t location) {
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    table_probe_begin(&c->table, hash, &probe);
    while ((ref = table_probe_next(&probe, &position)))
        if ((block_header(slab_at(&e->slab, ref)) & BLOCK_LOCATION) == location) return ref;
    return 0;
}

uint32_t block_record_size(vel_engine *e, const uint8_t *block) {
    if (!block_is_cold(e, block)) return record_size(block_record(e, block));
    uint64_t header = block_header(block), units = header >> BLOCK_HINT_SHIFT & BLOCK_HINT_MAX;
    uint32_t size = (uint32_t)(units * 8) - OP_HEADER_SIZE;
    if (units == BLOCK_HINT_MAX) {
        /* Only the count of live bytes depends on it: a disk that fails here
         * makes compaction a little early. */
        const vel_segment *s = log_segment(&e->log, header & BLOCK_LOCATION);
        uint64_t at = location_at(header & BLOCK_LOCATION) + OP_HEADER_SIZE;
        uint8_t bytes[4];
        size_t got;
        if (!file_read(s->fd, s->path, at, bytes, 4, &got, NULL) && got == 4)
            size = load_u32(bytes);
    }
    return size;
}

static void forget_block(vel_engine *e, vel_ref ref) {
    uint8_t *block = slab_at(&e->slab, ref);
    bool cold = block_is_cold(e, block), expires = false;
    if (e->directory) {
        uint64_t header = block_header(block);
        vel_segment *s = log_segment(&e->log, header & BLOCK_LOCATION);
        s->live_bytes -= op_size(block_record_size(e, block));
        s->live_count--;
        expires = header & BLOCK_EXPIRES;
    } else {
        expires = record_expiry(block_record(e, block)) != 0;
    }
    if (expires) e->expiry.live--;
    if (e->options.bounded && !cold) cache_remove(e, ref);
    slab_free(&e->slab, ref);
}

/* Give back the blocks and the table of a dropped collection, a leaf at a time so that writers are
 * not held up. */
static void collection_clear(vel_engine *e, vel_collection *c) {
    uint64_t *slots = malloc(TABLE_WALK_MIN * sizeof *slots);
    uint64_t cursor = 0;
    bool done = slots == NULL;  /* without memory for the walk the blocks stay until close */
    epoch_wait();
    while (!done) {
        pthread_mutex_lock(&e->commit_lock);
        size_t count = table_walk(&c->table, &cursor, slots, TABLE_WALK_MIN, &done);
        for (size_t i = 0; i < count; i++) forget_block(e, table_slot_ref(slots[i]));
        pthread_mutex_unlock(&e->commit_lock);
    }
    if (slots) {
        pthread_mutex_lock(&e->commit_lock);
        index_drop_all(e, c);
        table_close(&c->table);
        ids_close(c);
        slab_charge(&e->slab, -(int64_t)c->names_charged);
        c->names_charged = 0;
        pthread_mutex_unlock(&e->commit_lock);
    }
    free(slots);
}

void collection_release(vel_collection *c) {
    if (__atomic_sub_fetch(&c->handles, 1, __ATOMIC_ACQ_REL)) return;
    if (!atomic_get_acquire(&c->dropped)) return;
    vel_names *names = atomic_exchange_acq_rel(&c->names, NULL);
    if (!names) return;
    rules_free(c->rules);
    c->rules = NULL;
    names_free(names);
}

vel_status catalog_drop(vel_engine *e, const char *name, size_t name_size, vel_collection **out,
                        vel_error *error) {
    vel_status status = engine_enter(e);
    if (status) return status;
    pthread_mutex_lock(&e->catalog_lock);
    pthread_mutex_lock(&e->commit_lock);
    vel_collection *c = *out = find_listed(e, name, name_size);
    if (c) atomic_add_relaxed(&c->handles, 1);
    if (!c) status = VEL_NOT_FOUND;
    else if (atomic_get_relaxed(&e->log.failed))
        status = vel_fail(error, VEL_E_FAILED, EIO, e->directory, 0, "%s", e->log.failed_text);
    pthread_mutex_unlock(&e->commit_lock);
    if (!status) status = list_collection(e, c, false, error);
    pthread_mutex_lock(&e->commit_lock);
    if (c && !status) {
        atomic_set_release(&c->dropped, 1);
        e->checkpoint_seq = UINT64_MAX;  /* it has that collection: it no longer fits */
    }
    pthread_mutex_unlock(&e->commit_lock);
    if (!status) {
        changes_wake(e);
        collection_clear(e, c);
    }
    pthread_mutex_unlock(&e->catalog_lock);
    engine_leave(e);
    if (!status && e->directory) background_wake_compactor(e);
    return status;
}
