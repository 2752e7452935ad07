/* slab_check.c: see slab_check in slab.h. */
#include "slab_region.h"

#define CHECK(condition, text)                                            \
    do {                                                                  \
        if (!(condition)) { *why = (text); return VEL_E_CORRUPT; }        \
    } while (0)

/* Freed blocks of one region, each seen once: `seen` has a byte per block. */
static vel_status region_check_free(const vel_slab *s, uint64_t number, uint8_t *seen,
                                    const char **why) {
    const region *r = &s->p->regions[number];
    const slab_class *c = &s->p->classes[r->class];
    uint32_t count = 0;
    for (uint64_t granule = r->free; granule != NO_BLOCK; count++) {
        uint64_t at = granule << SLAB_GRANULE_BITS;
        CHECK(at % c->size == 0 && at / c->size < r->opened, "a free link leads out of the blocks");
        CHECK(!seen[at / c->size], "a block is free twice");
        seen[at / c->size] = 1;
        granule = slab_link_read(s->bases[number] + at);
    }
    CHECK(count == r->opened - r->used, "free blocks are miscounted");
    return VEL_OK;
}

static vel_status region_check(const vel_slab *s, uint64_t number, const char **why) {
    const region *r = &s->p->regions[number];
    if (r->class == CLASS_LARGE || r->class == CLASS_LARGE_REST || r->class == CLASS_SPARE)
        return VEL_OK;
    CHECK(r->class < CLASS_COUNT, "a mapped region has no class");
    const slab_class *c = &s->p->classes[r->class];
    CHECK(!((uintptr_t)s->bases[number] & (SLAB_REGION_SIZE - 1)), "a region is not aligned");
    CHECK(r->used > 0 && r->used <= r->opened && r->opened <= c->capacity,
          "a region is miscounted");
    CHECK((uint64_t)r->opened * c->size <= r->touched, "touched bytes are not counted");
    CHECK((r->opened < c->capacity) == (c->fresh == number),
          "fresh blocks outside the fresh region");
    uint8_t *seen = calloc(r->opened, 1);
    if (!seen) return VEL_E_NOMEM;
    vel_status status = region_check_free(s, number, seen, why);
    free(seen);
    return status;
}

/* The partial list names exactly the regions with freed blocks. */
static vel_status class_check(const vel_slab *s, unsigned class, const char **why) {
    const slab_class *c = &s->p->classes[class];
    uint64_t listed = 0, expected = 0, regions = 0;
    for (uint32_t number = c->partial, previous = 0; number; listed++) {
        const region *r = &s->p->regions[number];
        CHECK(s->bases[number] && r->class == class, "a class lists another's region");
        CHECK(r->previous == previous && r->free != NO_BLOCK, "the partial list is broken");
        CHECK(listed <= s->p->numbers_high, "the partial list is a circle");
        previous = number;
        number = r->next;
    }
    for (uint64_t number = 1; number <= s->p->numbers_high; number++) {
        const region *r = &s->p->regions[number];
        if (!s->bases[number] || r->class != class) continue;
        regions++;
        expected += r->free != NO_BLOCK;
    }
    CHECK(listed == expected, "a region with free blocks is not listed");
    CHECK(regions == c->regions, "regions of a class are miscounted");
    return VEL_OK;
}

vel_status slab_check(const vel_slab *s, const char **why) {
    uint64_t memory = slab_bookkeeping_size(s->p->numbers_high), used = 0;
    uint64_t spares = 0, spare_bytes = 0;
    for (uint64_t number = 1; number <= s->p->numbers_high; number++) {
        const region *r = &s->p->regions[number];
        CHECK(s->bases[number] || number >= s->p->numbers_low, "a free number below the lowest");
        if (!s->bases[number]) continue;
        vel_status status = region_check(s, number, why);
        if (status) return status;
        if (r->class == CLASS_LARGE) used += r->touched;
        if (r->class < CLASS_COUNT) used += (uint64_t)r->used * s->p->classes[r->class].size;
        if (r->class == CLASS_SPARE) spares++, spare_bytes += r->touched;
        memory += r->touched;
    }
    for (unsigned class = 0; class < CLASS_COUNT; class++) {
        vel_status status = class_check(s, class, why);
        if (status) return status;
    }
    CHECK(spares == s->p->spare_count && spare_bytes == s->p->spare_bytes, "spares are miscounted");
    CHECK(memory == s->memory, "memory is miscounted");
    CHECK(used == s->used, "used bytes are miscounted");
    return VEL_OK;
}
