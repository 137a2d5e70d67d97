/* chart_data.c -- rows are kept as points and sorted into lines when all are there; see chart_data.h. */
#include "histcli/chart_data.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histcli/chart.h"
#include "histcli/cli.h"
#include "histcli/show.h"

#include "base/dyn.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/timefmt.h"
#include "formats/cells.h"

enum {
    DATA_VALUES_MAX = 16, /* Numeric columns looked at. */
    DATA_KEYS_MAX = 4096, /* Different series told apart; points of others are not kept. */
    DATA_SLOTS = 4 * DATA_KEYS_MAX,
    DATA_BYTES_MAX = 256 << 20,
    DATA_BARS_MAX = 40,
};

typedef enum data_shape {
    SHAPE_NONE,
    SHAPE_TIME,   /* A datetime a row. */
    SHAPE_NUMBER, /* The first column is a number and x. */
    SHAPE_ARRAYS, /* make-series: an array of times, arrays of values. */
    SHAPE_BARS,   /* Names and numbers. */
} data_shape;

typedef struct data_value {
    uint32_t column;
    bool mark; /* Anomaly flags of value `of`. */
    uint32_t of;
} data_value;

/* Followed by the values, NaN for null. */
typedef struct data_record {
    double x;
    uint32_t key;
    uint32_t order; /* Rows of one x stay in order. */
} data_record;

struct chart_data {
    hi_mem *mem;
    const hist_column_info *columns;
    uint32_t count;
    data_shape shape;
    uint32_t x;
    data_value values[DATA_VALUES_MAX];
    uint32_t value_count;
    hi_buf records;
    uint32_t record_count;
    hi_buf names;     /* Of keys, one after the other, */
    hi_buf name_ends; /* and where each ends (u64). */
    uint32_t key_count;
    uint64_t *hashes; /* DATA_SLOTS of the keys' hashes, */
    uint32_t *slots;  /* and the key + 1; 0: free. */
    bool too_many_keys;
    hi_buf text;
};

/* ---- columns ---- */

static bool data_contains(const char *text, const char *part)
{
    const size_t size = strlen(part);

    for (; *text != '\0'; text++) {
        size_t i = 0;

        while (i < size && tolower((unsigned char)text[i]) == part[i]) {
            i++;
        }
        if (i == size) {
            return true;
        }
    }
    return false;
}

/* series_decompose_anomalies() also gives a score and a baseline: those are values. */
static bool data_is_mark(const char *name)
{
    return data_contains(name, "anomal") && !data_contains(name, "_ad_score") &&
           !data_contains(name, "_baseline");
}

/* "TempAnomaly" belongs to the value that has "temp" in its name, or to the first one. */
static void data_assign_marks(chart_data *d)
{
    for (uint32_t i = 0; i < d->value_count; i++) {
        char stem[64];
        size_t size = 0;
        const char *name = d->columns[d->values[i].column].name;

        if (!d->values[i].mark) {
            continue;
        }
        while (
            size + 1 < sizeof(stem) && name[size] != '\0' &&
            (!data_contains(name + size, "anomal") || data_contains(name + size + 1, "anomal"))) {
            stem[size] = (char)tolower((unsigned char)name[size]);
            size++;
        }
        stem[size] = '\0';
        d->values[i].of = DATA_VALUES_MAX;
        for (uint32_t k = 0; k < d->value_count; k++) {
            const bool fits = size > 0 && data_contains(d->columns[d->values[k].column].name, stem);

            if (!d->values[k].mark && (fits || d->values[i].of == DATA_VALUES_MAX)) {
                d->values[i].of = k;
                if (fits) {
                    break;
                }
            }
        }
    }
}

static void data_find_values(chart_data *d, uint32_t from)
{
    const bool arrays = d->shape == SHAPE_ARRAYS;

    for (uint32_t i = from; i < d->count && d->value_count < DATA_VALUES_MAX; i++) {
        const bool value =
            arrays ? d->columns[i].type == HIST_TYPE_DYNAMIC : show_is_number(d->columns[i].type);

        if (i != d->x && value) {
            d->values[d->value_count++] =
                (data_value){.column = i, .mark = data_is_mark(d->columns[i].name)};
        }
    }
    data_assign_marks(d);
}

static uint32_t data_first(const chart_data *d, hist_type type)
{
    for (uint32_t i = 0; i < d->count; i++) {
        if (d->columns[i].type == type) {
            return i;
        }
    }
    return d->count;
}

static void data_find_shape(chart_data *d)
{
    const uint32_t time = data_first(d, HIST_TYPE_DATETIME);
    uint32_t dynamics = 0;
    uint32_t numbers = 0;

    for (uint32_t i = 0; i < d->count; i++) {
        dynamics += d->columns[i].type == HIST_TYPE_DYNAMIC;
        numbers += show_is_number(d->columns[i].type);
    }
    d->x = d->count;
    if (time < d->count && numbers > 0) {
        d->shape = SHAPE_TIME;
        d->x = time;
    } else if (dynamics >= 2) {
        /* Which of them are times shows in the first row. */
        d->shape = SHAPE_ARRAYS;
        return;
    } else if (numbers >= 2 && show_is_number(d->columns[0].type)) {
        d->shape = SHAPE_NUMBER;
        d->x = 0;
    } else if (numbers > 0 && data_first(d, HIST_TYPE_STRING) < d->count) {
        d->shape = SHAPE_BARS;
    }
    data_find_values(d, 0);
}

chart_data *chart_data_new(hi_mem *mem, const hist_column_info *columns, uint32_t count)
{
    chart_data *d = HI_MEM_NEW(mem, chart_data);

    if (d == NULL) {
        return NULL;
    }
    d->mem = mem;
    d->columns = columns;
    d->count = count;
    d->hashes = hi_mem_calloc(mem, DATA_SLOTS, sizeof(*d->hashes));
    d->slots = hi_mem_calloc(mem, DATA_SLOTS, sizeof(*d->slots));
    hi_buf_init(&d->records, mem, DATA_BYTES_MAX);
    hi_buf_init(&d->names, mem, DATA_BYTES_MAX);
    hi_buf_init(&d->name_ends, mem, DATA_BYTES_MAX);
    hi_buf_init(&d->text, mem, DATA_BYTES_MAX);
    if (d->hashes == NULL || d->slots == NULL) {
        chart_data_free(d);
        return NULL;
    }
    data_find_shape(d);
    return d;
}

void chart_data_free(chart_data *d)
{
    if (d != NULL) {
        hi_mem_free(d->mem, d->hashes, DATA_SLOTS * sizeof(*d->hashes));
        hi_mem_free(d->mem, d->slots, DATA_SLOTS * sizeof(*d->slots));
        hi_buf_free(&d->records);
        hi_buf_free(&d->names);
        hi_buf_free(&d->name_ends);
        hi_buf_free(&d->text);
        HI_MEM_DELETE(d->mem, d);
    }
}

bool chart_data_possible(const chart_data *d)
{
    return d->shape != SHAPE_NONE;
}

/* ---- points ---- */

/* The key of a row: its strings (and what else is neither x nor value). */
static uint32_t data_key(chart_data *d, cell_cursor *cursors, uint32_t row)
{
    hi_buf_clear(&d->text);
    for (uint32_t i = 0; i < d->count; i++) {
        const hist_type type = d->columns[i].type;

        if (type == HIST_TYPE_STRING || type == HIST_TYPE_BOOL || type == HIST_TYPE_GUID) {
            if (d->text.size > 0) {
                hi_buf_append(&d->text, ", ", 2);
            }
            (void)show_cell(&d->text, &cursors[i], row);
        }
    }
    const uint64_t hash = hi_hash(d->text.size == 0 ? "" : d->text.data, d->text.size, 0);
    uint32_t at = (uint32_t)(hash % DATA_SLOTS);

    while (d->slots[at] != 0 && d->hashes[at] != hash) {
        at = (at + 1) % DATA_SLOTS;
    }
    if (d->slots[at] == 0) {
        if (d->key_count == DATA_KEYS_MAX) {
            d->too_many_keys = true;
            return DATA_KEYS_MAX;
        }
        hi_buf_append(&d->names, d->text.data, d->text.size);
        hi_buf_u64(&d->name_ends, d->names.size);
        d->hashes[at] = hash;
        d->slots[at] = ++d->key_count;
    }
    return d->slots[at] - 1;
}

static double data_number(const hist_column *values, uint32_t slot)
{
    char text[CELL_SCALAR_SIZE + 1];

    switch (values->stored) {
    case HIST_TYPE_REAL:
        return cell_real(values, slot);
    case HIST_TYPE_BOOL:
    case HIST_TYPE_INT:
    case HIST_TYPE_LONG:
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        return (double)cell_i64(values, slot);
    case HIST_TYPE_DECIMAL:
        text[cell_scalar(text, values, slot, HI_TIME_MIN)] = '\0';
        return strtod(text, NULL);
    default:
        return (double)NAN;
    }
}

/* Times stay inside of what an int64 holds when a double is turned back. */
static double data_clamp(double x)
{
    return fmax(-9.2e18, fmin(9.2e18, x));
}

static void data_record_add(chart_data *d, double x, uint32_t key, const double *values)
{
    const data_record record = {data_clamp(x), key, d->record_count};

    hi_buf_append(&d->records, &record, sizeof(record));
    hi_buf_append(&d->records, values, d->value_count * sizeof(*values));
    d->record_count++;
}

static void data_row(chart_data *d, cell_cursor *cursors, uint32_t row)
{
    double values[DATA_VALUES_MAX];
    double x = 0.0;
    uint32_t slot = 0;
    const uint32_t key = data_key(d, cursors, row);

    if (key == DATA_KEYS_MAX) {
        return;
    }
    if (d->x < d->count) {
        if (!cell_find(&cursors[d->x], row, &slot)) {
            return;
        }
        x = data_number(cursors[d->x].values, slot);
        if (isnan(x)) {
            return;
        }
    }
    for (uint32_t i = 0; i < d->value_count; i++) {
        cell_cursor *cursor = &cursors[d->values[i].column];

        values[i] = cell_find(cursor, row, &slot) ? data_number(cursor->values, slot) : (double)NAN;
    }
    data_record_add(d, x, key, values);
}

/* ---- arrays ---- */

/* One array of a row: a list column, or a tagged array. */
typedef struct data_array {
    const hist_column *child; /* List, */
    uint32_t from;
    uint32_t count;
    hi_dyn_iter it; /* or tagged. */
} data_array;

static data_array data_array_of(cell_cursor *cursor, uint32_t row)
{
    data_array a = {.child = NULL};
    uint32_t slot = 0;

    if (!cell_find(cursor, row, &slot)) {
        return a;
    }
    if (cursor->values->layout == HIST_LAYOUT_LIST) {
        a.child = cursor->values->child;
        a.from = (uint32_t)cursor->values->offsets[slot];
        a.count = (uint32_t)(cursor->values->offsets[slot + 1] - cursor->values->offsets[slot]);
    } else if (cursor->values->stored == HIST_TYPE_DYNAMIC) {
        const hist_str text = cell_text(cursor->values, slot);
        const hi_dyn value = hi_dyn_of(text.data, text.size);

        a.it = hi_dyn_iter_of(value);
        a.count = hi_dyn_tag_of(value) == HI_DYN_ARRAY ? hi_dyn_count(value) : 0;
    }
    return a;
}

/* Element i; called for 0, 1, 2, ... A text is a time if it reads as one. */
static double data_element(data_array *a, uint32_t i, bool *is_time)
{
    double number = (double)NAN;
    int64_t time = 0;
    uint32_t slot = 0;

    if (i >= a->count) {
        return number;
    }
    if (a->child != NULL) {
        cell_cursor cursor = cell_cursor_of(a->child);

        if (!cell_find(&cursor, a->from + i, &slot)) {
            return number;
        }
        *is_time = cursor.values->stored == HIST_TYPE_DATETIME;
        return data_number(cursor.values, slot);
    }
    if (!hi_dyn_next(&a->it)) {
        return number;
    }
    if (hi_dyn_tag_of(a->it.value) == HI_DYN_DATETIME) {
        *is_time = true;
        return (double)hi_dyn_i64(a->it.value);
    }
    const hist_str text = hi_dyn_str(a->it.value);

    if (text.size > 0 && hi_time_parse(text.data, text.size, &time) != HI_TIME_BAD) {
        *is_time = true;
        return (double)time;
    }
    return hi_dyn_number(a->it.value, &number) ? number : (double)NAN;
}

/* The first array whose first element is a time is x, the other arrays are values. */
static void data_find_arrays(chart_data *d, cell_cursor *cursors, uint32_t row)
{
    for (uint32_t i = 0; i < d->count && d->x == d->count; i++) {
        if (d->columns[i].type == HIST_TYPE_DYNAMIC) {
            data_array a = data_array_of(&cursors[i], row);
            bool is_time = false;

            (void)data_element(&a, 0, &is_time);
            d->x = is_time ? i : d->x;
        }
    }
    if (d->x < d->count) {
        data_find_values(d, 0);
    }
}

static void data_arrays(chart_data *d, cell_cursor *cursors, uint32_t row)
{
    data_array arrays[DATA_VALUES_MAX];
    double values[DATA_VALUES_MAX];
    bool is_time = false;

    if (d->x == d->count) {
        data_find_arrays(d, cursors, row);
    }
    const uint32_t key = data_key(d, cursors, row);

    if (d->x == d->count || key == DATA_KEYS_MAX) {
        return;
    }
    data_array times = data_array_of(&cursors[d->x], row);

    for (uint32_t i = 0; i < d->value_count; i++) {
        arrays[i] = data_array_of(&cursors[d->values[i].column], row);
    }
    for (uint32_t e = 0; e < times.count; e++) {
        const double x = data_element(&times, e, &is_time);

        for (uint32_t i = 0; i < d->value_count; i++) {
            values[i] = data_element(&arrays[i], e, &is_time);
        }
        if (!isnan(x)) {
            data_record_add(d, x, key, values);
        }
    }
}

hist_status chart_data_add(chart_data *d, const hist_batch *batch, hist_error *err)
{
    cell_cursor *cursors = cells_open(d->mem, batch);

    if (cursors == NULL) {
        return hi_no_memory(err, "points of a chart");
    }
    for (uint32_t i = 0; i < batch->sel_count; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        if (d->shape == SHAPE_ARRAYS) {
            data_arrays(d, cursors, row);
        } else {
            data_row(d, cursors, row);
        }
    }
    cells_close(d->mem, cursors, batch);
    if (!hi_buf_ok(&d->records) || !hi_buf_ok(&d->names) || !hi_buf_ok(&d->name_ends)) {
        return hi_fail(err, HIST_ELIMIT,
                       "more than %d MiB of points; summarize them by bin() of the time first",
                       DATA_BYTES_MAX >> 20);
    }
    return HIST_OK;
}

/* ---- drawing ---- */

static hist_str data_key_name(const chart_data *d, uint32_t key)
{
    uint64_t from = 0;
    uint64_t to = 0;

    if (key > 0) {
        memcpy(&from, d->name_ends.data + (key - 1) * sizeof(from), sizeof(from));
    }
    memcpy(&to, d->name_ends.data + key * sizeof(to), sizeof(to));
    return (hist_str){to == 0 ? "" : d->names.data + from, to - from};
}

static size_t data_stride(const chart_data *d)
{
    return sizeof(data_record) + d->value_count * sizeof(double);
}

static data_record data_record_of(const chart_data *d, uint32_t i, double *values)
{
    const char *at = d->records.data + (size_t)i * data_stride(d);
    data_record record;

    memcpy(&record, at, sizeof(record));
    memcpy(values, at + sizeof(record), d->value_count * sizeof(*values));
    return record;
}

/* Points of equal x keep the order of their rows: a mark is no order, so x and place decide. */
typedef struct data_point {
    chart_point point;
    uint32_t order;
} data_point;

static int data_compare(const void *left, const void *right)
{
    const data_point *a = left;
    const data_point *b = right;

    if (a->point.x != b->point.x) {
        return a->point.x < b->point.x ? -1 : 1;
    }
    return a->order < b->order ? -1 : a->order > b->order;
}

static int data_mark(const chart_data *d, uint32_t value, const double *values)
{
    for (uint32_t i = 0; i < d->value_count; i++) {
        if (d->values[i].mark && d->values[i].of == value && !isnan(values[i]) &&
            values[i] != 0.0) {
            return values[i] > 0 ? 1 : -1;
        }
    }
    return 0;
}

/* Points of one key and value, by x, at the start of `to`; there is room for as many as there are records. */
static size_t data_points(const chart_data *d, uint32_t key, uint32_t value, data_point *sorted,
                          chart_point *to)
{
    double values[DATA_VALUES_MAX];
    size_t count = 0;

    for (uint32_t i = 0; i < d->record_count; i++) {
        const data_record record = data_record_of(d, i, values);

        if (record.key == key) {
            sorted[count++] =
                (data_point){{record.x, values[value], data_mark(d, value, values)}, record.order};
        }
    }
    qsort(sorted, count, sizeof(*sorted), data_compare);
    for (size_t i = 0; i < count; i++) {
        to[i] = sorted[i].point;
    }
    return count;
}

/* "cnc-001", "cnc-001: avg_Temperature", or "avg_Temperature". */
static void data_line_name(const chart_data *d, uint32_t key, uint32_t value, bool several,
                           hi_buf *to)
{
    const hist_str name = data_key_name(d, key);
    const char *column = d->columns[d->values[value].column].name;

    hi_buf_append(to, name.data, name.size);
    if (name.size == 0 || several) {
        hi_buf_printf(to, "%s", name.size > 0 ? ": " : "");
        show_text(to, (hist_str){column, strlen(column)});
    }
}

typedef struct data_lines {
    chart_line lines[CHART_LINES_MAX];
    hi_buf names[CHART_LINES_MAX];
    chart_point *points[CHART_LINES_MAX];
    size_t count;
    uint64_t left_out;
} data_lines;

static uint32_t data_value_lines(const chart_data *d)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < d->value_count; i++) {
        count += !d->values[i].mark;
    }
    return count;
}

static hist_status data_make_line(const chart_data *d, uint32_t key, uint32_t value,
                                  data_lines *out, hist_error *err)
{
    const size_t room = d->record_count * sizeof(chart_point);
    data_point *sorted = hi_mem_calloc(d->mem, d->record_count, sizeof(*sorted));
    chart_point *points = hi_mem_alloc(d->mem, room);
    chart_line *line = &out->lines[out->count];
    hi_buf *name = &out->names[out->count];

    if (sorted == NULL || points == NULL) {
        hi_mem_free(d->mem, sorted, d->record_count * sizeof(*sorted));
        hi_mem_free(d->mem, points, room);
        return hi_no_memory(err, "a line of a chart");
    }
    hi_buf_init(name, d->mem, 1 << 20);
    data_line_name(d, key, value, data_value_lines(d) > 1, name);
    line->count = data_points(d, key, value, sorted, points);
    line->points = points;
    line->name = (hist_str){name->size == 0 ? "" : name->data, name->size};
    out->points[out->count++] = points;
    hi_mem_free(d->mem, sorted, d->record_count * sizeof(*sorted));
    return HIST_OK;
}

static hist_status data_make_lines(const chart_data *d, data_lines *out, hist_error *err)
{
    for (uint32_t key = 0; key < d->key_count; key++) {
        for (uint32_t value = 0; value < d->value_count; value++) {
            if (d->values[value].mark) {
                continue;
            }
            if (out->count == CHART_LINES_MAX) {
                out->left_out++;
            } else {
                HI_TRY(data_make_line(d, key, value, out, err));
            }
        }
    }
    return HIST_OK;
}

static void data_drop_lines(const chart_data *d, data_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        hi_buf_free(&lines->names[i]);
        hi_mem_free(d->mem, lines->points[i], d->record_count * sizeof(chart_point));
    }
}

static void data_draw_bars(chart_data *d, hi_buf *to, const chart *c)
{
    chart_bar bars[DATA_BARS_MAX];
    double values[DATA_VALUES_MAX];
    size_t count = 0;

    if (c->title != NULL) {
        hi_buf_printf(to, "%s\n", c->title);
    }
    for (uint32_t i = 0; i < d->record_count && count < DATA_BARS_MAX; i++) {
        const data_record record = data_record_of(d, i, values);

        bars[count++] = (chart_bar){data_key_name(d, record.key), values[0]};
    }
    chart_bars(to, c, bars, count);
    if (d->record_count > DATA_BARS_MAX) {
        cli_say("the first %d of %u bars are shown", DATA_BARS_MAX, d->record_count);
    }
}

/* What render said: {"Visualization":"timechart","Title":..}. */
typedef struct data_render {
    char kind[32];
    char title[256];
} data_render;

static void data_copy(hi_dyn bag, const char *key, char *to, size_t size)
{
    const hist_str text = hi_dyn_str(hi_dyn_get(bag, key, strlen(key)));

    (void)snprintf(to, size, "%.*s", (int)text.size, text.data);
}

static data_render data_read_render(chart_data *d, const char *visualization)
{
    data_render r = {"", ""};
    hist_error ignored;
    hi_buf parsed;

    hi_buf_init(&parsed, d->mem, 1 << 20);
    if (visualization != NULL &&
        hi_dyn_from_json(&parsed, visualization, strlen(visualization), &ignored) == HIST_OK) {
        const hi_dyn bag = hi_dyn_of(parsed.data, parsed.size);

        data_copy(bag, "Visualization", r.kind, sizeof(r.kind));
        data_copy(bag, "Title", r.title, sizeof(r.title));
    }
    hi_buf_free(&parsed);
    return r;
}

static void data_notices(const chart_data *d, const data_lines *lines)
{
    if (lines->left_out > 0 || d->too_many_keys) {
        cli_say("the first %d of %s%llu series are drawn", CHART_LINES_MAX,
                d->too_many_keys ? "more than " : "",
                (unsigned long long)(lines->count + lines->left_out));
    }
}

hist_status chart_data_draw(chart_data *d, hi_buf *to, const chart_style *style,
                            const char *visualization, hist_error *err)
{
    const data_render render = data_read_render(d, visualization);
    data_lines lines = {.count = 0};
    chart c = {
        .title = render.title[0] == '\0' ? NULL : render.title,
        .time = d->shape != SHAPE_NUMBER,
        .dots = strcmp(render.kind, "scatterchart") == 0,
        .ascii = style->ascii,
        .colour = style->colour,
        .width = style->width,
        .height = style->height < 16   ? 8
                  : style->height > 30 ? 22
                                       : style->height - 8,
    };

    if (d->shape == SHAPE_BARS) {
        data_draw_bars(d, to, &c);
        return HIST_OK;
    }
    if (d->record_count == 0 || data_value_lines(d) == 0) {
        cli_say("nothing to draw: the result has no points");
        return HIST_OK;
    }
    hist_status status = data_make_lines(d, &lines, err);

    if (status == HIST_OK) {
        c.lines = lines.lines;
        c.line_count = lines.count;
        status = chart_draw(d->mem, to, &c, err);
        data_notices(d, &lines);
    }
    data_drop_lines(d, &lines);
    return status;
}
