/* test_rows.c -- batches and WAL records, against plain rows. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/walrec.h"
#include "tests/support/rows_model.h"

enum { TABLES = 3, ROWS_MAX = 3000 };

typedef struct batch {
    rm_row rows[ROWS_MAX];
    uint32_t count;
} batch;

/* How a batch looks: series in runs or one after the other, times regular or not. */
static void batch_make(batch *b, uint32_t count, uint64_t *seed)
{
    const uint64_t look = rm_random(seed);
    const bool sparse = look % 5 == 0;
    int64_t time = (int64_t)(rm_random(seed) % 1000000);

    b->count = count;
    for (uint32_t i = 0; i < count; i++) {
        rm_row *r = &b->rows[i];

        *r = (rm_row){.table = 1 + (uint32_t)(rm_random(seed) % TABLES)};
        r->series = 1 + (look % 2 == 0 ? i / 10 : i) % 50;
        time += look % 3 == 0 ? (int64_t)(rm_random(seed) % 100) - 30 : 1000;
        r->time_ns = look % 7 == 0 ? (int64_t)(rm_random(seed) | 2) : time;
        r->time_ns = r->time_ns < HIST_TIME_MIN ? HIST_TIME_MIN : r->time_ns;
        rm_fill(r, seed);
        for (int c = 0; sparse && c < RM_COLUMNS; c++) {
            r->has[c] &= rm_random(seed) % 100 == 0;
        }
    }
}

static void batch_check(const batch *b, const hi_rows *rows)
{
    uint32_t at[TABLES + 1] = {0};
    uint64_t total = 0;

    for (uint32_t i = 0; i < b->count; i++) {
        for (uint32_t slot = 0; slot < rows->table_count; slot++) {
            if (rows->tables[slot].table == b->rows[i].table) {
                rm_check(rows, slot, at[b->rows[i].table]++, &b->rows[i]);
                total++;
            }
        }
    }
    assert_int_equal(total, b->count);
    assert_int_equal(rows->rows, b->count);
}

static void put_all(hi_rows *rows, const batch *b)
{
    for (uint32_t i = 0; i < b->count; i++) {
        assert_true(rm_put(rows, &b->rows[i]));
    }
}

static hist_status decode_all(const void *payload, size_t size, hi_rows *rows)
{
    hi_reader r = hi_reader_of(payload, size);
    hi_walrec record;

    while (hi_walrec_next(&r, &record)) {
        HI_TRY(hi_walrec_decode_rows(&record, rows));
    }
    return r.failed ? HIST_ECORRUPT : HIST_OK;
}

static void a_batch_holds_the_rows_put_into_it_and_so_does_its_record(void **state)
{
    static batch b;
    hi_mem mem;
    hi_rows rows;
    hi_rows copy;
    hi_buf payload;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_rows_init(&rows, &mem);
    hi_rows_init(&copy, &mem);
    hi_buf_init(&payload, &mem, SIZE_MAX / 2);
    for (uint64_t n = 0; n < 60; n++) {
        uint64_t seed = 1000 + n;

        print_message("%s", n == 0 ? "seeds from 1000\n" : "");
        batch_make(&b, (uint32_t)(rm_random(&seed) % (n % 10 == 0 ? ROWS_MAX : 200)), &seed);
        put_all(&rows, &b);
        batch_check(&b, &rows);
        hi_walrec_encode_rows(&rows, &payload);
        assert_true(hi_buf_ok(&payload));
        assert_true(payload.size <= rows.bytes + 64 * TABLES);
        assert_int_equal(decode_all(payload.data, payload.size, &copy), HIST_OK);
        batch_check(&b, &copy);
        if (n % 9 == 0) {
            hi_rows_trim(&rows, 0);
        }
        hi_rows_clear(&rows);
        hi_rows_clear(&copy);
        hi_buf_clear(&payload);
        if (n % 9 == 1) {
            hi_rows_trim(&rows, 0);
        }
    }
    hi_rows_free(&rows);
    hi_rows_free(&copy);
    hi_buf_free(&payload);
    assert_int_equal(mem.used, 0);
}

static void two_records_of_one_table_are_one_after_the_other(void **state)
{
    static batch b;
    uint64_t seed = 77;
    hi_mem mem;
    hi_rows half;
    hi_rows both;
    hi_buf payload;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_rows_init(&half, &mem);
    hi_rows_init(&both, &mem);
    hi_buf_init(&payload, &mem, SIZE_MAX / 2);
    batch_make(&b, 500, &seed);
    for (uint32_t i = 0; i < b.count; i++) {
        assert_true(rm_put(&half, &b.rows[i]));
        if (i == 222 || i == b.count - 1) {
            hi_walrec_encode_rows(&half, &payload);
            hi_rows_clear(&half);
        }
    }
    assert_int_equal(decode_all(payload.data, payload.size, &both), HIST_OK);
    batch_check(&b, &both);
    hi_rows_free(&half);
    hi_rows_free(&both);
    hi_buf_free(&payload);
}

static void a_column_set_twice_keeps_the_later_value_and_an_abandoned_row_leaves_nothing(
    void **state)
{
    hi_mem mem;
    hi_rows rows;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_rows_init(&rows, &mem);
    const uint32_t slot = hi_rows_table_slot(&rows, 9);
    const uint32_t number = hi_rows_column_slot(&rows, slot, 1, HIST_TYPE_LONG);
    const uint32_t text = hi_rows_column_slot(&rows, slot, 2, HIST_TYPE_STRING);
    hi_rows_table *t = &rows.tables[slot];

    for (int round = 0; round < 3; round++) {
        assert_true(hi_rows_begin(&rows, t));
        assert_true(hi_rows_set_i64(&rows, t, number, 1) && hi_rows_set_i64(&rows, t, number, 2));
        assert_true(hi_rows_set_text(&rows, t, text, "long text", 9));
        assert_true(hi_rows_set_text(&rows, t, text, "short", 5));
        if (round == 1) {
            hi_rows_abandon(&rows, t);
        } else {
            hi_rows_end(&rows, t, 1, round);
        }
    }
    assert_int_equal(t->rows, 2);
    assert_int_equal(t->columns[number].values, 2);
    assert_int_equal(((int64_t *)t->columns[number].data)[1], 2);
    assert_int_equal(t->columns[text].text_size, 10);
    assert_memory_equal(t->columns[text].text, "shortshort", 10);
    assert_int_equal(t->columns[number].valid[0], 3);
    assert_int_equal(rows.rows, 2);
    hi_rows_free(&rows);
}

static void a_damaged_record_is_refused_or_read_but_never_read_past_its_end(void **state)
{
    static batch b;
    uint64_t seed = 4242;
    hi_mem mem;
    hi_rows rows;
    hi_buf payload;
    uint32_t refused = 0;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 64 << 20);
    hi_rows_init(&rows, &mem);
    hi_buf_init(&payload, &mem, SIZE_MAX / 2);
    batch_make(&b, 120, &seed);
    put_all(&rows, &b);
    hi_walrec_encode_rows(&rows, &payload);
    hi_rows_clear(&rows);
    for (size_t size = 0; size < payload.size; size++) {
        char *exact = malloc(size + 1);

        memcpy(exact, payload.data, size);
        refused += decode_all(exact, size, &rows) != HIST_OK;
        hi_rows_clear(&rows);
        free(exact);
    }
    assert_true(refused >= payload.size - TABLES); /* Only cuts between records are fine. */
    for (size_t bit = 0; bit < payload.size * 8; bit++) {
        payload.data[bit / 8] ^= (char)(1 << (bit % 8));
        const hist_status status = decode_all(payload.data, payload.size, &rows);
        assert_true(status == HIST_OK || status == HIST_ECORRUPT || status == HIST_ENOMEM);
        payload.data[bit / 8] ^= (char)(1 << (bit % 8));
        hi_rows_clear(&rows);
    }
    hi_rows_free(&rows);
    hi_buf_free(&payload);
    assert_int_equal(mem.used, 0);
}

static void without_memory_the_batch_is_as_before(void **state)
{
    static batch b;
    uint64_t seed = 5;
    rm_memory memory;
    hi_mem mem;
    bool reached = true;

    (void)state;
    rm_memory_init(&memory);
    hi_mem_init(&mem, &memory.allocator, NULL, 0);
    batch_make(&b, 300, &seed);
    for (uint64_t n = 1; reached; n++) {
        hi_rows rows;
        hi_rows copy;
        hi_buf payload;

        hi_rows_init(&rows, &mem);
        hi_rows_init(&copy, &mem);
        hi_buf_init(&payload, &mem, SIZE_MAX / 2);
        rm_memory_fail(&memory, n);
        for (uint32_t i = 0; i < b.count; i++) {
            if (!rm_put(&rows, &b.rows[i])) {
                assert_true(rm_put(&rows, &b.rows[i]));
            }
        }
        batch_check(&b, &rows);
        hi_walrec_encode_rows(&rows, &payload);
        if (!hi_buf_ok(&payload)) {
            hi_buf_clear(&payload);
            hi_walrec_encode_rows(&rows, &payload);
        }
        if (decode_all(payload.data, payload.size, &copy) == HIST_ENOMEM) {
            hi_rows_clear(&copy);
            assert_int_equal(decode_all(payload.data, payload.size, &copy), HIST_OK);
        }
        batch_check(&b, &copy);
        reached = rm_memory_failed(&memory);
        rm_memory_fail(&memory, 0);
        hi_rows_free(&rows);
        hi_rows_free(&copy);
        hi_buf_free(&payload);
        assert_int_equal(memory.live, 0);
    }
}

static void a_delete_comes_back_as_it_was(void **state)
{
    static const uint32_t series[] = {3, 4, 900, UINT32_MAX};
    const hi_tombstone some = {
        .table = 7, .series = series, .series_count = 4, .from_ns = -5, .to_ns = 99};
    const hi_tombstone all = {.table = 8, .from_ns = INT64_MIN, .to_ns = INT64_MAX};
    hi_mem mem;
    hi_arena arena;
    hi_buf payload;
    hi_walrec record;
    hi_tombstone read;

    (void)state;
    hi_mem_init(&mem, NULL, NULL, 0);
    hi_arena_init(&arena, &mem);
    hi_buf_init(&payload, &mem, SIZE_MAX / 2);
    hi_walrec_encode_delete(&some, &payload);
    hi_walrec_encode_delete(&all, &payload);
    hi_reader r = hi_reader_of(payload.data, payload.size);
    assert_true(hi_walrec_next(&r, &record));
    assert_int_equal(hi_walrec_decode_delete(&record, 12, &arena, &read), HIST_OK);
    assert_int_equal(read.seq, 12);
    assert_int_equal(read.table, 7);
    assert_int_equal(read.series_count, 4);
    assert_memory_equal(read.series, series, sizeof(series));
    assert_int_equal(read.from_ns, -5);
    assert_int_equal(read.to_ns, 99);
    for (uint32_t cut = 0; cut < record.size; cut++) {
        const hi_walrec shorter = {record.type, record.body, cut};

        assert_int_equal(hi_walrec_decode_delete(&shorter, 12, &arena, &read), HIST_ECORRUPT);
    }
    assert_true(hi_walrec_next(&r, &record));
    assert_int_equal(hi_walrec_decode_delete(&record, 13, &arena, &read), HIST_OK);
    assert_null(read.series);
    assert_int_equal(read.from_ns, INT64_MIN);
    assert_false(hi_walrec_next(&r, &record));
    assert_false(r.failed);
    hi_arena_free(&arena);
    hi_buf_free(&payload);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_batch_holds_the_rows_put_into_it_and_so_does_its_record),
        cmocka_unit_test(two_records_of_one_table_are_one_after_the_other),
        cmocka_unit_test(
            a_column_set_twice_keeps_the_later_value_and_an_abandoned_row_leaves_nothing),
        cmocka_unit_test(a_damaged_record_is_refused_or_read_but_never_read_past_its_end),
        cmocka_unit_test(without_memory_the_batch_is_as_before),
        cmocka_unit_test(a_delete_comes_back_as_it_was),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
