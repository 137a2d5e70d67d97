/*
 * fuzz_manifest.c -- hostile manifests, SUPER slots and file names: an error, or something
 * that encodes to what decodes to the same.
 *
 * Byte 0: 0 = manifest as is, 1 = manifest with frame and checksum set right, 2 = slot of SUPER
 * as is, 3 = with its checksum set right, 4 = a name.
 */
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/manifest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_manifest(const uint8_t *data, size_t size)
{
    hi_mem mem;
    hi_manifest first;
    hi_manifest second;
    hi_file_data a;
    hi_file_data b;

    hi_mem_init(&mem, NULL, NULL, 0);
    if (hi_manifest_decode(data, size, "fuzz", &mem, &first, NULL) == HIST_OK) {
        if (hi_manifest_encode(&first, &a, NULL) != HIST_OK ||
            hi_manifest_decode(a.data, a.size, "fuzz", &mem, &second, NULL) != HIST_OK ||
            hi_manifest_encode(&second, &b, NULL) != HIST_OK || a.size != b.size ||
            memcmp(a.data, b.data, a.size) != 0) {
            abort();
        }
        hi_file_data_free(&a, &mem);
        hi_file_data_free(&b, &mem);
        hi_manifest_free(&second);
    }
    hi_manifest_free(&first);
    if (mem.used != 0 || mem.peak > size * 64 + 65536) {
        abort();
    }
}

/* The input is the body; frame and checksum are made to fit. */
static void fuzz_manifest_sealed(const uint8_t *body, size_t size)
{
    const size_t total = 72 + size + 8;
    uint8_t *bytes = calloc(1, total);

    if (bytes == NULL) {
        return;
    }
    memcpy(bytes, "HISTMAN0", 8);
    hi_put_u64(bytes + 64, size);
    if (size > 0) {
        memcpy(bytes + 72, body, size);
    }
    hi_put_u64(bytes + total - 8, hi_hash(bytes, total - 8, hi_hash_seed(0, 0, 0)));
    fuzz_manifest(bytes, total);
    free(bytes);
}

static void fuzz_super(const uint8_t *data, size_t size, bool seal)
{
    uint8_t bytes[HI_SUPER_SLOT_SIZE] = {0};
    uint8_t again[HI_SUPER_SLOT_SIZE];
    hi_super super;
    hi_super same;

    memcpy(bytes, data, size < sizeof(bytes) ? size : sizeof(bytes));
    if (seal) {
        memcpy(bytes, "HISTSUP0", 8);
        hi_put_u64(bytes + 4088, hi_hash(bytes, 4088, hi_hash_seed(0, 1, HI_SUPER_SLOT_DISTANCE)));
    }
    if (hi_super_decode(bytes, 1, "fuzz", &super, NULL) == HIST_OK) {
        hi_super_encode(&super, 1, again);
        if (hi_super_decode(again, 1, "fuzz", &same, NULL) != HIST_OK ||
            same.write_no != super.write_no || same.clean != super.clean) {
            abort();
        }
        (void)hi_features_check(&super.features, "fuzz", true, NULL);
    }
}

static void fuzz_name(const uint8_t *data, size_t size)
{
    char *name = calloc(1, size + 1);
    char again[HI_NAME_SIZE];
    uint64_t id = 0;

    if (name == NULL) {
        return;
    }
    if (size > 0) {
        memcpy(name, data, size);
    }
    const hi_file_kind kind = hi_name_parse(name, &id);
    if (kind != HI_FILE_OTHER && kind != HI_FILE_TEMP) {
        hi_name_format(kind, id, again);
        if (strcmp(name, again) != 0) {
            abort();
        }
    }
    free(name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    switch (data[0] % 5) {
    case 0:
        fuzz_manifest(data + 1, size - 1);
        break;
    case 1:
        fuzz_manifest_sealed(data + 1, size - 1);
        break;
    case 2:
    case 3:
        fuzz_super(data + 1, size - 1, data[0] % 5 == 3);
        break;
    default:
        fuzz_name(data + 1, size - 1);
        break;
    }
    return 0;
}
