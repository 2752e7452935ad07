/* ids.c: see ids.h. */
#include "ids.h"

#define BUILD_SLICE 64  /* ids the builder puts in at a time: some tens of microseconds */

void ids_close(vel_collection *c) {
    btree_close(&c->ids);
    c->ids_complete = false;
}

/* --- writers -------------------------------------------------------------------------------- */

/* Replaced records may make room. */
static vel_status tree_reserve(vel_engine *e, vel_collection *c, size_t inserts) {
    vel_status status = btree_reserve(&c->ids, inserts);
    if (vel_likely(!status)) return VEL_OK;
    epoch_collect(&e->limbo, &e->slab);
    return btree_reserve(&c->ids, inserts);
}

/* Whether an operation brings an id that the table does not have before the batch. */
static bool brings_id(const vel_write *w, const vel_plan *p) {
    return p->writes && !p->deletes && !p->old.ref && ids_kept(w->collection);
}

static vel_status put_in(vel_engine *e, const vel_write *writes, const vel_plan *plans,
                         size_t count) {
    for (size_t i = 0; i < count; i++) {
        const vel_write *w = &writes[i];
        if (!brings_id(w, &plans[i])) continue;
        vel_status status = tree_reserve(e, w->collection, 1);
        if (status) {
            ids_release_all(writes, plans, i);
            return status;
        }
        btree_insert(&w->collection->ids, w->id, w->id_size);
    }
    return VEL_OK;
}

vel_status ids_reserve_all(vel_engine *e, const vel_write *writes, const vel_plan *plans,
                           size_t count) {
    if (count == 1)
        return brings_id(writes, plans) ? tree_reserve(e, writes->collection, 1) : VEL_OK;
    vel_status status = put_in(e, writes, plans, count);
    /* An id that a batch deletes and brings again is taken out and put in when it is published. */
    size_t again = 0;
    for (size_t i = 0; i < count; i++) again += plans[i].writes && plans[i].previous;
    for (size_t i = 0; !status && again && i < count; i++) {
        if (!plans[i].writes || !plans[i].previous || !ids_kept(writes[i].collection)) continue;
        if ((status = tree_reserve(e, writes[i].collection, again)))
            ids_release_all(writes, plans, count);
    }
    return status;
}

void ids_release_all(const vel_write *writes, const vel_plan *plans, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (brings_id(&writes[i], &plans[i]))
            btree_remove(&writes[i].collection->ids, writes[i].id, writes[i].id_size);
}

void ids_change(vel_collection *c, const vel_write *w, bool deletes) {
    if (deletes) btree_remove(&c->ids, w->id, w->id_size);
    else btree_insert(&c->ids, w->id, w->id_size);
}

/* --- building ------------------------------------------------------------------------------- */

/* An id that the table held when it was walked. */
typedef struct {
    uint64_t location;  /* of its record in the log; 0 when there is none */
    size_t at;          /* of its bytes in the arena */
    uint32_t size;
} walked_id;

typedef struct {
    vel_engine *e;
    vel_collection *c;
    uint64_t *slots;    /* TABLE_WALK_MIN each */
    walked_id *ids;
    size_t count;
    uint64_t cursor;
    bool done;
    vel_buffer arena, cold;
} builder;

static vel_status note_id(builder *b, vel_ref ref, vel_error *error) {
    vel_engine *e = b->e;
    const uint8_t *block = slab_at(&e->slab, ref), *record = block_record(e, block);
    uint64_t header = e->directory ? block_header(block) : 0;
    vel_status status = VEL_OK;
    if (e->directory && header & BLOCK_COLD) {
        size_t at;
        b->cold.size = 0;
        status = engine_read_location(e, header, &b->cold, &at, error);
        record = b->cold.data + at;
    }
    uint32_t size = status ? 0 : record_id_size(record);
    if (!status) status = buffer_reserve(&b->arena, size);
    if (status) return status;
    memcpy(b->arena.data + b->arena.size, record_id(record), size);
    b->ids[b->count++] = (walked_id){header & BLOCK_LOCATION, b->arena.size, size};
    b->arena.size += size;
    return VEL_OK;
}

/* Copy the ids of the next leaf of the table. */
static vel_status walk(builder *b, vel_error *error) {
    b->count = b->arena.size = 0;
    epoch_slot *slot = epoch_pin_take();
    vel_status status = engine_readable(b->e, b->c);
    size_t count = status ? 0 : table_walk(&b->c->table, &b->cursor, b->slots, TABLE_WALK_MIN,
                                           &b->done);
    for (size_t i = 0; i < count && !status; i++)
        status = note_id(b, table_slot_ref(b->slots[i]), error);
    epoch_pin_give(slot);
    return status;
}

/* Whether a walked id's document has not been deleted since. Looks at the disk only when it was
 * changed and went there meanwhile. Requires commit_lock. */
static vel_status still_there(builder *b, const walked_id *w, bool *there, vel_error *error) {
    vel_engine *e = b->e;
    const uint8_t *id = b->arena.data + w->at;
    uint64_t hash = engine_hash(e, id, w->size);
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    bool unknown = false;
    *there = true;
    table_probe_begin(&b->c->table, hash, &probe);
    while ((ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref);
        if (w->location && (block_header(block) & BLOCK_LOCATION) == w->location) return VEL_OK;
        if (block_is_cold(e, block)) unknown = true;
        else if (record_has_id(block_record(e, block), id, w->size)) return VEL_OK;
    }
    *there = false;
    if (!unknown) return VEL_OK;
    vel_found found;
    e->scratch.size = 0;
    vel_status status = engine_find(e, b->c, hash, id, w->size, false, &found, error);
    *there = !status && found.ref;
    return status;
}

/* Requires commit_lock. VEL_END: the tree was forgotten meanwhile. */
static vel_status put_slice(builder *b, size_t from, size_t to, vel_error *error) {
    vel_status status = engine_readable(b->e, b->c);
    if (!status && !ids_kept(b->c)) status = VEL_END;
    for (size_t i = from; i < to && !status; i++) {
        bool there;
        status = still_there(b, &b->ids[i], &there, error);
        if (status || !there) continue;
        status = tree_reserve(b->e, b->c, 1);
        if (!status)
            btree_insert(&b->c->ids, b->arena.data + b->ids[i].at, b->ids[i].size);
    }
    return status;
}

static vel_status fill(builder *b, vel_error *error) {
    vel_status status = VEL_OK;
    while (!status && !b->done) {
        status = walk(b, error);
        for (size_t from = 0; !status && from < b->count; from += BUILD_SLICE) {
            size_t to = from + BUILD_SLICE < b->count ? from + BUILD_SLICE : b->count;
            if (atomic_get_relaxed(&b->e->closing)) return VEL_E_CLOSED;
            pthread_mutex_lock(&b->e->commit_lock);
            status = put_slice(b, from, to, error);
            pthread_mutex_unlock(&b->e->commit_lock);
        }
    }
    return status;
}

/* Requires ids_lock. */
static vel_status build(vel_engine *e, vel_collection *c, vel_error *error) {
    builder b = {.e = e, .c = c};
    b.slots = malloc(TABLE_WALK_MIN * sizeof *b.slots);
    b.ids = malloc(TABLE_WALK_MIN * sizeof *b.ids);
    vel_status status = VEL_E_NOMEM;
    if (b.slots && b.ids) {
        pthread_mutex_lock(&e->commit_lock);
        status = engine_readable(e, c);
        if (!status) status = btree_open(&c->ids, &e->slab);
        pthread_mutex_unlock(&e->commit_lock);
        if (!status) status = fill(&b, error);
        pthread_mutex_lock(&e->commit_lock);
        if (!status && !ids_kept(c)) status = VEL_END;
        if (!status) c->ids_complete = true;
        else if (ids_kept(c)) ids_close(c);
        pthread_mutex_unlock(&e->commit_lock);
    }
    free(b.slots);
    free(b.ids);
    buffer_free(&b.arena);
    buffer_free(&b.cold);
    return status;
}

/* Build the tree unless it is there. Without the GIL. */
static vel_status complete(vel_engine *e, vel_collection *c, vel_error *error) {
    vel_status status = VEL_END;
    pthread_mutex_lock(&c->ids_lock);
    while (status == VEL_END) {
        pthread_mutex_lock(&e->commit_lock);
        bool done = c->ids_complete;
        pthread_mutex_unlock(&e->commit_lock);
        status = done ? VEL_OK : build(e, c, error);
    }
    pthread_mutex_unlock(&c->ids_lock);
    return status;
}

/* --- reading -------------------------------------------------------------------------------- */

static bool beyond(const vel_range *r, const btree_cursor *at) {
    const uint8_t *bound = at->reverse ? r->from : r->to;
    uint32_t size = at->reverse ? r->from_size : r->to_size;
    if (!bound) return false;
    int order = bytes_order(at->key, at->size, bound, size);
    return at->reverse ? order < 0 : order >= 0;
}

static vel_status copy_slice(const vel_collection *c, const vel_range *r, bool reverse,
                             size_t limit, vel_id *ids, size_t *count, vel_buffer *arena) {
    btree_cursor at;
    if (reverse) btree_seek(&c->ids, &at, r->to, r->to_size, true);
    else btree_seek(&c->ids, &at, r->from, r->from_size, false);
    while (*count < limit && btree_next(&at) && !beyond(r, &at)) {
        vel_status status = buffer_reserve(arena, at.size);
        if (status) return status;
        memcpy(arena->data + arena->size, at.key, at.size);
        ids[(*count)++] = (vel_id){arena->size, at.size};
        arena->size += at.size;
    }
    return VEL_OK;
}

vel_status ids_slice(vel_engine *e, vel_collection *c, const vel_range *range, bool reverse,
                     size_t limit, bool attached, vel_id *ids, size_t *count, vel_buffer *arena,
                     vel_error *error) {
    vel_status status = VEL_BUSY;
    while (status == VEL_BUSY) {
        *count = arena->size = 0;
        if (!attached) pthread_mutex_lock(&e->commit_lock);
        else if (pthread_mutex_trylock(&e->commit_lock)) return VEL_BUSY;
        status = engine_readable(e, c);
        if (!status && !c->ids_complete) status = VEL_BUSY;
        if (!status) status = copy_slice(c, range, reverse, limit, ids, count, arena);
        pthread_mutex_unlock(&e->commit_lock);
        if (attached || status != VEL_BUSY) return status;
        vel_status built = complete(e, c, error);
        if (built) return built;
    }
    return status;
}
