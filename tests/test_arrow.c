/* test_arrow.c -- batches through the Arrow C Data Interface: every layout, selection, release. */
/* clang-format off */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
/* clang-format on */

#include "formats/arrow.h"
#include "tests/support/sample.h"

static hi_mem test_mem;
static int test_released;

static void count_release(void *arg)
{
    assert_ptr_equal(arg, &test_released);
    test_released++;
}

static void export_both(const hist_batch *batch, const hist_column_info *info, arrow_mode mode,
                        struct ArrowSchema *schema, struct ArrowArray *array)
{
    const arrow_owner owner = {count_release, &test_released};
    hist_error err;

    hi_mem_init(&test_mem, NULL, NULL, 0);
    test_released = 0;
    assert_int_equal(arrow_export_schema(&test_mem, info, batch, mode, schema, &err), HIST_OK);
    assert_int_equal(arrow_export_batch(&test_mem, batch, mode, owner, array, &err), HIST_OK);
    assert_string_equal(schema->format, "+s");
    assert_int_equal(schema->n_children, batch->column_count);
    assert_int_equal(array->n_children, batch->column_count);
    assert_int_equal(array->length, batch->sel_count);
    assert_int_equal(array->offset, 0);
    assert_int_equal(array->n_buffers, 1);
    assert_null(array->buffers[0]);
}

static void release_both(struct ArrowSchema *schema, struct ArrowArray *array)
{
    schema->release(schema);
    assert_null(schema->release);
    assert_int_equal(test_released, 0);
    array->release(array);
    assert_null(array->release);
    assert_int_equal(test_released, 1);
    assert_int_equal(test_mem.used, 0);
}

static bool array_valid(const struct ArrowArray *a, int64_t i)
{
    const uint8_t *bits = a->buffers[0];

    return bits == NULL || ((bits[i / 8] >> (i % 8)) & 1) != 0;
}

/* The null count is right or says that nobody counted. */
static void check_nulls(const struct ArrowArray *a)
{
    int64_t nulls = 0;

    for (int64_t i = 0; i < a->length; i++) {
        nulls += !array_valid(a, i);
    }
    assert_true(a->null_count == -1 || a->null_count == nulls);
}

static void check_strings(const struct ArrowArray *a, const char *const *want)
{
    const int32_t *offsets = a->buffers[1];
    const char *bytes = a->buffers[2];

    assert_int_equal(a->n_buffers, 3);
    check_nulls(a);
    for (int64_t i = 0; i < a->length; i++) {
        assert_int_equal(array_valid(a, i), want[i] != NULL);
        if (want[i] != NULL) {
            assert_int_equal(offsets[i + 1] - offsets[i], strlen(want[i]));
            assert_memory_equal(bytes + offsets[i], want[i], strlen(want[i]));
        }
    }
}

static void flat_columns_are_handed_over_without_a_copy(void **state)
{
    static const char *const formats[] = {"tsn:UTC", "l",   "i",    "g",      "b",
                                          "u",       "tDn", "w:16", "d:38,18"};

    (void)state;
    for (int mode = ARROW_PLAIN; mode <= ARROW_LAYOUT_RUNS; mode++) {
        const hist_batch batch = sample_flat_batch();
        struct ArrowSchema schema;
        struct ArrowArray array;

        export_both(&batch, sample_flat_info, (arrow_mode)mode, &schema, &array);
        for (int i = 0; i < SAMPLE_COLUMNS; i++) {
            const struct ArrowArray *a = array.children[i];

            assert_string_equal(schema.children[i]->format, formats[i]);
            assert_string_equal(schema.children[i]->name, sample_flat_info[i].name);
            assert_int_equal(schema.children[i]->flags, ARROW_FLAG_NULLABLE);
            assert_null(schema.children[i]->metadata);
            assert_int_equal(a->length, 4);
            assert_ptr_equal(a->buffers[0], sample_flat[i].valid);
            check_nulls(a);
            if (i == SAMPLE_STRING) {
                assert_int_equal(a->n_buffers, 3);
                assert_ptr_equal(a->buffers[1], sample_flat[i].offsets);
                assert_ptr_equal(a->buffers[2], sample_flat[i].bytes);
            } else {
                assert_int_equal(a->n_buffers, 2);
                assert_ptr_equal(a->buffers[1], sample_flat[i].data);
            }
        }
        release_both(&schema, &array);
    }
}

static const char *const want_tagged[] = {"{\"k\":[1,\"x\"]}", "true", NULL, "2"};

static void check_longs(const struct ArrowArray *a, const int64_t *want, const bool *valid)
{
    const int64_t *got = a->buffers[1];

    check_nulls(a);
    for (int64_t i = 0; i < a->length; i++) {
        assert_int_equal(array_valid(a, i), valid[i]);
        assert_true(!valid[i] || got[i] == want[i]);
    }
}

static void layouts_are_kept_where_arrow_has_them(void **state)
{
    const hist_batch batch = sample_layouts_batch();
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    export_both(&batch, sample_layouts_info, ARROW_LAYOUT, &schema, &array);
    check_strings(array.children[SAMPLE_CONST],
                  (const char *const[]){"const", "const", "const", "const"});

    const struct ArrowArray *dict = array.children[SAMPLE_DICT];
    assert_string_equal(schema.children[SAMPLE_DICT]->format, "i");
    assert_string_equal(schema.children[SAMPLE_DICT]->dictionary->format, "u");
    assert_ptr_equal(dict->buffers[1], sample_layouts[SAMPLE_DICT].data);
    assert_int_equal(dict->dictionary->length, 2);
    check_strings(dict->dictionary, (const char *const[]){"one", "two"});

    check_longs(array.children[SAMPLE_RUNS], (const int64_t[]){10, 0, 0, 30},
                (const bool[]){true, false, false, true});

    const struct ArrowArray *list = array.children[SAMPLE_LIST];
    assert_string_equal(schema.children[SAMPLE_LIST]->format, "+l");
    assert_string_equal(schema.children[SAMPLE_LIST]->children[0]->name, "item");
    assert_string_equal(schema.children[SAMPLE_LIST]->children[0]->format, "g");
    assert_int_equal(list->n_buffers, 2);
    assert_ptr_equal(list->buffers[1], sample_layouts[SAMPLE_LIST].offsets);
    assert_int_equal(list->children[0]->length, 5);
    assert_ptr_equal(list->children[0]->buffers[1], sample_layouts[SAMPLE_LIST].child->data);

    assert_string_equal(schema.children[SAMPLE_TAGGED]->format, "u");
    check_strings(array.children[SAMPLE_TAGGED], want_tagged);
    assert_string_equal(schema.children[SAMPLE_DYNAMIC_TIME]->format, "tsn:UTC");
    assert_int_equal(array.children[SAMPLE_CONST_NULL]->null_count, 4);
    release_both(&schema, &array);
}

static void constants_and_runs_can_be_run_end_encoded(void **state)
{
    const hist_batch batch = sample_layouts_batch();
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    export_both(&batch, sample_layouts_info, ARROW_LAYOUT_RUNS, &schema, &array);
    const struct ArrowArray *runs = array.children[SAMPLE_RUNS];
    const struct ArrowArray *constant = array.children[SAMPLE_CONST];
    assert_string_equal(schema.children[SAMPLE_RUNS]->format, "+r");
    assert_string_equal(schema.children[SAMPLE_RUNS]->children[0]->name, "run_ends");
    assert_int_equal(schema.children[SAMPLE_RUNS]->children[0]->flags, 0);
    assert_string_equal(schema.children[SAMPLE_RUNS]->children[0]->format, "i");
    assert_string_equal(schema.children[SAMPLE_RUNS]->children[1]->name, "values");
    assert_string_equal(schema.children[SAMPLE_RUNS]->children[1]->format, "l");
    assert_int_equal(runs->n_buffers, 0);
    assert_int_equal(runs->null_count, 0);
    assert_int_equal(runs->length, 4);
    assert_int_equal(runs->children[0]->length, 3);
    assert_ptr_equal(runs->children[0]->buffers[1], sample_layouts[SAMPLE_RUNS].data);
    assert_ptr_equal(runs->children[1]->buffers[1], sample_layouts[SAMPLE_RUNS].child->data);
    assert_int_equal(constant->children[0]->length, 1);
    assert_int_equal(((const int32_t *)constant->children[0]->buffers[1])[0], 4);
    check_strings(constant->children[1], (const char *const[]){"const"});
    release_both(&schema, &array);
}

static void plain_mode_gives_types_by_the_type_alone(void **state)
{
    static const char *const formats[] = {"u", "u", "l", "u", "u", "l", "u"};
    const hist_batch batch = sample_layouts_batch();
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    export_both(&batch, sample_layouts_info, ARROW_PLAIN, &schema, &array);
    for (int i = 0; i < SAMPLE_LAYOUTS; i++) {
        const bool dynamic = sample_layouts_info[i].type == HIST_TYPE_DYNAMIC;

        assert_string_equal(schema.children[i]->format, formats[i]);
        assert_null(array.children[i]->dictionary);
        assert_int_equal(array.children[i]->n_children, 0);
        assert_int_equal(schema.children[i]->metadata != NULL, dynamic);
        if (dynamic) {
            assert_memory_equal(schema.children[i]->metadata + 8, "ARROW:extension:name", 20);
            assert_memory_equal(schema.children[i]->metadata + 32, "arrow.json", 10);
        }
    }
    check_strings(array.children[SAMPLE_DICT], (const char *const[]){"two", "one", NULL, "one"});
    check_strings(
        array.children[SAMPLE_LIST],
        (const char *const[]){"[1.0,null]", "[]", NULL, "[\"NaN\",\"Infinity\",\"-Infinity\"]"});
    check_strings(array.children[SAMPLE_TAGGED], want_tagged);
    check_longs(array.children[SAMPLE_RUNS], (const int64_t[]){10, 0, 0, 30},
                (const bool[]){true, false, false, true});
    release_both(&schema, &array);
}

static void a_selection_is_copied_in_every_layout(void **state)
{
    static const uint32_t sel[] = {0, 2, 3};
    hist_batch batch = sample_layouts_batch();
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    batch.sel = sel;
    batch.sel_count = 3;
    export_both(&batch, sample_layouts_info, ARROW_LAYOUT_RUNS, &schema, &array);
    const struct ArrowArray *dict = array.children[SAMPLE_DICT];
    assert_int_equal(((const int32_t *)dict->buffers[1])[0], 1);
    assert_false(array_valid(dict, 1));
    assert_int_equal(((const int32_t *)dict->buffers[1])[2], 0);

    const struct ArrowArray *runs = array.children[SAMPLE_RUNS];
    assert_int_equal(runs->children[0]->length, 3);
    assert_memory_equal(runs->children[0]->buffers[1], ((const int32_t[]){1, 2, 3}), 12);
    check_longs(runs->children[1], (const int64_t[]){10, 0, 30}, (const bool[]){true, false, true});

    const struct ArrowArray *list = array.children[SAMPLE_LIST];
    assert_memory_equal(list->buffers[1], ((const int32_t[]){0, 2, 2, 5}), 16);
    assert_false(array_valid(list, 1));
    const struct ArrowArray *items = list->children[0];
    const double *reals = items->buffers[1];
    assert_int_equal(items->length, 5);
    assert_true(reals[0] == 1 && isnan(reals[2]) && isinf(reals[4]));
    assert_false(array_valid(items, 1));
    check_strings(array.children[SAMPLE_TAGGED],
                  (const char *const[]){want_tagged[0], NULL, want_tagged[3]});
    assert_int_equal(((const int32_t *)array.children[SAMPLE_CONST]->children[0]->buffers[1])[0],
                     3);
    release_both(&schema, &array);

    hist_batch flat = sample_flat_batch();
    flat.sel = sel;
    flat.sel_count = 3;
    export_both(&flat, sample_flat_info, ARROW_PLAIN, &schema, &array);
    check_longs(array.children[SAMPLE_LONG], (const int64_t[]){0, 0, INT64_MIN},
                (const bool[]){true, false, true});
    const uint8_t *bits = array.children[SAMPLE_BOOL]->buffers[1];
    assert_int_equal(bits[0] & 5, 5);
    assert_memory_equal(array.children[SAMPLE_GUID]->buffers[1], sample_flat[SAMPLE_GUID].data, 16);
    release_both(&schema, &array);
}

static void a_child_may_be_moved_out_and_outlive_its_parent(void **state)
{
    const hist_batch batch = sample_layouts_batch();
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    export_both(&batch, sample_layouts_info, ARROW_LAYOUT, &schema, &array);
    struct ArrowArray moved = *array.children[SAMPLE_TAGGED];
    struct ArrowArray dict = *array.children[SAMPLE_DICT];
    struct ArrowSchema type = *schema.children[SAMPLE_TAGGED];
    array.children[SAMPLE_TAGGED]->release = NULL;
    array.children[SAMPLE_DICT]->release = NULL;
    schema.children[SAMPLE_TAGGED]->release = NULL;
    schema.release(&schema);
    array.release(&array);
    assert_int_equal(test_released, 0);
    check_strings(&moved, want_tagged);
    check_strings(dict.dictionary, (const char *const[]){"one", "two"});
    assert_string_equal(type.name, "t");
    type.release(&type);
    moved.release(&moved);
    assert_int_equal(test_released, 0);
    dict.release(&dict);
    assert_int_equal(test_released, 1);
    assert_int_equal(test_mem.used, 0);
}

static void empty_batches_have_addresses_and_no_rows(void **state)
{
    static const hist_column columns[] = {
        {.type = HIST_TYPE_STRING, .stored = HIST_TYPE_STRING},
        {.type = HIST_TYPE_LONG, .stored = HIST_TYPE_LONG},
    };
    static const hist_column_info info[] = {{"s", HIST_TYPE_STRING}, {"l", HIST_TYPE_LONG}};
    const hist_batch batch = {.column_count = 2, .columns = columns};
    struct ArrowSchema schema;
    struct ArrowArray array;

    (void)state;
    for (int mode = ARROW_PLAIN; mode <= ARROW_LAYOUT_RUNS; mode++) {
        export_both(&batch, info, (arrow_mode)mode, &schema, &array);
        assert_non_null(array.children[0]->buffers[1]);
        assert_int_equal(((const int32_t *)array.children[0]->buffers[1])[0], 0);
        assert_non_null(array.children[0]->buffers[2]);
        assert_non_null(array.children[1]->buffers[1]);
        release_both(&schema, &array);
    }
}

static void out_of_memory_anywhere_exports_nothing_and_leaks_nothing(void **state)
{
    static const uint32_t sel[] = {0, 1, 3};
    const arrow_owner owner = {count_release, &test_released};
    hist_batch batch = sample_layouts_batch();
    int failures = 0;

    (void)state;
    for (int round = 0; round < 6; round++) {
        const arrow_mode mode = (arrow_mode)(round % 3);
        hist_status status = HIST_ENOMEM;

        batch.sel = round < 3 ? NULL : sel;
        batch.sel_count = round < 3 ? 4 : 3;
        for (uint64_t limit = 1; status != HIST_OK; limit += 8) {
            struct ArrowSchema schema;
            struct ArrowArray array;
            hist_error err;

            test_released = 0;
            hi_mem_init(&test_mem, NULL, NULL, limit);
            status = arrow_export_batch(&test_mem, &batch, mode, owner, &array, &err);
            failures += status != HIST_OK;
            if (status == HIST_OK) {
                array.release(&array);
                assert_int_equal(test_released, 1);
            } else {
                assert_int_equal(test_released, 0);
            }
            assert_int_equal(test_mem.used, 0);
            if (arrow_export_schema(&test_mem, sample_layouts_info, &batch, mode, &schema, &err) ==
                HIST_OK) {
                schema.release(&schema);
            }
            assert_int_equal(test_mem.used, 0);
            assert_true(limit < 100000);
        }
    }
    assert_true(failures > 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flat_columns_are_handed_over_without_a_copy),
        cmocka_unit_test(layouts_are_kept_where_arrow_has_them),
        cmocka_unit_test(constants_and_runs_can_be_run_end_encoded),
        cmocka_unit_test(plain_mode_gives_types_by_the_type_alone),
        cmocka_unit_test(a_selection_is_copied_in_every_layout),
        cmocka_unit_test(a_child_may_be_moved_out_and_outlive_its_parent),
        cmocka_unit_test(empty_batches_have_addresses_and_no_rows),
        cmocka_unit_test(out_of_memory_anywhere_exports_nothing_and_leaks_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
