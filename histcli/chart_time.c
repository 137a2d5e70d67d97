/* chart_time.c -- ticks of a time axis; see chart_time.h. */
#include "histcli/chart_time.h"

#include <stdio.h>

#include "base/timefmt.h"

#define CHART_MONTH (30 * HI_NS_PER_DAY)
#define CHART_YEAR  (365 * HI_NS_PER_DAY)

chart_ticks chart_ticks_of(int64_t from_ns, int64_t to_ns, int count)
{
    static const int64_t steps[] = {
        1,
        HI_NS_PER_US,
        10 * HI_NS_PER_US,
        100 * HI_NS_PER_US,
        HI_NS_PER_MS,
        10 * HI_NS_PER_MS,
        100 * HI_NS_PER_MS,
        HI_NS_PER_S,
        2 * HI_NS_PER_S,
        5 * HI_NS_PER_S,
        10 * HI_NS_PER_S,
        15 * HI_NS_PER_S,
        30 * HI_NS_PER_S,
        HI_NS_PER_MIN,
        2 * HI_NS_PER_MIN,
        5 * HI_NS_PER_MIN,
        10 * HI_NS_PER_MIN,
        15 * HI_NS_PER_MIN,
        30 * HI_NS_PER_MIN,
        HI_NS_PER_HOUR,
        2 * HI_NS_PER_HOUR,
        3 * HI_NS_PER_HOUR,
        6 * HI_NS_PER_HOUR,
        12 * HI_NS_PER_HOUR,
        HI_NS_PER_DAY,
        2 * HI_NS_PER_DAY,
        4 * HI_NS_PER_DAY,
    };
    static const struct {
        int64_t about;
        chart_ticks ticks;
    } long_steps[] = {
        {7 * HI_NS_PER_DAY, {HI_PART_WEEK, 1}}, {14 * HI_NS_PER_DAY, {HI_PART_WEEK, 2}},
        {CHART_MONTH, {HI_PART_MONTH, 1}},      {2 * CHART_MONTH, {HI_PART_MONTH, 2}},
        {3 * CHART_MONTH, {HI_PART_MONTH, 3}},  {6 * CHART_MONTH, {HI_PART_MONTH, 6}},
        {CHART_YEAR, {HI_PART_YEAR, 1}},        {2 * CHART_YEAR, {HI_PART_YEAR, 2}},
        {5 * CHART_YEAR, {HI_PART_YEAR, 5}},    {10 * CHART_YEAR, {HI_PART_YEAR, 10}},
        {20 * CHART_YEAR, {HI_PART_YEAR, 20}},  {50 * CHART_YEAR, {HI_PART_YEAR, 50}},
    };
    const double length = (double)to_ns - (double)from_ns;
    const double most = count < 1 ? 1.0 : (double)count;

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        if (length / (double)steps[i] <= most) {
            return (chart_ticks){0, steps[i]};
        }
    }
    for (size_t i = 0; i < sizeof(long_steps) / sizeof(long_steps[0]); i++) {
        if (length / (double)long_steps[i].about <= most) {
            return long_steps[i].ticks;
        }
    }
    return (chart_ticks){HI_PART_YEAR, 100};
}

bool chart_tick_first(const chart_ticks *t, int64_t from_ns, int64_t *out)
{
    const hi_time_part part = (hi_time_part)t->part;

    if (part == HI_PART_NONE) {
        const int64_t rest = from_ns % t->count;
        const int64_t up = rest == 0 ? 0 : rest > 0 ? t->count - rest : -rest;

        *out = from_ns > INT64_MAX - up ? from_ns : from_ns + up;
        return from_ns <= INT64_MAX - up;
    }
    if (hi_time_start(from_ns, part, 0, out) != HI_TIME_OK) {
        return false;
    }
    /* Months at 1, 4, 7, ...; years that the step divides; weeks as they come. */
    while (*out < from_ns ||
           (part == HI_PART_MONTH && (hi_civil_of(*out).month - 1) % t->count != 0) ||
           (part == HI_PART_YEAR && hi_civil_of(*out).year % t->count != 0)) {
        if (hi_time_add(*out, part, 1, out) != HI_TIME_OK) {
            return false;
        }
    }
    return true;
}

bool chart_tick_next(const chart_ticks *t, int64_t at_ns, int64_t *out)
{
    if (t->part == HI_PART_NONE) {
        *out = at_ns;
        if (at_ns > INT64_MAX - t->count) {
            return false;
        }
        *out += t->count;
        return true;
    }
    return hi_time_add(at_ns, (hi_time_part)t->part, t->count, out) == HI_TIME_OK;
}

size_t chart_tick_label(const chart_ticks *t, int64_t at_ns, char *to)
{
    const hi_civil c = hi_civil_of(at_ns);
    const bool midnight = c.hour == 0 && c.minute == 0 && c.second == 0 && c.nano == 0;
    int size = 0;

    if (t->part == HI_PART_YEAR) {
        size = snprintf(to, CHART_LABEL_SIZE, "%d", (int)c.year);
    } else if (t->part == HI_PART_MONTH) {
        size = snprintf(to, CHART_LABEL_SIZE, "%d-%02d", (int)c.year, c.month);
    } else if (t->part == HI_PART_WEEK || midnight) {
        size = snprintf(to, CHART_LABEL_SIZE, "%02d-%02d", c.month, c.day);
    } else if (t->count >= HI_NS_PER_MIN) {
        size = snprintf(to, CHART_LABEL_SIZE, "%02d:%02d", c.hour, c.minute);
    } else if (t->count >= HI_NS_PER_S) {
        size = snprintf(to, CHART_LABEL_SIZE, "%02d:%02d:%02d", c.hour, c.minute, c.second);
    } else if (t->count >= HI_NS_PER_MS) {
        size = snprintf(to, CHART_LABEL_SIZE, "%02d.%03d", c.second, c.nano / 1000000);
    } else {
        size = snprintf(to, CHART_LABEL_SIZE, ".%09d", c.nano);
    }
    return size < 0 ? 0 : (size_t)size;
}
