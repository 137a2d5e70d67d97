/* rowset.c -- batches built from JSON values; see rowset.h. */
#include "histcli/rowset.h"

#include <math.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "base/timefmt.h"

typedef struct rowset_column {
    hi_buf data;    /* Elements, or the bytes of texts. */
    hi_buf offsets; /* int32, texts only. */
    uint64_t valid[ROWSET_ROWS / 64];
    uint64_t bits[ROWSET_ROWS / 64]; /* Values of bools. */
    bool nulls;
} rowset_column;

struct rowset {
    hi_mem *mem;
    const hist_column_info *infos;
    uint32_t count;
    uint32_t rows;
    size_t bytes;
    rowset_column *columns;
    hist_column *views;
    hist_batch batch;
};

hist_type rowset_type_of(hist_str name)
{
    static const struct {
        const char *name;
        hist_type type;
    } types[] = {
        {"bool", HIST_TYPE_BOOL},          {"boolean", HIST_TYPE_BOOL},
        {"SByte", HIST_TYPE_BOOL},         {"int", HIST_TYPE_INT},
        {"Int32", HIST_TYPE_INT},          {"long", HIST_TYPE_LONG},
        {"Int64", HIST_TYPE_LONG},         {"real", HIST_TYPE_REAL},
        {"double", HIST_TYPE_REAL},        {"decimal", HIST_TYPE_DECIMAL},
        {"SqlDecimal", HIST_TYPE_DECIMAL}, {"string", HIST_TYPE_STRING},
        {"datetime", HIST_TYPE_DATETIME},  {"timespan", HIST_TYPE_TIMESPAN},
        {"guid", HIST_TYPE_GUID},          {"dynamic", HIST_TYPE_DYNAMIC},
        {"Object", HIST_TYPE_DYNAMIC},
    };
    const size_t dot = name.size > 7 && memcmp(name.data, "System.", 7) == 0 ? 7 : 0;

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        const size_t size = strlen(types[i].name);
        bool same = size == name.size - dot;

        for (size_t k = 0; same && k < size; k++) {
            same = (types[i].name[k] | 0x20) == (name.data[dot + k] | 0x20);
        }
        if (same) {
            return types[i].type;
        }
    }
    return (hist_type)0;
}

rowset *rowset_new(hi_mem *mem, const hist_column_info *columns, uint32_t count)
{
    rowset *r = HI_MEM_NEW(mem, rowset);

    if (r == NULL) {
        return NULL;
    }
    r->mem = mem;
    r->infos = columns;
    r->count = count;
    r->columns = hi_mem_calloc(mem, count, sizeof(*r->columns));
    r->views = hi_mem_calloc(mem, count, sizeof(*r->views));
    if (r->columns == NULL || r->views == NULL) {
        rowset_free(r);
        return NULL;
    }
    for (uint32_t i = 0; i < count; i++) {
        hi_buf_init(&r->columns[i].data, mem, INT32_MAX);
        hi_buf_init(&r->columns[i].offsets, mem, (ROWSET_ROWS + 1) * sizeof(int32_t));
    }
    rowset_clear(r);
    return r;
}

void rowset_free(rowset *r)
{
    if (r == NULL) {
        return;
    }
    for (uint32_t i = 0; r->columns != NULL && i < r->count; i++) {
        hi_buf_free(&r->columns[i].data);
        hi_buf_free(&r->columns[i].offsets);
    }
    hi_mem_free(r->mem, r->columns, r->count * sizeof(*r->columns));
    hi_mem_free(r->mem, r->views, r->count * sizeof(*r->views));
    HI_MEM_DELETE(r->mem, r);
}

static bool rowset_is_text(hist_type type)
{
    return type == HIST_TYPE_STRING || type == HIST_TYPE_DYNAMIC;
}

void rowset_clear(rowset *r)
{
    const int32_t zero = 0;

    r->rows = 0;
    r->bytes = 0;
    for (uint32_t i = 0; i < r->count; i++) {
        rowset_column *c = &r->columns[i];

        hi_buf_clear(&c->data);
        hi_buf_clear(&c->offsets);
        hi_buf_append(&c->offsets, &zero, sizeof(zero));
        memset(c->valid, 0, sizeof(c->valid));
        memset(c->bits, 0, sizeof(c->bits));
        c->nulls = false;
    }
}

bool rowset_is_full(const rowset *r)
{
    return r->rows == ROWSET_ROWS || r->bytes >= ROWSET_BYTES;
}

/* ---- values ---- */

static bool rowset_time(hist_type type, hi_dyn value, int64_t *out)
{
    const hist_str text = hi_dyn_str(value);

    if (hi_dyn_tag_of(value) != HI_DYN_STRING) {
        return false;
    }
    return (type == HIST_TYPE_DATETIME ? hi_time_parse(text.data, text.size, out)
                                       : hi_span_parse(text.data, text.size, out)) != HI_TIME_BAD;
}

static bool rowset_integer(hi_dyn value, int64_t *out)
{
    const hist_str text = hi_dyn_str(value);

    switch (hi_dyn_tag_of(value)) {
    case HI_DYN_LONG:
    case HI_DYN_INT:
    case HI_DYN_TRUE:
    case HI_DYN_FALSE:
        *out = hi_dyn_i64(value);
        return true;
    case HI_DYN_STRING:
        return hi_num_parse_i64(text.data, text.size, out);
    default:
        return false;
    }
}

static bool rowset_real(hi_dyn value, double *out)
{
    static const struct {
        const char *name;
        double value;
    } words[] = {
        {"NaN", (double)NAN}, {"Infinity", (double)INFINITY}, {"-Infinity", -(double)INFINITY}};
    const hist_str text = hi_dyn_str(value);

    if (hi_dyn_tag_of(value) != HI_DYN_STRING) {
        return hi_dyn_number(value, out);
    }
    for (size_t i = 0; i < 3; i++) {
        if (text.size == strlen(words[i].name) &&
            memcmp(text.data, words[i].name, text.size) == 0) {
            *out = words[i].value;
            return true;
        }
    }
    return hi_num_parse_double(text.data, text.size, out);
}

static int rowset_hex(char c)
{
    const char lower = (char)(c | 0x20);

    return c >= '0' && c <= '9' ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

static bool rowset_guid(hi_dyn value, uint8_t out[16])
{
    const hist_str text = hi_dyn_str(value);
    size_t digits = 0;

    memset(out, 0, 16);
    for (size_t i = 0; i < text.size; i++) {
        const int digit = rowset_hex(text.data[i]);

        if (digit >= 0 && digits < 32) {
            out[digits / 2] = (uint8_t)(out[digits / 2] * 16 + digit);
            digits++;
        } else if (text.data[i] != '-') {
            return false;
        }
    }
    return digits == 32;
}

/* value * 10 + digit in 128 bits by 32-bit parts, lowest first; false: it does not fit. */
static bool rowset_wide(uint32_t part[4], uint32_t digit)
{
    uint64_t carry = digit;

    for (int i = 0; i < 4; i++) {
        carry += (uint64_t)part[i] * 10;
        part[i] = (uint32_t)carry;
        carry >>= 32;
    }
    return carry == 0 && part[3] < 0x80000000u;
}

/* Plain decimal text scaled by 10^18; more digits of fraction are cut. */
static bool rowset_decimal_text(hist_str text, hist_decimal *out)
{
    uint32_t part[4] = {0, 0, 0, 0};
    const bool minus = text.size > 0 && text.data[0] == '-';
    int fraction = -1;
    size_t digits = 0;

    for (size_t i = minus ? 1 : 0; i < text.size; i++) {
        const char c = text.data[i];

        if (c == '.' && fraction < 0) {
            fraction = 0;
        } else if (c < '0' || c > '9') {
            return false;
        } else if (fraction < 18) {
            digits++;
            fraction += fraction >= 0;
            if (!rowset_wide(part, (uint32_t)(c - '0'))) {
                return false;
            }
        }
    }
    for (int i = fraction < 0 ? 0 : fraction; i < 18; i++) {
        if (!rowset_wide(part, 0)) {
            return false;
        }
    }
    uint64_t lo = part[0] | (uint64_t)part[1] << 32;
    uint64_t hi = part[2] | (uint64_t)part[3] << 32;

    if (minus) {
        lo = ~lo + 1;
        hi = ~hi + (lo == 0);
    }
    out->lo = lo;
    out->hi = (int64_t)hi;
    return digits > 0;
}

static bool rowset_decimal(hi_dyn value, hist_decimal *out)
{
    char text[HI_NUM_DOUBLE_SIZE] = "";
    const hi_dyn_tag tag = hi_dyn_tag_of(value);

    if (tag == HI_DYN_LONG) {
        return rowset_decimal_text((hist_str){text, hi_num_print_i64(text, hi_dyn_i64(value))},
                                   out);
    }
    if (tag == HI_DYN_REAL) {
        return rowset_decimal_text((hist_str){text, hi_num_print_double(text, hi_dyn_real(value))},
                                   out);
    }
    return tag == HI_DYN_STRING && rowset_decimal_text(hi_dyn_str(value), out);
}

static void rowset_text(rowset *r, rowset_column *c, const void *data, size_t size)
{
    hi_buf_append(&c->data, data, size);
    r->bytes += size;
}

/* A string column takes any value: what is no string as its JSON text. */
static void rowset_string(rowset *r, rowset_column *c, hi_dyn value)
{
    const hist_str text = hi_dyn_str(value);
    const size_t before = c->data.size;

    if (hi_dyn_tag_of(value) == HI_DYN_STRING) {
        rowset_text(r, c, text.data, text.size);
    } else {
        hi_dyn_to_json(&c->data, value);
        r->bytes += c->data.size - before;
    }
}

/* false: the value is not of this type. */
static bool rowset_put(rowset *r, rowset_column *c, hist_type type, hi_dyn value)
{
    int64_t integer = 0;
    double real = 0.0;
    hist_decimal decimal = {0, 0};
    uint8_t guid[16];
    int32_t narrow = 0;

    switch (type) {
    case HIST_TYPE_BOOL:
        if (!rowset_integer(value, &integer)) {
            return false;
        }
        c->bits[r->rows / 64] |= (uint64_t)(integer != 0) << (r->rows % 64);
        return true;
    case HIST_TYPE_INT:
        if (!rowset_integer(value, &integer) || integer < INT32_MIN || integer > INT32_MAX) {
            return false;
        }
        narrow = (int32_t)integer;
        rowset_text(r, c, &narrow, sizeof(narrow));
        return true;
    case HIST_TYPE_LONG:
        if (!rowset_integer(value, &integer)) {
            return false;
        }
        rowset_text(r, c, &integer, sizeof(integer));
        return true;
    case HIST_TYPE_REAL:
        if (!rowset_real(value, &real)) {
            return false;
        }
        rowset_text(r, c, &real, sizeof(real));
        return true;
    case HIST_TYPE_DATETIME:
    case HIST_TYPE_TIMESPAN:
        if (!rowset_time(type, value, &integer)) {
            return false;
        }
        rowset_text(r, c, &integer, sizeof(integer));
        return true;
    case HIST_TYPE_GUID:
        if (!rowset_guid(value, guid)) {
            return false;
        }
        rowset_text(r, c, guid, sizeof(guid));
        return true;
    case HIST_TYPE_DECIMAL:
        if (!rowset_decimal(value, &decimal)) {
            return false;
        }
        rowset_text(r, c, &decimal, sizeof(decimal));
        return true;
    case HIST_TYPE_STRING:
        rowset_string(r, c, value);
        return true;
    case HIST_TYPE_DYNAMIC:
    default:
        rowset_text(r, c, value.data, value.size);
        return true;
    }
}

static size_t rowset_width(hist_type type)
{
    switch (type) {
    case HIST_TYPE_BOOL:
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC:
        return 0;
    case HIST_TYPE_INT:
        return 4;
    case HIST_TYPE_GUID:
    case HIST_TYPE_DECIMAL:
        return 16;
    default:
        return 8;
    }
}

static void rowset_null(rowset *r, rowset_column *c, hist_type type)
{
    static const char zeroes[16];

    c->nulls = true;
    rowset_text(r, c, zeroes, rowset_width(type));
}

hist_status rowset_add(rowset *r, hi_dyn row, hist_error *err)
{
    hi_dyn_iter it = hi_dyn_iter_of(row);

    if (hi_dyn_tag_of(row) != HI_DYN_ARRAY || hi_dyn_count(row) != r->count) {
        return hi_fail(err, HIST_EINVAL, "the answer has a row of %u values for %u columns",
                       hi_dyn_count(row), r->count);
    }
    for (uint32_t i = 0; i < r->count && hi_dyn_next(&it); i++) {
        rowset_column *c = &r->columns[i];
        const hist_type type = r->infos[i].type;

        if (hi_dyn_is_null(it.value)) {
            rowset_null(r, c, type);
        } else if (rowset_put(r, c, type, it.value)) {
            c->valid[r->rows / 64] |= UINT64_C(1) << (r->rows % 64);
        } else {
            return hi_fail(err, HIST_EINVAL, "the answer has a value in column '%s' that is no %s",
                           r->infos[i].name, hist_type_name(type));
        }
        if (rowset_is_text(type)) {
            const int32_t end = (int32_t)c->data.size;

            hi_buf_append(&c->offsets, &end, sizeof(end));
        }
        if (!hi_buf_ok(&c->data) || !hi_buf_ok(&c->offsets)) {
            return hi_no_memory(err, "rows of an answer");
        }
    }
    r->rows++;
    return HIST_OK;
}

const hist_batch *rowset_batch(rowset *r)
{
    for (uint32_t i = 0; i < r->count; i++) {
        rowset_column *c = &r->columns[i];
        const hist_type type = r->infos[i].type;
        const bool text = rowset_is_text(type);

        r->views[i] = (hist_column){
            .type = type,
            .stored = type,
            .layout = HIST_LAYOUT_FLAT,
            .length = r->rows,
            .data_count = r->rows,
            .valid = c->nulls ? c->valid : NULL,
            .data = text                     ? NULL
                    : type == HIST_TYPE_BOOL ? (const void *)c->bits
                                             : c->data.data,
            .offsets = text ? (const int32_t *)(const void *)c->offsets.data : NULL,
            .bytes = text ? (c->data.data == NULL ? "" : c->data.data) : NULL,
        };
    }
    r->batch = (hist_batch){r->count, r->rows, NULL, r->rows, r->views};
    return &r->batch;
}
