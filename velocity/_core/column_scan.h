/* column_scan.h: columns filled from the documents of a collection, in one walk, so that their rows
 * belong together.
 *
 * Where documents live in memory, they are read in the order in which they lie there, which the
 * memory gives several times as fast as the table's order; the order of rows means nothing.
 *
 * Threads: a scan belongs to one; it runs without the GIL, pinned for a slice at a time, beside any
 * writers. A document that is there from the begin to the end has one row.
 */
#ifndef VEL_COLUMN_SCAN_H
#define VEL_COLUMN_SCAN_H

#include "column.h"
#include "engine.h"
#include "filter.h"
#include "scan.h"

typedef struct {
    vel_columns columns;
    vel_filter *filter;        /* NULL: all documents */
    vel_walk walk;
    uint64_t *bits;            /* by reference of the slab: blocks that are to be read; all zero
                                * between calls */
    size_t words;              /* of 64 bits */
    vel_buffer unsure;         /* records, each 8-aligned, on which Python has to decide */
} vel_column_scan;

/* Read the next slice of documents: begin with all fields zero but `columns` and `filter`, and go
 * on until walk.done. The caller empties `unsure` between calls. Without the GIL. */
vel_status column_scan_next(vel_engine *e, vel_collection *c, vel_column_scan *s, vel_error *error);
/* Add a row for a record that matches after all. */
vel_status column_scan_add(vel_collection *c, vel_column_scan *s, const uint8_t *record);
void column_scan_close(vel_column_scan *s);

#endif
