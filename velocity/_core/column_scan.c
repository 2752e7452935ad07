/* column_scan.c: see column_scan.h. */
#include "column_scan.h"

/* A slice is this many documents, or in a large collection a share of all: so the whole bitmap is
 * read a few times only, and blocks that are replaced wait for some tens of milliseconds. */
#define SLICE_MIN ((size_t)1 << 20)
#define SLICES_MAX 8
#define BATCH 512                  /* records taken out of the bitmap at a time */
#define FILTER_AHEAD 16

void column_scan_close(vel_column_scan *s) {
    columns_close(&s->columns);
    buffer_free(&s->unsure);
    free(s->bits);
}

vel_status column_scan_add(vel_collection *c, vel_column_scan *s, const uint8_t *record) {
    vel_status status = columns_begin(&s->columns, c->names, 1);
    if (!status) status = columns_add(&s->columns, &record, 1);
    if (!status) columns_end(&s->columns);
    return status;
}

/* --- documents in memory -------------------------------------------------------------------- */

/* The bitmap has a bit for each reference of the slab, whatever it stands for. */
static vel_status grow_bits(vel_column_scan *s, vel_ref ref) {
    size_t words = (ref >> SLAB_REF_REGION_SHIFT << SLAB_REF_REGION_SHIFT) / 64 +
                   ((size_t)1 << SLAB_REF_REGION_SHIFT) / 64;
    uint64_t *bits = realloc(s->bits, words * sizeof *bits);
    if (!bits) return VEL_E_NOMEM;
    memset(bits + s->words, 0, (words - s->words) * sizeof *bits);
    s->bits = bits;
    s->words = words;
    return VEL_OK;
}

/* Mark the blocks of the next documents; *count: how many. Requires: pinned. */
static vel_status mark_slice(vel_collection *c, vel_column_scan *s, size_t *count) {
    uint64_t slots[TABLE_WALK_MIN];
    size_t wanted = collection_count(c) / SLICES_MAX;
    if (wanted < SLICE_MIN) wanted = SLICE_MIN;
    *count = 0;
    while (!s->walk.done && *count < wanted) {
        size_t found =
            table_walk(&c->table, &s->walk.cursor, slots, TABLE_WALK_MIN, &s->walk.done);
        for (size_t i = 0; i < found; i++) {
            vel_ref ref = table_slot_ref(slots[i]);
            if (vel_unlikely(ref / 64 >= s->words)) {
                vel_status status = grow_bits(s, ref);
                if (status) return status;
            }
            s->bits[ref / 64] |= (uint64_t)1 << ref % 64;
        }
        *count += found;
    }
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
    return answer == FILTER_MAYBE ? record_append(&s->unsure, record) : VEL_OK;
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

static vel_status read_batch(vel_column_scan *s, const uint8_t **records, size_t count) {
    vel_status status = s->filter ? filter_records(s, records, &count) : VEL_OK;
    return status ? status : columns_add(&s->columns, records, count);
}

/* Read what is marked, in the order of the memory, and clear the marks. */
static vel_status read_marked(vel_engine *e, vel_column_scan *s) {
    const uint8_t *records[BATCH + 64];
    size_t count = 0;
    vel_status status = VEL_OK;
    for (size_t i = 0; i < s->words && !status; i++) {
        uint64_t word = s->bits[i];
        if (!word) continue;
        s->bits[i] = 0;
        for (; word; word &= word - 1) {
            vel_ref ref = i * 64 + (unsigned)__builtin_ctzll(word);
            records[count++] = block_record(e, slab_at(&e->slab, ref));
        }
        if (count < BATCH) continue;
        status = read_batch(s, records, count);
        count = 0;
    }
    return status ? status : read_batch(s, records, count);
}

static vel_status read_memory(vel_engine *e, vel_collection *c, vel_column_scan *s) {
    epoch_slot *slot = epoch_pin_take();
    size_t count = 0;
    vel_status status = engine_readable(e, c);
    if (!status) status = mark_slice(c, s, &count);
    if (!status) status = columns_begin(&s->columns, c->names, count);
    if (!status) status = read_marked(e, s);
    if (!status) columns_end(&s->columns);
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
    return read_memory(e, c, s);
}
