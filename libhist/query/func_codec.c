/* func_codec.c -- base64, URLs, hashes: text to other text. */
#include <string.h>

#include "base/hash.h"
#include "base/num.h"
#include "base/timefmt.h"
#include "query/digest.h"
#include "query/eval.h"

/* ---- base64 ---- */

static const char codec_base64[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static void codec_put_base64(hi_buf *buf, const uint8_t *p, size_t size)
{
    for (size_t i = 0; i < size; i += 3) {
        const uint32_t b1 = i + 1 < size ? p[i + 1] : 0;
        const uint32_t b2 = i + 2 < size ? p[i + 2] : 0;
        const uint32_t v = (uint32_t)p[i] << 16 | b1 << 8 | b2;

        hi_buf_byte(buf, (uint8_t)codec_base64[v >> 18]);
        hi_buf_byte(buf, (uint8_t)codec_base64[v >> 12 & 63]);
        hi_buf_byte(buf, (uint8_t)(i + 1 < size ? codec_base64[v >> 6 & 63] : '='));
        hi_buf_byte(buf, (uint8_t)(i + 2 < size ? codec_base64[v & 63] : '='));
    }
}

/* Appends the bytes; false: no base64. */
static bool codec_get_base64(hi_buf *buf, hist_str s)
{
    uint32_t v = 0;
    int bits = 0;

    while (s.size != 0 && s.data[s.size - 1] == '=') {
        s.size--;
    }
    for (size_t i = 0; i < s.size; i++) {
        const char *at = memchr(codec_base64, s.data[i], 64);

        if (at == NULL) {
            return false;
        }
        v = v << 6 | (uint32_t)(at - codec_base64);
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            hi_buf_byte(buf, (uint8_t)(v >> bits));
        }
    }
    return s.size % 4 != 1;
}

static void codec_row_encode(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);

    (void)hi_cb_begin(r->out);
    codec_put_base64(r->out->buf, (const uint8_t *)s.data, s.size);
    hi_cb_end(r->out);
}

static void codec_row_decode(hi_row *r)
{
    hi_buf *bytes = hi_eval_scratch(r->ev);

    if (!codec_get_base64(bytes, hi_row_str(r, 0)) ||
        hi_utf8_valid(bytes->data != NULL ? bytes->data : "", bytes->size) != bytes->size) {
        hi_cb_str(r->out, "", 0);
        return;
    }
    hi_cb_str(r->out, bytes->data != NULL ? bytes->data : "", bytes->size);
}

static void codec_row_decode_array(hi_row *r)
{
    hi_buf *bytes = hi_eval_scratch(r->ev);

    if (!codec_get_base64(bytes, hi_row_str(r, 0))) {
        return;
    }
    hi_dyn_writer *w = hi_cb_begin(r->out);
    hi_dyn_begin_array(w);
    for (size_t i = 0; i < bytes->size; i++) {
        hi_dyn_put_long(w, (uint8_t)bytes->data[i]);
    }
    hi_dyn_end_array(w);
    hi_cb_end(r->out);
}

static void codec_row_encode_array(hi_row *r)
{
    hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, 0));
    hi_buf *bytes = hi_eval_scratch(r->ev);

    while (hi_dyn_next(&it)) {
        hi_buf_byte(bytes, (uint8_t)hi_dyn_i64(it.value));
    }
    (void)hi_cb_begin(r->out);
    codec_put_base64(r->out->buf, (const uint8_t *)bytes->data, bytes->size);
    hi_cb_end(r->out);
}

/* The first three groups of a guid are little-endian in its bytes. */
static void codec_swap_guid(uint8_t g[16])
{
    static const uint8_t order[16] = {3, 2, 1, 0, 5, 4, 7, 6, 8, 9, 10, 11, 12, 13, 14, 15};
    uint8_t copy[16];

    memcpy(copy, g, 16);
    for (int i = 0; i < 16; i++) {
        g[i] = copy[order[i]];
    }
}

static void codec_row_encode_guid(hi_row *r)
{
    uint8_t g[16];

    memcpy(g, r->args[0].guid, 16);
    codec_swap_guid(g);
    (void)hi_cb_begin(r->out);
    codec_put_base64(r->out->buf, g, 16);
    hi_cb_end(r->out);
}

static void codec_row_decode_guid(hi_row *r)
{
    hi_buf *bytes = hi_eval_scratch(r->ev);
    uint8_t g[16];

    if (!codec_get_base64(bytes, hi_row_str(r, 0)) || bytes->size != 16) {
        return;
    }
    memcpy(g, bytes->data, 16);
    codec_swap_guid(g);
    hi_cb_16(r->out, g);
}

/* ---- URLs ---- */

static bool codec_is_plain(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("-_.!*()", c) != NULL);
}

/* data: a blank becomes '+'. */
static void codec_row_url_encode(hi_row *r)
{
    static const char hex[] = "0123456789abcdef";
    const hist_str s = hi_row_str(r, 0);

    (void)hi_cb_begin(r->out);
    for (size_t i = 0; i < s.size; i++) {
        const uint8_t c = (uint8_t)s.data[i];

        if (codec_is_plain((char)c)) {
            hi_buf_byte(r->out->buf, c);
        } else if (c == ' ' && r->data != NULL) {
            hi_buf_byte(r->out->buf, '+');
        } else {
            hi_buf_byte(r->out->buf, '%');
            hi_buf_byte(r->out->buf, (uint8_t)hex[c >> 4]);
            hi_buf_byte(r->out->buf, (uint8_t)hex[c & 15]);
        }
    }
    hi_cb_end(r->out);
}

static int codec_hex(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void codec_row_url_decode(hi_row *r)
{
    const hist_str s = hi_row_str(r, 0);
    hi_buf *text = hi_eval_scratch(r->ev);

    for (size_t i = 0; i < s.size; i++) {
        const int high = s.data[i] == '%' && i + 2 < s.size ? codec_hex(s.data[i + 1]) : -1;
        const int low = high >= 0 ? codec_hex(s.data[i + 2]) : -1;

        if (low >= 0) {
            hi_buf_byte(text, (uint8_t)(high * 16 + low));
            i += 2;
        } else {
            hi_buf_byte(text, (uint8_t)(s.data[i] == '+' ? ' ' : s.data[i]));
        }
    }
    const char *data = text->data != NULL ? text->data : "";
    if (hi_utf8_valid(data, text->size) != text->size) {
        hi_cb_str(r->out, s.data, s.size);
        return;
    }
    hi_cb_str(r->out, data, text->size);
}

/* ---- hashes ---- */

/* XXH64 of the text, or of the eight bytes of the number. */
static uint64_t codec_hash(hi_row *r, const hi_value *v)
{
    int64_t bits = v->i64;

    if (v->null) {
        return hi_hash_xxh64("", 0, 0);
    }
    switch (v->type) {
    case HIST_TYPE_STRING:
        return hi_hash_xxh64(v->str.data, v->str.size, 0);
    case HIST_TYPE_DATETIME:
        bits = hi_ticks_of(v->i64);
        break;
    case HIST_TYPE_TIMESPAN:
        bits = v->i64 / HI_NS_PER_TICK;
        break;
    case HIST_TYPE_REAL:
        memcpy(&bits, &v->real, 8);
        break;
    case HIST_TYPE_GUID:
        return hi_hash_xxh64(v->guid, 16, 0);
    case HIST_TYPE_DECIMAL:
        return hi_hash_xxh64(&v->decimal, 16, 0);
    case HIST_TYPE_DYNAMIC: {
        hi_buf *text = hi_eval_scratch(r->ev);

        hi_value_print(text, v);
        return hi_hash_xxh64(text->data != NULL ? text->data : "", text->size, 0);
    }
    default:
        break;
    }
    return hi_hash_xxh64(&bits, 8, 0);
}

/* hash(x[, mod]) */
static void codec_row_hash(hi_row *r)
{
    const uint64_t h = codec_hash(r, &r->args[0]);

    if (r->arg_count == 1) {
        hi_cb_i64(r->out, (int64_t)h);
    } else if (hi_row_has(r, 1) && hi_row_i64(r, 1) > 0) {
        hi_cb_i64(r->out, (int64_t)(h % (uint64_t)hi_row_i64(r, 1)));
    }
}

/* hash_combine(h1, h2, ...) of hashes, hash_many(a, b, ...) (data) of values. */
static void codec_row_combine(hi_row *r)
{
    uint64_t both[2] = {0, 0};

    for (uint32_t i = 0; i < r->arg_count; i++) {
        both[1] = r->data != NULL ? codec_hash(r, &r->args[i]) : (uint64_t)r->args[i].i64;
        both[0] = i == 0 ? both[1] : hi_hash_xxh64(both, sizeof(both), 0);
    }
    hi_cb_i64(r->out, (int64_t)both[0]);
}

static void codec_row_digest(hi_row *r)
{
    static const char hex[] = "0123456789abcdef";
    const hi_digest *kind = r->data;
    hi_buf *text = hi_eval_scratch(r->ev);
    uint8_t digest[HI_DIGEST_MAX];

    hi_value_print(text, &r->args[0]);
    const size_t n = hi_digest_of(*kind, text->data != NULL ? text->data : "", text->size, digest);
    (void)hi_cb_begin(r->out);
    for (size_t i = 0; i < n; i++) {
        hi_buf_byte(r->out->buf, (uint8_t)hex[digest[i] >> 4]);
        hi_buf_byte(r->out->buf, (uint8_t)hex[digest[i] & 15]);
    }
    hi_cb_end(r->out);
}

static const hi_digest codec_md5 = HI_DIGEST_MD5;
static const hi_digest codec_sha1 = HI_DIGEST_SHA1;
static const hi_digest codec_sha256 = HI_DIGEST_SHA256;

static const hi_func codec_funcs[] = {
    {.name = "base64_encode_tostring", .signature = "s>s", .row = codec_row_encode},
    {.name = "base64_encodestring", .signature = "s>s", .row = codec_row_encode},
    {.name = "base64_decode_tostring", .signature = "s>s", .row = codec_row_decode},
    {.name = "base64_decodestring", .signature = "s>s", .row = codec_row_decode},
    {.name = "base64_decode_toarray", .signature = "s>y", .row = codec_row_decode_array},
    {.name = "base64_encode_fromarray", .signature = "y>s", .row = codec_row_encode_array},
    {.name = "base64_encode_fromguid", .signature = "g>s", .row = codec_row_encode_guid},
    {.name = "base64_decode_toguid", .signature = "s>g", .row = codec_row_decode_guid},
    {.name = "url_encode", .signature = "s>s", .row = codec_row_url_encode, .data = "+"},
    {.name = "url_encode_component", .signature = "s>s", .row = codec_row_url_encode},
    {.name = "url_decode", .signature = "s>s", .row = codec_row_url_decode},
    {.name = "hash", .signature = "a|l>l", .row = codec_row_hash, .flags = HI_FUNC_NULLS},
    {.name = "hash_xxhash64", .signature = "a|l>l", .row = codec_row_hash, .flags = HI_FUNC_NULLS},
    {.name = "hash_combine", .signature = "ll*>l", .row = codec_row_combine},
    {.name = "hash_many",
     .signature = "aa*>l",
     .row = codec_row_combine,
     .data = "many",
     .flags = HI_FUNC_NULLS},
    {.name = "hash_md5", .signature = "a>s", .row = codec_row_digest, .data = &codec_md5},
    {.name = "hash_sha1", .signature = "a>s", .row = codec_row_digest, .data = &codec_sha1},
    {.name = "hash_sha256", .signature = "a>s", .row = codec_row_digest, .data = &codec_sha256},
};

const hi_func_table hi_funcs_codec = HI_FUNC_TABLE(codec_funcs);
