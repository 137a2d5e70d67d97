/* chart_time.h -- ticks of a time axis, where people expect them: midnight, full hours, first of the month. */
#ifndef CHART_TIME_H
#define CHART_TIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct chart_ticks {
    int part;      /* hi_time_part of months and years, else 0. */
    int64_t count; /* Of parts, or nanoseconds. */
} chart_ticks;

/* A distance of ticks so that there are at most `count` between the times. */
chart_ticks chart_ticks_of(int64_t from_ns, int64_t to_ns, int count);
/* The first tick at or after a time; false: none that can be said. */
bool chart_tick_first(const chart_ticks *t, int64_t from_ns, int64_t *out);
bool chart_tick_next(const chart_ticks *t, int64_t at_ns, int64_t *out);

#define CHART_LABEL_SIZE 24
/* "14:30", "11-20", "2026-11"; bytes written. */
size_t chart_tick_label(const chart_ticks *t, int64_t at_ns, char *to);

#endif
