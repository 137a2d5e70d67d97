/* test_part_damage.c -- damaged part files never give a wrong answer. */
#include "store/part_read.h"
#include "tests/support/part_world.h"

/* ---- damage ---- */

static void count_problem(void *arg, const char *file, int64_t offset, const char *problem)
{
    (void)offset;
    (void)problem;
    assert_non_null(strstr(file, "P-7.hp"));
    ++*(int *)arg;
}

static int verify_part(const hi_part_config *config, const hi_part_summary *summary)
{
    hi_part *part = open_part(config, PART, summary);
    int problems = 0;

    const hist_status status = hi_part_verify(part, count_problem, &problems, NULL);
    assert_true((status == HIST_OK) == (problems == 0));
    hi_part_free(part);
    return problems;
}

static uint8_t *load_file(fixture *f, size_t *size_out)
{
    hi_file_data file;

    assert_int_equal(hi_file_read_whole(f->vfs, "db/P-7.hp", &f->mem, 1 << 30, &file, NULL),
                     HIST_OK);
    uint8_t *copy = malloc(file.size);
    assert_non_null(copy);
    memcpy(copy, file.data, file.size);
    *size_out = file.size;
    hi_file_data_free(&file, &f->mem);
    return copy;
}

static void store_file(fixture *f, const uint8_t *data, size_t size)
{
    const hist_iov iov = {data, size};
    hist_error err;

    assert_int_equal(f->vfs->unlink(f->vfs, "db/P-7.hp", NULL), HIST_OK);
    must(hi_file_write_new(f->vfs, "db", "P-7.hp", &iov, 1, &err), &err);
}

/* How many blocks with bytes lie in the directories of a part. */
static uint32_t tiny_blocks(hi_part *part)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    hi_part_block shared;
    hi_part_dir *dir = NULL;
    uint32_t tiny = 0;
    hist_error err;

    for (uint32_t g = 0; g < part->footer.group_count; g++) {
        must(hi_part_dir_get(part, g, &dir, &err), &err);
        for (uint32_t p = 0; p < dir->page_count; p++) {
            assert_int_equal(hi_part_dir_blocks(dir, &dir->pages[p], &shared, blocks), HIST_OK);
            for (uint32_t b = 0; b < dir->block_count; b++) {
                tiny += blocks[b].size > 0 && hi_part_dir_tiny(dir, &blocks[b]) != NULL;
            }
        }
        hi_part_dir_put(part, dir);
    }
    return tiny;
}

static void any_damaged_byte_is_an_error_or_the_same_answer(void **state)
{
    const shape s = {.sources = 2, .rows = 90, .series = 4, .times = 60};
    uint64_t seed = 41;
    size_t size = 0;
    int found = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    uint8_t *data = load_file(&f, &size);
    const answer all = ask(&f.config, &f.summary, false);
    const answer narrow = ask(&f.config, &f.summary, true);
    fixture_frags(&f, INT64_MIN, INT64_MAX, NULL, 0); /* Holds the part open. */
    assert_true(tiny_blocks(f.part) > 0);
    fixture_drop_frags(&f);
    must(all.status, &all.err);
    must(narrow.status, &narrow.err);
    for (size_t at = 0; at < size; at++) {
        data[at] ^= (uint8_t)(1u << (at % 8));
        store_file(&f, data, size);
        data[at] ^= (uint8_t)(1u << (at % 8));
        answer a = ask(&f.config, &f.summary, false);
        found += !same_or_error(&a, &all, HIST_ECORRUPT);
        free(a.rows);
        a = ask(&f.config, &f.summary, true);
        (void)same_or_error(&a, &narrow, HIST_ECORRUPT);
        free(a.rows);
        const int problems = verify_part(&f.config, &f.summary);
        if (problems != 1) {
            fail_msg("a flipped bit in byte %zu of %zu is %d problems", at, size, problems);
        }
    }
    /* Reading everything reads every byte. */
    assert_int_equal(found, (int)size);
    free(all.rows);
    free(narrow.rows);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void a_file_of_another_length_is_an_error(void **state)
{
    const shape s = {.sources = 1, .rows = 40, .series = 2, .times = 60};
    uint64_t seed = 42;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    uint8_t *data = load_file(&f, &size);
    uint8_t *more = calloc(1, size + 1);
    memcpy(more, data, size);
    for (size_t length = 0; length <= size + 1; length += 7) {
        if (length == size) {
            continue;
        }
        store_file(&f, more, length);
        answer a = ask(&f.config, &f.summary, false);
        assert_int_equal(a.status, HIST_ECORRUPT);
        /* And when the manifest has the wrong length as well. */
        hi_part_summary summary = f.summary;
        summary.size_bytes = length;
        a = ask(&f.config, &summary, false);
        assert_int_equal(a.status, HIST_ECORRUPT);
    }
    free(more);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void misplaced_and_foreign_bytes_are_noticed(void **state)
{
    const shape s = {.sources = 1, .rows = 40, .series = 2, .times = 60};
    uint64_t seed = 43;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    hi_part_config other = f.config;
    other.store ^= 1;
    answer a = ask(&other, &f.summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    hi_part_summary summary = f.summary;
    summary.footer_hash ^= 1;
    a = ask(&f.config, &summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    summary = f.summary;
    summary.seq_high++;
    a = ask(&f.config, &summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_int_equal(f.vfs->rename(f.vfs, "db/P-7.hp", "db/P-8.hp", NULL), HIST_OK);
    a = ask(&f.config, &f.summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_non_null(strstr(a.err.message, "gone"));
    fixture_close(&f);
    world_free(&w);
}

/* Directory of the only row group, unpacked. */
static hi_part_dir *load_dir(fixture *f, const uint8_t *data, size_t size, hi_part_footer *footer,
                             hi_part_tail *tail)
{
    hi_part_dir *dir = NULL;

    assert_int_equal(hi_part_tail_parse(data + size - HI_PART_TAIL_SIZE, size, tail), HIST_OK);
    assert_int_equal(hi_part_footer_parse(&f->mem, data + tail->footer_offset, tail->footer_size,
                                          tail->footer_offset, footer),
                     HIST_OK);
    assert_int_equal(footer->group_count, 1);
    const hi_part_group *g = &footer->groups[0];
    assert_int_equal(hi_part_dir_parse(&f->mem, data + g->dir_offset, g->dir_size, g, &dir),
                     HIST_OK);
    return dir;
}

static void blocks_that_changed_places_are_noticed(void **state)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    hi_part_block shared;
    hi_part_footer footer;
    hi_part_tail tail;
    uint64_t seed = 45;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 20000, &seed);
    for (uint32_t i = 0; i < 20000; i++) {
        /* Every block of 5000 rows has the same bits, which are not few. */
        const uint32_t at = i % 5000;

        w.rows[0][i].cells[FM_BOOL] = (fm_cell){true, (at * at / 7 + at / 3) % 2};
    }
    w.frags[0]->ops->close(w.frags[0]);
    w.frags[0] = fm_frag_new(w.rows[0], 20000, TABLE, 1, 1, 500);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    uint8_t *data = load_file(&f, &size);
    hi_part_dir *dir = load_dir(&f, data, size, &footer, &tail);
    const hi_part_page *page = hi_part_dir_page(dir, FM_COLUMN_ID(FM_BOOL));
    assert_non_null(page);
    assert_int_equal(hi_part_dir_blocks(dir, page, &shared, blocks), HIST_OK);
    assert_true(blocks[0].size > HI_PART_TINY_MAX);
    const size_t bytes = blocks[0].size + HI_PART_HASH_SIZE;
    assert_int_equal(blocks[0].size, blocks[1].size);
    /* The same values, yet not the same checksum. */
    assert_memory_equal(data + blocks[0].offset, data + blocks[1].offset, blocks[0].size);
    memcpy(data + blocks[1].offset, data + blocks[0].offset, bytes);
    store_file(&f, data, size);
    const answer a = ask(&f.config, &f.summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_int_equal(a.err.offset, blocks[1].offset);
    free(a.rows);
    hi_part_dir_free(&f.mem, dir);
    hi_part_footer_free(&f.mem, &footer);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

/* The part anew with the directory as `dir` has it, stored plainly, and every checksum right. */
static hi_part_summary store_dir(fixture *f, const uint8_t *data, const hi_part_dir *dir,
                                 hi_part_footer *footer, hi_part_tail *tail)
{
    hi_part_group *g = &footer->groups[0];
    hi_part_summary summary = f->summary;
    uint8_t end[HI_PART_TAIL_SIZE];
    hi_buf file;

    hi_buf_init(&file, &f->mem, 1 << 20);
    hi_buf_append(&file, data, g->dir_offset);
    hi_buf_byte(&file, 0);
    hi_buf_append(&file, dir->bytes, dir->bytes_size);
    g->dir_size = (uint32_t)(file.size - g->dir_offset);
    g->dir_hash =
        hi_hash(file.data + g->dir_offset, g->dir_size, hi_hash_seed(STORE, PART, g->dir_offset));
    tail->footer_offset = file.size;
    hi_part_footer_put(&file, footer);
    tail->footer_size = (uint32_t)(file.size - tail->footer_offset);
    tail->footer_hash = hi_hash(file.data + tail->footer_offset, tail->footer_size,
                                hi_hash_seed(STORE, PART, tail->footer_offset));
    hi_part_tail_put(end, tail);
    hi_buf_append(&file, end, sizeof(end));
    assert_true(hi_buf_ok(&file));
    store_file(f, (const uint8_t *)file.data, file.size);
    summary.size_bytes = file.size;
    summary.footer_hash = tail->footer_hash;
    hi_buf_free(&file);
    return summary;
}

static void verify_finds_statistics_that_lie(void **state)
{
    hi_part_footer footer;
    hi_part_tail tail;
    uint64_t seed = 46;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 200, &seed);
    w.rows[0][150].cells[FM_RARE] = (fm_cell){true, 77};
    w.frags[0]->ops->close(w.frags[0]);
    w.frags[0] = fm_frag_new(w.rows[0], 200, TABLE, 1, 1, 500);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    uint8_t *data = load_file(&f, &size);
    hi_part_dir *dir = load_dir(&f, data, size, &footer, &tail);
    /* M2 is the last of a page whose blocks are not tiny. */
    const hi_part_page *page = hi_part_dir_page(dir, FM_COLUMN_ID(FM_LONG));
    assert_non_null(page);
    dir->bytes[page->at + page->size - 3] ^= 1;
    const hi_part_summary summary = store_dir(&f, data, dir, &footer, &tail);
    assert_int_equal(verify_part(&f.config, &summary), 1);
    hi_part_dir_free(&f.mem, dir);
    hi_part_footer_free(&f.mem, &footer);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

/* What lies in the directory has no checksum of its own; the directory is then the place of the damage. */
static void a_tiny_block_that_cannot_be_decoded_is_damage_of_the_directory(void **state)
{
    hi_part_block blocks[HI_PART_BLOCKS_MAX];
    hi_part_block shared;
    hi_part_footer footer;
    hi_part_tail tail;
    uint64_t seed = 47;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    rising_world(&w, 100, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 65536);
    uint8_t *data = load_file(&f, &size);
    hi_part_dir *dir = load_dir(&f, data, size, &footer, &tail);
    const hi_part_page *page = hi_part_dir_page(dir, FM_COLUMN_ID(FM_BOOL));
    assert_non_null(page);
    assert_int_equal(hi_part_dir_blocks(dir, page, &shared, blocks), HIST_OK);
    assert_non_null(hi_part_dir_tiny(dir, &blocks[0]));
    const uint64_t at = footer.groups[0].dir_offset;
    hi_part_summary summary = store_dir(&f, data, dir, &footer, &tail);
    answer a = ask(&f.config, &summary, false);
    must(a.status, &a.err);
    free(a.rows);
    dir->bytes[blocks[0].at] ^= 0x55; /* Says which encoding it is. */
    summary = store_dir(&f, data, dir, &footer, &tail);
    a = ask(&f.config, &summary, false);
    assert_int_equal(a.status, HIST_ECORRUPT);
    assert_int_equal(a.err.offset, at);
    assert_non_null(strstr(a.err.message, "P-7.hp"));
    assert_int_equal(verify_part(&f.config, &summary), 1);
    free(a.rows);
    hi_part_dir_free(&f.mem, dir);
    hi_part_footer_free(&f.mem, &footer);
    free(data);
    fixture_close(&f);
    world_free(&w);
}

static void an_unknown_feature_or_version_is_refused_by_number(void **state)
{
    const shape s = {.sources = 1, .rows = 40, .series = 2, .times = 60};
    uint64_t seed = 44;
    size_t size = 0;
    world w;
    fixture f;

    (void)state;
    world_make(&w, &s, &seed);
    fixture_open(&f, &w, HI_PROFILE_WARM, 70);
    uint8_t *data = load_file(&f, &size);
    uint8_t header[HI_PART_HEADER_SIZE];
    memcpy(header, data, sizeof(header));
    for (int round = 0; round < 4; round++) {
        memcpy(data, header, sizeof(header));
        if (round == 0) {
            hi_put_u64(data + 32, UINT64_C(1) << 13);
        } else if (round == 1) {
            hi_put_u32(data + 8, 1);
        } else {
            hi_put_u64(data + 8 + (size_t)round * 4, UINT64_MAX); /* These two may be ignored. */
        }
        hi_put_u64(data + 56, hi_hash(data, 56, hi_hash_seed(STORE, PART, 0)));
        store_file(&f, data, size);
        const answer a = ask(&f.config, &f.summary, false);
        assert_int_equal(a.status, round < 2 ? HIST_EVERSION : HIST_OK);
        if (round < 2) {
            assert_non_null(strstr(a.err.message, round == 0 ? "13" : "format 1"));
        }
        free(a.rows);
    }
    free(data);
    fixture_close(&f);
    world_free(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_damaged_byte_is_an_error_or_the_same_answer),
        cmocka_unit_test(a_file_of_another_length_is_an_error),
        cmocka_unit_test(misplaced_and_foreign_bytes_are_noticed),
        cmocka_unit_test(blocks_that_changed_places_are_noticed),
        cmocka_unit_test(verify_finds_statistics_that_lie),
        cmocka_unit_test(a_tiny_block_that_cannot_be_decoded_is_damage_of_the_directory),
        cmocka_unit_test(an_unknown_feature_or_version_is_refused_by_number),
    };

    return cmocka_run_group_tests_name("part_damage", tests, NULL, NULL);
}
