/*
 * manifest_file.c -- the manifest as bytes, and its file; see manifest.h for the frame.
 *
 * The body is varints in the order of manifest_put_body(). Decoding trusts
 * nothing, checksum or not: a count is believed only while bytes for it are left,
 * so no allocation exceeds a small multiple of the file.
 */
#include <string.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/hash.h"
#include "store/manifest.h"

#define MANIFEST_MAGIC       "HISTMAN0"
#define MANIFEST_HEADER_SIZE 72
#define MANIFEST_SUM_SIZE    8

/* ---- to bytes --------------------------------------------------------------------------- */

static void manifest_put_part(hi_buf *buf, const hi_part_entry *part)
{
    hi_buf_varint(buf, part->id);
    hi_buf_varint(buf, part->file_size);
    hi_buf_u64(buf, part->directory_sum);
    hi_buf_varint(buf, part->rows);
    hi_buf_varint(buf, part->seq_low);
    hi_buf_varint(buf, part->seq_high);
    hi_buf_svarint(buf, part->time_min);
    hi_buf_svarint(buf, part->time_max);
    hi_buf_svarint(buf, part->commit_ns_min);
    hi_buf_svarint(buf, part->commit_ns_max);
    hi_buf_varint(buf, part->level);
    hi_buf_varint(buf, part->flags);
    if ((part->flags & HI_PART_CUT) != 0) {
        hi_buf_varint(buf, part->first_series);
        hi_buf_varint(buf, part->last_series);
    }
    hi_buf_varint(buf, part->range_count);
    for (size_t i = 0; i < part->range_count; i++) {
        const hi_part_range *range = &part->ranges[i];

        hi_buf_varint(buf, range->table);
        hi_buf_svarint(buf, range->partition_ns);
        hi_buf_svarint(buf, range->width_ns);
        hi_buf_varint(buf, range->rows);
        hi_buf_svarint(buf, range->time_min);
        hi_buf_svarint(buf, range->time_max);
    }
}

static void manifest_put_catalog(hi_buf *buf, const hi_catalog_entry *catalog)
{
    hi_buf_varint(buf, catalog->id);
    hi_buf_varint(buf, catalog->file_size);
    hi_buf_u64(buf, catalog->sum);
    hi_buf_varint(buf, catalog->kinds);
    hi_buf_varint(buf, catalog->series_first);
    hi_buf_varint(buf, catalog->series_last);
}

static void manifest_put_tombstone(hi_buf *buf, const hi_tombstone_entry *tombstone)
{
    hi_buf_varint(buf, tombstone->seq);
    hi_buf_varint(buf, tombstone->table);
    hi_buf_byte(buf, tombstone->all_series ? 1 : 0);
    hi_buf_varint(buf, tombstone->series_count);
    for (size_t i = 0; i < tombstone->series_count; i++) {
        hi_buf_varint(buf, tombstone->series[i]);
    }
    hi_buf_svarint(buf, tombstone->from_ns);
    hi_buf_svarint(buf, tombstone->to_ns);
}

static void manifest_put_body(hi_buf *buf, const hi_manifest *m)
{
    const char *time_column = m->time_column == NULL ? "" : m->time_column;

    hi_buf_varint(buf, m->previous_generation);
    hi_buf_varint(buf, m->next_part_id);
    hi_buf_varint(buf, m->next_catalog_id);
    hi_buf_varint(buf, m->next_database_id);
    hi_buf_varint(buf, m->next_table_id);
    hi_buf_varint(buf, m->next_column_id);
    hi_buf_varint(buf, m->next_series_id);
    hi_buf_varint(buf, m->wal_floor_segment);
    hi_buf_varint(buf, m->wal_floor_seq);
    hi_buf_text(buf, time_column, strlen(time_column));
    hi_buf_svarint(buf, m->partition_ns);
    hi_buf_varint(buf, m->part_count);
    for (size_t i = 0; i < m->part_count; i++) {
        manifest_put_part(buf, &m->parts[i]);
    }
    hi_buf_varint(buf, m->catalog_count);
    for (size_t i = 0; i < m->catalog_count; i++) {
        manifest_put_catalog(buf, &m->catalogs[i]);
    }
    hi_buf_varint(buf, m->tombstone_count);
    for (size_t i = 0; i < m->tombstone_count; i++) {
        manifest_put_tombstone(buf, &m->tombstones[i]);
    }
    hi_buf_varint(buf, m->obsolete_count);
    for (size_t i = 0; i < m->obsolete_count; i++) {
        hi_buf_varint(buf, (uint64_t)m->obsolete[i].kind);
        hi_buf_varint(buf, m->obsolete[i].id);
    }
    hi_buf_varint(buf, m->eras.count);
    for (uint32_t i = 0; i < m->eras.count; i++) {
        hi_buf_svarint(buf, m->eras.list[i].from_ns);
        hi_buf_svarint(buf, m->eras.list[i].to_ns);
    }
}

/* What a reader must know: a manifest without cut parts has the bytes it always had. */
static uint64_t manifest_refuse(const hi_manifest *m)
{
    uint32_t flags = 0;

    for (size_t i = 0; i < m->part_count; i++) {
        flags |= m->parts[i].flags;
    }
    const uint64_t cut = UINT64_C(1) << HI_FEATURE_CUT;

    return (m->features.refuse & ~cut) | ((flags & HI_PART_CUT) != 0 ? cut : 0);
}

static void manifest_put_header(hi_buf *buf, const hi_manifest *m)
{
    hi_buf_append(buf, MANIFEST_MAGIC, 8);
    hi_buf_u32(buf, HI_FORMAT_VERSION);
    hi_buf_u32(buf, 0);
    hi_buf_u64(buf, m->features.may_ignore);
    hi_buf_u64(buf, m->features.read_only);
    hi_buf_u64(buf, manifest_refuse(m));
    hi_buf_append(buf, m->uuid, sizeof(m->uuid));
    hi_buf_u64(buf, m->generation);
    /* The body size follows; it is patched in when known. */
}

static uint64_t manifest_sum(const uint8_t *data, size_t size, const uint8_t uuid[16],
                             uint64_t generation)
{
    return hi_hash(data, size, hi_hash_seed(hi_super_store(uuid), generation, 0));
}

static hist_status manifest_encode(const hi_manifest *m, hi_buf *buf, hist_error *err)
{
    manifest_put_header(buf, m);
    const size_t size_at = buf->size;
    hi_buf_u64(buf, 0);
    const size_t body_at = buf->size;
    manifest_put_body(buf, m);
    if (!hi_buf_ok(buf)) {
        return hi_fail(
            err, HIST_ENOMEM,
            "the manifest needs more memory than the budget has, or more than %llu bytes",
            (unsigned long long)HI_MANIFEST_BYTES_MAX);
    }
    hi_put_u64((uint8_t *)buf->data + size_at, buf->size - body_at);
    hi_buf_u64(buf, manifest_sum((const uint8_t *)buf->data, buf->size, m->uuid, m->generation));
    return hi_buf_ok(buf) ? HIST_OK : hi_no_memory(err, "the manifest");
}

hist_status hi_manifest_encode(const hi_manifest *m, hi_file_data *out, hist_error *err)
{
    hi_buf buf;

    *out = (hi_file_data){0};
    hi_buf_init(&buf, m->mem, HI_MANIFEST_BYTES_MAX);
    hist_status st = manifest_encode(m, &buf, err);
    if (st == HIST_OK) {
        out->data = hi_mem_alloc(m->mem, buf.size);
        st = out->data == NULL ? hi_no_memory(err, "the manifest") : HIST_OK;
    }
    if (st == HIST_OK) {
        out->size = buf.size;
        memcpy(out->data, buf.data, buf.size);
    }
    hi_buf_free(&buf);
    return st;
}

/* ---- from bytes ------------------------------------------------------------------------- */

typedef struct manifest_reader {
    hi_reader r;
    const char *path;
    hi_manifest *m;
    hist_error *err;
} manifest_reader;

static hist_status manifest_bad(manifest_reader *in, const char *what)
{
    return hi_corrupt(in->err, in->path, (int64_t)in->r.at, "the manifest is not well formed: %s",
                      what);
}

static uint32_t manifest_u32(manifest_reader *in)
{
    const uint64_t v = hi_read_varint(&in->r);

    if (v > UINT32_MAX) {
        in->r.failed = true;
        return 0;
    }
    return (uint32_t)v;
}

/* A number of elements, each of at least `least` bytes: never more than what is left holds. */
static size_t manifest_count(manifest_reader *in, size_t least)
{
    const uint64_t count = hi_read_varint(&in->r);

    if (in->r.failed || count > hi_reader_left(&in->r) / least) {
        in->r.failed = true;
        return 0;
    }
    return (size_t)count;
}

static void manifest_get_range(manifest_reader *in, hi_part_range *range)
{
    range->table = manifest_u32(in);
    range->partition_ns = hi_read_svarint(&in->r);
    range->width_ns = hi_read_svarint(&in->r);
    range->rows = hi_read_varint(&in->r);
    range->time_min = hi_read_svarint(&in->r);
    range->time_max = hi_read_svarint(&in->r);
}

static hist_status manifest_get_part(manifest_reader *in)
{
    hi_part_entry part = {0};

    part.id = hi_read_varint(&in->r);
    part.file_size = hi_read_varint(&in->r);
    part.directory_sum = hi_read_u64(&in->r);
    part.rows = hi_read_varint(&in->r);
    part.seq_low = hi_read_varint(&in->r);
    part.seq_high = hi_read_varint(&in->r);
    part.time_min = hi_read_svarint(&in->r);
    part.time_max = hi_read_svarint(&in->r);
    part.commit_ns_min = hi_read_svarint(&in->r);
    part.commit_ns_max = hi_read_svarint(&in->r);
    part.level = manifest_u32(in);
    part.flags = manifest_u32(in);
    if ((part.flags & HI_PART_CUT) != 0) {
        part.first_series = manifest_u32(in);
        part.last_series = manifest_u32(in);
    }
    part.range_count = manifest_count(in, 6);
    if (in->r.failed) {
        return manifest_bad(in, "a part ends early or has a number out of range");
    }
    if (part.id == 0 || part.id >= in->m->next_part_id || part.seq_low > part.seq_high) {
        return manifest_bad(in, "a part has an impossible id or range of commits");
    }
    if ((part.flags & HI_PART_CUT) != 0 &&
        (part.first_series > part.last_series || part.range_count != 1)) {
        return manifest_bad(in, "a part that was cut has an impossible range of series");
    }
    hi_part_range *ranges = hi_mem_calloc(in->m->mem, part.range_count, sizeof(*ranges));
    if (ranges == NULL) {
        return hi_no_memory(in->err, "the manifest");
    }
    for (size_t i = 0; i < part.range_count; i++) {
        manifest_get_range(in, &ranges[i]);
    }
    part.ranges = ranges;
    const hist_status st = in->r.failed ? manifest_bad(in, "the tables of a part end early")
                                        : hi_manifest_add_part(in->m, &part, in->err);
    hi_mem_free(in->m->mem, ranges, part.range_count * sizeof(*ranges));
    return st;
}

static hist_status manifest_get_catalog(manifest_reader *in)
{
    hi_catalog_entry catalog = {0};

    catalog.id = hi_read_varint(&in->r);
    catalog.file_size = hi_read_varint(&in->r);
    catalog.sum = hi_read_u64(&in->r);
    catalog.kinds = manifest_u32(in);
    catalog.series_first = manifest_u32(in);
    catalog.series_last = manifest_u32(in);
    if (in->r.failed || catalog.id == 0 || catalog.id >= in->m->next_catalog_id) {
        return manifest_bad(in, "a catalog file ends early or has an impossible id");
    }
    return hi_manifest_add_catalog(in->m, &catalog, in->err);
}

static hist_status manifest_get_tombstone(manifest_reader *in)
{
    hi_tombstone_entry tombstone = {0};

    tombstone.seq = hi_read_varint(&in->r);
    tombstone.table = manifest_u32(in);
    const uint8_t all = hi_read_u8(&in->r);
    tombstone.all_series = all == 1;
    tombstone.series_count = manifest_count(in, 1);
    if (in->r.failed || all > 1) {
        return manifest_bad(in, "a delete ends early or has a number out of range");
    }
    uint32_t *series = hi_mem_calloc(in->m->mem, tombstone.series_count, sizeof(*series));
    if (series == NULL) {
        return hi_no_memory(in->err, "the manifest");
    }
    for (size_t i = 0; i < tombstone.series_count; i++) {
        series[i] = manifest_u32(in);
    }
    tombstone.series = series;
    tombstone.from_ns = hi_read_svarint(&in->r);
    tombstone.to_ns = hi_read_svarint(&in->r);
    const hist_status st = in->r.failed ? manifest_bad(in, "a delete ends early")
                                        : hi_manifest_add_tombstone(in->m, &tombstone, in->err);
    hi_mem_free(in->m->mem, series, tombstone.series_count * sizeof(*series));
    return st;
}

static hist_status manifest_get_obsolete(manifest_reader *in)
{
    const uint64_t kind = hi_read_varint(&in->r);
    const uint64_t id = hi_read_varint(&in->r);

    if (in->r.failed || (kind != HI_FILE_MANIFEST && kind != HI_FILE_WAL && kind != HI_FILE_PART &&
                         kind != HI_FILE_CATALOG)) {
        return manifest_bad(in, "an obsolete file ends early or is of no known kind");
    }
    return hi_manifest_add_obsolete(in->m, (hi_file_kind)kind, id, in->err);
}

static hist_status manifest_get_era(manifest_reader *in)
{
    hi_eras *eras = &in->m->eras;
    const int64_t from = hi_read_svarint(&in->r);
    const int64_t to = hi_read_svarint(&in->r);

    if (in->r.failed || eras->count == HI_ERAS_MAX || from > to ||
        (eras->count > 0 && from <= eras->list[eras->count - 1].to_ns)) {
        return manifest_bad(in, "an era ends early or is out of order");
    }
    eras->list[eras->count++] = (hi_era){from, to};
    return HIST_OK;
}

static hist_status manifest_get_options(manifest_reader *in)
{
    hi_manifest *m = in->m;
    char name[HIST_NAME_BYTES_MAX + 1];
    size_t size = 0;

    m->previous_generation = hi_read_varint(&in->r);
    m->next_part_id = hi_read_varint(&in->r);
    m->next_catalog_id = hi_read_varint(&in->r);
    m->next_database_id = manifest_u32(in);
    m->next_table_id = manifest_u32(in);
    m->next_column_id = manifest_u32(in);
    m->next_series_id = manifest_u32(in);
    m->wal_floor_segment = hi_read_varint(&in->r);
    m->wal_floor_seq = hi_read_varint(&in->r);
    const uint8_t *text = hi_read_text(&in->r, &size);
    m->partition_ns = hi_read_svarint(&in->r);
    if (in->r.failed || size > HIST_NAME_BYTES_MAX || memchr(text, '\0', size) != NULL) {
        return manifest_bad(in, "its options end early or hold a bad name");
    }
    if (size == 0) {
        return HIST_OK;
    }
    memcpy(name, text, size);
    name[size] = '\0';
    return hi_manifest_set_time_column(m, name, in->err);
}

static hist_status manifest_get_list(manifest_reader *in, size_t least,
                                     hist_status (*get)(manifest_reader *in))
{
    const size_t count = manifest_count(in, least);

    if (in->r.failed) {
        return manifest_bad(in, "a list is longer than the file");
    }
    for (size_t i = 0; i < count; i++) {
        HI_TRY(get(in));
    }
    return HIST_OK;
}

static hist_status manifest_get_body(manifest_reader *in)
{
    HI_TRY(manifest_get_options(in));
    HI_TRY(manifest_get_list(in, 20, manifest_get_part));
    HI_TRY(manifest_get_list(in, 13, manifest_get_catalog));
    HI_TRY(manifest_get_list(in, 6, manifest_get_tombstone));
    HI_TRY(manifest_get_list(in, 2, manifest_get_obsolete));
    HI_TRY(manifest_get_list(in, 2, manifest_get_era));
    if (hi_reader_left(&in->r) != 0) {
        return manifest_bad(in, "bytes are left over");
    }
    return HIST_OK;
}

/* What each part says is possible; do they fit together? */
static hist_status manifest_get_whole(manifest_reader *in)
{
    hist_error problem;

    HI_TRY(manifest_get_body(in));
    const hist_status st = hi_manifest_check(in->m, &problem);
    return st == HIST_OK       ? HIST_OK
           : st == HIST_ENOMEM ? hi_no_memory(in->err, "the manifest")
                               : manifest_bad(in, problem.message);
}

/* Checks the frame and leaves the reader on the body. */
static hist_status manifest_get_frame(manifest_reader *in)
{
    const uint8_t *data = in->r.data;
    const size_t size = in->r.size;
    hi_manifest *m = in->m;

    if (size < MANIFEST_HEADER_SIZE + MANIFEST_SUM_SIZE || memcmp(data, MANIFEST_MAGIC, 8) != 0) {
        return hi_corrupt(in->err, in->path, 0, "is not a manifest (%zu bytes)", size);
    }
    const size_t sum_at = size - MANIFEST_SUM_SIZE;
    memcpy(m->uuid, data + 40, sizeof(m->uuid));
    m->generation = hi_get_u64(data + 56);
    if (hi_get_u64(data + sum_at) != manifest_sum(data, sum_at, m->uuid, m->generation)) {
        return hi_corrupt(in->err, in->path, -1, "checksum of the manifest does not match");
    }
    const uint32_t version = hi_get_u32(data + 8);
    if (version != HI_FORMAT_VERSION) {
        return hi_fail(in->err, HIST_EVERSION,
                       "%s: format version %u, this version (%s) reads only %d; use a newer one",
                       in->path, version, HIST_VERSION, HI_FORMAT_VERSION);
    }
    if (hi_get_u32(data + 12) != 0 || hi_get_u64(data + 64) != sum_at - MANIFEST_HEADER_SIZE) {
        return hi_corrupt(in->err, in->path, 64, "the manifest says %llu bytes, has %zu",
                          (unsigned long long)hi_get_u64(data + 64), sum_at - MANIFEST_HEADER_SIZE);
    }
    m->features = hi_features_get(data + 16);
    in->r.at = MANIFEST_HEADER_SIZE;
    in->r.size = sum_at;
    return hi_features_check(&m->features, in->path, false, in->err);
}

hist_status hi_manifest_decode(const void *data, size_t size, const char *path, hi_mem *mem,
                               hi_manifest *manifest_out, hist_error *err)
{
    manifest_reader in = {
        .r = hi_reader_of(data, size), .path = path, .m = manifest_out, .err = err};

    hi_manifest_init(manifest_out, mem);
    hist_status st = manifest_get_frame(&in);
    if (st == HIST_OK) {
        st = manifest_get_whole(&in);
    }
    if (st != HIST_OK) {
        hi_manifest_free(manifest_out);
    }
    return st;
}

/* ---- the file --------------------------------------------------------------------------- */

hist_status hi_manifest_write_new(const hi_manifest *m, hist_vfs *vfs, const char *dir,
                                  hist_error *err)
{
    hi_file_data data = {0};
    char name[HI_NAME_SIZE];

    HI_TRY(hi_manifest_encode(m, &data, err));
    const hist_iov iov = {.data = data.data, .size = data.size};
    hi_name_format(HI_FILE_MANIFEST, m->generation, name);
    const hist_status st = hi_file_write_new(vfs, dir, name, &iov, 1, err);
    hi_file_data_free(&data, m->mem);
    return st;
}

hist_status hi_manifest_load(hist_vfs *vfs, const char *dir, const hi_super *super, hi_mem *mem,
                             hi_manifest *manifest_out, hist_error *err)
{
    hi_file_data data = {0};
    char path[HI_PATH_SIZE];

    hi_manifest_init(manifest_out, mem);
    HI_TRY(hi_name_path(dir, HI_FILE_MANIFEST, super->manifest_generation, path, err));
    HI_TRY(hi_file_read_whole(vfs, path, mem, HI_MANIFEST_BYTES_MAX, &data, err));
    hist_status st = hi_manifest_decode(data.data, data.size, path, mem, manifest_out, err);
    hi_file_data_free(&data, mem);
    if (st == HIST_OK && (manifest_out->generation != super->manifest_generation ||
                          memcmp(manifest_out->uuid, super->uuid, sizeof(super->uuid)) != 0)) {
        st = hi_corrupt(err, path, 40, "is generation %llu, or of another store",
                        (unsigned long long)manifest_out->generation);
        hi_manifest_free(manifest_out);
    }
    return st;
}
