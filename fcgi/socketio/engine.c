#include "engine.h"

#include <inttypes.h>
#include <stdio.h>

/* Sessions end by themselves within about this. */
enum { SESSIONS_RETRY_MS = 30000 };

void
engine_refuse(struct requests *requests, struct fcgi_conn *conn, enum engine_fault fault)
{
	static const char *const words[] = {"Transport unknown", "Session ID unknown", "Bad handshake method",
	    "Bad request", "Forbidden", "Unsupported protocol version"};
	char body[96];
	int n = snprintf(body, sizeof body, "{\"code\":%d,\"message\":\"%s\"}", (int)fault, words[fault]);

	request_reply(requests, conn, fault == ENGINE_FORBIDDEN ? 403 : 400, REQUEST_JSON, REQUEST_NO_STORE,
	    (struct str){body, (size_t)n});
}

bool
engine_read(struct request *r, struct engine_asked *a)
{
	static const char *const names[] = {"transport", "sid", "EIO", "t", NULL};

	*a = (struct engine_asked){.transport = STR("")};
	if (query_parse_only(&a->query, r->query, names) != 0) {
		request_fail(r->all, r->conn, PROBLEM_BUSY, "no memory for another request");
		return false;
	}
	for (size_t i = 0; i < a->query.n; i++) {
		struct str name = a->query.fields[i].name, value = a->query.fields[i].value;

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

/* ---- clients that take few packets in a reply ---- */

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
bool
engine_takes_few(const struct request *r, const struct engine_asked *a)
{
	static const struct str marks[] = {{"Mozilla/", 8}, {"node", 4}, {"okhttp", 6}, {"CFNetwork", 9}, {"Dart/", 5}};

	for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
		if (contains(r->user_agent, marks[i]))
			return is_python_time(a->t);
	return true;
}

/* ---- sessions ---- */

bool
engine_take(struct engine *e, struct request *r, unsigned takes)
{
	return e->gate == NULL || gate_take(e->gate, r, takes);
}

struct session *
engine_handshake(struct engine *e, struct request *r, const struct engine_asked *a, bool few)
{
	struct session *s;
	bool limited;

	if (r->method != METHOD_GET) {
		engine_refuse(r->all, r->conn, ENGINE_BAD_HANDSHAKE_METHOD);
		return NULL;
	}
	if (!str_eq(a->eio, STR("4"))) {
		engine_refuse(r->all, r->conn, ENGINE_UNSUPPORTED_PROTOCOL);
		return NULL;
	}
	if (!engine_take(e, r, GATE_HANDSHAKE))
		return NULL;
	s = session_new(e->sessions, e->layer, few, slot_pass(r->conn), &limited);
	if (limited)
		gate_refuse_rate(e->gate, r->conn, LIMIT_SESSIONS, SESSIONS_RETRY_MS);
	else if (s == NULL)
		request_fail(r->all, r->conn, PROBLEM_BUSY,
		    "no session can begin now: there are too many (sessions-max), or the daemon stops");
	return s;
}

struct str
engine_open_packet(const struct engine *e, const struct session *s, const char *upgrades, char text[ENGINE_OPEN_SIZE])
{
	int n = snprintf(text, ENGINE_OPEN_SIZE,
	    "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%" PRId64 ",\"pingTimeout\":%" PRId64
	    ",\"maxPayload\":%zu}",
	    session_id(s), upgrades, e->ping_interval_ms, e->ping_timeout_ms, e->max_payload);

	return (struct str){text, (size_t)n};
}

struct session *
engine_session(struct engine *e, struct request *r, const struct engine_asked *a)
{
	struct session *s = session_find(e->sessions, e->layer, a->sid);

	if (s == NULL || !session_is_for(s, slot_pass(r->conn)) || !session_alive(s)) {
		engine_refuse(r->all, r->conn, ENGINE_UNKNOWN_SID);
		return NULL;
	}
	if (!str_eq(a->eio, STR("4"))) {
		engine_refuse(r->all, r->conn, ENGINE_BAD_REQUEST);
		return NULL;
	}
	if (e->gate != NULL && session_account(s) != NULL)
		gate_count_for(e->gate, r->conn, session_account(s));
	return s;
}
