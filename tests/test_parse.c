/* test_parse.c -- KQL text to tree: grammar as text and printed tree, errors with their place, limits. */
/* cmocka.h wants the four before it. */
// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/dyn.h"
#include "query/nearest.h"
#include "query/parse.h"

typedef struct fixture {
    hi_mem mem;
    hi_arena arena;
    hi_ast_query *query;
    hist_error err;
    char *text; /* A copy of exactly the text's size, so that a read past its end is seen. */
} fixture;

static hist_status parse_begin(fixture *f, const char *text, size_t size)
{
    memset(f, 0, sizeof(*f));
    hi_mem_init(&f->mem, NULL, NULL, 0);
    hi_arena_init(&f->arena, &f->mem);
    f->text = malloc(size + (size == 0));
    assert_non_null(f->text);
    memcpy(f->text, text, size);
    return hi_kql_parse(&f->arena, f->text, size, &f->query, &f->err);
}

static void parse_end(fixture *f)
{
    hi_arena_free(&f->arena);
    free(f->text);
    assert_int_equal(f->mem.used, 0);
}

/* The text must parse to this tree. */
static void check(const char *text, const char *tree)
{
    fixture f;
    hi_buf out;
    const hist_status st = parse_begin(&f, text, strlen(text));

    if (st != HIST_OK) {
        print_error("%s\n  %u:%u %s\n", text, f.err.line, f.err.column, f.err.message);
    }
    assert_int_equal(st, HIST_OK);
    hi_buf_init(&out, &f.mem, 1 << 20);
    hi_ast_print(&out, f.query);
    hi_buf_byte(&out, 0);
    assert_true(hi_buf_ok(&out));
    assert_string_equal(out.data, tree);
    hi_buf_free(&out);
    parse_end(&f);
}

/* The text must be refused at line:column, `length` bytes long, with `part` in the message. */
static void check_error(const char *text, unsigned line, unsigned column, unsigned length,
                        const char *part)
{
    fixture f;
    const hist_status st = parse_begin(&f, text, strlen(text));

    assert_int_equal(st, HIST_ESYNTAX);
    if (f.err.line != line || f.err.column != column || f.err.length != length ||
        strstr(f.err.message, part) == NULL) {
        print_error("%s\n  %u:%u +%u %s\n", text, f.err.line, f.err.column, f.err.length,
                    f.err.message);
    }
    assert_int_equal(f.err.line, line);
    assert_int_equal(f.err.column, column);
    assert_int_equal(f.err.length, length);
    assert_non_null(strstr(f.err.message, part));
    assert_true(f.err.offset >= 0 && (size_t)f.err.offset + f.err.length <= strlen(text));
    parse_end(&f);
}

/* An expression's tree. */
static void check_expr(const char *text, const char *tree)
{
    char query[512], want[1024];

    (void)snprintf(query, sizeof(query), "print %s", text);
    (void)snprintf(want, sizeof(want), "(query (pipe (print %s)))", tree);
    check(query, want);
}

/* ---- grammar ---- */

static void literals_of_every_kind_are_read(void **state)
{
    (void)state;
    check_expr("1, 0xff, 0xFFFFFFFFFFFFFFFF, 1.5, 1e3, 2.5E-1", "1 255 -1 1.5 1000.0 0.25");
    check_expr("9223372036854775807, -9223372036854775808",
               "9223372036854775807 (- -9223372036854775808)");
    check_expr("1d, 1.5h, 90m, 10s, 100ms, 2days",
               "timespan:1.00:00:00 timespan:01:30:00 timespan:01:30:00 timespan:00:00:10 "
               "timespan:00:00:00.1000000 timespan:2.00:00:00");
    check_expr("timespan(2), time(1.02:03:04.5), timespan(null), time('1d')",
               "timespan:2.00:00:00 timespan:1.02:03:04.5000000 timespan:null "
               "timespan:1.00:00:00");
    check_expr("datetime(2020-01-02 03:04:05.6), datetime ( 2020-01-02 ), datetime('2020-01-02'), "
               "datetime(2020, 1, 2), datetime(null)",
               "datetime:2020-01-02T03:04:05.6000000Z datetime:2020-01-02T00:00:00Z "
               "datetime:2020-01-02T00:00:00Z datetime:2020-01-02T00:00:00Z datetime:null");
    check_expr("datetime(9999-12-31), datetime(0001-01-01)", "datetime:high datetime:low");
    check_expr("int(-5), long(0x10), real(nan), real(-inf), double(1), bool(1), int(null)",
               "int:-5 16 NaN -inf 1.0 true int:null");
    check_expr("decimal(1.5), decimal(-0.05), decimal(12e-1)",
               "decimal:1.5 decimal:-0.05 decimal:1.2");
    check_expr("guid(74be27de-1e4e-49d9-b579-FE0B331d3642)",
               "guid:74be27de-1e4e-49d9-b579-fe0b331d3642");
    check_expr("true, false, null", "true false dynamic:null");
}

static void strings_of_every_form_are_read(void **state)
{
    (void)state;
    check_expr("'a\"b', \"c'd\", 'it\\'s'", "\"a\\\"b\" \"c'd\" \"it's\"");
    check_expr("'\\t\\u00e9\\uD83D\\uDE00\\x41'", "\"\\té😀A\"");
    check_expr("@'c:\\d''e', @\"f\"\"g\", h'secret', h@'\\'",
               "\"c:\\\\d'e\" \"f\\\"g\" \"secret\" \"\\\\\"");
    check_expr("```a\n'b'```, ~~~c~~~", "\"a\\n'b'\" \"c\"");
    check_expr("'a' \"b\"\n@'c'", "\"abc\"");
    check_expr("h, h == 'x'", "h (== h \"x\")");
}

static void dynamic_literals_become_values(void **state)
{
    (void)state;
    check_expr("dynamic([1, -2, 2.0, true, null, 'x'])", "dynamic:[1,-2,2.0,true,null,\"x\"]");
    check_expr("dynamic({\"a\": {'b': []}, \"c\": {}})", "dynamic:{\"a\":{\"b\":[]},\"c\":{}}");
    check_expr("dynamic(null), dynamic(1), dynamic(\"s\")", "dynamic:null dynamic:1 dynamic:\"s\"");
    check_expr("dynamic([datetime(2020-01-01), 1d, dynamic([int(3)])])",
               "dynamic:[\"2020-01-01T00:00:00.0000000Z\",\"1.00:00:00\",[3]]");
    check_expr("dynamic([18446744073709551616, -9223372036854775808])",
               "dynamic:[1.8446744073709552e+19,-9223372036854775808]");
}

static void operators_bind_as_in_kql(void **state)
{
    (void)state;
    check_expr("1 + 2 * 3 - -4", "(- (+ 1 (* 2 3)) (- 4))");
    check_expr("(1 + 2) * 3 % 4 / 5", "(/ (% (* (+ 1 2) 3) 4) 5)");
    check_expr("a or b and c == d + 1 < 5", "(or a (and b (== c (< (+ d 1) 5))))");
    check_expr("a == b has 'x'", "(== a (has b \"x\"))");
    check_expr("a <> 1 and b != 2", "(and (!= a 1) (!= b 2))");
    check_expr("a and b and c and d", "(and (and a b) (and c d))");
    check_expr("a =~ 'x' or a !~ 'y'", "(or (=~ a \"x\") (!~ a \"y\"))");
    check_expr(
        "a !has 'x', b has_cs 'y', c !contains_cs 'z', d matches regex @'\\d'",
        "(!has a \"x\") (has_cs b \"y\") (!contains_cs c \"z\") (matches regex d \"\\\\d\")");
    check_expr(
        "a in (1, 2), a !in~ ('x'), a has_any (b), a in ((T | project x)), a in (dynamic([1]))",
        "(in a 1 2) (!in~ a \"x\") (has_any a b) (in a (pipe (table T) (project x))) "
        "(in a dynamic:[1])");
    check_expr("a between (1 .. 2d), a !between (ago(1d)..now()), a between(1..5)",
               "(between a 1 timespan:2.00:00:00) (!between a (call ago timespan:1.00:00:00) (call "
               "now)) (between a 1 5)");
    check_expr("d.a['b'][0].c[-1], ['q n'].x, d.['k']",
               "(index (. (index (index (. d a) \"b\") 0) c) (- 1)) (. ['q n'] x) (. d ['k'])");
}

static void calls_take_names_tables_and_stars(void **state)
{
    (void)state;
    check_expr(
        "f(1, y=2), f(), toscalar(T | count), arg_max(x, *), g(print a=1)",
        "(call f 1 y=2) (call f) (call toscalar (pipe (table T) (count))) (call arg_max x *) "
        "(call g (pipe (print a=1)))");
    check_expr("typeof(long), database('x').T, database('x').f(1)",
               "(typeof long) (. (call database \"x\") T) (call (call database \"x\").f 1)");
}

static void statements_are_told_apart(void **state)
{
    (void)state;
    check("let a = 5; set notruncation; set x=1; T;",
          "(query (let a 5) (set notruncation) (set x 1) T)");
    check("declare query_parameters(n:long = 5, s:string); T | where x == n",
          "(query (declare (n:long=5 s:string)) (pipe (table T) (where (== x n))))");
    check("let f = (T:(x:long, *), s:string = 'd', u) { let k = 1; T | take k }; f(U)",
          "(query (let f (lambda (T:(x:long *) s:string=\"d\" u) (let k 1) (pipe (table T) (take "
          "k)))) (call f U))");
    check(
        "let v = view () { print 1 };\n// comment\nlet g = (a:(*)) { a }; let n = (1 + 2); v",
        "(query (let v (view () (pipe (print 1)))) (let g (lambda (a:(*)) a)) (let n (+ 1 2)) v)");
    check(".show table T schema as json | where a == 'x'; .show materialized-views",
          "(query (pipe (command show table T schema as json) (where (== a \"x\"))) (pipe (command "
          "show materialized-views)))");
    check(".show databases (['my db']) schema",
          "(query (pipe (command show databases ( my db ) schema)))");
}

static void sources_begin_a_pipeline(void **state)
{
    (void)state;
    check("datatable(a:long, ['b c']:dynamic)[1, dynamic(null), -2, dynamic([]),]",
          "(query (pipe (datatable (a:long b c:dynamic) 1 dynamic:null (- 2) dynamic:[])))");
    check("range x from 1 to 5 step 2 | count",
          "(query (pipe (range x from:1 to:5 step:2) (count)))");
    check("print range(1, 5), print_x = 2", "(query (pipe (print (call range 1 5) print_x=2)))");
    check("union kind=inner withsource=s isfuzzy=true V_*, (T | take 1), database('x').U, f(1)",
          "(query (pipe (union kind=inner withsource=s isfuzzy=true V_* (pipe (table T) (take 1)) "
          "(. (call database \"x\") U) (call f 1))))");
    check("(T | take 5) | union U, V",
          "(query (pipe (table (pipe (table T) (take 5))) (union U V)))");
    check("search kind=case_sensitive in (T, U*) 'x' and c:'y'",
          "(query (pipe (search kind=case_sensitive (and \"x\" (has c \"y\")) T U*)))");
    check("find withsource=s in (T) where x > 1 project a, b:long",
          "(query (pipe (find withsource=s (> x 1) T project: a b:long)))");
}

static void simple_operators_have_their_lists(void **state)
{
    (void)state;
    check("T | filter x | project a, b = c+1 | extend (p, q) = f(), r = 1 | project-away a*, b",
          "(query (pipe (table T) (where x) (project a b=(+ c 1)) (extend (p q)=(call f) r=1) "
          "(project-away a* b)))");
    check("T | project-keep *_x | project-rename n = o | project-reorder a* granny-desc, b asc | "
          "project-by-names 'a', 'b*'",
          "(query (pipe (table T) (project-keep *_x) (project-rename n=o) (project-reorder a* "
          "granny-desc b asc) (project-by-names \"a\" \"b*\")))");
    check("T | summarize hint.shufflekey=k count(), s = sum(x) by bin(t, 1h), k | summarize by k",
          "(query (pipe (table T) (summarize hint.shufflekey=k (call count) s=(call sum x) by: "
          "(call bin t timespan:01:00:00) k) (summarize by: k)))");
    check("T | order by a asc nulls first, b desc | top 5 by c nulls last | limit 3 | sample 2",
          "(query (pipe (table T) (sort a asc nulls-first b desc) (top 5 c nulls-last) (take 3) "
          "(sample 2)))");
    check("T | distinct * | serialize | serialize n = row_number() | getschema | consume",
          "(query (pipe (table T) (distinct *) (serialize) (serialize n=(call row_number)) "
          "(getschema) (consume)))");
    check("T | as hint.materialized=true Q | invoke f(5) | sample-distinct 5 of x | extend a*2",
          "(query (pipe (table T) (as Q hint.materialized=true) (invoke (call f 5)) "
          "(sample-distinct 5 x) (extend (* a 2))))");
    check("T | render timechart with (title = 'x', ycolumns = a, b, ymin = -5)",
          "(query (pipe (table T) (render timechart title=\"x\" ycolumns=\"a,b\" ymin=(- 5))))");
}

static void joins_and_series_have_their_parts(void **state)
{
    (void)state;
    check(
        "T | join kind=leftouter (U | take 5) on $left.a == $right.b, c | lookup U on k",
        "(query (pipe (table T) (join kind=leftouter (pipe (table U) (take 5)) (== (. $left a) (. "
        "$right b)) c) (lookup U k)))");
    check("T | make-series kind=nonempty n = avg(x) default=long(null), max(y) on t from a to b "
          "step 1h by c, d = bin(e, 5)",
          "(query (pipe (table T) (make-series kind=nonempty t n=(call avg x) default=long:null "
          "(call max y) from:a to:b step:timespan:01:00:00 by: c d=(call bin e 5))))");
    check("T | make-series avg(x) on t step 1h",
          "(query (pipe (table T) (make-series t (call avg x) step:timespan:01:00:00)))");
    check("T | make-series avg(x) on t in range(a, b, 1h) by c",
          "(query (pipe (table T) (make-series t (call avg x) in-range from:a to:b "
          "step:timespan:01:00:00 by: c)))");
    check("T | mv-expand kind=array with_itemindex=i a, b = c to typeof(long) limit 5",
          "(query (pipe (table T) (mv-expand kind=array with_itemindex=i 5 a b=c:long)))");
    check("T | mv-apply e = c to typeof(real) on (top 1 by e | project e)",
          "(query (pipe (table T) (mv-apply (block (top 1 e) (project e)) e=c:real)))");
}

static void larger_operators_have_their_parts(void **state)
{
    (void)state;
    check(
        "T | top-nested 3 of a with others='o' by s = sum(x) asc, top-nested of b by count()",
        "(query (pipe (table T) (top-nested (top-nested level 3 a others:\"o\" by: s=(call sum x) "
        "asc) (top-nested level b by: (call count)))))");
    check("T | top-hitters 5 of a by b", "(query (pipe (table T) (top-hitters 5 a by: b)))");
    check("T | parse kind=regex flags=U s with * 'a=' x:long ' b=' y * | parse-where s with 'q' z",
          "(query (pipe (table T) (parse kind=regex flags=U s * \"a=\" x:long \" b=\" y *) "
          "(parse-where s \"q\" z)))");
    check(
        "T | parse-kv s as (k:string, n:int) with (pair_delimiter=',', greedy=true)",
        "(query (pipe (table T) (parse-kv pair_delimiter=\",\" greedy=true (k:string n:int) s)))");
    check(
        "T | scan with_match_id=m declare (c:long=0) with (step s1 output=all: true => c = s1.c + "
        "1; step s2 optional: x > 1;)",
        "(query (pipe (table T) (scan with_match_id=m (c:long=0) (step s1 output=all true c=(+ (. "
        "s1 c) 1)) (step s2 optional (> x 1)))))");
    check("T | partition by k (top 1 by v) | partition by k { U | where x == 1 }",
          "(query (pipe (table T) (partition k (block (top 1 v))) (partition k (pipe (table U) "
          "(where (== x 1))))))");
    check(
        "T | fork a = (where x | count) (take 5) | facet by a, b with (take 3)",
        "(query (pipe (table T) (fork a=(block (where x) (count)) (block (take 5))) (facet (block "
        "(take 3)) by: a b)))");
    check("T | evaluate hint.x=y pivot(a, sum(b)) : (*, x:long)",
          "(query (pipe (table T) (evaluate hint.x=y (x:long *) (call pivot a (call sum b)))))");
}

/* ---- errors ---- */

static void syntax_errors_say_where_and_what(void **state)
{
    (void)state;
    check_error("", 1, 1, 0, "the query is empty");
    check_error("let a = 1;", 1, 11, 0, "a query must follow");
    check_error("T | where | count", 1, 11, 1, "expected an expression after 'where'; found '|'");
    check_error("T\n| where x >", 2, 12, 0, "found the end of the text");
    check_error("T | sumarize count()", 1, 5, 8, "did you mean 'summarize'?");
    check_error("T | project_away x", 1, 5, 12, "did you mean 'project-away'?");
    check_error("T | print 1", 1, 5, 5, "does not follow '|'");
    check_error("T where x > 1", 1, 3, 5, "expected '|' before the operator 'where'");
    check_error("let a = 1\nT", 2, 1, 1, "expected ';' to end the let statement");
    check_error("x = 5; T", 1, 3, 1, "let x = ...;");
    check_error("T | where x = 5", 1, 13, 1, "'=='");
    check_error("T | where x && y", 1, 13, 2, "write 'and'");
    check_error("T | join (U)", 1, 13, 0, "expected 'on'");
    check_error("| take 1", 1, 1, 1, "a table name must stand before");
    check_error("cluster('x').database('y').T", 1, 1, 7, "cluster(...) is not supported");
    check_error("externaldata(a:long)['f']", 1, 1, 12, "externaldata(...) is not supported");
    check_error("T | project-rename a", 1, 20, 1, "new = old");
    check_error("datatable(a)[1]", 1, 11, 1, "needs a type");
    check_error("datatable(a:lng)[1]", 1, 13, 3, "'lng' is not a type");
    check_error(".set T <| U", 1, 8, 1, "not supported");
    check_error("print (1", 1, 9, 0, "expected ')'");
}

static void bad_literals_say_where_and_what(void **state)
{
    (void)state;
    check_error("print 'abc", 1, 7, 4, "never closed");
    check_error("print ```abc", 1, 7, 6, "```");
    check_error("print 'a\\d'", 1, 9, 2, "@'...'");
    check_error("print 1u", 1, 7, 2, "'1u' is neither a number nor a timespan");
    check_error("print 99999999999999999999", 1, 7, 20, "does not fit a long");
    check_error("print datetime(yesterday)", 1, 7, 19, "is not a datetime");
    check_error("print datetime(strcat('a'))", 1, 7, 15, "takes one constant");
    check_error("print int(3000000000)", 1, 7, 15, "is not a int");
    check_error("print guid(12)", 1, 7, 8, "is not a guid");
    check_error("print dynamic([1, x])", 1, 19, 1, "expected a value");
    check_error("print dynamic({'a' 1})", 1, 20, 1, "':' after the key");
    check_error("print dynamic({'a':1,'a':2})", 1, 15, 13, "given twice");
    check_error("print '\xc3\xa9', \xe2\x80\x9cx", 1, 12, 3, "U+201C");
    check_error("print \x01", 1, 7, 1, "control character");
}

static void text_that_is_not_utf8_is_refused(void **state)
{
    fixture f;

    (void)state;
    assert_int_equal(parse_begin(&f, "print '\xff'", 9), HIST_ESYNTAX);
    assert_int_equal(f.err.offset, 7);
    assert_non_null(strstr(f.err.message, "not UTF-8"));
    parse_end(&f);
}

/* ---- limits ---- */

/* "print " + open * n + "1" + close * n */
static hist_status parse_nested(const char *open, const char *close, unsigned n, hist_error *err)
{
    hi_mem mem;
    hi_buf text;
    fixture f;

    hi_mem_init(&mem, NULL, NULL, 0);
    hi_buf_init(&text, &mem, 1 << 20);
    hi_buf_append(&text, "print ", 6);
    for (unsigned i = 0; i < n; i++) {
        hi_buf_append(&text, open, strlen(open));
    }
    hi_buf_byte(&text, '1');
    for (unsigned i = 0; i < n; i++) {
        hi_buf_append(&text, close, strlen(close));
    }
    const hist_status st = parse_begin(&f, text.data, text.size);
    *err = f.err;
    parse_end(&f);
    hi_buf_free(&text);
    return st;
}

static void nesting_is_read_to_the_limit_and_refused_past_it(void **state)
{
    hist_error err;

    (void)state;
    /* One level each for print and the innermost operand. */
    assert_int_equal(parse_nested("(", ")", HI_AST_DEPTH_MAX - 2, &err), HIST_OK);
    assert_int_equal(parse_nested("(", ")", HI_AST_DEPTH_MAX - 1, &err), HIST_ESYNTAX);
    assert_non_null(strstr(err.message, "nested more than 64 deep"));
    assert_int_equal(parse_nested("f(", ")", HI_AST_DEPTH_MAX - 2, &err), HIST_OK);
    assert_int_equal(parse_nested("f(", ")", HI_AST_DEPTH_MAX - 1, &err), HIST_ESYNTAX);
    assert_int_equal(parse_nested("- ", "", 10000, &err), HIST_ESYNTAX);
    assert_int_equal(parse_nested("(T | where ", ")", 10000, &err), HIST_ESYNTAX);
    assert_int_equal(parse_nested("dynamic([", "])", 31, &err), HIST_OK);
    assert_int_equal(parse_nested("dynamic([", "])", 10000, &err), HIST_ESYNTAX);
    assert_non_null(strstr(err.message, "nested"));
}

static void chains_are_read_to_the_limit_and_refused_past_it(void **state)
{
    hist_error err;

    (void)state;
    /* The pipeline of print is one more. */
    assert_int_equal(parse_nested("1+", "", HI_AST_HEIGHT_MAX - 2, &err), HIST_OK);
    assert_int_equal(parse_nested("1+", "", HI_AST_HEIGHT_MAX - 1, &err), HIST_ESYNTAX);
    assert_non_null(strstr(err.message, "build on each other"));
    assert_int_equal(parse_nested("", ".a", HI_AST_HEIGHT_MAX * 2, &err), HIST_ESYNTAX);
    /* Long filters are balanced, so they may be far longer. */
    assert_int_equal(parse_nested("x == 1 or ", "", 20000, &err), HIST_OK);
    assert_int_equal(parse_nested("x == 1 and ", "", 20000, &err), HIST_OK);
}

static void a_spent_budget_is_an_error_and_leaks_nothing(void **state)
{
    static const char text[] = "let f = (x:long) { T | where a in (x, 2) }; f(3) | summarize "
                               "count(), make_list(dynamic([1, {'a': 2}])) by bin(t, 1h)";

    (void)state;
    for (uint64_t limit = 1; limit < 40000; limit += 1111) {
        hi_mem mem;
        hi_arena arena;
        hi_ast_query *query = NULL;
        hist_error err;

        hi_mem_init(&mem, NULL, NULL, limit);
        hi_arena_init(&arena, &mem);
        const hist_status st = hi_kql_parse(&arena, text, sizeof(text) - 1, &query, &err);
        assert_true(st == HIST_OK || st == HIST_ENOMEM);
        assert_true(limit > 5000 || st == HIST_ENOMEM);
        hi_arena_free(&arena);
        assert_int_equal(mem.used, 0);
    }
}

/* ---- helpers ---- */

static void spans_cover_what_they_name(void **state)
{
    static const char text[] = "T\n| where é.a + 1 > f(x) | take 5";
    fixture f;

    (void)state;
    assert_int_equal(parse_begin(&f, text, sizeof(text) - 1), HIST_OK);
    const hi_ast_expr *pipe = f.query->stmts[0].expr;
    const hi_ast_op *where = &pipe->ops[1];
    const hi_ast_span spans[] = {pipe->span,
                                 where->span,
                                 where->op_span,
                                 where->expr->span,
                                 where->expr->op_span,
                                 where->expr->args[0]->span,
                                 where->expr->args[1]->span};
    static const char *const want[] = {"T\n| where é.a + 1 > f(x) | take 5",
                                       "where é.a + 1 > f(x)",
                                       "where",
                                       "é.a + 1 > f(x)",
                                       ">",
                                       "é.a + 1",
                                       "f(x)"};
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        assert_int_equal(spans[i].length, strlen(want[i]));
        assert_memory_equal(text + spans[i].offset, want[i], spans[i].length);
    }
    /* Columns count code points, not bytes. */
    assert_int_equal(
        hi_fail_at(&f.err, HIST_ESEMANTIC, f.query->text, where->expr->op_span, "x%d", 1),
        HIST_ESEMANTIC);
    assert_int_equal(f.err.line, 2);
    assert_int_equal(f.err.column, 17);
    assert_int_equal(f.err.length, 1);
    assert_string_equal(f.err.message, "x1");
    parse_end(&f);
}

static void one_expression_alone_can_be_read(void **state)
{
    hi_mem mem;
    hi_arena arena;
    hi_ast_expr *e = NULL;
    hist_error err;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    assert_int_equal(hi_kql_parse_scalar(&arena, "datetime(2020-01-01)", 20, &e, &err), HIST_OK);
    assert_int_equal(e->kind, HI_AST_LITERAL);
    assert_int_equal(e->literal.type, HIST_TYPE_DATETIME);
    assert_int_equal(hi_kql_parse_scalar(&arena, "1 2", 3, &e, &err), HIST_ESYNTAX);
    assert_int_equal(err.column, 3);
    hi_arena_free(&arena);
}

static void the_nearest_name_is_found_only_when_it_is_near(void **state)
{
    static const char *const names[] = {"where", "project", "summarize", "count", "take"};

    (void)state;
    assert_string_equal(hi_nearest((hist_str){"sumarize", 8}, names, 5), "summarize");
    assert_string_equal(hi_nearest((hist_str){"WHERE", 5}, names, 5), "where");
    assert_string_equal(hi_nearest((hist_str){"cuont", 5}, names, 5), "count");
    assert_null(hi_nearest((hist_str){"render", 6}, names, 5));
    assert_null(hi_nearest((hist_str){"", 0}, names, 5));
}

/* ---- recorded queries ---- */

/* The JSON string after "query": in `line`, decoded; NULL when there is none. */
static char *query_of_line(const char *line, size_t *size)
{
    static const char key[] = "\"query\": ";
    const char *from = strstr(line, key);
    hi_mem mem;
    hi_buf buf;

    if (from == NULL) {
        return NULL;
    }
    from += sizeof(key) - 1;
    const char *to = from + 1;
    while (*to != '"' && *to != '\0') {
        to += *to == '\\' ? 2 : 1;
    }
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_buf_init(&buf, &mem, 1 << 20);
    assert_int_equal(hi_dyn_from_json(&buf, from, (size_t)(to + 1 - from), NULL), HIST_OK);
    const hist_str s = hi_dyn_str(hi_dyn_of(buf.data, buf.size));
    char *copy = malloc(s.size + 1);
    assert_non_null(copy);
    memcpy(copy, s.data, s.size);
    *size = s.size;
    hi_buf_free(&buf);
    return copy;
}

static void every_recorded_query_parses(void **state)
{
    const char *shared = getenv("HIST_SHARED");
    char path[4096];
    unsigned count = 0, failed = 0;
    char *line = NULL;
    size_t capacity = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/conformance/kql.jsonl",
                   shared == NULL ? "../shared" : shared);
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("skipped: %s is not here\n", path);
        skip();
    }
    while (getline(&line, &capacity, file) > 0) {
        size_t size = 0;
        char *query = query_of_line(line, &size);
        fixture f;

        if (query == NULL) {
            continue;
        }
        count++;
        if (parse_begin(&f, query, size) != HIST_OK) {
            failed++;
            print_error("%.*s\n  %u:%u %s\n", (int)size, query, f.err.line, f.err.column,
                        f.err.message);
        }
        parse_end(&f);
        free(query);
    }
    free(line);
    (void)fclose(file);
    assert_true(count > 0);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(literals_of_every_kind_are_read),
        cmocka_unit_test(strings_of_every_form_are_read),
        cmocka_unit_test(dynamic_literals_become_values),
        cmocka_unit_test(operators_bind_as_in_kql),
        cmocka_unit_test(calls_take_names_tables_and_stars),
        cmocka_unit_test(statements_are_told_apart),
        cmocka_unit_test(sources_begin_a_pipeline),
        cmocka_unit_test(simple_operators_have_their_lists),
        cmocka_unit_test(joins_and_series_have_their_parts),
        cmocka_unit_test(larger_operators_have_their_parts),
        cmocka_unit_test(syntax_errors_say_where_and_what),
        cmocka_unit_test(bad_literals_say_where_and_what),
        cmocka_unit_test(text_that_is_not_utf8_is_refused),
        cmocka_unit_test(nesting_is_read_to_the_limit_and_refused_past_it),
        cmocka_unit_test(chains_are_read_to_the_limit_and_refused_past_it),
        cmocka_unit_test(a_spent_budget_is_an_error_and_leaks_nothing),
        cmocka_unit_test(spans_cover_what_they_name),
        cmocka_unit_test(one_expression_alone_can_be_read),
        cmocka_unit_test(the_nearest_name_is_found_only_when_it_is_near),
        cmocka_unit_test(every_recorded_query_parses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
