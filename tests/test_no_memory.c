/*
 * test_no_memory.c -- the allocator says no: at every call once, and for a while. Nothing crashes or
 * leaks, nothing acknowledged is lost, and writing goes on when there is memory again.
 */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>

#include "hist.h"

#include "tests/support/story.h"

/* Calls [at, at + count) of alloc fail. */
typedef struct failing {
    uint64_t at;
    uint64_t count;
    uint64_t calls;
    int64_t live;
    bool reached;
} failing;

static void *failing_alloc(void *arg, size_t size)
{
    failing *f = arg;

    f->calls++;
    if (f->calls >= f->at && f->calls - f->at < f->count) {
        f->reached = true;
        return NULL;
    }
    f->live++;
    return malloc(size);
}

static void failing_free(void *arg, void *ptr, size_t size)
{
    failing *f = arg;

    (void)size;
    f->live--;
    free(ptr);
}

/* One story with a lack of memory from call `at` on. false: it was over before. */
static bool tell_without_memory(uint64_t at, uint64_t count, uint64_t batches, bool stubborn)
{
    failing f = {.at = at, .count = count};
    const hist_allocator allocator = {failing_alloc, failing_free, &f};
    hist_vfs *vfs = hist_vfs_memory_new();
    story s = {.batches = batches, .stubborn = stubborn, .allocator = &allocator};
    hist_status status = HIST_OK;
    char why[1024];

    story_tell(&s, vfs);
    if (f.live != 0) {
        fail_msg("call %" PRIu64 ": %" PRId64 " blocks were not freed; %s", at, f.live,
                 s.error.message);
    }
    if (s.status != HIST_OK && s.status != HIST_ENOMEM) {
        fail_msg("call %" PRIu64 ": %s: %s", at, hist_status_name(s.status), s.error.message);
    }
    if (!story_check(&s, vfs, 0, &status, why, sizeof(why))) {
        fail_msg("call %" PRIu64 ": %s; after %s", at, why, s.error.message);
    }
    if (stubborn && s.written != batches) {
        fail_msg("call %" PRIu64 ": writing ended after batch %" PRIu64 ": %s", at, s.written,
                 s.error.message);
    }
    hist_vfs_memory_free(vfs);
    return f.reached;
}

static uint64_t step_of(uint64_t bounded)
{
    return getenv("HIST_LONG") != NULL ? 1 : bounded;
}

static void one_allocation_that_fails_costs_one_call(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 1, 60, true); at += step_of(3)) {
    }
}

static void a_store_that_is_closed_after_the_failure_is_whole(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 1, 60, false); at += step_of(5)) {
    }
}

static void writing_resumes_by_itself_when_there_is_memory_again(void **state)
{
    (void)state;
    for (uint64_t at = 1; tell_without_memory(at, 12, 60, true); at += step_of(7)) {
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_allocation_that_fails_costs_one_call),
        cmocka_unit_test(a_store_that_is_closed_after_the_failure_is_whole),
        cmocka_unit_test(writing_resumes_by_itself_when_there_is_memory_again),
    };

    return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
