/* url.c -- a daemon asked over HTTP with libcurl; see url.h. */
#include "histcli/url.h"

#include "base/err.h"

#ifdef HIST_WITH_CURL
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

#include "histcli/answer.h"
#include "histcli/interrupt.h"

#include "base/dyn.h"

enum {
    URL_CONNECT_SECONDS = 10,
    URL_BODY_BYTES_MAX = 128 << 20, /* Of a request: the text of a query as JSON. */
    URL_ERROR_BYTES_MAX = 64 << 10, /* Of a refusal. */
};

struct url {
    cli *c;
    CURL *curl;
    char *base; /* Without the slash at its end. */
    size_t base_size;
    bool unreachable;
    long http_status;
    /* While a request runs: */
    answer *answer; /* NULL: only the status and the text of a refusal count. */
    hi_buf refusal;
    hist_status status; /* Of the sink. */
    hist_error *err;
    char curl_error[CURL_ERROR_SIZE];
};

static size_t url_take(char *data, size_t one, size_t count, void *arg)
{
    url *u = arg;
    const size_t size = one * count;

    if (u->http_status == 0) {
        (void)curl_easy_getinfo(u->curl, CURLINFO_RESPONSE_CODE, &u->http_status);
    }
    if (u->http_status == 200 && u->answer != NULL) {
        u->status = answer_push(u->answer, data, size, u->err);
        return u->status == HIST_OK ? size : 0;
    }
    if (u->refusal.size + size <= URL_ERROR_BYTES_MAX) {
        hi_buf_append(&u->refusal, data, size);
    }
    return size;
}

static int url_watch(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)arg;
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return interrupt_seen() ? 1 : 0;
}

/* A proxy from the environment is of no use on the way to this machine. */
static void url_no_proxy(url *u)
{
    const char *host = strstr(u->base, "://") + 3;

    if (strncmp(host, "127.", 4) == 0 || strncmp(host, "localhost", 9) == 0 ||
        strncmp(host, "[::1]", 5) == 0) {
        (void)curl_easy_setopt(u->curl, CURLOPT_NOPROXY, "*");
    }
}

static void url_set(url *u)
{
    (void)curl_easy_setopt(u->curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(u->curl, CURLOPT_CONNECTTIMEOUT, (long)URL_CONNECT_SECONDS);
    (void)curl_easy_setopt(u->curl, CURLOPT_ERRORBUFFER, u->curl_error);
    (void)curl_easy_setopt(u->curl, CURLOPT_WRITEFUNCTION, url_take);
    (void)curl_easy_setopt(u->curl, CURLOPT_WRITEDATA, u);
    (void)curl_easy_setopt(u->curl, CURLOPT_XFERINFOFUNCTION, url_watch);
    (void)curl_easy_setopt(u->curl, CURLOPT_NOPROGRESS, 0L);
    (void)curl_easy_setopt(u->curl, CURLOPT_ACCEPT_ENCODING, "");
    (void)curl_easy_setopt(u->curl, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl_easy_setopt(u->curl, CURLOPT_BUFFERSIZE, 65536L);
    url_no_proxy(u);
}

hist_status url_open(cli *c, const char *address, url **out, hist_error *err)
{
    const char *host = strstr(address, "://") + 3;
    url *u = NULL;
    size_t size = strlen(address);

    *out = NULL;
    if (host[0] == '\0' || host[0] == '/' || strpbrk(host, "?#") != NULL) {
        return hi_fail(err, HIST_EINVAL, "%s: an address is http://HOST:PORT", address);
    }
    while (address[size - 1] == '/') {
        size--;
    }
    u = HI_MEM_NEW(&c->mem, url);
    if (u == NULL) {
        return hi_no_memory(err, "a connection");
    }
    u->c = c;
    u->base_size = size + 1;
    u->base = hi_mem_alloc(&c->mem, u->base_size);
    u->curl = curl_easy_init();
    hi_buf_init(&u->refusal, &c->mem, URL_ERROR_BYTES_MAX);
    if (u->curl == NULL || u->base == NULL) {
        url_close(u);
        return hi_no_memory(err, "a connection");
    }
    memcpy(u->base, address, size);
    u->base[size] = '\0';
    url_set(u);
    *out = u;
    return HIST_OK;
}

void url_close(url *u)
{
    if (u != NULL) {
        curl_easy_cleanup(u->curl);
        hi_buf_free(&u->refusal);
        hi_mem_free(&u->c->mem, u->base, u->base_size);
        HI_MEM_DELETE(&u->c->mem, u);
    }
}

bool url_unreachable(const url *u)
{
    return u->unreachable;
}

static hist_status url_failed(url *u, CURLcode code)
{
    if (u->status != HIST_OK) {
        return u->status;
    }
    if (interrupt_seen()) {
        return hi_fail(u->err, HIST_ECANCELLED, "interrupted");
    }
    u->unreachable = u->http_status == 0;
    return hi_fail(u->err, HIST_EIO, u->unreachable ? "cannot reach %s: %s" : "%s: %s", u->base,
                   u->curl_error[0] != '\0' ? u->curl_error : curl_easy_strerror(code));
}

/* One POST; the answer goes to u->answer or u->refusal. */
static hist_status url_post(url *u, const char *path, const char *type, hist_str body,
                            hist_error *err)
{
    char address[4096];
    char content[128];
    const int size = snprintf(address, sizeof(address), "%s%s", u->base, path);
    struct curl_slist *headers = NULL;

    if (size < 0 || (size_t)size >= sizeof(address)) {
        return hi_fail(err, HIST_EINVAL, "the address is longer than %zu bytes", sizeof(address));
    }
    (void)snprintf(content, sizeof(content), "Content-Type: %s", type);
    headers = curl_slist_append(NULL, content);
    headers = curl_slist_append(headers, "Expect:");
    headers = curl_slist_append(headers, "x-ms-app: histcli");
    hi_buf_clear(&u->refusal);
    u->status = HIST_OK;
    u->http_status = 0;
    u->unreachable = false;
    u->curl_error[0] = '\0';
    u->err = err;
    (void)curl_easy_setopt(u->curl, CURLOPT_URL, address);
    (void)curl_easy_setopt(u->curl, CURLOPT_HTTPHEADER, headers);
    (void)curl_easy_setopt(u->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.size);
    (void)curl_easy_setopt(u->curl, CURLOPT_POSTFIELDS, body.size == 0 ? "" : body.data);
    const CURLcode code = curl_easy_perform(u->curl);

    (void)curl_easy_getinfo(u->curl, CURLINFO_RESPONSE_CODE, &u->http_status);
    curl_slist_free_all(headers);
    return code == CURLE_OK ? HIST_OK : url_failed(u, code);
}

static void url_request(const cli *c, hi_buf *to, const char *text, size_t size)
{
    const char *database = c->database == NULL ? "default" : c->database;

    hi_buf_printf(to, "{\"db\":");
    hi_json_string(to, database, strlen(database));
    hi_buf_printf(to, ",\"csl\":");
    hi_json_string(to, text, size);
    hi_buf_printf(to, ",\"properties\":{\"Options\":{},\"Parameters\":{");
    for (size_t i = 0; i < c->param_count; i++) {
        hi_buf_printf(to, "%s", i == 0 ? "" : ",");
        hi_json_string(to, c->param_names[i], strlen(c->param_names[i]));
        hi_buf_byte(to, ':');
        hi_json_string(to, c->param_values[i], strlen(c->param_values[i]));
    }
    hi_buf_printf(to, "}}}");
}

static hist_status url_ask(url *u, const char *path, hist_str body, hist_error *err)
{
    HI_TRY(url_post(u, path, "application/json; charset=utf-8", body, err));
    if (u->http_status == 200) {
        return answer_finish(u->answer, err);
    }
    return answer_refused(&u->c->mem, u->refusal.data, u->refusal.size, u->http_status, err);
}

hist_status url_query(url *u, const char *text, size_t size, const result_sink *sink,
                      hist_error *err)
{
    hi_buf body;
    hist_status status = HIST_OK;
    size_t first = 0;

    while (first < size && (text[first] == ' ' || text[first] == '\n' || text[first] == '\t')) {
        first++;
    }
    hi_buf_init(&body, &u->c->mem, URL_BODY_BYTES_MAX);
    url_request(u->c, &body, text, size);
    u->answer = answer_new(&u->c->mem, sink);
    if (!hi_buf_ok(&body) || u->answer == NULL) {
        status = hi_no_memory(err, "a request");
    } else {
        const bool command = first < size && text[first] == '.';

        status = url_ask(u, command ? "/v1/rest/mgmt" : "/v1/rest/query",
                         (hist_str){body.data, body.size}, err);
    }
    answer_free(u->answer);
    u->answer = NULL;
    hi_buf_free(&body);
    return status;
}

hist_status url_write(url *u, const char *precision, hist_str lines, hi_buf *refusal,
                      hist_error *err)
{
    char path[2048];
    char *database =
        curl_easy_escape(u->curl, u->c->database == NULL ? "default" : u->c->database, 0);

    if (database == NULL) {
        return hi_no_memory(err, "a request");
    }
    (void)snprintf(path, sizeof(path), "/write?db=%s&precision=%s", database, precision);
    curl_free(database);
    HI_TRY(url_post(u, path, "text/plain; charset=utf-8", lines, err));
    if (u->http_status == 204) {
        return HIST_OK;
    }
    if (u->http_status == 400 || u->http_status == 422) {
        hist_error reason = {.message = ""};

        (void)answer_refused(&u->c->mem, u->refusal.data, u->refusal.size, u->http_status, &reason);
        hi_buf_append(refusal, reason.message, strlen(reason.message));
        return HIST_OK;
    }
    return answer_refused(&u->c->mem, u->refusal.data, u->refusal.size, u->http_status, err);
}

#else

hist_status url_open(cli *c, const char *address, url **out, hist_error *err)
{
    (void)c;
    *out = NULL;
    return hi_fail(err, HIST_EINVAL,
                   "%s: this histcli was built without libcurl and takes folders only", address);
}

void url_close(url *u)
{
    (void)u;
}

hist_status url_query(url *u, const char *text, size_t size, const result_sink *sink,
                      hist_error *err)
{
    (void)u;
    (void)text;
    (void)size;
    (void)sink;
    return hi_fail(err, HIST_EINVAL, "built without libcurl");
}

hist_status url_write(url *u, const char *precision, hist_str lines, hi_buf *refusal,
                      hist_error *err)
{
    (void)u;
    (void)precision;
    (void)lines;
    (void)refusal;
    return hi_fail(err, HIST_EINVAL, "built without libcurl");
}

bool url_unreachable(const url *u)
{
    (void)u;
    return true;
}

#endif
