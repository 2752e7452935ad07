/* manifest.h: the file MANIFEST: what the directory holds, replaced atomically (file_replace).
 *
 *   0   8  magic "VELMANI1"    8  4  format version    12  4  payload size
 *   16  8  XXH3-64 of the payload, seed = payload size
 *   24     payload: little-endian fields in the order of the structs below, without padding; each
 *          list as u32 count, items, in the place of its pointer; strings as u32 size, bytes
 *
 * Holds the catalog (collections with their names), the segments in sequence
 * order, and the seeds. Segments with an id of next_segment_id or more are newer than the manifest
 * and found by listing; any other .seg file that is not listed is a left-over and is deleted.
 *
 * Thread-safe: works on its arguments.
 */
#ifndef VEL_MANIFEST_H
#define VEL_MANIFEST_H

#include "base.h"
#include "fileio.h"

#define MANIFEST_FORMAT 1
#define MANIFEST_HEADER_SIZE 24u
#define MANIFEST_SIZE_MAX ((uint64_t)1 << 30)
#define METADATA_SIZE_MAX ((size_t)1 << 20)  /* bytes of one collection's */

typedef struct {
    uint32_t id;
    uint8_t level;   /* consistency: 0 local, 1 eventual, 2 quorum, 3 strong; never change */
    uint8_t *name;   /* each malloc'ed on its own, or NULL when empty; manifest_free frees them */
    uint32_t name_size;
    uint8_t *names;  /* a DEFINE payload of all field names (names.h), or empty */
    uint32_t names_size;
    uint8_t *metadata;  /* of the layers above (schema, indexes); opaque here */
    uint32_t metadata_size;
    uint64_t documents;  /* how many it had: opening makes room for them, nothing relies on it */
} manifest_collection;

typedef struct {
    uint64_t id, salt, base_seq, last_seq, size;  /* size 0: not sealed when written */
    uint32_t kind;            /* SEGMENT_LOG, SEGMENT_COMPACTED */
    int64_t cleaned_stamp;    /* no dead record older than this stamp lies in it; 0: none known */
} manifest_segment;

typedef struct {
    uint8_t uuid[16];
    uint64_t hash_seed;
    uint64_t next_segment_id;     /* above every listed one */
    uint32_t next_collection_id;  /* above every listed one */
    uint32_t clean;               /* 1: closed cleanly, everything synced */
    uint64_t sealed_seq;          /* all up to it lies in sealed segments or was compacted away */
    uint64_t durable_seq;         /* everything up to this was synced when written */
    int64_t last_stamp;           /* no stamp above it had been given out */
    uint64_t checkpoint;          /* salt of the CHECKPOINT that fits; 0: none, so unless clean */
    manifest_collection *collections;
    uint32_t collection_count;
    manifest_segment *segments;
    uint32_t segment_count;
} vel_manifest;

/* Also when it cannot be known: reading it will say why. */
bool manifest_exists(const char *directory);
/* VEL_NOT_FOUND when there is none; VEL_E_CORRUPT with offset; a newer format version:
 * VEL_E_CORRUPT that says so. Owns: manifest_free. */
vel_status manifest_load(const char *directory, vel_manifest *out, vel_error *error);
/* in_place: as file_replace. */
vel_status manifest_store(const char *directory, const vel_manifest *m, bool *in_place,
                          vel_error *error);
/* The same without files. decode: *where is a byte offset; nothing to free after a failure. encode
 * appends; VEL_E_INVALID for what decode would refuse, VEL_E_TOO_LARGE, VEL_E_NOMEM. */
vel_status manifest_decode(const uint8_t *data, size_t size, vel_manifest *out, uint64_t *where,
                           const char **why);
vel_status manifest_encode(const vel_manifest *m, vel_buffer *out);
void manifest_free(vel_manifest *m);

#endif
