/* group.h: documents gathered by a key, with counts, sums, averages and extremes of each group,
 * from encoded bodies and without Python.
 *
 * What $group means, for the shapes that analytics mostly asks for: the key is nothing, the value
 * at one path, or an object of the values at several; an accumulator takes the value at a path, or
 * a constant number. A path through a list has a meaning that only expressions know: group_add
 * then says VEL_MISMATCH, and the caller goes the long way.
 *
 * Two documents are of one group when their keys are equal: numbers across int and float, times by
 * instant. A group's _id is the key as the first of its documents has it. Ints are added exactly,
 * in 128 bits; floats in two doubles (Knuth's TwoSum), so that the order of documents hardly shows.
 *
 * Threads: one at a time.
 */
#ifndef VEL_GROUP_H
#define VEL_GROUP_H

#include "names.h"
#include "path.h"
#include "value.h"

#define GROUP_PATHS_MAX 64u
#define GROUP_FIELDS_MAX 64u
#define GROUP_DIRECT_MAX 256u   /* names below this number are found in one walk over the body */
#define GROUP_MISSING 0x20      /* stands for a missing part of a compound key; no value's tag */

typedef enum { GROUP_COUNT, GROUP_SUM, GROUP_AVERAGE, GROUP_MIN, GROUP_MAX } group_op;

typedef struct { const uint8_t *at, *end; } group_value;   /* at NULL: missing */

typedef struct {
    group_op op;
    uint32_t path;              /* index + 1 in paths; 0: the constant */
    uint8_t constant[9];        /* an encoded number */
    uint8_t constant_size;      /* bytes */
} group_field;

/* A field of one group. SUM and AVERAGE add numbers up, MIN and MAX keep a value, COUNT counts. */
typedef union {
    struct {
        __int128 ints;          /* sum of the ints */
        double high, error;     /* sum of the finite floats */
        double special;         /* of the infinite ones and NaN */
        uint64_t count, floats; /* numbers, and of them floats */
    } total;
    struct { size_t at; uint32_t size, room; } best;  /* in bytes; size 0: none yet */
    uint64_t count;
} group_state;

typedef struct {
    uint64_t hash;
    size_t key, id;             /* in bytes: the key as it is compared, and as it was met */
    uint32_t key_size, id_size;
} group_entry;

typedef struct {
    const vel_names *names;     /* of the collection; the caller keeps them */
    vel_path *paths;            /* [path_count], owned */
    group_field *fields;        /* [field_count], owned */
    uint32_t path_count, field_count;
    uint32_t key_count;         /* the first key_count paths are the key's */
    bool compound;              /* the key is an object of them; else at most one */
    uint32_t names_seen;        /* names there were when the paths were resolved */
    uint32_t direct_count;      /* paths found in the walk */
    uint8_t direct[GROUP_DIRECT_MAX];  /* index + 1 of the path with a name's number */
    group_value found[GROUP_PATHS_MAX];  /* of the document at hand */
    vel_buffer key;             /* of the document at hand */
    vel_buffer bytes;           /* keys, ids, best values */
    group_entry *groups;        /* [group_count], owned, in the order in which they were met */
    group_state *states;        /* [group_count][field_count], owned */
    uint32_t *slots;            /* index + 1 in groups, 0: empty; owned */
    uint32_t group_count, group_capacity, slot_mask;
} vel_group;

/* Begin. The paths' and fields' arrays are zeroed, for the caller to fill. Returns VEL_OK,
 * VEL_E_NOMEM; group_close it either way. */
vel_status group_open(vel_group *g, const vel_names *names, uint32_t path_count,
                      uint32_t key_count, bool compound, uint32_t field_count);
void group_close(vel_group *g);

/* Take a document in. Returns VEL_OK, VEL_MISMATCH (a list is on the way of a path), VEL_E_NOMEM,
 * VEL_E_TOO_LARGE (too many groups, or a key of over 4 GiB), VEL_E_CORRUPT. */
vel_status group_add(vel_group *g, const uint8_t *body, size_t size);

VEL_INLINE group_state *group_states(const vel_group *g, uint32_t group) {
    return g->states + (size_t)group * g->field_count;
}

typedef enum { RESULT_NULL, RESULT_INT, RESULT_FLOAT, RESULT_VALUE } group_result_kind;
typedef struct {
    group_result_kind kind;
    int64_t integer;
    double real;
    group_value value;          /* into g->bytes */
} group_result;
/* What a field of a group comes to. */
void group_result_read(const vel_group *g, uint32_t group, uint32_t field, group_result *out);

#endif
