/* source.c -- queries against a store in this process; those against a daemon are in url.c. */
#include "histcli/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "histcli/interrupt.h"
#include "histcli/url.h"

#include "base/err.h"

/* What a query at a desk may take: a person waits for the answer, so more than a device would give. */
#define SOURCE_MEMORY (UINT64_C(1) << 30)

struct source {
    cli *c;
    const char *name;
    hist_db *db;
    url *url; /* A daemon; then db is NULL. */
    bool in_memory;
    bool used;
    bool held;
    bool unreachable;
    bool has_stats;
    hist_query_stats stats;
};

static hist_status source_open_db(source *s, hist_error *err)
{
    hist_open_options options = HIST_OPEN_OPTIONS;
    struct stat info;

    options.threads = 0;
    options.memory_bytes_max = SOURCE_MEMORY;
    if (!s->in_memory) {
        if (stat(s->name, &info) != 0) {
            return hi_fail_os(err, errno, "cannot open %s", s->name);
        }
        options.flags = HIST_FLAG_READONLY | HIST_FLAG_MUST_EXIST;
    }
    interrupt_block();
    const hist_status status = hist_open(s->name, &options, &s->db, err);

    interrupt_unblock();
    return status;
}

hist_status source_open(cli *c, const char *db, source **out, hist_error *err)
{
    source *s = HI_MEM_NEW(&c->mem, source);
    hist_status status = HIST_OK;

    *out = NULL;
    if (s == NULL) {
        return hi_no_memory(err, "a source");
    }
    s->c = c;
    s->name = db;
    s->in_memory = strcmp(db, ":memory:") == 0;
    status = cli_is_url(db) ? url_open(c, db, &s->url, err) : source_open_db(s, err);
    if (status != HIST_OK) {
        HI_MEM_DELETE(&c->mem, s);
        return status;
    }
    *out = s;
    return HIST_OK;
}

static void source_close_db(source *s)
{
    hist_error ignored;

    if (s->db != NULL && hist_close(s->db, &ignored) != HIST_OK) {
        cli_say("%s: %s", s->name, ignored.message);
    }
    s->db = NULL;
}

void source_close(source *s)
{
    if (s != NULL) {
        source_close_db(s);
        url_close(s->url);
        HI_MEM_DELETE(&s->c->mem, s);
    }
}

/* One result after the other, batch after batch. */
static hist_status source_pump(hist_query *query, const result_sink *sink, hist_error *err)
{
    bool more = true;

    while (more) {
        const hist_column_info *columns = NULL;
        const size_t count = hist_query_columns(query, &columns);
        hist_batch batch;

        HI_TRY(sink->begin(sink->arg, columns, (uint32_t)count, err));
        for (;;) {
            HI_TRY(hist_query_next(query, &batch, err));
            if (batch.row_count == 0) {
                break;
            }
            HI_TRY(sink->rows(sink->arg, &batch, err));
            if (interrupt_seen()) {
                return hi_fail(err, HIST_ECANCELLED, "interrupted");
            }
        }
        HI_TRY(sink->end(sink->arg, hist_query_visualization(query), err));
        HI_TRY(hist_query_next_result(query, &more, err));
    }
    return HIST_OK;
}

static int source_stop(void *arg)
{
    (void)arg;
    return interrupt_seen();
}

static hist_status source_query_db(source *s, const char *text, size_t size,
                                   const result_sink *sink, hist_error *err)
{
    hist_query_options options = HIST_QUERY_OPTIONS;
    hist_query *query = NULL;

    options.database = s->c->database;
    options.param_names = s->c->param_names;
    options.param_values = s->c->param_values;
    options.param_count = s->c->param_count;
    options.stop = source_stop;
    HI_TRY(hist_query_open(s->db, text, size, &options, &query, err));
    interrupt_target(query);
    const hist_status status = source_pump(query, sink, err);

    interrupt_target(NULL);
    hist_query_get_stats(query, &s->stats);
    s->has_stats = true;
    hist_query_close(query);
    return status;
}

hist_status source_query(source *s, const char *text, size_t size, const result_sink *sink,
                         hist_error *err)
{
    s->unreachable = false;
    s->has_stats = false;
    if (s->url != NULL) {
        const hist_status status = url_query(s->url, text, size, sink, err);

        s->unreachable = status != HIST_OK && url_unreachable(s->url);
        return status;
    }
    if (!s->in_memory && s->used && !s->held) {
        source_close_db(s);
    }
    s->used = true;
    if (s->db == NULL) {
        const hist_status status = source_open_db(s, err);

        s->unreachable = status != HIST_OK;
        HI_TRY(status);
    }
    return source_query_db(s, text, size, sink, err);
}

void source_hold(source *s)
{
    s->held = true;
}

bool source_unreachable(const source *s)
{
    return s->unreachable;
}

hist_db *source_db(source *s)
{
    return s->db;
}

bool source_stats(const source *s, hist_query_stats *out)
{
    *out = s->stats;
    return s->has_stats;
}

typedef struct source_find {
    hist_str table;
    char *time;
    size_t size;
    bool found;
} source_find;

static int source_match(void *arg, const hist_table_info *info)
{
    source_find *f = arg;

    if (strlen(info->name) != f->table.size ||
        memcmp(info->name, f->table.data, f->table.size) != 0) {
        return 0;
    }
    f->found = true;
    (void)snprintf(f->time, f->size, "%s", info->columns[0].name);
    return 1;
}

bool source_has_table(source *s, hist_str table, char *time_out, size_t size)
{
    source_find f = {table, time_out, size, false};
    hist_error ignored;

    if (s->db == NULL) {
        (void)snprintf(time_out, size, "Timestamp");
        return s->url != NULL;
    }
    return hist_tables(s->db, s->c->database, source_match, &f, &ignored) == HIST_OK && f.found;
}
