#include "polling.h"

#include <inttypes.h>
#include <stdio.h>

#include "live/person.h"
#include "session.h"

static void
fail(struct request *r, enum session_fault fault)
{
	session_refuse(r->all, r->conn, fault);
}

static void
plain(struct request *r, int status, struct str type, struct str body)
{
	request_reply(r->all, r->conn, status, type, REQUEST_NO_STORE, body);
}

/* The parameters that matter; of a repeated one the last counts, and unknown ones are the client's own. */
struct asked {
	struct str transport, sid, eio, t;
};

static bool
read_query(struct request *r, struct query *q, struct asked *a)
{
	static const char *const names[] = {"transport", "sid", "EIO", "t", NULL};

	*a = (struct asked){.transport = STR("")};
	if (query_parse_only(q, r->query, names) != 0)
		return false;
	for (size_t i = 0; i < q->n; i++) {
		struct str name = q->fields[i].name, value = q->fields[i].value;

		if (str_eq(name, STR("transport")))
			a->transport = value;
		else if (str_eq(name, STR("sid")))
			a->sid = value;
		else if (str_eq(name, STR("EIO")))
			a->eio = value;
		else if (str_eq(name, STR("t")))
			a->t = value;
	}
	return true;
}

static bool
contains(struct str s, struct str mark)
{
	for (size_t at = 0; at + mark.n <= s.n; at++)
		if (str_starts(str_skip(s, at), mark))
			return true;
	return false;
}

/* As python-engineio makes its `t`, whatever it calls itself: seconds, a dot, and parts of one. */
static bool
is_python_time(struct str t)
{
	size_t digits = 0, dots = 0;

	for (size_t i = 0; i < t.n; i++) {
		digits += t.p[i] >= '0' && t.p[i] <= '9';
		dots += t.p[i] == '.' && i > 0 && i + 1 < t.n;
	}
	return dots == 1 && digits + 1 == t.n;
}

/* Clients that take any number of packets in a reply: browsers, Node.js, Java, Swift, Dart. All others get few, since
 * python-engineio drops the connection at more than 16. */
static bool
takes_few(struct str user_agent, struct str t)
{
	static const struct str marks[] = {{"Mozilla/", 8}, {"node", 4}, {"okhttp", 6}, {"CFNetwork", 9}, {"Dart/", 5}};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (contains(user_agent, marks[i]))
			return is_python_time(t);
	return true;
}

static void
handshake(struct socketio *io, struct request *r, const struct asked *a)
{
	struct session *s;
	char body[256];
	int n;

	if (r->method != METHOD_GET) {
		fail(r, SESSION_BAD_HANDSHAKE_METHOD);
		return;
	}
	if (!str_eq(a->eio, STR("4"))) {
		fail(r, SESSION_UNSUPPORTED_PROTOCOL);
		return;
	}
	s = session_new(io->sessions, io->layer, takes_few(r->user_agent, a->t), r->user);
	if (s == NULL) {
		request_fail(r->all, r->conn, PROBLEM_BUSY,
		    "no session can begin now: there are too many (sessions-max), or the daemon stops");
		return;
	}
	n = snprintf(body, sizeof body,
	    "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":%" PRId64 ",\"pingTimeout\":%" PRId64
	    ",\"maxPayload\":%zu}",
	    session_id(s), io->ping_interval_ms, io->ping_timeout_ms, io->max_payload);
	plain(r, 200, REQUEST_TEXT, (struct str){body, (size_t)n});
}

static void
post(struct socketio *io, struct request *r, struct session *s)
{
	if (r->body_too_large || r->body.n > io->max_payload) {
		plain(r, 413, REQUEST_TEXT, STR(""));
		return;
	}
	if (str_eq_nocase(r->content_type, STR("application/octet-stream"))) {
		session_end(s, STR("1"));
		fail(r, SESSION_BAD_REQUEST);
		return;
	}
	session_post(s, r->conn, r->body);
}

static void
serve(struct socketio *io, struct request *r, const struct asked *a)
{
	struct session *s;

	if (!str_eq(a->transport, STR("polling"))) {
		fail(r, SESSION_UNKNOWN_TRANSPORT);
		return;
	}
	if (a->sid.n == 0) {
		handshake(io, r, a);
		return;
	}
	s = session_find(io->sessions, io->layer, a->sid);
	if (s == NULL || !session_is_for(s, r->user) || !session_alive(s))
		fail(r, SESSION_UNKNOWN_SID);
	else if (!str_eq(a->eio, STR("4")))
		fail(r, SESSION_BAD_REQUEST);
	else if (r->method == METHOD_GET)
		session_get(s, r->conn);
	else if (r->method == METHOD_POST)
		post(io, r, s);
	else
		plain(r, 500, REQUEST_TEXT, STR(""));
}

void
socketio_request(struct socketio *io, struct request *r)
{
	struct query q;
	struct asked a;

	request_open_cors(r);
	if (r->method == METHOD_OPTIONS && ((struct slot *)fcgi_slot(r->conn))->origin != ORIGIN_NONE) {
		request_options(r, "GET,HEAD,PUT,PATCH,POST,DELETE");
		return;
	}
	if (!person_ok(r))
		return;
	if (read_query(r, &q, &a))
		serve(io, r, &a);
	else
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
	query_fini(&q);
}
