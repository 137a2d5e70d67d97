/* vfs_crash_image.c -- what is on a vfs_crash disk after the power failed; see vfs_crash.h. */
#include <stdlib.h>
#include <string.h>

#include "tests/support/vfs_crash_disk.h"

/* How an image is made: mode 0 as if nothing were lost, 1 all unsynced is, 2 by chance. */
typedef struct crash_image {
    uint64_t random;
    unsigned mode;
} crash_image;

static bool crash_pick(crash_image *image, bool same)
{
    return same || image->mode == 0 ||
           (image->mode == 2 && vfs_crash_random(&image->random) % 2 == 0);
}

static size_t crash_image_size(crash_image *image, const crash_inode *inode)
{
    if (crash_pick(image, inode->now_size == inode->durable_size)) {
        return inode->now_size;
    }
    if (image->mode == 1 || inode->now_size < inode->durable_size ||
        vfs_crash_random(&image->random) % 2 == 0) {
        return inode->durable_size;
    }
    const size_t more = inode->now_size - inode->durable_size;
    return inode->durable_size + (size_t)(vfs_crash_random(&image->random) % (more + 1));
}

/* The inode as the image has it, made once. NULL: no memory. */
static crash_inode *crash_image_inode(crash_image *image, crash_inode *inode)
{
    if (inode->copy != NULL) {
        return inode->copy;
    }
    crash_inode *copy = calloc(1, sizeof(*copy));
    const size_t size = crash_image_size(image, inode);
    if (copy == NULL || !vfs_crash_reserve(copy, inode->capacity)) {
        free(copy);
        return NULL;
    }
    copy->is_dir = inode->is_dir;
    copy->now_size = copy->durable_size = size;
    for (size_t s = 0; s < inode->capacity / SECTOR && s * SECTOR < size; s++) {
        uint8_t *to = copy->durable + s * SECTOR;
        const uint8_t *now = inode->now + s * SECTOR;

        memcpy(to, inode->durable + s * SECTOR, SECTOR);
        if (inode->dirty[s] != 0 && image->mode == 0) {
            memcpy(to, now, SECTOR);
        } else if (inode->dirty[s] != 0 && image->mode == 2) {
            vfs_crash_sector(to, now, &image->random);
        }
        if (size - s * SECTOR < SECTOR) {
            memset(to + (size - s * SECTOR), 0, SECTOR - (size - s * SECTOR));
        }
        memcpy(copy->now + s * SECTOR, to, SECTOR);
    }
    inode->copy = copy;
    return copy;
}

/* The folder of a path is on the image (it comes before or after it in the table). */
static void crash_image_orphans(crash_vfs *image)
{
    for (size_t i = 0; i < image->count; i++) {
        if (!vfs_crash_parent_exists(image, image->names[i].path)) {
            vfs_crash_unref(image->names[i].now);
            vfs_crash_unref(image->names[i].durable);
            image->names[i].now = image->names[i].durable = NULL;
        }
    }
    vfs_crash_sweep(image);
}

static bool crash_image_fill(crash_vfs *from, crash_vfs *to, crash_image *image)
{
    for (size_t i = 0; i < from->count; i++) {
        const crash_name *name = &from->names[i];
        crash_inode *inode =
            crash_pick(image, name->now == name->durable) ? name->now : name->durable;

        if (inode == NULL) {
            continue;
        }
        crash_inode *copy = crash_image_inode(image, inode);
        crash_name *entry = copy == NULL ? NULL : vfs_crash_entry(to, name->path);
        if (entry == NULL) {
            return false;
        }
        entry->now = vfs_crash_ref(copy);
        entry->durable = vfs_crash_ref(copy);
        to->used += copy->now_size;
    }
    return true;
}

static void crash_image_forget(crash_vfs *from)
{
    for (size_t i = 0; i < from->count; i++) {
        if (from->names[i].now != NULL) {
            from->names[i].now->copy = NULL;
        }
        if (from->names[i].durable != NULL) {
            from->names[i].durable->copy = NULL;
        }
    }
}

static hist_vfs *crash_image_make(hist_vfs *vfs, crash_image image)
{
    crash_vfs *from = (crash_vfs *)vfs;
    hist_vfs *to = vfs_crash_new();

    if (to == NULL) {
        return NULL;
    }
    crash_vfs *t = (crash_vfs *)to;
    const bool ok = crash_image_fill(from, t, &image);
    crash_image_forget(from);
    if (!ok) {
        vfs_crash_free(to);
        return NULL;
    }
    crash_image_orphans(t);
    t->random = vfs_crash_random(&image.random);
    t->ticks = from->ticks;
    t->limit = from->limit;
    return to;
}

hist_vfs *vfs_crash_cut(hist_vfs *vfs, uint64_t seed)
{
    crash_image image = {.random = seed};
    const uint64_t mode = vfs_crash_random(&image.random) % 8;

    image.mode = mode < 2 ? (unsigned)mode : 2;
    return crash_image_make(vfs, image);
}

hist_vfs *vfs_crash_copy(hist_vfs *vfs)
{
    const crash_image image = {.random = ((crash_vfs *)vfs)->random, .mode = 0};

    return crash_image_make(vfs, image);
}
