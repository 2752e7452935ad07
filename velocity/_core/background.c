/* background.c: see background.h. */
#include "engine.h"

#include <signal.h>

/* ns: the wall clock may be set; look again after this. */
#define REAP_CHECK_MAX ((int64_t)1000000000)
#define TRIM_AFTER ((int64_t)1000000000)  /* ns without a write */

/* ns until the flusher has work: 0 now, -1 nothing to wait for. Says so in flusher_idle, under the
 * lock that writers hold. */
static int64_t flusher_delay(vel_engine *e, bool reap_failed) {
    int64_t delay = -1, next = engine_next_expiry(e);
    pthread_mutex_lock(&e->commit_lock);
    bool dirty = e->directory && e->log.seq > atomic_get_relaxed(&e->log.durable_seq) &&
                 !atomic_get_relaxed(&e->log.failed);
    e->flusher_idle = !dirty;
    pthread_mutex_unlock(&e->commit_lock);
    if (dirty) delay = e->options.flush_interval;
    if (next != INT64_MAX && !atomic_get_relaxed(&e->log.failed)) {
        int64_t left = next - clock_wall_ns();
        if (left > REAP_CHECK_MAX) left = REAP_CHECK_MAX;
        if (left < 0) left = reap_failed ? REAP_CHECK_MAX : 0;
        if (delay < 0 || left < delay) delay = left;
    }
    return delay;
}

/* Hints and a manifest that knows the segments sealed since: the next opening has less to read. */
static void keep_opening_fast(vel_engine *e, uint64_t *stored) {
    vel_error error;
    uint64_t sealed = atomic_get_relaxed(&e->log.seal_count);
    if (sealed == *stored || pthread_mutex_trylock(&e->catalog_lock)) return;
    hints_store(e);
    if (!catalog_store(e, &error)) *stored = sealed;
    pthread_mutex_unlock(&e->catalog_lock);
}

/* Returns whether expired documents could not be removed: then it is tried again later, not at
 * once. */
static bool flusher_work(vel_engine *e, uint64_t *stored) {
    vel_error error;
    bool more = true, reap_failed = false;
    if (e->directory) {
        /* A failure is latched in the log, and said in health and by the next write. */
        log_sync_all(&e->log, &e->commit_lock, &error);
        /* In sync_writes mode what a background thread wrote, which waited for nothing. */
        if (e->options.sync_writes) changes_wake(e);
        log_seal(&e->log, &e->commit_lock, false, &error);
        keep_opening_fast(e, stored);
        checkpoint_drop_stale(e);
    }
    while (more && !reap_failed && !atomic_get_relaxed(&e->closing))
        reap_failed = engine_reap(e, clock_wall_ns(), &more, &error) != VEL_OK;
    pthread_mutex_lock(&e->commit_lock);
    epoch_collect(&e->limbo, &e->slab);
    bool pays = e->directory && compaction_pays(e);
    pthread_mutex_unlock(&e->commit_lock);
    if (pays) background_wake_compactor(e);
    return reap_failed;
}

/* Woken from idleness by the first write: let others join it for a flush interval, or until a
 * document expires. Requires wake_lock. */
static void gather(vel_engine *e) {
    int64_t left, end = clock_monotonic_ns() + e->options.flush_interval;
    while (!e->stop && (left = end - clock_monotonic_ns()) > 0) {
        int64_t next = engine_next_expiry(e);
        int64_t until = next == INT64_MAX ? left : next - clock_wall_ns();
        if (until <= 0) return;
        cond_wait_ns(&e->flusher_wake, &e->wake_lock, until < left ? until : left);
    }
}

static void *flusher_main(void *argument) {
    vel_engine *e = argument;
    bool reap_failed = false, trimmed = true;
    uint64_t stored = 0;
    for (;;) {
        int64_t delay = flusher_delay(e, reap_failed);
        pthread_mutex_lock(&e->wake_lock);
        bool trim = false;
        if (!e->stop && !e->flush_wanted && delay) {
            if (delay > 0) cond_wait_ns(&e->flusher_wake, &e->wake_lock, delay);
            else if (trimmed) pthread_cond_wait(&e->flusher_wake, &e->wake_lock);
            else trim = cond_wait_ns(&e->flusher_wake, &e->wake_lock, TRIM_AFTER);
        }
        if (trim && !e->stop && !e->flush_wanted) {
            pthread_mutex_unlock(&e->wake_lock);
            log_trim(&e->log, &e->commit_lock);
            trimmed = true;
            continue;
        }
        trimmed = !e->directory;
        e->flush_wanted = false;
        if (delay < 0 && e->directory) gather(e);
        bool stop = e->stop;
        pthread_mutex_unlock(&e->wake_lock);
        if (stop) return NULL;
        reap_failed = flusher_work(e, &stored);
    }
}

static void *compactor_main(void *argument) {
    vel_engine *e = argument;
    vel_error error;
    for (;;) {
        pthread_mutex_lock(&e->wake_lock);
        while (!e->stop && !e->compaction_wanted)
            pthread_cond_wait(&e->compactor_wake, &e->wake_lock);
        e->compaction_wanted = false;
        bool stop = e->stop;
        pthread_mutex_unlock(&e->wake_lock);
        if (stop) return NULL;
        uint64_t given_back;
        bool again;
        do {
            /* A failure's text is kept for health. */
            vel_status status = engine_compact(e, false, &given_back, &error);
            pthread_mutex_lock(&e->commit_lock);
            again = !status && given_back && compaction_pays(e) && !atomic_get_relaxed(&e->closing);
            pthread_mutex_unlock(&e->commit_lock);
        } while (again);
    }
}

/* A region of memory whose pages are there: touching a huge page first takes 0.2 ms and more. */
static void prepare_memory(vel_engine *e) {
    pthread_mutex_lock(&e->commit_lock);
    bool wanted = e->spare_asked;
    e->spare_asked = false;
    pthread_mutex_unlock(&e->commit_lock);
    uint8_t *base = wanted ? slab_spare_map() : NULL;
    if (!base) return;
    pthread_mutex_lock(&e->commit_lock);
    slab_spare_add(&e->slab, base);
    pthread_mutex_unlock(&e->commit_lock);
}

static void *preparer_main(void *argument) {
    vel_engine *e = argument;
    for (;;) {
        pthread_mutex_lock(&e->wake_lock);
        while (!e->stop && !e->preparing_wanted)
            pthread_cond_wait(&e->preparer_wake, &e->wake_lock);
        e->preparing_wanted = false;
        bool stop = e->stop;
        pthread_mutex_unlock(&e->wake_lock);
        if (stop) return NULL;
        prepare_memory(e);
        if (e->directory) log_ahead(&e->log, &e->commit_lock);
    }
}

static void stop_threads(vel_engine *e) {
    pthread_mutex_lock(&e->wake_lock);
    e->stop = true;
    pthread_cond_broadcast(&e->flusher_wake);
    pthread_cond_broadcast(&e->compactor_wake);
    pthread_cond_broadcast(&e->preparer_wake);
    pthread_mutex_unlock(&e->wake_lock);
}

vel_status background_start(vel_engine *e, vel_error *error) {
    void *(*const mains[])(void *) = {flusher_main, compactor_main, preparer_main};
    pthread_t *const threads[] = {&e->flusher, &e->compactor, &e->preparer};
    const int wanted = sizeof mains / sizeof *mains;
    pthread_mutex_init(&e->wake_lock, NULL);
    cond_init(&e->flusher_wake);
    cond_init(&e->compactor_wake);
    cond_init(&e->preparer_wake);
    /* Signals are the interpreter's: none is delivered to these threads. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int failed = 0, started = 0;
    e->slab.spares_come = true;
    while (started < wanted && !failed)
        if (!(failed = pthread_create(threads[started], NULL, mains[started], e))) started++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    e->threads_run = !failed;
    if (!failed) return VEL_OK;
    stop_threads(e);
    while (started) pthread_join(*threads[--started], NULL);
    return vel_fail(error, VEL_E_IO, failed, NULL, 0, "cannot start a background thread");
}

void background_stop(vel_engine *e) {
    if (!e->threads_run) return;
    stop_threads(e);
    pthread_join(e->flusher, NULL);
    pthread_join(e->compactor, NULL);
    pthread_join(e->preparer, NULL);
    e->threads_run = false;
}

static void wake(vel_engine *e, bool *wanted, pthread_cond_t *cond) {
    pthread_mutex_lock(&e->wake_lock);
    *wanted = true;
    pthread_cond_signal(cond);
    pthread_mutex_unlock(&e->wake_lock);
}

void background_wake_flusher(vel_engine *e) { wake(e, &e->flush_wanted, &e->flusher_wake); }

void background_wake_compactor(vel_engine *e) {
    wake(e, &e->compaction_wanted, &e->compactor_wake);
}

void background_wake_preparer(vel_engine *e) {
    wake(e, &e->preparing_wanted, &e->preparer_wake);
}
