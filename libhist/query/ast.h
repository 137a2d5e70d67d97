/*
 * ast.h -- the syntax tree of a KQL text. Know first: four structs carry it.
 *
 *   hi_ast_expr  every expression, tabular ones too (kind HI_AST_PIPE)
 *   hi_ast_op    every tabular operator and source; which fields an operator uses is told beside its kind
 *   hi_ast_item  one element of an operator's list: [name =] expression [type] [default] [order]
 *   hi_ast_stmt  let, set, declare, or a query
 *
 * All memory is the arena's; all text is a hist_str into the arena or the query text and never
 * NUL-terminated by contract. Every node has the bytes of the text it came from (span), so that a
 * later error can show line, column and a caret: hi_fail_at().
 *
 * The parser cannot know whether a bare name or a call is a table or a scalar: where either may
 * stand (let values, arguments, function bodies, union legs, the right side of join, query statements)
 * a table name is a NAME, a function call a CALL, database("x").T a MEMBER; only a text with a
 * pipe or a source of its own (datatable, print, range, ...) is a PIPE. Parentheses leave no node.
 * A chain of `and` or of `or` is a balanced tree of BINARY nodes, its terms in order from left to right.
 * Signs are UNARY nodes; only 9223372036854775808 right after a minus is read as -2^63 already, so that
 * negation with wrap-around gives the right value.
 */
#ifndef HI_QUERY_AST_H
#define HI_QUERY_AST_H

#include <string.h>

#include "hist_batch.h"

#include "base/arena.h"
#include "base/err.h"

/* Deepest nesting of expressions, pipelines and functions a text may have. */
#define HI_AST_DEPTH_MAX 64
/* Tallest tree of expressions: a chain of n operators (a + b + ...) is n high, one of and or or only log2(n). */
#define HI_AST_HEIGHT_MAX 512

typedef struct hi_ast_span {
    uint32_t offset; /* Byte in the text. */
    uint32_t length; /* Bytes. */
} hi_ast_span;

typedef struct hi_ast_name {
    hist_str text;
    hi_ast_span span;
} hi_ast_name;

typedef struct hi_ast_expr hi_ast_expr;
typedef struct hi_ast_item hi_ast_item;
typedef struct hi_ast_op hi_ast_op;
typedef struct hi_ast_stmt hi_ast_stmt;
typedef struct hi_ast_decl hi_ast_decl;

/* ---- literals ---- */

/* type HIST_TYPE_DYNAMIC with is_null: the bare word null, or dynamic(null). */
typedef struct hi_ast_literal {
    hist_type type;
    bool is_null;
    int8_t clamped; /* datetime, timespan out of range: -1 below, +1 above; i64 is the limit. */
    int64_t i64;    /* bool (0, 1), int, long, datetime, timespan (ns) */
    double real;    /* real */
    hist_decimal decimal; /* decimal, scaled by 10^18 */
    /* string: UTF-8. guid: 16 bytes. dynamic: tagged bytes (base/dyn.h). decimal: its digits as given. */
    hist_str str;
} hi_ast_literal;

/* ---- expressions ---- */

typedef enum hi_ast_kind {
    HI_AST_LITERAL = 1, /* literal */
    HI_AST_NAME,        /* name; $left and $right too. quoted: written ['name'] */
    HI_AST_WILD,        /* name: "*" or a pattern with it, "View_*" */
    HI_AST_UNARY,       /* op (NEG, POS), args[0] */
    HI_AST_BINARY,      /* op, args[0], args[1]; negated for the ! forms of string operators */
    /* op (IN, IN_CI, HAS_ANY, HAS_ALL), negated; args[0] in (args[1..]), of which one may be dynamic or a table. */
    HI_AST_IN,
    HI_AST_BETWEEN, /* args[0] between (args[1] .. args[2]), negated */
    HI_AST_CALL,    /* name(args); arg_names; object when written object.name(...), else NULL */
    HI_AST_MEMBER,  /* args[0].name */
    HI_AST_INDEX,   /* args[0][args[1]] */
    HI_AST_TYPEOF,  /* typeof(type) */
    HI_AST_PIPE,    /* ops: the source first, then what it is piped into; see `implicit` */
    HI_AST_LAMBDA,  /* decls: the parameters; body; is_view. Only as the value of a let. */
} hi_ast_kind;

/* code, text */
#define HI_AST_OPERATOR_LIST(X)       \
    X(NEG, "-")                       \
    X(POS, "+")                       \
    X(ADD, "+")                       \
    X(SUB, "-")                       \
    X(MUL, "*")                       \
    X(DIV, "/")                       \
    X(MOD, "%")                       \
    X(EQ, "==")                       \
    X(NE, "!=")                       \
    X(LT, "<")                        \
    X(LE, "<=")                       \
    X(GT, ">")                        \
    X(GE, ">=")                       \
    X(EQ_CI, "=~")                    \
    X(NE_CI, "!~")                    \
    X(AND, "and")                     \
    X(OR, "or")                       \
    X(HAS, "has")                     \
    X(HAS_CS, "has_cs")               \
    X(HASPREFIX, "hasprefix")         \
    X(HASPREFIX_CS, "hasprefix_cs")   \
    X(HASSUFFIX, "hassuffix")         \
    X(HASSUFFIX_CS, "hassuffix_cs")   \
    X(CONTAINS, "contains")           \
    X(CONTAINS_CS, "contains_cs")     \
    X(STARTSWITH, "startswith")       \
    X(STARTSWITH_CS, "startswith_cs") \
    X(ENDSWITH, "endswith")           \
    X(ENDSWITH_CS, "endswith_cs")     \
    X(LIKE, "like")                   \
    X(LIKE_CS, "like_cs")             \
    X(MATCHES_REGEX, "matches regex") \
    X(IN, "in")                       \
    X(IN_CI, "in~")                   \
    X(HAS_ANY, "has_any")             \
    X(HAS_ALL, "has_all")

typedef enum hi_ast_operator {
    HI_OPR_NONE = 0,
#define HI_AST_OPERATOR_ENUM(code, text) HI_OPR_##code,
    HI_AST_OPERATOR_LIST(HI_AST_OPERATOR_ENUM)
#undef HI_AST_OPERATOR_ENUM
} hi_ast_operator;

struct hi_ast_expr {
    hi_ast_kind kind;
    hi_ast_span span;
    hi_ast_span op_span; /* The operator's or the function's name; else equal to span. */
    hi_ast_operator op;
    bool negated; /* !has, !in, !between, ... */
    bool quoted;
    bool implicit;   /* PIPE without source: takes the rows of the operator around it. */
    bool is_view;    /* LAMBDA: written view () {...} */
    uint16_t height; /* 1 for a leaf; at most HI_AST_HEIGHT_MAX. */
    hist_type type;  /* TYPEOF */
    hist_str name;
    hi_ast_expr *object; /* CALL only */
    hi_ast_expr **args;
    uint32_t arg_count;
    uint32_t decl_count;
    hi_ast_name *arg_names; /* NULL, or one an argument; text.size 0: by position. */
    hi_ast_literal literal;
    hi_ast_op *ops; /* PIPE: op_count >= 1 */
    uint32_t op_count;
    uint32_t body_count;
    hi_ast_decl *decls; /* LAMBDA */
    hi_ast_stmt *body;  /* LAMBDA: lets, then one query as the last. */
};

/* ---- declarations: name:type = default ---- */

/* Columns of datatable, parse-kv, scan declare and evaluate; parameters of functions and of the query. */
struct hi_ast_decl {
    hi_ast_name name;
    hi_ast_span span;
    hist_type type;       /* 0: none given, or a table. */
    bool is_table;        /* T:(c:type, ...) or T:(*) */
    bool open;            /* ... with * at the end: more columns are allowed. */
    hi_ast_decl *columns; /* Of a table. */
    uint32_t column_count;
    hi_ast_expr *value; /* Default, or NULL. */
};

/* ---- operators ---- */

typedef enum hi_ast_order {
    HI_ORDER_NONE = 0,
    HI_ORDER_ASC,
    HI_ORDER_DESC,
    HI_ORDER_GRANNY_ASC,
    HI_ORDER_GRANNY_DESC
} hi_ast_order;
typedef enum hi_ast_nulls { HI_NULLS_NONE = 0, HI_NULLS_FIRST, HI_NULLS_LAST } hi_ast_nulls;

struct hi_ast_item {
    hi_ast_span span;
    hi_ast_name *names; /* name = expr: one. (a, b) = expr: several. Neither: NULL. */
    uint32_t name_count;
    bool tuple; /* Written with parentheses. */
    hi_ast_expr *expr;
    hist_type type;     /* to typeof(T); name:T in parse; 0: none. */
    hi_ast_expr *value; /* default = e in make-series, or NULL. */
    hi_ast_order order;
    hi_ast_nulls nulls;
};

/*
 * name = value settings: kind=inner, hint.strategy=shuffle, with (title="x"). A bare word is a NAME
 * expression, several (ycolumns=a,b) are one string literal joined by commas.
 */
typedef struct hi_ast_prop {
    hi_ast_name name;
    hi_ast_expr *value;
} hi_ast_prop;

/*
 * code, text, and the fields of hi_ast_op it uses. Hints and other settings are always in props.
 * "tables": NAME, WILD, CALL, MEMBER or PIPE expressions.
 */
#define HI_AST_OP_LIST(X)                                                                                                                   \
    /* sources: only as ops[0] (UNION, SEARCH and FIND also later) */                                                                       \
    X(TABLE, "table")         /* expr: NAME, CALL, MEMBER or PIPE */                                                                        \
    X(DATATABLE, "datatable") /* decls; items: the cells, row by row */                                                                     \
    X(PRINT, "print")         /* items */                                                                                                   \
    X(RANGE, "range")         /* names[0]; from, to, step */                                                                                \
    X(COMMAND,                                                                                                                              \
      "command") /* names: the words after the dot, strings unquoted; punctuation is a word too */                                          \
    X(UNION, "union")   /* items: tables; props kind, withsource, isfuzzy */                                                                \
    X(SEARCH, "search") /* expr: predicate; items: tables of in (...); props kind */                                                        \
    X(FIND,                                                                                                                                 \
      "find") /* expr: predicate; items: tables of in (...); by: the columns of project (find_project); props withsource */                 \
    /* piped */                                                                                                                             \
    X(WHERE, "where")                       /* expr */                                                                                      \
    X(PROJECT, "project")                   /* items */                                                                                     \
    X(EXTEND, "extend")                     /* items */                                                                                     \
    X(PROJECT_AWAY, "project-away")         /* items: NAME or WILD */                                                                       \
    X(PROJECT_KEEP, "project-keep")         /* items: NAME or WILD */                                                                       \
    X(PROJECT_RENAME, "project-rename")     /* items: new = NAME */                                                                         \
    X(PROJECT_REORDER, "project-reorder")   /* items: NAME or WILD, order */                                                                \
    X(PROJECT_BY_NAMES, "project-by-names") /* items: any expressions */                                                                    \
    X(SUMMARIZE, "summarize")               /* items; by, has_by */                                                                         \
    X(MAKE_SERIES,                                                                                                                          \
      "make-series") /* items with value; expr: the axis; from, to, step (NULL when absent), in_range: on x in range(from, to, step); by */ \
    X(MV_EXPAND,                                                                                                                            \
      "mv-expand") /* items with type; expr: limit or NULL; props kind, bagexpansion, with_itemindex */                                     \
    X(MV_APPLY,                                                                                                                             \
      "mv-apply") /* items with type; expr: limit or NULL; table: implicit pipe; props with_itemindex */                                    \
    X(JOIN, "join")             /* table: right side; items: the on list; props kind */                                                     \
    X(LOOKUP, "lookup")         /* as join */                                                                                               \
    X(SORT, "sort")             /* items with order, nulls */                                                                               \
    X(TOP, "top")               /* expr: how many; items with order, nulls */                                                               \
    X(TOP_NESTED, "top-nested") /* subs: a TOP_LEVEL each */                                                                                \
    X(TOP_LEVEL,                                                                                                                            \
      "top-nested level") /* expr: how many or NULL; items[0]: of; value: others or NULL; by[0]: aggregate with order */                    \
    X(TOP_HITTERS, "top-hitters")         /* expr: how many; items[0]: of; by[0] when has_by */                                             \
    X(TAKE, "take")                       /* expr */                                                                                        \
    X(SAMPLE, "sample")                   /* expr */                                                                                        \
    X(SAMPLE_DISTINCT, "sample-distinct") /* expr: how many; items[0]: of */                                                                \
    X(COUNT, "count")                                                                                                                       \
    X(DISTINCT, "distinct")   /* items */                                                                                                   \
    X(SERIALIZE, "serialize") /* items, may be none */                                                                                      \
    X(RENDER, "render")       /* names[0]: the chart; props */                                                                              \
    X(GETSCHEMA, "getschema")                                                                                                               \
    X(AS, "as")         /* names[0] */                                                                                                      \
    X(INVOKE, "invoke") /* expr: CALL; the rows are one more argument before its first */                                                   \
    X(PARSE,                                                                                                                                \
      "parse") /* expr: the text; items in order: expr LITERAL (string), expr WILD "*", or names[0] with type; props kind, flags */         \
    X(PARSE_WHERE, "parse-where") /* as parse */                                                                                            \
    X(PARSE_KV, "parse-kv")       /* expr: the text; decls; props of with (...) */                                                          \
    X(PARTITION,                                                                                                                            \
      "partition")    /* expr: the key (NAME); table: implicit pipe or a pipe of its own */                                                 \
    X(SCAN, "scan")   /* decls of declare; props with_match_id; subs: a STEP each */                                                        \
    X(STEP, "step")   /* names[0]; optional; props output; expr: condition; items: assignments */                                           \
    X(FORK, "fork")   /* items: [name =] implicit pipe */                                                                                   \
    X(FACET, "facet") /* by; table: implicit pipe or NULL */                                                                                \
    X(EVALUATE, "evaluate") /* expr: CALL; decls and has_decls: the schema after ':' */                                                     \
    X(REDUCE, "reduce")     /* by[0]; props of with */                                                                                      \
    X(CONSUME, "consume")

typedef enum hi_ast_op_kind {
    HI_OP_NONE = 0,
#define HI_AST_OP_ENUM(code, text) HI_OP_##code,
    HI_AST_OP_LIST(HI_AST_OP_ENUM)
#undef HI_AST_OP_ENUM
} hi_ast_op_kind;

struct hi_ast_op {
    hi_ast_op_kind kind;
    hi_ast_span span;    /* All of it, without the pipe. */
    hi_ast_span op_span; /* Its name. */
    hi_ast_expr *expr;
    hi_ast_expr *value;
    hi_ast_expr *table;
    hi_ast_expr *from, *to, *step;
    hi_ast_item *items;
    uint32_t item_count;
    uint32_t by_count;
    hi_ast_item *by;
    hi_ast_name *names;
    uint32_t name_count;
    uint32_t prop_count;
    hi_ast_prop *props;
    hi_ast_decl *decls;
    uint32_t decl_count;
    uint32_t sub_count;
    hi_ast_op *subs;
    bool has_by;
    bool has_decls;
    bool in_range;
    bool find_project; /* FIND: project given (else all columns of all tables) */
    bool optional;
    bool open; /* EVALUATE: the schema begins with * (the columns of the input first). */
};

/* ---- statements ---- */

typedef enum hi_ast_stmt_kind {
    HI_STMT_LET = 1, /* name, expr */
    HI_STMT_SET,     /* name, expr or NULL (set option;) */
    HI_STMT_DECLARE, /* decls: declare query_parameters(...) */
    HI_STMT_QUERY,   /* expr: PIPE, NAME, CALL, MEMBER; in a function body any expression */
} hi_ast_stmt_kind;

struct hi_ast_stmt {
    hi_ast_stmt_kind kind;
    hi_ast_span span;
    hi_ast_name name;
    hi_ast_expr *expr;
    hi_ast_decl *decls;
    uint32_t decl_count;
};

/* A whole text: at least one statement. */
typedef struct hi_ast_query {
    hist_str text; /* As given; lives as long as the caller's. */
    hi_ast_stmt *stmts;
    uint32_t stmt_count;
} hi_ast_query;

/* ---- helpers ---- */

/* Fills err with code, message, and offset, length, line and column (code points) of the span. */
hist_status hi_fail_at(hist_error *err, hist_status code, hist_str text, hi_ast_span span,
                       const char *fmt, ...) HI_PRINTF(5, 6);

/* The last setting of that name (ASCII case ignored), or NULL. */
const hi_ast_prop *hi_ast_prop_find(const hi_ast_op *op, const char *name);

static inline bool hi_str_is(hist_str s, const char *text)
{
    return s.size == strlen(text) && memcmp(s.data, text, s.size) == 0;
}

/* "where", "==", "literal", ... Never NULL. */
const char *hi_ast_op_name(hi_ast_op_kind kind);
const char *hi_ast_operator_name(hi_ast_operator op);

/* "long", "int64", "date", ... as KQL spells types; 0 for any other text. */
hist_type hi_ast_type_of(hist_str name);

struct hi_buf;
/* The tree as an s-expression, for tests: (query (pipe (table T) (where (> x 1)))). */
void hi_ast_print(struct hi_buf *to, const hi_ast_query *query);
void hi_ast_print_expr(struct hi_buf *to, const hi_ast_expr *expr);

#endif
