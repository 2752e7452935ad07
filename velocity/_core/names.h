/* names.h: a collection's field names and their numbers.
 *
 * Every field name of a collection, at any depth, gets a number 1, 2, 3, ... once, up to
 * NAMES_MAX; a record holds the number. Numbers are never taken back. A name is numbered when it
 * is first encoded and reaches the log, as a DEFINE operation, in the first frame that could use
 * it (vel_collection.names_logged, engine.h).
 *
 * Threads: any number of readers, lock-free; adding takes `lock` inside. A name's bytes and number
 * never change once published, and entries stay where they are until names_free. names_* need no
 * GIL; the pynames_* functions (pynames.h) hold an attached thread state and cache one interned str
 * per name.
 */
#ifndef VEL_NAMES_H
#define VEL_NAMES_H

#include "base.h"

#define NAMES_MAX 65535    /* numbers per collection, never change */
#define NAMES_CHUNK_BITS 4 /* the first chunk holds 16 names, each further one twice as many */
#define NAMES_CHUNKS 13    /* 16 * (2^13 - 1) >= NAMES_MAX */

typedef struct {
    const uint8_t *bytes;  /* owned */
    uint32_t size;         /* bytes, at most NAME_SIZE_MAX */
    void *object;          /* pynames.c's str, published once (release); NULL until first asked */
} vel_name;

/* Lookup by hash: replaced when it grows, the old one kept for readers that still hold it. */
typedef struct names_table names_table;

/* Private to names.c and pynames.c; here so that the hot lookups inline. */
typedef struct vel_names {
    uint32_t count;                 /* names published; release */
    uint32_t findable;              /* those that names_find surely finds; release */
    vel_name *chunks[NAMES_CHUNKS]; /* each published before the count that reaches into it */
    names_table *table;             /* by bytes; release */
    uint64_t seed;                  /* of the hash of the bytes */
    uint64_t memory;                /* bytes; lock, read relaxed */
    pthread_mutex_t lock;           /* adding names and objects; nothing else is locked inside */
    struct pynames_table *objects;  /* by str object; pynames.c */
    struct vel_shape *shapes;       /* GIL; pyshape.c */
    /* Set with the first of objects and of shapes; called by names_free. */
    void (*drop_objects)(struct vel_names *n);
    void (*drop_shapes)(struct vel_names *n);
} vel_names;

/* Owns: the caller frees with names_free. NULL: no memory. */
vel_names *names_new(void);
/* Requires: attached thread state (drops cached str objects), no reader left. NULL is allowed. */
void names_free(vel_names *n);

/* Highest number given out (acquire). */
VEL_INLINE uint32_t names_count(const vel_names *n) { return atomic_get_acquire(&n->count); }
/* How many of them names_find finds, whoever asks after this: a name has its number a moment before
 * it is found. Whoever looks names up once, and again when there are new ones, notes this count,
 * read before, and compares it with names_count. */
VEL_INLINE uint32_t names_findable(const vel_names *n) {
    return atomic_get_acquire(&n->findable);
}
/* Bytes of memory held. */
uint64_t names_memory(const vel_names *n);

/* The entry of name `number`. Requires: 1 <= number <= names_count, read before. */
VEL_INLINE vel_name *names_entry(const vel_names *n, uint32_t number) {
    if (vel_likely(number <= 1u << NAMES_CHUNK_BITS)) return &n->chunks[0][number - 1];
    uint32_t position = number - 1 + (1u << NAMES_CHUNK_BITS);
    int top = 31 - __builtin_clz(position);
    return &n->chunks[top - NAMES_CHUNK_BITS][position - (1u << top)];
}
/* The bytes of name `number` (1..count). */
const uint8_t *names_bytes(const vel_names *n, uint32_t number, uint32_t *size);
/* Find a name's number; 0 when it has none. */
uint32_t names_find(const vel_names *n, const uint8_t *name, size_t size);
/* Find or add. *number is 0 when the cap is reached or the name is longer than NAME_SIZE_MAX: write
 * it inline. Requires: the bytes are UTF-8. Returns VEL_OK or VEL_E_NOMEM. */
vel_status names_add(vel_names *n, const uint8_t *name, size_t size, uint32_t *number);

/* DEFINE payload := u32 first number, u32 count, count times (u8 size, bytes). Appends names
 * first..first+count-1 to *out. Requires: they exist. Returns VEL_OK or VEL_E_NOMEM. */
vel_status names_write(const vel_names *n, uint32_t first, uint32_t count, vel_buffer *out);
/* Apply a DEFINE payload: names already known must be the same bytes, new ones must follow on and
 * be UTF-8 and new. Up to 7 bytes of an operation's padding may follow; segment.c has seen that
 * they are zero. Otherwise VEL_E_CORRUPT, with the names before the bad one applied, or
 * VEL_E_NOMEM. */
vel_status names_read(vel_names *n, const uint8_t *payload, size_t size);

#endif
