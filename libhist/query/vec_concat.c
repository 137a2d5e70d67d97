/*
 * vec_concat.c -- columns one under the other; see vec.h. Know first: all parts are brought to one form first (the
 * stored type and layout they share, the tagged form when they differ), then copied once.
 */
#include <assert.h>
#include <string.h>

#include "query/vec.h"

/* Puts `count` bits (NULL: ones) at bit `at` of `to`, whose bits there are 0. */
static void bits_append(uint64_t *to, uint32_t at, const uint64_t *bits, uint32_t count)
{
    for (uint32_t i = 0; i < count; i += 64) {
        const uint32_t n = count - i < 64 ? count - i : 64;
        const uint64_t mask = n == 64 ? ~UINT64_C(0) : (UINT64_C(1) << n) - 1;
        const uint64_t v = (bits == NULL ? ~UINT64_C(0) : bits[i / 64]) & mask;
        const uint32_t bit = at + i;

        to[bit / 64] |= v << (bit % 64);
        if (bit % 64 != 0 && bit % 64 + n > 64) {
            to[bit / 64 + 1] |= v >> (64 - bit % 64);
        }
    }
}

static bool col_all_null(const hist_column *c)
{
    if (c->layout == HIST_LAYOUT_CONST) {
        return c->valid != NULL && !hist_bit_get(c->valid, 0);
    }
    return c->layout != HIST_LAYOUT_RUNS && c->valid != NULL &&
           hi_bits_count(c->valid, c->length) == 0;
}

/* What all parts can be without a change: *like is a part of that form, NULL when they differ. */
static const hist_column *concat_form(const hist_column *parts, uint32_t count)
{
    const hist_column *like = NULL;

    for (uint32_t i = 0; i < count; i++) {
        if (parts[i].type == HIST_TYPE_DYNAMIC && col_all_null(&parts[i])) {
            continue;
        }
        if (like == NULL) {
            like = &parts[i];
            continue;
        }
        const bool list = parts[i].layout == HIST_LAYOUT_LIST;
        if (parts[i].stored != like->stored || list != (like->layout == HIST_LAYOUT_LIST) ||
            (list && parts[i].child->stored != like->child->stored)) {
            return NULL;
        }
    }
    return like == NULL ? &parts[0] : like;
}

/* An all-null column of the form of `like`. */
static bool concat_nulls(hi_arena *arena, const hist_column *like, uint32_t rows, hist_column *out)
{
    hist_column flat;
    hist_column empty = *like;
    uint32_t *none = hi_arena_vector(arena, (size_t)rows * sizeof(uint32_t));

    if (none == NULL) {
        return false;
    }
    memset(none, 0xff, (size_t)rows * sizeof(uint32_t));
    if (!hi_col_flatten(arena, &empty, &flat)) {
        return false;
    }
    return hi_col_gather(arena, &flat, none, rows, out);
}

static bool concat_text(hi_arena *arena, const hist_column *parts, uint32_t count, hist_column *out)
{
    int32_t *offsets = hi_arena_vector(arena, ((size_t)out->length + 1) * sizeof(int32_t));
    int64_t total = 0;
    uint32_t row = 0;

    if (offsets == NULL) {
        return false;
    }
    for (uint32_t p = 0; p < count; p++) {
        const int32_t *from = parts[p].offsets;

        for (uint32_t i = 0; i < parts[p].length; i++) {
            offsets[row++] = (int32_t)(total + (from[i] - from[0]));
        }
        if (parts[p].length != 0) {
            total += from[parts[p].length] - from[0];
        }
        if (total > INT32_MAX) {
            return false;
        }
    }
    offsets[row] = (int32_t)total;
    out->offsets = offsets;
    if (out->layout == HIST_LAYOUT_LIST) {
        out->data = offsets;
        return true;
    }
    char *bytes = hi_arena_vector(arena, (size_t)total);
    if (bytes == NULL) {
        return false;
    }
    for (uint32_t p = 0, at = 0; p < count; p++) {
        const int32_t *from = parts[p].offsets;
        const uint32_t size =
            parts[p].length == 0 ? 0 : (uint32_t)(from[parts[p].length] - from[0]);

        if (size != 0) {
            memcpy(bytes + at, parts[p].bytes + from[0], size);
        }
        at += size;
    }
    out->bytes = bytes;
    return true;
}

static bool concat_flat(hi_arena *arena, const hist_column *flat, uint32_t count, uint32_t rows,
                        hist_column *out);

/* The elements of strings in lists do have nulls, so nothing is made canonical here. */
static bool concat_children(hi_arena *arena, const hist_column *parts, uint32_t count,
                            hist_column *out)
{
    hist_column *children = HI_NEW_ARRAY(arena, hist_column, count);
    hist_column *child = HI_NEW(arena, hist_column);
    uint32_t rows = 0;

    if (children == NULL || child == NULL) {
        return false;
    }
    for (uint32_t p = 0; p < count; p++) {
        const int32_t *from = parts[p].offsets;
        const uint32_t start = (uint32_t)from[0];
        const uint32_t n = (uint32_t)from[parts[p].length] - start;

        if (!hi_col_slice(arena, parts[p].child, start, n, &children[p])) {
            return false;
        }
        rows += n;
    }
    if (!concat_flat(arena, children, count, rows, child)) {
        return false;
    }
    out->child = child;
    return true;
}

static bool concat_fixed(hi_arena *arena, const hist_column *parts, uint32_t count,
                         hist_column *out)
{
    const size_t width = hi_type_size(out->stored);
    hist_column fresh;
    void *data;
    uint32_t row = 0;

    if (!hi_col_new(arena, out->stored, out->length, &fresh, &data)) {
        return false;
    }
    if (width == 0) {
        memset(data, 0, hi_bits_words(out->length) * 8);
    }
    for (uint32_t p = 0; p < count; p++) {
        if (parts[p].length != 0 && width == 0) {
            bits_append(data, row, parts[p].data, parts[p].length);
        } else if (parts[p].length != 0) {
            memcpy((char *)data + row * width, parts[p].data, parts[p].length * width);
        }
        row += parts[p].length;
    }
    out->data = data;
    return true;
}

static bool concat_valid(hi_arena *arena, const hist_column *parts, uint32_t count,
                         hist_column *out)
{
    bool any = false;
    uint32_t row = 0;

    for (uint32_t p = 0; p < count; p++) {
        any |= parts[p].valid != NULL && parts[p].length != 0;
    }
    if (!any) {
        return true;
    }
    uint64_t *valid = hi_bits_new(arena, out->length, false);
    if (valid == NULL) {
        return false;
    }
    for (uint32_t p = 0; p < count; p++) {
        bits_append(valid, row, parts[p].valid, parts[p].length);
        row += parts[p].length;
    }
    out->valid = valid;
    return true;
}

static bool concat_flat(hi_arena *arena, const hist_column *flat, uint32_t count, uint32_t rows,
                        hist_column *out)
{
    *out = flat[0];
    out->length = rows;
    out->data_count = rows;
    out->valid = NULL;
    if (!concat_valid(arena, flat, count, out)) {
        return false;
    }
    if (out->layout == HIST_LAYOUT_LIST) {
        return concat_text(arena, flat, count, out) && concat_children(arena, flat, count, out);
    }
    if (out->stored == HIST_TYPE_STRING || out->stored == HIST_TYPE_DYNAMIC) {
        return concat_text(arena, flat, count, out);
    }
    return concat_fixed(arena, flat, count, out);
}

/* Every part flat and of one form, in *flat. */
static bool concat_prepare(hi_arena *arena, const hist_column *parts, uint32_t count,
                           hist_column *flat)
{
    const hist_column *like = concat_form(parts, count);

    for (uint32_t i = 0; i < count; i++) {
        bool ok;

        if (like == NULL) {
            ok = hi_col_to_tagged(arena, &parts[i], &flat[i]);
        } else if (parts[i].type == HIST_TYPE_DYNAMIC && &parts[i] != like &&
                   col_all_null(&parts[i])) {
            ok = concat_nulls(arena, like, parts[i].length, &flat[i]);
        } else {
            ok = hi_col_flatten(arena, &parts[i], &flat[i]);
        }
        if (!ok) {
            return false;
        }
    }
    return true;
}

bool hi_col_concat(hi_arena *arena, const hist_column *parts, uint32_t count, hist_column *out)
{
    uint64_t rows = 0;

    assert(count != 0);
    if (count == 1) {
        return hi_col_flatten(arena, parts, out);
    }
    for (uint32_t i = 0; i < count; i++) {
        rows += parts[i].length;
    }
    hist_column *flat = HI_NEW_ARRAY(arena, hist_column, count);
    if (rows > INT32_MAX || flat == NULL || !concat_prepare(arena, parts, count, flat)) {
        return false;
    }
    return concat_flat(arena, flat, count, (uint32_t)rows, out);
}
