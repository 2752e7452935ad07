# cython: language_level=3
"""The files of a database, one part at a time, for tests and measurements.

The engine uses the C below directly; nothing here is on its way. Plain dicts and bytes go in and
come out; damage raises CorruptionError with its offset, a failed system call StorageError. Thread
rule: functions share nothing; one SegmentWriter or MappedFile belongs to one thread at a time.
"""

cimport cython
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy, memset

import errno as _errno
import os

from velocity._core.errors import CorruptionError, DatabaseLockedError, StorageError

SEGMENT_LOG, SEGMENT_COMPACTED = SEGMENT_LOG_C, SEGMENT_COMPACTED_C
OP_PUT, OP_DELETE, OP_DEFINE = OP_PUT_C, OP_DELETE_C, OP_DEFINE_C
FAULT_POINTS = (  # in the order of fileio.h's fault_point
    "open", "read", "write", "sync", "allocate", "truncate", "rename", "remove", "sync_directory",
    "map",
)


cdef int check(vel_status status, vel_error *error) except -1:
    if status == VEL_OK:
        return 0
    path, what = os.fsdecode(error.path), error.what.decode()
    if status == VEL_E_IO or status == VEL_E_FULL:
        raise StorageError(error.sys_errno, what, path or None)
    if status == VEL_E_CORRUPT:
        raise CorruptionError(f"{what} ({path}, offset {error.offset})", path, error.offset)
    if status == VEL_E_NOMEM:
        raise MemoryError(what)
    raise ValueError(what)


cdef object corrupt(const char *why, uint64_t offset):
    text = why.decode()
    return CorruptionError(f"{text} (offset {offset})", "", offset)


cdef bytes path_bytes(path):
    cdef bytes encoded = os.fsencode(path)
    if b"\0" in encoded:
        raise ValueError("a path with a zero byte")
    return encoded


cdef bytes buffer_take(vel_buffer *b):
    try:
        return PyBytes_FromStringAndSize(<char *>b.data, <Py_ssize_t>b.size)
    finally:
        buffer_free(b)


# ---- file calls ----

def fault_set(str point, int64_t after=0, int errno=_errno.EIO, *, bint once=False,
              bint short=False):
    if point not in FAULT_POINTS:
        raise ValueError(f"no fault point {point!r}; there are {', '.join(FAULT_POINTS)}")
    cdef int flags = (FAULT_ONCE if once else 0) | (FAULT_SHORT if short else 0)
    if fault_set_c(FAULT_POINTS.index(point), after, errno, flags) != VEL_OK:
        raise ValueError("after is at least 0, errno above 0, short only for 'write'")


def fault_clear():
    fault_clear_c()


def file_open(path, int flags):
    cdef vel_error error
    cdef int fd
    check(file_open_c(path_bytes(path), flags, &fd, &error), &error)
    return fd


def file_close(int fd):
    file_close_c(fd)


def file_read(int fd, uint64_t offset, size_t size):
    cdef vel_error error
    cdef size_t got
    cdef bytearray room = bytearray(size)
    check(file_read_c(fd, "", offset, <char *>room, size, &got, &error), &error)
    return bytes(room[:got])


def file_write(int fd, uint64_t offset, bytes data not None):
    cdef vel_error error
    check(file_write_c(fd, "", offset, PyBytes_AS_STRING(data), len(data), &error), &error)


def file_sync(int fd):
    cdef vel_error error
    cdef vel_status status
    with nogil:
        status = file_sync_c(fd, "", &error)
    check(status, &error)


def file_allocate(int fd, uint64_t offset, uint64_t size):
    cdef vel_error error
    check(file_allocate_c(fd, "", offset, size, &error), &error)


def file_truncate(int fd, uint64_t size):
    cdef vel_error error
    check(file_truncate_c(fd, "", size, &error), &error)


def file_size(int fd):
    cdef vel_error error
    cdef uint64_t size
    check(file_size_c(fd, "", &size, &error), &error)
    return size


def file_rename(old, new):
    cdef vel_error error
    check(file_rename_c(path_bytes(old), path_bytes(new), &error), &error)


def file_remove(path):
    cdef vel_error error
    check(file_remove_c(path_bytes(path), &error), &error)


def directory_sync(path):
    cdef vel_error error
    check(directory_sync_c(path_bytes(path), &error), &error)


def directory_make(path):
    cdef vel_error error
    check(directory_make_c(path_bytes(path), &error), &error)


def file_replace(path, bytes data not None):
    cdef vel_error error
    directory = os.path.dirname(os.fspath(path)) or "."
    check(file_replace_c(path_bytes(directory), path_bytes(path), PyBytes_AS_STRING(data),
                         len(data), NULL, &error), &error)


def file_load(path, uint64_t size_max=1 << 30):
    cdef vel_error error
    cdef vel_buffer out
    memset(&out, 0, sizeof(out))
    cdef vel_status status = file_load_c(path_bytes(path), size_max, &out, &error)
    if status == VEL_NOT_FOUND:
        return None
    try:
        check(status, &error)
    except BaseException:
        buffer_free(&out)
        raise
    return buffer_take(&out)


def lock_take(directory):
    cdef vel_error error
    cdef int fd
    cdef int64_t pid
    cdef vel_status status = lock_take_c(path_bytes(directory), &fd, &pid, &error)
    if status == VEL_E_LOCKED:
        raise DatabaseLockedError(error.what.decode(), pid or None)
    check(status, &error)
    return fd


def lock_release(int fd):
    lock_release_c(fd)


@cython.final
cdef class MappedFile:
    cdef uint8_t *map
    cdef uint64_t size

    def __init__(self, int fd, uint64_t size):
        cdef vel_error error
        if self.map != NULL:
            raise ValueError("already mapped")
        check(file_map(fd, "", size, &self.map, &error), &error)
        self.size = size

    def write(self, uint64_t offset, bytes data not None):
        self._check(offset, len(data))
        memcpy(self.map + offset, PyBytes_AS_STRING(data), len(data))

    def read(self, uint64_t offset, uint64_t size):
        self._check(offset, size)
        return PyBytes_FromStringAndSize(<char *>self.map + offset, <Py_ssize_t>size)

    cdef int _check(self, uint64_t offset, uint64_t size) except -1:
        if self.map == NULL or offset > self.size or size > self.size - offset:
            raise ValueError("outside of the mapping, or closed")
        return 0

    def close(self):
        file_unmap(self.map, self.size)
        self.map = NULL

    def __dealloc__(self):
        file_unmap(self.map, self.size)


# ---- records ----

def record_encode(bytes id not None, bytes body not None=b"", *, int64_t modified, created=None,
                  int64_t expiry=0, uint64_t version=1, bint tombstone=False):
    cdef vel_record r
    if len(id) > 0xFFFF or len(body) > 0x7FFFFFFF:
        raise ValueError("the id or body is too large")
    r.modified = modified
    r.created = modified if created is None else created
    r.expiry, r.version = expiry, version
    r.id, r.id_size = <const uint8_t *>PyBytes_AS_STRING(id), <uint16_t>len(id)
    r.body, r.body_size = <const uint8_t *>PyBytes_AS_STRING(body), <uint32_t>len(body)
    r.flags = RECORD_TOMBSTONE if tombstone else 0
    out = PyBytes_FromStringAndSize(NULL, record_measure(&r))
    record_write(&r, <uint8_t *>PyBytes_AS_STRING(out))
    return out


def record_decode(bytes data not None):
    cdef const char *why
    cdef vel_record r
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(data)
    if record_validate(p, len(data), &why) != VEL_OK:
        raise corrupt(why, 0)
    record_read(p, &r)
    return {
        "size": r.size, "id": r.id[:r.id_size], "body": r.body[:r.body_size],
        "modified": r.modified, "created": r.created, "expiry": r.expiry, "version": r.version,
        "tombstone": bool(r.flags & RECORD_TOMBSTONE),
    }


# ---- segments ----

cdef segment_header header_of(dict fields):
    cdef segment_header h
    h.id, h.kind = fields["id"], fields["kind"]
    h.base_seq, h.durable_seq, h.salt = fields["base_seq"], fields["durable_seq"], fields["salt"]
    return h


@cython.final
cdef class SegmentWriter:
    """A segment's image in memory, zero beyond what was appended."""

    cdef uint8_t *data
    cdef readonly size_t size
    cdef readonly size_t tail
    cdef uint64_t salt

    def __cinit__(self, dict header not None, size_t size):
        cdef segment_header h = header_of(header)
        self.data = <uint8_t *>calloc(1, max(size, <size_t>SEGMENT_HEADER_SIZE_C))
        if self.data == NULL:
            raise MemoryError()
        self.size = max(size, <size_t>SEGMENT_HEADER_SIZE_C)
        self.salt = h.salt
        self.tail = SEGMENT_HEADER_SIZE_C
        segment_header_write(self.data, &h)

    def __dealloc__(self):
        free(self.data)

    def watermark(self, int slot, uint64_t durable_seq):
        segment_watermark_write(self.data, slot, durable_seq, self.salt)

    def append(self, uint64_t seq, uint32_t lag, list ops not None, *, uint32_t repeat=1):
        """Append a frame of (kind, collection, payload), `repeat` times with rising seq."""
        cdef size_t length = FRAME_HEADER_SIZE_C
        cdef uint32_t i, collection
        cdef uint8_t kind
        cdef uint8_t *p
        cdef bytes payload
        for op in ops:
            length += op_size(len(op[2]))
        if length * repeat > self.size - self.tail:
            raise ValueError("the segment is full")
        for i in range(repeat):
            p = self.data + self.tail + <size_t>FRAME_HEADER_SIZE_C
            for kind, collection, payload in ops:
                memcpy(p + <size_t>OP_HEADER_SIZE_C, PyBytes_AS_STRING(payload), len(payload))
                op_seal(p, kind, collection, <uint32_t>len(payload), self.salt)
                p += op_size(<uint32_t>len(payload))
            frame_seal(self.data + self.tail, <uint32_t>length, seq + i, <uint32_t>len(ops), lag,
                       self.salt)
            self.tail += length

    def rewind(self):
        """Forget the frames: the next is written over them."""
        self.tail = SEGMENT_HEADER_SIZE_C

    def image(self):
        """All `size` bytes."""
        return PyBytes_FromStringAndSize(<char *>self.data, <Py_ssize_t>self.size)


def build_segment(dict header not None, frames, *, size_t size=0):
    """A segment's image; frames: (seq, lag, ops). size: at least this, zero beyond them."""
    frames = list(frames)
    cdef size_t needed = SEGMENT_HEADER_SIZE_C
    for _, _, ops in frames:
        needed += <size_t>FRAME_HEADER_SIZE_C
        for op in ops:
            needed += op_size(len(op[2]))
    writer = SegmentWriter(header, max(size, needed))
    for seq, lag, ops in frames:
        writer.append(seq, lag, ops)
    return writer.image()


def read_header(bytes data not None):
    cdef segment_header h
    cdef const char *why
    cdef vel_status status = segment_header_read(<const uint8_t *>PyBytes_AS_STRING(data),
                                                 len(data), &h, &why)
    if status != VEL_OK:
        raise corrupt(why, 0)
    return {"id": h.id, "kind": h.kind, "base_seq": h.base_seq, "durable_seq": h.durable_seq,
            "salt": h.salt}


cdef list ops_of(const uint8_t *data, segment_frame *frame):
    cdef segment_op op
    cdef uint64_t at = frame.at + <uint64_t>FRAME_HEADER_SIZE_C
    cdef list ops = []
    cdef uint32_t i
    for i in range(frame.count):
        op_view(data + at, &op)
        ops.append({"at": at, "kind": op.kind, "collection": op.collection, "size": op.size,
                    "checksum": op.checksum, "payload": op.payload[:op.payload_size]})
        at += op.size
    return ops


def walk_segment(bytes data not None):
    """(header, frames, end, error): None at a clean end, else the CorruptionError met there."""
    header = read_header(data)
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef uint64_t at = SEGMENT_HEADER_SIZE_C, salt = header["salt"]
    cdef segment_frame frame
    cdef const char *why
    cdef vel_status status
    frames = []
    while True:
        status = frame_read(p, len(data), at, salt, &frame, &why)
        if status == VEL_END:
            return header, frames, at, None
        if status != VEL_OK:
            return header, frames, at, corrupt(why, frame.bad_at)
        frames.append({"at": at, "seq": frame.seq, "durable_seq": frame.durable_seq,
                       "length": frame.length, "ops": ops_of(p, &frame)})
        at += frame.length


def read_segment(bytes data not None):
    """(header, frames); raises CorruptionError at the first frame that does not hold."""
    header, frames, _, error = walk_segment(data)
    if error is not None:
        raise error
    return header, frames


def count_segment(bytes data not None):
    """Walk and check without making objects: (frames, operations)."""
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef uint64_t at = SEGMENT_HEADER_SIZE_C, salt = read_header(data)["salt"]
    cdef uint64_t size = len(data), frames = 0, ops = 0
    cdef segment_frame frame
    cdef const char *why
    cdef vel_status status
    with nogil:
        while True:
            status = frame_read(p, size, at, salt, &frame, &why)
            if status != VEL_OK:
                break
            frames += 1
            ops += frame.count
            at += frame.length
    if status != VEL_END:
        raise corrupt(why, frame.bad_at)
    return frames, ops


def frame_search(bytes data not None, uint64_t at, uint64_t salt, uint64_t seq):
    cdef bint found
    cdef const uint8_t *p = <const uint8_t *>PyBytes_AS_STRING(data)
    cdef uint64_t size = len(data)
    with nogil:
        found = frame_search_durable(p, size, at, salt, seq)
    return found


def segment_name(directory, uint64_t id, str suffix="seg"):
    cdef char out[1200]
    segment_name_c(out, sizeof(out), path_bytes(directory), id, suffix.encode())
    return os.fsdecode(out)


# ---- hints ----

def hint_encode(uint64_t segment_id, uint64_t salt, uint64_t segment_size, list entries not None):
    cdef vel_buffer out
    cdef vel_status status
    cdef hint_entry *list_c = <hint_entry *>calloc(len(entries) or 1, sizeof(hint_entry))
    if list_c == NULL:
        raise MemoryError()
    memset(&out, 0, sizeof(out))
    try:
        for i, e in enumerate(entries):
            list_c[i].hash, list_c[i].check = e["hash"], e["check"]
            list_c[i].where = e["at"] >> 3 | e["kind"] << 32
            list_c[i].expiry, list_c[i].stamp = e["expiry"], e["stamp"]
            list_c[i].collection, list_c[i].size = e["collection"], e["size"]
        status = hint_write(&out, segment_id, salt, segment_size, list_c, len(entries))
    finally:
        free(list_c)
    if status != VEL_OK:
        raise ValueError("the entries do not fit a segment of that size")
    return buffer_take(&out)


def hint_decode(bytes data not None, uint64_t segment_id, uint64_t salt, uint64_t segment_size):
    cdef const hint_entry *found
    cdef size_t count, i
    cdef uint8_t *copy = <uint8_t *>malloc(max(len(data), 1))  # aligned, and exact for sanitizers
    if copy == NULL:
        raise MemoryError()
    try:
        memcpy(copy, PyBytes_AS_STRING(data), len(data))
        if hint_read(copy, len(data), segment_id, salt, segment_size, &found, &count) != VEL_OK:
            raise CorruptionError("the hint does not fit its segment", "", 0)
        return [
            {"hash": found[i].hash, "at": hint_offset(&found[i]), "kind": hint_kind(&found[i]),
             "expiry": found[i].expiry, "collection": found[i].collection, "size": found[i].size,
             "check": found[i].check, "stamp": found[i].stamp}
            for i in range(count)
        ]
    finally:
        free(copy)


# ---- manifest ----

cdef int string_of(bytes data, uint8_t **out, uint32_t *size) except -1:
    size[0] = <uint32_t>len(data)
    if not data:
        return 0
    out[0] = <uint8_t *>malloc(len(data))
    if out[0] == NULL:
        raise MemoryError()
    memcpy(out[0], PyBytes_AS_STRING(data), len(data))
    return 0


cdef int manifest_of(dict d, vel_manifest *m) except -1:
    """Fill a zeroed manifest; the caller frees it, also after an exception."""
    cdef manifest_collection *c
    cdef manifest_segment *s
    cdef bytes uuid = d["uuid"]
    if len(uuid) != 16:
        raise ValueError("a uuid has 16 bytes")
    memcpy(m.uuid, PyBytes_AS_STRING(uuid), 16)
    m.hash_seed, m.next_segment_id = d["hash_seed"], d["next_segment_id"]
    m.next_collection_id, m.clean = d["next_collection_id"], d["clean"]
    m.sealed_seq, m.durable_seq = d["sealed_seq"], d["durable_seq"]
    m.last_stamp, m.checkpoint = d["last_stamp"], d["checkpoint"]
    m.collections = <manifest_collection *>calloc(len(d["collections"]) or 1,
                                                  sizeof(manifest_collection))
    m.segments = <manifest_segment *>calloc(len(d["segments"]) or 1, sizeof(manifest_segment))
    if m.collections == NULL or m.segments == NULL:
        raise MemoryError()
    m.collection_count, m.segment_count = len(d["collections"]), len(d["segments"])
    for i, item in enumerate(d["collections"]):
        c = &m.collections[i]
        c.id, c.level = item["id"], item["level"]
        string_of(item["name"], &c.name, &c.name_size)
        string_of(item["names"], &c.names, &c.names_size)
        string_of(item["metadata"], &c.metadata, &c.metadata_size)
        c.documents = item["documents"]
    for i, item in enumerate(d["segments"]):
        s = &m.segments[i]
        s.id, s.base_seq, s.last_seq = item["id"], item["base_seq"], item["last_seq"]
        s.salt = item["salt"]
        s.size, s.kind, s.cleaned_stamp = item["size"], item["kind"], item["cleaned_stamp"]
    return 0


cdef dict manifest_take(vel_manifest *m):
    """The manifest as a dict; frees it."""
    cdef manifest_collection *c
    cdef manifest_segment *s
    cdef uint32_t i
    collections, segments = [], []
    try:
        for i in range(m.collection_count):
            c = &m.collections[i]
            collections.append({"id": c.id, "level": c.level, "name": c.name[:c.name_size],
                                "names": c.names[:c.names_size],
                                "metadata": c.metadata[:c.metadata_size],
                                "documents": c.documents})
        for i in range(m.segment_count):
            s = &m.segments[i]
            segments.append({"id": s.id, "base_seq": s.base_seq, "last_seq": s.last_seq,
                             "salt": s.salt, "size": s.size, "kind": s.kind,
                             "cleaned_stamp": s.cleaned_stamp})
        return {
            "uuid": m.uuid[:16], "hash_seed": m.hash_seed, "next_segment_id": m.next_segment_id,
            "next_collection_id": m.next_collection_id, "clean": m.clean,
            "sealed_seq": m.sealed_seq, "durable_seq": m.durable_seq,
            "last_stamp": m.last_stamp, "checkpoint": m.checkpoint,
            "collections": collections, "segments": segments,
        }
    finally:
        manifest_free(m)


def manifest_encode(dict manifest not None):
    cdef vel_manifest m
    cdef vel_buffer out
    memset(&m, 0, sizeof(m))
    memset(&out, 0, sizeof(out))
    try:
        manifest_of(manifest, &m)
        if manifest_encode_c(&m, &out) != VEL_OK:
            raise ValueError("the catalog cannot be written as a manifest")
    finally:
        manifest_free(&m)
    return buffer_take(&out)


def manifest_decode(bytes data not None):
    cdef vel_manifest m
    cdef uint64_t where
    cdef const char *why
    cdef vel_status status = manifest_decode_c(<const uint8_t *>PyBytes_AS_STRING(data), len(data),
                                               &m, &where, &why)
    if status != VEL_OK:
        raise corrupt(why, where)
    return manifest_take(&m)


def manifest_store(directory, dict manifest not None):
    cdef vel_manifest m
    cdef vel_error error
    memset(&m, 0, sizeof(m))
    try:
        manifest_of(manifest, &m)
        check(manifest_store_c(path_bytes(directory), &m, NULL, &error), &error)
    finally:
        manifest_free(&m)


def manifest_load(directory):
    cdef vel_manifest m
    cdef vel_error error
    cdef vel_status status = manifest_load_c(path_bytes(directory), &m, &error)
    if status == VEL_NOT_FOUND:
        return None
    check(status, &error)
    return manifest_take(&m)
