/* rows.c -- a batch being built; see rows.h. */
#include "store/rows.h"

#include <string.h>

enum {
    ROWS_ROOM_MIN = 64,
    ROWS_TEXT_MIN = 256,
    ROWS_INDEX_MIN = 16,
};

static size_t rows_element(hist_type type)
{
    return type == HIST_TYPE_BOOL ? 1 : 8;
}

void hi_rows_init(hi_rows *rows, hi_mem *mem)
{
    *rows = (hi_rows){.mem = mem};
}

static void rows_free_column(hi_rows *rows, hi_rows_column *c)
{
    hi_mem_free(rows->mem, c->valid, (size_t)c->room / 8);
    hi_mem_free(rows->mem, c->data, c->room * rows_element(c->type));
    hi_mem_free(rows->mem, c->text, c->text_room);
    *c = (hi_rows_column){.column = c->column, .type = c->type};
}

/* Frees what a table holds for rows; its slot and those of its columns stay. */
static void rows_free_arrays(hi_rows *rows, hi_rows_table *t)
{
    hi_mem_free(rows->mem, t->series, t->room * sizeof(*t->series));
    hi_mem_free(rows->mem, t->times, t->room * sizeof(*t->times));
    t->series = NULL;
    t->times = NULL;
    t->room = 0;
    t->rows = 0;
    for (uint32_t i = 0; i < t->column_count; i++) {
        rows_free_column(rows, &t->columns[i]);
    }
}

void hi_rows_free(hi_rows *rows)
{
    for (uint32_t i = 0; i < rows->table_count; i++) {
        hi_rows_table *t = &rows->tables[i];

        rows_free_arrays(rows, t);
        hi_mem_free(rows->mem, t->columns, t->column_room * sizeof(*t->columns));
    }
    hi_mem_free(rows->mem, rows->tables, rows->table_room * sizeof(*rows->tables));
    hi_mem_free(rows->mem, rows->index, rows->index_room * sizeof(*rows->index));
    hi_rows_init(rows, rows->mem);
}

static void rows_clear_table(hi_rows_table *t)
{
    for (uint32_t i = 0; i < t->column_count; i++) {
        hi_rows_column *c = &t->columns[i];
        const uint32_t reach = t->rows < c->room ? t->rows : c->room;

        if (c->values > 0) {
            memset(c->valid, 0, ((size_t)reach + 63) / 64 * 8);
        }
        c->values = 0;
        c->text_size = 0;
    }
    t->rows = 0;
}

void hi_rows_clear(hi_rows *rows)
{
    for (uint32_t i = 0; i < rows->table_count; i++) {
        if (rows->tables[i].rows > 0) {
            rows_clear_table(&rows->tables[i]);
        }
    }
    rows->rows = 0;
    rows->bytes = 0;
}

static uint64_t rows_table_memory(const hi_rows_table *t)
{
    uint64_t bytes = t->room * (sizeof(*t->series) + sizeof(*t->times));

    for (uint32_t i = 0; i < t->column_count; i++) {
        const hi_rows_column *c = &t->columns[i];

        bytes += c->room / 8 + c->room * rows_element(c->type) + c->text_room;
    }
    return bytes;
}

void hi_rows_trim(hi_rows *rows, uint64_t keep)
{
    uint64_t held = 0;

    for (uint32_t i = 0; i < rows->table_count; i++) {
        held += rows_table_memory(&rows->tables[i]);
    }
    for (uint32_t i = 0; held > keep && i < rows->table_count; i++) {
        if (rows->tables[i].rows == 0) {
            held -= rows_table_memory(&rows->tables[i]);
            rows_free_arrays(rows, &rows->tables[i]);
        }
    }
}

/* ---- slots ---- */

static uint32_t rows_index_at(const hi_rows *rows, uint32_t table)
{
    const uint32_t mask = rows->index_room - 1;
    uint32_t at = (table * UINT32_C(2654435761)) & mask;

    while (rows->index[at] != 0 && rows->tables[rows->index[at] - 1].table != table) {
        at = (at + 1) & mask;
    }
    return at;
}

static bool rows_index_grow(hi_rows *rows)
{
    const uint32_t room = rows->index_room == 0 ? ROWS_INDEX_MIN : rows->index_room * 2;
    uint32_t *fresh = hi_mem_calloc(rows->mem, room, sizeof(*fresh));

    if (fresh == NULL) {
        return false;
    }
    hi_mem_free(rows->mem, rows->index, rows->index_room * sizeof(*rows->index));
    rows->index = fresh;
    rows->index_room = room;
    for (uint32_t i = 0; i < rows->table_count; i++) {
        rows->index[rows_index_at(rows, rows->tables[i].table)] = i + 1;
    }
    return true;
}

/* Room for one more element of an array that doubles; false: no memory, nothing changed. */
static bool rows_array_grow(hi_mem *mem, void **array, uint32_t *room, size_t size)
{
    const uint32_t more = *room == 0 ? 8 : *room * 2;
    void *fresh = hi_mem_realloc(mem, *array, *room * size, more * size);

    if (fresh == NULL) {
        return false;
    }
    *array = fresh;
    *room = more;
    return true;
}

uint32_t hi_rows_table_slot(hi_rows *rows, uint32_t table)
{
    if (rows->index_room > 0) {
        const uint32_t found = rows->index[rows_index_at(rows, table)];

        if (found != 0) {
            return found - 1;
        }
    }
    if (rows->table_count == rows->table_room &&
        !rows_array_grow(rows->mem, (void **)&rows->tables, &rows->table_room,
                         sizeof(*rows->tables))) {
        return HI_ROWS_NONE;
    }
    if ((rows->table_count + 1) * 2 > rows->index_room && !rows_index_grow(rows)) {
        return HI_ROWS_NONE;
    }
    rows->index[rows_index_at(rows, table)] = rows->table_count + 1;
    rows->tables[rows->table_count] = (hi_rows_table){.table = table};
    return rows->table_count++;
}

uint32_t hi_rows_column_slot(hi_rows *rows, uint32_t table_slot, uint32_t column, hist_type type)
{
    hi_rows_table *t = &rows->tables[table_slot];

    for (uint32_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].column == column) {
            return i;
        }
    }
    if (t->column_count == t->column_room &&
        !rows_array_grow(rows->mem, (void **)&t->columns, &t->column_room, sizeof(*t->columns))) {
        return HI_ROWS_NONE;
    }
    t->columns[t->column_count] = (hi_rows_column){.column = column, .type = type};
    return t->column_count++;
}

/* ---- growing ---- */

/* The next room that holds `needed` rows; 0: too many. */
static uint32_t rows_room_for(uint32_t room, uint32_t needed)
{
    uint64_t next = room < ROWS_ROOM_MIN ? ROWS_ROOM_MIN : room;

    while (next < needed) {
        next *= 2;
    }
    if (next > HI_ROWS_MAX) {
        return needed > HI_ROWS_MAX ? 0 : HI_ROWS_MAX;
    }
    return (uint32_t)next;
}

bool hi_rows_grow(hi_rows *rows, hi_rows_table *t, uint32_t rows_needed)
{
    const uint32_t room = rows_room_for(t->room, rows_needed);

    if (room <= t->room) {
        return room != 0;
    }
    uint32_t *series = hi_mem_alloc(rows->mem, room * sizeof(*series));
    int64_t *times = hi_mem_alloc(rows->mem, room * sizeof(*times));
    if (series == NULL || times == NULL) {
        hi_mem_free(rows->mem, series, room * sizeof(*series));
        hi_mem_free(rows->mem, times, room * sizeof(*times));
        return false;
    }
    if (t->rows > 0) {
        memcpy(series, t->series, t->rows * sizeof(*series));
        memcpy(times, t->times, t->rows * sizeof(*times));
    }
    hi_mem_free(rows->mem, t->series, t->room * sizeof(*series));
    hi_mem_free(rows->mem, t->times, t->room * sizeof(*times));
    t->series = series;
    t->times = times;
    t->room = room;
    return true;
}

bool hi_rows_column_grow(hi_rows *rows, hi_rows_column *c, uint32_t rows_needed)
{
    const uint32_t room = rows_room_for(c->room, rows_needed);
    const size_t element = rows_element(c->type);

    if (room <= c->room) {
        return room != 0;
    }
    uint64_t *valid = hi_mem_calloc(rows->mem, room / 64, sizeof(*valid));
    void *data = hi_mem_alloc(rows->mem, room * element);
    if (valid == NULL || data == NULL) {
        hi_mem_free(rows->mem, valid, (size_t)room / 8);
        hi_mem_free(rows->mem, data, room * element);
        return false;
    }
    if (c->room > 0) {
        memcpy(valid, c->valid, (size_t)c->room / 8);
        memcpy(data, c->data, c->room * element);
    }
    memset((char *)data + c->room * element, 0, (room - c->room) * element);
    hi_mem_free(rows->mem, c->valid, (size_t)c->room / 8);
    hi_mem_free(rows->mem, c->data, c->room * element);
    c->valid = valid;
    c->data = data;
    c->room = room;
    return true;
}

static bool rows_text_grow(hi_rows *rows, hi_rows_column *c, size_t size)
{
    const uint64_t needed = (uint64_t)c->text_size + size;
    uint64_t room = c->text_room < ROWS_TEXT_MIN ? ROWS_TEXT_MIN : c->text_room;

    while (room < needed) {
        room *= 2;
    }
    if (room > UINT32_MAX) {
        return false;
    }
    char *fresh = hi_mem_alloc(rows->mem, (size_t)room);
    if (fresh == NULL) {
        return false;
    }
    if (c->text_size > 0) {
        memcpy(fresh, c->text, c->text_size);
    }
    hi_mem_free(rows->mem, c->text, c->text_room);
    c->text = fresh;
    c->text_room = (uint32_t)room;
    return true;
}

bool hi_rows_add_text(hi_rows *rows, hi_rows_column *c, const char *data, size_t size)
{
    if (size > c->text_room - c->text_size && !rows_text_grow(rows, c, size)) {
        return false;
    }
    if (size > 0) {
        memcpy(c->text + c->text_size, data, size);
    }
    c->text_size += (uint32_t)size;
    return true;
}

/* Whether the row being built already has a value in this column. */
static bool rows_has_value(const hi_rows_table *t, const hi_rows_column *c)
{
    return t->rows < c->room && ((c->valid[t->rows >> 6] >> (t->rows & 63)) & 1) != 0;
}

bool hi_rows_set_text(hi_rows *rows, hi_rows_table *table, uint32_t slot, const char *data,
                      size_t size)
{
    hi_rows_column *c = &table->columns[slot];

    if (rows_has_value(table,
                       c)) { /* Given twice: the later text takes the place of the earlier. */
        c->text_size = ((hi_text_ref *)c->data)[table->rows].start;
    }
    const uint32_t start = c->text_size;
    if (!hi_rows_add_text(rows, c, data, size) || hi_rows_touch(rows, table, slot) == NULL) {
        return false;
    }
    ((hi_text_ref *)c->data)[table->rows] = (hi_text_ref){start, (uint32_t)size};
    rows->bytes += size + 6;
    return true;
}

void hi_rows_abandon(hi_rows *rows, hi_rows_table *table)
{
    const uint32_t row = table->rows;

    for (uint32_t i = 0; i < table->column_count; i++) {
        hi_rows_column *c = &table->columns[i];

        if (!rows_has_value(table, c)) {
            continue;
        }
        if (c->type == HIST_TYPE_STRING) {
            c->text_size = ((hi_text_ref *)c->data)[row].start;
        }
        c->valid[row >> 6] &= ~(UINT64_C(1) << (row & 63));
        c->values--;
    }
    rows->bytes = rows->row_bytes;
}
