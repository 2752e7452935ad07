/* value_key.h: values as bytes that memcmp orders: the keys of indexes, of sorts and of groups.
 *
 * The order of types: null and missing, numbers, strings, objects, lists, bytes, bools, times.
 * Equal values have equal keys and the other way round (equality as value_equal has it). A key
 * delimits itself: no key is the beginning of another, so keys may be strung together.
 *
 *   null, missing   10
 *   NaN             18
 *   number          x = 2 * floor(v) + (1 when v has a fraction), an integer of 65 bits;
 *                   x >= 0: 28+n, x in n bytes; x < 0: 29-n, ~(-1-x) in n bytes (n: 1..8, fewest);
 *                   then, with a fraction, the double in 8 bytes, ordered (below)
 *                   outside of the range of 64-bit ints: 20 (below), 31 (above), the double in 8
 *                   bytes, ordered
 *   string          40, its UTF-8 bytes escaped, 00
 *   object          50, for each field, in the order of their names' bytes: 01, name escaped, 00,
 *                   key of the value; 00
 *   list            58, keys of the elements, 00
 *   bytes           60, bytes escaped, 00
 *   false, true     68, 69
 *   time            70, microseconds since 1970 UTC, 8 bytes, the sign bit inverted
 *
 * All big-endian. Escaped: 00 becomes 01 01, 01 becomes 01 02. Ordered double: its bits, inverted
 * when it is negative, else with the sign bit set. A key begins with 10..70, and with 8F..EF when
 * all its bytes are inverted (descending): never with 00 or FF.
 *
 * This is memory's format, not the disk's: indexes are built anew at open.
 * Thread-safe: no state.
 */
#ifndef VEL_VALUE_KEY_H
#define VEL_VALUE_KEY_H

#include "names.h"
#include "value.h"

enum {
    KEY_NULL = 0x10, KEY_NAN = 0x18, KEY_NUMBER_BELOW = 0x20, KEY_NUMBER_NEGATIVE = 0x29,
    KEY_NUMBER = 0x28, KEY_NUMBER_ABOVE = 0x31, KEY_STRING = 0x40, KEY_OBJECT = 0x50,
    KEY_LIST = 0x58, KEY_BYTES = 0x60, KEY_FALSE = 0x68, KEY_TRUE = 0x69, KEY_TIME = 0x70
};

/* Append the key of one value (NULL: missing) to *out. limit: most bytes that out->size may come
 * to. names: of the body that the value is from. Returns VEL_OK; VEL_E_TOO_LARGE past the limit,
 * VEL_E_CORRUPT, VEL_E_NOMEM: out->size is as it was. */
vel_status value_key(const uint8_t *value, const uint8_t *end, const vel_names *names,
                     size_t limit, vel_buffer *out);
/* The same of values that are not encoded: limit and errors as above. */
vel_status value_key_int(int64_t value, size_t limit, vel_buffer *out);
vel_status value_key_float(double value, size_t limit, vel_buffer *out);
/* A string or bytes: type is KEY_STRING or KEY_BYTES. */
vel_status value_key_text(uint8_t type, const uint8_t *text, size_t size, size_t limit,
                          vel_buffer *out);

/* Turn a key around, for a descending component of an index. */
VEL_INLINE void value_key_invert(uint8_t *key, size_t size) {
    for (size_t i = 0; i < size; i++) key[i] = (uint8_t)~key[i];
}

#endif
