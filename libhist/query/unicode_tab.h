/* unicode_tab.h -- the tables behind unicode.c. */
#ifndef HI_QUERY_UNICODE_TAB_H
#define HI_QUERY_UNICODE_TAB_H

#include <stddef.h>
#include <stdint.h>

/* Every `step`th code point of first..last maps to itself plus delta. Sorted by first. */
typedef struct hi_unicode_case {
    uint32_t first, last;
    uint32_t step;
    int32_t delta;
} hi_unicode_case;

typedef struct hi_unicode_range {
    uint32_t first, last;
} hi_unicode_range;

extern const hi_unicode_case hi_unicode_lower_tab[];
extern const size_t hi_unicode_lower_count;
extern const hi_unicode_case hi_unicode_upper_tab[];
extern const size_t hi_unicode_upper_count;
extern const hi_unicode_range hi_unicode_alnum_tab[];
extern const size_t hi_unicode_alnum_count;

#endif
