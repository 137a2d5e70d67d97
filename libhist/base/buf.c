/* buf.c -- bytes that grow; see buf.h. */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"

void hi_buf_init(hi_buf *buf, hi_mem *mem, size_t max)
{
    *buf = (hi_buf){.mem = mem, .max = max};
}

void hi_buf_free(hi_buf *buf)
{
    hi_mem_free(buf->mem, buf->data, buf->capacity);
    hi_buf_init(buf, buf->mem, buf->max);
}

void hi_buf_clear(hi_buf *buf)
{
    buf->size = 0;
    buf->failed = false;
}

char *hi_buf_reserve(hi_buf *buf, size_t size)
{
    if (buf->failed || size > buf->max - buf->size) {
        buf->failed = true;
        return NULL;
    }
    const size_t need = buf->size + size;
    if (need > buf->capacity || buf->data == NULL) {
        size_t capacity = buf->capacity < 256 ? 256 : buf->capacity * 2;

        if (capacity < need) {
            capacity = need;
        }
        if (capacity > buf->max && need <= buf->max) {
            capacity = buf->max < 1 ? 1 : buf->max;
        }
        char *data = hi_mem_realloc(buf->mem, buf->data, buf->capacity, capacity);
        if (data == NULL) {
            buf->failed = true;
            return NULL;
        }
        buf->data = data;
        buf->capacity = capacity;
    }
    return buf->data + buf->size;
}

void hi_buf_append(hi_buf *buf, const void *data, size_t size)
{
    char *to = hi_buf_reserve(buf, size);

    if (to != NULL && size > 0) {
        memcpy(to, data, size);
        buf->size += size;
    }
}

void hi_buf_byte(hi_buf *buf, uint8_t byte)
{
    hi_buf_append(buf, &byte, 1);
}

void hi_buf_u16(hi_buf *buf, uint16_t value)
{
    uint8_t bytes[2];

    hi_put_u16(bytes, value);
    hi_buf_append(buf, bytes, sizeof(bytes));
}

void hi_buf_u32(hi_buf *buf, uint32_t value)
{
    uint8_t bytes[4];

    hi_put_u32(bytes, value);
    hi_buf_append(buf, bytes, sizeof(bytes));
}

void hi_buf_u64(hi_buf *buf, uint64_t value)
{
    uint8_t bytes[8];

    hi_put_u64(bytes, value);
    hi_buf_append(buf, bytes, sizeof(bytes));
}

void hi_buf_varint(hi_buf *buf, uint64_t value)
{
    uint8_t bytes[HI_VARINT_SIZE_MAX];

    hi_buf_append(buf, bytes, hi_put_varint(bytes, value));
}

void hi_buf_svarint(hi_buf *buf, int64_t value)
{
    hi_buf_varint(buf, hi_zigzag(value));
}

void hi_buf_text(hi_buf *buf, const void *data, size_t size)
{
    hi_buf_varint(buf, size);
    hi_buf_append(buf, data, size);
}

void hi_buf_printf(hi_buf *buf, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    const int size = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    char *to = size < 0 ? NULL : hi_buf_reserve(buf, (size_t)size + 1);
    if (to != NULL) {
        va_start(args, fmt);
        (void)vsnprintf(to, (size_t)size + 1, fmt, args);
        va_end(args);
        buf->size += (size_t)size;
    }
}
