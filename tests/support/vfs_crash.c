/* vfs_crash.c -- a file system in memory that can lose power; see vfs_crash.h. */
#include "tests/support/vfs_crash.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "tests/support/vfs_crash_disk.h"

typedef struct crash_file {
    hist_file base;
    crash_vfs *vfs;
    crash_inode *inode;
    bool has_lock;
    char path[];
} crash_file;

uint64_t vfs_crash_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* ---- inodes and names ------------------------------------------------------------------- */

void vfs_crash_unref(crash_inode *inode)
{
    if (inode != NULL && --inode->refs == 0) {
        free(inode->now);
        free(inode->durable);
        free(inode->dirty);
        free(inode);
    }
}

crash_inode *vfs_crash_ref(crash_inode *inode)
{
    if (inode != NULL) {
        inode->refs++;
    }
    return inode;
}

static bool crash_grow_array(uint8_t **array, size_t old_size, size_t new_size)
{
    uint8_t *grown = calloc(1, new_size == 0 ? 1 : new_size);

    if (grown == NULL) {
        return false;
    }
    if (old_size > 0) {
        memcpy(grown, *array, old_size);
    }
    free(*array);
    *array = grown;
    return true;
}

bool vfs_crash_reserve(crash_inode *inode, size_t size)
{
    if (size <= inode->capacity) {
        return true;
    }
    size_t capacity = (size + SECTOR - 1) / SECTOR * SECTOR;
    if (capacity < inode->capacity * 2) {
        capacity = inode->capacity * 2;
    }
    if (!crash_grow_array(&inode->now, inode->capacity, capacity) ||
        !crash_grow_array(&inode->durable, inode->capacity, capacity) ||
        !crash_grow_array(&inode->dirty, inode->capacity / SECTOR, capacity / SECTOR)) {
        return false;
    }
    inode->capacity = capacity;
    return true;
}

static crash_name *crash_find(crash_vfs *vfs, const char *path)
{
    for (size_t i = 0; i < vfs->count; i++) {
        if (strcmp(vfs->names[i].path, path) == 0) {
            return &vfs->names[i];
        }
    }
    return NULL;
}

/* The entry of a path, made when there is none; NULL: no memory. */
crash_name *vfs_crash_entry(crash_vfs *vfs, const char *path)
{
    crash_name *name = crash_find(vfs, path);

    if (name != NULL) {
        return name;
    }
    if (vfs->count == vfs->capacity) {
        const size_t capacity = vfs->capacity < 16 ? 16 : vfs->capacity * 2;
        crash_name *names = realloc(vfs->names, capacity * sizeof(*names));

        if (names == NULL) {
            return NULL;
        }
        vfs->names = names;
        vfs->capacity = capacity;
    }
    char *copy = strdup(path);
    if (copy == NULL) {
        return NULL;
    }
    vfs->names[vfs->count] = (crash_name){.path = copy};
    return &vfs->names[vfs->count++];
}

/* Drops entries that are neither there now nor durable. */
void vfs_crash_sweep(crash_vfs *vfs)
{
    for (size_t i = 0; i < vfs->count;) {
        if (vfs->names[i].now == NULL && vfs->names[i].durable == NULL) {
            free(vfs->names[i].path);
            vfs->names[i] = vfs->names[--vfs->count];
        } else {
            i++;
        }
    }
}

/* Is `dir` the folder `path` is in? "/" and "." are those of paths with no other. */
static bool crash_in_dir(const char *path, const char *dir)
{
    const char *slash = strrchr(path, '/');
    const size_t length = slash == NULL ? 0 : (size_t)(slash - path);

    if (length == 0) {
        return strcmp(dir, slash == NULL ? "." : "/") == 0;
    }
    return strlen(dir) == length && memcmp(path, dir, length) == 0;
}

bool vfs_crash_parent_exists(crash_vfs *vfs, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path) {
        return true;
    }
    for (size_t i = 0; i < vfs->count; i++) {
        const crash_name *name = &vfs->names[i];

        if (name->now != NULL && name->now->is_dir && crash_in_dir(path, name->path)) {
            return true;
        }
    }
    return false;
}

/* ---- the machine stops ------------------------------------------------------------------ */

static hist_status crash_fail(const char *path, hist_error *err)
{
    return hi_fail_os(err, EIO, "%s: the machine has stopped", path);
}

/* Counts a change; *last: it is the one during which the machine stops. */
static hist_status crash_change(crash_vfs *vfs, const char *path, bool *last, hist_error *err)
{
    *last = false;
    if (vfs->stopped) {
        return crash_fail(path, err);
    }
    vfs->changes++;
    if (vfs->stop_after != 0 && vfs->changes >= vfs->stop_after) {
        vfs->stopped = true;
        *last = true;
    }
    return HIST_OK;
}

static hist_status crash_lock(crash_vfs *vfs, const char *path, hist_error *err)
{
    pthread_mutex_lock(&vfs->lock);
    if (vfs->stopped) {
        pthread_mutex_unlock(&vfs->lock);
        return crash_fail(path, err);
    }
    return HIST_OK;
}

/* ---- files ------------------------------------------------------------------------------ */

static hist_status crash_read(hist_file *file, uint64_t offset, void *data, size_t size,
                              size_t *got_out, hist_error *err)
{
    crash_file *f = (crash_file *)file;

    HI_TRY(crash_lock(f->vfs, f->path, err));
    const uint64_t left = offset < f->inode->now_size ? f->inode->now_size - offset : 0;
    const size_t got = left < size ? (size_t)left : size;
    if (got > 0) {
        memcpy(data, f->inode->now + offset, got);
    }
    pthread_mutex_unlock(&f->vfs->lock);
    *got_out = got;
    return HIST_OK;
}

static hist_status crash_extend(crash_file *f, uint64_t size, hist_error *err)
{
    crash_inode *inode = f->inode;
    crash_vfs *vfs = f->vfs;

    if (size <= inode->now_size) {
        return HIST_OK;
    }
    if (vfs->limit != 0 && vfs->used + (size - inode->now_size) > vfs->limit) {
        return hi_fail_os(err, ENOSPC, "%s: cannot reserve %llu bytes", f->path,
                          (unsigned long long)size);
    }
    if (!vfs_crash_reserve(inode, (size_t)size)) {
        return hi_no_memory(err, f->path);
    }
    vfs->used += size - inode->now_size;
    inode->now_size = (size_t)size;
    return HIST_OK;
}

static hist_status crash_write_locked(crash_file *f, uint64_t offset, const hist_iov *iov,
                                      size_t iov_count, hist_error *err)
{
    uint64_t end = offset;
    bool last = false;

    for (size_t i = 0; i < iov_count; i++) {
        end += iov[i].size;
    }
    HI_TRY(crash_change(f->vfs, f->path, &last, err));
    HI_TRY(crash_extend(f, end, err));
    for (uint64_t s = offset / SECTOR; end > offset && s <= (end - 1) / SECTOR; s++) {
        f->inode->dirty[s] = 1;
    }
    for (size_t i = 0; i < iov_count; i++) {
        if (iov[i].size > 0) {
            memcpy(f->inode->now + offset, iov[i].data, iov[i].size);
            offset += iov[i].size;
        }
    }
    return last ? crash_fail(f->path, err) : HIST_OK;
}

static hist_status crash_write(hist_file *file, uint64_t offset, const hist_iov *iov,
                               size_t iov_count, hist_error *err)
{
    crash_file *f = (crash_file *)file;

    pthread_mutex_lock(&f->vfs->lock);
    const hist_status st = crash_write_locked(f, offset, iov, iov_count, err);
    pthread_mutex_unlock(&f->vfs->lock);
    return st;
}

/* One unsynced sector as it may be found after a power cut. `to` holds the durable content. */
void vfs_crash_sector(uint8_t *to, const uint8_t *now, uint64_t *random)
{
    static const uint8_t zeroes[SECTOR];
    const bool fresh = memcmp(to, zeroes, SECTOR) == 0;
    const uint64_t what = vfs_crash_random(random) % 8;
    const size_t cut = (size_t)(vfs_crash_random(random) % (SECTOR + 1));

    if (what < 3) {
        memcpy(to, now, SECTOR);
    } else if (what == 5) {
        memcpy(to, now, cut);
    } else if (what == 6) {
        memcpy(to + cut, now + cut, SECTOR - cut);
    } else if (what == 7) {
        for (size_t i = 0; i < SECTOR; i++) {
            if (fresh || to[i] != now[i]) {
                to[i] = (uint8_t)vfs_crash_random(random);
            }
        }
    }
}

/* The kernel reports the error once, and forgets the pages. */
static hist_status crash_sync_fail(crash_file *f, hist_error *err)
{
    crash_inode *inode = f->inode;

    for (size_t s = 0; s < inode->capacity / SECTOR; s++) {
        if (inode->dirty[s] != 0) {
            vfs_crash_sector(inode->durable + s * SECTOR, inode->now + s * SECTOR, &f->vfs->random);
            memcpy(inode->now + s * SECTOR, inode->durable + s * SECTOR, SECTOR);
            inode->dirty[s] = 0;
        }
    }
    return hi_fail_os(err, EIO, "%s: fdatasync failed", f->path);
}

static void crash_sync_all(crash_inode *inode)
{
    for (size_t s = 0; s < inode->capacity / SECTOR; s++) {
        if (inode->dirty[s] != 0) {
            memcpy(inode->durable + s * SECTOR, inode->now + s * SECTOR, SECTOR);
            inode->dirty[s] = 0;
        }
    }
    inode->durable_size = inode->now_size;
}

static hist_status crash_sync(hist_file *file, hist_error *err)
{
    crash_file *f = (crash_file *)file;
    bool last = false;

    pthread_mutex_lock(&f->vfs->lock);
    hist_status st = crash_change(f->vfs, f->path, &last, err);
    if (st == HIST_OK && last) {
        st = crash_fail(f->path, err);
    } else if (st == HIST_OK && f->vfs->fail_sync > 0 && --f->vfs->fail_sync == 0) {
        st = crash_sync_fail(f, err);
    } else if (st == HIST_OK) {
        crash_sync_all(f->inode);
    }
    pthread_mutex_unlock(&f->vfs->lock);
    return st;
}

static hist_status crash_allocate(hist_file *file, uint64_t size, hist_error *err)
{
    crash_file *f = (crash_file *)file;
    bool last = false;

    pthread_mutex_lock(&f->vfs->lock);
    hist_status st = crash_change(f->vfs, f->path, &last, err);
    if (st == HIST_OK) {
        st = crash_extend(f, size, err);
    }
    if (st == HIST_OK && last) {
        st = crash_fail(f->path, err);
    }
    pthread_mutex_unlock(&f->vfs->lock);
    return st;
}

static hist_status crash_size(hist_file *file, uint64_t *size_out, hist_error *err)
{
    crash_file *f = (crash_file *)file;

    HI_TRY(crash_lock(f->vfs, f->path, err));
    *size_out = f->inode->now_size;
    pthread_mutex_unlock(&f->vfs->lock);
    return HIST_OK;
}

static hist_status crash_file_lock(hist_file *file, hist_error *err)
{
    crash_file *f = (crash_file *)file;

    HI_TRY(crash_lock(f->vfs, f->path, err));
    const bool ok = f->has_lock || !f->inode->locked;
    f->inode->locked = true;
    f->has_lock = f->has_lock || ok;
    pthread_mutex_unlock(&f->vfs->lock);
    return ok ? HIST_OK
              : hi_fail(err, HIST_EBUSY, "%s: another writer has the store open", f->path);
}

static void crash_close(hist_file *file)
{
    crash_file *f = (crash_file *)file;
    crash_vfs *vfs = f->vfs;

    pthread_mutex_lock(&vfs->lock);
    if (f->has_lock) {
        f->inode->locked = false;
    }
    vfs_crash_unref(f->inode);
    pthread_mutex_unlock(&vfs->lock);
    free(f);
}

static const hist_file_ops crash_file_ops = {
    .read = crash_read,
    .write = crash_write,
    .sync = crash_sync,
    .allocate = crash_allocate,
    .size = crash_size,
    .lock = crash_file_lock,
    .close = crash_close,
};

/* ---- names ------------------------------------------------------------------------------ */

static hist_status crash_create(crash_vfs *vfs, const char *path, bool is_dir,
                                crash_inode **inode_out, hist_error *err)
{
    bool last = false;
    const crash_name *old = crash_find(vfs, path);

    if (old != NULL && old->now != NULL) {
        return hi_fail(err, HIST_EEXIST, "%s: cannot create: exists already", path);
    }
    if (!vfs_crash_parent_exists(vfs, path)) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot create: no such folder", path);
    }
    HI_TRY(crash_change(vfs, path, &last, err));
    crash_name *name = vfs_crash_entry(vfs, path);
    crash_inode *inode = calloc(1, sizeof(*inode));
    if (name == NULL || inode == NULL) {
        free(inode);
        return hi_no_memory(err, path);
    }
    inode->is_dir = is_dir;
    name->now = vfs_crash_ref(inode);
    *inode_out = inode;
    return last ? crash_fail(path, err) : HIST_OK;
}

static hist_status crash_open_inode(crash_vfs *vfs, const char *path, int flags,
                                    crash_inode **inode_out, hist_error *err)
{
    if ((flags & HIST_OPEN_CREATE) != 0) {
        return crash_create(vfs, path, false, inode_out, err);
    }
    const crash_name *name = crash_find(vfs, path);
    if (name == NULL || name->now == NULL || name->now->is_dir) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot open: no such file", path);
    }
    *inode_out = name->now;
    return HIST_OK;
}

static hist_status crash_open(hist_vfs *vfs, const char *path, int flags, hist_file **file_out,
                              hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;
    const size_t size = strlen(path) + 1;
    crash_file *file = calloc(1, sizeof(*file) + size);

    if (file == NULL) {
        return hi_no_memory(err, path);
    }
    hist_status st = crash_lock(v, path, err);
    if (st == HIST_OK) {
        st = crash_open_inode(v, path, flags, &file->inode, err);
        vfs_crash_ref(st == HIST_OK ? file->inode : NULL);
        pthread_mutex_unlock(&v->lock);
    }
    if (st != HIST_OK) {
        free(file);
        return st;
    }
    file->base.ops = &crash_file_ops;
    file->vfs = v;
    memcpy(file->path, path, size);
    *file_out = &file->base;
    return HIST_OK;
}

static hist_status crash_rename_locked(crash_vfs *vfs, const char *from, const char *to,
                                       hist_error *err)
{
    bool last = false;
    crash_name *name = crash_find(vfs, from);
    crash_name *other = crash_find(vfs, to);

    if (name == NULL || name->now == NULL) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot rename: no such file", from);
    }
    if (other != NULL && other->now != NULL) {
        return hi_fail(err, HIST_EEXIST, "%s: cannot rename to it: exists already", to);
    }
    HI_TRY(crash_change(vfs, from, &last, err));
    other = vfs_crash_entry(vfs, to);
    if (other == NULL) {
        return hi_no_memory(err, to);
    }
    name = crash_find(vfs, from); /* The table may have moved. */
    other->now = name->now;
    name->now = NULL;
    vfs_crash_sweep(vfs);
    return last ? crash_fail(from, err) : HIST_OK;
}

static hist_status crash_rename(hist_vfs *vfs, const char *from, const char *to, hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;

    HI_TRY(crash_lock(v, from, err));
    const hist_status st = crash_rename_locked(v, from, to, err);
    pthread_mutex_unlock(&v->lock);
    return st;
}

static hist_status crash_unlink_locked(crash_vfs *vfs, const char *path, hist_error *err)
{
    bool last = false;
    crash_name *name = crash_find(vfs, path);

    if (name == NULL || name->now == NULL || name->now->is_dir) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot remove: no such file", path);
    }
    HI_TRY(crash_change(vfs, path, &last, err));
    vfs->used -= vfs->used < name->now->now_size ? vfs->used : name->now->now_size;
    vfs_crash_unref(name->now);
    name->now = NULL;
    vfs_crash_sweep(vfs);
    return last ? crash_fail(path, err) : HIST_OK;
}

static hist_status crash_unlink(hist_vfs *vfs, const char *path, hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;

    HI_TRY(crash_lock(v, path, err));
    const hist_status st = crash_unlink_locked(v, path, err);
    pthread_mutex_unlock(&v->lock);
    return st;
}

static hist_status crash_mkdir(hist_vfs *vfs, const char *path, hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;
    crash_inode *inode = NULL;

    HI_TRY(crash_lock(v, path, err));
    const hist_status st = crash_create(v, path, true, &inode, err);
    pthread_mutex_unlock(&v->lock);
    return st;
}

static hist_status crash_sync_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;
    bool last = false;

    HI_TRY(crash_lock(v, path, err));
    hist_status st = crash_change(v, path, &last, err);
    if (st == HIST_OK && last) {
        st = crash_fail(path, err);
    }
    for (size_t i = 0; st == HIST_OK && i < v->count; i++) {
        crash_name *name = &v->names[i];

        if (crash_in_dir(name->path, path) && name->durable != name->now) {
            vfs_crash_unref(name->durable);
            name->durable = vfs_crash_ref(name->now);
        }
    }
    vfs_crash_sweep(v);
    pthread_mutex_unlock(&v->lock);
    return st;
}

/* The last part of each name in a folder, copied, so that fn may call back; NULL-terminated. */
static char **crash_collect(crash_vfs *vfs, const char *path)
{
    char **names = calloc(vfs->count + 1, sizeof(*names));
    size_t count = 0;

    for (size_t i = 0; names != NULL && i < vfs->count; i++) {
        const char *slash = strrchr(vfs->names[i].path, '/');

        if (vfs->names[i].now != NULL && crash_in_dir(vfs->names[i].path, path)) {
            names[count] = strdup(slash == NULL ? vfs->names[i].path : slash + 1);
            count += names[count] != NULL ? 1 : 0;
        }
    }
    return names;
}

static hist_status crash_list(hist_vfs *vfs, const char *path, hist_list_fn fn, void *arg,
                              hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;
    bool go_on = true;

    HI_TRY(crash_lock(v, path, err));
    const crash_name *dir = crash_find(v, path);
    const bool found = dir != NULL && dir->now != NULL && dir->now->is_dir;
    char **names = found ? crash_collect(v, path) : NULL;
    pthread_mutex_unlock(&v->lock);
    for (size_t i = 0; names != NULL && names[i] != NULL; i++) {
        go_on = go_on && fn(arg, names[i]) == 0;
        free(names[i]);
    }
    free(names);
    return found ? HIST_OK : hi_fail(err, HIST_ENOTFOUND, "%s: cannot list: no such folder", path);
}

static hist_status crash_space(hist_vfs *vfs, const char *path, hist_disk_space *space_out,
                               hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;

    HI_TRY(crash_lock(v, path, err));
    const uint64_t total = v->limit == 0 ? UINT64_C(1) << 40 : v->limit;
    space_out->total_bytes = total;
    space_out->free_bytes = total > v->used ? total - v->used : 0;
    pthread_mutex_unlock(&v->lock);
    return HIST_OK;
}

static hist_status crash_check_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    (void)vfs;
    (void)path;
    (void)err;
    return HIST_OK;
}

static int64_t crash_monotonic_ns(hist_vfs *vfs)
{
    crash_vfs *v = (crash_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    const uint64_t ticks = ++v->ticks;
    pthread_mutex_unlock(&v->lock);
    return (int64_t)(ticks * 1000000);
}

static int64_t crash_now_ns(hist_vfs *vfs)
{
    return INT64_C(1767225600000000000) + crash_monotonic_ns(vfs); /* 2026-01-01 */
}

static hist_status crash_random_bytes(hist_vfs *vfs, void *data, size_t size, hist_error *err)
{
    crash_vfs *v = (crash_vfs *)vfs;
    uint8_t *bytes = data;

    HI_TRY(crash_lock(v, "random", err));
    for (size_t i = 0; i < size; i++) {
        bytes[i] = (uint8_t)vfs_crash_random(&v->random);
    }
    pthread_mutex_unlock(&v->lock);
    return HIST_OK;
}

/* ---- disks ------------------------------------------------------------------------------ */

static const hist_vfs crash_table = {
    .struct_size = sizeof(hist_vfs),
    .open = crash_open,
    .rename = crash_rename,
    .unlink = crash_unlink,
    .mkdir = crash_mkdir,
    .sync_dir = crash_sync_dir,
    .list = crash_list,
    .space = crash_space,
    .check_dir = crash_check_dir,
    .now_ns = crash_now_ns,
    .monotonic_ns = crash_monotonic_ns,
    .random = crash_random_bytes,
};

hist_vfs *vfs_crash_new(void)
{
    crash_vfs *vfs = calloc(1, sizeof(*vfs));

    if (vfs == NULL || pthread_mutex_init(&vfs->lock, NULL) != 0) {
        free(vfs);
        return NULL;
    }
    vfs->base = crash_table;
    return &vfs->base;
}

void vfs_crash_free(hist_vfs *vfs)
{
    crash_vfs *v = (crash_vfs *)vfs;

    if (v == NULL) {
        return;
    }
    for (size_t i = 0; i < v->count; i++) {
        vfs_crash_unref(v->names[i].now);
        vfs_crash_unref(v->names[i].durable);
        free(v->names[i].path);
    }
    free(v->names);
    pthread_mutex_destroy(&v->lock);
    free(v);
}

void vfs_crash_stop_after(hist_vfs *vfs, uint64_t n)
{
    crash_vfs *v = (crash_vfs *)vfs;

    v->stop_after = n == 0 ? 0 : v->changes + n;
    v->stopped = false;
}

bool vfs_crash_stopped(hist_vfs *vfs)
{
    return ((crash_vfs *)vfs)->stopped;
}

uint64_t vfs_crash_changes(hist_vfs *vfs)
{
    return ((crash_vfs *)vfs)->changes;
}

void vfs_crash_fail_sync(hist_vfs *vfs, uint64_t n)
{
    ((crash_vfs *)vfs)->fail_sync = n;
}

void vfs_crash_limit(hist_vfs *vfs, uint64_t bytes)
{
    ((crash_vfs *)vfs)->limit = bytes;
}

uint8_t *vfs_crash_bytes(hist_vfs *vfs, const char *path, size_t *size_out)
{
    const crash_name *name = crash_find((crash_vfs *)vfs, path);

    if (name == NULL || name->now == NULL) {
        return NULL;
    }
    *size_out = name->now->now_size;
    return name->now->now;
}

bool vfs_crash_resize(hist_vfs *vfs, const char *path, size_t size)
{
    const crash_name *name = crash_find((crash_vfs *)vfs, path);

    if (name == NULL || name->now == NULL || !vfs_crash_reserve(name->now, size)) {
        return false;
    }
    crash_inode *inode = name->now;
    if (size < inode->now_size) {
        memset(inode->now + size, 0, inode->capacity - size);
        memset(inode->durable + size, 0, inode->capacity - size);
    }
    inode->now_size = inode->durable_size = size;
    return true;
}
