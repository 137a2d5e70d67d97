/* block.h -- inside of the readers of blocks: a block of numbers whose head, validity and body's head were read. */
#ifndef HI_CODEC_BLOCK_H
#define HI_CODEC_BLOCK_H

#include "codec/body.h"

/* Must not be moved. */
typedef struct hi_block_view {
    const hi_codec_kernels *kern;
    hi_kind kind;
    uint32_t rows;
    uint32_t count; /* Values; none: there is no body. */
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    hi_body_view body;
} hi_block_view;

/* A block of numbers (not STRING, not BOOL: HIST_EINVAL). */
hist_status hi_block_open(const hi_codec_kernels *kern, hist_type type, const uint8_t *src,
                          size_t size, uint32_t rows, const hi_page_shared *shared,
                          hi_block_view *view_out);

#endif
