/* test_part_dir.c -- directories of row groups: every figure comes back to the bit, tiny blocks with them. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "store/part_dir.h"
#include "tests/support/frag_mem.h"

enum { DIR_OFFSET = 1 << 30, BLOCK_BYTES = 150, RUNS_MAX = 1000 };

/* ---- a directory of one page beside the times, there and back ---- */

typedef struct group {
    hi_run runs[RUNS_MAX];
    uint32_t block_rows[HI_PART_BLOCKS_MAX];
    hi_dir_rows rows;
    hi_part_block times[HI_PART_BLOCKS_MAX];
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    uint8_t bytes[(HI_PART_BLOCKS_MAX + 1) * BLOCK_BYTES];
    uint32_t shared_size;
    hist_type type;
    hi_part_group entry; /* As the footer has it. */
    hi_mem mem;
    hi_buf stored;
} group;

static void group_span(group *g)
{
    hi_part_group *e = &g->entry;
    const hi_run *runs = g->runs;
    const uint32_t count = g->rows.run_count;

    *e = (hi_part_group){.rows = g->rows.rows,
                         .partition_ns = g->rows.partition_ns,
                         .first_series = runs[0].series,
                         .last_series = runs[count - 1].series,
                         .first_ns = runs[0].first_ns,
                         .last_ns = runs[0].last_ns,
                         .dir_offset = DIR_OFFSET};
    for (uint32_t i = 0; i < count; i++) {
        e->first_ns = runs[i].first_ns < e->first_ns ? runs[i].first_ns : e->first_ns;
        e->last_ns = runs[i].last_ns > e->last_ns ? runs[i].last_ns : e->last_ns;
    }
}

/* Blocks of `rows` each, one series whose clock ticks once a second. */
static group *group_new(hist_type type, uint32_t block_count, uint32_t rows)
{
    group *g = calloc(1, sizeof(*g));

    assert_non_null(g);
    hi_mem_init(&g->mem, NULL, NULL, 0);
    hi_buf_init(&g->stored, &g->mem, 1 << 26);
    g->type = type;
    g->runs[0] = (hi_run){.series = 7,
                          .rows = block_count * rows,
                          .first_ns = 5,
                          .last_ns = 5 + (int64_t)(block_count * rows - 1) * 1000000000};
    for (uint32_t b = 0; b < block_count; b++) {
        const int64_t first = 5 + (int64_t)b * rows * 1000000000;

        g->block_rows[b] = rows;
        g->blocks[b] =
            (hi_part_block){.size = 80 + b % 10, .at = BLOCK_BYTES * (b + 1), .encoding = 3};
        g->times[b] = g->blocks[b];
        g->times[b].stats.min = g->times[b].stats.first = (uint64_t)first;
        g->times[b].stats.max = g->times[b].stats.last =
            (uint64_t)(first + (int64_t)(rows - 1) * 1000000000);
        g->times[b].stats.sum_lo = (g->times[b].stats.min + g->times[b].stats.max) * rows / 2;
    }
    g->rows = (hi_dir_rows){.rows = block_count * rows,
                            .partition_ns = 0,
                            .runs = g->runs,
                            .run_count = 1,
                            .block_rows = g->block_rows,
                            .block_count = block_count};
    for (size_t i = 0; i < sizeof(g->bytes); i++) {
        g->bytes[i] = (uint8_t)(i * 7 + i / 256);
    }
    return g;
}

static void group_free(group *g)
{
    hi_buf_free(&g->stored);
    assert_int_equal(g->mem.used, 0);
    free(g);
}

static void group_store(group *g)
{
    hi_dir_builder builder;
    hist_error err;
    const hi_dir_page times = {.column = HI_COLUMN_TIME,
                               .type = HIST_TYPE_DATETIME,
                               .rows = &g->rows,
                               .bytes = g->bytes,
                               .blocks = g->times};
    const hi_dir_page page = {.column = 300,
                              .type = g->type,
                              .rows = &g->rows,
                              .bytes = g->bytes,
                              .shared_size = g->shared_size,
                              .blocks = g->blocks};

    group_span(g);
    hi_dir_builder_init(&builder, &g->mem);
    hi_dir_builder_page(&builder, &times);
    hi_dir_builder_page(&builder, &page);
    hi_buf_clear(&g->stored);
    assert_int_equal(hi_dir_builder_finish(&builder, &g->rows, &g->mem, &g->stored, &err), HIST_OK);
    hi_dir_builder_free(&builder);
}

static hi_part_dir *group_parse(group *g)
{
    hi_part_dir *dir = NULL;

    assert_int_equal(hi_part_dir_parse(&g->mem, (const uint8_t *)g->stored.data, g->stored.size,
                                       &g->entry, &dir),
                     HIST_OK);
    return dir;
}

static void same_block(const group *g, const hi_part_dir *dir, const hi_part_block *want,
                       const hi_part_block *got, uint64_t *at)
{
    const uint8_t *tiny = hi_part_dir_tiny(dir, got);

    assert_int_equal(got->size, want->size);
    assert_int_equal(got->encoding, want->encoding);
    assert_int_equal(got->stats.nulls, want->stats.nulls);
    assert_int_equal(got->stats.nans, want->stats.nans);
    assert_int_equal(got->stats.min, want->stats.min);
    assert_int_equal(got->stats.max, want->stats.max);
    assert_int_equal(got->stats.first, want->stats.first);
    assert_int_equal(got->stats.last, want->stats.last);
    assert_int_equal(got->stats.sum_lo, want->stats.sum_lo);
    assert_int_equal(got->stats.sum_hi, want->stats.sum_hi);
    assert_int_equal(hi_bits_of(got->stats.m2), hi_bits_of(want->stats.m2));
    assert_int_equal(tiny != NULL, want->size <= HI_PART_TINY_MAX);
    if (tiny != NULL) {
        assert_memory_equal(tiny, g->bytes + want->at, want->size);
        assert_true(tiny + want->size <= dir->bytes + dir->bytes_size);
        assert_int_equal(got->offset, DIR_OFFSET);
    } else {
        assert_int_equal(got->offset, *at);
        *at += want->size + HI_PART_HASH_SIZE;
    }
}

/* What is parsed is what was stored. */
static void group_check(group *g)
{
    hi_part_block got[HI_PART_BLOCKS_MAX];
    hi_part_block shared;
    hi_part_dir *dir = group_parse(g);

    assert_int_equal(dir->run_count, g->rows.run_count);
    for (uint32_t i = 0; i < dir->run_count; i++) {
        assert_int_equal(dir->runs[i].series, g->runs[i].series);
        assert_int_equal(dir->runs[i].first_row, g->runs[i].first_row);
        assert_int_equal(dir->runs[i].rows, g->runs[i].rows);
        assert_int_equal(dir->runs[i].first_ns, g->runs[i].first_ns);
        assert_int_equal(dir->runs[i].last_ns, g->runs[i].last_ns);
    }
    assert_int_equal(dir->block_count, g->rows.block_count);
    assert_int_equal(dir->page_count, 2);
    uint64_t at = DIR_OFFSET - dir->pages[0].disk - dir->pages[1].disk;
    for (int page = 0; page < 2; page++) {
        const hi_part_block none = {.size = page == 0 ? 0 : g->shared_size};

        assert_int_equal(hi_part_dir_blocks(dir, &dir->pages[page], &shared, got), HIST_OK);
        same_block(g, dir, &none, &shared, &at);
        for (uint32_t b = 0; b < dir->block_count; b++) {
            same_block(g, dir, page == 0 ? &g->times[b] : &g->blocks[b], &got[b], &at);
        }
    }
    assert_int_equal(at, DIR_OFFSET);
    assert_int_equal(dir->pages[1].column, 300);
    hi_part_dir_free(&g->mem, dir);
}

/* Bytes of the details of the second page. */
static size_t group_details(group *g)
{
    group_store(g);
    hi_part_dir *dir = group_parse(g);
    const size_t size = dir->pages[1].size;
    hi_part_dir_free(&g->mem, dir);
    return size;
}

/* ---- statistics ---- */

static uint64_t nasty_real(uint64_t *seed)
{
    static const double values[] = {
        0.0,        -0.0,      1.0,        -1.0,    0.1,   -273.15, DBL_MIN,    DBL_MAX, -DBL_MAX,
        INFINITY,   -INFINITY, 5e-324,     -5e-324, 1e15,  1e-15,   123456.789, 0x1p51,  -0x1p51,
        0x1p51 - 1, 0x1p53,    0x1p53 + 2, 0x1p63,  1e300, 1.1f,    -99.99,     1e22};
    const uint64_t pick = fm_random(seed);

    switch (pick % 8) {
    case 0:
        return fm_random(seed) << 32 ^ fm_random(seed) << 8 ^ fm_random(seed);
    case 1:
        return UINT64_C(0x7ff8000000000000) + (pick >> 40); /* NaN with a payload. */
    case 2:
        return hi_bits_of((double)((int64_t)(pick >> 20) % 100000) / 100);
    default:
        return hi_bits_of(values[(pick >> 8) % (sizeof(values) / sizeof(values[0]))]);
    }
}

static uint64_t nasty_int(uint64_t *seed)
{
    /* clang-format off */
    static const int64_t values[] = {
        0, 1, -1, INT64_MIN, INT64_MAX, INT64_MIN + 1, INT64_MAX - 1, 1000000000, -1000000000,
        INT64_C(86400000000000), INT64_C(1) << 62};
    /* clang-format on */
    const uint64_t pick = fm_random(seed);

    return pick % 4 == 0 ? pick * UINT64_C(0x9e3779b97f4a7c15)
                         : (uint64_t)values[(pick >> 8) % (sizeof(values) / sizeof(values[0]))];
}

/* Bits that need not be those of any values: they come back all the same. */
static void nasty_stats(hi_block_stats *s, hist_type type, uint32_t rows, uint64_t *seed)
{
    uint64_t (*number)(uint64_t *) = type == HIST_TYPE_REAL ? nasty_real : nasty_int;

    *s = (hi_block_stats){.min = number(seed),
                          .max = number(seed),
                          .first = number(seed),
                          .last = number(seed),
                          .sum_lo = number(seed),
                          .sum_hi = nasty_int(seed),
                          .m2 = hi_double_of(nasty_real(seed))};
    s->nulls = fm_random(seed) % 4 == 0 ? (uint32_t)(fm_random(seed) % (rows + 1)) : 0;
    s->nulls = fm_random(seed) % 8 == 0 ? rows : s->nulls;
    if (fm_random(seed) % 4 == 0) {
        s->nans = (uint32_t)(fm_random(seed) % (rows - s->nulls + 1));
    }
    if (fm_random(seed) % 4 == 0) {
        s->max = s->first = s->last = s->min;
        s->m2 = 0;
    }
    if (type == HIST_TYPE_BOOL) {
        const uint32_t values = rows - s->nulls;
        const uint32_t ones = (uint32_t)(fm_random(seed) % (values + 1));

        s->min = values > 0 && ones == values;
        s->max = ones > 0;
        s->first = s->min == s->max ? s->min : fm_random(seed) % 2;
        s->last = s->min == s->max ? s->min : fm_random(seed) % 2;
        s->sum_lo = ones;
        s->sum_hi = 0;
        s->m2 = values == 0 ? 0 : (double)ones * (double)(values - ones) / (double)values;
    }
    hi_block_stats_clean(s, type, rows);
}

static const hist_type types[] = {HIST_TYPE_BOOL, HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_STRING,
                                  HIST_TYPE_DATETIME};

static void all_statistics_come_back_to_the_bit(void **state)
{
    static const uint32_t counts[] = {1, 2, 7, 8, 32, HI_PART_BLOCKS_MAX};
    uint64_t seed = 7;

    (void)state;
    for (size_t t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        for (int round = 0; round < 600; round++) {
            const uint32_t rows = 1 + (uint32_t)(fm_random(&seed) % 1000);
            group *g = group_new(types[t], counts[round % 6], rows);

            for (uint32_t b = 0; b < g->rows.block_count; b++) {
                nasty_stats(&g->blocks[b].stats, types[t], rows, &seed);
                g->blocks[b].encoding = (uint8_t)(fm_random(&seed) % 12);
                g->blocks[b].size = (uint32_t)(fm_random(&seed) % BLOCK_BYTES);
            }
            if (round % 2 == 0) {
                hi_block_stats *tick = &g->times[fm_random(&seed) % g->rows.block_count].stats;
                uint64_t *figures[] = {&tick->min, &tick->max, &tick->first, &tick->last,
                                       &tick->sum_lo};
                const uint64_t pick = fm_random(&seed) % 7;

                /* Not what the runs say, nor a clock; last, both figures of an end. */
                *figures[pick % 5] ^= 1;
                if (pick >= 5) {
                    *figures[pick % 5 + 2] ^= 1;
                }
            }
            g->shared_size = round % 3 == 0 ? 0 : (uint32_t)(fm_random(&seed) % BLOCK_BYTES);
            g->rows.partition_ns = round % 5 == 0 ? INT64_MIN : round % 7 == 0 ? INT64_MAX : 0;
            group_store(g);
            group_check(g);
            group_free(g);
        }
    }
}

/* What is too large for the short form of a sum, although units are large too. */
static void sums_that_overflow_come_back(void **state)
{
    static const int64_t sums[] = {0, 1, -1, INT64_MAX, INT64_MIN, 5000000000000000000};

    (void)state;
    for (int i = 0; i < 6; i++) {
        for (uint64_t high = 0; high < 3; high++) {
            group *g = group_new(HIST_TYPE_LONG, 1, 1000);

            g->blocks[0].stats = (hi_block_stats){.max = UINT64_C(9000000000000000000),
                                                  .sum_lo = (uint64_t)sums[i],
                                                  .sum_hi = high - 1};
            group_store(g);
            group_check(g);
            group_free(g);
        }
    }
}

/* Statistics as they are made of values. */
static void statistics_of(group *g, const void *data, const uint64_t *valid)
{
    const hi_values values = {.type = g->type, .rows = g->rows.rows, .valid = valid, .data = data};
    uint32_t row = 0;

    for (uint32_t b = 0; b < g->rows.block_count; b++) {
        hi_block_stats_of(&values, row, g->block_rows[b], &g->blocks[b].stats);
        hi_block_stats_clean(&g->blocks[b].stats, g->type, g->block_rows[b]);
        row += g->block_rows[b];
    }
}

static void those_of_values_come_back(void **state)
{
    enum { ROWS = 8 * 1500 };
    static const double scales[] = {1, 0.1, 0.01, 1e-15, 1.0 / 3, 0x1p-20, 1e9, 1e292};
    double *reals = malloc(ROWS * sizeof(*reals));
    int64_t *ints = malloc(ROWS * sizeof(*ints));
    uint64_t *valid = malloc(ROWS / 8 + 8);
    uint64_t seed = 3;

    (void)state;
    for (int round = 0; round < 48; round++) {
        for (uint32_t i = 0; i < ROWS; i++) {
            const int64_t n = (int64_t)(fm_random(&seed) % 20000) - 10000 + round * 1000;

            reals[i] = round % 6 == 5 ? scales[round % 8] : (double)n * scales[round % 8];
            if (round % 4 == 3 && i % 97 == 0) {
                reals[i] = hi_double_of(nasty_real(&seed));
            }
            ints[i] = round % 6 == 5 ? n / 1000000 + INT64_MAX
                      : round % 2    ? (int64_t)nasty_int(&seed)
                                     : n * 1000;
        }
        for (uint32_t i = 0; i < ROWS / 64; i++) {
            valid[i] = round % 5 != 4 ? UINT64_MAX : i < 50 ? 0 : fm_random(&seed);
        }
        for (int type = 0; type < 3; type++) {
            group *g = group_new(type == 0   ? HIST_TYPE_REAL
                                 : type == 1 ? HIST_TYPE_LONG
                                             : HIST_TYPE_BOOL,
                                 8, ROWS / 8);

            statistics_of(g, type == 0 ? (const void *)reals : ints, valid);
            group_store(g);
            group_check(g);
            group_free(g);
        }
    }
    free(reals);
    free(ints);
    free(valid);
}

/* Bounds that are decimals up to the limit, and one beyond. */
static void decimals_end_at_two_to_the_51(void **state)
{
    size_t sizes[3];

    (void)state;
    for (int i = 0; i < 3; i++) {
        /* With three decimals: 2^51 - 1 and 2^51 thousandths; and with one decimal too many. */
        const double max = i == 0   ? (0x1p51 - 1) / 1000
                           : i == 1 ? (0x1p51 + 9) / 1000
                                    : 1.0 + 1e-15 * 3;
        group *g = group_new(HIST_TYPE_REAL, 1, 100);
        hi_block_stats *s = &g->blocks[0].stats;

        *s = (hi_block_stats){.min = hi_bits_of(max), .max = hi_bits_of(max)};
        s->first = s->last = s->min;
        s->sum_lo = hi_bits_of(max * 100);
        sizes[i] = group_details(g);
        group_check(g);
        group_free(g);
    }
    assert_true(sizes[0] < sizes[1]);
}

static void neither_the_rounding_mode_nor_the_block_before_matters(void **state)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    enum { ROWS = 4 * 1000 };
    double *reals = malloc(ROWS * sizeof(*reals));
    char *first = NULL;
    size_t first_size = 0;
    uint64_t seed = 11;

    (void)state;
    for (uint32_t i = 0; i < ROWS; i++) {
        reals[i] = (double)(fm_random(&seed) % 100000) / 1000.0;
    }
    for (int m = 0; m < 4; m++) {
        group *g = group_new(HIST_TYPE_REAL, 4, ROWS / 4);

        statistics_of(g, reals, NULL);
        assert_int_equal(fesetround(modes[m]), 0);
        group_store(g);
        group_check(g);
        assert_int_equal(fesetround(FE_TONEAREST), 0);
        if (m == 0) {
            first_size = g->stored.size;
            first = malloc(first_size);
            memcpy(first, g->stored.data, first_size);
        }
        assert_int_equal(g->stored.size, first_size);
        assert_memory_equal(g->stored.data, first, first_size);
        group_free(g);
    }
    free(first);
    free(reals);
}

/* ---- what ordinary columns cost ---- */

static void constants_and_clocks_cost_a_few_bytes(void **state)
{
    enum { ROWS = 8 * 8192 };
    double *reals = malloc(ROWS * sizeof(*reals));
    int64_t *ints = malloc(ROWS * sizeof(*ints));

    (void)state;
    for (uint32_t i = 0; i < ROWS; i++) {
        reals[i] = 21.5;
        ints[i] = 1000000;
    }
    group *g = group_new(HIST_TYPE_REAL, 8, 8192);
    statistics_of(g, reals, NULL);
    assert_in_range(group_details(g), 1, 20);
    g->type = HIST_TYPE_LONG;
    statistics_of(g, ints, NULL);
    assert_in_range(group_details(g), 1, 16);
    /* The times of one series that ticks regularly; nothing of runs is said again either. */
    hi_part_dir *dir = group_parse(g);
    assert_in_range(dir->pages[0].size, 1, 12);
    assert_true(dir->bytes_size < 40);
    hi_part_dir_free(&g->mem, dir);
    for (uint32_t i = 0; i < ROWS; i++) {
        reals[i] = (double)(2000 + i * 7919 % 300) / 100;
    }
    g->type = HIST_TYPE_REAL;
    statistics_of(g, reals, NULL);
    assert_in_range(group_details(g), 1, 8 * 19);
    group_free(g);
    free(reals);
    free(ints);
}

static void times_have_no_m2(void **state)
{
    hi_block_stats s = {.min = 1, .max = 9, .m2 = 5};

    (void)state;
    hi_block_stats_clean(&s, HIST_TYPE_DATETIME, 10);
    assert_true(s.m2 == 0 && s.max == 9);
}

/* ---- runs and times ---- */

/* Runs of some rows each; times as the seed wants them. */
static void make_runs(group *g, uint32_t count, int kind, uint64_t *seed)
{
    uint32_t row = 0;
    uint64_t series = kind == 3 ? UINT32_MAX - count * 3 : 0;

    for (uint32_t i = 0; i < count; i++) {
        const uint32_t rows = 1 + (uint32_t)(kind == 1 ? 4 : fm_random(seed) % 60);
        const int64_t first = kind == 3   ? (int64_t)nasty_int(seed)
                              : kind == 2 ? (int64_t)(fm_random(seed) % 1000) * 1000000
                                          : 60 * INT64_C(1000000000);
        const uint64_t most = (uint64_t)INT64_MAX - (uint64_t)(first > 0 ? first : 0);

        g->runs[i] = (hi_run){.series = (uint32_t)series, .first_row = row, .rows = rows};
        g->runs[i].first_ns = first;
        g->runs[i].last_ns = first + (kind == 3 ? (int64_t)(nasty_int(seed) >> 1 & most)
                                                : (int64_t)(rows - 1) * 1000000000);
        series += kind == 2 ? 1 + fm_random(seed) % 3 : 1;
        row += rows;
    }
    g->rows.rows = row;
    g->rows.run_count = count;
    g->rows.block_count = hi_part_plan_blocks(g->runs, count, g->block_rows);
}

static void runs_come_back(void **state)
{
    static const uint32_t counts[] = {1, 2, 3, 128, 129, 130, 257, RUNS_MAX};
    uint64_t seed = 5;

    (void)state;
    for (int round = 0; round < 200; round++) {
        group *g = group_new(HIST_TYPE_LONG, 8, 10);

        make_runs(g, counts[round % 8], round % 4, &seed);
        for (uint32_t b = 0; b < g->rows.block_count; b++) {
            nasty_stats(&g->blocks[b].stats, HIST_TYPE_LONG, g->block_rows[b], &seed);
            g->times[b].stats.nulls = 0;
        }
        group_store(g);
        group_check(g);
        group_free(g);
    }
}

/* Two runs so far apart that their distance is no int64, which is -10. */
static void runs_at_both_ends_of_time_come_back(void **state)
{
    (void)state;
    group *g = group_new(HIST_TYPE_LONG, 1, 10);
    g->runs[0] = (hi_run){.rows = 4, .first_ns = INT64_MIN + 5, .last_ns = INT64_MIN + 5};
    g->runs[1] = (hi_run){.series = UINT32_MAX,
                          .first_row = 4,
                          .rows = 6,
                          .first_ns = INT64_MAX - 4,
                          .last_ns = INT64_MAX - 4};
    g->rows.run_count = 2;
    group_store(g);
    group_check(g);
    group_free(g);
}

/* Times of the runs themselves, cut into blocks anywhere: what the runs know is derived. */
static void times_follow_from_runs(void **state)
{
    uint64_t seed = 9;

    (void)state;
    for (int round = 0; round < 300; round++) {
        group *g = group_new(HIST_TYPE_BOOL, 1, 1);
        const int64_t step = round % 3 == 0 ? 1000000000 : round % 3 == 1 ? 1 : 1000000;

        make_runs(g, 1 + (uint32_t)(fm_random(&seed) % 20), 2, &seed);
        int64_t *times = calloc(g->rows.rows, sizeof(*times));
        for (uint32_t i = 0; i < g->rows.run_count; i++) {
            hi_run *run = &g->runs[i];

            for (uint32_t r = 0; r < run->rows; r++) {
                times[run->first_row + r] = run->first_ns + (int64_t)r * step * 10 +
                                            (int64_t)(fm_random(&seed) % 9) * (round % 2) * step;
            }
            run->first_ns = times[run->first_row];
            run->last_ns = times[run->first_row + run->rows - 1];
        }
        g->rows.block_count = 0;
        for (uint32_t row = 0; row < g->rows.rows;) {
            const uint32_t left = g->rows.rows - row;
            const uint32_t want = 1 + (uint32_t)(fm_random(&seed) % (g->rows.rows / 20 + 30));
            const uint32_t rows = want < left ? want : left;
            const hi_values values = {
                .type = HIST_TYPE_DATETIME, .rows = g->rows.rows, .data = times};
            hi_part_block *b = &g->times[g->rows.block_count];

            b->size = 50;
            hi_block_stats_of(&values, row, rows, &b->stats);
            hi_block_stats_clean(&b->stats, HIST_TYPE_DATETIME, rows);
            g->blocks[g->rows.block_count].stats.nulls = rows;
            g->block_rows[g->rows.block_count++] = rows;
            row += rows;
        }
        group_store(g);
        group_check(g);
        free(times);
        group_free(g);
    }
}

/* ---- tiny blocks ---- */

static void blocks_up_to_the_limit_lie_in_the_directory(void **state)
{
    (void)state;
    for (uint32_t size = HI_PART_TINY_MAX; size <= HI_PART_TINY_MAX + 1; size++) {
        group *g = group_new(HIST_TYPE_STRING, 3, 10);
        const bool tiny = size == HI_PART_TINY_MAX;

        for (int which = 0; which < 4; which++) {
            g->shared_size = which == 3 ? size : 90;
            for (int b = 0; b < 3; b++) {
                g->blocks[b].size = b == which ? size : 80;
            }
            group_store(g);
            group_check(g);
            hi_part_dir *dir = group_parse(g);
            const uint64_t all = (uint64_t)g->shared_size + g->blocks[0].size + g->blocks[1].size +
                                 g->blocks[2].size + UINT64_C(4) * HI_PART_HASH_SIZE;
            assert_int_equal(dir->pages[1].disk, tiny ? all - size - HI_PART_HASH_SIZE : all);
            /* Decoders may read on behind a block. */
            const uint8_t *pad = dir->bytes + dir->bytes_size;
            for (int i = 0; i < HI_CODEC_PAD; i++) {
                assert_int_equal(pad[i], 0);
            }
            hi_part_dir_free(&g->mem, dir);
        }
        group_free(g);
    }
}

/* ---- hostile bytes ---- */

/* Whatever a directory says, runs are runs of its group. */
static void check_runs(const group *g, const hi_part_dir *dir)
{
    uint32_t row = 0;

    for (uint32_t i = 0; i < dir->run_count; i++) {
        const hi_run *run = &dir->runs[i];

        assert_true(i == 0 || run->series > run[-1].series);
        assert_true(run->first_row == row && run->rows >= 1 && run->rows <= dir->rows - row);
        assert_true(run->first_ns >= g->entry.first_ns && run->last_ns >= run->first_ns &&
                    run->last_ns <= g->entry.last_ns);
        row += run->rows;
    }
    assert_int_equal(row, g->entry.rows);
    assert_int_equal(dir->runs[0].series, g->entry.first_series);
    assert_int_equal(dir->runs[dir->run_count - 1].series, g->entry.last_series);
    assert_int_equal(dir->block_first[dir->block_count], g->entry.rows);
}

/* Places lie where they may be read, and no more rows are null than there are. */
static void check_block(const hi_part_dir *dir, const hi_part_block *b, uint32_t rows)
{
    if (hi_part_dir_tiny(dir, b) != NULL) {
        assert_true(b->at <= dir->bytes_size && b->size <= dir->bytes_size - b->at);
    } else {
        assert_true(b->offset >= HI_PART_HEADER_SIZE &&
                    b->offset + b->size + HI_PART_HASH_SIZE <= DIR_OFFSET);
    }
    assert_true(b->stats.nulls <= rows && b->stats.nans <= rows - b->stats.nulls);
}

static void check_pages(const hi_part_dir *dir)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    hi_part_block shared;

    for (uint32_t p = 0; p < dir->page_count; p++) {
        if (hi_part_dir_blocks(dir, &dir->pages[p], &shared, blocks) != HIST_OK) {
            continue;
        }
        check_block(dir, &shared, 0);
        for (uint32_t b = 0; b < dir->block_count; b++) {
            const uint32_t rows = dir->block_first[b + 1] - dir->block_first[b];

            check_block(dir, &blocks[b], rows);
            if (dir->pages[p].type == HIST_TYPE_BOOL) {
                assert_true(blocks[b].stats.sum_lo <= rows - blocks[b].stats.nulls);
            }
        }
    }
}

static void damaged_directories_are_refused_or_sound(void **state)
{
    uint64_t seed = 21;

    (void)state;
    for (int round = 0; round < 50; round++) {
        group *g = group_new(types[round % 5], 8, 10);
        hi_part_dir *dir = NULL;

        make_runs(g, round < 20 ? 1 : round < 35 ? 100 : 20, round < 35 ? 2 : 3, &seed);
        for (uint32_t b = 0; b < g->rows.block_count; b++) {
            nasty_stats(&g->blocks[b].stats, g->type, g->block_rows[b], &seed);
        }
        group_store(g);
        for (size_t size = 0; size < g->stored.size; size++) {
            assert_int_equal(
                hi_part_dir_parse(&g->mem, (const uint8_t *)g->stored.data, size, &g->entry, &dir),
                HIST_ECORRUPT);
        }
        for (size_t bit = 0; bit < g->stored.size * 8; bit++) {
            g->stored.data[bit / 8] ^= (char)(1 << bit % 8);
            if (hi_part_dir_parse(&g->mem, (const uint8_t *)g->stored.data, g->stored.size,
                                  &g->entry, &dir) == HIST_OK) {
                check_runs(g, dir);
                check_pages(dir);
                hi_part_dir_free(&g->mem, dir);
            }
            g->stored.data[bit / 8] ^= (char)(1 << bit % 8);
        }
        group_free(g);
    }
}

/* The details of a page lose bytes or get one more. */
static void details_have_their_size(void **state)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    hi_part_block shared;

    (void)state;
    group *g = group_new(HIST_TYPE_REAL, 3, 10);
    g->blocks[1].size = 9;
    group_store(g);
    hi_part_dir *dir = group_parse(g);
    hi_part_page page = dir->pages[1];
    assert_int_equal(hi_part_dir_blocks(dir, &page, &shared, blocks), HIST_OK);
    page.size--;
    assert_int_equal(hi_part_dir_blocks(dir, &page, &shared, blocks), HIST_ECORRUPT);
    page = dir->pages[0];
    page.size++;
    assert_int_equal(hi_part_dir_blocks(dir, &page, &shared, blocks), HIST_ECORRUPT);
    for (int change = -1; change <= 1; change += 2) {
        page = dir->pages[1];
        page.disk = change < 0 ? HI_PART_HASH_SIZE + 80 + 1 : UINT64_MAX / 2;
        assert_int_equal(hi_part_dir_blocks(dir, &page, &shared, blocks), HIST_ECORRUPT);
    }
    page = dir->pages[0];
    page.size += 5;
    page.disk = 88 + 89 + HI_PART_HASH_SIZE + 5; /* A last block that is tiny, but not here. */
    assert_int_equal(hi_part_dir_blocks(dir, &page, &shared, blocks), HIST_ECORRUPT);
    /* More bytes of pages than there are before the directory. */
    g->entry.dir_offset = HI_PART_HEADER_SIZE + dir->pages[0].disk + dir->pages[1].disk;
    hi_part_dir_free(&g->mem, dir);
    hi_part_dir_free(&g->mem, group_parse(g));
    g->entry.dir_offset--;
    assert_int_equal(hi_part_dir_parse(&g->mem, (const uint8_t *)g->stored.data, g->stored.size,
                                       &g->entry, &dir),
                     HIST_ECORRUPT);
    group_free(g);
}

/* Runs that know the times of blocks, of which one has none. */
static void runs_know_no_times_of_nulls(void **state)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX + 1];
    group *g = group_new(HIST_TYPE_STRING, 2, 10);
    hi_block_stats *s = &g->times[0].stats;

    (void)state;
    g->rows.run_count = 2;
    g->runs[1] = (hi_run){8, 10, 10, (int64_t)g->times[1].stats.first, g->runs[0].last_ns};
    g->runs[0] = (hi_run){7, 0, 10, g->runs[0].first_ns, (int64_t)s->last};
    s->nulls = 8;
    s->sum_lo = s->min + s->max;
    group_store(g);
    hi_part_dir *dir = group_parse(g);
    assert_int_equal(hi_part_dir_blocks(dir, &dir->pages[0], blocks + 2, blocks), HIST_OK);
    dir->bytes[dir->pages[0].at + 5] ^= 1 << 4; /* 10 nulls. */
    assert_int_equal(hi_part_dir_blocks(dir, &dir->pages[0], blocks + 2, blocks), HIST_ECORRUPT);
    hi_part_dir_free(&g->mem, dir);
    group_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_statistics_come_back_to_the_bit),
        cmocka_unit_test(sums_that_overflow_come_back),
        cmocka_unit_test(those_of_values_come_back),
        cmocka_unit_test(decimals_end_at_two_to_the_51),
        cmocka_unit_test(neither_the_rounding_mode_nor_the_block_before_matters),
        cmocka_unit_test(constants_and_clocks_cost_a_few_bytes),
        cmocka_unit_test(times_have_no_m2),
        cmocka_unit_test(runs_come_back),
        cmocka_unit_test(runs_at_both_ends_of_time_come_back),
        cmocka_unit_test(times_follow_from_runs),
        cmocka_unit_test(blocks_up_to_the_limit_lie_in_the_directory),
        cmocka_unit_test(damaged_directories_are_refused_or_sound),
        cmocka_unit_test(details_have_their_size),
        cmocka_unit_test(runs_know_no_times_of_nulls),
    };

    return cmocka_run_group_tests_name("part_dir", tests, NULL, NULL);
}
