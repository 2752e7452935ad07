/* changes.c: readers of the change feed, and what they find in the log. See changes.h. */
#include "engine.h"

/* The last frame that is acknowledged, or may be: that is not going to be undone. */
static uint64_t visible_seq(const vel_engine *e) {
    return e->options.sync_writes ? atomic_get_acquire(&e->log.durable_seq)
                                  : atomic_get_acquire(&e->log.seq);
}

/* The segment with frame seq, if the log has all frames from it on as they were written; else NULL
 * and *floor. Requires commit_lock. */
static vel_segment *find_segment(const vel_log *log, uint64_t seq, uint64_t *floor) {
    uint64_t next = log->seq + 1;
    for (uint32_t i = log->count; i-- > 0;) {
        vel_segment *s = log->list[i];
        if (s->kind != SEGMENT_LOG || s->last_seq + 1 != next) break;
        if (s->base_seq <= seq) return s;
        next = s->base_seq;
    }
    *floor = next - 1;
    return NULL;
}

/* --- readers -------------------------------------------------------------------------------- */

static vel_status open_locked(vel_changes *r, uint64_t since, uint32_t position, uint64_t *floor,
                              uint64_t *newest) {
    vel_engine *e = r->engine;
    vel_status status = engine_usable(e);
    if (status) return status;
    if (!e->directory && !e->changes && (status = ring_open(&e->ring, e))) return status;
    *newest = e->log.seq;
    *floor = e->directory ? 0 : e->ring.floor;
    if (since == CHANGES_NOW) {
        since = visible_seq(e);
    } else {
        if (position != UINT32_MAX && since) {  /* in the middle of a batch: it is read again */
            r->skip = position + 1;
            since--;
        }
        if (since > e->log.seq || since < *floor) status = VEL_NOT_FOUND;
        if (!status && e->directory && since < e->log.seq &&
            !find_segment(&e->log, since + 1, floor))
            status = VEL_NOT_FOUND;
        if (status && !e->changes) ring_close(&e->ring, e);
        if (status) return status;
    }
    r->at = since == e->log.seq ? e->ring.tail : e->ring.head;
    const vel_segment *last = e->log.count ? e->log.list[e->log.count - 1] : NULL;
    if (last && last->last_seq == since) {  /* nothing is to be stepped over */
        r->segment = last->id;
        r->at = last->tail;
    }
    r->seq = since;
    r->next = e->changes;
    atomic_set_relaxed(&e->changes, r);
    return VEL_OK;
}

vel_status changes_open(vel_changes *r, vel_engine *e, vel_collection *c, uint64_t since,
                        uint32_t position, uint64_t *floor, uint64_t *newest) {
    memset(r, 0, sizeof *r);
    r->engine = e;
    r->collection = c;
    pthread_mutex_lock(&e->commit_lock);
    vel_status status = open_locked(r, since, position, floor, newest);
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

/* In a forked child the locks are as they were in the parent. */
static bool in_fork(const vel_engine *e) {
    return e->fork_generation_at_open != atomic_get_relaxed(&fork_generation);
}

void changes_close(vel_changes *r) {
    vel_engine *e = r->engine;
    buffer_free(&r->window);
    if (in_fork(e)) return;
    pthread_mutex_lock(&e->commit_lock);
    vel_changes **at = &e->changes;
    while (*at && *at != r) at = &(*at)->next;
    if (*at) atomic_set_relaxed(at, r->next);
    if (!e->changes) ring_close(&e->ring, e);
    pthread_mutex_unlock(&e->commit_lock);
}

void changes_wake(vel_engine *e) {
    pthread_mutex_lock(&e->watch_lock);
    pthread_cond_broadcast(&e->watch_wake);
    pthread_mutex_unlock(&e->watch_lock);
}

void changes_stop(vel_changes *r) {
    atomic_set_seq(&r->stopped, 1);
    if (!in_fork(r->engine)) changes_wake(r->engine);
}

vel_status changes_wait(vel_changes *r, int64_t ns) {
    vel_engine *e = r->engine;
    vel_status status = engine_enter(e);
    if (status) return status;
    int64_t left, end = clock_monotonic_ns() + ns;
    pthread_mutex_lock(&e->watch_lock);
    for (;;) {
        bool news = visible_seq(e) > atomic_get_relaxed(&r->seq) ||
                    collection_dropped(r->collection);
        status = news ? VEL_OK : VEL_BUSY;
        if (atomic_get_seq(&r->stopped)) status = VEL_END;
        else if (atomic_get_seq(&e->closing)) status = VEL_E_CLOSED;
        if (status != VEL_BUSY || (left = end - clock_monotonic_ns()) <= 0) break;
        cond_wait_ns(&e->watch_wake, &e->watch_lock, left);
    }
    pthread_mutex_unlock(&e->watch_lock);
    engine_leave(e);
    return status;
}

uint64_t changes_held(const vel_engine *e) {
    const vel_log *log = &e->log;
    uint64_t held = UINT64_MAX, bytes = 0, reach = log->seq;
    if (!e->changes) return held;
    for (uint32_t i = log->count; i-- > 0;) {
        if ((bytes += log->list[i]->tail) > CHANGES_HELD_MAX) break;
        reach = log->list[i]->base_seq - 1;
    }
    for (const vel_changes *r = e->changes; r; r = r->next) {
        uint64_t seq = atomic_get_acquire(&r->seq);
        if (seq >= reach && seq < held) held = seq;
    }
    return held;
}

/* --- reading the log -------------------------------------------------------------------------- */

/* One call's view of a segment. */
typedef struct {
    vel_changes *r;
    const vel_segment *segment;
    uint64_t tail, last_seq;  /* of the segment, when it was looked up */
    uint64_t limit;     /* the last sequence that may be given out */
    uint64_t from;      /* offset of the window's first byte */
    vel_buffer *out;
    size_t *count;
    vel_error *error;
} change_scan;

static vel_status scan_corrupt(const change_scan *k, const char *why) {
    return vel_fail(k->error, VEL_E_CORRUPT, 0, k->segment->path, k->r->at, "damage: %s", why);
}

/* Have at least `size` bytes from r->at on in the window. */
static vel_status window_fill(change_scan *k, uint64_t size) {
    vel_changes *r = k->r;
    if (r->at >= k->from && r->at + size <= k->from + r->window.size) return VEL_OK;
    if (size > k->tail - r->at) return scan_corrupt(k, "it runs past the end");
    uint64_t wanted = size > CHANGES_WINDOW ? size : CHANGES_WINDOW;
    if (wanted > k->tail - r->at) wanted = k->tail - r->at;
    r->window.size = 0;
    vel_status status = buffer_reserve(&r->window, wanted);
    size_t got = 0;
    if (!status)
        status = file_read(k->segment->fd, k->segment->path, r->at, r->window.data, wanted, &got,
                           k->error);
    if (!status && got < size) return scan_corrupt(k, "the file ends inside it");
    if (status) return status;
    k->from = r->at;
    r->window.size = got;
    return VEL_OK;
}

static const uint8_t *window_at(const change_scan *k) {
    return k->r->window.data + (k->r->at - k->from);
}

/* Begin frame seq + 1, or step over one before it. One that lies in the window is checked whole; of
 * a larger one each operation is, which has a checksum of its own. */
static vel_status frame_begin(change_scan *k) {
    vel_changes *r = k->r;
    vel_status status = window_fill(k, FRAME_HEADER_SIZE);
    if (status) return status;
    const uint8_t *p = window_at(k);
    uint64_t length = load_u32(p), seq = load_u64(p + 8);
    uint64_t there = k->from + r->window.size - r->at;
    segment_frame frame;
    const char *why;
    if (length < FRAME_HEADER_SIZE || length % 8 || length > k->tail - r->at)
        return scan_corrupt(k, "the frame's length is impossible");
    if (seq <= r->seq) {
        r->at += length;
        return VEL_OK;
    }
    if (length <= there && frame_read(p, length, 0, k->segment->salt, &frame, &why))
        return scan_corrupt(k, why);
    if (seq != r->seq + 1) return scan_corrupt(k, "its sequence does not follow");
    r->left = load_u32(p + 16);
    r->position = 0;
    r->at += FRAME_HEADER_SIZE;
    if (!r->left) return scan_corrupt(k, "a frame without operations");
    return VEL_OK;
}

static vel_status item_add(change_scan *k, const segment_op *op) {
    vel_changes *r = k->r;
    if (op->collection != r->collection->id || op->kind == OP_DEFINE || r->position < r->skip)
        return VEL_OK;
    uint32_t size = record_size(op->payload);
    change_item item = {r->seq + 1, r->position, size, op->kind == OP_DELETE};
    vel_status status = buffer_reserve(k->out, sizeof item + vel_align8(size));
    if (status) return status;
    memcpy(k->out->data + k->out->size, &item, sizeof item);
    memcpy(k->out->data + k->out->size + sizeof item, op->payload, op->payload_size);
    k->out->size += sizeof item + op->payload_size;
    ++*k->count;
    return VEL_OK;
}

static vel_status op_next(change_scan *k) {
    vel_changes *r = k->r;
    segment_op op;
    const char *why;
    vel_status status = window_fill(k, OP_HEADER_SIZE);
    if (!status) {
        uint32_t size = load_u32(window_at(k));
        if (size < OP_SIZE_MIN || size > OP_SIZE_MAX)
            return scan_corrupt(k, "the operation's size is impossible");
        status = window_fill(k, size);
    }
    if (status) return status;
    const uint8_t *p = window_at(k);
    if (op_read(p, p + load_u32(p), k->segment->salt, &op, &why)) return scan_corrupt(k, why);
    if ((status = item_add(k, &op))) return status;
    r->at += op.size;
    r->position++;
    if (--r->left == 0) {
        r->position = r->skip = 0;
        atomic_set_release(&r->seq, r->seq + 1);
    }
    return VEL_OK;
}

/* Read on in one segment: to its end, to the limit, or until enough was found. Requires: pinned. */
static vel_status scan_segment(change_scan *k) {
    vel_changes *r = k->r;
    vel_status status = VEL_OK;
    r->window.size = 0;
    while (!status && *k->count < CHANGES_BATCH && k->out->size < CHANGES_WINDOW) {
        if (!r->left) {
            if (r->seq >= k->limit) break;
            if (r->seq == k->last_seq) break;
            status = frame_begin(k);
        }
        if (!status && r->left) status = op_next(k);
    }
    if (r->window.capacity > 4 * CHANGES_WINDOW) buffer_free(&r->window);
    return status;
}

/* Look up the segment of frame seq + 1, and pin it. VEL_END: there is no such frame yet. */
static vel_status scan_begin(change_scan *k, epoch_slot **slot) {
    vel_changes *r = k->r;
    vel_engine *e = r->engine;
    uint64_t floor;
    pthread_mutex_lock(&e->commit_lock);
    vel_status status = engine_usable(e);
    k->limit = visible_seq(e);
    if (!status && r->seq >= k->limit) status = VEL_END;
    if (!status && !(k->segment = find_segment(&e->log, r->seq + 1, &floor)))
        status = VEL_NOT_FOUND;
    if (!status) {
        k->tail = k->segment->tail;
        k->last_seq = k->segment->last_seq;
        *slot = epoch_pin_take();  /* it is not closed before the pin is given back */
    }
    pthread_mutex_unlock(&e->commit_lock);
    if (!status && k->segment->id != r->segment) {
        vel_assert(!r->left);
        r->segment = k->segment->id;
        r->at = SEGMENT_HEADER_SIZE;
    }
    return status;
}

static vel_status read_log(vel_changes *r, vel_buffer *out, size_t *count, vel_error *error) {
    vel_status status = VEL_OK;
    while (!status && !*count && !atomic_get_relaxed(&r->stopped)) {
        change_scan k = {.r = r, .out = out, .count = count, .error = error};
        epoch_slot *slot;
        if ((status = scan_begin(&k, &slot))) break;
        status = scan_segment(&k);
        epoch_pin_give(slot);
    }
    return status == VEL_END ? VEL_OK : status;
}

vel_status changes_read(vel_changes *r, vel_buffer *out, size_t *count, vel_error *error) {
    vel_engine *e = r->engine;
    out->size = *count = 0;
    vel_status status = engine_enter(e);
    if (status) return status;
    vel_fail(error, VEL_OK, 0, NULL, 0, "no memory");  /* the text of a failure without another */
    if (e->directory) {
        status = read_log(r, out, count, error);
    } else {
        pthread_mutex_lock(&e->commit_lock);
        status = ring_read(&e->ring, r, out, count);
        pthread_mutex_unlock(&e->commit_lock);
    }
    engine_leave(e);
    return status;
}
