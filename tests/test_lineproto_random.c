/*
 * test_lineproto_random.c -- the line-protocol parser against random input: points written and read
 * back, mutated lines against a slow and obvious parser, and input at the very end of a page.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>
/* clang-format on */

#include "base/bytes.h"
#include "formats/lineproto.h"
#include "tests/support/lp_model.h"
#include "tests/support/lp_show.h"

static uint64_t random_next(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15);
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static size_t random_below(uint64_t *state, size_t n)
{
    return (size_t)(random_next(state) % n);
}

static int rounds(int usual)
{
    return getenv("HIST_LONG") != NULL ? usual * 100 : usual;
}

/* ---- random input ------------------------------------------------------------------------------- */

static const char *const pieces[] = {
    "m",
    "cpu,h=a",
    "cpu,host=server01,region=eu-west-1",
    ",",
    "=",
    " ",
    "  ",
    "\n",
    "\r\n",
    "\r",
    "\\",
    "\\ ",
    "\\,",
    "\\=",
    "\\\"",
    "\\\\",
    "\"",
    "\"x y\"",
    "\"a\nb\"",
    "#",
    "# note\n",
    " v=1",
    " usage_user=58i,usage_system=2i",
    " f=0.5",
    ",g=-1.25e-3",
    ",t=true",
    ",u=17u",
    " 1451606400000000000",
    "\xc3\xa4",
    "\xe2\x82\xac",
    "\xff",
    "\xed\xa0\x80",
    "\t",
    "\x01",
    "\x7f",
    "-",
    ".",
    "1",
    "9007199254740993",
    "i",
    "u",
    "e5",
    "v=1\n",
    "m v=1 1\n",
    ",s=\"q\\\"\\\\\\n\"",
    "0",
    "t",
    "9223372036854775807",
    "18446744073709551615u",
    "a_rather_long_name_of_a_field=7i",
};

static size_t random_input(uint64_t *seed, char *to, size_t room)
{
    const size_t count = 1 + random_below(seed, 24);
    size_t size = 0;

    for (size_t i = 0; i < count; i++) {
        const char *piece = pieces[random_below(seed, sizeof(pieces) / sizeof(pieces[0]))];
        const size_t n = strlen(piece);

        if (size + n > room) {
            break;
        }
        memcpy(to + size, piece, n);
        size += n;
    }
    if (size > 0 && random_below(seed, 8) == 0) {
        to[random_below(seed, size)] = (char)random_below(seed, 256);
    }
    return size;
}

static void mutated_lines_come_out_as_the_obvious_parser_says(void **state)
{
    uint64_t seed = 20260131;
    char input[2048];
    const run_options o = {.default_time = 42};
    size_t good = 0;

    (void)state;
    for (int i = 0; i < rounds(40000); i++) {
        const uint64_t from = seed;
        const size_t size = random_input(&seed, input, sizeof(input));
        const size_t cuts[] = {size / 3, size / 2};
        text want = model_run(input, size);
        text got = run_whole(input, size, &o);
        text parts = run_cut(input, size, cuts, 2, &o);

        assert_string_equal(parts.data, got.data);
        strip_places(&got);
        strip_names(&got);
        if (strcmp(got.data, want.data) != 0) {
            text shown = {0};

            text_bytes(&shown, input, size);
            fail_msg("seed %llu input %s\ngot:\n%swant:\n%s", (unsigned long long)from, shown.data,
                     got.data, want.data);
        }
        good += strstr(got.data, "ok ") != NULL;
        text_free(&want);
        text_free(&got);
        text_free(&parts);
    }
    assert_true(good > 1000);
}

/* A byte that may be in a name, specials included. */
static size_t random_name(uint64_t *seed, char *to)
{
    static const char *const letters[] = {
        "a",  "b", "Z", "0", "_", "\\", ",", "=", " ", "\xc3\xa4", "\xf0\x9f\x98\x80",
        "\"", "#", "."};
    const size_t count = 1 + random_below(seed, 40);
    size_t size = 0;

    to[size++] = 'n';
    for (size_t i = 0; i < count; i++) {
        const char *letter = letters[random_below(seed, sizeof(letters) / sizeof(letters[0]))];

        memcpy(to + size, letter, strlen(letter));
        size += strlen(letter);
    }
    to[size++] = 'z'; /* A name cannot end with a backslash. */
    return size;
}

static void put_escaped(text *t, const char *data, size_t size, const char *special)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr(special, data[i]) != NULL) {
            text_add(t, "\\", 1);
        }
        text_add(t, data + i, 1);
    }
}

static void put_name(text *line, text *want, uint64_t *seed, const char *special)
{
    char name[256];
    const size_t size = random_name(seed, name);

    put_escaped(line, name, size, special);
    text_bytes(want, name, size);
}

static void put_real(text *line, text *want, uint64_t *seed)
{
    double v = hi_double_of(random_next(seed));

    if (!(v - v == 0)) { /* Not finite. */
        v = 0.1;
    }
    if (random_below(seed, 2) == 0) { /* Like a sensor's. */
        v = (double)(int64_t)(random_next(seed) % 2000000) / 1000 - 1000;
    }
    char word[512];
    /* Read back by strtod(), so that the text may have fewer digits than the number. */
    switch (random_below(seed, 4)) {
    case 0:
        (void)snprintf(word, sizeof(word), "%.17g", v);
        break;
    case 1:
        (void)snprintf(word, sizeof(word), "%.17e", v);
        break;
    case 2:
        (void)snprintf(word, sizeof(word), "%.3f", v);
        break;
    default:
        (void)snprintf(word, sizeof(word), "%.0f", v);
        break;
    }
    text_add(line, word, strlen(word));
    text_printf(want, "=f%016llx", (unsigned long long)hi_bits_of(strtod(word, NULL)));
}

static void put_string(text *line, text *want, uint64_t *seed)
{
    char bytes[128];
    const size_t size = random_below(seed, sizeof(bytes));

    for (size_t i = 0; i < size; i++) {
        bytes[i] = random_below(seed, 8) == 0 ? "\"\\\n\r\t\x01,="[random_below(seed, 8)]
                                              : (char)(32 + random_below(seed, 95));
    }
    text_add(line, "\"", 1);
    put_escaped(line, bytes, size, "\"\\");
    text_add(line, "\"", 1);
    text_add(want, "=s", 2);
    text_bytes(want, bytes, size);
}

static void put_value(text *line, text *want, uint64_t *seed)
{
    const uint64_t bits = random_next(seed) >> random_below(seed, 64);

    switch (random_below(seed, 5)) {
    case 0:
        text_printf(line, "%lldi", (long long)bits);
        text_printf(want, "=i%lld", (long long)bits);
        break;
    case 1:
        text_printf(line, "%lluu", (unsigned long long)bits);
        text_printf(want, "=u%llu", (unsigned long long)bits);
        break;
    case 2:
        text_printf(line, "%s", bits % 2 ? "true" : "F");
        text_printf(want, "=b%d", bits % 2 ? 1 : 0);
        break;
    case 3:
        put_string(line, want, seed);
        break;
    default:
        put_real(line, want, seed);
        break;
    }
}

static void put_point(text *line, text *want, uint64_t *seed)
{
    const size_t tags = random_below(seed, 6);
    const size_t fields = 1 + random_below(seed, 8);

    text_add(want, "ok ", 3);
    put_name(line, want, seed, ", ");
    for (size_t i = 0; i < tags; i++) {
        const char prefix = (char)('a' + i); /* Sorted and distinct. */

        text_add(line, ",", 1);
        text_add(line, &prefix, 1);
        text_add(line, "=", 1);
        text_printf(want, " <%c>:", prefix);
        put_name(line, want, seed, ",= ");
    }
    for (size_t i = 0; i < fields; i++) {
        text_add(line, i == 0 ? " " : ",", 1);
        text_add(want, " ", 1);
        put_name(line, want, seed, ",= ");
        text_add(line, "=", 1);
        put_value(line, want, seed);
    }
    if (random_below(seed, 4) == 0) {
        text_add(want, " 42\n", 4);
    } else {
        const int64_t t = (int64_t)(random_next(seed) >> random_below(seed, 64)) / 2;

        text_printf(line, " %lld", (long long)t);
        text_printf(want, " %lld\n", (long long)t);
    }
    const char *end = random_below(seed, 4) == 0 ? "\r\n" : "\n";

    text_add(line, end, strlen(end));
}

static void points_written_come_back_the_same(void **state)
{
    uint64_t seed = 7;
    const run_options o = {.default_time = 42};

    (void)state;
    for (int i = 0; i < rounds(3000); i++) {
        const uint64_t from = seed;
        text lines = {0};
        text want = {0};

        for (size_t k = 1 + random_below(&seed, 4); k > 0; k--) {
            put_point(&lines, &want, &seed);
        }
        const size_t cut = random_below(&seed, lines.size);
        text got = run_whole(lines.data, lines.size, &o);
        text parts = run_cut(lines.data, lines.size, &cut, 1, &o);

        assert_string_equal(parts.data, got.data);
        strip_places(&got);
        if (strcmp(got.data, want.data) != 0) {
            fail_msg("seed %llu:\n%s\ngot:\n%swant:\n%s", (unsigned long long)from, lines.data,
                     got.data, want.data);
        }
        text_free(&lines);
        text_free(&want);
        text_free(&got);
        text_free(&parts);
    }
}

static void a_line_is_out_as_soon_as_its_newline_is_in(void **state)
{
    static lp_parser parser;
    uint64_t seed = 11;

    (void)state;
    for (int i = 0; i < rounds(300); i++) {
        text line = {0};
        text want = {0};
        lp_line out;

        put_point(&line, &want, &seed);
        lp_init(&parser, 0, NULL);
        for (size_t n = 1; n < line.size; n++) {
            lp_feed(&parser, line.data, n, false);
            assert_int_equal(lp_next(&parser, &out), LP_MORE);
            assert_int_equal(parser.at, 0);
        }
        lp_feed(&parser, line.data, line.size, false);
        assert_int_equal(lp_next(&parser, &out), LP_LINE);
        assert_int_equal(parser.at, line.size);
        text_free(&line);
        text_free(&want);
    }
}

/* ---- the end of a page ------------------------------------------------------------------------- */

/* Bytes that end where memory ends: reading one more is a crash. */
static void parse_at_page_end(char *page_end, const char *data, size_t size, bool final)
{
    static lp_parser parser;
    lp_line line;
    hist_str measurement;
    lp_tag tags[LP_TAGS_MAX];
    uint32_t tag_count = 0;
    char scratch[2048];

    memcpy(page_end - size, data, size);
    lp_init(&parser, 0, NULL);
    lp_feed(&parser, page_end - size, size, final);
    for (lp_status status; (status = lp_next(&parser, &line)) != LP_MORE;) {
        if (status == LP_LINE) {
            (void)lp_parse_key(&parser, line.key, scratch, &measurement, tags, &tag_count);
        }
    }
    assert_true(parser.at <= size);
    assert_true(!final || parser.at == size);
}

static void no_byte_behind_the_buffer_is_read(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *map =
        (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t seed = 3;
    char input[2048];

    (void)state;
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + page, page, PROT_NONE), 0);
    for (int i = 0; i < rounds(1000); i++) {
        const size_t size = random_input(&seed, input, sizeof(input));

        for (size_t n = 0; n <= size; n++) {
            parse_at_page_end(map + page, input, n, false);
            parse_at_page_end(map + page, input, n, true);
        }
    }
    assert_int_equal(munmap(map, 2 * page), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(points_written_come_back_the_same),
        cmocka_unit_test(a_line_is_out_as_soon_as_its_newline_is_in),
        cmocka_unit_test(mutated_lines_come_out_as_the_obvious_parser_says),
        cmocka_unit_test(no_byte_behind_the_buffer_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
