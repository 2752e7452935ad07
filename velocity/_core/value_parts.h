/* value_parts.h: one encoded value taken apart, for what compares values without Python.
 *
 * Thread-safe: no state.
 */
#ifndef VEL_VALUE_PARTS_H
#define VEL_VALUE_PARTS_H

#include "value.h"

typedef enum { KIND_NULL, KIND_BOOL, KIND_INT, KIND_FLOAT, KIND_TIME, KIND_BYTES, KIND_STRING,
               KIND_LIST, KIND_OBJECT } value_kind;

/* A value taken apart. Its bytes are bounded: value_skip went before. */
typedef struct {
    value_kind kind;
    int64_t number;        /* bool, int, time (UTC) */
    double real;
    const uint8_t *data;   /* bytes, string, list, object: what follows the size */
    size_t size;
} value_parts;

VEL_INLINE value_parts parts_sized(value_kind kind, const uint8_t *p, bool wide) {
    return (value_parts){.kind = kind, .data = p + (wide ? 5 : 2),
                         .size = wide ? load_u32(p + 1) : p[1]};
}

VEL_INLINE value_parts parts_read(const uint8_t *p) {
    uint8_t tag = *p;
    if (tag >= TAG_FIXINT) return (value_parts){.kind = KIND_INT, .number = tag - FIXINT_ZERO};
    if (tag >= TAG_SHORT)
        return (value_parts){.kind = KIND_STRING, .data = p + 1, .size = tag - (size_t)TAG_SHORT};
    switch (tag) {
    case TAG_FALSE: return (value_parts){.kind = KIND_BOOL, .number = 0};
    case TAG_TRUE: return (value_parts){.kind = KIND_BOOL, .number = 1};
    case TAG_I8: return (value_parts){.kind = KIND_INT, .number = (int8_t)p[1]};
    case TAG_I16: return (value_parts){.kind = KIND_INT, .number = load_i16(p + 1)};
    case TAG_I32: return (value_parts){.kind = KIND_INT, .number = load_i32(p + 1)};
    case TAG_I64: return (value_parts){.kind = KIND_INT, .number = load_i64(p + 1)};
    case TAG_F64: return (value_parts){.kind = KIND_FLOAT, .real = load_f64(p + 1)};
    case TAG_TIME: case TAG_TIME_TZ:
        return (value_parts){.kind = KIND_TIME, .number = load_i64(p + 1)};
    case TAG_BYTES8: case TAG_BYTES32: return parts_sized(KIND_BYTES, p, tag == TAG_BYTES32);
    case TAG_ASCII8: case TAG_ASCII32: return parts_sized(KIND_STRING, p, tag == TAG_ASCII32);
    case TAG_UTF8_8: case TAG_UTF8_32: return parts_sized(KIND_STRING, p, tag == TAG_UTF8_32);
    case TAG_LIST8: case TAG_LIST32: return parts_sized(KIND_LIST, p, tag == TAG_LIST32);
    case TAG_OBJECT8: case TAG_OBJECT32: return parts_sized(KIND_OBJECT, p, tag == TAG_OBJECT32);
    default: return (value_parts){.kind = KIND_NULL};
    }
}

/* -1, 0 or 1: an int and a float compared exactly; NaN is before all numbers. */
VEL_INLINE int int_order_float(int64_t i, double f) {
    if (f != f) return 1;
    /* Both bounds are exact doubles; inside them the conversion cuts only a fraction. */
    if (f >= 9223372036854775808.0) return -1;
    if (f < -9223372036854775808.0) return 1;
    int64_t whole = (int64_t)f;
    if (i != whole) return i < whole ? -1 : 1;
    double fraction = f - (double)whole;
    return (fraction < 0) - (fraction > 0);
}

#endif
