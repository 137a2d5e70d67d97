/* part_zstd.c -- zstd with a workspace from hi_mem instead of malloc; see part_zstd.h. */
#define ZSTD_STATIC_LINKING_ONLY /* Contexts in memory of ours are not in the stable half. */
#include "store/part_zstd.h"

#include <zstd.h>

enum { PART_ZSTD_LEVEL = 3, PART_ZSTD_WORTH_IT = 128 };

bool hi_part_zstd_compress(hi_mem *mem, const void *data, size_t size, hi_buf *to)
{
    const ZSTD_compressionParameters params = ZSTD_getCParams(PART_ZSTD_LEVEL, size, 0);
    const size_t room_size = ZSTD_estimateCCtxSize_usingCParams(params);
    size_t got = 0;

    if (size < PART_ZSTD_WORTH_IT || !hi_buf_ok(to) || to->size > to->max - size) {
        return false;
    }
    void *room = hi_mem_alloc(mem, room_size);
    if (room == NULL) {
        return false;
    }
    ZSTD_CCtx *ctx = ZSTD_initStaticCCtx(room, room_size);
    char *out = ctx == NULL ? NULL : hi_buf_reserve(to, size);
    bool done = false;
    if (out != NULL &&
        !ZSTD_isError(ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, PART_ZSTD_LEVEL))) {
        got = ZSTD_compress2(ctx, out, size - size / 16, data, size);
        done = !ZSTD_isError(got);
    }
    to->size += done ? got : 0;
    hi_mem_free(mem, room, room_size);
    return done;
}

hist_status hi_part_zstd_decompress(hi_mem *mem, const void *data, size_t size, void *plain,
                                    size_t plain_size)
{
    const size_t room_size = ZSTD_estimateDCtxSize();
    void *room = hi_mem_alloc(mem, room_size);

    if (room == NULL) {
        return HIST_ENOMEM;
    }
    ZSTD_DCtx *ctx = ZSTD_initStaticDCtx(room, room_size);
    const size_t got = ctx == NULL ? 0 : ZSTD_decompressDCtx(ctx, plain, plain_size, data, size);
    hi_mem_free(mem, room, room_size);
    return ctx != NULL && !ZSTD_isError(got) && got == plain_size ? HIST_OK : HIST_ECORRUPT;
}
