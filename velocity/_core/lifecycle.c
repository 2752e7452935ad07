/* lifecycle.c: opening, closing, and who may use an engine. */
#include "engine.h"

#include "check.h"

#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

/* --- open ----------------------------------------------------------------------------------- */

static vel_status random_bytes(void *to, size_t size, vel_error *error) {
#ifdef __linux__
    if (getrandom(to, size, 0) == (ssize_t)size) return VEL_OK;
    return vel_fail(error, VEL_E_IO, errno, NULL, 0, "the system gives no random bytes");
#else
    arc4random_buf(to, size);
    return VEL_OK;
#endif
}

static vel_status open_directory(vel_engine *e, vel_error *error) {
    int64_t pid = 0;
    vel_status status = directory_make(e->directory, error);
    if (!status) status = engine_refuse_foreign(e, error);
    if (!status) status = lock_take(e->directory, &e->lock_fd, &pid, error);
    if (status == VEL_E_LOCKED && error) error->offset = (uint64_t)pid;
    return status ? status : engine_recover(e, error);
}

#define MEMORY_ASIDE_MAX ((uint64_t)64 << 10)  /* bytes */

static vel_status open_parts(vel_engine *e, vel_error *error) {
    const vel_options *o = &e->options;
    vel_status status = random_bytes(&e->hash_seed, sizeof e->hash_seed, error);
    if (!status) status = random_bytes(e->uuid, sizeof e->uuid, error);
    /* A part of max_memory is for the small arrays that are not charged one by one (limbo, scratch,
     * undo). */
    uint64_t aside = o->max_memory / 16 < MEMORY_ASIDE_MAX ? o->max_memory / 16 : MEMORY_ASIDE_MAX;
    if (!status) status = slab_open(&e->slab, o->bounded ? 0 : o->max_memory - aside);
    if (!status && o->bounded) status = cache_open(&e->cache, o->cache_size);
    if (!status && e->directory) status = open_directory(e, error);
    if (!status) status = background_start(e, error);
    return status;
}

/* What every debug build looks at before it closes. */
static void assert_whole(vel_engine *e) {
#ifdef VEL_DEBUG
    const char *why = "";
    if (engine_check(e, &why) == VEL_E_CORRUPT) vel_assert_failed(why, __FILE__, __LINE__);
#else
    (void)e;
#endif
}

/* Free everything but the names, which need the interpreter. */
static void release(vel_engine *e) {
    for (uint32_t i = 0; i < e->collection_count; i++) {
        index_drop_all(e, e->collections[i]);
        if (e->collections[i]->table.directory) table_close(&e->collections[i]->table);
    }
    epoch_limbo_free(&e->limbo);
    cache_close(&e->cache);
    expiry_close(&e->expiry);
    buffer_free(&e->scratch);
    ring_close(&e->ring, e);
    for (uint64_t i = 0; i < e->undo_count; i++) free(e->undo[i].indexes);
    free(e->undo);
    e->undo = NULL;
    e->undo_count = 0;
    index_batch_free(&e->index_batch);
    slab_close(&e->slab);
    log_close(&e->log);
    if (e->lock_fd >= 0) {
        lock_release(e->lock_fd);
        e->lock_fd = -1;
    }
}

static uint64_t hash_mask = UINT64_MAX;
void engine_hash_mask_set(uint64_t mask) { atomic_set_relaxed(&hash_mask, mask); }
uint64_t engine_hash_mask(void) { return atomic_get_relaxed(&hash_mask); }

vel_status engine_open(const vel_options *options, vel_engine **out, vel_error *error) {
    vel_engine *e = calloc(1, sizeof *e);
    if (!e) return VEL_E_NOMEM;
    e->options = *options;
    e->options.bounded = options->bounded && options->data_dir;
    e->options.sync_writes = options->sync_writes && options->data_dir;
    e->directory = options->data_dir ? strdup(options->data_dir) : NULL;
    e->options.data_dir = e->directory;
    e->lock_fd = -1;
    e->next_collection_id = 1;
    e->hash_mask = engine_hash_mask();
    e->fork_generation_at_open = atomic_get_relaxed(&fork_generation);
    e->record_offset = !e->directory ? 0 : e->options.bounded ? 24 : 8;
    pthread_mutex_init(&e->commit_lock, NULL);
    pthread_mutex_init(&e->catalog_lock, NULL);
    pthread_mutex_init(&e->reap_lock, NULL);
    pthread_mutex_init(&e->manifest_lock, NULL);
    pthread_mutex_init(&e->watch_lock, NULL);
    cond_init(&e->watch_wake);
    expiry_open(&e->expiry);
    vel_status status = options->data_dir && !e->directory ? VEL_E_NOMEM
                                                           : log_open(&e->log, e->directory);
    e->log.segment_synced = catalog_store;
    e->log.context = e;
    e->log.writers_wait = e->options.sync_writes;
    if (!status) status = open_parts(e, error);
    if (status) {
        e->closed = 1;
        release(e);
        engine_free(e);
        return status;
    }
    *out = e;
    return VEL_OK;
}

/* --- close ---------------------------------------------------------------------------------- */

vel_status engine_enter(vel_engine *e) {
    __atomic_fetch_add(&e->busy, 1, __ATOMIC_SEQ_CST);
    vel_status status = atomic_get_seq(&e->closed) ? VEL_E_CLOSED : engine_usable(e);
    if (status) engine_leave(e);
    return status;
}

void engine_leave(vel_engine *e) { __atomic_fetch_sub(&e->busy, 1, __ATOMIC_SEQ_CST); }

static vel_status store_all(vel_engine *e, vel_error *error) {
    if (atomic_get_acquire(&e->log.failed))
        return vel_fail(error, VEL_E_FAILED, EIO, e->directory, 0, "%s", e->log.failed_text);
    log_drop_next(&e->log, &e->commit_lock);
    vel_status status = log_seal(&e->log, &e->commit_lock, true, error);
    pthread_mutex_lock(&e->catalog_lock);
    if (!status) hints_store(e);
    if (!status) checkpoint_save(e, &e->checkpoint);
    if (!status) status = catalog_sync_and_store(e, true, error);
    pthread_mutex_unlock(&e->catalog_lock);
    return status;
}

vel_status engine_close(vel_engine *e, vel_error *error) {
    if (e->fork_generation_at_open != atomic_get_relaxed(&fork_generation)) {
        atomic_set_seq(&e->closed, 1);  /* the memory and the files are the parent's affair */
        return VEL_OK;
    }
    if (__atomic_exchange_n(&e->closing, 1, __ATOMIC_SEQ_CST)) return VEL_E_CLOSED;
    changes_wake(e);
    background_stop(e);
    pthread_mutex_lock(&e->commit_lock);
    atomic_set_seq(&e->closed, 1);
    pthread_mutex_unlock(&e->commit_lock);
    while (atomic_get_seq(&e->busy)) usleep(100);
    epoch_wait();
    vel_status status = e->directory ? store_all(e, error) : VEL_OK;
    pthread_mutex_lock(&e->commit_lock);
    assert_whole(e);
    release(e);
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

void engine_free(vel_engine *e) {
    if (e->fork_generation_at_open != atomic_get_relaxed(&fork_generation)) return;
    for (uint32_t i = 0; i < e->collection_count; i++) collection_free(e->collections[i]);
    free(e->collections);
    pthread_mutex_destroy(&e->commit_lock);
    pthread_mutex_destroy(&e->catalog_lock);
    pthread_mutex_destroy(&e->reap_lock);
    pthread_mutex_destroy(&e->manifest_lock);
    pthread_mutex_destroy(&e->watch_lock);
    pthread_cond_destroy(&e->watch_wake);
    free(e->directory);
    free(e);
}
