/* entries.c: see entries.h. */
#include "engine.h"

void entries_free(vel_entries *x) {
    free(x->entries);
    memset(x, 0, sizeof *x);
}

static vel_status entries_reserve(vel_entries *x, size_t more) {
    if (x->capacity - x->count >= more) return VEL_OK;
    size_t capacity = x->capacity ? x->capacity : 256;
    while (capacity - x->count < more) capacity *= 2;
    hint_entry *entries = realloc(x->entries, capacity * sizeof *entries);
    if (!entries) return VEL_E_NOMEM;
    x->entries = entries;
    x->capacity = capacity;
    return VEL_OK;
}

vel_status entries_add_frame(vel_entries *x, const uint8_t *data, const segment_frame *frame,
                             uint64_t hash_seed) {
    vel_status status = entries_reserve(x, frame->count);
    uint64_t at = frame->at + FRAME_HEADER_SIZE;
    for (uint32_t i = 0; i < frame->count && !status; i++) {
        segment_op op;
        op_view(data + at, &op);
        hint_entry *entry = &x->entries[x->count++];
        *entry = (hint_entry){.where = at >> 3 | (uint64_t)op.kind << 32,
                              .collection = op.collection, .size = op.size};
        if (op.kind != OP_DEFINE) {
            const uint8_t *id = record_id(op.payload);
            uint16_t id_size = record_id_size(op.payload);
            entry->hash = xxh3_64(id, id_size, hash_seed) & engine_hash_mask();
            entry->check = (uint32_t)xxh3_64(id, id_size, entry->hash);
            entry->expiry = record_expiry(op.payload);
            entry->stamp = record_stamp(op.payload);
        }
        at += op.size;
    }
    return status;
}

vel_status entries_scan(vel_entries *x, const vel_segment *s, const uint8_t *data,
                        uint64_t hash_seed, vel_error *error) {
    uint64_t at = SEGMENT_HEADER_SIZE;
    while (at < s->tail) {
        segment_frame frame;
        const char *why = "the file ends inside a frame";
        vel_status status = frame_read(data, s->tail, at, s->salt, &frame, &why);
        if (!status) status = entries_add_frame(x, data, &frame, hash_seed);
        if (status == VEL_END || status == VEL_E_CORRUPT)
            return vel_fail(error, VEL_E_CORRUPT, 0, s->path, at, "damage in synced data: %s",
                            status == VEL_END ? "a frame is missing" : why);
        if (status) return status;
        at += frame.length;
    }
    return VEL_OK;
}

vel_status segment_load(const vel_segment *s, vel_buffer *out, vel_error *error) {
    size_t got;
    out->size = 0;
    vel_status status = buffer_reserve(out, s->tail);
    if (!status) status = file_read(s->fd, s->path, 0, out->data, s->tail, &got, error);
    if (!status && got < s->tail)
        status = vel_fail(error, VEL_E_CORRUPT, 0, s->path, got,
                          "the file is shorter than the %llu bytes that were synced",
                          (unsigned long long)s->tail);
    if (!status) out->size = s->tail;
    return status;
}

vel_status hint_store(vel_engine *e, vel_segment *s, const vel_entries *entries, vel_error *error) {
    char path[VEL_PATH_MAX];
    vel_buffer bytes = {0};
    if (!hint_pays(entries->count, s->tail)) {
        s->hinted = true;  /* decided: do not ask again */
        return VEL_OK;
    }
    segment_name(path, sizeof path, e->directory, s->id, "hint");
    vel_status status =
        hint_write(&bytes, s->id, s->salt, s->tail, entries->entries, entries->count);
    if (!status) status = file_replace(e->directory, path, bytes.data, bytes.size, NULL, error);
    if (!status) s->hinted = true;
    buffer_free(&bytes);
    return status;
}

/* The next sealed segment at or after *position that lacks a hint that would pay, judged by its
 * live operations; NULL: none. The list may grow meanwhile, but only catalog_lock's holder takes
 * segments out. */
static vel_segment *next_unhinted(vel_engine *e, uint32_t *position) {
    vel_segment *s = NULL;
    pthread_mutex_lock(&e->commit_lock);
    for (; *position < e->log.count && !s; ++*position) {
        vel_segment *candidate = e->log.list[*position];
        if (candidate->sealed && !candidate->hinted && candidate->live_count &&
            hint_pays(candidate->live_count, candidate->live_bytes))
            s = candidate;
    }
    pthread_mutex_unlock(&e->commit_lock);
    return s;
}

void hints_store(vel_engine *e) {
    vel_buffer data = {0};
    uint32_t position = 0;
    vel_segment *s;
    while (e->options.bounded && (s = next_unhinted(e, &position))) {
        vel_entries entries = {0};
        if (!segment_load(s, &data, NULL) &&
            !entries_scan(&entries, s, data.data, e->hash_seed, NULL))
            hint_store(e, s, &entries, NULL);
        entries_free(&entries);
    }
    buffer_free(&data);
}
