#include "route.h"

#include "api/history.h"
#include "api/poll.h"
#include "api/roomlist.h"
#include "api/send.h"
#include "api/single.h"
#include "api/stream.h"
#include "health.h"
#include "live/gate.h"
#include "socketio/polling.h"
#include "socketio/websocket.h"
#include "web/request.h"

static void
to_send(const struct routes *routes, struct request *r)
{
	send_request(routes->send, r);
}

static void
to_poll(const struct routes *routes, struct request *r)
{
	poll_request(routes->poll, r);
}

static void
to_stream(const struct routes *routes, struct request *r)
{
	stream_request(routes->stream, r);
}

static void
to_history(const struct routes *routes, struct request *r)
{
	history_request(routes->history, r);
}

static void
to_roomlist(const struct routes *routes, struct request *r)
{
	roomlist_request(routes->roomlist, r);
}

static void
to_single(const struct routes *routes, struct request *r)
{
	single_request(routes->single, r);
}

static void
to_socketio(const struct routes *routes, struct request *r)
{
	if (r->scgi)
		websocket_request(routes->websocket, r);
	else
		polling_request(routes->engine, r);
}

static void
to_health(const struct routes *routes, struct request *r)
{
	health_request(routes->health, r);
}

static void
to_metrics(const struct routes *routes, struct request *r)
{
	health_metrics(routes->health, r);
}

/*
 * CORS: pages of other origins may use it, as far as they are let in, and others may not. LINKED: may be opened by a
 * link on any page, too. BY_ADDRESS: may be asked for by address, too, as what watches over the daemon does; a page
 * elsewhere cannot. EVENTS: EventSource asks for it.
 */
enum { CORS = 1, LINKED = 2, BY_ADDRESS = 4, EVENTS = 8 };

static const struct route {
	struct str path;     /* with a / at its end: and all below it */
	const char *methods; /* NULL: it is for the handler to say */
	unsigned flags;
	void (*handle)(const struct routes *routes, struct request *r);
} table[] = {
    {{"/send", 5}, "POST, OPTIONS", CORS, to_send},
    {{"/poll", 5}, "GET, OPTIONS", CORS | LINKED, to_poll},
    {{"/stream", 7}, "GET, OPTIONS", CORS | LINKED | EVENTS, to_stream},
    {{"/history", 8}, "GET, HEAD, OPTIONS", CORS | LINKED, to_history},
    {{"/rooms", 6}, "GET, HEAD, OPTIONS", CORS | LINKED, to_roomlist},
    {{"/messages/", 10}, "GET, HEAD, PATCH, DELETE, OPTIONS", CORS | LINKED, to_single},
    {{"/socket.io/", 11}, NULL, CORS, to_socketio}, /* Engine.IO has its own answers to other methods */
    {{"/healthz", 8}, "GET, HEAD, OPTIONS", BY_ADDRESS, to_health},
    {{"/metrics", 8}, "GET, HEAD, OPTIONS", BY_ADDRESS, to_metrics},
};

/* Whether this is the route of the path: "/socket.io/" is that of /socket.io and /socket.io/x. */
static bool
leads(const struct route *route, struct str path)
{
	struct str folder = {route->path.p, route->path.n - 1};

	if (route->path.p[folder.n] != '/')
		return str_eq(path, route->path);
	return str_starts(path, route->path) || str_eq(path, folder);
}

/* NULL: there is none. */
static const struct route *
find(struct str path)
{
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		if (leads(&table[i], path))
			return &table[i];
	return NULL;
}

/* Whether the request is for a host of ours; false: answered. */
static bool
host_ok(struct request *r, const struct route *route)
{
	bool by_address = route != NULL && route->flags & BY_ADDRESS;

	if (hosts_know(r->all->hosts, r->host) || (by_address && host_is_address(r->host)))
		return true;
	request_open_cors(r);
	request_fail(r->all, r->conn, PROBLEM_UNKNOWN_HOST,
	    "there is no host '%.*s' here: longlined was not told of it (--host)", STR_ARGS(request_shown(r->host)));
	return false;
}

static void
refuse_origin(struct request *r)
{
	if (r->origin.n == 0)
		request_fail(
		    r->all, r->conn, PROBLEM_FORBIDDEN_ORIGIN, "a page of another site may not use this (--cors)");
	else
		request_fail(r->all, r->conn, PROBLEM_FORBIDDEN_ORIGIN,
		    "a page of origin '%.*s' may not use '%.*s': --cors can let it in, and a proxy in front must pass "
		    "on "
		    "the Host that it was asked for",
		    STR_ARGS(request_shown(r->origin)), STR_ARGS(request_shown(r->host)));
}

/* Whether the page that asks, if one does, may; false: answered. OPTIONS is how it asks whether it may. */
static bool
origin_ok(struct request *r, const struct route *route)
{
	const struct origin_ask ask = {
	    r->origin, r->host, r->authorization, r->fetch_site, r->fetch_dest, r->user.n > 0};
	bool reads = r->method == METHOD_GET || r->method == METHOD_HEAD;

	if (!(route->flags & CORS) || r->method == METHOD_OPTIONS ||
	    origins_ok(&r->all->origins, &ask, reads && route->flags & LINKED))
		return true;
	refuse_origin(r);
	return false;
}

void
route_request(const struct routes *routes, struct request *r, struct fcgi_request *from)
{
	const struct route *route = find(r->path);

	if (!host_ok(r, route))
		return;
	if (route != NULL && route->flags & CORS)
		request_open_cors(r);
	if (route != NULL && route->flags & EVENTS)
		request_open_events(r);
	/* Before it takes anything of the person whose browser a foreign page uses. */
	if (route != NULL && !origin_ok(r, route))
		return;
	/* What watches over the daemon is not counted, nor ever kept waiting. */
	if ((route == NULL || !(route->flags & BY_ADDRESS)) && !gate_enter(routes->gate, r, from))
		return;
	if (route == NULL) {
		request_fail(r->all, r->conn, PROBLEM_NOT_FOUND,
		    "nothing is at this path; there are /send, /poll, /stream, /history, /rooms, /messages/ID, "
		    "/socket.io/, /healthz and /metrics");
		return;
	}
	if (route->methods == NULL || request_method_ok(r, route->methods))
		route->handle(routes, r);
}
