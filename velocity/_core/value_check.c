/* value_check.c: body_validate, every byte of a body checked: by verify, and for whoever takes
 * bodies from strangers. Opening does without: readers stay in bounds whatever the bytes are. */
#include "value_lookup.h"

typedef struct {
    const uint8_t *base;   /* offsets are counted from here */
    uint32_t name_count;
    size_t where;
    const char *why;
} checker;

static const uint8_t *check_body(checker *c, const uint8_t *p, const uint8_t *end, int depth);

static const uint8_t *reject(checker *c, const uint8_t *at, const char *why) {
    c->where = (size_t)(at - c->base);
    c->why = why;
    return NULL;
}

static const uint8_t *check_int(checker *c, const uint8_t *p) {
    bool shortest;
    switch (*p) {
    case TAG_I8: {
        int8_t v = (int8_t)p[1];
        shortest = v < FIXINT_MIN || v > FIXINT_MAX;
        return shortest ? p + 2 : reject(c, p, "an int not in its shortest form");
    }
    case TAG_I16:
        shortest = load_i16(p + 1) != (int8_t)load_i16(p + 1);
        return shortest ? p + 3 : reject(c, p, "an int not in its shortest form");
    case TAG_I32:
        shortest = load_i32(p + 1) != (int16_t)load_i32(p + 1);
        return shortest ? p + 5 : reject(c, p, "an int not in its shortest form");
    default:
        shortest = load_i64(p + 1) != (int32_t)load_i64(p + 1);
        return shortest ? p + 9 : reject(c, p, "an int not in its shortest form");
    }
}

static const uint8_t *check_string(checker *c, const uint8_t *p, const uint8_t *next) {
    const uint8_t *at = p++;
    if (*at >= TAG_SHORT)
        return ascii_valid(p, (size_t)(next - p)) ? next : reject(c, at, "a string not ASCII");
    bool wide = *at == TAG_BYTES32 || *at == TAG_ASCII32 || *at == TAG_UTF8_32;
    size_t size = wide ? load_u32(p) : *p;
    p += wide ? 4 : 1;
    if (wide && size <= 255) return reject(c, at, "a string not in its shortest form");
    if (*at == TAG_BYTES8 || *at == TAG_BYTES32) return next;
    bool ascii = ascii_valid(p, size);
    if (*at == TAG_ASCII8 || *at == TAG_ASCII32) {
        if (size <= SHORT_SIZE_MAX) return reject(c, at, "a string not in its shortest form");
        return ascii ? next : reject(c, at, "a string not ASCII");
    }
    if (ascii) return reject(c, at, "a string not in its shortest form");
    return utf8_valid(p, size) ? next : reject(c, at, "a string not UTF-8");
}

static const uint8_t *check_value(checker *c, const uint8_t *p, const uint8_t *end, int depth) {
    const uint8_t *next = value_skip(p, end);
    if (!next) return reject(c, p, p < end ? "an unknown tag or a value cut off" : "cut off");
    uint8_t tag = *p;
    if (tag >= TAG_FIXINT || tag <= TAG_TRUE) return next;
    switch (tag) {
    case TAG_I8: case TAG_I16: case TAG_I32: case TAG_I64:
        return check_int(c, p);
    case TAG_F64:
        return next;
    case TAG_TIME:
        return time_valid(load_i64(p + 1), 0) ? next : reject(c, p, "a time out of range");
    case TAG_TIME_TZ:
        return load_i64(p + 9) != 0 && time_valid(load_i64(p + 1), load_i64(p + 9))
                   ? next : reject(c, p, "a time out of range");
    case TAG_OBJECT8: case TAG_OBJECT32:
        if (depth >= VALUE_DEPTH_MAX) return reject(c, p, "nested too deep");
        return check_body(c, p + (tag == TAG_OBJECT8 ? 2 : 5), next, depth + 1);
    case TAG_LIST8: case TAG_LIST32: {
        if (depth >= VALUE_DEPTH_MAX) return reject(c, p, "nested too deep");
        uint32_t count;
        const uint8_t *at = p;
        p = varint_read(p + (tag == TAG_LIST8 ? 2 : 5), next, &count);
        if (!p) return reject(c, at, "a bad count of elements");
        for (; count; count--) {
            p = check_value(c, p, next, depth + 1);
            if (!p) return NULL;
        }
        return p == next ? p : reject(c, p, "bytes after the last element");
    }
    default:
        return check_string(c, p, next);
    }
}

static bool names_unique(checker *c, const uint8_t *body, const uint8_t *end) {
    vel_lookup names;
    vel_fields it;
    vel_field f, first;
    int64_t position = 0;
    bool unique = lookup_open(&names, body, (size_t)(end - body)) == VEL_OK &&
                  fields_begin(&it, body, (size_t)(end - body)) == VEL_OK;
    while (unique) {
        const uint8_t *at = it.at;
        if (fields_next(&it, &f) != VEL_OK) break;
        unique = lookup_find(&names, &f, &first) == position++;
        if (!unique) reject(c, at, "a field twice");
    }
    lookup_close(&names);
    return unique;
}

static const uint8_t *check_body(checker *c, const uint8_t *p, const uint8_t *end, int depth) {
    const uint8_t *body = p;
    uint32_t count, last = 0;
    bool ascending = true;  /* then no number can be there twice */
    p = varint_read(p, end, &count);
    if (!p || count > BODY_FIELDS_MAX) return reject(c, body, "a bad count of fields");
    for (; count; count--) {
        const uint8_t *at = p;
        uint32_t number, name_size;
        p = varint_read(p, end, &number);
        if (!p || number > c->name_count) return reject(c, at, "an unknown field number");
        ascending = ascending && number > last;
        last = number;
        if (!number) {
            p = varint_read(p, end, &name_size);
            if (!p || (size_t)(end - p) < name_size || !utf8_valid(p, name_size))
                return reject(c, at, "a bad field name");
            p += name_size;
        }
        p = check_value(c, p, end, depth);
        if (!p) return NULL;
    }
    if (p != end) return reject(c, p, "bytes after the last field");
    return ascending || names_unique(c, body, end) ? p : NULL;
}

vel_status body_validate(const uint8_t *body, size_t size, uint32_t name_count, size_t *where,
                         const char **why) {
    checker c = {.base = body, .name_count = name_count};
    if (size > BODY_SIZE_MAX) reject(&c, body + BODY_SIZE_MAX, "a document over 16 MiB");
    else if (check_body(&c, body, body + size, 0)) return VEL_OK;
    *where = c.where;
    *why = c.why;
    return VEL_E_CORRUPT;
}
