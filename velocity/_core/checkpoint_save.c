/* checkpoint_save.c: writing the checkpoint of an engine, see checkpoint.h. */
#include "engine.h"

#define WALK_AHEAD 16  /* blocks being fetched ahead of the one looked at */

typedef struct {
    vel_engine *e;
    checkpoint_file file;
    uint32_t *positions;   /* segment number -> position in the list */
    uint64_t *slots;       /* TABLE_WALK_MIN of them */
    vel_error error;
} saving;

static vel_status put_segments(saving *v) {
    vel_status status = VEL_OK;
    const vel_log *log = &v->e->log;
    for (uint32_t i = 0; i < log->count && !status; i++) {
        const vel_segment *s = log->list[i];
        checkpoint_segment item = {s->id, s->put_bytes, s->live_bytes, s->tombstone_bytes,
                                   s->live_count, s->max_stamp};
        v->positions[s->number] = i;
        status = checkpoint_put(&v->file, &item, sizeof item, &v->error);
    }
    return status;
}

static vel_status put_collections(saving *v) {
    vel_status status = VEL_OK;
    for (uint32_t i = 0; i < v->e->collection_count && !status; i++) {
        const vel_collection *c = v->e->collections[i];
        checkpoint_collection item = {collection_count(c), c->id, 0};
        if (!c->dropped) status = checkpoint_put(&v->file, &item, sizeof item, &v->error);
    }
    return status;
}

static vel_status put_expiries(saving *v) {
    vel_status status = VEL_OK;
    const vel_expiry *x = &v->e->expiry;
    for (uint64_t i = 0; i < x->count && !status; i++) {
        checkpoint_expiry item = {x->entries[i].expiry, x->entries[i].hash,
                                  x->entries[i].collection, 0};
        status = checkpoint_put(&v->file, &item, sizeof item, &v->error);
    }
    return status;
}

static vel_status put_documents(saving *v, const vel_collection *c) {
    const vel_slab *slab = &v->e->slab;
    vel_status status = VEL_OK;
    uint64_t cursor = 0;
    bool done = false;
    while (!done && !status) {
        size_t count = table_walk(&c->table, &cursor, v->slots, TABLE_WALK_MIN, &done);
        for (size_t i = 0; i < count && !status; i++) {
            if (i + WALK_AHEAD < count)
                __builtin_prefetch(slab_at(slab, table_slot_ref(v->slots[i + WALK_AHEAD])));
            uint64_t header = block_header(slab_at(slab, table_slot_ref(v->slots[i])));
            uint64_t number = header >> LOG_OFFSET_BITS & (LOG_NUMBERS - 1);
            uint64_t place = (header & ~(BLOCK_COLD | BLOCK_VISITED)) ^ number << LOG_OFFSET_BITS;
            checkpoint_document item = {place | (uint64_t)v->positions[number] << LOG_OFFSET_BITS,
                                        (uint32_t)(v->slots[i] >> SLAB_REF_BITS)};
            status = checkpoint_put(&v->file, &item, sizeof item, &v->error);
        }
    }
    return status;
}

static vel_status save(saving *v, const checkpoint_header *header) {
    vel_engine *e = v->e;
    vel_status status = checkpoint_create(&v->file, e->directory, header, &v->error);
    if (!status) status = put_segments(v);
    if (!status) status = put_collections(v);
    if (!status) status = put_expiries(v);
    for (uint32_t i = 0; i < e->collection_count && !status; i++)
        if (!e->collections[i]->dropped) status = put_documents(v, e->collections[i]);
    if (!status) status = checkpoint_finish(&v->file, &v->error);
    /* Else power loss could put an older one in its place, under a manifest that names this one. */
    if (!status) status = directory_sync(e->directory, &v->error);
    checkpoint_close(&v->file);
    return status;
}

static bool is_unchanged(const vel_engine *e) {
    return e->checkpoint && e->checkpoint_seq == e->log.seq &&
           e->checkpoint_next_id == e->log.next_id;
}

void checkpoint_save(vel_engine *e, uint64_t *salt) {
    saving v = {.e = e};
    checkpoint_header header = {.seq = e->log.seq, .expiries = e->expiry.count,
                                .segments = e->log.count};
    *salt = is_unchanged(e) ? e->checkpoint : 0;
    if (!e->options.bounded || !e->log.count || *salt) return;
    for (uint32_t i = 0; i < e->collection_count; i++) {
        if (e->collections[i]->dropped) continue;
        header.documents += collection_count(e->collections[i]);
        header.collections++;
    }
    /* The segments' salts are random, and the last one is of this opening. */
    const vel_segment *last = e->log.list[e->log.count - 1];
    uint64_t seed = last->salt ^ (uint64_t)clock_wall_ns();
    header.salt = xxh3_64(e->uuid, sizeof e->uuid, seed) | 1;
    v.positions = malloc(((size_t)e->log.number_next + 1) * sizeof *v.positions);
    v.slots = malloc(TABLE_WALK_MIN * sizeof *v.slots);
    if (v.positions && v.slots && !save(&v, &header)) {
        *salt = header.salt;
    } else {
        char path[VEL_PATH_MAX];
        checkpoint_path(path, sizeof path, e->directory);
        file_remove(path, NULL);
    }
    free(v.positions);
    free(v.slots);
}

void checkpoint_drop_stale(vel_engine *e) {
    char path[VEL_PATH_MAX];
    pthread_mutex_lock(&e->commit_lock);
    bool stale = e->checkpoint && !is_unchanged(e);
    if (stale) e->checkpoint = 0;
    pthread_mutex_unlock(&e->commit_lock);
    if (!stale) return;
    checkpoint_path(path, sizeof path, e->directory);
    file_remove(path, NULL);
}
