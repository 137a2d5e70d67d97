/*
 * answer.h -- a Kusto v1 answer taken apart while it arrives.
 *
 * {"Tables":[{"TableName":..,"Columns":[..],"Rows":[[..],..]},..]} in pieces cut
 * anywhere; rows go to the sink in batches. Tables that only describe the
 * answer (@ExtendedProperties, QueryStatus, the table of contents) are known by
 * their columns and kept from the sink.
 */
#ifndef ANSWER_H
#define ANSWER_H

#include "histcli/result.h"

#include "base/buf.h"

typedef struct answer answer;

/* sink is copied. NULL: no memory. */
answer *answer_new(hi_mem *mem, const result_sink *sink);
/* NULL is a no-op. */
void answer_free(answer *a);
hist_status answer_push(answer *a, const char *data, size_t size, hist_error *err);
/* The last byte was pushed: an answer that is cut off is an error. */
hist_status answer_finish(answer *a, hist_error *err);

/* The error object of a refused request ({"error":{..}}), or its text, as err; returns err->code. */
hist_status answer_refused(hi_mem *mem, const char *body, size_t size, long http_status,
                           hist_error *err);

#endif
