/* ingest.h -- what ingest.c (known lines) and ingest_new.c (new series and fields) share. */
#ifndef HI_INGEST_H
#define HI_INGEST_H

#include <stdarg.h>

#include "api/writer.h"

/* Beside real statuses: how a line can end. */
#define INGEST_REFUSED ((hist_status)-1) /* call->reason says why. */
#define INGEST_UNKNOWN ((hist_status)-2) /* Series or field not known yet. */

/* One call of hist_append_lp(). */
typedef struct ingest_call {
    hist_writer *w;
    const hist_lp_options *options;
    hist_lp_result *result;
    const hi_store_limits *limits;
    bool limited;         /* max_age or max_future is on. */
    int64_t now_ns;       /* The clock when the call began. */
    int64_t base_ns;      /* Time of lines without one; INT64_MIN: not taken yet. */
    uint32_t table;       /* Of the line at hand; 0: a new one, */
    hist_str measurement; /* with this name. */
    hist_status reason_status;
    char reason[HIST_ERROR_MESSAGE_SIZE];
    hist_error *err;
} ingest_call;

typedef struct ingest_series {
    uint32_t slot; /* Of the table. */
    uint32_t series;
} ingest_series;

/* Returns INGEST_REFUSED. */
hist_status hi_ingest_refuse(ingest_call *call, hist_status status, const char *fmt, ...)
    HI_PRINTF(3, 4);
hist_status hi_ingest_refuse_type(ingest_call *call, hist_str field, hist_type has,
                                  const lp_field *given);
writer_op hi_ingest_op(lp_type given, hist_type column);
/* The integer as a double; false: there is no such double. */
bool hi_ingest_exact(const lp_field *field, double *out);
/* Without escapes; perhaps in the writer's scratch. */
hist_str hi_ingest_field_name(ingest_call *call, const lp_field *field);

/*
 * hi_ingest_define -- find or define table, series and all fields of a line, after the whole line was found
 * to be good. HIST_OK, INGEST_REFUSED (nothing was defined), or an error of the call.
 */
hist_status hi_ingest_define(ingest_call *call, const lp_line *line, ingest_series *out);

#endif
