/* scan.c: reads of whole collections: visit every record, list the ids. A walk is pinned for a
 * chunk of the table at a time, never across chunks. */
#include "scan.h"

#include "ids.h"

#define WALK_AHEAD 16  /* records being fetched ahead of the one visited */

vel_status engine_visit_next(vel_engine *e, vel_collection *c, vel_walk *walk, record_visit visit,
                             void *context, vel_error *error) {
    uint64_t *slots = malloc(TABLE_WALK_MIN * sizeof *slots);
    vel_buffer cold = {0};
    if (!slots) return VEL_E_NOMEM;
    epoch_slot *slot = epoch_pin_take();
    vel_status status = engine_readable(e, c);
    size_t count = 0;
    if (!status) count = table_walk(&c->table, &walk->cursor, slots, TABLE_WALK_MIN, &walk->done);
    for (size_t i = 0; i < count && !status; i++) {
        if (i + WALK_AHEAD < count) {
            const uint8_t *ahead = slab_at(&e->slab, table_slot_ref(slots[i + WALK_AHEAD]));
            __builtin_prefetch(ahead);
            __builtin_prefetch(ahead + 64);
        }
        const uint8_t *block = slab_at(&e->slab, table_slot_ref(slots[i]));
        const uint8_t *record = block_record(e, block);
        if (block_is_cold(e, block)) {
            size_t at;
            cold.size = 0;
            status = engine_read_location(e, block_header(block), &cold, &at, error);
            if (!status) record = cold.data + at;
        }
        if (!status && !engine_is_expired(record_expiry(record)))
            status = visit(context, e, record);
    }
    epoch_pin_give(slot);
    free(slots);
    buffer_free(&cold);
    return status;
}

static vel_status engine_visit(vel_engine *e, vel_collection *c, record_visit visit, void *context,
                               vel_error *error) {
    vel_walk walk = {0};
    vel_status status = VEL_OK;
    while (!status && !walk.done) status = engine_visit_next(e, c, &walk, visit, context, error);
    return status;
}

typedef struct {
    const vel_range *range;
    vel_buffer *arena;
    vel_id *ids;
    size_t count, capacity;
} id_list;

static bool in_range(const vel_range *r, const uint8_t *id, size_t size) {
    return bytes_order(id, size, r->from, r->from_size) >= 0 &&
           (!r->to || bytes_order(id, size, r->to, r->to_size) < 0);
}

static vel_status collect_id(void *context, vel_engine *e, const uint8_t *record) {
    id_list *list = context;
    const uint8_t *id = record_id(record);
    uint16_t size = record_id_size(record);
    if (!in_range(list->range, id, size)) return VEL_OK;
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 1024;
        vel_id *ids = realloc(list->ids, capacity * sizeof *ids);
        if (!ids) return VEL_E_NOMEM;
        list->ids = ids;
        list->capacity = capacity;
    }
    vel_status status = buffer_reserve(list->arena, size);
    if (status) return status;
    memcpy(list->arena->data + list->arena->size, id, size);
    list->ids[list->count++] = (vel_id){list->arena->size, size};
    list->arena->size += size;
    return VEL_OK;
}

/* Sort by bytes: first by an 8-byte prefix held beside the position, ties by the bytes. */
typedef struct { uint64_t prefix; const uint8_t *id; uint32_t size; } sort_key;

static int compare_keys(const void *a, const void *b) {
    const sort_key *x = a, *y = b;
    if (x->prefix != y->prefix) return x->prefix < y->prefix ? -1 : 1;
    return bytes_order(x->id, x->size, y->id, y->size);
}

static vel_status sort_ids(id_list *list) {
    sort_key *keys = malloc((list->count + 1) * sizeof *keys);
    if (!keys) return VEL_E_NOMEM;
    for (size_t i = 0; i < list->count; i++) {
        uint8_t first[8] = {0};
        keys[i].id = list->arena->data + list->ids[i].at;
        keys[i].size = list->ids[i].size;
        memcpy(first, keys[i].id, keys[i].size < 8 ? keys[i].size : 8);
        keys[i].prefix = __builtin_bswap64(load_u64(first));
    }
    qsort(keys, list->count, sizeof *keys, compare_keys);
    size_t kept = 0;
    for (size_t i = 0; i < list->count; i++) {
        /* A document deleted and put back during the walk may have been met twice. */
        if (kept && compare_keys(&keys[i - 1], &keys[i]) == 0) continue;
        list->ids[kept++] = (vel_id){(uint64_t)(keys[i].id - list->arena->data), keys[i].size};
    }
    list->count = kept;
    free(keys);
    return VEL_OK;
}

vel_status engine_ids(vel_engine *e, vel_collection *c, const vel_range *range, vel_id **ids,
                      size_t *count, vel_buffer *arena, vel_error *error) {
    id_list list = {range, arena, NULL, 0, 0};
    vel_status status = engine_visit(e, c, collect_id, &list, error);
    if (!status) status = sort_ids(&list);
    if (status) { free(list.ids); list.ids = NULL; list.count = 0; }
    *ids = list.ids;
    *count = list.count;
    return status;
}
