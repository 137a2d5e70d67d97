/* frag_mem.c -- fragments over rows in memory and the slow model of a merge; see frag_mem.h. */
#include "tests/support/frag_mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"

enum { FM_WORDS = 5 };

/* Says what is wrong and ends the program: fuzz targets, too, are linked with this file. */
static void fm_fail(const char *fmt, ...) __attribute__((format(printf, 1, 2), noreturn));
static void fm_fail(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    (void)fputc('\n', stderr);
    abort();
}

static void fm_check(bool good, const char *what)
{
    if (!good) {
        fm_fail("frag_mem: %s", what);
    }
}

hist_type fm_type(int column)
{
    static const hist_type types[FM_COLUMNS] = {
        HIST_TYPE_REAL,     HIST_TYPE_LONG,   HIST_TYPE_BOOL, HIST_TYPE_STRING,
        HIST_TYPE_DATETIME, HIST_TYPE_STRING, HIST_TYPE_REAL, HIST_TYPE_LONG};

    return types[column];
}

uint64_t fm_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t fm_text(uint64_t number, char to[80])
{
    const size_t size = (size_t)(number % 41);

    for (size_t i = 0; i < size; i++) {
        to[i] = (char)('a' + (number / (i + 1)) % 26);
    }
    return (size_t)snprintf(to + size, 80 - size, "%llu", (unsigned long long)number) + size;
}

static uint64_t fm_real_bits(uint64_t *state)
{
    const uint64_t r = fm_random(state);

    switch (r % 16) {
    case 0:
        return hi_bits_of(-0.0);
    case 1:
        return UINT64_C(0x7ff8000000000123) ^ (r >> 63 << 63); /* NaN with a payload. */
    case 2:
        return r;
    default:
        return hi_bits_of((double)((int64_t)(r >> 40) - 8000000) / 100.0);
    }
}

void fm_fill(fm_row *row, uint64_t *state)
{
    for (int c = 0; c < FM_COLUMNS; c++) {
        fm_cell *cell = &row->cells[c];
        const uint64_t r = fm_random(state);

        cell->has = c != FM_NEVER && (c == FM_RARE ? r % 97 == 0 : r % 4 != 0);
        cell->bits = 0;
        if (!cell->has) {
            continue;
        }
        switch (c) {
        case FM_REAL:
            cell->bits = fm_real_bits(state);
            break;
        case FM_BOOL:
            cell->bits = fm_random(state) % 2;
            break;
        case FM_TEXT:
            cell->bits = fm_random(state) % 100000;
            break;
        case FM_WORD:
            cell->bits = fm_random(state) % FM_WORDS;
            break;
        default:
            cell->bits = (fm_random(state) >> (fm_random(state) % 64)) - 1000;
            break;
        }
    }
}

static int fm_compare_keys(const void *a, const void *b)
{
    const fm_row *x = a;
    const fm_row *y = b;

    if (x->series != y->series) {
        return x->series < y->series ? -1 : 1;
    }
    return x->time_ns < y->time_ns ? -1 : x->time_ns > y->time_ns;
}

size_t fm_sort_unique(fm_row *rows, size_t count)
{
    size_t kept = 0;

    qsort(rows, count, sizeof(fm_row), fm_compare_keys);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && fm_compare_keys(&rows[kept - 1], &rows[i]) == 0) {
            rows[kept - 1] = rows[i];
        } else {
            rows[kept++] = rows[i];
        }
    }
    return kept;
}

/* ---- the fragment ---- */

typedef struct fm_column {
    bool any;
    uint64_t *valid;
    void *data;
    int32_t *offsets;
    char *bytes;
} fm_column;

typedef struct fm_frag {
    hi_frag base;
    uint32_t view_rows;
    hi_run *runs;
    uint32_t run_count;
    int64_t *times;
    fm_column columns[FM_COLUMNS];
    void *shown[FM_COLUMNS + 1]; /* What the last view showed, in memory of its own. */
    size_t shown_size[FM_COLUMNS + 1];
    hi_dict words;
    int32_t word_offsets[FM_WORDS + 1];
    char word_bytes[FM_WORDS * 80];
} fm_frag;

static hist_status fm_runs(hi_frag *frag, const hi_run **runs_out, uint32_t *count_out,
                           hist_error *err)
{
    (void)err;
    *runs_out = ((fm_frag *)frag)->runs;
    *count_out = ((fm_frag *)frag)->run_count;
    return HIST_OK;
}

static int fm_column_of(uint32_t id)
{
    return id >= FM_COLUMN_ID(0) && id < FM_COLUMN_ID(FM_COLUMNS) ? (int)(id - FM_COLUMN_ID(0))
                                                                  : -1;
}

static hist_type fm_column_type(hi_frag *frag, uint32_t id)
{
    const int c = fm_column_of(id);

    return c >= 0 && ((fm_frag *)frag)->columns[c].any ? fm_type(c) : (hist_type)0;
}

/* A copy that the next view of the column ends, so that a stale view is a use after free. */
static const void *fm_show(fm_frag *f, int slot, const void *data, size_t size)
{
    void *copy = malloc(size + 1);

    fm_check(copy != NULL, "out of memory");
    memcpy(copy, data, size);
    if (f->shown[slot] != NULL) {
        memset(f->shown[slot], 0x5a, f->shown_size[slot]);
    }
    free(f->shown[slot]);
    f->shown_size[slot] = size;
    f->shown[slot] = copy;
    return copy;
}

static hist_status fm_view(hi_frag *frag, uint32_t id, uint32_t row, uint32_t rows_max,
                           hi_view *view, hist_error *err)
{
    fm_frag *f = (fm_frag *)frag;
    const int c = fm_column_of(id);
    uint32_t rows = rows_max < f->view_rows ? rows_max : f->view_rows;

    (void)err;
    fm_check(rows_max > 0 && row < frag->rows, "view of rows that are not there");
    rows = rows < frag->rows - row ? rows : frag->rows - row;
    *view = (hi_view){.rows = rows};
    if (id == HI_COLUMN_TIME) {
        view->data = fm_show(f, FM_COLUMNS, f->times + row, rows * sizeof(int64_t));
        return HIST_OK;
    }
    fm_check(c >= 0 && f->columns[c].any, "view of a column that is not there");
    const fm_column *column = &f->columns[c];
    view->valid = column->valid;
    view->valid_bit = row;
    switch (c) {
    case FM_BOOL:
        view->data = column->data;
        view->data_bit = row;
        break;
    case FM_TEXT:
        view->offsets = column->offsets + row;
        view->bytes = column->bytes;
        break;
    case FM_WORD:
        view->data = (const int32_t *)column->data + row;
        view->dict = &f->words;
        break;
    default:
        view->data = fm_show(f, c, (const int64_t *)column->data + row, rows * sizeof(int64_t));
        break;
    }
    return HIST_OK;
}

static void fm_close(hi_frag *frag)
{
    fm_frag *f = (fm_frag *)frag;

    for (int c = 0; c < FM_COLUMNS; c++) {
        free(f->columns[c].valid);
        free(f->columns[c].data);
        free(f->columns[c].offsets);
        free(f->columns[c].bytes);
    }
    for (int c = 0; c <= FM_COLUMNS; c++) {
        free(f->shown[c]);
    }
    free(f->runs);
    free(f->times);
    free(f);
}

static const hi_frag_ops fm_ops = {
    .runs = fm_runs, .column = fm_column_type, .view = fm_view, .close = fm_close};

static void *fm_alloc(size_t count, size_t size)
{
    void *p = calloc(count + 1, size);

    fm_check(p != NULL, "out of memory");
    return p;
}

static void fm_build_text(fm_column *column, const fm_row *rows, size_t count)
{
    char text[80];
    size_t at = 0;

    column->offsets = fm_alloc(count + 1, 4);
    column->bytes = fm_alloc(count, 80);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].cells[FM_TEXT].has) {
            const size_t size = fm_text(rows[i].cells[FM_TEXT].bits, text);

            memcpy(column->bytes + at, text, size);
            at += size;
        }
        column->offsets[i + 1] = (int32_t)at;
    }
}

static void fm_build_column(fm_column *column, int c, const fm_row *rows, size_t count)
{
    column->valid = fm_alloc(count / 64 + 1, 8);
    column->data = fm_alloc(count, 8);
    if (c == FM_TEXT) {
        fm_build_text(column, rows, count);
    }
    for (size_t i = 0; i < count; i++) {
        const fm_cell *cell = &rows[i].cells[c];

        column->any = column->any || cell->has;
        column->valid[i / 64] |= (uint64_t)cell->has << (i % 64);
        if (c == FM_BOOL) {
            ((uint64_t *)column->data)[i / 64] |= cell->bits << (i % 64);
        } else if (c == FM_WORD) {
            ((int32_t *)column->data)[i] = (int32_t)cell->bits;
        } else if (c != FM_TEXT) {
            /* Null rows may hold anything. */
            ((uint64_t *)column->data)[i] = cell->has ? cell->bits : UINT64_C(0xabababababababab);
        }
    }
}

static void fm_build_runs(fm_frag *f, const fm_row *rows, size_t count)
{
    f->runs = fm_alloc(count, sizeof(hi_run));
    f->times = fm_alloc(count, 8);
    f->base.first_ns = count == 0 ? 0 : rows[0].time_ns;
    f->base.last_ns = f->base.first_ns;
    for (size_t i = 0; i < count; i++) {
        hi_run *run = f->run_count == 0 ? NULL : &f->runs[f->run_count - 1];

        f->times[i] = rows[i].time_ns;
        f->base.first_ns = rows[i].time_ns < f->base.first_ns ? rows[i].time_ns : f->base.first_ns;
        f->base.last_ns = rows[i].time_ns > f->base.last_ns ? rows[i].time_ns : f->base.last_ns;
        if (run == NULL || run->series != rows[i].series) {
            f->runs[f->run_count++] =
                (hi_run){rows[i].series, (uint32_t)i, 1, rows[i].time_ns, rows[i].time_ns};
        } else {
            run->rows++;
            run->last_ns = rows[i].time_ns;
        }
    }
}

hi_frag *fm_frag_new(const fm_row *rows, size_t count, uint32_t table, uint64_t seq_low,
                     uint64_t seq_high, uint32_t view_rows)
{
    fm_frag *f = fm_alloc(1, sizeof(fm_frag));
    size_t at = 0;

    f->base = (hi_frag){.ops = &fm_ops,
                        .table = table,
                        .rows = (uint32_t)count,
                        .width_ns = INT64_MAX,
                        .first_series = count == 0 ? 0 : rows[0].series,
                        .last_series = count == 0 ? 0 : rows[count - 1].series,
                        .seq_low = seq_low,
                        .seq_high = seq_high};
    f->view_rows = view_rows;
    fm_build_runs(f, rows, count);
    for (int c = 0; c < FM_COLUMNS; c++) {
        fm_build_column(&f->columns[c], c, rows, count);
    }
    for (uint64_t w = 0; w < FM_WORDS; w++) {
        char text[80];
        const size_t size = fm_text(w, text);

        memcpy(f->word_bytes + at, text, size);
        at += size;
        f->word_offsets[w + 1] = (int32_t)at;
    }
    f->words = (hi_dict){FM_WORDS, f->word_offsets, f->word_bytes};
    return &f->base;
}

/* ---- the model ---- */

typedef struct fm_aged {
    const fm_row *row;
    uint64_t seq_high;
    size_t source;
} fm_aged;

static int fm_compare_aged(const void *a, const void *b)
{
    const fm_aged *x = a;
    const fm_aged *y = b;
    const int keys = fm_compare_keys(x->row, y->row);

    if (keys != 0) {
        return keys;
    }
    if (x->seq_high != y->seq_high) {
        return x->seq_high > y->seq_high ? -1 : 1;
    }
    return x->source > y->source ? -1 : x->source < y->source;
}

static bool fm_listed(const uint32_t *ids, uint32_t count, uint32_t id)
{
    for (uint32_t i = 0; i < count; i++) {
        if (ids[i] == id) {
            return true;
        }
    }
    return false;
}

static bool fm_wanted(const fm_aged *aged, uint32_t table, const hi_merge_spec *spec)
{
    const fm_row *r = aged->row;

    if (r->time_ns < spec->from_ns || r->time_ns > spec->to_ns ||
        (r->time_ns == spec->to_ns && !spec->to_inclusive) ||
        (spec->series != NULL && !fm_listed(spec->series, spec->series_count, r->series))) {
        return false;
    }
    for (uint32_t i = 0; i < spec->tombstone_count; i++) {
        const hi_tombstone *t = &spec->tombstones[i];

        if (t->table == table && aged->seq_high < t->seq && r->time_ns >= t->from_ns &&
            r->time_ns < t->to_ns &&
            (t->series == NULL || fm_listed(t->series, t->series_count, r->series))) {
            return false;
        }
    }
    return true;
}

fm_row *fm_model(const fm_source *sources, size_t source_count, uint32_t table,
                 const hi_merge_spec *spec, size_t *count_out)
{
    size_t total = 0;
    size_t used = 0;
    size_t made = 0;

    for (size_t s = 0; s < source_count; s++) {
        total += sources[s].count;
    }
    fm_aged *aged = fm_alloc(total, sizeof(fm_aged));
    fm_row *out = fm_alloc(total, sizeof(fm_row));
    for (size_t s = 0; s < source_count; s++) {
        for (size_t i = 0; i < sources[s].count; i++) {
            aged[used] = (fm_aged){&sources[s].rows[i], sources[s].seq_high, s};
            used += fm_wanted(&aged[used], table, spec);
        }
    }
    qsort(aged, used, sizeof(fm_aged), fm_compare_aged);
    for (size_t i = 0; i < used; i++) {
        if (made == 0 || fm_compare_keys(&out[made - 1], aged[i].row) != 0) {
            out[made++] = *aged[i].row;
            continue;
        }
        for (int c = 0; c < FM_COLUMNS; c++) {
            if (!out[made - 1].cells[c].has) {
                out[made - 1].cells[c] = aged[i].row->cells[c];
            }
        }
    }
    free(aged);
    *count_out = made;
    return out;
}

/* ---- comparing ---- */

/* The number whose text this is: its trailing digits, checked against fm_text(). */
static uint64_t fm_number(hist_str text)
{
    char check[80];

    for (size_t digits = 1; digits <= 6 && digits <= text.size; digits++) {
        uint64_t number = 0;

        for (size_t i = text.size - digits; i < text.size; i++) {
            if (text.data[i] < '0' || text.data[i] > '9') {
                return UINT64_MAX;
            }
            number = number * 10 + (uint64_t)(text.data[i] - '0');
        }
        if (fm_text(number, check) == text.size && memcmp(check, text.data, text.size) == 0) {
            return number;
        }
    }
    return UINT64_MAX;
}

static void fm_take_column(fm_row *rows, const hist_column *column, int c, uint32_t count)
{
    fm_check(column->length == count, "a column of another length");
    fm_check(column->type == fm_type(c), "a column of another type");
    for (uint32_t i = 0; i < count; i++) {
        fm_cell *cell = &rows[i].cells[c];

        *cell = (fm_cell){.has = hist_column_valid(column, i)};
        if (!cell->has) {
            continue;
        }
        if (fm_type(c) == HIST_TYPE_REAL) {
            cell->bits = hi_bits_of(hist_column_f64(column, i));
        } else if (fm_type(c) == HIST_TYPE_STRING) {
            cell->bits = fm_number(hist_column_str(column, i));
        } else {
            cell->bits = (uint64_t)hist_column_i64(column, i);
        }
    }
}

static hist_status fm_collect_list(hi_arena *arena, const hi_merge_spec *spec,
                                   const hi_runlist *list, fm_row *rows, hist_error *err)
{
    hist_column column;
    uint32_t run_rows = 0;

    HI_TRY(hi_gather(arena, spec->frags, list, HI_COLUMN_TIME, HIST_TYPE_DATETIME, &column, err));
    fm_check(column.length == list->rows, "times of another length");
    for (uint32_t r = 0; r < list->run_count; r++) {
        fm_check(list->runs[r].first_row == run_rows, "runs with gaps");
        for (uint32_t i = 0; i < list->runs[r].rows; i++) {
            rows[run_rows].series = list->runs[r].series;
            rows[run_rows].time_ns = hist_column_i64(&column, run_rows);
            run_rows++;
        }
    }
    fm_check(run_rows == list->rows, "runs do not add up");
    for (int c = 0; c < FM_COLUMNS; c++) {
        HI_TRY(hi_gather(arena, spec->frags, list, FM_COLUMN_ID(c), fm_type(c), &column, err));
        fm_take_column(rows, &column, c, list->rows);
    }
    return HIST_OK;
}

static hist_status fm_collect_all(hi_mem *mem, hi_merge *merge, const hi_merge_spec *spec,
                                  uint32_t rows_max, fm_row **rows, size_t *count, hist_error *err)
{
    for (;;) {
        hi_runlist list;
        hi_arena arena;

        HI_TRY(hi_merge_next(merge, rows_max, &list, err));
        if (list.rows == 0) {
            return HIST_OK;
        }
        fm_check(list.rows <= rows_max, "a list with too many rows");
        fm_row *more = realloc(*rows, (*count + list.rows + 1) * sizeof(fm_row));
        fm_check(more != NULL, "out of memory");
        *rows = more;
        hi_arena_init(&arena, mem);
        const hist_status status = fm_collect_list(&arena, spec, &list, more + *count, err);
        hi_arena_free(&arena);
        HI_TRY(status);
        *count += list.rows;
    }
}

hist_status fm_collect(hi_mem *mem, const hi_merge_spec *spec, uint32_t rows_max, fm_row **rows_out,
                       size_t *count_out, hist_error *err)
{
    hi_merge *merge = NULL;

    *rows_out = NULL;
    *count_out = 0;
    HI_TRY(hi_merge_open(mem, spec, &merge, err));
    const hist_status status = fm_collect_all(mem, merge, spec, rows_max, rows_out, count_out, err);
    hi_merge_close(merge);
    return status;
}

bool fm_same(const fm_row *a, const fm_row *b)
{
    bool same = fm_compare_keys(a, b) == 0;

    for (int c = 0; c < FM_COLUMNS; c++) {
        same = same && a->cells[c].has == b->cells[c].has &&
               (!a->cells[c].has || a->cells[c].bits == b->cells[c].bits);
    }
    return same;
}

static bool fm_in_range(const fm_row *row, const hi_range *range)
{
    if (range->column == HI_COLUMN_TIME) {
        return row->time_ns >= range->min_int && row->time_ns <= range->max_int;
    }
    const fm_cell *cell = &row->cells[fm_column_of(range->column)];
    if (!cell->has) {
        return false;
    }
    if (range->type == HIST_TYPE_REAL) {
        const double v = hi_double_of(cell->bits);

        return v >= range->min_real && v <= range->max_real;
    }
    return (int64_t)cell->bits >= range->min_int && (int64_t)cell->bits <= range->max_int;
}

void fm_expect(hi_mem *mem, const hi_merge_spec *spec, uint32_t rows_max, const fm_row *expected,
               size_t expected_count, bool skips, const char *label)
{
    fm_row *rows = NULL;
    size_t count = 0;
    size_t at = 0;
    hist_error err;

    if (fm_collect(mem, spec, rows_max, &rows, &count, &err) != HIST_OK) {
        fm_fail("%s: %s", label, err.message);
    }
    for (size_t i = 0; i < expected_count; i++) {
        if (at < count && fm_same(&rows[at], &expected[i])) {
            at++;
        } else if (!skips || fm_in_range(&expected[i], &spec->ranges[0])) {
            fm_fail("%s: expected row %zu (series %u, time %lld) is missing or differs; got %zu "
                    "of %zu rows, next has series %u time %lld",
                    label, i, expected[i].series, (long long)expected[i].time_ns, count,
                    expected_count, at < count ? rows[at].series : 0,
                    at < count ? (long long)rows[at].time_ns : 0);
        }
    }
    if (at != count) {
        fm_fail("%s: %zu rows that should not be there", label, count - at);
    }
    free(rows);
}
