/*
 * bytes.h -- integers in bytes: little-endian, varint, zigzag, and a reader
 * that cannot run past its end.
 */
#ifndef HI_BYTES_H
#define HI_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HI_VARINT_SIZE_MAX 10

static inline void hi_put_u16(uint8_t *to, uint16_t v)
{
    to[0] = (uint8_t)v;
    to[1] = (uint8_t)(v >> 8);
}

static inline void hi_put_u32(uint8_t *to, uint32_t v)
{
    for (int i = 0; i < 4; i++) {
        to[i] = (uint8_t)(v >> (8 * i));
    }
}

static inline void hi_put_u64(uint8_t *to, uint64_t v)
{
    for (int i = 0; i < 8; i++) {
        to[i] = (uint8_t)(v >> (8 * i));
    }
}

static inline uint16_t hi_get_u16(const uint8_t *from)
{
    return (uint16_t)(from[0] | (from[1] << 8));
}

static inline uint32_t hi_get_u32(const uint8_t *from)
{
    return (uint32_t)from[0] | ((uint32_t)from[1] << 8) | ((uint32_t)from[2] << 16) |
           ((uint32_t)from[3] << 24);
}

static inline uint64_t hi_get_u64(const uint8_t *from)
{
    return (uint64_t)hi_get_u32(from) | ((uint64_t)hi_get_u32(from + 4) << 32);
}

/* A word as the machine has it to one whose bytes are little-endian, or back: nothing at all on
   most machines, so that loops over it vectorise as if it were not there. */
static inline uint64_t hi_le64(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    return v;
#else
    return __builtin_bswap64(v);
#endif
}

/* The first `size` bytes of words written in little-endian; the last word may be cut. */
static inline void hi_put_le64s(uint8_t *to, const uint64_t *words, size_t size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(to, words, size);
#else
    for (size_t i = 0; i < size; i++) {
        to[i] = (uint8_t)(words[i / 8] >> (8 * (i % 8)));
    }
#endif
}

/* The inverse; bytes that are missing in the last word stay as they are in `words`. */
static inline void hi_get_le64s(uint64_t *words, const uint8_t *from, size_t size)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(words, from, size);
#else
    for (size_t i = 0; i < size; i++) {
        const unsigned shift = 8 * (unsigned)(i % 8);

        words[i / 8] = (words[i / 8] & ~(UINT64_C(0xff) << shift)) | (uint64_t)from[i] << shift;
    }
#endif
}

static inline uint64_t hi_zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}

static inline int64_t hi_unzigzag(uint64_t v)
{
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Writes 1 to HI_VARINT_SIZE_MAX bytes and returns how many. */
static inline size_t hi_put_varint(uint8_t *to, uint64_t v)
{
    size_t n = 0;

    while (v >= 0x80) {
        to[n++] = (uint8_t)(v | 0x80);
        v >>= 7;
    }
    to[n++] = (uint8_t)v;
    return n;
}

static inline uint64_t hi_bits_of(double v)
{
    uint64_t bits = 0;

    memcpy(&bits, &v, sizeof(bits));
    return bits;
}

static inline double hi_double_of(uint64_t bits)
{
    double v = 0;

    memcpy(&v, &bits, sizeof(v));
    return v;
}

/* A cursor over untrusted bytes. A read past the end sets failed and gives zeroes. */
typedef struct hi_reader {
    const uint8_t *data;
    size_t size;
    size_t at;
    bool failed;
} hi_reader;

static inline hi_reader hi_reader_of(const void *data, size_t size)
{
    return (hi_reader){.data = (const uint8_t *)data, .size = size};
}

static inline size_t hi_reader_left(const hi_reader *r)
{
    return r->size - r->at;
}

/* `size` bytes in place, or NULL (and failed). */
static inline const uint8_t *hi_read_bytes(hi_reader *r, size_t size)
{
    if (r->failed || size > r->size - r->at) {
        r->failed = true;
        return NULL;
    }
    const uint8_t *p = r->data + r->at;
    r->at += size;
    return p;
}

static inline uint8_t hi_read_u8(hi_reader *r)
{
    const uint8_t *p = hi_read_bytes(r, 1);
    return p == NULL ? 0 : *p;
}

static inline uint16_t hi_read_u16(hi_reader *r)
{
    const uint8_t *p = hi_read_bytes(r, 2);
    return p == NULL ? 0 : hi_get_u16(p);
}

static inline uint32_t hi_read_u32(hi_reader *r)
{
    const uint8_t *p = hi_read_bytes(r, 4);
    return p == NULL ? 0 : hi_get_u32(p);
}

static inline uint64_t hi_read_u64(hi_reader *r)
{
    const uint8_t *p = hi_read_bytes(r, 8);
    return p == NULL ? 0 : hi_get_u64(p);
}

static inline uint64_t hi_read_varint(hi_reader *r)
{
    uint64_t v = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        const uint8_t byte = hi_read_u8(r);

        if (r->failed || (shift == 63 && byte > 1)) {
            break;
        }
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            return v;
        }
    }
    r->failed = true;
    return 0;
}

static inline int64_t hi_read_svarint(hi_reader *r)
{
    return hi_unzigzag(hi_read_varint(r));
}

/* Varint size, then that many bytes in place; NULL (and failed) when they are not there. */
static inline const uint8_t *hi_read_text(hi_reader *r, size_t *size_out)
{
    const uint64_t size = hi_read_varint(r);

    *size_out = 0;
    if (r->failed || size > hi_reader_left(r)) {
        r->failed = true;
        return NULL;
    }
    *size_out = (size_t)size;
    return hi_read_bytes(r, (size_t)size);
}

#endif
