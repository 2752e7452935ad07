/* id.c: ids, beside a second and slower reading of UTF-8. */
#include "fuzz.h"
#include "record.h"

static uint32_t continuation(const uint8_t *p, const uint8_t *end) {
    return p < end && (*p & 0xC0) == 0x80 ? *p & 0x3Fu : UINT32_MAX;
}

/* The code point at *p, which moves behind it; UINT32_MAX when there is none. */
static uint32_t code_point(const uint8_t **p, const uint8_t *end) {
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = *(*p)++;
    uint32_t size = first < 0x80 ? 1 : (first & 0xE0) == 0xC0 ? 2 : (first & 0xF0) == 0xE0 ? 3
                    : (first & 0xF8) == 0xF0 ? 4 : 0;
    if (!size) return UINT32_MAX;
    uint32_t c = size == 1 ? first : first & (0x7Fu >> size);
    for (uint32_t i = 1; i < size; i++) {
        uint32_t next = continuation(*p, end);
        if (next == UINT32_MAX) return UINT32_MAX;
        c = c << 6 | next;
        (*p)++;
    }
    return c < least[size] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? UINT32_MAX : c;
}

static bool valid_slowly(const uint8_t *p, size_t size, bool *ascii) {
    const uint8_t *end = p + size;
    *ascii = true;
    while (p < end) {
        uint32_t c = code_point(&p, end);
        if (c >= 0x80) *ascii = false;
        if (c == UINT32_MAX) return false;
    }
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    bool ascii, valid = valid_slowly(data, size, &ascii);
    const char *why;
    CHECK(utf8_valid(data, size) == valid);
    CHECK(ascii_valid(data, size) == ascii);
    if (size > UINT16_MAX) return 0;
    vel_record r = {.modified = 1, .created = 1, .version = 1, .id = data};
    r.id_size = (uint16_t)size;
    uint8_t *record = malloc(record_measure(&r));
    record_write(&r, record);
    bool accepted = record_validate(record, r.size, &why) == VEL_OK;
    CHECK(accepted == (valid && size >= 1 && size <= ID_SIZE_MAX));
    free(record);
    return 0;
}
