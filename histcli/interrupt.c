/* interrupt.c -- the only variables outside of main(): a signal handler can reach nothing else. */
#include "histcli/interrupt.h"

#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

static volatile sig_atomic_t interrupt_flag;
static hist_query *_Atomic interrupt_query;

/* A second ^C while the first was not yet noticed ends the program. */
static void interrupt_handle(int signal_number)
{
    (void)signal_number;
    hist_query *query = atomic_load(&interrupt_query);

    if (interrupt_flag >= 2) {
        _exit(130);
    }
    interrupt_flag = interrupt_flag + 1;
    if (query != NULL) {
        hist_query_cancel(query);
    }
}

void interrupt_install(void)
{
    struct sigaction action;

    memset(&action, 0, sizeof(action));
    action.sa_handler = interrupt_handle;
    (void)sigemptyset(&action.sa_mask);
    (void)sigaction(SIGINT, &action, NULL);
}

bool interrupt_seen(void)
{
    return interrupt_flag != 0;
}

void interrupt_clear(void)
{
    interrupt_flag = 0;
}

void interrupt_target(hist_query *query)
{
    atomic_store(&interrupt_query, query);
    if (query != NULL && interrupt_flag != 0) {
        hist_query_cancel(query);
    }
}

static void interrupt_mask(int how)
{
    sigset_t set;

    (void)sigemptyset(&set);
    (void)sigaddset(&set, SIGINT);
    (void)sigprocmask(how, &set, NULL);
}

void interrupt_block(void)
{
    interrupt_mask(SIG_BLOCK);
}

void interrupt_unblock(void)
{
    interrupt_mask(SIG_UNBLOCK);
}
