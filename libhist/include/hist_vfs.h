/*
 * hist_vfs.h -- everything libhist asks of the operating system.
 *
 * libhist touches files, folders, clocks and randomness only through this
 * table, so replacing it is enough to run in memory, to inject faults, or to
 * simulate a power cut. Methods may be called from several threads at once,
 * except that a file is never closed while another call on it is running.
 * Every method fills `err` when it fails (code, os_errno, message naming the
 * file). Paths are NUL-terminated; the library builds them as DIR/NAME.
 */
#ifndef HIST_VFS_H
#define HIST_VFS_H

#include <stdbool.h>

#include "hist_error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct hist_vfs hist_vfs;
typedef struct hist_file hist_file; /* First member: const hist_file_ops *ops. */

typedef struct hist_iov {
    const void *data;
    size_t size;
} hist_iov;

enum {
    HIST_OPEN_READ = 1,
    HIST_OPEN_WRITE = 2,  /* Read and write. */
    HIST_OPEN_CREATE = 4, /* Create; HIST_EEXIST if the name exists. */
};

typedef struct hist_file_ops {
    /* Reads up to `size` bytes at `offset`; *got_out < size only at the end of the file. */
    hist_status (*read)(hist_file *file, uint64_t offset, void *data, size_t size, size_t *got_out,
                        hist_error *err);
    /* Writes all parts, one after the other, at `offset`, or fails. After a failure the range
       holds old, new or mixed bytes. */
    hist_status (*write)(hist_file *file, uint64_t offset, const hist_iov *iov, size_t iov_count,
                         hist_error *err);
    /* HIST_OK: earlier writes and the size survive power loss. After a failure they may not,
       ever: it is never retried on the same file. */
    hist_status (*sync)(hist_file *file, hist_error *err);
    /* Reserves space and extends the file with zeroes up to `size` bytes. */
    hist_status (*allocate)(hist_file *file, uint64_t size, hist_error *err);
    hist_status (*size)(hist_file *file, uint64_t *size_out, hist_error *err);
    /* Takes the exclusive writer lock of this file; HIST_EBUSY when somebody has it. The lock
       ends with close(). */
    hist_status (*lock)(hist_file *file, hist_error *err);
    /* Never fails and does not imply sync. */
    void (*close)(hist_file *file);
} hist_file_ops;

struct hist_file {
    const hist_file_ops *ops;
};

typedef struct hist_disk_space {
    uint64_t free_bytes;  /* Free for this user. */
    uint64_t total_bytes;
} hist_disk_space;

/* Called once a directory entry, in no order; a non-zero return stops the listing. */
typedef int (*hist_list_fn)(void *arg, const char *name);

struct hist_vfs {
    size_t struct_size;
    hist_status (*open)(hist_vfs *vfs, const char *path, int flags, hist_file **file_out,
                        hist_error *err);
    /* HIST_EEXIST if `to` exists. Persistent only after sync_dir(). */
    hist_status (*rename)(hist_vfs *vfs, const char *from, const char *to, hist_error *err);
    hist_status (*unlink)(hist_vfs *vfs, const char *path, hist_error *err); /* HIST_ENOTFOUND */
    hist_status (*mkdir)(hist_vfs *vfs, const char *path, hist_error *err);  /* HIST_EEXIST */
    hist_status (*sync_dir)(hist_vfs *vfs, const char *path, hist_error *err);
    hist_status (*list)(hist_vfs *vfs, const char *path, hist_list_fn fn, void *arg,
                        hist_error *err); /* HIST_ENOTFOUND */
    hist_status (*space)(hist_vfs *vfs, const char *path, hist_disk_space *space_out,
                         hist_error *err);
    /* HIST_EINVAL with a reason when the folder is on a file system whose flush cannot be
       trusted (network, FUSE, 9p). */
    hist_status (*check_dir)(hist_vfs *vfs, const char *path, hist_error *err);
    int64_t (*now_ns)(hist_vfs *vfs);       /* Wall clock, ns since 1970 UTC. */
    int64_t (*monotonic_ns)(hist_vfs *vfs); /* Never goes back. */
    hist_status (*random)(hist_vfs *vfs, void *data, size_t size, hist_error *err);
};

/* The operating system's files. Static; any thread. */
HIST_API hist_vfs *hist_vfs_posix(void);

/*
 * A file system in memory, for ":memory:" and for tests. Free with
 * hist_vfs_memory_free() after every store on it is closed. NULL: no memory.
 */
HIST_API hist_vfs *hist_vfs_memory_new(void);
HIST_API_VOID void hist_vfs_memory_free(hist_vfs *vfs);

#ifdef __cplusplus
}
#endif
#endif
