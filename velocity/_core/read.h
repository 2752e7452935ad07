/* read.h: what the functions that read records share; engine.h has those functions.
 *
 * Threads: each says what it requires.
 */
#ifndef VEL_READ_H
#define VEL_READ_H

#include "collection.h"

typedef struct vel_engine vel_engine;

/* Checks that must come after pinning: close and drop wait for pins before they free. */
vel_status engine_readable(const vel_engine *e, const vel_collection *c);
bool engine_is_expired(int64_t expiry);  /* by now; expiry 0: never */
/* Let the cache know that a block was read. Requires: pinned. */
void engine_mark_visited(const vel_engine *e, const uint8_t *block);
/* Keep a record that was read from disk in memory, if its block's header still names it; not when
 * it would have to wait. Requires: not pinned. */
void engine_admit(vel_engine *e, vel_collection *c, uint64_t hash, uint64_t header,
                  const uint8_t *record);

#endif
