/* epoch.h: when memory that readers might hold may be used again (epochs: Fraser 2004).
 *
 * Readers pin the current epoch while they follow references, and copy what they need before they
 * unpin: no Python call, no lock, no wait for the GIL while pinned. A writer takes a block out of
 * every published place, retires it, and it is freed when no pin from before the retirement is
 * left.
 *
 * A pin is one plain store to a slot of its own cache line. The reclaimer makes it visible with
 * membarrier(2) (PRIVATE_EXPEDITED); where that is missing the pin is a sequentially consistent
 * store.
 *
 * One domain per extension module, shared by all its databases. Slots:
 *   - GIL builds: one slot belongs to whoever holds the GIL (epoch_slot_attached); nobody gives up
 *     the GIL while pinned, so one is enough.
 *   - free-threaded builds: a slot per thread, from its first pin until the thread ends.
 *   - code without the GIL (batch reads, cold reads) takes any free slot (epoch_pin_take / _give);
 *     its pins fence themselves.
 * So on a GIL build a writer that holds the GIL needs no barrier: the one pin that does not fence
 * itself is not set, and whoever set it last gave up the GIL since (epoch_limbo.attached).
 * Pins do not nest within one slot.
 */
#ifndef VEL_EPOCH_H
#define VEL_EPOCH_H

#include "base.h"
#include "slab.h"

#define EPOCH_SLOTS_MAX 4096  /* threads pinned at once; beyond it a thread waits for a slot */

typedef struct {
    uint64_t epoch;   /* 0: not pinned */
    uint32_t taken;   /* 1: slot belongs to a thread or a pin_take */
    char pad[52];
} __attribute__((aligned(64))) epoch_slot;

extern uint64_t epoch_now;      /* starts at 1 */
extern bool epoch_needs_fence;  /* no membarrier, pins fence themselves; set by epoch_init */
extern epoch_slot epoch_gil_slot;

/* Call once per extension at import (more often is harmless); installs the fork handler. */
void epoch_init(void);

VEL_INLINE void epoch_pin_fenced(epoch_slot *slot) {
    vel_assert(slot->epoch == 0);
    atomic_set_seq(&slot->epoch, atomic_get_acquire(&epoch_now));
    __atomic_thread_fence(__ATOMIC_SEQ_CST);  /* on ARM later loads may pass the store */
}
VEL_INLINE void epoch_pin(epoch_slot *slot) {
    vel_assert(slot->epoch == 0);
    uint64_t now = atomic_get_acquire(&epoch_now);
    if (vel_unlikely(epoch_needs_fence)) {
        epoch_pin_fenced(slot);
    } else {
        atomic_set_relaxed(&slot->epoch, now);
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    }
}
VEL_INLINE void epoch_unpin(epoch_slot *slot) { atomic_set_release(&slot->epoch, 0); }

/* The slot of the calling thread, which is attached to the interpreter (holds the GIL on GIL
 * builds). */
#ifdef VEL_FREE_THREADED
epoch_slot *epoch_slot_attached(void);  /* never NULL: falls back to waiting for a free slot */
#else
VEL_INLINE epoch_slot *epoch_slot_attached(void) { return &epoch_gil_slot; }
#endif
/* A slot for code that runs without the GIL; pins it. Yields while all slots are in use. */
epoch_slot *epoch_pin_take(void);
void epoch_pin_give(epoch_slot *slot);

/* What an engine has retired and not yet freed. Its commit lock guards it. Zeroed: empty. */
typedef struct {
    vel_ref ref;
    uint64_t epoch;   /* 0 until the first collection after it was retired; then see epoch.c */
} epoch_item;

typedef struct {
    epoch_item *items;  /* ring of `capacity`, a power of two; malloc'ed */
    uint64_t head, tail, capacity;
    uint64_t next_collect;       /* count at which to try again */
    uint64_t bytes;              /* of blocks retired and not yet freed */
    uint64_t next_collect_bytes; /* likewise */
    bool attached;               /* GIL builds: who retires or collects now holds the GIL */
} epoch_limbo;

/* Retire a block: freed at once where it is plain that nobody can hold it, else now and then with
 * all others that can be. On lack of memory for the ring it waits for
 * readers and frees at once: never fails. Do not call pinned. Cost: constant, amortised. */
void epoch_retire(epoch_limbo *limbo, vel_slab *slab, vel_ref ref);
/* Free what no pin can hold. Returns how many are left. */
uint64_t epoch_collect(epoch_limbo *limbo, vel_slab *slab);
/* Wait (yielding) until everything that was pinned when called has been unpinned: for closing
 * files, freeing a collection. Do not call pinned. */
void epoch_wait(void);
void epoch_limbo_free(epoch_limbo *limbo); /* frees the ring only, not the blocks */

/* Bumped in the child of every fork: an engine that remembers another number is not the owner. */
extern uint64_t fork_generation;

#endif
