/* rows_model.c -- plain rows for tests; see rows_model.h. */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include "tests/support/rows_model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

hist_type rm_type(int column)
{
    static const hist_type types[RM_COLUMNS] = {HIST_TYPE_BOOL,     HIST_TYPE_LONG,
                                                HIST_TYPE_REAL,     HIST_TYPE_STRING,
                                                HIST_TYPE_DATETIME, HIST_TYPE_LONG};

    return types[column];
}

uint64_t rm_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

size_t rm_text(uint64_t number, char to[400])
{
    if (number == 0) {
        return 0;
    }
    const int n = snprintf(to, 40, "%llu", (unsigned long long)number);
    const size_t size = (size_t)n + (number % 50 == 0 ? 300 : number % 7);

    memset(to + n, '.', size - (size_t)n);
    return size;
}

void rm_fill(rm_row *row, uint64_t *state)
{
    for (int c = 0; c < RM_COLUMNS; c++) {
        const uint64_t r = rm_random(state);

        row->has[c] = c == RM_RARE ? r % 200 == 0 : c == RM_REAL ? true : r % 4 != 0;
        row->bits[c] = rm_random(state);
        if (c == RM_BOOL) {
            row->bits[c] &= 1;
        } else if (c == RM_TEXT) {
            row->bits[c] %= 1000;
        } else if (c != RM_REAL && r % 3 != 0) {
            row->bits[c] %= 1000;
        }
    }
}

static bool rm_put_cell(hi_rows *rows, hi_rows_table *t, uint32_t slot, int column, uint64_t bits)
{
    char text[400];
    double real = 0;

    switch (rm_type(column)) {
    case HIST_TYPE_BOOL:
        return hi_rows_set_bool(rows, t, slot, bits != 0);
    case HIST_TYPE_REAL:
        memcpy(&real, &bits, sizeof(real));
        return hi_rows_set_real(rows, t, slot, real);
    case HIST_TYPE_STRING:
        return hi_rows_set_text(rows, t, slot, text, rm_text(bits, text));
    default:
        return hi_rows_set_i64(rows, t, slot, (int64_t)bits);
    }
}

bool rm_put(hi_rows *rows, const rm_row *row)
{
    const uint32_t slot = hi_rows_table_slot(rows, row->table);

    if (slot == HI_ROWS_NONE || !hi_rows_begin(rows, &rows->tables[slot])) {
        return false;
    }
    for (int c = 0; c < RM_COLUMNS; c++) {
        if (!row->has[c]) {
            continue;
        }
        const uint32_t column =
            hi_rows_column_slot(rows, slot, RM_COLUMN_ID(row->table, c), rm_type(c));

        if (column == HI_ROWS_NONE ||
            !rm_put_cell(rows, &rows->tables[slot], column, c, row->bits[c])) {
            hi_rows_abandon(rows, &rows->tables[slot]);
            return false;
        }
    }
    hi_rows_end(rows, &rows->tables[slot], row->series, row->time_ns);
    return true;
}

static uint64_t rm_batch_bits(const hi_rows_column *c, uint32_t row)
{
    if (c->type == HIST_TYPE_BOOL) {
        return ((const uint8_t *)c->data)[row];
    }
    if (c->type == HIST_TYPE_STRING) {
        const hi_text_ref ref = ((const hi_text_ref *)c->data)[row];
        char expected[400];
        char text[401];

        assert_in_range(ref.size, 0, 400);
        memcpy(text, ref.size == 0 ? "" : c->text + ref.start, ref.size);
        text[ref.size] = '\0';
        const uint64_t number = strtoull(text, NULL, 10);
        assert_int_equal(rm_text(number, expected), ref.size);
        assert_memory_equal(text, expected, ref.size);
        return number;
    }
    return ((const uint64_t *)c->data)[row];
}

void rm_check(const hi_rows *rows, uint32_t slot, uint32_t row, const rm_row *expected)
{
    const hi_rows_table *t = &rows->tables[slot];

    assert_int_equal(t->table, expected->table);
    assert_true(row < t->rows);
    assert_int_equal(t->series[row], expected->series);
    assert_int_equal(t->times[row], expected->time_ns);
    for (int c = 0; c < RM_COLUMNS; c++) {
        const hi_rows_column *column = NULL;

        for (uint32_t i = 0; i < t->column_count; i++) {
            column = t->columns[i].column == RM_COLUMN_ID(t->table, c) ? &t->columns[i] : column;
        }
        const bool has = column != NULL && row < column->room &&
                         ((column->valid[row / 64] >> (row % 64)) & 1) != 0;
        assert_int_equal(has, expected->has[c]);
        if (has) {
            assert_int_equal(rm_batch_bits(column, row), expected->bits[c]);
        }
    }
}

bool rm_cell(const hi_view *view, hist_type type, uint32_t row, uint64_t *bits)
{
    *bits = 0;
    if (view->all_null ||
        (view->valid != NULL && !hist_bit_get(view->valid, view->valid_bit + row))) {
        return false;
    }
    if (type == HIST_TYPE_BOOL) {
        *bits = hist_bit_get(view->data, view->data_bit + row);
    } else if (type == HIST_TYPE_STRING) {
        const int32_t size = view->offsets[row + 1] - view->offsets[row];
        char text[401];

        assert_in_range(size, 0, 400);
        memcpy(text, view->bytes + view->offsets[row], (size_t)size);
        text[size] = '\0';
        *bits = strtoull(text, NULL, 10);
        assert_int_equal(rm_text(*bits, text), size);
    } else {
        memcpy(bits, (const char *)view->data + (size_t)row * 8, 8);
    }
    return true;
}

/* ---- memory ---- */

static void *rm_alloc(void *arg, size_t size)
{
    rm_memory *m = arg;

    if (atomic_fetch_add(&m->calls, 1) + 1 == m->fail_at) {
        return NULL;
    }
    atomic_fetch_add(&m->live, 1);
    return malloc(size);
}

static void rm_free(void *arg, void *ptr, size_t size)
{
    rm_memory *m = arg;

    (void)size;
    atomic_fetch_sub(&m->live, 1);
    free(ptr);
}

void rm_memory_init(rm_memory *m)
{
    *m = (rm_memory){.allocator = {rm_alloc, rm_free, m}};
}

void rm_memory_fail(rm_memory *m, uint64_t fail_at)
{
    atomic_store(&m->calls, 0);
    m->fail_at = fail_at;
}

bool rm_memory_failed(const rm_memory *m)
{
    return m->fail_at != 0 && atomic_load(&m->calls) >= m->fail_at;
}
