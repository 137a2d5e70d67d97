/* nearest.c -- edit distance (optimal string alignment) over short names, three rows at a time. */
#include "query/nearest.h"

#include <string.h>

static unsigned char nearest_fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + ('a' - 'A') : c);
}

static uint32_t nearest_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t nearest_distance(hist_str a, hist_str b)
{
    uint32_t rows[3][HI_NEAREST_SIZE_MAX + 1];
    uint32_t *before = rows[0], *last = rows[1], *row = rows[2];

    memset(rows[0], 0, sizeof(rows[0]));
    for (uint32_t j = 0; j <= b.size; j++) {
        last[j] = j;
    }
    for (uint32_t i = 1; i <= a.size; i++) {
        const unsigned char ca = nearest_fold(a.data[i - 1]);

        row[0] = i;
        for (uint32_t j = 1; j <= b.size; j++) {
            const unsigned char cb = nearest_fold(b.data[j - 1]);
            uint32_t cost = nearest_min(last[j], row[j - 1]) + 1;

            cost = nearest_min(cost, last[j - 1] + (ca != cb));
            if (i > 1 && j > 1 && ca == nearest_fold(b.data[j - 2]) &&
                cb == nearest_fold(a.data[i - 2])) {
                cost = nearest_min(cost, before[j - 2] + 1);
            }
            row[j] = cost;
        }
        uint32_t *const free_row = before;
        before = last;
        last = row;
        row = free_row;
    }
    return last[b.size];
}

int64_t hi_nearest_index(hist_str name, const hist_str *candidates, size_t count)
{
    int64_t best = -1;
    /* Short names: one step; long ones: a third of their letters. */
    uint32_t best_distance = (uint32_t)(name.size < 3 ? 1 : name.size / 3) + 1;

    if (name.size == 0 || name.size > HI_NEAREST_SIZE_MAX) {
        return -1;
    }
    for (size_t i = 0; i < count; i++) {
        const hist_str c = candidates[i];

        if (c.size == 0 || c.size >= name.size + best_distance ||
            name.size >= c.size + best_distance || c.size > HI_NEAREST_SIZE_MAX) {
            continue;
        }
        const uint32_t d = nearest_distance(name, c);
        if (d < best_distance && d < c.size) {
            best_distance = d;
            best = (int64_t)i;
        }
    }
    return best;
}

const char *hi_nearest(hist_str name, const char *const *candidates, size_t count)
{
    const char *best = NULL;
    int64_t wins = -1;
    hist_str pair[2];

    for (size_t i = 0; i < count; i++) {
        pair[0] = (hist_str){best == NULL ? "" : best, best == NULL ? 0 : strlen(best)};
        pair[1] = (hist_str){candidates[i], strlen(candidates[i])};
        wins = hi_nearest_index(name, pair, 2);
        best = wins == 1 ? candidates[i] : best;
    }
    return best;
}
