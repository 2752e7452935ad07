/* check.c: see check.h. */
#include "check.h"

#include "engine.h"

#ifdef VEL_DEBUG

#define CHECK(condition, text)                                            \
    do {                                                                  \
        if (!(condition)) { *why = (text); return VEL_E_CORRUPT; }        \
    } while (0)

/* What the tables name, added up. */
typedef struct {
    struct { uint64_t bytes, count; } *segments;  /* by number */
    uint64_t block_bytes;      /* of all blocks, in the slab */
    uint64_t cached, cached_bytes;
    uint64_t expiring;
} totals;

static vel_status check_resident(const vel_engine *e, const vel_collection *c, vel_ref ref,
                                 const char **why) {
    const uint8_t *record = block_record(e, slab_at(&e->slab, ref));
    table_probe probe;
    uint32_t position;
    vel_ref found;
    CHECK(record_validate(record, record_size(record), why) == VEL_OK, *why);
    CHECK(!(record_flags(record) & RECORD_TOMBSTONE), "a table names a tombstone");
    table_probe_begin(&c->table, engine_hash(e, record_id(record), record_id_size(record)), &probe);
    while ((found = table_probe_next(&probe, &position)) && found != ref) {}
    CHECK(found, "a record is not in the table under its id");
    return VEL_OK;
}

static vel_status check_block(vel_engine *e, const vel_collection *c, vel_ref ref, totals *t,
                              const char **why) {
    const uint8_t *block = slab_at(&e->slab, ref);
    uint64_t bytes = slab_block_size(&e->slab, ref);
    bool cold = block_is_cold(e, block);
    t->block_bytes += bytes;
    if (!cold) {
        vel_status status = check_resident(e, c, ref, why);
        if (status) return status;
        t->expiring += record_expiry(block_record(e, block)) != 0;
        t->cached++;
        t->cached_bytes += bytes;
    }
    if (!e->directory) return VEL_OK;
    uint64_t header = block_header(block), location = header & BLOCK_LOCATION;
    const vel_segment *s = log_segment(&e->log, location);
    CHECK(s && location_at(location) < s->tail, "a block names no place in the log");
    CHECK(cold || !(header & BLOCK_EXPIRES) == !record_expiry(block_record(e, block)),
          "a block's header and record differ in whether it expires");
    if (cold && (header & BLOCK_EXPIRES)) t->expiring++;
    t->segments[s->number].bytes += op_size(block_record_size(e, block));
    t->segments[s->number].count++;
    return VEL_OK;
}

static vel_status check_collection(vel_engine *e, vel_collection *c, uint64_t *slots,
                                   totals *t, const char **why) {
    uint64_t cursor = 0;
    bool done = false;
    vel_status status = table_check(&c->table, why);
    while (!status && !done) {
        size_t count = table_walk(&c->table, &cursor, slots, TABLE_WALK_MIN, &done);
        for (size_t i = 0; i < count && !status; i++)
            status = check_block(e, c, table_slot_ref(slots[i]), t, why);
    }
    t->block_bytes += c->table.memory + c->ids.memory + index_memory(c);
    if (!status && c->ids.root) status = btree_check(&c->ids, why);
    CHECK(status || !c->ids_complete || c->ids.count == c->table.used,
          "the ordered ids are not those of the table");
    return status ? status : index_check(e, c, why);
}

static vel_status check_totals(const vel_engine *e, const totals *t, const char **why) {
    uint64_t used = t->block_bytes + e->limbo.bytes;
    for (uint64_t i = 0; i < e->undo_count; i++)
        if (e->undo[i].old_ref) used += slab_block_size(&e->slab, e->undo[i].old_ref);
    CHECK(used == e->slab.used, "the slab has blocks that nothing names");
    CHECK(t->expiring == e->expiry.live, "documents that expire are miscounted");
    for (uint32_t i = 0; i < e->log.count; i++) {
        const vel_segment *s = e->log.list[i];
        CHECK(t->segments[s->number].count == s->live_count, "live records are miscounted");
        CHECK(t->segments[s->number].bytes == s->live_bytes, "live bytes are miscounted");
    }
    if (!e->options.bounded) return VEL_OK;
    CHECK(t->cached == e->cache.small.count + e->cache.main.count &&
          t->cached_bytes == cache_memory(&e->cache), "records in the cache are miscounted");
    return VEL_OK;
}

vel_status engine_check(vel_engine *e, const char **why) {
    totals t = {.segments = calloc((size_t)e->log.number_next + 1, sizeof *t.segments)};
    uint64_t *slots = malloc(TABLE_WALK_MIN * sizeof *slots);
    vel_status status = t.segments && slots ? slab_check(&e->slab, why) : VEL_E_NOMEM;
    for (uint32_t i = 0; i < e->collection_count && !status; i++) {
        vel_collection *c = e->collections[i];
        if (c->table.directory) status = check_collection(e, c, slots, &t, why);
    }
    if (!status) status = check_totals(e, &t, why);
    free(t.segments);
    free(slots);
    return status;
}

#endif
