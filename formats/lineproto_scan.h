/*
 * lineproto_scan.h -- what the files of the line-protocol parser share: the state
 * of one line, and the loops that find the end of things 16 bytes at a time.
 * Nobody else includes this.
 */
#ifndef LINEPROTO_SCAN_H
#define LINEPROTO_SCAN_H

#include "formats/lineproto.h"

/* LP_PORTABLE builds the plain loops on x86 too, so that tests can run them. */
#if defined(__SSE2__) && !defined(LP_PORTABLE)
#define LP_SSE2 1
#include <emmintrin.h>
#else
#define LP_SSE2 0
#endif

#define LP_LIKELY(x)   __builtin_expect(!!(x), 1)
#define LP_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Bytes by what they end. */
enum {
    CLASS_KEY = 1,  /* Not plain in a field key: = , \ blank, control, not ASCII. */
    CLASS_TERM = 2, /* Ends a value: comma, blank, CR, LF. */
};

#define K CLASS_KEY
#define T (CLASS_KEY | CLASS_TERM)
static const uint8_t lp_class[256] = {
    K, K, K, K, K, K, K, K, K, K, T, K, K, T, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    T, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, T, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, K, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, K, 0, 0, 0,
    0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
    K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K, K,
};
#undef K
#undef T

/* One line being parsed. The error fields count once a function returned NULL. */
typedef struct lp_scan {
    lp_parser *parser;
    const char *line;  /* Its first byte. */
    const char *end;   /* Of what may be looked at: of the buffer, or of the longest line. */
    bool hit_end;      /* A byte at `end` would have been wanted. */
    bool lines_inside; /* A string holds a newline. */
    lp_error error;
    const char *at;     /* Where. */
    const char *resync; /* The newline that ends a bad line is searched from here. */
    const char *what;
    hist_str token; /* Quoted in the message when not empty. */
} lp_scan;

static inline bool lp_is_term(char c)
{
    return (lp_class[(uint8_t)c] & CLASS_TERM) != 0;
}

static inline bool lp_is_digit(char c)
{
    return (uint8_t)(c - '0') < 10;
}

static inline bool lp_is_control(char c)
{
    return (uint8_t)c < 0x20 || c == 0x7f;
}

/* ---- finding the end of things ------------------------------------------------------------- */

/* The first byte that is a blank or a control byte, or end. */
static inline const char *lp_find_blank(const char *p, const char *end)
{
#if LP_SSE2
    const __m128i blank = _mm_set1_epi8(0x20);

    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        const int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_min_epu8(v, blank), v));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && (uint8_t)*p > 0x20) {
        p++;
    }
    return p;
}

/* The first byte that is not plain in a field key, or end. */
static inline const char *lp_find_key_end(const char *p, const char *end)
{
#if LP_SSE2
    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        /* Signed: bytes from 0x80 are negative, so one comparison finds them too. */
        const __m128i low = _mm_cmplt_epi8(v, _mm_set1_epi8(0x21));
        const __m128i a = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('=')),
                                       _mm_cmpeq_epi8(v, _mm_set1_epi8(',')));
        const __m128i b = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')),
                                       _mm_cmpeq_epi8(v, _mm_set1_epi8(0x7f)));
        const int mask = _mm_movemask_epi8(_mm_or_si128(low, _mm_or_si128(a, b)));

        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && (lp_class[(uint8_t)*p] & CLASS_KEY) == 0) {
        p++;
    }
    return p;
}

/* The first quote, backslash or newline, or end. *high_io gets bit 7 when bytes beyond ASCII may be before it. */
static inline const char *lp_find_quote(const char *p, const char *end, unsigned *high_io)
{
#if LP_SSE2
    while (end - p >= 16) {
        const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
        const __m128i m = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
                                       _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')),
                                                    _mm_cmpeq_epi8(v, _mm_set1_epi8('\n'))));
        const int mask = _mm_movemask_epi8(m);

        *high_io |= _mm_movemask_epi8(v) != 0 ? 0x80 : 0;
        if (mask != 0) {
            return p + __builtin_ctz((unsigned)mask);
        }
        p += 16;
    }
#endif
    while (p < end && *p != '"' && *p != '\\' && *p != '\n') {
        *high_io |= (uint8_t)*p;
        p++;
    }
    return p;
}

/* ---- lineproto_key.c ------------------------------------------------------------------------ */

typedef struct lp_token {
    hist_str raw;
    size_t escapes; /* Backslashes that unescaping takes away. */
} lp_token;

/* What lp_parse_key() fills; NULL where only the check is wanted. */
typedef struct lp_key_sink {
    char *scratch;
    hist_str *measurement;
    lp_tag *tags;
    uint32_t tag_count;
} lp_key_sink;

/*
 * One name, up to the first byte that cannot be part of it. A backslash counts only before a byte
 * that is special here, and the byte after a lone backslash is looked at afresh.
 */
const char *lp_token_read(lp_scan *s, const char *p, bool measurement, lp_token *token);
bool lp_token_too_long(const lp_token *token);
/* Measurement and tags; returns the place behind them (a space in a good line). sink may be NULL. */
const char *lp_key_walk(lp_scan *s, const char *p, lp_key_sink *sink);

/* ---- lineproto_error.c ---------------------------------------------------------------------- */

/* These fill the error fields and return NULL. */
const char *lp_fail(lp_scan *s, lp_error error, const char *at, const char *what);
const char *lp_fail_token(lp_scan *s, lp_error error, hist_str token, const char *what);
/* Something else was expected at p: says what is there instead when that explains more. */
const char *lp_fail_unexpected(lp_scan *s, lp_error error, const char *p, const char *what);
/* Hands the error to the caller: code, place and text into the parser. */
lp_error lp_error_keep(const lp_scan *s);
/* The first byte that is not part of valid UTF-8, or end. */
const char *lp_find_bad_utf8(const char *p, const char *end);

/* ---- lineproto_tail.c ----------------------------------------------------------------------- */

/* lp_parser.scan_state at the start of a line. */
#define LP_TAIL_START 0u

/* Looks at the bytes of the incomplete line not yet seen: is parsing it worth while now? */
bool lp_tail_ended(lp_parser *parser, const char *line, const char *end);

#endif
