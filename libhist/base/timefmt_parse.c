/*
 * timefmt_parse.c -- reading times and timespans; see timefmt.h.
 *
 * One cursor walks the text; every step returns false when the text cannot be
 * a time. What the steps find goes into a hi_civil plus the zone's offset, so
 * that a well-formed time outside the range is known as such.
 */
#include <string.h>

#include "base/num.h"
#include "base/timefmt.h"

typedef struct time_text {
    const char *at;
    const char *end;
    hi_civil civil;
    int offset_minutes; /* Of the local time from UTC. */
} time_text;

/* ---- steps ---- */

static bool time_digit(const char *p, const char *end)
{
    return p < end && *p >= '0' && *p <= '9';
}

static bool time_letter(const char *p, const char *end)
{
    return p < end && ((*p | 0x20) >= 'a' && (*p | 0x20) <= 'z');
}

static size_t time_digit_run(const time_text *t)
{
    const char *p = t->at;

    while (time_digit(p, t->end)) {
        p++;
    }
    return (size_t)(p - t->at);
}

/* Between min and max digits. */
static bool time_take(time_text *t, int min, int max, int *out)
{
    int v = 0;
    int count = 0;

    for (; count < max && time_digit(t->at, t->end); count++) {
        v = v * 10 + (*t->at++ - '0');
    }
    *out = v;
    return count >= min;
}

static bool time_take_char(time_text *t, char c)
{
    if (t->at < t->end && *t->at == c) {
        t->at++;
        return true;
    }
    return false;
}

static void time_skip_blanks(time_text *t)
{
    while (t->at < t->end &&
           (*t->at == ' ' || *t->at == '\t' || *t->at == '\n' || *t->at == '\r')) {
        t->at++;
    }
}

/* The letters here, and how many. */
static size_t time_take_word(time_text *t, const char **word)
{
    *word = t->at;
    while (time_letter(t->at, t->end)) {
        t->at++;
    }
    return (size_t)(t->at - *word);
}

static bool time_same_word(const char *a, const char *lower, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if ((a[i] | 0x20) != lower[i]) {
            return false;
        }
    }
    return true;
}

/* First nine digits after the point; false when there is none. */
static bool time_take_fraction(time_text *t, int *nano)
{
    int scale = 100000000;

    *nano = 0;
    if (!time_digit(t->at, t->end)) {
        return false;
    }
    for (; time_digit(t->at, t->end); t->at++) {
        *nano += (*t->at - '0') * scale;
        scale /= 10;
    }
    return true;
}

/* ---- time of day ---- */

/* hh[:mm[:ss[.f]]] or hhmm[ss[.f]]. */
static bool time_take_clock(time_text *t)
{
    hi_civil *c = &t->civil;
    const bool compact = time_digit_run(t) >= 4;

    if (!time_take(t, 1, 2, &c->hour)) {
        return false;
    }
    if (!compact && !time_take_char(t, ':')) {
        return true;
    }
    if (!time_take(t, 2, 2, &c->minute)) {
        return false;
    }
    if (compact ? !time_digit(t->at, t->end) : !time_take_char(t, ':')) {
        return true;
    }
    if (!time_take(t, 2, 2, &c->second)) {
        return false;
    }
    if (time_take_char(t, '.') || time_take_char(t, ',')) {
        return time_take_fraction(t, &c->nano);
    }
    return true;
}

static bool time_take_zone_name(time_text *t)
{
    static const struct {
        char name[4];
        int hours;
    } zones[] = {{"z", 0},    {"ut", 0},   {"utc", 0},  {"gmt", 0},  {"est", -5}, {"edt", -4},
                 {"cst", -6}, {"cdt", -5}, {"mst", -7}, {"mdt", -6}, {"pst", -8}, {"pdt", -7}};
    const char *word = NULL;
    const size_t size = time_take_word(t, &word);

    for (size_t i = 0; i < sizeof(zones) / sizeof(zones[0]); i++) {
        if (size == strlen(zones[i].name) && time_same_word(word, zones[i].name, size)) {
            t->offset_minutes = zones[i].hours * 60;
            return true;
        }
    }
    return false;
}

/* Nothing, Z, a name, or +hh[[:]mm]. */
static bool time_take_zone(time_text *t)
{
    int hours = 0;
    int minutes = 0;

    time_skip_blanks(t);
    if (t->at == t->end) {
        return true;
    }
    if (time_letter(t->at, t->end)) {
        return time_take_zone_name(t);
    }
    const bool west = *t->at == '-';
    if (!west && *t->at != '+') {
        return false;
    }
    t->at++;
    if (!time_take(t, 2, 2, &hours)) {
        return false;
    }
    const bool colon = time_take_char(t, ':');
    if ((colon || time_digit(t->at, t->end)) && !time_take(t, 2, 2, &minutes)) {
        return false;
    }
    if (hours > 14 || minutes > 59) {
        return false;
    }
    t->offset_minutes = (west ? -1 : 1) * (hours * 60 + minutes);
    return true;
}

/* What may follow a date: nothing, or a separator and the time of day with its zone. */
static bool time_take_rest(time_text *t)
{
    if (t->at < t->end && (*t->at == 'T' || *t->at == 't' || *t->at == '_')) {
        t->at++;
        return time_take_clock(t) && time_take_zone(t);
    }
    if (t->at < t->end && *t->at == ' ') {
        time_skip_blanks(t);
        if (time_digit(t->at, t->end) && !time_take_clock(t)) {
            return false;
        }
    }
    return time_take_zone(t);
}

/* ---- dates ---- */

/* yyyy[-MM[-dd]] */
static bool time_take_iso(time_text *t)
{
    hi_civil *c = &t->civil;
    int year = 0;

    if (!time_take(t, 4, 4, &year)) {
        return false;
    }
    c->year = year;
    if (!time_take_char(t, '-')) {
        return t->at == t->end;
    }
    if (!time_take(t, 1, 2, &c->month)) {
        return false;
    }
    if (!time_take_char(t, '-')) {
        return t->at == t->end;
    }
    return time_take(t, 1, 2, &c->day) && time_take_rest(t);
}

/* yyyyMMdd */
static bool time_take_compact(time_text *t)
{
    int year = 0;

    if (!time_take(t, 4, 4, &year) || !time_take(t, 2, 2, &t->civil.month) ||
        !time_take(t, 2, 2, &t->civil.day)) {
        return false;
    }
    t->civil.year = year;
    return time_take_rest(t);
}

/* Month/day/year */
static bool time_take_slashes(time_text *t)
{
    int year = 0;

    if (!time_take(t, 1, 2, &t->civil.month) || !time_take_char(t, '/') ||
        !time_take(t, 1, 2, &t->civil.day) || !time_take_char(t, '/') ||
        !time_take(t, 4, 4, &year)) {
        return false;
    }
    t->civil.year = year;
    return time_take_rest(t);
}

static bool time_take_month_name(time_text *t)
{
    static const char names[12][10] = {"january",   "february", "march",    "april",
                                       "may",       "june",     "july",     "august",
                                       "september", "october",  "november", "december"};
    const char *word = NULL;
    const size_t size = time_take_word(t, &word);

    for (int i = 0; i < 12; i++) {
        const bool fits = size == 3 || size == strlen(names[i]);

        if (fits && time_same_word(word, names[i], size)) {
            t->civil.month = i + 1;
            return true;
        }
    }
    return false;
}

static bool time_is_weekday(const char *word, size_t size)
{
    static const char names[7][10] = {"sunday",   "monday", "tuesday", "wednesday",
                                      "thursday", "friday", "saturday"};

    for (int i = 0; i < 7; i++) {
        const bool fits = size == 3 || size == strlen(names[i]);

        if (fits && time_same_word(word, names[i], size)) {
            return true;
        }
    }
    return false;
}

/* [Sat[urday],] 8 Nov 14|2014 or 08-Nov-14; two digits of a year mean 1950..2049. */
static bool time_take_rfc(time_text *t)
{
    hi_civil *c = &t->civil;
    int year = 0;

    if (time_letter(t->at, t->end)) {
        const char *word = NULL;
        const size_t size = time_take_word(t, &word);
        if (!time_is_weekday(word, size)) {
            return false;
        }
        (void)time_take_char(t, ',');
        time_skip_blanks(t);
    }
    if (!time_take(t, 1, 2, &c->day)) {
        return false;
    }
    const char separator = t->at < t->end && *t->at == '-' ? '-' : ' ';
    if (!time_take_char(t, separator) || !time_take_month_name(t) ||
        !time_take_char(t, separator)) {
        return false;
    }
    const size_t digits = time_digit_run(t);
    if ((digits != 2 && digits != 4) || !time_take(t, 2, 4, &year)) {
        return false;
    }
    c->year = digits == 4 ? year : year < 50 ? 2000 + year : 1900 + year;
    return time_take_rest(t);
}

static bool time_take_all(time_text *t)
{
    const size_t digits = time_digit_run(t);

    if (digits == 4) {
        return time_take_iso(t);
    }
    if (digits == 8) {
        return time_take_compact(t);
    }
    if ((digits == 1 || digits == 2) && t->at + digits < t->end && t->at[digits] == '/') {
        return time_take_slashes(t);
    }
    return time_take_rfc(t);
}

static void time_trim(const char **text, size_t *size)
{
    while (*size > 0 && strchr(" \t\r\n", (*text)[0]) != NULL && (*text)[0] != '\0') {
        (*text)++;
        (*size)--;
    }
    while (*size > 0 && strchr(" \t\r\n", (*text)[*size - 1]) != NULL &&
           (*text)[*size - 1] != '\0') {
        (*size)--;
    }
}

/* Takes the zone's offset off again. */
static hi_time_status time_apply_offset(hi_time_status status, int minutes, int64_t *ns)
{
    const bool low = minutes > 0;

    if (status == HI_TIME_OK && __builtin_sub_overflow(*ns, minutes * HI_NS_PER_MIN, ns)) {
        *ns = low ? INT64_MIN : INT64_MAX;
        return low ? HI_TIME_LOW : HI_TIME_HIGH;
    }
    return status;
}

hi_time_status hi_time_parse(const char *text, size_t size, int64_t *out)
{
    int64_t ns = 0;

    time_trim(&text, &size);
    time_text t = {.at = text, .end = text + size, .civil = {.month = 1, .day = 1}};
    if (!time_take_all(&t) || t.at != t.end || t.civil.year < 1) {
        return HI_TIME_BAD;
    }
    hi_time_status status = hi_time_of(&t.civil, &ns);
    if (status == HI_TIME_BAD) {
        return HI_TIME_BAD;
    }
    status = time_apply_offset(status, t.offset_minutes, &ns);
    *out = ns;
    return status;
}

/* ---- parts ---- */

hi_time_part hi_time_part_of(const char *text, size_t size)
{
    static const struct {
        char name[13];
        hi_time_part part;
    } parts[] = {
        {"year", HI_PART_YEAR},
        {"quarter", HI_PART_QUARTER},
        {"month", HI_PART_MONTH},
        {"week", HI_PART_WEEK},
        {"week_of_year", HI_PART_WEEK},
        {"weekofyear", HI_PART_WEEK},
        {"day", HI_PART_DAY},
        {"dayofyear", HI_PART_DAYOFYEAR},
        {"hour", HI_PART_HOUR},
        {"minute", HI_PART_MINUTE},
        {"second", HI_PART_SECOND},
        {"millisecond", HI_PART_MILLISECOND},
        {"microsecond", HI_PART_MICROSECOND},
        {"nanosecond", HI_PART_NANOSECOND},
    };

    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        const char *name = parts[i].name;
        size_t at = 0;

        while (at < size && name[at] != '\0' &&
               (text[at] == name[at] ||
                (time_letter(text + at, text + size) && (text[at] | 0x20) == name[at]))) {
            at++;
        }
        if (at == size && name[at] == '\0') {
            return parts[i].part;
        }
    }
    return HI_PART_NONE;
}

/* ---- spans ---- */

int64_t hi_span_unit(const char *text, size_t size)
{
    static const struct {
        char name[13];
        int64_t ns;
    } units[] = {
        {"d", HI_NS_PER_DAY},
        {"day", HI_NS_PER_DAY},
        {"days", HI_NS_PER_DAY},
        {"h", HI_NS_PER_HOUR},
        {"hr", HI_NS_PER_HOUR},
        {"hrs", HI_NS_PER_HOUR},
        {"hour", HI_NS_PER_HOUR},
        {"hours", HI_NS_PER_HOUR},
        {"m", HI_NS_PER_MIN},
        {"min", HI_NS_PER_MIN},
        {"minute", HI_NS_PER_MIN},
        {"minutes", HI_NS_PER_MIN},
        {"s", HI_NS_PER_S},
        {"sec", HI_NS_PER_S},
        {"second", HI_NS_PER_S},
        {"seconds", HI_NS_PER_S},
        {"ms", HI_NS_PER_MS},
        {"milli", HI_NS_PER_MS},
        {"millis", HI_NS_PER_MS},
        {"millisecond", HI_NS_PER_MS},
        {"milliseconds", HI_NS_PER_MS},
        {"micro", HI_NS_PER_US},
        {"micros", HI_NS_PER_US},
        {"microsecond", HI_NS_PER_US},
        {"microseconds", HI_NS_PER_US},
        {"nano", 1},
        {"nanos", 1},
        {"nanosecond", 1},
        {"nanoseconds", 1},
        {"tick", HI_NS_PER_TICK},
        {"ticks", HI_NS_PER_TICK},
    };

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (size == strnlen(units[i].name, sizeof(units[i].name)) &&
            memcmp(text, units[i].name, size) == 0) {
            return units[i].ns;
        }
    }
    return 0;
}

static hi_time_status time_span_out(bool negative, uint64_t size, int64_t *out)
{
    if (size > (uint64_t)INT64_MAX + negative) {
        *out = negative ? INT64_MIN : INT64_MAX;
        return negative ? HI_TIME_LOW : HI_TIME_HIGH;
    }
    *out = (int64_t)(negative ? 0 - size : size);
    return HI_TIME_OK;
}

/* floor(0.ddd * unit), exact: from the last digit on, floors of floors are the floor. */
static uint64_t time_scale_fraction(const char *digits, size_t size, uint64_t unit)
{
    uint64_t acc = 0;

    while (size > 0) {
        acc = (acc + (uint64_t)(digits[--size] - '0') * unit) / 10;
    }
    return acc;
}

hi_time_status hi_span_scale(const char *number, size_t size, int64_t unit_ns, int64_t *out)
{
    const uint64_t unit = (uint64_t)unit_ns;
    time_text t = {.at = number, .end = number + size};
    const bool negative = time_take_char(&t, '-');
    bool high = false;
    uint64_t v = 0;

    if (!negative) {
        (void)time_take_char(&t, '+');
    }
    const char *start = t.at;
    for (; time_digit(t.at, t.end); t.at++) {
        high = high || v > UINT64_MAX / 10 - 1;
        v = v * 10 + (uint64_t)(*t.at - '0');
    }
    size_t digits = (size_t)(t.at - start);
    uint64_t fraction = 0;
    if (time_take_char(&t, '.')) {
        const size_t run = time_digit_run(&t);
        fraction = time_scale_fraction(t.at, run, unit);
        t.at += run;
        digits += run;
    }
    if (digits == 0 || t.at != t.end) {
        return HI_TIME_BAD;
    }
    high = high || __builtin_mul_overflow(v, unit, &v) || __builtin_add_overflow(v, fraction, &v);
    return time_span_out(negative, high ? UINT64_MAX : v, out);
}

/* [d.]hh:mm[:ss[.f]] */
static hi_time_status time_span_clock(const char *text, size_t size, int64_t *out)
{
    time_text t = {.at = text, .end = text + size};
    const bool negative = time_take_char(&t, '-');
    const size_t run = time_digit_run(&t);
    uint64_t v = 0;

    if (t.at + run < t.end && t.at[run] == '.') {
        if (!hi_num_parse_u64(t.at, run, &v)) {
            return HI_TIME_BAD;
        }
        t.at += run + 1;
    }
    const size_t hours = time_digit_run(&t);
    if (hours < 1 || hours > 2 || !time_take_clock(&t) || t.at != t.end || t.civil.hour > 23 ||
        t.civil.minute > 59 || t.civil.second > 59) {
        return HI_TIME_BAD;
    }
    const uint64_t clock = (uint64_t)((t.civil.hour * 60 + t.civil.minute) * 60 + t.civil.second);
    const uint64_t rest = clock * (uint64_t)HI_NS_PER_S + (uint64_t)t.civil.nano;
    const bool high = __builtin_mul_overflow(v, (uint64_t)HI_NS_PER_DAY, &v) ||
                      __builtin_add_overflow(v, rest, &v);
    return time_span_out(negative, high ? UINT64_MAX : v, out);
}

hi_time_status hi_span_parse(const char *text, size_t size, int64_t *out)
{
    time_trim(&text, &size);
    if (size == 0) {
        return HI_TIME_BAD;
    }
    if (memchr(text, ':', size) != NULL) {
        return time_span_clock(text, size, out);
    }
    size_t number = size;
    while (number > 0 && time_letter(text + number - 1, text + size)) {
        number--;
    }
    if (number == size) {
        return hi_span_scale(text, size, HI_NS_PER_DAY, out);
    }
    const int64_t unit = hi_span_unit(text + number, size - number);
    while (number > 0 && text[number - 1] == ' ') {
        number--;
    }
    return unit == 0 ? HI_TIME_BAD : hi_span_scale(text, number, unit, out);
}
