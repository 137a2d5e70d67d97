/*
 * op_parse_kv.c -- parse-kv: keys and values in a text as columns. Know first: of a key that comes twice the first
 * counts; a delimiter that is not given is any character but letters and digits; blanks around keys and values are
 * not part of them unless quoted.
 */
#define _GNU_SOURCE /* memmem */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

typedef struct kv_spec {
    hist_str pair; /* size 0: not given. */
    hist_str key_value;
    hist_str quote; /* One character, or an opening and a closing one. */
    hist_str escape;
    bool greedy;
    bool regex; /* `text` gives arrays of [key, value]. */
    const hi_expr *text;
    const hi_field *keys;
    uint32_t key_count;
    const uint32_t *columns; /* Of the result, one a key. */
} kv_spec;

typedef struct op_kv {
    hi_op base;
    kv_spec spec;
    hi_col_builder *builders;
    hist_str *found; /* data NULL: not yet. */
    hi_arena scratch;
    bool failed;
} op_kv;

/* ---- reading a text ---- */

typedef struct kv_text {
    const op_kv *self;
    hi_arena *scratch;
    hist_str s;
    size_t at;
    bool failed;
} kv_text;

static bool kv_is_word(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
           (unsigned char)c >= 0x80;
}

static bool kv_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes of the delimiter at `at`, 0: none there. */
static size_t kv_delimiter(hist_str s, size_t at, hist_str delimiter)
{
    if (delimiter.size == 0) {
        return at < s.size && !kv_is_word(s.data[at]);
    }
    return s.size - at >= delimiter.size && memcmp(s.data + at, delimiter.data, delimiter.size) == 0
               ? delimiter.size
               : 0;
}

static hist_str kv_trim(hist_str s)
{
    while (s.size > 0 && kv_is_blank(s.data[0])) {
        s.data++;
        s.size--;
    }
    while (s.size > 0 && kv_is_blank(s.data[s.size - 1])) {
        s.size--;
    }
    return s;
}

static bool kv_at_quote(const kv_text *t)
{
    const hist_str quote = t->self->spec.quote;

    return quote.size > 0 && t->at < t->s.size && t->s.data[t->at] == quote.data[0];
}

static bool kv_at_escape(const kv_text *t, size_t at)
{
    const hist_str escape = t->self->spec.escape;

    return escape.size > 0 && at + 1 < t->s.size && t->s.data[at] == escape.data[0];
}

/* s[from..end) without the escape characters. */
static hist_str kv_unescape(kv_text *t, size_t from, size_t end)
{
    const hist_str plain = {t->s.data + from, end - from};
    char *copy = NULL;
    size_t n = 0;

    if (t->self->spec.escape.size == 0 ||
        memchr(plain.data, t->self->spec.escape.data[0], plain.size) == NULL) {
        return plain;
    }
    copy = hi_arena_alloc(t->scratch, plain.size + 1);
    if (copy == NULL) {
        t->failed = true;
        return plain;
    }
    for (size_t i = from; i < end; i++) {
        if (kv_at_escape(t, i) && i + 1 < end) {
            i++;
        }
        copy[n++] = t->s.data[i];
    }
    return (hist_str){copy, n};
}

/* What stands in quotes at `at`; without a closing one, all of the rest. */
static hist_str kv_quoted(kv_text *t)
{
    const hist_str quote = t->self->spec.quote;
    const char close = quote.data[quote.size - 1];
    const size_t from = ++t->at;

    while (t->at < t->s.size && t->s.data[t->at] != close) {
        t->at += kv_at_escape(t, t->at) ? 2 : 1;
    }
    const size_t end = t->at < t->s.size ? t->at : t->s.size;
    t->at = end < t->s.size ? end + 1 : end;
    return kv_unescape(t, from, end);
}

static void kv_skip_blanks(kv_text *t)
{
    while (t->at < t->s.size && kv_is_blank(t->s.data[t->at]) &&
           kv_delimiter(t->s, t->at, t->self->spec.pair) == 0) {
        t->at++;
    }
}

/* Everything that may stand before a key. */
static void kv_skip_pairs(kv_text *t)
{
    for (;;) {
        const size_t n = t->at < t->s.size && !kv_at_quote(t)
                             ? kv_delimiter(t->s, t->at, t->self->spec.pair)
                             : 0;

        if (n == 0 && (t->at >= t->s.size || !kv_is_blank(t->s.data[t->at]))) {
            return;
        }
        t->at += n == 0 ? 1 : n;
    }
}

/* A key and the delimiter after it; false: the text goes on with something that is no pair. */
static bool kv_key(kv_text *t, hist_str *key)
{
    const kv_spec *spec = &t->self->spec;
    const size_t from = t->at;

    if (kv_at_quote(t)) {
        *key = kv_quoted(t);
        kv_skip_blanks(t);
    } else {
        while (t->at < t->s.size && kv_delimiter(t->s, t->at, spec->key_value) == 0 &&
               kv_delimiter(t->s, t->at, spec->pair) == 0) {
            t->at++;
        }
        *key = kv_trim((hist_str){t->s.data + from, t->at - from});
    }
    const size_t n = t->at < t->s.size ? kv_delimiter(t->s, t->at, spec->key_value) : 0;
    t->at += n;
    return n > 0;
}

/* Where a greedy value that begins at `from` ends: before the next key. */
static size_t kv_greedy_end(const kv_text *t, size_t from)
{
    const kv_spec *spec = &t->self->spec;
    size_t end = SIZE_MAX;

    for (size_t i = from; i < t->s.size; i++) {
        if (kv_delimiter(t->s, i, spec->key_value) > 0 && end != SIZE_MAX) {
            return end;
        }
        if (kv_delimiter(t->s, i, spec->pair) > 0) {
            end = i;
        }
    }
    return t->s.size;
}

static hist_str kv_value(kv_text *t)
{
    const kv_spec *spec = &t->self->spec;

    kv_skip_blanks(t);
    /* With no delimiters given, "key: value" has two of them between. */
    while (spec->key_value.size == 0 && spec->pair.size == 0 && t->at < t->s.size &&
           !kv_at_quote(t) && !kv_is_word(t->s.data[t->at])) {
        t->at++;
    }
    if (kv_at_quote(t)) {
        return kv_quoted(t);
    }
    const size_t from = t->at;
    if (spec->greedy) {
        t->at = kv_greedy_end(t, from);
    }
    while (!spec->greedy && t->at < t->s.size && kv_delimiter(t->s, t->at, spec->pair) == 0) {
        t->at += kv_at_escape(t, t->at) ? 2 : 1;
    }
    return kv_trim(kv_unescape(t, from, t->at));
}

/* ---- rows ---- */

static void kv_keep(op_kv *self, hist_str key, hist_str value)
{
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        if (self->found[k].data == NULL && hi_str_is(key, self->spec.keys[k].name)) {
            self->found[k] = value;
            return;
        }
    }
}

/* When no delimiters are given, only the keys that are asked for are keys. */
static bool kv_is_asked(const op_kv *self, hist_str key)
{
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        if (hi_str_is(key, self->spec.keys[k].name)) {
            return true;
        }
    }
    return false;
}

static void kv_read(op_kv *self, hist_str s)
{
    kv_text t = {.self = self, .scratch = &self->scratch, .s = s};
    const bool words = self->spec.pair.size == 0 && self->spec.key_value.size == 0;

    while (!t.failed) {
        hist_str key;

        kv_skip_pairs(&t);
        if (t.at >= s.size) {
            break;
        }
        if (kv_key(&t, &key) && (!words || kv_is_asked(self, key))) {
            const hist_str value = kv_value(&t);

            kv_keep(self, key, value);
        }
    }
    self->failed = self->failed || t.failed;
}

static void kv_read_pairs(op_kv *self, hi_dyn pairs)
{
    hi_dyn_iter it = hi_dyn_iter_of(pairs);

    while (hi_dyn_next(&it)) {
        kv_keep(self, hi_dyn_str(hi_dyn_at(it.value, 0)), hi_dyn_str(hi_dyn_at(it.value, 1)));
    }
}

/* What was found goes to the columns. */
static void kv_put(op_kv *self)
{
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        const hi_value text = {.type = HIST_TYPE_STRING, .str = self->found[k]};
        hi_value v;

        if (text.str.data == NULL) {
            hi_cb_null(&self->builders[k]);
        } else if (self->spec.keys[k].type == HIST_TYPE_STRING) {
            hi_cb_str(&self->builders[k], text.str.data, text.str.size);
        } else if (!hi_value_convert(&self->scratch, &text, self->spec.keys[k].type, &v)) {
            self->failed = true;
        } else if (v.null) {
            hi_cb_null(&self->builders[k]);
        } else {
            hi_cb_value(&self->builders[k], &v);
        }
    }
}

static hist_status kv_rows(op_kv *self, const hist_column *text)
{
    hi_arena_init(&self->scratch, self->base.x->ctx->mem);
    const hi_arena_mark mark = hi_arena_save(&self->scratch);

    self->failed = false;
    for (uint32_t i = 0; i < text->length && !self->failed; i++) {
        memset(self->found, 0, self->spec.key_count * sizeof(hist_str));
        if (!self->spec.regex) {
            kv_read(self, hist_column_str(text, i));
        } else {
            hi_dyn pairs;

            self->failed = !hi_col_dyn(&self->scratch, text, i, &pairs);
            kv_read_pairs(self, self->failed ? (hi_dyn){NULL, 0} : pairs);
        }
        kv_put(self);
        hi_arena_rewind(&self->scratch, mark);
    }
    hi_arena_free(&self->scratch);
    return self->failed ? hi_op_no_memory(&self->base) : HIST_OK;
}

static bool kv_builders(op_kv *self, uint32_t rows)
{
    hi_arena *arena = &self->base.arena;

    self->found = HI_NEW_ARRAY(arena, hist_str, self->spec.key_count);
    self->builders = HI_NEW_ARRAY(arena, hi_col_builder, self->spec.key_count);
    bool ok = self->found != NULL && self->builders != NULL;
    for (uint32_t k = 0; k < self->spec.key_count && ok; k++) {
        ok = hi_cb_init(&self->builders[k], arena, self->spec.keys[k].type, rows);
    }
    return ok;
}

static hist_status kv_next(hi_op *op, hist_batch *out)
{
    op_kv *self = (op_kv *)op;
    hist_batch in;
    hist_column text;

    HI_TRY(hi_op_next(op->child[0], &in));
    if (in.row_count == 0) {
        return HIST_OK;
    }
    hist_column *columns = hi_op_batch(op, in.row_count, out);
    HI_OP_TRY_MEM(self, columns != NULL && kv_builders(self, in.row_count));
    HI_TRY(hi_expr_eval(self->spec.text, &op->ev, &in, &text));
    HI_TRY(kv_rows(self, &text));
    memcpy(columns, in.columns, in.column_count * sizeof(hist_column));
    for (uint32_t k = 0; k < self->spec.key_count; k++) {
        HI_OP_TRY_MEM(self, hi_cb_done(&self->builders[k], self->spec.keys[k].type,
                                       &columns[self->spec.columns[k]]));
    }
    return HIST_OK;
}

static void kv_need(hi_op *op, const uint64_t *used)
{
    const uint32_t n = op->child[0]->schema.count;
    uint64_t *bits = hi_bits_new(op->x->arena, n, false);

    for (uint32_t c = 0; bits != NULL && c < n; c++) {
        if (hist_bit_get(used, c)) {
            hi_bit_set(bits, c);
        }
    }
    if (bits != NULL) {
        hi_expr_columns(((op_kv *)op)->spec.text, bits);
    }
    hi_op_need(op->child[0], bits);
}

static const hi_op_type op_kv_type = {"parse-kv", NULL, kv_next, NULL, kv_need};

/* ---- planning ---- */

static hist_status kv_setting(hi_plan *p, const hi_ast_op *op, const char *name, hist_type type,
                              hi_value *out)
{
    const hi_ast_prop *prop = hi_ast_prop_find(op, name);

    *out = (hi_value){.type = type, .str = {NULL, 0}};
    if (prop == NULL || prop->value == NULL) {
        return HIST_OK;
    }
    HI_TRY(hi_plan_const(p, prop->value, name, out));
    if (out->type != type || out->null) {
        return PLAN_FAIL(p, prop->value->span, "parse-kv: %s must be a %s", name,
                         hist_type_name(type));
    }
    return HIST_OK;
}

static hist_status kv_settings(hi_plan *p, const hi_ast_op *op, kv_spec *spec, hist_str *regex)
{
    hi_value v;

    HI_TRY(kv_setting(p, op, "pair_delimiter", HIST_TYPE_STRING, &v));
    spec->pair = v.str;
    HI_TRY(kv_setting(p, op, "kv_delimiter", HIST_TYPE_STRING, &v));
    spec->key_value = v.str;
    HI_TRY(kv_setting(p, op, "quote", HIST_TYPE_STRING, &v));
    spec->quote = v.str;
    HI_TRY(kv_setting(p, op, "escape", HIST_TYPE_STRING, &v));
    spec->escape = v.str;
    HI_TRY(kv_setting(p, op, "greedy", HIST_TYPE_BOOL, &v));
    spec->greedy = v.i64 != 0;
    HI_TRY(kv_setting(p, op, "regex", HIST_TYPE_STRING, &v));
    *regex = v.str;
    if (spec->quote.size > 2 || spec->escape.size > 1) {
        return PLAN_FAIL(p, op->op_span, "parse-kv: quote has one or two characters, escape one");
    }
    if (spec->greedy && (spec->pair.size == 0 || spec->key_value.size == 0)) {
        return PLAN_FAIL(p, op->op_span, "parse-kv: greedy needs pair_delimiter and kv_delimiter");
    }
    return HIST_OK;
}

/* The text, or with a pattern the pairs it finds. */
static hist_status kv_text_expr(hi_plan *p, const hi_ast_op *op, const hi_op *in, hist_str regex,
                                kv_spec *spec)
{
    const hi_value pattern = {.type = HIST_TYPE_STRING, .str = regex};
    hi_expr *text;

    HI_TRY(hi_plan_expr(p, in, op->expr, &text));
    HI_TRY(hi_plan_cast(p, text, HIST_TYPE_STRING, &text));
    spec->regex = regex.size > 0;
    if (spec->regex) {
        const hi_expr *args[2] = {
            hi_expr_const(p->x->arena, &pattern, HIST_TYPE_STRING, op->op_span), text};

        if (args[0] == NULL) {
            return hi_plan_no_memory(p);
        }
        HI_TRY(hi_plan_call(p, "extract_all", op->op_span, args, 2, &text));
    }
    spec->text = text;
    return HIST_OK;
}

/* The columns of the result: those of the input, then the keys; a key with the name of one takes its place. */
static hist_status kv_columns(hi_plan *p, const hi_ast_op *op, const hi_op *in, kv_spec *spec,
                              hi_schema *schema)
{
    plan_cols cols;
    hi_field *keys = HI_NEW_ARRAY(p->x->arena, hi_field, op->decl_count);
    uint32_t *columns = HI_NEW_ARRAY(p->x->arena, uint32_t, op->decl_count);

    if (keys == NULL || columns == NULL) {
        return hi_plan_no_memory(p);
    }
    HI_TRY(hi_plan_cols_init(p, &cols, in->schema.count + op->decl_count));
    for (uint32_t c = 0; c < in->schema.count; c++) {
        HI_TRY(hi_plan_cols_add(p, &cols, in->schema.fields[c].name, hi_plan_column(p, in, c)));
    }
    for (uint32_t k = 0; k < op->decl_count; k++) {
        const hist_type type = op->decls[k].type != 0 ? op->decls[k].type : HIST_TYPE_STRING;

        keys[k] = (hi_field){hi_plan_name(p, op->decls[k].name.text), type};
        if (keys[k].name == NULL) {
            return hi_plan_no_memory(p);
        }
        const int32_t c = hi_plan_find(&cols, keys[k].name);
        columns[k] = c >= 0 ? (uint32_t)c : cols.count;
        if (c < 0) {
            HI_TRY(hi_plan_cols_add(p, &cols, keys[k].name,
                                    hi_expr_column(p->x->arena, 0, type, op->decls[k].span)));
        }
        cols.fields[columns[k]].type = type;
    }
    spec->keys = keys;
    spec->key_count = op->decl_count;
    spec->columns = columns;
    *schema = (hi_schema){cols.count, cols.fields};
    return HIST_OK;
}

hist_status hi_plan_parse_kv(hi_plan *p, const hi_ast_op *op, hi_op *in, hi_op **out)
{
    kv_spec spec = {0};
    hi_schema schema;
    hist_str regex;

    HI_TRY(kv_settings(p, op, &spec, &regex));
    HI_TRY(kv_text_expr(p, op, in, regex, &spec));
    HI_TRY(kv_columns(p, op, in, &spec, &schema));
    op_kv *self = hi_op_new(p->x, &op_kv_type, sizeof(op_kv), in);
    if (self == NULL) {
        return hi_plan_no_memory(p);
    }
    self->spec = spec;
    self->base.schema = schema;
    self->base.serialized = in->serialized;
    *out = &self->base;
    return HIST_OK;
}
