/* core_queries.c: reading that is not by id, for core_threads.c: indexes, which are also built and
 * dropped meanwhile, ordered ids, scans with a filter, columns, changes, and documents that are
 * chosen by a query and written in one step.
 */
#include "column_scan.h"
#include "core_threads.h"
#include "ids.h"
#include "query.h"
#include "value_key.h"
#include "value_write.h"

#define MANY 64
#define LOOKERS 2      /* threads that look names up */
#define COUNTED 40000  /* counters stay below it, so that nothing else is done to them */

/* --- what is shared ---------------------------------------------------------------------------- */

static void filter_make(vel_filter *f, const vel_names *names, const char *name, filter_op op,
                        int64_t limit) {
    uint32_t node, path;
    uint8_t value[9];
    size_t size = (size_t)(int_write(value, limit) - value);
    CHECK(filter_open(f, names) == VEL_OK);
    CHECK(filter_add_path(f, (const uint8_t *)name, strlen(name), &path) == VEL_OK);
    CHECK(filter_add(f, 0, op, &node) == VEL_OK);
    CHECK(buffer_reserve(&f->bytes, size) == VEL_OK);
    f->nodes[node].path = path;
    memcpy(f->bytes.data, value, size);
    f->bytes.size = size;
    CHECK(filter_add_value(f, node, 0) == VEL_OK);
    filter_seal(f);
}

static vel_status index_make(scene *s, const char *name, const char *path, vel_index **out) {
    vel_error error;
    index_field field = {(const uint8_t *)path, (uint32_t)strlen(path), *path == 'c'};
    index_definition d = {.name = name, .fields = &field, .field_count = 1};
    return index_create(s->engine, s->users, &d, false, out, &error);
}

void queries_open(scene *s) {
    vel_index *ix;
    filter_make(&s->filter, s->users->names, "n", FILTER_GT, ABOVE);
    CHECK(index_make(s, "by n", "n", &ix) == VEL_OK);
    index_release(ix);
}

void queries_close(scene *s) { filter_close(&s->filter); }

/* --- names ------------------------------------------------------------------------------------- */

/* Names that come while threads look them up through paths and filters that they share. */
typedef struct {
    vel_names *names;
    vel_path paths[NAMES];
    vel_filter filters[NAMES];
    uint32_t come;        /* atomic: of the names, how many have come */
    uint32_t looking;     /* atomic: threads that look for the next of them */
} naming;

static size_t name_make(char *name, uint32_t i) { return (size_t)sprintf(name, "name%u", i); }

/* A name that has come is found, whoever else looks, before or meanwhile. */
static void look_up(naming *n, uint32_t i, bool come) {
    uint8_t body[16], *p = body;
    *p++ = 1;
    p = varint_write(p, i + 1);
    p = int_write(p, 1);
    path_resolve(&n->paths[i], n->names);
    filter_resolve(&n->filters[i]);
    if (!come) return;
    CHECK(atomic_get_relaxed(&n->paths[i].parts[0].number) == i + 1);
    CHECK(filter_matches(&n->filters[i], body, (size_t)(p - body)));
}

static void *look_names_up(void *argument) {
    naming *n = argument;
    for (uint32_t i = 0; i < NAMES; i++) {
        bool come = false;
        atomic_add_relaxed(&n->looking, 1);
        while (!come) {
            come = atomic_get_seq(&n->come) > i;
            for (int again = 0; again < 100; again++) look_up(n, i, come);
            if (!come) sched_yield();
        }
    }
    return NULL;
}

void names_threads(void) {
    pthread_t threads[LOOKERS];
    naming *n = calloc(1, sizeof *n);
    char name[16];
    uint32_t number;
    CHECK(n && (n->names = names_new()));
    for (uint32_t i = 0; i < NAMES; i++) {
        size_t size = name_make(name, i);
        CHECK(path_compile(&n->paths[i], (const uint8_t *)name, size) == VEL_OK);
        filter_make(&n->filters[i], n->names, name, FILTER_EQ, 1);
    }
    for (int i = 0; i < LOOKERS; i++)
        CHECK(pthread_create(&threads[i], NULL, look_names_up, n) == 0);
    for (uint32_t i = 0; i < NAMES; i++) {
        size_t size = name_make(name, i);
        while (atomic_get_seq(&n->looking) < (i + 1) * LOOKERS) sched_yield();
        CHECK(names_add(n->names, (const uint8_t *)name, size, &number) == VEL_OK);
        atomic_set_seq(&n->come, i + 1);
    }
    for (int i = 0; i < LOOKERS; i++) pthread_join(threads[i], NULL);
    for (uint32_t i = 0; i < NAMES; i++) {
        path_free(&n->paths[i]);
        filter_close(&n->filters[i]);
    }
    names_free(n->names);
    free(n);
}

/* --- indexes ----------------------------------------------------------------------------------- */

static vel_status index_built(worker *w) {
    char name[24];
    vel_index *ix;
    vel_filter *where;
    sprintf(name, "built %p", (void *)w);
    vel_status status = index_make(w->scene, name, "copy", &ix);
    if (status) return status;
    index_release(ix);
    return index_drop(w->scene->engine, w->scene->users, name, &where);
}

/* Keys come in order. */
static vel_status index_walked(worker *w) {
    vel_index *ix;
    vel_status status = index_find(w->scene->engine, w->scene->users, "by n", &ix);
    if (status) return status;
    index_cursor cursor;
    vel_buffer keys = {0}, last = {0};
    uint64_t hashes[MANY], entries;
    size_t count = 1;
    bool reverse = rand_r(&w->chance) % 2;
    index_cursor_open(&cursor, ix, NULL, 0, NULL, 0, reverse);
    while (!status && count) {
        keys.size = 0;
        status = index_scan(&cursor, hashes, MANY, &count, &keys);
        const uint8_t *at = keys.data;
        for (size_t i = 0; i < count && !status; i++) {
            uint32_t size = load_u32(at);
            int order = last.size ? bytes_order(last.data, last.size, at + 4, size) : 0;
            CHECK(reverse ? order >= 0 : order <= 0);
            last.size = 0;
            CHECK(buffer_reserve(&last, size) == VEL_OK);
            memcpy(last.data, at + 4, size);
            last.size = size;
            at += 4 + size;
        }
    }
    if (!status) status = index_count_range(ix, NULL, 0, NULL, 0, reverse, &entries);
    buffer_free(&keys);
    buffer_free(&last);
    index_release(ix);
    return status;
}

/* A query for documents whose n is in [low, high), about to begin: one range, or two that overlap,
 * merged. */
typedef struct {
    vel_query q;
    query_source source;
    query_range ranges[2];
    vel_buffer begin, middle, end;
    vel_index *ix;
    int64_t low, high;
} asking;

static vel_status ask(worker *w, asking *a) {
    scene *s = w->scene;
    memset(a, 0, sizeof *a);
    vel_status status = index_find(s->engine, s->users, "by n", &a->ix);
    if (status) return status;
    a->low = COUNTED + rand_r(&w->chance) % 50000;
    a->high = a->low + rand_r(&w->chance) % 20000;
    CHECK(value_key_int(a->low, INDEX_KEY_MAX, &a->begin) == VEL_OK);
    CHECK(value_key_int(a->high, INDEX_KEY_MAX, &a->end) == VEL_OK);
    a->ranges[0] = (query_range){a->begin.data, a->end.data, (uint32_t)a->begin.size,
                                 (uint32_t)a->end.size, 0};
    a->source = (query_source){.index = a->ix, .ranges = a->ranges, .range_count = 1};
    if (rand_r(&w->chance) % 2) {
        a->ranges[1] = a->ranges[0];
        CHECK(value_key_int((a->low + a->high) / 2, INDEX_KEY_MAX, &a->middle) == VEL_OK);
        a->ranges[1].begin = a->middle.data;
        a->ranges[1].begin_size = (uint32_t)a->middle.size;
        a->source.range_count = 2;
        a->source.merged = true;
    }
    a->q.e = s->engine;
    a->q.c = s->users;
    a->q.sources = &a->source;
    a->q.source_count = 1;
    a->q.recheck = true;
    a->q.limit = UINT64_MAX;
    return VEL_OK;
}

static void asked(asking *a) {
    query_close(&a->q);
    buffer_free(&a->begin);
    buffer_free(&a->middle);
    buffer_free(&a->end);
    if (a->ix) index_release(a->ix);
}

static vel_status query_whole(vel_query *q, bool attached) {
    vel_error error;
    vel_status status = VEL_OK;
    while (!status && !q->done) status = query_step(q, attached, &error);
    return status;
}

/* A result never holds a document that does not match. */
static vel_status queried(worker *w) {
    asking a;
    vel_record r;
    vel_status status = ask(w, &a);
    if (!status) {
        a.q.reverse = rand_r(&w->chance) % 2;
        a.q.distinct = rand_r(&w->chance) % 2;
        if (rand_r(&w->chance) % 2) a.q.filter = &w->scene->filter;
        CHECK(query_open(&a.q) == VEL_OK);
        status = query_whole(&a.q, true);
    }
    if (status == VEL_BUSY && !(status = engine_enter(w->scene->engine))) {
        status = query_whole(&a.q, false);
        engine_leave(w->scene->engine);
    }
    for (uint64_t i = 0; !status && i < query_count(&a.q); i++) {
        int64_t n = record_number(query_record(&a.q, i), &r);
        CHECK(n >= a.low && n < a.high && (!a.q.filter || n > ABOVE));
    }
    asked(&a);
    return status;
}

/* The document that is changed is one that the query finds. */
static vel_status chosen(worker *w) {
    vel_engine *e = w->scene->engine;
    asking a;
    uint8_t body[128];
    vel_record r;
    vel_write write;
    vel_outcome outcome = {0};
    vel_error error;
    int64_t now = clock_wall_ns();
    vel_status status = ask(w, &a);
    if (status) return status;
    a.q.limit = 1;
    a.q.attached = true;
    CHECK(query_open(&a.q) == VEL_OK);
    write_begin(&write, w->scene->users, 0, NULL, 0, WRITE_MERGE, REQUIRE_PRESENT);
    write.flags = WRITE_KEEP_EXPIRY;
    write.body = body;
    write.body_size = (uint32_t)body_make(body, (uint32_t)rand_r(&w->chance) % 100000, false);
    status = e->options.sync_writes ? VEL_BUSY
                 : engine_apply_chosen(e, &write, query_choose, &a.q, now, APPLY_NONBLOCK,
                                       &outcome, &error);
    if (status == VEL_BUSY && !(status = engine_enter(e))) {
        a.q.attached = false;
        status = engine_apply_chosen(e, &write, query_choose, &a.q, now, 0, &outcome, &error);
        if (!status) status = engine_wait_synced(e, outcome.seq, &error);
        engine_leave(e);
    }
    if (!status) {
        int64_t n = record_number(query_record(&a.q, 0), &r);
        CHECK(n >= a.low && n < a.high && write.version == r.version + 1);
    }
    asked(&a);
    return status;
}

/* --- walks over all --------------------------------------------------------------------------- */

static vel_status scanned(worker *w) {
    vel_error error;
    vel_record r;
    vel_scan s = {.filter = &w->scene->filter, .limit = UINT64_MAX, .collect = true};
    vel_status status = VEL_OK;
    while (!status && !s.walk.done) {
        status = engine_scan_next(w->scene->engine, w->scene->users, &s, &error);
        for (size_t at = 0; at < s.found.size && !status; at += vel_align8(r.size))
            CHECK(record_number(s.found.data + at, &r) > ABOVE);
        s.found.size = 0;
    }
    buffer_free(&s.found);
    buffer_free(&s.unsure);
    return status;
}

/* A row is of one document, at one moment. */
static vel_status columns_read(worker *w) {
    vel_error error;
    vel_column_scan s = {.filter = rand_r(&w->chance) % 2 ? &w->scene->filter : NULL};
    CHECK(columns_open(&s.columns, NULL, 0) == VEL_OK);
    CHECK(columns_open(&s.columns, (const uint8_t *)"n", 1) == VEL_OK);
    CHECK(columns_open(&s.columns, (const uint8_t *)"copy", 4) == VEL_OK);
    vel_status status = VEL_OK;
    while (!status && !s.walk.done)
        status = column_scan_next(w->scene->engine, w->scene->users, &s, &error);
    const vel_column *c = s.columns.columns;
    const int64_t *n = (const int64_t *)(const void *)c[1].values.data,
                  *copy = (const int64_t *)(const void *)c[2].values.data;
    for (size_t row = 0; row < s.columns.rows && !status; row++) {
        CHECK(c[0].types.data[row] == COLUMN_STRING);
        CHECK(c[1].types.data[row] == COLUMN_INT && c[2].types.data[row] == COLUMN_INT);
        CHECK(n[row + 1] == copy[row + 1] && (!s.filter || n[row + 1] > ABOVE));
    }
    column_scan_close(&s);
    return status;
}

static vel_status ids_walked(worker *w) {
    vel_range range = {.from = (const uint8_t *)"u1", .from_size = 2,
                       .to = (const uint8_t *)"u2", .to_size = 2};
    vel_buffer arena = {0};
    vel_error error;
    vel_id ids[MANY];
    size_t count = 0;
    bool reverse = rand_r(&w->chance) % 2;
    vel_status status = ids_slice(w->scene->engine, w->scene->users, &range, reverse, MANY, false,
                                  ids, &count, &arena, &error);
    CHECK(count <= MANY);
    for (size_t i = 1; i < count && !status; i++) {
        int order = bytes_order(arena.data + ids[i - 1].at, ids[i - 1].size,
                                arena.data + ids[i].at, ids[i].size);
        CHECK(reverse ? order > 0 : order < 0);
    }
    buffer_free(&arena);
    return status;
}

vel_status query_any(worker *w) {
    switch (rand_r(&w->chance) % 32) {
    case 0: return index_built(w);
    case 1: case 2: return index_walked(w);
    case 3: case 4: case 5: case 6: case 7: return queried(w);
    case 8: case 9: case 10: break;
    default: return chosen(w);
    }
    vel_status status = engine_enter(w->scene->engine);
    if (status) return status;
    switch (rand_r(&w->chance) % 3) {
    case 0: status = scanned(w); break;
    case 1: status = columns_read(w); break;
    default: status = ids_walked(w);
    }
    engine_leave(w->scene->engine);
    return status;
}

/* --- changes ---------------------------------------------------------------------------------- */

/* Where a reader of changes is. */
typedef struct {
    uint64_t seq;
    uint32_t position;
    uint64_t versions[10];  /* of the counters, which nobody deletes; 0: not met yet */
} watched;

static void change_seen(watched *at, const change_item *item, const uint8_t *record) {
    vel_record r;
    CHECK(item->seq > at->seq || (item->seq == at->seq && item->position > at->position));
    at->seq = item->seq;
    at->position = item->position;
    if (item->deletes) return;
    (void)record_number(record, &r);
    if (*r.id != 'c') return;
    uint64_t *version = &at->versions[r.id[r.id_size - 1] - '0'];
    CHECK(!*version || r.version == *version + 1);
    *version = r.version;
}

/* Every change comes once, in order, unless the reader is told that it was too slow. */
void *watch(void *argument) {
    scene *s = argument;
    vel_changes changes;
    vel_buffer out = {0};
    vel_error error;
    size_t count;
    vel_status status = VEL_NOT_FOUND;
    while (status != VEL_E_CLOSED) {
        uint64_t floor, newest;
        watched at = {0};
        status = changes_open(&changes, s->engine, s->users, CHANGES_NOW, UINT32_MAX, &floor,
                              &newest);
        if (status) break;
        while (!status) {
            status = changes_read(&changes, &out, &count, &error);
            const uint8_t *p = out.data;
            for (size_t i = 0; i < count && !status; i++) {
                change_item item;
                memcpy(&item, p, sizeof item);
                change_seen(&at, &item, p + sizeof item);
                p += sizeof item + vel_align8(item.size);
            }
            if (!status && !count) status = changes_wait(&changes, 1000000);
            if (status == VEL_BUSY) status = VEL_OK;
        }
        CHECK(status == VEL_NOT_FOUND || status == VEL_E_CLOSED);
        changes_close(&changes);
    }
    CHECK(status == VEL_E_CLOSED);
    buffer_free(&out);
    return NULL;
}
