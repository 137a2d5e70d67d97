/* json_write.c -- batches as JSON; see json_write.h. */
#include "formats/json_write.h"

#include <string.h>

#include "base/bytes.h"
#include "base/dyn.h"
#include "base/timefmt.h"
#include "formats/cells.h"

/* Keys of an answer are as long as its column names; nobody names columns by the megabyte. */
#define JSONW_KEYS_MAX (64u << 20)

static void jsonw_text(hi_buf *to, const char *text)
{
    hi_buf_append(to, text, strlen(text));
}

static void jsonw_string(hi_buf *to, const char *text)
{
    hi_json_string(to, text, strlen(text));
}

const char *jsonw_kusto_data_type(hist_type type)
{
    switch (type) {
    case HIST_TYPE_BOOL:
        return "SByte";
    case HIST_TYPE_INT:
        return "Int32";
    case HIST_TYPE_LONG:
        return "Int64";
    case HIST_TYPE_REAL:
        return "Double";
    case HIST_TYPE_DECIMAL:
        return "SqlDecimal";
    case HIST_TYPE_STRING:
        return "String";
    case HIST_TYPE_DATETIME:
        return "DateTime";
    case HIST_TYPE_TIMESPAN:
        return "TimeSpan";
    case HIST_TYPE_GUID:
        return "Guid";
    case HIST_TYPE_DYNAMIC:
    default:
        return "Object";
    }
}

void jsonw_kusto_columns(hi_buf *to, const hist_column_info *columns, uint32_t column_count,
                         bool data_types)
{
    hi_buf_byte(to, '[');
    for (uint32_t i = 0; i < column_count; i++) {
        jsonw_text(to, i > 0 ? ",{\"ColumnName\":" : "{\"ColumnName\":");
        jsonw_string(to, columns[i].name);
        if (data_types) {
            jsonw_text(to, ",\"DataType\":");
            jsonw_string(to, jsonw_kusto_data_type(columns[i].type));
        }
        jsonw_text(to, ",\"ColumnType\":");
        jsonw_string(to, hist_type_name(columns[i].type));
        hi_buf_byte(to, '}');
    }
    hi_buf_byte(to, ']');
}

static bool jsonw_has_keys(const jsonw *w)
{
    return w->shape == JSONW_NDJSON || w->shape == JSONW_ARRAY;
}

/* One key with the comma or brace in front and the colon behind, after its size as u32. */
static void jsonw_put_key(hi_buf *keys, char before, const char *name)
{
    const size_t at = keys->size;

    hi_buf_u32(keys, 0);
    hi_buf_byte(keys, (uint8_t)before);
    jsonw_string(keys, name);
    hi_buf_byte(keys, ':');
    if (hi_buf_ok(keys)) {
        hi_put_u32((uint8_t *)keys->data + at, (uint32_t)(keys->size - at - 4));
    }
}

void jsonw_begin(jsonw *w, hi_buf *to, jsonw_shape shape, const hist_column_info *columns,
                 uint32_t column_count)
{
    *w = (jsonw){.shape = shape, .columns = columns, .column_count = column_count};
    hi_buf_init(&w->keys, to->mem, JSONW_KEYS_MAX);
    for (uint32_t i = 0; i < column_count && jsonw_has_keys(w); i++) {
        jsonw_put_key(&w->keys, i > 0 ? ',' : '{', columns[i].name);
    }
    if (!hi_buf_ok(&w->keys)) {
        to->failed = true;
    }
    if (shape == JSONW_ARRAY) {
        hi_buf_byte(to, '[');
    }
    if (shape == JSONW_KUSTO) {
        jsonw_text(to, "{\"Tables\":[{\"TableName\":\"Table_0\",\"Columns\":");
        jsonw_kusto_columns(to, columns, column_count, true);
        jsonw_text(to, ",\"Rows\":[");
    }
}

/* A column while rows are written. */
typedef struct jsonw_field {
    cell_cursor cursor;
    const char *key; /* With the comma or brace in front. */
    size_t key_size;
    bool inside; /* A dynamic column: its datetimes are inside of a dynamic. */
} jsonw_field;

static void jsonw_fields(const jsonw *w, const hist_batch *batch, jsonw_field *fields)
{
    const char *key = w->keys.data;

    for (uint32_t i = 0; i < w->column_count; i++) {
        fields[i].cursor = cell_cursor_of(&batch->columns[i]);
        fields[i].inside = batch->columns[i].type == HIST_TYPE_DYNAMIC;
        if (jsonw_has_keys(w)) {
            fields[i].key_size = hi_get_u32((const uint8_t *)key);
            fields[i].key = key + 4;
            key += 4 + fields[i].key_size;
        }
    }
}

static void jsonw_row(hi_buf *to, jsonw_field *fields, uint32_t field_count, uint32_t row)
{
    uint32_t slot = 0;

    for (uint32_t i = 0; i < field_count; i++) {
        if (fields[i].key != NULL) {
            hi_buf_append(to, fields[i].key, fields[i].key_size);
        } else {
            hi_buf_byte(to, i > 0 ? ',' : '[');
        }
        if (cell_find(&fields[i].cursor, row, &slot)) {
            cell_json(to, fields[i].cursor.values, slot, fields[i].inside);
        } else {
            hi_buf_append(to, "null", 4);
        }
    }
}

/* What stands between, before and behind rows. */
static void jsonw_row_start(const jsonw *w, hi_buf *to)
{
    if (w->shape == JSONW_ARRAY) {
        jsonw_text(to, w->rows > 0 ? ",\n" : "\n");
    } else if (w->shape != JSONW_NDJSON && w->rows > 0) {
        hi_buf_byte(to, ',');
    }
    if (w->column_count == 0) {
        hi_buf_byte(to, jsonw_has_keys(w) ? '{' : '[');
    }
}

static void jsonw_row_end(const jsonw *w, hi_buf *to)
{
    hi_buf_byte(to, jsonw_has_keys(w) ? '}' : ']');
    if (w->shape == JSONW_NDJSON) {
        hi_buf_byte(to, '\n');
    }
}

void jsonw_rows(jsonw *w, hi_buf *to, const hist_batch *batch, uint32_t from, uint32_t count)
{
    const uint32_t left = from < batch->sel_count ? batch->sel_count - from : 0;
    const uint32_t end = from + (count < left ? count : left);
    const size_t size = w->column_count * sizeof(jsonw_field);
    jsonw_field *fields = hi_mem_calloc(to->mem, w->column_count, sizeof(*fields));

    if (fields == NULL || !hi_buf_ok(&w->keys)) {
        hi_mem_free(to->mem, fields, size);
        to->failed = true;
        return;
    }
    jsonw_fields(w, batch, fields);
    for (uint32_t i = from; i < end && hi_buf_ok(to); i++) {
        jsonw_row_start(w, to);
        jsonw_row(to, fields, w->column_count, batch->sel == NULL ? i : batch->sel[i]);
        jsonw_row_end(w, to);
        w->rows++;
    }
    hi_mem_free(to->mem, fields, size);
}

void jsonw_end(jsonw *w, hi_buf *to)
{
    if (w->shape == JSONW_ARRAY) {
        jsonw_text(to, w->rows > 0 ? "\n]\n" : "]\n");
    } else if (w->shape == JSONW_KUSTO) {
        jsonw_text(to, "]}]}");
    }
    hi_buf_free(&w->keys);
}

void jsonw_kusto_error(hi_buf *to, const jsonw_error *error)
{
    char time[HI_TIME_SIZE];

    jsonw_text(to, "{\"error\":{\"code\":");
    jsonw_string(to, error->code);
    jsonw_text(to, ",\"message\":");
    jsonw_string(to, error->message);
    jsonw_text(to, ",\"@type\":");
    jsonw_string(to, error->type);
    jsonw_text(to, ",\"@message\":");
    jsonw_string(to, error->description);
    jsonw_text(to, ",\"@context\":{\"timestamp\":");
    hi_json_string(to, time, hi_time_print(time, error->time_ns, HI_TIME_KQL));
    if (error->client_request_id != NULL) {
        jsonw_text(to, ",\"clientRequestId\":");
        jsonw_string(to, error->client_request_id);
    }
    if (error->activity_id != NULL) {
        jsonw_text(to, ",\"activityId\":");
        jsonw_string(to, error->activity_id);
    }
    jsonw_text(to, error->permanent ? "},\"@permanent\":true}}" : "},\"@permanent\":false}}");
}
