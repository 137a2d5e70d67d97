/* newest.c -- where the newest row is; see newest.h. */
#include "histcli/newest.h"

#include <stdio.h>
#include <string.h>

#include "histcli/script.h"

#include "base/timefmt.h"

typedef struct newest_seen {
    bool found;
    int64_t time_ns;
} newest_seen;

static hist_status newest_begin(void *arg, const hist_column_info *columns, uint32_t count,
                                hist_error *err)
{
    (void)arg;
    (void)columns;
    (void)count;
    (void)err;
    return HIST_OK;
}

static hist_status newest_rows(void *arg, const hist_batch *batch, hist_error *err)
{
    newest_seen *seen = arg;

    (void)err;
    if (batch->sel_count > 0 && batch->column_count == 1 &&
        batch->columns[0].stored == HIST_TYPE_DATETIME) {
        const uint32_t row = batch->sel == NULL ? 0 : batch->sel[0];

        seen->found = hist_column_valid(&batch->columns[0], row);
        seen->time_ns = seen->found ? hist_column_i64(&batch->columns[0], row) : 0;
    }
    return HIST_OK;
}

static hist_status newest_end(void *arg, const char *visualization, hist_error *err)
{
    (void)arg;
    (void)visualization;
    (void)err;
    return HIST_OK;
}

void newest_tell(cli *c, source *s, const char *text, size_t size)
{
    newest_seen seen = {false, 0};
    const result_sink sink = {newest_begin, newest_rows, newest_end, &seen};
    const hist_str table = script_table(text, size);
    char column[HIST_NAME_BYTES_MAX + 1];
    char kql[3 * HIST_NAME_BYTES_MAX];
    char when[HI_TIME_SIZE];
    hist_error ignored;

    (void)c;
    if (table.size == 0 || table.size > HIST_NAME_BYTES_MAX ||
        !source_has_table(s, table, column, sizeof(column))) {
        return;
    }
    (void)snprintf(kql, sizeof(kql), "['%.*s'] | summarize max(['%s'])", (int)table.size,
                   table.data, column);
    if (source_query(s, kql, strlen(kql), &sink, &ignored) != HIST_OK) {
        return;
    }
    if (!seen.found) {
        (void)fprintf(stderr, "no rows; %.*s is empty\n", (int)table.size, table.data);
        return;
    }
    const size_t length = hi_time_print(when, seen.time_ns, HI_TIME_MIN);

    (void)fprintf(stderr, "no rows; newest row of %.*s is at %.*s\n", (int)table.size, table.data,
                  (int)length, when);
}
