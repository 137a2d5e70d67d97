/*
 * rans_write.c -- symbols to rANS words. Runs backwards: first the tail on a few
 * lanes, whose words fill the first states of the other lanes, then all lanes.
 * So a lane costs the 4 bits of its last state's length and not 3 bytes, which
 * counts where a stream has but a thousand bytes.
 */
#include <assert.h>

#include "codec/rans.h"

enum {
    WRITE_LANE_BITS = 480, /* A lane per so many bits of the stream. */
    WRITE_TAIL_PART = 8,   /* The tail is at most about this part of the symbols. */
    WRITE_LENGTH_BITS = 4,
};

typedef struct write_state {
    const hi_rans_freqs *freqs;
    const uint8_t *map;
    const uint8_t *symbols;
    uint16_t start[HI_RANS_TABLES_MAX][HI_RANS_SYMBOLS];
} write_state;

/* Adds symbol i to a state. true: *word left it first. */
static bool write_symbol(const write_state *w, uint32_t i, uint32_t *state, uint16_t *word)
{
    const unsigned table = w->map[i / HI_RANS_SEGMENT];
    const uint8_t symbol = w->symbols[i];
    const uint32_t freq = w->freqs[table].freq[symbol];
    uint32_t x = *state;

    assert(freq > 0 && x >= HI_RANS_LOW);
    const bool full = x >= (uint64_t)freq << (32 - HI_RANS_BITS);

    *word = (uint16_t)x;
    x = full ? x >> 16 : x;
    *state = ((x / freq) << HI_RANS_BITS) + x % freq + w->start[table][symbol];
    return full;
}

static unsigned write_lanes_code(uint64_t bits)
{
    unsigned code = 2;

    while (code > 0 && bits < (uint64_t)hi_rans_lanes(code) * WRITE_LANE_BITS) {
        code--;
    }
    return code;
}

/* The tail into the first states of all lanes. Returns the place before the words that these did
   not take. */
static uint16_t *write_tail(const write_state *w, uint32_t count, uint16_t *room_end,
                            uint32_t *states, hi_rans_coded *coded)
{
    const unsigned lanes = hi_rans_lanes(coded->lanes_code);
    const unsigned tail_lanes = hi_rans_tail_lanes(lanes);
    uint16_t taken[HI_RANS_LANES_MAX] = {0};
    uint32_t words = 0;
    uint32_t i = count;
    uint16_t *to = room_end;

    for (unsigned l = 0; l < lanes; l++) {
        states[l] = HI_RANS_LOW;
    }
    while (i > 0 && (i % lanes != 0 ||
                     (words < lanes - tail_lanes && count - i < count / WRITE_TAIL_PART))) {
        uint16_t word = 0;

        i--;
        if (write_symbol(w, i, &states[i % tail_lanes], &word)) {
            if (words < lanes - tail_lanes) {
                taken[words] = word;
            } else {
                *--to = word;
            }
            words++;
        }
    }
    words = words < lanes - tail_lanes ? words : lanes - tail_lanes;
    for (uint32_t k = 0; k < words; k++) {
        states[tail_lanes + k] |= taken[words - 1 - k];
    }
    coded->turns = (count - i) / lanes;
    return to;
}

static void write_starts(write_state *w, unsigned table)
{
    uint32_t start = 0;

    for (uint32_t s = 0; s < HI_RANS_SYMBOLS; s++) {
        w->start[table][s] = (uint16_t)start;
        start += w->freqs[table].freq[s];
    }
}

void hi_rans_encode(const hi_rans_freqs *freqs, const uint8_t *map, const uint8_t *symbols,
                    uint32_t count, uint64_t bits, uint16_t *room, hi_rans_coded *coded_out)
{
    uint16_t *end = room + HI_BLOCK_ROWS_MAX;
    uint32_t states[HI_RANS_LANES_MAX];
    write_state w = {.freqs = freqs, .map = map, .symbols = symbols};
    unsigned known = 0; /* Bit of each table whose starts are there. */

    for (uint32_t s = 0; s * HI_RANS_SEGMENT < count; s++) {
        if ((known >> map[s] & 1) == 0) {
            write_starts(&w, map[s]);
            known |= 1U << map[s];
        }
    }
    coded_out->lanes_code = write_lanes_code(bits);
    const unsigned lanes = hi_rans_lanes(coded_out->lanes_code);
    uint16_t *to = write_tail(&w, count, end, states, coded_out);
    for (uint32_t i = (count / lanes - coded_out->turns) * lanes; i > 0;) {
        uint16_t word = 0;

        i--;
        if (write_symbol(&w, i, &states[i % lanes], &word)) {
            *--to = word;
        }
    }
    hi_bit_writer b = {coded_out->states, 0};
    for (unsigned l = 0; l < lanes; l++) {
        const unsigned above = hi_bit_length(states[l]) - 17;
        hi_put_bits(&b, above, WRITE_LENGTH_BITS);
        hi_put_bits(&b, states[l], 16 + above);
    }
    coded_out->states_size = hi_bits_bytes(&b);
    assert(to >= room);
    coded_out->words = (uint32_t)(end - to);
    coded_out->word = to;
}
