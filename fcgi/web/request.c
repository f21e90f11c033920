#include "request.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/hash.h"

enum { DETAIL_MAX = 400, SHOWN_MAX = 64 };

static enum method
method_of(struct str s)
{
	if (str_eq(s, STR("GET")))
		return METHOD_GET;
	if (str_eq(s, STR("HEAD")))
		return METHOD_HEAD;
	if (str_eq(s, STR("POST")))
		return METHOD_POST;
	if (str_eq(s, STR("PATCH")))
		return METHOD_PATCH;
	if (str_eq(s, STR("DELETE")))
		return METHOD_DELETE;
	return str_eq(s, STR("OPTIONS")) ? METHOD_OPTIONS : METHOD_OTHER;
}

/* Where the last segment but one begins, if it is "/messages" and a number follows; or else `last`. */
static size_t
of_message(struct str path, size_t last)
{
	static const struct str messages = {"/messages", 9};
	struct str number = str_skip(path, last);

	if (last < messages.n || number.n < 2 ||
	    !str_eq((struct str){path.p + last - messages.n, messages.n}, messages))
		return last;
	for (size_t i = 1; i < number.n; i++)
		if (number.p[i] < '0' || number.p[i] > '9')
			return last;
	return last - messages.n;
}

/* The part of a path that says what is asked for, wherever the site has put us. */
static struct str
tail_of(struct str path)
{
	static const struct str socketio = {"/socket.io/", 11};
	size_t i = path.n;

	for (size_t at = 0; at + socketio.n <= path.n; at++)
		if (str_starts(str_skip(path, at), socketio))
			return str_skip(path, at);
	while (i > 0 && path.p[i - 1] != '/')
		i--;
	return i == 0 ? path : str_skip(path, of_message(path, i - 1));
}

static void
take_param(struct request *r, struct str name, struct str value)
{
	static const struct {
		struct str name;
		size_t offset;
	} table[] = {
	    {{"QUERY_STRING", 12}, offsetof(struct request, query)},
	    {{"CONTENT_TYPE", 12}, offsetof(struct request, content_type)},
	    {{"REMOTE_USER", 11}, offsetof(struct request, user)},
	    {{"HTTP_HOST", 9}, offsetof(struct request, host)},
	    {{"HTTP_ORIGIN", 11}, offsetof(struct request, origin)},
	    {{"HTTP_SEC_FETCH_SITE", 19}, offsetof(struct request, fetch_site)},
	    {{"HTTP_SEC_FETCH_DEST", 19}, offsetof(struct request, fetch_dest)},
	    {{"HTTP_PREFER", 11}, offsetof(struct request, prefer)},
	    {{"HTTP_IF_MATCH", 13}, offsetof(struct request, if_match)},
	    {{"HTTP_IF_NONE_MATCH", 18}, offsetof(struct request, if_none_match)},
	    {{"HTTP_IF_KEY", 11}, offsetof(struct request, if_key)},
	    {{"HTTP_IDEMPOTENCY_KEY", 20}, offsetof(struct request, idempotency_key)},
	    {{"HTTP_USER_AGENT", 15}, offsetof(struct request, user_agent)},
	    {{"HTTP_AUTHORIZATION", 18}, offsetof(struct request, authorization)},
	    {{"REMOTE_ADDR", 11}, offsetof(struct request, address)},
	    {{"HTTP_X_FORWARDED_FOR", 20}, offsetof(struct request, forwarded)},
	    {{"HTTP_ACCESS_CONTROL_REQUEST_HEADERS", 35}, offsetof(struct request, cors_headers)},
	    {{"LONGLINE_UPGRADE", 16}, offsetof(struct request, can_upgrade)},
	    {{"SERVER_PROTOCOL", 15}, offsetof(struct request, protocol)},
	    {{"HTTP_UPGRADE", 12}, offsetof(struct request, upgrade)},
	    {{"HTTP_CONNECTION", 15}, offsetof(struct request, connection)},
	    {{"HTTP_SEC_WEBSOCKET_KEY", 22}, offsetof(struct request, ws_key)},
	    {{"HTTP_SEC_WEBSOCKET_VERSION", 26}, offsetof(struct request, ws_version)},
	    {{"HTTP_ACCEPT", 11}, offsetof(struct request, accept)},
	    {{"HTTP_LAST_EVENT_ID", 18}, offsetof(struct request, last_event_id)},
	};

	if (str_eq(name, STR("REQUEST_METHOD")))
		r->method = method_of(value);
	else if (str_eq(name, STR("SCRIPT_NAME")))
		r->path = tail_of(value);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (str_eq(name, table[i].name))
			memcpy((char *)r + table[i].offset, &value, sizeof value);
}

void
request_init(struct request *r, struct requests *all, const struct fcgi_request *from, size_t slot_size)
{
	struct slot *slot = fcgi_slot(from->conn), was = *slot;

	*r = (struct request){.all = all,
	    .conn = from->conn,
	    .method = METHOD_OTHER,
	    .cut = from->cut,
	    .scgi = from->scgi,
	    .body = from->body,
	    .body_too_large = from->body_too_large};
	memset(slot, 0, slot_size);
	if (was.parked == PARKED_LATE)
		*slot = (struct slot){.pass = was.pass, .entered = was.entered, .since_ms = was.since_ms};
	for (size_t i = 0; i < from->n_params; i++)
		take_param(r, from->params[i].name, from->params[i].value);
}

void
request_open_cors(struct request *r)
{
	struct slot *slot = fcgi_slot(r->conn);

	slot->origin = (uint8_t)origins_find(&r->all->origins, r->origin);
}

/* Only an origin that is named may send cookies and passwords along (the Fetch standard, section 3.2.5). */
static void
add_cors(struct buf *head, const struct origins *origins, unsigned origin)
{
	if (!origins_let_in(origins, origin))
		return;
	buf_add(head, STR("Access-Control-Allow-Origin: "));
	buf_add(head, origin >= ORIGIN_NAMED ? origins->named[origin - ORIGIN_NAMED] : STR("*"));
	buf_add(head, origin >= ORIGIN_NAMED ? STR("\r\nAccess-Control-Allow-Credentials: true\r\n") : STR("\r\n"));
	buf_add(
	    head, STR("Access-Control-Expose-Headers: ETag, Idempotent-Replayed, Preference-Applied, Retry-After\r\n"));
}

/* Once for each answer that is not shared, so without the slow printf. length < 0: it is not known. */
static void
add_head(struct buf *head, const struct requests *all, unsigned origin, int status, struct str type, int64_t length,
    struct str headers)
{
	buf_add(head, STR("Status: "));
	buf_add_int(head, status);
	buf_add_char(head, ' ');
	buf_add(head, str_of(problem_title(status)));
	buf_add(head, STR("\r\n"));
	if (type.n > 0) {
		buf_add(head, STR("Content-Type: "));
		buf_add(head, type);
		buf_add(head, STR("\r\n"));
	}
	if (type.n > 0 && length >= 0) {
		buf_add(head, STR("Content-Length: "));
		buf_add_int(head, length);
		buf_add(head, STR("\r\n"));
	}
	buf_add(head, headers);
	/* What a page elsewhere gets is another answer, be it a refusal. */
	buf_add(head, STR("Vary: Origin\r\n"));
	if (origin & ORIGIN_SOMEBODY)
		buf_add(head, STR("Cache-Control: private\r\nVary: Authorization\r\n"));
	if ((origin & ~(unsigned)ORIGIN_SOMEBODY) != ORIGIN_NONE)
		add_cors(head, &all->origins, origin & ~(unsigned)ORIGIN_SOMEBODY);
	buf_add(head, STR("\r\n"));
}

static struct blob *
frame(struct requests *all, unsigned origin, int status, struct str type, struct str headers, struct str body)
{
	struct buf head;
	struct blob *b = NULL;

	buf_init(&head, 16 * 1024);
	add_head(&head, all, origin, status, type, (int64_t)body.n, headers);
	if (buf_ok(&head))
		b = fcgi_frame(buf_str(&head), body);
	buf_fini(&head);
	return b;
}

bool
request_send(struct requests *all, struct fcgi_conn *conn, struct blob *reply)
{
	all->replies++;
	return fcgi_reply(all->fcgi, conn, reply);
}

void
request_reply(
    struct requests *all, struct fcgi_conn *conn, int status, struct str type, struct str headers, struct str body)
{
	struct slot *slot = fcgi_slot(conn);

	(void)request_send(all, conn, frame(all, slot->origin, status, type, headers, body));
}

/* A strong validator made from the content (RFC 9110 section 8.8.3): its hash and its length. */
static void
make_etag(char etag[64], struct str body)
{
	snprintf(etag, 64, "\"%016" PRIx64 "-%zx\"", hash_fnv1a(body), body.n);
}

/* If-Match and If-None-Match (RFC 9110 sections 13.1.1 and 13.1.2): *, or a list of tags, compared weakly. */
static bool
matches(struct str header, struct str etag)
{
	if (str_eq(str_trim(header), STR("*")))
		return true;
	while (header.n > 0) {
		struct str tag = str_trim(str_cut(&header, ','));

		if (str_starts(tag, STR("W/")))
			tag = str_skip(tag, 2);
		if (str_eq(tag, etag))
			return true;
	}
	return false;
}

void
request_tagged(struct requests *all, struct fcgi_conn *conn, struct str if_none_match, struct str body)
{
	char etag[64], headers[160];

	make_etag(etag, body);
	snprintf(headers, sizeof headers, "ETag: %s\r\nCache-Control: no-cache\r\n", etag);
	if (matches(if_none_match, str_of(etag)))
		request_reply(all, conn, 304, STR(""), str_of(headers), STR(""));
	else
		request_reply(all, conn, 200, REQUEST_JSON, str_of(headers), body);
}

bool
request_matches(struct str if_match, struct str body)
{
	char etag[64];

	make_etag(etag, body);
	return matches(if_match, str_of(etag));
}

struct blob *
request_json(struct requests *all, unsigned origin, struct str headers, struct str body)
{
	struct buf lines;
	struct blob *b;

	buf_init(&lines, 4096);
	buf_add(&lines, REQUEST_NO_STORE);
	buf_add(&lines, headers);
	b = frame(all, origin, 200, REQUEST_JSON, buf_str(&lines), body);
	buf_fini(&lines);
	return b;
}

struct blob *
request_part(struct requests *all, unsigned origin, struct str type, struct str body)
{
	struct buf head;
	struct blob *b = NULL;

	buf_init(&head, SIZE_MAX);
	add_head(
	    &head, all, origin, 200, type, -1, STR(REQUEST_NO_STORE_LINE "Vary: Accept\r\nX-Accel-Buffering: no\r\n"));
	buf_add(&head, body);
	if (buf_ok(&head))
		b = fcgi_frame_part(buf_str(&head));
	buf_fini(&head);
	return b;
}

struct blob *
request_text(struct requests *all, unsigned origin, struct str body)
{
	return frame(all, origin, 200, REQUEST_TEXT, REQUEST_NO_STORE, body);
}

static void fail(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers, struct str members,
    const char *format, va_list ap) __attribute__((format(printf, 6, 0)));

static void
fail(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers, struct str members,
    const char *format, va_list ap)
{
	char detail[DETAIL_MAX];
	struct buf head, body;
	int n = vsnprintf(detail, sizeof detail, format, ap);

	if (n < 0)
		n = 0;
	all->problems[p]++;
	buf_init(&head, 4096);
	buf_init(&body, 16 * 1024);
	if (((const struct slot *)fcgi_slot(conn))->events && problem_status(p) >= 500) {
		request_add_come_back(&body, conn, problem_code(p));
		request_reply(all, conn, 200, REQUEST_EVENTS, REQUEST_NO_STORE, buf_str(&body));
		buf_fini(&body);
		return;
	}
	buf_add(&head, REQUEST_NO_STORE);
	buf_add(&head, headers);
	problem_add_json(
	    &body, p, (struct str){detail, (size_t)n < sizeof detail ? (size_t)n : sizeof detail - 1}, members);
	request_reply(all, conn, problem_status(p), STR("application/problem+json"), buf_str(&head), buf_str(&body));
	buf_fini(&body);
	buf_fini(&head);
}

void
request_fail(struct requests *all, struct fcgi_conn *conn, enum problem p, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fail(all, conn, p, problem_status(p) == 503 ? STR("Retry-After: 1\r\n") : STR(""), STR(""), format, ap);
	va_end(ap);
}

void
request_fail_with(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers, struct str members,
    const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	fail(all, conn, p, headers, members, format, ap);
	va_end(ap);
}

void
request_fail_for_now(struct requests *all, struct fcgi_conn *conn, enum problem p, int64_t retry_s, const char *limit,
    const char *format, ...)
{
	char headers[48], members[96] = "";
	va_list ap;

	retry_s = retry_s < 1 ? 1 : retry_s;
	snprintf(headers, sizeof headers, "Retry-After: %" PRId64 "\r\n", retry_s);
	if (limit != NULL)
		snprintf(members, sizeof members, ",\"limit\":\"%s\",\"retryAfter\":%" PRId64, limit, retry_s);
	va_start(ap, format);
	fail(all, conn, p, str_of(headers), str_of(members), format, ap);
	va_end(ap);
}

void
request_refuse_busy(struct requests *all, struct fcgi_conn *conn)
{
	request_fail(all, conn, PROBLEM_BUSY, "too many requests wait for the database");
}

struct str
request_shown(struct str s)
{
	return (struct str){s.p, s.n < SHOWN_MAX ? s.n : SHOWN_MAX};
}

bool
request_refuse_parameter(struct request *r, struct str name, struct str value, const char *expected)
{
	request_fail(r->all, r->conn, PROBLEM_BAD_PARAMETER, "parameter '%.*s' must be %s, not '%.*s'", STR_ARGS(name),
	    expected, STR_ARGS(request_shown(value)));
	return false;
}

/* A list of header names may be sent back to whoever asked for it; anything else may not. */
static bool
header_names(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
		        c == '_' || c == ',' || c == ' '))
			return false;
	}
	return s.n > 0 && s.n <= 1024;
}

void
request_options(struct request *r, const char *allowed)
{
	struct slot *slot = fcgi_slot(r->conn);
	struct buf headers;

	buf_init(&headers, 4096);
	buf_printf(&headers, "Allow: %s\r\n" REQUEST_NO_STORE_LINE, allowed);
	if (origins_let_in(&r->all->origins, slot->origin & ~(unsigned)ORIGIN_SOMEBODY)) {
		buf_printf(&headers,
		    "Access-Control-Allow-Methods: %s\r\nAccess-Control-Max-Age: 600\r\n"
		    "Vary: Access-Control-Request-Headers\r\n",
		    allowed);
		if (header_names(r->cors_headers))
			buf_printf(&headers, "Access-Control-Allow-Headers: %.*s\r\n", STR_ARGS(r->cors_headers));
	}
	request_reply(r->all, r->conn, 204, STR(""), buf_str(&headers), STR(""));
	buf_fini(&headers);
}

/* 405 naming what is allowed. */
static void
refuse_method(struct request *r, const char *allowed)
{
	struct buf headers, body;
	char detail[DETAIL_MAX];

	r->all->problems[PROBLEM_METHOD_NOT_ALLOWED]++;
	snprintf(detail, sizeof detail, "this path answers to %s only", allowed);
	buf_init(&headers, 512);
	buf_init(&body, 4096);
	buf_printf(&headers, "Allow: %s\r\n" REQUEST_NO_STORE_LINE, allowed);
	problem_add_json(&body, PROBLEM_METHOD_NOT_ALLOWED, str_of(detail), STR(""));
	request_reply(r->all, r->conn, 405, STR("application/problem+json"), buf_str(&headers), buf_str(&body));
	buf_fini(&headers);
	buf_fini(&body);
}

/* The method's name stands among those allowed. */
static bool
method_allowed(enum method method, struct str allowed)
{
	while (allowed.n > 0)
		if (method_of(str_trim(str_cut(&allowed, ','))) == method)
			return true;
	return false;
}

bool
request_method_ok(struct request *r, const char *allowed)
{
	if (r->method == METHOD_OPTIONS)
		request_options(r, allowed);
	else if (!method_allowed(r->method, str_of(allowed)))
		refuse_method(r, allowed);
	else
		return true;
	return false;
}
