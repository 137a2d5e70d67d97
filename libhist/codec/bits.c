/* bits.c -- booleans and validity: constant, runs, or the bitmap itself. */
#include "codec/body.h"

/* Bits that differ from the one before, in word w of `words`; bit 0 of the first word is none. */
static uint64_t bits_changes(const uint64_t *words, uint32_t w)
{
    const uint64_t before = w == 0 ? words[0] & 1 : words[w - 1] >> 63;

    return words[w] ^ ((words[w] << 1) | before);
}

static uint64_t bits_tail_mask(uint32_t count)
{
    return (count & 63) == 0 ? ~UINT64_C(0) : (UINT64_C(1) << (count & 63)) - 1;
}

/* Changes as positions; returns how many. The last word's bits beyond count are no changes. */
static uint32_t bits_find_changes(const uint64_t *words, uint32_t count, uint64_t *places)
{
    const uint32_t word_count = (count + 63) / 64;
    uint32_t found = 0;

    for (uint32_t w = 0; w < word_count; w++) {
        uint64_t changes = bits_changes(words, w);

        if (w + 1 == word_count) {
            changes &= bits_tail_mask(count);
        }
        for (; changes != 0; changes &= changes - 1) {
            places[found++] = (uint64_t)w * 64 + (unsigned)__builtin_ctzll(changes);
        }
    }
    return found;
}

static size_t bits_encode_runs(const hi_codec_kernels *kern, hi_body_scratch *scratch, bool first,
                               uint32_t changes, uint32_t count, uint8_t *to)
{
    uint64_t start = 0;

    for (uint32_t i = 0; i < changes; i++) {
        const uint64_t end = scratch->run_lengths[i];
        scratch->run_lengths[i] = end - start - 1;
        start = end;
    }
    scratch->run_lengths[changes] = count - start - 1;
    const size_t at = hi_put_varint(to, (uint64_t)(changes + 1) << 1 | (first ? 1 : 0));
    return at + hi_stream_encode(kern, &scratch->ints.warm, scratch->run_lengths, changes + 1,
                                 false, to + at);
}

hi_body hi_bits_encode(const hi_codec_kernels *kern, hi_body_scratch *scratch,
                       const uint64_t *words, uint32_t count, uint8_t *to)
{
    const uint32_t changes = bits_find_changes(words, count, scratch->run_lengths);
    const size_t bitmap = (count + 7) / 8;

    if (changes == 0) {
        to[0] = words[0] & 1;
        return (hi_body){HI_ENC_CONST, 1};
    }
    if (changes < count / 4) {
        const size_t runs = bits_encode_runs(kern, scratch, words[0] & 1, changes, count, to);

        if (runs < bitmap) {
            return (hi_body){HI_ENC_RLE, runs};
        }
    }
    hi_put_le64s(to, words, bitmap);
    return (hi_body){HI_ENC_BITMAP, bitmap};
}

/* Sets bits [from, to) of zeroed words. */
static void bits_set(uint64_t *words, uint32_t from, uint32_t to)
{
    while (from < to) {
        const uint32_t end = (from | 63) + 1 < to ? (from | 63) + 1 : to;
        const uint64_t ones = end - from == 64 ? ~UINT64_C(0) : (UINT64_C(1) << (end - from)) - 1;

        words[from / 64] |= ones << (from & 63);
        from = end;
    }
}

static hist_status bits_read_runs(const hi_codec_kernels *kern, hi_reader *r, uint32_t count,
                                  uint64_t *out)
{
    uint64_t lengths[HI_VECTOR_ROWS];
    hi_stream_view view;
    uint32_t at = 0;
    const uint64_t head = hi_read_varint(r);
    const uint64_t runs = head >> 1;
    unsigned bit = head & 1;

    if (r->failed || runs == 0 || runs > count) {
        return HIST_ECORRUPT;
    }
    HI_TRY(hi_stream_open(r, (uint32_t)runs, &view));
    for (uint32_t v = 0; v < hi_vectors_of((uint32_t)runs); v++) {
        HI_TRY(hi_stream_vector(kern, &view, v, lengths));
        for (uint32_t i = 0; i < hi_vector_rows((uint32_t)runs, v); i++, bit ^= 1) {
            if (lengths[i] >= count - at) {
                return HIST_ECORRUPT;
            }
            const uint32_t end = at + (uint32_t)lengths[i] + 1;
            if (bit) {
                bits_set(out, at, end);
            }
            at = end;
        }
    }
    return at == count ? HIST_OK : HIST_ECORRUPT;
}

hist_status hi_bits_read(const hi_codec_kernels *kern, hi_reader *r, unsigned model, uint32_t count,
                         uint64_t *out)
{
    const uint8_t *from = NULL;
    uint8_t bit = 0;

    memset(out, 0, (size_t)(count + 63) / 64 * 8);
    switch (model) {
    case HI_ENC_CONST:
        bit = hi_read_u8(r);
        if (r->failed || bit > 1) {
            return HIST_ECORRUPT;
        }
        bits_set(out, 0, bit ? count : 0);
        return HIST_OK;
    case HI_ENC_RLE:
        return bits_read_runs(kern, r, count, out);
    case HI_ENC_BITMAP:
        from = hi_read_bytes(r, (count + 7) / 8);
        if (from == NULL) {
            return HIST_ECORRUPT;
        }
        hi_get_le64s(out, from, (count + 7) / 8);
        out[(count - 1) / 64] &= bits_tail_mask(count);
        return HIST_OK;
    default:
        return HIST_ECORRUPT;
    }
}
