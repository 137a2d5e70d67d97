/*
 * ingest_new.c -- lines with a new series or field: check all, then define.
 *
 * Nothing is defined for a line that is refused. Two writers may define at the same
 * time; the catalog decides, and the one who comes second with another type
 * has its line refused.
 */
#include <string.h>

#include "api/ingest.h"
#include "base/dyn.h"

/* A line with its key taken apart. */
typedef struct new_line {
    ingest_call *call;
    const lp_line *line;
    hist_str measurement;
    lp_tag *tags;
    uint32_t tag_count;
    uint32_t table; /* 0: new. */
} new_line;

static bool new_same(hist_str a, hist_str b)
{
    return a.size == b.size && memcmp(a.data, b.data, a.size) == 0;
}

/* A catalog error about this line only refuses the line; others are errors of the call. */
static hist_status new_refused(ingest_call *call, hist_status status, const hist_error *why)
{
    switch (status) {
    case HIST_EINVAL:
    case HIST_ETYPE:
    case HIST_ELIMIT:
        return hi_ingest_refuse(call, status, "%s", why->message);
    case HIST_OK:
        return HIST_OK;
    default:
        if (call->err != NULL) {
            *call->err = *why;
        }
        return status;
    }
}

static hist_type new_type(lp_type given)
{
    switch (given) {
    case LP_REAL:
        return HIST_TYPE_REAL;
    case LP_BOOL:
        return HIST_TYPE_BOOL;
    case LP_STRING:
        return HIST_TYPE_STRING;
    default:
        return HIST_TYPE_LONG;
    }
}

/* ---- checks ---- */

static hist_status new_check_value(const new_line *n, hist_str name, hist_type has,
                                   const lp_field *field)
{
    const writer_op op = hi_ingest_op(field->type, has);
    double real = 0;

    if (op == WRITER_CONFLICT || (op == WRITER_ULONG && field->integer < 0) ||
        ((op == WRITER_LONG_REAL || op == WRITER_ULONG_REAL) && !hi_ingest_exact(field, &real))) {
        return hi_ingest_refuse_type(n->call, name, has, field);
    }
    return HIST_OK;
}

/* The type that an earlier field of the same line gives a new name; 0: none does. */
static hist_type new_earlier_type(const new_line *n, uint32_t i)
{
    const lp_field *field = &n->line->fields[i];

    for (uint32_t k = 0; k < i; k++) {
        if (new_same(n->line->fields[k].key, field->key)) {
            return new_type(n->line->fields[k].type);
        }
    }
    return (hist_type)0;
}

static hist_status new_check_name(const new_line *n, hist_str name)
{
    const hist_writer *w = n->call->w;

    if (name.size == w->time_column_size && memcmp(name.data, w->time_column, name.size) == 0) {
        return hi_ingest_refuse(
            n->call, HIST_EINVAL, "field '%.*s' of table '%.*s' has the name of the time column",
            (int)name.size, name.data, (int)n->measurement.size, n->measurement.data);
    }
    for (uint32_t i = 0; i < n->tag_count; i++) {
        if (new_same(n->tags[i].key, name)) {
            return hi_ingest_refuse(
                n->call, HIST_EINVAL,
                "field '%.*s' of table '%.*s' has the name of a tag of the same "
                "line",
                (int)name.size, name.data, (int)n->measurement.size, n->measurement.data);
        }
    }
    return HIST_OK;
}

static hist_status new_check_field(const new_line *n, uint32_t i)
{
    const lp_field *field = &n->line->fields[i];
    const hist_str name = hi_ingest_field_name(n->call, field);
    hi_column_def def = {0};

    HI_TRY(new_check_name(n, name));
    if (n->table != 0 && hi_catalog_find_column(n->call->w->catalog, n->table, name, &def)) {
        if (def.kind != HIST_COLUMN_FIELD) {
            return hi_ingest_refuse(n->call, HIST_EINVAL,
                                    "field '%.*s' of table '%.*s' has the name of a tag of that "
                                    "table",
                                    (int)name.size, name.data, (int)n->measurement.size,
                                    n->measurement.data);
        }
        return new_check_value(n, name, def.type, field);
    }
    const hist_type earlier = new_earlier_type(n, i);
    return new_check_value(n, name, earlier != 0 ? earlier : new_type(field->type), field);
}

static hist_status new_check_tags(const new_line *n)
{
    const hist_writer *w = n->call->w;

    for (uint32_t i = 0; i < n->tag_count; i++) {
        const hist_str key = n->tags[i].key;
        hi_column_def def = {0};

        if (key.size == w->time_column_size && memcmp(key.data, w->time_column, key.size) == 0) {
            return hi_ingest_refuse(
                n->call, HIST_EINVAL, "tag '%.*s' of table '%.*s' has the name of the time column",
                (int)key.size, key.data, (int)n->measurement.size, n->measurement.data);
        }
        if (n->table != 0 && hi_catalog_find_column(w->catalog, n->table, key, &def) &&
            def.kind != HIST_COLUMN_TAG) {
            return hi_ingest_refuse(n->call, HIST_EINVAL,
                                    "tag '%.*s' of table '%.*s' has the name of a field of that "
                                    "table",
                                    (int)key.size, key.data, (int)n->measurement.size,
                                    n->measurement.data);
        }
    }
    return HIST_OK;
}

/* ---- definitions ---- */

static hist_status new_take_apart(new_line *n)
{
    hist_writer *w = n->call->w;
    /* The second half of the scratch: the first is for names of fields. */
    char *scratch = w->scratch + WRITER_SCRATCH / 2;

    if (lp_parse_key(w->parser, n->line->key, scratch, &n->measurement, n->tags, &n->tag_count) !=
        LP_OK) {
        return hi_ingest_refuse(n->call, HIST_ESYNTAX, "%s", w->parser->error_text);
    }
    n->table = hi_catalog_find_table(w->catalog, w->database, n->measurement);
    n->call->table = n->table;
    n->call->measurement = n->measurement;
    return HIST_OK;
}

static hist_status new_define_series(const new_line *n, ingest_series *out)
{
    hist_writer *w = n->call->w;
    hist_tag tags[LP_TAGS_MAX];
    hist_error why = {0};
    uint32_t table = 0;

    for (uint32_t i = 0; i < n->tag_count; i++) {
        tags[i] = (hist_tag){n->tags[i].key, n->tags[i].value};
    }
    hist_status status =
        hi_catalog_define_table(w->catalog, w->database, n->measurement, &table, &why);
    if (status == HIST_OK) {
        status =
            hi_catalog_define_series(w->catalog, table, tags, n->tag_count, &out->series, &why);
    }
    HI_TRY(new_refused(n->call, status, &why));
    n->call->table = table;
    out->slot = hi_writer_table(w, table);
    return out->slot == HI_ROWS_NONE ? HIST_ENOMEM : HIST_OK;
}

static hist_status new_define_fields(const new_line *n)
{
    ingest_call *call = n->call;

    for (uint32_t i = 0; i < n->line->field_count; i++) {
        const lp_field *field = &n->line->fields[i];
        const hist_str name = hi_ingest_field_name(call, field);
        hi_column_def def = {0};
        hist_error why = {0};
        uint32_t id = 0;

        if (!hi_catalog_find_column(call->w->catalog, call->table, name, &def)) {
            const hist_status status = hi_catalog_define_field(call->w->catalog, call->table, name,
                                                               new_type(field->type), &id, &why);
            HI_TRY(new_refused(call, status, &why));
        }
    }
    return HIST_OK;
}

hist_status hi_ingest_define(ingest_call *call, const lp_line *line, ingest_series *out)
{
    new_line n = {.call = call, .line = line, .tags = call->w->tags};

    HI_TRY(new_take_apart(&n));
    HI_TRY(new_check_tags(&n));
    for (uint32_t i = 0; i < line->field_count; i++) {
        HI_TRY(new_check_field(&n, i));
    }
    HI_TRY(new_define_series(&n, out));
    return new_define_fields(&n);
}
