/* entries.h: what recovery and compaction must know of a segment's operations: read from its
 * frames, and stored as its hint file (segment.h).
 *
 * `data` is the whole segment file in memory. Entries stand in the order of the segment.
 *
 * Threads: a vel_entries belongs to its caller. Segments that are loaded or scanned no longer
 * change; catalog_lock, or recovery, keeps them from being taken away.
 */
#ifndef VEL_ENTRIES_H
#define VEL_ENTRIES_H

#include "log.h"

struct vel_engine;

/* Zeroed: empty. Owns: entries_free. */
typedef struct { hint_entry *entries; size_t count, capacity; } vel_entries;

void entries_free(vel_entries *x);
/* Add the entries of a frame that frame_read has accepted. VEL_OK or VEL_E_NOMEM. */
vel_status entries_add_frame(vel_entries *x, const uint8_t *data, const segment_frame *frame,
                             uint64_t hash_seed);
/* All frames of a sealed segment in memory; VEL_E_CORRUPT when one is bad. */
vel_status entries_scan(vel_entries *x, const vel_segment *s, const uint8_t *data,
                        uint64_t hash_seed, vel_error *error);
/* Read [0, tail) of a segment file into *out (replaced). */
vel_status segment_load(const vel_segment *s, vel_buffer *out, vel_error *error);
/* Whether a hint is so much smaller than its segment that it is worth its room on the disk. */
VEL_INLINE bool hint_pays(uint64_t operations, uint64_t bytes) {
    return operations * sizeof(hint_entry) * 8 <= bytes;
}
/* Write the hint file of a sealed segment, if it pays. Failure is harmless: recovery then reads the
 * segment. */
vel_status hint_store(struct vel_engine *e, vel_segment *s, const vel_entries *entries,
                      vel_error *error);
/* Write the hint files that sealed segments lack, when the mode can use them: the next opening then
 * need not read the records. Requires catalog_lock. */
void hints_store(struct vel_engine *e);

#endif
