/* value_merge.c: body_merge, the update of a document without decoding it. See value.h. */
#include "value_lookup.h"

typedef struct {
    vel_lookup changes;
    uint8_t *used;                    /* a bit per field of changes: it replaced one of base */
    uint8_t used_few[LOOKUP_SCAN_MAX / 8];
    uint32_t replaced;                /* how many */
    vel_buffer *out;                  /* has room for everything: sizes only add up */
} merge;

static void emit(merge *m, const uint8_t *from, const uint8_t *to) {
    memcpy(m->out->data + m->out->size, from, (size_t)(to - from));
    m->out->size += (size_t)(to - from);
}

/* Base in its order, each field from changes where it is there. Runs of kept fields go as one. */
static vel_status merge_base(merge *m, const uint8_t *base, size_t size) {
    vel_fields it;
    vel_field f, change;
    if (fields_begin(&it, base, size) != VEL_OK) return VEL_E_CORRUPT;
    const uint8_t *kept = it.at;
    for (;;) {
        vel_status status = fields_next(&it, &f);
        if (status == VEL_END) break;
        if (status != VEL_OK) return status;
        int64_t position = lookup_find(&m->changes, &f, &change);
        if (position < 0) continue;
        uint8_t bit = (uint8_t)(1 << (position & 7));
        if (m->used[position >> 3] & bit) return VEL_E_CORRUPT;  /* base has a name twice */
        m->used[position >> 3] |= bit;
        m->replaced++;
        emit(m, kept, f.value);
        emit(m, change.value, change.next);
        kept = f.next;
    }
    emit(m, kept, it.end);
    return VEL_OK;
}

static vel_status merge_new(merge *m, const uint8_t *changes, size_t size) {
    vel_fields it;
    vel_field f;
    if (fields_begin(&it, changes, size) != VEL_OK) return VEL_E_CORRUPT;
    for (uint32_t i = 0;; i++) {
        const uint8_t *at = it.at;
        vel_status status = fields_next(&it, &f);
        if (status != VEL_OK) return status == VEL_END ? VEL_OK : status;
        if (!(m->used[i >> 3] & 1 << (i & 7))) emit(m, at, f.next);
    }
}

/* The count of fields is known only at the end; its varint is nearly always of the size guessed. */
static vel_status merge_write(merge *m, const uint8_t *base, size_t base_size,
                              const uint8_t *changes, size_t changes_size, uint32_t count) {
    uint8_t varint[5];
    size_t start = m->out->size;
    size_t guess = (size_t)(varint_write(varint, count) - varint);
    m->out->size += guess;
    vel_status status = merge_base(m, base, base_size);
    if (status == VEL_OK) status = merge_new(m, changes, changes_size);
    if (status != VEL_OK) return status;
    size_t real = (size_t)(varint_write(varint, count - m->replaced) - varint);
    uint8_t *head = m->out->data + start;
    if (real != guess) {
        memmove(head + real, head + guess, m->out->size - start - guess);
        m->out->size -= guess - real;
    }
    memcpy(head, varint, real);
    return m->out->size - start > BODY_SIZE_MAX ? VEL_E_TOO_LARGE : VEL_OK;
}

vel_status body_merge(const uint8_t *base, size_t base_size, const uint8_t *changes,
                      size_t changes_size, vel_buffer *out) {
    merge m;
    vel_fields it;
    size_t start = out->size;
    vel_status status = VEL_E_CORRUPT;
    m.out = out;
    m.replaced = 0;
    memset(m.used_few, 0, sizeof m.used_few);
    m.used = m.used_few;
    vel_status opened = lookup_open(&m.changes, changes, changes_size);
    if (opened == VEL_OK && fields_begin(&it, base, base_size) == VEL_OK) {
        status = buffer_reserve(out, base_size + changes_size + sizeof(uint64_t));
        if (status == VEL_OK && m.changes.count > LOOKUP_SCAN_MAX) {
            m.used = calloc(m.changes.count / 8 + 1, 1);
            if (!m.used) status = VEL_E_NOMEM;
        }
        if (status == VEL_OK) {
            status = merge_write(&m, base, base_size, changes, changes_size,
                                 it.left + m.changes.count);
        }
        if (status != VEL_OK) out->size = start;
    }
    if (m.used != m.used_few) free(m.used);
    lookup_close(&m.changes);
    return status;
}
