/*
 * part_encoder.h -- one encoder for all writers of parts of a store.
 *
 * An encoder is a megabyte of scratch. Where the budget is small a flush and a
 * merge that run at the same time share one: it is lent for one page at a time,
 * which is a matter of milliseconds. It is there while any writer is open.
 */
#ifndef HI_PART_ENCODER_H
#define HI_PART_ENCODER_H

#include <pthread.h>

#include "codec/codec.h"

typedef struct hi_part_encoder {
    hi_mem *mem; /* Of the encoder itself. */
    pthread_mutex_t lock;
    hi_encoder *encoder; /* NULL: no writer is open. */
    uint32_t writers;
    hi_mem *user; /* Who is charged for what the encoder took as it went. */
} hi_part_encoder;

void hi_part_encoder_init(hi_part_encoder *shared, hi_mem *mem);
void hi_part_encoder_destroy(hi_part_encoder *shared);

/* A writer opens (false: no memory) and closes; `mem` is its account. */
bool hi_part_encoder_join(hi_part_encoder *shared);
void hi_part_encoder_leave(hi_part_encoder *shared, const hi_mem *mem);

/* The encoder, for the caller alone until it is given back. */
hi_encoder *hi_part_encoder_lend(hi_part_encoder *shared, hi_mem *mem);
void hi_part_encoder_return(hi_part_encoder *shared);

#endif
