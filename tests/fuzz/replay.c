/*
 * replay.c -- runs a fuzz target over the files and folders named, without any fuzzer. Each input
 * is also given cut short at a few places and with single bytes changed, so that a corpus of good
 * files shows bad ones too. The input lies at the end of its own allocation, so that a sanitizer
 * sees a byte too far.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { REPLAY_BYTES_MAX = 1 << 22, REPLAY_MUTATIONS = 200 };

static uint64_t replay_inputs;

static void replay_bytes(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size == 0 ? 1 : size);

    if (copy == NULL) {
        abort();
    }
    memcpy(copy, data, size);
    (void)LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    replay_inputs++;
}

static void replay_variations(uint8_t *data, size_t size)
{
    uint64_t random = size * 2654435761U + 1;

    for (int i = 1; i < 16; i++) {
        replay_bytes(data, size * (size_t)i / 16);
    }
    for (int i = 0; i < REPLAY_MUTATIONS && size > 0; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        const size_t at = (size_t)(random >> 33) % size;
        const uint8_t old = data[at];

        data[at] = (uint8_t)(random >> 24);
        replay_bytes(data, size);
        data[at] = old;
    }
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc(REPLAY_BYTES_MAX);

    if (file == NULL || data == NULL) {
        perror(path);
        return 1;
    }
    const size_t size = fread(data, 1, REPLAY_BYTES_MAX, file);
    (void)fclose(file);
    replay_bytes(data, size);
    replay_variations(data, size);
    free(data);
    return 0;
}

static int replay_path(const char *path)
{
    struct stat info;
    char child[4096];
    int bad = 0;

    if (stat(path, &info) != 0) {
        perror(path);
        return 1;
    }
    if (!S_ISDIR(info.st_mode)) {
        return replay_file(path);
    }
    DIR *folder = opendir(path);
    for (struct dirent *entry = NULL; folder != NULL && (entry = readdir(folder)) != NULL;) {
        if (entry->d_name[0] != '.') {
            (void)snprintf(child, sizeof(child), "%s/%s", path, entry->d_name);
            bad |= replay_file(child);
        }
    }
    if (folder != NULL) {
        (void)closedir(folder);
    }
    return bad;
}

int main(int argc, char **argv)
{
    int bad = argc < 2;

    for (int i = 1; i < argc; i++) {
        bad |= replay_path(argv[i]);
    }
    (void)printf("%llu inputs\n", (unsigned long long)replay_inputs);
    return bad || replay_inputs == 0;
}
