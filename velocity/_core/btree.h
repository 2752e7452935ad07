/* btree.h: an ordered set of byte strings: a B+ tree of slotted pages with prefix truncation and
 * key heads (Graefe 2011, "Modern B-Tree Techniques").
 *
 * Nodes are blocks of 4 KiB in a slab (btree_node.h has their layout). There are no values: an
 * index's entry is its key with the document's hash behind, so keys are distinct. Order is that of
 * memcmp, a prefix before what it begins.
 *
 * A full node is split in halves by bytes; where keys have been coming in ascending or descending
 * order, or nearly so, it is split where they go on coming, so that they leave full nodes behind. A
 * node under a quarter is merged with a neighbour when the two fill three quarters at most; an
 * empty one goes at once.
 *
 * Threads: nothing in here is locked. Functions that take a const tree may run beside one another;
 * the others require that nobody else is inside, and the slab's commit lock.
 */
#ifndef VEL_BTREE_H
#define VEL_BTREE_H

#include "base.h"
#include "slab.h"

#define BTREE_KEY_MAX 1100u   /* bytes; three of them always fit a node */
#define BTREE_HEIGHT_MAX 26   /* levels: 2^25 blocks are all a slab has, and no level is a chain */
#define BTREE_NODE_SIZE 4096u

typedef struct {
    vel_slab *slab;
    uint64_t count;        /* keys; changed under the commit lock, read relaxed */
    uint64_t memory;       /* bytes of nodes, reserved ones included; likewise */
    uint32_t root;         /* btree_node.h: node_at */
    uint32_t height;       /* levels, 1: the root is a leaf */
    uint32_t spare;        /* nodes for reserved inserts, linked through themselves */
    uint32_t spare_count;
    uint32_t shape;        /* changes with every split, merge, and node that goes */
} vel_btree;

/* An empty tree. Returns VEL_OK, VEL_E_MEMORY_LIMIT or VEL_E_NOMEM; then *t is zeroed, which
 * btree_close accepts. */
vel_status btree_open(vel_btree *t, vel_slab *slab);
/* Free all nodes. */
void btree_close(vel_btree *t);

/* Make sure that the next `inserts` btree_insert calls cannot fail, with any keys, also with
 * removals in between. That takes a node for each level and each of them: for many at once it is
 * better to insert them ahead, one by one, and to remove them again when something else fails. The
 * next call drops what an earlier one reserved and was not used (0 only drops). Returns VEL_OK,
 * VEL_E_MEMORY_LIMIT or VEL_E_NOMEM; on failure nothing is reserved and the tree is as it was. May
 * run beside functions that take a const tree: it changes the spare nodes and `memory` alone, and
 * none of those functions looks at a spare node. */
vel_status btree_reserve(vel_btree *t, size_t inserts);
/* Returns false when the key was there. Requires: reserved; size <= BTREE_KEY_MAX. */
bool btree_insert(vel_btree *t, const uint8_t *key, uint32_t size);
/* The same in two steps, so that the leaf is fetched meanwhile: the way to where a key belongs,
 * then the insertion, or a removal. Other changes may come between: a way that they have made wrong
 * is found anew. */
typedef struct {
    uint32_t shape;
    /* By level: the node, and in inner ones the child that was taken. */
    uint32_t node[BTREE_HEIGHT_MAX], child[BTREE_HEIGHT_MAX];
} btree_way;
void btree_approach(const vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size);
bool btree_insert_near(vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size);
/* Returns false when the key was not there. Never fails. */
bool btree_remove_near(vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size);
bool btree_remove(vel_btree *t, const uint8_t *key, uint32_t size);
bool btree_has(const vel_btree *t, const uint8_t *key, uint32_t size);

/* Fill an empty tree from keys in ascending order; one that equals its predecessor is passed over.
 * `next` gives a key that stays until it is called again, or returns false at the end. Returns
 * VEL_OK, VEL_E_MEMORY_LIMIT or VEL_E_NOMEM: then what was added is there. */
typedef bool (*btree_source)(void *context, const uint8_t **key, uint32_t *size);
vel_status btree_build(vel_btree *t, btree_source next, void *context);

/* A position among the keys. Valid until the tree is changed: seek again by the last key then. */
typedef struct {
    const vel_btree *tree;
    const uint8_t *key;    /* after btree_next: the key, in `bytes` */
    uint32_t size;
    bool reverse;
    uint32_t at;           /* in the leaf: forwards the next to give, in reverse the last given */
    uint32_t nodes[BTREE_HEIGHT_MAX], children[BTREE_HEIGHT_MAX];  /* the way down, by level */
    uint8_t bytes[BTREE_KEY_MAX];
} btree_cursor;

/* Forwards: the first key btree_next gives is the smallest that is not less than `key` (size 0: the
 * first of all). In reverse: the greatest that is less than `key` (NULL: the last of all). */
void btree_seek(const vel_btree *t, btree_cursor *c, const uint8_t *key, uint32_t size,
                bool reverse);
/* Returns false at the end. */
bool btree_next(btree_cursor *c);

/* How many keys are in [from, to); `to` NULL: no end. Exact: looks at each leaf's header between
 * the two. */
uint64_t btree_count_range(const vel_btree *t, const uint8_t *from, uint32_t from_size,
                           const uint8_t *to, uint32_t to_size);
/* About as many, from a few nodes on both ways down and between; exact when few leaves are. */
uint64_t btree_estimate_range(const vel_btree *t, const uint8_t *from, uint32_t from_size,
                              const uint8_t *to, uint32_t to_size);

/* Every invariant (tests, debug). Returns VEL_OK or VEL_E_CORRUPT with *why. */
vel_status btree_check(const vel_btree *t, const char **why);

#endif
