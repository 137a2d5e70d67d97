/* reference.c -- reads columns_reference.tsv, the figures printed beside ours; see result.h. */
#include <math.h>
#include <stdio.h>

#include "bench/columns/result.h"

enum { LINE_BYTES_MAX = 512 };

/* Cuts the next field off a line; an empty one at its end. */
static const char *reference_field(char **at)
{
    char *field = *at;
    const size_t size = strcspn(field, "\t\n");

    *at = field[size] == 0 ? field + size : field + size + 1;
    field[size] = 0;
    return field;
}

static void reference_text(char **at, char *to, size_t room)
{
    const char *field = reference_field(at);
    const size_t size = strlen(field);
    const size_t kept = size < room ? size : room - 1;

    memcpy(to, field, kept);
    to[kept] = 0;
}

static double reference_number(char **at)
{
    const char *field = reference_field(at);
    char *end = NULL;
    const double number = strtod(field, &end);

    return end == field ? (double)NAN : number;
}

static columns_reference reference_parse(char *line)
{
    columns_reference r;

    reference_text(&line, r.kind, sizeof(r.kind));
    reference_text(&line, r.group, sizeof(r.group));
    reference_text(&line, r.figure, sizeof(r.figure));
    r.values = reference_number(&line);
    for (int i = 0; i < REFS; i++) {
        r.v[i] = reference_number(&line);
    }
    return r;
}

bool columns_references_read(const char *path, columns_references *out)
{
    FILE *file = fopen(path, "r");
    char line[LINE_BYTES_MAX];

    *out = (columns_references){0};
    if (file == NULL) {
        return false;
    }
    while (fgets(line, sizeof(line), file) != NULL) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        columns_reference *rows = realloc(out->rows, (out->count + 1) * sizeof(*rows));
        if (rows == NULL) {
            columns_references_free(out);
            (void)fclose(file);
            return false;
        }
        out->rows = rows;
        rows[out->count++] = reference_parse(line);
    }
    (void)fclose(file);
    return true;
}

void columns_references_free(columns_references *refs)
{
    free(refs->rows);
    *refs = (columns_references){0};
}

static const columns_reference *reference_find(const columns_references *refs, const char *kind,
                                               const char *group, const char *figure)
{
    for (size_t i = 0; i < refs->count; i++) {
        const columns_reference *r = &refs->rows[i];

        if (strcmp(r->group, group) == 0 && strcmp(r->figure, figure) == 0 &&
            strcmp(r->kind, kind) == 0) {
            return r;
        }
    }
    return NULL;
}

double columns_reference_of(const columns_references *refs, const char *kind, const char *group,
                            const char *figure, int column)
{
    const columns_reference *r = reference_find(refs, kind, group, figure);

    return r == NULL ? (double)NAN : r->v[column];
}

double columns_reference_values(const columns_references *refs, const char *kind, const char *group)
{
    const columns_reference *r = reference_find(refs, kind, group, "size");

    return r == NULL ? (double)NAN : r->values;
}
