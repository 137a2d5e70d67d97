/* features.c -- the feature masks of files: their bytes, and what is refused; see features.h. */
#include "store/features.h"

#include <stdio.h>

#include "hist.h"

#include "base/bytes.h"

static const char *const features_names[] = {[HI_FEATURE_CUT] = "cut parts"};

enum { FEATURES_COUNT = sizeof(features_names) / sizeof(features_names[0]) };

const char *hi_feature_name(unsigned number)
{
    return number < FEATURES_COUNT ? features_names[number] : NULL;
}

void hi_features_put(uint8_t to[HI_FEATURES_SIZE], const hi_features *features)
{
    hi_put_u64(to, features->may_ignore);
    hi_put_u64(to + 8, features->read_only);
    hi_put_u64(to + 16, features->refuse);
}

hi_features hi_features_get(const uint8_t from[HI_FEATURES_SIZE])
{
    return (hi_features){.may_ignore = hi_get_u64(from),
                         .read_only = hi_get_u64(from + 8),
                         .refuse = hi_get_u64(from + 16)};
}

/* "feature 5", or with its name where a feature that is known stands in the wrong mask. */
static void features_describe(uint64_t mask, char *to, size_t size)
{
    const unsigned number = (unsigned)__builtin_ctzll(mask);
    const char *name = hi_feature_name(number);

    (void)snprintf(to, size, name == NULL ? "feature %u" : "feature %u (%s)", number, name);
}

hist_status hi_features_check(const hi_features *features, const char *path, bool for_write,
                              hist_error *err)
{
    const uint64_t refuse = features->refuse & ~HI_FEATURES_REFUSE;
    const uint64_t read_only = features->read_only & ~HI_FEATURES_READ;
    char text[64];

    if (refuse != 0) {
        features_describe(refuse, text, sizeof(text));
        return hi_fail(err, HIST_EVERSION,
                       "%s: needs %s, which this version (%s) does not know; use a newer one", path,
                       text, HIST_VERSION);
    }
    if (for_write && read_only != 0) {
        features_describe(read_only, text, sizeof(text));
        return hi_fail(err, HIST_EREADONLY,
                       "%s: has %s, with which this version (%s) may read but not write; open it "
                       "read-only or use a newer version",
                       path, text, HIST_VERSION);
    }
    return HIST_OK;
}
