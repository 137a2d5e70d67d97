/* chart.c -- a canvas of dots, axes around it, a legend below; see chart.h. */
#include "histcli/chart.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "histcli/chart_time.h"
#include "histcli/show.h"

#include "base/err.h"
#include "base/timefmt.h"

enum { CHART_WIDTH_MIN = 10, CHART_TICK_LABEL = 10 };

typedef struct chart_cell {
    uint8_t dots;  /* Braille bits, or 1. */
    uint8_t owner; /* Line + 1, the last one drawn here. */
    char mark;     /* '^' and 'v': anomalies; a digit: the end of a line. */
} chart_cell;

typedef struct canvas {
    const chart *c;
    uint32_t width; /* Characters. */
    uint32_t height;
    uint32_t across; /* Dots a character. */
    uint32_t down;
    chart_cell *cells;
    double x_min, x_max;
    double y_min, y_max;
    double step;    /* Of y ticks. */
    uint32_t label; /* Characters of a y label. */
} canvas;

double chart_step(double length, int count)
{
    const double raw = length / (double)(count < 1 ? 1 : count);
    const double power = pow(10.0, floor(log10(raw)));
    const double part = raw / power;

    return power * (part <= 1.0 ? 1.0 : part <= 2.0 ? 2.0 : part <= 5.0 ? 5.0 : 10.0);
}

/* ---- scales ---- */

static void canvas_ranges(canvas *v)
{
    v->x_min = v->y_min = (double)INFINITY;
    v->x_max = v->y_max = -(double)INFINITY;
    for (size_t i = 0; i < v->c->line_count; i++) {
        for (size_t k = 0; k < v->c->lines[i].count; k++) {
            const chart_point *p = &v->c->lines[i].points[k];

            v->x_min = fmin(v->x_min, p->x);
            v->x_max = fmax(v->x_max, p->x);
            if (isfinite(p->y)) {
                v->y_min = fmin(v->y_min, p->y);
                v->y_max = fmax(v->y_max, p->y);
            }
        }
    }
    if (!(v->y_min <= v->y_max)) {
        v->y_min = 0.0;
        v->y_max = 1.0;
    }
    if (!(v->x_min < v->x_max)) {
        v->x_min = isfinite(v->x_min) ? v->x_min : 0.0;
        v->x_max = v->x_min + 1.0;
    }
}

static void canvas_y_scale(canvas *v)
{
    const double least = fmax(fabs(v->y_min), fabs(v->y_max)) * 1e-9 + DBL_MIN * 1e20;
    double length = v->y_max / 2 - v->y_min / 2;

    if (length * 2 < least) {
        const double pad = v->y_min == 0.0 ? 1.0 : fabs(v->y_min) * 0.1;

        v->y_min -= pad;
        v->y_max += pad;
        length = pad;
    }
    v->step = chart_step(length, (int)(v->height / 6 > 0 ? v->height / 6 : 1));
    const double low = floor(v->y_min / v->step) * v->step;
    const double high = ceil(v->y_max / v->step) * v->step;

    v->y_min = isfinite(low) ? low : v->y_min;
    v->y_max = isfinite(high) ? high : v->y_max;
}

/* As many digits as tell ticks apart. */
static int canvas_tick_text(const canvas *v, double value, char *to, size_t size)
{
    const double large = fmax(fabs(v->y_min), fabs(v->y_max));
    const double shown = fabs(value) < v->step * 1e-6 ? 0.0 : value;

    if (large >= 1e7 || v->step < 1e-6) {
        const int digits = (int)fmin(15.0, fmax(0.0, floor(log10(large)) - floor(log10(v->step))));

        return snprintf(to, size, "%.*e", digits, shown);
    }
    const int digits = (int)fmax(0.0, -floor(log10(v->step) + 1e-9));

    return snprintf(to, size, "%.*f", digits, shown);
}

static void canvas_label_width(canvas *v)
{
    char text[64];

    v->label = 1;
    for (double y = v->y_min; y <= v->y_max + v->step / 2; y += v->step) {
        const int size = canvas_tick_text(v, y, text, sizeof(text));

        v->label = size > (int)v->label ? (uint32_t)size : v->label;
    }
}

/* ---- dots ---- */

static int64_t canvas_px(const canvas *v, double x)
{
    const double last = (double)v->width * v->across - 1;

    return (int64_t)lround((x - v->x_min) / (v->x_max - v->x_min) * last);
}

/* From the top. */
static int64_t canvas_py(const canvas *v, double y)
{
    const double last = (double)v->height * v->down - 1;
    const double share = (y / 2 - v->y_min / 2) / (v->y_max / 2 - v->y_min / 2);

    return (int64_t)lround((1.0 - share) * last);
}

static chart_cell *canvas_cell(canvas *v, int64_t px, int64_t py)
{
    const int64_t column = px / v->across;
    const int64_t row = py / v->down;

    if (px < 0 || py < 0 || column >= v->width || row >= v->height) {
        return NULL;
    }
    return &v->cells[row * v->width + column];
}

static void canvas_dot(canvas *v, int64_t px, int64_t py, size_t line)
{
    static const uint8_t braille[4][2] = {{0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
    chart_cell *cell = canvas_cell(v, px, py);

    if (cell != NULL) {
        cell->dots |= v->across == 1 ? 1 : braille[py % 4][px % 2];
        cell->owner = (uint8_t)(line + 1);
    }
}

typedef struct canvas_column {
    int64_t px;
    int64_t first, last, low, high; /* Pixels from the top. */
} canvas_column;

/* From the last value of one pixel column to the first of another: a step for each column between. */
static void canvas_connect(canvas *v, const canvas_column *a, const canvas_column *b, size_t line)
{
    const int64_t columns = b->px - a->px;
    int64_t y = a->last;

    for (int64_t i = 1; i <= columns; i++) {
        const int64_t next = a->last + (b->first - a->last) * i / columns;
        const int64_t from = next < y ? next : y;
        const int64_t to = next < y ? y : next;
        const int64_t middle = (from + to + 1) / 2;

        /* Half of a rise is drawn in the column it leaves, half in the one it enters. */
        for (int64_t p = from; p <= to; p++) {
            const bool left = next < y ? p >= middle : p < middle;

            canvas_dot(v, a->px + i - (left && from != to ? 1 : 0), p, line);
        }
        y = next;
    }
}

static void canvas_column_draw(canvas *v, const canvas_column *column, size_t line)
{
    for (int64_t p = column->low; p <= column->high; p++) {
        canvas_dot(v, column->px, p, line);
    }
}

static void canvas_line(canvas *v, size_t index)
{
    const chart_line *line = &v->c->lines[index];
    canvas_column before = {.px = -1};
    canvas_column now = {.px = -1};
    bool joined = false;

    for (size_t i = 0; i < line->count; i++) {
        const chart_point *p = &line->points[i];

        if (!isfinite(p->y)) {
            joined = false;
            continue;
        }
        const int64_t px = canvas_px(v, p->x);
        const int64_t py = canvas_py(v, p->y);

        if (px == now.px) {
            now.last = py;
            now.low = py < now.low ? py : now.low;
            now.high = py > now.high ? py : now.high;
            joined = true;
            continue;
        }
        if (now.px >= 0) {
            canvas_column_draw(v, &now, index);
        }
        before = now;
        now = (canvas_column){px, py, py, py, py};
        if (joined && !v->c->dots) {
            canvas_connect(v, &before, &now, index);
        }
        joined = true;
    }
    if (now.px >= 0) {
        canvas_column_draw(v, &now, index);
    }
}

/* Anomalies, and the number of a line at its end when there are several. */
static void canvas_marks(canvas *v, size_t index)
{
    const chart_line *line = &v->c->lines[index];
    chart_cell *end = NULL;

    for (size_t i = 0; i < line->count; i++) {
        const chart_point *p = &line->points[i];

        if (!isfinite(p->y)) {
            continue;
        }
        chart_cell *cell = canvas_cell(v, canvas_px(v, p->x), canvas_py(v, p->y));

        end = cell == NULL ? end : cell;
        if (cell != NULL && p->mark != 0) {
            cell->mark = p->mark > 0 ? '^' : 'v';
        }
    }
    if (end != NULL && v->c->line_count > 1) {
        end->mark = (char)('1' + index);
        end->owner = (uint8_t)(index + 1);
    }
}

/* ---- text ---- */

static const char *const chart_colours[CHART_LINES_MAX] = {
    "\033[36m", "\033[33m", "\033[32m", "\033[35m", "\033[34m", "\033[31m", "\033[96m", "\033[93m"};

static void canvas_braille(hi_buf *to, uint8_t dots)
{
    const char text[3] = {(char)0xe2, (char)(0xa0 | (dots >> 6)), (char)(0x80 | (dots & 0x3f))};

    hi_buf_append(to, text, sizeof(text));
}

static void canvas_cell_text(const canvas *v, hi_buf *to, const chart_cell *cell)
{
    static const char letters[] = "*+ox#@%&";
    const bool colour = v->c->colour && cell->owner > 0;

    if (colour) {
        hi_buf_printf(to, "%s",
                      cell->mark == '^' || cell->mark == 'v' ? "\033[91m"
                                                             : chart_colours[cell->owner - 1]);
    }
    if ((cell->mark == '^' || cell->mark == 'v') && !v->c->ascii) {
        hi_buf_printf(to, "%s", cell->mark == '^' ? "▲" : "▼");
    } else if (cell->mark != '\0') {
        hi_buf_byte(to, (uint8_t)cell->mark);
    } else if (cell->dots == 0) {
        hi_buf_byte(to, ' ');
    } else if (v->c->ascii) {
        hi_buf_byte(to, (uint8_t)letters[cell->owner - 1]);
    } else {
        canvas_braille(to, cell->dots);
    }
    if (colour) {
        hi_buf_printf(to, "\033[0m");
    }
}

/* Blanks at the end of a line are not written. */
static void canvas_row(const canvas *v, hi_buf *to, uint32_t row)
{
    const chart_cell *cells = v->cells + (size_t)row * v->width;
    uint32_t used = v->width;

    while (used > 0 && cells[used - 1].dots == 0 && cells[used - 1].mark == '\0') {
        used--;
    }
    for (uint32_t i = 0; i < used; i++) {
        canvas_cell_text(v, to, &cells[i]);
    }
    hi_buf_byte(to, '\n');
}

static void canvas_plot(const canvas *v, hi_buf *to)
{
    for (uint32_t row = 0; row < v->height; row++) {
        char label[64] = "";
        bool tick = false;

        for (double y = v->y_max; y >= v->y_min - v->step / 2; y -= v->step) {
            int64_t py = canvas_py(v, y < v->y_min ? v->y_min : y);

            py = py < 0 ? 0 : py;
            if (!tick && (uint32_t)(py / v->down) == row) {
                (void)canvas_tick_text(v, y, label, sizeof(label));
                tick = true;
            }
        }
        show_pad(to, v->label - strlen(label));
        hi_buf_printf(to, "%s %s", label, v->c->ascii ? (tick ? "+" : "|") : (tick ? "┤" : "│"));
        canvas_row(v, to, row);
    }
}

typedef struct canvas_axis {
    char line[1024]; /* '-' and '+' */
    char labels[1024];
    uint32_t end; /* Behind the last label. */
} canvas_axis;

static void canvas_tick(const canvas *v, canvas_axis *axis, double x, hist_str label)
{
    const int64_t at = canvas_px(v, x) / v->across;
    int64_t from = at - (int64_t)label.size / 2;

    if (at < 0 || at >= v->width) {
        return;
    }
    axis->line[at] = '+';
    from = from < 0 ? 0 : from;
    if (from + (int64_t)label.size > v->width) {
        from = (int64_t)v->width - (int64_t)label.size;
    }
    if (from < 0 || (axis->end > 0 && from <= (int64_t)axis->end)) {
        return;
    }
    memcpy(axis->labels + from, label.data, label.size);
    axis->end = (uint32_t)(from + (int64_t)label.size);
}

static void canvas_time_ticks(const canvas *v, canvas_axis *axis)
{
    const chart_ticks ticks =
        chart_ticks_of((int64_t)v->x_min, (int64_t)v->x_max, (int)(v->width / CHART_TICK_LABEL));
    int64_t at = 0;
    bool more = chart_tick_first(&ticks, (int64_t)v->x_min, &at);

    while (more && (double)at <= v->x_max) {
        char label[CHART_LABEL_SIZE];
        const size_t size = chart_tick_label(&ticks, at, label);

        canvas_tick(v, axis, (double)at, (hist_str){label, size});
        more = chart_tick_next(&ticks, at, &at);
    }
}

static void canvas_number_ticks(const canvas *v, canvas_axis *axis)
{
    const double step = chart_step(v->x_max - v->x_min, (int)(v->width / CHART_TICK_LABEL));

    for (double x = ceil(v->x_min / step) * step; x <= v->x_max; x += step) {
        char label[32];
        const int size = snprintf(label, sizeof(label), "%.6g", fabs(x) < step * 1e-6 ? 0.0 : x);

        canvas_tick(v, axis, x, (hist_str){label, (size_t)size});
        if (x + step == x) {
            break;
        }
    }
}

static void canvas_x_axis(const canvas *v, hi_buf *to)
{
    canvas_axis axis;

    memset(&axis, 0, sizeof(axis));
    memset(axis.line, '-', v->width);
    memset(axis.labels, ' ', v->width);
    if (v->c->time) {
        canvas_time_ticks(v, &axis);
    } else {
        canvas_number_ticks(v, &axis);
    }
    show_pad(to, v->label + 1);
    hi_buf_printf(to, "%s", v->c->ascii ? "+" : "└");
    for (uint32_t i = 0; i < v->width; i++) {
        hi_buf_printf(to, "%s",
                      v->c->ascii ? (axis.line[i] == '+' ? "+" : "-")
                                  : (axis.line[i] == '+' ? "┬" : "─"));
    }
    hi_buf_byte(to, '\n');
    show_pad(to, v->label + 2);
    hi_buf_append(to, axis.labels, axis.end);
    hi_buf_byte(to, '\n');
}

static void canvas_range(const canvas *v, hi_buf *to)
{
    char from[HI_TIME_SIZE];
    char until[HI_TIME_SIZE];

    if (!v->c->time) {
        return;
    }
    /* A double holds times to a quarter of a microsecond; seconds are what a chart can show. */
    const size_t a = hi_time_print(from, (int64_t)v->x_min + 1000, 0);
    const size_t b = hi_time_print(until, (int64_t)v->x_max + 1000, 0);

    show_pad(to, v->label + 2);
    hi_buf_printf(to, "%.*s to %.*s\n", (int)a, from, (int)b, until);
}

/* ---- legend ---- */

static void canvas_legend_line(const canvas *v, hi_buf *to, size_t index, size_t name_width)
{
    const chart_line *line = &v->c->lines[index];
    double last = (double)NAN;
    double least = (double)INFINITY;
    double most = -(double)INFINITY;
    size_t marks = 0;

    for (size_t i = 0; i < line->count; i++) {
        if (isfinite(line->points[i].y)) {
            last = line->points[i].y;
            least = fmin(least, last);
            most = fmax(most, last);
            marks += line->points[i].mark != 0;
        }
    }
    const size_t fits = show_fit(line->name.data, line->name.size, name_width);

    if (v->c->colour) {
        hi_buf_printf(to, "%s", chart_colours[index]);
    }
    if (v->c->line_count > 1) {
        hi_buf_printf(to, " %zu ", index + 1);
    } else {
        hi_buf_printf(to, " %s ", v->c->ascii ? "*" : "●");
    }
    hi_buf_append(to, line->name.data, fits);
    hi_buf_printf(to, "%s", v->c->colour ? "\033[0m" : "");
    show_pad(to, name_width - show_width(line->name.data, fits));
    if (isnan(last)) {
        hi_buf_printf(to, "  no values\n");
        return;
    }
    hi_buf_printf(to, "  last %.6g  min %.6g  max %.6g", last, least, most);
    if (marks > 0) {
        hi_buf_printf(to, "  %zu marked %s", marks, v->c->ascii ? "^v" : "▲▼");
    }
    hi_buf_byte(to, '\n');
}

static void canvas_legend(const canvas *v, hi_buf *to)
{
    size_t widest = 0;

    for (size_t i = 0; i < v->c->line_count; i++) {
        const hist_str name = v->c->lines[i].name;
        const size_t width = show_width(name.data, name.size);

        widest = width > widest ? width : widest;
    }
    for (size_t i = 0; i < v->c->line_count; i++) {
        canvas_legend_line(v, to, i, widest > 40 ? 40 : widest);
    }
}

hist_status chart_draw(hi_mem *mem, hi_buf *to, const chart *c, hist_error *err)
{
    canvas v = {.c = c, .height = c->height < 2 ? 2 : c->height};
    const bool braille = !c->ascii;

    v.across = braille ? 2 : 1;
    v.down = braille ? 4 : 1;
    canvas_ranges(&v);
    canvas_y_scale(&v);
    canvas_label_width(&v);
    v.width = c->width > v.label + 2 + CHART_WIDTH_MIN ? c->width - v.label - 2 : CHART_WIDTH_MIN;
    v.width = v.width > 1000 ? 1000 : v.width;
    const size_t count = (size_t)v.width * v.height;

    v.cells = hi_mem_calloc(mem, count, sizeof(*v.cells));
    if (v.cells == NULL) {
        return hi_no_memory(err, "a chart");
    }
    for (size_t i = 0; i < c->line_count; i++) {
        canvas_line(&v, i);
    }
    for (size_t i = 0; i < c->line_count; i++) {
        canvas_marks(&v, i);
    }
    if (c->title != NULL) {
        show_pad(to, v.label + 2);
        show_text(to, (hist_str){c->title, strlen(c->title)});
        hi_buf_byte(to, '\n');
    }
    canvas_plot(&v, to);
    canvas_x_axis(&v, to);
    canvas_range(&v, to);
    canvas_legend(&v, to);
    hi_mem_free(mem, v.cells, count * sizeof(*v.cells));
    return HIST_OK;
}

void chart_bars(hi_buf *to, const chart *c, const chart_bar *bars, size_t count)
{
    size_t name_width = 1;
    double most = 0.0;

    for (size_t i = 0; i < count; i++) {
        const size_t width = show_width(bars[i].name.data, bars[i].name.size);

        name_width = width > name_width ? width : name_width;
        most = isfinite(bars[i].value) ? fmax(most, fabs(bars[i].value)) : most;
    }
    name_width = name_width > c->width / 3 ? c->width / 3 : name_width;
    const size_t room = c->width > name_width + 20 ? c->width - name_width - 16 : 10;

    for (size_t i = 0; i < count; i++) {
        const size_t fits = show_fit(bars[i].name.data, bars[i].name.size, name_width);
        const double share = most > 0 && isfinite(bars[i].value) ? fabs(bars[i].value) / most : 0;

        show_pad(to, name_width - show_width(bars[i].name.data, fits));
        hi_buf_append(to, bars[i].name.data, fits);
        hi_buf_printf(to, "%s", c->ascii ? " |" : " │");
        for (size_t k = (size_t)lround(share * (double)room); k > 0; k--) {
            hi_buf_printf(to, "%s", c->ascii ? "#" : "█");
        }
        if (isnan(bars[i].value)) {
            hi_buf_printf(to, " null\n");
        } else {
            hi_buf_printf(to, " %.6g\n", bars[i].value);
        }
    }
}
