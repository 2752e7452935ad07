/* query.h: running a query's plan: entries of indexes, their documents, the filter.
 *
 * A query reads at most QUERY_SLICE entries at a time and forgets all locks in between; documents
 * are copied, each of one moment. A document that was changed between its entry and its copy is
 * judged by the copy: by the filter, or, when the ranges say all that the filter says (`recheck`),
 * by whether the copy still has a key in the range. So a result never holds a document that did
 * not match; one that is moved while the query runs may be missed, or found where it was. With
 * `distinct` no document is met twice. Those of one hash, which an index names together, never are:
 * they come where the first of them belongs.
 *
 * With `patience` a query ends when it has looked at so many entries: its plan was made for other
 * values, and another may be better for these.
 *
 * Ranges of one index may be merged: read side by side, in the order of what lies behind the values
 * that are equal throughout each of them (its prefix). An entry that is in several of them, but for
 * the prefix, is a document with a list there, and comes once.
 *
 * Not thread-safe: belongs to one call.
 */
#ifndef VEL_QUERY_H
#define VEL_QUERY_H

#include "engine.h"
#include "filter.h"
#include "index.h"
#include "sort.h"

#define QUERY_SLICE 256u

typedef struct {
    const uint8_t *begin, *end;
    uint32_t begin_size, end_size;
    uint32_t prefix_size;       /* merged: of begin, what all entries of the range begin with */
} query_range;

typedef struct {
    vel_index *index;
    const query_range *ranges;  /* sorted, apart; read from the last one in reverse. Merged: in any
                                 * order, and one may be there twice */
    size_t range_count;
    bool merged;                /* not of one source among several, nor of `other` */
    uint32_t multikey;          /* what index_multikey was when it was planned */
} query_source;

typedef struct query_merge query_merge;

/* Hashes of documents: open addressing, 0 empty. */
typedef struct { uint64_t *places, mask, count; } hash_set;

typedef struct {
    /* What is asked; the caller keeps what the pointers lead to. */
    vel_engine *e;
    vel_collection *c;
    const query_source *sources;
    size_t source_count;
    const query_source *other;  /* NULL, or: documents must have an entry there, too */
    bool reverse, recheck, distinct, count_only;
    bool attached;              /* of query_choose */
    vel_filter *filter;         /* NULL: all that the ranges hold */
    uint64_t skip, limit;
    uint64_t patience;          /* entries looked at after which to give up; 0: never */
    /* Where it stands. */
    size_t source, range, other_range;
    bool other_read;
    bool positioned;
    index_cursor cursor;        /* merged: of the last entry, what is behind the prefix */
    query_merge *merge;         /* where the merged ranges stand; NULL: none are */
    hash_set seen;              /* distinct: documents met; else those of one hash */
    hash_set both;              /* those of `other`, once they have been read */
    index_keys keys;            /* of the document at hand */
    vel_buffer slice;           /* records of the slice at hand */
    vel_buffer records;         /* found, 8-aligned */
    vel_buffer places;          /* u64 offset in records of each */
    uint64_t keys_examined, documents_examined, found;
    bool done;
} vel_query;

/* Begin; what is asked has been filled in and the rest is zero. VEL_OK or VEL_E_NOMEM. Owns:
 * query_close, also after a failure. */
vel_status query_open(vel_query *q);
void query_close(vel_query *q);
/* Find: all that is asked for, or at least one more slice. attached: the thread is attached;
 * VEL_BUSY comes back, with nothing lost, when a record is on disk: call again without the GIL.
 * Sets q->done at the end. Requires: the filter needs no Python, or attached.
 * Returns VEL_OK, VEL_BUSY; VEL_MISMATCH: its patience is at an end, an index was dropped, or lists
 * have come into another of its fields: plan again; VEL_E_*; VEL_E_PYTHON with an exception. */
vel_status query_step(vel_query *q, bool attached, vel_error *error);

VEL_INLINE uint64_t query_count(const vel_query *q) { return q->places.size / sizeof(uint64_t); }
VEL_INLINE const uint8_t *query_record(const vel_query *q, uint64_t i) {
    return q->records.data + load_u64(q->places.data + 8 * i);
}

/* Move what was found so far to a sort. VEL_OK, VEL_E_NOMEM, VEL_E_CORRUPT. */
vel_status query_sort(vel_query *q, vel_sort *order, vel_error *error);

/* A vel_choose: the first document that the query finds, under the commit lock; `context` is the
 * query: of limit 1, not distinct. */
vel_status query_choose(void *context, vel_write *write, vel_error *error);

/* --- query_merge.c --------------------------------------------------------------------------- */

/* Room for a merge of a source's ranges, which stay the caller's; free it. NULL: no memory. */
query_merge *query_merge_new(const query_source *s);
/* index_scan of all the ranges together. *c: opened, its bounds are not looked at. */
vel_status query_merge_scan(query_merge *m, index_cursor *c, uint64_t *hashes, size_t capacity,
                            size_t *count);

#endif
