/* manifest.c: the file MANIFEST. */
#include "manifest.h"
#include "fuzz.h"
#include "xxh3.h"

static void seal(uint8_t *data, size_t size) {
    if (size < MANIFEST_HEADER_SIZE) return;
    size_t payload = size - MANIFEST_HEADER_SIZE;
    store_u32(data + 12, (uint32_t)payload);
    store_u64(data + 16, xxh3_64(data + MANIFEST_HEADER_SIZE, payload, payload));
}

DEFINE_SEALING_MUTATOR(seal)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vel_manifest m;
    uint64_t where = 0;
    const char *why = NULL;
    vel_status status = manifest_decode(data, size, &m, &where, &why);
    if (status != VEL_OK) {
        CHECK(status == VEL_E_CORRUPT && why && where <= size);
        return 0;
    }
    vel_buffer again = {0};
    CHECK(manifest_encode(&m, &again) == VEL_OK);
    CHECK(again.size == size && memcmp(again.data, data, size) == 0);
    buffer_free(&again);
    manifest_free(&m);
    return 0;
}
