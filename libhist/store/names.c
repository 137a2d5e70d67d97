/* names.c -- formats and parses the names of a store's files; see names.h. */
#include "store/names.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct names_form {
    hi_file_kind kind;
    const char *prefix;
    const char *suffix;
    bool numbered;
} names_forms[] = {
    {HI_FILE_LOCK, "LOCK", "", false},       {HI_FILE_SUPER, "SUPER", "", false},
    {HI_FILE_RESERVE, "RESERVE", "", false}, {HI_FILE_MANIFEST, "MANIFEST-", "", true},
    {HI_FILE_WAL, "WAL-", "", true},         {HI_FILE_PART, "P-", ".hp", true},
    {HI_FILE_CATALOG, "CAT-", ".hc", true},
};

#define NAMES_FORM_COUNT (sizeof(names_forms) / sizeof(names_forms[0]))

void hi_name_format(hi_file_kind kind, uint64_t id, char name[HI_NAME_SIZE])
{
    name[0] = '\0';
    for (size_t i = 0; i < NAMES_FORM_COUNT; i++) {
        const struct names_form *form = &names_forms[i];

        if (form->kind == kind && form->numbered) {
            (void)snprintf(name, HI_NAME_SIZE, "%s%llu%s", form->prefix, (unsigned long long)id,
                           form->suffix);
        } else if (form->kind == kind) {
            (void)snprintf(name, HI_NAME_SIZE, "%s", form->prefix);
        }
    }
    assert(name[0] != '\0');
}

/* Decimal digits up to `suffix` at the end; false for anything else. */
static bool names_number(const char *text, const char *suffix, uint64_t *id_out)
{
    uint64_t id = 0;
    size_t digits = 0;

    for (; text[digits] >= '0' && text[digits] <= '9'; digits++) {
        if (__builtin_mul_overflow(id, UINT64_C(10), &id) ||
            __builtin_add_overflow(id, (uint64_t)(text[digits] - '0'), &id)) {
            return false;
        }
    }
    *id_out = id;
    return digits > 0 && (digits == 1 || text[0] != '0') && strcmp(text + digits, suffix) == 0;
}

hi_file_kind hi_name_parse(const char *name, uint64_t *id_out)
{
    const size_t length = strlen(name);
    const size_t temp = sizeof(HI_TEMP_SUFFIX) - 1;

    *id_out = 0;
    if (length > temp && strcmp(name + length - temp, HI_TEMP_SUFFIX) == 0) {
        return HI_FILE_TEMP;
    }
    for (size_t i = 0; i < NAMES_FORM_COUNT; i++) {
        const struct names_form *form = &names_forms[i];
        const size_t prefix = strlen(form->prefix);

        if (strncmp(name, form->prefix, prefix) != 0) {
            continue;
        }
        if (form->numbered ? names_number(name + prefix, form->suffix, id_out)
                           : name[prefix] == '\0') {
            return form->kind;
        }
        *id_out = 0;
    }
    return HI_FILE_OTHER;
}

hist_status hi_name_path(const char *dir, hi_file_kind kind, uint64_t id, char path[HI_PATH_SIZE],
                         hist_error *err)
{
    char name[HI_NAME_SIZE];

    hi_name_format(kind, id, name);
    return hi_path_join(path, dir, name, err);
}
