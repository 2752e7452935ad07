/* log.c: see log.h. */
#include "log.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

#define NUMBERS_BYTES (LOG_NUMBERS * sizeof(vel_segment *))
#define SEGMENT_SIZE_MIN ((uint64_t)16 << 20)
#define SEGMENTS_WISHED 256u             /* segments grow so that about this many hold the data */
#define CHUNK_MIN ((uint64_t)16 << 10)   /* a database of a few documents takes one of these */
#define CHUNK_MAX ((uint64_t)4 << 20)
#define READY_AHEAD ((uint64_t)256 << 10)
#define PAGE ((uint64_t)4096)

static uint64_t random_u64(void) {
    uint64_t v = 0;
#ifdef __linux__
    if (getrandom(&v, sizeof v, 0) == (ssize_t)sizeof v) return v;
    return (uint64_t)clock_wall_ns() * 0x9E3779B97F4A7C15u ^ (uint64_t)getpid();
#else
    arc4random_buf(&v, sizeof v);
    return v;
#endif
}

vel_status log_open(vel_log *log, const char *directory) {
    memset(log, 0, sizeof *log);
    log->directory = directory;
    log->next_id = 1;
    pthread_mutex_init(&log->sync_lock, NULL);
    void *p = mmap(NULL, NUMBERS_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) return VEL_E_NOMEM;
    log->by_number = p;
    return VEL_OK;
}

static void segment_free(vel_segment *s) {
    if (s->map) file_unmap(s->map, s->map_size);
    if (s->fd >= 0) file_close(s->fd);
    free(s);
}

void log_close(vel_log *log) {
    for (uint32_t n = 0; log->by_number && n < log->number_next; n++)
        if (log->by_number[n]) segment_free(log->by_number[n]);
    if (log->by_number) munmap(log->by_number, NUMBERS_BYTES);
    free(log->list);
    pthread_mutex_destroy(&log->sync_lock);
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
    segment_free(s);
}

uint64_t log_disk_usage(const vel_log *log) {
    uint64_t total = 0;
    for (uint32_t i = 0; i < log->count; i++)
        total += log->list[i]->sealed ? log->list[i]->tail : log->list[i]->allocated;
    return total;
}

static uint64_t segment_size_min = SEGMENT_SIZE_MIN;  /* atomic */

vel_status log_segment_size_set(uint64_t size_min) {
    if (!size_min) size_min = SEGMENT_SIZE_MIN;
    if (size_min < CHUNK_MIN || size_min > SEGMENT_SIZE_MAX) return VEL_E_INVALID;
    atomic_set_relaxed(&segment_size_min, size_min);
    return VEL_OK;
}

uint64_t log_segment_size(const vel_log *log) {
    uint64_t wished = log_disk_usage(log) / SEGMENTS_WISHED;
    uint64_t least = atomic_get_relaxed(&segment_size_min);
    if (wished < least) wished = least;
    return (wished < SEGMENT_SIZE_MAX ? wished : SEGMENT_SIZE_MAX) & ~(PAGE - 1);
}

/* --- appending ------------------------------------------------------------------------------ */

/* Write zeros up to `needed` and some more. A first store to a block that was only allocated costs
 * two page faults and a journal entry at the next sync (measured 3.9 us a page, against 1.8 with
 * the zeros). */
static vel_status segment_make_ready(vel_segment *s, uint64_t needed, vel_error *error) {
    static const uint8_t zeros[64 << 10];
    uint64_t end = s->ready + READY_AHEAD;
    if (end < needed) end = needed;
    if (end > s->allocated) end = s->allocated;
    while (s->ready < end) {
        uint64_t size = end - s->ready < sizeof zeros ? end - s->ready : sizeof zeros;
        vel_status status = file_write(s->fd, s->path, s->ready, zeros, size, error);
        if (status) return status;
        s->ready += size;
    }
    return VEL_OK;
}

/* A new active segment with room for at least one frame of `size` bytes. */
static vel_status segment_begin(vel_log *log, uint64_t size, vel_error *error) {
    vel_segment *s = calloc(1, sizeof *s);
    if (!s) return VEL_E_NOMEM;
    uint64_t wanted = (SEGMENT_HEADER_SIZE + size + PAGE - 1) & ~(PAGE - 1);
    s->fd = -1;
    s->id = log->next_id;
    s->kind = SEGMENT_LOG;
    s->base_seq = log->seq + 1;
    s->last_seq = log->seq;
    s->salt = random_u64();
    s->map_size = log_segment_size(log) > wanted ? log_segment_size(log) : wanted;
    s->allocated = wanted > CHUNK_MIN ? wanted : CHUNK_MIN;
    s->tail = SEGMENT_HEADER_SIZE;
    segment_name(s->path, sizeof s->path, log->directory, s->id, "seg");
    vel_status status = file_open(s->path, O_RDWR | O_CREAT | O_EXCL, &s->fd, error);
    if (!status) status = file_allocate(s->fd, s->path, 0, s->allocated, error);
    if (!status) status = segment_make_ready(s, wanted, error);
    if (!status) status = file_map(s->fd, s->path, s->map_size, &s->map, error);
    if (!status) {
        segment_header h = {s->id, s->base_seq, atomic_get_relaxed(&log->durable_seq), s->salt,
                            s->kind};
        segment_header_write(s->map, &h);
        status = log_add_segment(log, s, log->count);
    }
    if (status) {
        /* One that cannot be removed keeps its name; recovery does it. */
        if (s->fd >= 0 && file_remove(s->path, NULL)) log->next_id++;
        segment_free(s);
        return status;
    }
    log->next_id++;
    log->active = s;
    log->watermark_slot = 0;
    return VEL_OK;
}

/* Preallocate so that [tail, tail + size) has blocks: a store to
 * the mapping must never meet a full disk. */
static vel_status segment_grow(vel_segment *s, uint64_t size, vel_error *error) {
    uint64_t needed = (s->tail + size + PAGE - 1) & ~(PAGE - 1);
    if (needed <= s->allocated) return segment_make_ready(s, needed, error);
    uint64_t chunk = s->allocated < CHUNK_MAX ? s->allocated : CHUNK_MAX;
    uint64_t wanted = s->allocated + chunk;
    if (wanted < needed) wanted = needed;
    if (wanted > s->map_size) wanted = s->map_size;
    vel_status status = file_allocate(s->fd, s->path, s->allocated, wanted - s->allocated, error);
    if (status && wanted > needed) {
        wanted = needed;  /* the last blocks of a nearly full disk */
        status = file_allocate(s->fd, s->path, s->allocated, wanted - s->allocated, error);
    }
    if (status) return status;
    s->allocated = wanted;
    return segment_make_ready(s, needed, error);
}

vel_status log_make_room(vel_log *log, uint64_t size, bool nonblock, uint8_t **to,
                         vel_error *error) {
    if (size > SEGMENT_SIZE_MAX - SEGMENT_HEADER_SIZE)
        return vel_fail(error, VEL_E_TOO_LARGE, 0, NULL, 0, "a batch of %llu bytes is larger than "
                        "a log segment may be (1 GiB); split it", (unsigned long long)size);
    if (nonblock) return VEL_BUSY;
    vel_segment *s = log->active;
    vel_status status;
    if (!s || s->tail + size > s->map_size) status = segment_begin(log, size, error);
    else status = segment_grow(s, size, error);
    if (status) {
        if (status == VEL_E_IO && error)
            snprintf(log->full_text, sizeof log->full_text, "%s", error->what);
        return status;
    }
    log->full_text[0] = 0;
    *to = log->active->map + log->active->tail;
    return VEL_OK;
}

void log_roll(vel_log *log) { log->active = NULL; }

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

/* The unsealed segments now, copied: they stay valid while sync_lock is held, for only a sealed one
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

/* Requires sync_lock. */
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

vel_status log_sync(vel_log *log, pthread_mutex_t *commit_lock, uint64_t seq, vel_error *error) {
    if (atomic_get_acquire(&log->durable_seq) >= seq) return VEL_OK;
    vel_status status = VEL_OK;
    pthread_mutex_lock(&log->sync_lock);
    if (atomic_get_acquire(&log->durable_seq) < seq) {
        if (atomic_get_acquire(&log->failed))
            status = vel_fail(error, VEL_E_FAILED, EIO, log->directory, 0, "%s", log->failed_text);
        else if ((status = sync_unsealed(log, commit_lock, error)))
            log_fail(log, error);
    }
    pthread_mutex_unlock(&log->sync_lock);
    return status;
}

vel_status log_sync_all(vel_log *log, pthread_mutex_t *commit_lock, vel_error *error) {
    return log_sync(log, commit_lock, atomic_get_acquire(&log->seq), error);
}

vel_status log_seal(vel_log *log, pthread_mutex_t *commit_lock, bool all, vel_error *error) {
    vel_status status = VEL_OK;
    pthread_mutex_lock(&log->sync_lock);
    for (;;) {
        vel_segment *s = NULL;
        pthread_mutex_lock(commit_lock);
        for (uint32_t i = 0; i < log->count && !s; i++)
            if (!log->list[i]->sealed && (all || log->list[i] != log->active)) s = log->list[i];
        if (s == log->active) log->active = NULL;
        pthread_mutex_unlock(commit_lock);
        if (!s || atomic_get_acquire(&log->failed)) break;
        if (s->synced < s->tail) status = sync_unsealed(log, commit_lock, error);
        if (!status) status = file_truncate(s->fd, s->path, s->tail, error);
        if (!status) status = file_sync(s->fd, s->path, error);
        if (status) {
            log_fail(log, error);
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
    pthread_mutex_unlock(&log->sync_lock);
    return status;
}
