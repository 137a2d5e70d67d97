/* show.c -- control commands: what clients ask before and beside queries. All only show. */
#include <string.h>

#include "query/plan.h"
#include "query/plan_ops.h"

/* A table being written, a row at a time. */
typedef struct show_table {
    hi_plan *p;
    const hi_field *fields;
    uint32_t count;
    hi_col_builder cb[12];
    bool ok;
} show_table;

static void show_begin(show_table *t, hi_plan *p, const hi_field *fields, uint32_t count)
{
    *t = (show_table){.p = p, .fields = fields, .count = count, .ok = true};
    for (uint32_t c = 0; c < count; c++) {
        t->ok = t->ok && hi_cb_init(&t->cb[c], p->x->arena, fields[c].type, 16);
    }
}

static void show_text(show_table *t, uint32_t c, const char *text)
{
    if (t->ok) {
        hi_cb_str(&t->cb[c], text, strlen(text));
    }
}

/* Ends a row: columns without a value get none. */
static void show_row(show_table *t)
{
    uint32_t rows = 0;

    for (uint32_t c = 0; c < t->count && t->ok; c++) {
        rows = t->cb[c].rows > rows ? t->cb[c].rows : rows;
    }
    for (uint32_t c = 0; c < t->count && t->ok; c++) {
        if (t->cb[c].rows < rows) {
            hi_cb_null(&t->cb[c]);
        }
    }
}

static hist_status show_end(show_table *t, hi_op **out)
{
    hist_column *columns = HI_NEW_ARRAY(t->p->x->arena, hist_column, t->count);
    bool ok = t->ok && columns != NULL;

    for (uint32_t c = 0; c < t->count && ok; c++) {
        ok = hi_cb_done(&t->cb[c], t->fields[c].type, &columns[c]);
    }
    if (!ok) {
        return hi_plan_no_memory(t->p);
    }
    const uint32_t rows = t->cb[0].rows;
    const hist_batch batch = {
        .column_count = t->count, .row_count = rows, .sel_count = rows, .columns = columns};
    const hi_schema schema = {t->count, t->fields};
    return hi_plan_made(t->p, hi_op_rows(t->p->x, &schema, &batch), out);
}

/* ---- what there is ---- */

typedef struct show_names {
    const char **names;
    uint32_t *ids;
    uint32_t count;
} show_names;

/* Databases; a new store has "default" only in name. */
static hist_status show_databases_list(hi_plan *p, show_names *out)
{
    static uint32_t no_id = 0;

    HI_TRY(hi_catalog_databases(p->x->catalog, p->x->arena, &out->names, &out->ids, &out->count,
                                p->x->err));
    if (out->count == 0) {
        out->names = HI_NEW(p->x->arena, const char *);
        if (out->names == NULL) {
            return hi_plan_no_memory(p);
        }
        out->names[0] = p->database_name;
        out->ids = &no_id;
        out->count = 1;
    }
    return HIST_OK;
}

static hist_status show_tables_of(hi_plan *p, uint32_t database, hi_table_def **tables,
                                  uint32_t *count)
{
    *count = 0;
    return database == 0
               ? HIST_OK
               : hi_catalog_tables(p->x->catalog, database, p->x->arena, tables, count, p->x->err);
}

/* ---- commands ---- */

static hist_status show_version(hi_plan *p, hi_op **out)
{
    static const hi_field fields[] = {{"BuildVersion", HIST_TYPE_STRING},
                                      {"BuildTime", HIST_TYPE_DATETIME},
                                      {"ServiceType", HIST_TYPE_STRING},
                                      {"ProductVersion", HIST_TYPE_STRING},
                                      {"ServiceOffering", HIST_TYPE_STRING}};
    show_table t;

    show_begin(&t, p, fields, 5);
    show_text(&t, 0, HIST_VERSION);
    show_text(&t, 2, "Engine");
    show_text(&t, 3, HIST_VERSION);
    show_text(&t, 4, "{\"Type\":\"historian\"}");
    show_row(&t);
    return show_end(&t, out);
}

static hist_status show_databases(hi_plan *p, hi_op **out)
{
    static const hi_field fields[] = {{"DatabaseName", HIST_TYPE_STRING},
                                      {"PersistentStorage", HIST_TYPE_STRING},
                                      {"Version", HIST_TYPE_STRING},
                                      {"IsCurrent", HIST_TYPE_BOOL},
                                      {"DatabaseAccessMode", HIST_TYPE_STRING},
                                      {"PrettyName", HIST_TYPE_STRING},
                                      {"ReservedSlot1", HIST_TYPE_BOOL},
                                      {"DatabaseId", HIST_TYPE_GUID},
                                      {"InTransitionTo", HIST_TYPE_STRING},
                                      {"SuspensionState", HIST_TYPE_STRING}};
    show_table t;
    show_names list;

    HI_TRY(show_databases_list(p, &list));
    show_begin(&t, p, fields, 10);
    for (uint32_t i = 0; i < list.count && t.ok; i++) {
        show_text(&t, 0, list.names[i]);
        show_text(&t, 2, "v1.0");
        hi_cb_i64(&t.cb[3], strcmp(list.names[i], p->database_name) == 0);
        show_text(&t, 4, "ReadWrite");
        show_row(&t);
    }
    return show_end(&t, out);
}

static hist_status show_tables(hi_plan *p, const hi_ast_name *only, hi_op **out)
{
    static const hi_field fields[] = {{"TableName", HIST_TYPE_STRING},
                                      {"DatabaseName", HIST_TYPE_STRING},
                                      {"Folder", HIST_TYPE_STRING},
                                      {"DocString", HIST_TYPE_STRING}};
    show_table t;
    hi_table_def *tables;
    uint32_t count;

    HI_TRY(show_tables_of(p, p->database, &tables, &count));
    show_begin(&t, p, fields, 4);
    for (uint32_t i = 0; i < count; i++) {
        if (only != NULL && !hi_str_is(only->text, tables[i].name)) {
            continue;
        }
        show_text(&t, 0, tables[i].name);
        show_text(&t, 1, p->database_name);
        show_row(&t);
    }
    return show_end(&t, out);
}

/* "Timestamp:datetime, DeviceId:string" */
static const char *show_csl(hi_plan *p, const hi_table_def *table)
{
    hi_buf buf;

    hi_buf_init(&buf, p->x->ctx->mem, 1 << 24);
    for (uint32_t c = 0; c < table->column_count; c++) {
        hi_buf_printf(&buf, "%s%s:%s", c > 0 ? ", " : "", table->columns[c].name,
                      hist_type_name(table->columns[c].type));
    }
    const char *text = hi_buf_ok(&buf) ? hi_arena_strdup(p->x->arena, buf.data, buf.size) : NULL;
    hi_buf_free(&buf);
    return text;
}

/* .show table T schema, cslschema; without a word its columns. */
static hist_status show_table_schema(hi_plan *p, const hi_ast_name *name, hi_op **out)
{
    static const hi_field fields[] = {{"TableName", HIST_TYPE_STRING},
                                      {"Schema", HIST_TYPE_STRING},
                                      {"DatabaseName", HIST_TYPE_STRING},
                                      {"Folder", HIST_TYPE_STRING},
                                      {"DocString", HIST_TYPE_STRING}};
    show_table t;
    hi_table_def def;
    hi_op *found;

    HI_TRY(hi_plan_table_name(p, (hist_str){NULL, 0}, name->text, name->span, &found));
    if (hi_catalog_table(p->x->catalog, p->database, name->text, p->x->arena, &def) != HIST_OK) {
        return hi_plan_no_memory(p);
    }
    const char *csl = show_csl(p, &def);
    if (csl == NULL) {
        return hi_plan_no_memory(p);
    }
    show_begin(&t, p, fields, 5);
    show_text(&t, 0, def.name);
    show_text(&t, 1, csl);
    show_text(&t, 2, p->database_name);
    show_row(&t);
    return show_end(&t, out);
}

static const hi_field show_schema_fields[] = {
    {"DatabaseName", HIST_TYPE_STRING}, {"TableName", HIST_TYPE_STRING},
    {"ColumnName", HIST_TYPE_STRING},   {"ColumnType", HIST_TYPE_STRING},
    {"IsDefaultTable", HIST_TYPE_BOOL}, {"IsDefaultColumn", HIST_TYPE_BOOL},
    {"PrettyName", HIST_TYPE_STRING},   {"Version", HIST_TYPE_STRING},
    {"Folder", HIST_TYPE_STRING},       {"DocString", HIST_TYPE_STRING}};

static void show_schema_row(show_table *t, const char *database, const char *table,
                            const hi_column_def *column)
{
    show_text(t, 0, database);
    show_text(t, 1, table);
    show_text(t, 2, column != NULL ? column->name : "");
    show_text(t, 3, column != NULL ? hi_plan_net_name(column->type) : "");
    if (t->ok) {
        hi_cb_i64(&t->cb[4], 0);
        hi_cb_i64(&t->cb[5], 0);
    }
    show_text(t, 7, table[0] == '\0' ? "v1.0" : "");
    show_row(t);
}

static hist_status show_schema(hi_plan *p, const hi_ast_name *only, hi_op **out)
{
    show_table t;
    show_names list;

    HI_TRY(show_databases_list(p, &list));
    show_begin(&t, p, show_schema_fields, 10);
    for (uint32_t d = 0; d < list.count; d++) {
        hi_table_def *tables;
        uint32_t count;

        if (only != NULL && !hi_str_is(only->text, list.names[d])) {
            continue;
        }
        HI_TRY(show_tables_of(p, list.ids[d], &tables, &count));
        show_schema_row(&t, list.names[d], "", NULL);
        for (uint32_t i = 0; i < count; i++) {
            show_schema_row(&t, list.names[d], tables[i].name, NULL);
            for (uint32_t c = 0; c < tables[i].column_count; c++) {
                show_schema_row(&t, list.names[d], tables[i].name, &tables[i].columns[c]);
            }
        }
    }
    return show_end(&t, out);
}

/* ---- schema as JSON ---- */

static void show_json_table(hi_buf *to, const hi_table_def *table)
{
    hi_json_string(to, table->name, strlen(table->name));
    hi_buf_printf(to, ":{\"Name\":");
    hi_json_string(to, table->name, strlen(table->name));
    hi_buf_printf(to, ",\"Folder\":null,\"DocString\":null,\"OrderedColumns\":[");
    for (uint32_t c = 0; c < table->column_count; c++) {
        hi_buf_printf(to, "%s{\"Name\":", c > 0 ? "," : "");
        hi_json_string(to, table->columns[c].name, strlen(table->columns[c].name));
        hi_buf_printf(to, ",\"Type\":\"%s\",\"CslType\":\"%s\"}",
                      hi_plan_net_name(table->columns[c].type),
                      hist_type_name(table->columns[c].type));
    }
    hi_buf_printf(to, "]}");
}

static hist_status show_json_write(hi_plan *p, const hi_ast_name *only, hi_buf *to)
{
    show_names list;
    bool first = true;

    HI_TRY(show_databases_list(p, &list));
    hi_buf_printf(to, "{\"Databases\":{");
    for (uint32_t d = 0; d < list.count; d++) {
        hi_table_def *tables;
        uint32_t count;

        if (only != NULL && !hi_str_is(only->text, list.names[d])) {
            continue;
        }
        HI_TRY(show_tables_of(p, list.ids[d], &tables, &count));
        hi_buf_printf(to, first ? "" : ",");
        first = false;
        hi_json_string(to, list.names[d], strlen(list.names[d]));
        hi_buf_printf(to, ":{\"Name\":");
        hi_json_string(to, list.names[d], strlen(list.names[d]));
        hi_buf_printf(to, ",\"Tables\":{");
        for (uint32_t i = 0; i < count; i++) {
            hi_buf_printf(to, i > 0 ? "," : "");
            show_json_table(to, &tables[i]);
        }
        hi_buf_printf(to, "},\"MaterializedViews\":{},\"ExternalTables\":{},\"Functions\":{},"
                          "\"PrettyName\":null,\"MajorVersion\":1,\"MinorVersion\":0}");
    }
    hi_buf_printf(to, "}}");
    return HIST_OK;
}

static hist_status show_json(hi_plan *p, const hi_ast_name *only, hi_op **out)
{
    static const hi_field fields[] = {{"DatabaseSchema", HIST_TYPE_STRING}};
    show_table t;
    hi_buf buf;

    hi_buf_init(&buf, p->x->ctx->mem, 1 << 28);
    hist_status status = show_json_write(p, only, &buf);
    if (status == HIST_OK && !hi_buf_ok(&buf)) {
        status = hi_plan_no_memory(p);
    }
    if (status == HIST_OK) {
        show_begin(&t, p, fields, 1);
        if (t.ok) {
            hi_cb_str(&t.cb[0], buf.data, buf.size);
        }
        status = show_end(&t, out);
    }
    hi_buf_free(&buf);
    return status;
}

static hist_status show_entities(hi_plan *p, hi_op **out)
{
    static const hi_field fields[] = {
        {"DatabaseName", HIST_TYPE_STRING}, {"EntityType", HIST_TYPE_STRING},
        {"EntityName", HIST_TYPE_STRING},   {"DocString", HIST_TYPE_STRING},
        {"Folder", HIST_TYPE_STRING},       {"CslInputSchema", HIST_TYPE_STRING},
        {"Content", HIST_TYPE_STRING},      {"CslOutputSchema", HIST_TYPE_STRING},
        {"Properties", HIST_TYPE_DYNAMIC}};
    show_table t;
    show_names list;

    HI_TRY(show_databases_list(p, &list));
    show_begin(&t, p, fields, 9);
    for (uint32_t d = 0; d < list.count; d++) {
        hi_table_def *tables;
        uint32_t count;

        HI_TRY(show_tables_of(p, list.ids[d], &tables, &count));
        for (uint32_t i = 0; i < count; i++) {
            const char *csl = show_csl(p, &tables[i]);

            if (csl == NULL) {
                return hi_plan_no_memory(p);
            }
            show_text(&t, 0, list.names[d]);
            show_text(&t, 1, "Table");
            show_text(&t, 2, tables[i].name);
            show_text(&t, 7, csl);
            show_row(&t);
        }
    }
    return show_end(&t, out);
}

/* Lists of things there are none of. */
static hist_status show_none(hi_plan *p, hi_op **out)
{
    static const hi_field fields[] = {
        {"Name", HIST_TYPE_STRING}, {"Folder", HIST_TYPE_STRING}, {"DocString", HIST_TYPE_STRING}};
    show_table t;

    show_begin(&t, p, fields, 3);
    return show_end(&t, out);
}

/* ---- which command ---- */

/* Word i of the command, ASCII case ignored. */
static bool show_word(const hi_ast_op *op, uint32_t i, const char *text)
{
    if (i >= op->name_count || op->names[i].text.size != strlen(text)) {
        return false;
    }
    for (size_t k = 0; text[k] != '\0'; k++) {
        const char c = op->names[i].text.data[k];

        if ((c >= 'A' && c <= 'Z' ? c + 32 : c) != text[k]) {
            return false;
        }
    }
    return true;
}

static bool show_has(const hi_ast_op *op, const char *text)
{
    for (uint32_t i = 1; i < op->name_count; i++) {
        if (show_word(op, i, text)) {
            return true;
        }
    }
    return false;
}

static bool show_is_punctuation(hist_str s)
{
    return s.size == 1 && strchr("()[]',", s.data[0]) != NULL;
}

/* The first word after word `i` that is a name and none of the command's own; NULL: none. */
static const hi_ast_name *show_name(const hi_ast_op *op, uint32_t i)
{
    for (uint32_t k = i + 1; k < op->name_count; k++) {
        if (show_word(op, k, "schema") || show_word(op, k, "cslschema") || show_word(op, k, "as") ||
            show_word(op, k, "json") || show_word(op, k, "details")) {
            return NULL;
        }
        if (!show_is_punctuation(op->names[k].text)) {
            return &op->names[k];
        }
    }
    return NULL;
}

static hist_status show_database(hi_plan *p, const hi_ast_op *op, hi_op **out)
{
    const hi_ast_name *name = show_name(op, 1);

    if (show_has(op, "entities")) {
        return show_entities(p, out);
    }
    if (show_has(op, "json")) {
        return show_json(p, name, out);
    }
    if (show_has(op, "schema")) {
        return show_schema(p, name, out);
    }
    return show_databases(p, out);
}

hist_status hi_plan_command(hi_plan *p, const hi_ast_op *op, hi_op **out)
{
    if (!show_word(op, 0, "show")) {
        return PLAN_FAIL(p, op->span, "only .show commands are supported");
    }
    if (show_word(op, 1, "version")) {
        return show_version(p, out);
    }
    if (show_word(op, 1, "databases") || show_word(op, 1, "database")) {
        return show_database(p, op, out);
    }
    if (show_word(op, 1, "cluster") && show_word(op, 2, "databases")) {
        return show_databases(p, out);
    }
    if (show_word(op, 1, "tables")) {
        return show_tables(p, NULL, out);
    }
    if (show_word(op, 1, "table")) {
        const hi_ast_name *name = show_name(op, 1);

        if (name == NULL) {
            return PLAN_FAIL(p, op->span, ".show table: the name of a table is missing");
        }
        return show_has(op, "details") ? show_tables(p, name, out)
                                       : show_table_schema(p, name, out);
    }
    if (show_word(op, 1, "materialized-views") || show_word(op, 1, "functions") ||
        show_word(op, 1, "external")) {
        return show_none(p, out);
    }
    return PLAN_FAIL(p, op->span,
                     "this command is not supported; there are .show tables, .show table T schema, "
                     ".show databases, .show database schema, .show version");
}
