/* slab.c -- storage of rows in arrival order; see slab.h. */
#include "store/slab.h"

#include <string.h>

static size_t slab_element(hist_type type)
{
    return type == HIST_TYPE_BOOL ? 1 : 8;
}

hi_slab *hi_slab_new(hi_mem *mem, uint32_t capacity)
{
    hi_slab *slab = HI_MEM_NEW(mem, hi_slab);

    if (slab == NULL) {
        return NULL;
    }
    slab->capacity = capacity;
    slab->series = hi_mem_alloc(mem, capacity * sizeof(*slab->series));
    slab->times = hi_mem_alloc(mem, capacity * sizeof(*slab->times));
    if (slab->series == NULL || slab->times == NULL) {
        hi_slab_free(mem, slab);
        return NULL;
    }
    slab->first_ns = INT64_MAX;
    slab->last_ns = INT64_MIN;
    slab->first_series = UINT32_MAX;
    atomic_init(&slab->order, NULL);
    return slab;
}

static size_t slab_valid_size(uint32_t capacity)
{
    return ((size_t)capacity + 63) / 64 * sizeof(uint64_t);
}

static void slab_free_column(hi_mem *mem, hi_slab_column *c, uint32_t capacity)
{
    hi_mem_free(mem, c->valid, slab_valid_size(capacity));
    hi_mem_free(mem, c->data, capacity * slab_element(c->type));
    for (unsigned k = 0; k < HI_SLAB_BLOCKS; k++) {
        hi_mem_free(mem, c->blocks[k], (size_t)1 << (HI_SLAB_BLOCK_BITS + k));
    }
    HI_MEM_DELETE(mem, c);
}

void hi_slab_free(hi_mem *mem, hi_slab *slab)
{
    if (slab == NULL) {
        return;
    }
    for (hi_slab_column *c = slab->columns, *next = NULL; c != NULL; c = next) {
        next = c->next;
        slab_free_column(mem, c, slab->capacity);
    }
    hi_slab_order_free(atomic_load(&slab->order));
    hi_mem_uncharge(mem, slab->order_bytes);
    hi_mem_free(mem, slab->series, slab->capacity * sizeof(*slab->series));
    hi_mem_free(mem, slab->times, slab->capacity * sizeof(*slab->times));
    HI_MEM_DELETE(mem, slab);
}

const hi_slab_column *hi_slab_find(const hi_slab_column *first, uint32_t count, uint32_t column)
{
    const hi_slab_column *c = first;

    for (uint32_t i = 0; i < count; i++, c = i < count ? c->next : NULL) {
        if (c->column == column) {
            return c;
        }
    }
    return NULL;
}

/* The appender's search. It goes on from the column found last, as batches keep their order. */
static hi_slab_column *slab_seek(const hi_slab *slab, hi_slab_column *after, uint32_t column)
{
    hi_slab_column *c = after != NULL && after->next != NULL ? after->next : slab->columns;

    for (uint32_t i = 0; i < slab->column_count; i++) {
        if (c->column == column) {
            return c;
        }
        c = c->next != NULL ? c->next : slab->columns;
    }
    return NULL;
}

static hi_slab_column *slab_add_column(hi_mem *mem, hi_slab *slab, const hi_rows_column *from)
{
    hi_slab_column *c = HI_MEM_NEW(mem, hi_slab_column);

    if (c == NULL) {
        return NULL;
    }
    c->column = from->column;
    c->type = from->type;
    c->valid = hi_mem_calloc(mem, 1, slab_valid_size(slab->capacity));
    c->data = hi_mem_calloc(mem, slab->capacity, slab_element(c->type));
    if (c->valid == NULL || c->data == NULL) {
        slab_free_column(mem, c, slab->capacity);
        return NULL;
    }
    if (slab->last_column == NULL) {
        slab->columns = c;
    } else {
        slab->last_column->next = c;
    }
    slab->last_column = c;
    slab->column_count++;
    return c;
}

/* ---- text ---- */

static unsigned slab_block_of(uint32_t start)
{
    return 31 - (unsigned)__builtin_clz((start >> HI_SLAB_BLOCK_BITS) + 1);
}

static uint64_t slab_block_end(unsigned block)
{
    return ((UINT64_C(1) << (block + 1)) - 1) << HI_SLAB_BLOCK_BITS;
}

/* Where text of this size goes when `end` is used up to now. At most HIST_STRING_BYTES_MAX fit a block of
   64 KiB, so few blocks are passed over. */
static uint64_t slab_place(uint64_t end, uint32_t size)
{
    unsigned block = slab_block_of((uint32_t)end);

    while (end + size > slab_block_end(block)) {
        end = slab_block_end(block);
        block++;
    }
    return end;
}

/* Rows of the range that lie inside the column's arrays. */
static uint32_t slab_reach(const hi_rows_column *c, uint32_t from, uint32_t count)
{
    if (from >= c->room) {
        return 0;
    }
    return count < c->room - from ? count : c->room - from;
}

static bool slab_batch_bit(const hi_rows_column *c, uint32_t row)
{
    return ((c->valid[row >> 6] >> (row & 63)) & 1) != 0;
}

static bool slab_prepare_text(hi_mem *mem, hi_slab_column *c, const hi_rows_column *from,
                              uint32_t first, uint32_t count)
{
    const hi_text_ref *refs = from->data;
    uint64_t end = c->text_end;

    for (uint32_t row = first; row < first + count; row++) {
        if (!slab_batch_bit(from, row)) {
            continue;
        }
        const uint64_t start = slab_place(end, refs[row].size);
        end = start + refs[row].size;
        if (end > slab_block_end(HI_SLAB_BLOCKS - 2)) {
            return false;
        }
        const unsigned block = slab_block_of((uint32_t)start);
        if (c->blocks[block] == NULL) {
            c->blocks[block] = hi_mem_alloc(mem, (size_t)1 << (HI_SLAB_BLOCK_BITS + block));
            if (c->blocks[block] == NULL) {
                return false;
            }
        }
    }
    return true;
}

static void slab_append_text(hi_slab_column *c, uint32_t to, const hi_rows_column *from,
                             uint32_t first, uint32_t count)
{
    const hi_text_ref *refs = from->data;
    hi_text_ref *out = c->data;

    for (uint32_t i = 0; i < count; i++) {
        if (!slab_batch_bit(from, first + i)) {
            continue;
        }
        const hi_text_ref ref = refs[first + i];
        const uint32_t start = (uint32_t)slab_place(c->text_end, ref.size);
        out[to + i] = (hi_text_ref){start, ref.size};
        if (ref.size > 0) {
            char *at = (char *)hi_slab_text(c, start);

            memcpy(at, from->text + ref.start, ref.size);
        }
        c->text_end = start + ref.size;
    }
}

/* ---- rows ---- */

/*
 * A flush sorts what is in memory, and must not find then that there is none left for it. So the order
 * is charged as the slab grows: a number for each row, a run for each series it may have.
 */
static bool slab_charge_order(hi_mem *mem, hi_slab *slab, const hi_rows_table *rows, uint32_t from,
                              uint32_t count)
{
    const uint64_t rows_then = (uint64_t)slab->rows + count;
    uint32_t first = slab->first_series;
    uint32_t last = slab->last_series;

    for (uint32_t i = from; i < from + count; i++) {
        first = rows->series[i] < first ? rows->series[i] : first;
        last = rows->series[i] > last ? rows->series[i] : last;
    }
    const uint64_t series = (uint64_t)last - first + 1;
    const uint64_t bytes =
        rows_then * sizeof(uint32_t) + (series < rows_then ? series : rows_then) * sizeof(hi_run);
    if (bytes > slab->order_bytes) {
        if (!hi_mem_charge(mem, bytes - slab->order_bytes)) {
            return false;
        }
        slab->order_bytes = bytes;
    }
    slab->first_series = first;
    slab->last_series = last;
    return true;
}

void hi_slab_order_made(hi_mem *mem, hi_slab *slab)
{
    hi_mem_uncharge(mem, slab->order_bytes);
    slab->order_bytes = 0;
}

bool hi_slab_prepare(hi_mem *mem, hi_slab *slab, const hi_rows_table *rows, uint32_t from,
                     uint32_t count)
{
    hi_slab_column *c = NULL;

    if (count > 0 && !slab_charge_order(mem, slab, rows, from, count)) {
        return false;
    }

    for (uint32_t i = 0; i < rows->column_count; i++) {
        const hi_rows_column *source = &rows->columns[i];
        const uint32_t reach = slab_reach(source, from, count);

        if (source->values == 0 || reach == 0) {
            continue;
        }
        hi_slab_column *found = slab_seek(slab, c, source->column);
        c = found != NULL ? found : slab_add_column(mem, slab, source);
        if (c == NULL) {
            return false;
        }
        if (c->type == HIST_TYPE_STRING && !slab_prepare_text(mem, c, source, from, reach)) {
            return false;
        }
    }
    return true;
}

static void slab_or(_Atomic uint64_t *word, uint64_t bits)
{
    atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) | bits,
                          memory_order_relaxed);
}

static void slab_append_valid(hi_slab_column *c, uint32_t to, const uint64_t *valid, uint32_t first,
                              uint32_t count)
{
    for (uint32_t done = 0; done < count;) {
        const uint32_t at = first + done;
        const uint32_t n = count - done < 64 - (at & 63) ? count - done : 64 - (at & 63);
        const uint64_t mask = n == 64 ? UINT64_MAX : (UINT64_C(1) << n) - 1;
        const uint64_t bits = (valid[at >> 6] >> (at & 63)) & mask;
        const uint32_t out = to + done;

        if (bits != 0) {
            slab_or(&c->valid[out >> 6], bits << (out & 63));
            if ((out & 63) != 0 && bits >> (64 - (out & 63)) != 0) {
                slab_or(&c->valid[(out >> 6) + 1], bits >> (64 - (out & 63)));
            }
        }
        done += n;
    }
}

static void slab_append_column(hi_slab_column *c, uint32_t to, const hi_rows_column *source,
                               uint32_t from, uint32_t count)
{
    const size_t element = slab_element(c->type);

    slab_append_valid(c, to, source->valid, from, count);
    if (c->type == HIST_TYPE_STRING) {
        slab_append_text(c, to, source, from, count);
    } else {
        memcpy((char *)c->data + to * element, (const char *)source->data + from * element,
               count * element);
    }
}

void hi_slab_append(hi_slab *slab, const hi_rows_table *rows, uint32_t from, uint32_t count,
                    uint64_t seq)
{
    const uint32_t to = slab->rows;
    hi_slab_column *c = NULL;

    memcpy(slab->series + to, rows->series + from, count * sizeof(*slab->series));
    memcpy(slab->times + to, rows->times + from, count * sizeof(*slab->times));
    for (uint32_t i = 0; i < rows->column_count; i++) {
        const hi_rows_column *source = &rows->columns[i];
        const uint32_t reach = slab_reach(source, from, count);

        if (source->values > 0 && reach > 0) {
            c = slab_seek(slab, c, source->column);
            slab_append_column(c, to, source, from, reach);
            slab->sealed |= c->text_end > HI_SLAB_TEXT_MAX;
        }
    }
    for (uint32_t i = 0; i < count; i++) {
        const int64_t t = rows->times[from + i];

        slab->first_ns = t < slab->first_ns ? t : slab->first_ns;
        slab->last_ns = t > slab->last_ns ? t : slab->last_ns;
    }
    if (to == 0) { /* Readers look at it while the slab grows. */
        slab->seq_low = seq;
    }
    slab->seq_high = seq;
    slab->rows = to + count;
}
