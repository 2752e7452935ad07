/* value.c: walking values and bodies. Checking is in value_check.c, comparing in value_compare.c,
 * merging in value_merge.c. See value.h. */
#include "value.h"

bool ascii_valid(const uint8_t *s, size_t size) {
    const uint8_t *end = s + size;
    uint64_t high = 0;
    for (; end - s >= 8; s += 8) high |= load_u64(s);
    for (; s < end; s++) high |= *s;
    return !(high & 0x8080808080808080u);
}

/* The bytes of the character at s, which is not ASCII; 0 when it is not UTF-8. */
static size_t utf8_character(const uint8_t *s, size_t left) {
    uint8_t a = s[0];
    if (a < 0xC2 || a > 0xF4) return 0;
    if (left < 2 || (s[1] & 0xC0) != 0x80) return 0;
    if (a < 0xE0) return 2;
    if (left < 3 || (s[2] & 0xC0) != 0x80) return 0;
    if (a == 0xE0 && s[1] < 0xA0) return 0;  /* not the shortest form */
    if (a == 0xED && s[1] > 0x9F) return 0;  /* a surrogate */
    if (a < 0xF0) return 3;
    if (left < 4 || (s[3] & 0xC0) != 0x80) return 0;
    if (a == 0xF0 && s[1] < 0x90) return 0;
    if (a == 0xF4 && s[1] > 0x8F) return 0;  /* past U+10FFFF */
    return 4;
}

bool utf8_valid(const uint8_t *s, size_t size) {
    const uint8_t *end = s + size;
    while (s < end) {
        if (end - s >= 8 && !(load_u64(s) & 0x8080808080808080u)) { s += 8; continue; }
        if (*s < 0x80) { s++; continue; }
        size_t n = utf8_character(s, (size_t)(end - s));
        if (!n) return false;
        s += n;
    }
    return true;
}

VEL_INLINE const uint8_t *skip_bytes(const uint8_t *p, const uint8_t *end, size_t size) {
    return (size_t)(end - p) >= size ? p + size : NULL;
}

const uint8_t *value_skip_other(const uint8_t *p, const uint8_t *end) {
    switch (*p++) {
    case TAG_NULL: case TAG_FALSE: case TAG_TRUE:
        return p;
    case TAG_I8:
        return skip_bytes(p, end, 1);
    case TAG_I16:
        return skip_bytes(p, end, 2);
    case TAG_I32:
        return skip_bytes(p, end, 4);
    case TAG_I64: case TAG_F64: case TAG_TIME:
        return skip_bytes(p, end, 8);
    case TAG_TIME_TZ:
        return skip_bytes(p, end, 16);
    case TAG_BYTES8: case TAG_ASCII8: case TAG_UTF8_8: case TAG_LIST8: case TAG_OBJECT8:
        return end - p < 1 ? NULL : skip_bytes(p + 1, end, *p);
    case TAG_BYTES32: case TAG_ASCII32: case TAG_UTF8_32: case TAG_LIST32: case TAG_OBJECT32:
        return end - p < 4 ? NULL : skip_bytes(p + 4, end, load_u32(p));
    default:
        return NULL;
    }
}

const uint8_t *field_read_other(const uint8_t *p, const uint8_t *end, vel_field *out) {
    p = varint_read(p, end, &out->number);
    if (!p) return NULL;
    out->name = NULL;
    out->name_size = 0;
    if (vel_unlikely(!out->number)) {
        p = varint_read(p, end, &out->name_size);
        if (!p || (size_t)(end - p) < out->name_size) return NULL;
        out->name = p;
        p += out->name_size;
    }
    out->value = p;
    return out->next = value_skip(p, end);
}

vel_status body_unreadable(vel_error *error) {
    return vel_fail(error, VEL_E_CORRUPT, 0, NULL, 0,
                    "the body of a document cannot be read: verify says which");
}

const uint8_t *body_find(const uint8_t *body, size_t size, uint32_t number, const uint8_t **end) {
    vel_fields it;
    vel_field f;
    if (!number || fields_begin(&it, body, size) != VEL_OK) return NULL;
    while (fields_next(&it, &f) == VEL_OK) {
        if (f.number == number) {
            *end = f.next;
            return f.value;
        }
    }
    return NULL;
}

const uint8_t *body_find_inline(const uint8_t *body, size_t size, const uint8_t *name,
                                size_t name_size, const uint8_t **end) {
    vel_fields it;
    vel_field f;
    if (fields_begin(&it, body, size) != VEL_OK) return NULL;
    while (fields_next(&it, &f) == VEL_OK) {
        if (!f.number && f.name_size == name_size && memcmp(f.name, name, name_size) == 0) {
            *end = f.next;
            return f.value;
        }
    }
    return NULL;
}
