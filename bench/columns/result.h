/*
 * result.h -- what bench_columns measured, what it is compared with, and how it is printed.
 */
#ifndef BENCH_COLUMNS_RESULT_H
#define BENCH_COLUMNS_RESULT_H

#include "bench/columns/real_column.h"

enum {
    COLUMNS_TYPES = 5,
    COLUMNS_WAYS = 4, /* Warm and cold, in pages of one block and of eight. */
    COLUMNS_MODELS = 32,
    COLUMNS_NAME_MAX = 64,
};

typedef struct columns_type {
    const char *kind; /* As in the names of the files. */
    const char *name;
} columns_type;
extern const columns_type columns_types[COLUMNS_TYPES];

/* A profile and a size of pages. */
typedef struct columns_way {
    const char *name;
    hi_profile profile;
    uint32_t page_rows;
} columns_way;
extern const columns_way columns_ways[COLUMNS_WAYS];

/* What a column, or all columns of a group, cost in one way. */
typedef struct columns_cost {
    uint64_t encoded;  /* Bytes of shared sections and blocks. */
    int64_t directory; /* Bytes that the directory grows by, but for blocks in it, and checksums. */
    uint64_t blocks;
    double encode_s;
    double decode_s[REAL_VARIANTS_MAX];
    uint32_t models[COLUMNS_MODELS]; /* Blocks by hi_encoding. */
} columns_cost;

typedef struct columns_group {
    size_t type;
    char name[COLUMNS_NAME_MAX];
    uint32_t columns;
    uint64_t values;
    uint64_t raw_bytes;
    columns_cost cost[COLUMNS_WAYS];
} columns_group;

/* ---- the figures beside ours ---- */

/* Columns of columns_reference.tsv. */
enum { REF_ZSTD3, REF_ZSTD19, REF_ALP, REF_PCO8, REF_PCO64, REF_WARM, REF_COLD8, REF_COLD64, REFS };

typedef struct columns_reference {
    char kind[8];
    char group[COLUMNS_NAME_MAX]; /* Or *geomean, *least. */
    char figure[24];
    double values; /* NaN: not known, as below. */
    double v[REFS];
} columns_reference;

typedef struct columns_references {
    columns_reference *rows;
    size_t count;
} columns_references;

bool columns_references_read(const char *path, columns_references *out);
void columns_references_free(columns_references *refs);
/* One figure; NaN: there is none. */
double columns_reference_of(const columns_references *refs, const char *kind, const char *group,
                            const char *figure, int column);
/* How many values it was measured on. */
double columns_reference_values(const columns_references *refs, const char *kind,
                                const char *group);

/* ---- printing ---- */

typedef struct columns_result {
    const columns_group *groups; /* By type, then name. */
    size_t group_count;
    const hi_codec_kernels *kern[REAL_VARIANTS_MAX]; /* Those that were measured. */
    size_t kern_count;
    columns_references refs;
} columns_result;

void columns_print(const columns_result *result);
/* One line a group and way, tab-separated. */
void columns_print_tsv(const columns_result *result);
/* Geometric means, the worst groups, and who misses what is asked. */
void columns_print_summary(const columns_result *result, size_t type);

/* Bits a value: which bytes count beside the encoded ones. */
typedef enum columns_charge {
    CHARGE_NOTHING,
    CHARGE_DIRECTORY,
    CHARGE_57, /* 57 bytes a block, as the prototype had. */
} columns_charge;

double columns_bits(const columns_group *g, int way, columns_charge charge);
/* As the prototype's figures of the type: booleans and strings without a directory. */
columns_charge columns_charge_of(size_t type);
double columns_gbs(const columns_group *g, double seconds);
/* The prototype's figure for a way. */
double columns_prototype(const columns_result *r, const columns_group *g, const char *figure,
                         int way);
/* Room for COLUMNS_NAME_MAX bytes: "NUM 92 % RLE 8 %". */
void columns_models(const columns_cost *cost, char *text, size_t size);
/* Column of the reference for a way. */
int columns_ref_of_way(int way);

#endif
