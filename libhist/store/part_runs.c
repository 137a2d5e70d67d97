/*
 * part_runs.c -- runs of a row group to bytes and back; see part_runs.h and part.md.
 *
 * What the footer says of the group is not said again: its rows, its first series, its first and last
 * time. A group of one series needs no byte.
 */
#include "store/part_runs.h"

#include <assert.h>

/* What times are counted from and in: the first and last time of the group, and a power of ten. */
typedef struct runs_frame {
    int64_t first_ns;
    int64_t last_ns;
    uint64_t unit_ns;
} runs_frame;

typedef uint64_t (*runs_number)(const hi_run *runs, uint32_t i, const runs_frame *frame);

static uint64_t runs_minus(int64_t a, int64_t b)
{
    return (uint64_t)a - (uint64_t)b;
}

static uint64_t runs_series(const hi_run *runs, uint32_t i, const runs_frame *frame)
{
    (void)frame;
    return i == 0 ? 0 : runs[i].series - runs[i - 1].series - 1;
}

static uint64_t runs_rows(const hi_run *runs, uint32_t i, const runs_frame *frame)
{
    (void)frame;
    return runs[i].rows - 1;
}

static uint64_t runs_first(const hi_run *runs, uint32_t i, const runs_frame *frame)
{
    return runs_minus(runs[i].first_ns, frame->first_ns) / frame->unit_ns;
}

static uint64_t runs_long(const hi_run *runs, uint32_t i, const runs_frame *frame)
{
    return runs_minus(runs[i].last_ns, runs[i].first_ns) / frame->unit_ns;
}

static uint64_t runs_left(const hi_run *runs, uint32_t i, const runs_frame *frame)
{
    return runs_minus(frame->last_ns, runs[i].last_ns) / frame->unit_ns;
}

/* Puts the numbers of runs [first, count) where w is not NULL; what they take, in bits. */
static size_t runs_line(hi_line_writer *w, runs_number number, const hi_run *runs, uint32_t first,
                        uint32_t count, const runs_frame *frame)
{
    uint64_t numbers[HI_LINE_NUMBERS];
    size_t bits = 0;

    for (uint32_t at = first; at < count; at += HI_LINE_NUMBERS) {
        const uint32_t here = count - at < HI_LINE_NUMBERS ? count - at : HI_LINE_NUMBERS;

        for (uint32_t i = 0; i < here; i++) {
            numbers[i] = number(runs, at + i, frame);
        }
        bits += hi_line_cost(numbers, here);
        if (w != NULL) {
            hi_line_put(w, numbers, here);
        }
    }
    return bits;
}

/* What the footer will say. */
static runs_frame runs_span(const hi_run *runs, uint32_t count)
{
    runs_frame frame = {.first_ns = runs[0].first_ns, .last_ns = runs[0].last_ns};

    for (uint32_t i = 1; i < count; i++) {
        frame.first_ns = runs[i].first_ns < frame.first_ns ? runs[i].first_ns : frame.first_ns;
        frame.last_ns = runs[i].last_ns > frame.last_ns ? runs[i].last_ns : frame.last_ns;
    }
    return frame;
}

/* The power of ten that divides all of them. Differences of far times may not fit: then none. */
static unsigned runs_tens(const hi_run *runs, uint32_t count, const runs_frame *frame)
{
    const uint64_t span = runs_minus(frame->last_ns, frame->first_ns);
    unsigned power = span > INT64_MAX ? 0 : hi_tens_of((int64_t)span, HI_TENS_MAX);

    for (uint32_t i = 0; power > 0 && i < count; i++) {
        power = hi_tens_of((int64_t)runs_minus(runs[i].first_ns, frame->first_ns), power);
        power = hi_tens_of((int64_t)runs_minus(runs[i].last_ns, frame->first_ns), power);
    }
    return power;
}

void hi_part_runs_put(hi_buf *to, const hi_run *runs, uint32_t count)
{
    runs_frame frame = runs_span(runs, count);
    hi_line_writer w = hi_lines_begin(to);

    if (count == 1) {
        return;
    }
    const unsigned power = runs_tens(runs, count, &frame);
    frame.unit_ns = (uint64_t)hi_tens(power);
    const bool left = runs_line(NULL, runs_left, runs, 0, count, &frame) <
                      runs_line(NULL, runs_long, runs, 0, count, &frame);
    (void)runs_line(&w, runs_series, runs, 1, count, &frame);
    (void)runs_line(&w, runs_rows, runs, 0, count - 1, &frame);
    hi_line_bits(&w, power, HI_TENS_BITS);
    hi_line_bits(&w, left, 1);
    (void)runs_line(&w, runs_first, runs, 0, count, &frame);
    (void)runs_line(&w, left ? runs_left : runs_long, runs, 0, count, &frame);
}

/* ---- back ---- */

typedef struct runs_reader {
    hi_bit_reader bits;
    uint64_t numbers[HI_LINE_NUMBERS];
    uint32_t at; /* Number i of a line is numbers[i % HI_LINE_NUMBERS]. */
} runs_reader;

/* Number i of a line of `count`. */
static uint64_t runs_next(runs_reader *r, uint32_t i, uint32_t count)
{
    const uint32_t left = count - i;

    if (i % HI_LINE_NUMBERS == 0) {
        hi_line_get(&r->bits, r->numbers, left < HI_LINE_NUMBERS ? left : HI_LINE_NUMBERS);
    }
    return r->numbers[i % HI_LINE_NUMBERS];
}

static bool runs_get_rows(runs_reader *r, const hi_part_group *group, hi_run *runs, uint32_t count)
{
    uint64_t series = group->first_series;
    uint32_t row = 0;

    runs[0].series = group->first_series;
    for (uint32_t i = 1; i < count; i++) {
        const uint64_t more = runs_next(r, i - 1, count - 1);

        if (more >= UINT32_MAX - series) {
            return false;
        }
        series += more + 1;
        runs[i].series = (uint32_t)series;
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t left = group->rows - row;
        const uint64_t rows = i + 1 < count ? runs_next(r, i, count - 1) : left - 1;

        /* Something is left for the runs that follow. */
        if (rows >= left - (i + 1 < count)) {
            return false;
        }
        runs[i].first_row = row;
        runs[i].rows = (uint32_t)rows + 1;
        row += runs[i].rows;
    }
    return series == group->last_series;
}

static bool runs_get_times(runs_reader *r, const hi_part_group *group, hi_run *runs, uint32_t count)
{
    const unsigned power = (unsigned)hi_get_bits(&r->bits, HI_TENS_BITS);
    const bool left = hi_get_bits(&r->bits, 1) != 0;
    const uint64_t span = runs_minus(group->last_ns, group->first_ns);

    if (power > HI_TENS_MAX) {
        return false;
    }
    const uint64_t unit = (uint64_t)hi_tens(power);
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t first = runs_next(r, i, count);

        if (first > span / unit) {
            return false;
        }
        runs[i].first_ns = (int64_t)((uint64_t)group->first_ns + first * unit);
    }
    for (uint32_t i = 0; i < count; i++) {
        const uint64_t more = runs_next(r, i, count);

        if (more > runs_minus(group->last_ns, runs[i].first_ns) / unit) {
            return false;
        }
        runs[i].last_ns = (int64_t)(left ? (uint64_t)group->last_ns - more * unit
                                         : (uint64_t)runs[i].first_ns + more * unit);
    }
    return true;
}

bool hi_part_runs_get(hi_reader *reader, const hi_part_group *group, hi_run *runs, uint32_t count)
{
    runs_reader r = {.bits = hi_bits_begin(reader)};

    assert(count >= 1 && count <= group->rows);
    if (count == 1) {
        runs[0] = (hi_run){.series = group->first_series,
                           .rows = group->rows,
                           .first_ns = group->first_ns,
                           .last_ns = group->last_ns};
        return group->first_series == group->last_series;
    }
    if (!runs_get_rows(&r, group, runs, count) || !runs_get_times(&r, group, runs, count)) {
        return false;
    }
    hi_bits_end(reader, &r.bits);
    return !reader->failed;
}

/* ---- blocks ---- */

static uint32_t runs_split_even(uint32_t *block_rows, uint32_t at, uint32_t rows)
{
    const uint32_t count = (rows + HI_BLOCK_ROWS_MAX - 1) / HI_BLOCK_ROWS_MAX;

    for (uint32_t i = 0; i < count; i++) {
        assert(at < HI_PART_BLOCKS_MAX);
        block_rows[at++] = rows / count + (i < rows % count);
    }
    return at;
}

/* Big series have blocks of their own, small ones are pooled; each stretch is split evenly. No more than
   16 series are big, with 17 stretches between them: no more than 8 + 16 + 17 blocks. */
uint32_t hi_part_plan_blocks(const hi_run *runs, uint32_t run_count, uint32_t *block_rows)
{
    uint32_t pooled = 0;
    uint32_t count = 0;

    for (uint32_t i = 0; i < run_count; i++) {
        if (runs[i].rows < HI_SERIES_BLOCK_ROWS) {
            pooled += runs[i].rows;
        } else {
            count = runs_split_even(block_rows, count, pooled);
            pooled = 0;
            count = runs_split_even(block_rows, count, runs[i].rows);
        }
    }
    return runs_split_even(block_rows, count, pooled);
}
