/* series_fill.c -- missing values of a series; see series.h. */
#include <math.h>
#include <string.h>

#include "query/series.h"

static bool fill_bit(const uint64_t *bits, size_t i)
{
    return ((bits[i >> 6] >> (i & 63)) & 1) != 0;
}

static void fill_set(uint64_t *bits, size_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

size_t hi_series_missing(const hi_series *s, const double *placeholder, uint64_t *missing)
{
    size_t count = 0;

    memset(missing, 0, hi_series_words(s->n) * sizeof(*missing));
    for (size_t i = 0; i < s->n; i++) {
        bool gone = !hi_series_has(s, i);

        if (!gone && placeholder != NULL) {
            gone = s->v[i] == *placeholder || (isnan(*placeholder) && isnan(s->v[i]));
        }
        if (gone) {
            fill_set(missing, i);
            count++;
        }
    }
    return count;
}

void hi_series_fill_from(const uint64_t *missing, size_t n, bool forward, int64_t *from)
{
    int64_t last = -1;

    for (size_t k = 0; k < n; k++) {
        const size_t i = forward ? k : n - 1 - k;

        if (!fill_bit(missing, i)) {
            last = (int64_t)i;
        }
        from[i] = last;
    }
}

/* Fills the gap between the values at a and b (exclusive). */
static void fill_gap(const hi_series *s, size_t a, size_t b, bool integers, double *out)
{
    const double from = s->v[a];
    const double step = s->v[b] - from;
    const double length = (double)(b - a);

    for (size_t i = a + 1; i < b; i++) {
        const double v = from + step * ((double)(i - a) / length);
        out[i] = integers ? trunc(v) : v;
    }
}

static void fill_constant(size_t n, double constant, double *out, uint64_t *valid_out)
{
    for (size_t i = 0; i < n; i++) {
        out[i] = constant;
        fill_set(valid_out, i);
    }
}

/* An edge of missing values takes the nearest value, or stays. */
static void fill_edge(size_t from, size_t to, double v, double *out, uint64_t *valid_out)
{
    for (size_t i = from; i < to; i++) {
        out[i] = v;
        fill_set(valid_out, i);
    }
}

void hi_series_fill_linear(const hi_series *s, const uint64_t *missing, hi_fill_linear options,
                           double *out, uint64_t *valid_out)
{
    size_t last = SIZE_MAX; /* The value before here. */
    size_t first = s->n;

    memset(valid_out, 0, hi_series_words(s->n) * sizeof(*valid_out));
    memset(out, 0, s->n * sizeof(*out));
    for (size_t i = 0; i < s->n; i++) {
        if (fill_bit(missing, i)) {
            continue;
        }
        if (last == SIZE_MAX) {
            first = i;
        } else {
            fill_gap(s, last, i, options.integers, out);
            for (size_t k = last + 1; k < i; k++) {
                fill_set(valid_out, k);
            }
        }
        out[i] = s->v[i];
        fill_set(valid_out, i);
        last = i;
    }
    if (last == SIZE_MAX) {
        if (!options.constant_null) {
            fill_constant(s->n, options.constant, out, valid_out);
        }
    } else if (options.edges) {
        fill_edge(0, first, s->v[first], out, valid_out);
        fill_edge(last + 1, s->n, s->v[last], out, valid_out);
    }
}
