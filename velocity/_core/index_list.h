/* index_list.h: what building an index needs of the list of a collection's indexes.
 *
 * Threads: each function says what it requires.
 */
#ifndef VEL_INDEX_LIST_H
#define VEL_INDEX_LIST_H

#include "index.h"

/* A new index without a tree, on no list. Owns: index_release. VEL_E_UNFIT, VEL_E_NOMEM. */
vel_status index_new(vel_collection *c, const index_definition *d, vel_index **out,
                     vel_error *error);
/* Give it an empty tree and put it on the list, which holds it then; writers maintain it from now
 * on. On failure it is as before. VEL_MISMATCH: there is one of that name; VEL_NOT_FOUND: the
 * collection was dropped; VEL_E_CLOSED, _NOMEM, _MEMORY_LIMIT. Requires: commit_lock. */
vel_status index_enlist(vel_engine *e, vel_collection *c, vel_index *ix);
/* Take an index off its collection and free its tree, if that was not done yet. Requires:
 * commit_lock. */
void index_remove(vel_engine *e, vel_index *ix);

#endif
