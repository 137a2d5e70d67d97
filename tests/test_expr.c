/* test_expr.c -- scalar expressions by text: what each function gives, nulls, errors and their places. */
/* cmocka.h wants the four before it. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <string.h>

#include "query/decimal.h"
#include "tests/support/expr_eval.h"

typedef struct expr_case {
    const char *text;
    const char *expected;
} expr_case;

static void check_cases(const expr_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        expr_env env;
        hist_column out;

        expr_env_open(&env, 0);
        if (expr_eval(&env, NULL, NULL, cases[i].text, &out) != HIST_OK) {
            print_error("%s: %s\n", cases[i].text, env.err.message);
            fail();
        }
        const char *shown = expr_show(&env, &out, 0);
        if (strcmp(shown, cases[i].expected) != 0) {
            print_error("%s gives %s, expected %s\n", cases[i].text, shown, cases[i].expected);
            fail();
        }
        expr_env_close(&env);
    }
}

#define CHECK_CASES(...)                                         \
    do {                                                         \
        static const expr_case cases_[] = {__VA_ARGS__};         \
        check_cases(cases_, sizeof(cases_) / sizeof(cases_[0])); \
    } while (0)

static void arithmetic_follows_the_types(void **state)
{
    (void)state;
    CHECK_CASES({"1 + 1", "2"}, {"9223372036854775807 + 1", "-9223372036854775808"},
                {"int(2147483647) + int(1)", "2147483648"}, {"-7 / 2", "-3"}, {"7 / 0", "null"},
                {"7.0 / 0", "\"Infinity\""}, {"-7 % 3", "2"}, {"7 % -3", "1"}, {"-7.5 % 2", "0.5"},
                {"7 % 0", "null"}, {"1d % 5h", "\"04:00:00\""}, {"1 + 0.5", "1.5"},
                {"-int(5)", "-5"}, {"2h / 30m", "4.0"}, {"1h * 1.5", "\"01:30:00\""},
                {"2 * 1h", "\"02:00:00\""}, {"1h / 2", "\"00:30:00\""},
                {"datetime(2020-01-02) - datetime(2020-01-01)", "\"1.00:00:00\""},
                {"datetime(2020-01-01) + 1d", "\"2020-01-02T00:00:00.0000000Z\""},
                {"decimal(0.1) + decimal(0.2) == decimal(0.3)", "true"},
                {"gettype(decimal(1) + int(1))", "\"decimal\""}, {"1 + long(null)", "null"},
                {"-9223372036854775807 - 2", "9223372036854775807"}, {"dynamic(5) + 1", "6"},
                {"dynamic(1.5) * 2", "3.0"}, {"dynamic('x') + 1", "null"});
}

static void comparison_is_total_but_for_two_nulls(void **state)
{
    (void)state;
    CHECK_CASES(
        {"1 == 1.0", "true"}, {"long(null) == 5", "false"}, {"long(null) != 5", "true"},
        {"long(null) == long(null)", "null"}, {"long(null) < 5", "null"},
        {"real(nan) == real(nan)", "false"}, {"real(nan) != real(nan)", "true"},
        {"real(nan) < 1.0", "false"}, {"'a' < 'b'", "true"}, {"'a' == 'A'", "false"},
        {"'a' =~ 'A'", "true"}, {"'\u00e9' =~ '\u00c9'", "true"}, {"'a' !~ 'A'", "false"},
        {"datetime(2020-01-01) < datetime(9999-12-31)", "true"}, {"5 between (1 .. 5)", "true"},
        {"5 !between (1 .. 5)", "false"}, {"5 between (long(null) .. 9)", "null"},
        {"datetime(2020-01-02) between (datetime(2020-01-01) .. 1d)", "true"},
        {"5 in (1, 2, 5)", "true"}, {"5 in (dynamic([1, 5]))", "true"}, {"5 !in (1, 2)", "true"},
        {"long(null) in (1)", "false"}, {"long(null) !in (1)", "true"},
        {"'A' in~ ('b', 'a')", "true"}, {"'A' !in~ ('b', 'a')", "false"},
        {"dynamic(5) == 5", "true"}, {"dynamic('5') == 5", "false"},
        {"true and bool(null)", "null"}, {"false and bool(null)", "false"},
        {"true or bool(null)", "true"}, {"not(bool(null))", "null"}, {"iff(bool(null), 1, 2)", "2"},
        {"case(1 > 2, 'a', 2 > 1, 'b', 'c')", "\"b\""}, {"coalesce('', 'x')", "\"x\""},
        {"coalesce(long(null), 3)", "3"}, {"max_of(1, long(null), 3)", "3"},
        {"min_of(real(nan), 1.0)", "\"NaN\""}, {"isnull('')", "false"}, {"isempty('')", "true"},
        {"isempty(long(null))", "true"}, {"isnan(real(nan))", "true"},
        {"isfinite(real(+inf))", "false"});
}

static void terms_are_runs_of_letters_and_digits(void **state)
{
    (void)state;
    CHECK_CASES({"'North America' has 'america'", "true"},
                {"'NorthAmerica' has 'america'", "false"}, {"'a_b' has 'b'", "true"},
                {"'a b c' has 'a b'", "true"}, {"'xa b' has 'a b'", "false"},
                {"'North' has_cs 'north'", "false"}, {"'a-b' !has 'b'", "false"},
                {"'North' hasprefix 'nor'", "true"}, {"'snorth' hasprefix 'nor'", "false"},
                {"'North' hassuffix 'TH'", "true"}, {"'norths' hassuffix 'th'", "false"},
                {"'abc' contains 'B'", "true"}, {"'abc' contains_cs 'B'", "false"},
                {"'abc' startswith 'AB'", "true"}, {"'abc' endswith 'BC'", "true"},
                {"'a b' has_any ('x', 'B')", "true"}, {"'a b' has_all ('a', 'c')", "false"},
                {"'a b' has_any (dynamic(['x', 'b']))", "true"},
                {"'caf\u00e9 x' has 'CAF\u00c9'", "true"}, {"'abc' has ''", "true"});
}

static void text_functions_count_code_points(void **state)
{
    (void)state;
    CHECK_CASES(
        {"strlen('h\u00e9\u20ac')", "3"}, {"string_size('h\u00e9')", "3"},
        {"substring('h\u00e9llo', 1, 2)", "\"\u00e9l\""}, {"substring('abc', -2)", "\"bc\""},
        {"substring('abc', 5)", "\"\""}, {"substring('abc', 0, -1)", "\"\""},
        {"indexof('abcabc', 'c', 3)", "5"}, {"indexof('abc', '')", "null"},
        {"indexof('abc', 'x')", "-1"}, {"countof('aaaa', 'aa')", "3"},
        {"countof('aaaa', 'aa', 'regex')", "2"}, {"split('a,b', ',')", "[\"a\",\"b\"]"},
        {"split('a,b', ',', 1)", "[\"b\"]"}, {"split('a,b', ',', 2)", "null"},
        {"split('', ',')", "[\"\"]"}, {"strcat('a', 1, 2.5)", "\"a12.5\""},
        {"strcat_array(dynamic([1, null, 'x']), '-')", "\"1--x\""},
        {"trim('x', 'xxaxx')", "\"xax\""}, {"trim(@'x+', 'xxaxx')", "\"a\""},
        {"replace_regex('a1b2', @'(\\d)', @'<\\1>')", "\"a<1>b<2>\""},
        {"replace_string('aaa', 'a', 'b')", "\"bbb\""}, {"extract(@'(\\d+)', 1, 'a12b')", "\"12\""},
        {"extract(@'(\\d+)', 1, 'a12b', typeof(long))", "12"},
        {"extract_all(@'(\\d)', 'a1b2')", "[\"1\",\"2\"]"}, {"extract_all(@'(x)', 'a1')", "null"},
        {"'abc' matches regex 'b.'", "true"}, {"reverse('a\u00e9')", "\"\u00e9a\""},
        {"translate('ab', 'x', 'aabbc')", "\"xxxxc\""},
        {"toupper('stra\u00dfe')", "\"STRA\u00dfE\""}, {"tostring(true)", "\"True\""},
        {"tostring(dynamic(true))", "\"true\""}, {"tostring(1.0)", "\"1.0\""},
        {"tostring(dynamic({'a':[1,2.5]}))", "\"{\\\"a\\\":[1,2.5]}\""});
}

static void conversions_give_null_for_what_cannot_be_read(void **state)
{
    (void)state;
    CHECK_CASES(
        {"toint('5.7')", "null"}, {"tolong(' +5 ')", "5"}, {"tolong('0x1F')", "31"},
        {"tolong('0xFFFFFFFFFFFFFFFF')", "-1"}, {"tolong('-0x10')", "null"}, {"tolong(2.9)", "2"},
        {"tolong(-2.9)", "-2"}, {"tolong(1e300)", "9223372036854775807"},
        {"tolong(real(+inf))", "null"}, {"toint(4294967297)", "1"}, {"todouble('1_000')", "null"},
        {"todouble('inf')", "\"Infinity\""}, {"tobool('-1')", "true"}, {"tobool('yes')", "null"},
        {"tobool('FALSE')", "false"}, {"tolong(datetime(1970-01-01))", "621355968000000000"},
        {"todatetime(621355968000000000)", "\"1970-01-01T00:00:00.0000000Z\""},
        {"totimespan('1d')", "\"1.00:00:00\""}, {"totimespan('13:00')", "\"13:00:00\""},
        {"tohex(-256)", "\"ffffffffffffff00\""}, {"tostring(long(null))", "\"\""},
        {"parse_json('')", "null"}, {"parse_json('not json')", "\"not json\""},
        {"parse_json('null')", "null"}, {"parse_json('{\"a\":1}').a", "1"},
        {"toguid('74be27de1e4e49d9b579fe0b331d3642')", "\"74be27de-1e4e-49d9-b579-fe0b331d3642\""},
        {"todecimal('0.1') * 3", "0.3"}, {"tolong(dynamic('12'))", "12"});
}

static void calendar_functions_know_weeks_and_months(void **state)
{
    (void)state;
    CHECK_CASES(
        {"bin(datetime(1955-11-05), 7d)", "\"1955-10-31T00:00:00.0000000Z\""}, {"bin(-7, 4)", "-8"},
        {"bin(6.5, 2.5)", "5.0"}, {"bin(5, 0)", "null"}, {"bin_at(6.5, 2.5, 7)", "4.5"},
        {"floor(3.7, 1)", "3.0"},
        {"bin_at(datetime(2020-01-15), 7d, datetime(2020-01-01))",
         "\"2020-01-15T00:00:00.0000000Z\""},
        {"startofweek(datetime(2024-02-29))", "\"2024-02-25T00:00:00.0000000Z\""},
        {"endofmonth(datetime(2024-02-10))", "\"2024-02-29T23:59:59.9999999Z\""},
        {"startofday(datetime(2024-02-10 12:00), -1)", "\"2024-02-09T00:00:00.0000000Z\""},
        {"dayofweek(datetime(2024-02-25))", "\"00:00:00\""},
        {"week_of_year(datetime(2016-01-01))", "53"},
        {"datetime_add('month', 1, datetime(2020-01-31))", "\"2020-02-29T00:00:00.0000000Z\""},
        {"datetime_diff('day', datetime(2020-03-01), datetime(2020-02-28))", "2"},
        {"datetime_part('hour', datetime(2020-03-01 13:00))", "13"},
        {"make_datetime(2017, 10, 1, 12, 11, 0.1234567)", "\"2017-10-01T12:11:00.1234567Z\""},
        {"make_datetime(2017, 13, 1)", "null"}, {"make_timespan(1, 12, 30)", "\"01:12:30\""},
        {"format_datetime(datetime(2007-03-09 05:04:03), 'yy-M-d h:mm tt')", "\"07-3-9 5:04 AM\""},
        {"format_datetime(datetime(2020-01-05), 'dddd')", "\"0505\""},
        {"format_timespan(-1h, 'hh:mm')", "\"-01:00\""}, {"now() - ago(1h)", "\"01:00:00\""},
        {"unixtime_seconds_todatetime(0)", "\"1970-01-01T00:00:00.0000000Z\""});
}

static void numbers_round_away_from_zero(void **state)
{
    (void)state;
    CHECK_CASES({"round(2.5)", "3.0"}, {"round(-2.5)", "-3.0"}, {"round(2.345, 2)", "2.35"},
                {"ceiling(-1.5)", "-1.0"}, {"log(-1)", "null"}, {"log(0)", "\"-Infinity\""},
                {"sqrt(-1)", "\"NaN\""}, {"pow(2, 10)", "1024.0"}, {"abs(-5)", "5"},
                {"sign(-2.5)", "-1.0"}, {"exp10(2)", "100.0"},
                {"hash('World')", "1846988464401551951"},
                {"hash_md5('abc')", "\"900150983cd24fb0d6963f7d28e17f72\""},
                {"hash_sha1('abc')", "\"a9993e364706816aba3e25717850c26c9cd0d89d\""},
                {"hash_sha256('abc')",
                 "\"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad\""},
                {"base64_encode_tostring('Kusto')", "\"S3VzdG8=\""},
                {"base64_decode_tostring('S3VzdG8=')", "\"Kusto\""},
                {"url_decode(url_encode('a b/\u00e9'))", "\"a b/\u00e9\""},
                {"binary_xor(5, 1)", "4"}, {"format_bytes(20010332, 2)", "\"19.08 MB\""},
                {"convert_length(1.2, 'Meter', 'Foot')", "3.9370078740157477"},
                {"ipv4_is_in_range('192.168.1.6', '192.168.1.0/24')", "true"},
                {"parse_ipv4('127.0.0.1')", "2130706433"},
                {"parse_version('1.2.3') < parse_version('1.10')", "true"});
}

static void dynamic_values_are_read_by_their_kind(void **state)
{
    (void)state;
    CHECK_CASES(
        {"dynamic([1, 2, 3])[-1]", "3"}, {"dynamic([1])[5]", "null"},
        {"dynamic({'a':{'b':7}}).a.b", "7"}, {"dynamic(5).x", "null"},
        {"gettype(dynamic([1]))", "\"array\""}, {"gettype(dynamic({}))", "\"dictionary\""},
        {"gettype(dynamic(null))", "\"null\""}, {"array_length(dynamic([1, 2]))", "2"},
        {"array_slice(dynamic([1, 2, 3, 4, 5]), -3, -2)", "[3,4]"},
        {"array_sum(dynamic([1, 2]))", "3.0"},
        {"array_concat(dynamic([1]), dynamic(null), dynamic([2]))", "[1,2]"},
        {"array_iff(dynamic([true, false, true]), dynamic([1, 2]), dynamic([3, 4]))", "[1,4,null]"},
        {"array_sort_desc(dynamic([null, 'b', 'a']), false)", "[null,\"b\",\"a\"]"},
        {"array_split(dynamic([1, 2, 3]), 1)", "[[1],[2,3]]"},
        {"array_rotate_left(dynamic([1, 2, 3]), 1)", "[2,3,1]"},
        {"array_shift_right(dynamic([1, 2, 3]), 1)", "[null,1,2]"},
        {"array_index_of(dynamic([5, 6]), 6)", "1"}, {"range(1, 8, 3)", "[1,4,7]"},
        {"range(1h, 3h)", "[\"01:00:00\",\"02:00:00\",\"03:00:00\"]"},
        {"zip(dynamic([1]), dynamic(['a', 'b']))", "[[1,\"a\"],[null,\"b\"]]"},
        {"repeat(1, 3)", "[1,1,1]"}, {"pack_array(1, 'a', real(null))", "[1,\"a\",null]"},
        {"bag_pack('a', 1, 'b', 'x')", "{\"a\":1,\"b\":\"x\"}"},
        {"bag_merge(dynamic({'a':1}), dynamic({'a':2, 'b':3}))", "{\"a\":1,\"b\":3}"},
        {"bag_keys(dynamic({'a':1}))", "[\"a\"]"},
        {"bag_remove_keys(dynamic({'a':1,'b':2}), dynamic(['a']))", "{\"b\":2}"},
        {"bag_set_key(dynamic({'a':1}), 'a', 5)", "{\"a\":5}"},
        {"set_union(dynamic([1, 2]), dynamic([2, 3]))", "[1,2,3]"},
        {"set_difference(dynamic([1, 2, 1]), dynamic([2]))", "[1]"},
        {"jaccard_index(dynamic([1, 2, 3]), dynamic([1, 2, 3, 4]))", "0.75"},
        {"treepath(dynamic({'a':[1,2]}))", "[\"['a']\",\"['a'][0]\"]"});
}

static void series_functions_keep_integers_where_told(void **state)
{
    (void)state;
    CHECK_CASES({"series_add(dynamic([1, 2]), dynamic([10, 20]))", "[11,22]"},
                {"series_add(dynamic([1, 2]), 0.5)", "[1.5,2.5]"},
                {"series_divide(dynamic([1, 2]), dynamic([2, 2]))", "[0.5,1.0]"},
                {"series_greater(dynamic([1, 5]), 2)", "[false,true]"},
                {"series_abs(dynamic([-1, 2]))", "[1,2]"},
                {"series_add(dynamic([1, null]), dynamic([1, 2]))", "[2,null]"},
                {"series_fill_linear(dynamic([1, null, 4]))", "[1,2,4]"},
                {"series_fill_linear(dynamic([1.0, null, 4]))", "[1.0,2.5,4.0]"},
                {"series_fill_const(dynamic([1, null]), 0.0)", "[1,0.0]"},
                {"series_fill_forward(dynamic([null, 'a', null]))", "[null,\"a\",\"a\"]"},
                {"series_fir(dynamic([0,0,2,2,3]), dynamic([1,-1]), false, false)", "[0,0,2,0,1]"},
                {"series_iir(dynamic([1,2,3]), dynamic([1]), dynamic([1,-1]))", "[1.0,3.0,6.0]"},
                {"series_sum(dynamic([1,2,3,4]))", "10.0"},
                {"series_stats(dynamic([2, 4]))", "2.0"},
                {"series_stats_dynamic(dynamic([2, 4])).avg", "3.0"}, {"series_sum('x')", "null"},
                {"series_fit_line_dynamic(dynamic([1, 2, 3])).slope", "1.0"},
                {"series_seasonal(dynamic([1,3,5,1,3,5,2,4,6]), 3)",
                 "[1.0,3.0,5.0,1.0,3.0,5.0,1.0,3.0,5.0]"});
}

static void rarer_functions_give_what_their_books_say(void **state)
{
    (void)state;
    CHECK_CASES(
        {"round(beta_inv(0.1, 10, 20), 12)", "0.226415022389"},
        {"round(beta_cdf(0.5, 2, 2), 12)", "0.5"}, {"beta_cdf(2, 1, 1)", "\"NaN\""},
        {"round(welch_test(0.5, 1.0, 10, 0.0, 1.0, 10), 10)", "0.2782527549"},
        {"around(5, 4, 1)", "true"},
        {"around(datetime(2020-01-02), datetime(2020-01-01), 1h)", "false"},
        {"dynamic_to_json(dynamic({'b':1,'a':{'d':2,'c':3}}))",
         "\"{\\\"a\\\":{\\\"c\\\":3,\\\"d\\\":2},\\\"b\\\":1}\""},
        {"has_any_index('Example number 2', range(1, 3))", "1"},
        {"has_any_index('a b', dynamic(['x']))", "-1"},
        {"url_encode_component('a b/')", "\"a%20b%2f\""}, {"url_encode('a b')", "\"a+b\""},
        {"parse_command_line('echo \"hello world!\"', 'windows')", "[\"echo\",\"hello world!\"]"},
        {"parse_csv('aa,\"b,\"\"b\",c')", "[\"aa\",\"b,\\\"b\",\"c\"]"},
        {"parse_path('file://C:/temp/file.txt:some.exe').RootPath", "\"C:\""},
        {"parse_url('s://u:p@h:1/x?k=v#f')['Query Parameters'].k", "\"v\""});
}

/* ---- errors ---- */

typedef struct error_case {
    const char *text;
    uint32_t column, length;
    const char *part; /* Of the message. */
} error_case;

static void errors_tell_the_place_and_the_nearest_name(void **state)
{
    static const hi_field fields[] = {{"temperature", HIST_TYPE_REAL}, {"name", HIST_TYPE_STRING}};
    static const hi_schema schema = {2, fields};
    static const error_case cases[] = {
        {"1 + temprature", 5, 10, "did you mean 'temperature'"},
        {"strlenn(name)", 1, 7, "did you mean 'strlen'"},
        {"1 + name", 3, 1, "long and string"},
        {"name + name", 6, 1, "strcat()"},
        {"substring(name)", 1, 15, "takes 2 to 3 arguments, 1 given"},
        {"name > 5", 6, 1, "compare a string with a long"},
        {"bin(name, 1)", 5, 4, "is a string where a number is needed"},
        {"name.x", 1, 6, "parse_json()"},
        {"extract('(', 1, name)", 1, 0, ""},
        {"datetime(9999-12-31) + 1d", 1, 20, "outside of the range"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        expr_env env;
        hist_column out;
        const hist_column columns[2] = {{0}};
        hist_batch batch = {.column_count = 2, .columns = columns};

        expr_env_open(&env, 0);
        assert_true(
            hi_col_nulls(&env.arena, HIST_TYPE_REAL, 1, (hist_column *)(uintptr_t)&columns[0]));
        assert_true(
            hi_col_nulls(&env.arena, HIST_TYPE_STRING, 1, (hist_column *)(uintptr_t)&columns[1]));
        batch.row_count = 1;
        batch.sel_count = 1;
        const hist_status status = expr_eval(&env, &schema, &batch, cases[i].text, &out);
        if (status != HIST_ESEMANTIC || strstr(env.err.message, cases[i].part) == NULL ||
            env.err.column != cases[i].column ||
            (cases[i].length != 0 && env.err.length != cases[i].length)) {
            print_error("%s: status %d at %u+%u: %s\n", cases[i].text, (int)status, env.err.column,
                        env.err.length, env.err.message);
            fail();
        }
        expr_env_close(&env);
    }
}

static void running_out_of_memory_is_an_error_and_leaves_nothing(void **state)
{
    static const char *const texts[] = {
        "strcat('a', tostring(now()), tolower('X'))", "array_sort_asc(range(1, 500))",
        "series_decompose(range(1, 200))", "replace_regex('aaaa', 'a', 'bb')",
        "'x' in ('a', 'b', 'x')"};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        hist_status status = HIST_ENOMEM;

        for (uint64_t limit = 512; status != HIST_OK && limit < (1 << 24); limit += limit / 8) {
            expr_env env;
            hist_column out;

            expr_env_open(&env, limit);
            status = expr_eval(&env, NULL, NULL, texts[i], &out);
            assert_true(status == HIST_OK || status == HIST_ENOMEM);
            expr_env_close(&env);
            assert_int_equal(env.mem.used, 0);
        }
        assert_int_equal(status, HIST_OK);
    }
}

static void decimals_are_exact(void **state)
{
    hist_decimal a;
    hist_decimal b;
    hist_decimal c;
    int64_t whole;

    (void)state;
    assert_true(hi_decimal_parse("-12.345", 7, &a));
    assert_true(hi_decimal_parse("2e1", 3, &b));
    assert_true(hi_decimal_mul(a, b, &c));
    assert_true(hi_decimal_to_i64(c, &whole));
    assert_int_equal(whole, -246);
    assert_true(hi_decimal_div(hi_decimal_of_i64(1), hi_decimal_of_i64(3), &c));
    assert_int_equal(c.lo, INT64_C(333333333333333333));
    assert_true(hi_decimal_mod(hi_decimal_of_i64(-7), hi_decimal_of_i64(3), &c));
    assert_int_equal(hi_decimal_compare(c, hi_decimal_of_i64(2)), 0);
    assert_false(hi_decimal_div(a, hi_decimal_of_i64(0), &c));
    assert_true(hi_decimal_parse("170141183460469231731", 21, &a));
    assert_false(hi_decimal_parse("170141183460469231732", 21, &a));
    assert_false(hi_decimal_add(a, a, &c));
    assert_false(hi_decimal_parse("1.2.3", 5, &a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arithmetic_follows_the_types),
        cmocka_unit_test(comparison_is_total_but_for_two_nulls),
        cmocka_unit_test(terms_are_runs_of_letters_and_digits),
        cmocka_unit_test(text_functions_count_code_points),
        cmocka_unit_test(conversions_give_null_for_what_cannot_be_read),
        cmocka_unit_test(calendar_functions_know_weeks_and_months),
        cmocka_unit_test(numbers_round_away_from_zero),
        cmocka_unit_test(dynamic_values_are_read_by_their_kind),
        cmocka_unit_test(series_functions_keep_integers_where_told),
        cmocka_unit_test(rarer_functions_give_what_their_books_say),
        cmocka_unit_test(errors_tell_the_place_and_the_nearest_name),
        cmocka_unit_test(running_out_of_memory_is_an_error_and_leaves_nothing),
        cmocka_unit_test(decimals_are_exact),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
