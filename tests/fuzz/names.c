/* names.c: DEFINE payloads, one after the other, into the names of one collection.
 *
 * Input: payloads, each u16 size and its bytes.
 */
#include "names.h"
#include "fuzz.h"
#include "segment.h"
#include "value.h"

static void check_names(const vel_names *n) {
    for (uint32_t number = 1; number <= names_count(n); number++) {
        uint32_t size;
        const uint8_t *name = names_bytes(n, number, &size);
        CHECK(size <= NAME_SIZE_MAX && utf8_valid(name, size));
        CHECK(names_find(n, name, size) == number);
    }
}

/* What was read is written so that it reads the same. */
static void check_export(const vel_names *n) {
    vel_buffer out = {0}, again = {0};
    vel_names *copy = names_new();
    uint32_t count = names_count(n);
    CHECK(names_write(n, 1, count, &out) == VEL_OK);
    CHECK(names_read(copy, out.data, out.size) == VEL_OK && names_count(copy) == count);
    CHECK(names_write(copy, 1, count, &again) == VEL_OK);
    CHECK(out.size == again.size && memcmp(out.data, again.data, out.size) == 0);
    names_free(copy);
    buffer_free(&out);
    buffer_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    vel_names *n = names_new();
    while (size >= 2) {
        size_t payload = load_u16(data), used = 0;
        const char *why = NULL;
        data += 2;
        size -= 2;
        if (payload > size) payload = size;
        uint8_t *exact = malloc(payload ? payload : 1);
        memcpy(exact, data, payload);
        uint32_t before = names_count(n);
        vel_status checked = define_check(exact, payload, &used, &why);
        vel_status status = names_read(n, exact, payload);
        CHECK(status == VEL_OK || status == VEL_E_CORRUPT);
        CHECK(checked == VEL_OK ? used <= payload : why != NULL);
        CHECK(names_count(n) >= before);
        if (checked != VEL_OK) CHECK(status != VEL_OK);
        free(exact);
        data += payload;
        size -= payload;
    }
    check_names(n);
    check_export(n);
    names_free(n);
    return 0;
}
