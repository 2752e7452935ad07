/* canary.c: a target with a fault in it. A fuzzer that does not find it finds nothing. */
#include "fuzz.h"

static volatile uint8_t last;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= 3 && data[0] == 'V' && data[1] == 'E' && data[2] == 'L') last = data[size];
    return 0;
}
