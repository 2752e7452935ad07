/* reap.c: removing expired documents, in batches through the funnel like any other delete. */
#include "engine.h"

#define REAP_BATCH 256

typedef struct {
    vel_write writes[REAP_BATCH];
    size_t id_at[REAP_BATCH];    /* offsets in ids */
    vel_buffer ids;
    size_t count;
} reaper;

/* Find the document that an entry is about: its record still has that expiry. Copies its id. */
static vel_status find_expired(vel_engine *e, const expiry_entry *entry, reaper *r,
                               vel_error *error) {
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    vel_buffer cold = {0};
    vel_status status = VEL_NOT_FOUND;
    pthread_mutex_lock(&e->commit_lock);
    vel_collection *c = catalog_by_id(e, entry->collection);
    if (c) {
        table_probe_begin(&c->table, entry->hash, &probe);
        while (status == VEL_NOT_FOUND && (ref = table_probe_next(&probe, &position))) {
            const uint8_t *block = slab_at(&e->slab, ref), *record = block_record(e, block);
            if (e->directory && !(block_header(block) & BLOCK_EXPIRES)) continue;
            if (block_is_cold(e, block)) {
                size_t at;
                cold.size = 0;
                vel_status read = engine_read_location(e, block_header(block), &cold, &at, error);
                if (read) { status = read; break; }
                record = cold.data + at;
            }
            uint16_t id_size = record_id_size(record);
            /* Another document's slot may have the same tag, and the same expiry too. */
            if (record_expiry(record) != entry->expiry ||
                engine_hash(e, record_id(record), id_size) != entry->hash)
                continue;
            if ((status = buffer_reserve(&r->ids, id_size))) break;
            memcpy(r->ids.data + r->ids.size, record_id(record), id_size);
            r->id_at[r->count] = r->ids.size;
            r->ids.size += id_size;
            r->writes[r->count++] = (vel_write){
                .collection = c, .hash = entry->hash, .id_size = id_size, .kind = WRITE_DELETE,
                .flags = WRITE_IF_EXPIRY | WRITE_OR_SKIP, .expected_stamp = entry->expiry};
            status = VEL_OK;
        }
    }
    pthread_mutex_unlock(&e->commit_lock);
    buffer_free(&cold);
    return status == VEL_NOT_FOUND ? VEL_OK : status;
}

static bool entry_is_current(void *context, const expiry_entry *entry) {
    vel_engine *e = context;
    vel_collection *c = catalog_by_id(e, entry->collection);
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    if (!c) return false;
    table_probe_begin(&c->table, entry->hash, &probe);
    while ((ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref);
        if (block_is_cold(e, block) ? (block_header(block) & BLOCK_EXPIRES) != 0
                                    : record_expiry(block_record(e, block)) == entry->expiry)
            return true;
    }
    return false;
}

void reap_prune(vel_engine *e) {
    if (expiry_is_stale(&e->expiry)) expiry_filter(&e->expiry, entry_is_current, e);
}

static void take_due(vel_engine *e, int64_t now, expiry_entry *due, size_t *count, bool *more) {
    pthread_mutex_lock(&e->commit_lock);
    reap_prune(e);
    for (*count = 0; *count < REAP_BATCH && expiry_pop(&e->expiry, now, &due[*count]);) ++*count;
    *more = engine_next_expiry(e) <= now;
    pthread_mutex_unlock(&e->commit_lock);
}

static vel_status reap_batch(vel_engine *e, int64_t now, bool *more, vel_error *error) {
    expiry_entry due[REAP_BATCH];
    size_t count;
    reaper *r = calloc(1, sizeof *r);
    vel_fail(error, VEL_OK, 0, NULL, 0, "no memory");
    if (!r) return VEL_E_NOMEM;
    atomic_set_seq(&e->reaping, 1);
    take_due(e, now, due, &count, more);
    vel_status status = VEL_OK, unread = VEL_OK;
    bool again[REAP_BATCH] = {false};
    for (size_t i = 0; i < count; i++) {
        /* One that cannot be read must not keep the others: it is tried again later. */
        vel_status found = find_expired(e, &due[i], r, error);
        if (!found) continue;
        unread = found;
        again[i] = true;
    }
    for (size_t i = 0; i < r->count; i++) r->writes[i].id = r->ids.data + r->id_at[i];
    vel_outcome outcome = {0};
    if (r->count) status = engine_apply(e, r->writes, r->count, now, 0, &outcome, error);
    pthread_mutex_lock(&e->commit_lock);
    bool room = !expiry_reserve(&e->expiry, count);
    for (size_t i = 0; room && i < count; i++)
        if (status || again[i])
            expiry_push(&e->expiry, due[i].expiry, due[i].collection, due[i].hash);
    if (!status) e->expired_count += r->count;
    snprintf(e->expiry_text, sizeof e->expiry_text, "%.250s", status || unread ? error->what : "");
    pthread_mutex_unlock(&e->commit_lock);
    buffer_free(&r->ids);
    free(r);
    atomic_set_seq(&e->reaping, 0);
    return status ? status : unread;
}

vel_status engine_reap(vel_engine *e, int64_t now, bool *more, vel_error *error) {
    *more = false;
    if (!engine_is_due(e, now) || atomic_get_relaxed(&e->log.failed)) return VEL_OK;
    pthread_mutex_lock(&e->reap_lock);
    vel_status status = engine_next_expiry(e) <= now ? reap_batch(e, now, more, error) : VEL_OK;
    pthread_mutex_unlock(&e->reap_lock);
    return status;
}
