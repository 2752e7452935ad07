/* btree.c: see btree.h. Opening, reserving, inserting, removing; btree_node.c has what happens in a
 * page, btree_cursor.c reads. */
#include "btree_node.h"

#define MERGE_USED_MIN (BTREE_NODE_SIZE / 4)  /* a node with less looks for a neighbour */
#define APPROACH_SIZE 1280u  /* bytes of a leaf that are fetched: header and most of its slots */

/* --- nodes ---------------------------------------------------------------------------------- */

static vel_status node_alloc(vel_btree *t, uint32_t *out) {
    vel_ref ref;
    vel_status status = slab_alloc(t->slab, BTREE_NODE_SIZE, &ref);
    if (status) return status;
    vel_assert((ref & (((vel_ref)1 << NODE_REF_SHIFT) - 1)) == 0);
    *out = (uint32_t)(ref >> NODE_REF_SHIFT);
    atomic_set_relaxed(&t->memory, t->memory + BTREE_NODE_SIZE);
    return VEL_OK;
}

static void node_free(vel_btree *t, uint32_t ref) {
    slab_free(t->slab, (vel_ref)ref << NODE_REF_SHIFT);
    atomic_set_relaxed(&t->memory, t->memory - BTREE_NODE_SIZE);
}

static void spare_push(vel_btree *t, uint32_t ref) {
    store_u32(node_at(t, ref), t->spare);
    t->spare = ref;
    t->spare_count++;
}

static uint32_t spare_pop(vel_btree *t) {
    uint32_t ref = t->spare;
    vel_assert(ref);  /* was it reserved? */
    t->spare = load_u32(node_at(t, ref));
    t->spare_count--;
    return ref;
}

static void spare_trim(vel_btree *t, uint32_t kept) {
    while (t->spare_count > kept) node_free(t, spare_pop(t));
}

vel_status btree_open(vel_btree *t, vel_slab *slab) {
    memset(t, 0, sizeof *t);
    t->slab = slab;
    vel_status status = node_alloc(t, &t->root);
    if (status) {
        memset(t, 0, sizeof *t);
        return status;
    }
    node_init(node_at(t, t->root), 0, NULL, 0);
    t->height = 1;
    return VEL_OK;
}

static void node_free_all(vel_btree *t, uint32_t ref) {
    const btree_node *n = node_at(t, ref);
    for (uint32_t child = 0; n->level && child <= n->count; child++)
        node_free_all(t, node_child(n, child));
    node_free(t, ref);
}

void btree_close(vel_btree *t) {
    if (!t->root) return;
    node_free_all(t, t->root);
    spare_trim(t, 0);
    vel_assert(t->memory == 0);
    memset(t, 0, sizeof *t);
}

vel_status btree_reserve(vel_btree *t, size_t inserts) {
    /* One insert may split a node of each level and put a root above them. */
    uint32_t one = t->height + 1, growth = 0;
    for (size_t left = inserts; left > 1; left /= 2) growth++;
    if (inserts > UINT32_MAX / BTREE_HEIGHT_MAX) return VEL_E_NOMEM;
    if (one + growth > BTREE_HEIGHT_MAX) return VEL_E_NOMEM;
    uint32_t need = (uint32_t)inserts * one + growth * growth;
    spare_trim(t, need > one ? need : one);
    uint32_t before = t->spare_count, ref;
    while (t->spare_count < need) {
        vel_status status = node_alloc(t, &ref);
        if (status) {
            spare_trim(t, before);
            return status;
        }
        spare_push(t, ref);
    }
    return VEL_OK;
}

/* --- inserting ------------------------------------------------------------------------------ */

VEL_INLINE uint32_t way_down(const vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size) {
    uint32_t ref = t->root;
    for (uint32_t level = t->height - 1; level; level--) {
        const btree_node *n = node_at(t, ref);
        w->node[level] = ref;
        w->child[level] = node_route(n, key, size);
        ref = node_child(n, w->child[level]);
    }
    w->shape = t->shape;
    return w->node[0] = ref;
}

void btree_approach(const vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size) {
    const uint8_t *leaf = (const uint8_t *)node_at(t, way_down(t, w, key, size));
    __builtin_prefetch(leaf + BTREE_NODE_SIZE - 1);  /* the prefix */
    for (uint32_t at = 0; at < APPROACH_SIZE; at += 64) __builtin_prefetch(leaf + at);
}

/* The root was split: put another above it. */
static void root_push(vel_btree *t, const node_entry *up) {
    uint32_t ref = spare_pop(t);
    btree_node *root = node_at(t, ref);
    node_init(root, t->height, NULL, 0);
    root->first_child = t->root;
    node_insert(root, 0, up);
    t->root = ref;
    t->height++;
    vel_assert(t->height <= BTREE_HEIGHT_MAX);
}

static void insert_splitting(vel_btree *t, const btree_way *w, uint32_t position,
                             node_entry entry) {
    t->shape++;
    uint8_t keys[2][BTREE_KEY_MAX];
    for (uint32_t level = 0;; level++) {
        node_entry up;
        uint32_t right = spare_pop(t);
        node_split(node_at(t, w->node[level]), node_at(t, right), position, &entry, &up,
                   keys[level % 2]);
        up.child = right;
        if (level + 1 == t->height) {
            root_push(t, &up);
            return;
        }
        entry = up;
        position = w->child[level + 1];
        if (node_insert(node_at(t, w->node[level + 1]), position, &entry)) return;
    }
}

bool btree_insert_near(vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size) {
    bool equal;
    vel_assert(size <= BTREE_KEY_MAX);
    if (vel_unlikely(w->shape != t->shape)) way_down(t, w, key, size);
    btree_node *leaf = node_at(t, w->node[0]);
    uint32_t position = node_find(leaf, key, size, &equal);
    if (equal) return false;
    node_entry entry = {key, size, 0};
    if (vel_unlikely(!node_insert(leaf, position, &entry)))
        insert_splitting(t, w, position, entry);
    atomic_set_relaxed(&t->count, t->count + 1);
    return true;
}

bool btree_insert(vel_btree *t, const uint8_t *key, uint32_t size) {
    btree_way w;
    way_down(t, &w, key, size);
    return btree_insert_near(t, &w, key, size);
}

bool btree_has(const vel_btree *t, const uint8_t *key, uint32_t size) {
    btree_way w;
    bool equal;
    node_find(node_at(t, way_down(t, &w, key, size)), key, size, &equal);
    return equal;
}

/* --- removing ------------------------------------------------------------------------------- */

/* Take a child out of its parent, with the key that parts it from its left neighbour, or the first
 * one from its right. */
static void child_remove(btree_node *parent, uint32_t child) {
    if (child) {
        node_remove(parent, child - 1);
    } else {
        parent->first_child = node_child(parent, 1);
        node_remove(parent, 0);
    }
}

/* Merge the two children of a parent to the left and right of a key. */
static bool children_merge(vel_btree *t, btree_node *parent, uint32_t key) {
    uint8_t bytes[BTREE_KEY_MAX];
    node_entry between = {bytes, node_key(parent, key, bytes), 0};
    uint32_t right = node_child(parent, key + 1);
    if (!node_merge(node_at(t, node_child(parent, key)), node_at(t, right), &between))
        return false;
    node_remove(parent, key);
    node_free(t, right);
    return true;
}

/* A key was removed from the leaf: merge it, and then the nodes above it, with a neighbour where
 * they have become small. */
static void settle(vel_btree *t, const btree_way *w) {
    t->shape++;
    bool gone = !node_at(t, w->node[0])->count;  /* a node without a key or a child */
    for (uint32_t level = 0; level + 1 < t->height; level++) {
        btree_node *n = node_at(t, w->node[level]), *parent = node_at(t, w->node[level + 1]);
        uint32_t child = w->child[level + 1];
        if (gone) {
            node_free(t, w->node[level]);
            gone = !parent->count;
            if (!gone) child_remove(parent, child);
        } else if (n->used >= MERGE_USED_MIN ||
                   !((child < parent->count && children_merge(t, parent, child)) ||
                     (child && children_merge(t, parent, child - 1)))) {
            return;
        }
    }
}

bool btree_remove(vel_btree *t, const uint8_t *key, uint32_t size) {
    btree_way w;
    way_down(t, &w, key, size);
    return btree_remove_near(t, &w, key, size);
}

bool btree_remove_near(vel_btree *t, btree_way *w, const uint8_t *key, uint32_t size) {
    bool equal;
    if (vel_unlikely(w->shape != t->shape)) way_down(t, w, key, size);
    btree_node *leaf = node_at(t, w->node[0]);
    uint32_t position = node_find(leaf, key, size, &equal);
    if (!equal) return false;
    node_remove(leaf, position);
    if (!leaf->count || leaf->used < MERGE_USED_MIN) settle(t, w);
    while (t->height > 1 && !node_at(t, t->root)->count) {
        uint32_t root = t->root;
        t->root = node_at(t, root)->first_child;
        t->height--;
        node_free(t, root);
    }
    atomic_set_relaxed(&t->count, t->count - 1);
    return true;
}

vel_status btree_build(vel_btree *t, btree_source next, void *context) {
    const uint8_t *key;
    uint32_t size;
    while (next(context, &key, &size)) {
        vel_status status = btree_reserve(t, 1);
        if (status) return status;
        btree_insert(t, key, size);
    }
    return VEL_OK;
}
