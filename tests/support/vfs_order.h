/*
 * vfs_order.h -- a VFS that watches the order of operations and says what is wrong with it.
 *
 * Wraps any VFS and changes nothing. A violation is a step that would be unsafe
 * if the power failed right after it, whether or not it does. Rules built in:
 *
 *   rename      a file gets its final name (not *.tmp) only with all of it synced
 *   manifest    a manifest gets its name only when every part and catalog file it names exists,
 *               is synced and has a durable name, and the length is right
 *   super       SUPER is written only when the manifest it points to has a durable name
 *   overwrite   no byte of a published file is written twice, but for SUPER
 *   grace       a part, catalog file, manifest or needed WAL segment is unlinked only when neither
 *               slot of SUPER leads to it
 *
 * More can be hooked to names. Thread-safe as the wrapped one; hooks are called with the lock held
 * and must not call back.
 */
#ifndef VFS_ORDER_H
#define VFS_ORDER_H

#include <stdbool.h>

#include "hist_vfs.h"

#include "tests/support/vfs_fault.h" /* VFS_OP_* */

#define VFS_ORDER_MESSAGE_SIZE 256

/* NULL: no memory. `inner` is borrowed. Free after every file is closed. */
hist_vfs *vfs_order_new(hist_vfs *inner);
void vfs_order_free(hist_vfs *vfs);

/* Violations so far, and what the first one was ("" when none). */
uint64_t vfs_order_violations(hist_vfs *vfs, char first[VFS_ORDER_MESSAGE_SIZE]);

/* What is known of a file when a hook is called. */
typedef struct vfs_order_state {
    bool synced;       /* All writes to it are. */
    bool name_durable; /* The folder was synced after it got its name. */
} vfs_order_state;

/* Called before an operation; what it returns is a violation, NULL is none. For a rename `path` is
   the new name. */
typedef const char *(*vfs_order_fn)(void *arg, unsigned op, const char *path,
                                    const vfs_order_state *state);

/* pattern: as fnmatch() takes it, against the last part of the path. Up to 16 hooks; false: full. */
bool vfs_order_hook(hist_vfs *vfs, const char *pattern, unsigned ops, vfs_order_fn fn, void *arg);

#endif
