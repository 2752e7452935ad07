/* recovery.c: from a directory to a running engine.
 *
 * 1. The manifest gives seeds, collections and the segments known when it was written; newer log
 *    segments are found by listing, left-overs are deleted.
 * 2. Segments that were not sealed are walked from the oldest: frames must be whole and their
 *    sequences follow on. Where that ends, all at or below the durable sequence must have been
 *    read, else it is damage; above it is a torn tail: cut off, and what follows is dropped.
 * 3. All operations are met from the newest to the oldest; the first one of an id is its present
 *    state. Bounded modes need only hints, the others copy the records.
 */
#include "engine.h"
#include "seen.h"

#include <dirent.h>
#include <fcntl.h>

#define PREFETCH_DISTANCE 12
#define TAIL_NAME_SIZE 10  /* hex digits of a segment's file name */

typedef struct {
    vel_engine *e;
    vel_manifest m;
    vel_entries *scanned;     /* per list position: entries of segments walked in step 2 */
    uint64_t *found; size_t found_count, found_capacity;  /* ids of .seg files in the directory */
    vel_buffer defines;       /* payloads met, newest first: u32 collection, u32 size, bytes */
    size_t *define_at; size_t define_count, define_capacity;
    vel_seen seen;
    vel_buffer data;
    uint64_t durable_seq;
    bool changed;             /* the directory no longer is as the manifest says */
    bool unborn;              /* the segment last opened has no header: it never was synced */
    vel_error *error;
} recovery;

/* --- step 1: what is there ------------------------------------------------------------------ */

static bool parse_segment_name(const char *name, const char *suffix, uint64_t *id) {
    char *end;
    if (strlen(name) != TAIL_NAME_SIZE + 1 + strlen(suffix) || name[TAIL_NAME_SIZE] != '.')
        return false;
    *id = strtoull(name, &end, 16);
    return end == name + TAIL_NAME_SIZE && strcmp(end + 1, suffix) == 0;
}

static vel_status remember_file(recovery *r, uint64_t id) {
    if (r->found_count == r->found_capacity) {
        size_t capacity = r->found_capacity ? 2 * r->found_capacity : 64;
        uint64_t *found = realloc(r->found, capacity * sizeof *found);
        if (!found) return VEL_E_NOMEM;
        r->found = found;
        r->found_capacity = capacity;
    }
    r->found[r->found_count++] = id;
    return VEL_OK;
}

static vel_status list_files(recovery *r, bool *foreign) {
    DIR *d = opendir(r->e->directory);
    if (!d)
        return vel_fail(r->error, VEL_E_IO, errno, r->e->directory, 0,
                        "cannot list the data directory");
    vel_status status = VEL_OK;
    struct dirent *entry;
    *foreign = false;
    while (!status && (entry = readdir(d))) {
        const char *name = entry->d_name;
        uint64_t id;
        if (parse_segment_name(name, "seg", &id)) status = remember_file(r, id);
        else if (strcmp(name, ".") && strcmp(name, "..") && strcmp(name, "LOCK") &&
                 strncmp(name, "MANIFEST", 8) && !strstr(name, ".hint"))
            *foreign = true;
    }
    closedir(d);
    return status;
}

static vel_status create_database(recovery *r, bool foreign) {
    vel_engine *e = r->e;
    if (r->found_count)
        return vel_fail(r->error, VEL_E_CORRUPT, 0, e->directory, 0,
                        "MANIFEST is missing while log segments are there; restore the directory "
                        "from a backup");
    if (foreign)
        return vel_fail(r->error, VEL_E_INVALID, 0, e->directory, 0,
                        "the directory holds other files and is not a database; name an empty or "
                        "a new one");
    return catalog_store(e, r->error);
}

static bool header_as_listed(const segment_header *h, const manifest_segment *m) {
    return h->kind == m->kind && h->base_seq == m->base_seq && h->salt == m->salt;
}

static vel_status open_segment(recovery *r, const manifest_segment *m, uint64_t id,
                               vel_segment **out) {
    vel_engine *e = r->e;
    vel_segment *s = calloc(1, sizeof *s);
    uint8_t bytes[SEGMENT_HEADER_SIZE];
    segment_header h;
    const char *why = "the file ends inside its header";
    size_t got = 0;
    uint64_t size = 0;
    if (!s) return VEL_E_NOMEM;
    s->fd = -1;
    segment_name(s->path, sizeof s->path, e->directory, id, "seg");
    vel_status status = file_open(s->path, O_RDWR, &s->fd, r->error);
    if (status == VEL_E_IO && r->error->sys_errno == ENOENT)
        status = vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, 0,
                          "a segment that the manifest lists is missing");
    if (!status) status = file_size(s->fd, s->path, &size, r->error);
    if (!status) status = file_read(s->fd, s->path, 0, bytes, sizeof bytes, &got, r->error);
    r->unborn = !status && all_zero(bytes, bytes + got);
    if (!status && segment_header_read(bytes, got, &h, &why)) {
        status = vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, 0,
                          "a segment's header is damaged: %s", why);
    } else if (!status && (h.id != id || (m && !header_as_listed(&h, m)))) {
        status = vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, 16,
                          "the segment is not the one its name and the manifest say");
    } else if (!status && m && m->size > size) {
        status = vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, size,
                          "the file is shorter than the %llu bytes that were synced",
                          (unsigned long long)m->size);
    }
    if (status) {
        if (s->fd >= 0) file_close(s->fd);
        free(s);
        return status;
    }
    s->id = id;
    s->kind = h.kind;
    s->salt = h.salt;
    s->base_seq = h.base_seq;
    s->last_seq = m && m->size ? m->last_seq : h.base_seq - 1;
    s->sealed = m && m->size;
    s->on_disk = true;
    s->allocated = size;
    s->tail = s->sealed ? m->size : size;
    s->synced = s->sealed ? s->tail : 0;
    s->cleaned_stamp = m ? m->cleaned_stamp : 0;
    if (h.durable_seq > r->durable_seq) r->durable_seq = h.durable_seq;
    *out = s;
    return VEL_OK;
}

static int compare_ids(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static bool in_manifest(const vel_manifest *m, uint64_t id) {
    for (uint32_t i = 0; i < m->segment_count; i++)
        if (m->segments[i].id == id) return true;
    return false;
}

static vel_status remove_segment_files(recovery *r, uint64_t id) {
    char path[VEL_PATH_MAX];
    r->changed = true;
    segment_name(path, sizeof path, r->e->directory, id, "hint");
    vel_status status = file_remove(path, r->error);
    segment_name(path, sizeof path, r->e->directory, id, "seg");
    return status ? status : file_remove(path, r->error);
}

static vel_status open_segments(recovery *r) {
    vel_log *log = &r->e->log;
    vel_status status = VEL_OK;
    vel_segment *s;
    for (uint32_t i = 0; i < r->m.segment_count && !status; i++) {
        status = open_segment(r, &r->m.segments[i], r->m.segments[i].id, &s);
        if (!status) status = log_add_segment(log, s, log->count);
    }
    if (r->found_count) qsort(r->found, r->found_count, sizeof *r->found, compare_ids);
    bool ended = false;  /* at a segment that power loss left without a header: none after it counts */
    for (size_t i = 0; i < r->found_count && !status; i++) {
        uint64_t id = r->found[i];
        if (id >= log->next_id) log->next_id = id + 1;
        if (in_manifest(&r->m, id)) continue;
        if (id < r->m.next_segment_id || ended) { status = remove_segment_files(r, id); continue; }
        status = open_segment(r, NULL, id, &s);
        if (!status && s->kind != SEGMENT_LOG) {
            file_close(s->fd);
            free(s);
            status = remove_segment_files(r, id);
        } else if (!status) {
            r->changed = true;
            status = log_add_segment(log, s, log->count);
        } else if (r->unborn) {
            ended = true;
            status = remove_segment_files(r, id);
        }
    }
    return status;
}

/* --- step 2: where the log ends ------------------------------------------------------------- */

static vel_status damage(recovery *r, const vel_segment *s, uint64_t at, uint64_t seq,
                         const char *why) {
    return vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, at,
                    "damage in synced data (frame %llu, synced up to %llu): %s",
                    (unsigned long long)seq, (unsigned long long)r->durable_seq, why);
}

/* Walk an unsealed segment. *torn: it ends before its file's data does, or before the durable
 * sequence could be reached. */
static vel_status walk_segment(recovery *r, vel_segment *s, vel_entries *entries, bool *torn) {
    vel_engine *e = r->e;
    uint64_t at = SEGMENT_HEADER_SIZE;
    const char *why = NULL;
    vel_status status = segment_load(s, &r->data, r->error);
    *torn = false;
    if (!status && s->base_seq != e->log.seq + 1) {
        if (e->log.seq < r->durable_seq)
            return damage(r, s, 24, e->log.seq + 1, "frames before this segment are missing");
        *torn = true;
        s->tail = at;
        return VEL_OK;
    }
    while (!status) {
        segment_frame frame;
        vel_status read = frame_read(r->data.data, s->tail, at, s->salt, &frame, &why);
        if (!read && frame.seq != e->log.seq + 1) {
            read = VEL_E_CORRUPT;
            why = "its sequence does not follow";
        }
        if (read) {
            *torn = read == VEL_E_CORRUPT;
            if (!*torn) why = "a frame is missing";
            break;
        }
        status = entries_add_frame(entries, r->data.data, &frame, s->salt, e->hash_seed);
        if (frame.durable_seq > r->durable_seq) r->durable_seq = frame.durable_seq;
        s->last_seq = e->log.seq = frame.seq;
        at += frame.length;
    }
    if (status) return status;
    if ((*torn && e->log.seq < r->durable_seq) ||
        frame_search_durable(r->data.data, s->tail, at, s->salt, e->log.seq + 1))
        return damage(r, s, at, e->log.seq + 1, why);
    if (*torn) e->torn_bytes += s->tail - at;
    s->tail = at;
    return VEL_OK;
}

static vel_status seal_found(recovery *r, vel_segment *s) {
    r->changed = true;
    vel_status status = file_truncate(s->fd, s->path, s->tail, r->error);
    if (!status) status = file_sync(s->fd, s->path, r->error);
    s->allocated = s->synced = s->tail;
    s->sealed = true;
    return status;
}

static void drop_from(recovery *r, uint32_t position) {
    vel_log *log = &r->e->log;
    while (log->count > position) {
        vel_segment *s = log->list[log->count - 1];
        uint64_t id = s->id;
        r->e->torn_bytes += s->tail > SEGMENT_HEADER_SIZE ? s->tail - SEGMENT_HEADER_SIZE : 0;
        entries_free(&r->scanned[log->count - 1]);
        log_replace_segments(log, log->count - 1, log->count, NULL);
        log_free_segment(log, s);
        remove_segment_files(r, id);
    }
}

static vel_status find_end(recovery *r) {
    vel_log *log = &r->e->log;
    vel_status status = VEL_OK;
    r->scanned = calloc(log->count + 1, sizeof *r->scanned);
    if (!r->scanned) return VEL_E_NOMEM;
    log->seq = r->m.sealed_seq;  /* also when the segments that reached it were compacted away */
    for (uint32_t i = 0; i < log->count && !status; i++) {
        vel_segment *s = log->list[i];
        bool torn;
        if (s->sealed) {
            if (s->last_seq > log->seq) log->seq = s->last_seq;
            continue;
        }
        status = walk_segment(r, s, &r->scanned[i], &torn);
        if (status) break;
        bool empty = s->tail == SEGMENT_HEADER_SIZE;
        if (torn) {
            snprintf(r->e->torn_text, sizeof r->e->torn_text,
                     "a torn tail was cut off at %.200s offset %llu", s->path,
                     (unsigned long long)s->tail);
            drop_from(r, i + 1);
        }
        if (empty) drop_from(r, i);
        else status = seal_found(r, s);
    }
    if (!status && log->seq < r->durable_seq)
        return vel_fail(r->error, VEL_E_CORRUPT, 0,
                        log->count ? log->list[log->count - 1]->path : r->e->directory,
                        log->count ? log->list[log->count - 1]->tail : 0,
                        "frames %llu to %llu were synced and are missing from the log",
                        (unsigned long long)log->seq + 1, (unsigned long long)r->durable_seq);
    return status;
}

/* --- step 3: the present state -------------------------------------------------------------- */

static vel_status keep_define(recovery *r, const segment_op *op) {
    if (r->define_count == r->define_capacity) {
        size_t capacity = r->define_capacity ? 2 * r->define_capacity : 64;
        size_t *at = realloc(r->define_at, capacity * sizeof *at);
        if (!at) return VEL_E_NOMEM;
        r->define_at = at;
        r->define_capacity = capacity;
    }
    vel_status status = buffer_reserve(&r->defines, 8 + op->payload_size);
    if (status) return status;
    r->define_at[r->define_count++] = r->defines.size;
    store_u32(r->defines.data + r->defines.size, op->collection);
    store_u32(r->defines.data + r->defines.size + 4, op->payload_size);
    memcpy(r->defines.data + r->defines.size + 8, op->payload, op->payload_size);
    r->defines.size += 8 + op->payload_size;
    return VEL_OK;
}

/* The operation of an entry: from the segment in memory, or by a read of its own when only the hint
 * was read. */
static vel_status load_op(recovery *r, const vel_segment *s, const hint_entry *x, vel_buffer *own,
                          segment_op *op) {
    const uint8_t *p = r->data.data + hint_offset(x);
    const char *why = "";
    size_t got;
    vel_status status = VEL_OK;
    if (!r->data.size) {
        own->size = 0;
        if ((status = buffer_reserve(own, x->size))) return status;
        p = own->data;
        status = file_read(s->fd, s->path, hint_offset(x), own->data, x->size, &got, r->error);
        if (status) return status;
        if (got < x->size) status = VEL_E_CORRUPT;
    }
    if (!status) status = op_read(p, p + x->size, s->salt, op, &why);
    if (status)
        return vel_fail(r->error, VEL_E_CORRUPT, 0, s->path, hint_offset(x),
                        "damage in synced data: %s", why);
    return VEL_OK;
}

static vel_status restore_document(recovery *r, vel_segment *s, vel_collection *c,
                                   const hint_entry *x) {
    vel_engine *e = r->e;
    vel_ref ref;
    const uint8_t *record = r->data.data + hint_offset(x) + OP_HEADER_SIZE;
    uint32_t size = e->options.bounded ? x->size - OP_HEADER_SIZE : record_size(record);
    uint64_t header = block_header_make(log_location(s, hint_offset(x)), size, x->expiry != 0);
    vel_status status = table_reserve(&c->table, &x->hash, 1);
    if (!status && x->expiry) status = expiry_reserve(&e->expiry, 1);
    uint64_t block_size = e->options.bounded ? sizeof header : e->record_offset + (uint64_t)size;
    if (!status) status = slab_alloc(&e->slab, block_size, &ref);
    if (status) return status;
    uint8_t *block = slab_at(&e->slab, ref);
    store_u64(block, e->options.bounded ? header | BLOCK_COLD : header);
    if (!e->options.bounded) memcpy(block + e->record_offset, record, size);
    table_insert(&c->table, x->hash, ref);
    s->live_bytes += x->size;
    s->live_count++;
    if (x->expiry) {
        e->expiry.live++;
        expiry_push(&e->expiry, x->expiry, c->id, x->hash);
    }
    return VEL_OK;
}

static vel_status restore_entry(recovery *r, vel_segment *s, const hint_entry *x, vel_buffer *own) {
    vel_status status;
    bool fresh;
    if (hint_kind(x) == OP_DEFINE) {
        segment_op op;
        status = load_op(r, s, x, own, &op);
        return status ? status : keep_define(r, &op);
    }
    if (x->stamp > s->max_stamp) s->max_stamp = x->stamp;
    if (x->stamp > r->e->last_stamp) r->e->last_stamp = x->stamp;
    if (hint_kind(x) == OP_PUT) s->put_bytes += x->size;
    else s->tombstone_bytes += x->size;
    vel_collection *c = catalog_by_id(r->e, x->collection);
    if (!c) return VEL_OK;  /* dropped */
    status = seen_add(&r->seen, x->collection, x->hash, x->check, &fresh);
    if (status || !fresh || hint_kind(x) != OP_PUT) return status;
    return restore_document(r, s, c, x);
}

/* The entries of a sealed segment: its hint when the mode can live on it, else its frames, loaded
 * into r->data. */
static vel_status entries_of(recovery *r, vel_segment *s, vel_entries *scanned, vel_buffer *hint,
                             const hint_entry **entries, size_t *count) {
    vel_engine *e = r->e;
    char path[VEL_PATH_MAX];
    r->data.size = hint->size = 0;
    segment_name(path, sizeof path, e->directory, s->id, "hint");
    if (e->options.bounded && !scanned->entries &&
        !file_load(path, SEGMENT_SIZE_MAX * 2, hint, NULL) &&
        !hint_read(hint->data, hint->size, s->id, s->salt, s->tail, entries, count)) {
        s->hinted = true;
        return VEL_OK;
    }
    vel_status status = segment_load(s, &r->data, r->error);
    if (!status && !scanned->entries)
        status = entries_scan(scanned, s, r->data.data, e->hash_seed, r->error);
    if (!status && e->options.bounded) hint_store(e, s, scanned, NULL);
    *entries = scanned->entries;
    *count = scanned->count;
    return status;
}

/* Start fetching what an entry some steps ahead will touch: it is all cache misses. */
static void prefetch_entry(const recovery *r, const hint_entry *x) {
    const vel_collection *c = catalog_by_id(r->e, x->collection);
    seen_prefetch(&r->seen, x->collection, x->hash);
    if (!c) return;
    table_probe probe;
    table_probe_begin(&c->table, x->hash, &probe);
    __builtin_prefetch(table_probe_home(&probe), 1);
}

static vel_status restore_segment(recovery *r, uint32_t position) {
    vel_segment *s = r->e->log.list[position];
    vel_buffer hint = {0}, own = {0};
    const hint_entry *entries;
    size_t count;
    vel_status status = entries_of(r, s, &r->scanned[position], &hint, &entries, &count);
    for (size_t i = count; !status && i-- > 0;) {
        if (i >= PREFETCH_DISTANCE) prefetch_entry(r, &entries[i - PREFETCH_DISTANCE]);
        status = restore_entry(r, s, &entries[i], &own);
    }
    entries_free(&r->scanned[position]);
    buffer_free(&hint);
    buffer_free(&own);
    return status;
}

static vel_status restore_names(recovery *r) {
    for (size_t i = r->define_count; i-- > 0;) {
        const uint8_t *p = r->defines.data + r->define_at[i];
        vel_collection *c = catalog_by_id(r->e, load_u32(p));
        vel_status status = c ? names_read(c->names, p + 8, load_u32(p + 4)) : VEL_OK;
        if (status == VEL_E_CORRUPT)
            return vel_fail(r->error, status, 0, r->e->directory, 0,
                            "the field names of collection %s do not follow on", c->name);
        if (status) return status;
    }
    for (uint32_t i = 0; i < r->e->collection_count; i++) {
        vel_collection *c = r->e->collections[i];
        c->names_logged = names_count(c->names);
        vel_status status = catalog_charge_names(r->e, c);
        if (status) return status;
    }
    return VEL_OK;
}

static vel_status restore_catalog(recovery *r) {
    vel_engine *e = r->e;
    memcpy(e->uuid, r->m.uuid, sizeof e->uuid);
    e->hash_seed = r->m.hash_seed;
    e->next_collection_id = r->m.next_collection_id;
    e->last_stamp = r->m.last_stamp;
    e->log.next_id = r->m.next_segment_id;
    r->durable_seq = r->m.durable_seq;
    for (uint32_t i = 0; i < r->m.collection_count; i++) {
        const manifest_collection *m = &r->m.collections[i];
        vel_collection *c;
        vel_status status = catalog_add(e, m->id, m->level, m->name, m->name_size, &c);
        if (!status && m->names_size) status = names_read(c->names, m->names, m->names_size);
        if (status == VEL_E_CORRUPT)
            return vel_fail(r->error, status, 0, e->directory, 0,
                            "MANIFEST: the field names of collection %s are damaged", c->name);
        if (status) return status;
    }
    return VEL_OK;
}

static vel_status recover(recovery *r) {
    vel_engine *e = r->e;
    bool foreign = false;
    vel_status status = list_files(r, &foreign);
    if (!status) status = manifest_load(e->directory, &r->m, r->error);
    if (status == VEL_NOT_FOUND) return create_database(r, foreign);
    if (!status) status = restore_catalog(r);
    if (!status) status = open_segments(r);
    if (!status) status = find_end(r);
    if (!status) status = seen_open(&r->seen);
    for (uint32_t i = e->log.count; !status && i-- > 0;) status = restore_segment(r, i);
    if (!status) status = restore_names(r);
    if (status) return status;
    atomic_set_relaxed(&e->log.durable_seq, e->log.seq);
    if (!r->changed && !r->m.clean) return VEL_OK;
    return catalog_store(e, r->error);
}

vel_status engine_recover(vel_engine *e, vel_error *error) {
    vel_error own;
    recovery r = {.e = e, .error = error ? error : &own};
    vel_status status = recover(&r);
    if (r.scanned)
        for (uint32_t i = 0; i < e->log.count; i++) entries_free(&r.scanned[i]);
    free(r.scanned);
    free(r.found);
    free(r.define_at);
    seen_close(&r.seen);
    buffer_free(&r.data);
    buffer_free(&r.defines);
    manifest_free(&r.m);
    return status;
}
