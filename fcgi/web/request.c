#include "request.h"

#include <stdio.h>
#include <string.h>

enum { SHOWN_MAX = 64 };

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
	char headers[160];

	snprintf(headers, sizeof headers, "Allow: %s\r\n", allowed);
	request_fail_with(r->all, r->conn, PROBLEM_METHOD_NOT_ALLOWED, str_of(headers), STR(""),
	    "this path answers to %s only", allowed);
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
