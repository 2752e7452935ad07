# Part of engine.pyx: readers of the change feed (changes.h).

@cython.final
@cython.no_gc_clear
cdef class ChangeReader:
    """A place in the changes of a collection. For one thread at a time, but for `stop`."""

    cdef vel_changes r
    cdef CollectionBase collection
    cdef Filter filter              # None: every change
    cdef object judge               # likewise
    cdef vel_buffer items
    cdef size_t count, at           # changes in items that were not given out, where they begin
    cdef bint opened

    def __cinit__(self, CollectionBase collection not None, since=None, position=None, filter=None,
                  judge=None):
        cdef uint64_t floor = 0, newest = 0
        cdef uint64_t at = CHANGES_NOW if since is None else since
        cdef uint32_t place = 0xFFFFFFFF if position is None else position
        cdef vel_status status
        collection._check()
        self.collection = collection
        if filter is not None:
            self.filter = collection._filter(filter)
        self.judge = judge
        with nogil:
            status = changes_open(&self.r, collection.e, collection.c, at, place, &floor, &newest)
        if status == VEL_NOT_FOUND:
            raise HistoryLostError(history_text(collection, at, floor, newest), floor)
        if status:
            raise_unusable(collection.e)
            raise_status(collection.e, status, NULL)
        self.opened = True

    def __dealloc__(self):
        buffer_free(&self.items)
        if self.opened:
            with nogil:
                changes_close(&self.r)

    @property
    def sequence(self):
        """Everything up to it was read."""
        return self.r.seq

    def read(self):
        """What comes next, without waiting; [] when there is nothing new."""
        cdef list changes = []
        while not changes and (self.count or self._read_on()):
            self._decode_all(changes)
            if not changes:  # what was found must not be lost to an interrupt
                PyErr_CheckSignals()
        if not self.count and self.items.capacity > CHANGES_KEPT:
            buffer_free(&self.items)
        return changes

    cdef bint _read_on(self) except -1:
        """Whether there is more."""
        cdef vel_error error
        cdef vel_status status
        self.collection._check()
        self.at = 0
        with nogil:
            status = changes_read(&self.r, &self.items, &self.count, &error)
        if status == VEL_NOT_FOUND:
            raise HistoryLostError(
                f"collection {self.collection.name!r}: what follows sequence {self.r.seq} is no "
                "longer kept, the watcher fell too far behind; read the collection and watch anew")
        if status:
            self.count = 0
            raise_unusable(self.collection.e)
            raise_status(self.collection.e, status, &error)
        return self.count != 0

    cdef int _decode_all(self, list changes) except -1:
        """Add what the filter lets through. What it cannot decide on is raised when it is first."""
        if self.filter is not None:
            filter_resolve(&self.filter.f)
        try:
            while self.count:
                self._decode(changes)
        except Exception:
            if not changes:
                raise
        return 0

    cdef int _decode(self, list changes) except -1:
        """Add the next change, if the filter lets it through."""
        cdef change_item *item = <change_item *>(self.items.data + self.at)
        cdef const uint8_t *record = self.items.data + self.at + sizeof(change_item)
        cdef vel_record r
        record_read(record, &r)
        if self.filter is None or item.deletes or filter_decide(&self.filter.f, r.body,
                                                                r.body_size):
            id = PyUnicode_DecodeUTF8(<const char *>r.id, r.id_size, NULL)
            document = None
            if not item.deletes:
                document = document_new(self.collection, self.collection.c.names, record)
            if self.judge is None or self.judge(id, document):
                changes.append((kind_of_change(item, &r), id, document, r.version, item.seq,
                                item.position))
        self.at += sizeof(change_item) + vel_align8(item.size)
        self.count -= 1
        return 0

    def wait(self, double seconds):
        """Until there may be something to read, or it was stopped: True; False: the time is
        over."""
        cdef vel_status status
        cdef int64_t ns = <int64_t>(seconds * 1e9)
        raise_unusable(self.collection.e)
        with nogil:
            status = changes_wait(&self.r, ns)
        if status == VEL_E_CLOSED:
            raise DatabaseClosedError("the database is closed: open it again")
        return status != VEL_BUSY

    def stop(self):
        """End a wait, and all to come."""
        changes_stop(&self.r)


cdef str kind_of_change(const change_item *item, const vel_record *r):
    if item.deletes:
        return "expire" if r.expiry else "delete"
    return "insert" if r.version == 1 else "update"


cdef str history_text(CollectionBase c, uint64_t since, uint64_t floor, uint64_t newest):
    if since > newest:
        return (f"since: sequence {since} is not in the log, which ends at {newest}: it is another "
                "database's, or was lost in a crash; read the collection and watch anew")
    return (f"since: what followed sequence {since} was compacted away, the log goes back to "
            f"{floor}; read the collection and watch anew")
