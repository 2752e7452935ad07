/* record.c: one record: its header and id, and then its body. */
#include "record.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *why = NULL;
    size_t where = 0;
    vel_record r;
    vel_status status = record_validate(data, size, &why);
    if (status != VEL_OK) {
        CHECK(status == VEL_E_CORRUPT && why);
        return 0;
    }
    record_read(data, &r);
    CHECK(r.size <= size && r.body + r.body_size == data + r.size);
    CHECK(record_version(data) == r.version && record_expiry(data) == r.expiry);
    CHECK(record_has_id(data, r.id, r.id_size));
    /* Nothing has two encodings. */
    CHECK(record_measure(&r) == record_size(data));
    uint8_t *again = malloc(r.size);
    record_write(&r, again);
    CHECK(memcmp(again, data, r.size) == 0);
    free(again);
    status = body_validate(r.body, r.body_size, 65535, &where, &why);
    CHECK(status == VEL_OK || (status == VEL_E_CORRUPT && where <= r.body_size));
    return 0;
}
