/* column.c: see column.h. */
#include "column.h"

#include <sys/mman.h>

#include "value_parts.h"

#define ROWS_AHEAD 24              /* records being fetched ahead of the one that is read */
#define HUGE_BYTES ((size_t)4 << 20)       /* from here on huge pages, as numpy does */
#define HUGE_PAGE ((uintptr_t)2 << 20)
#define CHARACTER_MAX 0x10FFFFu
#define CHARACTER_REPLACED 0xFFFDu         /* stands for one that is none, in damage */

/* --- building ------------------------------------------------------------------------------- */

static void column_close(vel_column *c) {
    path_free(&c->path);
    buffer_free(&c->types);
    buffer_free(&c->values);
    buffer_free(&c->text);
}

void columns_close(vel_columns *x) {
    for (uint32_t i = 0; i < x->count; i++) column_close(&x->columns[i]);
    free(x->columns);
    free(x->places);
    free(x->others);
    memset(x, 0, sizeof *x);
}

/* A first touch of fresh memory costs more than filling it; huge pages make it rare. A help
 * only. */
static void ask_huge_pages(const vel_buffer *b) {
#ifdef MADV_HUGEPAGE
    uintptr_t from = ((uintptr_t)b->data + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    uintptr_t to = ((uintptr_t)b->data + b->capacity) & ~(HUGE_PAGE - 1);
    if (b->capacity >= HUGE_BYTES && to > from) madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)b;
#endif
}

static vel_status make_room(vel_buffer *b, size_t more) {
    if (b->capacity - b->size >= more) return VEL_OK;
    vel_status status = buffer_grow(b, more);
    if (!status) ask_huge_pages(b);
    return status;
}

/* Room for a column's rows up to x->room; those of the slice are not found yet. */
static vel_status column_begin(const vel_columns *x, vel_column *c) {
    size_t rows = x->room - c->types.size;
    if (!c->values.size) {
        if (x->expected > rows) rows = x->expected;
        vel_status status = make_room(&c->values, (rows + 1) * sizeof(int64_t));
        if (status) return status;
        store_i64(c->values.data, 0);
        c->values.size = sizeof(int64_t);
    }
    vel_status status = make_room(&c->types, rows);
    if (!status) status = make_room(&c->values, rows * sizeof(int64_t));
    if (status) return status;
    if (x->room > c->types.size)
        memset(c->types.data + c->types.size, 0, x->room - c->types.size);
    return VEL_OK;
}

/* A column that is met in the middle: nulls until here. */
static vel_status column_begin_late(const vel_columns *x, vel_column *c) {
    vel_status status = column_begin(x, c);
    if (status) return status;
    if (x->from) {
        memset(c->types.data, COLUMN_NULL, x->from);
        c->met |= COLUMN_NULL;
    }
    memset(c->values.data, 0, (x->from + 1) * sizeof(int64_t));
    c->types.size = x->from;
    c->values.size = (x->from + 1) * sizeof(int64_t);
    return VEL_OK;
}

static vel_status columns_grow(vel_columns *x) {
    if (x->count < x->capacity) return VEL_OK;
    uint32_t capacity = x->capacity ? 2 * x->capacity : 16;
    vel_column *columns = realloc(x->columns, capacity * sizeof *columns);
    if (columns) x->columns = columns;
    uint32_t *others = realloc(x->others, capacity * sizeof *others);
    if (others) x->others = others;
    if (!columns || !others) return VEL_E_NOMEM;
    x->capacity = capacity;
    return VEL_OK;
}

vel_status columns_open(vel_columns *x, const uint8_t *dotted, size_t size) {
    vel_status status = columns_grow(x);
    if (status) return status;
    vel_column *c = &x->columns[x->count++];
    memset(c, 0, sizeof *c);
    return size ? path_compile(&c->path, dotted, size) : VEL_OK;
}

/* --- slices --------------------------------------------------------------------------------- */

static vel_status grow_places(vel_columns *x, uint32_t names) {
    if (x->place_count > names) return VEL_OK;
    uint32_t *places = realloc(x->places, (names + 1) * sizeof *places);
    if (!places) return VEL_E_NOMEM;
    memset(places + x->place_count, 0, (names + 1 - x->place_count) * sizeof *places);
    x->places = places;
    x->place_count = names + 1;
    return VEL_OK;
}

static void map_column(vel_columns *x, uint32_t index, uint32_t number) {
    x->columns[index].number = number;
    x->places[number] = index + 1;
    x->mapped++;
}

vel_status columns_begin(vel_columns *x, const vel_names *names, size_t rows) {
    vel_status status = grow_places(x, names_count(names));
    x->room = x->from + rows;
    x->other_count = 0;
    for (uint32_t i = 0; i < x->count && !status; i++) {
        vel_column *c = &x->columns[i];
        if (!c->number) {
            if (c->path.parts) path_resolve(&c->path, names);
            uint32_t number = c->path.count == 1 ? c->path.parts[0].number : 0;
            bool unmapped = number && number < x->place_count && !x->places[number];
            if (unmapped) map_column(x, i, number);
            else x->others[x->other_count++] = i;
        }
        status = column_begin(x, c);
    }
    return status;
}

/* Types of the rows, or'ed; whether some have none yet. */
static uint32_t types_met(const uint8_t *types, size_t count, bool *missing) {
    uint8_t met = 0, none = 0;
    for (size_t i = 0; i < count; i++) {
        met |= types[i];
        none |= !types[i];
    }
    *missing = none;
    return met;
}

void columns_end(vel_columns *x) {
    for (uint32_t i = 0; i < x->count; i++) {
        vel_column *c = &x->columns[i];
        bool missing;
        c->met |= types_met(c->types.data + x->from, x->rows - x->from, &missing);
        if (missing) {
            int64_t *values = (int64_t *)(void *)c->values.data;
            c->met |= COLUMN_NULL;
            for (size_t row = x->from; row < x->rows; row++) {
                if (c->types.data[row]) continue;
                c->types.data[row] = COLUMN_NULL;
                values[row + 1] = values[row];  /* among strings: it ends where it begins */
            }
        }
        c->types.size = x->rows;
        c->values.size = (x->rows + 1) * sizeof(int64_t);
    }
    x->from = x->rows;
}

/* --- one row -------------------------------------------------------------------------------- */

static uint32_t count_characters(const uint8_t *text, size_t size) {
    uint32_t count = 0;
    for (size_t i = 0; i < size; i++) count += (text[i] & 0xC0) != 0x80;
    return count;
}

VEL_INLINE void set_row(vel_column *c, size_t row, uint8_t type, int64_t value) {
    c->types.data[row] = type;
    store_i64(c->values.data + sizeof value * (row + 1), value);
}

static vel_status set_text(vel_column *c, size_t row, uint8_t type, const uint8_t *text,
                           size_t size) {
    vel_status status = buffer_reserve(&c->text, size);
    if (status) return status;
    if (size) memcpy(c->text.data + c->text.size, text, size);
    c->text.size += size;
    set_row(c, row, type, (int64_t)c->text.size);
    return VEL_OK;
}

static vel_status set_string(vel_column *c, size_t row, const uint8_t *text, size_t size) {
    if (size > c->longest) {
        uint32_t characters = count_characters(text, size);
        if (characters > c->longest) c->longest = characters;
    }
    if (vel_unlikely(size && !text[size - 1])) c->longest = COLUMN_LONGEST;
    return set_text(c, row, COLUMN_STRING, text, size);
}

static vel_status set_other(vel_column *c, size_t row, const uint8_t *value, const uint8_t *end) {
    value_parts parts = parts_read(value);
    int64_t bits;
    switch (parts.kind) {
    case KIND_NULL: return VEL_OK;  /* as if it was not there */
    case KIND_BOOL: set_row(c, row, COLUMN_BOOL, parts.number); return VEL_OK;
    case KIND_INT: set_row(c, row, COLUMN_INT, parts.number); return VEL_OK;
    case KIND_TIME: set_row(c, row, COLUMN_TIME, parts.number); return VEL_OK;
    case KIND_FLOAT:
        memcpy(&bits, &parts.real, sizeof bits);
        set_row(c, row, COLUMN_FLOAT, bits);
        return VEL_OK;
    case KIND_STRING: return set_string(c, row, parts.data, parts.size);
    case KIND_BYTES: return set_text(c, row, COLUMN_BYTES, parts.data, parts.size);
    default: return set_text(c, row, COLUMN_OTHER, value, (size_t)(end - value));
    }
}

VEL_INLINE vel_status set_value(vel_column *c, size_t row, const uint8_t *value,
                                const uint8_t *end) {
    if (vel_unlikely(*value < TAG_FIXINT)) return set_other(c, row, value, end);
    set_row(c, row, COLUMN_INT, *value - FIXINT_ZERO);
    return VEL_OK;
}

typedef struct { const uint8_t *value, *end; } found_value;

/* Stops at the first value that positions alone lead to. */
static bool take_at_position(void *context, const uint8_t *value, const uint8_t *end,
                             unsigned flags) {
    if (flags & PATH_THROUGH_LIST) return false;
    *(found_value *)context = (found_value){value, end};
    return true;
}

/* A column that no number leads to: ids, longer paths, names that stand in the documents. Through
 * the elements of a list a path leads to many values, which are no row. */
static vel_status set_along_path(vel_column *c, size_t row, const uint8_t *id, const uint8_t *body,
                                 const uint8_t *end) {
    bool list;
    found_value found;
    size_t size = (size_t)(end - body);
    if (!c->path.parts) return set_string(c, row, id, (size_t)(body - id));
    found.value = path_find(&c->path, body, size, &found.end, &list);
    if (list) path_visit(&c->path, body, size, take_at_position, &found);
    return found.value ? set_value(c, row, found.value, found.end) : VEL_OK;
}

/* As path_compile, but of one name, which may have dots in it. */
static vel_status path_of_name(vel_path *p, const uint8_t *name, uint32_t size) {
    *p = (vel_path){.count = 1, .text_size = size};
    p->text = malloc(size + 1u);
    p->parts = calloc(1, sizeof *p->parts);
    if (!p->text || !p->parts) return VEL_E_NOMEM;
    memcpy(p->text, name, size);
    p->parts[0] = (path_part){.name = p->text, .size = size, .position = PATH_NO_POSITION};
    return VEL_OK;
}

static bool is_known(const vel_columns *x, const vel_field *field) {
    for (uint32_t i = 0; i < x->other_count && !field->number; i++) {
        const vel_path *path = &x->columns[x->others[i]].path;
        if (path->parts &&
            !bytes_order(path->text, path->text_size, field->name, field->name_size))
            return true;
    }
    return false;
}

/* Make a column for the top-level field at `at` that none is mapped to, unless its name stands in
 * the documents and was met before. */
static vel_status meet_field(vel_columns *x, const uint8_t *at, const uint8_t *end) {
    vel_field field;
    if (!field_read(at, end, &field) || is_known(x, &field)) return VEL_OK;
    if (x->count == COLUMNS_MAX) return VEL_E_TOO_LARGE;
    vel_status status = columns_grow(x);
    if (status) return status;
    vel_column *c = &x->columns[x->count++];
    memset(c, 0, sizeof *c);
    if (field.number) {
        map_column(x, x->count - 1, field.number);
    } else {
        status = path_of_name(&c->path, field.name, field.name_size);
        x->others[x->other_count++] = x->count - 1;
    }
    return status ? status : column_begin_late(x, c);
}

/* As field_read, with nothing in memory for the usual field, whose number is one byte. */
VEL_INLINE const uint8_t *read_field(const uint8_t *at, const uint8_t *end, uint32_t *number,
                                     const uint8_t **value) {
    if (vel_likely(at < end && (uint8_t)(*at - 1) < 0x7F)) {
        *number = *at;
        *value = at + 1;
        return value_skip(at + 1, end);
    }
    vel_field field;
    at = field_read_other(at, end, &field);
    *number = field.number;
    *value = field.value;
    return at;
}

VEL_INLINE vel_status add_row(vel_columns *x, const uint8_t *record) {
    const uint8_t *id = record_id(record), *body = id + record_id_size(record),
                  *end = record + record_size(record);
    uint32_t fields, left = x->all ? UINT32_MAX : x->mapped;
    size_t row = x->rows;
    vel_status status = VEL_OK;
    const uint8_t *at = varint_read(body, end, &fields);
    for (; at && fields && left; fields--) {
        uint32_t number;
        const uint8_t *field = at, *value;
        at = read_field(field, end, &number, &value);
        if (vel_unlikely(!at)) break;
        if (vel_unlikely(number >= x->place_count)) continue;  /* damage: a name that is none */
        uint32_t place = x->places[number];
        if (!place && x->all) {
            status = meet_field(x, field, end);
            if (status) return status;
            place = x->places[number];
        }
        if (!place) continue;
        status = set_value(&x->columns[place - 1], row, value, at);
        if (status) return status;
        left--;
    }
    for (uint32_t i = 0; i < x->other_count && !status; i++)
        status = set_along_path(&x->columns[x->others[i]], row, id, body, end);
    x->rows++;
    return status;
}

vel_status columns_add(vel_columns *x, const uint8_t *const *records, size_t count) {
    vel_status status = VEL_OK;
    for (size_t i = 0; i < count && !status; i++) {
        if (i + ROWS_AHEAD < count) {
            __builtin_prefetch(records[i + ROWS_AHEAD]);
            __builtin_prefetch(records[i + ROWS_AHEAD] + 64);
        }
        int64_t expiry = record_expiry(records[i]);
        if (vel_unlikely(expiry) && expiry <= x->now) continue;
        status = add_row(x, records[i]);
    }
    return status;
}

/* --- strings -------------------------------------------------------------------------------- */

static const uint8_t *read_character(const uint8_t *p, const uint8_t *end, uint32_t *out) {
    uint32_t first = *p++;
    *out = first;
    if (first < 0x80) return p;
    int more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    *out = first & (0x3Fu >> more);
    for (; more && p < end; more--) *out = *out << 6 | (*p++ & 0x3F);
    if (vel_unlikely(*out > CHARACTER_MAX)) *out = CHARACTER_REPLACED;
    return p;
}

void column_characters(const vel_column *c, uint32_t width, uint32_t *to) {
    int64_t at = 0;
    memset(to, 0, c->types.size * (size_t)width * sizeof *to);
    if (!c->text.size) return;
    for (size_t i = 0; i < c->types.size; i++, to += width) {
        if (c->types.data[i] != COLUMN_STRING) continue;
        int64_t stop = load_i64(c->values.data + sizeof stop * (i + 1));
        const uint8_t *p = c->text.data + at, *end = c->text.data + stop;
        for (uint32_t *next = to; p < end && next < to + width; next++)
            p = read_character(p, end, next);
        at = stop;
    }
}
