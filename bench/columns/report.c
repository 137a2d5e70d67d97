/* report.c -- the tables of bench_columns, a line a group; see result.h and summary.c. */
#include <math.h>
#include <stdio.h>

#include "bench/columns/result.h"

const columns_type columns_types[COLUMNS_TYPES] = {
    {"f64", "doubles"},   {"i64", "integers"}, {"ts", "timestamps"},
    {"bool", "booleans"}, {"str", "strings"},
};

const columns_way columns_ways[COLUMNS_WAYS] = {
    {"warm 8k", HI_PROFILE_WARM, HI_BLOCK_ROWS_MAX},
    {"warm 64k", HI_PROFILE_WARM, HI_BLOCK_ROWS_MAX *REAL_PAGE_BLOCKS},
    {"cold 8k", HI_PROFILE_COLD, HI_BLOCK_ROWS_MAX},
    {"cold 64k", HI_PROFILE_COLD, HI_BLOCK_ROWS_MAX *REAL_PAGE_BLOCKS},
};

static const char *const report_ref_names[REFS] = {"zstd-3",  "zstd-19", "ALP",     "pco 8k",
                                                   "pco 64k", "warm",    "cold 8k", "cold 64k"};
/* As they are printed: the prototype's come first. */
static const int report_ref_order[REFS] = {REF_WARM,  REF_COLD8, REF_COLD64, REF_PCO8,
                                           REF_PCO64, REF_ALP,   REF_ZSTD3,  REF_ZSTD19};

/* ---- figures ---- */

int columns_ref_of_way(int way)
{
    static const int refs[COLUMNS_WAYS] = {REF_WARM, REF_WARM, REF_COLD8, REF_COLD64};

    return refs[way];
}

columns_charge columns_charge_of(size_t type)
{
    return type < 3 ? CHARGE_DIRECTORY : CHARGE_NOTHING;
}

double columns_bits(const columns_group *g, int way, columns_charge charge)
{
    const columns_cost *c = &g->cost[way];
    const int64_t more = charge == CHARGE_DIRECTORY ? c->directory
                         : charge == CHARGE_57      ? (int64_t)c->blocks * 57
                                                    : 0;

    return (double)((int64_t)c->encoded + more) * 8 / (double)g->values;
}

double columns_gbs(const columns_group *g, double seconds)
{
    return (double)g->raw_bytes / 1e9 / seconds;
}

double columns_prototype(const columns_result *r, const columns_group *g, const char *figure,
                         int way)
{
    return columns_reference_of(&r->refs, columns_types[g->type].kind, g->name, figure,
                                columns_ref_of_way(way));
}

static const char *report_model_name(int model, char number[16])
{
    static const char *const names[] = {"RAW", "CONST", "RLE",  "NUM",  "INT", "DICT", "BITMAP",
                                        "7",   "NULLS", "TEXT", "BITS", "RD",  "RUNS"};

    if (model < (int)(sizeof(names) / sizeof(*names))) {
        return names[model];
    }
    (void)snprintf(number, 16, "#%d", model);
    return number;
}

void columns_models(const columns_cost *cost, char *text, size_t size)
{
    uint32_t left[COLUMNS_MODELS];
    size_t at = 0;

    memcpy(left, cost->models, sizeof(left));
    text[0] = 0;
    for (int most = 0; most < 4; most++) {
        int best = 0;
        char number[16];

        for (int m = 1; m < COLUMNS_MODELS; m++) {
            best = left[m] > left[best] ? m : best;
        }
        const double share = 100.0 * left[best] / (double)cost->blocks;
        if (share < 0.5 || at + 16 > size) {
            return;
        }
        at += (size_t)snprintf(text + at, size - at, "%s%s %.0f %%", most == 0 ? "" : " ",
                               report_model_name(best, number), share);
        left[best] = 0;
    }
}

/* ---- tables ---- */

static void report_cell(double value, int width, int decimals, char mark)
{
    if (isnan(value)) {
        printf(" %*s ", width, "-");
    } else {
        printf(" %*.*f%c", width, decimals, value, mark);
    }
}

/* Ours, a bar, what the others have. */
static void report_head(const char *title)
{
    printf("\n%s\n%-31s %8s", title, "group", "values");
    for (int way = 0; way < COLUMNS_WAYS; way++) {
        printf(" %8s ", columns_ways[way].name);
    }
    printf(" |");
    for (int i = 0; i < REFS; i++) {
        printf(" %8s ", report_ref_names[report_ref_order[i]]);
    }
    printf("\n");
}

static void report_name(const columns_result *r, const columns_group *g)
{
    const double others = columns_reference_values(&r->refs, columns_types[g->type].kind, g->name);
    const bool same = isnan(others) || (uint64_t)others == g->values;

    printf("%-30s%c %8llu", g->name, same ? ' ' : '~', (unsigned long long)g->values);
}

static void report_refs(const columns_result *r, const columns_group *g, const char *figure,
                        int decimals)
{
    printf(" |");
    for (int i = 0; i < REFS; i++) {
        report_cell(columns_reference_of(&r->refs, columns_types[g->type].kind, g->name, figure,
                                         report_ref_order[i]),
                    8, decimals, ' ');
    }
}

static void report_sizes(const columns_result *r, size_t type)
{
    char title[160];

    (void)snprintf(title, sizeof(title), "%s: bits a value%s; * more than 2 %% above the prototype",
                   columns_types[type].name,
                   columns_charge_of(type) == CHARGE_NOTHING ? " without directory" : "");
    report_head(title);
    for (size_t i = 0; i < r->group_count; i++) {
        const columns_group *g = &r->groups[i];
        char models[COLUMNS_NAME_MAX];

        if (g->type != type) {
            continue;
        }
        report_name(r, g);
        for (int way = 0; way < COLUMNS_WAYS; way++) {
            const double bits = columns_bits(g, way, columns_charge_of(type));
            const bool over = bits > 1.02 * columns_prototype(r, g, "size", way);

            report_cell(bits, 8, 3, over ? '*' : ' ');
        }
        report_refs(r, g, "size", 3);
        columns_models(&g->cost[0], models, sizeof(models));
        printf("| %s", models);
        columns_models(&g->cost[3], models, sizeof(models));
        printf(" / %s\n", models);
    }
}

/* variant: index of the decoding kernels, or -1 for encoding. */
static void report_speeds(const columns_result *r, size_t type, int variant)
{
    const char *figure = variant < 0 ? "encode" : "decode";
    char floor_name[24];
    char title[160];

    (void)snprintf(floor_name, sizeof(floor_name), "%s%s%s", figure, variant < 0 ? "" : ":",
                   variant < 0 ? "" : r->kern[variant]->name);
    (void)snprintf(title, sizeof(title), "%s: %s, GB/s; < below what every group must reach",
                   columns_types[type].name, floor_name);
    report_head(title);
    for (size_t i = 0; i < r->group_count; i++) {
        const columns_group *g = &r->groups[i];

        if (g->type != type) {
            continue;
        }
        report_name(r, g);
        for (int way = 0; way < COLUMNS_WAYS; way++) {
            const columns_cost *c = &g->cost[way];
            const double speed = columns_gbs(g, variant < 0 ? c->encode_s : c->decode_s[variant]);
            const double least = columns_reference_of(&r->refs, columns_types[type].kind, "*least",
                                                      floor_name, columns_ref_of_way(way));

            report_cell(speed, 8, variant < 0 ? 3 : 2, speed < least ? '<' : ' ');
        }
        report_refs(r, g, figure, variant < 0 ? 3 : 2);
        printf("\n");
    }
}

static bool report_has(const columns_result *r, size_t type)
{
    for (size_t i = 0; i < r->group_count; i++) {
        if (r->groups[i].type == type) {
            return true;
        }
    }
    return false;
}

void columns_print(const columns_result *r)
{
    printf("GB/s are of raw bytes: 8 a value of doubles, integers and timestamps, 1 of booleans, "
           "length + 4 of strings.\n"
           "Bits a value: shared sections, blocks, what the directory keeps for them, checksums.\n"
           "Right of | is the reference; its speeds were taken with AVX-512 on another day and "
           "machine.\n"
           "~ the reference had more columns in this group. Models: warm 8k / cold 64k, share of "
           "blocks.\n");
    for (size_t type = 0; type < COLUMNS_TYPES; type++) {
        if (!report_has(r, type)) {
            continue;
        }
        report_sizes(r, type);
        report_speeds(r, type, -1);
        for (size_t k = 0; k < r->kern_count; k++) {
            report_speeds(r, type, (int)k);
        }
    }
    for (size_t type = 0; type < COLUMNS_TYPES; type++) {
        if (report_has(r, type)) {
            columns_print_summary(r, type);
        }
    }
}

void columns_print_tsv(const columns_result *r)
{
    printf("#type\tgroup\tway\tvalues\tbits\tbits_57\tencoded\tdirectory\tblocks\tmodels\t"
           "prototype_bits\tencode");
    for (size_t k = 0; k < r->kern_count; k++) {
        printf("\tdecode_%s", r->kern[k]->name);
    }
    printf("\n");
    for (size_t i = 0; i < r->group_count * COLUMNS_WAYS; i++) {
        const columns_group *g = &r->groups[i / COLUMNS_WAYS];
        const int way = (int)(i % COLUMNS_WAYS);
        const columns_cost *c = &g->cost[way];
        char models[COLUMNS_NAME_MAX];

        columns_models(c, models, sizeof(models));
        printf("%s\t%s\t%s\t%llu\t%.4f\t%.4f\t%llu\t%lld\t%llu\t%s\t%.3f\t%.4f",
               columns_types[g->type].kind, g->name, columns_ways[way].name,
               (unsigned long long)g->values, columns_bits(g, way, columns_charge_of(g->type)),
               columns_bits(g, way, CHARGE_57), (unsigned long long)c->encoded,
               (long long)c->directory, (unsigned long long)c->blocks, models,
               columns_prototype(r, g, "size", way), columns_gbs(g, c->encode_s));
        for (size_t k = 0; k < r->kern_count; k++) {
            printf("\t%.3f", columns_gbs(g, c->decode_s[k]));
        }
        printf("\n");
    }
}
