/* record.c: see record.h. */
#include "record.h"

static const char *version_check(const uint8_t *r, uint8_t flags) {
    if (!(flags & RECORD_WIDE_VERSION)) return r[7] ? NULL : "the record's version is 0";
    if (r[7]) return "the record has two versions";
    return record_version(r) > 255 ? NULL : "the record's wide version is below 256";
}

static const char *record_check(const uint8_t *r, size_t size) {
    if (size < RECORD_HEADER_SIZE) return "the record's header is cut off";
    uint32_t whole = record_size(r);
    uint8_t flags = record_flags(r);
    if (whole > size) return "the record runs past its end";
    if (flags & ~RECORD_FLAGS) return "unknown record flag: written by a newer version";
    uint32_t head = record_header_size(flags), id_size = record_id_size(r);
    if (id_size == 0 || id_size > ID_SIZE_MAX) return "the id's size is not in 1..1024";
    if (whole < head + id_size) return "the record is too small for its header and id";
    uint32_t body_size = whole - head - id_size;
    if (body_size > BODY_SIZE_MAX) return "the record's body is larger than 16 MiB";
    if ((flags & RECORD_TOMBSTONE) && body_size) return "a tombstone with a body";
    if ((flags & RECORD_CREATED) && load_i64(r + 16) == record_stamp(r))
        return "the record's created time is given though it equals the modified time";
    if ((flags & RECORD_EXPIRY) && record_expiry(r) == 0) return "the record's expiry is 0";
    const char *why = version_check(r, flags);
    if (why) return why;
    return utf8_valid(record_id(r), id_size) ? NULL : "the id is not UTF-8";
}

vel_status record_validate(const uint8_t *r, size_t size, const char **why) {
    const char *reason = record_check(r, size);
    if (!reason) return VEL_OK;
    *why = reason;
    return VEL_E_CORRUPT;
}
