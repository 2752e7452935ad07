/* path.c: see path.h. */
#include "path.h"

/* A part that is a number in its only form: no sign, no leading zero. */
static uint32_t part_position(const uint8_t *s, size_t size) {
    uint64_t position = 0;
    if (size > 10 || (size > 1 && *s == '0')) return PATH_NO_POSITION;
    for (size_t i = 0; i < size; i++) {
        if (s[i] < '0' || s[i] > '9') return PATH_NO_POSITION;
        position = position * 10 + (uint64_t)(s[i] - '0');
    }
    return position < PATH_NO_POSITION ? (uint32_t)position : PATH_NO_POSITION;
}

vel_status path_compile(vel_path *p, const uint8_t *dotted, size_t size) {
    *p = (vel_path){.count = 1};
    if (!size || size > PATH_SIZE_MAX) return VEL_E_INVALID;
    for (size_t i = 0; i < size; i++) p->count += dotted[i] == '.';
    if (p->count > PATH_PARTS_MAX) return VEL_E_INVALID;
    p->text = malloc(size);
    p->parts = calloc(p->count, sizeof *p->parts);
    if (!p->text || !p->parts) return VEL_E_NOMEM;
    memcpy(p->text, dotted, size);
    p->text_size = (uint32_t)size;
    const uint8_t *at = p->text, *end = p->text + size;
    for (uint32_t i = 0; i < p->count; i++) {
        const uint8_t *dot = memchr(at, '.', (size_t)(end - at));
        if (!dot) dot = end;
        if (dot == at) return VEL_E_INVALID;
        p->parts[i] = (path_part){.name = at, .size = (uint32_t)(dot - at),
                                  .position = part_position(at, (size_t)(dot - at))};
        at = dot + (dot < end);
    }
    return VEL_OK;
}

void path_free(vel_path *p) {
    free(p->parts);
    free(p->text);
    *p = (vel_path){0};
}

void path_resolve_more(vel_path *p, const vel_names *n) {
    uint32_t count = names_findable(n);
    for (uint32_t i = 0; i < p->count; i++) {
        path_part *part = &p->parts[i];
        if (atomic_get_relaxed(&part->number)) continue;
        /* Only what is found: another thread may have found it after this one looked. */
        uint32_t number = names_find(n, part->name, part->size);
        if (number) atomic_set_relaxed(&part->number, number);
    }
    atomic_set_release(&p->names_seen, count);
}

static const uint8_t *find_part(const path_part *part, const uint8_t *body, size_t size,
                                const uint8_t **end) {
    uint32_t number = atomic_get_relaxed(&part->number);
    return vel_likely(number) ? body_find(body, size, number, end)
                              : body_find_inline(body, size, part->name, part->size, end);
}

/* What an object holds after its tag and size, or a list; their bytes end with the value. */
static const uint8_t *object_body(const uint8_t *value) {
    return *value == TAG_OBJECT8 ? value + 2 : *value == TAG_OBJECT32 ? value + 5 : NULL;
}
static const uint8_t *list_elements(const uint8_t *value) {
    return *value == TAG_LIST8 ? value + 2 : *value == TAG_LIST32 ? value + 5 : NULL;
}

const uint8_t *path_find(const vel_path *p, const uint8_t *body, size_t size, const uint8_t **end,
                         bool *list) {
    *list = false;
    for (uint32_t i = 0;; i++) {
        const uint8_t *value = find_part(&p->parts[i], body, size, end);
        if (i + 1 == p->count || !value) return value;
        const uint8_t *inner = object_body(value);
        if (!inner) {
            *list = list_elements(value) != NULL;
            return NULL;
        }
        body = inner;
        size = (size_t)(*end - inner);
    }
}

typedef struct {
    const vel_path *path;
    path_visitor visit;
    void *context;
} visitor;

static bool visit_body(const visitor *v, uint32_t i, const uint8_t *body, size_t size,
                       unsigned flags);
static bool visit_list(const visitor *v, uint32_t i, const uint8_t *p, const uint8_t *end,
                       unsigned flags);

/* Go on from a value with part i; the path ends before the part that is not there. */
static bool visit_value(const visitor *v, uint32_t i, const uint8_t *value, const uint8_t *end,
                        unsigned flags) {
    if (!value || i == v->path->count) return v->visit(v->context, value, end, flags);
    const uint8_t *inner = object_body(value);
    if (inner) return visit_body(v, i, inner, (size_t)(end - inner), flags);
    inner = list_elements(value);
    return inner ? visit_list(v, i, inner, end, flags)
                 : v->visit(v->context, NULL, NULL, flags);
}

static bool visit_body(const visitor *v, uint32_t i, const uint8_t *body, size_t size,
                       unsigned flags) {
    const uint8_t *end = NULL, *value = find_part(&v->path->parts[i], body, size, &end);
    return visit_value(v, i + 1, value, end, flags);
}

static bool visit_list(const visitor *v, uint32_t i, const uint8_t *p, const uint8_t *end,
                       unsigned flags) {
    uint32_t count, position = v->path->parts[i].position;
    const uint8_t *first = varint_read(p, end, &count), *next;
    if (!first) return false;
    if (position < count) {
        p = first;
        for (uint32_t at = 0; at < position && p; at++) p = value_skip(p, end);
        next = p ? value_skip(p, end) : NULL;
        unsigned last = i + 1 == v->path->count ? PATH_AT_POSITION : 0;
        if (next && visit_value(v, i + 1, p, next, flags | last)) return true;
    }
    for (p = first; count; count--, p = next) {
        next = value_skip(p, end);
        if (!next) return false;
        const uint8_t *inner = object_body(p);
        if (inner && visit_body(v, i, inner, (size_t)(next - inner), flags | PATH_THROUGH_LIST))
            return true;
    }
    return false;
}

bool path_visit(const vel_path *p, const uint8_t *body, size_t size, path_visitor visit,
                void *context) {
    visitor v = {p, visit, context};
    return visit_body(&v, 0, body, size, 0);
}
