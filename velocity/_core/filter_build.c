/* filter_build.c: building filters. Evaluating them is in filter_match.c. See filter.h. */
#include "filter.h"

#include "value_order.h"

/* Double an array that is full. */
static vel_status grow(void **array, uint32_t count, uint32_t *capacity, size_t size) {
    if (count < *capacity) return VEL_OK;
    uint32_t wanted = *capacity ? 2 * *capacity : 4;
    void *larger = realloc(*array, wanted * size);
    if (!larger) return VEL_E_NOMEM;
    *array = larger;
    *capacity = wanted;
    return VEL_OK;
}

vel_status filter_open(vel_filter *f, const vel_names *names) {
    memset(f, 0, sizeof *f);
    f->names = names;
    vel_status status = grow((void **)&f->nodes, 0, &f->node_capacity, sizeof *f->nodes);
    if (status) return status;
    f->nodes[0] = (filter_node){.op = FILTER_AND};
    f->node_count = 1;
    return VEL_OK;
}

void filter_close(vel_filter *f) {
    for (uint32_t i = 0; i < f->path_count; i++) path_free(&f->paths[i]);
    free(f->nodes);
    free(f->paths);
    free(f->values);
    buffer_free(&f->bytes);
    memset(f, 0, sizeof *f);
}

vel_status filter_add(vel_filter *f, uint32_t parent, filter_op op, uint32_t *out) {
    if (f->node_count >= FILTER_NODES_MAX) return VEL_E_TOO_LARGE;
    vel_status status = grow((void **)&f->nodes, f->node_count, &f->node_capacity,
                             sizeof *f->nodes);
    if (status) return status;
    uint32_t i = f->node_count++;
    filter_node *above = &f->nodes[parent];
    f->nodes[i] = (filter_node){.op = (uint8_t)op};
    if (above->last) f->nodes[above->last].next = i;
    else above->first = i;
    above->last = i;
    f->needs_python |= op == FILTER_TEXT;
    *out = i;
    return VEL_OK;
}

vel_status filter_add_path(vel_filter *f, const uint8_t *dotted, size_t size, uint32_t *out) {
    if (f->path_count >= FILTER_NODES_MAX) return VEL_E_TOO_LARGE;
    vel_status status = grow((void **)&f->paths, f->path_count, &f->path_capacity,
                             sizeof *f->paths);
    if (!status) status = path_compile(&f->paths[f->path_count], dotted, size);
    if (status) return status;
    *out = ++f->path_count;
    return VEL_OK;
}

vel_status filter_add_value(vel_filter *f, uint32_t node, size_t start) {
    if (f->bytes.size > FILTER_VALUES_MAX) return VEL_E_TOO_LARGE;
    vel_status status = grow((void **)&f->values, f->value_count, &f->value_capacity,
                             sizeof *f->values);
    if (status) return status;
    filter_node *n = &f->nodes[node];
    if (!n->value_count) n->value = f->value_count;
    vel_assert(n->value + n->value_count == f->value_count);
    n->value_count++;
    /* Offsets, until the bytes move no more. */
    f->values[f->value_count++] = (filter_value){.at = (const uint8_t *)start,
                                                 .end = (const uint8_t *)f->bytes.size};
    return VEL_OK;
}

/* --- sealing -------------------------------------------------------------------------------- */

static int compare_values(const vel_filter *f, const filter_value *a, const filter_value *b) {
    return value_order(f->names, a->at, a->end, b->at, b->end);
}

/* Heap sort: in place, without recursion, and with what the order needs at hand. */
static void sift(const vel_filter *f, filter_value *values, uint32_t at, uint32_t count) {
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && compare_values(f, &values[child], &values[child + 1]) < 0) child++;
        if (compare_values(f, &values[at], &values[child]) >= 0) return;
        filter_value moved = values[at];
        values[at] = values[child];
        values[child] = moved;
    }
}

static void sort_values(const vel_filter *f, filter_value *values, uint32_t count) {
    for (uint32_t i = count / 2; i > 0; i--) sift(f, values, i - 1, count);
    for (uint32_t left = count; left > 1; left--) {
        filter_value largest = values[0];
        values[0] = values[left - 1];
        values[left - 1] = largest;
        sift(f, values, 0, left - 1);
    }
}

/* Classes of cost: how long an answer takes, roughly. */
enum { COSTS = 5 };

/* Whether a node looks at one top-level field. */
static bool on_field(const vel_filter *f, const filter_node *n) {
    return n->path && f->paths[n->path - 1].count == 1;
}

static unsigned node_cost(const vel_filter *f, const filter_node *n) {
    switch ((filter_op)n->op) {
    case FILTER_TEXT:
        return COSTS - 1;
    case FILTER_AND: case FILTER_OR: case FILTER_ELEMENT: case FILTER_ELEMENT_VALUE:
    case FILTER_FIELDS: {
        unsigned most = 2;
        for (uint32_t i = n->first; i; i = f->nodes[i].next) {
            unsigned cost = node_cost(f, &f->nodes[i]);
            if (cost > most) most = cost;
        }
        return most;
    }
    case FILTER_IN: case FILTER_CONTAINS:
        return n->path && !on_field(f, n) ? 3 : 1;
    default:
        return n->path && !on_field(f, n) ? 3 : 0;
    }
}

/* Put the children of a node in the order of their costs; those of one cost stay in theirs. */
static void order_children(vel_filter *f, filter_node *n) {
    uint32_t first[COSTS] = {0}, last[COSTS] = {0};
    for (uint32_t i = n->first, next; i; i = next) {
        unsigned cost = node_cost(f, &f->nodes[i]);
        next = f->nodes[i].next;
        f->nodes[i].next = 0;
        if (last[cost]) f->nodes[last[cost]].next = i;
        else first[cost] = i;
        last[cost] = i;
    }
    n->first = n->last = 0;
    for (unsigned cost = 0; cost < COSTS; cost++) {
        if (!first[cost]) continue;
        if (n->last) f->nodes[n->last].next = first[cost];
        else n->first = first[cost];
        n->last = last[cost];
    }
}

/* Take the conditions on top-level fields out of the root, to be answered in one walk. */
static void fuse(vel_filter *f) {
    filter_node *root = &f->nodes[0];
    uint32_t kept = 0, first = 0;
    for (uint32_t i = root->first, next; i; i = next) {
        const filter_node *n = &f->nodes[i];
        next = n->next;
        if (on_field(f, n) && f->fused_count < FILTER_FUSED_MAX) {
            f->fused[f->fused_count++] = (filter_fused){.node = i};
            continue;
        }
        if (kept) f->nodes[kept].next = i;
        else first = i;
        kept = i;
    }
    if (kept) f->nodes[kept].next = 0;
    root->first = first;
    root->last = kept;
}

/* Find the short way of a comparison with an int or a string. */
static void seal_quick(filter_node *n) {
    if (n->parts.kind == KIND_STRING && n->op == FILTER_EQ) n->quick = QUICK_SAME;
    if (n->parts.kind != KIND_INT) return;
    int64_t limit = n->parts.number, low = INT64_MIN, high = INT64_MAX;
    switch ((filter_op)n->op) {
    case FILTER_EQ:
        low = high = limit;
        break;
    case FILTER_GTE:
        low = limit;
        break;
    case FILTER_LTE:
        high = limit;
        break;
    case FILTER_GT:
        if (limit == INT64_MAX) return;
        low = limit + 1;
        break;
    case FILTER_LT:
        if (limit == INT64_MIN) return;
        high = limit - 1;
        break;
    default:
        return;
    }
    n->quick = QUICK_RANGE;
    n->range.low = low;
    n->range.high = high;
}

void filter_seal(vel_filter *f) {
    for (uint32_t i = 0; i < f->value_count; i++) {
        f->values[i].at = f->bytes.data + (size_t)f->values[i].at;
        f->values[i].end = f->bytes.data + (size_t)f->values[i].end;
    }
    for (uint32_t i = 0; i < f->node_count; i++) {
        filter_node *n = &f->nodes[i];
        if (n->value_count && n->op != FILTER_IN) n->parts = parts_read(f->values[n->value].at);
        else if (n->value_count) sort_values(f, f->values + n->value, n->value_count);
        if (n->value_count == 1 && n->op != FILTER_IN) seal_quick(n);
        order_children(f, n);
    }
    fuse(f);
    filter_resolve_new(f);
}

void filter_resolve_new(vel_filter *f) {
    uint32_t count = names_findable(f->names);
    for (uint32_t i = 0; i < f->path_count; i++) path_resolve(&f->paths[i], f->names);
    uint64_t mask = 0;
    for (uint32_t i = 0; i < f->fused_count; i++) {
        const vel_path *path = &f->paths[f->nodes[f->fused[i].node].path - 1];
        uint32_t number = atomic_get_relaxed(&path->parts[0].number);
        if (number) atomic_set_relaxed(&f->fused[i].number, number);  /* as in path_resolve_more */
        mask |= (uint64_t)1 << number % 64;
    }
    __atomic_fetch_or(&f->fused_mask, mask, __ATOMIC_RELAXED);
    atomic_set_release(&f->names_seen, count);
}
