/* csv_table.c -- text cells to typed columns; see csv_table.h and csv_read.h. */
#include "formats/csv_table.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/num.h"
#include "base/timefmt.h"
#include "formats/lineproto.h"

typedef struct csv_value {
    int64_t integer; /* LONG, DATETIME, BOOL */
    double real;
} csv_value;

static const csv_text_cell *table_cell(const csv_table *t, uint32_t row, uint32_t column)
{
    return (const csv_text_cell *)(const void *)t->cells.data + (size_t)row * t->column_count +
           column;
}

static hist_str cell_string(const csv_table *t, const csv_text_cell *cell)
{
    return (hist_str){t->text.data + cell->at, cell->size};
}

/* Blanks around values that are not strings mean nothing. */
static hist_str text_trimmed(hist_str text)
{
    while (text.size > 0 && text.data[0] == ' ') {
        text.data++;
        text.size--;
    }
    while (text.size > 0 && text.data[text.size - 1] == ' ') {
        text.size--;
    }
    return text;
}

static bool text_is(hist_str text, const char *word)
{
    return text.size == strlen(word) && strncasecmp(text.data, word, text.size) == 0;
}

static bool text_is_integer(hist_str text)
{
    size_t i = text.size > 0 && (text.data[0] == '-' || text.data[0] == '+');

    if (i == text.size) {
        return false;
    }
    for (; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return true;
}

/* ---- values; each returns NULL or what is wrong ---- */

static const char *parse_bool(hist_str text, csv_value *out)
{
    out->integer = text_is(text, "true");
    return out->integer || text_is(text, "false") ? NULL : "not a boolean (true or false)";
}

static const char *parse_long(hist_str text, csv_value *out)
{
    if (hi_num_parse_i64(text.data, text.size, &out->integer)) {
        return NULL;
    }
    return text_is_integer(text) ? "an integer that does not fit 64 bits" : "not an integer";
}

static const char *parse_real(hist_str text, csv_value *out)
{
    const bool minus = text.size > 0 && text.data[0] == '-';
    const bool sign = minus || (text.size > 0 && text.data[0] == '+');
    const hist_str name = {text.data + sign, text.size - sign};

    if (hi_num_parse_double(text.data, text.size, &out->real)) {
        return isinf(out->real) ? "a number too large for a double" : NULL;
    }
    if (text_is(name, "inf") || text_is(name, "infinity")) {
        out->real = minus ? -(double)INFINITY : (double)INFINITY;
        return NULL;
    }
    if (text_is(name, "nan")) {
        out->real = (double)NAN;
        return NULL;
    }
    return "not a number";
}

static const char *parse_time(hist_str text, int precision, csv_value *out)
{
    static const int64_t factors[] = {1, 1000, 1000000, 1000000000};
    hi_time_status status = HI_TIME_OK;

    if (text_is_integer(text)) {
        if (!hi_num_parse_i64(text.data, text.size, &out->integer) ||
            __builtin_mul_overflow(out->integer, factors[precision], &out->integer)) {
            status = HI_TIME_HIGH;
        }
    } else {
        status = hi_time_parse(text.data, text.size, &out->integer);
    }
    if (status == HI_TIME_BAD) {
        return "not a time (2026-01-31T23:59:59.123Z, 2026-01-31 23:59:59, or an integer)";
    }
    return status == HI_TIME_OK ? NULL : "a time outside of the years 1677 to 2262";
}

static const char *parse_string(hist_str text)
{
    if (text.size > CSV_STRING_BYTES_MAX) {
        return "more than 65536 bytes";
    }
    return lp_utf8_valid(text.data, text.size) ? NULL : "not UTF-8";
}

static const char *parse_cell(const csv_table *t, uint32_t column, hist_str text, csv_value *out)
{
    const hist_str bare = text_trimmed(text);

    switch (t->columns[column].type) {
    case HIST_TYPE_BOOL:
        return parse_bool(bare, out);
    case HIST_TYPE_LONG:
        return parse_long(bare, out);
    case HIST_TYPE_REAL:
        return parse_real(bare, out);
    case HIST_TYPE_DATETIME:
        return parse_time(bare, t->precision, out);
    default:
        return parse_string(text);
    }
}

/* An empty text is a string only where strings are: elsewhere it is no value. */
static bool cell_is_null(const csv_table *t, uint32_t column, const csv_text_cell *cell)
{
    return cell->null || (cell->size == 0 && t->columns[column].type != HIST_TYPE_STRING);
}

/* ---- finding types ---- */

/* 007 is a name, not a number. */
static bool text_is_padded(hist_str text)
{
    const size_t at = text.size > 0 && text.data[0] == '-';

    return text.size > at + 1 && text.data[at] == '0' && text.data[at + 1] >= '0' &&
           text.data[at + 1] <= '9';
}

static bool text_looks_like_time(hist_str text)
{
    csv_value value;

    return text.size >= 10 && text.data[4] == '-' && text.data[7] == '-' &&
           parse_time(text, 0, &value) == NULL;
}

/* The narrowest type of one value. */
static hist_type text_type(hist_str text)
{
    csv_value value;

    if (parse_bool(text, &value) == NULL) {
        return HIST_TYPE_BOOL;
    }
    if (!text_is_padded(text)) {
        if (parse_long(text, &value) == NULL) {
            return HIST_TYPE_LONG;
        }
        if (parse_real(text, &value) == NULL) {
            return HIST_TYPE_REAL;
        }
    }
    return text_looks_like_time(text) ? HIST_TYPE_DATETIME : HIST_TYPE_STRING;
}

static hist_type type_joined(hist_type a, hist_type b)
{
    if (a == b || a == 0) {
        return b;
    }
    const bool numbers = (a == HIST_TYPE_LONG && b == HIST_TYPE_REAL) ||
                         (a == HIST_TYPE_REAL && b == HIST_TYPE_LONG);

    return numbers ? HIST_TYPE_REAL : HIST_TYPE_STRING;
}

/* Some programs quote every value; then quotes say nothing about types. */
static bool table_quotes_all(const csv_table *t)
{
    const csv_text_cell *cell = table_cell(t, 0, 0);
    const csv_text_cell *end = cell + (size_t)t->rows * t->column_count;

    for (; cell < end; cell++) {
        if (!cell->quoted && !cell->null) {
            return false;
        }
    }
    return true;
}

void csv_table_infer(csv_table *table)
{
    const bool all = table_quotes_all(table);

    for (uint32_t c = 0; c < table->column_count; c++) {
        hist_type type = 0;

        if (table->columns[c].type != 0) {
            continue;
        }
        for (uint32_t r = 0; r < table->rows && type != HIST_TYPE_STRING; r++) {
            const csv_text_cell *cell = table_cell(table, r, c);
            const bool quoted = cell->quoted && !all;

            if (cell->null || (cell->size == 0 && all)) {
                continue;
            }
            type = type_joined(type, quoted ? HIST_TYPE_STRING
                                            : text_type(text_trimmed(cell_string(table, cell))));
        }
        table->columns[c].type = type == 0 ? HIST_TYPE_STRING : type;
    }
    table->typed = true;
}

/* ---- columns ---- */

/* One batch being made; all of its memory is the arena's. */
typedef struct csv_build {
    csv_table *table;
    hi_arena *arena;
    uint32_t *bad; /* By row: 1 + the first column that was refused, or 0. */
    hist_column *columns;
} csv_build;

static void bit_set(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

static void build_refuse(csv_build *b, uint32_t row, uint32_t column)
{
    if (b->bad[row] == 0 || b->bad[row] > column + 1) {
        b->bad[row] = column + 1;
    }
}

static bool build_strings(csv_build *b, uint32_t column, hist_column *out)
{
    const csv_table *t = b->table;
    size_t total = 0;

    for (uint32_t r = 0; r < t->rows; r++) {
        total += table_cell(t, r, column)->size;
    }
    int32_t *offsets = HI_NEW_ARRAY(b->arena, int32_t, (size_t)t->rows + 1);
    char *bytes = hi_arena_alloc(b->arena, total + 1);
    if (offsets == NULL || bytes == NULL) {
        return false;
    }
    size_t at = 0;
    for (uint32_t r = 0; r < t->rows; r++) {
        const csv_text_cell *cell = table_cell(t, r, column);

        memcpy(bytes + at, t->text.data + cell->at, cell->size);
        at += cell->size;
        offsets[r + 1] = (int32_t)at;
    }
    out->offsets = offsets;
    out->bytes = bytes;
    return true;
}

/* Room for the values of a column that is not one of strings; bits for booleans. */
static void *build_room(csv_build *b, hist_type type)
{
    const size_t rows = b->table->rows;

    return type == HIST_TYPE_BOOL ? hi_arena_calloc(b->arena, rows / 64 + 1, 8)
                                  : hi_arena_calloc(b->arena, rows, 8);
}

static void build_put(hist_type type, void *data, uint32_t row, const csv_value *value)
{
    if (type == HIST_TYPE_BOOL) {
        if (value->integer != 0) {
            bit_set(data, row);
        }
    } else if (type == HIST_TYPE_REAL) {
        ((double *)data)[row] = value->real;
    } else {
        ((int64_t *)data)[row] = value->integer;
    }
}

static bool build_column(csv_build *b, uint32_t column)
{
    const csv_table *t = b->table;
    const hist_type type = t->columns[column].type;
    const bool strings = type == HIST_TYPE_STRING;
    hist_column *out = &b->columns[column];
    uint64_t *valid = hi_arena_calloc(b->arena, (size_t)t->rows / 64 + 1, 8);
    void *data = strings ? NULL : build_room(b, type);

    *out = (hist_column){.type = type,
                         .stored = type,
                         .layout = HIST_LAYOUT_FLAT,
                         .length = t->rows,
                         .data_count = t->rows,
                         .valid = valid,
                         .data = data};
    if (valid == NULL || (!strings && data == NULL) ||
        (strings && !build_strings(b, column, out))) {
        return false;
    }
    for (uint32_t r = 0; r < t->rows; r++) {
        const csv_text_cell *cell = table_cell(t, r, column);
        csv_value value = {0, 0};

        if (cell_is_null(t, column, cell)) {
            if ((int32_t)column == t->time_column) {
                build_refuse(b, r, column);
            }
        } else if (parse_cell(t, column, cell_string(t, cell), &value) != NULL) {
            build_refuse(b, r, column);
        } else {
            bit_set(valid, r);
            if (!strings) {
                build_put(type, data, r, &value);
            }
        }
    }
    return true;
}

static void build_report(const csv_build *b, uint32_t row, const csv_sink *sink)
{
    const csv_table *t = b->table;
    const uint32_t column = b->bad[row] - 1;
    const csv_text_cell *cell = table_cell(t, row, column);
    csv_value value;
    csv_problem problem = {
        .line = ((const uint64_t *)(const void *)t->lines.data)[row],
        .column = column + 1,
        .name = t->columns[column].name,
        .value = cell_string(t, cell),
        .what = "the time is missing",
    };

    if (!cell_is_null(t, column, cell)) {
        problem.what = parse_cell(t, column, problem.value, &value);
    }
    if (sink->refused != NULL) {
        sink->refused(sink->arg, &problem);
    }
}

/* Hands out the columns: good rows as the selection, bad ones as problems. */
static hist_status build_hand_out(csv_build *b, const csv_sink *sink, hist_error *err)
{
    csv_table *t = b->table;
    uint32_t *sel = HI_NEW_ARRAY(b->arena, uint32_t, t->rows);
    uint32_t good = 0;

    if (sel == NULL) {
        return hi_no_memory(err, "a batch of CSV rows");
    }
    for (uint32_t r = 0; r < t->rows; r++) {
        if (b->bad[r] == 0) {
            sel[good++] = r;
        } else {
            t->refused++;
            build_report(b, r, sink);
        }
    }
    t->accepted += good;
    if (good == 0) {
        return HIST_OK;
    }
    const hist_batch batch = {.column_count = t->column_count,
                              .row_count = t->rows,
                              .sel = good == t->rows ? NULL : sel,
                              .sel_count = good,
                              .columns = b->columns};
    return sink->rows(sink->arg, &batch, (const uint64_t *)(const void *)t->lines.data, err);
}

static hist_status build_all(csv_build *b, const csv_sink *sink, hist_error *err)
{
    b->bad = HI_NEW_ARRAY(b->arena, uint32_t, b->table->rows);
    b->columns = HI_NEW_ARRAY(b->arena, hist_column, b->table->column_count);
    if (b->bad == NULL || b->columns == NULL) {
        return hi_no_memory(err, "a batch of CSV rows");
    }
    for (uint32_t c = 0; c < b->table->column_count; c++) {
        if (!build_column(b, c)) {
            return hi_no_memory(err, "a batch of CSV rows");
        }
    }
    return build_hand_out(b, sink, err);
}

hist_status csv_table_flush(csv_table *table, hi_mem *mem, const csv_sink *sink, hist_error *err)
{
    hist_status status = HIST_OK;

    if (!table->typed) {
        csv_table_infer(table);
        HI_TRY(
            sink->columns(sink->arg, table->columns, table->column_count, table->time_column, err));
    }
    if (table->rows > 0) {
        hi_arena arena;

        hi_arena_init(&arena, mem);
        status = build_all(&(csv_build){.table = table, .arena = &arena}, sink, err);
        hi_arena_free(&arena);
    }
    hi_buf_clear(&table->text);
    hi_buf_clear(&table->cells);
    hi_buf_clear(&table->lines);
    table->rows = 0;
    return status;
}
