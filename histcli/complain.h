/* complain.h -- what is wrong with a query, with the line it is in and a mark under the place. */
#ifndef COMPLAIN_H
#define COMPLAIN_H

#include "histcli/run.h"

void complain_query(const run_text *text, const hist_error *err);
/* The text ends while `open` (a bracket, quote or pipe) at byte `at` waits for more. */
void complain_incomplete(const run_text *text, char open, size_t at);

#endif
