/* vfs_crash_disk.h -- what vfs_crash.c and vfs_crash_image.c share; tests use vfs_crash.h. */
#ifndef VFS_CRASH_DISK_H
#define VFS_CRASH_DISK_H

#include <pthread.h>

#include "tests/support/vfs_crash.h"

#define SECTOR VFS_CRASH_SECTOR

typedef struct crash_inode {
    uint8_t *now;     /* What readers see; capacity bytes, zero behind now_size. */
    uint8_t *durable; /* What is on the medium; the same capacity. */
    uint8_t *dirty;   /* One byte a sector: written since the last sync. */
    size_t now_size;
    size_t durable_size;
    size_t capacity; /* A multiple of SECTOR. */
    size_t refs;
    bool is_dir;
    bool locked;
    struct crash_inode *copy; /* While a disk is copied. */
} crash_inode;

typedef struct crash_name {
    char *path;
    crash_inode *now;     /* NULL: not there. */
    crash_inode *durable; /* NULL: not there after a power cut. */
} crash_name;

typedef struct crash_vfs {
    hist_vfs base;
    pthread_mutex_t lock;
    crash_name *names;
    size_t count;
    size_t capacity;
    uint64_t random;
    uint64_t ticks;
    uint64_t changes;
    uint64_t stop_after;
    uint64_t fail_sync;
    uint64_t limit;
    uint64_t used;
    bool stopped;
} crash_vfs;

/* splitmix64. */
uint64_t vfs_crash_random(uint64_t *state);
/* NULL is passed on. */
crash_inode *vfs_crash_ref(crash_inode *inode);
void vfs_crash_unref(crash_inode *inode);
/* Room for `size` bytes; false: no memory. */
bool vfs_crash_reserve(crash_inode *inode, size_t size);
/* The entry of a path, made when there is none; NULL: no memory. */
crash_name *vfs_crash_entry(crash_vfs *vfs, const char *path);
/* Drops entries that are neither there now nor durable. */
void vfs_crash_sweep(crash_vfs *vfs);
/* The folder a path is in exists, or the path has none. */
bool vfs_crash_parent_exists(crash_vfs *vfs, const char *path);
/* One unsynced sector as it may be found after a power cut. `to` holds the durable content. */
void vfs_crash_sector(uint8_t *to, const uint8_t *now, uint64_t *random);

#endif
