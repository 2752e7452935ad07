/* group.c: see group.h. */
#include "group.h"

#include <math.h>

#include "value_key.h"
#include "value_order.h"
#include "value_write.h"
#include "xxh3.h"

#define GROUP_CAPACITY_MIN 64u
#define GROUP_KEY_OTHER 0x00    /* before the order key of a list or object inside a key */

vel_status group_open(vel_group *g, const vel_names *names, uint32_t path_count,
                      uint32_t key_count, bool compound, uint32_t field_count) {
    *g = (vel_group){.names = names, .names_seen = UINT32_MAX};
    if (path_count > GROUP_PATHS_MAX || field_count > GROUP_FIELDS_MAX) return VEL_E_TOO_LARGE;
    g->paths = calloc(path_count + 1, sizeof *g->paths);
    g->fields = calloc(field_count + 1, sizeof *g->fields);
    g->slots = calloc(2 * GROUP_CAPACITY_MIN, sizeof *g->slots);
    if (!g->paths || !g->fields || !g->slots) return VEL_E_NOMEM;
    g->path_count = path_count;
    g->key_count = key_count;
    g->compound = compound;
    g->field_count = field_count;
    g->slot_mask = 2 * GROUP_CAPACITY_MIN - 1;
    return VEL_OK;
}

void group_close(vel_group *g) {
    for (uint32_t i = 0; i < g->path_count; i++) path_free(&g->paths[i]);
    free(g->paths);
    free(g->fields);
    free(g->groups);
    free(g->states);
    free(g->slots);
    buffer_free(&g->key);
    buffer_free(&g->bytes);
    *g = (vel_group){0};
}

/* --- finding the values --------------------------------------------------------------------- */

static void resolve(vel_group *g) {
    g->names_seen = names_findable(g->names);
    memset(g->direct, 0, sizeof g->direct);
    g->direct_count = 0;
    for (uint32_t i = 0; i < g->path_count; i++) {
        vel_path *p = &g->paths[i];
        path_resolve(p, g->names);
        uint32_t number = p->count == 1 ? atomic_get_relaxed(&p->parts[0].number) : 0;
        if (!number || number >= GROUP_DIRECT_MAX || g->direct[number]) continue;
        g->direct[number] = (uint8_t)(i + 1);
        g->direct_count++;
    }
}

static bool is_direct(const vel_group *g, uint32_t i) {
    const vel_path *p = &g->paths[i];
    uint32_t number = p->count == 1 ? atomic_get_relaxed(&p->parts[0].number) : 0;
    return number && number < GROUP_DIRECT_MAX && g->direct[number] == i + 1;
}

/* Fill g->found. Returns false when a list is on the way. */
static bool find_values(vel_group *g, const uint8_t *body, size_t size) {
    memset(g->found, 0, g->path_count * sizeof *g->found);
    vel_fields it;
    vel_field f;
    uint32_t left = g->direct_count;
    if (left && fields_begin(&it, body, size) == VEL_OK) {
        while (left && fields_next(&it, &f) == VEL_OK) {
            uint32_t path = f.number < GROUP_DIRECT_MAX ? g->direct[f.number] : 0;
            if (!path) continue;
            g->found[path - 1] = (group_value){f.value, f.next};
            left--;
        }
    }
    if (g->direct_count == g->path_count) return true;
    for (uint32_t i = 0; i < g->path_count; i++) {
        bool list;
        if (is_direct(g, i)) continue;
        group_value *found = &g->found[i];
        found->at = path_find(&g->paths[i], body, size, &found->end, &list);
        if (list) return false;
    }
    return true;
}

/* --- keys ----------------------------------------------------------------------------------- */

static vel_status append(vel_buffer *out, const void *bytes, size_t size) {
    vel_status status = buffer_reserve(out, size);
    if (status) return status;
    if (size) memcpy(out->data + out->size, bytes, size);
    out->size += size;
    return VEL_OK;
}

/* Append one part of a key so that equal values, and only they, give equal bytes, and no part is
 * the beginning of another. */
static vel_status append_part(const vel_group *g, group_value v, vel_buffer *out) {
    uint8_t room[9], *end = room;
    switch (*v.at) {
    case TAG_F64: {
        double d = load_f64(v.at + 1);
        if (d >= -9223372036854775808.0 && d < 9223372036854775808.0 && d == (double)(int64_t)d)
            end = int_write(room, (int64_t)d);
        else {
            room[0] = TAG_F64;
            store_f64(room + 1, d == d ? d : (double)NAN);
            end = room + 9;
        }
        return append(out, room, (size_t)(end - room));
    }
    case TAG_TIME_TZ:
        room[0] = TAG_TIME;
        memcpy(room + 1, v.at + 1, 8);
        return append(out, room, 9);
    case TAG_LIST8: case TAG_LIST32: case TAG_OBJECT8: case TAG_OBJECT32:
        room[0] = GROUP_KEY_OTHER;
        if (append(out, room, 1)) return VEL_E_NOMEM;
        return value_key(v.at, v.end, g->names, SIZE_MAX, out);
    default:
        return append(out, v.at, (size_t)(v.end - v.at));
    }
}

static bool is_plain(const uint8_t *value) {
    uint8_t tag = *value;
    return tag >= TAG_SHORT || (tag != TAG_F64 && tag != TAG_TIME_TZ && tag < TAG_LIST8);
}

static const uint8_t null_value[1] = {TAG_NULL};
static const uint8_t missing_value[1] = {GROUP_MISSING};

/* The key of the document at hand, in the body itself when that will do, else in g->key; and the
 * id, which is kept when the group is new. */
static vel_status make_key(vel_group *g, group_value *key, group_value *id) {
    if (g->key_count == 0) {
        *key = *id = (group_value){null_value, null_value + 1};
        return VEL_OK;
    }
    g->key.size = 0;
    if (!g->compound) {
        *id = g->found[0].at ? g->found[0] : (group_value){null_value, null_value + 1};
        *key = *id;
        if (vel_likely(is_plain(id->at))) return VEL_OK;
        vel_status status = append_part(g, *id, &g->key);
        *key = (group_value){g->key.data, g->key.data + g->key.size};
        return status;
    }
    for (uint32_t i = 0; i < g->key_count; i++) {
        group_value part = g->found[i];
        if (!part.at) part = (group_value){missing_value, missing_value + 1};
        vel_status status = append_part(g, part, &g->key);
        if (status) return status;
    }
    *key = (group_value){g->key.data, g->key.data + g->key.size};
    *id = (group_value){NULL, NULL};
    return VEL_OK;
}

/* --- groups --------------------------------------------------------------------------------- */

static vel_status grow(vel_group *g) {
    if (g->group_capacity > UINT32_MAX / 4) return VEL_E_TOO_LARGE;
    uint32_t capacity = g->group_capacity ? 2 * g->group_capacity : GROUP_CAPACITY_MIN;
    group_entry *groups = realloc(g->groups, capacity * sizeof *groups);
    if (!groups) return VEL_E_NOMEM;
    g->groups = groups;
    size_t fields = g->field_count ? g->field_count : 1;
    group_state *states = realloc(g->states, capacity * fields * sizeof *states);
    if (!states) return VEL_E_NOMEM;
    g->states = states;
    if (2 * capacity > g->slot_mask + 1) {
        uint32_t *slots = calloc(2 * (size_t)capacity, sizeof *slots);
        if (!slots) return VEL_E_NOMEM;
        free(g->slots);
        g->slots = slots;
        g->slot_mask = 2 * capacity - 1;
        for (uint32_t i = 0; i < g->group_count; i++) {
            uint32_t at = (uint32_t)g->groups[i].hash & g->slot_mask;
            while (slots[at]) at = (at + 1) & g->slot_mask;
            slots[at] = i + 1;
        }
    }
    g->group_capacity = capacity;
    return VEL_OK;
}

/* Append the id of the document at hand: for a compound key the values of its parts. */
static vel_status append_id(vel_group *g, group_value id) {
    if (id.at) return append(&g->bytes, id.at, (size_t)(id.end - id.at));
    for (uint32_t i = 0; i < g->key_count; i++) {
        group_value part = g->found[i];
        if (!part.at) part = (group_value){missing_value, missing_value + 1};
        if (append(&g->bytes, part.at, (size_t)(part.end - part.at))) return VEL_E_NOMEM;
    }
    return VEL_OK;
}

static vel_status insert_group(vel_group *g, uint64_t hash, group_value key, group_value id) {
    vel_status status = g->group_count == g->group_capacity ? grow(g) : VEL_OK;
    if (status) return status;
    size_t key_size = (size_t)(key.end - key.at), at = g->bytes.size;
    group_entry entry = {.hash = hash, .key = at, .id = at, .key_size = (uint32_t)key_size};
    if (key_size > UINT32_MAX) return VEL_E_TOO_LARGE;
    status = append(&g->bytes, key.at, key_size);
    if (!status && id.at != key.at) {
        entry.id = g->bytes.size;
        status = append_id(g, id);
    }
    if (status) return status;
    entry.id_size = (uint32_t)(g->bytes.size - entry.id);
    memset(g->states + (size_t)g->group_count * g->field_count, 0,
           g->field_count * sizeof *g->states);
    g->groups[g->group_count] = entry;
    uint32_t slot = (uint32_t)hash & g->slot_mask;
    while (g->slots[slot]) slot = (slot + 1) & g->slot_mask;
    g->slots[slot] = ++g->group_count;
    return VEL_OK;
}

/* The group of a key, made when there is none. */
static vel_status find_group(vel_group *g, uint64_t hash, group_value key, group_value id,
                             group_state **states) {
    size_t size = (size_t)(key.end - key.at);
    for (uint32_t at = (uint32_t)hash & g->slot_mask; g->slots[at]; at = (at + 1) & g->slot_mask) {
        const group_entry *entry = &g->groups[g->slots[at] - 1];
        if (entry->hash != hash || entry->key_size != size ||
            memcmp(g->bytes.data + entry->key, key.at, size) != 0)
            continue;
        *states = group_states(g, g->slots[at] - 1);
        return VEL_OK;
    }
    vel_status status = insert_group(g, hash, key, id);
    if (!status) *states = group_states(g, g->group_count - 1);
    return status;
}

/* --- accumulators --------------------------------------------------------------------------- */

/* high + error becomes the sum with v, as if exact. */
static void add_finite(double *high, double *error, double v) {
    double sum = *high + v, shadow = sum - *high;
    *error += (*high - (sum - shadow)) + (v - shadow);
    *high = sum;
}

/* A whole sum as a double, of finite and other numbers. */
static double total_of(const group_state *s) {
    if (s->total.special != 0.0) return s->total.special;  /* also when it is NaN */
    double high = s->total.high, error = s->total.error;
    double ints = (double)s->total.ints;
    add_finite(&high, &error, ints);
    add_finite(&high, &error, (double)(s->total.ints - (__int128)ints));
    return isfinite(high) ? high + error : high;
}

static void add_number(group_state *s, const uint8_t *value) {
    value_parts v = parts_read(value);
    if (vel_likely(v.kind == KIND_INT)) {
        s->total.ints += v.number;
        s->total.count++;
    } else if (v.kind == KIND_FLOAT) {
        s->total.count++;
        s->total.floats++;
        if (isfinite(v.real)) add_finite(&s->total.high, &s->total.error, v.real);
        else s->total.special += v.real;
    }
}

/* Keep a value when it comes before (MIN) or after (MAX) the one kept. */
static vel_status add_best(vel_group *g, group_state *s, group_op op, group_value v) {
    if (*v.at == TAG_NULL) return VEL_OK;
    size_t size = (size_t)(v.end - v.at);
    if (s->best.size) {
        const uint8_t *kept = g->bytes.data + s->best.at;
        int order = value_order(g->names, v.at, v.end, kept, kept + s->best.size);
        if (op == GROUP_MIN ? order >= 0 : order <= 0) return VEL_OK;
    }
    if (size > s->best.room) {
        size_t room = size + size / 2;  /* so that ever longer values leave little behind */
        if (room > UINT32_MAX) room = size;
        if (buffer_reserve(&g->bytes, room)) return VEL_E_NOMEM;
        s->best.at = g->bytes.size;
        s->best.room = (uint32_t)room;
        g->bytes.size += room;
    }
    memcpy(g->bytes.data + s->best.at, v.at, size);
    s->best.size = (uint32_t)size;
    return VEL_OK;
}

static vel_status accumulate(vel_group *g, group_state *states) {
    for (uint32_t i = 0; i < g->field_count; i++) {
        const group_field *f = &g->fields[i];
        if (f->op == GROUP_COUNT) {
            states[i].count++;
            continue;
        }
        group_value v = f->path ? g->found[f->path - 1]
                                : (group_value){f->constant, f->constant + f->constant_size};
        if (!v.at) continue;
        if (f->op == GROUP_SUM || f->op == GROUP_AVERAGE) add_number(&states[i], v.at);
        else if (add_best(g, &states[i], f->op, v)) return VEL_E_NOMEM;
    }
    return VEL_OK;
}

vel_status group_add(vel_group *g, const uint8_t *body, size_t size) {
    if (vel_unlikely(g->names_seen != names_count(g->names))) resolve(g);
    if (vel_unlikely(!find_values(g, body, size))) return VEL_MISMATCH;
    group_value key, id;
    group_state *states;
    vel_status status = make_key(g, &key, &id);
    if (status) return status;
    status = find_group(g, xxh3_64(key.at, (size_t)(key.end - key.at), 0), key, id, &states);
    return status ? status : accumulate(g, states);
}

void group_result_read(const vel_group *g, uint32_t group, uint32_t field, group_result *out) {
    const group_state *s = &group_states(g, group)[field];
    *out = (group_result){.kind = RESULT_NULL};
    switch (g->fields[field].op) {
    case GROUP_COUNT:
        out->kind = RESULT_INT;
        out->integer = (int64_t)s->count;
        break;
    case GROUP_SUM:
        out->integer = (int64_t)s->total.ints;
        out->kind = s->total.floats || out->integer != s->total.ints ? RESULT_FLOAT : RESULT_INT;
        if (out->kind == RESULT_FLOAT) out->real = total_of(s);
        break;
    case GROUP_AVERAGE:
        if (!s->total.count) break;
        out->kind = RESULT_FLOAT;
        out->real = total_of(s) / (double)s->total.count;
        break;
    case GROUP_MIN: case GROUP_MAX:
        if (!s->best.size) break;
        out->kind = RESULT_VALUE;
        out->value.at = g->bytes.data + s->best.at;
        out->value.end = out->value.at + s->best.size;
    }
}
