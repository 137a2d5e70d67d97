/*
 * features.h -- the three feature masks that every file of a store carries behind its version.
 *
 * Features have one numbering for all kinds of files; bit n of a mask is feature n.
 * A library that does not know a set bit ignores it, opens the store for reading only, or
 * refuses, by the mask it is in, and names file and number.
 */
#ifndef HI_FEATURES_H
#define HI_FEATURES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

enum {
    HI_FEATURES_SIZE = 24, /* In a file: the three masks in this order. */
    HI_FEATURE_CUT = 0,    /* Parts may hold only some series of a partition (HI_PART_CUT). */
};

typedef struct hi_features {
    uint64_t may_ignore; /* Unknown bits do no harm. */
    uint64_t read_only;  /* Unknown bits: may read, must not write. */
    uint64_t refuse;     /* Unknown bits: must not even read. */
} hi_features;

/* What this library knows, one mask a severity. */
#define HI_FEATURES_IGNORE UINT64_C(0)
#define HI_FEATURES_READ   UINT64_C(0)
#define HI_FEATURES_REFUSE (UINT64_C(1) << HI_FEATURE_CUT)

/* "cut parts"; NULL: not known to this library. */
const char *hi_feature_name(unsigned number);

void hi_features_put(uint8_t to[HI_FEATURES_SIZE], const hi_features *features);
hi_features hi_features_get(const uint8_t from[HI_FEATURES_SIZE]);

/*
 * Refuses (HIST_EVERSION, naming the feature's number) what this library must not touch.
 *   path       For the message.
 *   for_write  Also refuse features that forbid writing (HIST_EREADONLY).
 */
hist_status hi_features_check(const hi_features *features, const char *path, bool for_write,
                              hist_error *err);

#endif
