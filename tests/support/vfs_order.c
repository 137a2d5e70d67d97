/* vfs_order.c -- a VFS that watches the order of operations; see vfs_order.h. */
#include "tests/support/vfs_order.h"

#include <fnmatch.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "store/manifest.h"
#include "store/wal_frame.h"

#define ORDER_HOOKS_MAX 16

/* A file that was created or written to through this VFS. Others are taken as durable. */
typedef struct order_entry {
    char *path;
    uint64_t writes;  /* Started. */
    uint64_t synced;  /* Of them, synced. */
    uint64_t written; /* Behind the last byte ever written. */
    bool name_durable;
} order_entry;

typedef struct order_hook {
    const char *pattern;
    unsigned ops;
    vfs_order_fn fn;
    void *arg;
} order_hook;

typedef struct order_vfs {
    hist_vfs base;
    hist_vfs *inner;
    pthread_mutex_t lock;
    hi_mem mem;
    order_entry *entries;
    size_t count;
    size_t capacity;
    order_hook hooks[ORDER_HOOKS_MAX];
    size_t hook_count;
    uint64_t violations;
    char first[VFS_ORDER_MESSAGE_SIZE];
} order_vfs;

typedef struct order_file {
    hist_file base;
    order_vfs *vfs;
    hist_file *inner;
    char path[];
} order_file;

static void order_violation(order_vfs *vfs, const char *fmt, ...) HI_PRINTF(2, 3);

static void order_violation(order_vfs *vfs, const char *fmt, ...)
{
    va_list args;

    if (vfs->violations++ == 0) {
        va_start(args, fmt);
        (void)vsnprintf(vfs->first, sizeof(vfs->first), fmt, args);
        va_end(args);
    }
}

static order_entry *order_find(order_vfs *vfs, const char *path)
{
    for (size_t i = 0; i < vfs->count; i++) {
        if (strcmp(vfs->entries[i].path, path) == 0) {
            return &vfs->entries[i];
        }
    }
    return NULL;
}

/* NULL: no memory, the file is not watched. */
static order_entry *order_add(order_vfs *vfs, const char *path, bool name_durable)
{
    order_entry *entry = order_find(vfs, path);

    if (entry == NULL && vfs->count == vfs->capacity) {
        const size_t capacity = vfs->capacity < 16 ? 16 : vfs->capacity * 2;
        order_entry *entries = realloc(vfs->entries, capacity * sizeof(*entries));

        if (entries == NULL) {
            return NULL;
        }
        vfs->entries = entries;
        vfs->capacity = capacity;
    }
    if (entry == NULL) {
        char *copy = strdup(path);

        if (copy == NULL) {
            return NULL;
        }
        entry = &vfs->entries[vfs->count++];
        *entry = (order_entry){.path = copy, .name_durable = name_durable};
    }
    return entry;
}

static void order_remove(order_vfs *vfs, const char *path)
{
    order_entry *entry = order_find(vfs, path);

    if (entry != NULL) {
        free(entry->path);
        *entry = vfs->entries[--vfs->count];
    }
}

static const char *order_name(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL ? path : slash + 1;
}

/* The folder of a path, "." when it has none. */
static void order_dir(const char *path, char dir[HI_PATH_SIZE])
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path);

    if (length == 0 || length >= HI_PATH_SIZE) {
        (void)snprintf(dir, HI_PATH_SIZE, "%s", slash == NULL ? "." : "/");
        return;
    }
    memcpy(dir, path, length);
    dir[length] = '\0';
}

static vfs_order_state order_state(order_vfs *vfs, const char *path)
{
    const order_entry *entry = order_find(vfs, path);

    return (vfs_order_state){
        .synced = entry == NULL || entry->synced == entry->writes,
        .name_durable = entry == NULL || entry->name_durable,
    };
}

static void order_hooks(order_vfs *vfs, unsigned op, const char *path, const char *state_path)
{
    const vfs_order_state state = order_state(vfs, state_path);

    for (size_t i = 0; i < vfs->hook_count; i++) {
        const order_hook *hook = &vfs->hooks[i];

        if ((hook->ops & op) != 0 && fnmatch(hook->pattern, order_name(path), 0) == 0) {
            const char *wrong = hook->fn(hook->arg, op, path, &state);

            if (wrong != NULL) {
                order_violation(vfs, "%s: %s", path, wrong);
            }
        }
    }
}

/* ---- rules ------------------------------------------------------------------------------ */

static void order_check_named(order_vfs *vfs, const char *manifest, hi_file_ref ref, uint64_t size)
{
    char dir[HI_PATH_SIZE];
    char path[HI_PATH_SIZE];
    hist_file *file = NULL;
    uint64_t real = 0;

    order_dir(manifest, dir);
    if (hi_name_path(dir, ref.kind, ref.id, path, NULL) != HIST_OK) {
        return;
    }
    const vfs_order_state state = order_state(vfs, path);
    if (!state.synced || !state.name_durable) {
        order_violation(vfs, "%s names %s, which is not %s", manifest, order_name(path),
                        state.synced ? "in a synced folder" : "synced");
    }
    if (vfs->inner->open(vfs->inner, path, HIST_OPEN_READ, &file, NULL) != HIST_OK) {
        order_violation(vfs, "%s names %s, which is not there", manifest, order_name(path));
        return;
    }
    if (file->ops->size(file, &real, NULL) != HIST_OK || real != size) {
        order_violation(vfs, "%s says %s has %llu bytes, it has %llu", manifest, order_name(path),
                        (unsigned long long)size, (unsigned long long)real);
    }
    file->ops->close(file);
}

/* A manifest is about to get its name. */
static void order_check_manifest(order_vfs *vfs, const char *from, const char *to)
{
    hi_file_data data;
    hi_manifest m;

    if (hi_file_read_whole(vfs->inner, from, &vfs->mem, HI_MANIFEST_BYTES_MAX, &data, NULL) !=
        HIST_OK) {
        return;
    }
    if (hi_manifest_decode(data.data, data.size, from, &vfs->mem, &m, NULL) == HIST_OK) {
        for (size_t i = 0; i < m.part_count; i++) {
            const hi_file_ref ref = {.kind = HI_FILE_PART, .id = m.parts[i].id};

            order_check_named(vfs, to, ref, m.parts[i].file_size);
        }
        for (size_t i = 0; i < m.catalog_count; i++) {
            const hi_file_ref ref = {.kind = HI_FILE_CATALOG, .id = m.catalogs[i].id};

            order_check_named(vfs, to, ref, m.catalogs[i].file_size);
        }
        hi_manifest_free(&m);
    } else {
        order_violation(vfs, "%s is published but cannot be read", to);
    }
    hi_file_data_free(&data, &vfs->mem);
}

static void order_check_rename(order_vfs *vfs, const char *from, const char *to)
{
    uint64_t id = 0;
    const hi_file_kind kind = hi_name_parse(order_name(to), &id);

    if (kind != HI_FILE_TEMP && !order_state(vfs, from).synced) {
        order_violation(vfs, "%s gets its name before it is synced", to);
    }
    if (kind == HI_FILE_MANIFEST) {
        order_check_manifest(vfs, from, to);
    }
}

/* A slot of SUPER is about to be written. */
static void order_check_super(order_vfs *vfs, const char *path, uint64_t offset,
                              const hist_iov *iov)
{
    char dir[HI_PATH_SIZE];
    char manifest[HI_PATH_SIZE];
    hi_super super;
    const unsigned slot = (unsigned)(offset / HI_SUPER_SLOT_DISTANCE);

    if (offset % HI_SUPER_SLOT_DISTANCE != 0 || slot > 1 || iov->size != HI_SUPER_SLOT_SIZE ||
        hi_super_decode(iov->data, slot, path, &super, NULL) != HIST_OK) {
        order_violation(vfs, "%s: something that is no slot is written at %llu", path,
                        (unsigned long long)offset);
        return;
    }
    order_dir(path, dir);
    if (hi_name_path(dir, HI_FILE_MANIFEST, super.manifest_generation, manifest, NULL) == HIST_OK) {
        const vfs_order_state state = order_state(vfs, manifest);

        if (!state.synced || !state.name_durable) {
            order_violation(vfs, "SUPER points to %s before that is durable", manifest);
        }
    }
}

static void order_check_write(order_vfs *vfs, const char *path, uint64_t offset,
                              const hist_iov *iov, size_t iov_count)
{
    uint64_t id = 0;
    const hi_file_kind kind = hi_name_parse(order_name(path), &id);
    order_entry *entry = order_add(vfs, path, true);
    uint64_t end = offset;

    if (kind == HI_FILE_SUPER && iov_count > 0) {
        order_check_super(vfs, path, offset, iov);
    } else if (kind != HI_FILE_TEMP && kind != HI_FILE_LOCK && kind != HI_FILE_OTHER &&
               entry != NULL && offset < entry->written) {
        order_violation(vfs, "%s: bytes from %llu on are written a second time", path,
                        (unsigned long long)offset);
    }
    for (size_t i = 0; i < iov_count; i++) {
        end += iov[i].size;
    }
    if (entry != NULL) {
        entry->writes++;
        entry->written = end > entry->written ? end : entry->written;
    }
}

/* Nothing in segment `no` counts, because a later one begins no later. */
static bool order_overridden(order_vfs *vfs, const char *dir, const hi_super *super, uint64_t no)
{
    hi_wal_config config = {.vfs = vfs->inner, .dir = dir, .mem = &vfs->mem};
    hi_wal_listing listing;
    uint64_t first = 0;
    bool found = false;

    memcpy(config.uuid, super->uuid, sizeof(config.uuid));
    if (hi_wal_list(&config, no, false, &listing, NULL) != HIST_OK) {
        return false;
    }
    for (size_t i = 0; i < listing.count; i++) {
        const hi_wal_header *header = &listing.entries[i].header;

        if (header->no == no) {
            first = header->first_seq;
        } else if (listing.entries[i].valid && header->first_seq <= first) {
            found = true;
        }
    }
    hi_wal_listing_free(&listing);
    return found;
}

/* Is the file needed when this slot of SUPER is the one that is read? */
static bool order_needed(order_vfs *vfs, const char *dir, const hi_super *super,
                         const hi_file_ref *ref)
{
    hi_manifest m;
    bool needed = ref->kind == HI_FILE_MANIFEST && ref->id == super->manifest_generation;

    if (hi_manifest_load(vfs->inner, dir, super, &vfs->mem, &m, NULL) != HIST_OK) {
        return needed;
    }
    needed = needed || (ref->kind == HI_FILE_PART && hi_manifest_find_part(&m, ref->id) != NULL);
    needed = needed || (ref->kind == HI_FILE_CATALOG && hi_manifest_remove_catalog(&m, ref->id));
    needed = needed || (ref->kind == HI_FILE_WAL && ref->id >= m.wal_floor_segment &&
                        !order_overridden(vfs, dir, super, ref->id));
    hi_manifest_free(&m);
    return needed;
}

static void order_check_unlink(order_vfs *vfs, const char *path)
{
    char dir[HI_PATH_SIZE];
    char super_path[HI_PATH_SIZE];
    hi_super super;
    hi_super_state state;
    hi_file_ref ref = {0};

    ref.kind = hi_name_parse(order_name(path), &ref.id);
    order_dir(path, dir);
    if ((ref.kind != HI_FILE_PART && ref.kind != HI_FILE_CATALOG && ref.kind != HI_FILE_MANIFEST &&
         ref.kind != HI_FILE_WAL) ||
        hi_name_path(dir, HI_FILE_SUPER, 0, super_path, NULL) != HIST_OK ||
        hi_super_read(vfs->inner, dir, false, &super, &state, NULL) != HIST_OK) {
        return;
    }
    if (order_needed(vfs, dir, &super, &ref) ||
        (state.other_valid && order_needed(vfs, dir, &state.other, &ref))) {
        order_violation(vfs, "%s is removed while SUPER leads to it", path);
    }
    if (!order_state(vfs, super_path).synced && ref.kind != HI_FILE_WAL) {
        order_violation(vfs, "%s is removed before SUPER is synced", path);
    }
}

/* ---- files ------------------------------------------------------------------------------ */

static hist_file *order_inner(hist_file *file)
{
    return ((order_file *)file)->inner;
}

static hist_status order_read(hist_file *file, uint64_t offset, void *data, size_t size,
                              size_t *got_out, hist_error *err)
{
    return order_inner(file)->ops->read(order_inner(file), offset, data, size, got_out, err);
}

static hist_status order_write(hist_file *file, uint64_t offset, const hist_iov *iov,
                               size_t iov_count, hist_error *err)
{
    order_file *f = (order_file *)file;

    pthread_mutex_lock(&f->vfs->lock);
    order_hooks(f->vfs, VFS_OP_WRITE, f->path, f->path);
    order_check_write(f->vfs, f->path, offset, iov, iov_count);
    pthread_mutex_unlock(&f->vfs->lock);
    return f->inner->ops->write(f->inner, offset, iov, iov_count, err);
}

static hist_status order_sync(hist_file *file, hist_error *err)
{
    order_file *f = (order_file *)file;

    pthread_mutex_lock(&f->vfs->lock);
    order_hooks(f->vfs, VFS_OP_SYNC, f->path, f->path);
    const order_entry *before = order_find(f->vfs, f->path);
    const uint64_t writes = before == NULL ? 0 : before->writes;
    pthread_mutex_unlock(&f->vfs->lock);
    const hist_status st = f->inner->ops->sync(f->inner, err);
    pthread_mutex_lock(&f->vfs->lock);
    order_entry *entry = order_find(f->vfs, f->path);
    if (st == HIST_OK && entry != NULL && entry->synced < writes) {
        entry->synced = writes;
    }
    pthread_mutex_unlock(&f->vfs->lock);
    return st;
}

static hist_status order_allocate(hist_file *file, uint64_t size, hist_error *err)
{
    order_file *f = (order_file *)file;

    pthread_mutex_lock(&f->vfs->lock);
    order_entry *entry = order_add(f->vfs, f->path, true);
    if (entry != NULL) {
        entry->writes++; /* The size has to be synced too. */
    }
    pthread_mutex_unlock(&f->vfs->lock);
    return f->inner->ops->allocate(f->inner, size, err);
}

static hist_status order_size(hist_file *file, uint64_t *size_out, hist_error *err)
{
    return order_inner(file)->ops->size(order_inner(file), size_out, err);
}

static hist_status order_lock(hist_file *file, hist_error *err)
{
    return order_inner(file)->ops->lock(order_inner(file), err);
}

static void order_close(hist_file *file)
{
    order_inner(file)->ops->close(order_inner(file));
    free(file);
}

static const hist_file_ops order_file_ops = {
    .read = order_read,
    .write = order_write,
    .sync = order_sync,
    .allocate = order_allocate,
    .size = order_size,
    .lock = order_lock,
    .close = order_close,
};

/* ---- names ------------------------------------------------------------------------------ */

static hist_vfs *order_of(hist_vfs *vfs)
{
    return ((order_vfs *)vfs)->inner;
}

static hist_status order_open(hist_vfs *vfs, const char *path, int flags, hist_file **file_out,
                              hist_error *err)
{
    order_vfs *v = (order_vfs *)vfs;
    const size_t size = strlen(path) + 1;
    order_file *file = calloc(1, sizeof(*file) + size);

    if (file == NULL) {
        return hi_no_memory(err, path);
    }
    const hist_status st = v->inner->open(v->inner, path, flags, &file->inner, err);
    if (st != HIST_OK) {
        free(file);
        return st;
    }
    if ((flags & HIST_OPEN_CREATE) != 0) {
        pthread_mutex_lock(&v->lock);
        order_remove(v, path);
        (void)order_add(v, path, false);
        pthread_mutex_unlock(&v->lock);
    }
    file->base.ops = &order_file_ops;
    file->vfs = v;
    memcpy(file->path, path, size);
    *file_out = &file->base;
    return HIST_OK;
}

/* The new name takes over what is known of the old one, but is not durable. */
static void order_renamed(order_vfs *vfs, const char *from, const char *to)
{
    const order_entry *old = order_find(vfs, from);
    const order_entry known = old == NULL ? (order_entry){0} : *old;

    order_entry *entry = order_add(vfs, to, false);
    if (entry != NULL) {
        entry->writes = known.writes;
        entry->synced = known.synced;
        entry->written = known.written;
        entry->name_durable = false;
    }
    order_remove(vfs, from);
}

static hist_status order_rename(hist_vfs *vfs, const char *from, const char *to, hist_error *err)
{
    order_vfs *v = (order_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    order_hooks(v, VFS_OP_RENAME, to, from);
    order_check_rename(v, from, to);
    pthread_mutex_unlock(&v->lock);
    const hist_status st = v->inner->rename(v->inner, from, to, err);
    if (st == HIST_OK) {
        pthread_mutex_lock(&v->lock);
        order_renamed(v, from, to);
        pthread_mutex_unlock(&v->lock);
    }
    return st;
}

static hist_status order_unlink(hist_vfs *vfs, const char *path, hist_error *err)
{
    order_vfs *v = (order_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    order_hooks(v, VFS_OP_UNLINK, path, path);
    order_check_unlink(v, path);
    pthread_mutex_unlock(&v->lock);
    const hist_status st = v->inner->unlink(v->inner, path, err);
    if (st == HIST_OK) {
        pthread_mutex_lock(&v->lock);
        order_remove(v, path);
        pthread_mutex_unlock(&v->lock);
    }
    return st;
}

static hist_status order_mkdir(hist_vfs *vfs, const char *path, hist_error *err)
{
    return order_of(vfs)->mkdir(order_of(vfs), path, err);
}

static hist_status order_sync_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    order_vfs *v = (order_vfs *)vfs;
    const hist_status st = v->inner->sync_dir(v->inner, path, err);

    pthread_mutex_lock(&v->lock);
    for (size_t i = 0; st == HIST_OK && i < v->count; i++) {
        char dir[HI_PATH_SIZE];

        order_dir(v->entries[i].path, dir);
        if (strcmp(dir, path) == 0) {
            v->entries[i].name_durable = true;
        }
    }
    pthread_mutex_unlock(&v->lock);
    return st;
}

static hist_status order_list(hist_vfs *vfs, const char *path, hist_list_fn fn, void *arg,
                              hist_error *err)
{
    return order_of(vfs)->list(order_of(vfs), path, fn, arg, err);
}

static hist_status order_space(hist_vfs *vfs, const char *path, hist_disk_space *space_out,
                               hist_error *err)
{
    return order_of(vfs)->space(order_of(vfs), path, space_out, err);
}

static hist_status order_check_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    return order_of(vfs)->check_dir(order_of(vfs), path, err);
}

static int64_t order_now_ns(hist_vfs *vfs)
{
    return order_of(vfs)->now_ns(order_of(vfs));
}

static int64_t order_monotonic_ns(hist_vfs *vfs)
{
    return order_of(vfs)->monotonic_ns(order_of(vfs));
}

static hist_status order_random(hist_vfs *vfs, void *data, size_t size, hist_error *err)
{
    return order_of(vfs)->random(order_of(vfs), data, size, err);
}

hist_vfs *vfs_order_new(hist_vfs *inner)
{
    order_vfs *vfs = calloc(1, sizeof(*vfs));

    if (vfs == NULL || pthread_mutex_init(&vfs->lock, NULL) != 0) {
        free(vfs);
        return NULL;
    }
    vfs->inner = inner;
    hi_mem_init(&vfs->mem, NULL, NULL, 0);
    vfs->base = (hist_vfs){
        .struct_size = sizeof(hist_vfs),
        .open = order_open,
        .rename = order_rename,
        .unlink = order_unlink,
        .mkdir = order_mkdir,
        .sync_dir = order_sync_dir,
        .list = order_list,
        .space = order_space,
        .check_dir = order_check_dir,
        .now_ns = order_now_ns,
        .monotonic_ns = order_monotonic_ns,
        .random = order_random,
    };
    return &vfs->base;
}

void vfs_order_free(hist_vfs *vfs)
{
    order_vfs *v = (order_vfs *)vfs;

    if (v == NULL) {
        return;
    }
    for (size_t i = 0; i < v->count; i++) {
        free(v->entries[i].path);
    }
    free(v->entries);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

uint64_t vfs_order_violations(hist_vfs *vfs, char first[VFS_ORDER_MESSAGE_SIZE])
{
    order_vfs *v = (order_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    const uint64_t violations = v->violations;
    memcpy(first, v->first, VFS_ORDER_MESSAGE_SIZE);
    pthread_mutex_unlock(&v->lock);
    return violations;
}

bool vfs_order_hook(hist_vfs *vfs, const char *pattern, unsigned ops, vfs_order_fn fn, void *arg)
{
    order_vfs *v = (order_vfs *)vfs;
    bool added = false;

    pthread_mutex_lock(&v->lock);
    if (v->hook_count < ORDER_HOOKS_MAX) {
        v->hooks[v->hook_count++] =
            (order_hook){.pattern = pattern, .ops = ops, .fn = fn, .arg = arg};
        added = true;
    }
    pthread_mutex_unlock(&v->lock);
    return added;
}
