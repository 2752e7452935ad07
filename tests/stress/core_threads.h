/* core_threads.h: what the parts of the stress program share: core_threads.c has the threads and
 * their writes, core_queries.c what looks for documents in other ways than by id.
 */
#ifndef CORE_THREADS_H
#define CORE_THREADS_H

#include "engine.h"
#include "filter_scan.h"

#define THREADS 4
#define NAMES 300     /* that come while others look them up */
#define ABOVE 500     /* what the shared filter asks n to be above */

#define CHECK(x) ((x) ? (void)0 : check_failed(#x, __FILE__, __LINE__))
static inline void check_failed(const char *what, const char *file, int line) {
    fprintf(stderr, "core_threads: does not hold: %s (%s:%d)\n", what, file, line);
    abort();
}

typedef struct {
    vel_engine *engine;
    vel_collection *users;
    int rounds;
    uint32_t workers;     /* atomic: workers at work */
    bool until_closed;    /* else `rounds` times */
    vel_filter filter;    /* documents whose n is above ABOVE; shared by all */
} scene;

typedef struct {
    scene *scene;
    unsigned chance;      /* rand_r's */
    uint64_t won;         /* compare-and-swaps */
    pthread_t thread;
} worker;

/* The body {n, copy} or {n, copy, text} of at most 128 bytes; returns its size. */
size_t body_make(uint8_t *body, uint32_t n, bool text);
/* The record's n, after a look at the rest of it. */
int64_t record_number(const uint8_t *record, vel_record *r);

/* Before the threads: the shared filter and an index over n; after them. */
void queries_open(scene *s);
void queries_close(scene *s);
/* Look for documents, or build an index and drop it. */
vel_status query_any(worker *w);
/* Threads that look up names while these come; ends when all have been found. */
void names_threads(void);
/* A thread that reads changes until the engine closes: argument is a scene. */
void *watch(void *argument);

#endif
