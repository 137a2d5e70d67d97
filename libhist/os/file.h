/*
 * file.h -- the few things done with files everywhere, on any VFS.
 *
 * New files are published one way only: NAME.tmp is written and synced, renamed
 * to NAME (which must not exist), then the folder is synced.
 */
#ifndef HI_FILE_H
#define HI_FILE_H

#include "hist_vfs.h"

#include "base/mem.h"

#define HI_PATH_SIZE   4096 /* With the final NUL. */
#define HI_TEMP_SUFFIX ".tmp"

/* DIR/NAME into path[HI_PATH_SIZE]; HIST_EINVAL when it does not fit. */
hist_status hi_path_join(char path[HI_PATH_SIZE], const char *dir, const char *name,
                         hist_error *err);

/* NULL is a no-op. */
void hi_file_close(hist_file *file);

/* Exactly `size` bytes at `offset`; a file that ends before is damage. path: for the message. */
hist_status hi_file_read_exact(hist_file *file, const char *path, uint64_t offset, void *data,
                               size_t size, hist_error *err);

/* A whole file. Free `data` with hi_file_data_free(). */
typedef struct hi_file_data {
    uint8_t *data; /* NULL when size is 0. */
    size_t size;
} hi_file_data;

/* HIST_ENOTFOUND; HIST_ECORRUPT when it is larger than size_max. */
hist_status hi_file_read_whole(hist_vfs *vfs, const char *path, hi_mem *mem, size_t size_max,
                               hi_file_data *data_out, hist_error *err);
void hi_file_data_free(hi_file_data *data, hi_mem *mem);

/* What a new file starts with. */
typedef struct hi_file_new {
    const hist_iov *iov;
    size_t iov_count;
    uint64_t allocate; /* Reserve so many bytes first, zero behind the content. 0: no. */
} hi_file_new;

/*
 * Publishes DIR/NAME with this content: NAME.tmp, write, sync, rename, sync_dir. When it fails
 * NAME.tmp is removed if possible; only a failure of the last step may leave NAME behind.
 * HIST_EEXIST when NAME exists.
 */
hist_status hi_file_publish(hist_vfs *vfs, const char *dir, const char *name,
                            const hi_file_new *content, hist_error *err);
/* The same without reserving. */
hist_status hi_file_write_new(hist_vfs *vfs, const char *dir, const char *name, const hist_iov *iov,
                              size_t iov_count, hist_error *err);

#endif
