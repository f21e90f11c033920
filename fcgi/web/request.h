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
#define REQUEST_NO_STORE_LINE "Cache-Control: no-store\r\n"
#define REQUEST_NO_STORE STR(REQUEST_NO_STORE_LINE)

enum method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OPTIONS, METHOD_OTHER };

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
	struct str path; /* its last segment, or from /socket.io/ on: "/send" */
	struct str query, content_type, user, host, origin, fetch_site, prefer, if_none_match, idempotency_key,
	    cors_headers, user_agent;
	struct str body;
	bool cut; /* as of struct fcgi_request */
	bool body_too_large;
};

/* What a connection is parked for: that is told when its peer hangs up. */
enum parked_kind { PARKED_NOT, PARKED_POLL, PARKED_SESSION, PARKED_ERRAND };

/* Begins every slot of a connection; what parks puts more behind it. */
struct slot {
	uint8_t origin; /* what answers say to the page that asked: ORIGIN_NONE and so on */
	uint8_t parked;
};

/* Makes a request of what FastCGI brought; clears the connection's slot. */
void request_init(struct request *r, struct requests *all, const struct fcgi_request *from, size_t slot_size);

/* The answers to this request may be read by pages of other origins, as far as these are let in. */
void request_open_cors(struct request *r);

/* Answers. headers: whole lines with their CRLF. An empty type: no Content-Type. */
void request_reply(
    struct requests *all, struct fcgi_conn *conn, int status, struct str type, struct str headers, struct str body);

/* 200 with JSON and an ETag of its own; or 304, when the header If-None-Match names that. */
void request_tagged(struct requests *all, struct fcgi_conn *conn, struct str if_none_match, struct str body);

/* 200 with JSON, not to be stored: the ready-made records, to be sent by request_send() to any number of connections
 * whose slots have this origin. */
struct blob *request_json(struct requests *all, unsigned origin, struct str headers, struct str body);
/* The same with plain text, for a session. */
struct blob *request_text(struct requests *all, unsigned origin, struct str body);
/* Like fcgi_reply(). */
bool request_send(struct requests *all, struct fcgi_conn *conn, struct blob *reply);

/* Answers with an error; the format says what was wrong and what was expected. */
void request_fail(struct requests *all, struct fcgi_conn *conn, enum problem p, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

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
