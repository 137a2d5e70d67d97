/* ast.c -- names, types and error positions of the syntax tree. */
#include "query/ast.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* Line (1-based) and column (1-based, code points) of a byte offset. */
static void ast_locate(hist_str text, uint32_t offset, hist_error *err)
{
    uint32_t line = 1, column = 1;

    for (size_t i = 0; i < text.size && i < offset; i++) {
        const unsigned char c = (unsigned char)text.data[i];

        if (c == '\n') {
            line++;
            column = 1;
        } else if ((c & 0xc0) != 0x80) {
            column++;
        }
    }
    err->line = line;
    err->column = column;
}

hist_status hi_fail_at(hist_error *err, hist_status code, hist_str text, hi_ast_span span,
                       const char *fmt, ...)
{
    char message[HIST_ERROR_MESSAGE_SIZE];
    va_list args;

    if (err == NULL) {
        return code;
    }
    va_start(args, fmt);
    vsnprintf(message, sizeof(message), fmt, args);
    va_end(args);
    (void)hi_fail(err, code, "%s", message);
    err->offset = span.offset;
    err->length = span.length;
    ast_locate(text, span.offset, err);
    return code;
}

const hi_ast_prop *hi_ast_prop_find(const hi_ast_op *op, const char *name)
{
    const size_t size = strlen(name);

    for (uint32_t i = op->prop_count; i > 0; i--) {
        const hi_ast_prop *p = &op->props[i - 1];

        if (p->name.text.size == size && strncasecmp(p->name.text.data, name, size) == 0) {
            return p;
        }
    }
    return NULL;
}

const char *hi_ast_op_name(hi_ast_op_kind kind)
{
    switch (kind) {
#define AST_OP_NAME(code, text) \
    case HI_OP_##code:          \
        return text;
        HI_AST_OP_LIST(AST_OP_NAME)
#undef AST_OP_NAME
    case HI_OP_NONE:
        break;
    }
    return "none";
}

const char *hi_ast_operator_name(hi_ast_operator op)
{
    switch (op) {
#define AST_OPERATOR_NAME(code, text) \
    case HI_OPR_##code:               \
        return text;
        HI_AST_OPERATOR_LIST(AST_OPERATOR_NAME)
#undef AST_OPERATOR_NAME
    case HI_OPR_NONE:
        break;
    }
    return "none";
}

hist_type hi_ast_type_of(hist_str name)
{
    static const struct {
        const char *name;
        hist_type type;
    } types[] = {
        {"bool", HIST_TYPE_BOOL},         {"boolean", HIST_TYPE_BOOL},
        {"int", HIST_TYPE_INT},           {"int32", HIST_TYPE_INT},
        {"long", HIST_TYPE_LONG},         {"int64", HIST_TYPE_LONG},
        {"real", HIST_TYPE_REAL},         {"double", HIST_TYPE_REAL},
        {"decimal", HIST_TYPE_DECIMAL},   {"string", HIST_TYPE_STRING},
        {"datetime", HIST_TYPE_DATETIME}, {"date", HIST_TYPE_DATETIME},
        {"timespan", HIST_TYPE_TIMESPAN}, {"time", HIST_TYPE_TIMESPAN},
        {"guid", HIST_TYPE_GUID},         {"uuid", HIST_TYPE_GUID},
        {"uniqueid", HIST_TYPE_GUID},     {"dynamic", HIST_TYPE_DYNAMIC},
    };

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        if (hi_str_is(name, types[i].name)) {
            return types[i].type;
        }
    }
    return (hist_type)0;
}
