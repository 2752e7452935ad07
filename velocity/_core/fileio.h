/* fileio.h: every system call on files that the core makes; here tests make them fail.
 *
 * Each function returns VEL_OK or fills *error (VEL_E_IO with errno and path; the text says what
 * was attempted and what to do). Interrupted calls are taken up again; short reads and writes are
 * continued, and a read that ends early at end of file says so in *got. Nothing here is retried
 * after a real failure, fsync least of all: the kernel may have dropped the pages.
 *
 * Fault points: fault_set(point, after, sys_errno, flags) makes the call number `after` from now
 * (0: the next) to that point fail with sys_errno, and every later one until fault_clear;
 * FAULT_ONCE in flags makes it fail once. A short write fault (FAULT_SHORT, only at FAULT_WRITE)
 * makes file_write write half before it fails. VEL_E_INVALID for an unknown point or flag.
 *
 * Watching: file_watch(watcher) shows each call to a watcher before it is made and after it, so
 * that tests can keep what the disk would hold after a crash. Faults and watching together cost one
 * relaxed load when off.
 *
 * Thread-safe: files are plain descriptors; the fault table and the watcher are atomic.
 */
#ifndef VEL_FILEIO_H
#define VEL_FILEIO_H

#include "base.h"

typedef enum {
    FAULT_OPEN, FAULT_READ, FAULT_WRITE, FAULT_SYNC, FAULT_ALLOCATE, FAULT_TRUNCATE, FAULT_RENAME,
    FAULT_REMOVE, FAULT_SYNC_DIRECTORY, FAULT_MAP, FAULT_POINTS
} fault_point;
enum { FAULT_ONCE = 1, FAULT_SHORT = 2 };

vel_status fault_set(int point, int64_t after, int sys_errno, int flags);
void fault_clear(void);

typedef struct {
    fault_point point;
    const char *path, *to;  /* to: only FAULT_RENAME; else NULL */
    bool done;              /* the call is over */
    int sys_errno;          /* then what it failed with, 0: success */
} file_event;
/* Called on the calling thread, which may hold locks of the engine. */
typedef void (*file_watcher)(const file_event *event);
/* NULL: no more; calls under way may still be shown. */
void file_watch(file_watcher watcher);

/* Fill *error (may be NULL): "cannot " and the format, then why, and what to do. e: an errno.
 * Returns VEL_E_IO. */
vel_status file_fail(vel_error *error, int e, const char *path, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* mode: O_* flags (O_CLOEXEC added). */
vel_status file_open(const char *path, int mode, int *fd, vel_error *error);
void file_close(int fd);
vel_status file_read(int fd, const char *path, uint64_t offset, void *to, size_t size, size_t *got,
                     vel_error *error);
vel_status file_write(int fd, const char *path, uint64_t offset, const void *from, size_t size,
                      vel_error *error);
/* Data and size on disk (fdatasync; F_FULLFSYNC on macOS), of mappings of the file too. */
vel_status file_sync(int fd, const char *path, vel_error *error);
/* Blocks for [offset, offset+size) really allocated and reading as zero; the file grows. Falls back
 * to writing zeros where the file system cannot (EOPNOTSUPP). Requires: nothing but zeros, or the
 * end of the file, in that range. After a failure the file has the size it had. */
vel_status file_allocate(int fd, const char *path, uint64_t offset, uint64_t size,
                         vel_error *error);
vel_status file_truncate(int fd, const char *path, uint64_t size, vel_error *error);
vel_status file_size(int fd, const char *path, uint64_t *size, vel_error *error);
vel_status file_rename(const char *from, const char *to, vel_error *error);
vel_status file_remove(const char *path, vel_error *error);  /* absent is VEL_OK */
vel_status directory_sync(const char *path, vel_error *error);
/* With parents, each synced into its own parent; an existing directory is VEL_OK. */
vel_status directory_make(const char *path, vel_error *error);
/* Shared writable mapping of size bytes (may reach past the end of the file), not inherited by
 * forks. */
vel_status file_map(int fd, const char *path, uint64_t size, uint8_t **out, vel_error *error);
void file_unmap(uint8_t *map, uint64_t size);

/* Write all of a small file so that it is there whole or not at all: path.tmp, sync, rename,
 * directory sync. `directory` holds path. On failure the old file stands and path.tmp is removed,
 * or, when only the directory's sync failed, the new one stands: *in_place (may be NULL).
 * VEL_E_FULL: no room, the old file stands. */
vel_status file_replace(const char *directory, const char *path, const void *from, size_t size,
                        bool *in_place, vel_error *error);
/* Read all of a file into *out (appended), at most size_max bytes (more: VEL_E_TOO_LARGE).
 * VEL_NOT_FOUND when absent. */
vel_status file_load(const char *path, uint64_t size_max, vel_buffer *out, vel_error *error);

#endif
