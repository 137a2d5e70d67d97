/* parts.c -- for tests: what the manifest of a store says about its parts; see parts.h. */
#include "tests/support/parts.h"

#include <stdio.h>

#include "os/file.h"

#define PARTS_DIR "db"

bool parts_load(hist_vfs *vfs, hi_mem *mem, hi_manifest *manifest_out)
{
    hi_super super;
    hi_super_state state;

    return hi_super_read(vfs, PARTS_DIR, false, &super, &state, NULL) == HIST_OK &&
           hi_manifest_load(vfs, PARTS_DIR, &super, mem, manifest_out, NULL) == HIST_OK;
}

bool parts_store(hist_vfs *vfs, const hi_manifest *manifest)
{
    char path[HI_PATH_SIZE];

    return hi_name_path(PARTS_DIR, HI_FILE_MANIFEST, manifest->generation, path, NULL) == HIST_OK &&
           vfs->unlink(vfs, path, NULL) == HIST_OK &&
           hi_manifest_write_new(manifest, vfs, PARTS_DIR, NULL) == HIST_OK;
}

static bool parts_is(const hi_part_entry *part, uint32_t flag)
{
    return (part->flags & flag) != 0;
}

static bool parts_same_key(const hi_part_entry *a, const hi_part_entry *b)
{
    return !parts_is(a, HI_PART_SPANNING) && !parts_is(b, HI_PART_SPANNING) &&
           a->ranges[0].table == b->ranges[0].table &&
           a->ranges[0].partition_ns == b->ranges[0].partition_ns &&
           a->ranges[0].width_ns == b->ranges[0].width_ns;
}

/* Runs of the partition of part number `at`: each is counted at its first part. */
static uint32_t parts_runs(const hi_manifest *m, size_t at)
{
    uint32_t runs = 0;

    for (size_t i = 0; i < m->part_count; i++) {
        bool first = parts_same_key(&m->parts[i], &m->parts[at]);

        for (size_t k = 0; k < i && first; k++) {
            first = !(parts_same_key(&m->parts[k], &m->parts[i]) &&
                      m->parts[k].seq_high == m->parts[i].seq_high);
        }
        runs += first ? 1 : 0;
    }
    return runs;
}

static uint32_t parts_overlaps(const hi_manifest *m, size_t at)
{
    const hi_part_entry *a = &m->parts[at];
    uint32_t overlaps = 0;

    for (size_t i = 0; i < at; i++) {
        const hi_part_entry *b = &m->parts[i];
        const bool both_cut = parts_is(a, HI_PART_CUT) && parts_is(b, HI_PART_CUT);

        if (parts_same_key(a, b) && a->seq_high == b->seq_high &&
            !(both_cut && (a->last_series < b->first_series || b->last_series < a->first_series))) {
            overlaps++;
        }
    }
    return overlaps;
}

static void parts_add(parts_figures *f, const hi_manifest *m, size_t at)
{
    const hi_part_entry *part = &m->parts[at];

    f->parts++;
    f->cut += parts_is(part, HI_PART_CUT);
    f->spanning += parts_is(part, HI_PART_SPANNING);
    if (parts_is(part, HI_PART_SPANNING)) {
        return;
    }
    const uint32_t runs = parts_runs(m, at);
    const bool shared = !parts_is(part, HI_PART_CUT) || part->first_series < part->last_series;
    f->runs_most = runs > f->runs_most ? runs : f->runs_most;
    f->bytes_most = part->file_size > f->bytes_most ? part->file_size : f->bytes_most;
    f->bytes_shared =
        shared && part->file_size > f->bytes_shared ? part->file_size : f->bytes_shared;
    f->overlaps += parts_overlaps(m, at);
}

parts_figures parts_look(hist_vfs *vfs)
{
    parts_figures f = {0};
    hi_manifest m;
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    if (parts_load(vfs, &mem, &m)) {
        for (size_t i = 0; i < m.part_count; i++) {
            parts_add(&f, &m, i);
        }
        hi_manifest_free(&m);
    }
    return f;
}

typedef struct parts_sweep {
    const hi_manifest *manifest;
    uint32_t unnamed;
} parts_sweep;

static int parts_sweep_entry(void *arg, const char *name)
{
    parts_sweep *sweep = arg;
    const hi_manifest *m = sweep->manifest;
    uint64_t id = 0;
    bool named = hi_name_parse(name, &id) != HI_FILE_PART || hi_manifest_find_part(m, id) != NULL;

    for (size_t i = 0; i < m->obsolete_count; i++) {
        named |= m->obsolete[i].kind == HI_FILE_PART && m->obsolete[i].id == id;
    }
    sweep->unnamed += named ? 0 : 1;
    return 0;
}

uint32_t parts_unnamed(hist_vfs *vfs)
{
    hi_manifest m;
    hi_mem mem;
    parts_sweep sweep = {.manifest = &m, .unnamed = UINT32_MAX};

    hi_mem_init(&mem, NULL, NULL, 0);
    if (parts_load(vfs, &mem, &m)) {
        sweep.unnamed = 0;
        if (vfs->list(vfs, PARTS_DIR, parts_sweep_entry, &sweep, NULL) != HIST_OK) {
            sweep.unnamed = UINT32_MAX;
        }
        hi_manifest_free(&m);
    }
    return sweep.unnamed;
}
