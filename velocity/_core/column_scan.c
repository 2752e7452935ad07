/* column_scan.c: see column_scan.h. */
#include "column_scan.h"

/* Documents of a slice: enough of them to lie close to each other when they are put in order, few
 * enough to be read in some milliseconds, for which replaced blocks wait. */
#define COLUMN_SLICE ((size_t)1 << 18)
#define PARTS_BITS 11              /* a slice is put in order by so many parts of the memory */
#define FILTER_AHEAD 16

void column_scan_close(vel_column_scan *s) {
    columns_close(&s->columns);
    buffer_free(&s->unsure);
    free(s->slots);
    s->slots = NULL;
}

vel_status column_scan_add(vel_collection *c, vel_column_scan *s, const uint8_t *record) {
    vel_status status = columns_begin(&s->columns, c->names, 1);
    if (!status) status = columns_add(&s->columns, &record, 1);
    if (!status) columns_end(&s->columns);
    return status;
}

/* --- documents in memory -------------------------------------------------------------------- */

/* Slots -> their references, by parts of the memory: one pass of a counting sort by the reference's
 * upper bits, since within a part any order is good. */
static void order_by_memory(const uint64_t *slots, size_t count, uint64_t *out) {
    uint32_t starts[(1u << PARTS_BITS) + 1] = {0};
    uint64_t least = UINT64_MAX, most = 0;
    int shift = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t ref = table_slot_ref(slots[i]);
        if (ref < least) least = ref;
        if (ref > most) most = ref;
    }
    while (count && (most - least) >> shift >> PARTS_BITS) shift++;
    for (size_t i = 0; i < count; i++)
        starts[((table_slot_ref(slots[i]) - least) >> shift) + 1]++;
    for (size_t i = 1; i <= 1u << PARTS_BITS; i++) starts[i] += starts[i - 1];
    for (size_t i = 0; i < count; i++) {
        uint64_t ref = table_slot_ref(slots[i]);
        out[starts[(ref - least) >> shift]++] = ref;
    }
}

static vel_status set_aside(vel_buffer *unsure, const uint8_t *record) {
    size_t size = vel_align8(record_size(record));
    vel_status status = buffer_reserve(unsure, size);
    if (status) return status;
    memcpy(unsure->data + unsure->size, record, record_size(record));
    unsure->size += size;
    return VEL_OK;
}

/* Whether a record's row is wanted now. */
static vel_status filter_record(vel_column_scan *s, const uint8_t *record, bool *wanted) {
    vel_record r;
    record_read(record, &r);
    filter_answer answer = FILTER_NO;
    if (!r.expiry || r.expiry > s->columns.now)
        answer = filter_try(s->filter, r.body, r.body_size);
    *wanted = answer == FILTER_YES;
    return answer == FILTER_MAYBE ? set_aside(&s->unsure, record) : VEL_OK;
}

/* Leave those that match in `records`. */
static vel_status filter_records(vel_column_scan *s, const uint8_t **records, size_t *count) {
    size_t kept = 0;
    vel_status status = VEL_OK;
    filter_resolve(s->filter);
    for (size_t i = 0; i < *count && !status; i++) {
        bool wanted;
        if (i + FILTER_AHEAD < *count) {
            __builtin_prefetch(records[i + FILTER_AHEAD]);
            __builtin_prefetch(records[i + FILTER_AHEAD] + 64);
        }
        status = filter_record(s, records[i], &wanted);
        records[kept] = records[i];
        kept += wanted;
    }
    *count = kept;
    return status;
}

static vel_status read_memory(vel_engine *e, vel_collection *c, vel_column_scan *s) {
    epoch_slot *slot = epoch_pin_take();
    vel_status status = engine_readable(e, c);
    if (!status) {
        size_t count =
            table_walk(&c->table, &s->walk.cursor, s->slots, COLUMN_SLICE, &s->walk.done);
        uint64_t *refs = s->slots + COLUMN_SLICE;
        const uint8_t **records = (const uint8_t **)(void *)s->slots;
        order_by_memory(s->slots, count, refs);
        for (size_t i = 0; i < count; i++) records[i] = block_record(e, slab_at(&e->slab, refs[i]));
        if (s->filter) status = filter_records(s, records, &count);
        if (!status) status = columns_begin(&s->columns, c->names, count);
        if (!status) status = columns_add(&s->columns, records, count);
        if (!status) columns_end(&s->columns);
    }
    epoch_pin_give(slot);
    return status;
}

/* --- documents that may be on disk ---------------------------------------------------------- */

typedef struct { vel_column_scan *scan; vel_collection *collection; } reading;

static vel_status read_record(void *context, vel_engine *e, const uint8_t *record) {
    const reading *r = context;
    bool wanted = true;
    (void)e;
    if (r->scan->filter) {
        filter_resolve(r->scan->filter);
        vel_status status = filter_record(r->scan, record, &wanted);
        if (status) return status;
    }
    return wanted ? column_scan_add(r->collection, r->scan, record) : VEL_OK;
}

vel_status column_scan_next(vel_engine *e, vel_collection *c, vel_column_scan *s,
                            vel_error *error) {
    s->columns.now = clock_wall_ns();
    if (e->options.bounded) {
        reading r = {s, c};
        return engine_visit_next(e, c, &s->walk, read_record, &r, error);
    }
    if (!s->slots && !(s->slots = malloc(2 * COLUMN_SLICE * sizeof *s->slots))) return VEL_E_NOMEM;
    return read_memory(e, c, s);
}
