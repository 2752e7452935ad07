/* fileio.c: see fileio.h. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* fallocate */
#endif
#include "fileio.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef __APPLE__
#include <mach/vm_inherit.h>
#endif

#define CALL_SIZE_MAX ((size_t)1 << 30) /* bytes per system call: macOS refuses more than INT_MAX */

/* ---- faults and watching ---- */

typedef struct {
    int64_t left; /* calls that still succeed */
    int sys_errno, flags;
} fault;

#define WATCHED ((uint32_t)1 << FAULT_POINTS)

static fault faults[FAULT_POINTS];
static uint32_t armed; /* one bit per point, and WATCHED */
static file_watcher file_watching;

vel_status fault_set(int point, int64_t after, int sys_errno, int flags) {
    if (point < 0 || point >= FAULT_POINTS || after < 0 || sys_errno <= 0) return VEL_E_INVALID;
    if (flags & ~(FAULT_ONCE | FAULT_SHORT)) return VEL_E_INVALID;
    if ((flags & FAULT_SHORT) && point != FAULT_WRITE) return VEL_E_INVALID;
    atomic_set_relaxed(&faults[point].left, after);
    atomic_set_relaxed(&faults[point].sys_errno, sys_errno);
    atomic_set_relaxed(&faults[point].flags, flags);
    __atomic_fetch_or(&armed, 1u << point, __ATOMIC_RELEASE);
    return VEL_OK;
}

void fault_clear(void) { __atomic_fetch_and(&armed, WATCHED, __ATOMIC_RELEASE); }

void file_watch(file_watcher watcher) {
    atomic_set_release(&file_watching, watcher);
    if (watcher) __atomic_fetch_or(&armed, WATCHED, __ATOMIC_RELEASE);
    else __atomic_fetch_and(&armed, ~WATCHED, __ATOMIC_RELEASE);
}

static int fault_count(int point, int *flags) {
    fault *f = &faults[point];
    int64_t left = __atomic_fetch_sub(&f->left, 1, __ATOMIC_ACQ_REL);
    if (left > 0) return 0;
    *flags = atomic_get_relaxed(&f->flags);
    if (*flags & FAULT_ONCE) {
        __atomic_fetch_and(&armed, ~(1u << point), __ATOMIC_ACQ_REL);
        if (left < 0) return 0; /* another thread took the one failure */
    }
    return atomic_get_relaxed(&f->sys_errno);
}

/* A call on files under way. */
typedef struct {
    file_watcher watcher; /* that saw it begin, or NULL */
    file_event event;
    int flags;            /* of its fault */
} file_call;

static int call_begin_armed(file_call *c, uint32_t how, fault_point point, const char *path,
                            const char *to) {
    if (how & WATCHED) c->watcher = atomic_get_acquire(&file_watching);
    if (c->watcher) {
        c->event = (file_event){point, path, to, false, 0};
        c->watcher(&c->event);
    }
    return how & 1u << point ? fault_count(point, &c->flags) : 0;
}

/* The errno with which this call is to fail, or 0. */
VEL_INLINE int call_begin(file_call *c, fault_point point, const char *path, const char *to) {
    c->watcher = NULL;
    c->flags = 0;
    uint32_t how = atomic_get_relaxed(&armed) & (WATCHED | 1u << point);
    return vel_likely(!how) ? 0 : call_begin_armed(c, how, point, path, to);
}

/* Every call that began ends; e: its errno or 0, handed back. */
VEL_INLINE int call_end(file_call *c, int e) {
    if (vel_likely(!c->watcher)) return e;
    c->event.done = true;
    c->event.sys_errno = e;
    c->watcher(&c->event);
    return e;
}

/* ---- errors ---- */

/* strerror_r gives a pointer in glibc and a status elsewhere. */
static inline const char *text_given(const char *text, const char *buffer) { return text; }
static inline const char *text_filled(int status, const char *buffer) {
    return status ? "unknown error" : buffer;
}
#define ERRNO_TEXT(e, buffer)                                                                      \
    _Generic(strerror_r(e, buffer, sizeof buffer), char *: text_given, int: text_filled)(          \
        strerror_r(e, buffer, sizeof buffer), buffer)

static const char *errno_advice(int e) {
    switch (e) {
    case ENOSPC: return "; free some space: 1 MiB is enough to open it and delete documents";
    case EDQUOT: return "; raise the quota or free some space";
    case EIO: return "; the disk failed: check it, then reopen";
    case EROFS: return "; mount the file system writable";
    case EACCES:
    case EPERM: return "; check the owner and permissions";
    case EMFILE:
    case ENFILE: return "; raise the limit of open files";
    default: return "";
    }
}

vel_status file_fail(vel_error *error, int e, const char *path, const char *format, ...) {
    char doing[128], buffer[96];
    va_list args;
    va_start(args, format);
    vsnprintf(doing, sizeof doing, format, args);
    va_end(args);
    return vel_fail(error, VEL_E_IO, e, path, 0, "cannot %s: %s%s", doing, ERRNO_TEXT(e, buffer),
                    errno_advice(e));
}

/* ---- files ---- */

/* open(2) with interruptions taken up again: the descriptor, or -1 with errno. */
static int open_again(const char *path, int mode) {
    int fd;
    do fd = open(path, mode | O_CLOEXEC, 0644);
    while (fd < 0 && errno == EINTR);
    return fd;
}

vel_status file_open(const char *path, int mode, int *fd, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_OPEN, path, NULL);
    *fd = e ? -1 : open_again(path, mode);
    if (!e && *fd < 0) e = errno;
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, mode & O_CREAT ? "open or create the file" : "open the file");
}

/* Not retried on EINTR: the descriptor is gone either way, and may be another thread's by then. */
void file_close(int fd) {
    if (fd >= 0) close(fd);
}

vel_status file_read(int fd, const char *path, uint64_t offset, void *to, size_t size, size_t *got,
                     vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_READ, path, NULL);
    *got = 0;
    while (!e && *got < size) {
        size_t part = size - *got < CALL_SIZE_MAX ? size - *got : CALL_SIZE_MAX;
        ssize_t n = pread(fd, (uint8_t *)to + *got, part, (off_t)(offset + *got));
        if (n == 0) break;
        if (n > 0) *got += (size_t)n;
        else if (errno != EINTR) e = errno;
    }
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, "read %zu bytes at offset %llu", size,
                   (unsigned long long)offset);
}

/* Returns 0 or an errno. */
static int write_all(int fd, uint64_t offset, const uint8_t *from, size_t size) {
    while (size) {
        ssize_t n = pwrite(fd, from, size < CALL_SIZE_MAX ? size : CALL_SIZE_MAX, (off_t)offset);
        if (n == 0) return EIO;
        if (n < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        from += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return 0;
}

vel_status file_write(int fd, const char *path, uint64_t offset, const void *from, size_t size,
                      vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_WRITE, path, NULL);
    if (!e) e = write_all(fd, offset, from, size);
    else if (call.flags & FAULT_SHORT) write_all(fd, offset, from, size / 2);
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, "write %zu bytes at offset %llu", size,
                   (unsigned long long)offset);
}

/* Returns 0 or -1 with errno. */
static int sync_data(int fd) {
#ifdef __APPLE__
    /* fsync alone leaves the data in the drive's cache; not every file system knows F_FULLFSYNC. */
    if (fcntl(fd, F_FULLFSYNC) == 0) return 0;
    return errno == ENOTSUP || errno == EINVAL || errno == ENOTTY ? fsync(fd) : -1;
#else
    return fdatasync(fd);
#endif
}

vel_status file_sync(int fd, const char *path, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_SYNC, path, NULL);
    while (!e && sync_data(fd) < 0)
        if (errno != EINTR) e = errno;
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, "sync the file to disk");
}

static int write_zeros(int fd, uint64_t offset, uint64_t size) {
    static const uint8_t zeros[16384];
    while (size) {
        size_t part = size < sizeof zeros ? (size_t)size : sizeof zeros;
        int e = write_all(fd, offset, zeros, part);
        if (e) return e;
        offset += part;
        size -= part;
    }
    return 0;
}

/* Let the file system reserve blocks up to offset+size and grow the file. Returns 0 or an errno. */
static int allocate_blocks(int fd, uint64_t offset, uint64_t size, uint64_t old_size) {
#ifdef __APPLE__
    uint64_t end = offset + size;
    if (end <= old_size) return 0;
    fstore_t store = {F_ALLOCATEALL, F_PEOFPOSMODE, 0, (off_t)(end - old_size), 0};
    if (fcntl(fd, F_PREALLOCATE, &store) < 0) return errno;
    return ftruncate(fd, (off_t)end) < 0 ? errno : 0;
#else
    return fallocate(fd, 0, (off_t)offset, (off_t)size) < 0 ? errno : 0;
#endif
}

vel_status file_allocate(int fd, const char *path, uint64_t offset, uint64_t size,
                         vel_error *error) {
    if (size == 0) return VEL_OK;
    uint64_t old_size;
    vel_status status = file_size(fd, path, &old_size, error);
    if (status) return status;
    file_call call;
    int e = call_begin(&call, FAULT_ALLOCATE, path, NULL);
    if (!e) {
        do e = allocate_blocks(fd, offset, size, old_size);
        while (e == EINTR);
    }
    if (e == EOPNOTSUPP || e == ENOTSUP || e == ENOSYS) e = write_zeros(fd, offset, size);
    if (!e) return call_end(&call, 0), VEL_OK;
    /* Part of it may have been reserved: give that back, the disk is probably full. */
    uint64_t new_size;
    if (file_size(fd, path, &new_size, NULL) == VEL_OK && new_size > old_size &&
        ftruncate(fd, (off_t)old_size) < 0) {
        /* What counts is the first failure; the rest of the file reads as zeros. */
    }
    call_end(&call, e);
    return file_fail(error, e, path, "grow the log by %llu bytes", (unsigned long long)size);
}

vel_status file_truncate(int fd, const char *path, uint64_t size, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_TRUNCATE, path, NULL);
    while (!e && ftruncate(fd, (off_t)size) < 0)
        if (errno != EINTR) e = errno;
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, "set the file's size to %llu", (unsigned long long)size);
}

vel_status file_size(int fd, const char *path, uint64_t *size, vel_error *error) {
    struct stat st;
    if (fstat(fd, &st) < 0) return file_fail(error, errno, path, "learn the file's size");
    *size = (uint64_t)st.st_size;
    return VEL_OK;
}

vel_status file_rename(const char *from, const char *to, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_RENAME, from, to);
    if (!e && rename(from, to) < 0) e = errno;
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, to, "rename a new file into place");
}

vel_status file_remove(const char *path, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_REMOVE, path, NULL);
    if (!e && unlink(path) < 0 && errno != ENOENT) e = errno;
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, "remove the file");
}

vel_status file_map(int fd, const char *path, uint64_t size, uint8_t **out, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_MAP, path, NULL);
    *out = NULL;
    void *map = e ? MAP_FAILED
                  : mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!e && map == MAP_FAILED) e = errno;
    call_end(&call, e);
    if (e) return file_fail(error, e, path, "map %llu bytes", (unsigned long long)size);
    /* A fork that wrote through the mapping would write into its parent's log. */
#ifdef __APPLE__
    int kept = minherit(map, (size_t)size, VM_INHERIT_NONE);
#else
    int kept = madvise(map, (size_t)size, MADV_DONTFORK);
#endif
    if (kept < 0) {
        e = errno;
        munmap(map, (size_t)size);
        return file_fail(error, e, path, "keep a mapping of %llu bytes from forks",
                       (unsigned long long)size);
    }
    *out = map;
    return VEL_OK;
}

void file_unmap(uint8_t *map, uint64_t size) {
    if (map) munmap(map, (size_t)size);
}

/* ---- whole files ---- */

vel_status file_replace(const char *directory, const char *path, const void *from, size_t size,
                        bool *in_place, vel_error *error) {
    char temporary[VEL_PATH_MAX];
    if (in_place) *in_place = false;
    int n = snprintf(temporary, sizeof temporary, "%s.tmp", path);
    if (n < 0 || (size_t)n >= sizeof temporary)
        return vel_fail(error, VEL_E_INVALID, 0, path, 0, "the path is too long");
    int fd;
    vel_status status = file_open(temporary, O_WRONLY | O_CREAT | O_TRUNC, &fd, error);
    if (status) return status;
    status = file_write(fd, temporary, 0, from, size, error);
    if (status == VEL_OK) status = file_sync(fd, temporary, error);
    file_close(fd);
    if (status == VEL_OK) status = file_rename(temporary, path, error);
    if (status) {
        file_remove(temporary, NULL);
        if (error && (error->sys_errno == ENOSPC || error->sys_errno == EDQUOT))
            error->status = status = VEL_E_FULL;
        return status;
    }
    if (in_place) *in_place = true;
    return directory_sync(directory, error);
}

vel_status file_load(const char *path, uint64_t size_max, vel_buffer *out, vel_error *error) {
    vel_error own;
    if (!error) error = &own;
    int fd;
    vel_status status = file_open(path, O_RDONLY, &fd, error);
    if (status) return error->sys_errno == ENOENT ? VEL_NOT_FOUND : status;
    uint64_t size = 0;
    size_t got = 0;
    status = file_size(fd, path, &size, error);
    if (status == VEL_OK && size > size_max)
        status = vel_fail(error, VEL_E_TOO_LARGE, 0, path, size_max,
                          "the file has %llu bytes, more than the %llu it may have",
                          (unsigned long long)size, (unsigned long long)size_max);
    if (status == VEL_OK && buffer_reserve(out, (size_t)size) != VEL_OK)
        status = vel_fail(error, VEL_E_NOMEM, 0, path, 0, "no memory for %llu bytes",
                          (unsigned long long)size);
    if (status == VEL_OK && size)
        status = file_read(fd, path, 0, out->data + out->size, (size_t)size, &got, error);
    if (status == VEL_OK) out->size += got;
    file_close(fd);
    return status;
}

/* ---- directories ---- */

vel_status directory_sync(const char *path, vel_error *error) {
    file_call call;
    int e = call_begin(&call, FAULT_SYNC_DIRECTORY, path, NULL);
    int fd = e ? -1 : open_again(path, O_RDONLY | O_DIRECTORY);
    if (!e && fd < 0) e = errno;
    while (!e && fsync(fd) < 0)
        if (errno != EINTR) e = errno;
    if (fd >= 0) close(fd);
    /* Some network file systems do not sync directories, and need not: entries go to the server. */
    if (fd >= 0 && e == EINVAL) e = 0;
    if (!call_end(&call, e)) return VEL_OK;
    return file_fail(error, e, path, "sync the directory to disk");
}

/* The directory that holds path, into `out` (VEL_PATH_MAX bytes). */
static void parent_of(const char *path, char *out) {
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/') n--;
    while (n && path[n - 1] != '/') n--;
    while (n > 1 && path[n - 1] == '/') n--;
    if (n) memcpy(out, path, n);
    else out[n++] = '.';
    out[n] = 0;
}

vel_status directory_make(const char *path, vel_error *error) {
    char parent[VEL_PATH_MAX];
    if (strlen(path) >= sizeof parent)
        return vel_fail(error, VEL_E_INVALID, 0, path, 0, "the path is too long");
    parent_of(path, parent);
    int made = mkdir(path, 0777);
    if (made < 0 && errno == ENOENT && strcmp(parent, path) != 0) {
        vel_status status = directory_make(parent, error);
        if (status) return status;
        made = mkdir(path, 0777);
    }
    if (made == 0) return directory_sync(parent, error);
    int e = errno;
    struct stat st;
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode)) return VEL_OK;
        e = ENOTDIR;
    }
    return file_fail(error, e, path, "make the directory");
}
