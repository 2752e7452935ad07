/* value_order.c: see value_order.h. */
#include "value_order.h"

#define FIELDS_FEW 16u  /* fields of an object that are put in order on the stack */

static int values_order(const vel_names *names, const uint8_t *a, const uint8_t *a_end,
                        const uint8_t *b, const uint8_t *b_end, int depth);

static int numbers_order(const value_parts *a, const value_parts *b) {
    if (a->kind == KIND_INT && b->kind == KIND_INT)
        return (a->number > b->number) - (a->number < b->number);
    if (a->kind == KIND_INT) return int_order_float(a->number, b->real);
    if (b->kind == KIND_INT) return -int_order_float(b->number, a->real);
    bool a_nan = a->real != a->real, b_nan = b->real != b->real;
    if (a_nan || b_nan) return b_nan - a_nan;
    return (a->real > b->real) - (a->real < b->real);
}

static int lists_order(const vel_names *names, const value_parts *a, const value_parts *b,
                       int depth) {
    const uint8_t *a_end = a->data + a->size, *b_end = b->data + b->size;
    uint32_t a_count = 0, b_count = 0;
    const uint8_t *p = varint_read(a->data, a_end, &a_count);
    const uint8_t *q = varint_read(b->data, b_end, &b_count);
    if (!p || !q) return 0;
    for (uint32_t i = 0; i < a_count && i < b_count; i++) {
        const uint8_t *p_next = value_skip(p, a_end), *q_next = value_skip(q, b_end);
        if (!p_next || !q_next) return 0;
        int order = values_order(names, p, p_next, q, q_next, depth + 1);
        if (order) return order;
        p = p_next;
        q = q_next;
    }
    return (a_count > b_count) - (a_count < b_count);
}

typedef struct { const uint8_t *name, *value, *next; uint32_t name_size; } named;

static int named_order(const void *a, const void *b) {
    const named *x = a, *y = b;
    return bytes_order(x->name, x->name_size, y->name, y->name_size);
}

/* The fields of an object in the order of their names. When there is no memory to sort them, each
 * is looked for: slow, but right. */
typedef struct {
    const vel_names *names;
    const value_parts *object;
    uint32_t count, at;
    named last;            /* when they are looked for */
    named *fields;         /* NULL: they are */
    named few[FIELDS_FEW];
} ordered_fields;

static bool named_next(const vel_names *names, vel_fields *it, named *out) {
    vel_field f;
    if (fields_next(it, &f) != VEL_OK) return false;
    out->name = f.name;
    out->name_size = f.name_size;
    if (f.number > names_count(names)) return false;
    if (f.number) out->name = names_bytes(names, f.number, &out->name_size);
    out->value = f.value;
    out->next = f.next;
    return true;
}

static bool ordered_open(ordered_fields *o, const vel_names *names, const value_parts *object) {
    vel_fields it;
    o->names = names;
    o->object = object;
    o->at = 0;
    o->fields = NULL;
    if (fields_begin(&it, object->data, object->size) != VEL_OK) return false;
    o->count = it.left;
    if (o->count > object->size) return false;
    o->fields = o->count <= FIELDS_FEW ? o->few : malloc(o->count * sizeof *o->fields);
    if (!o->fields) return true;
    for (uint32_t i = 0; i < o->count; i++)
        if (!named_next(names, &it, &o->fields[i])) return false;
    qsort(o->fields, o->count, sizeof *o->fields, named_order);
    return true;
}

static void ordered_close(ordered_fields *o) {
    if (o->fields != o->few) free(o->fields);
}

/* The next field; NULL after the last. */
static const named *ordered_next(ordered_fields *o) {
    if (o->at == o->count) return NULL;
    if (o->fields) return &o->fields[o->at++];
    vel_fields it;
    named field, least = {0};
    if (fields_begin(&it, o->object->data, o->object->size) != VEL_OK) return NULL;
    while (named_next(o->names, &it, &field)) {
        if (o->at && named_order(&field, &o->last) <= 0) continue;
        if (!least.value || named_order(&field, &least) < 0) least = field;
    }
    o->at++;
    o->last = least;
    return least.value ? &o->last : NULL;
}

static int objects_order(const vel_names *names, const value_parts *a, const value_parts *b,
                         int depth) {
    ordered_fields x, y;
    bool opened = ordered_open(&x, names, a);
    opened = ordered_open(&y, names, b) && opened;
    int order = 0;
    while (opened && !order) {
        const named *f = ordered_next(&x), *g = ordered_next(&y);
        if (!f || !g) {
            order = (f != NULL) - (g != NULL);
            break;
        }
        order = named_order(f, g);
        if (!order) order = values_order(names, f->value, f->next, g->value, g->next, depth + 1);
    }
    ordered_close(&x);
    ordered_close(&y);
    return order;
}

static int values_order(const vel_names *names, const uint8_t *a, const uint8_t *a_end,
                        const uint8_t *b, const uint8_t *b_end, int depth) {
    if (!value_skip(a, a_end) || !value_skip(b, b_end)) return 0;
    value_parts x = parts_read(a), y = parts_read(b);
    value_class x_class = value_class_of(x.kind), y_class = value_class_of(y.kind);
    if (x_class != y_class) return x_class < y_class ? -1 : 1;
    switch (x_class) {
    case CLASS_NULL:
        return 0;
    case CLASS_NUMBER:
        return numbers_order(&x, &y);
    case CLASS_STRING: case CLASS_BYTES:
        return bytes_order(x.data, x.size, y.data, y.size);
    case CLASS_LIST:
        return depth <= VALUE_DEPTH_MAX ? lists_order(names, &x, &y, depth) : 0;
    case CLASS_OBJECT:
        return depth <= VALUE_DEPTH_MAX ? objects_order(names, &x, &y, depth) : 0;
    default:
        return (x.number > y.number) - (x.number < y.number);
    }
}

int value_order(const vel_names *names, const uint8_t *a, const uint8_t *a_end, const uint8_t *b,
                const uint8_t *b_end) {
    return values_order(names, a, a_end, b, b_end, 0);
}
