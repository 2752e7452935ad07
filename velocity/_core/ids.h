/* ids.h: a collection's ids in the order of their bytes, in a tree from the first ordered scan on.
 *
 * A collection that nobody scans in order has no tree. The first scan builds it beside the writes
 * that go on: from its beginning writers put in and take out what they write, and the builder adds
 * what the table holds. It is not on disk, and dropped when a failed sync undoes writes; the next
 * scan builds it again then.
 *
 * Threads: the tree is guarded by commit_lock, for readers too, who hold it for a slice of ids. A
 * builder holds the collection's ids_lock, which comes before commit_lock, and commit_lock for a
 * few ids at a time.
 */
#ifndef VEL_IDS_H
#define VEL_IDS_H

#include "scan.h"

/* Ids with from <= id < to; to NULL: no end. */
typedef struct {
    const uint8_t *from, *to;
    uint32_t from_size, to_size;
} vel_range;
typedef struct { uint64_t at; uint32_t size; } vel_id;

/* The first ids of a range, in reverse the last, at most `limit`, into ids and the arena (emptied
 * first). Ids of expired documents are among them. attached: the thread is attached, and
 * VEL_BUSY comes back when it would have to wait or to build: call again without the GIL. Returns
 * VEL_OK; VEL_NOT_FOUND (dropped); VEL_E_MEMORY_LIMIT when there is no room for the tree; other
 * errors of reading. */
vel_status ids_slice(vel_engine *e, vel_collection *c, const vel_range *range, bool reverse,
                     size_t limit, bool attached, vel_id *ids, size_t *count, vel_buffer *arena,
                     vel_error *error);

/* All ids of live documents in a range, sorted by bytes, without the tree (scan.c). Out: entries
 * point into *arena as offsets; the caller frees *ids. Without the GIL. */
vel_status engine_ids(vel_engine *e, vel_collection *c, const vel_range *range, vel_id **ids,
                      size_t *count, vel_buffer *arena, vel_error *error);

/* The hooks of writers. Require commit_lock. */

/* Make sure that ids_publish cannot fail for these operations. The ids that a batch brings are put
 * in already, which takes less room than reserving for the worst case. On failure the trees are as
 * before. */
vel_status ids_reserve_all(vel_engine *e, const vel_write *writes, const vel_plan *plans,
                           size_t count);
/* Take back what ids_reserve_all did for the first `count` operations. */
void ids_release_all(const vel_write *writes, const vel_plan *plans, size_t count);
void ids_change(vel_collection *c, const vel_write *w, bool deletes);
/* Forget the tree: what it would have to be is unknown. */
void ids_close(vel_collection *c);

VEL_INLINE bool ids_kept(const vel_collection *c) { return c->ids.root != 0; }

VEL_INLINE vel_status ids_reserve(vel_engine *e, const vel_write *writes, const vel_plan *plans,
                                  size_t count) {
    for (size_t i = 0; i < count; i++)
        if (vel_unlikely(ids_kept(writes[i].collection)))
            return ids_reserve_all(e, writes, plans, count);
    return VEL_OK;
}
VEL_INLINE void ids_release(const vel_write *writes, const vel_plan *plans, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (vel_unlikely(ids_kept(writes[i].collection))) {
            ids_release_all(writes, plans, count);
            return;
        }
}
/* An operation is published; existed: there was a document of that id. */
VEL_INLINE void ids_publish(vel_collection *c, const vel_write *w, bool existed, bool deletes) {
    if (vel_unlikely(ids_kept(c)) && existed == deletes) ids_change(c, w, deletes);
}

#endif
