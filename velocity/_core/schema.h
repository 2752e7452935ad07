/* schema.h: what the documents of a collection must be like: fields, types and defaults, compiled
 * for looking at encoded bodies. Works without Python and without a lock.
 *
 * A schema is compiled against the names of its collection (names.h): a field is found by its
 * number, without a comparison of names. Fields are those at the top of a document.
 *
 * Thread-safe once made: nothing in it changes.
 */
#ifndef VEL_SCHEMA_H
#define VEL_SCHEMA_H

#include "base.h"
#include "names.h"
#include "value.h"

#define SCHEMA_FIELDS_MAX 1000u

/* Types of fields; never change: they are the order of FieldType in Python. */
typedef enum {
    SCHEMA_STRING, SCHEMA_INT, SCHEMA_FLOAT, SCHEMA_BOOL, SCHEMA_TIME, SCHEMA_BYTES, SCHEMA_ARRAY,
    SCHEMA_OBJECT, SCHEMA_TYPES
} schema_type;

typedef struct vel_schema vel_schema;

/* Owns: schema_free, before `names` are freed. strict: no other fields. NULL: no memory. */
vel_schema *schema_new(vel_names *names, bool strict);
void schema_free(vel_schema *s);
/* Add a field. default_body: a body with this field alone and its value, encoded with the same
 * names; NULL: none. Requires: the name is UTF-8 and new here, fewer than SCHEMA_FIELDS_MAX.
 * Returns VEL_OK, VEL_E_NOMEM. */
vel_status schema_add(vel_schema *s, const uint8_t *name, size_t name_size, schema_type type,
                      bool required, const uint8_t *default_body, size_t default_size);

/* How a body is looked at. */
enum {
    SCHEMA_WHOLE = 0,  /* a whole document */
    SCHEMA_FILL = 1,   /* a whole document, in which missing fields get their defaults */
    SCHEMA_PART = 2    /* some fields of a document */
};

/* See whether a body fits; bounded, whatever its bytes are. Where a field is to be stored otherwise
 * than it was given (a whole float in an INT, an int in a FLOAT, a text in a TIME) or filled in,
 * append the body as it is to be stored to *out, which may be NULL when only the verdict is wanted.
 * Returns VEL_OK: fits as it is; VEL_MISMATCH: fits as it was written to *out; VEL_E_SCHEMA with
 * the field, the type wanted and the value's type in error->what; VEL_E_TOO_LARGE; VEL_E_NOMEM;
 * VEL_E_CORRUPT. Unless VEL_MISMATCH *out is as it was. */
vel_status schema_fit(const vel_schema *s, const uint8_t *body, size_t size, int mode,
                      vel_buffer *out, vel_error *error);

#endif
