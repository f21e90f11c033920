/*
 * request: path, query, headers and body of a request; answered once, or parked.
 *
 * A handler ends by exactly one of: a reply, a problem, parking the connection with what is needed to answer later, or
 * handing its handle to a job. Views in struct request end when the handler returns.
 */
#ifndef REQUEST_H
#define REQUEST_H

#include "fcgi.h"
#include "host.h"
#include "origin.h"
#include "problem.h"
#include "query.h"

/* What answers say of themselves. */
#define REQUEST_JSON STR("application/json")
#define REQUEST_TEXT STR("text/plain; charset=UTF-8")
#define REQUEST_EVENTS STR("text/event-stream")
#define REQUEST_NO_STORE_LINE "Cache-Control: no-store\r\n"
#define REQUEST_NO_STORE STR(REQUEST_NO_STORE_LINE)

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_PATCH, METHOD_DELETE, METHOD_OPTIONS, METHOD_OTHER };

/* What requests of one daemon have in common. */
struct requests {
	struct fcgi *fcgi;
	const struct hosts *hosts; /* those that requests may be for; NULL or none: any */
	struct origins origins;    /* let in besides our own */
	uint64_t problems[PROBLEMS];
	uint64_t replies;
};

struct request {
	struct requests *all;
	struct fcgi_conn *conn;
	enum method method;
	struct str path; /* its last segment, or from /socket.io/ or /messages/ID on: "/send" */
	struct str query, content_type, user, host, origin, fetch_site, fetch_dest, prefer, if_match, if_none_match,
	    if_key, idempotency_key, cors_headers, user_agent, authorization, address, forwarded, accept, last_event_id;
	struct str body;
	struct str can_upgrade; /* "1": the web server says that it can, by SCGI (nginx/: LONGLINE_UPGRADE) */
	struct str protocol, upgrade, connection, ws_key, ws_version; /* heeded by SCGI alone */
	bool cut;                                                     /* as of struct fcgi_request */
	bool scgi;
	bool body_too_large;
};

/* What a connection is parked for: that is told when its peer hangs up. PARKED_WIRE: it is RAW. */
enum parked_kind { PARKED_NOT, PARKED_LATE, PARKED_POLL, PARKED_SESSION, PARKED_ERRAND, PARKED_STREAM, PARKED_WIRE };

/* Begins every slot of a connection; what parks puts more behind it. */
struct slot {
	struct pass *pass; /* whose request it is; held by live/gate.h until it is ended. NULL: nobody asked */
	uint8_t origin;    /* what answers say to the page that asked: ORIGIN_NONE and so on, and ORIGIN_SOMEBODY */
	uint8_t parked;
	uint8_t entered; /* live/gate.h's: what it has taken */
	bool events;     /* request_open_events() */
	union {
		uint32_t since_ms; /* likewise: clock_ms() when it first waited for a count; 0: it did not */
		struct {
			uint16_t limit;
			int8_t preferred;
			bool is_many;
		} poll; /* api/poll.h's, once it is held: there may be tens of thousands */
		struct {
			uint8_t form;
			bool begun, behind, is_many;
		} stream; /* api/stream.h's, likewise */
	};
};

static inline struct pass *
slot_pass(struct fcgi_conn *conn)
{
	return ((struct slot *)fcgi_slot(conn))->pass;
}

/* Makes a request of what FastCGI brought; clears the connection's slot, but for what it has of a request that was put
 * off (PARKED_LATE) and comes again. */
void request_init(struct request *r, struct requests *all, const struct fcgi_request *from, size_t slot_size);

/* Whether what came by SCGI is what may be upgraded: a GET of HTTP/1.1 without a body. false: answered 400. All that
 * comes by FastCGI is let pass. */
bool request_scgi_ok(struct request *r);

/* The answers to this request may be read by pages of other origins, as far as these are let in. */
void request_open_cors(struct request *r);

/*
 * Where the header Accept names text/event-stream it is a browser's EventSource, which never comes back after an answer
 * that is not 200. So an error that passes (5xx) is then such a stream, which says when to come back, and ends.
 */
void request_open_events(struct request *r);
bool request_accepts_events(const struct request *r);
/* The body of such an answer: what is wrong is a code word. */
void request_add_come_back(struct buf *b, const struct fcgi_conn *conn, const char *code);

/* Answers. headers: whole lines with their CRLF. An empty type: no Content-Type. */
void request_reply(
    struct requests *all, struct fcgi_conn *conn, int status, struct str type, struct str headers, struct str body);

/* 200 with JSON and an ETag of its own; or 304, when the header If-None-Match names that. */
void request_tagged(struct requests *all, struct fcgi_conn *conn, struct str if_none_match, struct str body);

/* Whether If-Match (RFC 9110 section 13.1.1) names the ETag that this body has, or W/ and that: nginx calls weak what
 * it has compressed. */
bool request_matches(struct str if_match, struct str body);

/* 200 with JSON, not to be stored: the ready-made records, to be sent by request_send() to any number of connections
 * whose slots have this origin. */
struct blob *request_json(struct requests *all, unsigned origin, struct str headers, struct str body);
/* The same with plain text, for a session. */
struct blob *request_text(struct requests *all, unsigned origin, struct str body);
/* The first part of an answer that goes on (fcgi_more()): 200, not to be stored nor gathered by the web server. */
struct blob *request_part(struct requests *all, unsigned origin, struct str type, struct str body);
/* Like fcgi_reply(). */
bool request_send(struct requests *all, struct fcgi_conn *conn, struct blob *reply);

/* Answers with an error; the format says what was wrong and what was expected. */
void request_fail(struct requests *all, struct fcgi_conn *conn, enum problem p, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/*
 * The same with more to say: whole header lines, and members of the problem document, each with a comma before it.
 */
void request_fail_with(struct requests *all, struct fcgi_conn *conn, enum problem p, struct str headers,
    struct str members, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* 429, 507 or 503: it may work after this many seconds (at least 1). limit: what it was too much of; NULL: left out. */
void request_fail_for_now(struct requests *all, struct fcgi_conn *conn, enum problem p, int64_t retry_s,
    const char *limit, const char *format, ...) __attribute__((format(printf, 6, 7)));

/* The same for two errors that many paths have: too much waits for the database; a parameter is not as expected (always
 * false, for whoever reads it). */
void request_refuse_busy(struct requests *all, struct fcgi_conn *conn);
bool request_refuse_parameter(struct request *r, struct str name, struct str value, const char *expected);

/* What a stranger sent, short enough to be named in an error. */
struct str request_shown(struct str s);

/* 204 for OPTIONS: a preflight's answer, or what is allowed here ("GET, OPTIONS"). */
void request_options(struct request *r, const char *allowed);

/* Whether the method is one of those allowed, OPTIONS apart. false, answered: OPTIONS as above, any other with 405. */
bool request_method_ok(struct request *r, const char *allowed);

/*
 * Takes the query apart and checks the names: each must be in `known` (ends with NULL) or begin with _, and none but
 * `repeatable` (may be NULL) comes twice. false: answered with the error; q needs no query_fini().
 */
bool request_query(struct request *r, struct query *q, const char *const *known, const char *repeatable);

#endif
