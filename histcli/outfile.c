/* outfile.c -- files published whole; see outfile.h. */
#include "histcli/outfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>
#ifdef HIST_WITH_ZLIB
#include <zlib.h>
#endif
#ifdef HIST_WITH_NETTLE
#include <nettle/sha2.h>
#endif

#include "base/err.h"

enum { OUTFILE_BYTES = 256 << 10, OUTFILE_PATH_MAX = 4096, OUTFILE_ZSTD_LEVEL = 6 };

struct outfile {
    cli *c;
    int fd;
    pack how;
    uint64_t bytes;
    char folder[OUTFILE_PATH_MAX];
    char temporary[OUTFILE_PATH_MAX + 32];
#ifdef HIST_WITH_NETTLE
    struct sha256_ctx sha;
#endif
    ZSTD_CCtx *zstd;
#ifdef HIST_WITH_ZLIB
    z_stream gzip;
    bool gzip_open;
#endif
    char packed[OUTFILE_BYTES];
};

#ifdef HIST_WITH_NETTLE
static void outfile_digest(struct sha256_ctx *sha, char sha_out[OUTFILE_SHA_SIZE])
{
    uint8_t digest[SHA256_DIGEST_SIZE];

    sha256_digest(sha, sizeof(digest), digest);
    for (size_t i = 0; i < sizeof(digest); i++) {
        (void)snprintf(sha_out + 2 * i, 3, "%02x", digest[i]);
    }
}
#endif

bool outfile_has_sha(void)
{
#ifdef HIST_WITH_NETTLE
    return true;
#else
    return false;
#endif
}

void outfile_sha(const void *data, size_t size, char sha_out[OUTFILE_SHA_SIZE])
{
    sha_out[0] = '\0';
#ifdef HIST_WITH_NETTLE
    struct sha256_ctx sha;

    sha256_init(&sha);
    sha256_update(&sha, size, data);
    outfile_digest(&sha, sha_out);
#else
    (void)data;
    (void)size;
#endif
}

static hist_status outfile_start(outfile *f, hist_error *err)
{
#ifdef HIST_WITH_NETTLE
    sha256_init(&f->sha);
#endif
    if (f->how == PACK_ZSTD) {
        f->zstd = ZSTD_createCCtx();
        if (f->zstd == NULL ||
            ZSTD_isError(
                ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_compressionLevel, OUTFILE_ZSTD_LEVEL)) ||
            ZSTD_isError(ZSTD_CCtx_setParameter(f->zstd, ZSTD_c_checksumFlag, 1))) {
            return hi_no_memory(err, "zstd");
        }
    }
    if (f->how == PACK_GZIP) {
#ifdef HIST_WITH_ZLIB
        /* No name and no time in the header: the same rows give the same bytes. */
        if (deflateInit2(&f->gzip, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK) {
            return hi_no_memory(err, "gzip");
        }
        f->gzip_open = true;
#else
        return hi_fail(err, HIST_EINVAL, "this histcli was built without zlib: no --compress gzip");
#endif
    }
    return HIST_OK;
}

hist_status outfile_open(cli *c, const char *folder, pack how, outfile **out, hist_error *err)
{
    outfile *f = NULL;

    *out = NULL;
    if (strlen(folder) >= OUTFILE_PATH_MAX) {
        return hi_fail(err, HIST_EINVAL, "a path is longer than %d bytes", OUTFILE_PATH_MAX);
    }
    f = HI_MEM_NEW(&c->mem, outfile);
    if (f == NULL) {
        return hi_no_memory(err, "a file");
    }
    f->c = c;
    f->how = how;
    (void)snprintf(f->folder, sizeof(f->folder), "%s", folder);
    (void)snprintf(f->temporary, sizeof(f->temporary), "%s/.tmp-%ld", folder, (long)getpid());
    f->fd = open(f->temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    hist_status status = f->fd < 0 ? hi_fail_os(err, errno, "cannot create %s", f->temporary)
                                   : outfile_start(f, err);

    if (status != HIST_OK) {
        outfile_drop(f);
        return status;
    }
    *out = f;
    return HIST_OK;
}

static void outfile_free(outfile *f)
{
    (void)ZSTD_freeCCtx(f->zstd);
#ifdef HIST_WITH_ZLIB
    if (f->gzip_open) {
        (void)deflateEnd(&f->gzip);
    }
#endif
    if (f->fd >= 0) {
        (void)close(f->fd);
    }
    HI_MEM_DELETE(&f->c->mem, f);
}

void outfile_drop(outfile *f)
{
    if (f != NULL) {
        if (f->fd >= 0) {
            (void)unlink(f->temporary);
        }
        outfile_free(f);
    }
}

static hist_status outfile_put(outfile *f, const char *data, size_t size, hist_error *err)
{
    size_t at = 0;

#ifdef HIST_WITH_NETTLE
    sha256_update(&f->sha, size, (const uint8_t *)data);
#endif
    f->bytes += size;
    while (at < size) {
        const ssize_t wrote = write(f->fd, data + at, size - at);

        if (wrote < 0 && errno != EINTR) {
            return hi_fail_os(err, errno, "cannot write %s", f->temporary);
        }
        at += wrote > 0 ? (size_t)wrote : 0;
    }
    return HIST_OK;
}

#ifdef HIST_WITH_ZLIB
static hist_status outfile_gzip(outfile *f, const void *data, size_t size, bool end,
                                hist_error *err)
{
    int code = Z_OK;

    f->gzip.next_in = (Bytef *)(uintptr_t)data;
    f->gzip.avail_in = (uInt)size;
    do {
        f->gzip.next_out = (Bytef *)f->packed;
        f->gzip.avail_out = sizeof(f->packed);
        code = deflate(&f->gzip, end ? Z_FINISH : Z_NO_FLUSH);
        if (code == Z_STREAM_ERROR) {
            return hi_fail(err, HIST_EINTERNAL, "gzip failed");
        }
        HI_TRY(outfile_put(f, f->packed, sizeof(f->packed) - f->gzip.avail_out, err));
    } while (f->gzip.avail_out == 0 || (end && code != Z_STREAM_END));
    return HIST_OK;
}
#endif

static hist_status outfile_zstd(outfile *f, const void *data, size_t size, bool end,
                                hist_error *err)
{
    ZSTD_inBuffer in = {data, size, 0};
    size_t left = 0;

    do {
        ZSTD_outBuffer out = {f->packed, sizeof(f->packed), 0};

        left = ZSTD_compressStream2(f->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
        if (ZSTD_isError(left)) {
            return hi_fail(err, HIST_EINTERNAL, "zstd: %s", ZSTD_getErrorName(left));
        }
        HI_TRY(outfile_put(f, f->packed, out.pos, err));
    } while (end ? left != 0 : in.pos < in.size);
    return HIST_OK;
}

static hist_status outfile_pass(outfile *f, const void *data, size_t size, bool end,
                                hist_error *err)
{
    switch (f->how) {
#ifdef HIST_WITH_ZLIB
    case PACK_GZIP:
        return outfile_gzip(f, data, size, end, err);
#endif
    case PACK_ZSTD:
        return outfile_zstd(f, data, size, end, err);
    default:
        return outfile_put(f, data, size, err);
    }
}

hist_status outfile_write(outfile *f, const void *data, size_t size, hist_error *err)
{
    /* Pieces that an unsigned int of zlib holds. */
    for (size_t at = 0; at < size;) {
        const size_t piece = size - at < (64u << 20) ? size - at : 64u << 20;

        HI_TRY(outfile_pass(f, (const char *)data + at, piece, false, err));
        at += piece;
    }
    return HIST_OK;
}

hist_status outfile_sync_folder(const char *path, hist_error *err)
{
    const int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    hist_status status = HIST_OK;

    if (fd < 0 || fsync(fd) != 0) {
        status = hi_fail_os(err, errno, "cannot sync %s", path);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return status;
}

static hist_status outfile_rename(outfile *f, const char *name, hist_error *err)
{
    char path[2 * OUTFILE_PATH_MAX];

    (void)snprintf(path, sizeof(path), "%s/%s", f->folder, name);
    if (fsync(f->fd) != 0) {
        return hi_fail_os(err, errno, "cannot sync %s", f->temporary);
    }
    if (rename(f->temporary, path) != 0) {
        return hi_fail_os(err, errno, "cannot rename %s to %s", f->temporary, path);
    }
    return outfile_sync_folder(f->folder, err);
}

hist_status outfile_publish(outfile *f, const char *name, uint64_t *bytes_out,
                            char sha_out[OUTFILE_SHA_SIZE], hist_error *err)
{
    hist_status status = f->how == PACK_NONE ? HIST_OK : outfile_pass(f, "", 0, true, err);

    if (status == HIST_OK) {
        status = outfile_rename(f, name, err);
    }
    if (status != HIST_OK) {
        outfile_drop(f);
        return status;
    }
    *bytes_out = f->bytes;
    sha_out[0] = '\0';
#ifdef HIST_WITH_NETTLE
    outfile_digest(&f->sha, sha_out);
#endif
    outfile_free(f);
    return HIST_OK;
}

hist_status outfile_folders(const char *path, hi_buf *made, hist_error *err)
{
    char part[OUTFILE_PATH_MAX];
    const size_t size = strlen(path);

    if (size >= sizeof(part)) {
        return hi_fail(err, HIST_EINVAL, "a path is longer than %d bytes", OUTFILE_PATH_MAX);
    }
    memcpy(part, path, size + 1);
    for (size_t i = 1; i <= size; i++) {
        if (part[i] != '/' && part[i] != '\0') {
            continue;
        }
        part[i] = '\0';
        if (mkdir(part, 0755) == 0) {
            if (made != NULL) {
                hi_buf_append(made, part, i + 1);
            }
        } else if (errno != EEXIST) {
            return hi_fail_os(err, errno, "cannot create %s", part);
        }
        if (i < size) {
            part[i] = '/';
        }
    }
    return HIST_OK;
}
