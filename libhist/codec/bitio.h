/* bitio.h -- numbers of a few bits in bytes, lowest bit first, for heads of cold streams. */
#ifndef HI_CODEC_BITIO_H
#define HI_CODEC_BITIO_H

#include "base/bytes.h"

typedef struct hi_bit_writer {
    uint8_t *to; /* Room is the caller's business. NULL: bits are only counted. */
    size_t bits;
} hi_bit_writer;

/* The low `count` (0 to 64) bits of v. */
static inline void hi_put_bits(hi_bit_writer *w, uint64_t v, unsigned count)
{
    if (w->to == NULL) {
        w->bits += count;
        return;
    }
    while (count > 0) {
        const unsigned at = w->bits & 7;
        const unsigned take = 8 - at < count ? 8 - at : count;
        uint8_t *byte = w->to + w->bits / 8;

        *byte = (uint8_t)((at == 0 ? 0U : *byte) | ((v & ((1U << take) - 1)) << at));
        v >>= take;
        w->bits += take;
        count -= take;
    }
}

static inline size_t hi_bits_bytes(const hi_bit_writer *w)
{
    return (w->bits + 7) / 8;
}

/* A cursor over untrusted bytes. Past the end it sets failed and gives zeroes. */
typedef struct hi_bit_reader {
    const uint8_t *data;
    size_t size;
    size_t bit;
    bool failed;
} hi_bit_reader;

enum { HI_BITS_AT_ONCE = 57 }; /* So many are in eight bytes wherever they begin in the first. */

static inline uint64_t hi_get_bits(hi_bit_reader *r, unsigned count)
{
    uint64_t v = 0;

    if (!r->failed && count <= HI_BITS_AT_ONCE && r->size - r->bit / 8 >= sizeof(v)) {
        v = hi_get_u64(r->data + r->bit / 8) >> (r->bit & 7) & ((UINT64_C(1) << count) - 1);
        r->bit += count;
        return v;
    }
    if (r->failed || count > r->size * 8 - r->bit) {
        r->failed = true;
        return 0;
    }
    for (unsigned have = 0; have < count;) {
        const unsigned at = r->bit & 7;
        const unsigned take = 8 - at < count - have ? 8 - at : count - have;

        v |= ((uint64_t)r->data[r->bit / 8] >> at & ((1U << take) - 1)) << have;
        have += take;
        r->bit += take;
    }
    return v;
}

/* The next HI_BITS_AT_ONCE bits and maybe more, without taking them; zeroes past the end. */
static inline uint64_t hi_peek_bits(const hi_bit_reader *r)
{
    const size_t byte = r->bit / 8;
    uint8_t last[8] = {0};

    if (r->size - byte >= sizeof(last)) {
        return hi_get_u64(r->data + byte) >> (r->bit & 7);
    }
    memcpy(last, r->data + byte, r->size - byte);
    return hi_get_u64(last) >> (r->bit & 7);
}

static inline void hi_skip_bits(hi_bit_reader *r, size_t count)
{
    if (r->failed || count > r->size * 8 - r->bit) {
        r->failed = true;
    } else {
        r->bit += count;
    }
}

/* Bits from where a byte reader stands; hi_bits_end() moves it behind the last byte begun. */
static inline hi_bit_reader hi_bits_begin(const hi_reader *r)
{
    return (hi_bit_reader){r->data + r->at, r->failed ? 0 : hi_reader_left(r), 0, r->failed};
}

static inline void hi_bits_end(hi_reader *r, const hi_bit_reader *bits)
{
    r->failed |= bits->failed;
    (void)hi_read_bytes(r, (bits->bit + 7) / 8);
}

#endif
