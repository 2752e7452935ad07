/* checkpoint.c: see checkpoint.h. The file and its blocks; checkpoint_save.c fills them, and
 * checkpoint_check.c and restore_checkpoint.c read them. */
#include "checkpoint.h"

#include <fcntl.h>

#include "fileio.h"
#include "xxh3.h"

static const char CHECKPOINT_MAGIC[8] = {'V', 'E', 'L', 'C', 'H', 'K', 'P', '1'};

#define CHECKSUM_SIZE 8u

static size_t items_of_block(size_t item_size) { return CHECKPOINT_BLOCK_MAX / item_size; }

void checkpoint_path(char *out, size_t size, const char *directory) {
    snprintf(out, size, "%s/CHECKPOINT", directory);
}

void checkpoint_close(checkpoint_file *f) {
    file_close(f->fd);
    f->fd = -1;
    buffer_free(&f->data);
}

/* ---- writing ---- */

vel_status checkpoint_create(checkpoint_file *f, const char *directory,
                             const checkpoint_header *header, vel_error *error) {
    uint8_t to[CHECKPOINT_HEADER_SIZE];
    memset(f, 0, sizeof *f);
    f->fd = -1;
    f->header = *header;
    f->at = CHECKPOINT_HEADER_SIZE;
    f->block = 1;
    checkpoint_path(f->path, sizeof f->path, directory);
    memcpy(to, CHECKPOINT_MAGIC, 8);
    store_u32(to + 8, CHECKPOINT_FORMAT);
    store_u32(to + 12, sizeof(checkpoint_document));
    store_u64(to + 16, header->salt);
    store_u64(to + 24, header->seq);
    store_u64(to + 32, header->documents);
    store_u64(to + 40, header->expiries);
    store_u32(to + 48, header->segments);
    store_u32(to + 52, header->collections);
    store_u64(to + 56, xxh3_64(to, 56, 0));
    if (buffer_reserve(&f->data, CHECKPOINT_BLOCK_MAX + CHECKSUM_SIZE)) return VEL_E_NOMEM;
    vel_status status = file_open(f->path, O_RDWR | O_CREAT | O_TRUNC, &f->fd, error);
    return status ? status : file_write(f->fd, f->path, 0, to, sizeof to, error);
}

static vel_status block_end(checkpoint_file *f, vel_error *error) {
    if (!f->data.size) return VEL_OK;
    store_u64(f->data.data + f->data.size,
              xxh3_64(f->data.data, f->data.size, f->header.salt + f->block));
    size_t size = f->data.size + CHECKSUM_SIZE;
    vel_status status = file_write(f->fd, f->path, f->at, f->data.data, size, error);
    f->at += size;
    f->block++;
    f->data.size = 0;
    return status;
}

vel_status checkpoint_put(checkpoint_file *f, const void *item, size_t item_size,
                          vel_error *error) {
    if (f->item_size != item_size || f->data.size == items_of_block(item_size) * item_size) {
        vel_status status = block_end(f, error);
        if (status) return status;
        f->item_size = item_size;
    }
    memcpy(f->data.data + f->data.size, item, item_size);
    f->data.size += item_size;
    return VEL_OK;
}

vel_status checkpoint_finish(checkpoint_file *f, vel_error *error) {
    vel_status status = block_end(f, error);
    return status ? status : file_sync(f->fd, f->path, error);
}

/* ---- reading ---- */

static vel_status refuse(const checkpoint_file *f, uint64_t at, const char *why, vel_error *error) {
    return vel_fail(error, VEL_E_CORRUPT, 0, f->path, at,
                    "the checkpoint is damaged: %s; it is only a help and may be deleted", why);
}

/* Bytes of a section. Counts are below 2^52, so that nothing wraps. */
static uint64_t section_size(uint64_t count, size_t item_size) {
    uint64_t full = items_of_block(item_size), blocks = (count + full - 1) / full;
    return count * item_size + blocks * CHECKSUM_SIZE;
}

static const char *header_read(const uint8_t *from, uint64_t salt, checkpoint_header *h) {
    if (memcmp(from, CHECKPOINT_MAGIC, 8) != 0) return "wrong magic";
    if (load_u64(from + 56) != xxh3_64(from, 56, 0)) return "the checksum of its header";
    if (load_u32(from + 8) != CHECKPOINT_FORMAT) return "another format version";
    if (load_u32(from + 12) != sizeof(checkpoint_document)) return "the size of its items";
    h->salt = load_u64(from + 16);
    if (h->salt != salt) return "it is not the one that the manifest names";
    h->seq = load_u64(from + 24);
    h->documents = load_u64(from + 32);
    h->expiries = load_u64(from + 40);
    h->segments = load_u32(from + 48);
    h->collections = load_u32(from + 52);
    if (h->documents >> 52 || h->expiries >> 52) return "its counts are impossible";
    return NULL;
}

vel_status checkpoint_open(checkpoint_file *f, const char *directory, uint64_t salt,
                           vel_error *error) {
    uint8_t bytes[CHECKPOINT_HEADER_SIZE];
    uint64_t size = 0;
    size_t got = 0;
    memset(f, 0, sizeof *f);
    checkpoint_path(f->path, sizeof f->path, directory);
    vel_status status = file_open(f->path, O_RDONLY, &f->fd, error);
    if (!status) status = file_size(f->fd, f->path, &size, error);
    if (!status) status = file_read(f->fd, f->path, 0, bytes, sizeof bytes, &got, error);
    if (status) return status;
    checkpoint_header *h = &f->header;
    const char *why = got < sizeof bytes ? "its header is cut off" : header_read(bytes, salt, h);
    if (!why && size != CHECKPOINT_HEADER_SIZE +
                            section_size(h->segments, sizeof(checkpoint_segment)) +
                            section_size(h->collections, sizeof(checkpoint_collection)) +
                            section_size(h->expiries, sizeof(checkpoint_expiry)) +
                            section_size(h->documents, sizeof(checkpoint_document)))
        why = "it is not as long as its counts say";
    if (why) return refuse(f, 0, why, error);
    f->at = CHECKPOINT_HEADER_SIZE;
    f->block = 1;
    return buffer_reserve(&f->data, CHECKPOINT_BLOCK_MAX + CHECKSUM_SIZE);
}

/* The next block, of `bytes` bytes of items. */
static vel_status block_read(checkpoint_file *f, size_t bytes, vel_error *error) {
    size_t got;
    vel_status status = file_read(f->fd, f->path, f->at, f->data.data, bytes + CHECKSUM_SIZE, &got,
                                  error);
    if (status) return status;
    if (got < bytes + CHECKSUM_SIZE) return refuse(f, f->at, "it is cut off", error);
    if (load_u64(f->data.data + bytes) != xxh3_64(f->data.data, bytes, f->header.salt + f->block))
        return refuse(f, f->at, "the checksum of a block", error);
    f->at += bytes + CHECKSUM_SIZE;
    f->block++;
    return VEL_OK;
}

vel_status checkpoint_section(checkpoint_file *f, size_t item_size, uint64_t total,
                              checkpoint_visit visit, void *context, vel_error *error) {
    vel_status status = VEL_OK;
    for (uint64_t left = total; left && !status;) {
        size_t count = items_of_block(item_size);
        if (count > left) count = (size_t)left;
        status = block_read(f, count * item_size, error);
        if (!status) status = visit(context, f->data.data, count);
        left -= count;
    }
    return status;
}
