/*
 * hist_batch.h -- the batch of columns that everything exchanges.
 *
 * Memory is laid out as the Arrow columnar format has it (arrow.apache.org,
 * "Arrow Columnar Format" 1.x), so that a batch can be handed over without a
 * copy: validity bitmaps with bit i % 64 of word i / 64 set when row i has a
 * value, bit-packed booleans, int32 offsets, int32 dictionary codes, int32 run
 * ends. All memory is borrowed; whoever hands out a batch says how long it
 * lives. A batch is read-only for whoever receives it.
 *
 * A column has a logical type (what KQL sees) and says with `stored` and
 * `layout` what its bytes are:
 *
 *   layout     data                      also
 *   FLAT       length elements           strings: offsets[length + 1] + bytes
 *   CONST      one element, row 0        validity bit 0 holds for every row
 *   DICT       int32 codes[length]       child[0] = the values (FLAT)
 *   RUNS       int32 run_ends[]          child[0] = one value a run (FLAT)
 *   LIST       int32 offsets[length + 1] child[0] = the elements
 *
 * Elements by `stored` type:
 *
 *   BOOL                bits, packed like validity
 *   INT                 int32_t
 *   LONG                int64_t
 *   REAL                double, every bit pattern kept
 *   DATETIME, TIMESPAN  int64_t nanoseconds (since 1970 UTC; a duration)
 *   STRING              UTF-8, offsets + bytes
 *   GUID                16 bytes
 *   DECIMAL             16 bytes, see hist_decimal below
 *   DYNAMIC             offsets + bytes of the tagged form, see below
 *
 * stored == type for every column but dynamic ones. A dynamic column has
 * stored == the scalar type when all its values are scalars of one type (null
 * by validity), layout LIST when all its values are arrays (or null) whose
 * elements child[0] can hold, and stored == DYNAMIC (the tagged form) else.
 */
#ifndef HIST_BATCH_H
#define HIST_BATCH_H

#include <stdbool.h>

#include "hist_error.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum hist_type {
    HIST_TYPE_BOOL = 1,
    HIST_TYPE_INT = 2,
    HIST_TYPE_LONG = 3,
    HIST_TYPE_REAL = 4,
    HIST_TYPE_DECIMAL = 5,
    HIST_TYPE_STRING = 6,
    HIST_TYPE_DATETIME = 7,
    HIST_TYPE_TIMESPAN = 8,
    HIST_TYPE_GUID = 9,
    HIST_TYPE_DYNAMIC = 10,
} hist_type;

typedef enum hist_layout {
    HIST_LAYOUT_FLAT = 0,
    HIST_LAYOUT_CONST = 1,
    HIST_LAYOUT_DICT = 2,
    HIST_LAYOUT_RUNS = 3,
    HIST_LAYOUT_LIST = 4,
} hist_layout;

/* Text by pointer and length, not NUL-terminated. */
typedef struct hist_str {
    const char *data;
    size_t size; /* Bytes. */
} hist_str;

/* value = (hi:lo as two's complement int128) / 10^scale is stored as text by
   the engine; a decimal element is the int128 scaled by 10^18, little-endian. */
typedef struct hist_decimal {
    uint64_t lo;
    int64_t hi;
} hist_decimal;

typedef struct hist_column hist_column;
struct hist_column {
    hist_type type;        /* What the query language sees. */
    hist_type stored;      /* What the bytes are. */
    hist_layout layout;
    uint32_t length;       /* Rows. */
    uint32_t data_count;   /* FLAT: length. CONST: 1. RUNS: number of runs. LIST: length. */
    const uint64_t *valid; /* NULL: every row has a value. DICT: null codes are marked here too. */
    const void *data;      /* Elements, bits, codes or run ends, as above. */
    const int32_t *offsets; /* Strings, tagged dynamics and lists; else NULL. */
    const char *bytes;      /* Strings and tagged dynamics; else NULL. */
    const hist_column *child; /* DICT, RUNS, LIST; else NULL. */
};

/* The rows of a batch that count are sel[0..sel_count), ascending; sel NULL: all rows. */
typedef struct hist_batch {
    uint32_t column_count;
    uint32_t row_count; /* Elements in every column. */
    const uint32_t *sel;
    uint32_t sel_count; /* == row_count when sel is NULL. */
    const hist_column *columns;
} hist_batch;

/* Name and type of a result column. Strings are NUL-terminated. */
typedef struct hist_column_info {
    const char *name;
    hist_type type;
} hist_column_info;

/*
 * The tagged form of a dynamic value: one tag byte, then
 *   'n' null      nothing            'l' long      8 bytes LE
 *   't' 'f' bool  nothing            'r' real      8 bytes LE (IEEE bits)
 *   's' string    u32 size, bytes    'd' datetime  8 bytes LE (ns since 1970)
 *   'p' timespan  8 bytes LE (ns)    'g' guid      16 bytes
 *   'i' int       4 bytes LE         'm' decimal   16 bytes LE (scaled 10^18)
 *   'a' array     u32 size of what follows, u32 count, the values
 *   'o' bag       u32 size of what follows, u32 count, (u32 key size, key bytes, value)...
 * Values are nested at most HIST_DYNAMIC_DEPTH_MAX deep.
 */
#define HIST_DYNAMIC_DEPTH_MAX 64

/* Most rows a batch made by libhist has. */
#define HIST_BATCH_ROWS_MAX 65536

static inline bool hist_bit_get(const uint64_t *bits, uint32_t i)
{
    return (bits[i >> 6] >> (i & 63)) & 1;
}

/* Whether row `row` has a value; resolves CONST, DICT and RUNS. */
HIST_API bool hist_column_valid(const hist_column *column, uint32_t row);

/* The row of child[0] (or of the column itself) that holds the value of `row`. */
HIST_API uint32_t hist_column_slot(const hist_column *column, uint32_t row);

/* Values by row, through any layout; the row must be valid and `stored` must fit the call. */
HIST_API int64_t hist_column_i64(const hist_column *column, uint32_t row); /* bool, int, long, datetime, timespan */
HIST_API double hist_column_f64(const hist_column *column, uint32_t row);  /* real */
HIST_API hist_str hist_column_str(const hist_column *column, uint32_t row); /* string, guid, decimal, tagged bytes */

/* Canonical KQL name: "long", "real", "datetime", ... Never NULL. */
HIST_API const char *hist_type_name(hist_type type);

#ifdef __cplusplus
}
#endif
#endif
