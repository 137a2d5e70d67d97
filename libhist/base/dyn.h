/*
 * dyn.h -- dynamic values: the tagged form (hist_batch.h), its builder and
 * reader, JSON text both ways, comparison and hash.
 *
 * A hi_dyn is a view of one value in somebody else's bytes. Every reading call
 * stays inside the view whatever the bytes are; a damaged value reads as null
 * or as fewer elements. hi_dyn_check() says up front whether all is well.
 */
#ifndef HI_DYN_H
#define HI_DYN_H

#include <stdbool.h>

#include "hist_batch.h"

#include "base/buf.h"

typedef struct hi_dyn {
    const uint8_t *data;
    size_t size; /* 0: no value, reads as null. */
} hi_dyn;

/* Tags are the letters of the stored form. */
typedef enum hi_dyn_tag {
    HI_DYN_NULL = 'n',
    HI_DYN_TRUE = 't',
    HI_DYN_FALSE = 'f',
    HI_DYN_INT = 'i',
    HI_DYN_LONG = 'l',
    HI_DYN_REAL = 'r',
    HI_DYN_DECIMAL = 'm',
    HI_DYN_STRING = 's',
    HI_DYN_DATETIME = 'd',
    HI_DYN_TIMESPAN = 'p',
    HI_DYN_GUID = 'g',
    HI_DYN_ARRAY = 'a',
    HI_DYN_BAG = 'o',
} hi_dyn_tag;

/* ---- writing ---- */

/*
 * Values go to the end of buf. Inside a bag every value is preceded by its key.
 * Failures (memory, more than HIST_DYNAMIC_DEPTH_MAX levels, 4 GiB) are kept;
 * ask hi_dyn_writer_ok() once at the end.
 */
typedef struct hi_dyn_writer {
    hi_buf *buf;
    uint32_t depth;
    bool failed;
    size_t starts[HIST_DYNAMIC_DEPTH_MAX]; /* Where each open container's size field is. */
    uint32_t counts[HIST_DYNAMIC_DEPTH_MAX];
} hi_dyn_writer;

void hi_dyn_writer_init(hi_dyn_writer *w, hi_buf *buf);
bool hi_dyn_writer_ok(const hi_dyn_writer *w);
void hi_dyn_put_null(hi_dyn_writer *w);
void hi_dyn_put_bool(hi_dyn_writer *w, bool v);
void hi_dyn_put_int(hi_dyn_writer *w, int32_t v);
void hi_dyn_put_long(hi_dyn_writer *w, int64_t v);
void hi_dyn_put_real(hi_dyn_writer *w, double v);
void hi_dyn_put_decimal(hi_dyn_writer *w, hist_decimal v);
void hi_dyn_put_string(hi_dyn_writer *w, const char *data, size_t size);
void hi_dyn_put_datetime(hi_dyn_writer *w, int64_t ns);
void hi_dyn_put_timespan(hi_dyn_writer *w, int64_t ns);
void hi_dyn_put_guid(hi_dyn_writer *w, const uint8_t guid[16]);
/* A whole value in tagged form, as is. An empty view is written as null. */
void hi_dyn_put(hi_dyn_writer *w, hi_dyn value);
void hi_dyn_begin_array(hi_dyn_writer *w);
void hi_dyn_end_array(hi_dyn_writer *w);
void hi_dyn_begin_bag(hi_dyn_writer *w);
/* Keys are written as given: who may meet a key twice looks first (hi_dyn_get takes the first). */
void hi_dyn_put_key(hi_dyn_writer *w, const char *data, size_t size);
void hi_dyn_end_bag(hi_dyn_writer *w);

/* ---- reading ---- */

static inline hi_dyn hi_dyn_of(const void *data, size_t size)
{
    return (hi_dyn){(const uint8_t *)data, size};
}
/* The tag; HI_DYN_NULL for an empty or unknown value. */
hi_dyn_tag hi_dyn_tag_of(hi_dyn v);
static inline bool hi_dyn_is_null(hi_dyn v)
{
    return hi_dyn_tag_of(v) == HI_DYN_NULL;
}
/* Values by tag; 0, "" or zeroes when the tag is another one. */
bool hi_dyn_bool(hi_dyn v);
int64_t hi_dyn_i64(hi_dyn v); /* int, long, datetime, timespan, bool */
double hi_dyn_real(hi_dyn v); /* real */
hist_str hi_dyn_str(hi_dyn v);
hist_decimal hi_dyn_decimal(hi_dyn v);
void hi_dyn_guid(hi_dyn v, uint8_t guid[16]);
/* int, long, bool, real as double; false for anything else. */
bool hi_dyn_number(hi_dyn v, double *out);
/* Elements of an array, pairs of a bag, else 0. */
uint32_t hi_dyn_count(hi_dyn v);
/* Element by position, negative from the end; an empty view when there is none. Walks the array. */
hi_dyn hi_dyn_at(hi_dyn v, int64_t index);
/* Value by key, an empty view when there is none. */
hi_dyn hi_dyn_get(hi_dyn v, const char *key, size_t size);

/* for (it = hi_dyn_iter_of(v); hi_dyn_next(&it);) use it.key (bags) and it.value */
typedef struct hi_dyn_iter {
    const uint8_t *at;
    const uint8_t *end;
    uint32_t left; /* Values not yet given out. */
    bool bag;
    hist_str key;
    hi_dyn value;
} hi_dyn_iter;

hi_dyn_iter hi_dyn_iter_of(hi_dyn v);
bool hi_dyn_next(hi_dyn_iter *it);

/* Bytes of the value that begins at data, 0 when it is damaged or does not end within size. */
size_t hi_dyn_size(const void *data, size_t size);
/* Whether these bytes are exactly one well-formed value (UTF-8, nesting and counts too). */
bool hi_dyn_check(const void *data, size_t size);

/* ---- order ---- */

/*
 * Deep order: null < bool < numbers (by value, across int, long, real, decimal; real against
 * decimal as reals; NaN lowest) < timespan < datetime < guid < string (bytes) < array < bag.
 * Bags: fewer pairs first, then by their pairs in key order (above 64 pairs by hash), so
 * that the order of keys does not matter.
 */
int hi_dyn_compare(hi_dyn a, hi_dyn b);
/* Values that compare equal have the same hash. */
uint64_t hi_dyn_hash(hi_dyn v, uint64_t seed);

/* ---- JSON ---- */

/*
 * Strict JSON (RFC 8259) of at most HIST_DYNAMIC_DEPTH_MAX levels to the tagged form at the end of
 * `to`. Integers that fit int64 become long, other numbers real. Of keys given twice the last value
 * counts, at the place of the first. HIST_ESYNTAX with err->offset when the text is not JSON
 * (then `to` is as before), HIST_ENOMEM. A lone surrogate escape becomes U+FFFD.
 */
hist_status hi_dyn_from_json(hi_buf *to, const char *text, size_t size, hist_error *err);
/* Compact JSON text at the end of `to`: failures are kept in the buffer. */
void hi_dyn_to_json(hi_buf *to, hi_dyn v);
/* A JSON string with its quotes. */
void hi_json_string(hi_buf *to, const char *data, size_t size);
/* tostring(): scalars as KQL prints them outside of JSON ("True", bare strings), arrays and bags as JSON. */
void hi_dyn_to_text(hi_buf *to, hi_dyn v);
/* Decimal (scaled by 10^18) as plain text; at most 48 bytes, no NUL. */
size_t hi_decimal_print(char *to, hist_decimal v);
#define HI_DECIMAL_SIZE 48
/* "74be27de-1e4e-49d9-b579-fe0b331d3642": 36 bytes, no NUL. */
void hi_guid_print(char *to, const uint8_t guid[16]);

/* Length of the valid UTF-8 at the start of data; size when all of it is. */
size_t hi_utf8_valid(const char *data, size_t size);

#endif
