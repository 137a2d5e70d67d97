/* interrupt.h -- ^C: cancels the running query, or is noticed by whoever asks. */
#ifndef INTERRUPT_H
#define INTERRUPT_H

#include "hist.h"

void interrupt_install(void);
/* Was ^C pressed since the last interrupt_clear()? */
bool interrupt_seen(void);
void interrupt_clear(void);
/* The query that ^C cancels; NULL: none. Set it to NULL before closing the query. */
void interrupt_target(hist_query *query);
/* Threads started in between do not get the signal, so the handler runs in this one. */
void interrupt_block(void);
void interrupt_unblock(void);

#endif
