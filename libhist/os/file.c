/* file.c -- paths, exact reads and the publishing of new files; see file.h. */
#include "os/file.h"

#include <string.h>

#include "base/err.h"

hist_status hi_path_join(char path[HI_PATH_SIZE], const char *dir, const char *name,
                         hist_error *err)
{
    const size_t dir_size = strlen(dir);
    const size_t name_size = strlen(name);

    if (dir_size + 1 + name_size + 1 > HI_PATH_SIZE) {
        return hi_fail(err, HIST_EINVAL, "the path of %s has %zu bytes, the limit is %d", name,
                       dir_size + 1 + name_size, HI_PATH_SIZE - 1);
    }
    memcpy(path, dir, dir_size);
    path[dir_size] = '/';
    memcpy(path + dir_size + 1, name, name_size + 1);
    return HIST_OK;
}

void hi_file_close(hist_file *file)
{
    if (file != NULL) {
        file->ops->close(file);
    }
}

hist_status hi_file_read_exact(hist_file *file, const char *path, uint64_t offset, void *data,
                               size_t size, hist_error *err)
{
    size_t got = 0;

    HI_TRY(file->ops->read(file, offset, data, size, &got, err));
    if (got < size) {
        return hi_corrupt(err, path, (int64_t)offset,
                          "the file ends %zu bytes early: %zu wanted here, %zu there", size - got,
                          size, got);
    }
    return HIST_OK;
}

static hist_status file_read_open(hist_file *file, const char *path, hi_mem *mem, size_t size_max,
                                  hi_file_data *out, hist_error *err)
{
    uint64_t size = 0;

    HI_TRY(file->ops->size(file, &size, err));
    if (size > size_max) {
        return hi_corrupt(err, path, -1, "has %llu bytes, the limit is %zu",
                          (unsigned long long)size, size_max);
    }
    if (size == 0) {
        return HIST_OK;
    }
    out->data = hi_mem_alloc(mem, (size_t)size);
    if (out->data == NULL) {
        return hi_no_memory(err, path);
    }
    out->size = (size_t)size;
    const hist_status st = hi_file_read_exact(file, path, 0, out->data, out->size, err);
    if (st != HIST_OK) {
        hi_file_data_free(out, mem);
    }
    return st;
}

hist_status hi_file_read_whole(hist_vfs *vfs, const char *path, hi_mem *mem, size_t size_max,
                               hi_file_data *data_out, hist_error *err)
{
    hist_file *file = NULL;

    *data_out = (hi_file_data){0};
    HI_TRY(vfs->open(vfs, path, HIST_OPEN_READ, &file, err));
    const hist_status st = file_read_open(file, path, mem, size_max, data_out, err);
    hi_file_close(file);
    return st;
}

void hi_file_data_free(hi_file_data *data, hi_mem *mem)
{
    hi_mem_free(mem, data->data, data->size);
    *data = (hi_file_data){0};
}

/* A crash may have left a file of that name: ids are not used again, so it is nobody's. */
static hist_status file_create_temp(hist_vfs *vfs, const char *temp, hist_file **file_out,
                                    hist_error *err)
{
    hist_status st = vfs->open(vfs, temp, HIST_OPEN_WRITE | HIST_OPEN_CREATE, file_out, err);

    if (st == HIST_EEXIST && vfs->unlink(vfs, temp, err) == HIST_OK) {
        st = vfs->open(vfs, temp, HIST_OPEN_WRITE | HIST_OPEN_CREATE, file_out, err);
    }
    return st;
}

static hist_status file_fill_temp(hist_vfs *vfs, const char *temp, const hi_file_new *content,
                                  hist_error *err)
{
    hist_file *file = NULL;
    hist_status st = file_create_temp(vfs, temp, &file, err);

    if (st != HIST_OK) {
        return st;
    }
    if (content->allocate > 0) {
        st = file->ops->allocate(file, content->allocate, err);
    }
    if (st == HIST_OK) {
        st = file->ops->write(file, 0, content->iov, content->iov_count, err);
    }
    if (st == HIST_OK) {
        st = file->ops->sync(file, err);
    }
    hi_file_close(file);
    return st;
}

hist_status hi_file_publish(hist_vfs *vfs, const char *dir, const char *name,
                            const hi_file_new *content, hist_error *err)
{
    char path[HI_PATH_SIZE];
    char temp[HI_PATH_SIZE];

    HI_TRY(hi_path_join(path, dir, name, err));
    const size_t length = strlen(path);
    if (length + sizeof(HI_TEMP_SUFFIX) > sizeof(temp)) {
        return hi_fail(err, HIST_EINVAL, "%s: the path is too long", path);
    }
    memcpy(temp, path, length);
    memcpy(temp + length, HI_TEMP_SUFFIX, sizeof(HI_TEMP_SUFFIX));

    hist_status st = file_fill_temp(vfs, temp, content, err);
    if (st == HIST_OK) {
        st = vfs->rename(vfs, temp, path, err);
    }
    if (st != HIST_OK) {
        (void)vfs->unlink(vfs, temp, NULL); /* Best effort; an open removes it too. */
        return st;
    }
    return vfs->sync_dir(vfs, dir, err);
}

hist_status hi_file_write_new(hist_vfs *vfs, const char *dir, const char *name, const hist_iov *iov,
                              size_t iov_count, hist_error *err)
{
    const hi_file_new content = {.iov = iov, .iov_count = iov_count};

    return hi_file_publish(vfs, dir, name, &content, err);
}
