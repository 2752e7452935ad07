/* group_scan.c: see group_scan.h. */
#include "group_scan.h"

#define GROUP_CHUNKS 64  /* chunks of the table in one go */

typedef struct { vel_filter *filter; vel_group *group; vel_error *error; } grouping;

static vel_status group_record(void *context, vel_engine *e, const uint8_t *record) {
    grouping *g = context;
    vel_record r;
    record_read(record, &r);
    if (g->filter) {
        filter_resolve(g->filter);
        if (!filter_matches(g->filter, r.body, r.body_size)) return VEL_OK;
    }
    vel_status status = group_add(g->group, r.body, r.body_size);
    return status == VEL_E_CORRUPT ? body_unreadable(g->error) : status;
}

vel_status engine_group_next(vel_engine *e, vel_collection *c, vel_walk *walk, vel_filter *filter,
                             vel_group *group, vel_error *error) {
    grouping g = {filter, group, error};
    vel_status status = VEL_OK;
    for (int i = 0; i < GROUP_CHUNKS && !walk->done && !status; i++)
        status = engine_visit_next(e, c, walk, group_record, &g, error);
    return status;
}
