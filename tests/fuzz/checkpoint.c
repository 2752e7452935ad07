/* checkpoint.c: the file CHECKPOINT, beside a manifest that names it and lists what it names. */
#include "checkpoint.h"
#include "fuzz.h"
#include "xxh3.h"

#include <fcntl.h>
#include <unistd.h>

#include "fileio.h"
#include "segment.h"

#define LISTED_MAX 64  /* segments and collections of the made-up manifest */

/* Where the sections lie, as the counts in the header say; they end with the input. */
typedef struct { size_t item_size; uint64_t count; } section;
#define SECTIONS(data)                                                                             \
    {{sizeof(checkpoint_segment), load_u32((data) + 48)},                                          \
     {sizeof(checkpoint_collection), load_u32((data) + 52)},                                       \
     {sizeof(checkpoint_expiry), load_u64((data) + 40)},                                           \
     {sizeof(checkpoint_document), load_u64((data) + 32)}}

static void seal(uint8_t *data, size_t size) {
    if (size < CHECKPOINT_HEADER_SIZE) return;
    const section sections[] = SECTIONS(data);
    size_t at = CHECKPOINT_HEADER_SIZE;
    for (uint64_t i = 0, block = 1; i < 4; i++) {
        /* Inputs are far smaller than a block. */
        uint64_t bytes = sections[i].count * sections[i].item_size;
        if (!bytes) continue;
        if (sections[i].count > size || bytes + 8 > size - at) break;
        store_u64(data + at + bytes, xxh3_64(data + at, bytes, load_u64(data + 16) + block++));
        at += bytes + 8;
    }
    store_u64(data + 56, xxh3_64(data, 56, 0));
}

DEFINE_SEALING_MUTATOR(seal)

static const char *directory(void) {
    static char path[] = "/dev/shm/velocity-fuzz-XXXXXX";
    static const char *made;
    if (!made) CHECK((made = mkdtemp(path)));
    return made;
}

static void store(const char *path, const uint8_t *data, size_t size) {
    int fd;
    CHECK(!file_open(path, O_RDWR | O_CREAT | O_TRUNC, &fd, NULL));
    CHECK(!file_write(fd, path, 0, data, size, NULL));
    file_close(fd);
}

/* The manifest of the clean close that wrote it: what an input cannot get wrong. */
static void describe(const uint8_t *data, size_t size, vel_manifest *m, manifest_segment *segments,
                     manifest_collection *collections) {
    uint64_t at = CHECKPOINT_HEADER_SIZE;
    m->checkpoint = load_u64(data + 16);
    m->sealed_seq = load_u64(data + 24);
    m->segments = segments;
    m->collections = collections;
    uint32_t count = load_u32(data + 48);
    for (uint32_t i = 0; i < LISTED_MAX && i < count; i++) {
        uint64_t from = at + i * sizeof(checkpoint_segment);
        if (from + sizeof(checkpoint_segment) > size) break;
        segments[m->segment_count].size = SEGMENT_SIZE_MAX;
        segments[m->segment_count++].id = load_u64(data + from);
    }
    at += count * sizeof(checkpoint_segment) + (count ? 8 : 0);
    for (uint32_t i = 0; i < LISTED_MAX && i < load_u32(data + 52); i++) {
        uint64_t from = at + i * sizeof(checkpoint_collection);
        if (from + sizeof(checkpoint_collection) > size) break;
        collections[m->collection_count++].id = load_u32(data + from + 8);
    }
}

typedef struct {
    checkpoint_file out;
    const vel_manifest *m;
    size_t item_size;
    bool documents;
} copying;

static vel_status copy(void *context, const void *items, size_t count) {
    copying *c = context;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *item = (const uint8_t *)items + i * c->item_size;
        if (c->documents) {
            const checkpoint_document *x = (const void *)item;
            CHECK(checkpoint_position(x) < c->m->segment_count);
        }
        CHECK(!checkpoint_put(&c->out, item, c->item_size, NULL));
    }
    return VEL_OK;
}

/* What was accepted is written again: the same bytes. */
static void check_again(const vel_manifest *m, const uint8_t *data, size_t size) {
    const section sections[] = SECTIONS(data);
    char path[VEL_PATH_MAX], again[VEL_PATH_MAX];
    checkpoint_file in;
    copying c = {.m = m};
    vel_buffer written = {0};
    snprintf(again, sizeof again, "%s/again", directory());
    CHECK(!directory_make(again, NULL));
    CHECK(!checkpoint_open(&in, directory(), m->checkpoint, NULL));
    CHECK(!checkpoint_create(&c.out, again, &in.header, NULL));
    for (int i = 0; i < 4; i++) {
        c.item_size = sections[i].item_size;
        c.documents = i == 3;
        CHECK(!checkpoint_section(&in, c.item_size, sections[i].count, copy, &c, NULL));
    }
    CHECK(!checkpoint_finish(&c.out, NULL));
    checkpoint_close(&c.out);
    checkpoint_close(&in);
    checkpoint_path(path, sizeof path, again);
    CHECK(!file_load(path, SEGMENT_SIZE_MAX, &written, NULL));
    CHECK(written.size == size && memcmp(written.data, data, size) == 0);
    buffer_free(&written);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static manifest_segment segments[LISTED_MAX];
    static manifest_collection collections[LISTED_MAX];
    char path[VEL_PATH_MAX];
    vel_manifest m = {.clean = 1};
    vel_error error = {0};
    if (size >= CHECKPOINT_HEADER_SIZE) describe(data, size, &m, segments, collections);
    checkpoint_path(path, sizeof path, directory());
    store(path, data, size);
    vel_status status = checkpoint_check(directory(), &m, &error);
    CHECK(status == VEL_OK || (status == VEL_E_CORRUPT && error.what[0] && error.offset <= size));
    if (status == VEL_OK) check_again(&m, data, size);
    return 0;
}
