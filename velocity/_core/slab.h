/* slab.h: memory for records and table leaves, outside Python's heap (Bonwick 1994).
 *
 * A slab hands out blocks by 34-bit reference: the number of an 8-byte granule in a virtual array
 * of regions. A region is SLAB_REGION_SIZE bytes, aligned to its size, and holds blocks of one size
 * class: multiples of 8 up to 128, then eight steps per power of two up to SLAB_BLOCK_SIZE_MAX; a
 * larger block has regions of its own. Free blocks of a class are linked through themselves and
 * reused first. A region whose last block is freed goes back to the system; spares of at most one
 * region's bytes together are kept against thrashing. Regions are anonymous mappings touched from
 * the front, so memory is taken page by page; a class with SLAB_HUGE_REGIONS regions or more asks
 * for huge pages (below that they would only round small databases up), when a region is opened or,
 * where that would make its opener wait, when it is full.
 *
 * Reference 0 is never handed out: region numbers start at 1. No block moves. Block contents are
 * raw memory. A block whose class is a power of two is aligned to its size (from a page on, to the
 * page).
 *
 * Threads: everything that changes a slab requires the owner's commit lock. slab_at is lock-free
 * for any reference the reader got through an acquire load while pinned (epoch.h): `bases` is
 * reserved once for the largest count and never moves.
 */
#ifndef VEL_SLAB_H
#define VEL_SLAB_H

#include "base.h"

#define SLAB_REGION_BITS 21
#define SLAB_REGION_SIZE ((uint64_t)1 << SLAB_REGION_BITS)
#define SLAB_GRANULE_BITS 3
#define SLAB_REF_BITS 34                                   /* 128 GiB */
#define SLAB_REF_REGION_SHIFT (SLAB_REGION_BITS - SLAB_GRANULE_BITS)
#define SLAB_REGIONS_MAX ((uint64_t)1 << (SLAB_REF_BITS - SLAB_REF_REGION_SHIFT))
#define SLAB_BLOCK_SIZE_MAX ((uint64_t)512 << 10)          /* bytes; largest class */
#define SLAB_HUGE_REGIONS 2                                /* 4 MiB of one class, then huge pages */

typedef uint64_t vel_ref;  /* granule number; 0: none */

typedef struct vel_slab vel_slab;
struct vel_slab {
    uint8_t **bases;        /* SLAB_REGIONS_MAX pointers, reserved; region number -> address */
    uint64_t memory;        /* bytes touched, bookkeeping included; commit lock, read relaxed */
    uint64_t used;          /* bytes of blocks handed out (rounded to their class); likewise */
    uint64_t budget;        /* bytes that `memory + charged` may not pass; 0: none */
    uint64_t charged;       /* bytes of others' memory counted against budget (names, heap, ...) */
    bool spare_wanted;      /* no region of huge pages is ready for the next need; commit lock */
    bool spares_come;       /* somebody answers spare_wanted; commit lock */
    struct slab_private *p; /* classes and regions: slab.c */
};

vel_status slab_open(vel_slab *s, uint64_t budget);
/* Unmaps everything, blocks in use included. A slab that was never opened, but zeroed, may be
 * closed. */
void slab_close(vel_slab *s);

/* Allocate size bytes (1 .. 4 GiB - 1). Returns: VEL_OK with *out; VEL_E_MEMORY_LIMIT when the
 * budget has no room (a free block of the class is always usable); VEL_E_NOMEM. Cost: constant; a
 * new region costs a system call. */
vel_status slab_alloc(vel_slab *s, uint64_t size, vel_ref *out);
/* Start fetching the block that slab_alloc would hand out: it may have been freed long ago, and its
 * link leads on to the next. size: 1 and more. */
void slab_prefetch(const vel_slab *s, uint64_t size);
void slab_free(vel_slab *s, vel_ref ref);
/* Bytes the block really has (its class). */
uint64_t slab_block_size(const vel_slab *s, vel_ref ref);
/* What slab_block_size would say of a block of size bytes: shows rounding without allocating. */
uint64_t slab_class_size(uint64_t size);
/* Count others' memory against the budget. Positive: VEL_E_MEMORY_LIMIT when there is no room. */
vel_status slab_charge(vel_slab *s, int64_t bytes);

VEL_INLINE uint8_t *slab_at(const vel_slab *s, vel_ref ref) {
    return s->bases[ref >> SLAB_REF_REGION_SHIFT] +
           ((ref & (((uint64_t)1 << SLAB_REF_REGION_SHIFT) - 1)) << SLAB_GRANULE_BITS);
}

/* A region ahead of need: clearing its huge page takes as long as hundreds of writes. map: without
 * a lock; NULL without memory. add: requires commit lock; unmaps it when the budget is near. */
uint8_t *slab_spare_map(void);
void slab_spare_add(vel_slab *s, uint8_t *base);

/* Walk every invariant (debug and tests): free counts, no block twice, sums. Requires: commit lock.
 * Returns VEL_OK or VEL_E_CORRUPT with *why; VEL_E_NOMEM. */
vel_status slab_check(const vel_slab *s, const char **why);

#endif
