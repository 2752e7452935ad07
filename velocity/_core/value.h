/* value.h: the encoding of values and document bodies; reading them without Python.
 *
 * A body is what a document holds beyond its id and header:
 *
 *   body   := varint field_count, field*            (at most BODY_FIELDS_MAX fields)
 *   field  := varint number, [varint size, name bytes  when number is 0], value
 *   value  := tag byte, payload
 *
 * number n > 0 is the collection's name number n (names.h); number 0 carries its name inline, for
 * names past the collection's cap of numbers or longer than 255 bytes. Fields keep the order of the
 * dict. No name occurs twice in one body. Varints are LEB128, at most 5 bytes, shortest form.
 *
 *   tag        payload                                tag        payload
 *   0x01       none: null                             0x0B/0x0C  bytes: u8 / u32 size, bytes
 *   0x02/0x03  none: false / true                     0x0D/0x0E  ASCII string: u8 / u32 size, bytes
 *   0x04..07   i8, i16, i32, i64 (the smallest        0x0F/0x10  UTF-8 string (not ASCII): u8/u32
 *              that holds it)                         0x11/0x12  list: u8 / u32 size of what
 *   0x08       f64, bits as they are                             follows, varint count, value*
 *   0x09       time: i64 microseconds since 1970 UTC  0x13/0x14  object: u8 / u32 size of what
 *   0x0A       time, i64 as 0x09 and i64 microseconds            follows, then as a body
 *              east of UTC (never 0)                  0x40..7F   ASCII string of tag-0x40 bytes
 *                                                     0x80..FF   the int tag-0x90, -16..111
 *
 * Strings and bytes use the shortest tag that fits: equal strings are equal bytes. Lists and
 * objects may use either width and nest at most VALUE_DEPTH_MAX deep; the body itself does not
 * count. Times lie, in their own zone, in the years 1..9999, less than a day off UTC.
 *
 * Thread-safe: everything here reads memory it is given and writes only its outputs.
 * Every reader is bounded by `end` and never reads past it, whatever the bytes are.
 */
#ifndef VEL_VALUE_H
#define VEL_VALUE_H

#include "base.h"

#define BODY_SIZE_MAX (16u << 20)  /* bytes of one encoded document, never change */
#define BODY_FIELDS_MAX (1u << 24)
#define VALUE_DEPTH_MAX 128
#define NAME_SIZE_MAX 255          /* bytes of a numbered name; longer ones are inline */

enum {
    TAG_NULL = 0x01, TAG_FALSE = 0x02, TAG_TRUE = 0x03,
    TAG_I8 = 0x04, TAG_I16 = 0x05, TAG_I32 = 0x06, TAG_I64 = 0x07, TAG_F64 = 0x08,
    TAG_TIME = 0x09, TAG_TIME_TZ = 0x0A, TAG_BYTES8 = 0x0B, TAG_BYTES32 = 0x0C,
    TAG_ASCII8 = 0x0D, TAG_ASCII32 = 0x0E, TAG_UTF8_8 = 0x0F, TAG_UTF8_32 = 0x10,
    TAG_LIST8 = 0x11, TAG_LIST32 = 0x12, TAG_OBJECT8 = 0x13, TAG_OBJECT32 = 0x14,
    TAG_SHORT = 0x40, TAG_FIXINT = 0x80, FIXINT_ZERO = 0x90
};

#define SHORT_SIZE_MAX 63  /* bytes of an ASCII string inside its tag's range */
#define FIXINT_MIN (-16)
#define FIXINT_MAX 111

#define DAY_US ((int64_t)86400 * 1000000)
#define TIME_MIN_US ((int64_t)-62135596800 * 1000000)          /* 0001-01-01T00:00 */
#define TIME_MAX_US ((int64_t)253402300800 * 1000000 - 1)      /* the end of the year 9999 */
VEL_INLINE bool time_valid(int64_t utc_us, int64_t east_us) {
    return east_us > -DAY_US && east_us < DAY_US && utc_us >= TIME_MIN_US - DAY_US &&
           utc_us <= TIME_MAX_US + DAY_US && utc_us + east_us >= TIME_MIN_US &&
           utc_us + east_us <= TIME_MAX_US;
}

/* Read a varint. Returns the byte after it, or NULL: cut off, too long or not shortest. */
VEL_INLINE const uint8_t *varint_read(const uint8_t *p, const uint8_t *end, uint32_t *out) {
    if (vel_likely(p < end && *p < 0x80)) { *out = *p; return p + 1; }
    uint32_t v = 0;
    for (int shift = 0; shift < 35 && p < end; shift += 7) {
        uint8_t b = *p++;
        if (shift == 28 && b > 0x0F) return NULL;
        v |= (uint32_t)(b & 0x7F) << shift;
        if (b < 0x80) { if (shift && !b) return NULL; *out = v; return p; }
    }
    return NULL;
}

VEL_INLINE uint8_t *varint_write(uint8_t *p, uint32_t v) {
    while (v >= 0x80) { *p++ = (uint8_t)(v | 0x80); v >>= 7; }
    *p++ = (uint8_t)v;
    return p;
}

/* Whether the bytes are UTF-8 (no surrogates, shortest forms); whether they are ASCII. */
bool utf8_valid(const uint8_t *s, size_t size);
bool ascii_valid(const uint8_t *s, size_t size);

/* value_skip of a value that is neither a short string nor a small int. */
const uint8_t *value_skip_other(const uint8_t *p, const uint8_t *end);
/* The byte after the value at p, or NULL when its bytes are malformed or run past end. Shallow: a
 * list or object is skipped by its size. */
VEL_INLINE const uint8_t *value_skip(const uint8_t *p, const uint8_t *end) {
    if (vel_unlikely(p >= end)) return NULL;
    if (*p >= TAG_FIXINT) return p + 1;
    if (vel_unlikely(*p < TAG_SHORT)) return value_skip_other(p, end);
    size_t size = 1u + *p - TAG_SHORT;
    return vel_likely((size_t)(end - p) >= size) ? p + size : NULL;
}

/* One field of a body. */
typedef struct {
    uint32_t number;       /* 0: inline */
    uint32_t name_size;    /* bytes, only when inline */
    const uint8_t *name;
    const uint8_t *value;  /* at its tag */
    const uint8_t *next;   /* the byte after the value */
} vel_field;

typedef struct {
    const uint8_t *at, *end;
    uint32_t left;         /* fields not yet read */
} vel_fields;

/* field_read of a field whose number takes several bytes, or whose name is inline. */
const uint8_t *field_read_other(const uint8_t *p, const uint8_t *end, vel_field *out);
/* The field at p; the byte after it, or NULL when malformed. */
VEL_INLINE const uint8_t *field_read(const uint8_t *p, const uint8_t *end, vel_field *out) {
    if (vel_unlikely(p >= end || !*p || *p >= 0x80)) return field_read_other(p, end, out);
    out->number = *p++;
    out->name_size = 0;
    out->name = NULL;
    out->value = p;
    return out->next = value_skip(p, end);
}
VEL_INLINE bool field_same_name(const vel_field *a, const vel_field *b) {
    return a->number == b->number &&
           (a->number || (a->name_size == b->name_size &&
                          memcmp(a->name, b->name, a->name_size) == 0));
}

/* Walk a body's fields. Returns: VEL_OK, VEL_END after the last, VEL_E_CORRUPT. */
VEL_INLINE vel_status fields_begin(vel_fields *it, const uint8_t *body, size_t size) {
    it->end = body + size;
    it->at = varint_read(body, it->end, &it->left);
    return vel_likely(it->at && it->left <= BODY_FIELDS_MAX) ? VEL_OK : VEL_E_CORRUPT;
}
VEL_INLINE vel_status fields_next(vel_fields *it, vel_field *out) {
    if (!it->left) return it->at == it->end ? VEL_END : VEL_E_CORRUPT;
    const uint8_t *next = field_read(it->at, it->end, out);
    if (vel_unlikely(!next)) return VEL_E_CORRUPT;
    it->left--;
    it->at = next;
    return VEL_OK;
}

/* Check everything: bounds, tags, counts, shortest forms, UTF-8, depth, no trailing bytes, name
 * numbers in 1..name_count, no name twice. Returns VEL_OK, or VEL_E_CORRUPT with *where the byte
 * offset and *why a static text. */
vel_status body_validate(const uint8_t *body, size_t size, uint32_t name_count, size_t *where,
                         const char **why);

/* What a reader says of a body that body_validate would refuse. Fills *error; VEL_E_CORRUPT. */
vel_status body_unreadable(vel_error *error);

/* The value of a field by number, or by inline name; NULL when absent (or malformed). *end gets the
 * byte after it. */
const uint8_t *body_find(const uint8_t *body, size_t size, uint32_t number, const uint8_t **end);
const uint8_t *body_find_inline(const uint8_t *body, size_t size, const uint8_t *name,
                                size_t name_size, const uint8_t **end);

/* Equal as filters and compare-and-swap mean it: numbers across int and float (exactly, no
 * rounding), a bool is not a number, NaN equals NaN, objects whatever the order of their fields,
 * times by instant. Both bounded; malformed is unequal. Both must come from the same collection
 * (same name numbers). */
bool value_equal(const uint8_t *a, const uint8_t *a_end, const uint8_t *b, const uint8_t *b_end);

/* Whether every field of `expected` equals that of `body`; a missing field equals null. */
bool body_matches(const uint8_t *body, size_t size, const uint8_t *expected, size_t expected_size);

/* `base` with the fields of `changes` set (in place where they exist, appended where not), appended
 * to *out. Returns VEL_OK, VEL_E_NOMEM, VEL_E_TOO_LARGE past BODY_SIZE_MAX, VEL_E_CORRUPT; unless
 * VEL_OK *out is as it was. */
vel_status body_merge(const uint8_t *base, size_t base_size, const uint8_t *changes,
                      size_t changes_size, vel_buffer *out);

#endif
