/* value_write.h: the smallest encodings of ints, and of characters. Thread-safe: no state. */
#ifndef VEL_VALUE_WRITE_H
#define VEL_VALUE_WRITE_H

#include "value.h"

/* Write an int with its tag: up to 9 bytes. Returns the byte after it. */
VEL_INLINE uint8_t *int_write(uint8_t *p, int64_t v) {
    if (vel_likely(v >= FIXINT_MIN && v <= FIXINT_MAX)) {
        *p++ = (uint8_t)(FIXINT_ZERO + v);
        return p;
    }
    if (v == (int8_t)v) {
        *p++ = TAG_I8;
        *p++ = (uint8_t)v;
        return p;
    }
    if (v == (int16_t)v) {
        *p = TAG_I16;
        store_i16(p + 1, (int16_t)v);
        return p + 3;
    }
    if (v == (int32_t)v) {
        *p = TAG_I32;
        store_i32(p + 1, (int32_t)v);
        return p + 5;
    }
    *p = TAG_I64;
    store_i64(p + 1, v);
    return p + 9;
}

/* Write a character (no surrogate) as UTF-8: up to 4 bytes. Returns the byte after it. */
VEL_INLINE uint8_t *utf8_write(uint8_t *p, uint32_t c) {
    if (c < 0x80) {
        *p++ = (uint8_t)c;
        return p;
    }
    if (c < 0x800) {
        *p++ = (uint8_t)(0xC0 | c >> 6);
    } else {
        if (c < 0x10000) {
            *p++ = (uint8_t)(0xE0 | c >> 12);
        } else {
            *p++ = (uint8_t)(0xF0 | c >> 18);
            *p++ = (uint8_t)(0x80 | (c >> 12 & 0x3F));
        }
        *p++ = (uint8_t)(0x80 | (c >> 6 & 0x3F));
    }
    *p++ = (uint8_t)(0x80 | (c & 0x3F));
    return p;
}

#endif
