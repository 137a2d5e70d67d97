/* func_time.c -- calendar functions. Know first: the calendar itself is base/timefmt.h; what leaves the range of int64 nanoseconds is null. */
#include <math.h>
#include <string.h>

#include "base/timefmt.h"
#include "query/eval.h"

static void time_put(hi_row *r, hi_time_status status, int64_t ns)
{
    if (status == HI_TIME_OK) {
        hi_cb_i64(r->out, ns);
    }
}

/* ---- now ---- */

static void time_row_now(hi_row *r)
{
    int64_t t;

    if (!__builtin_add_overflow(r->ev->ctx->now_ns, hi_row_i64_or(r, 0, 0), &t)) {
        hi_cb_i64(r->out, t);
    }
}

static void time_row_ago(hi_row *r)
{
    int64_t t;

    if (!__builtin_sub_overflow(r->ev->ctx->now_ns, hi_row_i64(r, 0), &t)) {
        hi_cb_i64(r->out, t);
    }
}

/* ---- start and end of a part ---- */

typedef struct time_part_fn {
    hi_time_part part;
    bool end;
} time_part_fn;

static void time_row_edge(hi_row *r)
{
    const time_part_fn *f = r->data;
    const int64_t offset = hi_row_i64_or(r, 1, 0);
    int64_t t = 0;
    const hi_time_status status = f->end ? hi_time_end(hi_row_i64(r, 0), f->part, offset, &t)
                                         : hi_time_start(hi_row_i64(r, 0), f->part, offset, &t);

    time_put(r, status, t);
}

/* Days and weeks without an offset are plain bins. */
static hist_status time_edge(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    const time_part_fn *f = call->u.call.func->data;
    const bool week = f->part == HI_PART_WEEK;
    const int64_t width = week ? HI_NS_PER_WEEK : HI_NS_PER_DAY;
    uint64_t least = 0;
    void *data;

    if (f->end || (f->part != HI_PART_DAY && !week) || call->u.call.arg_count != 1 ||
        args[0].layout != HIST_LAYOUT_FLAT) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    const int64_t *t = args[0].data;
    for (uint32_t i = 0; i < rows; i++) {
        least |= t[i] < INT64_MIN + HI_NS_PER_WEEK;
    }
    if (least != 0) { /* What begins before the range of times is null. */
        return hi_eval_rows(ev, call, args, rows, out);
    }
    if (!hi_col_new(ev->arena, HIST_TYPE_DATETIME, rows, out, &data)) {
        return hi_eval_no_memory(ev, call);
    }
    out->valid = args[0].valid;
    /* 1970-01-04 was a Sunday. */
    hi_query_kernels_get()->bin_i64(data, t, width, week ? 3 * HI_NS_PER_DAY : 0, rows);
    return HIST_OK;
}

/* ---- parts ---- */

/* hourofday() and kin: a loop with constant divisors. */
static hist_status time_hour(hi_eval *ev, const hi_expr *call, const hist_column *args,
                             uint32_t rows, hist_column *out)
{
    void *raw;

    if (args[0].layout != HIST_LAYOUT_FLAT) {
        return hi_eval_rows(ev, call, args, rows, out);
    }
    if (!hi_col_new(ev->arena, HIST_TYPE_LONG, rows, out, &raw)) {
        return hi_eval_no_memory(ev, call);
    }
    const int64_t *t = args[0].data;
    int64_t *hours = raw;
    for (uint32_t i = 0; i < rows; i++) {
        const int64_t rest = t[i] % HI_NS_PER_DAY;

        hours[i] = (rest + (rest < 0 ? HI_NS_PER_DAY : 0)) / HI_NS_PER_HOUR;
    }
    out->valid = args[0].valid;
    return HIST_OK;
}

static void time_row_part_of(hi_row *r)
{
    const hi_time_part *part = r->data;

    hi_cb_i64(r->out, hi_time_get(*part, hi_row_i64(r, 0)));
}

static void time_row_dayofweek(hi_row *r)
{
    hi_cb_i64(r->out, hi_civil_of(hi_row_i64(r, 0)).weekday * HI_NS_PER_DAY);
}

static hi_time_part time_part_arg(hi_row *r, uint32_t i)
{
    const hist_str s = hi_row_str(r, i);
    const hi_time_part part = hi_time_part_of(s.data, s.size);

    if (part == HI_PART_NONE) {
        r->status =
            hi_eval_fail(r->ev, r->call, HIST_ESEMANTIC,
                         "'%.*s' is no part of a time; year, quarter, month, week_of_year, "
                         "day, hour, minute, second, millisecond, microsecond, nanosecond are",
                         (int)s.size, s.data);
    }
    return part;
}

static void time_row_part(hi_row *r)
{
    const hi_time_part part = time_part_arg(r, 0);

    if (part != HI_PART_NONE) {
        hi_cb_i64(r->out, hi_time_get(part, hi_row_i64(r, 1)));
    }
}

static void time_row_add(hi_row *r)
{
    const hi_time_part part = time_part_arg(r, 0);
    int64_t t = 0;

    if (part != HI_PART_NONE) {
        const hi_time_status status = hi_time_add(hi_row_i64(r, 2), part, hi_row_i64(r, 1), &t);

        time_put(r, status, t);
    }
}

static void time_row_diff(hi_row *r)
{
    const hi_time_part part = time_part_arg(r, 0);

    if (part == HI_PART_NONE) {
        return;
    }
    const int64_t n = hi_time_diff(part, hi_row_i64(r, 1), hi_row_i64(r, 2));
    if (r->call->type == HIST_TYPE_REAL) {
        hi_cb_real(r->out, (double)n);
    } else {
        hi_cb_i64(r->out, n);
    }
}

/* Weeks come as a real, as the engine gives them. */
static hist_status time_bind_diff(hi_bind_call *c)
{
    hist_str part = {"", 0};

    HI_TRY(hi_bind_arg(c, 0, 's'));
    HI_TRY(hi_bind_arg(c, 1, 'd'));
    HI_TRY(hi_bind_arg(c, 2, 'd'));
    if (hi_expr_is_const(c->args[0])) {
        HI_TRY(hi_bind_const_str(c, 0, &part));
    }
    const bool week = hi_time_part_of(part.data, part.size) == HI_PART_WEEK;
    c->type = week ? HIST_TYPE_REAL : HIST_TYPE_LONG;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

/* ---- making ---- */

static double time_number(const hi_value *v)
{
    return v->type == HIST_TYPE_REAL ? v->real : (double)v->i64;
}

/* make_datetime(y, m, d[, h, min[, s]]) */
static void time_row_make(hi_row *r)
{
    hi_civil c = {.year = hi_row_i64(r, 0)};
    int64_t fields[4] = {1, 1, 0, 0};
    int64_t t = 0;

    for (uint32_t i = 1; i < r->arg_count && i < 5; i++) {
        fields[i - 1] = hi_row_i64(r, i);
        if (fields[i - 1] < 0 || fields[i - 1] > 60) {
            return;
        }
    }
    const double second = r->arg_count > 5 ? time_number(&r->args[5]) : 0;
    if (!(second >= 0 && second < 60) || c.year < 1 || c.year > 9999) {
        return;
    }
    c.month = (int)fields[0];
    c.day = (int)fields[1];
    c.hour = (int)fields[2];
    c.minute = (int)fields[3];
    c.second = (int)second;
    const double ticks = (second - floor(second)) * 1e7;
    c.nano = (int)((int64_t)(ticks + 0.5) * 100);
    if (c.nano > 999999999) {
        c.nano = 999999900;
    }
    const hi_time_status status = hi_time_of(&c, &t);
    time_put(r, status, t);
}

static hist_status time_bind_make(hi_bind_call *c)
{
    c->type = HIST_TYPE_DATETIME;
    c->eval = hi_eval_rows;
    if (c->arg_count == 4) {
        return hi_bind_fail(c, "takes 3, 5 or 6 arguments, 4 given");
    }
    for (uint32_t i = 0; i < c->arg_count; i++) {
        HI_TRY(hi_bind_arg(c, i, i < 5 ? 'l' : 'n'));
    }
    return HIST_OK;
}

/* A datetime or string alone: the same as todatetime(). */
static hist_status time_bind_make_any(hi_bind_call *c)
{
    if (c->arg_count == 2) {
        return hi_bind_fail(c, "takes 1, 3, 5 or 6 arguments, 2 given");
    }
    if (c->arg_count != 1) {
        return time_bind_make(c);
    }
    c->func = hi_func_find((hist_str){"todatetime", 10});
    return c->func->bind(c);
}

/* make_timespan([d,] h, m[, s]): 2: h, m; 3: h, m, s; 4: d, h, m, s */
static void time_row_make_span(hi_row *r)
{
    static const int64_t units[3][4] = {
        {HI_NS_PER_HOUR, HI_NS_PER_MIN, 0, 0},
        {HI_NS_PER_HOUR, HI_NS_PER_MIN, HI_NS_PER_S, 0},
        {HI_NS_PER_DAY, HI_NS_PER_HOUR, HI_NS_PER_MIN, HI_NS_PER_S},
    };
    static const double limits[3][4] = {{24, 60, 0, 0}, {24, 60, 60, 0}, {106751, 24, 60, 60}};
    const uint32_t n = r->arg_count;
    int64_t sum = 0;

    for (uint32_t i = 0; i < n; i++) {
        const double v = time_number(&r->args[i]);

        if (!(v >= 0 && v < limits[n - 2][i])) {
            return;
        }
        if (i + 1 == n && n > 2) {
            sum += (int64_t)(v * 1e7 + 0.5) * 100; /* Seconds, to a tick. */
        } else {
            sum += (int64_t)v * units[n - 2][i];
        }
    }
    hi_cb_i64(r->out, sum);
}

static hist_status time_bind_make_span(hi_bind_call *c)
{
    for (uint32_t i = 0; i < c->arg_count; i++) {
        HI_TRY(hi_bind_arg(c, i, 'n'));
    }
    c->type = HIST_TYPE_TIMESPAN;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

/* unixtime_..._todatetime(): data is ns a unit. */
static void time_row_unix(hi_row *r)
{
    const int64_t unit = *(const int64_t *)r->data;
    const hi_value *v = &r->args[0];
    int64_t t;

    if (v->type == HIST_TYPE_REAL) {
        /* The whole part apart, so that the fraction is not rounded with it. */
        const double whole = floor(v->real);
        const double rest = (v->real - whole) * (double)unit;

        if (!(fabs(whole) < 9.2e18 / (double)unit)) {
            return;
        }
        t = (int64_t)whole * unit + (int64_t)(rest + 0.5);
    } else if (__builtin_mul_overflow(v->i64, unit, &t)) {
        return;
    }
    hi_cb_i64(r->out, t);
}

static hist_status time_bind_unix(hi_bind_call *c)
{
    HI_TRY(hi_bind_arg(c, 0, 'n'));
    if (c->args[0]->type == HIST_TYPE_DECIMAL) {
        HI_TRY(hi_bind_cast(c, 0, HIST_TYPE_REAL));
    }
    c->type = HIST_TYPE_DATETIME;
    c->eval = hi_eval_rows;
    return HIST_OK;
}

static const int64_t time_ns = 1;
static const int64_t time_us = HI_NS_PER_US;
static const int64_t time_ms = HI_NS_PER_MS;
static const int64_t time_s = HI_NS_PER_S;

#define TIME_EDGE(name_, part_, end_)                                                  \
    {                                                                                  \
        .name = #name_, .signature = "d|l>d", .row = time_row_edge, .eval = time_edge, \
        .data = &(const time_part_fn)                                                  \
        {                                                                              \
            part_, end_                                                                \
        }                                                                              \
    }
#define TIME_PART(name_, part_)                                                                    \
    {                                                                                              \
        .name = #name_, .signature = "d>l", .row = time_row_part_of, .data = &(const hi_time_part) \
        {                                                                                          \
            part_                                                                                  \
        }                                                                                          \
    }
#define TIME_UNIX(name_, unit_)                                                          \
    {                                                                                    \
        .name = (name_), .signature = "n", .bind = time_bind_unix, .row = time_row_unix, \
        .data = &time_##unit_                                                            \
    }

static const hi_func time_funcs[] = {
    {.name = "now", .signature = "|t>d", .row = time_row_now},
    {.name = "ago", .signature = "t>d", .row = time_row_ago},
    {.name = "startofday",
     .signature = "d|l>d",
     .row = time_row_edge,
     .eval = time_edge,
     .data = &(const time_part_fn){HI_PART_DAY, false},
     .flags = HI_FUNC_NAME_ARG},
    TIME_EDGE(startofweek, HI_PART_WEEK, false),
    TIME_EDGE(startofmonth, HI_PART_MONTH, false),
    TIME_EDGE(startofyear, HI_PART_YEAR, false),
    TIME_EDGE(endofday, HI_PART_DAY, true),
    TIME_EDGE(endofweek, HI_PART_WEEK, true),
    TIME_EDGE(endofmonth, HI_PART_MONTH, true),
    TIME_EDGE(endofyear, HI_PART_YEAR, true),
    TIME_PART(getyear, HI_PART_YEAR),
    TIME_PART(getmonth, HI_PART_MONTH),
    TIME_PART(monthofyear, HI_PART_MONTH),
    TIME_PART(dayofmonth, HI_PART_DAY),
    TIME_PART(dayofyear, HI_PART_DAYOFYEAR),
    {.name = "hourofday",
     .signature = "d>l",
     .row = time_row_part_of,
     .eval = time_hour,
     .data = &(const hi_time_part){HI_PART_HOUR}},
    TIME_PART(week_of_year, HI_PART_WEEK),
    TIME_PART(weekofyear, HI_PART_WEEK),
    {.name = "dayofweek", .signature = "d>t", .row = time_row_dayofweek},
    {.name = "datetime_part", .signature = "sd>l", .row = time_row_part},
    {.name = "datetime_add", .signature = "sld>d", .row = time_row_add},
    {.name = "datetime_diff", .signature = "sdd", .bind = time_bind_diff, .row = time_row_diff},
    {.name = "make_datetime",
     .signature = "a|aaaaa",
     .bind = time_bind_make_any,
     .row = time_row_make},
    {.name = "make_timespan",
     .signature = "aa|aa",
     .bind = time_bind_make_span,
     .row = time_row_make_span},
    TIME_UNIX("unixtime_seconds_todatetime", s),
    TIME_UNIX("unixtime_milliseconds_todatetime", ms),
    TIME_UNIX("unixtime_microseconds_todatetime", us),
    TIME_UNIX("unixtime_nanoseconds_todatetime", ns),
};

const hi_func_table hi_funcs_time = HI_FUNC_TABLE(time_funcs);
