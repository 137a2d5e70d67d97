/* arrow_schema.c -- the types of a batch as an Arrow schema; see arrow.h. */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "formats/arrow.h"
#include "formats/arrow_kind.h"

/* One extension key, in the native byte order that the specification asks for. */
static const char arrow_json_key[] = "ARROW:extension:name";
static const char arrow_json_value[] = "arrow.json";
static const char arrow_json_meta_key[] = "ARROW:extension:metadata";

typedef struct arrow_schema_node {
    hi_mem *mem;
    size_t name_size;
    char *name;
    char metadata[128];
    int64_t
        child_count; /* As allocated; the struct's own may be changed by nobody, but this frees. */
    struct ArrowSchema *children;
    struct ArrowSchema **child_list;
    struct ArrowSchema *dictionary;
} arrow_schema_node;

static void arrow_schema_release(struct ArrowSchema *schema)
{
    arrow_schema_node *node = (arrow_schema_node *)schema->private_data;
    hi_mem *mem = node->mem;

    for (int64_t i = 0; i < node->child_count; i++) {
        if (node->children[i].release != NULL) {
            node->children[i].release(&node->children[i]);
        }
    }
    if (node->dictionary != NULL && node->dictionary->release != NULL) {
        node->dictionary->release(node->dictionary);
    }
    hi_mem_free(mem, node->children, (size_t)node->child_count * sizeof(*node->children));
    hi_mem_free(mem, node->child_list, (size_t)node->child_count * sizeof(*node->child_list));
    hi_mem_free(mem, node->dictionary, sizeof(*node->dictionary));
    hi_mem_free(mem, node->name, node->name_size);
    hi_mem_free(mem, node, sizeof(*node));
    schema->release = NULL;
}

static size_t arrow_put(char *to, size_t at, const char *text)
{
    const int32_t size = (int32_t)strlen(text);

    memcpy(to + at, &size, sizeof(size));
    memcpy(to + at + sizeof(size), text, (size_t)size);
    return at + sizeof(size) + (size_t)size;
}

static void arrow_put_json_metadata(char *to)
{
    const int32_t pairs = 2;
    size_t at = sizeof(pairs);

    memcpy(to, &pairs, sizeof(pairs));
    at = arrow_put(to, at, arrow_json_key);
    at = arrow_put(to, at, arrow_json_value);
    at = arrow_put(to, at, arrow_json_meta_key);
    (void)arrow_put(to, at, "");
}

/* An empty node that can be released. */
static bool arrow_schema_new(hi_mem *mem, const char *name, const char *format, int64_t children,
                             struct ArrowSchema *out)
{
    arrow_schema_node *node = HI_MEM_NEW(mem, arrow_schema_node);

    memset(out, 0, sizeof(*out));
    if (node == NULL) {
        return false;
    }
    node->mem = mem;
    out->private_data = node;
    out->release = arrow_schema_release;
    out->format = format;
    out->flags = ARROW_FLAG_NULLABLE;
    node->name_size = strlen(name) + 1;
    node->name = hi_mem_alloc(mem, node->name_size);
    if (node->name != NULL) {
        memcpy(node->name, name, node->name_size);
        out->name = node->name;
    }
    if (children > 0) {
        node->children = hi_mem_calloc(mem, (size_t)children, sizeof(*node->children));
        node->child_list = hi_mem_calloc(mem, (size_t)children, sizeof(*node->child_list));
    }
    if (node->name == NULL ||
        (children > 0 && (node->children == NULL || node->child_list == NULL))) {
        hi_mem_free(mem, node->children, (size_t)children * sizeof(*node->children));
        hi_mem_free(mem, node->child_list, (size_t)children * sizeof(*node->child_list));
        node->children = NULL;
        node->child_list = NULL;
        return false;
    }
    node->child_count = children;
    for (int64_t i = 0; i < children; i++) {
        node->child_list[i] = &node->children[i];
    }
    out->n_children = children;
    out->children = node->child_list;
    return true;
}

static const char *arrow_format_of(hist_type stored)
{
    switch (stored) {
    case HIST_TYPE_BOOL:
        return "b";
    case HIST_TYPE_INT:
        return "i";
    case HIST_TYPE_LONG:
        return "l";
    case HIST_TYPE_REAL:
        return "g";
    case HIST_TYPE_DATETIME:
        return "tsn:UTC";
    case HIST_TYPE_TIMESPAN:
        return "tDn";
    case HIST_TYPE_GUID:
        return "w:16";
    case HIST_TYPE_DECIMAL:
        return "d:38,18";
    case HIST_TYPE_STRING:
    case HIST_TYPE_DYNAMIC: /* JSON text. */
    default:
        return "u";
    }
}

static bool arrow_schema_flat(hi_mem *mem, const char *name, hist_type stored,
                              struct ArrowSchema *out)
{
    if (!arrow_schema_new(mem, name, arrow_format_of(stored), 0, out)) {
        return false;
    }
    if (stored == HIST_TYPE_DYNAMIC) {
        arrow_schema_node *node = (arrow_schema_node *)out->private_data;

        arrow_put_json_metadata(node->metadata);
        out->metadata = node->metadata;
    }
    return true;
}

static bool arrow_schema_dictionary(hi_mem *mem, const char *name, const hist_column *column,
                                    struct ArrowSchema *out)
{
    if (!arrow_schema_new(mem, name, "i", 0, out)) {
        return false;
    }
    arrow_schema_node *node = (arrow_schema_node *)out->private_data;

    node->dictionary = HI_MEM_NEW(mem, struct ArrowSchema);
    out->dictionary = node->dictionary;
    return node->dictionary != NULL &&
           arrow_schema_flat(mem, "", column->child->stored, node->dictionary);
}

static bool arrow_schema_column(hi_mem *mem, const char *name, const hist_column *column,
                                arrow_mode mode, struct ArrowSchema *out)
{
    switch (arrow_kind_of(column, mode)) {
    case ARROW_KIND_LIST:
        return arrow_schema_new(mem, name, "+l", 1, out) &&
               arrow_schema_column(mem, "item", column->child, ARROW_LAYOUT, out->children[0]);
    case ARROW_KIND_DICTIONARY:
        return arrow_schema_dictionary(mem, name, column, out);
    case ARROW_KIND_RUNS:
        if (!arrow_schema_new(mem, name, "+r", 2, out) ||
            !arrow_schema_flat(mem, "run_ends", HIST_TYPE_INT, out->children[0])) {
            return false;
        }
        out->children[0]->flags = 0;
        return arrow_schema_flat(mem, "values", arrow_values_of(column)->stored, out->children[1]);
    case ARROW_KIND_JSON:
        return arrow_schema_flat(mem, name, HIST_TYPE_DYNAMIC, out);
    case ARROW_KIND_FLAT:
    case ARROW_KIND_WRITTEN_OUT:
    default:
        return arrow_schema_flat(mem, name, arrow_values_of(column)->stored, out);
    }
}

hist_status arrow_export_schema(hi_mem *mem, const hist_column_info *info, const hist_batch *batch,
                                arrow_mode mode, struct ArrowSchema *out, hist_error *err)
{
    bool ok = arrow_schema_new(mem, "", "+s", batch->column_count, out);

    for (uint32_t i = 0; ok && i < batch->column_count; i++) {
        ok = arrow_schema_column(mem, info[i].name, &batch->columns[i], mode, out->children[i]);
    }
    if (!ok) {
        if (out->release != NULL) {
            out->release(out);
        }
        return hi_no_memory(err, "an Arrow schema");
    }
    out->flags = 0;
    return HIST_OK;
}
