/* schema.c: a body under a schema.
 *
 * Input: u8 count of names, u8 fields and mode (fields: bits 0 to 2; mode: bits 3 and 4; strict:
 * bit 7), for each field u8 name and u8 type (bits 0 to 2; required:
 * bit 3; has a default: bit 4), two documents. Defaults are the values of the first, when it is
 * valid; the type is then the value's.
 */
#include "documents.h"
#include "schema.h"
#include "value_parts.h"

/* A body of this field alone, which has the value of a document's. */
static size_t default_body(const vel_names *names, const char *name, size_t name_size,
                           const vel_field *from, uint8_t *out) {
    uint8_t *p = out;
    uint32_t number = names_find(names, (const uint8_t *)name, name_size);
    *p++ = 1;
    p = varint_write(p, number);
    if (!number) {
        *p++ = (uint8_t)name_size;
        memcpy(p, name, name_size);
        p += name_size;
    }
    size_t size = (size_t)(from->next - from->value);
    memcpy(p, from->value, size);
    return (size_t)(p - out) + size;
}

static schema_type type_of(const uint8_t *value) {
    static const uint8_t types[] = {
        [KIND_BOOL] = SCHEMA_BOOL, [KIND_INT] = SCHEMA_INT, [KIND_FLOAT] = SCHEMA_FLOAT,
        [KIND_TIME] = SCHEMA_TIME, [KIND_BYTES] = SCHEMA_BYTES, [KIND_STRING] = SCHEMA_STRING,
        [KIND_LIST] = SCHEMA_ARRAY, [KIND_OBJECT] = SCHEMA_OBJECT,
    };
    return (schema_type)types[parts_read(value).kind];
}

static void add_fields(vel_schema *s, vel_names *names, const document *values, input *in,
                       uint32_t count) {
    char name[8];
    uint64_t taken = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint8_t which = input_byte(in) % NAMES, type = input_byte(in);
        int name_size = snprintf(name, sizeof name, "n%u", which);
        vel_field from;
        uint8_t *body = NULL;
        size_t size = 0;
        if (taken >> which & 1) continue;
        taken |= (uint64_t)1 << which;
        if (type >> 4 & 1 && document_field(values, i, &from) && *from.value != TAG_NULL) {
            uint32_t number;
            type = (uint8_t)((type & ~7) | type_of(from.value));
            body = malloc(values->size + 16);
            CHECK(!names_add(names, (const uint8_t *)name, (size_t)name_size, &number));
            size = default_body(names, name, (size_t)name_size, &from, body);
        }
        CHECK(schema_add(s, (const uint8_t *)name, (size_t)name_size, (schema_type)(type & 7),
                         type >> 3 & 1, body, size) == VEL_OK);
        free(body);
    }
}

/* What is stored is valid, and fits as it is. */
static void check_stored(const vel_schema *s, const document *d, int mode, uint32_t name_count,
                         const vel_buffer *out) {
    vel_error error = {0};
    vel_buffer again = {0};
    document stored = document_of(out->data, out->size, name_count);
    if (d->valid) {
        CHECK(stored.valid);
        CHECK(schema_fit(s, stored.body, stored.size, mode, &again, &error) == VEL_OK);
    }
    buffer_free(&again);
    document_free(&stored);
}

static void fit(const vel_schema *s, const document *d, int mode, uint32_t name_count) {
    vel_error error = {0};
    vel_buffer out = {0};
    vel_status status = schema_fit(s, d->body, d->size, mode, &out, &error);
    CHECK(schema_fit(s, d->body, d->size, mode, NULL, &error) == status);
    CHECK(status == VEL_MISMATCH || !out.size);
    if (status == VEL_MISMATCH) check_stored(s, d, mode, name_count, &out);
    else if (status == VEL_E_SCHEMA) CHECK(error.what[0]);
    else CHECK(status == VEL_OK || (status == VEL_E_CORRUPT && !d->valid));
    buffer_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    vel_names *names = names_make(name_count);
    uint8_t shape = input_byte(&in);
    input fields = in;
    for (uint32_t i = 0; i < 2 * (shape & 7u); i++) input_byte(&in);
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    vel_schema *s = schema_new(names, shape >> 7);
    add_fields(s, names, &a, &fields, shape & 7);
    fit(s, &a, (shape >> 3 & 3) % 3, names_count(names));
    fit(s, &b, (shape >> 3 & 3) % 3, names_count(names));
    schema_free(s);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
