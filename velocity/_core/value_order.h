/* value_order.h: the one order of all values, on their encodings.
 *
 *   null < numbers < strings < objects < arrays < bytes < bools < times
 *
 * Ints and floats are compared exactly, NaN is before all other numbers; strings and bytes by their
 * bytes, which for strings is by character; arrays element by element, a shorter one first; objects
 * field by field in the order of names' bytes, name then value, one with fewer fields first; times
 * by instant. Equal in this order is equal as value_equal means it.
 *
 * Thread-safe: reads memory it is given.
 */
#ifndef VEL_VALUE_ORDER_H
#define VEL_VALUE_ORDER_H

#include "names.h"
#include "value_parts.h"

/* Types in their order: what comparison operators compare only within. */
typedef enum { CLASS_NULL, CLASS_NUMBER, CLASS_STRING, CLASS_OBJECT, CLASS_LIST, CLASS_BYTES,
               CLASS_BOOL, CLASS_TIME } value_class;

VEL_INLINE value_class value_class_of(value_kind kind) {
    static const uint8_t classes[] = {
        [KIND_NULL] = CLASS_NULL, [KIND_BOOL] = CLASS_BOOL, [KIND_INT] = CLASS_NUMBER,
        [KIND_FLOAT] = CLASS_NUMBER, [KIND_TIME] = CLASS_TIME, [KIND_BYTES] = CLASS_BYTES,
        [KIND_STRING] = CLASS_STRING, [KIND_LIST] = CLASS_LIST, [KIND_OBJECT] = CLASS_OBJECT,
    };
    return (value_class)classes[kind];
}

/* Below 0, 0, above 0. Both values come from bodies with these names. Bounded, whatever the bytes
 * are; malformed ones have no order. */
int value_order(const vel_names *names, const uint8_t *a, const uint8_t *a_end, const uint8_t *b,
                const uint8_t *b_end);

#endif
