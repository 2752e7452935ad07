/* schema.c: see schema.h. */
#include "schema.h"

#include "rfc3339.h"
#include "value_write.h"

#include <math.h>

/* Types of values: those of fields, and null. */
enum { TYPE_NULL = SCHEMA_TYPES, TYPE_UNKNOWN };

typedef struct {
    uint8_t type;            /* schema_type */
    bool required;
    bool wanted;             /* looked for when it is missing: required, or with a default */
    uint32_t name_size;
    uint8_t *name;           /* owned */
    uint8_t *fill;           /* the field as it stands in a body, with the default; owned or NULL */
    uint32_t fill_size;
} schema_field;

/* What looking at a body needs of a field, in one word. */
typedef struct {
    uint16_t place;          /* position + 1 in fields, 0: none */
    uint8_t type;
    uint8_t wanted;
} schema_slot;

struct vel_schema {
    vel_names *names;        /* the collection's; not owned */
    bool strict;
    bool has_inline;         /* some field has no number */
    uint32_t count, capacity, wanted;
    uint32_t number_count;   /* entries of by_number */
    schema_slot *by_number;  /* of a name's number */
    schema_field *fields;
    size_t fill_size;        /* bytes of all defaults */
};

/* ---- making ---- */

vel_schema *schema_new(vel_names *names, bool strict) {
    vel_schema *s = calloc(1, sizeof *s);
    if (!s) return NULL;
    s->names = names;
    s->strict = strict;
    return s;
}

void schema_free(vel_schema *s) {
    if (!s) return;
    for (uint32_t i = 0; i < s->count; i++) {
        free(s->fields[i].name);
        free(s->fields[i].fill);
    }
    free(s->fields);
    free(s->by_number);
    free(s);
}

static vel_status make_room(vel_schema *s, uint32_t number) {
    if (s->count == s->capacity) {
        uint32_t capacity = s->capacity ? 2 * s->capacity : 8;
        schema_field *fields = realloc(s->fields, capacity * sizeof *fields);
        if (!fields) return VEL_E_NOMEM;
        s->fields = fields;
        s->capacity = capacity;
    }
    if (number < s->number_count) return VEL_OK;
    uint32_t count = number + 1;
    schema_slot *by_number = realloc(s->by_number, count * sizeof *by_number);
    if (!by_number) return VEL_E_NOMEM;
    memset(by_number + s->number_count, 0, (count - s->number_count) * sizeof *by_number);
    s->by_number = by_number;
    s->number_count = count;
    return VEL_OK;
}

static uint8_t *copy_of(const uint8_t *bytes, size_t size) {
    uint8_t *copy = malloc(size + 1);
    if (copy && size) memcpy(copy, bytes, size);
    return copy;
}

vel_status schema_add(vel_schema *s, const uint8_t *name, size_t name_size, schema_type type,
                      bool required, const uint8_t *default_body, size_t default_size) {
    uint32_t number;
    vel_status status = names_add(s->names, name, name_size, &number);
    if (!status) status = make_room(s, number);
    if (status) return status;
    schema_field f = {.type = (uint8_t)type, .required = required,
                      .wanted = required || default_body, .name_size = (uint32_t)name_size};
    f.name = copy_of(name, name_size);
    if (default_body) {
        /* Without the count in front, which is one byte: 1. */
        f.fill_size = (uint32_t)(default_size - 1);
        f.fill = copy_of(default_body + 1, f.fill_size);
    }
    if (!f.name || (default_body && !f.fill)) {
        free(f.name);
        free(f.fill);
        return VEL_E_NOMEM;
    }
    s->fields[s->count++] = f;
    s->wanted += f.wanted;
    s->fill_size += f.fill_size;
    if (number) s->by_number[number] = (schema_slot){(uint16_t)s->count, f.type, f.wanted};
    else s->has_inline = true;
    return VEL_OK;
}

/* ---- looking ---- */

VEL_INLINE uint8_t type_of(uint8_t tag) {
    static const uint8_t types[256] = {
        TYPE_UNKNOWN, TYPE_NULL, SCHEMA_BOOL, SCHEMA_BOOL, SCHEMA_INT, SCHEMA_INT, SCHEMA_INT,
        SCHEMA_INT, SCHEMA_FLOAT, SCHEMA_TIME, SCHEMA_TIME, SCHEMA_BYTES, SCHEMA_BYTES,
        SCHEMA_STRING, SCHEMA_STRING, SCHEMA_STRING, SCHEMA_STRING, SCHEMA_ARRAY, SCHEMA_ARRAY,
        SCHEMA_OBJECT, SCHEMA_OBJECT, [TAG_OBJECT32 + 1 ... TAG_SHORT - 1] = TYPE_UNKNOWN,
        [TAG_SHORT ... TAG_FIXINT - 1] = SCHEMA_STRING, [TAG_FIXINT ... 255] = SCHEMA_INT};
    return types[tag];
}

static schema_slot find_inline(const vel_schema *s, const vel_field *f) {
    for (uint32_t i = 0; s->has_inline && i < s->count; i++)
        if (s->fields[i].name_size == f->name_size &&
            memcmp(s->fields[i].name, f->name, f->name_size) == 0)
            return (schema_slot){(uint16_t)(i + 1), s->fields[i].type, s->fields[i].wanted};
    return (schema_slot){0};
}

/* What the schema says of a body's field; place 0: nothing. */
VEL_INLINE schema_slot slot_of(const vel_schema *s, const vel_field *f) {
    if (vel_unlikely(!f->number)) return find_inline(s, f);
    return f->number < s->number_count ? s->by_number[f->number] : (schema_slot){0};
}

static int64_t int_of(const uint8_t *v) {
    switch (*v) {
    case TAG_I8: return (int8_t)v[1];
    case TAG_I16: return load_i16(v + 1);
    case TAG_I32: return load_i32(v + 1);
    case TAG_I64: return load_i64(v + 1);
    default: return *v - FIXINT_ZERO;
    }
}

#define TWO_63 9223372036854775808.0

/* Write a value as a field of this type stores it; the byte after it, or NULL when it cannot be. At
 * most 17 bytes. Requires: the value is of another type. */
static uint8_t *convert(uint8_t type, const vel_field *f, uint8_t *to) {
    uint8_t given = type_of(*f->value);
    if (type == SCHEMA_INT && given == SCHEMA_FLOAT) {
        double d = load_f64(f->value + 1);
        if (!(d >= -TWO_63 && d < TWO_63) || d != floor(d)) return NULL;
        return int_write(to, (int64_t)d);
    }
    if (type == SCHEMA_FLOAT && given == SCHEMA_INT) {
        int64_t v = int_of(f->value);
        double d = (double)v;
        if (d >= TWO_63 || (int64_t)d != v) return NULL;  /* not a float exactly */
        *to = TAG_F64;
        store_f64(to + 1, d);
        return to + 9;
    }
    if (type != SCHEMA_TIME || *f->value < TAG_SHORT || *f->value >= TAG_FIXINT) return NULL;
    int64_t utc, east;
    if (!rfc3339_read(f->value + 1, (size_t)(f->next - f->value - 1), &utc, &east)) return NULL;
    *to++ = east ? TAG_TIME_TZ : TAG_TIME;
    store_i64(to, utc);
    if (east) store_i64(to + 8, east);
    return to + (east ? 16 : 8);
}

/* ---- refusing ---- */

static const char *const type_names[] = {"STRING", "INT", "FLOAT", "BOOL", "TIME", "BYTES",
                                         "ARRAY", "OBJECT"};
static const char *const value_names[] = {"str", "int", "float", "bool", "datetime", "bytes",
                                          "list", "dict", "None", "an unknown type"};

/* `field '<name>'<text>`, in which the name is cut. */
static vel_status refuse(vel_error *error, const uint8_t *name, uint32_t size, const char *before,
                         const char *wanted, const char *after, const char *value) {
    int most = size < 200 ? (int)size : 200;
    return vel_fail(error, VEL_E_SCHEMA, 0, NULL, 0, "field '%.*s'%s%s%s%s", most,
                    (const char *)name, before, wanted, after, value);
}

static vel_status refuse_unknown(const vel_schema *s, const vel_field *f, vel_error *error) {
    const uint8_t *name = f->name;
    uint32_t size = f->name_size;
    if (f->number > names_count(s->names)) return body_unreadable(error);
    if (f->number) name = names_bytes(s->names, f->number, &size);
    return refuse(error, name, size, " is not in the schema, which is strict",
                  "; its value is of type ", value_names[type_of(*f->value)], "");
}

static vel_status refuse_missing(const schema_field *field, vel_error *error) {
    return refuse(error, field->name, field->name_size, " is required and wants ",
                  type_names[field->type], ", but is ", "missing");
}

static vel_status refuse_value(const schema_field *field, const vel_field *f, vel_error *error) {
    uint8_t given = type_of(*f->value);
    const char *why = value_names[given], *wants = " wants ";
    if (given == TYPE_NULL) wants = " is required and wants ";
    if (field->type == SCHEMA_INT && given == SCHEMA_FLOAT) why = "float that is no 64-bit int";
    if (field->type == SCHEMA_FLOAT && given == SCHEMA_INT) why = "int that no float is equal to";
    if (field->type == SCHEMA_TIME && given == SCHEMA_STRING)
        why = "str that is no RFC 3339 time with a zone, such as 2026-01-31T12:00:00Z";
    return refuse(error, field->name, field->name_size, wants, type_names[field->type], ", not ",
                  why);
}

/* ---- writing as it is stored ---- */

typedef struct {
    const vel_schema *s;
    int mode;
    uint32_t converted;      /* fields that are stored otherwise than given */
    uint32_t met;            /* wanted fields that are there */
} verdict;

/* Which fields of the schema a body has: a bit for each. */
static void mark_present(const vel_schema *s, const uint8_t *body, size_t size, uint8_t *present) {
    vel_fields it;
    vel_field f;
    if (fields_begin(&it, body, size)) return;
    while (fields_next(&it, &f) == VEL_OK) {
        uint32_t place = slot_of(s, &f).place;
        if (place--) present[place >> 3] |= (uint8_t)(1 << (place & 7));
    }
}

static vel_status write_filled(const verdict *v, const uint8_t *body, size_t size,
                               const uint8_t *present, uint32_t fills, vel_buffer *out) {
    const vel_schema *s = v->s;
    vel_fields it;
    vel_field f;
    uint8_t *to = out->data + out->size;
    vel_status status = fields_begin(&it, body, size);
    if (status) return status;
    const uint8_t *kept = it.at;
    to = varint_write(to, it.left + fills);
    while (fields_next(&it, &f) == VEL_OK) {
        uint8_t stored[17];
        schema_slot slot = slot_of(s, &f);
        uint8_t given = type_of(*f.value);
        if (!slot.place || given == TYPE_NULL || given == slot.type) continue;
        size_t stored_size = (size_t)(convert(slot.type, &f, stored) - stored);
        memcpy(to, kept, (size_t)(f.value - kept));
        to += f.value - kept;
        memcpy(to, stored, stored_size);
        to += stored_size;
        kept = f.next;
    }
    memcpy(to, kept, (size_t)(it.end - kept));
    to += it.end - kept;
    for (uint32_t i = 0; fills && i < s->count; i++) {
        const schema_field *field = &s->fields[i];
        if (!field->fill || present[i >> 3] & 1 << (i & 7)) continue;
        memcpy(to, field->fill, field->fill_size);
        to += field->fill_size;
    }
    size_t start = out->size;
    out->size = (size_t)(to - out->data);
    if (out->size - start <= BODY_SIZE_MAX) return VEL_MISMATCH;
    out->size = start;
    return VEL_E_TOO_LARGE;
}

/* A body that is not whole, or not as it is stored. */
static vel_status complete(const verdict *v, const uint8_t *body, size_t size, vel_buffer *out,
                           vel_error *error) {
    const vel_schema *s = v->s;
    uint8_t present[SCHEMA_FIELDS_MAX / 8 + 1] = {0};
    uint32_t fills = 0;
    bool whole = v->mode == SCHEMA_PART || v->met == s->wanted;
    if (!whole) mark_present(s, body, size, present);
    for (uint32_t i = 0; !whole && i < s->count; i++) {
        const schema_field *field = &s->fields[i];
        if (!field->wanted || present[i >> 3] & 1 << (i & 7)) continue;
        if (field->fill && v->mode == SCHEMA_FILL) fills++;
        else if (field->required) return refuse_missing(field, error);
    }
    if (!fills && !v->converted) return VEL_OK;
    if (!out) return VEL_MISMATCH;
    /* A stored time takes less than its text, an int or a float at most 8 bytes more. */
    size_t room = size + 8 * (size_t)v->converted + (fills ? s->fill_size : 0) + 8;
    vel_status status = buffer_reserve(out, room);
    if (!status) status = write_filled(v, body, size, present, fills, out);
    if (status == VEL_E_TOO_LARGE)
        vel_fail(error, status, 0, NULL, 0,
                 "a document may take at most %u bytes, and with its defaults this takes more",
                 BODY_SIZE_MAX);
    return status;
}

/* A value of another type than its field's: null, one that is stored otherwise, or refused. */
static vel_status judge_other(verdict *v, const schema_field *field, const vel_field *f,
                              vel_error *error) {
    uint8_t unused[17];
    if (type_of(*f->value) == TYPE_NULL && !field->required) return VEL_OK;
    if (!convert(field->type, f, unused)) return refuse_value(field, f, error);
    v->converted++;
    return VEL_OK;
}

vel_status schema_fit(const vel_schema *s, const uint8_t *body, size_t size, int mode,
                      vel_buffer *out, vel_error *error) {
    verdict v = {s, mode, 0, 0};
    vel_fields it;
    vel_field f;
    vel_status status = fields_begin(&it, body, size);
    while (!status && !(status = fields_next(&it, &f))) {
        schema_slot slot = slot_of(s, &f);
        if (vel_unlikely(!slot.place)) {
            if (s->strict) return refuse_unknown(s, &f, error);
            continue;
        }
        v.met += slot.wanted;
        if (vel_unlikely(type_of(*f.value) != slot.type))
            status = judge_other(&v, &s->fields[slot.place - 1], &f, error);
    }
    if (vel_unlikely(status == VEL_E_CORRUPT)) return body_unreadable(error);
    if (status != VEL_END) return status;
    if (vel_likely(!v.converted && (mode == SCHEMA_PART || v.met == s->wanted))) return VEL_OK;
    return complete(&v, body, size, out, error);
}
