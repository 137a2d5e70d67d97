/* test_csv_write.c -- batches as CSV text, both dialects. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "formats/csv_write.h"
#include "tests/support/sample.h"

static hi_mem test_mem;

static void expect_text(hi_buf *buf, const char *want)
{
    assert_true(hi_buf_ok(buf));
    hi_buf_byte(buf, 0);
    assert_string_equal(buf->data, want);
    hi_buf_free(buf);
    assert_int_equal(test_mem.used, 0);
}

static hi_buf new_buf(void)
{
    hi_buf buf;

    hi_mem_init(&test_mem, NULL, NULL, 0);
    hi_buf_init(&buf, &test_mem, 1 << 20);
    return buf;
}

static void export_quotes_strings_always_and_others_never(void **state)
{
    const csv_options o = {.dialect = CSV_EXPORT, .time_digits = 9};
    const hist_batch batch = sample_flat_batch();
    hi_buf buf = new_buf();

    (void)state;
    csv_write_header(&buf, &o, sample_flat_info, SAMPLE_COLUMNS);
    csv_write_rows(&buf, &o, &batch, 0, UINT32_MAX);
    expect_text(&buf,
                "Timestamp,l,i,r,b,\"s,\"\"t\"\"\",p,g,m\n"
                "2025-11-20T00:00:00.000000000Z,0,1,0.1,true,\"\",00:00:00,"
                "74be27de-1e4e-49d9-b579-fe0b331d3642,1.5\n"
                "2025-11-20T00:00:00.123456789Z,9223372036854775807,2147483647,-0.0,false,"
                "\"a \"\"b\"\",c\nd\",1.02:03:04.0000001,00000000-0000-0000-0000-000000000000,-2\n"
                ",,,,,,,,\n"
                "1969-12-31T23:59:59.999999999Z,-9223372036854775808,-2147483648,5e-324,true,"
                "\"gr\xc3\xbc\xc3\x9f e\",-01:00:00,00000000-0000-0000-0000-000000000000,0\n");
}

static void display_quotes_where_needed_and_prints_as_kql(void **state)
{
    const csv_options o = {.dialect = CSV_DISPLAY};
    const hist_batch batch = sample_flat_batch();
    hi_buf buf = new_buf();

    (void)state;
    csv_write_rows(&buf, &o, &batch, 0, UINT32_MAX);
    expect_text(&buf,
                "2025-11-20T00:00:00.0000000Z,0,1,0.1,true,,00:00:00,"
                "74be27de-1e4e-49d9-b579-fe0b331d3642,1.5\n"
                "2025-11-20T00:00:00.123456789Z,9223372036854775807,2147483647,-0.0,false,"
                "\"a \"\"b\"\",c\nd\",1.02:03:04.0000001,00000000-0000-0000-0000-000000000000,-2\n"
                ",,,,,,,,\n"
                "1969-12-31T23:59:59.999999999Z,-9223372036854775808,-2147483648,5e-324,true,"
                "gr\xc3\xbc\xc3\x9f e,-01:00:00,00000000-0000-0000-0000-000000000000,0\n");
}

static void every_layout_is_written(void **state)
{
    const csv_options o = {.dialect = CSV_EXPORT, .time_digits = 6};
    const hist_batch batch = sample_layouts_batch();
    hi_buf buf = new_buf();

    (void)state;
    csv_write_rows(&buf, &o, &batch, 0, UINT32_MAX);
    expect_text(&buf, "\"const\",\"two\",10,\"[1.0,null]\",\"{\"\"k\"\":[1,\"\"x\"\"]}\",,"
                      "\"\"\"2025-11-20T00:00:00.0000000Z\"\"\"\n"
                      "\"const\",\"one\",,\"[]\",\"true\",,"
                      "\"\"\"2025-11-20T00:00:00.123456789Z\"\"\"\n"
                      "\"const\",,,,,,\n"
                      "\"const\",\"one\",30,\"[\"\"NaN\"\",\"\"Infinity\"\",\"\"-Infinity\"\"]\","
                      "\"2\",,\"\"\"1969-12-31T23:59:59.999999999Z\"\"\"\n");
    const csv_options shown = {.dialect = CSV_DISPLAY};
    buf = new_buf();
    csv_write_rows(&buf, &shown, &batch, 0, 2);
    expect_text(&buf, "const,two,10,\"[1.0,null]\",\"{\"\"k\"\":[1,\"\"x\"\"]}\",,"
                      "2025-11-20T00:00:00.0000000Z\n"
                      "const,one,,[],true,,2025-11-20T00:00:00.123456789Z\n");
}

static void tabs_need_quotes_only_in_tab_separated_text(void **state)
{
    static const int32_t offsets[] = {0, 3, 6, 8};
    static const hist_column column = {
        .type = HIST_TYPE_STRING,
        .stored = HIST_TYPE_STRING,
        .length = 3,
        .data_count = 3,
        .offsets = offsets,
        .bytes = "a\tba,b x",
    };
    const hist_batch batch = {
        .column_count = 1, .row_count = 3, .sel_count = 3, .columns = &column};
    const csv_options tab = {.dialect = CSV_DISPLAY, .separator = '\t'};
    const csv_options comma = {.dialect = CSV_DISPLAY};
    hi_buf buf = new_buf();

    (void)state;
    csv_write_rows(&buf, &tab, &batch, 0, UINT32_MAX);
    expect_text(&buf, "\"a\tb\"\na,b\n\" x\"\n");
    buf = new_buf();
    csv_write_rows(&buf, &comma, &batch, 0, UINT32_MAX);
    expect_text(&buf, "a\tb\n\"a,b\"\n\" x\"\n");
}

static void only_selected_rows_are_written_in_any_pieces(void **state)
{
    static const uint32_t sel[] = {1, 3};
    hist_batch batch = sample_layouts_batch();
    const csv_options o = {.dialect = CSV_DISPLAY};
    hi_buf buf = new_buf();

    (void)state;
    batch.sel = sel;
    batch.sel_count = 2;
    batch.column_count = 3;
    csv_write_rows(&buf, &o, &batch, 1, 5);
    csv_write_rows(&buf, &o, &batch, 0, 1);
    csv_write_rows(&buf, &o, &batch, 2, 5);
    expect_text(&buf, "const,one,30\nconst,one,\n");
}

static void numbers_that_are_none_have_the_names_readers_know(void **state)
{
    static const double reals[] = {NAN, INFINITY, -INFINITY, 1e300, 1e15};
    const hist_column column = {
        .type = HIST_TYPE_REAL,
        .stored = HIST_TYPE_REAL,
        .length = 5,
        .data_count = 5,
        .data = reals,
    };
    const hist_batch batch = {
        .column_count = 1, .row_count = 5, .sel_count = 5, .columns = &column};
    const csv_options o = {.dialect = CSV_EXPORT};
    const csv_options shown = {.dialect = CSV_DISPLAY};
    hi_buf buf = new_buf();

    (void)state;
    csv_write_rows(&buf, &o, &batch, 0, UINT32_MAX);
    expect_text(&buf, "NaN\nINF\n-INF\n1e+300\n1000000000000000.0\n");
    buf = new_buf();
    csv_write_rows(&buf, &shown, &batch, 0, 3);
    expect_text(&buf, "NaN\ninf\n-inf\n");
}

static void a_full_buffer_is_a_failure_and_nothing_leaks(void **state)
{
    const csv_options o = {.dialect = CSV_EXPORT, .time_digits = 9};
    const hist_batch batch = sample_flat_batch();
    const hist_batch layouts = sample_layouts_batch();

    (void)state;
    hi_mem_init(&test_mem, NULL, NULL, 0);
    for (size_t max = 0; max < 700; max += 7) {
        hi_buf buf;

        hi_buf_init(&buf, &test_mem, max);
        csv_write_rows(&buf, &o, &batch, 0, UINT32_MAX);
        csv_write_rows(&buf, &o, &layouts, 0, UINT32_MAX);
        assert_true(buf.size <= max);
        assert_true(max > 300 || !hi_buf_ok(&buf));
        hi_buf_free(&buf);
    }
    assert_int_equal(test_mem.used, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(export_quotes_strings_always_and_others_never),
        cmocka_unit_test(display_quotes_where_needed_and_prints_as_kql),
        cmocka_unit_test(every_layout_is_written),
        cmocka_unit_test(tabs_need_quotes_only_in_tab_separated_text),
        cmocka_unit_test(only_selected_rows_are_written_in_any_pieces),
        cmocka_unit_test(numbers_that_are_none_have_the_names_readers_know),
        cmocka_unit_test(a_full_buffer_is_a_failure_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
