/* epoch.c: see epoch.h.
 *
 * Why it is safe. A writer (1) takes a block out of every published place and retires it. A
 * collection, later and under the same commit lock, (2) advances epoch_now from e to e + 1 and
 * stamps what was retired since the last one with e, (3) runs a barrier through every thread of the
 * process, (4) reads the pins, and frees what is stamped below all of them (no pin counts as above
 * all). Take a reader:
 *   - Its pin was not visible at (4). Then the pin's store came after the barrier in the reader,
 *     and so did every load behind it: the reader sees (1) and cannot find the block.
 *   - Its pin was visible and at most the stamp: the block stays.
 *   - Its pin was visible and above the stamp. It loaded an epoch_now written by (2) or by a later
 *     advance, and with acquire: it sees (1).
 * The stamp is set in (2), not at retirement: with several engines in one domain, epoch_now as read
 * by a retiring writer orders nothing, because another engine may advance it before this writer's
 * unlinking store is visible. Only the writer's own advance orders its unlinking. A reader may load
 * epoch_now long before its pin becomes visible. That only makes the pin older.
 *
 * The barrier is membarrier(2), which makes the readers' side a plain store. Where it is missing,
 * or all pins are known to fence themselves, the barrier is a fence here (the two fences order as
 * Dekker's algorithm needs). ThreadSanitizer knows no membarrier, so it gets fences.
 */
#include "epoch.h"

#include <sched.h>

#ifdef __linux__
#include <sys/syscall.h>
#include <unistd.h>
#endif

#if defined(__linux__) && defined(SYS_membarrier) && !defined(__SANITIZE_THREAD__)
#define HAVE_MEMBARRIER 1
#define MEMBARRIER_PRIVATE_EXPEDITED (1 << 3)           /* linux/membarrier.h, 4.14 */
#define MEMBARRIER_REGISTER_PRIVATE_EXPEDITED (1 << 4)
#endif

#define COLLECT_COUNT 128             /* retired blocks between collections */
#define COLLECT_BYTES (1u << 20)      /* retired bytes between collections */
#define RING_KEEP 1024                /* items of an empty ring worth keeping */

uint64_t epoch_now = 1;
bool epoch_needs_fence = true;
epoch_slot epoch_gil_slot;
uint64_t fork_generation = 1;

static epoch_slot slots[EPOCH_SLOTS_MAX];
static uint32_t slots_high;           /* slots from here on were never taken */
static __thread uint32_t slot_hint;   /* where this thread found one last */
static __thread epoch_slot *slot_own; /* free-threaded builds: held until the thread ends */
static pthread_key_t slot_own_key;
static pthread_once_t init_once = PTHREAD_ONCE_INIT;

static bool barrier_register(void) {
#ifdef HAVE_MEMBARRIER
    return syscall(SYS_membarrier, MEMBARRIER_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
#else
    return false;
#endif
}

/* all_fenced: every pin that another thread may be setting fences itself. */
static void barrier(bool all_fenced) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#ifdef HAVE_MEMBARRIER
    if (!epoch_needs_fence && !all_fenced)
        (void)syscall(SYS_membarrier, MEMBARRIER_PRIVATE_EXPEDITED, 0, 0);
#endif
}

/* Only the forking thread lives on in the child: pins of others would be held for ever. */
static void fork_child(void) {
    for (uint32_t i = 0; i < slots_high; i++) {
        slots[i].epoch = 0;
        slots[i].taken = slot_own == &slots[i];
    }
    epoch_gil_slot.epoch = 0;
    fork_generation++;
    if (!epoch_needs_fence && !barrier_register()) epoch_needs_fence = true;
}

static void thread_end(void *slot) { atomic_set_release(&((epoch_slot *)slot)->taken, 0); }

static void init(void) {
    epoch_needs_fence = !barrier_register();
    pthread_key_create(&slot_own_key, thread_end);
    pthread_atfork(NULL, NULL, fork_child);
}

void epoch_init(void) { pthread_once(&init_once, init); }

/* slots_high is raised before the slot is first pinned: a collector that misses the new bound runs
 * before that pin by the argument above. */
static void slots_raise(uint32_t high) {
    uint32_t seen = atomic_get_relaxed(&slots_high);
    while (seen < high && !__atomic_compare_exchange_n(&slots_high, &seen, high, false,
                                                       __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {}
}

static bool slot_try(uint32_t at) {
    uint32_t free = 0;
    return !atomic_get_relaxed(&slots[at].taken) &&
           __atomic_compare_exchange_n(&slots[at].taken, &free, 1, false, __ATOMIC_ACQUIRE,
                                       __ATOMIC_RELAXED);
}

static epoch_slot *slot_take(void) {
    if (slot_try(slot_hint)) {
        slots_raise(slot_hint + 1);
        return &slots[slot_hint];
    }
    for (;;) {
        for (uint32_t at = 0; at < EPOCH_SLOTS_MAX; at++) {
            if (!slot_try(at)) continue;
            slots_raise(at + 1);
            slot_hint = at;
            return &slots[at];
        }
        sched_yield();
    }
}

#ifdef VEL_FREE_THREADED
epoch_slot *epoch_slot_attached(void) {
    if (vel_unlikely(!slot_own)) {
        slot_own = slot_take();
        pthread_setspecific(slot_own_key, slot_own);
    }
    return slot_own;
}
#endif

epoch_slot *epoch_pin_take(void) {
    epoch_slot *slot = slot_take();
    epoch_pin_fenced(slot);
    return slot;
}

void epoch_pin_give(epoch_slot *slot) {
    epoch_unpin(slot);
    atomic_set_release(&slot->taken, 0);
}

/* Advance, and run the barrier. Returns the new epoch: a pin of it or above sees all done
 * before. */
static uint64_t epoch_advance(bool all_fenced) {
    uint64_t next = __atomic_add_fetch(&epoch_now, 1, __ATOMIC_SEQ_CST);
    barrier(all_fenced);
    return next;
}

static uint64_t pin_oldest(void) {
    uint64_t oldest = atomic_get_acquire(&epoch_gil_slot.epoch);
    if (!oldest) oldest = UINT64_MAX;
    uint32_t high = atomic_get_acquire(&slots_high);
    for (uint32_t i = 0; i < high; i++) {
        uint64_t pin = atomic_get_acquire(&slots[i].epoch);
        if (pin && pin < oldest) oldest = pin;
    }
    return oldest;
}

void epoch_wait(void) {
    uint64_t now = epoch_advance(false);
    while (pin_oldest() < now) sched_yield();
}

/* Limbo. Stamps never fall from head to tail, so collecting stops at the first block that must
 * stay. */

static epoch_item *limbo_item(const epoch_limbo *limbo, uint64_t at) {
    return &limbo->items[at & (limbo->capacity - 1)];
}

uint64_t epoch_collect(epoch_limbo *limbo, vel_slab *slab) {
    if (limbo->head != limbo->tail) {
        uint64_t now = epoch_advance(limbo->attached);
        for (uint64_t at = limbo->tail; at-- > limbo->head && !limbo_item(limbo, at)->epoch;)
            limbo_item(limbo, at)->epoch = now - 1;
        uint64_t oldest = pin_oldest();
        while (limbo->head != limbo->tail && limbo_item(limbo, limbo->head)->epoch < oldest) {
            vel_ref ref = limbo_item(limbo, limbo->head++)->ref;
            limbo->bytes -= slab_block_size(slab, ref);
            slab_free(slab, ref);
        }
    }
    uint64_t left = limbo->tail - limbo->head;
    if (!left && limbo->capacity > RING_KEEP) epoch_limbo_free(limbo);
    /* A reader that stays pinned must not make every retirement look again at all it holds. */
    limbo->next_collect = left + (left > COLLECT_COUNT ? left : COLLECT_COUNT);
    limbo->next_collect_bytes =
        limbo->bytes + (limbo->bytes > COLLECT_BYTES ? limbo->bytes : COLLECT_BYTES);
    return left;
}

static bool limbo_grow(epoch_limbo *limbo) {
    uint64_t count = limbo->tail - limbo->head;
    uint64_t capacity = limbo->capacity ? limbo->capacity * 2 : 2 * COLLECT_COUNT;
    epoch_item *items = malloc(capacity * sizeof *items);
    if (!items) return false;
    for (uint64_t i = 0; i < count; i++) items[i] = *limbo_item(limbo, limbo->head + i);
    free(limbo->items);
    limbo->items = items;
    limbo->capacity = capacity;
    limbo->head = 0;
    limbo->tail = count;
    return true;
}

void epoch_retire(epoch_limbo *limbo, vel_slab *slab, vel_ref ref) {
    if (vel_likely(limbo->attached && limbo->head == limbo->tail)) {
        /* All pins fence themselves, so a fence here shows them all. Nobody is pinned: whoever
         * pins from now on sees that the block is unlinked. */
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
        if (pin_oldest() == UINT64_MAX) {
            slab_free(slab, ref);
            return;
        }
    }
    if (vel_unlikely(limbo->tail - limbo->head == limbo->capacity) && !limbo_grow(limbo)) {
        epoch_wait();
        epoch_collect(limbo, slab);
        slab_free(slab, ref);
        return;
    }
    *limbo_item(limbo, limbo->tail++) = (epoch_item){.ref = ref, .epoch = 0};
    limbo->bytes += slab_block_size(slab, ref);
    if (!limbo->next_collect) {
        limbo->next_collect = COLLECT_COUNT;
        limbo->next_collect_bytes = COLLECT_BYTES;
    }
    if (limbo->tail - limbo->head >= limbo->next_collect ||
        limbo->bytes >= limbo->next_collect_bytes)
        epoch_collect(limbo, slab);
}

void epoch_limbo_free(epoch_limbo *limbo) {
    free(limbo->items);
    *limbo = (epoch_limbo){.attached = limbo->attached};
}
