/* log.c: the segments of a log, and syncing them; log_room.c has the appending. See log.h. */
#include "log.h"

#include <sys/mman.h>

#define NUMBERS_BYTES (LOG_NUMBERS * sizeof(vel_segment *))

vel_status log_open(vel_log *log, const char *directory) {
    memset(log, 0, sizeof *log);
    log->directory = directory;
    log->next_id = 1;
    pthread_mutex_init(&log->sync_lock, NULL);
    pthread_cond_init(&log->sync_ended, NULL);
    pthread_mutex_init(&log->ahead_lock, NULL);
    void *p = mmap(NULL, NUMBERS_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return VEL_E_NOMEM;
    log->by_number = p;
    return VEL_OK;
}

void log_segment_free(vel_segment *s) {
    if (s->map) file_unmap(s->map, s->map_size);
    if (s->fd >= 0) file_close(s->fd);
    free(s);
}

void log_segment_drop(vel_segment *s) {
    if (s->fd >= 0) file_remove(s->path, NULL);
    log_segment_free(s);
}

void log_close(vel_log *log) {
    if (log->next) log_segment_drop(log->next);
    log->next = NULL;
    for (uint32_t n = 0; log->by_number && n < log->number_next; n++)
        if (log->by_number[n]) log_segment_free(log->by_number[n]);
    if (log->by_number) munmap(log->by_number, NUMBERS_BYTES);
    free(log->list);
    pthread_cond_destroy(&log->sync_ended);
    pthread_mutex_destroy(&log->sync_lock);
    pthread_mutex_destroy(&log->ahead_lock);
    log->by_number = NULL;
    log->list = NULL;
    log->active = NULL;
    log->count = log->capacity = log->number_next = 0;
}

static bool number_take(vel_log *log, uint32_t *out) {
    if (log->number_next < LOG_NUMBERS) { *out = log->number_next++; return true; }
    for (uint32_t n = 0; n < LOG_NUMBERS; n++)
        if (!log->by_number[n]) { *out = n; return true; }
    return false;
}

vel_status log_add_segment(vel_log *log, vel_segment *s, uint32_t position) {
    vel_assert(position <= log->count);
    if (log->count == log->capacity) {
        uint32_t capacity = log->capacity ? 2 * log->capacity : 16;
        vel_segment **list = realloc(log->list, capacity * sizeof *list);
        if (!list) return VEL_E_NOMEM;
        log->list = list;
        log->capacity = capacity;
    }
    uint32_t number;
    if (!number_take(log, &number)) return VEL_E_TOO_LARGE;
    s->number = number;
    atomic_set_release(&log->by_number[number], s);
    memmove(log->list + position + 1, log->list + position,
            (log->count - position) * sizeof *log->list);
    log->list[position] = s;
    log->count++;
    return VEL_OK;
}

void log_replace_segments(vel_log *log, uint32_t from, uint32_t to, vel_segment *with) {
    vel_assert(from < to && to <= log->count);
    if (with) log->list[from++] = with;
    memmove(log->list + from, log->list + to, (log->count - to) * sizeof *log->list);
    log->count -= to - from;
}

void log_free_segment(vel_log *log, vel_segment *s) {
    atomic_set_release(&log->by_number[s->number], NULL);
    log_segment_free(s);
}

uint64_t log_disk_usage(const vel_log *log) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < log->count; i++)
        total += log->list[i]->sealed ? log->list[i]->tail : log->list[i]->allocated;
    return total;
}

/* --- syncing -------------------------------------------------------------------------------- */

void log_fail(vel_log *log, const vel_error *error) {
    if (atomic_get_acquire(&log->failed)) return;
    snprintf(log->failed_text, sizeof log->failed_text, "%.250s; read-only until reopened",
             error->what);
    atomic_set_release(&log->failed, 1);
}

void log_discard(vel_log *log) {
    for (uint32_t i = 0; i < log->count; i++) {
        vel_segment *s = log->list[i];
        uint64_t from = s->synced > SEGMENT_HEADER_SIZE ? s->synced : SEGMENT_HEADER_SIZE;
        if (s->map && s->tail > from) memset(s->map + from, 0, s->tail - from);
    }
}

/* Who may sync. A mutex held across the sync would be taken again by the thread that gives it up,
 * before those that wait for it are awake: each sync would serve one writer. */

static void sync_begin(vel_log *log) {
    pthread_mutex_lock(&log->sync_lock);
    while (log->syncing) pthread_cond_wait(&log->sync_ended, &log->sync_lock);
    log->syncing = true;
    pthread_mutex_unlock(&log->sync_lock);
}

static void sync_end(vel_log *log) {
    pthread_mutex_lock(&log->sync_lock);
    log->syncing = false;
    pthread_cond_broadcast(&log->sync_ended);
    pthread_mutex_unlock(&log->sync_lock);
}

/* Wait until seq is durable, a sync has failed, or nobody syncs. Returns true in the last case:
 * then the caller does. */
static bool sync_begin_for(vel_log *log, uint64_t seq) {
    pthread_mutex_lock(&log->sync_lock);
    bool needed;
    while ((needed = atomic_get_acquire(&log->durable_seq) < seq &&
                     !atomic_get_acquire(&log->failed)) &&
           log->syncing)
        pthread_cond_wait(&log->sync_ended, &log->sync_lock);
    if (needed) log->syncing = true;
    pthread_mutex_unlock(&log->sync_lock);
    return needed;
}

/* The unsealed segments now, copied: they stay valid while we sync, for only a sealed one
 * is ever replaced. */
static vel_status unsealed_list(vel_log *log, pthread_mutex_t *commit_lock, vel_segment ***out,
                                uint32_t *count, uint64_t *seq, uint64_t **tails,
                                vel_error *error) {
    vel_status status = VEL_OK;
    pthread_mutex_lock(commit_lock);
    uint32_t first = log->count;
    while (first && !log->list[first - 1]->sealed) first--;
    *count = log->count - first;
    *seq = log->seq;
    *out = malloc((*count + 1) * sizeof **out);
    *tails = malloc((*count + 1) * sizeof **tails);
    if (!*out || !*tails)
        status = vel_fail(error, VEL_E_NOMEM, 0, log->directory, 0, "no memory to sync the log");
    for (uint32_t i = 0; !status && i < *count; i++) {
        (*out)[i] = log->list[first + i];
        (*tails)[i] = (*out)[i]->tail;
    }
    pthread_mutex_unlock(commit_lock);
    return status;
}

/* Requires sync_begin. */
static vel_status sync_unsealed(vel_log *log, pthread_mutex_t *commit_lock, vel_error *error) {
    vel_segment **list = NULL;
    uint64_t *tails = NULL, seq;
    uint32_t count;
    bool created = false;
    vel_status status = unsealed_list(log, commit_lock, &list, &count, &seq, &tails, error);
    for (uint32_t i = 0; !status && i < count; i++) {
        vel_segment *s = list[i];
        if (s->synced >= tails[i]) continue;
        created |= s->synced == 0;
        status = file_sync(s->fd, s->path, error);
    }
    if (!status && created) status = directory_sync(log->directory, error);
    if (!status && created) {
        pthread_mutex_lock(commit_lock);
        for (uint32_t i = 0; i < count; i++) list[i]->on_disk = true;
        pthread_mutex_unlock(commit_lock);
    }
    if (!status && created) status = log->segment_synced(log->context, error);
    if (!status && count) {
        /* Only now: what log_discard keeps must be what counts as durable. */
        for (uint32_t i = 0; i < count; i++) list[i]->synced = tails[i];
        pthread_mutex_lock(commit_lock);
        vel_segment *s = list[count - 1];
        if (s->map) segment_watermark_write(s->map, log->watermark_slot ^= 1, seq, s->salt);
        pthread_mutex_unlock(commit_lock);
        atomic_set_release(&log->durable_seq, seq);
    }
    free(list);
    free(tails);
    return status;
}

static void sync_failed(vel_log *log, vel_status status, const vel_error *error) {
    /* A full disk kept the manifest from listing a segment that is on disk: only that is left to
     * do, and the next sync does it. */
    if (status == VEL_E_FULL && !log->writers_wait) return;
    log_fail(log, error);
}

vel_status log_sync(vel_log *log, pthread_mutex_t *commit_lock, uint64_t seq, vel_error *error) {
    if (atomic_get_acquire(&log->durable_seq) >= seq) return VEL_OK;
    if (sync_begin_for(log, seq)) {
        vel_status status = sync_unsealed(log, commit_lock, error);
        if (status) sync_failed(log, status, error);
        sync_end(log);
        return status;
    }
    if (atomic_get_acquire(&log->durable_seq) >= seq) return VEL_OK;
    return vel_fail(error, VEL_E_FAILED, EIO, log->directory, 0, "%s", log->failed_text);
}

vel_status log_sync_all(vel_log *log, pthread_mutex_t *commit_lock, vel_error *error) {
    return log_sync(log, commit_lock, atomic_get_acquire(&log->seq), error);
}

vel_status log_seal(vel_log *log, pthread_mutex_t *commit_lock, bool all, vel_error *error) {
    vel_status status = VEL_OK;
    sync_begin(log);
    for (;;) {
        vel_segment *s = NULL;
        pthread_mutex_lock(commit_lock);
        for (uint32_t i = 0; i < log->count && !s; i++)
            if (!log->list[i]->sealed && (all || log->list[i] != log->active)) s = log->list[i];
        if (s == log->active) log->active = NULL;
        pthread_mutex_unlock(commit_lock);
        if (!s || atomic_get_acquire(&log->failed)) break;
        log_ahead_wait(log);  /* it no longer is the active one: its file grows no more */
        if (s->synced < s->tail) status = sync_unsealed(log, commit_lock, error);
        if (!status) status = file_truncate(s->fd, s->path, s->tail, error);
        if (!status) status = file_sync(s->fd, s->path, error);
        if (status) {
            sync_failed(log, status, error);
            break;
        }
        pthread_mutex_lock(commit_lock);
        uint8_t *map = s->map;
        s->map = NULL;
        s->allocated = s->tail;
        s->sealed = true;
        atomic_add_relaxed(&log->seal_count, 1);
        pthread_mutex_unlock(commit_lock);
        file_unmap(map, s->map_size);
    }
    sync_end(log);
    return status;
}
