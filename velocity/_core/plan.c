/* plan.c: decide what a batch does, before anything is changed: find the documents, check the
 * conditions, lay out the new records. Later operations of a batch see earlier ones through
 * `previous`. */
#include "engine.h"

#define PREFETCH_GROUP 16u  /* operations whose slots, and then records, are fetched together */
#define FEW_PLACES 256u
#define LINEAR_MAX 8  /* batches up to this size look for earlier operations by walking back */

vel_status engine_find(vel_engine *e, const vel_collection *c, uint64_t hash, const uint8_t *id,
                       size_t id_size, bool nonblock, vel_found *out, vel_error *error) {
    table_probe probe;
    uint32_t position;
    vel_ref ref;
    memset(out, 0, sizeof *out);
    table_probe_begin(&c->table, hash, &probe);
    while ((ref = table_probe_next(&probe, &position))) {
        const uint8_t *block = slab_at(&e->slab, ref);
        if (vel_likely(!block_is_cold(e, block))) {
            const uint8_t *record = block_record(e, block);
            if (!record_has_id(record, id, id_size)) continue;
            *out = (vel_found){ref, record, 0};
            return VEL_OK;
        }
        if (nonblock) return VEL_BUSY;
        size_t at;
        vel_status status = engine_read_location(e, block_header(block), &e->scratch, &at, error);
        if (status) return status;
        if (!record_has_id(e->scratch.data + at, id, id_size)) continue;
        *out = (vel_found){ref, NULL, at};
        return VEL_OK;
    }
    return VEL_OK;
}

/* --- earlier operations of the batch on the same id ----------------------------------------- */

static bool same_document(const vel_write *a, const vel_write *b) {
    return a->hash == b->hash && a->collection == b->collection && a->id_size == b->id_size &&
           memcmp(a->id, b->id, a->id_size) == 0;
}

typedef struct { uint32_t *places; uint32_t mask; } batch_index;

/* few: FEW_PLACES of the caller's, which usual batches need no more than. */
static vel_status index_open(batch_index *x, size_t count, uint32_t *few) {
    *x = (batch_index){0};
    if (count <= LINEAR_MAX) return VEL_OK;
    size_t capacity = 16;
    while (capacity < 2 * count) capacity *= 2;
    x->mask = (uint32_t)(capacity - 1);
    if (capacity > FEW_PLACES) {
        x->places = calloc(capacity, sizeof *x->places);
        return x->places ? VEL_OK : VEL_E_NOMEM;
    }
    x->places = memset(few, 0, capacity * sizeof *few);
    return VEL_OK;
}

/* Index + 1 of the last operation before i on the same document, 0: none; and remember i. */
static uint32_t index_previous(batch_index *x, const vel_write *writes, size_t i) {
    if (!x->places) {
        for (size_t j = i; j-- > 0;)
            if (writes[j].id_size && same_document(&writes[j], &writes[i])) return (uint32_t)j + 1;
        return 0;
    }
    uint32_t at = (uint32_t)(writes[i].hash ^ writes[i].hash >> 32 ^ writes[i].collection->id) &
                  x->mask;
    while (x->places[at] && !same_document(&writes[x->places[at] - 1], &writes[i]))
        at = (at + 1) & x->mask;
    uint32_t previous = x->places[at];
    x->places[at] = (uint32_t)i + 1;
    return previous;
}

/* Whether an operation before i is on another document of the same hash. */
static bool index_has_twin(const batch_index *x, const vel_write *writes, size_t i) {
    const vel_write *w = &writes[i];
    if (!x->places) {
        for (size_t j = 0; j < i; j++)
            if (writes[j].hash == w->hash && writes[j].collection == w->collection &&
                writes[j].id_size && !same_document(&writes[j], w))
                return true;
        return false;
    }
    uint32_t at = (uint32_t)(w->hash ^ w->hash >> 32 ^ w->collection->id) & x->mask;
    for (; x->places[at]; at = (at + 1) & x->mask) {
        const vel_write *other = &writes[x->places[at] - 1];
        if (other->hash == w->hash && other->collection == w->collection &&
            !same_document(other, w))
            return true;
    }
    return false;
}

/* --- one operation -------------------------------------------------------------------------- */

typedef struct {
    vel_engine *e;
    vel_write *writes;
    vel_plan *plans;
    int64_t now, stamp;     /* stamp: the last given out in this batch */
    bool nonblock;
    vel_outcome *outcome;
    vel_error *error;
    batch_index index;
} planner;

/* Nothing decided, no document: what plan_put fills is left as it is. */
VEL_INLINE void plan_begin(vel_plan *p) {
    p->record.size = 0;
    p->record.flags = 0;
    p->record.expiry = 0;
    p->body_at = 0;
    p->ref = 0;
    p->old = (vel_published){0};
    p->old_stamp = 0;
    p->location = 0;
    p->previous = 0;
    p->writes = p->deletes = p->present = false;
}

/* Fill p with the document as it is before the operation. */
static vel_status load_current(planner *b, const vel_write *w, vel_plan *p) {
    if (p->previous) {
        uint32_t previous = p->previous;
        *p = b->plans[previous - 1];
        p->previous = previous;
        p->writes = p->deletes = false;
        return VEL_OK;
    }
    vel_found found;
    vel_status status = engine_find(b->e, w->collection, w->hash, w->id, w->id_size, b->nonblock,
                                    &found, b->error);
    if (status || !found.ref) return status;
    const uint8_t *record = found.record ? found.record : b->e->scratch.data + found.scratch_at;
    record_read(record, &p->record);
    p->record.id = w->id;  /* the same bytes, where nothing moves them */
    if (!found.record) p->body_at = found.scratch_at + (size_t)(p->record.body - record) + 1;
    p->present = !p->record.expiry || p->record.expiry > b->now;
    p->old = (vel_published){found.ref, p->record.size, p->record.expiry};
    p->old_stamp = p->present ? p->record.modified : 0;
    return VEL_OK;
}

/* NULL when every condition holds, else which does not. */
static const char *unmet_condition(planner *b, const vel_write *w, const vel_plan *p) {
    if ((w->flags & WRITE_IF_STAMP) && p->old_stamp != w->expected_stamp) return "stamp";
    if ((w->flags & WRITE_IF_EXPIRY) && (!p->old.ref || p->record.expiry != w->expected_stamp))
        return "expiry";
    if (w->require == REQUIRE_ABSENT && p->present) return "present";
    if (w->require == REQUIRE_PRESENT && !p->present) return "absent";
    if ((w->flags & (WRITE_IF_VERSION | WRITE_IF_MATCHES)) && !p->present) return "absent";
    if ((w->flags & WRITE_IF_VERSION) && p->record.version != w->expected_version) return "version";
    if ((w->flags & WRITE_IF_MATCHES) &&
        !body_matches(plan_body(b->e, p), p->record.body_size, w->expected, w->expected_size))
        return "fields";
    return NULL;
}

/* Fields to be written: the caller's, or in scratch when the schema stores them otherwise. */
typedef struct {
    size_t at;                 /* offset + 1 in scratch, 0: the caller's */
    const uint8_t *body;
    uint32_t size;
} given_fields;

/* Merge fields into p's body, in scratch. */
static vel_status plan_merge(planner *b, const given_fields *w, vel_plan *p) {
    vel_buffer *scratch = &b->e->scratch;
    /* Room first: the base may lie in scratch itself, which must not move under the merge. */
    vel_status status = buffer_reserve(scratch, (size_t)p->record.body_size + w->size + 64);
    if (status) return status;
    size_t at = scratch->size;
    const uint8_t *changes = w->at ? scratch->data + w->at - 1 : w->body;
    status = body_merge(plan_body(b->e, p), p->record.body_size, changes, w->size, scratch);
    if (status == VEL_E_TOO_LARGE)
        return vel_fail(b->error, status, 0, NULL, 0,
                        "the merged document is larger than 16 MiB; split it");
    if (status == VEL_E_CORRUPT)
        return vel_fail(b->error, status, 0, b->e->directory, 0,
                        "a document's body cannot be read");
    if (status) return status;
    p->body_at = at + 1;
    p->record.body_size = (uint32_t)(scratch->size - at);
    return VEL_OK;
}

/* Judge fields by the collection's schema; they become what is stored. */
static vel_status fit_fields(planner *b, const vel_write *w, int mode, given_fields *fields) {
    const vel_schema *schema = w->collection->rules->schema;
    size_t at = b->e->scratch.size;
    if (!schema) return VEL_OK;
    vel_status status =
        schema_fit(schema, fields->body, fields->size, mode, &b->e->scratch, b->error);
    if (status != VEL_MISMATCH) return status;
    fields->at = at + 1;
    fields->size = (uint32_t)(b->e->scratch.size - at);
    return VEL_OK;
}

/* The present document's own fields as its schema stores them; *at 0: they are so. */
static vel_status fit_present(planner *b, const vel_write *w, const vel_plan *p,
                              given_fields *fields) {
    const vel_schema *schema = w->collection->rules ? w->collection->rules->schema : NULL;
    vel_buffer filled = {0};
    *fields = (given_fields){0};
    if (!schema) return VEL_OK;
    vel_status status = schema_fit(schema, plan_body(b->e, p), p->record.body_size, SCHEMA_FILL,
                                   &filled, b->error);
    if (status == VEL_MISMATCH && !(status = buffer_reserve(&b->e->scratch, filled.size))) {
        fields->at = b->e->scratch.size + 1;
        fields->size = (uint32_t)filled.size;
        memcpy(b->e->scratch.data + fields->at - 1, filled.data, filled.size);
        b->e->scratch.size += filled.size;
    }
    buffer_free(&filled);
    return status;
}

static vel_status plan_put(planner *b, vel_write *w, vel_plan *p) {
    vel_record *r = &p->record;
    vel_rules *rules = w->collection->rules;
    given_fields fields = {0, w->body, w->body_size};
    bool merges = w->kind == WRITE_MERGE && p->present;
    vel_status status = VEL_OK;
    if (w->kind == WRITE_FILL) {
        if (!p->present || (status = fit_present(b, w, p, &fields)) || !fields.at) return status;
    } else if (vel_unlikely(rules != NULL)) {
        int mode = merges ? SCHEMA_PART
                   : w->flags & WRITE_NO_DEFAULTS ? SCHEMA_WHOLE : SCHEMA_FILL;
        if ((status = fit_fields(b, w, mode, &fields))) return status;
    }
    if (merges) {
        if ((status = plan_merge(b, &fields, p))) return status;
    } else {
        p->body_at = fields.at;
        r->body = fields.body;
        r->body_size = fields.size;
    }
    if (vel_unlikely(rules != NULL && rules->next) &&
        (status = rules_meet_next(rules, w->id, w->id_size, plan_body(b->e, p), r->body_size,
                                  b->error)))
        return status;
    r->modified = ++b->stamp;
    r->created = p->present ? r->created : r->modified;
    r->version = p->present ? r->version + 1 : 1;
    if (!(p->present && (w->flags & WRITE_KEEP_EXPIRY) && !w->expiry)) r->expiry = w->expiry;
    r->id = w->id;
    r->id_size = (uint16_t)w->id_size;
    r->flags = 0;
    record_measure(r);
    p->writes = p->present = true;
    w->version = r->version;
    return VEL_OK;
}

static void plan_delete(planner *b, vel_write *w, vel_plan *p) {
    bool in_table = p->previous ? !(b->plans[p->previous - 1].deletes ||
                                    !b->plans[p->previous - 1].record.size)
                                : p->old.ref != 0;
    if (!in_table) return;
    vel_record *r = &p->record;
    r->modified = r->created = ++b->stamp;
    if (w->existed) r->expiry = 0;  /* that of an expired document tells the change feed why */
    r->id = w->id;
    r->id_size = (uint16_t)w->id_size;
    r->body_size = 0;
    p->body_at = 0;
    r->flags = RECORD_TOMBSTONE;
    record_measure(r);
    p->writes = p->deletes = true;
    p->present = false;
}

/* Copy the document as planned into the outcome. */
static vel_status give_current(planner *b, const vel_plan *p) {
    vel_buffer *out = &b->outcome->current;
    out->size = 0;
    if (!p->present) return VEL_OK;
    vel_record r = p->record;
    r.body = plan_body(b->e, p);
    vel_status status = buffer_reserve(out, r.size);
    if (status) return status;
    record_write(&r, out->data);
    out->size = r.size;
    return VEL_OK;
}

/* The document as it lies, or is to lie, in the table. */
static index_body stored_body(const planner *b, const vel_plan *p) {
    if (!p->record.size || (p->record.flags & RECORD_TOMBSTONE)) return (index_body){0};
    return (index_body){plan_body(b->e, p), p->record.body_size};
}

/* Note what the operation changes in indexes. `before`: the plan as it was loaded. */
static vel_status plan_indexes(planner *b, size_t i, const vel_plan *before) {
    const vel_write *w = &b->writes[i];
    const vel_plan *p = &b->plans[i];
    if (!p->writes) return VEL_OK;
    index_write x = {w->collection, (uint32_t)i, w->hash, w->id, w->id_size,
                     stored_body(b, before), stored_body(b, p), !before->present, p->previous != 0,
                     before->old.ref != 0, index_has_twin(&b->index, b->writes, i)};
    return index_plan(b->e, &x, b->now, b->nonblock, b->error);
}

static vel_status plan_change(planner *b, vel_write *w, vel_plan *p) {
    if (w->kind == WRITE_PUT || w->kind == WRITE_MERGE || w->kind == WRITE_FILL)
        return plan_put(b, w, p);
    if (w->kind == WRITE_DELETE) plan_delete(b, w, p);
    else if (w->kind == WRITE_CHECK && p->present) w->version = p->record.version;
    return VEL_OK;
}

static vel_status plan_indexed_change(planner *b, size_t i, vel_write *w, vel_plan *p) {
    vel_plan before = *p;
    vel_status status = plan_change(b, w, p);
    return status ? status : plan_indexes(b, i, &before);
}

static vel_status plan_one(planner *b, size_t i, int flags) {
    vel_write *w = &b->writes[i];
    vel_plan *p = &b->plans[i];
    w->version = 0;
    w->existed = 0;
    vel_status status = VEL_OK;
    const char *why = NULL;
    if (w->collection->dropped) {
        why = "dropped";
    } else if (w->kind == WRITE_UNCHANGED) {
        if (w->collection->change_count != (uint64_t)w->expected_stamp) why = "changed";
    } else {
        if ((status = load_current(b, w, p))) return status;
        w->existed = p->present;
        why = unmet_condition(b, w, p);
    }
    if (why) {
        if (w->flags & WRITE_OR_SKIP) return VEL_OK;
        b->outcome->why = why;
        if ((flags & APPLY_WANT_CURRENT) && (status = give_current(b, p))) return status;
        return VEL_MISMATCH;
    }
    if (vel_likely(!w->collection->indexes)) status = plan_change(b, w, p);
    else status = plan_indexed_change(b, i, w, p);
    if (!status && i == 0 && (flags & APPLY_WANT_CURRENT)) status = give_current(b, p);
    return status;
}

/* Start fetching what the operations from .. from + PREFETCH_GROUP will look at: their slots, or
 * what those name. A group in one short loop, so that the processor looks several pages up at
 * once. */
static void prefetch_slots(const vel_write *writes, size_t from, size_t count) {
    size_t end = from + PREFETCH_GROUP < count ? from + PREFETCH_GROUP : count;
    for (size_t i = from; i < end; i++)
        if (!writes[i].collection->dropped)
            table_prefetch(&writes[i].collection->table, writes[i].hash);
}
static void prefetch_records(const vel_engine *e, const vel_write *writes, size_t from,
                             size_t count) {
    size_t end = from + PREFETCH_GROUP < count ? from + PREFETCH_GROUP : count;
    for (size_t i = from; i < end; i++) {
        const vel_collection *c = writes[i].collection;
        table_probe probe;
        uint32_t position;
        if (c->dropped) continue;
        table_probe_begin(&c->table, writes[i].hash, &probe);
        vel_ref ref = table_probe_next(&probe, &position);
        if (ref) __builtin_prefetch(slab_at(&e->slab, ref));
        else table_prefetch_counts(&c->table, writes[i].hash);
        if (ref && c->indexes) __builtin_prefetch(slab_at(&e->slab, ref) + 64);
    }
}
static void prefetch_ahead(const vel_engine *e, const vel_write *writes, size_t i, size_t count) {
    if (i % PREFETCH_GROUP) return;
    if (i == 0) prefetch_slots(writes, 0, count);
    prefetch_slots(writes, i + PREFETCH_GROUP, count);
    prefetch_records(e, writes, i, count);
}

VEL_INLINE vel_status plan_all(planner *b, size_t count, int flags) {
    uint32_t few[FEW_PLACES];
    vel_status status = index_open(&b->index, count, few);
    for (size_t i = 0; !status && i < count; i++) {
        plan_begin(&b->plans[i]);
        if (count > 1 && b->writes[i].kind != WRITE_UNCHANGED)
            b->plans[i].previous = index_previous(&b->index, b->writes, i);
        b->outcome->failed = i;
        if (count > 1) prefetch_ahead(b->e, b->writes, i, count);
        status = plan_one(b, i, flags);
    }
    if (b->index.places != few) free(b->index.places);
    return status;
}

vel_status plan_batch(vel_engine *e, vel_write *writes, vel_plan *plans, size_t count, int64_t now,
                      int flags, vel_outcome *outcome, vel_error *error) {
    planner b = {e, writes, plans, now, now > e->last_stamp ? now - 1 : e->last_stamp,
                 (flags & APPLY_NONBLOCK) != 0, outcome, error, {0}};
    e->scratch.size = 0;
    if (vel_unlikely(e->index_batch.count)) index_batch_clear(&e->index_batch);
    return count == 1 ? plan_all(&b, 1, flags) : plan_all(&b, count, flags);
}
