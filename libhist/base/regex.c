/*
 * regex.c -- RE2's regular expressions on PCRE2; see regex.h.
 *
 * A pattern is walked once before it is compiled: what RE2 does not know is
 * refused, and the few things that mean something else in PCRE2 are rewritten.
 * Then both engines agree (leftmost, first alternative), and what is left to
 * bound is time, by PCRE2's match limit.
 */
#include "base/regex.h"

#include "base/err.h"

#ifndef HIST_WITH_PCRE2

hist_status hi_regex_new(hi_mem *mem, const char *pattern, size_t size, hi_regex **out,
                         hist_error *err)
{
    (void)mem;
    (void)pattern;
    (void)size;
    *out = NULL;
    return hi_fail(err, HIST_EINVAL,
                   "regular expressions are not in this build: built without PCRE2 (install "
                   "libpcre2-dev and build again)");
}

void hi_regex_free(hi_regex *re)
{
    (void)re;
}

uint32_t hi_regex_groups(const hi_regex *re)
{
    (void)re;
    return 0;
}

hist_status hi_regex_search(hi_regex *re, const char *text, size_t size, size_t from,
                            hi_regex_match *match, hist_error *err)
{
    (void)re;
    (void)text;
    (void)size;
    (void)from;
    match->count = 0;
    return hi_fail(err, HIST_EINVAL, "built without PCRE2");
}

#else

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <string.h>

#include "base/buf.h"

/* Backtracking steps and KiB that one search may take. */
#define REGEX_STEPS_MAX   1000000
#define REGEX_HEAP_KIB    16384
#define REGEX_PATTERN_MAX 65536
/* RE2's limit of a counted repeat. */
#define REGEX_REPEAT_MAX  1000

struct hi_regex {
    hi_mem *mem;
    pcre2_general_context *general;
    pcre2_code *code;
    pcre2_match_context *limits;
    pcre2_match_data *data;
    uint32_t groups;
};

/* ---- memory: PCRE2 frees without a size, so the size goes in front ---- */

#define REGEX_HEADER 16

static void *regex_alloc(size_t size, void *arg)
{
    hi_mem *mem = (hi_mem *)arg;

    if (size > SIZE_MAX - REGEX_HEADER) {
        return NULL;
    }
    unsigned char *p = (unsigned char *)hi_mem_alloc(mem, size + REGEX_HEADER);
    if (p == NULL) {
        return NULL;
    }
    memcpy(p, &size, sizeof(size));
    return p + REGEX_HEADER;
}

static void regex_release(void *ptr, void *arg)
{
    hi_mem *mem = (hi_mem *)arg;
    size_t size = 0;

    if (ptr != NULL) {
        unsigned char *p = (unsigned char *)ptr - REGEX_HEADER;
        memcpy(&size, p, sizeof(size));
        hi_mem_free(mem, p, size + REGEX_HEADER);
    }
}

/* ---- what RE2 knows ---- */

typedef struct regex_text {
    const char *start;
    const char *at;
    const char *end;
    hi_buf out;    /* The pattern for PCRE2. */
    bool repeated; /* Just behind a repeat. */
    hist_error *err;
} regex_text;

static hist_status regex_fail(const regex_text *t, const char *at, const char *what)
{
    const size_t offset = (size_t)(at - t->start);
    const hist_status status =
        hi_fail(t->err, HIST_EINVAL, "regular expression: %s at byte %zu", what, offset + 1);

    if (t->err != NULL) {
        t->err->offset = (int64_t)offset;
    }
    return status;
}

static void regex_copy(regex_text *t, const char *to)
{
    hi_buf_append(&t->out, t->at, (size_t)(to - t->at));
    t->at = to;
}

static void regex_put(regex_text *t, const char *text)
{
    hi_buf_append(&t->out, text, strlen(text));
}

static bool regex_is(char c, const char *set)
{
    return c != '\0' && strchr(set, c) != NULL;
}

/* \Q...\E: literal up to \E or the end. */
static void regex_quoted(regex_text *t)
{
    t->at += 2;
    while (t->at < t->end) {
        if (t->end - t->at >= 2 && t->at[0] == '\\' && t->at[1] == 'E') {
            t->at += 2;
            return;
        }
        if (regex_is(*t->at, "\\^$.|?*+()[]{}-")) {
            hi_buf_byte(&t->out, '\\');
        }
        regex_copy(t, t->at + 1);
    }
}

/* \p{Name}, \pN, \x{..}: the braces belong to the escape. */
static void regex_copy_braced(regex_text *t)
{
    const char *p = t->at + 2;

    if (p < t->end && *p == '{') {
        while (p < t->end && *p != '}') {
            p++;
        }
        p += p < t->end;
    }
    regex_copy(t, p);
}

static hist_status regex_escape(regex_text *t, bool in_class)
{
    const char c = t->end - t->at >= 2 ? t->at[1] : '\0';

    if (c == 'Q') {
        regex_quoted(t);
        return HIST_OK;
    }
    if (regex_is(c, "pPx")) {
        regex_copy_braced(t);
        return HIST_OK;
    }
    if (c == 'v') { /* A vertical tab in RE2, a class in PCRE2. */
        t->at += 2;
        regex_put(t, "\\x0b");
        return HIST_OK;
    }
    if (regex_is(c, "sS") && !in_class) { /* Without the vertical tab in RE2. */
        t->at += 2;
        regex_put(t, c == 's' ? "[\\t\\n\\f\\r ]" : "[^\\t\\n\\f\\r ]");
        return HIST_OK;
    }
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool known = regex_is(c, "aftnrdDwWsS") || (!in_class && regex_is(c, "AbBz"));
    if (c >= '1' && c <= '9') {
        return regex_fail(t, t->at, "a back-reference is not supported");
    }
    if ((letter && !known) || c == '\0') {
        return regex_fail(t, t->at, "an unknown escape");
    }
    regex_copy(t, t->at + 2);
    return HIST_OK;
}

/* [...] with its escapes and [:names:]. */
static hist_status regex_class(regex_text *t)
{
    const char *open = t->at;

    regex_copy(t, t->at + 1);
    if (t->at < t->end && *t->at == '^') {
        regex_copy(t, t->at + 1);
    }
    if (t->at < t->end && *t->at == ']') {
        regex_copy(t, t->at + 1);
    }
    while (t->at < t->end && *t->at != ']') {
        if (*t->at == '\\') {
            HI_TRY(regex_escape(t, true));
        } else if (*t->at == '[' && t->end - t->at >= 3 && t->at[1] == ':') {
            if (regex_is(t->at[2], "<>")) {
                return regex_fail(t, t->at, "an unknown class name");
            }
            regex_copy(t, t->at + 2);
        } else if (*t->at == '[') {
            hi_buf_byte(&t->out, '\\');
            regex_copy(t, t->at + 1);
        } else {
            regex_copy(t, t->at + 1);
        }
    }
    if (t->at == t->end) {
        return regex_fail(t, open, "a class without its ']'");
    }
    regex_copy(t, t->at + 1);
    return HIST_OK;
}

static hist_status regex_group(regex_text *t)
{
    const char *p = t->at + 1;

    if (p < t->end && *p == '*') {
        return regex_fail(t, p, "'*' with nothing to repeat");
    }
    if (p == t->end || *p != '?') {
        regex_copy(t, p);
        return HIST_OK;
    }
    p++;
    if (t->end - p >= 2 && *p == 'P' && p[1] == '<') {
        p++;
    }
    if (t->end - p >= 2 && *p == '<' && p[1] != '=' && p[1] != '!') {
        regex_copy(t, p + 1);
        return HIST_OK;
    }
    while (p < t->end && regex_is(*p, "imsU-")) {
        p++;
    }
    if (p == t->end || !regex_is(*p, ":)")) {
        return regex_fail(t, t->at,
                          "this kind of group is not supported (no look-around, atomic groups, "
                          "conditions or recursion)");
    }
    regex_copy(t, p + 1);
    return HIST_OK;
}

/* The number at p, -1 when there is none; *next is behind it. */
static int regex_count(const char *p, const char *end, const char **next)
{
    int v = -1;

    for (; p < end && *p >= '0' && *p <= '9'; p++) {
        v = (v < 0 ? 0 : v) * 10 + (*p - '0');
        v = v > 100000 ? 100000 : v;
    }
    *next = p;
    return v;
}

/* {n}, {n,}, {n,m}; any other brace is a character. */
static hist_status regex_brace(regex_text *t, bool *repeat)
{
    const char *p = NULL;
    const int low = regex_count(t->at + 1, t->end, &p);
    int high = low;

    if (p < t->end && *p == ',') {
        high = regex_count(p + 1, t->end, &p);
    }
    if (low < 0 || p == t->end || *p != '}') {
        hi_buf_byte(&t->out, '\\');
        regex_copy(t, t->at + 1);
        *repeat = false;
        return HIST_OK;
    }
    if (low > REGEX_REPEAT_MAX || high > REGEX_REPEAT_MAX) {
        return regex_fail(t, t->at, "a repeat of more than 1000");
    }
    regex_copy(t, p + 1);
    *repeat = true;
    return HIST_OK;
}

/* A repeat with its optional '?'; a second one behind it is an error in RE2. */
static hist_status regex_repeat(regex_text *t)
{
    const char *start = t->at;
    bool repeat = true;

    if (*t->at == '{') {
        HI_TRY(regex_brace(t, &repeat));
    } else {
        regex_copy(t, t->at + 1);
    }
    if (!repeat) {
        t->repeated = false;
        return HIST_OK;
    }
    if (t->repeated) {
        return regex_fail(t, start, "a repeat of a repeat (possessive repeats are not supported)");
    }
    if (t->at < t->end && *t->at == '?') {
        regex_copy(t, t->at + 1);
    }
    t->repeated = true;
    return HIST_OK;
}

static hist_status regex_translate(regex_text *t)
{
    while (t->at < t->end) {
        const char c = *t->at;

        if (regex_is(c, "*+?{")) {
            HI_TRY(regex_repeat(t));
            continue;
        }
        t->repeated = false;
        if (c == '\\') {
            HI_TRY(regex_escape(t, false));
        } else if (c == '[') {
            HI_TRY(regex_class(t));
        } else if (c == '(') {
            HI_TRY(regex_group(t));
        } else {
            regex_copy(t, t->at + 1);
        }
    }
    return hi_buf_ok(&t->out) ? HIST_OK : hi_no_memory(t->err, "a regular expression");
}

/* ---- compile and search ---- */

static hist_status regex_compile(hi_regex *re, const regex_text *t)
{
    const uint32_t options =
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_BACKSLASH_C;
    int code = 0;
    PCRE2_SIZE offset = 0;
    PCRE2_UCHAR message[120];

    pcre2_compile_context *context = pcre2_compile_context_create(re->general);
    if (context == NULL) {
        return hi_no_memory(t->err, "a regular expression");
    }
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_LF);
    (void)pcre2_set_parens_nest_limit(context, 200);
    re->code = pcre2_compile((PCRE2_SPTR)(t->out.data == NULL ? "" : t->out.data), t->out.size,
                             options, &code, &offset, context);
    pcre2_compile_context_free(context);
    if (re->code != NULL) {
        return HIST_OK;
    }
    if (code == PCRE2_ERROR_HEAP_FAILED) {
        return hi_no_memory(t->err, "a regular expression");
    }
    (void)pcre2_get_error_message(code, message, sizeof(message));
    return hi_fail(t->err, HIST_EINVAL, "regular expression: %s near byte %zu", (char *)message,
                   (size_t)offset + 1);
}

static hist_status regex_prepare(hi_regex *re, const regex_text *t)
{
    re->general = pcre2_general_context_create(regex_alloc, regex_release, re->mem);
    if (re->general == NULL) {
        return hi_no_memory(t->err, "a regular expression");
    }
    HI_TRY(regex_compile(re, t));
    re->limits = pcre2_match_context_create(re->general);
    re->data = pcre2_match_data_create_from_pattern(re->code, re->general);
    if (re->limits == NULL || re->data == NULL) {
        return hi_no_memory(t->err, "a regular expression");
    }
    (void)pcre2_set_match_limit(re->limits, REGEX_STEPS_MAX);
    (void)pcre2_set_depth_limit(re->limits, REGEX_STEPS_MAX);
    (void)pcre2_set_heap_limit(re->limits, REGEX_HEAP_KIB);
    (void)pcre2_pattern_info(re->code, PCRE2_INFO_CAPTURECOUNT, &re->groups);
    return HIST_OK;
}

hist_status hi_regex_new(hi_mem *mem, const char *pattern, size_t size, hi_regex **out,
                         hist_error *err)
{
    regex_text t = {.start = pattern, .at = pattern, .end = pattern + size, .err = err};

    *out = NULL;
    if (size > REGEX_PATTERN_MAX) {
        return hi_fail(err, HIST_ELIMIT, "a regular expression of %zu bytes; at most %d are taken",
                       size, REGEX_PATTERN_MAX);
    }
    hi_buf_init(&t.out, mem, SIZE_MAX);
    hi_regex *re = HI_MEM_NEW(mem, hi_regex);
    hist_status status = re == NULL ? hi_no_memory(err, "a regular expression") : HIST_OK;
    if (status == HIST_OK) {
        re->mem = mem;
        status = regex_translate(&t);
    }
    if (status == HIST_OK) {
        status = regex_prepare(re, &t);
    }
    hi_buf_free(&t.out);
    if (status != HIST_OK) {
        hi_regex_free(re);
        return status;
    }
    *out = re;
    return HIST_OK;
}

void hi_regex_free(hi_regex *re)
{
    if (re == NULL) {
        return;
    }
    pcre2_match_data_free(re->data);
    pcre2_match_context_free(re->limits);
    pcre2_code_free(re->code);
    pcre2_general_context_free(re->general);
    HI_MEM_DELETE(re->mem, re);
}

uint32_t hi_regex_groups(const hi_regex *re)
{
    return re->groups;
}

static hist_status regex_match_error(int code, hist_error *err)
{
    switch (code) {
    case PCRE2_ERROR_NOMEMORY:
        return hi_no_memory(err, "matching a regular expression");
    case PCRE2_ERROR_MATCHLIMIT:
    case PCRE2_ERROR_DEPTHLIMIT:
    case PCRE2_ERROR_HEAPLIMIT:
        return hi_fail(err, HIST_ELIMIT,
                       "matching a regular expression took more than %d steps or %d KiB on one "
                       "text: make nested repeats simpler",
                       REGEX_STEPS_MAX, REGEX_HEAP_KIB);
    default:
        return hi_fail(err, HIST_EINTERNAL, "matching a regular expression: PCRE2 error %d", code);
    }
}

hist_status hi_regex_search(hi_regex *re, const char *text, size_t size, size_t from,
                            hi_regex_match *match, hist_error *err)
{
    match->count = 0;
    if (from > size) {
        return HIST_OK;
    }
    const int code = pcre2_match(re->code, (PCRE2_SPTR)(text == NULL ? "" : text), size, from, 0,
                                 re->data, re->limits);
    if (code == PCRE2_ERROR_NOMATCH) {
        return HIST_OK;
    }
    if (code < 0) {
        return regex_match_error(code, err);
    }
    const PCRE2_SIZE *at = pcre2_get_ovector_pointer(re->data);
    const uint32_t count = re->groups + 1;
    match->count = count < HI_REGEX_GROUPS_MAX ? count : HI_REGEX_GROUPS_MAX;
    for (uint32_t i = 0; i < match->count; i++) {
        const bool took_part = at[2 * i] != PCRE2_UNSET;

        match->span[i].start = took_part ? at[2 * i] : SIZE_MAX;
        match->span[i].end = took_part ? at[2 * i + 1] : SIZE_MAX;
    }
    return HIST_OK;
}

#endif
