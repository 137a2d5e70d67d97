/*
 * dyn_json.c -- JSON text to the tagged form and back; see dyn.h.
 *
 * The parser is recursive, bounded by HIST_DYNAMIC_DEPTH_MAX, and writes as it
 * goes. A bag is looked over for keys given twice when it is closed: small ones
 * pair by pair, large ones by sorting, so that hostile text costs n log n.
 */
#include <math.h>
#include <string.h>

#include "base/bytes.h"
#include "base/dyn.h"
#include "base/err.h"
#include "base/num.h"
#include "base/timefmt.h"

typedef struct json_text {
    const char *text;
    const char *at;
    const char *end;
    hi_dyn_writer w;
    hist_error *err;
} json_text;

/* ---- reading ---- */

static hist_status json_fail(json_text *j, const char *at, const char *what)
{
    const hist_status status =
        hi_fail(j->err, HIST_ESYNTAX, "not JSON: %s at byte %zu", what, (size_t)(at - j->text) + 1);

    if (j->err != NULL) {
        j->err->offset = at - j->text;
    }
    return status;
}

static void json_skip_blanks(json_text *j)
{
    while (j->at < j->end &&
           (*j->at == ' ' || *j->at == '\t' || *j->at == '\n' || *j->at == '\r')) {
        j->at++;
    }
}

static bool json_digit(const json_text *j)
{
    return j->at < j->end && *j->at >= '0' && *j->at <= '9';
}

static bool json_digits(json_text *j)
{
    const char *start = j->at;

    while (json_digit(j)) {
        j->at++;
    }
    return j->at > start;
}

static hist_status json_number(json_text *j)
{
    const char *start = j->at;
    bool integer = true;
    int64_t v = 0;
    double real = 0;

    if (*j->at == '-') {
        j->at++;
    }
    const char *first = j->at;
    if (!json_digits(j) || (*first == '0' && j->at - first > 1)) {
        return json_fail(j, start, "a number that is not well formed");
    }
    if (j->at < j->end && *j->at == '.') {
        j->at++;
        integer = false;
        if (!json_digits(j)) {
            return json_fail(j, start, "a number without digits after its point");
        }
    }
    if (j->at < j->end && (*j->at | 0x20) == 'e') {
        j->at++;
        integer = false;
        if (j->at < j->end && (*j->at == '+' || *j->at == '-')) {
            j->at++;
        }
        if (!json_digits(j)) {
            return json_fail(j, start, "a number without digits in its exponent");
        }
    }
    const size_t size = (size_t)(j->at - start);
    if (integer && hi_num_parse_i64(start, size, &v)) {
        hi_dyn_put_long(&j->w, v);
    } else if (hi_num_parse_double(start, size, &real)) {
        hi_dyn_put_real(&j->w, real);
    }
    return HIST_OK;
}

static bool json_hex4(const char *p, const char *end, uint32_t *out)
{
    uint32_t v = 0;

    if (end - p < 4) {
        return false;
    }
    for (int i = 0; i < 4; i++) {
        const char c = p[i];
        const char low = (char)(c | 0x20);

        if (c >= '0' && c <= '9') {
            v = v * 16 + (uint32_t)(c - '0');
        } else if (low >= 'a' && low <= 'f') {
            v = v * 16 + (uint32_t)(low - 'a' + 10);
        } else {
            return false;
        }
    }
    *out = v;
    return true;
}

static void json_put_code(hi_buf *buf, uint32_t code)
{
    if (code < 0x80) {
        hi_buf_byte(buf, (uint8_t)code);
        return;
    }
    if (code < 0x800) {
        hi_buf_byte(buf, (uint8_t)(0xc0 | (code >> 6)));
    } else {
        if (code < 0x10000) {
            hi_buf_byte(buf, (uint8_t)(0xe0 | (code >> 12)));
        } else {
            hi_buf_byte(buf, (uint8_t)(0xf0 | (code >> 18)));
            hi_buf_byte(buf, (uint8_t)(0x80 | ((code >> 12) & 0x3f)));
        }
        hi_buf_byte(buf, (uint8_t)(0x80 | ((code >> 6) & 0x3f)));
    }
    hi_buf_byte(buf, (uint8_t)(0x80 | (code & 0x3f)));
}

/* at is behind "\u". A pair of surrogates is one character, a lone one U+FFFD. */
static hist_status json_unicode(json_text *j)
{
    uint32_t code = 0;
    uint32_t low = 0;

    if (!json_hex4(j->at, j->end, &code)) {
        return json_fail(j, j->at - 2, "\\u without four hexadecimal digits");
    }
    j->at += 4;
    if (code >= 0xd800 && code < 0xdc00 && j->end - j->at >= 6 && j->at[0] == '\\' &&
        j->at[1] == 'u' && json_hex4(j->at + 2, j->end, &low) && low >= 0xdc00 && low < 0xe000) {
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        j->at += 6;
    }
    if (code >= 0xd800 && code < 0xe000) {
        code = 0xfffd;
    }
    json_put_code(j->w.buf, code);
    return HIST_OK;
}

/* at is behind the backslash. */
static hist_status json_escape(json_text *j)
{
    static const char from[] = "\"\\/bfnrt";
    static const char to[] = "\"\\/\b\f\n\r\t";
    const char c = j->at < j->end ? *j->at++ : '\0';

    if (c == 'u') {
        return json_unicode(j);
    }
    const char *found = c == '\0' ? NULL : strchr(from, c);
    if (found == NULL) {
        return json_fail(j, j->at - 1, "an escape that JSON does not know");
    }
    hi_buf_byte(j->w.buf, (uint8_t)to[found - from]);
    return HIST_OK;
}

/* at is behind the opening quote: u32 size and the bytes go to the buffer. */
static hist_status json_string_body(json_text *j)
{
    hi_buf *buf = j->w.buf;
    const char *open = j->at - 1;

    hi_buf_u32(buf, 0);
    const size_t start = buf->size;
    for (;;) {
        const char *run = j->at;

        while (j->at < j->end && *j->at != '"' && *j->at != '\\' && (uint8_t)*j->at >= 0x20) {
            j->at++;
        }
        const size_t size = (size_t)(j->at - run);
        const size_t valid = hi_utf8_valid(run, size);
        if (valid != size) {
            return json_fail(j, run + valid, "a byte that is not UTF-8");
        }
        hi_buf_append(buf, run, size);
        if (j->at == j->end) {
            return json_fail(j, open, "a string without its closing quote");
        }
        if (*j->at == '"') {
            j->at++;
            break;
        }
        if ((uint8_t)*j->at < 0x20) {
            return json_fail(j, j->at, "a control character in a string");
        }
        j->at++;
        HI_TRY(json_escape(j));
    }
    if (buf->size - start > UINT32_MAX - 16) {
        return hi_fail(j->err, HIST_ELIMIT, "a JSON string is larger than 4 GiB");
    }
    if (hi_buf_ok(buf)) {
        hi_put_u32((uint8_t *)buf->data + start - 4, (uint32_t)(buf->size - start));
    }
    return HIST_OK;
}

static hist_status json_string(json_text *j)
{
    j->at++;
    if (j->w.depth > 0 && hi_buf_ok(j->w.buf) &&
        j->w.buf->data[j->w.starts[j->w.depth - 1] - 1] == HI_DYN_ARRAY) {
        j->w.counts[j->w.depth - 1]++;
    }
    hi_buf_byte(j->w.buf, HI_DYN_STRING);
    return json_string_body(j);
}

static hist_status json_word(json_text *j)
{
    const size_t left = (size_t)(j->end - j->at);

    if (left >= 4 && memcmp(j->at, "null", 4) == 0) {
        hi_dyn_put_null(&j->w);
        j->at += 4;
    } else if (left >= 4 && memcmp(j->at, "true", 4) == 0) {
        hi_dyn_put_bool(&j->w, true);
        j->at += 4;
    } else if (left >= 5 && memcmp(j->at, "false", 5) == 0) {
        hi_dyn_put_bool(&j->w, false);
        j->at += 5;
    } else {
        return json_fail(j, j->at, "no value");
    }
    return HIST_OK;
}

/* ---- keys given twice ---- */

typedef struct json_pair {
    const uint8_t *key;
    uint32_t key_size;
    uint32_t index; /* Position in the bag. */
    hi_dyn value;
} json_pair;

static int json_compare_keys(const json_pair *a, const json_pair *b)
{
    const uint32_t both = a->key_size < b->key_size ? a->key_size : b->key_size;
    const int order = memcmp(a->key, b->key, both);

    return order != 0 ? order : (a->key_size > b->key_size) - (a->key_size < b->key_size);
}

typedef int json_order(const json_pair *a, const json_pair *b);

static int json_by_key(const json_pair *a, const json_pair *b)
{
    const int order = json_compare_keys(a, b);

    return order != 0 ? order : (a->index > b->index) - (a->index < b->index);
}

static int json_by_index(const json_pair *a, const json_pair *b)
{
    return (a->index > b->index) - (a->index < b->index);
}

static void json_sift(json_pair *pairs, size_t at, size_t n, json_order *order)
{
    for (;;) {
        size_t child = 2 * at + 1;

        if (child >= n) {
            return;
        }
        child += child + 1 < n && order(&pairs[child + 1], &pairs[child]) > 0;
        if (order(&pairs[at], &pairs[child]) >= 0) {
            return;
        }
        const json_pair t = pairs[at];
        pairs[at] = pairs[child];
        pairs[child] = t;
        at = child;
    }
}

/* Heap sort: qsort() may allocate behind the memory account's back. */
static void json_sort(json_pair *pairs, size_t n, json_order *order)
{
    for (size_t i = n / 2; i-- > 0;) {
        json_sift(pairs, i, n, order);
    }
    for (size_t end = n; end-- > 1;) {
        const json_pair t = pairs[0];

        pairs[0] = pairs[end];
        pairs[end] = t;
        json_sift(pairs, 0, end, order);
    }
}

/* Of equal keys one pair stays: the first one's place, the last one's value. Returns how many. */
static uint32_t json_unique(json_pair *pairs, uint32_t count)
{
    uint32_t kept = 0;

    json_sort(pairs, count, json_by_key);
    for (uint32_t i = 0; i < count; i++) {
        if (kept > 0 && json_compare_keys(&pairs[kept - 1], &pairs[i]) == 0) {
            pairs[kept - 1].value = pairs[i].value;
        } else {
            pairs[kept++] = pairs[i];
        }
    }
    return kept;
}

/* Writes the kept pairs over the content of the open bag, by way of a copy. */
static hist_status json_rewrite_bag(json_text *j, size_t content, json_pair *pairs, uint32_t kept)
{
    hi_buf *buf = j->w.buf;
    hi_buf copy;

    json_sort(pairs, kept, json_by_index);
    hi_buf_init(&copy, buf->mem, buf->max);
    for (uint32_t i = 0; i < kept; i++) {
        hi_buf_u32(&copy, pairs[i].key_size);
        hi_buf_append(&copy, pairs[i].key, pairs[i].key_size);
        hi_buf_append(&copy, pairs[i].value.data, pairs[i].value.size);
    }
    const bool ok = hi_buf_ok(&copy);
    if (ok) {
        buf->size = content;
        hi_buf_append(buf, copy.data, copy.size);
        j->w.counts[j->w.depth - 1] = kept;
    }
    hi_buf_free(&copy);
    return ok ? HIST_OK : hi_no_memory(j->err, "a bag with keys given twice");
}

static hi_dyn_iter json_open_bag(const json_text *j)
{
    const size_t content = j->w.starts[j->w.depth - 1] + 8;
    const uint8_t *data = (const uint8_t *)j->w.buf->data;

    return (hi_dyn_iter){.at = data + content,
                         .end = data + j->w.buf->size,
                         .left = j->w.counts[j->w.depth - 1],
                         .bag = true};
}

static bool json_few_and_distinct(const json_text *j)
{
    hi_dyn_iter it = json_open_bag(j);
    hist_str keys[16];
    int count = 0;

    if (it.left > 16) {
        return false;
    }
    while (hi_dyn_next(&it)) {
        for (int i = 0; i < count; i++) {
            if (keys[i].size == it.key.size &&
                memcmp(keys[i].data, it.key.data, it.key.size) == 0) {
                return false;
            }
        }
        keys[count++] = it.key;
    }
    return true;
}

/* The bag is complete but still open. */
static hist_status json_drop_twice(json_text *j)
{
    const uint32_t count = j->w.counts[j->w.depth - 1];

    if (j->w.failed || !hi_buf_ok(j->w.buf) || json_few_and_distinct(j)) {
        return HIST_OK;
    }
    json_pair *pairs = (json_pair *)hi_mem_calloc(j->w.buf->mem, count, sizeof(*pairs));
    if (pairs == NULL) {
        return hi_no_memory(j->err, "the keys of a bag");
    }
    hi_dyn_iter it = json_open_bag(j);
    uint32_t n = 0;
    while (n < count && hi_dyn_next(&it)) {
        pairs[n] = (json_pair){(const uint8_t *)it.key.data, (uint32_t)it.key.size, n, it.value};
        n++;
    }
    const uint32_t kept = json_unique(pairs, n);
    hist_status status = HIST_OK;
    if (kept < count) {
        status = json_rewrite_bag(j, j->w.starts[j->w.depth - 1] + 8, pairs, kept);
    }
    hi_mem_free(j->w.buf->mem, pairs, count * sizeof(*pairs));
    return status;
}

/* ---- values ---- */

static hist_status json_value(json_text *j);

static hist_status json_array(json_text *j)
{
    hi_dyn_begin_array(&j->w);
    j->at++;
    json_skip_blanks(j);
    if (j->at < j->end && *j->at == ']') {
        j->at++;
        hi_dyn_end_array(&j->w);
        return HIST_OK;
    }
    for (;;) {
        HI_TRY(json_value(j));
        json_skip_blanks(j);
        const char c = j->at < j->end ? *j->at : '\0';
        if (c != ',' && c != ']') {
            return json_fail(j, j->at, "an array without ',' or ']'");
        }
        j->at++;
        if (c == ']') {
            hi_dyn_end_array(&j->w);
            return HIST_OK;
        }
    }
}

static hist_status json_key(json_text *j)
{
    json_skip_blanks(j);
    if (j->at == j->end || *j->at != '"') {
        return json_fail(j, j->at, "no key in quotes");
    }
    j->at++;
    HI_TRY(json_string_body(j));
    if (!j->w.failed) {
        j->w.counts[j->w.depth - 1]++;
    }
    json_skip_blanks(j);
    if (j->at == j->end || *j->at != ':') {
        return json_fail(j, j->at, "a key without ':'");
    }
    j->at++;
    return HIST_OK;
}

static hist_status json_bag(json_text *j)
{
    hi_dyn_begin_bag(&j->w);
    j->at++;
    json_skip_blanks(j);
    if (j->at < j->end && *j->at == '}') {
        j->at++;
        hi_dyn_end_bag(&j->w);
        return HIST_OK;
    }
    for (;;) {
        HI_TRY(json_key(j));
        HI_TRY(json_value(j));
        json_skip_blanks(j);
        const char c = j->at < j->end ? *j->at : '\0';
        if (c != ',' && c != '}') {
            return json_fail(j, j->at, "an object without ',' or '}'");
        }
        j->at++;
        if (c == '}') {
            HI_TRY(json_drop_twice(j));
            hi_dyn_end_bag(&j->w);
            return HIST_OK;
        }
    }
}

static hist_status json_value(json_text *j)
{
    json_skip_blanks(j);
    if (j->at == j->end) {
        return json_fail(j, j->at, "no value");
    }
    if (*j->at == '[' || *j->at == '{') {
        if (j->w.depth >= HIST_DYNAMIC_DEPTH_MAX) {
            return json_fail(j, j->at, "more than 64 levels");
        }
        return *j->at == '[' ? json_array(j) : json_bag(j);
    }
    if (*j->at == '"') {
        return json_string(j);
    }
    if (*j->at == '-' || json_digit(j)) {
        return json_number(j);
    }
    return json_word(j);
}

hist_status hi_dyn_from_json(hi_buf *to, const char *text, size_t size, hist_error *err)
{
    const size_t before = to->size;
    json_text j = {.text = text, .at = text, .end = text + size, .err = err};

    hi_dyn_writer_init(&j.w, to);
    hist_status status = json_value(&j);
    if (status == HIST_OK) {
        json_skip_blanks(&j);
        if (j.at != j.end) {
            status = json_fail(&j, j.at, "something behind the value");
        } else if (!hi_dyn_writer_ok(&j.w)) {
            status = hi_no_memory(err, "a dynamic value");
        }
    }
    if (status != HIST_OK) {
        to->size = before;
    }
    return status;
}

/* ---- writing ---- */

void hi_json_string(hi_buf *to, const char *data, size_t size)
{
    static const char hex[] = "0123456789abcdef";
    static const char names[] = "btn\0fr"; /* For 8..13; there is none for 11. */
    size_t run = 0;

    hi_buf_byte(to, '"');
    for (size_t i = 0; i < size; i++) {
        const uint8_t c = (uint8_t)data[i];

        if (c >= 0x20 && c != '"' && c != '\\') {
            continue;
        }
        hi_buf_append(to, data + run, i - run);
        run = i + 1;
        hi_buf_byte(to, '\\');
        if (c == '"' || c == '\\') {
            hi_buf_byte(to, c);
        } else if (c >= 8 && c <= 13 && c != 11) {
            hi_buf_byte(to, (uint8_t)names[c - 8]);
        } else {
            const char code[5] = {'u', '0', '0', hex[c >> 4], hex[c & 15]};
            hi_buf_append(to, code, 5);
        }
    }
    hi_buf_append(to, data + run, size - run);
    hi_buf_byte(to, '"');
}

void hi_guid_print(char *to, const uint8_t guid[16])
{
    static const char hex[] = "0123456789abcdef";
    size_t at = 0;

    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10) {
            to[at++] = '-';
        }
        to[at++] = hex[guid[i] >> 4];
        to[at++] = hex[guid[i] & 15];
    }
}

/* Divides the four 32-bit digits of a number (highest first), returns the rest. */
static uint32_t json_divide(uint32_t digits[4], uint32_t by)
{
    uint64_t rest = 0;

    for (int i = 0; i < 4; i++) {
        const uint64_t v = (rest << 32) | digits[i];

        digits[i] = (uint32_t)(v / by);
        rest = v % by;
    }
    return (uint32_t)rest;
}

size_t hi_decimal_print(char *to, hist_decimal v)
{
    const bool negative = v.hi < 0;
    const uint64_t lo = negative ? 0 - v.lo : v.lo;
    const uint64_t hi = negative ? ~(uint64_t)v.hi + (v.lo == 0) : (uint64_t)v.hi;
    uint32_t digits[4] = {(uint32_t)(hi >> 32), (uint32_t)hi, (uint32_t)(lo >> 32), (uint32_t)lo};
    char text[45]; /* Five groups of nine, the last two behind the point. */
    size_t from = 0;
    size_t end = sizeof(text);
    size_t at = 0;

    for (int group = 4; group >= 0; group--) {
        hi_num_print_fixed(text + 9 * group, json_divide(digits, 1000000000), 9);
    }
    while (from < 26 && text[from] == '0') {
        from++;
    }
    while (end > 27 && text[end - 1] == '0') {
        end--;
    }
    if (negative) {
        to[at++] = '-';
    }
    memcpy(to + at, text + from, 27 - from);
    at += 27 - from;
    if (end > 27) {
        to[at++] = '.';
        memcpy(to + at, text + 27, end - 27);
        at += end - 27;
    }
    return at;
}

/* Text of a number, time, span, guid or decimal; 0 for the other types. */
static size_t json_scalar_text(char *to, hi_dyn v)
{
    uint8_t guid[16];

    switch (hi_dyn_tag_of(v)) {
    case HI_DYN_INT:
    case HI_DYN_LONG:
        return hi_num_print_i64(to, hi_dyn_i64(v));
    case HI_DYN_REAL:
        return hi_num_print_double(to, hi_dyn_real(v));
    case HI_DYN_DATETIME:
        return hi_time_print(to, hi_dyn_i64(v), HI_TIME_KQL);
    case HI_DYN_TIMESPAN:
        return hi_span_print(to, hi_dyn_i64(v));
    case HI_DYN_DECIMAL:
        return hi_decimal_print(to, hi_dyn_decimal(v));
    case HI_DYN_GUID:
        hi_dyn_guid(v, guid);
        hi_guid_print(to, guid);
        return 36;
    default:
        return 0;
    }
}

static void json_put_text(hi_buf *to, const char *text)
{
    hi_buf_append(to, text, strlen(text));
}

static void json_put_real(hi_buf *to, double v)
{
    char text[HI_NUM_DOUBLE_SIZE];

    if (isnan(v)) {
        json_put_text(to, "\"NaN\"");
    } else if (isinf(v)) {
        json_put_text(to, v > 0 ? "\"Infinity\"" : "\"-Infinity\"");
    } else {
        hi_buf_append(to, text, hi_num_print_double(text, v));
    }
}

static void json_put(hi_buf *to, hi_dyn v, int levels);

static void json_put_container(hi_buf *to, hi_dyn v, int levels)
{
    hi_dyn_iter it = hi_dyn_iter_of(v);
    const bool bag = it.bag;
    bool first = true;

    if (levels == 0) {
        json_put_text(to, "null");
        return;
    }
    hi_buf_byte(to, bag ? '{' : '[');
    while (hi_dyn_next(&it)) {
        if (!first) {
            hi_buf_byte(to, ',');
        }
        first = false;
        if (bag) {
            hi_json_string(to, it.key.data, it.key.size);
            hi_buf_byte(to, ':');
        }
        json_put(to, it.value, levels - 1);
    }
    hi_buf_byte(to, bag ? '}' : ']');
}

static void json_put(hi_buf *to, hi_dyn v, int levels)
{
    char text[HI_DECIMAL_SIZE];
    const hi_dyn_tag tag = hi_dyn_tag_of(v);

    switch (tag) {
    case HI_DYN_NULL:
        json_put_text(to, "null");
        break;
    case HI_DYN_TRUE:
        json_put_text(to, "true");
        break;
    case HI_DYN_FALSE:
        json_put_text(to, "false");
        break;
    case HI_DYN_REAL:
        json_put_real(to, hi_dyn_real(v));
        break;
    case HI_DYN_STRING:
        hi_json_string(to, hi_dyn_str(v).data, hi_dyn_str(v).size);
        break;
    case HI_DYN_ARRAY:
    case HI_DYN_BAG:
        json_put_container(to, v, levels);
        break;
    case HI_DYN_INT:
    case HI_DYN_LONG:
    case HI_DYN_DECIMAL:
        hi_buf_append(to, text, json_scalar_text(text, v));
        break;
    default:
        hi_json_string(to, text, json_scalar_text(text, v));
        break;
    }
}

void hi_dyn_to_json(hi_buf *to, hi_dyn v)
{
    json_put(to, v, HIST_DYNAMIC_DEPTH_MAX);
}

void hi_dyn_to_text(hi_buf *to, hi_dyn v)
{
    char text[HI_DECIMAL_SIZE];

    switch (hi_dyn_tag_of(v)) {
    case HI_DYN_NULL:
        break;
    case HI_DYN_TRUE:
        json_put_text(to, "True");
        break;
    case HI_DYN_FALSE:
        json_put_text(to, "False");
        break;
    case HI_DYN_STRING:
        hi_buf_append(to, hi_dyn_str(v).data, hi_dyn_str(v).size);
        break;
    case HI_DYN_ARRAY:
    case HI_DYN_BAG:
        hi_dyn_to_json(to, v);
        break;
    default:
        hi_buf_append(to, text, json_scalar_text(text, v));
        break;
    }
}
