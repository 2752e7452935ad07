/* index_build.c: creating indexes, on a live collection or alone. See index.h. */
#include "engine.h"
#include "index_list.h"

#define BUILD_SLICE 64u  /* documents indexed under commit_lock at a time */

/* --- walking --------------------------------------------------------------------------------- */

typedef struct {
    vel_engine *e;
    vel_index *ix;
    uint64_t cursor, *slots;
    bool done;
    vel_buffer cold;
    vel_error *error;
} walk;

typedef vel_status (*walk_visit)(void *context, walk *w, const uint8_t *record);

/* Every record of the next leaves, expired ones too. Requires: commit_lock, or pinned by a slot of
 * our own. */
static vel_status walk_leaves(walk *w, walk_visit visit, void *context) {
    vel_engine *e = w->e;
    size_t count = table_walk(&w->ix->collection->table, &w->cursor, w->slots, TABLE_WALK_MIN,
                              &w->done);
    vel_status status = VEL_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (i + 16 < count)
            __builtin_prefetch(slab_at(&e->slab, table_slot_ref(w->slots[i + 16])));
        const uint8_t *block = slab_at(&e->slab, table_slot_ref(w->slots[i]));
        const uint8_t *record = block_record(e, block);
        if (block_is_cold(e, block)) {
            size_t at;
            w->cold.size = 0;
            status = engine_read_location(e, block_header(block), &w->cold, &at, w->error);
            if (!status) record = w->cold.data + at;
        }
        if (!status) status = visit(context, w, record);
    }
    return status;
}

/* The index cannot take a document: say which. */
static vel_status name_document(vel_status status, const uint8_t *record, vel_error *error) {
    char why[VEL_WHAT_MAX];
    int size = record_id_size(record) < 100 ? record_id_size(record) : 100;
    if (status != VEL_E_UNFIT) return status;
    memcpy(why, error->what, sizeof why);
    return vel_fail(error, status, 0, NULL, 0, "%.200s (document %.*s)", why, size,
                    (const char *)record_id(record));
}

/* --- building beside writers ----------------------------------------------------------------- */

static vel_status collect_hash(void *context, walk *w, const uint8_t *record) {
    vel_buffer *hashes = context;
    uint64_t hash = engine_hash(w->e, record_id(record), record_id_size(record));
    vel_status status = buffer_reserve(hashes, sizeof hash);
    if (status) return status;
    memcpy(hashes->data + hashes->size, &hash, sizeof hash);
    hashes->size += sizeof hash;
    return VEL_OK;
}

static vel_status insert_keys(vel_index *ix, const index_keys *keys, uint64_t hash) {
    uint8_t entry[INDEX_ENTRY_MAX];
    vel_status status = btree_reserve(&ix->tree, keys->count);
    if (status) return status;
    pthread_rwlock_wrlock(&ix->lock);
    for (size_t i = 0; i < keys->count; i++) {
        const index_spot *spot = &index_keys_spots(keys)[i];
        memcpy(entry, keys->bytes.data + spot->at, spot->size);
        store_u64(entry + spot->size, __builtin_bswap64(hash));
        btree_insert(&ix->tree, entry, spot->size + INDEX_HASH_SIZE);
    }
    pthread_rwlock_unlock(&ix->lock);
    return VEL_OK;
}

/* All documents of a hash as they are now. Requires: commit_lock. */
static vel_status insert_hash(walk *w, uint64_t hash, index_keys *keys) {
    vel_engine *e = w->e;
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    vel_status status = VEL_OK;
    table_probe_begin(&w->ix->collection->table, hash, &probe);
    while (!status && (ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref), *record = block_record(e, block);
        if (block_is_cold(e, block)) {  /* the page cache has it: the walk has just read it */
            size_t at;
            w->cold.size = 0;
            status = engine_read_location(e, block_header(block), &w->cold, &at, w->error);
            if (status) break;
            record = w->cold.data + at;
        }
        if (engine_hash(e, record_id(record), record_id_size(record)) != hash) continue;
        vel_record r;
        record_read(record, &r);
        status = index_keys_of(w->ix, r.body, r.body_size, keys, w->error);
        if (!status) status = insert_keys(w->ix, keys, hash);
        else status = name_document(status, record, w->error);
    }
    return status;
}

/* Requires: commit_lock. */
static vel_status still_wanted(const walk *w) {
    if (atomic_get_relaxed(&w->e->closing)) return VEL_E_CLOSED;
    return index_state_of(w->ix) == INDEX_GONE ? VEL_NOT_FOUND : VEL_OK;
}

static vel_status insert_hashes(walk *w, const vel_buffer *hashes) {
    size_t count = hashes->size / sizeof(uint64_t);
    vel_status status = VEL_OK;
    index_keys keys;
    index_keys_open(&keys);
    for (size_t i = 0; i < count && !status;) {
        pthread_mutex_lock(&w->e->commit_lock);
        status = still_wanted(w);
        for (size_t n = 0; n < BUILD_SLICE && i < count && !status; n++, i++)
            status = insert_hash(w, load_u64(hashes->data + i * sizeof(uint64_t)), &keys);
        pthread_mutex_unlock(&w->e->commit_lock);
    }
    index_keys_free(&keys);
    return status;
}

static vel_status build_beside_writers(walk *w) {
    vel_buffer hashes = {0};
    vel_status status = VEL_OK;
    while (!status && !w->done) {
        hashes.size = 0;
        epoch_slot *slot = epoch_pin_take();
        status = engine_readable(w->e, w->ix->collection);
        if (!status) status = walk_leaves(w, collect_hash, &hashes);
        epoch_pin_give(slot);
        if (!status) status = insert_hashes(w, &hashes);
    }
    buffer_free(&hashes);
    return status;
}

/* --- building alone -------------------------------------------------------------------------- */

/* An entry to be sorted: its first bytes beside where the rest is. */
typedef struct { uint64_t head; size_t at; } sort_item;
typedef struct {
    vel_buffer entries;        /* u32 size, bytes */
    vel_buffer items;          /* of sort_item */
    index_keys keys;
    size_t next;               /* item to give */
} sorter;

static vel_status collect_entries(void *context, walk *w, const uint8_t *record) {
    sorter *s = context;
    vel_record r;
    record_read(record, &r);
    vel_status status = index_keys_of(w->ix, r.body, r.body_size, &s->keys, w->error);
    if (status) return name_document(status, record, w->error);
    uint64_t hash = engine_hash(w->e, r.id, r.id_size);
    for (size_t i = 0; i < s->keys.count; i++) {
        const index_spot *spot = &index_keys_spots(&s->keys)[i];
        uint32_t size = spot->size + INDEX_HASH_SIZE;
        if ((status = buffer_reserve(&s->entries, sizeof size + size + 8))) return status;
        if ((status = buffer_reserve(&s->items, sizeof(sort_item)))) return status;
        uint8_t *to = s->entries.data + s->entries.size;
        store_u32(to, size);
        memcpy(to + 4, s->keys.bytes.data + spot->at, spot->size);
        store_u64(to + 4 + spot->size, __builtin_bswap64(hash));
        sort_item *item = (sort_item *)(void *)(s->items.data + s->items.size);
        *item = (sort_item){__builtin_bswap64(load_u64(to + 4)), s->entries.size};
        s->entries.size += sizeof size + size;
        s->items.size += sizeof *item;
    }
    return VEL_OK;
}

typedef struct { uint64_t head; const uint8_t *entry; } sort_key;

static int compare_items(const void *a, const void *b) {
    const sort_key *x = a, *y = b;
    if (x->head != y->head) return x->head < y->head ? -1 : 1;
    uint32_t m = load_u32(x->entry), n = load_u32(y->entry);
    int order = memcmp(x->entry + 4, y->entry + 4, m < n ? m : n);
    return order ? order : (m > n) - (m < n);
}

/* btree_source */
static bool next_entry(void *context, const uint8_t **key, uint32_t *size) {
    sorter *s = context;
    const sort_key *item = (const sort_key *)(const void *)s->items.data + s->next;
    if (s->next == s->items.size / sizeof *item) return false;
    *size = load_u32(item->entry);
    *key = item->entry + 4;
    s->next++;
    return true;
}

/* Requires: commit_lock. */
static vel_status build_sorted(walk *w) {
    sorter s = {0};
    vel_status status = VEL_OK;
    index_keys_open(&s.keys);
    while (!status && !w->done) status = walk_leaves(w, collect_entries, &s);
    if (!status) {
        _Static_assert(sizeof(sort_item) == sizeof(sort_key), "one becomes the other in place");
        sort_key *keys = (sort_key *)(void *)s.items.data;
        size_t count = s.items.size / sizeof *keys;
        for (size_t i = 0; i < count; i++) {
            sort_item item;
            memcpy(&item, &keys[i], sizeof item);
            keys[i] = (sort_key){item.head, s.entries.data + item.at};
        }
        if (count) qsort(keys, count, sizeof *keys, compare_items);
        pthread_rwlock_wrlock(&w->ix->lock);
        status = btree_build(&w->ix->tree, next_entry, &s);
        pthread_rwlock_unlock(&w->ix->lock);
    }
    index_keys_free(&s.keys);
    buffer_free(&s.entries);
    buffer_free(&s.items);
    return status;
}

/* --- uniqueness of what is there ------------------------------------------------------------- */

typedef struct {
    index_conflict *first, **last;
    size_t count;
} conflicts;

/* A document of a hash that counts: its id is appended to *ids. VEL_END: none. Requires:
 * commit_lock. */
static vel_status live_id(walk *w, uint64_t hash, int64_t now, vel_buffer *ids) {
    vel_engine *e = w->e;
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    table_probe_begin(&w->ix->collection->table, hash, &probe);
    while ((ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref), *record = block_record(e, block);
        if (block_is_cold(e, block)) {
            size_t at;
            w->cold.size = 0;
            vel_status status =
                engine_read_location(e, block_header(block), &w->cold, &at, w->error);
            if (status) return status;
            record = w->cold.data + at;
        }
        uint16_t size = record_id_size(record);
        if (engine_hash(e, record_id(record), size) != hash) continue;
        int64_t expiry = record_expiry(record);
        if (expiry && expiry <= now) continue;
        vel_status status = buffer_reserve(ids, size);
        if (status) return status;
        memcpy(ids->data + ids->size, record_id(record), size);
        ids->size += size;
        return VEL_OK;
    }
    return VEL_END;
}

/* Two entries of one key were met: whether they are still there, and their documents count.
 * *first_counts: the document of `a` does. */
static vel_status add_conflict(walk *w, const uint8_t *key, uint32_t size, uint64_t a, uint64_t b,
                               int64_t now, conflicts *found, bool *first_counts) {
    uint8_t entry[INDEX_ENTRY_MAX];
    vel_buffer ids = {0};
    size_t split = 0;
    memcpy(entry, key, size);
    pthread_mutex_lock(&w->e->commit_lock);
    vel_status status = still_wanted(w);
    uint64_t hashes[2] = {a, b};
    for (int i = 0; i < 2 && !status; i++) {
        split = ids.size;
        store_u64(entry + size, __builtin_bswap64(hashes[i]));
        status = btree_has(&w->ix->tree, entry, size + INDEX_HASH_SIZE)
                     ? live_id(w, hashes[i], now, &ids) : VEL_END;
        if (!i) *first_counts = !status;
    }
    pthread_mutex_unlock(&w->e->commit_lock);
    if (!status) {
        status = index_conflict_make(key, size, ids.data, split, ids.data + split,
                                     ids.size - split, found->last);
        if (!status) {
            found->last = &(*found->last)->next;
            found->count++;
        }
    }
    buffer_free(&ids);
    return status == VEL_END ? VEL_OK : status;
}

/* Look at neighbours in the whole index: documents of one key come one behind the other, also those
 * that have expired, which do not count. */
static vel_status find_conflicts(walk *w, conflicts *found) {
    index_cursor cursor;
    uint64_t hashes[INDEX_SLICE], last_hash = 0;
    uint8_t last[INDEX_KEY_MAX];
    uint32_t last_size = UINT32_MAX;
    vel_buffer keys = {0};
    size_t count;
    vel_status status;
    int64_t now = clock_wall_ns();
    index_cursor_open(&cursor, w->ix, NULL, 0, NULL, 0, false);
    while (!(status = index_scan(&cursor, hashes, INDEX_SLICE, &count, &keys)) && count) {
        const uint8_t *at = keys.data;
        for (size_t i = 0; i < count && !status && found->count < INDEX_CONFLICTS_MAX; i++) {
            uint32_t size = load_u32(at);
            bool keeps = size == last_size && memcmp(last, at + 4, size) == 0;
            if (keeps)
                status = add_conflict(w, last, size, last_hash, hashes[i], now, found, &keeps);
            memcpy(last, at + 4, size);
            last_size = size;
            if (!keeps) last_hash = hashes[i];
            at += 4 + size;
        }
        keys.size = 0;
        if (status || found->count == INDEX_CONFLICTS_MAX) break;
    }
    buffer_free(&keys);
    return status;
}

/* --- creating -------------------------------------------------------------------------------- */

static void set_state(vel_engine *e, vel_index *ix, index_state state) {
    pthread_mutex_lock(&e->commit_lock);
    if (index_state_of(ix) != INDEX_GONE) atomic_set_release(&ix->state, state);
    pthread_mutex_unlock(&e->commit_lock);
}

static vel_status build(walk *w, bool alone) {
    vel_engine *e = w->e;
    vel_status status;
    if (alone) {
        pthread_mutex_lock(&e->commit_lock);
        status = build_sorted(w);
        pthread_mutex_unlock(&e->commit_lock);
    } else {
        status = build_beside_writers(w);
    }
    if (status) return status;
    conflicts found = {NULL, &found.first, 0};
    set_state(e, w->ix, INDEX_CHECKING);
    /* What was written while it was built is not undone any more. */
    status = engine_wait_synced(e, atomic_get_acquire(&e->log.seq), w->error);
    if (status || !w->ix->unique) return status;
    status = find_conflicts(w, &found);
    if (!status && found.count) return index_refuse(w->ix, found.first, w->error);
    index_conflict_free(found.first);
    return status;
}

static vel_status create(vel_engine *e, vel_collection *c, vel_index *ix, bool alone,
                         vel_error *error) {
    walk w = {.e = e, .ix = ix, .error = error};
    pthread_mutex_lock(&e->commit_lock);
    vel_status status = index_enlist(e, c, ix);
    pthread_mutex_unlock(&e->commit_lock);
    if (status) return status;
    /* What was written before the index was on the list would be undone without it. */
    status = engine_wait_synced(e, atomic_get_acquire(&e->log.seq), error);
    w.slots = malloc(TABLE_WALK_MIN * sizeof *w.slots);
    if (!status) status = w.slots ? build(&w, alone) : VEL_E_NOMEM;
    free(w.slots);
    buffer_free(&w.cold);
    pthread_mutex_lock(&e->commit_lock);
    if (!status) status = still_wanted(&w);
    if (status) index_remove(e, ix);
    else atomic_set_release(&ix->state, INDEX_READY);
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

vel_status index_create(vel_engine *e, vel_collection *c, const index_definition *d, bool alone,
                        vel_index **out, vel_error *error) {
    vel_status status = engine_enter(e);
    if (status) return status;
    vel_index *ix;
    status = index_new(c, d, &ix, error);
    if (!status && (status = create(e, c, ix, alone, error))) index_release(ix);
    engine_leave(e);
    if (!status) *out = ix;
    return status;
}
