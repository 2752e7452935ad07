/* group_scan.h: gathering the documents of a collection into groups.
 *
 * Threads: a grouping belongs to one; it runs without the GIL, pinned for a chunk of the table at a
 * time, beside any writers. A document that is there from the begin to the end is taken in once.
 */
#ifndef VEL_GROUP_SCAN_H
#define VEL_GROUP_SCAN_H

#include "engine.h"
#include "filter.h"
#include "group.h"
#include "scan.h"

/* Go on for some hundred thousand documents, from a zeroed walk until it is done. filter: of those
 * wanted, NULL: all; it must not need Python. Returns as group_add, or as reads do. */
vel_status engine_group_next(vel_engine *e, vel_collection *c, vel_walk *walk, vel_filter *filter,
                             vel_group *group, vel_error *error);

#endif
