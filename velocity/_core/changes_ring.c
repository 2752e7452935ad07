/* changes_ring.c: the change feed of a memory-only engine: its last records, while somebody reads.
 * See changes.h. */
#include "engine.h"

vel_status ring_open(vel_change_ring *r, vel_engine *e) {
    uint64_t most = e->options.max_memory / 16, capacity = CHANGES_RING_MAX;
    while (most && capacity > most) capacity /= 2;
    vel_status status = slab_charge(&e->slab, (int64_t)capacity);
    if (status) return status;
    uint8_t *data = malloc(capacity);  /* memory that is not used yet takes no pages */
    if (!data) {
        slab_charge(&e->slab, -(int64_t)capacity);
        return VEL_E_NOMEM;
    }
    *r = (vel_change_ring){.data = data, .capacity = capacity, .floor = e->log.seq};
    return VEL_OK;
}

void ring_close(vel_change_ring *r, vel_engine *e) {
    if (!r->data) return;
    slab_charge(&e->slab, -(int64_t)r->capacity);
    free(r->data);
    buffer_free(&r->scratch);
    *r = (vel_change_ring){0};
}

static void copy_in(vel_change_ring *r, const uint8_t *from, uint64_t size) {
    uint64_t at = r->tail % r->capacity, first = r->capacity - at;
    if (first > size) first = size;
    memcpy(r->data + at, from, first);
    memcpy(r->data, from + first, size - first);
    r->tail += size;
}

static void copy_out(const vel_change_ring *r, uint64_t from, uint8_t *to, uint64_t size) {
    uint64_t at = from % r->capacity, first = r->capacity - at;
    if (first > size) first = size;
    memcpy(to, r->data + at, first);
    memcpy(to + first, r->data, size - first);
}

/* What stands in the ring: a change of this collection. */
typedef struct {
    change_item item;
    uint64_t collection;
} ring_item;

static uint64_t ring_size(const ring_item *x) { return sizeof *x + vel_align8(x->item.size); }

/* Forget all up to frame seq, which has no place here: also a reader that was at the end has missed
 * something. */
static void forget_all(vel_change_ring *r, uint64_t seq) {
    r->head = r->tail += 8;
    r->floor = seq;
}

static void make_room(vel_change_ring *r, uint64_t size) {
    ring_item oldest;
    while (r->capacity - (r->tail - r->head) < size) {
        copy_out(r, r->head, (uint8_t *)&oldest, sizeof oldest);
        r->head += ring_size(&oldest);
        r->floor = oldest.item.seq;
    }
}

void ring_add(vel_change_ring *r, uint64_t seq, const vel_write *writes, const vel_plan *plans,
              size_t count) {
    for (size_t i = 0; i < count; i++) {
        const vel_plan *p = &plans[i];
        if (!p->writes) continue;
        ring_item x = {{seq, (uint32_t)i, p->record.size, p->deletes}, writes[i].collection->id};
        uint64_t size = ring_size(&x);
        r->scratch.size = 0;
        if (size > r->capacity || buffer_reserve(&r->scratch, size)) {
            forget_all(r, seq);
            return;
        }
        make_room(r, size);
        if (r->floor == seq) return forget_all(r, seq);  /* the batch pushes itself out */
        memset(r->scratch.data, 0, size);
        memcpy(r->scratch.data, &x, sizeof x);
        record_write(&p->record, r->scratch.data + sizeof x);
        copy_in(r, r->scratch.data, size);
    }
    if (r->scratch.capacity > CHANGES_WINDOW) buffer_free(&r->scratch);
}

/* The ring is short, and what is read is copied: its holder of commit_lock is not long about it. */
vel_status ring_read(const vel_change_ring *ring, vel_changes *r, vel_buffer *out, size_t *count) {
    ring_item x;
    if (!ring->data) return VEL_E_CLOSED;
    if (r->at < ring->head) return VEL_NOT_FOUND;
    while (r->at < ring->tail && *count < CHANGES_BATCH && out->size < CHANGES_WINDOW) {
        copy_out(ring, r->at, (uint8_t *)&x, sizeof x);
        uint64_t size = ring_size(&x) - sizeof x;
        if (x.item.seq > r->seq + 1) {
            r->skip = 0;
            atomic_set_release(&r->seq, x.item.seq - 1);
        }
        bool wanted = x.item.seq > r->seq && x.item.position >= r->skip &&
                      x.collection == r->collection->id;
        if (wanted) {
            vel_status status = buffer_reserve(out, sizeof x.item + size);
            if (status) return status;
            memcpy(out->data + out->size, &x.item, sizeof x.item);
            copy_out(ring, r->at + sizeof x, out->data + out->size + sizeof x.item, size);
            out->size += sizeof x.item + size;
            ++*count;
        }
        r->at += sizeof x + size;
    }
    if (r->at == ring->tail) {
        r->skip = 0;
        atomic_set_release(&r->seq, r->engine->log.seq);
    }
    return VEL_OK;
}
