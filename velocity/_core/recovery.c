/* recovery.c: from a directory to a running engine.
 *
 * 1. The manifest gives seeds, collections and the segments known when it was written; newer log
 *    segments are found by listing, left-overs are deleted.
 * 2. Segments that were not sealed are walked from the oldest: frames must be whole and their
 *    sequences follow on. Where that ends, all at or below the durable sequence must have been
 *    read, else it is damage; above it is a torn tail: cut off, and what follows is dropped.
 * 3. After a clean close a bounded mode takes up the checkpoint. Else all operations are met from
 *    the newest to the oldest; the first one of an id is its present state. Bounded modes need only
 *    hints where there are some, the others copy the records.
 */
#include "recovery.h"

#include <dirent.h>
#include <fcntl.h>

#define TAIL_NAME_SIZE 10  /* hex digits of a segment's file name */

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
    if (!d) return file_fail(r->error, errno, r->e->directory, "list the data directory");
    vel_status status = VEL_OK;
    struct dirent *entry;
    *foreign = false;
    while (!status && (entry = readdir(d))) {
        const char *name = entry->d_name;
        uint64_t id;
        if (parse_segment_name(name, "seg", &id)) status = remember_file(r, id);
        else if (strcmp(name, ".") && strcmp(name, "..") && strcmp(name, "LOCK") &&
                 strncmp(name, "MANIFEST", 8) && strcmp(name, "CHECKPOINT") &&
                 !strstr(name, ".hint"))
            *foreign = true;
    }
    closedir(d);
    return status;
}

/* Whether a directory without a manifest, once listed, may become a database. */
static vel_status may_create(const recovery *r, bool foreign) {
    if (r->found_count)
        return vel_fail(r->error, VEL_E_CORRUPT, 0, r->e->directory, 0,
                        "MANIFEST is missing while log segments are there; restore the directory "
                        "from a backup");
    if (foreign)
        return vel_fail(r->error, VEL_E_INVALID, 0, r->e->directory, 0,
                        "the directory holds other files and is not a database; name an empty or "
                        "a new one");
    return VEL_OK;
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
    r->unborn = !status && segment_header_torn(bytes, got);
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

static vel_status open_segments(recovery *r) {
    vel_log *log = &r->e->log;
    vel_status status = VEL_OK;
    vel_segment *s;
    for (uint32_t i = 0; i < r->m.segment_count && !status; i++) {
        status = open_segment(r, &r->m.segments[i], r->m.segments[i].id, &s);
        if (!status) status = log_add_segment(log, s, log->count);
    }
    if (r->found_count) qsort(r->found, r->found_count, sizeof *r->found, compare_ids);
    for (size_t i = 0; i < r->found_count && !status; i++) {
        uint64_t id = r->found[i];
        if (id >= log->next_id) log->next_id = id + 1;
        if (in_manifest(&r->m, id)) continue;
        if (id < r->m.next_segment_id) continue;  /* left over from a compaction */
        status = open_segment(r, NULL, id, &s);
        if (!status && s->kind != SEGMENT_LOG) {
            file_close(s->fd);
            free(s);
        } else if (!status) {
            r->changed = true;
            status = log_add_segment(log, s, log->count);
        } else if (r->unborn) {
            /* A compaction's output, or a log segment: then those after it do not follow on. */
            status = VEL_OK;
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
        status = entries_add_frame(entries, r->data.data, &frame, e->hash_seed);
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
        r->changed = true;
        r->e->torn_bytes += s->tail > SEGMENT_HEADER_SIZE ? s->tail - SEGMENT_HEADER_SIZE : 0;
        entries_free(&r->scanned[log->count - 1]);
        log_replace_segments(log, log->count - 1, log->count, NULL);
        log_free_segment(log, s);
    }
}

static vel_status find_end(recovery *r) {
    vel_log *log = &r->e->log;
    vel_status status = VEL_OK;
    const vel_segment *last = log->count ? log->list[log->count - 1] : NULL;
    uint64_t end = last ? last->tail : 0;
    char end_path[VEL_PATH_MAX];  /* where the log ends, also when that segment is dropped */
    snprintf(end_path, sizeof end_path, "%s", last ? last->path : r->e->directory);
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
        snprintf(end_path, sizeof end_path, "%s", s->path);
        end = s->tail;
        bool empty = s->tail == SEGMENT_HEADER_SIZE;
        if (torn || empty) {  /* also when its first frame is missing: nothing follows on */
            snprintf(r->e->torn_text, sizeof r->e->torn_text,
                     "a torn tail was cut off at %.200s offset %llu", s->path,
                     (unsigned long long)s->tail);
            drop_from(r, i + 1);
        }
        if (empty) drop_from(r, i);
        else status = seal_found(r, s);
    }
    if (!status && log->seq < r->durable_seq)
        return vel_fail(r->error, VEL_E_CORRUPT, 0, end_path, end,
                        "frames %llu to %llu were synced and are missing from the log",
                        (unsigned long long)log->seq + 1, (unsigned long long)r->durable_seq);
    return status;
}

/* --- left-overs ------------------------------------------------------------------------------ */

static bool in_log(const vel_log *log, uint64_t id) {
    for (uint32_t i = 0; i < log->count; i++)
        if (log->list[i]->id == id) return true;
    return false;
}

/* Remove segments that are not in the log: left over from a compaction, dropped as torn, without a
 * header. Requires: no manifest lists them any more. */
static vel_status remove_segments(const recovery *r) {
    char path[VEL_PATH_MAX];
    vel_status status = VEL_OK;
    for (size_t i = 0; i < r->found_count && !status; i++) {
        if (in_log(&r->e->log, r->found[i])) continue;
        segment_name(path, sizeof path, r->e->directory, r->found[i], "seg");
        status = file_remove(path, r->error);
    }
    return status;
}

/* Remove hints whose segment is gone, and half-written ones: nothing else ever would. One that
 * stays does no harm. */
static void clear_hints(const recovery *r) {
    char path[VEL_PATH_MAX];
    struct dirent *entry;
    uint64_t id;
    DIR *d = opendir(r->e->directory);
    while (d && (entry = readdir(d))) {
        bool half = parse_segment_name(entry->d_name, "hint.tmp", &id);
        if (!half && (!parse_segment_name(entry->d_name, "hint", &id) || in_log(&r->e->log, id)))
            continue;
        segment_name(path, sizeof path, r->e->directory, id, half ? "hint.tmp" : "hint");
        file_remove(path, NULL);
    }
    if (d) closedir(d);
}

/* --- all of it ------------------------------------------------------------------------------ */

/* From the segments. A checkpoint that could not be used is of no use to a later opening either. */
static vel_status restore_all(recovery *r) {
    vel_engine *e = r->e;
    char path[VEL_PATH_MAX];
    checkpoint_path(path, sizeof path, e->directory);
    file_remove(path, NULL);
    uint64_t documents = restore_room(r);
    vel_status status = seen_open(&r->seen, e->options.bounded ? documents : 0);
    for (uint32_t i = e->log.count; !status && i-- > 0;) status = restore_segment(r, i);
    return status;
}

static vel_status recover(recovery *r) {
    vel_engine *e = r->e;
    bool foreign = false, restored = false;
    vel_status status = list_files(r, &foreign);
    if (!status) status = manifest_load(e->directory, &r->m, r->error);
    if (status == VEL_NOT_FOUND) {
        status = may_create(r, foreign);
        return status ? status : catalog_store(e, r->error);
    }
    if (!status) status = restore_catalog(r);
    if (!status) status = open_segments(r);
    if (!status) status = find_end(r);
    if (!status) status = restore_checkpoint(r, &restored);
    if (!status && !restored) status = restore_all(r);
    if (!status) status = restore_names(r);
    if (status) return status;
    atomic_set_relaxed(&e->log.durable_seq, e->log.seq);
    /* What the system holds may not be on disk: the manifest's name, which is served from now on,
     * and names of segments that were found, which the next one lists. */
    if (!r->m.clean) status = directory_sync(e->directory, r->error);
    if (!status && (r->changed || r->m.clean)) status = catalog_store(e, r->error);
    if (!status) status = remove_segments(r);
    if (!status) clear_hints(r);
    return status;
}

vel_status engine_refuse_foreign(vel_engine *e, vel_error *error) {
    vel_error own;
    recovery r = {.e = e, .error = error ? error : &own};
    bool foreign = false;
    /* Listed before the manifest is looked for: who makes a database writes that first. */
    vel_status status = list_files(&r, &foreign);
    if (!status && !manifest_exists(e->directory)) status = may_create(&r, foreign);
    free(r.found);
    return status;
}

vel_status engine_recover(vel_engine *e, vel_error *error) {
    vel_error own;
    recovery r = {.e = e, .error = error ? error : &own};
    vel_status status = recover(&r);
    if (r.scanned)
        for (uint32_t i = 0; i < e->log.count; i++) entries_free(&r.scanned[i]);
    free(r.scanned);
    entries_free(&r.entries);
    free(r.found);
    free(r.define_at);
    seen_close(&r.seen);
    buffer_free(&r.data);
    buffer_free(&r.defines);
    manifest_free(&r.m);
    return status;
}
