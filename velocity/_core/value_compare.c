/* value_compare.c: equality of values without decoding them. See value.h. */
#include "value_lookup.h"
#include "value_parts.h"

static bool values_equal(const uint8_t *a, const uint8_t *a_end, const uint8_t *b,
                         const uint8_t *b_end, int depth);

static bool lists_equal(const value_parts *a, const value_parts *b, int depth) {
    const uint8_t *a_end = a->data + a->size, *b_end = b->data + b->size;
    uint32_t a_count = 0, b_count = 0;
    const uint8_t *p = varint_read(a->data, a_end, &a_count);
    const uint8_t *q = varint_read(b->data, b_end, &b_count);
    if (!p || !q || a_count != b_count) return false;
    for (; a_count; a_count--) {
        const uint8_t *p_next = value_skip(p, a_end), *q_next = value_skip(q, b_end);
        if (!p_next || !q_next || !values_equal(p, p_next, q, q_next, depth + 1)) return false;
        p = p_next;
        q = q_next;
    }
    return p == a_end && q == b_end;
}

/* Fields mostly stand in the same order: the lookup is made at the first that does not. */
static bool objects_equal(const value_parts *a, const value_parts *b, int depth) {
    vel_fields a_it, b_it;
    vel_field f, g;
    vel_lookup others;
    bool looking = false, equal = false;
    if (fields_begin(&a_it, a->data, a->size) != VEL_OK ||
        fields_begin(&b_it, b->data, b->size) != VEL_OK || a_it.left != b_it.left)
        return false;
    for (;;) {
        vel_status a_status = fields_next(&a_it, &f), b_status = fields_next(&b_it, &g);
        if (a_status == VEL_END && b_status == VEL_END) equal = true;
        if (a_status != VEL_OK || b_status != VEL_OK) break;
        if (!field_same_name(&f, &g)) {
            bool opened = looking || lookup_open(&others, b->data, b->size) == VEL_OK;
            looking = true;
            if (!opened) break;
            if (lookup_find(&others, &f, &g) < 0) break;
        }
        if (!values_equal(f.value, f.next, g.value, g.next, depth + 1)) break;
    }
    if (looking) lookup_close(&others);
    return equal;
}

static bool values_equal(const uint8_t *a, const uint8_t *a_end, const uint8_t *b,
                         const uint8_t *b_end, int depth) {
    if (!value_skip(a, a_end) || !value_skip(b, b_end)) return false;
    if (a_end - a == b_end - b && memcmp(a, b, (size_t)(a_end - a)) == 0) return true;
    value_parts x = parts_read(a), y = parts_read(b);
    if (x.kind == KIND_INT && y.kind == KIND_FLOAT) return int_order_float(x.number, y.real) == 0;
    if (x.kind == KIND_FLOAT && y.kind == KIND_INT) return int_order_float(y.number, x.real) == 0;
    if (x.kind != y.kind) return false;
    switch (x.kind) {
    case KIND_NULL:
        return true;
    case KIND_BOOL: case KIND_INT: case KIND_TIME:
        return x.number == y.number;
    case KIND_FLOAT:
        return x.real == y.real || (x.real != x.real && y.real != y.real);
    case KIND_BYTES: case KIND_STRING:
        return x.size == y.size && memcmp(x.data, y.data, x.size) == 0;
    case KIND_LIST:
        return depth <= VALUE_DEPTH_MAX && lists_equal(&x, &y, depth);
    default:
        /* One level more than values have, so that a whole body may be compared as an object. */
        return depth <= VALUE_DEPTH_MAX && objects_equal(&x, &y, depth);
    }
}

bool value_equal(const uint8_t *a, const uint8_t *a_end, const uint8_t *b, const uint8_t *b_end) {
    return values_equal(a, a_end, b, b_end, 0);
}

bool body_matches(const uint8_t *body, size_t size, const uint8_t *expected,
                  size_t expected_size) {
    vel_lookup fields;
    vel_fields it;
    vel_field want, have;
    bool matches = lookup_open(&fields, body, size) == VEL_OK &&
                   fields_begin(&it, expected, expected_size) == VEL_OK;
    while (matches) {
        vel_status status = fields_next(&it, &want);
        if (status == VEL_END) break;
        if (status != VEL_OK) matches = false;
        else if (lookup_find(&fields, &want, &have) < 0) matches = *want.value == TAG_NULL;
        else matches = value_equal(want.value, want.next, have.value, have.next);
    }
    lookup_close(&fields);
    return matches;
}
