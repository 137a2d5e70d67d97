/* digest.c -- see digest.h. All three pad the text to blocks of 64 bytes; they differ in the block and in byte order. */
#include "query/digest.h"

#include <math.h>
#include <string.h>

static uint32_t dig_left(uint32_t x, unsigned n)
{
    return x << n | x >> (32 - n);
}

static uint32_t dig_right(uint32_t x, unsigned n)
{
    return x >> n | x << (32 - n);
}

static uint32_t dig_le(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t dig_be(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

static void dig_md5(uint32_t h[8], const uint8_t *block)
{
    static const uint8_t turns[4][4] = {
        {7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    uint32_t a = h[0];
    uint32_t b = h[1];
    uint32_t c = h[2];
    uint32_t d = h[3];

    for (uint32_t i = 0; i < 64; i++) {
        const uint32_t round = i / 16;
        const uint32_t k = (uint32_t)(fabs(sin((double)i + 1)) * 4294967296.0);
        uint32_t f;
        uint32_t g;

        if (round == 0) {
            f = (b & c) | (~b & d);
            g = i;
        } else if (round == 1) {
            f = (d & b) | (~d & c);
            g = (5 * i + 1) % 16;
        } else if (round == 2) {
            f = b ^ c ^ d;
            g = (3 * i + 5) % 16;
        } else {
            f = c ^ (b | ~d);
            g = 7 * i % 16;
        }
        f += a + k + dig_le(block + (size_t)g * 4);
        a = d;
        d = c;
        c = b;
        b += dig_left(f, turns[round][i % 4]);
    }
    h[0] += a;
    h[1] += b;
    h[2] += c;
    h[3] += d;
}

static void dig_sha1(uint32_t h[8], const uint8_t *block)
{
    uint32_t w[80];
    uint32_t s[5];

    for (uint32_t i = 0; i < 16; i++) {
        w[i] = dig_be(block + (size_t)i * 4);
    }
    for (uint32_t i = 16; i < 80; i++) {
        w[i] = dig_left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    }
    memcpy(s, h, sizeof(s));
    for (uint32_t i = 0; i < 80; i++) {
        static const uint32_t keys[4] = {0x5a827999, 0x6ed9eba1, 0x8f1bbcdc, 0xca62c1d6};
        uint32_t f;

        if (i < 20) {
            f = (s[1] & s[2]) | (~s[1] & s[3]);
        } else if (i < 40 || i >= 60) {
            f = s[1] ^ s[2] ^ s[3];
        } else {
            f = (s[1] & s[2]) | (s[1] & s[3]) | (s[2] & s[3]);
        }
        f += dig_left(s[0], 5) + s[4] + keys[i / 20] + w[i];
        s[4] = s[3];
        s[3] = s[2];
        s[2] = dig_left(s[1], 30);
        s[1] = s[0];
        s[0] = f;
    }
    for (uint32_t i = 0; i < 5; i++) {
        h[i] += s[i];
    }
}

static const uint32_t dig_sha256_keys[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static void dig_sha256(uint32_t h[8], const uint8_t *block)
{
    uint32_t w[64];
    uint32_t s[8];

    for (uint32_t i = 0; i < 16; i++) {
        w[i] = dig_be(block + (size_t)i * 4);
    }
    for (uint32_t i = 16; i < 64; i++) {
        const uint32_t a = dig_right(w[i - 15], 7) ^ dig_right(w[i - 15], 18) ^ w[i - 15] >> 3;
        const uint32_t b = dig_right(w[i - 2], 17) ^ dig_right(w[i - 2], 19) ^ w[i - 2] >> 10;

        w[i] = w[i - 16] + a + w[i - 7] + b;
    }
    memcpy(s, h, sizeof(s));
    for (uint32_t i = 0; i < 64; i++) {
        const uint32_t e = dig_right(s[4], 6) ^ dig_right(s[4], 11) ^ dig_right(s[4], 25);
        const uint32_t ch = (s[4] & s[5]) ^ (~s[4] & s[6]);
        const uint32_t t1 = s[7] + e + ch + dig_sha256_keys[i] + w[i];
        const uint32_t a = dig_right(s[0], 2) ^ dig_right(s[0], 13) ^ dig_right(s[0], 22);
        const uint32_t maj = (s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]);

        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += t1;
        s[0] = t1 + a + maj;
    }
    for (uint32_t i = 0; i < 8; i++) {
        h[i] += s[i];
    }
}

static void dig_block(hi_digest kind, uint32_t h[8], const uint8_t *block)
{
    if (kind == HI_DIGEST_MD5) {
        dig_md5(h, block);
    } else if (kind == HI_DIGEST_SHA1) {
        dig_sha1(h, block);
    } else {
        dig_sha256(h, block);
    }
}

/* The rest of the text, a 1 bit, zeroes and the length in bits. */
static void dig_finish(hi_digest kind, uint32_t h[8], const uint8_t *data, size_t size)
{
    uint8_t tail[128] = {0};
    const size_t rest = size % 64;
    const size_t total = rest < 56 ? 64 : 128;
    const uint64_t bits = (uint64_t)size * 8;

    if (rest != 0) {
        memcpy(tail, data + (size - rest), rest);
    }
    tail[rest] = 0x80;
    for (unsigned i = 0; i < 8; i++) {
        const size_t at = kind == HI_DIGEST_MD5 ? total - 8 + i : total - 1 - i;

        tail[at] = (uint8_t)(bits >> (8 * i));
    }
    for (size_t i = 0; i < total; i += 64) {
        dig_block(kind, h, tail + i);
    }
}

size_t hi_digest_of(hi_digest kind, const void *data, size_t size, uint8_t out[HI_DIGEST_MAX])
{
    static const size_t sizes[] = {16, 20, 32};
    uint32_t h[8] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};

    if (kind == HI_DIGEST_SHA256) {
        static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                          0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};

        memcpy(h, start, sizeof(h));
    }
    for (size_t i = 0; i + 64 <= size; i += 64) {
        dig_block(kind, h, (const uint8_t *)data + i);
    }
    dig_finish(kind, h, data, size);
    for (size_t i = 0; i < sizes[kind]; i++) {
        const unsigned byte = (unsigned)(i % 4);

        out[i] = (uint8_t)(h[i / 4] >> (kind == HI_DIGEST_MD5 ? 8 * byte : 24 - 8 * byte));
    }
    return sizes[kind];
}
