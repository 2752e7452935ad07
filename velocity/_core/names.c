/* names.c: see names.h. */
#include "names.h"

#include "value.h"
#include "xxh3.h"

/* Open addressing, at most half full. A slot is the upper half of the hash, whose low 16 bits are
 * replaced by the number: 0 is an empty slot. */
struct names_table {
    names_table *older;
    uint32_t mask;  /* slots - 1 */
    uint32_t slots[];
};

#define TABLE_SLOTS_MIN 32u

static names_table *table_new(uint32_t slots) {
    names_table *t = calloc(1, sizeof *t + slots * sizeof t->slots[0]);
    if (t) t->mask = slots - 1;
    return t;
}

static uint64_t table_memory(const names_table *t) {
    return sizeof *t + ((uint64_t)t->mask + 1) * sizeof t->slots[0];
}

vel_names *names_new(void) {
    vel_names *n = calloc(1, sizeof *n);
    if (!n) return NULL;
    n->table = table_new(TABLE_SLOTS_MIN);
    if (!n->table) {
        free(n);
        return NULL;
    }
    pthread_mutex_init(&n->lock, NULL);
    n->memory = sizeof *n + table_memory(n->table);
    /* Different for each collection and run, so that names cannot be chosen to collide. */
    n->seed = (uint64_t)(uintptr_t)n * 0x9E3779B97F4A7C15u ^ (uint64_t)clock_monotonic_ns();
    return n;
}

void names_free(vel_names *n) {
    if (!n) return;
    if (n->drop_shapes) n->drop_shapes(n);
    if (n->drop_objects) n->drop_objects(n);
    for (uint32_t number = 1; number <= n->count; number++) {
        free((void *)(uintptr_t)names_entry(n, number)->bytes);
    }
    for (int i = 0; i < NAMES_CHUNKS; i++) free(n->chunks[i]);
    for (names_table *t = n->table, *older; t; t = older) {
        older = t->older;
        free(t);
    }
    pthread_mutex_destroy(&n->lock);
    free(n);
}

uint64_t names_memory(const vel_names *n) { return atomic_get_relaxed(&n->memory); }

const uint8_t *names_bytes(const vel_names *n, uint32_t number, uint32_t *size) {
    const vel_name *name = names_entry(n, number);
    *size = name->size;
    return name->bytes;
}

static uint32_t find_hashed(const vel_names *n, const uint8_t *name, size_t size, uint64_t hash) {
    const names_table *t = atomic_get_acquire(&n->table);
    uint32_t tag = (uint32_t)(hash >> 32) & 0xFFFF0000u;
    for (uint32_t at = (uint32_t)hash & t->mask;; at = (at + 1) & t->mask) {
        uint32_t slot = atomic_get_acquire(&t->slots[at]);
        if (!slot) return 0;
        if ((slot & 0xFFFF0000u) != tag) continue;
        const vel_name *entry = names_entry(n, slot & 0xFFFF);
        if (entry->size == size && memcmp(entry->bytes, name, size) == 0) return slot & 0xFFFF;
    }
}

uint32_t names_find(const vel_names *n, const uint8_t *name, size_t size) {
    return size <= NAME_SIZE_MAX ? find_hashed(n, name, size, xxh3_64(name, size, n->seed)) : 0;
}

static void table_put(names_table *t, uint64_t hash, uint32_t number) {
    uint32_t at = (uint32_t)hash & t->mask;
    while (t->slots[at]) at = (at + 1) & t->mask;
    atomic_set_release(&t->slots[at], ((uint32_t)(hash >> 32) & 0xFFFF0000u) | number);
}

/* Requires: lock. */
static vel_status table_grow(vel_names *n) {
    names_table *t = table_new((n->table->mask + 1) * 2);
    if (!t) return VEL_E_NOMEM;
    for (uint32_t number = 1; number <= n->count; number++) {
        const vel_name *name = names_entry(n, number);
        table_put(t, xxh3_64(name->bytes, name->size, n->seed), number);
    }
    t->older = n->table;
    atomic_set_relaxed(&n->memory, n->memory + table_memory(t));
    atomic_set_release(&n->table, t);
    return VEL_OK;
}

/* Requires: lock; the name is new, at most NAME_SIZE_MAX bytes, and there is a number for it. */
static vel_status append(vel_names *n, const uint8_t *name, size_t size, uint64_t hash) {
    uint32_t number = n->count + 1;
    uint32_t position = number - 1 + (1u << NAMES_CHUNK_BITS);
    int top = 31 - __builtin_clz(position);
    vel_name **chunk = &n->chunks[top - NAMES_CHUNK_BITS];
    if (number * 2 > n->table->mask && table_grow(n) != VEL_OK) return VEL_E_NOMEM;
    if (!*chunk) {
        *chunk = calloc((size_t)1 << top, sizeof **chunk);
        if (!*chunk) return VEL_E_NOMEM;
        atomic_set_relaxed(&n->memory, n->memory + ((uint64_t)sizeof **chunk << top));
    }
    uint8_t *bytes = malloc(size ? size : 1);
    if (!bytes) return VEL_E_NOMEM;
    memcpy(bytes, name, size);
    vel_name *entry = names_entry(n, number);
    entry->bytes = bytes;
    entry->size = (uint32_t)size;
    /* 16: what malloc takes for itself, about. */
    atomic_set_relaxed(&n->memory, n->memory + size + 16);
    atomic_set_release(&n->count, number);
    table_put(n->table, hash, number);
    atomic_set_release(&n->findable, number);
    return VEL_OK;
}

vel_status names_add(vel_names *n, const uint8_t *name, size_t size, uint32_t *number) {
    *number = 0;
    if (size > NAME_SIZE_MAX) return VEL_OK;
    uint64_t hash = xxh3_64(name, size, n->seed);
    *number = find_hashed(n, name, size, hash);
    if (*number || names_count(n) == NAMES_MAX) return VEL_OK;
    vel_status status = VEL_OK;
    pthread_mutex_lock(&n->lock);
    *number = find_hashed(n, name, size, hash);
    if (!*number && n->count < NAMES_MAX) {
        status = append(n, name, size, hash);
        if (status == VEL_OK) *number = n->count;
    }
    pthread_mutex_unlock(&n->lock);
    return status;
}

vel_status names_write(const vel_names *n, uint32_t first, uint32_t count, vel_buffer *out) {
    size_t size = 8;
    for (uint32_t i = 0; i < count; i++) size += 1 + names_entry(n, first + i)->size;
    if (buffer_reserve(out, size) != VEL_OK) return VEL_E_NOMEM;
    uint8_t *p = out->data + out->size;
    store_u32(p, first);
    store_u32(p + 4, count);
    p += 8;
    for (uint32_t i = 0; i < count; i++) {
        const vel_name *name = names_entry(n, first + i);
        *p++ = (uint8_t)name->size;
        memcpy(p, name->bytes, name->size);
        p += name->size;
    }
    out->size += size;
    return VEL_OK;
}

/* Requires: lock. */
static vel_status read_name(vel_names *n, uint32_t number, const uint8_t *name, size_t size) {
    if (number <= n->count) {
        const vel_name *known = names_entry(n, number);
        bool same = known->size == size && memcmp(known->bytes, name, size) == 0;
        return same ? VEL_OK : VEL_E_CORRUPT;
    }
    uint64_t hash = xxh3_64(name, size, n->seed);
    if (number != n->count + 1 || number > NAMES_MAX || !utf8_valid(name, size) ||
        find_hashed(n, name, size, hash))
        return VEL_E_CORRUPT;
    return append(n, name, size, hash);
}

vel_status names_read(vel_names *n, const uint8_t *payload, size_t size) {
    if (size < 8) return VEL_E_CORRUPT;
    uint32_t first = load_u32(payload), count = load_u32(payload + 4);
    const uint8_t *p = payload + 8, *end = payload + size;
    if (!first || first > NAMES_MAX || count > NAMES_MAX) return VEL_E_CORRUPT;
    vel_status status = VEL_OK;
    pthread_mutex_lock(&n->lock);
    for (uint32_t i = 0; i < count && status == VEL_OK; i++) {
        if (p == end || end - p - 1 < *p) status = VEL_E_CORRUPT;
        else status = read_name(n, first + i, p + 1, *p);
        if (status == VEL_OK) p += 1 + *p;
    }
    pthread_mutex_unlock(&n->lock);
    /* In an operation the payload is padded to a multiple of 8. */
    return status == VEL_OK && end - p >= 8 ? VEL_E_CORRUPT : status;
}
