/* core_threads.c: the engine under threads, without Python, for ThreadSanitizer.
 *
 *   core_threads DIRECTORY [ROUNDS]
 *
 * With the GIL, Python's calls mostly follow one another; here they run at once, as on a
 * free-threaded interpreter (built with VEL_FREE_THREADED). In each storage mode: threads that put,
 * merge, compare and swap, delete and read in every way, beside flushing, compaction, expiry,
 * collections that come and go, readers of other kinds (core_queries.c), and at the end closing
 * while they are inside.
 *
 * With CANARY one read is not atomic that must be: ThreadSanitizer has to report it.
 *
 * Laws: a document is never half a write; a counter raised by compare-and-swap adds up; whoever is
 * inside when the engine closes is told so; what is left on disk verifies. Built with VEL_DEBUG, so
 * that closing compares indexes and ordered ids with the documents.
 */
#include "core_threads.h"
#include "value_write.h"

#define IDS 200
#define COUNTERS 3
#define MANY 64

/* --- documents: {n, copy, text}, which agree with each other ---------------------------------- */

size_t body_make(uint8_t *body, uint32_t n, bool text) {
    uint8_t *p = body;
    *p++ = text ? 3 : 2;
    for (uint8_t number = 1; number <= 2; number++) {
        *p++ = number;
        p = int_write(p, n);
    }
    if (text) {
        uint32_t size = n % SHORT_SIZE_MAX;
        *p++ = 3;
        *p++ = (uint8_t)(TAG_SHORT + size);
        memset(p, 'a' + (int)(n % 26), size);
        p += size;
    }
    return (size_t)(p - body);
}

static int64_t int_of(const vel_record *r, uint32_t number) {
    const uint8_t *end = NULL, *value = body_find(r->body, r->body_size, number, &end);
    uint8_t again[9];
    int64_t n = 0;
    CHECK(value);
    if (*value >= TAG_FIXINT) n = *value - FIXINT_ZERO;
    else if (*value == TAG_I8) n = (int8_t)value[1];
    else if (*value == TAG_I16) n = load_i16(value + 1);
    else n = load_i32(value + 1);
    CHECK(int_write(again, n) - again == end - value);
    return n;
}

int64_t record_number(const uint8_t *record, vel_record *r) {
    record_read(record, r);
    int64_t n = int_of(r, 1);
    CHECK(int_of(r, 2) == n);
    return n;
}

static vel_write write_of(const scene *s, uint8_t kind, const char *id) {
    vel_write w = {.collection = s->users, .kind = kind, .id = (const uint8_t *)id};
    w.id_size = (uint32_t)strlen(id);
    w.hash = engine_hash(s->engine, id, w.id_size);
    return w;
}

static const char *any_id(worker *w, char *id) {
    sprintf(id, "u%d", rand_r(&w->chance) % IDS);
    return id;
}

/* --- writing ---------------------------------------------------------------------------------- */

/* As a thread of a free-threaded interpreter does it: attached and trying first, then waiting. */
static vel_status apply(const scene *s, vel_write *writes, size_t count) {
    vel_engine *e = s->engine;
    vel_outcome outcome = {0};
    vel_error error;
    int64_t now = clock_wall_ns();
    vel_status status = VEL_BUSY;
    if (!e->options.sync_writes)
        status = engine_apply(e, writes, count, now, APPLY_NONBLOCK, &outcome, &error);
    if (status != VEL_BUSY) return status;
    if ((status = engine_enter(e))) return status;
    status = engine_apply(e, writes, count, now, 0, &outcome, &error);
    if (!status) status = engine_wait_synced(e, outcome.seq, &error);
    engine_leave(e);
    return status;
}

static vel_status put_many(worker *w, size_t count, bool expires) {
    vel_write writes[16];
    uint8_t bodies[16][128];
    char ids[16][16];
    uint32_t n = (uint32_t)rand_r(&w->chance) % 100000;
    for (size_t i = 0; i < count; i++) {
        writes[i] = write_of(w->scene, WRITE_PUT, any_id(w, ids[i]));
        writes[i].body = bodies[i];
        writes[i].body_size = (uint32_t)body_make(bodies[i], n + (uint32_t)i, true);
        if (expires) writes[i].expiry = clock_wall_ns() + 1000000;
    }
    return apply(w->scene, writes, count);
}

static vel_status merge(worker *w) {
    char id[16];
    uint8_t body[128];
    vel_write write = write_of(w->scene, WRITE_MERGE, any_id(w, id));
    write.body = body;
    write.body_size = (uint32_t)body_make(body, (uint32_t)rand_r(&w->chance) % 1000, false);
    return apply(w->scene, &write, 1);
}

static vel_status delete_one(worker *w) {
    char id[16];
    vel_write write = write_of(w->scene, WRITE_DELETE, any_id(w, id));
    return apply(w->scene, &write, 1);
}

static vel_status read_one(const scene *s, const char *id, vel_buffer *out) {
    vel_engine *e = s->engine;
    vel_error error;
    size_t size = strlen(id), got;
    uint64_t hash = engine_hash(e, id, size);
    const uint8_t *bytes = (const uint8_t *)id;
    if (buffer_reserve(out, 256)) return VEL_E_NOMEM;
#ifdef CANARY
    (void)*(volatile uint64_t *)&s->users->change_count;
#endif
    vel_status status = engine_read(e, s->users, hash, bytes, size, out->data, 256, &got);
    if (status != VEL_BUSY) return status;
    if ((status = engine_enter(e))) return status;
    out->size = 0;
    status = engine_read_cold(e, s->users, hash, bytes, size, out, &error);
    engine_leave(e);
    return status;
}

static vel_status count_up(worker *w) {
    char id[16];
    uint8_t body[128];
    vel_buffer current = {0};
    vel_record r;
    sprintf(id, "counter%d", rand_r(&w->chance) % COUNTERS);
    vel_status status = read_one(w->scene, id, &current);
    if (!status) {
        int64_t n = record_number(current.data, &r);
        vel_write write = write_of(w->scene, WRITE_PUT, id);
        write.flags = WRITE_IF_VERSION;
        write.expected_version = r.version;
        write.body = body;
        write.body_size = (uint32_t)body_make(body, (uint32_t)n + 1, true);
        status = apply(w->scene, &write, 1);
        w->won += status == VEL_OK;
    }
    buffer_free(&current);
    return status;
}

/* --- reading ---------------------------------------------------------------------------------- */

static vel_status read_many(worker *w, bool attached) {
    vel_engine *e = w->scene->engine;
    vel_key keys[MANY] = {0};
    char ids[MANY][16];
    vel_buffer arena = {0};
    vel_error error;
    vel_record r;
    for (int i = 0; i < MANY; i++) {
        keys[i].id = (const uint8_t *)any_id(w, ids[i]);
        keys[i].id_size = (uint32_t)strlen(ids[i]);
        keys[i].hash = engine_hash(e, ids[i], keys[i].id_size);
    }
    vel_status status = attached ? VEL_OK : engine_enter(e);
    if (status) return status;
    status = engine_read_many(e, w->scene->users, keys, MANY, attached, &arena, &error);
    if (!attached) engine_leave(e);
    for (int i = 0; i < MANY && !status; i++) {
        if (!keys[i].at) continue;
        (void)record_number(arena.data + keys[i].at - 1, &r);
        CHECK(r.id_size == keys[i].id_size && !memcmp(r.id, ids[i], r.id_size));
    }
    buffer_free(&arena);
    return status;
}

/* --- threads ---------------------------------------------------------------------------------- */

static vel_status any_step(worker *w) {
    char id[16];
    vel_buffer out = {0};
    vel_record r;
    vel_status status;
    switch (rand_r(&w->chance) % 10) {
    case 0: case 1: return put_many(w, 1, false);
    case 2: return put_many(w, 16, false);
    case 3: return put_many(w, 2, true);
    case 4: return merge(w);
    case 5: return delete_one(w);
    case 6: return count_up(w);
    case 7: return read_many(w, rand_r(&w->chance) % 2);
    case 8: return query_any(w);
    default:
        status = read_one(w->scene, any_id(w, id), &out);
        if (!status) (void)record_number(out.data, &r);
        buffer_free(&out);
        return status;
    }
}

static void *work(void *argument) {
    worker *w = argument;
    for (int i = 0; w->scene->until_closed || i < w->scene->rounds; i++) {
        vel_status status = any_step(w);
        if (status == VEL_E_CLOSED) break;
        CHECK(status == VEL_OK || status == VEL_NOT_FOUND || status == VEL_MISMATCH ||
              status == VEL_BUSY);
    }
    __atomic_sub_fetch(&w->scene->workers, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static void come_and_go(vel_engine *e, int turn) {
    vel_collection *c;
    vel_error error;
    char name[8];
    size_t size = (size_t)sprintf(name, "c%d", turn % 2);
    CHECK(catalog_create(e, name, size, 0, NULL, 0, &c, &error) == VEL_OK);
    CHECK(catalog_drop(e, name, size, &c, &error) == VEL_OK);
    collection_release(c);
}

/* What runs beside them. */
static void maintain(scene *s) {
    vel_engine *e = s->engine;
    vel_error error;
    vel_stats stats;
    vel_health health;
    uint64_t given_back;
    uint32_t number;
    char name[16];
    for (int turn = 0; atomic_get_seq(&s->workers); turn++) {
        size_t size = (size_t)sprintf(name, "name%d", turn % 5000);
        CHECK(names_add(s->users->names, (const uint8_t *)name, size, &number) == VEL_OK);
        if (engine_enter(e)) return;
        if (turn % 10 == 0) {
            CHECK(engine_flush(e, &error) == VEL_OK);
            engine_health(e, &health);
            CHECK(!health.log[0] && !health.compaction[0]);
            engine_stats(e, &stats);
        }
        if (turn % 50 == 0 && e->directory) {
            CHECK(engine_compact(e, turn % 100 == 0, &given_back, &error) == VEL_OK);
            come_and_go(e, turn / 50);
        }
        engine_leave(e);
    }
}

static void start(scene *s, worker *workers) {
    s->workers = THREADS;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (worker){.scene = s, .chance = i + 1};
        CHECK(pthread_create(&workers[i].thread, NULL, work, &workers[i]) == 0);
    }
}

static uint64_t join(worker *workers) {
    uint64_t won = 0;
    for (int i = 0; i < THREADS; i++) {
        pthread_join(workers[i].thread, NULL);
        won += workers[i].won;
    }
    return won;
}

static void fill(scene *s) {
    static const char *const names[] = {"n", "copy", "text"};
    uint32_t number;
    vel_error error;
    CHECK(catalog_create(s->engine, "users", 5, 0, NULL, 0, &s->users, &error) == VEL_OK);
    for (uint32_t i = 0; i < 3; i++) {
        const uint8_t *name = (const uint8_t *)names[i];
        CHECK(names_add(s->users->names, name, strlen(names[i]), &number) == VEL_OK);
        CHECK(number == i + 1);
    }
    for (int i = 0; i < COUNTERS; i++) {
        char id[16];
        uint8_t body[128];
        sprintf(id, "counter%d", i);
        vel_write w = write_of(s, WRITE_PUT, id);
        w.body = body;
        w.body_size = (uint32_t)body_make(body, 0, true);
        CHECK(apply(s, &w, 1) == VEL_OK);
    }
}

static uint64_t counted(const scene *s) {
    uint64_t sum = 0;
    vel_record r;
    for (int i = 0; i < COUNTERS; i++) {
        char id[16];
        vel_buffer out = {0};
        sprintf(id, "counter%d", i);
        CHECK(read_one(s, id, &out) == VEL_OK);
        sum += (uint64_t)record_number(out.data, &r);
        CHECK(r.version == (uint64_t)int_of(&r, 1) + 1);
        buffer_free(&out);
    }
    return sum;
}

static void report(void *context, const char *path, uint64_t offset, const char *what) {
    fprintf(stderr, "%s, offset %llu: %s\n", path, (unsigned long long)offset, what);
}

static void run(const vel_options *options, int rounds) {
    scene s = {.rounds = rounds};
    worker workers[THREADS];
    pthread_t watcher;
    vel_error error;
    uint64_t records;
    CHECK(engine_open(options, &s.engine, &error) == VEL_OK);
    fill(&s);
    queries_open(&s);
    CHECK(pthread_create(&watcher, NULL, watch, &s) == 0);
    start(&s, workers);
    maintain(&s);
    CHECK(join(workers) == counted(&s));
    s.until_closed = true;
    start(&s, workers);
    CHECK(engine_flush(s.engine, &error) == VEL_OK);
    CHECK(engine_close(s.engine, &error) == VEL_OK);
    join(workers);
    pthread_join(watcher, NULL);
    queries_close(&s);
    engine_free(s.engine);
    if (options->data_dir)
        CHECK(verify_directory(options->data_dir, &records, report, NULL, &error) == VEL_OK);
}

int main(int argc, char **argv) {
    static const char *const modes[] = {"memory-only", "memory-first", "hybrid", "synced"};
    int rounds = argc > 2 ? atoi(argv[2]) : 3000;
    epoch_init();
    printf("names\n");
    names_threads();
    for (int mode = 0; mode < 4; mode++) {
        char directory[512];
        snprintf(directory, sizeof directory, "%s/%s", argc > 1 ? argv[1] : ".", modes[mode]);
        vel_options options = {.data_dir = mode ? directory : NULL, .bounded = mode >= 2,
                               .sync_writes = mode == 3, .cache_size = 16 << 10,
                               .flush_interval = 1000000};
        printf("%s\n", modes[mode]);
        fflush(stdout);
        run(&options, mode == 3 ? rounds / 10 : rounds);
    }
    return 0;
}
