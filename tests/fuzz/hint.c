/* hint.c: a hint file. */
#include "fuzz.h"
#include "segment.h"
#include "xxh3.h"

static void seal(uint8_t *data, size_t size) {
    if (size < HINT_HEADER_SIZE) return;
    size_t bytes = size - HINT_HEADER_SIZE;
    store_u64(data + 48, xxh3_64(data + HINT_HEADER_SIZE, bytes, load_u64(data + 24)));
    store_u64(data + 56, xxh3_64(data, 56, 0));
}

DEFINE_SEALING_MUTATOR(seal)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t id = 1, salt = 2, segment_size = 4096;
    const hint_entry *entries;
    size_t count;
    if (size >= HINT_HEADER_SIZE) {
        id = load_u64(data + 16);
        salt = load_u64(data + 24);
        segment_size = load_u64(data + 40);
    }
    CHECK(hint_read(data, size, id + 1, salt, segment_size, &entries, &count) == VEL_E_CORRUPT);
    CHECK(hint_read(data, size, id, salt + 1, segment_size, &entries, &count) == VEL_E_CORRUPT);
    vel_status status = hint_read(data, size, id, salt, segment_size, &entries, &count);
    CHECK(status == VEL_OK || status == VEL_E_CORRUPT);
    if (status != VEL_OK) return 0;
    for (size_t i = 0; i < count; i++)
        CHECK(hint_offset(&entries[i]) + entries[i].size <= segment_size);
    vel_buffer again = {0};
    CHECK(hint_write(&again, id, salt, segment_size, entries, count) == VEL_OK);
    CHECK(again.size == size && memcmp(again.data, data, size) == 0);
    buffer_free(&again);
    return 0;
}
