/*
 * rows_model.h -- for tests: plain rows to put into batches and to find again, and an allocator that fails.
 */
#ifndef TEST_ROWS_MODEL_H
#define TEST_ROWS_MODEL_H

#include <stdatomic.h>

#include "store/chunk.h"
#include "store/rows.h"

enum {
    RM_BOOL,
    RM_LONG,
    RM_REAL,
    RM_TEXT,
    RM_TIME,
    RM_RARE, /* A long that rows seldom have. */
    RM_COLUMNS,
};
hist_type rm_type(int column);
#define RM_COLUMN_ID(table, c) ((table)*10 + (uint32_t)(c) + 1)

typedef struct rm_row {
    uint32_t table;
    uint32_t series;
    int64_t time_ns;
    bool has[RM_COLUMNS];
    uint64_t bits[RM_COLUMNS]; /* Strings: number of the text. */
} rm_row;

uint64_t rm_random(uint64_t *state);
/* The text that stands for a number; returns its size. */
size_t rm_text(uint64_t number, char to[400]);
/* Random values. */
void rm_fill(rm_row *row, uint64_t *state);
/* Puts a row into a batch; false: no memory, and the batch is as before. */
bool rm_put(hi_rows *rows, const rm_row *row);
/* Row `row` of a table slot in a batch is this one, or the test fails. */
void rm_check(const hi_rows *rows, uint32_t slot, uint32_t row, const rm_row *expected);
/* The value of a view's row as bits; strings as the number of their text. false: null. */
bool rm_cell(const hi_view *view, hist_type type, uint32_t row, uint64_t *bits);

/* Fails the Nth allocation, counts what is out. */
typedef struct rm_memory {
    hist_allocator allocator;
    _Atomic uint64_t calls;
    _Atomic int64_t live;
    uint64_t fail_at; /* 0: never. */
} rm_memory;
void rm_memory_init(rm_memory *memory);
/* The next fail_at-th allocation from now fails; 0: none. */
void rm_memory_fail(rm_memory *memory, uint64_t fail_at);
bool rm_memory_failed(const rm_memory *memory);

#endif
