/* part_zstd.h -- zstd over small sections, with all of its memory from hi_mem. */
#ifndef HI_PART_ZSTD_H
#define HI_PART_ZSTD_H

#include "base/buf.h"
#include "base/err.h"

/* Appends the compressed bytes. false: not smaller, or no memory; `to` is as it was. */
bool hi_part_zstd_compress(hi_mem *mem, const void *data, size_t size, hi_buf *to);
/* Exactly `plain_size` bytes, else HIST_ECORRUPT. HIST_ENOMEM. */
hist_status hi_part_zstd_decompress(hi_mem *mem, const void *data, size_t size, void *plain,
                                    size_t plain_size);

#endif
