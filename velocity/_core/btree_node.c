/* btree_node.c: see btree_node.h. What happens in one page, or between two. */
#include "btree_node.h"

#define NODE_PREFETCHED 1024u   /* bytes of a node's beginning that a search asks for at once */
#define RUN_MIN 8u              /* keys next to one another that make a run */
#define RUN_NEAR 8u             /* one of this many of a node's keys are near its end */
#define SPLIT_REST 16u          /* a run leaves all but one of this many entries behind */
#define COMPACTION_ROOM 128u    /* bytes to be left by laying out anew, lest each insert does it */
#define MERGE_SIZE_MAX (BTREE_NODE_SIZE * 3 / 4)

/* The first bytes of a suffix as a number that orders as they do. */
VEL_INLINE uint32_t suffix_head(const uint8_t *suffix, uint32_t size) {
    if (vel_likely(size >= NODE_HEAD_SIZE)) return __builtin_bswap32(load_u32(suffix));
    uint32_t head = 0;
    for (uint32_t i = 0; i < size; i++) head |= (uint32_t)suffix[i] << (24 - 8 * i);
    return head;
}

VEL_INLINE uint32_t rest_size(uint32_t suffix_size) {
    return suffix_size > NODE_HEAD_SIZE ? suffix_size - NODE_HEAD_SIZE : 0;
}

static uint32_t common_size(const uint8_t *a, const uint8_t *b, uint32_t size) {
    uint32_t i = 0;
    while (i < size && a[i] == b[i]) i++;
    return i;
}

/* Write a suffix to out, without its first `skip` bytes. */
static void suffix_write(const btree_node *n, uint32_t i, uint32_t skip, uint8_t *out) {
    const node_slot *s = &n->slots[i];
    uint32_t in_head = s->size < NODE_HEAD_SIZE ? s->size : NODE_HEAD_SIZE;
    uint32_t head = __builtin_bswap32(s->head);
    if (skip < in_head) {
        memcpy(out, (const uint8_t *)&head + skip, in_head - skip);
        out += in_head - skip;
        skip = in_head;
    }
    if (s->size > skip) memcpy(out, node_rest(n, i) + (skip - NODE_HEAD_SIZE), s->size - skip);
}

uint32_t node_key(const btree_node *n, uint32_t i, uint8_t *out) {
    memcpy(out, node_prefix(n), n->prefix_size);
    suffix_write(n, i, 0, out + n->prefix_size);
    return node_key_size(n, i);
}

/* --- finding -------------------------------------------------------------------------------- */

/* Suffixes of equal heads: <0, 0, >0 as the slot's is before, equal to, behind the given one. */
static int rest_order(const btree_node *n, uint32_t i, const uint8_t *suffix, uint32_t size) {
    uint32_t mine = rest_size(n->slots[i].size), theirs = rest_size(size);
    if (mine && theirs) {
        int order = memcmp(node_rest(n, i), suffix + NODE_HEAD_SIZE,
                           mine < theirs ? mine : theirs);
        if (order) return order;
    }
    return (int)n->slots[i].size - (int)size;
}

/* Whether rest_order is < 0: mostly the first eight bytes tell. */
VEL_INLINE bool rest_less(const btree_node *n, uint32_t i, const uint8_t *suffix, uint32_t size) {
    if (vel_likely(n->slots[i].size >= NODE_HEAD_SIZE + 8 && size >= NODE_HEAD_SIZE + 8)) {
        uint64_t mine = __builtin_bswap64(load_u64(node_rest(n, i)));
        uint64_t theirs = __builtin_bswap64(load_u64(suffix + NODE_HEAD_SIZE));
        if (vel_likely(mine != theirs)) return mine < theirs;
    }
    return rest_order(n, i, suffix, size) < 0;
}

/* First position from `from` whose head is not less. What a step finds cannot be foretold: the
 * compiler is kept from making it a jump. */
VEL_INLINE uint32_t head_find(const btree_node *n, uint32_t from, uint32_t to, uint32_t head) {
    const node_slot *base = n->slots + from;
    size_t left = to - from;
    if (!left) return from;
    while (left > 1) {
        size_t half = left / 2;
        const node_slot *upper = base + half;
        base = __builtin_expect_with_probability(upper[-1].head < head, 1, 0.5) ? upper : base;
        left -= half;
    }
    return (uint32_t)(base - n->slots) + (base->head < head);
}

/* A search looks at the header, the prefix at the end, a few slots and a key, and each is known
 * only from the one before: asked for at once, the first lines of slots and the last line of the
 * node come in the time of one. A full node of short keys has some hundred slots, 800 bytes. */
VEL_INLINE void node_prefetch(const btree_node *n) {
    const uint8_t *node = (const uint8_t *)n;
    __builtin_prefetch(node + BTREE_NODE_SIZE - 1);
    for (size_t at = 0; at < NODE_PREFETCHED; at += 64) __builtin_prefetch(node + at);
}

uint32_t node_find(const btree_node *n, const uint8_t *key, uint32_t size, bool *equal) {
    node_prefetch(n);
    uint32_t prefix_size = n->prefix_size;
    *equal = false;
    if (prefix_size) {
        const uint8_t *prefix = node_prefix(n);
        uint32_t shared = size < prefix_size ? size : prefix_size, i = 0;
        while (i + 8 <= shared && load_u64(key + i) == load_u64(prefix + i)) i += 8;
        while (i < shared && key[i] == prefix[i]) i++;
        if (i < shared) return key[i] > prefix[i] ? n->count : 0;
        if (size < prefix_size) return 0;
        key += prefix_size;
        size -= prefix_size;
    }
    uint32_t head = suffix_head(key, size);
    uint32_t low = head_find(n, 0, n->count, head);
    if (low == n->count || n->slots[low].head != head) return low;
    /* Of those with the same head, the first that is not less. */
    uint32_t last = n->count;
    if (head != UINT32_MAX) last = head_find(n, low + 1, n->count, head + 1);
    uint32_t left = last - low;
    /* Where one rest lies tells nothing of another: fetch those that the search may look at. */
    for (uint32_t i = 0, step = left / 16 + 1; left > 2 && i < left; i += step)
        __builtin_prefetch(node_rest(n, low + i));
    while (left > 1) {
        uint32_t half = left / 2;
        if (rest_less(n, low + half - 1, key, size)) low += half;
        left -= half;
    }
    int order = rest_order(n, low, key, size);
    *equal = !order;
    return low + (order < 0);
}

/* --- laying out ----------------------------------------------------------------------------- */

void node_init(btree_node *n, unsigned level, const uint8_t *prefix, uint32_t prefix_size) {
    n->count = 0;
    n->heap = (uint16_t)(BTREE_NODE_SIZE - prefix_size);
    n->used = (uint16_t)(sizeof *n + prefix_size);
    n->prefix_size = (uint16_t)prefix_size;
    n->last = NODE_NO_POSITION;
    n->level = (uint8_t)level;
    n->run_up = n->run_down = 0;
    memset(n->_pad, 0, sizeof n->_pad);
    n->first_child = 0;
    if (prefix_size) memcpy((uint8_t *)n + n->heap, prefix, prefix_size);
}

/* Where slots and heap meet there are this many bytes. */
VEL_INLINE uint32_t node_room(const btree_node *n) {
    return n->heap - (uint32_t)(sizeof *n + n->count * sizeof(node_slot));
}

/* Take heap for an entry and fill the slot; returns where the rest of the suffix goes. */
VEL_INLINE uint8_t *slot_fill(btree_node *n, node_slot *s, uint32_t head, uint32_t suffix_size,
                              uint32_t child) {
    uint32_t size = rest_size(suffix_size) + (n->level ? 4 : 0);
    n->heap = (uint16_t)(n->heap - size);
    n->used = (uint16_t)(n->used + size + sizeof *s);
    n->count++;
    *s = (node_slot){head, n->heap, (uint16_t)suffix_size};
    uint8_t *heap = (uint8_t *)n + n->heap;
    if (!n->level) return heap;
    store_u32(heap, child);
    return heap + 4;
}

/* memcpy of what is mostly 8 to 16 bytes. */
VEL_INLINE void rest_copy(uint8_t *to, const uint8_t *from, uint32_t size) {
    if (vel_likely(size - 8 <= 8)) {
        uint64_t first = load_u64(from), last = load_u64(from + size - 8);
        store_u64(to, first);
        store_u64(to + size - 8, last);
    } else if (size) {
        memcpy(to, from, size);
    }
}

/* Entries in their order, as they lie in one or two nodes with one from outside between: what a
 * node is laid out from. */
typedef struct {
    const btree_node *first, *second;
    const node_entry *between;     /* NULL: none */
    uint32_t first_count, second_from, count;
} sequence;

/* The node an entry lies in and its position; NULL: the one between. */
VEL_INLINE const btree_node *sequence_at(const sequence *s, uint32_t i, uint32_t *at) {
    *at = i;
    if (i < s->first_count) return s->first;
    i -= s->first_count;
    if (s->between && i-- == 0) return NULL;
    *at = i + s->second_from;
    return s->second;
}

static uint32_t sequence_size(const sequence *s, uint32_t i) {
    uint32_t at;
    const btree_node *n = sequence_at(s, i, &at);
    return n ? node_key_size(n, at) : s->between->size;
}

/* Write a key without its first `skip` bytes; returns its whole size. */
static uint32_t sequence_key(const sequence *s, uint32_t i, uint32_t skip, uint8_t *out) {
    uint32_t at;
    const btree_node *n = sequence_at(s, i, &at);
    if (!n) {
        memcpy(out, s->between->key + skip, s->between->size - skip);
        return s->between->size;
    }
    if (skip < n->prefix_size) {
        memcpy(out, node_prefix(n) + skip, n->prefix_size - skip);
        suffix_write(n, at, 0, out + n->prefix_size - skip);
    } else {
        suffix_write(n, at, skip - n->prefix_size, out);
    }
    return node_key_size(n, at);
}

static uint32_t sequence_child(const sequence *s, uint32_t i) {
    uint32_t at;
    const btree_node *n = sequence_at(s, i, &at);
    return n ? node_child(n, at + 1) : s->between->child;
}

/* The longest prefix of the entries from .. to - 1, to `prefix`. Returns its size. */
static uint32_t sequence_prefix(const sequence *s, uint32_t from, uint32_t to, uint8_t *prefix) {
    uint8_t last[BTREE_KEY_MAX];
    uint32_t size = sequence_key(s, from, 0, prefix), last_size = sequence_key(s, to - 1, 0, last);
    return common_size(prefix, last, size < last_size ? size : last_size);
}

/* Bytes of a node with the entries from .. to - 1. */
static uint32_t sequence_used(const sequence *s, uint32_t from, uint32_t to, unsigned level,
                              uint32_t prefix_size) {
    uint32_t used = (uint32_t)sizeof(btree_node) + prefix_size;
    for (uint32_t i = from; i < to; i++)
        used += node_entry_size(level, sequence_size(s, i) - prefix_size);
    return used;
}

static bool sequence_fits(const sequence *s, uint32_t from, uint32_t to, unsigned level,
                          uint32_t size_max) {
    uint8_t prefix[BTREE_KEY_MAX];
    uint32_t prefix_size = sequence_prefix(s, from, to, prefix);
    return sequence_used(s, from, to, level, prefix_size) <= size_max;
}

/* Lay n out with the entries from .. to - 1, which fit and are not in it. */
static void sequence_write(const sequence *s, uint32_t from, uint32_t to, unsigned level,
                           btree_node *n) {
    uint8_t key[BTREE_KEY_MAX];
    uint32_t prefix_size = sequence_prefix(s, from, to, key);
    node_init(n, level, key, prefix_size);
    for (uint32_t i = from; i < to; i++) {
        uint32_t at, child = level ? sequence_child(s, i) : 0;
        const btree_node *source = sequence_at(s, i, &at);
        if (vel_likely(source && source->prefix_size == prefix_size)) {
            const node_slot *old = &source->slots[at];
            uint8_t *rest = slot_fill(n, &n->slots[n->count], old->head, old->size, child);
            rest_copy(rest, node_rest(source, at), rest_size(old->size));
            continue;
        }
        uint32_t size = sequence_key(s, i, prefix_size, key) - prefix_size;
        uint8_t *rest = slot_fill(n, &n->slots[n->count], suffix_head(key, size), size, child);
        rest_copy(rest, key + NODE_HEAD_SIZE, rest_size(size));
    }
    vel_assert(n->used <= BTREE_NODE_SIZE && (uint8_t *)&n->slots[n->count] <=
                                                 (uint8_t *)n + n->heap);
}

/* --- changing ------------------------------------------------------------------------------- */

/* Whether keys come one next to the other: a key goes right behind the one before, or among the
 * last of the node, for those that come nearly in order; the same downwards. */
static void run_note(btree_node *n, uint32_t position) {
    uint32_t near = n->count / RUN_NEAR, last = n->last;
    bool up = position == last + 1 || position + near >= n->count - 1u;
    bool down = position == last || position <= near;
    n->run_up = up ? (uint8_t)(n->run_up + (n->run_up < UINT8_MAX)) : 0;
    n->run_down = down ? (uint8_t)(n->run_down + (n->run_down < UINT8_MAX)) : 0;
    n->last = (uint16_t)position;
}

/* Lay n out anew with an entry more, in at most size_max bytes, or leave it as it was. */
static bool insert_anew(btree_node *n, uint32_t position, const node_entry *entry,
                        uint32_t size_max) {
    uint64_t copy[BTREE_NODE_SIZE / sizeof(uint64_t)];
    btree_node *old = (btree_node *)(void *)copy;
    sequence s = {old, old, entry, position, position, n->count + 1u};
    memcpy(old, n, BTREE_NODE_SIZE);
    if (!sequence_fits(&s, 0, s.count, n->level, size_max)) return false;
    sequence_write(&s, 0, s.count, old->level, n);
    n->first_child = old->first_child;
    n->last = old->last;
    n->run_up = old->run_up;
    n->run_down = old->run_down;
    run_note(n, position);
    return true;
}

/* A node that was begun with a key or none has no prefix, or a short one. Looked at when the number
 * of its keys has doubled. */
VEL_INLINE bool prefix_lags(const btree_node *n) {
    return n->count >= 8 && !(n->count & (n->count - 1)) &&
           n->slots[0].size && n->slots[0].head >> 24 == n->slots[n->count - 1].head >> 24;
}

bool node_insert(btree_node *n, uint32_t position, const node_entry *entry) {
    uint32_t prefix_size = n->prefix_size;
    /* Between two others it shares what they share. */
    bool shares = (position && position < n->count) ||
                  (entry->size >= prefix_size &&
                   memcmp(entry->key, node_prefix(n), prefix_size) == 0);
    uint32_t size = entry->size - prefix_size;
    if (vel_unlikely(!shares || node_entry_size(n->level, size) > node_room(n)))
        return insert_anew(n, position, entry, BTREE_NODE_SIZE - COMPACTION_ROOM);
    if (vel_unlikely(prefix_lags(n)) && insert_anew(n, position, entry, BTREE_NODE_SIZE))
        return true;
    node_slot *s = &n->slots[position];
    const uint8_t *suffix = entry->key + prefix_size;
    memmove(s + 1, s, (n->count - position) * sizeof *s);
    uint8_t *rest = slot_fill(n, s, suffix_head(suffix, size), size, entry->child);
    rest_copy(rest, suffix + NODE_HEAD_SIZE, rest_size(size));
    run_note(n, position);
    return true;
}

/* Whether both parts of a split before entry `middle` fit; in inner nodes that entry goes up. */
static bool split_fits(const sequence *s, uint32_t middle, unsigned level) {
    return sequence_fits(s, 0, middle, level, BTREE_NODE_SIZE) &&
           sequence_fits(s, middle + (level ? 1 : 0), s->count, level, BTREE_NODE_SIZE);
}

/* Where halves of about equal bytes meet. */
static uint32_t split_half(const sequence *s, unsigned level, uint32_t prefix_size) {
    uint32_t half = sequence_used(s, 0, s->count, level, prefix_size) / 2, used = 0, i = 0;
    while (used < half) used += node_entry_size(level, sequence_size(s, i++) - prefix_size);
    return i;
}

/* Where a run wants a node split that `position` makes too full: what it leaves behind stays as it
 * is, but for some room for those that come late. 0: there is no run. */
static uint32_t split_run(const sequence *s, const btree_node *n, uint32_t position) {
    uint32_t last = s->count - 1, near = n->count / RUN_NEAR;
    if (n->run_up >= RUN_MIN && position + near >= last)
        return last - last / SPLIT_REST - 2 * (last - position);
    if (n->run_down >= RUN_MIN && position <= near) return 1 + last / SPLIT_REST + 2 * position;
    if (n->run_up >= RUN_MIN && position == n->last + 1u) return position + 1;
    if (n->run_down >= RUN_MIN && position == n->last) return position;
    return 0;
}

/* The middle that splits a sequence. *forced: a key that shares less than the node's prefix is
 * parted from the rest, since halves would not fit; with keys that share it, they always do. */
static uint32_t split_middle(const sequence *s, const btree_node *n, uint32_t position,
                             bool *forced) {
    unsigned level = n->level;
    uint32_t lowest = 1, highest = s->count - (level ? 2 : 1), size = s->between->size;
    uint32_t middle = split_run(s, n, position);
    *forced = false;
    if (middle >= lowest && middle <= highest && split_fits(s, middle, level)) return middle;
    uint32_t shared = common_size(s->between->key, node_prefix(n),
                                  size < n->prefix_size ? size : n->prefix_size);
    middle = split_half(s, level, shared);
    middle = middle < lowest ? lowest : middle > highest ? highest : middle;
    if (split_fits(s, middle, level)) return middle;
    vel_assert(shared < n->prefix_size);
    *forced = true;
    return position ? highest : lowest;
}

/* The shortest key that parts a leaf before `middle`. Where a key without the others' prefix was
 * parted from them, it is the end of what has that prefix: else keys could go on coming that
 * are parted from them one by one. */
static uint32_t leaf_separator(const sequence *s, const btree_node *n, uint32_t middle, bool forced,
                               uint8_t *up) {
    if (forced) {
        uint32_t size = n->prefix_size;
        memcpy(up, node_prefix(n), size);
        if (middle == 1) return size;
        while (up[size - 1] == UINT8_MAX) size--;
        up[size - 1]++;
        return size;
    }
    uint8_t left[BTREE_KEY_MAX];
    uint32_t left_size = sequence_key(s, middle - 1, 0, left);
    uint32_t size = sequence_key(s, middle, 0, up);
    return common_size(left, up, left_size < size ? left_size : size) + 1;
}

void node_split(btree_node *n, btree_node *right, uint32_t position, const node_entry *entry,
                node_entry *up, uint8_t *up_key) {
    uint64_t copy[BTREE_NODE_SIZE / sizeof(uint64_t)];
    btree_node *old = (btree_node *)(void *)copy;
    sequence s = {old, old, entry, position, position, n->count + 1u};
    memcpy(old, n, BTREE_NODE_SIZE);
    bool forced, inner = old->level != 0;
    uint32_t middle = split_middle(&s, old, position, &forced);
    up->key = up_key;
    up->size = inner ? sequence_key(&s, middle, 0, up_key)
                     : leaf_separator(&s, old, middle, forced, up_key);
    sequence_write(&s, 0, middle, old->level, n);
    sequence_write(&s, middle + inner, s.count, old->level, right);
    n->first_child = old->first_child;
    right->first_child = inner ? sequence_child(&s, middle) : 0;
    if (inner) return;
    /* A run goes on where the new key is. */
    btree_node *home = position < middle ? n : right;
    home->last = (uint16_t)(position < middle ? position : position - middle);
    home->run_up = old->run_up;
    home->run_down = old->run_down;
}

void node_remove(btree_node *n, uint32_t position) {
    node_slot *s = &n->slots[position];
    uint32_t rest = node_entry_size(n->level, s->size) - (uint32_t)sizeof *s;
    if (s->at == n->heap) n->heap = (uint16_t)(n->heap + rest);
    n->used = (uint16_t)(n->used - rest - sizeof *s);
    n->count--;
    memmove(s, s + 1, (n->count - position) * sizeof *s);
    if (n->last != NODE_NO_POSITION && n->last >= position)
        n->last = n->last == 0 ? NODE_NO_POSITION : (uint16_t)(n->last - 1);
}

bool node_merge(btree_node *n, const btree_node *right, const node_entry *between) {
    uint64_t copy[BTREE_NODE_SIZE / sizeof(uint64_t)];
    btree_node *left = (btree_node *)(void *)copy;
    bool inner = n->level != 0;
    node_entry down = {between->key, between->size, right->first_child};
    sequence s = {n, right, inner ? &down : NULL, n->count, 0, n->count + right->count + inner};
    uint8_t prefix[BTREE_KEY_MAX];
    uint32_t size = s.count ? sequence_prefix(&s, 0, s.count, prefix) : 0;
    if (sequence_used(&s, 0, s.count, n->level, size) > MERGE_SIZE_MAX) return false;
    memcpy(left, n, BTREE_NODE_SIZE);
    s.first = left;
    sequence_write(&s, 0, s.count, left->level, n);
    n->first_child = left->first_child;
    return true;
}
