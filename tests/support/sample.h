/* sample.h -- small batches with every type and layout, for tests of the formats. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include "hist_batch.h"

/* Four rows, one column a type; row 2 is null in every column. FLAT. */
enum {
    SAMPLE_TIME,
    SAMPLE_LONG,
    SAMPLE_INT,
    SAMPLE_REAL,
    SAMPLE_BOOL,
    SAMPLE_STRING,
    SAMPLE_SPAN,
    SAMPLE_GUID,
    SAMPLE_DECIMAL,
    SAMPLE_COLUMNS,
};
extern const hist_column sample_flat[SAMPLE_COLUMNS];
extern const hist_column_info sample_flat_info[SAMPLE_COLUMNS];
hist_batch sample_flat_batch(void);

/* Four rows in every layout: const string, dictionary, runs, list of reals, tagged dynamic, const null,
   dynamic stored as datetimes. */
enum {
    SAMPLE_CONST,
    SAMPLE_DICT,
    SAMPLE_RUNS,
    SAMPLE_LIST,
    SAMPLE_TAGGED,
    SAMPLE_CONST_NULL,
    SAMPLE_DYNAMIC_TIME,
    SAMPLE_LAYOUTS,
};
extern const hist_column sample_layouts[SAMPLE_LAYOUTS];
extern const hist_column_info sample_layouts_info[SAMPLE_LAYOUTS];
hist_batch sample_layouts_batch(void);

#endif
