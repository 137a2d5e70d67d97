/* made.h -- made-up columns and a clock for the benchmarks of the codec; the same on every machine. */
#ifndef BENCH_MADE_H
#define BENCH_MADE_H

#include <stdint.h>
#include <time.h>

#include "base/bytes.h"

static inline uint64_t bench_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* About normal, standard deviation 1000 / scale. */
static inline int64_t bench_normal(uint64_t *state, int64_t scale)
{
    int64_t sum = 0;

    for (int i = 0; i < 12; i++) {
        sum += (int64_t)(bench_random(state) % 2001) - 1000;
    }
    return sum / 2 / scale;
}

typedef uint64_t (*bench_shape)(uint64_t *state, uint64_t i, int64_t *walk);

static inline uint64_t shape_decimal_walk(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk += bench_normal(state, 100);
    return hi_bits_of((double)*walk / 100);
}

/* 40 % of values unchanged, two decimals. */
static inline uint64_t shape_gauge(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk += bench_random(state) % 10 < 4 ? 0 : bench_normal(state, 50);
    return hi_bits_of((double)*walk / 100);
}

static inline uint64_t shape_full_precision(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk += bench_normal(state, 1);
    return hi_bits_of((double)*walk / 7919.0);
}

/* Steps of a normal walk kept in 0 to 100. */
static inline uint64_t shape_percent(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk += bench_normal(state, 1000);
    *walk = *walk < 0 ? 0 : *walk > 100 ? 100 : *walk;
    return (uint64_t)*walk;
}

static inline uint64_t shape_counter(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk += (int64_t)(bench_random(state) % 1000);
    return (uint64_t)*walk;
}

static inline uint64_t shape_clock(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)state;
    (void)walk;
    return UINT64_C(1700000000000000000) + i * UINT64_C(10000000000);
}

static inline uint64_t shape_clock_gaps(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk += INT64_C(1000000000) * (bench_random(state) % 100 == 0 ? 2 : 1);
    return UINT64_C(1700000000000000000) + (uint64_t)*walk;
}

static inline uint64_t shape_clock_jitter(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)walk;
    return UINT64_C(1700000000000000000) + i * UINT64_C(10000000000) +
           bench_random(state) % 41 * 1000000;
}

static inline uint64_t shape_states(uint64_t *state, uint64_t i, int64_t *walk)
{
    (void)i;
    *walk = bench_random(state) % 200 == 0 ? (int64_t)(bench_random(state) % 6) : *walk;
    return (uint64_t)*walk;
}

static inline double bench_seconds(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

#endif
