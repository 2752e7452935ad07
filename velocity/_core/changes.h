/* changes.h: the change feed: reading what was written to a collection, in the order of sequences.
 *
 * A reader is a place in the log and holds nothing of what is still to come: however far it is
 * behind, it takes one window of memory. It reads with calls on the files, as cold reads do, never
 * through the mapping, which goes when a segment is sealed. History is there from the *floor* on:
 * the lowest sequence after which every frame is in the log as it was written. Compaction raises
 * it. Nothing stores it: log segments whose sequences follow on, up to the newest frame, are
 * history; what is before the first of them is not. Compaction leaves alone what readers have still
 * to read, as long as that is at most CHANGES_HELD_MAX.
 *
 * Memory-only has no log: while there is a reader, writers copy records to a ring (changes_ring.c)
 * that forgets the oldest.
 *
 * In sync_writes mode a reader sees what is on disk, else what is applied: what was acknowledged,
 * and nothing that may be undone.
 *
 * Threads: the engine's list of readers and the ring are guarded by commit_lock. One reader belongs
 * to one thread at a time, but for changes_stop. Waiting has watch_lock, innermost as wake_lock is,
 * and held by a writer only when there is a reader.
 */
#ifndef VEL_CHANGES_H
#define VEL_CHANGES_H

#include "base.h"
#include "collection.h"

#define CHANGES_HELD_MAX ((uint64_t)256 << 20)  /* bytes of log kept for readers */
#define CHANGES_RING_MAX ((uint64_t)16 << 20)   /* bytes of a ring, a record's header included */
#define CHANGES_WINDOW ((uint64_t)64 << 10)     /* bytes read, and given out, at a time */
#define CHANGES_BATCH 256u                      /* most changes given out at a time */

typedef struct vel_engine vel_engine;
typedef struct vel_plan vel_plan;
typedef struct vel_write vel_write;

typedef struct vel_changes {
    struct vel_changes *next;     /* commit_lock */
    vel_engine *engine;
    vel_collection *collection;
    uint64_t seq;                 /* all frames up to it are read; atomic */
    uint32_t position;            /* operations of frame seq + 1 that are read */
    uint32_t skip;                /* operations of frame seq + 1 that are not wanted */
    uint64_t segment;             /* id of the one that `at` lies in; 0: to be found */
    uint64_t at;                  /* log: offset of what is read next; ring: its place there */
    uint32_t left;                /* operations of frame seq + 1 to be read; 0: none was begun */
    uint32_t stopped;             /* atomic */
    vel_buffer window;
} vel_changes;

/* One change in what changes_read gives; its record follows, padded to 8 bytes. */
typedef struct {
    uint64_t seq;
    uint32_t position;            /* in its batch */
    uint32_t size;                /* bytes of the record, without padding */
    uint64_t deletes;             /* 1: the record is a tombstone; with an expiry: it expired */
} change_item;

/* Records of a memory-only engine, oldest first; offsets rise for ever and count modulo capacity.
 * Zeroed: not kept. */
typedef struct {
    uint8_t *data;
    uint64_t capacity, head, tail;
    uint64_t floor;               /* of the sequences that it holds */
    vel_buffer scratch;
} vel_change_ring;

#define CHANGES_NOW UINT64_MAX

/* Begin to read after operation `position` of batch `since` (UINT32_MAX: after all of it), or with
 * what is acknowledged from now on (CHANGES_NOW). VEL_NOT_FOUND: that is not in the log, *floor
 * and *newest say what is. VEL_E_MEMORY_LIMIT: no room for a ring. Without the GIL. */
vel_status changes_open(vel_changes *r, vel_engine *e, vel_collection *c, uint64_t since,
                        uint32_t position, uint64_t *floor, uint64_t *newest);
/* Replace *out by the changes that come next, at most CHANGES_BATCH, and none larger than a window
 * but the first. VEL_OK, with *count 0 when there is nothing new. VEL_NOT_FOUND: compaction or the
 * ring has overtaken the reader. VEL_E_*. Without the GIL. */
vel_status changes_read(vel_changes *r, vel_buffer *out, size_t *count, vel_error *error);
/* Wait until there may be something to read, at most ns. VEL_OK; VEL_BUSY: the time is over;
 * VEL_END: stopped; VEL_E_CLOSED. Without the GIL. */
vel_status changes_wait(vel_changes *r, int64_t ns);
/* End a wait, and all to come. Any thread. */
void changes_stop(vel_changes *r);
/* Requires: no call inside. Without the GIL. */
void changes_close(vel_changes *r);

/* Wake who waits. Requires not commit_lock. */
void changes_wake(vel_engine *e);
/* Frames after this sequence are kept for readers; UINT64_MAX: none. Requires commit_lock. */
uint64_t changes_held(const vel_engine *e);

/* changes_ring.c; all require commit_lock. */
vel_status ring_open(vel_change_ring *r, vel_engine *e);
void ring_close(vel_change_ring *r, vel_engine *e);
/* Keep what a batch wrote as frame seq. */
void ring_add(vel_change_ring *r, uint64_t seq, const vel_write *writes, const vel_plan *plans,
              size_t count);
vel_status ring_read(const vel_change_ring *ring, vel_changes *r, vel_buffer *out, size_t *count);

#endif
