/* index_keys.c: the keys of a document in an index. See index.h. */
#include "engine.h"

#include "filter.h"
#include "value_key.h"

void index_keys_open(index_keys *k) {
    buffer_borrow(&k->bytes, k->bytes_few, sizeof k->bytes_few);
    buffer_borrow(&k->spots, (uint8_t *)k->spots_few, sizeof k->spots_few);
    k->count = 0;
}

void index_keys_free(index_keys *k) {
    buffer_free(&k->bytes);
    buffer_free(&k->spots);
}

static vel_status unfit(const vel_index *ix, vel_status status, const vel_path *path,
                        const char *why, vel_error *error) {
    if (status == VEL_E_CORRUPT) return body_unreadable(error);
    if (status != VEL_E_TOO_LARGE && status != VEL_E_UNFIT) return status;
    int size = path->text_size < 80 ? (int)path->text_size : 80;
    return vel_fail(error, VEL_E_UNFIT, 0, NULL, 0, "index %.60s of collection %.60s: %.*s %s",
                    ix->name, ix->collection->name, size, (const char *)path->text, why);
}

#define TOO_LONG "has a value whose key is longer than 1,024 bytes; an index takes no longer ones"
#define TWO_LISTS "and another of its fields lead to lists; an index takes one per document"

static vel_status add_spot(index_keys *k, size_t start) {
    vel_status status = buffer_reserve(&k->spots, sizeof(index_spot));
    if (status) return status;
    index_spot *spot = (index_spot *)(void *)(k->spots.data + k->spots.size);
    *spot = (index_spot){(uint32_t)start, (uint32_t)(k->bytes.size - start)};
    k->spots.size += sizeof(index_spot);
    k->count++;
    return VEL_OK;
}

/* --- one field ------------------------------------------------------------------------------- */

typedef struct {
    index_keys *keys;
    const vel_names *names;
    bool descending, list;     /* list: one was on the way, or is the value */
    vel_status status;
} field_reader;

static void add_value(field_reader *r, const uint8_t *value, const uint8_t *end) {
    vel_buffer *bytes = &r->keys->bytes;
    size_t start = bytes->size;
    r->status = value_key(value, end, r->names, start + INDEX_KEY_MAX, bytes);
    if (!r->status && r->descending) value_key_invert(bytes->data + start, bytes->size - start);
    if (!r->status) r->status = add_spot(r->keys, start);
}

static bool is_list(const uint8_t *value) { return *value == TAG_LIST8 || *value == TAG_LIST32; }

/* path_visitor */
static bool visit_value(void *context, const uint8_t *value, const uint8_t *end, unsigned flags) {
    field_reader *r = context;
    uint32_t count = 0;
    if (flags & PATH_THROUGH_LIST) r->list = true;
    if (!value || !is_list(value)) {
        add_value(r, value, end);
        return r->status != VEL_OK;
    }
    r->list = true;
    const uint8_t *p = varint_read(value + (*value == TAG_LIST8 ? 2 : 5), end, &count);
    if (!p) r->status = VEL_E_CORRUPT;
    else if (!count) add_value(r, value, end);
    for (; !r->status && count; count--) {
        const uint8_t *next = value_skip(p, end);
        if (next) add_value(r, p, next);
        else r->status = VEL_E_CORRUPT;
        p = next;
    }
    return r->status != VEL_OK;
}

typedef struct { const uint8_t *key; uint32_t size; } placed;

static int compare_placed(const void *a, const void *b) {
    const placed *x = a, *y = b;
    int order = memcmp(x->key, y->key, x->size < y->size ? x->size : y->size);
    return order ? order : (x->size > y->size) - (x->size < y->size);
}

static vel_status sort_spots(index_keys *k) {
    index_spot *spots = (index_spot *)(void *)k->spots.data;
    size_t kept = 0;
    if (k->count < 2) return VEL_OK;
    placed *keys = malloc(k->count * sizeof *keys);
    if (!keys) return VEL_E_NOMEM;
    for (size_t i = 0; i < k->count; i++)
        keys[i] = (placed){k->bytes.data + spots[i].at, spots[i].size};
    qsort(keys, k->count, sizeof *keys, compare_placed);
    for (size_t i = 0; i < k->count; i++) {
        if (i && compare_placed(&keys[i - 1], &keys[i]) == 0) continue;
        spots[kept++] = (index_spot){(uint32_t)(keys[i].key - k->bytes.data), keys[i].size};
    }
    free(keys);
    k->count = kept;
    k->spots.size = kept * sizeof *spots;
    return VEL_OK;
}

/* The distinct keys of one field, in order. */
static vel_status read_field(vel_index *ix, uint32_t i, const uint8_t *body, size_t size,
                             index_keys *k, bool *list, vel_error *error) {
    field_reader r = {k, ix->collection->names, ix->descending[i] != 0, false, VEL_OK};
    k->bytes.size = k->spots.size = k->count = 0;
    path_visit(&ix->paths[i], body, size, visit_value, &r);
    /* Nothing to enter in the list on the way. */
    if (!r.status && !k->count) {
        r.list = true;
        add_value(&r, NULL, NULL);
    }
    if (r.status) return unfit(ix, r.status, &ix->paths[i], TOO_LONG, error);
    *list = r.list;
    return sort_spots(k);
}

/* --- a document ------------------------------------------------------------------------------ */

/* Strings `more` behind every key of *k; one of both has one key. */
static vel_status join(index_keys *k, const index_keys *more) {
    index_keys joined;
    vel_status status = VEL_OK;
    const index_spot *head = index_keys_spots(k), *tail = index_keys_spots(more);
    index_keys_open(&joined);
    for (size_t i = 0; i < k->count && !status; i++) {
        for (size_t j = 0; j < more->count && !status; j++) {
            size_t start = joined.bytes.size;
            size_t sum = (size_t)head[i].size + tail[j].size;
            if (sum > INDEX_KEY_MAX) status = VEL_E_TOO_LARGE;
            if (!status) status = buffer_reserve(&joined.bytes, sum);
            if (status) break;
            memcpy(joined.bytes.data + start, k->bytes.data + head[i].at, head[i].size);
            memcpy(joined.bytes.data + start + head[i].size, more->bytes.data + tail[j].at,
                   tail[j].size);
            joined.bytes.size += sum;
            status = add_spot(&joined, start);
        }
    }
    k->bytes.size = k->spots.size = k->count = 0;
    if (!status) status = buffer_reserve(&k->bytes, joined.bytes.size);
    if (!status) status = buffer_reserve(&k->spots, joined.spots.size);
    if (!status) {
        memcpy(k->bytes.data, joined.bytes.data, joined.bytes.size);
        memcpy(k->spots.data, joined.spots.data, joined.spots.size);
        k->bytes.size = joined.bytes.size;
        k->spots.size = joined.spots.size;
        k->count = joined.count;
    }
    index_keys_free(&joined);
    return status;
}

/* Lists somewhere: every field by itself, then all that go together. */
static vel_status read_lists(vel_index *ix, const uint8_t *body, size_t size, index_keys *k,
                             vel_error *error) {
    index_keys field;
    bool list;
    uint32_t lists = 0;  /* bit i: field i has one */
    vel_status status = read_field(ix, 0, body, size, k, &list, error);
    if (!status) lists = list;
    index_keys_open(&field);
    for (uint32_t i = 1; i < ix->field_count && !status; i++) {
        status = read_field(ix, i, body, size, &field, &list, error);
        if (!status && list && lists)
            status = unfit(ix, VEL_E_UNFIT, &ix->paths[i], TWO_LISTS, error);
        if (!status) lists |= (uint32_t)list << i;
        if (!status)
            status = unfit(ix, join(k, &field), &ix->paths[i], TOO_LONG, error);
    }
    index_keys_free(&field);
    if (!status && lists & ~index_multikey(ix)) atomic_or_release(&ix->multikey, lists);
    return status;
}

static bool is_in(vel_index *ix, const uint8_t *body, size_t size) {
    if (vel_likely(!ix->where)) return true;
    filter_resolve(ix->where);
    return filter_matches(ix->where, body, size);
}

vel_status index_keys_of(vel_index *ix, const uint8_t *body, size_t size, index_keys *k,
                         vel_error *error) {
    const vel_names *names = ix->collection->names;
    k->bytes.size = k->spots.size = k->count = 0;
    if (!body || !is_in(ix, body, size)) return VEL_OK;
    for (uint32_t i = 0; i < ix->field_count; i++) {
        const uint8_t *end = NULL;
        bool list;
        path_resolve(&ix->paths[i], names);
        const uint8_t *value = path_find(&ix->paths[i], body, size, &end, &list);
        if (list || (value && is_list(value))) {
            for (uint32_t j = i + 1; j < ix->field_count; j++) path_resolve(&ix->paths[j], names);
            return read_lists(ix, body, size, k, error);
        }
        size_t start = k->bytes.size;
        vel_status status = value_key(value, end, names, INDEX_KEY_MAX, &k->bytes);
        if (status) return unfit(ix, status, &ix->paths[i], TOO_LONG, error);
        if (ix->descending[i])
            value_key_invert(k->bytes.data + start, k->bytes.size - start);
    }
    return add_spot(k, 0);
}

bool index_values_same(vel_index *ix, const uint8_t *a, size_t a_size, const uint8_t *b,
                       size_t b_size) {
    bool in = is_in(ix, a, a_size);
    if (in != is_in(ix, b, b_size)) return false;
    if (!in) return true;
    for (uint32_t i = 0; i < ix->field_count; i++) {
        const uint8_t *a_end = NULL, *b_end = NULL;
        bool list;
        path_resolve(&ix->paths[i], ix->collection->names);
        const uint8_t *x = path_find(&ix->paths[i], a, a_size, &a_end, &list);
        if (list) return false;
        const uint8_t *y = path_find(&ix->paths[i], b, b_size, &b_end, &list);
        if (list || !x != !y) return false;
        if (x && (a_end - x != b_end - y || memcmp(x, y, (size_t)(a_end - x)))) return false;
    }
    return true;
}
