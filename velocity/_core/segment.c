/* segment.c: see segment.h. */
#include "segment.h"

#include "names.h"
#include "xxh3.h"

#define WATERMARK_AT 64u
#define WATERMARK_SIZE 16u

static const char SEGMENT_MAGIC[8] = {'V', 'E', 'L', 'S', 'E', 'G', '0', '1'};

static vel_status refuse(const char **why, const char *reason) {
    *why = reason;
    return VEL_E_CORRUPT;
}

/* ---- header ---- */

void segment_name(char *out, size_t size, const char *directory, uint64_t id, const char *suffix) {
    snprintf(out, size, "%s/%010llx.%s", directory, (unsigned long long)id, suffix);
}

void segment_header_write(uint8_t *to, const segment_header *h) {
    memset(to, 0, SEGMENT_HEADER_SIZE);
    memcpy(to, SEGMENT_MAGIC, 8);
    store_u32(to + 8, SEGMENT_FORMAT);
    store_u32(to + 12, h->kind);
    store_u64(to + 16, h->id);
    store_u64(to + 24, h->base_seq);
    store_u64(to + 32, h->durable_seq);
    store_u64(to + 40, h->salt);
    store_u64(to + 48, xxh3_64(to, 48, 0));
}

void segment_watermark_write(uint8_t *header, int slot, uint64_t durable_seq, uint64_t salt) {
    uint8_t *to = header + WATERMARK_AT + WATERMARK_SIZE * (uint32_t)(slot & 1);
    store_u64(to, durable_seq);
    store_u64(to + 8, xxh3_64(to, 8, salt));
}

bool segment_header_torn(const uint8_t *from, size_t size) {
    return size < SEGMENT_HEADER_SIZE || load_u64(from + 48) != xxh3_64(from, 48, 0);
}

vel_status segment_header_read(const uint8_t *from, size_t size, segment_header *out,
                               const char **why) {
    if (size < SEGMENT_HEADER_SIZE) return refuse(why, "the segment's header is cut off");
    if (memcmp(from, SEGMENT_MAGIC, 8) != 0) return refuse(why, "not a segment: wrong magic");
    if (segment_header_torn(from, size))
        return refuse(why, "the segment header's checksum does not match");
    if (load_u32(from + 8) != SEGMENT_FORMAT)
        return refuse(why, "the segment has another format version: open it with the version "
                           "of VelocityDB that wrote it");
    out->kind = load_u32(from + 12);
    if (out->kind != SEGMENT_LOG && out->kind != SEGMENT_COMPACTED)
        return refuse(why, "the segment is of unknown kind: written by a newer version");
    if (!all_zero(from + 56, from + 64) || !all_zero(from + 96, from + SEGMENT_HEADER_SIZE))
        return refuse(why, "bytes of the segment's header that must be zero are not");
    out->id = load_u64(from + 16);
    out->base_seq = load_u64(from + 24);
    out->durable_seq = load_u64(from + 32);
    out->salt = load_u64(from + 40);
    for (uint32_t slot = 0; slot < 2; slot++) {
        const uint8_t *p = from + WATERMARK_AT + WATERMARK_SIZE * slot;
        uint64_t seq = load_u64(p);
        if (seq > out->durable_seq && load_u64(p + 8) == xxh3_64(p, 8, out->salt))
            out->durable_seq = seq;
    }
    return VEL_OK;
}

/* ---- operations ---- */

/* Of everything behind the checksum itself; the size counts as the length of that. */
static uint32_t op_checksum(const uint8_t *p, uint32_t size, uint64_t salt) {
    return (uint32_t)xxh3_64(p + 8, size - 8, salt);
}

void op_seal(uint8_t *to, uint8_t kind, uint32_t collection, uint32_t payload_size,
             uint64_t salt) {
    uint32_t size = op_size(payload_size), used = OP_HEADER_SIZE + payload_size;
    store_u32(to, size);
    store_u32(to + 8, collection);
    store_u32(to + 12, kind);
    for (; used < size; used++) to[used] = 0;  /* at most 7, for which memset is a long way */
    store_u32(to + 4, op_checksum(to, size, salt));
}

vel_status define_check(const uint8_t *payload, size_t size, size_t *used, const char **why) {
    if (size < 8) return refuse(why, "the field names are cut off");
    uint32_t first = load_u32(payload), count = load_u32(payload + 4);
    if (first == 0 || first > NAMES_MAX || count > NAMES_MAX + 1 - first)
        return refuse(why, "the numbers of the field names are not in 1..65535");
    const uint8_t *p = payload + 8, *end = payload + size;
    for (uint32_t i = 0; i < count; i++) {
        if (p == end || (size_t)(end - p) <= *p) return refuse(why, "the field names are cut off");
        p += 1 + *p;
    }
    *used = (size_t)(p - payload);
    return VEL_OK;
}

/* A whole payload with its padding: what it holds fills it to the last 7 bytes, which are zero. */
static vel_status payload_check(const segment_op *op, const char **why) {
    size_t used;
    vel_status status;
    if (op->kind == OP_DEFINE) {
        status = define_check(op->payload, op->payload_size, &used, why);
    } else {
        status = record_validate(op->payload, op->payload_size, why);
        if (status == VEL_OK) {
            used = record_size(op->payload);
            bool tombstone = record_flags(op->payload) & RECORD_TOMBSTONE;
            if (tombstone != (op->kind == OP_DELETE))
                return refuse(why, tombstone ? "a put of a tombstone"
                                             : "a delete whose record is no tombstone");
        }
    }
    if (status) return status;
    if (vel_align8(used) != op->payload_size)
        return refuse(why, "the operation is larger than what it holds");
    if (!all_zero(op->payload + used, op->payload + op->payload_size))
        return refuse(why, "the operation's padding is not zero");
    return VEL_OK;
}

vel_status op_read(const uint8_t *p, const uint8_t *end, uint64_t salt, segment_op *out,
                   const char **why) {
    size_t left = (size_t)(end - p);
    if (left < OP_HEADER_SIZE) return refuse(why, "the operation's header is cut off");
    uint32_t size = load_u32(p);
    if (size < OP_SIZE_MIN || size > OP_SIZE_MAX || size % 8)
        return refuse(why, "the operation's size is impossible");
    if (size > left) return refuse(why, "the operation runs past the end of its frame");
    op_view(p, out);
    if (out->checksum != op_checksum(p, size, salt))
        return refuse(why, "the operation's checksum does not match");
    if (out->kind < OP_PUT || out->kind > OP_DEFINE)
        return refuse(why, "the operation is of unknown kind: written by a newer version");
    if (!all_zero(p + 13, p + OP_HEADER_SIZE))
        return refuse(why, "bytes of the operation's header that must be zero are not");
    return payload_check(out, why);
}

/* ---- frames ---- */

/* A frame's length is written and read in place by different threads. */
typedef uint32_t __attribute__((may_alias)) shared_u32;

/* Images in tests may lie anywhere; a mapped file is aligned. */
static uint32_t length_get(const uint8_t *p) {
    if (vel_unlikely((uintptr_t)p % sizeof(shared_u32))) return load_u32(p);
    return atomic_get_acquire((const shared_u32 *)p);
}

static uint64_t checksum_begin(const uint8_t *frame, uint64_t salt) {
    return xxh3_64(frame + 8, FRAME_HEADER_SIZE - 8, salt);
}
static uint64_t checksum_add(uint64_t h, const uint8_t *op) { return xxh3_64(op, 8, h); }

void frame_seal(uint8_t *to, uint32_t length, uint64_t seq, uint32_t count, uint32_t lag,
                uint64_t salt) {
    vel_assert((uintptr_t)to % 8 == 0 && length % 8 == 0);
    store_u64(to + 8, seq);
    store_u32(to + 16, count);
    store_u32(to + 20, lag);
    uint64_t h = checksum_begin(to, salt);
    const uint8_t *p = to + FRAME_HEADER_SIZE;
    for (uint32_t i = 0; i < count; i++) {
        h = checksum_add(h, p);
        p += load_u32(p);
    }
    vel_assert(p == to + length);
    store_u32(to + 4, (uint32_t)h);
    atomic_set_release((shared_u32 *)to, length);
}

static vel_status refuse_at(segment_frame *out, uint64_t at, const char **why,
                            const char *reason) {
    out->bad_at = at;
    return refuse(why, reason);
}

vel_status frame_read(const uint8_t *data, uint64_t size, uint64_t at, uint64_t salt,
                      segment_frame *out, const char **why) {
    memset(out, 0, sizeof *out);
    out->at = at;
    if (at >= size) return VEL_END;
    if (at % 8) return refuse_at(out, at, why, "a frame at an offset that is no multiple of 8");
    const uint8_t *frame = data + at;
    if (size - at < FRAME_HEADER_SIZE) {
        if (all_zero(frame, data + size)) return VEL_END;
        return refuse_at(out, at, why, "the frame's header is cut off");
    }
    uint32_t length = length_get(frame);
    if (length == 0) return VEL_END;
    if (length < FRAME_HEADER_SIZE || length % 8)
        return refuse_at(out, at, why, "the frame's length is impossible");
    if (length > size - at) return refuse_at(out, at, why, "the frame runs past the end");
    uint32_t count = load_u32(frame + 16), lag = load_u32(frame + 20);
    uint64_t seq = load_u64(frame + 8), h = checksum_begin(frame, salt);
    const uint8_t *p = frame + FRAME_HEADER_SIZE, *end = frame + length;
    segment_op op;
    for (uint32_t i = 0; i < count; i++) {
        if (op_read(p, end, salt, &op, why) != VEL_OK)
            return refuse_at(out, (uint64_t)(p - data), why, *why);
        h = checksum_add(h, p);
        p += op.size;
    }
    if (p != end) return refuse_at(out, at, why, "the frame is longer than its operations");
    if (load_u32(frame + 4) != (uint32_t)h)
        return refuse_at(out, at, why, "the frame's checksum does not match");
    if (lag != FRAME_LAG_MAX && lag > seq)
        return refuse_at(out, at, why, "the frame's lag is larger than its sequence");
    out->seq = seq;
    out->durable_seq = lag == FRAME_LAG_MAX ? 0 : seq - lag;
    out->length = length;
    out->count = count;
    return VEL_OK;
}

/* What the header and the operations' sizes alone can tell, before any payload is read. */
static bool frame_plausible(const uint8_t *frame, uint64_t left, uint64_t salt, uint64_t seq) {
    uint32_t length = load_u32(frame);
    if (length < FRAME_HEADER_SIZE || length % 8 || length > left) return false;
    uint64_t frame_seq = load_u64(frame + 8);
    uint32_t count = load_u32(frame + 16), lag = load_u32(frame + 20);
    if (lag == FRAME_LAG_MAX || lag > frame_seq || frame_seq - lag < seq) return false;
    if (count > (length - FRAME_HEADER_SIZE) / OP_SIZE_MIN) return false;
    uint64_t h = checksum_begin(frame, salt);
    const uint8_t *p = frame + FRAME_HEADER_SIZE, *end = frame + length;
    for (uint32_t i = 0; i < count; i++) {
        if ((size_t)(end - p) < OP_SIZE_MIN) return false;
        uint32_t size = load_u32(p);
        if (size < OP_SIZE_MIN || size % 8 || size > (size_t)(end - p)) return false;
        h = checksum_add(h, p);
        p += size;
    }
    return p == end && load_u32(frame + 4) == (uint32_t)h;
}

bool frame_search_durable(const uint8_t *data, uint64_t size, uint64_t at, uint64_t salt,
                          uint64_t seq) {
    segment_frame frame;
    const char *why;
    if (at >= size) return false; /* also keeps the sums below from wrapping */
    for (at = (at & ~(uint64_t)7) + 8; at < size && size - at >= FRAME_HEADER_SIZE; at += 8) {
        if (load_u32(data + at) == 0 || !frame_plausible(data + at, size - at, salt, seq)) continue;
        if (frame_read(data, size, at, salt, &frame, &why) == VEL_OK) return true;
    }
    return false;
}
