/* filter_scan.c: see filter_scan.h. */
#include "filter_scan.h"

#define SCAN_CHUNKS 64              /* of the table in one call: up to 4096 documents each */
#define SCAN_BYTES (1u << 20)       /* of records that end a call */

static vel_status scan_record(void *context, vel_engine *e, const uint8_t *record) {
    vel_scan *s = context;
    vel_record r;
    record_read(record, &r);
    /* The record was found before: its names are known by now. */
    filter_resolve(s->filter);
    switch (filter_try(s->filter, r.body, r.body_size)) {
    case FILTER_NO:
        return VEL_OK;
    case FILTER_MAYBE:
        return record_append(&s->unsure, record);
    default:
        break;
    }
    vel_status status = scan_match(s, record);
    return !status && s->count >= s->limit ? VEL_END : status;
}

vel_status engine_scan_next(vel_engine *e, vel_collection *c, vel_scan *s, vel_error *error) {
    vel_status status = VEL_OK;
    for (int i = 0; i < SCAN_CHUNKS && !status && !s->walk.done; i++) {
        status = engine_visit_next(e, c, &s->walk, scan_record, s, error);
        if (s->unsure.size || s->found.size >= SCAN_BYTES) break;
    }
    if (status == VEL_END) {
        s->walk.done = true;
        status = VEL_OK;
    }
    return status;
}
