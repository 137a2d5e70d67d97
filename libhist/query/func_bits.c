/* func_bits.c -- bits of integers: binary_and and kin, tohex. */
#include <string.h>

#include "query/eval.h"

static void bits_row_binary(hi_row *r)
{
    const uint64_t a = (uint64_t)hi_row_i64(r, 0);
    const uint64_t b = (uint64_t)hi_row_i64(r, 1);

    switch (*(const char *)r->data) {
    case '&':
        hi_cb_i64(r->out, (int64_t)(a & b));
        break;
    case '|':
        hi_cb_i64(r->out, (int64_t)(a | b));
        break;
    case '^':
        hi_cb_i64(r->out, (int64_t)(a ^ b));
        break;
    case '<':
        hi_cb_i64(r->out, (int64_t)(a << (b % 64)));
        break;
    default:
        hi_cb_i64(r->out, (int64_t)a >> (b % 64));
        break;
    }
}

static void bits_row_not(hi_row *r)
{
    hi_cb_i64(r->out, ~hi_row_i64(r, 0));
}

static void bits_row_count(hi_row *r)
{
    hi_cb_i64(r->out, __builtin_popcountll((unsigned long long)hi_row_i64(r, 0)));
}

/* tohex(value[, least digits]) */
static void bits_row_tohex(hi_row *r)
{
    static const char hex[] = "0123456789abcdef";
    uint64_t v = (uint64_t)hi_row_i64(r, 0);
    const int64_t least = hi_row_i64_or(r, 1, 1);
    char text[16];
    int n = 0;

    do {
        text[15 - n++] = hex[v & 15];
        v >>= 4;
    } while (v != 0);
    (void)hi_cb_begin(r->out);
    for (int64_t i = n; i < least && i < 256; i++) {
        hi_buf_byte(r->out->buf, '0');
    }
    hi_buf_append(r->out->buf, text + 16 - n, (size_t)n);
    hi_cb_end(r->out);
}

static const hi_func bits_funcs[] = {
    {.name = "binary_and",
     .signature = "ll>l",
     .row = bits_row_binary,
     .data = "&",
     .flags = HI_FUNC_NAME_ARG},
    {.name = "binary_or",
     .signature = "ll>l",
     .row = bits_row_binary,
     .data = "|",
     .flags = HI_FUNC_NAME_ARG},
    {.name = "binary_xor",
     .signature = "ll>l",
     .row = bits_row_binary,
     .data = "^",
     .flags = HI_FUNC_NAME_ARG},
    {.name = "binary_shift_left",
     .signature = "ll>l",
     .row = bits_row_binary,
     .data = "<",
     .flags = HI_FUNC_NAME_ARG},
    {.name = "binary_shift_right",
     .signature = "ll>l",
     .row = bits_row_binary,
     .data = ">",
     .flags = HI_FUNC_NAME_ARG},
    {.name = "binary_not", .signature = "l>l", .row = bits_row_not, .flags = HI_FUNC_NAME_ARG},
    {.name = "bitset_count_ones", .signature = "l>l", .row = bits_row_count},
    {.name = "tohex", .signature = "l|l>s", .row = bits_row_tohex, .flags = HI_FUNC_NAME_ARG},
};

const hi_func_table hi_funcs_bits = HI_FUNC_TABLE(bits_funcs);
