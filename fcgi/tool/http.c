#include "http.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/version.h"
#include "say.h"

enum { CONNECT_WITHIN_MS = 10000, PROBLEM_DEPTH_MAX = 16 };

struct http {
	CURL *curl;
	const struct site *site;
	struct curl_slist *reading, *sending; /* headers of a GET, of a POST */
	struct buf url;
	struct http_answer answer;
	char error[CURL_ERROR_SIZE];
};

static size_t
take_body(char *p, size_t size, size_t n, void *ctx)
{
	struct buf *body = ctx;

	buf_add(body, (struct str){p, size * n});
	return buf_ok(body) ? size * n : 0;
}

/* false: no memory. */
static bool
add_header(struct curl_slist **list, const char *header)
{
	struct curl_slist *longer = curl_slist_append(*list, header);

	if (longer != NULL)
		*list = longer;
	return longer != NULL;
}

static bool
make_headers(struct http *h)
{
	const char *token = h->site->token;
	char header[SITE_TOKEN_MAX + 32] = "";
	bool good = true;

	snprintf(header, sizeof header, "Authorization: Bearer %s", token == NULL ? "" : token);
	if (token != NULL)
		good = add_header(&h->reading, header) && add_header(&h->sending, header);
	explicit_bzero(header, sizeof header);
	/* Without `Expect` a server that does not know it is not waited for. */
	return good && add_header(&h->reading, "Accept: application/json") &&
	       add_header(&h->sending, "Content-Type: application/json") && add_header(&h->sending, "Expect:");
}

static bool
set_options(struct http *h)
{
	const char *authorities = getenv("SSL_CERT_FILE");
	char agent[64];
	CURL *c = h->curl;

	snprintf(agent, sizeof agent, "longline/%s", longline_version);
	if (authorities != NULL && authorities[0] != '\0' &&
	    curl_easy_setopt(c, CURLOPT_CAINFO, authorities) != CURLE_OK)
		return false;
	return curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_ERRORBUFFER, h->error) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_USERAGENT, agent) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_WRITEDATA, &h->answer.body) == CURLE_OK;
}

struct http *
http_open(const struct site *site)
{
	struct http *h = calloc(1, sizeof *h);

	if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
		say_error("out of memory");
		free(h);
		return NULL;
	}
	h->site = site;
	buf_init(&h->url, 65536);
	buf_init(&h->answer.body, HTTP_BODY_MAX);
	h->curl = curl_easy_init();
	if (h->curl != NULL && make_headers(h) && set_options(h))
		return h;
	say_error("libcurl has no memory");
	http_close(h);
	return NULL;
}

static void
forget_headers(struct curl_slist *list)
{
	for (struct curl_slist *one = list; one != NULL; one = one->next)
		explicit_bzero(one->data, strlen(one->data));
	curl_slist_free_all(list);
}

void
http_close(struct http *h)
{
	if (h == NULL)
		return;
	if (h->curl != NULL)
		curl_easy_cleanup(h->curl);
	forget_headers(h->reading);
	forget_headers(h->sending);
	buf_fini(&h->url);
	buf_fini(&h->answer.body);
	free(h);
	curl_global_cleanup();
}

static void
take_member(void *ctx, struct str name, enum json_type type, struct str value)
{
	struct http_answer *a = ctx;

	if (type == JSON_STRING && str_eq(name, STR("detail")))
		snprintf(a->why, sizeof a->why, "%.*s", STR_ARGS(value));
	else if (type == JSON_STRING && str_eq(name, STR("code")))
		snprintf(a->code, sizeof a->code, "%.*s", STR_ARGS(value));
}

/* What the site says that is wrong. */
static void
read_problem(struct http *h, long status)
{
	struct http_answer *a = &h->answer;
	char why[HTTP_WHY_SIZE];

	if (json_object(buf_str(&a->body), PROBLEM_DEPTH_MAX, take_member, a, NULL) != JSON_OK)
		a->why[0] = a->code[0] = '\0';
	memcpy(why, a->why, sizeof why);
	snprintf(a->why, sizeof a->why, "%ld%s%.400s", status, why[0] == '\0' ? "" : ": ", why);
}

static void
judge_status(struct http *h, long status)
{
	struct http_answer *a = &h->answer;
	curl_off_t seconds = 0;

	if (status == 200 || status == 201) {
		a->outcome = HTTP_DONE;
		return;
	}
	read_problem(h, status);
	if (status == 401 || status == 403)
		a->outcome = HTTP_NOT_ALLOWED;
	else if (status == 408 || status == 429 || (status >= 500 && strcmp(a->code, "search_timeout") != 0))
		a->outcome = HTTP_AGAIN;
	else if (status >= 400) /* and what is too much to ask for is so the next time, too */
		a->outcome = HTTP_REFUSED;
	else {
		a->outcome = HTTP_NO_USE;
		snprintf(a->why, sizeof a->why, "it answers %ld, as no Longline does", status);
	}
	a->perhaps = status == 408 || status == 500 || status == 502 || status == 504;
	if (curl_easy_getinfo(h->curl, CURLINFO_RETRY_AFTER, &seconds) == CURLE_OK && seconds > 0)
		a->retry_after_ms = (int64_t)seconds * 1000;
}

/* No answer, or not all of it. */
static void
judge_failure(struct http *h, CURLcode code)
{
	struct http_answer *a = &h->answer;

	snprintf(a->why, sizeof a->why, "%s", h->error[0] == '\0' ? curl_easy_strerror(code) : h->error);
	switch (code) {
	case CURLE_UNSUPPORTED_PROTOCOL:
	case CURLE_URL_MALFORMAT:
	case CURLE_NOT_BUILT_IN:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ENGINE_NOTFOUND:
	case CURLE_WEIRD_SERVER_REPLY:
		a->outcome = HTTP_NO_USE;
		break;
	default:
		a->outcome = HTTP_AGAIN;
	}
	if (!buf_ok(&a->body)) {
		a->outcome = HTTP_NO_USE;
		snprintf(a->why, sizeof a->why, "its answer is too long, or memory is short");
	}
	a->perhaps = code != CURLE_COULDNT_CONNECT && code != CURLE_COULDNT_RESOLVE_HOST &&
	             code != CURLE_COULDNT_RESOLVE_PROXY && code != CURLE_SSL_CONNECT_ERROR;
}

/* false: no memory. */
static bool
prepare(struct http *h, const char *target, const struct str *json, int64_t within_ms)
{
	CURL *c = h->curl;

	buf_reset(&h->url, SIZE_MAX);
	buf_printf(&h->url, "%s%s", h->site->url, target);
	buf_add_char(&h->url, '\0');
	if (!buf_ok(&h->url) || curl_easy_setopt(c, CURLOPT_URL, h->url.p) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)within_ms) != CURLE_OK ||
	    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_WITHIN_MS) != CURLE_OK)
		return false;
	if (json == NULL)
		return curl_easy_setopt(c, CURLOPT_HTTPGET, 1L) == CURLE_OK &&
		       curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->reading) == CURLE_OK;
	return curl_easy_setopt(c, CURLOPT_POST, 1L) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_HTTPHEADER, h->sending) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDS, json->p) == CURLE_OK &&
	       curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)json->n) == CURLE_OK;
}

const struct http_answer *
http_ask(struct http *h, const char *target, const struct str *json, int64_t within_ms)
{
	struct http_answer *a = &h->answer;
	long status = 0;
	CURLcode code;

	buf_reset(&a->body, 1 << 20);
	a->perhaps = false;
	a->retry_after_ms = 0;
	a->why[0] = a->code[0] = h->error[0] = '\0';
	code = prepare(h, target, json, within_ms) ? curl_easy_perform(h->curl) : CURLE_OUT_OF_MEMORY;
	if (code == CURLE_OK)
		code = curl_easy_getinfo(h->curl, CURLINFO_RESPONSE_CODE, &status);
	if (code == CURLE_OK)
		judge_status(h, status);
	else
		judge_failure(h, code);
	return a;
}

void
http_add_parameter(struct buf *target, const char *name, struct str value)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~*";
	bool first = memchr(target->p == NULL ? "" : target->p, '?', target->n) == NULL;

	buf_printf(target, "%c%s=", first ? '?' : '&', name);
	for (size_t i = 0; i < value.n; i++)
		if (memchr(plain, value.p[i], sizeof plain - 1) != NULL)
			buf_add_char(target, value.p[i]);
		else
			buf_printf(target, "%%%02X", (unsigned char)value.p[i]);
}
