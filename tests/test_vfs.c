/* test_vfs.c -- the VFS contract on every implementation, and the test VFSs themselves. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
/* clang-format on */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/file.h"
#include "store/manifest.h"
#include "tests/support/vfs_crash.h"
#include "tests/support/vfs_fault.h"
#include "tests/support/vfs_order.h"

/* ---- one contract, five implementations ------------------------------------------------- */

typedef struct place {
    hist_vfs *vfs;
    hist_vfs *inner; /* Of a wrapper. */
    char root[256];  /* Exists. */
    char dir[300];   /* Does not. */
    void (*free_vfs)(hist_vfs *vfs);
    void (*free_inner)(hist_vfs *vfs);
} place;

static void place_nothing(hist_vfs *vfs)
{
    (void)vfs;
}

static void place_open(place *p, int which)
{
    *p = (place){.free_vfs = place_nothing, .free_inner = place_nothing, .root = "."};
    if (which == 0) {
        const char *tmp = getenv("TMPDIR");

        p->vfs = hist_vfs_posix();
        (void)snprintf(p->root, sizeof(p->root), "%s/hist-test-XXXXXX", tmp == NULL ? "/tmp" : tmp);
        assert_non_null(mkdtemp(p->root));
    } else if (which == 1) {
        p->vfs = hist_vfs_memory_new();
        p->free_vfs = hist_vfs_memory_free;
    } else if (which == 2) {
        p->vfs = vfs_crash_new();
        p->free_vfs = vfs_crash_free;
    } else {
        p->inner = hist_vfs_memory_new();
        p->free_inner = hist_vfs_memory_free;
        p->vfs = which == 3 ? vfs_fault_new(p->inner) : vfs_order_new(p->inner);
        p->free_vfs = which == 3 ? vfs_fault_free : vfs_order_free;
    }
    assert_non_null(p->vfs);
    if (which == 0) {
        (void)snprintf(p->dir, sizeof(p->dir), "%s/d", p->root);
    } else {
        (void)snprintf(p->dir, sizeof(p->dir), "d");
    }
}

static int place_unlink(void *arg, const char *name)
{
    const place *p = arg;
    char path[HI_PATH_SIZE];

    assert_int_equal(hi_path_join(path, p->dir, name, NULL), HIST_OK);
    return unlink(path);
}

static void place_close(place *p, int which)
{
    if (which == 0) {
        (void)p->vfs->list(p->vfs, p->dir, place_unlink, p, NULL);
        assert_int_equal(rmdir(p->dir), 0);
        assert_int_equal(rmdir(p->root), 0);
    }
    p->free_vfs(p->vfs);
    p->free_inner(p->inner);
}

static void contract_content(place *p, const char *path)
{
    hist_vfs *vfs = p->vfs;
    hist_file *file = NULL;
    hist_error err;
    char text[32] = {0};
    size_t got = 0;
    uint64_t size = 0;
    hist_iov iov[200];

    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE, &file, &err), HIST_ENOTFOUND);
    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err),
                     HIST_OK);
    for (size_t i = 0; i < 200; i++) {
        iov[i] = (hist_iov){.data = "ab", .size = i % 3}; /* 0, 1 or 2 bytes. */
    }
    assert_int_equal(file->ops->write(file, 10, iov, 200, &err), HIST_OK);
    assert_int_equal(file->ops->size(file, &size, &err), HIST_OK);
    assert_int_equal(size, 10 + 199);
    assert_int_equal(file->ops->read(file, 8, text, 8, &got, &err), HIST_OK);
    assert_int_equal(got, 8);
    assert_memory_equal(text, "\0\0aabaab", 8);
    assert_int_equal(file->ops->read(file, 207, text, 8, &got, &err), HIST_OK);
    assert_int_equal(got, 2);
    assert_int_equal(file->ops->read(file, 5000, text, 8, &got, &err), HIST_OK);
    assert_int_equal(got, 0);
    assert_int_equal(file->ops->allocate(file, 100000, &err), HIST_OK);
    assert_int_equal(file->ops->size(file, &size, &err), HIST_OK);
    assert_int_equal(size, 100000);
    assert_int_equal(file->ops->allocate(file, 10, &err), HIST_OK);
    assert_int_equal(file->ops->size(file, &size, &err), HIST_OK);
    assert_int_equal(size, 100000);
    assert_int_equal(file->ops->read(file, 99990, text, 32, &got, &err), HIST_OK);
    assert_int_equal(got, 10);
    assert_memory_equal(text, "\0\0\0\0\0\0\0\0\0\0", 10);
    assert_int_equal(file->ops->sync(file, &err), HIST_OK);
    file->ops->close(file);
    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err),
                     HIST_EEXIST);
}

static void contract_lock(place *p, const char *path)
{
    hist_vfs *vfs = p->vfs;
    hist_file *a = NULL;
    hist_file *b = NULL;
    hist_file *c = NULL;
    hist_error err;

    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE, &a, &err), HIST_OK);
    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE, &b, &err), HIST_OK);
    assert_int_equal(vfs->open(vfs, path, HIST_OPEN_WRITE, &c, &err), HIST_OK);
    assert_int_equal(a->ops->lock(a, &err), HIST_OK);
    assert_int_equal(b->ops->lock(b, &err), HIST_EBUSY);
    c->ops->close(c); /* Does not drop the lock, unlike with POSIX record locks. */
    assert_int_equal(b->ops->lock(b, &err), HIST_EBUSY);
    a->ops->close(a);
    assert_int_equal(b->ops->lock(b, &err), HIST_OK);
    b->ops->close(b);
}

static int contract_count(void *arg, const char *name)
{
    int *count = arg;

    *count += strcmp(name, "one") == 0 ? 1 : strcmp(name, "two") == 0 ? 10 : 1000;
    return 0;
}

static int contract_stop(void *arg, const char *name)
{
    (void)name;
    ++*(int *)arg;
    return 1;
}

static void contract_names(place *p, const char *one, const char *two)
{
    hist_vfs *vfs = p->vfs;
    hist_file *file = NULL;
    hist_error err;
    char text[2];
    size_t got = 0;
    int count = 0;

    assert_int_equal(vfs->rename(vfs, two, one, &err), HIST_ENOTFOUND);
    assert_int_equal(vfs->open(vfs, two, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err), HIST_OK);
    file->ops->close(file);
    assert_int_equal(vfs->rename(vfs, one, two, &err), HIST_EEXIST);
    assert_int_equal(vfs->list(vfs, p->dir, contract_count, &count, &err), HIST_OK);
    assert_int_equal(count, 11);
    count = 0;
    assert_int_equal(vfs->list(vfs, p->dir, contract_stop, &count, &err), HIST_OK);
    assert_int_equal(count, 1);
    assert_int_equal(vfs->unlink(vfs, two, &err), HIST_OK);
    assert_int_equal(vfs->unlink(vfs, two, &err), HIST_ENOTFOUND);
    assert_int_equal(vfs->rename(vfs, one, two, &err), HIST_OK);
    assert_int_equal(vfs->open(vfs, two, HIST_OPEN_READ, &file, &err), HIST_OK);
    /* Unlinked while open: still there for who has it open. */
    assert_int_equal(vfs->unlink(vfs, two, &err), HIST_OK);
    assert_int_equal(file->ops->read(file, 10, text, 2, &got, &err), HIST_OK);
    assert_int_equal(got, 2);
    file->ops->close(file);
    assert_int_equal(vfs->open(vfs, two, HIST_OPEN_READ, &file, &err), HIST_ENOTFOUND);
    assert_int_equal(vfs->sync_dir(vfs, p->dir, &err), HIST_OK);
}

static void test_every_vfs_keeps_the_contract(void **state)
{
    (void)state;
    for (int which = 0; which < 5; which++) {
        place p;
        hist_error err;
        hist_disk_space space = {0};
        uint8_t random[2][16] = {{0}};
        char one[HI_PATH_SIZE];
        char two[HI_PATH_SIZE];

        place_open(&p, which);
        hist_vfs *vfs = p.vfs;
        assert_int_equal(hi_path_join(one, p.dir, "one", &err), HIST_OK);
        assert_int_equal(hi_path_join(two, p.dir, "two", &err), HIST_OK);
        assert_int_equal(vfs->list(vfs, p.dir, contract_stop, NULL, &err), HIST_ENOTFOUND);
        assert_int_equal(vfs->mkdir(vfs, p.dir, &err), HIST_OK);
        assert_int_equal(vfs->mkdir(vfs, p.dir, &err), HIST_EEXIST);
        contract_content(&p, one);
        contract_lock(&p, one);
        contract_names(&p, one, two);
        assert_int_equal(vfs->space(vfs, p.dir, &space, &err), HIST_OK);
        assert_true(space.free_bytes <= space.total_bytes);
        (void)vfs->check_dir(vfs, p.dir, &err); /* Depends on where the test runs. */
        assert_int_equal(vfs->random(vfs, random[0], 16, &err), HIST_OK);
        assert_int_equal(vfs->random(vfs, random[1], 16, &err), HIST_OK);
        assert_memory_not_equal(random[0], random[1], 16);
        const int64_t before = vfs->monotonic_ns(vfs);
        assert_true(vfs->monotonic_ns(vfs) >= before);
        assert_true(vfs->now_ns(vfs) > INT64_C(1700000000000000000));
        place_close(&p, which);
    }
}

static void test_files_are_private(void **state)
{
    (void)state;
    place p;
    struct stat st;
    hist_file *file = NULL;
    char path[HI_PATH_SIZE];

    place_open(&p, 0);
    assert_int_equal(p.vfs->mkdir(p.vfs, p.dir, NULL), HIST_OK);
    assert_int_equal(hi_path_join(path, p.dir, "one", NULL), HIST_OK);
    assert_int_equal(p.vfs->open(p.vfs, path, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, NULL),
                     HIST_OK);
    file->ops->close(file);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0077, 0);
    assert_int_equal(stat(p.dir, &st), 0);
    assert_int_equal(st.st_mode & 0077, 0);
    place_close(&p, 0);
}

static void test_errors_name_the_file_and_the_errno(void **state)
{
    (void)state;
    hist_vfs *vfs = hist_vfs_posix();
    hist_file *file = NULL;
    hist_error err = {0};

    assert_int_equal(vfs->open(vfs, "no/such/file", HIST_OPEN_READ, &file, &err), HIST_ENOTFOUND);
    assert_int_equal(err.code, HIST_ENOTFOUND);
    assert_true(err.os_errno != 0);
    assert_non_null(strstr(err.message, "no/such/file"));
}

/* ---- helpers on files ------------------------------------------------------------------- */

static void test_a_short_file_is_damage_and_a_long_one_is_refused(void **state)
{
    (void)state;
    hist_vfs *vfs = hist_vfs_memory_new();
    hist_file *file = NULL;
    hist_error err;
    hi_mem mem;
    hi_file_data data;
    char text[16];
    const hist_iov iov = {.data = "0123456789", .size = 10};

    hi_mem_init(&mem, NULL, NULL, 0);
    assert_int_equal(vfs->mkdir(vfs, "d", &err), HIST_OK);
    assert_int_equal(hi_file_write_new(vfs, "d", "x", &iov, 1, &err), HIST_OK);
    assert_int_equal(hi_file_write_new(vfs, "d", "x", &iov, 1, &err), HIST_EEXIST);
    assert_int_equal(vfs->open(vfs, "d/x", HIST_OPEN_READ, &file, &err), HIST_OK);
    assert_int_equal(hi_file_read_exact(file, "d/x", 5, text, 5, &err), HIST_OK);
    assert_int_equal(hi_file_read_exact(file, "d/x", 5, text, 6, &err), HIST_ECORRUPT);
    assert_int_equal(err.offset, 5);
    file->ops->close(file);
    assert_int_equal(hi_file_read_whole(vfs, "d/x", &mem, 10, &data, &err), HIST_OK);
    assert_memory_equal(data.data, "0123456789", 10);
    hi_file_data_free(&data, &mem);
    assert_int_equal(hi_file_read_whole(vfs, "d/x", &mem, 9, &data, &err), HIST_ECORRUPT);
    assert_int_equal(hi_file_read_whole(vfs, "d/y", &mem, 9, &data, &err), HIST_ENOTFOUND);
    assert_int_equal(mem.used, 0);
    hist_vfs_memory_free(vfs);
}

static void test_a_new_file_is_whole_or_absent_after_a_power_cut(void **state)
{
    (void)state;
    static uint8_t bytes[3000];
    hi_mem mem;

    hi_mem_init(&mem, NULL, NULL, 0);
    memset(bytes, 0x5a, sizeof(bytes));
    for (uint64_t stop = 1; stop <= 6; stop++) {
        hist_vfs *disk = vfs_crash_new();
        hist_error err;
        const hist_iov iov = {.data = bytes, .size = sizeof(bytes)};

        assert_int_equal(disk->mkdir(disk, "d", &err), HIST_OK);
        assert_int_equal(disk->sync_dir(disk, ".", &err), HIST_OK);
        vfs_crash_stop_after(disk, stop);
        const hist_status written = hi_file_write_new(disk, "d", "x", &iov, 1, &err);
        assert_int_equal(written == HIST_OK, stop == 6);
        for (uint64_t seed = 0; seed < 100; seed++) {
            hist_vfs *image = vfs_crash_cut(disk, seed);
            hi_file_data data;
            const hist_status st = hi_file_read_whole(image, "d/x", &mem, 10000, &data, &err);

            assert_true(st == HIST_OK || (st == HIST_ENOTFOUND && written != HIST_OK));
            if (st == HIST_OK) {
                assert_int_equal(data.size, sizeof(bytes));
                assert_memory_equal(data.data, bytes, sizeof(bytes));
            }
            hi_file_data_free(&data, &mem);
            vfs_crash_free(image);
        }
        vfs_crash_free(disk);
    }
}

/* ---- the test VFSs ---------------------------------------------------------------------- */

static void test_a_power_cut_really_loses_what_was_not_synced(void **state)
{
    (void)state;
    hist_vfs *disk = vfs_crash_new();
    hist_file *file = NULL;
    hist_error err;
    uint8_t bytes[VFS_CRASH_SECTOR];
    const hist_iov iov = {.data = bytes, .size = sizeof(bytes)};
    bool seen_old = false;
    bool seen_new = false;
    bool seen_mixed = false;

    memset(bytes, 'a', sizeof(bytes));
    assert_int_equal(disk->mkdir(disk, "d", &err), HIST_OK);
    assert_int_equal(disk->sync_dir(disk, ".", &err), HIST_OK);
    assert_int_equal(hi_file_write_new(disk, "d", "x", &iov, 1, &err), HIST_OK);
    assert_int_equal(disk->open(disk, "d/x", HIST_OPEN_WRITE, &file, &err), HIST_OK);
    memset(bytes, 'b', sizeof(bytes));
    assert_int_equal(file->ops->write(file, 0, &iov, 1, &err), HIST_OK);
    for (uint64_t seed = 0; seed < 100; seed++) {
        hist_vfs *image = vfs_crash_cut(disk, seed);
        size_t size = 0;
        const uint8_t *now = vfs_crash_bytes(image, "d/x", &size);

        assert_int_equal(size, sizeof(bytes));
        seen_old = seen_old || (now[0] == 'a' && now[511] == 'a');
        seen_new = seen_new || (now[0] == 'b' && now[511] == 'b');
        seen_mixed = seen_mixed || now[0] != now[511];
        vfs_crash_free(image);
    }
    assert_true(seen_old && seen_new && seen_mixed);
    file->ops->close(file);
    vfs_crash_free(disk);
}

static void test_the_fault_vfs_fails_the_call_it_was_told_to(void **state)
{
    (void)state;
    hist_vfs *inner = hist_vfs_memory_new();
    hist_vfs *vfs = vfs_fault_new(inner);
    hist_file *file = NULL;
    hist_error err;
    char text[8];
    size_t got = 0;
    const hist_iov iov = {.data = "12345678", .size = 8};

    vfs_fault_arm(vfs, (vfs_fault_plan){.at = 2, .kind = VFS_FAULT_TORN, .ops = VFS_OP_WRITE});
    assert_int_equal(vfs->open(vfs, "x", HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err), HIST_OK);
    assert_int_equal(file->ops->write(file, 0, &iov, 1, &err), HIST_OK);
    assert_int_equal(file->ops->write(file, 8, &iov, 1, &err), HIST_EIO);
    assert_int_equal(file->ops->read(file, 8, text, 8, &got, &err), HIST_OK);
    assert_int_equal(got, 4); /* Torn. */
    assert_int_equal(file->ops->write(file, 8, &iov, 1, &err), HIST_OK);
    assert_int_equal(vfs_fault_calls(vfs), 3);
    assert_int_equal(vfs_fault_reached(vfs), 1);
    vfs_fault_arm(vfs,
                  (vfs_fault_plan){.at = 1, .kind = VFS_FAULT_ENOSPC, .sticky = true, .name = "x"});
    assert_int_equal(file->ops->write(file, 8, &iov, 1, &err), HIST_ENOSPC);
    assert_int_equal(file->ops->sync(file, &err), HIST_ENOSPC);
    assert_int_equal(vfs->sync_dir(vfs, "d", &err), HIST_OK); /* Another name. */
    file->ops->close(file);
    vfs_fault_free(vfs);
    hist_vfs_memory_free(inner);
}

typedef struct order_case {
    hist_vfs *inner;
    hist_vfs *vfs;
    hi_mem mem;
    hi_super super;
    hi_super_state state;
    hi_manifest manifest;
} order_case;

static void order_start(order_case *c)
{
    hist_error err;

    c->inner = hist_vfs_memory_new();
    c->vfs = vfs_order_new(c->inner);
    hi_mem_init(&c->mem, NULL, NULL, 0);
    hi_manifest_init(&c->manifest, &c->mem);
    c->manifest.generation = 1;
    c->super = (hi_super){.generation = 1, .manifest_generation = 1};
    assert_int_equal(c->vfs->mkdir(c->vfs, "d", &err), HIST_OK);
    assert_int_equal(hi_manifest_write_new(&c->manifest, c->vfs, "d", &err), HIST_OK);
    assert_int_equal(hi_super_create(c->vfs, "d", &c->super, &err), HIST_OK);
    assert_int_equal(hi_super_read(c->vfs, "d", true, &c->super, &c->state, &err), HIST_OK);
}

static void order_end(order_case *c, const char *wanted)
{
    char first[VFS_ORDER_MESSAGE_SIZE];
    const uint64_t violations = vfs_order_violations(c->vfs, first);

    if ((violations > 0) != (wanted[0] != '\0') || strstr(first, wanted) == NULL) {
        fail_msg("wanted \"%s\", got %d: \"%s\"", wanted, (int)violations, first);
    }
    hi_manifest_free(&c->manifest);
    vfs_order_free(c->vfs);
    hist_vfs_memory_free(c->inner);
}

static void order_file_new(order_case *c, const char *name, bool sync, bool sync_dir)
{
    const hist_iov iov = {.data = "1234", .size = 4};
    hist_file *file = NULL;
    hist_error err;
    char path[HI_PATH_SIZE];
    char temp[HI_PATH_SIZE];

    (void)snprintf(path, sizeof(path), "d/%s", name);
    (void)snprintf(temp, sizeof(temp), "d/%s.tmp", name);
    assert_int_equal(c->vfs->open(c->vfs, temp, HIST_OPEN_WRITE | HIST_OPEN_CREATE, &file, &err),
                     HIST_OK);
    assert_int_equal(file->ops->write(file, 0, &iov, 1, &err), HIST_OK);
    if (sync) {
        assert_int_equal(file->ops->sync(file, &err), HIST_OK);
    }
    file->ops->close(file);
    assert_int_equal(c->vfs->rename(c->vfs, temp, path, &err), HIST_OK);
    if (sync_dir) {
        assert_int_equal(c->vfs->sync_dir(c->vfs, "d", &err), HIST_OK);
    }
}

/* Publishes generation `generation` with the parts in the manifest. */
static void order_publish(order_case *c, uint64_t generation)
{
    hist_error err;

    c->manifest.generation = generation;
    assert_int_equal(hi_manifest_write_new(&c->manifest, c->vfs, "d", &err), HIST_OK);
    c->super.generation = generation;
    c->super.manifest_generation = generation;
    assert_int_equal(hi_super_write(c->vfs, "d", &c->super, &c->state, &err), HIST_OK);
}

static void order_add_part(order_case *c, uint64_t id)
{
    const hi_part_entry part = {.id = id, .file_size = 4};

    c->manifest.next_part_id = id + 1;
    assert_int_equal(hi_manifest_add_part(&c->manifest, &part, NULL), HIST_OK);
}

static const char *order_never(void *arg, unsigned op, const char *path,
                               const vfs_order_state *state)
{
    (void)arg;
    (void)op;
    (void)path;
    return state->synced ? "synced and renamed" : "renamed";
}

static void test_the_order_vfs_sees_each_wrong_order(void **state)
{
    (void)state;
    order_case c;

    order_start(&c); /* All in order. */
    order_file_new(&c, "P-1.hp", true, true);
    order_add_part(&c, 1);
    order_publish(&c, 2);
    assert_true(hi_manifest_remove_part(&c.manifest, 1));
    order_publish(&c, 3);
    order_publish(&c, 4);
    assert_int_equal(c.vfs->unlink(c.vfs, "d/P-1.hp", NULL), HIST_OK);
    assert_int_equal(c.vfs->unlink(c.vfs, "d/MANIFEST-2", NULL), HIST_OK);
    order_end(&c, "");

    order_start(&c);
    order_file_new(&c, "P-1.hp", false, true);
    order_end(&c, "before it is synced");

    order_start(&c);
    order_file_new(&c, "P-1.hp", true, false);
    order_add_part(&c, 1);
    order_publish(&c, 2);
    order_end(&c, "which is not in a synced folder");

    order_start(&c);
    order_add_part(&c, 1);
    order_publish(&c, 2);
    order_end(&c, "which is not there");

    order_start(&c);
    order_file_new(&c, "P-1.hp", true, true);
    order_add_part(&c, 1);
    order_publish(&c, 2);
    assert_true(hi_manifest_remove_part(&c.manifest, 1));
    order_publish(&c, 3);
    assert_int_equal(c.vfs->unlink(c.vfs, "d/P-1.hp", NULL), HIST_OK); /* One too early. */
    order_end(&c, "is removed while SUPER leads to it");

    order_start(&c);
    order_file_new(&c, "MANIFEST-2", true, false);
    c.super.manifest_generation = 2;
    assert_int_equal(hi_super_write(c.vfs, "d", &c.super, &c.state, NULL), HIST_OK);
    order_end(&c, "published but cannot be read");

    order_start(&c);
    hist_error err;
    c.manifest.generation = 2;
    assert_int_equal(hi_manifest_write_new(&c.manifest, c.inner, "d", &err), HIST_OK);
    assert_int_equal(c.inner->rename(c.inner, "d/MANIFEST-2", "d/MANIFEST-2.tmp", &err), HIST_OK);
    assert_int_equal(c.vfs->rename(c.vfs, "d/MANIFEST-2.tmp", "d/MANIFEST-2", &err), HIST_OK);
    c.super.manifest_generation = 2;
    assert_int_equal(hi_super_write(c.vfs, "d", &c.super, &c.state, NULL), HIST_OK);
    order_end(&c, "before that is durable");

    order_start(&c);
    assert_true(vfs_order_hook(c.vfs, "P-*.hp", VFS_OP_RENAME, order_never, NULL));
    order_file_new(&c, "P-1.hp", true, true);
    order_end(&c, "synced and renamed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_vfs_keeps_the_contract),
        cmocka_unit_test(test_files_are_private),
        cmocka_unit_test(test_errors_name_the_file_and_the_errno),
        cmocka_unit_test(test_a_short_file_is_damage_and_a_long_one_is_refused),
        cmocka_unit_test(test_a_new_file_is_whole_or_absent_after_a_power_cut),
        cmocka_unit_test(test_a_power_cut_really_loses_what_was_not_synced),
        cmocka_unit_test(test_the_fault_vfs_fails_the_call_it_was_told_to),
        cmocka_unit_test(test_the_order_vfs_sees_each_wrong_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
