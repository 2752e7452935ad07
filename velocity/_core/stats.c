/* stats.c: see stats.h. */
#include "engine.h"

void engine_stats(vel_engine *e, vel_stats *out) {
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&e->commit_lock);
    for (uint32_t i = 0; i < e->collection_count; i++) {
        const vel_collection *c = e->collections[i];
        if (c->dropped) continue;
        out->collections++;
        out->documents += c->table.used;
        out->table_memory += c->table.memory;
        out->name_memory += c->names_charged;
        out->index_memory += c->ids.memory + index_memory(c);
    }
    for (uint32_t i = 0; i < e->log.count; i++) {
        const vel_segment *s = e->log.list[i];
        out->live_bytes += s->live_bytes;
        out->garbage_bytes += s->put_bytes - s->live_bytes + s->tombstone_bytes;
    }
    out->segments = e->log.count;
    out->disk_usage = log_disk_usage(&e->log);
    out->memory_usage = e->slab.memory + e->slab.charged + e->scratch.capacity +
                        e->undo_capacity * sizeof *e->undo +
                        e->limbo.capacity * sizeof *e->limbo.items;
    /* Tables and trees live in the slab, too. */
    out->record_memory = e->slab.used - out->table_memory - out->index_memory;
    out->index_memory += e->expiry.capacity * sizeof *e->expiry.entries;
    out->cache_memory = cache_memory(&e->cache);
    out->cache_hits = atomic_get_relaxed(&e->cache_hits);
    out->cache_misses = atomic_get_relaxed(&e->cache_misses);
    out->sequence = e->log.seq;
    out->durable_sequence = atomic_get_relaxed(&e->log.durable_seq);
    out->writes = e->write_count;
    out->expired = e->expired_count;
    out->compactions = e->compaction_count;
    out->compacted_bytes = e->compaction_given_back;
    pthread_mutex_unlock(&e->commit_lock);
}

void engine_health(vel_engine *e, vel_health *out) {
    memset(out, 0, sizeof *out);
    pthread_mutex_lock(&e->commit_lock);
    if (atomic_get_acquire(&e->log.failed))
        snprintf(out->log, sizeof out->log, "%s", e->log.failed_text);
    snprintf(out->disk, sizeof out->disk, "%s",
             e->log.full_text[0] ? e->log.full_text : e->catalog_text);
    snprintf(out->expiry, sizeof out->expiry, "%s", e->expiry_text);
    snprintf(out->compaction, sizeof out->compaction, "%s", e->compaction_text);
    if (e->torn_bytes)
        snprintf(out->recovery, sizeof out->recovery, "%llu bytes: %.280s",
                 (unsigned long long)e->torn_bytes, e->torn_text);
    pthread_mutex_unlock(&e->commit_lock);
}
