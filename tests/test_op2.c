/*
 * test_op2.c -- parse, parse-kv, scan, top-nested, top-hitters, partition, evaluate, sample, invoke. Know first: no
 * rows are stored; queries bring their rows along, and answers are compared as CSV.
 */
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

#include "hist.h"

#include "base/buf.h"
#include "formats/csv_write.h"

static hist_db *db;
static hi_mem text_mem;

static int db_open(void **state)
{
    hist_error err = {0};
    hist_open_options options = HIST_OPEN_OPTIONS;

    (void)state;
    options.threads = 0;
    hi_mem_init(&text_mem, NULL, NULL, 0);
    return hist_open(":memory:", &options, &db, &err) == HIST_OK ? 0 : -1;
}

static int db_close(void **state)
{
    hist_error err = {0};

    (void)state;
    return hist_close(db, &err) == HIST_OK ? 0 : -1;
}

/* ---- asking ---- */

static void put_error(hi_buf *to, const hist_error *err)
{
    hi_buf_printf(to, "error %s\n", err->message);
}

static void put_header(hi_buf *to, const hist_query *q)
{
    const hist_column_info *columns;
    const size_t count = hist_query_columns(q, &columns);

    for (size_t c = 0; c < count; c++) {
        hi_buf_printf(to, "%s%s", c > 0 ? "," : "", columns[c].name);
    }
    hi_buf_printf(to, "\n");
}

static hist_status put_rows(hi_buf *to, hist_query *q, hist_error *err)
{
    const csv_options csv = {.dialect = CSV_DISPLAY};
    hist_batch batch;

    do {
        const hist_status status = hist_query_next(q, &batch, err);

        if (status != HIST_OK) {
            return status;
        }
        csv_write_rows(to, &csv, &batch, 0, batch.row_count);
    } while (batch.row_count > 0);
    return HIST_OK;
}

/* Of each result the names of columns, then rows; or "error ...". */
static void ask(const char *query, uint64_t memory, hi_buf *to)
{
    hist_query_options options = HIST_QUERY_OPTIONS;
    hist_error err = {0};
    hist_query *q;
    bool more = true;

    options.memory_bytes_max = memory;
    hi_buf_init(to, &text_mem, 16 << 20);
    if (hist_query_open(db, query, SIZE_MAX, &options, &q, &err) != HIST_OK) {
        put_error(to, &err);
        return;
    }
    while (more) {
        put_header(to, q);
        if (put_rows(to, q, &err) != HIST_OK) {
            hi_buf_clear(to);
            put_error(to, &err);
            break;
        }
        assert_int_equal(hist_query_next_result(q, &more, &err), HIST_OK);
    }
    hist_query_close(q);
    assert_true(hi_buf_ok(to));
}

/* Line ends are not looked at: CSV ends lines with CR LF. */
static void without_cr(hi_buf *text)
{
    size_t n = 0;

    for (size_t i = 0; i < text->size; i++) {
        if (text->data[i] != '\r') {
            text->data[n++] = text->data[i];
        }
    }
    text->size = n;
    hi_buf_byte(text, '\0');
}

static void answers(const char *query, const char *expected)
{
    hi_buf text;

    ask(query, 0, &text);
    without_cr(&text);
    if (strcmp(text.data, expected) != 0) {
        print_error("query    %s\nexpected %s\nfound    %s\n", query, expected, text.data);
    }
    assert_string_equal(text.data, expected);
    hi_buf_free(&text);
}

static void same(const char *query, const char *other)
{
    hi_buf text;

    ask(other, 0, &text);
    without_cr(&text);
    assert_true(strncmp(text.data, "error", 5) != 0);
    answers(query, text.data);
    hi_buf_free(&text);
}

/* ---- parse ---- */

static void parse_cuts_columns_out_of_a_text(void **state)
{
    (void)state;
    answers("datatable(s:string)['a=1 b=x y', 'zz'] | parse s with 'a=' a:long ' b=' b",
            "s,a,b\na=1 b=x y,1,x y\nzz,,\n");
    answers("datatable(s:string)['a=1 b=x y', 'zz'] | parse-where s with 'a=' a:long ' b=' b",
            "s,a,b\na=1 b=x y,1,x y\n");
    answers("print s='port 80 tcp' | parse s with * n:int ' ' rest | project n, rest",
            "n,rest\n80,tcp\n");
    answers("print s='a=5' | parse s with 'a=' s:long | getschema | project ColumnName, ColumnType",
            "ColumnName,ColumnType\ns,long\n");
}

static void parse_covers_the_whole_text(void **state)
{
    (void)state;
    answers("print s='xa=1y' | parse s with 'a=' a:long | project a", "a\n\"\"\n");
    answers("print s='a=1y' | parse s with 'a=' a:long | project a", "a\n\"\"\n");
    answers("print s='xa=1y' | parse s with * 'a=' a:long * | project a", "a\n1\n");
}

static void parse_takes_strings_up_to_the_first_text_that_lets_the_rest_match(void **state)
{
    (void)state;
    answers("print s='a,b,c' | parse s with x ',' y | project x, y", "x,y\na,\"b,c\"\n");
    answers("print s='a,b,7' | parse s with x ',' y:long | project x, y", "x,y\n\"a,b\",7\n");
}

static void parse_relaxed_gives_null_for_what_is_not_of_the_type(void **state)
{
    (void)state;
    answers("print s='n=x m=2' | parse s with 'n=' n:long ' m=' m:long | project n, m", "n,m\n,\n");
    answers("print s='n=x m=2' | parse kind=relaxed s with 'n=' n:long ' m=' m:long | project n, m",
            "n,m\n,2\n");
}

static void parse_regex_numbers_groups_past_those_of_the_user(void **state)
{
    (void)state;
    answers("print s='k-7;zz' | parse kind=regex s with @'(k)(?:-)' n:long @'[;(]' rest "
            "| project n, rest",
            "n,rest\n7,zz\n");
    answers("print s='K=7' | parse-where kind=regex flags=i s with 'k=' n:long | project n",
            "n\n7\n");
    answers("print s='x' | parse kind=fast s with a",
            "error parse: there is no kind 'fast'; there are simple, relaxed and regex\n");
}

static void parse_gives_up_on_endless_tries(void **state)
{
    (void)state;
    answers("print s=replace_string('xxxxxxxxxxxxxxxxxxxx', 'x', 'aaaaaaaaaa') "
            "| parse-where s with * 'a' * 'a' * 'a' * 'a' * 'a' * 'a' * 'b' | count",
            "Count\n0\n");
}

/* ---- parse-kv ---- */

static void parse_kv_reads_pairs_by_delimiters(void **state)
{
    (void)state;
    answers("print s='Id:45, Node:N1, Text: is up, Level: Info' | parse-kv s as (Text:string, "
            "Id:long, No:string) with (pair_delimiter=',', kv_delimiter=':') | project-away s",
            "Text,Id,No\nis up,45,\n");
    answers("print s='l=1;c=5;l=2' | parse-kv s as (l:long) with (pair_delimiter=';', "
            "kv_delimiter='=') | project l",
            "l\n1\n");
    answers("print s='2021 [INFO] Id:45, Text: Started' | parse-kv s as (Text:string, Id:long) "
            "| project-away s",
            "Text,Id\nStarted,45\n");
}

static void parse_kv_reads_quotes_escapes_greedy_values_and_patterns(void **state)
{
    (void)state;
    answers("print s='a=(x y),(b c)=(z)' | parse-kv s as (a:string, ['b c']:string) with "
            "(pair_delimiter=',', kv_delimiter='=', quote='()') | project-away s",
            "a,b c\nx y,z\n");
    answers("print s=@'a=\"x\\\"y\"|b=2' | parse-kv s as (a:string, b:long) with "
            "(pair_delimiter='|', kv_delimiter='=', quote='\"', escape='\\\\') | project-away s",
            "a,b\n\"x\"\"y\",2\n");
    answers("print s='n=John Doe p=5 6' | parse-kv s as (n:string, p:string) with "
            "(pair_delimiter=' ', kv_delimiter='=', greedy=true) | project-away s",
            "n,p\nJohn Doe,5 6\n");
    answers("print s='<a>1</a><b>2</b>' | parse-kv s as (a:long, b:long) with "
            "(regex=@'<(\\w)>(\\d)') | project-away s",
            "a,b\n1,2\n");
}

/* ---- scan ---- */

static void scan_carries_state_from_row_to_row(void **state)
{
    (void)state;
    same(
        "range x from 1 to 500 step 1 | scan declare (c:long=0) with (step s: true => c = x + s.c;)",
        "range x from 1 to 500 step 1 | extend c = row_cumsum(x)");
    answers("range x from 1 to 3 step 1 | scan declare (a:long=0, b:long=1) with "
            "(step s: true => a = s.b, b = s.a + x;)",
            "x,a,b\n1,1,1\n2,1,3\n3,3,4\n");
    answers(
        "range x from 1 to 3 step 1 | scan declare (c:long=5) with (step s: true => c = c + x;)",
        "x,c\n1,6\n2,7\n3,8\n");
}

static void scan_hands_sequences_from_step_to_step(void **state)
{
    (void)state;
    answers(
        "datatable(t:long, e:string)[0,'A', 1,'Start', 2,'B', 3,'D', 4,'Stop', 6,'C', 8,'Start', "
        "11,'E', 12,'Stop'] | sort by t asc | scan with_match_id=m with ("
        "step s1: e == 'Start'; step s2: e != 'Start' and e != 'Stop' and t - s1.t <= 5; "
        "step s3: e == 'Stop' and t - s1.t <= 5;)",
        "t,e,m\n1,Start,0\n2,B,0\n3,D,0\n4,Stop,0\n8,Start,1\n11,E,1\n12,Stop,1\n");
}

static void scan_gives_out_all_the_last_or_none_of_the_rows_of_a_step(void **state)
{
    (void)state;
    answers(
        "range x from 1 to 6 step 1 | scan with_match_id=m with (step a output=last: x % 4 != 0; "
        "step b: x % 4 == 0;)",
        "x,m\n3,0\n4,0\n6,1\n");
    answers("range x from 1 to 6 step 1 | scan with (step a output=none: x % 4 != 0; "
            "step b: x % 4 == 0;)",
            "x\n4\n");
}

static void scan_says_what_is_wrong(void **state)
{
    (void)state;
    answers("range x from 1 to 3 step 1 | scan declare (x:long) with (step s: true;)",
            "error scan: there is a column 'x' already\n");
    answers("range x from 1 to 3 step 1 | scan declare (c:long) with (step s: true => d = x;)",
            "error scan: only columns of declare can be set; 'd' is none of them\n");
    answers("range x from 1 to 3 step 1 | scan declare (c:string) with (step s: true => c = x;)",
            "error scan: 'c' is a string, this is a long\n");
}

/* ---- groups ---- */

#define NESTED                                                                             \
    "datatable(a:string, b:string, v:long)['x','p',10, 'x','q',20, 'x','r',5, 'y','p',7, " \
    "'y','q',3, 'z','p',1, 'z','r',2, 'w','p',1] | "

static void top_nested_keeps_the_largest_of_each_group(void **state)
{
    (void)state;
    answers(NESTED "top-nested 2 of a by sum(v), top-nested 1 of b by s=sum(v)",
            "a,aggregated_a,b,s\nx,35,q,20\ny,10,p,7\n");
    answers(NESTED "top-nested 1 of a by sum(v) asc, top-nested of b by count()",
            "a,aggregated_a,b,aggregated_b\nw,1,p,1\n");
    answers(NESTED "where v > 99 | top-nested of a by sum(v)", "a,aggregated_a\n");
}

static void top_nested_sums_the_others_up(void **state)
{
    (void)state;
    answers(NESTED
            "top-nested 2 of a with others='rest' by sum(v), top-nested 1 of b with others='o' "
            "by s=sum(v)",
            "a,aggregated_a,b,s\nx,35,q,20\nx,35,o,15\ny,10,p,7\ny,10,o,3\nrest,4,o,4\n");
    answers(NESTED "top-nested 1 of a with others='rest' by sum(v), top-nested 1 of b by s=sum(v)",
            "a,aggregated_a,b,s\nx,35,q,20\nrest,14,,\n");
}

static void top_nested_of_one_level_is_summarize_and_top(void **state)
{
    (void)state;
    same("range x from 1 to 5000 step 1 | extend k = hash(x, 97) | top-nested 7 of k by s=sum(x)",
         "range x from 1 to 5000 step 1 | extend k = hash(x, 97) | summarize s=sum(x) by k "
         "| top 7 by s");
    same("range x from 1 to 5000 step 1 | extend k = hash(x, 97) | top-hitters 7 of k by x",
         "range x from 1 to 5000 step 1 | extend k = hash(x, 97) "
         "| summarize approximate_sum_x=sum(x) by k | top 7 by approximate_sum_x");
}

static void partition_runs_its_pipe_for_each_key(void **state)
{
    (void)state;
    same(
        "range x from 1 to 3000 step 1 | extend k = hash(x, 41) | partition by k "
        "(summarize s=sum(x), m=max(x) by k) | sort by k asc",
        "range x from 1 to 3000 step 1 | extend k = hash(x, 41) | summarize s=sum(x), m=max(x) by k "
        "| sort by k asc");
    answers("datatable(k:string, v:long)['b',1, 'a',2, 'b',3, 'a',4] | partition by k "
            "(top 1 by v desc | extend n=1)",
            "k,v,n\nb,3,1\na,4,1\n");
    answers("range x from 1 to 0 step 1 | partition by x (count)", "Count\n");
}

/* ---- evaluate ---- */

static void bag_unpack_makes_a_column_of_each_key(void **state)
{
    (void)state;
    answers(
        "datatable(d:dynamic, y:long)[dynamic({'n':'J','a':20}),1, dynamic({'n':'D','a':40.5}),2] "
        "| evaluate bag_unpack(d)",
        "y,a,n\n1,20.0,J\n2,40.5,D\n");
    answers("datatable(d:dynamic)[dynamic({'n':'J'})] | evaluate bag_unpack(d, 'p_')", "p_n\nJ\n");
    answers(
        "datatable(d:dynamic)[dynamic({'n':'J'})] | evaluate bag_unpack(d) : (m:long, n:string)",
        "m,n\n,J\n");
    answers(
        "datatable(n:string, d:dynamic)['a',dynamic({'n':'J'})] | evaluate bag_unpack(d)",
        "error bag_unpack: there is a column 'n' already; give a prefix, or \"replace_source\" or "
        "\"keep_source\" as the third argument\n");
    answers("datatable(n:string, d:dynamic)['a',dynamic({'n':'J'})] "
            "| evaluate bag_unpack(d, '', 'keep_source')",
            "n\na\n");
}

static void pivot_spreads_values_to_columns(void **state)
{
    (void)state;
    answers("datatable(s:string, c:string, v:long)['a','x',1, 'a',\"y'\",2, 'b','x',3, 'b','x',4] "
            "| evaluate pivot(c, sum(v)) | sort by s asc",
            "s,x,y'\na,1,2\nb,7,0\n");
    answers("datatable(s:string, c:long)['a',1, 'a',2, 'b',1] | evaluate pivot(c) | sort by s asc",
            "s,1,2\na,1,1\nb,1,0\n");
    answers("datatable(c:long)[1] | evaluate pivot(c, sum(zz))",
            "error there is no column or value 'zz' here\n");
}

static void narrow_gives_a_row_a_value(void **state)
{
    (void)state;
    answers("datatable(s:string, v:long)['a',1, 'b',long(null)] | evaluate narrow()",
            "Row,Column,Value\n0,s,a\n0,v,1\n1,s,b\n1,v,\n");
}

static void rolling_percentile_looks_back_over_its_bins(void **state)
{
    (void)state;
    answers("range i from 0 to 95 step 1 | project t = datetime(2018-01-01) + 1h*i, v = i + 1 "
            "| evaluate rolling_percentile(v, 50, t, 1d, 3) | project rolling_3_percentile_v_50",
            "rolling_3_percentile_v_50\n12\n24\n36\n60\n72\n84\n");
}

/* ---- the others ---- */

static void sample_picks_different_rows_of_the_input(void **state)
{
    (void)state;
    answers("range x from 1 to 1000 step 1 | sample 50 | summarize n=count(), d=count_distinct(x), "
            "ok=countif(x between (1 .. 1000))",
            "n,d,ok\n50,50,50\n");
    answers("range x from 1 to 7 step 1 | sample 50 | count", "Count\n7\n");
    answers("range x from 1 to 7 step 1 | sample 0 | count", "Count\n0\n");
    answers("range x from 1 to 70 step 1 | extend y = x % 5 | sample-distinct 3 of y "
            "| summarize count(), count_distinct(y)",
            "count_,count_distinct_y\n3,3\n");
}

static void invoke_gives_the_rows_to_a_function(void **state)
{
    (void)state;
    answers("let f = (T:(x:long), low:long) { T | where x > low | summarize sum(x) }; "
            "range x from 1 to 5 step 1 | invoke f(3)",
            "sum_x\n9\n");
}

static void project_by_names_takes_names_and_patterns(void **state)
{
    (void)state;
    answers("print xa=1, y=2, xb=3 | project-by-names dynamic(['y', 'x*']), 'none'",
            "y,xa,xb\n2,1,3\n");
}

static void fork_and_facet_give_several_results(void **state)
{
    (void)state;
    answers("range x from 1 to 3 step 1 | fork (count) (where x > 1 | extend y = 2 * x)",
            "Count\n3\nx,y\n2,4\n3,6\n");
    answers(
        "print 7; datatable(k:string, v:long)['a',1, 'a',2] | facet by k, v with (take 1); print 8",
        "print_0\n7\nk,count_\na,2\nv,count_\n1,1\n2,1\nk,v\na,1\nprint_0\n8\n");
    answers("range x from 1 to 3 step 1 | consume", "x\n");
    answers("range x from 1 to 3 step 1 | fork (count) (take 1) | count",
            "error nothing can follow fork\n");
    answers("let T = range x from 1 to 3 step 1 | fork (count) (take 1); T",
            "error fork gives several results: it can only be the last of a query\n");
}

static void queries_that_keep_too_much_are_refused(void **state)
{
    static const char *const queries[] = {
        "range x from 1 to 1000000 step 1 | scan declare (c:long) with (step s: true => c = s.c + x;) "
        "| count",
        "range x from 1 to 1000000 step 1 | top-nested 3 of x by count()",
        "range x from 1 to 1000000 step 1 | partition by x (count)",
        "range x from 1 to 1000000 step 1 | sample 3",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
        hi_buf text;

        ask(queries[i], 4 << 20, &text);
        without_cr(&text);
        assert_non_null(strstr(text.data, "memory"));
        hi_buf_free(&text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parse_cuts_columns_out_of_a_text),
        cmocka_unit_test(parse_covers_the_whole_text),
        cmocka_unit_test(parse_takes_strings_up_to_the_first_text_that_lets_the_rest_match),
        cmocka_unit_test(parse_relaxed_gives_null_for_what_is_not_of_the_type),
        cmocka_unit_test(parse_regex_numbers_groups_past_those_of_the_user),
        cmocka_unit_test(parse_gives_up_on_endless_tries),
        cmocka_unit_test(parse_kv_reads_pairs_by_delimiters),
        cmocka_unit_test(parse_kv_reads_quotes_escapes_greedy_values_and_patterns),
        cmocka_unit_test(scan_carries_state_from_row_to_row),
        cmocka_unit_test(scan_hands_sequences_from_step_to_step),
        cmocka_unit_test(scan_gives_out_all_the_last_or_none_of_the_rows_of_a_step),
        cmocka_unit_test(scan_says_what_is_wrong),
        cmocka_unit_test(top_nested_keeps_the_largest_of_each_group),
        cmocka_unit_test(top_nested_sums_the_others_up),
        cmocka_unit_test(top_nested_of_one_level_is_summarize_and_top),
        cmocka_unit_test(partition_runs_its_pipe_for_each_key),
        cmocka_unit_test(bag_unpack_makes_a_column_of_each_key),
        cmocka_unit_test(pivot_spreads_values_to_columns),
        cmocka_unit_test(narrow_gives_a_row_a_value),
        cmocka_unit_test(rolling_percentile_looks_back_over_its_bins),
        cmocka_unit_test(sample_picks_different_rows_of_the_input),
        cmocka_unit_test(invoke_gives_the_rows_to_a_function),
        cmocka_unit_test(project_by_names_takes_names_and_patterns),
        cmocka_unit_test(fork_and_facet_give_several_results),
        cmocka_unit_test(queries_that_keep_too_much_are_refused),
    };

    return cmocka_run_group_tests(tests, db_open, db_close);
}
