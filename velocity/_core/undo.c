/* undo.c: taking writes back whose sync failed, in sync_writes mode. See engine.h. */
#include "engine.h"
#include "ids.h"

static void undo_one(vel_engine *e, const vel_undo *u) {
    vel_collection *c = u->collection;
    if (c->dropped) return;
    if (ids_kept(c)) ids_close(c);
    vel_published old = {u->old_ref, u->old_size, u->old_expiry};
    vel_published with = {0, u->new_size, u->new_expiry};
    if (u->new_size) {
        with.ref = engine_find_location(e, c, u->hash, u->location);
        vel_assert(with.ref);
    }
    if (old.ref) {
        /* A slot is there when a put is undone; a delete's may have to be made, and only that can
         * fail: then the document stays away until reopened, when the log brings it back. */
        if (!with.ref && (table_reserve(&c->table, &u->hash, 1) || expiry_reserve(&e->expiry, 1)))
            return;
        if (with.ref && old.expiry && expiry_reserve(&e->expiry, 1)) return;
        if (u->indexes && index_undo_reserve(e, u->indexes)) return;
        publish_put(e, c, u->hash, &with, &old);
    } else if (with.ref) {
        publish_delete(e, c, u->hash, &with);
    }
    if (with.ref) epoch_retire(&e->limbo, &e->slab, with.ref);
    if (u->indexes) index_undo_apply(u->indexes);
}

void engine_undo(vel_engine *e) {
    uint64_t durable = atomic_get_acquire(&e->log.durable_seq);
    engine_undo_trim(e);
    while (e->undo_count && e->undo[e->undo_count - 1].seq > durable) {
        vel_undo *u = &e->undo[--e->undo_count];
        undo_one(e, u);
        free(u->indexes);
    }
    vel_assert(!e->undo_count);
}

void engine_undo_trim(vel_engine *e) {
    uint64_t durable = atomic_get_acquire(&e->log.durable_seq), kept = 0, i = 0;
    while (i < e->undo_count && e->undo[i].seq <= durable) {
        if (e->undo[i].old_ref) epoch_retire(&e->limbo, &e->slab, e->undo[i].old_ref);
        free(e->undo[i].indexes);
        i++;
    }
    if (!i) return;
    for (; i < e->undo_count; i++) e->undo[kept++] = e->undo[i];
    e->undo_count = kept;
}

vel_status engine_undo_reserve(vel_engine *e, size_t count) {
    engine_undo_trim(e);
    if (e->undo_capacity - e->undo_count >= count) return VEL_OK;
    uint64_t capacity = e->undo_capacity ? e->undo_capacity : 64;
    while (capacity - e->undo_count < count) capacity *= 2;
    vel_undo *undo = realloc(e->undo, capacity * sizeof *undo);
    if (!undo) return VEL_E_NOMEM;
    e->undo = undo;
    e->undo_capacity = capacity;
    return VEL_OK;
}
