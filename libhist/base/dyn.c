/*
 * dyn.c -- the tagged form of dynamic values: writing, reading, checking; see
 * dyn.h. JSON is in dyn_json.c, order and hash in dyn_order.c.
 *
 * Sizes of containers are patched in when they are closed, so a value is
 * written in one pass. Readers trust no size: each is clamped to the view.
 */
#include "base/dyn.h"

#include <string.h>

#include "base/bytes.h"

/* ---- writing ---- */

void hi_dyn_writer_init(hi_dyn_writer *w, hi_buf *buf)
{
    w->buf = buf;
    w->depth = 0;
    w->failed = false;
}

bool hi_dyn_writer_ok(const hi_dyn_writer *w)
{
    return !w->failed && hi_buf_ok(w->buf) && w->depth == 0;
}

/* Counts a value in the array around it (in bags keys are counted) and gives it room. */
static uint8_t *dyn_reserve(hi_dyn_writer *w, size_t size)
{
    uint8_t *to = (uint8_t *)hi_buf_reserve(w->buf, size);

    if (to == NULL || w->failed) {
        return NULL;
    }
    if (w->depth > 0 && w->buf->data[w->starts[w->depth - 1] - 1] == HI_DYN_ARRAY) {
        w->counts[w->depth - 1]++;
    }
    w->buf->size += size;
    return to;
}

static void dyn_put_tag(hi_dyn_writer *w, hi_dyn_tag tag)
{
    uint8_t *to = dyn_reserve(w, 1);

    if (to != NULL) {
        to[0] = (uint8_t)tag;
    }
}

static void dyn_put_u64(hi_dyn_writer *w, hi_dyn_tag tag, uint64_t v)
{
    uint8_t *to = dyn_reserve(w, 9);

    if (to != NULL) {
        to[0] = (uint8_t)tag;
        hi_put_u64(to + 1, v);
    }
}

void hi_dyn_put_null(hi_dyn_writer *w)
{
    dyn_put_tag(w, HI_DYN_NULL);
}

void hi_dyn_put_bool(hi_dyn_writer *w, bool v)
{
    dyn_put_tag(w, v ? HI_DYN_TRUE : HI_DYN_FALSE);
}

void hi_dyn_put_int(hi_dyn_writer *w, int32_t v)
{
    uint8_t *to = dyn_reserve(w, 5);

    if (to != NULL) {
        to[0] = HI_DYN_INT;
        hi_put_u32(to + 1, (uint32_t)v);
    }
}

void hi_dyn_put_long(hi_dyn_writer *w, int64_t v)
{
    dyn_put_u64(w, HI_DYN_LONG, (uint64_t)v);
}

void hi_dyn_put_real(hi_dyn_writer *w, double v)
{
    dyn_put_u64(w, HI_DYN_REAL, hi_bits_of(v));
}

void hi_dyn_put_datetime(hi_dyn_writer *w, int64_t ns)
{
    dyn_put_u64(w, HI_DYN_DATETIME, (uint64_t)ns);
}

void hi_dyn_put_timespan(hi_dyn_writer *w, int64_t ns)
{
    dyn_put_u64(w, HI_DYN_TIMESPAN, (uint64_t)ns);
}

void hi_dyn_put_decimal(hi_dyn_writer *w, hist_decimal v)
{
    uint8_t *to = dyn_reserve(w, 17);

    if (to != NULL) {
        to[0] = HI_DYN_DECIMAL;
        hi_put_u64(to + 1, v.lo);
        hi_put_u64(to + 9, (uint64_t)v.hi);
    }
}

void hi_dyn_put_guid(hi_dyn_writer *w, const uint8_t guid[16])
{
    uint8_t *to = dyn_reserve(w, 17);

    if (to != NULL) {
        to[0] = HI_DYN_GUID;
        memcpy(to + 1, guid, 16);
    }
}

void hi_dyn_put_string(hi_dyn_writer *w, const char *data, size_t size)
{
    if (size > UINT32_MAX - 5) {
        w->failed = true;
        return;
    }
    uint8_t *to = dyn_reserve(w, 5 + size);
    if (to != NULL) {
        to[0] = HI_DYN_STRING;
        hi_put_u32(to + 1, (uint32_t)size);
        if (size > 0) {
            memcpy(to + 5, data, size);
        }
    }
}

void hi_dyn_put(hi_dyn_writer *w, hi_dyn value)
{
    const size_t size = hi_dyn_size(value.data, value.size);

    if (size == 0) {
        hi_dyn_put_null(w);
        return;
    }
    uint8_t *to = dyn_reserve(w, size);
    if (to != NULL) {
        memcpy(to, value.data, size);
    }
}

static void dyn_begin(hi_dyn_writer *w, hi_dyn_tag tag)
{
    uint8_t *to = NULL;

    if (w->depth >= HIST_DYNAMIC_DEPTH_MAX) {
        w->failed = true;
    } else {
        to = dyn_reserve(w, 9);
    }
    if (to != NULL) {
        memset(to, 0, 9);
        to[0] = (uint8_t)tag;
        w->starts[w->depth] = w->buf->size - 8;
        w->counts[w->depth] = 0;
    } else {
        w->failed = true; /* Levels are counted on, so that begin and end stay paired. */
    }
    w->depth++;
}

static void dyn_end(hi_dyn_writer *w)
{
    w->depth--;
    if (w->failed || !hi_buf_ok(w->buf)) {
        return;
    }
    const size_t start = w->starts[w->depth];
    const size_t size = w->buf->size - start - 4;
    if (size > UINT32_MAX - 5) {
        w->failed = true;
        return;
    }
    uint8_t *at = (uint8_t *)w->buf->data + start;
    hi_put_u32(at, (uint32_t)size);
    hi_put_u32(at + 4, w->counts[w->depth]);
}

void hi_dyn_begin_array(hi_dyn_writer *w)
{
    dyn_begin(w, HI_DYN_ARRAY);
}

void hi_dyn_end_array(hi_dyn_writer *w)
{
    dyn_end(w);
}

void hi_dyn_begin_bag(hi_dyn_writer *w)
{
    dyn_begin(w, HI_DYN_BAG);
}

void hi_dyn_end_bag(hi_dyn_writer *w)
{
    dyn_end(w);
}

void hi_dyn_put_key(hi_dyn_writer *w, const char *data, size_t size)
{
    if (w->failed || w->depth == 0 || size > UINT32_MAX - 4) {
        w->failed = true;
        return;
    }
    hi_buf_u32(w->buf, (uint32_t)size);
    hi_buf_append(w->buf, data, size);
    w->counts[w->depth - 1]++;
}

/* ---- reading ---- */

/* Bytes after the tag of values that always have the same size; -1 for the others. */
static int dyn_fixed_size(uint8_t tag)
{
    switch (tag) {
    case HI_DYN_NULL:
    case HI_DYN_TRUE:
    case HI_DYN_FALSE:
        return 0;
    case HI_DYN_INT:
        return 4;
    case HI_DYN_LONG:
    case HI_DYN_REAL:
    case HI_DYN_DATETIME:
    case HI_DYN_TIMESPAN:
        return 8;
    case HI_DYN_DECIMAL:
    case HI_DYN_GUID:
        return 16;
    default:
        return -1;
    }
}

static bool dyn_is_sized(uint8_t tag)
{
    return tag == HI_DYN_STRING || tag == HI_DYN_ARRAY || tag == HI_DYN_BAG;
}

size_t hi_dyn_size(const void *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)data;

    if (size == 0) {
        return 0;
    }
    const int fixed = dyn_fixed_size(p[0]);
    if (fixed >= 0) {
        return (size_t)fixed < size ? (size_t)fixed + 1 : 0;
    }
    if (!dyn_is_sized(p[0]) || size < 5) {
        return 0;
    }
    const size_t follows = hi_get_u32(p + 1);
    if (follows > size - 5 || (p[0] != HI_DYN_STRING && follows < 4)) {
        return 0;
    }
    return follows + 5;
}

hi_dyn_tag hi_dyn_tag_of(hi_dyn v)
{
    return hi_dyn_size(v.data, v.size) == 0 ? HI_DYN_NULL : (hi_dyn_tag)v.data[0];
}

bool hi_dyn_bool(hi_dyn v)
{
    return hi_dyn_tag_of(v) == HI_DYN_TRUE;
}

int64_t hi_dyn_i64(hi_dyn v)
{
    switch (hi_dyn_tag_of(v)) {
    case HI_DYN_TRUE:
        return 1;
    case HI_DYN_INT:
        return (int32_t)hi_get_u32(v.data + 1);
    case HI_DYN_LONG:
    case HI_DYN_DATETIME:
    case HI_DYN_TIMESPAN:
        return (int64_t)hi_get_u64(v.data + 1);
    default:
        return 0;
    }
}

double hi_dyn_real(hi_dyn v)
{
    return hi_dyn_tag_of(v) == HI_DYN_REAL ? hi_double_of(hi_get_u64(v.data + 1)) : 0;
}

hist_str hi_dyn_str(hi_dyn v)
{
    if (hi_dyn_tag_of(v) != HI_DYN_STRING) {
        return (hist_str){"", 0};
    }
    return (hist_str){(const char *)v.data + 5, hi_get_u32(v.data + 1)};
}

hist_decimal hi_dyn_decimal(hi_dyn v)
{
    if (hi_dyn_tag_of(v) != HI_DYN_DECIMAL) {
        return (hist_decimal){0, 0};
    }
    return (hist_decimal){hi_get_u64(v.data + 1), (int64_t)hi_get_u64(v.data + 9)};
}

void hi_dyn_guid(hi_dyn v, uint8_t guid[16])
{
    if (hi_dyn_tag_of(v) == HI_DYN_GUID) {
        memcpy(guid, v.data + 1, 16);
    } else {
        memset(guid, 0, 16);
    }
}

bool hi_dyn_number(hi_dyn v, double *out)
{
    switch (hi_dyn_tag_of(v)) {
    case HI_DYN_TRUE:
    case HI_DYN_FALSE:
    case HI_DYN_INT:
    case HI_DYN_LONG:
        *out = (double)hi_dyn_i64(v);
        return true;
    case HI_DYN_REAL:
        *out = hi_dyn_real(v);
        return true;
    default:
        return false;
    }
}

hi_dyn_iter hi_dyn_iter_of(hi_dyn v)
{
    const hi_dyn_tag tag = hi_dyn_tag_of(v);
    hi_dyn_iter it = {0};

    if (tag == HI_DYN_ARRAY || tag == HI_DYN_BAG) {
        const uint32_t content = hi_get_u32(v.data + 1) - 4;

        it.at = v.data + 9;
        it.end = it.at + content;
        it.left = hi_get_u32(v.data + 5);
        it.bag = tag == HI_DYN_BAG;
        if (it.left > content) { /* Every value has at least one byte. */
            it.left = content;
        }
    }
    return it;
}

bool hi_dyn_next(hi_dyn_iter *it)
{
    size_t room = (size_t)(it->end - it->at);

    if (it->left == 0) {
        return false;
    }
    if (it->bag) {
        const size_t key = room < 4 ? SIZE_MAX : hi_get_u32(it->at);
        if (room < 4 || key > room - 4) {
            it->left = 0;
            return false;
        }
        it->key = (hist_str){(const char *)it->at + 4, key};
        it->at += 4 + key;
        room -= 4 + key;
    }
    const size_t size = hi_dyn_size(it->at, room);
    if (size == 0) {
        it->left = 0;
        return false;
    }
    it->value = hi_dyn_of(it->at, size);
    it->at += size;
    it->left--;
    return true;
}

uint32_t hi_dyn_count(hi_dyn v)
{
    return hi_dyn_iter_of(v).left;
}

hi_dyn hi_dyn_at(hi_dyn v, int64_t index)
{
    hi_dyn_iter it = hi_dyn_iter_of(v);

    if (it.bag) {
        return hi_dyn_of(NULL, 0);
    }
    if (index < 0) {
        index += it.left;
    }
    if (index < 0 || index >= it.left) {
        return hi_dyn_of(NULL, 0);
    }
    while (hi_dyn_next(&it)) {
        if (index-- == 0) {
            return it.value;
        }
    }
    return hi_dyn_of(NULL, 0);
}

hi_dyn hi_dyn_get(hi_dyn v, const char *key, size_t size)
{
    hi_dyn_iter it = hi_dyn_iter_of(v);

    if (!it.bag) {
        return hi_dyn_of(NULL, 0);
    }
    while (hi_dyn_next(&it)) {
        if (it.key.size == size && (size == 0 || memcmp(it.key.data, key, size) == 0)) {
            return it.value;
        }
    }
    return hi_dyn_of(NULL, 0);
}

/* ---- checking ---- */

static size_t dyn_utf8_tail(const uint8_t *p, size_t size)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const size_t count = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;

    if (p[0] < 0xc2 || p[0] > 0xf4 || count > size) {
        return 0;
    }
    uint32_t code = p[0] & (0xffu >> (count + 1));
    for (size_t i = 1; i < count; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
        code = (code << 6) | (p[i] & 0x3fu);
    }
    if (code < least[count] || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff)) {
        return 0;
    }
    return count;
}

size_t hi_utf8_valid(const char *data, size_t size)
{
    const uint8_t *p = (const uint8_t *)data;
    size_t at = 0;

    while (at < size) {
        if (size - at >= 8 && (hi_get_u64(p + at) & UINT64_C(0x8080808080808080)) == 0) {
            at += 8;
            continue;
        }
        const size_t step = p[at] < 0x80 ? 1 : dyn_utf8_tail(p + at, size - at);
        if (step == 0) {
            break;
        }
        at += step;
    }
    return at;
}

/* v is a whole value by its outer size. */
static bool dyn_check_value(hi_dyn v, int levels)
{
    const uint8_t tag = v.data[0];

    if (tag == HI_DYN_STRING) {
        const hist_str s = hi_dyn_str(v);
        return hi_utf8_valid(s.data, s.size) == s.size;
    }
    if (tag != HI_DYN_ARRAY && tag != HI_DYN_BAG) {
        return true;
    }
    if (levels == 0) {
        return false;
    }
    const uint32_t count = hi_get_u32(v.data + 5);
    uint32_t seen = 0;
    hi_dyn_iter it = hi_dyn_iter_of(v);
    while (hi_dyn_next(&it)) {
        if (it.bag && hi_utf8_valid(it.key.data, it.key.size) != it.key.size) {
            return false;
        }
        if (!dyn_check_value(it.value, levels - 1)) {
            return false;
        }
        seen++;
    }
    return seen == count && it.at == it.end;
}

bool hi_dyn_check(const void *data, size_t size)
{
    const size_t whole = hi_dyn_size(data, size);

    return whole != 0 && whole == size &&
           dyn_check_value(hi_dyn_of(data, size), HIST_DYNAMIC_DEPTH_MAX);
}
