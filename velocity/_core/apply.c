/* apply.c: the one funnel of all writes: plan, reserve, append to the log (the commit point),
 * publish. Everything that can fail comes before the frame is sealed; after it nothing can. */
#include "ids.h"

#define SCRATCH_KEPT ((size_t)16 << 10)  /* bytes: more than this is given back after a batch */
#define LIMBO_KEPT ((uint64_t)64 << 10)  /* bytes: more than this is not left for the next write */

/* --- publishing ----------------------------------------------------------------------------- */

static vel_segment *block_segment(vel_engine *e, vel_ref ref) {
    return log_segment(&e->log, block_header(slab_at(&e->slab, ref)) & BLOCK_LOCATION);
}

VEL_INLINE void count_live(vel_engine *e, const vel_published *p, int64_t sign) {
    if (e->directory) {
        vel_segment *s = block_segment(e, p->ref);
        s->live_bytes += (uint64_t)(op_size(p->size) * sign);
        s->live_count += (uint64_t)sign;
    }
    if (p->expiry) e->expiry.live += (uint64_t)sign;
}

void publish_put(vel_engine *e, vel_collection *c, uint64_t hash, const vel_published *old,
                 const vel_published *with) {
    if (old->ref) table_replace(&c->table, hash, old->ref, with->ref);
    else table_insert(&c->table, hash, with->ref);
    count_live(e, with, 1);
    /* A document that keeps its expiry keeps its entry, too. */
    if (with->expiry && with->expiry != old->expiry)
        expiry_push(&e->expiry, with->expiry, c->id, hash);
    bool old_cached = e->options.bounded && old->ref &&
                      !block_is_cold(e, slab_at(&e->slab, old->ref));
    if (e->options.bounded && !block_is_cold(e, slab_at(&e->slab, with->ref)))
        cache_insert(e, with->ref, c->index, hash, old_cached ? old->ref : 0);
    if (old->ref) count_live(e, old, -1);
    if (old_cached) cache_remove(e, old->ref);
    atomic_set_release(&c->change_count, c->change_count + 1);
}

void publish_delete(vel_engine *e, vel_collection *c, uint64_t hash, const vel_published *old) {
    table_remove(&c->table, hash, old->ref);
    count_live(e, old, -1);
    if (e->options.bounded && !block_is_cold(e, slab_at(&e->slab, old->ref)))
        cache_remove(e, old->ref);
    atomic_set_release(&c->change_count, c->change_count + 1);
}

/* --- reserving ------------------------------------------------------------------------------ */

/* The functions of a batch take its `count` as an argument and are inlined, so that the compiler
 * makes two versions of them: for any number of operations, and without loops for a single one. */
typedef struct {
    vel_engine *e;
    vel_write *writes;
    vel_plan *plans;
    uint64_t frame_size;   /* bytes, header included; 0: nothing to log */
    uint32_t op_count;
} batch;

/* Collections whose new names this batch must log, each once; `size` gets the bytes of their DEFINE
 * operations. */
VEL_INLINE vel_status size_defines(batch *b, size_t count, vel_buffer *defines,
                                   vel_collection **last) {
    /* Deletes are let through at the memory limit: they are the way out of it. */
    bool puts = false;
    for (size_t i = 0; i < count && !puts; i++)
        puts = b->plans[i].writes && !b->plans[i].deletes;
    for (size_t i = 0; i < count; i++) {
        vel_collection *c = b->writes[i].collection;
        uint32_t names = names_count(c->names);
        if (!b->plans[i].writes || c == *last || names == c->names_logged) continue;
        *last = c;
        vel_status status = catalog_charge_names(b->e, c);
        if (status && puts) return status;
        if (!b->e->directory) { c->names_logged = names; continue; }
        /* collection id, then the payload's size, then the payload: read back by write_defines. */
        size_t at = defines->size;
        if ((status = buffer_reserve(defines, 12))) return status;
        defines->size += 12;
        status = names_write(c->names, c->names_logged + 1, names - c->names_logged, defines);
        if (status) return status;
        store_u32(defines->data + at, c->index);
        store_u32(defines->data + at + 4, (uint32_t)(defines->size - at - 12));
        store_u32(defines->data + at + 8, names);
        b->frame_size += op_size((uint32_t)(defines->size - at - 12));
        b->op_count++;
    }
    return VEL_OK;
}

VEL_INLINE vel_status alloc_block(vel_engine *e, uint64_t size, vel_ref *out) {
    vel_status status = slab_alloc(&e->slab, size, out);
    if (vel_unlikely(status)) {
        epoch_collect(&e->limbo, &e->slab);  /* replaced records may make room */
        status = slab_alloc(&e->slab, size, out);
    }
    return status;
}

/* Bytes of the block for a record: one that a bounded cache could hardly hold stays on disk. */
static uint64_t block_size(const vel_engine *e, uint32_t size) {
    if (e->options.bounded && size > e->cache.budget / 8) return sizeof(uint64_t);
    return e->record_offset + (uint64_t)size;
}

static bool needs_slot(const vel_plan *p) {
    return p->writes && !p->deletes && (p->previous || !p->old.ref);
}

/* One table_reserve per collection, with all the hashes that the batch inserts there: a second one
 * would replace the first. */
static vel_status reserve_slots_of_many(batch *b, size_t count, size_t total) {
    vel_status status = VEL_OK;
    size_t at = 0;
    uint64_t *hashes = malloc(total * sizeof *hashes);
    for (size_t i = 0; i < count; i++)
        if (needs_slot(&b->plans[i])) b->writes[i].collection->batch_slots++;
    for (size_t i = 0; hashes && i < count; i++) {
        vel_collection *c = b->writes[i].collection;
        if (!needs_slot(&b->plans[i])) continue;
        if (!c->batch_placed) {
            c->batch_placed = true;
            c->batch_at = at;
            at += c->batch_slots;
        }
        hashes[c->batch_at++] = b->writes[i].hash;
    }
    if (!hashes) status = VEL_E_NOMEM;
    for (size_t i = 0; i < count; i++) {
        vel_collection *c = b->writes[i].collection;
        if (!c->batch_slots) continue;
        if (!status)
            status = table_reserve(&c->table, hashes + c->batch_at - c->batch_slots,
                                   c->batch_slots);
        c->batch_slots = 0;
        c->batch_placed = false;
    }
    free(hashes);
    return status;
}

VEL_INLINE vel_status reserve_slots(batch *b, size_t count) {
    size_t total = 0, last = 0;
    for (size_t i = 0; i < count; i++) {
        if (!needs_slot(&b->plans[i])) continue;
        total++;
        last = i;
    }
    if (!total) return VEL_OK;
    if (total > 1) return reserve_slots_of_many(b, count, total);
    return table_reserve(&b->writes[last].collection->table, &b->writes[last].hash, 1);
}

/* Give back what the first `done` operations have reserved. */
static void release(batch *b, size_t count, size_t done) {
    for (size_t i = 0; i < done; i++)
        if (b->plans[i].writes && !b->plans[i].deletes) slab_free(&b->e->slab, b->plans[i].ref);
    for (size_t i = 0; i < count; i++) table_reserve(&b->writes[i].collection->table, NULL, 0);
    ids_release(b->writes, b->plans, count);
}

static vel_status reserve_expiries(vel_engine *e, size_t count) {
    if (e->expiry.capacity - e->expiry.count < count) reap_prune(e);
    vel_status status = expiry_reserve(&e->expiry, count);
    uint64_t memory = e->expiry.capacity * sizeof *e->expiry.entries;
    if (!status) status = slab_charge(&e->slab, (int64_t)(memory - e->expiry_charged));
    if (!status) e->expiry_charged = memory;
    return status;
}

/* Make sure that nothing after this can fail but the log: blocks, slots, expiry, undo. */
VEL_INLINE vel_status reserve(batch *b, size_t count) {
    vel_engine *e = b->e;
    size_t expiries = 0, writes = 0;
    for (size_t i = 0; i < count; i++) {
        const vel_plan *p = &b->plans[i];
        if (!p->writes) continue;
        writes++;
        b->op_count++;
        b->frame_size += op_size(p->record.size);
        if (!p->deletes && p->record.expiry) expiries++;
    }
    vel_status status = expiries ? reserve_expiries(e, expiries) : VEL_OK;
    if (!status && e->options.sync_writes) status = engine_undo_reserve(e, writes);
    if (!status && vel_unlikely(e->index_batch.count)) status = index_reserve(e);
    if (!status) status = reserve_slots(b, count);
    if (!status) status = ids_reserve(e, b->writes, b->plans, count);
    for (size_t i = 0; !status && i < count; i++) {
        vel_plan *p = &b->plans[i];
        if (!p->writes || p->deletes) continue;
        if ((status = alloc_block(e, block_size(e, p->record.size), &p->ref))) release(b, count, i);
        uint32_t next = i + 1 < count ? b->plans[i + 1].record.size : 0;
        if (next) slab_prefetch(&e->slab, block_size(e, next));
    }
    return status;
}

/* --- writing -------------------------------------------------------------------------------- */

static uint8_t *write_defines(batch *b, const vel_buffer *defines, uint8_t *to, uint64_t salt) {
    vel_engine *e = b->e;
    for (size_t at = 0; at < defines->size;) {
        vel_collection *c = e->collections[load_u32(defines->data + at)];
        uint32_t size = load_u32(defines->data + at + 4);
        memcpy(to + OP_HEADER_SIZE, defines->data + at + 12, size);
        op_seal(to, OP_DEFINE, c->id, size, salt);
        c->names_logged = load_u32(defines->data + at + 8);
        to += op_size(size);
        at += 12 + size;
    }
    return to;
}

/* Fill the blocks, and the frame when there is a log. */
VEL_INLINE void write_records(batch *b, size_t count, uint8_t *frame, const vel_buffer *defines) {
    vel_engine *e = b->e;
    vel_segment *s = e->log.active;
    uint8_t *to = frame ? frame + FRAME_HEADER_SIZE : NULL;
    if (frame && defines->size) to = write_defines(b, defines, to, s->salt);
    for (size_t i = 0; i < count; i++) {
        vel_plan *p = &b->plans[i];
        if (!p->writes) continue;
        p->record.body = plan_body(e, p);
        uint8_t *block = p->deletes ? NULL : slab_at(&e->slab, p->ref);
        if (!frame) {
            if (block) record_write(&p->record, block);
            continue;
        }
        record_write(&p->record, to + OP_HEADER_SIZE);
        op_seal(to, p->deletes ? OP_DELETE : OP_PUT, b->writes[i].collection->id, p->record.size,
                s->salt);
        p->location = log_location(s, s->tail + (uint64_t)(to - frame));
        if (block) {
            uint64_t header = block_header_make(p->location, p->record.size, p->record.expiry != 0);
            bool cold = e->options.bounded && slab_block_size(&e->slab, p->ref) <
                                                  e->record_offset + (uint64_t)p->record.size;
            store_u64(block, cold ? header | BLOCK_COLD : header);
            if (!cold) memcpy(block + e->record_offset, to + OP_HEADER_SIZE, p->record.size);
            s->put_bytes += op_size(p->record.size);
        } else {
            s->tombstone_bytes += op_size(p->record.size);
        }
        if (p->record.modified > s->max_stamp) s->max_stamp = p->record.modified;
        to += op_size(p->record.size);
    }
    if (!frame) return;
    uint64_t seq = e->log.seq + 1, lag = seq - atomic_get_relaxed(&e->log.durable_seq);
    frame_seal(frame, (uint32_t)b->frame_size, seq, b->op_count,
               lag < UINT32_MAX ? (uint32_t)lag : UINT32_MAX, s->salt);
    log_end(&e->log, b->frame_size);
}

VEL_INLINE void publish(batch *b, size_t count) {
    vel_engine *e = b->e;
    for (size_t i = 0; i < count; i++) {
        vel_plan *p = &b->plans[i];
        vel_collection *c = b->writes[i].collection;
        vel_published old = p->old;
        if (p->previous) {
            const vel_plan *before = &b->plans[p->previous - 1];
            old = (vel_published){before->ref, before->record.size, before->record.expiry};
        }
        if (!p->writes) { p->ref = old.ref; continue; }
        uint64_t hash = b->writes[i].hash;
        index_undo *indexes = NULL;
        if (vel_unlikely(e->index_batch.count)) indexes = index_publish(e, i);
        vel_published with = {p->ref, p->record.size, p->record.expiry};
        if (p->deletes) p->ref = 0;
        if (!p->deletes) publish_put(e, c, hash, &old, &with);
        else if (old.ref) publish_delete(e, c, hash, &old);
        ids_publish(c, &b->writes[i], old.ref != 0, p->deletes);
        e->last_stamp = p->record.modified;
        if (e->options.sync_writes)
            e->undo[e->undo_count++] =
                (vel_undo){c, hash, e->log.seq, p->location, old.ref, old.size,
                           p->deletes ? 0 : with.size, old.expiry, p->deletes ? 0 : with.expiry,
                           indexes};
        else if (old.ref) epoch_retire(&e->limbo, &e->slab, old.ref);
    }
}

VEL_INLINE vel_status apply_locked(vel_engine *e, vel_write *writes, vel_plan *plans, size_t count,
                                   int64_t now, int flags, vel_outcome *outcome, vel_error *error) {
    vel_status status = plan_batch(e, writes, plans, count, now, flags, outcome, error);
    if (status) return status;
    bool writes_any = false;
    for (size_t i = 0; i < count && !writes_any; i++) writes_any = plans[i].writes;
    if (!writes_any) return VEL_OK;

    batch b = {e, writes, plans, FRAME_HEADER_SIZE, 0};
    vel_buffer defines = {0};
    vel_collection *last = NULL;
    uint8_t *frame = NULL;
    status = size_defines(&b, count, &defines, &last);
    if (!status) status = reserve(&b, count);
    if (!status && e->directory) {
        status = log_begin(&e->log, b.frame_size, (flags & APPLY_NONBLOCK) != 0, &frame, error);
        if (status) release(&b, count, count);
    }
    if (!status) {
        write_records(&b, count, frame, &defines);
        publish(&b, count);
        outcome->seq = frame ? e->log.seq : 0;
        if (!frame) atomic_set_release(&e->log.seq, e->log.seq + 1);
        if (vel_unlikely(e->ring.data)) ring_add(&e->ring, e->log.seq, writes, plans, count);
        e->write_count += b.op_count;
        if (e->options.bounded) cache_evict(e, 0);
    }
    buffer_free(&defines);
    return status;
}

/* Let the page cache have what planning may have to read from disk under the lock. */
static void warm(vel_engine *e, vel_write *writes, size_t count) {
    vel_buffer unused = {0};
    for (size_t i = 0; i < count; i++)
        if (writes[i].kind != WRITE_UNCHANGED)
            engine_read_cold(e, writes[i].collection, writes[i].hash, writes[i].id,
                             writes[i].id_size, &unused, NULL);
    buffer_free(&unused);
}

/* On VEL_OK commit_lock is held. */
static vel_status commit_begin(vel_engine *e, vel_write *writes, size_t count, int flags,
                               vel_error *error) {
    vel_status status = engine_usable(e);
    if (status) return status;
    if (!(flags & APPLY_NONBLOCK)) {
        if (e->options.bounded && (!count || writes->id)) warm(e, writes, count);
        pthread_mutex_lock(&e->commit_lock);
    } else if (pthread_mutex_trylock(&e->commit_lock)) {
        return VEL_BUSY;
    }
    status = engine_usable(e);
    if (!status && vel_unlikely(atomic_get_relaxed(&e->log.failed)))
        status = vel_fail(error, VEL_E_FAILED, EIO, e->directory, 0, "%s", e->log.failed_text);
    if (status) pthread_mutex_unlock(&e->commit_lock);
#ifndef VEL_FREE_THREADED
    else e->limbo.attached = (flags & APPLY_NONBLOCK) != 0;
#endif
    return status;
}

/* next_expiry: the next one before the batch. */
static void commit_end(vel_engine *e, const vel_outcome *outcome, int64_t next_expiry) {
    if (vel_unlikely(e->scratch.capacity > SCRATCH_KEPT)) buffer_free(&e->scratch);
    if (vel_unlikely(e->index_batch.count)) index_batch_clear(&e->index_batch);
    bool first = outcome->seq && e->flusher_idle;
    bool wake = first || engine_next_expiry(e) < next_expiry;
    if (first) e->flusher_idle = false;  /* it is told once, not by every write until it runs */
    if (vel_unlikely(e->limbo.bytes > LIMBO_KEPT)) epoch_collect(&e->limbo, &e->slab);
    e->limbo.attached = false;
    bool watched = e->changes && !e->options.sync_writes;
    bool prepare = log_wants_ahead(&e->log) || e->slab.spare_wanted;
    e->spare_asked |= e->slab.spare_wanted;
    e->slab.spare_wanted = false;
    pthread_mutex_unlock(&e->commit_lock);
    if (vel_unlikely(wake)) background_wake_flusher(e);
    if (vel_unlikely(prepare)) background_wake_preparer(e);
    if (vel_unlikely(watched)) changes_wake(e);
}

VEL_INLINE vel_status apply_chosen(vel_engine *e, vel_write *writes, size_t count,
                                   vel_choose choose, void *context, int64_t now, int flags,
                                   vel_outcome *outcome, vel_error *error) {
    outcome->seq = 0;
    outcome->why = NULL;
    outcome->failed = 0;
    vel_plan one, *plans = &one;
    if (count > 1 && !(plans = malloc(count * sizeof *plans))) return VEL_E_NOMEM;
    vel_status status;
again:
    status = commit_begin(e, writes, count, flags, error);
    if (!status) {
        int64_t next_expiry = engine_next_expiry(e);
        if (choose) status = choose(context, writes, error);
        /* The same code twice: for the one operation of most batches without its loops. */
        if (!status && count == 1)
            status = apply_locked(e, writes, plans, 1, now, flags, outcome, error);
        else if (!status)
            status = apply_locked(e, writes, plans, count, now, flags, outcome, error);
        commit_end(e, outcome, next_expiry);
        if (vel_unlikely(status == VEL_BUSY) && !(flags & APPLY_NONBLOCK)) {
            log_ahead_wait(&e->log);
            goto again;
        }
    }
    if (plans != &one) free(plans);
    return status;
}

vel_status engine_apply(vel_engine *e, vel_write *writes, size_t count, int64_t now, int flags,
                        vel_outcome *outcome, vel_error *error) {
    return apply_chosen(e, writes, count, NULL, NULL, now, flags, outcome, error);
}

vel_status engine_apply_chosen(vel_engine *e, vel_write *write, vel_choose choose, void *context,
                               int64_t now, int flags, vel_outcome *outcome, vel_error *error) {
    write->id = NULL;
    return apply_chosen(e, write, 1, choose, context, now, flags, outcome, error);
}

vel_status engine_wait_synced(vel_engine *e, uint64_t seq, vel_error *error) {
    if (!e->options.sync_writes || !seq) return VEL_OK;
    vel_status status = log_sync(&e->log, &e->commit_lock, seq, error);
    if (status < 0) {
        pthread_mutex_lock(&e->commit_lock);
        engine_undo(e);
        log_discard(&e->log);
        pthread_mutex_unlock(&e->commit_lock);
    } else if (vel_unlikely(atomic_get_relaxed(&e->changes) != NULL)) {
        changes_wake(e);
    }
    return status;
}

vel_status engine_flush(vel_engine *e, vel_error *error) {
    if (!e->directory) return VEL_OK;
    vel_status status = log_sync(&e->log, &e->commit_lock, atomic_get_acquire(&e->log.seq), error);
    if (!status && atomic_get_acquire(&e->log.failed))
        status = vel_fail(error, VEL_E_FAILED, EIO, e->directory, 0, "%s", e->log.failed_text);
    return status;
}
