/* segment.c: a segment's file: its header, frames and operations. */
#include "fuzz.h"
#include "segment.h"
#include "xxh3.h"

/* The checksums of one frame's operations, and the frame's own, as far as their sizes allow. */
static void seal_frame(uint8_t *frame, uint32_t length, uint64_t salt) {
    uint64_t h = xxh3_64(frame + 8, FRAME_HEADER_SIZE - 8, salt);
    uint8_t *p = frame + FRAME_HEADER_SIZE, *end = frame + length;
    while ((size_t)(end - p) >= OP_HEADER_SIZE) {
        uint32_t size = load_u32(p);
        if (size < OP_HEADER_SIZE || size % 8 || size > (size_t)(end - p)) break;
        store_u32(p + 4, (uint32_t)xxh3_64(p + 8, size - 8, salt));
        h = xxh3_64(p, 8, h);
        p += size;
    }
    store_u32(frame + 4, (uint32_t)h);
}

static void seal(uint8_t *data, size_t size) {
    if (size < SEGMENT_HEADER_SIZE) return;
    store_u64(data + 48, xxh3_64(data, 48, 0));
    uint64_t salt = load_u64(data + 40);
    for (size_t at = SEGMENT_HEADER_SIZE; size - at >= FRAME_HEADER_SIZE;) {
        uint32_t length = load_u32(data + at);
        if (length < FRAME_HEADER_SIZE || length % 8 || length > size - at) break;
        seal_frame(data + at, length, salt);
        at += length;
    }
}

DEFINE_SEALING_MUTATOR(seal)

int LLVMFuzzerInitialize(int *argc, char ***argv);

/* What the core seals is right already: the checksums above are the core's. */
int LLVMFuzzerInitialize(int *argc, char ***argv) {
    uint64_t whole[26], sealed[26];
    uint8_t *data = (uint8_t *)whole, *frame = data + SEGMENT_HEADER_SIZE;
    const segment_header header = {.id = 1, .base_seq = 1, .salt = 7, .kind = SEGMENT_LOG};
    memset(whole, 0, sizeof whole);
    segment_header_write(data, &header);
    memset(frame + FRAME_HEADER_SIZE + OP_HEADER_SIZE, 1, 40);
    op_seal(frame + FRAME_HEADER_SIZE, OP_PUT, 1, 40, header.salt);
    frame_seal(frame, FRAME_HEADER_SIZE + op_size(40), 1, 1, 0, header.salt);
    memcpy(sealed, whole, sizeof whole);
    seal((uint8_t *)sealed, sizeof sealed);
    CHECK(memcmp(sealed, whole, sizeof whole) == 0);
    return 0;
}

static void read_operations(const uint8_t *data, const segment_frame *frame, uint64_t salt) {
    const uint8_t *p = data + frame->at + FRAME_HEADER_SIZE;
    const uint8_t *end = data + frame->at + frame->length;
    segment_op op, viewed;
    const char *why;
    for (uint32_t i = 0; i < frame->count; i++) {
        CHECK(op_read(p, end, salt, &op, &why) == VEL_OK);
        op_view(p, &viewed);
        CHECK(op.size == viewed.size && op.payload == viewed.payload && op.kind == viewed.kind);
        p += op.size;
    }
    CHECK(p == end);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    segment_header header;
    segment_frame frame;
    const char *why = NULL;
    if (segment_header_read(data, size, &header, &why) != VEL_OK) {
        CHECK(why);
        return 0;
    }
    uint64_t at = SEGMENT_HEADER_SIZE;
    vel_status status;
    while ((status = frame_read(data, size, at, header.salt, &frame, &why)) == VEL_OK) {
        CHECK(frame.length >= FRAME_HEADER_SIZE && frame.length <= size - at);
        read_operations(data, &frame, header.salt);
        CHECK(at < 8 || frame_search_durable(data, size, at - 8, header.salt, frame.durable_seq) ||
              load_u32(data + at + 20) == FRAME_LAG_MAX);
        at += frame.length;
    }
    CHECK(status == VEL_END || (status == VEL_E_CORRUPT && why && frame.bad_at <= size));
    (void)frame_search_durable(data, size, at, header.salt, header.durable_seq);
    return 0;
}
