/* checkpoint_check.c: see checkpoint_check in checkpoint.h. */
#include "engine.h"

typedef struct {
    const vel_manifest *m;
    const checkpoint_header *header;
    const char *why;
    uint32_t segments, last_collection;
    uint64_t documents;          /* as the collections say */
    uint64_t live_count;         /* as the segments say */
    uint64_t live_bytes, bytes;  /* of the documents: as the segments say, and by their places */
} checking;

static vel_status refuse(checking *k, const char *why) {
    k->why = why;
    return VEL_E_CORRUPT;
}

static vel_status check_segments(void *context, const void *items, size_t count) {
    checking *k = context;
    const checkpoint_segment *x = items;
    for (size_t i = 0; i < count; i++) {
        const manifest_segment *s = &k->m->segments[k->segments++];
        if (x[i].id != s->id) return refuse(k, "its segments are not the manifest's");
        if (x[i].live_bytes > x[i].put_bytes || x[i].put_bytes > s->size ||
            x[i].tombstone_bytes > s->size)
            return refuse(k, "the bytes of a segment");
        k->live_count += x[i].live_count;
        k->live_bytes += x[i].live_bytes;
    }
    return VEL_OK;
}

static vel_status check_collections(void *context, const void *items, size_t count) {
    checking *k = context;
    const checkpoint_collection *x = items;
    for (size_t i = 0; i < count; i++) {
        bool known = false;
        for (uint32_t j = 0; j < k->m->collection_count && !known; j++)
            known = k->m->collections[j].id == x[i].id;
        if (!known || x[i].id <= k->last_collection || x[i]._pad)
            return refuse(k, "its collections are not the manifest's");
        k->last_collection = x[i].id;
        k->documents += x[i].documents;
    }
    return VEL_OK;
}

static vel_status check_expiries(void *context, const void *items, size_t count) {
    checking *k = context;
    const checkpoint_expiry *x = items;
    for (size_t i = 0; i < count; i++)
        if (!x[i].expiry || x[i]._pad) return refuse(k, "an expiry");
    return VEL_OK;
}

static vel_status check_documents(void *context, const void *items, size_t count) {
    checking *k = context;
    const checkpoint_document *x = items;
    for (size_t i = 0; i < count; i++) {
        uint64_t place = x[i].place, at = location_at(place),
                 size = (place >> BLOCK_HINT_SHIFT & BLOCK_HINT_MAX) * 8;
        uint64_t position = checkpoint_position(&x[i]);
        if (place >> 62 || x[i].tag >> TABLE_TAG_BITS || position >= k->m->segment_count)
            return refuse(k, "a document");
        uint64_t end = k->m->segments[position].size;
        if (size < OP_SIZE_MIN || at < SEGMENT_HEADER_SIZE + FRAME_HEADER_SIZE || at > end ||
            size > end - at)
            return refuse(k, "the place of a document");
        k->bytes += size;
    }
    return VEL_OK;
}

static vel_status check_all(checking *k, checkpoint_file *f, vel_error *error) {
    const checkpoint_header *h = k->header = &f->header;
    if (h->seq != k->m->sealed_seq) return refuse(k, "its sequence");
    if (h->segments != k->m->segment_count) return refuse(k, "its count of segments");
    vel_status status = checkpoint_section(f, sizeof(checkpoint_segment), h->segments,
                                           check_segments, k, error);
    if (!status)
        status = checkpoint_section(f, sizeof(checkpoint_collection), h->collections,
                                    check_collections, k, error);
    if (!status)
        status = checkpoint_section(f, sizeof(checkpoint_expiry), h->expiries, check_expiries, k,
                                    error);
    if (!status)
        status = checkpoint_section(f, sizeof(checkpoint_document), h->documents, check_documents,
                                    k, error);
    /* A place tells at least the size of the operation, so the sum may only be lower. */
    if (!status && (k->documents != h->documents || k->live_count != h->documents ||
                    k->bytes > k->live_bytes))
        return refuse(k, "its counts do not fit");
    return status;
}

vel_status checkpoint_check(const char *directory, const vel_manifest *m, vel_error *error) {
    checkpoint_file f;
    checking k = {.m = m};
    vel_status status = checkpoint_open(&f, directory, m->checkpoint, error);
    if (!status) status = check_all(&k, &f, error);
    if (k.why)
        status = vel_fail(error, VEL_E_CORRUPT, 0, f.path, f.at,
                          "the checkpoint does not fit the manifest: %s; it is only a help and may "
                          "be deleted", k.why);
    checkpoint_close(&f);
    return status;
}
