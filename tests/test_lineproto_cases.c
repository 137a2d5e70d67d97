/* test_lineproto_cases.c -- the line-protocol parser against the public conformance cases. */
#define _GNU_SOURCE
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

#include <jansson.h>

#include "formats/lineproto.h"
#include "tests/support/lp_show.h"

/* ---- the conformance cases ------------------------------------------------------------------------------ */

static text base64_decode(const char *in)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    text out = {0};
    unsigned bits = 0;
    int count = 0;

    text_add(&out, "", 0);
    for (; *in != '\0' && *in != '='; in++) {
        bits = (bits << 6) | (unsigned)(strchr(letters, *in) - letters);
        count += 6;
        if (count >= 8) {
            const char c = (char)(bits >> (count - 8));

            count -= 8;
            text_add(&out, &c, 1);
        }
    }
    return out;
}

static void want_field(text *out, json_t *f)
{
    const char *type = json_string_value(json_array_get(f, 1));
    json_t *value = json_array_get(f, 2);
    json_t *key = json_array_get(f, 0);

    text_add(out, " ", 1);
    text_bytes(out, json_string_value(key), json_string_length(key));
    text_printf(out, "=%s", type);
    if (*type == 'f') {
        text_printf(out, "%s", json_string_value(json_object_get(value, "bits")));
    } else if (*type == 'b') {
        text_printf(out, "%d", json_is_true(value));
    } else if (*type == 's') {
        text_bytes(out, json_string_value(value), json_string_length(value));
    } else {
        text_printf(out, "%s", json_string_value(value));
    }
}

static text want_points(json_t *points)
{
    text out = {0};
    size_t i = 0;
    json_t *point = NULL;

    text_add(&out, "", 0);
    json_array_foreach(points, i, point)
    {
        json_t *m = json_object_get(point, "m");
        json_t *pair = NULL;
        size_t k = 0;

        text_add(&out, "ok ", 3);
        text_bytes(&out, json_string_value(m), json_string_length(m));
        json_array_foreach(json_object_get(point, "t"), k, pair)
        {
            json_t *key = json_array_get(pair, 0);
            json_t *value = json_array_get(pair, 1);

            text_add(&out, " ", 1);
            text_bytes(&out, json_string_value(key), json_string_length(key));
            text_add(&out, ":", 1);
            text_bytes(&out, json_string_value(value), json_string_length(value));
        }
        json_array_foreach(json_object_get(point, "f"), k, pair)
        {
            want_field(&out, pair);
        }
        text_printf(&out, " %s\n", json_string_value(json_object_get(point, "ns")));
    }
    return out;
}

/* Our names are fewer than theirs, and a control byte is always called one. */
static bool same_class(const char *theirs, const char *ours)
{
    static const char *const pairs[][2] = {
        {"tag-equals-missing", "tag-key-missing"},
        {"field-equals-missing", "field-key-missing"},
        {"value-type-unknown", "field-value-missing"},
        {"bool-bad", "field-value-missing"},
        {"float-bad", "number-bad"},
        {"int-bad", "number-bad"},
        {"uint-bad", "number-bad"},
        {"int-range", "number-bad"},
        {"uint-range", "number-bad"},
        {"float-range", "number-bad"},
        {"tag-key-missing", "field-key-missing"},
        {"tag-duplicate", "tag-limit"},
    };

    if (strcmp(theirs, ours) == 0 || strcmp(ours, "control-byte") == 0) {
        return true;
    }
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        if (strcmp(pairs[i][0], theirs) == 0 && strcmp(pairs[i][1], ours) == 0) {
            return true;
        }
    }
    return false;
}

/* Outcome by line against the case's `lines`. */
static bool same_lines(const char *got, json_t *lines)
{
    json_t *line = NULL;
    size_t i = 0;

    json_array_foreach(lines, i, line)
    {
        const char *want = json_string_value(line);
        const char *end = strchr(got, '\n');
        char ours[64];

        if (end == NULL) {
            return false;
        }
        if (strncmp(got, "ok ", 3) == 0) {
            if (strcmp(want, "ok") != 0) {
                return false;
            }
        } else {
            (void)snprintf(ours, sizeof(ours), "%.*s", (int)(end - got - 4), got + 4);
            if (!same_class(want, ours)) {
                return false;
            }
        }
        got = end + 1;
    }
    return *got == '\0';
}

static bool case_agrees(json_t *root, text *got)
{
    json_t *expect = json_object_get(root, "expect");
    json_t *points = json_object_get(expect, "points");
    json_t *lines = json_object_get(root, "lines");

    if (lines != NULL && !same_lines(got->data, lines)) {
        return false;
    }
    if (points == NULL) {
        return strncmp(got->data, "bad ", 4) == 0 || strstr(got->data, "\nbad ") != NULL;
    }
    text want = want_points(points);
    const bool same = strcmp(want.data, got->data) == 0;

    text_free(&want);
    return same;
}

static int precision_of(const char *name)
{
    static const char *const names[] = {"ns", "us", "ms", "s"};

    for (int i = 0; i < 4; i++) {
        if (strcmp(name, names[i]) == 0) {
            return i;
        }
    }
    fail_msg("precision %s", name);
    return 0;
}

static void conformance_case(const char *json)
{
    json_error_t error;
    json_t *root = json_loads(json, JSON_ALLOW_NUL, &error);

    assert_non_null(root);
    text input = base64_decode(json_string_value(json_object_get(root, "input")));
    const run_options o = {
        .precision = precision_of(json_string_value(json_object_get(root, "precision"))),
        .default_time = json_integer_value(json_object_get(root, "default_time")),
    };
    text got = run_every_way(input.data, input.size, &o);

    strip_places(&got);
    if (!case_agrees(root, &got)) {
        fail_msg("case %s\ngot:\n%s", json, got.data);
    }
    text_free(&got);
    text_free(&input);
    json_decref(root);
}

static void every_public_conformance_case_agrees(void **state)
{
    const char *shared = getenv("HIST_SHARED");
    char path[1024];
    char *json = NULL;
    size_t room = 0;
    size_t cases = 0;

    (void)state;
    (void)snprintf(path, sizeof(path), "%s/conformance/lineproto.jsonl",
                   shared != NULL ? shared : "../shared");
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        print_message("skipped: %s is not here (set HIST_SHARED)\n", path);
        skip();
        return;
    }
    while (getline(&json, &room, file) > 0) {
        conformance_case(json);
        cases++;
    }
    free(json);
    (void)fclose(file);
    print_message("%zu cases agree\n", cases);
    assert_true(cases > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_public_conformance_case_agrees),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
