/* base.h: what every core file stands on: statuses, errors, atomics, locks, little-endian access.
 *
 * The core is plain C11 with no Python in it, except the files named py*. Functions are noun_verb
 * on their struct, return a vel_status, and give results through out-pointers. A negative status is
 * an error and fills a vel_error when the function takes one; a positive one is an answer.
 *
 * Thread-safe: works on its arguments; what they point to is the caller's to guard.
 */
#ifndef VEL_BASE_H
#define VEL_BASE_H

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "VelocityDB's formats are little-endian and read in place; this machine is big-endian"
#endif

typedef enum {
    VEL_OK = 0,
    VEL_NOT_FOUND = 1,        /* nothing by that key */
    VEL_MISMATCH = 2,         /* a condition of the batch does not hold; nothing was changed */
    VEL_BUSY = 3,             /* would have to wait: release the GIL and call again, blocking */
    VEL_END = 4,              /* nothing left to read */
    VEL_E_NOMEM = -1,         /* the operating system has no memory */
    VEL_E_MEMORY_LIMIT = -2,  /* max_memory is reached */
    VEL_E_IO = -3,            /* a system call failed: sys_errno says how */
    VEL_E_CORRUPT = -4,       /* damage: path and offset say where */
    VEL_E_CLOSED = -5,
    VEL_E_LOCKED = -6,        /* another process, or the parent of this fork, owns the directory */
    VEL_E_INVALID = -7,       /* a value that may not be */
    VEL_E_TOO_LARGE = -8,
    VEL_E_PYTHON = -9,        /* a Python exception is set */
    VEL_E_FAILED = -10,       /* latched by an earlier I/O failure: read-only until reopened */
    VEL_E_FULL = -11,         /* no room on the disk: nothing was changed, try again later */
    VEL_E_UNIQUE = -12,       /* another document has the key: conflict says which */
    VEL_E_UNFIT = -13,        /* a document that an index cannot take, or an index that cannot be */
    VEL_E_SCHEMA = -14        /* a document that does not fit its collection's schema */
} vel_status;

#define VEL_PATH_MAX 1024
#define VEL_WHAT_MAX 320

/* Where and why something failed. Owned by the caller; plain data but for `conflict`. */
typedef struct {
    vel_status status;
    int sys_errno;            /* 0 when no system call is to blame */
    uint64_t offset;          /* bytes into path, for VEL_E_CORRUPT */
    char path[VEL_PATH_MAX];  /* "" when no file is concerned */
    char what[VEL_WHAT_MAX];  /* one sentence without a full stop */
    struct index_conflict *conflict;  /* set with VEL_E_UNIQUE alone: index_conflict_free */
} vel_error;

/* Fill *error (may be NULL) and return status. path may be NULL. */
vel_status vel_fail(vel_error *error, vel_status status, int sys_errno, const char *path,
                    uint64_t offset, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* Invariants. On in debug and test builds (VELOCITY_DEBUG); a failed one stops the program. */
#ifdef VEL_DEBUG
void vel_assert_failed(const char *what, const char *file, int line) __attribute__((noreturn));
#define vel_assert(x) ((x) ? (void)0 : vel_assert_failed(#x, __FILE__, __LINE__))
#else
#define vel_assert(x) ((void)0)
#endif

#define vel_likely(x) __builtin_expect(!!(x), 1)
#define vel_unlikely(x) __builtin_expect(!!(x), 0)
#define VEL_INLINE static inline __attribute__((always_inline))

VEL_INLINE uint64_t vel_align8(uint64_t n) { return (n + 7) & ~(uint64_t)7; }

/* Whether all bytes from p to before end are 0. */
VEL_INLINE bool all_zero(const uint8_t *p, const uint8_t *end) {
    while (p < end)
        if (*p++) return false;
    return true;
}

/* <0, 0, >0 in the order of bytes; a prefix comes before what it begins. */
VEL_INLINE int bytes_order(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size) {
    size_t size = a_size < b_size ? a_size : b_size;
    int order = size ? memcmp(a, b, size) : 0;
    return order ? order : (a_size > b_size) - (a_size < b_size);
}

/* Little-endian, unaligned access. */
#define VEL_DEFINE_ACCESS(name, type)                                                              \
    VEL_INLINE type load_##name(const void *p) { type v; memcpy(&v, p, sizeof v); return v; }      \
    VEL_INLINE void store_##name(void *p, type v) { memcpy(p, &v, sizeof v); }
VEL_DEFINE_ACCESS(u16, uint16_t)
VEL_DEFINE_ACCESS(u32, uint32_t)
VEL_DEFINE_ACCESS(u64, uint64_t)
VEL_DEFINE_ACCESS(i16, int16_t)
VEL_DEFINE_ACCESS(i32, int32_t)
VEL_DEFINE_ACCESS(i64, int64_t)
VEL_DEFINE_ACCESS(f64, double)

/* Atomics, named by their order. */
#define atomic_get_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define atomic_get_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define atomic_get_seq(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define atomic_set_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define atomic_set_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define atomic_set_seq(p, v) __atomic_store_n((p), (v), __ATOMIC_SEQ_CST)
#define atomic_exchange_acq_rel(p, v) __atomic_exchange_n((p), (v), __ATOMIC_ACQ_REL)
#define atomic_or_release(p, v) __atomic_fetch_or((p), (v), __ATOMIC_RELEASE)
#define atomic_add_relaxed(p, v) __atomic_fetch_add((p), (v), __ATOMIC_RELAXED)

/* Bytes that grow. Zeroed: empty. Not thread-safe. */
typedef struct {
    uint8_t *data;    /* malloc'ed, or `borrowed`, or NULL with capacity 0 */
    size_t size;      /* bytes used */
    size_t capacity;  /* bytes there are */
    uint8_t *borrowed;  /* the caller's array while it is large enough; else NULL */
} vel_buffer;

/* Begin an empty buffer in the caller's array, so that small contents need no malloc. */
VEL_INLINE void buffer_borrow(vel_buffer *b, uint8_t *array, size_t capacity) {
    *b = (vel_buffer){.data = array, .capacity = capacity, .borrowed = array};
}

/* Make room for `more` bytes beyond size. Returns VEL_OK or VEL_E_NOMEM with the buffer intact. */
vel_status buffer_grow(vel_buffer *b, size_t more);
VEL_INLINE vel_status buffer_reserve(vel_buffer *b, size_t more) {
    return vel_likely(b->capacity - b->size >= more) ? VEL_OK : buffer_grow(b, more);
}
void buffer_free(vel_buffer *b);

/* Wall clock, nanoseconds since 1970, and a monotone clock for intervals. */
int64_t clock_wall_ns(void);
int64_t clock_monotonic_ns(void);

/* A condition whose waits are timed by the monotone clock. */
void cond_init(pthread_cond_t *cond);
/* Wait at most ns; whether it took that long. Requires lock. */
bool cond_wait_ns(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ns);

#endif
