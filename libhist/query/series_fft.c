/*
 * series_fft.c -- Fourier transform and autocorrelation; see series.h.
 *
 * Powers of two: in place, radix 2, twiddles from one table. Any other length:
 * Bluestein's chirp, a convolution of a power of two. Real and imaginary parts
 * are kept apart so that the inner loop vectorises.
 */
#include <math.h>
#include <string.h>

#include "query/series.h"

static const double fft_pi = 3.14159265358979323846;

/*
 * Twiddles of a transform of n (a power of two) and of all smaller ones: for each half = 1, 2, 4 ..
 * n / 2 the values e^(-2 pi i k / (2 half)) for k < half, from index half on. A pass reads one row.
 */
typedef struct fft_plan {
    size_t n;
    double *re;
    double *im;
} fft_plan;

#define FFT_FINE 64

/* The widest row: coarse and fine angles are computed, the others are their products. */
static void fft_widest_row(double *re, double *im, size_t half)
{
    double fine_re[FFT_FINE];
    double fine_im[FFT_FINE];
    const size_t block = half < FFT_FINE ? half : FFT_FINE;

    for (size_t k = 0; k < block; k++) {
        const double angle = fft_pi * (double)k / (double)half;

        fine_re[k] = cos(angle);
        fine_im[k] = -sin(angle);
    }
    for (size_t start = 0; start < half; start += block) {
        const double angle = fft_pi * (double)start / (double)half;
        const double cr = cos(angle);
        const double ci = -sin(angle);

        for (size_t k = 0; k < block; k++) {
            re[start + k] = cr * fine_re[k] - ci * fine_im[k];
            im[start + k] = cr * fine_im[k] + ci * fine_re[k];
        }
    }
}

static hist_status fft_plan_init(hi_arena *arena, size_t n, fft_plan *plan)
{
    plan->n = n;
    plan->re = (double *)hi_arena_vector(arena, n * sizeof(double));
    plan->im = (double *)hi_arena_vector(arena, n * sizeof(double));
    if (plan->re == NULL || plan->im == NULL) {
        return HIST_ENOMEM;
    }
    fft_widest_row(plan->re + n / 2, plan->im + n / 2, n / 2);
    for (size_t half = n / 4; half >= 1; half /= 2) {
        for (size_t k = 0; k < half; k++) {
            plan->re[half + k] = plan->re[2 * half + 2 * k];
            plan->im[half + k] = plan->im[2 * half + 2 * k];
        }
    }
    return HIST_OK;
}

static void fft_reorder(double *re, double *im, size_t n)
{
    size_t j = 0;

    for (size_t i = 1; i < n; i++) {
        size_t bit = n >> 1;

        for (; (j & bit) != 0; bit >>= 1) {
            j ^= bit;
        }
        j ^= bit;
        if (i < j) {
            const double r = re[i];
            const double m = im[i];
            re[i] = re[j];
            im[i] = im[j];
            re[j] = r;
            im[j] = m;
        }
    }
}

#define FFT_LANES 8

/* The butterflies of one block. Eight at a time, so that the compiler makes vectors of them. */
static void fft_block(double *restrict are, double *restrict aim, double *restrict bre,
                      double *restrict bim, const fft_plan *plan, size_t half)
{
    const double *restrict wre = plan->re + half;
    const double *restrict wim = plan->im + half;

    for (size_t at = 0; at < half; at += FFT_LANES) {
        for (size_t k = at; k < at + FFT_LANES; k++) {
            const double r = bre[k] * wre[k] - bim[k] * wim[k];
            const double m = bre[k] * wim[k] + bim[k] * wre[k];

            bre[k] = are[k] - r;
            bim[k] = aim[k] - m;
            are[k] += r;
            aim[k] += m;
        }
    }
}

/* The first three passes as far as n goes: transforms of two, four and eight. */
static void fft_small_pass(const fft_plan *plan, double *re, double *im, size_t n, size_t half)
{
    for (size_t start = 0; start < n; start += 2 * half) {
        for (size_t k = 0; k < half; k++) {
            const size_t a = start + k;
            const size_t b = a + half;
            const double wr = plan->re[half + k];
            const double wi = plan->im[half + k];
            const double r = re[b] * wr - im[b] * wi;
            const double m = re[b] * wi + im[b] * wr;

            re[b] = re[a] - r;
            im[b] = im[a] - m;
            re[a] += r;
            im[a] += m;
        }
    }
}

/* n <= plan->n */
static void fft_forward(const fft_plan *plan, double *re, double *im, size_t n)
{
    fft_reorder(re, im, n);
    for (size_t half = 1; half < n && half < FFT_LANES; half *= 2) {
        fft_small_pass(plan, re, im, n, half);
    }
    for (size_t half = FFT_LANES; half < n; half *= 2) {
        for (size_t start = 0; start < n; start += 2 * half) {
            const size_t b = start + half;

            fft_block(re + start, im + start, re + b, im + b, plan, half);
        }
    }
}

static size_t fft_power(size_t least)
{
    size_t n = 1;

    while (n < least) {
        n *= 2;
    }
    return n;
}

/* A vector of n zeroes. */
static double *fft_zeroes(hi_arena *arena, size_t n)
{
    double *v = (double *)hi_arena_vector(arena, n * sizeof(double));

    if (v != NULL) {
        memset(v, 0, n * sizeof(double));
    }
    return v;
}

/* ---- any length ---- */

/* The chirp e^(-i pi k^2 / n); k^2 is taken modulo 2n, so that the angle stays exact. */
static void fft_chirp(size_t n, double *re, double *im)
{
    uint64_t square = 0;

    for (size_t k = 0; k < n; k++) {
        const double angle = fft_pi * (double)square / (double)n;

        re[k] = cos(angle);
        im[k] = -sin(angle);
        square += 2 * k + 1;
        square -= square >= 2 * n ? 2 * n : 0;
    }
}

/* a *= b, complex. */
static void fft_multiply(double *ar, double *ai, const double *br, const double *bi, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double r = ar[i] * br[i] - ai[i] * bi[i];

        ai[i] = ar[i] * bi[i] + ai[i] * br[i];
        ar[i] = r;
    }
}

/* re, im in place; n is not a power of two. */
static hist_status fft_bluestein(hi_arena *arena, double *re, double *im, size_t n)
{
    const size_t size = fft_power(2 * n - 1);
    double *cr = fft_zeroes(arena, n);
    double *ci = fft_zeroes(arena, n);
    double *ar = fft_zeroes(arena, size);
    double *ai = fft_zeroes(arena, size);
    double *br = fft_zeroes(arena, size);
    double *bi = fft_zeroes(arena, size);
    fft_plan plan;

    if (cr == NULL || ci == NULL || ar == NULL || ai == NULL || br == NULL || bi == NULL ||
        fft_plan_init(arena, size, &plan) != HIST_OK) {
        return HIST_ENOMEM;
    }
    fft_chirp(n, cr, ci);
    memcpy(ar, re, n * sizeof(double));
    memcpy(ai, im, n * sizeof(double));
    fft_multiply(ar, ai, cr, ci, n);
    for (size_t k = 0; k < n; k++) {
        br[k] = cr[k];
        bi[k] = -ci[k];
        br[(size - k) & (size - 1)] = cr[k];
        bi[(size - k) & (size - 1)] = -ci[k];
    }
    fft_forward(&plan, ar, ai, size);
    fft_forward(&plan, br, bi, size);
    fft_multiply(ar, ai, br, bi, size);
    /* The inverse is the forward transform with the parts swapped. */
    fft_forward(&plan, ai, ar, size);
    for (size_t k = 0; k < n; k++) {
        re[k] = ar[k] / (double)size;
        im[k] = ai[k] / (double)size;
    }
    fft_multiply(re, im, cr, ci, n);
    return HIST_OK;
}

static hist_status fft_any(hi_arena *arena, double *re, double *im, size_t n)
{
    fft_plan plan;

    if (n < 2) {
        return HIST_OK;
    }
    if ((n & (n - 1)) != 0) {
        return fft_bluestein(arena, re, im, n);
    }
    if (fft_plan_init(arena, n, &plan) != HIST_OK) {
        return HIST_ENOMEM;
    }
    fft_forward(&plan, re, im, n);
    return HIST_OK;
}

hist_status hi_series_fft(hi_arena *arena, double *re, double *im, size_t n, bool inverse)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    const hist_status status = inverse ? fft_any(arena, im, re, n) : fft_any(arena, re, im, n);

    for (size_t i = 0; inverse && i < n; i++) {
        re[i] /= (double)n;
        im[i] /= (double)n;
    }
    hi_arena_rewind(arena, mark);
    return status;
}

/* ---- autocorrelation ---- */

/*
 * By way of the power spectrum, with n zeroes behind so that nothing wraps around. The real
 * input of 2m elements is transformed as m complex ones (even elements real, odd ones imaginary)
 * and taken apart; the spectrum, real and even, goes back the same way.
 */
static void fft_power_spectrum(const fft_plan *plan, const double *re, const double *im, size_t m,
                               double *power)
{
    for (size_t k = 0; k < m; k++) {
        const size_t a = k;
        const size_t b = (m - k) & (m - 1);
        const double er = (re[a] + re[b]) / 2;
        const double ei = (im[a] - im[b]) / 2;
        const double or = (im[a] + im[b]) / 2;
        const double oi = (re[b] - re[a]) / 2;
        const double wr = plan->re[m + k];
        const double wi = plan->im[m + k];
        const double r = er + or *wr - oi * wi;
        const double i = ei + or *wi + oi * wr;

        power[k] = r * r + i * i;
    }
    power[m] = (re[0] - im[0]) * (re[0] - im[0]);
}

/* Packs the even spectrum power[0..m] so that m complex elements give 2m real ones. */
static void fft_pack_even(const fft_plan *plan, const double *power, size_t m, double *re,
                          double *im)
{
    for (size_t k = 0; k < m; k++) {
        const double even = (power[k] + power[m - k]) / 2;
        const double odd = (power[k] - power[m - k]) / 2;

        /* even + i * odd * e^(+2 pi i k / 2m) */
        re[k] = even + odd * plan->im[m + k];
        im[k] = odd * plan->re[m + k];
    }
}

hist_status hi_series_autocorrelate(hi_arena *arena, const double *x, size_t n, size_t lags,
                                    double *out)
{
    const hi_arena_mark mark = hi_arena_save(arena);
    const size_t size = fft_power(n + lags < 4 ? 4 : n + lags);
    const size_t m = size / 2;
    double *re = fft_zeroes(arena, m);
    double *im = fft_zeroes(arena, m);
    double *power = fft_zeroes(arena, m + 1);
    fft_plan plan;

    if (re == NULL || im == NULL || power == NULL || fft_plan_init(arena, size, &plan) != HIST_OK) {
        hi_arena_rewind(arena, mark);
        return HIST_ENOMEM;
    }
    for (size_t i = 0; i < n; i++) {
        ((i & 1) == 0 ? re : im)[i / 2] = x[i];
    }
    fft_forward(&plan, re, im, m);
    fft_power_spectrum(&plan, re, im, m, power);
    fft_pack_even(&plan, power, m, re, im);
    fft_forward(&plan, im, re, m); /* Swapped: the inverse. */
    for (size_t k = 0; k < lags; k++) {
        out[k] = ((k & 1) == 0 ? re : im)[k / 2] / (double)m;
    }
    hi_arena_rewind(arena, mark);
    return HIST_OK;
}
