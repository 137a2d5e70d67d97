/* bench_num.c -- how fast numbers become text and text becomes numbers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/bytes.h"
#include "base/num.h"
#include "base/timefmt.h"

#define BENCH_COUNT  4096
#define BENCH_ROUNDS 200

static double bench_now(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void bench_say(const char *what, double seconds)
{
    printf("%-32s %8.1f ns/value\n", what, seconds * 1e9 / (BENCH_COUNT * BENCH_ROUNDS));
}

static void bench_doubles(const char *kind, const double *values)
{
    static char text[BENCH_COUNT][HI_NUM_DOUBLE_SIZE];
    static size_t sizes[BENCH_COUNT];
    char name[64];
    double sum = 0;
    double start = bench_now();

    for (int r = 0; r < BENCH_ROUNDS; r++) {
        for (int i = 0; i < BENCH_COUNT; i++) {
            sizes[i] = hi_num_print_double(text[i], values[i]);
        }
    }
    (void)snprintf(name, sizeof(name), "print real, %s", kind);
    bench_say(name, bench_now() - start);
    start = bench_now();
    for (int r = 0; r < BENCH_ROUNDS; r++) {
        for (int i = 0; i < BENCH_COUNT; i++) {
            double v = 0;

            (void)hi_num_parse_double(text[i], sizes[i], &v);
            sum += v;
        }
    }
    (void)snprintf(name, sizeof(name), "parse real, %s%s", kind, sum == 1 ? "." : "");
    bench_say(name, bench_now() - start);
}

static void bench_times(const uint64_t *random)
{
    static char text[BENCH_COUNT][HI_TIME_SIZE];
    static size_t sizes[BENCH_COUNT];
    int64_t sum = 0;
    double start = bench_now();

    for (int r = 0; r < BENCH_ROUNDS; r++) {
        for (int i = 0; i < BENCH_COUNT; i++) {
            sizes[i] = hi_time_print(text[i], (int64_t)(random[i] >> 2), HI_TIME_KQL);
        }
    }
    bench_say("print time", bench_now() - start);
    start = bench_now();
    for (int r = 0; r < BENCH_ROUNDS; r++) {
        for (int i = 0; i < BENCH_COUNT; i++) {
            int64_t ns = 0;

            (void)hi_time_parse(text[i], sizes[i], &ns);
            sum ^= ns;
        }
    }
    bench_say(sum == 1 ? "parse time." : "parse time", bench_now() - start);
}

int main(void)
{
    static double sensor[BENCH_COUNT];
    static double any[BENCH_COUNT];
    static uint64_t random[BENCH_COUNT];
    uint64_t state = 1;

    for (int i = 0; i < BENCH_COUNT; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        random[i] = state ^ (state >> 29);
        sensor[i] = (double)(random[i] % 100000) / 100;
        any[i] = (double)(random[i] >> 11) * 0x1p-53;
    }
    bench_doubles("2 decimals", sensor);
    bench_doubles("17 digits", any);
    bench_times(random);
    return 0;
}
