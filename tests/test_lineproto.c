/* test_lineproto.c -- the line-protocol parser: rules, errors, limits, resumption. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
/* clang-format on */

#include "formats/lineproto.h"
#include "tests/support/lp_show.h"

static void expect_bytes(const char *data, size_t size, const char *want)
{
    const run_options o = {.default_time = 42};
    text got = run_every_way(data, size, &o);

    strip_places(&got);
    if (strcmp(got.data, want) != 0) {
        text shown = {0};

        text_bytes(&shown, data, size);
        fail_msg("input %s\ngot:\n%swant:\n%s", shown.data, got.data, want);
    }
    text_free(&got);
}

#define EXPECT(input, want) expect_bytes(input, sizeof(input) - 1, want)

/* ---- the rules ---------------------------------------------------------------------------------------- */

static void the_tricky_inputs_are_read_as_v2_strict_says(void **state)
{
    (void)state;
    EXPECT("m v=\"\\n\"", "ok <m> <v>=s<\\0a> 42\n");
    EXPECT("m v=\"a\nb\",w=2 1", "ok <m> <v>=s<a\\0ab> <w>=f4000000000000000 1\n");
    EXPECT("m v=\"x\\\ny\"", "ok <m> <v>=s<x\\5c\\0ay> 42\n");
    EXPECT("m,k=x\001y v=1", "bad control-byte\n");
    EXPECT("\tm v=1", "bad control-byte\n");
    EXPECT("# c\tx\nm v=1", "bad comment-bad-byte\nok <m> <v>=f3ff0000000000000 42\n");
    EXPECT("m v=1 \r\nm v=2 2\r\n",
           "ok <m> <v>=f3ff0000000000000 42\nok <m> <v>=f4000000000000000 2\n");
    EXPECT("cpu,r=east\\\\  value=1", "ok <cpu> <r>:<east\\5c\\20> <value>=f3ff0000000000000 42\n");
    EXPECT("m,a=1\\ v=1", "bad tag-key-missing\n");
    EXPECT("m\\\nx v=1", "bad field-key-missing\nok <x> <v>=f3ff0000000000000 42\n");
    EXPECT("cpu\\=load,r=e v=1", "ok <cpu\\5c=load> <r>:<e> <v>=f3ff0000000000000 42\n");
    EXPECT(
        "\"m\",k=\"a v=1\nm,k=a v=2",
        "ok <\"m\"> <k>:<\"a> <v>=f3ff0000000000000 42\nok <m> <k>:<a> <v>=f4000000000000000 42\n");
    EXPECT("m v=\"a\"x", "bad junk-after-value\n");
    EXPECT("m v=\"a\nm v=1\nm v=2\n", "bad string-unterminated\n");
    EXPECT("m v=1.", "ok <m> <v>=f3ff0000000000000 42\n");
    EXPECT("m v=.5", "ok <m> <v>=f3fe0000000000000 42\n");
    EXPECT("m v=.", "bad number-bad\n");
    EXPECT("m v=-0.", "ok <m> <v>=f8000000000000000 42\n");
    EXPECT("m v=1e400", "bad number-bad\n");
    EXPECT("m v=1e-400", "ok <m> <v>=f0000000000000000 42\n");
    EXPECT("m v=1_000.5", "bad number-bad\n");
    EXPECT("m v=0x1p-2", "bad number-bad\n");
    EXPECT("m v=9223372036854775808i", "bad number-bad\n");
    EXPECT("m v=0009i", "ok <m> <v>=i9 42\n");
    EXPECT("m v=-0u", "bad number-bad\n");
    EXPECT("m v=tRuE", "bad field-value-missing\n");
    EXPECT("m v=T", "ok <m> <v>=b1 42\n");
    EXPECT("m,b=2,a=1,b=3 v=1", "bad tag-duplicate\n");
    EXPECT("m v=1,v=2", "ok <m> <v>=f3ff0000000000000 <v>=f4000000000000000 42\n");
    EXPECT("bad\xff v=1", "bad utf8\n");
    EXPECT("m v=\"\xed\xa0\x80\"", "bad utf8\n");
    EXPECT("\r\n\r\n", "");
    EXPECT("", "");
    EXPECT("GET /write HTTP/1.1", "bad field-key-missing\n");
    EXPECT("\xef\xbb\xbfm v=1", "ok <\\ef\\bb\\bfm> <v>=f3ff0000000000000 42\n");
}

static void names_are_unescaped_by_their_section(void **state)
{
    (void)state;
    EXPECT("a\\,b\\ c\\=d v=1i", "ok <a,b\\20c\\5c=d> <v>=i1 42\n");
    EXPECT("m,a\\,b\\ c\\=d=e\\,f\\ g\\=h v=1i", "ok <m> <a,b\\20c=d>:<e,f\\20g=h> <v>=i1 42\n");
    EXPECT("m a\\,b\\ c\\=d=1i", "ok <m> <a,b\\20c=d>=i1 42\n");
    EXPECT("m\\x\\\\,t\\y=z\\\\z v\\w=1i", "ok <m\\5cx\\5c,t\\5cy=z\\5c\\5cz> <v\\5cw>=i1 42\n");
    EXPECT("m,z=1,b=2,a=3 v=1i", "ok <m> <a>:<3> <b>:<2> <z>:<1> <v>=i1 42\n");
    EXPECT("m,a\\ =1,a\\ =2 v=1i", "bad tag-duplicate\n");
    EXPECT("m s=\"\\\"\\\\\\n\\r\\t\\x\\\"", "bad string-unterminated\n");
    EXPECT("m s=\"\\\"\\\\\\n\\r\\t\\x\"", "ok <m> <s>=s<\"\\5c\\0a\\0d\\09\\5cx> 42\n");
    EXPECT("m s=\"\\\\\"", "ok <m> <s>=s<\\5c> 42\n");
    EXPECT("m s=\"\\\\\\\\\",t=1i", "ok <m> <s>=s<\\5c\\5c> <t>=i1 42\n");
    EXPECT("m s=\"\x01\t\r\"", "ok <m> <s>=s<\\01\\09\\0d> 42\n");
    EXPECT("m s=\"\"", "ok <m> <s>=s<> 42\n");
    EXPECT("m\xc3\xa4,\xe2\x82\xac=\xf0\x9f\x98\x80 \xc3\xb6=\"\xf4\x8f\xbf\xbf\" 5",
           "ok <m\\c3\\a4> <\\e2\\82\\ac>:<\\f0\\9f\\98\\80> <\\c3\\b6>=s<\\f4\\8f\\bf\\bf> 5\n");
    EXPECT("m v\\", "bad field-key-missing\n");
    EXPECT("m\\", "bad field-key-missing\n");
}

static void numbers_are_exact_or_refused(void **state)
{
    (void)state;
    EXPECT("m v=9223372036854775807i", "ok <m> <v>=i9223372036854775807 42\n");
    EXPECT("m v=-9223372036854775808i", "ok <m> <v>=i-9223372036854775808 42\n");
    EXPECT("m v=-9223372036854775809i", "bad number-bad\n");
    EXPECT("m v=000000000000000000000000000012i", "ok <m> <v>=i12 42\n");
    EXPECT("m v=18446744073709551615u", "ok <m> <v>=u18446744073709551615 42\n");
    EXPECT("m v=18446744073709551616u", "bad number-bad\n");
    EXPECT("m v=-0i", "ok <m> <v>=i0 42\n");
    EXPECT("m v=1.0i", "bad number-bad\n");
    EXPECT("m v=1e1i", "bad number-bad\n");
    EXPECT("m v=-i", "bad number-bad\n");
    EXPECT("m v=-u", "bad number-bad\n");
    EXPECT("m v=1ii", "bad number-bad\n");
    EXPECT("m v=+1", "bad field-value-missing\n");
    EXPECT("m v=-+1", "bad number-bad\n");
    EXPECT("m v=--1", "bad number-bad\n");
    EXPECT("m v=-", "bad number-bad\n");
    EXPECT("m v=-.", "bad number-bad\n");
    EXPECT("m v=1.2.3", "bad number-bad\n");
    EXPECT("m v=1e", "bad number-bad\n");
    EXPECT("m v=1e+", "bad number-bad\n");
    EXPECT("m v=.e1", "bad number-bad\n");
    EXPECT("m v=-inf", "bad number-bad\n");
    EXPECT("m v=-nan", "bad number-bad\n");
    EXPECT("m v=NaN", "bad field-value-missing\n");
    EXPECT("m v=0x10", "bad number-bad\n");
    EXPECT("m v=1E5,w=1e+5,x=1.e5,y=100000",
           "ok <m> <v>=f40f86a0000000000 <w>=f40f86a0000000000 <x>=f40f86a0000000000 "
           "<y>=f40f86a0000000000 42\n");
    EXPECT("m v=0.1,w=-0", "ok <m> <v>=f3fb999999999999a <w>=f8000000000000000 42\n");
    EXPECT("m v=9007199254740993", "ok <m> <v>=f4340000000000000 42\n");
    EXPECT("m v=9007199254740993.0", "ok <m> <v>=f4340000000000000 42\n");
    EXPECT("m v=9007199254740995.0", "ok <m> <v>=f4340000000000002 42\n");
    EXPECT("m v=1.7976931348623157e308,w=5e-324",
           "ok <m> <v>=f7fefffffffffffff <w>=f0000000000000001 42\n");
    EXPECT("m v=1.7976931348623159e308", "bad number-bad\n");
    EXPECT("m v=0.000000000000000000000001", "ok <m> <v>=f3af357c299a88ea7 42\n");
    EXPECT("m v=00000000000000000000000000000000000001.5", "ok <m> <v>=f3ff8000000000000 42\n");
    EXPECT("m v=t,w=true,x=True,y=TRUE,a=f,b=false,c=False,d=FALSE,e=F",
           "ok <m> <v>=b1 <w>=b1 <x>=b1 <y>=b1 <a>=b0 <b>=b0 <c>=b0 <d>=b0 <e>=b0 42\n");
    EXPECT("m v=tr", "bad field-value-missing\n");
    EXPECT("m v=true1", "bad field-value-missing\n");
}

static void integral_says_whether_a_number_was_written_without_point_and_exponent(void **state)
{
    static const char input[] =
        "m a=1,b=1.0,c=1e0,d=1.,e=12345678901234567890,f=-7,g=12345678901234567890e1\n";
    static const bool want[] = {true, false, false, false, true, true, false};
    lp_parser *parser = (lp_parser *)malloc(sizeof(*parser));
    lp_line line;

    (void)state;
    assert_non_null(parser);
    lp_init(parser, 0, NULL);
    lp_feed(parser, input, sizeof(input) - 1, false);
    assert_int_equal(lp_next(parser, &line), LP_LINE);
    assert_int_equal(line.field_count, 7);
    for (size_t i = 0; i < 7; i++) {
        assert_int_equal(line.fields[i].type, LP_REAL);
        assert_int_equal(line.fields[i].integral, want[i]);
    }
    free(parser);
}

static void timestamps_are_scaled_and_checked(void **state)
{
    static const struct {
        int precision;
        const char *input;
        const char *want;
    } cases[] = {
        {0, "m v=1i 9223372036854775807", "ok <m> <v>=i1 9223372036854775807\n"},
        {0, "m v=1i 9223372036854775808", "bad time-range\n"},
        {0, "m v=1i -9223372036854775806", "ok <m> <v>=i1 -9223372036854775806\n"},
        {0, "m v=1i -9223372036854775807", "bad time-range\n"},
        {0, "m v=1i -9223372036854775808", "bad time-range\n"},
        {0, "m v=1i -9223372036854775809", "bad time-range\n"},
        {0, "m v=1i 99999999999999999999999", "bad time-range\n"},
        {0, "m v=1i 00000000000000000000000000000000007", "ok <m> <v>=i1 7\n"},
        {0, "m v=1i -0", "ok <m> <v>=i1 0\n"},
        {0, "m v=1i -", "bad time-bad\n"},
        {0, "m v=1i 1-", "bad time-bad\n"},
        {0, "m v=1i --1", "bad time-bad\n"},
        {0, "m v=1i 1.5", "bad time-bad\n"},
        {0, "m v=1i +1", "bad time-bad\n"},
        {0, "m v=1i 1i", "bad time-bad\n"},
        {0, "m v=1i 1,2", "bad time-bad\n"},
        {0, "m v=1i ,", "bad time-bad\n"},
        {0, "m v=1i x", "bad time-bad\n"},
        {0, "m v=1i 1 2", "bad junk-after-value\n"},
        {0, "m v=1i   17   ", "ok <m> <v>=i1 17\n"},
        {0, "  m   v=1i   17   \r\n", "ok <m> <v>=i1 17\n"},
        {0, "m v=1i\r", "ok <m> <v>=i1 1234567890123456789\n"},
        {0, "m v=1i 5\r", "ok <m> <v>=i1 5\n"},
        {0, "m v=1i\rx\nm v=2i", "bad time-bad\nok <m> <v>=i2 1234567890123456789\n"},
        {1, "m v=1i 17", "ok <m> <v>=i1 17000\n"},
        {1, "m v=1i", "ok <m> <v>=i1 1234567890123456000\n"},
        {2, "m v=1i 9223372036854", "ok <m> <v>=i1 9223372036854000000\n"},
        {2, "m v=1i 9223372036855", "bad time-range\n"},
        {2, "m v=1i -9223372036855", "bad time-range\n"},
        {3, "m v=1i 1", "ok <m> <v>=i1 1000000000\n"},
        {3, "m v=1i -1", "ok <m> <v>=i1 -1000000000\n"},
        {3, "m v=1i", "ok <m> <v>=i1 1234567890000000000\n"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const run_options o = {.precision = cases[i].precision,
                               .default_time = 1234567890123456789};
        text got = run_every_way(cases[i].input, strlen(cases[i].input), &o);

        strip_places(&got);
        assert_string_equal(got.data, cases[i].want);
        text_free(&got);
    }
}

static void a_bad_line_costs_that_line_only(void **state)
{
    (void)state;
    EXPECT("a v=1i\nb v=x\nc v=2i\n",
           "ok <a> <v>=i1 42\nbad field-value-missing\nok <c> <v>=i2 42\n");
    /* Behind an error the next newline ends the line, quotes or not. */
    EXPECT("m v=x,w=\"a\nb\" v=1i\n", "bad field-value-missing\nok <b\"> <v>=i1 42\n");
    EXPECT("m v=\"a\nb\"x,w=\"c\nd v=1i", "bad junk-after-value\nok <d> <v>=i1 42\n");
    EXPECT("m v=\"a\n\xff\nb\",w=1i\nd v=1i", "bad utf8\nok <d> <v>=i1 42\n");
    /* An error in the key comes before the string, so the string is none. */
    EXPECT("m,a v=\"x\nb v=1i\n\"",
           "bad tag-key-missing\nok <b> <v>=i1 42\nbad field-key-missing\n");
    EXPECT("\xff v=\"x\nb v=1i\n", "bad utf8\nok <b> <v>=i1 42\n");
    EXPECT("m,a= v=\"x\nb v=1i\n", "bad tag-value-missing\nok <b> <v>=i1 42\n");
    /* Tags given twice are no error of form: the line ends where it ends. */
    EXPECT("m,a=1,a=2 v=\"x\ny\"\nb v=1i\n", "bad tag-duplicate\nok <b> <v>=i1 42\n");
    EXPECT("m v=1i 5x\nb v=1i", "bad time-bad\nok <b> <v>=i1 42\n");
    EXPECT("m v=1i,\nb v=1i", "bad field-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m v=1i, w=2i\nb v=1i", "bad field-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m =1i\nb v=1i", "bad field-key-missing\nok <b> <v>=i1 42\n");
    EXPECT(",a=b v=1i\nb v=1i", "bad measurement-missing\nok <b> <v>=i1 42\n");
    EXPECT("m, v=1i\nb v=1i", "bad tag-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m,=b v=1i\nb v=1i", "bad tag-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m,a=b=c v=1i\nb v=1i", "bad tag-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m,a=b, v=1i\nb v=1i", "bad tag-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m\nb v=1i", "bad field-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m \nb v=1i", "bad field-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m v\nb v=1i", "bad field-key-missing\nok <b> <v>=i1 42\n");
    EXPECT("m v=\nb v=1i", "bad field-value-missing\nok <b> <v>=i1 42\n");
    EXPECT("m v\x7f=1i\nb v=1i", "bad control-byte\nok <b> <v>=i1 42\n");
    EXPECT("m\x7f v=1i\nb v=1i", "bad control-byte\nok <b> <v>=i1 42\n");
    EXPECT("m v=1i\x01\nb v=1i", "bad number-bad\nok <b> <v>=i1 42\n");
    EXPECT("\rm v=1i\nb v=1i", "bad measurement-missing\nok <b> <v>=i1 42\n");
    EXPECT("   \n \r\n\n# note\n  # note\nb v=1i", "ok <b> <v>=i1 42\n");
    EXPECT("#\r\n#\r", "");
    EXPECT("#a\rb\nb v=1i", "bad comment-bad-byte\nok <b> <v>=i1 42\n");
}

static void good_comments_are_handed_out(void **state)
{
    static const char input[] = "# report\nm v=1i\n#sync 17\r\n  #x\xff";
    const run_options o = {.comments = true};
    text got = run_every_way(input, sizeof(input) - 1, &o);

    (void)state;
    assert_string_equal(got.data, "comment <\\20report>\nok <m> <v>=i1 0 |2\n"
                                  "comment <sync\\2017>\ncomment <x\\ff>\n");
    text_free(&got);
}

static void errors_say_what_and_where(void **state)
{
    static const struct {
        const char *input;
        const char *want;
    } cases[] = {
        {"m v=12x", "column 5: not a number: \"12x\""},
        {"   m v=12x", "column 8: not a number: \"12x\""},
        {"m,host=a\tb v=1", "column 9: control byte outside of a string: \"\\x09\""},
        {"m v=\"a\xff\"", "column 7: not UTF-8: \"\\xff\""},
        {"m v=\"a", "column 5: the string has no closing quote"},
        {"m,a=1,a=2 v=1", "column 7: a tag key is given twice: \"a\""},
        {"m v=1 12:30", "column 7: not a timestamp: \"12:30\""},
        {"m v=1;w=2", "column 5: not a number: \"1;w=2\""},
        {"m v", "column 4: '=' should follow the field key"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const run_options o = {0};
        text got = run_every_way(cases[i].input, strlen(cases[i].input), &o);
        const char *shown = strstr(got.data, "column");

        assert_non_null(shown);
        got.data[got.size - 1] = '\0';
        assert_string_equal(shown, cases[i].want);
        text_free(&got);
    }
    for (int i = LP_OK; i <= LP_ERR_STRING_LIMIT; i++) {
        assert_string_not_equal(lp_error_name((lp_error)i), "unknown");
    }
    assert_string_equal(lp_error_name((lp_error)99), "unknown");
}

static void lines_are_numbered_through_strings_with_newlines(void **state)
{
    static const char input[] = "\n# x\nm v=\"a\nb\"\n\nm v=x\nn v=1i";
    const run_options o = {0};
    text got = run_every_way(input, sizeof(input) - 1, &o);

    (void)state;
    assert_non_null(strstr(got.data, "ok <m> <v>=s<a\\0ab> 0 |3\n"));
    assert_non_null(strstr(got.data, "ok <n> <v>=i1 0 |7\n"));
    text_free(&got);
}

/* ---- limits ------------------------------------------------------------------------------------------- */

static void text_repeat(text *t, char c, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        text_add(t, &c, 1);
    }
}

static void expect_first(text *input, const char *want)
{
    const run_options o = {.default_time = 42};
    const size_t cuts[] = {input->size / 3, input->size / 2};
    text_add(input, "\nz v=1i\n", 8);
    text whole = run_whole(input->data, input->size, &o);
    text parts = run_cut(input->data, input->size, cuts, 2, &o);

    assert_string_equal(whole.data, parts.data);
    strip_places(&whole);
    if (strncmp(whole.data, want, strlen(want)) != 0) {
        fail_msg("got %.80s, want %s", whole.data, want);
    }
    assert_true(whole.size > 18);
    assert_string_equal(whole.data + whole.size - 18, "\nok <z> <v>=i1 42\n");
    text_free(&whole);
    text_free(&parts);
    text_free(input);
}

static void names_have_at_most_1024_bytes(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        const char *want = over ? "bad name-limit\n" : "ok ";
        text t = {0};

        text_repeat(&t, 'm', 1024 + over);
        text_add(&t, " v=1", 4);
        expect_first(&t, want);
        text_add(&t, "m,", 2);
        text_repeat(&t, 'k', 1024 + over);
        text_add(&t, "=x v=1", 6);
        expect_first(&t, want);
        text_add(&t, "m ", 2);
        text_repeat(&t, 'f', 1024 + over);
        text_add(&t, "=1", 2);
        expect_first(&t, want);
        /* Escapes do not count. */
        text_add(&t, "m \\ ", 4);
        text_repeat(&t, 'f', 1023 + over);
        text_add(&t, "=1", 2);
        expect_first(&t, want);
        text_add(&t, "\\,", 2);
        text_repeat(&t, 'm', 1023 + over);
        text_add(&t, " v=1", 4);
        expect_first(&t, want);
    }
}

static void a_line_has_at_most_64_tags_and_512_fields(void **state)
{
    (void)state;
    for (int over = 0; over < 2; over++) {
        text t = {0};

        text_add(&t, "m", 1);
        for (int i = 0; i < 64 + over; i++) {
            text_printf(&t, ",k%d=v", i);
        }
        text_add(&t, " v=1", 4);
        expect_first(&t, over ? "bad tag-limit\n" : "ok ");
        text_add(&t, "m ", 2);
        for (int i = 0; i < 512 + over; i++) {
            text_printf(&t, "%sf%d=1", i == 0 ? "" : ",", i);
        }
        expect_first(&t, over ? "bad field-limit\n" : "ok ");
    }
}

static void a_string_has_at_most_65536_bytes(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        const run_options o = {.limits = {.line_bytes = 100000}};
        text t = {0};

        text_add(&t, "m v=\"", 5);
        text_repeat(&t, 's', 65536 + over);
        text_add(&t, "\"\n", 2);
        text got = run_whole(t.data, t.size, &o);
        assert_memory_equal(got.data, over ? "bad string-limit" : "ok <m> <v>=s", 12);
        text_free(&got);
        text_free(&t);
        text_add(&t, "m,k=", 4);
        text_repeat(&t, 's', 65536 + over);
        text_add(&t, " v=1\n", 5);
        got = run_whole(t.data, t.size, &o);
        assert_memory_equal(got.data, over ? "bad string-limit" : "ok <m> <k>:<s", 12);
        text_free(&got);
        text_free(&t);
    }
}

static void a_line_has_at_most_the_bytes_of_its_limit(void **state)
{
    (void)state;
    for (size_t over = 0; over < 2; over++) {
        text t = {0};

        text_add(&t, "m v=\"", 5);
        text_repeat(&t, 's', 65536 - 6 + over);
        text_add(&t, "\"", 1);
        expect_first(&t, over ? "bad line-limit\n" : "ok ");
        text_add(&t, "# ", 2);
        text_repeat(&t, 's', 65536 - 2 + over);
        text_add(&t, "\nm v=2i", 7);
        expect_first(&t, over ? "bad line-limit\nok <m>" : "ok <m>");
    }
    static const char input[] =
        "12345678 v=\"a\nb\nc\"\nm v=1i\nmm v=11i\nm v=\"a\nb\n\"\nm v=2i\n";
    const run_options o = {.limits = {.line_bytes = 8}};
    text got = run_every_way(input, sizeof(input) - 1, &o);

    strip_places(&got);
    assert_string_equal(got.data, "bad line-limit\nbad field-key-missing\nbad field-key-missing\n"
                                  "ok <m> <v>=i1 0\nok <mm> <v>=i11 0\nbad line-limit\n"
                                  "bad field-key-missing\nok <m> <v>=i2 0\n");
    text_free(&got);
}

static void a_long_line_is_reported_as_soon_as_it_is_known(void **state)
{
    static const char input[] = "m v=\"0123456789";
    const lp_limits limits = {.line_bytes = 12};
    lp_parser *parser = (lp_parser *)malloc(sizeof(*parser));
    lp_line line;

    (void)state;
    assert_non_null(parser);
    lp_init(parser, 0, &limits);
    lp_feed(parser, input, 12, false);
    assert_int_equal(lp_next(parser, &line), LP_MORE);
    assert_int_equal(parser->at, 0);
    lp_feed(parser, input, 13, false);
    assert_int_equal(lp_next(parser, &line), LP_BAD);
    assert_int_equal(parser->error, LP_ERR_LINE_LIMIT);
    assert_int_equal(lp_next(parser, &line), LP_MORE);
    assert_int_equal(parser->at, 13);
    lp_feed(parser, "zzzz", 4, false);
    assert_int_equal(lp_next(parser, &line), LP_MORE);
    assert_int_equal(parser->at, 4);
    lp_feed(parser, "z\nm v=1i\n", 9, false);
    assert_int_equal(lp_next(parser, &line), LP_LINE);
    assert_int_equal(line.line_number, 2);
    assert_int_equal(lp_next(parser, &line), LP_MORE);
    assert_int_equal(parser->at, 9);
    free(parser);
}

static double seconds_now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void a_line_is_out_as_soon_as_its_newline_is_in(void **state)
{
    static const char *const lines[] = {
        "m\\ b=\"x v=1i\n",
        "m,a\\ \\==\" v=1i\n",
        "m\\\\ b=\"x v=1i\n",
        "m v\\==1i,b=\"\n\"\n",
        "m v\\\\\\==1i\n",
        "m,a=\",b=\" v=1\n",
        "m v=\"\\\\\",w=\"\\\"\n\"\n",
        "m v=1 5\n",
        "m v=\"a\\\n\" 1\r\n",
        "m    v=\"=,\" \n",
        "m v\\ =\",=\"\n",
        "\"m\",\"t\"=\"x\" \"f\"=\"y\"\n",
    };
    lp_parser *parser = (lp_parser *)malloc(sizeof(*parser));
    lp_line line;

    (void)state;
    assert_non_null(parser);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        const size_t size = strlen(lines[i]);

        lp_init(parser, 0, NULL);
        for (size_t n = 1; n < size; n++) {
            lp_feed(parser, lines[i], n, false);
            assert_int_equal(lp_next(parser, &line), LP_MORE);
        }
        lp_feed(parser, lines[i], size, false);
        if (lp_next(parser, &line) != LP_LINE) {
            fail_msg("%s", lines[i]);
        }
    }
    free(parser);
}

/* Feeds a prefix that grows by one byte, the buffer staying in place. */
static double feed_by_bytes(const text *t)
{
    lp_parser *parser = (lp_parser *)malloc(sizeof(*parser));
    const double start = seconds_now();
    lp_line line;
    size_t from = 0;

    assert_non_null(parser);
    lp_init(parser, 0, NULL);
    for (size_t i = 1; i <= t->size; i++) {
        lp_feed(parser, t->data + from, i - from, false);
        while (lp_next(parser, &line) != LP_MORE) {
        }
        from += parser->at;
    }
    const double spent = seconds_now() - start;

    assert_int_equal(from, t->size);
    free(parser);
    return spent;
}

static void a_line_that_arrives_in_bytes_is_not_read_again_for_each(void **state)
{
    static const char *const units[] = {"\\\"", "\n", "\"\nx\"", "s", "\",v=\"\n", "\xc3\xa4"};

    (void)state;
    for (size_t u = 0; u < sizeof(units) / sizeof(units[0]); u++) {
        text t = {0};

        text_add(&t, "m a=\"\n\",v=\"", 11);
        while (t.size < 65000) {
            text_add(&t, units[u], strlen(units[u]));
        }
        text_add(&t, "\"\nz v=1i\n", 9);
        /* Reading all again for each byte is 2^31 steps, some seconds. */
        const double spent = feed_by_bytes(&t);
        if (spent > 0.5) {
            fail_msg("unit %zu: %.3f s for %zu bytes", u, spent, t.size);
        }
        text_free(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tricky_inputs_are_read_as_v2_strict_says),
        cmocka_unit_test(names_are_unescaped_by_their_section),
        cmocka_unit_test(numbers_are_exact_or_refused),
        cmocka_unit_test(integral_says_whether_a_number_was_written_without_point_and_exponent),
        cmocka_unit_test(timestamps_are_scaled_and_checked),
        cmocka_unit_test(a_bad_line_costs_that_line_only),
        cmocka_unit_test(good_comments_are_handed_out),
        cmocka_unit_test(errors_say_what_and_where),
        cmocka_unit_test(lines_are_numbered_through_strings_with_newlines),
        cmocka_unit_test(names_have_at_most_1024_bytes),
        cmocka_unit_test(a_line_has_at_most_64_tags_and_512_fields),
        cmocka_unit_test(a_string_has_at_most_65536_bytes),
        cmocka_unit_test(a_line_has_at_most_the_bytes_of_its_limit),
        cmocka_unit_test(a_long_line_is_reported_as_soon_as_it_is_known),
        cmocka_unit_test(a_line_is_out_as_soon_as_its_newline_is_in),
        cmocka_unit_test(a_line_that_arrives_in_bytes_is_not_read_again_for_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
