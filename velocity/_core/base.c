/* base.c: see base.h. */
#include "base.h"

#include <stdarg.h>
#include <time.h>

vel_status vel_fail(vel_error *error, vel_status status, int sys_errno, const char *path,
                    uint64_t offset, const char *format, ...) {
    if (error) {
        va_list args;
        error->status = status;
        error->sys_errno = sys_errno;
        error->offset = offset;
        snprintf(error->path, sizeof error->path, "%s", path ? path : "");
        va_start(args, format);
        vsnprintf(error->what, sizeof error->what, format, args);
        va_end(args);
    }
    return status;
}

#ifdef VEL_DEBUG
void vel_assert_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "velocity: broken invariant: %s (%s:%d)\n", what, file, line);
    abort();
}
#endif

vel_status buffer_grow(vel_buffer *b, size_t more) {
    if (more > SIZE_MAX / 2 - b->size) return VEL_E_NOMEM;
    size_t capacity = b->capacity ? b->capacity : 256;
    while (capacity < b->size + more) capacity *= 2;
    uint8_t *data = realloc(b->borrowed ? NULL : b->data, capacity);
    if (!data) return VEL_E_NOMEM;
    if (b->borrowed) memcpy(data, b->borrowed, b->size);
    b->borrowed = NULL;
    b->data = data;
    b->capacity = capacity;
    return VEL_OK;
}

void buffer_free(vel_buffer *b) {
    if (!b->borrowed) free(b->data);
    memset(b, 0, sizeof *b);
}

static int64_t clock_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t clock_wall_ns(void) { return clock_ns(CLOCK_REALTIME); }
int64_t clock_monotonic_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

void cond_init(pthread_cond_t *cond) {
#ifdef __linux__
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attributes);
    pthread_condattr_destroy(&attributes);
#else
    pthread_cond_init(cond, NULL);
#endif
}

bool cond_wait_ns(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t ns) {
    struct timespec t;
#ifdef __linux__
    int64_t at = clock_monotonic_ns() + ns;
    t = (struct timespec){.tv_sec = at / 1000000000, .tv_nsec = at % 1000000000};
    return pthread_cond_timedwait(cond, lock, &t) == ETIMEDOUT;
#else
    t = (struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
    return pthread_cond_timedwait_relative_np(cond, lock, &t) == ETIMEDOUT;
#endif
}
