/* index.h: ordered secondary indexes over the fields of a collection.
 *
 * An index is a B+ tree of entries: the order keys (value_key.h) of its fields, descending ones
 * inverted, and behind them the 64-bit hash of the document's id, big-endian. It names documents,
 * not places: a document that moves, or changes elsewhere, touches no index. A list is indexed by
 * each of its distinct elements, an empty one by its own key; a missing field as null; one field of
 * a document's fields may lead to a list. Two documents of one hash (one pair among 2^32 documents)
 * share an entry, which goes with the last of them that is in the table. Counts of entries count
 * it once, and a unique index that is built does not see that it is shared.
 *
 * Bounds. Keys delimit themselves and never begin with FF, so with INDEX_AFTER bytes of FF behind
 * it a key is greater than every entry that begins with that key, and less than what follows them.
 * All entries of the leading values k are in [k, k FF..FF).
 *
 * Threads: a tree is changed by writers, who hold commit_lock, under the write side of the index's
 * `lock`; so they read it without. Readers take the read side for a slice of at most INDEX_SLICE
 * entries, copy, and go on from the last one. Whoever holds `lock` needs neither the GIL nor any
 * other lock, so that waiting for it is short, with the GIL too. Lock order: commit_lock, `lock`.
 *
 * What an index says may be overtaken when the document is read: look at the document again.
 * Entries of documents that have expired stay until those are removed.
 */
#ifndef VEL_INDEX_H
#define VEL_INDEX_H

#include "base.h"
#include "btree.h"
#include "path.h"
#include "table.h"

typedef struct vel_engine vel_engine;
typedef struct vel_collection vel_collection;
typedef struct vel_filter vel_filter;

#define INDEX_FIELDS_MAX 32u
#define INDEX_KEY_MAX 1024u                /* bytes of the keys of an entry */
#define INDEX_HASH_SIZE 8u
#define INDEX_ENTRY_MAX (INDEX_KEY_MAX + INDEX_HASH_SIZE)
#define INDEX_AFTER (INDEX_HASH_SIZE + 1)  /* bytes of FF that lie behind every entry */
#define INDEX_SLICE 256u                   /* entries read under the lock at a time */
#define INDEX_NAME_MAX 1024u               /* bytes */

typedef enum {
    INDEX_BUILDING,   /* writers maintain it, not all documents are in */
    INDEX_CHECKING,   /* all are in; uniqueness is enforced, and looked for in what is there */
    INDEX_READY,
    INDEX_GONE        /* dropped, with its collection or alone: there is no tree any more */
} index_state;

typedef struct vel_index {
    /* Constant after creation. */
    vel_collection *collection;
    char *name;               /* UTF-8, NUL-terminated; owned */
    vel_path *paths;          /* owned; their numbers of names are filled later */
    uint8_t *descending;      /* per field; owned */
    uint32_t field_count;
    bool unique;
    vel_filter *where;        /* only documents that match are in it; NULL: all. The creator keeps
                               * it until the index is gone */
    uint32_t holds;           /* atomic: the collection's, and those of index_find */
    uint32_t state;           /* atomic: index_state; changed under commit_lock and `lock` */
    uint32_t multikey;        /* atomic: bit i: some document has, or had, a list at field i */
    pthread_rwlock_t lock;
    vel_btree tree;           /* see Threads, above */
    size_t batch_inserts;     /* while a batch reserves; commit_lock */
} vel_index;

/* The indexes of a collection, in the order of creation. Guarded by commit_lock. NULL: none. */
typedef struct index_list {
    uint32_t count;
    vel_index *at[];
} index_list;

VEL_INLINE index_state index_state_of(const vel_index *ix) {
    return (index_state)atomic_get_acquire(&ix->state);
}
/* The fields at which some document has, or had, a list: bit i for field i. Set before such a
 * document has entries. Any thread. */
VEL_INLINE uint32_t index_multikey(const vel_index *ix) {
    return atomic_get_acquire(&ix->multikey);
}
VEL_INLINE uint64_t index_entries(const vel_index *ix) {
    return atomic_get_relaxed(&ix->tree.count);
}
VEL_INLINE uint64_t index_bytes(const vel_index *ix) {
    return atomic_get_relaxed(&ix->tree.memory);
}

/* --- index_build.c: creating and dropping ---------------------------------------------------- */

typedef struct { const uint8_t *path; uint32_t size; bool descending; } index_field;

typedef struct {
    const char *name;         /* NUL-terminated */
    const index_field *fields;
    uint32_t field_count;
    bool unique;
    vel_filter *where;        /* NULL: none; one that needs no Python */
} index_definition;

/* Two documents that would share a key of a unique index: ids and key, one behind the other. */
typedef struct index_conflict {
    struct index_conflict *next;
    uint32_t key_size, id_size, other_size;  /* other: the document that is refused; 0: unknown */
    uint8_t bytes[];          /* key, id of the holder, id of the other */
} index_conflict;
void index_conflict_free(index_conflict *first);
vel_status index_conflict_make(const uint8_t *key, size_t key_size, const uint8_t *id,
                               size_t id_size, const uint8_t *other, size_t other_size,
                               index_conflict **out);
/* Fill *error (not NULL): fields, collection and index, and the conflicts. VEL_E_UNIQUE. */
vel_status index_refuse(const vel_index *ix, index_conflict *first, vel_error *error);

#define INDEX_CONFLICTS_MAX 10u  /* that index_create reports */

/* Create an index and build it, also while others write. alone: nobody else uses the engine yet
 * (at open): it is built from sorted keys, several times as fast. Returns VEL_OK with *out, held
 * for the caller (index_release);
 * VEL_MISMATCH: there is one of that name; VEL_NOT_FOUND: the collection was dropped, or the index
 * meanwhile; VEL_E_UNIQUE: error->conflict lists some; VEL_E_UNFIT: error->what says which document
 * cannot be indexed and why, or what is wrong with the definition; VEL_E_CLOSED, _NOMEM,
 * _MEMORY_LIMIT, _IO, _CORRUPT. On failure nothing is left of it. Without the GIL. */
vel_status index_create(vel_engine *e, vel_collection *c, const index_definition *d, bool alone,
                        vel_index **out, vel_error *error);
/* Returns VEL_OK with *where the filter that is no longer used, VEL_NOT_FOUND, VEL_E_CLOSED. Takes
 * commit_lock: without the GIL. */
vel_status index_drop(vel_engine *e, vel_collection *c, const char *name, vel_filter **where);
/* VEL_OK with *out, held for the caller (index_release), or VEL_NOT_FOUND; those being built are
 * not found. Takes commit_lock: without the GIL. */
vel_status index_find(vel_engine *e, vel_collection *c, const char *name, vel_index **out);
void index_release(vel_index *ix);
/* Drop all of a collection's, when it is dropped or the engine closes. Requires commit_lock. */
void index_drop_all(vel_engine *e, vel_collection *c);
/* Bytes of trees. Requires commit_lock. */
uint64_t index_memory(const vel_collection *c);

/* --- index_keys.c: from documents to keys ---------------------------------------------------- */

/* The keys of one document in one index: distinct, in order, without the hash. */
typedef struct { uint32_t at, size; } index_spot;
typedef struct {
    vel_buffer bytes;
    vel_buffer spots;         /* of index_spot */
    size_t count;
    uint8_t bytes_few[256];
    index_spot spots_few[8];
} index_keys;
void index_keys_open(index_keys *k);
void index_keys_free(index_keys *k);
VEL_INLINE const index_spot *index_keys_spots(const index_keys *k) {
    return (const index_spot *)(const void *)k->spots.data;
}

/* Replace *k by the keys of a body (NULL: none). Returns VEL_OK; VEL_E_UNFIT with error->what: a
 * key over INDEX_KEY_MAX, or lists in two fields; VEL_E_CORRUPT; VEL_E_NOMEM. Any thread. */
vel_status index_keys_of(vel_index *ix, const uint8_t *body, size_t size, index_keys *k,
                         vel_error *error);
/* Whether two bodies surely have the same keys, their indexed values being the same bytes. */
bool index_values_same(vel_index *ix, const uint8_t *a, size_t a_size, const uint8_t *b,
                       size_t b_size);

/* --- index_apply.c: keeping indexes in step with the writes of a batch ----------------------- */

/* One entry that comes or goes. */
typedef struct {
    vel_index *index;
    size_t at;                /* of the entry, in index_batch.bytes */
    uint32_t size;            /* hash included */
    uint32_t write;           /* index of the operation */
    uint32_t next;            /* index + 1 of the change before with the same key; 0: none */
    bool insert;
    bool again;               /* the batch has changed the document, or a twin, before */
    bool shared;              /* another document of the hash keeps the entry: nothing is done */
    bool early;               /* it was made by index_reserve */
    const uint8_t *id;        /* of the document: the caller's */
    uint32_t id_size;
} index_change;

/* The changes of one operation, kept until it is durable. malloc'ed in one piece. */
typedef struct index_undo {
    struct index_undo *next;  /* of the batch, until it is published */
    uint32_t write, count;
    struct { vel_index *index; uint32_t at, size; bool insert; } items[];  /* index NULL: gone,
                               * or nothing was changed */
} index_undo;

#define INDEX_AHEAD 4u  /* changes whose leaves are being fetched */

/* What the batch being planned does to indexes. Guarded by commit_lock. */
typedef struct {
    vel_buffer bytes;
    index_change *changes;    /* in the order of operations */
    size_t count, capacity;
    size_t published;         /* changes that were made */
    uint32_t *places;         /* of unique indexes' keys: index + 1 of the newest change */
    size_t place_count;       /* a power of two, or 0 */
    index_undo *undos;        /* of operations that are not published yet, in order */
    btree_way ways[INDEX_AHEAD];  /* of change i, from the first on, at i % INDEX_AHEAD */
} index_batch;

/* An operation's document before and after; body NULL: none. */
typedef struct { const uint8_t *body; size_t size; } index_body;
typedef struct {
    vel_collection *collection;
    uint32_t write;           /* index of the operation */
    uint64_t hash;
    const uint8_t *id;
    uint32_t id_size;
    index_body before, after;
    bool expired;             /* what was before no longer counted: its keys are checked anew */
    bool again;               /* `before` is what the batch itself has made */
    bool in_table;            /* the document was there before the batch */
    bool twin;                /* the batch has changed another document of the hash before */
} index_write;

/* Note what an operation changes in its collection's indexes; nothing is changed yet. Returns
 * VEL_OK; VEL_E_UNIQUE with error->conflict; VEL_E_UNFIT; VEL_BUSY (a document on disk must be
 * read, and nonblock); VEL_E_NOMEM, _IO, _CORRUPT. Requires commit_lock. */
vel_status index_plan(vel_engine *e, const index_write *w, int64_t now, bool nonblock,
                      vel_error *error);
/* Make what can fail of the noted changes. Insertions are made now, so that no room for the worst
 * case need be kept for them (a reader may meet an entry just before its document); those that must
 * wait for their turn get room; in sync_writes mode so does undoing. Unless the batch is published,
 * index_batch_clear takes it all back. Requires commit_lock. */
vel_status index_reserve(vel_engine *e);
/* Make the changes of operation `write`; operations come in order. Returns how to take them back
 * (free), in sync_writes mode; else NULL. Requires commit_lock. */
index_undo *index_publish(vel_engine *e, size_t write);
/* Forget what was noted, and take back what was not published. Requires commit_lock. */
void index_batch_clear(index_batch *b);
void index_batch_free(index_batch *b);

/* Room to take changes back; index_undo_apply takes them back. Require commit_lock. */
vel_status index_undo_reserve(vel_engine *e, const index_undo *u);
void index_undo_apply(const index_undo *u);
/* An index goes: forget it. */
void index_undo_forget(index_undo *u, const vel_index *ix);

/* --- index_twin.c: documents of one hash ------------------------------------------------------ */

VEL_INLINE void index_store_hash(uint8_t *p, uint64_t hash) {
    store_u64(p, __builtin_bswap64(hash));
}
VEL_INLINE uint64_t index_load_hash(const uint8_t *p) { return __builtin_bswap64(load_u64(p)); }

/* The next document of a hash, its record in the slab or in *cold: VEL_OK; VEL_END: there is no
 * more; VEL_BUSY, VEL_E_*. Requires commit_lock. */
vel_status index_next_of_hash(vel_engine *e, uint64_t hash, table_probe *probe, bool nonblock,
                              vel_buffer *cold, const uint8_t **record, vel_error *error);

/* A document of the same hash as w's, but not w's: its entries are w's, too. */
typedef struct {
    const uint8_t *id;        /* NULL: there is none. Of the batch, of the slab, or of `cold` */
    uint32_t id_size;
    vel_buffer cold;
} index_twin;
/* One that has a key, after the operations before in the batch; not one that has expired by `now`.
 * The caller frees out->cold. VEL_OK, VEL_BUSY, VEL_E_*. Requires commit_lock. */
vel_status index_find_twin(vel_engine *e, vel_index *ix, const index_write *w, const uint8_t *key,
                           uint32_t size, int64_t now, bool nonblock, index_twin *out,
                           vel_error *error);

/* --- index_scan.c: reading ------------------------------------------------------------------- */

/* A walk over the entries in [from, to). `from` and `to` are the caller's for the time of the walk:
 * whole or partial keys; to NULL: no end. */
typedef struct {
    vel_index *index;         /* held by the caller */
    const uint8_t *from, *to;
    uint32_t from_size, to_size;
    bool reverse;
    bool begun, done;
    uint32_t last_size;
    uint8_t last[INDEX_ENTRY_MAX];  /* the entry given last */
} index_cursor;

VEL_INLINE void index_cursor_open(index_cursor *c, vel_index *ix, const uint8_t *from,
                                  uint32_t from_size, const uint8_t *to, uint32_t to_size,
                                  bool reverse) {
    c->index = ix;
    c->from = from;
    c->from_size = from_size;
    c->to = to;
    c->to_size = to_size;
    c->reverse = reverse;
    c->begun = c->done = false;
    c->last_size = 0;
}

/* The next entries in order (reverse: backwards): up to `capacity` hashes of documents, at most
 * INDEX_SLICE a call. keys, unless NULL: gets the keys appended, each as u32 size and bytes.
 * Returns VEL_OK with *count, 0 at the end; VEL_NOT_FOUND: the index was dropped, or its database
 * closed; VEL_E_NOMEM (only with keys). In a multikey index a document comes once for each of its
 * keys in the range. What others insert or remove meanwhile may or may not be seen; all else is,
 * once. With or without the GIL: one slice takes microseconds. */
vel_status index_scan(index_cursor *c, uint64_t *hashes, size_t capacity, size_t *count,
                      vel_buffer *keys);
/* Entries in [from, to): exact, in time of the leaves between; or about as many, in the time of a
 * lookup. Entries are documents unless the index is multikey. VEL_OK or VEL_NOT_FOUND as above. */
vel_status index_count_range(vel_index *ix, const uint8_t *from, uint32_t from_size,
                             const uint8_t *to, uint32_t to_size, bool exact, uint64_t *count);

/* A hash to read the documents of. */
typedef struct {
    uint64_t hash;
    size_t at;                /* out: offset in the arena of the first record */
    uint32_t count;           /* out: how many, each 8-aligned behind the one before; nearly always
                               * 1, or 0: gone meanwhile, or expired */
} index_read;
/* Copy the documents of many hashes into *arena, as engine_read_many does. attached: the thread is
 * attached, and VEL_BUSY comes back when a record is on disk; else it runs without the GIL and
 * reads the disk. Returns also VEL_NOT_FOUND: the collection was dropped; VEL_E_*. */
vel_status engine_read_hashes(vel_engine *e, vel_collection *c, index_read *reads, size_t count,
                              bool attached, vel_buffer *arena, vel_error *error);

#ifdef VEL_DEBUG
/* Whether every index has the entries of every document and no other. Requires commit_lock.
 * Returns VEL_OK; VEL_E_CORRUPT with *why; VEL_E_NOMEM. */
vel_status index_check(vel_engine *e, vel_collection *c, const char **why);
#endif

#endif
