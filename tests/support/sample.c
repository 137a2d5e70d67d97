/* sample.c -- see sample.h. */
#include "tests/support/sample.h"

#include <math.h>

static const uint64_t sample_valid[] = {0xb}; /* Rows 0, 1 and 3. */

static const int64_t sample_times[] = {
    INT64_C(1763596800000000000), /* 2025-11-20T00:00:00Z */
    INT64_C(1763596800123456789),
    0,
    -1,
};
static const int64_t sample_longs[] = {0, INT64_MAX, 7, INT64_MIN};
static const int32_t sample_ints[] = {1, INT32_MAX, 7, INT32_MIN};
static const double sample_reals[] = {0.1, -0.0, 7, 5e-324};
static const uint64_t sample_bools[] = {0xd};
static const int32_t sample_offsets[] = {0, 0, 9, 10, 18};
static const char sample_bytes[] = "a \"b\",c\nd"
                                   "x"
                                   "gr\xc3\xbc\xc3\x9f e";
static const int64_t sample_spans[] = {0, INT64_C(93784000000100), 7, -INT64_C(3600000000000)};
static const uint8_t sample_guids[64] = {0x74, 0xbe, 0x27, 0xde, 0x1e, 0x4e, 0x49, 0xd9,
                                         0xb5, 0x79, 0xfe, 0x0b, 0x33, 0x1d, 0x36, 0x42};
/* 1.5, -2, -, 0 as value * 10^18. */
static const hist_decimal sample_decimals[] = {
    {UINT64_C(1500000000000000000), 0},
    {0 - UINT64_C(2000000000000000000), -1},
    {0, 0},
    {0, 0},
};

#define SAMPLE_FLAT(t, d)                                                                     \
    {                                                                                         \
        .type = (t), .stored = (t), .layout = HIST_LAYOUT_FLAT, .length = 4, .data_count = 4, \
        .valid = sample_valid, .data = (d)                                                    \
    }

const hist_column sample_flat[SAMPLE_COLUMNS] = {
    [SAMPLE_TIME] = SAMPLE_FLAT(HIST_TYPE_DATETIME, sample_times),
    [SAMPLE_LONG] = SAMPLE_FLAT(HIST_TYPE_LONG, sample_longs),
    [SAMPLE_INT] = SAMPLE_FLAT(HIST_TYPE_INT, sample_ints),
    [SAMPLE_REAL] = SAMPLE_FLAT(HIST_TYPE_REAL, sample_reals),
    [SAMPLE_BOOL] = SAMPLE_FLAT(HIST_TYPE_BOOL, sample_bools),
    [SAMPLE_STRING] =
        {
            .type = HIST_TYPE_STRING,
            .stored = HIST_TYPE_STRING,
            .layout = HIST_LAYOUT_FLAT,
            .length = 4,
            .data_count = 4,
            .valid = sample_valid,
            .offsets = sample_offsets,
            .bytes = sample_bytes,
        },
    [SAMPLE_SPAN] = SAMPLE_FLAT(HIST_TYPE_TIMESPAN, sample_spans),
    [SAMPLE_GUID] = SAMPLE_FLAT(HIST_TYPE_GUID, sample_guids),
    [SAMPLE_DECIMAL] = SAMPLE_FLAT(HIST_TYPE_DECIMAL, sample_decimals),
};

const hist_column_info sample_flat_info[SAMPLE_COLUMNS] = {
    {"Timestamp", HIST_TYPE_DATETIME},
    {"l", HIST_TYPE_LONG},
    {"i", HIST_TYPE_INT},
    {"r", HIST_TYPE_REAL},
    {"b", HIST_TYPE_BOOL},
    {"s,\"t\"", HIST_TYPE_STRING},
    {"p", HIST_TYPE_TIMESPAN},
    {"g", HIST_TYPE_GUID},
    {"m", HIST_TYPE_DECIMAL},
};

hist_batch sample_flat_batch(void)
{
    return (hist_batch){
        .column_count = SAMPLE_COLUMNS, .row_count = 4, .sel_count = 4, .columns = sample_flat};
}

/* ---- layouts ---- */

static const int32_t const_offsets[] = {0, 5};
static const char const_bytes[] = "const";

static const int32_t dict_codes[] = {1, 0, 1, 0};
static const int32_t dict_offsets[] = {0, 3, 6};
static const char dict_bytes[] = "onetwo";
static const hist_column dict_values = {
    .type = HIST_TYPE_STRING,
    .stored = HIST_TYPE_STRING,
    .length = 2,
    .data_count = 2,
    .offsets = dict_offsets,
    .bytes = dict_bytes,
};

static const int32_t run_ends[] = {1, 3, 4};
static const int64_t run_longs[] = {10, 0, 30};
static const uint64_t run_valid[] = {0x5};
static const hist_column run_values = {
    .type = HIST_TYPE_LONG,
    .stored = HIST_TYPE_LONG,
    .length = 3,
    .data_count = 3,
    .valid = run_valid,
    .data = run_longs,
};

static const int32_t list_offsets[] = {0, 2, 2, 2, 5};
static const double list_reals[] = {1, 2.5, NAN, INFINITY, -INFINITY};
static const uint64_t list_real_valid[] = {0x1d};
static const hist_column list_values = {
    .type = HIST_TYPE_REAL,
    .stored = HIST_TYPE_REAL,
    .length = 5,
    .data_count = 5,
    .valid = list_real_valid,
    .data = list_reals,
};

/* {"k":[1,"x"]} · true · (null) · 2 */
static const char tagged_bytes[] = "o\x21\0\0\0\x01\0\0\0"
                                   "\x01\0\0\0k"
                                   "a\x13\0\0\0\x02\0\0\0"
                                   "l\x01\0\0\0\0\0\0\0"
                                   "s\x01\0\0\0x"
                                   "t"
                                   "l\x02\0\0\0\0\0\0\0";
static const int32_t tagged_offsets[] = {0, 38, 39, 39, 48};

static const uint64_t const_null[] = {0};
static const int64_t const_long[] = {0};

const hist_column sample_layouts[SAMPLE_LAYOUTS] = {
    [SAMPLE_CONST] =
        {
            .type = HIST_TYPE_STRING,
            .stored = HIST_TYPE_STRING,
            .layout = HIST_LAYOUT_CONST,
            .length = 4,
            .data_count = 1,
            .offsets = const_offsets,
            .bytes = const_bytes,
        },
    [SAMPLE_DICT] =
        {
            .type = HIST_TYPE_STRING,
            .stored = HIST_TYPE_STRING,
            .layout = HIST_LAYOUT_DICT,
            .length = 4,
            .data_count = 4,
            .valid = sample_valid,
            .data = dict_codes,
            .child = &dict_values,
        },
    [SAMPLE_RUNS] =
        {
            .type = HIST_TYPE_LONG,
            .stored = HIST_TYPE_LONG,
            .layout = HIST_LAYOUT_RUNS,
            .length = 4,
            .data_count = 3,
            .data = run_ends,
            .child = &run_values,
        },
    [SAMPLE_LIST] =
        {
            .type = HIST_TYPE_DYNAMIC,
            .stored = HIST_TYPE_REAL,
            .layout = HIST_LAYOUT_LIST,
            .length = 4,
            .data_count = 4,
            .valid = sample_valid,
            .data = list_offsets,
            .offsets = list_offsets,
            .child = &list_values,
        },
    [SAMPLE_TAGGED] =
        {
            .type = HIST_TYPE_DYNAMIC,
            .stored = HIST_TYPE_DYNAMIC,
            .layout = HIST_LAYOUT_FLAT,
            .length = 4,
            .data_count = 4,
            .valid = sample_valid,
            .offsets = tagged_offsets,
            .bytes = tagged_bytes,
        },
    [SAMPLE_CONST_NULL] =
        {
            .type = HIST_TYPE_LONG,
            .stored = HIST_TYPE_LONG,
            .layout = HIST_LAYOUT_CONST,
            .length = 4,
            .data_count = 1,
            .valid = const_null,
            .data = const_long,
        },
    [SAMPLE_DYNAMIC_TIME] =
        {
            .type = HIST_TYPE_DYNAMIC,
            .stored = HIST_TYPE_DATETIME,
            .layout = HIST_LAYOUT_FLAT,
            .length = 4,
            .data_count = 4,
            .valid = sample_valid,
            .data = sample_times,
        },
};

const hist_column_info sample_layouts_info[SAMPLE_LAYOUTS] = {
    {"c", HIST_TYPE_STRING},   {"d", HIST_TYPE_STRING},  {"r", HIST_TYPE_LONG},
    {"a", HIST_TYPE_DYNAMIC},  {"t", HIST_TYPE_DYNAMIC}, {"n", HIST_TYPE_LONG},
    {"dt", HIST_TYPE_DYNAMIC},
};

hist_batch sample_layouts_batch(void)
{
    return (hist_batch){
        .column_count = SAMPLE_LAYOUTS, .row_count = 4, .sel_count = 4, .columns = sample_layouts};
}
