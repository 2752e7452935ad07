/* segment.h: one file of the log: its header, frames and operations; writing, walking and checking.
 *
 * File NNNNNNNNNN.seg (ten hex digits, the segment's id):
 *   header, SEGMENT_HEADER_SIZE bytes:
 *     0   8  magic "VELSEG01"     8   4  format version (1)
 *     12  4  kind: SEGMENT_LOG, SEGMENT_COMPACTED
 *     16  8  id                   24  8  base_seq: first frame's sequence is at least this
 *     32  8  durable_seq when made       40  8  salt (random)
 *     48  8  XXH3-64 of bytes 0..48, seed 0
 *     56  8  zero
 *     64  16 + 16  two watermark slots: u64 durable_seq, u64 XXH3-64 of those 8 bytes seeded with
 *            salt; written in turn
 *     96  32 zero
 *   frames, each 8-aligned, until a zero length or the end of the file:
 *     0   4  length: bytes of the frame, header included, a multiple of 8
 *     4   4  checksum: see frame_checksum
 *     8   8  seq     16  4  count of operations
 *     20  4  lag: seq - the durable sequence when written; FRAME_LAG_MAX: that or more, not known
 *   operations, each 8-aligned:
 *     0   4  size: bytes, header and padding included, a multiple of 8
 *     4   4  checksum: low 32 bits of XXH3-64 of bytes 8..size, seeded with salt; the size is
 *            covered as the length of what is hashed
 *     8   4  collection id             12  1  kind: OP_*             13  3  zero
 *     16  .. payload: a record for OP_PUT and OP_DELETE (tombstone), names.h's DEFINE for
 *            OP_DEFINE; zero padded
 *
 * frame_checksum: h = XXH3-64(bytes 8..24, salt), then for each operation h = XXH3-64(its 8 bytes
 * size and checksum, h); the low 32 bits. The length is implied by the operations and checked by
 * walking.
 *
 * One frame is one batch: the unit of atomicity. In log segments sequences rise by one from frame
 * to frame, across segments too. In compacted segments they rise, with gaps.
 *
 * The frame's length is stored last (release), so a process killed in the middle leaves a zero
 * length; bytes after a zero length may be anything and are not read.
 *
 * Thread-safe: works on its arguments. Every reader is bounded and refuses any malformed bytes.
 */
#ifndef VEL_SEGMENT_H
#define VEL_SEGMENT_H

#include "base.h"
#include "record.h"

#define SEGMENT_FORMAT 1
#define SEGMENT_HEADER_SIZE 128u
#define SEGMENT_SIZE_MAX ((uint64_t)1 << 30)
#define FRAME_HEADER_SIZE 24u
#define FRAME_LAG_MAX UINT32_MAX
#define OP_HEADER_SIZE 16u
#define OP_SIZE_MIN 32u /* no payload is shorter than a DEFINE of one empty name, padded */
#define OP_SIZE_MAX (OP_HEADER_SIZE + (uint32_t)vel_align8(RECORD_SIZE_MAX))

enum { SEGMENT_LOG = 1, SEGMENT_COMPACTED = 2 };
enum { OP_PUT = 1, OP_DELETE = 2, OP_DEFINE = 3 };

typedef struct {
    uint64_t id, base_seq;
    uint64_t durable_seq;  /* highest valid of header and watermark slots */
    uint64_t salt;
    uint32_t kind;
} segment_header;

/* suffix: "seg" or "hint". */
void segment_name(char *out, size_t size, const char *directory, uint64_t id, const char *suffix);
void segment_header_write(uint8_t *to, const segment_header *h);
/* VEL_E_CORRUPT with *why; a wrong version says so. A damaged watermark slot counts for nothing. */
vel_status segment_header_read(const uint8_t *from, size_t size, segment_header *out,
                               const char **why);
/* Whether it is no whole header: cut off or its checksum is wrong. In a segment that no manifest
 * lists that is how a crash leaves one that was just being made; nothing in it was synced. */
bool segment_header_torn(const uint8_t *from, size_t size);
void segment_watermark_write(uint8_t *header, int slot, uint64_t durable_seq, uint64_t salt);

/* One operation. `at` is its offset in the file (multiple of 8). */
typedef struct {
    uint64_t at;
    const uint8_t *payload;
    uint32_t payload_size;   /* padded size; a record knows its own */
    uint32_t size, checksum, collection;
    uint8_t kind;
} segment_op;

/* Bytes of an operation with this payload. */
VEL_INLINE uint32_t op_size(uint32_t payload_size) {
    return OP_HEADER_SIZE + (uint32_t)vel_align8(payload_size);
}
/* Finish an operation whose payload (payload_size bytes) is already at to+OP_HEADER_SIZE: header,
 * padding, checksum. */
void op_seal(uint8_t *to, uint8_t kind, uint32_t collection, uint32_t payload_size, uint64_t salt);
/* Finish a frame whose operations are all sealed; stores the length last. `to` is 8-aligned. */
void frame_seal(uint8_t *to, uint32_t length, uint64_t seq, uint32_t count, uint32_t lag,
                uint64_t salt);

/* Check one operation at `p` (its bytes to `end`): VEL_OK with *out (at is filled by the caller),
 * VEL_E_CORRUPT with *why. Records are validated as records (header, not body); kinds and zero
 * bytes are checked. */
vel_status op_read(const uint8_t *p, const uint8_t *end, uint64_t salt, segment_op *out,
                   const char **why);
/* The same without a check, for operations of a frame that frame_read has accepted. */
VEL_INLINE void op_view(const uint8_t *p, segment_op *out) {
    out->at = 0;
    out->size = load_u32(p);
    out->checksum = load_u32(p + 4);
    out->collection = load_u32(p + 8);
    out->kind = p[12];
    out->payload = p + OP_HEADER_SIZE;
    out->payload_size = out->size - OP_HEADER_SIZE;
}
/* Check a DEFINE payload without its collection: counts, sizes, numbers fit. *used: its bytes. */
vel_status define_check(const uint8_t *payload, size_t size, size_t *used, const char **why);

typedef struct {
    uint64_t at, seq;
    uint64_t durable_seq;    /* seq - lag, 0 when the lag is FRAME_LAG_MAX */
    uint32_t length, count;
    uint64_t bad_at;         /* after VEL_E_CORRUPT: offset of the frame or operation refused */
} segment_frame;

/* Check the frame at data+at, all of its operations: VEL_OK; VEL_END at a zero length or the end of
 * the file; VEL_E_CORRUPT with *why and out->bad_at. */
vel_status frame_read(const uint8_t *data, uint64_t size, uint64_t at, uint64_t salt,
                      segment_frame *out, const char **why);

/* Look for a whole valid frame after `at` whose durable sequence reaches `seq`: damage in synced
 * territory, not a torn tail. */
bool frame_search_durable(const uint8_t *data, uint64_t size, uint64_t at, uint64_t salt,
                          uint64_t seq);

/* Hint file NNNNNNNNNN.hint of a segment that no longer changes: what recovery must know of each
 * operation, without the records. Header, HINT_HEADER_SIZE bytes: magic "VELHINT1", u32 version,
 * u32 entry size, u64 segment id, u64 salt of the segment, u64 count, u64 segment size, u64 XXH3-64
 * of the entries (seed salt), u64 XXH3-64 of bytes 0..56 (seed 0). Then entries in the order of the
 * segment. */
typedef struct {
    uint64_t hash;        /* of the id, seeded per database; 0 for DEFINE */
    uint64_t where;       /* offset / 8 of the operation, low 27 bits; kind in bits 32..39 */
    int64_t expiry;       /* ns, 0: never */
    uint32_t collection;
    uint32_t size;        /* bytes of the operation */
    uint32_t check;       /* low 32 bits of XXH3-64(id, hash): with hash, 96 bits for the id */
    uint32_t _pad;        /* zero */
    int64_t stamp;        /* record's modified; 0 for DEFINE */
} hint_entry;             /* 48 bytes */
#define HINT_FORMAT 1
#define HINT_HEADER_SIZE 64u
_Static_assert(sizeof(hint_entry) == 48, "the hint file's entries are read in place");

VEL_INLINE uint64_t hint_offset(const hint_entry *e) { return (e->where & 0x7FFFFFF) << 3; }
VEL_INLINE uint8_t hint_kind(const hint_entry *e) { return (uint8_t)(e->where >> 32); }

/* Encode / decode whole hint files in memory. hint_write: VEL_E_INVALID for entries that hint_read
 * would refuse, VEL_E_NOMEM. hint_read: VEL_E_CORRUPT when anything does not fit (the caller then
 * walks the segment instead; a hint is never needed). *entries points into data: 8-aligned. */
vel_status hint_write(vel_buffer *out, uint64_t segment_id, uint64_t salt, uint64_t segment_size,
                      const hint_entry *entries, size_t count);
vel_status hint_read(const uint8_t *data, size_t size, uint64_t segment_id, uint64_t salt,
                     uint64_t segment_size, const hint_entry **entries, size_t *count);

#endif
