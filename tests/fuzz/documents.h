/* documents.h: for the targets that read documents: a collection's names and bodies cut out of an
 * input.
 *
 * What reads bodies gets them from records whose frame in the log has its right checksum, so they
 * are what an encoder wrote, unless somebody made the file to harm. Opening does not check bodies
 * once more (that is `velocity verify`, with body_validate), so behind it everything must be right
 * on the bodies that body_validate accepts, and stay within their bytes on all others: answers may
 * then be wrong, memory is not. Targets read both kinds; CHECKs on answers hold for valid ones.
 * Conditions, paths and schemas come from callers and are never hostile.
 */
#ifndef VEL_FUZZ_DOCUMENTS_H
#define VEL_FUZZ_DOCUMENTS_H

#include "fuzz.h"
#include "names.h"
#include "record.h"
#include "value.h"

#define NAMES 64u  /* at most: n0, n1, ... */

static inline vel_names *names_make(uint32_t count) {
    vel_names *names = names_new();
    for (uint32_t i = 0, number; i < count; i++) {
        char name[8];
        int size = snprintf(name, sizeof name, "n%u", i);
        CHECK(names_add(names, (const uint8_t *)name, (size_t)size, &number) == VEL_OK);
    }
    return names;
}

/* An input that is used up from its begin; zeros behind its end. */
typedef struct { const uint8_t *at, *end; } input;

static inline uint8_t input_byte(input *in) { return in->at < in->end ? *in->at++ : 0; }

typedef struct {
    uint8_t *record;      /* whole, of the id `d`; its last byte is the body's */
    uint8_t *object;      /* the body as a value */
    const uint8_t *body;
    size_t size;
    bool valid;
} document;

static inline document document_of(const uint8_t *body, size_t size, uint32_t name_count) {
    size_t where = 0;
    const char *why = NULL;
    vel_record r = {.modified = 1, .created = 1, .version = 1, .id = (const uint8_t *)"d",
                    .id_size = 1, .body = body, .body_size = (uint32_t)size};
    document d = {.record = malloc(record_measure(&r)), .object = malloc(5 + size), .size = size};
    record_write(&r, d.record);
    d.body = d.record + r.size - size;
    d.object[0] = TAG_OBJECT32;
    store_u32(d.object + 1, (uint32_t)size);
    if (size) memcpy(d.object + 5, body, size);
    d.valid = body_validate(d.body, size, name_count, &where, &why) == VEL_OK;
    CHECK(d.valid || (why && where <= size));
    return d;
}

static inline void document_free(document *d) {
    free(d->record);
    free(d->object);
}

/* u16 size, body. */
static inline document input_document(input *in, uint32_t name_count) {
    size_t size = input_byte(in), left;
    size |= (size_t)input_byte(in) << 8;
    left = (size_t)(in->end - in->at);
    if (size > left) size = left;
    in->at += size;
    return document_of(in->at - size, size, name_count);
}

/* A dotted path: u8 count of parts (1..4), each part a u8: a name, a position, or an inline name. */
#define PATH_TEXT 32
static inline size_t input_path(input *in, char text[PATH_TEXT]) {
    uint32_t parts = input_byte(in) % 4 + 1;
    size_t size = 0;
    while (parts--) {
        uint8_t part = input_byte(in);
        const char *form = part < 2 * NAMES ? "n%u" : part < 240 ? "%u" : "x%u";
        uint32_t number = part < 2 * NAMES ? part % NAMES : part % 16;
        size += (size_t)snprintf(text + size, PATH_TEXT - size, form, number);
        if (parts) text[size++] = '.';
    }
    return size;
}

/* The top-level field at a position, around the end; false: there is none. */
static inline bool document_field(const document *d, uint32_t position, vel_field *out) {
    vel_fields it;
    if (!d->valid || fields_begin(&it, d->body, d->size) || !it.left) return false;
    for (position %= it.left; fields_next(&it, out) == VEL_OK; position--)
        if (!position) return true;
    return false;
}

#endif
