/* filter_match.c: evaluating filters. See filter.h. */
#define _GNU_SOURCE  /* memmem */
#include "filter.h"
#include "value_order.h"

/* One evaluation. */
typedef struct {
    const vel_filter *f;
    bool python;   /* attached: Python may be asked */
    bool failed;   /* it raised; whatever is answered then does not count */
} evaluation;

/* What conditions are about: a body, for those with a path; a value, for those without. */
typedef struct {
    const uint8_t *body;
    size_t size;
    const uint8_t *value, *end;
} subject;

static filter_answer joined(evaluation *e, uint32_t first, const subject *on,
                            filter_answer decides);

VEL_INLINE filter_answer answer_of(bool yes) { return yes ? FILTER_YES : FILTER_NO; }
VEL_INLINE filter_answer negate(const filter_node *n, filter_answer a) {
    if (!n->negated || a == FILTER_MAYBE) return a;
    return a == FILTER_YES ? FILTER_NO : FILTER_YES;
}

/* --- one value ------------------------------------------------------------------------------ */

static bool is_equal(const vel_filter *f, const filter_node *n, const uint8_t *v,
                     const uint8_t *end) {
    const filter_value *want = &f->values[n->value];
    if (!v) return n->parts.kind == KIND_NULL;
    size_t size = (size_t)(want->end - want->at);
    if ((size_t)(end - v) == size && memcmp(v, want->at, size) == 0) return true;
    /* Strings have one encoding each, and ints are equal to nothing else but a float. */
    if (n->parts.kind == KIND_STRING) return false;
    if (n->parts.kind == KIND_INT && *v != TAG_F64) return false;
    return value_equal(v, end, want->at, want->end);
}

static bool in_range(const vel_filter *f, const filter_node *n, const uint8_t *v,
                     const uint8_t *end) {
    bool or_equal = n->op == FILTER_LTE || n->op == FILTER_GTE;
    if (!v) return or_equal && n->parts.kind == KIND_NULL;
    value_parts x = parts_read(v);
    int order;
    if (vel_likely(x.kind == KIND_INT && n->parts.kind == KIND_INT)) {
        order = (x.number > n->parts.number) - (x.number < n->parts.number);
    } else {
        if (value_class_of(x.kind) != value_class_of(n->parts.kind)) return false;
        bool x_nan = x.kind == KIND_FLOAT && x.real != x.real;
        bool nan = n->parts.kind == KIND_FLOAT && n->parts.real != n->parts.real;
        if (x_nan || nan) return or_equal && x_nan && nan;
        const filter_value *limit = &f->values[n->value];
        order = value_order(f->names, v, end, limit->at, limit->end);
    }
    if (order == 0) return or_equal;
    return (order < 0) == (n->op == FILTER_LT || n->op == FILTER_LTE);
}

static bool is_among(const vel_filter *f, const filter_node *n, const uint8_t *v,
                     const uint8_t *end) {
    static const uint8_t null[] = {TAG_NULL};
    if (!v) {
        v = null;
        end = null + 1;
    }
    uint32_t from = n->value, to = n->value + n->value_count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        int order = value_order(f->names, v, end, f->values[middle].at, f->values[middle].end);
        if (!order) return true;
        if (order < 0) to = middle;
        else from = middle + 1;
    }
    return false;
}

static bool has_remainder(const filter_node *n, const value_parts *x) {
    int64_t number = x->number;
    if (x->kind == KIND_FLOAT) {
        /* Cut to a whole number, if a 64-bit one holds it. */
        if (!(x->real >= -9223372036854775808.0 && x->real < 9223372036854775808.0)) return false;
        number = (int64_t)x->real;
    } else if (x->kind != KIND_INT) {
        return false;
    }
    /* INT64_MIN % -1 overflows. */
    return (n->mod.divisor == -1 ? 0 : number % n->mod.divisor) == n->mod.remainder;
}

static bool has_size(const filter_node *n, const value_parts *x) {
    uint32_t count;
    return x->kind == KIND_LIST && varint_read(x->data, x->data + x->size, &count) &&
           count == n->size;
}

static filter_answer fits_text(evaluation *e, const filter_node *n, const value_parts *x) {
    const value_parts *want = &n->parts;
    if (x->kind != KIND_STRING) return FILTER_NO;
    switch (n->op) {
    case FILTER_STARTS:
        return answer_of(x->size >= want->size && memcmp(x->data, want->data, want->size) == 0);
    case FILTER_CONTAINS:
        return answer_of(memmem(x->data, x->size, want->data, want->size) != NULL);
    default: {
        if (!e->python || e->failed) return FILTER_MAYBE;
        int fits = e->f->text(e->f->context, n->text, x->data, x->size);
        e->failed = fits < 0;
        return answer_of(fits > 0);
    }
    }
}

/* An object as what conditions on fields are about; false for any other value. */
static bool object_subject(const uint8_t *v, const uint8_t *end, subject *out) {
    if (*v != TAG_OBJECT8 && *v != TAG_OBJECT32) return false;
    out->body = v + (*v == TAG_OBJECT8 ? 2 : 5);
    out->size = (size_t)(end - out->body);
    return true;
}

/* Whether an element of a list meets all conditions. */
static filter_answer any_element(evaluation *e, const filter_node *n, const value_parts *list) {
    uint32_t count;
    if (list->kind != KIND_LIST) return FILTER_NO;
    const uint8_t *end = list->data + list->size;
    const uint8_t *p = varint_read(list->data, end, &count), *next;
    filter_answer found = FILTER_NO;
    for (; p && count; count--, p = next) {
        next = value_skip(p, end);
        if (!next) break;
        subject element = {.value = p, .end = next};
        if (n->op == FILTER_ELEMENT && !object_subject(p, next, &element)) continue;
        filter_answer all = joined(e, n->first, &element, FILTER_NO);
        if (all == FILTER_YES) return FILTER_YES;
        if (all == FILTER_MAYBE) found = FILTER_MAYBE;
    }
    return found;
}

/* Whether a value (NULL: missing), taken as it is, meets the condition of a leaf. */
static filter_answer test_value(evaluation *e, const filter_node *n, const uint8_t *v,
                                const uint8_t *end) {
    switch ((filter_op)n->op) {
    case FILTER_EQ:
        return answer_of(is_equal(e->f, n, v, end));
    case FILTER_LT: case FILTER_LTE: case FILTER_GT: case FILTER_GTE:
        return answer_of(in_range(e->f, n, v, end));
    case FILTER_IN:
        return answer_of(is_among(e->f, n, v, end));
    case FILTER_EXISTS:
        return answer_of(v != NULL);
    default:
        break;
    }
    if (!v) return FILTER_NO;
    value_parts x = parts_read(v);
    switch ((filter_op)n->op) {
    case FILTER_TYPE:
        return answer_of(n->types >> x.kind & 1);
    case FILTER_SIZE:
        return answer_of(has_size(n, &x));
    case FILTER_MOD:
        return answer_of(has_remainder(n, &x));
    case FILTER_ELEMENT: case FILTER_ELEMENT_VALUE:
        return any_element(e, n, &x);
    case FILTER_FIELDS: {
        subject fields;
        if (!object_subject(v, end, &fields)) return FILTER_NO;
        return joined(e, n->first, &fields, FILTER_NO);
    }
    default:
        return fits_text(e, n, &x);
    }
}

/* --- what a path leads to ------------------------------------------------------------------- */

/* Whether a condition looks at the elements of the list that its path ends in, too. */
VEL_INLINE bool looks_into_lists(const filter_node *n) {
    return n->op != FILTER_EXISTS && n->op != FILTER_SIZE && n->op != FILTER_ELEMENT &&
           n->op != FILTER_ELEMENT_VALUE;
}

static filter_answer test_elements(evaluation *e, const filter_node *n, const uint8_t *v,
                                   const uint8_t *end) {
    value_parts list = parts_read(v);
    uint32_t count;
    const uint8_t *p = varint_read(list.data, end, &count), *next;
    filter_answer found = FILTER_NO;
    for (; p && count; count--, p = next) {
        next = value_skip(p, end);
        if (!next) break;
        filter_answer one = test_value(e, n, p, next);
        if (one == FILTER_YES) return one;
        if (one == FILTER_MAYBE) found = one;
    }
    filter_answer whole = test_value(e, n, v, end);
    return whole == FILTER_NO ? found : whole;
}

/* The value that a path ends in. */
VEL_INLINE filter_answer test_leaf(evaluation *e, const filter_node *n, const uint8_t *v,
                                   const uint8_t *end) {
    if (v && vel_unlikely(*v == TAG_LIST8 || *v == TAG_LIST32) && looks_into_lists(n))
        return test_elements(e, n, v, end);
    return test_value(e, n, v, end);
}

typedef struct { evaluation *e; const filter_node *n; filter_answer answer; } visit;

static bool visit_value(void *context, const uint8_t *v, const uint8_t *end, unsigned flags) {
    visit *at = context;
    filter_answer one = flags & PATH_AT_POSITION ? test_value(at->e, at->n, v, end)
                                                 : test_leaf(at->e, at->n, v, end);
    if (one != FILTER_NO) at->answer = one;
    return one == FILTER_YES;
}

static filter_answer along_path(evaluation *e, const filter_node *n, const subject *on) {
    visit at = {e, n, FILTER_NO};
    path_visit(&e->f->paths[n->path - 1], on->body, on->size, visit_value, &at);
    return at.answer;
}

/* --- trees ---------------------------------------------------------------------------------- */

static filter_answer evaluate(evaluation *e, const filter_node *n, const subject *on);

/* Siblings joined by AND, which NO decides, or by OR, which YES does. */
static filter_answer joined(evaluation *e, uint32_t first, const subject *on,
                            filter_answer decides) {
    filter_answer all = decides == FILTER_NO ? FILTER_YES : FILTER_NO;
    for (uint32_t i = first; i; i = e->f->nodes[i].next) {
        filter_answer one = evaluate(e, &e->f->nodes[i], on);
        if (one == decides) return one;
        if (one == FILTER_MAYBE) all = one;
    }
    return all;
}

static filter_answer evaluate(evaluation *e, const filter_node *n, const subject *on) {
    if (n->op == FILTER_AND) return negate(n, joined(e, n->first, on, FILTER_NO));
    if (n->op == FILTER_OR) return negate(n, joined(e, n->first, on, FILTER_YES));
    return negate(n, n->path ? along_path(e, n, on) : test_value(e, n, on->value, on->end));
}

/* --- the top -------------------------------------------------------------------------------- */

/* test_leaf of a value of a field, by the short way when there is one. */
VEL_INLINE filter_answer test_top(evaluation *e, const filter_node *n, const uint8_t *v,
                                  const uint8_t *end) {
    if (n->quick == QUICK_RANGE && *v >= TAG_FIXINT) {
        int64_t number = (int64_t)*v - FIXINT_ZERO;
        return answer_of(number >= n->range.low && number <= n->range.high);
    }
    if (n->quick == QUICK_RANGE && *v >= TAG_I8 && *v <= TAG_I64) {
        int64_t number = parts_read(v).number;
        return answer_of(number >= n->range.low && number <= n->range.high);
    }
    if (n->quick == QUICK_SAME && *v >= TAG_SHORT) {
        const filter_value *want = &e->f->values[n->value];
        return answer_of(*v == *want->at && want->end - want->at == end - v &&
                         memcmp(v, want->at, (size_t)(end - v)) == 0);
    }
    return test_leaf(e, n, v, end);
}

/* Answer the conditions of one field; `left` has a bit for each condition not yet answered. */
VEL_INLINE filter_answer test_field(evaluation *e, const vel_field *field, uint32_t *left) {
    const vel_filter *f = e->f;
    filter_answer all = FILTER_YES;
    for (uint32_t bits = *left; bits; bits &= bits - 1) {
        uint32_t i = (uint32_t)__builtin_ctz(bits);
        if (atomic_get_relaxed(&f->fused[i].number) != field->number) continue;
        const filter_node *n = &f->nodes[f->fused[i].node];
        if (vel_unlikely(!field->number)) {
            const path_part *part = &f->paths[n->path - 1].parts[0];
            if (part->size != field->name_size || memcmp(part->name, field->name, part->size))
                continue;
        }
        *left &= ~(1u << i);
        filter_answer one = negate(n, test_top(e, n, field->value, field->next));
        if (one == FILTER_NO) return one;
        if (one == FILTER_MAYBE) all = one;
    }
    return all;
}

static filter_answer test_fused(evaluation *e, const uint8_t *body, size_t size) {
    const vel_filter *f = e->f;
    filter_answer all = FILTER_YES;
    uint32_t left = (1u << f->fused_count) - 1;
    uint64_t mask = atomic_get_relaxed(&f->fused_mask);
    vel_fields it;
    vel_field field;
    if (fields_begin(&it, body, size) == VEL_OK) {
        while (left && fields_next(&it, &field) == VEL_OK) {
            if (!(mask >> field.number % 64 & 1)) continue;
            filter_answer one = test_field(e, &field, &left);
            if (one == FILTER_NO) return one;
            if (one == FILTER_MAYBE) all = one;
        }
    }
    for (; left; left &= left - 1) {
        const filter_node *n = &f->nodes[f->fused[__builtin_ctz(left)].node];
        if (negate(n, test_value(e, n, NULL, NULL)) == FILTER_NO) return FILTER_NO;
    }
    return all;
}

static filter_answer answer(evaluation *e, const uint8_t *body, size_t size) {
    const filter_node *root = &e->f->nodes[0];
    filter_answer all = e->f->fused_count ? test_fused(e, body, size) : FILTER_YES;
    if (all == FILTER_NO || !root->first) return all;
    subject on = {.body = body, .size = size};
    filter_answer rest = joined(e, root->first, &on, FILTER_NO);
    return rest == FILTER_YES ? all : rest;
}

filter_answer filter_try(const vel_filter *f, const uint8_t *body, size_t size) {
    evaluation e = {.f = f};
    return answer(&e, body, size);
}

int filter_decide(const vel_filter *f, const uint8_t *body, size_t size) {
    evaluation e = {.f = f, .python = true};
    filter_answer a = answer(&e, body, size);
    return e.failed ? -1 : a == FILTER_YES;
}

int filter_decide_value(const vel_filter *f, const uint8_t *value, const uint8_t *end) {
    evaluation e = {.f = f, .python = true};
    subject on = {.value = value, .end = end};
    filter_answer a = joined(&e, f->nodes[0].first, &on, FILTER_NO);
    return e.failed ? -1 : a == FILTER_YES;
}
