/*
 * summary.c -- the end of a report of bench_columns: geometric means over the real groups (made-up
 * ones, syn_*, are left out), the worst groups, and the groups that miss what is asked.
 */
#include <math.h>
#include <stdio.h>

#include "bench/columns/result.h"

/* What is 2 % above the prototype passes. */
static const double summary_over_max = 1.02;

static bool summary_takes(const columns_group *g, size_t type)
{
    return g->type == type && strncmp(g->name, "syn_", 4) != 0;
}

/* ---- figures of a group; arg says which ---- */

typedef double (*summary_figure)(const columns_result *r, const columns_group *g, int way, int arg);

static double figure_bits(const columns_result *r, const columns_group *g, int way, int charge)
{
    (void)r;
    return columns_bits(g, way, (columns_charge)charge);
}

/* variant: of the decoding kernels, -1 for encoding. */
static double figure_speed(const columns_result *r, const columns_group *g, int way, int variant)
{
    const columns_cost *c = &g->cost[way];

    (void)r;
    return columns_gbs(g, variant < 0 ? c->encode_s : c->decode_s[variant]);
}

static double figure_prototype(const columns_result *r, const columns_group *g, int way, int what)
{
    static const char *const names[] = {"size", "encode", "decode"};

    return columns_prototype(r, g, names[what], way);
}

/* Size of ours to size of the prototype's. */
static double figure_over(const columns_result *r, const columns_group *g, int way, int arg)
{
    (void)arg;
    return columns_bits(g, way, columns_charge_of(g->type)) / columns_prototype(r, g, "size", way);
}

/* ---- over groups ---- */

static double summary_geomean(const columns_result *r, size_t type, summary_figure figure, int way,
                              int arg)
{
    double logs = 0;
    int count = 0;

    for (size_t i = 0; i < r->group_count; i++) {
        const double v = figure(r, &r->groups[i], way, arg);

        if (summary_takes(&r->groups[i], type) && v > 0) {
            logs += log(v);
            count++;
        }
    }
    return count == 0 ? (double)NAN : exp(logs / count);
}

static void summary_cells(const char *label, const double cells[COLUMNS_WAYS], int decimals)
{
    printf("  %-30s", label);
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        if (isnan(cells[way])) {
            printf(" %10s", "-");
        } else {
            printf(" %10.*f", decimals, cells[way]);
        }
    }
    printf("\n");
}

static void summary_row(const columns_result *r, size_t type, const char *label,
                        summary_figure figure, int arg)
{
    double cells[COLUMNS_WAYS];
    bool any = false;

    for (int way = 0; way < COLUMNS_WAYS; way++) {
        cells[way] = summary_geomean(r, type, figure, way, arg);
        any = any || !isnan(cells[way]);
    }
    if (any) {
        summary_cells(label, cells, 3);
    }
}

/* What is asked: a row of the reference. */
static void summary_asked(const columns_result *r, size_t type, const char *label,
                          const char *group, const char *figure)
{
    double cells[COLUMNS_WAYS];
    bool any = false;

    for (int way = 0; way < COLUMNS_WAYS; way++) {
        cells[way] = columns_reference_of(&r->refs, columns_types[type].kind, group, figure,
                                          columns_ref_of_way(way));
        any = any || !isnan(cells[way]);
    }
    if (any) {
        summary_cells(label, cells, 3);
    }
}

/* The smallest (sign 1) or largest (-1) figure of each way, with its group. */
static void summary_worst(const columns_result *r, size_t type, const char *label,
                          summary_figure figure, int arg, int sign)
{
    printf("  %-30s", label);
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        const columns_group *worst = NULL;
        double most = (double)INFINITY;

        for (size_t i = 0; i < r->group_count; i++) {
            const double v = sign * figure(r, &r->groups[i], way, arg);

            if (summary_takes(&r->groups[i], type) && v < most) {
                most = v;
                worst = &r->groups[i];
            }
        }
        if (worst != NULL) {
            printf("%s%s %.3f %s", way == 0 ? " " : ", ", columns_ways[way].name, sign * most,
                   worst->name);
        }
    }
    printf("\n");
}

/* ---- who misses what ---- */

/* Groups whose figure is beyond a limit: NaN is no limit. */
typedef double (*summary_limit)(const columns_result *r, const columns_group *g, int way, int arg);

static bool summary_beyond(const columns_result *r, const columns_group *g, int way, int arg,
                           summary_figure figure, summary_limit limit, int sign)
{
    return sign * figure(r, g, way, arg) > sign * limit(r, g, way, arg);
}

/* sign 1: figures above the limit, -1: below. */
static void summary_misses(const columns_result *r, size_t type, const char *label,
                           summary_figure figure, summary_limit limit, int arg, int sign)
{
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        const char *between = ":";
        int count = 0;

        for (size_t i = 0; i < r->group_count; i++) {
            count += summary_takes(&r->groups[i], type) &&
                     summary_beyond(r, &r->groups[i], way, arg, figure, limit, sign);
        }
        if (count == 0) {
            continue;
        }
        printf("  %s %s (limit), %d groups", columns_ways[way].name, label, count);
        for (size_t i = 0; i < r->group_count; i++) {
            const columns_group *g = &r->groups[i];

            if (summary_takes(g, type) && summary_beyond(r, g, way, arg, figure, limit, sign)) {
                printf("%s %s %.3f (%.3f)", between, g->name, figure(r, g, way, arg),
                       limit(r, g, way, arg));
                between = ",";
            }
        }
        printf("\n");
    }
}

static double limit_prototype(const columns_result *r, const columns_group *g, int way, int arg)
{
    (void)arg;
    return summary_over_max * columns_prototype(r, g, "size", way);
}

/* Warm: never more than ALP + 0.4, never more than 64.5. */
static double limit_alp(const columns_result *r, const columns_group *g, int way, int arg)
{
    const double alp =
        columns_reference_of(&r->refs, columns_types[g->type].kind, g->name, "size", REF_ALP);

    (void)arg;
    return columns_ways[way].profile != HI_PROFILE_WARM ? (double)INFINITY
           : alp + 0.4 < 64.5                           ? alp + 0.4
                                                        : 64.5;
}

static void summary_speed_name(const columns_result *r, int variant, char name[24])
{
    (void)snprintf(name, 24, "%s%s",
                   variant < 0 ? "encode" : "decode:", variant < 0 ? "" : r->kern[variant]->name);
}

static double limit_speed(const columns_result *r, const columns_group *g, int way, int variant)
{
    char name[24];

    summary_speed_name(r, variant, name);
    return columns_reference_of(&r->refs, columns_types[g->type].kind, "*least", name,
                                columns_ref_of_way(way));
}

/* ---- the summary of a type ---- */

static void summary_head(const columns_result *r, size_t type)
{
    uint64_t values = 0;
    uint64_t blocks[COLUMNS_WAYS] = {0};
    int64_t directory[COLUMNS_WAYS] = {0};
    int groups = 0;

    for (size_t i = 0; i < r->group_count; i++) {
        const columns_group *g = &r->groups[i];

        if (summary_takes(g, type)) {
            groups++;
            values += g->values;
            for (int way = 0; way < COLUMNS_WAYS; way++) {
                blocks[way] += g->cost[way].blocks;
                directory[way] += g->cost[way].directory;
            }
        }
    }
    printf("\n== %s: %d real groups, %.2f M values; bytes of directory and checksum a block:",
           columns_types[type].name, groups, (double)values / 1e6);
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        printf("%s %.1f %s", way == 0 ? "" : ",", (double)directory[way] / (double)blocks[way],
               columns_ways[way].name);
    }
    printf("\n  %-30s", "geometric means");
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        printf(" %10s", columns_ways[way].name);
    }
    printf("\n");
}

static void summary_sizes(const columns_result *r, size_t type)
{
    const bool bare = columns_charge_of(type) == CHARGE_NOTHING;

    summary_row(r, type, bare ? "bits a value, encoded bytes *" : "bits a value, encoded bytes",
                figure_bits, CHARGE_NOTHING);
    summary_row(r, type, bare ? "  with directory" : "  with directory *", figure_bits,
                CHARGE_DIRECTORY);
    summary_row(r, type, "  with 57 bytes a block", figure_bits, CHARGE_57);
    summary_row(r, type, "  prototype, same groups", figure_prototype, 0);
    summary_asked(r, type, "  must be at most", "*geomean", "size");
    summary_row(r, type, "size * to the prototype's", figure_over, 0);
}

static void summary_speeds(const columns_result *r, size_t type, int variant)
{
    char label[64];
    char name[24];

    summary_speed_name(r, variant, name);
    (void)snprintf(label, sizeof(label), "%s, GB/s", name);
    summary_row(r, type, label, figure_speed, variant);
    if (variant < 0 || strcmp(r->kern[variant]->name, "avx512") == 0) {
        summary_row(r, type, "  prototype, same groups", figure_prototype, variant < 0 ? 1 : 2);
    }
    summary_asked(r, type, "  must be at least", "*geomean", name);
}

void columns_print_summary(const columns_result *r, size_t type)
{
    summary_head(r, type);
    summary_sizes(r, type);
    for (int variant = -1; variant < (int)r->kern_count; variant++) {
        summary_speeds(r, type, variant);
    }
    summary_worst(r, type, "largest to the prototype's:", figure_over, 0, -1);
    for (int variant = -1; variant < (int)r->kern_count; variant++) {
        char label[64];
        char name[24];

        summary_speed_name(r, variant, name);
        (void)snprintf(label, sizeof(label), "slowest, %s:", name);
        summary_worst(r, type, label, figure_speed, variant, 1);
    }
    summary_misses(r, type, "larger than the prototype's + 2 %", figure_bits, limit_prototype,
                   (int)columns_charge_of(type), 1);
    if (strcmp(columns_types[type].kind, "f64") == 0) {
        summary_misses(r, type, "larger than ALP + 0.4, or 64.5", figure_bits, limit_alp,
                       (int)columns_charge_of(type), 1);
    }
    for (int variant = -1; variant < (int)r->kern_count; variant++) {
        char label[64];
        char name[24];

        summary_speed_name(r, variant, name);
        (void)snprintf(label, sizeof(label), "%s slower than it must be", name);
        summary_misses(r, type, label, figure_speed, limit_speed, variant, -1);
    }
}
