/* query_merge.c: several ranges of one index, read together in the order of what lies behind their
 * prefixes. See query.h.
 *
 * A walk goes on behind the last entry that was given in every range alike, so that is all there is
 * to remember between two slices. In a slice each range has a cursor, and a heap of these tells
 * which comes next.
 */
#include "query.h"

typedef struct {
    const uint8_t *key;       /* of the entry at hand, what is behind the prefix */
    uint32_t size;
    const query_range *range;
    btree_cursor at;
} merge_head;

struct query_merge {
    merge_head *heads;        /* of each range, behind the heap */
    size_t range_count, left; /* left: ranges in the heap, which have an entry at hand */
    merge_head *heap[];
};

query_merge *query_merge_new(const query_source *s) {
    size_t each = sizeof(merge_head) + sizeof(merge_head *);
    query_merge *m = malloc(sizeof *m + s->range_count * each);
    if (!m) return NULL;
    m->heads = (merge_head *)(void *)(m->heap + s->range_count);
    m->range_count = s->range_count;
    m->left = 0;
    for (size_t i = 0; i < s->range_count; i++) m->heads[i].range = &s->ranges[i];
    return m;
}

/* --- one range ------------------------------------------------------------------------------- */

static bool head_next(merge_head *h, bool reverse) {
    const query_range *r = h->range;
    if (!btree_next(&h->at)) return false;
    if (reverse ? bytes_order(h->at.key, h->at.size, r->begin, r->begin_size) < 0
                : bytes_order(h->at.key, h->at.size, r->end, r->end_size) >= 0)
        return false;
    h->key = h->at.key + r->prefix_size;
    h->size = h->at.size - r->prefix_size;
    return true;
}

/* Go where the walk goes on; false: nothing is there. */
static bool head_seek(merge_head *h, const index_cursor *c) {
    uint8_t last[INDEX_KEY_MAX + INDEX_ENTRY_MAX];
    const query_range *r = h->range;
    const uint8_t *key = c->reverse ? r->end : r->begin;
    uint32_t size = c->reverse ? r->end_size : r->begin_size;
    if (r->prefix_size > INDEX_KEY_MAX) return false;  /* no entry is as long */
    if (c->begun) {
        uint32_t last_size = r->prefix_size + c->last_size;
        memcpy(last, r->begin, r->prefix_size);
        memcpy(last + r->prefix_size, c->last, c->last_size);
        int order = bytes_order(last, last_size, key, size);
        if (c->reverse ? order < 0 : order > 0) {
            key = last;
            size = last_size;
        }
    }
    btree_seek(&c->index->tree, &h->at, key, size, c->reverse);
    return head_next(h, c->reverse);
}

/* --- the heap -------------------------------------------------------------------------------- */

static bool comes_before(const merge_head *a, const merge_head *b, bool reverse) {
    int order = bytes_order(a->key, a->size, b->key, b->size);
    return reverse ? order > 0 : order < 0;
}

static void heap_sift(query_merge *m, size_t i, bool reverse) {
    for (size_t child; (child = 2 * i + 1) < m->left; i = child) {
        if (child + 1 < m->left && comes_before(m->heap[child + 1], m->heap[child], reverse))
            child++;
        if (!comes_before(m->heap[child], m->heap[i], reverse)) return;
        merge_head *moved = m->heap[i];
        m->heap[i] = m->heap[child];
        m->heap[child] = moved;
    }
}

static void heap_fill(query_merge *m, const index_cursor *c) {
    m->left = 0;
    for (size_t i = 0; i < m->range_count; i++)
        if (head_seek(&m->heads[i], c)) m->heap[m->left++] = &m->heads[i];
    for (size_t i = m->left / 2; i--;) heap_sift(m, i, c->reverse);
}

/* The entry at hand, unless it is the one given last. */
static bool head_give(const merge_head *h, index_cursor *c, uint64_t *hash) {
    if (c->begun && bytes_order(h->key, h->size, c->last, c->last_size) == 0) return false;
    *hash = index_load_hash(h->key + h->size - INDEX_HASH_SIZE);
    memcpy(c->last, h->key, h->size);
    c->last_size = h->size;
    c->begun = true;
    return true;
}

vel_status query_merge_scan(query_merge *m, index_cursor *c, uint64_t *hashes, size_t capacity,
                            size_t *count) {
    vel_index *ix = c->index;
    size_t n = 0;
    if (capacity > INDEX_SLICE) capacity = INDEX_SLICE;
    *count = 0;
    if (c->done) return VEL_OK;
    pthread_rwlock_rdlock(&ix->lock);
    if (index_state_of(ix) == INDEX_GONE) {
        pthread_rwlock_unlock(&ix->lock);
        return VEL_NOT_FOUND;
    }
    heap_fill(m, c);
    /* What is there again counts as read, too: the lock is let go after a slice. */
    for (size_t read = 0; m->left && n < capacity && (read < INDEX_SLICE || !n); read++) {
        if (head_give(m->heap[0], c, &hashes[n]) && ++n == capacity) break;
        if (!head_next(m->heap[0], c->reverse)) m->heap[0] = m->heap[--m->left];
        heap_sift(m, 0, c->reverse);
    }
    c->done = !m->left;
    pthread_rwlock_unlock(&ix->lock);
    *count = n;
    return VEL_OK;
}
