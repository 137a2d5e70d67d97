/*
 * part_read.c -- an open part: file, footer, directories of row groups; see part.h and part.md.
 *
 * Shared by threads. The file is opened and its footer checked under the mutex
 * at first use; both stay while anybody holds the part. Directories are loaded when first
 * wanted, outside the mutex; two threads may load the same one, the first to
 * come back is kept. A directory in use has references and survives a trim.
 */
#include "store/part_read.h"

#include <assert.h>
#include <string.h>

#include "base/hash.h"
#include "store/names.h"

enum { READ_END_GUESS = 16 * 1024 }; /* Read from the end: tail and most footers in one go. */

hist_status hi_part_new(const hi_part_config *config, uint64_t part_id, uint64_t size_bytes,
                        uint64_t footer_hash, uint64_t seq_low, uint64_t seq_high,
                        hi_part **part_out, hist_error *err)
{
    char path[HI_PATH_SIZE];

    *part_out = NULL;
    HI_TRY(hi_name_path(config->dir, HI_FILE_PART, part_id, path, err));
    hi_mem *own = config->own_mem != NULL ? config->own_mem : config->mem;
    hi_part *part = HI_MEM_NEW(own, hi_part);
    const size_t path_size = strlen(path) + 1;
    char *copy = hi_mem_alloc(own, path_size);
    if (part == NULL || copy == NULL || pthread_mutex_init(&part->mutex, NULL) != 0) {
        hi_mem_free(own, copy, path_size);
        HI_MEM_DELETE(own, part);
        return hi_no_memory(err, "opening a part");
    }
    memcpy(copy, path, path_size);
    part->vfs = config->vfs;
    part->live = config->live;
    part->pool = config->pool;
    part->mem = config->mem;
    part->own_mem = own;
    part->store = config->store;
    part->id = part_id;
    part->size_bytes = size_bytes;
    part->footer_hash = footer_hash;
    part->seq_low = seq_low;
    part->seq_high = seq_high;
    part->path = copy;
    part->path_size = path_size;
    *part_out = part;
    return HIST_OK;
}

/* Gives back the file and everything that was read of it. Nobody uses the part. */
static void read_close(hi_part *part)
{
    if (part->open && part->pool != NULL) {
        atomic_fetch_sub_explicit(&part->pool->open, 1, memory_order_relaxed);
    }
    for (uint32_t i = 0; part->dirs != NULL && i < part->footer.group_count; i++) {
        assert(part->dirs[i] == NULL || part->dirs[i]->refs == 0);
        hi_part_dir_free(part->mem, part->dirs[i]);
    }
    hi_mem_free(part->mem, part->dirs, part->footer.group_count * sizeof(hi_part_dir *));
    part->dirs = NULL;
    hi_part_footer_free(part->mem, &part->footer);
    hi_file_close(part->file);
    part->file = NULL;
    part->open = false;
}

void hi_part_free(hi_part *part)
{
    if (part == NULL) {
        return;
    }
    hi_mem *mem = part->own_mem;
    assert(part->users == 0);
    read_close(part);
    (void)pthread_mutex_destroy(&part->mutex);
    hi_mem_free(mem, part->path, part->path_size);
    HI_MEM_DELETE(mem, part);
}

/* ---- opening ---- */

static hist_status read_check_size(hi_part *part, hist_error *err)
{
    uint64_t size = 0;

    HI_TRY(part->file->ops->size(part->file, &size, err));
    if (size != part->size_bytes) {
        return hi_corrupt(err, part->path, -1, "the file has %llu bytes, the manifest says %llu",
                          (unsigned long long)size, (unsigned long long)part->size_bytes);
    }
    if (size < HI_PART_HEADER_SIZE + HI_PART_TAIL_SIZE) {
        return hi_corrupt(err, part->path, -1, "%llu bytes are too few for a part",
                          (unsigned long long)size);
    }
    return HIST_OK;
}

enum { READ_OPEN = 0, READ_BLOCKING = 1, READ_BLOCKED = 2 };

/* A part that allows reading only is read, but ends all writing: parts are not looked at when the
   store is opened. */
static hist_status read_check_features(hi_part *part, const hi_features *features, hist_error *err)
{
    hi_part_pool *pool = part->pool;
    hist_error blocked;
    int open = READ_OPEN;

    HI_TRY(hi_features_check(features, part->path, false, err));
    if (pool != NULL && hi_features_check(features, part->path, true, &blocked) != HIST_OK &&
        atomic_compare_exchange_strong(&pool->blocked, &open, READ_BLOCKING)) {
        pool->blocked_why = blocked;
        atomic_store_explicit(&pool->blocked, READ_BLOCKED, memory_order_release);
    }
    return HIST_OK;
}

hist_status hi_part_pool_check(hi_part_pool *pool, hist_error *err)
{
    if (atomic_load_explicit(&pool->blocked, memory_order_acquire) != READ_BLOCKED) {
        return HIST_OK;
    }
    if (err != NULL) {
        *err = pool->blocked_why;
    }
    return pool->blocked_why.code;
}

/* Footer bytes that are in memory already. */
static hist_status read_parse_footer(hi_part *part, const uint8_t *data, const hi_part_tail *tail,
                                     hist_error *err)
{
    const int64_t at = (int64_t)tail->footer_offset;
    const uint64_t seed = hi_hash_seed(part->store, part->id, tail->footer_offset);

    if (hi_hash(data, tail->footer_size, seed) != tail->footer_hash) {
        return hi_corrupt(err, part->path, at, "checksum of the footer is wrong");
    }
    const hist_status status = hi_part_footer_parse(part->mem, data, tail->footer_size,
                                                    tail->footer_offset, &part->footer);
    if (status == HIST_ENOMEM) {
        return hi_no_memory(err, "footer of a part");
    }
    if (status != HIST_OK) {
        return hi_corrupt(err, part->path, at, "the footer makes no sense");
    }
    HI_TRY(read_check_features(part, &part->footer.features, err));
    if (part->footer.seq_low != part->seq_low || part->footer.seq_high != part->seq_high) {
        return hi_corrupt(err, part->path, at,
                          "the footer has commits %llu to %llu, the manifest "
                          "says %llu to %llu",
                          (unsigned long long)part->footer.seq_low,
                          (unsigned long long)part->footer.seq_high,
                          (unsigned long long)part->seq_low, (unsigned long long)part->seq_high);
    }
    return HIST_OK;
}

static hist_status read_tail(hi_part *part, const uint8_t *tail_bytes, hi_part_tail *tail_out,
                             hist_error *err)
{
    const int64_t at = (int64_t)(part->size_bytes - HI_PART_TAIL_SIZE);

    if (hi_part_tail_parse(tail_bytes, part->size_bytes, tail_out) != HIST_OK) {
        return hi_corrupt(err, part->path, at, "the end of the file is damaged or missing");
    }
    if (tail_out->footer_hash != part->footer_hash) {
        return hi_corrupt(err, part->path, at + 16,
                          "checksum of the footer is %016llx, the manifest says %016llx",
                          (unsigned long long)tail_out->footer_hash,
                          (unsigned long long)part->footer_hash);
    }
    part->footer_offset = tail_out->footer_offset;
    return HIST_OK;
}

static hist_status read_footer(hi_part *part, hist_error *err)
{
    const size_t guess =
        part->size_bytes < READ_END_GUESS ? (size_t)part->size_bytes : READ_END_GUESS;
    hi_part_tail tail = {0};
    uint8_t *rest = NULL;
    uint8_t *end = hi_mem_alloc(part->mem, guess);

    if (end == NULL) {
        return hi_no_memory(err, "footer of a part");
    }
    hist_status status =
        hi_file_read_exact(part->file, part->path, part->size_bytes - guess, end, guess, err);
    if (status == HIST_OK) {
        status = read_tail(part, end + guess - HI_PART_TAIL_SIZE, &tail, err);
    }
    if (status == HIST_OK && tail.footer_size <= guess - HI_PART_TAIL_SIZE) {
        status =
            read_parse_footer(part, end + guess - HI_PART_TAIL_SIZE - tail.footer_size, &tail, err);
    } else if (status == HIST_OK) {
        rest = hi_mem_alloc(part->mem, tail.footer_size);
        status = rest == NULL ? hi_no_memory(err, "footer of a part")
                              : hi_file_read_exact(part->file, part->path, tail.footer_offset, rest,
                                                   tail.footer_size, err);
        if (status == HIST_OK) {
            status = read_parse_footer(part, rest, &tail, err);
        }
        hi_mem_free(part->mem, rest, tail.footer_size);
    }
    hi_mem_free(part->mem, end, guess);
    return status;
}

static hist_status read_open(hi_part *part, hist_error *err)
{
    uint8_t header[HI_PART_HEADER_SIZE];
    hi_features features;
    const hist_status status =
        part->vfs->open(part->vfs, part->path, HIST_OPEN_READ, &part->file, err);

    if (status == HIST_ENOTFOUND && part->live) {
        return hi_fail(err, HIST_EBUSY,
                       "%s was replaced by a newer part while this read-only view was open; open "
                       "the store again",
                       part->path);
    }
    if (status == HIST_ENOTFOUND) {
        return hi_corrupt(err, part->path, -1,
                          "the manifest names this part, but the file is gone");
    }
    HI_TRY(status);
    HI_TRY(read_check_size(part, err));
    HI_TRY(hi_file_read_exact(part->file, part->path, 0, header, sizeof(header), err));
    HI_TRY(hi_part_header_check(header, part->path, part->store, part->id, &features, err));
    HI_TRY(read_check_features(part, &features, err));
    HI_TRY(read_footer(part, err));
    part->dirs = hi_mem_calloc(part->mem, part->footer.group_count, sizeof(hi_part_dir *));
    return part->dirs == NULL ? hi_no_memory(err, "opening a part") : HIST_OK;
}

hist_status hi_part_hold(hi_part *part, hist_error *err)
{
    hist_status status = HIST_OK;

    (void)pthread_mutex_lock(&part->mutex);
    if (!part->open) {
        status = read_open(part, err);
        if (status != HIST_OK) {
            read_close(part);
        } else if (part->pool != NULL) {
            atomic_fetch_add_explicit(&part->pool->open, 1, memory_order_relaxed);
        }
        part->open = status == HIST_OK;
    }
    part->users += status == HIST_OK ? 1 : 0;
    (void)pthread_mutex_unlock(&part->mutex);
    return status;
}

/* Whether a part that nobody uses should make room for others. */
static bool read_is_crowded(const hi_part *part)
{
    const hi_mem *mem = part->mem;

    return part->pool != NULL &&
           (atomic_load_explicit(&part->pool->open, memory_order_relaxed) > part->pool->open_max ||
            atomic_load_explicit(&mem->used, memory_order_relaxed) > mem->limit - mem->limit / 4);
}

void hi_part_leave(hi_part *part)
{
    (void)pthread_mutex_lock(&part->mutex);
    assert(part->users > 0);
    part->users--;
    if (part->users == 0 && read_is_crowded(part)) {
        read_close(part);
    }
    (void)pthread_mutex_unlock(&part->mutex);
}

/* ---- sections and directories ---- */

hist_status hi_part_read_section(hi_part *part, uint64_t offset, uint8_t *data, size_t size,
                                 const char *what, hist_error *err)
{
    const uint64_t seed = hi_hash_seed(part->store, part->id, offset);

    HI_TRY(hi_file_read_exact(part->file, part->path, offset, data, size + HI_PART_HASH_SIZE, err));
    if (hi_hash(data, size, seed) != hi_get_u64(data + size)) {
        return hi_corrupt(err, part->path, (int64_t)offset, "checksum of %s (%llu bytes) is wrong",
                          what, (unsigned long long)size);
    }
    return HIST_OK;
}

static hist_status read_dir(hi_part *part, const hi_part_group *group, hi_part_dir **dir_out,
                            hist_error *err)
{
    const uint64_t seed = hi_hash_seed(part->store, part->id, group->dir_offset);
    uint8_t *data = hi_mem_alloc(part->mem, group->dir_size);

    if (data == NULL) {
        return hi_no_memory(err, "directory of a row group");
    }
    hist_status status =
        hi_file_read_exact(part->file, part->path, group->dir_offset, data, group->dir_size, err);
    if (status == HIST_OK && hi_hash(data, group->dir_size, seed) != group->dir_hash) {
        status = hi_corrupt(err, part->path, (int64_t)group->dir_offset,
                            "checksum of the directory of a row group (table %u) is wrong",
                            group->table);
    } else if (status == HIST_OK) {
        status = hi_part_dir_parse(part->mem, data, group->dir_size, group, dir_out);
        if (status == HIST_ENOMEM) {
            (void)hi_no_memory(err, "directory of a row group");
        } else if (status != HIST_OK) {
            (void)hi_corrupt(err, part->path, (int64_t)group->dir_offset,
                             "the directory of a row group (table %u) makes no sense",
                             group->table);
        }
    }
    hi_mem_free(part->mem, data, group->dir_size);
    return status;
}

hist_status hi_part_dir_get(hi_part *part, uint32_t group, hi_part_dir **dir_out, hist_error *err)
{
    hi_part_dir *fresh = NULL;

    (void)pthread_mutex_lock(&part->mutex);
    hi_part_dir *dir = part->dirs[group];
    if (dir != NULL) {
        dir->refs++;
    }
    (void)pthread_mutex_unlock(&part->mutex);
    if (dir == NULL) {
        HI_TRY(read_dir(part, &part->footer.groups[group], &fresh, err));
        (void)pthread_mutex_lock(&part->mutex);
        if (part->dirs[group] == NULL) {
            fresh->group = group;
            part->dirs[group] = fresh;
            fresh = NULL;
        }
        dir = part->dirs[group];
        dir->refs++;
        (void)pthread_mutex_unlock(&part->mutex);
        hi_part_dir_free(part->mem, fresh);
    }
    *dir_out = dir;
    return HIST_OK;
}

void hi_part_dir_put(hi_part *part, hi_part_dir *dir)
{
    if (dir != NULL) {
        (void)pthread_mutex_lock(&part->mutex);
        assert(dir->refs > 0);
        dir->refs--;
        if (dir->refs == 0 && read_is_crowded(part)) {
            part->dirs[dir->group] = NULL;
            hi_part_dir_free(part->mem, dir);
        }
        (void)pthread_mutex_unlock(&part->mutex);
    }
}

void hi_part_trim(hi_part *part)
{
    (void)pthread_mutex_lock(&part->mutex);
    for (uint32_t i = 0; part->open && i < part->footer.group_count; i++) {
        if (part->dirs[i] != NULL && part->dirs[i]->refs == 0) {
            hi_part_dir_free(part->mem, part->dirs[i]);
            part->dirs[i] = NULL;
        }
    }
    (void)pthread_mutex_unlock(&part->mutex);
}

/* ---- fragments of a table ---- */

hist_status hi_frag_list_add(hi_frag_list *list, hi_arena *arena, hi_frag *frag)
{
    if (list->count == list->capacity) {
        const uint32_t more = list->capacity == 0 ? 16 : list->capacity * 2;
        hi_frag **frags = HI_NEW_ARRAY(arena, hi_frag *, more);

        if (frags == NULL) {
            return HIST_ENOMEM;
        }
        if (list->count > 0) {
            memcpy(frags, list->frags, list->count * sizeof(hi_frag *));
        }
        list->frags = frags;
        list->capacity = more;
    }
    list->frags[list->count++] = frag;
    return HIST_OK;
}

bool hi_part_any_series(const uint32_t *series, uint32_t count, uint32_t first, uint32_t last)
{
    uint32_t low = 0;
    uint32_t high = count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (series[middle] < first) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < count && series[low] <= last;
}

static bool read_group_wanted(const hi_part_group *g, int64_t from_ns, int64_t last_ns)
{
    return g->first_ns <= last_ns && g->last_ns >= from_ns;
}

/* The first row group of a table; they ascend by table. */
static uint32_t read_first_group(const hi_part *part, uint32_t table)
{
    uint32_t low = 0;
    uint32_t high = part->footer.group_count;

    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;

        if (part->footer.groups[middle].table < table) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static hist_status read_frags(hi_part *part, uint32_t table, int64_t from_ns, int64_t last_ns,
                              const uint32_t *series, uint32_t series_count, hi_arena *arena,
                              hi_mem *mem, hi_frag_list *list, hist_error *err)
{
    const uint32_t count = part->footer.group_count;

    for (uint32_t i = read_first_group(part, table);
         i < count && part->footer.groups[i].table == table; i++) {
        const hi_part_group *g = &part->footer.groups[i];
        hi_frag *frag = NULL;

        if (!read_group_wanted(g, from_ns, last_ns) ||
            (series != NULL &&
             !hi_part_any_series(series, series_count, g->first_series, g->last_series))) {
            continue;
        }
        HI_TRY(hi_part_frag_new(part, i, arena, mem, &frag, err));
        if (hi_frag_list_add(list, arena, frag) != HIST_OK) {
            frag->ops->close(frag);
            return hi_no_memory(err, "fragments of a part");
        }
    }
    return HIST_OK;
}

hist_status hi_part_frags(hi_part *part, uint32_t table, int64_t from_ns, int64_t last_ns,
                          const uint32_t *series, uint32_t series_count, hi_arena *arena,
                          hi_mem *mem, hi_frag_list *list, hist_error *err)
{
    HI_TRY(hi_part_hold(part, err));
    const hist_status status =
        read_frags(part, table, from_ns, last_ns, series, series_count, arena, mem, list, err);
    hi_part_leave(part); /* The fragments hold it. */
    return status;
}
