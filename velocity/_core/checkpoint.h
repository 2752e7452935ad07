/* checkpoint.h: the file CHECKPOINT: what a bounded engine knew of every document when it closed
 * cleanly, in the order of the tables, so that opening need neither read the log nor sort out what
 * is still valid.
 *
 * It is only a help. The manifest of a clean close names it by its salt; as soon as the database is
 * open again no manifest does, so one that the log has outrun is never read. It and its name are
 * synced before the manifest that names it.
 *
 *   0   8  magic "VELCHKP1"     8   4  format version (1)     12  4  size of a document's item: 12
 *   16  8  salt: random, not 0  24  8  sequence of the last frame it covers
 *   32  8  count of documents   40  8  count of expiries
 *   48  4  count of segments    52  4  count of collections
 *   56  8  XXH3-64 of bytes 0..56, seed 0
 *   64     four sections, each of blocks: checkpoint_segment, checkpoint_collection,
 *          checkpoint_expiry and checkpoint_document items
 * A block is as many items as 64 KiB hold, the last of a section fewer, then the XXH3-64 of them
 * seeded with salt + the block's number in the file, from 1.
 *
 * Threads: readers and writers belong to their caller. The file is touched at opening, at closing
 * and, to remove it, by the flusher.
 */
#ifndef VEL_CHECKPOINT_H
#define VEL_CHECKPOINT_H

#include "base.h"
#include "log.h"
#include "manifest.h"

struct vel_engine;

#define CHECKPOINT_FORMAT 1
#define CHECKPOINT_HEADER_SIZE 64u
#define CHECKPOINT_BLOCK_MAX 65536u  /* bytes of items */

typedef struct {
    uint64_t salt, seq, documents, expiries;
    uint32_t segments, collections;
} checkpoint_header;

/* The manifest's segments in its order: what is not in it. */
typedef struct {
    uint64_t id, put_bytes, live_bytes, tombstone_bytes, live_count;
    int64_t max_stamp;
} checkpoint_segment;
/* Collections by rising id; their documents follow one another in this order. */
typedef struct { uint64_t documents; uint32_t id, _pad; } checkpoint_collection;
/* The expiry heap, in its order. */
typedef struct { int64_t expiry; uint64_t hash; uint32_t collection, _pad; } checkpoint_expiry;
/* place: offset / 8 in the segment (27 bits), its position in the manifest's list (20), bytes of
 * the operation / 8 as in a block's header (14), whether it expires (1), zeros. tag: the top 30
 * bits of the id's hash. */
typedef struct __attribute__((packed, aligned(4))) {
    uint64_t place;
    uint32_t tag;
} checkpoint_document;
_Static_assert(sizeof(checkpoint_document) == 12, "items are read in place");

VEL_INLINE uint32_t checkpoint_position(const checkpoint_document *x) {
    return (uint32_t)(x->place >> LOG_OFFSET_BITS) & (LOG_NUMBERS - 1);
}

typedef struct {
    int fd;
    char path[VEL_PATH_MAX];
    checkpoint_header header;
    uint64_t at, block;     /* offset and number of the next block */
    size_t item_size;       /* of the block being filled */
    vel_buffer data;        /* the block, with its checksum */
} checkpoint_file;

void checkpoint_path(char *out, size_t size, const char *directory);

/* Create the file. Owns: checkpoint_close, also after failure. */
vel_status checkpoint_create(checkpoint_file *f, const char *directory,
                             const checkpoint_header *header, vel_error *error);
/* Append an item to the section of its size; a section ends where the size changes. */
vel_status checkpoint_put(checkpoint_file *f, const void *item, size_t item_size,
                          vel_error *error);
/* Write what is left, and sync. */
vel_status checkpoint_finish(checkpoint_file *f, vel_error *error);

/* Open the file and read its header: VEL_E_CORRUPT when it is not the one with this salt, or is not
 * as long as its counts say. Owns: checkpoint_close, also after failure. */
vel_status checkpoint_open(checkpoint_file *f, const char *directory, uint64_t salt,
                           vel_error *error);
/* Read a section, the next in the file, of `total` items; each block's are visited together. Ends
 * with the first status that is not VEL_OK. */
typedef vel_status (*checkpoint_visit)(void *context, const void *items, size_t count);
vel_status checkpoint_section(checkpoint_file *f, size_t item_size, uint64_t total,
                              checkpoint_visit visit, void *context, vel_error *error);
void checkpoint_close(checkpoint_file *f);

/* Check all of the checkpoint that the manifest of a clean close names: its checksums, and that
 * every document's place is in a segment. VEL_E_CORRUPT; VEL_E_IO. */
vel_status checkpoint_check(const char *directory, const vel_manifest *m, vel_error *error);

/* Write the checkpoint of an engine that nobody uses any more, all of whose log is sealed; the one
 * it was opened from is kept when nothing changed. *salt: 0 when there is none, which is no
 * harm. */
void checkpoint_save(struct vel_engine *e, uint64_t *salt);
/* Remove the file when the log has gone on since the engine was opened from it. Flusher only. */
void checkpoint_drop_stale(struct vel_engine *e);

#endif
