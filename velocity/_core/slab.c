/* slab.c: see slab.h. Classes and blocks; slab_region.c gets the memory.
 *
 * Per class there is at most one region with blocks never handed out (`fresh`), because a new
 * region is opened only when every block of the class is in use; regions with freed blocks form the
 * `partial` list. Freed blocks go first, so a class touches new pages only when it has none. A
 * region enters the list at the front when its first block is freed, which makes it the fullest of
 * the list; emptier ones drift to the back and drain.
 */
#include "slab_region.h"

static unsigned class_of(uint64_t size) {
    if (size <= 128) return (unsigned)((size + 7) / 8 - 1);
    uint64_t last = size - 1;
    unsigned top = 63 - (unsigned)__builtin_clzll(last);
    return 16 + (top - 7) * 8 + ((last >> (top - 3)) & 7);
}

static uint32_t class_size(unsigned class) {
    if (class < 16) return (class + 1) * 8;
    unsigned power = (class - 16) / 8, step = (class - 16) % 8;
    return (128u << power) + (step + 1) * (16u << power);
}

uint64_t slab_class_size(uint64_t size) {
    return size > SLAB_BLOCK_SIZE_MAX ? page_ceil(size) : class_size(class_of(size));
}

/* Regions of a class. */

/* A region is full: let the kernel merge its pages when it likes. */
static vel_status region_becomes_huge(vel_slab *s, uint64_t number) {
    region *r = &s->p->regions[number];
    vel_status status = slab_memory_take(s, SLAB_REGION_SIZE - r->touched);
    if (status) return status;
    slab_advise(s->bases[number], SLAB_REGION_SIZE, true);
    r->touched = SLAB_REGION_SIZE;
    r->huge = 1;
    return VEL_OK;
}

/* The regions a class had before it qualified for huge pages. */
static void class_becomes_huge(vel_slab *s, unsigned class) {
    struct slab_private *p = s->p;
    for (uint64_t number = 1; number <= p->numbers_high; number++) {
        const region *r = &p->regions[number];
        if (!s->bases[number] || r->class != class || r->huge) continue;
        if (region_becomes_huge(s, number)) return;
    }
}

static vel_status class_open_region(vel_slab *s, unsigned class) {
    slab_class *c = &s->p->classes[class];
    uint64_t number;
    vel_status status = slab_region_open(s, c->regions >= SLAB_HUGE_REGIONS, &number);
    if (status) return status;
    if (c->regions == SLAB_HUGE_REGIONS) class_becomes_huge(s, class);
    region *r = &s->p->regions[number];
    r->class = (uint8_t)class;
    r->opened = r->used = r->previous = r->next = 0;
    r->free = NO_BLOCK;
    ASAN_POISON_MEMORY_REGION(s->bases[number], SLAB_REGION_SIZE);
    c->regions++;
    c->fresh = (uint32_t)number;
    return VEL_OK;
}

static void partial_push(vel_slab *s, slab_class *c, uint32_t number) {
    region *r = &s->p->regions[number];
    r->previous = 0;
    r->next = c->partial;
    if (c->partial) s->p->regions[c->partial].previous = number;
    c->partial = number;
}

static void partial_remove(vel_slab *s, slab_class *c, uint32_t number) {
    region *r = &s->p->regions[number];
    if (r->previous) s->p->regions[r->previous].next = r->next;
    else c->partial = r->next;
    if (r->next) s->p->regions[r->next].previous = r->previous;
}

/* The last block of a region was freed, or none could be opened. */
static void class_close_region(vel_slab *s, slab_class *c, uint32_t number) {
    region *r = &s->p->regions[number];
    vel_assert(r->used == 0);
    if (r->free != NO_BLOCK) partial_remove(s, c, number);
    if (c->fresh == number) c->fresh = 0;
    c->regions--;
    r->free = NO_BLOCK;
    slab_region_close(s, number);
}

/* Blocks. The link to the next freed block of the region lies in a freed block's first four
 * bytes. */

#define LINK_SIZE 4

static void block_freed(uint8_t *block, uint32_t size, uint32_t link) {
    store_u32(block, link);
#ifdef VEL_DEBUG
    memset(block + LINK_SIZE, 0xDD, size - LINK_SIZE);
#endif
    ASAN_POISON_MEMORY_REGION(block, size);
}

static uint32_t block_reused(uint8_t *block, uint32_t size) {
    uint32_t link = slab_link_read(block);
    ASAN_UNPOISON_MEMORY_REGION(block, size);
#ifdef VEL_DEBUG
    /* Somebody wrote to it after it was freed? */
    for (uint32_t i = LINK_SIZE; i < size; i++) vel_assert(block[i] == 0xDD);
    memset(block, 0xCD, size);
#endif
    return link;
}

static vel_status block_open(vel_slab *s, slab_class *c, vel_ref *out) {
    uint32_t number = c->fresh;
    region *r = &s->p->regions[number];
    uint64_t at = (uint64_t)r->opened * c->size, end = at + c->size;
    if (end > r->touched) {
        uint64_t touched = page_ceil(end);
        vel_status status = slab_memory_take(s, touched - r->touched);
        if (status) {
            if (!r->used) class_close_region(s, c, number);
            return status;
        }
        r->touched = touched;
    }
    ASAN_UNPOISON_MEMORY_REGION(s->bases[number] + at, c->size);
    if (++r->opened == c->capacity) {
        c->fresh = 0;
        if (!r->huge && c->regions > SLAB_HUGE_REGIONS) (void)region_becomes_huge(s, number);
    }
    *out = (uint64_t)number << SLAB_REF_REGION_SHIFT | at >> SLAB_GRANULE_BITS;
    return VEL_OK;
}

void slab_prefetch(const vel_slab *s, uint64_t size) {
    if (size > SLAB_BLOCK_SIZE_MAX) return;
    uint64_t number = s->p->classes[class_of(size)].partial;
    if (!number) return;
    uint64_t granule = s->p->regions[number].free;
    __builtin_prefetch(slab_at(s, number << SLAB_REF_REGION_SHIFT | granule), 1);
}

vel_status slab_alloc(vel_slab *s, uint64_t size, vel_ref *out) {
    vel_assert(size > 0 && size <= UINT32_MAX);
    if (vel_unlikely(size > SLAB_BLOCK_SIZE_MAX)) return slab_large_alloc(s, size, out);
    unsigned class = class_of(size);
    slab_class *c = &s->p->classes[class];
    uint32_t number = c->partial;
    if (number) {
        region *r = &s->p->regions[number];
        *out = (uint64_t)number << SLAB_REF_REGION_SHIFT | r->free;
        r->free = block_reused(slab_at(s, *out), c->size);
        if (r->free == NO_BLOCK) partial_remove(s, c, number);
    } else {
        vel_status status = c->fresh ? VEL_OK : class_open_region(s, class);
        if (!status) status = block_open(s, c, out);
        if (status) return status;
    }
    s->p->regions[*out >> SLAB_REF_REGION_SHIFT].used++;
    slab_used_add(s, c->size);
    return VEL_OK;
}

void slab_free(vel_slab *s, vel_ref ref) {
    uint32_t number = (uint32_t)(ref >> SLAB_REF_REGION_SHIFT);
    region *r = &s->p->regions[number];
    if (vel_unlikely(r->class == CLASS_LARGE)) {
        slab_large_free(s, number);
        return;
    }
    vel_assert(number && r->class < CLASS_COUNT && r->used);
    slab_class *c = &s->p->classes[r->class];
    uint64_t granule = ref & GRANULE_MASK;
    vel_assert((granule << SLAB_GRANULE_BITS) % c->size == 0);
    vel_assert((granule << SLAB_GRANULE_BITS) / c->size < r->opened);
    block_freed(slab_at(s, ref), c->size, r->free);
    if (c->partial != number) {
        if (r->free != NO_BLOCK) partial_remove(s, c, number);
        partial_push(s, c, number);
    }
    r->free = (uint32_t)granule;
    slab_used_add(s, -(int64_t)c->size);
    if (--r->used == 0) class_close_region(s, c, number);
}

uint64_t slab_block_size(const vel_slab *s, vel_ref ref) {
    const region *r = &s->p->regions[ref >> SLAB_REF_REGION_SHIFT];
    return r->class == CLASS_LARGE ? r->touched : s->p->classes[r->class].size;
}

/* Whole slabs. */

vel_status slab_open(vel_slab *s, uint64_t budget) {
    _Static_assert(sizeof(region) == 32, "128 regions a page");
    memset(s, 0, sizeof *s);
    struct slab_private *p = calloc(1, sizeof *p);
    if (!p) return VEL_E_NOMEM;
    uint8_t *map = slab_map(SLAB_BOOKKEEPING_MAP_SIZE);
    if (!map) {
        free(p);
        return VEL_E_NOMEM;
    }
    slab_advise(map, SLAB_BOOKKEEPING_MAP_SIZE, false);
    s->bases = (uint8_t **)map;
    s->budget = budget;
    s->p = p;
    p->regions = (region *)(map + SLAB_REGIONS_MAX * sizeof(uint8_t *));
    p->numbers_low = 1;
    for (unsigned class = 0; class < CLASS_COUNT; class++) {
        p->classes[class].size = class_size(class);
        p->classes[class].capacity = (uint32_t)(SLAB_REGION_SIZE / class_size(class));
    }
    s->memory = slab_bookkeeping_size(0);
    return VEL_OK;
}

void slab_close(vel_slab *s) {
    if (!s->p) return;
    for (uint64_t number = 1; number <= s->p->numbers_high; number++) {
        region *r = &s->p->regions[number];
        if (!s->bases[number] || r->class == CLASS_LARGE_REST) continue;
        slab_unmap(s->bases[number], r->class == CLASS_LARGE ? r->touched : SLAB_REGION_SIZE);
    }
    slab_unmap(s->bases, SLAB_BOOKKEEPING_MAP_SIZE);
    free(s->p);
    memset(s, 0, sizeof *s);
}
