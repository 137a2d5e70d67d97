/*
 * embed.c -- the historian inside a program: write typed rows and line protocol, commit, ask in KQL.
 *
 *     cc embed.c $(pkg-config --cflags --libs libhist) -o embed && ./embed /tmp/embed-store
 *
 * The store is a folder; no daemon is involved. With threads = 0 the library starts none and
 * hist_maintain() does the upkeep when the program has time for it.
 */
#include <hist.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS 1000

static hist_str text(const char *s)
{
    return (hist_str){s, strlen(s)};
}

/* Prints why a call failed and says so to the caller. */
static int failed(const char *what, const hist_error *err)
{
    (void)fprintf(stderr, "%s: %s: %s\n", what, hist_status_name(err->code), err->message);
    return 1;
}

/* Typed rows: look the series and the fields up once, then append values. */
static int write_typed(hist_writer *writer, hist_time start_ns, hist_error *err)
{
    const hist_tag tags[] = {{text("Room"), text("101")}, {text("Floor"), text("1")}};
    hist_series series = 0;
    hist_field temperature = 0;
    hist_field occupied = 0;

    if (hist_series_open(writer, text("Climate"), tags, 2, &series, err) != HIST_OK ||
        hist_field_open(writer, text("Climate"), text("Temperature"), HIST_TYPE_REAL,
                        &temperature, err) != HIST_OK ||
        hist_field_open(writer, text("Climate"), text("Occupied"), HIST_TYPE_BOOL, &occupied,
                        err) != HIST_OK) {
        return failed("open series", err);
    }
    for (int i = 0; i < ROWS; i++) {
        const hist_value values[] = {{temperature, {.r = 20.0 + (i % 50) / 10.0}},
                                     {occupied, {.i = i % 3 == 0}}};

        if (hist_append(writer, series, start_ns + i * INT64_C(1000000000), values, 2, err) !=
            HIST_OK) {
            return failed("append", err);
        }
    }
    return 0;
}

/* The same as text, as it comes from a device. */
static int write_lines(hist_writer *writer, hist_error *err)
{
    static const char lines[] = "Climate,Room=102,Floor=1 Temperature=18.5 1700000000000000000\n"
                                "Climate,Room=102,Floor=1 Temperature=18.7 1700000001000000000\n";
    hist_lp_options options = HIST_LP_OPTIONS;
    hist_lp_result result;

    options.final = true;
    if (hist_append_lp(writer, lines, sizeof(lines) - 1, &options, &result, err) != HIST_OK) {
        return failed("append line protocol", err);
    }
    (void)printf("line protocol: %" PRIu64 " accepted, %" PRIu64 " refused\n", result.accepted,
                 result.refused);
    return 0;
}

static int ask(hist_db *db, const char *kql, hist_error *err)
{
    hist_query *query = NULL;
    hist_batch batch;
    hist_status status = hist_query_open(db, kql, SIZE_MAX, NULL, &query, err);

    while (status == HIST_OK && (status = hist_query_next(query, &batch, err)) == HIST_OK &&
           batch.row_count > 0) {
        for (uint32_t row = 0; row < batch.row_count; row++) {
            const hist_str room = hist_column_str(&batch.columns[0], row);

            (void)printf("room %.*s: %" PRId64 " rows, average %.3f\n", (int)room.size, room.data,
                         hist_column_i64(&batch.columns[1], row),
                         hist_column_f64(&batch.columns[2], row));
        }
    }
    hist_query_close(query);
    return status == HIST_OK ? 0 : failed("query", err);
}

static int run(hist_db *db, hist_error *err)
{
    hist_writer *writer = NULL;
    int bad = 0;

    if (hist_writer_open(db, NULL, &writer, err) != HIST_OK) {
        return failed("open writer", err);
    }
    bad = write_typed(writer, INT64_C(1700000000000000000), err);
    bad = bad != 0 ? bad : write_lines(writer, err);
    /* One atomic batch, on stable storage when the call returns. */
    if (bad == 0 && hist_commit(writer, HIST_COMMIT_DURABLE, NULL, err) != HIST_OK) {
        bad = failed("commit", err);
    }
    hist_writer_close(writer);
    return bad != 0 ? bad
                    : ask(db,
                          "Climate | summarize Rows=count(), Avg=avg(Temperature) by Room "
                          "| order by Room asc",
                          err);
}

int main(int argc, char **argv)
{
    hist_error err;
    hist_db *db = NULL;
    hist_open_options options = HIST_OPEN_OPTIONS;

    if (argc != 2) {
        (void)fprintf(stderr, "usage: embed FOLDER\n");
        return 2;
    }
    options.threads = 0;
    options.memory_bytes_max = UINT64_C(16) << 20;
    if (hist_open(argv[1], &options, &db, &err) != HIST_OK) {
        return failed("open", &err);
    }
    int bad = run(db, &err);
    if (hist_close(db, &err) != HIST_OK) {
        bad = failed("close", &err);
    }
    return bad;
}
