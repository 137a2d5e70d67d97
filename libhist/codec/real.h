/* real.h -- models of doubles: what a sample says is cheapest, and what the writer then tries. */
#ifndef HI_CODEC_REAL_H
#define HI_CODEC_REAL_H

#include "codec/body.h"

enum {
    /* A difference of bits from a scaled integer is worth a stream up to here; beyond, it is an
       exception. */
    HI_OFF_MAX = 1 << 15,
};

/* The model with the least estimated size; RAW where none is below raw. count >= 1. */
hi_real_model hi_real_choose(const hi_codec_kernels *kern, const uint64_t *bits, uint32_t count);

/* Fewest digits k of which n / 10^k (rounded to float, if so asked) is v; -1: none up to
   HI_SEARCH_MAX. Tries `hint` first. */
int hi_real_digits(double v, bool to_float, int hint);
bool hi_real_is_decimal(double v, bool to_float, unsigned k);

#endif
