/* print.c -- results on standard output; see print.h. */
#include "histcli/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "histcli/print_impl.h"
#include "histcli/show.h"

#include "base/dyn.h"
#include "base/err.h"
#include "formats/cells.h"

hist_status print_flush(print *p, bool all, hist_error *err)
{
    size_t at = 0;

    if (!hi_buf_ok(&p->out)) {
        return hi_fail(err, HIST_ENOMEM, "a row is larger than %d MiB", CLI_OUTPUT_BYTES_MAX >> 20);
    }
    if (!all && p->out.size < PRINT_FLUSH_BYTES) {
        return HIST_OK;
    }
    while (at < p->out.size) {
        const ssize_t wrote = write(STDOUT_FILENO, p->out.data + at, p->out.size - at);

        if (wrote < 0 && errno != EINTR) {
            return hi_fail_os(err, errno, "cannot write to standard output");
        }
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    hi_buf_clear(&p->out);
    return HIST_OK;
}

/* ---- begin ---- */

static void print_begin_kusto(print *p)
{
    if (p->results == 0) {
        hi_buf_append(&p->out, "{\"Tables\":[", 11);
    } else {
        hi_buf_byte(&p->out, ',');
    }
    hi_buf_printf(&p->out, "{\"TableName\":\"Table_%u\",\"Columns\":", p->results);
    jsonw_kusto_columns(&p->out, p->columns, p->column_count, true);
    hi_buf_printf(&p->out, ",\"Rows\":[");
}

static void print_begin_json(print *p, jsonw_shape shape)
{
    jsonw_begin(&p->json, &p->out, shape, p->columns, p->column_count);
    p->json_open = true;
}

static void print_begin_markdown(print *p)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        hi_buf_append(&p->out, i == 0 ? "| " : " | ", i == 0 ? 2 : 3);
        show_markdown(&p->out, (hist_str){p->columns[i].name, strlen(p->columns[i].name)});
    }
    hi_buf_append(&p->out, " |\n", 3);
    for (uint32_t i = 0; i < p->column_count; i++) {
        hi_buf_printf(&p->out, "%s", show_is_number(p->columns[i].type) ? "| ---: " : "| --- ");
    }
    hi_buf_append(&p->out, "|\n", 2);
}

/* On a terminal `render` draws; anywhere else it changes nothing. */
static bool print_wants_chart(const print *p)
{
    return p->format == FORMAT_CHART ||
           (p->format == FORMAT_TABLE && p->renders && p->c->tty_out && !p->c->format_given);
}

static hist_status print_begin_table(print *p, hist_error *err)
{
    table_style style = {.columns_max = p->c->tty_out ? (uint32_t)cli_width() : 0,
                         .box = p->c->tty_out && !p->c->ascii};

    if (print_wants_chart(p)) {
        p->chart = chart_data_new(&p->c->mem, p->columns, p->column_count);
        if (p->chart == NULL) {
            return hi_no_memory(err, "a chart");
        }
        if (chart_data_possible(p->chart)) {
            return HIST_OK;
        }
    }
    p->table = table_new(&p->c->mem, &style, p->columns, p->column_count);
    return p->table == NULL ? hi_no_memory(err, "a table") : HIST_OK;
}

static hist_status print_begin(void *arg, const hist_column_info *columns, uint32_t count,
                               hist_error *err)
{
    print *p = arg;

    p->columns = columns;
    p->column_count = count;
    p->rows = 0;
    switch (p->format) {
    case FORMAT_CSV:
    case FORMAT_TSV:
        csv_write_header(&p->out, &p->csv, columns, count);
        break;
    case FORMAT_JSON:
        print_begin_json(p, JSONW_ARRAY);
        break;
    case FORMAT_NDJSON:
        print_begin_json(p, JSONW_NDJSON);
        break;
    case FORMAT_KUSTO:
        print_begin_kusto(p);
        print_begin_json(p, JSONW_ROWS);
        break;
    case FORMAT_MARKDOWN:
        print_begin_markdown(p);
        break;
    case FORMAT_TABLE:
    case FORMAT_CHART:
        HI_TRY(print_begin_table(p, err));
        break;
    case FORMAT_LINE:
    default:
        break;
    }
    return print_flush(p, false, err);
}

/* ---- rows ---- */

static void print_row_markdown(print *p, cell_cursor *cursors, uint32_t row)
{
    for (uint32_t i = 0; i < p->column_count; i++) {
        const size_t start = p->out.size;

        hi_buf_append(&p->out, i == 0 ? "| " : " | ", i == 0 ? 2 : 3);
        show_cell_markdown(&p->out, &cursors[i], row);
        if (!hi_buf_ok(&p->out)) {
            p->out.size = start;
        }
    }
    hi_buf_append(&p->out, " |\n", 3);
}

/* One value a line, records apart by an empty line. */
static void print_row_line(print *p, cell_cursor *cursors, uint32_t row)
{
    size_t width = 0;

    for (uint32_t i = 0; i < p->column_count; i++) {
        const size_t size = show_width(p->columns[i].name, strlen(p->columns[i].name));

        width = size > width ? size : width;
    }
    if (p->all_rows + p->rows > 0) {
        hi_buf_byte(&p->out, '\n');
    }
    for (uint32_t i = 0; i < p->column_count; i++) {
        const char *name = p->columns[i].name;

        show_pad(&p->out, width - show_width(name, strlen(name)));
        hi_buf_printf(&p->out, "%s = ", name);
        (void)show_cell(&p->out, &cursors[i], row);
        hi_buf_byte(&p->out, '\n');
    }
    p->rows++;
}

static hist_status print_each(print *p, const hist_batch *batch,
                              void (*row_fn)(print *, cell_cursor *, uint32_t), hist_error *err)
{
    cell_cursor *cursors = cells_open(&p->c->mem, batch);
    hist_status status = HIST_OK;

    if (cursors == NULL) {
        return hi_no_memory(err, "rows");
    }
    for (uint32_t i = 0; i < batch->sel_count && status == HIST_OK; i++) {
        row_fn(p, cursors, batch->sel == NULL ? i : batch->sel[i]);
        status = print_flush(p, false, err);
    }
    cells_close(&p->c->mem, cursors, batch);
    return status;
}

static hist_status print_pieces(print *p, const hist_batch *batch, hist_error *err)
{
    for (uint32_t from = 0; from < batch->sel_count; from += PRINT_PIECE) {
        if (p->format == FORMAT_CSV || p->format == FORMAT_TSV) {
            csv_write_rows(&p->out, &p->csv, batch, from, PRINT_PIECE);
        } else {
            jsonw_rows(&p->json, &p->out, batch, from, PRINT_PIECE);
        }
        HI_TRY(print_flush(p, false, err));
    }
    return HIST_OK;
}

static hist_status print_rows_of(void *arg, const hist_batch *batch, hist_error *err)
{
    print *p = arg;

    switch (p->format) {
    case FORMAT_MARKDOWN:
        HI_TRY(print_each(p, batch, print_row_markdown, err));
        p->rows += batch->sel_count;
        return HIST_OK;
    case FORMAT_LINE:
        return print_each(p, batch, print_row_line, err);
    case FORMAT_TABLE:
    case FORMAT_CHART:
        p->rows += batch->sel_count;
        if (p->table == NULL) {
            return chart_data_add(p->chart, batch, err);
        }
        HI_TRY(table_rows(p->table, &p->out, batch, err));
        return print_flush(p, false, err);
    default:
        p->rows += batch->sel_count;
        return print_pieces(p, batch, err);
    }
}

/* ---- end ---- */

static hist_status print_end_chart(print *p, const char *visualization, hist_error *err)
{
    const chart_style style = {
        .width = (uint32_t)cli_width(), .height = (uint32_t)cli_height(), .ascii = p->c->ascii};

    return p->rows == 0 ? HIST_OK : chart_data_draw(p->chart, &p->out, &style, visualization, err);
}

static hist_status print_end_table(print *p, const char *visualization, hist_error *err)
{
    hist_status status = HIST_OK;

    if (p->table == NULL) {
        status = print_end_chart(p, visualization, err);
    } else {
        table_end(p->table, &p->out);
        if (p->chart != NULL) {
            cli_say(
                "no chart: that takes a datetime column (or arrays of make-series) and a number");
        }
    }
    chart_data_free(p->chart);
    p->chart = NULL;
    table_free(p->table);
    p->table = NULL;
    return status;
}

static hist_status print_end(void *arg, const char *visualization, hist_error *err)
{
    print *p = arg;

    if (p->json_open) {
        jsonw_end(&p->json, &p->out);
        p->json_open = false;
    }
    switch (p->format) {
    case FORMAT_KUSTO:
        hi_buf_append(&p->out, "]}", 2);
        break;
    case FORMAT_TABLE:
    case FORMAT_CHART:
        HI_TRY(print_end_table(p, visualization, err));
        break;
    default:
        break;
    }
    p->results++;
    p->all_rows += p->rows;
    return print_flush(p, true, err);
}

/* With three tables and more the last has to say what the others are. */
static void print_contents(print *p)
{
    static const hist_column_info columns[] = {{"Ordinal", HIST_TYPE_LONG},
                                               {"Kind", HIST_TYPE_STRING},
                                               {"Name", HIST_TYPE_STRING},
                                               {"Id", HIST_TYPE_STRING},
                                               {"PrettyName", HIST_TYPE_STRING}};

    hi_buf_printf(&p->out, ",{\"TableName\":\"Table_%u\",\"Columns\":", p->results);
    jsonw_kusto_columns(&p->out, columns, 5, true);
    hi_buf_printf(&p->out, ",\"Rows\":[");
    for (uint32_t i = 0; i < p->results; i++) {
        hi_buf_printf(&p->out, "%s[%u,\"QueryResult\",\"PrimaryResult\",\"%u\",\"\"]",
                      i == 0 ? "" : ",", i, i);
    }
    hi_buf_append(&p->out, "]}", 2);
}

hist_status print_finish(print *p, hist_error *err)
{
    if (p->format == FORMAT_KUSTO) {
        if (p->results > 1) {
            print_contents(p);
        }
        hi_buf_append(&p->out, "]}\n", 3);
    }
    return print_flush(p, true, err);
}

hist_status print_open(cli *c, print **out, hist_error *err)
{
    print *p = HI_MEM_NEW(&c->mem, print);

    *out = p;
    if (p == NULL) {
        return hi_no_memory(err, "output");
    }
    p->c = c;
    p->format = c->format;
    p->csv = (csv_options){.dialect = CSV_DISPLAY,
                           .separator = (char)(c->format == FORMAT_TSV ? '\t' : ',')};
    p->sink = (result_sink){print_begin, print_rows_of, print_end, p};
    hi_buf_init(&p->out, &c->mem, CLI_OUTPUT_BYTES_MAX);
    return HIST_OK;
}

void print_close(print *p)
{
    if (p == NULL) {
        return;
    }
    if (p->json_open) {
        hi_buf_clear(&p->out);
        jsonw_end(&p->json, &p->out);
    }
    table_free(p->table);
    chart_data_free(p->chart);
    hi_buf_free(&p->out);
    HI_MEM_DELETE(&p->c->mem, p);
}

void print_expect_chart(print *p, bool renders)
{
    p->renders = renders;
}

const result_sink *print_sink(print *p)
{
    return &p->sink;
}

uint64_t print_rows(const print *p)
{
    return p->all_rows;
}

uint64_t print_last_rows(const print *p)
{
    return p->rows;
}
