/*
 * export_source.c -- columns, days and rows of a table.
 *
 * From a folder by the raw scan, so that an absent string and an empty one stay
 * apart. From a daemon by KQL, an hour at a time so that neither side holds a
 * day; KQL has no absent strings.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histcli/export.h"

#include "base/err.h"
#include "base/timefmt.h"

enum { NAMES_BYTES_MAX = 64 << 20, KQL_BYTES_MAX = 1 << 20, DAYS_BYTES_MAX = 64 << 20 };

/* ---- small answers of a daemon ---- */

/* Cells of an answer: texts each with a NUL, times and longs as 8 bytes. */
typedef struct source_cells {
    hi_buf *texts;
    hi_buf *numbers;
} source_cells;

static hist_status source_cells_begin(void *arg, const hist_column_info *columns, uint32_t count,
                                      hist_error *err)
{
    (void)arg;
    (void)columns;
    (void)count;
    (void)err;
    return HIST_OK;
}

static hist_status source_cells_rows(void *arg, const hist_batch *batch, hist_error *err)
{
    source_cells *cells = arg;

    for (uint32_t i = 0; i < batch->sel_count; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        for (uint32_t c = 0; c < batch->column_count; c++) {
            const hist_column *column = &batch->columns[c];

            if (column->stored == HIST_TYPE_STRING) {
                const hist_str text = hist_column_str(column, row);

                hi_buf_append(cells->texts, text.data, text.size);
                hi_buf_byte(cells->texts, '\0');
            } else if ((column->stored == HIST_TYPE_DATETIME || column->stored == HIST_TYPE_LONG) &&
                       hist_column_valid(column, row)) {
                hi_buf_u64(cells->numbers, (uint64_t)hist_column_i64(column, row));
            }
        }
    }
    return hi_buf_ok(cells->texts) && hi_buf_ok(cells->numbers) ? HIST_OK
                                                                : hi_no_memory(err, "an answer");
}

static hist_status source_cells_end(void *arg, const char *visualization, hist_error *err)
{
    (void)arg;
    (void)visualization;
    (void)err;
    return HIST_OK;
}

static hist_status source_ask(export *e, hi_buf *kql, hi_buf *texts, hi_buf *numbers,
                              hist_error *err)
{
    source_cells cells = {texts, numbers};
    const result_sink sink = {source_cells_begin, source_cells_rows, source_cells_end, &cells};

    return hi_buf_ok(kql) ? source_query(e->source, kql->data, kql->size, &sink, err)
                          : hi_no_memory(err, "a query");
}

/* ['name'] */
static void source_name(hi_buf *kql, hist_str name)
{
    hi_buf_printf(kql, "['");
    for (size_t i = 0; i < name.size; i++) {
        if (name.data[i] == '\'' || name.data[i] == '\\') {
            hi_buf_byte(kql, '\\');
        }
        hi_buf_byte(kql, (uint8_t)name.data[i]);
    }
    hi_buf_printf(kql, "']");
}

static void source_table(hi_buf *kql, const export_table *t)
{
    source_name(kql, (hist_str){t->name, strlen(t->name)});
}

/* ---- tables ---- */

static int source_add_table(void *arg, const hist_table_info *info)
{
    hi_buf_append(arg, info->name, strlen(info->name) + 1);
    return 0;
}

hist_status export_list_tables(export *e, hi_buf *names, hist_error *err)
{
    hist_db *db = source_db(e->source);

    if (db != NULL) {
        const hist_status status = hist_tables(db, e->c->database, source_add_table, names, err);

        return status == HIST_ENOTFOUND ? HIST_OK : status;
    }
    hi_buf kql;
    hi_buf times;

    hi_buf_init(&kql, &e->c->mem, KQL_BYTES_MAX);
    hi_buf_init(&times, &e->c->mem, KQL_BYTES_MAX);
    hi_buf_printf(&kql, ".show tables | project TableName");
    const hist_status status = source_ask(e, &kql, names, &times, err);

    hi_buf_free(&kql);
    hi_buf_free(&times);
    return status;
}

/* ---- columns ---- */

/* The time, tags A-Z, fields A-Z; without kinds strings stand for tags. */
static int source_rank(const export_column *c)
{
    if (c->kind != 0) {
        return c->kind;
    }
    return c->type == HIST_TYPE_STRING ? HIST_COLUMN_TAG : HIST_COLUMN_FIELD;
}

static int source_compare(const void *left, const void *right)
{
    const export_column *a = left;
    const export_column *b = right;
    const int rank = source_rank(a) - source_rank(b);

    return rank != 0 ? rank : strcmp(a->name.data, b->name.data);
}

static void source_warn_case(const export_table *t)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        for (uint32_t k = i + 1; k < t->column_count; k++) {
            const hist_str a = t->columns[i].name;
            const hist_str b = t->columns[k].name;
            bool same = a.size == b.size;

            for (size_t n = 0; same && n < a.size; n++) {
                same = (a.data[n] | 0x20) == (b.data[n] | 0x20);
            }
            if (same) {
                cli_say("%s: columns '%s' and '%s' are one to readers that do not look at case",
                        t->name, a.data, b.data);
            }
        }
    }
}

static hist_status source_make_columns(export_table *t, hist_error *err)
{
    const char *at = t->names.data;

    if (!hi_buf_ok(&t->names)) {
        return hi_no_memory(err, "columns");
    }
    for (uint32_t i = 0; i < t->column_count; i++) {
        t->columns[i].name = (hist_str){at, strlen(at)};
        at += strlen(at) + 1;
    }
    qsort(t->columns, t->column_count, sizeof(*t->columns), source_compare);
    source_warn_case(t);
    return HIST_OK;
}

static int source_take_columns(void *arg, const hist_table_info *info)
{
    export_table *t = arg;

    if (strcmp(info->name, t->name) != 0) {
        return 0;
    }
    t->columns = hi_mem_calloc(&t->e->c->mem, info->column_count, sizeof(*t->columns));
    if (t->columns == NULL) {
        t->names.failed = true;
        return 1;
    }
    t->column_count = info->column_count;
    for (uint32_t i = 0; i < info->column_count; i++) {
        t->columns[i].type = info->columns[i].type;
        t->columns[i].kind = (int)info->columns[i].kind;
        hi_buf_append(&t->names, info->columns[i].name, strlen(info->columns[i].name) + 1);
    }
    return 1;
}

static hist_type source_type(const char *name)
{
    for (int type = HIST_TYPE_BOOL; type <= HIST_TYPE_DYNAMIC; type++) {
        if (strcmp(hist_type_name((hist_type)type), name) == 0) {
            return (hist_type)type;
        }
    }
    return HIST_TYPE_STRING;
}

/* getschema gives name and type by turns; the first datetime is the time. */
static hist_status source_take_schema(export_table *t, const hi_buf *texts, hist_error *err)
{
    const char *at = texts->data;
    const char *end = at + texts->size;
    uint32_t count = 0;
    bool timed = false;

    for (size_t i = 0; i < texts->size; i++) {
        count += texts->data[i] == '\0';
    }
    count /= 2;
    t->columns = hi_mem_calloc(&t->e->c->mem, count, sizeof(*t->columns));
    if (t->columns == NULL) {
        return hi_no_memory(err, "columns");
    }
    t->column_count = count;
    for (uint32_t i = 0; i < count && at < end; i++) {
        const char *type = at + strlen(at) + 1;

        hi_buf_append(&t->names, at, strlen(at) + 1);
        t->columns[i].type = source_type(type);
        if (!timed && t->columns[i].type == HIST_TYPE_DATETIME) {
            t->columns[i].kind = HIST_COLUMN_TIME;
            timed = true;
        }
        at = type + strlen(type) + 1;
    }
    return timed ? HIST_OK : hi_fail(err, HIST_EINVAL, "%s has no time column", t->name);
}

static hist_status source_ask_columns(export_table *t, hist_error *err)
{
    hi_buf kql;
    hi_buf texts;
    hi_buf times;

    hi_buf_init(&kql, &t->e->c->mem, KQL_BYTES_MAX);
    hi_buf_init(&texts, &t->e->c->mem, NAMES_BYTES_MAX);
    hi_buf_init(&times, &t->e->c->mem, KQL_BYTES_MAX);
    source_table(&kql, t);
    hi_buf_printf(&kql, " | getschema | project ColumnName, ColumnType");
    hist_status status = source_ask(t->e, &kql, &texts, &times, err);

    if (status == HIST_OK) {
        status = source_take_schema(t, &texts, err);
    }
    hi_buf_free(&kql);
    hi_buf_free(&texts);
    hi_buf_free(&times);
    return status;
}

hist_status export_read_columns(export_table *t, hist_error *err)
{
    hist_db *db = source_db(t->e->source);

    hi_buf_init(&t->names, &t->e->c->mem, NAMES_BYTES_MAX);
    if (db == NULL) {
        HI_TRY(source_ask_columns(t, err));
    } else {
        HI_TRY(hist_tables(db, t->e->c->database, source_take_columns, t, err));
    }
    if (t->column_count == 0) {
        return hi_fail(err, HIST_ENOTFOUND, "there is no table '%s'", t->name);
    }
    return source_make_columns(t, err);
}

/* ---- days ---- */

int64_t export_day_first(int64_t ns)
{
    const int64_t rest = ns % HI_NS_PER_DAY;
    const int64_t into = rest < 0 ? rest + HI_NS_PER_DAY : rest;

    return ns < HIST_TIME_MIN + into ? HIST_TIME_MIN : ns - into;
}

int64_t export_day_last(int64_t ns)
{
    const int64_t rest = ns % HI_NS_PER_DAY;
    const int64_t left = HI_NS_PER_DAY - 1 - (rest < 0 ? rest + HI_NS_PER_DAY : rest);

    return ns > HIST_TIME_MAX - left ? HIST_TIME_MAX : ns + left;
}

static int source_compare_days(const void *left, const void *right)
{
    const export_day *a = left;
    const export_day *b = right;

    return a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
}

/* One entry a day, with the highest sequence number of all partitions that touch it. */
static void source_merge_days(export_table *t)
{
    export_day *days = (export_day *)(void *)t->days.data;
    const size_t count = t->days.size / sizeof(*days);
    size_t kept = 0;

    if (count == 0) {
        return;
    }
    qsort(days, count, sizeof(*days), source_compare_days);
    for (size_t i = 1; i < count; i++) {
        if (days[i].start_ns != days[kept].start_ns) {
            days[++kept] = days[i];
        } else if (days[i].last_seq > days[kept].last_seq) {
            days[kept].last_seq = days[i].last_seq;
        }
    }
    t->days.size = (kept + 1) * sizeof(*days);
}

static void source_add_day(export_table *t, int64_t start_ns, uint64_t last_seq)
{
    const export_day day = {start_ns, last_seq};

    if (start_ns >= t->e->from_ns && start_ns <= t->e->last_ns) {
        hi_buf_append(&t->days, &day, sizeof(day));
    }
}

static int source_take_partition(void *arg, const hist_partition *p)
{
    export_table *t = arg;
    const int64_t from = p->from_ns > t->e->from_ns ? p->from_ns : t->e->from_ns;
    const int64_t end = p->to_ns == HIST_TIME_MAX ? HIST_TIME_MAX : p->to_ns - 1;
    const int64_t last = end < t->e->last_ns ? end : t->e->last_ns;
    int64_t day_last = 0;

    for (int64_t day = export_day_first(from); day <= last && hi_buf_ok(&t->days);
         day = day_last + 1) {
        source_add_day(t, day, p->last_seq);
        day_last = export_day_last(day);
        if (day_last == HIST_TIME_MAX) {
            break;
        }
    }
    return 0;
}

static void source_time(hi_buf *kql, int64_t ns)
{
    char text[HI_TIME_SIZE];
    const size_t size = hi_time_print(text, ns, 9);

    hi_buf_printf(kql, "datetime(%.*s)", (int)size, text);
}

/* | where time >= from and time <= last */
static void source_where(const export_table *t, int64_t from_ns, int64_t last_ns, hi_buf *kql)
{
    hi_buf_printf(kql, " | where ");
    source_name(kql, t->columns[0].name);
    hi_buf_printf(kql, " >= ");
    source_time(kql, from_ns);
    hi_buf_printf(kql, " and ");
    source_name(kql, t->columns[0].name);
    hi_buf_printf(kql, " <= ");
    source_time(kql, last_ns);
}

static hist_status source_ask_days(export_table *t, hist_error *err)
{
    hi_buf kql;
    hi_buf texts;
    hi_buf times;

    hi_buf_init(&kql, &t->e->c->mem, KQL_BYTES_MAX);
    hi_buf_init(&texts, &t->e->c->mem, NAMES_BYTES_MAX);
    hi_buf_init(&times, &t->e->c->mem, DAYS_BYTES_MAX);
    source_table(&kql, t);
    source_where(t, t->e->from_ns, t->e->last_ns, &kql);
    /* bin() is null where the day began before the first instant there is. */
    hi_buf_printf(&kql, " | summarize count() by Day=coalesce(bin(");
    source_name(&kql, t->columns[0].name);
    hi_buf_printf(&kql, ", 1d), ");
    source_time(&kql, HIST_TIME_MIN);
    hi_buf_printf(&kql, ") | project Day");
    const hist_status status = source_ask(t->e, &kql, &texts, &times, err);

    for (size_t at = 0; status == HIST_OK && at < times.size; at += sizeof(int64_t)) {
        int64_t day = 0;

        memcpy(&day, times.data + at, sizeof(day));
        source_add_day(t, day, 0);
    }
    hi_buf_free(&kql);
    hi_buf_free(&texts);
    hi_buf_free(&times);
    return status;
}

hist_status export_read_days(export_table *t, hist_error *err)
{
    hist_db *db = source_db(t->e->source);

    hi_buf_init(&t->days, &t->e->c->mem, DAYS_BYTES_MAX);
    if (db == NULL) {
        HI_TRY(source_ask_days(t, err));
    } else {
        HI_TRY(hist_partitions(db, t->e->c->database, t->name, source_take_partition, t, err));
    }
    if (!hi_buf_ok(&t->days)) {
        return hi_fail(err, HIST_ELIMIT,
                       "%s has more days than can be listed; give --from and --to", t->name);
    }
    source_merge_days(t);
    return HIST_OK;
}

hist_status export_count_rows(export_table *t, uint64_t *count_out, hist_error *err)
{
    hi_buf kql;
    hi_buf texts;
    hi_buf numbers;

    *count_out = 0;
    hi_buf_init(&kql, &t->e->c->mem, KQL_BYTES_MAX);
    hi_buf_init(&texts, &t->e->c->mem, KQL_BYTES_MAX);
    hi_buf_init(&numbers, &t->e->c->mem, KQL_BYTES_MAX);
    source_table(&kql, t);
    source_where(t, t->e->from_ns, t->e->last_ns, &kql);
    hi_buf_printf(&kql, " | count");
    hist_status status = source_ask(t->e, &kql, &texts, &numbers, err);

    if (status == HIST_OK && numbers.size == sizeof(*count_out)) {
        memcpy(count_out, numbers.data, sizeof(*count_out));
    } else if (status == HIST_OK) {
        status = hi_fail(err, HIST_EINTERNAL, "the rows of %s cannot be counted", t->name);
    }
    hi_buf_free(&kql);
    hi_buf_free(&texts);
    hi_buf_free(&numbers);
    return status;
}

/* ---- rows ---- */

static hist_status source_pump_scan(hist_scan *scan, const result_sink *sink, hist_error *err)
{
    const hist_column_info *columns = NULL;
    const size_t count = hist_scan_columns(scan, &columns);
    hist_batch batch;

    HI_TRY(sink->begin(sink->arg, columns, (uint32_t)count, err));
    for (;;) {
        HI_TRY(hist_scan_next(scan, &batch, err));
        if (batch.row_count == 0) {
            return sink->end(sink->arg, NULL, err);
        }
        HI_TRY(sink->rows(sink->arg, &batch, err));
    }
}

static hist_status source_scan(export_table *t, const export_day *day, const result_sink *sink,
                               hist_error *err)
{
    hist_scan_options options = HIST_SCAN_OPTIONS;
    const size_t size = t->column_count * sizeof(char *);
    const char **names = hi_mem_alloc(&t->e->c->mem, size);
    hist_scan *scan = NULL;

    if (names == NULL) {
        return hi_no_memory(err, "columns");
    }
    for (uint32_t i = 0; i < t->column_count; i++) {
        names[i] = t->columns[i].name.data;
    }
    options.database = t->e->c->database;
    options.table = t->name;
    options.columns = names;
    options.column_count = t->column_count;
    options.from_ns = day->start_ns;
    const int64_t last = export_day_last(day->start_ns);

    options.to_ns = last == HIST_TIME_MAX ? HIST_TIME_MAX : last + 1;
    hist_status status = hist_scan_open(source_db(t->e->source), &options, &scan, err);

    if (status == HIST_OK) {
        status = source_pump_scan(scan, sink, err);
    }
    hist_scan_close(scan);
    hi_mem_free(&t->e->c->mem, (void *)names, size);
    return status;
}

/* T | where time in the hour | project all | order by time, strings */
static void source_hour(const export_table *t, int64_t from_ns, int64_t last_ns, hi_buf *kql)
{
    hi_buf_clear(kql);
    source_table(kql, t);
    source_where(t, from_ns, last_ns, kql);
    hi_buf_printf(kql, " | project ");
    for (uint32_t i = 0; i < t->column_count; i++) {
        hi_buf_printf(kql, "%s", i == 0 ? "" : ", ");
        source_name(kql, t->columns[i].name);
    }
    hi_buf_printf(kql, " | order by ");
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (i == 0 || t->columns[i].type == HIST_TYPE_STRING) {
            hi_buf_printf(kql, "%s", i == 0 ? "" : ", ");
            source_name(kql, t->columns[i].name);
            hi_buf_printf(kql, " asc");
        }
    }
}

hist_status export_read_rows(export_table *t, const export_day *day, const result_sink *sink,
                             hist_error *err)
{
    hist_status status = HIST_OK;
    hi_buf kql;

    if (source_db(t->e->source) != NULL) {
        return source_scan(t, day, sink, err);
    }
    hi_buf_init(&kql, &t->e->c->mem, KQL_BYTES_MAX);
    const int64_t day_last = export_day_last(day->start_ns);
    int64_t last = 0;

    for (int64_t from = day->start_ns; status == HIST_OK; from = last + 1) {
        last = day_last - from < HI_NS_PER_HOUR ? day_last : from + HI_NS_PER_HOUR - 1;
        source_hour(t, from, last, &kql);
        status = hi_buf_ok(&kql) ? source_query(t->e->source, kql.data, kql.size, sink, err)
                                 : hi_no_memory(err, "a query");
        if (last == day_last) {
            break;
        }
    }
    hi_buf_free(&kql);
    return status;
}
