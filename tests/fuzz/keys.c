/* keys.c: the keys that documents have in an index.
 *
 * Input: u8 count of names, u8 definition (fields, 1 to 4: bits 0 and 1; descending: bits 2 to 5;
 * only documents in which the last path is there: bit 6), the paths, two documents.
 */
#include "documents.h"
#include "engine.h"
#include "filter.h"

#define FIELDS 4u

typedef struct {
    vel_index index;
    vel_collection collection;
    vel_path paths[FIELDS];
    uint8_t descending[FIELDS];
    vel_filter where;
} indexed;

static void index_open(indexed *x, vel_names *names, input *in) {
    static char name[] = "c";
    uint8_t definition = input_byte(in);
    char text[PATH_TEXT];
    size_t size = 0;
    memset(x, 0, sizeof *x);
    x->collection.names = names;
    x->collection.name = name;
    x->index = (vel_index){.collection = &x->collection, .name = name, .paths = x->paths,
                           .descending = x->descending, .field_count = definition % FIELDS + 1};
    for (uint32_t i = 0; i < x->index.field_count; i++) {
        size = input_path(in, text);
        CHECK(path_compile(&x->paths[i], (const uint8_t *)text, size) == VEL_OK);
        x->descending[i] = definition >> (2 + i) & 1;
    }
    if (!(definition >> 6 & 1)) return;
    uint32_t path, node;
    x->index.where = &x->where;
    CHECK(filter_open(&x->where, names) == VEL_OK);
    CHECK(filter_add_path(&x->where, (const uint8_t *)text, size, &path) == VEL_OK);
    CHECK(filter_add(&x->where, 0, FILTER_EXISTS, &node) == VEL_OK);
    x->where.nodes[node].path = path;
    filter_seal(&x->where);
}

static void index_close(indexed *x) {
    for (uint32_t i = 0; i < FIELDS; i++) path_free(&x->paths[i]);
    filter_close(&x->where);
}

static const uint8_t *key_at(const index_keys *k, size_t i, uint32_t *size) {
    *size = index_keys_spots(k)[i].size;
    return k->bytes.data + index_keys_spots(k)[i].at;
}

static bool read_keys(indexed *x, const document *d, index_keys *k) {
    vel_error error = {0};
    vel_status status = index_keys_of(&x->index, d->body, d->size, k, &error);
    if (status) {
        CHECK(status == VEL_E_UNFIT ? error.what[0] : status == VEL_E_CORRUPT && !d->valid);
        return false;
    }
    const uint8_t *key, *before = NULL;
    uint32_t size, before_size = 0;
    for (size_t i = 0; i < k->count; i++, before = key, before_size = size) {
        key = key_at(k, i, &size);
        CHECK(size && size <= INDEX_KEY_MAX && key + size <= k->bytes.data + k->bytes.size);
        CHECK(!before || bytes_order(before, before_size, key, size) < 0);
    }
    CHECK(x->index.where || k->count);
    CHECK(k->count < 2 || index_multikey(&x->index));
    return true;
}

static void compare(indexed *x, const document *a, const document *b) {
    index_keys of_a, of_b;
    index_keys_open(&of_a);
    index_keys_open(&of_b);
    bool both = read_keys(x, a, &of_a);
    both = read_keys(x, b, &of_b) && both;
    bool same = index_values_same(&x->index, a->body, a->size, b->body, b->size);
    if (both && same && a->valid && b->valid) {
        CHECK(of_a.count == of_b.count);
        for (size_t i = 0; i < of_a.count; i++) {
            uint32_t a_size, b_size;
            const uint8_t *p = key_at(&of_a, i, &a_size), *q = key_at(&of_b, i, &b_size);
            CHECK(!bytes_order(p, a_size, q, b_size));
        }
    }
    index_keys_free(&of_a);
    index_keys_free(&of_b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    vel_names *names = names_make(name_count);
    indexed x;
    index_open(&x, names, &in);
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    compare(&x, &a, &b);
    compare(&x, &a, &a);
    index_close(&x);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
