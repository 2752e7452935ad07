/* lock.c: see lock.h. */
#include "lock.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <unistd.h>

#include "fileio.h"

/* Descriptors that hold a lock in this process; nodes are reused (fd -1), never freed. */
typedef struct lock_node {
    int fd;
    struct lock_node *next;
} lock_node;

static lock_node *locks;
static pthread_mutex_t locks_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards `locks`; held over fork */
static pthread_once_t locks_once = PTHREAD_ONCE_INIT;

static void locks_before_fork(void) { pthread_mutex_lock(&locks_mutex); }
static void locks_in_parent(void) { pthread_mutex_unlock(&locks_mutex); }

/* An flock belongs to the open file that parent and child share, so an orphaned child would keep a
 * dead owner's directory locked. Another file in the descriptor's place gives that up without
 * unlocking, and keeps the number from meaning some file opened later. */
static void locks_in_child(void) {
    for (lock_node *node = locks; node; node = node->next) {
        if (node->fd < 0) continue;
        int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (null >= 0) {
            dup2(null, node->fd);
            fcntl(node->fd, F_SETFD, FD_CLOEXEC);
            close(null);
        } else {
            close(node->fd);
        }
        node->fd = -1;
    }
    pthread_mutex_unlock(&locks_mutex);
}

static void locks_begin(void) {
    pthread_atfork(locks_before_fork, locks_in_parent, locks_in_child);
}

/* Requires: locks_mutex. The node of this fd, or NULL. */
static lock_node *lock_find(int fd) {
    lock_node *node = locks;
    while (node && node->fd != fd) node = node->next;
    return node;
}

/* Requires: locks_mutex. A node with fd -1, or NULL without memory. */
static lock_node *lock_node_new(void) {
    lock_node *node = lock_find(-1);
    if (node || !(node = malloc(sizeof *node))) return node;
    node->fd = -1;
    node->next = locks;
    locks = node;
    return node;
}

/* The pid in the file if such a process is alive, else 0. */
static int64_t lock_holder(int fd) {
    char text[24];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) return 0;
    text[n] = 0;
    long long pid = strtoll(text, NULL, 10);
    if (pid <= 0 || pid > INT32_MAX) return 0;
    return kill((pid_t)pid, 0) == 0 || errno == EPERM ? pid : 0;
}

static vel_status fail_locked(vel_error *error, const char *path, int64_t pid) {
    if (!pid)
        return vel_fail(error, VEL_E_LOCKED, 0, path, 0,
                        "another process owns the data directory; close the database there first");
    return vel_fail(error, VEL_E_LOCKED, 0, path, 0,
                    "process %lld owns the data directory; close the database there first",
                    (long long)pid);
}

/* Lock an open LOCK file and put our pid in. */
static vel_status lock_file(int fd, const char *path, int64_t *holder_pid, vel_error *error) {
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EINTR) continue;
        if (errno != EWOULDBLOCK) return file_fail(error, errno, path, "lock the data directory");
        *holder_pid = lock_holder(fd);
        return fail_locked(error, path, *holder_pid);
    }
    char text[24];
    int n = snprintf(text, sizeof text, "%lld\n", (long long)getpid());
    vel_status status = file_truncate(fd, path, 0, error);
    return status ? status : file_write(fd, path, 0, text, (size_t)n, error);
}

vel_status lock_take(const char *directory, int *fd, int64_t *holder_pid, vel_error *error) {
    char path[VEL_PATH_MAX];
    *fd = -1;
    *holder_pid = 0;
    int n = snprintf(path, sizeof path, "%s/LOCK", directory);
    if (n < 0 || (size_t)n >= sizeof path)
        return vel_fail(error, VEL_E_INVALID, 0, directory, 0, "the path is too long");
    pthread_once(&locks_once, locks_begin);
    pthread_mutex_lock(&locks_mutex); /* no fork between taking the lock and noting it */
    int file;
    vel_status status = file_open(path, O_RDWR | O_CREAT, &file, error);
    if (status == VEL_OK) status = lock_file(file, path, holder_pid, error);
    lock_node *node = status == VEL_OK ? lock_node_new() : NULL;
    if (status == VEL_OK && !node) status = vel_fail(error, VEL_E_NOMEM, 0, path, 0, "no memory");
    if (status == VEL_OK) node->fd = *fd = file;
    else file_close(file);
    pthread_mutex_unlock(&locks_mutex);
    return status;
}

void lock_release(int fd) {
    if (fd < 0) return;
    pthread_mutex_lock(&locks_mutex);
    lock_node *node = lock_find(fd);
    if (node) node->fd = -1;
    /* Leave no pid that is not the owner's; a stale one does no harm, so a failure is ignored. */
    if (node && ftruncate(fd, 0) < 0) errno = 0;
    /* Closing unlocks: forks gave up their share. */
    close(fd);
    pthread_mutex_unlock(&locks_mutex);
}
