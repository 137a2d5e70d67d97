/*
 * lp_model.h -- line protocol by a slow, obvious parser, to compare the real one with. For the one
 * test program that includes it; everything is static.
 */
#ifndef LP_MODEL_H
#define LP_MODEL_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "formats/lineproto.h"
#include "tests/support/lp_show.h"


/* Wide enough that no sum below overflows. */
__extension__ typedef __int128 wide;

/* ---- a slow, obvious parser ------------------------------------------------------------------- */

typedef struct model {
    const char *in;
    size_t size;
    size_t at;
    bool failed;
} model;

/* The byte at the cursor, -1 at the end. */
static int peek(const model *m, size_t ahead)
{
    return m->at + ahead < m->size ? (uint8_t)m->in[m->at + ahead] : -1;
}

static bool model_utf8(const char *p, size_t size)
{
    for (size_t i = 0; i < size;) {
        const uint8_t c = (uint8_t)p[i];
        const size_t n = c < 0x80   ? 1
                         : c < 0xc0 ? 0
                         : c < 0xe0 ? 2
                         : c < 0xf0 ? 3
                         : c < 0xf8 ? 4
                                    : 0;
        uint32_t code = n == 1 ? c : c & (0x7fu >> n);

        if (n == 0 || i + n > size) {
            return false;
        }
        for (size_t k = 1; k < n; k++) {
            if (((uint8_t)p[i + k] & 0xc0) != 0x80) {
                return false;
            }
            code = code << 6 | ((uint8_t)p[i + k] & 0x3f);
        }
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        if (code < least[n] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000)) {
            return false;
        }
        i += n;
    }
    return true;
}

/* A name: ends at the first byte of `stop` that is not escaped, or at a control byte. */
static text model_name(model *m, const char *stop)
{
    text t = {0};

    text_add(&t, "", 0);
    for (;;) {
        const int c = peek(m, 0);
        const int next = peek(m, 1);

        if (c == '\\' && next > 0 && strchr(stop, next) != NULL) {
            const char byte = (char)next;

            text_add(&t, &byte, 1);
            m->at += 2;
            continue;
        }
        if (c < 0x20 || c == 0x7f || strchr(stop, c) != NULL) {
            break;
        }
        text_add(&t, m->in + m->at, 1);
        m->at++;
    }
    m->failed |= t.size == 0 || !model_utf8(t.data, t.size);
    return t;
}

static void model_string(model *m, text *out)
{
    text t = {0};

    text_add(&t, "", 0);
    for (m->at++; peek(m, 0) != '"'; m->at++) {
        static const char from[] = "\"\\nrt";
        const char *escape = peek(m, 0) == '\\' && peek(m, 1) > 0 ? strchr(from, peek(m, 1)) : NULL;

        if (peek(m, 0) < 0) {
            m->failed = true;
            text_free(&t);
            return;
        }
        m->at += escape != NULL;
        text_add(&t, escape != NULL ? &"\"\\\n\r\t"[escape - from] : m->in + m->at, 1);
    }
    m->failed |= !model_utf8(t.data, t.size);
    m->at += !m->failed;
    text_add(out, "=s", 2);
    text_bytes(out, t.data, t.size);
    text_free(&t);
}

/* Digits with the optional parts of a number; returns whether all of the text is one. */
static bool model_is_number(const char *p, bool is_real)
{
    size_t digits = 0;

    p += *p == '-';
    for (; *p >= '0' && *p <= '9'; p++) {
        digits++;
    }
    if (is_real && *p == '.') {
        for (p++; *p >= '0' && *p <= '9'; p++) {
            digits++;
        }
    }
    if (is_real && digits > 0 && (*p == 'e' || *p == 'E')) {
        p++;
        p += *p == '-' || *p == '+';
        for (digits = 0; *p >= '0' && *p <= '9'; p++) {
            digits++;
        }
    }
    return digits > 0 && *p == '\0';
}

static void model_number(model *m, char *word, size_t size, text *out)
{
    char *end = NULL;
    const char last = word[size - 1];

    if (last == 'i' || last == 'u') {
        word[size - 1] = '\0';
        wide value = 0;
        const bool minus = *word == '-';
        m->failed = !model_is_number(word, false) || (minus && last == 'u');
        for (const char *p = word + minus; !m->failed && *p != '\0'; p++) {
            value = value > (wide)1 << 70 ? value : value * 10 + (*p - '0');
        }
        value = minus ? -value : value;
        if (last == 'i') {
            m->failed |= value > INT64_MAX || value < INT64_MIN;
            text_printf(out, "=i%lld", (long long)value);
        } else {
            m->failed |= value > UINT64_MAX;
            text_printf(out, "=u%llu", (unsigned long long)value);
        }
        return;
    }
    const double v = strtod(word, &end);
    m->failed = !model_is_number(word, true) || __builtin_isinf(v);
    text_printf(out, "=f%016llx", (unsigned long long)hi_bits_of(v));
}

static void model_value(model *m, text *out)
{
    static const char *const words[] = {"f", "F", "false", "False", "FALSE",
                                        "t", "T", "true",  "True",  "TRUE"};
    char word[600];
    size_t size = 0;
    const int first = peek(m, 0);

    if (first == '"') {
        model_string(m, out);
        return;
    }
    const size_t start = m->at;
    while (peek(m, 0) >= 0 && strchr(", \r\n", peek(m, 0)) == NULL && size < sizeof(word) - 1) {
        word[size++] = m->in[m->at++];
    }
    /* A NUL is in strchr()'s set, and ends no value. */
    if (peek(m, 0) == 0 || memchr(word, 0, size) != NULL || size == 0) {
        m->failed = true;
        m->at = start;
        return;
    }
    word[size] = '\0';
    if (first == '-' || first == '.' || (first >= '0' && first <= '9')) {
        model_number(m, word, size, out);
        return;
    }
    for (int i = 0; i < 10; i++) {
        if (strcmp(words[i], word) == 0) {
            text_printf(out, "=b%d", i >= 5);
            return;
        }
    }
    m->failed = true;
}

static void model_spaces(model *m)
{
    while (peek(m, 0) == ' ') {
        m->at++;
    }
}

static bool model_end(model *m)
{
    if (peek(m, 0) < 0) {
        return true;
    }
    if (peek(m, 0) == '\n') {
        m->at++;
        return true;
    }
    if (peek(m, 0) == '\r' && (peek(m, 1) < 0 || peek(m, 1) == '\n')) {
        m->at += peek(m, 1) < 0 ? 1 : 2;
        return true;
    }
    return false;
}

static void model_time(model *m, text *out)
{
    char word[64];
    size_t size = 0;

    while ((peek(m, 0) == '-' || (peek(m, 0) >= '0' && peek(m, 0) <= '9')) && size < 60) {
        word[size++] = m->in[m->at++];
    }
    word[size] = '\0';
    wide value = 0;
    for (const char *p = word + (*word == '-'); *p >= '0' && *p <= '9'; p++) {
        value = value > (wide)1 << 70 ? value : value * 10 + (*p - '0');
    }
    value = *word == '-' ? -value : value;
    m->failed |= !model_is_number(word, false) || value > INT64_MAX || value <= INT64_MIN + 1;
    if (!m->failed) {
        text_printf(out, " %lld", (long long)value);
        model_spaces(m);
        m->failed = !model_end(m);
    }
}

typedef struct model_tag {
    text key;
    text value;
} model_tag;

static int model_tag_order(const void *a, const void *b)
{
    const text *x = &((const model_tag *)a)->key;
    const text *y = &((const model_tag *)b)->key;
    const size_t n = x->size < y->size ? x->size : y->size;
    const int order = memcmp(x->data, y->data, n);

    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

static void model_tags(model *m, text *out, bool *twice)
{
    model_tag tags[64];
    size_t count = 0;

    while (!m->failed && peek(m, 0) == ',') {
        m->at++;
        assert_true(count < 64);
        tags[count].key = model_name(m, ",= ");
        tags[count].value = (text){0};
        m->failed |= peek(m, 0) != '=';
        if (!m->failed) {
            m->at++;
            tags[count].value = model_name(m, ",= ");
        }
        count++;
    }
    if (!m->failed) {
        qsort(tags, count, sizeof(*tags), model_tag_order);
    }
    for (size_t i = 0; i < count; i++) {
        if (!m->failed) {
            *twice |= i > 0 && model_tag_order(&tags[i - 1], &tags[i]) == 0;
            text_add(out, " ", 1);
            text_bytes(out, tags[i].key.data, tags[i].key.size);
            text_add(out, ":", 1);
            text_bytes(out, tags[i].value.data, tags[i].value.size);
        }
    }
    for (size_t i = 0; i < count; i++) {
        text_free(&tags[i].key);
        text_free(&tags[i].value);
    }
}

static void model_fields(model *m, text *out)
{
    do {
        text key = model_name(m, ",= ");

        m->failed |= peek(m, 0) != '=';
        text_add(out, " ", 1);
        text_bytes(out, key.data, key.size);
        text_free(&key);
        if (!m->failed) {
            m->at++;
            model_value(m, out);
        }
    } while (!m->failed && peek(m, 0) == ',' && m->at++ < m->size);
}

/* One line that is no comment; true when the tags hold a key twice. */
static bool model_line(model *m, text *out)
{
    bool twice = false;
    text name = model_name(m, ", ");

    text_add(out, "ok ", 3);
    text_bytes(out, name.data, name.size);
    text_free(&name);
    if (!m->failed) {
        model_tags(m, out, &twice);
    }
    m->failed |= peek(m, 0) != ' ';
    if (!m->failed) {
        model_spaces(m);
        model_fields(m, out);
    }
    if (m->failed) {
        return false;
    }
    m->failed = peek(m, 0) >= 0 && (peek(m, 0) == 0 || strchr(" \r\n", peek(m, 0)) == NULL);
    model_spaces(m);
    if (!m->failed && !model_end(m)) {
        model_time(m, out);
    } else {
        text_add(out, " 42", 3);
    }
    return twice;
}

static void model_comment(model *m)
{
    while (peek(m, 0) >= 0x20 && peek(m, 0) != 0x7f) {
        m->at++;
    }
    m->failed = !model_end(m);
}

/* The outcome line by line: the point, or "bad". */
static text model_run(const char *in, size_t size)
{
    model m = {in, size, 0, false};
    text out = {0};

    text_add(&out, "", 0);
    for (;;) {
        text line = {0};
        bool bad = false;

        while (peek(&m, 0) == ' ' || (peek(&m, 0) >= 0 && model_end(&m))) {
            m.at += peek(&m, 0) == ' ';
        }
        if (peek(&m, 0) < 0) {
            return out;
        }
        m.failed = false;
        const bool comment = peek(&m, 0) == '#';
        if (comment) {
            model_comment(&m);
        } else {
            bad = model_line(&m, &line);
        }
        while (m.failed && peek(&m, 0) >= 0 && m.in[m.at++] != '\n') {
        }
        if (m.failed || bad) {
            text_add(&out, "bad\n", 4);
        } else if (!comment) {
            text_add(&out, line.data, line.size);
            text_add(&out, "\n", 1);
        }
        text_free(&line);
    }
}

/* Takes the names of errors away. */
static void strip_names(text *t)
{
    size_t to = 0;
    bool off = false;

    for (size_t i = 0; i < t->size; i++) {
        if (i >= 3 && memcmp(t->data + i - 3, "bad ", 4) == 0 &&
            (i == 3 || t->data[i - 4] == '\n')) {
            off = true;
        }
        off = off && t->data[i] != '\n';
        if (!off) {
            t->data[to++] = t->data[i];
        }
    }
    t->size = to;
    t->data[to] = '\0';
}

#endif
