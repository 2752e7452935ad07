/* compaction.c: giving back the space of dead records.
 *
 * A pass goes over the segments from the oldest to the newest and rewrites those worth it;
 * neighbours are merged into one output, which takes their place in sequence order. A put is live
 * when a slot of the table still names its location. A tombstone is needed while an older segment
 * may hold a dead record of its id: it goes when every older segment either has no dead puts or
 * was cleaned after the tombstone was written.
 *
 * Order of a rewrite: write and sync the output; sync the log, since what made records dead must be
 * on disk before they go; move the slots to the new locations; store the manifest; sync the log
 * once more, for writes that superseded records in between (an undone write must find its old
 * record); wait for readers; delete the inputs.
 */
#include "engine.h"

#include <fcntl.h>
#include <unistd.h>

#define GARBAGE_MIN ((uint64_t)1 << 20)       /* bytes: below this nobody is woken */
#define GARBAGE_RATIO 4                       /* one part in this many of the files */
#define SMALL_SEGMENTS_MAX 32                 /* more small files than this are merged */
#define SMALL_SEGMENT ((uint64_t)1 << 20)     /* bytes: below this a file is small */
#define PUBLISH_CHUNK 256                     /* locations moved per hold of commit_lock */
#define FRAME_OPS_MAX 256
#define FRAME_BYTES_MAX ((uint64_t)1 << 20)

typedef struct { uint64_t hash, from, to; uint32_t collection, op_size; } relocation;

typedef struct {
    vel_engine *e;
    vel_segment *out;             /* being written; NULL between runs */
    vel_buffer bytes;             /* the whole output file */
    vel_entries entries;
    relocation *moves; size_t move_count, move_capacity;
    uint64_t frame_at;            /* of the frame being filled, in bytes; 0: none */
    uint32_t frame_ops;
    uint32_t first, last;         /* list positions of the run: inputs are [first, last) */
    int64_t started_stamp;
    uint64_t held;                /* frames after it are for readers of the change feed */
    vel_buffer input;
    uint64_t given_back;
    vel_error *error;
} compaction;

/* --- what is worth it ------------------------------------------------------------------------- */

static uint64_t dead_puts(const vel_segment *s) { return s->put_bytes - s->live_bytes; }

static uint64_t garbage_of(const vel_segment *s) { return dead_puts(s) + s->tombstone_bytes; }

bool compaction_pays(vel_engine *e) {
    uint64_t garbage = 0, used = 0;
    uint32_t small = 0;
    for (uint32_t i = 0; i < e->log.count; i++) {
        const vel_segment *s = e->log.list[i];
        garbage += garbage_of(s);
        used += s->tail;
        small += s->sealed && s->tail < SMALL_SEGMENT;
    }
    return (garbage > GARBAGE_MIN && garbage > used / GARBAGE_RATIO) || small > SMALL_SEGMENTS_MAX;
}

/* Whether a tombstone in list[position] may be dropped, were all before it left as they are. */
static bool older_are_clean(const vel_engine *e, uint32_t position, int64_t stamp) {
    for (uint32_t i = 0; i < position; i++) {
        const vel_segment *s = e->log.list[i];
        if (dead_puts(s) && s->cleaned_stamp < stamp) return false;
    }
    return true;
}

/* all: any garbage counts. Requires commit_lock. */
static bool worth_it(const compaction *k, uint32_t position, bool all, bool merge_small) {
    const vel_engine *e = k->e;
    const vel_segment *s = e->log.list[position];
    if (!s->sealed || s->last_seq > k->held) return false;
    uint64_t garbage = dead_puts(s);
    if (s->tombstone_bytes && older_are_clean(e, position, s->max_stamp))
        garbage += s->tombstone_bytes;
    if (all ? garbage > 0 : garbage * 10 > s->tail) return true;
    return merge_small && s->tail < SMALL_SEGMENT;
}

/* --- writing the output ----------------------------------------------------------------------- */

static vel_status out_begin(compaction *k, const vel_segment *first) {
    vel_engine *e = k->e;
    vel_segment *s = calloc(1, sizeof *s);
    if (!s) return VEL_E_NOMEM;
    k->bytes.size = k->entries.count = k->move_count = 0;
    k->frame_at = 0;
    vel_status status = buffer_reserve(&k->bytes, SEGMENT_HEADER_SIZE);
    if (status) { free(s); return status; }
    s->id = log_take_id(&e->log, &e->commit_lock);
    s->fd = -1;
    s->kind = SEGMENT_COMPACTED;
    s->base_seq = first->base_seq;
    s->salt = xxh3_64(&s->id, sizeof s->id, first->salt);
    s->cleaned_stamp = k->started_stamp;
    segment_name(s->path, sizeof s->path, e->directory, s->id, "seg");
    memset(k->bytes.data, 0, SEGMENT_HEADER_SIZE);
    k->bytes.size = SEGMENT_HEADER_SIZE;
    k->out = s;
    return VEL_OK;
}

static vel_status frame_end(compaction *k, uint64_t seq) {
    if (!k->frame_at) return VEL_OK;
    segment_frame frame = {.at = k->frame_at,
                           .length = (uint32_t)(k->bytes.size - k->frame_at),
                           .count = k->frame_ops};
    frame_seal(k->bytes.data + k->frame_at, frame.length, seq, k->frame_ops, 0, k->out->salt);
    k->frame_at = 0;
    return entries_add_frame(&k->entries, k->bytes.data, &frame, k->e->hash_seed);
}

/* Copy one operation to the output. */
static vel_status keep(compaction *k, const segment_op *op, uint64_t hash, uint64_t from) {
    uint64_t more = op->size + (k->frame_at ? 0 : FRAME_HEADER_SIZE);
    vel_status status = buffer_reserve(&k->bytes, more);
    if (!status && k->move_count == k->move_capacity) {
        size_t capacity = k->move_capacity ? 2 * k->move_capacity : 1024;
        relocation *moves = realloc(k->moves, capacity * sizeof *moves);
        if (!moves) return VEL_E_NOMEM;
        k->moves = moves;
        k->move_capacity = capacity;
    }
    if (status) return status;
    if (!k->frame_at) {
        k->frame_at = k->bytes.size;
        k->frame_ops = 0;
        k->bytes.size += FRAME_HEADER_SIZE;
    }
    uint8_t *to = k->bytes.data + k->bytes.size;
    uint32_t payload = record_size(op->payload);
    memcpy(to + OP_HEADER_SIZE, op->payload, payload);
    op_seal(to, op->kind, op->collection, payload, k->out->salt);
    if (op->kind == OP_PUT) {
        k->moves[k->move_count++] =
            (relocation){hash, from, k->bytes.size, op->collection, op->size};
        k->out->put_bytes += op->size;
    } else {
        k->out->tombstone_bytes += op->size;
    }
    if (record_stamp(op->payload) > k->out->max_stamp)
        k->out->max_stamp = record_stamp(op->payload);
    k->bytes.size += op->size;
    k->frame_ops++;
    return VEL_OK;
}

static vel_status keep_if_live(compaction *k, const vel_segment *s, const segment_op *op) {
    vel_engine *e = k->e;
    /* The manifest that will list the output holds all names. */
    if (op->kind == OP_DEFINE) return VEL_OK;
    uint64_t hash = engine_hash(e, record_id(op->payload), record_id_size(op->payload));
    uint64_t from = log_location(s, op->at);
    bool live = false;
    /* catalog_lock keeps the list of collections as it is. */
    vel_collection *c = catalog_by_id(e, op->collection);
    if (c && op->kind == OP_PUT) {
        epoch_slot *slot = epoch_pin_take();
        live = engine_find_location(e, c, hash, from) != 0;
        epoch_pin_give(slot);
    } else if (c) {
        /* Those before in this run are being cleaned right now: only segments before the run
         * count. */
        pthread_mutex_lock(&e->commit_lock);
        live = !older_are_clean(e, k->first, record_stamp(op->payload));
        pthread_mutex_unlock(&e->commit_lock);
    }
    return live ? keep(k, op, hash, from) : VEL_OK;
}

static vel_status copy_segment(compaction *k, const vel_segment *s) {
    uint64_t at = SEGMENT_HEADER_SIZE;
    vel_status status = segment_load(s, &k->input, k->error);
    while (!status && at < s->tail) {
        segment_frame frame;
        const char *why = "a frame is missing";
        if (frame_read(k->input.data, s->tail, at, s->salt, &frame, &why))
            return vel_fail(k->error, VEL_E_CORRUPT, 0, s->path, at, "damage in synced data: %s",
                            why);
        uint64_t op_at = at + FRAME_HEADER_SIZE;
        for (uint32_t i = 0; i < frame.count && !status; i++) {
            segment_op op;
            const uint8_t *frame_end_at = k->input.data + at + frame.length;
            if (op_read(k->input.data + op_at, frame_end_at, s->salt, &op, &why))
                return vel_fail(k->error, VEL_E_CORRUPT, 0, s->path, op_at,
                                "damage in synced data: %s", why);
            op.at = op_at;
            status = keep_if_live(k, s, &op);
            op_at += op.size;
            if (!status && k->frame_at &&
                (k->frame_ops == FRAME_OPS_MAX || k->bytes.size - k->frame_at > FRAME_BYTES_MAX))
                status = frame_end(k, frame.seq);
        }
        if (!status) k->out->last_seq = frame.seq;
        at += frame.length;
        if (atomic_get_relaxed(&k->e->closing)) return VEL_E_CLOSED;
    }
    if (!status) status = frame_end(k, k->out->last_seq);
    return status;
}

static vel_status out_store(compaction *k) {
    vel_segment *s = k->out;
    segment_header h = {s->id, s->base_seq, atomic_get_relaxed(&k->e->log.durable_seq), s->salt,
                        s->kind};
    segment_header_write(k->bytes.data, &h);
    s->tail = s->synced = s->allocated = k->bytes.size;
    s->sealed = s->on_disk = true;
    vel_status status = file_open(s->path, O_RDWR | O_CREAT | O_TRUNC, &s->fd, k->error);
    if (!status) status = file_write(s->fd, s->path, 0, k->bytes.data, k->bytes.size, k->error);
    if (!status) status = file_sync(s->fd, s->path, k->error);
    if (!status) status = directory_sync(k->e->directory, k->error);
    if (!status && k->e->options.bounded) hint_store(k->e, s, &k->entries, NULL);
    return status;
}

/* --- taking the inputs' place ----------------------------------------------------------------- */

static void move_block(vel_engine *e, const relocation *m, const vel_segment *s) {
    vel_collection *c = catalog_by_id(e, m->collection);
    vel_ref ref = c ? engine_find_location(e, c, m->hash, m->from) : 0;
    if (!ref) return;  /* superseded since it was copied */
    uint64_t *header = (uint64_t *)(void *)slab_at(&e->slab, ref);
    uint64_t now = atomic_get_relaxed(header), with;
    /* Readers may set the visited bit meanwhile. */
    do with = (now & ~BLOCK_LOCATION) | log_location(s, m->to);
    while (!__atomic_compare_exchange_n(header, &now, with, true, __ATOMIC_RELAXED,
                                        __ATOMIC_RELAXED));
    vel_segment *old = log_segment(&e->log, m->from);
    vel_segment *new = log_segment(&e->log, with & BLOCK_LOCATION);
    old->live_bytes -= m->op_size;
    old->live_count--;
    new->live_bytes += m->op_size;
    new->live_count++;
}

static void move_all(compaction *k) {
    vel_engine *e = k->e;
    for (size_t i = 0; i < k->move_count; i += PUBLISH_CHUNK) {
        pthread_mutex_lock(&e->commit_lock);
        for (size_t j = i; j < k->move_count && j < i + PUBLISH_CHUNK; j++)
            move_block(e, &k->moves[j], k->out);
        pthread_mutex_unlock(&e->commit_lock);
    }
}

static void remove_inputs(compaction *k, vel_segment **inputs, uint32_t count) {
    vel_engine *e = k->e;
    epoch_wait();
    for (uint32_t i = 0; i < count; i++) {
        char path[VEL_PATH_MAX];
        vel_segment *s = inputs[i];
        segment_name(path, sizeof path, e->directory, s->id, "hint");
        file_remove(path, NULL);
        file_remove(s->path, NULL);  /* a file that stays is removed when next opened */
        k->given_back += s->tail;
        pthread_mutex_lock(&e->commit_lock);
        log_free_segment(&e->log, s);
        pthread_mutex_unlock(&e->commit_lock);
    }
    directory_sync(e->directory, NULL);
}

/* Put the output, or nothing when all was dead, in the place of list[first, last). */
static vel_status replace_run(compaction *k, vel_segment **inputs, uint32_t count) {
    vel_engine *e = k->e;
    vel_segment *with = k->bytes.size > SEGMENT_HEADER_SIZE ? k->out : NULL;
    vel_status status = with ? out_store(k) : VEL_OK;
    if (!status) status = log_sync_all(&e->log, &e->commit_lock, k->error);
    if (status) return status;

    pthread_mutex_lock(&e->commit_lock);
    if (with && !(status = log_add_segment(&e->log, with, k->first))) {
        k->first++;
        k->last++;
        k->out = NULL;  /* the log's now */
        k->given_back -= with->tail;
    }
    pthread_mutex_unlock(&e->commit_lock);
    if (!status && with) {
        vel_segment *out = k->out;
        k->out = with;
        move_all(k);
        k->out = out;
    }
    if (!status) {
        pthread_mutex_lock(&e->commit_lock);
        log_replace_segments(&e->log, k->first, k->last, NULL);
        pthread_mutex_unlock(&e->commit_lock);
        status = catalog_sync_and_store(e, false, k->error);
        if (!status) status = log_sync_all(&e->log, &e->commit_lock, k->error);
        if (!status) remove_inputs(k, inputs, count);
        k->last = k->first;
    }
    return status;
}

/* --- a pass ----------------------------------------------------------------------------------- */

/* The end of the run that begins at position: neighbours worth it whose live bytes fit one
 * output. */
static uint32_t run_end(const compaction *k, uint32_t position, bool all, bool merge_small) {
    const vel_engine *e = k->e;
    uint64_t live = 0, most = log_segment_size(&e->log);
    uint32_t end = position;
    while (end < e->log.count && worth_it(k, end, all, merge_small)) {
        live += e->log.list[end]->live_bytes;
        if (end > position && live > most) break;
        end++;
    }
    return end;
}

static void out_abandon(compaction *k) {
    if (!k->out) return;
    if (k->out->fd >= 0) {
        char path[VEL_PATH_MAX];
        segment_name(path, sizeof path, k->e->directory, k->out->id, "hint");
        file_close(k->out->fd);
        file_remove(path, NULL);
        file_remove(k->out->path, NULL);
    }
    free(k->out);
    k->out = NULL;
}

static vel_status compact_run(compaction *k) {
    vel_engine *e = k->e;
    uint32_t count = k->last - k->first;
    vel_segment **inputs = malloc(count * sizeof *inputs);
    if (!inputs) return VEL_E_NOMEM;
    pthread_mutex_lock(&e->commit_lock);  /* the list itself moves when a writer begins a segment */
    memcpy(inputs, e->log.list + k->first, count * sizeof *inputs);
    pthread_mutex_unlock(&e->commit_lock);
    vel_status status = out_begin(k, inputs[0]);
    for (uint32_t i = 0; !status && i < count; i++) status = copy_segment(k, inputs[i]);
    if (!status) status = replace_run(k, inputs, count);
    out_abandon(k);
    free(inputs);
    return status;
}

/* The list only changes under catalog_lock, but for new segments at its end. */
static vel_status compact_pass(compaction *k, bool all) {
    vel_engine *e = k->e;
    vel_status status = VEL_OK;
    bool merge_small = false;
    uint32_t small = 0;
    uint64_t tombstones = 0, used = 0;
    pthread_mutex_lock(&e->commit_lock);
    /* What is still being appended to can only be rewritten once it is full: end it early when it
     * holds much garbage. */
    k->held = changes_held(e);
    if (e->log.active && e->log.seq <= k->held &&
        (all ? garbage_of(e->log.active) > 0 : garbage_of(e->log.active) * 4 > e->log.active->tail))
        log_roll(&e->log);
    for (uint32_t i = 0; i < e->log.count; i++) {
        small += e->log.list[i]->tail < SMALL_SEGMENT;
        tombstones += e->log.list[i]->tombstone_bytes;
        used += e->log.list[i]->tail;
    }
    /* Many tombstones can only go when nothing dead is left before them. */
    all |= tombstones > used / 8;
    merge_small = small > SMALL_SEGMENTS_MAX || (all && small > 1);
    pthread_mutex_unlock(&e->commit_lock);
    status = log_seal(&e->log, &e->commit_lock, false, k->error);
    for (uint32_t position = 0; !status;) {
        pthread_mutex_lock(&e->commit_lock);
        k->started_stamp = e->last_stamp;
        k->held = changes_held(e);
        uint32_t count = e->log.count;
        uint32_t end = position < count ? run_end(k, position, all, merge_small) : count;
        /* One small file alone has no neighbour to merge with. */
        if (end == position + 1 && !worth_it(k, position, all, false)) end = position;
        pthread_mutex_unlock(&e->commit_lock);
        if (position >= count) break;
        if (end == position) {
            position++;
            continue;
        }
        k->first = position;
        k->last = end;
        status = compact_run(k);
        position = k->last;
    }
    return status;
}

vel_status engine_compact(vel_engine *e, bool all, uint64_t *given_back, vel_error *error) {
    *given_back = 0;
    if (!e->directory) return engine_usable(e);
    vel_status status = engine_enter(e);
    if (status) return status;
    compaction k = {.e = e, .error = error};
    vel_fail(error, VEL_OK, 0, NULL, 0, "no memory");  /* the text of a failure that has no other */
    pthread_mutex_lock(&e->catalog_lock);
    if (atomic_get_relaxed(&e->log.failed))
        status = vel_fail(error, VEL_E_FAILED, EIO, e->directory, 0, "%s", e->log.failed_text);
    else status = compact_pass(&k, all);
    pthread_mutex_unlock(&e->catalog_lock);
    buffer_free(&k.bytes);
    buffer_free(&k.input);
    entries_free(&k.entries);
    free(k.moves);
    if ((int64_t)k.given_back < 0) k.given_back = 0;  /* merging alone may cost a few bytes */
    *given_back = k.given_back;
    pthread_mutex_lock(&e->commit_lock);
    e->compaction_count++;
    e->compaction_given_back += k.given_back;
    bool failed = status && status != VEL_E_CLOSED;
    snprintf(e->compaction_text, sizeof e->compaction_text, "%.250s", !failed ? "" : error->what);
    pthread_mutex_unlock(&e->commit_lock);
    engine_leave(e);
    return status;
}
