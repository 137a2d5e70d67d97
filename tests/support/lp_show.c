/* lp_show.c -- see lp_show.h. */
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

#include "tests/support/lp_show.h"

#include "base/bytes.h"

void text_add(text *t, const char *data, size_t size)
{
    if (t->size + size + 1 > t->room) {
        t->room = (t->size + size + 1) * 2;
        t->data = (char *)realloc(t->data, t->room);
        assert_non_null(t->data);
    }
    if (size > 0) {
        memcpy(t->data + t->size, data, size);
    }
    t->size += size;
    t->data[t->size] = '\0';
}

void text_printf(text *t, const char *fmt, ...)
{
    char buf[512];
    va_list args;

    va_start(args, fmt);
    const int n = vsnprintf(buf, sizeof(buf), fmt, args);
    va_end(args);
    assert_true(n >= 0 && (size_t)n < sizeof(buf));
    text_add(t, buf, (size_t)n);
}

void text_free(text *t)
{
    free(t->data);
    *t = (text){0};
}

void text_bytes(text *t, const char *data, size_t size)
{
    text_add(t, "<", 1);
    for (size_t i = 0; i < size; i++) {
        const uint8_t c = (uint8_t)data[i];

        if (c > 0x20 && c < 0x7f && c != '<' && c != '>' && c != '\\') {
            text_add(t, data + i, 1);
        } else {
            text_printf(t, "\\%02x", c);
        }
    }
    text_add(t, ">", 1);
}

static void show_field(text *out, const lp_field *f)
{
    char *scratch = (char *)malloc(f->key.size + (f->type == LP_STRING ? f->text.size : 0) + 1);

    assert_non_null(scratch);
    const size_t key_size = lp_unescape_key(f->key, scratch);
    if (!f->key_escaped) {
        assert_int_equal(key_size, f->key.size);
    }
    text_add(out, " ", 1);
    text_bytes(out, scratch, key_size);
    switch (f->type) {
    case LP_REAL:
        text_printf(out, "=f%016llx", (unsigned long long)hi_bits_of(f->real));
        break;
    case LP_LONG:
        text_printf(out, "=i%lld", (long long)f->integer);
        break;
    case LP_ULONG:
        text_printf(out, "=u%llu", (unsigned long long)f->integer);
        break;
    case LP_BOOL:
        text_printf(out, "=b%lld", (long long)f->integer);
        break;
    case LP_STRING:
        text_add(out, "=s", 2);
        if (f->text_escaped) {
            text_bytes(out, scratch, lp_unescape_string(f->text, scratch));
        } else {
            text_bytes(out, f->text.data, f->text.size);
        }
        break;
    default:
        fail_msg("field type %d", (int)f->type);
    }
    free(scratch);
}

static void show_bad(text *out, const lp_parser *parser, uint64_t line_number)
{
    assert_true(strlen(parser->error_text) < sizeof(parser->error_text));
    assert_true(lp_utf8_valid(parser->error_text, strlen(parser->error_text)));
    text_printf(out, "bad %s", lp_error_name(parser->error));
    text_printf(out, " |%llu:%zu %s\n", (unsigned long long)line_number, parser->error_at,
                parser->error_text);
}

/* "ok MEASUREMENT KEY:VALUE... FIELD=... TIME |LINE" or "bad NAME |LINE:AT TEXT" */
static void show_line(text *out, lp_parser *parser, const lp_line *line, int64_t default_time)
{
    char *scratch = (char *)malloc(line->key.size);
    hist_str measurement = {NULL, 0};
    lp_tag tags[LP_TAGS_MAX];
    uint32_t tag_count = 0;

    assert_non_null(scratch);
    if (lp_parse_key(parser, line->key, scratch, &measurement, tags, &tag_count) != LP_OK) {
        show_bad(out, parser, line->line_number);
        free(scratch);
        return;
    }
    text_add(out, "ok ", 3);
    text_bytes(out, measurement.data, measurement.size);
    for (uint32_t i = 0; i < tag_count; i++) {
        text_add(out, " ", 1);
        text_bytes(out, tags[i].key.data, tags[i].key.size);
        text_add(out, ":", 1);
        text_bytes(out, tags[i].value.data, tags[i].value.size);
    }
    assert_true(line->field_count > 0);
    for (uint32_t i = 0; i < line->field_count; i++) {
        show_field(out, &line->fields[i]);
    }
    static const int64_t factors[] = {1, 1000, 1000000, 1000000000};
    const int64_t factor = factors[parser->precision];
    const int64_t floor_rest = ((default_time % factor) + factor) % factor;

    if (line->has_time) {
        assert_true(line->time_ns == line->time_raw * factor);
    }
    text_printf(out, " %lld",
                (long long)(line->has_time ? line->time_ns : default_time - floor_rest));
    text_printf(out, " |%llu\n", (unsigned long long)line->line_number);
    free(scratch);
}

void run_all(text *out, lp_parser *parser, const run_options *o)
{
    lp_line line;

    for (;;) {
        const lp_status status = lp_next(parser, &line);

        if (status == LP_MORE) {
            return;
        }
        if (status == LP_BAD) {
            show_bad(out, parser, 0);
        } else if (status == LP_LINE) {
            show_line(out, parser, &line, o->default_time);
        } else if (o->comments) {
            text_add(out, "comment ", 8);
            text_bytes(out, line.comment.data, line.comment.size);
            text_add(out, "\n", 1);
        }
    }
}

text run_cut(const char *data, size_t size, const size_t *cuts, size_t cut_count,
             const run_options *o)
{
    text out = {0};
    lp_parser *parser = (lp_parser *)malloc(sizeof(*parser));
    size_t from = 0;

    assert_non_null(parser);
    memset(parser, 0xa5, sizeof(*parser));
    lp_init(parser, o->precision, &o->limits);
    text_add(&out, "", 0);
    for (size_t i = 0; i <= cut_count; i++) {
        const size_t to = i == cut_count ? size : cuts[i];
        char *part = (char *)malloc(to - from);

        assert_true(part != NULL || to == from);
        if (to > from) {
            memcpy(part, data + from, to - from);
        }
        lp_feed(parser, part, to - from, i == cut_count);
        run_all(&out, parser, o);
        assert_true(parser->at <= to - from);
        from += parser->at;
        free(part);
    }
    assert_int_equal(from, size);
    uint64_t newlines = 0;
    for (size_t i = 0; i < size; i++) {
        newlines += data[i] == '\n';
    }
    assert_int_equal(parser->lines, newlines);
    free(parser);
    return out;
}

text run_whole(const char *data, size_t size, const run_options *o)
{
    return run_cut(data, size, NULL, 0, o);
}

text run_every_way(const char *data, size_t size, const run_options *o)
{
    text whole = run_whole(data, size, o);
    size_t *cuts = (size_t *)malloc((size + 1) * sizeof(*cuts));

    assert_non_null(cuts);
    for (size_t i = 0; i < size; i++) {
        cuts[i] = i;
    }
    text bytes = run_cut(data, size, cuts, size, o);
    assert_string_equal(bytes.data, whole.data);
    text_free(&bytes);
    for (size_t i = 0; i <= size; i++) {
        text cut = run_cut(data, size, &i, 1, o);

        if (strcmp(cut.data, whole.data) != 0) {
            fail_msg("cut at %zu of %zu:\n%s\nwhole:\n%s", i, size, cut.data, whole.data);
        }
        text_free(&cut);
    }
    free(cuts);
    return whole;
}

void strip_places(text *t)
{
    size_t to = 0;
    bool off = false;

    for (size_t i = 0; i < t->size; i++) {
        if (t->data[i] == ' ' && t->data[i + 1] == '|') {
            off = true;
        }
        if (t->data[i] == '\n') {
            off = false;
        }
        if (!off) {
            t->data[to++] = t->data[i];
        }
    }
    t->size = to;
    t->data[to] = '\0';
}
