/* scan.h: reads of whole collections: every record, all ids.
 *
 * Threads: without the GIL, beside any writers; pinned for a chunk of the table at a time.
 */
#ifndef VEL_SCAN_H
#define VEL_SCAN_H

#include "engine.h"

/* Call visit for each current record of the next chunk of the table: start with a zeroed walk and
 * go on until it is done. A record is valid inside the visit; a status that it returns ends the
 * chunk and comes back. Pinned meanwhile. Without the GIL. */
typedef struct { uint64_t cursor; bool done; } vel_walk;
typedef vel_status (*record_visit)(void *context, vel_engine *e, const uint8_t *record);
vel_status engine_visit_next(vel_engine *e, vel_collection *c, vel_walk *walk, record_visit visit,
                             void *context, vel_error *error);

#endif
