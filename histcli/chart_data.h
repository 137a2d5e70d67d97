/*
 * chart_data.h -- a result as points of a chart: which column is the time, which are series.
 *
 * As in Kusto the first datetime column is x, numeric columns are y and the
 * string columns left over tell series apart; arrays of make-series are taken
 * apart. A column called ...Anomaly... marks points of the column before it.
 */
#ifndef CHART_DATA_H
#define CHART_DATA_H

#include "base/buf.h"

typedef struct chart_data chart_data;

typedef struct chart_style {
    uint32_t width; /* Of the terminal. */
    uint32_t height;
    bool ascii;
    bool colour;
} chart_style;

/* columns must stay until free. NULL: no memory. */
chart_data *chart_data_new(hi_mem *mem, const hist_column_info *columns, uint32_t count);
/* NULL is a no-op. */
void chart_data_free(chart_data *d);
/* Do the columns have something to draw? If not, show the rows. */
bool chart_data_possible(const chart_data *d);
hist_status chart_data_add(chart_data *d, const hist_batch *batch, hist_error *err);
/* visualization: what `render` asked for, as JSON; NULL: a time chart. */
hist_status chart_data_draw(chart_data *d, hi_buf *to, const chart_style *style,
                            const char *visualization, hist_error *err);

#endif
