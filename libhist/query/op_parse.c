/*
 * op_parse.c -- parse and parse-where with plain texts between the columns. Know first: a pattern covers the whole
 * text; '*' and columns take as little as they can, columns of numbers followed by no text as much as they can.
 */
#define _GNU_SOURCE /* memmem */
#include "query/op_parse.h"

#include <string.h>

/* Tries one row may take: patterns with many repeated texts give up as not matching. */
#define PARSE_TRIES_MAX 100000

typedef struct op_parse {
    hi_op base;
    hi_parse_spec spec;
    hi_value *values; /* One a piece. */
    hi_col_builder *builders;
    hi_arena scratch; /* Of one row. */
    uint32_t tries;
    bool failed; /* No memory. */
} op_parse;

static bool parse_from(op_parse *self, uint32_t piece, hist_str s, size_t at);

/* Whether s[at..end) is good for the piece; what it gives is kept. */
static bool parse_take(op_parse *self, uint32_t piece, hist_str s, size_t at, size_t end)
{
    const hi_piece *p = &self->spec.pieces[piece];
    const hi_value text = {.type = HIST_TYPE_STRING, .str = {s.data + at, end - at}};
    hi_value *v = &self->values[piece];

    if (p->kind == HI_PIECE_ANY) {
        return true;
    }
    if (p->type == HIST_TYPE_STRING) {
        *v = text;
        return true;
    }
    if (!hi_value_convert(&self->scratch, &text, p->type, v)) {
        self->failed = true;
        return false;
    }
    return !v->null || self->spec.relaxed;
}

static bool parse_is_number(hist_type type)
{
    return type == HIST_TYPE_INT || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_DECIMAL;
}

/* Bytes from `at` that a value of the type may be made of. */
static size_t parse_value_end(hist_type type, hist_str s, size_t at)
{
    const bool whole = type == HIST_TYPE_INT || type == HIST_TYPE_LONG;
    size_t end = at;

    if (!parse_is_number(type)) {
        return s.size - at > 64 ? at + 64 : s.size;
    }
    while (end < s.size && (memchr(whole ? "0123456789" : "0123456789.eE+-", s.data[end],
                                   whole ? 10 : 15) != NULL ||
                            (end == at && (s.data[end] == '-' || s.data[end] == '+')))) {
        end++;
    }
    return end;
}

/* A typed column with no text after it: the longest value that lets the rest match. */
static bool parse_longest(op_parse *self, uint32_t piece, hist_str s, size_t at)
{
    const hi_piece *p = &self->spec.pieces[piece];

    for (size_t end = parse_value_end(p->type, s, at); end > at; end--) {
        if (!parse_take(self, piece, s, at, end) || self->values[piece].null) {
            continue;
        }
        if (parse_from(self, piece + 1, s, end)) {
            return true;
        }
    }
    if (!self->spec.relaxed) {
        return false;
    }
    self->values[piece] = (hi_value){.type = p->type, .null = true};
    return parse_from(self, piece + 1, s, at);
}

/* '*' or a column before a text: up to the first place of the text that lets the rest match. */
static bool parse_until(op_parse *self, uint32_t piece, hist_str s, size_t at)
{
    const hist_str text = self->spec.pieces[piece + 1].text;

    for (size_t from = at; from <= s.size; from++) {
        const char *found = memmem(s.data + from, s.size - from, text.data, text.size);

        if (found == NULL) {
            return false;
        }
        from = (size_t)(found - s.data);
        if (parse_take(self, piece, s, at, from) && parse_from(self, piece + 1, s, from)) {
            return true;
        }
        if (self->tries == 0 || self->failed) {
            return false;
        }
    }
    return false;
}

/* '*' or a string with neither text nor end after it. */
static bool parse_shortest(op_parse *self, uint32_t piece, hist_str s, size_t at)
{
    for (size_t end = at; end <= s.size; end++) {
        if (parse_take(self, piece, s, at, end) && parse_from(self, piece + 1, s, end)) {
            return true;
        }
        if (self->tries == 0 || self->failed) {
            return false;
        }
    }
    return false;
}

/* Whether s from `at` on is what the pieces from `piece` on describe. */
static bool parse_from(op_parse *self, uint32_t piece, hist_str s, size_t at)
{
    const hi_parse_spec *spec = &self->spec;

    if (piece == spec->piece_count) {
        return at == s.size;
    }
    if (self->tries == 0) {
        return false;
    }
    self->tries--;
    const hi_piece *p = &spec->pieces[piece];
    if (p->kind == HI_PIECE_TEXT) {
        return s.size - at >= p->text.size &&
               memcmp(s.data + at, p->text.data, p->text.size) == 0 &&
               parse_from(self, piece + 1, s, at + p->text.size);
    }
    if (piece + 1 == spec->piece_count) {
        return parse_take(self, piece, s, at, s.size);
    }
    if (spec->pieces[piece + 1].kind == HI_PIECE_TEXT) {
        return parse_until(self, piece, s, at);
    }
    if (p->kind == HI_PIECE_COLUMN && p->type != HIST_TYPE_STRING) {
        return parse_longest(self, piece, s, at);
    }
    return parse_shortest(self, piece, s, at);
}

static void parse_row(op_parse *self, bool matched)
{
    for (uint32_t i = 0; i < self->spec.piece_count; i++) {
        if (self->spec.pieces[i].kind != HI_PIECE_COLUMN) {
            continue;
        }
        if (matched && !self->values[i].null) {
            hi_cb_value(&self->builders[i], &self->values[i]);
        } else {
            hi_cb_null(&self->builders[i]);
        }
    }
}

/* Matches every row; `kept` gets those that stay. */
static hist_status parse_rows(op_parse *self, const hist_column *text, uint32_t *kept,
                              uint32_t *count)
{
    hi_arena_init(&self->scratch, self->base.x->ctx->mem);
    const hi_arena_mark mark = hi_arena_save(&self->scratch);

    self->failed = false;
    *count = 0;
    for (uint32_t i = 0; i < text->length && !self->failed; i++) {
        self->tries = PARSE_TRIES_MAX;
        const bool matched = parse_from(self, 0, hist_column_str(text, i), 0);

        if (matched || !self->spec.where) {
            kept[(*count)++] = i;
            parse_row(self, matched);
        }
        hi_arena_rewind(&self->scratch, mark);
    }
    hi_arena_free(&self->scratch);
    return self->failed ? hi_op_no_memory(&self->base) : HIST_OK;
}

static bool parse_builders(op_parse *self, uint32_t rows)
{
    hi_arena *arena = &self->base.arena;

    self->values = HI_NEW_ARRAY(arena, hi_value, self->spec.piece_count);
    self->builders = HI_NEW_ARRAY(arena, hi_col_builder, self->spec.piece_count);
    bool ok = self->values != NULL && self->builders != NULL;
    for (uint32_t i = 0; i < self->spec.piece_count && ok; i++) {
        if (self->spec.pieces[i].kind == HI_PIECE_COLUMN) {
            ok = hi_cb_init(&self->builders[i], arena, self->spec.pieces[i].type, rows);
        }
    }
    return ok;
}

/* The rows that were kept, with the columns of the pattern. */
static bool parse_result(op_parse *self, const hist_batch *in, const uint32_t *kept, uint32_t count,
                         hist_batch *out)
{
    hi_op *op = &self->base;
    hist_batch rows = *in;
    hist_column *columns = hi_op_batch(op, count, out);

    if (columns == NULL ||
        (count < in->row_count && !hi_rows_gather(&op->arena, in, kept, count, &rows))) {
        return false;
    }
    memcpy(columns, rows.columns, in->column_count * sizeof(hist_column));
    for (uint32_t i = 0; i < self->spec.piece_count; i++) {
        const hi_piece *p = &self->spec.pieces[i];

        if (p->kind == HI_PIECE_COLUMN &&
            !hi_cb_done(&self->builders[i], p->type, &columns[p->column])) {
            return false;
        }
    }
    return true;
}

static hist_status parse_next(hi_op *op, hist_batch *out)
{
    op_parse *self = (op_parse *)op;
    uint32_t count = 0;

    for (;;) {
        hist_batch in;
        hist_column text;

        HI_TRY(hi_op_next(op->child[0], &in));
        if (in.row_count == 0) {
            return HIST_OK;
        }
        hi_arena_rewind(&op->arena, op->mark);
        hi_eval_begin(&op->ev);
        uint32_t *kept = hi_arena_vector(&op->arena, (size_t)in.row_count * sizeof(uint32_t));
        HI_OP_TRY_MEM(self, kept != NULL && parse_builders(self, in.row_count));
        HI_TRY(hi_expr_eval(self->spec.text, &op->ev, &in, &text));
        HI_TRY(parse_rows(self, &text, kept, &count));
        if (count > 0) {
            HI_OP_TRY_MEM(self, parse_result(self, &in, kept, count, out));
            return HIST_OK;
        }
    }
}

static void parse_need(hi_op *op, const uint64_t *used)
{
    op_parse *self = (op_parse *)op;
    const uint32_t n = op->child[0]->schema.count;
    uint64_t *bits = hi_bits_new(op->x->arena, n, false);

    for (uint32_t c = 0; bits != NULL && c < n; c++) {
        if (hist_bit_get(used, c)) {
            hi_bit_set(bits, c);
        }
    }
    if (bits != NULL) {
        hi_expr_columns(self->spec.text, bits);
    }
    hi_op_need(op->child[0], bits);
}

static const hi_op_type op_parse_type = {"parse", NULL, parse_next, NULL, parse_need};

hi_op *hi_op_parse(hi_exec *x, hi_op *child, const hi_parse_spec *spec)
{
    op_parse *self = hi_op_new(x, &op_parse_type, sizeof(op_parse), child);

    if (self == NULL) {
        return NULL;
    }
    self->spec = *spec;
    self->base.schema = spec->schema;
    self->base.serialized = child->serialized;
    return &self->base;
}
