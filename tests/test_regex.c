/* test_regex.c -- regular expressions: RE2's meaning, its refusals, bounded work. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "base/regex.h"

#ifdef HIST_WITH_PCRE2

static hi_regex *test_new(hi_mem *mem, const char *pattern)
{
    hist_error err;
    hi_regex *re = NULL;

    if (hi_regex_new(mem, pattern, strlen(pattern), &re, &err) != HIST_OK) {
        print_error("%s: %s\n", pattern, err.message);
        fail();
    }
    return re;
}

/* The first match is `want`; NULL: there is none. */
static void test_finds(const char *pattern, const char *text, const char *want)
{
    hi_mem mem;
    hi_regex_match match;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_regex *re = test_new(&mem, pattern);
    assert_int_equal(hi_regex_search(re, text, strlen(text), 0, &match, &err), HIST_OK);
    if (want == NULL) {
        assert_int_equal(match.count, 0);
    } else {
        assert_true(match.count > 0);
        assert_int_equal(match.span[0].end - match.span[0].start, strlen(want));
        assert_memory_equal(text + match.span[0].start, want, strlen(want));
    }
    hi_regex_free(re);
    assert_int_equal(mem.used, 0);
}

static void matches_are_leftmost_and_first(void **state)
{
    (void)state;
    test_finds("b+", "abbbc", "bbb");
    test_finds("a|ab", "xab", "a");
    test_finds("^x", "ax", NULL);
    test_finds("x+?", "xxx", "x");
    test_finds("a{2,3}", "aaaa", "aaa");
    test_finds("a{,2}", "a{,2}", "a{,2}");
    test_finds("a{", "xa{", "a{");
    test_finds("(?i)K\xc3\xa9", "xk\xc3\x89", "k\xc3\x89");
    test_finds(".", "\xe2\x82\xac", "\xe2\x82\xac");
    test_finds("", "abc", "");
    test_finds("[]a]+", "x]a]", "]a]");
    test_finds("[[:digit:]]+", "a12", "12");
    test_finds("[a[]+", "x[a", "[a");
    test_finds("\\Qa.b*\\E", "aXb a.b*", "a.b*");
    test_finds("\\p{Greek}+", "ab\xce\xb1\xce\xb2", "\xce\xb1\xce\xb2");
}

static void what_means_something_else_in_pcre_means_what_re2_says(void **state)
{
    (void)state;
    test_finds("a$", "a\n", NULL);
    test_finds("(?m)a$", "a\nb", "a");
    test_finds("\\v", "\n", NULL);
    test_finds("\\v", "\x0b", "\x0b");
    test_finds("\\s", "\x0b", NULL);
    test_finds("\\d", "\xd9\xa1", NULL);
    test_finds("\\w", "\xc3\xa9", NULL);
    test_finds(".", "\n", NULL);
    test_finds(".", "\r", "\r");
}

static void what_re2_does_not_know_is_refused(void **state)
{
    (void)state;
    static const char *const patterns[] = {
        "(a)\\1", "(?=a)",  "(?!a)",  "(?<=a)b", "(?<!a)b", "(?>a)",   "a*+",  "a++",
        "a?+",    "a{2}+",  "a**",    "(?|a)",   "(?#a)",   "(?R)",    "(?1)", "(?P>n)",
        "(?P=n)", "\\Z",    "\\G",    "\\K",     "\\X",     "\\R",     "\\h",  "\\N",
        "\\g1",   "\\k<n>", "(*UTF)", "(?(1)a)", "a{1001}", "[[:<:]]", "(",    ")",
        "[a",     "*a",     "\\",     "(?x)a",   "[\\b]",   "a{2,1}",  "\\C",
    };
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        hist_error err;
        hi_regex *re = NULL;

        if (hi_regex_new(&mem, patterns[i], strlen(patterns[i]), &re, &err) != HIST_EINVAL) {
            print_error("%s was taken\n", patterns[i]);
            fail();
        }
        assert_null(re);
        assert_int_equal(mem.used, 0);
    }
}

static void groups_and_later_matches_are_found(void **state)
{
    (void)state;
    const char *text = "k1=v1 k2=v2";
    hi_mem mem;
    hi_regex_match match;
    hist_error err;

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_regex *re = test_new(&mem, "(?P<key>k\\d)=(v\\d)(x)?");
    assert_int_equal(hi_regex_groups(re), 3);
    assert_int_equal(hi_regex_search(re, text, strlen(text), 3, &match, &err), HIST_OK);
    assert_int_equal(match.count, 4);
    assert_int_equal(match.span[0].start, 6);
    assert_int_equal(match.span[1].start, 6);
    assert_int_equal(match.span[2].start, 9);
    assert_int_equal(match.span[2].end, 11);
    assert_true(match.span[3].start == SIZE_MAX);
    assert_int_equal(hi_regex_search(re, text, strlen(text), 12, &match, &err), HIST_OK);
    assert_int_equal(match.count, 0);
    assert_int_equal(hi_regex_search(re, "\xff k1=v1", 7, 0, &match, &err), HIST_OK);
    assert_int_equal(match.count, 4);
    hi_regex_free(re);
    assert_int_equal(mem.used, 0);
}

static void work_and_memory_are_bounded(void **state)
{
    (void)state;
    char text[60];
    hi_mem mem;
    hi_regex_match match;
    hist_error err;
    hi_regex *re = NULL;

    memset(text, 'a', sizeof(text));
    hi_mem_init(&mem, NULL, NULL, 0);
    re = test_new(&mem, "(a|a)+[bc]");
    text[sizeof(text) - 1] = 'd';
    assert_int_equal(hi_regex_search(re, text, sizeof(text), 0, &match, &err), HIST_ELIMIT);
    hi_regex_free(re);
    assert_int_equal(mem.used, 0);
    for (uint64_t limit = 1; limit < 4000; limit += 113) {
        hi_mem_init(&mem, NULL, NULL, limit);
        const hist_status status = hi_regex_new(&mem, "(a|b)*c", 7, &re, &err);
        assert_true(status == HIST_OK || status == HIST_ENOMEM);
        hi_regex_free(re);
        assert_int_equal(mem.used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matches_are_leftmost_and_first),
        cmocka_unit_test(what_means_something_else_in_pcre_means_what_re2_says),
        cmocka_unit_test(what_re2_does_not_know_is_refused),
        cmocka_unit_test(groups_and_later_matches_are_found),
        cmocka_unit_test(work_and_memory_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#else

static void without_pcre2_every_pattern_is_refused_with_that_reason(void **state)
{
    (void)state;
    hi_mem mem;
    hist_error err;
    hi_regex *re = NULL;

    hi_mem_init(&mem, NULL, NULL, 0);
    assert_int_equal(hi_regex_new(&mem, "a", 1, &re, &err), HIST_EINVAL);
    assert_non_null(strstr(err.message, "PCRE2"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_pcre2_every_pattern_is_refused_with_that_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

#endif
