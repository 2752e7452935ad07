/* filter.h: a filter, compiled once, that says of encoded documents whether they match.
 *
 * A filter is a tree. Its leaves hold a path and a condition on what the path leads to; AND and OR
 * join them; every node may be negated ($ne, $nin, $not, $nor). The tree is built node by node by
 * filter_add and closed by filter_seal; from then on it is not changed, but for the numbers of the
 * names in its paths, which filter_resolve looks up when the collection has got new names.
 *
 * A condition on text may be known to Python alone (FILTER_TEXT). Without the GIL it is answered
 * FILTER_MAYBE, and so is the filter when the answer hangs on it; filter_decide asks Python.
 *
 * The leaves that name top-level fields, in an AND at the top, are answered together in one walk
 * over the body; of the rest the cheap ones come first.
 *
 * Threads: building belongs to one; a sealed filter is shared freely.
 */
#ifndef VEL_FILTER_H
#define VEL_FILTER_H

#include "names.h"
#include "path.h"
#include "value_parts.h"

#define FILTER_DEPTH_MAX 100      /* levels of $and, $or, $nor, $not, $elemMatch */
#define FILTER_NODES_MAX 10000u
#define FILTER_VALUES_MAX (16u << 20)  /* bytes of all values in a filter */
#define FILTER_FUSED_MAX 16u       /* conditions that are answered in the walk over the body */

typedef enum {
    FILTER_AND, FILTER_OR,      /* of none: true, false */
    FILTER_EXISTS,
    FILTER_TYPE,                /* types: bits 1 << value_kind */
    FILTER_SIZE,                /* size: elements of a list */
    FILTER_MOD,                 /* divisor, remainder */
    FILTER_EQ, FILTER_LT, FILTER_LTE, FILTER_GT, FILTER_GTE,  /* value */
    FILTER_IN,                  /* values */
    FILTER_STARTS, FILTER_CONTAINS,    /* value: a string */
    FILTER_ELEMENT,             /* an element of a list for which all children hold: conditions on
                                 * its fields */
    FILTER_ELEMENT_VALUE,       /* likewise: conditions without a path, on the element itself */
    FILTER_FIELDS,              /* an object for whose fields all children hold */
    FILTER_TEXT                 /* text: a number that Python knows the condition by */
} filter_op;

typedef enum { FILTER_NO, FILTER_YES, FILTER_MAYBE } filter_answer;

typedef struct { const uint8_t *at, *end; } filter_value;

/* A short way to the answer for values of the usual kinds. */
typedef enum {
    QUICK_NONE,
    QUICK_RANGE,                /* of an int: whether it is in `range` */
    QUICK_SAME                  /* of a short string: whether its bytes are the value's */
} filter_quick;

typedef struct {
    uint8_t op;                 /* filter_op */
    bool negated;
    uint8_t quick;              /* filter_quick, once sealed */
    uint32_t path;              /* index + 1 in paths; 0: none, the value at hand itself */
    uint32_t first, last, next; /* children and next sibling: index in nodes, 0: none */
    uint32_t value, value_count;       /* in values; IN: sorted */
    value_parts parts;          /* of the only value, once sealed */
    union {
        uint32_t types;
        uint64_t size;
        uint32_t text;
        struct { int64_t divisor, remainder; } mod;
        struct { int64_t low, high; } range;  /* QUICK_RANGE; both included */
    };
} filter_node;

/* A condition answered in the walk over the body. */
typedef struct {
    uint32_t node;
    uint32_t number;            /* of the name; 0: not known yet, or inline. atomic */
} filter_fused;

typedef struct vel_filter vel_filter;

/* Whether text fits condition number `text`. Called with an attached thread state. Returns 1, 0, -1
 * with an exception. */
typedef int (*filter_text)(void *context, uint32_t text, const uint8_t *bytes, size_t size);

struct vel_filter {
    const vel_names *names;     /* of the collection; the caller keeps them */
    filter_node *nodes;         /* nodes[0] is the root: an AND */
    vel_path *paths;
    filter_value *values;
    uint32_t node_count, path_count, value_count;
    uint32_t node_capacity, path_capacity, value_capacity;
    vel_buffer bytes;           /* of the values */
    uint32_t names_seen;        /* names there were when the paths were resolved; atomic */
    bool needs_python;          /* it has a FILTER_TEXT */
    uint32_t fused_count;
    filter_fused fused[FILTER_FUSED_MAX];
    uint64_t fused_mask;        /* bit number % 64 of each that is fused, also once was; atomic */
    filter_text text;
    void *context;              /* of text */
};

/* Begin: an AND of nothing, node 0. Returns VEL_OK or VEL_E_NOMEM. */
vel_status filter_open(vel_filter *f, const vel_names *names);
void filter_close(vel_filter *f);  /* also of one that is zeroed */

/* Add a node below `parent`, as its last child. Returns VEL_OK with its index in *out; VEL_E_NOMEM;
 * VEL_E_TOO_LARGE past FILTER_NODES_MAX. */
vel_status filter_add(vel_filter *f, uint32_t parent, filter_op op, uint32_t *out);
/* Add a path; *out is what nodes that look along it have as their `path`. Returns as path_compile,
 * with VEL_E_TOO_LARGE past FILTER_NODES_MAX. */
vel_status filter_add_path(vel_filter *f, const uint8_t *dotted, size_t size, uint32_t *out);
/* A value of a node: the bytes appended to f->bytes since `start`. All values of a node are added
 * one after another. VEL_E_TOO_LARGE past FILTER_VALUES_MAX. */
vel_status filter_add_value(vel_filter *f, uint32_t node, size_t start);
/* Close the building: sort, order, plan. Infallible. */
void filter_seal(vel_filter *f);

/* Look the names of paths up again. filter_resolve does when there are new ones; whoever evaluates
 * must have called it after it got hold of the body. */
void filter_resolve_new(vel_filter *f);
VEL_INLINE void filter_resolve(vel_filter *f) {
    if (vel_unlikely(atomic_get_acquire(&f->names_seen) != names_count(f->names)))
        filter_resolve_new(f);
}

/* Whether a body matches, without Python. Requires: sealed, resolved. Bounded; what is malformed is
 * missing. */
filter_answer filter_try(const vel_filter *f, const uint8_t *body, size_t size);
/* The same with Python: 1, 0, -1 with an exception. Requires: an attached thread state, no lock,
 * not pinned. */
int filter_decide(const vel_filter *f, const uint8_t *body, size_t size);
/* The same of one value, for a filter of conditions without a path. */
int filter_decide_value(const vel_filter *f, const uint8_t *value, const uint8_t *end);

/* Requires: resolved, !needs_python. */
VEL_INLINE bool filter_matches(const vel_filter *f, const uint8_t *body, size_t size) {
    return filter_try(f, body, size) == FILTER_YES;
}

#endif
