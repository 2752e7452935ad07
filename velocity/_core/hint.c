/* hint.c: hint files, see segment.h. */
#include "segment.h"
#include "xxh3.h"

static const char HINT_MAGIC[8] = {'V', 'E', 'L', 'H', 'I', 'N', 'T', '1'};

#define WHERE_BITS ((uint64_t)0xFF << 32 | 0x7FFFFFF)

/* Whether entries may describe the operations of a segment of that size: each inside, in order,
 * none over another. The segment itself is not read. */
static bool entries_fit(const hint_entry *entries, size_t count, uint64_t segment_size) {
    uint64_t free_from = SEGMENT_HEADER_SIZE + FRAME_HEADER_SIZE;
    if (segment_size > SEGMENT_SIZE_MAX) return false;
    for (size_t i = 0; i < count; i++) {
        const hint_entry *e = &entries[i];
        uint64_t at = hint_offset(e);
        uint8_t kind = hint_kind(e);
        if ((e->where & ~WHERE_BITS) || e->_pad) return false;
        if (kind < OP_PUT || kind > OP_DEFINE) return false;
        if (kind == OP_DEFINE && (e->hash || e->stamp || e->expiry)) return false;
        if (e->size < OP_SIZE_MIN || e->size > OP_SIZE_MAX || e->size % 8) return false;
        if (at < free_from || at > segment_size || e->size > segment_size - at) return false;
        free_from = at + e->size;
    }
    return true;
}

vel_status hint_write(vel_buffer *out, uint64_t segment_id, uint64_t salt, uint64_t segment_size,
                      const hint_entry *entries, size_t count) {
    if (!entries_fit(entries, count, segment_size)) return VEL_E_INVALID;
    size_t bytes = count * sizeof(hint_entry); /* fits: entries lie apart in at most 1 GiB */
    if (buffer_reserve(out, HINT_HEADER_SIZE + bytes) != VEL_OK) return VEL_E_NOMEM;
    uint8_t *to = out->data + out->size;
    memcpy(to, HINT_MAGIC, 8);
    store_u32(to + 8, HINT_FORMAT);
    store_u32(to + 12, sizeof(hint_entry));
    store_u64(to + 16, segment_id);
    store_u64(to + 24, salt);
    store_u64(to + 32, count);
    store_u64(to + 40, segment_size);
    if (bytes) memcpy(to + HINT_HEADER_SIZE, entries, bytes);
    store_u64(to + 48, xxh3_64(to + HINT_HEADER_SIZE, bytes, salt));
    store_u64(to + 56, xxh3_64(to, 56, 0));
    out->size += HINT_HEADER_SIZE + bytes;
    return VEL_OK;
}

vel_status hint_read(const uint8_t *data, size_t size, uint64_t segment_id, uint64_t salt,
                     uint64_t segment_size, const hint_entry **entries, size_t *count) {
    if (size < HINT_HEADER_SIZE || memcmp(data, HINT_MAGIC, 8) != 0) return VEL_E_CORRUPT;
    if (load_u64(data + 56) != xxh3_64(data, 56, 0)) return VEL_E_CORRUPT;
    if (load_u32(data + 8) != HINT_FORMAT || load_u32(data + 12) != sizeof(hint_entry))
        return VEL_E_CORRUPT;
    if (load_u64(data + 16) != segment_id || load_u64(data + 24) != salt ||
        load_u64(data + 40) != segment_size)
        return VEL_E_CORRUPT;
    size_t bytes = size - HINT_HEADER_SIZE;
    if (bytes % sizeof(hint_entry) || load_u64(data + 32) != bytes / sizeof(hint_entry))
        return VEL_E_CORRUPT;
    if (load_u64(data + 48) != xxh3_64(data + HINT_HEADER_SIZE, bytes, salt)) return VEL_E_CORRUPT;
    vel_assert((uintptr_t)data % 8 == 0);
    const hint_entry *found = (const hint_entry *)(const void *)(data + HINT_HEADER_SIZE);
    if (!entries_fit(found, bytes / sizeof(hint_entry), segment_size)) return VEL_E_CORRUPT;
    *entries = found;
    *count = bytes / sizeof(hint_entry);
    return VEL_OK;
}
