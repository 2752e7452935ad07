/* slab_region.h: what slab.c, slab_region.c and slab_check.c share. Not for others.
 *
 * The bookkeeping is one mapping, virtually reserved for SLAB_REGIONS_MAX regions and touched from
 * the front: `bases`, then a struct region per region number. A region number is free when its base
 * is NULL.
 */
#ifndef VEL_SLAB_REGION_H
#define VEL_SLAB_REGION_H

#include "slab.h"

#ifdef __SANITIZE_ADDRESS__
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#define ASAN_UNPOISON_MEMORY_REGION(at, size) ((void)(at), (void)(size))
#endif

#define ACCOUNT_PAGE ((uint64_t)4096)  /* unit of accounting, whatever the system's page */
#define CLASS_COUNT 112
#define CLASS_NONE 0xFF             /* region number not in use */
#define CLASS_LARGE 0xFE            /* first region of a block with regions of its own */
#define CLASS_LARGE_REST 0xFD
#define CLASS_SPARE 0xFC            /* mapped, no class */
#define SPARES_MAX 16
#define NO_BLOCK UINT32_MAX
#define GRANULE_MASK (((uint64_t)1 << SLAB_REF_REGION_SHIFT) - 1)

typedef struct {
    uint64_t touched;      /* bytes counted in slab.memory; pages beyond were never touched */
    uint32_t opened;       /* blocks that were handed out at least once: the first ones */
    uint32_t used;         /* blocks handed out now */
    uint32_t free;         /* granule of the first freed block, or NO_BLOCK */
    uint32_t previous;     /* neighbours in the class's partial list, 0: none */
    uint32_t next;
    uint8_t class;
    uint8_t huge;          /* asked for huge pages: all of it counts */
    uint16_t _pad;
} region;

typedef struct {
    uint32_t size;         /* bytes of a block */
    uint32_t capacity;     /* blocks of a region */
    uint32_t regions;
    uint32_t fresh;        /* region with blocks never handed out, 0: none */
    uint32_t partial;      /* first region with freed blocks, 0: none */
} slab_class;

struct slab_private {
    region *regions;       /* SLAB_REGIONS_MAX, by number; behind `bases` in the same mapping */
    uint64_t numbers_high; /* largest region number ever used */
    uint64_t numbers_low;  /* every number below is in use */
    uint64_t spare_bytes;  /* touched bytes of the spares */
    uint32_t spare_count;
    uint32_t spares[SPARES_MAX];
    slab_class classes[CLASS_COUNT];
};

#define SLAB_BOOKKEEPING_MAP_SIZE (SLAB_REGIONS_MAX * (sizeof(uint8_t *) + sizeof(region)))

VEL_INLINE uint64_t page_ceil(uint64_t bytes) {
    return (bytes + ACCOUNT_PAGE - 1) & ~(ACCOUNT_PAGE - 1);
}
VEL_INLINE void slab_memory_add(vel_slab *s, int64_t bytes) {
    atomic_set_relaxed(&s->memory, s->memory + (uint64_t)bytes);
}
VEL_INLINE void slab_used_add(vel_slab *s, int64_t bytes) {
    atomic_set_relaxed(&s->used, s->used + (uint64_t)bytes);
}

/* Bytes of bookkeeping touched when region numbers up to numbers_high were used. */
uint64_t slab_bookkeeping_size(uint64_t numbers_high);
/* Count bytes about to be touched; spares give way to them. Returns VEL_OK or VEL_E_MEMORY_LIMIT.
 */
vel_status slab_memory_take(vel_slab *s, uint64_t bytes);

/* Map `size` bytes, not aligned to more than the page; NULL without memory. */
void *slab_map(uint64_t size);
void slab_unmap(void *at, uint64_t size);
void slab_advise(void *at, uint64_t size, bool huge);

/* A region of class CLASS_SPARE: from the spares, or mapped. Its touched bytes are counted. */
vel_status slab_region_open(vel_slab *s, bool huge, uint64_t *number);
/* Take back an empty region: spare, or unmapped. */
void slab_region_close(vel_slab *s, uint32_t number);

/* A block larger than the largest class. */
vel_status slab_large_alloc(vel_slab *s, uint64_t size, vel_ref *out);
void slab_large_free(vel_slab *s, uint32_t number);

/* The link in a freed block, which the address sanitizer would not let be read. */
__attribute__((no_sanitize("address")))
static inline uint32_t slab_link_read(const uint8_t *block) {
    return *(const uint32_t *)(const void *)block;
}

#endif
