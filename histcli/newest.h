/* newest.h -- an empty answer explained: where the newest row of its table is. */
#ifndef NEWEST_H
#define NEWEST_H

#include "histcli/cli.h"
#include "histcli/source.h"

/* On stderr; silent when the query does not begin with a table. */
void newest_tell(cli *c, source *s, const char *text, size_t size);

#endif
