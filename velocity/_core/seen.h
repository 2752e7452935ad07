/* seen.h: a set of (collection, id hash, check): the ids met so far while recovery goes from the
 * newest operation to the oldest.
 *
 * Open addressing, at most three quarters full. Ids stand as 96 bits of hash: two ids of one
 * collection that share them all have odds of about 1 in 10^15 among ten million documents.
 *
 * Not thread-safe: belongs to the one recovery that opened it, which frees it with seen_close.
 */
#ifndef VEL_SEEN_H
#define VEL_SEEN_H

#include "base.h"

/* Empty: all zero. No id is: a collection's number is above 0. */
typedef struct { uint64_t hash; uint32_t check, collection; } seen_place;

typedef struct {
    seen_place *places;
    uint64_t count;
    uint64_t mask;     /* places - 1 */
} vel_seen;

/* VEL_OK or VEL_E_NOMEM. Room for `count` before it must grow. */
vel_status seen_open(vel_seen *s, uint64_t count);
/* Also for one that is zeroed. */
void seen_close(vel_seen *s);
/* Start fetching what a seen_add will look at. */
void seen_prefetch(const vel_seen *s, uint32_t collection, uint64_t hash);
bool seen_has(const vel_seen *s, uint32_t collection, uint64_t hash, uint32_t check);
/* Add; *fresh: it was not there. VEL_OK or VEL_E_NOMEM. */
vel_status seen_add(vel_seen *s, uint32_t collection, uint64_t hash, uint32_t check, bool *fresh);

#endif
