/* must.h -- for tests of the library's API: what fails ends the test. Include after cmocka.h. */
#ifndef TESTS_MUST_H
#define TESTS_MUST_H

#include <string.h>

#include "hist.h"

static inline void must(hist_status status, const hist_error *err)
{
    if (status != HIST_OK) {
        fail_msg("%s: %s", hist_status_name(status), err->message);
    }
}

static inline hist_str str_of(const char *text)
{
    return (hist_str){text, strlen(text)};
}

#endif
