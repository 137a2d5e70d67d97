/* answer.c -- a small automaton over the outline of the answer; values inside are parsed whole. */
#include "histcli/answer.h"

#include <stdio.h>
#include <string.h>

#include "histcli/rowset.h"

#include "base/dyn.h"
#include "base/err.h"
#include "base/num.h"

enum {
    ANSWER_COLUMNS_MAX = 4096,
    ANSWER_VALUE_BYTES_MAX = 64 << 20, /* One row of text. */
};

/* Where in the outline the next byte is. */
typedef enum answer_at {
    AT_START,     /* {             */
    AT_KEY,       /* "Tables" or } */
    AT_COLON,     /* :             */
    AT_VALUE,     /* of a key      */
    AT_TABLES,    /* { or ]        */
    AT_TABLE_KEY, /* "Rows" or }   */
    AT_TABLE_COLON,
    AT_TABLE_VALUE,
    AT_ROWS, /* [ or ]        */
    AT_END,
} answer_at;

/* What a table is for. */
typedef enum answer_kind {
    KIND_RESULT,
    KIND_PROPERTIES,
    KIND_OTHER,
} answer_kind;

typedef struct answer_columns {
    hi_buf names; /* One after the other, each with a NUL. */
    hist_column_info *infos;
    uint32_t count;
} answer_columns;

struct answer {
    hi_mem *mem;
    result_sink sink;
    answer_at at;
    hi_buf value; /* Text of the value being collected. */
    bool collecting;
    bool is_key; /* ... it is the key of an object. */
    bool scalar; /* ... and neither array, object nor string. */
    bool in_string;
    bool escaped;
    uint32_t depth;
    hi_buf parsed; /* The value as a dynamic. */
    char key[32];
    answer_columns now;   /* Of the table that is being read. */
    answer_columns shown; /* Of the result that is open: borrowed by the sink until its end. */
    rowset *rows;
    answer_kind kind;
    uint32_t tables;
    bool open; /* A result was begun and not ended. */
    hi_buf visualization;
};

answer *answer_new(hi_mem *mem, const result_sink *sink)
{
    answer *a = HI_MEM_NEW(mem, answer);

    if (a == NULL) {
        return NULL;
    }
    a->mem = mem;
    a->sink = *sink;
    hi_buf_init(&a->value, mem, ANSWER_VALUE_BYTES_MAX);
    hi_buf_init(&a->parsed, mem, 2 * (size_t)ANSWER_VALUE_BYTES_MAX);
    hi_buf_init(&a->now.names, mem, ANSWER_VALUE_BYTES_MAX);
    hi_buf_init(&a->shown.names, mem, ANSWER_VALUE_BYTES_MAX);
    hi_buf_init(&a->visualization, mem, 1 << 20);
    return a;
}

static void answer_drop(answer *a, answer_columns *columns)
{
    hi_mem_free(a->mem, columns->infos, columns->count * sizeof(*columns->infos));
    columns->infos = NULL;
    columns->count = 0;
    hi_buf_free(&columns->names);
    hi_buf_init(&columns->names, a->mem, ANSWER_VALUE_BYTES_MAX);
}

void answer_free(answer *a)
{
    if (a != NULL) {
        rowset_free(a->rows);
        answer_drop(a, &a->now);
        answer_drop(a, &a->shown);
        hi_buf_free(&a->value);
        hi_buf_free(&a->parsed);
        hi_buf_free(&a->visualization);
        HI_MEM_DELETE(a->mem, a);
    }
}

static hist_status answer_bad(hist_error *err, const char *what)
{
    return hi_fail(err, HIST_EINVAL, "the daemon's answer is not what a Kusto v1 answer is: %s",
                   what);
}

/* ---- errors inside of answers ---- */

static hist_str answer_text_of(hi_dyn object, const char *key)
{
    return hi_dyn_str(hi_dyn_get(object, key, strlen(key)));
}

static uint32_t answer_number_of(hi_dyn object, const char *key)
{
    const int64_t v = hi_dyn_i64(hi_dyn_get(object, key, strlen(key)));

    return v > 0 && v < INT32_MAX ? (uint32_t)v : 0;
}

static hist_status answer_code(hi_dyn object, hist_str message)
{
    const hist_str name = answer_text_of(object, "status");

    for (int i = 1; i <= HIST_EINTERNAL; i++) {
        const char *known = hist_status_name((hist_status)i);

        if (name.size == strlen(known) && memcmp(name.data, known, name.size) == 0) {
            return (hist_status)i;
        }
    }
    if (message.size > 6 && memcmp(message.data, "Syntax", 6) == 0) {
        return HIST_ESYNTAX;
    }
    return message.size > 8 && memcmp(message.data, "Semantic", 8) == 0 ? HIST_ESEMANTIC
                                                                        : HIST_EINVAL;
}

/* "... [line:position=2:9, length 4]" at the end of a message says where; then it need not be shown. */
static void answer_place(hist_error *err)
{
    char *at = strstr(err->message, " [line:position=");
    unsigned line = 0;
    unsigned column = 0;
    unsigned length = 0;

    if (at == NULL || sscanf(at, " [line:position=%u:%u, length %u", &line, &column, &length) < 2) {
        return;
    }
    err->line = line;
    err->column = column;
    err->length = length;
    err->code = err->code == HIST_EINVAL ? HIST_ESEMANTIC : err->code;
    *at = '\0';
}

static hist_status answer_error(hi_dyn object, hist_error *err)
{
    static const char *const places[] = {"@context", "innererror"};
    const hi_dyn inner = hi_dyn_get(object, "error", 5);
    const hi_dyn error = hi_dyn_is_null(inner) ? object : inner;
    hist_str message = answer_text_of(error, "@message");

    if (message.size == 0) {
        message = answer_text_of(error, "message");
    }
    if (message.size == 0 && hi_dyn_tag_of(inner) == HI_DYN_STRING) {
        message = hi_dyn_str(inner);
    }
    if (err == NULL) {
        return HIST_EINVAL;
    }
    (void)hi_fail(err, answer_code(error, message), "%.*s", (int)message.size, message.data);
    answer_place(err);
    for (size_t i = 0; i < 2; i++) {
        const hi_dyn place = hi_dyn_get(error, places[i], strlen(places[i]));

        if (answer_number_of(place, "line") > 0) {
            err->line = answer_number_of(place, "line");
            err->column = answer_number_of(place, "column");
            err->length = answer_number_of(place, "length");
        }
        if (!hi_dyn_is_null(hi_dyn_get(place, "status", 6))) {
            err->code = answer_code(place, message);
        }
    }
    return err->code;
}

hist_status answer_refused(hi_mem *mem, const char *body, size_t size, long http_status,
                           hist_error *err)
{
    hi_buf parsed;
    hist_status status = HIST_EINVAL;

    hi_buf_init(&parsed, mem, ANSWER_VALUE_BYTES_MAX);
    if (size > 0 && hi_dyn_from_json(&parsed, body, size, NULL) == HIST_OK) {
        status = answer_error(hi_dyn_of(parsed.data, parsed.size), err);
    }
    if (parsed.size == 0 || (err != NULL && err->message[0] == '\0')) {
        while (size > 0 && (body[size - 1] == '\n' || body[size - 1] == '\r')) {
            size--;
        }
        status = hi_fail(err, HIST_EINVAL, "the daemon answered HTTP %ld: %.*s", http_status,
                         (int)(size < 300 ? size : 300), size == 0 ? "" : body);
    }
    hi_buf_free(&parsed);
    return status;
}

/* ---- tables ---- */

static hist_status answer_end_result(answer *a, hist_error *err)
{
    if (!a->open) {
        return HIST_OK;
    }
    a->open = false;
    hi_buf_byte(&a->visualization, '\0');
    if (!hi_buf_ok(&a->visualization)) {
        return hi_no_memory(err, "a visualization");
    }
    const char *text = a->visualization.size > 1 ? a->visualization.data : NULL;
    const hist_status status = a->sink.end(a->sink.arg, text, err);

    hi_buf_clear(&a->visualization);
    return status;
}

static bool answer_has_column(const answer *a, const char *name)
{
    for (uint32_t i = 0; i < a->now.count; i++) {
        if (strcmp(a->now.infos[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

static answer_kind answer_kind_of(const answer *a)
{
    if (a->tables == 0) {
        return KIND_RESULT;
    }
    if (a->now.count == 1 && answer_has_column(a, "Value")) {
        return KIND_PROPERTIES;
    }
    if (answer_has_column(a, "Ordinal") && answer_has_column(a, "Kind") &&
        answer_has_column(a, "Name")) {
        return KIND_OTHER;
    }
    return answer_has_column(a, "Severity") && answer_has_column(a, "StatusDescription")
               ? KIND_OTHER
               : KIND_RESULT;
}

/* Names go into one buffer first; pointers are set when it no longer moves. */
static hist_status answer_read_columns(answer *a, hi_dyn list, hist_error *err)
{
    const uint32_t count = hi_dyn_count(list);
    hi_dyn_iter it = hi_dyn_iter_of(list);

    if (hi_dyn_tag_of(list) != HI_DYN_ARRAY || count > ANSWER_COLUMNS_MAX) {
        return answer_bad(err, "Columns");
    }
    answer_drop(a, &a->now);
    a->now.infos = hi_mem_calloc(a->mem, count, sizeof(*a->now.infos));
    if (a->now.infos == NULL) {
        return hi_no_memory(err, "columns");
    }
    a->now.count = count;
    for (uint32_t i = 0; i < count && hi_dyn_next(&it); i++) {
        const hist_str name = answer_text_of(it.value, "ColumnName");
        hist_str type = answer_text_of(it.value, "ColumnType");

        type = type.size == 0 ? answer_text_of(it.value, "DataType") : type;
        a->now.infos[i].type = rowset_type_of(type);
        if (a->now.infos[i].type == 0) {
            return hi_fail(err, HIST_EINVAL,
                           "column '%.*s' of the answer has no known type: '%.*s'", (int)name.size,
                           name.data, (int)type.size, type.data);
        }
        hi_buf_append(&a->now.names, name.data, name.size);
        hi_buf_byte(&a->now.names, '\0');
    }
    const char *at = a->now.names.data;

    for (uint32_t i = 0; i < count && hi_buf_ok(&a->now.names); i++) {
        a->now.infos[i].name = at;
        at += strlen(at) + 1;
    }
    return hi_buf_ok(&a->now.names) ? HIST_OK : hi_no_memory(err, "columns");
}

static hist_status answer_begin_rows(answer *a, hist_error *err)
{
    if (a->now.infos == NULL) {
        return answer_bad(err, "Rows before Columns");
    }
    a->kind = answer_kind_of(a);
    if (a->kind != KIND_RESULT) {
        return HIST_OK;
    }
    HI_TRY(answer_end_result(a, err));
    rowset_free(a->rows);
    answer_drop(a, &a->shown);
    a->shown = a->now;
    a->now.infos = NULL;
    a->now.count = 0;
    hi_buf_init(&a->now.names, a->mem, ANSWER_VALUE_BYTES_MAX);
    a->rows = rowset_new(a->mem, a->shown.infos, a->shown.count);
    if (a->rows == NULL) {
        return hi_no_memory(err, "rows");
    }
    HI_TRY(a->sink.begin(a->sink.arg, a->shown.infos, a->shown.count, err));
    a->open = true;
    return HIST_OK;
}

static hist_status answer_hand_on(answer *a, hist_error *err)
{
    const hist_batch *batch = rowset_batch(a->rows);
    hist_status status = HIST_OK;

    if (batch->row_count > 0) {
        status = a->sink.rows(a->sink.arg, batch, err);
    }
    rowset_clear(a->rows);
    return status;
}

static hist_status answer_row(answer *a, hi_dyn row, hist_error *err)
{
    if (hi_dyn_tag_of(row) == HI_DYN_BAG) {
        hi_dyn list = hi_dyn_get(row, "OneApiErrors", 12);

        list = hi_dyn_is_null(list) ? hi_dyn_get(row, "Exceptions", 10) : list;
        const hi_dyn first = hi_dyn_at(list, 0);
        const hist_str text = hi_dyn_str(first);

        return hi_dyn_tag_of(first) == HI_DYN_STRING
                   ? hi_fail(err, HIST_EIO, "%.*s", (int)text.size, text.data)
                   : answer_error(hi_dyn_is_null(first) ? row : first, err);
    }
    if (a->kind == KIND_PROPERTIES) {
        const hist_str text = hi_dyn_str(hi_dyn_at(row, 0));

        if (text.size > 0 && a->visualization.size == 0) {
            hi_buf_append(&a->visualization, text.data, text.size);
        }
        return HIST_OK;
    }
    if (a->kind == KIND_OTHER) {
        return HIST_OK;
    }
    HI_TRY(rowset_add(a->rows, row, err));
    return rowset_is_full(a->rows) ? answer_hand_on(a, err) : HIST_OK;
}

static hist_status answer_end_rows(answer *a, hist_error *err)
{
    return a->kind == KIND_RESULT ? answer_hand_on(a, err) : HIST_OK;
}

/* ---- the automaton ---- */

static bool answer_key_is(const answer *a, const char *key)
{
    return strcmp(a->key, key) == 0;
}

/* A value was collected and parsed. */
static hist_status answer_value(answer *a, hi_dyn value, hist_error *err)
{
    const hist_str text = hi_dyn_str(value);

    if (a->is_key) {
        (void)snprintf(a->key, sizeof(a->key), "%.*s", (int)text.size, text.data);
        a->at = a->at == AT_KEY ? AT_COLON : AT_TABLE_COLON;
        return HIST_OK;
    }
    switch (a->at) {
    case AT_VALUE:
        a->at = AT_KEY;
        return answer_key_is(a, "error") ? answer_error(value, err) : HIST_OK;
    case AT_TABLE_VALUE:
        a->at = AT_TABLE_KEY;
        return !answer_key_is(a, "Columns") ? HIST_OK : answer_read_columns(a, value, err);
    case AT_ROWS:
        return answer_row(a, value, err);
    default:
        return answer_bad(err, "a value out of place");
    }
}

static hist_status answer_parse(answer *a, hist_error *err)
{
    hist_error inner;

    if (!hi_buf_ok(&a->value)) {
        return hi_fail(err, HIST_ELIMIT, "a row of the answer is larger than %d MiB",
                       ANSWER_VALUE_BYTES_MAX >> 20);
    }
    hi_buf_clear(&a->parsed);
    if (hi_dyn_from_json(&a->parsed, a->value.data, a->value.size, &inner) != HIST_OK) {
        return answer_bad(err, inner.message);
    }
    a->collecting = false;
    return answer_value(a, hi_dyn_of(a->parsed.data, a->parsed.size), err);
}

static void answer_start_value(answer *a, char c)
{
    hi_buf_clear(&a->value);
    a->collecting = true;
    a->is_key = a->at == AT_KEY || a->at == AT_TABLE_KEY;
    a->depth = 0;
    a->in_string = false;
    a->escaped = false;
    a->scalar = c != '"' && c != '{' && c != '[';
}

/*
 * Bytes of the value from data on; *done when it ends among them. A bare number or word ends before
 * the byte that follows it, all else with its last quote or bracket.
 */
static size_t answer_collect(answer *a, const char *data, size_t size, bool *done)
{
    size_t at = 0;

    *done = false;
    while (at < size && !*done) {
        const char c = data[at];

        if (a->in_string) {
            a->in_string = a->escaped || c != '"';
            a->escaped = !a->escaped && c == '\\';
            *done = !a->in_string && a->depth == 0;
        } else if (a->scalar) {
            if (c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r' ||
                c == '\t') {
                *done = true;
                break;
            }
        } else if (c == '"') {
            a->in_string = true;
        } else if (c == '{' || c == '[') {
            a->depth++;
        } else if (c == '}' || c == ']') {
            a->depth--;
            *done = a->depth == 0;
        }
        at++;
    }
    hi_buf_append(&a->value, data, at);
    return at;
}

/* A byte of the outline. A value begins: true, and the byte belongs to it. */
static bool answer_outline(answer *a, char c, hist_status *status, hist_error *err)
{
    switch (a->at) {
    case AT_START:
        *status = c == '{' ? HIST_OK : answer_bad(err, "it does not begin with {");
        a->at = AT_KEY;
        return false;
    case AT_KEY:
        a->at = c == '}' ? AT_END : AT_KEY;
        return c != '}';
    case AT_TABLE_KEY:
        if (c == '}') {
            a->tables++;
            a->at = AT_TABLES;
        }
        return c != '}';
    case AT_COLON:
    case AT_TABLE_COLON:
        *status = c == ':' ? HIST_OK : answer_bad(err, "a key without a colon");
        a->at = a->at == AT_COLON ? AT_VALUE : AT_TABLE_VALUE;
        return false;
    case AT_VALUE:
        if (answer_key_is(a, "Tables") && c == '[') {
            a->at = AT_TABLES;
            return false;
        }
        return true;
    case AT_TABLES:
        *status = c == '{' || c == ']' ? HIST_OK : answer_bad(err, "Tables");
        a->at = c == ']' ? AT_KEY : AT_TABLE_KEY;
        return false;
    case AT_TABLE_VALUE:
        if (answer_key_is(a, "Rows") && c == '[') {
            a->at = AT_ROWS;
            *status = answer_begin_rows(a, err);
            return false;
        }
        return true;
    case AT_ROWS:
        if (c == ']') {
            a->at = AT_TABLE_KEY;
            *status = answer_end_rows(a, err);
        }
        return c != ']';
    case AT_END:
    default:
        *status = answer_bad(err, "something follows it");
        return false;
    }
}

hist_status answer_push(answer *a, const char *data, size_t size, hist_error *err)
{
    for (size_t at = 0; at < size;) {
        const char c = data[at];
        hist_status status = HIST_OK;
        bool done = false;

        if (!a->collecting) {
            if (c == ' ' || c == '\n' || c == '\r' || c == '\t' || c == ',') {
                at++;
            } else if (answer_outline(a, c, &status, err)) {
                answer_start_value(a, c);
            } else {
                at++;
            }
            HI_TRY(status);
            continue;
        }
        at += answer_collect(a, data + at, size - at, &done);
        if (done) {
            HI_TRY(answer_parse(a, err));
        }
    }
    return HIST_OK;
}

hist_status answer_finish(answer *a, hist_error *err)
{
    if (a->at != AT_END) {
        return hi_fail(err, HIST_EIO, "the daemon's answer is cut off: %s",
                       a->tables == 0 && !a->open ? "it has no table" : "rows are missing");
    }
    return answer_end_result(a, err);
}
