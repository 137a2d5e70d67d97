/*
 * vfs_crash.h -- a file system in memory that can lose power.
 *
 * It keeps apart what is durable and what is not, and assumes as little of a
 * real one as the literature allows:
 *   - a write is durable only after a sync of the file; unsynced sectors of 512 bytes reach the
 *     disk in any order, torn, or as garbage. Bytes of a sector that were synced before and are
 *     not written to again survive (powersafe overwrite);
 *   - the size of a file may be durable without its content, and the content without its size;
 *   - a create, rename or unlink is durable only after a sync of the folder; until then each name
 *     is, on its own, as before or as after (so a renamed file may have both names, or none).
 *     Syncing a file does not make its name durable.
 *
 *     hist_vfs *disk = vfs_crash_new();
 *     vfs_crash_stop_after(disk, n);             the machine stops at the nth change
 *     ... use it; every call fails once it stopped ...
 *     hist_vfs *after = vfs_crash_cut(disk, seed);   what is on the disk afterwards
 *
 * cut can be called many times with other seeds; its result is a full vfs_crash and can be cut
 * again. It needs no file to be closed. Random bytes are deterministic, clocks count calls.
 * Thread-safe, but for cut and copy.
 */
#ifndef VFS_CRASH_H
#define VFS_CRASH_H

#include <stdbool.h>

#include "hist_vfs.h"

#define VFS_CRASH_SECTOR 512

/* NULL: no memory. Free after every file is closed. */
hist_vfs *vfs_crash_new(void);
void vfs_crash_free(hist_vfs *vfs);

/* From the nth changing call on (write, sync, allocate, rename, unlink, mkdir, sync_dir, create)
   everything fails with EIO; the nth itself is done as far as the disk gets. 0: never. */
void vfs_crash_stop_after(hist_vfs *vfs, uint64_t n);
bool vfs_crash_stopped(hist_vfs *vfs);
/* Changing calls so far. */
uint64_t vfs_crash_changes(hist_vfs *vfs);

/* The nth sync of a file from now fails, some of the unsynced sectors are dropped, and all count as
   clean afterwards, as on Linux. 0: never. */
void vfs_crash_fail_sync(hist_vfs *vfs, uint64_t n);

/* No more than so many bytes of files: then ENOSPC. 0: no limit. */
void vfs_crash_limit(hist_vfs *vfs, uint64_t bytes);

/* The disk after a power cut now. NULL: no memory. The original goes on unchanged. */
hist_vfs *vfs_crash_cut(hist_vfs *vfs, uint64_t seed);
/* An exact copy of everything, as after kill -9: nothing is lost. Locks are released. */
hist_vfs *vfs_crash_copy(hist_vfs *vfs);

/* The bytes of a file as readers see them, to damage them; NULL: no such file. Valid until it is
   written to. Not for a disk that is cut afterwards: a change is not durable. */
uint8_t *vfs_crash_bytes(hist_vfs *vfs, const char *path, size_t *size_out);
/* Makes a file that long, durably: cut short or extended by zeroes. false: no such file. */
bool vfs_crash_resize(hist_vfs *vfs, const char *path, size_t size);

#endif
