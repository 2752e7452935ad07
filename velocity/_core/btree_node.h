/* btree_node.h: the pages of a B+ tree, for its own files alone.
 *
 * A node is a header, then slots in the order of their keys, then free bytes, then the heap, which
 * grows down, and the prefix at the very end. The prefix is one that all keys of the node share;
 * what follows it is a key's suffix. A slot has the suffix's first four bytes (zeros behind a
 * shorter one) as a number, its size, and where in the heap the rest of it lies. In an inner node a
 * key separates: it is greater than all keys to its left, and not greater than those of its child,
 * whose reference lies in the heap before the rest. The child left of all keys is first_child.
 *
 * The prefix is that of the keys a node has, not of those that could come. A key that comes without
 * it is before or behind all others; then the node is laid out anew with a shorter prefix, or split
 * there (btree_node.c).
 *
 * Thread-safe: works on its arguments; what they point to is the caller's to guard.
 */
#ifndef VEL_BTREE_NODE_H
#define VEL_BTREE_NODE_H

#include "btree.h"

#define NODE_REF_SHIFT 9  /* a node's block is aligned to its size: 512 granules */
#define NODE_HEAD_SIZE 4u
#define NODE_NO_POSITION 0xFFFFu

typedef struct {
    uint32_t head;
    uint16_t at;      /* offset in the node */
    uint16_t size;    /* of the suffix, head included */
} node_slot;

typedef struct {
    uint16_t count;
    uint16_t heap;         /* offset of the heap's lowest byte */
    uint16_t used;         /* bytes in use, without what removed keys left in the heap */
    uint16_t prefix_size;
    uint16_t last;         /* position of the newest key; NODE_NO_POSITION: none */
    uint8_t level;         /* 0: a leaf */
    uint8_t run_up, run_down;  /* how many keys came right behind, right before the newest one */
    uint8_t _pad[3];
    uint32_t first_child;  /* inner nodes */
    node_slot slots[];
} btree_node;

_Static_assert(sizeof(node_slot) == 8, "slots are two words");
_Static_assert(sizeof(btree_node) == 20, "no holes in the header");
_Static_assert(sizeof(btree_node) + 3 * (sizeof(node_slot) + 4 + BTREE_KEY_MAX) <= BTREE_NODE_SIZE,
               "a split leaves keys on both sides");

/* A key with the child to its right, outside of any node. */
typedef struct {
    const uint8_t *key;
    uint32_t size;
    uint32_t child;
} node_entry;

VEL_INLINE btree_node *node_at(const vel_btree *t, uint32_t ref) {
    return (btree_node *)(void *)slab_at(t->slab, (vel_ref)ref << NODE_REF_SHIFT);
}
VEL_INLINE const uint8_t *node_prefix(const btree_node *n) {
    return (const uint8_t *)n + BTREE_NODE_SIZE - n->prefix_size;
}
/* Bytes that a key takes in a node besides the prefix. */
VEL_INLINE uint32_t node_entry_size(unsigned level, uint32_t suffix_size) {
    uint32_t rest = suffix_size > NODE_HEAD_SIZE ? suffix_size - NODE_HEAD_SIZE : 0;
    return (uint32_t)sizeof(node_slot) + rest + (level ? 4 : 0);
}
VEL_INLINE const uint8_t *node_rest(const btree_node *n, uint32_t i) {
    return (const uint8_t *)n + n->slots[i].at + (n->level ? 4 : 0);
}
VEL_INLINE uint32_t node_child(const btree_node *n, uint32_t child) {
    return child ? load_u32((const uint8_t *)n + n->slots[child - 1].at) : n->first_child;
}
VEL_INLINE uint32_t node_key_size(const btree_node *n, uint32_t i) {
    return (uint32_t)n->prefix_size + n->slots[i].size;
}
/* Write a key to out; returns its size. */
uint32_t node_key(const btree_node *n, uint32_t i, uint8_t *out);

/* The position of the first key that is not less than this one; *equal: it is this one. */
uint32_t node_find(const btree_node *n, const uint8_t *key, uint32_t size, bool *equal);
/* Which child a key belongs to. */
VEL_INLINE uint32_t node_route(const btree_node *n, const uint8_t *key, uint32_t size) {
    bool equal;
    uint32_t position = node_find(n, key, size, &equal);
    return position + equal;
}

void node_init(btree_node *n, unsigned level, const uint8_t *prefix, uint32_t prefix_size);
/* Put an entry at its position. Returns false, and leaves the node as it was, when it must be split
 * for that. */
bool node_insert(btree_node *n, uint32_t position, const node_entry *entry);
/* The same by splitting: the upper part goes to the uninitialised `right`. *up: the key between the
 * two, in up_key (BTREE_KEY_MAX bytes); its child is left to the caller. */
void node_split(btree_node *n, btree_node *right, uint32_t position, const node_entry *entry,
                node_entry *up, uint8_t *up_key);
void node_remove(btree_node *n, uint32_t position);
/* Bring all of `right`, the next of the same parent, into n, when they fill three quarters at most;
 * `between` is the key in the parent between the two. Returns whether it did. */
bool node_merge(btree_node *n, const btree_node *right, const node_entry *between);

#endif
