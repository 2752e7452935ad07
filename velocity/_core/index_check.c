/* index_check.c: whether indexes say what the documents say (debug). See index.h. */
#include "engine.h"

#ifdef VEL_DEBUG

typedef struct {
    vel_engine *e;
    vel_index *ix;
    uint64_t expected;     /* entries */
    index_keys keys;
    vel_buffer cold;
    bool unreadable;       /* a record on disk could not be read: what is there cannot be known */
} checker;

static vel_status check_document(checker *k, const uint8_t *record, const char **why) {
    uint8_t entry[INDEX_ENTRY_MAX];
    vel_error error;
    vel_record r;
    record_read(record, &r);
    vel_status status = index_keys_of(k->ix, r.body, r.body_size, &k->keys, &error);
    if (status == VEL_E_NOMEM) return status;
    if (status) {
        *why = "an index holds a document that does not fit it";
        return VEL_E_CORRUPT;
    }
    for (size_t i = 0; i < k->keys.count; i++) {
        const index_spot *spot = &index_keys_spots(&k->keys)[i];
        memcpy(entry, k->keys.bytes.data + spot->at, spot->size);
        store_u64(entry + spot->size,
                  __builtin_bswap64(engine_hash(k->e, r.id, r.id_size)));
        if (!btree_has(&k->ix->tree, entry, spot->size + INDEX_HASH_SIZE)) {
            *why = "a document is missing in an index";
            return VEL_E_CORRUPT;
        }
    }
    k->expected += k->keys.count;
    return VEL_OK;
}

static vel_status check_documents(checker *k, uint64_t *slots, const char **why) {
    vel_engine *e = k->e;
    uint64_t cursor = 0;
    bool done = false;
    vel_status status = VEL_OK;
    while (!done && !status) {
        size_t count = table_walk(&k->ix->collection->table, &cursor, slots, TABLE_WALK_MIN, &done);
        for (size_t i = 0; i < count && !status; i++) {
            const uint8_t *block = slab_at(&e->slab, table_slot_ref(slots[i]));
            const uint8_t *record = block_record(e, block);
            if (block_is_cold(e, block)) {
                vel_error error;
                size_t at;
                k->cold.size = 0;
                if (engine_read_location(e, block_header(block), &k->cold, &at, &error)) {
                    k->unreadable = true;
                    continue;
                }
                record = k->cold.data + at;
            }
            status = check_document(k, record, why);
        }
    }
    return status;
}

static vel_status check_index(vel_engine *e, vel_index *ix, uint64_t *slots, const char **why) {
    checker k = {.e = e, .ix = ix};
    index_keys_open(&k.keys);
    vel_status status = btree_check(&ix->tree, why);
    if (!status && index_state_of(ix) == INDEX_READY) {
        status = check_documents(&k, slots, why);
        /* Fewer where documents of one hash share an entry. */
        if (!status && !k.unreadable && ix->tree.count > k.expected) {
            *why = "an index has entries of no document";
            status = VEL_E_CORRUPT;
        }
    }
    index_keys_free(&k.keys);
    buffer_free(&k.cold);
    return status;
}

vel_status index_check(vel_engine *e, vel_collection *c, const char **why) {
    vel_status status = VEL_OK;
    if (!c->indexes) return VEL_OK;
    uint64_t *slots = malloc(TABLE_WALK_MIN * sizeof *slots);
    if (!slots) return VEL_E_NOMEM;
    for (uint32_t i = 0; i < c->indexes->count && !status; i++)
        status = check_index(e, c->indexes->at[i], slots, why);
    free(slots);
    return status;
}

#endif
