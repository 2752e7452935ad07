/* recovery.h: what recovery.c, restore.c and restore_checkpoint.c share. Not for others.
 *
 * A recovery belongs to the thread that opens the engine, which nobody else can see yet: it takes
 * no locks but those that the functions it calls take. engine_recover frees what it holds.
 */
#ifndef VEL_RECOVERY_H
#define VEL_RECOVERY_H

#include "engine.h"
#include "seen.h"

typedef struct {
    vel_engine *e;
    vel_manifest m;
    vel_entries *scanned;     /* per list position: entries of segments walked in step 2 */
    vel_entries entries;      /* of the sealed segment being walked in step 3 */
    uint64_t *found; size_t found_count, found_capacity;  /* ids of .seg files in the directory */
    vel_buffer defines;       /* payloads met, newest first: u32 collection, u32 size, bytes */
    size_t *define_at; size_t define_count, define_capacity;
    vel_seen seen;            /* ids met; when records are in memory, only deleted ones */
    vel_buffer data;          /* the segment being walked; empty when its hint was read */
    uint64_t durable_seq;     /* the highest that anything read so far gives */
    bool changed;             /* the directory no longer is as the manifest says */
    bool unborn;              /* the segment last opened has no whole header: it never was synced */
    vel_error *error;
} recovery;

/* Take over seeds, collections and their names from the manifest. */
vel_status restore_catalog(recovery *r);
/* Take up the checkpoint when there is one that fits: then nothing is left to meet. */
vel_status restore_checkpoint(recovery *r, bool *restored);
/* Make room in the tables for the documents that the manifest tells of. Returns how many. */
uint64_t restore_room(recovery *r);
/* Meet the operations of list[position], newest first. Requires: those of newer segments were met,
 * and seen_open. Frees its entries in r->scanned. */
vel_status restore_segment(recovery *r, uint32_t position);
/* Add the names that were defined since the manifest was written. Requires: all segments met. */
vel_status restore_names(recovery *r);

#endif
