/* slab_region.c: see slab_region.h. Region numbers, mappings, spares and the budget. */
#include "slab_region.h"

#include <sys/mman.h>

uint64_t slab_bookkeeping_size(uint64_t numbers_high) {
    return sizeof(struct slab_private) + page_ceil((numbers_high + 1) * sizeof(uint8_t *)) +
           page_ceil((numbers_high + 1) * sizeof(region));
}

/* Mapping and unmapping. */

void slab_advise(void *at, uint64_t size, bool huge) {
#ifdef MADV_HUGEPAGE
    /* Where huge pages are the system's default they must be declined, or one block would cost 2
     * MiB. */
    (void)madvise(at, size, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
#else
    (void)at, (void)size, (void)huge;
#endif
}

void *slab_map(uint64_t size) {
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
                    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at == MAP_FAILED ? NULL : at;
}

static uint8_t *map_region(void) {
    const uint64_t size = SLAB_REGION_SIZE;
    uint8_t *at = slab_map(size);
    /* Mappings are laid out side by side, so after one aligned region the next fits at once. */
    if (!at || !((uintptr_t)at & (size - 1))) return at;
    munmap(at, size);
    at = slab_map(2 * size);
    if (!at) return NULL;
    uint64_t skip = (size - ((uintptr_t)at & (size - 1))) & (size - 1);
    if (skip) munmap(at, skip);
    munmap(at + skip + size, size - skip);
    return at + skip;
}

void slab_unmap(void *at, uint64_t size) {
    ASAN_UNPOISON_MEMORY_REGION(at, size);  /* whoever maps this address next must not inherit it */
    munmap(at, size);
}

/* Region numbers. */

/* The lowest `count` free numbers in a row; 0 when there are none. */
static uint64_t numbers_find(const vel_slab *s, uint64_t count) {
    uint64_t run = 0;
    for (uint64_t number = s->p->numbers_low; number < SLAB_REGIONS_MAX; number++) {
        if (number > s->p->numbers_high) {  /* nothing beyond was ever used */
            uint64_t first = number - run;
            return first + count <= SLAB_REGIONS_MAX ? first : 0;
        }
        run = s->bases[number] ? 0 : run + 1;
        if (run == count) return number - count + 1;
    }
    return 0;
}

static void numbers_take(vel_slab *s, uint64_t first, uint64_t count, uint8_t *base) {
    struct slab_private *p = s->p;
    for (uint64_t i = 0; i < count; i++) {
        s->bases[first + i] = base + i * SLAB_REGION_SIZE;
        p->regions[first + i] = (region){.class = CLASS_LARGE_REST, .free = NO_BLOCK};
    }
    if (first == p->numbers_low) p->numbers_low = first + count;
    if (first + count - 1 > p->numbers_high) p->numbers_high = first + count - 1;
}

static void numbers_give(vel_slab *s, uint64_t first, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        s->bases[first + i] = NULL;
        s->p->regions[first + i].class = CLASS_NONE;
    }
    if (first < s->p->numbers_low) s->p->numbers_low = first;
}

/* Spares and the budget. */

static void region_unmap(vel_slab *s, uint32_t number) {
    region *r = &s->p->regions[number];
    slab_unmap(s->bases[number], SLAB_REGION_SIZE);
    slab_memory_add(s, -(int64_t)r->touched);
    numbers_give(s, number, 1);
}

static uint32_t spare_remove(vel_slab *s, uint32_t at) {
    struct slab_private *p = s->p;
    uint32_t number = p->spares[at];
    p->spares[at] = p->spares[--p->spare_count];
    p->spare_bytes -= p->regions[number].touched;
    return number;
}

/* A spare for a class, 0 when none fits. Small pages already there would keep huge ones out, and a
 * small class must not take a huge one. */
static uint32_t spare_take(vel_slab *s, bool huge) {
    struct slab_private *p = s->p;
    for (uint32_t at = p->spare_count; at-- > 0;)
        if (huge == p->regions[p->spares[at]].huge) return spare_remove(s, at);
    return 0;
}

/* Count bytes about to be touched; spares give way to them. */
vel_status slab_memory_take(vel_slab *s, uint64_t bytes) {
    while (s->budget && s->memory + s->charged + bytes > s->budget) {
        if (!s->p->spare_count) return VEL_E_MEMORY_LIMIT;
        region_unmap(s, spare_remove(s, s->p->spare_count - 1));
    }
    slab_memory_add(s, (int64_t)bytes);
    return VEL_OK;
}

vel_status slab_charge(vel_slab *s, int64_t bytes) {
    if (bytes > 0) {
        vel_status status = slab_memory_take(s, (uint64_t)bytes);
        if (status) return status;
        slab_memory_add(s, -bytes);
    }
    vel_assert(bytes >= 0 || s->charged >= (uint64_t)-bytes);
    atomic_set_relaxed(&s->charged, s->charged + (uint64_t)bytes);
    return VEL_OK;
}

/* Free numbers for `count` regions of `bytes` at `base` together. Counts the bytes and the
 * bookkeeping. */
static vel_status numbers_open(vel_slab *s, uint64_t count, uint64_t bytes, uint64_t *number) {
    *number = numbers_find(s, count);
    if (!*number) return VEL_E_NOMEM;
    uint64_t high = s->p->numbers_high, last = *number + count - 1;
    uint64_t more = last > high ? slab_bookkeeping_size(last) - slab_bookkeeping_size(high) : 0;
    return slab_memory_take(s, bytes + more);
}

/* Undo numbers_open when the mapping failed. */
static void numbers_unopen(vel_slab *s, uint64_t count, uint64_t bytes, uint64_t number) {
    uint64_t high = s->p->numbers_high, last = number + count - 1;
    uint64_t more = last > high ? slab_bookkeeping_size(last) - slab_bookkeeping_size(high) : 0;
    slab_memory_add(s, -(int64_t)(bytes + more));
}

/* Blocks larger than a class. */

vel_status slab_large_alloc(vel_slab *s, uint64_t size, vel_ref *out) {
    uint64_t bytes = page_ceil(size), number;
    uint64_t count = (bytes + SLAB_REGION_SIZE - 1) / SLAB_REGION_SIZE;
    vel_status status = numbers_open(s, count, bytes, &number);
    if (status) return status;
    uint8_t *base = slab_map(bytes);
    if (!base) {
        numbers_unopen(s, count, bytes, number);
        return VEL_E_NOMEM;
    }
    numbers_take(s, number, count, base);
    region *r = &s->p->regions[number];
    r->class = CLASS_LARGE;
    r->touched = bytes;
    slab_used_add(s, (int64_t)bytes);
    *out = number << SLAB_REF_REGION_SHIFT;
    return VEL_OK;
}

void slab_large_free(vel_slab *s, uint32_t number) {
    uint64_t bytes = s->p->regions[number].touched;
    slab_unmap(s->bases[number], bytes);
    slab_memory_add(s, -(int64_t)bytes);
    slab_used_add(s, -(int64_t)bytes);
    numbers_give(s, number, (bytes + SLAB_REGION_SIZE - 1) / SLAB_REGION_SIZE);
}

/* Regions of the common size. */

static vel_status region_map(vel_slab *s, bool huge, uint64_t *number) {
    uint64_t bytes = huge ? SLAB_REGION_SIZE : 0;
    vel_status status = numbers_open(s, 1, bytes, number);
    if (status) return status;
    uint8_t *base = map_region();
    if (!base) {
        numbers_unopen(s, 1, bytes, *number);
        return VEL_E_NOMEM;
    }
    slab_advise(base, SLAB_REGION_SIZE, huge);
    numbers_take(s, *number, 1, base);
    s->p->regions[*number].touched = bytes;
    s->p->regions[*number].huge = huge;
    return VEL_OK;
}

vel_status slab_region_open(vel_slab *s, bool huge, uint64_t *number) {
    *number = spare_take(s, huge);
    s->spare_wanted |= huge;
    if (*number) return VEL_OK;
    /* Clearing a huge page takes up to milliseconds. Where somebody else does that ahead of need,
     * but was not quick enough, the region is touched page by page: by many writes, not by one. */
    bool now = huge && !s->spares_come;
    vel_status status = region_map(s, now, number);
    /* Close to the budget, too. */
    if (status == VEL_E_MEMORY_LIMIT && now) status = region_map(s, false, number);
    return status;
}

void slab_region_close(vel_slab *s, uint32_t number) {
    struct slab_private *p = s->p;
    region *r = &p->regions[number];
    r->class = CLASS_SPARE;
    if (p->spare_count < SPARES_MAX && p->spare_bytes + r->touched <= SLAB_REGION_SIZE) {
        p->spares[p->spare_count++] = number;
        p->spare_bytes += r->touched;
    } else {
        region_unmap(s, number);
    }
}

uint8_t *slab_spare_map(void) {
    uint8_t *base = map_region();
    if (!base) return NULL;
    slab_advise(base, SLAB_REGION_SIZE, true);
    for (uint64_t at = 0; at < SLAB_REGION_SIZE; at += ACCOUNT_PAGE)
        *(volatile uint8_t *)(base + at) = 0;
    return base;
}

void slab_spare_add(vel_slab *s, uint8_t *base) {
    struct slab_private *p = s->p;
    uint64_t number;
    bool near = s->budget && s->memory + s->charged + 2 * SLAB_REGION_SIZE > s->budget;
    if (near || p->spare_count == SPARES_MAX ||
        numbers_open(s, 1, SLAB_REGION_SIZE, &number)) {
        slab_unmap(base, SLAB_REGION_SIZE);
        return;
    }
    numbers_take(s, number, 1, base);
    region *r = &p->regions[number];
    r->class = CLASS_SPARE;
    r->touched = SLAB_REGION_SIZE;
    r->huge = 1;
    p->spares[p->spare_count++] = (uint32_t)number;
    p->spare_bytes += SLAB_REGION_SIZE;
}
