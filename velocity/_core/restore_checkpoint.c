/* restore_checkpoint.c: see recovery.h. Taking up the checkpoint of a clean close. It is read
 * twice: first all of it is checked, against its checksums and the manifest, and only then anything
 * is believed. */
#include "recovery.h"

#include <unistd.h>

#define RESERVE_RUN 64  /* slots reserved at once */

typedef struct {
    recovery *r;
    uint32_t segments;
    checkpoint_collection *collections; size_t collection_count, current;
    uint64_t left;      /* documents of the current collection still to come */
} progress;

static vel_status take_segments(void *context, const void *items, size_t count) {
    progress *p = context;
    const checkpoint_segment *x = items;
    for (size_t i = 0; i < count; i++) {
        vel_segment *s = p->r->e->log.list[p->segments++];
        s->put_bytes = x[i].put_bytes;
        s->live_bytes = x[i].live_bytes;
        s->tombstone_bytes = x[i].tombstone_bytes;
        s->live_count = x[i].live_count;
        s->max_stamp = x[i].max_stamp;
    }
    return VEL_OK;
}

static vel_status take_collections(void *context, const void *items, size_t count) {
    progress *p = context;
    size_t bytes = (p->collection_count + count) * sizeof *p->collections;
    checkpoint_collection *all = realloc(p->collections, bytes);
    if (!all) return VEL_E_NOMEM;
    p->collections = all;
    memcpy(all + p->collection_count, items, count * sizeof *all);
    p->collection_count += count;
    return VEL_OK;
}

static vel_status take_expiries(void *context, const void *items, size_t count) {
    progress *p = context;
    vel_expiry *x = &p->r->e->expiry;
    const checkpoint_expiry *from = items;
    vel_status status = expiry_reserve(x, count);
    for (size_t i = 0; i < count && !status; i++)
        expiry_push(x, from[i].expiry, from[i].collection, from[i].hash);
    return status;
}

/* Documents of one collection, few enough to reserve slots for them together. */
static vel_status take_run(vel_engine *e, vel_collection *c, const checkpoint_document *x,
                           size_t count) {
    uint64_t hashes[RESERVE_RUN];
    for (size_t i = 0; i < count; i++)
        hashes[i] = (uint64_t)x[i].tag << (64 - TABLE_TAG_BITS);
    vel_status status = table_reserve(&c->table, hashes, count);
    for (size_t i = 0; i < count && !status; i++) {
        vel_ref ref;
        uint64_t position = checkpoint_position(&x[i]);
        uint64_t number = e->log.list[position]->number;
        uint64_t header = (x[i].place ^ position << LOG_OFFSET_BITS) | number << LOG_OFFSET_BITS;
        if ((status = slab_alloc(&e->slab, sizeof header, &ref))) break;
        store_u64(slab_at(&e->slab, ref), header | BLOCK_COLD);
        table_insert(&c->table, hashes[i], ref);
        e->expiry.live += (header & BLOCK_EXPIRES) != 0;
    }
    return status;
}

static vel_status take_documents(void *context, const void *items, size_t count) {
    progress *p = context;
    const checkpoint_document *x = items;
    vel_status status = VEL_OK;
    while (count && !status) {
        while (!p->left) {
            checkpoint_collection *next = &p->collections[p->current++];
            p->left = next->documents;
            table_presize(&catalog_by_id(p->r->e, next->id)->table, next->documents);
        }
        size_t run = count < RESERVE_RUN ? count : RESERVE_RUN;
        if (run > p->left) run = (size_t)p->left;
        uint32_t id = p->collections[p->current - 1].id;
        status = take_run(p->r->e, catalog_by_id(p->r->e, id), x, run);
        x += run;
        count -= run;
        p->left -= run;
    }
    return status;
}

static vel_status take_all(recovery *r, checkpoint_file *f) {
    const checkpoint_header *h = &f->header;
    progress p = {.r = r};
    vel_status status = checkpoint_section(f, sizeof(checkpoint_segment), h->segments,
                                           take_segments, &p, r->error);
    if (!status)
        status = checkpoint_section(f, sizeof(checkpoint_collection), h->collections,
                                    take_collections, &p, r->error);
    if (!status)
        status = checkpoint_section(f, sizeof(checkpoint_expiry), h->expiries, take_expiries, &p,
                                    r->error);
    if (!status)
        status = checkpoint_section(f, sizeof(checkpoint_document), h->documents, take_documents,
                                    &p, r->error);
    free(p.collections);
    return status;
}

static bool is_usable(const recovery *r) {
    if (!r->e->options.bounded || !r->m.clean || !r->m.checkpoint || r->changed) return false;
    if (r->e->log.count != r->m.segment_count) return false;
    for (uint32_t i = 0; i < r->e->log.count; i++)
        if (!r->e->log.list[i]->sealed) return false;
    return true;
}

vel_status restore_checkpoint(recovery *r, bool *restored) {
    vel_engine *e = r->e;
    checkpoint_file f;
    *restored = false;
    /* Whatever is wrong with it, the log has all of it. */
    if (!is_usable(r) || checkpoint_check(e->directory, &r->m, NULL)) return VEL_OK;
    vel_status status = checkpoint_open(&f, e->directory, r->m.checkpoint, r->error);
    if (!status) status = take_all(r, &f);
    checkpoint_close(&f);
    if (status) return status;
    for (uint32_t i = 0; i < e->log.count; i++) {
        char path[VEL_PATH_MAX];
        segment_name(path, sizeof path, e->directory, e->log.list[i]->id, "hint");
        e->log.list[i]->hinted = access(path, F_OK) == 0;
    }
    e->checkpoint = r->m.checkpoint;
    e->checkpoint_seq = e->log.seq;
    e->checkpoint_next_id = e->log.next_id;
    *restored = true;
    return VEL_OK;
}
