/* xxh3.c: see xxh3.h. Names follow the specification's. */
#include "xxh3.h"

#define PRIME32_1 0x9E3779B1u
#define PRIME32_2 0x85EBCA77u
#define PRIME32_3 0xC2B2AE3Du
#define PRIME64_1 0x9E3779B185EBCA87u
#define PRIME64_2 0xC2B2AE3D27D4EB4Fu
#define PRIME64_3 0x165667B19E3779F9u
#define PRIME64_4 0x85EBCA77C2B2AE63u
#define PRIME64_5 0x27D4EB2F165667C5u
#define PRIME_MX1 0x165667919E3779F9u
#define PRIME_MX2 0x9FB21C651E98DF25u

#define SECRET_SIZE 192
#define STRIPE_SIZE 64
#define BLOCK_STRIPES ((SECRET_SIZE - STRIPE_SIZE) / 8)
#define BLOCK_SIZE (STRIPE_SIZE * BLOCK_STRIPES)

static const uint8_t SECRET[SECRET_SIZE] __attribute__((aligned(64))) = {
    0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe, 0x7c, 0x01, 0x81, 0x2c, 0xf7, 0x21, 0xad, 0x1c,
    0xde, 0xd4, 0x6d, 0xe9, 0x83, 0x90, 0x97, 0xdb, 0x72, 0x40, 0xa4, 0xa4, 0xb7, 0xb3, 0x67, 0x1f,
    0xcb, 0x79, 0xe6, 0x4e, 0xcc, 0xc0, 0xe5, 0x78, 0x82, 0x5a, 0xd0, 0x7d, 0xcc, 0xff, 0x72, 0x21,
    0xb8, 0x08, 0x46, 0x74, 0xf7, 0x43, 0x24, 0x8e, 0xe0, 0x35, 0x90, 0xe6, 0x81, 0x3a, 0x26, 0x4c,
    0x3c, 0x28, 0x52, 0xbb, 0x91, 0xc3, 0x00, 0xcb, 0x88, 0xd0, 0x65, 0x8b, 0x1b, 0x53, 0x2e, 0xa3,
    0x71, 0x64, 0x48, 0x97, 0xa2, 0x0d, 0xf9, 0x4e, 0x38, 0x19, 0xef, 0x46, 0xa9, 0xde, 0xac, 0xd8,
    0xa8, 0xfa, 0x76, 0x3f, 0xe3, 0x9c, 0x34, 0x3f, 0xf9, 0xdc, 0xbb, 0xc7, 0xc7, 0x0b, 0x4f, 0x1d,
    0x8a, 0x51, 0xe0, 0x4b, 0xcd, 0xb4, 0x59, 0x31, 0xc8, 0x9f, 0x7e, 0xc9, 0xd9, 0x78, 0x73, 0x64,
    0xea, 0xc5, 0xac, 0x83, 0x34, 0xd3, 0xeb, 0xc3, 0xc5, 0x81, 0xa0, 0xff, 0xfa, 0x13, 0x63, 0xeb,
    0x17, 0x0d, 0xdd, 0x51, 0xb7, 0xf0, 0xda, 0x49, 0xd3, 0x16, 0x55, 0x26, 0x29, 0xd4, 0x68, 0x9e,
    0x2b, 0x16, 0xbe, 0x58, 0x7d, 0x47, 0xa1, 0xfc, 0x8f, 0xf8, 0xb8, 0xd1, 0x7a, 0xd0, 0x31, 0xce,
    0x45, 0xcb, 0x3a, 0x8f, 0x95, 0x16, 0x04, 0x28, 0xaf, 0xd7, 0xfb, 0xca, 0xbb, 0x4b, 0x40, 0x7e,
};

VEL_INLINE uint64_t rotate_left(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

VEL_INLINE uint64_t multiply_fold(uint64_t a, uint64_t b) {
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

VEL_INLINE uint64_t avalanche(uint64_t x) {
    x ^= x >> 37;
    x *= PRIME_MX1;
    return x ^ x >> 32;
}

VEL_INLINE uint64_t avalanche_xxh64(uint64_t x) {
    x ^= x >> 33;
    x *= PRIME64_2;
    x ^= x >> 29;
    x *= PRIME64_3;
    return x ^ x >> 32;
}

VEL_INLINE uint64_t hash_0_to_16(const uint8_t *in, size_t size, uint64_t seed) {
    if (size > 8) {
        uint64_t low = ((load_u64(SECRET + 24) ^ load_u64(SECRET + 32)) + seed) ^ load_u64(in);
        uint64_t high =
            ((load_u64(SECRET + 40) ^ load_u64(SECRET + 48)) - seed) ^ load_u64(in + size - 8);
        return avalanche(size + __builtin_bswap64(low) + high + multiply_fold(low, high));
    }
    if (size >= 4) {
        seed ^= (uint64_t)__builtin_bswap32((uint32_t)seed) << 32;
        uint64_t both = load_u32(in + size - 4) | (uint64_t)load_u32(in) << 32;
        uint64_t x = ((load_u64(SECRET + 8) ^ load_u64(SECRET + 16)) - seed) ^ both;
        x ^= rotate_left(x, 49) ^ rotate_left(x, 24);
        x *= PRIME_MX2;
        x ^= (x >> 35) + size;
        x *= PRIME_MX2;
        return x ^ x >> 28;
    }
    if (size) {
        uint32_t all = in[size - 1] | (uint32_t)size << 8 | (uint32_t)in[0] << 16 |
                       (uint32_t)in[size >> 1] << 24;
        return avalanche_xxh64(((uint64_t)(load_u32(SECRET) ^ load_u32(SECRET + 4)) + seed) ^ all);
    }
    return avalanche_xxh64(seed ^ load_u64(SECRET + 56) ^ load_u64(SECRET + 64));
}

VEL_INLINE uint64_t mix_step(const uint8_t *in, size_t secret, uint64_t seed) {
    return multiply_fold(load_u64(in) ^ (load_u64(SECRET + secret) + seed),
                         load_u64(in + 8) ^ (load_u64(SECRET + secret + 8) - seed));
}

VEL_INLINE uint64_t hash_17_to_128(const uint8_t *in, size_t size, uint64_t seed) {
    uint64_t acc = size * PRIME64_1;
    for (size_t i = ((size - 1) >> 5) + 1; i-- > 0;) {
        acc += mix_step(in + i * 16, i * 32, seed);
        acc += mix_step(in + size - i * 16 - 16, i * 32 + 16, seed);
    }
    return avalanche(acc);
}

static uint64_t hash_129_to_240(const uint8_t *in, size_t size, uint64_t seed) {
    uint64_t acc = size * PRIME64_1;
    for (size_t i = 0; i < 8; i++) acc += mix_step(in + i * 16, i * 16, seed);
    acc = avalanche(acc);
    for (size_t i = 8; i < size >> 4; i++) acc += mix_step(in + i * 16, (i - 8) * 16 + 3, seed);
    acc += mix_step(in + size - 16, 119, seed);
    return avalanche(acc);
}

/* Two loops over lanes, so that the compiler can turn each into vector code. */
VEL_INLINE void accumulate(uint64_t acc[8], const uint8_t *stripe, const uint8_t *secret) {
    uint64_t data[8], keyed[8];
    memcpy(data, stripe, sizeof data);
    memcpy(keyed, secret, sizeof keyed);
    for (int i = 0; i < 8; i++) keyed[i] ^= data[i];
    for (int i = 0; i < 8; i++) {
        acc[i] += data[i ^ 1] + (uint64_t)(uint32_t)keyed[i] * (keyed[i] >> 32);
    }
}

static void accumulate_stripes(uint64_t acc[8], const uint8_t *in, size_t stripes,
                               const uint8_t *secret) {
    for (size_t n = 0; n < stripes; n++) accumulate(acc, in + n * STRIPE_SIZE, secret + n * 8);
}

static uint64_t hash_long(const uint8_t *in, size_t size, uint64_t seed) {
    uint8_t secret[SECRET_SIZE] __attribute__((aligned(64)));
    for (size_t i = 0; i < SECRET_SIZE; i += 16) {
        store_u64(secret + i, load_u64(SECRET + i) + seed);
        store_u64(secret + i + 8, load_u64(SECRET + i + 8) - seed);
    }
    uint64_t acc[8] = {PRIME32_3, PRIME64_1, PRIME64_2, PRIME64_3,
                       PRIME64_4, PRIME32_2, PRIME64_5, PRIME32_1};
    const uint8_t *p = in, *end = in + size;
    /* The last block, even a full one, is left to the last round. */
    for (; (size_t)(end - p) > BLOCK_SIZE; p += BLOCK_SIZE) {
        accumulate_stripes(acc, p, BLOCK_STRIPES, secret);
        for (int i = 0; i < 8; i++) {
            acc[i] ^= acc[i] >> 47 ^ load_u64(secret + SECRET_SIZE - STRIPE_SIZE + 8 * i);
            acc[i] *= PRIME32_1;
        }
    }
    accumulate_stripes(acc, p, (size_t)(end - p - 1) / STRIPE_SIZE, secret);
    accumulate(acc, end - STRIPE_SIZE, secret + SECRET_SIZE - 71);

    uint64_t result = size * PRIME64_1;
    for (int i = 0; i < 8; i += 2) {
        result += multiply_fold(acc[i] ^ load_u64(secret + 11 + 8 * i),
                                acc[i + 1] ^ load_u64(secret + 19 + 8 * i));
    }
    return avalanche(result);
}

uint64_t xxh3_64(const void *data, size_t size, uint64_t seed) {
    const uint8_t *in = data;
    if (size <= 16) return hash_0_to_16(in, size, seed);
    if (size <= 128) return hash_17_to_128(in, size, seed);
    if (size <= 240) return hash_129_to_240(in, size, seed);
    return hash_long(in, size, seed);
}
