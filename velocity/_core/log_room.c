/* log_room.c: room for the next frame: files of segments, allocated and zeroed ahead of need. See
 * log.h. */
#include "log.h"

#include <fcntl.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/random.h>
#endif

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

/* A file for a segment that may grow to map_size, `wanted` bytes of it ready. It has no header:
 * until it gets one it counts as never begun. */
static vel_status segment_create(const vel_log *log, uint64_t id, uint64_t map_size,
                                 uint64_t wanted, vel_segment **out, vel_error *error) {
    vel_segment *s = calloc(1, sizeof *s);
    if (!s) return VEL_E_NOMEM;
    s->fd = -1;
    s->id = id;
    s->kind = SEGMENT_LOG;
    s->salt = random_u64();
    s->map_size = map_size;
    s->allocated = wanted > CHUNK_MIN ? wanted : CHUNK_MIN;
    s->tail = SEGMENT_HEADER_SIZE;
    segment_name(s->path, sizeof s->path, log->directory, s->id, "seg");
    vel_status status = file_open(s->path, O_RDWR | O_CREAT | O_EXCL, &s->fd, error);
    if (!status) status = file_allocate(s->fd, s->path, 0, s->allocated, error);
    if (!status) status = segment_make_ready(s, wanted, error);
    if (!status) status = file_map(s->fd, s->path, s->map_size, &s->map, error);
    if (!status) *out = s;
    else log_segment_drop(s);
    return status;
}

/* A new active segment with room for at least one frame of `size` bytes. Requires ahead_lock. */
static vel_status segment_begin(vel_log *log, uint64_t size, vel_error *error) {
    uint64_t wanted = (SEGMENT_HEADER_SIZE + size + PAGE - 1) & ~(PAGE - 1);
    vel_segment *s = log->next;
    vel_status status = VEL_OK;
    if (s && s->ready < wanted) {
        log_segment_drop(s);  /* one with a lower id must not be left behind */
        s = log->next = NULL;
        log->ahead_id = 0;
    }
    if (!s) {
        uint64_t usual = log_segment_size(log);
        /* A file that cannot be removed after a failure keeps its id; recovery removes it. */
        uint64_t id = log->next_id++;
        status = segment_create(log, id, usual > wanted ? usual : wanted, wanted, &s, error);
        if (status) return status;
    }
    log->bytes_before = log_disk_usage(log);
    s->base_seq = log->seq + 1;
    s->last_seq = log->seq;
    status = log_add_segment(log, s, log->count);
    if (status) {
        if (s != log->next) log_segment_drop(s);
        return status;
    }
    segment_header h = {s->id, s->base_seq, atomic_get_relaxed(&log->durable_seq), s->salt,
                        s->kind};
    segment_header_write(s->map, &h);
    log->next = NULL;
    log->ahead_id = log->ahead_asked = 0;
    log->active = s;
    log->watermark_slot = 0;
    return VEL_OK;
}

/* Preallocate so that [tail, tail + size) has blocks: a store to
 * the mapping must never meet a full disk. */
static vel_status segment_grow(vel_segment *s, uint64_t size, vel_error *error) {
    uint64_t needed = (s->tail + size + PAGE - 1) & ~(PAGE - 1);
    if (needed <= s->allocated) return segment_make_ready(s, needed, error);
    uint64_t chunk = (s->allocated / 4 + PAGE - 1) & ~(PAGE - 1);
    if (chunk < CHUNK_MIN) chunk = CHUNK_MIN;
    uint64_t wanted = s->allocated + (chunk < CHUNK_MAX ? chunk : CHUNK_MAX);
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
    if (pthread_mutex_trylock(&log->ahead_lock)) return VEL_BUSY;
    vel_segment *s = log->active;
    vel_status status;
    if (!s || s->tail + size > s->map_size) status = segment_begin(log, size, error);
    else status = segment_grow(s, size, error);
    pthread_mutex_unlock(&log->ahead_lock);
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

/* --- ahead of need -------------------------------------------------------------------------- */

void log_ahead_wait(vel_log *log) {
    pthread_mutex_lock(&log->ahead_lock);
    pthread_mutex_unlock(&log->ahead_lock);
}

/* Requires ahead_lock and commit_lock. */
static vel_segment *next_take(vel_log *log) {
    vel_segment *s = log->next;
    log->next = NULL;
    log->ahead_id = 0;
    return s;
}

void log_drop_next(vel_log *log, pthread_mutex_t *commit_lock) {
    pthread_mutex_lock(&log->ahead_lock);
    pthread_mutex_lock(commit_lock);
    vel_segment *s = next_take(log);
    pthread_mutex_unlock(commit_lock);
    if (s) log_segment_drop(s);
    pthread_mutex_unlock(&log->ahead_lock);
}

uint64_t log_take_id(vel_log *log, pthread_mutex_t *commit_lock) {
    pthread_mutex_lock(&log->ahead_lock);
    pthread_mutex_lock(commit_lock);
    vel_segment *s = next_take(log);
    uint64_t id = log->next_id++;
    pthread_mutex_unlock(commit_lock);
    if (s) log_segment_drop(s);
    pthread_mutex_unlock(&log->ahead_lock);
    return id;
}

/* Grow a copy of the active segment's record; the file is the same. */
static bool grow_ahead(vel_segment *s, uint64_t size) {
    uint64_t end = s->ready + size;
    if (end > s->map_size) end = s->map_size;
    end &= ~(PAGE - 1);
    if (end > s->allocated) {
        if (file_allocate(s->fd, s->path, s->allocated, end - s->allocated, NULL)) return false;
        s->allocated = end;
    }
    while (s->ready < end)
        if (segment_make_ready(s, s->ready, NULL)) return false;
    return true;
}

static void next_prepare(vel_log *log, pthread_mutex_t *commit_lock, uint64_t size) {
    vel_segment *next = NULL;
    pthread_mutex_lock(commit_lock);
    bool wanted = !log->ahead_id && log->active;
    uint64_t id = log->next_id, map_size = log_segment_size(log);
    if (size > map_size) size = map_size;
    if (wanted) log->ahead_id = log->next_id++;
    pthread_mutex_unlock(commit_lock);
    if (!wanted) return;
    bool made = !segment_create(log, id, map_size, size & ~(PAGE - 1), &next, NULL);
    pthread_mutex_lock(commit_lock);
    log->next = next;
    if (!made) log->ahead_id = 0;
    pthread_mutex_unlock(commit_lock);
}

void log_trim(vel_log *log, pthread_mutex_t *commit_lock) {
    log_drop_next(log, commit_lock);
    pthread_mutex_lock(&log->ahead_lock);
    pthread_mutex_lock(commit_lock);
    vel_segment *s = log->active;
    uint64_t end = s ? ((s->tail + PAGE - 1) & ~(PAGE - 1)) + LOG_AHEAD_MIN : 0;
    if (s && s->allocated > end && !file_truncate(s->fd, s->path, end, NULL)) {
        s->allocated = end;
        if (s->ready > end) s->ready = end;
        log->ahead_asked = 0;
    }
    pthread_mutex_unlock(commit_lock);
    pthread_mutex_unlock(&log->ahead_lock);
}

void log_ahead(vel_log *log, pthread_mutex_t *commit_lock) {
    pthread_mutex_lock(&log->ahead_lock);
    pthread_mutex_lock(commit_lock);
    vel_segment *s = log->active, copy;
    uint64_t size = s ? log_ahead_size(log) : 0;
    if (s) {  /* but for `synced`, which is the syncing thread's */
        copy = (vel_segment){.fd = s->fd, .map_size = s->map_size, .allocated = s->allocated,
                             .ready = s->ready};
        memcpy(copy.path, s->path, sizeof copy.path);
    }
    pthread_mutex_unlock(commit_lock);
    /* ahead_lock keeps the segment from being sealed, and its file from growing otherwise. */
    if (size && !atomic_get_acquire(&log->failed) && grow_ahead(&copy, size)) {
        pthread_mutex_lock(commit_lock);
        s->allocated = copy.allocated;
        s->ready = copy.ready;
        pthread_mutex_unlock(commit_lock);
        if (copy.map_size - copy.ready < PAGE) next_prepare(log, commit_lock, size);
    }
    pthread_mutex_unlock(&log->ahead_lock);
}
