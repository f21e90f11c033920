#include "polling.h"

#include <inttypes.h>
#include <stdio.h>

#include "live/gate.h"
#include "session.h"

/* Sessions end by themselves within about this. */
enum { SESSIONS_RETRY_MS = 30000 };

/* The errors of Engine.IO's own server, whose body clients may show; in the order of their codes. */
enum fault {
	UNKNOWN_TRANSPORT,
	UNKNOWN_SID,
	BAD_HANDSHAKE_METHOD,
	BAD_REQUEST,
	FORBIDDEN,
	UNSUPPORTED_PROTOCOL,
};

static void
refuse(struct requests *requests, struct fcgi_conn *conn, enum fault fault)
{
	static const char *const words[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
	    "Bad request", "Forbidden", "Unsupported protocol version"};
	char body[96];
	int n = snprintf(body, sizeof body, "{\"code\":%d,\"message\":\"%s\"}", (int)fault, words[fault]);

	request_reply(requests, conn, fault == FORBIDDEN ? 403 : 400, REQUEST_JSON, REQUEST_NO_STORE,
	    (struct str){body, (size_t)n});
}

static void
fail(struct request *r, enum fault fault)
{
	refuse(r->all, r->conn, fault);
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

/* What the request takes of its person's; false: answered, or put off. */
static bool
take(struct polling *p, struct request *r, unsigned takes)
{
	return p->gate == NULL || gate_take(p->gate, r, takes);
}

static void
handshake(struct polling *p, struct request *r, const struct asked *a)
{
	struct session *s;
	char body[256];
	bool limited;
	int n;

	if (r->method != METHOD_GET) {
		fail(r, BAD_HANDSHAKE_METHOD);
		return;
	}
	if (!str_eq(a->eio, STR("4"))) {
		fail(r, UNSUPPORTED_PROTOCOL);
		return;
	}
	if (!take(p, r, GATE_HANDSHAKE))
		return;
	s = session_new(p->sessions, p->layer, takes_few(r->user_agent, a->t), slot_pass(r->conn), &limited);
	if (limited) {
		gate_refuse_rate(p->gate, r->conn, LIMIT_SESSIONS, SESSIONS_RETRY_MS);
		return;
	}
	if (s == NULL) {
		request_fail(r->all, r->conn, PROBLEM_BUSY,
		    "no session can begin now: there are too many (sessions-max), or the daemon stops");
		return;
	}
	n = snprintf(body, sizeof body,
	    "0{\"sid\":\"%s\",\"upgrades\":[],\"pingInterval\":%" PRId64 ",\"pingTimeout\":%" PRId64
	    ",\"maxPayload\":%zu}",
	    session_id(s), p->ping_interval_ms, p->ping_timeout_ms, p->max_payload);
	plain(r, 200, REQUEST_TEXT, (struct str){body, (size_t)n});
}

/* ---- the outlet ---- */

/* A GET that is held, in its connection's slot. */
struct held {
	struct slot slot;
	struct polling *polling;
	struct session_outlet outlet;
};

size_t
polling_slot_size(void)
{
	return sizeof(struct held);
}

/* Their origins: 0 to ORIGINS_ALL - 1. */
static unsigned
form(const struct session_outlet *o)
{
	return CONTAINER(o, const struct held, outlet)->slot.origin;
}

static struct blob *
wrap(struct session_outlet *o, struct str payload)
{
	struct held *h = CONTAINER(o, struct held, outlet);

	return request_text(h->polling->requests, h->slot.origin, payload);
}

static enum outlet_put
put(struct session_outlet *o, struct blob *wrapped)
{
	struct held *h = CONTAINER(o, struct held, outlet);

	h->slot.parked = PARKED_NOT;
	return request_send(h->polling->requests, fcgi_of_slot(h), wrapped) ? OUTLET_USED : OUTLET_LOST;
}

static void
end(struct session_outlet *o, struct str payload)
{
	(void)put(o, wrap(o, payload));
}

static const struct session_transport transport = {form, wrap, put, end};

static void
get(struct polling *p, struct request *r, struct session *s)
{
	struct held *h = fcgi_slot(r->conn);

	if (!take(p, r, GATE_HELD))
		return;
	if (session_is_attached(s)) {
		/* Two clients with one session, or one that lost count: neither can go on. */
		plain(r, 400, REQUEST_TEXT, STR(""));
		session_end(s, STR("1"));
		return;
	}
	h->slot.parked = PARKED_SESSION;
	h->polling = p;
	h->outlet.transport = &transport;
	session_attach(s, &h->outlet);
}

void
polling_gone(struct fcgi_conn *conn)
{
	struct held *h = fcgi_slot(conn);

	session_detach(&h->outlet);
}

/* ---- POSTs ---- */

/* Whoever sent a POST is told how it ended, if it waits for that. */
static void
on_posted(void *ctx, uint64_t handle, enum session_posted how)
{
	struct polling *p = ctx;
	struct fcgi_conn *conn = fcgi_find(p->requests->fcgi, handle);

	if (conn == NULL)
		return;
	if (how == SESSION_POST_HANDLED)
		request_reply(p->requests, conn, 200, STR("text/html"), REQUEST_NO_STORE, STR("ok"));
	else
		refuse(p->requests, conn, how == SESSION_POST_ENDED ? UNKNOWN_SID : BAD_REQUEST);
}

void
polling_init(struct polling *p)
{
	sessions_on_posted(p->sessions, on_posted, p);
}

static void
post(struct polling *p, struct request *r, struct session *s)
{
	if (r->body_too_large || r->body.n > p->max_payload) {
		plain(r, 413, REQUEST_TEXT, STR(""));
		return;
	}
	if (str_eq_nocase(r->content_type, STR("application/octet-stream"))) {
		session_end(s, STR("1"));
		fail(r, BAD_REQUEST);
		return;
	}
	if (take(p, r, GATE_BYTES))
		session_post(s, fcgi_handle(r->conn), r->body);
}

/* A request with the session's id, of whoever may use it. */
static void
serve_session(struct polling *p, struct request *r, struct session *s)
{
	if (p->gate != NULL && session_account(s) != NULL)
		gate_count_for(p->gate, r->conn, session_account(s));
	if (r->method == METHOD_GET)
		get(p, r, s);
	else if (r->method == METHOD_POST)
		post(p, r, s);
	else
		plain(r, 500, REQUEST_TEXT, STR(""));
}

static void
serve(struct polling *p, struct request *r, const struct asked *a)
{
	struct session *s;

	if (!str_eq(a->transport, STR("polling"))) {
		fail(r, UNKNOWN_TRANSPORT);
		return;
	}
	if (a->sid.n == 0) {
		handshake(p, r, a);
		return;
	}
	s = session_find(p->sessions, p->layer, a->sid);
	if (s == NULL || !session_is_for(s, slot_pass(r->conn)) || !session_alive(s))
		fail(r, UNKNOWN_SID);
	else if (!str_eq(a->eio, STR("4")))
		fail(r, BAD_REQUEST);
	else
		serve_session(p, r, s);
}

void
polling_request(struct polling *p, struct request *r)
{
	struct query q;
	struct asked a;

	if (r->method == METHOD_OPTIONS && ((struct slot *)fcgi_slot(r->conn))->origin != ORIGIN_NONE) {
		request_options(r, "GET,HEAD,PUT,PATCH,POST,DELETE");
		return;
	}
	if (read_query(r, &q, &a))
		serve(p, r, &a);
	else
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
	query_fini(&q);
}
