/* btree_cursor.c: see btree.h. Reading in order, counting. */
#include "btree_node.h"

#define LEAVES_AHEAD 8u      /* headers being fetched ahead of the one counted */
#define ESTIMATE_LEAVES 8u   /* so many are counted rather than estimated */
#define SAMPLES 4u           /* children of a node that are looked into for the others */

static void descend(btree_cursor *c, uint32_t level, uint32_t ref, bool last) {
    for (; level; level--) {
        const btree_node *n = node_at(c->tree, ref);
        c->nodes[level] = ref;
        c->children[level] = last ? n->count : 0;
        ref = node_child(n, c->children[level]);
    }
    c->nodes[0] = ref;
    c->at = last ? node_at(c->tree, ref)->count : 0;
}

void btree_seek(const vel_btree *t, btree_cursor *c, const uint8_t *key, uint32_t size,
                bool reverse) {
    c->tree = t;
    c->key = NULL;
    c->size = 0;
    c->reverse = reverse;
    if (!key || !size) {
        descend(c, t->height - 1, t->root, reverse && !key);
        return;
    }
    uint32_t ref = t->root;
    for (uint32_t level = t->height - 1; level; level--) {
        const btree_node *n = node_at(t, ref);
        c->nodes[level] = ref;
        c->children[level] = node_route(n, key, size);
        ref = node_child(n, c->children[level]);
    }
    bool equal;
    c->nodes[0] = ref;
    c->at = node_find(node_at(t, ref), key, size, &equal);
}

/* Go to the next leaf in the cursor's direction; false at the end. */
static bool leaf_step(btree_cursor *c) {
    for (uint32_t level = 1; level < c->tree->height; level++) {
        const btree_node *n = node_at(c->tree, c->nodes[level]);
        if (c->children[level] == (c->reverse ? 0 : n->count)) continue;
        c->children[level] += c->reverse ? UINT32_MAX : 1;
        descend(c, level - 1, node_child(n, c->children[level]), c->reverse);
        return true;
    }
    return false;
}

bool btree_next(btree_cursor *c) {
    const btree_node *leaf = node_at(c->tree, c->nodes[0]);
    while (c->at == (c->reverse ? 0 : leaf->count)) {
        if (!leaf_step(c)) return false;
        leaf = node_at(c->tree, c->nodes[0]);
    }
    uint32_t position = c->reverse ? --c->at : c->at++;
    c->key = c->bytes;
    c->size = node_key(leaf, position, c->bytes);
    return true;
}

/* --- counting ------------------------------------------------------------------------------- */

/* Put both ends of a range in place; false when it is empty by its bounds. */
static bool range_seek(const vel_btree *t, btree_cursor *a, btree_cursor *b, const uint8_t *from,
                       uint32_t from_size, const uint8_t *to, uint32_t to_size) {
    if (to && bytes_order(from, from_size, to, to_size) >= 0) return false;
    btree_seek(t, a, from, from_size, false);
    btree_seek(t, b, to, to_size, true);
    return true;
}

uint64_t btree_count_range(const vel_btree *t, const uint8_t *from, uint32_t from_size,
                           const uint8_t *to, uint32_t to_size) {
    btree_cursor a, b;
    if (!range_seek(t, &a, &b, from, from_size, to, to_size)) return 0;
    uint64_t count = b.at;
    uint32_t skipped = a.at;
    while (a.nodes[0] != b.nodes[0]) {
        count += node_at(t, a.nodes[0])->count;
        const btree_node *parent = node_at(t, a.nodes[1]);
        if (a.children[1] + LEAVES_AHEAD <= parent->count)
            __builtin_prefetch(node_at(t, node_child(parent, a.children[1] + LEAVES_AHEAD)));
        leaf_step(&a);
    }
    return count - skipped;
}

/* Entries below a node, were all nodes down there like those on one way. Leaves differ much in how
 * many they hold, by the length of keys. */
static double entries_below(const vel_btree *t, uint32_t level, uint32_t ref) {
    double alike = 1;
    for (; level; level--) {
        const btree_node *n = node_at(t, ref);
        alike *= n->count + 1.0;
        ref = node_child(n, n->count / 2);
    }
    return alike * node_at(t, ref)->count;
}

/* Entries below some children of a node, [first, end), by samples of them. */
static double entries_of(const vel_btree *t, uint32_t level, const btree_node *n, uint32_t first,
                         uint32_t end) {
    uint32_t count = end - first, samples = count < SAMPLES ? count : SAMPLES;
    double sum = 0;
    for (uint32_t i = 0; i < samples; i++) {
        uint32_t child = first + (2 * i + 1) * count / (2 * samples);
        sum += entries_below(t, level - 1, node_child(n, child));
    }
    return samples ? sum / samples * count : 0;
}

uint64_t btree_estimate_range(const vel_btree *t, const uint8_t *from, uint32_t from_size,
                              const uint8_t *to, uint32_t to_size) {
    btree_cursor a, b;
    if (!range_seek(t, &a, &b, from, from_size, to, to_size)) return 0;
    uint64_t count = 0;
    for (uint32_t leaves = 0, skipped = a.at; leaves < ESTIMATE_LEAVES; leaves++) {
        if (a.nodes[0] == b.nodes[0]) return count + b.at - skipped;
        count += node_at(t, a.nodes[0])->count;
        leaf_step(&a);
    }
    btree_seek(t, &a, from, from_size, false);
    /* Up from both ends to the node in which their ways part, then what is between in that one. */
    double estimate = (double)(node_at(t, a.nodes[0])->count - a.at) + b.at;
    uint32_t level = 1;
    for (; a.nodes[level] != b.nodes[level]; level++) {
        const btree_node *n = node_at(t, a.nodes[level]);
        estimate += entries_of(t, level, n, a.children[level] + 1, n->count + 1u);
        estimate += entries_of(t, level, node_at(t, b.nodes[level]), 0, b.children[level]);
    }
    estimate += entries_of(t, level, node_at(t, a.nodes[level]), a.children[level] + 1,
                           b.children[level]);
    if (estimate > (double)t->count) return t->count;
    return estimate > (double)count ? (uint64_t)estimate : count;
}
