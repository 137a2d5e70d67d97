/* vfs_fault.c -- a VFS that fails on demand; see vfs_fault.h. */
#include "tests/support/vfs_fault.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"

typedef struct fault_vfs {
    hist_vfs base;
    hist_vfs *inner;
    pthread_mutex_t lock;
    vfs_fault_plan plan;
    uint64_t calls;
    uint64_t reached;
} fault_vfs;

typedef struct fault_file {
    hist_file base;
    fault_vfs *vfs;
    hist_file *inner;
    char path[];
} fault_file;

/* Counts a call; true: it has to fail. */
static bool fault_hit(fault_vfs *vfs, unsigned op, const char *path)
{
    bool hit = false;

    pthread_mutex_lock(&vfs->lock);
    const vfs_fault_plan *plan = &vfs->plan;
    if ((plan->ops == 0 || (plan->ops & op) != 0) &&
        (plan->name == NULL || strstr(path, plan->name) != NULL)) {
        vfs->calls++;
        hit = plan->at != 0 && (vfs->calls == plan->at || (plan->sticky && vfs->calls > plan->at));
        vfs->reached += hit ? 1 : 0;
    }
    pthread_mutex_unlock(&vfs->lock);
    return hit;
}

static hist_status fault_fail(fault_vfs *vfs, const char *path, hist_error *err)
{
    const int code = vfs->plan.kind == VFS_FAULT_ENOSPC ? ENOSPC : EIO;

    return hi_fail_os(err, code, "%s: injected fault", path);
}

static hist_status fault_check(fault_vfs *vfs, unsigned op, const char *path, hist_error *err)
{
    return fault_hit(vfs, op, path) ? fault_fail(vfs, path, err) : HIST_OK;
}

static hist_status fault_check_file(hist_file *file, unsigned op, hist_error *err)
{
    fault_file *f = (fault_file *)file;

    return fault_check(f->vfs, op, f->path, err);
}

static hist_file *fault_inner(hist_file *file)
{
    return ((fault_file *)file)->inner;
}

static hist_status fault_read(hist_file *file, uint64_t offset, void *data, size_t size,
                              size_t *got_out, hist_error *err)
{
    HI_TRY(fault_check_file(file, VFS_OP_READ, err));
    return fault_inner(file)->ops->read(fault_inner(file), offset, data, size, got_out, err);
}

/* Stores the first half of what was to be written. */
static void fault_write_half(hist_file *inner, uint64_t offset, const hist_iov *iov, size_t count)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        left += iov[i].size;
    }
    left /= 2;
    for (size_t i = 0; i < count && left > 0; i++) {
        hist_iov piece = iov[i];

        piece.size = piece.size < left ? piece.size : left;
        (void)inner->ops->write(inner, offset, &piece, 1, NULL);
        offset += piece.size;
        left -= piece.size;
    }
}

static hist_status fault_write(hist_file *file, uint64_t offset, const hist_iov *iov,
                               size_t iov_count, hist_error *err)
{
    fault_file *f = (fault_file *)file;

    if (fault_hit(f->vfs, VFS_OP_WRITE, f->path)) {
        if (f->vfs->plan.kind == VFS_FAULT_TORN) {
            fault_write_half(f->inner, offset, iov, iov_count);
        }
        return fault_fail(f->vfs, f->path, err);
    }
    return f->inner->ops->write(f->inner, offset, iov, iov_count, err);
}

static hist_status fault_sync(hist_file *file, hist_error *err)
{
    HI_TRY(fault_check_file(file, VFS_OP_SYNC, err));
    return fault_inner(file)->ops->sync(fault_inner(file), err);
}

static hist_status fault_allocate(hist_file *file, uint64_t size, hist_error *err)
{
    HI_TRY(fault_check_file(file, VFS_OP_ALLOCATE, err));
    return fault_inner(file)->ops->allocate(fault_inner(file), size, err);
}

static hist_status fault_size(hist_file *file, uint64_t *size_out, hist_error *err)
{
    HI_TRY(fault_check_file(file, VFS_OP_SIZE, err));
    return fault_inner(file)->ops->size(fault_inner(file), size_out, err);
}

static hist_status fault_lock(hist_file *file, hist_error *err)
{
    HI_TRY(fault_check_file(file, VFS_OP_LOCK, err));
    return fault_inner(file)->ops->lock(fault_inner(file), err);
}

static void fault_close(hist_file *file)
{
    fault_inner(file)->ops->close(fault_inner(file));
    free(file);
}

static const hist_file_ops fault_file_ops = {
    .read = fault_read,
    .write = fault_write,
    .sync = fault_sync,
    .allocate = fault_allocate,
    .size = fault_size,
    .lock = fault_lock,
    .close = fault_close,
};

static hist_vfs *fault_of(hist_vfs *vfs)
{
    return ((fault_vfs *)vfs)->inner;
}

static hist_status fault_open(hist_vfs *vfs, const char *path, int flags, hist_file **file_out,
                              hist_error *err)
{
    const size_t size = strlen(path) + 1;

    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_OPEN, path, err));
    fault_file *file = malloc(sizeof(*file) + size);
    if (file == NULL) {
        return hi_no_memory(err, path);
    }
    const hist_status st = fault_of(vfs)->open(fault_of(vfs), path, flags, &file->inner, err);
    if (st != HIST_OK) {
        free(file);
        return st;
    }
    file->base.ops = &fault_file_ops;
    file->vfs = (fault_vfs *)vfs;
    memcpy(file->path, path, size);
    *file_out = &file->base;
    return HIST_OK;
}

static hist_status fault_rename(hist_vfs *vfs, const char *from, const char *to, hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_RENAME, from, err));
    return fault_of(vfs)->rename(fault_of(vfs), from, to, err);
}

static hist_status fault_unlink(hist_vfs *vfs, const char *path, hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_UNLINK, path, err));
    return fault_of(vfs)->unlink(fault_of(vfs), path, err);
}

static hist_status fault_mkdir(hist_vfs *vfs, const char *path, hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_MKDIR, path, err));
    return fault_of(vfs)->mkdir(fault_of(vfs), path, err);
}

static hist_status fault_sync_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_SYNC_DIR, path, err));
    return fault_of(vfs)->sync_dir(fault_of(vfs), path, err);
}

static hist_status fault_list(hist_vfs *vfs, const char *path, hist_list_fn fn, void *arg,
                              hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_LIST, path, err));
    return fault_of(vfs)->list(fault_of(vfs), path, fn, arg, err);
}

static hist_status fault_space(hist_vfs *vfs, const char *path, hist_disk_space *space_out,
                               hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_SPACE, path, err));
    return fault_of(vfs)->space(fault_of(vfs), path, space_out, err);
}

static hist_status fault_check_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    return fault_of(vfs)->check_dir(fault_of(vfs), path, err);
}

static int64_t fault_now_ns(hist_vfs *vfs)
{
    return fault_of(vfs)->now_ns(fault_of(vfs));
}

static int64_t fault_monotonic_ns(hist_vfs *vfs)
{
    return fault_of(vfs)->monotonic_ns(fault_of(vfs));
}

static hist_status fault_random(hist_vfs *vfs, void *data, size_t size, hist_error *err)
{
    HI_TRY(fault_check((fault_vfs *)vfs, VFS_OP_RANDOM, "random", err));
    return fault_of(vfs)->random(fault_of(vfs), data, size, err);
}

hist_vfs *vfs_fault_new(hist_vfs *inner)
{
    fault_vfs *vfs = calloc(1, sizeof(*vfs));

    if (vfs == NULL || pthread_mutex_init(&vfs->lock, NULL) != 0) {
        free(vfs);
        return NULL;
    }
    vfs->inner = inner;
    vfs->base = (hist_vfs){
        .struct_size = sizeof(hist_vfs),
        .open = fault_open,
        .rename = fault_rename,
        .unlink = fault_unlink,
        .mkdir = fault_mkdir,
        .sync_dir = fault_sync_dir,
        .list = fault_list,
        .space = fault_space,
        .check_dir = fault_check_dir,
        .now_ns = fault_now_ns,
        .monotonic_ns = fault_monotonic_ns,
        .random = fault_random,
    };
    return &vfs->base;
}

void vfs_fault_free(hist_vfs *vfs)
{
    if (vfs != NULL) {
        pthread_mutex_destroy(&((fault_vfs *)vfs)->lock);
        free(vfs);
    }
}

void vfs_fault_arm(hist_vfs *vfs, vfs_fault_plan plan)
{
    fault_vfs *v = (fault_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    v->plan = plan;
    v->calls = 0;
    v->reached = 0;
    pthread_mutex_unlock(&v->lock);
}

uint64_t vfs_fault_calls(hist_vfs *vfs)
{
    fault_vfs *v = (fault_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    const uint64_t calls = v->calls;
    pthread_mutex_unlock(&v->lock);
    return calls;
}

uint64_t vfs_fault_reached(hist_vfs *vfs)
{
    fault_vfs *v = (fault_vfs *)vfs;

    pthread_mutex_lock(&v->lock);
    const uint64_t reached = v->reached;
    pthread_mutex_unlock(&v->lock);
    return reached;
}
