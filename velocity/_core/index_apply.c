/* index_apply.c: what the operations of a batch change in indexes: noted while it is planned, made
 * when it is published, taken back when it is undone. See index.h. */
#include "engine.h"

#define PLACES_MIN 64u

VEL_INLINE bool change_tree(vel_index *ix, const uint8_t *entry, uint32_t size, bool insert) {
    pthread_rwlock_wrlock(&ix->lock);
    bool changed = insert ? btree_insert(&ix->tree, entry, size)
                          : btree_remove(&ix->tree, entry, size);
    pthread_rwlock_unlock(&ix->lock);
    return changed;
}

void index_batch_clear(index_batch *b) {
    for (size_t i = b->published; i < b->count; i++) {
        const index_change *c = &b->changes[i];
        if (c->early) change_tree(c->index, b->bytes.data + c->at, c->size, false);
    }
    b->count = b->published = b->bytes.size = 0;
    if (b->place_count) memset(b->places, 0, b->place_count * sizeof *b->places);
    while (b->undos) {
        index_undo *next = b->undos->next;
        free(b->undos);
        b->undos = next;
    }
    if (b->place_count > 16 * PLACES_MIN) index_batch_free(b);  /* kept small between batches */
}

void index_batch_free(index_batch *b) {
    free(b->changes);
    free(b->places);
    buffer_free(&b->bytes);
    *b = (index_batch){.undos = b->undos};
    if (b->undos) index_batch_clear(b);
}

/* --- noting ---------------------------------------------------------------------------------- */

static uint32_t *place_of(const index_batch *b, const vel_index *ix, const uint8_t *key,
                          uint32_t size) {
    uint64_t at = xxh3_64(key, size, (uint64_t)(uintptr_t)ix);
    for (;; at++) {
        uint32_t *place = &b->places[at & (b->place_count - 1)];
        if (!*place) return place;
        const index_change *c = &b->changes[*place - 1];
        if (c->index == ix && c->size - INDEX_HASH_SIZE == size &&
            memcmp(b->bytes.data + c->at, key, size) == 0)
            return place;
    }
}

static void place_change(index_batch *b, size_t i) {
    index_change *c = &b->changes[i];
    uint32_t *place = place_of(b, c->index, b->bytes.data + c->at, c->size - INDEX_HASH_SIZE);
    c->next = *place;
    *place = (uint32_t)i + 1;
}

/* At most half full. */
static vel_status places_reserve(index_batch *b) {
    if (b->place_count >= 2 * (b->count + 1)) return VEL_OK;
    size_t count = b->place_count ? 2 * b->place_count : PLACES_MIN;
    while (count < 2 * (b->count + 1)) count *= 2;
    uint32_t *places = calloc(count, sizeof *places);
    if (!places) return VEL_E_NOMEM;
    free(b->places);
    b->places = places;
    b->place_count = count;
    for (size_t i = 0; i < b->count; i++)
        if (b->changes[i].index->unique) place_change(b, i);
    return VEL_OK;
}

/* Find the way of a change, so that its leaf is fetched until its turn. */
VEL_INLINE void approach(index_batch *b, size_t i) {
    const index_change *c = &b->changes[i];
    btree_approach(&c->index->tree, &b->ways[i % INDEX_AHEAD], b->bytes.data + c->at, c->size);
}

/* Make a change that was approached. Returns whether there was something to do. */
VEL_INLINE bool make_change(index_batch *b, size_t i) {
    const index_change *c = &b->changes[i];
    vel_index *ix = c->index;
    btree_way *way = &b->ways[i % INDEX_AHEAD];
    const uint8_t *entry = b->bytes.data + c->at;
    pthread_rwlock_wrlock(&ix->lock);
    bool changed = c->insert ? btree_insert_near(&ix->tree, way, entry, c->size)
                             : btree_remove_near(&ix->tree, way, entry, c->size);
    pthread_rwlock_unlock(&ix->lock);
    return changed;
}

/* Whether a change is made by index_reserve, or else by index_publish. */
VEL_INLINE bool is_made_early(const index_change *c) { return c->insert && !c->again; }
VEL_INLINE bool is_made_late(const index_change *c) {
    return !c->shared && (!c->insert || c->again);
}

static vel_status add_change(index_batch *b, vel_index *ix, const index_write *w,
                             const uint8_t *key, uint32_t size, bool insert, bool shared) {
    vel_status status = buffer_reserve(&b->bytes, size + INDEX_HASH_SIZE);
    if (!status && b->count == b->capacity) {
        size_t capacity = b->capacity ? 2 * b->capacity : 16;
        index_change *changes = realloc(b->changes, capacity * sizeof *changes);
        if (!changes) return VEL_E_NOMEM;
        b->changes = changes;
        b->capacity = capacity;
    }
    if (!status && ix->unique) status = places_reserve(b);
    if (status) return status;
    uint8_t *to = b->bytes.data + b->bytes.size;
    memcpy(to, key, size);
    index_store_hash(to + size, w->hash);
    b->changes[b->count] =
        (index_change){.index = ix, .at = b->bytes.size, .size = size + INDEX_HASH_SIZE,
                       .write = w->write, .insert = insert, .again = w->again || w->twin,
                       .shared = shared, .id = w->id, .id_size = w->id_size};
    b->bytes.size += size + INDEX_HASH_SIZE;
    if (ix->unique) place_change(b, b->count);
    if (b->count < INDEX_AHEAD) approach(b, b->count);
    b->count++;
    return VEL_OK;
}

/* --- uniqueness ------------------------------------------------------------------------------ */

vel_status index_conflict_make(const uint8_t *key, size_t key_size, const uint8_t *id,
                               size_t id_size, const uint8_t *other, size_t other_size,
                               index_conflict **out) {
    index_conflict *c = malloc(sizeof *c + key_size + id_size + other_size);
    if (!c) return VEL_E_NOMEM;
    c->next = NULL;
    c->key_size = (uint32_t)key_size;
    c->id_size = (uint32_t)id_size;
    c->other_size = (uint32_t)other_size;
    memcpy(c->bytes, key, key_size);
    memcpy(c->bytes + key_size, id, id_size);
    if (other_size) memcpy(c->bytes + key_size + id_size, other, other_size);
    *out = c;
    return VEL_OK;
}

void index_conflict_free(index_conflict *first) {
    while (first) {
        index_conflict *next = first->next;
        free(first);
        first = next;
    }
}

vel_status index_refuse(const vel_index *ix, index_conflict *first, vel_error *error) {
    vel_buffer fields = {0};
    for (uint32_t i = 0; i < ix->field_count; i++) {
        const vel_path *path = &ix->paths[i];
        if (buffer_reserve(&fields, path->text_size + 3u)) break;
        memcpy(fields.data + fields.size, path->text, path->text_size);
        memcpy(fields.data + fields.size + path->text_size, ", ", 3);
        fields.size += path->text_size + 2;
    }
    vel_fail(error, VEL_E_UNIQUE, 0, NULL, 0, "%.*s of collection %.80s (index %.60s)",
             fields.size > 2 ? (int)fields.size - 2 : 0, fields.data ? (char *)fields.data : "",
             ix->collection->name, ix->name);
    error->conflict = first;
    buffer_free(&fields);
    return VEL_E_UNIQUE;
}

static vel_status refuse(const vel_index *ix, const index_write *w, const uint8_t *key,
                         uint32_t size, const uint8_t *id, uint32_t id_size, vel_error *error) {
    index_conflict *conflict;
    vel_status status = index_conflict_make(key, size, id, id_size, w->id, w->id_size, &conflict);
    return status ? status : index_refuse(ix, conflict, error);
}

/* Whether a document that has an entry of the key counts: not when it has expired by now. */
static vel_status check_holder(vel_engine *e, const vel_index *ix, const index_write *w,
                               const uint8_t *key, uint32_t size, uint64_t hash, int64_t now,
                               bool nonblock, vel_error *error) {
    table_probe probe;
    const uint8_t *record;
    vel_buffer cold = {0};
    table_probe_begin(&ix->collection->table, hash, &probe);
    vel_status status;
    while (!(status = index_next_of_hash(e, hash, &probe, nonblock, &cold, &record, error))) {
        int64_t expiry = record_expiry(record);
        if (expiry && expiry <= now) continue;
        status = refuse(ix, w, key, size, record_id(record), record_id_size(record), error);
        break;
    }
    buffer_free(&cold);
    return status == VEL_END ? VEL_OK : status;
}

/* The newest change that the batch makes to an entry; NULL: none. `chain`: of its key. */
static const index_change *newest(const index_batch *b, uint32_t chain, uint64_t hash) {
    for (; chain; chain = b->changes[chain - 1].next) {
        const index_change *c = &b->changes[chain - 1];
        const uint8_t *end = b->bytes.data + c->at + c->size;
        if (!c->shared && index_load_hash(end - INDEX_HASH_SIZE) == hash) return c;
    }
    return NULL;
}

/* Refuse a key that another document has, after the operations before in the batch. */
static vel_status check_unique(vel_engine *e, vel_index *ix, const index_write *w,
                               const uint8_t *key, uint32_t size, int64_t now, bool nonblock,
                               vel_error *error) {
    const index_batch *b = &e->index_batch;
    index_twin other;
    vel_status status = index_find_twin(e, ix, w, key, size, now, nonblock, &other, error);
    if (!status && other.id) status = refuse(ix, w, key, size, other.id, other.id_size, error);
    buffer_free(&other.cold);
    if (status) return status;
    uint32_t chain = b->place_count ? *place_of(b, ix, key, size) : 0;
    for (uint32_t i = chain; i; i = b->changes[i - 1].next) {
        const index_change *c = &b->changes[i - 1];
        uint64_t hash = index_load_hash(b->bytes.data + c->at + size);
        if (c->insert && hash != w->hash && newest(b, chain, hash) == c)
            return refuse(ix, w, key, size, c->id, c->id_size, error);
    }
    btree_cursor cursor;
    btree_seek(&ix->tree, &cursor, key, size, false);
    while (!status && btree_next(&cursor) && cursor.size == size + INDEX_HASH_SIZE &&
           memcmp(cursor.key, key, size) == 0) {
        uint64_t hash = index_load_hash(cursor.key + size);
        if (hash != w->hash && !newest(b, chain, hash))
            status = check_holder(e, ix, w, key, size, hash, now, nonblock, error);
    }
    return status;
}

/* --- planning -------------------------------------------------------------------------------- */

static int compare_spots(const index_keys *a, size_t i, const index_keys *b, size_t j) {
    if (i == a->count) return 1;
    if (j == b->count) return -1;
    const index_spot *x = &index_keys_spots(a)[i], *y = &index_keys_spots(b)[j];
    int order = memcmp(a->bytes.data + x->at, b->bytes.data + y->at,
                       x->size < y->size ? x->size : y->size);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

/* Both sets are in order: what is in one of them alone comes or goes. */
static vel_status note_difference(vel_engine *e, vel_index *ix, const index_write *w,
                                  const index_keys *before, const index_keys *after, int64_t now,
                                  bool nonblock, vel_error *error) {
    vel_status status = VEL_OK;
    bool checks = ix->unique && index_state_of(ix) != INDEX_BUILDING;
    for (size_t i = 0, j = 0; !status && (i < before->count || j < after->count);) {
        int order = compare_spots(before, i, after, j);
        const index_spot *spot = order < 0 ? &index_keys_spots(before)[i]
                                           : &index_keys_spots(after)[j];
        const uint8_t *key = (order < 0 ? before : after)->bytes.data + spot->at;
        /* What had expired counts again: noted for operations behind; its entry is there. */
        bool comes = order > 0 || (order == 0 && checks && w->expired);
        if (checks && comes)
            status = check_unique(e, ix, w, key, spot->size, now, nonblock, error);
        index_twin other = {0};
        if (!status && order < 0) {
            status = index_find_twin(e, ix, w, key, spot->size, INT64_MIN, nonblock, &other, error);
            buffer_free(&other.cold);
        }
        if (!status && (order || comes))
            status = add_change(&e->index_batch, ix, w, key, spot->size, comes, other.id != NULL);
        i += order <= 0;
        j += order >= 0;
    }
    return status;
}

static vel_status plan_one(vel_engine *e, vel_index *ix, const index_write *w, int64_t now,
                           bool nonblock, vel_error *error) {
    const index_body *a = &w->before, *b = &w->after;
    if (a->body && b->body && !(w->expired && ix->unique) &&
        index_values_same(ix, a->body, a->size, b->body, b->size))
        return VEL_OK;
    index_keys before, after;
    index_keys_open(&before);
    index_keys_open(&after);
    vel_status status = index_keys_of(ix, a->body, a->size, &before, error);
    if (status == VEL_E_UNFIT) {  /* an index that is being built has not come to it */
        before.count = 0;
        status = VEL_OK;
    }
    if (!status) status = index_keys_of(ix, b->body, b->size, &after, error);
    if (!status) status = note_difference(e, ix, w, &before, &after, now, nonblock, error);
    index_keys_free(&before);
    index_keys_free(&after);
    return status;
}

vel_status index_plan(vel_engine *e, const index_write *w, int64_t now, bool nonblock,
                      vel_error *error) {
    const index_list *list = w->collection->indexes;
    vel_status status = VEL_OK;
    for (uint32_t i = 0; i < list->count && !status; i++)
        status = plan_one(e, list->at[i], w, now, nonblock, error);
    return status;
}

/* --- reserving ------------------------------------------------------------------------------- */

static vel_status make_undo(const index_batch *b, size_t from, size_t to, index_undo **out) {
    size_t head = sizeof(index_undo) + (to - from) * sizeof(*out)->items[0];
    size_t size = b->changes[to - 1].at + b->changes[to - 1].size - b->changes[from].at;
    index_undo *u = malloc(head + size);
    if (!u) return VEL_E_NOMEM;
    u->next = NULL;
    u->write = b->changes[from].write;
    u->count = (uint32_t)(to - from);
    memcpy((uint8_t *)u + head, b->bytes.data + b->changes[from].at, size);
    for (size_t i = from; i < to; i++) {
        const index_change *c = &b->changes[i];
        u->items[i - from].index = c->index;
        u->items[i - from].at = (uint32_t)(head + c->at - b->changes[from].at);
        u->items[i - from].size = c->size;
        u->items[i - from].insert = c->insert;
    }
    *out = u;
    return VEL_OK;
}

static vel_status make_undos(index_batch *b) {
    index_undo **last = &b->undos;
    vel_status status = VEL_OK;
    for (size_t from = 0, to; from < b->count && !status; from = to) {
        for (to = from + 1; to < b->count && b->changes[to].write == b->changes[from].write;) to++;
        if (!(status = make_undo(b, from, to, last))) last = &(*last)->next;
    }
    return status;
}

/* In a tree an insertion may split a node of every level: room for many at once would be a multiple
 * of what they take. The leaves of the next ones are fetched meanwhile. */
static vel_status insert_early(index_batch *b) {
    vel_status status = VEL_OK;
    for (size_t i = 0; i < b->count && !status; i++) {
        index_change *c = &b->changes[i];
        vel_index *ix = c->index;
        if (c->again) {
            ix->batch_inserts += c->insert;
        } else if (c->insert && !(status = btree_reserve(&ix->tree, 1))) {
            c->early = make_change(b, i);
        }
        if (i + INDEX_AHEAD < b->count && is_made_early(&b->changes[i + INDEX_AHEAD]))
            approach(b, i + INDEX_AHEAD);
    }
    /* The ways of the first changes were those of others since. */
    for (size_t i = 0; i < INDEX_AHEAD && b->count > INDEX_AHEAD; i++)
        if (is_made_late(&b->changes[i])) approach(b, i);
    return status;
}

vel_status index_reserve(vel_engine *e) {
    index_batch *b = &e->index_batch;
    vel_status status = insert_early(b);
    for (size_t i = 0; i < b->count; i++) {
        vel_index *ix = b->changes[i].index;
        if (ix->batch_inserts && !status) status = btree_reserve(&ix->tree, ix->batch_inserts);
        ix->batch_inserts = 0;
    }
    if (!status && e->options.sync_writes) status = make_undos(b);
    return status;
}

/* --- publishing ------------------------------------------------------------------------------ */

index_undo *index_publish(vel_engine *e, size_t write) {
    index_batch *b = &e->index_batch;
    index_undo *u = b->undos && b->undos->write == write ? b->undos : NULL;
    for (uint32_t i = 0; b->published < b->count; b->published++, i++) {
        const index_change *c = &b->changes[b->published];
        bool changed = c->early;
        if (c->write != write) break;
        if (is_made_late(c)) changed = make_change(b, b->published);
        size_t ahead = b->published + INDEX_AHEAD;
        if (ahead < b->count && is_made_late(&b->changes[ahead])) approach(b, ahead);
        /* What was not changed is not undone. While it is being built the entry may have been
         * missing, and may not be any more. */
        if (u && !changed && (c->shared || index_state_of(c->index) != INDEX_BUILDING))
            u->items[i].index = NULL;
    }
    if (u) b->undos = u->next;
    return u;
}

vel_status index_undo_reserve(vel_engine *e, const index_undo *u) {
    (void)e;
    vel_status status = VEL_OK;
    for (uint32_t i = 0; i < u->count; i++)
        if (u->items[i].index && !u->items[i].insert) u->items[i].index->batch_inserts++;
    for (uint32_t i = 0; i < u->count; i++) {
        vel_index *ix = u->items[i].index;
        if (!ix) continue;
        if (ix->batch_inserts && !status) status = btree_reserve(&ix->tree, ix->batch_inserts);
        ix->batch_inserts = 0;
    }
    return status;
}

void index_undo_apply(const index_undo *u) {
    for (uint32_t i = u->count; i-- > 0;)
        if (u->items[i].index)
            change_tree(u->items[i].index, (const uint8_t *)u + u->items[i].at, u->items[i].size,
                        !u->items[i].insert);
}

void index_undo_forget(index_undo *u, const vel_index *ix) {
    for (uint32_t i = 0; i < u->count; i++)
        if (u->items[i].index == ix) u->items[i].index = NULL;
}
