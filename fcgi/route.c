#include "route.h"

#include "api/history.h"
#include "api/poll.h"
#include "api/roomlist.h"
#include "api/send.h"
#include "health.h"
#include "socketio/polling.h"
#include "web/request.h"

/* Whether the request is for a host of ours; false: answered. */
static bool
host_ok(struct request *r)
{
	/* Whoever watches over the daemon asks by address; a page elsewhere cannot. */
	bool watches = str_eq(r->path, STR("/healthz")) || str_eq(r->path, STR("/metrics"));

	if (hosts_know(r->all->hosts, r->host) || (watches && host_is_address(r->host)))
		return true;
	request_open_cors(r);
	request_fail(r->all, r->conn, PROBLEM_UNKNOWN_HOST,
	    "there is no host '%.*s' here: longlined was not told of it (--host)", STR_ARGS(request_shown(r->host)));
	return false;
}

void
route_request(const struct routes *routes, struct request *r)
{
	if (!host_ok(r))
		return;
	if (str_eq(r->path, STR("/poll")))
		poll_request(routes->poll, r);
	else if (str_eq(r->path, STR("/send")))
		send_request(routes->send, r);
	else if (str_eq(r->path, STR("/history")))
		history_request(routes->history, r);
	else if (str_eq(r->path, STR("/rooms")))
		roomlist_request(routes->roomlist, r);
	else if (str_starts(r->path, STR("/socket.io/")) || str_eq(r->path, STR("/socket.io")))
		polling_request(routes->polling, r);
	else if (str_eq(r->path, STR("/healthz")))
		health_request(routes->health, r);
	else if (str_eq(r->path, STR("/metrics")))
		health_metrics(routes->health, r);
	else
		request_fail(r->all, r->conn, PROBLEM_NOT_FOUND,
		    "nothing is at this path; there are /send, /poll, /history, /rooms, /socket.io/, /healthz and "
		    "/metrics");
}
