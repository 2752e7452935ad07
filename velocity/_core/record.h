/* record.h: one document as one immutable run of bytes, the same in memory and in the log.
 *
 *   offset  size  field
 *   0       4     size: bytes of the whole record, header included
 *   4       2     id_size: 1..1024
 *   6       1     flags: RECORD_*; unknown flags are refused
 *   7       1     version, 1..255; 0 when RECORD_WIDE_VERSION
 *   8       8     modified: i64 ns since 1970, the record's stamp: unique, rising in one database
 *   16      8     created: i64 ns, when RECORD_CREATED (else it is `modified`)
 *   +       8     expiry: i64 ns, when RECORD_EXPIRY
 *   +       8     version: u64 > 255, when RECORD_WIDE_VERSION
 *   +       id_size   id, UTF-8
 *   +       rest  body (value.h); empty for a tombstone
 *
 * Never changed in place, so readers need no lock. Thread-safe: no state.
 */
#ifndef VEL_RECORD_H
#define VEL_RECORD_H

#include "base.h"
#include "value.h"

#define ID_SIZE_MAX 1024u
#define RECORD_HEADER_SIZE 16u
#define RECORD_HEADER_MAX 40u
#define RECORD_SIZE_MAX (RECORD_HEADER_MAX + ID_SIZE_MAX + BODY_SIZE_MAX)

enum {
    RECORD_CREATED = 1, RECORD_EXPIRY = 2, RECORD_WIDE_VERSION = 4, RECORD_TOMBSTONE = 8,
    RECORD_FLAGS = 15
};

typedef struct {
    int64_t modified, created, expiry;  /* ns since 1970; expiry 0: never */
    uint64_t version;
    const uint8_t *id, *body;
    uint32_t size, body_size;           /* bytes */
    uint16_t id_size;
    uint8_t flags;
} vel_record;

VEL_INLINE uint32_t record_size(const uint8_t *r) { return load_u32(r); }
VEL_INLINE uint16_t record_id_size(const uint8_t *r) { return load_u16(r + 4); }
VEL_INLINE uint8_t record_flags(const uint8_t *r) { return r[6]; }
VEL_INLINE int64_t record_stamp(const uint8_t *r) { return load_i64(r + 8); }
VEL_INLINE uint32_t record_header_size(uint8_t flags) {
    /* One word for each of the three low flags that is set. */
    return RECORD_HEADER_SIZE + 8 * (uint32_t)((flags & 1) + (flags >> 1 & 1) + (flags >> 2 & 1));
}
VEL_INLINE const uint8_t *record_id(const uint8_t *r) { return r + record_header_size(r[6]); }
VEL_INLINE int64_t record_expiry(const uint8_t *r) {
    return (r[6] & RECORD_EXPIRY) ? load_i64(r + (r[6] & RECORD_CREATED ? 24 : 16)) : 0;
}
VEL_INLINE uint64_t record_version(const uint8_t *r) {
    return (r[6] & RECORD_WIDE_VERSION) ? load_u64(record_id(r) - 8) : r[7];
}
VEL_INLINE bool record_has_id(const uint8_t *r, const uint8_t *id, size_t id_size) {
    return record_id_size(r) == id_size && memcmp(record_id(r), id, id_size) == 0;
}

/* Fill *out from a record that is known to be whole (checked by its log checksum, or made here). */
VEL_INLINE void record_read(const uint8_t *r, vel_record *out) {
    out->size = load_u32(r);
    out->id_size = load_u16(r + 4);
    out->flags = r[6];
    out->modified = load_i64(r + 8);
    const uint8_t *p = r + 16;
    out->created = out->modified;
    if (out->flags & RECORD_CREATED) { out->created = load_i64(p); p += 8; }
    out->expiry = 0;
    if (out->flags & RECORD_EXPIRY) { out->expiry = load_i64(p); p += 8; }
    out->version = r[7];
    if (out->flags & RECORD_WIDE_VERSION) { out->version = load_u64(p); p += 8; }
    out->id = p;
    out->body = p + out->id_size;
    out->body_size = out->size - (uint32_t)(out->body - r);
}

/* Bytes that record_write will write for these fields; sets r->flags and r->size. Input: everything
 * but size, flags (tombstone is kept as given in flags). created == modified takes no room. */
VEL_INLINE uint32_t record_measure(vel_record *r) {
    uint8_t flags = r->flags & RECORD_TOMBSTONE;
    if (r->created != r->modified) flags |= RECORD_CREATED;
    if (r->expiry) flags |= RECORD_EXPIRY;
    if (r->version > 255) flags |= RECORD_WIDE_VERSION;
    r->flags = flags;
    r->size = record_header_size(flags) + r->id_size + r->body_size;
    return r->size;
}

/* Write a measured record; `to` has r->size bytes. */
VEL_INLINE void record_write(const vel_record *r, uint8_t *to) {
    store_u32(to, r->size);
    store_u16(to + 4, r->id_size);
    to[6] = r->flags;
    to[7] = r->flags & RECORD_WIDE_VERSION ? 0 : (uint8_t)r->version;
    store_i64(to + 8, r->modified);
    uint8_t *p = to + 16;
    if (r->flags & RECORD_CREATED) { store_i64(p, r->created); p += 8; }
    if (r->flags & RECORD_EXPIRY) { store_i64(p, r->expiry); p += 8; }
    if (r->flags & RECORD_WIDE_VERSION) { store_u64(p, r->version); p += 8; }
    memcpy(p, r->id, r->id_size);
    if (r->body_size) memcpy(p + r->id_size, r->body, r->body_size);
}

/* Append a copy of a record and padding to 8 bytes. VEL_OK or VEL_E_NOMEM. */
VEL_INLINE vel_status record_append(vel_buffer *to, const uint8_t *r) {
    size_t size = vel_align8(record_size(r));
    vel_status status = buffer_reserve(to, size);
    if (status) return status;
    memcpy(to->data + to->size, r, record_size(r));
    to->size += size;
    return VEL_OK;
}

/* Check bytes from outside: sizes, flags, versions, UTF-8 of the id, and that nothing has two
 * encodings. `size` is how many bytes there are; the record may be shorter (padding follows it in
 * the log). The body is body_validate's. VEL_OK or VEL_E_CORRUPT with a static text in *why. */
vel_status record_validate(const uint8_t *r, size_t size, const char **why);

#endif
