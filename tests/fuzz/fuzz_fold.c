/*
 * fuzz_fold.c -- answers straight from hostile blocks: sums, comparisons and bins of some rows.
 * Every CPU variant gives the same, and where the block decodes, it is what its values give.
 *
 * u8 flags (type + 4 * op of comparison, bit 7: nothing is shared), u16 rows, u16 first, u16 count,
 * svarint a or origin, svarint b or width, then the block.
 */
#include <stdlib.h>

#include "base/wide.h"
#include "codec/fold_kern.h"
#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FUZZ_TYPES = 4, FUZZ_OPS = 7, FUZZ_ALONE = 0x80 };

static const hist_type fuzz_types[FUZZ_TYPES] = {HIST_TYPE_LONG, HIST_TYPE_REAL, HIST_TYPE_DATETIME,
                                                 HIST_TYPE_INT};

typedef struct fuzz_input {
    hi_block_bytes block;
    uint32_t first;
    uint32_t count;
    hi_compare compare; /* Also origin and width of bins. */
    uint8_t *source;
} fuzz_input;

/* What the block decodes to, as 64-bit words; status other than HIST_OK: to nothing. */
typedef struct fuzz_truth {
    hist_status status;
    uint64_t valid[HI_BLOCK_ROWS_MAX / 64];
    uint64_t words[HI_BLOCK_ROWS_MAX + HI_CODEC_PAD / 8];
} fuzz_truth;

static fuzz_truth truth;

static void fuzz_decode(const fuzz_input *in)
{
    const hi_room room = {.valid = truth.valid, .data = truth.words};
    const hi_block_bytes *b = &in->block;
    hi_decoded d;

    truth.status = hi_block_decode(b->type, b->src, b->size, b->rows, b->shared, &room, &d);
    if (truth.status == HIST_OK && b->type == HIST_TYPE_INT) {
        for (uint32_t i = b->rows; i-- > 0;) {
            truth.words[i] = ((const uint32_t *)truth.words)[i];
        }
    }
}

/* ---- sums ---- */

static uint64_t fuzz_key(uint64_t bits)
{
    return bits >> 63 != 0 ? ~bits : bits | UINT64_C(1) << 63;
}

/* Unsigned numbers of the order of the type. */
static uint64_t fuzz_order(hist_type type, uint64_t word)
{
    return type == HIST_TYPE_REAL ? fuzz_key(word) : word ^ UINT64_C(1) << 63;
}

static void fuzz_take_extremes(hist_type type, uint64_t word, bool first, hi_fold *f)
{
    const uint64_t order = fuzz_order(type, word);

    f->min = first || order < fuzz_order(type, f->min) ? word : f->min;
    f->max = first || order > fuzz_order(type, f->max) ? word : f->max;
}

static void fuzz_sum_reals(const double *lanes, hi_fold *f)
{
    double sum = 0;

    for (unsigned l = 0; l < HI_LANES; l++) {
        sum += lanes[l];
    }
    f->sum_lo = sum != sum ? UINT64_C(0x7ff8000000000000) : hi_bits_of(sum);
}

static hi_fold fuzz_fold_truth(const fuzz_input *in)
{
    const bool real = in->block.type == HIST_TYPE_REAL;
    uint32_t at = hi_valid_count(truth.valid, in->first / 64 * 64);
    double lanes[HI_LANES] = {0};
    hi_fold f = {.count = 0};
    hi_wide sum = {0};

    for (uint32_t i = in->first / 64 * 64; i < in->first + in->count; i++) {
        const uint64_t word = truth.words[i];
        const double v = hi_double_of(word);

        if (!hist_bit_get(truth.valid, i) || at++ == UINT32_MAX || i < in->first) {
            continue;
        }
        f.count++;
        if (real && v != v) {
            f.nans++;
            continue;
        }
        fuzz_take_extremes(in->block.type, word, f.count - f.nans == 1, &f);
        lanes[(at - 1) % HI_LANES] += real ? v : 0;
        sum = real ? sum : hi_wide_add(sum, hi_wide_of((int64_t)word));
    }
    f.sum_lo = sum.low;
    f.sum_hi = (uint64_t)sum.high;
    if (real) {
        fuzz_sum_reals(lanes, &f);
    }
    return f;
}

static bool fuzz_same_fold(const hi_fold *a, const hi_fold *b)
{
    return a->count == b->count && a->nans == b->nans && a->sum_lo == b->sum_lo &&
           a->sum_hi == b->sum_hi &&
           (a->count == a->nans || (a->min == b->min && a->max == b->max));
}

/* Sums alone are those of the figures, or the same damage. */
static void fuzz_sum(const fuzz_input *in, const hi_codec_kernels *kern, hist_status folded,
                     hi_fold f)
{
    hi_fold sum = {.count = 0};

    fz_check(hi_block_sum_with(kern, &in->block, in->first, in->count, &sum) == folded,
             "figures and sums disagree on damage");
    f.min = sum.min;
    f.max = sum.max;
    fz_check(folded != HIST_OK || fuzz_same_fold(&f, &sum), "a sum is not that of the figures");
}

/* A decoder that sees all of the block may find damage where one that sees some rows finds none. */
static void fuzz_check_status(hist_status status, hist_status wanted, bool first)
{
    fz_check(status == HIST_OK || status == HIST_ECORRUPT, "a status of its own");
    fz_check(status == wanted, "variants disagree on damage");
    fz_check(!first || truth.status != HIST_OK || status == HIST_OK,
             "an answer is damaged, the block is not");
}

static void fuzz_fold(const fuzz_input *in)
{
    const fz_variants *here = fz_variants_here();
    hist_status wanted = HIST_OK;
    hi_fold first;

    for (uint32_t i = 0; i < here->count; i++) {
        hi_fold f = {.count = 0};

        fz_pad(in->source, in->block.size, i);
        const hist_status status =
            hi_block_fold_with(here->kern[i], &in->block, in->first, in->count, &f);
        first = i == 0 ? f : first;
        wanted = i == 0 ? status : wanted;
        fuzz_check_status(status, wanted, i == 0);
        fz_check(status != HIST_OK || fuzz_same_fold(&first, &f), "variants disagree on figures");
        fuzz_sum(in, here->kern[i], status, f);
    }
    if (truth.status == HIST_OK) {
        const hi_fold f = fuzz_fold_truth(in);
        fz_check(fuzz_same_fold(&first, &f), "figures are not those of the values");
    }
}

/* ---- comparisons ---- */

static bool fuzz_op(hi_compare_op op, bool less, bool equal)
{
    switch (op) {
    case HI_COMPARE_EQ:
        return equal;
    case HI_COMPARE_LT:
        return less;
    case HI_COMPARE_LE:
        return less || equal;
    case HI_COMPARE_GT:
        return !less && !equal;
    default:
        return !less;
    }
}

static bool fuzz_is(hist_type type, hi_compare_op op, uint64_t word, uint64_t constant)
{
    const double v = hi_double_of(word);
    const double c = hi_double_of(constant);

    if (type != HIST_TYPE_REAL) {
        return fuzz_op(op, (int64_t)word < (int64_t)constant, word == constant);
    }
    return v == v && c == c && fuzz_op(op, v < c, v == c);
}

static bool fuzz_compare_truth(const fuzz_input *in, uint32_t row)
{
    const hist_type type = in->block.type;
    const hi_compare *c = &in->compare;
    const uint64_t word = truth.words[row];

    if (!hist_bit_get(truth.valid, row)) {
        return false;
    }
    if (c->op == HI_COMPARE_NE) {
        return !fuzz_is(type, HI_COMPARE_EQ, word, c->a);
    }
    if (c->op == HI_COMPARE_BETWEEN) {
        return fuzz_is(type, HI_COMPARE_GE, word, c->a) && fuzz_is(type, HI_COMPARE_LE, word, c->b);
    }
    return fuzz_is(type, c->op, word, c->a);
}

static void fuzz_compare(const fuzz_input *in)
{
    static uint64_t first[HI_BLOCK_ROWS_MAX / 64 + 1];
    const size_t bytes = (in->count + 63) / 64 * sizeof(*first);
    const fz_variants *here = fz_variants_here();
    uint64_t *bits = fz_alloc(bytes);
    hist_status wanted = HIST_OK;

    for (uint32_t i = 0; i < here->count; i++) {
        fz_pad(in->source, in->block.size, i);
        fz_paint(bits, bytes, i);
        const hist_status status = hi_block_compare_with(here->kern[i], &in->block, in->first,
                                                         in->count, &in->compare, bits);
        if (i == 0) {
            memcpy(first, bits, bytes);
            wanted = status;
        }
        fuzz_check_status(status, wanted, i == 0);
        fz_check(status != HIST_OK || memcmp(first, bits, bytes) == 0,
                 "variants disagree on comparisons");
    }
    for (uint32_t i = 0; truth.status == HIST_OK && i < bytes * 8; i++) {
        const bool wants = i < in->count && fuzz_compare_truth(in, in->first + i);

        fz_check(hist_bit_get(first, i) == wants, "a comparison is not that of the value");
    }
    free(bits);
}

/* ---- bins ---- */

/* Runs follow each other, and hold all rows with a value; each time is in its bin. */
/* How far t is in its bin: differences of int64 fit in uint64, whichever is larger. */
static uint64_t fuzz_past(int64_t t, int64_t origin, uint64_t width)
{
    if (t >= origin) {
        return ((uint64_t)t - (uint64_t)origin) % width;
    }
    const uint64_t before = ((uint64_t)origin - (uint64_t)t) % width;
    return before == 0 ? 0 : width - before;
}

static void fuzz_check_bins(const fuzz_input *in, const hi_bin_run *runs, uint32_t run_count)
{
    const uint64_t width = in->compare.b;
    const int64_t origin = (int64_t)in->compare.a;
    uint32_t row = in->first;

    for (uint32_t r = 0; r < run_count; r++) {
        for (; row < runs[r].first; row++) {
            fz_check(!hist_bit_get(truth.valid, row), "a row in no bin");
        }
        fz_check(runs[r].rows > 0 && runs[r].first == row, "a run out of place");
        for (; row < runs[r].first + runs[r].rows; row++) {
            const int64_t t = (int64_t)truth.words[row];
            const uint64_t past = fuzz_past(t, origin, width);
            const bool below = (uint64_t)t - (uint64_t)INT64_MIN < past;
            const int64_t start = below ? INT64_MIN : (int64_t)((uint64_t)t - past);

            fz_check(hist_bit_get(truth.valid, row), "a null in a bin");
            fz_check(start == runs[r].start, "a row in another bin");
        }
        fz_check(r == 0 || runs[r].start != runs[r - 1].start ||
                     runs[r].first > runs[r - 1].first + runs[r - 1].rows,
                 "a run in two");
    }
    for (; row < in->first + in->count; row++) {
        fz_check(!hist_bit_get(truth.valid, row), "a row in no bin");
    }
}

static void fuzz_bins(const fuzz_input *in)
{
    static hi_bin_run first[HI_BLOCK_ROWS_MAX];
    const fz_variants *here = fz_variants_here();
    hi_bin_run *runs = fz_alloc(in->count * sizeof(*runs));
    hist_status wanted = HIST_OK;
    uint32_t wanted_count = 0;

    for (uint32_t i = 0; i < here->count; i++) {
        uint32_t run_count = 0;

        fz_pad(in->source, in->block.size, i);
        const hist_status status = hi_block_bin_runs_with(here->kern[i], &in->block, in->first,
                                                          in->count, (int64_t)in->compare.a,
                                                          (int64_t)in->compare.b, runs, &run_count);
        if (i == 0) {
            wanted = status;
            wanted_count = run_count;
            memcpy(first, runs, (status == HIST_OK ? run_count : 0) * sizeof(*runs));
        }
        fuzz_check_status(status, wanted, i == 0);
        fz_check(status != HIST_OK || (run_count == wanted_count &&
                                       memcmp(first, runs, run_count * sizeof(*runs)) == 0),
                 "variants disagree on bins");
    }
    if (truth.status == HIST_OK) {
        fuzz_check_bins(in, first, wanted_count);
    }
    free(runs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    hi_reader r = hi_reader_of(data, size);
    const uint8_t flags = hi_read_u8(&r);
    fuzz_input in = {.block = {.type = fuzz_types[flags % FUZZ_TYPES]}};
    const hi_page_shared shared = fz_shared(in.block.type == HIST_TYPE_REAL, NULL);

    in.block.rows = fz_rows(hi_read_u16(&r));
    in.first = hi_read_u16(&r) % in.block.rows;
    in.count = hi_read_u16(&r) % (in.block.rows - in.first + 1);
    in.compare.op = (hi_compare_op)(flags / FUZZ_TYPES % FUZZ_OPS);
    in.compare.a = (uint64_t)hi_read_svarint(&r);
    in.compare.b = (uint64_t)hi_read_svarint(&r);
    if (r.failed) {
        return 0;
    }
    in.block.shared = (flags & FUZZ_ALONE) != 0 ? NULL : &shared;
    in.block.size = hi_reader_left(&r);
    in.block.src = in.source = fz_source(data + r.at, in.block.size);
    fuzz_decode(&in);
    fuzz_fold(&in);
    fuzz_compare(&in);
    if (in.block.type == HIST_TYPE_DATETIME && (int64_t)in.compare.b > 0) {
        fuzz_bins(&in);
    }
    free(in.source);
    return 0;
}
