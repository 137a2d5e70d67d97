/* walrec.c -- records of a WAL batch; see walrec.h. Bytes: catalog.md. */
#include "store/walrec.h"

#include <string.h>

enum {
    WALREC_VALID_FULL = 0,   /* Every row has a value. */
    WALREC_VALID_BITMAP = 1, /* (rows + 7) / 8 bytes. */
    WALREC_VALID_LIST = 2,   /* Gaps between the rows that have one, varints. */

    WALREC_RAW = 0,    /* 8 bytes a value. */
    WALREC_VARINT = 1, /* Zigzag varints of the differences to the value before. */
    WALREC_BITS = 2,   /* Bools. */
    WALREC_TEXT = 3,   /* Sizes as varints, then the text. */

    WALREC_DELETE_ALL = 0,
    WALREC_DELETE_SERIES = 1,
};

#define WALREC_LITTLE (__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)

bool hi_walrec_next(hi_reader *reader, hi_walrec *record_out)
{
    if (reader->failed || hi_reader_left(reader) == 0) {
        return false;
    }
    record_out->type = hi_read_u8(reader);
    record_out->size = hi_read_u32(reader);
    record_out->body = hi_read_bytes(reader, record_out->size);
    return !reader->failed;
}

size_t hi_walrec_begin(hi_buf *out, hi_walrec_type type)
{
    const size_t head = out->size;

    hi_buf_byte(out, (uint8_t)type);
    hi_buf_u32(out, 0);
    return head;
}

void hi_walrec_end(hi_buf *out, size_t head)
{
    if (!hi_buf_ok(out)) {
        return;
    }
    const size_t size = out->size - head - HI_WALREC_HEAD;
    if (size > UINT32_MAX) {
        out->failed = true;
        return;
    }
    hi_put_u32((uint8_t *)out->data + head + 1, (uint32_t)size);
}

/* ---- rows: encoding ---- */

static bool walrec_bit(const uint64_t *bits, uint32_t i)
{
    return ((bits[i >> 6] >> (i & 63)) & 1) != 0;
}

/* Runs of one series: their number of rows and the id. Batches mostly come in runs or round-robin. */
static void walrec_put_series(const hi_rows_table *t, hi_buf *out)
{
    int64_t before = 0;

    for (uint32_t i = 0; i < t->rows;) {
        uint32_t end = i + 1;

        while (end < t->rows && t->series[end] == t->series[i]) {
            end++;
        }
        uint8_t *to = (uint8_t *)hi_buf_reserve(out, 2 * HI_VARINT_SIZE_MAX);
        if (to == NULL) {
            return;
        }
        /* The lowest bit says whether a row count follows: a run of one costs one varint. */
        const uint64_t step = hi_zigzag((int64_t)t->series[i] - before);
        size_t used = hi_put_varint(to, step << 1 | (end - i > 1));
        if (end - i > 1) {
            used += hi_put_varint(to + used, end - i);
        }
        out->size += used;
        before = t->series[i];
        i = end;
    }
}

/* Differences of differences: regular sampling gives zeroes. Wraps around, so any times will do. */
static void walrec_put_times(const hi_rows_table *t, hi_buf *out)
{
    uint64_t before = 0;
    uint64_t step = 0;
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, (size_t)t->rows * HI_VARINT_SIZE_MAX);

    if (to == NULL) {
        return;
    }
    size_t used = 0;
    for (uint32_t i = 0; i < t->rows; i++) {
        const uint64_t now = (uint64_t)t->times[i] - before;

        used += hi_put_varint(to + used, hi_zigzag((int64_t)(now - step)));
        step = now;
        before = (uint64_t)t->times[i];
    }
    out->size += used;
}

static size_t walrec_varint_size(uint64_t v)
{
    return v == 0 ? 1 : (size_t)(70 - __builtin_clzll(v)) / 7;
}

/* Bytes of the rows that have a value as a list of gaps. */
static size_t walrec_list_size(const hi_rows_column *c, uint32_t rows)
{
    size_t size = walrec_varint_size(c->values);
    uint32_t next = 0;

    for (uint32_t w = 0; w < (rows + 63) / 64 && w < c->room / 64; w++) {
        for (uint64_t bits = c->valid[w]; bits != 0; bits &= bits - 1) {
            const uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(bits);

            size += walrec_varint_size(row - next);
            next = row + 1;
        }
    }
    return size;
}

static void walrec_put_list(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    uint32_t next = 0;

    hi_buf_varint(out, c->values);
    for (uint32_t w = 0; w < (rows + 63) / 64 && w < c->room / 64; w++) {
        for (uint64_t bits = c->valid[w]; bits != 0; bits &= bits - 1) {
            const uint32_t row = w * 64 + (uint32_t)__builtin_ctzll(bits);

            hi_buf_varint(out, row - next);
            next = row + 1;
        }
    }
}

static void walrec_put_valid(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    const size_t bitmap = ((size_t)rows + 7) / 8;

    if (c->values == rows) {
        hi_buf_byte(out, WALREC_VALID_FULL);
        return;
    }
    if (c->values < bitmap && walrec_list_size(c, rows) < bitmap) {
        hi_buf_byte(out, WALREC_VALID_LIST);
        walrec_put_list(c, rows, out);
        return;
    }
    hi_buf_byte(out, WALREC_VALID_BITMAP);
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, bitmap);
    for (size_t i = 0; to != NULL && i < bitmap; i++) {
        to[i] = (uint8_t)(i / 8 < c->room / 64 ? c->valid[i / 8] >> (8 * (i % 8)) : 0);
    }
    out->size += to != NULL ? bitmap : 0;
}

/* Calls for each row that has a value. */
#define WALREC_EACH(c, rows, row)                                  \
    for (uint32_t row = 0; row < (rows) && row < (c)->room; row++) \
        if (walrec_bit((c)->valid, row))

static void walrec_put_raw(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, (size_t)c->values * 8);
    const uint64_t *data = c->data;
    size_t used = 0;

    if (to == NULL) {
        return;
    }
    if (WALREC_LITTLE && c->values == rows) {
        memcpy(to, data, (size_t)rows * 8);
        out->size += (size_t)rows * 8;
        return;
    }
    WALREC_EACH(c, rows, row)
    {
        hi_put_u64(to + used, data[row]);
        used += 8;
    }
    out->size += used;
}

static void walrec_put_numbers(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    const uint64_t *data = c->data;
    uint64_t before = 0;
    size_t varints = 0;

    if (c->type != HIST_TYPE_REAL) {
        WALREC_EACH(c, rows, row)
        {
            varints += walrec_varint_size(hi_zigzag((int64_t)(data[row] - before)));
            before = data[row];
        }
    }
    if (varints == 0 || varints >= (size_t)c->values * 8) {
        hi_buf_byte(out, WALREC_RAW);
        walrec_put_raw(c, rows, out);
        return;
    }
    hi_buf_byte(out, WALREC_VARINT);
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, varints);
    if (to == NULL) {
        return;
    }
    size_t used = 0;
    before = 0;
    WALREC_EACH(c, rows, row)
    {
        used += hi_put_varint(to + used, hi_zigzag((int64_t)(data[row] - before)));
        before = data[row];
    }
    out->size += used;
}

static void walrec_put_bits(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    const size_t size = ((size_t)c->values + 7) / 8;
    const uint8_t *data = c->data;
    uint8_t *to = (uint8_t *)hi_buf_reserve(out, size + 1);
    uint32_t n = 0;

    if (to == NULL) {
        return;
    }
    to[0] = WALREC_BITS;
    memset(to + 1, 0, size);
    WALREC_EACH(c, rows, row)
    {
        to[1 + n / 8] |= (uint8_t)(data[row] << (n % 8));
        n++;
    }
    out->size += size + 1;
}

static void walrec_put_text(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    const hi_text_ref *data = c->data;

    hi_buf_byte(out, WALREC_TEXT);
    WALREC_EACH(c, rows, row)
    {
        hi_buf_varint(out, data[row].size);
    }
    WALREC_EACH(c, rows, row)
    {
        hi_buf_append(out, c->text + data[row].start, data[row].size);
    }
}

static void walrec_put_column(const hi_rows_column *c, uint32_t rows, hi_buf *out)
{
    hi_buf_varint(out, c->column);
    hi_buf_byte(out, (uint8_t)c->type);
    walrec_put_valid(c, rows, out);
    switch (c->type) {
    case HIST_TYPE_BOOL:
        walrec_put_bits(c, rows, out);
        break;
    case HIST_TYPE_STRING:
        walrec_put_text(c, rows, out);
        break;
    default:
        walrec_put_numbers(c, rows, out);
        break;
    }
}

static void walrec_put_table(const hi_rows_table *t, hi_buf *out)
{
    const size_t head = hi_walrec_begin(out, HI_WALREC_ROWS);
    uint32_t columns = 0;

    for (uint32_t i = 0; i < t->column_count; i++) {
        columns += t->columns[i].values > 0;
    }
    hi_buf_varint(out, t->table);
    hi_buf_varint(out, t->rows);
    walrec_put_series(t, out);
    walrec_put_times(t, out);
    hi_buf_varint(out, columns);
    for (uint32_t i = 0; i < t->column_count; i++) {
        if (t->columns[i].values > 0) {
            walrec_put_column(&t->columns[i], t->rows, out);
        }
    }
    hi_walrec_end(out, head);
}

void hi_walrec_encode_rows(const hi_rows *rows, hi_buf *out)
{
    for (uint32_t i = 0; i < rows->table_count; i++) {
        if (rows->tables[i].rows > 0) {
            walrec_put_table(&rows->tables[i], out);
        }
    }
}

/* ---- rows: decoding ---- */

/* Where the rows of one record go: rows [first, first + rows) of a table. */
typedef struct walrec_target {
    hi_rows *rows;
    uint32_t slot;
    uint32_t first;
    uint32_t count;
} walrec_target;

static bool walrec_get_series(hi_reader *r, uint32_t *series, uint32_t rows)
{
    int64_t id = 0;

    for (uint32_t i = 0; i < rows;) {
        const uint64_t head = hi_read_varint(r);
        const int64_t step = hi_unzigzag(head >> 1);
        const uint64_t run = (head & 1) != 0 ? hi_read_varint(r) : 1;

        if (r->failed || step > UINT32_MAX || step < -(int64_t)UINT32_MAX || run == 0 ||
            run > rows - i) {
            return false;
        }
        id += step;
        if (id < 1 || id > UINT32_MAX) {
            return false;
        }
        for (uint64_t k = 0; k < run; k++) {
            series[i++] = (uint32_t)id;
        }
    }
    return true;
}

static bool walrec_get_times(hi_reader *r, int64_t *times, uint32_t rows)
{
    uint64_t before = 0;
    uint64_t step = 0;

    for (uint32_t i = 0; i < rows; i++) {
        step += (uint64_t)hi_read_svarint(r);
        before += step;
        times[i] = (int64_t)before;
        r->failed |= times[i] < HIST_TIME_MIN;
    }
    return !r->failed;
}

static void walrec_set_bit(uint64_t *bits, uint32_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}

static bool walrec_get_list(hi_reader *r, const walrec_target *to, uint64_t *valid,
                            uint32_t *values)
{
    const uint64_t count = hi_read_varint(r);
    uint64_t next = 0;

    if (r->failed || count == 0 || count > to->count) {
        return false;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t gap = hi_read_varint(r);

        if (r->failed || gap >= to->count - next) {
            return false;
        }
        walrec_set_bit(valid, to->first + (uint32_t)(next + gap));
        next += gap + 1;
    }
    *values = (uint32_t)count;
    return true;
}

static bool walrec_get_bitmap(hi_reader *r, const walrec_target *to, uint64_t *valid,
                              uint32_t *values)
{
    const uint8_t *bits = hi_read_bytes(r, ((size_t)to->count + 7) / 8);
    uint32_t n = 0;

    if (bits == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < to->count; i++) {
        if ((bits[i / 8] >> (i % 8) & 1) != 0) {
            walrec_set_bit(valid, to->first + i);
            n++;
        }
    }
    *values = n;
    return n > 0;
}

/* Sets the validity bits of the new rows. */
static bool walrec_get_valid(hi_reader *r, const walrec_target *to, uint64_t *valid,
                             uint32_t *values)
{
    switch (hi_read_u8(r)) {
    case WALREC_VALID_FULL:
        if (r->failed) {
            return false;
        }
        for (uint32_t i = 0; i < to->count; i++) {
            walrec_set_bit(valid, to->first + i);
        }
        *values = to->count;
        return true;
    case WALREC_VALID_BITMAP:
        return walrec_get_bitmap(r, to, valid, values);
    case WALREC_VALID_LIST:
        return walrec_get_list(r, to, valid, values);
    default:
        return false;
    }
}

/* The rows of the target that have a value. */
#define WALREC_EACH_NEW(to, c, row)                                          \
    for (uint32_t row = (to)->first; row < (to)->first + (to)->count; row++) \
        if (walrec_bit((c)->valid, row))

static bool walrec_get_numbers(hi_reader *r, const walrec_target *to, hi_rows_column *c,
                               uint32_t values, uint8_t how)
{
    uint64_t *data = c->data;

    if (how == WALREC_RAW) {
        const uint8_t *from = hi_read_bytes(r, (size_t)values * 8);

        if (from == NULL) {
            return false;
        }
        if (WALREC_LITTLE && values == to->count) {
            memcpy(data + to->first, from, (size_t)values * 8);
            return true;
        }
        WALREC_EACH_NEW(to, c, row)
        {
            data[row] = hi_get_u64(from);
            from += 8;
        }
        return true;
    }
    uint64_t before = 0;
    WALREC_EACH_NEW(to, c, row)
    {
        before += (uint64_t)hi_read_svarint(r);
        data[row] = before;
    }
    return how == WALREC_VARINT && c->type != HIST_TYPE_REAL && !r->failed;
}

static bool walrec_get_bits(hi_reader *r, const walrec_target *to, hi_rows_column *c,
                            uint32_t values)
{
    const uint8_t *bits = hi_read_bytes(r, ((size_t)values + 7) / 8);
    uint8_t *data = c->data;
    uint32_t n = 0;

    if (bits == NULL) {
        return false;
    }
    WALREC_EACH_NEW(to, c, row)
    {
        data[row] = (bits[n / 8] >> (n % 8)) & 1;
        n++;
    }
    return true;
}

/* Sizes first (kept in the references), then one copy of all text. */
static hist_status walrec_get_text(hi_reader *r, const walrec_target *to, hi_rows_column *c)
{
    hi_text_ref *data = c->data;
    uint64_t total = 0;

    WALREC_EACH_NEW(to, c, row)
    {
        const uint64_t size = hi_read_varint(r);

        if (r->failed || size > HIST_STRING_BYTES_MAX || c->text_size + total + size > UINT32_MAX) {
            return HIST_ECORRUPT;
        }
        data[row] = (hi_text_ref){(uint32_t)(c->text_size + total), (uint32_t)size};
        total += size;
    }
    const uint8_t *text = hi_read_bytes(r, (size_t)total);
    if (text == NULL) {
        return HIST_ECORRUPT;
    }
    if (!hi_rows_add_text(to->rows, c, (const char *)text, (size_t)total)) {
        return HIST_ENOMEM;
    }
    return HIST_OK;
}

static bool walrec_type_known(uint8_t type)
{
    return type == HIST_TYPE_BOOL || type == HIST_TYPE_LONG || type == HIST_TYPE_REAL ||
           type == HIST_TYPE_STRING || type == HIST_TYPE_DATETIME;
}

static hist_status walrec_get_values(hi_reader *r, const walrec_target *to, hi_rows_column *c)
{
    uint32_t values = 0;

    if (!walrec_get_valid(r, to, c->valid, &values)) {
        return HIST_ECORRUPT;
    }
    c->values += values;
    const uint8_t how = hi_read_u8(r);
    if (c->type == HIST_TYPE_STRING) {
        return how == WALREC_TEXT ? walrec_get_text(r, to, c) : HIST_ECORRUPT;
    }
    if (c->type == HIST_TYPE_BOOL) {
        return how == WALREC_BITS && walrec_get_bits(r, to, c, values) ? HIST_OK : HIST_ECORRUPT;
    }
    return walrec_get_numbers(r, to, c, values, how) ? HIST_OK : HIST_ECORRUPT;
}

static hist_status walrec_get_column(hi_reader *r, const walrec_target *to)
{
    const uint64_t id = hi_read_varint(r);
    const uint8_t type = hi_read_u8(r);

    if (r->failed || id == 0 || id >= HI_COLUMN_SEQ || !walrec_type_known(type)) {
        return HIST_ECORRUPT;
    }
    const uint32_t slot = hi_rows_column_slot(to->rows, to->slot, (uint32_t)id, type);
    if (slot == HI_ROWS_NONE) {
        return HIST_ENOMEM;
    }
    hi_rows_column *c = &to->rows->tables[to->slot].columns[slot];
    if (c->type != (hist_type)type) {
        return HIST_ECORRUPT;
    }
    if (!hi_rows_column_grow(to->rows, c, to->first + to->count)) {
        return HIST_ENOMEM;
    }
    /* A column given twice in one record would count its values twice. */
    WALREC_EACH_NEW(to, c, row)
    {
        return HIST_ECORRUPT;
    }
    return walrec_get_values(r, to, c);
}

static hist_status walrec_get_columns(hi_reader *r, const walrec_target *to)
{
    const uint64_t columns = hi_read_varint(r);

    /* Each takes at least five bytes. */
    if (r->failed || columns > hi_reader_left(r) / 5) {
        return HIST_ECORRUPT;
    }
    for (uint64_t i = 0; i < columns; i++) {
        HI_TRY(walrec_get_column(r, to));
    }
    return hi_reader_left(r) == 0 ? HIST_OK : HIST_ECORRUPT;
}

hist_status hi_walrec_decode_rows(const hi_walrec *record, hi_rows *rows)
{
    hi_reader r = hi_reader_of(record->body, record->size);
    const uint64_t table = hi_read_varint(&r);
    const uint64_t count = hi_read_varint(&r);

    /* A row has a time of at least one byte, so hostile counts cannot ask for much memory. */
    if (r.failed || record->type != HI_WALREC_ROWS || table == 0 || table > UINT32_MAX ||
        count == 0 || count > hi_reader_left(&r) || count > HI_ROWS_MAX) {
        return HIST_ECORRUPT;
    }
    walrec_target to = {.rows = rows, .count = (uint32_t)count};
    to.slot = hi_rows_table_slot(rows, (uint32_t)table);
    if (to.slot == HI_ROWS_NONE) {
        return HIST_ENOMEM;
    }
    hi_rows_table *t = &rows->tables[to.slot];
    to.first = t->rows;
    if (to.count > HI_ROWS_MAX - t->rows || !hi_rows_grow(rows, t, t->rows + to.count)) {
        return HIST_ENOMEM;
    }
    if (!walrec_get_series(&r, t->series + to.first, to.count) ||
        !walrec_get_times(&r, t->times + to.first, to.count)) {
        return HIST_ECORRUPT;
    }
    t->rows += to.count;
    rows->rows += to.count;
    rows->bytes += record->size;
    return walrec_get_columns(&r, &to);
}

/* ---- delete ---- */

void hi_walrec_encode_delete(const hi_tombstone *tombstone, hi_buf *out)
{
    const size_t head = hi_walrec_begin(out, HI_WALREC_DELETE);
    uint32_t before = 0;

    hi_buf_varint(out, tombstone->table);
    hi_buf_u64(out, (uint64_t)tombstone->from_ns);
    hi_buf_u64(out, (uint64_t)tombstone->to_ns);
    if (tombstone->series == NULL) {
        hi_buf_byte(out, WALREC_DELETE_ALL);
    } else {
        hi_buf_byte(out, WALREC_DELETE_SERIES);
        hi_buf_varint(out, tombstone->series_count);
        for (uint32_t i = 0; i < tombstone->series_count; i++) {
            hi_buf_varint(out, tombstone->series[i] - before);
            before = tombstone->series[i];
        }
    }
    hi_walrec_end(out, head);
}

static hist_status walrec_get_delete_series(hi_reader *r, hi_arena *arena, hi_tombstone *tombstone)
{
    const uint64_t count = hi_read_varint(r);
    uint64_t id = 0;

    if (r->failed || count > hi_reader_left(r)) {
        return HIST_ECORRUPT;
    }
    uint32_t *series = hi_arena_alloc(arena, (size_t)count * sizeof(*series));
    if (series == NULL) {
        return HIST_ENOMEM;
    }
    for (uint64_t i = 0; i < count; i++) {
        const uint64_t step = hi_read_varint(r);

        if (r->failed || step == 0 || step > UINT32_MAX - id) {
            return HIST_ECORRUPT;
        }
        id += step;
        series[i] = (uint32_t)id;
    }
    tombstone->series = series;
    tombstone->series_count = (uint32_t)count;
    return HIST_OK;
}

hist_status hi_walrec_decode_delete(const hi_walrec *record, uint64_t seq, hi_arena *arena,
                                    hi_tombstone *tombstone_out)
{
    hi_reader r = hi_reader_of(record->body, record->size);
    const uint64_t table = hi_read_varint(&r);

    *tombstone_out = (hi_tombstone){.seq = seq, .table = (uint32_t)table};
    tombstone_out->from_ns = (int64_t)hi_read_u64(&r);
    tombstone_out->to_ns = (int64_t)hi_read_u64(&r);
    const uint8_t what = hi_read_u8(&r);
    if (r.failed || record->type != HI_WALREC_DELETE || table == 0 || table > UINT32_MAX ||
        what > WALREC_DELETE_SERIES) {
        return HIST_ECORRUPT;
    }
    if (what == WALREC_DELETE_SERIES) {
        HI_TRY(walrec_get_delete_series(&r, arena, tombstone_out));
    }
    return hi_reader_left(&r) == 0 ? HIST_OK : HIST_ECORRUPT;
}
