/*
 * workload.h -- the measured workloads as line protocol, made deterministically and fast.
 *
 *   A  devops       100 hosts x 10 tags, 10 integer fields that walk at random in 0..100, a line
 *                   a host every 10 s for 24 h: 864,000 lines
 *   B  gauge        1,000 sensors, one field with two decimals, every 10 s plus 0..40 ms, 40 % of
 *                   the values unchanged, 24 h: 8,640,000 lines
 *   C  cardinality  1,000,000 series x 5 points
 *   E  machines     500 machines x 3 fields, a line a minute, `days` long
 *
 * bench/load.c sends them, bench/bench_query.c stores them in process. A value costs a table look-up
 * and a few shifts: no printf, no libm, so that a generator is never what is measured.
 */
#ifndef BENCH_WORKLOAD_H
#define BENCH_WORKLOAD_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    WORKLOAD_LINE_MAX = 512, /* No line is longer. */
    WORKLOAD_HEAD_MAX = 288,
    WORKLOAD_NORMALS = 4096, /* A power of two. */
    WORKLOAD_FIELDS_MAX = 10,
};

/* 2026-01-01T00:00:00Z; a day is one partition. */
#define WORKLOAD_START_S INT64_C(1767225600)

typedef struct workload_head {
    uint16_t size;
    char text[WORKLOAD_HEAD_MAX];
} workload_head;

typedef struct workload {
    char kind;
    uint32_t series;
    uint32_t fields;
    uint64_t steps; /* Lines a series. */
    int64_t step_ns;
    int64_t start_ns;
    uint64_t seed;
    uint64_t next;        /* The line to make next; lines go step by step, all series of a step. */
    uint64_t lines;       /* In all. */
    uint64_t random;      /* State. */
    int32_t *levels;      /* Where each walk stands: series x fields. */
    workload_head *heads; /* Measurement and tags of a series; not for C, which has too many. */
    int16_t normals[WORKLOAD_NORMALS]; /* Steps of a walk: normal, sigma 256. */
    char small[101][4];                /* "0i" .. "100i" */
    uint8_t small_size[101];
} workload;

/* splitmix64 */
static inline uint64_t workload_random(workload *w)
{
    uint64_t z = (w->random += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline char *workload_put(char *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

static inline char *workload_put_u64(char *to, uint64_t n)
{
    char digits[20];
    int i = 20;

    do {
        digits[--i] = (char)('0' + n % 10);
        n /= 10;
    } while (n > 0);
    return workload_put(to, digits + i, (size_t)(20 - i));
}

/* hundredths as a number with two decimals */
static inline char *workload_put_cents(char *to, int32_t cents)
{
    const uint32_t n = cents < 0 ? (uint32_t)-cents : (uint32_t)cents;

    if (cents < 0) {
        *to++ = '-';
    }
    to = workload_put_u64(to, n / 100);
    *to++ = '.';
    *to++ = (char)('0' + n / 10 % 10);
    *to++ = (char)('0' + n % 10);
    return to;
}

static inline char *workload_end_line(char *to, int64_t ns)
{
    *to++ = ' ';
    to = workload_put_u64(to, (uint64_t)ns);
    *to++ = '\n';
    return to;
}

static inline void workload_head_a(workload_head *h, uint32_t i)
{
    static const char *const regions[] = {"eu-central-1", "us-west-2", "sa-east-1"};
    static const char *const teams[] = {"SF", "NYC", "LON", "CHI"};

    h->size = (uint16_t)snprintf(
        h->text, sizeof(h->text),
        "cpu,hostname=host_%u,region=%s,datacenter=%s%c,rack=%u,os=Ubuntu15.10,arch=x64,team=%s,"
        "service=%u,service_version=%u,service_environment=%s ",
        i, regions[i % 3], regions[i % 3], (char)('a' + i % 2), i * 37 % 100, teams[i % 4],
        i * 7 % 20, i % 2, i % 3 == 0 ? "production" : "staging");
}

static inline void workload_head_of(workload *w, uint32_t i)
{
    static const char *const types[] = {"cnc", "press", "conveyor", "pump", "furnace"};
    workload_head *h = &w->heads[i];

    if (w->kind == 'A') {
        workload_head_a(h, i);
    } else if (w->kind == 'B') {
        h->size = (uint16_t)snprintf(h->text, sizeof(h->text),
                                     "gauge,site=plant-%02u,sensor=sensor-%04u value=", i % 20, i);
    } else {
        h->size = (uint16_t)snprintf(h->text, sizeof(h->text),
                                     "machine,MachineId=%s-%03u,Type=%s Temperature=", types[i % 5],
                                     i / 5 + 1, types[i % 5]);
    }
}

static inline void workload_shape(workload *w, double scale, uint32_t days)
{
    const double day = 86400.0;

    switch (w->kind) {
    case 'A':
        w->series = 100, w->fields = 10, w->step_ns = INT64_C(10000000000);
        w->steps = (uint64_t)(day / 10 * scale);
        break;
    case 'B':
        w->series = 1000, w->fields = 1, w->step_ns = INT64_C(10000000000);
        w->steps = (uint64_t)(day / 10 * scale);
        break;
    case 'C':
        w->series = (uint32_t)(1000000 * scale), w->fields = 1, w->step_ns = INT64_C(60000000000);
        w->steps = 5;
        break;
    default:
        w->series = 500, w->fields = 3, w->step_ns = INT64_C(60000000000);
        w->steps = (uint64_t)(1440.0 * days * scale);
        break;
    }
    w->series = w->series == 0 ? 1 : w->series;
    w->steps = w->steps == 0 ? 1 : w->steps;
    w->lines = w->steps * w->series;
}

/* The sum of twelve uniform numbers is as good as normal here, and the same on every machine. */
static inline void workload_tables(workload *w)
{
    for (int i = 0; i < WORKLOAD_NORMALS; i++) {
        int64_t sum = -6 * 256;

        for (int k = 0; k < 12; k++) {
            sum += (int64_t)(workload_random(w) & 255);
        }
        w->normals[i] = (int16_t)sum;
    }
    for (int i = 0; i <= 100; i++) {
        char text[8];
        const int n = snprintf(text, sizeof(text), "%di", i);

        memcpy(w->small[i], text, 4);
        w->small_size[i] = (uint8_t)n;
    }
}

/* kind 'A', 'B', 'C' or 'E'; scale shortens it (C: fewer series); days: length of E. */
static inline bool workload_open(workload *w, char kind, double scale, uint32_t days)
{
    memset(w, 0, sizeof(*w));
    w->kind = kind;
    w->seed = 1;
    w->random = 1;
    w->start_ns = WORKLOAD_START_S * INT64_C(1000000000);
    workload_shape(w, scale, days);
    workload_tables(w);
    w->levels = calloc((size_t)w->series * w->fields, sizeof(int32_t));
    if (kind != 'C') {
        w->heads = calloc(w->series, sizeof(workload_head));
    }
    if (w->levels == NULL || (kind != 'C' && w->heads == NULL)) {
        return false;
    }
    for (uint32_t i = 0; i < w->series; i++) {
        if (kind != 'C') {
            workload_head_of(w, i);
        }
        for (uint32_t k = 0; k < w->fields; k++) {
            const uint64_t r = workload_random(w);

            w->levels[i * w->fields + k] =
                (int32_t)(kind == 'A' ? r % (100 * 256) : 2000 + r % 6000);
        }
    }
    return true;
}

static inline void workload_close(workload *w)
{
    free(w->levels);
    free(w->heads);
}

/* Ten fields a line, each a walk with normal steps, clamped; levels are in 1/256. */
static inline char *workload_values_a(workload *w, char *to, uint32_t series)
{
    /* clang-format off */
    static const char names[WORKLOAD_FIELDS_MAX][24] = {
        "usage_user=", ",usage_system=", ",usage_idle=", ",usage_nice=", ",usage_iowait=",
        ",usage_irq=", ",usage_softirq=", ",usage_steal=", ",usage_guest=", ",usage_guest_nice="};
    static const uint8_t sizes[WORKLOAD_FIELDS_MAX] = {11, 14, 12, 12, 14, 11, 15, 13, 13, 18};
    /* clang-format on */
    int32_t *levels = w->levels + (size_t)series * WORKLOAD_FIELDS_MAX;
    uint64_t r = 0;

    for (uint32_t k = 0; k < WORKLOAD_FIELDS_MAX; k++) {
        r = k % 5 == 0 ? workload_random(w) : r >> 12;
        int32_t level = levels[k] + w->normals[r % WORKLOAD_NORMALS];

        level = level < 0 ? 0 : level > 100 * 256 ? 100 * 256 : level;
        levels[k] = level;
        memcpy(to, names[k], 24); /* More than its size: one move, the rest is written over. */
        to += sizes[k];
        memcpy(to, w->small[level >> 8], 4);
        to += w->small_size[level >> 8];
    }
    return to;
}

/* A value in hundredths that stays the same with 40 %, else moves by about 0.05. */
static inline int32_t workload_move(workload *w, int32_t *level, uint64_t r)
{
    int32_t step = (w->normals[r % WORKLOAD_NORMALS] * 5) / 256;

    if ((r >> 12) % 1000 >= 400) {
        step = step == 0 ? (r >> 62) % 2 == 0 ? 1 : -1 : step;
        *level += *level + step < 0 || *level + step > 9999 ? -step : step;
    }
    return *level;
}

static inline char *workload_line(workload *w, char *to)
{
    const uint32_t series = (uint32_t)(w->next % w->series);
    const uint64_t step = w->next / w->series;
    int64_t ns = w->start_ns + (int64_t)step * w->step_ns;

    w->next++;
    if (w->kind == 'C') {
        to = workload_put(to, "meter,zone=z", 12);
        to = workload_put_u64(to, 100 + series % 100);
        to = workload_put(to, ",id=m", 5);
        to = workload_put_u64(to, 1000000 + (uint64_t)series);
        to = workload_put(to, " reading=", 9);
        to = workload_put_cents(to, workload_move(w, &w->levels[series], workload_random(w)));
        return workload_end_line(to, ns);
    }
    to = workload_put(to, w->heads[series].text, w->heads[series].size);
    if (w->kind == 'A') {
        return workload_end_line(workload_values_a(w, to, series), ns);
    }
    for (uint32_t k = 0; k < w->fields; k++) {
        static const char *const names[] = {"", ",Vibration=", ",Pressure="};
        const uint64_t r = workload_random(w);

        to = workload_put(to, names[k], strlen(names[k]));
        to = workload_put_cents(to, workload_move(w, &w->levels[series * w->fields + k], r));
        if (w->kind == 'B') {
            ns += (int64_t)((r >> 32) % 41) * 1000000;
        }
    }
    return workload_end_line(to, ns);
}

/* Whole lines into `to`, as many as fit; 0: all have been made. size >= WORKLOAD_LINE_MAX. */
static inline size_t workload_fill(workload *w, char *to, size_t size)
{
    const char *first = to;
    const char *last = to + size - WORKLOAD_LINE_MAX;

    while (w->next < w->lines && to <= last) {
        to = workload_line(w, to);
    }
    return (size_t)(to - first);
}

#endif
