/* fuzz_codec.c -- see fuzz_codec.h. */
#include "tests/support/fuzz_codec.h"

#include <stdio.h>
#include <stdlib.h>

enum { ROWS_CLASS_BITS = 14 };

static const uint32_t rows_most[4] = {40, 300, 1100, HI_BLOCK_ROWS_MAX};

const fz_variants *fz_variants_here(void)
{
    static fz_variants here;

    if (here.count == 0) {
        const hi_codec_kernels *best = hi_codec_kernels_pick();

        here.kern[here.count++] = best;
#if defined(__x86_64__)
        if (best == &hi_codec_kernels_avx512) {
            here.kern[here.count++] = &hi_codec_kernels_avx2;
        }
#endif
        if (best != &hi_codec_kernels_base) {
            here.kern[here.count++] = &hi_codec_kernels_base;
        }
    }
    return &here;
}

const fz_variants *fz_variants_two(unsigned choice)
{
    static fz_variants two;
    const fz_variants *here = fz_variants_here();

    two.kern[0] = here->kern[0];
    two.kern[1] = here->kern[here->count - 1 - (here->count > 2 ? choice % 2 : 0)];
    two.count = here->count < 2 ? here->count : 2;
    return &two;
}

void fz_check(bool good, const char *what)
{
    if (!good) {
        (void)fprintf(stderr, "fuzz: %s\n", what);
        abort();
    }
}

void *fz_alloc(size_t size)
{
    void *made = malloc(size == 0 ? 1 : size);

    fz_check(made != NULL, "no memory");
    return made;
}

uint8_t *fz_source(const uint8_t *data, size_t size)
{
    uint8_t *source = fz_alloc(size + HI_CODEC_PAD);

    if (size > 0) {
        memcpy(source, data, size);
    }
    fz_pad(source, size, 0);
    return source;
}

void fz_pad(uint8_t *source, size_t size, unsigned turn)
{
    static const uint8_t rubbish[] = {0x5a, 0xff, 0x00};

    memset(source + size, rubbish[turn % sizeof(rubbish)], HI_CODEC_PAD);
}

void fz_paint(void *room, size_t size, unsigned turn)
{
    static const uint8_t rubbish[] = {0xa5, 0x00, 0xff};

    memset(room, rubbish[turn % sizeof(rubbish)], size);
}

uint32_t fz_rows(uint16_t code)
{
    return 1 + (code & ((1U << ROWS_CLASS_BITS) - 1)) % rows_most[code >> ROWS_CLASS_BITS];
}

uint16_t fz_rows_code(uint32_t rows)
{
    uint32_t class = 0;

    while (rows > rows_most[class]) {
        class ++;
    }
    return (uint16_t)(class << ROWS_CLASS_BITS | (rows - 1));
}

const hi_cold_set *fz_forms(hi_reader *r)
{
    static hi_cold_set set;

    return hi_cold_set_open(r, &set) == HIST_OK ? &set : NULL;
}

/* Runs of 1, 150, 3, 1, ...: whole reals for the first half of them. */
static void fz_runs(bool real, uint64_t *values, uint32_t *starts)
{
    static const uint32_t rows[] = {1, 150, 3, 1, 40, 7, 2, 64, 65, 9};

    starts[0] = 0;
    for (uint32_t i = 0; i < FZ_RUNS; i++) {
        const uint32_t value = i * UINT32_C(2654435761) >> i % 32;

        values[i] = !real             ? value
                    : i < FZ_RUNS / 2 ? hi_bits_of((double)(int32_t)value)
                                      : value * UINT64_C(0x9e3779b97f4a7c15);
        starts[i + 1] = starts[i] + rows[i % 10];
    }
}

hi_page_shared fz_shared(bool real, const hi_cold_set *forms)
{
    static uint64_t run_values[FZ_RUNS];
    static uint32_t run_starts[FZ_RUNS + 1];
    static uint64_t numbers[HI_VECTOR_ROWS + HI_CODEC_PAD / 8];

    for (uint32_t i = 0; i < FZ_NUMBERS && numbers[1] == 0; i++) {
        numbers[FZ_NUMBERS - 1 - i] = (FZ_NUMBERS - 1 - i) * UINT64_C(0x9e3779b97f4a7c15);
    }
    fz_runs(real, run_values, run_starts);
    return (hi_page_shared){.number_count = FZ_NUMBERS,
                            .numbers = numbers,
                            .run_count = FZ_RUNS,
                            .run_values = run_values,
                            .run_starts = run_starts,
                            .forms = (hi_cold_set *)(uintptr_t)forms};
}
