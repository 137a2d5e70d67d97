/*
 * fuzz_lineproto.c -- any bytes as line protocol. The first byte chooses precision and where the
 * input is cut; cut or not, the same lines must come out.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "formats/lineproto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct outcome {
    uint64_t hash;
    uint64_t lines;
} outcome;

static void must(bool ok)
{
    if (!ok) {
        abort();
    }
}

static void outcome_add(outcome *o, const void *data, size_t size)
{
    o->hash = hi_hash(size == 0 ? "" : data, size, o->hash + size);
}

static void outcome_line(outcome *o, lp_parser *parser, const lp_line *line)
{
    char *scratch = malloc(line->key.size);
    hist_str measurement = {NULL, 0};
    lp_tag tags[LP_TAGS_MAX];
    uint32_t tag_count = 0;

    must(scratch != NULL && line->field_count > 0 && line->field_count <= LP_FIELDS_MAX);
    if (lp_parse_key(parser, line->key, scratch, &measurement, tags, &tag_count) == LP_OK) {
        must(measurement.size > 0 && lp_utf8_valid(measurement.data, measurement.size));
        outcome_add(o, measurement.data, measurement.size);
        for (uint32_t i = 0; i < tag_count; i++) {
            outcome_add(o, tags[i].key.data, tags[i].key.size);
            outcome_add(o, tags[i].value.data, tags[i].value.size);
        }
    }
    for (uint32_t i = 0; i < line->field_count; i++) {
        const lp_field *f = &line->fields[i];

        outcome_add(o, f->key.data, f->key.size);
        if (f->type == LP_STRING) {
            must(lp_utf8_valid(f->text.data, f->text.size));
            outcome_add(o, f->text.data, f->text.size);
        } else if (f->type == LP_REAL) {
            must(f->real - f->real == 0);
            outcome_add(o, &f->real, sizeof(f->real));
        } else {
            outcome_add(o, &f->integer, sizeof(f->integer));
        }
    }
    outcome_add(o, &line->time_ns, sizeof(line->time_ns));
    free(scratch);
}

static void outcome_all(outcome *o, lp_parser *parser)
{
    lp_line line;

    for (lp_status status; (status = lp_next(parser, &line)) != LP_MORE;) {
        o->lines++;
        outcome_add(o, &status, sizeof(status));
        if (status == LP_LINE) {
            outcome_line(o, parser, &line);
        } else if (status == LP_BAD) {
            const size_t text = strlen(parser->error_text);

            must(lp_utf8_valid(parser->error_text, text));
            outcome_add(o, parser->error_text, text);
        }
    }
}

/* The input in buffers of `piece` bytes that hold nothing else. */
static outcome run(const uint8_t *data, size_t size, int precision, size_t piece)
{
    static lp_parser parser;
    const lp_limits limits = {.line_bytes = 300};
    outcome o = {0, 0};
    size_t from = 0;

    lp_init(&parser, precision, &limits);
    for (size_t to = 0; to < size || to == 0;) {
        to = size - to < piece ? size : to + piece;
        char *part = malloc(to - from + 1);

        must(part != NULL);
        memcpy(part, data + from, to - from);
        lp_feed(&parser, part, to - from, to == size);
        outcome_all(&o, &parser);
        must(parser.at <= to - from);
        from += parser.at;
        free(part);
        if (size == 0) {
            break;
        }
    }
    must(from == size);
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    const int precision = data[0] & 3;
    const size_t piece = 1 + (data[0] >> 2);
    const outcome whole = run(data + 1, size - 1, precision, SIZE_MAX);
    const outcome parts = run(data + 1, size - 1, precision, piece);

    must(whole.hash == parts.hash && whole.lines == parts.lines);
    return 0;
}
