/*
 * fuzz_squeeze.c -- hostile zstd frames: exactly the bytes asked for or an error, none outside; and
 * what is squeezed comes back.
 *
 * u8 way (odd: squeeze), u16 room, then a frame or what is to be one.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "tests/support/fuzz_codec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_expand(const uint8_t *frame, size_t size, size_t room)
{
    uint8_t *made[2];
    hist_status status[2];

    for (unsigned i = 0; i < 2; i++) {
        made[i] = fz_alloc(room);
        fz_paint(made[i], room, i);
        status[i] = hi_unsqueeze(frame, size, made[i], room);
        fz_check(status[i] == HIST_OK || status[i] == HIST_ECORRUPT, "a status of its own");
    }
    fz_check(status[0] == status[1], "status depends on the room");
    fz_check(status[0] != HIST_OK || memcmp(made[0], made[1], room) == 0,
             "bytes that were not written");
    free(made[0]);
    free(made[1]);
}

static void fuzz_round_trip(hi_profile profile, const uint8_t *data, size_t size)
{
    static hi_mem mem;
    static hi_squeezer squeezer;
    uint8_t *frame = fz_alloc(hi_squeeze_bound(size));
    uint8_t *back = fz_alloc(size);
    size_t made = 0;

    if (squeezer.mem == NULL) {
        hi_mem_init(&mem, NULL, NULL, 0);
        squeezer.mem = &mem;
    }
    fz_check(hi_squeeze(&squeezer, profile, data, size, frame, SIZE_MAX, &made) == HIST_OK,
             "cannot squeeze");
    fz_check(hi_unsqueeze(frame, made, back, size) == HIST_OK && memcmp(back, data, size) == 0,
             "what was squeezed does not come back");
    free(back);
    free(frame);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 4) {
        return 0;
    }
    uint8_t *source = fz_alloc(size - 3); /* Frames need nothing behind them. */
    memcpy(source, data + 3, size - 3);
    if ((data[0] & 1) != 0) {
        fuzz_round_trip((data[0] & 2) != 0 ? HI_PROFILE_COLD : HI_PROFILE_WARM, source, size - 3);
    } else {
        fuzz_expand(source, size - 3, (size_t)fz_rows(hi_get_u16(data + 1)) * 8);
    }
    free(source);
    return 0;
}
