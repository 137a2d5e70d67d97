/*
 * fuzz_csv.c -- any bytes as a CSV file. The first byte chooses the separator, the batch size and
 * where the input is cut; cut or not, the same rows must come out, and written they read back.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "formats/csv_read.h"
#include "formats/csv_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    hi_buf text;
    uint64_t problems;
    uint64_t rows;
    hist_status status;
} outcome;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static hist_status on_columns(void *arg, const hist_column_info *columns, uint32_t count,
                              int32_t time_column, hist_error *err)
{
    const csv_options o = {.dialect = CSV_EXPORT};
    outcome *out = arg;

    (void)err;
    must(count > 0 && time_column < (int32_t)count);
    csv_write_header(&out->text, &o, columns, count);
    return HIST_OK;
}

static hist_status on_rows(void *arg, const hist_batch *batch, const uint64_t *lines,
                           hist_error *err)
{
    const csv_options o = {.dialect = CSV_EXPORT, .time_digits = 9};
    outcome *out = arg;

    (void)err;
    must(batch->sel_count > 0 && batch->sel_count <= batch->row_count);
    for (uint32_t i = 0; i + 1 < batch->row_count; i++) {
        must(lines[i] < lines[i + 1]);
    }
    out->rows += batch->sel_count;
    csv_write_rows(&out->text, &o, batch, 0, UINT32_MAX);
    return HIST_OK;
}

static void on_refused(void *arg, const csv_problem *problem)
{
    outcome *out = arg;

    must(problem->what != NULL && problem->name != NULL && problem->line > 0);
    out->problems = hi_hash(problem->what, strlen(problem->what), out->problems + problem->line);
}

static void run(hi_mem *mem, const uint8_t *data, size_t size, const csv_read_options *options,
                size_t piece, outcome *out)
{
    const csv_sink sink = {on_columns, on_rows, on_refused, out};
    csv_reader *reader = NULL;
    hist_error err;

    *out = (outcome){.problems = 0};
    hi_buf_init(&out->text, mem, 64 << 20);
    out->status = csv_reader_open(mem, options, &sink, &reader, &err);
    for (size_t at = 0; out->status == HIST_OK && at < size; at += piece) {
        const size_t left = size - at < piece ? size - at : piece;
        char *part = malloc(left);

        must(part != NULL);
        memcpy(part, data + at, left);
        out->status = csv_reader_push(reader, part, left, &err);
        free(part);
    }
    if (out->status == HIST_OK) {
        out->status = csv_reader_finish(reader, &err);
    }
    csv_reader_close(reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char separators[] = {0, ',', ';', '\t'};
    hi_mem mem;
    outcome whole;
    outcome parts;

    if (size == 0) {
        return 0;
    }
    const csv_read_options options = {.separator = separators[data[0] & 3],
                                      .batch_rows = (data[0] & 4) != 0 ? 2 : 0};

    hi_mem_init(&mem, NULL, NULL, 0);
    run(&mem, data + 1, size - 1, &options, size, &whole);
    run(&mem, data + 1, size - 1, &options, 1 + (data[0] >> 3), &parts);
    must(whole.status == parts.status && whole.problems == parts.problems &&
         whole.rows == parts.rows && whole.text.size == parts.text.size);
    must(whole.text.size == 0 || memcmp(whole.text.data, parts.text.data, whole.text.size) == 0);
    hi_buf_free(&whole.text);
    hi_buf_free(&parts.text);
    must(mem.used == 0);
    return 0;
}
