/* order.c: values in their order, and the keys that memcmp puts in the same.
 *
 * Input: u8 count of names, two documents. Every top-level value of the one is compared with every
 * one of the other, and the documents themselves, as objects.
 */
#include "documents.h"
#include "value_key.h"
#include "value_order.h"

#define VALUES 12

typedef struct {
    const uint8_t *at, *end;
    vel_buffer key;
    bool valid;
} item;

static int sign(int order) { return (order > 0) - (order < 0); }

/* The key; none that is cut off where there is no room for it. */
static void make_key(item *x, const vel_names *names) {
    vel_status status = value_key(x->at, x->end, names, SIZE_MAX, &x->key);
    CHECK(status == VEL_OK || (status == VEL_E_CORRUPT && !x->valid && !x->key.size));
    if (status) return;
    vel_buffer again = {0};
    CHECK(value_key(x->at, x->end, names, x->key.size, &again) == VEL_OK);
    CHECK(!bytes_order(x->key.data, x->key.size, again.data, again.size));
    CHECK(value_key(x->at, x->end, names, 2 * again.size - 1, &again) == VEL_E_TOO_LARGE);
    CHECK(again.size == x->key.size);
    buffer_free(&again);
}

static uint32_t read_items(const document *d, const vel_names *names, item *items) {
    vel_fields it;
    vel_field f;
    uint32_t count = 0;
    vel_status status = fields_begin(&it, d->body, d->size);
    items[count++] = (item){.at = d->object, .end = d->object + 5 + d->size, .valid = d->valid};
    while (!status && count < VALUES && !(status = fields_next(&it, &f)))
        items[count++] = (item){.at = f.value, .end = f.next, .valid = d->valid};
    for (uint32_t i = 0; i < count; i++) make_key(&items[i], names);
    return count;
}

static void compare(const item *x, const item *y, const vel_names *names) {
    int order = sign(value_order(names, x->at, x->end, y->at, y->end));
    int turned = sign(value_order(names, y->at, y->end, x->at, x->end));
    bool equal = value_equal(x->at, x->end, y->at, y->end);
    if (!x->valid || !y->valid) return;
    CHECK(order == -turned && equal == !order);
    size_t shorter = x->key.size < y->key.size ? x->key.size : y->key.size;
    CHECK(sign(memcmp(x->key.data, y->key.data, shorter)) == order);
    CHECK(order || x->key.size == y->key.size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    vel_names *names = names_make(name_count);
    item xs[VALUES], ys[VALUES];
    uint32_t x_count = read_items(&a, names, xs), y_count = read_items(&b, names, ys);
    for (uint32_t i = 0; i < x_count; i++) {
        compare(&xs[i], &xs[i], names);
        for (uint32_t j = 0; j < y_count; j++) compare(&xs[i], &ys[j], names);
    }
    for (uint32_t i = 0; i < x_count; i++) buffer_free(&xs[i].key);
    for (uint32_t i = 0; i < y_count; i++) buffer_free(&ys[i].key);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
