/* query.c: see query.h. */
#include "query.h"

#define SET_MIN 1024u

static void restart(vel_query *q) {
    q->source = 0;
    q->range = q->reverse && q->source_count ? q->sources[0].range_count : 0;
    q->positioned = q->done = false;
    q->found = 0;
    q->records.size = q->places.size = 0;
}

static vel_status set_open(hash_set *s) {
    s->places = calloc(SET_MIN, sizeof *s->places);
    s->mask = SET_MIN - 1;
    s->count = 0;
    return s->places ? VEL_OK : VEL_E_NOMEM;
}

vel_status query_open(vel_query *q) {
    index_keys_open(&q->keys);
    restart(q);
    q->other_read = !q->other;
    q->other_range = 0;
    if (q->other && set_open(&q->both)) return VEL_E_NOMEM;
    if (q->source_count && q->sources->merged && !(q->merge = query_merge_new(q->sources)))
        return VEL_E_NOMEM;
    return VEL_OK;
}

void query_close(vel_query *q) {
    index_keys_free(&q->keys);
    buffer_free(&q->slice);
    buffer_free(&q->records);
    buffer_free(&q->places);
    free(q->merge);
    free(q->seen.places);
    free(q->both.places);
    q->merge = NULL;
    q->seen.places = q->both.places = NULL;
}

/* --- documents met -------------------------------------------------------------------------- */

/* The place of a hash, or the empty one where it belongs. 0 stands as its complement: of two
 * documents with these two hashes one could be missed; odds of 2^-64 for each pair. */
static uint64_t *set_place(const hash_set *s, uint64_t hash) {
    if (!hash) hash = ~hash;
    uint64_t i = hash & s->mask;
    while (s->places[i] && s->places[i] != hash) i = (i + 1) & s->mask;
    return &s->places[i];
}

/* Returns whether it is new. Requires: set_room. */
static bool set_add(hash_set *s, uint64_t hash) {
    uint64_t *place = set_place(s, hash);
    if (*place) return false;
    *place = hash ? hash : ~hash;
    s->count++;
    return true;
}

/* Room for a slice. */
static vel_status set_room(hash_set *s) {
    if (s->count + QUERY_SLICE <= s->mask / 2) return VEL_OK;
    hash_set larger = {calloc(4 * s->mask + 4, sizeof *s->places), 4 * s->mask + 3, 0};
    if (!larger.places) return VEL_E_NOMEM;
    for (uint64_t i = 0; i <= s->mask; i++)
        if (s->places[i]) set_add(&larger, s->places[i]);
    free(s->places);
    *s = larger;
    return VEL_OK;
}

/* The same, of a set that need not be open yet. */
static vel_status set_ready(hash_set *s) {
    return s->places ? set_room(s) : set_open(s);
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

/* The range at hand has been read; merged, with all others. */
static void range_end(vel_query *q) {
    const query_source *s = &q->sources[q->source];
    q->positioned = false;
    if (s->merged) q->range = q->reverse ? 0 : s->range_count;
    else if (q->reverse) q->range--;
    else q->range++;
}

/* A key stands for its entries: no bound lies between a key and the hash behind it. */
static bool in_range(const query_range *range, const uint8_t *key, size_t size) {
    return bytes_order(key, size, range->begin, range->begin_size) >= 0 &&
           bytes_order(key, size, range->end, range->end_size) < 0;
}

/* Whether a document has a key in the range now. When it is not met again (distinct, and twins), or
 * the ranges are read together, a key in any range will do: it may have moved from one to another,
 * or be its twin's. */
static vel_status holds(vel_query *q, const query_range *range, bool once, const vel_record *r,
                        bool *in, vel_error *error) {
    const query_source *s = &q->sources[q->source];
    bool any = once || s->merged;
    const query_range *first = any ? s->ranges : range;
    size_t count = any ? s->range_count : 1;
    vel_status status = index_keys_of(s->index, r->body, r->body_size, &q->keys, error);
    *in = false;
    for (size_t i = 0; !status && i < q->keys.count && !*in; i++) {
        index_spot spot = index_keys_spots(&q->keys)[i];
        for (size_t n = 0; n < count && !*in; n++)
            *in = in_range(&first[n], q->keys.bytes.data + spot.at, spot.size);
    }
    return status;
}

/* once: the document is not met again. */
static vel_status judge(vel_query *q, const query_range *range, bool once, const uint8_t *record,
                        bool *matches, vel_error *error) {
    vel_record r;
    record_read(record, &r);
    q->documents_examined++;
    *matches = true;
    if (q->recheck) {
        vel_status status = holds(q, range, once, &r, matches, error);
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
    uint64_t at = q->records.size;
    vel_status status = buffer_reserve(&q->places, sizeof at);
    if (!status) status = record_append(&q->records, record);
    if (status) return status;
    store_u64(q->places.data + q->places.size, at);
    q->places.size += sizeof at;
    return VEL_OK;
}

/* Documents that are still wanted; the number of entries that is worth reading at once. */
static uint64_t wanted(const vel_query *q) {
    uint64_t all = q->limit + q->skip < q->limit ? UINT64_MAX : q->limit + q->skip;
    return all - q->found;
}
static size_t slice_size(const vel_query *q) {
    uint64_t size = wanted(q);
    /* The first that come may do. */
    bool more = (q->filter || q->other) && q->keys_examined;
    if (more && size < QUERY_SLICE / 8) size *= 4;
    /* Every slice of a merge looks each range up, so it should pay. */
    if (more && q->merge && size < q->sources->range_count) size = q->sources->range_count;
    return size < QUERY_SLICE ? (size_t)size : QUERY_SLICE;
}

/* Read a slice's documents into q->slice. Returns VEL_NOT_FOUND at the end of the range. */
static vel_status read_slice(vel_query *q, const query_range *range, index_read *reads,
                             size_t *count, bool attached, vel_error *error) {
    uint64_t hashes[QUERY_SLICE];
    const query_source *s = &q->sources[q->source];
    if (!q->positioned) {
        index_cursor_open(&q->cursor, s->index, range->begin, range->begin_size,
                          range->end, range->end_size, q->reverse);
        q->positioned = true;
    }
    index_cursor before;
    before.begun = q->cursor.begun;
    before.last_size = q->cursor.last_size;
    memcpy(before.last, q->cursor.last, q->cursor.last_size);
    vel_status status =
        s->merged ? query_merge_scan(q->merge, &q->cursor, hashes, slice_size(q), count)
                  : index_scan(&q->cursor, hashes, slice_size(q), count, NULL);
    if (status) return status == VEL_NOT_FOUND ? VEL_MISMATCH : status;
    if (index_multikey(s->index) != s->multikey) return VEL_MISMATCH;
    if (!*count) return VEL_NOT_FOUND;
    size_t kept = 0;
    for (size_t i = 0; i < *count; i++)
        if (!q->other || *set_place(&q->both, hashes[i])) reads[kept++].hash = hashes[i];
    if (q->other) q->keys_examined += *count - kept;
    *count = kept;
    q->slice.size = 0;
    if (!*count) return VEL_OK;
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
        bool once = q->distinct || reads[i].count > 1;
        q->keys_examined++;
        if (reads[i].count > 1) {
            vel_status status = set_ready(&q->seen);
            if (status) return status;
        }
        if (once && !set_add(&q->seen, reads[i].hash)) continue;
        const uint8_t *record = q->slice.data + reads[i].at;
        for (uint32_t n = 0; n < reads[i].count && wanted(q); n++) {
            bool matches;
            vel_status status = judge(q, range, once, record, &matches, error);
            if (!status && matches && q->found++ >= q->skip && !q->count_only)
                status = keep(q, record);
            if (status) return status;
            record += vel_align8(record_size(record));
        }
    }
    return VEL_OK;
}

/* Note the documents of one slice of `other`. */
static vel_status read_other(vel_query *q) {
    uint64_t hashes[QUERY_SLICE];
    size_t count = 0;
    if (q->other_range == q->other->range_count) {
        q->other_read = true;
        q->positioned = false;
        return VEL_OK;
    }
    const query_range *range = &q->other->ranges[q->other_range];
    if (!q->positioned)
        index_cursor_open(&q->cursor, q->other->index, range->begin, range->begin_size, range->end,
                          range->end_size, false);
    q->positioned = true;
    vel_status status = set_room(&q->both);
    if (!status) status = index_scan(&q->cursor, hashes, QUERY_SLICE, &count, NULL);
    if (status) return status == VEL_NOT_FOUND ? VEL_MISMATCH : status;
    if (index_multikey(q->other->index) != q->other->multikey) return VEL_MISMATCH;
    for (size_t i = 0; i < count; i++) set_add(&q->both, hashes[i]);
    q->keys_examined += count;
    if (!count) {
        q->other_range++;
        q->positioned = false;
    }
    return VEL_OK;
}

vel_status query_step(vel_query *q, bool attached, vel_error *error) {
    index_read reads[QUERY_SLICE];
    size_t count = 0;
    if (!q->other_read) return read_other(q);
    if (q->patience && q->keys_examined > q->patience) return VEL_MISMATCH;
    const query_range *range = wanted(q) ? range_at(q) : NULL;
    if (!range) {
        q->done = true;
        return VEL_OK;
    }
    vel_status status = q->distinct ? set_ready(&q->seen) : VEL_OK;
    if (!status) status = read_slice(q, range, reads, &count, attached, error);
    if (!status) return judge_slice(q, range, reads, count, error);
    if (status != VEL_NOT_FOUND) return status;
    range_end(q);
    return VEL_OK;
}

vel_status query_sort(vel_query *q, vel_sort *order, vel_error *error) {
    q->places.size = 0;
    return sort_records(order, &q->records, error);
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
