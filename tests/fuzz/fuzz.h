/* fuzz.h: what the fuzz targets share. Each target is one C file of libFuzzer's form; tools/fuzz.sh
 * builds and runs them. They are run on hostile bytes: what they CHECK must hold for any.
 */
#ifndef VEL_FUZZ_H
#define VEL_FUZZ_H

#include "base.h"

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))
static inline void check_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "fuzz: does not hold: %s (%s:%d)\n", what, file, line);
    abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* libFuzzer's own mutation. A target whose input carries checksums defines LLVMFuzzerCustomMutator,
 * which mutates and then, in all but one of SEAL_NOT_IN, makes the checksums right again: otherwise
 * nothing behind them would ever be reached. */
#define SEAL_NOT_IN 16
size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t size_max);
size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max, unsigned int seed);

#define DEFINE_SEALING_MUTATOR(seal)                                                               \
    size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t size_max,                    \
                                   unsigned int seed) {                                            \
        size = LLVMFuzzerMutate(data, size, size_max);                                             \
        if (seed % SEAL_NOT_IN) seal(data, size);                                                  \
        return size;                                                                               \
    }

#endif
