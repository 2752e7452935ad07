"""Slab, epochs, table and tree as Python objects, to be tested and measured on their own.

Nothing of the database uses this module: the engine links the same C files itself.
Thread rule: a Slab belongs to one thread at a time; a Table locks its writers, and any may use it.
"""

cimport cython
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc
from libc.string cimport memcpy

cdef extern from "base.h" nogil:
    ctypedef bint c_bool "bool"
    ctypedef enum vel_status:
        VEL_OK
        VEL_E_NOMEM
        VEL_E_MEMORY_LIMIT
        VEL_E_CORRUPT

cdef extern from "<pthread.h>" nogil:
    ctypedef struct pthread_mutex_t:
        pass
    int pthread_mutex_init(pthread_mutex_t *, void *)
    int pthread_mutex_destroy(pthread_mutex_t *)
    int pthread_mutex_trylock(pthread_mutex_t *)
    int pthread_mutex_lock(pthread_mutex_t *)
    int pthread_mutex_unlock(pthread_mutex_t *)

cdef extern from "slab.h" nogil:
    ctypedef uint64_t vel_ref
    ctypedef struct vel_slab:
        uint64_t memory
        uint64_t used
        uint64_t charged
        c_bool spare_wanted
        c_bool spares_come
    vel_status slab_open(vel_slab *, uint64_t)
    void slab_close(vel_slab *)
    vel_status slab_alloc(vel_slab *, uint64_t, vel_ref *)
    void slab_free(vel_slab *, vel_ref)
    uint64_t slab_block_size(const vel_slab *, vel_ref)
    uint64_t slab_class_size(uint64_t)
    vel_status slab_charge(vel_slab *, int64_t)
    uint8_t *slab_spare_map()
    void slab_spare_add(vel_slab *, uint8_t *)
    uint8_t *slab_at(const vel_slab *, vel_ref)
    vel_status slab_check(const vel_slab *, const char **)

cdef extern from "epoch.h" nogil:
    ctypedef struct epoch_slot:
        uint64_t epoch
    ctypedef struct epoch_limbo:
        uint64_t bytes
    void epoch_init()
    void epoch_pin(epoch_slot *)
    void epoch_unpin(epoch_slot *)
    epoch_slot *epoch_slot_attached()
    epoch_slot *epoch_pin_take()
    void epoch_pin_give(epoch_slot *)
    void epoch_retire(epoch_limbo *, vel_slab *, vel_ref)
    uint64_t epoch_collect(epoch_limbo *, vel_slab *)
    void epoch_wait()
    void epoch_limbo_free(epoch_limbo *)
    uint64_t epoch_now
    bint epoch_needs_fence
    uint64_t _fork_generation "fork_generation"

cdef extern from "table.h" nogil:
    ctypedef struct table_directory:
        uint32_t depth
    ctypedef struct vel_table:
        table_directory *directory
        uint64_t used
        uint64_t memory
        uint64_t moved
    ctypedef struct table_probe:
        uint32_t mask
        uint32_t left
    enum:
        TABLE_WALK_MIN
    vel_status table_open(vel_table *, vel_slab *, epoch_limbo *)
    void table_close(vel_table *)
    void table_probe_begin(const vel_table *, uint64_t, table_probe *)
    vel_ref table_probe_next(table_probe *, uint32_t *)
    vel_status table_reserve(vel_table *, const uint64_t *, size_t)
    void table_insert(vel_table *, uint64_t, vel_ref)
    void table_replace(vel_table *, uint64_t, vel_ref, vel_ref)
    void table_remove(vel_table *, uint64_t, vel_ref)
    vel_ref table_slot_ref(uint64_t slot)
    void table_presize(vel_table *, uint64_t)
    size_t table_walk(const vel_table *, uint64_t *, uint64_t *, size_t, c_bool *)
    vel_status table_check(const vel_table *, const char **)

cdef extern from "btree.h" nogil:
    ctypedef struct vel_btree:
        uint64_t count
        uint64_t memory
        uint32_t height
        uint32_t spare_count
    ctypedef struct btree_cursor:
        const uint8_t *key
        uint32_t size
    enum:
        BTREE_KEY_MAX
    vel_status btree_open(vel_btree *, vel_slab *)
    void btree_close(vel_btree *)
    vel_status btree_reserve(vel_btree *, size_t)
    c_bool btree_insert(vel_btree *, const uint8_t *, uint32_t)
    c_bool btree_remove(vel_btree *, const uint8_t *, uint32_t)
    c_bool btree_has(const vel_btree *, const uint8_t *, uint32_t)
    void btree_seek(const vel_btree *, btree_cursor *, const uint8_t *, uint32_t, c_bool)
    c_bool btree_next(btree_cursor *)
    uint64_t btree_count_range(const vel_btree *, const uint8_t *, uint32_t, const uint8_t *,
                               uint32_t)
    uint64_t btree_estimate_range(const vel_btree *, const uint8_t *, uint32_t, const uint8_t *,
                                  uint32_t)
    vel_status btree_check(const vel_btree *, const char **)

cdef extern from "btree.h":
    ctypedef c_bool (*btree_source)(void *, const uint8_t **, uint32_t *) noexcept
    vel_status btree_build(vel_btree *, btree_source, void *)

epoch_init()


class LimitError(MemoryError):
    """The budget has no room."""


cdef int _raise(vel_status status, const char *why) except -1:
    if status == VEL_E_MEMORY_LIMIT:
        raise LimitError("budget reached")
    if status == VEL_E_CORRUPT:
        raise AssertionError(why.decode())
    raise MemoryError()


def class_size(uint64_t size):
    """Bytes of the block that an allocation of *size* bytes gets."""
    return slab_class_size(size)


def fork_generation():
    return _fork_generation


def needs_fence():
    """Whether pins fence themselves, because the system has no membarrier."""
    return epoch_needs_fence


def epoch():
    """The current epoch."""
    return epoch_now


def wait():
    """Wait until everything pinned now has been unpinned."""
    with nogil:
        epoch_wait()


@cython.final
cdef class Pin:
    """A pinned epoch, from now until close() or the end of its with block."""

    cdef epoch_slot *slot

    def __cinit__(self):
        with nogil:
            self.slot = epoch_pin_take()

    def __dealloc__(self):
        self.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    @property
    def epoch(self):
        """The epoch it holds; 0 when it holds none (closed, or cleared by a fork)."""
        return self.slot.epoch if self.slot else 0

    cpdef close(self):
        if self.slot:
            epoch_pin_give(self.slot)
            self.slot = NULL


@cython.final
cdef class Slab:
    """A slab with a limbo of its own. References are ints; a wrong one is undefined behaviour."""

    cdef vel_slab slab
    cdef epoch_limbo limbo

    def __cinit__(self, uint64_t budget=0):
        cdef vel_status status = slab_open(&self.slab, budget)
        if status:
            _raise(status, NULL)

    def __dealloc__(self):
        epoch_limbo_free(&self.limbo)
        slab_close(&self.slab)

    def alloc(self, uint64_t size):
        cdef vel_ref ref
        cdef vel_status status = slab_alloc(&self.slab, size, &ref)
        if status:
            _raise(status, NULL)
        return ref

    def free(self, vel_ref ref):
        slab_free(&self.slab, ref)

    def retire(self, vel_ref ref):
        """Free once no pin from before can hold it."""
        epoch_retire(&self.limbo, &self.slab, ref)

    def collect(self):
        """Free what no pin can hold. Returns how many retired blocks are left."""
        return epoch_collect(&self.limbo, &self.slab)

    def prepare(self):
        """Make a region ahead of need, as the engine's preparer does."""
        cdef uint8_t *base = slab_spare_map()
        if not base:
            raise MemoryError()
        slab_spare_add(&self.slab, base)

    @property
    def spare_wanted(self):
        return bool(self.slab.spare_wanted)

    def promise(self):
        """Tell it that prepare() will be called when spare_wanted says so."""
        self.slab.spares_come = True

    def charge(self, int64_t count):
        cdef vel_status status = slab_charge(&self.slab, count)
        if status:
            _raise(status, NULL)

    def write(self, vel_ref ref, bytes content, uint64_t offset=0):
        self.inside(ref, offset, len(content))
        memcpy(slab_at(&self.slab, ref) + offset, <const char *>content, len(content))

    def read(self, vel_ref ref, uint64_t size, uint64_t offset=0):
        self.inside(ref, offset, size)
        return (<const char *>slab_at(&self.slab, ref) + offset)[:size]

    cdef int inside(self, vel_ref ref, uint64_t offset, uint64_t size) except -1:
        cdef uint64_t block = slab_block_size(&self.slab, ref)
        if offset > block or size > block - offset:
            raise ValueError("beyond the block")
        return 0

    def address(self, vel_ref ref):
        return <uint64_t>slab_at(&self.slab, ref)

    def block_size(self, vel_ref ref):
        return slab_block_size(&self.slab, ref)

    @property
    def memory(self):
        return self.slab.memory

    @property
    def used(self):
        return self.slab.used

    @property
    def charged(self):
        return self.slab.charged

    @property
    def retired_bytes(self):
        return self.limbo.bytes

    def check(self):
        """Raise AssertionError when an invariant does not hold."""
        cdef const char *why = NULL
        cdef vel_status status = slab_check(&self.slab, &why)
        if status:
            _raise(status, why)


cdef struct pair:
    uint64_t hash
    uint64_t payload


@cython.final
cdef class Table:
    """A table of (hash, payload) pairs of 64-bit ints, each in a slab block of its own.

    The full hash plays the id: hashes that share their top 30 bits are told apart by it.
    """

    cdef vel_slab slab
    cdef epoch_limbo limbo
    cdef vel_table table
    cdef pthread_mutex_t mutex

    def __cinit__(self, uint64_t budget=0):
        pthread_mutex_init(&self.mutex, NULL)
        cdef vel_status status = slab_open(&self.slab, budget)
        if not status:
            status = table_open(&self.table, &self.slab, &self.limbo)
        if status:
            _raise(status, NULL)

    def __dealloc__(self):
        epoch_limbo_free(&self.limbo)
        slab_close(&self.slab)
        pthread_mutex_destroy(&self.mutex)

    cdef inline void lock(self) noexcept:
        # Whoever holds the mutex may be waiting for the GIL.
        if pthread_mutex_trylock(&self.mutex):
            with nogil:
                pthread_mutex_lock(&self.mutex)

    cdef inline void unlock(self) noexcept:
        pthread_mutex_unlock(&self.mutex)

    cdef inline vel_ref lookup(self, uint64_t hash, uint64_t *payload) noexcept nogil:
        """Requires: pinned, or locked."""
        cdef table_probe probe
        cdef uint32_t position
        cdef vel_ref ref
        cdef const pair *found
        table_probe_begin(&self.table, hash, &probe)
        while True:
            ref = table_probe_next(&probe, &position)
            if not ref:
                return 0
            found = <const pair *>slab_at(&self.slab, ref)
            if found.hash == hash:
                payload[0] = found.payload
                return ref

    cdef vel_status new_block(self, uint64_t hash, uint64_t payload, vel_ref *ref) noexcept nogil:
        cdef vel_status status = slab_alloc(&self.slab, sizeof(pair), ref)
        if not status:
            (<pair *>slab_at(&self.slab, ref[0]))[0] = pair(hash, payload)
        return status

    def find(self, uint64_t hash):
        """The payload, or None."""
        cdef uint64_t payload
        cdef epoch_slot *slot = epoch_slot_attached()
        epoch_pin(slot)
        cdef vel_ref ref = self.lookup(hash, &payload)
        epoch_unpin(slot)
        return payload if ref else None

    def find_many_nogil(self, list hashes):
        """[payload or None, ...], looked up without the GIL under one pin.

        As a batch read does: all slots first, then the blocks, which by then may have been retired.
        """
        cdef size_t count = len(hashes), i
        cdef uint64_t *found = <uint64_t *>malloc((2 * count + 1) * sizeof(uint64_t))
        cdef epoch_slot *slot
        cdef table_probe probe
        cdef uint32_t position
        cdef const pair *first
        if not found:
            raise MemoryError()
        try:
            for i in range(count):
                found[i] = hashes[i]
            with nogil:
                slot = epoch_pin_take()
                for i in range(count):
                    table_probe_begin(&self.table, found[i], &probe)
                    found[count + i] = table_probe_next(&probe, &position)
                for i in range(count):
                    if not found[count + i]:
                        continue
                    first = <const pair *>slab_at(&self.slab, found[count + i])
                    if first.hash == found[i]:
                        found[i] = first.payload
                    else:  # another id of the same tag
                        found[count + i] = self.lookup(found[i], &found[i])
                epoch_pin_give(slot)
            return [found[i] if found[count + i] else None for i in range(count)]
        finally:
            free(found)

    def probes(self, uint64_t hash):
        """How many slots a lookup of an absent id goes through before an empty one."""
        cdef table_probe probe
        cdef uint32_t position
        cdef epoch_slot *slot = epoch_slot_attached()
        epoch_pin(slot)
        table_probe_begin(&self.table, hash, &probe)
        while table_probe_next(&probe, &position):
            pass
        epoch_unpin(slot)
        return probe.mask + 1 - probe.left

    def reserve(self, list hashes):
        cdef size_t count = len(hashes), i
        cdef uint64_t *array = <uint64_t *>malloc((count + 1) * sizeof(uint64_t))
        cdef vel_status status
        if not array:
            raise MemoryError()
        try:
            for i in range(count):
                array[i] = hashes[i]
            self.lock()
            status = table_reserve(&self.table, array, count)
            self.unlock()
        finally:
            free(array)
        if status:
            _raise(status, NULL)

    def insert(self, uint64_t hash, uint64_t payload):
        """Reserve and insert. Raises KeyError when it is present; LimitError leaves no trace."""
        cdef vel_ref ref
        cdef uint64_t ignored
        cdef vel_status status
        self.lock()
        cdef bint present = self.lookup(hash, &ignored) != 0
        status = VEL_OK if present else self.new_block(hash, payload, &ref)
        if not present and not status:
            status = table_reserve(&self.table, &hash, 1)
            if status:
                slab_free(&self.slab, ref)
            else:
                table_insert(&self.table, hash, ref)
        self.unlock()
        if present:
            raise KeyError(hash)
        if status:
            _raise(status, NULL)

    def insert_reserved(self, uint64_t hash, uint64_t payload):
        """Insert a hash that is absent and was reserved."""
        cdef vel_ref ref
        self.lock()
        cdef vel_status status = self.new_block(hash, payload, &ref)
        if not status:
            table_insert(&self.table, hash, ref)
        self.unlock()
        if status:
            _raise(status, NULL)

    def replace(self, uint64_t hash, uint64_t payload):
        """Raises KeyError when it is absent."""
        cdef vel_ref ref, old
        cdef uint64_t ignored
        cdef vel_status status = VEL_OK
        self.lock()
        old = self.lookup(hash, &ignored)
        if old:
            status = self.new_block(hash, payload, &ref)
            if not status:
                table_replace(&self.table, hash, old, ref)
                epoch_retire(&self.limbo, &self.slab, old)
        self.unlock()
        if not old:
            raise KeyError(hash)
        if status:
            _raise(status, NULL)

    def remove(self, uint64_t hash):
        """Raises KeyError when it is absent."""
        cdef vel_ref old
        cdef uint64_t ignored
        self.lock()
        old = self.lookup(hash, &ignored)
        if old:
            table_remove(&self.table, hash, old)
            epoch_retire(&self.limbo, &self.slab, old)
        self.unlock()
        if not old:
            raise KeyError(hash)

    def walk(self, uint64_t cursor=0, size_t capacity=0):
        """One step of a walk: ([(hash, payload), ...], next cursor, done)."""
        cdef uint64_t *slots
        cdef pair *pairs
        cdef size_t count = 0, i
        cdef c_bool done = False
        cdef epoch_slot *slot
        if capacity < TABLE_WALK_MIN:
            capacity = TABLE_WALK_MIN
        slots = <uint64_t *>malloc(capacity * sizeof(uint64_t))
        pairs = <pair *>malloc(capacity * sizeof(pair))
        if slots and pairs:
            slot = epoch_slot_attached()
            epoch_pin(slot)
            count = table_walk(&self.table, &cursor, slots, capacity, &done)
            for i in range(count):
                pairs[i] = (<pair *>slab_at(&self.slab, table_slot_ref(slots[i])))[0]
            epoch_unpin(slot)
        try:
            if not slots or not pairs:
                raise MemoryError()
            return [(pairs[i].hash, pairs[i].payload) for i in range(count)], cursor, done
        finally:
            free(slots)
            free(pairs)

    def presize(self, uint64_t count):
        self.lock()
        table_presize(&self.table, count)
        self.unlock()

    def collect(self):
        """Free what no pin can hold. Returns how many retired blocks are left."""
        self.lock()
        cdef uint64_t left = epoch_collect(&self.limbo, &self.slab)
        self.unlock()
        return left

    def close_table(self):
        """Close the table under its slab, and free the pairs too. The object is done with then."""
        cdef uint64_t cursor = 0
        cdef uint64_t *slots = <uint64_t *>malloc(TABLE_WALK_MIN * sizeof(uint64_t))
        cdef size_t count, i
        cdef c_bool done = False
        if not slots:
            raise MemoryError()
        self.lock()
        while not done:
            count = table_walk(&self.table, &cursor, slots, TABLE_WALK_MIN, &done)
            for i in range(count):
                slab_free(&self.slab, table_slot_ref(slots[i]))
        table_close(&self.table)
        epoch_collect(&self.limbo, &self.slab)
        self.unlock()
        free(slots)
        return self.slab.used

    @property
    def memory(self):
        """Bytes of leaves and directory."""
        return self.table.memory

    @property
    def slab_memory(self):
        return self.slab.memory

    @property
    def slab_used(self):
        return self.slab.used

    @property
    def depth(self):
        """Directory bits."""
        return self.table.directory.depth

    @property
    def moved(self):
        """Entries that growing and shrinking ever copied."""
        return self.table.moved

    def __len__(self):
        return self.table.used

    def check(self):
        """Raise AssertionError when an invariant of table or slab does not hold."""
        cdef const char *why = NULL
        self.lock()
        cdef vel_status status = table_check(&self.table, &why)
        if not status:
            status = slab_check(&self.slab, &why)
        self.unlock()
        if status:
            _raise(status, why)


cdef c_bool key_next(void *context, const uint8_t **key, uint32_t *size) noexcept:
    cdef BTree tree = <BTree>context
    if tree.built == len(tree.keys):
        return False
    cdef bytes next_key = <bytes>tree.keys[tree.built]
    key[0] = <const uint8_t *><const char *>next_key
    size[0] = <uint32_t>len(next_key)
    tree.built += 1
    return True


@cython.final
cdef class BTree:
    """An ordered set of bytes, in a slab of its own. It belongs to one thread at a time."""

    cdef vel_slab slab
    cdef vel_btree tree
    cdef list keys
    cdef Py_ssize_t built

    def __cinit__(self, uint64_t budget=0):
        cdef vel_status status = slab_open(&self.slab, budget)
        if not status:
            status = btree_open(&self.tree, &self.slab)
        if status:
            _raise(status, NULL)

    def __dealloc__(self):
        slab_close(&self.slab)

    cdef int small(self, bytes key) except -1:
        if len(key) > BTREE_KEY_MAX:
            raise ValueError("the key is too large")
        return 0

    def reserve(self, size_t inserts):
        cdef vel_status status = btree_reserve(&self.tree, inserts)
        if status:
            _raise(status, NULL)

    def insert_reserved(self, bytes key):
        """Whether it was new. Requires: reserved."""
        self.small(key)
        return bool(btree_insert(&self.tree, key, <uint32_t>len(key)))

    def insert(self, bytes key):
        """Reserve and insert: whether it was new. LimitError leaves no trace."""
        self.reserve(1)
        return self.insert_reserved(key)

    def remove(self, bytes key):
        """Whether it was there."""
        return bool(btree_remove(&self.tree, key, <uint32_t>len(key)))

    def build(self, list keys):
        """Fill an empty tree from sorted keys."""
        for key in keys:
            self.small(key)
        self.keys = keys
        self.built = 0
        cdef vel_status status = btree_build(&self.tree, key_next, <void *>self)
        self.keys = None
        if status:
            _raise(status, NULL)

    def scan(self, bytes key=None, bint reverse=False, Py_ssize_t limit=-1):
        """The keys from *key* on; in reverse, those before it."""
        cdef btree_cursor cursor
        cdef list found = []
        cdef const uint8_t *at = NULL
        if key is not None:
            at = key
        btree_seek(&self.tree, &cursor, at, <uint32_t>len(key or b""), reverse)
        while limit and btree_next(&cursor):
            found.append((<const char *>cursor.key)[:cursor.size])
            limit -= 1
        return found

    def count_range(self, bytes start, bytes end):
        """How many keys are from *start* to before *end* (None: no end)."""
        cdef const uint8_t *to = NULL
        if end is not None:
            to = end
        return btree_count_range(&self.tree, start, <uint32_t>len(start), to,
                                 <uint32_t>len(end or b""))

    def estimate_range(self, bytes start, bytes end):
        """About as many."""
        cdef const uint8_t *to = NULL
        if end is not None:
            to = end
        return btree_estimate_range(&self.tree, start, <uint32_t>len(start), to,
                                    <uint32_t>len(end or b""))

    def close(self):
        """Close the tree under its slab. The object is done with then."""
        btree_close(&self.tree)
        return self.slab.used

    @property
    def memory(self):
        """Bytes of nodes, reserved ones included."""
        return self.tree.memory

    @property
    def height(self):
        """Levels."""
        return self.tree.height

    @property
    def spare_count(self):
        """Nodes for inserts that were reserved."""
        return self.tree.spare_count

    def __contains__(self, bytes key):
        return bool(btree_has(&self.tree, key, <uint32_t>len(key)))

    def __len__(self):
        return self.tree.count

    def check(self):
        """Raise AssertionError when an invariant of tree or slab does not hold."""
        cdef const char *why = NULL
        cdef vel_status status = btree_check(&self.tree, &why)
        if not status:
            status = slab_check(&self.slab, &why)
        if status:
            _raise(status, why)
