/*
 * csv_read.c -- bytes to rows of text cells; see csv_read.h.
 *
 * libcsv takes values apart but tells neither where rows begin nor which values
 * were quoted. So a scanner walks the bytes first, finds the end of each row
 * and counts lines, and libcsv gets one row at a time. Where both disagree the
 * row is refused, and the next newline starts afresh.
 */
#include "formats/csv_read.h"

#include <csv.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "formats/csv_table.h"
#include "formats/lineproto.h"

/* A batch is handed out early when its text or its cells are this large. */
#define CSV_BATCH_BYTES      (4u << 20)
#define CSV_BATCH_CELL_BYTES (16u << 20)

struct csv_reader {
    hi_mem *mem;
    csv_read_options options;
    csv_sink sink;
    csv_table table;
    struct csv_parser parser;
    hi_buf header; /* The bytes of the first row, until it is complete. */
    bool has_header;
    bool skipping; /* Behind a bad place: up to the next newline. */
    char separator;
    /* The scanner. */
    bool in_quotes;
    bool at_value; /* At the first byte of a value. */
    bool cr;       /* A CR was the last byte, and is held back: LF may follow. */
    uint64_t line;
    size_t row_bytes; /* Of the row that is being read. */
    uint64_t row_line;
    /* What libcsv said of the row. */
    uint32_t row_cells;
    size_t row_text_start;
    bool row_ended;
    hi_buf quoted; /* A byte a value of the row: was it quoted? */
};

static int reader_no_space(unsigned char c)
{
    (void)c;
    return 0;
}

static int reader_is_newline(unsigned char c)
{
    return c == '\n';
}

static bool reader_start_parser(csv_reader *r)
{
    if (csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI | CSV_EMPTY_IS_NULL) != 0) {
        return false;
    }
    csv_set_delim(&r->parser, (unsigned char)r->separator);
    csv_set_space_func(&r->parser, reader_no_space);
    csv_set_term_func(&r->parser, reader_is_newline);
    return true;
}

hist_status csv_reader_open(hi_mem *mem, const csv_read_options *options, const csv_sink *sink,
                            csv_reader **out, hist_error *err)
{
    csv_reader *r = HI_MEM_NEW(mem, csv_reader);

    *out = NULL;
    if (r == NULL) {
        return hi_no_memory(err, "a CSV reader");
    }
    r->mem = mem;
    r->options = *options;
    r->sink = *sink;
    r->separator = options->separator == 0 ? ',' : options->separator;
    r->at_value = true;
    r->line = 1;
    r->row_line = 1;
    r->table.time_column = -1;
    r->table.precision = options->precision;
    hi_buf_init(&r->header, mem, CSV_ROW_BYTES_MAX);
    hi_buf_init(&r->quoted, mem, CSV_ROW_BYTES_MAX);
    hi_buf_init(&r->table.text, mem, CSV_BATCH_BYTES + 2 * (size_t)CSV_ROW_BYTES_MAX);
    hi_buf_init(&r->table.cells, mem, SIZE_MAX / 2);
    hi_buf_init(&r->table.lines, mem, SIZE_MAX / 2);
    if (!reader_start_parser(r)) {
        HI_MEM_DELETE(mem, r);
        return hi_no_memory(err, "a CSV reader");
    }
    *out = r;
    return HIST_OK;
}

void csv_reader_close(csv_reader *r)
{
    if (r == NULL) {
        return;
    }
    for (uint32_t i = 0; r->table.columns != NULL && i < r->table.column_count; i++) {
        char *name = (char *)(uintptr_t)r->table.columns[i].name;

        hi_mem_free(r->mem, name, name == NULL ? 0 : strlen(name) + 1);
    }
    hi_mem_free(r->mem, r->table.columns, r->table.column_count * sizeof(*r->table.columns));
    hi_buf_free(&r->header);
    hi_buf_free(&r->quoted);
    hi_buf_free(&r->table.text);
    hi_buf_free(&r->table.cells);
    hi_buf_free(&r->table.lines);
    csv_free(&r->parser);
    HI_MEM_DELETE(r->mem, r);
}

void csv_reader_counts(const csv_reader *r, uint64_t *accepted_out, uint64_t *refused_out)
{
    *accepted_out = r->table.accepted;
    *refused_out = r->table.refused;
}

/* ---- what libcsv says ---- */

static void reader_on_value(void *data, size_t size, void *arg)
{
    csv_reader *r = (csv_reader *)arg;
    csv_table *t = &r->table;
    const bool quoted = r->row_cells < r->quoted.size && r->quoted.data[r->row_cells] != 0;
    const csv_text_cell cell = {.at = (uint32_t)t->text.size,
                                .size = (uint32_t)size,
                                .null = data == NULL,
                                .quoted = quoted};

    r->row_cells++;
    hi_buf_append(&t->text, data == NULL ? "" : data, data == NULL ? 0 : size);
    hi_buf_append(&t->cells, &cell, sizeof(cell));
}

static void reader_on_row(int c, void *arg)
{
    (void)c;
    ((csv_reader *)arg)->row_ended = true;
}

/* Returns the bytes that made sense; fewer than size is an error behind them. */
static size_t reader_parse(csv_reader *r, const char *data, size_t size)
{
    return csv_parse(&r->parser, data, size, reader_on_value, reader_on_row, r);
}

/* ---- rows ---- */

static void reader_next_row(csv_reader *r)
{
    r->row_cells = 0;
    r->row_bytes = 0;
    r->row_ended = false;
    r->row_text_start = r->table.text.size;
    r->row_line = r->line;
    r->in_quotes = false;
    r->at_value = true;
    r->cr = false;
    hi_buf_clear(&r->quoted);
}

/* Takes the cells of the row that is being read away again. */
static void reader_drop_row(csv_reader *r)
{
    r->table.text.size = r->row_text_start;
    r->table.cells.size = (size_t)r->table.rows * r->table.column_count * sizeof(csv_text_cell);
}

static void reader_refuse(csv_reader *r, const char *what)
{
    const csv_problem problem = {.line = r->row_line, .name = "", .what = what};

    r->table.refused++;
    if (r->sink.refused != NULL) {
        r->sink.refused(r->sink.arg, &problem);
    }
    reader_drop_row(r);
    csv_free(&r->parser);
    (void)reader_start_parser(r); /* Cannot fail: the options are the same. */
}

static hist_status reader_flush(csv_reader *r, hist_error *err)
{
    return csv_table_flush(&r->table, r->mem, &r->sink, err);
}

static hist_status reader_end_row(csv_reader *r, hist_error *err)
{
    csv_table *t = &r->table;
    const uint32_t batch_rows = r->options.batch_rows == 0 ? CSV_BATCH_ROWS : r->options.batch_rows;

    if (reader_parse(r, "\n", 1) != 1) {
        reader_refuse(r, "a quote is at the wrong place");
    } else if (!r->row_ended && r->row_bytes > 0) {
        reader_refuse(r, "a quote is not closed");
    } else if (r->row_ended && r->row_cells != t->column_count) {
        reader_refuse(r, r->row_cells < t->column_count
                             ? "fewer values than the header has columns"
                             : "more values than the header has columns");
    } else if (r->row_ended) {
        hi_buf_append(&t->lines, &r->row_line, sizeof(r->row_line));
        t->rows++;
    }
    if (!hi_buf_ok(&t->text) || !hi_buf_ok(&t->cells) || !hi_buf_ok(&t->lines)) {
        return hi_no_memory(err, "a batch of CSV rows");
    }
    hist_status status = HIST_OK;
    if (t->rows >= batch_rows || t->text.size >= CSV_BATCH_BYTES ||
        t->cells.size >= CSV_BATCH_CELL_BYTES) {
        status = reader_flush(r, err);
    }
    reader_next_row(r);
    return status;
}

/* ---- the header ---- */

/* The separator there is most of in the first row, outside of quotes. */
static char header_separator(const hi_buf *header)
{
    static const char candidates[] = {',', ';', '\t'};
    size_t counts[3] = {0, 0, 0};
    bool in_quotes = false;
    size_t best = 0;

    for (size_t i = 0; i < header->size; i++) {
        in_quotes ^= header->data[i] == '"';
        for (size_t k = 0; k < 3 && !in_quotes; k++) {
            counts[k] += header->data[i] == candidates[k];
        }
    }
    for (size_t k = 1; k < 3; k++) {
        best = counts[k] > counts[best] ? k : best;
    }
    return candidates[best];
}

static hist_status header_names(csv_reader *r, hist_error *err)
{
    csv_table *t = &r->table;
    const csv_text_cell *cells = (const csv_text_cell *)(const void *)t->cells.data;

    if (r->row_cells > CSV_COLUMNS_MAX) {
        return hi_fail(err, HIST_ELIMIT, "the CSV header has %u columns, at most %d are allowed",
                       r->row_cells, CSV_COLUMNS_MAX);
    }
    t->columns = hi_mem_calloc(r->mem, r->row_cells, sizeof(*t->columns));
    if (t->columns == NULL) {
        return hi_no_memory(err, "the columns of a CSV file");
    }
    t->column_count = r->row_cells;
    for (uint32_t i = 0; i < t->column_count; i++) {
        const char *text = t->text.data + cells[i].at;
        const size_t size = cells[i].size;
        char *name = hi_mem_alloc(r->mem, size + 1);

        if (name == NULL) {
            return hi_no_memory(err, "the columns of a CSV file");
        }
        memcpy(name, text, size);
        name[size] = '\0';
        t->columns[i].name = name;
        if (size == 0 || strlen(name) != size || !lp_utf8_valid(name, size)) {
            /* A NUL in a name would also make its size unknown to csv_reader_close(). */
            memset(name, 'x', size);
            return hi_fail(err, HIST_ESYNTAX,
                           "column %u of the CSV header has %s: give every column a name in UTF-8",
                           i + 1, size == 0 ? "no name" : "a name that is not text");
        }
    }
    return HIST_OK;
}

static hist_status header_check_names(const csv_table *t, hist_error *err)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (strcmp(t->columns[i].name, t->columns[k].name) == 0) {
                return hi_fail(err, HIST_ESYNTAX,
                               "columns %u and %u of the CSV header have the same name '%s'", k + 1,
                               i + 1, t->columns[i].name);
            }
        }
    }
    return HIST_OK;
}

static bool header_is_time(const csv_reader *r, const char *name)
{
    static const char *const names[] = {"timestamp", "time", "_time", "datetime"};

    if (r->options.time_column != NULL) {
        return strcmp(name, r->options.time_column) == 0;
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (strcasecmp(name, names[i]) == 0) {
            return true;
        }
    }
    return false;
}

static bool header_can_be(hist_type type)
{
    return type == HIST_TYPE_BOOL || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_STRING || type == HIST_TYPE_DATETIME;
}

static hist_status header_types(csv_reader *r, hist_error *err)
{
    csv_table *t = &r->table;

    for (uint32_t k = 0; k < r->options.declared_count; k++) {
        const hist_column_info *declared = &r->options.declared[k];
        uint32_t i = 0;

        while (i < t->column_count && strcmp(t->columns[i].name, declared->name) != 0) {
            i++;
        }
        if (i == t->column_count) {
            return hi_fail(err, HIST_ENOTFOUND, "the CSV header has no column '%s'",
                           declared->name);
        }
        if (!header_can_be(declared->type)) {
            return hi_fail(
                err, HIST_ETYPE,
                "column '%s' cannot be read from CSV as %s: bool, long, real, string and "
                "datetime can",
                declared->name, hist_type_name(declared->type));
        }
        t->columns[i].type = declared->type;
    }
    for (uint32_t i = 0; !r->options.no_time && t->time_column < 0 && i < t->column_count; i++) {
        if (header_is_time(r, t->columns[i].name)) {
            t->time_column = (int32_t)i;
            t->columns[i].type = HIST_TYPE_DATETIME;
        }
    }
    if (r->options.time_column != NULL && !r->options.no_time && t->time_column < 0) {
        return hi_fail(err, HIST_ENOTFOUND, "the CSV header has no time column '%s'",
                       r->options.time_column);
    }
    return HIST_OK;
}

static hist_status reader_header(csv_reader *r, hist_error *err)
{
    const char *data = r->header.data;
    size_t size = r->header.size;

    if (size >= 3 && memcmp(data, "\xef\xbb\xbf", 3) == 0) { /* A byte order mark. */
        data += 3;
        size -= 3;
    }
    if (r->options.separator == 0) {
        r->separator = header_separator(&r->header);
    }
    csv_free(&r->parser);
    if (!reader_start_parser(r)) {
        return hi_no_memory(err, "a CSV reader");
    }
    hi_buf_clear(&r->quoted);
    if (reader_parse(r, data, size) != size || reader_parse(r, "\n", 1) != 1 || !r->row_ended) {
        return hi_fail(err, HIST_ESYNTAX,
                       "the CSV header (line %llu) is not well formed: a quote is at the wrong "
                       "place",
                       (unsigned long long)r->row_line);
    }
    if (!hi_buf_ok(&r->table.text) || !hi_buf_ok(&r->table.cells)) {
        return hi_no_memory(err, "the columns of a CSV file");
    }
    HI_TRY(header_names(r, err));
    HI_TRY(header_check_names(&r->table, err));
    HI_TRY(header_types(r, err));
    r->has_header = true;
    hi_buf_clear(&r->table.text);
    hi_buf_clear(&r->table.cells);
    reader_next_row(r);
    return HIST_OK;
}

/* ---- bytes ---- */

static bool reader_is_separator(const csv_reader *r, char c)
{
    if (!r->has_header && r->options.separator == 0) {
        return c == ',' || c == ';' || c == '\t';
    }
    return c == r->separator;
}

/* Walks to the newline that ends the row, or to the end; notes which values are quoted. */
static const char *reader_scan(csv_reader *r, const char *p, const char *end)
{
    for (; p < end; p++) {
        const char c = *p;

        if (r->at_value) {
            r->at_value = false;
            r->in_quotes = c == '"';
            if (c != '\n') {
                hi_buf_byte(&r->quoted, c == '"');
            }
            if (c == '"') {
                continue;
            }
        }
        if (c == '"') {
            r->in_quotes =
                !r->in_quotes && r->quoted.size > 0 && r->quoted.data[r->quoted.size - 1] != 0;
        } else if (!r->in_quotes) {
            if (c == '\n') {
                return p;
            }
            r->at_value = reader_is_separator(r, c);
        }
        r->line += c == '\n';
    }
    return p;
}

/*
 * Bytes of a row that is not complete yet, or all of it without its newline. *used_out is less than
 * size when the row was refused behind so many bytes.
 */
static hist_status reader_take(csv_reader *r, const char *data, size_t size, size_t *used_out,
                               hist_error *err)
{
    *used_out = size;
    if (!r->has_header) {
        hi_buf_append(&r->header, data, size);
        if (!hi_buf_ok(&r->header)) {
            return hi_fail(err, HIST_ELIMIT,
                           "the CSV header has more than %d bytes: is a quote not closed?",
                           CSV_ROW_BYTES_MAX);
        }
        return HIST_OK;
    }
    const size_t room = CSV_ROW_BYTES_MAX - r->row_bytes;
    const size_t take = size < room ? size : room;

    *used_out = reader_parse(r, data, take);
    r->row_bytes += take;
    if (*used_out < take) {
        reader_refuse(r, "a quote is at the wrong place");
        r->skipping = true;
    } else if (take < size) {
        reader_refuse(r, "the row has more than 1048576 bytes: is a quote not closed?");
        r->skipping = true;
    }
    return HIST_OK;
}

static hist_status reader_newline(csv_reader *r, hist_error *err)
{
    r->line++;
    if (r->has_header) {
        return reader_end_row(r, err);
    }
    if (r->header.size == 0) { /* Empty lines in front of the header. */
        r->row_line = r->line;
        r->at_value = true;
        return HIST_OK;
    }
    return reader_header(r, err);
}

/* Passes over the rest of a refused row; returns where the next one starts. */
static const char *reader_skip(csv_reader *r, const char *p, const char *end)
{
    const char *newline = (const char *)memchr(p, '\n', (size_t)(end - p));

    if (newline == NULL) {
        return end;
    }
    r->line++;
    r->skipping = false;
    reader_next_row(r);
    return newline + 1;
}

static uint64_t count_newlines(const char *p, size_t size)
{
    uint64_t count = 0;

    for (size_t i = 0; i < size; i++) {
        count += p[i] == '\n';
    }
    return count;
}

/* From p to the end of the row or of the bytes; returns where to go on. */
static hist_status reader_step(csv_reader *r, const char **p_io, const char *end, hist_error *err)
{
    const char *p = *p_io;
    const uint64_t line = r->line;
    const char *stop = reader_scan(r, p, end);
    /* A CR in front of LF is part of the newline; whether LF follows may be seen only later. */
    const bool cr = stop > p && stop[-1] == '\r' && !r->in_quotes;
    size_t used = 0;

    if (r->cr && !(stop == p && stop < end)) {
        HI_TRY(reader_take(r, "\r", 1, &used, err));
        if (r->skipping) {
            r->line = line;
            return HIST_OK;
        }
    }
    r->cr = cr && stop == end;
    const size_t size = (size_t)(stop - p) - cr;
    if (!r->skipping) {
        HI_TRY(reader_take(r, p, size, &used, err));
    }
    if (r->skipping) {
        r->line = line + count_newlines(p, used < size ? used : 0);
        *p_io = p + (used < size ? used : 0);
        return HIST_OK;
    }
    *p_io = stop;
    if (stop < end) {
        *p_io = stop + 1;
        return reader_newline(r, err);
    }
    return HIST_OK;
}

hist_status csv_reader_push(csv_reader *r, const char *data, size_t size, hist_error *err)
{
    const char *p = data;
    const char *end = data + size;

    while (p < end) {
        if (r->skipping) {
            p = reader_skip(r, p, end);
        } else {
            HI_TRY(reader_step(r, &p, end, err));
        }
    }
    return HIST_OK;
}

hist_status csv_reader_finish(csv_reader *r, hist_error *err)
{
    if (!r->has_header && r->header.size > 0) {
        HI_TRY(reader_newline(r, err));
    }
    if (!r->has_header) {
        return hi_fail(err, HIST_ESYNTAX,
                       "the CSV file is empty: its first row must name the columns");
    }
    if (!r->skipping && r->row_bytes > 0) {
        HI_TRY(reader_end_row(r, err));
    }
    return reader_flush(r, err);
}
