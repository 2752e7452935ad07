/* path.h: a dotted path, compiled once, and the values that it leads to in a body.
 *
 * The meaning is MongoDB's. A part is the name of a field of an object. A list on the way is
 * entered twice: at a position, when the part is a number, and through each of its elements that
 * is an object, with the same part. The last value is given as it is: whether a list's elements
 * count as well is the visitor's affair. `null` and missing differ here, and equal each other where
 * values are compared.
 *
 * Threads: a compiled path is constant but for the numbers of its names, which path_resolve fills
 * by atomics: any number of threads may resolve and read. A document that has a name has published
 * its number before, so whoever resolves after it found the document (or under the lock that
 * ordered them) sees all its names.
 */
#ifndef VEL_PATH_H
#define VEL_PATH_H

#include "base.h"
#include "names.h"
#include "value.h"

#define PATH_PARTS_MAX 129u    /* a field, and as many levels as a document may have below it */
#define PATH_SIZE_MAX 65535u   /* bytes */

typedef struct {
    const uint8_t *name;       /* into vel_path.text */
    uint32_t size;             /* bytes of name, at least 1 */
    uint32_t number;           /* the collection's; 0: not known yet, or inline. Atomic */
    uint32_t position;         /* in a list; PATH_NO_POSITION: the part is no number */
} path_part;
#define PATH_NO_POSITION UINT32_MAX

typedef struct {
    path_part *parts;          /* owned */
    uint32_t count;
    uint32_t names_seen;       /* names there were when last resolved. Atomic */
    uint8_t *text;             /* owned: the dotted path */
    uint32_t text_size;        /* bytes */
} vel_path;

/* Compile `a.b.0.c`. Owns: copies; path_free, also after a failure. Returns VEL_E_INVALID for an
 * empty path, an empty part, too many of them, or a text too long; VEL_E_NOMEM. */
vel_status path_compile(vel_path *p, const uint8_t *dotted, size_t size);
void path_free(vel_path *p);   /* may be called twice, and on a zeroed path */

void path_resolve_more(vel_path *p, const vel_names *n);
/* Look up the numbers of names that were not known yet. A load and a compare when none is new. */
VEL_INLINE void path_resolve(vel_path *p, const vel_names *n) {
    if (vel_unlikely(atomic_get_acquire(&p->names_seen) != names_count(n))) path_resolve_more(p, n);
}

/* The value, by the fast way. Returns it, *end after it; NULL when it is missing, or when a list is
 * on the way: then *list is true, and only path_visit knows. Requires: resolved. */
const uint8_t *path_find(const vel_path *p, const uint8_t *body, size_t size, const uint8_t **end,
                         bool *list);

enum {
    PATH_THROUGH_LIST = 1,  /* reached through the elements of a list, not by position alone */
    PATH_AT_POSITION = 2    /* the last part was a position: a list there is taken as a whole */
};

/* value: at its tag; NULL: missing there. Returns true to stop. */
typedef bool (*path_visitor)(void *context, const uint8_t *value, const uint8_t *end,
                             unsigned flags);

/* Call the visitor for every place that the path leads to, in the document's order, a position
 * before the elements. It is not called at all when a list on the way has nothing to enter.
 * Returns whether the visitor stopped it. Requires: resolved. */
bool path_visit(const vel_path *p, const uint8_t *body, size_t size, path_visitor visit,
                void *context);

#endif
