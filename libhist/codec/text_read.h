/* text_read.h -- text of blocks. */
#ifndef HI_CODEC_TEXT_READ_H
#define HI_CODEC_TEXT_READ_H

#include "codec/body.h"

/* Rows of the block being read. */
typedef struct hi_text_rows {
    const hi_codec_kernels *kern;
    uint32_t rows;
    uint32_t count; /* Not null; at least 1. */
    const uint64_t *valid;
} hi_text_rows;

/* Takes what follows head and validity; fills room->offsets and room->bytes. */
hist_status hi_text_read_block(hi_reader *r, const hi_text_rows *rows, const hi_room *room);
/* Takes a text: kind, stored size, `size` bytes to `to`. */
hist_status hi_text_read_bytes(hi_reader *r, void *to, size_t size);

#endif
