/* log.h: the append-only log: its segments, appending, syncing, giving files back.
 *
 * One segment is active: a preallocated file mapped shared, so that appending is a memcpy and what
 * is appended survives the process. Full segments are sealed: synced, cut to their size, unmapped.
 * The list keeps sequence order; compacted segments take the place of those they replace.
 *
 * A location names an operation: number of the segment (index into `by_number`) and offset / 8. It
 * fits 47 bits.
 *
 * Threads: the list, the active segment and its tail are guarded by the engine's commit_lock.
 * `by_number` entries are read with acquire loads by pinned readers; a segment is closed only after
 * epoch_wait. Syncing has `syncing` and works on sealed segments and the active file without
 * commit_lock. A file's content below a committed tail never changes, but for its watermark slots.
 */
#ifndef VEL_LOG_H
#define VEL_LOG_H

#include "base.h"
#include "fileio.h"
#include "segment.h"

#define LOG_NUMBER_BITS 20
#define LOG_OFFSET_BITS 27
#define LOG_NUMBERS ((uint32_t)1 << LOG_NUMBER_BITS)
#define LOG_AHEAD_MIN ((uint64_t)64 << 10)  /* bytes */
#define LOG_AHEAD_MAX ((uint64_t)4 << 20)

typedef struct {
    uint64_t id, salt, base_seq, last_seq;
    uint32_t kind, number;
    int fd;
    uint8_t *map;             /* only while it can be appended to or has not been sealed */
    uint64_t map_size;        /* also the most it may grow to */
    uint64_t allocated;       /* bytes of blocks in the file */
    uint64_t ready;           /* bytes of it written, with zeros or frames: cheap to store to */
    uint64_t tail;            /* bytes in use; the size once sealed */
    uint64_t synced;          /* bytes known to be on disk; who is `syncing` */
    bool sealed;              /* cut and on disk: never changes again */
    bool on_disk;             /* header and directory entry are synced: the manifest may list it */
    bool hinted;              /* a hint file is there, or would not pay */
    /* Bytes of operations: all puts, those of them that the tables name, deletes. commit_lock. */
    uint64_t put_bytes, live_bytes, tombstone_bytes;
    uint64_t live_count;
    int64_t max_stamp;        /* newest record in it */
    int64_t cleaned_stamp;    /* dead records older than this are gone from it; 0: not known */
    char path[VEL_PATH_MAX];
} vel_segment;

typedef struct vel_log {
    /* Called, while `syncing`, when a new segment was synced for the first time: what is in it
     * counts as durable only when the manifest lists it, so that its loss can be told from a file
     * that was just being made. */
    vel_status (*segment_synced)(void *context, vel_error *error);
    void *context;
    bool writers_wait;        /* sync_writes: a sync that fails takes back its writers' writes */
    vel_segment **by_number;  /* LOG_NUMBERS pointers, virtually reserved */
    uint32_t number_next;     /* lowest that was never used */
    vel_segment **list;       /* in sequence order; the last is active when it is not sealed */
    uint32_t count, capacity;
    vel_segment *active;      /* NULL until the first append after open */
    uint64_t next_id;
    uint64_t seq;             /* last appended; atomic for readers */
    uint64_t durable_seq;     /* everything up to it is on disk; atomic */
    int watermark_slot;
    uint64_t seal_count;      /* segments sealed since open; atomic */
    /* One thread at a time syncs or seals; the others wait for its end. sync_lock guards `syncing`
     * and is never held across a system call on a file. */
    pthread_mutex_t sync_lock;
    pthread_cond_t sync_ended;
    bool syncing;
    /* Atomic: an I/O failure that may have lost acknowledged data: read-only until reopened. */
    uint32_t failed;
    char failed_text[VEL_WHAT_MAX];  /* set before `failed` */
    char full_text[VEL_WHAT_MAX]; /* last failure to grow, "" after a success; commit_lock */
    const char *directory;
    /* Held while files grow; one that holds commit_lock only tries it. */
    pthread_mutex_t ahead_lock;
    uint64_t bytes_before;    /* of the files when the active segment was begun; commit_lock */
    uint64_t ahead_asked;     /* active segment's `ready` when more was asked for; commit_lock */
    uint64_t ahead_id;        /* of a segment prepared or being prepared, 0: none; commit_lock */
    vel_segment *next;        /* prepared: without a header, not in the list; commit_lock */
} vel_log;

VEL_INLINE uint64_t log_location(const vel_segment *s, uint64_t at) {
    return (uint64_t)s->number << LOG_OFFSET_BITS | at >> 3;
}
VEL_INLINE vel_segment *log_segment(const vel_log *log, uint64_t location) {
    return atomic_get_acquire(&log->by_number[location >> LOG_OFFSET_BITS & (LOG_NUMBERS - 1)]);
}
VEL_INLINE uint64_t location_at(uint64_t location) {
    return (location & (((uint64_t)1 << LOG_OFFSET_BITS) - 1)) << 3;
}

/* NULL directory: no files, only numbers. `directory` stays the caller's. VEL_OK or VEL_E_NOMEM. */
vel_status log_open(vel_log *log, const char *directory);
/* Closes files and frees; syncs nothing. */
void log_close(vel_log *log);

/* Add a segment record to by_number and, at `position`, to the list. Owns: the log. */
vel_status log_add_segment(vel_log *log, vel_segment *s, uint32_t position);
/* Take list[from, to) out and put `with` (may be NULL) there. The removed ones stay open and in
 * by_number. */
void log_replace_segments(vel_log *log, uint32_t from, uint32_t to, vel_segment *with);
/* Close and free one that is in no list; and remove its file. */
void log_segment_free(vel_segment *s);
void log_segment_drop(vel_segment *s);
/* Close and free one that is out of the list. Requires: epoch_wait since. */
void log_free_segment(vel_log *log, vel_segment *s);

/* log_begin when what is ready does not suffice. */
vel_status log_make_room(vel_log *log, uint64_t size, bool nonblock, uint8_t **to,
                         vel_error *error);
/* Bytes that should be ready beyond the tail: nothing while there is little in the log, then an
 * eighth of it. Requires commit_lock. */
VEL_INLINE uint64_t log_ahead_size(const vel_log *log) {
    uint64_t size = (log->bytes_before + log->active->tail) / 8;
    if (size < LOG_AHEAD_MIN) return size < LOG_AHEAD_MIN / 4 ? 0 : LOG_AHEAD_MIN;
    return size < LOG_AHEAD_MAX ? size : LOG_AHEAD_MAX;
}
/* Room for a frame of `size` bytes at *to, in preallocated mapped memory; rolls to a new segment
 * when the active one is full. nonblock: VEL_BUSY instead of system calls that can wait; also
 * without it while log_ahead is at work: then log_ahead_wait. Errors leave everything as it was.
 * Requires commit_lock. */
VEL_INLINE vel_status log_begin(vel_log *log, uint64_t size, bool nonblock, uint8_t **to,
                                vel_error *error) {
    const vel_segment *s = log->active;
    if (vel_unlikely(!s || s->tail + size > s->ready))
        return log_make_room(log, size, nonblock, to, error);
    *to = s->map + s->tail;
    return VEL_OK;
}
/* The frame at log_begin's place is sealed by the caller with seq + 1: count it in. Requires
 * commit_lock. */
VEL_INLINE void log_end(vel_log *log, uint64_t size) {
    log->active->tail += size;
    vel_assert(log->active->tail <= log->active->ready);
    log->active->last_seq = log->seq + 1;
    atomic_set_release(&log->seq, log->seq + 1);
}

/* Whether log_ahead should be called now; says so once for each need. Requires commit_lock. */
VEL_INLINE bool log_wants_ahead(vel_log *log) {
    const vel_segment *s = log->active;
    if (vel_likely(!s || s->ready - s->tail > log_ahead_size(log) / 2)) return false;
    if (log->ahead_asked == s->ready) return false;
    log->ahead_asked = s->ready;
    return true;
}
/* Grow the active segment's file ahead of need, and prepare the segment that comes after it, so
 * that appending meets no system call. A failure is left for the append that needs the room.
 * Requires not commit_lock. */
void log_ahead(vel_log *log, pthread_mutex_t *commit_lock);
/* Give back what was made ready and is not being used. Requires not commit_lock. */
void log_trim(vel_log *log, pthread_mutex_t *commit_lock);
/* Wait for log_ahead to be done. Requires not commit_lock. */
void log_ahead_wait(vel_log *log);
/* An id for a file that is no log segment. A prepared segment goes: those of the log must be
 * higher. */
uint64_t log_take_id(vel_log *log, pthread_mutex_t *commit_lock);
/* Remove the prepared segment. Requires not commit_lock. */
void log_drop_next(vel_log *log, pthread_mutex_t *commit_lock);

/* Make everything up to `seq` durable. One caller syncs, the others ride along. On failure latches
 * `failed`. Takes `syncing`, and `commit_lock` shortly. Without the GIL. */
vel_status log_sync(vel_log *log, pthread_mutex_t *commit_lock, uint64_t seq, vel_error *error);
/* The same for everything appended so far. */
vel_status log_sync_all(vel_log *log, pthread_mutex_t *commit_lock, vel_error *error);
/* Sync, cut and unmap segments that are full; those that can be sealed but the active one
 * unless `all`. Requires not commit_lock. */
vel_status log_seal(vel_log *log, pthread_mutex_t *commit_lock, bool all, vel_error *error);
/* End the active segment: the next frame begins a new one. Requires commit_lock. */
void log_roll(vel_log *log);

/* After a failed sync in sync_writes mode: wipe the frames that are not known to be on disk, so
 * that reopening does not bring back writes that were refused. Requires commit_lock and that the
 * failure is latched. */
void log_discard(vel_log *log);
/* Latch a failure. */
void log_fail(vel_log *log, const vel_error *error);
/* Bytes of all files of the list. Requires commit_lock. */
uint64_t log_disk_usage(const vel_log *log);
/* Bytes a segment may have before the next is begun. Requires commit_lock. */
uint64_t log_segment_size(const vel_log *log);
/* Tests: segments may be this small, so that few writes fill some; 0: as usual (16 MiB). Holds for
 * every log of the process. VEL_E_INVALID below what a segment takes at once (16 KiB). */
vel_status log_segment_size_set(uint64_t size_min);

#endif
