/* sort.c: documents put in order.
 *
 * Input: u8 count of names, u8 shape (fields, 1 to 3: bits 0 and 1; descending: bits 2 to 4; one
 * more, the id: bit 5; how many are wanted: bits 6 and 7), the paths, two documents. They are given
 * in turns, twice.
 */
#include "documents.h"
#include "path.h"
#include "sort.h"
#include "value_order.h"

#define GIVEN 4u

/* The one value of the field, or NULL: missing, or a list is in it or on the way. */
static const uint8_t *only_value(const sort_field *f, const uint8_t *record, const uint8_t **end) {
    vel_record r;
    bool list;
    record_read(record, &r);
    const uint8_t *v = path_find(&f->path, r.body, r.body_size, end, &list);
    return v && parts_read(v).kind != KIND_LIST ? v : NULL;
}

static void check_order(const vel_sort *s, uint64_t i) {
    const uint8_t *end = NULL, *next_end = NULL;
    const sort_field *first = &s->fields[0];
    const uint8_t *v = only_value(first, sort_record(s, i), &end);
    const uint8_t *next = only_value(first, sort_record(s, i + 1), &next_end);
    if (!v || !next) return;
    int order = value_order(s->names, v, end, next, next_end);
    CHECK(first->descending ? order >= 0 : order <= 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    vel_names *names = names_make(name_count);
    uint8_t shape = input_byte(&in);
    uint64_t wanted = shape >> 6 ? shape >> 6 : GIVEN, taken = 0;
    vel_sort s;
    vel_error error;
    sort_open(&s, names, wanted);
    for (uint32_t i = 0; i <= (shape & 3u) % 3; i++) {
        char text[PATH_TEXT];
        size_t text_size = input_path(&in, text);
        CHECK(sort_by(&s, (const uint8_t *)text, text_size, shape >> (2 + i) & 1) == VEL_OK);
    }
    if (shape >> 5 & 1) CHECK(sort_by(&s, (const uint8_t *)"_id", 3, false) == VEL_OK);
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    const document *given[] = {&a, &b};
    for (uint32_t i = 0; i < GIVEN; i++) {
        vel_status status = sort_add(&s, given[i % 2]->record, &error);
        CHECK(status == VEL_OK || (status == VEL_E_CORRUPT && !given[i % 2]->valid && error.what[0]));
        taken += !status;
    }
    CHECK(sort_end(&s) == VEL_OK);
    CHECK(sort_count(&s) == (taken < wanted ? taken : wanted));
    for (uint64_t i = 0; i + 1 < sort_count(&s) && a.valid && b.valid; i++) check_order(&s, i);
    sort_close(&s);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
