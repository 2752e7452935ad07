/* stats.h: numbers and texts about an engine.
 *
 * Threads: each takes commit_lock, for a walk over the collections and segments: without the GIL.
 * The numbers are of one moment. Plain data: nothing to free.
 */
#ifndef VEL_STATS_H
#define VEL_STATS_H

#include "base.h"

struct vel_engine;

typedef struct {
    uint64_t collections, documents;
    uint64_t memory_usage, record_memory, table_memory, index_memory;  /* bytes */
    uint64_t name_memory, cache_memory;                                /* likewise */
    uint64_t disk_usage, live_bytes, garbage_bytes, segments;
    uint64_t cache_hits, cache_misses, sequence, durable_sequence;
    uint64_t writes, expired, compactions, compacted_bytes;
} vel_stats;

void engine_stats(struct vel_engine *e, vel_stats *out);

/* One text per check; "" means well. */
typedef struct {
    char log[VEL_WHAT_MAX], disk[VEL_WHAT_MAX], compaction[VEL_WHAT_MAX];
    char expiry[VEL_WHAT_MAX], recovery[VEL_WHAT_MAX];
} vel_health;
void engine_health(struct vel_engine *e, vel_health *out);

#endif
