/* btree_check.c: see btree_check in btree.h. */
#include "btree_node.h"

#define CHECK(condition, text)                                            \
    do {                                                                  \
        if (!(condition)) { *why = (text); return VEL_E_CORRUPT; }        \
    } while (0)

typedef struct {
    uint8_t bytes[BTREE_KEY_MAX];
    uint32_t size;
} bound;

typedef struct {
    const vel_btree *tree;
    uint64_t count, memory;
    bound last;             /* the greatest key so far, in leaves and inner nodes; */
    bool any;               /* whether there is one, */
    bool separates;         /* and whether it was in an inner node: a leaf may begin with it */
} checker;

static vel_status key_check(checker *c, const btree_node *n, uint32_t i, const char **why) {
    bound key;
    key.size = node_key(n, i, key.bytes);
    if (c->any) {
        int order = bytes_order(c->last.bytes, c->last.size, key.bytes, key.size);
        CHECK(order < 0 || (order == 0 && c->separates && !n->level), "keys are out of order");
    }
    c->last = key;
    c->any = true;
    c->separates = n->level != 0;
    return VEL_OK;
}

static vel_status slots_check(const btree_node *n, const char **why) {
    uint32_t used = (uint32_t)sizeof *n + n->prefix_size, end = BTREE_NODE_SIZE - n->prefix_size;
    uint8_t key[BTREE_KEY_MAX];
    CHECK(n->heap >= sizeof *n + n->count * sizeof(node_slot) && n->heap <= end,
          "slots and heap overlap");
    for (uint32_t i = 0; i < n->count; i++) {
        const node_slot *s = &n->slots[i];
        uint32_t size = node_entry_size(n->level, s->size);
        CHECK(n->prefix_size + s->size <= BTREE_KEY_MAX, "a key is too large");
        CHECK(size == sizeof *s || (s->at >= n->heap && s->at + size - sizeof *s <= end),
              "a key is outside the heap");
        used += size;
        bool equal;
        uint32_t found = node_find(n, key, node_key(n, i, key), &equal);
        CHECK(equal && found == i, "a key is not found where it is");
    }
    CHECK(used == n->used, "a node's bytes are miscounted");
    return VEL_OK;
}

static vel_status node_check(checker *c, uint32_t ref, uint32_t level, const char **why) {
    const btree_node *n = node_at(c->tree, ref);
    CHECK(n->level == level, "a node is on the wrong level");
    CHECK(n->count || level + 1 < c->tree->height || !level, "the root has one child");
    CHECK(n->count || level || c->tree->height == 1, "a leaf is empty");
    vel_status status = slots_check(n, why);
    c->memory += BTREE_NODE_SIZE;
    for (uint32_t i = 0; !status && i <= n->count; i++) {
        if (level) status = node_check(c, node_child(n, i), level - 1, why);
        if (!status && i < n->count) status = key_check(c, n, i, why);
    }
    if (!level) c->count += n->count;
    return status;
}

vel_status btree_check(const vel_btree *t, const char **why) {
    checker c = {.tree = t};
    CHECK(t->height >= 1 && t->height <= BTREE_HEIGHT_MAX, "the tree's height is wrong");
    vel_status status = node_check(&c, t->root, t->height - 1, why);
    if (status) return status;
    uint32_t spares = 0;
    for (uint32_t ref = t->spare; ref && spares <= t->spare_count; spares++)
        ref = load_u32(node_at(t, ref));
    CHECK(spares == t->spare_count, "spare nodes are miscounted");
    CHECK(c.count == t->count, "keys are miscounted");
    CHECK(c.memory + (uint64_t)spares * BTREE_NODE_SIZE == t->memory, "memory is miscounted");
    return VEL_OK;
}
