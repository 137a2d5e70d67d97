/* squeeze.h -- zstd frames without magic: compressing through hi_mem, expanding on the stack. */
#ifndef HI_CODEC_SQUEEZE_H
#define HI_CODEC_SQUEEZE_H

#include "codec/codec.h"

/* A reused compressor; zeroed is ready. */
typedef struct hi_squeezer {
    hi_mem *mem;
    void *context;
} hi_squeezer;

void hi_squeezer_free(hi_squeezer *squeezer);
/* Room that hi_squeeze() wants. */
size_t hi_squeeze_bound(size_t size);
/* `to` has hi_squeeze_bound(size) bytes. *size_out 0: it takes more than `goal`. HIST_ENOMEM. */
hist_status hi_squeeze(hi_squeezer *squeezer, hi_profile profile, const void *data, size_t size,
                       void *to, size_t goal, size_t *size_out);

/* Expands to exactly `room` bytes or HIST_ECORRUPT. Allocates nothing; about 130 KiB of stack. */
hist_status hi_unsqueeze(const void *data, size_t size, void *to, size_t room);

#endif
