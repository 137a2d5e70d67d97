/*
 * vec.h -- making and moving hist_columns inside an arena. Know first:
 *
 *   - every call here returns false only when memory is short (or a column would pass 2 GiB of
 *     bytes); whoever calls reports it: return hi_no_memory(err, "...").
 *   - results live in the arena given; they may share memory with their inputs.
 *   - canonical columns, which everything in query/ makes and may rely on: a string column has no
 *     nulls (valid is NULL); the top-level null of a tagged dynamic is in `valid`, its bytes are then
 *     ignored; bytes under a null are initialised but mean nothing; bits of `valid` and of
 *     bool data past the last row are initialised too.
 *   - a dynamic column whose `stored` is a scalar type compares and hashes like the same
 *     values in the tagged form.
 */
#ifndef HI_QUERY_VEC_H
#define HI_QUERY_VEC_H

#include "hist_batch.h"

#include "base/arena.h"
#include "base/dyn.h"

/* In a gather list: no row, gives null ("" for strings). */
#define HI_ROW_NONE UINT32_MAX

/* One value outside of a column. */
typedef struct hi_value {
    hist_type type; /* What the bytes are; DYNAMIC: str holds the tagged form. */
    bool null;
    union {
        int64_t i64; /* bool (0, 1), int, long, datetime, timespan */
        double real;
        hist_decimal decimal;
        uint8_t guid[16];
        hist_str str; /* string, dynamic */
    };
} hi_value;

/* Words of a bitmap for `rows` bits. */
static inline size_t hi_bits_words(uint32_t rows)
{
    return ((size_t)rows + 63) / 64;
}
static inline void hi_bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void hi_bit_clear(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
/* Ones among the first `rows` bits. */
uint32_t hi_bits_count(const uint64_t *bits, uint32_t rows);
/* NULL when memory is short. */
uint64_t *hi_bits_new(hi_arena *arena, uint32_t rows, bool ones);

/* Bytes of one element: 4 int, 8 long real datetime timespan, 16 guid decimal, 0 for bool (bits) and the rest. */
size_t hi_type_size(hist_type type);
/* int, long, real, decimal */
bool hi_type_is_number(hist_type type);

/* ---- making columns ---- */

/*
 * A flat column of a fixed-width type (bool too) whose data, not yet written, is *data; no nulls.
 * Set column->valid afterwards when there are some.
 */
bool hi_col_new(hi_arena *arena, hist_type type, uint32_t rows, hist_column *out, void **data);
/* All rows null ("" for string). Layout CONST. */
bool hi_col_nulls(hi_arena *arena, hist_type type, uint32_t rows, hist_column *out);
/* CONST; bytes are copied. `type` is what the language sees (dynamic holding a long: type DYNAMIC, value.type LONG). */
bool hi_col_const(hi_arena *arena, hist_type type, uint32_t rows, const hi_value *value,
                  hist_column *out);
/* The value of row `row` of `in` for all of `rows` rows. A list becomes a tagged constant. */
bool hi_col_repeat(hi_arena *arena, const hist_column *in, uint32_t row, uint32_t rows,
                   hist_column *out);
/* A CONST column with another number of rows (no copy). */
hist_column hi_col_resize_const(const hist_column *in, uint32_t rows);

/* ---- reading ---- */

/* Any layout. A row of a LIST column gives its elements in the tagged form, made in `arena`. */
bool hi_col_value(hi_arena *arena, const hist_column *column, uint32_t row, hi_value *out);
/* One row as a view in the tagged form; null gives the empty view. Scalars and lists are made in `arena`. */
bool hi_col_dyn(hi_arena *arena, const hist_column *column, uint32_t row, hi_dyn *out);
/* The one value of a CONST column; dynamic ones by their stored type. */
hi_value hi_col_const_value(const hist_column *column);

/* ---- changing shape ---- */

/* FLAT or LIST (CONST, DICT and RUNS are spread out). Canonical nulls. */
bool hi_col_flatten(hi_arena *arena, const hist_column *in, hist_column *out);
/* Only makes nulls canonical (strings that are null become ""); keeps CONST, DICT and RUNS. */
bool hi_col_canonical(hi_arena *arena, const hist_column *in, hist_column *out);
/* Rows by index, any order, repeats allowed, HI_ROW_NONE for null. CONST without HI_ROW_NONE, DICT, and RUNS of ascending
   rows keep their layout. */
bool hi_col_gather(hi_arena *arena, const hist_column *in, const uint32_t *rows, uint32_t count,
                   hist_column *out);
/* Rows [from, from + count). */
bool hi_col_slice(hi_arena *arena, const hist_column *in, uint32_t from, uint32_t count,
                  hist_column *out);
/* One under the other; all of one `type`. At most 2^31 - 1 rows. */
bool hi_col_concat(hi_arena *arena, const hist_column *parts, uint32_t count, hist_column *out);
/* The selected rows of every column: out->sel is NULL afterwards. out->columns is new. */
bool hi_batch_compact(hi_arena *arena, const hist_batch *in, hist_batch *out);

/* ---- dynamic ---- */

/* Any column as a FLAT dynamic column in the tagged form. */
bool hi_col_to_tagged(hi_arena *arena, const hist_column *in, hist_column *out);
/*
 * A tagged dynamic column with layout LIST or a scalar `stored` when its values allow it: one
 * scalar type, or arrays of one scalar type and nulls. Else `out` is `in`.
 */
bool hi_col_untag(hi_arena *arena, const hist_column *in, hist_column *out);
/*
 * Rows as lists of doubles (numbers of any type; null and everything else is null in child.valid; a
 * row that is no array is null). *integers: every non-null element was an int or long.
 */
bool hi_col_to_reals(hi_arena *arena, const hist_column *in, hist_column *out, bool *integers);

/* ---- comparing ---- */

/*
 * Total order of two values of columns of the same type: null, then NaN, then values (so ascending
 * with nulls first; descending with nulls last is its reverse). Strings by bytes.
 */
int hi_col_compare(const hist_column *a, uint32_t i, const hist_column *b, uint32_t j);
/* Null or NaN: what "nulls last" in ascending order moves to the end. */
bool hi_col_is_nullish(const hist_column *column, uint32_t row);
/* hi_col_compare() == 0: null equals null, NaN equals NaN, -0.0 equals 0.0. */
bool hi_col_equal(const hist_column *a, uint32_t i, const hist_column *b, uint32_t j);
int hi_value_compare(const hi_value *a, const hi_value *b);
/*
 * One hash a row, any layout; equal values of one type have equal hashes, in every layout and batch. combine:
 * mixed into what is in `hashes` (key of several columns), else it is overwritten.
 */
bool hi_col_hash(hi_arena *arena, const hist_column *column, bool combine, uint64_t *hashes);

/* ---- a column that grows row by row ---- */

/* Fields are private but for `rows` and `failed`. Failures are kept; hi_cb_done() tells. */
typedef struct hi_col_builder {
    hi_arena *arena;
    hist_type type; /* Stored type; DYNAMIC: tagged. */
    uint32_t rows;  /* Appended so far. */
    uint32_t capacity;
    uint32_t nulls;
    bool failed;
    void *data;       /* Elements or bits. */
    int32_t *offsets; /* Strings and tagged. */
    uint64_t *valid;  /* Always kept. */
    hi_buf *buf;      /* Bytes of strings and tagged values; freed with the arena. */
    hi_dyn_writer writer;
} hi_col_builder;

bool hi_cb_init(hi_col_builder *cb, hi_arena *arena, hist_type type, uint32_t rows_hint);
/* For strings: "". */
void hi_cb_null(hi_col_builder *cb);
void hi_cb_i64(hi_col_builder *cb, int64_t v); /* bool, int, long, datetime, timespan */
void hi_cb_real(hi_col_builder *cb, double v);
void hi_cb_16(hi_col_builder *cb, const void *bytes); /* guid, decimal */
void hi_cb_str(hi_col_builder *cb, const char *data, size_t size);
/* Tagged: an empty or null view appends null. */
void hi_cb_dyn(hi_col_builder *cb, hi_dyn value);
/*
 * Write one value into the writer returned (tagged), or bytes into cb->buf (string), then end the row.
 * A value that turns out null makes the row null.
 */
hi_dyn_writer *hi_cb_begin(hi_col_builder *cb);
void hi_cb_end(hi_col_builder *cb);
/* A value of the builder's type; for DYNAMIC any value. */
void hi_cb_value(hi_col_builder *cb, const hi_value *value);
/* A row of a column with the same stored type; a tagged builder takes any column. */
void hi_cb_copy(hi_col_builder *cb, const hist_column *from, uint32_t row);
/* The flat column with `type` (DYNAMIC for a dynamic one with scalar stored type). */
bool hi_cb_done(hi_col_builder *cb, hist_type type, hist_column *out);

/* A dynamic column of layout LIST: append elements to `child`, then end the row. */
typedef struct hi_list_builder {
    hi_col_builder child;
    int32_t *offsets;
    uint64_t *valid;
    uint32_t rows;
    uint32_t capacity;
    uint32_t nulls;
    bool failed;
} hi_list_builder;

bool hi_lb_init(hi_list_builder *lb, hi_arena *arena, hist_type element, uint32_t rows_hint);
void hi_lb_end(hi_list_builder *lb);
void hi_lb_null(hi_list_builder *lb);
bool hi_lb_done(hi_list_builder *lb, hist_column *out);
/* A LIST column over parts that are there: offsets[rows + 1]; valid may be NULL. */
bool hi_col_list(hi_arena *arena, uint32_t rows, const int32_t *offsets, const uint64_t *valid,
                 const hist_column *child, hist_column *out);

/* Writes a value (any type) through a dynamic writer. */
void hi_dyn_put_value(hi_dyn_writer *w, const hi_value *value);
/* A dynamic value as what it holds: a scalar, or DYNAMIC with the same bytes for arrays and bags. */
hi_value hi_value_of_dyn(hi_dyn v);

#endif
