/*
 * agg_num.c -- aggregates of numbers: count, sum, avg, min, max, spread. Know first: spreads are sums of differences
 * from the group's first value, so that large offsets do not eat the digits; Kusto rounds variances to 10
 * decimals and takes the root of the rounded value.
 */
#include <math.h>
#include <string.h>

#include "query/agg.h"
#include "query/agg_state.h"
#include "query/decimal.h"

/* Rows of a stretch from which on the loops of agg_kern.h are worth a call. */
enum { NUM_MANY = 32 };

static bool num_has(const uint64_t *valid, uint32_t i)
{
    return valid == NULL || hist_bit_get(valid, i);
}

static hist_status num_column(hi_agg_run *run, hist_type type, uint32_t groups, hist_column *out,
                              void **data)
{
    return hi_col_new(run->to, type, groups, out, data) ? HIST_OK : hi_agg_no_memory(run);
}

/* A bitmap of groups that have a value: all of them until one is cleared. */
static uint64_t *num_valid(hi_agg_run *run, uint32_t groups)
{
    return hi_bits_new(run->to, groups, true);
}

/* ---- count ---- */

static uint32_t num_count_bits(const uint64_t *bits, uint32_t first, uint32_t rows)
{
    uint32_t n = 0;
    uint32_t i = first;
    const uint32_t end = first + rows;

    while (i < end && i % 64 != 0) {
        n += hist_bit_get(bits, i++);
    }
    for (; i + 64 <= end; i += 64) {
        n += (uint32_t)__builtin_popcountll(bits[i / 64]);
    }
    while (i < end) {
        n += hist_bit_get(bits, i++);
    }
    return n;
}

static hist_status count_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                const hi_stretch *s, uint32_t count)
{
    int64_t *state = run->state;

    (void)args;
    for (uint32_t k = 0; k < count; k++) {
        state[s[k].group] += mask == NULL ? s[k].rows : num_count_bits(mask, s[k].first, s[k].rows);
    }
    return HIST_OK;
}

static hist_status num_finish_i64(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    void *data;

    HI_TRY(num_column(run, run->agg->outputs[0].type, groups, out, &data));
    memcpy(data, run->state, (size_t)groups * sizeof(int64_t));
    return HIST_OK;
}

const hi_agg_kind hi_agg_count = {"count", sizeof(int64_t), NULL, count_update, num_finish_i64, 0};

/* Values without nulls that lie next to each other as int64; else NULL. */
static const int64_t *num_plain(const hist_column *c)
{
    return c->valid == NULL && c->stored != HIST_TYPE_INT ? c->data : NULL;
}

/* ---- sum ---- */

static int64_t num_int(const hist_column *c, uint32_t i)
{
    return c->stored == HIST_TYPE_INT ? ((const int32_t *)c->data)[i]
                                      : ((const int64_t *)c->data)[i];
}

static hist_status sum_long_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                   const hi_stretch *s, uint32_t count)
{
    uint64_t *state = run->state;
    const hist_column *c = &args[0];
    const int64_t *plain = num_plain(c);

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        uint64_t sum = state[s[k].group];

        if (plain != NULL && s[k].rows >= NUM_MANY) {
            state[s[k].group] = sum + hi_agg_kernels_get()->sum_i64(plain + s[k].first, s[k].rows);
            continue;
        }
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (num_has(c->valid, i)) {
                sum += (uint64_t)num_int(c, i);
            }
        }
        state[s[k].group] = sum;
    }
    return HIST_OK;
}

const hi_agg_kind hi_agg_sum_long = {"sum",           sizeof(int64_t), NULL,
                                     sum_long_update, num_finish_i64,  0};

static void num_add(num_real *g, double v)
{
    g->lanes[g->n++ % HI_SUM_LANES] += v;
}

static void num_add_all(num_real *g, const double *v, uint32_t n)
{
    uint32_t i = 0;

    while (i < n && g->n % HI_SUM_LANES != 0) {
        num_add(g, v[i++]);
    }
    const uint32_t many = (n - i) / HI_SUM_LANES * HI_SUM_LANES;
    if (many >= NUM_MANY) {
        hi_agg_kernels_get()->sum_f64(v + i, many, g->lanes);
    } else {
        for (uint32_t k = 0; k < many; k++) {
            g->lanes[k % HI_SUM_LANES] += v[i + k];
        }
    }
    g->n += many;
    for (i += many; i < n; i++) {
        num_add(g, v[i]);
    }
}

static double num_total(const num_real *g)
{
    double sum = g->lanes[0];

    for (int l = 1; l < HI_SUM_LANES; l++) {
        sum += g->lanes[l];
    }
    return sum;
}

static hist_status sum_real_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                   const hi_stretch *s, uint32_t count)
{
    num_real *state = run->state;
    const double *v = args[0].data;
    const uint64_t *valid = args[0].valid;

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_real *g = &state[s[k].group];

        if (valid == NULL) {
            num_add_all(g, v + s[k].first, s[k].rows);
            continue;
        }
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (hist_bit_get(valid, i)) {
                num_add(g, v[i]);
            }
        }
    }
    return HIST_OK;
}

/* data 1: divided by the number of values (NaN of none). */
static hist_status sum_real_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_real *state = run->state;
    void *data;

    HI_TRY(num_column(run, HIST_TYPE_REAL, groups, out, &data));
    for (uint32_t g = 0; g < groups; g++) {
        double v = num_total(&state[g]);

        if (run->agg->kind->data == 1) {
            v = state[g].n == 0 ? (double)NAN : v / (double)state[g].n;
        }
        ((double *)data)[g] = v;
    }
    return HIST_OK;
}

const hi_agg_kind hi_agg_sum_real = {"sum",           sizeof(num_real), NULL,
                                     sum_real_update, sum_real_finish,  0};
const hi_agg_kind hi_agg_avg_real = {"avg",           sizeof(num_real), NULL,
                                     sum_real_update, sum_real_finish,  1};

/* ---- avg of whole numbers: the sum wraps, as the engine's does; of times: it does not ---- */

static hist_status avg_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                              const hi_stretch *s, uint32_t count)
{
    num_avg *state = run->state;
    const hist_column *c = &args[0];
    const int64_t *plain = num_plain(c);

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_avg *g = &state[s[k].group];

        if (plain != NULL && s[k].rows >= NUM_MANY) {
            uint64_t low;
            int64_t high;

            hi_agg_kernels_get()->sums_i64(plain + s[k].first, s[k].rows, &low, &high);
            g->sum += (num_wide)high * ((num_wide)1 << 32) + low;
            g->n += s[k].rows;
            continue;
        }
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (num_has(c->valid, i)) {
                g->sum += num_int(c, i);
                g->n++;
            }
        }
    }
    return HIST_OK;
}

static hist_status avg_long_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_avg *state = run->state;
    void *data;

    HI_TRY(num_column(run, HIST_TYPE_REAL, groups, out, &data));
    for (uint32_t g = 0; g < groups; g++) {
        ((double *)data)[g] =
            state[g].n == 0 ? (double)NAN : (double)(int64_t)state[g].sum / (double)state[g].n;
    }
    return HIST_OK;
}

static hist_status avg_time_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_avg *state = run->state;
    void *data;
    uint64_t *valid = num_valid(run, groups);

    HI_TRY(num_column(run, run->agg->outputs[0].type, groups, out, &data));
    if (valid == NULL) {
        return hi_agg_no_memory(run);
    }
    for (uint32_t g = 0; g < groups; g++) {
        ((int64_t *)data)[g] = state[g].n == 0 ? 0 : (int64_t)(state[g].sum / (int64_t)state[g].n);
        if (state[g].n == 0) {
            hi_bit_clear(valid, g);
        }
    }
    out->valid = valid;
    return HIST_OK;
}

const hi_agg_kind hi_agg_avg_long = {"avg", sizeof(num_avg), NULL, avg_update, avg_long_finish, 0};
const hi_agg_kind hi_agg_avg_time = {"avg", sizeof(num_avg), NULL, avg_update, avg_time_finish, 0};

/* ---- min, max ---- */

static hist_status best_int_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                   const hi_stretch *s, uint32_t count)
{
    num_int_best *state = run->state;
    const hist_column *c = &args[0];
    const bool max = run->agg->kind->data == 1;
    const int64_t *plain = num_plain(c);

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_int_best b = state[s[k].group];

        if (plain != NULL && s[k].rows >= NUM_MANY) {
            const int64_t *v = plain + s[k].first;
            const int64_t best = max ? hi_agg_kernels_get()->max_i64(v, s[k].rows)
                                     : hi_agg_kernels_get()->min_i64(v, s[k].rows);

            b.v = !b.has || (max ? best > b.v : best < b.v) ? best : b.v;
            state[s[k].group] = (num_int_best){b.v, true};
            continue;
        }
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (!num_has(c->valid, i)) {
                continue;
            }
            const int64_t v = num_int(c, i);

            if (!b.has || (max ? v > b.v : v < b.v)) {
                b = (num_int_best){v, true};
            }
        }
        state[s[k].group] = b;
    }
    return HIST_OK;
}

/* Groups without a value become nulls. `has` is that of the first group, the others follow `stride` bytes apart. */
static hist_status best_nulls(hi_agg_run *run, uint32_t groups, const bool *has, size_t stride,
                              hist_column *out)
{
    const char *at = (const char *)has;
    uint32_t first = 0;

    while (first < groups && *(const bool *)(at + first * stride)) {
        first++;
    }
    if (first == groups) {
        return HIST_OK;
    }
    uint64_t *valid = num_valid(run, groups);
    if (valid == NULL) {
        return hi_agg_no_memory(run);
    }
    for (uint32_t g = first; g < groups; g++) {
        if (!*(const bool *)(at + g * stride)) {
            hi_bit_clear(valid, g);
        }
    }
    out->valid = valid;
    return HIST_OK;
}

static hist_status best_int_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_int_best *state = run->state;
    void *data;
    const hist_type type = run->agg->outputs[0].type;

    HI_TRY(num_column(run, type, groups, out, &data));
    for (uint32_t g = 0; g < groups; g++) {
        if (type == HIST_TYPE_INT) {
            ((int32_t *)data)[g] = (int32_t)state[g].v;
        } else {
            ((int64_t *)data)[g] = state[g].v;
        }
    }
    return best_nulls(run, groups, &state[0].has, sizeof(state[0]), out);
}

const hi_agg_kind hi_agg_min_int = {"min",           sizeof(num_int_best), NULL,
                                    best_int_update, best_int_finish,      0};
const hi_agg_kind hi_agg_max_int = {"max",           sizeof(num_int_best), NULL,
                                    best_int_update, best_int_finish,      1};

/* -0.0 is below +0.0, so that the order of rows does not matter. A NaN beats all. */
static bool best_real_beats(double v, double best, bool max)
{
    const bool zero = v == best && (signbit(v) != 0) != max && (signbit(best) != 0) == max;

    return zero || v != v || (max ? v > best : v < best);
}

static double best_zero(const double *v, uint32_t n, bool max, double best)
{
    for (uint32_t i = 0; i < n; i++) {
        best = v[i] == 0 && best_real_beats(v[i], best, max) ? v[i] : best;
    }
    return best;
}

/* One by one, with NaNs: one once met stays, as nothing compares with it. */
static double best_real_few(const double *v, uint32_t n, bool max, double best)
{
    bool nan = false;

    if (max) {
        for (uint32_t i = 0; i < n; i++) {
            best = v[i] > best ? v[i] : best;
            nan |= v[i] != v[i];
        }
    } else {
        for (uint32_t i = 0; i < n; i++) {
            best = v[i] < best ? v[i] : best;
            nan |= v[i] != v[i];
        }
    }
    best = best == 0 ? best_zero(v, n, max, best) : best;
    for (uint32_t i = 0; nan && i < n; i++) {
        best = v[i] != v[i] ? v[i] : best;
    }
    return best;
}

/* The best of n values without nulls, no worse than b. */
static num_real_best best_real_of(const double *v, uint32_t n, bool max, num_real_best b)
{
    const double before = b.has ? b.v : v[0];
    double best = before;

    if (n < NUM_MANY ||
        !(max ? hi_agg_kernels_get()->max_f64 : hi_agg_kernels_get()->min_f64)(v, n, &best) ||
        best == 0) {
        best = best_real_few(v, n, max, before);
    }
    return (num_real_best){best, true};
}

static hist_status best_real_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                    const hi_stretch *s, uint32_t count)
{
    num_real_best *state = run->state;
    const double *v = args[0].data;
    const uint64_t *valid = args[0].valid;
    const bool max = run->agg->kind->data == 1;

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_real_best b = state[s[k].group];

        if (valid == NULL) {
            state[s[k].group] = best_real_of(v + s[k].first, s[k].rows, max, b);
            continue;
        }
        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (num_has(valid, i) && (!b.has || best_real_beats(v[i], b.v, max))) {
                b = (num_real_best){v[i], true};
            }
        }
        state[s[k].group] = b;
    }
    return HIST_OK;
}

static hist_status best_real_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_real_best *state = run->state;
    void *data;

    HI_TRY(num_column(run, HIST_TYPE_REAL, groups, out, &data));
    for (uint32_t g = 0; g < groups; g++) {
        ((double *)data)[g] = state[g].v;
    }
    return best_nulls(run, groups, &state[0].has, sizeof(state[0]), out);
}

const hi_agg_kind hi_agg_min_real = {
    "min", sizeof(num_real_best), NULL, best_real_update, best_real_finish, 0};
const hi_agg_kind hi_agg_max_real = {
    "max", sizeof(num_real_best), NULL, best_real_update, best_real_finish, 1};

/* ---- spread ---- */

enum { SPREAD_VARIANCE, SPREAD_VARIANCEP, SPREAD_STDEV, SPREAD_STDEVP };

typedef struct num_spread {
    double x0, y0; /* First values. */
    double x, y;   /* Sums of differences from them. */
    double xx, xy; /* Sums of products of differences. */
    uint64_t n;
} num_spread;

static hist_status spread_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                 const hi_stretch *s, uint32_t count)
{
    num_spread *state = run->state;
    const hist_column *xc = &args[0];
    const hist_column *yc = run->agg->arg_count > 1 ? &args[1] : xc;
    const double *x = xc->data;
    const double *y = yc->data;

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_spread *g = &state[s[k].group];

        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (!num_has(xc->valid, i) || !num_has(yc->valid, i)) {
                continue;
            }
            if (g->n++ == 0) {
                g->x0 = x[i];
                g->y0 = y[i];
            }
            g->x += x[i] - g->x0;
            g->y += y[i] - g->y0;
            g->xy += (x[i] - g->x0) * (y[i] - g->y0);
        }
    }
    return HIST_OK;
}

static double spread_value(const num_spread *g, int what)
{
    const bool population = what == SPREAD_VARIANCEP || what == SPREAD_STDEVP;
    const double n = (double)g->n;

    if (g->n <= 1) {
        return 0.0;
    }
    const double v = (g->xy - g->x * g->y / n) / (population ? n : n - 1);
    const double rounded = fabs(v) < 1e5 ? nearbyint(v * 1e10) / 1e10 : v;
    return what >= SPREAD_STDEV ? sqrt(rounded < 0 ? 0 : rounded) : rounded;
}

static hist_status spread_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_spread *state = run->state;
    void *data;

    HI_TRY(num_column(run, HIST_TYPE_REAL, groups, out, &data));
    for (uint32_t g = 0; g < groups; g++) {
        ((double *)data)[g] = spread_value(&state[g], run->agg->kind->data);
    }
    return HIST_OK;
}

#define NUM_SPREAD(symbol, text, what) \
    const hi_agg_kind symbol = {text, sizeof(num_spread), NULL, spread_update, spread_finish, what}
NUM_SPREAD(hi_agg_stdev, "stdev", SPREAD_STDEV);
NUM_SPREAD(hi_agg_stdevp, "stdevp", SPREAD_STDEVP);
NUM_SPREAD(hi_agg_variance, "variance", SPREAD_VARIANCE);
NUM_SPREAD(hi_agg_variancep, "variancep", SPREAD_VARIANCEP);
NUM_SPREAD(hi_agg_covariance, "covariance", SPREAD_VARIANCE);
NUM_SPREAD(hi_agg_covariancep, "covariancep", SPREAD_VARIANCEP);

/* ---- bits ---- */

enum { BITS_AND, BITS_OR, BITS_XOR };

static hist_status bits_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                               const hi_stretch *s, uint32_t count)
{
    num_int_best *state = run->state;
    const hist_column *c = &args[0];
    const int what = run->agg->kind->data;

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_int_best *g = &state[s[k].group];

        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (!num_has(c->valid, i)) {
                continue;
            }
            const int64_t v = num_int(c, i);
            const int64_t both = what == BITS_AND  ? g->v & v
                                 : what == BITS_OR ? g->v | v
                                                   : g->v ^ v;

            g->v = g->has ? both : v;
            g->has = true;
        }
    }
    return HIST_OK;
}

const hi_agg_kind hi_agg_and = {"binary_all_and", sizeof(num_int_best), NULL,
                                bits_update,      best_int_finish,      BITS_AND};
const hi_agg_kind hi_agg_or = {"binary_all_or", sizeof(num_int_best), NULL,
                               bits_update,     best_int_finish,      BITS_OR};
const hi_agg_kind hi_agg_xor = {"binary_all_xor", sizeof(num_int_best), NULL,
                                bits_update,      best_int_finish,      BITS_XOR};

/* ---- decimals ---- */

typedef struct num_decimal {
    hist_decimal sum;
    uint64_t n;
    bool overflow;
} num_decimal;

static hist_status decimal_update(hi_agg_run *run, const hist_column *args, const uint64_t *mask,
                                  const hi_stretch *s, uint32_t count)
{
    num_decimal *state = run->state;
    const hist_decimal *v = args[0].data;

    (void)mask;
    for (uint32_t k = 0; k < count; k++) {
        num_decimal *g = &state[s[k].group];

        for (uint32_t i = s[k].first; i < s[k].first + s[k].rows; i++) {
            if (num_has(args[0].valid, i)) {
                g->overflow = !hi_decimal_add(g->sum, v[i], &g->sum) || g->overflow;
                g->n++;
            }
        }
    }
    return HIST_OK;
}

/* data 1: the average. */
static hist_status decimal_finish(hi_agg_run *run, uint32_t groups, hist_column *out)
{
    const num_decimal *state = run->state;
    const bool avg = run->agg->kind->data == 1;
    void *data;
    uint64_t *valid = num_valid(run, groups);

    HI_TRY(num_column(run, HIST_TYPE_DECIMAL, groups, out, &data));
    if (valid == NULL) {
        return hi_agg_no_memory(run);
    }
    for (uint32_t g = 0; g < groups; g++) {
        hist_decimal v = state[g].sum;
        bool ok = !state[g].overflow;

        if (avg) {
            ok = ok && state[g].n > 0 &&
                 hi_decimal_div(v, hi_decimal_of_i64((int64_t)state[g].n), &v);
        }
        memcpy((char *)data + (size_t)g * sizeof(v), &v, sizeof(v));
        if (!ok) {
            hi_bit_clear(valid, g);
        }
    }
    out->valid = valid;
    return HIST_OK;
}

const hi_agg_kind hi_agg_sum_decimal = {"sum",          sizeof(num_decimal), NULL,
                                        decimal_update, decimal_finish,      0};
const hi_agg_kind hi_agg_avg_decimal = {"avg",          sizeof(num_decimal), NULL,
                                        decimal_update, decimal_finish,      1};
