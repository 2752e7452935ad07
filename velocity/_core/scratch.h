/* scratch.h: a few growing buffers per thread, so that encoding a document allocates nothing.
 *
 * Taken and given back like a stack, for encoding may run Python code that writes documents itself.
 * Freed when the thread ends. Thread-safe: thread-local.
 */
#ifndef VEL_SCRATCH_H
#define VEL_SCRATCH_H

#include "base.h"

/* An empty buffer; NULL without memory. Owned until scratch_give, in reverse order. */
vel_buffer *scratch_take(void);
void scratch_give(vel_buffer *b);

#endif
