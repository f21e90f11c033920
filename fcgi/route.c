#include "route.h"

#include "health.h"
#include "history.h"
#include "poll.h"
#include "request.h"
#include "roomlist.h"
#include "send.h"
#include "socketio.h"

void
route_request(const struct routes *routes, struct request *r)
{
	if (str_eq(r->path, STR("/poll")))
		poll_request(routes->poll, r);
	else if (str_eq(r->path, STR("/send")))
		send_request(routes->send, r);
	else if (str_eq(r->path, STR("/history")))
		history_request(routes->history, r);
	else if (str_eq(r->path, STR("/rooms")))
		roomlist_request(routes->roomlist, r);
	else if (str_starts(r->path, STR("/socket.io/")) || str_eq(r->path, STR("/socket.io")))
		socketio_request(routes->socketio, r);
	else if (str_eq(r->path, STR("/healthz")))
		health_request(routes->health, r);
	else if (str_eq(r->path, STR("/metrics")))
		health_metrics(routes->health, r);
	else
		request_fail(r->all, r->conn, PROBLEM_NOT_FOUND,
		    "nothing is at this path; there are /send, /poll, /history, /rooms, /socket.io/, /healthz and "
		    "/metrics");
}
