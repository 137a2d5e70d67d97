/* hash.h -- xxHash (XXH3, 64 bits) behind a few calls, so that nobody else includes it. */
#ifndef HI_HASH_H
#define HI_HASH_H

#include <stddef.h>
#include <stdint.h>

/* XXH3_64bits with a seed. Same value on every machine. */
uint64_t hi_hash(const void *data, size_t size, uint64_t seed);

/* The older XXH64: what KQL's hash() is made of. */
uint64_t hi_hash_xxh64(const void *data, size_t size, uint64_t seed);

/* Seed of a block's checksum: store uuid (its first 8 bytes as u64), file id, offset in the file. */
uint64_t hi_hash_seed(uint64_t store, uint64_t file, uint64_t offset);

#endif
