/* query.c: see query.h. */
#include "query.h"

#define SEEN_MIN 256u

static void restart(vel_query *q) {
    q->source = 0;
    q->range = q->reverse && q->source_count ? q->sources[0].range_count : 0;
    q->positioned = q->done = false;
    q->found = 0;
    q->records.size = q->places.size = 0;
}

vel_status query_open(vel_query *q) {
    index_keys_open(&q->keys);
    restart(q);
    if (!q->distinct) return VEL_OK;
    q->seen = calloc(SEEN_MIN, sizeof *q->seen);
    q->seen_mask = SEEN_MIN - 1;
    return q->seen ? VEL_OK : VEL_E_NOMEM;
}

void query_close(vel_query *q) {
    index_keys_free(&q->keys);
    buffer_free(&q->slice);
    buffer_free(&q->records);
    buffer_free(&q->places);
    free(q->seen);
    q->seen = NULL;
}

/* --- documents met -------------------------------------------------------------------------- */

static bool seen_place(uint64_t *places, uint64_t mask, uint64_t hash) {
    uint64_t i = hash & mask;
    for (; places[i]; i = (i + 1) & mask)
        if (places[i] == hash) return false;
    places[i] = hash;
    return true;
}

static vel_status seen_room(vel_query *q) {
    if (q->seen_count + QUERY_SLICE <= q->seen_mask / 2) return VEL_OK;
    uint64_t mask = 4 * q->seen_mask + 3;
    uint64_t *places = calloc(mask + 1, sizeof *places);
    if (!places) return VEL_E_NOMEM;
    for (uint64_t i = 0; i <= q->seen_mask; i++)
        if (q->seen[i]) seen_place(places, mask, q->seen[i]);
    free(q->seen);
    q->seen = places;
    q->seen_mask = mask;
    return VEL_OK;
}

/* Whether a hash is met for the first time. 0 marks a free place, so it stands as its complement:
 * of two documents with these two hashes one would be missed; odds of 2^-64 for each pair. */
static bool seen_first(vel_query *q, uint64_t hash) {
    if (!seen_place(q->seen, q->seen_mask, hash ? hash : ~hash)) return false;
    q->seen_count++;
    return true;
}

/* --- slices --------------------------------------------------------------------------------- */

/* The range at hand, or NULL at the end of all. */
static const query_range *range_at(vel_query *q) {
    while (q->source < q->source_count) {
        const query_source *s = &q->sources[q->source];
        if (q->reverse ? q->range > 0 : q->range < s->range_count)
            return &s->ranges[q->reverse ? q->range - 1 : q->range];
        q->source++;
        q->positioned = false;
        if (q->source < q->source_count)
            q->range = q->reverse ? q->sources[q->source].range_count : 0;
    }
    return NULL;
}

/* A key stands for its entries: no bound lies between a key and the hash behind it. */
static bool in_range(const query_range *range, const uint8_t *key, size_t size) {
    return bytes_order(key, size, range->begin, range->begin_size) >= 0 &&
           bytes_order(key, size, range->end, range->end_size) < 0;
}

/* Whether a document has a key in the range now. When it is not met again (distinct), a key in any
 * range will do: it may have moved from one to another. */
static vel_status holds(vel_query *q, const query_range *range, const vel_record *r, bool *in,
                        vel_error *error) {
    const query_source *s = &q->sources[q->source];
    const query_range *first = q->distinct ? s->ranges : range;
    size_t count = q->distinct ? s->range_count : 1;
    vel_status status = index_keys_of(s->index, r->body, r->body_size, &q->keys, error);
    *in = false;
    for (size_t i = 0; !status && i < q->keys.count && !*in; i++) {
        index_spot spot = index_keys_spots(&q->keys)[i];
        for (size_t n = 0; n < count && !*in; n++)
            *in = in_range(&first[n], q->keys.bytes.data + spot.at, spot.size);
    }
    return status;
}

static vel_status judge(vel_query *q, const query_range *range, const uint8_t *record,
                        bool *matches, vel_error *error) {
    vel_record r;
    record_read(record, &r);
    q->documents_examined++;
    *matches = true;
    if (q->recheck) {
        vel_status status = holds(q, range, &r, matches, error);
        if (status || !*matches) return status;
    }
    if (!q->filter) return VEL_OK;
    filter_resolve(q->filter);
    if (!q->filter->needs_python) {
        *matches = filter_matches(q->filter, r.body, r.body_size);
        return VEL_OK;
    }
    int answer = filter_decide(q->filter, r.body, r.body_size);
    *matches = answer > 0;
    return answer < 0 ? VEL_E_PYTHON : VEL_OK;
}

static vel_status keep(vel_query *q, const uint8_t *record) {
    size_t size = vel_align8(record_size(record));
    vel_status status = buffer_reserve(&q->records, size);
    if (!status) status = buffer_reserve(&q->places, sizeof(uint64_t));
    if (status) return status;
    memcpy(q->records.data + q->records.size, record, record_size(record));
    store_u64(q->places.data + q->places.size, q->records.size);
    q->places.size += sizeof(uint64_t);
    q->records.size += size;
    return VEL_OK;
}

/* Documents that are still wanted; the number of entries that is worth reading at once. */
static uint64_t wanted(const vel_query *q) {
    uint64_t all = q->limit + q->skip < q->limit ? UINT64_MAX : q->limit + q->skip;
    return all - q->found;
}
static size_t slice_size(const vel_query *q) {
    uint64_t size = wanted(q);
    if (q->filter && size < QUERY_SLICE / 8) size *= 4;
    return size < QUERY_SLICE ? (size_t)size : QUERY_SLICE;
}

/* Read a slice's documents into q->slice. Returns VEL_NOT_FOUND at the end of the range. */
static vel_status read_slice(vel_query *q, const query_range *range, index_read *reads,
                             size_t *count, bool attached, vel_error *error) {
    uint64_t hashes[QUERY_SLICE];
    if (!q->positioned) {
        index_cursor_open(&q->cursor, q->sources[q->source].index, range->begin, range->begin_size,
                          range->end, range->end_size, q->reverse);
        q->positioned = true;
    }
    index_cursor before;
    before.begun = q->cursor.begun;
    before.last_size = q->cursor.last_size;
    memcpy(before.last, q->cursor.last, q->cursor.last_size);
    vel_status status = index_scan(&q->cursor, hashes, slice_size(q), count, NULL);
    if (status) return status == VEL_NOT_FOUND ? VEL_MISMATCH : status;
    if (!*count) return VEL_NOT_FOUND;
    for (size_t i = 0; i < *count; i++) reads[i].hash = hashes[i];
    q->slice.size = 0;
    status = engine_read_hashes(q->e, q->c, reads, *count, attached, &q->slice, error);
    if (status == VEL_NOT_FOUND) return VEL_MISMATCH;  /* the collection was dropped */
    if (status == VEL_BUSY) {
        q->cursor.done = false;
        q->cursor.begun = before.begun;
        q->cursor.last_size = before.last_size;
        memcpy(q->cursor.last, before.last, before.last_size);
    }
    return status;
}

static vel_status judge_slice(vel_query *q, const query_range *range, const index_read *reads,
                              size_t count, vel_error *error) {
    for (size_t i = 0; i < count && wanted(q); i++) {
        q->keys_examined++;
        if (q->distinct && !seen_first(q, reads[i].hash)) continue;
        const uint8_t *record = q->slice.data + reads[i].at;
        for (uint32_t n = 0; n < reads[i].count && wanted(q); n++) {
            bool matches;
            vel_status status = judge(q, range, record, &matches, error);
            if (!status && matches && q->found++ >= q->skip && !q->count_only)
                status = keep(q, record);
            if (status) return status;
            record += vel_align8(record_size(record));
        }
    }
    return VEL_OK;
}

vel_status query_step(vel_query *q, bool attached, vel_error *error) {
    index_read reads[QUERY_SLICE];
    size_t count = 0;
    const query_range *range = wanted(q) ? range_at(q) : NULL;
    if (!range) {
        q->done = true;
        return VEL_OK;
    }
    vel_status status = q->distinct ? seen_room(q) : VEL_OK;
    if (!status) status = read_slice(q, range, reads, &count, attached, error);
    if (!status) return judge_slice(q, range, reads, count, error);
    if (status != VEL_NOT_FOUND) return status;
    q->positioned = false;
    if (q->reverse) q->range--;
    else q->range++;
    return VEL_OK;
}

vel_status query_sort(vel_query *q, vel_sort *order) {
    q->places.size = 0;
    return sort_records(order, &q->records);
}

vel_status query_choose(void *context, vel_write *write, vel_error *error) {
    vel_query *q = context;
    vel_status status = VEL_OK;
    restart(q);  /* the lock was let go since another call */
    while (!status && !query_count(q) && !q->done) status = query_step(q, q->attached, error);
    if (status) return status;
    if (!query_count(q)) return VEL_NOT_FOUND;
    const uint8_t *record = query_record(q, 0);
    write->id = record_id(record);
    write->id_size = record_id_size(record);
    write->hash = engine_hash(q->e, write->id, write->id_size);
    return VEL_OK;
}
