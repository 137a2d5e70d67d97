/*
 * chart.h -- lines over time drawn with characters.
 *
 * With braille a character holds 2 x 4 dots, in ASCII one. Every pixel column
 * shows all values between the least and the largest that fall into it, so no
 * spike is lost. A value that is no number is a gap.
 */
#ifndef CHART_H
#define CHART_H

#include "base/buf.h"

enum { CHART_LINES_MAX = 8 };

typedef struct chart_point {
    double x; /* ns since 1970, or a number. */
    double y; /* NaN: a gap. */
    int mark; /* 1: an anomaly upwards, -1: downwards, 0: none. */
} chart_point;

typedef struct chart_line {
    hist_str name;
    const chart_point *points; /* By x. */
    size_t count;
} chart_line;

typedef struct chart {
    const char *title; /* NULL: none. */
    bool time;         /* x are times. */
    bool dots;         /* Points, not lines between them. */
    bool ascii;
    bool colour;
    uint32_t width;  /* Characters in all. */
    uint32_t height; /* Of the plot alone. */
    const chart_line *lines;
    size_t line_count; /* At most CHART_LINES_MAX. */
} chart;

/* HIST_ENOMEM is all that can go wrong. */
hist_status chart_draw(hi_mem *mem, hi_buf *to, const chart *c, hist_error *err);

typedef struct chart_bar {
    hist_str name;
    double value;
} chart_bar;

void chart_bars(hi_buf *to, const chart *c, const chart_bar *bars, size_t count);

/* The step of ticks on a scale of that length: 1, 2 or 5 times a power of ten, at most `count` of them. */
double chart_step(double length, int count);

#endif
