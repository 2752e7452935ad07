/* catalog.h: the collections of an engine, by name and by id, and the manifest that lists them.
 *
 * Threads: each function says what it takes or requires; engine.h has the locks and their order.
 */
#ifndef VEL_CATALOG_H
#define VEL_CATALOG_H

#include "base.h"
#include "collection.h"

typedef struct vel_engine vel_engine;

/* VEL_OK with *out, held for the caller (collection_release), or VEL_NOT_FOUND. Takes commit_lock:
 * without the GIL. */
vel_status catalog_find(vel_engine *e, const char *name, size_t name_size, vel_collection **out);
/* VEL_MISMATCH when there is one of that name (*out is it). Durable when it returns. Without the
 * GIL. */
vel_status catalog_create(vel_engine *e, const char *name, size_t name_size, uint8_t level,
                          const uint8_t *metadata, size_t metadata_size, vel_collection **out,
                          vel_error *error);
/* The same; *out is held for the caller. */
vel_status catalog_drop(vel_engine *e, const char *name, size_t name_size, vel_collection **out,
                        vel_error *error);
/* Append the collection's metadata: bytes that only the layers above understand. Takes
 * commit_lock. */
vel_status catalog_metadata(vel_engine *e, const vel_collection *c, vel_buffer *out);
/* Replace it. Durable when it returns, after all earlier writes; on failure it is as before. Takes
 * manifest_lock. Without the GIL. VEL_NOT_FOUND when the collection was dropped; VEL_E_TOO_LARGE
 * past METADATA_SIZE_MAX. */
vel_status catalog_set_metadata(vel_engine *e, vel_collection *c, const uint8_t *data, size_t size,
                                vel_error *error);
/* Give a new collection its metadata (recovery). Requires: not shared yet, or commit_lock. */
vel_status catalog_keep_metadata(vel_collection *c, const uint8_t *data, size_t size);
/* Append the names of all collections, each ended by NUL. Takes commit_lock. */
vel_status catalog_list(vel_engine *e, vel_buffer *out);
/* Add without logging (recovery). Requires: not shared yet, or commit_lock. */
vel_status catalog_add(vel_engine *e, uint32_t id, uint8_t level, const uint8_t *name,
                       uint32_t name_size, vel_collection **out);
/* Requires: no handle, its table closed, an attached thread state. */
void collection_free(vel_collection *c);
vel_collection *catalog_by_id(vel_engine *e, uint32_t id);
/* Replace the manifest by the engine's state. Takes manifest_lock. vel_log.segment_synced. */
vel_status catalog_store(void *engine, vel_error *error);
/* The same after syncing the log: the manifest is not ahead of what it can be recovered from. */
vel_status catalog_sync_and_store(vel_engine *e, bool clean, vel_error *error);
/* Count new names' memory, also past the limit: then VEL_E_MEMORY_LIMIT. Requires commit_lock. */
vel_status catalog_charge_names(vel_engine *e, vel_collection *c);

#endif
