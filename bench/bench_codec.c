/*
 * bench_codec.c -- size and speed of the codec on made-up columns; one line a figure.
 *
 * Speeds are GB of raw values per second of one core, the best of several rounds,
 * with working sets that fit the second-level cache.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "bench/made.h"
#include "codec/rans.h"

enum {
    ROWS = 65536,
    BLOCKS = ROWS / HI_BLOCK_ROWS_MAX,
    ROUNDS = 15,
};

typedef struct bench {
    hi_mem mem;
    hi_encoder *encoder;
    hi_buf out;
    hi_block_info blocks[BLOCKS];
    uint32_t shared;
    uint64_t data[ROWS];
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    uint64_t room[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
} bench;

static double bench_encode(bench *b, hist_type type, hi_profile profile)
{
    uint32_t rows[BLOCKS];
    const hi_values values = {.type = type, .rows = ROWS, .data = b->data};
    double best = 1e9;

    for (int i = 0; i < BLOCKS; i++) {
        rows[i] = HI_BLOCK_ROWS_MAX;
    }
    for (int round = 0; round < ROUNDS; round++) {
        hi_buf_clear(&b->out);
        const double start = bench_seconds();
        if (hi_page_encode(b->encoder, &values, profile, rows, BLOCKS, &b->out, b->blocks,
                           &b->shared) != HIST_OK) {
            return 1e9;
        }
        const double took = bench_seconds() - start;
        best = took < best ? took : best;
    }
    (void)hi_buf_reserve(&b->out, HI_CODEC_PAD);
    return best;
}

/* What the blocks share is opened once: a reader keeps it. */
static double bench_decode(bench *b, hist_type type)
{
    const uint8_t *page = (const uint8_t *)b->out.data;
    const hi_room room = {.valid = b->valid, .data = b->room};
    double best = 1e9;
    hi_page_shared shared;
    hi_decoded decoded;

    if (hi_page_shared_open(&b->mem, type, page, b->shared, 0, &shared) != HIST_OK) {
        return 1e9;
    }
    for (int round = 0; round < ROUNDS * 4; round++) {
        const double start = bench_seconds();
        for (int i = 0; i < BLOCKS; i++) {
            if (hi_block_decode(type, page + b->blocks[i].offset, b->blocks[i].size,
                                HI_BLOCK_ROWS_MAX, &shared, &room, &decoded) != HIST_OK) {
                best = 1e18;
            }
        }
        const double took = bench_seconds() - start;
        best = took < best ? took : best;
    }
    hi_page_shared_free(&b->mem, &shared);
    return best;
}

/* What the only intrinsics of the codec buy: 32 lanes of rANS in AVX-512 registers, beside the plain
   loops that the compiler has for the other variants. */
static void bench_rans(const char *name, const hi_codec_kernels *kern)
{
    static uint8_t symbols[HI_BLOCK_ROWS_MAX + HI_RANS_SLACK];
    static uint16_t room[HI_BLOCK_ROWS_MAX];
    static hi_rans_table table;
    static uint8_t bytes[2 * HI_BLOCK_ROWS_MAX + HI_RANS_STATES_BYTES_MAX + HI_RANS_SLACK];
    static uint8_t map[HI_BLOCK_ROWS_MAX];
    uint32_t counts[HI_RANS_SYMBOLS] = {0};
    uint64_t state = 7;
    hi_rans_freqs freqs;
    hi_rans_coded coded;
    hi_rans_view view;
    double best = 1e9;

    for (uint32_t i = 0; i < HI_BLOCK_ROWS_MAX; i++) {
        symbols[i] = (uint8_t)(128 + bench_normal(&state, 50));
        counts[symbols[i]]++;
    }
    hi_rans_normalise(counts, HI_RANS_SYMBOLS, &freqs);
    hi_rans_encode(&freqs, map, symbols, HI_BLOCK_ROWS_MAX, UINT64_MAX, room, &coded);
    memcpy(bytes, coded.states, coded.states_size);
    for (uint32_t i = 0; i < coded.words; i++) {
        hi_put_u16(bytes + coded.states_size + (size_t)2 * i, coded.word[i]);
    }
    hi_reader r = hi_reader_of(bytes, coded.states_size + (size_t)2 * coded.words);
    if (hi_rans_open(&r, coded.lanes_code, HI_BLOCK_ROWS_MAX, coded.turns, coded.words, &view) !=
        HIST_OK) {
        return;
    }
    kern->rans->fill(freqs.freq, freqs.symbols, table.entry);
    for (int round = 0; round < ROUNDS * 20; round++) {
        const double start = bench_seconds();
        if (hi_rans_decode(kern, &view, &table, map, symbols) != HIST_OK) {
            return;
        }
        const double took = bench_seconds() - start;
        best = took < best ? took : best;
    }
    printf("codec rans %u lanes %-7s decode %8.3f G symbols/s\n", view.lanes, name,
           HI_BLOCK_ROWS_MAX / best / 1e9);
}

static double bench_stats(bench *b, hist_type type)
{
    const hi_values values = {.type = type, .rows = ROWS, .data = b->data};
    double best = 1e9;

    for (int round = 0; round < ROUNDS; round++) {
        const double start = bench_seconds();
        for (uint32_t i = 0; i < BLOCKS; i++) {
            hi_block_stats_of(&values, i * HI_BLOCK_ROWS_MAX, HI_BLOCK_ROWS_MAX,
                              &b->blocks[i].stats);
        }
        const double took = bench_seconds() - start;
        best = took < best ? took : best;
    }
    return best;
}

static void bench_column(bench *b, const char *name, hist_type type, bench_shape shape)
{
    uint64_t state = 1;
    int64_t walk = 50;
    const double gigabytes = ROWS * 8 / 1e9;

    for (uint64_t i = 0; i < ROWS; i++) {
        b->data[i] = shape(&state, i, &walk);
    }
    for (int profile = HI_PROFILE_WARM; profile <= HI_PROFILE_COLD; profile++) {
        const char *tier = profile == HI_PROFILE_WARM ? "warm" : "cold";
        const double encode = bench_encode(b, type, (hi_profile)profile);
        const double decode = bench_decode(b, type);

        printf("codec %s %s size        %8.3f bits/value\n", name, tier,
               (double)b->out.size * 8 / ROWS);
        printf("codec %s %s encode      %8.3f GB/s\n", name, tier, gigabytes / encode);
        printf("codec %s %s decode      %8.3f GB/s\n", name, tier, gigabytes / decode);
    }
    printf("codec %s statistics       %8.3f GB/s\n", name, gigabytes / bench_stats(b, type));
}

int main(void)
{
    bench *b = calloc(1, sizeof(*b));

    if (b == NULL) {
        return 1;
    }
    hi_mem_init(&b->mem, NULL, NULL, 0);
    b->encoder = hi_encoder_new(&b->mem);
    hi_buf_init(&b->out, &b->mem, 1 << 24);
    if (b->encoder == NULL) {
        return 1;
    }
    bench_column(b, "decimal-walk", HIST_TYPE_REAL, shape_decimal_walk);
    bench_column(b, "gauge-40%-still", HIST_TYPE_REAL, shape_gauge);
    bench_column(b, "full-precision", HIST_TYPE_REAL, shape_full_precision);
    bench_column(b, "percent", HIST_TYPE_LONG, shape_percent);
    bench_column(b, "counter", HIST_TYPE_LONG, shape_counter);
    bench_column(b, "states", HIST_TYPE_LONG, shape_states);
    bench_column(b, "clock", HIST_TYPE_DATETIME, shape_clock);
    bench_column(b, "clock-gaps", HIST_TYPE_DATETIME, shape_clock_gaps);
    bench_column(b, "clock-jitter", HIST_TYPE_DATETIME, shape_clock_jitter);
    bench_rans("base", &hi_codec_kernels_base);
#if defined(__x86_64__)
    if (hi_codec_kernels_pick() != &hi_codec_kernels_base) {
        bench_rans("avx2", &hi_codec_kernels_avx2);
    }
    if (hi_codec_kernels_pick() == &hi_codec_kernels_avx512) {
        bench_rans("avx512", &hi_codec_kernels_avx512);
    }
#endif
    hi_encoder_free(b->encoder);
    hi_buf_free(&b->out);
    free(b);
    return 0;
}
