/* verify.h: reading everything in a directory, changing nothing, and saying all that is wrong.
 *
 * Thread-safe: works on its arguments; the owner's lock keeps engines out. It reads whole files:
 * without the GIL.
 */
#ifndef VEL_VERIFY_H
#define VEL_VERIFY_H

#include "base.h"

/* Told of one problem: `offset` bytes into the file; the texts last for the call. */
typedef void (*verify_report)(void *context, const char *path, uint64_t offset, const char *what);
/* Read and check a directory; each problem is told to `report`. Takes the owner's lock
 * (VEL_E_LOCKED when open elsewhere). VEL_E_INVALID when it is not a database. *records: puts and
 * deletes read. */
vel_status verify_directory(const char *directory, uint64_t *records, verify_report report,
                            void *context, vel_error *error);

#endif
