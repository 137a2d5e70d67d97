/* bench_series.c -- how long the series functions take for a series of two weeks and of a week of minutes. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "query/series.h"

#define BENCH_MAX 10080

static double bench_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Hourly or by the minute: a day's season, noise, a slope. */
static void bench_make(double *v, size_t n, size_t day)
{
    uint64_t state = 1;

    for (size_t i = 0; i < n; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        v[i] = 20 + 5 * sin(6.283185307179586 * (double)(i % day) / (double)day) +
               (double)(state >> 44) * 1e-6 + 1e-4 * (double)i;
    }
}

static void bench_one(size_t n, size_t day)
{
    static double v[BENCH_MAX];
    static double score[BENCH_MAX];
    static double baseline[BENCH_MAX];
    static int8_t flag[BENCH_MAX];
    const hi_series s = hi_series_of(v, n);
    const hi_decompose options = {.seasonality = -1, .trend = HI_TREND_LINE, .threshold = 0.6};
    hi_anomalies out = {.score = score, .baseline = baseline, .flag = flag};
    const int rounds = (int)(2000000 / n);
    hi_mem mem;
    hi_arena arena;

    bench_make(v, n, day);
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    const double start = bench_now();
    for (int i = 0; i < rounds; i++) {
        if (hi_series_anomalies(&arena, &s, options, 1.5, false, &out) != HIST_OK) {
            exit(1);
        }
    }
    printf("decompose and score, %5zu points %8.1f us/series\n", n,
           (bench_now() - start) * 1e6 / rounds);
    hi_arena_free(&arena);
}

int main(void)
{
    bench_one(336, 24);
    bench_one(840, 24);
    bench_one(BENCH_MAX, 1440);
    return 0;
}
