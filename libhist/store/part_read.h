/* part_read.h -- inside of an open part, shared by part_read.c, part_frag.c and part_verify.c. */
#ifndef HI_PART_READ_H
#define HI_PART_READ_H

#include <pthread.h>

#include "os/file.h"
#include "store/part_dir.h"

struct hi_part {
    /* Set by hi_part_new. */
    hist_vfs *vfs;
    bool live;       /* See hi_part_config. */
    hi_mem *mem;     /* What is read of it. */
    hi_mem *own_mem; /* This, and the path. */
    uint64_t store;
    uint64_t id;
    uint64_t size_bytes;
    uint64_t footer_hash;
    uint64_t seq_low;
    uint64_t seq_high;
    char *path;
    size_t path_size;
    hi_part_pool *pool;
    pthread_mutex_t mutex;
    uint32_t users; /* Under the mutex: hi_part_hold() without hi_part_leave() yet. */
    /* Set when opened; read without the mutex by users. */
    bool open;
    hist_file *file;
    uint64_t footer_offset;
    hi_part_footer footer;
    /* Under the mutex: one entry a row group, NULL until touched. */
    hi_part_dir **dirs;
};

/* Opens the file and checks header and footer if it is not open; it stays so until hi_part_leave(). */
hist_status hi_part_hold(hi_part *part, hist_error *err);
void hi_part_leave(hi_part *part);
/* The directory of a row group with one more reference. */
hist_status hi_part_dir_get(hi_part *part, uint32_t group, hi_part_dir **dir_out, hist_error *err);
void hi_part_dir_put(hi_part *part, hi_part_dir *dir);
/*
 * `size` bytes at `offset` and the checksum behind them, which is verified.
 * `data` has room for HI_PART_HASH_SIZE more.
 */
hist_status hi_part_read_section(hi_part *part, uint64_t offset, uint8_t *data, size_t size,
                                 const char *what, hist_error *err);

/* A fragment over one row group, in the arena; holds the part. The caller holds it too meanwhile. */
hist_status hi_part_frag_new(hi_part *part, uint32_t group, hi_arena *arena, hi_mem *mem,
                             hi_frag **frag_out, hist_error *err);

#endif
