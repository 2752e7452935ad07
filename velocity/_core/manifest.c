/* manifest.c: see manifest.h. */
#include "manifest.h"

#include <unistd.h>

#include "segment.h"
#include "xxh3.h"

#define COLLECTION_SIZE_MIN 25u /* bytes of an encoded collection with empty strings */
#define SEGMENT_ENTRY_SIZE 52u  /* bytes of an encoded segment */

static const char MANIFEST_MAGIC[8] = {'V', 'E', 'L', 'M', 'A', 'N', 'I', '1'};

/* ---- rules that hold for every manifest, written or read ---- */

static const char *collection_check(const vel_manifest *m, const manifest_collection *c) {
    size_t used;
    const char *why;
    if (c->id >= m->next_collection_id) return "a collection's id is not below the next one";
    if (c->level > 3) return "unknown consistency level: written by a newer version";
    if (c->metadata_size > METADATA_SIZE_MAX) return "a collection's metadata is too large";
    if (c->names_size == 0) return NULL;
    if (define_check(c->names, c->names_size, &used, &why) != VEL_OK) return why;
    if (load_u32(c->names) != 1) return "the field names do not begin with number 1";
    return used == c->names_size ? NULL : "bytes after the field names";
}

static const char *segment_check(const vel_manifest *m, const manifest_segment *s) {
    if (s->id >= m->next_segment_id) return "a segment's id is not below the next one";
    if (s->kind != SEGMENT_LOG && s->kind != SEGMENT_COMPACTED)
        return "unknown kind of segment: written by a newer version";
    return s->size <= SEGMENT_SIZE_MAX ? NULL : "a segment is larger than 1 GiB";
}

/* ---- encode ---- */

static uint8_t *put_string(uint8_t *p, const uint8_t *data, uint32_t size) {
    store_u32(p, size);
    if (size) memcpy(p + 4, data, size);
    return p + 4 + size;
}
static uint8_t *put_u32(uint8_t *p, uint32_t v) { store_u32(p, v); return p + 4; }
static uint8_t *put_u64(uint8_t *p, uint64_t v) { store_u64(p, v); return p + 8; }

/* The payload's size, or 0 when something in it may not be. */
static uint64_t payload_measure(const vel_manifest *m) {
    uint64_t size = 16 + 8 + 8 + 4 + 4 + 8 + 8 + 8 + 8 + 4 + 4;
    if (m->clean > 1 || (m->checkpoint && !m->clean)) return 0;
    for (uint32_t i = 0; i < m->collection_count; i++) {
        const manifest_collection *c = &m->collections[i];
        if (collection_check(m, c)) return 0;
        size += COLLECTION_SIZE_MIN + (uint64_t)c->name_size + c->names_size + c->metadata_size;
    }
    for (uint32_t i = 0; i < m->segment_count; i++)
        if (segment_check(m, &m->segments[i])) return 0;
    return size + (uint64_t)m->segment_count * SEGMENT_ENTRY_SIZE;
}

static uint8_t *payload_write(const vel_manifest *m, uint8_t *p) {
    memcpy(p, m->uuid, 16);
    p = put_u64(p + 16, m->hash_seed);
    p = put_u64(p, m->next_segment_id);
    p = put_u32(p, m->next_collection_id);
    p = put_u32(p, m->clean);
    p = put_u64(p, m->sealed_seq);
    p = put_u64(p, m->durable_seq);
    p = put_u64(p, (uint64_t)m->last_stamp);
    p = put_u64(p, m->checkpoint);
    p = put_u32(p, m->collection_count);
    for (uint32_t i = 0; i < m->collection_count; i++) {
        const manifest_collection *c = &m->collections[i];
        p = put_u32(p, c->id);
        *p++ = c->level;
        p = put_string(p, c->name, c->name_size);
        p = put_string(p, c->names, c->names_size);
        p = put_string(p, c->metadata, c->metadata_size);
        p = put_u64(p, c->documents);
    }
    p = put_u32(p, m->segment_count);
    for (uint32_t i = 0; i < m->segment_count; i++) {
        const manifest_segment *s = &m->segments[i];
        p = put_u64(p, s->id);
        p = put_u64(p, s->salt);
        p = put_u64(p, s->base_seq);
        p = put_u64(p, s->last_seq);
        p = put_u64(p, s->size);
        p = put_u32(p, s->kind);
        p = put_u64(p, (uint64_t)s->cleaned_stamp);
    }
    return p;
}

vel_status manifest_encode(const vel_manifest *m, vel_buffer *out) {
    uint64_t size = payload_measure(m);
    if (size == 0) return VEL_E_INVALID;
    if (size > MANIFEST_SIZE_MAX - MANIFEST_HEADER_SIZE) return VEL_E_TOO_LARGE;
    if (buffer_reserve(out, MANIFEST_HEADER_SIZE + (size_t)size) != VEL_OK) return VEL_E_NOMEM;
    uint8_t *to = out->data + out->size, *payload = to + MANIFEST_HEADER_SIZE;
    uint8_t *end = payload_write(m, payload);
    vel_assert(end == payload + size);
    memcpy(to, MANIFEST_MAGIC, 8);
    store_u32(to + 8, MANIFEST_FORMAT);
    store_u32(to + 12, (uint32_t)size);
    store_u64(to + 16, xxh3_64(payload, (size_t)size, size));
    out->size = (size_t)(end - out->data);
    return VEL_OK;
}

/* ---- decode ---- */

/* A bounded reader: after the first failure `status` stays set and every get gives 0. */
typedef struct {
    const uint8_t *at, *end;
    const uint8_t *item; /* beginning of what is being read, for the error's place */
    vel_status status;
    const char *why;
} reader;

static void reader_fail(reader *r, vel_status status, const char *why) {
    if (r->status) return;
    r->status = status;
    r->why = why;
    r->at = r->end;
}

static const uint8_t *get_bytes(reader *r, size_t size) {
    if (r->status || (size_t)(r->end - r->at) < size) {
        reader_fail(r, VEL_E_CORRUPT, "the manifest is cut off");
        return NULL;
    }
    r->at += size;
    return r->at - size;
}
static uint32_t get_u32(reader *r) {
    const uint8_t *p = get_bytes(r, 4);
    return p ? load_u32(p) : 0;
}
static uint64_t get_u64(reader *r) {
    const uint8_t *p = get_bytes(r, 8);
    return p ? load_u64(p) : 0;
}

static void get_string(reader *r, uint8_t **out, uint32_t *size) {
    uint32_t n = get_u32(r);
    const uint8_t *from = get_bytes(r, n);
    if (!from || n == 0) return;
    *out = malloc(n);
    if (!*out) {
        reader_fail(r, VEL_E_NOMEM, "no memory for the manifest");
        return;
    }
    memcpy(*out, from, n);
    *size = n;
}

/* Zeroed room for `count` items of which each takes at least encoded_min bytes of what is left, so
 * that a forged count cannot ask for more memory than the file is long. NULL for 0. */
static void *get_list(reader *r, uint32_t count, size_t item_size, size_t encoded_min) {
    if (count == 0 || r->status) return NULL;
    if (count > (size_t)(r->end - r->at) / encoded_min) {
        reader_fail(r, VEL_E_CORRUPT, "a count is larger than the manifest");
        return NULL;
    }
    void *list = calloc(count, item_size);
    if (!list) reader_fail(r, VEL_E_NOMEM, "no memory for the manifest");
    return list;
}

static void read_collections(reader *r, vel_manifest *m) {
    r->item = r->at;
    uint32_t count = get_u32(r);
    m->collections = get_list(r, count, sizeof *m->collections, COLLECTION_SIZE_MIN);
    m->collection_count = m->collections ? count : 0;
    for (uint32_t i = 0; i < m->collection_count && !r->status; i++) {
        manifest_collection *c = &m->collections[i];
        r->item = r->at;
        c->id = get_u32(r);
        const uint8_t *level = get_bytes(r, 1);
        c->level = level ? *level : 0;
        get_string(r, &c->name, &c->name_size);
        get_string(r, &c->names, &c->names_size);
        get_string(r, &c->metadata, &c->metadata_size);
        c->documents = get_u64(r);
        const char *why = r->status ? NULL : collection_check(m, c);
        if (why) reader_fail(r, VEL_E_CORRUPT, why);
    }
}

static void read_segments(reader *r, vel_manifest *m) {
    if (r->status) return;
    r->item = r->at;
    uint32_t count = get_u32(r);
    m->segments = get_list(r, count, sizeof *m->segments, SEGMENT_ENTRY_SIZE);
    m->segment_count = m->segments ? count : 0;
    for (uint32_t i = 0; i < m->segment_count && !r->status; i++) {
        manifest_segment *s = &m->segments[i];
        r->item = r->at;
        s->id = get_u64(r);
        s->salt = get_u64(r);
        s->base_seq = get_u64(r);
        s->last_seq = get_u64(r);
        s->size = get_u64(r);
        s->kind = get_u32(r);
        s->cleaned_stamp = (int64_t)get_u64(r);
        const char *why = r->status ? NULL : segment_check(m, s);
        if (why) reader_fail(r, VEL_E_CORRUPT, why);
    }
}

static void read_payload(reader *r, vel_manifest *m) {
    const uint8_t *uuid = get_bytes(r, 16);
    if (uuid) memcpy(m->uuid, uuid, 16);
    m->hash_seed = get_u64(r);
    m->next_segment_id = get_u64(r);
    m->next_collection_id = get_u32(r);
    m->clean = get_u32(r);
    if (m->clean > 1) reader_fail(r, VEL_E_CORRUPT, "unknown flags: written by a newer version");
    m->sealed_seq = get_u64(r);
    m->durable_seq = get_u64(r);
    m->last_stamp = (int64_t)get_u64(r);
    m->checkpoint = get_u64(r);
    if (m->checkpoint && !m->clean)
        reader_fail(r, VEL_E_CORRUPT, "a checkpoint of a database that was not closed");
    read_collections(r, m);
    read_segments(r, m);
    if (r->status) return;
    r->item = r->at;
    if (r->at != r->end) reader_fail(r, VEL_E_CORRUPT, "bytes after the manifest's end");
}

/* Why the header is refused, and where; NULL when it holds. */
static const char *header_check(const uint8_t *data, size_t size, uint64_t *where) {
    *where = 0;
    if (size < MANIFEST_HEADER_SIZE) return "the manifest's header is cut off";
    if (memcmp(data, MANIFEST_MAGIC, 8) != 0) return "not a manifest: wrong magic";
    *where = 8;
    if (load_u32(data + 8) > MANIFEST_FORMAT)
        return "the manifest has a newer format version: open it with the version of VelocityDB "
               "that wrote it";
    if (load_u32(data + 8) != MANIFEST_FORMAT) return "the manifest's format version is unknown";
    *where = 12;
    uint32_t payload = load_u32(data + 12);
    if (payload != size - MANIFEST_HEADER_SIZE) return "the manifest does not have its size";
    *where = 16;
    if (load_u64(data + 16) != xxh3_64(data + MANIFEST_HEADER_SIZE, payload, payload))
        return "the manifest's checksum does not match";
    return NULL;
}

vel_status manifest_decode(const uint8_t *data, size_t size, vel_manifest *out, uint64_t *where,
                           const char **why) {
    memset(out, 0, sizeof *out);
    *why = header_check(data, size, where);
    if (*why) return VEL_E_CORRUPT;
    const uint8_t *payload = data + MANIFEST_HEADER_SIZE;
    reader r = {payload, data + size, payload, VEL_OK, NULL};
    read_payload(&r, out);
    if (r.status == VEL_OK) return VEL_OK;
    *where = (uint64_t)(r.item - data);
    *why = r.why;
    manifest_free(out);
    return r.status;
}

void manifest_free(vel_manifest *m) {
    for (uint32_t i = 0; i < m->collection_count; i++) {
        free(m->collections[i].name);
        free(m->collections[i].names);
        free(m->collections[i].metadata);
    }
    free(m->collections);
    free(m->segments);
    memset(m, 0, sizeof *m);
}

/* ---- files ---- */

static vel_status manifest_path(char *out, const char *directory, vel_error *error) {
    int n = snprintf(out, VEL_PATH_MAX, "%s/MANIFEST", directory);
    if (n > 0 && n < VEL_PATH_MAX) return VEL_OK;
    return vel_fail(error, VEL_E_INVALID, 0, directory, 0, "the path is too long");
}

bool manifest_exists(const char *directory) {
    char path[VEL_PATH_MAX];
    return manifest_path(path, directory, NULL) || !access(path, F_OK) || errno != ENOENT;
}

vel_status manifest_load(const char *directory, vel_manifest *out, vel_error *error) {
    char path[VEL_PATH_MAX];
    vel_buffer data = {0};
    uint64_t where;
    const char *why;
    memset(out, 0, sizeof *out);
    vel_status status = manifest_path(path, directory, error);
    if (status == VEL_OK) status = file_load(path, MANIFEST_SIZE_MAX, &data, error);
    if (status == VEL_OK) {
        status = manifest_decode(data.data, data.size, out, &where, &why);
        if (status) vel_fail(error, status, 0, path, where, "%s", why);
    }
    buffer_free(&data);
    return status;
}

vel_status manifest_store(const char *directory, const vel_manifest *m, bool *in_place,
                          vel_error *error) {
    char path[VEL_PATH_MAX];
    vel_buffer data = {0};
    vel_status status = manifest_path(path, directory, error);
    if (status) return status;
    status = manifest_encode(m, &data);
    if (status == VEL_OK)
        status = file_replace(directory, path, data.data, data.size, in_place, error);
    else vel_fail(error, status, 0, path, 0, "the catalog cannot be written as a manifest");
    buffer_free(&data);
    return status;
}
