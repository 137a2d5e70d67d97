/* test_csv.c -- reading CSV: types, nulls, errors by line, bytes cut anywhere; and back from an export. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "base/num.h"
#include "formats/csv_read.h"
#include "formats/csv_write.h"
#include "tests/support/sample.h"

/* What the sink was told, as text: columns, rows as an export writes them, problems. */
typedef struct told {
    hi_mem mem;
    hi_buf text;
    hi_buf problems;
    hist_column_info columns[16];
    uint32_t count;
    hist_status answer; /* What rows() returns. */
} told;

static hist_status told_columns(void *arg, const hist_column_info *columns, uint32_t count,
                                int32_t time_column, hist_error *err)
{
    told *t = (told *)arg;

    (void)err;
    assert_true(count <= 16);
    for (uint32_t i = 0; i < count; i++) {
        hi_buf_printf(&t->text, "%s%s:%s%s", i > 0 ? " " : "", columns[i].name,
                      hist_type_name(columns[i].type), (int32_t)i == time_column ? "*" : "");
        t->columns[i] = columns[i];
    }
    t->count = count;
    hi_buf_byte(&t->text, '\n');
    return HIST_OK;
}

static hist_status told_rows(void *arg, const hist_batch *batch, const uint64_t *lines,
                             hist_error *err)
{
    const csv_options o = {.dialect = CSV_EXPORT, .time_digits = 3};
    told *t = (told *)arg;

    (void)err;
    assert_int_equal(batch->column_count, t->count);
    for (uint32_t i = 0; i < batch->sel_count; i++) {
        const uint32_t row = batch->sel == NULL ? i : batch->sel[i];

        hi_buf_printf(&t->text, "%llu|", (unsigned long long)lines[row]);
        csv_write_rows(&t->text, &o, batch, i, 1);
    }
    return t->answer;
}

static void told_refused(void *arg, const csv_problem *p)
{
    told *t = (told *)arg;

    hi_buf_printf(&t->problems, "%llu:%u %s %s \"%.*s\"\n", (unsigned long long)p->line, p->column,
                  p->name, p->what, (int)(p->value.size < 40 ? p->value.size : 40),
                  p->value.size == 0 ? "" : p->value.data);
}

static void told_open(told *t)
{
    memset(t, 0, sizeof(*t));
    hi_mem_init(&t->mem, NULL, NULL, 0);
    hi_buf_init(&t->text, &t->mem, 1 << 20);
    hi_buf_init(&t->problems, &t->mem, 1 << 20);
}

/* Reads the input in pieces; the status of the first call that failed. */
static hist_status told_read(told *t, const char *data, size_t size, size_t piece,
                             const csv_read_options *options, hist_error *err)
{
    const csv_sink sink = {told_columns, told_rows, told_refused, t};
    csv_reader *reader = NULL;
    hist_status status = csv_reader_open(&t->mem, options, &sink, &reader, err);

    for (size_t at = 0; status == HIST_OK && at < size; at += piece) {
        const size_t left = size - at < piece ? size - at : piece;
        char *copy = (char *)malloc(left);

        assert_non_null(copy);
        memcpy(copy, data + at, left);
        status = csv_reader_push(reader, copy, left, err);
        free(copy);
    }
    if (status == HIST_OK) {
        status = csv_reader_finish(reader, err);
    }
    csv_reader_close(reader);
    hi_buf_byte(&t->text, 0);
    hi_buf_byte(&t->problems, 0);
    return status;
}

static void told_close(told *t)
{
    hi_buf_free(&t->text);
    hi_buf_free(&t->problems);
    assert_int_equal(t->mem.used, 0);
}

/* Whole and in pieces of every size the same is told. */
static void expect(const char *input, const csv_read_options *options, const char *rows,
                   const char *problems)
{
    const size_t size = strlen(input);

    for (size_t piece = size; piece >= 1; piece--) {
        told t;
        hist_error err;

        told_open(&t);
        assert_int_equal(told_read(&t, input, size, piece, options, &err), HIST_OK);
        if (strcmp(t.text.data, rows) != 0 || strcmp(t.problems.data, problems) != 0) {
            fail_msg("pieces of %zu:\n%s%swant:\n%s%s", piece, t.text.data, t.problems.data, rows,
                     problems);
        }
        told_close(&t);
    }
}

static const csv_read_options usual = {.separator = ','};

static void types_are_the_narrowest_that_fit_all_values(void **state)
{
    (void)state;
    expect("time,l,r,b,s,d,n\n"
           "2026-01-31T23:59:59Z,1,1,true,x,2026-01-31 00:00:00,\n"
           "2026-01-31T23:59:59.25Z,-2,1e3,False,1,2026-02-01,\n",
           &usual,
           "time:datetime* l:long r:real b:bool s:string d:datetime n:string\n"
           "2|2026-01-31T23:59:59.000Z,1,1.0,true,\"x\",2026-01-31T00:00:00.000Z,\n"
           "3|2026-01-31T23:59:59.250Z,-2,1000.0,false,\"1\",2026-02-01T00:00:00.000Z,\n",
           "");
    expect("a,b,c,d\n007,1.5,true,1\n8,NaN,1,x\n9,-INF,0,\n", &usual,
           "a:string b:real c:string d:string\n2|\"007\",1.5,\"true\",\"1\"\n"
           "3|\"8\",NaN,\"1\",\"x\"\n4|\"9\",-INF,\"0\",\n",
           "");
}

static void null_and_the_empty_string_are_kept_apart(void **state)
{
    (void)state;
    expect("s,l\n\"\",1\n,2\nx,\n\"\",\"\"\n", &usual,
           "s:string l:string\n2|\"\",\"1\"\n3|,\"2\"\n4|\"x\",\n5|\"\",\"\"\n", "");
}

static void quoted_values_are_text_unless_all_are_quoted(void **state)
{
    (void)state;
    expect("a,b\n1,\"2\"\n3,\"4\"\n", &usual, "a:long b:string\n2|1,\"2\"\n3|3,\"4\"\n", "");
    expect("\"a\",\"b\"\n\"1\",\"2.5\"\n\"\",\"x\"\n", &usual,
           "a:long b:string\n2|1,\"2.5\"\n3|,\"x\"\n", "");
}

static void strings_are_never_trimmed(void **state)
{
    (void)state;
    expect("a,b\n x , 1 \n\"\ty\n\"\"z\"\"\",2\n", &usual,
           "a:string b:long\n2|\" x \",1\n3|\"\ty\n\"\"z\"\"\",2\n", "");
}

static void separators_are_found_in_the_header(void **state)
{
    const csv_read_options found = {0};
    const csv_read_options tab = {.separator = '\t'};

    (void)state;
    expect("a;b,c;d\n1;2;3\n", &found, "a:long b,c:long d:long\n2|1,2,3\n", "");
    expect("a\tb\n1,5\t2\n", &found, "a:string b:long\n2|\"1,5\",2\n", "");
    expect("\"a;;;\",b\n1,2\n", &found, "a;;;:long b:long\n2|1,2\n", "");
    expect("a\n1\n", &found, "a:long\n2|1\n", "");
    expect("a,b\tc\n1,2\t3\n", &tab, "a,b:string c:long\n2|\"1,2\",3\n", "");
    expect("\xef\xbb\xbf"
           "a,b\r\n1,2\r\n\r\n\n3,4",
           &found, "a:long b:long\n2|1,2\n5|3,4\n", "");
}

static void times_have_many_forms_and_integers_a_precision(void **state)
{
    csv_read_options o = {.separator = ',', .precision = 2};

    (void)state;
    expect("v,Time\n1,2026-01-31\n2,2026-01-31 12:00:00\n3,2026-01-31T12:00:00.5+01:00\n"
           "4,1769904000123\n5, 2026-01-31T12:00Z \n",
           &o,
           "v:long Time:datetime*\n2|1,2026-01-31T00:00:00.000Z\n3|2,2026-01-31T12:00:00.000Z\n"
           "4|3,2026-01-31T11:00:00.500Z\n5|4,2026-02-01T00:00:00.123Z\n"
           "6|5,2026-01-31T12:00:00.000Z\n",
           "");
    o.precision = 3;
    o.time_column = "when";
    expect("time,when\n1,1769904000\n", &o,
           "time:long when:datetime*\n2|1,2026-02-01T00:00:00.000Z\n", "");
    o.time_column = NULL;
    o.no_time = true;
    expect("time,v\n1,2\n", &o, "time:long v:long\n2|1,2\n", "");
}

static void declared_types_are_taken(void **state)
{
    static const hist_column_info declared[] = {
        {"a", HIST_TYPE_REAL}, {"b", HIST_TYPE_STRING}, {"c", HIST_TYPE_BOOL}};
    const csv_read_options o = {.declared = declared, .declared_count = 3};

    (void)state;
    expect("a,b,c\n1,2,TRUE\nx,3,false\n,,\n", &o,
           "a:real b:string c:bool\n2|1.0,\"2\",true\n4|,,\n", "3:1 a not a number \"x\"\n");
}

static void a_value_that_does_not_fit_refuses_its_row_only(void **state)
{
    const csv_read_options o = {.separator = ',', .batch_rows = 2};

    (void)state;
    expect(
        "time,l,s\n1,1,a\n2,2,b\n3,x,c\n4,4,\xff\n,5,e\nnever,6,f\n9,7,g\n"
        "99999999999999999999,8,h\n",
        &o,
        "time:datetime* l:long s:string\n2|1970-01-01T00:00:00.000Z,1,\"a\"\n"
        "3|1970-01-01T00:00:00.000Z,2,\"b\"\n8|1970-01-01T00:00:00.000Z,7,\"g\"\n",
        "4:2 l not an integer \"x\"\n5:3 s not UTF-8 \"\xff\"\n6:1 time the time is missing \"\"\n"
        "7:1 time not a time (2026-01-31T23:59:59.123Z, 2026-01-31 23:59:59, or an integer) "
        "\"never\"\n"
        "9:1 time a time outside of the years 1677 to 2262 \"99999999999999999999\"\n");
}

static void rows_that_make_no_sense_are_refused_and_reading_goes_on(void **state)
{
    (void)state;
    expect("a,b\n1\n2,3\n4,5,6\nx\"y,1\n7,8\n\"q\"r,1\n9,10\n\"open,11\n12,13\n", &usual,
           "a:long b:long\n3|2,3\n6|7,8\n8|9,10\n",
           "2:0  fewer values than the header has columns \"\"\n"
           "4:0  more values than the header has columns \"\"\n"
           "5:0  a quote is at the wrong place \"\"\n7:0  a quote is at the wrong place \"\"\n"
           "9:0  a quote is not closed \"\"\n");
    /* Behind the wrong place the next newline starts afresh. */
    expect("a,b\n\"x\ny\"z,\"\n5,6\n", &usual, "a:long b:long\n4|5,6\n",
           "2:0  a quote is at the wrong place \"\"\n");
    expect("a,b\n1,\r2\n3,x\ry\r\n", &usual, "a:long b:string\n2|1,\"\r2\"\n3|3,\"x\ry\"\n", "");
}

static void headers_that_make_no_sense_are_errors(void **state)
{
    static const hist_column_info missing[] = {{"zz", HIST_TYPE_REAL}};
    static const hist_column_info guid[] = {{"a", HIST_TYPE_GUID}};
    static const struct {
        const char *input;
        csv_read_options options;
        hist_status status;
        const char *message;
    } cases[] = {
        {"", {0}, HIST_ESYNTAX, "the CSV file is empty: its first row must name the columns"},
        {"\n\n", {0}, HIST_ESYNTAX, "the CSV file is empty: its first row must name the columns"},
        {"a,b,a\n", {0}, HIST_ESYNTAX, "columns 1 and 3 of the CSV header have the same name 'a'"},
        {"a,,b\n",
         {0},
         HIST_ESYNTAX,
         "column 2 of the CSV header has no name: give every column a name in UTF-8"},
        {"\n\"a\"x,b\n",
         {0},
         HIST_ESYNTAX,
         "the CSV header (line 2) is not well formed: a quote is at the wrong place"},
        {"a,b\n", {.time_column = "t"}, HIST_ENOTFOUND, "the CSV header has no time column 't'"},
        {"a,b\n",
         {.declared = missing, .declared_count = 1},
         HIST_ENOTFOUND,
         "the CSV header has no column 'zz'"},
        {"a,b\n",
         {.declared = guid, .declared_count = 1},
         HIST_ETYPE,
         "column 'a' cannot be read from CSV as guid: bool, long, real, string and datetime can"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hist_error err = {0};
        told t;

        told_open(&t);
        assert_int_equal(
            told_read(&t, cases[i].input, strlen(cases[i].input), 1, &cases[i].options, &err),
            cases[i].status);
        assert_string_equal(err.message, cases[i].message);
        told_close(&t);
    }
}

static void a_file_of_a_header_alone_has_columns_and_no_rows(void **state)
{
    (void)state;
    expect("time,a\n", &usual, "time:datetime* a:string\n", "");
    expect("time,a", &usual, "time:datetime* a:string\n", "");
}

static void rows_and_strings_have_limits(void **state)
{
    char *input = (char *)malloc(3 << 20);

    (void)state;
    assert_non_null(input);
    for (size_t over = 0; over < 2; over++) {
        for (int row = 0; row < 2; row++) {
            const size_t size = (row ? CSV_ROW_BYTES_MAX - 2 : CSV_STRING_BYTES_MAX) + over;
            told t;
            hist_error err;
            size_t at = 6;
            memcpy(input, "a,b\n1,", at);
            memset(input + at, 's', size);
            at += size;
            memcpy(input + at, "\n2,x\n", 5);
            told_open(&t);
            assert_int_equal(told_read(&t, input, at + 5, 4096, &usual, &err), HIST_OK);
            const char *want = !row && !over ? ""
                               : row && over ? "2:0  the row has more than"
                                             : "2:2 b more than 65536 bytes";
            assert_int_equal(strncmp(t.problems.data, want, strlen(want)), 0);
            assert_int_equal(t.problems.size == 1, *want == '\0');
            assert_non_null(strstr(t.text.data, "3|2,\"x\"\n"));
            told_close(&t);
        }
    }
    free(input);
}

static void what_an_export_wrote_reads_back_the_same(void **state)
{
    const csv_options o = {.dialect = CSV_EXPORT, .time_digits = 9};
    hist_batch batch = sample_flat_batch();
    hist_column columns[5];
    hist_column_info info[5];
    static const int pick[] = {SAMPLE_TIME, SAMPLE_LONG, SAMPLE_REAL, SAMPLE_BOOL, SAMPLE_STRING};
    static const uint32_t sel[] = {0, 1, 3}; /* Row 2 has no time. */
    told t;
    hi_buf text;
    hist_error err;

    (void)state;
    for (int i = 0; i < 5; i++) {
        columns[i] = sample_flat[pick[i]];
        info[i] = sample_flat_info[pick[i]];
    }
    batch.columns = columns;
    batch.column_count = 5;
    batch.sel = sel;
    batch.sel_count = 3;
    told_open(&t);
    hi_buf_init(&text, &t.mem, 1 << 20);
    csv_write_header(&text, &o, info, 5);
    csv_write_rows(&text, &o, &batch, 0, 3);
    assert_int_equal(told_read(&t, text.data, text.size, 7, &usual, &err), HIST_OK);
    assert_string_equal(t.problems.data, "");
    assert_string_equal(
        t.text.data,
        "Timestamp:datetime* l:long r:real b:bool s,\"t\":string\n"
        "2|2025-11-20T00:00:00.000Z,0,0.1,true,\"\"\n"
        "3|2025-11-20T00:00:00.123Z,9223372036854775807,-0.0,false,\"a \"\"b\"\",c\nd\"\n"
        "5|1969-12-31T23:59:59.999Z,-9223372036854775808,5e-324,true,"
        "\"gr\xc3\xbc\xc3\x9f e\"\n");
    hi_buf_free(&text);
    told_close(&t);
}

static void what_the_sink_says_stops_the_reading(void **state)
{
    const csv_read_options o = {.batch_rows = 1};
    hist_error err;
    told t;

    (void)state;
    told_open(&t);
    t.answer = HIST_ECANCELLED;
    assert_int_equal(told_read(&t, "a\n1\n2\n", 6, 6, &o, &err), HIST_ECANCELLED);
    assert_string_equal(t.text.data, "a:long\n2|1\n");
    told_close(&t);
}

static void out_of_memory_is_an_error_and_leaks_nothing(void **state)
{
    static const char input[] = "time,a,b\n1,2,x\n2,3,yyyy\n3,z,z\n";
    hist_status status = HIST_ENOMEM;

    (void)state;
    for (uint64_t limit = 1; status != HIST_OK; limit += 16) {
        hist_error err;
        told t;

        memset(&t, 0, sizeof(t));
        hi_mem_init(&t.mem, NULL, NULL, limit);
        hi_mem outside;
        hi_mem_init(&outside, NULL, NULL, 0);
        hi_buf_init(&t.text, &outside, 1 << 20);
        hi_buf_init(&t.problems, &outside, 1 << 20);
        status = told_read(&t, input, sizeof(input) - 1, 5, &usual, &err);
        assert_true(status == HIST_OK || status == HIST_ENOMEM || status == HIST_ELIMIT);
        told_close(&t);
        assert_int_equal(outside.used, 0);
        assert_true(limit < 1000000);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_the_narrowest_that_fit_all_values),
        cmocka_unit_test(null_and_the_empty_string_are_kept_apart),
        cmocka_unit_test(quoted_values_are_text_unless_all_are_quoted),
        cmocka_unit_test(strings_are_never_trimmed),
        cmocka_unit_test(separators_are_found_in_the_header),
        cmocka_unit_test(times_have_many_forms_and_integers_a_precision),
        cmocka_unit_test(declared_types_are_taken),
        cmocka_unit_test(a_value_that_does_not_fit_refuses_its_row_only),
        cmocka_unit_test(rows_that_make_no_sense_are_refused_and_reading_goes_on),
        cmocka_unit_test(headers_that_make_no_sense_are_errors),
        cmocka_unit_test(a_file_of_a_header_alone_has_columns_and_no_rows),
        cmocka_unit_test(rows_and_strings_have_limits),
        cmocka_unit_test(what_an_export_wrote_reads_back_the_same),
        cmocka_unit_test(what_the_sink_says_stops_the_reading),
        cmocka_unit_test(out_of_memory_is_an_error_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
