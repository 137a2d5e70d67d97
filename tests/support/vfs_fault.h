/*
 * vfs_fault.h -- a VFS that fails on demand: the Nth call, once or from then on.
 *
 * Wraps any VFS. The usual loop is "fail call 1, 2, 3, ... until the workload
 * runs through without the fault being reached":
 *
 *     for (uint64_t n = 1;; n++) {
 *         hist_vfs *inner = hist_vfs_memory_new();
 *         hist_vfs *vfs = vfs_fault_new(inner);
 *         vfs_fault_arm(vfs, (vfs_fault_plan){.at = n, .kind = VFS_FAULT_EIO});
 *         run(vfs);
 *         const bool reached = vfs_fault_reached(vfs) > 0;
 *         vfs_fault_free(vfs);
 *         hist_vfs_memory_free(inner);
 *         if (!reached) break;
 *     }
 *
 * Thread-safe.
 */
#ifndef VFS_FAULT_H
#define VFS_FAULT_H

#include <stdbool.h>

#include "hist_vfs.h"

/* Classes of calls; a plan may be restricted to some. */
enum {
    VFS_OP_OPEN = 1,
    VFS_OP_READ = 2,
    VFS_OP_WRITE = 4,
    VFS_OP_SYNC = 8,
    VFS_OP_ALLOCATE = 16,
    VFS_OP_RENAME = 32,
    VFS_OP_UNLINK = 64,
    VFS_OP_MKDIR = 128,
    VFS_OP_SYNC_DIR = 256,
    VFS_OP_LIST = 512,
    VFS_OP_SIZE = 1024,
    VFS_OP_LOCK = 2048,
    VFS_OP_RANDOM = 4096,
    VFS_OP_SPACE = 8192,
    VFS_OP_ALL = 16383,
    /* Those that change something on disk. */
    VFS_OP_CHANGES = VFS_OP_WRITE | VFS_OP_SYNC | VFS_OP_ALLOCATE | VFS_OP_RENAME | VFS_OP_UNLINK |
                     VFS_OP_MKDIR | VFS_OP_SYNC_DIR
};

typedef enum vfs_fault_kind {
    VFS_FAULT_EIO,
    VFS_FAULT_ENOSPC,
    VFS_FAULT_TORN, /* A write stores a part of its bytes, then fails with EIO; others as EIO. */
} vfs_fault_kind;

typedef struct vfs_fault_plan {
    uint64_t at; /* Which matching call fails, from 1. 0: none. */
    bool sticky; /* And all matching ones after it. */
    vfs_fault_kind kind;
    unsigned ops;     /* VFS_OP_*; 0: all. */
    const char *name; /* Only paths that contain this text; NULL: all. Borrowed. */
} vfs_fault_plan;

/* NULL: no memory. `inner` is borrowed. Free after every file is closed. */
hist_vfs *vfs_fault_new(hist_vfs *inner);
void vfs_fault_free(hist_vfs *vfs);

/* Sets the plan and starts counting at 0. */
void vfs_fault_arm(hist_vfs *vfs, vfs_fault_plan plan);
/* Matching calls seen since then, and how many of them were failed. */
uint64_t vfs_fault_calls(hist_vfs *vfs);
uint64_t vfs_fault_reached(hist_vfs *vfs);

#endif
