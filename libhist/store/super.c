/* super.c -- reads and writes the two slots of SUPER; see super.h for the layout. */
#include "store/super.h"

#include <string.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "store/names.h"

#define SUPER_MAGIC      "HISTSUP0"
#define SUPER_SUM_AT     (HI_SUPER_SLOT_SIZE - 8)
#define SUPER_FLAG_CLEAN 1
#define SUPER_USED       120 /* Bytes with a meaning; the rest up to the sum is zero. */

uint64_t hi_super_store(const uint8_t uuid[16])
{
    return hi_get_u64(uuid);
}

static uint64_t super_slot_offset(unsigned slot)
{
    return (uint64_t)slot * HI_SUPER_SLOT_DISTANCE;
}

static uint64_t super_sum(const uint8_t *bytes, unsigned slot)
{
    return hi_hash(bytes, SUPER_SUM_AT, hi_hash_seed(0, slot, super_slot_offset(slot)));
}

void hi_super_encode(const hi_super *super, unsigned slot, uint8_t out[HI_SUPER_SLOT_SIZE])
{
    memset(out, 0, HI_SUPER_SLOT_SIZE);
    memcpy(out, SUPER_MAGIC, 8);
    hi_put_u32(out + 8, HI_FORMAT_VERSION);
    hi_put_u32(out + 12, slot);
    hi_features_put(out + 16, &super->features);
    memcpy(out + 40, super->uuid, 16);
    hi_put_u64(out + 56, super->generation);
    hi_put_u64(out + 64, super->manifest_generation);
    hi_put_u64(out + 72, super->durable_seq);
    hi_put_u32(out + 80, super->clean ? SUPER_FLAG_CLEAN : 0);
    hi_put_u32(out + 84, super->wal_segment_bytes);
    hi_put_u64(out + 88, (uint64_t)super->created_ns);
    hi_put_u64(out + 96, super->write_no);
    hi_put_u64(out + 104, (uint64_t)super->era.from_ns);
    hi_put_u64(out + 112, (uint64_t)super->era.to_ns);
    hi_put_u64(out + SUPER_SUM_AT, super_sum(out, slot));
}

hist_status hi_super_decode(const uint8_t bytes[HI_SUPER_SLOT_SIZE], unsigned slot,
                            const char *path, hi_super *super_out, hist_error *err)
{
    const int64_t at = (int64_t)super_slot_offset(slot);

    if (memcmp(bytes, SUPER_MAGIC, 8) != 0) {
        return hi_corrupt(err, path, at, "slot %u has no magic", slot);
    }
    if (hi_get_u64(bytes + SUPER_SUM_AT) != super_sum(bytes, slot)) {
        return hi_corrupt(err, path, at, "checksum of slot %u does not match", slot);
    }
    const uint32_t version = hi_get_u32(bytes + 8);
    if (version != HI_FORMAT_VERSION) {
        return hi_fail(err, HIST_EVERSION,
                       "%s: format version %u, this version (%s) reads only %d; use a newer one",
                       path, version, HIST_VERSION, HI_FORMAT_VERSION);
    }
    if (hi_get_u32(bytes + 12) != slot) {
        return hi_corrupt(err, path, at, "slot %u says it is slot %u", slot,
                          hi_get_u32(bytes + 12));
    }
    *super_out = (hi_super){
        .features = hi_features_get(bytes + 16),
        .generation = hi_get_u64(bytes + 56),
        .manifest_generation = hi_get_u64(bytes + 64),
        .durable_seq = hi_get_u64(bytes + 72),
        .clean = (hi_get_u32(bytes + 80) & SUPER_FLAG_CLEAN) != 0,
        .wal_segment_bytes = hi_get_u32(bytes + 84),
        .created_ns = (int64_t)hi_get_u64(bytes + 88),
        .write_no = hi_get_u64(bytes + 96),
        .era = {(int64_t)hi_get_u64(bytes + 104), (int64_t)hi_get_u64(bytes + 112)},
    };
    if (super_out->era.from_ns > super_out->era.to_ns) {
        return hi_corrupt(err, path, at + 104, "slot %u has an era that ends before it begins",
                          slot);
    }
    memcpy(super_out->uuid, bytes + 40, 16);
    return HIST_OK;
}

hist_status hi_super_create(hist_vfs *vfs, const char *dir, hi_super *super, hist_error *err)
{
    static const uint8_t gap[HI_SUPER_SLOT_DISTANCE - HI_SUPER_SLOT_SIZE];
    uint8_t slots[2][HI_SUPER_SLOT_SIZE];
    char name[HI_NAME_SIZE];
    const hist_iov iov[] = {
        {.data = slots[0], .size = HI_SUPER_SLOT_SIZE},
        {.data = gap, .size = sizeof(gap)},
        {.data = slots[1], .size = HI_SUPER_SLOT_SIZE},
        {.data = gap, .size = sizeof(gap)},
    };

    /* Slot 1 is the newer one, so the next write goes to slot 0. */
    super->write_no = 1;
    hi_super_encode(super, 0, slots[0]);
    super->write_no = 2;
    hi_super_encode(super, 1, slots[1]);
    hi_name_format(HI_FILE_SUPER, 0, name);
    return hi_file_write_new(vfs, dir, name, iov, sizeof(iov) / sizeof(iov[0]), err);
}

typedef struct super_slots {
    hi_super slot[2];
    hist_status status[2];
    hist_error error[2];
} super_slots;

static hist_status super_read_slots(hist_file *file, const char *path, super_slots *slots,
                                    hist_error *err)
{
    uint8_t bytes[HI_SUPER_SLOT_SIZE];
    uint64_t size = 0;

    HI_TRY(file->ops->size(file, &size, err));
    if (size != HI_SUPER_FILE_SIZE) {
        return hi_corrupt(err, path, -1, "has %llu bytes instead of %d", (unsigned long long)size,
                          HI_SUPER_FILE_SIZE);
    }
    for (unsigned i = 0; i < 2; i++) {
        slots->status[i] = hi_file_read_exact(file, path, super_slot_offset(i), bytes,
                                              sizeof(bytes), &slots->error[i]);
        if (slots->status[i] == HIST_OK) {
            slots->status[i] = hi_super_decode(bytes, i, path, &slots->slot[i], &slots->error[i]);
        }
    }
    return HIST_OK;
}

/* Which slot to take, or why none. A slot of a future version is not skipped: the other one
   would be an older state of the store. */
static hist_status super_choose(const super_slots *slots, unsigned *slot_out, hist_error *err)
{
    const bool ok0 = slots->status[0] == HIST_OK;
    const bool ok1 = slots->status[1] == HIST_OK;

    for (unsigned i = 0; i < 2; i++) {
        if (slots->status[i] == HIST_EVERSION || (!ok0 && !ok1 && i == 1)) {
            if (err != NULL) {
                *err = slots->error[i];
            }
            return slots->status[i];
        }
    }
    *slot_out =
        ok0 && ok1 ? (slots->slot[1].write_no > slots->slot[0].write_no ? 1 : 0) : (ok1 ? 1 : 0);
    return HIST_OK;
}

hist_status hi_super_read(hist_vfs *vfs, const char *dir, bool for_write, hi_super *super_out,
                          hi_super_state *state_out, hist_error *err)
{
    char path[HI_PATH_SIZE];
    hist_file *file = NULL;
    super_slots slots = {0};
    unsigned slot = 0;

    *state_out = (hi_super_state){0};
    HI_TRY(hi_name_path(dir, HI_FILE_SUPER, 0, path, err));
    HI_TRY(vfs->open(vfs, path, HIST_OPEN_READ, &file, err));
    hist_status st = super_read_slots(file, path, &slots, err);
    hi_file_close(file);
    if (st == HIST_OK) {
        st = super_choose(&slots, &slot, err);
    }
    if (st != HIST_OK) {
        return st;
    }
    HI_TRY(hi_features_check(&slots.slot[slot].features, path, for_write, err));
    *super_out = slots.slot[slot];
    state_out->slot = slot;
    state_out->other_valid = slots.status[1 - slot] == HIST_OK;
    state_out->fallback = !state_out->other_valid;
    state_out->other = slots.slot[1 - slot];
    return HIST_OK;
}

hist_status hi_super_write(hist_vfs *vfs, const char *dir, hi_super *super, hi_super_state *state,
                           hist_error *err)
{
    const unsigned slot = 1 - state->slot;
    uint8_t bytes[HI_SUPER_SLOT_SIZE];
    const hist_iov iov = {.data = bytes, .size = sizeof(bytes)};
    const uint64_t write_no = super->write_no;
    char path[HI_PATH_SIZE];
    hist_file *file = NULL;

    HI_TRY(hi_name_path(dir, HI_FILE_SUPER, 0, path, err));
    HI_TRY(vfs->open(vfs, path, HIST_OPEN_WRITE, &file, err));
    super->write_no = write_no + 1;
    hi_super_encode(super, slot, bytes);
    hist_status st = file->ops->write(file, super_slot_offset(slot), &iov, 1, err);
    if (st == HIST_OK) {
        st = file->ops->sync(file, err);
    }
    hi_file_close(file);
    if (st != HIST_OK) {
        super->write_no = write_no;
        return st;
    }
    state->slot = slot;
    state->fallback = false;
    return HIST_OK;
}
