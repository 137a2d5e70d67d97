/* test_cold.c -- cold integer streams: what comes back, what it takes, and that CPUs agree. */
/* cmocka.h wants the four before it. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <math.h>
#include <stdlib.h>

#include "codec/cold.h"
#include "tests/support/codec_columns.h"

enum { WALKS = 12, WALK_ROWS = 4320, ROOM = HI_STREAM_BYTES_MAX };

static hi_cold_scratch scratch;
static hi_cold_set sets[2]; /* As made, and as read back. */
static uint64_t x[HI_BLOCK_ROWS_MAX];
static uint64_t got[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
static uint8_t bytes[ROOM + HI_RANS_SLACK];

/* ---- kernels ---------------------------------------------------------------------------- */

static hist_status decode(const hi_codec_kernels *kern, const hi_cold_set *set, const uint8_t *from,
                          size_t size, uint32_t count)
{
    hi_reader r = hi_reader_of(from, size);
    hi_cold_view view;

    HI_TRY(hi_cold_open(&r, count, set, &view));
    assert_int_equal(hi_reader_left(&r), 0);
    return hi_cold_decode(kern, &view, got);
}

/* Every variant writes the same and reads it back. Returns the size. */
static size_t round_trip(uint32_t count)
{
    const hi_codec_kernels *list[3];
    const size_t kernels = cc_variants(list);
    const size_t size = hi_cold_encode(list[0], &scratch, NULL, x, count, ROOM, bytes);

    assert_in_range(size, 1, ROOM);
    for (size_t k = 0; k < kernels; k++) {
        static uint8_t again[ROOM];
        assert_int_equal(hi_cold_encode(list[k], &scratch, NULL, x, count, ROOM, again), size);
        assert_memory_equal(again, bytes, size);
        memset(bytes + size, 0xa5, HI_RANS_SLACK);
        memset(got, 0x5a, sizeof(got));
        assert_int_equal(decode(list[k], NULL, bytes, size, count), HIST_OK);
        assert_memory_equal(got, x, count * sizeof(*x));
    }
    return size;
}

/* ---- values ----------------------------------------------------------------------------- */

/* A whole number near a normal one of standard deviation 1. */
static int64_t normal_step(void)
{
    int64_t sum = 0;

    for (int i = 0; i < 12; i++) {
        sum += cc_noise_below(1 << 16);
    }
    return (int64_t)floor((double)(sum - 6 * (1 << 16)) / (1 << 16) + 0.5);
}

/* Between 0 and 100, as a percentage. */
static void fill_walk(uint64_t *to, uint32_t count)
{
    int64_t v = 50;

    for (uint32_t i = 0; i < count; i++) {
        v += normal_step();
        v = v < 0 ? 0 : v > 100 ? 100 : v;
        to[i] = (uint64_t)v;
    }
}

/* Every 10 s with a delay of 0 to 40 ms, in ns. */
static void fill_clock(uint64_t *to, uint32_t count, int64_t start)
{
    for (uint32_t i = 0; i < count; i++) {
        to[i] = (uint64_t)((start + (int64_t)i * 10000 + cc_noise_below(41)) * 1000000);
    }
}

enum {
    FILL_CONSTANT,
    FILL_ALTERNATING,
    FILL_NOISE,
    FILL_EXTREMES,
    FILL_TAILS,
    FILL_WALK,
    FILL_WALK_OF_WALK,
    FILL_THIRD,
    FILL_CLOCK,
    FILL_SPARSE,
    FILL_SPIKES,
    FILL_SCALED,
    FILL_RARE,
    FILL_LEVELS,
    FILL_RESTS,
    FILL_MOODS,
    FILLS,
};

static uint64_t fill_value(int fill, uint32_t i, uint64_t *level, uint64_t *slope)
{
    static const int64_t ends[] = {INT64_MIN, INT64_MAX, 0, -1, 1};
    const uint64_t noise = cc_noise();

    switch (fill) {
    case FILL_CONSTANT:
        return 77;
    case FILL_ALTERNATING:
        return i % 2 == 0 ? 5 : UINT64_MAX - 5;
    case FILL_NOISE:
        return noise;
    case FILL_EXTREMES:
        return (uint64_t)ends[noise % 5];
    case FILL_TAILS:
        return noise >> (cc_noise() % 64);
    case FILL_SPARSE:
        return noise % 9 * noise % 9 * UINT64_C(1000000007);
    case FILL_SPIKES:
        return noise % 50 == 0 ? cc_noise() : noise % 1000;
    case FILL_SCALED:
        return (noise % 1000) * 12500 + 17;
    case FILL_RARE:
        return noise % 300 == 0 ? 1 : 0;
    case FILL_LEVELS:
        return noise % 7 * 100000 + cc_noise() % (1 + i % 30);
    case FILL_RESTS:
        return i / 700 % 2 == 0 ? noise % 2 : noise % 200;
    case FILL_MOODS:
        return noise % (UINT64_C(3) << (i / 500 % 5));
    case FILL_WALK_OF_WALK:
        *slope += (uint64_t)normal_step();
        return *level += *slope;
    case FILL_THIRD:
        return (uint64_t)i * i * i * 1000 + (uint64_t)normal_step();
    default:
        return *level += (uint64_t)normal_step();
    }
}

static void fill_values(int fill, uint32_t count)
{
    uint64_t level = 1000;
    uint64_t slope = 3;

    if (fill == FILL_CLOCK) {
        fill_clock(x, count, 1700000000000);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        x[i] = fill_value(fill, i, &level, &slope);
    }
}

/* ---- round trips ------------------------------------------------------------------------ */

static void every_value_comes_back_on_every_cpu(void **state)
{
    static const uint32_t counts[] = {1,    2,    3,    4,    5,    6,    7,    8,    15,
                                      16,   17,   31,   32,   33,   63,   64,   65,   100,
                                      255,  256,  257,  499,  1000, 1023, 1024, 1025, 1026,
                                      1027, 1028, 2047, 2049, 4320, 8189, 8191, 8192};

    (void)state;
    for (int fill = 0; fill < FILLS; fill++) {
        for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
            fill_values(fill, counts[c]);
            (void)round_trip(counts[c]);
        }
    }
}

static void every_count_comes_back(void **state)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();

    (void)state;
    for (uint32_t count = 1; count <= 1200; count++) {
        fill_values(count % 3 == 0 ? FILL_TAILS : FILL_WALK, count);
        const size_t size = hi_cold_encode(kern, &scratch, NULL, x, count, ROOM, bytes);
        assert_in_range(size, 1, ROOM);
        assert_int_equal(decode(kern, NULL, bytes, size, count), HIST_OK);
        assert_memory_equal(got, x, count * sizeof(*x));
    }
}

/* Which of each choice the encoder ever made. */
typedef struct seen {
    unsigned predictors;
    unsigned lanes;
    unsigned forms;  /* 1 SPLIT, 2 with low bits, 4 BINS, 8 escapes */
    unsigned tables; /* Bit of each number of them. */
} seen;

static void look(uint32_t count, seen *s)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    static hi_cold_plan plan;

    hi_cold_plan_make(kern, &scratch, x, count, &plan);
    assert_in_range(hi_cold_write(kern, &scratch, &plan, NULL, x, ROOM, bytes), 1, ROOM);
    s->predictors |= 1U << plan.predictor;
    s->lanes |= 1U << (bytes[1] >> 4 & 3);
    s->tables |= 1U << plan.form.tables;
    s->forms |= plan.form.bins ? 4 : plan.form.width > 0 ? 2 : 1;
    s->forms |= plan.form.escape != HI_COLD_NO_ESCAPE ? 8 : 0;
}

static void the_encoder_uses_all_that_the_format_has(void **state)
{
    static const uint32_t counts[] = {64, 1000, 4320, 8192};
    seen s = {0};

    (void)state;
    for (int fill = 0; fill < FILLS; fill++) {
        for (size_t c = 0; c < sizeof(counts) / sizeof(*counts); c++) {
            fill_values(fill, counts[c]);
            look(counts[c], &s);
        }
    }
    assert_int_equal(s.predictors, 0x1f);
    assert_int_equal(s.lanes, 7);
    assert_int_equal(s.forms, 0xf);
    assert_int_equal(s.tables & 0x16, 0x16);
}

/* ---- what it takes ---------------------------------------------------------------------- */

/* Entropy in bits of `count` differences, counted. */
static double delta_entropy(const uint64_t *of, uint32_t count)
{
    uint32_t seen_of[256] = {0};
    double bits = 0;

    for (uint32_t i = 1; i < count; i++) {
        seen_of[(of[i] - of[i - 1] + 128) & 0xff]++;
    }
    for (int s = 0; s < 256; s++) {
        if (seen_of[s] > 0) {
            bits -= seen_of[s] * log2((double)seen_of[s] / (count - 1));
        }
    }
    return bits;
}

static size_t encoded_size(uint32_t count)
{
    const size_t size =
        hi_cold_encode(hi_codec_kernels_pick(), &scratch, NULL, x, count, ROOM, bytes);

    assert_in_range(size, 1, ROOM);
    return size;
}

static void a_small_walk_takes_little_more_than_its_entropy(void **state)
{
    (void)state;
    fill_walk(x, HI_BLOCK_ROWS_MAX);
    const double most = delta_entropy(x, HI_BLOCK_ROWS_MAX) * 1.025;
    assert_true((double)encoded_size(HI_BLOCK_ROWS_MAX) * 8 <= most);
}

static void a_clock_with_jitter_finds_its_slope(void **state)
{
    (void)state;
    for (int64_t start = 0; start < 10; start++) {
        fill_clock(x, WALK_ROWS, 1700000000000 + start * 86400000);
        assert_true((double)encoded_size(WALK_ROWS) * 8 / WALK_ROWS <= 5.53);
    }
}

static void a_clock_with_gaps_takes_only_its_gaps(void **state)
{
    uint64_t at = 1700000000;

    (void)state;
    for (uint32_t i = 0; i < HI_BLOCK_ROWS_MAX; i++) {
        at += cc_noise_below(100) == 0 ? 1 + cc_noise() % 20 : 1;
        x[i] = at * 1000000000;
    }
    assert_true((double)encoded_size(HI_BLOCK_ROWS_MAX) * 8 / HI_BLOCK_ROWS_MAX <= 0.2);
}

static void a_signal_that_rests_takes_little_while_it_does(void **state)
{
    double entropy = 0;

    (void)state;
    fill_values(FILL_RESTS, HI_BLOCK_ROWS_MAX);
    for (uint32_t i = 0; i < HI_BLOCK_ROWS_MAX; i++) {
        entropy += i / 700 % 2 == 0 ? 1 : log2(200);
    }
    assert_true((double)encoded_size(HI_BLOCK_ROWS_MAX) * 8 <= entropy * 1.07);
}

/* Hundredths, below 100000 in all, of which 4 of 5 are whole and below 1000 of those. */
static void fill_amounts(uint64_t *to, uint32_t count, bool debts)
{
    for (uint32_t i = 0; i < count; i++) {
        const int64_t whole = cc_noise_below(1000) * 100;
        const int64_t amount = cc_noise_below(5) == 0 ? cc_noise_below(100000) : whole;
        to[i] = (uint64_t)(debts ? amount - 50000 : amount);
    }
}

static void amounts_of_which_most_are_whole_take_steps(void **state)
{
    static hi_cold_plan plan;
    const double entropy = 0.8 * log2(1000 / 0.8) + 0.2 * log2(100000 / 0.2);

    (void)state;
    for (int debts = 0; debts < 2; debts++) {
        fill_amounts(x, HI_BLOCK_ROWS_MAX, debts != 0);
        hi_cold_plan_make(hi_codec_kernels_pick(), &scratch, x, HI_BLOCK_ROWS_MAX, &plan);
        assert_int_equal(plan.form.step, 100);
        assert_in_range(plan.form.coarse, 1, hi_cold_bins(&plan.form) - 1);
        assert_true((double)round_trip(HI_BLOCK_ROWS_MAX) * 8 <=
                    entropy * HI_BLOCK_ROWS_MAX * 1.02);
    }
}

/* The differences are taken, which are multiples of the step where their values are. */
static void a_walk_of_tens_with_some_units_takes_steps(void **state)
{
    static hi_cold_plan plan;
    uint64_t at = UINT64_MAX - 3; /* Around 0. */

    (void)state;
    for (uint32_t i = 0; i < HI_BLOCK_ROWS_MAX; i++) {
        const bool whole = cc_noise_below(10) != 0;
        at += (uint64_t)(whole ? cc_noise_below(2001) * 10 - 10000 : cc_noise_below(20001) - 10000);
        x[i] = at;
    }
    hi_cold_plan_make(hi_codec_kernels_pick(), &scratch, x, HI_BLOCK_ROWS_MAX, &plan);
    assert_int_equal(plan.predictor, HI_PREDICTOR_DELTA);
    assert_int_equal(plan.form.step, 10);
    (void)round_trip(HI_BLOCK_ROWS_MAX);
}

static void noise_takes_no_steps(void **state)
{
    static hi_cold_plan plan;

    (void)state;
    for (uint32_t i = 0; i < HI_BLOCK_ROWS_MAX; i++) {
        x[i] = (uint64_t)cc_noise_below(1000003);
    }
    hi_cold_plan_make(hi_codec_kernels_pick(), &scratch, x, HI_BLOCK_ROWS_MAX, &plan);
    assert_int_equal(plan.form.step, 0);
    assert_int_equal(plan.form.coarse, 0);
}

/* The last bin ends where numbers do, and the others are looked for by halves of a power of two. */
static void bins_reach_from_the_lowest_number_to_the_highest(void **state)
{
    const uint64_t heaps[] = {(uint64_t)INT64_MIN, 0, (uint64_t)INT64_MAX - 9};

    (void)state;
    cc_seed = 31;
    for (uint32_t count = 1000; count <= HI_BLOCK_ROWS_MAX; count += 1798) {
        hi_cold_view view;

        for (uint32_t i = 0; i < count; i++) {
            x[i] = heaps[cc_noise() % 3] + cc_noise() % 10;
        }
        const size_t size = round_trip(count);
        hi_reader r = hi_reader_of(bytes, size);
        assert_int_equal(hi_cold_open(&r, count, NULL, &view), HIST_OK);
        assert_true(view.form->bins);
        assert_int_equal(view.escapes, 0);
    }
}

static void nothing_is_written_that_is_not_below_the_limit(void **state)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();

    (void)state;
    fill_walk(x, 1000);
    const size_t size = encoded_size(1000);
    for (size_t limit = 0; limit <= size + 1; limit += limit + 8 < size ? 8 : 1) {
        uint8_t *exact = malloc(limit + 1);
        const size_t made = hi_cold_encode(kern, &scratch, NULL, x, 1000, limit, exact);
        assert_int_equal(made, limit > size ? size : 0);
        free(exact);
    }
}

/* ---- sharing ---------------------------------------------------------------------------- */

static uint64_t pages[WALKS][HI_BLOCK_ROWS_MAX];
static const uint64_t *page_x[WALKS];
static hi_cold_plan page_plans[WALKS];

/* Plans and shares; returns the set's bytes. */
static size_t page_share(uint32_t streams, uint32_t rows, uint8_t *set_bytes)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();

    for (uint32_t i = 0; i < streams; i++) {
        page_x[i] = pages[i];
        hi_cold_plan_make(kern, &scratch, pages[i], rows, &page_plans[i]);
    }
    hi_cold_share(kern, &scratch, page_plans, page_x, streams, &sets[0]);
    const size_t size = hi_cold_set_put(&sets[0], set_bytes);
    hi_reader r = hi_reader_of(set_bytes, size);
    assert_int_equal(hi_cold_set_open(&r, &sets[1]), HIST_OK);
    assert_int_equal(hi_reader_left(&r), 0);
    assert_int_equal(sets[1].count, sets[0].count);
    return size;
}

/* Writes all streams with the set and reads them; returns their size. */
static size_t page_sizes(uint32_t streams, uint32_t rows, uint32_t *shared)
{
    const hi_codec_kernels *kern = hi_codec_kernels_pick();
    size_t total = 0;

    *shared = 0;
    for (uint32_t i = 0; i < streams; i++) {
        const size_t size =
            hi_cold_write(kern, &scratch, &page_plans[i], &sets[0], pages[i], ROOM, bytes);
        assert_in_range(size, 1, ROOM);
        assert_int_equal(decode(kern, &sets[1], bytes, size, rows), HIST_OK);
        assert_memory_equal(got, pages[i], rows * sizeof(uint64_t));
        *shared += bytes[0] == HI_STREAM_COLD_SHARED;
        total += size;
    }
    return total;
}

static void walks_that_share_take_little_more_than_their_entropy(void **state)
{
    static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    double entropy = 0;
    uint32_t shared = 0;

    (void)state;
    for (uint32_t i = 0; i < WALKS; i++) {
        fill_walk(pages[i], WALK_ROWS);
        entropy += delta_entropy(pages[i], WALK_ROWS);
    }
    const size_t set_size = page_share(WALKS, WALK_ROWS, set_bytes);
    const size_t size = page_sizes(WALKS, WALK_ROWS, &shared) + set_size;
    assert_int_equal(shared, WALKS);
    assert_true((double)size * 8 <= entropy * 1.018);
}

/* Short ones, so that a form of their own is dear; what the pool did not have is an escape. */
static void amounts_that_share_have_a_form_with_steps(void **state)
{
    static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    uint32_t shared = 0;

    (void)state;
    for (uint32_t i = 0; i < WALKS; i++) {
        fill_amounts(pages[i], 1000, false);
        pages[i][0] = UINT64_C(1) << (20 + i);
    }
    (void)page_share(WALKS, 1000, set_bytes);
    (void)page_sizes(WALKS, 1000, &shared);
    assert_in_range(sets[0].count, 1, HI_COLD_FORMS_MAX);
    assert_int_equal(sets[0].form[0].step, 100);
    assert_true(shared >= WALKS / 2);
}

static void clocks_that_share_find_the_same_symbols(void **state)
{
    static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    uint32_t shared = 0;

    (void)state;
    for (uint32_t i = 0; i < WALKS; i++) {
        fill_clock(pages[i], WALK_ROWS, 1700000000000 + cc_noise_below(1000000));
    }
    const size_t set_size = page_share(WALKS, WALK_ROWS, set_bytes);
    const size_t size = page_sizes(WALKS, WALK_ROWS, &shared) + set_size;
    assert_int_equal(shared, WALKS);
    assert_true((double)size * 8 / (WALKS * WALK_ROWS) <= 5.47);
}

static void streams_of_all_kinds_come_back_from_one_page(void **state)
{
    static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    uint32_t shared = 0;

    (void)state;
    for (int round = 0; round < FILLS; round++) {
        for (uint32_t i = 0; i < WALKS; i++) {
            fill_values(i % 3 == 0 ? round : (int)(cc_noise() % FILLS), 700);
            memcpy(pages[i], x, 700 * sizeof(*x));
        }
        (void)page_share(WALKS, 700, set_bytes);
        (void)page_sizes(WALKS, 700, &shared);
    }
}

static void a_form_must_save_what_it_takes(void **state)
{
    static uint8_t set_bytes[HI_COLD_SET_BYTES_MAX];
    uint32_t shared = 0;

    (void)state;
    for (int fill = 0; fill < FILLS; fill++) {
        size_t alone = 0;
        for (uint32_t i = 0; i < WALKS; i++) {
            fill_values(fill, 500);
            memcpy(pages[i], x, 500 * sizeof(*x));
            alone += encoded_size(500);
        }
        const size_t set_size = page_share(WALKS, 500, set_bytes);
        const size_t size = page_sizes(WALKS, 500, &shared);
        assert_true(size + set_size <= alone + WALKS + 1);
    }
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(every_value_comes_back_on_every_cpu),
    cmocka_unit_test(every_count_comes_back),
    cmocka_unit_test(the_encoder_uses_all_that_the_format_has),
    cmocka_unit_test(a_small_walk_takes_little_more_than_its_entropy),
    cmocka_unit_test(a_clock_with_jitter_finds_its_slope),
    cmocka_unit_test(a_clock_with_gaps_takes_only_its_gaps),
    cmocka_unit_test(a_signal_that_rests_takes_little_while_it_does),
    cmocka_unit_test(amounts_of_which_most_are_whole_take_steps),
    cmocka_unit_test(a_walk_of_tens_with_some_units_takes_steps),
    cmocka_unit_test(noise_takes_no_steps),
    cmocka_unit_test(bins_reach_from_the_lowest_number_to_the_highest),
    cmocka_unit_test(nothing_is_written_that_is_not_below_the_limit),
    cmocka_unit_test(walks_that_share_take_little_more_than_their_entropy),
    cmocka_unit_test(amounts_that_share_have_a_form_with_steps),
    cmocka_unit_test(clocks_that_share_find_the_same_symbols),
    cmocka_unit_test(streams_of_all_kinds_come_back_from_one_page),
    cmocka_unit_test(a_form_must_save_what_it_takes),
};

CC_MAIN(tests)
