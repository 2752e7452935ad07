# C declarations of the core that engine.pyx uses; the headers are the documentation.

from cpython.object cimport PyObject
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef extern from "<stdbool.h>" nogil:
    ctypedef bint c_bool "bool"


cdef extern from "index.h" nogil:
    ctypedef struct index_conflict:
        index_conflict *next
        uint32_t key_size, id_size, other_size
        uint8_t bytes[1]
    void index_conflict_free(index_conflict *first)


cdef extern from "base.h" nogil:
    ctypedef int vel_status
    enum:
        VEL_OK, VEL_NOT_FOUND, VEL_MISMATCH, VEL_BUSY, VEL_END, VEL_E_UNIQUE
        VEL_E_NOMEM, VEL_E_MEMORY_LIMIT, VEL_E_IO, VEL_E_CORRUPT, VEL_E_CLOSED, VEL_E_LOCKED
        VEL_E_INVALID, VEL_E_TOO_LARGE, VEL_E_PYTHON, VEL_E_FAILED, VEL_E_FULL, VEL_E_SCHEMA
    ctypedef struct vel_error:
        vel_status status
        int sys_errno
        uint64_t offset
        char path[1]
        char what[1]
        index_conflict *conflict
    ctypedef struct vel_buffer:
        uint8_t *data
        size_t size
        size_t capacity
    uint64_t vel_align8(uint64_t n)
    vel_status buffer_reserve(vel_buffer *b, size_t more)
    void buffer_borrow(vel_buffer *b, uint8_t *array, size_t capacity)
    void buffer_free(vel_buffer *b)
    uint32_t load_u32(const void *p)
    int64_t clock_wall_ns()
    uint32_t atomic_get_acquire(uint32_t *p)
    void atomic_set_release(uint32_t *p, uint32_t v)


cdef extern from "epoch.h" nogil:
    void epoch_init()


cdef extern from "pyfaults.h":
    int pyfaults_init(object module) except -1


cdef extern from "record.h" nogil:
    enum:
        ID_SIZE_MAX
    ctypedef struct vel_record:
        int64_t modified, created, expiry
        uint64_t version
        const uint8_t *id
        const uint8_t *body
        uint32_t size, body_size
        uint16_t id_size
        uint8_t flags
    void record_read(const uint8_t *r, vel_record *out)
    uint32_t record_size(const uint8_t *r)
    uint16_t record_id_size(const uint8_t *r)
    const uint8_t *record_id(const uint8_t *r)
    uint64_t record_version(const uint8_t *r)
    int64_t record_stamp(const uint8_t *r)


cdef extern from "names.h" nogil:
    ctypedef struct vel_names:
        pass
    vel_names *names_new()
    void names_free(vel_names *n)


cdef extern from "pycodec.h":
    int pycodec_init(object schema_error) except -1
    int body_encode(object fields, vel_names *names, vel_buffer *out) except -1
    int value_encode(object value, vel_names *names, vel_buffer *out) except -1
    object body_decode(const uint8_t *body, size_t size, vel_names *names)
    PyObject *body_decode_field(const uint8_t *body, size_t size, vel_names *names, PyObject *name)
    int body_has_field(const uint8_t *body, size_t size, vel_names *names, object name) except -1
    list body_decode_names(const uint8_t *body, size_t size, vel_names *names)
    object time_decode_ns(int64_t ns)


cdef extern from "pykey.h":
    int pykey_init() except -1
    object pykey_bytes(object value, bint descending)
    int pykey_append(object value, bint descending, size_t limit, vel_buffer *out) except -1
    tuple pykey_values(const uint8_t *key, size_t size)


cdef extern from "schema.h" nogil:
    enum:
        SCHEMA_WHOLE, SCHEMA_FILL
    ctypedef int schema_type
    ctypedef struct vel_schema:
        pass
    vel_schema *schema_new(vel_names *names, bint strict)
    void schema_free(vel_schema *s)
    vel_status schema_add(vel_schema *s, const uint8_t *name, size_t name_size, schema_type type,
                          bint required, const uint8_t *default_body, size_t default_size)


cdef extern from "rules.h" nogil:
    vel_status rules_install(vel_engine *e, vel_collection *c, vel_schema *schema)
    vel_status rules_judge(vel_engine *e, vel_collection *c, const uint8_t *body, size_t size,
                           int mode, vel_buffer *out, vel_error *error)
    vel_status evolve_begin(vel_engine *e, vel_collection *c, vel_schema *next)
    vel_status evolve_check(vel_engine *e, vel_collection *c, vel_buffer *report, vel_error *error)
    void evolve_end(vel_engine *e, vel_collection *c, bint take)
    vel_status evolve_fill(vel_engine *e, vel_collection *c, uint64_t *count, vel_error *error)


cdef extern from "collection.h" nogil:
    enum:
        COLLECTION_NAME_MAX
    ctypedef struct vel_collection:
        uint32_t id
        uint8_t level
        char *name
        uint32_t name_size, ready
        vel_names *names
    bint collection_dropped(const vel_collection *c)
    uint64_t collection_changes(const vel_collection *c)
    uint64_t collection_count(const vel_collection *c)
    void collection_release(vel_collection *c)


cdef extern from "engine.h" nogil:
    enum:
        WRITE_PUT, WRITE_MERGE, WRITE_DELETE, WRITE_CHECK, WRITE_UNCHANGED
        REQUIRE_NONE, REQUIRE_ABSENT, REQUIRE_PRESENT
        WRITE_KEEP_EXPIRY, WRITE_IF_VERSION, WRITE_IF_MATCHES, WRITE_IF_STAMP, WRITE_NO_DEFAULTS
        APPLY_NONBLOCK, APPLY_WANT_CURRENT
    ctypedef struct vel_options:
        const char *data_dir
        bint bounded
        bint sync_writes
        uint64_t cache_size, max_memory
        int64_t flush_interval
    ctypedef struct vel_engine:
        vel_options options
        uint64_t hash_seed
        vel_collection **collections
        uint32_t collection_count
    ctypedef struct vel_write:
        vel_collection *collection
        uint64_t hash
        const uint8_t *id
        const uint8_t *body
        const uint8_t *expected
        uint32_t id_size, body_size, expected_size
        uint8_t kind, require, flags, existed
        uint64_t expected_version
        int64_t expected_stamp, expiry
        uint64_t version
    void write_begin(vel_write *w, vel_collection *c, uint64_t hash, const void *id,
                     size_t id_size, uint8_t kind, uint8_t require)
    ctypedef struct vel_outcome:
        uint64_t seq
        size_t failed
        const char *why
        vel_buffer current
    ctypedef struct vel_key:
        const uint8_t *id
        uint32_t id_size
        uint64_t hash
        size_t at
    ctypedef struct vel_stats:
        uint64_t collections, documents
        uint64_t memory_usage, record_memory, table_memory, index_memory, name_memory, cache_memory
        uint64_t disk_usage, live_bytes, garbage_bytes, segments
        uint64_t cache_hits, cache_misses, sequence, durable_sequence, writes, expired
        uint64_t compactions, compacted_bytes
    ctypedef struct vel_health:
        char log[1]
        char disk[1]
        char compaction[1]
        char expiry[1]
        char recovery[1]

    vel_status engine_open(const vel_options *options, vel_engine **out, vel_error *error)
    vel_status engine_close(vel_engine *e, vel_error *error)
    void engine_free(vel_engine *e)
    vel_status engine_usable(const vel_engine *e)
    vel_status engine_enter(vel_engine *e)
    void engine_leave(vel_engine *e)
    uint64_t engine_hash(const vel_engine *e, const void *id, size_t id_size)
    vel_status engine_apply(vel_engine *e, vel_write *writes, size_t count, int64_t now, int flags,
                            vel_outcome *outcome, vel_error *error)
    vel_status engine_wait_synced(vel_engine *e, uint64_t seq, vel_error *error)
    vel_status engine_flush(vel_engine *e, vel_error *error)
    vel_status engine_read(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                           size_t id_size, uint8_t *buffer, size_t capacity, size_t *size)
    vel_status engine_read_cold(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                                size_t id_size, vel_buffer *out, vel_error *error)
    vel_status engine_has(vel_engine *e, vel_collection *c, uint64_t hash, const uint8_t *id,
                          size_t id_size)
    void engine_prefetch_slot(const vel_engine *e, const vel_collection *c, uint64_t hash)
    void engine_prefetch_record(const vel_engine *e, const vel_collection *c, uint64_t hash)
    vel_status engine_read_many(vel_engine *e, vel_collection *c, vel_key *keys, size_t count,
                                bint attached, vel_buffer *arena, vel_error *error)
    vel_status engine_compact(vel_engine *e, bint all, uint64_t *given_back, vel_error *error)
    vel_status engine_reap(vel_engine *e, int64_t now, c_bool *more, vel_error *error)
    bint engine_is_due(const vel_engine *e, int64_t now)
    void engine_stats(vel_engine *e, vel_stats *out)
    void engine_health(vel_engine *e, vel_health *out)
    vel_status catalog_find(vel_engine *e, const char *name, size_t name_size, vel_collection **out)
    vel_status catalog_list(vel_engine *e, vel_buffer *out)
    vel_status catalog_create(vel_engine *e, const char *name, size_t name_size, uint8_t level,
                              const uint8_t *metadata, size_t metadata_size, vel_collection **out,
                              vel_error *error)
    vel_status catalog_metadata(vel_engine *e, const vel_collection *c, vel_buffer *out)
    vel_status catalog_set_metadata(vel_engine *e, vel_collection *c, const uint8_t *data,
                                    size_t size, vel_error *error)
    vel_status catalog_drop(vel_engine *e, const char *name, size_t name_size, vel_collection **out,
                            vel_error *error)
    ctypedef void (*verify_report)(void *context, const char *path, uint64_t offset,
                                   const char *what) noexcept
    vel_status c_verify_directory "verify_directory"(const char *directory, uint64_t *records,
                                                     verify_report report, void *context,
                                                     vel_error *error)


cdef extern from "index.h" nogil:
    const size_t INDEX_SLICE
    ctypedef struct vel_path:
        uint8_t *text
        uint32_t text_size
    ctypedef struct vel_index:
        char *name
        vel_path *paths
        uint8_t *descending
        uint32_t field_count
        c_bool unique
    ctypedef struct index_field:
        const uint8_t *path
        uint32_t size
        c_bool descending
    ctypedef struct index_where "vel_filter":
        pass
    ctypedef struct index_definition:
        const char *name
        const index_field *fields
        uint32_t field_count
        c_bool unique
        index_where *where
    ctypedef struct index_cursor:
        pass
    ctypedef struct index_read:
        uint64_t hash
        size_t at
        uint32_t count
    vel_status index_create(vel_engine *e, vel_collection *c, const index_definition *d,
                            bint alone, vel_index **out, vel_error *error)
    vel_status index_drop(vel_engine *e, vel_collection *c, const char *name, index_where **where)
    vel_status index_find(vel_engine *e, vel_collection *c, const char *name, vel_index **out)
    void index_release(vel_index *ix)
    uint32_t index_multikey(const vel_index *ix)
    uint64_t index_entries(const vel_index *ix)
    uint64_t index_bytes(const vel_index *ix)
    void index_cursor_open(index_cursor *c, vel_index *ix, const uint8_t *begin,
                           uint32_t begin_size, const uint8_t *end, uint32_t end_size, bint reverse)
    vel_status index_scan(index_cursor *c, uint64_t *hashes, size_t capacity, size_t *count,
                          vel_buffer *keys)
    vel_status index_count_range(vel_index *ix, const uint8_t *begin, uint32_t begin_size,
                                 const uint8_t *end, uint32_t end_size, bint exact, uint64_t *count)
    vel_status engine_read_hashes(vel_engine *e, vel_collection *c, index_read *reads, size_t count,
                                  bint attached, vel_buffer *arena, vel_error *error)


cdef extern from "changes.h" nogil:
    ctypedef struct vel_changes:
        uint64_t seq
    ctypedef struct change_item:
        uint64_t seq
        uint32_t position, size
        uint64_t deletes
    const uint64_t CHANGES_NOW
    vel_status changes_open(vel_changes *r, vel_engine *e, vel_collection *c, uint64_t since,
                            uint32_t position, uint64_t *floor, uint64_t *newest)
    vel_status changes_read(vel_changes *r, vel_buffer *out, size_t *count, vel_error *error)
    vel_status changes_wait(vel_changes *r, int64_t ns)
    void changes_stop(vel_changes *r)
    void changes_close(vel_changes *r)

cdef extern from "ids.h" nogil:
    ctypedef struct vel_range:
        const uint8_t *from_ "from"
        const uint8_t *to
        uint32_t from_size, to_size
    ctypedef struct vel_id:
        uint64_t at
        uint32_t size
    vel_status engine_ids(vel_engine *e, vel_collection *c, const vel_range *range, vel_id **ids,
                          size_t *count, vel_buffer *arena, vel_error *error)
    vel_status ids_slice(vel_engine *e, vel_collection *c, const vel_range *range, c_bool reverse,
                         size_t limit, c_bool attached, vel_id *ids, size_t *count,
                         vel_buffer *arena, vel_error *error)
