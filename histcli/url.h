/*
 * url.h -- a daemon asked over HTTP: KQL by POST /v1/rest/query, lines by POST /write.
 *
 * Answers are taken apart as they come: memory is one row of text and one batch,
 * whatever the size of the answer.
 */
#ifndef URL_H
#define URL_H

#include "histcli/cli.h"
#include "histcli/result.h"

typedef struct url url;

/* Only the form of the address is looked at; nobody is connected to before the first call. */
hist_status url_open(cli *c, const char *address, url **out, hist_error *err);
/* NULL is a no-op. */
void url_close(url *u);
hist_status url_query(url *u, const char *text, size_t size, const result_sink *sink,
                      hist_error *err);
/* Line protocol; precision is ns, us, ms or s. Lines refused by the daemon are no error: what it says goes to `refusal`. */
hist_status url_write(url *u, const char *precision, hist_str lines, hi_buf *refusal,
                      hist_error *err);
/* Did the last call fail before the daemon answered? */
bool url_unreachable(const url *u);

#endif
