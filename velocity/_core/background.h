/* background.h: the three threads of an engine.
 *
 * The flusher syncs what was appended every flush_interval, seals full segments, reaps expired
 * documents and frees what readers held. The compactor rewrites segments when garbage has gathered.
 * The preparer makes ready what the next writes will need: memory whose pages are there, room in
 * the log, which the flusher gives back after a second without a write. All sleep without a
 * deadline while there is nothing to do.
 *
 * Threads: start and stop belong to whoever opens and closes the engine, without any lock held, for
 * the threads take the engine's locks.
 */
#ifndef VEL_BACKGROUND_H
#define VEL_BACKGROUND_H

#include "base.h"

struct vel_engine;

/* VEL_OK, or VEL_E_IO when a thread cannot be started: then none runs. */
vel_status background_start(struct vel_engine *e, vel_error *error);
/* Ends and joins them, after what they are at. May be called again. */
void background_stop(struct vel_engine *e);
/* Something is to be flushed or due; garbage has gathered; something is wanted ahead of need. Any
 * thread, any lock but wake_lock. */
void background_wake_flusher(struct vel_engine *e);
void background_wake_compactor(struct vel_engine *e);
void background_wake_preparer(struct vel_engine *e);

#endif
