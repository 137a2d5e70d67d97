/*
 * regex.h -- regular expressions with the meaning of RE2, matched by PCRE2.
 *
 * Only what RE2 knows is let through (no look-around, back-references, atomic
 * groups, possessive repeats, conditions, callouts), so that a query does not
 * depend on which engine runs it; matching is bounded in steps and memory.
 * Without PCRE2 in the build every compile says so.
 */
#ifndef HI_REGEX_H
#define HI_REGEX_H

#include <stdbool.h>

#include "hist_error.h"

#include "base/mem.h"

typedef struct hi_regex hi_regex;

/* Byte offsets of a match or group; start SIZE_MAX: the group took no part. */
typedef struct hi_regex_span {
    size_t start;
    size_t end;
} hi_regex_span;

#define HI_REGEX_GROUPS_MAX 64

/* `pattern` is UTF-8. HIST_EINVAL names what is wrong in the pattern and where. */
hist_status hi_regex_new(hi_mem *mem, const char *pattern, size_t size, hi_regex **out,
                         hist_error *err);
/* NULL is a no-op. */
void hi_regex_free(hi_regex *re);
/* Groups besides group 0. */
uint32_t hi_regex_groups(const hi_regex *re);
/*
 * First match at or after byte `from` of valid UTF-8 text. *match gets up to HI_REGEX_GROUPS_MAX
 * spans (0 is the whole match); match->count is 0 when there is none. HIST_ELIMIT when
 * matching takes too many steps. One hi_regex is used by one thread at a time.
 */
typedef struct hi_regex_match {
    uint32_t count;
    hi_regex_span span[HI_REGEX_GROUPS_MAX];
} hi_regex_match;

hist_status hi_regex_search(hi_regex *re, const char *text, size_t size, size_t from,
                            hi_regex_match *match, hist_error *err);

#endif
