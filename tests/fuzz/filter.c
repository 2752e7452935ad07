/* filter.c: a filter on documents. The same conditions answered in the walk over the body, one by
 * one, and negated; a field is equal to itself.
 *
 * Input: u8 count of names, two documents, conditions: u8 filter_op | 0x80 when negated, and what
 * that takes, until the input ends. Values are those of the first document, when it is valid.
 */
#include "documents.h"
#include "filter.h"

#define CONDITIONS_MAX 24u
#define DEPTH_MAX 6u
#define OP_COUNT (FILTER_TEXT + 1u)

typedef struct {
    vel_filter *f;
    const document *values;
} builder;

/* In place of a pattern of Python's. */
static int fits(void *context, uint32_t text, const uint8_t *bytes, size_t size) {
    const document *d = context;
    CHECK(!d->valid || utf8_valid(bytes, size));
    return (size + text) % 2 == 0;
}

static void add_value(builder *b, uint32_t node, const uint8_t *value, size_t size) {
    vel_buffer *bytes = &b->f->bytes;
    CHECK(buffer_reserve(bytes, size) == VEL_OK);
    memcpy(bytes->data + bytes->size, value, size);
    bytes->size += size;
    CHECK(filter_add_value(b->f, node, bytes->size - size) == VEL_OK);
}

/* A field's value, or a short string, or an int. */
static void input_value(builder *b, input *in, uint32_t node, bool text) {
    static const uint8_t a_text[] = {TAG_SHORT + 1, 'a'};
    uint8_t which = input_byte(in), small = which | TAG_FIXINT;
    vel_field field;
    bool found = document_field(b->values, which, &field);
    if (text) found = found && parts_read(field.value).kind == KIND_STRING;
    if (found && which < 192) add_value(b, node, field.value, (size_t)(field.next - field.value));
    else if (text) add_value(b, node, a_text, sizeof a_text);
    else add_value(b, node, &small, 1);
}

/* What a condition needs besides its op and path. */
static void input_argument(builder *b, input *in, uint32_t node) {
    filter_node *n = &b->f->nodes[node];
    switch ((filter_op)n->op) {
    case FILTER_TYPE:
        n->types = input_byte(in) | (uint32_t)input_byte(in) << 8;
        break;
    case FILTER_SIZE:
        n->size = input_byte(in) % 8;
        break;
    case FILTER_MOD:
        n->mod.divisor = (int8_t)input_byte(in);
        if (!n->mod.divisor) n->mod.divisor = -1;
        n->mod.remainder = (int8_t)input_byte(in) % n->mod.divisor;
        break;
    case FILTER_EQ: case FILTER_LT: case FILTER_LTE: case FILTER_GT: case FILTER_GTE:
        input_value(b, in, node, false);
        break;
    case FILTER_IN:
        for (uint32_t count = input_byte(in) % 5; count; count--)
            input_value(b, in, node, false);
        break;
    case FILTER_STARTS: case FILTER_CONTAINS:
        input_value(b, in, node, true);
        break;
    case FILTER_TEXT:
        n->text = input_byte(in);
        break;
    default:
        break;
    }
}

/* A condition below `parent`; by_value: on the value at hand, and so without a path. */
static void input_condition(builder *b, input *in, uint32_t parent, bool by_value, uint32_t depth) {
    char text[PATH_TEXT];
    uint32_t node, path = 0;
    uint8_t first = input_byte(in);
    filter_op op = (filter_op)(first % OP_COUNT);
    bool joins = op == FILTER_AND || op == FILTER_OR;
    bool inside = op == FILTER_ELEMENT || op == FILTER_ELEMENT_VALUE || op == FILTER_FIELDS;
    if (!by_value && !joins) {
        size_t size = input_path(in, text);
        CHECK(filter_add_path(b->f, (const uint8_t *)text, size, &path) == VEL_OK);
    }
    CHECK(filter_add(b->f, parent, op, &node) == VEL_OK);
    b->f->nodes[node].negated = first >> 7;
    b->f->nodes[node].path = path;
    input_argument(b, in, node);
    if ((!joins && !inside) || depth == DEPTH_MAX) return;
    by_value = joins ? by_value : op == FILTER_ELEMENT_VALUE;
    for (uint32_t count = input_byte(in) % 4; count && in->at < in->end; count--)
        input_condition(b, in, node, by_value, depth + 1);
}

/* All conditions below a node of this op. */
static void filter_build(vel_filter *f, const vel_names *names, const document *values, input in,
                         filter_op op, bool negated) {
    builder b = {f, values};
    uint32_t top = 0;
    CHECK(filter_open(f, names) == VEL_OK);
    f->text = fits;
    if (op != FILTER_AND || negated) {
        CHECK(filter_add(f, 0, op, &top) == VEL_OK);
        f->nodes[top].negated = negated;
        CHECK(filter_add(f, top, FILTER_AND, &top) == VEL_OK);
    }
    for (uint32_t i = 0; i < CONDITIONS_MAX && in.at < in.end; i++)
        input_condition(&b, &in, top, false, 0);
    filter_seal(f);
    filter_resolve(f);
}

static int decide(vel_filter *f, document *d) {
    f->context = d;
    filter_answer alone = filter_try(f, d->body, d->size);
    int answer = filter_decide(f, d->body, d->size);
    CHECK(answer == 0 || answer == 1);
    CHECK(alone == FILTER_MAYBE ? f->needs_python : answer == (alone == FILTER_YES));
    return answer;
}

static void check_together(const vel_names *names, const document *values, document *d, input in) {
    vel_filter fused, single, negated;
    filter_build(&fused, names, values, in, FILTER_AND, false);
    filter_build(&single, names, values, in, FILTER_OR, false);
    filter_build(&negated, names, values, in, FILTER_OR, true);
    CHECK(!single.fused_count && !negated.fused_count);
    int answer = decide(&fused, d), one = decide(&single, d), other = decide(&negated, d);
    CHECK(one != other);
    if (d->valid) CHECK(answer == one);
    filter_close(&fused);
    filter_close(&single);
    filter_close(&negated);
}

/* Each field equals itself, is among values and not past itself. */
static void check_same(vel_names *names, document *d, uint32_t position) {
    static const filter_op ops[] = {FILTER_EQ, FILTER_LTE, FILTER_GTE, FILTER_IN, FILTER_EXISTS};
    vel_filter f;
    vel_field field;
    uint32_t node, path, size;
    if (!document_field(d, position, &field) || !field.number) return;
    CHECK(filter_open(&f, names) == VEL_OK);
    builder b = {&f, d};
    const uint8_t *name = names_bytes(names, field.number, &size);
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++) {
        CHECK(filter_add_path(&f, name, size, &path) == VEL_OK);
        CHECK(filter_add(&f, 0, ops[i], &node) == VEL_OK);
        f.nodes[node].path = path;
        if (ops[i] == FILTER_EXISTS) continue;
        if (ops[i] == FILTER_IN) add_value(&b, node, (const uint8_t[]){TAG_FIXINT}, 1);
        add_value(&b, node, field.value, (size_t)(field.next - field.value));
    }
    filter_seal(&f);
    CHECK(filter_try(&f, d->body, d->size) == FILTER_YES);
    filter_close(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    input in = {data, data + size};
    uint32_t name_count = input_byte(&in) % NAMES;
    document a = input_document(&in, name_count), b = input_document(&in, name_count);
    vel_names *names = names_make(name_count);
    check_same(names, &a, (uint32_t)size);
    check_together(names, &a, &b, in);
    check_together(names, &a, &a, in);
    names_free(names);
    document_free(&a);
    document_free(&b);
    return 0;
}
