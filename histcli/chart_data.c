/* chart_data.c -- points of a chart; see chart_data.h. */
#include "histcli/chart_data.h"

struct chart_data {
    hi_mem *mem;
};

chart_data *chart_data_new(hi_mem *mem, const hist_column_info *columns, uint32_t count)
{
    chart_data *d = HI_MEM_NEW(mem, chart_data);

    (void)columns;
    (void)count;
    if (d != NULL) {
        d->mem = mem;
    }
    return d;
}

void chart_data_free(chart_data *d)
{
    if (d != NULL) {
        HI_MEM_DELETE(d->mem, d);
    }
}

bool chart_data_possible(const chart_data *d)
{
    (void)d;
    return false;
}

hist_status chart_data_add(chart_data *d, const hist_batch *batch, hist_error *err)
{
    (void)d;
    (void)batch;
    (void)err;
    return HIST_OK;
}

hist_status chart_data_draw(chart_data *d, hi_buf *to, const chart_style *style,
                            const char *visualization, hist_error *err)
{
    (void)d;
    (void)to;
    (void)style;
    (void)visualization;
    (void)err;
    return HIST_OK;
}
