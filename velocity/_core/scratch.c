/* scratch.c: see scratch.h. */
#include "scratch.h"

#define DEPTH_KEPT 4
#define CAPACITY_KEPT ((size_t)1 << 20)  /* bytes: a larger buffer is freed when given back */

typedef struct { vel_buffer buffers[DEPTH_KEPT]; int depth; } scratch;

static __thread scratch *mine;
static pthread_key_t key;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void scratch_free(void *p) {
    scratch *s = p;
    for (int i = 0; i < DEPTH_KEPT; i++) buffer_free(&s->buffers[i]);
    free(s);
    mine = NULL;
}

static void make_key(void) { pthread_key_create(&key, scratch_free); }

vel_buffer *scratch_take(void) {
    if (vel_unlikely(!mine)) {
        pthread_once(&once, make_key);
        if (!(mine = calloc(1, sizeof *mine))) return NULL;
        pthread_setspecific(key, mine);
    }
    if (vel_unlikely(mine->depth >= DEPTH_KEPT)) {
        vel_buffer *b = calloc(1, sizeof *b);
        if (b) mine->depth++;
        return b;
    }
    vel_buffer *b = &mine->buffers[mine->depth++];
    b->size = 0;
    return b;
}

void scratch_give(vel_buffer *b) {
    if (vel_unlikely(b->capacity > CAPACITY_KEPT)) buffer_free(b);
    mine->depth--;
    if (vel_unlikely(mine->depth >= DEPTH_KEPT)) {
        buffer_free(b);
        free(b);
    }
}
