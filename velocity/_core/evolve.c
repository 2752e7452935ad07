/* evolve.c: changing the schema of a collection that is being written to. See rules.h. */
#include "engine.h"
#include "rules.h"
#include "scan.h"

#define REPORTED_MAX 5   /* documents named in a refusal */
#define FOUND_MAX 64     /* documents that end a look at all */
#define FILL_AT_ONCE 64
#define ROUNDS_MAX 16    /* looks at all documents while writers keep changing them */

vel_status evolve_begin(vel_engine *e, vel_collection *c, vel_schema *next) {
    vel_status status = VEL_OK;
    pthread_mutex_lock(&e->commit_lock);
    if (!c->rules) c->rules = calloc(1, sizeof *c->rules);
    if (!c->rules) {
        status = VEL_E_NOMEM;
    } else if (c->rules->evolving) {
        status = VEL_BUSY;
    } else {
        c->rules->evolving = true;
        c->rules->both = false;
        c->rules->next = next;
        next = NULL;
    }
    pthread_mutex_unlock(&e->commit_lock);
    schema_free(next);
    return status;
}

void evolve_end(vel_engine *e, vel_collection *c, bool take) {
    pthread_mutex_lock(&e->commit_lock);
    vel_rules *r = c->rules;
    vel_schema *old = take ? r->schema : r->next;
    if (take) r->schema = r->next;
    r->next = NULL;
    r->evolving = r->both = false;
    buffer_free(&r->noted);
    pthread_mutex_unlock(&e->commit_lock);
    schema_free(old);
}

/* --- looking for documents that break it ---------------------------------------------------- */

typedef struct {
    const vel_schema *next;
    vel_buffer ids;          /* as vel_rules.noted */
    size_t count;
    vel_error *error;
} search;

/* Append u16 size, bytes. */
static vel_status put_text(vel_buffer *out, const void *bytes, size_t size) {
    vel_status status = buffer_reserve(out, size + 2);
    if (status) return status;
    store_u16(out->data + out->size, (uint16_t)size);
    memcpy(out->data + out->size + 2, bytes, size);
    out->size += size + 2;
    return VEL_OK;
}

static vel_status look_at(void *context, vel_engine *e, const uint8_t *record) {
    search *s = context;
    vel_record r;
    record_read(record, &r);
    vel_status status = schema_fit(s->next, r.body, r.body_size, SCHEMA_FILL, NULL, s->error);
    if (status != VEL_E_SCHEMA) return status < 0 ? status : VEL_OK;
    if ((status = put_text(&s->ids, r.id, r.id_size))) return status;
    return ++s->count < FOUND_MAX ? VEL_OK : VEL_END;
}

static bool is_reported(const vel_buffer *report, const uint8_t *id, size_t size) {
    for (size_t at = 0; at < report->size;) {
        size_t length = load_u16(report->data + at);
        if (length == size && !memcmp(report->data + at + 2, id, size)) return true;
        at += 2 + length;
        at += 2 + load_u16(report->data + at);
    }
    return false;
}

/* Add a document to the report if it breaks `next` now. Requires commit_lock. */
static vel_status report_one(vel_engine *e, vel_collection *c, const uint8_t *id, size_t size,
                             vel_buffer *report, size_t *reported, vel_error *error) {
    vel_found found;
    vel_record r;
    vel_error wrong;
    e->scratch.size = 0;
    vel_status status = engine_find(e, c, engine_hash(e, id, size), id, size, false, &found, error);
    if (status || !found.ref) return status;
    record_read(found.record ? found.record : e->scratch.data + found.scratch_at, &r);
    if (engine_is_expired(r.expiry)) return VEL_OK;
    status = schema_fit(c->rules->next, r.body, r.body_size, SCHEMA_FILL, NULL, &wrong);
    if (status != VEL_E_SCHEMA || is_reported(report, id, size)) return VEL_OK;
    status = put_text(report, id, size);
    if (!status) status = put_text(report, wrong.what, strlen(wrong.what));
    ++*reported;
    return status;
}

static vel_status report_all(vel_engine *e, vel_collection *c, const vel_buffer *ids,
                             vel_buffer *report, size_t *reported, vel_error *error) {
    vel_status status = VEL_OK;
    for (size_t at = 0; at < ids->size && !status && *reported < REPORTED_MAX;) {
        size_t size = load_u16(ids->data + at);
        status = report_one(e, c, ids->data + at + 2, size, report, reported, error);
        at += 2 + size;
    }
    return status;
}

/* One look at all documents, then, while nothing is written, at those found and noted. *sure: none
 * breaks `next`. */
static vel_status check_once(vel_engine *e, vel_collection *c, bool *sure, vel_buffer *report,
                             vel_error *error) {
    vel_rules *r = c->rules;
    search s = {.next = r->next, .error = error};
    size_t reported = 0;
    pthread_mutex_lock(&e->commit_lock);
    r->noted.size = 0;
    r->noted_all = true;
    pthread_mutex_unlock(&e->commit_lock);
    vel_walk walk = {.done = !r->next};
    vel_status status = VEL_OK;
    while (!status && !walk.done) status = engine_visit_next(e, c, &walk, look_at, &s, error);
    bool all = status != VEL_END;
    if (status == VEL_END) status = VEL_OK;
    pthread_mutex_lock(&e->commit_lock);
    if (!status) status = engine_usable(e);
    if (!status && collection_dropped(c)) status = VEL_NOT_FOUND;
    if (!status) status = report_all(e, c, &s.ids, report, &reported, error);
    if (!status) status = report_all(e, c, &r->noted, report, &reported, error);
    *sure = !status && !reported && all && r->noted_all;
    if (*sure) r->both = true;
    pthread_mutex_unlock(&e->commit_lock);
    buffer_free(&s.ids);
    return status || !reported ? status : VEL_MISMATCH;
}

vel_status evolve_check(vel_engine *e, vel_collection *c, vel_buffer *report, vel_error *error) {
    bool sure = false;
    for (int round = 0; round < ROUNDS_MAX; round++) {
        vel_status status = check_once(e, c, &sure, report, error);
        if (status || sure) return status;
    }
    return vel_fail(error, VEL_E_SCHEMA, 0, NULL, 0,
                    "documents that do not fit the new schema are written faster than they can be "
                    "looked at; try again");
}

/* --- storing documents as it wants them ----------------------------------------------------- */

typedef struct {
    vel_collection *c;
    const vel_schema *schema;
    vel_buffer ids;          /* of one chunk of the walk: u16 size, bytes */
    size_t count;
    uint64_t filled;
    vel_error *error;
} filling;

static vel_status want_fill(void *context, vel_engine *e, const uint8_t *record) {
    filling *x = context;
    vel_record r;
    record_read(record, &r);
    vel_status status = schema_fit(x->schema, r.body, r.body_size, SCHEMA_FILL, NULL, x->error);
    if (status != VEL_MISMATCH) return status;
    x->count++;
    return put_text(&x->ids, r.id, r.id_size);
}

static vel_status fill_chunk(vel_engine *e, filling *x) {
    if (!x->count) return VEL_OK;
    vel_write *writes = malloc(x->count * sizeof *writes);
    if (!writes) return VEL_E_NOMEM;
    const uint8_t *at = x->ids.data;
    for (size_t i = 0; i < x->count; i++) {
        uint16_t size = load_u16(at);
        write_begin(&writes[i], x->c, engine_hash(e, at + 2, size), at + 2, size, WRITE_FILL,
                    REQUIRE_NONE);
        writes[i].flags = WRITE_KEEP_EXPIRY;
        at += 2 + size;
    }
    vel_outcome outcome = {0};
    vel_status status = VEL_OK;
    /* A few at a time, so that other writers are not held up. */
    for (size_t i = 0; i < x->count && !status; i += FILL_AT_ONCE) {
        size_t count = x->count - i < FILL_AT_ONCE ? x->count - i : FILL_AT_ONCE;
        status = engine_apply(e, writes + i, count, clock_wall_ns(), 0, &outcome, x->error);
        if (!status) status = engine_wait_synced(e, outcome.seq, x->error);
        for (size_t j = i; j < i + count && !status; j++) x->filled += writes[j].version != 0;
    }
    free(writes);
    x->ids.size = x->count = 0;
    return status;
}

vel_status evolve_fill(vel_engine *e, vel_collection *c, uint64_t *count, vel_error *error) {
    filling x = {.c = c, .schema = c->rules ? c->rules->schema : NULL, .error = error};
    vel_walk walk = {.done = !x.schema};
    vel_status status = VEL_OK;
    while (!status && !walk.done) {
        status = engine_visit_next(e, c, &walk, want_fill, &x, error);
        if (!status) status = fill_chunk(e, &x);
    }
    buffer_free(&x.ids);
    *count = x.filled;
    return status;
}
