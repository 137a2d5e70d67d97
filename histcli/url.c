/* url.c -- a daemon asked over HTTP; see url.h. */
#include "histcli/url.h"

#include "base/err.h"

hist_status url_open(cli *c, const char *address, url **out, hist_error *err)
{
    (void)c;
    *out = NULL;
    return hi_fail(err, HIST_EINVAL,
                   "%s: this histcli was built without libcurl and takes folders only", address);
}

void url_close(url *u)
{
    (void)u;
}

hist_status url_query(url *u, const char *text, size_t size, const result_sink *sink,
                      hist_error *err)
{
    (void)u;
    (void)text;
    (void)size;
    (void)sink;
    return hi_fail(err, HIST_EINVAL, "built without libcurl");
}

bool url_unreachable(const url *u)
{
    (void)u;
    return true;
}
