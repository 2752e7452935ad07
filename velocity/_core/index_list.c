/* index_list.c: the indexes of a collection: making and dropping, finding. See index.h. */
#include "index_list.h"

#include "engine.h"

void index_release(vel_index *ix) {
    if (__atomic_sub_fetch(&ix->holds, 1, __ATOMIC_ACQ_REL)) return;
    for (uint32_t i = 0; ix->paths && i < ix->field_count; i++) path_free(&ix->paths[i]);
    pthread_rwlock_destroy(&ix->lock);
    free(ix->paths);
    free(ix->descending);
    free(ix->name);
    free(ix);
}

/* A writer that waits goes before readers that come: else many readers could hold up writes. */
static void lock_open(pthread_rwlock_t *lock) {
    pthread_rwlockattr_t attributes;
    pthread_rwlockattr_init(&attributes);
#ifdef __GLIBC__
    pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    pthread_rwlock_init(lock, &attributes);
    pthread_rwlockattr_destroy(&attributes);
}

static vel_status unfit(vel_error *error, const char *what) {
    return vel_fail(error, VEL_E_UNFIT, 0, NULL, 0, "%s", what);
}

static vel_status fill(vel_index *ix, const index_definition *d, vel_error *error) {
    if (!d->field_count || d->field_count > INDEX_FIELDS_MAX)
        return unfit(error, "an index has 1 to 32 fields");
    if (strlen(d->name) > INDEX_NAME_MAX)
        return unfit(error, "the name of an index has at most 1,024 bytes");
    ix->name = strdup(d->name);
    ix->paths = calloc(d->field_count, sizeof *ix->paths);
    ix->descending = calloc(d->field_count, 1);
    if (!ix->name || !ix->paths || !ix->descending) return VEL_E_NOMEM;
    ix->field_count = d->field_count;
    ix->unique = d->unique;
    ix->where = d->where;
    for (uint32_t i = 0; i < d->field_count; i++) {
        const index_field *f = &d->fields[i];
        vel_status status = path_compile(&ix->paths[i], f->path, f->size);
        if (status == VEL_E_INVALID)
            return vel_fail(error, VEL_E_UNFIT, 0, NULL, 0, "%.*s is no path to a field",
                            f->size < 200 ? (int)f->size : 200, (const char *)f->path);
        if (status) return status;
        ix->descending[i] = f->descending;
        for (uint32_t j = 0; j < i; j++)
            if (ix->paths[j].text_size == f->size &&
                memcmp(ix->paths[j].text, f->path, f->size) == 0)
                return vel_fail(error, VEL_E_UNFIT, 0, NULL, 0, "the field %.*s is named twice",
                                f->size < 200 ? (int)f->size : 200, (const char *)f->path);
    }
    return VEL_OK;
}

vel_status index_new(vel_collection *c, const index_definition *d, vel_index **out,
                     vel_error *error) {
    vel_index *ix = calloc(1, sizeof *ix);
    if (!ix) return VEL_E_NOMEM;
    ix->collection = c;
    ix->holds = 1;
    lock_open(&ix->lock);
    vel_status status = fill(ix, d, error);
    if (status) index_release(ix);
    else *out = ix;
    return status;
}

/* Requires: commit_lock. */
static vel_status list_add(vel_collection *c, vel_index *ix) {
    uint32_t count = c->indexes ? c->indexes->count : 0;
    index_list *list = realloc(c->indexes, sizeof *list + (count + 1) * sizeof list->at[0]);
    if (!list) return VEL_E_NOMEM;
    list->at[count] = ix;
    list->count = count + 1;
    c->indexes = list;
    return VEL_OK;
}

static vel_index *find_named(const vel_collection *c, const char *name) {
    for (uint32_t i = 0; c->indexes && i < c->indexes->count; i++)
        if (strcmp(c->indexes->at[i]->name, name) == 0) return c->indexes->at[i];
    return NULL;
}

vel_status index_enlist(vel_engine *e, vel_collection *c, vel_index *ix) {
    vel_status status = engine_usable(e);
    if (status) return status;
    if (c->dropped) return VEL_NOT_FOUND;
    if (find_named(c, ix->name)) return VEL_MISMATCH;
    status = btree_open(&ix->tree, &e->slab);
    if (status) return status;
    if (!(status = list_add(c, ix))) atomic_add_relaxed(&ix->holds, 1);
    else btree_close(&ix->tree);
    return status;
}

/* Nobody reads or changes it any more. Requires: commit_lock. */
static void close_tree(vel_engine *e, vel_index *ix) {
    for (uint64_t i = 0; i < e->undo_count; i++)
        if (e->undo[i].indexes) index_undo_forget(e->undo[i].indexes, ix);
    pthread_rwlock_wrlock(&ix->lock);
    atomic_set_release(&ix->state, INDEX_GONE);
    btree_close(&ix->tree);
    pthread_rwlock_unlock(&ix->lock);
}

void index_remove(vel_engine *e, vel_index *ix) {
    vel_collection *c = ix->collection;
    if (index_state_of(ix) == INDEX_GONE) return;
    /* In place: a removal needs no memory. */
    index_list *list = c->indexes;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < list->count; i++)
        if (list->at[i] != ix) list->at[kept++] = list->at[i];
    list->count = kept;
    if (!kept) {
        free(list);
        c->indexes = NULL;
    }
    close_tree(e, ix);
    index_release(ix);
}

void index_drop_all(vel_engine *e, vel_collection *c) {
    while (c->indexes) index_remove(e, c->indexes->at[0]);
}

vel_status index_drop(vel_engine *e, vel_collection *c, const char *name, vel_filter **where) {
    vel_status status = engine_usable(e);
    if (status) return status;
    pthread_mutex_lock(&e->commit_lock);
    status = engine_usable(e);
    vel_index *ix = status || c->dropped ? NULL : find_named(c, name);
    *where = ix ? ix->where : NULL;
    if (ix) index_remove(e, ix);
    else if (!status) status = VEL_NOT_FOUND;
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

vel_status index_find(vel_engine *e, vel_collection *c, const char *name, vel_index **out) {
    vel_status status = engine_usable(e);
    if (status) return status;
    pthread_mutex_lock(&e->commit_lock);
    vel_index *ix = c->dropped ? NULL : find_named(c, name);
    if (ix && index_state_of(ix) != INDEX_READY) ix = NULL;
    if (ix) atomic_add_relaxed(&ix->holds, 1);
    pthread_mutex_unlock(&e->commit_lock);
    *out = ix;
    return ix ? VEL_OK : VEL_NOT_FOUND;
}

uint64_t index_memory(const vel_collection *c) {
    uint64_t memory = 0;
    for (uint32_t i = 0; c->indexes && i < c->indexes->count; i++)
        memory += c->indexes->at[i]->tree.memory;
    return memory;
}
