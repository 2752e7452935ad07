/* xxh3.h: XXH3-64 with a seed, written from the public specification (doc/xxhash_spec.md of
 * xxHash).
 *
 * Used for ids (seeded per database) and for every checksum on disk. Checked against the `xxhash`
 * package in tests/unit/core/test_hash.py. Thread-safe: no state. Inputs up to 240 bytes, the usual
 * case, do not touch memory beyond the input and a 192-byte constant.
 */
#ifndef VEL_XXH3_H
#define VEL_XXH3_H

#include "base.h"

uint64_t xxh3_64(const void *data, size_t size, uint64_t seed);

#endif
