/* series_filter.c -- FIR and IIR filters; see series.h. */
#include <string.h>

#include "query/series.h"

static void filter_all_valid(uint64_t *bits, size_t n)
{
    memset(bits, 0, hi_series_words(n) * sizeof(*bits));
    for (size_t i = 0; i < n; i++) {
        bits[i >> 6] |= UINT64_C(1) << (i & 63);
    }
}

static void filter_clear(uint64_t *bits, size_t i)
{
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}

static bool filter_has_all(const hi_series *s)
{
    for (size_t i = 0; s->valid != NULL && i < s->n; i++) {
        if (!hi_series_has(s, i)) {
            return false;
        }
    }
    return true;
}

/* Marks the outputs [i - shift, i - shift + length) that a null at i reaches. */
static void filter_spread_nulls(const hi_series *s, size_t length, size_t shift,
                                uint64_t *valid_out)
{
    size_t done = 0; /* Outputs before this one are marked or not concerned. */

    for (size_t i = 0; s->valid != NULL && i < s->n; i++) {
        if (hi_series_has(s, i)) {
            continue;
        }
        const size_t from = i > shift ? i - shift : 0;
        const size_t end = i + length > shift ? i + length - shift : 0;
        for (size_t k = from > done ? from : done; k < end && k < s->n; k++) {
            filter_clear(valid_out, k);
        }
        done = end > done ? end : done;
    }
}

/* Adds one coefficient's part; element i of the input lands at i + k - shift. */
static void filter_add(const hi_series *s, double coefficient, size_t k, size_t shift, double *out)
{
    const size_t to = k > shift ? k - shift : 0;
    const size_t from = shift > k ? shift - k : 0;

    if (to >= s->n || from >= s->n) {
        return;
    }
    const size_t count = s->n - (to > from ? to : from);
    for (size_t i = 0; i < count; i++) {
        out[to + i] += coefficient * s->v[from + i];
    }
}

bool hi_series_fir(const hi_series *s, const hi_series *filter, hi_fir *options, double *out,
                   uint64_t *valid_out)
{
    bool negative = false;
    double sum = 0;

    if (filter->n == 0 || !filter_has_all(filter)) {
        return false;
    }
    for (size_t k = 0; k < filter->n; k++) {
        negative = negative || filter->v[k] < 0;
        sum += filter->v[k];
    }
    if (negative && options->normalize == HI_FIR_YES) {
        return false;
    }
    options->normalized = !negative && options->normalize != HI_FIR_NO;
    const size_t shift = options->center ? (filter->n - 1) / 2 : 0;
    memset(out, 0, s->n * sizeof(*out));
    for (size_t k = 0; k < filter->n; k++) {
        filter_add(s, filter->v[k], k, shift, out);
    }
    if (options->normalized) {
        for (size_t i = 0; i < s->n; i++) {
            out[i] /= sum;
        }
    }
    filter_all_valid(valid_out, s->n);
    filter_spread_nulls(s, filter->n, shift, valid_out);
    return true;
}

/* Elements before the first null. */
static size_t filter_before_null(const hi_series *s)
{
    size_t i = 0;

    while (i < s->n && hi_series_has(s, i)) {
        i++;
    }
    return i;
}

bool hi_series_iir(const hi_series *s, const hi_series *b, const hi_series *a, double *out,
                   uint64_t *valid_out)
{
    if (a->n == 0 || b->n == 0 || !filter_has_all(a) || !filter_has_all(b) || a->v[0] == 0) {
        return false;
    }
    const size_t n = filter_before_null(s);
    memset(valid_out, 0, hi_series_words(s->n) * sizeof(*valid_out));
    filter_all_valid(valid_out, n);
    for (size_t i = 0; i < n; i++) {
        double y = 0;

        for (size_t k = 0; k < b->n && k <= i; k++) {
            y += b->v[k] * s->v[i - k];
        }
        for (size_t k = 1; k < a->n && k <= i; k++) {
            y -= a->v[k] * out[i - k];
        }
        out[i] = y / a->v[0];
    }
    return true;
}
