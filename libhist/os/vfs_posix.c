/*
 * vfs_posix.c -- the operating system's files behind hist_vfs.
 *
 * The table is never written to; it is not const only because the methods take
 * a hist_vfs *. A failed fsync is never retried: the kernel forgets the error
 * and the pages (PostgreSQL's fsyncgate), so a second one would lie.
 */
#define _GNU_SOURCE /* F_OFD_SETLK, renameat2, fallocate */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "hist_vfs.h"

#include "base/err.h"

#define POSIX_IOV_MAX    64    /* Pieces of one pwritev; far below every IOV_MAX but POSIX's 16. */
#define POSIX_ZERO_BYTES 65536 /* One write of the fallback for fallocate. */

typedef struct posix_file {
    hist_file base;
    int fd;
    char path[]; /* For messages. */
} posix_file;

static const char *posix_path(const hist_file *file)
{
    return ((const posix_file *)file)->path;
}

static int posix_fd(const hist_file *file)
{
    return ((const posix_file *)file)->fd;
}

static hist_status posix_read(hist_file *file, uint64_t offset, void *data, size_t size,
                              size_t *got_out, hist_error *err)
{
    size_t got = 0;

    while (got < size) {
        const ssize_t n =
            pread(posix_fd(file), (char *)data + got, size - got, (off_t)(offset + got));

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return hi_fail_os(err, errno, "%s: cannot read %zu bytes at offset %llu",
                              posix_path(file), size, (unsigned long long)offset);
        }
        if (n == 0) {
            break;
        }
        got += (size_t)n;
    }
    *got_out = got;
    return HIST_OK;
}

/* Writes iov[0..count) completely, using it up. */
static hist_status posix_write_some(hist_file *file, uint64_t *offset, struct iovec *iov, int count,
                                    hist_error *err)
{
    while (count > 0) {
        ssize_t n = pwritev(posix_fd(file), iov, count, (off_t)*offset);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return hi_fail_os(err, errno, "%s: cannot write at offset %llu", posix_path(file),
                              (unsigned long long)*offset);
        }
        *offset += (uint64_t)n;
        while (count > 0 && (size_t)n >= iov->iov_len) {
            n -= (ssize_t)iov->iov_len;
            iov++;
            count--;
        }
        if (count > 0) {
            iov->iov_base = (char *)iov->iov_base + n;
            iov->iov_len -= (size_t)n;
        }
    }
    return HIST_OK;
}

static hist_status posix_write(hist_file *file, uint64_t offset, const hist_iov *iov,
                               size_t iov_count, hist_error *err)
{
    struct iovec some[POSIX_IOV_MAX];
    int count = 0;

    for (size_t i = 0; i < iov_count; i++) {
        if (iov[i].size > 0) {
            some[count].iov_base = (void *)(uintptr_t)iov[i].data; /* pwritev only reads it. */
            some[count].iov_len = iov[i].size;
            count++;
        }
        if (count == POSIX_IOV_MAX) {
            HI_TRY(posix_write_some(file, &offset, some, count, err));
            count = 0;
        }
    }
    return posix_write_some(file, &offset, some, count, err);
}

static hist_status posix_sync(hist_file *file, hist_error *err)
{
    if (fdatasync(posix_fd(file)) != 0) {
        return hi_fail_os(err, errno, "%s: fdatasync failed", posix_path(file));
    }
    return HIST_OK;
}

static hist_status posix_size(hist_file *file, uint64_t *size_out, hist_error *err)
{
    struct stat st;

    if (fstat(posix_fd(file), &st) != 0) {
        return hi_fail_os(err, errno, "%s: cannot get its size", posix_path(file));
    }
    *size_out = (uint64_t)st.st_size;
    return HIST_OK;
}

/* For file systems without fallocate: real zeroes behind the end. */
static hist_status posix_write_zeroes(hist_file *file, uint64_t size, hist_error *err)
{
    uint64_t at = 0;

    HI_TRY(posix_size(file, &at, err));
    if (at >= size) {
        return HIST_OK;
    }
    char *zeroes = calloc(1, POSIX_ZERO_BYTES);
    hist_status st = zeroes == NULL ? hi_no_memory(err, "zeroes for a new file") : HIST_OK;
    while (st == HIST_OK && at < size) {
        const uint64_t n = size - at < POSIX_ZERO_BYTES ? size - at : POSIX_ZERO_BYTES;
        const hist_iov iov = {.data = zeroes, .size = (size_t)n};

        st = posix_write(file, at, &iov, 1, err);
        at += n;
    }
    free(zeroes);
    return st;
}

static hist_status posix_allocate(hist_file *file, uint64_t size, hist_error *err)
{
    int rc = 0;

    if (size == 0) {
        return HIST_OK;
    }
    do {
        rc = fallocate(posix_fd(file), 0, 0, (off_t)size);
    } while (rc != 0 && errno == EINTR);
    if (rc != 0 && (errno == EOPNOTSUPP || errno == ENOSYS)) {
        return posix_write_zeroes(file, size, err);
    }
    if (rc != 0) {
        return hi_fail_os(err, errno, "%s: cannot reserve %llu bytes", posix_path(file),
                          (unsigned long long)size);
    }
    return HIST_OK;
}

static hist_status posix_lock(hist_file *file, hist_error *err)
{
    /* Of the open file description: closing another descriptor of the file does not drop it,
       and a second open in this process is refused as well. */
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(posix_fd(file), F_OFD_SETLK, &lock) == 0) {
        return HIST_OK;
    }
    if (errno == EAGAIN || errno == EACCES) {
        return hi_fail(err, HIST_EBUSY, "%s: another writer has the store open", posix_path(file));
    }
    return hi_fail_os(err, errno, "%s: cannot lock", posix_path(file));
}

static void posix_close(hist_file *file)
{
    (void)close(posix_fd(file)); /* Not retried on EINTR: the descriptor is gone either way. */
    free(file);
}

static const hist_file_ops posix_file_ops = {
    .read = posix_read,
    .write = posix_write,
    .sync = posix_sync,
    .allocate = posix_allocate,
    .size = posix_size,
    .lock = posix_lock,
    .close = posix_close,
};

/* The status of a failed call on a name. */
static hist_status posix_fail(hist_error *err, int os_errno, const char *path, const char *what)
{
    const hist_status code = os_errno == ENOENT || os_errno == ENOTDIR ? HIST_ENOTFOUND
                             : os_errno == EEXIST                      ? HIST_EEXIST
                             : os_errno == EROFS                       ? HIST_EREADONLY
                                                                       : HIST_OK;

    (void)hi_fail_os(err, os_errno, "%s: cannot %s", path, what);
    if (code == HIST_OK) {
        return hi_fail_os(NULL, os_errno, "-");
    }
    if (err != NULL) {
        err->code = code;
    }
    return code;
}

static hist_status posix_open(hist_vfs *vfs, const char *path, int flags, hist_file **file_out,
                              hist_error *err)
{
    const bool create = (flags & HIST_OPEN_CREATE) != 0;
    const int how = ((flags & (HIST_OPEN_WRITE | HIST_OPEN_CREATE)) != 0 ? O_RDWR : O_RDONLY) |
                    (create ? O_CREAT | O_EXCL : 0) | O_CLOEXEC | O_NOFOLLOW;
    const size_t length = strlen(path);
    int fd = -1;

    (void)vfs;
    do {
        fd = open(path, how, 0600);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        return posix_fail(err, errno, path, create ? "create" : "open");
    }
    posix_file *file = malloc(sizeof(*file) + length + 1);
    if (file == NULL) {
        (void)close(fd);
        return hi_no_memory(err, path);
    }
    file->base.ops = &posix_file_ops;
    file->fd = fd;
    memcpy(file->path, path, length + 1);
    *file_out = &file->base;
    return HIST_OK;
}

static hist_status posix_rename(hist_vfs *vfs, const char *from, const char *to, hist_error *err)
{
    (void)vfs;
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return HIST_OK;
    }
    if (errno == EINVAL || errno == ENOSYS) {
        /* A file system without the flag. Looking first is enough: only the holder of the
           store's lock renames. */
        struct stat st;

        if (lstat(to, &st) == 0) {
            return posix_fail(err, EEXIST, to, "rename to it");
        }
        if (rename(from, to) == 0) {
            return HIST_OK;
        }
    }
    return posix_fail(err, errno, errno == EEXIST ? to : from,
                      errno == EEXIST ? "rename to it" : "rename it");
}

static hist_status posix_unlink(hist_vfs *vfs, const char *path, hist_error *err)
{
    (void)vfs;
    return unlink(path) == 0 ? HIST_OK : posix_fail(err, errno, path, "remove");
}

static hist_status posix_mkdir(hist_vfs *vfs, const char *path, hist_error *err)
{
    (void)vfs;
    return mkdir(path, 0700) == 0 ? HIST_OK : posix_fail(err, errno, path, "create folder");
}

static hist_status posix_sync_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hist_status st = HIST_OK;

    (void)vfs;
    if (fd < 0) {
        return posix_fail(err, errno, path, "open folder");
    }
    if (fsync(fd) != 0) {
        st = hi_fail_os(err, errno, "%s: fsync of the folder failed", path);
    }
    (void)close(fd);
    return st;
}

static hist_status posix_list(hist_vfs *vfs, const char *path, hist_list_fn fn, void *arg,
                              hist_error *err)
{
    DIR *dir = opendir(path);

    (void)vfs;
    if (dir == NULL) {
        return posix_fail(err, errno, path, "list folder");
    }
    for (;;) {
        errno = 0;
        const struct dirent *entry = readdir(dir);

        if (entry == NULL) {
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
            fn(arg, entry->d_name) != 0) {
            break;
        }
        errno = 0;
    }
    const hist_status st = errno == 0 ? HIST_OK : posix_fail(err, errno, path, "list folder");
    (void)closedir(dir);
    return st;
}

static hist_status posix_space(hist_vfs *vfs, const char *path, hist_disk_space *space_out,
                               hist_error *err)
{
    struct statvfs st;

    (void)vfs;
    if (statvfs(path, &st) != 0) {
        return posix_fail(err, errno, path, "get free space");
    }
    space_out->free_bytes = (uint64_t)st.f_bavail * st.f_frsize;
    space_out->total_bytes = (uint64_t)st.f_blocks * st.f_frsize;
    return HIST_OK;
}

/* File systems where fdatasync may return before the medium has the data, or locks do not hold. */
static const struct posix_bad_fs {
    uint32_t magic;
    const char *name;
} posix_bad_fs[] = {
    {0x6969, "NFS"},      {0x517b, "SMB"},        {0xff534d42, "CIFS"},   {0xfe534d42, "SMB2"},
    {0x01021997, "9p"},   {0x65735546, "FUSE"},   {0x00c36400, "Ceph"},   {0x5346414f, "AFS"},
    {0x6b414653, "kAFS"}, {0x73757245, "Coda"},   {0x564c, "NCP"},        {0x0bd00bd0, "Lustre"},
    {0x47504653, "GPFS"}, {0x786f4256, "vboxsf"}, {0xbacbacbc, "vmhgfs"},
};

static hist_status posix_check_dir(hist_vfs *vfs, const char *path, hist_error *err)
{
    struct statfs st;

    (void)vfs;
    if (statfs(path, &st) != 0) {
        return posix_fail(err, errno, path, "get its file system");
    }
    for (size_t i = 0; i < sizeof(posix_bad_fs) / sizeof(posix_bad_fs[0]); i++) {
        if ((uint32_t)st.f_type == posix_bad_fs[i].magic) {
            return hi_fail(err, HIST_EINVAL,
                           "%s: is on a %s file system, whose flush and locks cannot be trusted; "
                           "use a local disk, or allow any file system and accept the risk",
                           path, posix_bad_fs[i].name);
        }
    }
    return HIST_OK;
}

static int64_t posix_clock(clockid_t id)
{
    struct timespec ts = {0};

    (void)clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t posix_now_ns(hist_vfs *vfs)
{
    (void)vfs;
    return posix_clock(CLOCK_REALTIME);
}

static int64_t posix_monotonic_ns(hist_vfs *vfs)
{
    (void)vfs;
    return posix_clock(CLOCK_MONOTONIC);
}

static hist_status posix_random(hist_vfs *vfs, void *data, size_t size, hist_error *err)
{
    size_t got = 0;

    (void)vfs;
    while (got < size) {
        const ssize_t n = getrandom((char *)data + got, size - got, 0);

        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return hi_fail_os(err, errno, "cannot get random bytes");
        }
        got += (size_t)n;
    }
    return HIST_OK;
}

hist_vfs *hist_vfs_posix(void)
{
    static hist_vfs table = {
        .struct_size = sizeof(hist_vfs),
        .open = posix_open,
        .rename = posix_rename,
        .unlink = posix_unlink,
        .mkdir = posix_mkdir,
        .sync_dir = posix_sync_dir,
        .list = posix_list,
        .space = posix_space,
        .check_dir = posix_check_dir,
        .now_ns = posix_now_ns,
        .monotonic_ns = posix_monotonic_ns,
        .random = posix_random,
    };

    return &table;
}
