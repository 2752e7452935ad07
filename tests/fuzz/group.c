/* group.c: documents gathered by a key.
 *
 * Input: u8 count of names, u8 shape (paths of the key: bits 0 and 1; an object of them: bit 2;
 * fields: bits 3 to 5), the paths of the key, for each field its group_op and path, two documents.
 * They are given in turns, twice. The first field of the groups counts them.
 */
#include "documents.h"
#include "group.h"
#include "value_order.h"

static void group_build(vel_group *g, const vel_names *names, input *in) {
    uint8_t shape = input_byte(in);
    uint32_t keys = shape & 3, fields = (shape >> 3 & 7) + 1;
    bool compound = keys > 1 || (keys && shape >> 2 & 1);
    char text[PATH_TEXT];
    CHECK(group_open(g, names, keys + fields - 1, keys, compound, fields) == VEL_OK);
    g->fields[0].op = GROUP_COUNT;
    for (uint32_t i = 0; i < g->path_count; i++) {
        if (i >= keys) {
            g->fields[i - keys + 1].op = (group_op)(input_byte(in) % (GROUP_MAX + 1));
            g->fields[i - keys + 1].path = i + 1;
        }
        size_t size = input_path(in, text);
        CHECK(path_compile(&g->paths[i], (const uint8_t *)text, size) == VEL_OK);
    }
}

/* What is kept of a field is in order before (MIN) or after (MAX) a document's. */
static void check_best(const vel_group *g, const group_field *f, const group_result *r,
                       const document *d) {
    const uint8_t *end = NULL;
    bool list;
    const uint8_t *v = path_find(&g->paths[f->path - 1], d->body, d->size, &end, &list);
    if (!v || *v == TAG_NULL) return;
    CHECK(r->kind == RESULT_VALUE);
    int order = value_order(g->names, r->value.at, r->value.end, v, end);
    CHECK(f->op == GROUP_MIN ? order <= 0 : order >= 0);
}

/* Returns how many documents a group is of. */
static uint64_t check_group(const vel_group *g, uint32_t i, const document *a, const document *b) {
    const group_entry *entry = &g->groups[i];
    CHECK(entry->key + entry->key_size <= g->bytes.size);
    CHECK(entry->id + entry->id_size <= g->bytes.size);
    group_result r;
    for (uint32_t j = 1; j < g->field_count; j++) {
        group_result_read(g, i, j, &r);
        if (r.kind == RESULT_VALUE) CHECK(value_skip(r.value.at, r.value.end) == r.value.end);
        if (g->fields[j].op < GROUP_MIN || g->group_count > 1 || !a->valid || !b->valid) continue;
        check_best(g, &g->fields[j], &r, a);
        check_best(g, &g->fields[j], &r, b);
    }
    group_result_read(g, i, 0, &r);
    CHECK(r.kind == RESULT_INT);
    return (uint64_t)r.integer;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    vel_names *names = names_make(name_count);
    vel_group g;
    group_build(&g, names, &in);
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    const document *given[] = {&a, &b};
    uint64_t taken = 0, counted = 0;
    bool all = true;
    for (uint32_t i = 0, groups = 0; i < 4; i++) {
        const document *d = given[i % 2];
        vel_status status = group_add(&g, d->body, d->size);
        CHECK(status == VEL_OK || status == VEL_MISMATCH ||
              (status == VEL_E_CORRUPT && !d->valid));
        taken += !status;
        all = all && !status;
        if (i == 2) groups = g.group_count;
        if (i == 3) CHECK(g.group_count == groups);
    }
    if (all)
        for (uint32_t i = 0; i < g.group_count; i++) counted += check_group(&g, i, &a, &b);
    CHECK(!all || counted == taken);
    group_close(&g);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
