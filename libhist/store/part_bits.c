/* part_bits.c -- lines of numbers in few bits; see part_bits.h. */
#include "store/part_bits.h"

#include <assert.h>

enum { LINE_WIDTH_LONGEST = (1 << HI_LINE_WIDTH_BITS) - 1 }; /* Stands for 64. */

hi_line_writer hi_lines_begin(hi_buf *to)
{
    return (hi_line_writer){.to = to, .start = to->size};
}

void hi_line_bits(hi_line_writer *w, uint64_t v, unsigned count)
{
    if (hi_buf_reserve(w->to, sizeof(v) + 1) != NULL) {
        hi_bit_writer bits = {(uint8_t *)w->to->data + w->start, w->bits};

        hi_put_bits(&bits, v, count);
        w->bits = bits.bits;
        w->to->size = w->start + hi_bits_bytes(&bits);
    }
}

static unsigned line_width(const uint64_t *numbers, uint32_t count)
{
    uint64_t all = 0;

    for (uint32_t i = 0; i < count; i++) {
        all |= numbers[i];
    }
    const unsigned width = all == 0 ? 0 : 64 - (unsigned)__builtin_clzll(all);
    return width < LINE_WIDTH_LONGEST ? width : 64;
}

static uint32_t line_cut(uint32_t count)
{
    return count < HI_LINE_NUMBERS ? count : HI_LINE_NUMBERS;
}

void hi_line_put(hi_line_writer *w, const uint64_t *numbers, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += HI_LINE_NUMBERS) {
        const uint32_t here = line_cut(count - at);
        const unsigned width = line_width(numbers + at, here);

        hi_line_bits(w, width < LINE_WIDTH_LONGEST ? width : LINE_WIDTH_LONGEST,
                     HI_LINE_WIDTH_BITS);
        for (uint32_t i = 0; width > 0 && i < here; i++) {
            hi_line_bits(w, numbers[at + i], width);
        }
    }
}

size_t hi_line_cost(const uint64_t *numbers, uint32_t count)
{
    size_t bits = 0;

    for (uint32_t at = 0; at < count; at += HI_LINE_NUMBERS) {
        const uint32_t here = line_cut(count - at);

        bits += HI_LINE_WIDTH_BITS + (size_t)here * line_width(numbers + at, here);
    }
    return bits;
}

/* Up to here a number lies in the eight bytes that begin with its first bit. */
enum { LINE_WIDTH_AT_ONCE = 57 };

static void line_unpack(hi_bit_reader *r, unsigned width, uint64_t *numbers, uint32_t count)
{
    const uint64_t mask = (UINT64_C(1) << (width & 63)) - 1;
    uint32_t i = 0;

    while (width <= LINE_WIDTH_AT_ONCE && i < count && r->size - r->bit / 8 >= sizeof(uint64_t)) {
        numbers[i++] = hi_get_u64(r->data + r->bit / 8) >> (r->bit & 7) & mask;
        r->bit += width;
    }
    for (; i < count; i++) {
        numbers[i] = hi_get_bits(r, width);
    }
}

void hi_line_get(hi_bit_reader *r, uint64_t *numbers, uint32_t count)
{
    for (uint32_t at = 0; at < count; at += HI_LINE_NUMBERS) {
        const uint32_t here = line_cut(count - at);
        const unsigned code = (unsigned)hi_get_bits(r, HI_LINE_WIDTH_BITS);
        const unsigned width = code < LINE_WIDTH_LONGEST ? code : 64;

        if (r->failed || (uint64_t)width * here > r->size * 8 - r->bit || width == 0) {
            r->failed |= width != 0;
            memset(numbers + at, 0, here * sizeof(*numbers));
        } else {
            line_unpack(r, width, numbers + at, here);
        }
    }
}

#define TENS_4(v) (v), (v)*10, (v)*100, (v)*1000

static const int64_t tens[HI_TENS_MAX + 1] = {
    TENS_4(INT64_C(1)),           TENS_4(INT64_C(10000)),
    TENS_4(INT64_C(100000000)),   TENS_4(INT64_C(1000000000000)),
    INT64_C(10000000000000000),   INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

int64_t hi_tens(unsigned power)
{
    assert(power <= HI_TENS_MAX);
    return tens[power];
}

unsigned hi_tens_of(int64_t v, unsigned power)
{
    while (power > 0 && v % hi_tens(power) != 0) {
        power--;
    }
    return power;
}
