/* rules.h: the schema that a collection's writes are under, and its change to another while they
 * go on.
 *
 * Every write is judged in plan_batch, under commit_lock, so there is no moment at which one is
 * under no schema. A change goes in steps:
 *   evolve_begin   from now on a document that is written and does not fit `next` is noted;
 *   evolve_check   looks at all documents, and once more at those noted; when none breaks `next`,
 *                  writes must fit both schemas until
 *   evolve_end     makes `next` the schema, or forgets it;
 *   evolve_fill    writes the documents that are not yet as the schema stores them.
 * One thread at a time evolves a collection: evolve_begin refuses a second one.
 */
#ifndef VEL_RULES_H
#define VEL_RULES_H

#include "base.h"
#include "schema.h"

typedef struct vel_engine vel_engine;
typedef struct vel_collection vel_collection;

/* Guarded by commit_lock; the one who evolves reads `next` without. */
typedef struct vel_rules {
    vel_schema *schema;      /* NULL: none */
    vel_schema *next;        /* what it is being changed to, NULL: nothing */
    bool evolving;
    bool both;               /* writes must fit `next`, too */
    bool noted_all;          /* no id had to be left out of `noted` */
    vel_buffer noted;        /* ids of documents that may not fit `next`: u16 size, bytes */
} vel_rules;

void rules_free(vel_rules *r);
/* Put writes under a schema, NULL: none, without looking at what is there (opening, creating).
 * Takes it over, also on failure. Takes commit_lock. VEL_OK, VEL_E_NOMEM. */
vel_status rules_install(vel_engine *e, vel_collection *c, vel_schema *schema);
/* Judge a body as schema_fit does, by the schema there is now. Takes commit_lock. */
vel_status rules_judge(vel_engine *e, vel_collection *c, const uint8_t *body, size_t size, int mode,
                       vel_buffer *out, vel_error *error);
/* See to `next` for a whole document that is about to be written. Requires commit_lock. VEL_OK or
 * VEL_E_SCHEMA. */
vel_status rules_meet_next(vel_rules *r, const uint8_t *id, size_t id_size, const uint8_t *body,
                           size_t body_size, vel_error *error);

/* next: NULL for none; taken over, also on failure. VEL_OK; VEL_BUSY: another thread evolves it;
 * VEL_E_NOMEM. Without the GIL, as all that follow. */
vel_status evolve_begin(vel_engine *e, vel_collection *c, vel_schema *next);
/* VEL_OK; VEL_MISMATCH: documents break `next`, and *report has the first few: each id and what is
 * wrong with it, both as u16 size, bytes. Reads the disk. */
vel_status evolve_check(vel_engine *e, vel_collection *c, vel_buffer *report, vel_error *error);
/* take: `next` becomes the schema. */
void evolve_end(vel_engine *e, vel_collection *c, bool take);
/* *count: how many documents were written. As engine_apply's errors; what was written stays. */
vel_status evolve_fill(vel_engine *e, vel_collection *c, uint64_t *count, vel_error *error);

#endif
