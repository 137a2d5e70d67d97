/*
 * timefmt.h -- calendar, time and timespan text.
 *
 * Instants are int64 nanoseconds since 1970 UTC, spans are int64 nanoseconds.
 * The calendar is the proleptic Gregorian one for any year; text of times
 * outside the int64 range is told apart from text that is no time at all.
 * Nothing here allocates or looks at the time zone of the machine.
 */
#ifndef HI_TIMEFMT_H
#define HI_TIMEFMT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HI_NS_PER_TICK INT64_C(100)
#define HI_NS_PER_US   INT64_C(1000)
#define HI_NS_PER_MS   INT64_C(1000000)
#define HI_NS_PER_S    INT64_C(1000000000)
#define HI_NS_PER_MIN  (60 * HI_NS_PER_S)
#define HI_NS_PER_HOUR (3600 * HI_NS_PER_S)
#define HI_NS_PER_DAY  (86400 * HI_NS_PER_S)
#define HI_NS_PER_WEEK (7 * HI_NS_PER_DAY)

/* Kusto ticks (100 ns since 0001-01-01) of 1970-01-01. */
#define HI_TICKS_1970 INT64_C(621355968000000000)
/* Days from 0001-01-01 to 1970-01-01. */
#define HI_DAYS_1970 INT64_C(719162)

/* What reading a time or adding to one can come to. */
typedef enum hi_time_status {
    HI_TIME_OK = 0,
    HI_TIME_BAD,  /* Not a time; nothing written. */
    HI_TIME_LOW,  /* A time before 1677-09-21T00:12:43.145224192Z; INT64_MIN written. */
    HI_TIME_HIGH, /* A time after 2262-04-11T23:47:16.854775807Z; INT64_MAX written. */
} hi_time_status;

typedef struct hi_civil {
    int64_t year;
    int month; /* 1..12 */
    int day;   /* 1..31 */
    int hour;  /* 0..23 */
    int minute;
    int second;
    int nano;    /* 0..999999999 */
    int weekday; /* 0 Sunday .. 6; only written, never read. */
    int yearday; /* 1..366; only written, never read. */
} hi_civil;

/* Days since 1970-01-01 of a date; month and day must be in range. */
int64_t hi_days_of(int64_t year, int month, int day);
/* Date fields only; the time of day is zeroed. */
hi_civil hi_civil_of_days(int64_t days);
hi_civil hi_civil_of(int64_t ns);
/* Checks every field (BAD) and the range. */
hi_time_status hi_time_of(const hi_civil *civil, int64_t *out);
int hi_days_in_month(int64_t year, int month);
bool hi_is_leap(int64_t year);

/* ---- text ---- */

#define HI_TIME_SIZE 40 /* Room that a printed time needs at most. */
#define HI_SPAN_SIZE 40

/* `digits` for hi_time_print beside 0..9: 7, or 9 when the last two are not zero. */
#define HI_TIME_KQL (-1)
/* The same, and no fraction at all when it is zero. */
#define HI_TIME_KQL_SHORT (-2)
/* As few digits of fraction as are exact, none when it is zero. */
#define HI_TIME_MIN (-3)

/* "2020-06-15T13:45:09.1234567Z"; returns the bytes written, no NUL. Cuts, does not round. */
size_t hi_time_print(char *to, int64_t ns, int digits);
/*
 * Datetime text: ISO 8601 (T, t, blank or '_' between date and time; parts may be left off;
 * Z or +hh[:mm]; '.' or ',' before the fraction; yyyyMMdd[THHmmss]), "2/28/2014", and the RFC
 * 822 and 850 forms ("Sat, 8 Nov 14 15:05:02 GMT"). Blanks around are ignored.
 * More than 9 digits of fraction are cut.
 */
hi_time_status hi_time_parse(const char *text, size_t size, int64_t *out);

/* "[-][d.]hh:mm:ss[.fffffff]", 9 digits when the last two are not zero. */
size_t hi_span_print(char *to, int64_t ns);
/*
 * Timespan text: "[-][d.]hh:mm[:ss[.f]]", a number with a unit ("1.5h", "90m", "100ms",
 * "10microsecond", "1tick", "2 days"), or a bare number of days ("2", "1.5").
 * LOW and HIGH: it does not fit.
 */
hi_time_status hi_span_parse(const char *text, size_t size, int64_t *out);
/* Nanoseconds of a unit word ("d", "minutes", "tick", ...), 0 for any other text. */
int64_t hi_span_unit(const char *text, size_t size);
/* number * unit, exact for decimal text ("0.1" of "d"); the text must be [+-]digits[.digits]. */
hi_time_status hi_span_scale(const char *number, size_t size, int64_t unit_ns, int64_t *out);

/* ---- Kusto ticks ---- */

/* Cut towards the past. Never fails. */
int64_t hi_ticks_of(int64_t ns);
hi_time_status hi_time_of_ticks(int64_t ticks, int64_t *out);

/* ---- calendar arithmetic ---- */

typedef enum hi_time_part {
    HI_PART_NONE = 0,
    HI_PART_YEAR,
    HI_PART_QUARTER,
    HI_PART_MONTH,
    HI_PART_WEEK, /* In hi_time_get: ISO week. Boundaries: Sunday. */
    HI_PART_DAY,
    HI_PART_DAYOFYEAR, /* hi_time_get only, as the ones below NANOSECOND. */
    HI_PART_HOUR,
    HI_PART_MINUTE,
    HI_PART_SECOND,
    HI_PART_MILLISECOND,
    HI_PART_MICROSECOND,
    HI_PART_NANOSECOND,
} hi_time_part;

/* "year", "Month", "week_of_year", "dayOfYear", ...; HI_PART_NONE for any other text. */
hi_time_part hi_time_part_of(const char *text, size_t size);
/*
 * Start of the day, week (Sunday), month, quarter, year, hour, minute or second `offset` parts
 * away from the one that holds ns.
 */
hi_time_status hi_time_start(int64_t ns, hi_time_part part, int64_t offset, int64_t *out);
/* The last tick (100 ns) of it. */
hi_time_status hi_time_end(int64_t ns, hi_time_part part, int64_t offset, int64_t *out);
/* Months and longer keep the day of the month or clamp it to the month's end. */
hi_time_status hi_time_add(int64_t ns, hi_time_part part, int64_t count, int64_t *out);
/* How many boundaries of `part` lie between: positive when a is later than b. */
int64_t hi_time_diff(hi_time_part part, int64_t a, int64_t b);
/* datetime_part(): year, quarter 1..4, month, ISO week, day, day of year, hour, ..., nanosecond 0..999999999. */
int64_t hi_time_get(hi_time_part part, int64_t ns);
int hi_iso_week(int64_t ns);

#endif
