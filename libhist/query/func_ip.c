/* func_ip.c -- IPv4 addresses and networks as text ("10.1.2.3", "10.1.0.0/16"). */
#include <string.h>

#include "query/eval.h"

/* Reads "a.b.c.d[/n]"; false: no address. *bits is 32 without a prefix. */
static bool ip_parse(hist_str s, uint32_t *address, int64_t *bits)
{
    uint32_t value = 0;
    size_t at = 0;

    for (int part = 0; part < 4; part++) {
        uint32_t n = 0;
        const size_t start = at;

        while (at < s.size && s.data[at] >= '0' && s.data[at] <= '9' && at - start < 3) {
            n = n * 10 + (uint32_t)(s.data[at++] - '0');
        }
        if (at == start || n > 255 || (part < 3 && (at == s.size || s.data[at] != '.'))) {
            return false;
        }
        value = value << 8 | n;
        at += part < 3 ? 1 : 0;
    }
    *address = value;
    *bits = 32;
    if (at == s.size) {
        return true;
    }
    if (s.data[at++] != '/' || at == s.size || s.size - at > 2) {
        return false;
    }
    *bits = 0;
    for (; at < s.size; at++) {
        if (s.data[at] < '0' || s.data[at] > '9') {
            return false;
        }
        *bits = *bits * 10 + (s.data[at] - '0');
    }
    return *bits <= 32;
}

static uint32_t ip_mask(int64_t bits)
{
    return bits <= 0 ? 0 : bits >= 32 ? UINT32_MAX : UINT32_MAX << (32 - bits);
}

static int64_t ip_least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static void ip_put(hi_buf *buf, uint32_t v)
{
    hi_buf_printf(buf, "%u.%u.%u.%u", v >> 24, v >> 16 & 255, v >> 8 & 255, v & 255);
}

/* parse_ipv4(text): the network address as a number. */
static void ip_row_parse(hi_row *r)
{
    uint32_t v;
    int64_t bits;

    if (ip_parse(hi_row_str(r, 0), &v, &bits)) {
        hi_cb_i64(r->out, v & ip_mask(bits));
    }
}

static void ip_row_parse_mask(hi_row *r)
{
    uint32_t v;
    int64_t bits;

    if (ip_parse(hi_row_str(r, 0), &v, &bits)) {
        hi_cb_i64(r->out, v & ip_mask(ip_least(bits, hi_row_i64(r, 1))));
    }
}

/* ipv4_compare(a, b[, prefix]); data: ipv4_is_match. */
static void ip_row_compare(hi_row *r)
{
    uint32_t a;
    uint32_t b;
    int64_t bits_a;
    int64_t bits_b;

    if (!ip_parse(hi_row_str(r, 0), &a, &bits_a) || !ip_parse(hi_row_str(r, 1), &b, &bits_b)) {
        return;
    }
    const uint32_t mask = ip_mask(ip_least(ip_least(bits_a, bits_b), hi_row_i64_or(r, 2, 32)));
    a &= mask;
    b &= mask;
    hi_cb_i64(r->out, r->data != NULL ? a == b : (a > b) - (a < b));
}

static bool ip_in(uint32_t v, hist_str range, bool *known)
{
    uint32_t net;
    int64_t bits;

    *known = ip_parse(range, &net, &bits);
    return *known && (v & ip_mask(bits)) == (net & ip_mask(bits));
}

static void ip_row_in_range(hi_row *r)
{
    uint32_t v;
    int64_t bits;
    bool known;

    if (ip_parse(hi_row_str(r, 0), &v, &bits)) {
        const bool is = ip_in(v, hi_row_str(r, 1), &known);

        if (known) {
            hi_cb_i64(r->out, is);
        }
    }
}

static void ip_row_in_any(hi_row *r)
{
    uint32_t v;
    int64_t bits;
    bool is = false;
    bool known;

    if (!ip_parse(hi_row_str(r, 0), &v, &bits)) {
        return;
    }
    for (uint32_t i = 1; i < r->arg_count; i++) {
        if (r->args[i].type == HIST_TYPE_STRING) {
            is |= ip_in(v, hi_row_str(r, i), &known);
            continue;
        }
        hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, i));
        while (hi_dyn_next(&it)) {
            is |= ip_in(v, hi_dyn_str(it.value), &known);
        }
    }
    hi_cb_i64(r->out, is);
}

static void ip_row_private(hi_row *r)
{
    static const char *const nets[] = {"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"};
    uint32_t v;
    int64_t bits;
    bool is = false;
    bool known;

    if (!ip_parse(hi_row_str(r, 0), &v, &bits)) {
        return;
    }
    for (size_t i = 0; i < 3; i++) {
        is |= ip_in(v & ip_mask(bits), (hist_str){nets[i], strlen(nets[i])}, &known);
    }
    hi_cb_i64(r->out, is);
}

static void ip_row_suffix(hi_row *r)
{
    uint32_t v;
    int64_t bits;

    if (ip_parse(hi_row_str(r, 0), &v, &bits)) {
        hi_cb_i64(r->out, bits);
    }
}

/* format_ipv4(text or number[, prefix]); data: with "/prefix". */
static void ip_row_format(hi_row *r)
{
    const hi_value *a = &r->args[0];
    uint32_t v = 0;
    int64_t bits = 32;

    if (a->type == HIST_TYPE_STRING) {
        if (!ip_parse(a->str, &v, &bits)) {
            hi_cb_str(r->out, "", 0);
            return;
        }
    } else if (a->i64 < 0 || a->i64 > UINT32_MAX) {
        hi_cb_str(r->out, "", 0);
        return;
    } else {
        v = (uint32_t)a->i64;
    }
    const int64_t wanted = hi_row_i64_or(r, 1, 32);
    if (wanted < 0 || wanted > 32) {
        hi_cb_str(r->out, "", 0);
        return;
    }
    bits = ip_least(bits, wanted);
    (void)hi_cb_begin(r->out);
    ip_put(r->out->buf, v & ip_mask(bits));
    if (r->data != NULL) {
        hi_buf_printf(r->out->buf, "/%d", (int)bits);
    }
    hi_cb_end(r->out);
}

static hist_status ip_bind_format(hi_bind_call *c)
{
    if (c->args[0]->type != HIST_TYPE_STRING) {
        HI_TRY(hi_bind_arg(c, 0, 'l'));
    }
    if (c->arg_count > 1) {
        HI_TRY(hi_bind_arg(c, 1, 'l'));
    }
    c->type = HIST_TYPE_STRING;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

/* ---- addresses in a text ---- */

static bool ip_is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.';
}

/* Whether the text has the address (prefix: an address that begins so), not inside of a longer word. */
static bool ip_text_has(hist_str s, hist_str what, bool prefix)
{
    for (size_t i = 0; what.size != 0 && i + what.size <= s.size; i++) {
        const size_t end = i + what.size;
        const bool left = i == 0 || !ip_is_word(s.data[i - 1]);
        const bool right = prefix || end == s.size || !ip_is_word(s.data[end]);

        if (left && right && memcmp(s.data + i, what.data, what.size) == 0) {
            return true;
        }
    }
    return false;
}

static bool ip_wanted_ok(hist_str what, bool prefix)
{
    uint32_t v = 0;
    int64_t bits = 0;

    return prefix ? what.size != 0 : ip_parse(what, &v, &bits) && bits == 32;
}

/* data: prefix */
static void ip_row_has(hi_row *r)
{
    const bool prefix = r->data != NULL;
    const hist_str s = hi_row_str(r, 0);
    bool is = false;

    for (uint32_t i = 1; i < r->arg_count; i++) {
        if (r->args[i].type == HIST_TYPE_STRING) {
            const hist_str what = hi_row_str(r, i);

            is |= ip_wanted_ok(what, prefix) && ip_text_has(s, what, prefix);
            continue;
        }
        hi_dyn_iter it = hi_dyn_iter_of(hi_row_dyn(r, i));
        while (hi_dyn_next(&it)) {
            const hist_str what = hi_dyn_str(it.value);

            is |= ip_wanted_ok(what, prefix) && ip_text_has(s, what, prefix);
        }
    }
    hi_cb_i64(r->out, is);
}

static const hi_func ip_funcs[] = {
    {.name = "parse_ipv4", .signature = "s>l", .row = ip_row_parse},
    {.name = "parse_ipv4_mask", .signature = "sl>l", .row = ip_row_parse_mask},
    {.name = "ipv4_compare", .signature = "ss|l>l", .row = ip_row_compare},
    {.name = "ipv4_is_match", .signature = "ss|l>b", .row = ip_row_compare, .data = "match"},
    {.name = "ipv4_is_in_range", .signature = "ss>b", .row = ip_row_in_range},
    {.name = "ipv4_is_in_any_range", .signature = "sa*>b", .row = ip_row_in_any},
    {.name = "ipv4_is_private", .signature = "s>b", .row = ip_row_private},
    {.name = "ipv4_netmask_suffix", .signature = "s>l", .row = ip_row_suffix},
    {.name = "format_ipv4", .signature = "a|l", .bind = ip_bind_format, .row = ip_row_format},
    {.name = "format_ipv4_mask",
     .signature = "a|l",
     .bind = ip_bind_format,
     .row = ip_row_format,
     .data = "mask"},
    {.name = "has_ipv4", .signature = "ss>b", .row = ip_row_has},
    {.name = "has_ipv4_prefix", .signature = "ss>b", .row = ip_row_has, .data = "prefix"},
    {.name = "has_any_ipv4", .signature = "sa*>b", .row = ip_row_has},
    {.name = "has_any_ipv4_prefix", .signature = "sa*>b", .row = ip_row_has, .data = "prefix"},
};

const hi_func_table hi_funcs_ip = HI_FUNC_TABLE(ip_funcs);
