/* body.c: two bodies of one collection, in what is done without Python: checking, walking, finding,
 * comparing, merging.
 *
 * Input: u8 count of names, u16 size of the first body, the first body, the second.
 */
#include "documents.h"

/* Every field is found by its name: itself in a valid body, else the first of that name. */
static void walk(const document *d) {
    vel_fields it;
    vel_field f;
    const uint8_t *end = NULL, *found;
    vel_status status = fields_begin(&it, d->body, d->size);
    while (status == VEL_OK && (status = fields_next(&it, &f)) == VEL_OK) {
        CHECK(f.value < f.next && f.next <= d->body + d->size);
        found = f.number ? body_find(d->body, d->size, f.number, &end)
                         : body_find_inline(d->body, d->size, f.name, f.name_size, &end);
        CHECK(found && found <= f.value && (!d->valid || (found == f.value && end == f.next)));
    }
    CHECK(status == VEL_E_CORRUPT ? !d->valid : status == VEL_END);
}

static bool equal(const document *a, const document *b) {
    return value_equal(a->object, a->object + 5 + a->size, b->object, b->object + 5 + b->size);
}

static void merge(const document *base, const document *changes, uint32_t name_count) {
    vel_buffer out = {0}, again = {0};
    bool valid = base->valid && changes->valid;
    vel_status status = body_merge(base->body, base->size, changes->body, changes->size, &out);
    CHECK(valid ? status == VEL_OK : status == VEL_OK || status == VEL_E_CORRUPT);
    if (valid) {
        document merged = document_of(out.data, out.size, name_count);
        CHECK(merged.valid);
        CHECK(body_matches(out.data, out.size, changes->body, changes->size));
        CHECK(body_merge(out.data, out.size, changes->body, changes->size, &again) == VEL_OK);
        CHECK(again.size == out.size && memcmp(again.data, out.data, out.size) == 0);
        document_free(&merged);
    }
    buffer_free(&out);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 3) return 0;
    uint32_t name_count = data[0];
    size_t first = load_u16(data + 1), left = size - 3;
    if (first > left) first = left;
    document a = document_of(data + 3, first, name_count);
    document b = document_of(data + 3 + first, left - first, name_count);
    walk(&a);
    walk(&b);
    bool same = equal(&a, &b), turned = equal(&b, &a);
    bool matches = body_matches(a.body, a.size, b.body, b.size);
    if (a.valid) CHECK(equal(&a, &a) && body_matches(a.body, a.size, a.body, a.size));
    if (a.valid && b.valid) CHECK(same == turned && (!same || matches));
    merge(&a, &b, name_count);
    merge(&b, &a, name_count);
    document_free(&a);
    document_free(&b);
    return 0;
}
