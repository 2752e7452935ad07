# The C below storage.pyx. Names that a Python function of the same name would hide end in _c.

from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t

cdef extern from "base.h" nogil:
    ctypedef int vel_status
    enum:
        VEL_OK, VEL_NOT_FOUND, VEL_END
        VEL_E_NOMEM, VEL_E_IO, VEL_E_FULL, VEL_E_CORRUPT, VEL_E_LOCKED, VEL_E_INVALID
        VEL_E_TOO_LARGE
    ctypedef struct vel_error:
        vel_status status
        int sys_errno
        uint64_t offset
        char path[1024]
        char what[320]
    ctypedef struct vel_buffer:
        uint8_t *data
        size_t size
    void buffer_free(vel_buffer *b)

cdef extern from "xxh3.h" nogil:
    uint64_t xxh3_64(const void *data, size_t size, uint64_t seed)

cdef extern from "fileio.h" nogil:
    enum: FAULT_ONCE, FAULT_SHORT
    vel_status fault_set_c "fault_set"(int point, int64_t after, int sys_errno, int flags)
    void fault_clear_c "fault_clear"()
    vel_status file_open_c "file_open"(const char *path, int mode, int *fd, vel_error *error)
    void file_close_c "file_close"(int fd)
    vel_status file_read_c "file_read"(int fd, const char *path, uint64_t offset, void *to,
                                       size_t size, size_t *got, vel_error *error)
    vel_status file_write_c "file_write"(int fd, const char *path, uint64_t offset,
                                         const void *data, size_t size, vel_error *error)
    vel_status file_sync_c "file_sync"(int fd, const char *path, vel_error *error)
    vel_status file_allocate_c "file_allocate"(int fd, const char *path, uint64_t offset,
                                               uint64_t size, vel_error *error)
    vel_status file_truncate_c "file_truncate"(int fd, const char *path, uint64_t size,
                                               vel_error *error)
    vel_status file_size_c "file_size"(int fd, const char *path, uint64_t *size, vel_error *error)
    vel_status file_rename_c "file_rename"(const char *old, const char *new, vel_error *error)
    vel_status file_remove_c "file_remove"(const char *path, vel_error *error)
    vel_status directory_sync_c "directory_sync"(const char *path, vel_error *error)
    vel_status directory_make_c "directory_make"(const char *path, vel_error *error)
    vel_status file_map(int fd, const char *path, uint64_t size, uint8_t **out, vel_error *error)
    void file_unmap(uint8_t *map, uint64_t size)
    vel_status file_replace_c "file_replace"(const char *directory, const char *path,
                                             const void *data, size_t size, bint *in_place,
                                             vel_error *error)
    vel_status file_load_c "file_load"(const char *path, uint64_t size_max, vel_buffer *out,
                                       vel_error *error)

cdef extern from "lock.h" nogil:
    vel_status lock_take_c "lock_take"(const char *directory, int *fd, int64_t *holder_pid,
                                       vel_error *error)
    void lock_release_c "lock_release"(int fd)

cdef extern from "record.h" nogil:
    enum: RECORD_TOMBSTONE
    ctypedef struct vel_record:
        int64_t modified, created, expiry
        uint64_t version
        const uint8_t *id
        const uint8_t *body
        uint32_t size, body_size
        uint16_t id_size
        uint8_t flags
    void record_read(const uint8_t *r, vel_record *out)
    uint32_t record_measure(vel_record *r)
    void record_write(const vel_record *r, uint8_t *to)
    vel_status record_validate(const uint8_t *r, size_t size, const char **why)

cdef extern from "segment.h" nogil:
    enum: SEGMENT_HEADER_SIZE_C "SEGMENT_HEADER_SIZE", FRAME_HEADER_SIZE_C "FRAME_HEADER_SIZE"
    enum: OP_HEADER_SIZE_C "OP_HEADER_SIZE", HINT_HEADER_SIZE_C "HINT_HEADER_SIZE"
    enum: SEGMENT_LOG_C "SEGMENT_LOG", SEGMENT_COMPACTED_C "SEGMENT_COMPACTED"
    enum: OP_PUT_C "OP_PUT", OP_DELETE_C "OP_DELETE", OP_DEFINE_C "OP_DEFINE"
    ctypedef struct segment_header:
        uint64_t id, base_seq, durable_seq, salt
        uint32_t kind
    ctypedef struct segment_op:
        uint64_t at
        const uint8_t *payload
        uint32_t payload_size, size, checksum, collection
        uint8_t kind
    ctypedef struct segment_frame:
        uint64_t at, seq, durable_seq
        uint32_t length, count
        uint64_t bad_at
    ctypedef struct hint_entry:
        uint64_t hash, where
        int64_t expiry
        uint32_t collection, size, check
        int64_t stamp
    void segment_name_c "segment_name"(char *out, size_t size, const char *directory, uint64_t id,
                                       const char *suffix)
    void segment_header_write(uint8_t *to, const segment_header *h)
    vel_status segment_header_read(const uint8_t *data, size_t size, segment_header *out,
                                   const char **why)
    void segment_watermark_write(uint8_t *header, int slot, uint64_t durable_seq, uint64_t salt)
    uint32_t op_size(uint32_t payload_size)
    void op_seal(uint8_t *to, uint8_t kind, uint32_t collection, uint32_t payload_size,
                 uint64_t salt)
    void frame_seal(uint8_t *to, uint32_t length, uint64_t seq, uint32_t count, uint32_t lag,
                    uint64_t salt)
    void op_view(const uint8_t *p, segment_op *out)
    vel_status frame_read(const uint8_t *data, uint64_t size, uint64_t at, uint64_t salt,
                          segment_frame *out, const char **why)
    bint frame_search_durable(const uint8_t *data, uint64_t size, uint64_t at, uint64_t salt,
                              uint64_t seq)
    uint64_t hint_offset(const hint_entry *e)
    uint8_t hint_kind(const hint_entry *e)
    vel_status hint_write(vel_buffer *out, uint64_t segment_id, uint64_t salt,
                          uint64_t segment_size, const hint_entry *entries, size_t count)
    vel_status hint_read(const uint8_t *data, size_t size, uint64_t segment_id, uint64_t salt,
                         uint64_t segment_size, const hint_entry **entries, size_t *count)

cdef extern from "manifest.h" nogil:
    ctypedef struct manifest_collection:
        uint32_t id
        uint8_t level
        uint8_t *name
        uint32_t name_size
        uint8_t *names
        uint32_t names_size
        uint8_t *metadata
        uint32_t metadata_size
        uint64_t documents
    ctypedef struct manifest_segment:
        uint64_t id, salt, base_seq, last_seq, size
        uint32_t kind
        int64_t cleaned_stamp
    ctypedef struct vel_manifest:
        uint8_t uuid[16]
        uint64_t hash_seed, next_segment_id
        uint32_t next_collection_id, clean
        uint64_t sealed_seq, durable_seq
        int64_t last_stamp
        uint64_t checkpoint
        manifest_collection *collections
        uint32_t collection_count
        manifest_segment *segments
        uint32_t segment_count
    vel_status manifest_load_c "manifest_load"(const char *directory, vel_manifest *out,
                                               vel_error *error)
    vel_status manifest_store_c "manifest_store"(const char *directory, const vel_manifest *m,
                                                 bint *in_place, vel_error *error)
    vel_status manifest_decode_c "manifest_decode"(const uint8_t *data, size_t size,
                                                   vel_manifest *out, uint64_t *where,
                                                   const char **why)
    vel_status manifest_encode_c "manifest_encode"(const vel_manifest *m, vel_buffer *out)
    void manifest_free(vel_manifest *m)
