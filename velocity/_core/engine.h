/* engine.h: the database engine: collections of records over slab, tables and log, and one funnel
 * for writes.
 *
 * Threads and locks (see also docs/concurrency.md):
 *   - readers take no lock: they pin an epoch (epoch.h), probe, copy the record out, unpin;
 *   - writers hold `commit_lock` for the short part of engine_apply that checks conditions, appends
 *     to the log and publishes. Log order is publication order. A thread attached to the
 *     interpreter only tries the lock (APPLY_NONBLOCK) and, when it gets VEL_BUSY, comes back
 *     without the GIL: nobody waits for a core lock while holding the GIL;
 *   - `syncing` (vel_log) is set by the one thread that syncs the log; the others wait for its end
 *     (group commit);
 *   - `catalog_lock` orders what changes the collections or the list of segments: create, drop,
 *     compaction, close;
 *   - `manifest_lock` is held while the manifest is described and stored, so that the newest
 *     description is stored last;
 *   - `reap_lock` is held by the one thread that removes expired documents.
 *   - `ahead_lock` (vel_log) is held by whoever makes the log's files grow; one that holds
 *     commit_lock only tries it.
 *   - `watch_lock` is held by who waits for changes, and to wake them (changes.h).
 *   Lock order: reap_lock, catalog_lock, syncing, manifest_lock, ahead_lock, commit_lock,
 *   wake_lock or watch_lock. No lock is taken while pinned.
 *
 * A block in the slab is [location u64] [prev u64, next u64 when bounded] record; only the first
 * word for a cold document; only the record when there is no log. `record_offset` is 0, 8 or 24.
 */
#ifndef VEL_ENGINE_H
#define VEL_ENGINE_H

#include "background.h"
#include "base.h"
#include "cache.h"
#include "catalog.h"
#include "changes.h"
#include "checkpoint.h"
#include "collection.h"
#include "entries.h"
#include "epoch.h"
#include "expiry.h"
#include "fileio.h"
#include "index.h"
#include "lock.h"
#include "log.h"
#include "manifest.h"
#include "names.h"
#include "read.h"
#include "record.h"
#include "rules.h"
#include "slab.h"
#include "stats.h"
#include "table.h"
#include "verify.h"
#include "xxh3.h"

typedef struct {
    const char *data_dir;     /* NULL: memory only */
    bool bounded;             /* hybrid, persistent: memory holds cache_size bytes of records */
    bool sync_writes;
    uint64_t cache_size, max_memory;  /* bytes; max_memory 0: none */
    int64_t flush_interval;   /* ns */
} vel_options;

/* An undone write, kept in sync_writes mode until its frame is on disk. */
typedef struct {
    vel_collection *collection;
    uint64_t hash, seq;
    uint64_t location;        /* of the new record */
    vel_ref old_ref;          /* block to put back, still allocated; 0 for an insert */
    uint32_t old_size, new_size;       /* bytes of the records; new_size 0: a delete */
    int64_t old_expiry, new_expiry;
    index_undo *indexes;      /* owned; NULL: it changed none */
} vel_undo;

struct vel_engine {
    /* Constant after engine_open. */
    vel_options options;
    char *directory;          /* NULL: memory only */
    uint8_t uuid[16];
    uint64_t hash_seed;
    uint64_t hash_mask;       /* all ones */
    uint64_t fork_generation_at_open;
    uint32_t record_offset;
    int lock_fd;

    pthread_mutex_t commit_lock, catalog_lock, manifest_lock;
    uint32_t closing;         /* atomic; the one who sets it closes; long work ends early */
    uint32_t closed;          /* atomic; set under commit_lock */
    uint64_t busy;            /* atomic: calls inside the engine that close must wait for */

    pthread_mutex_t reap_lock;
    uint32_t reaping;         /* atomic: the holder of reap_lock has taken entries off the heap */

    /* Guarded by commit_lock. */
    vel_slab slab;
    epoch_limbo limbo;
    vel_collection **collections;  /* alive and dropped; freed at close */
    uint32_t collection_count, collection_capacity, next_collection_id;
    int64_t last_stamp;
    vel_expiry expiry;
    uint64_t expiry_charged;  /* bytes of its heap counted in the slab's budget */
    vel_cache cache;
    vel_buffer scratch;       /* merged bodies and cold records of the batch being planned */
    vel_undo *undo;
    uint64_t undo_count, undo_capacity;
    index_batch index_batch;  /* what the batch being planned changes in indexes */
    uint64_t expired_count, write_count;  /* since open */

    vel_log log;

    /* Background threads (background.c): */
    pthread_t flusher, compactor, preparer;
    bool threads_run;                   /* constant after engine_open */
    pthread_mutex_t wake_lock;          /* guards stop, wanted and the conditions; innermost */
    pthread_cond_t flusher_wake, compactor_wake, preparer_wake;
    bool stop, flush_wanted, compaction_wanted, preparing_wanted;
    bool flusher_idle;                  /* it waits for a wake-up; commit_lock */
    bool spare_asked;                   /* the preparer is to make a slab region; commit_lock */

    /* Readers of the change feed, NULL: none, and what they wait for; commit_lock. */
    vel_changes *changes;
    vel_change_ring ring;               /* memory-only, while there is a reader */
    pthread_mutex_t watch_lock;
    pthread_cond_t watch_wake;

    /* Statistics and health; atomics or commit_lock. */
    uint64_t cache_hits, cache_misses;  /* relaxed atomics */
    uint64_t compaction_count, compaction_given_back;
    uint64_t torn_bytes;                /* cut off at open */
    /* The CHECKPOINT it was opened from, 0: none that still fits, and what the log was then;
     * commit_lock. */
    uint64_t checkpoint, checkpoint_seq, checkpoint_next_id;
    char torn_text[VEL_WHAT_MAX];
    char expiry_text[VEL_WHAT_MAX];     /* why expired documents could not be removed, likewise */
    char compaction_text[VEL_WHAT_MAX]; /* last failure, "" when none; commit_lock */
    char catalog_text[VEL_WHAT_MAX];    /* the same of storing the manifest */
};

/* --- lifecycle.c ------------------------------------------------------------------------- */

/* Open. Owns: *out is freed by engine_free. Errors: VEL_E_LOCKED (error->offset is the holder's
 * pid), VEL_E_CORRUPT, VEL_E_IO, VEL_E_NOMEM, VEL_E_MEMORY_LIMIT, VEL_E_INVALID (a directory that
 * is not ours). Takes as long as recovery. Without the GIL. */
vel_status engine_open(const vel_options *options, vel_engine **out, vel_error *error);
/* Sync, seal, write the manifest, stop threads, give memory back. Idempotent: VEL_E_CLOSED the
 * second time. Everything is released also when it returns an I/O error. In a forked child it only
 * marks the copy closed. Without the GIL. */
vel_status engine_close(vel_engine *e, vel_error *error);
/* Requires: closed, no call inside. Needs an attached thread state (names hold str objects). */
void engine_free(vel_engine *e);

/* VEL_OK, VEL_E_CLOSED, or VEL_E_LOCKED in a forked child. A load or two. */
VEL_INLINE vel_status engine_usable(const vel_engine *e) {
    if (vel_unlikely(atomic_get_relaxed(&e->closed))) return VEL_E_CLOSED;
    uint64_t generation = atomic_get_relaxed(&fork_generation);
    return vel_likely(e->fork_generation_at_open == generation) ? VEL_OK : VEL_E_LOCKED;
}
/* Announce a call that may wait inside; close waits for it. engine_enter fails as engine_usable
 * does. */
vel_status engine_enter(vel_engine *e);
void engine_leave(vel_engine *e);

#ifdef VEL_DEBUG
/* check.c: whether slab, tables, log, cache and counts agree. Requires commit_lock, no reader.
 * Returns VEL_OK; VEL_E_CORRUPT with *why; VEL_E_NOMEM. */
vel_status engine_check(vel_engine *e, const char **why);
#endif

/* --- blocks --------------------------------------------------------------------------------- */

#define BLOCK_COLD ((uint64_t)1 << 63)
#define BLOCK_VISITED ((uint64_t)1 << 62)
#define BLOCK_EXPIRES ((uint64_t)1 << 61)  /* the document has an expiry: known also when cold */
#define BLOCK_LOCATION (((uint64_t)1 << 47) - 1)
#define BLOCK_HINT_SHIFT 47  /* 14 bits: operation's bytes / 8; BLOCK_HINT_MAX: that or more */
#define BLOCK_HINT_MAX ((uint64_t)0x3FFF)

VEL_INLINE uint64_t block_header_make(uint64_t location, uint32_t record_size, bool expires) {
    uint64_t units = op_size(record_size) / 8;
    if (units > BLOCK_HINT_MAX) units = BLOCK_HINT_MAX;
    return location | units << BLOCK_HINT_SHIFT | (expires ? BLOCK_EXPIRES : 0);
}

VEL_INLINE const uint8_t *block_record(const vel_engine *e, const uint8_t *block) {
    return block + e->record_offset;
}
VEL_INLINE uint64_t block_header(const uint8_t *block) {
    return atomic_get_relaxed((const uint64_t *)(const void *)block);
}
VEL_INLINE bool block_is_cold(const vel_engine *e, const uint8_t *block) {
    return e->options.bounded && (block_header(block) & BLOCK_COLD);
}

/* Bytes of a record from its block, also when it is on disk. Requires commit_lock. */
uint32_t block_record_size(vel_engine *e, const uint8_t *block);
/* The block that now stands for a location, or 0: it may have moved to disk since it was published.
 * Requires: pinned, or commit_lock. */
vel_ref engine_find_location(const vel_engine *e, const vel_collection *c, uint64_t hash,
                             uint64_t location);

/* --- apply.c: the funnel -------------------------------------------------------------------- */

typedef enum {
    WRITE_PUT = 1, WRITE_MERGE, WRITE_DELETE, WRITE_CHECK, WRITE_UNCHANGED,
    WRITE_FILL  /* store a document as its schema wants it; nothing when it is so or absent */
} vel_write_kind;
typedef enum { REQUIRE_NONE, REQUIRE_ABSENT, REQUIRE_PRESENT } vel_require;
enum {
    WRITE_KEEP_EXPIRY = 1,   /* a present document keeps its expiry */
    WRITE_IF_VERSION = 2,    /* must be present with expected_version */
    WRITE_IF_MATCHES = 4,    /* must be present and match body `expected` */
    WRITE_IF_STAMP = 8,      /* expected_stamp: the record's before the batch, 0: absent; for
                              * WRITE_UNCHANGED a change_count */
    WRITE_IF_EXPIRY = 16,    /* the record's expiry is expected_stamp, passed or not */
    WRITE_OR_SKIP = 32,      /* a condition that fails skips this operation, not the batch */
    WRITE_NO_DEFAULTS = 64   /* fields that are missing stay so, or are refused as required */
};

/* One operation of a batch. Plain data, times and ids put in before: apply uses no clock and no
 * randomness. */
typedef struct vel_write {
    vel_collection *collection;
    uint64_t hash;                 /* engine_hash of the id */
    const uint8_t *id, *body, *expected;  /* bytes owned by the caller for the call */
    uint32_t id_size, body_size, expected_size;
    uint8_t kind, require, flags;
    uint8_t existed;               /* out: the document was present (before this operation) */
    uint64_t expected_version;
    int64_t expected_stamp;
    int64_t expiry;                /* absolute, ns; 0: none */
    uint64_t version;              /* out: the version after, 0 for deletes and checks */
} vel_write;

/* Begin an operation without conditions, fields and expiry. (Field by field: compilers clear a
 * struct of this size by an instruction that takes longer than the stores.) */
VEL_INLINE void write_begin(vel_write *w, vel_collection *c, uint64_t hash, const void *id,
                            size_t id_size, uint8_t kind, uint8_t require) {
    w->collection = c;
    w->hash = hash;
    w->id = id;
    w->body = w->expected = NULL;
    w->id_size = (uint32_t)id_size;
    w->body_size = w->expected_size = 0;
    w->kind = kind;
    w->require = require;
    w->flags = w->existed = 0;
    w->expected_version = w->version = 0;
    w->expected_stamp = w->expiry = 0;
}

enum { APPLY_NONBLOCK = 1, APPLY_WANT_CURRENT = 2 };

/* What a batch came to. */
typedef struct {
    uint64_t seq;        /* of its frame; 0 when nothing was written */
    size_t failed;       /* index of the operation that VEL_MISMATCH or an error is about */
    const char *why;     /* static: "absent", "present", "version", "fields", "stamp", "changed" */
    /* APPLY_WANT_CURRENT: record of the (first or failed) operation's document, after success or as
     * it stood in the way; empty: absent. Owned by the caller. */
    vel_buffer current;
} vel_outcome;

/* Apply a batch, all or nothing; later operations see earlier ones. now: ns since 1970. Returns
 * VEL_OK; VEL_MISMATCH; VEL_BUSY (only APPLY_NONBLOCK: nothing done, call again without the GIL);
 * VEL_E_*: nothing changed. Does not wait for the disk: see engine_wait_synced. */
vel_status engine_apply(vel_engine *e, vel_write *writes, size_t count, int64_t now, int flags,
                        vel_outcome *outcome, vel_error *error);
/* Names the document of a write (id, id_size, hash) under commit_lock: choosing and writing are one
 * step. VEL_OK; VEL_NOT_FOUND: nothing is written; VEL_BUSY, as engine_apply; VEL_E_*. The id must
 * stay until engine_apply_chosen returns. */
typedef vel_status (*vel_choose)(void *context, vel_write *write, vel_error *error);
/* engine_apply of one operation whose document `choose` names. */
vel_status engine_apply_chosen(vel_engine *e, vel_write *write, vel_choose choose, void *context,
                               int64_t now, int flags, vel_outcome *outcome, vel_error *error);
/* In sync_writes mode: return when seq is on disk; on failure the write has been undone. Otherwise
 * VEL_OK at once. Without the GIL. */
vel_status engine_wait_synced(vel_engine *e, uint64_t seq, vel_error *error);
/* Everything written so far is on disk when it returns VEL_OK. Without the GIL. */
vel_status engine_flush(vel_engine *e, vel_error *error);

VEL_INLINE uint64_t engine_hash(const vel_engine *e, const void *id, size_t id_size) {
    return xxh3_64(id, id_size, e->hash_seed) & e->hash_mask;
}
/* Tests: engines opened from now on, and verify, know these bits of a hash alone, so that ids share
 * one. It stays until they are closed, and when they are opened again. */
void engine_hash_mask_set(uint64_t mask);
uint64_t engine_hash_mask(void);

/* Where an id's record is now. */
typedef struct {
    vel_ref ref;               /* 0: absent */
    const uint8_t *record;     /* in the slab; NULL when it was read from disk */
    size_t scratch_at;         /* then its offset in e->scratch */
} vel_found;
/* Find the block of an id, comparing ids, on disk if need be (VEL_BUSY when nonblock). Expired
 * records are found too. Requires commit_lock. Returns VEL_OK also when absent. */
vel_status engine_find(vel_engine *e, const vel_collection *c, uint64_t hash, const uint8_t *id,
                       size_t id_size, bool nonblock, vel_found *out, vel_error *error);

/* Size and expiry of a record that a publish function adds or takes away. size 0: none. */
typedef struct { vel_ref ref; uint32_t size; int64_t expiry; } vel_published;

/* The functions that change what is published, for apply, undo and expiry alike: slot, counts, live
 * bytes, expiry, cache. Infallible. Require commit_lock, table_reserve for an insert,
 * expiry_reserve. The caller retires the old block. */
void publish_put(vel_engine *e, vel_collection *c, uint64_t hash, const vel_published *old,
                 const vel_published *with);
void publish_delete(vel_engine *e, vel_collection *c, uint64_t hash, const vel_published *old);
/* Undo every write above the durable sequence after a failed sync. Requires commit_lock. */
void engine_undo(vel_engine *e);
/* Retire what the undo list kept for writes that are durable now. Requires commit_lock. */
void engine_undo_trim(vel_engine *e);
/* Room to undo `count` more writes. VEL_OK or VEL_E_NOMEM. Requires commit_lock. */
vel_status engine_undo_reserve(vel_engine *e, size_t count);

/* --- plan.c: deciding a batch --------------------------------------------------------------- */

/* What one operation comes to. */
typedef struct vel_plan {
    vel_record record;         /* after the operation; `body` counts only when body_at is 0 */
    size_t body_at;            /* offset + 1 of its body in e->scratch */
    vel_ref ref;               /* its block once published; 0: deleted or absent */
    vel_published old;         /* what the table holds of this id before the batch */
    int64_t old_stamp;         /* its stamp, 0 when absent or expired */
    uint64_t location;         /* of the new record in the log */
    uint32_t previous;         /* index + 1 of the operation before on the same id; 0: none */
    bool writes, deletes;
    bool present;              /* the document is there after the operation */
} vel_plan;

/* Check conditions and fill plans; nothing is changed. Requires commit_lock. */
vel_status plan_batch(vel_engine *e, vel_write *writes, vel_plan *plans, size_t count, int64_t now,
                      int flags, vel_outcome *outcome, vel_error *error);
VEL_INLINE const uint8_t *plan_body(const vel_engine *e, const vel_plan *p) {
    return p->body_at ? e->scratch.data + p->body_at - 1 : p->record.body;
}

/* --- read.c: reads. Of whole collections: scan.h ---------------------------------------------- */

/* Copy the current record of an id into buffer (capacity bytes). Returns VEL_OK with *size;
 * VEL_NOT_FOUND (absent or expired); VEL_E_TOO_LARGE with *size needed; VEL_BUSY when it is on
 * disk: call engine_read_cold without the GIL. Thread attached. */
vel_status engine_read(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                       size_t id_size, uint8_t *buffer, size_t capacity, size_t *size);
/* The same from anywhere without the GIL, into *out (replaced), reading the disk when needed and
 * keeping the record in the cache. */
vel_status engine_read_cold(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                            size_t id_size, vel_buffer *out, vel_error *error);
/* Whether an id is there; as engine_read. */
vel_status engine_has(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                      size_t id_size);
/* Start fetching an id's slot into the CPU's caches; later, when that has come, its record. Neither
 * waits for memory that was asked for in time. Thread attached. */
void engine_prefetch_slot(const vel_engine *e, const vel_collection *c, uint64_t hash);
void engine_prefetch_record(const vel_engine *e, const vel_collection *c, uint64_t hash);

typedef struct {
    const uint8_t *id;
    uint32_t id_size;
    uint64_t hash;             /* out */
    size_t at;                 /* out: offset + 1 in the arena, 0: absent */
} vel_key;
/* Copy many records into *arena, 8-aligned. attached: the thread is attached, and VEL_BUSY comes
 * back when a record is on disk; else it runs without the GIL and reads the disk. */
vel_status engine_read_many(vel_engine *e, vel_collection *c, vel_key *keys, size_t count,
                            bool attached, vel_buffer *arena, vel_error *error);

/* Append the operation that a block's header names to *out, checked; *at: offset of its record
 * there. Requires: pinned slot, or commit_lock. */
vel_status engine_read_location(vel_engine *e, uint64_t header, vel_buffer *out, size_t *at,
                                vel_error *error);

/* --- recovery.c, compaction.c, reap.c -------------------------------------------------------- */

/* Refuse a directory that may not become a database, leaving nothing in it. Before the lock: what
 * it allows, engine_recover looks at again. */
vel_status engine_refuse_foreign(vel_engine *e, vel_error *error);
vel_status engine_recover(vel_engine *e, vel_error *error);

/* Rewrite segments. all: every one that holds garbage; else only when it pays. *given_back: bytes.
 * Takes catalog_lock. Without the GIL. */
vel_status engine_compact(vel_engine *e, bool all, uint64_t *given_back, vel_error *error);
bool compaction_pays(vel_engine *e);  /* requires commit_lock */

/* Remove expired documents that are due at `now`. *more: others are due too (it works in chunks).
 * Takes reap_lock and commit_lock. Without the GIL. */
vel_status engine_reap(vel_engine *e, int64_t now, bool *more, vel_error *error);
/* Take entries out of the heap whose documents were replaced or deleted, when they are the
 * majority. Requires commit_lock. */
void reap_prune(vel_engine *e);
/* ns of the next expiry; INT64_MAX: none. Takes no lock. */
VEL_INLINE int64_t engine_next_expiry(const vel_engine *e) {
    return atomic_get_acquire(&e->expiry.next);
}
/* Whether a document that is due at `now` may still be counted: it waits, or is being removed by
 * another thread. */
VEL_INLINE bool engine_is_due(const vel_engine *e, int64_t now) {
    return engine_next_expiry(e) <= now || atomic_get_acquire(&e->reaping);
}

#endif
