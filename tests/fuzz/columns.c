/* columns.c: the columns of documents.
 *
 * Input: u8 count of names, u8 columns (0 to 3 and the ids' in bits 0 to 2; bit 7: all fields, too),
 * their paths, two documents. Rows are the first, then, as a slice of their own, the second and the
 * first again.
 */
#include "documents.h"
#include "column.h"
#include "value_parts.h"

#define ROWS 3u

static size_t row_end(const vel_column *c, size_t row) {
    return (size_t)load_i64(c->values.data + sizeof(int64_t) * (row + 1));
}
static bool has_text(uint8_t type) {
    return (type & (COLUMN_STRING | COLUMN_BYTES | COLUMN_OTHER)) != 0;
}

/* A row is what a value is; `at`: where its text begins. */
static void check_row(const vel_column *c, size_t row, size_t at, const uint8_t *v,
                      const uint8_t *end) {
    static const uint8_t types[] = {
        [KIND_NULL] = COLUMN_NULL, [KIND_BOOL] = COLUMN_BOOL, [KIND_INT] = COLUMN_INT,
        [KIND_FLOAT] = COLUMN_FLOAT, [KIND_TIME] = COLUMN_TIME, [KIND_BYTES] = COLUMN_BYTES,
        [KIND_STRING] = COLUMN_STRING, [KIND_LIST] = COLUMN_OTHER, [KIND_OBJECT] = COLUMN_OTHER,
    };
    value_parts x = v ? parts_read(v) : (value_parts){.kind = KIND_NULL};
    uint8_t type = c->types.data[row];
    CHECK(type == types[x.kind]);
    if (type == COLUMN_OTHER) x = (value_parts){.data = v, .size = (size_t)(end - v)};
    if (has_text(type))
        CHECK(row_end(c, row) - at == x.size &&
              (!x.size || !memcmp(c->text.data + at, x.data, x.size)));
    else if (type == COLUMN_FLOAT)
        CHECK(!memcmp(c->values.data + sizeof(double) * (row + 1), &x.real, sizeof x.real));
    else if (type != COLUMN_NULL)
        CHECK((int64_t)row_end(c, row) == x.number);
}

static void check_characters(const vel_column *c) {
    if ((c->met | COLUMN_NULL) != (COLUMN_STRING | COLUMN_NULL)) return;
    if (c->longest == COLUMN_LONGEST) return;
    uint32_t *to = malloc(ROWS * (size_t)c->longest * sizeof *to);
    column_characters(c, c->longest, to);
    free(to);
}

static void check_column(const vel_columns *x, const vel_column *c,
                         const document *const rows[ROWS]) {
    size_t at = 0;
    uint32_t met = 0;
    CHECK(c->types.size == x->rows && c->values.size == (x->rows + 1) * sizeof(int64_t));
    for (size_t row = 0; row < x->rows; row++) {
        uint8_t type = c->types.data[row];
        const uint8_t *end = NULL;
        CHECK(type && !(type & (type - 1)));
        met |= type;
        if (has_text(type)) CHECK(row_end(c, row) >= at && row_end(c, row) <= c->text.size);
        if (rows[row]->valid && c->number) {
            const uint8_t *v = body_find(rows[row]->body, rows[row]->size, c->number, &end);
            check_row(c, row, at, v, end);
        }
        if (has_text(type)) at = row_end(c, row);
    }
    CHECK(met == c->met && at <= c->text.size);
    /* A field that is there twice leaves text that is no row's. */
    if (rows[0]->valid && rows[1]->valid) CHECK(at == c->text.size);
    check_characters(c);
}

static bool is_met(const vel_columns *x, const vel_field *f) {
    for (uint32_t i = 0; i < x->count; i++) {
        const vel_column *c = &x->columns[i];
        if (f->number ? c->number == f->number
                      : c->path.parts && !bytes_order(c->path.text, c->path.text_size, f->name,
                                                      f->name_size))
            return true;
    }
    return false;
}

static void check_all_met(const vel_columns *x, const document *d) {
    vel_field f;
    vel_fields it;
    if (!d->valid || !x->all || fields_begin(&it, d->body, d->size)) return;
    while (fields_next(&it, &f) == VEL_OK) CHECK(is_met(x, &f));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    vel_names *names = names_make(name_count);
    uint8_t wanted = input_byte(&in);
    vel_columns x = {.all = wanted >> 7};
    for (uint32_t i = 0; i < (wanted & 3); i++) {
        char text[PATH_TEXT];
        size_t text_size = input_path(&in, text);
        CHECK(columns_open(&x, (const uint8_t *)text, text_size) == VEL_OK);
    }
    if (wanted & 4) CHECK(columns_open(&x, NULL, 0) == VEL_OK);
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    const document *rows[ROWS] = {&a, &b, &a};
    const uint8_t *records[ROWS] = {a.record, b.record, a.record};
    for (size_t from = 0, count = 1; from < ROWS; from += count, count = ROWS - from) {
        CHECK(columns_begin(&x, names, count) == VEL_OK);
        CHECK(columns_add(&x, records + from, count) == VEL_OK);
        columns_end(&x);
    }
    CHECK(x.rows == ROWS);
    for (uint32_t i = 0; i < x.count; i++) check_column(&x, &x.columns[i], rows);
    check_all_met(&x, &a);
    check_all_met(&x, &b);
    columns_close(&x);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
