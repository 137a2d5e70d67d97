/*
 * unicode.h -- the little of Unicode that KQL's strings need: code points, case by simple mapping, and which code points
 * are letters or digits (a term of `has`). Text is valid UTF-8; a damaged byte counts as a character by itself.
 */
#ifndef HI_QUERY_UNICODE_H
#define HI_QUERY_UNICODE_H

#include "hist_batch.h"

#include "base/buf.h"

/* The code point at data (size > 0) and its bytes in *used; a damaged byte gives itself. */
uint32_t hi_utf8_get(const char *data, size_t size, size_t *used);
/* Bytes written (1..4). */
size_t hi_utf8_put(char to[4], uint32_t code);
/* Code points in the text. */
size_t hi_utf8_length(hist_str s);
/* Byte offset of code point number n; s.size when there are fewer. */
size_t hi_utf8_offset(hist_str s, size_t n);

uint32_t hi_unicode_lower(uint32_t code);
uint32_t hi_unicode_upper(uint32_t code);
bool hi_unicode_is_alnum(uint32_t code);

/* The whole text at the end of buf. fold: as comparisons without case see it. */
void hi_utf8_lower(hi_buf *buf, hist_str s);
void hi_utf8_upper(hi_buf *buf, hist_str s);
void hi_utf8_fold(hi_buf *buf, hist_str s);
bool hi_utf8_equal_ci(hist_str a, hist_str b);

#endif
