/* test_dyn.c -- dynamic values: tagged form, JSON, order, hash. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "base/bytes.h"
#include "base/dyn.h"

typedef struct test_dyn {
    hi_mem mem;
    hi_buf a;
    hi_buf b;
    hi_buf text;
    hist_error err;
} test_dyn;

static uint64_t test_next(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static int test_setup(void **state)
{
    test_dyn *t = (test_dyn *)calloc(1, sizeof(*t));

    if (t == NULL) {
        return -1;
    }
    hi_mem_init(&t->mem, NULL, NULL, 0);
    hi_buf_init(&t->a, &t->mem, SIZE_MAX);
    hi_buf_init(&t->b, &t->mem, SIZE_MAX);
    hi_buf_init(&t->text, &t->mem, SIZE_MAX);
    *state = t;
    return 0;
}

static int test_teardown(void **state)
{
    test_dyn *t = (test_dyn *)*state;

    hi_buf_free(&t->a);
    hi_buf_free(&t->b);
    hi_buf_free(&t->text);
    const bool leaked = t->mem.used != 0;
    free(t);
    return leaked ? -1 : 0;
}

static hi_dyn test_view(const hi_buf *buf)
{
    return hi_dyn_of(buf->data, buf->size);
}

static hi_dyn test_parse(test_dyn *t, hi_buf *to, const char *json)
{
    hi_buf_clear(to);
    if (hi_dyn_from_json(to, json, strlen(json), &t->err) != HIST_OK) {
        print_error("%s: %s\n", json, t->err.message);
        fail();
    }
    assert_true(hi_dyn_check(to->data, to->size));
    return test_view(to);
}

static void test_json_is(test_dyn *t, hi_dyn v, const char *want)
{
    hi_buf_clear(&t->text);
    hi_dyn_to_json(&t->text, v);
    hi_buf_byte(&t->text, 0);
    assert_true(hi_buf_ok(&t->text));
    assert_string_equal(t->text.data, want);
}

static void test_text_is(test_dyn *t, hi_dyn v, const char *want)
{
    hi_buf_clear(&t->text);
    hi_dyn_to_text(&t->text, v);
    hi_buf_byte(&t->text, 0);
    assert_string_equal(t->text.data, want);
}

static void test_becomes(test_dyn *t, const char *json, const char *want)
{
    test_json_is(t, test_parse(t, &t->a, json), want);
}

/* ---- JSON ---- */

static void json_comes_back_compact(void **state)
{
    test_dyn *t = (test_dyn *)*state;

    test_becomes(t, " { \"a\" : [ 1 , 2.5 , null , true , false , \"x\" ] , \"b\" : { } } ",
                 "{\"a\":[1,2.5,null,true,false,\"x\"],\"b\":{}}");
    test_becomes(t, "[]", "[]");
    test_becomes(t, "[[],[[]],{}]", "[[],[[]],{}]");
    test_becomes(t, "null", "null");
    test_becomes(t, "\"\"", "\"\"");
    test_becomes(t, "{\"\":1}", "{\"\":1}");
}

static void json_numbers_are_long_when_they_fit_else_real(void **state)
{
    test_dyn *t = (test_dyn *)*state;

    test_becomes(t, "[0,-0,1,-1]", "[0,0,1,-1]");
    test_becomes(t, "[1.0,1e2,-0.0,1E-7,0.1]", "[1.0,100.0,-0.0,1e-07,0.1]");
    test_becomes(t, "[9223372036854775807,-9223372036854775808]",
                 "[9223372036854775807,-9223372036854775808]");
    test_becomes(t, "9223372036854775808", "9.223372036854776e+18");
    assert_int_equal(hi_dyn_tag_of(test_parse(t, &t->a, "5")), HI_DYN_LONG);
    assert_int_equal(hi_dyn_tag_of(test_parse(t, &t->a, "5.0")), HI_DYN_REAL);
}

static void json_strings_keep_every_character(void **state)
{
    test_dyn *t = (test_dyn *)*state;

    test_becomes(t, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\"",
                 "\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u001f\"");
    test_becomes(t, "\"\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"",
                 "\"A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\"");
    test_becomes(t, "\"\\ud83d\"", "\"\xef\xbf\xbd\"");
    test_becomes(t, "\"\\ude00\\ud83dx\"", "\"\xef\xbf\xbd\xef\xbf\xbdx\"");
    test_becomes(t, "\"\\u0000\"", "\"\\u0000\"");
    test_becomes(t, "\"\\u000b\"", "\"\\u000b\"");
    const hi_dyn v = test_parse(t, &t->a, "\"a\\u0000b\"");
    assert_int_equal(hi_dyn_str(v).size, 3);
}

static void last_of_equal_keys_wins_in_the_place_of_the_first(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    char big[20000];
    size_t at = 1;

    test_becomes(t, "{\"a\":1,\"b\":2,\"a\":[3]}", "{\"a\":[3],\"b\":2}");
    test_becomes(t, "{\"a\":{\"x\":1,\"x\":2},\"a\":{\"y\":1,\"y\":2,\"y\":3}}",
                 "{\"a\":{\"y\":3}}");
    test_becomes(t, "[{\"a\":1,\"a\":2},5]", "[{\"a\":2},5]");
    big[0] = '{';
    for (int i = 0; i < 1000; i++) {
        at += (size_t)snprintf(big + at, sizeof(big) - at, "%s\"k%d\":%d", i == 0 ? "" : ",",
                               i % 500, i);
    }
    (void)snprintf(big + at, sizeof(big) - at, "}");
    const hi_dyn v = test_parse(t, &t->a, big);
    assert_int_equal(hi_dyn_count(v), 500);
    assert_int_equal(hi_dyn_i64(hi_dyn_get(v, "k7", 2)), 507);
    hi_dyn_iter it = hi_dyn_iter_of(v);
    assert_true(hi_dyn_next(&it) && it.key.size == 2 && memcmp(it.key.data, "k0", 2) == 0);
}

static void text_that_is_not_json_is_refused_with_its_place(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    static const struct {
        const char *text;
        int64_t offset;
    } cases[] = {
        {"", 0},
        {"  ", 2},
        {"nul", 0},
        {"[1,]", 3},
        {"[1 2]", 3},
        {"{\"a\"}", 4},
        {"{\"a\":}", 5},
        {"{a:1}", 1},
        {"{\"a\":1,}", 7},
        {"[1", 2},
        {"\"abc", 0},
        {"\"\\x\"", 2},
        {"\"\\u12g4\"", 1},
        {"\"\t\"", 1},
        {"01", 0},
        {"1.", 0},
        {"-", 0},
        {"1e", 0},
        {"+1", 0},
        {".5", 0},
        {"1 2", 2},
        {"\"\xff\"", 1},
        {"\"\xc0\x80\"", 1},
        {"\"\xed\xa0\x80\"", 1},
        {"NaN", 0},
        {"'a'", 0},
        {"[1]]", 3},
        {"true1", 4},
        {"\"\\", 1},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        hi_buf_clear(&t->a);
        hi_buf_byte(&t->a, 7);
        const hist_status status =
            hi_dyn_from_json(&t->a, cases[i].text, strlen(cases[i].text), &t->err);
        if (status != HIST_ESYNTAX ||
            (t->err.offset != cases[i].offset && cases[i].text[0] != '"')) {
            print_error("'%s': %d at %d\n", cases[i].text, (int)status, (int)t->err.offset);
            fail();
        }
        assert_int_equal(t->a.size, 1);
    }
}

static void sixty_four_levels_are_read_and_not_one_more(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    char json[2 * 65 + 1] = {0};

    memset(json, '[', 64);
    memset(json + 64, ']', 64);
    (void)test_parse(t, &t->a, json);
    memset(json, '[', 65);
    memset(json + 65, ']', 65);
    hi_buf_clear(&t->a);
    assert_int_equal(hi_dyn_from_json(&t->a, json, 130, &t->err), HIST_ESYNTAX);
}

static void special_values_print_as_the_query_language_prints_them(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    static const uint8_t guid[16] = {0x74, 0xbe, 0x27, 0xde, 0x1e, 0x4e, 0x49, 0xd9,
                                     0xb5, 0x79, 0xfe, 0x0b, 0x33, 0x1d, 0x36, 0x42};
    hi_dyn_writer w;

    hi_dyn_writer_init(&w, &t->a);
    hi_dyn_begin_array(&w);
    hi_dyn_put_real(&w, (double)NAN);
    hi_dyn_put_real(&w, (double)INFINITY);
    hi_dyn_put_real(&w, -(double)INFINITY);
    hi_dyn_put_datetime(&w, 0);
    hi_dyn_put_timespan(&w, INT64_C(90000000000));
    hi_dyn_put_guid(&w, guid);
    hi_dyn_put_int(&w, -5);
    hi_dyn_put_decimal(&w, (hist_decimal){UINT64_C(1500000000000000000), 0});
    hi_dyn_end_array(&w);
    assert_true(hi_dyn_writer_ok(&w));
    assert_true(hi_dyn_check(t->a.data, t->a.size));
    const hi_dyn v = test_view(&t->a);
    test_json_is(
        t, v,
        "[\"NaN\",\"Infinity\",\"-Infinity\",\"1970-01-01T00:00:00.0000000Z\",\"00:01:30\","
        "\"74be27de-1e4e-49d9-b579-fe0b331d3642\",-5,1.5]");
    test_text_is(t, hi_dyn_at(v, 0), "NaN");
    test_text_is(t, hi_dyn_at(v, 2), "-inf");
    test_text_is(t, hi_dyn_at(v, 4), "00:01:30");
    test_text_is(t, hi_dyn_at(v, -2), "-5");
    test_text_is(t, hi_dyn_at(v, 100), "");
    test_text_is(t, test_parse(t, &t->b, "true"), "True");
    test_text_is(t, test_parse(t, &t->b, "\"a\\nb\""), "a\nb");
    test_text_is(t, test_parse(t, &t->b, "[true]"), "[true]");
}

static void decimals_print_exactly(void **state)
{
    (void)state;
    static const struct {
        hist_decimal v;
        const char *text;
    } cases[] = {
        {{0, 0}, "0"},
        {{1, 0}, "0.000000000000000001"},
        {{UINT64_MAX, -1}, "-0.000000000000000001"},
        {{UINT64_C(12000000000000000000), 0}, "12"},
        {{UINT64_MAX, INT64_MAX}, "170141183460469231731.687303715884105727"},
        {{0, INT64_MIN}, "-170141183460469231731.687303715884105728"},
    };
    char text[HI_DECIMAL_SIZE + 1];

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        text[hi_decimal_print(text, cases[i].v)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

/* ---- reading ---- */

static void elements_are_found_by_index_and_key(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    const hi_dyn v = test_parse(t, &t->a, "{\"k\":[10,20,30],\"\":\"e\"}");
    const hi_dyn k = hi_dyn_get(v, "k", 1);

    assert_int_equal(hi_dyn_count(v), 2);
    assert_int_equal(hi_dyn_count(k), 3);
    assert_int_equal(hi_dyn_i64(hi_dyn_at(k, 0)), 10);
    assert_int_equal(hi_dyn_i64(hi_dyn_at(k, -1)), 30);
    assert_int_equal(hi_dyn_i64(hi_dyn_at(k, -3)), 10);
    assert_true(hi_dyn_is_null(hi_dyn_at(k, -4)) && hi_dyn_is_null(hi_dyn_at(k, 3)));
    assert_true(hi_dyn_is_null(hi_dyn_at(k, INT64_MIN)) && hi_dyn_is_null(hi_dyn_at(k, INT64_MAX)));
    assert_int_equal(hi_dyn_str(hi_dyn_get(v, "", 0)).size, 1);
    assert_true(hi_dyn_is_null(hi_dyn_get(v, "z", 1)) && hi_dyn_is_null(hi_dyn_get(k, "z", 1)));
    assert_true(hi_dyn_is_null(hi_dyn_at(v, 0)) && hi_dyn_is_null(hi_dyn_at(hi_dyn_at(k, 0), 0)));
}

static void writer_refuses_too_many_levels(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    hi_dyn_writer w;

    hi_dyn_writer_init(&w, &t->a);
    for (int i = 0; i < 70; i++) {
        hi_dyn_begin_array(&w);
        hi_dyn_put_long(&w, i);
    }
    for (int i = 0; i < 70; i++) {
        hi_dyn_end_array(&w);
    }
    assert_false(hi_dyn_writer_ok(&w));
}

static void no_memory_is_reported_and_nothing_leaks(void **state)
{
    (void)state;
    const char *json = "{\"a\":[1,2,3],\"b\":\"0123456789\",\"a\":{\"x\":1,\"x\":2}}";

    for (uint64_t limit = 1; limit < 3000; limit += 37) {
        hi_mem mem;
        hi_buf buf;
        hist_error err;

        hi_mem_init(&mem, NULL, NULL, limit);
        hi_buf_init(&buf, &mem, SIZE_MAX);
        const hist_status status = hi_dyn_from_json(&buf, json, strlen(json), &err);
        assert_true(status == HIST_ENOMEM || status == HIST_OK);
        hi_buf_free(&buf);
        assert_int_equal(mem.used, 0);
    }
}

/* A random value; whatever it is, it must survive every way through. */
static void test_random(hi_dyn_writer *w, uint64_t *seed, int levels)
{
    const uint64_t r = test_next(seed);
    char text[12];

    switch (r % (levels > 0 ? 12 : 10)) {
    case 0:
        hi_dyn_put_null(w);
        break;
    case 1:
        hi_dyn_put_bool(w, (r & 64) != 0);
        break;
    case 2:
        hi_dyn_put_long(w, (int64_t)(r >> (r % 60)));
        break;
    case 3:
        hi_dyn_put_int(w, (int32_t)r);
        break;
    case 4:
        hi_dyn_put_real(w, hi_double_of(test_next(seed)));
        break;
    case 5:
        hi_dyn_put_real(w, (double)(r >> 50) / 4);
        break;
    case 6:
        hi_dyn_put_datetime(w, (int64_t)r);
        break;
    case 7:
        hi_dyn_put_timespan(w, (int64_t)r);
        break;
    case 8:
        hi_dyn_put_decimal(w, (hist_decimal){r, (int64_t)(r >> 40)});
        break;
    case 9:
        (void)snprintf(text, sizeof(text), "s%llu", (unsigned long long)(r >> 58));
        hi_dyn_put_string(w, text, strlen(text));
        break;
    case 10:
        hi_dyn_begin_array(w);
        for (uint64_t i = 0; i < (r >> 32) % 5; i++) {
            test_random(w, seed, levels - 1);
        }
        hi_dyn_end_array(w);
        break;
    default:
        hi_dyn_begin_bag(w);
        for (uint64_t i = 0; i < (r >> 32) % 5; i++) {
            (void)snprintf(text, sizeof(text), "k%d", (int)((i * 7 + (r >> 40)) % 11));
            hi_dyn_put_key(w, text, strlen(text));
            test_random(w, seed, levels - 1);
        }
        hi_dyn_end_bag(w);
        break;
    }
}

static void order_is_total_and_agrees_with_the_hash(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    uint64_t seed = 1;
    hi_buf *bufs[3] = {&t->a, &t->b, &t->text};

    for (int i = 0; i < 40000; i++) {
        hi_dyn v[3];

        for (int k = 0; k < 3; k++) {
            hi_dyn_writer w;
            hi_buf_clear(bufs[k]);
            hi_dyn_writer_init(&w, bufs[k]);
            test_random(&w, &seed, 2);
            assert_true(hi_dyn_writer_ok(&w));
            assert_true(hi_dyn_check(bufs[k]->data, bufs[k]->size));
            v[k] = test_view(bufs[k]);
        }
        const int ab = hi_dyn_compare(v[0], v[1]);
        const int bc = hi_dyn_compare(v[1], v[2]);
        const int ac = hi_dyn_compare(v[0], v[2]);
        assert_int_equal(hi_dyn_compare(v[1], v[0]), -ab);
        assert_int_equal(hi_dyn_compare(v[0], v[0]), 0);
        assert_true(!(ab <= 0 && bc <= 0) || ac <= 0);
        assert_true(!(ab >= 0 && bc >= 0) || ac >= 0);
        assert_true(ab != 0 || hi_dyn_hash(v[0], 5) == hi_dyn_hash(v[1], 5));
    }
}

static int test_order(test_dyn *t, const char *a, const char *b)
{
    const hi_dyn va = test_parse(t, &t->a, a);
    const hi_dyn vb = test_parse(t, &t->b, b);
    const int order = hi_dyn_compare(va, vb);

    if (order == 0) {
        assert_true(hi_dyn_hash(va, 1) == hi_dyn_hash(vb, 1));
    }
    return order;
}

static void numbers_compare_by_value_across_types(void **state)
{
    test_dyn *t = (test_dyn *)*state;

    assert_int_equal(test_order(t, "1", "1.0"), 0);
    assert_int_equal(test_order(t, "0", "-0.0"), 0);
    assert_int_equal(test_order(t, "9007199254740993", "9007199254740992.0"), 1);
    assert_int_equal(test_order(t, "9223372036854775807", "9223372036854775808"), -1);
    assert_int_equal(test_order(t, "-9223372036854775808", "-9223372036854775808.0"), 0);
    assert_int_equal(test_order(t, "1.5", "1"), 1);
    assert_int_equal(test_order(t, "null", "false"), -1);
    assert_int_equal(test_order(t, "true", "0"), -1);
    assert_int_equal(test_order(t, "5", "\"5\""), -1);
    assert_int_equal(test_order(t, "\"a\"", "\"ab\""), -1);
    assert_int_equal(test_order(t, "[1,2]", "[1,2,0]"), -1);
    assert_int_equal(test_order(t, "[1,3]", "[1,2,0]"), 1);
}

static void bags_are_equal_whatever_the_order_of_their_keys(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    char a[4000] = "{";
    char b[4000] = "{";
    size_t na = 1;
    size_t nb = 1;

    assert_int_equal(test_order(t, "{\"a\":1,\"b\":[2]}", "{\"b\":[2],\"a\":1.0}"), 0);
    assert_int_equal(test_order(t, "{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":3}"), -1);
    assert_int_equal(test_order(t, "{\"a\":9}", "{\"a\":1,\"b\":2}"), -1);
    assert_int_equal(test_order(t, "[{\"a\":1,\"b\":2}]", "[{\"b\":2,\"a\":1}]"), 0);
    for (int i = 0; i < 200; i++) {
        na += (size_t)snprintf(a + na, sizeof(a) - na, "\"k%d\":%d%s", i, i, i < 199 ? "," : "}");
        nb += (size_t)snprintf(b + nb, sizeof(b) - nb, "\"k%d\":%d%s", 199 - i, 199 - i,
                               i < 199 ? "," : "}");
    }
    assert_int_equal(test_order(t, a, b), 0);
    b[nb - 2] = '7';
    assert_int_not_equal(test_order(t, a, b), 0);
}

/* ---- damage ---- */

/* Everything that reads, on bytes that may be anything. */
static void test_read_all(test_dyn *t, hi_dyn v)
{
    hi_buf_clear(&t->text);
    hi_dyn_to_json(&t->text, v);
    hi_buf_clear(&t->text);
    hi_dyn_to_text(&t->text, v);
    (void)hi_dyn_hash(v, 1);
    (void)hi_dyn_compare(v, v);
    (void)hi_dyn_at(v, 1);
    (void)hi_dyn_at(v, -1);
    (void)hi_dyn_get(v, "k1", 2);
    (void)hi_dyn_count(v);
}

static void damaged_bytes_are_found_and_never_read_past_their_end(void **state)
{
    test_dyn *t = (test_dyn *)*state;
    uint64_t seed = 9;

    for (int i = 0; i < 20000; i++) {
        hi_dyn_writer w;

        hi_buf_clear(&t->a);
        hi_dyn_writer_init(&w, &t->a);
        test_random(&w, &seed, 3);
        const size_t size = t->a.size;
        const size_t cut = i % 2 == 0 ? size : test_next(&seed) % (size + 1);
        uint8_t *copy = (uint8_t *)malloc(cut == 0 ? 1 : cut);
        assert_non_null(copy);
        memcpy(copy, t->a.data, cut);
        if (cut < size) {
            assert_false(hi_dyn_check(copy, cut));
        } else {
            copy[test_next(&seed) % cut] ^= (uint8_t)(1 + test_next(&seed) % 255);
            (void)hi_dyn_check(copy, cut);
        }
        test_read_all(t, hi_dyn_of(copy, cut));
        free(copy);
    }
}

static void a_count_that_lies_is_not_believed(void **state)
{
    (void)state;
    static const uint8_t lies[] = {'a', 6, 0, 0, 0, 255, 255, 255, 255, 't', 'n'};
    const hi_dyn v = hi_dyn_of(lies, sizeof(lies));

    assert_false(hi_dyn_check(lies, sizeof(lies)));
    assert_int_equal(hi_dyn_count(v), 2);
    assert_true(hi_dyn_bool(hi_dyn_at(v, 0)));
}

static void utf8_is_checked_strictly(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",         "\xc1\xbf",         "\xe0\x9f\xbf",
                                      "\xed\xa0\x80", "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80",
                                      "\xe2\x82",     "\xf5\x80\x80\x80", "\xc3",
                                      "\xc3("};
    static const char good[] = "abcdefgh\xc2\x80\xdf\xbf\xe0\xa0\x80\xef\xbf\xbf\xf0\x90\x80\x80"
                               "\xf4\x8f\xbf\xbf\xed\x9f\xbfz";

    assert_int_equal(hi_utf8_valid(good, sizeof(good) - 1), sizeof(good) - 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(hi_utf8_valid(bad[i], strlen(bad[i])), 0);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, test_setup, test_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(json_comes_back_compact),
        TEST(json_numbers_are_long_when_they_fit_else_real),
        TEST(json_strings_keep_every_character),
        TEST(last_of_equal_keys_wins_in_the_place_of_the_first),
        TEST(text_that_is_not_json_is_refused_with_its_place),
        TEST(sixty_four_levels_are_read_and_not_one_more),
        TEST(special_values_print_as_the_query_language_prints_them),
        TEST(decimals_print_exactly),
        TEST(elements_are_found_by_index_and_key),
        TEST(writer_refuses_too_many_levels),
        TEST(no_memory_is_reported_and_nothing_leaks),
        TEST(order_is_total_and_agrees_with_the_hash),
        TEST(numbers_compare_by_value_across_types),
        TEST(bags_are_equal_whatever_the_order_of_their_keys),
        TEST(damaged_bytes_are_found_and_never_read_past_their_end),
        TEST(a_count_that_lies_is_not_believed),
        TEST(utf8_is_checked_strictly),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
