/* rans_read.c -- rANS words back to symbols; the lanes' loop is in rans_body.c. */
#include "codec/rans.h"

enum {
    READ_LENGTH_BITS = 4,
    READ_TAIL_WORDS_MAX = 2 * HI_RANS_LANES_MAX, /* Of the sequence, then of states. */
};

hist_status hi_rans_open(hi_reader *r, unsigned lanes_code, uint32_t count, uint64_t turns,
                         uint64_t words, hi_rans_view *view_out)
{
    const unsigned lanes = hi_rans_lanes(lanes_code);
    hi_bit_reader bits = hi_bits_begin(r);

    if (lanes == 0 || turns > count / lanes || words > count) {
        return HIST_ECORRUPT;
    }
    view_out->lanes = lanes;
    view_out->count = count;
    view_out->tail = count % lanes + (uint32_t)turns * lanes;
    for (unsigned l = 0; l < lanes; l++) {
        const unsigned above = (unsigned)hi_get_bits(&bits, READ_LENGTH_BITS);
        view_out->states[l] =
            (uint32_t)(UINT64_C(1) << (16 + above) | hi_get_bits(&bits, 16 + above));
    }
    hi_bits_end(r, &bits);
    view_out->words_size = (size_t)words * 2;
    view_out->words = hi_read_bytes(r, view_out->words_size);
    return r->failed ? HIST_ECORRUPT : HIST_OK;
}

/* The words a tail reads: what is left of the sequence, then what the other lanes' states hold. */
static uint32_t read_tail_words(const hi_rans_view *view, const uint32_t *states,
                                const uint8_t *from, uint16_t *word)
{
    const size_t left = (size_t)(view->words + view->words_size - from) / 2;
    const unsigned tail_lanes = hi_rans_tail_lanes(view->lanes);
    uint32_t words = 0;

    if (left > HI_RANS_LANES_MAX) {
        return UINT32_MAX;
    }
    for (; words < left; words++) {
        word[words] = hi_get_u16(from + (size_t)2 * words);
    }
    for (unsigned l = tail_lanes; l < view->lanes; l++) {
        word[words++] = (uint16_t)states[l];
    }
    return words;
}

static hist_status read_tail(const hi_rans_view *view, const hi_rans_table *tables,
                             const uint8_t *map, uint32_t *states, const uint8_t *from,
                             uint8_t *symbols)
{
    const uint32_t mask = hi_rans_tail_lanes(view->lanes) - 1;
    uint16_t word[READ_TAIL_WORDS_MAX];
    const uint32_t words = read_tail_words(view, states, from, word);
    uint32_t at = 0;

    if (words == UINT32_MAX) {
        return HIST_ECORRUPT;
    }
    for (uint32_t i = view->count - view->tail; i < view->count; i++) {
        const uint32_t x = states[i & mask];
        const uint32_t entry = tables[map[i / HI_RANS_SEGMENT]].entry[x % HI_RANS_SUM];
        const uint32_t high = x >> HI_RANS_BITS;
        const uint32_t y = ((entry >> 8 & 0xfff) + 1) * high + (entry >> 20);
        const bool low = y < HI_RANS_LOW;

        symbols[i] = (uint8_t)entry;
        states[i & mask] = low ? y << 16 | word[at % READ_TAIL_WORDS_MAX] : y;
        at += low;
    }
    const uint32_t in_states = view->lanes - (mask + 1);
    bool whole = at <= words && at >= words - in_states;
    for (uint32_t l = 0; l <= mask; l++) {
        whole &= states[l] == HI_RANS_LOW;
    }
    return whole ? HIST_OK : HIST_ECORRUPT;
}

hist_status hi_rans_decode(const hi_codec_kernels *kern, const hi_rans_view *view,
                           const hi_rans_table *tables, const uint8_t *map, uint8_t *symbols)
{
    uint32_t states[HI_RANS_LANES_MAX];

    memcpy(states, view->states, sizeof(states));
    const uint8_t *from =
        kern->rans->run(tables, map, view->lanes, states, (view->count - view->tail) / view->lanes,
                        view->words, view->words + view->words_size, symbols);
    if (from == NULL) {
        return HIST_ECORRUPT;
    }
    return read_tail(view, tables, map, states, from, symbols);
}
