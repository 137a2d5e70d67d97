/*
 * timefmt.c -- calendar, printing and calendar arithmetic; see timefmt.h.
 * Reading text is in timefmt_parse.c.
 *
 * A day number counts from 1970-01-01. A year's first day is a closed formula;
 * the inverse guesses the year from the mean length of a year, which is at most
 * one off, and corrects.
 */
#include "base/timefmt.h"

#include <string.h>

#include "base/num.h"

/* Days before each month, in usual and leap years; the last is the year's length. */
static const int16_t time_month_start[2][13] = {
    {0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334, 365},
    {0, 31, 60, 91, 121, 152, 182, 213, 244, 274, 305, 335, 366},
};

static int64_t time_floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static int64_t time_floor_mod(int64_t a, int64_t b)
{
    const int64_t rest = a % b;

    return rest < 0 ? rest + b : rest;
}

/* ---- calendar ---- */

bool hi_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

int hi_days_in_month(int64_t year, int month)
{
    const int16_t *start = time_month_start[hi_is_leap(year)];

    return start[month] - start[month - 1];
}

static int64_t time_year_start(int64_t year)
{
    const int64_t before = year - 1;

    return 365 * before + time_floor_div(before, 4) - time_floor_div(before, 100) +
           time_floor_div(before, 400) - HI_DAYS_1970;
}

int64_t hi_days_of(int64_t year, int month, int day)
{
    return time_year_start(year) + time_month_start[hi_is_leap(year)][month - 1] + day - 1;
}

hi_civil hi_civil_of_days(int64_t days)
{
    hi_civil c = {.year = 1970 + time_floor_div(days * 400, 146097)};
    int64_t start = time_year_start(c.year);

    if (start > days) {
        start = time_year_start(--c.year);
    } else if (days - start >= 365 + hi_is_leap(c.year)) {
        start = time_year_start(++c.year);
    }
    const int in_year = (int)(days - start);
    const int16_t *months = time_month_start[hi_is_leap(c.year)];
    int month = in_year >> 5; /* At most one too small. */
    month += in_year >= months[month + 1];
    c.month = month + 1;
    c.day = in_year - months[month] + 1;
    c.weekday = (int)time_floor_mod(days + 4, 7);
    c.yearday = in_year + 1;
    return c;
}

hi_civil hi_civil_of(int64_t ns)
{
    hi_civil c = hi_civil_of_days(time_floor_div(ns, HI_NS_PER_DAY));
    const int64_t in_day = time_floor_mod(ns, HI_NS_PER_DAY);
    const int seconds = (int)(in_day / HI_NS_PER_S);

    c.nano = (int)(in_day % HI_NS_PER_S);
    c.hour = seconds / 3600;
    c.minute = seconds / 60 % 60;
    c.second = seconds % 60;
    return c;
}

static hi_time_status time_out_of_range(bool low, int64_t *out)
{
    *out = low ? INT64_MIN : INT64_MAX;
    return low ? HI_TIME_LOW : HI_TIME_HIGH;
}

/* in_day: 0 <= in_day < a day. */
static hi_time_status time_join(int64_t days, int64_t in_day, int64_t *out)
{
    if (days < -106752 || days > 106751) {
        return time_out_of_range(days < 0, out);
    }
    if (days < 0) { /* So that the product fits even where only the sum does. */
        days++;
        in_day -= HI_NS_PER_DAY;
    }
    if (__builtin_add_overflow(days * HI_NS_PER_DAY, in_day, out)) {
        return time_out_of_range(days <= 0 && in_day < 0, out);
    }
    return HI_TIME_OK;
}

static int64_t time_in_day(const hi_civil *c)
{
    return (c->hour * INT64_C(3600) + c->minute * INT64_C(60) + c->second) * HI_NS_PER_S + c->nano;
}

hi_time_status hi_time_of(const hi_civil *c, int64_t *out)
{
    if (c->month < 1 || c->month > 12 || c->day < 1 || c->hour < 0 || c->hour > 23 ||
        c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 59 || c->nano < 0 ||
        c->nano > 999999999) {
        return HI_TIME_BAD;
    }
    if (c->day > hi_days_in_month(c->year, c->month)) {
        return HI_TIME_BAD;
    }
    if (c->year < 1600 || c->year > 2300) {
        return time_out_of_range(c->year < 1970, out);
    }
    return time_join(hi_days_of(c->year, c->month, c->day), time_in_day(c), out);
}

/* ---- text ---- */

/* How many digits a fraction gets. */
static int time_digits(int nano, int digits)
{
    if (digits >= 0) {
        return digits > 9 ? 9 : digits;
    }
    if (digits == HI_TIME_KQL) {
        return nano % 100 != 0 ? 9 : 7;
    }
    if (nano == 0) {
        return 0;
    }
    if (digits == HI_TIME_KQL_SHORT) {
        return nano % 100 != 0 ? 9 : 7;
    }
    int count = 9;
    for (; nano % 10 == 0; nano /= 10) {
        count--;
    }
    return count;
}

/* ".123" into to, nothing when digits is 0. */
static size_t time_print_fraction(char *to, int nano, int digits)
{
    if (digits == 0) {
        return 0;
    }
    to[0] = '.';
    hi_num_print_fixed(to + 1, (uint64_t)nano, 9);
    return 1 + (size_t)digits;
}

static void time_print_clock(char *to, int seconds)
{
    hi_num_print_fixed(to, (uint64_t)(seconds / 3600), 2);
    to[2] = ':';
    hi_num_print_fixed(to + 3, (uint64_t)(seconds / 60 % 60), 2);
    to[5] = ':';
    hi_num_print_fixed(to + 6, (uint64_t)(seconds % 60), 2);
}

size_t hi_time_print(char *to, int64_t ns, int digits)
{
    const hi_civil c = hi_civil_of(ns);

    hi_num_print_fixed(to, (uint64_t)c.year, 4);
    to[4] = '-';
    hi_num_print_fixed(to + 5, (uint64_t)c.month, 2);
    to[7] = '-';
    hi_num_print_fixed(to + 8, (uint64_t)c.day, 2);
    to[10] = 'T';
    time_print_clock(to + 11, c.hour * 3600 + c.minute * 60 + c.second);
    size_t at = 19;
    at += time_print_fraction(to + at, c.nano, time_digits(c.nano, digits));
    to[at++] = 'Z';
    return at;
}

size_t hi_span_print(char *to, int64_t ns)
{
    const uint64_t size = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
    const uint64_t days = size / (uint64_t)HI_NS_PER_DAY;
    const uint64_t in_day = size % (uint64_t)HI_NS_PER_DAY;
    const int nano = (int)(in_day % (uint64_t)HI_NS_PER_S);
    size_t at = 0;

    if (ns < 0) {
        to[at++] = '-';
    }
    if (days > 0) {
        at += hi_num_print_u64(to + at, days);
        to[at++] = '.';
    }
    time_print_clock(to + at, (int)(in_day / (uint64_t)HI_NS_PER_S));
    at += 8;
    return at + time_print_fraction(to + at, nano, time_digits(nano, HI_TIME_KQL_SHORT));
}

/* ---- ticks ---- */

int64_t hi_ticks_of(int64_t ns)
{
    return time_floor_div(ns, HI_NS_PER_TICK) + HI_TICKS_1970;
}

hi_time_status hi_time_of_ticks(int64_t ticks, int64_t *out)
{
    int64_t since = 0;

    if (__builtin_sub_overflow(ticks, HI_TICKS_1970, &since) ||
        __builtin_mul_overflow(since, HI_NS_PER_TICK, out)) {
        return time_out_of_range(ticks < HI_TICKS_1970, out);
    }
    return HI_TIME_OK;
}

/* ---- arithmetic ---- */

/* Nanoseconds of parts that always have the same length, else 0. */
static int64_t time_part_ns(hi_time_part part)
{
    switch (part) {
    case HI_PART_WEEK:
        return HI_NS_PER_WEEK;
    case HI_PART_DAY:
    case HI_PART_DAYOFYEAR:
        return HI_NS_PER_DAY;
    case HI_PART_HOUR:
        return HI_NS_PER_HOUR;
    case HI_PART_MINUTE:
        return HI_NS_PER_MIN;
    case HI_PART_SECOND:
        return HI_NS_PER_S;
    case HI_PART_MILLISECOND:
        return HI_NS_PER_MS;
    case HI_PART_MICROSECOND:
        return HI_NS_PER_US;
    case HI_PART_NANOSECOND:
        return 1;
    default:
        return 0;
    }
}

/* Months of a year, quarter or month. */
static int time_part_months(hi_time_part part)
{
    return part == HI_PART_YEAR ? 12 : part == HI_PART_QUARTER ? 3 : 1;
}

static int64_t time_week_of(int64_t ns)
{
    return time_floor_div(time_floor_div(ns, HI_NS_PER_DAY) + 4, 7);
}

/* Number of the part that holds ns, counted from some fixed one. */
static int64_t time_number(int64_t ns, hi_time_part part)
{
    if (part == HI_PART_WEEK) {
        return time_week_of(ns);
    }
    if (part <= HI_PART_MONTH) {
        const hi_civil c = hi_civil_of(ns);
        return time_floor_div(c.year * 12 + c.month - 1, time_part_months(part));
    }
    return time_floor_div(ns, time_part_ns(part));
}

static hi_time_status time_of_number(int64_t number, hi_time_part part, int64_t *out)
{
    if (part == HI_PART_WEEK) {
        if (number < -20000 || number > 20000) {
            return time_out_of_range(number < 0, out);
        }
        return time_join(number * 7 - 4, 0, out);
    }
    if (part <= HI_PART_MONTH) {
        const int months = time_part_months(part);
        if (number < 0 || number > 40000) {
            return time_out_of_range(number < 0, out);
        }
        const int64_t month = number * months;
        return time_join(hi_days_of(month / 12, (int)(month % 12) + 1, 1), 0, out);
    }
    if (__builtin_mul_overflow(number, time_part_ns(part), out)) {
        return time_out_of_range(number < 0, out);
    }
    return HI_TIME_OK;
}

hi_time_status hi_time_start(int64_t ns, hi_time_part part, int64_t offset, int64_t *out)
{
    int64_t number = 0;

    if (part == HI_PART_NONE) {
        return HI_TIME_BAD;
    }
    if (__builtin_add_overflow(time_number(ns, part), offset, &number)) {
        return time_out_of_range(offset < 0, out);
    }
    return time_of_number(number, part, out);
}

hi_time_status hi_time_end(int64_t ns, hi_time_part part, int64_t offset, int64_t *out)
{
    if (offset == INT64_MAX) {
        return time_out_of_range(false, out);
    }
    const hi_time_status status = hi_time_start(ns, part, offset + 1, out);
    if (status == HI_TIME_OK && __builtin_sub_overflow(*out, HI_NS_PER_TICK, out)) {
        return time_out_of_range(true, out);
    }
    return status;
}

static hi_time_status time_add_months(int64_t ns, int64_t months, int64_t *out)
{
    const hi_civil c = hi_civil_of(ns);
    const int64_t month = c.year * 12 + c.month - 1 + months;
    const int64_t year = time_floor_div(month, 12);
    const int in_year = (int)time_floor_mod(month, 12) + 1;
    const int last = hi_days_in_month(year, in_year);
    const int64_t days = hi_days_of(year, in_year, c.day < last ? c.day : last);

    return time_join(days, time_in_day(&c), out);
}

hi_time_status hi_time_add(int64_t ns, hi_time_part part, int64_t count, int64_t *out)
{
    int64_t span = 0;

    if (part == HI_PART_NONE) {
        return HI_TIME_BAD;
    }
    if (part <= HI_PART_MONTH) {
        if (count < -10000 || count > 10000) { /* More than 800 years in any part. */
            return time_out_of_range(count < 0, out);
        }
        return time_add_months(ns, count * time_part_months(part), out);
    }
    if (__builtin_mul_overflow(count, time_part_ns(part), &span) ||
        __builtin_add_overflow(ns, span, out)) {
        return time_out_of_range(count < 0, out);
    }
    return HI_TIME_OK;
}

int64_t hi_time_diff(hi_time_part part, int64_t a, int64_t b)
{
    int64_t diff = 0;

    if (part == HI_PART_NONE) {
        return 0;
    }
    if (__builtin_sub_overflow(time_number(a, part), time_number(b, part), &diff)) {
        return a < b ? INT64_MIN : INT64_MAX;
    }
    return diff;
}

int hi_iso_week(int64_t ns)
{
    const int64_t days = time_floor_div(ns, HI_NS_PER_DAY);
    /* A week belongs to the year of its Thursday. 1970-01-01 was one. */
    const int64_t thursday = days - time_floor_mod(days + 3, 7) + 3;

    return (hi_civil_of_days(thursday).yearday - 1) / 7 + 1;
}

int64_t hi_time_get(hi_time_part part, int64_t ns)
{
    const hi_civil c = hi_civil_of(ns);

    switch (part) {
    case HI_PART_YEAR:
        return c.year;
    case HI_PART_QUARTER:
        return (c.month - 1) / 3 + 1;
    case HI_PART_MONTH:
        return c.month;
    case HI_PART_WEEK:
        return hi_iso_week(ns);
    case HI_PART_DAY:
        return c.day;
    case HI_PART_DAYOFYEAR:
        return c.yearday;
    case HI_PART_HOUR:
        return c.hour;
    case HI_PART_MINUTE:
        return c.minute;
    case HI_PART_SECOND:
        return c.second;
    case HI_PART_MILLISECOND:
        return c.nano / 1000000;
    case HI_PART_MICROSECOND:
        return c.nano / 1000;
    case HI_PART_NANOSECOND:
        return c.nano;
    default:
        return 0;
    }
}
