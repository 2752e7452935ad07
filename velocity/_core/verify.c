/* verify.c: see verify.h. */
#include "engine.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

typedef struct {
    const char *directory;
    vel_manifest m;
    uint64_t records, seq, durable_seq;
    uint64_t problems;
    verify_report report;
    void *context;
    vel_buffer data;
    uint32_t position;        /* in the manifest's list of the segment being walked */
    checkpoint_document *documents; size_t document_count;  /* sorted by place */
    uint64_t documents_found;
    char end_path[VEL_PATH_MAX]; uint64_t end;  /* where the log walked last ends */
    bool broken;              /* a problem ended the log walked last, so that more would follow */
} verifier;

static void problem(verifier *v, const char *path, uint64_t offset, const char *what) {
    v->problems++;
    v->report(v->context, path, offset, what);
}

/* The part of a place that no two documents share. */
static uint64_t location_of(const checkpoint_document *x) { return x->place & BLOCK_LOCATION; }

static int compare_documents(const void *a, const void *b) {
    uint64_t x = location_of(a), y = location_of(b);
    return (x > y) - (x < y);
}

/* Whether the checkpoint has a put, and as it is. */
static void verify_document(verifier *v, uint64_t at, const segment_op *op) {
    uint64_t location = (uint64_t)v->position << LOG_OFFSET_BITS | at >> 3;
    checkpoint_document key = {.place = location};
    checkpoint_document *x = v->document_count ? bsearch(&key, v->documents, v->document_count,
                                                         sizeof key, compare_documents) : NULL;
    if (!x) return;
    uint64_t hash = xxh3_64(record_id(op->payload), record_id_size(op->payload), v->m.hash_seed) &
                    engine_hash_mask();
    uint64_t units = op->size / 8 < BLOCK_HINT_MAX ? op->size / 8 : BLOCK_HINT_MAX;
    bool expires = record_expiry(op->payload) != 0;
    v->documents_found +=
        x->tag == table_tag(hash) &&
        x->place == (location | units << BLOCK_HINT_SHIFT | (expires ? BLOCK_EXPIRES : 0));
}

static vel_status keep_documents(void *context, const void *items, size_t count) {
    verifier *v = context;
    memcpy(v->documents + v->document_count, items, count * sizeof *v->documents);
    v->document_count += count;
    return VEL_OK;
}

static vel_status skip(void *context, const void *items, size_t count) { return VEL_OK; }

static vel_status load_documents(verifier *v, vel_error *error) {
    checkpoint_file f;
    vel_status status = checkpoint_open(&f, v->directory, v->m.checkpoint, error);
    const checkpoint_header *h = &f.header;
    const struct { size_t item_size; uint64_t count; checkpoint_visit visit; } sections[] = {
        {sizeof(checkpoint_segment), h->segments, skip},
        {sizeof(checkpoint_collection), h->collections, skip},
        {sizeof(checkpoint_expiry), h->expiries, skip},
        {sizeof(checkpoint_document), h->documents, keep_documents}};
    if (!status && !(v->documents = malloc((h->documents + 1) * sizeof *v->documents)))
        status = vel_fail(error, VEL_E_NOMEM, 0, f.path, 0, "no memory to verify it");
    for (int i = 0; i < 4 && !status; i++)
        status = checkpoint_section(&f, sections[i].item_size, sections[i].count,
                                    sections[i].visit, v, error);
    checkpoint_close(&f);
    return status;
}

/* Read the checkpoint that the manifest names, to be compared with the segments. A missing one is
 * no loss. */
static void verify_checkpoint(verifier *v) {
    vel_error error;
    char path[VEL_PATH_MAX];
    checkpoint_path(path, sizeof path, v->directory);
    if (!v->m.checkpoint || access(path, F_OK)) return;
    vel_status status = checkpoint_check(v->directory, &v->m, &error);
    if (!status) status = load_documents(v, &error);
    if (status) problem(v, path, error.offset, error.what);
    if (v->document_count)
        qsort(v->documents, v->document_count, sizeof *v->documents, compare_documents);
}

static void verify_op(verifier *v, const char *path, uint64_t at, const segment_op *op) {
    if (op->kind == OP_DEFINE) return;
    v->records++;
    if (op->kind != OP_PUT) return;
    verify_document(v, at, op);
    vel_record r;
    size_t where;
    const char *why;
    record_read(op->payload, &r);
    if (body_validate(r.body, r.body_size, NAMES_MAX, &where, &why))
        problem(v, path, at + OP_HEADER_SIZE + (uint64_t)(r.body - op->payload) + where, why);
}

static void verify_frame(verifier *v, const char *path, const uint8_t *data,
                         const segment_frame *frame, uint64_t salt) {
    uint64_t at = frame->at + FRAME_HEADER_SIZE;
    for (uint32_t i = 0; i < frame->count; i++) {
        segment_op op;
        const char *why;
        /* frame_read has checked it. */
        if (op_read(data + at, data + frame->at + frame->length, salt, &op, &why)) return;
        verify_op(v, path, at, &op);
        at += op.size;
    }
}

/* verify_segment, once its path is known. */
static void walk_segment(verifier *v, const char *path, uint64_t id, const manifest_segment *listed,
                         bool log_kind, bool after_broken) {
    uint64_t sealed_size = listed ? listed->size : 0;
    vel_error error;
    segment_header h;
    const char *why = "the file ends inside its header";
    v->data.size = 0;
    vel_status status = file_load(path, SEGMENT_SIZE_MAX, &v->data, &error);
    if (status == VEL_NOT_FOUND) { problem(v, path, 0, "the file is missing"); return; }
    if (status) { problem(v, path, 0, error.what); return; }
    if (segment_header_read(v->data.data, v->data.size, &h, &why)) {
        problem(v, path, 0, why);
        return;
    }
    if (h.id != id || (listed && listed->salt != h.salt)) {
        problem(v, path, 16, "the segment is not the one its name says");
        return;
    }
    if (h.durable_seq > v->durable_seq) v->durable_seq = h.durable_seq;
    if (v->data.size < sealed_size) {
        problem(v, path, v->data.size, "the file is shorter than what was synced");
        return;
    }
    if (after_broken && log_kind && v->seq < h.base_seq - 1) v->seq = h.base_seq - 1;
    uint64_t size = sealed_size ? sealed_size : v->data.size, at = SEGMENT_HEADER_SIZE;
    for (;;) {
        segment_frame frame;
        status = frame_read(v->data.data, size, at, h.salt, &frame, &why);
        if (!status && log_kind && frame.seq != v->seq + 1) {
            status = VEL_E_CORRUPT;
            why = "its sequence does not follow";
        }
        if (status) break;
        verify_frame(v, path, v->data.data, &frame, h.salt);
        if (frame.durable_seq > v->durable_seq) v->durable_seq = frame.durable_seq;
        v->seq = frame.seq;
        at += frame.length;
    }
    snprintf(v->end_path, sizeof v->end_path, "%s", path);
    v->end = at;
    if (status == VEL_END) why = "a frame is missing";
    bool whole = status == VEL_END && (!sealed_size || at == sealed_size);
    bool torn = status == VEL_E_CORRUPT && !sealed_size && v->seq >= v->durable_seq;
    if (!(whole || torn) ||
        (!sealed_size && frame_search_durable(v->data.data, size, at, h.salt, v->seq + 1)))
        problem(v, path, at, why);
}

/* Walk one file. listed NULL, or not sealed when listed: it may end in a torn tail, which
 * is no damage above the durable sequence. Returns whether it is whole. */
static bool verify_segment(verifier *v, uint64_t id, const manifest_segment *listed,
                           bool log_kind) {
    char path[VEL_PATH_MAX];
    uint64_t before = v->problems;
    segment_name(path, sizeof path, v->directory, id, "seg");
    walk_segment(v, path, id, listed, log_kind, v->broken);
    v->broken = v->problems > before;
    return !v->broken;
}

static void verify_hint(verifier *v, uint64_t id) {
    char path[VEL_PATH_MAX];
    vel_error error;
    segment_header h;
    const char *why;
    const hint_entry *entries;
    size_t count;
    vel_buffer hint = {0};
    segment_name(path, sizeof path, v->directory, id, "hint");
    vel_status status = file_load(path, 2 * SEGMENT_SIZE_MAX, &hint, &error);
    if (!status && !segment_header_read(v->data.data, v->data.size, &h, &why) &&
        hint_read(hint.data, hint.size, id, h.salt, v->data.size, &entries, &count))
        problem(v, path, 0,
                "the hint file does not fit its segment; it is only a help and may be deleted");
    buffer_free(&hint);
}

static vel_status verify_newer(verifier *v, vel_error *error) {
    /* Segments newer than the manifest: at most a handful, in order of their ids. */
    for (uint64_t id = v->m.next_segment_id, missing = 0; missing < 64; id++) {
        char path[VEL_PATH_MAX];
        int fd;
        segment_header h;
        const char *why;
        uint8_t bytes[SEGMENT_HEADER_SIZE];
        size_t got = 0;
        segment_name(path, sizeof path, v->directory, id, "seg");
        if (file_open(path, O_RDONLY, &fd, error)) { missing++; continue; }
        vel_status status = file_read(fd, path, 0, bytes, sizeof bytes, &got, error);
        file_close(fd);
        if (status) return status;
        /* A crash came while it was being made: recovery removes it. */
        if (segment_header_torn(bytes, got)) continue;
        /* A compacted one that no manifest lists was left over by a crash. */
        if (!segment_header_read(bytes, got, &h, &why) && h.kind != SEGMENT_LOG) continue;
        verify_segment(v, id, NULL, true);
    }
    return VEL_OK;
}

static vel_status verify_all(verifier *v, vel_error *error) {
    vel_status status = manifest_load(v->directory, &v->m, error);
    if (status == VEL_NOT_FOUND)
        return vel_fail(error, VEL_E_INVALID, 0, v->directory, 0,
                        "there is no MANIFEST: this is not a database directory");
    if (status == VEL_E_CORRUPT) {
        problem(v, error->path, error->offset, error->what);
        return VEL_OK;
    }
    if (status) return status;
    v->durable_seq = v->m.durable_seq;
    verify_checkpoint(v);
    for (uint32_t i = 0; i < v->m.segment_count; i++) {
        const manifest_segment *s = &v->m.segments[i];
        v->position = i;
        if (s->size) v->seq = s->base_seq - 1;
        else if (v->seq < v->m.sealed_seq) v->seq = v->m.sealed_seq;
        bool whole = verify_segment(v, s->id, s, s->kind == SEGMENT_LOG);
        if (!s->size) continue;
        if (s->last_seq > v->seq) v->seq = s->last_seq;
        v->broken = false;  /* where the log goes on is known from the manifest */
        if (whole) verify_hint(v, s->id);
    }
    /* Of a damaged segment or checkpoint, documents are missing anyway. */
    if (!v->problems && v->documents_found != v->document_count) {
        char path[VEL_PATH_MAX];
        checkpoint_path(path, sizeof path, v->directory);
        problem(v, path, 0, "the checkpoint names documents that are not in the log");
    }
    if (v->seq < v->m.sealed_seq) v->seq = v->m.sealed_seq;
    status = verify_newer(v, error);
    if (!status && !v->broken && v->seq < v->durable_seq)
        problem(v, v->end_path[0] ? v->end_path : v->directory, v->end,
                "frames that were synced are missing from the log");
    return status;
}

vel_status verify_directory(const char *directory, uint64_t *records, verify_report report,
                            void *context, vel_error *error) {
    verifier v = {.directory = directory, .report = report, .context = context};
    int64_t pid = 0;
    int lock_fd = -1;
    DIR *d = opendir(directory);
    if (!d) return file_fail(error, errno, directory, "read the data directory");
    closedir(d);
    char manifest[VEL_PATH_MAX];
    int fd;
    snprintf(manifest, sizeof manifest, "%s/MANIFEST", directory);
    if (!manifest_exists(directory))
        return vel_fail(error, VEL_E_INVALID, 0, directory, 0,
                        "there is no MANIFEST: this is not a database directory");
    vel_status status = file_open(manifest, O_RDONLY, &fd, error);
    if (status) return status;
    file_close(fd);
    status = lock_take(directory, &lock_fd, &pid, error);
    if (status == VEL_E_LOCKED) error->offset = (uint64_t)pid;
    if (!status) status = verify_all(&v, error);
    if (lock_fd >= 0) lock_release(lock_fd);
    *records = v.records;
    manifest_free(&v.m);
    buffer_free(&v.data);
    free(v.documents);
    return status;
}
