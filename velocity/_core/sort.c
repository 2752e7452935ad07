/* sort.c: see sort.h. */
#include "sort.h"

#include "record.h"
#include "value_key.h"
#include "value_parts.h"

#define KEPT_SPARE 1024u  /* records beyond those wanted before some are dropped */

void sort_open(vel_sort *s, const vel_names *names, uint64_t wanted) {
    memset(s, 0, sizeof *s);
    s->names = names;
    s->wanted = wanted;
}

void sort_close(vel_sort *s) {
    for (uint32_t i = 0; i < s->field_count; i++) path_free(&s->fields[i].path);
    s->field_count = 0;
    buffer_free(&s->records);
    buffer_free(&s->keys);
    buffer_free(&s->entries);
}

vel_status sort_by(vel_sort *s, const uint8_t *dotted, size_t size, bool descending) {
    if (s->field_count == SORT_FIELDS_MAX) return VEL_E_INVALID;
    sort_field *field = &s->fields[s->field_count];
    vel_status status = path_compile(&field->path, dotted, size);
    if (status) {
        path_free(&field->path);
        return status;
    }
    field->descending = descending;
    field->id = size == 3 && memcmp(dotted, "_id", 3) == 0;
    s->field_count++;
    return VEL_OK;
}

/* --- keys ----------------------------------------------------------------------------------- */

typedef struct {
    vel_sort *s;
    bool descending, any;
    size_t at, size;           /* the best key so far, at the end of s->keys */
    vel_status status;
} chooser;

static void choose(chooser *c, const uint8_t *value, const uint8_t *end) {
    vel_buffer *keys = &c->s->keys;
    size_t start = keys->size;
    c->status = value_key(value, end, c->s->names, SIZE_MAX, keys);
    if (c->status) return;
    size_t size = keys->size - start;
    if (c->any) {
        int order = bytes_order(keys->data + start, size, keys->data + c->at, c->size);
        if (c->descending ? order > 0 : order < 0) {
            memmove(keys->data + c->at, keys->data + start, size);
            c->size = size;
        }
        keys->size = c->at + c->size;
        return;
    }
    c->any = true;
    c->at = start;
    c->size = size;
}

static bool visit(void *context, const uint8_t *value, const uint8_t *end, unsigned flags) {
    chooser *c = context;
    (void)flags;
    value_parts list = {0};
    uint32_t count = 0;
    const uint8_t *element = NULL, *next, *stop;
    if (value && (list = parts_read(value)).kind == KIND_LIST)
        element = varint_read(list.data, list.data + list.size, &count);
    if (!element || !count) {
        choose(c, value, end);
        return c->status != VEL_OK;
    }
    stop = list.data + list.size;
    for (; count && !c->status && (next = value_skip(element, stop)); count--, element = next)
        choose(c, element, next);
    return c->status != VEL_OK;
}

static vel_status add_key(vel_sort *s, const vel_record *r) {
    for (uint32_t i = 0; i < s->field_count; i++) {
        sort_field *field = &s->fields[i];
        size_t at = s->keys.size;
        chooser c = {s, field->descending, false, at, 0, VEL_OK};
        if (field->id) {
            c.status = value_key_text(KEY_STRING, r->id, r->id_size, SIZE_MAX, &s->keys);
        } else {
            path_resolve(&field->path, s->names);
            path_visit(&field->path, r->body, r->body_size, visit, &c);
            if (!c.status && !c.any) choose(&c, NULL, NULL);
        }
        if (c.status) return c.status;
        if (field->descending) value_key_invert(s->keys.data + at, s->keys.size - at);
    }
    return VEL_OK;
}

/* --- order ---------------------------------------------------------------------------------- */

typedef struct { const uint8_t *key; sort_entry entry; } placed;

static int compare_placed(const void *a, const void *b) {
    const placed *x = a, *y = b;
    int order = bytes_order(x->key, x->entry.key_size, y->key, y->entry.key_size);
    return order ? order : (x->entry.order > y->entry.order) - (x->entry.order < y->entry.order);
}

vel_status sort_end(vel_sort *s) {
    uint64_t count = sort_count(s), kept = count < s->wanted ? count : s->wanted;
    sort_entry *entries = (sort_entry *)(void *)s->entries.data;
    placed *all = malloc((count + 1) * sizeof *all);
    if (!all) return VEL_E_NOMEM;
    for (uint64_t i = 0; i < count; i++)
        all[i] = (placed){s->keys.data + entries[i].key, entries[i]};
    qsort(all, count, sizeof *all, compare_placed);
    vel_status status = VEL_OK;
    if (kept == count) {
        for (uint64_t i = 0; i < count; i++) entries[i] = all[i].entry;
    } else {
        vel_buffer records = {0}, keys = {0};
        for (uint64_t i = 0; i < kept && !status; i++) {
            const uint8_t *record = s->records.data + all[i].entry.record;
            entries[i] = all[i].entry;
            entries[i].record = records.size;
            entries[i].key = keys.size;
            status = record_append(&records, record);
            if (!status) status = buffer_reserve(&keys, all[i].entry.key_size);
            if (status) break;
            memcpy(keys.data + keys.size, all[i].key, all[i].entry.key_size);
            keys.size += all[i].entry.key_size;
        }
        if (!status) {
            buffer_free(&s->records);
            buffer_free(&s->keys);
            s->records = records;
            s->keys = keys;
            s->entries.size = kept * sizeof *entries;
        } else {
            buffer_free(&records);
            buffer_free(&keys);
        }
    }
    free(all);
    return status;
}

vel_status sort_add(vel_sort *s, const uint8_t *record, vel_error *error) {
    size_t key = s->keys.size, at = s->records.size;
    vel_record r;
    record_read(record, &r);
    vel_status status = buffer_reserve(&s->entries, sizeof(sort_entry));
    if (!status) status = add_key(s, &r);
    if (!status) status = record_append(&s->records, record);
    if (status) {
        s->keys.size = key;
        return status == VEL_E_CORRUPT ? body_unreadable(error) : status;
    }
    sort_entry entry = {key, at, s->given++, (uint32_t)(s->keys.size - key)};
    memcpy(s->entries.data + s->entries.size, &entry, sizeof entry);
    s->entries.size += sizeof entry;
    uint64_t count = sort_count(s);
    if (s->wanted < UINT64_MAX / 4 && count >= 2 * s->wanted + KEPT_SPARE) return sort_end(s);
    return VEL_OK;
}

vel_status sort_records(vel_sort *s, vel_buffer *records, vel_error *error) {
    vel_status status = VEL_OK;
    for (size_t at = 0; at < records->size && !status;) {
        const uint8_t *record = records->data + at;
        status = sort_add(s, record, error);
        at += vel_align8(record_size(record));
    }
    records->size = 0;
    return status;
}
