/*
 * buf.h -- bytes that grow, up to a maximum given at the start.
 *
 * A failed growth is remembered: later calls do nothing and hi_buf_ok() is
 * false, so a writer may append many times and look once.
 */
#ifndef HI_BUF_H
#define HI_BUF_H

#include "base/mem.h"

typedef struct hi_buf {
    hi_mem *mem;
    char *data;    /* NULL while empty. */
    size_t size;   /* Bytes used. */
    size_t capacity;
    size_t max;    /* size never exceeds this. */
    bool failed;   /* Out of memory or over max. */
} hi_buf;

void hi_buf_init(hi_buf *buf, hi_mem *mem, size_t max);
void hi_buf_free(hi_buf *buf);
/* Forgets contents and failure, keeps the memory. */
void hi_buf_clear(hi_buf *buf);
static inline bool hi_buf_ok(const hi_buf *buf)
{
    return !buf->failed;
}
/* Room for `size` more bytes at the end, not yet counted as used; NULL on failure. */
char *hi_buf_reserve(hi_buf *buf, size_t size);
void hi_buf_append(hi_buf *buf, const void *data, size_t size);
void hi_buf_byte(hi_buf *buf, uint8_t byte);
void hi_buf_u16(hi_buf *buf, uint16_t value);
void hi_buf_u32(hi_buf *buf, uint32_t value);
void hi_buf_u64(hi_buf *buf, uint64_t value);
/* LEB128, 1 to 10 bytes; signed ones zigzag first. */
void hi_buf_varint(hi_buf *buf, uint64_t value);
void hi_buf_svarint(hi_buf *buf, int64_t value);
/* Varint size, then the bytes. */
void hi_buf_text(hi_buf *buf, const void *data, size_t size);
void hi_buf_printf(hi_buf *buf, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
