/* rules.c: see rules.h. Changing them is in evolve.c. */
#include "rules.h"

#include "engine.h"

#define NOTED_MAX ((size_t)64 << 10)  /* bytes of ids noted at once */

void rules_free(vel_rules *r) {
    if (!r) return;
    schema_free(r->schema);
    schema_free(r->next);
    buffer_free(&r->noted);
    free(r);
}

vel_status rules_install(vel_engine *e, vel_collection *c, vel_schema *schema) {
    vel_schema *old = schema;
    vel_status status = VEL_OK;
    pthread_mutex_lock(&e->commit_lock);
    if (schema && !c->rules) c->rules = calloc(1, sizeof *c->rules);
    if (c->rules) {
        old = c->rules->schema;
        c->rules->schema = schema;
    } else if (schema) {
        status = VEL_E_NOMEM;
    }
    pthread_mutex_unlock(&e->commit_lock);
    schema_free(old);
    return status;
}

vel_status rules_judge(vel_engine *e, vel_collection *c, const uint8_t *body, size_t size, int mode,
                       vel_buffer *out, vel_error *error) {
    pthread_mutex_lock(&e->commit_lock);
    const vel_schema *schema = c->rules ? c->rules->schema : NULL;
    vel_status status = schema ? schema_fit(schema, body, size, mode, out, error) : VEL_OK;
    pthread_mutex_unlock(&e->commit_lock);
    return status;
}

static void note(vel_rules *r, const uint8_t *id, size_t size) {
    if (r->noted.size + size + 2 > NOTED_MAX || buffer_reserve(&r->noted, size + 2)) {
        r->noted_all = false;
        return;
    }
    store_u16(r->noted.data + r->noted.size, (uint16_t)size);
    memcpy(r->noted.data + r->noted.size + 2, id, size);
    r->noted.size += size + 2;
}

vel_status rules_meet_next(vel_rules *r, const uint8_t *id, size_t id_size, const uint8_t *body,
                           size_t body_size, vel_error *error) {
    if (!r->next) return VEL_OK;
    vel_status status = schema_fit(r->next, body, body_size, SCHEMA_FILL, NULL, error);
    if (status == VEL_MISMATCH) return VEL_OK;  /* evolve_fill will see to it */
    if (status != VEL_E_SCHEMA || r->both) return status;
    note(r, id, id_size);
    return VEL_OK;
}
