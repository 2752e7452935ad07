/* check.h: whether an engine's parts agree with each other: slab, tables, log, cache and counts.
 *
 * In debug builds only. Threads: requires commit_lock, and no reader.
 */
#ifndef VEL_CHECK_H
#define VEL_CHECK_H

#include "base.h"

struct vel_engine;

/* Returns VEL_OK; VEL_E_CORRUPT with *why; VEL_E_NOMEM. */
vel_status engine_check(struct vel_engine *e, const char **why);

#endif
