/* http_answer.c -- answers and what they have in common; see http_int.h. */
#if defined(HIST_WITH_MICROHTTPD) && defined(HIST_WITH_JANSSON)
#include <stdio.h>
#include <string.h>

#include "histd/http_int.h"

#include "base/dyn.h"

enum { ANSWER_MAX = 1 << 20 };

const char *http_argument(http_request *r, const char *name)
{
    const char *value = MHD_lookup_connection_value(r->connection, MHD_GET_ARGUMENT_KIND, name);

    return value == NULL || value[0] == '\0' ? NULL : value;
}

const char *http_header(http_request *r, const char *name)
{
    return MHD_lookup_connection_value(r->connection, MHD_HEADER_KIND, name);
}

static void answer_header(struct MHD_Response *response, const char *name, const char *value)
{
    (void)MHD_add_response_header(response, name, value); /* A missing one is no reason to fail. */
}

void http_headers(http_request *r, struct MHD_Response *response, const char *type)
{
    if (type != NULL) {
        answer_header(response, "Content-Type", type);
    }
    answer_header(response, "X-Content-Type-Options", "nosniff");
    answer_header(response, "Cache-Control", "no-store");
    answer_header(response, "X-Influxdb-Version", "hist-" HIST_VERSION);
    answer_header(response, "x-ms-activity-id", r->activity);
    if (r->client_id[0] != '\0') {
        answer_header(response, "x-ms-client-request-id", r->client_id);
    }
}

static enum MHD_Result answer_queue(http_request *r, unsigned status, struct MHD_Response *response)
{
    r->answered = true;
    r->result = MHD_queue_response(r->connection, status, response);
    MHD_destroy_response(response);
    return r->result;
}

static struct MHD_Response *answer_new(http_request *r, const char *type, const char *body,
                                       size_t size)
{
    /* The library copies, and its prototype has no const. */
    struct MHD_Response *response =
        MHD_create_response_from_buffer(size, (void *)(uintptr_t)body, MHD_RESPMEM_MUST_COPY);

    if (response != NULL) {
        http_headers(r, response, type);
    }
    return response;
}

enum MHD_Result http_answer(http_request *r, unsigned status, const char *type, const char *body,
                            size_t size)
{
    struct MHD_Response *response = answer_new(r, type, body, size);

    if (response == NULL) {
        return MHD_NO;
    }
    if (r->route != NULL &&
        (status == MHD_HTTP_METHOD_NOT_ALLOWED || status == MHD_HTTP_NO_CONTENT)) {
        answer_header(response, "Allow", r->route->allow);
    }
    return answer_queue(r, status, response);
}

static const char *answer_code(unsigned status)
{
    switch (status) {
    case MHD_HTTP_NOT_FOUND:
        return "not found";
    case MHD_HTTP_METHOD_NOT_ALLOWED:
        return "method not allowed";
    case MHD_HTTP_CONTENT_TOO_LARGE:
        return "request too large";
    case MHD_HTTP_UNPROCESSABLE_CONTENT:
        return "unprocessable entity";
    case MHD_HTTP_SERVICE_UNAVAILABLE:
        return "unavailable";
    case MHD_HTTP_INTERNAL_SERVER_ERROR:
        return "internal error";
    default:
        return "invalid";
    }
}

static struct MHD_Response *answer_error(http_request *r, unsigned status, const char *message)
{
    hi_buf text;

    hi_buf_init(&text, &r->server->mem, ANSWER_MAX);
    hi_buf_printf(&text, "{\"code\":\"%s\",\"error\":", answer_code(status));
    hi_json_string(&text, message, strlen(message));
    hi_buf_printf(&text, ",\"message\":");
    hi_json_string(&text, message, strlen(message));
    hi_buf_printf(&text, "}\n");
    struct MHD_Response *response =
        hi_buf_ok(&text) ? answer_new(r, "application/json", text.data, text.size) : NULL;
    hi_buf_free(&text);
    if (response != NULL && status >= 400) {
        char first[256];

        (void)snprintf(first, sizeof(first), "%s", message);
        for (char *p = first; *p != '\0'; p++) {
            *p = (unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e ? '?' : *p;
        }
        answer_header(response, "X-Influxdb-Error", first);
    }
    return response;
}

enum MHD_Result http_answer_error(http_request *r, unsigned status, const char *message)
{
    struct MHD_Response *response = answer_error(r, status, message);

    if (response == NULL) {
        return MHD_NO;
    }
    if (status == MHD_HTTP_METHOD_NOT_ALLOWED && r->route != NULL) {
        answer_header(response, "Allow", r->route->allow);
    }
    return answer_queue(r, status, response);
}

enum MHD_Result http_answer_later(http_request *r, const char *message)
{
    struct MHD_Response *response = answer_error(r, MHD_HTTP_SERVICE_UNAVAILABLE, message);

    if (response == NULL) {
        return MHD_NO;
    }
    answer_header(response, "Retry-After", "10");
    return answer_queue(r, MHD_HTTP_SERVICE_UNAVAILABLE, response);
}
#else
typedef int http_answer_left_out; /* HTTP was left out of this build. */
#endif
