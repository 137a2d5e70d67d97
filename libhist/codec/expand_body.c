/* expand_body.c -- runs and codes to values; compiled once per CPU variant. */
#include <string.h>

#include "codec/codec.h"
#include "codec/kern.h"

#ifndef HI_VARIANT
#define HI_VARIANT base
#endif
#define EXPAND_GLUE2(a, b) a##b
#define EXPAND_GLUE(a, b)  EXPAND_GLUE2(a, b)

enum { EXPAND_AT_ONCE = 8 }; /* Words: what a room has to spare. */
_Static_assert(EXPAND_AT_ONCE * 8 <= HI_CODEC_PAD, "the last run may write so many words too many");

static inline void expand_some(uint64_t *to, uint64_t value)
{
    uint64_t same[EXPAND_AT_ONCE];

    for (int k = 0; k < EXPAND_AT_ONCE; k++) {
        same[k] = value;
    }
    memcpy(to, same, sizeof(same));
}

static uint32_t expand_runs(const uint64_t *restrict values, const uint64_t *restrict lengths,
                            uint32_t runs, uint64_t *restrict out, uint32_t at, uint32_t count)
{
    for (uint32_t i = 0; i < runs; i++) {
        const uint64_t more = lengths[i];
        const uint64_t value = values[i];

        if (more >= count - at) {
            return UINT32_MAX;
        }
        expand_some(out + at, value);
        const uint32_t end = at + (uint32_t)more + 1;
        for (at += EXPAND_AT_ONCE; at < end; at += EXPAND_AT_ONCE) {
            expand_some(out + at, value);
        }
        at = end;
    }
    return at;
}

static void expand_codes(const uint64_t *restrict entries, uint64_t *restrict x, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        x[i] = entries[x[i]];
    }
}

const hi_expand_kernels EXPAND_GLUE(hi_expand_kernels_, HI_VARIANT) = {
    .runs = expand_runs,
    .codes = expand_codes,
};
