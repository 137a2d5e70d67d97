/* test_json_result.c -- batches as JSON: objects, arrays, Kusto v1 answers and errors. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>
/* clang-format on */

#include "formats/json_write.h"
#include "tests/support/sample.h"

static hi_mem test_mem;

static hi_buf new_buf(void)
{
    hi_buf buf;

    hi_mem_init(&test_mem, NULL, NULL, 0);
    hi_buf_init(&buf, &test_mem, 1 << 20);
    return buf;
}

static void expect_text(hi_buf *buf, const char *want)
{
    assert_true(hi_buf_ok(buf));
    hi_buf_byte(buf, 0);
    assert_string_equal(buf->data, want);
    hi_buf_free(buf);
    assert_int_equal(test_mem.used, 0);
}

/* The same text must be JSON for somebody else's reader. */
static json_t *read_back(const hi_buf *buf)
{
    json_error_t error;
    json_t *root = json_loadb(buf->data, buf->size, 0, &error);

    if (root == NULL) {
        fail_msg("%s at %d: %.*s", error.text, error.position, (int)buf->size, buf->data);
    }
    return root;
}

static void write_all(hi_buf *buf, jsonw_shape shape, const hist_column_info *info,
                      const hist_batch *batch)
{
    jsonw w;

    jsonw_begin(&w, buf, shape, info, batch->column_count);
    jsonw_rows(&w, buf, batch, 0, 1);
    jsonw_rows(&w, buf, batch, 1, UINT32_MAX);
    jsonw_end(&w, buf);
}

static void ndjson_is_an_object_a_row(void **state)
{
    const hist_batch batch = sample_flat_batch();
    hi_buf buf = new_buf();

    (void)state;
    write_all(&buf, JSONW_NDJSON, sample_flat_info, &batch);
    expect_text(
        &buf,
        "{\"Timestamp\":\"2025-11-20T00:00:00Z\",\"l\":0,\"i\":1,\"r\":0.1,\"b\":true,"
        "\"s,\\\"t\\\"\":\"\",\"p\":\"00:00:00\",\"g\":\"74be27de-1e4e-49d9-b579-fe0b331d3642\","
        "\"m\":1.5}\n"
        "{\"Timestamp\":\"2025-11-20T00:00:00.123456789Z\",\"l\":9223372036854775807,"
        "\"i\":2147483647,\"r\":-0.0,\"b\":false,\"s,\\\"t\\\"\":\"a \\\"b\\\",c\\nd\","
        "\"p\":\"1.02:03:04.0000001\",\"g\":\"00000000-0000-0000-0000-000000000000\","
        "\"m\":-2}\n"
        "{\"Timestamp\":null,\"l\":null,\"i\":null,\"r\":null,\"b\":null,\"s,\\\"t\\\"\":null,"
        "\"p\":null,\"g\":null,\"m\":null}\n"
        "{\"Timestamp\":\"1969-12-31T23:59:59.999999999Z\",\"l\":-9223372036854775808,"
        "\"i\":-2147483648,\"r\":5e-324,\"b\":true,\"s,\\\"t\\\"\":\"gr\xc3\xbc\xc3\x9f e\","
        "\"p\":\"-01:00:00\",\"g\":\"00000000-0000-0000-0000-000000000000\",\"m\":0}\n");
}

static void json_is_an_array_of_objects(void **state)
{
    hist_batch batch = sample_layouts_batch();
    hi_buf buf = new_buf();

    (void)state;
    write_all(&buf, JSONW_ARRAY, sample_layouts_info, &batch);
    json_t *root = read_back(&buf);
    assert_int_equal(json_array_size(root), 4);
    assert_true(json_is_true(json_object_get(json_array_get(root, 1), "t")));
    json_decref(root);
    expect_text(&buf,
                "[\n"
                "{\"c\":\"const\",\"d\":\"two\",\"r\":10,\"a\":[1.0,null],\"t\":{\"k\":[1,\"x\"]},"
                "\"n\":null,\"dt\":\"2025-11-20T00:00:00.0000000Z\"},\n"
                "{\"c\":\"const\",\"d\":\"one\",\"r\":null,\"a\":[],\"t\":true,"
                "\"n\":null,\"dt\":\"2025-11-20T00:00:00.123456789Z\"},\n"
                "{\"c\":\"const\",\"d\":null,\"r\":null,\"a\":null,\"t\":null,"
                "\"n\":null,\"dt\":null},\n"
                "{\"c\":\"const\",\"d\":\"one\",\"r\":30,"
                "\"a\":[\"NaN\",\"Infinity\",\"-Infinity\"],\"t\":2,"
                "\"n\":null,\"dt\":\"1969-12-31T23:59:59.999999999Z\"}\n"
                "]\n");
    buf = new_buf();
    batch.sel_count = 0;
    batch.sel = (const uint32_t[]){0};
    write_all(&buf, JSONW_ARRAY, sample_layouts_info, &batch);
    expect_text(&buf, "[]\n");
}

static void kusto_v1_is_one_table_with_typed_columns(void **state)
{
    hist_batch batch = sample_flat_batch();
    hi_buf buf = new_buf();

    (void)state;
    write_all(&buf, JSONW_KUSTO, sample_flat_info, &batch);
    json_t *root = read_back(&buf);
    json_t *table = json_array_get(json_object_get(root, "Tables"), 0);
    assert_int_equal(json_array_size(json_object_get(table, "Rows")), 4);
    assert_int_equal(json_array_size(json_object_get(table, "Columns")), SAMPLE_COLUMNS);
    json_decref(root);
    hi_buf_free(&buf);

    batch.column_count = 4;
    batch.row_count = 2;
    batch.sel_count = 2;
    buf = new_buf();
    write_all(&buf, JSONW_KUSTO, sample_flat_info, &batch);
    expect_text(
        &buf,
        "{\"Tables\":[{\"TableName\":\"Table_0\",\"Columns\":["
        "{\"ColumnName\":\"Timestamp\",\"DataType\":\"DateTime\",\"ColumnType\":\"datetime\"},"
        "{\"ColumnName\":\"l\",\"DataType\":\"Int64\",\"ColumnType\":\"long\"},"
        "{\"ColumnName\":\"i\",\"DataType\":\"Int32\",\"ColumnType\":\"int\"},"
        "{\"ColumnName\":\"r\",\"DataType\":\"Double\",\"ColumnType\":\"real\"}],"
        "\"Rows\":[[\"2025-11-20T00:00:00Z\",0,1,0.1],"
        "[\"2025-11-20T00:00:00.123456789Z\",9223372036854775807,2147483647,-0.0]]}]}");
}

static void kusto_names_every_type(void **state)
{
    static const char *const want[][2] = {
        {"SByte", "bool"},        {"Int32", "int"},          {"Int64", "long"},
        {"Double", "real"},       {"SqlDecimal", "decimal"}, {"String", "string"},
        {"DateTime", "datetime"}, {"TimeSpan", "timespan"},  {"Guid", "guid"},
        {"Object", "dynamic"},
    };

    (void)state;
    for (int type = HIST_TYPE_BOOL; type <= HIST_TYPE_DYNAMIC; type++) {
        assert_string_equal(jsonw_kusto_data_type((hist_type)type), want[type - 1][0]);
        assert_string_equal(hist_type_name((hist_type)type), want[type - 1][1]);
    }
}

static void bare_rows_and_columns_fit_into_frames_of_the_caller(void **state)
{
    hist_batch batch = sample_layouts_batch();
    hi_buf buf = new_buf();

    (void)state;
    batch.column_count = 3;
    hi_buf_byte(&buf, '[');
    write_all(&buf, JSONW_ROWS, sample_layouts_info, &batch);
    hi_buf_byte(&buf, ']');
    expect_text(&buf, "[[\"const\",\"two\",10],[\"const\",\"one\",null],[\"const\",null,null],"
                      "[\"const\",\"one\",30]]");
    buf = new_buf();
    jsonw_kusto_columns(&buf, sample_layouts_info, 1, false);
    expect_text(&buf, "[{\"ColumnName\":\"c\",\"ColumnType\":\"string\"}]");
}

static void rows_without_columns_are_still_rows(void **state)
{
    const hist_batch batch = {.row_count = 2, .sel_count = 2};
    hi_buf buf = new_buf();

    (void)state;
    write_all(&buf, JSONW_NDJSON, NULL, &batch);
    write_all(&buf, JSONW_ROWS, NULL, &batch);
    expect_text(&buf, "{}\n{}\n[],[]");
}

static void control_bytes_in_strings_are_escaped(void **state)
{
    static const char bytes[] = "\x01\x1f\t\"\\/\x7f";
    static const int32_t offsets[] = {0, 7};
    static const hist_column column = {
        .type = HIST_TYPE_STRING,
        .stored = HIST_TYPE_STRING,
        .length = 1,
        .data_count = 1,
        .offsets = offsets,
        .bytes = bytes,
    };
    const hist_column_info info = {"a\nb", HIST_TYPE_STRING};
    const hist_batch batch = {
        .column_count = 1, .row_count = 1, .sel_count = 1, .columns = &column};
    hi_buf buf = new_buf();

    (void)state;
    write_all(&buf, JSONW_NDJSON, &info, &batch);
    expect_text(&buf, "{\"a\\nb\":\"\\u0001\\u001f\\t\\\"\\\\/\x7f\"}\n");
}

static void an_error_is_what_kusto_clients_read(void **state)
{
    const jsonw_error error = {
        .code = "General_BadRequest",
        .message = "Request is invalid and cannot be executed.",
        .type = "Kusto.Data.Exceptions.KustoBadRequestException",
        .description = "Semantic error: SEM0100: no column \"x\"",
        .client_request_id = "me",
        .time_ns = INT64_C(1763596800000000000),
        .permanent = true,
    };
    hi_buf buf = new_buf();

    (void)state;
    jsonw_kusto_error(&buf, &error);
    json_decref(read_back(&buf));
    expect_text(&buf, "{\"error\":{\"code\":\"General_BadRequest\","
                      "\"message\":\"Request is invalid and cannot be executed.\","
                      "\"@type\":\"Kusto.Data.Exceptions.KustoBadRequestException\","
                      "\"@message\":\"Semantic error: SEM0100: no column \\\"x\\\"\","
                      "\"@context\":{\"timestamp\":\"2025-11-20T00:00:00.0000000Z\","
                      "\"clientRequestId\":\"me\"},\"@permanent\":true}}");
}

static void a_full_buffer_is_a_failure_and_nothing_leaks(void **state)
{
    const hist_batch batch = sample_flat_batch();

    (void)state;
    hi_mem_init(&test_mem, NULL, NULL, 0);
    for (size_t max = 0; max < 1000; max += 7) {
        hi_buf buf;

        hi_buf_init(&buf, &test_mem, max);
        write_all(&buf, JSONW_ARRAY, sample_flat_info, &batch);
        assert_true(buf.size <= max);
        assert_true(max > 600 || !hi_buf_ok(&buf));
        hi_buf_free(&buf);
    }
    for (uint64_t limit = 1; limit < 4000; limit += 64) {
        hi_buf buf;

        hi_mem_init(&test_mem, NULL, NULL, limit);
        hi_buf_init(&buf, &test_mem, 1 << 20);
        write_all(&buf, JSONW_KUSTO, sample_flat_info, &batch);
        assert_true(limit > 2500 || !hi_buf_ok(&buf));
        hi_buf_free(&buf);
        assert_int_equal(test_mem.used, 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ndjson_is_an_object_a_row),
        cmocka_unit_test(json_is_an_array_of_objects),
        cmocka_unit_test(kusto_v1_is_one_table_with_typed_columns),
        cmocka_unit_test(kusto_names_every_type),
        cmocka_unit_test(bare_rows_and_columns_fit_into_frames_of_the_caller),
        cmocka_unit_test(rows_without_columns_are_still_rows),
        cmocka_unit_test(control_bytes_in_strings_are_escaped),
        cmocka_unit_test(an_error_is_what_kusto_clients_read),
        cmocka_unit_test(a_full_buffer_is_a_failure_and_nothing_leaks),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
