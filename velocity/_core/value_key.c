/* value_key.c: see value_key.h. */
#include "value_key.h"

#define FIELDS_FEW 16u   /* fields of an object that are sorted without an allocation */

typedef struct {
    const vel_names *names;
    size_t limit;
    vel_buffer *out;
} writer;

VEL_INLINE vel_status room(writer *w, size_t more) {
    if (vel_unlikely(w->limit - w->out->size < more)) return VEL_E_TOO_LARGE;
    return buffer_reserve(w->out, more);
}

static vel_status put_byte(writer *w, uint8_t byte) {
    vel_status status = room(w, 1);
    if (!status) w->out->data[w->out->size++] = byte;
    return status;
}

VEL_INLINE uint8_t *store_big(uint8_t *p, uint64_t v, unsigned bytes) {
    for (unsigned i = bytes; i-- > 0;) *p++ = (uint8_t)(v >> 8 * i);
    return p;
}

static uint64_t ordered_double(double d) {
    uint64_t bits;
    memcpy(&bits, &d, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

/* x = 2 * floor + fraction never leaves 65 bits: its sign is floor's, the rest fits 64. */
static vel_status put_number(writer *w, int64_t floor, bool fraction, double d) {
    bool negative = floor < 0;
    uint64_t twice = (uint64_t)floor << 1 | fraction;
    uint64_t size = negative ? ~twice : twice;
    unsigned n = (71u - (unsigned)__builtin_clzll(size | 1)) / 8;
    vel_status status = room(w, 17);
    if (status) {  /* near the limit: the exact size decides */
        status = room(w, 1 + n + (fraction ? 8 : 0));
        if (status) return status;
    }
    uint8_t *p = w->out->data + w->out->size;
    *p++ = (uint8_t)(negative ? KEY_NUMBER_NEGATIVE - n : KEY_NUMBER + n);
    p = store_big(p, twice, n);
    if (fraction) p = store_big(p, ordered_double(d), 8);
    w->out->size = (size_t)(p - w->out->data);
    return VEL_OK;
}

static vel_status put_wide(writer *w, uint8_t type, uint64_t payload) {
    vel_status status = room(w, 9);
    if (status) return status;
    uint8_t *p = w->out->data + w->out->size;
    *p = type;
    store_big(p + 1, payload, 8);
    w->out->size += 9;
    return VEL_OK;
}

static vel_status put_float(writer *w, double d) {
    if (d != d) return put_byte(w, KEY_NAN);
    if (d >= 9223372036854775808.0) return put_wide(w, KEY_NUMBER_ABOVE, ordered_double(d));
    if (d < -9223372036854775808.0) return put_wide(w, KEY_NUMBER_BELOW, ordered_double(d));
    int64_t floor = (int64_t)d;  /* towards zero */
    bool fraction = (double)floor != d;
    if (fraction && d < 0) floor--;
    return put_number(w, floor, fraction, d);
}

/* Escaped, and the 00 at its end. */
static vel_status put_text(writer *w, const uint8_t *text, size_t size) {
    vel_status status = room(w, size + 1);
    if (status) return status;
    size_t escapes = 0;
    for (size_t i = 0; i < size; i++) escapes += text[i] <= 1;
    if (vel_unlikely(escapes) && (status = room(w, size + escapes + 1))) return status;
    uint8_t *p = w->out->data + w->out->size;
    if (vel_likely(!escapes)) {
        if (size) memcpy(p, text, size);
        p += size;
    } else {
        for (size_t i = 0; i < size; i++) {
            if (text[i] > 1) {
                *p++ = text[i];
            } else {
                *p++ = 1;
                *p++ = (uint8_t)(text[i] + 1);
            }
        }
    }
    *p++ = 0;
    w->out->size = (size_t)(p - w->out->data);
    return VEL_OK;
}

static vel_status put_typed_text(writer *w, uint8_t type, const uint8_t *text, size_t size) {
    vel_status status = put_byte(w, type);
    return status ? status : put_text(w, text, size);
}

static vel_status put_value(writer *w, const uint8_t *p, const uint8_t *end, int depth);

static vel_status put_list(writer *w, const uint8_t *p, const uint8_t *end, int depth) {
    uint32_t count;
    vel_status status = put_byte(w, KEY_LIST);
    if (!(p = varint_read(p, end, &count))) return VEL_E_CORRUPT;
    for (; !status && count; count--) {
        const uint8_t *next = value_skip(p, end);
        if (!next) return VEL_E_CORRUPT;
        status = put_value(w, p, next, depth + 1);
        p = next;
    }
    return status ? status : put_byte(w, 0);
}

/* A field whose name is bytes, numbered or not. */
static int compare_fields(const void *a, const void *b) {
    const vel_field *f = a, *g = b;
    size_t shorter = f->name_size < g->name_size ? f->name_size : g->name_size;
    int order = shorter ? memcmp(f->name, g->name, shorter) : 0;
    return order ? order : (f->name_size > g->name_size) - (f->name_size < g->name_size);
}

/* Objects are equal whatever the order of their fields: names give one order. */
static vel_status read_sorted(const writer *w, vel_fields *it, vel_field *fields, uint32_t count) {
    bool sorted = true;
    for (uint32_t i = 0; i < count; i++) {
        vel_field *f = &fields[i];
        if (fields_next(it, f) != VEL_OK) return VEL_E_CORRUPT;
        if (f->number) {
            if (f->number > names_count(w->names)) return VEL_E_CORRUPT;
            f->name = names_bytes(w->names, f->number, &f->name_size);
        }
        sorted = sorted && (!i || compare_fields(f - 1, f) < 0);
    }
    if (!sorted) qsort(fields, count, sizeof *fields, compare_fields);
    return VEL_OK;
}

static vel_status put_fields(writer *w, const vel_field *fields, uint32_t count, int depth) {
    vel_status status = put_byte(w, KEY_OBJECT);
    for (uint32_t i = 0; !status && i < count; i++) {
        status = put_byte(w, 1);
        if (!status) status = put_text(w, fields[i].name, fields[i].name_size);
        if (!status) status = put_value(w, fields[i].value, fields[i].next, depth + 1);
    }
    return status ? status : put_byte(w, 0);
}

static vel_status put_object(writer *w, const uint8_t *p, const uint8_t *end, int depth) {
    vel_fields it;
    vel_field few[FIELDS_FEW], *fields = few;
    if (fields_begin(&it, p, (size_t)(end - p)) != VEL_OK || it.left > (size_t)(end - p))
        return VEL_E_CORRUPT;
    uint32_t count = it.left;
    if (w->limit - w->out->size < (size_t)count * 3) return VEL_E_TOO_LARGE;  /* before sorting */
    if (count > FIELDS_FEW && !(fields = malloc(count * sizeof *fields))) return VEL_E_NOMEM;
    vel_status status = read_sorted(w, &it, fields, count);
    if (!status) status = put_fields(w, fields, count, depth);
    if (fields != few) free(fields);
    return status;
}

static vel_status put_sized(writer *w, const uint8_t *p, const uint8_t *end, int depth) {
    const uint8_t *narrow = p + 2, *wide = p + 5;
    switch (*p) {
    case TAG_ASCII8: case TAG_UTF8_8:
        return put_typed_text(w, KEY_STRING, narrow, (size_t)(end - narrow));
    case TAG_ASCII32: case TAG_UTF8_32:
        return put_typed_text(w, KEY_STRING, wide, (size_t)(end - wide));
    case TAG_BYTES8: return put_typed_text(w, KEY_BYTES, narrow, (size_t)(end - narrow));
    case TAG_BYTES32: return put_typed_text(w, KEY_BYTES, wide, (size_t)(end - wide));
    default: break;
    }
    if (depth > VALUE_DEPTH_MAX) return VEL_E_CORRUPT;
    switch (*p) {
    case TAG_LIST8: return put_list(w, narrow, end, depth);
    case TAG_LIST32: return put_list(w, wide, end, depth);
    case TAG_OBJECT8: return put_object(w, narrow, end, depth);
    case TAG_OBJECT32: return put_object(w, wide, end, depth);
    default: return VEL_E_CORRUPT;
    }
}

static vel_status put_value(writer *w, const uint8_t *p, const uint8_t *end, int depth) {
    if (!p) return put_byte(w, KEY_NULL);
    if (value_skip(p, end) != end) return VEL_E_CORRUPT;
    uint8_t tag = *p;
    if (tag >= TAG_FIXINT) return put_number(w, tag - FIXINT_ZERO, false, 0);
    if (tag >= TAG_SHORT) return put_typed_text(w, KEY_STRING, p + 1, (size_t)(end - p - 1));
    switch (tag) {
    case TAG_NULL: return put_byte(w, KEY_NULL);
    case TAG_FALSE: return put_byte(w, KEY_FALSE);
    case TAG_TRUE: return put_byte(w, KEY_TRUE);
    case TAG_I8: return put_number(w, (int8_t)p[1], false, 0);
    case TAG_I16: return put_number(w, load_i16(p + 1), false, 0);
    case TAG_I32: return put_number(w, load_i32(p + 1), false, 0);
    case TAG_I64: return put_number(w, load_i64(p + 1), false, 0);
    case TAG_F64: return put_float(w, load_f64(p + 1));
    case TAG_TIME: case TAG_TIME_TZ:
        return put_wide(w, KEY_TIME, load_u64(p + 1) ^ (uint64_t)1 << 63);
    default: return put_sized(w, p, end, depth);
    }
}

/* Begin after *out as it is; on failure it is that again. */
#define WRITE_OR_RESTORE(w, call)                                                                  \
    size_t start = (w).out->size;                                                                  \
    vel_status status = start <= (w).limit ? (call) : VEL_E_TOO_LARGE;                             \
    if (status) (w).out->size = start;                                                             \
    return status

vel_status value_key(const uint8_t *value, const uint8_t *end, const vel_names *names,
                     size_t limit, vel_buffer *out) {
    writer w = {names, limit, out};
    WRITE_OR_RESTORE(w, put_value(&w, value, end, 0));
}

vel_status value_key_int(int64_t value, size_t limit, vel_buffer *out) {
    writer w = {NULL, limit, out};
    WRITE_OR_RESTORE(w, put_number(&w, value, false, 0));
}

vel_status value_key_float(double value, size_t limit, vel_buffer *out) {
    writer w = {NULL, limit, out};
    WRITE_OR_RESTORE(w, put_float(&w, value));
}

vel_status value_key_text(uint8_t type, const uint8_t *text, size_t size, size_t limit,
                          vel_buffer *out) {
    writer w = {NULL, limit, out};
    WRITE_OR_RESTORE(w, put_typed_text(&w, type, text, size));
}
