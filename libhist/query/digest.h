/* digest.h -- MD5 (RFC 1321), SHA-1 and SHA-256 (FIPS 180-4) of short texts, for hash_md5() and kin; not for secrets. */
#ifndef HI_QUERY_DIGEST_H
#define HI_QUERY_DIGEST_H

#include <stddef.h>
#include <stdint.h>

#define HI_DIGEST_MAX 32

typedef enum hi_digest { HI_DIGEST_MD5, HI_DIGEST_SHA1, HI_DIGEST_SHA256 } hi_digest;

/* Returns the bytes written: 16, 20 or 32. */
size_t hi_digest_of(hi_digest kind, const void *data, size_t size, uint8_t out[HI_DIGEST_MAX]);

#endif
