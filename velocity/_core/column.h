/* column.h: values of many documents side by side, laid out for numpy and Arrow.
 *
 * A column has a row for each document. Per row one byte tells the type, and eight bytes hold an
 * int, a float's bits, 0 or 1, or a time in microseconds since 1970 UTC; of strings, bytes and all
 * other values they say where the row ends in `text`, which holds strings and bytes as they are and
 * other values as they are encoded. So ints, floats and times are arrays as they stand, and the
 * zero before the first row makes the ends of strings Arrow's offsets.
 *
 * Rows are added in slices: columns_begin makes room for all of one, columns_add fills it, and
 * columns_end puts nulls where nothing was found. A body is walked once, whatever the number of
 * columns that are top-level fields.
 *
 * Not thread-safe: belongs to one call.
 */
#ifndef VEL_COLUMN_H
#define VEL_COLUMN_H

#include "names.h"
#include "path.h"
#include "record.h"

#define COLUMNS_MAX 10000u         /* that `all` may lead to */
#define COLUMN_LONGEST UINT32_MAX  /* no fixed width holds the strings */

enum {
    COLUMN_NULL = 1, COLUMN_BOOL = 2, COLUMN_INT = 4, COLUMN_FLOAT = 8, COLUMN_STRING = 16,
    COLUMN_BYTES = 32, COLUMN_TIME = 64, COLUMN_OTHER = 128
};

typedef struct {
    vel_path path;         /* parts NULL: the ids, or a field known by its number alone */
    uint32_t number;       /* of a top-level field; 0: ids, a longer path, or not known yet */
    uint32_t met;          /* types of all rows, or'ed */
    uint32_t longest;      /* characters of the longest string; COLUMN_LONGEST: one ends in NUL */
    vel_buffer types;      /* u8 each: COLUMN_*; 0 in the slice at hand: nothing found */
    vel_buffer values;     /* i64: a zero, and one for each row */
    vel_buffer text;
} vel_column;

/* Zeroed: no columns, no rows. */
typedef struct {
    vel_column *columns;
    uint32_t count, capacity;
    bool all;              /* a column is made for each top-level field that is met */
    uint64_t expected;     /* rows there will be at most, if that is known; 0: it is not */
    int64_t now;           /* ns: documents that expire until then are left out */
    size_t rows;           /* filled */
    size_t from, room;     /* the slice at hand: rows before it, and with it */
    uint32_t *places;      /* by number of a name: index + 1 of its column, 0: none */
    uint32_t place_count, mapped;      /* names there are places for, columns among them */
    uint32_t *others;      /* the columns that no number leads to */
    uint32_t other_count;
} vel_columns;

void columns_close(vel_columns *x);
/* Add a column of a path; size 0: of the ids. Before the first row. VEL_OK, VEL_E_INVALID (no
 * path), VEL_E_NOMEM. */
vel_status columns_open(vel_columns *x, const uint8_t *dotted, size_t size);

/* Make room for `rows` more, whose documents were found before. VEL_OK, VEL_E_NOMEM. */
vel_status columns_begin(vel_columns *x, const vel_names *names, size_t rows);
/* Add rows, at most those begun, one for each record that has not expired; whole records that stay
 * where they are meanwhile. VEL_OK, VEL_E_NOMEM, VEL_E_TOO_LARGE past COLUMNS_MAX. */
vel_status columns_add(vel_columns *x, const uint8_t *const *records, size_t count);
void columns_end(vel_columns *x);

/* Strings as numpy has them: `width` 4-byte characters each, zeros behind. to: count * width.
 * Requires: strings and nulls alone, the longest no longer than that. */
void column_characters(const vel_column *c, uint32_t width, uint32_t *to);

#endif
