/* lock.h: the owner's lock: one process at a time has a data directory open.
 *
 * It is an flock on directory/LOCK, which holds the owner's pid as text and is never deleted. A
 * fork gives up its share of the lock at once, so that the owner's death or lock_release frees it;
 * the descriptor stays valid there (as /dev/null).
 *
 * Thread-safe: what this process holds is guarded by a mutex, which is also held over forks.
 */
#ifndef VEL_LOCK_H
#define VEL_LOCK_H

#include "base.h"

/* VEL_OK with *fd, for lock_release; VEL_E_LOCKED with *holder_pid (0: unknown); VEL_E_IO;
 * VEL_E_NOMEM; VEL_E_INVALID for a path that is too long. *fd is -1 after a failure. */
vel_status lock_take(const char *directory, int *fd, int64_t *holder_pid, vel_error *error);
/* Below 0 is nothing. */
void lock_release(int fd);

#endif
