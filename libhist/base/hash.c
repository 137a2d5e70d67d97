/* hash.c -- xxHash behind a few calls; see hash.h. */
#include "base/hash.h"

#include <xxhash.h>

#include "base/bytes.h"

uint64_t hi_hash(const void *data, size_t size, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, size, seed);
}

uint64_t hi_hash_xxh64(const void *data, size_t size, uint64_t seed)
{
    return XXH64(data, size, seed);
}

uint64_t hi_hash_seed(uint64_t store, uint64_t file, uint64_t offset)
{
    uint8_t bytes[24];

    hi_put_u64(bytes, store);
    hi_put_u64(bytes + 8, file);
    hi_put_u64(bytes + 16, offset);
    return XXH3_64bits(bytes, sizeof(bytes));
}
