/*
 * http_query.c -- POST /v1/rest/query and /v1/rest/mgmt: KQL in, the v1 answer of Kusto out.
 *
 * The answer is made batch by batch while it is sent, so it may be larger than memory. What fails
 * before the first piece is an HTTP status with Kusto's error object. What fails later ends the
 * rows with an object {"Exceptions":["..."]} as the service does, so that nobody takes a part for
 * the whole.
 */
#if defined(HIST_WITH_MICROHTTPD) && defined(HIST_WITH_JANSSON)
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "histd/http_int.h"

#include "base/dyn.h"
#include "base/timefmt.h"
#include "formats/json_write.h"

enum {
    QUERY_PARAMS_MAX = 64,
    QUERY_ROWS_STEP = 256, /* Rows turned to text at a time. */
    QUERY_PIECE_BYTES = 64 << 10,
    QUERY_FIRST_BYTES = 256 << 10, /* Made before the status is decided. */
    QUERY_BLOCK = 32 << 10,
    QUERY_TEXT_MAX = 256 << 20, /* Of one piece: a row may be long. */
};

#define QUERY_EMPTY_ID "00000000-0000-0000-0000-000000000000"

/* What a client asked; the query borrows its texts. */
typedef struct query_request {
    json_t *json;
    json_t *properties; /* Parsed from a string, or NULL. */
    const char *db;
    const char *csl;
    size_t csl_size;
    hist_query_options options;
    const char *names[QUERY_PARAMS_MAX];
    const char *values[QUERY_PARAMS_MAX];
    char *dumped[QUERY_PARAMS_MAX]; /* Values that came as JSON numbers or booleans. */
} query_request;

struct http_query {
    http_server *server;
    query_request *asked;
    hist_query *query;
    http_running running;
    jsonw rows;
    bool in_table;
    bool done;
    bool failed; /* err says why; the text is complete JSON all the same. */
    hist_error err;
    hist_batch batch;
    uint32_t row; /* Of the batch's selection. */
    unsigned tables;
    hi_buf visualization;
    hi_buf out;
    size_t sent;
    char client_id[HTTP_ID_SIZE];
    char activity[HTTP_ACTIVITY_SIZE];
};

/* ---- text of the answer ---- */

static void query_text(http_query *q, const char *text)
{
    hi_buf_append(&q->out, text, strlen(text));
}

static void query_string(http_query *q, const char *text)
{
    hi_json_string(&q->out, text, strlen(text));
}

static void query_begin_table(http_query *q)
{
    const hist_column_info *columns = NULL;
    const size_t count = hist_query_columns(q->query, &columns);

    hi_buf_printf(&q->out, "%s{\"TableName\":\"Table_%u\",\"Columns\":", q->tables > 0 ? "," : "",
                  q->tables);
    jsonw_kusto_columns(&q->out, columns, (uint32_t)count, true);
    query_text(q, ",\"Rows\":[");
    jsonw_begin(&q->rows, &q->out, JSONW_ROWS, columns, (uint32_t)count);
    q->in_table = true;
    q->tables++;
    q->batch = (hist_batch){0};
    q->row = 0;
    if (hist_query_visualization(q->query) != NULL && q->visualization.size == 0) {
        const char *text = hist_query_visualization(q->query);

        hi_buf_append(&q->visualization, text, strlen(text));
    }
}

static void query_end_table(http_query *q)
{
    jsonw_end(&q->rows, &q->out);
    query_text(q, "]}");
    q->in_table = false;
}

/* A table made here: its columns as "Name:DataType:type" and its rows as JSON. */
static void query_own_table(http_query *q, const char *name, const char *columns)
{
    hi_buf_printf(&q->out, ",{\"TableName\":\"%s\",\"Columns\":[%s],\"Rows\":[", name, columns);
}

#define COLUMN(name, data, type) \
    "{\"ColumnName\":\"" name "\",\"DataType\":\"" data "\",\"ColumnType\":\"" type "\"}"

static void query_status_table(http_query *q)
{
    char time[HI_TIME_SIZE];
    const size_t n = hi_time_print(time, clock_wall_ns(), HI_TIME_KQL);

    query_own_table(
        q, "QueryStatus",
        COLUMN("Timestamp", "DateTime", "datetime") "," COLUMN("Severity", "Int32", "int") "," COLUMN("SeverityName", "String", "string") "," COLUMN(
            "StatusCode", "Int32",
            "int") "," COLUMN("StatusDescription", "String",
                              "string") "," COLUMN("Count", "Int32",
                                                   "int") "," COLUMN("RequestId", "Guid",
                                                                     "guid") "," COLUMN("ActivityId",
                                                                                        "Guid",
                                                                                        "guid") "," COLUMN("SubActivityId",
                                                                                                           "Guid",
                                                                                                           "guid") "," COLUMN("ClientActivityId",
                                                                                                                              "String",
                                                                                                                              "string"));
    hi_buf_printf(&q->out,
                  "[\"%.*s\",4,\"Info\",0,\"Query completed successfully\",1,\"%s\",\"%s\",\"%s\",",
                  (int)n, time, q->activity, q->activity, QUERY_EMPTY_ID);
    query_string(q, q->client_id);
    query_text(q, "]]}");
}

/* Clients take the last of three or more tables for the list of them. */
static void query_table_of_contents(http_query *q)
{
    const unsigned data = q->tables;
    unsigned ordinal = 0;

    query_own_table(
        q, "TableOfContents",
        COLUMN("Ordinal", "Int64", "long") "," COLUMN("Kind", "String", "string") "," COLUMN(
            "Name", "String", "string") "," COLUMN("Id", "String",
                                                   "string") "," COLUMN("PrettyName", "String",
                                                                        "string"));
    for (; ordinal < data; ordinal++) {
        hi_buf_printf(&q->out, "%s[%u,\"QueryResult\",\"%s\",\"%s\",\"\"]", ordinal > 0 ? "," : "",
                      ordinal, ordinal == 0 ? "PrimaryResult" : "SecondaryResult", q->activity);
    }
    hi_buf_printf(&q->out,
                  ",[%u,\"QueryProperties\",\"@ExtendedProperties\",\"%s\",\"\"]"
                  ",[%u,\"QueryStatus\",\"QueryStatus\",\"%s\",\"\"]",
                  ordinal, q->activity, ordinal + 1, QUERY_EMPTY_ID);
    query_text(q, "]}");
}

/* One table says all when there is one result and nothing to draw. */
static void query_end_answer(http_query *q)
{
    if (q->tables > 1 || q->visualization.size > 0) {
        query_own_table(q, "@ExtendedProperties", COLUMN("Value", "String", "string"));
        if (q->visualization.size > 0) {
            query_text(q, "[");
            hi_json_string(&q->out, q->visualization.data, q->visualization.size);
            query_text(q, "]");
        }
        query_text(q, "]}");
        query_status_table(q);
        query_table_of_contents(q);
    }
    query_text(q, "]}");
    q->done = true;
}

/* ---- making it ---- */

static void query_fail(http_query *q)
{
    q->failed = true;
    q->done = true;
    if (q->in_table) {
        query_text(q, q->rows.rows > 0 ? ",{\"Exceptions\":[" : "{\"Exceptions\":[");
        query_string(q, q->err.message);
        query_text(q, "]}");
        query_end_table(q);
    }
    query_text(q, "]}");
}

static void query_next_batch(http_query *q)
{
    bool more = false;

    q->row = 0;
    if (hist_query_next(q->query, &q->batch, &q->err) != HIST_OK) {
        query_fail(q);
        return;
    }
    if (q->batch.row_count > 0) {
        return;
    }
    query_end_table(q);
    if (hist_query_next_result(q->query, &more, &q->err) != HIST_OK) {
        query_fail(q);
    } else if (more) {
        query_begin_table(q);
    } else {
        query_end_answer(q);
    }
}

/* Makes text until there are `bytes` of it unsent, or all is made. */
static void query_fill(http_query *q, size_t bytes)
{
    while (!q->done && q->out.size - q->sent < bytes && hi_buf_ok(&q->out)) {
        if (q->row >= q->batch.sel_count) {
            query_next_batch(q);
            continue;
        }
        jsonw_rows(&q->rows, &q->out, &q->batch, q->row, QUERY_ROWS_STEP);
        q->row += QUERY_ROWS_STEP;
    }
    if (!hi_buf_ok(&q->out)) {
        q->failed = true;
        q->err = (hist_error){.code = HIST_ENOMEM,
                              .message = "out of memory while the answer was written as JSON"};
    }
}

static void query_request_free(query_request *q)
{
    if (q == NULL) {
        return;
    }
    for (size_t i = 0; i < QUERY_PARAMS_MAX; i++) {
        free(q->dumped[i]);
    }
    json_decref(q->properties);
    json_decref(q->json);
    free(q);
}

static void query_free(void *arg)
{
    http_query *q = arg;

    http_watch_remove(q->server, &q->running);
    if (q->in_table) {
        jsonw_end(&q->rows, &q->out);
    }
    hist_query_close(q->query);
    query_request_free(q->asked);
    hi_buf_free(&q->visualization);
    hi_buf_free(&q->out);
    free(q);
}

/* Called by the HTTP library when it can send more. */
static ssize_t query_read(void *arg, uint64_t at, char *to, size_t max)
{
    http_query *q = arg;

    (void)at;
    if (q->sent == q->out.size) {
        hi_buf_clear(&q->out);
        q->sent = 0;
        query_fill(q, QUERY_PIECE_BYTES);
        if (!hi_buf_ok(&q->out)) {
            log_write(q->server->options.log, LOG_LEVEL_WARNING, "http: %s", q->err.message);
            return MHD_CONTENT_READER_END_WITH_ERROR;
        }
        if (q->failed) {
            log_write(q->server->options.log, LOG_LEVEL_WARNING,
                      "http: a query failed while it was answered: %s", q->err.message);
        }
    }
    const size_t left = q->out.size - q->sent;
    const size_t n = left < max ? left : max;
    if (n == 0) {
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    memcpy(to, q->out.data + q->sent, n);
    q->sent += n;
    return (ssize_t)n;
}

/* ---- what was asked ---- */

static json_t *query_member(json_t *object, const char *name, const char *lower)
{
    json_t *found = json_object_get(object, name);

    return found != NULL ? found : json_object_get(object, lower);
}

/* Kusto's cannot be longer than the server allows. */
static void query_time_limit(http_request *r, query_request *q, json_t *options)
{
    const json_t *given = json_object_get(options, "servertimeout");
    const int64_t most = r->server->options.query_ms_max;
    int64_t ns = 0;

    q->options.time_ms_max = (uint64_t)most;
    if (json_is_string(given) &&
        hi_span_parse(json_string_value(given), json_string_length(given), &ns) == HI_TIME_OK &&
        ns >= HI_NS_PER_MS && (most == 0 || ns / HI_NS_PER_MS < most)) {
        q->options.time_ms_max = (uint64_t)(ns / HI_NS_PER_MS);
    }
}

static bool query_parameters(query_request *q, json_t *parameters, char *why, size_t why_size)
{
    const char *name = NULL;
    json_t *value = NULL;
    size_t n = 0;

    json_object_foreach(parameters, name, value)
    {
        if (n >= QUERY_PARAMS_MAX) {
            (void)snprintf(why, why_size, "more than %d parameters", QUERY_PARAMS_MAX);
            return false;
        }
        q->names[n] = name;
        if (!json_is_string(value)) {
            q->dumped[n] = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        }
        q->values[n] = json_is_string(value) ? json_string_value(value) : q->dumped[n];
        if (q->values[n] == NULL) {
            (void)snprintf(why, why_size, "parameter '%.100s' cannot be read", name);
            return false;
        }
        n++;
    }
    q->options.param_names = q->names;
    q->options.param_values = q->values;
    q->options.param_count = n;
    return true;
}

/* "properties" is an object, or an object written as a string. */
static bool query_properties(http_request *r, query_request *q, char *why, size_t why_size)
{
    json_t *properties = json_object_get(q->json, "properties");
    json_error_t error;

    q->options.time_ms_max = (uint64_t)r->server->options.query_ms_max;
    if (json_is_string(properties) && json_string_length(properties) > 0) {
        q->properties = json_loadb(json_string_value(properties), json_string_length(properties),
                                   JSON_REJECT_DUPLICATES, &error);
        if (q->properties == NULL) {
            (void)snprintf(why, why_size, "\"properties\" is not JSON: %s", error.text);
            return false;
        }
        properties = q->properties;
    }
    if (!json_is_object(properties)) {
        return true;
    }
    query_time_limit(r, q, query_member(properties, "Options", "options"));
    return query_parameters(q, query_member(properties, "Parameters", "parameters"), why, why_size);
}

static bool query_from_json(http_request *r, query_request *q, char *why, size_t why_size)
{
    json_error_t error;

    if (!hi_buf_ok(&r->body)) {
        (void)snprintf(why, why_size, "the request is larger than %zu bytes", r->body.max);
        return false;
    }
    q->json = json_loadb(r->body.size > 0 ? r->body.data : "", r->body.size, JSON_REJECT_DUPLICATES,
                         &error);
    if (!json_is_object(q->json)) {
        (void)snprintf(why, why_size,
                       "the body is not a JSON object such as {\"db\":\"default\",\"csl\":\"T | "
                       "count\"}: %s",
                       q->json == NULL ? error.text : "it is another value");
        return false;
    }
    const json_t *csl = json_object_get(q->json, "csl");
    const json_t *db = json_object_get(q->json, "db");
    if (!json_is_string(csl)) {
        (void)snprintf(why, why_size, "\"csl\", the text of the query, is missing");
        return false;
    }
    q->csl = json_string_value(csl);
    q->csl_size = json_string_length(csl);
    q->db = json_is_string(db) ? json_string_value(db) : NULL;
    return query_properties(r, q, why, why_size);
}

/* GET has it in the address: ?db=&csl= */
static bool query_from_address(http_request *r, query_request *q, char *why, size_t why_size)
{
    q->csl = http_argument(r, "csl");
    q->db = http_argument(r, "db");
    q->options.time_ms_max = (uint64_t)r->server->options.query_ms_max;
    if (q->csl == NULL) {
        (void)snprintf(why, why_size, "csl=, the text of the query, is missing");
        return false;
    }
    q->csl_size = strlen(q->csl);
    return true;
}

/* ---- refusing ---- */

static unsigned query_http_status(hist_status status)
{
    switch (status) {
    case HIST_ECANCELLED:
    case HIST_ETIMEOUT:
        return MHD_HTTP_GATEWAY_TIMEOUT;
    case HIST_ECORRUPT:
    case HIST_EIO:
    case HIST_EINTERNAL:
    case HIST_EVERSION:
        return MHD_HTTP_INTERNAL_SERVER_ERROR;
    case HIST_ECLOSED:
    case HIST_EBUSY:
        return MHD_HTTP_SERVICE_UNAVAILABLE;
    default:
        return MHD_HTTP_BAD_REQUEST;
    }
}

static jsonw_error query_error_of(const http_request *r, const hist_error *err, const char *text)
{
    const unsigned status = query_http_status(err->code);
    jsonw_error error = {
        .code = "General_BadRequest",
        .message = "Request is invalid and cannot be executed.",
        .type = "Kusto.Data.Exceptions.KustoBadRequestException",
        .description = text,
        .client_request_id = r->client_id[0] != '\0' ? r->client_id : NULL,
        .activity_id = r->activity,
        .time_ns = clock_wall_ns(),
        .permanent = true,
    };

    if (err->code == HIST_ENOMEM || err->code == HIST_ELIMIT) {
        error.code = "LimitsExceeded";
        error.message = "Request is invalid and cannot be processed: it exceeds a limit.";
        error.type = "Kusto.Data.Exceptions.KustoServicePartialQueryFailureLimitsExceededException";
        error.permanent = false;
    } else if (status == MHD_HTTP_GATEWAY_TIMEOUT) {
        error.code = "General_Timeout";
        error.message = "The request was cancelled or took too long.";
        error.type = "Kusto.Data.Exceptions.KustoServiceTimeoutException";
        error.permanent = false;
    } else if (status != MHD_HTTP_BAD_REQUEST) {
        error.code = "General_InternalServerError";
        error.message = "The request failed.";
        error.type = "Kusto.Data.Exceptions.KustoServiceException";
        error.permanent = false;
    }
    return error;
}

static enum MHD_Result query_refuse(http_request *r, const hist_error *err)
{
    char text[HIST_ERROR_MESSAGE_SIZE + 128];
    hi_buf body;

    if (err->line > 0) {
        (void)snprintf(text, sizeof(text), "%s [line:position=%u:%u, length %u]", err->message,
                       err->line, err->column, err->length);
    } else {
        (void)snprintf(text, sizeof(text), "%s", err->message);
    }
    const jsonw_error error = query_error_of(r, err, text);
    hi_buf_init(&body, &r->server->mem, 1 << 20);
    jsonw_kusto_error(&body, &error);
    const enum MHD_Result result =
        hi_buf_ok(&body) ? http_answer(r, query_http_status(err->code),
                                       "application/json; charset=utf-8", body.data, body.size)
                         : http_answer_later(r, "out of memory");
    hi_buf_free(&body);
    return result;
}

static enum MHD_Result query_refuse_request(http_request *r, const char *why)
{
    hist_error err = {.code = HIST_EINVAL};

    (void)snprintf(err.message, sizeof(err.message), "%s", why);
    return query_refuse(r, &err);
}

/* ---- answering ---- */

static int query_stop(void *arg)
{
    http_running *running = arg;

    return atomic_load_explicit(&running->stop, memory_order_relaxed);
}

/* Watched from before it opens: a toscalar() may take as long as any query. */
static hist_status query_start(http_request *r, http_query *q, hist_error *err)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    hist_query_options *options = &q->asked->options;

    q->running.fd = info == NULL ? -1 : info->connect_fd;
    options->struct_size = sizeof(*options);
    options->database = q->asked->db;
    options->stop = query_stop;
    options->stop_arg = &q->running;
    http_watch_add(r->server, &q->running);
    return hist_query_open(r->server->options.db, q->asked->csl, q->asked->csl_size, options,
                           &q->query, err);
}

/* The query opened and watched, the answer begun; NULL: err says why. Takes over `asked`. */
static http_query *query_open(http_request *r, query_request *asked, hist_error *err)
{
    http_query *q = calloc(1, sizeof(*q));

    if (q == NULL) {
        *err = (hist_error){.code = HIST_ENOMEM, .message = "out of memory: a query"};
        query_request_free(asked);
        return NULL;
    }
    q->server = r->server;
    q->asked = asked;
    if (query_start(r, q, err) != HIST_OK) {
        http_watch_remove(q->server, &q->running);
        query_request_free(asked);
        free(q);
        return NULL;
    }
    hi_buf_init(&q->visualization, &r->server->mem, 1 << 20);
    hi_buf_init(&q->out, &r->server->mem, QUERY_TEXT_MAX);
    memcpy(q->client_id, r->client_id, sizeof(q->client_id));
    memcpy(q->activity, r->activity, sizeof(q->activity));
    query_text(q, "{\"Tables\":[");
    query_begin_table(q);
    query_fill(q, QUERY_FIRST_BYTES);
    if (q->failed) {
        *err = q->err;
        query_free(q);
        return NULL;
    }
    return q;
}

static enum MHD_Result query_answer(http_request *r, http_query *q)
{
    static const char type[] = "application/json; charset=utf-8";

    if (q->done) {
        const enum MHD_Result result = http_answer(r, MHD_HTTP_OK, type, q->out.data, q->out.size);

        query_free(q);
        return result;
    }
    struct MHD_Response *response =
        MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, QUERY_BLOCK, query_read, q, query_free);
    if (response == NULL) {
        query_free(q);
        return MHD_NO;
    }
    http_headers(r, response, type);
    r->answered = true;
    r->result = MHD_queue_response(r->connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return r->result;
}

void http_query_body(http_request *r, const char *data, size_t size)
{
    hi_buf_append(&r->body, data, size);
}

enum MHD_Result http_query_finish(http_request *r)
{
    query_request *asked = calloc(1, sizeof(*asked));
    char why[512] = "out of memory";
    hist_error err = {0};
    http_query *q = NULL;

    atomic_fetch_add(&r->server->queries, 1);
    const bool ok = asked != NULL && (r->received > 0 || http_argument(r, "csl") == NULL
                                          ? query_from_json(r, asked, why, sizeof(why))
                                          : query_from_address(r, asked, why, sizeof(why)));
    if (ok) {
        q = query_open(r, asked, &err);
    }
    if (!ok) {
        query_request_free(asked);
        return query_refuse_request(r, why);
    }
    return q == NULL ? query_refuse(r, &err) : query_answer(r, q);
}
#else
typedef int http_query_left_out; /* HTTP was left out of this build. */
#endif
