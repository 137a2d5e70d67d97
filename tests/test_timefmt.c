/* test_timefmt.c -- calendar, time text and calendar arithmetic. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "base/timefmt.h"

static uint64_t test_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* The instant of a text that must be fine. */
static int64_t test_time(const char *text)
{
    int64_t ns = 0;

    if (hi_time_parse(text, strlen(text), &ns) != HI_TIME_OK) {
        print_error("%s was not read\n", text);
        fail();
    }
    return ns;
}

static void test_time_is(int64_t ns, const char *want)
{
    char text[HI_TIME_SIZE + 1];

    text[hi_time_print(text, ns, HI_TIME_KQL)] = '\0';
    assert_string_equal(text, want);
}

static void test_reads(const char *text, const char *want)
{
    test_time_is(test_time(text), want);
}

/* ---- calendar ---- */

static void calendar_agrees_with_counting_days(void **state)
{
    (void)state;
    int64_t year = -401;
    int month = 1;
    int day = 1;
    int weekday = -1;
    int yearday = 1;

    for (int64_t days = hi_days_of(-401, 1, 1); days < hi_days_of(2801, 1, 1); days++) {
        const hi_civil c = hi_civil_of_days(days);

        assert_true(c.year == year && c.month == month && c.day == day && c.yearday == yearday);
        assert_true(weekday < 0 || c.weekday == weekday);
        assert_int_equal(hi_days_of(year, month, day), days);
        weekday = (c.weekday + 1) % 7;
        day++;
        yearday++;
        if (day > hi_days_in_month(year, month)) {
            day = 1;
            month++;
        }
        if (month > 12) {
            month = 1;
            year++;
            yearday = 1;
        }
    }
    assert_int_equal(hi_civil_of_days(0).weekday, 4);
    assert_int_equal(hi_days_of(1, 1, 1), -HI_DAYS_1970);
}

static void leap_years_are_gregorian(void **state)
{
    (void)state;
    assert_true(hi_is_leap(2000) && hi_is_leap(2024) && hi_is_leap(-4) && hi_is_leap(0));
    assert_false(hi_is_leap(1900) || hi_is_leap(2023) || hi_is_leap(-100));
    assert_int_equal(hi_days_in_month(2024, 2), 29);
    assert_int_equal(hi_days_in_month(2100, 2), 28);
}

static void every_instant_survives_its_civil_form_and_its_text(void **state)
{
    (void)state;
    uint64_t seed = 1;
    char text[HI_TIME_SIZE];

    for (int i = 0; i < 200000; i++) {
        const int64_t ns = i == 0 ? INT64_MIN : i == 1 ? INT64_MAX : (int64_t)test_next(&seed);
        const hi_civil c = hi_civil_of(ns);
        int64_t back = 0;

        assert_int_equal(hi_time_of(&c, &back), HI_TIME_OK);
        assert_true(back == ns);
        const size_t size = hi_time_print(text, ns, 9);
        assert_int_equal(hi_time_parse(text, size, &back), HI_TIME_OK);
        assert_true(back == ns);
        const size_t span = hi_span_print(text, ns);
        assert_int_equal(hi_span_parse(text, span, &back), HI_TIME_OK);
        assert_true(back == ns);
    }
}

/* ---- text of times ---- */

static void times_print_seven_digits_or_nine_when_needed(void **state)
{
    (void)state;
    char text[HI_TIME_SIZE + 1];
    const int64_t ns = test_time("2020-06-15T13:45:09.123456789Z");

    test_time_is(0, "1970-01-01T00:00:00.0000000Z");
    test_time_is(ns, "2020-06-15T13:45:09.123456789Z");
    test_time_is(ns - 89, "2020-06-15T13:45:09.1234567Z");
    test_time_is(INT64_MIN, "1677-09-21T00:12:43.145224192Z");
    test_time_is(INT64_MAX, "2262-04-11T23:47:16.854775807Z");
    test_time_is(-1, "1969-12-31T23:59:59.999999999Z");
    text[hi_time_print(text, ns, 0)] = '\0';
    assert_string_equal(text, "2020-06-15T13:45:09Z");
    text[hi_time_print(text, ns, 3)] = '\0';
    assert_string_equal(text, "2020-06-15T13:45:09.123Z");
    text[hi_time_print(text, 500000000, HI_TIME_MIN)] = '\0';
    assert_string_equal(text, "1970-01-01T00:00:00.5Z");
    text[hi_time_print(text, 500000000, HI_TIME_KQL_SHORT)] = '\0';
    assert_string_equal(text, "1970-01-01T00:00:00.5000000Z");
    text[hi_time_print(text, 0, HI_TIME_KQL_SHORT)] = '\0';
    assert_string_equal(text, "1970-01-01T00:00:00Z");
}

static void iso_forms_are_read(void **state)
{
    (void)state;
    test_reads("2014-11-08T15:55:55.123456Z", "2014-11-08T15:55:55.1234560Z");
    test_reads("2014-11-08T15:55:55", "2014-11-08T15:55:55.0000000Z");
    test_reads("2014-11-08T15:55", "2014-11-08T15:55:00.0000000Z");
    test_reads("2014-11-08 15:55:55.9999999", "2014-11-08T15:55:55.9999999Z");
    test_reads("2014-11-08 15:55", "2014-11-08T15:55:00.0000000Z");
    test_reads("2014-11-08", "2014-11-08T00:00:00.0000000Z");
    test_reads("2014-11", "2014-11-01T00:00:00.0000000Z");
    test_reads("2014", "2014-01-01T00:00:00.0000000Z");
    test_reads("2014-1-8", "2014-01-08T00:00:00.0000000Z");
    test_reads("20141108", "2014-11-08T00:00:00.0000000Z");
    test_reads("20141108T155501Z", "2014-11-08T15:55:01.0000000Z");
    test_reads("2014-11-08T15:55:55,25", "2014-11-08T15:55:55.2500000Z");
    test_reads("2014-11-08T15:55:55.1234567899", "2014-11-08T15:55:55.123456789Z");
    test_reads("  2014-11-08  ", "2014-11-08T00:00:00.0000000Z");
    test_reads("2014-11-08Z", "2014-11-08T00:00:00.0000000Z");
}

static void offsets_are_taken_off(void **state)
{
    (void)state;
    test_reads("2014-11-08T01:00:00+02:00", "2014-11-07T23:00:00.0000000Z");
    test_reads("2014-11-08T01:00:00-0530", "2014-11-08T06:30:00.0000000Z");
    test_reads("2014-11-08T01:00:00 +02", "2014-11-07T23:00:00.0000000Z");
    test_reads("2014-11-08 01:00:00 EST", "2014-11-08T06:00:00.0000000Z");
}

static void rfc_822_and_850_forms_are_read(void **state)
{
    (void)state;
    test_reads("Sat, 8 Nov 14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z");
    test_reads("Sat, 8 Nov 14 15:05 GMT", "2014-11-08T15:05:00.0000000Z");
    test_reads("Sat, 8 Nov 2014 15:05:02", "2014-11-08T15:05:02.0000000Z");
    test_reads("8 Nov 14 15:05:02", "2014-11-08T15:05:02.0000000Z");
    test_reads("Saturday, 08-Nov-14 15:05:02 GMT", "2014-11-08T15:05:02.0000000Z");
    test_reads("08-Nov-99 15:05 UTC", "1999-11-08T15:05:00.0000000Z");
    test_reads("2/28/2014 13:05", "2014-02-28T13:05:00.0000000Z");
}

static void text_that_is_no_time_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",
        "abc",
        "2014-13-01",
        "2014-00-01",
        "2014-02-29",
        "2014-11-31",
        "2014-11-08T",
        "2014-11-08T25:00",
        "2014-11-08T10:60",
        "2014-11-08T10:00:60",
        "2014-11-08T10:00:00.",
        "2014-11-08T10:00:00X",
        "2014-11-08T10:00:00+1",
        "0000-01-01",
        "2014-11-08T10:00:00Z1",
        "12345",
        "123456789",
        "32 Nov 14",
        "8 Foo 14",
        "8 Nov 145",
        "13/13/2014",
        "2014-11-08T1:2:3",
        "-2014-01-01",
        "Foo, 8 Nov 14",
        "12",
        "2014-11-08T10:00+15:00",
    };
    int64_t ns = 42;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (hi_time_parse(texts[i], strlen(texts[i]), &ns) != HI_TIME_BAD) {
            print_error("%s was read\n", texts[i]);
            fail();
        }
    }
    assert_int_equal(ns, 42);
}

static void times_out_of_range_say_on_which_side(void **state)
{
    (void)state;
    int64_t ns = 0;

    assert_int_equal(hi_time_parse("9999-12-31", 10, &ns), HI_TIME_HIGH);
    assert_true(ns == INT64_MAX);
    assert_int_equal(hi_time_parse("0001-01-01", 10, &ns), HI_TIME_LOW);
    assert_true(ns == INT64_MIN);
    assert_int_equal(hi_time_parse("2262-04-11T23:47:16.854775808Z", 30, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_time_parse("1677-09-21T00:12:43.145224191Z", 30, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_parse("1677-09-21T00:12:43.145224192Z", 30, &ns), HI_TIME_OK);
    assert_true(ns == INT64_MIN);
    assert_int_equal(hi_time_parse("2262-04-11T23:47:16.85+00:00", 28, &ns), HI_TIME_OK);
    assert_int_equal(hi_time_parse("2262-04-11T23:47:16.85-00:01", 28, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_time_parse("1677-09-21T00:12:44+00:01", 25, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_parse("9999-02-30", 10, &ns), HI_TIME_BAD);
}

/* ---- spans ---- */

static void test_span(const char *text, const char *want)
{
    char out[HI_SPAN_SIZE + 1];
    int64_t ns = 0;

    if (hi_span_parse(text, strlen(text), &ns) != HI_TIME_OK) {
        print_error("%s was not read\n", text);
        fail();
    }
    out[hi_span_print(out, ns)] = '\0';
    assert_string_equal(out, want);
}

static void spans_are_read_and_printed(void **state)
{
    (void)state;
    test_span("1.02:03:04.5", "1.02:03:04.5000000");
    test_span("1.02:03:04", "1.02:03:04");
    test_span("-00:30:00", "-00:30:00");
    test_span("13:00", "13:00:00");
    test_span("01:00:00", "01:00:00");
    test_span("1d", "1.00:00:00");
    test_span("1.5h", "01:30:00");
    test_span("90m", "01:30:00");
    test_span("100ms", "00:00:00.1000000");
    test_span("10microsecond", "00:00:00.0000100");
    test_span("1tick", "00:00:00.0000001");
    test_span("1nanosecond", "00:00:00.000000001");
    test_span("2 days", "2.00:00:00");
    test_span("2", "2.00:00:00");
    test_span("0.1d", "02:24:00");
    test_span("-1.5d", "-1.12:00:00");
    test_span("0s", "00:00:00");
    test_span("0.3333333333333333333333333d", "07:59:59.999999999");
}

static void text_that_is_no_span_is_refused(void **state)
{
    (void)state;
    static const char *const texts[] = {
        "",      "abc",      "1x",     "1us",       "1ns",  "1w",   "d",  "1:2:3", "25:00",
        "00:60", "00:00:60", "1.2.3d", "00:00:00.", "--1d", "1e3s", "1D", "1 2 s", "1.2.00:00"};
    int64_t ns = 0;

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (hi_span_parse(texts[i], strlen(texts[i]), &ns) != HI_TIME_BAD) {
            print_error("%s was read\n", texts[i]);
            fail();
        }
    }
}

static void spans_out_of_range_say_so(void **state)
{
    (void)state;
    int64_t ns = 0;

    assert_int_equal(hi_span_parse("106752d", 7, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_span_parse("-106752d", 8, &ns), HI_TIME_LOW);
    assert_int_equal(hi_span_parse("99999999999999999999999d", 24, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_span_parse("106751d", 7, &ns), HI_TIME_OK);
    assert_int_equal(hi_span_parse("106751.23:47:16.854775807", 25, &ns), HI_TIME_OK);
    assert_true(ns == INT64_MAX);
    assert_int_equal(hi_span_parse("106751.23:47:16.854775808", 25, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_span_parse("-106751.23:47:16.854775808", 26, &ns), HI_TIME_OK);
    assert_true(ns == INT64_MIN);
}

/* ---- ticks ---- */

static void ticks_count_from_year_one(void **state)
{
    (void)state;
    int64_t ns = 0;

    assert_int_equal(hi_ticks_of(0), HI_TICKS_1970);
    assert_int_equal(hi_ticks_of(test_time("2017-01-01")), INT64_C(636188256000000000));
    assert_int_equal(hi_ticks_of(-1), HI_TICKS_1970 - 1);
    assert_int_equal(hi_time_of_ticks(HI_TICKS_1970 + 5, &ns), HI_TIME_OK);
    assert_int_equal(ns, 500);
    assert_int_equal(hi_time_of_ticks(0, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_of_ticks(INT64_MIN, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_of_ticks(INT64_C(3155378975999999999), &ns), HI_TIME_HIGH);
}

/* ---- arithmetic ---- */

static hi_time_part test_part(const char *name)
{
    const hi_time_part part = hi_time_part_of(name, strlen(name));

    assert_int_not_equal(part, HI_PART_NONE);
    return part;
}

static void test_start(const char *time, const char *part, int64_t offset, const char *want)
{
    int64_t ns = 0;

    assert_int_equal(hi_time_start(test_time(time), test_part(part), offset, &ns), HI_TIME_OK);
    test_time_is(ns, want);
}

static void test_end(const char *time, const char *part, int64_t offset, const char *want)
{
    int64_t ns = 0;

    assert_int_equal(hi_time_end(test_time(time), test_part(part), offset, &ns), HI_TIME_OK);
    test_time_is(ns, want);
}

static void starts_and_ends_of_parts(void **state)
{
    (void)state;
    test_start("2017-01-01 10:10:17", "week", -1, "2016-12-25T00:00:00.0000000Z");
    test_start("2017-01-01 10:10:17", "week", 0, "2017-01-01T00:00:00.0000000Z");
    test_start("2024-02-29 23:59:59.9999999", "week", 0, "2024-02-25T00:00:00.0000000Z");
    test_start("2020-02-29 12:00", "month", 0, "2020-02-01T00:00:00.0000000Z");
    test_start("2020-02-29 12:00", "month", -2, "2019-12-01T00:00:00.0000000Z");
    test_start("2020-02-29 12:00", "year", 1, "2021-01-01T00:00:00.0000000Z");
    test_start("2020-05-29 12:00", "quarter", 0, "2020-04-01T00:00:00.0000000Z");
    test_start("1969-12-31 23:59:59", "day", 0, "1969-12-31T00:00:00.0000000Z");
    test_start("1969-12-31 23:59:59", "hour", 0, "1969-12-31T23:00:00.0000000Z");
    test_end("2024-03-03", "week", 0, "2024-03-09T23:59:59.9999999Z");
    test_end("2020-02-29", "month", 0, "2020-02-29T23:59:59.9999999Z");
    test_end("2021-12-31", "year", -1, "2020-12-31T23:59:59.9999999Z");
    test_end("2021-12-31", "day", 0, "2021-12-31T23:59:59.9999999Z");
}

static void starts_out_of_range_say_so(void **state)
{
    (void)state;
    int64_t ns = 0;

    assert_int_equal(hi_time_start(INT64_MIN, HI_PART_DAY, 0, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_start(INT64_MIN, HI_PART_YEAR, 0, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_end(INT64_MAX, HI_PART_DAY, 0, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_time_end(0, HI_PART_YEAR, INT64_MAX, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_time_start(0, HI_PART_HOUR, INT64_MIN, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_start(0, HI_PART_WEEK, INT64_MAX, &ns), HI_TIME_HIGH);
}

static void test_adds(const char *part, int64_t count, const char *time, const char *want)
{
    int64_t ns = 0;

    assert_int_equal(hi_time_add(test_time(time), test_part(part), count, &ns), HI_TIME_OK);
    test_time_is(ns, want);
}

static void adding_months_clamps_to_the_end_of_the_month(void **state)
{
    (void)state;
    test_adds("month", 1, "2020-01-31 23:59:59.9999999", "2020-02-29T23:59:59.9999999Z");
    test_adds("month", -1, "2020-03-31 00:00:00.0000001", "2020-02-29T00:00:00.0000001Z");
    test_adds("quarter", -3, "2020-02-29 12:00:00", "2019-05-29T12:00:00.0000000Z");
    test_adds("month", 13, "2019-01-31", "2020-02-29T00:00:00.0000000Z");
    test_adds("year", 4, "2020-02-29", "2024-02-29T00:00:00.0000000Z");
    test_adds("year", 1, "2020-02-29", "2021-02-28T00:00:00.0000000Z");
    test_adds("month", -15, "2017-01-01", "2015-10-01T00:00:00.0000000Z");
    test_adds("week", 100, "2017-01-01", "2018-12-02T00:00:00.0000000Z");
    test_adds("day", 400, "2020-01-01", "2021-02-04T00:00:00.0000000Z");
    test_adds("second", -90061, "2020-01-01", "2019-12-30T22:58:59.0000000Z");
    test_adds("millisecond", 1500, "2020-01-01", "2020-01-01T00:00:01.5000000Z");
}

static void adding_too_much_is_out_of_range(void **state)
{
    (void)state;
    int64_t ns = 0;

    assert_int_equal(hi_time_add(0, HI_PART_YEAR, 300, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_time_add(0, HI_PART_MONTH, INT64_MIN, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_add(0, HI_PART_DAY, 200000, &ns), HI_TIME_HIGH);
    assert_int_equal(hi_time_add(0, HI_PART_DAY, INT64_MIN, &ns), HI_TIME_LOW);
    assert_int_equal(hi_time_add(INT64_MAX, HI_PART_NANOSECOND, 1, &ns), HI_TIME_HIGH);
}

static void test_diff(const char *part, const char *a, const char *b, int64_t want)
{
    assert_int_equal(hi_time_diff(test_part(part), test_time(a), test_time(b)), want);
    assert_int_equal(hi_time_diff(test_part(part), test_time(b), test_time(a)), -want);
}

static void differences_count_boundaries(void **state)
{
    (void)state;
    test_diff("year", "2017-01-01", "2000-12-31", 17);
    test_diff("quarter", "2017-07-01", "2017-03-30", 2);
    test_diff("month", "2017-01-01", "2015-12-30", 13);
    test_diff("week", "2017-10-29 00:00", "2017-09-30 23:59", 5);
    test_diff("day", "2017-10-29 00:00", "2017-09-30 23:59", 29);
    test_diff("hour", "2017-10-31 01:00", "2017-10-30 23:59", 2);
    test_diff("minute", "2017-10-30 23:05:01", "2017-10-30 23:00:59", 5);
    test_diff("microsecond", "2020-01-01 00:00:00.0000020", "2020-01-01 00:00:00.0000005", 2);
    test_diff("nanosecond", "2020-01-01 00:00:00.0000002", "2020-01-01 00:00:00", 200);
    test_diff("day", "1950-06-15 13:45:00", "2000-01-01", -18097);
    assert_true(hi_time_diff(HI_PART_NANOSECOND, INT64_MAX, INT64_MIN) == INT64_MAX);
}

static void weeks_are_those_of_iso_8601(void **state)
{
    (void)state;
    static const struct {
        const char *day;
        int week;
    } cases[] = {{"2015-12-31", 53}, {"2016-01-01", 53}, {"2018-12-31", 1},  {"2019-01-01", 1},
                 {"2023-01-01", 52}, {"2007-01-01", 1},  {"1950-06-15", 24}, {"2020-02-29", 9},
                 {"2021-12-26", 51}, {"2021-12-27", 52}, {"2000-01-01", 52}, {"1999-12-31", 52}};

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_int_equal(hi_iso_week(test_time(cases[i].day)), cases[i].week);
    }
}

static void parts_of_a_time(void **state)
{
    (void)state;
    const int64_t ns = test_time("2017-10-30 01:02:03.7654321");

    assert_int_equal(hi_time_get(test_part("Year"), ns), 2017);
    assert_int_equal(hi_time_get(test_part("quarter"), ns), 4);
    assert_int_equal(hi_time_get(test_part("month"), ns), 10);
    assert_int_equal(hi_time_get(test_part("week_of_year"), ns), 44);
    assert_int_equal(hi_time_get(test_part("day"), ns), 30);
    assert_int_equal(hi_time_get(test_part("dayOfYear"), ns), 303);
    assert_int_equal(hi_time_get(test_part("hour"), ns), 1);
    assert_int_equal(hi_time_get(test_part("minute"), ns), 2);
    assert_int_equal(hi_time_get(test_part("second"), ns), 3);
    assert_int_equal(hi_time_get(test_part("millisecond"), ns), 765);
    assert_int_equal(hi_time_get(test_part("microsecond"), ns), 765432);
    assert_int_equal(hi_time_get(test_part("nanosecond"), ns), 765432100);
    assert_int_equal(hi_time_part_of("decade", 6), HI_PART_NONE);
    assert_int_equal(hi_time_part_of("yea", 3), HI_PART_NONE);
    assert_int_equal(hi_time_part_of("", 0), HI_PART_NONE);
}

/* Any bytes: no crash, and what is read prints and reads back. */
static void random_text_is_read_consistently(void **state)
{
    (void)state;
    static const char letters[] = "0123456789012345678901234567-:.+ TZdhms/,NovSat";
    uint64_t seed = 7;
    char text[40];

    for (int i = 0; i < 300000; i++) {
        const size_t size = test_next(&seed) % 30;
        int64_t ns = 0;
        int64_t back = 0;

        for (size_t k = 0; k < size; k++) {
            text[k] = letters[test_next(&seed) % (sizeof(letters) - 1)];
        }
        if (hi_time_parse(text, size, &ns) == HI_TIME_OK) {
            const size_t printed = hi_time_print(text, ns, HI_TIME_KQL);
            assert_int_equal(hi_time_parse(text, printed, &back), HI_TIME_OK);
            assert_true(back == ns);
        }
        if (hi_span_parse(text, size, &ns) == HI_TIME_OK) {
            const size_t printed = hi_span_print(text, ns);
            assert_int_equal(hi_span_parse(text, printed, &back), HI_TIME_OK);
            assert_true(back == ns);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(calendar_agrees_with_counting_days),
        cmocka_unit_test(leap_years_are_gregorian),
        cmocka_unit_test(every_instant_survives_its_civil_form_and_its_text),
        cmocka_unit_test(times_print_seven_digits_or_nine_when_needed),
        cmocka_unit_test(iso_forms_are_read),
        cmocka_unit_test(offsets_are_taken_off),
        cmocka_unit_test(rfc_822_and_850_forms_are_read),
        cmocka_unit_test(text_that_is_no_time_is_refused),
        cmocka_unit_test(times_out_of_range_say_on_which_side),
        cmocka_unit_test(spans_are_read_and_printed),
        cmocka_unit_test(text_that_is_no_span_is_refused),
        cmocka_unit_test(spans_out_of_range_say_so),
        cmocka_unit_test(ticks_count_from_year_one),
        cmocka_unit_test(starts_and_ends_of_parts),
        cmocka_unit_test(starts_out_of_range_say_so),
        cmocka_unit_test(adding_months_clamps_to_the_end_of_the_month),
        cmocka_unit_test(adding_too_much_is_out_of_range),
        cmocka_unit_test(differences_count_boundaries),
        cmocka_unit_test(weeks_are_those_of_iso_8601),
        cmocka_unit_test(parts_of_a_time),
        cmocka_unit_test(random_text_is_read_consistently),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
