/* filter_scan.h: the documents of a collection that match a filter, found by looking at all.
 *
 * Threads: a scan belongs to one; it runs without the GIL, pinned for a chunk of the table at a
 * time, beside any writers. A document that is there from the begin to the end is looked at once.
 */
#ifndef VEL_FILTER_SCAN_H
#define VEL_FILTER_SCAN_H

#include "filter.h"
#include "scan.h"

typedef struct {
    vel_filter *filter;
    uint64_t skip, limit;      /* matches yet to be passed over; most that are wanted */
    bool collect;              /* copy the matches, not only count them */
    uint64_t count;            /* matches so far, without those passed over */
    vel_walk walk;
    /* Records, each 8-aligned: matches, and those on which Python has to decide. The caller empties
     * both between calls, and frees them. */
    vel_buffer found, unsure;
} vel_scan;

/* Go on with a scan, for a while: until there are records to take, or the limit is reached or all
 * is done (walk.done then), or some hundred thousand documents were looked at. Documents are
 * evaluated where they lie, each as it is when it is reached. Begin with all fields zero but
 * filter, skip, limit (at least 1), collect. Without the GIL. */
vel_status engine_scan_next(vel_engine *e, vel_collection *c, vel_scan *s, vel_error *error);

/* Take a record that matches: pass over it, or count it and, when asked for, copy it. VEL_OK or
 * VEL_E_NOMEM. */
VEL_INLINE vel_status scan_match(vel_scan *s, const uint8_t *record) {
    if (s->skip) {
        s->skip--;
        return VEL_OK;
    }
    s->count++;
    return s->collect ? record_append(&s->found, record) : VEL_OK;
}

#endif
