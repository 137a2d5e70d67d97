/*
 * vfs_memory.c -- a file system in memory, for ":memory:" and for tests.
 *
 * A flat table of paths; an inode lives while a name or an open file refers to
 * it. One read-write lock for the table and all contents: reading shares it.
 * Clocks and randomness are real. Memory comes from malloc: it stands for a
 * disk and is not part of a store's budget.
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "hist_vfs.h"

#include "base/err.h"

#define MEMORY_TOTAL_BYTES (UINT64_C(1) << 40) /* What space() answers; there is no limit. */

typedef struct memory_inode {
    uint8_t *data; /* capacity bytes, zero behind size. */
    uint64_t size;
    uint64_t capacity;
    size_t refs; /* Names and open files. */
    bool is_dir;
    bool locked;
} memory_inode;

typedef struct memory_name {
    char *path;
    memory_inode *inode;
} memory_name;

typedef struct memory_vfs {
    hist_vfs base;
    pthread_rwlock_t lock; /* Names, and the contents of all inodes. */
    memory_name *names;
    size_t name_count;
    size_t name_capacity;
} memory_vfs;

typedef struct memory_file {
    hist_file base;
    memory_vfs *vfs;
    memory_inode *inode;
    bool writable;
    bool has_lock;
} memory_file;

static void memory_unref(memory_inode *inode)
{
    inode->refs--;
    if (inode->refs == 0) {
        free(inode->data);
        free(inode);
    }
}

static memory_name *memory_find(memory_vfs *vfs, const char *path)
{
    for (size_t i = 0; i < vfs->name_count; i++) {
        if (strcmp(vfs->names[i].path, path) == 0) {
            return &vfs->names[i];
        }
    }
    return NULL;
}

/* The folder a path is in exists, or the path has none. */
static bool memory_parent_exists(memory_vfs *vfs, const char *path)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL || slash == path) {
        return true;
    }
    const size_t length = (size_t)(slash - path);
    for (size_t i = 0; i < vfs->name_count; i++) {
        const memory_name *name = &vfs->names[i];

        if (name->inode->is_dir && strlen(name->path) == length &&
            memcmp(name->path, path, length) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds a name for a new inode; NULL: no memory. */
static memory_inode *memory_add(memory_vfs *vfs, const char *path, bool is_dir)
{
    if (vfs->name_count == vfs->name_capacity) {
        const size_t capacity = vfs->name_capacity < 16 ? 16 : vfs->name_capacity * 2;
        memory_name *names = realloc(vfs->names, capacity * sizeof(*names));

        if (names == NULL) {
            return NULL;
        }
        vfs->names = names;
        vfs->name_capacity = capacity;
    }
    memory_inode *inode = calloc(1, sizeof(*inode));
    char *copy = strdup(path);
    if (inode == NULL || copy == NULL) {
        free(inode);
        free(copy);
        return NULL;
    }
    inode->refs = 1;
    inode->is_dir = is_dir;
    vfs->names[vfs->name_count++] = (memory_name){.path = copy, .inode = inode};
    return inode;
}

static void memory_remove(memory_vfs *vfs, memory_name *name)
{
    memory_unref(name->inode);
    free(name->path);
    *name = vfs->names[--vfs->name_count];
}

static hist_status memory_read(hist_file *file, uint64_t offset, void *data, size_t size,
                               size_t *got_out, hist_error *err)
{
    memory_file *f = (memory_file *)file;

    (void)err;
    pthread_rwlock_rdlock(&f->vfs->lock);
    const uint64_t left = offset < f->inode->size ? f->inode->size - offset : 0;
    const size_t got = left < size ? (size_t)left : size;
    if (got > 0) {
        memcpy(data, f->inode->data + offset, got);
    }
    pthread_rwlock_unlock(&f->vfs->lock);
    *got_out = got;
    return HIST_OK;
}

/* Makes the inode at least `size` long, zeroes behind what it has; false: no memory. */
static bool memory_extend(memory_inode *inode, uint64_t size)
{
    if (size > inode->capacity) {
        uint64_t capacity = inode->capacity < size / 2 ? size : inode->capacity * 2;

        if (capacity < size) {
            capacity = size;
        }
        /* calloc of a large block costs no page until it is written to. */
        uint8_t *data = calloc(1, (size_t)capacity);
        if (data == NULL) {
            return false;
        }
        if (inode->size > 0) {
            memcpy(data, inode->data, (size_t)inode->size);
        }
        free(inode->data);
        inode->data = data;
        inode->capacity = capacity;
    }
    if (size > inode->size) {
        inode->size = size;
    }
    return true;
}

static hist_status memory_write(hist_file *file, uint64_t offset, const hist_iov *iov,
                                size_t iov_count, hist_error *err)
{
    memory_file *f = (memory_file *)file;
    uint64_t end = offset;

    if (!f->writable) {
        return hi_fail(err, HIST_EINVAL, "the file is open for reading only");
    }
    for (size_t i = 0; i < iov_count; i++) {
        end += iov[i].size;
    }
    pthread_rwlock_wrlock(&f->vfs->lock);
    const bool ok = memory_extend(f->inode, end);
    for (size_t i = 0; ok && i < iov_count; i++) {
        if (iov[i].size > 0) {
            memcpy(f->inode->data + offset, iov[i].data, iov[i].size);
            offset += iov[i].size;
        }
    }
    pthread_rwlock_unlock(&f->vfs->lock);
    return ok ? HIST_OK : hi_no_memory(err, "a file in memory");
}

static hist_status memory_sync(hist_file *file, hist_error *err)
{
    (void)file;
    (void)err;
    return HIST_OK;
}

static hist_status memory_allocate(hist_file *file, uint64_t size, hist_error *err)
{
    memory_file *f = (memory_file *)file;

    pthread_rwlock_wrlock(&f->vfs->lock);
    const bool ok = memory_extend(f->inode, size);
    pthread_rwlock_unlock(&f->vfs->lock);
    return ok ? HIST_OK : hi_no_memory(err, "a file in memory");
}

static hist_status memory_size(hist_file *file, uint64_t *size_out, hist_error *err)
{
    memory_file *f = (memory_file *)file;

    (void)err;
    pthread_rwlock_rdlock(&f->vfs->lock);
    *size_out = f->inode->size;
    pthread_rwlock_unlock(&f->vfs->lock);
    return HIST_OK;
}

static hist_status memory_lock(hist_file *file, hist_error *err)
{
    memory_file *f = (memory_file *)file;

    pthread_rwlock_wrlock(&f->vfs->lock);
    const bool ok = f->has_lock || !f->inode->locked;
    f->inode->locked = true;
    f->has_lock = f->has_lock || ok;
    pthread_rwlock_unlock(&f->vfs->lock);
    return ok ? HIST_OK : hi_fail(err, HIST_EBUSY, "another writer has the store open");
}

static void memory_close(hist_file *file)
{
    memory_file *f = (memory_file *)file;
    memory_vfs *vfs = f->vfs;

    pthread_rwlock_wrlock(&vfs->lock);
    if (f->has_lock) {
        f->inode->locked = false;
    }
    memory_unref(f->inode);
    pthread_rwlock_unlock(&vfs->lock);
    free(f);
}

static const hist_file_ops memory_file_ops = {
    .read = memory_read,
    .write = memory_write,
    .sync = memory_sync,
    .allocate = memory_allocate,
    .size = memory_size,
    .lock = memory_lock,
    .close = memory_close,
};

/* The inode open() asks for, under the lock. */
static hist_status memory_open_inode(memory_vfs *vfs, const char *path, int flags,
                                     memory_inode **inode_out, hist_error *err)
{
    memory_name *name = memory_find(vfs, path);

    if ((flags & HIST_OPEN_CREATE) != 0) {
        if (name != NULL) {
            return hi_fail(err, HIST_EEXIST, "%s: cannot create: exists already", path);
        }
        if (!memory_parent_exists(vfs, path)) {
            return hi_fail(err, HIST_ENOTFOUND, "%s: cannot create: no such folder", path);
        }
        *inode_out = memory_add(vfs, path, false);
        return *inode_out != NULL ? HIST_OK : hi_no_memory(err, path);
    }
    if (name == NULL) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot open: no such file", path);
    }
    if (name->inode->is_dir) {
        return hi_fail(err, HIST_EIO, "%s: cannot open: is a folder", path);
    }
    *inode_out = name->inode;
    return HIST_OK;
}

static hist_status memory_open(hist_vfs *vfs, const char *path, int flags, hist_file **file_out,
                               hist_error *err)
{
    memory_vfs *v = (memory_vfs *)vfs;
    memory_file *file = calloc(1, sizeof(*file));

    if (file == NULL) {
        return hi_no_memory(err, path);
    }
    pthread_rwlock_wrlock(&v->lock);
    const hist_status st = memory_open_inode(v, path, flags, &file->inode, err);
    if (st == HIST_OK) {
        file->inode->refs++;
    }
    pthread_rwlock_unlock(&v->lock);
    if (st != HIST_OK) {
        free(file);
        return st;
    }
    file->base.ops = &memory_file_ops;
    file->vfs = v;
    file->writable = (flags & (HIST_OPEN_WRITE | HIST_OPEN_CREATE)) != 0;
    *file_out = &file->base;
    return HIST_OK;
}

static hist_status memory_rename_locked(memory_vfs *vfs, const char *from, const char *to,
                                        hist_error *err)
{
    memory_name *name = memory_find(vfs, from);

    if (name == NULL || name->inode->is_dir) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot rename: no such file", from);
    }
    if (memory_find(vfs, to) != NULL) {
        return hi_fail(err, HIST_EEXIST, "%s: cannot rename to it: exists already", to);
    }
    if (!memory_parent_exists(vfs, to)) {
        return hi_fail(err, HIST_ENOTFOUND, "%s: cannot rename to it: no such folder", to);
    }
    char *copy = strdup(to);
    if (copy == NULL) {
        return hi_no_memory(err, to);
    }
    free(name->path);
    name->path = copy;
    return HIST_OK;
}

static hist_status memory_rename(hist_vfs *vfs, const char *from, const char *to, hist_error *err)
{
    memory_vfs *v = (memory_vfs *)vfs;

    pthread_rwlock_wrlock(&v->lock);
    const hist_status st = memory_rename_locked(v, from, to, err);
    pthread_rwlock_unlock(&v->lock);
    return st;
}

static hist_status memory_unlink(hist_vfs *vfs, const char *path, hist_error *err)
{
    memory_vfs *v = (memory_vfs *)vfs;
    hist_status st = HIST_OK;

    pthread_rwlock_wrlock(&v->lock);
    memory_name *name = memory_find(v, path);
    if (name == NULL || name->inode->is_dir) {
        st = hi_fail(err, HIST_ENOTFOUND, "%s: cannot remove: no such file", path);
    } else {
        memory_remove(v, name);
    }
    pthread_rwlock_unlock(&v->lock);
    return st;
}

static hist_status memory_mkdir(hist_vfs *vfs, const char *path, hist_error *err)
{
    memory_vfs *v = (memory_vfs *)vfs;
    hist_status st = HIST_OK;

    pthread_rwlock_wrlock(&v->lock);
    if (memory_find(v, path) != NULL) {
        st = hi_fail(err, HIST_EEXIST, "%s: cannot create folder: exists already", path);
    } else if (!memory_parent_exists(v, path)) {
        st = hi_fail(err, HIST_ENOTFOUND, "%s: cannot create folder: no such folder above", path);
    } else if (memory_add(v, path, true) == NULL) {
        st = hi_no_memory(err, path);
    }
    pthread_rwlock_unlock(&v->lock);
    return st;
}

static hist_status memory_sync_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    (void)vfs;
    (void)path;
    (void)err;
    return HIST_OK;
}

/* The names in a folder, copied, so that fn may call back into the VFS. */
static hist_status memory_collect(memory_vfs *vfs, const char *path, char ***names_out,
                                  size_t *count_out)
{
    const size_t length = strlen(path);
    char **names = calloc(vfs->name_count + 1, sizeof(*names));
    size_t count = 0;

    *names_out = names;
    *count_out = 0;
    for (size_t i = 0; names != NULL && i < vfs->name_count; i++) {
        const char *name = vfs->names[i].path;

        if (strncmp(name, path, length) != 0 || name[length] != '/' ||
            strchr(name + length + 1, '/') != NULL) {
            continue;
        }
        names[count] = strdup(name + length + 1);
        if (names[count] == NULL) {
            return HIST_ENOMEM;
        }
        *count_out = ++count;
    }
    return names == NULL ? HIST_ENOMEM : HIST_OK;
}

static hist_status memory_list(hist_vfs *vfs, const char *path, hist_list_fn fn, void *arg,
                               hist_error *err)
{
    memory_vfs *v = (memory_vfs *)vfs;
    char **names = NULL;
    size_t count = 0;

    pthread_rwlock_rdlock(&v->lock);
    const memory_name *dir = memory_find(v, path);
    const bool found = dir != NULL && dir->inode->is_dir;
    const hist_status st = found ? memory_collect(v, path, &names, &count) : HIST_ENOTFOUND;
    pthread_rwlock_unlock(&v->lock);

    for (size_t i = 0; st == HIST_OK && i < count && fn(arg, names[i]) == 0; i++) {
    }
    for (size_t i = 0; i < count; i++) {
        free(names[i]);
    }
    free(names);
    return st == HIST_OK          ? HIST_OK
           : st == HIST_ENOTFOUND ? hi_fail(err, st, "%s: cannot list: no such folder", path)
                                  : hi_no_memory(err, path);
}

static hist_status memory_space(hist_vfs *vfs, const char *path, hist_disk_space *space_out,
                                hist_error *err)
{
    (void)vfs;
    (void)path;
    (void)err;
    *space_out =
        (hist_disk_space){.free_bytes = MEMORY_TOTAL_BYTES, .total_bytes = MEMORY_TOTAL_BYTES};
    return HIST_OK;
}

static hist_status memory_check_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    (void)vfs;
    (void)path;
    (void)err;
    return HIST_OK;
}

static int64_t memory_now_ns(hist_vfs *vfs)
{
    (void)vfs;
    return hist_vfs_posix()->now_ns(hist_vfs_posix());
}

static int64_t memory_monotonic_ns(hist_vfs *vfs)
{
    (void)vfs;
    return hist_vfs_posix()->monotonic_ns(hist_vfs_posix());
}

static hist_status memory_random(hist_vfs *vfs, void *data, size_t size, hist_error *err)
{
    (void)vfs;
    return hist_vfs_posix()->random(hist_vfs_posix(), data, size, err);
}

static const hist_vfs memory_table = {
    .struct_size = sizeof(hist_vfs),
    .open = memory_open,
    .rename = memory_rename,
    .unlink = memory_unlink,
    .mkdir = memory_mkdir,
    .sync_dir = memory_sync_dir,
    .list = memory_list,
    .space = memory_space,
    .check_dir = memory_check_dir,
    .now_ns = memory_now_ns,
    .monotonic_ns = memory_monotonic_ns,
    .random = memory_random,
};

hist_vfs *hist_vfs_memory_new(void)
{
    memory_vfs *vfs = calloc(1, sizeof(*vfs));

    if (vfs == NULL || pthread_rwlock_init(&vfs->lock, NULL) != 0) {
        free(vfs);
        return NULL;
    }
    vfs->base = memory_table;
    return &vfs->base;
}

void hist_vfs_memory_free(hist_vfs *vfs)
{
    memory_vfs *v = (memory_vfs *)vfs;

    if (v == NULL) {
        return;
    }
    while (v->name_count > 0) {
        memory_remove(v, &v->names[v->name_count - 1]);
    }
    free(v->names);
    pthread_rwlock_destroy(&v->lock);
    free(v);
}
