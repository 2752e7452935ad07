/* path.c: a path through a body, the fast way and the one that enters lists; and paths themselves.
 *
 * Input: u8 count of names, a path (documents.h), a document, a path as text.
 */
#include "documents.h"
#include "path.h"

typedef struct {
    const document *d;
    uint32_t count, stop_at;
    const uint8_t *first;     /* the value visited first */
} visits;

static bool visit(void *context, const uint8_t *value, const uint8_t *end, unsigned flags) {
    visits *v = context;
    CHECK(flags <= (PATH_THROUGH_LIST | PATH_AT_POSITION));
    if (value) {
        CHECK(value > v->d->body && end <= v->d->body + v->d->size);
        CHECK(value_skip(value, end) == end);
    }
    if (!v->count) v->first = value;
    return ++v->count == v->stop_at;
}

static void walk(const vel_path *p, const document *d) {
    const uint8_t *end = NULL;
    bool list;
    visits all = {.d = d}, few = {.d = d};
    const uint8_t *found = path_find(p, d->body, d->size, &end, &list);
    CHECK(!found || (!list && value_skip(found, end) == end));
    CHECK(!path_visit(p, d->body, d->size, visit, &all));
    if (!list) CHECK(all.count == 1 && all.first == found);
    if (!all.count) return;
    few.stop_at = all.count / 2 + 1;
    CHECK(path_visit(p, d->body, d->size, visit, &few) && few.count == few.stop_at);
}

/* What is compiled has the text's parts. */
static void compile(const uint8_t *text, size_t size) {
    vel_path p;
    vel_status status = path_compile(&p, text, size);
    CHECK(status == VEL_OK || status == VEL_E_INVALID);
    if (!status) {
        size_t at = 0;
        for (uint32_t i = 0; i < p.count; i++) {
            CHECK(p.parts[i].size && memcmp(p.parts[i].name, text + at, p.parts[i].size) == 0);
            at += p.parts[i].size;
            CHECK(i + 1 == p.count ? at == size : text[at++] == '.');
        }
    }
    path_free(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    char text[PATH_TEXT];
    uint32_t name_count = input_byte(&in) % NAMES;
    size_t text_size = input_path(&in, text);
    document d = input_document(&in, name_count);
    vel_names *names = names_make(name_count);
    vel_path p;
    CHECK(path_compile(&p, (const uint8_t *)text, text_size) == VEL_OK);
    path_resolve(&p, names);
    walk(&p, &d);
    path_free(&p);
    compile(in.at, (size_t)(in.end - in.at));
    names_free(names);
    document_free(&d);
    return 0;
}
